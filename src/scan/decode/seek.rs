//! Where there is a reason to decode: one pass in blocks, as vector code, and a closer look where a block has a long run
//! of letters and digits, or a character that escapes begin with.
//!
//! Whether there is a reason at a place depends on the bytes within [`AROUND`] of it alone, wherever blocks begin. What
//! depends on more is looked for in a wider zone, since that is cheap to find.

use std::ops::Range;

use super::Layer;
use super::base64::{self, Quartets};
use super::classes::{BLOCK, Classes};
use super::escape::Style;
use super::hex::{self, List, Pairs};
use super::join;
use super::units::{Recent, Sense, Units};
use super::wide::{self, Wide};
use crate::scan::lanes::Lanes;

/// How far from most reasons the bytes are on which they depend: what a zone must be widened by.
pub const AROUND: usize = 48;
/// The same of wide characters, lists of digits, and full lines of quoted-printable.
pub const FAR: usize = 80;

/// The shortest run of letters and digits that is looked at.
const RUN: usize = 24;

/// Calls `found` for every place in `zone` where there is a reason to decode; those of a layer in ascending order.
pub fn seek(bytes: &[u8], zone: Range<usize>, found: &mut dyn FnMut(Layer, usize)) {
    let far = zone.start.saturating_sub(FAR - AROUND)..bytes.len().min(zone.end + FAR - AROUND);
    let mut look = Look { bytes, zone: zone.clone(), run_end: zone.start, found };
    let lanes = Lanes::new();
    let (mut last, mut at, mut zeros) = (0, far.start, 0);
    while at < far.end {
        let padded;
        let block = match bytes.get(at..).and_then(<[u8]>::first_chunk) {
            Some(block) => block,
            None => {
                padded = block_at_the_end(&bytes[at..]);
                &padded
            }
        };
        let classes = lanes.map_or_else(|| Classes::of(block), |lanes| lanes.classes(block));
        let inside = below(zone.end, at) & !below(zone.start, at);
        let full = eights(classes.runs & inside);
        // A run that is long enough fills two neighbouring eights.
        for lane in bits(full & (full << 8 | last)) {
            if look.run_end <= at + lane {
                look.run(at + lane);
            }
        }
        last = full >> (BLOCK - 8);
        for lane in bits((classes.marks | classes.junctions()) & inside) {
            look.mark(at + lane);
        }
        for lane in bits(classes.marks & !inside & below(far.end, at)) {
            look.far_mark(at + lane);
        }
        zeros |= classes.zeros;
        at += BLOCK;
    }
    if zeros != 0 {
        look.wide(far);
    }
}

/// Which bytes of the block at `at` stand before `end`.
fn below(end: usize, at: usize) -> u64 {
    match end.saturating_sub(at) {
        0 => 0,
        len => u64::MAX >> (BLOCK - len.min(BLOCK)),
    }
}

/// The last bytes, and spaces behind them.
fn block_at_the_end(rest: &[u8]) -> [u8; BLOCK + 1] {
    let mut block = [b' '; BLOCK + 1];
    block[..rest.len()].copy_from_slice(rest);
    block
}

/// The places of the bits in a word.
fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = (word != 0).then_some(word.trailing_zeros() as usize)?;
        word &= word - 1;
        Some(place)
    })
}

/// Of each eight bits that are all set the first.
fn eights(word: u64) -> u64 {
    let two = word & word >> 1;
    let four = two & two >> 2;
    four & four >> 4 & 0x0101_0101_0101_0101
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
            b'"' | b'\'' | b'`' => self.junction(at),
            b'%' => self.escape(Style::Percent, at),
            b'&' => self.escape(Style::Html, at),
            b'=' => self.escape(Style::Quoted, at),
            b'0' if List.is_reason(bytes, at) => (self.found)(Layer::HexList, at),
            b'>' | b'|' => {
                if let Some(line) = join::block_head(bytes, at) {
                    (self.found)(Layer::Block, line);
                }
            }
            b'\\' if matches!(bytes.get(at + 1), Some(b'\n' | b'\r')) => self.junction(at),
            // Most line breaks that are written out end a string.
            b'\\' if matches!(bytes[at + 1..], [b'n' | b'r', b'"' | b' ', ..]) => {}
            b'\\' => self.escape(Style::Backslash, at),
            _ => {}
        }
    }

    /// The same outside the zone, where only what depends on more is looked for.
    fn far_mark(&mut self, at: usize) {
        match self.bytes[at] {
            b'0' if at < self.zone.start => self.mark(at),
            b'=' if at >= self.zone.end => self.mark(at),
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
    fn wide(&mut self, zone: Range<usize>) {
        let (bytes, mut at) = (self.bytes, zone.start);
        while let Some(found) = memchr::memchr(0, &bytes[at..zone.end]) {
            at += found;
            let size = match bytes.get(at.wrapping_sub(1)..) {
                Some([byte, 0, next, 0, ..]) if wide::is_text(*byte) && wide::is_text(*next) => 2,
                Some([byte, 0, 0, 0, next, 0, 0, 0, ..]) if wide::is_text(*byte) && wide::is_text(*next) => 4,
                _ => 0,
            };
            at += bytes[at..zone.end].iter().take_while(|byte| **byte == 0).count();
            if size > 0 {
                let start = at - size;
                let run = Wide(size).run(bytes, start);
                if Wide(size).is_reason(&run) {
                    (self.found)(Layer::Wide(size), run.start);
                    at = at.max(run.end.min(zone.end));
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
