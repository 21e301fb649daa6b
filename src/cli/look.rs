//! What is looked at of every blob: its bytes, and what is in it if it is a container. All modes go through here.

use std::collections::HashSet;
use std::sync::Mutex;

use keysieve::blob::{Blob, Origin};
use keysieve::coverage::Tally;
use keysieve::finding::Sighting;
use keysieve::lock::lock;
use keysieve::rules::FileNames;
use keysieve::scan::Scanner;
use keysieve::secret::Secret;
use keysieve::unpack::{Limits, Unpacker};

/// A scanner and what opens containers for it.
pub struct Look<'a> {
    /// Finds secrets in bytes.
    pub scanner: &'a Scanner,
    names: &'a FileNames,
    unpacker: Unpacker,
    inside: Mutex<Tally>,
}

impl<'a> Look<'a> {
    /// Within these limits.
    pub fn new(scanner: &'a Scanner, names: &'a FileNames, limits: Limits) -> Self {
        Self { scanner, names, unpacker: Unpacker::new(limits), inside: Mutex::default() }
    }

    /// What is found in a blob and inside it.
    pub fn at(&self, blob: &Blob<'_>) -> Vec<Sighting> {
        let named = blob.origin.path().map_or_else(Vec::new, |path| self.names.fitting(path));
        let mut sightings = self.scanner.sight(blob, &named);
        sightings.extend(self.inside(blob));
        sightings
    }

    /// What is found in a blob that has a name; not inside it.
    pub fn named(&self, blob: &Blob<'_>, name: &[u8]) -> Vec<Sighting> {
        self.scanner.sight(blob, &self.names.fitting(name))
    }

    /// What is found in the members of a container.
    pub fn inside(&self, blob: &Blob<'_>) -> Vec<Sighting> {
        let mut sightings = Vec::new();
        let read = self.unpacker.open(blob, &mut |member| sightings.extend(self.member(member)));
        if let Some(read) = read {
            lock(&self.inside).merge(read);
        }
        sightings
    }

    fn member(&self, member: &Blob<'_>) -> Vec<Sighting> {
        let name = member.inside.map(|inside| inside.path.as_slice()).unwrap_or_default();
        self.scanner.sight(member, &self.names.fitting(name))
    }

    /// The secrets in some bytes that were not lent by the source, such as those of an older version.
    pub fn secrets(&self, bytes: &[u8]) -> HashSet<Secret> {
        let blob = Blob::whole(&Origin::Stdin, bytes);
        let mut sightings = self.scanner.sight(&blob, &[]);
        self.unpacker.open(&blob, &mut |member| sightings.extend(self.member(member)));
        sightings.into_iter().map(|sighting| sighting.hit.secret).collect()
    }

    /// What was read inside containers so far, and what not, there and in encoded text.
    pub fn tally(&self) -> Tally {
        let mut tally = std::mem::take(&mut *lock(&self.inside));
        tally.merge(self.scanner.tally());
        tally
    }
}
