//! UTF-16 and UTF-32, of either byte order, with and without a byte order mark: whole files as PowerShell writes them,
//! and strings in binaries.
//!
//! Text in ASCII is looked for as a character and its zeros; big-endian text looks the same from its first character on.

use std::ops::Range;

use super::map::Text;
use super::units::{Gap, Sense, Unit, Units};

/// How far around a stretch the bytes are on which it depends: a few characters.
pub const CONTEXT: usize = 64;

/// Characters of 2 or 4 bytes, the character before its zeros.
pub struct Wide(pub usize);

pub fn is_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t')
}

impl Wide {
    fn unit(&self, bytes: &[u8], start: usize) -> Option<Unit> {
        let unit = bytes.get(start..start.checked_add(self.0)?)?;
        let is_ascii = is_text(unit[0]) && unit[1..].iter().all(|byte| *byte == 0);
        let sense = if is_ascii { Sense::Text } else { Sense::Noise };
        Some(Unit { start, end: start + self.0, sense, gap: Gap::None })
    }

    /// The run of ASCII characters around the one that begins at `at`.
    pub fn run(&self, bytes: &[u8], at: usize) -> Range<usize> {
        let is_text = |unit: &Unit| unit.sense == Sense::Text;
        let (mut start, mut end) = (at, at);
        while let Some(unit) = start.checked_sub(self.0).and_then(|at| self.unit(bytes, at)).filter(is_text) {
            start = unit.start;
        }
        while let Some(unit) = self.unit(bytes, end).filter(is_text) {
            end = unit.end;
        }
        start..end
    }

    /// Whether a run is long enough to be text.
    pub fn is_reason(&self, run: &Range<usize>) -> bool {
        run.len() >= self.0 * Self::NEED as usize
    }
}

impl Units for Wide {
    const NEED: u32 = 10;
    const MARGIN: u32 = 128;

    fn next(&self, bytes: &[u8], at: usize) -> Option<Unit> {
        self.unit(bytes, at)
    }

    fn prev(&self, bytes: &[u8], at: usize) -> Option<Unit> {
        self.unit(bytes, at.checked_sub(self.0)?)
    }
}

/// Decodes the characters from the first reason to do so to the last.
pub fn decode(bytes: &[u8], reasons: &Range<usize>, size: usize) -> Option<Text> {
    // What looks like a character and its zeros is, in big-endian text, one's character and the next one's zeros: then
    // a zero stands before the first, characters begin elsewhere in the file, and the last one has no zeros of its own.
    let run = Wide(size).run(bytes, reasons.start);
    let text_behind = |end: usize| bytes.get(end).is_some_and(|byte| is_text(*byte));
    let zero_before = bytes[..run.start].last() == Some(&0);
    let big = zero_before && (run.start % size == size - 1 || text_behind(run.end)) && reasons.start >= size - 1;
    let shift = if big { size - 1 } else { 0 };
    let mut text = Text::with_room(reasons.len() / size + 16);
    let mut at = reasons.start - shift;
    let end = if big { bytes.len().min(reasons.end + 1) } else { reasons.end };
    while let Some(unit) = bytes.get(at..at + size).filter(|_| at < end) {
        let value = unit
            .iter()
            .enumerate()
            .fold(0u32, |value, (i, byte)| value | u32::from(*byte) << (8 * if big { size - 1 - i } else { i }));
        let character = char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER);
        let mut buffer = [0; 4];
        let encoded = character.encode_utf8(&mut buffer).as_bytes();
        text.bytes.extend_from_slice(encoded);
        text.decoded(encoded.len(), at..at + size);
        at += size;
    }
    // Amid other text the byte behind is the last character of big-endian text, or stands there for itself.
    if !big && text_behind(at) {
        text.bytes.push(bytes[at]);
        text.decoded(1, at..at + 1);
    }
    Some(text)
}
