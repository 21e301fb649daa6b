//! Tokens that are encoded structures: JWT, macaroons, keys of a fixed number of bytes.

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD};

use super::Judgement;
use crate::rules::Severity;

/// A JSON Web Token: decodes, has an `alg`; says issuer and expiry.
pub fn jwt(secret: &[u8]) -> Judgement {
    let mut parts = secret.split(|b| *b == b'.');
    let (Some(header), Some(payload)) = (parts.next(), parts.next()) else { return Judgement::rejected() };
    let decode =
        |part: &[u8]| -> Option<serde_json::Value> { serde_json::from_slice(&BASE64URL_NOPAD.decode(part).ok()?).ok() };
    let Some(header) = decode(header) else { return Judgement::rejected() };
    let Some(alg) = header.get("alg").and_then(|alg| alg.as_str()) else { return Judgement::rejected() };
    let mut judgement = Judgement::default().detail("alg", alg);
    let Some(payload) = decode(payload) else { return judgement };
    if payload.get("sub").is_some_and(|sub| sub == "1234567890") {
        return Judgement::implausible("documented example");
    }
    if alg.eq_ignore_ascii_case("none") {
        judgement = judgement.lowered(Severity::Low);
    }
    if let Some(issuer) = payload.get("iss").and_then(|iss| iss.as_str()) {
        judgement = judgement.detail("issuer", issuer);
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

/// A PyPI macaroon: `pypi-` and base64 of a version-2 macaroon whose location is pypi.org or test.pypi.org.
pub fn pypi_macaroon(secret: &[u8]) -> Judgement {
    let body = secret.strip_prefix(b"pypi-").unwrap_or(secret);
    let whole = &body[..body.len() / 4 * 4];
    let Ok(bytes) = BASE64URL_NOPAD.decode(whole) else { return Judgement::default() };
    let has = |word: &[u8]| memchr::memmem::find(&bytes, word).is_some();
    if has(b"test.pypi.org") {
        return Judgement::proved().detail("environment", "test").lowered(Severity::Medium);
    }
    if has(b"pypi.org") { Judgement::proved() } else { Judgement::implausible("it does not decode to a PyPI token") }
}

/// Standard base64 of exactly `length` bytes.
pub fn base64_bytes(secret: &[u8], length: usize) -> Judgement {
    let decoded = BASE64.decode(secret).or_else(|_| BASE64_NOPAD.decode(secret));
    match decoded {
        Ok(bytes) if bytes.len() == length => Judgement::proved(),
        _ => Judgement::implausible(format!("it does not decode to {length} bytes")),
    }
}
