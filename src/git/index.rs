//! The index: what a commit would record. Read with gix-index, which takes split and sparse indexes.

use std::path::PathBuf;

use super::{Mode, Repo};
use crate::blob::ObjectId;
use crate::error::{Error, Result};

/// An index in memory.
#[derive(Default)]
pub struct Index {
    file: Option<gix_index::File>,
}

/// An entry that a commit would record.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Path from the root of the working tree.
    pub path: &'a [u8],
    /// What it is.
    pub mode: Mode,
    /// Its object.
    pub id: ObjectId,
    /// Size and time of the working file when it was last seen equal, to tell whether it was changed since.
    stat: &'a gix_index::entry::Stat,
}

impl Entry<'_> {
    /// Whether a working file's metadata says that it was not changed since git last looked.
    pub fn is_unchanged(&self, metadata: &std::fs::Metadata) -> bool {
        let Ok(time) = metadata.modified() else { return false };
        let Ok(since) = time.duration_since(std::time::UNIX_EPOCH) else { return false };
        self.stat.size as u64 == metadata.len() & 0xffff_ffff
            && self.stat.size != 0
            && u64::from(self.stat.mtime.secs) == since.as_secs() & 0xffff_ffff
            && self.stat.mtime.nsecs != 0
            && self.stat.mtime.nsecs == since.subsec_nanos()
    }
}

impl Repo {
    /// The index: `GIT_INDEX_FILE` with `environment`, else the worktree's own; empty if there is none.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn index(&self, environment: bool) -> Result<Index> {
        let named = std::env::var_os("GIT_INDEX_FILE").filter(|v| environment && !v.is_empty()).map(PathBuf::from);
        let path = named.unwrap_or_else(|| self.git_dir.join("index"));
        if !path.exists() {
            return Ok(Index { file: None });
        }
        let options = gix_index::decode::Options { thread_limit: Some(1), ..Default::default() };
        let file = gix_index::File::at(&path, self.hash, true, options).map_err(|error| {
            Error::Repository(format!(
                "{}: the index cannot be read: {error}; `git status` may tell more",
                path.display()
            ))
        })?;
        Ok(Index { file: Some(file) })
    }
}

impl Index {
    /// All entries that a commit would record, by path: not the stages of a conflict, not `git add -N`.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.file.iter().flat_map(|file| self.range(0..file.entries().len()))
    }

    /// How many entries there are, of any kind.
    pub fn len(&self) -> usize {
        self.file.as_ref().map_or(0, |file| file.entries().len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries at some places of the index that a commit would record.
    pub(super) fn range(&self, range: std::ops::Range<usize>) -> impl Iterator<Item = Entry<'_>> {
        let entries = self.file.as_ref().and_then(|file| file.entries().get(range).map(|entries| (file, entries)));
        entries.into_iter().flat_map(|(file, entries)| {
            let backing = file.path_backing();
            let recorded = |entry: &&gix_index::Entry| {
                entry.stage_raw() == 0 && !entry.flags.contains(gix_index::entry::Flags::INTENT_TO_ADD)
            };
            entries.iter().filter(recorded).map(move |entry| Entry {
                path: entry.path_in(backing),
                mode: mode_of(entry.mode),
                id: entry.id,
                stat: &entry.stat,
            })
        })
    }

    /// The raw path at a place, whatever its kind.
    pub(super) fn path(&self, place: usize) -> Option<&[u8]> {
        let file = self.file.as_ref()?;
        let entry = file.entries().get(place)?;
        let path: &[u8] = entry.path_in(file.path_backing());
        Some(path)
    }

    /// The cache of directory trees that the index carries.
    pub(super) fn cached_tree(&self) -> Option<&gix_index::extension::Tree> {
        self.file.as_ref()?.tree()
    }
}

fn mode_of(mode: gix_index::entry::Mode) -> Mode {
    use gix_index::entry::Mode as Raw;
    if mode == Raw::COMMIT {
        Mode::Submodule
    } else if mode == Raw::DIR {
        Mode::Tree
    } else {
        Mode::Blob
    }
}
