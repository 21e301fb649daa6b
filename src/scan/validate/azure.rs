//! The marks that Microsoft builds into Azure keys (microsoft/security-utilities): Marvin32 over the key's bytes with a
//! seed that says what the key is for, and a CRC-32 in older Azure DevOps tokens.

use data_encoding::{BASE32, BASE64, BASE64URL};

use super::Judgement;
use super::checksum::{BASE62, based, misfit};
use super::encoded::decode_any;

/// A signature, its seeds and what each stands for. `""`: the key has only one meaning.
type Mark = (&'static str, &'static [(&'static [u8; 8], &'static str)]);

const BUS: &[(&[u8; 8], &str)] = &[(b"Send0000", "send"), (b"Listen00", "listen"), (b"Manage00", "manage")];

/// The offset of a signature in the key's characters, and what may stand there.
const MARKS: &[(usize, &[Mark])] = &[
    (
        76,
        &[
            ("+ASt", &[(b"Default0", "")]),
            (
                "ACDb",
                &[
                    (b"MastRW00", "master, read and write"),
                    (b"MastRO00", "master, read only"),
                    (b"SysAll00", "system, all"),
                    (b"Resour00", "resource token"),
                    (b"SystRW00", "system, read and write"),
                    (b"SystRO00", "system, read only"),
                    (b"Encryp00", "encryption"),
                ],
            ),
            (
                "APIM",
                &[(b"Tenant00", "tenant"), (b"Gateway0", "gateway"), (b"GitKey00", "git"), (b"IoTHub00", "IoT Hub")],
            ),
            ("+ABa", &[(b"AbAcct00", "")]),
            ("+AMC", &[(b"Classic0", "")]),
        ],
    ),
    (
        33,
        &[
            ("+ASb", BUS),
            ("+AEh", BUS),
            ("+ARm", BUS),
            ("AzCa", &[(b"Access00", "")]),
            ("AIoT", &[(b"IoTHub00", "IoT Hub"), (b"Device00", "device"), (b"DpsKey00", "device provisioning")]),
        ],
    ),
    (44, &[("AzFu", &[(b"Functi00", "function"), (b"Master00", "master"), (b"System00", "system")])]),
    (42, &[("+ACR", &[(b"ACRDflt0", "")]), ("AzSe", &[(b"PAdmin00", "admin"), (b"Query000", "query")])]),
];

/// Marvin32 with both halves folded into one, as .NET computes it.
fn marvin32(data: &[u8], seed: &[u8; 8]) -> u32 {
    let seed = u64::from_be_bytes(*seed);
    let (mut low, mut high) = (seed as u32, (seed >> 32) as u32);
    let mut mix = |word: u32| {
        low = low.wrapping_add(word);
        high ^= low;
        low = low.rotate_left(20).wrapping_add(high);
        high = high.rotate_left(9) ^ low;
        low = low.rotate_left(27).wrapping_add(high);
        high = high.rotate_left(19);
        low ^ high
    };
    let (words, rest) = data.as_chunks::<4>();
    words.iter().for_each(|word| {
        mix(u32::from_le_bytes(*word));
    });
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x80;
    mix(u32::from_le_bytes(last));
    mix(0)
}

/// A key with a signature: its last four bytes are Marvin32 of all before, under one of the signature's seeds.
pub fn marked_key(secret: &[u8], provider: &str) -> Judgement {
    let Some(seeds) = mark_at(secret) else { return Judgement::default() };
    let (Some(bytes), Some(swapped)) = (decode_any(secret), decode_any(&swap(secret))) else {
        return misfit(provider);
    };
    let fits = |data: &[u8], check: &[u8], seed| data.len() >= 4 && marvin32(data, seed).to_le_bytes() == check;
    for (seed, meaning) in seeds {
        // Redis has a variant that swaps `+` and `/` before hashing.
        let halves = |bytes: &[u8]| bytes.split_last_chunk::<4>().map(|(data, check)| (data.to_vec(), *check));
        let (Some((data, check)), Some((other, other_check))) = (halves(&bytes), halves(&swapped)) else { break };
        if fits(&data, &check, seed) || fits(&other, &check, seed) || fits(&other, &other_check, seed) {
            let judgement = Judgement::proved();
            return if meaning.is_empty() { judgement } else { judgement.detail("key_type", *meaning) };
        }
    }
    misfit(provider)
}

fn swap(secret: &[u8]) -> Vec<u8> {
    let other = |byte: &u8| match byte {
        b'+' => b'/',
        b'/' => b'+',
        other => *other,
    };
    secret.iter().map(other).collect()
}

fn mark_at(secret: &[u8]) -> Option<&'static [(&'static [u8; 8], &'static str)]> {
    MARKS.iter().find_map(|(offset, marks)| {
        let found = secret.get(*offset..offset + 4)?;
        marks.iter().find(|(mark, _)| mark.as_bytes() == found).map(|(_, seeds)| *seeds)
    })
}

/// The characters that complete a key of which all up to its signature stands at the end of `before`.
pub fn marked_key_of(before: &str) -> Option<String> {
    let (offset, mark, seed) = MARKS.iter().find_map(|(offset, marks)| {
        let (mark, seeds) = marks.iter().find(|(mark, _)| before.ends_with(mark))?;
        Some((*offset, *mark, seeds.first()?.0))
    })?;
    let start = before.get(before.len().checked_sub(offset + 4)?..)?;
    // Zero-filled to whole bytes: `A` stands for six zero bits.
    let length = (start.len() * 6).div_ceil(8);
    let mut padded = start.to_owned();
    while padded.len() * 6 < length * 8 {
        padded.push('A');
    }
    let mut bytes = decode_any(padded.as_bytes())?;
    bytes.truncate(length);
    let check = marvin32(&bytes, seed).to_le_bytes();
    bytes.extend(check);
    let whole = if mark == "AzFu" { BASE64URL.encode(&bytes) } else { BASE64.encode(&bytes) };
    whole.get(start.len()..).map(str::to_owned)
}

/// How much of a CASK key its check covers: 80 characters, 60 bytes.
const CASK_LEN: usize = 80;

/// A CASK key (84 characters): the last four are the start of Marvin32 over the bytes before, in base62, or the whole
/// of its first three bytes in base64.
pub fn cask(secret: &[u8], provider: &str) -> Judgement {
    let (Some(start), Some(check)) = (secret.get(..CASK_LEN), secret.get(CASK_LEN..CASK_LEN + 4)) else {
        return Judgement::default();
    };
    match cask_checks(start) {
        Some((base62, base64)) if base62.as_bytes() == check || base64.as_bytes() == check => Judgement::proved(),
        _ => misfit(provider),
    }
}

/// The check characters of a CASK key of which all else stands at the end of `before`.
pub fn cask_of(before: &str) -> Option<String> {
    let start = before.get(before.len().checked_sub(CASK_LEN)?..)?;
    Some(cask_checks(start.as_bytes())?.0)
}

fn cask_checks(start: &[u8]) -> Option<(String, String)> {
    let hash = marvin32(&decode_any(start)?, b"Default0").to_le_bytes();
    // Without leading zeros, filled up on the right.
    let number = based(u64::from(u32::from_be_bytes(hash)), BASE62, 6);
    let digits = format!("{:0<6}", number.trim_start_matches('0'));
    Some((digits.chars().take(4).collect(), BASE64.encode(&hash[..3])))
}

/// What the CRC-32 of an older Azure DevOps token is combined with, for tokens of users and of applications.
const DEVOPS_SEEDS: [u32; 2] = [0xE0B9_692D, 0x1019_F92E];

/// An older Azure DevOps token: 52 characters of base32, with the bytes of a CRC-32 strewn in.
pub fn devops(secret: &[u8]) -> Judgement {
    let Some(bytes) = base32_of(secret) else { return Judgement::rejected() };
    let crc = crc32fast::hash(&devops_data(&bytes));
    let stored = u32::from_be_bytes([bytes[2], bytes[7], bytes[8], bytes[22]]);
    // Any 52 characters of base32 have this shape: without the checksum it is not one.
    if DEVOPS_SEEDS.iter().any(|seed| crc ^ seed == stored) { Judgement::proved() } else { Judgement::rejected() }
}

fn base32_of(secret: &[u8]) -> Option<[u8; 32]> {
    let mut padded = secret.to_ascii_uppercase();
    padded.resize(56, b'=');
    if secret.len() != 52 { None } else { BASE32.decode(&padded).ok()?.try_into().ok() }
}

fn devops_data(bytes: &[u8; 32]) -> Vec<u8> {
    [&bytes[0..2], &bytes[3..7], &bytes[9..22], &bytes[23..32]].concat()
}

/// A whole token of a user.
pub fn devops_of(random: &mut dyn FnMut() -> u64) -> String {
    let mut bytes: [u8; 32] = std::array::from_fn(|_| random() as u8);
    let stored = (crc32fast::hash(&devops_data(&bytes)) ^ DEVOPS_SEEDS[0]).to_be_bytes();
    for (at, byte) in [2, 7, 8, 22].into_iter().zip(stored) {
        bytes[at] = byte;
    }
    BASE32.encode(&bytes).trim_end_matches('=').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROVIDER: &str = "Microsoft Azure";

    /// Synthetic vectors, never issued; parts are joined here only, so that no file holds a string that looks live.
    const MARKED: &[(&[&str], Option<&str>)] = &[
        (&["40rMoTEf03kMfL0mmL0QzNYF0uzEiHXCOyQykDUVd3GFCRAbojRCO/ZsL7yNmQXELQPWAcQfX7X+", "+ASt", "aXqnvw=="], None),
        (
            &["U5fOiRRcl44tyiw6DOec0Xxl1PhUtkUwc5vOdo0dHnfgJejc2BTrBEhI5qMKjN6p+VzbKDoODqg8", "ACDb", "10RajA=="],
            Some("master, read and write"),
        ),
        (&["aAOFxrpzUNo1J5u4QInZMj+bV7ABuwOL0", "+ASb", "aibqx4="], Some("send")),
        (&["3K/Oufgx88PXhZqNyCuYRg7OvyNtKvktn", "AzCa", "BnoPCs="], None),
        (&["wDZzU9n3xX-soqw-CAi9Iu0dbWcd6cdkzt1KQoaAmPNY", "AzFu", "PEjgRA=="], Some("function")),
        (&["hcTBRnzbwYk0eAHx5yiikgWkDa9vhK7msxlvYc5bKb", "+ACR", "BjBkO0"], None),
        (&["S03rtVyU7cwhXDmPxSWOVvS9wpJeVxky4nczNxyWTV", "AzSe", "P8XCSn"], Some("admin")),
    ];

    #[test]
    fn keys_with_a_signature() {
        for (parts, meaning) in MARKED {
            let key = parts.concat();
            let judgement = marked_key(key.as_bytes(), PROVIDER);
            assert!(judgement.proved, "{}", parts[1]);
            assert_eq!(judgement.details.first().map(|d| d.1.as_str()), *meaning, "{}", parts[1]);
            let mut wrong = key.into_bytes();
            wrong[3] = if wrong[3] == b'A' { b'B' } else { b'A' };
            let why = marked_key(&wrong, PROVIDER).implausible;
            assert_eq!(why.as_deref(), Some("its checksum does not fit: never issued by Microsoft Azure"));
        }
    }

    #[test]
    fn generated_keys_pass() {
        for (parts, _) in MARKED {
            let before = format!("KEY={}{}", parts[0], parts[1]);
            let key = parts[..2].concat() + &marked_key_of(&before).unwrap();
            assert_eq!(key.len(), parts.concat().len());
            assert!(marked_key(key.as_bytes(), PROVIDER).proved, "{}", parts[1]);
        }
        assert_eq!(marked_key_of("short+ASt"), None);
    }

    #[test]
    fn cask_keys() {
        for (mark, check) in [("AZDO", "4fME"), ("ACOG", "2dNY")] {
            let start =
                ["mtHiWMSLHFwXr6jVBgE654KeW4aRhkRyMUx2fS8RNM0VVwazh9PE", "JQQJ99", "BFACAAAAAAAAAAAAAS", mark].concat();
            assert!(cask(format!("{start}{check}").as_bytes(), PROVIDER).proved);
            assert_eq!(cask_of(&format!("PAT={start}")).unwrap(), check);
            assert!(cask(format!("{start}AAAA").as_bytes(), PROVIDER).implausible.is_some());
        }
    }

    #[test]
    fn devops_tokens() {
        // keysieve:allow a test vector in two pieces, never issued
        let token = ["evv4bkjf3h3trhnqlyworifiym", "6nn4j6sb7nzyfivqg7xmuwk7oa"].concat();
        assert!(devops(token.as_bytes()).proved);
        let wrong = ["fvv4bkjf3h3trhnqlyworifiym", "6nn4j6sb7nzyfivqg7xmuwk7oa"].concat();
        assert!(devops(wrong.as_bytes()).reject);
        let mut next = 1_u64;
        let mut random = || {
            next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            next >> 40
        };
        assert!(devops(devops_of(&mut random).as_bytes()).proved);
    }
}
