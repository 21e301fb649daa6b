//! Zlib streams, into buffers that are used again and again.

use std::ops::Deref;

use libdeflater::Decompressor;
use zlib_rs::Inflate;
use zlib_rs::InflateFlush;
use zlib_rs::Status;

use super::trouble::Trouble;

/// Room behind the expected end: the decoder's fast loop wants 260 bytes of it, and a stream that is longer
/// than its header says shows itself by writing there.
const SLACK: usize = 320;
/// No deflate stream grows by more than this (258 bytes out of two bits).
pub(super) const MAX_RATIO: usize = 1032;
/// Reserved at most on the word of a header alone.
const FIRST: usize = 16 << 20;
/// Not copied where it can be moved.
const LARGE: usize = 1 << 20;
/// Large buffers get no room to spare.
const ROOMY: usize = 16 << 20;
/// A zlib stream's header and its Adler-32.
const ZLIB_HEADER: usize = 2;
const ZLIB_TRAILER: usize = 4;

/// Bytes with room to spare; what is behind `len` is left over from earlier use, so that nothing is zeroed twice.
#[derive(Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    len: usize,
}

impl Buffer {
    /// How much it can hold without asking for memory.
    pub(super) fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// Empties it and makes room for `want` bytes.
    pub(super) fn start(&mut self, want: usize) {
        self.len = 0;
        if self.bytes.len() < want {
            // Freed first, and fresh zeroed pages instead of a copy of old contents.
            self.bytes = Vec::new();
            self.bytes = vec![0; roomy(want)];
        }
    }

    /// Makes room for `want` bytes, keeping the contents.
    pub(super) fn grow(&mut self, want: usize) {
        if self.bytes.len() < want {
            self.bytes.resize(want, 0);
        }
    }

    /// All the room there is, contents first.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Moves the contents into `out`; what that had is left for later use, or not.
    pub(super) fn give(&mut self, out: &mut Vec<u8>) {
        if self.len < LARGE {
            out.clear();
            out.extend_from_slice(self);
        } else {
            std::mem::swap(out, &mut self.bytes);
            out.truncate(self.len);
            self.bytes.clear();
        }
        self.len = 0;
    }

    /// Declares the first `len` bytes to be the contents.
    pub(super) fn finish(&mut self, len: usize) {
        self.len = len.min(self.bytes.len());
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

fn roomy(want: usize) -> usize {
    let spare = if want < ROOMY { want / 8 } else { 0 };
    want.saturating_add(spare).next_multiple_of(4096)
}

/// Decoders whose tables are allocated once: one for streams, and one that takes three quarters of its time where all of
/// an entry is at hand.
pub(super) struct Inflater {
    stream: Inflate,
    whole: Decompressor,
}

impl Inflater {
    pub(super) fn new() -> Self {
        Inflater { stream: Inflate::new(true, 15), whole: Decompressor::new() }
    }

    /// Inflates the entry data at the start of `input`, which must give `size` bytes, and returns the compressed length.
    ///
    /// `span` is how many bytes of `input` are the entry's as far as is known; `input` reaches further because
    /// the decoder is faster when it need not watch the end. With `vouched`, the compressed bytes have passed
    /// their CRC-32 and the stream's own Adler-32 is not computed.
    pub(super) fn entry(
        &mut self,
        input: &[u8],
        span: usize,
        size: usize,
        vouched: bool,
        out: &mut Buffer,
    ) -> Result<usize, Trouble> {
        if size / MAX_RATIO > span {
            return Err(Trouble::corrupt("it claims to be larger than its compressed bytes can be"));
        }
        let first = span.saturating_mul(8).saturating_add(4096).min(FIRST);
        out.start(size.min(first) + SLACK);
        if !vouched {
            self.stream.reset(true);
            return self.run(input, size, out);
        }
        let deflated = without_zlib_header(input)?;
        if size <= FIRST && self.whole(deflated, span, size, out) {
            return Ok(span);
        }
        self.stream.reset(false);
        let used = self.run(deflated, size, out)?;
        Ok(used + ZLIB_HEADER + ZLIB_TRAILER)
    }

    /// Inflates an entry of `span` bytes at once, and says whether it could. What is wrong is for the other one to say.
    fn whole(&mut self, deflated: &[u8], span: usize, size: usize, out: &mut Buffer) -> bool {
        out.grow(size);
        let own = deflated.get(..span.saturating_sub(ZLIB_HEADER + ZLIB_TRAILER));
        let done = own.zip(out.room().get_mut(..size)).map(|(own, room)| self.whole.deflate_decompress(own, room));
        let fits = matches!(done, Some(Ok(len)) if len == size);
        if fits {
            out.finish(size);
        }
        fits
    }

    /// Inflates at most about `limit` bytes of the whole stream `input` and says whether that was its end.
    pub(super) fn start(&mut self, input: &[u8], limit: usize, out: &mut Buffer) -> Result<bool, Trouble> {
        self.stream.reset(true);
        out.start(limit);
        let status = self.stream.decompress(input, out.room(), InflateFlush::NoFlush).map_err(broken)?;
        out.finish(self.written());
        Ok(status == Status::StreamEnd)
    }

    /// Goes on where [`Inflater::start`] left off until there are `size` bytes and the stream is at its end.
    pub(super) fn rest(&mut self, input: &[u8], size: usize, out: &mut Buffer) -> Result<usize, Trouble> {
        out.grow(size.min(input.len().saturating_mul(8).min(FIRST)) + SLACK);
        self.run(input, size, out)
    }

    /// Compressed bytes used so far.
    pub(super) fn consumed(&self) -> usize {
        usize::try_from(self.stream.total_in()).unwrap_or(usize::MAX)
    }

    fn written(&self) -> usize {
        usize::try_from(self.stream.total_out()).unwrap_or(usize::MAX)
    }

    fn run(&mut self, input: &[u8], size: usize, out: &mut Buffer) -> Result<usize, Trouble> {
        loop {
            let (read, written) = (self.consumed(), self.written());
            let source = input.get(read..).unwrap_or_default();
            let target = out.room().get_mut(written..).unwrap_or_default();
            let status = self.stream.decompress(source, target, InflateFlush::NoFlush).map_err(broken)?;
            if status == Status::StreamEnd {
                break;
            }
            if self.written() > size {
                return Err(Trouble::corrupt("it inflates to more than its header says"));
            }
            if self.written() == out.capacity() {
                out.grow(out.capacity().saturating_mul(2).min(size + SLACK));
            } else if self.consumed() == read && self.written() == written {
                return Err(Trouble::corrupt("its compressed bytes end too early"));
            }
        }
        if self.written() != size {
            return Err(Trouble::corrupt("it inflates to another size than its header says"));
        }
        out.finish(size);
        Ok(self.consumed())
    }
}

/// The CRC-32 that a pack's index has of an entry.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = libdeflater::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn without_zlib_header(input: &[u8]) -> Result<&[u8], Trouble> {
    if let [method, flags, deflated @ ..] = input
        && method & 0x0f == 8
        && flags & 0x20 == 0
        && u16::from_be_bytes([*method, *flags]).is_multiple_of(31)
    {
        return Ok(deflated);
    }
    Err(Trouble::corrupt("it is not a zlib stream"))
}

pub(super) fn broken(error: zlib_rs::InflateError) -> Trouble {
    Trouble::corrupt(format!("its zlib stream is damaged ({})", error.as_str()))
}
