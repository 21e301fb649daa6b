//! Changes of a baseline that leave everything else as it stands: comments, order, ends of lines.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::line::Key;
use super::{Baseline, Judgement, lines};

/// How a new file begins.
const HEADER: &str = "\
# Secrets of this repository that somebody has judged; everything else is reported. `keysieve baseline --help`
# FINGERPRINT STATE [on=DATE] [until=DATE] [paths=GLOB] RULE PATH — REASON
# States: revoked, contained, false-positive, test-credential, accepted (until that day, then it is open again).

";

/// A change of a baseline.
#[derive(Debug)]
pub struct Edit<'a> {
    baseline: &'a Baseline,
    /// By 0-based line.
    replaced: HashMap<u32, String>,
    dropped: HashSet<u32>,
    added: Vec<(Key, String)>,
}

impl<'a> Edit<'a> {
    pub(super) fn new(baseline: &'a Baseline) -> Self {
        Self { baseline, replaced: HashMap::new(), dropped: HashSet::new(), added: Vec::new() }
    }

    /// Adds a judgement where its fingerprint belongs.
    ///
    /// # Errors
    /// It cannot stand in the file: why.
    pub fn add(&mut self, judgement: &Judgement) -> Result<(), String> {
        let line = judgement.line()?;
        let key = Key::parse(judgement.fingerprint.as_bytes()).ok_or("it has no fingerprint")?;
        self.added.push((key, line));
        Ok(())
    }

    /// Puts a judgement in the place of the one on a line (1-based).
    ///
    /// # Errors
    /// It cannot stand in the file: why.
    pub fn replace(&mut self, line: u64, judgement: &Judgement) -> Result<(), String> {
        self.replaced.insert(line.saturating_sub(1) as u32, judgement.line()?);
        Ok(())
    }

    /// Takes the judgement on a line (1-based) out.
    pub fn drop_line(&mut self, line: u64) {
        self.dropped.insert(line.saturating_sub(1) as u32);
    }

    /// The file's bytes after the change.
    pub fn text(mut self) -> Vec<u8> {
        let old: Vec<&[u8]> = lines(&self.baseline.text).collect();
        let end: &[u8] = if old.first().is_some_and(|line| line.ends_with(b"\r\n")) { b"\r\n" } else { b"\n" };
        let mut out = Vec::with_capacity(self.baseline.text.len() + 4096);
        if old.is_empty() {
            out.extend_from_slice(HEADER.as_bytes());
        }
        self.added.sort();
        let mut added = self.placed(&old);
        for (number, line) in old.iter().enumerate() {
            write_lines(&mut out, added.remove(&number).unwrap_or_default(), end);
            let number = number as u32;
            if self.dropped.contains(&number) {
                continue;
            }
            match self.replaced.get(&number) {
                Some(new) => write_lines(&mut out, vec![new.as_str()], end),
                None => out.extend_from_slice(line),
            }
        }
        write_lines(&mut out, added.remove(&old.len()).unwrap_or_default(), end);
        out
    }

    /// Before which of the old lines each new one goes: in a sorted file, where it belongs.
    fn placed(&self, old: &[&[u8]]) -> BTreeMap<usize, Vec<&str>> {
        // The greatest fingerprint so far: in a file that is not sorted, too, it only grows.
        let mut so_far = Vec::with_capacity(self.baseline.rows.len());
        for row in &self.baseline.rows {
            let greatest = so_far.last().map_or(row.key, |last: &Key| row.key.max(*last));
            so_far.push(greatest);
        }
        let is_comment = |number: usize| old[number].trim_ascii_start().first() == Some(&b'#');
        let header = (0..old.len()).find(|number| !is_comment(*number)).unwrap_or(old.len());
        let mut placed: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for (key, line) in &self.added {
            let next = so_far.partition_point(|greatest| greatest <= key);
            let mut at = self.baseline.rows.get(next).map_or(old.len(), |row| row.line as usize);
            // A comment right above a judgement belongs to it, one at the top to the file.
            while self.baseline.rows.get(next).is_some() && at > header && is_comment(at - 1) {
                at -= 1;
            }
            placed.entry(at).or_default().push(line);
        }
        placed
    }
}

fn write_lines(out: &mut Vec<u8>, lines: Vec<&str>, end: &[u8]) {
    for line in lines {
        if out.last().is_some_and(|last| *last != b'\n') {
            out.extend_from_slice(end);
        }
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(end);
    }
}
