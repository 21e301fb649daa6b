//! Keys of cryptocurrencies in base 58: a version, the key, and the first four bytes of its double SHA-256.

use sha2::{Digest, Sha256};

use super::Judgement;
use super::checksum::no_key;

type Digits = [u8; 58];

pub const BITCOIN: &Digits = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// The XRP Ledger's order of the same digits.
pub const RIPPLE: &Digits = b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz";

const CHECK_LEN: usize = 4;
/// Longer texts are not decoded: it takes quadratic time.
const LONGEST: usize = 128;

/// A kind of key: how its text begins, its version, how many bytes follow, its last byte, and what that says.
type Kind = (&'static str, &'static [u8], usize, &'static [u8], &'static [(&'static str, &'static str)]);

const MAIN: (&str, &str) = ("network", "main");
const TEST: (&str, &str) = ("network", "test");

#[rustfmt::skip]
const KINDS: &[Kind] = &[
    // Bitcoin's wallet import format, BIP-32 (SLIP-132 for y, z, u, v) and BIP-38.
    ("K", &[0x80], 32, &[1], &[MAIN]),
    ("L", &[0x80], 32, &[1], &[MAIN]),
    ("5", &[0x80], 32, &[], &[MAIN]),
    ("xprv", &[0x04, 0x88, 0xAD, 0xE4], 74, &[], &[MAIN]),
    ("yprv", &[0x04, 0x9D, 0x78, 0x78], 74, &[], &[MAIN]),
    ("zprv", &[0x04, 0xB2, 0x43, 0x0C], 74, &[], &[MAIN]),
    ("tprv", &[0x04, 0x35, 0x83, 0x94], 74, &[], &[TEST]),
    ("uprv", &[0x04, 0x4A, 0x4E, 0x28], 74, &[], &[TEST]),
    ("vprv", &[0x04, 0x5F, 0x18, 0xBC], 74, &[], &[TEST]),
    ("6P", &[0x01, 0x42], 37, &[], &[]),
    ("6P", &[0x01, 0x43], 37, &[], &[]),
    // Tezos (src/lib_crypto/base58.ml).
    ("edskR", &[0x2B, 0xF6, 0x4E, 0x07], 64, &[], &[("curve", "ed25519")]),
    ("edsk", &[0x0D, 0x0F, 0x3A, 0x07], 32, &[], &[("curve", "ed25519")]),
    ("spsk", &[0x11, 0xA2, 0xE0, 0xC9], 32, &[], &[("curve", "secp256k1")]),
    ("p2sk", &[0x10, 0x51, 0xEE, 0xBD], 32, &[], &[("curve", "p256")]),
    ("edesk", &[0x07, 0x5A, 0x3C, 0xB3, 0x29], 56, &[], &[("curve", "ed25519")]),
    ("spesk", &[0x09, 0xED, 0xF1, 0xAE, 0x96], 56, &[], &[("curve", "secp256k1")]),
    ("p2esk", &[0x09, 0x30, 0x39, 0x73, 0xAB], 56, &[], &[("curve", "p256")]),
];

const RIPPLE_KINDS: &[Kind] = &[
    ("sEd", &[0x01, 0xE1, 0x4B], 16, &[], &[("curve", "ed25519")]),
    ("s", &[0x21], 16, &[], &[("curve", "secp256k1")]),
];

/// Bitcoin's Base58Check, which Tezos uses as well.
pub fn check(secret: &[u8], provider: &str) -> Judgement {
    checked(secret, BITCOIN, KINDS, provider)
}

/// The same in the XRP Ledger's digits; of a known version, since its keys have no other mark.
pub fn ripple(secret: &[u8], provider: &str) -> Judgement {
    match checked(secret, RIPPLE, RIPPLE_KINDS, provider) {
        judgement if judgement.details.is_empty() => no_key(provider),
        judgement => judgement,
    }
}

fn checked(secret: &[u8], digits: &Digits, kinds: &[Kind], provider: &str) -> Judgement {
    let Some(bytes) = decode(secret, digits) else { return no_key(provider) };
    let Some((body, check)) = bytes.split_last_chunk::<CHECK_LEN>() else { return no_key(provider) };
    if checksum(body) != *check {
        return no_key(provider);
    }
    let fits = |kind: &&Kind| body.starts_with(kind.1) && body.len() == kind.1.len() + kind.2 + kind.3.len();
    let details = kinds.iter().find(fits).map_or(&[][..], |kind| kind.4);
    details.iter().fold(Judgement::proved(), |judgement, (name, value)| judgement.detail(name, *value))
}

fn checksum(body: &[u8]) -> [u8; CHECK_LEN] {
    let twice = Sha256::digest(Sha256::digest(body));
    std::array::from_fn(|at| twice[at])
}

/// The bytes that a text in base 58 stands for.
pub fn decode(text: &[u8], digits: &Digits) -> Option<Vec<u8>> {
    if text.len() > LONGEST {
        return None;
    }
    // The least significant byte first.
    let mut bytes: Vec<u8> = Vec::new();
    for &character in text {
        let mut carry = digits.iter().position(|digit| *digit == character)?;
        for byte in &mut bytes {
            carry += usize::from(*byte) * 58;
            *byte = carry as u8;
            carry >>= 8;
        }
        while carry > 0 {
            bytes.push(carry as u8);
            carry >>= 8;
        }
    }
    bytes.extend(text.iter().take_while(|character| **character == digits[0]).map(|_| 0));
    bytes.reverse();
    Some(bytes)
}

/// Bytes in base 58.
pub fn encode(bytes: &[u8], digits: &Digits) -> String {
    let mut numbers: Vec<u8> = Vec::new();
    for &byte in bytes {
        let mut carry = usize::from(byte);
        for number in &mut numbers {
            carry += usize::from(*number) << 8;
            *number = (carry % 58) as u8;
            carry /= 58;
        }
        while carry > 0 {
            numbers.push((carry % 58) as u8);
            carry /= 58;
        }
    }
    numbers.extend(bytes.iter().take_while(|byte| **byte == 0).map(|_| 0));
    numbers.iter().rev().map(|number| char::from(digits[usize::from(*number)])).collect()
}

/// The rest of a key of which the beginning stands at the end of `before`, such as `xprv` or `K`.
pub fn check_of(before: &str, random: &mut dyn FnMut() -> u64) -> Option<String> {
    rest_of(before, BITCOIN, KINDS, random)
}

/// The same for a seed of the XRP Ledger, after `s` or `sEd`.
pub fn ripple_of(before: &str, random: &mut dyn FnMut() -> u64) -> Option<String> {
    rest_of(before, RIPPLE, RIPPLE_KINDS, random)
}

fn rest_of(before: &str, digits: &Digits, kinds: &[Kind], random: &mut dyn FnMut() -> u64) -> Option<String> {
    /// A version alone does not always settle the first characters.
    const TRIES: usize = 2000;
    let (prefix, version, length, end, _) =
        kinds.iter().filter(|kind| before.ends_with(kind.0)).max_by_key(|kind| kind.0.len())?;
    (0..TRIES).find_map(|_| {
        let key = (0..*length).map(|_| random() as u8);
        let mut bytes: Vec<u8> = version.iter().copied().chain(key).chain(end.iter().copied()).collect();
        bytes.extend(checksum(&bytes));
        encode(&bytes, digits).strip_prefix(prefix).map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Published vectors; parts are joined here only, so that no file holds a string that looks live.

    fn details(judgement: &Judgement) -> Vec<&str> {
        judgement.details.iter().map(|(_, value)| value.as_str()).collect()
    }

    #[test]
    fn published_keys() {
        let keys: [(&[&str], &[&str]); 3] = [
            (&["KwDiBf89QgGbjEhKnhXJ", "uH7LrciVrZi3qYjgd9M7rFU73sVHnoWn"], &["main"]),
            (
                &[
                    "xprv9s21ZrQH143K2bAfr1rHgv55jkNELBq8Q7ouSACGYmTAKq",
                    "KaAne9xfavifT4BrR8D9tw8dwryGi7ZDm8Na95n1oWJN4fc63np1Bo7HXY2cB",
                ],
                &["main"],
            ),
            (&["edsk", "41PLdKbLxexo2Nvr6kpgywafRBkhTyefiYcwsLCy27FiyohKdr"], &["ed25519"]),
        ];
        for (parts, said) in keys {
            let judgement = check(parts.concat().as_bytes(), "Bitcoin");
            assert!(judgement.proved, "{}", parts[0]);
            assert_eq!(details(&judgement), said, "{}", parts[0]);
        }
        let seed = ["snGxHn1Rc", "go6tQ6WiGVuC7sZBw3HF"].concat();
        assert_eq!(details(&ripple(seed.as_bytes(), "XRP Ledger")), ["secp256k1"]);
        assert!(check(seed.as_bytes(), "XRP Ledger").implausible.is_some());
    }

    #[test]
    fn made_keys_fit_their_kind() {
        let mut random = crate::rules::sample::Random::new(3);
        let kinds = [(KINDS, BITCOIN, false), (RIPPLE_KINDS, RIPPLE, true)];
        for (kinds, digits, ripples) in kinds {
            for (prefix, version, length, end, _) in kinds {
                let key = format!("{prefix}{}", rest_of(prefix, digits, kinds, &mut || random.number()).unwrap());
                let judgement = if ripples { ripple(key.as_bytes(), "x") } else { check(key.as_bytes(), "x") };
                assert!(judgement.proved, "{prefix}");
                let bytes = decode(key.as_bytes(), digits).unwrap();
                assert_eq!(bytes.len(), version.len() + length + end.len() + CHECK_LEN, "{prefix}");
            }
        }
        assert_eq!(check_of("KEY=0", &mut || random.number()), None);
    }

    #[test]
    fn lengths_are_those_that_rules_look_for() {
        let mut random = crate::rules::sample::Random::new(4);
        for (prefix, length) in [("K", 52), ("5", 51), ("xprv", 111), ("vprv", 111), ("6P", 58), ("edsk", 54)] {
            assert_eq!(prefix.len() + check_of(prefix, &mut || random.number()).unwrap().len(), length, "{prefix}");
        }
        for (prefix, length) in [("edskR", 98), ("spsk", 54), ("p2sk", 54), ("edesk", 88), ("spesk", 88)] {
            assert_eq!(prefix.len() + check_of(prefix, &mut || random.number()).unwrap().len(), length, "{prefix}");
        }
        for (prefix, length) in [("s", 29), ("sEd", 31)] {
            assert_eq!(prefix.len() + ripple_of(prefix, &mut || random.number()).unwrap().len(), length, "{prefix}");
        }
    }

    #[test]
    fn zeros_and_bounds() {
        for bytes in [&b""[..], b"\0", b"\0\0\x01", b"\xff\xff", b"\0\xff\0"] {
            assert_eq!(decode(encode(bytes, BITCOIN).as_bytes(), BITCOIN).as_deref(), Some(bytes));
        }
        assert_eq!(decode(b"0OIl", BITCOIN), None);
        assert_eq!(decode(&[b'1'; LONGEST + 1], BITCOIN), None);
        assert!(check(b"", "x").implausible.is_some());
    }
}
