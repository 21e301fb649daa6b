//! What git calls a rename: a path that is gone and one that is new, whose contents are alike. Judged as git judges by
//! default: the same content, else the same file name and much the same content, else at least half of it.

use std::collections::HashMap;

use super::diff::{Added, Changes};
use super::{Mode, Repo};
use crate::blob::ObjectId;
use crate::pack::Kind;

/// How alike two contents must be, in percent.
const ALIKE: u64 = 50;
/// The same, where the file name is the same and there is no other of that name.
const ALIKE_BY_NAME: u64 = 75;
/// More comparisons than git makes by default are not made: only moves without a change are seen then.
const MOST: usize = 1_000_000;

impl Repo {
    /// For each new path of an index, the path and blob of `tree` that it was moved from. `changes` are those of the
    /// index against that tree.
    pub fn renames(&self, changes: &Changes, tree: ObjectId) -> HashMap<Vec<u8>, Added> {
        let mut gone: Vec<Added> = Vec::new();
        for (path, mode, id) in &changes.removed {
            match mode {
                Mode::Blob => gone.push(Added { path: path.clone(), id: *id }),
                Mode::Tree => gone.extend(
                    self.added(*id, &[])
                        .added
                        .into_iter()
                        .map(|below| Added { path: [path.as_slice(), b"/", &below.path].concat(), ..below }),
                ),
                Mode::Submodule => {}
            }
        }
        if gone.is_empty() {
            return HashMap::new();
        }
        let new = changes.added.iter().filter(|added| self.blob_at(&tree, &added.path).is_none());
        let mut pairs = Pairs { repo: self, new: new.collect(), gone, found: HashMap::new(), chunks: HashMap::new() };
        pairs.same_content();
        if pairs.new.len().saturating_mul(pairs.gone.len()) <= MOST {
            pairs.same_name();
            pairs.alike();
        }
        pairs.found
    }
}

struct Pairs<'a> {
    repo: &'a Repo,
    new: Vec<&'a Added>,
    gone: Vec<Added>,
    found: HashMap<Vec<u8>, Added>,
    chunks: HashMap<ObjectId, Chunks>,
}

/// How many bytes of a content are in which line, and in all.
type Chunks = (HashMap<Vec<u8>, u64>, u64);

impl Pairs<'_> {
    fn same_content(&mut self) {
        for place in 0..self.new.len() {
            let new = self.new[place];
            let same = |gone: &&Added| gone.id == new.id;
            let best = self.gone.iter().filter(same).max_by_key(|gone| name_of(&gone.path) == name_of(&new.path));
            if let Some(gone) = best.cloned() {
                self.pair(new, &gone);
            }
        }
        self.forget();
    }

    /// Files that kept their name and have moved to another folder, if no other has that name.
    fn same_name(&mut self) {
        let count = |paths: &mut dyn Iterator<Item = &Vec<u8>>| {
            let mut names: HashMap<Vec<u8>, usize> = HashMap::new();
            paths.for_each(|path| *names.entry(name_of(path).to_vec()).or_default() += 1);
            names
        };
        let (new, gone) = (count(&mut self.new.iter().map(|a| &a.path)), count(&mut self.gone.iter().map(|a| &a.path)));
        for place in 0..self.new.len() {
            let added = self.new[place];
            let name = name_of(&added.path);
            if new.get(name) != Some(&1) || gone.get(name) != Some(&1) {
                continue;
            }
            let Some(before) = self.gone.iter().find(|gone| name_of(&gone.path) == name).cloned() else { continue };
            if self.alikeness(&before.id, &added.id) >= ALIKE_BY_NAME {
                self.pair(added, &before);
            }
        }
        self.forget();
    }

    fn alike(&mut self) {
        let mut scored = Vec::new();
        let gone = self.gone.len();
        for (n, g) in (0..self.new.len()).flat_map(|n| (0..gone).map(move |g| (n, g))) {
            let (new, gone) = (self.new[n], self.gone[g].clone());
            let score = self.alikeness(&gone.id, &new.id);
            if score >= ALIKE {
                scored.push((score, name_of(&gone.path) == name_of(&new.path), n, gone));
            }
        }
        scored.sort_by(|a, b| (b.0, b.1, a.2).cmp(&(a.0, a.1, b.2)));
        for (_, _, n, gone) in scored {
            if self.gone.contains(&gone) && !self.found.contains_key(&self.new[n].path) {
                self.pair(self.new[n], &gone);
            }
        }
    }

    fn pair(&mut self, new: &Added, gone: &Added) {
        self.gone.retain(|other| other != gone);
        self.found.insert(new.path.clone(), gone.clone());
    }

    fn forget(&mut self) {
        self.new.retain(|new| !self.found.contains_key(&new.path));
    }

    /// How much of the larger content is in both, in percent.
    fn alikeness(&mut self, a: &ObjectId, b: &ObjectId) -> u64 {
        for id in [a, b] {
            if !self.chunks.contains_key(id) {
                let mut bytes = Vec::new();
                let read = self.repo.read(id, Kind::Blob, &mut bytes);
                self.chunks.insert(*id, if read.is_ok() { chunks(&bytes) } else { Chunks::default() });
            }
        }
        let (Some((a, a_size)), Some((b, b_size))) = (self.chunks.get(a), self.chunks.get(b)) else { return 0 };
        let shared: u64 = a.iter().map(|(chunk, bytes)| b.get(chunk).map_or(0, |other| *bytes.min(other))).sum();
        (shared * 100).checked_div(*a_size.max(b_size)).unwrap_or(0)
    }
}

/// Lines, long ones in pieces of 64 bytes, without the CR of a line end.
fn chunks(bytes: &[u8]) -> Chunks {
    let mut counts: HashMap<Vec<u8>, u64> = HashMap::new();
    let mut size = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let text = match line.strip_suffix(b"\r\n") {
            Some(text) => [text, b"\n"].concat(),
            None => line.to_vec(),
        };
        for piece in text.chunks(64) {
            *counts.entry(piece.to_vec()).or_default() += piece.len() as u64;
            size += piece.len() as u64;
        }
    }
    (counts, size)
}

fn name_of(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}
