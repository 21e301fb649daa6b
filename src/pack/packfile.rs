//! A pack and its index, mapped.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use gix_hash::Kind as HashKind;
use gix_hash::oid;
use gix_pack::data;
use gix_pack::index;

use super::trouble::Trouble;

/// Two files that git never changes once they have their names, so a mapping outlives even their removal.
pub(super) struct Pack {
    index: index::File,
    data: data::File,
    path: PathBuf,
    hash_len: usize,
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
        Ok(Pack { index, data, path: pack, hash_len: hash.len_in_bytes() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn hash_len(&self) -> usize {
        self.hash_len
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

    pub(super) fn position(&self, id: &oid) -> Option<u32> {
        self.index.lookup(id)
    }

    /// Everything up to the trailing checksum.
    pub(super) fn bytes(&self) -> &[u8] {
        self.data.entry_slice(0..self.data.pack_end() as u64).unwrap_or_default()
    }
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
