//! JSON Web Tokens: what they say of themselves, and generated ones.

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;

use super::Judgement;
use super::encoded::{decode_any, decode_start};
use super::make::Maker;
use crate::rules::Severity;

/// Claims that are shown, by the name of the detail that they become. `/` goes into an object; of a list the first
/// counts. Earlier claims win.
const CLAIMS: &[(&str, &str)] = &[
    ("iss", "issuer"),
    ("account_id", "account"),
    ("actid", "account"),
    ("sub", "subject"),
    ("aud", "audience"),
    ("ref", "project"),
    ("project_id", "project"),
    ("env", "environment"),
    ("environment", "environment"),
    ("role", "role"),
    ("scope", "scope"),
    ("scp", "scope"),
    ("key_id", "key_id"),
    ("jti", "key_id"),
    ("token_id", "key_id"),
    ("azp", "client_id"),
    ("client_id", "client_id"),
    ("tid", "tenant"),
    ("user_uuid", "user"),
    ("uid", "user"),
    ("rgn", "region"),
    ("userInformation/email", "account"),
    ("kubernetes.io/serviceaccount/namespace", "namespace"),
    ("kubernetes.io/serviceaccount/service-account.name", "service_account"),
    ("kubernetes.io/serviceaccount/secret.name", "secret_name"),
    ("kubernetes.io/namespace", "namespace"),
    ("kubernetes.io/serviceaccount/name", "service_account"),
];

/// A token, from the first `eyJ` on: decodes, has an `alg`; says issuer, account and expiry.
pub fn jwt(secret: &[u8]) -> Judgement {
    let start = memchr::memmem::find(secret, b"eyJ").unwrap_or(0);
    let mut parts = secret[start..].split(|b| *b == b'.');
    let (Some(header), Some(payload)) = (parts.next(), parts.next()) else { return Judgement::rejected() };
    let decode = |part: &[u8]| -> Option<Value> { serde_json::from_slice(&decode_any(part)?).ok() };
    let Some(header) = decode(header) else { return Judgement::rejected() };
    let Some(alg) = header.get("alg").and_then(Value::as_str) else { return Judgement::rejected() };
    let mut judgement = Judgement::default().public_detail("alg", alg);
    let Some(payload) = decode(payload) else { return judgement };
    let text = |name: &str| payload.get(name).and_then(Value::as_str);
    let of_rfc_7519 = text("iss") == Some("joe") && payload.get("http://example.com/is_root").is_some();
    if text("sub") == Some("1234567890") || text("iss") == Some("supabase-demo") || of_rfc_7519 {
        return Judgement::implausible("documented example");
    }
    for (claim, name) in CLAIMS {
        if judgement.details.iter().all(|(known, _)| known != name) {
            judgement = claim_detail(judgement, name, find(&payload, claim));
        }
    }
    if let Some(access) = text("a").filter(|access| ["ro", "rw"].contains(access)) {
        judgement = judgement.detail("access", access);
    }
    if let Some(issued) = payload.get("iat").and_then(Value::as_i64) {
        judgement = judgement.dated("created", issued);
    }
    if let Some(expiry) = payload.get("exp").and_then(Value::as_i64) {
        judgement = judgement.dated("expires", expiry);
    }
    if is_of_a_test(&payload) {
        judgement.merge(Judgement::doubted().detail("doubt", "its subject is a stand-in, and it names no issuer"));
    }
    if alg.eq_ignore_ascii_case("none") {
        return judgement.lowered(Severity::Low).detail("note", "it is not signed: anybody can make one");
    }
    if text("role") == Some("anon") && text("iss") == Some("supabase") {
        return judgement.lowered(Severity::Low).detail("note", "the anonymous key, which clients may have");
    }
    judgement
}

/// Whether a token is a test's: it names no issuer, and its subject says that it stands for one.
fn is_of_a_test(payload: &Value) -> bool {
    const SAYS: &[&str] = &["test", "mock", "dummy", "fake", "sample", "example", "foo", "foobar"];
    let Some(subject) = payload.get("sub").and_then(Value::as_str) else { return false };
    let mut words = subject.split(|c: char| !c.is_ascii_alphabetic()).map(str::to_ascii_lowercase);
    payload.get("iss").is_none() && words.any(|word| SAYS.contains(&word.as_str()))
}

/// What a path of the payload leads to. Names of claims may hold `/` themselves.
fn find<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if let Some(found) = value.get(path) {
        return Some(found);
    }
    path.match_indices('/').find_map(|(at, _)| find(value.get(&path[..at])?, &path[at + 1..]))
}

fn claim_detail(judgement: Judgement, name: &str, claim: Option<&Value>) -> Judgement {
    match claim {
        Some(Value::String(text)) if !text.is_empty() => judgement.public_detail(name, &text.replace(' ', ",")),
        Some(Value::Number(number)) => judgement.public_detail(name, &number.to_string()),
        Some(Value::Array(all)) if all.first().is_some_and(Value::is_string) => {
            claim_detail(judgement, name, all.first())
        }
        _ => judgement,
    }
}

/// What makes a token whose start stands at the end of `before` a whole one with a random signature.
pub fn jwt_of(before: &str, random: &mut dyn FnMut() -> u64) -> String {
    let mut maker = Maker::new(random);
    let begun = before.rfind("eyJ").map_or("", |at| &before[at..]);
    // Of `eyJ` in a payload the header is wanted.
    let begun = match before[..before.len() - begun.len()].strip_suffix('.') {
        Some(rest) if !begun.contains('.') => rest.rfind("eyJ").map_or(begun, |at| &before[at..]),
        _ => begun,
    };
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let begun = if begun.bytes().all(is_token) { begun } else { "" };
    let (header, payload) = match begun.split_once('.') {
        Some((header, payload)) => (header.to_owned(), payload),
        None => (completed(begun, &header_ends(&mut maker)), ""),
    };
    let payload = completed(payload, &payload_ends(&mut maker));
    let alg = decode_any(header.as_bytes()).map_or(String::new(), |json| String::from_utf8_lossy(&json).into_owned());
    let signature = match alg {
        alg if alg.contains("\"HS") => 32,
        alg if alg.contains("\"RS") => 256,
        _ => 64,
    };
    let whole = format!("{header}.{payload}.{}", BASE64URL_NOPAD.encode(&maker.bytes(signature)));
    whole.strip_prefix(begun).map(str::to_owned).unwrap_or(whole)
}

/// The first of the ends that makes JSON of what base64 has begun, in base64.
fn completed(begun: &str, ends: &[String]) -> String {
    let start = String::from_utf8_lossy(&decode_start(begun)).into_owned();
    let whole = |end: &String| {
        let json = format!("{start}{end}");
        serde_json::from_str::<Value>(&json).is_ok_and(|json| json.is_object()).then_some(())?;
        Some(BASE64URL_NOPAD.encode(json.as_bytes())).filter(|whole| whole.starts_with(begun))
    };
    ends.iter().find_map(whole).unwrap_or_else(|| begun.to_owned())
}

fn header_ends(maker: &mut Maker<'_>) -> Vec<String> {
    let kid = maker.alnum(27);
    vec![
        r#"{"alg":"HS256","typ":"JWT"}"#.to_owned(),
        format!(r#","kid":"{kid}"}}"#),
        format!(r#"id":"{kid}"}}"#),
        format!(r#":"{kid}","typ":"JWT","alg":"RS256"}}"#),
        format!(r#""{kid}","typ":"JWT"}}"#),
        format!(r#""{kid}","alg":"RS256"}}"#),
        format!(r#"{kid}","alg":"RS256"}}"#),
        "}".to_owned(),
    ]
}

fn payload_ends(maker: &mut Maker<'_>) -> Vec<String> {
    let rest = format!(r#""sub":"u{}","iat":{},"sid":"{}"}}"#, maker.hex(12), maker.time(), maker.alnum(90));
    vec![
        format!("{{{rest}"),
        format!(",{rest}"),
        format!(r#":"https://id.acme.dev",{rest}"#),
        format!(r#"",{rest}"#),
        format!(r#"k",{rest}"#),
        format!(r#".svc"],{rest}"#),
        format!(r#""],{rest}"#),
        format!(r#"id":"7"}},{rest}"#),
        "}".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, payload: &str) -> String {
        format!(
            "{}.{}.c2lnbmF0dXJl",
            BASE64URL_NOPAD.encode(header.as_bytes()),
            BASE64URL_NOPAD.encode(payload.as_bytes())
        )
    }

    fn details(judgement: &Judgement) -> Vec<(&str, &str)> {
        judgement.details.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    #[test]
    fn tokens_say_issuer_and_expiry() {
        let far = 4_102_444_800_i64;
        let token =
            token(r#"{"alg":"RS256"}"#, &format!(r#"{{"iss":"https://id.acme.dev/","sub":"7","exp":{far},"iat":0}}"#));
        for secret in [token.clone(), format!("ghs_123_{token}"), format!("glcbt-64_{token}")] {
            let judgement = jwt(secret.as_bytes());
            let expected = [
                ("alg", "RS256"),
                ("issuer", "https://id.acme.dev/"),
                ("subject", "7"),
                ("created", "1970-01-01T00:00:00Z"),
                ("expires", "2100-01-01T00:00:00Z"),
            ];
            assert_eq!(details(&judgement), expected);
            assert_eq!(judgement.severity, None);
        }
    }

    #[test]
    fn tokens_of_tests_and_of_the_standard() {
        for (payload, doubted) in [
            (r#"{"sub":"test-subject","exp":4683883211}"#, true),
            (r#"{"sub":"mock-subject","scope":"message:read"}"#, true),
            (r#"{"sub":"test-subject","iss":"https://id.acme.dev"}"#, false),
            (r#"{"sub":"testarossa"}"#, false),
            (r#"{"exp":4683883211}"#, false),
        ] {
            assert_eq!(jwt(token(r#"{"alg":"RS256"}"#, payload).as_bytes()).doubted, doubted, "{payload}");
        }
        let of_rfc_7519 = r#"{"iss":"joe","exp":1300819380,"http://example.com/is_root":true}"#;
        assert!(jwt(token(r#"{"alg":"HS256"}"#, of_rfc_7519).as_bytes()).implausible.is_some());
    }

    #[test]
    fn claims_of_providers() {
        let cases = [
            (
                r#"{"iss":"supabase","ref":"abcdefghij","role":"service_role"}"#,
                vec!["supabase", "abcdefghij", "service_role"],
            ),
            (r#"{"aud":["temporal.io"],"account_id":"ac7","key_id":"k9"}"#, vec!["ac7", "temporal.io", "k9"]),
            (r#"{"scope":"read write","tid":42}"#, vec!["read,write", "42"]),
            (
                r#"{"kubernetes.io/serviceaccount/namespace":"prod","kubernetes.io/serviceaccount/service-account.name":"ci"}"#,
                vec!["prod", "ci"],
            ),
            (r#"{"kubernetes.io":{"namespace":"prod","serviceaccount":{"name":"ci"}}}"#, vec!["prod", "ci"]),
        ];
        for (payload, expected) in cases {
            let judgement = jwt(token(r#"{"alg":"RS256"}"#, payload).as_bytes());
            let values: Vec<_> = judgement.details.iter().skip(1).map(|(_, value)| value.as_str()).collect();
            assert_eq!(values, expected, "{payload}");
        }
    }

    #[test]
    fn samples_and_unsigned_tokens() {
        let sample = token(r#"{"alg":"HS256"}"#, r#"{"sub":"1234567890","name":"John Doe"}"#);
        assert!(jwt(sample.as_bytes()).implausible.is_some());
        assert!(jwt(token(r#"{"alg":"HS256"}"#, r#"{"iss":"supabase-demo"}"#).as_bytes()).implausible.is_some());
        for role in ["anon", "service_role"] {
            let payload = format!(r#"{{"iss":"supabase","role":"{role}"}}"#);
            let lowered = jwt(token(r#"{"alg":"HS256"}"#, &payload).as_bytes()).severity.is_some();
            assert_eq!(lowered, role == "anon");
        }
        assert_eq!(jwt(token(r#"{"alg":"none"}"#, "{}").as_bytes()).severity, Some(Severity::Low));
        assert!(jwt(token(r#"{"typ":"JWT"}"#, "{}").as_bytes()).reject);
        assert!(jwt(b"eyJxxxxx.xxxx.xxxx").reject);
    }

    #[test]
    fn what_an_issuer_may_be_called() {
        let judgement = jwt(token(r#"{"alg":"HS256"}"#, r#"{"iss":"x'; rm -rf ~"}"#).as_bytes());
        assert_eq!(details(&judgement), [("alg", "HS256")]);
    }

    #[test]
    fn begun_tokens_are_completed() {
        let mut next = 5_u64;
        let mut random = || {
            next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            next >> 11
        };
        for begun in [
            "",
            "eyJhbGciOiJFUzI1NiIsImtpZCI6",
            "eyJraWQi",
            "eyJ2ZXIiOiIyIiwidHlwIjoiSldUIiwiYWxnIjoiUlMyNTYi",
            "eyJhbGciOiJSUzI1NiIsImtpZCI6I",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VySW5mb3JtYXRpb24i",
        ] {
            let before = format!("TOKEN=\"{begun}");
            let whole = format!("{begun}{}", jwt_of(&before, &mut random));
            let judgement = jwt(whole.as_bytes());
            assert!(!judgement.reject && judgement.implausible.is_none(), "{begun}: {whole}");
            assert!(judgement.details.len() > 1 || begun.contains('.'), "{begun}: {whole}");
        }
    }
}
