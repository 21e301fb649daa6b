//! Encoded text that is wrapped over lines, as in MIME, PEM and block values of YAML.

use std::ops::Range;

use super::units::{Gap, Sense, Unit};

/// Lines shorter or longer than this are not taken for a wrapped block.
const SHORTEST: usize = 16;
const LONGEST: usize = 1024;
/// White space that may stand at the beginning of a line.
const INDENT: usize = 64;
/// How far around a stretch the bytes are on which it depends: a line and what is needed to know the next one.
pub const CONTEXT: usize = 2 * LONGEST + INDENT;

/// The characters of an encoding.
pub trait Class: Fn(u8) -> bool + Copy {}

impl<F: Fn(u8) -> bool + Copy> Class for F {}

fn len_before(bytes: &[u8], end: usize, is: impl Class) -> usize {
    bytes[..end].iter().rev().take(LONGEST + 1).take_while(|byte| is(**byte)).count()
}

/// Where the run of characters that ends with its line at `end` goes on in the next line.
fn next_line(bytes: &[u8], end: usize, is: impl Class) -> Option<usize> {
    let eol = match bytes.get(end..)? {
        [b'\n', ..] => 1,
        [b'\r', b'\n', ..] => 2,
        _ => return None,
    };
    let len = len_before(bytes, end, is);
    if !(SHORTEST..=LONGEST).contains(&len) {
        return None;
    }
    let line = end + eol;
    let indent = bytes[line..].iter().take(INDENT).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let start = line + indent;
    let next = bytes[start..].iter().take(len + 1).take_while(|byte| is(**byte)).count();
    let whole = bytes.get(start + next).is_none_or(|byte| b"=\r\n\"'`<,);\\".contains(byte));
    ((1..=len).contains(&next) && whole).then_some(start)
}

/// Where the line before ends, whose run of characters goes on at `start`.
fn previous_line(bytes: &[u8], start: usize, is: impl Class) -> Option<usize> {
    let indent = bytes[..start].iter().rev().take(INDENT).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let before = bytes[..start - indent].strip_suffix(b"\n")?;
    let before = before.strip_suffix(b"\r").unwrap_or(before);
    (next_line(bytes, before.len(), is) == Some(start)).then_some(before.len())
}

/// The next `count` characters from `at` on, over line breaks.
#[inline]
pub fn next_unit(
    bytes: &[u8],
    at: usize,
    count: usize,
    is: impl Class,
    sense: impl Fn(&[u8]) -> Sense,
) -> Option<Unit> {
    if let Some(unit) = bytes.get(at..at + count).filter(|unit| unit.iter().all(|byte| is(*byte))) {
        return Some(Unit { start: at, end: at + count, sense: sense(unit), gap: Gap::None });
    }
    let (mut start, mut cursor, mut gap, mut taken) = (at, at, Gap::None, 0);
    while taken < count {
        if bytes.get(cursor).is_some_and(|byte| is(*byte)) {
            (cursor, taken) = (cursor + 1, taken + 1);
            continue;
        }
        cursor = next_line(bytes, cursor, is)?;
        if taken == 0 {
            (start, gap) = (cursor, Gap::Beside);
        } else {
            gap = Gap::Within;
        }
    }
    let sense = if gap == Gap::Within { Sense::Noise } else { sense(&bytes[start..cursor]) };
    Some(Unit { start, end: cursor, sense, gap })
}

/// The `count` characters before `at`, over line breaks.
#[inline]
pub fn previous_unit(
    bytes: &[u8],
    at: usize,
    count: usize,
    is: impl Class,
    sense: impl Fn(&[u8]) -> Sense,
) -> Option<Unit> {
    let unit = at.checked_sub(count).map(|start| &bytes[start..at]).filter(|unit| unit.iter().all(|byte| is(*byte)));
    if let Some(unit) = unit {
        return Some(Unit { start: at - count, end: at, sense: sense(unit), gap: Gap::None });
    }
    let (mut end, mut cursor, mut gap, mut taken) = (at, at, Gap::None, 0);
    while taken < count {
        if bytes[..cursor].last().is_some_and(|byte| is(*byte)) {
            (cursor, taken) = (cursor - 1, taken + 1);
            continue;
        }
        cursor = previous_line(bytes, cursor, is)?;
        if taken == 0 {
            (end, gap) = (cursor, Gap::Beside);
        } else {
            gap = Gap::Within;
        }
    }
    let sense = if gap == Gap::Within { Sense::Noise } else { sense(&bytes[cursor..end]) };
    Some(Unit { start: cursor, end, sense, gap })
}

/// The characters of a run from `place.start` on, in pieces without line breaks, up to `place.end` and then, if fewer
/// than `unit` are left before the run ends, these too.
pub fn pieces(bytes: &[u8], place: &Range<usize>, unit: usize, is: impl Class) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut at = place.start;
    loop {
        let end = at + bytes[at..place.end].iter().take_while(|byte| is(**byte)).count();
        pieces.push(at..end);
        match next_line(bytes, end, is) {
            Some(next) if end < place.end && next < place.end => at = next,
            _ => break,
        }
    }
    // A last unit that is not full ends the run, or what comes next was beyond the margin.
    if next_unit(bytes, place.end, unit, is, |_| Sense::Noise).is_none() {
        let mut at = place.end;
        for _ in 1..unit {
            if !bytes.get(at).is_some_and(|byte| is(*byte)) {
                match next_line(bytes, at, is) {
                    Some(next) => at = next,
                    None => break,
                }
            }
            match pieces.last_mut() {
                Some(last) if last.end == at => last.end += 1,
                _ => pieces.push(at..at + 1),
            }
            at += 1;
        }
    }
    pieces
}
