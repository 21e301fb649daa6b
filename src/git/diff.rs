//! What changed: an index against a tree, a tree against others. Blobs are compared, never text.

use std::collections::BTreeMap;
use std::ops::Range;

use super::index::Index;
use super::tree::{Mode, tree_entries};
use super::{Lost, Repo};
use crate::blob::ObjectId;
use crate::pack::Kind;

/// A blob that is new at a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Added {
    /// Path from the root.
    pub path: Vec<u8>,
    /// The blob.
    pub id: ObjectId,
}

/// What was found to be new, and trees that could not be read.
#[derive(Debug, Default)]
pub struct Changes {
    /// New blobs, by path.
    pub added: Vec<Added>,
    /// Trees that are missing or damaged: what is below them counts as new, or is not known.
    pub lost: Vec<(ObjectId, Lost)>,
    /// Paths of new commits of other repositories: their content is not here.
    pub submodules: Vec<Vec<u8>>,
    /// Blobs, and trees as a whole, that are no longer at their paths; known where there is one tree to compare with.
    pub(super) removed: Vec<(Vec<u8>, Mode, ObjectId)>,
}

type Entries = BTreeMap<Vec<u8>, (Mode, ObjectId)>;

impl Repo {
    fn entries_of(&self, tree: Option<ObjectId>, changes: &mut Changes) -> Entries {
        let Some(tree) = tree else { return Entries::new() };
        let mut bytes = Vec::new();
        if let Err(lost) = self.read(&tree, Kind::Tree, &mut bytes) {
            changes.lost.push((tree, lost));
            return Entries::new();
        }
        tree_entries(&bytes, self.hash).map(|e| (e.name.to_vec(), (e.mode, e.id()))).collect()
    }

    /// The index entries that differ from `head`, going down only where the index's own cache of trees differs.
    pub fn staged(&self, index: &Index, head: Option<ObjectId>) -> Changes {
        let mut changes = Changes::default();
        self.staged_below(index, 0..index.len(), 0, index.cached_tree(), head, &mut changes);
        changes.added.sort();
        changes
    }

    /// `places` are the entries below a directory whose path, with its slash, has `depth` bytes.
    fn staged_below(
        &self,
        index: &Index,
        places: Range<usize>,
        depth: usize,
        cache: Option<&gix_index::extension::Tree>,
        head: Option<ObjectId>,
        changes: &mut Changes,
    ) {
        let known = cache.filter(|cache| cache.num_entries.is_some());
        if head.is_some()
            && known.map(|cache| cache.id) == head
            && cache.is_some_and(|c| c.num_entries == Some(places.len() as u32))
        {
            return;
        }
        let mut there = self.entries_of(head, changes);
        let mut at = places.start;
        let mut parent: &[u8] = b"";
        while at < places.end {
            let Some(path) = index.path(at) else { break };
            let name = &path[depth.min(path.len())..];
            parent = &path[..depth.min(path.len())];
            let Some(slash) = memchr::memchr(b'/', name).filter(|slash| slash + 1 < name.len()) else {
                let name = name.strip_suffix(b"/").unwrap_or(name);
                self.staged_entry(index, at, there.get(name).copied(), changes);
                there.remove(name);
                at += 1;
                continue;
            };
            let child =
                cache.and_then(|cache| cache.children.iter().find(|child| child.name.as_slice() == &name[..slash]));
            let end = end_of(index, at, places.end, &path[..depth + slash + 1], child);
            let below = there.get(&name[..slash]).filter(|(mode, _)| *mode == Mode::Tree).map(|(_, id)| *id);
            self.staged_below(index, at..end, depth + slash + 1, child, below, changes);
            if below.is_some() {
                there.remove(&name[..slash]);
            }
            at = end;
        }
        let gone = there.into_iter().map(|(name, (mode, id))| ([parent, &name].concat(), mode, id));
        changes.removed.extend(gone.filter(|(_, mode, _)| *mode != Mode::Submodule));
    }

    fn staged_entry(&self, index: &Index, at: usize, there: Option<(Mode, ObjectId)>, changes: &mut Changes) {
        let Some(entry) = index.range(at..at + 1).next() else { return };
        let gone = there.filter(|(mode, _)| *mode != entry.mode && *mode != Mode::Submodule);
        changes.removed.extend(gone.map(|(mode, id)| (entry.path.to_vec(), mode, id)));
        match entry.mode {
            mode if there == Some((mode, entry.id)) => {}
            Mode::Blob => changes.added.push(Added { path: entry.path.to_vec(), id: entry.id }),
            Mode::Tree => {
                let old: Vec<_> = there.filter(|(mode, _)| *mode == Mode::Tree).map(|(_, id)| id).into_iter().collect();
                self.added_below(entry.id, &old, entry.path.strip_suffix(b"/").unwrap_or(entry.path), changes);
            }
            Mode::Submodule => changes.submodules.push(entry.path.to_vec()),
        }
    }

    /// The blobs of `tree` that none of `olds` has at the same path: what a commit, merges included, adds to its parents.
    pub fn added(&self, tree: ObjectId, olds: &[ObjectId]) -> Changes {
        let mut changes = Changes::default();
        self.added_below(tree, olds, b"", &mut changes);
        changes.added.sort();
        changes
    }

    fn added_below(&self, tree: ObjectId, olds: &[ObjectId], path: &[u8], changes: &mut Changes) {
        if olds.contains(&tree) {
            return;
        }
        let new = self.entries_of(Some(tree), changes);
        let olds: Vec<Entries> = olds.iter().map(|old| self.entries_of(Some(*old), changes)).collect();
        if let [old] = olds.as_slice() {
            let is_gone = |name: &Vec<u8>, mode: &Mode| new.get(name).is_none_or(|(now, _)| now != mode);
            let gone = old.iter().filter(|(name, (mode, _))| *mode != Mode::Submodule && is_gone(name, mode));
            let lead = if path.is_empty() { Vec::new() } else { [path, b"/"].concat() };
            changes.removed.extend(gone.map(|(name, (mode, id))| ([&lead, name.as_slice()].concat(), *mode, *id)));
        }
        for (name, (mode, id)) in new {
            if olds.iter().any(|old| old.get(&name).is_some_and(|(_, there)| *there == id)) {
                continue;
            }
            let mut below = path.to_vec();
            if !below.is_empty() {
                below.push(b'/');
            }
            below.extend_from_slice(&name);
            let trees =
                || olds.iter().filter_map(|old| old.get(&name).filter(|(mode, _)| *mode == Mode::Tree).map(|e| e.1));
            match mode {
                Mode::Blob => changes.added.push(Added { path: below, id }),
                Mode::Tree => self.added_below(id, &trees().collect::<Vec<_>>(), &below, changes),
                Mode::Submodule => changes.submodules.push(below),
            }
        }
    }
}

/// Where the entries below a directory end: as the cache says if that fits, else by looking.
fn end_of(index: &Index, from: usize, to: usize, prefix: &[u8], cache: Option<&gix_index::extension::Tree>) -> usize {
    let below = |place: usize| index.path(place).is_some_and(|path| path.starts_with(prefix));
    let cached = cache.and_then(|cache| cache.num_entries).map(|count| from + count as usize);
    if let Some(end) = cached.filter(|end| *end > from && *end <= to && below(end - 1) && (*end == to || !below(*end)))
    {
        return end;
    }
    (from..to).find(|place| !below(*place)).unwrap_or(to)
}
