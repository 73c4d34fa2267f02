//! What somebody may send who means no good, kind by kind.

use crate::family::{Family, Tokens};
use crate::wire::Sent;
use serde_json::{Map, Value, json};

/// What must come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// 4xx in the family's envelope.
    Refused,
    /// What is sent is not HTTP, or too much of it for a head: 4xx without a body, or an end.
    Unread,
    /// Nothing is wrong with it by itself; no family breaks over it.
    Survived,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Attack {
    pub(crate) kind: &'static str,
    pub(crate) sent: Sent,
    pub(crate) expect: Expect,
}

/// A family, and what is known to get into it.
pub(crate) struct Target<'a> {
    pub(crate) family: &'a Family,
    pub(crate) tokens: &'a Tokens,
}

/// All attacks on a family.
pub(crate) fn all(target: &Target<'_>) -> Vec<Attack> {
    let mut attacks = Vec::new();
    credentials(target, &mut attacks);
    bodies(target, &mut attacks);
    paths(target, &mut attacks);
    queries(target, &mut attacks);
    heads(target, &mut attacks);
    slow(target, &mut attacks);
    attacks
}

fn request(line: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend(format!("{name}: {value}\r\n").bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(body);
    bytes
}

impl Target<'_> {
    fn bearer(&self) -> String {
        format!("Bearer {}", self.tokens.own)
    }

    /// A request without a body, by somebody who is let in.
    fn get(&self, path: &str) -> Vec<u8> {
        self.ask("GET", path, &[])
    }

    fn ask(&self, method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
        let bearer = self.bearer();
        let headers = [&[("authorization", bearer.as_str())][..], more].concat();
        request(&format!("{method} {}{path}", self.family.base), &headers, b"")
    }

    /// A request with a body that says that it is JSON.
    fn post(&self, body: &[u8]) -> Vec<u8> {
        self.post_as("application/json", body)
    }

    fn post_as(&self, kind: &str, body: &[u8]) -> Vec<u8> {
        let (bearer, length) = (self.bearer(), body.len().to_string());
        let headers =
            [("authorization", bearer.as_str()), ("content-type", kind), ("content-length", length.as_str())];
        request(&format!("POST {}{}", self.family.base, self.family.make), &headers, body)
    }

    fn one(&self, id: &str) -> String {
        self.family.one.replace("{id}", id)
    }
}

fn add(attacks: &mut Vec<Attack>, kind: &'static str, expect: Expect, bytes: Vec<u8>) {
    attacks.push(Attack { kind, sent: Sent { bytes, drip: Vec::new() }, expect });
}

fn credentials(target: &Target<'_>, attacks: &mut Vec<Attack>) {
    let (tokens, base) = (target.tokens, target.family.base);
    let own = &tokens.own;
    let cut = &own[..own.len() - 9];
    let parts: Vec<&str> = own.split('.').collect();
    let of =
        |header: &str| format!("{}.{}.{}", crate::family::base64url(header.as_bytes()), parts[1], parts[2]);
    let kid = r#""kid":"x""#;
    let shown: Vec<(&'static str, String)> = vec![
        ("no token at all", String::new()),
        ("a bearer without a token", "Bearer".into()),
        ("a bearer of spaces", "Bearer      ".into()),
        ("a token of nonsense", "Bearer nonsense".into()),
        ("a token of dots", "Bearer ...".into()),
        ("an expired token", format!("Bearer {}", tokens.expired)),
        ("a token of another platform", format!("Bearer {}", tokens.foreign)),
        ("a token that was logged out", format!("Bearer {}", tokens.revoked)),
        ("a cut signature", format!("Bearer {cut}")),
        ("a forged signature", format!("Bearer {cut}AAAAAAAAA")),
        ("claims of another token", format!("Bearer {}.{}.{}", parts[0], tokens.claims(), parts[2])),
        (
            "an algorithm of none",
            format!("Bearer {}.{}.", crate::family::base64url(br#"{"alg":"none","typ":"at+jwt"}"#), parts[1]),
        ),
        (
            "an algorithm of none, signed",
            format!("Bearer {}", of(&format!(r#"{{"alg":"None","typ":"at+jwt",{kid}}}"#))),
        ),
        (
            "a confusion of algorithms",
            format!("Bearer {}", of(&format!(r#"{{"alg":"HS256","typ":"at+jwt",{kid}}}"#))),
        ),
        (
            "a key that comes along",
            format!(
                "Bearer {}",
                of(
                    r#"{"alg":"EdDSA","typ":"at+jwt","kid":"x","jwk":{"kty":"OKP","crv":"Ed25519","x":"AA"}}"#
                )
            ),
        ),
        (
            "a key from elsewhere",
            format!(
                "Bearer {}",
                of(r#"{"alg":"EdDSA","typ":"at+jwt","kid":"../../keys","jku":"http://127.0.0.1/k"}"#)
            ),
        ),
        ("a token too long", format!("Bearer {}", "a".repeat(9_000))),
        ("an API key of nonsense", "ApiKey ct_live_nonsense".into()),
        ("a device token of nonsense", "DeviceToken dt_nonsense".into()),
        ("basic credentials of nonsense", "Basic !!!!".into()),
        ("basic credentials without a colon", "Basic bm9ib2R5".into()),
        ("a scheme that nobody knows", "Negotiate YII=".into()),
        ("a token with quotes", format!("Bearer \"{own}\"")),
        ("a token with bytes that are no text", "Bearer \u{e9}\u{fffd}".into()),
    ];
    for path in [target.family.list.to_owned(), target.one(&tokens.known[0])] {
        let line = format!("GET {base}{path}");
        for (kind, value) in &shown {
            let headers = [("authorization", value.as_str())];
            let headers = if value.is_empty() { &headers[..0] } else { &headers[..] };
            add(attacks, kind, Expect::Refused, request(&line, headers, b""));
        }
        let bearer = target.bearer();
        let twice = [("authorization", bearer.as_str()), ("x-api-key", "ct_live_nonsense")];
        add(attacks, "two credentials", Expect::Refused, request(&line, &twice, b""));
        let twice = [("authorization", "Bearer nonsense"), ("authorization", bearer.as_str())];
        add(attacks, "two tokens, the first forged", Expect::Refused, request(&line, &twice, b""));
        let header = [("authorization", "Bearer x\r\nx-evil: 1\r\nset-cookie: a=b")];
        add(attacks, "a token with headers in it", Expect::Refused, request(&line, &header, b""));
    }
    for id in &tokens.known {
        let bearer = format!("Bearer {}", tokens.elsewhere);
        let line = format!("GET {base}{}", target.one(id));
        add(
            attacks,
            "what belongs to another organisation",
            Expect::Refused,
            request(&line, &[("authorization", &bearer)], b""),
        );
    }
}

/// A text within a body that is otherwise right.
fn with(sample: &Map<String, Value>, key: &str, text: &str) -> Vec<u8> {
    let mut body = sample.clone();
    body.insert(key.to_owned(), json!("@"));
    Value::Object(body).to_string().replace("\"@\"", text).into_bytes()
}

fn bodies(target: &Target<'_>, attacks: &mut Vec<Attack>) {
    let sample: Map<String, Value> = serde_json::from_str(target.family.sample).unwrap();
    let mut bad = |kind: &'static str, body: Vec<u8>| add(attacks, kind, Expect::Refused, target.post(&body));
    bad("no body", Vec::new());
    for text in
        ["{", "}", "nonsense", "'a'", "{\"a\":}", "{,}", "[1,]", "{\"a\" 1}", "//x\n{}", "\u{feff}{}", "<a/>"]
    {
        bad("a body that is no JSON", text.as_bytes().to_vec());
    }
    for text in ["[]", "\"text\"", "7", "true", "null", "[[[]]]"] {
        bad("a body of another shape", text.as_bytes().to_vec());
    }
    for depth in [200, 5_000, 100_000] {
        bad("deep arrays", "[".repeat(depth).into_bytes());
        bad("deep objects", "{\"a\":".repeat(depth).into_bytes());
        bad("deep and closed", format!("{}{}", "[".repeat(depth), "]".repeat(depth)).into_bytes());
    }
    let whole = Value::Object(sample.clone()).to_string();
    for at in [1, whole.len() / 3, whole.len() - 1] {
        bad("a body that is cut off", whole.as_bytes()[..at].to_vec());
    }
    bad("a body twice", format!("{whole}{whole}").into_bytes());
    bad(
        "a body with bytes that are no text",
        [&whole.as_bytes()[..whole.len() - 1], b",\"x\":\"\xff\xfe\"}"].concat(),
    );
    bad("a body in another encoding", whole.encode_utf16().flat_map(u16::to_le_bytes).collect());
    bad("a body too long", format!("{{\"x\":\"{}\"}}", "x".repeat(9 << 20)).into_bytes());
    for key in sample.keys() {
        bad("a key twice", format!("{{\"{key}\":{0},{1}", sample[key], &whole[1..]).into_bytes());
        bad("a number of its own", with(&sample, key, "1e999"));
        bad("a number below all", with(&sample, key, "-1e309"));
        bad("not a number", with(&sample, key, "NaN"));
        bad("infinity", with(&sample, key, "Infinity"));
        bad("half a pair of surrogates", with(&sample, key, "\"\\ud800\""));
        bad("a control character in a text", with(&sample, key, "\"\u{1}\""));
        bad("an escape that is none", with(&sample, key, "\"\\x\""));
        bad("a number as hexadecimal", with(&sample, key, "0x10"));
        bad("a number with a zero before it", with(&sample, key, "007"));
        bad("an object in place of a value", with(&sample, key, "{\"$ne\":[null]}"));
        bad(
            "an array of a thousand in place of a value",
            with(&sample, key, &format!("[{}7]", "7,".repeat(1_000))),
        );
    }
    let mut odd =
        |kind: &'static str, body: Vec<u8>| add(attacks, kind, Expect::Survived, target.post(&body));
    for key in sample.keys() {
        odd("a zero byte in a text", with(&sample, key, "\"a\\u0000b\""));
        odd("a text of another language in a text", with(&sample, key, "\"'; DROP TABLE twins; --\""));
        odd("a page in a text", with(&sample, key, "\"<script>alert(1)</script>{{7*7}}${7*7}%s%n\""));
        odd("a text of all directions", with(&sample, key, "\"\u{202e}\u{200b}\u{1f469}\u{200d}\u{1f680}\""));
        odd("a text of a megabyte", with(&sample, key, &format!("\"{}\"", "x".repeat(1_000_000))));
        odd("a number of a thousand digits", with(&sample, key, &"9".repeat(1_000)));
    }
    for kind in [
        "text/plain",
        "text/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "a",
    ] {
        let expect = if target.family.says_json { Expect::Refused } else { Expect::Survived };
        add(attacks, "a body of another sort", expect, target.post_as(kind, whole.as_bytes()));
    }
    let xml = b"<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>";
    add(attacks, "an entity of a file", Expect::Refused, target.post_as("application/xml", xml));
    let gzip = [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0x86, 0xa6, 0x10, 0x36, 5, 0,
        0, 0,
    ];
    add(attacks, "a body that is packed", Expect::Refused, target.post(&gzip));
}

fn paths(target: &Target<'_>, attacks: &mut Vec<Attack>) {
    let wrong = [
        ("an id of dots", "..%2f..%2f..%2fetc%2fpasswd"),
        ("an id of dots", "%2e%2e"),
        ("an id of dots", "....//....//"),
        ("an id with a zero byte", "a%00b"),
        ("an id that is no text", "%ff%fe"),
        ("an id that is no text", "%c0%af"),
        ("an id with line ends", "a%0d%0ax-evil:%201"),
        ("an id of another language", "1'%20OR%20'1'='1"),
        ("an id with a page", "%3Cscript%3Ealert(1)%3C%2Fscript%3E"),
        ("an id with a template", "%7B%7B7*7%7D%7D"),
        ("an id of nothing", "00000000-0000-0000-0000-000000000000"),
        ("an id of all ones", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
        ("an id of a number", "-1"),
        ("an id of a number", "18446744073709551616"),
        ("an id of a space", "%20"),
        ("an id of stars", "*"),
        ("an id of a topic", "%23"),
        ("an id with a percent that is none", "%zz"),
    ];
    for (kind, id) in wrong {
        add(attacks, kind, Expect::Refused, target.get(&target.one(id)));
    }
    for length in [300, 3_000, 30_000] {
        add(attacks, "a long id", Expect::Refused, target.get(&target.one(&"x".repeat(length))));
    }
    add(attacks, "an address too long", Expect::Unread, target.get(&target.one(&"x".repeat(70_000))));
    for path in
        ["/nowhere", "/nowhere/at/all", "/%2e%2e/%2e%2e/etc/passwd", "/.git/config", "/.env", "/admin.php"]
    {
        add(attacks, "a path that is not there", Expect::Refused, target.get(path));
    }
    for method in ["DELETE", "PATCH", "PUT", "TRACE", "PROPFIND", "BREW"] {
        let path = target.family.list;
        add(
            attacks,
            "a method that is not there",
            Expect::Refused,
            target.ask(method, path, &[("content-length", "0")]),
        );
    }
}

fn queries(target: &Target<'_>, attacks: &mut Vec<Attack>) {
    let Family { list, pages: (limit, start), .. } = target.family;
    let numbers = [
        "-1",
        "0",
        "99999999999",
        "18446744073709551616",
        "-9223372036854775809",
        "NaN",
        "Infinity",
        "1e3",
        "0x10",
        "ten",
        "",
        "1;2",
        "%00",
        "%ff",
        "1%20",
        "[]",
    ];
    for number in numbers {
        add(attacks, "a page of no size", Expect::Refused, target.get(&format!("{list}?{limit}={number}")));
    }
    for number in ["-1", "-99999999999999999999", "NaN", "x", "%00", "%ff", "'", "../..", "ffffffzz", "0.5"] {
        add(attacks, "a page from nowhere", Expect::Refused, target.get(&format!("{list}?{start}={number}")));
    }
    add(attacks, "a page said twice", Expect::Refused, target.get(&format!("{list}?{limit}=1&{limit}=2")));
    for query in ["", "&&&&", "=", "%", "%zz=1", "a[]=1&a[]=2", "__proto__=1", "$where=1", "q=%F0%9F%92%A9"] {
        add(attacks, "a query of nonsense", Expect::Survived, target.get(&format!("{list}?{query}")));
    }
    let many: String = (0..2_000).map(|k| format!("k{k}=v&")).collect();
    add(attacks, "a query of two thousand", Expect::Survived, target.get(&format!("{list}?{many}")));
    add(attacks, "a page behind all", Expect::Survived, target.get(&format!("{list}?{start}=4000000000")));
}

fn heads(target: &Target<'_>, attacks: &mut Vec<Attack>) {
    let (bearer, Family { base, list, make, .. }) = (target.bearer(), target.family);
    let long = "x".repeat(600_000);
    add(attacks, "a head too long", Expect::Unread, target.ask("GET", list, &[("x-long", &long)]));
    let many: Vec<(String, String)> = (0..500).map(|k| (format!("x-{k}"), "1".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    add(attacks, "too many headers", Expect::Unread, target.ask("GET", list, &many));
    for line in [
        "GET / HTTP/9.9",
        "GET",
        "\u{0}\u{1}\u{2}",
        "GET  /  HTTP/1.1",
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}",
        "PRI * HTTP/2.0",
        "GET \\..\\..\\ HTTP/1.1",
        "G\u{e9}T / HTTP/1.1",
    ] {
        let bytes = format!("{line}\r\nauthorization: {bearer}\r\n\r\n").into_bytes();
        add(attacks, "what is no HTTP", Expect::Unread, bytes);
    }
    for header in ["no colon at all", ": no name", "bad name: x", "x-a: \u{0}", "x\u{e9}: 1"] {
        let bytes =
            format!("GET {base}{list} HTTP/1.1\r\nhost: a\r\n{header}\r\nauthorization: {bearer}\r\n\r\n");
        add(attacks, "a header that is none", Expect::Unread, bytes.into_bytes());
    }
    for length in ["-1", "1e3", "99999999999999999999999", "5, 6", "x"] {
        let line = format!("POST {base}{make}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("content-length", length),
        ];
        add(attacks, "a length that is none", Expect::Unread, request(&line, &headers, b"{}"));
    }
    let both = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("content-length", "4"),
        ("transfer-encoding", "chunked"),
    ];
    let line = format!("POST {base}{make}");
    let smuggled = b"0\r\n\r\nGET /metrics HTTP/1.1\r\nhost: a\r\n\r\n";
    add(attacks, "a request within a request", Expect::Unread, request(&line, &both, smuggled));
    let chunked = [both[0], both[1], both[3]];
    for body in [&b"zz\r\n{}\r\n0\r\n\r\n"[..], b"ffffffffffffffffff\r\n{}\r\n", b"2\r\n{}x\r\n0\r\n\r\n"] {
        add(attacks, "pieces of no size", Expect::Refused, request(&line, &chunked, body));
    }
    let once = |key: &str| {
        let length = target.family.sample.len().to_string();
        let headers = [both[0], both[1], ("content-length", length.as_str()), ("idempotency-key", key)];
        request(&line, &headers, target.family.sample.as_bytes())
    };
    add(attacks, "a name of a request that is too long", Expect::Refused, once(&"k".repeat(5_000)));
    add(attacks, "a name of a request that is no text", Expect::Refused, once("\u{e9}\u{e8}"));
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("x-forwarded-for", "127.0.0.1, 127.0.0.1"),
        ("x-http-method-override", "DELETE"),
        ("x-original-url", "/twins/v1/admin/users"),
        ("host", "evil.example"),
        ("x-request-id", "a%0d%0ax-evil: 1"),
        ("accept", "text/html"),
        ("accept-encoding", "gzip;q=NaN, br, *;q=9"),
        ("range", "bytes=0-0,-1,99999999999999999999-"),
        ("if-none-match", "\"\u{1}\""),
        ("expect", "200-maybe"),
        ("cookie", "session=admin"),
    ] {
        let expect = if value.contains('\u{1}') { Expect::Unread } else { Expect::Survived };
        add(
            attacks,
            "a header that would have it otherwise",
            expect,
            target.ask("GET", list, &[(name, value)]),
        );
    }
}

/// Those who take their time.
fn slow(target: &Target<'_>, attacks: &mut Vec<Attack>) {
    let (bearer, Family { base, make, .. }) = (target.bearer(), target.family);
    let line = format!("POST {base}{make}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("content-length", "2000"),
    ];
    let mut add = |kind: &'static str, expect: Expect, bytes: Vec<u8>, drip: &[u8]| {
        attacks.push(Attack { kind, sent: Sent { bytes, drip: drip.to_vec() }, expect });
    };
    add("a body that never comes", Expect::Refused, request(&line, &headers, b""), b"");
    add("a body that stops", Expect::Refused, request(&line, &headers, b"{\"name\":"), b"");
    add("a body that drips", Expect::Refused, request(&line, &headers, b"{\"name\":\""), &[b'x'; 200]);
    let head = format!("{line} HTTP/1.1\r\nhost: a\r\n").into_bytes();
    add("a head that never ends", Expect::Unread, head.clone(), b"");
    add("a head that drips", Expect::Unread, head, &[b'x'; 200]);
    add("a connection without a word", Expect::Unread, Vec::new(), b"");
}
