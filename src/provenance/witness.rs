//! Notes what commits and trees say of some objects while they pass by, so that nothing is read twice.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard};

use crate::blob::ObjectId;
use crate::git::tree::{Layout, TreeEntry};
use crate::git::{Commit, Mode, Repo};
use crate::lock::{lock, unlock};
use crate::pack::{Copy, HashKind, Kind, Kinds, Object, leading};

/// What was noted lies in as many parts, so that reading threads seldom wait for one another.
const PARTS: usize = 16;

/// Notes who brought what, where: of the wanted objects only, in one pass over all trees and commits.
///
/// Most of a tree is copied from its delta base, so only the links that it has and its base has not are noted, and those
/// that only the base has.
pub struct Witness {
    wanted: HashSet<ObjectId>,
    /// A bit for each value of the first two bytes of a wanted id.
    sieve: Vec<u64>,
    hash: HashKind,
    parts: Vec<Mutex<Part>>,
}

/// What a witness has noted.
pub struct Testimony {
    wanted: HashSet<ObjectId>,
    pub(super) parts: Vec<Part>,
}

/// What a tree leaves to those that are stored as changes of it.
#[derive(Debug, Default)]
pub struct Noted {
    tree: Number,
    /// Where the entries that are links begin, in order.
    links: Vec<(u32, Number)>,
}

/// Of a tree or a link: its place in its part, and that part's.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number(u32);

impl Number {
    pub(super) const NONE: Self = Self(u32::MAX);

    pub(super) fn new(part: usize, place: usize) -> Self {
        u32::try_from(place * PARTS + part).map_or(Self::NONE, Self)
    }

    /// The part, and the place in it.
    pub(super) fn place(self) -> (usize, usize) {
        (self.0 as usize % PARTS, self.0 as usize / PARTS)
    }
}

/// A commit.
pub(super) struct Node {
    pub id: ObjectId,
    pub tree: ObjectId,
    pub parents: Vec<ObjectId>,
    pub seconds: i64,
}

/// A directory.
pub(super) struct Tree {
    pub id: u64,
    /// The tree that it has its other links from.
    pub base: Number,
    /// Where the links that it does not have from there end in the part; they begin where those of the tree before end.
    pub dropped: u32,
}

/// An entry of a tree, and of those that are stored as changes of it: a directory, or a wanted object.
pub(super) struct Link {
    pub child: u64,
    /// The place of the tree in the part.
    pub tree: u32,
    pub name: u32,
}

/// What some of the threads noted.
#[derive(Default)]
pub(super) struct Part {
    pub commits: Vec<Node>,
    pub trees: Vec<Tree>,
    pub links: Vec<Link>,
    pub dropped: Vec<Number>,
    pub names: HashMap<Box<[u8]>, u32>,
    /// Objects that were noted because of their name.
    named: HashSet<ObjectId>,
}

fn sieve_bit(id: &[u8]) -> (usize, u64) {
    let two = id.first_chunk().map_or(0, |bytes| u16::from_le_bytes(*bytes));
    (usize::from(two >> 6), 1 << (two & 63))
}

impl Witness {
    /// Ready to note what is said of `wanted`: blobs, or trees whose names matter.
    pub fn new(wanted: HashSet<ObjectId>, hash: HashKind) -> Self {
        let mut sieve = vec![0; 1 << 10];
        for id in &wanted {
            let (word, bit) = sieve_bit(id.as_slice());
            sieve[word] |= bit;
        }
        Self { wanted, sieve, hash, parts: (0..PARTS).map(|_| Mutex::default()).collect() }
    }

    fn read(self, repo: &Repo, kinds: Kinds) -> Testimony {
        let witness = &self;
        repo.store().for_each(kinds, |found: Object<'_>, base: Option<&Option<(Layout, Noted)>>| match found.kind {
            Kind::Commit => {
                if let Some(commit) = Commit::parse(found.bytes) {
                    witness.commit(found.id.to_owned(), &commit);
                }
                None
            }
            _ => {
                let base = base.and_then(Option::as_ref);
                let known = base.map(|(layout, _)| layout).zip(found.copies);
                let layout = Layout::read(found.bytes, repo.hash, known);
                let noted = witness.tree(found.id.to_owned(), found.bytes, &layout, &[], base.map(|(_, noted)| noted));
                Some((layout, noted))
            }
        });
        self.done()
    }

    /// Notes a commit.
    pub fn commit(&self, id: ObjectId, commit: &Commit<'_>) {
        let node = Node { id, tree: commit.tree, parents: commit.parents.clone(), seconds: commit.seconds };
        self.part(&node.id).1.commits.push(node);
    }

    /// Notes a tree, of which `layout` was read, and the tree that it is stored as a change of was noted. Objects in the
    /// entries that begin at `named` are noted, too, because of their names.
    pub fn tree(&self, id: ObjectId, bytes: &[u8], layout: &Layout, named: &[u32], base: Option<&Noted>) -> Noted {
        let (number, mut part) = self.part(&id);
        let part = &mut *part;
        let place = part.trees.len();
        let base = base.filter(|_| !layout.kept().is_empty());
        let mut noted = Noted { tree: Number::new(number, place), links: Vec::new() };
        if let Some(base) = base {
            base.leave(layout.kept(), &mut noted.links, &mut part.dropped);
        }
        let inherited = noted.links.len();
        for (start, entry) in layout.fresh(bytes, self.hash) {
            let is_named = named.contains(&start);
            if is_named {
                part.named.insert(entry.id());
            }
            if is_named || entry.mode == Mode::Tree || self.wants(&entry) {
                noted.links.push((start, Number::new(number, part.links.len())));
                let name = part.name(entry.name);
                part.links.push(Link { child: leading(entry.id), tree: place as u32, name });
            }
        }
        if inherited > 0 {
            noted.links.sort_unstable_by_key(|(start, _)| *start);
        }
        let base = base.map_or(Number::NONE, |base| base.tree);
        part.trees.push(Tree { id: leading(id.as_slice()), base, dropped: part.dropped.len() as u32 });
        noted
    }

    fn wants(&self, entry: &TreeEntry<'_>) -> bool {
        let (word, bit) = sieve_bit(entry.id);
        self.sieve[word] & bit != 0 && self.wanted.contains(&entry.id())
    }

    fn part(&self, id: &ObjectId) -> (usize, MutexGuard<'_, Part>) {
        let number = usize::from(id.as_slice()[0]) % PARTS;
        (number, lock(&self.parts[number]))
    }

    /// All that was noted.
    pub fn done(self) -> Testimony {
        Testimony { wanted: self.wanted, parts: self.parts.into_iter().map(unlock).collect() }
    }
}

impl Testimony {
    /// Reads all trees and commits of a repository. With nothing wanted, only commits are read.
    pub(super) fn of(repo: &Repo, wanted: HashSet<ObjectId>) -> Self {
        let kinds = Kinds { trees: !wanted.is_empty(), commits: true, ..Kinds::default() };
        Witness::new(wanted, repo.hash).read(repo, kinds)
    }

    /// The same with other objects in view: commits say of those what they said.
    pub(super) fn again(self, repo: &Repo, wanted: HashSet<ObjectId>) -> Self {
        let kinds = Kinds { trees: true, ..Kinds::default() };
        let mut again = Witness::new(wanted, repo.hash).read(repo, kinds);
        for (part, before) in again.parts.iter_mut().zip(self.parts) {
            part.commits = before.commits;
        }
        again
    }

    /// Whether all that is said of these was noted.
    pub(super) fn covers(&self, wanted: &HashSet<ObjectId>) -> bool {
        let is_named = |id: &ObjectId| self.parts.iter().any(|part| part.named.contains(id));
        wanted.iter().all(|id| self.wanted.contains(id) || is_named(id))
    }
}

impl Noted {
    /// Adds the links in some runs to those of a change of this tree, and the others to those that it dropped.
    fn leave(&self, kept: &[Copy], links: &mut Vec<(u32, Number)>, dropped: &mut Vec<Number>) {
        links.reserve(self.links.len() + 2);
        for run in kept {
            let inside = self.links.partition_point(|(start, _)| *start < run.base)
                ..self.links.partition_point(|(start, _)| *start < run.base + run.len);
            links.extend(self.links[inside].iter().map(|(start, link)| (start - run.base + run.child, *link)));
        }
        // Runs may come in any order, and twice.
        let mut kept = kept.to_vec();
        kept.sort_unstable_by_key(|run| run.base);
        let mut runs = kept.iter().peekable();
        let mut end = 0;
        for (start, link) in &self.links {
            while let Some(run) = runs.next_if(|run| run.base <= *start) {
                end = end.max(run.base + run.len);
            }
            if *start >= end {
                dropped.push(*link);
            }
        }
    }
}

impl Part {
    fn name(&mut self, name: &[u8]) -> u32 {
        if let Some(number) = self.names.get(name) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names.insert(name.into(), number);
        number
    }
}
