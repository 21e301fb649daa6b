//! What is scanned: bytes, and where they came from.

use std::fs::File;

pub use gix_hash::ObjectId;

mod pieces;

pub use pieces::Pieces;

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
}

impl<'a> Blob<'a> {
    /// All of the bytes at once.
    pub fn whole(origin: &'a Origin, bytes: &'a [u8]) -> Self {
        let (start, own, binary) = (Start::ZERO, (0, bytes.len()), is_binary(bytes));
        Self { origin, inside: None, bytes, start, own, binary, file: None }
    }
}

/// Whether bytes look like a binary file: a NUL among the first 8,000, as git has it.
pub fn is_binary(bytes: &[u8]) -> bool {
    memchr::memchr(0, &bytes[..bytes.len().min(8000)]).is_some()
}
