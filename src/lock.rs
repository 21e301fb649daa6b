//! Locks. What a thread that panicked had guarded is as good as it was, so nobody else needs to fail with it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What is guarded, once nobody else has it.
pub fn lock<T>(guarded: &Mutex<T>) -> MutexGuard<'_, T> {
    guarded.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was guarded, when nobody else is left.
pub fn unlock<T>(guarded: Mutex<T>) -> T {
    guarded.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// What is guarded, once somebody said that it changed.
pub fn wait<'g, T>(changed: &Condvar, guarded: MutexGuard<'g, T>) -> MutexGuard<'g, T> {
    changed.wait(guarded).unwrap_or_else(PoisonError::into_inner)
}
