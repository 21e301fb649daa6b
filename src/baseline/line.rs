//! One line of a baseline: taken apart without copying, and written.

use std::borrow::Cow;

use super::{Judgement, State};
use crate::yaml::nearest;
use crate::{globs, time};

/// What stands between the path and the reason, and what keyboards have for it.
const DASHES: [&str; 2] = ["—", "--"];
/// What is unknown.
const UNKNOWN: &str = "-";
const OPTIONS: [&str; 3] = ["on", "until", "paths"];

/// A fingerprint in order and in few bytes: first those that anybody can compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    private: bool,
    digest: [u8; 10],
}

impl Key {
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let (private, digits) = match text.strip_prefix(b"ks1:") {
            Some(digits) => (false, digits),
            None => (true, text.strip_prefix(b"ks1k:")?),
        };
        let digits: &[u8; 20] = digits.try_into().ok()?;
        let mut digest = [0; 10];
        for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = hex(pair[0])? << 4 | hex(pair[1])?;
        }
        Some(Self { private, digest })
    }

    pub(super) fn is_private(self) -> bool {
        self.private
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// A line that is a judgement, as written.
pub(super) struct Line<'a> {
    pub(super) key: Key,
    pub(super) until: Option<&'a str>,
    fingerprint: &'a str,
    state: State,
    on: Option<&'a str>,
    paths: Vec<&'a str>,
    rule: &'a str,
    path: &'a str,
    reason: &'a str,
}

/// A 0-based column in bytes, and what is wrong there.
type Found = (usize, String);

impl<'a> Line<'a> {
    /// Takes a line apart.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Vec<Found>> {
        let text = legible(bytes).map_err(|fault| vec![fault])?;
        let column = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
        let mut rest = Words { rest: text };
        let fingerprint = rest.next().unwrap_or_default();
        let Some(key) = Key::parse(fingerprint.as_bytes()) else {
            // It may be anything, a pasted key too: it is not quoted.
            let conflict =
                ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|mark| fingerprint.starts_with(mark));
            let why = match conflict {
                true => "a merge left this: keep the judgements of both sides and delete its marks",
                false => "no fingerprint; a line begins with one that a report shows, ks1: and 20 hexadecimal digits",
            };
            return Err(vec![(column(fingerprint), why.into())]);
        };
        let mut faults = Vec::new();
        let word = rest.next();
        let state = word.and_then(State::named);
        if state.is_none() {
            faults.push((word.map_or(text.len(), column), unknown_state(word)));
        }
        let mut line = Self {
            key,
            until: None,
            fingerprint,
            state: state.unwrap_or(State::Accepted),
            on: None,
            paths: Vec::new(),
            rule: UNKNOWN,
            path: UNKNOWN,
            reason: "",
        };
        line.rest(rest, column, &mut faults);
        let lacks = match (state, line.until, line.reason) {
            (Some(State::Accepted), None, _) => {
                Some("`until=YYYY-MM-DD` before the rule: it is open again past that day")
            }
            (Some(State::Accepted), _, "") => Some("a reason, behind ` — ` at the end"),
            _ => None,
        };
        if let (Some(lacks), true) = (lacks, faults.is_empty()) {
            faults.push((word.map_or(0, column), format!("what is accepted needs {lacks}")));
        }
        if faults.is_empty() { Ok(line) } else { Err(faults) }
    }

    /// What follows the state.
    fn rest(&mut self, mut words: Words<'a>, column: impl Fn(&str) -> usize, faults: &mut Vec<Found>) {
        let mut named = 0;
        while let Some(word) = words.next() {
            if DASHES.contains(&word) {
                self.reason = words.rest.trim();
                return;
            }
            match (named, word.split_once('=')) {
                (0, Some((name, value))) => {
                    if let Err(why) = self.option(name, value) {
                        faults.push((column(word), why));
                    }
                    continue;
                }
                (0, None) => self.rule = word,
                (1, _) => self.path = word,
                _ => {
                    let why =
                        "more than a rule and a path; write %20 for a space in a path, and ` — ` before the reason";
                    faults.push((column(word), why.into()));
                    return;
                }
            }
            named += 1;
        }
    }

    fn option(&mut self, name: &str, value: &'a str) -> Result<(), String> {
        let slot = match name {
            "on" => &mut self.on,
            "until" => &mut self.until,
            "paths" if value.is_empty() => return Err("`paths=` needs a glob".into()),
            "paths" => {
                self.paths.push(value);
                return globs::check(&String::from_utf8_lossy(&decoded(value)));
            }
            _ => {
                let near = nearest(name, &OPTIONS).map(|near| format!("did you mean `{near}=`?"));
                let hint = near.unwrap_or_else(|| "known are on=, until= and paths=".into());
                return Err(format!("unknown option `{name}=`; {hint}"));
            }
        };
        if !time::is_date(value) {
            return Err(format!("`{name}=` must be a date, YYYY-MM-DD"));
        }
        if slot.replace(value).is_some() {
            return Err(format!("`{name}=` stands twice"));
        }
        Ok(())
    }

    /// The same in values of its own.
    pub(super) fn judgement(&self) -> Judgement {
        let known = |word: &'a str| Some(word).filter(|word| *word != UNKNOWN);
        let text = |word: &&str| String::from_utf8_lossy(&decoded(word)).into_owned();
        Judgement {
            fingerprint: self.fingerprint.to_ascii_lowercase(),
            state: self.state,
            on: self.on.map(str::to_owned),
            until: self.until.map(str::to_owned),
            paths: self.paths.iter().map(text).collect(),
            rule: known(self.rule).map(|rule| text(&rule)).unwrap_or_default(),
            path: known(self.path).map(|path| decoded(path).into_owned()).unwrap_or_default(),
            reason: self.reason.to_owned(),
        }
    }
}

fn unknown_state(word: Option<&str>) -> String {
    let words = State::ALL.map(State::word);
    let Some(word) = word else { return format!("no state behind the fingerprint; one of {}", words.join(", ")) };
    let near = nearest(word, &words).map(|near| format!("did you mean `{near}`?"));
    format!("unknown state `{word}`; {}", near.unwrap_or_else(|| format!("known are {}", words.join(", "))))
}

/// The text of a line in which nothing hides.
fn legible(bytes: &[u8]) -> Result<&str, Found> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| (error.valid_up_to(), "not UTF-8; in a path or glob write such a byte as %XX".to_owned()))?;
    // Every line has a dash beyond ASCII; only what begins like something hidden is looked at closely.
    let hidden = (0..bytes.len()).filter(|at| SUSPECT[bytes[*at] as usize]).find_map(|at| {
        let c = text.get(at..)?.chars().next()?;
        is_hidden(c).then_some((at, c))
    });
    match hidden {
        None => Ok(text),
        Some((at, c)) => Err((
            at,
            format!("U+{:04X} cannot be seen; take it out, in a path or glob write its bytes as %XX", c as u32),
        )),
    }
}

/// First bytes of characters that [`is_hidden`] can be true of, but for tabs.
const SUSPECT: [bool; 256] = {
    let (mut table, mut byte) = ([false; 256], 0);
    while byte < 256 {
        table[byte] = (byte < 0x20 && byte != 9) || matches!(byte, 0x7f | 0xc2 | 0xe2 | 0xef);
        byte += 1;
    }
    table
};

/// Control characters, and what changes the order or breaks the line of text without being seen.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}')
}

/// Words between spaces and tabs.
#[derive(Clone)]
struct Words<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;
    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest.trim_start_matches([' ', '\t']);
        let end = text.bytes().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.rest = rest;
        Some(word).filter(|word| !word.is_empty())
    }
}

/// The line of a judgement.
pub(super) fn write(judgement: &Judgement) -> Result<String, String> {
    let Judgement { fingerprint, state, on, until, paths, rule, path, reason } = judgement;
    let mut line = format!("{fingerprint} {}", state.word());
    line.extend(on.iter().map(|date| format!(" on={date}")));
    line.extend(until.iter().map(|date| format!(" until={date}")));
    line.extend(paths.iter().map(|glob| format!(" paths={}", encoded(glob.as_bytes()))));
    line.push_str(&format!(" {} {}", word(rule.as_bytes()), word(path)));
    let reason = one_line(reason);
    if !reason.is_empty() {
        line.push_str(&format!(" {} {reason}", DASHES[0]));
    }
    // What is written is read again; it must not become a fault there.
    match Line::parse(line.as_bytes()) {
        Ok(_) => Ok(line),
        Err(faults) => Err(faults.into_iter().map(|(_, why)| why).collect::<Vec<_>>().join("; ")),
    }
}

/// A text in which nothing breaks the line or hides.
pub(super) fn one_line(text: &str) -> String {
    let plain: String = text.chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A word that cannot be taken for something else.
fn word(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return UNKNOWN.to_owned();
    }
    let word = encoded(bytes);
    let first = bytes[0];
    match word == UNKNOWN || DASHES.contains(&word.as_str()) {
        true => format!("%{first:02X}{}", &encoded(&bytes[1..])),
        false => word,
    }
}

/// With `%XX` for what a line cannot hold.
fn encoded(bytes: &[u8]) -> String {
    let mut word = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_whitespace() || is_hidden(c) || c == '%' {
                let mut buffer = [0; 4];
                word.extend(c.encode_utf8(&mut buffer).bytes().map(|byte| format!("%{byte:02X}")));
            } else {
                word.push(c);
            }
        }
        word.extend(chunk.invalid().iter().map(|byte| format!("%{byte:02X}")));
    }
    word
}

/// What an encoded word stands for; a `%` that begins no byte is one.
fn decoded(word: &str) -> Cow<'_, [u8]> {
    let bytes = word.as_bytes();
    if !bytes.contains(&b'%') {
        return Cow::Borrowed(bytes);
    }
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let pair = (bytes[at] == b'%').then(|| Some((hex(*bytes.get(at + 1)?)?, hex(*bytes.get(at + 2)?)?))).flatten();
        out.push(pair.map_or(bytes[at], |(high, low)| high << 4 | low));
        at += if pair.is_some() { 3 } else { 1 };
    }
    Cow::Owned(out)
}
