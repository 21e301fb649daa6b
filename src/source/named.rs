//! What trees and commits name: whether it is there, and which names are worth a second look.

use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::git::tree::TreeEntry;
use crate::git::{Commit, Mode, Repo};
use crate::lock::lock;
use crate::pack::{ObjectId, leading};

/// Ids that are looked up together. Sorted, they are found where the last one was, and not all over the index.
const TOGETHER: usize = 1 << 18;
/// Ids remembered as noted: a table that fits into a processor's second cache.
const REMEMBERED: usize = 1 << 15;

/// Whether the objects that trees and commits name are there. Most names come again and again, so some are remembered
/// by the first eight bytes of their ids; two ids that agree in them would hide one another, which chance does not do.
pub struct Named<'a> {
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
pub struct Seen<'a> {
    slot: &'a AtomicU64,
    hash: u64,
}

impl Seen<'_> {
    pub fn is_dull(&self) -> bool {
        self.slot.load(Ordering::Relaxed) == self.hash
    }

    pub fn remember(&self) {
        self.slot.store(self.hash, Ordering::Relaxed);
    }
}

impl<'a> Named<'a> {
    pub fn new(repo: &'a Repo) -> Self {
        let empty = || (0..REMEMBERED).map(|_| AtomicU64::new(0)).collect();
        let (noted, dull) = (empty(), empty());
        let open = (0..rayon::current_num_threads().max(1)).map(|_| Mutex::default()).collect();
        let keys = RandomState::new();
        Self { repo, noted, open, elsewhere: Mutex::default(), known: Mutex::default(), dull, keys }
    }

    pub fn note(&self, entry: &TreeEntry<'_>) {
        let short = leading(entry.id);
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
    pub fn know(&self, entry: &TreeEntry<'_>) {
        lock(&self.known).insert((entry.id(), entry.name.to_vec()));
    }

    /// Where it is remembered whether there is nothing to a name.
    pub fn seen(&self, name: &[u8]) -> Seen<'_> {
        let hash = self.keys.hash_one(name) | 1;
        Seen { slot: &self.dull[hash as usize % REMEMBERED], hash }
    }

    pub fn note_commit(&self, id: ObjectId, commit: &Commit<'_>) {
        let list = rayon::current_thread_index().unwrap_or(0) % self.open.len();
        let mut open = lock(&self.open[list]);
        let parents = commit.parents.iter().map(|parent| (*parent, "parent", id));
        open.by_commits.extend(parents.chain([(commit.tree, "tree", id)]));
        if open.by_commits.len() >= TOGETHER {
            self.look_up(&mut open);
        }
    }

    /// The blobs with a known name, in an order that does not depend on threads.
    pub fn known(&self) -> BTreeSet<(ObjectId, Vec<u8>)> {
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

    /// Of what was noted, what the store does not have.
    pub fn missing(self) -> Open {
        for open in &self.open {
            self.look_up(&mut lock(open));
        }
        let mut missing = std::mem::take(&mut *lock(&self.elsewhere));
        let lacks = |id: &ObjectId| !self.repo.store().contains(id);
        missing.by_commits.retain(|(id, ..)| lacks(id));
        missing.by_commits.sort_unstable();
        missing.by_trees.sort_unstable();
        missing.by_trees.dedup();
        missing.by_trees.retain(lacks);
        missing
    }
}

/// What is named and was not looked up yet.
#[derive(Default)]
pub struct Open {
    pub by_trees: Vec<ObjectId>,
    /// With what it is of which commit.
    pub by_commits: Vec<(ObjectId, &'static str, ObjectId)>,
}
