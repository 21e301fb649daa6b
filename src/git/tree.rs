//! Trees: their entries, and where those begin.

use crate::blob::ObjectId;
use crate::pack::{Copy, HashKind};

/// An entry of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeEntry<'a> {
    /// What it is.
    pub mode: Mode,
    /// Its name.
    pub name: &'a [u8],
    /// Its object, as raw bytes.
    pub id: &'a [u8],
}

/// What a tree or index entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A directory.
    Tree,
    /// A file, or the text of a symbolic link.
    Blob,
    /// A commit of another repository.
    Submodule,
}

impl TreeEntry<'_> {
    /// The id of its object.
    pub fn id(&self) -> ObjectId {
        ObjectId::from_bytes_or_panic(self.id)
    }
}

/// The entries of a tree object; stops where it is damaged.
pub fn tree_entries(bytes: &[u8], hash: HashKind) -> impl Iterator<Item = TreeEntry<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (entry, tail) = first_entry(rest, hash.len_in_bytes())?;
        rest = tail;
        Some(entry)
    })
}

/// The entry at the start of `bytes`, and what follows it.
fn first_entry(bytes: &[u8], id_len: usize) -> Option<(TreeEntry<'_>, &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let mode = match &bytes[..space] {
        b"40000" | b"040000" => Mode::Tree,
        b"160000" => Mode::Submodule,
        _ => Mode::Blob,
    };
    let rest = &bytes[space + 1..];
    let (name, rest) = rest.split_at(memchr::memchr(0, rest)?);
    let (id, rest) = rest[1..].split_at_checked(id_len)?;
    Some((TreeEntry { mode, name, id }, rest))
}

/// Where the entries of a tree begin. Most of a tree is copied from its delta base, and so is most of this.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Of each entry in order, then where the last one ends.
    starts: Vec<u32>,
}

impl Layout {
    /// Reads a tree. `fresh` is shown every entry that its base does not have, and perhaps some that it has.
    pub fn read<'t>(
        bytes: &'t [u8],
        hash: HashKind,
        base: Option<(&Self, &[Copy])>,
        mut fresh: impl FnMut(TreeEntry<'t>),
    ) -> Self {
        let inherited = base.and_then(|(base, copies)| Self::inherit(bytes, hash, base, copies, &mut fresh));
        inherited.unwrap_or_else(|| {
            let mut layout = Self { starts: Vec::with_capacity(bytes.len() / 32 + 1) };
            let end = layout.parse(bytes, hash, 0, bytes.len(), &mut fresh);
            layout.starts.push(end as u32);
            layout
        })
    }

    /// `None` if the entries of base and child do not meet: then a copied one is no entry of the child.
    fn inherit<'t>(
        bytes: &'t [u8],
        hash: HashKind,
        base: &Self,
        copies: &[Copy],
        fresh: &mut impl FnMut(TreeEntry<'t>),
    ) -> Option<Self> {
        let mut layout = Self { starts: Vec::with_capacity(base.starts.len() + 8) };
        let mut at = 0;
        for copy in copies {
            let first = base.starts.partition_point(|start| *start < copy.base);
            let after = base.starts.partition_point(|start| *start <= copy.base + copy.len);
            let Some(whole @ [.., last]) = base.starts.get(first..after).filter(|whole| whole.len() > 1) else {
                continue;
            };
            let moved = |start: u32| start - copy.base + copy.child;
            let begin = moved(whole[0]) as usize;
            at = layout.parse(bytes, hash, at, begin, fresh);
            if at != begin {
                return None;
            }
            layout.starts.extend(whole[..whole.len() - 1].iter().map(|start| moved(*start)));
            at = moved(*last) as usize;
        }
        let end = layout.parse(bytes, hash, at, bytes.len(), fresh);
        layout.starts.push(end as u32);
        Some(layout)
    }

    /// Reads entries from `at` on until `end` is reached or passed, and says where the last one ends.
    fn parse<'t>(
        &mut self,
        bytes: &'t [u8],
        hash: HashKind,
        mut at: usize,
        end: usize,
        fresh: &mut impl FnMut(TreeEntry<'t>),
    ) -> usize {
        while at < end {
            let Some((entry, rest)) = bytes.get(at..).and_then(|bytes| first_entry(bytes, hash.len_in_bytes())) else {
                break;
            };
            self.starts.push(at as u32);
            fresh(entry);
            at = bytes.len() - rest.len();
        }
        at
    }

    /// The entries of the tree that was read, without a search for their ends.
    pub fn entries<'t>(&self, bytes: &'t [u8], hash: HashKind) -> impl Iterator<Item = LaidEntry<'t>> {
        let id_len = hash.len_in_bytes();
        self.starts.windows(2).filter_map(move |ends| {
            let bytes = bytes.get(ends[0] as usize..ends[1] as usize)?;
            let (head, id) = bytes.split_at_checked(bytes.len().checked_sub(id_len)?)?;
            Some(LaidEntry { head, id })
        })
    }
}

/// An entry of a tree of which only the ends are known.
#[derive(Debug, Clone, Copy)]
pub struct LaidEntry<'a> {
    /// Mode, a space, the name, a NUL.
    head: &'a [u8],
    /// Its object, as raw bytes.
    pub id: &'a [u8],
}

impl<'a> LaidEntry<'a> {
    /// Whether it is a directory.
    pub fn is_tree(&self) -> bool {
        self.head.starts_with(b"40000 ") || self.head.starts_with(b"040000 ")
    }

    /// Its name.
    pub fn name(&self) -> &'a [u8] {
        let name = self.head.iter().position(|byte| *byte == b' ').map_or(self.head, |at| &self.head[at + 1..]);
        name.strip_suffix(b"\0").unwrap_or(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(mode: &str, name: &str, id: u8) -> Vec<u8> {
        [mode.as_bytes(), b" ", name.as_bytes(), b"\0", &[id; 20]].concat()
    }

    fn laid(layout: &Layout, bytes: &[u8]) -> Vec<(Vec<u8>, Vec<u8>, bool)> {
        layout.entries(bytes, HashKind::Sha1).map(|e| (e.name().to_vec(), e.id.to_vec(), e.is_tree())).collect()
    }

    fn plain(bytes: &[u8]) -> Vec<(Vec<u8>, Vec<u8>, bool)> {
        tree_entries(bytes, HashKind::Sha1).map(|e| (e.name.to_vec(), e.id.to_vec(), e.mode == Mode::Tree)).collect()
    }

    /// Every way to cut a tree into a copied and an inserted part, at any byte, gives what reading it whole gives; also
    /// where ids look like entries and entries are damaged.
    #[test]
    fn inherited_layouts_equal_read_ones() {
        let base: Vec<u8> = [
            entry("40000", "lib", 1),
            entry("100644", "a b", b' '),
            entry("160000", "sub", 0),
            entry("100755", "x", 9),
        ]
        .concat();
        let whole = Layout::read(&base, HashKind::Sha1, None, |_| ());
        assert_eq!(laid(&whole, &base), plain(&base));
        let mut inherited = 0;
        for from in 0..base.len() {
            for to in from + 1..=base.len() {
                for insert in [entry("100644", "new", 7), b"100644 cut".to_vec(), vec![]] {
                    let child = [&insert[..], &base[from..to], &insert[..]].concat();
                    let copy = Copy { base: from as u32, child: insert.len() as u32, len: (to - from) as u32 };
                    let mut fresh = 0;
                    let layout = Layout::read(&child, HashKind::Sha1, Some((&whole, &[copy])), |_| fresh += 1);
                    assert_eq!(laid(&layout, &child), plain(&child), "{from} {to}");
                    inherited += usize::from(fresh < plain(&child).len());
                }
            }
        }
        assert!(inherited > 1000, "{inherited}");
    }
}
