//! What a scan read and what it did not: the coverage statement.

use std::collections::BTreeMap;

/// Why something was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// No permission, or an input error.
    Unreadable,
    /// An object that the repository names and does not have.
    Missing,
    /// A damaged object, pack or index.
    Corrupt,
    /// A shallow clone: older history is elsewhere.
    Shallow,
    /// Objects left out when cloning (`--filter`).
    Partial,
    /// Skipped by the configuration.
    Configured,
    /// Larger than `--max-file-size`.
    TooLarge,
    /// Ignored by git.
    Ignored,
    /// Symbolic links, not followed.
    Symlink,
    /// Git LFS pointers: the content is on another server.
    LfsPointer,
    /// Another repository inside this one.
    Submodule,
    /// Sockets, devices, pipes.
    Special,
    /// The time given was over.
    OutOfTime,
    /// Archives in archives, deeper than `--max-archive-depth`.
    ArchiveDepth,
    /// An archive with more members than `--max-archive-entries`.
    ArchiveEntries,
    /// An archive that expands to more than `--max-archive-size`, or a nested one too large to be opened in memory.
    ArchiveSize,
    /// An archive that expands more than `--max-archive-ratio` times: a bomb.
    ArchiveRatio,
    /// An archive that takes longer than `--max-archive-time`.
    ArchiveTime,
    /// What all archives expand to is more than `--max-archive-total`.
    ArchiveTotal,
    /// A damaged or truncated archive: what could be read of it was.
    ArchiveDamaged,
    /// Encrypted archives and documents: nobody without the password can read them.
    ArchiveEncrypted,
    /// Archives in a format, or with a compression, that is not known here.
    ArchiveUnknown,
    /// Text that is encoded more often than `--max-decode-depth`.
    DecodeDepth,
    /// Encoded text that says many times what its length allows for.
    DecodeSize,
}

impl Reason {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Missing => "missing",
            Self::Corrupt => "corrupt",
            Self::Shallow => "shallow",
            Self::Partial => "partial-clone",
            Self::Configured => "configured",
            Self::TooLarge => "too-large",
            Self::Ignored => "ignored-by-git",
            Self::Symlink => "symlink",
            Self::LfsPointer => "lfs-pointer",
            Self::Submodule => "submodule",
            Self::Special => "special-file",
            Self::OutOfTime => "out-of-time",
            Self::ArchiveDepth => "archive-depth",
            Self::ArchiveEntries => "archive-entries",
            Self::ArchiveSize => "archive-size",
            Self::ArchiveRatio => "archive-ratio",
            Self::ArchiveTime => "archive-time",
            Self::ArchiveTotal => "archive-total",
            Self::ArchiveDamaged => "archive-damaged",
            Self::ArchiveEncrypted => "archive-encrypted",
            Self::ArchiveUnknown => "archive-unknown",
            Self::DecodeDepth => "decode-depth",
            Self::DecodeSize => "decode-size",
        }
    }

    /// Whether the scan is incomplete by it, or it was a chosen limit.
    pub fn is_incomplete(self) -> bool {
        let chosen = [
            Self::Configured,
            Self::TooLarge,
            Self::Ignored,
            Self::Symlink,
            Self::LfsPointer,
            Self::Submodule,
            Self::Special,
            Self::ArchiveEncrypted,
            Self::ArchiveUnknown,
            Self::DecodeDepth,
        ];
        !chosen.contains(&self)
    }
}

/// How many things were not read for one reason, and some of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gap {
    /// How many.
    pub count: u64,
    /// The first few, with the cause where there is one.
    pub examples: Vec<String>,
}

const MAX_EXAMPLES: usize = 5;

/// What was read and what was not. Tallies of threads are merged; the result does not depend on their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Files on disk and index entries.
    pub files: u64,
    /// Members of archives and documents that were opened.
    pub members: u64,
    /// Blobs of the object store.
    pub blobs: u64,
    /// Commits.
    pub commits: u64,
    /// Annotated tags.
    pub tags: u64,
    /// Bytes handed to the scanner.
    pub bytes: u64,
    /// What was not read, by reason.
    pub not_read: BTreeMap<Reason, Gap>,
}

impl Tally {
    /// Records one thing that was not read.
    pub fn skip(&mut self, reason: Reason, example: impl Into<String>) {
        let gap = self.not_read.entry(reason).or_default();
        gap.count += 1;
        gap.examples.push(example.into());
        gap.trim();
    }

    /// Adds what another thread or source read.
    pub fn merge(&mut self, other: Self) {
        self.files += other.files;
        self.members += other.members;
        self.blobs += other.blobs;
        self.commits += other.commits;
        self.tags += other.tags;
        self.bytes += other.bytes;
        for (reason, gap) in other.not_read {
            let mine = self.not_read.entry(reason).or_default();
            mine.count += gap.count;
            mine.examples.extend(gap.examples);
            mine.trim();
        }
    }

    /// Whether everything that this scan should read was read.
    pub fn is_complete(&self) -> bool {
        !self.not_read.keys().any(|reason| reason.is_incomplete())
    }
}

impl Gap {
    /// Keeps the first examples in sorted order, whatever order they came in.
    fn trim(&mut self) {
        self.examples.sort();
        self.examples.truncate(MAX_EXAMPLES);
    }
}
