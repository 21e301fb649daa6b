//! Bech32 (BIP-173): a name, `1`, and digits of five bits of which the last six are a checksum over all.

use super::Judgement;
use super::checksum::{no_key, token_at_end};

const DIGITS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const CHECK_LEN: usize = 6;
/// How long a name may be.
const LONGEST_NAME: usize = 83;

/// A key in bech32, in letters of one case.
pub fn check(secret: &[u8], provider: &str) -> Judgement {
    let lower = secret.to_ascii_lowercase();
    if secret != lower && secret != secret.to_ascii_uppercase() {
        return no_key(provider);
    }
    let Some((name, digits)) = split(&lower) else { return no_key(provider) };
    if digits.len() < CHECK_LEN || remainder(name, &digits) != 1 {
        return no_key(provider);
    }
    let judgement = Judgement::proved();
    // Sui: the first byte says the scheme.
    let scheme = match (name, digits.as_slice()) {
        (b"suiprivkey", [0, 0..=3, ..]) => "ed25519",
        (b"suiprivkey", [0, 4..=7, ..]) => "secp256k1",
        (b"suiprivkey", [0, 8..=11, ..]) => "secp256r1",
        _ => return judgement,
    };
    judgement.detail("curve", scheme)
}

/// The name and the values of the digits.
fn split(lower: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let at = lower.iter().rposition(|byte| *byte == b'1')?;
    let value = |byte: &u8| DIGITS.iter().position(|digit| digit == byte).map(|value| value as u8);
    let name = lower.get(..at).filter(|name| (1..=LONGEST_NAME).contains(&name.len()))?;
    Some((name, lower[at + 1..].iter().map(value).collect::<Option<_>>()?))
}

/// What remains of name and digits by the code's polynomial; 1 if the checksum fits.
fn remainder(name: &[u8], digits: &[u8]) -> u32 {
    const GENERATOR: [u32; 5] = [0x3B6A_57B2, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3];
    let high = name.iter().map(|byte| byte >> 5);
    let low = name.iter().map(|byte| byte & 31);
    high.chain([0]).chain(low).chain(digits.iter().copied()).fold(1, |sum, value| {
        let top = sum >> 25;
        let sum = (sum & 0x01FF_FFFF) << 5 ^ u32::from(value);
        GENERATOR.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1).fold(sum, |sum, (_, term)| sum ^ term)
    })
}

/// The checksum of a key of which all else stands at the end of `before`.
pub fn check_of(before: &str) -> Option<String> {
    let token = token_at_end(before);
    let lower = token.to_ascii_lowercase();
    let (name, mut digits) = split(lower.as_bytes())?;
    digits.extend([0; CHECK_LEN]);
    let sum = remainder(name, &digits) ^ 1;
    let digit = |at: usize| char::from(DIGITS[(sum >> (5 * (CHECK_LEN - 1 - at)) & 31) as usize]);
    let check: String = (0..CHECK_LEN).map(digit).collect();
    Some(if token == lower { check } else { check.to_ascii_uppercase() })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Published or synthetic vectors; parts are joined here only, so that no file holds a string that looks live.

    const KEYS: &[&[&str]] = &[
        &["AGE-SEC", "RET-KEY-1", "QYL4GSQVSTDQSQMHTXK6JPAGHPJWJL0GRSYG5XPQVTZT2C30624S", "6HE75Y"],
        &["nsec1", "676lk3h8cu2nny7rcpnvapf9mnvus3cz99jfu9eavkp4n3ezlguq", "t8zku4"],
        &["nsec1", "3afe9erpz7tyck7u3y5euwh62epmkjpsjm0dj723ye4625f5exgq", "n5znx9"],
        &["suiprivkey1", "qqjyujeyuen7hux20x8yjmcspzmn39grc63ewhg9vt5s07fejl7u55", "l9hvq"],
    ];

    #[test]
    fn published_keys_and_their_checksums() {
        for parts in KEYS {
            let key = parts.concat();
            assert!(check(key.as_bytes(), "age").proved, "{}", parts[0]);
            let (start, sum) = key.split_at(key.len() - CHECK_LEN);
            assert_eq!(check_of(&format!("KEY={start}")).as_deref(), Some(sum), "{}", parts[0]);
        }
        let sui = KEYS[3].concat();
        assert_eq!(check(sui.as_bytes(), "Sui").details, [("curve".to_owned(), "ed25519".to_owned())]);
    }

    #[test]
    fn one_character_or_case_is_enough_to_fail() {
        for parts in KEYS {
            let key = parts.concat();
            for at in key.rfind('1').unwrap() + 1..key.len() {
                let mut wrong = key.clone().into_bytes();
                wrong[at] = if wrong[at].eq_ignore_ascii_case(&b'q') { b'p' } else { b'q' };
                if key.starts_with("AGE") {
                    wrong[at] = wrong[at].to_ascii_uppercase();
                }
                let why = check(&wrong, "age").implausible;
                assert_eq!(why.as_deref(), Some("its checksum does not fit: not a key of age"), "{} {at}", parts[0]);
            }
            let mut mixed = key.into_bytes();
            let last = mixed.iter().rposition(u8::is_ascii_alphabetic).unwrap();
            mixed[last] ^= 0x20;
            assert!(check(&mixed, "age").implausible.is_some());
        }
        for nothing in ["", "1", "nsec1", "1qqqqqqqq", "nsec", "nsec1b"] {
            assert!(check(nothing.as_bytes(), "age").implausible.is_some(), "{nothing}");
        }
    }
}
