//! Is a value one that a person or a generator chose to be secret, or a stand-in, a word, a piece of code?

use super::super::{encoded, random};
use super::shaped::{is_reference, is_shaped};
use super::words;
use crate::rules::Confidence;

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Look {
    /// No secret.
    Nothing,
    /// A word, or a stand-in with a number: possibly a weak password.
    Weak,
    /// What a person may choose for a password.
    Chosen,
    /// What a generator gives, though short or of few kinds of characters.
    Random,
    /// What a generator gives, and long.
    Strong,
}

impl Look {
    /// How sure it makes a match whose name and form leave no doubt.
    pub(super) fn confidence(self) -> Option<Confidence> {
        match self {
            Self::Nothing => None,
            Self::Weak => Some(Confidence::Low),
            Self::Chosen | Self::Random => Some(Confidence::Medium),
            Self::Strong => Some(Confidence::High),
        }
    }
}

/// Shorter passwords say too little.
const SHORTEST_PASSWORD: usize = 5;
/// Shorter keys say too little.
const SHORTEST_KEY: usize = 12;
/// What is random and this long was made by a generator.
const LONG: usize = 16;

/// Counts of the kinds of characters.
#[derive(Debug, Default)]
struct Kinds {
    lower: usize,
    upper: usize,
    digits: usize,
    /// Characters that join words: `_`, `-`, `.`, space.
    joints: usize,
    /// Others that can be typed.
    marks: usize,
    /// Beyond ASCII.
    foreign: usize,
}

impl Kinds {
    fn of(value: &[u8]) -> Self {
        let mut kinds = Self::default();
        for byte in value {
            *match byte {
                b'a'..=b'z' => &mut kinds.lower,
                b'A'..=b'Z' => &mut kinds.upper,
                b'0'..=b'9' => &mut kinds.digits,
                b'_' | b'-' | b'.' | b' ' | b'/' | b':' => &mut kinds.joints,
                0x80.. => &mut kinds.foreign,
                _ => &mut kinds.marks,
            } += 1;
        }
        kinds
    }
    fn letters(&self) -> usize {
        self.lower + self.upper + self.foreign
    }
    fn classes(&self) -> usize {
        [self.lower, self.upper, self.digits, self.marks].iter().filter(|count| **count > 0).count()
    }
}

/// Judges a value that is assigned to something called a password.
pub(super) fn password(value: &[u8]) -> Look {
    if let Some(decoded) = without_percents(value) {
        return password(&decoded);
    }
    if value.len() < SHORTEST_PASSWORD || is_reference(value) || is_shaped(value) {
        return Look::Nothing;
    }
    let kinds = Kinds::of(value);
    if is_encoded_text(value) {
        return Look::Nothing;
    }
    if kinds.letters() + kinds.digits < 3 {
        return Look::Nothing;
    }
    let stand_in = is_leet_stand_in(value) || is_made_of_runs(value);
    if !stand_in && is_random_key(value, &kinds) {
        return if value.len() >= LONG { Look::Strong } else { Look::Random };
    }
    let all = words::words(value);
    let letters: usize = all.iter().map(String::len).sum();
    let known: usize = all.iter().filter(|word| is_common(word)).map(String::len).sum();
    let unknown = letters - known;
    let numbered = kinds.digits > 0 || kinds.marks > 0;
    if letters == 0 {
        // A number of more digits than years, ports and times have.
        return if kinds.digits >= 6 && kinds.joints == 0 { Look::Weak } else { Look::Nothing };
    }
    if unknown == 0 || is_technical(value) || stand_in {
        let dressed = kinds.classes() >= 3 && kinds.digits > 0 && value.len() >= 8;
        return match (kinds.digits, dressed) {
            (0, _) => Look::Nothing,
            (_, true) if !is_technical(value) => Look::Weak,
            _ => {
                if is_technical(value) {
                    Look::Nothing
                } else {
                    Look::Weak
                }
            }
        };
    }
    if kinds.foreign > 0 && kinds.digits == 0 {
        return Look::Nothing;
    }
    if !numbered {
        // One word, or words joined: `summer`, `my-cluster`, `LoginForm`. Letters in no order of a word are another thing.
        let plain = kinds.joints == 0 && all.len() == 1;
        if plain && value.len() >= 6 && random::is_unlike_words(value) {
            return Look::Random;
        }
        return if kinds.joints == 0 || kinds.lower > 0 { Look::Weak } else { Look::Nothing };
    }
    // `foo_bar_2`, `section-1`, `com.acme.app2`: an identifier with a number at its end.
    let digits_end = value.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let identifier = kinds.marks == 0 && kinds.joints > 0 && kinds.digits == digits_end && digits_end <= 2;
    if identifier || value.len() < 6 && kinds.classes() < 3 {
        return Look::Weak;
    }
    if kinds.digits == 0 && !has_inner_mark(value) {
        return Look::Weak;
    }
    if is_sentence(value, &kinds, all.len()) {
        return Look::Weak;
    }
    // camelCase with one digit: `sha1Encoder`, `oauth2Client`.
    if all.len() >= 3 && kinds.marks == 0 && known * 2 >= letters {
        return Look::Weak;
    }
    Look::Chosen
}

/// Judges a value that is assigned to something called a secret: chosen by people too, but seldom short.
pub(super) fn secret(value: &[u8]) -> Look {
    let look = password(value);
    match look {
        Look::Chosen | Look::Random if value.len() < 8 => Look::Weak,
        Look::Chosen if Kinds::of(value).classes() < 2 => Look::Weak,
        look => look,
    }
}

/// Judges a value that only a generator can have made: a token, a key.
pub(super) fn key(value: &[u8]) -> Look {
    if value.len() < SHORTEST_KEY || is_reference(value) || is_shaped(value) || is_unsigned(value) {
        return Look::Nothing;
    }
    let kinds = Kinds::of(value);
    // `a=b`, and names joined by dots, colons, slashes.
    let unpadded = value.iter().rposition(|byte| *byte != b'=').map_or(value, |end| &value[..=end]);
    let named = |part: &&[u8]| part.len() > 2 && part.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'_');
    let parts: Vec<usize> = value.split(|byte| b".:/".contains(byte)).filter(named).map(<[u8]>::len).collect();
    if unpadded.contains(&b'=')
        || parts.len() >= 2 && (parts.len() >= 3 || parts.iter().sum::<usize>() * 3 > value.len())
    {
        return Look::Nothing;
    }
    if kinds.foreign > 0 || is_leet_stand_in(value) || is_by_turns(value) || !is_random_key(value, &kinds) {
        return Look::Nothing;
    }
    if value.len() >= 20 { Look::Strong } else { Look::Random }
}

/// Whether a value is what a generator gives.
fn is_random_key(value: &[u8], kinds: &Kinds) -> bool {
    let hex = value.iter().all(u8::is_ascii_hexdigit) && kinds.digits > 0 && kinds.letters() > 0;
    let least = if hex { 2.6 } else { 2.9 };
    let plain = value.iter().all(|byte| byte.is_ascii_graphic()) && !is_public_key(value) && !is_encoded_text(value);
    let spread = random::entropy(value) >= if value.len() >= LONG { least } else { 2.3 };
    if is_mostly_words(value) {
        return false;
    }
    plain && value.len() >= 8 && spread && random::is_mixed(value) && random::looks_random(value)
}

/// Whether stand-in words make up the whole of it, also in the spelling of those who take `@` for `a`.
pub(super) fn is_stand_in(value: &[u8]) -> bool {
    let all = words::words(value);
    !all.is_empty() && all.iter().all(|word| is_common(word)) || is_leet_stand_in(value)
}

/// `P@ssw0rd1!`, `03#pa33w0rd`: a stand-in word with other signs for some letters.
fn is_leet_stand_in(value: &[u8]) -> bool {
    let is_dress = |byte: &&u8| byte.is_ascii_digit() || byte.is_ascii_punctuation();
    let core = value.len() - value.iter().rev().take_while(is_dress).count();
    let dressed = value[..core].iter().take_while(is_dress).count();
    let plain = |from: usize, three: u8| -> Vec<u8> {
        let letter = |byte: &u8| match byte {
            b'@' | b'4' => b'a',
            b'0' => b'o',
            b'1' | b'!' => b'i',
            b'3' => three,
            b'5' | b'$' => b's',
            b'7' => b't',
            byte => *byte,
        };
        value[from..core].iter().map(letter).collect()
    };
    let stands_in = |plain: &[u8]| {
        let all = words::words(plain);
        plain.len() >= 4 && !all.is_empty() && all.iter().all(|word| is_common(word))
    };
    let starts = if dressed == 0 { vec![0] } else { vec![0, dressed] };
    starts.into_iter().any(|from| stands_in(&plain(from, b'e')) || stands_in(&plain(from, b's')))
}

/// `AbcDef123!@#`: runs of the alphabet, of digits and of the signs above them, and nothing else.
fn is_made_of_runs(value: &[u8]) -> bool {
    const ROWS: &[&[u8]] = &[b"abcdefghijklmnopqrstuvwxyz", b"01234567890", b"09876543210", b"!@#$%^&*()"];
    let lower = value.to_ascii_lowercase();
    let mut rest = lower.as_slice();
    while !rest.is_empty() {
        let run = |row: &&[u8]| {
            let at = row.iter().position(|byte| *byte == rest[0])?;
            Some(row[at..].iter().zip(rest).take_while(|(a, b)| a == b).count())
        };
        let longest = ROWS.iter().filter_map(run).max().unwrap_or(0);
        if longest < 3 {
            return false;
        }
        rest = &rest[longest..];
    }
    true
}

/// `iWishIWereCool!`: words of a sentence written together, with nothing but a mark at the end.
fn is_sentence(value: &[u8], kinds: &Kinds, words: usize) -> bool {
    words >= 4 && kinds.digits == 0 && kinds.marks == 1 && value.last().is_some_and(|byte| b"!?.".contains(byte))
}

/// `ReFrEsHtOkEn`: a stand-in in letters that are large and small by turns.
fn is_by_turns(value: &[u8]) -> bool {
    let turns = value.windows(2).filter(|pair| pair[0].is_ascii_uppercase() != pair[1].is_ascii_uppercase()).count();
    let letters = value.iter().all(u8::is_ascii_alphabetic);
    let lower = String::from_utf8_lossy(value).to_ascii_lowercase();
    let parted = |at: usize| is_common(&lower[..at]) && is_common(&lower[at..]);
    letters && value.len() >= 6 && turns + 1 == value.len() && (2..value.len() - 1).any(parted)
}

/// `a%21b` as it is meant.
pub(super) fn without_percents(value: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr(b'%', value)?;
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(value.len());
    let (mut at, mut any) = (0, false);
    while at < value.len() {
        let pair = value.get(at + 1).zip(value.get(at + 2)).filter(|_| value[at] == b'%');
        let decoded = pair.and_then(|(high, low)| Some(digit(*high)? << 4 | digit(*low)?)).filter(u8::is_ascii_graphic);
        any |= decoded.is_some();
        out.push(decoded.unwrap_or(value[at]));
        at += if decoded.is_some() { 3 } else { 1 };
    }
    (any && out.iter().filter(|byte| **byte == b'%').count() == 0).then_some(out)
}

/// The public half of a key, or a certificate, in base64.
fn is_public_key(value: &[u8]) -> bool {
    let certificate = value.starts_with(b"MII") && value.get(6..8) == Some(b"CC");
    let spki = memchr::memmem::find(&value[..value.len().min(40)], b"BgkqhkiG9w0BAQEFAAO").is_some_and(|at| at < 9)
        && !value.starts_with(b"MIIE")
        && !value.starts_with(b"MIIJ");
    certificate
        || spki
        || value.starts_with(b"MFkwEwYHKoZIzj0CAQ")
        || value.starts_with(b"MCowBQYDK2V")
        || value.starts_with(b"AAAAB3NzaC1yc2E")
        || value.starts_with(b"AAAAC3NzaC1lZDI1NTE5")
        || value.starts_with(b"AAAAE2VjZHNh")
}

/// The header and the claims of a JSON web token without its signature: they open nothing.
fn is_unsigned(value: &[u8]) -> bool {
    if !value.starts_with(b"eyJ") {
        return false;
    }
    let mut parts = value.split(|byte| *byte == b'.');
    let header = parts.next().and_then(encoded::decode_any).unwrap_or_default();
    let signature = parts.nth(1).map_or(0, <[u8]>::len);
    memchr::memmem::find(&header, b"\"alg\"").is_some() && signature < SHORTEST_KEY && parts.next().is_none()
}

/// Base64 of a text of stand-in words: `user:password`, `the sample nonce`.
fn is_encoded_text(value: &[u8]) -> bool {
    let Some(text) = encoded::decode_any(value).filter(|text| text.len() >= 6) else { return false };
    let printable = text.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    printable && (is_stand_in(&text) || is_mostly_words(&text))
}

/// Whether stand-in words of three letters or more make up half of its letters.
fn is_mostly_words(value: &[u8]) -> bool {
    let all = words::words(value);
    let letters: usize = all.iter().map(String::len).sum();
    let known: usize = all.iter().filter(|word| word.len() > 2 && is_common(word)).map(String::len).sum();
    known * 2 > letters
}

/// Whether a mark stands between other characters, as in `p@ss` and not as in `Name*` or `#name`.
fn has_inner_mark(value: &[u8]) -> bool {
    let inner = &value[1..value.len() - 1];
    let mark = |byte: &u8| byte.is_ascii_punctuation() && !b"_-./:,()[]{}=|?*\\".contains(byte);
    inner.iter().any(mark)
        || value.last().is_some_and(|byte| b"!$#@%&".contains(byte)) && value[0].is_ascii_alphanumeric()
}

/// A stand-in word, plain or in the spelling of those who take `@` for `a`.
fn is_common(word: &str) -> bool {
    ["password", "passwd", "secret", "passw"].iter().any(|part| word.contains(part))
        || word.strip_suffix("pass").is_some_and(words::is_stand_in)
        || word.strip_prefix("pass").is_some_and(words::is_stand_in)
        || word.len() == 1
        || words::is_stand_in(word)
        || word.strip_suffix('s').is_some_and(words::is_stand_in)
        || word.strip_prefix("my").is_some_and(words::is_stand_in)
        || word.strip_prefix("test").is_some_and(words::is_stand_in)
        || word.strip_prefix("your").is_some_and(words::is_stand_in)
}

/// The name of an algorithm, an encoding, a version: `sha256`, `utf8`, `oauth2`, `x509`.
fn is_technical(value: &[u8]) -> bool {
    const TECHNICAL: &[&str] = &[
        "sha", "md", "utf", "latin", "koi", "cp", "windows", "iso", "big", "gb", "euc", "base", "aes", "rsa", "des",
        "hmac", "oauth", "http", "https", "ipv", "x", "win", "arm", "amd", "log4j", "ec", "h", "p", "v", "k", "es",
        "hs", "rs", "ps", "scram", "pbkdf", "int", "uint", "float", "bit", "step", "part", "level", "line", "row",
        "col", "item", "case", "page", "version", "secp", "curve", "ed", "blake", "argon", "crc", "iso", "rfc", "cp",
        "java", "python", "sql",
    ];
    let letters = value.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let rest = &value[letters..];
    let head = String::from_utf8_lossy(&value[..letters]).to_ascii_lowercase();
    let all = words::words(value);
    let numbers = rest.iter().all(|byte| byte.is_ascii_digit() || b"-_.".contains(byte));
    (numbers && TECHNICAL.contains(&head.as_str()))
        || all.len() > 1
            && all.iter().all(|word| TECHNICAL.contains(&word.as_str()) || is_common(word))
            && TECHNICAL.contains(&all[0].as_str())
}
