//! Where there is a reason to decode: one pass in blocks, as vector code, and a closer look where a block has a long run
//! of letters and digits, or a character that escapes begin with.
//!
//! Whether there is a reason at a place depends on the bytes that stand at most [`BEHIND`] before it and [`BEFORE`] after
//! it, wherever blocks begin. What depends on more is looked for in a wider zone, since that is cheap to find.

use std::ops::Range;

use super::Layer;
use super::base64::{self, Quartets};
use super::classes::{BLOCK, Classes, bits};
use super::escape::Style;
use super::hex::{self, List, Pairs};
use super::join;
use super::units::{Recent, Sense, Units};
use super::wide::{self, Wide};
use crate::scan::lanes::Lanes;

/// How far before bytes that are new most reasons may be that depend on them: what a zone must be widened by.
pub const BEFORE: usize = 48;
/// How far behind them; a row of digits must be seen whole.
pub const BEHIND: usize = 28;
/// The same of wide characters, lists of digits, and full lines of quoted-printable.
pub const FAR: usize = 80;

/// The shortest run of letters and digits that is looked at.
const RUN: usize = 24;

/// Calls `found` for every place in `zone` where there is a reason to decode; those of a layer in ascending order.
pub fn seek(bytes: &[u8], zone: Range<usize>, found: &mut dyn FnMut(Layer, usize)) {
    let far = zone.start.saturating_sub(FAR - BEFORE)..bytes.len().min(zone.end + FAR - BEHIND);
    let mut look = Look { bytes, begun: zone.start, zone, far: far.clone(), zeros: 0, found };
    match Lanes::new() {
        Some(lanes) => lanes.classes(bytes, far, |at, classes| look.block(at, &classes)),
        None => Classes::each(bytes, far, |at, classes| look.block(at, &classes)),
    }
    look.run(look.begun..look.zone.end);
    if look.zeros != 0 {
        look.wide(look.far.clone());
    }
}

/// Which bytes of the block at `at` stand before `end`.
fn below(end: usize, at: usize) -> u64 {
    match end.saturating_sub(at) {
        0 => 0,
        len => u64::MAX >> (BLOCK - len.min(BLOCK)),
    }
}

/// The places from which at least [`RUN`] bits are set.
fn long(word: u64) -> u64 {
    let two = word & word >> 1;
    let four = two & two >> 2;
    let eight = four & four >> 4;
    const { assert!(RUN == 24) };
    eight & eight >> 8 & eight >> 16
}

/// The closer look.
struct Look<'a> {
    bytes: &'a [u8],
    zone: Range<usize>,
    /// The zone for what depends on more.
    far: Range<usize>,
    /// Where the run of letters and digits begins with which the last block ended; its end if there is none.
    begun: usize,
    /// Any zeros.
    zeros: u64,
    found: &'a mut dyn FnMut(Layer, usize),
}

impl Look<'_> {
    /// What the first look says of the block at `at`.
    #[inline(always)]
    fn block(&mut self, at: usize, classes: &Classes) {
        self.zeros |= classes.zeros;
        if at < self.zone.start || at + BLOCK > self.zone.end {
            return self.edge(at, classes);
        }
        self.runs(at, classes.runs);
        for lane in bits(classes.marks | classes.junctions()) {
            self.mark(at + lane);
        }
    }

    /// The same of a block that is not all in the zone.
    #[inline(never)]
    fn edge(&mut self, at: usize, classes: &Classes) {
        let inside = below(self.zone.end, at) & !below(self.zone.start, at);
        self.runs(at, classes.runs & inside);
        for lane in bits(classes.marks & below(self.far.end, at) | classes.junctions() & inside) {
            if inside >> lane & 1 != 0 {
                self.mark(at + lane);
            } else {
                self.far_mark(at + lane);
            }
        }
    }

    /// The runs that end in the block at `at`, given which of its bytes are letters and digits.
    #[inline(always)]
    fn runs(&mut self, at: usize, runs: u64) {
        if runs == u64::MAX {
            return;
        }
        // Which of the two ends are of a run is hard to foretell: no branches here.
        let (head, tail) = (runs.trailing_ones(), runs.leading_ones());
        self.run(self.begun..at + head as usize);
        self.begun = at + BLOCK - tail as usize;
        let mut long = long(runs & u64::MAX << head & u64::MAX >> tail);
        while long != 0 {
            let start = long.trailing_zeros();
            let len = (!(runs >> start)).trailing_zeros();
            self.run(at + start as usize..at + (start + len) as usize);
            long &= u64::MAX << (start + len);
        }
    }

    /// A run of letters and digits.
    #[inline]
    fn run(&mut self, run: Range<usize>) {
        if run.start + RUN <= run.end {
            self.digits(run);
        }
    }

    #[inline(never)]
    fn digits(&mut self, run: Range<usize>) {
        // Hexadecimal digits alone, as of digests, are no reason to decode base64.
        if !self.hex(run.clone()) {
            self.base64(run);
        }
    }

    fn base64(&mut self, run: Range<usize>) {
        let sense = |at: usize| base64::sense(&self.bytes[at..at + 4]);
        let places = rows::<4>(run, Quartets::NEED, sense);
        places.into_iter().for_each(|at| (self.found)(Layer::Base64, at));
    }

    /// Whether the run is one of hexadecimal digits from end to end.
    fn hex(&mut self, run: Range<usize>) -> bool {
        let (mut at, mut is_hex) = (run.start, false);
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
            is_hex = (start, end) == (run.start, run.end);
            if end - start >= RUN {
                let sense = |at: usize| hex::sense(&self.bytes[at..at + 2]);
                let places = rows::<2>(start..end, Pairs::NEED, sense);
                places.into_iter().for_each(|at| (self.found)(Layer::Hex, at));
            }
            at = end;
        }
        is_hex
    }

    /// A character that something may begin with.
    #[inline(never)]
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
            // Most line breaks that are written out stand at the end of a string.
            b'\\' if matches!(bytes.get(at + 1), Some(b'n' | b'r')) && !Style::may_wrap(bytes, at) => {}
            b'\\' => self.escape(Style::Backslash, at),
            _ => {}
        }
    }

    /// The same outside the zone, where only what depends on more is looked for.
    #[inline(never)]
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

/// Where rows of at least `need` units of text begin within `run`, in order: units of `SIZE` bytes, at any place. Of so
/// many in a row one stands at every so many, which is all that is looked at where there are none.
fn rows<const SIZE: usize>(run: Range<usize>, need: u32, sense: impl Fn(usize) -> Sense) -> Vec<usize> {
    let (mut places, stride) = (Vec::new(), SIZE * need as usize);
    for first in run.start..run.start + SIZE {
        let (mut floor, mut at) = (first, first + stride - SIZE);
        while at + SIZE <= run.end {
            if sense(at) == Sense::Noise {
                (floor, at) = (at + SIZE, at + stride);
                continue;
            }
            let (mut start, mut end, mut recent, mut is_row) = (at, at, Recent::default(), false);
            while start > floor && sense(start - SIZE) != Sense::Noise {
                start -= SIZE;
            }
            let mut unit = start;
            while unit + SIZE <= run.end {
                let sense = sense(unit);
                if sense == Sense::Noise {
                    break;
                }
                let is_reason = recent.add(sense, need);
                if is_reason && !is_row {
                    places.push(unit + SIZE - stride);
                }
                is_row = is_reason;
                unit += SIZE;
                end = unit;
            }
            (floor, at) = (end, end + stride);
        }
    }
    // Rows in order: a stable sort merges them.
    places.sort();
    places
}
