//! Base64, and credentials that are nothing more: basic credentials, keys of a fixed number of bytes.

use std::sync::LazyLock;

use data_encoding::{BASE64, BASE64_NOPAD, Encoding, Specification};

use super::{Judgement, Subject, assigned};

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

/// What the whole groups of four characters at the start of a text in base64 stand for.
pub(super) fn decode_start(text: &str) -> Vec<u8> {
    decode_any(text.get(..text.len() / 4 * 4).unwrap_or_default().as_bytes()).unwrap_or_default()
}

/// Standard base64 of exactly `length` bytes. That is a shape, no proof.
pub fn base64_bytes(secret: &[u8], length: usize) -> Judgement {
    let decoded = BASE64.decode(secret).or_else(|_| BASE64_NOPAD.decode(secret));
    match decoded {
        Ok(bytes) if bytes.len() == length => Judgement::default(),
        _ => Judgement::implausible(format!("it does not decode to {length} bytes")),
    }
}

/// Base64 of `user:password`: up to 64 printable characters, a colon, and a password of four bytes or more that is no
/// stand-in.
pub fn base64_basic(secret: &[u8]) -> Judgement {
    let Some(bytes) = decode_any(secret) else { return Judgement::rejected() };
    let Some(colon) = bytes.iter().position(|byte| *byte == b':') else { return Judgement::rejected() };
    let user = &bytes[..colon];
    let printable = user.iter().all(|byte| (b' '..=b'~').contains(byte));
    let password = &bytes[colon + 1..];
    if !(1..=64).contains(&user.len()) || !printable || password.len() < 4 || password.starts_with(&[0, 0]) {
        return Judgement::rejected();
    }
    assigned::not_stand_in(password).public_detail("user", &String::from_utf8_lossy(user))
}

/// Neither side goes on with base64: else the value is cut out of a longer one.
pub(super) fn base64_edges(subject: &Subject<'_>) -> Judgement {
    let before = subject.span.start.checked_sub(1).and_then(|at| subject.bytes.get(at));
    let after = subject.bytes.get(subject.span.end);
    let cut = before.is_some_and(|byte| b"+/".contains(byte)) || after.is_some_and(|byte| b"+/=".contains(byte));
    if cut { Judgement::rejected() } else { Judgement::default() }
}

/// A longer run than that goes on on either side behind a `+` or `/`: then the value is cut out of base64.
const CUT: usize = 12;

/// Not a piece of a longer run of base64. A single sign may stand before it: the mark of a diff, the slash of a path.
pub(super) fn uncut(subject: &Subject<'_>) -> Judgement {
    let belongs = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+/".contains(*byte);
    let goes_on = |first: Option<&u8>, length: usize| first.is_some_and(|byte| b"+/".contains(byte)) && length > CUT;
    let (before, after) = (&subject.bytes[..subject.span.start], &subject.bytes[subject.span.end..]);
    let before = goes_on(before.last(), before.iter().rev().take(2 * CUT).take_while(belongs).count());
    let after = goes_on(after.first(), after.iter().take(2 * CUT).take_while(belongs).count());
    if before || after { Judgement::rejected() } else { Judgement::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let subject = Subject { start: 0, bytes: text.as_bytes(), span: &span, secret: b"abcd" };
            assert_eq!(base64_edges(&subject).reject, cut, "{text}");
        }
    }
}
