//! The keyword prefilter: finds every place where a keyword stands, and little else, in one pass over the bytes.
//!
//! Of each keyword the rarest four bytes (its *gram*) go into a bit table. The pass hashes the four bytes at each
//! position, with letter case folded away, and looks only where the table says so. Contract: it may look in vain,
//! but never passes over a keyword. It gives what an Aho-Corasick automaton over the keywords gives (a property
//! test holds that), but is built in microseconds instead of milliseconds, which every commit would pay for.

use std::ops::Range;

use crate::rules::RuleSet;

const GRAM: usize = 4;
const FOLD: u32 = 0x2020_2020;
const HASH_BITS: u32 = 17;
const BUCKET_BITS: u32 = 12;

/// Where a keyword stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Offset of its first byte.
    pub at: usize,
    /// Its number in the filter.
    pub keyword: u32,
}

/// A literal and the rules that it may begin.
#[derive(Debug)]
pub struct Keyword {
    /// The bytes, in lower case if case does not matter.
    pub text: &'static [u8],
    /// Compared without ASCII case.
    pub ignore_case: bool,
    /// Places of the rules in the rule set.
    pub rules: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    gram: u32,
    keyword: u32,
    offset: u32,
}

/// The prefilter over all keywords of a rule set. Immutable, shared by all threads.
#[derive(Debug)]
pub struct Filter {
    keywords: Vec<Keyword>,
    bits: Vec<u64>,
    buckets: Vec<u32>,
    entries: Vec<Entry>,
    longest: usize,
}

impl Filter {
    /// Builds the tables.
    pub fn new(rules: &RuleSet) -> Self {
        let keywords = collect(rules);
        let mut entries: Vec<Entry> = Vec::with_capacity(keywords.len());
        let mut bits = vec![0u64; 1 << (HASH_BITS - 6)];
        for (number, keyword) in (0u32..).zip(&keywords) {
            let (gram, offset) = rarest_gram(keyword.text);
            entries.push(Entry { gram, keyword: number, offset });
            let hash = hash(gram);
            bits[(hash >> 6) as usize] |= 1 << (hash & 63);
        }
        entries.sort_unstable_by_key(|entry| (hash(entry.gram), entry.gram, entry.keyword));
        let mut buckets = vec![0u32; (1 << BUCKET_BITS) + 1];
        for entry in &entries {
            buckets[bucket(hash(entry.gram)) + 1] += 1;
        }
        for i in 1..buckets.len() {
            buckets[i] += buckets[i - 1];
        }
        let longest = keywords.iter().map(|keyword| keyword.text.len()).max().unwrap_or(GRAM);
        Self { keywords, bits, buckets, entries, longest }
    }

    /// The keyword with a number.
    pub fn keyword(&self, number: u32) -> &Keyword {
        &self.keywords[number as usize]
    }

    /// How long the longest keyword is: what a zone must be widened by.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// All keywords.
    pub fn keywords(&self) -> &[Keyword] {
        &self.keywords
    }

    /// Calls `found` for every keyword that lies within `zone`, in no particular order.
    pub fn search(&self, bytes: &[u8], zone: Range<usize>, mut found: impl FnMut(Hit)) {
        let part = &bytes[zone.clone()];
        for (at, window) in part.windows(GRAM).enumerate() {
            let gram = u32::from_le_bytes([window[0], window[1], window[2], window[3]]) | FOLD;
            let hash = hash(gram);
            if self.bits[(hash >> 6) as usize] & (1 << (hash & 63)) != 0 {
                self.look(bytes, &zone, zone.start + at, gram, &mut found);
            }
        }
    }

    #[inline(never)]
    fn look(&self, bytes: &[u8], zone: &Range<usize>, at: usize, gram: u32, found: &mut impl FnMut(Hit)) {
        let bucket = bucket(hash(gram));
        let entries = &self.entries[self.buckets[bucket] as usize..self.buckets[bucket + 1] as usize];
        for entry in entries.iter().filter(|entry| entry.gram == gram) {
            let Some(start) = at.checked_sub(entry.offset as usize).filter(|start| *start >= zone.start) else {
                continue;
            };
            if self.keywords[entry.keyword as usize].stands_at(&bytes[..zone.end], start) {
                found(Hit { at: start, keyword: entry.keyword });
            }
        }
    }
}

impl Keyword {
    /// Whether the keyword stands at `start`.
    pub fn stands_at(&self, bytes: &[u8], start: usize) -> bool {
        let Some(there) = bytes.get(start..start + self.text.len()) else { return false };
        if self.ignore_case { there.eq_ignore_ascii_case(self.text) } else { there == self.text }
    }
}

/// The distinct keywords of all rules, in a fixed order.
fn collect(rules: &RuleSet) -> Vec<Keyword> {
    let mut all: Vec<(&'static str, bool, u32)> = Vec::new();
    for (number, rule) in (0u32..).zip(rules.iter()) {
        all.extend(rule.keywords.iter().map(|keyword| (*keyword, rule.ignore_case, number)));
    }
    all.sort_unstable();
    let mut keywords: Vec<Keyword> = Vec::new();
    for (text, ignore_case, rule) in all {
        match keywords.last_mut() {
            Some(last) if last.text == text.as_bytes() && last.ignore_case == ignore_case => {
                if last.rules.last() != Some(&rule) {
                    last.rules.push(rule);
                }
            }
            _ => keywords.push(Keyword { text: text.as_bytes(), ignore_case, rules: vec![rule] }),
        }
    }
    keywords
}

fn hash(gram: u32) -> u32 {
    gram.wrapping_mul(0x9E37_79B1) >> (32 - HASH_BITS)
}

fn bucket(hash: u32) -> usize {
    (hash >> (HASH_BITS - BUCKET_BITS)) as usize
}

/// The four bytes of a keyword that are rarest in source code, and where they stand in it.
fn rarest_gram(text: &[u8]) -> (u32, u32) {
    let grams = (0u32..).zip(text.windows(GRAM));
    let rarest = grams.min_by_key(|(_, gram)| gram.iter().map(|byte| commonness(*byte)).sum::<u32>());
    let (offset, gram) = rarest.map_or((0, [0; GRAM]), |(offset, g)| (offset, [g[0], g[1], g[2], g[3]]));
    (u32::from_le_bytes(gram) | FOLD, offset)
}

/// How common a byte is in source code, roughly in bits; only the order matters.
fn commonness(byte: u8) -> u32 {
    match byte.to_ascii_lowercase() {
        b' ' | b'e' => 12,
        b't' | b'a' | b'i' | b'n' | b's' | b'r' | b'o' => 11,
        b'l' | b'c' | b'd' => 10,
        b'u' | b'p' | b'm' | b'f' | b'h' => 9,
        b'g' | b'b' | b'_' | b'.' => 8,
        b'y' | b'v' | b'w' | b'k' | b'-' | b'/' | b'"' | b'=' | b':' => 7,
        b'x' | b'0' | b'1' => 6,
        b'2'..=b'9' | b'j' | b'q' | b'z' => 5,
        _ => 4,
    }
}
