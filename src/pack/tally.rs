//! What was read and what was not.

use gix_hash::ObjectId;

use super::Kind;
use super::trouble::Trouble;

/// Failures named one by one; damage beyond is only counted, so that a hostile pack cannot fill the memory with it.
const NAMED: usize = 10_000;

/// What [`Store::for_each`](super::Store::for_each) visited and what it could not read.
#[derive(Debug, Default)]
pub struct Tally {
    /// Blobs visited.
    pub blobs: u64,
    /// Trees visited.
    pub trees: u64,
    /// Commits visited.
    pub commits: u64,
    /// Annotated tags visited.
    pub tags: u64,
    /// Sum of the sizes of the objects visited.
    pub bytes: u64,
    /// What could not be read; the first 10,000.
    pub failures: Vec<Failure>,
    /// How many there were beyond those.
    pub more_failures: u64,
}

/// Something that could not be read, while the rest was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The object, if it is one.
    pub id: Option<ObjectId>,
    /// The object's id, or the path of the file or directory.
    pub what: String,
    /// Why, as a clause that can follow a colon.
    pub why: String,
    /// What sort of reason that is.
    pub kind: FailureKind,
}

/// Why something could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// It is not there.
    Missing,
    /// It is not what it should be.
    Corrupt,
    /// It is larger than the store's limit.
    TooLarge,
    /// The system would not let us.
    Io,
}

impl Tally {
    /// How many objects were visited.
    pub fn objects(&self) -> u64 {
        self.blobs + self.trees + self.commits + self.tags
    }

    /// Whether everything there is was read.
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty() && self.more_failures == 0
    }

    pub(super) fn count(&mut self, kind: Kind, bytes: u64) {
        match kind {
            Kind::Blob => self.blobs += 1,
            Kind::Tree => self.trees += 1,
            Kind::Commit => self.commits += 1,
            Kind::Tag => self.tags += 1,
        }
        self.bytes += bytes;
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        if self.failures.len() < NAMED {
            self.failures.push(failure);
        } else {
            self.more_failures += 1;
        }
    }

    /// Notes an object that could not be read.
    pub(super) fn lost(&mut self, id: ObjectId, trouble: &Trouble) {
        self.fail(Failure { id: Some(id), what: id.to_string(), why: trouble.why.to_string(), kind: trouble.kind });
    }

    pub(super) fn add(&mut self, other: Tally) {
        self.blobs += other.blobs;
        self.trees += other.trees;
        self.commits += other.commits;
        self.tags += other.tags;
        self.bytes += other.bytes;
        self.more_failures += other.more_failures;
        for failure in other.failures {
            self.fail(failure);
        }
    }
}
