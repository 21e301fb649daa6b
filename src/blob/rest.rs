//! What follows the first piece of a stream.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Read};

use super::Start;

/// A stream behind its first piece, for whoever gets that piece to read on.
pub trait Rest: fmt::Debug {
    /// Reads as [`Read::read`] does.
    ///
    /// # Errors
    /// The stream cannot be read.
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;
}

/// A stream that knows how far it was read.
pub(super) struct Unread<'r> {
    inner: RefCell<(&'r mut dyn Read, Start)>,
}

impl<'r> Unread<'r> {
    /// What `input` has from `at` on.
    pub(super) fn new(input: &'r mut dyn Read, at: Start) -> Self {
        Self { inner: RefCell::new((input, at)) }
    }

    /// How far it was read.
    pub(super) fn at(&self) -> Start {
        self.inner.borrow().1
    }
}

impl Rest for Unread<'_> {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (input, at) = &mut *self.inner.borrow_mut();
        let read = input.read(buffer)?;
        *at = at.after(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl fmt::Debug for Unread<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unread").finish_non_exhaustive()
    }
}
