//! Which commits some reach and others do not, read from the object store alone: quarantined objects of a push, alternates
//! and SHA-256 repositories are walked like any other.

use std::collections::{BinaryHeap, HashMap, HashSet};

use super::{Commit, Lost, Repo};
use crate::blob::ObjectId;
use crate::error::{Error, Result};
use crate::pack::Kind;

/// How many hidden commits are looked at beyond the last that can matter if clocks were right. Too few, and commits are
/// scanned that need not be.
const SLACK: usize = 1000;

struct Node {
    parents: Vec<ObjectId>,
    hidden: bool,
    queued: bool,
}

/// A walk from the newest commits backwards. What is hidden hides its parents, also when that is learnt late.
struct Walk<'a> {
    repo: &'a Repo,
    shallow: HashSet<ObjectId>,
    nodes: HashMap<ObjectId, Node>,
    queue: BinaryHeap<(i64, ObjectId)>,
    /// How many in the queue are not hidden.
    wanted: usize,
    found: Vec<ObjectId>,
    oldest: i64,
}

impl Repo {
    /// The commits that are reachable from `include` and not from `exclude`, newest first. Both may be annotated tags;
    /// what is excluded and not there hides nothing.
    ///
    /// # Errors
    /// A commit that is included is missing or damaged.
    pub fn commits_between(&self, include: &[ObjectId], exclude: &[ObjectId]) -> Result<Vec<ObjectId>> {
        let mut walk = Walk {
            repo: self,
            shallow: self.shallow().into_iter().collect(),
            nodes: HashMap::new(),
            queue: BinaryHeap::new(),
            wanted: 0,
            found: Vec::new(),
            oldest: i64::MAX,
        };
        for id in exclude.iter().filter_map(|id| self.peel(id)) {
            walk.reach(id, true)?;
        }
        for id in include {
            walk.reach(self.peel(id).unwrap_or(*id), false)?;
        }
        walk.run()
    }
}

impl Walk<'_> {
    fn run(mut self) -> Result<Vec<ObjectId>> {
        let mut slack = SLACK;
        while let Some((seconds, id)) = self.queue.pop() {
            let Some(node) = self.nodes.get_mut(&id) else { continue };
            node.queued = false;
            let (hidden, parents) = (node.hidden, node.parents.clone());
            if !hidden {
                self.wanted -= 1;
                self.oldest = self.oldest.min(seconds);
                self.found.push(id);
            }
            for parent in parents {
                self.reach(parent, hidden)?;
            }
            // Hidden commits that are older than all that was found hide none of it, but for clocks that went wrong.
            if self.wanted == 0 && self.queue.peek().is_none_or(|(newest, _)| *newest < self.oldest) {
                slack -= 1;
                if slack == 0 {
                    break;
                }
            }
        }
        let hidden = |id: &ObjectId| self.nodes.get(id).is_some_and(|node| node.hidden);
        Ok(self.found.into_iter().filter(|id| !hidden(id)).collect())
    }

    fn reach(&mut self, id: ObjectId, hidden: bool) -> Result<()> {
        if self.nodes.contains_key(&id) {
            if hidden {
                self.hide(id);
            }
            return Ok(());
        }
        let mut bytes = Vec::new();
        let commit = match self.repo.read(&id, Kind::Commit, &mut bytes) {
            Ok(()) => Commit::parse(&bytes).ok_or_else(|| "is damaged".to_owned()),
            Err(Lost::Missing) => Err("is missing".to_owned()),
            Err(Lost::Damaged(why)) => Err(why),
        };
        let commit = match commit {
            Ok(commit) => commit,
            Err(_) if hidden => return Ok(()),
            Err(why) => {
                return Err(Error::Repository(format!(
                    "the history of the range cannot be walked: commit {id}: {why}; `git fsck` may tell more"
                )));
            }
        };
        let parents = if self.shallow.contains(&id) { Vec::new() } else { commit.parents };
        self.wanted += usize::from(!hidden);
        self.queue.push((commit.seconds, id));
        self.nodes.insert(id, Node { parents, hidden, queued: true });
        Ok(())
    }

    /// Hides a commit and what was seen below it.
    fn hide(&mut self, id: ObjectId) {
        let mut rest = vec![id];
        while let Some(id) = rest.pop() {
            let Some(node) = self.nodes.get_mut(&id) else { continue };
            if !std::mem::replace(&mut node.hidden, true) {
                self.wanted -= usize::from(node.queued);
                rest.extend(&node.parents);
            }
        }
    }
}
