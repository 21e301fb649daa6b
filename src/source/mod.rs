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

use crate::blob::{Blob, Origin};
use crate::coverage::{Reason, Tally};
use crate::git::{Lost, Repo};
use crate::pack::{Copy, ObjectId};

/// What the closure returned for the blob that this one is stored as a change of, and what the two share.
#[derive(Debug)]
pub struct Base<'a, T> {
    /// The closure's value for the base.
    pub value: &'a T,
    /// Runs that were copied from it.
    pub copies: &'a [Copy],
}

/// What a commit is called where it is lost.
const COMMIT: &str = "a commit";

/// Whether there is something to these bytes that is worth a second look.
pub type Worth<'a> = dyn Fn(&[u8]) -> bool + Sync + 'a;

/// Lends what a tree has of a path already: as much of it as the tree has, and the path that it was renamed from.
fn names_before(
    repo: &Repo,
    tree: &ObjectId,
    path: &[u8],
    renamed: Option<&[u8]>,
    commit: Option<ObjectId>,
    visit: &mut dyn FnMut(&Blob<'_>),
) {
    let ends = std::iter::once(path.len()).chain(memchr::memrchr_iter(b'/', path));
    let there = ends.map(|end| &path[..end]).find(|start| repo.entry_at(tree, start).is_some());
    let origin = Origin::Name { path: path.to_vec(), commit };
    for name in there.into_iter().chain(renamed) {
        visit(&Blob { binary: false, ..Blob::whole(&origin, name) });
    }
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
fn note_lost(repo: &Repo, id: &ObjectId, what: &str, lost: &Lost, tally: &mut Tally) {
    match lost {
        // A partial clone leaves out trees and blobs, never commits.
        Lost::Missing if what != COMMIT && repo.is_partial() => {
            let how = "`git fetch --refetch --no-filter` gets it";
            tally.skip(Reason::Partial, format!("{what} (object {id}); {how}"));
        }
        Lost::Missing => tally.skip(Reason::Missing, format!("{what} (object {id})")),
        Lost::Damaged(why) => tally.skip(Reason::Corrupt, format!("{what} (object {id}: {why})")),
    }
}

fn lossy(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
