//! The keyword prefilter: finds every place where a keyword stands, and little else, in one pass over the bytes.
//!
//! Of each keyword the rarest four bytes (its *gram*) go into a bit table. The pass hashes the four bytes at each
//! position, with letter case folded away, and looks only where the table says so and the byte after them may follow.
//! Contract: it may look in vain, but never passes over a keyword. It gives what an Aho-Corasick automaton over the
//! keywords gives (a property test holds that), but is built in microseconds instead of milliseconds, which every commit
//! would pay for.

use std::ops::Range;

use crate::rules::{HEAD, Rule, RuleSet};

const GRAM: usize = 4;
const FOLD: u32 = 0x2020_2020;
const HASH_BITS: u32 = 17;
const BUCKET_BITS: u32 = 12;
const WORDS: usize = 1 << (HASH_BITS - 6);
const NEXT_BITS: u32 = 18;
const NEXT_WORDS: usize = 1 << (NEXT_BITS - 6);

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
    /// Where its rarest four bytes stand.
    offset: u32,
    /// Places of the rules in the rule set, and which of the rule's keywords this is.
    pub rules: Vec<(u32, u32)>,
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
    rules: Vec<&'static Rule>,
    bits: Box<[u64; WORDS]>,
    /// A bit for each hash of a gram and the byte after it.
    next: Box<[u64; NEXT_WORDS]>,
    buckets: Vec<u32>,
    entries: Vec<Entry>,
    farthest: usize,
}

impl Filter {
    /// Builds the tables.
    pub fn new(rules: &RuleSet) -> Self {
        let keywords = collect(rules);
        let mut entries: Vec<Entry> = Vec::with_capacity(keywords.len());
        let mut bits = Box::new([0u64; WORDS]);
        let mut next = Box::new([0u64; NEXT_WORDS]);
        for (number, keyword) in (0u32..).zip(&keywords) {
            let (gram, offset) = (keyword.gram(), keyword.offset);
            entries.push(Entry { gram, keyword: number, offset });
            let hash = hash(gram);
            bits[(hash >> 6) as usize] |= 1 << (hash & 63);
            let followers = match keyword.head().get(offset as usize + GRAM) {
                Some(byte) => *byte..=*byte,
                None => 0..=31,
            };
            for hash in followers.map(|byte| next_hash(gram, byte)) {
                next[(hash >> 6) as usize] |= 1 << (hash & 63);
            }
        }
        entries.sort_unstable_by_key(|entry| (hash(entry.gram), entry.gram, entry.keyword));
        let mut buckets = vec![0u32; (1 << BUCKET_BITS) + 1];
        for entry in &entries {
            buckets[bucket(hash(entry.gram)) + 1] += 1;
        }
        for i in 1..buckets.len() {
            buckets[i] += buckets[i - 1];
        }
        let rules: Vec<&'static Rule> = rules.iter().collect();
        let farthest = keywords.iter().map(|keyword| keyword.extent(&rules)).max().unwrap_or(GRAM);
        Self { keywords, rules, bits, next, buckets, entries, farthest }
    }

    /// The keyword with a number.
    pub fn keyword(&self, number: u32) -> &Keyword {
        &self.keywords[number as usize]
    }

    /// Whether the head of a keyword that stands at `start` is a hit.
    pub fn goes_on(&self, number: u32, bytes: &[u8], start: usize) -> bool {
        self.keyword(number).goes_on(&self.rules, bytes, start)
    }

    /// On how many bytes a hit of any keyword depends at most: what a zone must be widened by.
    pub fn farthest(&self) -> usize {
        self.farthest
    }

    /// On how many bytes a hit of this keyword depends.
    pub fn extent(&self, number: u32) -> usize {
        self.keyword(number).extent(&self.rules)
    }

    /// All keywords.
    pub fn keywords(&self) -> &[Keyword] {
        &self.keywords
    }

    /// Calls `found` for every keyword whose head lies within `zone` and that any of its rules may go on from, in no
    /// particular order.
    pub fn search(&self, bytes: &[u8], zone: Range<usize>, mut found: impl FnMut(Hit)) {
        let part = &bytes[zone.clone()];
        // Four grams and what follows them in eight bytes: one load for four positions.
        let mut at = 0;
        while let Some(eight) = part.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            let eight = u64::from_le_bytes(*eight);
            for shift in 0..4 {
                let gram = (eight >> (8 * shift)) as u32 | FOLD;
                if self.may_begin(gram) && self.may_be_followed(gram, (eight >> (8 * shift + 32)) as u8) {
                    self.look(bytes, &zone, zone.start + at + shift, gram, &mut found);
                }
            }
            at += 4;
        }
        for (shift, window) in part.get(at..).unwrap_or_default().windows(GRAM).enumerate() {
            let gram = u32::from_le_bytes([window[0], window[1], window[2], window[3]]) | FOLD;
            if self.may_begin(gram) {
                self.look(bytes, &zone, zone.start + at + shift, gram, &mut found);
            }
        }
    }

    #[inline]
    fn may_begin(&self, gram: u32) -> bool {
        let hash = hash(gram);
        self.bits[(hash >> 6) as usize % WORDS] >> (hash & 63) & 1 != 0
    }

    #[inline]
    fn may_be_followed(&self, gram: u32, byte: u8) -> bool {
        let hash = next_hash(gram, byte);
        self.next[(hash >> 6) as usize % NEXT_WORDS] >> (hash & 63) & 1 != 0
    }

    #[inline(never)]
    fn look(&self, bytes: &[u8], zone: &Range<usize>, at: usize, gram: u32, found: &mut impl FnMut(Hit)) {
        let hash = hash(gram);
        let bucket = bucket(hash);
        let entries = &self.entries[self.buckets[bucket] as usize..self.buckets[bucket + 1] as usize];
        for entry in entries.iter().filter(|entry| entry.gram == gram) {
            let Some(start) = at.checked_sub(entry.offset as usize).filter(|start| *start >= zone.start) else {
                continue;
            };
            let keyword = &self.keywords[entry.keyword as usize];
            if keyword.is_at(keyword.head(), &bytes[..zone.end], start) && keyword.goes_on(&self.rules, bytes, start) {
                found(Hit { at: start, keyword: entry.keyword });
            }
        }
    }
}

impl Keyword {
    /// Its rarest four bytes, with letter case folded away.
    fn gram(&self) -> u32 {
        let gram = self.text.get(self.offset as usize..).and_then(<[u8]>::first_chunk::<GRAM>);
        gram.map_or(0, |gram| u32::from_le_bytes(*gram)) | FOLD
    }

    /// What is searched for.
    pub fn head(&self) -> &'static [u8] {
        &self.text[..self.text.len().min(HEAD)]
    }

    /// Whether all of the keyword stands where its head was found.
    pub fn stands_at(&self, bytes: &[u8], start: usize) -> bool {
        self.text.len() <= HEAD || self.is_at(self.text, bytes, start)
    }

    /// Whether what follows fits one of its rules. Behind a keyword that is longer than its head nobody looks yet.
    fn goes_on(&self, rules: &[&'static Rule], bytes: &[u8], start: usize) -> bool {
        let fits = |(rule, own): &(u32, u32)| {
            let rule = rules[*rule as usize];
            !rule.anchored || rule.may_go_on(*own as usize, bytes, start + self.text.len())
        };
        self.text.len() > HEAD || self.rules.iter().any(fits)
    }

    /// On how many bytes that depends.
    fn extent(&self, rules: &[&'static Rule]) -> usize {
        let look = |(rule, own): &(u32, u32)| {
            let rule = rules[*rule as usize];
            if rule.anchored { rule.look(*own as usize) } else { 0 }
        };
        match self.text.len() {
            len if len > HEAD => HEAD,
            len => len + self.rules.iter().map(look).max().unwrap_or(0),
        }
    }

    fn is_at(&self, text: &[u8], bytes: &[u8], start: usize) -> bool {
        let Some(there) = bytes.get(start..start + text.len()) else { return false };
        if self.ignore_case { there.eq_ignore_ascii_case(text) } else { there == text }
    }
}

/// A keyword of a rule: its text, whether case matters, where its gram stands, and whose it is.
type Named = (&'static str, bool, u32, (u32, u32));

/// The distinct keywords of all rules, in a fixed order: that of a number made of each, since comparing texts thousands
/// of times would be half of the start-up.
fn collect(rules: &RuleSet) -> Vec<Keyword> {
    let mut all: Vec<(u64, Named)> = Vec::with_capacity(4 * rules.len());
    for (number, rule) in (0u32..).zip(rules.iter()) {
        let numbered = (0u32..).zip(rule.keywords).zip(rule.grams);
        all.extend(numbered.map(|((own, text), gram)| {
            (digest(text, rule.ignore_case), (*text, rule.ignore_case, u32::from(*gram), (number, own)))
        }));
    }
    all.sort_unstable();
    let mut keywords: Vec<Keyword> = Vec::with_capacity(all.len());
    for (_, (text, ignore_case, offset, rule)) in all {
        match keywords.last_mut() {
            Some(last) if last.text == text.as_bytes() && last.ignore_case == ignore_case => {
                if last.rules.last().is_none_or(|last| last.0 != rule.0) {
                    last.rules.push(rule);
                }
            }
            _ => keywords.push(Keyword { text: text.as_bytes(), ignore_case, offset, rules: vec![rule] }),
        }
    }
    keywords
}

fn digest(text: &str, ignore_case: bool) -> u64 {
    let start = u64::from(ignore_case);
    text.bytes().fold(start, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23))
}

/// Of the byte that follows a gram five bits count: letter case does not change them.
#[inline(always)]
fn next_hash(gram: u32, byte: u8) -> u32 {
    (gram ^ u32::from(byte & 31) << 16).wrapping_mul(0x85EB_CA6B).rotate_left(9).wrapping_mul(0xC2B2_AE35)
        >> (32 - NEXT_BITS)
}

#[inline(always)]
fn hash(gram: u32) -> u32 {
    gram.wrapping_mul(0x9E37_79B1) >> (32 - HASH_BITS)
}

fn bucket(hash: u32) -> usize {
    (hash >> (HASH_BITS - BUCKET_BITS)) as usize
}
