//! The keyword prefilter: finds every place where a keyword stands, and little else, in one pass over the bytes.
//!
//! Of each keyword the rarest four bytes (its *gram*) go into a bit table, twice. The pass hashes the four bytes at each
//! position, with letter case folded away, and looks only where both bits say so and the byte after them may follow.
//! Contract: it may look in vain, but never passes over a keyword. It gives what an Aho-Corasick automaton over the
//! keywords gives (a property test holds that), but is built in microseconds instead of milliseconds, which every commit
//! would pay for.

use std::ops::Range;

use super::lanes::Lanes;
use crate::rules::{ByteSet, HEAD, Rule, RuleSet};

const GRAM: usize = 4;
pub(super) const FOLD: u32 = 0x2020_2020;
pub(super) const HASH_BY: u32 = 0x9E37_79B1;
/// Of the product's 32 bits the first name a word of the table, and two times five a bit in it.
pub(super) const WORD_BITS: u32 = 13;
pub(super) const FIRST_BIT: u32 = 32 - WORD_BITS - 5;
pub(super) const SECOND_BIT: u32 = FIRST_BIT - 5;
pub(super) const WORDS: usize = 1 << WORD_BITS;
const SIGN: u32 = 1 << 31;
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

/// A keyword by its gram, with what rules it out in most places where the gram stands.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    gram: u32,
    keyword: u32,
    /// The first bytes of the keyword, and of eight bytes of text which count and which bits tell letters' case.
    first: u64,
    counts: u64,
    case: u64,
    offset: u32,
}

impl Entry {
    fn new(number: u32, keyword: &Keyword) -> Self {
        let (head, mut first, mut counts) = (keyword.head(), [0; 8], [0; 8]);
        let len = head.len().min(first.len());
        first[..len].copy_from_slice(&head[..len]);
        counts[..len].fill(u8::MAX);
        let counts = u64::from_le_bytes(counts);
        let case = if keyword.ignore_case { u64::from(FOLD) << 32 | u64::from(FOLD) } else { 0 } & counts;
        let first = u64::from_le_bytes(first) | case;
        Self { gram: keyword.gram(), keyword: number, first, counts, case, offset: keyword.offset }
    }

    /// Whether the keyword may stand at `start`, as far as its first bytes say.
    fn may_stand(&self, bytes: &[u8], start: usize) -> bool {
        let Some(window) = bytes.get(start..).and_then(<[u8]>::first_chunk) else { return true };
        (u64::from_le_bytes(*window) & self.counts | self.case) == self.first
    }
}

/// The prefilter over all keywords of a rule set. Immutable, shared by all threads.
#[derive(Debug)]
pub struct Filter {
    keywords: Vec<Keyword>,
    rules: Vec<&'static Rule>,
    /// Two bits for each gram, in one word.
    bits: Box<[u32; WORDS]>,
    /// A bit for each hash of a gram, its letter case, and the byte after it.
    next: Box<[u64; NEXT_WORDS]>,
    buckets: Vec<u32>,
    entries: Vec<Entry>,
    farthest: usize,
}

impl Filter {
    /// Builds the tables.
    pub fn new(rules: &RuleSet) -> Self {
        let keywords = collect(rules);
        let all: Vec<&'static Rule> = rules.iter().collect();
        let mut bits = Box::new([0u32; WORDS]);
        let mut next = Box::new([0u64; NEXT_WORDS]);
        let mut buckets = vec![0u32; WORDS + 1];
        for keyword in &keywords {
            let gram = keyword.gram();
            let (word, first, second) = bits_of(gram);
            bits[word] |= SIGN >> first | SIGN >> second;
            buckets[word + 1] += 1;
            let mut followers = match keyword.head().get(keyword.offset as usize + GRAM) {
                Some(byte) => 1u32 << (byte & 31),
                None => keyword.followers(&all),
            };
            let cases = if keyword.ignore_case { [false, true] } else { [is_lower(keyword.raw_gram()); 2] };
            while followers != 0 {
                let byte = followers.trailing_zeros() as u8;
                followers &= followers - 1;
                for hash in cases.map(|lower| next_hash(gram, lower, byte)) {
                    next[(hash >> 6) as usize] |= 1 << (hash & 63);
                }
            }
        }
        for i in 1..buckets.len() {
            buckets[i] += buckets[i - 1];
        }
        let mut free = buckets.clone();
        let mut entries = vec![Entry::default(); keywords.len()];
        for (number, keyword) in (0u32..).zip(&keywords) {
            let entry = Entry::new(number, keyword);
            let place = &mut free[bucket(entry.gram)];
            entries[*place as usize] = entry;
            *place += 1;
        }
        let farthest = keywords.iter().map(|keyword| keyword.extent(&all)).max().unwrap_or(GRAM);
        Self { keywords, rules: all, bits, next, buckets, entries, farthest }
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
        let grams = zone.start..zone.end.saturating_sub(GRAM - 1).max(zone.start);
        let keep = |at| self.glance(bytes, at);
        let look = |at| self.look(bytes, &zone, at, &mut found);
        match Lanes::new() {
            Some(lanes) => lanes.marked(&self.bits, bytes, grams, keep, look),
            None => self.marked(bytes, grams, keep, look),
        }
    }

    /// Calls `found` with the places in `grams` whose four bytes have their bits in the table and that `keep` is true of,
    /// in order.
    pub(super) fn marked(
        &self,
        bytes: &[u8],
        grams: Range<usize>,
        keep: impl Fn(usize) -> bool,
        mut found: impl FnMut(usize),
    ) {
        for at in grams {
            let Some(gram) = bytes.get(at..).and_then(<[u8]>::first_chunk) else { return };
            if self.may_begin(u32::from_le_bytes(*gram) | FOLD) && keep(at) {
                found(at);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn bits(&self) -> &[u32; WORDS] {
        &self.bits
    }

    /// A closer look at a place: whether the byte behind its gram may follow it.
    #[inline(always)]
    fn glance(&self, bytes: &[u8], at: usize) -> bool {
        match bytes.get(at..).and_then(<[u8]>::first_chunk) {
            Some(&[a, b, c, d, next]) => self.may_be_followed(u32::from_le_bytes([a, b, c, d]), next),
            None => true,
        }
    }

    #[inline]
    fn may_begin(&self, gram: u32) -> bool {
        let (word, first, second) = bits_of(gram);
        let word = self.bits[word % WORDS];
        (word << first) & (word << second) & SIGN != 0
    }

    #[inline]
    fn may_be_followed(&self, gram: u32, byte: u8) -> bool {
        let hash = next_hash(gram | FOLD, is_lower(gram), byte);
        self.next[(hash >> 6) as usize % NEXT_WORDS] >> (hash & 63) & 1 != 0
    }

    #[inline(never)]
    fn look(&self, bytes: &[u8], zone: &Range<usize>, at: usize, found: &mut impl FnMut(Hit)) {
        let Some(gram) = bytes.get(at..).and_then(<[u8]>::first_chunk) else { return };
        let gram = u32::from_le_bytes(*gram) | FOLD;
        let bucket = bucket(gram);
        let entries = &self.entries[self.buckets[bucket] as usize..self.buckets[bucket + 1] as usize];
        for entry in entries.iter().filter(|entry| entry.gram == gram) {
            let Some(start) = at.checked_sub(entry.offset as usize).filter(|start| *start >= zone.start) else {
                continue;
            };
            if !entry.may_stand(bytes, start) {
                continue;
            }
            let keyword = &self.keywords[entry.keyword as usize];
            if keyword.is_at(keyword.head(), &bytes[..zone.end], start) && keyword.goes_on(&self.rules, bytes, start) {
                found(Hit { at: start, keyword: entry.keyword });
            }
        }
    }
}

impl Keyword {
    /// Its rarest four bytes.
    fn raw_gram(&self) -> u32 {
        let gram = self.text.get(self.offset as usize..).and_then(<[u8]>::first_chunk::<GRAM>);
        gram.map_or(0, |gram| u32::from_le_bytes(*gram))
    }

    /// The same with letter case folded away.
    fn gram(&self) -> u32 {
        self.raw_gram() | FOLD
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

    /// What may stand behind its head, a bit for the lower five bits of each byte.
    fn followers(&self, rules: &[&'static Rule]) -> u32 {
        if self.text.len() > HEAD {
            return u32::MAX;
        }
        let set = |(rule, own): &(u32, u32)| rules[*rule as usize].goes_on_with(*own as usize);
        let halves = |set: ByteSet| set.iter().fold(0, |all, word| all | *word as u32 | (*word >> 32) as u32);
        self.rules.iter().map(|own| set(own).map_or(u32::MAX, halves)).fold(0, |all, one| all | one)
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

/// Whether a gram has no letter in upper case, so that most words are told from keywords that have.
#[inline(always)]
fn is_lower(gram: u32) -> bool {
    gram & FOLD == FOLD
}

/// Of the byte that follows a gram five bits count: letter case does not change them.
#[inline(always)]
fn next_hash(gram: u32, is_lower: bool, byte: u8) -> u32 {
    (gram ^ u32::from(byte & 31) << 16 ^ u32::from(is_lower) << 21)
        .wrapping_mul(0x85EB_CA6B)
        .rotate_left(9)
        .wrapping_mul(0xC2B2_AE35)
        >> (32 - NEXT_BITS)
}

/// The word of the table that a gram has its bits in, and how far they are from the word's first one.
#[inline(always)]
fn bits_of(gram: u32) -> (usize, u32, u32) {
    let product = gram.wrapping_mul(HASH_BY);
    ((product >> (32 - WORD_BITS)) as usize, product >> FIRST_BIT & 31, product >> SECOND_BIT & 31)
}

fn bucket(gram: u32) -> usize {
    bits_of(gram).0
}
