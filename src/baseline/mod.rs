//! `.keysieve-baseline`: the secrets that people have judged already. Sorted text, one line a fingerprint, so that git
//! merges it; no secret and no line number in it.
//!
//! ```text
//! ks1:9f3c… accepted on=2026-11-22 until=2027-02-20 runra-api-key src/app.env — moved to the vault with OPS-7
//! FINGERPRINT STATE [on=DATE] [until=DATE] [paths=GLOB]… RULE PATH — REASON
//! ```
//!
//! Rule and path are for people alone. In paths and globs, `%` and two hexadecimal digits stand for a byte that a line
//! cannot hold: a space, a control character, what is not UTF-8. What is unknown is `-`.

mod edit;
mod line;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use edit::Edit;
use line::{Key, Line};

use crate::error::{Error, Result};
use crate::yaml::Fault;

/// The file's name at the root of a repository.
pub const NAME: &str = ".keysieve-baseline";
/// In bytes: some half a million judgements.
pub const MAX_SIZE: u64 = 64 << 20;
/// So many faults are told of; the rest is counted.
const MAX_FAULTS: usize = 100;

/// What a secret was judged to be; the more final, the smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It opens nothing any more; that it still stands in history is harmless.
    Revoked,
    /// Disabled at its provider, not yet deleted.
    Contained,
    /// No secret at all.
    FalsePositive,
    /// Made for tests: it opens nothing that matters.
    TestCredential,
    /// Known, live, and to be dealt with until a day.
    Accepted,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Revoked, Self::Contained, Self::FalsePositive, Self::TestCredential, Self::Accepted];

    /// The word in the file and in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Contained => "contained",
            Self::FalsePositive => "false-positive",
            Self::TestCredential => "test-credential",
            Self::Accepted => "accepted",
        }
    }

    /// The state that a word names.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// What it means, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Revoked => "it opens nothing any more; where it still stands it is harmless",
            Self::Contained => "disabled, to be deleted at its provider yet",
            Self::FalsePositive => "no secret",
            Self::TestCredential => "made for tests, opens nothing that matters",
            Self::Accepted => "known and live, to be revoked",
        }
    }
}

/// What somebody judged a secret to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The secret: `ks1:` or `ks1k:` and 20 hexadecimal digits.
    pub fingerprint: String,
    /// What it is.
    pub state: State,
    /// The day of the judgement, `YYYY-MM-DD`.
    pub on: Option<String>,
    /// The last day that it holds, `YYYY-MM-DD`.
    pub until: Option<String>,
    /// Globs of the paths where it holds; everywhere if there are none.
    pub paths: Vec<String>,
    /// The rule that found it, for people; empty if unknown.
    pub rule: String,
    /// Where it was found, for people; empty if unknown.
    pub path: Vec<u8>,
    /// Why, without line ends and other control characters.
    pub reason: String,
}

impl Judgement {
    /// Whether it still holds on a day, `YYYY-MM-DD`.
    pub fn holds(&self, today: &str) -> bool {
        self.until.as_deref().is_none_or(|until| today <= until)
    }

    /// Its line in the file, without the line end.
    ///
    /// # Errors
    /// A part of it cannot stand in the file, or it lacks what its state needs: why.
    pub fn line(&self) -> std::result::Result<String, String> {
        line::write(self)
    }
}

/// A baseline file. Lines are looked at once when it is read, and taken apart when somebody asks for one.
#[derive(Debug, Clone, Default)]
pub struct Baseline {
    /// What it is called in messages.
    pub source: String,
    text: Vec<u8>,
    /// The lines that are judgements, as they stand.
    rows: Vec<Row>,
    /// Positions in `rows`, sorted by fingerprint.
    order: Vec<u32>,
}

/// Where a judgement stands.
#[derive(Debug, Clone)]
struct Row {
    key: Key,
    until: Option<[u8; 10]>,
    /// 0-based.
    line: u32,
    bytes: Range<u32>,
}

impl Baseline {
    /// Reads a file's bytes.
    ///
    /// # Errors
    /// It has faults: all of them, with their places in `source`.
    pub fn parse(text: Vec<u8>, source: &str) -> Result<Self> {
        if text.len() as u64 > MAX_SIZE {
            return Err(Error::Usage(format!("{source}: must be at most {} MiB", MAX_SIZE >> 20)));
        }
        let mut baseline = Self { source: source.to_owned(), ..Self::default() };
        let (mut faults, mut at) = (Vec::new(), 0);
        for (number, raw) in lines(&text).enumerate() {
            let (start, bytes) = (at, content(raw, number));
            at += raw.len();
            if bytes.trim_ascii_start().first().is_none_or(|first| *first == b'#') {
                continue;
            }
            match Line::parse(bytes) {
                Ok(line) => {
                    let skipped = bytes.as_ptr() as usize - raw.as_ptr() as usize;
                    let from = (start + skipped) as u32;
                    let bytes = from..from + bytes.len() as u32;
                    let until = line.until.and_then(|date| date.as_bytes().try_into().ok());
                    baseline.rows.push(Row { key: line.key, until, line: number as u32, bytes });
                }
                Err(found) => {
                    let place =
                        |(column, message)| Fault { line: number as u64 + 1, column: column as u64 + 1, message };
                    faults.extend(found.into_iter().map(place));
                }
            }
        }
        if !faults.is_empty() {
            let more = faults.len().saturating_sub(MAX_FAULTS);
            let mut faults: Vec<String> =
                faults.iter().take(MAX_FAULTS).map(|fault| format!("{source}:{fault}")).collect();
            faults.extend((more > 0).then(|| format!("{source}: and {more} more")));
            return Err(Error::Faults { faults });
        }
        baseline.text = text;
        baseline.order = (0..baseline.rows.len() as u32).collect();
        baseline.order.sort_by_key(|row| baseline.rows[*row as usize].key);
        Ok(baseline)
    }

    /// How many judgements there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// All judgements, as they stand, with their 1-based lines.
    pub fn judgements(&self) -> impl Iterator<Item = (u64, Judgement)> + '_ {
        self.rows.iter().filter_map(|row| Some((u64::from(row.line) + 1, self.judgement(row)?)))
    }

    /// What was said of a secret, the most final first.
    pub fn of(&self, fingerprint: &str) -> Vec<Judgement> {
        let mut found: Vec<_> = self.rows_of(fingerprint).filter_map(|row| self.judgement(row)).collect();
        found.sort_by_key(|judgement| judgement.state);
        found
    }

    /// How many judgements do not hold any more on a day, `YYYY-MM-DD`, and the last day of the latest.
    pub fn over(&self, today: &str) -> Option<(usize, String)> {
        let over = || self.rows.iter().filter_map(|row| row.until).filter(|until| &until[..] < today.as_bytes());
        let latest = over().max()?;
        Some((over().count(), String::from_utf8_lossy(&latest).into_owned()))
    }

    /// How many fingerprints are keyed by a secret of somebody's own (`true`), or are not.
    pub fn keyed(&self, keyed: bool) -> usize {
        self.rows.iter().filter(|row| row.key.is_private() == keyed).count()
    }

    /// The file's bytes.
    pub fn into_text(self) -> Vec<u8> {
        self.text
    }

    /// A change of it.
    pub fn edit(&self) -> Edit<'_> {
        Edit::new(self)
    }

    fn rows_of(&self, fingerprint: &str) -> impl Iterator<Item = &Row> {
        let key = Key::parse(fingerprint.as_bytes());
        let row = |at: &u32| &self.rows[*at as usize];
        let first = self.order.partition_point(|at| Some(row(at).key) < key);
        self.order[first..].iter().map(row).take_while(move |row| Some(row.key) == key)
    }

    fn judgement(&self, row: &Row) -> Option<Judgement> {
        let bytes = self.text.get(row.bytes.start as usize..row.bytes.end as usize)?;
        Line::parse(bytes).ok().map(|line| line.judgement())
    }
}

/// Lines with their ends.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = text.get(start..).filter(|rest| !rest.is_empty())?;
        let len = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        start += len;
        Some(&rest[..len])
    })
}

/// A line without its end; the first without the mark that some editors begin a file with.
fn content(raw: &[u8], number: usize) -> &[u8] {
    let raw = if number == 0 { raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw) } else { raw };
    let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
    raw.strip_suffix(b"\r").unwrap_or(raw)
}
