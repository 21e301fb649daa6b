//! Files on disk: those named, and those found by walking folders in parallel. In a repository git's own ignore rules
//! hold, tracked files are scanned even if ignored, and what was ignored is counted.

use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use globset::GlobSet;
use ignore::{DirEntry, WalkBuilder, WalkState};

use super::lossy;
use crate::blob::{Blob, Origin, Pieces};
use crate::coverage::{Reason, Tally};
use crate::git::{Repo, path_bytes};
use crate::lock::{lock, unlock};

/// Which files to read.
pub struct Files<'a> {
    /// Files and folders, as named.
    pub paths: &'a [PathBuf],
    /// The repository that they are in.
    pub repo: Option<&'a Repo>,
    /// Ignore rules do not hold.
    pub no_ignore: bool,
    /// Paths that the configuration leaves out, unless named.
    pub skip: &'a GlobSet,
    /// Larger files are left out.
    pub max_size: Option<u64>,
    /// Threads that walk and read.
    pub threads: usize,
    /// Files of the index that were not changed are left out: their blobs are read elsewhere.
    pub only_changed: bool,
}

/// State that the walking threads share.
struct Shared<'a> {
    files: &'a Files<'a>,
    tally: Mutex<Tally>,
    seen: Mutex<HashSet<PathBuf>>,
    folders: Mutex<Vec<PathBuf>>,
    unchanged: std::collections::HashMap<&'a [u8], crate::git::index::Entry<'a>>,
}

impl Files<'_> {
    /// Lends every file, from several threads. Named paths must exist.
    pub fn visit(&self, visit: &(dyn Fn(&Blob<'_>) + Sync)) -> crate::error::Result<Tally> {
        let index = self.repo.map(|repo| repo.index(false)).transpose();
        let mut tally = Tally::default();
        let index = index.unwrap_or_else(|error| {
            tally.skip(Reason::Corrupt, error.to_string());
            None
        });
        let unchanged = index.iter().filter(|_| self.only_changed).flat_map(|index| index.entries());
        let shared = Shared {
            files: self,
            tally: Mutex::new(tally),
            seen: Mutex::default(),
            folders: Mutex::default(),
            unchanged: unchanged.map(|entry| (entry.path, entry)).collect(),
        };
        let mut roots: Vec<Root<'_>> = self.paths.iter().map(|path| self.root(path)).collect();
        // What was named goes first, since each file is read once and what is named is read whatever is skipped.
        roots.sort_by_key(|root| (!root.named, root.path));
        for root in roots {
            self.walk(root, &shared, visit);
        }
        if let (Some(repo), Some(index)) = (self.repo, &index) {
            self.tracked(repo, index, &shared, visit);
        }
        if self.repo.is_some() && !self.no_ignore {
            count_ignored(&shared);
        }
        Ok(unlock(shared.tally))
    }

    fn root<'p>(&self, path: &'p Path) -> Root<'p> {
        let relative = || self.repo.and_then(|repo| repo.relative(&path.canonicalize().ok()?));
        let skipped = || relative().is_some_and(|path| self.skip.is_match(crate::git::bytes_path(&path)));
        Root { path, named: !path.is_dir() || skipped() }
    }

    fn walk(&self, root: Root<'_>, shared: &Shared<'_>, visit: &(dyn Fn(&Blob<'_>) + Sync)) {
        let Root { path, named } = root;
        if !path.is_dir() {
            let mut reader = Reader::new(shared);
            reader.file(path, Asked { itself: true, skipped: true }, visit);
            return;
        }
        let git = !self.no_ignore;
        let mut builder = WalkBuilder::new(path);
        builder.hidden(false).ignore(false).git_global(false).follow_links(false).require_git(true);
        builder.git_ignore(git).git_exclude(git).parents(git).threads(self.threads);
        builder.filter_entry(|entry| entry.file_name() != ".git");
        builder.build_parallel().run(|| {
            let mut reader = Reader::new(shared);
            Box::new(move |entry| {
                match entry {
                    Ok(entry) => reader.entry(&entry, named, visit),
                    Err(error) => reader.tally.skip(Reason::Unreadable, error.to_string()),
                }
                WalkState::Continue
            })
        });
    }

    /// Files that git tracks although its ignore rules fit them.
    fn tracked(
        &self,
        repo: &Repo,
        index: &crate::git::index::Index,
        shared: &Shared<'_>,
        visit: &(dyn Fn(&Blob<'_>) + Sync),
    ) {
        let Some(root) = &repo.work_tree else { return };
        let roots: Vec<PathBuf> =
            self.paths.iter().filter_map(|path| path.canonicalize().ok()).filter(|p| p.is_dir()).collect();
        let mut reader = Reader::new(shared);
        for entry in index.entries().filter(|entry| entry.mode == crate::git::Mode::Blob) {
            let path = root.join(crate::git::bytes_path(entry.path));
            let seen = lock(&shared.seen).contains(&path);
            if !seen && roots.iter().any(|root| path.starts_with(root)) && fs::symlink_metadata(&path).is_ok() {
                reader.file(&path, Asked::default(), visit);
            }
        }
    }
}

/// A path that was named, and whether the configuration's `skip` does not hold there: a file, or a skipped folder.
#[derive(Clone, Copy)]
struct Root<'p> {
    path: &'p Path,
    named: bool,
}

/// What of a file was asked for by name.
#[derive(Clone, Copy, Default)]
struct Asked {
    /// The file itself: a link is followed.
    itself: bool,
    /// It, or a folder that it is in, although the configuration skips it.
    skipped: bool,
}

/// A thread's own tally and buffers.
struct Reader<'s> {
    shared: &'s Shared<'s>,
    tally: Tally,
    seen: Vec<PathBuf>,
    pieces: Pieces,
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        lock(&self.shared.tally).merge(std::mem::take(&mut self.tally));
        lock(&self.shared.seen).extend(self.seen.drain(..));
    }
}

impl<'s> Reader<'s> {
    fn new(shared: &'s Shared<'s>) -> Self {
        Self { shared, tally: Tally::default(), seen: Vec::new(), pieces: Pieces::default() }
    }

    fn entry(&mut self, entry: &DirEntry, skipped: bool, visit: &dyn Fn(&Blob<'_>)) {
        if let Some(error) = entry.error() {
            self.tally.skip(Reason::Unreadable, error.to_string());
        }
        match entry.file_type() {
            Some(kind) if kind.is_dir() => {
                let path = absolute(entry.path());
                self.seen.push(path.clone());
                lock(&self.shared.folders).push(path);
            }
            _ => self.file(entry.path(), Asked { itself: false, skipped }, visit),
        }
    }

    /// Reads one file, once however many of the named paths lead to it.
    fn file(&mut self, path: &Path, asked: Asked, visit: &dyn Fn(&Blob<'_>)) {
        let full = absolute(path);
        if self.shared.files.paths.len() > 1 && lock(&self.shared.seen).contains(&full) {
            return;
        }
        self.seen.push(full.clone());
        let shown = self.shown(&full, path);
        let files = self.shared.files;
        match fs::symlink_metadata(path) {
            Err(error) => self.tally.skip(Reason::Unreadable, format!("{}: {error}", lossy(&shown))),
            Ok(data) if data.is_symlink() && asked.itself => self.linked(path, shown, visit),
            Ok(data) if data.is_symlink() => self.tally.skip(Reason::Symlink, lossy(&shown)),
            Ok(data) if !data.is_file() => self.tally.skip(Reason::Special, lossy(&shown)),
            Ok(data) if self.is_unchanged(&shown, &data) => {}
            Ok(_) if !asked.skipped && files.skip.is_match(crate::git::bytes_path(&shown)) => {
                self.tally.skip(Reason::Configured, lossy(&shown));
            }
            Ok(data) if files.max_size.is_some_and(|max| data.len() > max) => {
                self.tally.skip(Reason::TooLarge, lossy(&shown));
            }
            Ok(_) => self.content(path, shown, visit),
        }
    }

    /// A symbolic link that was named is followed: its user asked for what is behind it.
    fn linked(&mut self, path: &Path, shown: Vec<u8>, visit: &dyn Fn(&Blob<'_>)) {
        match fs::metadata(path) {
            Ok(data) if data.is_file() => self.content(path, shown, visit),
            Ok(_) => self.tally.skip(Reason::Special, lossy(&shown)),
            Err(error) => self.tally.skip(Reason::Unreadable, format!("{}: {error}", lossy(&shown))),
        }
    }

    fn content(&mut self, path: &Path, shown: Vec<u8>, visit: &dyn Fn(&Blob<'_>)) {
        let origin = Origin::File { path: shown };
        let Origin::File { path: shown } = &origin else { return };
        let mut lfs = Tally::default();
        let blob = Blob::whole(&origin, &[]);
        let read =
            File::open(path).and_then(|file| self.pieces.read(&mut &file, Some(&file), &blob, &mut |blob| visit(blob)));
        match read {
            Ok(bytes) => {
                self.tally.files += 1;
                self.tally.bytes += bytes;
                super::note_lfs(&Blob::whole(&origin, self.pieces.first()), || lossy(shown), &mut lfs);
                self.tally.merge(lfs);
            }
            Err(error) => self.tally.skip(Reason::Unreadable, format!("{}: {error}", lossy(shown))),
        }
    }

    fn is_unchanged(&self, shown: &[u8], data: &Metadata) -> bool {
        self.shared.unchanged.get(shown).is_some_and(|entry| entry.is_unchanged(data))
    }

    /// The path from the repository's root, else from the PATH given.
    fn shown(&self, full: &Path, path: &Path) -> Vec<u8> {
        let files = self.shared.files;
        if let Some(relative) = files.repo.and_then(|repo| repo.relative(full)) {
            return relative;
        }
        let below = files.paths.iter().filter(|root| root.is_dir()).find_map(|root| path.strip_prefix(root).ok());
        path_bytes(below.filter(|below| !below.as_os_str().is_empty()).unwrap_or(path))
    }
}

/// What is in the walked folders and was not visited was ignored.
fn count_ignored(shared: &Shared<'_>) {
    let seen = lock(&shared.seen);
    let mut tally = Tally::default();
    for folder in lock(&shared.folders).iter() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            if entry.file_name() != ".git" && !seen.contains(&path) {
                let shown =
                    shared.files.repo.and_then(|repo| repo.relative(&path)).unwrap_or_else(|| path_bytes(&path));
                let slash = if entry.file_type().is_ok_and(|kind| kind.is_dir()) { "/" } else { "" };
                tally.skip(Reason::Ignored, format!("{}{slash}", lossy(&shown)));
            }
        }
    }
    lock(&shared.tally).merge(tally);
}

fn absolute(path: &Path) -> PathBuf {
    // Only the folder is resolved: a link itself must keep its own name.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (parent.canonicalize(), path.file_name()) {
        (Ok(parent), Some(name)) => parent.join(name),
        _ => path.canonicalize().unwrap_or_else(|_| path.to_owned()),
    }
}
