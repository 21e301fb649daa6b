//! What a thread needs for reading, used again and again.

use std::sync::Mutex;

use super::Copy;
use super::Kind;
use super::Tally;
use super::inflate::Buffer;
use super::inflate::Inflater;
use crate::lock::lock;

/// Idle buffers above this many bytes in all are given back to the system.
const IDLE: usize = 16 << 20;

/// A decoder, scratch space, idle buffers, and the count of what was read with them.
pub(super) struct Bench {
    pub(super) inflater: Inflater,
    /// Delta instructions.
    pub(super) delta: Buffer,
    /// A loose object's file.
    pub(super) compressed: Vec<u8>,
    /// Of the delta applied last.
    pub(super) copies: Vec<Copy>,
    pub(super) tally: Tally,
    idle: Vec<Buffer>,
}

impl Bench {
    fn new() -> Self {
        Bench {
            inflater: Inflater::new(),
            delta: Buffer::default(),
            compressed: Vec::new(),
            copies: Vec::new(),
            tally: Tally::default(),
            idle: Vec::new(),
        }
    }

    /// An idle buffer, the smallest that holds `want` bytes if there is one.
    pub(super) fn buffer(&mut self, want: usize) -> Buffer {
        let score = |buffer: &Buffer| (buffer.capacity() < want, buffer.capacity().abs_diff(want));
        let best = (0..self.idle.len()).min_by_key(|&at| self.idle.get(at).map(score));
        best.map_or_else(Buffer::default, |at| self.idle.swap_remove(at))
    }

    /// Takes a buffer back.
    pub(super) fn recycle(&mut self, buffer: Buffer) {
        let idle: usize = self.idle.iter().map(Buffer::capacity).sum();
        if idle + buffer.capacity() <= IDLE {
            self.idle.push(buffer);
        }
    }

    /// Notes an object that was visited.
    pub(super) fn count(&mut self, kind: Kind, bytes: usize) {
        self.tally.count(kind, bytes as u64);
    }

    /// Lets go of what one large object has left behind.
    fn tidy(&mut self) {
        if self.delta.capacity() > IDLE {
            self.delta = Buffer::default();
        }
        if self.compressed.capacity() > IDLE {
            self.compressed = Vec::new();
        }
        if self.copies.capacity() > 1 << 20 {
            self.copies = Vec::new();
        }
    }
}

/// Benches nobody is working at.
#[derive(Default)]
pub(super) struct Benches(Mutex<Vec<Bench>>);

impl Benches {
    pub(super) fn take(&self) -> Bench {
        let idle = lock(&self.0).pop();
        idle.unwrap_or_else(Bench::new)
    }

    pub(super) fn give(&self, mut bench: Bench) {
        bench.tidy();
        lock(&self.0).push(bench);
    }

    /// Adds up what was read at all of them, and starts counting anew.
    pub(super) fn settle(&self, tally: &mut Tally) {
        for bench in lock(&self.0).iter_mut() {
            tally.add(std::mem::take(&mut bench.tally));
        }
    }
}
