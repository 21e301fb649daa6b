//! Reads git object stores in bulk: packs, loose objects, and the stores they borrow from.
//!
//! Packs are read in delta-tree order: a base is decoded once, and what is stored as a change of it is decoded while
//! its bytes are at hand. Nothing read from disk is trusted: sizes are checked before memory is asked for, and what
//! cannot be read is named in the [`Tally`] while the rest is read all the same.
//!
//! In bulk, object ids are not recomputed ([`Store::find`] does it). Damage shows in the CRC-32 that the index holds for each entry, or in the
//! stream's own Adler-32 where there is none; an id that was damaged *in an index* names the wrong object.

mod bench;
mod bits;
mod decode;
mod delta;
mod entry;
mod find;
mod forest;
mod inflate;
mod loose;
mod packfile;
mod store;
mod stray;
mod stream;
mod sweep;
mod tally;
mod trouble;
mod turns;
mod walk;

#[cfg(test)]
mod tests;

pub use gix_hash::Kind as HashKind;
pub use gix_hash::ObjectId;
pub use gix_hash::oid;

pub use self::packfile::leading;
pub use self::store::Error;
pub use self::store::Store;
pub use self::stray::Stray;
pub use self::stray::visit_stray;
pub use self::stream::Large;
pub use self::tally::Failure;
pub use self::tally::FailureKind;
pub use self::tally::Tally;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The contents of a file.
    Blob,
    /// A directory.
    Tree,
    /// A commit.
    Commit,
    /// An annotated tag.
    Tag,
}

/// Which kinds of objects to visit; entries of others are not inflated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    /// Contents of files.
    pub blobs: bool,
    /// Directories.
    pub trees: bool,
    /// Commits.
    pub commits: bool,
    /// Annotated tags.
    pub tags: bool,
}

impl Kinds {
    /// Every kind.
    pub const ALL: Kinds = Kinds { blobs: true, trees: true, commits: true, tags: true };
    /// Blobs alone.
    pub const BLOBS: Kinds = Kinds { blobs: true, trees: false, commits: false, tags: false };

    /// Whether objects of this kind are visited.
    pub fn has(self, kind: Kind) -> bool {
        match kind {
            Kind::Blob => self.blobs,
            Kind::Tree => self.trees,
            Kind::Commit => self.commits,
            Kind::Tag => self.tags,
        }
    }
}

/// An object lent to a visitor; its bytes live in the reader's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    /// Its name.
    pub id: &'a oid,
    /// What it is.
    pub kind: Kind,
    /// Its contents, without git's header.
    pub bytes: &'a [u8],
    /// What `bytes` has in common with the base whose value is handed to the visitor with it, in ascending order of
    /// `child`; `None` if it is not stored as a delta or its base was not visited.
    pub copies: Option<&'a [Copy]>,
}

/// A run of bytes that a delta took unchanged from its base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Where it starts in the base.
    pub base: u32,
    /// Where it starts in the child.
    pub child: u32,
    /// How long it is.
    pub len: u32,
}
