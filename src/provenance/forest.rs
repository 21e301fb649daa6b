//! The trees that lead to wanted objects, and what a commit adds to its parents there.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::witness::{Node, Part, Witness, short};
use crate::blob::ObjectId;

/// Entries looked at for one tree at most: trees can be built that have more paths than there are atoms.
const MOST_ENTRIES: usize = 1_000_000;
/// Deeper directories are not looked into: a damaged store may have a tree that holds itself.
const DEEPEST: u32 = 4096;

/// Trees that have a wanted object somewhere below them.
pub(super) struct Forest {
    numbers: Numbers,
    /// Of each tree that leads to a wanted object, the entries that do.
    leads: HashMap<u32, Vec<Lead>>,
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
    Object(ObjectId),
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

/// The numbers of trees by the first eight bytes of their ids, which are as random as a hash already.
type Numbers = HashMap<u64, u32, BuildHasherDefault<AsItIs>>;

#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 = short(bytes);
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

impl Forest {
    /// Closes what was noted upwards: from the directories of wanted objects to the roots. Returns the commits, too.
    pub(super) fn grow(witness: Witness) -> (Self, Vec<Node>) {
        let mut commits = Vec::new();
        let mut parts = Vec::new();
        for mut part in witness.into_parts() {
            commits.append(&mut part.commits);
            parts.push(part);
        }
        // Where names and trees are equal in several parts, they get one number.
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
        let mut numbers = Numbers::default();
        numbers.reserve(parts.iter().map(|part| part.trees.len()).sum());
        let mut first = Vec::new();
        let mut count = 0;
        for part in &parts {
            first.push(count);
            for id in &part.trees {
                numbers.insert(short(id.as_slice()), count);
                count += 1;
            }
        }
        let mut forest = Self { numbers, leads: HashMap::new(), names, is_cut: false };
        forest.mark(&parts, &first, &renamed);
        (forest, commits)
    }

    fn mark(&mut self, parts: &[Part], first: &[u32], renamed: &[Vec<u32>]) {
        let mut pending = Vec::new();
        for ((part, first), renamed) in parts.iter().zip(first).zip(renamed) {
            for direct in &part.direct {
                let lead = Lead { name: renamed[direct.name as usize], to: To::Object(direct.object) };
                self.lead(first + direct.parent, lead, &mut pending);
            }
        }
        let above = Above::new(&self.numbers, parts);
        while let Some(tree) = pending.pop() {
            for &(part, edge) in above.of(tree) {
                let (Some(edge), part) = (parts[part as usize].edges.get(edge as usize), part as usize) else {
                    continue;
                };
                let lead = Lead { name: renamed[part][edge.name as usize], to: To::Tree(tree) };
                self.lead(first[part] + edge.parent, lead, &mut pending);
            }
        }
        self.leads.values_mut().for_each(|leads| leads.sort_unstable());
    }

    fn lead(&mut self, tree: u32, lead: Lead, pending: &mut Vec<u32>) {
        let leads = self.leads.entry(tree).or_insert_with(|| {
            pending.push(tree);
            Vec::new()
        });
        leads.push(lead);
    }

    /// The number of a tree that leads to a wanted object.
    fn number(&self, tree: &ObjectId) -> Option<u32> {
        self.numbers.get(&short(tree.as_slice())).copied().filter(|number| self.leads.contains_key(number))
    }

    /// Calls `found` with every wanted object in `tree` that none of `others` has at the same path.
    pub(super) fn added(&mut self, tree: &ObjectId, others: &[ObjectId], mut found: impl FnMut(ObjectId, Vec<u8>)) {
        let Some(tree) = self.number(tree) else { return };
        let others: Vec<u32> = others.iter().filter_map(|other| self.number(other)).collect();
        if others.contains(&tree) {
            return;
        }
        let mut looked_at = 0;
        let mut steps: Vec<Step> = Vec::new();
        let mut open = vec![Open { tree, others, step: None }];
        while let Some(Open { tree, others, step }) = open.pop() {
            for lead in &self.leads[&tree] {
                looked_at += 1;
                let there = |other: &u32| named(&self.leads[other], lead.name);
                if others.iter().flat_map(there).any(|theirs| theirs.to == lead.to) {
                    continue;
                }
                let depth = step.map_or(0, |step| steps[step].depth + 1);
                let next = Step { name: lead.name, before: step, depth };
                match lead.to {
                    To::Object(id) => found(id, self.path(&steps, &next)),
                    To::Tree(tree) => {
                        let trees = others.iter().flat_map(there).filter_map(|theirs| match theirs.to {
                            To::Tree(other) => Some(other),
                            To::Object(_) => None,
                        });
                        open.push(Open { tree, others: trees.collect(), step: Some(steps.len()) });
                        steps.push(next);
                        self.is_cut |= depth > DEEPEST;
                    }
                }
            }
            if looked_at > MOST_ENTRIES || self.is_cut {
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

/// The edges that lead to each tree.
struct Above {
    starts: Vec<u32>,
    /// The part and place of each edge.
    edges: Vec<(u32, u32)>,
}

impl Above {
    /// By counting: one table instead of sorting millions.
    fn new(numbers: &Numbers, parts: &[Part]) -> Self {
        let trees = parts.iter().map(|part| part.trees.len()).sum::<usize>();
        let mut starts = vec![0u32; trees + 1];
        let children: Vec<Vec<u32>> = parts
            .iter()
            .map(|part| part.edges.iter().map(|e| numbers.get(&e.child).copied().unwrap_or(u32::MAX)).collect())
            .collect();
        for child in children.iter().flatten().filter(|child| **child != u32::MAX) {
            starts[*child as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut edges = vec![(0, 0); starts.last().copied().unwrap_or(0) as usize];
        for (part, children) in (0u32..).zip(&children) {
            for (edge, child) in (0u32..).zip(children).filter(|(_, child)| **child != u32::MAX) {
                let slot = &mut next[*child as usize];
                edges[*slot as usize] = (part, edge);
                *slot += 1;
            }
        }
        Self { starts, edges }
    }

    fn of(&self, tree: u32) -> &[(u32, u32)] {
        let at = tree as usize;
        let (Some(start), Some(end)) = (self.starts.get(at), self.starts.get(at + 1)) else { return &[] };
        &self.edges[*start as usize..*end as usize]
    }
}
