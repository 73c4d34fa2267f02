//! Reports and exports in their forms, which say the same.

use crate::ground::{BASE, Ground};
use crate::process::run;
use crate::{pdf, xml};
use serde_json::{Value, json};

/// Forms of every document: path, root of the XML.
const DOCUMENTS: [(&str, &str); 4] = [
    ("carbon/report", "carbonReport"),
    ("sustainability/report", "sustainabilityReport"),
    ("compliance/eu-report", "euReport"),
    ("export", "batteryPassport"),
];

/// Members of a JSON-LD document that are no keywords, wherever they stand.
fn members(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object.iter().filter(|(name, _)| *name != "@context") {
                if !name.starts_with('@') {
                    found.push(name.clone());
                }
                members(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| members(item, found)),
        _ => {}
    }
}

#[test]
fn xml_is_valid_against_the_schema_that_ships() {
    run(async {
        let ground = Ground::with("").await;
        let schema = ground.file(&format!("{BASE}/schemas/battery-passport.xsd")).await;
        assert!(schema.kind.starts_with("application/xml"));
        let schema = xml::read(schema.text());
        for (path, root) in DOCUMENTS {
            let file = ground.file(&ground.path(&format!("{path}?format=xml"))).await;
            assert_eq!(file.kind, "application/xml");
            let document = xml::read(file.text());
            assert_eq!(document.name, root);
            let looked_at = xml::check(&schema, &document);
            assert!(looked_at > 15, "{path}: {looked_at}");
            let texts = document.texts();
            assert!(texts.contains(&ground.battery), "{path}");
        }
        // Figures agree with the JSON of the same report.
        let file = ground.file(&ground.path("carbon/report?format=xml")).await;
        let total = xml::read(file.text()).child("totalCO2e").text.parse::<f64>().unwrap();
        let report = ground.get("carbon/report").await;
        assert_eq!(report["totals"]["withDistribution"].as_f64(), Some(total), "{report}");
    });
}

#[test]
fn json_ld_knows_the_meaning_of_all_it_says() {
    run(async {
        let ground = Ground::with("[http]\npublic_url = \"https://wia.live\"\n").await;
        let file = ground.file(&ground.path("export?format=jsonld")).await;
        let name = format!("attachment; filename=\"{}.jsonld\"", ground.passport);
        assert_eq!((file.kind.as_str(), file.named), ("application/ld+json", Some(name)));
        let document: Value = serde_json::from_slice(&file.bytes).unwrap();
        let context = document["@context"].as_object().unwrap();
        let mut used = Vec::new();
        members(&document, &mut used);
        assert!(used.len() > 40, "{used:?}");
        for member in &used {
            let meaning = context
                .get(member)
                .and_then(Value::as_str)
                .unwrap_or_else(|| panic!("{member} means nothing"));
            assert!(meaning.starts_with("urn:"), "{member}: {meaning}");
        }
        let general = &document["generalProductInformation"];
        assert_eq!(general["batteryPassportIdentifier"], json!(ground.passport));
        assert_eq!((&general["batteryCategory"], &general["warrentyPeriod"]), (&json!("ev"), &json!(96.0)));
        let properties = &document["performanceAndDurability"]["batteryTechicalProperties"];
        assert_eq!(
            (&properties["ratedCapacity"], &properties["nominalVoltage"]),
            (&json!(250.0), &json!(400.0))
        );
        let meaning = context["ratedCapacity"].as_str().unwrap();
        assert_eq!(meaning, "urn:samm:io.BatteryPass.Performance:1.2.0#ratedCapacity");
    });
}

#[test]
fn papers_say_what_the_records_say() {
    run(async {
        let ground = Ground::with("[http]\npublic_url = \"https://wia.live\"\n").await;
        let mut printed = Vec::new();
        for (path, _) in DOCUMENTS {
            let file = ground.file(&ground.path(&format!("{path}?format=pdf"))).await;
            assert_eq!(file.kind, "application/pdf");
            assert!(file.bytes.len() < 150_000, "{path}: {} bytes", file.bytes.len());
            let pages = pdf::lines(&file.bytes);
            for (number, page) in pages.iter().enumerate() {
                let foot = format!("Page {} of {}", number + 1, pages.len());
                assert!(page.contains(&foot), "{path}: {foot}");
            }
            let text = pdf::text(&file.bytes);
            for said in [
                &*ground.battery,
                &*ground.passport,
                "GreenCell Technologies GC-NMC811-100kWh",
                "SN-2025-001234",
            ] {
                assert!(text.contains(said), "{path} does not say {said}: {text}");
            }
            printed.push(text);
        }
        let [carbon, sustainability, eu, passport] = printed.as_slice() else { panic!("four papers") };
        // 8500 km × 0.25 t × 0.015 kg/(t·km) = 31.875 kg, printed with two decimals.
        for said in ["Seoul, KR to Berlin, DE", "31.88", "TRN-2025-0001", "Declared value"] {
            assert!(carbon.contains(said), "{said}: {carbon}");
        }
        let status = ground.get("compliance").await;
        let score = format!("{:.1}", status["complianceScore"].as_f64().unwrap());
        assert!(eu.contains(&score), "{score}: {eu}");
        assert!(
            sustainability.contains("Recycled content") && sustainability.contains("Nickel"),
            "{sustainability}"
        );
        for said in
            ["Installed in electric vehicle", "Rated capacity", "250 Ah", "DOC-7", "water, class D powder"]
        {
            assert!(passport.contains(said), "{said}: {passport}");
        }
        // The administrator is an authority; the same paper for somebody who only reads lacks what is not for him.
        assert!(passport.contains("secret-tests"), "{passport}");
    });
}

#[test]
fn what_is_for_authorities_is_not_in_the_files_of_others() {
    run(async {
        let ground = Ground::with("").await;
        let token = ground.serve.program("battery:read", None).await;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        for form in ["json", "xml", "jsonld", "pdf"] {
            for path in ["export", "compliance/eu-report"] {
                let url = format!("{}{}", ground.serve.http, ground.path(&format!("{path}?format={form}")));
                let response = client.get(url).bearer_auth(&token).send().await.unwrap();
                if (path, form) == ("compliance/eu-report", "jsonld") {
                    assert_eq!(response.status(), 400);
                    continue;
                }
                assert_eq!(response.status(), 200, "{path} {form}");
                let bytes = response.bytes().await.unwrap();
                let text = if form == "pdf" {
                    pdf::text(&bytes)
                } else {
                    String::from_utf8(bytes.to_vec()).unwrap()
                };
                assert!(!text.contains("secret-tests"), "{path} {form}: {text}");
                assert!(text.contains("GreenCell"), "{path} {form}");
            }
        }
    });
}

#[test]
fn forms_that_there_are_not_are_refused() {
    run(async {
        let ground = Ground::with("").await;
        for (path, _) in DOCUMENTS {
            let refused = ground.refusal(&format!("{path}?format=docx")).await;
            assert_eq!(refused, (400, "UNSUPPORTED_FORMAT".to_owned()), "{path}");
        }
        let file = ground.file(&ground.path("export")).await;
        assert_eq!(file.named, Some(format!("attachment; filename=\"{}.json\"", ground.passport)));
    });
}
