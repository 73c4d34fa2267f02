//! What stands on a battery to be scanned, and the schema of what leaves as XML.

use crate::caller::Door;

pub(crate) async fn what_is_scanned(door: &mut Door) {
    let id = door.battery("SN-2025-009901").await;
    let code = door.get(&format!("/batteries/{id}/qr-code")).await;
    let passport = door.get(&format!("/batteries/{id}")).await["passportId"].as_str().unwrap().to_owned();
    assert!(code["url"].as_str().unwrap().contains(&passport), "{code}");
    assert!(code["svg"].as_str().unwrap().starts_with("<svg"), "{code}");
    let odd = door.call("GET", &format!("/batteries/{id}/qr-code?format=gif"), None).await;
    assert_eq!(odd.status, 400, "{odd:?}");
    let tag = door.get(&format!("/batteries/{id}/nfc")).await;
    let bytes = tag["ndefHex"].as_str().unwrap().len() / 2;
    // On a tag it stands between its kind and length and the mark of its end.
    assert_eq!(tag["sizeBytes"], bytes + 3);
    for what in ["qr-code", "nfc"] {
        let absent = door.call("GET", &format!("/batteries/BAT-2020-LI-999999/{what}"), None).await;
        assert_eq!(absent.status, 404, "{absent:?}");
    }
    let schema = door.call("GET", "/schemas/battery-passport.xsd", None).await;
    assert_eq!(schema.status, 200, "{schema:?}");
    assert!(schema.body.as_str().unwrap().contains("schema"), "{schema:?}");
}
