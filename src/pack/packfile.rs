//! A pack and its index, mapped.

use std::cmp::Ordering;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;

use gix_hash::Kind as HashKind;
use gix_hash::oid;
use gix_pack::data;
use gix_pack::index;

use super::forest::Skeleton;
use super::trouble::Trouble;
use crate::lock::lock;

/// Guesses before what is left is halved: with random ids, three or four suffice among millions.
const GUESSES: usize = 6;
/// So few ids lie in a handful of cache lines.
const FEW: u32 = 8;

/// Two files that git never changes once they have their names, so a mapping outlives even their removal.
pub(super) struct Pack {
    index: index::File,
    data: data::File,
    path: PathBuf,
    hash_len: usize,
    skeleton: Mutex<Option<Arc<Skeleton>>>,
}

impl Pack {
    /// Maps the index at `path` and the pack beside it.
    pub(super) fn open(path: &Path, hash: HashKind) -> Result<Self, Trouble> {
        let pack = path.with_extension("pack");
        for file in [path, &pack] {
            let found = fs::metadata(file).map_err(|error| Trouble::io(&error))?;
            // Opening a pipe would wait forever.
            if !found.is_file() {
                return Err(Trouble::corrupt("it is not a regular file"));
            }
        }
        let index = index::File::at(path, hash).map_err(|e| Trouble::corrupt(chain(&e)))?;
        let data = data::File::at(&pack, hash).map_err(|e| Trouble::corrupt(chain(&e)))?;
        let skeleton = Mutex::default();
        Ok(Pack { index, data, path: pack, hash_len: hash.len_in_bytes(), skeleton })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn hash_len(&self) -> usize {
        self.hash_len
    }

    /// What its entries are built on.
    pub(super) fn skeleton(&self) -> Arc<Skeleton> {
        let mut known = lock(&self.skeleton);
        Arc::clone(known.get_or_insert_with(|| Arc::new(Skeleton::new(self))))
    }

    /// Lets go of what only walks over all of it need.
    pub(super) fn tidy(&self) {
        lock(&self.skeleton).take();
    }

    /// How many objects the index lists.
    pub(super) fn len(&self) -> u32 {
        self.index.num_objects()
    }

    /// How many objects the pack says it holds.
    pub(super) fn claimed(&self) -> u32 {
        self.data.num_objects()
    }

    /// The id at `position` in the index, which must be less than [`Pack::len`].
    pub(super) fn id(&self, position: u32) -> &oid {
        self.index.oid_at_index(position)
    }

    /// Where the entry of the object at `position` starts.
    pub(super) fn offset(&self, position: u32) -> u64 {
        self.index.pack_offset_at_index(position)
    }

    /// The CRC-32 of that entry, if the index is not of the first version.
    pub(super) fn crc32(&self, position: u32) -> Option<u32> {
        self.index.crc32_at_index(position)
    }

    /// Where the object is in the index. Ids are as good as random, so that their value tells where they stand: a few
    /// guesses find them, and what they leave is halved.
    pub(super) fn position(&self, id: &oid) -> Option<u32> {
        if id.kind() != self.index.object_hash() {
            return None;
        }
        let value = leading(id.as_bytes());
        let (mut low, mut high) = (0, self.len());
        let (mut least, mut most) = (0, u64::MAX);
        for _ in 0..GUESSES {
            if high - low < FEW {
                break;
            }
            let part = u128::from(value - least) * u128::from(high - low) / (u128::from(most - least) + 1);
            let guess = low + part as u32;
            let there = leading(self.id(guess).as_bytes());
            match there.cmp(&value) {
                Ordering::Less => (low, least) = (guess + 1, there),
                Ordering::Greater => (high, most) = (guess, there),
                Ordering::Equal => break,
            }
        }
        while low < high {
            let middle = low + (high - low) / 2;
            match self.id(middle).cmp(id) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Some(middle),
            }
        }
        None
    }

    /// Whether an object stands in the index at `from` or after, and where to go on with the next greater one.
    pub(super) fn position_from(&self, id: &oid, from: u32) -> (bool, u32) {
        if id.kind() != self.index.object_hash() {
            return (false, from);
        }
        let value = leading(id.as_bytes());
        let is_before = |position: u32| {
            position < self.len() && {
                let there = self.id(position);
                leading(there.as_bytes()).cmp(&value).then_with(|| there.cmp(id)).is_lt()
            }
        };
        let (mut low, mut stride) = (from, 1);
        while is_before(low.saturating_add(stride)) {
            low += stride;
            stride = stride.saturating_mul(2);
        }
        let mut high = low.saturating_add(stride).min(self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if is_before(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (low < self.len() && self.id(low) == id, low)
    }

    /// Everything up to the trailing checksum.
    pub(super) fn bytes(&self) -> &[u8] {
        self.data.entry_slice(0..self.data.pack_end() as u64).unwrap_or_default()
    }
}

/// The first eight bytes of an id, as a number of the same order: a key that chance does not give to two objects.
pub fn leading(id: &[u8]) -> u64 {
    id.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
