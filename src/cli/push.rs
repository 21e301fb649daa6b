//! What a push brings: git's lines about refs, and which commits the other side has already.

use std::collections::HashMap;
use std::path::PathBuf;

use keysieve::blob::ObjectId;
use keysieve::error::{Error, Result};
use keysieve::finding::Finding;
use keysieve::git::{Ref, RefKind, Repo};

/// A push, seen from either end.
#[derive(Debug)]
pub struct Push {
    /// What changes.
    pub updates: Vec<Update>,
    /// The name or address of the remote, for who sends.
    pub remote: String,
    /// Seen from the server.
    pub receiving: bool,
}

/// A ref that is to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// Its name on the server.
    pub name: String,
    /// What it is there; `None` if it is new.
    pub old: Option<ObjectId>,
    /// What it is to be; `None` if it is to go.
    pub new: Option<ObjectId>,
    /// The ref that the sender has it from, if that is known; it may be an expression.
    pub from: Option<String>,
}

impl Push {
    /// From the lines that git writes to `pre-push`: `LOCAL-REF LOCAL-ID REMOTE-REF REMOTE-ID`.
    ///
    /// # Errors
    /// A line is not like that.
    pub fn sent(lines: &str, remote: String) -> Result<Self> {
        let updates = lines.lines().map(|line| {
            // The name that the sender gives may be an expression with spaces in it.
            let mut words = line.rsplitn(4, ' ');
            let (old, name, new) = (words.next(), words.next(), words.next());
            let read = update(line, "LOCAL-REF LOCAL-ID REMOTE-REF REMOTE-ID", name, old, new)?;
            Ok::<_, Error>(Update { from: words.next().map(str::to_owned), ..read })
        });
        Ok(Self { updates: updates.collect::<Result<_>>()?, remote, receiving: false })
    }

    /// From the variables of the pre-commit framework, which keeps git's lines to itself and tells of the first ref only;
    /// `None` if it is not at work.
    ///
    /// # Errors
    /// It is at work and does not say what is pushed, or names what is not there.
    pub fn told(repo: &Repo) -> Result<Option<Self>> {
        let told = |name: &str| std::env::var(format!("PRE_COMMIT{name}")).ok().filter(|text| !text.is_empty());
        if told("").is_none() {
            return Ok(None);
        }
        let missing = || {
            Error::Usage(
                "the pre-commit framework does not say what is pushed; by hand: \
                 `pre-commit run --hook-stage pre-push --from-ref origin/main --to-ref HEAD`"
                    .into(),
            )
        };
        // A history that the remote has nothing of comes without ids.
        let new = told("_TO_REF").or_else(|| told("_LOCAL_BRANCH")).ok_or_else(missing)?;
        let old = told("_FROM_REF").map(|name| object_named(repo, &name)).transpose()?;
        let name = told("_REMOTE_BRANCH").unwrap_or_else(|| new.clone());
        let updates = vec![Update { name, old, new: Some(object_named(repo, &new)?), from: None }];
        Ok(Some(Self { updates, remote: told("_REMOTE_NAME").unwrap_or_default(), receiving: false }))
    }

    /// From the lines that git writes to `pre-receive`: `OLD-ID NEW-ID REF`.
    ///
    /// # Errors
    /// A line is not like that.
    pub fn received(lines: &str) -> Result<Self> {
        let updates = lines.lines().map(|line| {
            let mut words = line.splitn(3, ' ');
            let (old, new, name) = (words.next(), words.next(), words.next());
            update(line, "OLD-ID NEW-ID REF", name, old, new)
        });
        Ok(Self { updates: updates.collect::<Result<_>>()?, remote: String::new(), receiving: true })
    }

    /// The names that refs are to get on the server.
    pub fn new_names(&self) -> impl Iterator<Item = &str> {
        let is_new = |update: &&Update| update.old.is_none() && update.new.is_some();
        self.updates.iter().filter(is_new).map(|update| update.name.as_str())
    }

    /// Names, for what is in commits that HEAD does not have, the branch that has them: who follows the advice must not
    /// rewrite another.
    pub fn name_branches(&self, findings: &mut [Finding], repo: &Repo) {
        if self.receiving {
            return;
        }
        let head = repo.head().ok().flatten();
        let mut named: HashMap<ObjectId, Option<String>> = HashMap::new();
        for place in findings.iter_mut().flat_map(|finding| &mut finding.places) {
            let Some(id) = place.commit.as_ref().map(|commit| commit.id) else { continue };
            let has = |tip: &ObjectId| repo.commits_between(&[id], &[*tip]).is_ok_and(|left| left.is_empty());
            let name = named.entry(id).or_insert_with(|| {
                if head.as_ref().is_some_and(has) {
                    return None;
                }
                let branches = self.updates.iter().filter(|update| update.new.as_ref().is_some_and(has));
                branches.filter_map(|update| update.from.clone()).find(|name| name.starts_with("refs/heads/"))
            });
            place.reference = place.reference.take().or_else(|| name.clone());
        }
    }

    /// The objects that are sent, and those that the other side has.
    ///
    /// # Errors
    /// The refs cannot be read.
    pub fn ends(&self, repo: &Repo) -> Result<(Vec<ObjectId>, Vec<ObjectId>)> {
        let include: Vec<ObjectId> = self.updates.iter().filter_map(|update| update.new).collect();
        if include.is_empty() {
            return Ok((include, Vec::new()));
        }
        let mut exclude: Vec<ObjectId> = self.updates.iter().filter_map(|update| update.old).collect();
        if self.receiving {
            let refs = repo.refs()?.iter().filter(|r| r.name.starts_with("refs/") && !r.name.ends_with("@{}"));
            exclude.extend(refs.map(|r| r.target));
            return Ok((include, exclude));
        }
        // What we remember of the remote counts, but not where the remote has just told otherwise.
        let tracked = repo.tracked(&self.remote)?;
        let told: Vec<String> = self
            .updates
            .iter()
            .filter(|update| update.old.is_none_or(|old| repo.store().contains(&old)))
            .filter_map(|update| tracked.name_here(&update.name))
            .collect();
        let refs = repo.refs()?.iter().filter(|r| r.kind == RefKind::Remote && !r.name.ends_with("@{}"));
        let remembered = refs.filter(|r| tracked.has(&r.name) && !told.contains(&r.name));
        exclude.extend(remembered.map(|r| r.target));
        Ok((include, exclude))
    }
}

fn update(line: &str, form: &str, name: Option<&str>, old: Option<&str>, new: Option<&str>) -> Result<Update> {
    let bad = || Error::Usage(format!("git should have written lines `{form}`, and this is none: `{line}`"));
    let id = |text: Option<&str>| {
        let id = ObjectId::from_hex(text.unwrap_or_default().as_bytes()).map_err(|_| bad())?;
        Ok::<_, Error>(Some(id).filter(|id| !id.is_null()))
    };
    let name = name.filter(|name| !name.is_empty()).ok_or_else(bad)?;
    Ok(Update { name: name.to_owned(), old: id(old)?, new: id(new)?, from: None })
}

/// An id, a ref as it is (a tag with its message), or whatever names a commit.
fn object_named(repo: &Repo, name: &str) -> Result<ObjectId> {
    if let Ok(id) = ObjectId::from_hex(name.as_bytes()) {
        return Ok(id);
    }
    let is_it = |r: &&Ref| r.name == name && name.starts_with("refs/");
    match repo.refs()?.iter().find(is_it) {
        Some(found) => Ok(found.target),
        None => repo.commit_named(name),
    }
}

/// The file that `commit-msg` is given.
///
/// # Errors
/// There is none.
pub fn message_file(args: &[std::ffi::OsString]) -> Result<PathBuf> {
    let none = || {
        Error::Usage(
            "git gives the commit-msg hook the file of the message: `keysieve hook run commit-msg -- FILE`".into(),
        )
    };
    args.first().map(PathBuf::from).ok_or_else(none)
}
