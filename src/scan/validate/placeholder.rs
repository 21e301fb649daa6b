//! Values that stand for a secret: examples, fillers, templates.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// Long enough that random text never holds them.
const ANYWHERE: &[&str] = &[
    "changeme",
    "change_me",
    "change-me",
    "placeholder",
    "yourapikey",
    "your_api_key",
    "your-api-key",
    "yourtoken",
    "your_token",
    "your-token",
    "yoursecret",
    "your_secret",
    "your-secret",
    "yourkey",
    "your_key",
    "your-key",
    "replaceme",
    "replace_me",
    "replace-me",
    "insert_your",
    "insert-your",
    "example",
    "xxxxxxx",
    "redacted",
    "notareal",
    "not_a_real",
    "not-a-real",
    "not-real",
    "dummykey",
    "dummy_key",
    "fakekey",
    "fake_key",
    "testkey1",
    "abcdefgh",
    "12345678",
    "deadbeef",
    "your_password",
    "yourpassword",
    "my_secret",
    "goes_here",
    "goes-here",
];

/// Count only as a whole word between separators, and if such words make up half of the value.
const WORDS: &[&str] = &[
    "example",
    "sample",
    "dummy",
    "fake",
    "test",
    "testing",
    "demo",
    "foo",
    "bar",
    "foobar",
    "your",
    "xxx",
    "xxxx",
    "todo",
    "tbd",
    "none",
    "null",
    "nil",
    "undefined",
    "secret",
    "password",
    "token",
    "key",
    "newkey",
    "mykey",
    "redacted",
    "hidden",
    "masked",
    "invalid",
    "mock",
    "stub",
    "string",
    "value",
    "abc",
    "abcd",
    "changeit",
    "default",
];

static ANYWHERE_IN: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(ANYWHERE).ok());

/// Why a value is only a stand-in, if it is. `prefixed` says that a provider's literal prefix was taken off: then the
/// body is random by design, and short words in it are chance.
pub fn reason(body: &[u8], prefixed: bool) -> Option<String> {
    let filler = |why: &str| Some(format!("placeholder: {why}"));
    if same_over_and_over(body) {
        return filler("the same characters over and over");
    }
    // In a long value, encoded zeros and the like make runs: they count by their share.
    let share = body.len().div_ceil(5);
    if longest_run(body, |a, b| a == b) >= share.max(8) || fill(body) >= share.max(5) {
        return filler("a long run of one character");
    }
    let word =
        ANYWHERE_IN.as_ref().and_then(|words| words.find(body)).map(|found| ANYWHERE[found.pattern().as_usize()]);
    if let Some(word) = word {
        return Some(format!("placeholder: it contains `{word}`"));
    }
    if longest_run(body, |a, b| b == a.wrapping_add(1)) >= share.max(8) {
        return filler("a counted sequence");
    }
    if counts_up(body) {
        return filler("a counted sequence");
    }
    if repeats(body) || repeats_with_a_count(body) {
        return filler("a short piece repeated");
    }
    if is_made_of_words(body, prefixed) {
        return filler("a word that stands for a value");
    }
    if !prefixed && has_hole(body) {
        return filler("filled in later");
    }
    None
}

/// `{name}`, `pre{{ .Values.x }}fix`, `${X}`: what a template is filled in at.
fn has_hole(body: &[u8]) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.:-+ ".contains(byte);
    body.split(|byte| *byte == b'{').skip(1).any(|rest| {
        let name = rest.iter().take_while(|byte| is_name(byte)).count();
        (1..=30).contains(&name) && rest.get(name) == Some(&b'}') && rest[0].is_ascii_alphabetic()
    })
}

/// Fewer different characters than chance would give: digits repeat sooner than letters do.
fn same_over_and_over(body: &[u8]) -> bool {
    let digits = body.iter().all(u8::is_ascii_digit);
    let most = match (body.len(), digits) {
        (12.., false) => 3,
        (12.., true) | (8.., false) => 2,
        (7.., true) | (4.., false) => 1,
        _ => 0,
    };
    distinct(body) <= most && !body.is_empty()
}

fn distinct(body: &[u8]) -> usize {
    let mut seen = [false; 256];
    body.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.iter().filter(|seen| **seen).count()
}

fn longest_run(body: &[u8], follows: impl Fn(u8, u8) -> bool) -> usize {
    let mut longest = usize::from(!body.is_empty());
    let mut run = 1;
    for pair in body.windows(2) {
        run = if follows(pair[0], pair[1]) { run + 1 } else { 1 };
        longest = longest.max(run);
    }
    longest
}

/// The longest run of one of the characters that people fill with.
fn fill(body: &[u8]) -> usize {
    longest_run(body, |a, b| a == b && b"xX*.#_-".contains(&a))
}

/// `00112233…`, `0102030405…`, `1234-5678-…`: digits in order, whatever stands between.
fn counts_up(body: &[u8]) -> bool {
    let digits: Vec<u8> =
        body.iter().copied().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_lowercase()).collect();
    let next = |a: u8, b: u8| {
        b == a || b == a.wrapping_add(1) || (a, b) == (b'9', b'a') || (a, b) == (b'9', b'0') || (a, b) == (b'f', b'0')
    };
    let steps = |apart: usize| digits.windows(apart + 1).filter(|pair| next(pair[0], pair[apart])).count() * 10;
    digits.len() >= 12 && (steps(1) >= (digits.len() - 1) * 9 || steps(2) >= (digits.len() - 2) * 9)
}

/// A piece of up to eight bytes, repeated to fill the whole.
fn repeats(body: &[u8]) -> bool {
    body.len() >= 8 && (1..=8).any(|n| body.len() >= n * 3 && body.iter().zip(&body[n..]).all(|(a, b)| a == b))
}

/// `1bcdefgh2bcdefgh3bcdefgh`: half of its runs of three bytes stand there three times or more. By chance few do.
fn repeats_with_a_count(body: &[u8]) -> bool {
    let body = &body[..body.len().min(256)];
    if body.len() < 24 {
        return false;
    }
    let mut runs = [[0; 3]; 256];
    let runs = &mut runs[..body.len() - 2];
    body.windows(3).zip(runs.iter_mut()).for_each(|(run, kept)| kept.copy_from_slice(run));
    runs.sort_unstable();
    let again: usize = runs.chunk_by(|a, b| a == b).map(<[_]>::len).filter(|count| *count >= 3).sum();
    again * 2 >= runs.len()
}

/// Whether stand-in words make up the whole value, or half of one that had no prefix.
fn is_made_of_words(body: &[u8], prefixed: bool) -> bool {
    let (mut words, mut all) = (0, 0);
    for part in body.split(|byte| !byte.is_ascii_alphanumeric()) {
        let digits = part.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let word = &part[..part.len() - digits];
        all += part.len();
        if WORDS.iter().any(|stand_in| stand_in.as_bytes().eq_ignore_ascii_case(word)) {
            words += part.len();
        }
    }
    words > 0 && (words == all || !prefixed && words * 2 >= all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_are_told_from_keys() {
        let stand_ins = [
            "xxxxxxxxxxxxxxxxxxxxxxxxx",
            "newkey",
            "EXAMPLEKEY1",
            "abcabcabcabc",
            "k1234567890z",
            "your-api-key",
            "a-fake-value",
            "Password1",
            "secret",
            "0000000",
            "xxxx",
            "AAAAAAAA",
            "super-secret",
        ];
        for body in stand_ins {
            assert!(reason(body.as_bytes(), false).is_some(), "{body}");
        }
        for body in
            ["x7k2m9p4q1w3v5b8n6c0d2a4f", "q8Zt-fakeZ-9Lm2", "Zx91kLmQ0pRt", "1112", "k8/foo+h2LmQ9z0PwR7tYb3VxN5c"]
        {
            assert_eq!(reason(body.as_bytes(), true), None, "{body}");
        }
        assert_eq!(reason(b"k8/foo+h2LmQ9z0PwR7tYb3VxN5c", false), None);
    }

    #[test]
    fn pieces_that_come_again_are_fillers() {
        let body = ["1bcdefghij2bcdefghij3bcdefghij", "4bcdefghij5bcdefghijABCD"].concat();
        assert!(reason(body.as_bytes(), false).is_some(), "{body}");
        let mut random = crate::rules::sample::Random::new(9);
        for length in [24, 32, 64, 200, 2000] {
            for alphabet in [&b"0123456789abcdef"[..], b"0123456789", b"abcdefghijklmnopqrstuvwxyz"] {
                for _ in 0..300 {
                    let body: Vec<u8> = (0..length).map(|_| alphabet[random.below(alphabet.len())]).collect();
                    assert!(!repeats_with_a_count(&body), "{}", String::from_utf8_lossy(&body));
                }
            }
        }
    }

    #[test]
    fn runs_count_by_their_share() {
        let mut random = crate::rules::sample::Random::new(5);
        let mut piece = |length| -> String {
            let alphabet = b"0123456789ABCDEFGHKLMNPQRSTUVWXYZabcdefghkmnpqrstuvwxyz";
            (0..length).map(|_| char::from(alphabet[random.below(alphabet.len())])).collect()
        };
        let token = format!("{}//////////{}", piece(96), piece(56));
        assert_eq!(reason(token.as_bytes(), true), None);
        assert!(reason(b"k8Zh2Lm//////////Q9z0PwR", true).is_some());
    }
}
