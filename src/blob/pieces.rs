//! Streams of any length as blobs.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use super::rest::Unread;
use super::{Blob, Start, is_binary};

/// Files above this are read in pieces.
const PIECE: usize = 16 << 20;
/// How much neighbouring pieces share: twice the longest reach of any rule, so that no match is cut.
const OVERLAP: usize = 256 << 10;

/// How what was read can be read again.
#[derive(Clone, Copy)]
enum Again<'f> {
    /// From the file.
    File(&'f File),
    /// Not at all: whoever gets the first piece may read on.
    Never,
    /// Nobody will want to.
    Needless,
}

/// Reads a stream into one reused buffer and lends it: whole if it fits, else in overlapping pieces.
#[derive(Debug, Default)]
pub struct Pieces {
    buffer: Vec<u8>,
    len: usize,
}

impl Pieces {
    /// Lends what `input` has as blobs like `blob`, and returns how many bytes there were. Whoever gets the first of
    /// several pieces may read all of `file`, where there is one.
    ///
    /// # Errors
    /// The input cannot be read; what was read until then was lent.
    pub fn read(
        &mut self,
        input: &mut dyn Read,
        file: Option<&File>,
        blob: &Blob<'_>,
        visit: &mut dyn FnMut(&Blob<'_>),
    ) -> io::Result<u64> {
        self.go(input, file.map_or(Again::Needless, Again::File), blob, visit)
    }

    /// The same of a stream that can be read once. Whoever gets the first of several pieces may read on; then what it
    /// leaves is lent.
    ///
    /// # Errors
    /// The input cannot be read; what was read until then was lent.
    pub fn read_once(
        &mut self,
        input: &mut dyn Read,
        blob: &Blob<'_>,
        visit: &mut dyn FnMut(&Blob<'_>),
    ) -> io::Result<u64> {
        self.go(input, Again::Never, blob, visit)
    }

    fn go(
        &mut self,
        input: &mut dyn Read,
        again: Again<'_>,
        blob: &Blob<'_>,
        visit: &mut dyn FnMut(&Blob<'_>),
    ) -> io::Result<u64> {
        self.len = 0;
        let (mut start, mut binary, mut from) = (Start::ZERO, false, 0);
        loop {
            let filled = self.fill(input);
            let ended = !matches!(filled, Ok(false));
            if start.offset == 0 {
                binary = is_binary(&self.buffer[..self.len]);
            }
            let own_end = if ended { self.len } else { self.len - OVERLAP / 2 };
            let bytes = &self.buffer[..self.len];
            let piece = Blob { bytes, start, own: (from, own_end), binary, ..blob.clone() };
            match again {
                Again::File(mut file) if start.offset == 0 && !ended => {
                    visit(&Blob { file: Some(file), ..piece });
                    file.seek(SeekFrom::Start(self.len as u64))?;
                }
                Again::Never if start.offset == 0 && !ended => {
                    let end = start.after(bytes);
                    let rest = Unread::new(input, end);
                    visit(&Blob { rest: Some(&rest), ..piece });
                    if rest.at() != end {
                        (start, from, self.len) = (rest.at(), 0, 0);
                        continue;
                    }
                }
                _ => visit(&piece),
            }
            if filled? {
                return Ok(start.offset + self.len as u64);
            }
            let kept = self.len - OVERLAP;
            start = start.after(&self.buffer[..kept]);
            self.buffer.copy_within(kept..self.len, 0);
            (self.len, from) = (OVERLAP, OVERLAP / 2);
        }
    }

    /// What was read of the last piece.
    pub fn first(&self) -> &[u8] {
        &self.buffer[..self.len]
    }

    /// Fills the buffer up to a piece; whether the stream has ended.
    fn fill(&mut self, input: &mut dyn Read) -> io::Result<bool> {
        loop {
            if self.len == PIECE {
                return Ok(false);
            }
            if self.len == self.buffer.len() {
                let grown = (self.buffer.len() * 2).clamp(64 << 10, PIECE);
                self.buffer.resize(grown, 0);
            }
            match input.read(&mut self.buffer[self.len..]) {
                Ok(0) => return Ok(true),
                Ok(n) => self.len += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
