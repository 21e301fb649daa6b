//! What is read: files, the staged content, a range, a whole history, standard input. A source owns threads and buffers,
//! lends each blob to a closure once, and returns a tally of what was read and what was not and why.

mod files;
mod history;
mod named;
mod range;
mod staged;
mod stdin;

pub use files::Files;
pub use history::{History, Passed, PassedTree, absent};
pub use range::Range;
pub use staged::Staged;
pub use stdin::Stdin;

use std::time::Instant;

use crate::blob::Blob;
use crate::coverage::{Reason, Tally};
use crate::git::Lost;
use crate::pack::{Copy, ObjectId};

/// What the closure returned for the blob that this one is stored as a change of, and what the two share.
#[derive(Debug)]
pub struct Base<'a, T> {
    /// The closure's value for the base.
    pub value: &'a T,
    /// Runs that were copied from it.
    pub copies: &'a [Copy],
}

/// Git LFS pointers begin with this and have fewer than 1,024 bytes.
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/v1";

/// Notes a blob whose content is on another server.
fn note_lfs(blob: &Blob<'_>, path: impl FnOnce() -> String, tally: &mut Tally) {
    if blob.bytes.len() < 1024 && blob.bytes.starts_with(LFS) {
        tally.skip(Reason::LfsPointer, path());
    }
}

/// Whether the time that a scan was given is over.
fn is_over(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
}

/// Notes an object that could not be read.
fn note_lost(id: &ObjectId, what: &str, lost: &Lost, tally: &mut Tally) {
    match lost {
        Lost::Missing => tally.skip(Reason::Missing, format!("{what} (object {id})")),
        Lost::Damaged(why) => tally.skip(Reason::Corrupt, format!("{what} (object {id}: {why})")),
    }
}

fn lossy(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
