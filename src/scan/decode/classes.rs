//! The first look of [`seek`](super::seek) at 64 bytes: which of them are of a run, and which may begin an escape or a
//! junction, told by a byte and the one after it. What a closer look would rule out may be let through where that is
//! cheaper; nothing else may be left out.

use std::ops::Range;

/// Bytes that are looked at together.
pub const BLOCK: usize = 64;

/// Eight sets of bytes. A byte is in a set if both its halves have the set's bit: sixteen of them are told with two
/// shuffles. A set so made may be wider than what it was made of.
#[derive(Debug)]
pub struct Sets {
    /// By the lower half of a byte.
    pub low: [u8; 16],
    /// By the upper half of a byte.
    pub high: [u8; 16],
}

impl Sets {
    /// At most eight sets.
    const fn of(sets: &[&[u8]]) -> Self {
        assert!(sets.len() <= 8);
        let (mut low, mut high) = ([0; 16], [0; 16]);
        let mut set = 0;
        while set < sets.len() {
            let mut place = 0;
            while place < sets[set].len() {
                let byte = sets[set][place];
                low[(byte & 15) as usize] |= 1 << set;
                high[(byte >> 4) as usize] |= 1 << set;
                place += 1;
            }
            set += 1;
        }
        Self { low, high }
    }

    /// A bit for each set that a byte is in.
    fn holding(&self, byte: u8) -> u8 {
        self.low[usize::from(byte & 15)] & self.high[usize::from(byte >> 4)]
    }
}

/// What a byte is by itself.
pub static KINDS: Sets = Sets::of(&[
    b"0123456789",
    b"ABCDEFGHIJKLMNOabcdefghijklmno",
    b"PQRSTUVWXYZpqrstuvwxyz",
    b" \t",
    b"\n\r&+.",
    b"\\_",
    b"\"'",
    b"`",
]);
/// Letters and digits.
pub const RUN: u8 = 0b0000_0111;
/// What may stand between two pieces of a string.
pub const JOINT: u8 = 0b0011_1000;
/// What of it is no mere space, and what ends a line of PowerShell that goes on.
pub const OPERATOR: u8 = 0b1011_0000;
/// What a piece begins and ends with.
pub const QUOTE: u8 = 0b1100_0000;

/// Two neighbours that may begin something are in the same set of a pair of these.
pub static FIRST: [Sets; 2] = [
    Sets::of(&[b"\"'", b"\"'", b"\"'`", b"`", b"`", b"0", b"=>", b"|"]),
    Sets::of(&[b"=", b">|", b">|", b"%", b"&", b"&", b"\\", b"\\"]),
];
pub static SECOND: [Sets; 2] = [
    Sets::of(&[b"\t\n\r", b" &+.", b"\\", b"\t\n\r", b" &+.", b"Xx", b"\n\r", b"\n\r"]),
    Sets::of(&[
        b"234567",
        b"+-",
        b"123456789",
        b"0123456789ABCDEFabcdef",
        b"#NTU",
        b"abcdeghlnpqs",
        b"\n\r/:=_\\",
        b"0123Unrux",
    ]),
];
/// Which sets of the first pair are closing quotes with what may follow them.
pub const CLOSING: u8 = 0b0001_1111;

/// What 64 bytes are, a bit for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Classes {
    /// Letters and digits.
    pub runs: u64,
    /// What may begin an escape, or a string that goes on behind a backslash.
    pub marks: u64,
    /// Zeros.
    pub zeros: u64,
    /// Quotes with white space or an operator behind them. Where there are none the rest does not count.
    pub closing: u64,
    /// White space and operators.
    pub joints: u64,
    /// Line breaks and operators.
    pub operators: u64,
    /// Any quotes.
    pub quotes: u64,
}

impl Classes {
    /// Calls `found` for each block of `zone`, of which the last may be longer than it.
    pub fn each(bytes: &[u8], zone: Range<usize>, found: impl FnMut(usize, Self)) {
        each_block(bytes, zone, Self::of, found);
    }

    /// Of 64 bytes, given the one behind them.
    pub fn of(block: &[u8; BLOCK + 1]) -> Self {
        let mut classes = Self::default();
        for lane in 0..BLOCK {
            let (byte, next) = (block[lane], block[lane + 1]);
            let kinds = KINDS.holding(byte);
            let [one, two] = [0, 1].map(|pair| FIRST[pair].holding(byte) & SECOND[pair].holding(next));
            let bit = |is: bool| u64::from(is) << lane;
            classes.runs |= bit(kinds & RUN != 0);
            classes.joints |= bit(kinds & JOINT != 0);
            classes.operators |= bit(kinds & OPERATOR != 0);
            classes.quotes |= bit(kinds & QUOTE != 0);
            classes.closing |= bit(one & CLOSING != 0);
            classes.marks |= bit(one & !CLOSING | two != 0);
            classes.zeros |= bit(byte == 0);
        }
        if classes.closing == 0 {
            (classes.joints, classes.operators, classes.quotes) = (0, 0, 0);
        }
        classes
    }

    /// The closing quotes that an opening one may follow: behind some white space and operators, and up to two letters
    /// that say what kind of string it is.
    #[inline]
    pub fn junctions(&self) -> u64 {
        if self.closing == 0 { 0 } else { self.joined() }
    }

    fn joined(&self) -> u64 {
        // Added to the joints, a bit at the beginning of a row of them moves to where it ends.
        let (ends, beyond) = (self.closing << 1).overflowing_add(self.joints);
        let opens = self.quotes | (self.quotes >> 1 | 1 << 63) | (self.quotes >> 2 | 3 << 62);
        let last = 1 << (BLOCK - 1);
        let mut junctions = self.closing & last;
        let mut join = |row_end: u32| {
            let below = u64::MAX.checked_shr(BLOCK as u32 - row_end).unwrap_or(0);
            let row = u64::MAX.checked_shl(u64::BITS - (!self.joints & below).leading_zeros()).unwrap_or(0) & below;
            let to_end = row | 1u64.checked_shl(row_end).unwrap_or(0);
            if to_end & self.operators != 0 || row & last != 0 {
                junctions |= self.closing & (row | row >> 1);
            }
        };
        bits(ends & !self.joints & opens).for_each(|end| join(end as u32));
        if beyond {
            join(u64::BITS);
        }
        junctions
    }
}

/// Calls `found` with what `class` says of each block of `zone`. A part of its caller, so that it is made for the
/// processor that the caller is made for.
#[inline(always)]
pub fn each_block(
    bytes: &[u8],
    zone: Range<usize>,
    class: impl Fn(&[u8; BLOCK + 1]) -> Classes,
    mut found: impl FnMut(usize, Classes),
) {
    let mut room = [b' '; BLOCK + 1];
    for at in zone.step_by(BLOCK) {
        found(at, class(block_at(bytes, at, &mut room)));
    }
}

/// The block at `at`, which may be the last one: then it is written into the spaces of `room`.
#[inline]
fn block_at<'a>(bytes: &'a [u8], at: usize, room: &'a mut [u8; BLOCK + 1]) -> &'a [u8; BLOCK + 1] {
    let rest = &bytes[at..];
    match rest.first_chunk() {
        Some(block) => block,
        None => {
            room[..rest.len()].copy_from_slice(rest);
            room
        }
    }
}

/// The places of the bits in a word.
pub fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = (word != 0).then_some(word.trailing_zeros() as usize)?;
        word &= word - 1;
        Some(place)
    })
}
