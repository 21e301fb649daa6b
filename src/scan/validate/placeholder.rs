//! Values that stand for a secret: examples, fillers, templates.

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

/// Count only as a whole word between separators.
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

/// Why a value is only a stand-in, if it is. `prefixed` says that a provider's literal prefix was taken off: then the
/// body is random by design, and short words in it are chance.
pub fn reason(body: &[u8], prefixed: bool) -> Option<String> {
    let lower = body.to_ascii_lowercase();
    let filler = |why: &str| Some(format!("placeholder: {why}"));
    if body.len() >= 4 && distinct(body) <= if body.len() >= 12 { 3 } else { 2 } {
        return filler("the same characters over and over");
    }
    if longest_run(body, |a, b| a == b) >= 8 || runs_of_fill(body) {
        return filler("a long run of one character");
    }
    if let Some(word) = ANYWHERE.iter().find(|word| memchr::memmem::find(&lower, word.as_bytes()).is_some()) {
        return Some(format!("placeholder: it contains `{word}`"));
    }
    if longest_run(body, |a, b| b == a.wrapping_add(1)) >= 8 {
        return filler("a counted sequence");
    }
    if repeats(body) {
        return filler("a short piece repeated");
    }
    let whole_words = lower.split(|b| !b.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let is_word = |word: &[u8]| WORDS.iter().any(|w| w.as_bytes() == word);
    let (words, all) = whole_words.fold((0, 0), |(words, all), word| (words + usize::from(is_word(word)), all + 1));
    if words > 0 && (words == all || !prefixed) {
        return filler("a word that stands for a value");
    }
    None
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

/// Five or more `x`, `X`, `*`, `.`, `#` or `_` in a row.
fn runs_of_fill(body: &[u8]) -> bool {
    longest_run(body, |a, b| a == b && b"xX*.#_-".contains(&a)) >= 5
}

/// A piece of up to eight bytes, repeated to fill the whole.
fn repeats(body: &[u8]) -> bool {
    (1..=8).any(|n| body.len() >= n * 3 && body.iter().zip(&body[n..]).all(|(a, b)| a == b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_are_told_from_keys() {
        for body in [
            "xxxxxxxxxxxxxxxxxxxxxxxxx",
            "newkey",
            "EXAMPLEKEY1",
            "abcabcabcabc",
            "k1234567890z",
            "your-api-key",
            "a-fake-value",
        ] {
            assert!(reason(body.as_bytes(), false).is_some(), "{body}");
        }
        for body in ["x7k2m9p4q1w3v5b8n6c0d2a4f", "q8Zt-fakeZ-9Lm2", "Zx91kLmQ0pRt"] {
            assert_eq!(reason(body.as_bytes(), true), None, "{body}");
        }
    }
}
