//! What is scanned: bytes, and where they came from.

use std::fs::File;

pub use gix_hash::ObjectId;

mod pieces;
mod rest;

pub use pieces::Pieces;
pub use rest::Rest;

/// Where in a repository or on disk some bytes were found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A file on disk; the path is relative to the repository root, else to the PATH given.
    File {
        /// Path with `/`, in bytes as the file system has it.
        path: Vec<u8>,
    },
    /// An entry of the index.
    Index {
        /// Path from the repository root.
        path: Vec<u8>,
        /// The blob.
        id: ObjectId,
    },
    /// A blob of the object store. Its paths and commits are looked up only if it matches.
    Object {
        /// The blob.
        id: ObjectId,
    },
    /// A blob that a commit of a range adds at a path.
    Added {
        /// Path from the repository root.
        path: Vec<u8>,
        /// The blob.
        id: ObjectId,
        /// The commit.
        commit: ObjectId,
    },
    /// A path that the index, or a commit of a range, adds; the bytes are the path.
    Name {
        /// Path from the repository root.
        path: Vec<u8>,
        /// The commit; the next one if `None`.
        commit: Option<ObjectId>,
    },
    /// Text of a commit: message, author or committer.
    Commit {
        /// Which text.
        kind: PlaceKind,
        /// The commit.
        id: ObjectId,
    },
    /// The message or tagger of an annotated tag.
    Tag {
        /// The tag object.
        id: ObjectId,
    },
    /// The name of a ref.
    Ref {
        /// Its full name.
        name: String,
    },
    /// The names in a tree object.
    Tree {
        /// The tree.
        id: ObjectId,
    },
    /// The repository's configuration file.
    Config {
        /// Its path.
        path: Vec<u8>,
    },
    /// The message that the next commit is to have.
    Message,
    /// Standard input.
    Stdin,
}

impl Origin {
    /// What the file is called, where that is known without looking at trees.
    pub fn path(&self) -> Option<&[u8]> {
        match self {
            Self::File { path } | Self::Index { path, .. } | Self::Added { path, .. } => Some(path),
            _ => None,
        }
    }

    /// Whether it is what a file holds, and not a name or a text about files.
    pub fn is_content(&self) -> bool {
        matches!(self, Self::File { .. } | Self::Index { .. } | Self::Object { .. } | Self::Added { .. } | Self::Stdin)
    }
}

/// What part of a repository a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PlaceKind {
    /// A file's content.
    Content,
    /// A file's path.
    Path,
    /// A commit message.
    CommitMessage,
    /// Who wrote a commit.
    Author,
    /// Who committed it.
    Committer,
    /// An annotated tag.
    Tag,
    /// A note.
    Note,
    /// The name of a ref.
    Ref,
    /// `.git/config`.
    Config,
}

impl PlaceKind {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Path => "path",
            Self::CommitMessage => "commit-message",
            Self::Author => "author",
            Self::Committer => "committer",
            Self::Tag => "tag",
            Self::Note => "note",
            Self::Ref => "ref",
            Self::Config => "config",
        }
    }
}

/// Where the first byte of a piece stands in the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// Bytes before it.
    pub offset: u64,
    /// Line feeds before it.
    pub lines: u64,
    /// Bytes between the last line feed before it and it.
    pub column: u64,
}

impl Start {
    /// The start of the whole.
    pub const ZERO: Self = Self { offset: 0, lines: 0, column: 0 };

    /// Where the byte after `bytes` stands.
    pub fn after(self, bytes: &[u8]) -> Self {
        let lines = memchr::memchr_iter(b'\n', bytes).count() as u64;
        let column = match memchr::memrchr(b'\n', bytes) {
            Some(at) => (bytes.len() - at - 1) as u64,
            None => self.column + bytes.len() as u64,
        };
        Self { offset: self.offset + bytes.len() as u64, lines: self.lines + lines, column }
    }
}

/// A place in a container that was opened: an archive, a compressed file, a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Inside {
    /// The path of the member, `!/` between nested containers; empty for what a file without members holds.
    pub path: Vec<u8>,
    /// The member's content, or its path.
    pub kind: PlaceKind,
}

/// Bytes lent to the scanner, with their origin. A large file comes as several overlapping pieces.
#[derive(Debug, Clone)]
pub struct Blob<'a> {
    /// Where the bytes came from; of a member, where its container came from.
    pub origin: &'a Origin,
    /// Where in the container, if that was opened.
    pub inside: Option<&'a Inside>,
    /// The bytes.
    pub bytes: &'a [u8],
    /// Where they start in the whole.
    pub start: Start,
    /// Matches must start in this range of `bytes`; others belong to a neighbouring piece.
    pub own: (usize, usize),
    /// Whether the whole looked like a binary file at its beginning.
    pub binary: bool,
    /// The file, if `bytes` are only its first piece.
    pub file: Option<&'a File>,
    /// What follows, if `bytes` are only the first piece of what can be read once. Whoever reads it lends it, too.
    pub rest: Option<&'a dyn Rest>,
}

impl<'a> Blob<'a> {
    /// All of the bytes at once.
    pub fn whole(origin: &'a Origin, bytes: &'a [u8]) -> Self {
        let (start, own, binary) = (Start::ZERO, (0, bytes.len()), is_binary(bytes));
        Self { origin, inside: None, bytes, start, own, binary, file: None, rest: None }
    }

    /// What a piece shares with the next one, as a piece of its own, for when the next one begins behind it.
    pub fn tail(&self) -> Self {
        let shared = self.bytes.len() - self.own.1;
        let (before, bytes) = self.bytes.split_at(self.own.1.saturating_sub(shared));
        let own = (self.own.1 - before.len(), bytes.len());
        Self { bytes, start: self.start.after(before), own, file: None, rest: None, ..self.clone() }
    }

    /// What it is called in a coverage statement.
    pub fn name(&self) -> String {
        let outer = match self.origin {
            Origin::File { path }
            | Origin::Index { path, .. }
            | Origin::Added { path, .. }
            | Origin::Name { path, .. }
            | Origin::Config { path } => String::from_utf8_lossy(path).into_owned(),
            Origin::Object { id } => format!("blob {id}"),
            Origin::Commit { id, .. } => format!("commit {id}"),
            Origin::Tag { id } => format!("tag {id}"),
            Origin::Tree { id } => format!("tree {id}"),
            Origin::Ref { name } => name.clone(),
            Origin::Message => "the commit message".to_owned(),
            Origin::Stdin => "standard input".to_owned(),
        };
        match self.inside.filter(|inside| !inside.path.is_empty()) {
            Some(inside) => format!("{outer}!/{}", String::from_utf8_lossy(&inside.path)),
            None => outer,
        }
    }
}

/// Whether bytes look like a binary file: a NUL among the first 8,000, as git has it, and not text in UTF-16 or UTF-32.
pub fn is_binary(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(8000)];
    memchr::memchr(0, head).is_some() && !is_wide(head)
}

/// Whether a file begins as text in UTF-16 or UTF-32: after a byte order mark no character is zero, or three in four
/// characters are ASCII.
fn is_wide(head: &[u8]) -> bool {
    let units = |size: usize| head.chunks_exact(size);
    // The highest character is 0x10ffff.
    let is_four =
        |unit: &[u8]| unit[0] == 0 && (1..=16).contains(&unit[1]) || unit[..2] == [0, 0] && unit[2..] != [0, 0];
    let marked = match head {
        [0xff, 0xfe, 0, 0, ..] => units(4).all(|unit| is_four(&[unit[3], unit[2], unit[1], unit[0]])),
        [0, 0, 0xfe, 0xff, ..] => units(4).all(is_four),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => !units(2).any(|unit| unit == [0, 0]),
        _ => false,
    };
    // A look at the first bytes is enough for nearly all that is something else.
    let head = &head[..head.len().min(96)];
    let ascii = |size: usize, place: usize| {
        let is_ascii = |unit: &&[u8]| {
            let others = unit.iter().enumerate().filter(|(at, _)| *at != place);
            matches!(unit[place], b' '..=b'~' | b'\t' | b'\n' | b'\r') && others.into_iter().all(|(_, byte)| *byte == 0)
        };
        let count = head.chunks_exact(size).filter(is_ascii).count();
        count >= 4 && count * 4 >= head.len() / size * 3
    };
    marked || [(2, 0), (2, 1), (4, 0), (4, 3)].into_iter().any(|(size, place)| ascii(size, place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_text_is_no_binary() {
        let text = "$env:NAME = 'value'\r\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let four: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        for bytes in [&little, &big, &four] {
            assert!(!is_binary(bytes));
        }
        let cyrillic: Vec<u8> = "\u{feff}это текст, here too".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(!is_binary(&cyrillic));
        assert!(is_binary(b"text\0text") && is_binary(b"\xff\xfe\0\0\0\0binary") && is_binary(&[0; 100]));
        assert!(!is_binary(text.as_bytes()));
    }
}
