//! Every object of a repository, reachable or not, in pack order; commit and tag texts; ref names; `.git/config`.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::sync::Mutex;

use super::Base;
use super::named::Named;
use crate::blob::{Blob, Origin, Pieces, PlaceKind, Start};
use crate::coverage::{Reason, Tally};
use crate::git::tree::{Layout, tree_entries};
use crate::git::{Commit, Mode, Ref, Repo, Tag};
use crate::lock::{lock, unlock};
use crate::pack::{self, FailureKind, Kind, Kinds, Large, Object, ObjectId, oid};

/// A whole repository.
pub struct History<'a> {
    /// The repository.
    pub repo: &'a Repo,
    /// Larger blobs are left out.
    pub max_size: Option<u64>,
    /// Which names of files make a blob worth a second look: only trees know what a blob is called.
    pub knows: &'a (dyn Fn(&[u8]) -> bool + Sync),
    /// Whether there is anything to look at in some bytes: asked for the texts of commits before they are lent, and for
    /// names in trees.
    pub worth: &'a (dyn Fn(&[u8]) -> bool + Sync),
}

/// A commit or a tree that was read in passing.
#[derive(Debug)]
pub enum Passed<'a, M> {
    /// A commit.
    Commit(ObjectId, &'a Commit<'a>),
    /// A tree.
    Tree(PassedTree<'a, M>),
}

/// A tree that was read in passing.
#[derive(Debug)]
pub struct PassedTree<'a, M> {
    /// Its name.
    pub id: ObjectId,
    /// What it holds.
    pub bytes: &'a [u8],
    /// Where its entries begin.
    pub layout: &'a Layout,
    /// Where those begin that its base does not have and that have a known name.
    pub named: &'a [u32],
    /// What was made of the tree that it is stored as a change of.
    pub base: Option<&'a M>,
}

/// What a tree leaves to those that are stored as changes of it.
struct Known<M> {
    layout: Layout,
    note: M,
}

/// Larger blobs are read in pieces.
const LARGE: usize = 32 << 20;

const CONTENTS: Kinds = Kinds { blobs: true, trees: false, commits: false, tags: true };
const STRUCTURE: Kinds = Kinds { blobs: false, trees: true, commits: true, tags: false };

impl History<'_> {
    /// Lends all contents once, with what the closure returned for the blob that it is stored as a change of; tags, the
    /// names of refs and the configuration.
    ///
    /// # Errors
    /// The refs cannot be listed.
    pub fn contents<T: Send + Sync>(
        &self,
        visit: &(impl Fn(&Blob<'_>, Option<Base<'_, T>>) -> T + Sync),
    ) -> crate::error::Result<Tally> {
        // Before anything is read: a repository that is refused is refused at once.
        let refs = self.repo.refs()?;
        let noted = Mutex::new(Tally::default());
        let note = |other: Tally| lock(&noted).merge(other);
        let stream = |id: &oid, size: u64, bytes: &mut dyn Read| self.stream(id, size, bytes, visit, &note);
        let large = Large { above: LARGE, whole: &|_| false, visit: &stream };
        let look = |object: Object<'_>, base: Option<&Option<T>>| match object.kind {
            Kind::Blob => self.blob(&object, base.and_then(Option::as_ref), visit, &note),
            _ => {
                tag_texts(object.id.to_owned(), object.bytes, &mut |blob| drop(visit(blob, None)));
                None
            }
        };
        let mut tally = tally_of(self.repo.store().for_each_streaming(CONTENTS, STRUCTURE, &large, look));
        tally.merge(unlock(noted));
        let index = self.repo.index(false).unwrap_or_default();
        let modules = self.repo.modules();
        let is_here = |path: &[u8]| modules.iter().any(|module| module.prefix.strip_suffix(b"/") == Some(path));
        for entry in index.entries().filter(|entry| entry.mode == Mode::Submodule && !is_here(entry.path)) {
            tally.skip(Reason::Submodule, super::lossy(entry.path));
        }
        self.names(refs, &mut tally, &mut |blob| drop(visit(blob, None)));
        Ok(tally)
    }

    /// Lends the texts of all commits and the names in all trees, and shows what it reads on the way to `witness`; then
    /// lends the blobs with a known name once more to `again`, with that name.
    pub fn structure<M: Send + Sync>(
        &self,
        visit: &(impl Fn(&Blob<'_>) + Sync),
        witness: &(impl Fn(Passed<'_, M>) -> M + Sync),
        again: &mut dyn FnMut(&Blob<'_>, &[u8]),
    ) -> Tally {
        let (shallow, is_partial) = (self.repo.shallow(), self.repo.is_partial());
        let named = Named::new(self.repo);
        let read = self.repo.store().for_each_beside(
            STRUCTURE,
            CONTENTS,
            |object: Object<'_>, base: Option<&Option<Known<M>>>| {
                let id = object.id.to_owned();
                if object.kind == Kind::Tree {
                    let base = base.and_then(Option::as_ref);
                    let copied = base.map(|known| &known.layout).zip(object.copies);
                    let layout = Layout::read(object.bytes, self.repo.hash, copied);
                    let known = self.names_in(id, object.bytes, &layout, visit, &named);
                    let (bytes, base) = (object.bytes, base.map(|known| &known.note));
                    let note = witness(Passed::Tree(PassedTree { id, bytes, layout: &layout, named: &known, base }));
                    return Some(Known { layout, note });
                }
                let commit = Commit::parse(object.bytes)?;
                if !shallow.contains(&id) {
                    named.note_commit(id, &commit);
                }
                if [commit.message, commit.author, commit.committer, commit.others].into_iter().any(self.worth) {
                    commit_texts(&id, &commit, &mut |blob| visit(blob));
                }
                witness(Passed::Commit(id, &commit));
                None
            },
        );
        let mut tally = tally_of(read);
        for (id, name) in named.known() {
            self.named(id, &name, &mut tally, again);
        }
        let (left_out, advice) = match is_partial {
            true => (Reason::Partial, "; --fetch-missing or `git fetch --refetch --no-filter` gets it"),
            false => (Reason::Missing, ""),
        };
        let missing = named.missing();
        for (id, what, commit) in missing.by_commits {
            let (reason, advice) = if what == "tree" { (left_out, advice) } else { (Reason::Missing, "") };
            tally.skip(reason, format!("object {id}, the {what} of commit {commit}{advice}"));
        }
        for id in missing.by_trees {
            tally.skip(left_out, format!("object {id}, which a tree names{advice}"));
        }
        for id in &shallow {
            tally.skip(Reason::Shallow, format!("history ends at {id}; `git fetch --unshallow` gets the rest"));
        }
        tally
    }

    fn blob<T>(
        &self,
        object: &Object<'_>,
        base: Option<&T>,
        visit: &impl Fn(&Blob<'_>, Option<Base<'_, T>>) -> T,
        note: &impl Fn(Tally),
    ) -> Option<T> {
        let id = object.id.to_owned();
        if self.max_size.is_some_and(|max| object.bytes.len() as u64 > max) {
            let mut tally = Tally::default();
            tally.skip(Reason::TooLarge, format!("blob {id}"));
            note(tally);
            return None;
        }
        let origin = Origin::Object { id };
        let blob = Blob::whole(&origin, object.bytes);
        if object.bytes.starts_with(super::LFS) {
            let mut tally = Tally::default();
            super::note_lfs(&blob, || format!("blob {id}"), &mut tally);
            note(tally);
        }
        let base = base.zip(object.copies).map(|(value, copies)| Base { value, copies });
        Some(visit(&blob, base))
    }

    /// A blob that is too large to be held: in overlapping pieces, like a large file.
    fn stream<T>(
        &self,
        id: &oid,
        size: u64,
        bytes: &mut dyn Read,
        visit: &impl Fn(&Blob<'_>, Option<Base<'_, T>>) -> T,
        note: &impl Fn(Tally),
    ) -> io::Result<()> {
        let id = id.to_owned();
        if self.max_size.is_some_and(|max| size > max) {
            let mut tally = Tally::default();
            tally.skip(Reason::TooLarge, format!("blob {id}"));
            note(tally);
            return Ok(());
        }
        let origin = Origin::Object { id };
        Pieces::default().read_once(bytes, &Blob::whole(&origin, &[]), &mut |piece| drop(visit(piece, None)))?;
        Ok(())
    }

    /// Names can be secrets, too. What a tree names must be there: a scan that missed it must say so. Only what its base
    /// does not have is looked at. Returns where entries with a known name begin.
    fn names_in(
        &self,
        id: ObjectId,
        bytes: &[u8],
        layout: &Layout,
        visit: &impl Fn(&Blob<'_>),
        named: &Named<'_>,
    ) -> Vec<u32> {
        let mut known = Vec::new();
        for (start, entry) in layout.fresh(bytes, self.repo.hash) {
            named.note(&entry);
            let seen = named.seen(entry.name);
            if seen.is_dull() {
                continue;
            }
            let is_known = (self.knows)(entry.name);
            if is_known && entry.mode == Mode::Blob {
                named.know(&entry);
                known.push(start);
            }
            let is_worth = (self.worth)(entry.name);
            if is_worth {
                let offset = (entry.name.as_ptr() as usize - bytes.as_ptr() as usize) as u64;
                let start = Start { offset, ..Start::ZERO };
                visit(&Blob { binary: false, start, ..Blob::whole(&Origin::Tree { id }, entry.name) });
            }
            if !is_known && !is_worth {
                seen.remember();
            }
        }
        known
    }

    /// Lends a blob that was read before. If it could not be, that was told of then.
    /// One that was read in pieces may be too large to be held.
    fn named(&self, id: ObjectId, name: &[u8], tally: &mut Tally, visit: &mut dyn FnMut(&Blob<'_>, &[u8])) {
        let mut bytes = Vec::new();
        match self.repo.store().find(&id, &mut bytes) {
            Ok(Some(Kind::Blob)) if self.max_size.is_none_or(|max| bytes.len() as u64 <= max) => {
                visit(&Blob::whole(&Origin::Object { id }, &bytes), name);
            }
            Err(pack::Error::Object { kind: FailureKind::TooLarge, why, .. }) if self.max_size.is_none() => {
                tally.skip(Reason::Unreadable, format!("blob {id}, as the file that its name says it is: {why}"));
            }
            _ => {}
        }
    }

    /// Names of refs, and the repository's configuration.
    fn names(&self, refs: &[Ref], tally: &mut Tally, visit: &mut dyn FnMut(&Blob<'_>)) {
        for reference in refs.iter().filter(|reference| !reference.name.ends_with("@{}")) {
            let is_ref = reference.name.starts_with("refs/") || reference.name == "HEAD";
            if is_ref && !self.repo.store().contains(&reference.target) {
                tally.skip(Reason::Missing, format!("object {}, which {} names", reference.target, reference.name));
            }
            let origin = Origin::Ref { name: reference.name.clone() };
            visit(&Blob::whole(&origin, reference.name.as_bytes()));
        }
        for name in ["config", "config.worktree"] {
            if let Ok(bytes) = std::fs::read(self.repo.common_dir.join(name)) {
                let prefix = if self.repo.is_bare() { "" } else { ".git/" };
                let origin = Origin::Config { path: format!("{prefix}{name}").into_bytes() };
                visit(&Blob::whole(&origin, &bytes));
            }
        }
    }
}

/// What trees and commits name and the store does not have: in a partial clone, what was left out.
pub fn absent(repo: &Repo) -> Vec<ObjectId> {
    let named = Named::new(repo);
    repo.store().for_each(STRUCTURE, |object: Object<'_>, _: Option<&()>| {
        if object.kind == Kind::Tree {
            tree_entries(object.bytes, repo.hash).for_each(|entry| named.note(&entry));
        } else if let Some(commit) = Commit::parse(object.bytes) {
            named.note_commit(object.id.to_owned(), &commit);
        }
    });
    let missing = named.missing();
    // Parents are never left out; where they are missing, history was cut off.
    let trees = missing.by_commits.into_iter().filter(|(_, what, _)| *what == "tree").map(|(id, ..)| id);
    let absent: BTreeSet<ObjectId> = trees.chain(missing.by_trees).collect();
    absent.into_iter().collect()
}

/// Lends the message and the identities of a commit.
pub(super) fn commit_texts(id: &ObjectId, commit: &Commit<'_>, visit: &mut dyn FnMut(&Blob<'_>)) {
    let texts = [
        (PlaceKind::CommitMessage, commit.message),
        (PlaceKind::Author, commit.author),
        (PlaceKind::Committer, commit.committer),
        (PlaceKind::CommitMessage, commit.others),
    ];
    for (kind, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        let origin = Origin::Commit { kind, id: *id };
        visit(&Blob { binary: false, ..Blob::whole(&origin, text) });
    }
}

fn tag_texts(id: ObjectId, bytes: &[u8], visit: &mut dyn FnMut(&Blob<'_>)) {
    let Some(tag) = Tag::parse(bytes) else { return };
    let origin = Origin::Tag { id };
    for text in [tag.message, tag.tagger, tag.name] {
        visit(&Blob { binary: false, ..Blob::whole(&origin, text) });
    }
}

fn tally_of(read: pack::Tally) -> Tally {
    let mut tally =
        Tally { blobs: read.blobs, commits: read.commits, tags: read.tags, bytes: read.bytes, ..Tally::default() };
    for failure in read.failures {
        let reason = match failure.kind {
            FailureKind::Missing => Reason::Missing,
            FailureKind::Corrupt => Reason::Corrupt,
            // Nobody chose that limit.
            FailureKind::TooLarge | FailureKind::Io => Reason::Unreadable,
        };
        tally.skip(reason, format!("{}: {}", failure.what, failure.why));
    }
    for _ in 0..read.more_failures.min(1_000_000) {
        tally.skip(Reason::Corrupt, "and more");
    }
    tally
}
