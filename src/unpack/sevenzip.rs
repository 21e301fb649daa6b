//! 7z archives: one header, at the end and mostly compressed itself, tells of folders (chains of coders over packed bytes)
//! and of the files that come out of each.

use std::io::{self, Read, SeekFrom};

use super::{Fault, Here, Metered, NESTED, Opening, Seekable, codec};
use crate::coverage::Reason;

const HEADER: u64 = 0x01;
const STREAMS: u64 = 0x04;
const FILES: u64 = 0x05;
const PACK_INFO: u64 = 0x06;
const UNPACK_INFO: u64 = 0x07;
const SUBSTREAMS: u64 = 0x08;
const SIZES: u64 = 0x09;
const DIGESTS: u64 = 0x0a;
const FOLDERS: u64 = 0x0b;
const UNPACK_SIZES: u64 = 0x0c;
const COUNTS: u64 = 0x0d;
const EMPTY: u64 = 0x0e;
const NAMES: u64 = 0x11;
const ENCODED: u64 = 0x17;
/// A folder has at most so many coders, as in other readers.
const MAX_CODERS: u64 = 32;

/// What undoes one step of a folder's compression.
#[derive(Clone)]
struct Coder {
    id: Vec<u8>,
    props: Vec<u8>,
}

/// Packed bytes that become the files of a folder, one behind the other.
#[derive(Default)]
struct Folder {
    /// The outermost first; empty if it is no chain.
    coders: Vec<Coder>,
    outputs: usize,
    packed: usize,
    size: u64,
    files: Vec<u64>,
}

#[derive(Default)]
struct Streams {
    at: u64,
    packed: Vec<u64>,
    folders: Vec<Folder>,
}

pub(super) fn open(opening: &mut Opening<'_>, input: &mut dyn Seekable, here: &Here) -> Result<(), Fault> {
    let header = match header(opening, input) {
        Ok(Ok(header)) => header,
        Ok(Err(fault)) => return Err(fault),
        Err(error) => return Err(opening.fault(&error)),
    };
    let parsed = Numbers(&header).archive();
    let Some((streams, names)) = parsed else { return Err(Fault::Damaged("its header is damaged".into())) };
    let (mut names, mut at) = (names.into_iter(), 32 + streams.at);
    let mut packed = streams.packed.iter().copied();
    for folder in &streams.folders {
        let begin = at;
        let sizes: Vec<u64> = packed.by_ref().take(folder.packed).collect();
        at = sizes.iter().fold(at, |at, size| at.saturating_add(*size));
        let files: Vec<(Vec<u8>, u64)> =
            folder.files.iter().map(|size| (names.next().unwrap_or_else(|| b"?".to_vec()), *size)).collect();
        let read = self::folder(opening, input, folder, begin, sizes.first().copied().unwrap_or(0), &files, here);
        let place = here.member(files.first().map_or(&b""[..], |(name, _)| name));
        opening.settle(&place, read)?;
    }
    for name in names {
        opening.name(&here.member(&name), &name)?;
    }
    Ok(())
}

fn folder(
    opening: &mut Opening<'_>,
    input: &mut dyn Seekable,
    folder: &Folder,
    at: u64,
    packed: u64,
    files: &[(Vec<u8>, u64)],
    here: &Here,
) -> Result<(), Fault> {
    input.seek(SeekFrom::Start(at)).map_err(|error| opening.fault(&error))?;
    let mut packed = Read::take(input, packed);
    let decoder = match decoder(folder, &mut packed) {
        Ok(Ok(decoder)) => decoder,
        Ok(Err(fault)) => {
            for (name, _) in files {
                opening.name(&here.member(name), name)?;
            }
            return Err(fault);
        }
        Err(error) => return Err(opening.fault(&error)),
    };
    let mut unpacked = Metered::new(decoder, &opening.budget);
    for (name, size) in files {
        let mut content = (&mut unpacked).take(*size);
        opening.member(here, name, &mut content)?;
        // What follows in the same folder needs what was not read of this file.
        let left = content.limit();
        super::skip(&mut unpacked, left).map_err(|error| opening.fault(&error))?;
    }
    Ok(())
}

/// The header, unpacked if it is packed.
fn header(opening: &Opening<'_>, input: &mut dyn Seekable) -> io::Result<Result<Vec<u8>, Fault>> {
    let mut start = [0; 32];
    input.rewind()?;
    input.read_exact(&mut start)?;
    let number =
        |at: usize| start.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |it| u64::from_le_bytes(*it));
    let (mut at, mut size) = (number(12).saturating_add(32), number(20));
    let mut header = Vec::new();
    // An encoded header may lead to another one; nobody writes more than one.
    for _ in 0..4 {
        if header.is_empty() {
            if size > NESTED {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            input.seek(SeekFrom::Start(at))?;
            Read::take(&mut *input, size).read_to_end(&mut header)?;
            if (header.len() as u64) < size {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let mut numbers = Numbers(&header);
        if header.is_empty() || header.first() == Some(&(HEADER as u8)) {
            return Ok(Ok(header));
        }
        let streams = (numbers.next() == Some(ENCODED)).then(|| numbers.streams()).flatten();
        let Some((Streams { at: packed_at, packed, .. }, folder)) = streams.and_then(|mut streams| {
            let folder = streams.folders.pop()?;
            Some((streams, folder))
        }) else {
            return Err(io::Error::other("its header is damaged"));
        };
        (at, size) = (32 + packed_at, packed.first().copied().unwrap_or(0));
        input.seek(SeekFrom::Start(at))?;
        let mut packed = Read::take(&mut *input, size);
        let decoder = match decoder(&folder, &mut packed)? {
            Ok(decoder) => decoder,
            Err(fault) => return Ok(Err(fault)),
        };
        let mut unpacked = Vec::new();
        Metered::new(decoder, &opening.budget).take(folder.size.min(NESTED)).read_to_end(&mut unpacked)?;
        header = unpacked;
        if header.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Err(io::Error::other("its header is packed too often"))
}

/// The chain of a folder's coders.
fn decoder<'r>(folder: &Folder, packed: &'r mut dyn Read) -> io::Result<Result<Box<dyn Read + 'r>, Fault>> {
    let mut reader: Box<dyn Read + 'r> = Box::new(packed);
    if folder.coders.is_empty() {
        return Ok(Err(Fault::Gap(Reason::ArchiveUnknown, "it is compressed in several streams".into())));
    }
    for Coder { id, props } in &folder.coders {
        reader = match (id.as_slice(), props.as_slice()) {
            // Filters for executables change addresses in code, not text.
            ([0] | [4..=10] | [3, 3, ..], _) => reader,
            ([0x21], [dictionary, ..]) => codec::lzma2(reader, *dictionary)?,
            ([3, 1, 1], [props, a, b, c, d, ..]) => {
                codec::lzma(reader, *props, u32::from_le_bytes([*a, *b, *c, *d]), u64::MAX)?
            }
            ([3], [distance, ..]) => codec::delta(reader, *distance),
            ([3, 4, 1], [order, a, b, c, d, ..]) => codec::ppmd(reader, *order, u32::from_le_bytes([*a, *b, *c, *d]))?,
            ([4, 1, 8], _) => codec::plain(8, reader)?,
            ([4, 1, 9], _) => codec::plain(9, reader)?,
            ([4, 2, 2], _) => codec::plain(12, reader)?,
            ([4, 0xf7, 0x11, 1], _) => codec::plain(93, reader)?,
            ([6, 0xf1, 7, 1], _) => return Ok(Err(Fault::Gap(Reason::ArchiveEncrypted, "it is encrypted".into()))),
            (id, _) => {
                let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
                return Ok(Err(Fault::Gap(Reason::ArchiveUnknown, format!("it is compressed by method {id}"))));
            }
        };
    }
    Ok(Ok(reader))
}

/// A header being read. Every count is held against what is left of the bytes before it is believed.
struct Numbers<'h>(&'h [u8]);

impl<'h> Numbers<'h> {
    /// A number: as many bytes follow the first as it has leading ones.
    fn next(&mut self) -> Option<u64> {
        let first = self.byte()?;
        let more = first.leading_ones() as usize;
        let mut number = 0;
        for at in 0..more {
            number |= u64::from(self.byte()?) << (8 * at);
        }
        let high = u64::from(first) & ((1u64 << (7u32.saturating_sub(more as u32))) - 1);
        Some(if more < 8 { number | high << (8 * more) } else { number })
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn bytes(&mut self, count: u64) -> Option<&'h [u8]> {
        let (bytes, rest) = self.0.split_at_checked(usize::try_from(count).ok()?)?;
        self.0 = rest;
        Some(bytes)
    }

    /// A count of things of which each takes a byte at least.
    fn count(&mut self) -> Option<u64> {
        self.next().filter(|count| *count <= self.0.len() as u64)
    }

    /// As many bits as there are things, of which some have a digest of four bytes.
    fn digests(&mut self, count: u64) -> Option<()> {
        let known = if self.byte()? != 0 { count } else { self.bits(count)?.iter().filter(|bit| **bit).count() as u64 };
        self.bytes(known.checked_mul(4)?).map(|_| ())
    }

    fn bits(&mut self, count: u64) -> Option<Vec<bool>> {
        let bytes = self.bytes(count.div_ceil(8))?;
        Some((0..count as usize).map(|at| bytes[at / 8] << (at % 8) & 0x80 != 0).collect())
    }

    fn archive(&mut self) -> Option<(Streams, Vec<Vec<u8>>)> {
        let (mut streams, mut names) = (Streams::default(), Vec::new());
        // An empty archive has no header.
        if self.0.is_empty() {
            return Some((streams, names));
        }
        (self.next()? == HEADER).then_some(())?;
        loop {
            match self.next()? {
                0 => return Some((streams, names)),
                STREAMS => streams = self.streams()?,
                FILES => names = self.files()?,
                _ => return None,
            }
        }
    }

    fn streams(&mut self) -> Option<Streams> {
        let mut streams = Streams::default();
        loop {
            match self.next()? {
                0 => break,
                PACK_INFO => {
                    streams.at = self.next()?;
                    let count = self.count()?;
                    loop {
                        match self.next()? {
                            0 => break,
                            SIZES => streams.packed = (0..count).map(|_| self.next()).collect::<Option<_>>()?,
                            DIGESTS => self.digests(count)?,
                            _ => return None,
                        }
                    }
                }
                UNPACK_INFO => streams.folders = self.folders()?,
                SUBSTREAMS => self.substreams(&mut streams.folders)?,
                _ => return None,
            }
        }
        for folder in &mut streams.folders {
            if folder.files.is_empty() && folder.outputs > 0 {
                folder.files = vec![folder.size];
            }
        }
        Some(streams)
    }

    fn folders(&mut self) -> Option<Vec<Folder>> {
        (self.next()? == FOLDERS).then_some(())?;
        let count = self.count()?;
        (self.byte()? == 0).then_some(())?;
        let mut mains = Vec::new();
        let mut folders = Vec::new();
        for _ in 0..count {
            let (folder, main) = self.folder()?;
            folders.push(folder);
            mains.push(main);
        }
        loop {
            match self.next()? {
                0 => return Some(folders),
                UNPACK_SIZES => {
                    for (folder, main) in folders.iter_mut().zip(&mains) {
                        let sizes: Vec<u64> = (0..folder.outputs).map(|_| self.next()).collect::<Option<_>>()?;
                        folder.size = sizes.get(*main).copied().unwrap_or(0);
                    }
                }
                DIGESTS => self.digests(count)?,
                _ => return None,
            }
        }
    }

    /// A folder, and which of its outputs is the last.
    fn folder(&mut self) -> Option<(Folder, usize)> {
        let count = self.next().filter(|count| (1..=MAX_CODERS).contains(count))?;
        let (mut coders, mut inputs, mut outputs) = (Vec::new(), 0, 0);
        let mut is_chain = true;
        for _ in 0..count {
            let flags = self.byte()?;
            let id = self.bytes(u64::from(flags & 0x0f))?.to_vec();
            let (ins, outs) = if flags & 0x10 != 0 { (self.next()?, self.next()?) } else { (1, 1) };
            (ins.max(outs) <= MAX_CODERS).then_some(())?;
            is_chain &= (ins, outs) == (1, 1);
            inputs += ins;
            outputs += outs;
            let props = if flags & 0x20 != 0 { self.next()? } else { 0 };
            coders.push(Coder { id, props: self.bytes(props)?.to_vec() });
        }
        let mut bound = Vec::new();
        for _ in 1..outputs {
            bound.push((self.next()?, self.next()?));
        }
        let packed = inputs.checked_sub(bound.len() as u64)?;
        if packed > 1 {
            for _ in 0..packed {
                self.next()?;
            }
        }
        let main = (0..outputs).find(|output| bound.iter().all(|(_, out)| out != output))?;
        let mut chain = Vec::new();
        let mut at = main;
        while is_chain && chain.len() < coders.len() {
            chain.insert(0, coders.get(usize::try_from(at).ok()?)?.clone());
            let Some((_, out)) = bound.iter().find(|(input, _)| *input == at) else { break };
            at = *out;
        }
        let outputs = outputs as usize;
        Some((Folder { coders: chain, outputs, packed: packed as usize, ..Folder::default() }, main as usize))
    }

    fn substreams(&mut self, folders: &mut [Folder]) -> Option<()> {
        let mut counts: Vec<u64> = folders.iter().map(|_| 1).collect();
        let mut kind = self.next()?;
        if kind == COUNTS {
            for count in &mut counts {
                *count = self.next().filter(|count| *count <= self.0.len() as u64 + 1)?;
            }
            kind = self.next()?;
        }
        for (folder, count) in folders.iter_mut().zip(&counts) {
            let mut left = folder.size;
            for at in 0..*count {
                // The last size is what is left.
                let size = if at + 1 == *count || kind != SIZES { left } else { self.next()? };
                left = left.saturating_sub(size);
                folder.files.push(size);
            }
            if *count == 0 {
                folder.outputs = 0;
            }
        }
        if kind == SIZES {
            kind = self.next()?;
        }
        // Digests: of how many is said by what is not needed here; they are followed by the end.
        if kind == DIGESTS {
            let unknown = counts.iter().sum();
            self.digests(unknown)?;
            kind = self.next()?;
        }
        (kind == 0).then_some(())
    }

    /// The names of files that have content, then those of the others.
    fn files(&mut self) -> Option<Vec<Vec<u8>>> {
        let count = self.count()?;
        let (mut names, mut empty) = (Vec::new(), Vec::new());
        loop {
            let kind = self.next()?;
            if kind == 0 {
                break;
            }
            let size = self.next()?;
            let mut data = Numbers(self.bytes(size)?);
            match kind {
                EMPTY => empty = data.bits(count)?,
                NAMES if data.byte()? == 0 => {
                    let units = data.0.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
                    let text: String =
                        char::decode_utf16(units).map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
                    names = text.split('\0').map(|name| name.as_bytes().to_vec()).take(count as usize).collect();
                }
                _ => {}
            }
        }
        let is_empty = |at: &usize| empty.get(*at).copied().unwrap_or(false);
        let (without, with): (Vec<_>, Vec<_>) = names.into_iter().enumerate().partition(|(at, _)| is_empty(at));
        Some(with.into_iter().chain(without).map(|(_, name)| name).collect())
    }
}
