//! Tokens that are encoded structures: JWT, basic credentials, keys of a fixed number of bytes.

use std::sync::LazyLock;

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, Encoding, Specification};

use super::{Judgement, Subject};
use crate::rules::Severity;

/// Base64 of either alphabet without padding, whatever the unused last bits are.
static LENIENT: LazyLock<Encoding> = LazyLock::new(|| {
    let mut form = Specification::new();
    form.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    form.translate.from.push_str("-_");
    form.translate.to.push_str("+/");
    form.check_trailing_bits = false;
    form.encoding().unwrap_or(BASE64_NOPAD)
});

/// Decodes base64 of either alphabet, padded or not.
pub(super) fn decode_any(text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    LENIENT.decode(&text[..text.len() - padding]).ok()
}

/// A JSON Web Token, from the first `eyJ` on: decodes, has an `alg`; says issuer and expiry.
pub fn jwt(secret: &[u8]) -> Judgement {
    let start = memchr::memmem::find(secret, b"eyJ").unwrap_or(0);
    let mut parts = secret[start..].split(|b| *b == b'.');
    let (Some(header), Some(payload)) = (parts.next(), parts.next()) else { return Judgement::rejected() };
    let decode = |part: &[u8]| -> Option<serde_json::Value> { serde_json::from_slice(&decode_any(part)?).ok() };
    let Some(header) = decode(header) else { return Judgement::rejected() };
    let Some(alg) = header.get("alg").and_then(|alg| alg.as_str()) else { return Judgement::rejected() };
    let mut judgement = Judgement::default().public_detail("alg", alg);
    let Some(payload) = decode(payload) else { return judgement };
    let text = |name: &str| payload.get(name).and_then(|value| value.as_str());
    if text("sub") == Some("1234567890") || text("iss") == Some("supabase-demo") {
        return Judgement::implausible("documented example");
    }
    if alg.eq_ignore_ascii_case("none") {
        judgement = judgement.lowered(Severity::Low);
    }
    if let Some(issuer) = text("iss") {
        judgement = judgement.public_detail("issuer", issuer);
    }
    if let Some(expiry) = payload.get("exp").and_then(serde_json::Value::as_i64) {
        judgement = judgement.detail("expires", crate::time::iso8601(expiry, 0));
    }
    judgement
}

/// A generated token with a random signature.
pub fn jwt_of(random: &mut dyn FnMut() -> u64) -> String {
    let header = BASE64URL_NOPAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    let payload = format!(r#"{{"sub":"u{:x}","iat":{}}}"#, random(), 1_500_000_000 + random() % 1_000_000);
    let signature: Vec<u8> = (0..32).map(|_| random() as u8).collect();
    format!("{header}.{}.{}", BASE64URL_NOPAD.encode(payload.as_bytes()), BASE64URL_NOPAD.encode(&signature))
}

/// Standard base64 of exactly `length` bytes. That is a shape, no proof.
pub fn base64_bytes(secret: &[u8], length: usize) -> Judgement {
    let decoded = BASE64.decode(secret).or_else(|_| BASE64_NOPAD.decode(secret));
    match decoded {
        Ok(bytes) if bytes.len() == length => Judgement::default(),
        _ => Judgement::implausible(format!("it does not decode to {length} bytes")),
    }
}

/// Base64 of `user:password`: up to 64 printable characters, a colon, and a password of four bytes or more.
pub fn base64_basic(secret: &[u8]) -> Judgement {
    let Some(bytes) = decode_any(secret) else { return Judgement::rejected() };
    let Some(colon) = bytes.iter().position(|byte| *byte == b':') else { return Judgement::rejected() };
    let user = &bytes[..colon];
    let printable = user.iter().all(|byte| (b' '..=b'~').contains(byte));
    if !(1..=64).contains(&user.len()) || !printable || bytes.len() - colon - 1 < 4 {
        return Judgement::rejected();
    }
    Judgement::default().public_detail("user", &String::from_utf8_lossy(user))
}

/// Neither side goes on with base64: else the value is cut out of a longer one.
pub(super) fn base64_edges(subject: &Subject<'_>) -> Judgement {
    let before = subject.span.start.checked_sub(1).and_then(|at| subject.bytes.get(at));
    let after = subject.bytes.get(subject.span.end);
    let cut = before.is_some_and(|byte| b"+/".contains(byte)) || after.is_some_and(|byte| b"+/=".contains(byte));
    if cut { Judgement::rejected() } else { Judgement::default() }
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

    #[test]
    fn jwts_say_issuer_and_expiry() {
        let token = token(r#"{"alg":"RS256"}"#, r#"{"iss":"https://id.acme.dev/","sub":"7","exp":0}"#);
        for secret in [token.clone(), format!("ghs_123_{token}"), format!("glcbt-64_{token}")] {
            let details = jwt(secret.as_bytes()).details;
            let values: Vec<_> = details.iter().map(|(_, value)| value.as_str()).collect();
            assert_eq!(values, ["RS256", "https://id.acme.dev/", "1970-01-01T00:00:00Z"]);
        }
    }

    #[test]
    fn samples_and_unsigned_jwts() {
        let sample = token(r#"{"alg":"HS256"}"#, r#"{"sub":"1234567890","name":"John Doe"}"#);
        assert!(jwt(sample.as_bytes()).implausible.is_some());
        assert!(jwt(token(r#"{"alg":"HS256"}"#, r#"{"iss":"supabase-demo"}"#).as_bytes()).implausible.is_some());
        assert_eq!(jwt(token(r#"{"alg":"none"}"#, "{}").as_bytes()).severity, Some(Severity::Low));
        assert!(jwt(token(r#"{"typ":"JWT"}"#, "{}").as_bytes()).reject);
        assert!(jwt(b"eyJxxxxx.xxxx.xxxx").reject);
    }

    #[test]
    fn what_an_issuer_may_be_called() {
        let judgement = jwt(token(r#"{"alg":"HS256"}"#, r#"{"iss":"x'; rm -rf ~"}"#).as_bytes());
        assert!(judgement.details.iter().all(|(name, _)| name != "issuer"));
    }

    #[test]
    fn base64_of_a_length() {
        assert!(base64_bytes(b"AAECAwQFBgcICQ==", 10).implausible.is_none());
        assert!(base64_bytes(b"AAECAwQFBgcICQ==", 11).implausible.is_some());
    }

    #[test]
    fn basic_credentials() {
        let encode = |text: &[u8]| BASE64.encode(text);
        assert!(!base64_basic(encode(b"deploy:s3cr").as_bytes()).reject);
        for text in [&b"deploy:abc"[..], b":secret", b"nothing", b"\xff\xfe:secret"] {
            assert!(base64_basic(encode(text).as_bytes()).reject);
        }
    }

    #[test]
    fn edges_of_base64() {
        for (text, cut) in [("=abcd;", false), ("/abcd;", true), ("+abcd;", true), (" abcd=", true), (" abcd/", true)] {
            let span = 1..5;
            let subject = Subject { bytes: text.as_bytes(), span: &span, secret: b"abcd" };
            assert_eq!(base64_edges(&subject).reject, cut, "{text}");
        }
    }
}
