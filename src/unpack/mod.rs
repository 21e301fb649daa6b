//! Opens containers: archives, compressed files, documents whose text is compressed. Takes a blob lent by any source and
//! lends what is in it as blobs, so that files, the index, ranges, histories and standard input behave the same.
//!
//! The codecs are crates; the frames around them (which member lies where) are read here, since a scanner wants what
//! programs that unpack do not: every member of several that share a name, what can be read of a damaged archive, and a
//! count of what comes out before it is believed. Nothing is written anywhere.

mod ar;
mod budget;
mod codec;
mod format;
mod loose;
mod office;
mod pack;
mod pdf;
mod png;
mod sevenzip;
mod sqlite;
mod tar;
mod zip;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek};
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use crate::blob::{Blob, Inside, Origin, Pieces, PlaceKind, Rest, Start};
use crate::coverage::{Reason, Tally};
use crate::finding::Sighting;
use crate::lock::lock;
use crate::secret::Secret;
pub use budget::Limits;
use budget::{Budget, Metered};
use format::{Format, HEAD};

/// A container that is read at several places must fit here, if it is inside another one.
const NESTED: u64 = 64 << 20;
/// The same for a file.
const IN_MEMORY: u64 = 256 << 20;
/// How much of what was read of a container that comes once is kept.
const RECENT: usize = 256 << 10;
/// How much more at a time.
const STEP: usize = 8 << 20;
/// Longer names are cut.
const MAX_NAME: usize = 4096;

/// Opens containers within limits. One is shared by all threads of a run.
#[derive(Debug)]
pub struct Unpacker {
    limits: Limits,
    total: Arc<AtomicU64>,
    /// Whose turn it is to hold a large container in memory.
    held: Mutex<()>,
}

impl Unpacker {
    /// Nothing is spent yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, total: Arc::default(), held: Mutex::default() }
    }

    /// Lends what is in a blob, if it is a container, and says what was read of it and what not.
    pub fn open(&self, blob: &Blob<'_>, visit: &mut dyn FnMut(&Blob<'_>)) -> Option<Tally> {
        if blob.start.offset != 0 {
            return None;
        }
        if !blob.origin.is_content() {
            return None;
        }
        let format = Format::of_whole(blob.bytes).or_else(|| match (blob.file, blob.rest) {
            (Some(file), _) => Format::of_file(blob.bytes, file),
            // What is behind it will be seen.
            (_, Some(_)) => Format::is_program(blob.bytes).then_some(Format::Zip),
            _ => None,
        })?;
        let size = blob.file.and_then(|file| file.metadata().ok()).map_or(blob.bytes.len() as u64, |data| data.len());
        let mut opening = Opening {
            limits: &self.limits,
            held: &self.held,
            budget: Budget::new(&self.limits, size, &self.total),
            origin: blob.origin,
            visit,
            tally: Tally::default(),
            pieces: Pieces::default(),
            damaged: None,
            cut_at: None,
        };
        opening.top(format, blob);
        Some(opening.tally)
    }
}

/// Drops what was found in the bytes of a container, or of a part of a document, as they are, where the same secret was
/// found in a member, or in the text that was put together, too. In those bytes a secret may be cut, or run into what
/// happens to lie behind it.
pub fn without_echoes(sightings: &mut Vec<Sighting>) {
    let mut inner: HashMap<(Origin, Option<Vec<u8>>), HashSet<Secret>> = HashMap::new();
    let text = format!("!/{}", office::NAME);
    for sighting in sightings.iter() {
        let Some(inside) = &sighting.site.inside else { continue };
        let part = inside.path.strip_suffix(text.as_bytes()).map(<[u8]>::to_vec);
        for place in [Some(None), part.map(Some)].into_iter().flatten() {
            let secrets = inner.entry((sighting.origin.clone(), place)).or_default();
            secrets.insert(sighting.hit.secret.clone());
        }
    }
    if inner.is_empty() {
        return;
    }
    let is_echo = |sighting: &Sighting| {
        let raw = sighting.hit.secret.reveal();
        let same = |secret: &Secret| raw.starts_with(secret.reveal()) || secret.reveal().starts_with(raw);
        let place = sighting.site.inside.as_ref().map(|inside| inside.path.clone());
        inner.get(&(sighting.origin.clone(), place)).is_some_and(|secrets| secrets.iter().any(same))
    };
    let echoes: Vec<bool> = sightings.iter().map(is_echo).collect();
    let mut echoes = echoes.into_iter();
    sightings.retain(|_| !echoes.next().unwrap_or(false));
}

/// Why a container, or the rest of it, was not read.
enum Fault {
    /// A limit was reached: nothing more of the blob is read.
    Cut,
    Damaged(String),
    Gap(Reason, String),
}

/// A place in nested containers.
struct Here {
    path: Vec<u8>,
    depth: u32,
}

impl Here {
    fn member(&self, name: &[u8]) -> Self {
        let mut name = name;
        while let Some(rest) = name.strip_prefix(b"./") {
            name = rest;
        }
        let name = &name[..name.len().min(MAX_NAME)];
        let lead: &[u8] = if self.path.is_empty() { b"" } else { b"!/" };
        Self { path: [self.path.as_slice(), lead, name].concat(), depth: self.depth }
    }

    fn deeper(&self) -> Self {
        Self { path: self.path.clone(), depth: self.depth + 1 }
    }
}

/// Where the bytes of a container are.
enum Source<'s> {
    Bytes(&'s [u8]),
    File(&'s File),
    Stream(&'s mut dyn Read),
}

/// What follows the first piece of a container. There may be something else behind the container, which is in no member:
/// the last bytes that were read are lent as they are.
struct Growing<'r> {
    rest: &'r dyn Rest,
    budget: Rc<Budget>,
    recent: Vec<u8>,
    /// Where these begin.
    at: Start,
    /// Whether they are not all since the first piece.
    is_cut: bool,
}

impl<'r> Growing<'r> {
    fn after(blob: &Blob<'_>, rest: &'r dyn Rest, budget: &Rc<Budget>) -> Self {
        let tail = blob.tail();
        Self { rest, budget: Rc::clone(budget), recent: tail.bytes.to_vec(), at: tail.start, is_cut: false }
    }

    fn lend(self, blob: &Blob<'_>, visit: &mut dyn FnMut(&Blob<'_>)) {
        let tail = blob.tail();
        let from = if self.is_cut { 0 } else { tail.own.0 };
        if self.is_cut {
            visit(&tail);
        }
        visit(&Blob { bytes: &self.recent, start: self.at, own: (from, self.recent.len()), ..tail.clone() });
    }
}

impl Read for Growing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.rest.read(buffer)?;
        self.budget.grow(read);
        self.recent.extend_from_slice(buffer.get(..read).unwrap_or_default());
        if self.recent.len() > 2 * RECENT {
            let old = self.recent.len() - RECENT;
            self.at = self.at.after(self.recent.get(..old).unwrap_or_default());
            self.recent.drain(..old);
            self.is_cut = true;
        }
        Ok(read)
    }
}

/// What can be read at any place.
trait Seekable: Read + Seek {}

impl<T: Read + Seek> Seekable for T {}

/// One container being opened, with all that are in it.
struct Opening<'o> {
    limits: &'o Limits,
    held: &'o Mutex<()>,
    budget: Rc<Budget>,
    origin: &'o Origin,
    visit: &'o mut dyn FnMut(&Blob<'_>),
    tally: Tally,
    pieces: Pieces,
    /// Where damage was noted last: what it leads to in the containers around is not noted again.
    damaged: Option<Vec<u8>>,
    /// Where a limit was reached.
    cut_at: Option<Vec<u8>>,
}

impl Opening<'_> {
    fn top(&mut self, format: Format, blob: &Blob<'_>) {
        let here = Here { path: Vec::new(), depth: 1 };
        if self.limits.depth == 0 && !format.is_document() {
            let why = "archives are not opened (--max-archive-depth 0)";
            return self.tally.skip(Reason::Configured, self.line(&here.path, why));
        }
        let opened = match (blob.file, blob.rest) {
            (Some(file), _) => self.container(format, Source::File(file), &here),
            (_, Some(rest)) if format.is_stream() => {
                let mut rest = Growing::after(blob, rest, &self.budget);
                let opened = self.container(format, Source::Stream(&mut blob.bytes.chain(&mut rest)), &here);
                rest.lend(blob, self.visit);
                opened
            }
            (_, Some(rest)) => self.held(format, blob, rest, &here),
            _ => self.container(format, Source::Bytes(blob.bytes), &here),
        };
        let _ = self.settle(&here, opened);
        if let Some(reason) = self.budget.cut() {
            let path = self.cut_at.take().unwrap_or_default();
            self.tally.skip(reason, self.line(&path, &self.limits.explain(reason)));
        }
    }

    /// What is read at several places, and comes once: it must fit into memory.
    fn held(&mut self, format: Format, blob: &Blob<'_>, rest: &dyn Rest, here: &Here) -> Result<(), Fault> {
        let mut bytes = blob.bytes.to_vec();
        let _turn = lock(self.held);
        let mut rest = Growing::after(blob, rest, &self.budget);
        let read = read_on(&mut rest, &mut bytes, IN_MEMORY);
        let raw = Blob { rest: None, ..blob.clone() };
        let visit = &mut *self.visit;
        let _ = Pieces::default().read(&mut bytes.as_slice(), None, &raw, &mut |piece| {
            if piece.start.offset > 0 {
                visit(piece);
            }
        });
        if Format::of_whole(&bytes).is_none() {
            return Ok(());
        }
        let opened = self.container(format, Source::Bytes(&bytes), here);
        match (read, opened) {
            (Ok(()), Ok(()) | Err(Fault::Damaged(_))) if bytes.len() as u64 > IN_MEMORY => {
                let why = "it is too large to be opened in memory; save it to a file and scan that";
                Err(Fault::Gap(Reason::ArchiveSize, why.into()))
            }
            (Ok(()), opened) => opened,
            (Err(error), _) => Err(self.fault(&error)),
        }
    }

    /// One member: its name, and what is in it. Only a limit ends the whole.
    fn member(&mut self, here: &Here, name: &[u8], reader: &mut dyn Read) -> Result<(), Fault> {
        let here = here.member(name);
        self.name(&here, name)?;
        let read = self.content(&here, reader);
        self.settle(&here, read)
    }

    /// The name of a member is looked at, too. It is not a place to write to: nothing is.
    fn name(&mut self, here: &Here, name: &[u8]) -> Result<(), Fault> {
        if let Err(error) = self.budget.entry() {
            self.cut_at.get_or_insert_with(|| here.path.clone());
            return Err(self.fault(&error));
        }
        let inside = Inside { path: here.path.clone(), kind: PlaceKind::Path };
        (self.visit)(&Blob { inside: Some(&inside), binary: false, ..Blob::whole(self.origin, name) });
        Ok(())
    }

    fn content(&mut self, here: &Here, reader: &mut dyn Read) -> Result<(), Fault> {
        let mut head = [0; HEAD];
        let (filled, ended) = fill(reader, &mut head);
        let head = head.get(..filled).unwrap_or_default();
        let mut nothing = io::empty();
        let rest: &mut dyn Read = if matches!(ended, Ok(true)) { &mut nothing } else { reader };
        let mut stream = head.chain(rest);
        let read = match Format::of(head) {
            Some(format) => self.nested(format, &mut stream, here),
            None => self.leaf(here, &mut stream),
        };
        match ended {
            Err(error) => Err(self.fault(&error)),
            Ok(_) => read,
        }
    }

    /// A container in a container.
    fn nested(&mut self, format: Format, stream: &mut dyn Read, here: &Here) -> Result<(), Fault> {
        if !format.is_document() && here.depth >= self.limits.depth {
            self.gap(Reason::ArchiveDepth, &here.path, &self.limits.explain(Reason::ArchiveDepth));
            return self.leaf(here, stream);
        }
        let here = here.deeper();
        if format.is_stream() {
            return self.container(format, Source::Stream(stream), &here);
        }
        let mut bytes = Vec::new();
        let read = (&mut *stream).take(NESTED + 1).read_to_end(&mut bytes);
        if bytes.len() as u64 > NESTED {
            self.gap(
                Reason::ArchiveSize,
                &here.path,
                "it is too large to be opened inside another; extract it and scan that",
            );
            return self.leaf(&here, &mut bytes.as_slice().chain(stream));
        }
        self.leaf(&here, &mut bytes.as_slice())?;
        let opened = self.container(format, Source::Bytes(&bytes), &here);
        match read {
            Err(error) => Err(self.fault(&error)),
            Ok(_) => opened,
        }
    }

    fn container(&mut self, format: Format, source: Source<'_>, here: &Here) -> Result<(), Fault> {
        match format {
            Format::Gzip | Format::Bzip2 | Format::Xz | Format::Zstd | Format::Lz4 => {
                let mut decoded = Metered::new(codec::Frames::new(format, stream(source), &self.budget), &self.budget);
                self.decoded(&mut decoded, here)
            }
            Format::Object => loose::open(self, &mut *stream(source), here),
            Format::Tar => tar::open(self, &mut *stream(source), here),
            Format::Ar => ar::open_ar(self, &mut *stream(source), here),
            Format::Cpio => ar::open_cpio(self, &mut *stream(source), here),
            Format::Rpm => ar::open_rpm(self, &mut *stream(source), here),
            Format::Zip => zip::open(self, &mut *seekable(source)?, here),
            Format::SevenZip => sevenzip::open(self, &mut *seekable(source)?, here),
            Format::Sqlite => sqlite::open(self, &mut *seekable(source)?, here),
            Format::Pack => pack::open(self, &in_memory(source)?, here),
            Format::Pdf => pdf::open(self, &in_memory(source)?, here),
            Format::Png => png::open(self, &in_memory(source)?, here),
            Format::Unknown(name) => {
                Err(Fault::Gap(Reason::ArchiveUnknown, format!("a {name}; extract it and scan that")))
            }
        }
    }

    /// What comes out of a compressed file. If that is an archive, the two are one level.
    fn decoded(&mut self, reader: &mut dyn Read, here: &Here) -> Result<(), Fault> {
        let mut head = [0; HEAD];
        let (filled, ended) = fill(reader, &mut head);
        let head = head.get(..filled).unwrap_or_default();
        if let Ok(false) = ended
            && matches!(Format::of(head), Some(Format::Tar | Format::Cpio))
        {
            let format = Format::of(head).unwrap_or(Format::Tar);
            return self.container(format, Source::Stream(&mut head.chain(reader)), here);
        }
        let read = self.content(here, &mut head.chain(reader));
        match ended {
            Err(error) => Err(self.fault(&error)),
            Ok(_) => read,
        }
    }

    /// Lends what was made of bytes that were lent as they are.
    fn lend(&mut self, here: &Here, bytes: &[u8]) {
        let inside = Inside { path: here.path.clone(), kind: PlaceKind::Content };
        (self.visit)(&Blob { inside: Some(&inside), ..Blob::whole(self.origin, bytes) });
    }

    /// Bytes that are no container.
    fn leaf(&mut self, here: &Here, stream: &mut dyn Read) -> Result<(), Fault> {
        let inside = Inside { path: here.path.clone(), kind: PlaceKind::Content };
        let blob = Blob { inside: Some(&inside), ..Blob::whole(self.origin, &[]) };
        let mut pieces = std::mem::take(&mut self.pieces);
        let read = pieces.read(stream, None, &blob, self.visit);
        self.pieces = pieces;
        self.tally.members += 1;
        match read {
            Ok(bytes) => self.tally.bytes += bytes,
            Err(error) => return Err(self.fault(&error)),
        }
        Ok(())
    }

    /// Notes what was not read, unless it ends the whole.
    fn settle(&mut self, here: &Here, read: Result<(), Fault>) -> Result<(), Fault> {
        match read {
            Ok(()) => {}
            Err(Fault::Cut) => {
                self.cut_at.get_or_insert_with(|| here.path.clone());
                return Err(Fault::Cut);
            }
            Err(Fault::Gap(reason, why)) => self.gap(reason, &here.path, &why),
            Err(Fault::Damaged(why)) => {
                if self.damaged.as_ref().is_none_or(|inner| !inner.starts_with(&here.path)) {
                    self.gap(Reason::ArchiveDamaged, &here.path, &why);
                }
                self.damaged = Some(here.path.clone());
            }
        }
        Ok(())
    }

    fn gap(&mut self, reason: Reason, path: &[u8], why: &str) {
        let line = self.line(path, why);
        self.tally.skip(reason, line);
    }

    fn line(&self, path: &[u8], why: &str) -> String {
        let outer = match self.origin {
            Origin::File { path } | Origin::Index { path, .. } | Origin::Added { path, .. } => {
                String::from_utf8_lossy(path).into_owned()
            }
            Origin::Object { id } => format!("blob {id}"),
            _ => "standard input".to_owned(),
        };
        let lead = if path.is_empty() { "" } else { "!/" };
        format!("{outer}{lead}{}: {why}", String::from_utf8_lossy(path))
    }

    /// What a failed read means.
    fn fault(&self, error: &io::Error) -> Fault {
        match error.kind() {
            _ if self.budget.cut().is_some() => Fault::Cut,
            io::ErrorKind::OutOfMemory => {
                Fault::Gap(Reason::ArchiveSize, "it needs too much memory to be opened".into())
            }
            io::ErrorKind::Unsupported => Fault::Gap(Reason::ArchiveUnknown, error.to_string()),
            io::ErrorKind::UnexpectedEof => Fault::Damaged("it ends too early".into()),
            _ => Fault::Damaged(format!("it is damaged: {error}")),
        }
    }
}

fn stream(source: Source<'_>) -> Box<dyn Read + '_> {
    match source {
        Source::Bytes(bytes) => Box::new(bytes),
        Source::File(file) => match rewound(file) {
            Ok(file) => Box::new(file),
            Err(error) => Box::new(Failed(Some(error))),
        },
        Source::Stream(stream) => Box::new(stream),
    }
}

/// Streams are read into memory before: see `nested`.
fn seekable(source: Source<'_>) -> Result<Box<dyn Seekable + '_>, Fault> {
    match source {
        Source::Bytes(bytes) => Ok(Box::new(Cursor::new(bytes))),
        Source::File(file) => match rewound(file) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) => Err(Fault::Damaged(error.to_string())),
        },
        Source::Stream(_) => Err(Fault::Damaged("it can be read at one place only".into())),
    }
}

fn in_memory(source: Source<'_>) -> Result<Cow<'_, [u8]>, Fault> {
    if let Source::Bytes(bytes) = source {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut bytes = Vec::new();
    match stream(source).take(IN_MEMORY + 1).read_to_end(&mut bytes) {
        Ok(read) if read as u64 > IN_MEMORY => {
            Err(Fault::Gap(Reason::ArchiveSize, "it is too large to be opened in memory".into()))
        }
        Ok(_) => Ok(Cow::Owned(bytes)),
        Err(error) => Err(Fault::Damaged(error.to_string())),
    }
}

fn rewound(mut file: &File) -> io::Result<BufReader<&File>> {
    file.rewind()?;
    Ok(BufReader::with_capacity(16 << 10, file))
}

/// A reader of what could not be opened.
struct Failed(Option<io::Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// Reads on until `bytes` are more than `most` or the reader ends. Takes no more memory than that needs.
fn read_on(reader: &mut dyn Read, bytes: &mut Vec<u8>, most: u64) -> io::Result<()> {
    while bytes.len() as u64 <= most {
        let begin = bytes.len();
        bytes.reserve_exact(STEP);
        bytes.resize(begin + STEP, 0);
        let (filled, ended) = fill(reader, bytes.get_mut(begin..).unwrap_or_default());
        bytes.truncate(begin + filled);
        if ended? {
            break;
        }
    }
    Ok(())
}

/// Reads until `buffer` is full. How much was read, and whether the reader has ended.
fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> (usize, io::Result<bool>) {
    let mut filled = 0;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        match reader.read(room) {
            Ok(0) => return (filled, Ok(true)),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Err(error)),
        }
    }
    (filled, Ok(false))
}

/// All of `buffer`, or nothing at the end of the stream.
fn record(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<bool> {
    match fill(reader, buffer) {
        (0, Ok(true)) => Ok(false),
        (_, Ok(false)) => Ok(true),
        (_, Ok(true)) => Err(io::ErrorKind::UnexpectedEof.into()),
        (_, Err(error)) => Err(error),
    }
}

/// Reads past so many bytes.
fn skip(reader: &mut dyn Read, bytes: u64) -> io::Result<()> {
    match io::copy(&mut reader.take(bytes), &mut io::sink())? {
        skipped if skipped == bytes => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
