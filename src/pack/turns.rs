//! Large objects that must be held whole wait for one another, so that memory does not grow with the number of threads.

use std::sync::{Condvar, Mutex};

use crate::lock::{lock, wait};

/// Objects of more bytes take turns.
pub(super) const HEAVY: u64 = 32 << 20;
/// What those that are being read may have together, if it is more than one.
const MOST: u64 = 160 << 20;

/// How many bytes of large objects are being read.
#[derive(Default)]
pub(super) struct Turns {
    held: Mutex<u64>,
    freed: Condvar,
}

/// While it lives, its bytes count.
pub(super) struct Turn<'t> {
    turns: &'t Turns,
    size: u64,
}

impl Turns {
    /// Waits until so many bytes may be held. Whoever has a turn must not ask for another, nor wait for other tasks.
    pub(super) fn wait(&self, size: u64) -> Turn<'_> {
        let mut held = lock(&self.held);
        while *held > 0 && held.saturating_add(size) > MOST {
            held = wait(&self.freed, held);
        }
        *held = held.saturating_add(size);
        Turn { turns: self, size }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut held = lock(&self.turns.held);
        *held = held.saturating_sub(self.size);
        self.turns.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn no_more_is_held_than_may_be_and_everybody_has_a_turn() {
        let (turns, now, most, done) = (Turns::default(), AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for n in 0..16u64 {
                let (turns, now, most, done) = (&turns, &now, &most, &done);
                scope.spawn(move || {
                    let size = (n % 4 + 1) * (64 << 20);
                    let turn = turns.wait(size);
                    let held = now.fetch_add(size, Ordering::SeqCst) + size;
                    if held > size {
                        most.fetch_max(held, Ordering::SeqCst);
                    }
                    std::thread::yield_now();
                    now.fetch_sub(size, Ordering::SeqCst);
                    drop(turn);
                    done.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(done.into_inner(), 16);
        assert!(most.into_inner() <= MOST);
    }
}
