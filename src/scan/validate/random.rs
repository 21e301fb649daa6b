//! Does a value look random, or like words? For rules that go by context.

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

/// At least one letter and one digit.
pub fn is_mixed(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_digit) && value.iter().any(u8::is_ascii_alphabetic)
}

/// A UUID, or nothing but hex digits in the length of a common digest.
pub fn is_hash_or_uuid(value: &[u8]) -> bool {
    let hex = value.iter().all(u8::is_ascii_hexdigit);
    let uuid = value.len() == 36
        && value
            .iter()
            .enumerate()
            .all(|(i, b)| if [8, 13, 18, 23].contains(&i) { *b == b'-' } else { b.is_ascii_hexdigit() });
    uuid || hex && [32, 40, 56, 64, 96, 128].contains(&value.len())
}

/// For each first letter, the letters that often follow it in English words and identifiers.
const FOLLOWERS: [&str; 26] = [
    "bcdgilmnprstuvy",
    "aeilorsuy",
    "aehikloruty",
    "adeiorsu",
    "abcdefilmnprstvwx",
    "aeiloru",
    "aehilnor",
    "aeiorty",
    "acdefglmnoprstvz",
    "aou",
    "eins",
    "aeilopstuy",
    "abeimopsuy",
    "acdegiknostuy",
    "abcdfgiklmnoprstuvw",
    "aehiloprsty",
    "u",
    "acdegiklmnorstuvy",
    "aceghiklmopqstuwy",
    "aehiorstuwy",
    "abcdegilmnprst",
    "aeio",
    "aehinors",
    "acept",
    "elmops",
    "aei",
];

/// Whether a value looks like the output of a random generator rather than words, identifiers, paths or numbers.
pub fn looks_random(value: &[u8]) -> bool {
    if value.len() < 8 || is_path_or_code(value) {
        return false;
    }
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let letters = value.iter().filter(|b| b.is_ascii_alphabetic()).count();
    if digits == value.len() || letters == 0 {
        return false;
    }
    let (mut common, mut pairs) = (0, 0);
    for pair in value.windows(2).filter(|pair| pair.iter().all(u8::is_ascii_alphabetic)) {
        let (first, second) = (pair[0].to_ascii_lowercase(), pair[1].to_ascii_lowercase());
        // A random token changes case inside a word; `fooBar` does so only at its joints.
        let jumps = pair[0].is_ascii_lowercase() != pair[1].is_ascii_lowercase();
        pairs += 1;
        common += usize::from(!jumps && FOLLOWERS[usize::from(first - b'a')].as_bytes().contains(&second));
    }
    let wordy = pairs >= 6 && common * 100 > pairs * 72;
    let few_letters_between = pairs < 6 && digits * 4 < value.len();
    let distinct = value.iter().collect::<std::collections::HashSet<_>>().len();
    !wordy && !few_letters_between && distinct * 3 >= value.len().min(24) && (digits > 0 || pairs >= 12)
}

/// Paths, dotted names, snake_case of words, versions, dates.
fn is_path_or_code(value: &[u8]) -> bool {
    let parts: Vec<&[u8]> = value.split(|b| !b.is_ascii_alphanumeric()).collect();
    let separators = parts.len() - 1;
    let plain = |part: &[u8]| part.iter().all(u8::is_ascii_alphabetic) || part.iter().all(u8::is_ascii_digit);
    separators >= 2 && parts.iter().filter(|part| plain(part)).count() * 4 >= parts.len() * 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_not_random() {
        for value in [
            "my_secret_value_name",
            "getAuthenticationToken",
            "application/json",
            "controlantSecretManager",
            "2024-01-15T10:00:00Z",
            "com.example.project.Key1",
            "username_or_password",
            "12345678901234567890",
            "SOME_CONSTANT_NAME_2",
        ] {
            assert!(!looks_random(value.as_bytes()), "{value}");
        }
        for value in
            ["x7k2m9p4q1w3v5b8n6c0d2a4f", "Zx91kLmQ0pRtUv7WbNc3", "9f8a7c6b5d4e3f2a1b0c", "qWnVxZpLkTgHsJdRfBmY"]
        {
            assert!(looks_random(value.as_bytes()), "{value}");
        }
    }
}
