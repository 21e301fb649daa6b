//! A set of small numbers that many threads add to.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// One bit a number; numbers out of range are never in it.
pub(super) struct Bits(Vec<AtomicU64>);

impl Bits {
    pub(super) fn new(len: usize) -> Self {
        Bits((0..len.div_ceil(64)).map(|_| AtomicU64::new(0)).collect())
    }

    pub(super) fn get(&self, at: u32) -> bool {
        self.0.get(at as usize / 64).is_some_and(|word| word.load(Ordering::Relaxed) >> (at % 64) & 1 != 0)
    }

    pub(super) fn set(&self, at: u32) {
        if let Some(word) = self.0.get(at as usize / 64) {
            word.fetch_or(1 << (at % 64), Ordering::Relaxed);
        }
    }
}
