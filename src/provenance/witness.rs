//! Notes what commits and trees say of some objects while they pass by, so that nothing is read twice.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use crate::blob::ObjectId;
use crate::git::tree::{LaidEntry, Layout};
use crate::git::{Commit, Repo};
use crate::pack::{HashKind, Kind, Kinds, Object};

/// What was noted lies in as many parts, so that reading threads seldom wait for one another.
const PARTS: usize = 16;

/// Who brought what, where: noted for the wanted objects only, in one pass over all trees and commits.
pub struct Witness {
    wanted: HashSet<ObjectId>,
    /// A bit for each value of the first two bytes of a wanted id.
    sieve: Vec<u64>,
    hash: HashKind,
    parts: Vec<Mutex<Part>>,
}

/// A commit.
pub(super) struct Node {
    pub id: ObjectId,
    pub tree: ObjectId,
    pub parents: Vec<ObjectId>,
    pub seconds: i64,
}

/// A directory in a directory; the numbers are those of the part.
pub(super) struct Edge {
    pub child: u64,
    pub parent: u32,
    pub name: u32,
}

/// A wanted object in a directory.
pub(super) struct Direct {
    pub object: ObjectId,
    pub parent: u32,
    pub name: u32,
}

/// What some of the threads noted.
#[derive(Default)]
pub(super) struct Part {
    pub commits: Vec<Node>,
    pub trees: Vec<ObjectId>,
    pub edges: Vec<Edge>,
    pub direct: Vec<Direct>,
    pub names: HashMap<Box<[u8]>, u32>,
}

/// The first eight bytes of an id. Objects that agree in them are taken for one another: chance does not do that, and
/// whoever made two such objects would only have led us to a wrong path.
pub(super) fn short(id: &[u8]) -> u64 {
    id.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn sieve_bit(id: &[u8]) -> (usize, u64) {
    let two = id.first_chunk().map_or(0, |bytes| u16::from_le_bytes(*bytes));
    (usize::from(two >> 6), 1 << (two & 63))
}

impl Witness {
    /// Ready to note what is said of `wanted`: blobs, or trees whose names matter. With none, only commits are noted.
    pub fn new(wanted: HashSet<ObjectId>, hash: HashKind) -> Self {
        let mut sieve = vec![0; 1 << 10];
        for id in &wanted {
            let (word, bit) = sieve_bit(id.as_slice());
            sieve[word] |= bit;
        }
        Self { wanted, sieve, hash, parts: (0..PARTS).map(|_| Mutex::default()).collect() }
    }

    /// Reads all trees and commits of a repository.
    pub(super) fn of(repo: &Repo, wanted: HashSet<ObjectId>) -> Self {
        let witness = Self::new(wanted, repo.hash);
        let kinds = Kinds { trees: !witness.wanted.is_empty(), commits: true, ..Kinds::default() };
        witness.read(repo, kinds)
    }

    /// The same with other objects in view: commits say of those what they said.
    pub(super) fn again(self, repo: &Repo, wanted: HashSet<ObjectId>) -> Self {
        let witness = Self::new(wanted, repo.hash);
        for (part, before) in witness.parts.iter().zip(self.into_parts()) {
            part.lock().unwrap_or_else(PoisonError::into_inner).commits = before.commits;
        }
        witness.read(repo, Kinds { trees: true, ..Kinds::default() })
    }

    fn read(self, repo: &Repo, kinds: Kinds) -> Self {
        let witness = self;
        repo.store().for_each(kinds, |found: Object<'_>, base: Option<&Option<Layout>>| match found.kind {
            Kind::Commit => {
                if let Some(commit) = Commit::parse(found.bytes) {
                    witness.commit(found.id.to_owned(), &commit);
                }
                None
            }
            _ => {
                let base = base.and_then(Option::as_ref).zip(found.copies);
                let layout = Layout::read(found.bytes, repo.hash, base, |_| ());
                witness.tree(found.id.to_owned(), found.bytes, &layout);
                Some(layout)
            }
        });
        witness
    }

    /// Whether it was told to note what is said of all of these.
    pub(super) fn covers(&self, wanted: &HashSet<ObjectId>) -> bool {
        wanted.is_subset(&self.wanted)
    }

    /// Notes a commit.
    pub fn commit(&self, id: ObjectId, commit: &Commit<'_>) {
        let node = Node { id, tree: commit.tree, parents: commit.parents.clone(), seconds: commit.seconds };
        self.part(&node.id).commits.push(node);
    }

    /// Notes a tree, of which `layout` was read.
    pub fn tree(&self, id: ObjectId, bytes: &[u8], layout: &Layout) {
        if self.wanted.is_empty() {
            return;
        }
        let mut part = self.part(&id);
        let parent = part.trees.len() as u32;
        part.trees.push(id);
        for entry in layout.entries(bytes, self.hash) {
            if entry.is_tree() {
                let name = part.name(&entry);
                part.edges.push(Edge { child: short(entry.id), parent, name });
            }
            let (word, bit) = sieve_bit(entry.id);
            if self.sieve[word] & bit == 0 {
                continue;
            }
            let object = ObjectId::from_bytes_or_panic(entry.id);
            if self.wanted.contains(&object) {
                let name = part.name(&entry);
                part.direct.push(Direct { object, parent, name });
            }
        }
    }

    fn part(&self, id: &ObjectId) -> std::sync::MutexGuard<'_, Part> {
        let number = usize::from(id.as_slice()[0]) % PARTS;
        self.parts[number].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn into_parts(self) -> impl Iterator<Item = Part> {
        self.parts.into_iter().map(|part| part.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Part {
    fn name(&mut self, entry: &LaidEntry<'_>) -> u32 {
        let name = entry.name();
        if let Some(number) = self.names.get(name) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names.insert(name.into(), number);
        number
    }
}
