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
    /// The runs of whole entries that the base has, too, in order.
    kept: Vec<Copy>,
}

impl Layout {
    /// Reads a tree, given that of its delta base and what was copied from there.
    pub fn read(bytes: &[u8], hash: HashKind, base: Option<(&Self, &[Copy])>) -> Self {
        let inherited = base.and_then(|(base, copies)| Self::inherit(bytes, hash, base, copies));
        inherited.unwrap_or_else(|| {
            let mut layout = Self { starts: Vec::with_capacity(bytes.len() / 32 + 1), kept: Vec::new() };
            let end = layout.parse(bytes, hash, 0, bytes.len());
            layout.starts.push(end as u32);
            layout
        })
    }

    /// `None` if the entries of base and child do not meet: then a copied one is no entry of the child.
    fn inherit(bytes: &[u8], hash: HashKind, base: &Self, copies: &[Copy]) -> Option<Self> {
        let mut layout = Self { starts: Vec::with_capacity(base.starts.len() + 8), kept: Vec::new() };
        let mut at = 0;
        for copy in copies {
            let first = base.starts.partition_point(|start| *start < copy.base);
            let after = base.starts.partition_point(|start| *start <= copy.base + copy.len);
            let Some(whole @ [from, .., to]) = base.starts.get(first..after) else {
                continue;
            };
            let moved = |start: u32| start - copy.base + copy.child;
            let begin = moved(*from) as usize;
            at = layout.parse(bytes, hash, at, begin);
            if at != begin {
                return None;
            }
            layout.starts.extend(whole[..whole.len() - 1].iter().map(|start| moved(*start)));
            layout.kept.push(Copy { base: *from, child: moved(*from), len: to - from });
            at = moved(*to) as usize;
        }
        let end = layout.parse(bytes, hash, at, bytes.len());
        layout.starts.push(end as u32);
        Some(layout)
    }

    /// Reads entries from `at` on until `end` is reached or passed, and says where the last one ends.
    fn parse(&mut self, bytes: &[u8], hash: HashKind, mut at: usize, end: usize) -> usize {
        while at < end {
            let Some((_, rest)) = bytes.get(at..).and_then(|bytes| first_entry(bytes, hash.len_in_bytes())) else {
                break;
            };
            self.starts.push(at as u32);
            at = bytes.len() - rest.len();
        }
        at
    }

    /// The runs of whole entries that the base has, too, in order.
    pub fn kept(&self) -> &[Copy] {
        &self.kept
    }

    /// The entries outside of those runs, and where each begins.
    pub fn fresh<'t>(&self, bytes: &'t [u8], hash: HashKind) -> impl Iterator<Item = (u32, TreeEntry<'t>)> {
        let end = self.starts.last().copied().unwrap_or(0);
        let mut kept = self.kept.iter();
        let mut next = kept.next();
        let mut at = 0;
        std::iter::from_fn(move || {
            while let Some(run) = next.filter(|run| run.child == at) {
                at = run.child + run.len;
                next = kept.next();
            }
            if at >= end {
                return None;
            }
            let (entry, rest) = first_entry(bytes.get(at as usize..)?, hash.len_in_bytes())?;
            let start = std::mem::replace(&mut at, (bytes.len() - rest.len()) as u32);
            Some((start, entry))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(mode: &str, name: &str, id: u8) -> Vec<u8> {
        [mode.as_bytes(), b" ", name.as_bytes(), b"\0", &[id; 20]].concat()
    }

    type Entry = (u32, Vec<u8>);

    /// All entries: those of the base that were kept, and the fresh ones.
    fn laid(layout: &Layout, base: &[Entry], bytes: &[u8]) -> Vec<Entry> {
        let fresh = layout.fresh(bytes, HashKind::Sha1).map(|(at, e)| (at, e.name.to_vec()));
        let mut all: Vec<Entry> = fresh.collect();
        for run in layout.kept() {
            let inside = base.iter().filter(|(at, _)| (run.base..run.base + run.len).contains(at));
            all.extend(inside.map(|(at, name)| (at - run.base + run.child, name.clone())));
        }
        all.sort();
        all
    }

    fn plain(bytes: &[u8]) -> Vec<Entry> {
        let end = |e: &TreeEntry<'_>| (e.id.as_ptr() as usize - bytes.as_ptr() as usize + e.id.len()) as u32;
        let entries: Vec<_> = tree_entries(bytes, HashKind::Sha1).collect();
        let starts = std::iter::once(0).chain(entries.iter().map(end));
        starts.zip(&entries).map(|(at, e)| (at, e.name.to_vec())).collect()
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
        let whole = Layout::read(&base, HashKind::Sha1, None);
        let entries = plain(&base);
        assert_eq!(laid(&whole, &[], &base), entries);
        let mut inherited = 0;
        for from in 0..base.len() {
            for to in from + 1..=base.len() {
                for insert in [entry("100644", "new", 7), b"100644 cut".to_vec(), vec![]] {
                    let child = [&insert[..], &base[from..to], &insert[..]].concat();
                    let copy = Copy { base: from as u32, child: insert.len() as u32, len: (to - from) as u32 };
                    let layout = Layout::read(&child, HashKind::Sha1, Some((&whole, &[copy])));
                    assert_eq!(laid(&layout, &entries, &child), plain(&child), "{from} {to}");
                    inherited += usize::from(!layout.kept().is_empty());
                }
            }
        }
        assert!(inherited > 1000, "{inherited}");
    }
}
