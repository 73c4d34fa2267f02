//! What a refusal looks like in each family.

use serde_json::Value;

/// Whether something is a refusal as a family words it.
pub(crate) type IsRefusal = fn(&Value) -> bool;

/// The names of an object's members, in order.
fn fields(said: &Value) -> Vec<&str> {
    let mut fields: Vec<&str> =
        said.as_object().map_or_else(Vec::new, |said| said.keys().map(String::as_str).collect());
    fields.sort_unstable();
    fields
}

fn is_text(said: &Value) -> bool {
    said.as_str().is_some_and(|text| !text.is_empty())
}

/// The native interface: RFC 9457.
pub(crate) fn native(said: &Value) -> bool {
    is_text(&said["type"]) && is_text(&said["title"]) && said["status"].is_u64() && is_text(&said["detail"])
}

/// Battery management: a code and a message.
pub(crate) fn management(said: &Value) -> bool {
    let error = &said["error"];
    fields(said) == ["error"]
        && fields(error) == ["code", "message"]
        && is_text(&error["code"])
        && is_text(&error["message"])
}

/// RUL: one text.
pub(crate) fn rul(said: &Value) -> bool {
    fields(said) == ["detail"] && is_text(&said["detail"])
}

/// Battery passport: a code, a message, the status once more, when, the request's name, and perhaps fields.
pub(crate) fn passport(said: &Value) -> bool {
    let error = &said["error"];
    let names = ["code", "details", "message", "requestId", "statusCode", "timestamp"];
    fields(said) == ["error"]
        && fields(error).iter().all(|name| names.contains(name))
        && ["code", "message", "requestId", "timestamp"].iter().all(|name| is_text(&error[name]))
        && error["statusCode"].is_u64()
}

/// Ocean plastic: no success, an error, and what stands around every answer.
pub(crate) fn ocean(said: &Value) -> bool {
    let (error, meta) = (&said["error"], &said["meta"]);
    fields(said) == ["error", "meta", "success"]
        && said["success"] == false
        && is_text(&error["code"])
        && is_text(&error["message"])
        && is_text(&meta["requestId"])
        && is_text(&meta["timestamp"])
}

/// Dealer operations: words, perhaps more words, a code, perhaps when to come back.
pub(crate) fn dealer(said: &Value) -> bool {
    let names = ["code", "details", "error", "retry_after"];
    fields(said).iter().all(|name| names.contains(name)) && is_text(&said["error"]) && is_text(&said["code"])
}
