//! Hexadecimal text: `6768705f` run together, or as a list of bytes, `0x67, 0x68`.

use std::ops::Range;

use super::base64::before;
use super::map::Text;
use super::seek::FAR;
use super::units::{Gap, Recent, Sense, Unit, Units};
use super::wrap;

/// Pairs of digits, run together.
pub struct Pairs;

/// `0x..` one after another.
pub struct List;

/// White space and a comma at most between two bytes of a list.
const BETWEEN: usize = 40;
/// How far around a list the bytes are on which it and its decoded text depend.
pub const CONTEXT: usize = 192;

/// The value of each digit, and what the others have.
const DIGITS: [u8; 256] = {
    let mut table = [NONE; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value] as usize] = value as u8;
        table[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    table
};
const NONE: u8 = 255;

pub fn is_digit(byte: u8) -> bool {
    DIGITS[usize::from(byte)] != NONE
}

/// The value of a digit.
pub fn digit(byte: u8) -> Option<u8> {
    Some(DIGITS[usize::from(byte)]).filter(|value| *value != NONE)
}

/// The value of two digits.
pub fn byte(pair: &[u8]) -> Option<u8> {
    match pair {
        [high, low] => {
            let [high, low] = [high, low].map(|digit| DIGITS[usize::from(*digit)]);
            (high | low != NONE).then_some(high << 4 | low)
        }
        _ => None,
    }
}

/// What a pair of digits stands for.
pub fn sense(pair: &[u8]) -> Sense {
    match byte(pair) {
        Some(b' '..=b'~' | b'\n' | b'\r' | b'\t') => Sense::Text,
        Some(0) => Sense::Filler,
        _ => Sense::Noise,
    }
}

impl Units for Pairs {
    const NEED: u32 = 12;
    const MARGIN: u32 = 128;

    fn next(&self, bytes: &[u8], at: usize) -> Option<Unit> {
        wrap::next_unit(bytes, at, 2, is_digit, sense)
    }

    fn prev(&self, bytes: &[u8], at: usize) -> Option<Unit> {
        wrap::previous_unit(bytes, at, 2, is_digit, sense)
    }
}

/// The byte of a list that stands at `at`.
fn element(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let whole = bytes.get(at..at + 4)?;
    let fits = whole[0] == b'0' && matches!(whole[1], b'x' | b'X') && byte(&whole[2..]).is_some();
    let free = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    (fits && free(bytes.get(at + 4)) && free(bytes[..at].last())).then_some(&whole[2..])
}

fn is_between(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b';')
}

impl Units for List {
    const NEED: u32 = 6;
    const MARGIN: u32 = 64;

    fn next(&self, bytes: &[u8], at: usize) -> Option<Unit> {
        let skipped = bytes.get(at..)?.iter().take(BETWEEN).take_while(|byte| is_between(byte)).count();
        let start = at + skipped;
        Some(Unit { start, end: start + 4, sense: sense(element(bytes, start)?), gap: Gap::None })
    }

    fn prev(&self, bytes: &[u8], at: usize) -> Option<Unit> {
        let skipped = bytes[..at].iter().rev().take(BETWEEN).take_while(|byte| is_between(byte)).count();
        let start = (at - skipped).checked_sub(4)?;
        Some(Unit { start, end: at - skipped, sense: sense(element(bytes, start)?), gap: Gap::None })
    }
}

impl List {
    /// Whether bytes of text enough for a reason begin at `at`.
    pub fn is_reason(&self, bytes: &[u8], at: usize) -> bool {
        let (mut cursor, mut recent) = (at, Recent::default());
        let mut reason = false;
        for _ in 0..Self::NEED {
            let Some(unit) = self.next(bytes, cursor).filter(|unit| unit.sense != Sense::Noise) else { return false };
            reason = recent.add(unit.sense, Self::NEED);
            cursor = unit.end;
        }
        reason && cursor - at <= FAR
    }
}

/// Decodes the pairs of `place`, with what stands before them on their line.
pub fn decode(bytes: &[u8], place: &Range<usize>) -> Option<Text> {
    let pieces = wrap::pieces(bytes, place, 2, is_digit);
    let mut text = Text::with_room(place.len() / 2 + 200);
    text.copy_name(bytes, before(bytes, place.start, is_digit));
    let mut open: Option<usize> = None;
    for piece in &pieces {
        let mut at = piece.start;
        if let (Some(first), true) = (open, at < piece.end) {
            text.bytes.extend(byte(&[bytes[first], bytes[at]]));
            text.decoded(1, first..at + 1);
            (open, at) = (None, at + 1);
        }
        let bulk = (piece.end - at) / 2 * 2;
        text.bytes.extend(bytes[at..at + bulk].chunks_exact(2).filter_map(byte));
        if bulk > 0 {
            text.decoded(bulk / 2, at..at + bulk);
        }
        if at + bulk < piece.end {
            open = Some(at + bulk);
        }
    }
    Some(text)
}

/// Decodes the list of bytes in `place`.
pub fn decode_list(bytes: &[u8], place: &Range<usize>) -> Option<Text> {
    let mut text = Text::with_room(place.len() / 4 + 200);
    text.copy_name(bytes, before(bytes, place.start, is_digit));
    let mut at = place.start;
    while let Some(unit) = List.next(bytes, at).filter(|unit| unit.end <= place.end) {
        text.bytes.extend(byte(&bytes[unit.end - 2..unit.end]));
        text.decoded(1, unit.start..unit.end);
        at = unit.end;
    }
    Some(text)
}
