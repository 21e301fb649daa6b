//! Does a value look random, or like words? For rules that go by context.

use super::letters::{CLASS_COSTS, LETTER_COSTS};

/// Shannon entropy in bits per byte.
pub fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    bytes.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let total = bytes.len() as f64;
    let terms = counts.iter().filter(|count| **count > 0).map(|count| {
        let share = f64::from(*count) / total;
        share * share.log2()
    });
    -terms.sum::<f64>()
}

/// A letter and a digit, or letters that look random and change case at random: one key in a hundred has no digit, and
/// `yourstrongpassword` has none either.
pub fn is_mixed(value: &[u8]) -> bool {
    let letters = value.iter().any(u8::is_ascii_alphabetic);
    let mixes = |pair: &&[u8]| {
        pair.iter().all(u8::is_ascii_alphabetic) && pair[0].is_ascii_lowercase() != pair[1].is_ascii_lowercase()
    };
    let changes = value.windows(2).filter(mixes).count();
    letters && (value.iter().any(u8::is_ascii_digit) || changes >= 3 && looks_random(value))
}

/// A UUID, or nothing but hex digits in the length of a common digest.
pub fn is_hash_or_uuid(value: &[u8]) -> bool {
    let hex = value.iter().all(u8::is_ascii_hexdigit);
    is_uuid(value) || hex && [32, 40, 56, 64, 96, 128].contains(&value.len())
}

fn is_uuid(value: &[u8]) -> bool {
    let fits =
        |(at, byte): (usize, &u8)| if [8, 13, 18, 23].contains(&at) { *byte == b'-' } else { byte.is_ascii_hexdigit() };
    value.len() == 36 && value.iter().enumerate().all(fits)
}

/// Shorter values say too little.
const SHORTEST: usize = 8;
/// A value is random if names and words explain it worse than chance does, by this many quarters of a bit.
const MARGIN: i32 = -16;
/// A few letters need to be stranger than many.
const SHORT_MARGIN: i32 = -28;
/// Letters of one case alone are told apart less surely. From this length on, where words are rare, they may be
/// explained better than by chance, by so much.
const LETTERS_LEN: usize = 16;
const LETTERS_MARGIN: i32 = 32;

/// Whether a value looks like the output of a random generator rather than words, identifiers, paths or numbers.
///
/// It compares two explanations of the value: a name in source code (how often one letter, or one class of characters,
/// follows another in the names of ripgrep, git and rails), and characters drawn at random from the alphabet it uses.
pub fn looks_random(value: &[u8]) -> bool {
    if value.len() < SHORTEST || is_uuid(value) {
        return value.len() >= SHORTEST;
    }
    let made_of = Classes::of(value);
    if made_of.lower + made_of.upper == 0 || is_regular(value, &made_of) {
        return false;
    }
    let one_case = made_of.digits == 0 && (made_of.lower == 0 || made_of.upper == 0);
    let letters = made_of.lower + made_of.upper >= LETTERS_LEN && one_case;
    let margin = if letters && made_of.is_plain_or_grouped() { LETTERS_MARGIN } else { MARGIN };
    surplus(value, &made_of) < margin
}

/// Whether letters alone, too few for [`looks_random`], stand in an order that words do not have.
pub fn is_unlike_words(value: &[u8]) -> bool {
    let made_of = Classes::of(value);
    made_of.lower + made_of.upper == value.len() && made_of.distinct >= 5 && surplus(value, &made_of) < SHORT_MARGIN
}

/// How many bytes of each class a value has.
#[derive(Default)]
struct Classes {
    lower: usize,
    upper: usize,
    digits: usize,
    spaces: usize,
    /// All that is neither letter nor digit, spaces too.
    other: usize,
    /// Hex digits of one case.
    hex: bool,
    distinct: u32,
    distinct_other: u32,
}

impl Classes {
    fn of(value: &[u8]) -> Self {
        let mut classes = Self::default();
        let (mut seen, mut seen_other) = ([0u64; 4], [0u64; 4]);
        let (mut hex_lower, mut hex_upper) = (true, true);
        for &byte in value {
            seen[usize::from(byte >> 6)] |= 1 << (byte & 63);
            hex_lower &= matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            hex_upper &= matches!(byte, b'0'..=b'9' | b'A'..=b'F');
            match byte {
                b'a'..=b'z' => classes.lower += 1,
                b'A'..=b'Z' => classes.upper += 1,
                b'0'..=b'9' => classes.digits += 1,
                _ => {
                    classes.other += 1;
                    classes.spaces += usize::from(byte == b' ');
                    seen_other[usize::from(byte >> 6)] |= 1 << (byte & 63);
                }
            }
        }
        classes.hex = (hex_lower || hex_upper) && classes.digits > 0;
        classes.distinct = seen.iter().map(|bits| bits.count_ones()).sum();
        classes.distinct_other = seen_other.iter().map(|bits| bits.count_ones()).sum();
        classes
    }

    /// No separators, or as an app password is shown: four groups.
    fn is_plain_or_grouped(&self) -> bool {
        self.other == 0 || self.spaces == 3 && self.other == 3
    }

    /// Quarter bits that chance spends on each character.
    fn bits(&self) -> i32 {
        let class = |count: usize, size: u32| if count > 0 { size } else { 0 };
        let size = class(self.lower, 26) + class(self.upper, 26) + class(self.digits, 10) + self.distinct_other;
        let size = if self.hex { 16 } else { size };
        (f64::from(size).log2() * 4.0).round() as i32
    }
}

/// By how many quarter bits the value is likelier as a name than by chance.
fn surplus(value: &[u8], made_of: &Classes) -> i32 {
    // SCREAMING_CASE is told by its letters, as lower case is.
    let fold = if made_of.lower == 0 { 0x20 } else { 0 };
    let mut cost = 0;
    let (mut before, mut last_letter) = (0, 26);
    for &byte in value {
        let (class, letter) = match byte {
            b'a'..=b'z' => (1, usize::from(byte - b'a')),
            b'A'..=b'Z' if fold > 0 => (1, usize::from(byte - b'A')),
            b'A'..=b'Z' => (2, usize::from(byte - b'A')),
            b'0'..=b'9' => (3, 26),
            _ => (4, 26),
        };
        cost += i32::from(CLASS_COSTS[before][class]);
        cost += match class {
            // A capital after a small letter begins a word, and so does the first letter after anything else.
            2 if before == 1 => letter_cost(26, letter),
            1 | 2 => letter_cost(last_letter, letter),
            3 => 13,
            _ => 4,
        };
        (before, last_letter) = (class, letter);
    }
    let length = i32::try_from(value.len()).unwrap_or(i32::MAX);
    length.saturating_mul(made_of.bits()).saturating_sub(cost)
}

fn letter_cost(before: usize, letter: usize) -> i32 {
    i32::from(LETTER_COSTS[before][letter]) - 48
}

/// Too few different characters, a date, a version, or numbers with something between.
fn is_regular(value: &[u8], made_of: &Classes) -> bool {
    let letters = made_of.lower + made_of.upper;
    let numbers = letters <= 2 && made_of.other >= 2;
    let version =
        matches!(value, [b'0'..=b'9', b'.', b'0'..=b'9', ..] | [b'0'..=b'9', b'0'..=b'9', b'.', b'0'..=b'9', ..]);
    made_of.distinct < 5 || numbers || version
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::sample::Random;

    #[test]
    fn words_are_not_random() {
        let words = [
            "my_secret_value_name",
            "getAuthenticationToken",
            "application/json",
            "controlantSecretManager",
            "2024-01-15T10:00:00Z",
            "com.example.project.Key1",
            "username_or_password",
            "12345678901234567890",
            "SOME_CONSTANT_NAME_2",
            "applicationConfiguration",
            "load_secret_from_configuration",
            "my-application-jwt-secret",
            "your-256-bit-secret",
            "JWT_SECRET_FROM_VAULT",
            "process.env.RUNA_API_KEY",
            "src/scan/validate/random.rs",
            "8.0.35-0ubuntu0.22.04.1",
            "x86_64-unknown-linux-gnu",
            "arn:aws:iam::role/service-role",
            "correcthorsebatterystaple",
            "utf8ToLatin1Converter",
            "sha256WithRSAEncryption",
            "CCAGCTACTCGGGAGGCTGAGG",
        ];
        for value in words {
            assert!(!looks_random(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn keys_are_random() {
        let keys = [
            "x7k2m9p4q1w3v5b8n6c0d2a4f",
            "Zx91kLmQ0pRtUv7WbNc3",
            "9f8a7c6b5d4e3f2a1b0c",
            "qWnVxZpLkTgHsJdRfBmY",
            "3fa85f64-5717-4562-b3fc-2c963f66afa6",
            "90382719-5717-4562-8301-209631664146",
            "qzjwkfxmvbhtgpld",
            "qzjw kfxm vbht gpld",
        ];
        for value in keys {
            assert!(looks_random(value.as_bytes()), "{value}");
        }
    }

    /// How many of `count` random values of an alphabet are taken for words.
    fn missed(alphabet: &[u8], length: usize, count: usize) -> usize {
        let mut random = Random::new(length as u64);
        let mut value = vec![0; length];
        let mut miss = || {
            value.iter_mut().for_each(|byte| *byte = alphabet[random.below(alphabet.len())]);
            !looks_random(&value)
        };
        (0..count).filter(|_| miss()).count()
    }

    #[test]
    fn random_values_are_seldom_missed() {
        let lower = b"abcdefghijklmnopqrstuvwxyz0123456789";
        let upper = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let alnum = [&lower[..], upper].concat();
        let base64 = [&alnum[..], b"+/"].concat();
        let base64url = [&alnum[..], b"-_"].concat();
        let kinds: [(&[u8], usize); 7] = [
            (b"0123456789abcdef", 32),
            (&alnum, 20),
            (&alnum, 32),
            (&base64, 32),
            (&base64url, 32),
            (lower, 20),
            (lower, 26),
        ];
        for (alphabet, length) in kinds {
            let missed = missed(alphabet, length, 20_000);
            assert!(missed <= 2, "{missed} of 20,000 with {} characters, length {length}", alphabet.len());
        }
        assert!(missed(&lower[..26], 16, 20_000) <= 10);
    }
}
