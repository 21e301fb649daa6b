//! Mnemonics: words that stand for the seed of a wallet.

use bip39::{Language, Mnemonic};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha512, Sha512_256};

use super::{Judgement, examples};

/// A phrase that some wallet makes: BIP-39 in a language without accents or of words without them, Electrum, Algorand,
/// Monero. Words may be parted by whatever a list in code has between them.
pub fn check(secret: &[u8]) -> Judgement {
    let Ok(text) = std::str::from_utf8(secret) else { return Judgement::rejected() };
    let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty()).collect();
    if words.len() < LENGTHS[0] {
        return Judgement::rejected();
    }
    let phrase = words.join(" ");
    if let Some(place) = examples::published(phrase.as_bytes()) {
        return Judgement::implausible(format!("documented example: {place}"));
    }
    let distinct: std::collections::BTreeSet<&&str> = words.iter().collect();
    if distinct.len() * 2 < words.len() {
        return Judgement::implausible("the same words again and again: no wallet makes this phrase");
    }
    let proved = |scheme: &str| Judgement::proved().detail("scheme", scheme).detail("words", words.len().to_string());
    if words.len() == 25 && is_monero(&words) {
        return proved("Monero");
    }
    let in_list = |language: &Language| words.iter().all(|word| language.find_word(word).is_some());
    let languages: Vec<Language> = Language::ALL.iter().copied().filter(in_list).collect();
    // What is in no list is prose.
    if languages.is_empty() {
        return Judgement::rejected();
    }
    let fits = |language: &&Language| Mnemonic::parse_in_normalized(**language, &phrase).is_ok();
    if let Some(language) = languages.iter().find(fits) {
        proved("BIP-39").detail("language", language.to_string())
    } else if words.len() == 25 && is_algorand(&words) {
        proved("Algorand")
    } else if is_electrum(&phrase) {
        proved("Electrum")
    } else if LENGTHS.contains(&words.len()) {
        Judgement::implausible("its checksum does not fit: no wallet makes this phrase")
    } else {
        // A phrase that was cut: so many words of the list are no prose.
        Judgement::implausible("no phrase has so many words").softened()
    }
}

/// How many words a phrase has.
const LENGTHS: [usize; 6] = [12, 15, 18, 21, 24, 25];

/// The last word repeats the one whose number is the CRC-32 of the others' first three letters, modulo 24.
fn is_monero(words: &[&str]) -> bool {
    let Some((last, words)) = words.split_last() else { return false };
    let starts: String = words.iter().filter_map(|word| word.get(..3)).collect();
    words.get(crc32fast::hash(starts.as_bytes()) as usize % 24) == Some(last)
}

/// 24 words are 32 bytes and a zero, eleven bits each, the least significant first; the last word is the start of their
/// SHA-512/256.
fn is_algorand(words: &[&str]) -> bool {
    let numbers: Vec<u16> = words.iter().filter_map(|word| Language::English.find_word(word)).collect();
    let Some((check, numbers)) = numbers.split_last().filter(|(_, rest)| rest.len() == 24) else { return false };
    let mut bytes: Vec<u8> = Vec::with_capacity(33);
    let (mut waiting, mut bits) = (0_u32, 0);
    for number in numbers {
        waiting |= u32::from(*number) << bits;
        bits += 11;
        while bits >= 8 {
            bytes.push(waiting as u8);
            (waiting, bits) = (waiting >> 8, bits - 8);
        }
    }
    bytes.pop() == Some(0) && algorand_check(&bytes) == *check
}

fn algorand_check(key: &[u8]) -> u16 {
    let digest = Sha512_256::digest(key);
    u16::from_le_bytes([digest[0], digest[1]]) & 0x7ff
}

/// A new seed of Electrum has a version in its HMAC: standard, segwit, or either with two factors.
fn is_electrum(phrase: &str) -> bool {
    let Ok(mut mac) = Hmac::<Sha512>::new_from_slice(b"Seed version") else { return false };
    mac.update(phrase.as_bytes());
    let start = mac.finalize().into_bytes();
    start[0] == 0x01 || start[0] == 0x10 && start[1] >> 4 <= 2
}

/// A phrase of BIP-39 with 12 to 24 words: a list of strings after `["`, else with single spaces.
pub fn phrase_of(before: &str, random: &mut dyn FnMut() -> u64) -> Option<String> {
    let length = 16 + 4 * (random() % 5) as usize;
    let entropy: Vec<u8> = (0..length).map(|_| random() as u8).collect();
    let words: Vec<_> = Mnemonic::from_entropy_in(Language::English, &entropy).ok()?.words().collect();
    Some(words.join(if before.ends_with("[\"") { "\", \"" } else { " " }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::sample::Random;

    fn scheme(phrase: &str) -> Option<String> {
        let judgement = check(phrase.as_bytes());
        assert_eq!(judgement.proved, !judgement.details.is_empty());
        judgement.details.first().map(|(_, scheme)| scheme.clone())
    }

    #[test]
    fn phrases_of_bip39() {
        let mut random = Random::new(6);
        for _ in 0..200 {
            let phrase = phrase_of("=", &mut || random.number()).unwrap();
            assert_eq!(scheme(&phrase).as_deref(), Some("BIP-39"), "{phrase}");
            assert_eq!(scheme(&phrase.replace(' ', "\", \"")).as_deref(), Some("BIP-39"));
        }
    }

    #[test]
    fn phrases_of_other_languages() {
        let mut random = Random::new(12);
        for language in [Language::Italian, Language::Portuguese, Language::Czech] {
            let entropy: Vec<u8> = (0..16).map(|_| random.number() as u8).collect();
            let phrase = Mnemonic::from_entropy_in(language, &entropy).unwrap().to_string();
            let judgement = check(phrase.as_bytes());
            assert!(judgement.proved, "{phrase}");
            assert_eq!(judgement.details[2], ("language".to_owned(), language.to_string()));
        }
    }

    #[test]
    fn published_phrases_are_valid_but_examples() {
        let known = [
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about",
            "legal winner thank year wave sausage worth useful legal winner thank yellow",
            "test test test test test test test test test test test junk",
        ];
        for phrase in known {
            assert!(Mnemonic::parse_in_normalized(Language::English, phrase).is_ok());
            for form in [phrase.to_owned(), phrase.replace(' ', "\", \"")] {
                let why = check(form.as_bytes()).implausible.unwrap();
                assert!(why.starts_with("documented example: "), "{why}");
            }
        }
        let wrong = known[1].replacen("year", "yard", 1);
        let why = check(wrong.as_bytes()).implausible;
        assert_eq!(why.as_deref(), Some("its checksum does not fit: no wallet makes this phrase"));
        // By chance a valid phrase.
        let same = ["word"; 12].join(" ");
        assert!(Mnemonic::parse_in_normalized(Language::English, &same).is_ok());
        let why = check(same.as_bytes()).implausible;
        assert_eq!(why.as_deref(), Some("the same words again and again: no wallet makes this phrase"));
    }

    #[test]
    fn a_phrase_that_lost_a_word_may_be_one() {
        let mut random = Random::new(3);
        let phrase = phrase_of("=", &mut || random.number()).unwrap();
        let (_, rest) = phrase.split_once(' ').unwrap();
        let judgement = check(rest.as_bytes());
        assert!(judgement.doubted && !judgement.proved && judgement.implausible.is_none(), "{rest}");
    }

    #[test]
    fn prose_is_no_match_at_all() {
        for prose in ["the quick brown fox jumps over the lazy dog and runs away", "", "\u{e9}", "mnemonic"] {
            assert!(check(prose.as_bytes()).reject, "{prose}");
        }
        assert!(
            check("ability able about above absent absorb abstract absurd xyzzy access acid account".as_bytes()).reject
        );
    }

    #[test]
    fn few_wrong_words_fit_by_chance() {
        // Four bits of checksum: one word in sixteen fits, and two seeds in 256 of Electrum.
        let mut random = Random::new(7);
        let words = Language::English.word_list();
        let made = |random: &mut Random| -> Vec<&str> { (0..12).map(|_| words[random.below(2048)]).collect() };
        let passed = (0..2000).filter(|_| check(made(&mut random).join(" ").as_bytes()).proved).count();
        assert!((80..220).contains(&passed), "{passed} of 2000");
    }

    #[test]
    fn phrases_of_algorand() {
        let words = Language::English.word_list();
        let mut random = Random::new(9);
        for _ in 0..50 {
            let key: [u8; 32] = std::array::from_fn(|_| random.number() as u8);
            let bits: Vec<bool> = key.iter().chain(&[0]).flat_map(|b| (0..8).map(move |at| b >> at & 1 == 1)).collect();
            let number = |bits: &[bool]| bits.iter().enumerate().fold(0, |n, (at, bit)| n | usize::from(*bit) << at);
            let mut phrase: Vec<&str> = bits.chunks(11).map(|bits| words[number(bits)]).collect();
            phrase.push(words[usize::from(algorand_check(&key))]);
            assert_eq!(phrase.len(), 25);
            assert_eq!(scheme(&phrase.join(" ")).as_deref(), Some("Algorand"));
            phrase[24] = if phrase[24] == "zoo" { "zone" } else { "zoo" };
            assert_eq!(scheme(&phrase.join(" ")), None);
        }
    }

    #[test]
    fn phrases_of_monero_and_electrum() {
        // Any words will do: three letters of each are what counts.
        let words: Vec<String> =
            (0..24_u8).map(|at| format!("w{}{}rd", char::from(b'a' + at), char::from(b'z' - at))).collect();
        let starts: String = words.iter().map(|word| &word[..3]).collect();
        let mut phrase = words.clone();
        phrase.push(words[crc32fast::hash(starts.as_bytes()) as usize % 24].clone());
        assert_eq!(scheme(&phrase.join(" ")).as_deref(), Some("Monero"));
        phrase[24] = "zebra".into();
        assert!(check(phrase.join(" ").as_bytes()).reject);
        // Electrum's own test of a segwit seed.
        let seed = ["wild father tree among universe such", "mobile favorite target dynamic credit identify"].join(" ");
        assert_eq!(scheme(&seed).as_deref(), Some("Electrum"));
    }
}
