//! PyPI's tokens: macaroons of version 2 with the location `pypi.org` or `test.pypi.org`.

use data_encoding::BASE64URL_NOPAD;

use super::encoded::decode_any;
use super::{Judgement, may_show};
use crate::rules::Severity;

const PREFIX: &str = "pypi-";
const UUID_LEN: usize = 36;
const SIGNATURE_LEN: usize = 32;

/// What a token says of itself.
struct Macaroon {
    location: Vec<u8>,
    key_id: Vec<u8>,
}

/// A PyPI token: `pypi-` and base64url of a macaroon.
pub fn pypi(secret: &[u8], provider: &str) -> Judgement {
    let read = || -> Option<Macaroon> { read(&decode_any(secret.strip_prefix(PREFIX.as_bytes())?)?) };
    let Some(macaroon) = read() else {
        return Judgement::implausible(format!("it does not decode to a token: never issued by {provider}"));
    };
    let mut judgement = Judgement::proved();
    if may_show(&macaroon.key_id) {
        judgement = judgement.detail("key_id", String::from_utf8_lossy(&macaroon.key_id));
    }
    if macaroon.location == b"test.pypi.org" {
        return judgement.detail("environment", "test").lowered(Severity::Medium);
    }
    judgement
}

/// Version 2, location, identifier, end; caveats of identifier and end; end; signature. Fields are type, length, bytes.
fn read(bytes: &[u8]) -> Option<Macaroon> {
    let mut rest = bytes.strip_prefix(&[2])?;
    let location = field(&mut rest, 1)?.to_vec();
    let key_id = field(&mut rest, 2).filter(|id| id.len() == UUID_LEN)?.to_vec();
    rest = rest.strip_prefix(&[0])?;
    while rest.first() == Some(&2) {
        serde_json::from_slice::<serde_json::Value>(field(&mut rest, 2)?).ok()?;
        rest = rest.strip_prefix(&[0])?;
    }
    rest = rest.strip_prefix(&[0])?;
    field(&mut rest, 6).filter(|signature| signature.len() == SIGNATURE_LEN)?;
    rest.is_empty().then_some(Macaroon { location, key_id })
}

/// Takes one field of the given type off the front.
fn field<'a>(rest: &mut &'a [u8], kind: u8) -> Option<&'a [u8]> {
    let mut bytes = rest.strip_prefix(&[kind])?;
    let mut length = 0_usize;
    for shift in [0, 7, 14] {
        let (&byte, after) = bytes.split_first()?;
        bytes = after;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let (value, after) = bytes.split_at_checked(length)?;
            *rest = after;
            return Some(value);
        }
    }
    None
}

/// What makes the start of a token at the end of `before` a whole one: `pypi-`, or that and a location.
pub fn pypi_of(before: &str, random: &mut dyn FnMut() -> u64) -> Option<String> {
    let begun = before.rsplit_once(PREFIX)?.1;
    ["pypi.org", "test.pypi.org"].iter().find_map(|location| {
        let whole = BASE64URL_NOPAD.encode(&made(location, random));
        whole.strip_prefix(begun).map(str::to_owned)
    })
}

fn made(location: &str, random: &mut dyn FnMut() -> u64) -> Vec<u8> {
    let mut id = || {
        let (a, b) = (random(), random());
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            a as u32,
            a >> 48,
            a >> 32 & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff
        )
    };
    let caveat = format!(r#"[3, "{}"]"#, id());
    let mut bytes = vec![2];
    for (kind, value) in [(1, location), (2, &id()), (0, ""), (2, &caveat), (0, ""), (0, "")] {
        bytes.push(kind);
        if kind != 0 {
            bytes.push(value.len() as u8);
            bytes.extend(value.as_bytes());
        }
    }
    bytes.extend([6, SIGNATURE_LEN as u8]);
    bytes.extend((0..SIGNATURE_LEN).map(|_| random() as u8));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Synthetic, never issued; parts are joined here only.
    const PARTS: [&str; 3] = [
        "pypi-AgEIcHlwaS5vcmc",
        "CJDAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAwMAACKlszLCIwMDAwMDAwMC0wMDAwLTQwMDAtODAwMC0wMDAwMDAwMDAwMDEi",
        "XQAABiDNiKb7FCN8Fl6LBxPWSnPqikuyTjuOFxvOjH9TB6dI7Q",
    ];

    #[test]
    fn tokens_name_their_id() {
        let judgement = pypi(PARTS.concat().as_bytes(), "PyPI");
        assert!(judgement.proved);
        assert_eq!(judgement.details, [("key_id".to_owned(), "00000000-0000-4000-8000-000000000000".to_owned())]);
    }

    #[test]
    fn anything_else_was_never_issued() {
        let whole = PARTS.concat();
        for wrong in [
            &whole[..whole.len() - 4],
            &format!("{whole}AAAA"),
            &whole.replace("CJDAw", "CJTAw"),
            "pypi-AgEIcHlwaS5vcmc",
            "pypi-",
        ] {
            let judgement = pypi(wrong.as_bytes(), "PyPI");
            assert_eq!(judgement.implausible.as_deref(), Some("it does not decode to a token: never issued by PyPI"));
        }
    }

    #[test]
    fn generated_tokens_pass() {
        let mut next = 7_u64;
        let mut random = || {
            next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            next
        };
        for (before, test) in
            [("T=pypi-", false), ("T=pypi-AgEIcHlwaS5vcmc", false), ("T=pypi-AgENdGVzdC5weXBpLm9yZw", true)]
        {
            let token = before[2..].to_owned() + &pypi_of(before, &mut random).unwrap();
            let judgement = pypi(token.as_bytes(), "PyPI");
            assert!(judgement.proved, "{before}");
            assert_eq!(judgement.details.iter().any(|(name, _)| name == "environment"), test);
        }
    }
}
