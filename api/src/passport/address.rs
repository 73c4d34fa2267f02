//! Where a passport is found from outside: what stands in codes and tags.

use crate::server::App;
use axum::http::{HeaderMap, header};
use host::passport::record::Passport;

/// The beginning of all addresses: as it is configured, or as the caller calls this server.
pub(crate) fn base(app: &App, headers: &HeaderMap) -> String {
    if let Some(configured) = &app.settings.public_url {
        return configured.trim_end_matches('/').to_owned();
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    format!("http://{host}")
}

/// The public address of a passport.
pub(crate) fn passport(base: &str, passport: &Passport) -> String {
    format!("{base}/passport/{}", passport.passport_id)
}

/// The GS1 Digital Link of a battery that has a trade item number.
pub(crate) fn digital_link(base: &str, passport: &Passport) -> Option<String> {
    let gtin = passport.identity.gtin.as_ref()?;
    let serial = &passport.identity.serial_number;
    // AI 21 takes twenty characters.
    (serial.len() <= 20).then(|| format!("{base}/01/{gtin}/21/{}", escaped(serial)))
}

/// Percent-encoding of everything but RFC 3986's unreserved characters.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The address that a code or tag of a battery leads to.
pub(crate) fn resolver(base: &str, known: &Passport) -> String {
    digital_link(base, known).unwrap_or_else(|| passport(base, known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_stand_in_addresses() {
        assert_eq!(escaped("SN-1/2 ü"), "SN-1%2F2%20%C3%BC");
    }
}
