//! What a container is, by its first bytes. A blob that is none costs a comparison or two.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// A kind of container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// And jar, war, apk, whl, docx, xlsx, pptx, odt, …
    Zip,
    Tar,
    /// Static libraries, Debian packages.
    Ar,
    Cpio,
    Rpm,
    SevenZip,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
    Lz4,
    /// A git pack, or a bundle, which is a pack with a header of lines.
    Pack,
    /// An object of a git repository that lies in a file of its own.
    Object,
    Pdf,
    Sqlite,
    Png,
    /// Known by name only.
    Unknown(&'static str),
}

/// How many bytes tell: a tar says what it is at the end of its first header.
pub(super) const HEAD: usize = 512;

/// Archives that are recognised, to be named, and not opened.
const UNKNOWN: &[(&[u8], &str)] =
    &[(b"Rar!\x1a\x07", "RAR archive"), (b"MSCF\0\0\0\0", "cabinet"), (b"LZIP\x01", "lzip file")];

impl Format {
    /// What begins with `head`.
    pub fn of(head: &[u8]) -> Option<Self> {
        let (first, second) = (*head.first()?, *head.get(1)?);
        let is = |magic: &[u8]| head.starts_with(magic);
        let format = match (first, second) {
            (b'P', b'K') if is(b"PK\x03\x04") || is(b"PK\x05\x06") || is(b"PK\x07\x08PK\x03\x04") => Self::Zip,
            (b'P', b'A') if is(b"PACK\0\0\0") => Self::Pack,
            (0x1f, 0x8b) if is(b"\x1f\x8b\x08") => Self::Gzip,
            (b'B', b'Z') if is(b"BZh") && head.get(4..10) == Some(b"1AY&SY") => Self::Bzip2,
            (0xfd, b'7') if is(b"\xfd7zXZ\0") => Self::Xz,
            (0x28, 0xb5) if is(b"\x28\xb5\x2f\xfd") => Self::Zstd,
            (0x04, 0x22) if is(b"\x04\x22\x4d\x18") => Self::Lz4,
            (b'7', b'z') if is(b"7z\xbc\xaf\x27\x1c") => Self::SevenZip,
            (b'!', b'<') if is(b"!<arch>\n") => Self::Ar,
            (0xed, 0xab) if is(b"\xed\xab\xee\xdb") => Self::Rpm,
            (b'0', b'7') if is(b"070701") || is(b"070702") || is(b"070707") => Self::Cpio,
            (0x78, 0x01 | 0x5e | 0x9c | 0xda) if super::loose::is_object(head) => Self::Object,
            (b'#', b' ') if is(b"# v2 git bundle\n") || is(b"# v3 git bundle\n") => Self::Pack,
            (b'%', b'P') if is(b"%PDF-") => Self::Pdf,
            (b'S', b'Q') if is(b"SQLite format 3\0") => Self::Sqlite,
            (0x89, b'P') if is(b"\x89PNG\r\n\x1a\n") => Self::Png,
            _ => return unknown(head).or_else(|| super::tar::is_header(head).then_some(Self::Tar)),
        };
        Some(format)
    }

    /// What a whole blob is: a program may have a zip behind it, which ends as every zip does.
    pub fn of_whole(bytes: &[u8]) -> Option<Self> {
        Self::of(bytes).or_else(|| {
            let end = bytes.get(bytes.len().checked_sub(22)?..)?;
            (Self::is_program(bytes) && end.starts_with(b"PK\x05\x06")).then_some(Self::Zip)
        })
    }

    /// What a file is that begins so: a program may have a zip behind it.
    pub fn of_file(head: &[u8], mut file: &File) -> Option<Self> {
        let mut end = [0; 22];
        let mut ends_as_zip = || -> io::Result<bool> {
            file.seek(SeekFrom::End(-22))?;
            file.read_exact(&mut end)?;
            Ok(end.starts_with(b"PK\x05\x06"))
        };
        (Self::is_program(head) && ends_as_zip().unwrap_or(false)).then_some(Self::Zip)
    }

    /// What may have a zip behind it.
    pub fn is_program(head: &[u8]) -> bool {
        [&b"#!"[..], b"MZ", b"\x7fELF"].iter().any(|magic| head.starts_with(magic))
    }

    /// One compressed file: its content has no name of its own, and is mostly an archive.
    pub fn is_compression(self) -> bool {
        matches!(self, Self::Gzip | Self::Bzip2 | Self::Xz | Self::Zstd | Self::Lz4)
    }

    /// Read from front to back, however large. All others are read at several places.
    pub fn is_stream(self) -> bool {
        self.is_compression() || matches!(self, Self::Object | Self::Tar | Self::Ar | Self::Cpio | Self::Rpm)
    }

    /// Holds text, and no containers: it does not count as a level of nesting.
    pub fn is_document(self) -> bool {
        matches!(self, Self::Pdf | Self::Sqlite | Self::Png)
    }
}

fn unknown(head: &[u8]) -> Option<Format> {
    UNKNOWN.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| Format::Unknown(name))
}
