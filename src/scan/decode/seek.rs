//! Where there is a reason to decode: one pass in blocks of sixteen bytes that the compiler turns into vector code, and a
//! closer look where a block has a long run of letters and digits, or a character that escapes begin with.
//!
//! Whether there is a reason at a place depends on the bytes within [`AROUND`] of it alone, wherever blocks begin.

use std::ops::Range;

use super::Layer;
use super::base64::{self, Quartets};
use super::escape::Style;
use super::hex::{self, List, Pairs};
use super::join;
use super::units::{Recent, Sense, Units};
use super::wide::{self, Wide};

/// How far from a reason the bytes are on which it depends: what a zone must be widened by.
pub const AROUND: usize = 80;

const LANES: usize = 16;
/// The shortest run of letters and digits that is looked at.
const RUN: usize = 24;

/// Calls `found` for every place in `zone` where there is a reason to decode; those of a layer in ascending order.
pub fn seek(bytes: &[u8], zone: Range<usize>, found: &mut dyn FnMut(Layer, usize)) {
    let mut look = Look { bytes, zone: zone.clone(), run_end: zone.start, found };
    look.wide();
    let (mut last, mut at) = (false, zone.start);
    while at < zone.end {
        let (runs, mut marks) = classes(&block(bytes, at), &block(bytes, at + 1));
        // A run that is long enough fills two neighbouring halves of blocks.
        let (first, second) = (runs as u64 == u64::MAX, (runs >> 64) as u64 == u64::MAX);
        if first & (last | second) && look.run_end <= at {
            look.run(at);
        }
        last = second;
        while marks != 0 {
            let lane = marks.trailing_zeros() as usize / 8;
            marks &= !(0xff << (8 * lane));
            if at + lane < zone.end {
                look.mark(at + lane);
            }
        }
        at += LANES;
    }
}

/// Sixteen bytes from `at` on, with spaces where there are none.
#[inline]
fn block(bytes: &[u8], at: usize) -> [u8; LANES] {
    match bytes.get(at..at + LANES).and_then(|block| block.try_into().ok()) {
        Some(block) => block,
        None => {
            let mut block = [b' '; LANES];
            let rest = &bytes[at.min(bytes.len())..];
            block[..rest.len().min(LANES)].copy_from_slice(&rest[..rest.len().min(LANES)]);
            block
        }
    }
}

/// Which of sixteen bytes are letters or digits, and which call for a closer look, given the byte after each: a byte of
/// ones for each. What a closer look would rule out may be let through where that is cheaper.
#[inline]
fn classes(here: &[u8; LANES], next: &[u8; LANES]) -> (u128, u128) {
    let (mut runs, mut marks) = ([0u8; LANES], [0u8; LANES]);
    for lane in 0..LANES {
        let (byte, next) = (here[lane], next[lane]);
        let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        let digit = byte.wrapping_sub(b'0') < 10;
        runs[lane] = u8::from(letter | digit).wrapping_neg();
        let breaks = next < b' ';
        // One of `*+./` and one of `"#&'`.
        let operator = next & 0xfa == 0x2a;
        let quote = byte & 0xfa == 0x22;
        let joins = quote & (breaks | (next == b' ') | operator);
        let soft = (byte == b'=') & (breaks | (next.wrapping_sub(b'2') < 6));
        let block = ((byte == b'>') | (byte == b'|') | (byte == b'-')) & breaks;
        let list = (byte == b'0') & (next | 0x20 == b'x');
        let escape = (byte == b'\\') | (byte.wrapping_sub(b'%') < 2);
        marks[lane] = u8::from(joins | soft | block | list | escape).wrapping_neg();
    }
    (u128::from_le_bytes(runs), u128::from_le_bytes(marks))
}

/// The closer look.
struct Look<'a> {
    bytes: &'a [u8],
    zone: Range<usize>,
    /// Where the last run of letters and digits ended.
    run_end: usize,
    found: &'a mut dyn FnMut(Layer, usize),
}

impl Look<'_> {
    /// A run of letters and digits of which the block at `at` is part.
    fn run(&mut self, at: usize) {
        let is_run = |byte: &&u8| byte.is_ascii_alphanumeric();
        let floor = self.zone.start.max(self.run_end);
        let start = at - self.bytes[floor..at].iter().rev().take_while(is_run).count();
        let end = at + self.bytes[at..self.zone.end].iter().take_while(is_run).count();
        self.run_end = end;
        if end - start >= RUN {
            self.base64(start..end);
            self.hex(start..end);
        }
    }

    fn base64(&mut self, run: Range<usize>) {
        let sense = |at: usize| base64::sense(&self.bytes[at..at + 4]);
        let places = rows::<4>(run, Quartets::NEED, sense);
        places.into_iter().for_each(|at| (self.found)(Layer::Base64, at));
    }

    fn hex(&mut self, run: Range<usize>) {
        let mut at = run.start;
        while at + RUN <= run.end {
            // Every run of digits long enough has one of these two.
            let middle = at + RUN / 2;
            if !hex::is_digit(self.bytes[middle]) {
                at = middle + 1;
                continue;
            }
            let is_digit = |byte: &&u8| hex::is_digit(**byte);
            let start = middle - self.bytes[at..middle].iter().rev().take_while(is_digit).count();
            let end = middle + self.bytes[middle..run.end].iter().take_while(is_digit).count();
            if end - start >= RUN {
                let sense = |at: usize| hex::sense(&self.bytes[at..at + 2]);
                let places = rows::<2>(start..end, Pairs::NEED, sense);
                places.into_iter().for_each(|at| (self.found)(Layer::Hex, at));
            }
            at = end;
        }
    }

    /// A character that something may begin with.
    fn mark(&mut self, at: usize) {
        let bytes = self.bytes;
        match bytes[at] {
            b'"' | b'\'' => self.junction(at),
            b'%' => self.escape(Style::Percent, at),
            b'&' => self.escape(Style::Html, at),
            b'=' => self.escape(Style::Quoted, at),
            b'0' if List.is_reason(bytes, at) => (self.found)(Layer::HexList, at),
            b'>' | b'|' | b'-' => {
                let line = if bytes.get(at + 1) == Some(&b'\r') { at + 2 } else { at + 1 };
                if bytes.get(line) == Some(&b'\n') && join::is_block(bytes, line) {
                    (self.found)(Layer::Block, line);
                }
            }
            b'\\' if matches!(bytes.get(at + 1), Some(b'\n' | b'\r')) => self.junction(at),
            b'\\' => self.escape(Style::Backslash, at),
            _ => {}
        }
    }

    fn escape(&mut self, style: Style, at: usize) {
        if style.is_reason(self.bytes, at) {
            (self.found)(Layer::Escape(style), at);
        }
    }

    fn junction(&mut self, at: usize) {
        if join::junction(self.bytes, at).is_some() {
            (self.found)(Layer::Join, at);
        }
    }

    /// Characters and their zeros.
    fn wide(&mut self) {
        let (bytes, mut at) = (self.bytes, self.zone.start);
        while let Some(found) = memchr::memchr(0, &bytes[at..self.zone.end]) {
            at += found;
            let size = match bytes.get(at.wrapping_sub(1)..) {
                Some([byte, 0, next, 0, ..]) if wide::is_text(*byte) && wide::is_text(*next) => 2,
                Some([byte, 0, 0, 0, next, 0, 0, 0, ..]) if wide::is_text(*byte) && wide::is_text(*next) => 4,
                _ => 0,
            };
            at += bytes[at..self.zone.end].iter().take_while(|byte| **byte == 0).count();
            if size > 0 {
                let start = at - size;
                let run = Wide(size).run(bytes, start);
                if Wide(size).is_reason(&run) {
                    (self.found)(Layer::Wide(size), run.start);
                    at = at.max(run.end.min(self.zone.end));
                }
            }
        }
    }
}

/// Where `need` units of text in a row begin within `run`, in order: units of `SIZE` bytes, at any place. Of so many in a
/// row one stands at every so many, which is all that is looked at where there are none.
fn rows<const SIZE: usize>(run: Range<usize>, need: u32, sense: impl Fn(usize) -> Sense) -> Vec<usize> {
    let (mut places, stride) = (Vec::new(), SIZE * need as usize);
    for first in run.start..run.start + SIZE {
        let (mut floor, mut at) = (first, first + stride - SIZE);
        while at + SIZE <= run.end {
            if sense(at) == Sense::Noise {
                (floor, at) = (at + SIZE, at + stride);
                continue;
            }
            let (mut start, mut end, mut recent) = (at, at, Recent::default());
            while start > floor && sense(start - SIZE) != Sense::Noise {
                start -= SIZE;
            }
            let mut unit = start;
            while unit + SIZE <= run.end {
                let sense = sense(unit);
                if sense == Sense::Noise {
                    break;
                }
                if recent.add(sense, need) {
                    places.push(unit + SIZE - stride);
                }
                unit += SIZE;
                end = unit;
            }
            (floor, at) = (end, end + stride);
        }
    }
    places.sort_unstable();
    places
}
