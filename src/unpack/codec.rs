//! Compression: the codecs, and files that are several compressed streams in a row.

use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use bzip2::bufread::BzDecoder;
use deflate64::Deflate64Decoder;
use flate2::bufread::{DeflateDecoder, GzDecoder};
use lz4_flex::frame::FrameDecoder as Lz4Decoder;
use lzma_rust2::filter::delta::DeltaReader;
use lzma_rust2::{Lzma2Reader, LzmaReader, XzReader};
use ppmd_rust::{Ppmd7Decoder, Ppmd8Decoder, RestoreMethod};
use ruzstd::decoding::StreamingDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};

use super::budget::Budget;
use super::format::Format;

/// What a decoder may remember of what it decoded, as the largest settings of the usual programs ask for.
const WINDOW: u64 = 128 << 20;
/// The same in KiB, with room for the rest of the decoder.
const WINDOW_KIB: u32 = (WINDOW >> 10) as u32 + 1024;

/// A compressed file: one stream after the other, until something else or nothing follows.
pub(super) struct Frames<R: Read> {
    format: Format,
    state: State<R>,
    budget: Rc<Budget>,
}

enum State<R: Read> {
    Between(Ahead<R>),
    Gzip(Box<GzDecoder<Ahead<R>>>),
    Bzip2(BzDecoder<Ahead<R>>),
    Lz4(Box<Lz4Decoder<Ahead<R>>>),
    Xz(Box<XzReader<Ahead<R>>>),
    Zstd(Box<StreamingDecoder<Ahead<R>, ruzstd::decoding::FrameDecoder>>),
    Ended,
}

impl<R: Read> Frames<R> {
    pub fn new(format: Format, input: R, budget: &Rc<Budget>) -> Self {
        let input = Ahead { inner: BufReader::with_capacity(32 << 10, input), few: Vec::new(), at: 0 };
        Self { format, state: State::Between(input), budget: Rc::clone(budget) }
    }

    /// Begins the next stream, if there is one.
    fn begin(&mut self, mut input: Ahead<R>) -> io::Result<State<R>> {
        // There may be millions with nothing in them.
        self.budget.spend(0)?;
        let head = input.ahead(10)?;
        let skippable = |head: &[u8]| matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]);
        let skips = matches!(self.format, Format::Zstd | Format::Lz4);
        if Format::of(head) != Some(self.format) && !(skips && skippable(head)) {
            return Ok(State::Ended);
        }
        Ok(match self.format {
            Format::Gzip => State::Gzip(Box::new(GzDecoder::new(input))),
            Format::Bzip2 => State::Bzip2(BzDecoder::new(input)),
            // Streams in a row, and the padding between them, are its own business.
            Format::Xz => State::Xz(Box::new(XzReader::new_mem_limit(input, true, WINDOW_KIB))),
            Format::Zstd | Format::Lz4 if skippable(head) => {
                let mut header = [0; 8];
                input.read_exact(&mut header)?;
                let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
                super::skip(&mut input, u64::from(length))?;
                State::Between(input)
            }
            Format::Zstd => State::Zstd(Box::new(zstd(input)?)),
            Format::Lz4 => State::Lz4(Box::new(Lz4Decoder::new(input))),
            _ => State::Ended,
        })
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let read = match &mut self.state {
                State::Between(_) => 0,
                State::Gzip(decoder) => decoder.read(buffer)?,
                State::Bzip2(decoder) => decoder.read(buffer)?,
                State::Lz4(decoder) => decoder.read(buffer)?,
                State::Xz(decoder) => decoder.read(buffer)?,
                State::Zstd(decoder) => decoder.read(buffer)?,
                State::Ended => return Ok(0),
            };
            if read > 0 {
                return Ok(read);
            }
            let input = match std::mem::replace(&mut self.state, State::Ended) {
                State::Between(input) => input,
                State::Gzip(decoder) => decoder.into_inner(),
                State::Bzip2(decoder) => decoder.into_inner(),
                State::Lz4(decoder) => decoder.into_inner(),
                State::Zstd(decoder) => decoder.into_inner(),
                State::Xz(_) | State::Ended => return Ok(0),
            };
            self.state = self.begin(input)?;
        }
    }
}

fn zstd<R: Read>(input: R) -> io::Result<StreamingDecoder<R, ruzstd::decoding::FrameDecoder>> {
    StreamingDecoder::new_with_max_window_size(input, WINDOW).map_err(|error| match error {
        FrameDecoderError::WindowSizeTooBig { .. } => io::ErrorKind::OutOfMemory.into(),
        FrameDecoderError::DictNotProvided { .. } => {
            io::Error::new(io::ErrorKind::Unsupported, "it needs a dictionary of its own")
        }
        FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::MagicNumberReadError(error)) => error,
        other => io::Error::other(other),
    })
}

/// How a member of a zip is compressed. `None` if the method is not known here.
pub(super) fn zip_method<'r>(
    method: u16,
    input: &'r mut dyn Read,
    size: u64,
) -> io::Result<Option<Box<dyn Read + 'r>>> {
    Ok(Some(match method {
        0 | 8 | 9 | 12 | 20 | 93 | 95 => plain(method, input)?,
        14 => {
            let mut header = [0; 9];
            input.read_exact(&mut header)?;
            let [_, _, _, _, props, dictionary @ ..] = header;
            lzma(input, props, u32::from_le_bytes(dictionary), size)?
        }
        98 => {
            let mut parameters = [0; 2];
            input.read_exact(&mut parameters)?;
            let parameters = u32::from(u16::from_le_bytes(parameters));
            let (order, memory) = ((parameters & 15) + 1, ((parameters >> 4 & 0xff) + 1) << 20);
            let restore = match parameters >> 12 {
                0 => RestoreMethod::Restart,
                1 => RestoreMethod::CutOff,
                _ => return Err(io::Error::other("its model is of an unknown kind")),
            };
            fits(memory)?;
            let input = BufReader::with_capacity(32 << 10, input);
            Box::new(Ppmd8Decoder::new(input, order, memory, restore).map_err(io::Error::other)?.take(size))
        }
        _ => return Ok(None),
    }))
}

/// Whether a decoder may have so much memory.
fn fits(memory: u32) -> io::Result<()> {
    if u64::from(memory) > WINDOW { Err(io::ErrorKind::OutOfMemory.into()) } else { Ok(()) }
}

/// PPMd as in 7z. It does not say where it ends.
pub(super) fn ppmd<'r>(input: impl Read + 'r, order: u8, memory: u32) -> io::Result<Box<dyn Read + 'r>> {
    fits(memory)?;
    let input = BufReader::with_capacity(32 << 10, input);
    Ok(Box::new(Ppmd7Decoder::new(input, order.into(), memory).map_err(io::Error::other)?))
}

/// Differences to the byte so many places before.
pub(super) fn delta<'r>(input: impl Read + 'r, distance: u8) -> Box<dyn Read + 'r> {
    Box::new(DeltaReader::new(input, usize::from(distance) + 1))
}

/// What needs no parameters, by its number in a zip; the bytes as they are for all others.
pub(super) fn plain<'r>(method: u16, input: impl Read + 'r) -> io::Result<Box<dyn Read + 'r>> {
    let input = BufReader::with_capacity(32 << 10, input);
    Ok(match method {
        8 => Box::new(DeflateDecoder::new(input)),
        9 => Box::new(Deflate64Decoder::with_buffer(input)),
        12 => Box::new(BzDecoder::new(input)),
        20 | 93 => Box::new(zstd(input)?),
        95 => Box::new(XzReader::new_mem_limit(input, true, WINDOW_KIB)),
        _ => Box::new(input),
    })
}

/// LZMA without a header of its own. The size is `u64::MAX` if the stream says itself where it ends.
pub(super) fn lzma<'r>(input: impl Read + 'r, props: u8, dictionary: u32, size: u64) -> io::Result<Box<dyn Read + 'r>> {
    if lzma_rust2::lzma_get_memory_usage_by_props(dictionary, props)? > WINDOW_KIB {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    let input = BufReader::with_capacity(32 << 10, input);
    Ok(Box::new(LzmaReader::new_with_props(input, size, props, dictionary, None)?))
}

/// LZMA2, given the size of its dictionary as it is coded in one byte.
pub(super) fn lzma2<'r>(input: impl Read + 'r, dictionary: u8) -> io::Result<Box<dyn Read + 'r>> {
    let size = match dictionary {
        0..=39 => (2 | u32::from(dictionary) & 1) << (dictionary / 2 + 11),
        _ => return Err(io::ErrorKind::OutOfMemory.into()),
    };
    let input = BufReader::with_capacity(32 << 10, input);
    Ok(Box::new(Lzma2Reader::new_mem_limit(input, size, WINDOW_KIB, None)?))
}

/// A buffered reader that can look some bytes ahead, over the edge of its buffer.
struct Ahead<R> {
    inner: BufReader<R>,
    /// What was looked at and is not read yet, from `at` on.
    few: Vec<u8>,
    at: usize,
}

impl<R: Read> Ahead<R> {
    /// The next `count` bytes, fewer at the end.
    fn ahead(&mut self, count: usize) -> io::Result<&[u8]> {
        if self.at == self.few.len() {
            self.few.clear();
            self.at = 0;
            (&mut self.inner).take(count as u64).read_to_end(&mut self.few)?;
        }
        Ok(self.few.get(self.at..).unwrap_or_default())
    }
}

impl<R: Read> Read for Ahead<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut ahead = self.fill_buf()?;
        let read = ahead.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: Read> BufRead for Ahead<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at < self.few.len() {
            return Ok(self.few.get(self.at..).unwrap_or_default());
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        if self.at < self.few.len() {
            self.at = (self.at + amount).min(self.few.len());
        } else {
            self.inner.consume(amount);
        }
    }
}
