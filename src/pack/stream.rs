//! Blobs that are too large to be held: inflated, or built from a delta, while they are read.

use std::io;
use std::io::Read;

use gix_hash::oid;
use zlib_rs::Inflate;
use zlib_rs::InflateFlush;
use zlib_rs::Status;

use super::delta;
use super::trouble::Trouble;

/// Compressed bytes at a time.
const INPUT: usize = 64 << 10;
/// So much of a blob tells whether it must be held whole.
pub(super) const HEAD: usize = 4096;
/// Larger blobs are not even streamed: nobody stores such, and they would take hours.
const MAX_STREAM: u64 = 1 << 36;

/// What becomes of blobs that are too large to be held, and that nothing which is visited is stored as a change of.
pub struct Large<'l> {
    /// Blobs of more bytes are large.
    pub above: usize,
    /// Whether a blob that begins so must be held all the same: it is visited like any other.
    pub whole: &'l (dyn Fn(&[u8]) -> bool + Sync),
    /// Reads a blob of so many bytes. What it leaves is read on, so that damage is noticed.
    pub visit: &'l Visit<'l>,
}

/// Gets a large blob: its id, its size and its bytes. An error ends the reading of this one.
pub type Visit<'l> = dyn Fn(&oid, u64, &mut dyn Read) -> io::Result<()> + Sync + 'l;

impl Large<'_> {
    /// Lends what `stream` gives, unless it must be held, which is told with `false`.
    pub(super) fn lend(&self, id: &oid, size: u64, stream: &mut dyn Stream) -> Result<bool, Trouble> {
        if size > MAX_STREAM {
            return Err(Trouble::too_large(size, MAX_STREAM));
        }
        let mut head = Vec::new();
        let begun = (&mut *stream).take(HEAD as u64).read_to_end(&mut head);
        if begun.is_ok() {
            if (self.whole)(&head) {
                return Ok(false);
            }
            // What goes wrong in the stream is known to the stream; the visitor itself only reads.
            let _ = (self.visit)(id, size, &mut head.as_slice().chain(&mut *stream));
        }
        stream.finish().map(|()| true)
    }
}

/// A stream that knows why it failed.
pub(super) trait Stream: Read {
    /// Reads what is left, and says what was wrong.
    fn finish(&mut self) -> Result<(), Trouble>;
}

/// A zlib stream while it is inflated.
pub(super) struct Inflating<R> {
    source: R,
    input: Vec<u8>,
    /// What of `input` is still to be used.
    ready: std::ops::Range<usize>,
    state: Inflate,
    /// Bytes still to come, once that is known.
    pub(super) left: Option<u64>,
    ended: bool,
    trouble: Option<Trouble>,
}

impl<R: Read> Inflating<R> {
    pub(super) fn new(source: R) -> Self {
        let state = Inflate::new(true, 15);
        Inflating { source, input: vec![0; INPUT], ready: 0..0, state, left: None, ended: false, trouble: None }
    }

    /// Compressed bytes used so far.
    pub(super) fn used(&self) -> u64 {
        self.state.total_in()
    }

    fn inflate(&mut self, out: &mut [u8]) -> Result<usize, Trouble> {
        while !self.ended && !out.is_empty() {
            if self.ready.is_empty() {
                let read = self.source.read(&mut self.input).map_err(|error| Trouble::io(&error))?;
                self.ready = 0..read;
            }
            let (before_in, before_out) = (self.state.total_in(), self.state.total_out());
            let input = self.input.get(self.ready.clone()).unwrap_or_default();
            let status = self.state.decompress(input, out, InflateFlush::NoFlush).map_err(super::inflate::broken)?;
            self.ready.start += (self.state.total_in() - before_in) as usize;
            self.ended = status == Status::StreamEnd;
            let made = self.state.total_out() - before_out;
            if let Some(left) = &mut self.left {
                *left = left.checked_sub(made).ok_or_else(longer)?;
                if self.ended && *left > 0 {
                    return Err(Trouble::corrupt("it inflates to another size than its header says"));
                }
            }
            if made > 0 {
                return Ok(made as usize);
            }
            if !self.ended && self.state.total_in() == before_in {
                return Err(Trouble::corrupt("its compressed bytes end too early"));
            }
        }
        Ok(0)
    }
}

fn longer() -> Trouble {
    Trouble::corrupt("it inflates to more than its header says")
}

impl<R: Read> Read for Inflating<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.trouble.is_none() {
            match self.inflate(out) {
                Ok(made) => return Ok(made),
                Err(trouble) => self.trouble = Some(trouble),
            }
        }
        Err(io::Error::other("damaged"))
    }
}

impl<R: Read> Stream for Inflating<R> {
    fn finish(&mut self) -> Result<(), Trouble> {
        let _ = io::copy(self, &mut io::sink());
        self.trouble.take().map_or(Ok(()), Err)
    }
}

/// What a delta makes of its base, while it is read.
pub(super) struct Building<'d> {
    base: &'d [u8],
    rest: &'d [u8],
    /// What is left of the run at hand.
    run: &'d [u8],
    left: u64,
    trouble: Option<Trouble>,
}

impl<'d> Building<'d> {
    /// The size of what `instructions` make of `base`, and it.
    pub(super) fn new(instructions: &'d [u8], base: &'d [u8]) -> Result<(u64, Self), Trouble> {
        let (size, rest) = delta::child_size(instructions, base, MAX_STREAM)?;
        Ok((size, Building { base, rest, run: &[], left: size, trouble: None }))
    }

    fn build(&mut self, out: &mut [u8]) -> Result<usize, Trouble> {
        while self.run.is_empty() {
            let Some((run, rest)) = delta::next_run(self.rest, self.base)? else {
                let cut = || Trouble::corrupt("its delta makes another size than it says");
                return if self.left == 0 { Ok(0) } else { Err(cut()) };
            };
            (self.run, self.rest) = (run, rest);
            let more = || Trouble::corrupt("its delta makes more than it says");
            self.left = self.left.checked_sub(run.len() as u64).ok_or_else(more)?;
        }
        let (now, later) = self.run.split_at(self.run.len().min(out.len()));
        if let Some(target) = out.get_mut(..now.len()) {
            target.copy_from_slice(now);
        }
        self.run = later;
        Ok(now.len())
    }
}

impl Read for Building<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.trouble.is_none() {
            match self.build(out) {
                Ok(made) => return Ok(made),
                Err(trouble) => self.trouble = Some(trouble),
            }
        }
        Err(io::Error::other("damaged"))
    }
}

impl Stream for Building<'_> {
    fn finish(&mut self) -> Result<(), Trouble> {
        let _ = io::copy(self, &mut io::sink());
        self.trouble.take().map_or(Ok(()), Err)
    }
}
