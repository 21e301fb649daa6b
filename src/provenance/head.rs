//! Whether a secret in a working or staged file is already committed, and pushed: HEAD is consulted for each such file.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};

use super::Scene;
use crate::blob::ObjectId;
use crate::error::Result;
use crate::finding::{Exposure, Level, Site};
use crate::git::diff::Added;
use crate::git::{Commit, RefKind, Repo};
use crate::pack::Kind;
use crate::secret::Secret;

/// How many commits to follow back for the one that brought a secret. A whole audit follows all.
const STEPS: usize = 2000;

/// HEAD and what was pushed, as far as this clone knows.
pub(super) struct Head<'a> {
    repo: &'a Repo,
    commit: Option<ObjectId>,
    remotes: Vec<(String, ObjectId)>,
    index: crate::git::index::Index,
    /// All blobs of HEAD's tree by path, read when a file is not where HEAD has it.
    blobs: OnceCell<Vec<Added>>,
    scene: Scene<'a>,
    /// The secrets of blobs that were asked for.
    known: RefCell<HashMap<ObjectId, HashSet<Secret>>>,
}

/// What is looked for in other versions of a file.
#[derive(Clone, Copy)]
pub(super) struct Sought<'s> {
    secret: &'s Secret,
    /// It stands there as it is: finding its bytes is enough.
    plain: bool,
}

impl<'s> Sought<'s> {
    pub fn of(secret: &'s Secret, site: &Site) -> Self {
        Self { secret, plain: site.inside.is_none() }
    }
}

impl<'a> Head<'a> {
    pub fn new(repo: &'a Repo, scene: Scene<'a>) -> Result<Self> {
        let refs = repo.refs()?.iter().filter(|r| r.kind == RefKind::Remote && r.name.starts_with("refs/"));
        let remotes: Vec<(String, ObjectId)> = refs.map(|r| (r.name.clone(), r.target)).collect();
        Ok(Self {
            repo,
            commit: repo.head()?,
            remotes,
            index: repo.index(scene.environment).unwrap_or_default(),
            blobs: OnceCell::new(),
            scene,
            known: RefCell::default(),
        })
    }

    /// How far a secret at `path` got, given the level that it has if it is in no commit. `id` is the file's blob.
    pub fn committed(&self, path: &[u8], id: Option<ObjectId>, sought: Sought<'_>, otherwise: Level) -> Exposure {
        let here = self.commit.filter(|head| self.commit_has(head, path, sought)).map(|head| (head, path.to_vec()));
        if let Some((head, path)) = here.or_else(|| self.elsewhere(id, sought)) {
            return self.exposure(head, &path, sought);
        }
        let staged = otherwise == Level::Worktree && self.is_staged(path, sought);
        let level = if staged { Level::Staged } else { otherwise };
        Exposure { in_head: self.commit.map(|_| false), ..Exposure::of(level) }
    }

    /// Where HEAD has the secret of a file that it does not have at the file's path: where the file was moved or copied from.
    fn elsewhere(&self, id: Option<ObjectId>, sought: Sought<'_>) -> Option<(ObjectId, Vec<u8>)> {
        let head = self.commit?;
        let blobs = self
            .blobs
            .get_or_init(|| self.repo.tree_of(&head).map_or_else(Vec::new, |tree| self.repo.added(tree, &[]).added));
        let root = self.repo.work_tree.as_deref()?;
        let indexed: HashSet<&[u8]> = self.index.entries().map(|entry| entry.path).collect();
        let is_gone = |path: &[u8]| {
            !indexed.contains(path) || std::fs::symlink_metadata(root.join(crate::git::bytes_path(path))).is_err()
        };
        let moved = blobs.iter().find(|blob| is_gone(&blob.path) && self.blob_has(&blob.id, sought));
        let copied = || blobs.iter().find(|blob| Some(blob.id) == id);
        moved.or_else(copied).map(|blob| (head, blob.path.clone()))
    }

    fn exposure(&self, head: ObjectId, path: &[u8], sought: Sought<'_>) -> Exposure {
        let mut remote_refs: Vec<String> = self
            .remotes
            .iter()
            .filter(|(name, tip)| !name.ends_with("@{}") && self.commit_has(tip, path, sought))
            .map(|(name, _)| name.clone())
            .collect();
        remote_refs.sort();
        remote_refs.dedup();
        let first = self.first(head, path, sought);
        let pushed = !remote_refs.is_empty()
            || first.as_ref().is_some_and(|(id, _)| self.is_pushed(id))
            || self.is_pushed(&head);
        let level = if pushed || self.repo.is_bare() { Level::Pushed } else { Level::Local };
        let (commit, since) = first.map_or((None, None), |(id, since)| (Some(id), Some(since)));
        Exposure { level, since, commit, remote_refs, in_head: Some(true) }
    }

    fn commit_has(&self, commit: &ObjectId, path: &[u8], sought: Sought<'_>) -> bool {
        let tree = self.repo.tree_of(commit);
        tree.and_then(|tree| self.repo.blob_at(&tree, path)).is_some_and(|blob| self.blob_has(&blob, sought))
    }

    fn blob_has(&self, blob: &ObjectId, sought: Sought<'_>) -> bool {
        let Sought { secret, plain } = sought;
        if let Some(known) = self.known.borrow().get(blob).filter(|_| !plain) {
            return known.contains(secret);
        }
        let mut bytes = Vec::new();
        if self.repo.read(blob, Kind::Blob, &mut bytes).is_err() {
            return false;
        }
        let found = memchr::memmem::find(&bytes, secret.reveal()).is_some();
        if found || plain {
            return found;
        }
        let secrets = self.scene.secrets.map_or_else(HashSet::new, |secrets| secrets(&bytes));
        let has = secrets.contains(secret);
        self.known.borrow_mut().insert(*blob, secrets);
        has
    }

    fn is_staged(&self, path: &[u8], sought: Sought<'_>) -> bool {
        self.index.entries().find(|entry| entry.path == path).is_some_and(|entry| self.blob_has(&entry.id, sought))
    }

    fn is_pushed(&self, commit: &ObjectId) -> bool {
        let tips: Vec<ObjectId> = self.remotes.iter().filter_map(|(_, tip)| self.repo.peel(tip)).collect();
        !tips.is_empty() && self.repo.commits_between(&[*commit], &tips).is_ok_and(|left| !left.contains(commit))
    }

    /// Along first parents, the oldest commit that still has the secret at the path, and its date; `None` if it is
    /// further back than we look.
    fn first(&self, head: ObjectId, path: &[u8], sought: Sought<'_>) -> Option<(ObjectId, String)> {
        let (mut at, mut found) = (head, None);
        let mut last_blob = None;
        for _ in 0..STEPS {
            let mut bytes = Vec::new();
            self.repo.read(&at, Kind::Commit, &mut bytes).ok()?;
            let commit = Commit::parse(&bytes)?;
            let blob = self.repo.blob_at(&commit.tree, path);
            if blob.is_none() || blob != last_blob && !blob.is_some_and(|blob| self.blob_has(&blob, sought)) {
                return found;
            }
            last_blob = blob;
            found = Some((at, crate::time::iso8601(commit.seconds, commit.offset)));
            match commit.parents.first() {
                Some(parent) => at = *parent,
                None => return found,
            }
        }
        None
    }
}
