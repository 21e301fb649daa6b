//! The trees that lead to wanted objects, and what a commit adds to its parents there.

use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use super::witness::{Node, Number, Part, Testimony};
use crate::blob::ObjectId;
use crate::pack;

/// Entries looked at for one tree at most: trees can be built that have more paths than there are atoms.
const MOST_ENTRIES: usize = 1_000_000;
/// Deeper directories are not looked into: a damaged store may have a tree that holds itself.
const DEEPEST: u32 = 4096;

/// Trees that have a wanted object somewhere below them.
pub(super) struct Forest {
    /// Of the trees that lead to a wanted object.
    numbers: Numbers,
    /// Where the leads of each tree begin, then where the last one's end.
    starts: Vec<u32>,
    /// Of each tree the entries that lead to a wanted object.
    leads: Vec<Lead>,
    objects: Vec<ObjectId>,
    names: Vec<Box<[u8]>>,
    /// A tree had too many paths to follow.
    pub(super) is_cut: bool,
}

/// An entry of a tree that leads to a wanted object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Lead {
    name: u32,
    to: To,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum To {
    Object(u32),
    Tree(u32),
}

/// A tree that remains to be compared with the trees at the same path.
struct Open {
    tree: u32,
    others: Vec<u32>,
    step: Option<usize>,
}

/// A part of a path and what comes before it.
struct Step {
    name: u32,
    before: Option<usize>,
    depth: u32,
}

/// Something by the first eight bytes of an id, which are as random as a hash already. Objects that agree in them are
/// taken for one another: whoever made two such objects has only led us to a wrong path.
pub(super) type ById<T> = HashMap<u64, T, BuildHasherDefault<AsItIs>>;

type Numbers = ById<u32>;

#[derive(Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 = pack::leading(bytes);
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

impl Forest {
    /// Closes what was noted upwards: from the directories of wanted objects to the roots. Returns the commits, too.
    pub(super) fn grow(testimony: Testimony, wanted: &HashSet<ObjectId>) -> (Self, Vec<Node>) {
        let mut parts = testimony.parts;
        let commits = parts.iter_mut().flat_map(|part| std::mem::take(&mut part.commits)).collect();
        // Where names are equal in several parts, they get one number.
        let mut known: HashMap<Box<[u8]>, u32> = HashMap::new();
        let mut renamed: Vec<Vec<u32>> = Vec::new();
        for part in &mut parts {
            let mut own = vec![0; part.names.len()];
            for (name, number) in std::mem::take(&mut part.names) {
                let fresh = known.len() as u32;
                own[number as usize] = *known.entry(name).or_insert(fresh);
            }
            renamed.push(own);
        }
        let mut names = vec![Box::default(); known.len()];
        known.into_iter().for_each(|(name, number)| names[number as usize] = name);
        let links = Links::new(parts);
        let objects: Vec<ObjectId> = wanted.iter().copied().collect();
        let Leading { leads, numbers, is_cut } = links.leading_to(&objects, &renamed);
        let mut forest = Self { numbers, starts: Vec::new(), leads: Vec::new(), objects, names, is_cut };
        forest.starts = starts(links.trees, leads.iter().map(|(tree, _)| *tree));
        let mut next = forest.starts.clone();
        forest.leads = vec![Lead { name: 0, to: To::Tree(0) }; leads.len()];
        for (tree, lead) in leads {
            forest.leads[next[tree as usize] as usize] = lead;
            next[tree as usize] += 1;
        }
        for tree in forest.starts.windows(2) {
            forest.leads[tree[0] as usize..tree[1] as usize].sort_unstable();
        }
        (forest, commits)
    }

    fn leads(&self, tree: u32) -> &[Lead] {
        &self.leads[self.starts[tree as usize] as usize..self.starts[tree as usize + 1] as usize]
    }

    /// The number of a tree that leads to a wanted object.
    fn number(&self, tree: &ObjectId) -> Option<u32> {
        self.numbers.get(&pack::leading(tree.as_slice())).copied()
    }

    /// Calls `found` with every wanted object in `tree` that none of `others` has at the same path.
    pub(super) fn added<'o>(
        &mut self,
        tree: &ObjectId,
        others: impl Iterator<Item = &'o ObjectId>,
        mut found: impl FnMut(ObjectId, Vec<u8>),
    ) {
        let Some(tree) = self.number(tree) else { return };
        let others: Vec<u32> = others.filter_map(|other| self.number(other)).collect();
        if others.contains(&tree) {
            return;
        }
        let (mut looked_at, mut is_cut) = (0, false);
        let mut steps: Vec<Step> = Vec::new();
        let mut open = vec![Open { tree, others, step: None }];
        while let Some(Open { tree, others, step }) = open.pop() {
            for lead in self.leads(tree) {
                looked_at += 1;
                let there = |other: &u32| named(self.leads(*other), lead.name);
                if others.iter().flat_map(there).any(|theirs| theirs.to == lead.to) {
                    continue;
                }
                let depth = step.map_or(0, |step| steps[step].depth + 1);
                let next = Step { name: lead.name, before: step, depth };
                match lead.to {
                    To::Object(object) => found(self.objects[object as usize], self.path(&steps, &next)),
                    To::Tree(tree) => {
                        let trees = others.iter().flat_map(there).filter_map(|theirs| match theirs.to {
                            To::Tree(other) => Some(other),
                            To::Object(_) => None,
                        });
                        open.push(Open { tree, others: trees.collect(), step: Some(steps.len()) });
                        steps.push(next);
                        is_cut |= depth > DEEPEST;
                    }
                }
            }
            if looked_at > MOST_ENTRIES || is_cut {
                self.is_cut = true;
                return;
            }
        }
    }

    fn path(&self, steps: &[Step], last: &Step) -> Vec<u8> {
        let mut names = vec![last.name];
        let mut before = last.before;
        while let Some(step) = before.and_then(|at| steps.get(at)) {
            names.push(step.name);
            before = step.before;
        }
        let names: Vec<&[u8]> = names.iter().rev().map(|name| &*self.names[*name as usize]).collect();
        names.join(&b'/')
    }
}

/// The entries of a name.
fn named(leads: &[Lead], name: u32) -> &[Lead] {
    let from = leads.partition_point(|lead| lead.name < name);
    let count = leads[from..].iter().take_while(|lead| lead.name == name).count();
    &leads[from..from + count]
}

/// Where each key's values begin if they are sorted by key, then where the last one's end.
fn starts(keys: usize, values: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut starts = vec![0u32; keys + 1];
    values.for_each(|key| starts[key as usize + 1] += 1);
    for at in 1..starts.len() {
        starts[at] += starts[at - 1];
    }
    starts
}

/// All links between trees. A tree has a number; it has its own links, and those of its base that it did not drop.
struct Links {
    parts: Vec<Part>,
    /// The number of each part's first tree.
    first: Vec<u32>,
    trees: usize,
    /// The changes of each tree: where they begin, and their numbers.
    changes: (Vec<u32>, Vec<u32>),
}

impl Links {
    fn new(parts: Vec<Part>) -> Self {
        let mut first = Vec::with_capacity(parts.len());
        let mut trees = 0;
        for part in &parts {
            first.push(trees as u32);
            trees += part.trees.len();
        }
        let mut links = Self { parts, first, trees, changes: Default::default() };
        let bases = || {
            links.parts.iter().flat_map(|part| &part.trees).zip(0u32..).filter(|(tree, _)| tree.base != Number::NONE)
        };
        let starts = starts(links.trees, bases().map(|(tree, _)| links.tree(tree.base)));
        let (mut next, mut changes) = (starts.clone(), vec![0; bases().count()]);
        for (tree, number) in bases() {
            let slot = &mut next[links.tree(tree.base) as usize];
            changes[*slot as usize] = number;
            *slot += 1;
        }
        links.changes = (starts, changes);
        links
    }

    fn tree(&self, number: Number) -> u32 {
        let (part, place) = number.place();
        self.first[part] + place as u32
    }

    /// The part that a tree is in, and where.
    fn place(&self, tree: u32) -> (&Part, usize) {
        let part = self.first.partition_point(|first| *first <= tree) - 1;
        (&self.parts[part], (tree - self.first[part]) as usize)
    }

    /// The links that a tree does not have from its base.
    fn dropped(&self, tree: u32) -> &[Number] {
        let (part, place) = self.place(tree);
        let from = place.checked_sub(1).map_or(0, |before| part.trees[before].dropped);
        &part.dropped[from as usize..part.trees[place].dropped as usize]
    }

    fn changes(&self, tree: u32) -> &[u32] {
        let (starts, changes) = &self.changes;
        &changes[starts[tree as usize] as usize..starts[tree as usize + 1] as usize]
    }

    /// Trees, and their entries that lead to one of some objects: those that hold one, then those that hold these, and
    /// so on. Each step looks through all links, which is cheaper than to know for each tree who holds it.
    fn leading_to(&self, objects: &[ObjectId], renamed: &[Vec<u32>]) -> Leading {
        let mut leading = Leading::default();
        let mut reached = vec![false; self.trees];
        let mut sought: ById<To> =
            objects.iter().map(|id| pack::leading(id.as_slice())).zip((0..).map(To::Object)).collect();
        let mut holders = Vec::new();
        for depth in 0.. {
            leading.is_cut = depth > DEEPEST && !sought.is_empty();
            if sought.is_empty() || leading.is_cut {
                break;
            }
            let sieve = Sieve::new(sought.keys());
            let mut next = ById::default();
            for (part, links) in self.parts.iter().enumerate() {
                for (place, link) in links.links.iter().enumerate().filter(|(_, link)| sieve.may_have(link.child)) {
                    let Some(&to) = sought.get(&link.child) else { continue };
                    let number = Number::new(part, place);
                    let lead = Lead { name: renamed[part][link.name as usize], to };
                    holders.push(self.first[part] + link.tree);
                    while let Some(tree) = holders.pop() {
                        leading.leads.push((tree, lead));
                        if !std::mem::replace(&mut reached[tree as usize], true) {
                            let (part, place) = self.place(tree);
                            let id = part.trees[place].id;
                            if let Entry::Vacant(fresh) = leading.numbers.entry(id) {
                                fresh.insert(tree);
                                next.insert(id, To::Tree(tree));
                            }
                        }
                        let keeps = |change: &&u32| !self.dropped(**change).contains(&number);
                        holders.extend(self.changes(tree).iter().filter(keeps));
                    }
                }
            }
            sought = next;
        }
        leading
    }
}

/// What leads to some objects.
#[derive(Default)]
struct Leading {
    leads: Vec<(u32, Lead)>,
    /// The trees that have any.
    numbers: Numbers,
    is_cut: bool,
}

/// A bit for each of some ids, by a few of their bits: most others have none there.
struct Sieve(Vec<u64>);

impl Sieve {
    const BITS: u32 = 18;

    fn new<'i>(ids: impl Iterator<Item = &'i u64>) -> Self {
        let mut words = vec![0; 1 << (Self::BITS - 6)];
        for id in ids {
            words[Self::word(*id)] |= 1 << (id & 63);
        }
        Self(words)
    }

    fn may_have(&self, id: u64) -> bool {
        self.0[Self::word(id)] >> (id & 63) & 1 != 0
    }

    fn word(id: u64) -> usize {
        (id >> 6) as usize & ((1 << (Self::BITS - 6)) - 1)
    }
}
