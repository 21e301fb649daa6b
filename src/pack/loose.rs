//! Objects in files of their own.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use gix_hash::Kind as HashKind;
use gix_hash::ObjectId;
use gix_hash::oid;

use super::Kind;
use super::bench::Bench;
use super::inflate::Buffer;
use super::inflate::Inflater;
use super::inflate::MAX_RATIO;
use super::stream::Inflating;
use super::stream::Large;
use super::stream::Stream;
use super::trouble::Trouble;

/// The header is within so many inflated bytes: the longest kind, a space, twenty digits, a NUL.
const HEADER: usize = 32;
/// Inflated at first, to learn the kind.
const FIRST: usize = 256;
/// Compression never makes an object larger than by this share of it, and this much on top.
const OVERHEAD: (u64, u64) = (64, 4096);
/// Reserved at most on the word of the file system, which may be that of a sparse file.
const TRUSTED: u64 = 1 << 20;

/// Lists the loose objects of an object directory, calling `trouble` with what cannot be listed.
pub(super) fn list(
    objects: &Path,
    hash: HashKind,
    found: &mut Vec<ObjectId>,
    trouble: &mut dyn FnMut(&Path, &io::Error),
) {
    for first in 0..=0xffu8 {
        let dir = objects.join(format!("{first:02x}"));
        match fs::read_dir(&dir) {
            Ok(files) => list_dir(&dir, first, files, hash, found, trouble),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => trouble(&dir, &error),
        }
    }
}

fn list_dir(
    dir: &Path,
    first: u8,
    files: fs::ReadDir,
    hash: HashKind,
    found: &mut Vec<ObjectId>,
    trouble: &mut dyn FnMut(&Path, &io::Error),
) {
    for file in files {
        let name = match file {
            Ok(file) => file.file_name(),
            Err(error) => {
                trouble(dir, &error);
                return;
            }
        };
        // Temporary files and whatever else is there have other names.
        let hex = format!("{first:02x}{}", name.to_string_lossy());
        if hex.len() == hash.len_in_hex()
            && let Ok(id) = ObjectId::from_hex(hex.as_bytes())
        {
            found.push(id);
        }
    }
}

/// Where a loose object would be.
pub(super) fn path(objects: &Path, id: &oid) -> PathBuf {
    let hex = id.to_hex().to_string();
    let (dir, file) = hex.split_at_checked(2).unwrap_or_default();
    objects.join(dir).join(file)
}

/// Reads a loose object if `wanted` says so of its kind. Its bytes start in `out` where the returned number says.
pub(super) fn read(
    path: &Path,
    limit: usize,
    wanted: impl Fn(Kind) -> bool,
    out: &mut Buffer,
    bench: &mut Bench,
) -> Result<Option<(Kind, usize)>, Trouble> {
    let mut compressed = std::mem::take(&mut bench.compressed);
    let loaded = load(path, limit, &mut compressed).map_err(|error| Trouble::io(&error));
    let found = loaded.and_then(|()| inflate(&compressed, limit, wanted, out, &mut bench.inflater));
    bench.compressed = compressed;
    found
}

/// Lends a large blob as a stream; `None` if the object is not large, or must be held.
pub(super) fn stream(path: &Path, id: &oid, large: &Large<'_>) -> Result<Option<u64>, Trouble> {
    let io = |error| Trouble::io(&error);
    let found = fs::metadata(path).map_err(io)?;
    if !found.is_file() || found.len() < large.above as u64 / MAX_RATIO as u64 {
        return Ok(None);
    }
    let mut stream = Inflating::new(File::open(path).map_err(io)?);
    let mut head = Vec::new();
    // Whoever reads it as a whole will see what is wrong.
    let begun = (&mut stream).take(HEADER as u64).read_to_end(&mut head);
    let Some((Kind::Blob, size, start)) = begun.ok().and_then(|_| header(&head)) else { return Ok(None) };
    if size <= large.above as u64 {
        return Ok(None);
    }
    if size / MAX_RATIO as u64 > found.len() {
        return Err(Trouble::corrupt("it claims to be larger than its compressed bytes can be"));
    }
    let head = head.get(start..).unwrap_or_default();
    stream.left = Some(size.saturating_sub(head.len() as u64));
    if !large.lend(id, size, &mut Headed { head, stream: &mut stream })? {
        return Ok(None);
    }
    if stream.used() != found.len() {
        return Err(Trouble::corrupt("there is something behind its end"));
    }
    Ok(Some(size))
}

/// A stream some of which was read already.
struct Headed<'h, S> {
    head: &'h [u8],
    stream: &'h mut S,
}

impl<S: Stream> Read for Headed<'_, S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.head.is_empty() { self.stream.read(out) } else { self.head.read(out) }
    }
}

impl<S: Stream> Stream for Headed<'_, S> {
    fn finish(&mut self) -> Result<(), Trouble> {
        self.stream.finish()
    }
}

fn inflate(
    compressed: &[u8],
    limit: usize,
    wanted: impl Fn(Kind) -> bool,
    out: &mut Buffer,
    inflater: &mut Inflater,
) -> Result<Option<(Kind, usize)>, Trouble> {
    let ended = inflater.start(compressed, FIRST, out)?;
    let head = out.get(..HEADER.min(out.len())).unwrap_or_default();
    let (kind, size, start) = header(head).ok_or_else(|| Trouble::corrupt("its header is damaged"))?;
    if !wanted(kind) {
        return Ok(None);
    }
    if size > limit as u64 {
        return Err(Trouble::too_large(size, limit as u64));
    }
    let whole = usize::try_from(size).unwrap_or(usize::MAX).saturating_add(start);
    if !ended {
        inflater.rest(compressed, whole, out)?;
    } else if out.len() != whole {
        return Err(Trouble::corrupt("it inflates to another size than its header says"));
    }
    if inflater.consumed() != compressed.len() {
        return Err(Trouble::corrupt("there is something behind its end"));
    }
    Ok(Some((kind, start)))
}

fn load(path: &Path, limit: usize, compressed: &mut Vec<u8>) -> io::Result<()> {
    compressed.clear();
    let found = fs::metadata(path)?;
    // Opening a pipe would wait forever.
    if !found.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let (share, more) = OVERHEAD;
    let limit = limit as u64;
    let limit = limit.saturating_add(limit / share).saturating_add(more);
    // One byte more saves asking whether there is more.
    let expected = found.len().saturating_add(1).min(TRUSTED);
    compressed.reserve(usize::try_from(expected).unwrap_or(0));
    let read = File::open(path)?.take(limit).read_to_end(compressed)?;
    if read as u64 == limit {
        return Err(io::Error::other("larger than any object may be"));
    }
    Ok(())
}

fn header(head: &[u8]) -> Option<(Kind, u64, usize)> {
    let end = memchr::memchr(0, head)?;
    let text = head.get(..end)?;
    let space = memchr::memchr(b' ', text)?;
    let kind = match text.get(..space)? {
        b"blob" => Kind::Blob,
        b"tree" => Kind::Tree,
        b"commit" => Kind::Commit,
        b"tag" => Kind::Tag,
        _ => return None,
    };
    let digits = text.get(space + 1..)?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((kind, size, end + 1))
}
