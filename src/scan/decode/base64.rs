//! Base64, of either alphabet, padded or not, wrapped or not.
//!
//! Text has bytes below 128. In base64 that leaves each of the first three characters of a quartet half of the
//! alphabet: six such quartets of letters and digits in a row are text, and chance gives them once in 260,000.

use std::ops::Range;

use super::map::Text;
use super::units::{Sense, Unit, Units};
use super::wrap;

/// How far left of a run the line is taken over as it stands: the name of a value stands there.
const BEFORE: usize = 128;

/// Quartets of characters.
pub struct Quartets;

const NONE: u8 = 255;

/// The six bits of a character of either alphabet, and whether it is no hexadecimal digit.
const BITS: [u8; 256] = {
    let mut table = [NONE; 256];
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut i = 0;
    while i < 64 {
        table[letters[i] as usize] = i as u8 | if letters[i].is_ascii_hexdigit() { 0 } else { NOT_HEX };
        i += 1;
    }
    table[b'-' as usize] = 62 | NOT_HEX;
    table[b'_' as usize] = 63 | NOT_HEX;
    table
};
const NOT_HEX: u8 = 64;
const SIX: u8 = 63;

/// Whether the alphabets have a character.
#[inline]
pub fn is_character(byte: u8) -> bool {
    BITS[usize::from(byte)] != NONE
}

/// What a quartet decodes to. Only letters and digits count: the finder of reasons looks for runs of them. A quartet of
/// hexadecimal digits is hardly ever text, a digest often has them: they are no reason by themselves.
#[inline]
pub fn sense(quartet: &[u8]) -> Sense {
    let quartet = [0, 1, 2, 3].map(|at| BITS[usize::from(quartet[at])]);
    let is_hex = quartet.iter().fold(0, |all, bits| all | bits) & NOT_HEX == 0;
    let [a, b, c, d] = quartet.map(|bits| bits & SIX);
    // One branch for all: each alone is hard to foretell.
    let noise = (a >= 32) | (b >= 62) | (c >= 62) | (d >= 62) | (b & 8 != 0) | (c & 2 != 0);
    if noise {
        Sense::Noise
    } else if a >= 8 && !is_hex {
        Sense::Text
    } else {
        Sense::Filler
    }
}

impl Units for Quartets {
    const NEED: u32 = 6;
    const MARGIN: u32 = 64;

    fn next(&self, bytes: &[u8], at: usize) -> Option<Unit> {
        wrap::next_unit(bytes, at, 4, is_character, sense)
    }

    fn prev(&self, bytes: &[u8], at: usize) -> Option<Unit> {
        wrap::previous_unit(bytes, at, 4, is_character, sense)
    }
}

/// Decodes the quartets of `place`, with what stands before them on their line.
pub fn decode(bytes: &[u8], place: &Range<usize>) -> Option<Text> {
    let pieces = wrap::pieces(bytes, place, 4, is_character);
    let mut text = Text::with_room(place.len() / 4 * 3 + BEFORE);
    text.copy_name(bytes, before(bytes, place.start, is_character));
    let mut open = Open::default();
    for piece in &pieces {
        let mut at = piece.start;
        while open.count > 0 && at < piece.end {
            open.take(bytes, at, &mut text);
            at += 1;
        }
        let bulk = (piece.end - at) / 4 * 4;
        for quartet in bytes[at..at + bulk].chunks_exact(4) {
            let bits = quartet.iter().fold(0u32, |bits, byte| bits << 6 | u32::from(BITS[usize::from(*byte)] & SIX));
            text.bytes.extend_from_slice(&bits.to_be_bytes()[1..]);
        }
        if bulk > 0 {
            text.decoded(bulk / 4 * 3, at..at + bulk);
        }
        for at in at + bulk..piece.end {
            open.take(bytes, at, &mut text);
        }
    }
    let end = pieces.last().map_or(place.end, |piece| piece.end);
    let padded = end + bytes[end..].iter().take(2).take_while(|byte| **byte == b'=').count();
    open.finish(padded, &mut text);
    Some(text)
}

/// A quartet that is not full yet.
#[derive(Default)]
struct Open {
    start: usize,
    count: usize,
    bits: u32,
}

impl Open {
    fn take(&mut self, bytes: &[u8], at: usize, text: &mut Text) {
        if self.count == 0 {
            self.start = at;
        }
        self.bits = self.bits << 6 | u32::from(BITS[usize::from(bytes[at])] & SIX);
        self.count += 1;
        if self.count == 4 {
            text.bytes.extend_from_slice(&self.bits.to_be_bytes()[1..]);
            text.decoded(3, self.start..at + 1);
            *self = Self::default();
        }
    }

    /// The bytes of a last quartet of two or three characters.
    fn finish(self, end: usize, text: &mut Text) {
        let count = match self.count {
            2 | 3 => self.count - 1,
            _ => return,
        };
        let bits = self.bits << (6 * (4 - self.count));
        text.bytes.extend_from_slice(&bits.to_be_bytes()[1..=count]);
        text.decoded(count, self.start..end);
    }
}

/// What stands before a run on its line, if the run begins there.
pub fn before(bytes: &[u8], start: usize, is: impl wrap::Class) -> Range<usize> {
    if bytes[..start].last().is_some_and(|byte| is(*byte)) {
        return start..start;
    }
    let from = start.saturating_sub(BEFORE);
    memchr::memrchr(b'\n', &bytes[from..start]).map_or(from, |newline| from + newline + 1)..start
}
