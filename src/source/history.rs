//! Every object of a repository, reachable or not, in pack order; commit and tag texts; ref names; `.git/config`.

use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Base;
use crate::blob::{Blob, Origin, PlaceKind, Start};
use crate::coverage::{Reason, Tally};
use crate::git::tree::{Layout, TreeEntry};
use crate::git::{Commit, Mode, Repo, Tag};
use crate::pack::{self, FailureKind, Kind, Kinds, Object, ObjectId};

/// A whole repository.
pub struct History<'a> {
    /// The repository.
    pub repo: &'a Repo,
    /// Larger blobs are left out.
    pub max_size: Option<u64>,
    /// Which names of files make a blob worth a second look: only trees know what a blob is called.
    pub knows: &'a (dyn Fn(&[u8]) -> bool + Sync),
    /// Whether there is anything to look at in some bytes: asked for a commit before its texts are lent one by one, and
    /// for names in trees.
    pub worth: &'a (dyn Fn(&[u8]) -> bool + Sync),
}

/// A commit or a tree that was read in passing.
#[derive(Debug)]
pub enum Passed<'a, M> {
    /// A commit.
    Commit(ObjectId, &'a Commit<'a>),
    /// A tree.
    Tree(PassedTree<'a, M>),
}

/// A tree that was read in passing.
#[derive(Debug)]
pub struct PassedTree<'a, M> {
    /// Its name.
    pub id: ObjectId,
    /// What it holds.
    pub bytes: &'a [u8],
    /// Where its entries begin.
    pub layout: &'a Layout,
    /// Where those begin that its base does not have and that have a known name.
    pub named: &'a [u32],
    /// What was made of the tree that it is stored as a change of.
    pub base: Option<&'a M>,
}

/// What a tree leaves to those that are stored as changes of it.
struct Known<M> {
    layout: Layout,
    note: M,
}

const CONTENTS: Kinds = Kinds { blobs: true, trees: false, commits: false, tags: true };
const STRUCTURE: Kinds = Kinds { blobs: false, trees: true, commits: true, tags: false };

impl History<'_> {
    /// Lends all contents once, with what the closure returned for the blob that it is stored as a change of; tags, the
    /// names of refs and the configuration.
    ///
    /// # Errors
    /// The refs cannot be listed.
    pub fn contents<T: Send + Sync>(
        &self,
        visit: &(impl Fn(&Blob<'_>, Option<Base<'_, T>>) -> T + Sync),
    ) -> crate::error::Result<Tally> {
        let noted = Mutex::new(Tally::default());
        let note = |other: Tally| lock(&noted).merge(other);
        let read =
            self.repo.store().for_each_beside(CONTENTS, STRUCTURE, |object: Object<'_>, base: Option<&Option<T>>| {
                match object.kind {
                    Kind::Blob => self.blob(&object, base.and_then(Option::as_ref), visit, &note),
                    _ => {
                        tag_texts(object.id.to_owned(), object.bytes, &mut |blob| drop(visit(blob, None)));
                        None
                    }
                }
            });
        let mut tally = tally_of(read);
        tally.merge(noted.into_inner().unwrap_or_else(PoisonError::into_inner));
        let index = self.repo.index(false).unwrap_or_default();
        for entry in index.entries().filter(|entry| entry.mode == Mode::Submodule) {
            tally.skip(Reason::Submodule, super::lossy(entry.path));
        }
        self.names(&mut tally, &mut |blob| drop(visit(blob, None)))?;
        Ok(tally)
    }

    /// Lends the texts of all commits and the names in all trees, and shows what it reads on the way to `witness`; then
    /// lends the blobs with a known name once more to `again`, with that name.
    pub fn structure<M: Send + Sync>(
        &self,
        visit: &(impl Fn(&Blob<'_>) + Sync),
        witness: &(impl Fn(Passed<'_, M>) -> M + Sync),
        again: &mut dyn FnMut(&Blob<'_>, &[u8]),
    ) -> Tally {
        let shallow = self.repo.shallow();
        let named = Named::new(self.repo);
        let read = self.repo.store().for_each_beside(
            STRUCTURE,
            CONTENTS,
            |object: Object<'_>, base: Option<&Option<Known<M>>>| {
                let id = object.id.to_owned();
                if object.kind == Kind::Tree {
                    let base = base.and_then(Option::as_ref);
                    let copied = base.map(|known| &known.layout).zip(object.copies);
                    let layout = Layout::read(object.bytes, self.repo.hash, copied);
                    let known = self.names_in(id, object.bytes, &layout, visit, &named);
                    let (bytes, base) = (object.bytes, base.map(|known| &known.note));
                    let note = witness(Passed::Tree(PassedTree { id, bytes, layout: &layout, named: &known, base }));
                    return Some(Known { layout, note });
                }
                let commit = Commit::parse(object.bytes)?;
                if !shallow.contains(&id) {
                    named.note_commit(id, &commit);
                }
                if (self.worth)(object.bytes) {
                    commit_texts(&id, &commit, &mut |blob| visit(blob));
                }
                witness(Passed::Commit(id, &commit));
                None
            },
        );
        let mut tally = tally_of(read);
        for (id, name) in named.known() {
            self.named(id, &name, again);
        }
        named.missing(self.is_partial(), &mut tally);
        for id in &shallow {
            tally.skip(Reason::Shallow, format!("history ends at {id}; `git fetch --unshallow` gets the rest"));
        }
        tally
    }

    /// Whether it was cloned with `--filter`: then packs are marked as another repository's promises.
    fn is_partial(&self) -> bool {
        let packs = std::fs::read_dir(self.repo.common_dir.join("objects/pack"));
        packs.is_ok_and(|mut files| {
            files.any(|file| file.is_ok_and(|file| file.path().extension().is_some_and(|ext| ext == "promisor")))
        })
    }

    fn blob<T>(
        &self,
        object: &Object<'_>,
        base: Option<&T>,
        visit: &impl Fn(&Blob<'_>, Option<Base<'_, T>>) -> T,
        note: &impl Fn(Tally),
    ) -> Option<T> {
        let id = object.id.to_owned();
        if self.max_size.is_some_and(|max| object.bytes.len() as u64 > max) {
            let mut tally = Tally::default();
            tally.skip(Reason::TooLarge, format!("blob {id}"));
            note(tally);
            return None;
        }
        let origin = Origin::Object { id };
        let blob = Blob::whole(&origin, object.bytes);
        if object.bytes.starts_with(super::LFS) {
            let mut tally = Tally::default();
            super::note_lfs(&blob, || format!("blob {id}"), &mut tally);
            note(tally);
        }
        let base = base.zip(object.copies).map(|(value, copies)| Base { value, copies });
        Some(visit(&blob, base))
    }

    /// Names can be secrets, too. What a tree names must be there: a scan that missed it must say so. Only what its base
    /// does not have is looked at. Returns where entries with a known name begin.
    fn names_in(
        &self,
        id: ObjectId,
        bytes: &[u8],
        layout: &Layout,
        visit: &impl Fn(&Blob<'_>),
        named: &Named<'_>,
    ) -> Vec<u32> {
        let mut known = Vec::new();
        for (start, entry) in layout.fresh(bytes, self.repo.hash) {
            named.note(&entry);
            let seen = named.seen(entry.name);
            if seen.is_dull() {
                continue;
            }
            let is_known = (self.knows)(entry.name);
            if is_known && entry.mode == Mode::Blob {
                named.know(&entry);
                known.push(start);
            }
            let is_worth = (self.worth)(entry.name);
            if is_worth {
                let offset = (entry.name.as_ptr() as usize - bytes.as_ptr() as usize) as u64;
                let start = Start { offset, ..Start::ZERO };
                visit(&Blob { binary: false, start, ..Blob::whole(&Origin::Tree { id }, entry.name) });
            }
            if !is_known && !is_worth {
                seen.remember();
            }
        }
        known
    }

    /// Lends a blob that was read before. If it could not be, that was told of then.
    fn named(&self, id: ObjectId, name: &[u8], visit: &mut dyn FnMut(&Blob<'_>, &[u8])) {
        let mut bytes = Vec::new();
        let read = self.repo.read(&id, Kind::Blob, &mut bytes);
        if read.is_ok() && self.max_size.is_none_or(|max| bytes.len() as u64 <= max) {
            visit(&Blob::whole(&Origin::Object { id }, &bytes), name);
        }
    }

    /// Names of refs, and the repository's configuration.
    fn names(&self, tally: &mut Tally, visit: &mut dyn FnMut(&Blob<'_>)) -> crate::error::Result<()> {
        for reference in self.repo.refs()?.iter().filter(|reference| !reference.name.ends_with("@{}")) {
            let is_ref = reference.name.starts_with("refs/") || reference.name == "HEAD";
            if is_ref && !self.repo.store().contains(&reference.target) {
                tally.skip(Reason::Missing, format!("object {}, which {} names", reference.target, reference.name));
            }
            let origin = Origin::Ref { name: reference.name.clone() };
            visit(&Blob::whole(&origin, reference.name.as_bytes()));
        }
        for name in ["config", "config.worktree"] {
            if let Ok(bytes) = std::fs::read(self.repo.common_dir.join(name)) {
                let prefix = if self.repo.is_bare() { "" } else { ".git/" };
                let origin = Origin::Config { path: format!("{prefix}{name}").into_bytes() };
                visit(&Blob::whole(&origin, &bytes));
            }
        }
        Ok(())
    }
}

/// Ids that are looked up together. Sorted, they are found where the last one was, and not all over the index.
const TOGETHER: usize = 1 << 18;
/// Ids remembered as noted: a table that fits into a processor's second cache.
const REMEMBERED: usize = 1 << 15;

/// Whether the objects that trees and commits name are there. Most names come again and again, so some are remembered by the first
/// eight bytes of their ids; two ids that agree in them would hide one another, which chance does not do.
struct Named<'a> {
    repo: &'a Repo,
    noted: Vec<AtomicU64>,
    /// To be looked up: a list for each thread.
    open: Vec<Mutex<Open>>,
    /// In no pack: loose, or missing.
    elsewhere: Mutex<Open>,
    /// Blobs with a name that is worth a second look.
    known: Mutex<BTreeSet<(ObjectId, Vec<u8>)>>,
    /// Names that have nothing to them, by a hash that nobody outside can foresee.
    dull: Vec<AtomicU64>,
    keys: RandomState,
}

/// What is remembered of a name.
struct Seen<'a> {
    slot: &'a AtomicU64,
    hash: u64,
}

impl Seen<'_> {
    fn is_dull(&self) -> bool {
        self.slot.load(Ordering::Relaxed) == self.hash
    }

    fn remember(&self) {
        self.slot.store(self.hash, Ordering::Relaxed);
    }
}

impl<'a> Named<'a> {
    fn new(repo: &'a Repo) -> Self {
        let empty = || (0..REMEMBERED).map(|_| AtomicU64::new(0)).collect();
        let (noted, dull) = (empty(), empty());
        let open = (0..rayon::current_num_threads().max(1)).map(|_| Mutex::default()).collect();
        let keys = RandomState::new();
        Self { repo, noted, open, elsewhere: Mutex::default(), known: Mutex::default(), dull, keys }
    }

    fn note(&self, entry: &TreeEntry<'_>) {
        let short = entry.id.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let slot = &self.noted[short as usize % REMEMBERED];
        if entry.mode == Mode::Submodule || slot.load(Ordering::Relaxed) == short {
            return;
        }
        slot.store(short, Ordering::Relaxed);
        let list = rayon::current_thread_index().unwrap_or(0) % self.open.len();
        let mut open = lock(&self.open[list]);
        open.by_trees.push(entry.id());
        if open.by_trees.len() >= TOGETHER {
            self.look_up(&mut open);
        }
    }

    /// A blob with a name that is worth a second look.
    fn know(&self, entry: &TreeEntry<'_>) {
        lock(&self.known).insert((entry.id(), entry.name.to_vec()));
    }

    /// Where it is remembered whether there is nothing to a name.
    fn seen(&self, name: &[u8]) -> Seen<'_> {
        let hash = self.keys.hash_one(name) | 1;
        Seen { slot: &self.dull[hash as usize % REMEMBERED], hash }
    }

    fn note_commit(&self, id: ObjectId, commit: &Commit<'_>) {
        let list = rayon::current_thread_index().unwrap_or(0) % self.open.len();
        let mut open = lock(&self.open[list]);
        let parents = commit.parents.iter().map(|parent| (*parent, "parent", id));
        open.by_commits.extend(parents.chain([(commit.tree, "tree", id)]));
        if open.by_commits.len() >= TOGETHER {
            self.look_up(&mut open);
        }
    }

    /// The blobs with a known name, in an order that does not depend on threads.
    fn known(&self) -> BTreeSet<(ObjectId, Vec<u8>)> {
        std::mem::take(&mut lock(&self.known))
    }

    fn look_up(&self, open: &mut Open) {
        let store = self.repo.store();
        store.drop_packed(&mut open.by_trees, |id| id);
        store.drop_packed(&mut open.by_commits, |(id, ..)| id);
        let mut elsewhere = lock(&self.elsewhere);
        elsewhere.by_trees.append(&mut open.by_trees);
        elsewhere.by_commits.append(&mut open.by_commits);
    }

    /// Names those that the store does not have; in a partial clone what trees lack is so by choice of whoever cloned it.
    fn missing(self, is_partial: bool, tally: &mut Tally) {
        let (reason, advice) = match is_partial {
            true => (Reason::Partial, "; `git fetch --refetch --no-filter` gets it"),
            false => (Reason::Missing, ""),
        };
        for open in &self.open {
            self.look_up(&mut lock(open));
        }
        let mut elsewhere = std::mem::take(&mut *lock(&self.elsewhere));
        let lacks = |id: &ObjectId| !self.repo.store().contains(id);
        elsewhere.by_commits.sort_unstable();
        for (id, what, commit) in elsewhere.by_commits.iter().filter(|(id, ..)| lacks(id)) {
            tally.skip(Reason::Missing, format!("object {id}, the {what} of commit {commit}"));
        }
        elsewhere.by_trees.sort_unstable();
        elsewhere.by_trees.dedup();
        for id in elsewhere.by_trees.iter().filter(|id| lacks(id)) {
            tally.skip(reason, format!("object {id}, which a tree names{advice}"));
        }
    }
}

/// What is named and was not looked up yet.
#[derive(Default)]
struct Open {
    by_trees: Vec<ObjectId>,
    /// With what it is of which commit.
    by_commits: Vec<(ObjectId, &'static str, ObjectId)>,
}

/// A thread that panicked leaves what it guarded as good as it was.
fn lock<T>(guarded: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    guarded.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lends the message and the identities of a commit.
pub(super) fn commit_texts(id: &ObjectId, commit: &Commit<'_>, visit: &mut dyn FnMut(&Blob<'_>)) {
    let texts = [
        (PlaceKind::CommitMessage, commit.message),
        (PlaceKind::Author, commit.author),
        (PlaceKind::Committer, commit.committer),
    ];
    for (kind, text) in texts {
        let origin = Origin::Commit { kind, id: *id };
        visit(&Blob { binary: false, ..Blob::whole(&origin, text) });
    }
}

fn tag_texts(id: ObjectId, bytes: &[u8], visit: &mut dyn FnMut(&Blob<'_>)) {
    let Some(tag) = Tag::parse(bytes) else { return };
    let origin = Origin::Tag { id };
    for text in [tag.message, tag.tagger, tag.name] {
        visit(&Blob { binary: false, ..Blob::whole(&origin, text) });
    }
}

fn tally_of(read: pack::Tally) -> Tally {
    let mut tally =
        Tally { blobs: read.blobs, commits: read.commits, tags: read.tags, bytes: read.bytes, ..Tally::default() };
    for failure in read.failures {
        let reason = match failure.kind {
            FailureKind::Missing => Reason::Missing,
            FailureKind::Corrupt => Reason::Corrupt,
            FailureKind::TooLarge => Reason::TooLarge,
            FailureKind::Io => Reason::Unreadable,
        };
        tally.skip(reason, format!("{}: {}", failure.what, failure.why));
    }
    for _ in 0..read.more_failures.min(1_000_000) {
        tally.skip(Reason::Corrupt, "and more");
    }
    tally
}
