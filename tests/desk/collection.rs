//! Postman collections: each operation of a family's document once, as the document has it.

use crate::coverage::operations;
use crate::process::{Serve, run};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Families, and where they are.
const FAMILIES: [(&str, &str); 6] = [
    ("dealer", "/api"),
    ("management", "/v1"),
    ("ocean", "/ocean-plastic-track/v1"),
    ("passport", "/battery-passport/v1"),
    ("rul", "/api/v1"),
    ("twins", "/twins/v1"),
];

/// The path of a document that a request's is.
fn template(path: &Value) -> String {
    let segments = path.as_array().unwrap().iter().map(|segment| segment.as_str().unwrap());
    segments.fold(String::new(), |path, segment| match segment.strip_prefix(':') {
        Some(name) => format!("{path}/{{{name}}}"),
        None => format!("{path}/{segment}"),
    })
}

/// Holds a request to its operation.
fn check(request: &Value, operation: &Value, said: &str) {
    let is_open = operation["security"] == json!([{}]);
    assert_eq!(request.get("auth"), is_open.then(|| json!({ "type": "noauth" })).as_ref(), "{said}");
    let keys = |of: &Value| -> Vec<String> {
        let all = of.as_array().into_iter().flatten();
        all.map(|one| one["key"].as_str().unwrap().to_owned()).collect()
    };
    let parameters = |place: &str| -> Vec<String> {
        let all = operation["parameters"].as_array().into_iter().flatten();
        all.filter(|one| one["in"] == place).map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(keys(&request["url"]["query"]), parameters("query"), "{said}");
    assert_eq!(keys(&request["url"]["variable"]), parameters("path"), "{said}");
    let raw = request["url"]["raw"].as_str().unwrap();
    assert!(raw.starts_with("{{baseUrl}}/") || raw.starts_with("{{host}}/"), "{said}: {raw}");
    let content = &operation["requestBody"]["content"];
    match request["body"]["mode"].as_str() {
        None => assert!(content.is_null(), "{said} has a body"),
        Some("raw") => {
            let kind = request["header"].as_array().unwrap().iter().find(|one| one["key"] == "Content-Type");
            let kind = kind.unwrap()["value"].as_str().unwrap();
            assert!(content[kind].is_object(), "{said}: {kind}");
            if kind == "application/json" {
                let body: Value = serde_json::from_str(request["body"]["raw"].as_str().unwrap()).unwrap();
                assert!(!body.is_null(), "{said} has no example");
            }
        }
        Some("urlencoded") => assert!(content["application/x-www-form-urlencoded"].is_object(), "{said}"),
        Some("formdata") => assert!(content["multipart/form-data"].is_object(), "{said}"),
        Some(other) => panic!("{said}: {other}"),
    }
}

#[test]
fn each_operation_is_in_its_familys_collection_once() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("celltide.toml"), "[dealer]\ntest_endpoints = true\n").unwrap();
        let mut serve = Serve::start(folder.path());
        // They are for everybody, as the documents are.
        serve.password(None);
        for (name, base) in FAMILIES {
            let document = serve.get(&format!("/api-docs/{name}.json")).await;
            assert_eq!(serve.get(&format!("{base}/openapi.json")).await, document, "{name}");
            let path = format!("/api-docs/{name}.postman_collection.json");
            let response = serve.request(Method::GET, &path).send().await.unwrap();
            let kept = format!("attachment; filename=\"{name}.postman_collection.json\"");
            assert_eq!(response.headers()["content-disposition"], kept);
            assert_eq!(response.headers()["content-type"], "application/json");
            let made: Value = response.json().await.unwrap();
            let schema = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";
            assert_eq!(
                (&made["info"]["schema"], &made["info"]["name"]),
                (&json!(schema), &document["info"]["title"])
            );
            assert_eq!(made["auth"]["bearer"][0]["value"], "{{token}}");
            let variable = |key: &str| {
                let all = made["variable"].as_array().unwrap();
                all.iter().find(|one| one["key"] == key).unwrap()["value"].as_str().unwrap().to_owned()
            };
            assert_eq!(variable("baseUrl"), format!("{{{{host}}}}{base}"));
            let mut requests = BTreeMap::new();
            for folder in made["item"].as_array().unwrap() {
                for item in folder["item"].as_array().unwrap() {
                    let request = &item["request"];
                    let key =
                        (template(&request["url"]["path"]), request["method"].as_str().unwrap().to_owned());
                    let before = requests.insert(key.clone(), (folder["name"].clone(), request.clone()));
                    assert!(before.is_none(), "{name} has {key:?} twice");
                    assert!(item["name"].as_str().is_some_and(|name| !name.is_empty()), "{key:?}");
                }
            }
            let operations = operations(&document);
            assert!(!operations.is_empty());
            for (path, method, operation) in &operations {
                let said = format!("{name} {method} {path}");
                let found = requests.remove(&(path.clone(), method.clone()));
                let (folder, request) = found.unwrap_or_else(|| panic!("{said} is missing"));
                assert_eq!(folder, operation["tags"][0], "{said}");
                check(&request, operation, &said);
            }
            assert!(requests.is_empty(), "{name}: not in its document: {:?}", requests.keys());
        }
        // Where the family's own document says that its page is.
        assert_eq!(serve.get("/api-docs/openapi.json").await, serve.get("/api-docs/dealer.json").await);
    });
}
