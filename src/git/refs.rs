//! Refs, HEAD and reflogs: through libgit2, or, for what it refuses (SHA-256, reftable), through git itself, hardened.

use std::path::{Path, PathBuf};

use super::Repo;
use crate::blob::ObjectId;
use crate::error::{Error, Result};

/// What a ref says about how far its commits got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefKind {
    /// A remote-tracking ref, or its reflog.
    Remote,
    /// Everything else that a ref reaches: branches, tags, stash, notes, HEAD.
    Local,
    /// Only a reflog has it.
    Reflog,
}

/// A name and the object it points to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ref {
    /// What it says about its commits.
    pub kind: RefKind,
    /// The full name (`refs/heads/main`), with `@{n}` for a reflog entry.
    pub name: String,
    /// What it points to: a commit, or an annotated tag.
    pub target: ObjectId,
}

/// What a working tree has besides branches. A detached HEAD is one of them; one that names a branch names no commit.
const PSEUDO_REFS: &[&str] = &[
    "HEAD",
    "FETCH_HEAD",
    "ORIG_HEAD",
    "MERGE_HEAD",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "REBASE_HEAD",
    "BISECT_START",
];

impl Repo {
    /// The commit that HEAD points to; `None` on an unborn branch.
    ///
    /// # Errors
    /// HEAD is there and cannot be read.
    pub fn head(&self) -> Result<Option<ObjectId>> {
        let text = std::fs::read(self.git_dir.join("HEAD")).unwrap_or_default();
        let text = text.trim_ascii();
        if self.foreign_refs {
            return Ok(self
                .plumb(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])?
                .and_then(|out| hex(out.trim())));
        }
        let Some(name) = text.strip_prefix(b"ref:").map(<[u8]>::trim_ascii) else {
            return Ok(ObjectId::from_hex(text).ok());
        };
        Ok(self.resolve(&String::from_utf8_lossy(name)))
    }

    /// A ref of the files format, loose first, then packed; symbolic refs are followed.
    fn resolve(&self, name: &str) -> Option<ObjectId> {
        let mut name = name.to_owned();
        for _ in 0..8 {
            if name.split('/').any(|part| part == "..") {
                return None;
            }
            let loose =
                [&self.git_dir, &self.common_dir].into_iter().find_map(|dir| std::fs::read(dir.join(&name)).ok());
            let Some(text) = loose else { return self.packed(&name) };
            match text.trim_ascii().strip_prefix(b"ref:") {
                Some(next) => name = String::from_utf8_lossy(next.trim_ascii()).into_owned(),
                None => return ObjectId::from_hex(text.trim_ascii()).ok(),
            }
        }
        None
    }

    fn packed(&self, name: &str) -> Option<ObjectId> {
        let text = std::fs::read(self.common_dir.join("packed-refs")).ok()?;
        let mut lines = text.split(|b| *b == b'\n').filter(|line| !line.starts_with(b"#") && !line.starts_with(b"^"));
        lines.find_map(|line| {
            let (id, there) = line.split_at_checked(self.hash.len_in_hex())?;
            (there.strip_prefix(b" ")? == name.as_bytes()).then(|| ObjectId::from_hex(id).ok())?
        })
    }

    /// Commits being merged into HEAD (`MERGE_HEAD`).
    pub fn merge_heads(&self) -> Vec<ObjectId> {
        let text = std::fs::read_to_string(self.git_dir.join("MERGE_HEAD")).unwrap_or_default();
        text.lines().filter_map(hex).collect()
    }

    /// All refs, HEAD, and what only reflogs remember, in a fixed order.
    ///
    /// # Errors
    /// The refs cannot be listed.
    pub fn refs(&self) -> Result<&[Ref]> {
        match self.refs.get() {
            Some(refs) => Ok(refs),
            None => {
                let listed = self.list_refs()?;
                Ok(self.refs.get_or_init(|| listed))
            }
        }
    }

    fn list_refs(&self) -> Result<Vec<Ref>> {
        let by_plumbing = self.foreign_refs || self.hash != crate::pack::HashKind::Sha1;
        let listed = if by_plumbing { None } else { self.refs_by_libgit2()? };
        let mut refs = listed.map_or_else(|| self.refs_by_plumbing(), Ok)?;
        refs.extend(self.head()?.map(|target| Ref { kind: RefKind::Local, name: "HEAD".into(), target }));
        let dirs = self.worktree_dirs();
        for (dir, name) in dirs.iter().flat_map(|dir| PSEUDO_REFS.iter().map(move |name| (dir, *name))) {
            let path = dir.join(name);
            // Opening a pipe would wait forever.
            let text = if path.is_file() { std::fs::read(path).unwrap_or_default() } else { continue };
            let text = String::from_utf8_lossy(&text);
            let kind = if name == "FETCH_HEAD" { RefKind::Remote } else { RefKind::Local };
            let ids = text.lines().filter_map(|line| hex(line.split_whitespace().next()?));
            refs.extend(ids.map(|target| Ref { kind, name: name.into(), target }));
        }
        for dir in dirs {
            read_reflogs(&dir.join("logs"), String::new(), &mut refs);
        }
        refs.sort();
        refs.dedup();
        Ok(refs)
    }

    /// The git directories of all working trees: each has a HEAD and a reflog of its own.
    fn worktree_dirs(&self) -> Vec<PathBuf> {
        let linked = std::fs::read_dir(self.common_dir.join("worktrees")).into_iter().flatten().flatten();
        let mut dirs = vec![self.git_dir.clone(), self.common_dir.clone()];
        dirs.extend(linked.map(|entry| entry.path()));
        dirs.sort();
        dirs.dedup();
        dirs
    }

    /// The repository for libgit2; `None` if it belongs to somebody else. libgit2 then refuses, as git does: it might run
    /// what the repository's configuration names. Our hardened plumbing does not, so such a repository can be scanned.
    fn trusted(&self) -> Result<Option<git2::Repository>> {
        match git2::Repository::open(&self.git_dir) {
            Ok(repo) => Ok(Some(repo)),
            Err(error) if error.code() == git2::ErrorCode::Owner => Ok(None),
            Err(error) => Err(Error::Repository(format!("{}: {}", self.git_dir.display(), error.message()))),
        }
    }

    fn refs_by_libgit2(&self) -> Result<Option<Vec<Ref>>> {
        let failed = |error: git2::Error| Error::Repository(format!("{}: {}", self.git_dir.display(), error.message()));
        let Some(repo) = self.trusted()? else { return Ok(None) };
        let mut refs = Vec::new();
        for reference in repo.references().map_err(failed)?.flatten() {
            let Ok(resolved) = reference.resolve() else { continue };
            let Some(target) = resolved.target().and_then(|oid| ObjectId::try_from(oid.as_bytes()).ok()) else {
                continue;
            };
            let name = String::from_utf8_lossy(reference.name_bytes()).into_owned();
            refs.push(Ref { kind: kind_of(&name), name, target });
        }
        Ok(Some(refs))
    }

    fn refs_by_plumbing(&self) -> Result<Vec<Ref>> {
        let out = self.plumb_or_fail(&["for-each-ref", "--format=%(objectname) %(refname)"])?;
        let refs = out.lines().filter_map(|line| {
            let (id, name) = line.split_once(' ')?;
            Some(Ref { kind: kind_of(name), name: name.to_owned(), target: hex(id)? })
        });
        Ok(refs.collect())
    }

    /// The commit that a name such as `main~3` stands for.
    ///
    /// # Errors
    /// There is no such commit.
    pub fn commit_named(&self, name: &str) -> Result<ObjectId> {
        let unknown = || Error::Usage(format!("`{name}` names no commit of this repository"));
        let by_plumbing = self.foreign_refs || self.hash != crate::pack::HashKind::Sha1;
        let Some(repo) = (if by_plumbing { None } else { self.trusted()? }) else {
            let spec = format!("{name}^{{commit}}");
            let out = self.plumb(&["rev-parse", "--verify", "--quiet", "--end-of-options", &spec])?;
            return out.and_then(|out| hex(out.trim())).ok_or_else(unknown);
        };
        let object =
            repo.revparse_single(name).and_then(|o| o.peel(git2::ObjectType::Commit)).map_err(|_| unknown())?;
        ObjectId::try_from(object.id().as_bytes()).map_err(|_| unknown())
    }
}

fn kind_of(name: &str) -> RefKind {
    if name.starts_with("refs/remotes/") { RefKind::Remote } else { RefKind::Local }
}

fn hex(text: &str) -> Option<ObjectId> {
    ObjectId::from_hex(text.trim().as_bytes()).ok().filter(|id| !id.is_null())
}

/// Both ids of every line of every reflog below `dir`.
fn read_reflogs(dir: &Path, prefix: String, refs: &mut Vec<Ref>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            read_reflogs(&entry.path(), format!("{name}/"), refs);
            continue;
        }
        let text = std::fs::read(entry.path()).unwrap_or_default();
        let kind = if name.starts_with("refs/remotes/") { RefKind::Remote } else { RefKind::Reflog };
        for line in text.split(|b| *b == b'\n') {
            let ids = line.split(|b| *b == b' ').take(2).filter_map(|word| hex(std::str::from_utf8(word).ok()?));
            refs.extend(ids.map(|target| Ref { kind, name: format!("{name}@{{}}"), target }));
        }
    }
}
