//! Which commits first brought matched blobs, at which paths, and who reaches those commits. Read in two passes over
//! trees and one over commits, however many blobs matched; never a walk per finding.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use crate::blob::ObjectId;
use crate::error::Result;
use crate::git::{Commit, Mode, Ref, RefKind, Repo, object};
use crate::pack::{Kind, Kinds, Object};

/// A blob at a path, as one commit brought it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Introduction {
    pub seconds: i64,
    pub commit: ObjectId,
    pub path: Vec<u8>,
}

/// Who reaches a commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reach {
    pub remote: bool,
    pub local: bool,
    pub notes: bool,
    pub reflog: bool,
    /// A bit for each of the first 64 remote-tracking refs.
    refs: u64,
}

struct Node {
    id: ObjectId,
    tree: ObjectId,
    parents: Vec<ObjectId>,
    seconds: i64,
}

/// What the repository's history says about some blobs.
pub(super) struct Graph {
    reach: HashMap<ObjectId, Reach>,
    introductions: HashMap<ObjectId, Vec<Introduction>>,
    in_head: HashSet<(ObjectId, Vec<u8>)>,
    head_blobs: HashSet<ObjectId>,
    remote_names: Vec<String>,
}

/// Sharded so that reading threads seldom wait for one another.
struct Sharded<T>(Vec<Mutex<Vec<T>>>);

impl<T> Sharded<T> {
    fn new() -> Self {
        Self((0..64).map(|_| Mutex::default()).collect())
    }
    fn extend(&self, key: u64, items: impl IntoIterator<Item = T>) {
        self.0[(key & 63) as usize].lock().unwrap_or_else(PoisonError::into_inner).extend(items);
    }
    fn into_vec(self) -> Vec<T> {
        self.0.into_iter().flat_map(|shard| shard.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
    }
}

/// The first eight bytes of an id. Two ids that agree in them only make us look at a tree in vain.
fn short(id: &[u8]) -> u64 {
    id.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

type Hits = Vec<(Vec<u8>, ObjectId)>;
/// An entry of a tree that leads to a matched blob: its name, its object, whether that is a tree.
type Lead = (Vec<u8>, ObjectId, bool);
type Leads = HashMap<ObjectId, Vec<Lead>>;

impl Graph {
    /// Reads the history of `blobs` (or trees, whose names matter); with none, only the commits.
    ///
    /// # Errors
    /// The refs cannot be listed.
    pub fn read(repo: &Repo, blobs: &HashSet<ObjectId>) -> Result<Self> {
        let refs = repo.refs()?;
        let (nodes, marked) = scan_trees(repo, blobs);
        let entries = if blobs.is_empty() { HashMap::new() } else { marked_entries(repo, blobs, &marked) };
        let (reach, remote_names) = reach(repo, &nodes, &refs);
        let mut lists = Lists {
            wanted: blobs,
            entries: &entries,
            memo: HashMap::new(),
            ids: HashMap::new(),
            lists: vec![Vec::new()],
        };
        let introductions = introductions(&nodes, &mut lists);
        let head = repo.head()?.and_then(|id| repo.tree_of(&id));
        let in_head: HashSet<(ObjectId, Vec<u8>)> =
            head.map(|tree| lists.of(&tree)).map_or_else(HashSet::new, |list| {
                lists.lists[list].iter().map(|(path, blob)| (*blob, path.clone())).collect()
            });
        let head_blobs = in_head.iter().map(|(blob, _)| *blob).collect();
        Ok(Self { reach, introductions, in_head, head_blobs, remote_names })
    }

    /// Where a blob was first brought, oldest first; one entry a path.
    pub fn introductions(&self, blob: &ObjectId) -> &[Introduction] {
        self.introductions.get(blob).map_or(&[], Vec::as_slice)
    }

    /// Who reaches a commit; nobody if it is unknown.
    pub fn reach(&self, commit: &ObjectId) -> Reach {
        self.reach.get(commit).copied().unwrap_or_default()
    }

    /// Whether HEAD's tree has a blob.
    pub fn in_head(&self, blob: &ObjectId) -> bool {
        self.head_blobs.contains(blob)
    }

    /// Whether HEAD's tree has a blob at a path.
    pub fn has_in_head(&self, blob: &ObjectId, path: &[u8]) -> bool {
        self.in_head.contains(&(*blob, path.to_vec()))
    }

    /// Names of the remote-tracking refs in a reach.
    pub fn remote_refs(&self, reach: Reach) -> Vec<String> {
        let names = self.remote_names.iter().enumerate();
        names.filter(|(bit, _)| reach.refs & (1 << bit) != 0).map(|(_, name)| name.clone()).collect()
    }
}

impl Reach {
    /// Reached by either.
    pub fn or(self, other: Self) -> Self {
        Self {
            remote: self.remote || other.remote,
            local: self.local || other.local,
            notes: self.notes || other.notes,
            reflog: self.reflog || other.reflog,
            refs: self.refs | other.refs,
        }
    }
}

/// All commits, and the trees (by short id) that have a matched blob somewhere below them.
fn scan_trees(repo: &Repo, blobs: &HashSet<ObjectId>) -> (Vec<Node>, HashSet<u64>) {
    let wanted: HashSet<u64> = blobs.iter().map(|id| short(id.as_slice())).collect();
    let (edges, direct, nodes) = (Sharded::new(), Sharded::new(), Sharded::new());
    let kinds = Kinds { trees: !blobs.is_empty(), commits: true, ..Kinds::default() };
    repo.store().for_each(kinds, |found: Object<'_>, _: Option<&()>| {
        let key = short(found.id.as_bytes());
        match found.kind {
            Kind::Commit => nodes.extend(key, node(&found)),
            Kind::Tree => {
                let mut below = Vec::new();
                let mut has = false;
                for entry in object::tree_entries(found.bytes, repo.hash) {
                    has |= wanted.contains(&short(entry.id));
                    if entry.mode == Mode::Tree {
                        below.push((short(entry.id), key));
                    }
                }
                edges.extend(key, below);
                direct.extend(key, has.then_some(key));
            }
            _ => {}
        }
    });
    let mut edges = edges.into_vec();
    edges.sort_unstable();
    let mut queue = direct.into_vec();
    let mut marked: HashSet<u64> = queue.iter().copied().collect();
    while let Some(tree) = queue.pop() {
        let from = edges.partition_point(|edge| edge.0 < tree);
        for (_, parent) in edges[from..].iter().take_while(|edge| edge.0 == tree) {
            if marked.insert(*parent) {
                queue.push(*parent);
            }
        }
    }
    (nodes.into_vec(), marked)
}

fn node(found: &Object<'_>) -> Option<Node> {
    let commit = Commit::parse(found.bytes)?;
    Some(Node { id: found.id.to_owned(), tree: commit.tree, parents: commit.parents, seconds: commit.seconds })
}

/// Of each marked tree, the entries that lead to a matched blob.
fn marked_entries(repo: &Repo, blobs: &HashSet<ObjectId>, marked: &HashSet<u64>) -> Leads {
    let entries = Sharded::new();
    let kinds = Kinds { trees: true, ..Kinds::default() };
    repo.store().for_each(kinds, |found: Object<'_>, _: Option<&()>| {
        let key = short(found.id.as_bytes());
        if !marked.contains(&key) {
            return;
        }
        let leads = object::tree_entries(found.bytes, repo.hash).filter_map(|entry| {
            let is_tree = entry.mode == Mode::Tree;
            let leads = blobs.contains(&entry.id()) || is_tree && marked.contains(&short(entry.id));
            leads.then(|| (entry.name.to_vec(), entry.id(), is_tree))
        });
        entries.extend(key, [(found.id.to_owned(), leads.collect::<Vec<_>>())]);
    });
    entries.into_vec().into_iter().collect()
}

/// The matched blobs below each tree, with their paths; equal lists share a number, so that comparing two is cheap.
struct Lists<'a> {
    wanted: &'a HashSet<ObjectId>,
    entries: &'a Leads,
    memo: HashMap<ObjectId, usize>,
    ids: HashMap<Hits, usize>,
    lists: Vec<Hits>,
}

impl Lists<'_> {
    /// The number of a tree's list; 0 is the empty one. An explicit stack: trees can be nested as deep as anybody likes.
    fn of(&mut self, tree: &ObjectId) -> usize {
        let mut stack = vec![*tree];
        while let Some(top) = stack.last().copied() {
            if self.memo.contains_key(&top) {
                stack.pop();
                continue;
            }
            let entries = self.entries.get(&top).map_or(&[][..], Vec::as_slice);
            let open: Vec<ObjectId> = entries
                .iter()
                .filter(|(_, id, is_tree)| *is_tree && !self.memo.contains_key(id))
                .map(|(_, id, _)| *id)
                .collect();
            // A tree cannot contain itself unless the store is damaged; then its inner copy counts as empty.
            let open: Vec<ObjectId> = open.into_iter().filter(|id| !stack.contains(id)).collect();
            if open.is_empty() {
                let list = self.joined(entries);
                let number = self.number(list);
                self.memo.insert(top, number);
                stack.pop();
            } else {
                stack.extend(open);
            }
        }
        self.memo.get(tree).copied().unwrap_or(0)
    }

    fn joined(&self, entries: &[Lead]) -> Hits {
        let mut hits = Hits::new();
        for (name, id, is_tree) in entries {
            if self.wanted.contains(id) {
                hits.push((name.clone(), *id));
            }
            if !is_tree {
                continue;
            }
            let below = self.memo.get(id).map_or(&[][..], |number| self.lists[*number].as_slice());
            hits.extend(below.iter().map(|(path, blob)| ([name.as_slice(), b"/", path.as_slice()].concat(), *blob)));
        }
        hits.sort();
        hits
    }

    fn number(&mut self, hits: Hits) -> usize {
        if hits.is_empty() {
            return 0;
        }
        if let Some(number) = self.ids.get(&hits) {
            return *number;
        }
        let number = self.lists.len();
        self.ids.insert(hits.clone(), number);
        self.lists.push(hits);
        number
    }
}

/// Blobs at paths where a commit has them and none of its parents does; of each blob and path the oldest.
fn introductions(nodes: &[Node], lists: &mut Lists<'_>) -> HashMap<ObjectId, Vec<Introduction>> {
    let trees: HashMap<ObjectId, usize> = nodes.iter().map(|node| (node.id, lists.of(&node.tree))).collect();
    let mut oldest: HashMap<(ObjectId, &[u8]), (i64, ObjectId)> = HashMap::new();
    for node in nodes {
        let own = trees[&node.id];
        let parents: Vec<usize> = node.parents.iter().filter_map(|parent| trees.get(parent)).copied().collect();
        if own == 0 || parents.contains(&own) {
            continue;
        }
        for hit in &lists.lists[own] {
            if parents.iter().any(|parent| lists.lists[*parent].binary_search(hit).is_ok()) {
                continue;
            }
            let this = (node.seconds, node.id);
            let entry = oldest.entry((hit.1, &hit.0)).or_insert(this);
            *entry = this.min(*entry);
        }
    }
    let mut found: HashMap<ObjectId, Vec<Introduction>> = HashMap::new();
    for ((blob, path), (seconds, commit)) in oldest {
        found.entry(blob).or_default().push(Introduction { seconds, commit, path: path.to_vec() });
    }
    found.values_mut().for_each(|list| list.sort());
    found
}

/// Who reaches each commit: refs pass their marks on to parents, children before parents.
fn reach(repo: &Repo, nodes: &[Node], refs: &[Ref]) -> (HashMap<ObjectId, Reach>, Vec<String>) {
    let number: HashMap<ObjectId, usize> = nodes.iter().enumerate().map(|(n, node)| (node.id, n)).collect();
    let mut marks = vec![Reach::default(); nodes.len()];
    let mut names: BTreeMap<&str, u32> = BTreeMap::new();
    for reference in refs {
        let Some(&at) = repo_commit(repo, reference, &number) else { continue };
        let mark = &mut marks[at];
        match reference.kind {
            RefKind::Remote => {
                mark.remote = true;
                let fresh = names.len() as u32;
                if !reference.name.ends_with("@{}") && (fresh < 64 || names.contains_key(reference.name.as_str())) {
                    mark.refs |= 1 << *names.entry(&reference.name).or_insert(fresh);
                }
            }
            RefKind::Local if reference.name.starts_with("refs/notes/") => mark.notes = true,
            RefKind::Local => mark.local = true,
            RefKind::Reflog => mark.reflog = true,
        }
    }
    let parents: Vec<Vec<usize>> =
        nodes.iter().map(|node| node.parents.iter().filter_map(|id| number.get(id)).copied().collect()).collect();
    let mut children = vec![0usize; nodes.len()];
    parents.iter().flatten().for_each(|parent| children[*parent] += 1);
    let mut ready: Vec<usize> = (0..nodes.len()).filter(|n| children[*n] == 0).collect();
    while let Some(at) = ready.pop() {
        for &parent in &parents[at] {
            marks[parent] = marks[parent].or(marks[at]);
            children[parent] -= 1;
            if children[parent] == 0 {
                ready.push(parent);
            }
        }
    }
    let mut remote_names = vec![String::new(); names.len()];
    names.iter().for_each(|(name, bit)| remote_names[*bit as usize] = (*name).to_owned());
    (nodes.iter().zip(marks).map(|(node, mark)| (node.id, mark)).collect(), remote_names)
}

fn repo_commit<'n>(repo: &Repo, reference: &Ref, number: &'n HashMap<ObjectId, usize>) -> Option<&'n usize> {
    number.get(&reference.target).or_else(|| number.get(&repo.peel(&reference.target)?))
}
