//! What a range of commits adds: by set difference, merges included.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Instant;

use rayon::prelude::*;

use crate::blob::{Blob, ObjectId, Origin};
use crate::coverage::{Reason, Tally};
use crate::error::Result;
use crate::git::diff::{Added, Changes};
use crate::git::{Commit, Repo, Tag};
use crate::pack::Kind;

/// Commits reachable from some and not from others.
pub struct Range<'a> {
    /// The repository.
    pub repo: &'a Repo,
    /// Commits whose history counts; annotated tags and what they name, blobs and trees count by themselves.
    pub include: Vec<ObjectId>,
    /// Commits whose history does not.
    pub exclude: Vec<ObjectId>,
    /// Paths that the configuration leaves out.
    pub skip: &'a globset::GlobSet,
    /// Larger blobs are left out.
    pub max_size: Option<u64>,
    /// What is not read by then is left out, and makes the scan incomplete.
    pub deadline: Option<Instant>,
    /// Which paths are worth a second look.
    pub worth: &'a super::Worth<'a>,
}

/// A parent of a commit, and what was renamed since, once that was asked.
struct Parent {
    tree: ObjectId,
    child: ObjectId,
    renames: Option<HashMap<Vec<u8>, Added>>,
}

/// What was lent, and what is known to be lost.
#[derive(Default)]
struct Seen {
    contents: HashSet<(ObjectId, Vec<u8>)>,
    names: HashSet<Vec<u8>>,
    lost: HashSet<ObjectId>,
}

/// Something that a commit adds and that was not lent yet.
struct Fresh {
    commit: ObjectId,
    added: Added,
    /// Its path was not lent yet, either.
    named: bool,
}

/// Commits whose changes are held at a time.
const TOGETHER: usize = 1024;

impl Range<'_> {
    /// Lends every blob that a commit of the range adds at a path, once for each path, and the commits' texts.
    ///
    /// # Errors
    /// The history cannot be walked.
    pub fn visit(&self, visit: &(dyn Fn(&Blob<'_>) + Sync)) -> Result<Tally> {
        let (mut tally, mut seen) = (Tally::default(), Seen::default());
        let mut tips = Vec::new();
        for id in self.include.iter().filter(|id| !self.exclude.contains(id)) {
            tips.extend(self.tip(*id, &mut seen, &mut tally, visit));
        }
        let commits: Vec<ObjectId> = self.repo.commits_between(&tips, &self.exclude)?.into_iter().rev().collect();
        // Oldest first, so that a blob is attributed to the commit that brought it, whatever threads do.
        for commits in commits.chunks(TOGETHER) {
            let read: Vec<(Tally, Changes)> = commits.par_iter().map(|id| self.commit(id, visit)).collect();
            let mut fresh = Vec::new();
            for (id, (other, changes)) in commits.iter().zip(read) {
                tally.merge(other);
                fresh.extend(self.fresh(*id, changes, &mut seen, &mut tally));
            }
            let tallies: Vec<Tally> = fresh.into_par_iter().map(|fresh| self.blob(fresh, visit)).collect();
            tallies.into_iter().for_each(|other| tally.merge(other));
        }
        let cut: HashSet<ObjectId> = self.repo.shallow().into_iter().collect();
        for id in commits.iter().filter(|id| cut.contains(*id)) {
            tally.skip(Reason::Shallow, format!("history ends at {id}; `git fetch --unshallow` gets the rest"));
        }
        Ok(tally)
    }

    /// Lends, for paths that commits add, what each parent of the commit has at it, or at the path that git would say it
    /// was renamed from, and what it has of the name. The origin is that of the path asked for.
    pub fn earlier(&self, added: &BTreeSet<(ObjectId, &[u8])>, visit: &mut dyn FnMut(&Blob<'_>)) {
        let mut last: Option<(ObjectId, Vec<Parent>)> = None;
        for (commit, path) in added {
            if last.as_ref().is_none_or(|(id, _)| id != commit) {
                last = Some((*commit, self.parents(commit)));
            }
            for parent in last.iter_mut().flat_map(|(_, parents)| parents) {
                let here = self.repo.blob_at(&parent.tree, path);
                let renamed = match here {
                    Some(_) => None,
                    None => {
                        let renames = || self.repo.renames(&self.repo.added(parent.child, &[parent.tree]), parent.tree);
                        parent.renames.get_or_insert_with(renames).get(*path)
                    }
                };
                let before = here.or_else(|| renamed.map(|before| before.id));
                let old_name = renamed.map(|before| before.path.as_slice());
                super::names_before(self.repo, &parent.tree, path, old_name, Some(*commit), visit);
                let mut bytes = Vec::new();
                let Some(id) = before.filter(|id| self.repo.read(id, Kind::Blob, &mut bytes).is_ok()) else { continue };
                visit(&Blob::whole(&Origin::Added { path: path.to_vec(), id, commit: *commit }, &bytes));
            }
        }
    }

    fn parents(&self, commit: &ObjectId) -> Vec<Parent> {
        let mut bytes = Vec::new();
        let commit = self.repo.read(commit, Kind::Commit, &mut bytes).ok().and_then(|()| Commit::parse(&bytes));
        let Some(commit) = commit else { return Vec::new() };
        let trees = commit.parents.iter().filter_map(|id| self.repo.tree_of(id));
        trees.map(|tree| Parent { tree, child: commit.tree, renames: None }).collect()
    }

    /// The commit that a tip leads to, if it leads to one; tags on the way, blobs and trees are lent at once.
    fn tip(
        &self,
        tip: ObjectId,
        seen: &mut Seen,
        tally: &mut Tally,
        visit: &(dyn Fn(&Blob<'_>) + Sync),
    ) -> Option<ObjectId> {
        let (mut id, mut bytes) = (tip, Vec::new());
        for _ in 0..16 {
            match self.repo.store().find(&id, &mut bytes) {
                Ok(Some(Kind::Tag)) => {
                    let Some(tag) = Tag::parse(&bytes) else { break };
                    tally.tags += 1;
                    let origin = Origin::Tag { id };
                    [tag.name, tag.tagger, tag.message].iter().for_each(|text| visit(&Blob::whole(&origin, text)));
                    id = tag.target;
                }
                Ok(Some(Kind::Blob)) => {
                    let added = Added { path: Vec::new(), id };
                    tally.merge(self.blob(Fresh { commit: tip, added, named: false }, visit));
                    return None;
                }
                Ok(Some(Kind::Tree)) => {
                    for fresh in self.fresh(tip, self.repo.added(id, &[]), seen, tally) {
                        tally.merge(self.blob(fresh, visit));
                    }
                    return None;
                }
                _ => return Some(id),
            }
        }
        tally.skip(Reason::Corrupt, format!("tag {tip}"));
        None
    }

    /// Lends the texts of a commit; what it adds is returned.
    fn commit(&self, id: &ObjectId, visit: &(dyn Fn(&Blob<'_>) + Sync)) -> (Tally, Changes) {
        let (mut tally, mut bytes) = (Tally::default(), Vec::new());
        if super::is_over(self.deadline) {
            tally.skip(Reason::OutOfTime, format!("commit {id}"));
            return (tally, Changes::default());
        }
        if let Err(lost) = self.repo.read(id, Kind::Commit, &mut bytes) {
            super::note_lost(self.repo, id, super::COMMIT, &lost, &mut tally);
            return (tally, Changes::default());
        }
        let Some(commit) = Commit::parse(&bytes) else {
            tally.skip(Reason::Corrupt, format!("commit {id}"));
            return (tally, Changes::default());
        };
        tally.commits += 1;
        super::history::commit_texts(id, &commit, &mut |blob| visit(blob));
        let parents: Vec<ObjectId> = commit.parents.iter().filter_map(|parent| self.repo.tree_of(parent)).collect();
        (tally, self.repo.added(commit.tree, &parents))
    }

    /// Of what a commit adds, that which was not lent yet at the same path.
    fn fresh(&self, commit: ObjectId, changes: Changes, seen: &mut Seen, tally: &mut Tally) -> Vec<Fresh> {
        for (id, lost) in &changes.lost {
            // Told of once, however many commits name it.
            if seen.lost.insert(*id) {
                super::note_lost(self.repo, id, "a tree", lost, tally);
            }
        }
        for path in &changes.submodules {
            tally.skip(Reason::Submodule, super::lossy(path));
        }
        let mut fresh = changes.added;
        fresh.retain(|added| seen.contents.insert((added.id, added.path.clone())));
        let named = |added: Added| {
            let named = (self.worth)(&added.path) && seen.names.insert(added.path.clone());
            Fresh { commit, added, named }
        };
        fresh.into_iter().map(named).collect()
    }

    fn blob(&self, fresh: Fresh, visit: &(dyn Fn(&Blob<'_>) + Sync)) -> Tally {
        let Fresh { commit, added: Added { path, id }, named } = fresh;
        let (shown, mut tally, mut bytes) = (super::lossy(&path), Tally::default(), Vec::new());
        if super::is_over(self.deadline) {
            tally.skip(Reason::OutOfTime, shown);
            return tally;
        }
        if self.skip.is_match(crate::git::bytes_path(&path)) {
            tally.skip(Reason::Configured, shown);
            return tally;
        }
        if named {
            let origin = Origin::Name { path: path.clone(), commit: Some(commit) };
            visit(&Blob { binary: false, ..Blob::whole(&origin, &path) });
        }
        if let Err(lost) = self.repo.read(&id, Kind::Blob, &mut bytes) {
            super::note_lost(self.repo, &id, &shown, &lost, &mut tally);
            return tally;
        }
        if self.max_size.is_some_and(|max| bytes.len() as u64 > max) {
            tally.skip(Reason::TooLarge, shown);
            return tally;
        }
        let origin = Origin::Added { path, id, commit };
        let blob = Blob::whole(&origin, &bytes);
        super::note_lfs(&blob, || shown, &mut tally);
        tally.blobs += 1;
        tally.bytes += bytes.len() as u64;
        visit(&blob);
        tally
    }
}
