//! The first looks of the prefilter and of the decoders at many places at once, on processors with AVX2 or more. The plain
//! ways equal them.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::Lanes;

#[cfg(not(target_arch = "x86_64"))]
pub(super) use none::Lanes;

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m128i, __m256i, __m512i, _mm_loadu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_castsi256_ps,
        _mm256_cmpeq_epi8, _mm256_i32gather_epi32, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_movemask_ps,
        _mm256_mullo_epi32, _mm256_or_si256, _mm256_set1_epi8, _mm256_set1_epi32, _mm256_setr_epi8,
        _mm256_shuffle_epi8, _mm256_sllv_epi32, _mm256_srli_epi16, _mm256_srli_epi32, _mm512_and_si512,
        _mm512_broadcast_i32x4, _mm512_loadu_si512, _mm512_set1_epi8, _mm512_shuffle_epi8, _mm512_srli_epi16,
        _mm512_test_epi8_mask, _mm512_testn_epi8_mask,
    };
    use std::ops::Range;

    use crate::scan::decode::{
        BLOCK, CLOSING, Classes, FIRST, JOINT, KINDS, OPERATOR, QUOTE, RUN, SECOND, Sets, each_block,
    };
    use crate::scan::filter::{FIRST_BIT, FOLD, HASH_BY, SECOND_BIT, WORD_BITS, WORDS};

    /// Places looked at together, in two halves.
    const PLACES: usize = 16;
    /// Places whose marks are put down before they are looked at: nobody can foretell where marks are, so there is no
    /// branch for each.
    const STRIP: usize = 256;
    /// Bytes that are loaded for them.
    const LOADED: usize = PLACES / 2 + 16;

    /// That the processor has AVX2.
    #[derive(Clone, Copy)]
    pub(in crate::scan) struct Lanes {
        /// It has AVX-512 for bytes, too.
        wide: bool,
    }

    impl Lanes {
        pub fn new() -> Option<Self> {
            is_x86_feature_detected!("avx2").then(|| Self { wide: is_x86_feature_detected!("avx512bw") })
        }

        /// All ways that this processor has.
        #[cfg(test)]
        pub fn every() -> impl Iterator<Item = Self> {
            let narrow = |best: Self| best.wide.then_some(Self { wide: false });
            Self::new().into_iter().flat_map(move |best| [Some(best), narrow(best)].into_iter().flatten())
        }

        /// Calls `found` with the places in `grams` whose four bytes have their bits in the table and that `keep` is
        /// true of, in order.
        pub fn marked(
            self,
            bits: &[u32; WORDS],
            bytes: &[u8],
            grams: Range<usize>,
            keep: impl Fn(usize) -> bool,
            found: impl FnMut(usize),
        ) {
            // SAFETY: a `Lanes` is only made where the processor has AVX2.
            unsafe { marked(bits, bytes, grams, keep, found) }
        }

        /// What `decode::seek` asks of each 64 bytes: calls `found` as `Classes::each` does.
        pub fn classes(self, bytes: &[u8], zone: Range<usize>, found: impl FnMut(usize, Classes)) {
            if self.wide {
                // SAFETY: it is wide only where the processor has AVX-512BW, which implies AVX-512F.
                unsafe { classes_512(bytes, zone, found) }
            } else {
                // SAFETY: as above.
                unsafe { classes(bytes, zone, found) }
            }
        }
    }

    #[target_feature(enable = "avx2")]
    fn marked(
        bits: &[u32; WORDS],
        bytes: &[u8],
        grams: Range<usize>,
        keep: impl Fn(usize) -> bool,
        mut found: impl FnMut(usize),
    ) {
        for strip in grams.clone().step_by(STRIP) {
            let (mut places, count) = marks(bits, bytes, strip..grams.end.min(strip + STRIP));
            let mut kept = 0;
            for place in 0..count {
                let place = places[place % STRIP];
                places[kept % STRIP] = place;
                kept += usize::from(keep(strip + usize::from(place)));
            }
            for place in &places[..kept.min(STRIP)] {
                found(strip + usize::from(*place));
            }
        }
    }

    /// The marked places of a strip, from its beginning on, and how many there are.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn marks(bits: &[u32; WORDS], bytes: &[u8], strip: Range<usize>) -> ([u8; STRIP], usize) {
        let (mut places, mut count) = ([0; STRIP], 0);
        for at in strip.clone().step_by(PLACES) {
            let both = match bytes.get(at..).and_then(<[u8]>::first_chunk) {
                Some(loaded) => both(bits, loaded),
                None => {
                    let (rest, mut padded) = (&bytes[at..], [0; LOADED]);
                    padded[..rest.len()].copy_from_slice(rest);
                    both(bits, &padded)
                }
            };
            let mut marks = both & u32::MAX >> (32 - (strip.end - at).min(PLACES));
            let from = (at - strip.start) as u8;
            // The first is put down even if there is none, and then written over.
            places[count % STRIP] = from + (marks.trailing_zeros() % PLACES as u32) as u8;
            count += usize::from(marks != 0);
            marks &= marks.wrapping_sub(1);
            while marks != 0 {
                places[count % STRIP] = from + marks.trailing_zeros() as u8;
                count += 1;
                marks &= marks - 1;
            }
        }
        (places, count)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn both(bits: &[u32; WORDS], loaded: &[u8; LOADED]) -> u32 {
        const { assert!(LOADED >= PLACES / 2 + size_of::<__m128i>()) };
        // SAFETY: both loads are within the 24 bytes.
        let (first, second) = unsafe {
            (_mm_loadu_si128(loaded.as_ptr().cast()), _mm_loadu_si128(loaded.as_ptr().add(PLACES / 2).cast()))
        };
        half(bits, first) | half(bits, second) << (PLACES / 2)
    }

    /// Of the first eight places in sixteen bytes.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn half(bits: &[u32; WORDS], bytes: __m128i) -> u32 {
        #[rustfmt::skip]
        let windows = _mm256_setr_epi8(
            0, 1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 5, 3, 4, 5, 6,
            4, 5, 6, 7, 5, 6, 7, 8, 6, 7, 8, 9, 7, 8, 9, 10,
        );
        let grams = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), windows);
        let folded = _mm256_or_si256(grams, _mm256_set1_epi32(FOLD.cast_signed()));
        let product = _mm256_mullo_epi32(folded, _mm256_set1_epi32(HASH_BY.cast_signed()));
        let words = gather(bits, product);
        let shift = |by| _mm256_sllv_epi32(words, _mm256_and_si256(by, _mm256_set1_epi32(31)));
        let first = shift(_mm256_srli_epi32::<{ FIRST_BIT as i32 }>(product));
        let second = shift(_mm256_srli_epi32::<{ SECOND_BIT as i32 }>(product));
        _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_and_si256(first, second))).cast_unsigned()
    }

    /// The words of the table that the upper bits of each product name.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn gather(bits: &[u32; WORDS], product: __m256i) -> __m256i {
        const { assert!(WORDS == 1 << WORD_BITS) };
        let words = _mm256_srli_epi32::<{ 32 - WORD_BITS as i32 }>(product);
        // SAFETY: what is left of 32 bits after this shift is below the table's length.
        unsafe { _mm256_i32gather_epi32::<4>(bits.as_ptr().cast(), words) }
    }

    #[target_feature(enable = "avx2")]
    fn classes(bytes: &[u8], zone: Range<usize>, found: impl FnMut(usize, Classes)) {
        each_block(bytes, zone, |block| class(block), found);
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn class(block: &[u8; BLOCK + 1]) -> Classes {
        const { assert!(BLOCK == 2 * size_of::<__m256i>()) };
        let all = |byte: u8| _mm256_set1_epi8(byte.cast_signed());
        let either = |a, b| _mm256_or_si256(a, b);
        let both = |a, b| _mm256_and_si256(a, b);
        let none = |bytes| u64::from(_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, all(0))).cast_unsigned());
        let some = |bytes| none(bytes) ^ u64::from(u32::MAX);
        let (mut classes, mut kinds) = (Classes::default(), [all(0); 2]);
        for (half, kinds) in kinds.iter_mut().enumerate() {
            let from = half * BLOCK / 2;
            // SAFETY: the loads end at byte 64 or 65 of 65.
            let (here, next) = unsafe {
                let from = block.as_ptr().add(from);
                (_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(1).cast()))
            };
            let (here, next) = (Halves::of(here), Halves::of(next));
            *kinds = here.holding(&KINDS);
            let pair = |pair: usize| both(here.holding(&FIRST[pair]), next.holding(&SECOND[pair]));
            let (one, two) = (pair(0), pair(1));
            classes.runs |= some(both(*kinds, all(RUN))) << from;
            classes.marks |= some(either(both(one, all(!CLOSING)), two)) << from;
            classes.zeros |= none(here.whole) << from;
            classes.closing |= some(both(one, all(CLOSING))) << from;
        }
        if classes.closing != 0 {
            for (half, kinds) in kinds.into_iter().enumerate() {
                let from = half * BLOCK / 2;
                classes.joints |= some(both(kinds, all(JOINT))) << from;
                classes.operators |= some(both(kinds, all(OPERATOR))) << from;
                classes.quotes |= some(both(kinds, all(QUOTE))) << from;
            }
        }
        classes
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    fn classes_512(bytes: &[u8], zone: Range<usize>, found: impl FnMut(usize, Classes)) {
        each_block(bytes, zone, |block| class_512(block), found);
    }

    /// The same as `class`, of all 64 bytes at once.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn class_512(block: &[u8; BLOCK + 1]) -> Classes {
        const { assert!(BLOCK == size_of::<__m512i>()) };
        // SAFETY: the loads end at byte 64 or 65 of 65.
        let (here, next) =
            unsafe { (_mm512_loadu_si512(block.as_ptr().cast()), _mm512_loadu_si512(block.as_ptr().add(1).cast())) };
        let all = |byte: u8| _mm512_set1_epi8(byte.cast_signed());
        let both = |a, b| _mm512_and_si512(a, b);
        let some = |bytes, of: u8| _mm512_test_epi8_mask(bytes, all(of));
        let table = |half: &[u8; 16]| {
            // SAFETY: sixteen bytes are read of sixteen.
            _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(half.as_ptr().cast()) })
        };
        let halves = |bytes: __m512i| (both(bytes, all(15)), both(_mm512_srli_epi16::<4>(bytes), all(15)));
        let holding = |(low, high): (__m512i, __m512i), sets: &Sets| {
            both(_mm512_shuffle_epi8(table(&sets.low), low), _mm512_shuffle_epi8(table(&sets.high), high))
        };
        let (this, other) = (halves(here), halves(next));
        let kinds = holding(this, &KINDS);
        let pair = |pair: usize| both(holding(this, &FIRST[pair]), holding(other, &SECOND[pair]));
        let (one, two) = (pair(0), pair(1));
        let mut classes = Classes {
            runs: some(kinds, RUN),
            marks: some(one, !CLOSING) | some(two, u8::MAX),
            zeros: _mm512_testn_epi8_mask(here, here),
            closing: some(one, CLOSING),
            ..Classes::default()
        };
        if classes.closing != 0 {
            classes.joints = some(kinds, JOINT);
            classes.operators = some(kinds, OPERATOR);
            classes.quotes = some(kinds, QUOTE);
        }
        classes
    }

    /// Bytes, and their lower and upper halves.
    struct Halves {
        whole: __m256i,
        low: __m256i,
        high: __m256i,
    }

    impl Halves {
        #[inline]
        #[target_feature(enable = "avx2")]
        fn of(whole: __m256i) -> Self {
            let half = _mm256_set1_epi8(15);
            let high = _mm256_and_si256(_mm256_srli_epi16::<4>(whole), half);
            Self { whole, low: _mm256_and_si256(whole, half), high }
        }

        /// The sets that each byte is in.
        #[inline]
        #[target_feature(enable = "avx2")]
        fn holding(&self, sets: &Sets) -> __m256i {
            let table = |half: &[u8; 16]| {
                // SAFETY: sixteen bytes are read of sixteen.
                _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(half.as_ptr().cast()) })
            };
            let (low, high) = (table(&sets.low), table(&sets.high));
            _mm256_and_si256(_mm256_shuffle_epi8(low, self.low), _mm256_shuffle_epi8(high, self.high))
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod none {
    use std::ops::Range;

    use crate::scan::decode::Classes;
    use crate::scan::filter::WORDS;

    #[derive(Clone, Copy)]
    pub(in crate::scan) struct Lanes(());

    impl Lanes {
        pub fn new() -> Option<Self> {
            None
        }

        #[cfg(test)]
        pub fn every() -> impl Iterator<Item = Self> {
            std::iter::empty()
        }

        pub fn marked(
            self,
            _: &[u32; WORDS],
            _: &[u8],
            _: Range<usize>,
            _: impl Fn(usize) -> bool,
            _: impl FnMut(usize),
        ) {
        }

        pub fn classes(self, _: &[u8], _: Range<usize>, _: impl FnMut(usize, Classes)) {}
    }
}

#[cfg(test)]
mod tests {
    use super::Lanes;
    use crate::rules::RuleSet;
    use crate::rules::sample::Random;
    use crate::scan::Filter;
    use crate::scan::decode::{BLOCK, Classes};

    #[test]
    fn lanes_see_what_plain_code_sees() {
        Lanes::every().for_each(compare);
    }

    fn compare(lanes: Lanes) {
        let filter = Filter::new(&RuleSet::builtin());
        let mut random = Random::new(5);
        let (mut seen, mut marked) = (0, 0);
        for round in 0..65_536usize {
            let len = random.below(100);
            let mut bytes: Vec<u8> = (0..len).map(|_| random.below(256) as u8).collect();
            let keyword = filter.keywords()[random.below(filter.keywords().len())].text;
            let at = random.below(len + 1);
            bytes.splice(at..at, keyword.iter().copied());
            let from = random.below(bytes.len() + 1);
            let grams = from..from + random.below((bytes.len() - from).saturating_sub(3).max(1));
            let (mut plain, mut fast) = (Vec::new(), Vec::new());
            filter.marked(&bytes, grams.clone(), |_| true, |at| plain.push(at));
            lanes.marked(filter.bits(), &bytes, grams.clone(), |_| true, |at| fast.push(at));
            assert_eq!(plain, fast);
            seen += fast.len();
            let kept = |at: usize| bytes[at].is_multiple_of(2);
            fast.clear();
            lanes.marked(filter.bits(), &bytes, grams, kept, |at| fast.push(at));
            plain.retain(|at| kept(*at));
            assert_eq!(plain, fast);

            // Every two neighbours stand together in some round.
            let pair = [round as u8, (round >> 8) as u8];
            let len = BLOCK + 1 + random.below(BLOCK);
            let bytes: Vec<u8> = (0..len)
                .map(|lane| match lane % 7 {
                    lane @ 0..2 => pair[lane],
                    _ => random.below(128) as u8,
                })
                .collect();
            let (mut plain, mut fast) = (Vec::new(), Vec::new());
            let zone = random.below(2)..len;
            Classes::each(&bytes, zone.clone(), |at, classes| plain.push((at, classes)));
            lanes.classes(&bytes, zone, |at, classes| fast.push((at, classes)));
            assert_eq!(plain, fast);
            marked += fast.iter().map(|(_, classes)| classes.marks.count_ones()).sum::<u32>();
        }
        assert!(seen > 10_000 && marked > 10_000, "{seen} {marked}");
    }
}
