//! Zip archives. Every entry of the directory is read, those that share a name or bytes with another, too; where there is
//! no sound directory, members are read from their own headers.

use std::io::{self, Read, SeekFrom};

use super::{Fault, Here, IN_MEMORY, Metered, Opening, Seekable, codec, office};
use crate::coverage::Reason;

const END: &[u8] = b"PK\x05\x06";
const END64: &[u8] = b"PK\x06\x06";
const LOCATOR64: &[u8] = b"PK\x06\x07";
const ENTRY: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";
/// The end record with the longest comment, and what may stand before it.
const TAIL: u64 = 22 + 65_535 + 20;

/// What a member's headers say of it.
struct Member {
    name: Vec<u8>,
    method: u16,
    encrypted: bool,
    crc: u32,
    stored: u64,
    size: u64,
    local: u64,
}

pub(super) fn open(opening: &mut Opening<'_>, input: &mut dyn Seekable, here: &Here) -> Result<(), Fault> {
    let directory = match find_directory(input) {
        Ok(directory) => directory,
        Err(error) => return Err(opening.fault(&error)),
    };
    let Some((mut at, end, base)) = directory else {
        return salvage(opening, input, here);
    };
    let mut read = 0u64;
    while at < end {
        let (member, next) = match entry(input, at) {
            Ok(Some(found)) => found,
            Ok(None) => break,
            Err(error) => return Err(opening.fault(&error)),
        };
        at = next;
        read += 1;
        let Some(local) = member.local.checked_add(base) else { continue };
        let begin = data_start(input, local);
        one(opening, input, &member, begin, here)?;
    }
    match (at < end, read) {
        (true, 0) => salvage(opening, input, here),
        (true, _) => Err(Fault::Damaged("its directory is damaged".into())),
        _ => Ok(()),
    }
}

/// Where the directory begins and ends, and what stands before the archive.
fn find_directory(input: &mut dyn Seekable) -> io::Result<Option<(u64, u64, u64)>> {
    let len = input.seek(SeekFrom::End(0))?;
    let from = len.saturating_sub(TAIL);
    let mut tail = Vec::new();
    input.seek(SeekFrom::Start(from))?;
    input.take(TAIL).read_to_end(&mut tail)?;
    let mut search = tail.len();
    while let Some(at) = memchr::memmem::rfind(&tail[..search], END) {
        search = at;
        let Some(record) = tail.get(at..at + 22) else { continue };
        let end = from + at as u64;
        let (mut size, mut offset, mut stop) = (u64::from(u32_at(record, 12)), u64::from(u32_at(record, 16)), end);
        if let Some(locator) = at.checked_sub(20).and_then(|at| tail.get(at..)).filter(|it| it.starts_with(LOCATOR64)) {
            let mut record = [0; 56];
            let place = u64_at(locator, 8);
            // The record itself stands before its locator if what is said of its place does not hold.
            for place in [place, end.saturating_sub(20 + 56)] {
                if read_at(input, place, &mut record).is_ok() && record.starts_with(END64) {
                    (size, offset, stop) = (u64_at(&record, 40), u64_at(&record, 48), place);
                    break;
                }
            }
        }
        // Something may stand before the archive: then all offsets are too small by its length.
        for begin in [stop.checked_sub(size), Some(offset)].into_iter().flatten() {
            let mut magic = [0; 4];
            let is_empty = size == 0 && begin == stop;
            if is_empty || begin < stop && read_at(input, begin, &mut magic).is_ok() && magic == ENTRY {
                return Ok(Some((begin, stop, begin.saturating_sub(offset))));
            }
        }
    }
    Ok(None)
}

/// The entry of the directory at a place, and where the next one is.
fn entry(input: &mut dyn Seekable, at: u64) -> io::Result<Option<(Member, u64)>> {
    let mut fixed = [0; 46];
    read_at(input, at, &mut fixed)?;
    if !fixed.starts_with(ENTRY) {
        return Ok(None);
    }
    let lengths = [28, 30, 32].map(|at| usize::from(u16_at(&fixed, at)));
    let mut rest = vec![0; lengths[0] + lengths[1]];
    input.read_exact(&mut rest)?;
    let (name, extra) = rest.split_at(lengths[0]);
    let mut member = Member {
        name: name.to_vec(),
        method: u16_at(&fixed, 10),
        encrypted: u16_at(&fixed, 8) & 1 != 0,
        crc: u32_at(&fixed, 16),
        stored: u64::from(u32_at(&fixed, 20)),
        size: u64::from(u32_at(&fixed, 24)),
        local: u64::from(u32_at(&fixed, 42)),
    };
    large(extra, &mut member);
    Ok(Some((member, at + 46 + lengths.iter().sum::<usize>() as u64)))
}

/// Numbers that do not fit into 32 bits are in an extra field.
fn large(mut extra: &[u8], member: &mut Member) {
    while let [a, b, c, d, rest @ ..] = extra {
        let (id, len) = (u16::from_le_bytes([*a, *b]), usize::from(u16::from_le_bytes([*c, *d])));
        let Some((mut field, after)) = rest.split_at_checked(len) else { return };
        if id == 1 {
            for number in [&mut member.size, &mut member.stored, &mut member.local] {
                if let (true, Some((value, after))) = (*number == u64::from(u32::MAX), field.split_first_chunk::<8>()) {
                    (*number, field) = (u64::from_le_bytes(*value), after);
                }
            }
        }
        extra = after;
    }
}

/// Where the bytes of a member begin, behind its own header.
fn data_start(input: &mut dyn Seekable, local: u64) -> io::Result<u64> {
    let mut fixed = [0; 30];
    read_at(input, local, &mut fixed)?;
    if !fixed.starts_with(LOCAL) {
        return Err(io::Error::other("its header is not where the directory says"));
    }
    Ok(local + 30 + u64::from(u16_at(&fixed, 26)) + u64::from(u16_at(&fixed, 28)))
}

fn one(
    opening: &mut Opening<'_>,
    input: &mut dyn Seekable,
    member: &Member,
    begin: io::Result<u64>,
    here: &Here,
) -> Result<(), Fault> {
    let is_folder = member.name.ends_with(b"/") && member.size == 0;
    let place = here.member(&member.name);
    if is_folder {
        return opening.name(&place, &member.name);
    }
    let begin = begin.and_then(|begin| input.seek(SeekFrom::Start(begin)));
    if let Err(error) = begin {
        opening.name(&place, &member.name)?;
        let fault = opening.fault(&error);
        return opening.settle(&place, Err(fault));
    }
    if member.encrypted || member.method == 99 {
        opening.name(&place, &member.name)?;
        return opening.settle(&place, Err(Fault::Gap(Reason::ArchiveEncrypted, "it is encrypted".into())));
    }
    let mut stored = Read::take(input, member.stored);
    let fault = match codec::zip_method(member.method, &mut stored, member.size) {
        Ok(Some(decoder)) => {
            let whole = Whole { inner: decoder, crc: crc32fast::Hasher::new(), size: 0, member };
            let mut metered = Metered::new(whole, &opening.budget);
            return match office::is_text(&member.name) {
                true => office::member(opening, here, &member.name, &mut metered),
                false => opening.member(here, &member.name, &mut metered),
            };
        }
        Ok(None) => Fault::Gap(Reason::ArchiveUnknown, format!("it is compressed by method {}", member.method)),
        Err(error) => opening.fault(&error),
    };
    opening.name(&place, &member.name)?;
    opening.settle(&place, Err(fault))
}

/// Compares what came out with what the directory says, at the end.
struct Whole<'m, R> {
    inner: R,
    crc: crc32fast::Hasher,
    size: u64,
    member: &'m Member,
}

impl<R: Read> Read for Whole<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.crc.update(buffer.get(..read).unwrap_or_default());
        self.size += read as u64;
        let is_known = self.member.crc != 0 || self.member.size != 0;
        if read == 0 && !buffer.is_empty() && is_known {
            if self.size < self.member.size {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if self.crc.clone().finalize() != self.member.crc {
                return Err(io::Error::other("its checksum does not fit"));
            }
        }
        Ok(read)
    }
}

/// Reads members by their own headers, one after the other.
fn salvage(opening: &mut Opening<'_>, input: &mut dyn Seekable, here: &Here) -> Result<(), Fault> {
    let mut bytes = Vec::new();
    let read = input.rewind().and_then(|()| input.take(IN_MEMORY).read_to_end(&mut bytes));
    if let Err(error) = read {
        return Err(opening.fault(&error));
    }
    let mut from = 0;
    while let Some(at) = bytes.get(from..).and_then(|rest| memchr::memmem::find(rest, LOCAL)) {
        let at = from + at;
        from = at + 4;
        let Some(fixed) = bytes.get(at..at + 30) else { break };
        let (name, extra) = (usize::from(u16_at(fixed, 26)), usize::from(u16_at(fixed, 28)));
        let begin = at + 30 + name + extra;
        let Some(rest) = bytes.get(begin..) else { continue };
        let flags = u16_at(fixed, 6);
        let is_sized = flags & 8 == 0;
        let stored = u64::from(u32_at(fixed, 18));
        let until_next = || memchr::memmem::find(rest, b"PK").filter(|at| is_mark(&rest[*at..])).unwrap_or(rest.len());
        let method = u16_at(fixed, 8);
        let member = Member {
            name: bytes[at + 30..at + 30 + name].to_vec(),
            method,
            encrypted: flags & 1 != 0,
            crc: if is_sized { u32_at(fixed, 14) } else { 0 },
            stored: match (is_sized, method) {
                (true, _) => stored,
                // What is compressed says itself where it ends.
                (false, 0) => until_next() as u64,
                (false, _) => rest.len() as u64,
            },
            size: if is_sized { u64::from(u32_at(fixed, 22)) } else { 0 },
            local: at as u64,
        };
        one(opening, &mut io::Cursor::new(rest), &member, Ok(0), here)?;
        if is_sized {
            from = (begin as u64).saturating_add(stored).min(bytes.len() as u64) as usize;
        }
    }
    Err(Fault::Damaged("it has no sound directory; its members were read as far as they could be found".into()))
}

fn is_mark(bytes: &[u8]) -> bool {
    [LOCAL, ENTRY, END, b"PK\x07\x08"].iter().any(|magic| bytes.starts_with(magic))
}

fn read_at(input: &mut dyn Seekable, at: u64, buffer: &mut [u8]) -> io::Result<()> {
    input.seek(SeekFrom::Start(at))?;
    input.read_exact(buffer)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |it| u16::from_le_bytes(*it))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |it| u32::from_le_bytes(*it))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |it| u64::from_le_bytes(*it))
}
