//! Every object of a repository, reachable or not, in pack order; commit and tag texts; ref names; `.git/config`.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use super::Base;
use crate::blob::{Blob, Origin, PlaceKind};
use crate::coverage::{Reason, Tally};
use crate::git::{Commit, Mode, Repo, Tag, object};
use crate::pack::{self, FailureKind, Kind, Kinds, Object, ObjectId};

/// A whole repository.
pub struct History<'a> {
    /// The repository.
    pub repo: &'a Repo,
    /// Larger blobs are left out.
    pub max_size: Option<u64>,
    /// Which names of files make a blob worth a second look: only trees know what a blob is called.
    pub knows: &'a (dyn Fn(&[u8]) -> bool + Sync),
}

impl History<'_> {
    /// Lends every blob once, with what the closure returned for the blob that it is stored as a change of; then those
    /// with a known name once more to `named`, with that name.
    ///
    /// # Errors
    /// The refs cannot be listed.
    pub fn visit<T: Send + Sync>(
        &self,
        visit: &(impl Fn(&Blob<'_>, Option<Base<'_, T>>) -> T + Sync),
        named: &mut dyn FnMut(&Blob<'_>, &[u8]),
    ) -> crate::error::Result<Tally> {
        let noted = Mutex::new(Tally::default());
        let note = |other: Tally| noted.lock().unwrap_or_else(PoisonError::into_inner).merge(other);
        let shallow = self.repo.shallow();
        let entries = Named::default();
        let read =
            self.repo.store().for_each(Kinds::ALL, |object: Object<'_>, base: Option<&Option<T>>| match object.kind {
                Kind::Blob => self.blob(&object, base.and_then(Option::as_ref), visit, &note),
                Kind::Commit => {
                    let id = object.id.to_owned();
                    if let Some(commit) = Commit::parse(object.bytes) {
                        if !shallow.contains(&id) {
                            note(self.lacking(&id, &commit));
                        }
                        commit_texts(&id, &commit, &mut |blob| drop(visit(blob, None)));
                    }
                    None
                }
                Kind::Tag => {
                    tag_texts(object.id.to_owned(), object.bytes, &mut |blob| drop(visit(blob, None)));
                    None
                }
                Kind::Tree => Some(self.tree(&object, base.and_then(Option::as_ref), visit, &entries)),
            });
        let mut tally = tally_of(read);
        tally.merge(noted.into_inner().unwrap_or_else(PoisonError::into_inner));
        for (id, name) in entries.known() {
            self.named(id, &name, named);
        }
        entries.missing(self.repo, self.is_partial(), &mut tally);
        for id in &shallow {
            tally.skip(Reason::Shallow, format!("history ends at {id}; `git fetch --unshallow` gets the rest"));
        }
        let index = self.repo.index(false).unwrap_or_default();
        for entry in index.entries().filter(|entry| entry.mode == Mode::Submodule) {
            tally.skip(Reason::Submodule, super::lossy(entry.path));
        }
        self.names(&mut tally, &mut |blob| drop(visit(blob, None)))?;
        Ok(tally)
    }

    /// What a commit names and the store does not have.
    fn lacking(&self, id: &ObjectId, commit: &Commit<'_>) -> Tally {
        let mut tally = Tally::default();
        let parents = commit.parents.iter().map(|parent| ("parent", parent));
        for (what, named) in parents.chain([("tree", &commit.tree)]) {
            if !self.repo.store().contains(named) {
                tally.skip(Reason::Missing, format!("object {named}, the {what} of commit {id}"));
            }
        }
        tally
    }

    /// Whether it was cloned with `--filter`: then packs are marked as another repository's promises.
    fn is_partial(&self) -> bool {
        let packs = std::fs::read_dir(self.repo.common_dir.join("objects/pack"));
        packs.is_ok_and(|mut files| {
            files.any(|file| file.is_ok_and(|file| file.path().extension().is_some_and(|ext| ext == "promisor")))
        })
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

    /// Names can be secrets, too. What a tree names must be there: a scan that missed it must say so.
    fn tree<T>(
        &self,
        object: &Object<'_>,
        base: Option<&T>,
        visit: &impl Fn(&Blob<'_>, Option<Base<'_, T>>) -> T,
        named: &Named,
    ) -> T {
        named.note(object, self.repo.hash, self.knows);
        let origin = Origin::Tree { id: object.id.to_owned() };
        let base = base.zip(object.copies).map(|(value, copies)| Base { value, copies });
        visit(&Blob { binary: false, ..Blob::whole(&origin, object.bytes) }, base)
    }

    /// Lends a blob that was read before. If it could not be, that was told of then.
    fn named(&self, id: ObjectId, name: &[u8], visit: &mut dyn FnMut(&Blob<'_>, &[u8])) {
        let mut bytes = Vec::new();
        let read = self.repo.read(&id, Kind::Blob, &mut bytes);
        if read.is_ok() && self.max_size.is_none_or(|max| bytes.len() as u64 <= max) {
            visit(&Blob::whole(&Origin::Object { id }, &bytes), name);
        }
    }

    /// Names of refs, and the repository's configuration.
    fn names(&self, tally: &mut Tally, visit: &mut dyn FnMut(&Blob<'_>)) -> crate::error::Result<()> {
        for reference in self.repo.refs()?.iter().filter(|reference| !reference.name.ends_with("@{}")) {
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
        Ok(())
    }
}

/// The objects that trees name, by the first eight bytes of their ids: whether all are there is asked at the end, of the
/// distinct ones only. Two ids that agree in eight bytes would hide one another; nobody has seen that happen by chance.
struct Named {
    all: Vec<Mutex<HashMap<u64, ObjectId>>>,
    /// Blobs with a name that is worth a second look.
    known: Mutex<BTreeSet<(ObjectId, Vec<u8>)>>,
}

impl Default for Named {
    fn default() -> Self {
        Self { all: (0..64).map(|_| Mutex::default()).collect(), known: Mutex::default() }
    }
}

impl Named {
    /// Notes the entries of a tree; of a delta, only those that its base does not have at hand.
    fn note(&self, object: &Object<'_>, hash: pack::HashKind, knows: &dyn Fn(&[u8]) -> bool) {
        let start = object.bytes.as_ptr() as usize;
        let mut copies = object.copies.unwrap_or_default().iter().peekable();
        for entry in object::tree_entries(object.bytes, hash).filter(|entry| entry.mode != Mode::Submodule) {
            let (from, to) =
                (entry.name.as_ptr() as usize - start, entry.id.as_ptr() as usize - start + entry.id.len());
            while copies.next_if(|copy| (copy.child + copy.len) as usize <= from).is_some() {}
            if copies.peek().is_some_and(|copy| copy.child as usize <= from && to <= (copy.child + copy.len) as usize) {
                continue;
            }
            if entry.mode == Mode::Blob && knows(entry.name) {
                let known = (entry.id(), entry.name.to_vec());
                self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(known);
            }
            let short = entry.id.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
            self.all[(short & 63) as usize]
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(short)
                .or_insert_with(|| entry.id());
        }
    }

    /// The blobs with a known name, in an order that does not depend on threads.
    fn known(&self) -> BTreeSet<(ObjectId, Vec<u8>)> {
        std::mem::take(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Names those that the store does not have; in a partial clone that is by choice of whoever cloned it.
    fn missing(self, repo: &Repo, is_partial: bool, tally: &mut Tally) {
        let (reason, advice) = match is_partial {
            true => (Reason::Partial, "; `git fetch --refetch --no-filter` gets it"),
            false => (Reason::Missing, ""),
        };
        for shard in self.all {
            for id in shard.into_inner().unwrap_or_else(PoisonError::into_inner).into_values() {
                if !repo.store().contains(&id) {
                    tally.skip(reason, format!("object {id}, which a tree names{advice}"));
                }
            }
        }
    }
}

/// Lends the message and the identities of a commit.
pub(super) fn commit_texts(id: &ObjectId, commit: &Commit<'_>, visit: &mut dyn FnMut(&Blob<'_>)) {
    let texts = [
        (PlaceKind::CommitMessage, commit.message),
        (PlaceKind::Author, commit.author),
        (PlaceKind::Committer, commit.committer),
    ];
    for (kind, text) in texts {
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
            FailureKind::TooLarge => Reason::TooLarge,
            FailureKind::Io => Reason::Unreadable,
        };
        tally.skip(reason, format!("{}: {}", failure.what, failure.why));
    }
    for _ in 0..read.more_failures.min(1_000_000) {
        tally.skip(Reason::Corrupt, "and more");
    }
    tally
}
