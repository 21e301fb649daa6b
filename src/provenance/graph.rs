//! Which commits first brought matched blobs, at which paths, and who reaches those commits: from what a witness has
//! noted, however many blobs matched; never a walk per finding.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::forest::{ById, Forest};
use super::witness::{Node, Testimony};
use crate::blob::ObjectId;
use crate::error::Result;
use crate::git::{Ref, RefKind, Repo};
use crate::pack::leading;

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

/// What the repository's history says about some blobs.
pub(super) struct Graph {
    commits: Commits,
    /// Of each commit.
    reach: Vec<Reach>,
    introductions: HashMap<ObjectId, Vec<Introduction>>,
    in_head: HashSet<(ObjectId, Vec<u8>)>,
    head_blobs: HashSet<ObjectId>,
    remote_names: Vec<String>,
    is_cut: bool,
}

impl Graph {
    /// What a witness has noted of the wanted objects, and what the refs reach of it. With `all`, every commit that
    /// brought a blob to a path counts, not only the first.
    ///
    /// # Errors
    /// The refs cannot be listed.
    pub fn new(repo: &Repo, testimony: Testimony, wanted: &HashSet<ObjectId>, all: bool) -> Result<Self> {
        let refs = repo.refs()?;
        let (mut forest, nodes) = Forest::grow(testimony, wanted);
        let commits = Commits::new(nodes);
        let (reach, remote_names) = reach(repo, &commits, refs);
        let introductions = introductions(&commits, &mut forest, &reach, all);
        let mut in_head = HashSet::new();
        if let Some(tree) = repo.head()?.and_then(|id| repo.tree_of(&id)) {
            forest.added(&tree, std::iter::empty(), |blob, path| {
                in_head.insert((blob, path));
            });
        }
        let head_blobs = in_head.iter().map(|(blob, _)| *blob).collect();
        Ok(Self { commits, reach, introductions, in_head, head_blobs, remote_names, is_cut: forest.is_cut })
    }

    /// Whether some trees had too many paths to follow: then a blob may be in a commit that is not named.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Where a blob was brought, oldest first; one entry a path, or all.
    pub fn introductions(&self, blob: &ObjectId) -> &[Introduction] {
        self.introductions.get(blob).map_or(&[], Vec::as_slice)
    }

    /// Who reaches a commit; nobody if it is unknown.
    pub fn reach(&self, commit: &ObjectId) -> Reach {
        self.commits.number(commit).map(|number| self.reach[number as usize]).unwrap_or_default()
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

/// Whether no remote has the commit that brought something, when that was, and which it is.
type Brought = (bool, i64, ObjectId);

/// The commits of a repository, and who is whose parent.
struct Commits {
    nodes: Vec<Node>,
    numbers: ById<u32>,
    /// Where the parents of each commit begin, then where those of the last one end.
    starts: Vec<u32>,
    parents: Vec<u32>,
}

impl Commits {
    fn new(nodes: Vec<Node>) -> Self {
        let numbers = nodes.iter().map(|node| leading(node.id.as_slice())).zip(0..).collect();
        let mut commits = Self { nodes, numbers, starts: Vec::new(), parents: Vec::new() };
        let (mut starts, mut parents) = (vec![0], Vec::new());
        for node in &commits.nodes {
            parents.extend(node.parents.iter().filter_map(|parent| commits.number(parent)));
            starts.push(parents.len() as u32);
        }
        (commits.starts, commits.parents) = (starts, parents);
        commits
    }

    fn number(&self, commit: &ObjectId) -> Option<u32> {
        let number = *self.numbers.get(&leading(commit.as_slice()))?;
        (self.nodes[number as usize].id == *commit).then_some(number)
    }

    /// The numbers of a commit's parents, as far as they are known.
    fn parents(&self, number: usize) -> &[u32] {
        &self.parents[self.starts[number] as usize..self.starts[number + 1] as usize]
    }
}

/// Blobs at paths where a commit has them and none of its parents does; of each blob and path all, or the oldest. What a
/// remote has comes first: the older commit that an amended one replaced says nothing of how far a secret got.
fn introductions(
    commits: &Commits,
    forest: &mut Forest,
    reach: &[Reach],
    all: bool,
) -> HashMap<ObjectId, Vec<Introduction>> {
    let mut oldest: HashMap<(ObjectId, Vec<u8>), Vec<Brought>> = HashMap::new();
    for ((number, node), reach) in commits.nodes.iter().enumerate().zip(reach) {
        let parents = commits.parents(number).iter().map(|parent| &commits.nodes[*parent as usize].tree);
        let this = (!reach.remote, node.seconds, node.id);
        forest.added(&node.tree, parents, |blob, path| {
            let brought = oldest.entry((blob, path)).or_default();
            match brought.first_mut().filter(|_| !all) {
                Some(first) => *first = this.min(*first),
                None => brought.push(this),
            }
        });
    }
    let mut found: HashMap<ObjectId, Vec<Introduction>> = HashMap::new();
    for ((blob, path), brought) in oldest {
        let here = brought.into_iter().map(|(_, seconds, commit)| Introduction { seconds, commit, path: path.clone() });
        found.entry(blob).or_default().extend(here);
    }
    found.values_mut().for_each(|list| list.sort());
    found
}

/// Who reaches each commit: refs pass their marks on to parents, children before parents.
fn reach(repo: &Repo, commits: &Commits, refs: &[Ref]) -> (Vec<Reach>, Vec<String>) {
    let count = commits.nodes.len();
    let mut marks = vec![Reach::default(); count];
    let mut names: BTreeMap<&str, u32> = BTreeMap::new();
    for reference in refs {
        let peeled = || commits.number(&repo.peel(&reference.target)?);
        let Some(at) = commits.number(&reference.target).or_else(peeled) else { continue };
        let mark = &mut marks[at as usize];
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
    let mut children = vec![0usize; count];
    commits.parents.iter().for_each(|parent| children[*parent as usize] += 1);
    let mut ready: Vec<usize> = (0..count).filter(|n| children[*n] == 0).collect();
    while let Some(at) = ready.pop() {
        for parent in commits.parents(at).iter().map(|parent| *parent as usize) {
            marks[parent] = marks[parent].or(marks[at]);
            children[parent] -= 1;
            if children[parent] == 0 {
                ready.push(parent);
            }
        }
    }
    let mut remote_names = vec![String::new(); names.len()];
    names.iter().for_each(|(name, bit)| remote_names[*bit as usize] = (*name).to_owned());
    (marks, remote_names)
}
