//! An object store: its directories and the packs in them.

use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;

use gix_hash::Kind as HashKind;
use gix_hash::ObjectId;
use gix_hash::oid;

use super::Failure;
use super::FailureKind;
use super::Kind;
use super::bench::Benches;
use super::loose;
use super::packfile::{Pack, leading};
use super::trouble::Trouble;
use crate::lock::lock;

/// Larger objects are not read unless [`Store::with_max_object_size`] says so.
const MAX_OBJECT_SIZE: usize = 512 << 20;
/// Larger lists of alternates are refused.
const MAX_ALTERNATES: u64 = 1 << 20;

/// Why a store or an object in it cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no object store.
    #[error("{path}: {source}", path = path.display())]
    Open {
        /// Where it should be.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is such an object, but it cannot be read.
    #[error("object {id}: {why}")]
    Object {
        /// Its name.
        id: ObjectId,
        /// Why, as a clause that can follow a colon.
        why: String,
        /// What sort of reason that is.
        kind: FailureKind,
    },
}

/// An object directory with everything it borrows from.
pub struct Store {
    /// The directory itself, then its alternates; no two are the same.
    dirs: Vec<PathBuf>,
    hash: HashKind,
    max_object_size: usize,
    packs: Mutex<Arc<[Arc<Pack>]>>,
    /// Alternates that cannot be read.
    absent: Vec<Failure>,
    pub(super) benches: Benches,
}

impl Store {
    /// Opens an object directory (`.git/objects`) and those it names in `info/alternates`.
    pub fn open(objects: &Path, hash: HashKind) -> Result<Self, Error> {
        Self::open_with(objects, &[], hash)
    }

    /// Opens an object directory with further alternates, such as those in `GIT_ALTERNATE_OBJECT_DIRECTORIES`.
    pub fn open_with(objects: &Path, alternates: &[PathBuf], hash: HashKind) -> Result<Self, Error> {
        let error = |source| Error::Open { path: objects.to_owned(), source };
        fs::read_dir(objects).map_err(error)?;
        let (dirs, absent) = directories(objects, alternates);
        let store = Store {
            dirs,
            hash,
            max_object_size: MAX_OBJECT_SIZE,
            packs: Mutex::new(Arc::new([])),
            absent,
            benches: Benches::default(),
        };
        store.list_packs();
        Ok(store)
    }

    /// Sets the size above which objects are not read but named as [`FailureKind::TooLarge`]; below 4 GiB.
    #[must_use]
    pub fn with_max_object_size(mut self, bytes: usize) -> Self {
        self.max_object_size = bytes.min(u32::MAX as usize - 1);
        self
    }

    /// Reads one object into `out`, replacing what was there; `Ok(None)` if there is no trace of it.
    ///
    /// For many objects use [`Store::for_each`], which is an order of magnitude cheaper.
    pub fn find(&self, id: &oid, out: &mut Vec<u8>) -> Result<Option<Kind>, Error> {
        out.clear();
        if id.kind() != self.hash {
            return Ok(None);
        }
        let mut bench = self.benches.take();
        let mut bytes = bench.buffer(0);
        let mut found = self.fill(id, &mut bytes, &mut bench, 0);
        // Not there, or gone in this moment: git may just have packed it.
        if !matches!(found, Ok(Some(_))) && self.list_packs().changed {
            found = self.fill(id, &mut bytes, &mut bench, 0);
        }
        if let Ok(Some(_)) = found {
            bytes.give(out);
        }
        bench.recycle(bytes);
        self.benches.give(bench);
        found.map_err(|Trouble { kind, why }| Error::Object { id: id.to_owned(), why: why.into_owned(), kind })
    }

    /// Whether there is such an object, without a look at whether it can be read.
    pub fn contains(&self, id: &oid) -> bool {
        if id.kind() != self.hash {
            return false;
        }
        let packed = || self.packs().iter().any(|pack| pack.position(id).is_some());
        let loose = || self.dirs.iter().any(|dir| loose::path(dir, id).is_file());
        packed() || loose() || self.list_packs().changed && packed()
    }

    /// Drops those whose object a pack has, and changes their order: packs that were there when they were last listed.
    pub fn drop_packed<N>(&self, named: &mut Vec<N>, id: impl Fn(&N) -> &ObjectId) {
        let key = |one: &N| leading(id(one).as_bytes());
        named.sort_unstable_by(|a, b| key(a).cmp(&key(b)).then_with(|| id(a).cmp(id(b))));
        for pack in self.packs().iter() {
            let mut from = 0;
            named.retain(|one| {
                let (found, next) = pack.position_from(id(one), from);
                from = next;
                !found
            });
        }
    }

    /// Lets go of what only passes over all objects need: some 33 bytes for each.
    pub fn tidy(&self) {
        self.packs().iter().for_each(|pack| pack.tidy());
    }

    /// About how many objects there are: one that is in several places counts several times.
    pub fn estimate(&self) -> u64 {
        let packed: u64 = self.packs().iter().map(|pack| u64::from(pack.len())).sum();
        let mut loose = Vec::new();
        self.dirs.iter().for_each(|dir| loose::list(dir, self.hash, &mut loose, &mut |_, _| ()));
        packed + loose.len() as u64
    }

    /// The hash that names objects here.
    pub fn hash(&self) -> HashKind {
        self.hash
    }

    pub(super) fn dirs(&self) -> &[PathBuf] {
        &self.dirs
    }

    pub(super) fn max_object_size(&self) -> usize {
        self.max_object_size
    }

    /// The size in a header, if an object may be that large.
    pub(super) fn allowed(&self, size: u64) -> Result<usize, Trouble> {
        usize::try_from(size)
            .ok()
            .filter(|&size| size <= self.max_object_size)
            .ok_or_else(|| Trouble::too_large(size, self.max_object_size as u64))
    }

    /// The packs that were there when they were last listed, largest first.
    pub(super) fn packs(&self) -> Arc<[Arc<Pack>]> {
        Arc::clone(&lock(&self.packs))
    }

    /// Lists the packs again and opens those that are new.
    pub(super) fn list_packs(&self) -> Listed {
        let known = self.packs();
        let mut listed = Listed { failures: self.absent.clone(), ..Listed::default() };
        let mut packs = Vec::new();
        for dir in &self.dirs {
            for index in listed.indexes(&dir.join("pack")) {
                let path = index.with_extension("pack");
                if let Some(pack) = known.iter().find(|pack| pack.path() == path) {
                    packs.push(Arc::clone(pack));
                    continue;
                }
                match Pack::open(&index, self.hash) {
                    Ok(pack) => packs.push(Arc::new(pack)),
                    Err(trouble) => listed.fail(&path, trouble),
                }
            }
        }
        packs.sort_by(|a, b| (b.len(), a.path()).cmp(&(a.len(), b.path())));
        let same = |(a, b): (&Arc<Pack>, &Arc<Pack>)| Arc::ptr_eq(a, b);
        listed.changed = packs.len() != known.len() || !packs.iter().zip(known.iter()).all(same);
        if listed.changed {
            *lock(&self.packs) = packs.into();
        }
        listed
    }
}

/// What came of listing the packs.
#[derive(Default)]
pub(super) struct Listed {
    /// Whether there are others than before.
    pub(super) changed: bool,
    /// What is there but cannot be used.
    pub(super) failures: Vec<Failure>,
}

impl Listed {
    /// The indexes in a directory of packs, each with a pack beside it.
    fn indexes(&mut self, dir: &Path) -> Vec<PathBuf> {
        let mut indexes = BTreeSet::new();
        let mut packs = BTreeSet::new();
        match fs::read_dir(dir) {
            Ok(files) => {
                for path in files.filter_map(|file| Some(file.ok()?.path())) {
                    match path.extension().and_then(|extension| extension.to_str()) {
                        Some("idx") => indexes.insert(path),
                        Some("pack") => packs.insert(path.with_extension("idx")),
                        _ => false,
                    };
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.fail(dir, Trouble::io(&error)),
        }
        for index in packs.difference(&indexes) {
            let why =
                "its index is missing, without which its objects cannot be told apart; `git index-pack` makes it anew";
            self.fail(&index.with_extension("pack"), Trouble::missing(why));
        }
        for index in indexes.difference(&packs) {
            self.fail(index, Trouble::missing("its pack is missing"));
        }
        indexes.intersection(&packs).cloned().collect()
    }

    fn fail(&mut self, path: &Path, trouble: Trouble) {
        self.failures.push(Failure {
            id: None,
            what: path.display().to_string(),
            why: trouble.why.into_owned(),
            kind: trouble.kind,
        });
    }
}

/// The object directory and all it borrows from, each once: alternates may lead in circles.
fn directories(objects: &Path, alternates: &[PathBuf]) -> (Vec<PathBuf>, Vec<Failure>) {
    let mut listed = Listed::default();
    let mut dirs = Vec::new();
    let mut seen = BTreeSet::new();
    let mut pending = VecDeque::from([objects.to_owned()]);
    pending.extend(alternates.iter().cloned());
    while let Some(dir) = pending.pop_front() {
        match fs::canonicalize(&dir) {
            Ok(real) => {
                if seen.insert(real) {
                    pending.extend(borrowed(&dir, &mut listed));
                    dirs.push(dir);
                }
            }
            Err(error) => listed.fail(&dir, Trouble::io(&error)),
        }
    }
    (dirs, listed.failures)
}

/// The directories in `info/alternates`; relative ones start at the directory that names them.
fn borrowed(dir: &Path, listed: &mut Listed) -> Vec<PathBuf> {
    let file = dir.join("info").join("alternates");
    let text = match read_small(&file) {
        Ok(text) => text,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                listed.fail(&file, Trouble::io(&error));
            }
            return Vec::new();
        }
    };
    match gix_odb::alternate::parse(&text) {
        Ok(paths) => paths.iter().map(|path| dir.join(path)).collect(),
        Err(error) => {
            listed.fail(&file, Trouble::corrupt(error.to_string()));
            Vec::new()
        }
    }
}

/// Reads a file that has no reason to be large, and is no pipe that would be waited for.
fn read_small(file: &Path) -> io::Result<Vec<u8>> {
    let found = fs::metadata(file)?;
    if !found.is_file() || found.len() > MAX_ALTERNATES {
        return Err(io::Error::other("not a regular file of reasonable size"));
    }
    fs::read(file)
}
