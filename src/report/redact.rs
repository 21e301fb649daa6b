//! The last guard: no string of a report holds a secret that the scan found.
//!
//! Two kinds of strings pass here. *Data* (paths, messages, authors, refs, details, examples, notices) comes from what
//! was scanned: every found secret in it is replaced by its redacted form, as it stands, percent-encoded in any
//! spelling, JSON-escaped, or one long line of it. Secrets under [`WORD`] bytes are replaced as whole words only, since
//! `abc` inside `abcd` is not the secret and gives nothing away. *Ours* (titles, runbooks, object ids) comes from rule
//! files and hashes: only secrets of [`OURS`] bytes or more are replaced there, because a password `password` blacked
//! out of a sentence that everybody can read would tell what the password is.

use std::borrow::Cow;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::secret::Secret;

/// Shorter secrets are replaced only as whole words.
pub const WORD: usize = 8;
/// Shorter secrets are left in text that does not come from what was scanned.
pub const OURS: usize = 16;
/// Lines of a secret of several lines count as the secret from this length.
const LINE: usize = 20;
/// Longer secrets are found by this many first bytes, then followed to their end.
const LONG: usize = 4096;

/// Replaces the secrets of one report.
pub(super) struct Redactor<'a> {
    engine: Engine,
    forms: Vec<Form<'a>>,
    labels: Vec<String>,
}

enum Engine {
    /// Nothing to hide, or secrets were asked for.
    Off,
    On(AhoCorasick),
    /// The automaton could not be built: all data is withheld rather than printed unchecked.
    Blind,
}

/// One spelling of one secret.
struct Form<'a> {
    /// Which secret, as an index of `labels`.
    secret: usize,
    /// How long the secret is.
    len: usize,
    /// What follows the searched bytes in a long secret.
    rest: &'a [u8],
}

/// A stretch to replace, by the label of which secret.
struct Span {
    range: Range<usize>,
    secret: usize,
    weight: usize,
}

impl<'a> Redactor<'a> {
    /// Replaces nothing: for `--show-secrets`.
    pub fn off() -> Self {
        Self { engine: Engine::Off, forms: Vec::new(), labels: Vec::new() }
    }

    /// Replaces these secrets.
    pub fn new(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut all: Vec<&Secret> = secrets.into_iter().filter(|secret| !secret.reveal().is_empty()).collect();
        all.sort_unstable();
        all.dedup();
        let (mut patterns, mut forms) = (Vec::new(), Vec::new());
        for (index, secret) in all.iter().enumerate() {
            let len = secret.reveal().len();
            for (pattern, rest) in spellings(secret.reveal()) {
                patterns.push(pattern);
                forms.push(Form { secret: index, len, rest });
            }
        }
        // What is built fastest: there is more to build it from than to search.
        let kind = Some(AhoCorasickKind::NoncontiguousNFA);
        let engine = match AhoCorasick::builder().match_kind(MatchKind::Standard).kind(kind).build(&patterns) {
            _ if patterns.is_empty() => Engine::Off,
            Ok(automaton) => Engine::On(automaton),
            Err(_) => Engine::Blind,
        };
        let labels = all.iter().map(|secret| secret.redacted()).collect();
        let mut redactor = Self { engine, forms, labels };
        redactor.labels = all.iter().map(|secret| redactor.label(secret)).collect();
        redactor
    }

    /// The redacted form of a secret, from which another found secret is cut out should its public part hold one.
    pub fn label(&self, secret: &Secret) -> String {
        let once = self.data(&secret.redacted());
        if self.spans(once.as_bytes(), 0).is_empty() { once } else { format!("…({})", secret.reveal().len()) }
    }

    /// Data as bytes, without secrets.
    pub fn bytes<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        if matches!(self.engine, Engine::Blind) {
            return Cow::Borrowed("[withheld]".as_bytes());
        }
        self.replace(text, 0)
    }

    /// Data without secrets.
    pub fn data(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes())).into_owned()
    }

    /// Text of rules and runbooks, and ids, without secrets that could not stand there by chance.
    pub fn ours(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.replace(text.as_bytes(), OURS)).into_owned()
    }

    fn replace<'t>(&self, text: &'t [u8], least: usize) -> Cow<'t, [u8]> {
        let spans = self.spans(text, least);
        if spans.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut clean = Vec::with_capacity(text.len());
        let mut done = 0;
        for span in spans {
            clean.extend_from_slice(&text[done..span.range.start]);
            clean.extend_from_slice(self.labels[span.secret].as_bytes());
            done = span.range.end;
        }
        clean.extend_from_slice(&text[done..]);
        Cow::Owned(clean)
    }

    /// Where secrets of at least `least` bytes stand, in order, overlapping ones as one stretch.
    fn spans(&self, text: &[u8], least: usize) -> Vec<Span> {
        let Engine::On(automaton) = &self.engine else { return Vec::new() };
        let mut found = self.search(automaton, text, least);
        if memchr::memchr(b'%', text).is_some() {
            let (decoded, at) = percent_decoded(text);
            for span in self.search(automaton, &decoded, least) {
                found.push(Span { range: at[span.range.start]..at[span.range.end], ..span });
            }
        }
        found.sort_by_key(|span| (span.range.start, std::cmp::Reverse(span.range.end)));
        let mut merged: Vec<Span> = Vec::new();
        for span in found {
            match merged.last_mut() {
                Some(last) if span.range.start < last.range.end => {
                    last.range.end = last.range.end.max(span.range.end);
                    if span.weight > last.weight {
                        (last.secret, last.weight) = (span.secret, span.weight);
                    }
                }
                _ => merged.push(span),
            }
        }
        merged
    }

    fn search(&self, automaton: &AhoCorasick, text: &[u8], least: usize) -> Vec<Span> {
        let mut spans = Vec::new();
        for hit in automaton.find_overlapping_iter(text) {
            let form = &self.forms[hit.pattern().as_usize()];
            if form.len < least || (form.len < WORD && !is_word(text, hit.range())) {
                continue;
            }
            let follows = text[hit.end()..].iter().zip(form.rest).take_while(|(a, b)| a == b).count();
            let range = hit.start()..hit.end() + follows;
            spans.push(Span { weight: range.len(), range, secret: form.secret });
        }
        spans
    }
}

/// The spellings of a secret to search for, and what follows each in a long one.
fn spellings(secret: &[u8]) -> Vec<(Vec<u8>, &[u8])> {
    let (first, rest) = secret.split_at(secret.len().min(LONG));
    let mut forms = vec![(first.to_vec(), rest)];
    let text = String::from_utf8_lossy(first);
    if matches!(text, Cow::Owned(_)) {
        forms.push((text.as_bytes().to_vec(), &[]));
    }
    if let Ok(quoted) = serde_json::to_string(&text)
        && quoted.len() != text.len() + 2
    {
        forms.push((quoted.as_bytes()[1..quoted.len() - 1].to_vec(), &[]));
    }
    let head = &secret[..secret.len().min(16 * LONG)];
    if memchr::memchr2(b'\n', b'\r', head).is_some() {
        let lines = head.split(|&b| b == b'\n' || b == b'\r').map(<[u8]>::trim_ascii);
        let lines = lines.filter(|line| line.len() >= LINE && !line.starts_with(b"-----"));
        forms.extend(lines.map(|line| (line.to_vec(), &[][..])));
    }
    forms
}

/// Whether no letter, digit or `_` touches a stretch.
fn is_word(text: &[u8], range: Range<usize>) -> bool {
    let part = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    !part(range.start.checked_sub(1).and_then(|at| text.get(at))) && !part(text.get(range.end))
}

/// Text with `%41` read as `A`, and where each byte of it, and its end, stands in the text.
fn percent_decoded(text: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let (mut decoded, mut at) = (Vec::with_capacity(text.len()), Vec::with_capacity(text.len() + 1));
    let digit = |i: usize| text.get(i).and_then(|&b| char::from(b).to_digit(16));
    let mut i = 0;
    while i < text.len() {
        at.push(i);
        match (text[i], digit(i + 1), digit(i + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                i += 3;
            }
            (byte, ..) => {
                decoded.push(byte);
                i += 1;
            }
        }
    }
    at.push(text.len());
    (decoded, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(secrets: &[Secret]) -> Redactor<'_> {
        Redactor::new(secrets)
    }

    #[test]
    fn replaces_every_spelling() {
        let secrets = [Secret::new(b"p@ss \"w/rd\"!", 0)];
        let redactor = redactor(&secrets);
        for text in [
            "x p@ss \"w/rd\"! y",
            "x p%40ss%20%22w%2Frd%22%21 y",
            "x p%40ss%20%22w%2frd%22! y",
            "x p@ss \\\"w/rd\\\"! y",
        ] {
            assert_eq!(redactor.data(text), "x …(12) y", "{text}");
        }
    }

    #[test]
    fn short_ones_only_as_words() {
        let secrets = [Secret::new(b"abc", 0), Secret::new(b"ab", 0)];
        let redactor = redactor(&secrets);
        assert_eq!(redactor.data("abc abcd x_abc (abc) ab-c"), "…(3) abcd x_abc (…(3)) …(2)-c");
    }

    #[test]
    fn overlapping_ones_go_as_one() {
        let secrets = [Secret::new(b"aaaaBBBB", 0), Secret::new(b"BBBBcccccc", 2)];
        let redactor = redactor(&secrets);
        assert_eq!(redactor.data("-aaaaBBBBcccccc-"), "-BB…(10)-");
    }

    #[test]
    fn a_label_holds_no_other_secret() {
        let secrets = [Secret::new(b"wonder_land_0123456789", 11), Secret::new(b"wonder_land", 0)];
        let redactor = redactor(&secrets);
        assert_eq!(redactor.label(&secrets[0]), "…(11)…(22)");
        assert_eq!(redactor.data("wonder_land_0123456789"), "…(11)…(22)");
    }

    #[test]
    fn lines_and_long_secrets_are_found() {
        let long = "0123456789abcdefghijkl\n".repeat(400);
        let secrets = [Secret::new(long.as_bytes(), 0)];
        let redactor = redactor(&secrets);
        assert_eq!(redactor.data(&format!("<{long}>")), "<…(9200)>");
        assert_eq!(redactor.data("see 0123456789abcdefghijkl"), "see …(9200)");
    }

    #[test]
    fn our_words_stay_unless_long() {
        let long = "x1".repeat(10);
        let secrets = [Secret::new(b"password", 0), Secret::new(long.as_bytes(), 0)];
        let redactor = redactor(&secrets);
        assert_eq!(redactor.ours("Change the password"), "Change the password");
        assert_eq!(redactor.data("the password"), "the …(8)");
        assert_eq!(redactor.ours(&format!("key {long}")), "key …(20)");
        assert_eq!(Redactor::off().data("the password"), "the password");
    }

    #[test]
    fn not_utf8_is_found_in_bytes_and_in_lossy_text() {
        let secrets = [Secret::new(b"\xff\xfesecret-value", 0)];
        let redactor = redactor(&secrets);
        assert_eq!(&*redactor.bytes(b"a/\xff\xfesecret-value/b"), "a/…(14)/b".as_bytes());
        assert_eq!(redactor.data(&String::from_utf8_lossy(b"a \xff\xfesecret-value")), "a …(14)");
    }
}
