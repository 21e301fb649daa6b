//! Keys of elliptic curves: what the bytes of one must satisfy.

use data_encoding::{BASE32, BASE64, BASE64_NOPAD};
use ed25519_compact::{KeyPair, Seed};

use super::base58::{self, BITCOIN};
use super::checksum::no_key;
use super::{Judgement, examples};

/// The order of secp256k1: keys are less (SEC 2).
const SECP256K1_ORDER: [u8; 32] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, //
    0xBA, 0xAE, 0xDC, 0xE6, 0xAF, 0x48, 0xA0, 0x3B, 0xBF, 0xD2, 0x5E, 0x8C, 0xD0, 0x36, 0x41, 0x41,
];

/// 64 hexadecimal digits, perhaps after `0x`, in lower case.
fn hex_key(secret: &[u8]) -> String {
    let digits = secret.strip_prefix(b"0x").or_else(|| secret.strip_prefix(b"0X")).unwrap_or(secret);
    String::from_utf8_lossy(digits).to_ascii_lowercase()
}

/// A private key of secp256k1 in hexadecimal: neither zero nor as large as the order of the curve. Nearly every 32
/// bytes pass, so it proves nothing.
pub fn secp256k1(secret: &[u8]) -> Judgement {
    match data_encoding::HEXLOWER.decode(hex_key(secret).as_bytes()) {
        Ok(key) if key.len() == 32 && key.iter().any(|byte| *byte > 0) && key[..] < SECP256K1_ORDER[..] => {
            Judgement::default()
        }
        _ => Judgement::implausible("not a private key: out of the range of its curve"),
    }
}

/// Accounts that development tools make for everybody, in whatever case their keys are written.
pub fn development_account(secret: &[u8]) -> Judgement {
    match examples::published(hex_key(secret).as_bytes()) {
        Some(place) => Judgement::implausible(format!("documented example: {place}")),
        None => Judgement::default(),
    }
}

/// A private key of X25519 in base64, made as `wg genkey` makes them. Other keys work as well, and one in 32 random
/// values has these bits: it proves nothing.
pub fn x25519(secret: &[u8]) -> Judgement {
    match BASE64.decode(secret).as_deref() {
        Ok([first, .., last]) if first & 0b111 == 0 && last >> 6 == 0b01 => Judgement::default(),
        _ => Judgement::implausible("it is not clamped: not made by a tool for X25519"),
    }
}

/// A private key of X25519.
pub fn x25519_of(random: &mut dyn FnMut() -> u64) -> String {
    let mut bytes = key_of(random);
    bytes[0] &= !0b111;
    bytes[31] = bytes[31] & 0b11_1111 | 0b100_0000;
    BASE64.encode(&bytes)
}

fn key_of(random: &mut dyn FnMut() -> u64) -> [u8; 32] {
    std::array::from_fn(|_| random() as u8)
}

/// 64 bytes in base64 or as an array of numbers: a seed of Ed25519 and its public key.
pub fn ed25519_pair(secret: &[u8], provider: &str) -> Judgement {
    let bytes = if secret.starts_with(b"[") {
        numbers(secret)
    } else {
        BASE64.decode(secret).or_else(|_| BASE64_NOPAD.decode(secret)).ok()
    };
    pair(bytes, provider)
}

/// The same in base 58, perhaps after `ed25519:`. The public key is the account's name, on Solana and NEAR.
pub fn ed25519_pair_base58(secret: &[u8], provider: &str) -> Judgement {
    let text = secret.strip_prefix(b"ed25519:").unwrap_or(secret);
    pair(base58::decode(text, BITCOIN), provider)
}

fn numbers(secret: &[u8]) -> Option<Vec<u8>> {
    serde_json::from_slice(secret).ok()
}

fn pair(bytes: Option<Vec<u8>>, provider: &str) -> Judgement {
    let public = |bytes: &Vec<u8>| {
        let (seed, public) = bytes.split_at_checked(32)?;
        (public_key(seed)? == public).then(|| base58::encode(public, BITCOIN))
    };
    match bytes.as_ref().and_then(public) {
        Some(public) => Judgement::proved().detail("public_key", public),
        None => {
            let why = "the second half is not the public key of the first: not a key of";
            Judgement::implausible(format!("{why} {provider}"))
        }
    }
}

/// The public key of a seed of Ed25519.
fn public_key(seed: &[u8]) -> Option<[u8; 32]> {
    let seed = Seed::from_slice(seed).ok()?;
    // A seed of zeros is refused.
    Some(*KeyPair::try_from_seed(seed).ok()?.pk)
}

/// A seed and its public key: as numbers after `[`, else in base64.
pub fn ed25519_pair_of(before: &str, random: &mut dyn FnMut() -> u64) -> Option<String> {
    let bytes = pair_of(random)?;
    if before.ends_with('[') {
        return Some(bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", "));
    }
    Some(BASE64.encode(&bytes))
}

/// A seed and its public key in base 58.
pub fn ed25519_pair_base58_of(random: &mut dyn FnMut() -> u64) -> Option<String> {
    Some(base58::encode(&pair_of(random)?, BITCOIN))
}

fn pair_of(random: &mut dyn FnMut() -> u64) -> Option<Vec<u8>> {
    let seed = key_of(random);
    Some([seed, public_key(&seed)?].concat())
}

/// The first byte of Stellar's secret seeds, and of its account names (SEP-23).
const STELLAR_SEED: u8 = 18 << 3;
const STELLAR_ACCOUNT: u8 = 6 << 3;

/// Stellar's secret seed in base32: a version, 32 bytes, and a CRC-16. It says which account it opens.
pub fn stellar(secret: &[u8], provider: &str) -> Judgement {
    let bytes = BASE32.decode(secret).unwrap_or_default();
    let seed = match bytes.as_slice() {
        [STELLAR_SEED, seed @ .., low, high] if seed.len() == 32 => {
            (strkey(STELLAR_SEED, seed).ends_with(&[*low, *high])).then_some(seed)
        }
        _ => None,
    };
    let Some(seed) = seed else { return no_key(provider) };
    match public_key(seed) {
        Some(public) => Judgement::proved().detail("account", BASE32.encode(&strkey(STELLAR_ACCOUNT, &public))),
        None => Judgement::proved(),
    }
}

/// Version, key, and their CRC-16 (XMODEM), the least significant byte first.
fn strkey(version: u8, key: &[u8]) -> Vec<u8> {
    checked([&[version], key].concat())
}

fn checked(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = bytes.iter().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| crc << 1 ^ if crc >> 15 == 1 { 0x1021 } else { 0 })
    });
    bytes.extend(crc.to_le_bytes());
    bytes
}

/// What kinds of NATS identities there are, by the prefix of their public keys, and whether they are of Ed25519
/// (github.com/nats-io/nkeys: strkey.go, xkeys.go).
const NKEY_KINDS: [(u8, &str, bool); 6] = [
    (20 << 3, "user", true),
    (0, "account", true),
    (14 << 3, "operator", true),
    (13 << 3, "server", true),
    (2 << 3, "cluster", true),
    (23 << 3, "curve", false),
];
/// The five bits that say seed, before the eight of its kind.
const NKEY_SEED: u8 = 18 << 3;

/// A seed of NATS in base32: which kind of seed in two bytes, 32 bytes, and the CRC-16 of all before. It says whose it
/// is, and its public key.
pub fn nkey(secret: &[u8], provider: &str) -> Judgement {
    let padded = [secret, b"======"].concat();
    let bytes = BASE32.decode(&padded).unwrap_or_default();
    let [high, low, seed @ .., _, _] = bytes.as_slice() else { return no_key(provider) };
    let kind = NKEY_KINDS.iter().find(|(kind, ..)| [NKEY_SEED | kind >> 5, kind << 3] == [*high, *low]);
    let Some((prefix, kind, ed25519)) = kind.filter(|_| checked([&[*high, *low], seed].concat()) == bytes) else {
        return no_key(provider);
    };
    let judgement = Judgement::proved().detail("kind", *kind);
    match public_key(seed).filter(|_| *ed25519) {
        Some(public) => judgement.detail("public_key", BASE32.encode(&strkey(*prefix, &public))),
        None => judgement,
    }
}

/// A seed of NATS, of the kind that stands at the end of `before`, or of a user.
pub fn nkey_of(before: &str, random: &mut dyn FnMut() -> u64) -> String {
    let whole = |prefix: u8, random: &mut dyn FnMut() -> u64| {
        let bytes = [&[NKEY_SEED | prefix >> 5, prefix << 3], key_of(random).as_slice()].concat();
        BASE32.encode(&checked(bytes)).trim_end_matches('=').to_owned()
    };
    let seeds = NKEY_KINDS.map(|(prefix, ..)| whole(prefix, random));
    let begun = seeds.iter().find(|seed| before.ends_with(&seed[..2]));
    begun.map_or_else(|| seeds[0].clone(), |seed| seed[2..].to_owned())
}

/// A secret seed of Stellar.
pub fn stellar_of(random: &mut dyn FnMut() -> u64) -> String {
    BASE32.encode(&strkey(STELLAR_SEED, &key_of(random)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::sample::Random;

    // Published vectors; parts are joined here only, so that no file holds a string that looks live.

    /// RFC 8032, the first test.
    const PAIR: [&str; 2] =
        ["49W385L4rePHy6PAaQUovbD2aacgN4HsKXSMeUzRg4fm", "wXszN91JuMFrQRj3vMDpZuRF3ZknQBuRBoWQJEfXstMw"];

    #[test]
    fn pairs_in_every_form() {
        let base58 = PAIR.concat();
        let bytes = base58::decode(base58.as_bytes(), BITCOIN).unwrap();
        let said = [("public_key".to_owned(), base58::encode(&bytes[32..], BITCOIN))];
        let numbers = format!("{bytes:?}");
        let lines = numbers.replace(", ", " ,\n  ");
        for form in [numbers.clone(), numbers.replace(' ', ""), lines, BASE64.encode(&bytes)] {
            let judgement = ed25519_pair(form.as_bytes(), "Solana");
            assert!(judgement.proved);
            assert_eq!(judgement.details, said);
        }
        for form in [base58.clone(), format!("ed25519:{base58}")] {
            assert!(ed25519_pair_base58(form.as_bytes(), "NEAR").proved);
        }
        assert!(ed25519_pair_base58(&[b'1'; 64], "Solana").implausible.is_some());
    }

    #[test]
    fn one_character_of_a_pair_is_enough_to_fail() {
        let base58 = PAIR.concat();
        for at in 0..base58.len() {
            let mut wrong = base58.clone().into_bytes();
            wrong[at] = if wrong[at] == b'z' { b'y' } else { b'z' };
            let why = ed25519_pair_base58(&wrong, "Solana").implausible;
            let expected = "the second half is not the public key of the first: not a key of Solana";
            assert_eq!(why.as_deref(), Some(expected), "{at}");
        }
        let bytes = base58::decode(base58.as_bytes(), BITCOIN).unwrap();
        for at in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] ^= 1;
            assert!(ed25519_pair(format!("{wrong:?}").as_bytes(), "Solana").implausible.is_some(), "{at}");
            assert!(ed25519_pair(BASE64.encode(&wrong).as_bytes(), "Coinbase").implausible.is_some(), "{at}");
        }
        for nothing in ["", "[]", "[1,2,256]", "[1", "ed25519:"] {
            assert!(ed25519_pair(nothing.as_bytes(), "x").implausible.is_some(), "{nothing}");
            assert!(ed25519_pair_base58(nothing.as_bytes(), "x").implausible.is_some(), "{nothing}");
        }
    }

    #[test]
    fn stellar_seeds_name_their_account() {
        let seed = ["SCBFMQCOIEBVLTUZ56LK", "ZLS72YAYVL2WPQYINE6G7IDRYATPMFRZIZNP"].concat();
        let judgement = stellar(seed.as_bytes(), "Stellar");
        assert!(judgement.proved);
        assert!(judgement.details[0].1.starts_with('G') && judgement.details[0].1.len() == 56);
        for at in 0..seed.len() {
            let mut wrong = seed.clone().into_bytes();
            wrong[at] = if wrong[at] == b'A' { b'B' } else { b'A' };
            let why = stellar(&wrong, "Stellar").implausible;
            assert_eq!(why.as_deref(), Some("its checksum does not fit: not a key of Stellar"), "{at}");
        }
        // Ed25519 knows no account for it.
        let zeros = BASE32.encode(&strkey(STELLAR_SEED, &[0; 32]));
        assert!(stellar(zeros.as_bytes(), "Stellar").proved);
    }

    #[test]
    fn seeds_of_nats_name_their_public_key() {
        let seed = ["SUACSSL3UAHUDXKFSNVUZRF5UHPMW", "Z6BFDTJ7M6USDXIEDNPPQYYYCU3VY"].concat();
        let judgement = nkey(seed.as_bytes(), "NATS");
        assert!(judgement.proved);
        assert_eq!(judgement.details[0].1, "user");
        assert_eq!(judgement.details[1].1, "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4");
        for at in 0..seed.len() {
            let mut wrong = seed.clone().into_bytes();
            wrong[at] = if wrong[at] == b'A' { b'B' } else { b'A' };
            let why = nkey(&wrong, "NATS").implausible;
            assert_eq!(why.as_deref(), Some("its checksum does not fit: not a key of NATS"), "{at}");
        }
        let mut random = Random::new(7);
        for start in ["SU", "SA", "SO", "SN", "SC", "SX"] {
            let seed = format!("{start}{}", nkey_of(start, &mut || random.number()));
            let judgement = nkey(seed.as_bytes(), "NATS");
            assert!(judgement.proved && seed.len() == 58, "{seed}");
            // A curve's public key is another computation.
            assert_eq!(judgement.details.len(), if start == "SX" { 1 } else { 2 });
        }
        assert!(nkey(b"", "NATS").implausible.is_some());
    }

    #[test]
    fn the_range_of_secp256k1() {
        let order = data_encoding::HEXLOWER.encode(&SECP256K1_ORDER);
        let (start, last) = order.split_at(63);
        assert_eq!(last, "1");
        for key in [format!("0x{start}0"), format!("{start}0").to_uppercase(), format!("{}1", "0".repeat(63))] {
            let judgement = secp256k1(key.as_bytes());
            assert!(judgement.implausible.is_none() && !judgement.proved, "{key}");
        }
        for key in [order.clone(), format!("0x{}", "f".repeat(64)), "0".repeat(64), "0x12".into(), String::new()] {
            let why = secp256k1(key.as_bytes()).implausible;
            assert_eq!(why.as_deref(), Some("not a private key: out of the range of its curve"), "{key}");
        }
    }

    #[test]
    fn development_accounts_in_any_case() {
        let first = ["ac0974bec39a17e36ba4a6b4d238ff94", "4bacb478cbed5efcae784d7bf4f2ff80"].concat();
        for key in [first.clone(), format!("0x{first}"), first.to_uppercase(), format!("0X{}", first.to_uppercase())] {
            let why = development_account(key.as_bytes()).implausible;
            assert_eq!(why.as_deref(), Some("documented example: Hardhat and Anvil development accounts"), "{key}");
        }
        let other = first.replacen('a', "b", 1);
        assert!(development_account(other.as_bytes()).implausible.is_none());
    }

    #[test]
    fn made_keys_fit() {
        let mut random = Random::new(5);
        let mut random = || random.number();
        for _ in 0..50 {
            assert!(x25519(x25519_of(&mut random).as_bytes()).implausible.is_none());
            assert!(stellar(stellar_of(&mut random).as_bytes(), "x").proved);
            let pair = ed25519_pair_of("key=", &mut random).unwrap();
            assert!(ed25519_pair(pair.as_bytes(), "x").proved && pair.len() == 88);
            let pair = format!("[{}]", ed25519_pair_of("[", &mut random).unwrap());
            assert!(ed25519_pair(pair.as_bytes(), "x").proved);
            let pair = ed25519_pair_base58_of(&mut random).unwrap();
            assert!(ed25519_pair_base58(pair.as_bytes(), "x").proved && (86..=88).contains(&pair.len()), "{pair}");
        }
        let loose = BASE64.encode(&[1; 32]);
        assert!(x25519(loose.as_bytes()).implausible.is_some());
    }
}
