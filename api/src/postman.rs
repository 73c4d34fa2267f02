//! Postman collections, made from the interfaces' documents: a folder per tag, a request per operation.
//!
//! ```text
//!  path, method, parameters ──► url with {{baseUrl}}, :name and query     security [{}] ──► noauth
//!  request body's schema    ──► an example body                           else          ──► bearer {{token}}
//! ```
//!
//! Source: Postman, *Collection Format v2.1.0*, schema.getpostman.com/json/collection/v2.1.0/collection.json.

use serde_json::{Map, Value, json};

/// What a collection says that it is.
const SCHEMA: &str = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";
/// Methods of a path, in the order in which they stand in a folder.
const METHODS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "options"];
/// Schemas within schemas, at most: beyond that there is nothing more to learn from an example.
const DEPTH_MAX: u32 = 12;

/// The collection of a document, whose server is found at `host`.
pub(crate) fn collection(document: &Value, host: &str) -> Value {
    let server = document["servers"][0]["url"].as_str().unwrap_or_default();
    let mut folders: Vec<(String, Vec<Value>)> = Vec::new();
    let tags = document["tags"].as_array().into_iter().flatten();
    folders.extend(tags.filter_map(|tag| Some((tag["name"].as_str()?.to_owned(), Vec::new()))));
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in METHODS.iter().filter_map(|method| Some((method, item.get(*method)?))) {
            let tag = operation["tags"][0].as_str().unwrap_or("Other");
            let request = Operation { document, path, method, item, operation }.request();
            match folders.iter_mut().find(|(name, _)| name == tag) {
                Some((_, requests)) => requests.push(request),
                None => folders.push((tag.to_owned(), vec![request])),
            }
        }
    }
    folders.retain(|(_, requests)| !requests.is_empty());
    let folders: Vec<Value> =
        folders.into_iter().map(|(name, item)| json!({ "name": name, "item": item })).collect();
    let variable = |key: &str, value: &str| json!({ "key": key, "value": value, "type": "string" });
    let info = &document["info"];
    json!({
        "info": {
            "name": info["title"], "description": info["description"].as_str().unwrap_or_default(),
            "version": info["version"], "schema": SCHEMA,
        },
        "auth": { "type": "bearer", "bearer": [{ "key": "token", "value": "{{token}}", "type": "string" }] },
        "variable": [
            variable("host", host.trim_end_matches('/')),
            variable("baseUrl", &format!("{{{{host}}}}{}", server.trim_end_matches('/'))),
            variable("token", ""),
        ],
        "item": folders,
    })
}

/// An operation of a document.
struct Operation<'a> {
    document: &'a Value,
    path: &'a str,
    method: &'a str,
    item: &'a Value,
    operation: &'a Value,
}

impl<'a> Operation<'a> {
    fn request(&self) -> Value {
        let text = |name: &str| self.operation[name].as_str().filter(|text| !text.is_empty());
        let name = text("summary").or(text("operationId")).unwrap_or(self.path);
        let mut headers = Vec::new();
        let body = self.body(&mut headers);
        for parameter in self.parameters("header") {
            headers.push(self.pair(parameter));
        }
        let mut request = json!({
            "method": self.method.to_uppercase(), "header": headers, "url": self.url(),
            "description": text("description").unwrap_or_default(),
        });
        if let Some(body) = body {
            request["body"] = body;
        }
        // Said to be for everybody.
        if self.operation["security"] == json!([{}]) {
            request["auth"] = json!({ "type": "noauth" });
        }
        json!({ "name": name, "request": request, "response": [] })
    }

    /// Parameters that stand in one place, those of the operation and of its path.
    fn parameters(&self, place: &str) -> impl Iterator<Item = &'a Value> {
        let of = |of: &'a Value| of["parameters"].as_array().into_iter().flatten();
        let all = of(self.operation).chain(of(self.item)).map(|one| resolved(self.document, one));
        all.filter(move |one| one["in"] == place)
    }

    /// A parameter by name, with an example; left out of the request where it need not be said.
    fn pair(&self, parameter: &Value) -> Value {
        let value = match &parameter["example"] {
            Value::Null => example(self.document, &parameter["schema"], DEPTH_MAX),
            example => example.clone(),
        };
        let value = match value {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let mut pair = json!({
            "key": parameter["name"], "value": value,
            "description": parameter["description"].as_str().unwrap_or_default(),
        });
        if parameter["in"] != "path" && parameter["required"] != true {
            pair["disabled"] = json!(true);
        }
        pair
    }

    fn url(&self) -> Value {
        let segments = self.path.split('/').filter(|segment| !segment.is_empty());
        let named = |segment: &str| match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => format!(":{}", name.trim_start_matches('*')),
            None => segment.to_owned(),
        };
        let segments: Vec<String> = segments.map(named).collect();
        let server = [self.operation, self.item].into_iter().find_map(|of| of["servers"][0]["url"].as_str());
        let host = match server {
            Some(server) => format!("{{{{host}}}}{}", server.trim_end_matches('/')),
            None => "{{baseUrl}}".to_owned(),
        };
        let query: Vec<Value> = self.parameters("query").map(|one| self.pair(one)).collect();
        let asked = query.iter().filter(|one| one["disabled"] != true);
        let asked: Vec<String> = asked
            .map(|one| {
                let text = |name: &str| one[name].as_str().unwrap_or_default();
                format!("{}={}", text("key"), text("value"))
            })
            .collect();
        let mark = if asked.is_empty() { "" } else { "?" };
        let raw = format!("{host}/{}{mark}{}", segments.join("/"), asked.join("&"));
        let mut url = json!({ "raw": raw, "host": [host], "path": segments });
        if !query.is_empty() {
            url["query"] = json!(query);
        }
        let places: Vec<Value> = self.parameters("path").map(|one| self.pair(one)).collect();
        if !places.is_empty() {
            url["variable"] = json!(places);
        }
        url
    }

    /// An example body, and the header that says what it is.
    fn body(&self, headers: &mut Vec<Value>) -> Option<Value> {
        let body = resolved(self.document, &self.operation["requestBody"]);
        let content = body["content"].as_object()?;
        // JSON where it is taken at all.
        let (kind, media) = content.get_key_value("application/json").or_else(|| content.iter().next())?;
        let value =
            match (&media["example"], media["examples"].as_object().and_then(|all| all.values().next())) {
                (Value::Null, Some(one)) => one["value"].clone(),
                (Value::Null, None) => example(self.document, &media["schema"], DEPTH_MAX),
                (example, _) => example.clone(),
            };
        let fields = |value: &Value| -> Vec<Value> {
            let fields = value.as_object().into_iter().flatten();
            fields.map(|(key, value)| json!({ "key": key, "value": plain(value), "type": "text" })).collect()
        };
        match kind.as_str() {
            // What parts such a body has, and where, the sender's program says in the header.
            "multipart/form-data" => return Some(json!({ "mode": "formdata", "formdata": fields(&value) })),
            "application/x-www-form-urlencoded" => {
                headers.push(json!({ "key": "Content-Type", "value": kind }));
                return Some(json!({ "mode": "urlencoded", "urlencoded": fields(&value) }));
            }
            _ => headers.push(json!({ "key": "Content-Type", "value": kind })),
        }
        let raw = match value {
            Value::String(text) if !kind.ends_with("json") => text,
            // Anything at all is taken.
            Value::Null => "{}".to_owned(),
            value => serde_json::to_string_pretty(&value).unwrap_or_default(),
        };
        let language = if kind.ends_with("json") { "json" } else { "text" };
        Some(json!({ "mode": "raw", "raw": raw, "options": { "raw": { "language": language } } }))
    }
}

/// A value as it stands in a form.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// What a reference leads to; anything else is itself.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let place = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    place.map_or(value, |place| document.pointer(place).unwrap_or(&Value::Null))
}

/// A value that a schema allows; nothing where it goes on and on.
fn example(document: &Value, schema: &Value, depth: u32) -> Value {
    let schema = resolved(document, schema);
    if depth == 0 {
        return Value::Null;
    }
    let given = ["example", "default", "const"].map(|name| &schema[name]);
    let first = ["examples", "enum"].map(|name| &schema[name][0]);
    if let Some(given) = given.into_iter().chain(first).find(|value| !value.is_null()) {
        return given.clone();
    }
    for name in ["oneOf", "anyOf"] {
        if let Some(some) = schema[name].as_array() {
            let some = some.iter().find(|one| one["type"] != "null").unwrap_or(&Value::Null);
            return example(document, some, depth - 1);
        }
    }
    let mut whole = Map::new();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        if let Value::Object(part) = example(document, part, depth - 1) {
            whole.extend(part);
        }
    }
    for (name, of) in schema["properties"].as_object().into_iter().flatten() {
        whole.insert(name.clone(), example(document, of, depth - 1));
    }
    if !whole.is_empty() {
        return Value::Object(whole);
    }
    let sorts = schema["type"].as_array().map_or(std::slice::from_ref(&schema["type"]), Vec::as_slice);
    let sort = sorts.iter().filter_map(Value::as_str).find(|sort| *sort != "null");
    match sort.unwrap_or_default() {
        "object" => json!({}),
        "array" => match example(document, &schema["items"], depth - 1) {
            Value::Null => json!([]),
            one => json!([one]),
        },
        "boolean" => json!(true),
        "integer" => schema["minimum"].as_i64().map_or(json!(1), |least| json!(least.max(1))),
        "number" => schema["minimum"].as_f64().map_or(json!(1.0), |least| json!(least.max(1.0))),
        "string" => json!(match schema["format"].as_str().unwrap_or_default() {
            "date-time" => "2026-01-01T00:00:00Z",
            "date" => "2026-01-01",
            "uuid" => "00000000-0000-4000-8000-000000000000",
            "uri" => "https://example.com/",
            "binary" => "",
            _ => "string",
        }),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        json!({
            "info": { "title": "Boats", "version": "1.2.3", "description": "All of them." },
            "servers": [{ "url": "/boats/v1" }],
            "tags": [{ "name": "Empty" }, { "name": "Boats" }],
            "components": { "schemas": {
                "Crew": { "type": "object", "properties": { "name": { "type": "string" }, "friend": { "$ref": "#/components/schemas/Crew" } } },
                "Boat": { "type": "object", "properties": {
                    "name": { "type": "string", "example": "Gerda" }, "built": { "type": "string", "format": "date" },
                    "kind": { "type": ["string", "null"], "enum": ["sail", "motor"] },
                    "seats": { "type": "integer", "minimum": 4 }, "crew": { "type": "array", "items": { "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/Crew" }] } },
                } },
            } },
            "paths": {
                "/boats": {
                    "get": { "tags": ["Boats"], "operationId": "boat_list", "parameters": [
                        { "name": "limit", "in": "query", "required": true, "schema": { "type": "integer" } },
                        { "name": "after", "in": "query", "schema": { "type": "string" } },
                    ] },
                    "post": { "tags": ["Boats"], "summary": "Add a boat", "security": [{}], "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Boat" } } } } },
                },
                "/boats/{boat}": { "delete": { "operationId": "boat_delete", "parameters": [{ "name": "boat", "in": "path", "required": true, "schema": { "type": "string" } }] } },
            },
        })
    }

    #[test]
    fn a_request_says_how_an_operation_is_called() {
        let made = collection(&document(), "http://localhost:8080/");
        assert_eq!(made["info"]["schema"], SCHEMA);
        assert_eq!((&made["info"]["name"], &made["info"]["version"]), (&json!("Boats"), &json!("1.2.3")));
        let names: Vec<&str> =
            made["item"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["Boats", "Other"], "a tag without operations has no folder");
        assert_eq!(made["variable"][0]["value"], "http://localhost:8080");
        assert_eq!(made["variable"][1]["value"], "{{host}}/boats/v1");
        let [list, add] = [0, 1].map(|number| made["item"][0]["item"][number].clone());
        assert_eq!((&list["name"], &list["request"]["method"]), (&json!("boat_list"), &json!("GET")));
        assert_eq!(list["request"]["url"]["raw"], "{{baseUrl}}/boats?limit=1");
        assert_eq!(list["request"]["url"]["query"][1]["disabled"], true);
        assert!(list["request"].get("auth").is_none(), "the collection's");
        assert_eq!(add["request"]["auth"]["type"], "noauth");
        assert_eq!(
            add["request"]["header"][0],
            json!({ "key": "Content-Type", "value": "application/json" })
        );
        let body: Value = serde_json::from_str(add["request"]["body"]["raw"].as_str().unwrap()).unwrap();
        assert_eq!((&body["name"], &body["built"]), (&json!("Gerda"), &json!("2026-01-01")));
        assert_eq!((&body["kind"], &body["seats"]), (&json!("sail"), &json!(4)));
        assert_eq!(body["crew"][0]["friend"]["name"], "string", "a schema within itself ends somewhere");
        let delete = &made["item"][1]["item"][0]["request"];
        assert_eq!(delete["url"]["path"], json!(["boats", ":boat"]));
        assert_eq!(delete["url"]["variable"][0]["key"], "boat");
        assert!(delete.get("body").is_none());
    }
}
