//! From what a CI system says to what is read and whose word counts, by what the clone really has.

use keysieve::blob::ObjectId;
use keysieve::coverage::{Reason, Tally};
use keysieve::error::{Error, Result};
use keysieve::git::{Commit, Repo};
use keysieve::pack::Kind;

use super::job::{Event, Job};
use crate::cli::args::Provider;

/// What is read.
#[derive(Debug, PartialEq, Eq)]
pub enum Scope {
    /// What some commits and tags have and others lack.
    Range {
        /// Those that have it.
        include: Vec<ObjectId>,
        /// Those that lack it.
        exclude: Vec<ObjectId>,
    },
    /// Every object of the repository.
    Everything,
    /// Something was deleted.
    Nothing,
}

/// A revision whose configuration, baseline and allow markers count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    /// The commit.
    pub id: ObjectId,
    /// Its name for people: `refs/remotes/origin/main (0123456789)`.
    pub named: String,
}

/// What a run does.
#[derive(Debug)]
pub struct Plan {
    /// What is read.
    pub scope: Scope,
    /// Whose word counts; nobody's if `None`.
    pub trusted: Option<Trusted>,
    /// What is done, a line each, for the log.
    pub said: Vec<String>,
    /// What the reader of a report must know.
    pub notices: Vec<String>,
    /// What is known to be out of reach before anything is read.
    pub gaps: Vec<(Reason, String)>,
    /// Whose settings give a clone more.
    provider: Provider,
}

impl Plan {
    /// What the reader of a report must know, once it is known what was read.
    pub fn told(&self, tally: &Tally) -> Vec<String> {
        let mut told = self.notices.clone();
        let lacks = |reason| tally.not_read.get(&reason).map_or(0, |gap| gap.count);
        let deepen = self.provider.deepen();
        if lacks(Reason::Shallow) > 0 && !told.iter().any(|notice| notice.contains(deepen)) {
            told.push(format!("this clone lacks commits that the run is about. To mend it, {deepen}"));
        }
        let known = self.gaps.iter().filter(|(reason, _)| *reason == Reason::Missing).count() as u64;
        if lacks(Reason::Partial) > 0 || lacks(Reason::Missing) > known {
            let refetch = "or run `git fetch --refetch --no-filter origin` before keysieve";
            told.push(format!("this clone lacks contents. To mend it, {}, {refetch}", self.provider.unfilter()));
        }
        told
    }
}

/// What the command line says in place of the CI system.
#[derive(Debug, Default)]
pub struct Asked {
    /// `--base`.
    pub base: Option<String>,
    /// `--head`.
    pub head: Option<String>,
    /// `--full-history`.
    pub everything: bool,
}

/// A revision and what it is called.
type Named = (ObjectId, String);

struct Planner<'a> {
    repo: &'a Repo,
    provider: Provider,
    head: Option<ObjectId>,
    /// Refs of the clone, by full name.
    refs: Vec<(String, ObjectId)>,
    notices: Vec<String>,
    gaps: Vec<(Reason, String)>,
}

/// Decides what is read and whose word counts.
///
/// # Errors
/// The refs cannot be read, or a revision that the command line names is none.
pub fn plan(repo: &Repo, provider: Provider, job: &Job, asked: &Asked) -> Result<Plan> {
    let refs = repo.refs()?.iter().filter(|r| r.name.starts_with("refs/") && !r.name.ends_with("@{}"));
    let planner = Planner {
        repo,
        provider,
        head: repo.head()?,
        refs: refs.map(|r| (r.name.clone(), r.target)).collect(),
        notices: job.doubts.clone(),
        gaps: Vec::new(),
    };
    if asked.everything {
        return planner.everything(job, "the whole history, as asked");
    }
    if asked.base.is_some() || asked.head.is_some() {
        return planner.asked(job, asked);
    }
    match &job.event {
        Event::Change => planner.change(job),
        Event::Push { before } => planner.push(job, before.as_deref()),
        Event::Tag => planner.tag(job),
        Event::Everything => planner.everything(job, "the whole history"),
        Event::Deletion => Ok(planner.plan(Scope::Nothing, None, format!("{}: nothing is left to read", job.named))),
    }
}

impl Planner<'_> {
    fn plan(self, scope: Scope, trusted: Option<Trusted>, what: String) -> Plan {
        let mut said = vec![format!("{}, {what}", self.provider.name())];
        if scope != Scope::Nothing {
            said.push(match &trusted {
                Some(trusted) => {
                    format!("configuration, baseline and allow markers count as {} has them", trusted.named)
                }
                None => "no configuration, no baseline and no allow marker counts: there is no base to take them from"
                    .to_owned(),
            });
        }
        Plan { scope, trusted, said, notices: self.notices, gaps: self.gaps, provider: self.provider }
    }

    /// `--base`, `--head`.
    fn asked(self, job: &Job, asked: &Asked) -> Result<Plan> {
        let named = |name: &str| match self.repo.commit_named(name) {
            Ok(id) => Ok((id, name.to_owned())),
            Err(Error::Usage(why)) => Err(Error::Usage(format!("{why}. To mend it, {}", self.provider.deepen()))),
            Err(other) => Err(other),
        };
        let head = match &asked.head {
            Some(name) => named(name)?,
            None => (self.head.ok_or_else(unborn)?, "HEAD".to_owned()),
        };
        let Some(base) = &asked.base else {
            // Another head, but the same question.
            let job = Job { head: Some(head.0.to_string()), ..job.clone() };
            let head = Some(head.0);
            let planner = Self { head, ..self };
            return match &job.event {
                Event::Change => planner.change(&job),
                Event::Push { before } => planner.push(&job, before.as_deref()),
                _ => planner.push(&job, None),
            };
        };
        let base = named(base)?;
        let scope = Scope::Range { include: vec![head.0], exclude: vec![base.0] };
        let what = format!("what {} adds to {}", called(&head), called(&base));
        Ok(self.plan(scope, Some(trusted(&base)), what))
    }

    /// A pull request: what its head, and the merge that the system made of it, have and the target branch lacks. A real
    /// difference of sets: what came in with merges from the target is not the request's doing, whenever it branched off.
    fn change(mut self, job: &Job) -> Result<Plan> {
        let mut include: Vec<ObjectId> = self.head.into_iter().collect();
        let head = job.head.as_deref().and_then(|head| self.find(head));
        include.extend(head);
        let merged = self.merged(job, head);
        let mut bases: Vec<Named> = merged.map(|id| (id, "the target branch".to_owned())).into_iter().collect();
        bases.extend(job.target.iter().flat_map(|target| self.remote(target)));
        bases.extend(job.bases.iter().filter_map(|base| Some((self.find(base)?, "the target branch".to_owned()))));
        include.sort();
        include.dedup();
        if let (None, Some(missing)) = (head, &job.head)
            && (merged.is_none() && !self.is_cut_merge(job))
        {
            let fetch = job.head_ref.as_deref().unwrap_or(missing);
            self.gaps.push((
                Reason::Missing,
                format!(
                    "commit {missing}, the head of {}, is not in this clone: run `git fetch origin {}` first",
                    job.named,
                    typed(fetch)
                ),
            ));
        }
        let Some(first) = bases.first() else {
            return self.baseless(job, include);
        };
        let what = format!("{}: what it adds to {}", job.named, called(first));
        let trusted = trusted(first);
        let exclude = bases.iter().map(|(id, _)| *id).collect();
        Ok(self.plan(Scope::Range { include, exclude }, Some(trusted), what))
    }

    /// Whether HEAD is the system's merge, whose parents a shallow clone does not have: the coverage says so anyway.
    fn is_cut_merge(&self, job: &Job) -> bool {
        let Some(head) = self.head else { return false };
        is_named(&head, job.merge.as_deref()) && self.repo.shallow().contains(&head)
    }

    /// The target branch as the system's own merge has it, if that is what is checked out. Nobody but the system makes
    /// the first parent of *that* commit; of any other, the author of the change does.
    fn merged(&self, job: &Job, change: Option<ObjectId>) -> Option<ObjectId> {
        let head = self.head?;
        if !is_named(&head, job.merge.as_deref()) {
            return None;
        }
        match self.parents(&head).as_slice() {
            [base, second] if Some(*second) == change && self.repo.tree_of(base).is_some() => Some(*base),
            _ => None,
        }
    }

    /// A pull request whose target branch is not in the clone.
    fn baseless(mut self, job: &Job, include: Vec<ObjectId>) -> Result<Plan> {
        if include.is_empty() && self.gaps.is_empty() {
            return Err(unborn());
        }
        let wanted = job.bases.first().cloned().or_else(|| job.target.clone());
        let wanted = wanted.unwrap_or_else(|| "the target branch".to_owned());
        self.missing(&wanted, "nothing says what was there before, so all of it counts");
        let what = format!("{}: all that this clone has of it", job.named);
        Ok(self.plan(Scope::Range { include, exclude: Vec::new() }, None, what))
    }

    /// A base is not in the clone: what is read instead, and how to get it.
    fn missing(&mut self, wanted: &str, instead: &str) {
        let how = match self.repo.shallow().is_empty() {
            false => self.provider.deepen().to_owned(),
            true => format!("run `git fetch origin {}` first", typed(wanted)),
        };
        self.notices.push(format!("{wanted} is not in this clone, and {instead}. To mend it, {how}"));
    }

    /// A push to a branch.
    fn push(mut self, job: &Job, before: Option<&str>) -> Result<Plan> {
        let include = self.heads(job)?;
        let default = self.default_branch(job);
        let is_default = match (&job.branch, &default.0) {
            (Some(branch), Some(name)) => branch == name,
            _ => false,
        };
        let default = default.1.filter(|_| !is_default);
        let known = before.and_then(|id| Some((self.find(id)?, "the branch before the push".to_owned())));
        // Where nothing names the branch, one that the default branch has is the default branch.
        let other = default.filter(|(id, _)| job.branch.is_some() || !include.contains(id));
        let bases: Vec<Named> = known.iter().cloned().chain(other.clone()).collect();
        let trust = other.or_else(|| known.clone()).map(|base| trusted(&base));
        if let (Some(id), None) = (before, &known) {
            let instead = match bases.is_empty() {
                true => "all that the branch has counts (it was force-pushed, or the clone is shallow)",
                false => "the default branch is the base instead (it was force-pushed, or the clone is shallow)",
            };
            self.missing(id, instead);
        }
        let what = match bases.first() {
            Some(base) => format!("{}: what it adds to {}", job.named, called(base)),
            None => format!("{}: all that it has, since nothing says what was there before", job.named),
        };
        let trust = trust.or_else(|| self.own(job, is_default, &include));
        let exclude = bases.iter().map(|(id, _)| *id).collect();
        Ok(self.plan(Scope::Range { include, exclude }, trust, what))
    }

    /// A default branch has nothing above it whose word could count, so its own does.
    fn own(&self, job: &Job, is_default: bool, include: &[ObjectId]) -> Option<Trusted> {
        let (_, default) = self.default_branch(job);
        let at_default = || default.as_ref().is_some_and(|(id, _)| include.contains(id));
        let detached = job.branch.is_none() && self.head.is_some_and(|head| include.contains(&head));
        let counts = is_default || (job.branch.is_none() && (at_default() || (detached && default.is_none())));
        let id = self.head.or_else(|| include.first().copied()).filter(|_| counts)?;
        Some(Trusted { id, named: format!("{} (itself: there is nothing before it)", short(&id)) })
    }

    /// A tag: itself, and what it has that the default branch lacks.
    fn tag(mut self, job: &Job) -> Result<Plan> {
        let mut include = self.heads(job)?;
        let name = job.head_ref.as_deref().unwrap_or_default();
        include.extend(self.refs.iter().filter(|(other, _)| other == name).map(|(_, id)| *id));
        include.sort();
        include.dedup();
        let Some(base) = self.default_branch(job).1 else {
            let what = format!("{}: all that it has, since this clone has no default branch", job.named);
            return Ok(self.plan(Scope::Range { include, exclude: Vec::new() }, None, what));
        };
        let what = format!("{}: itself, and what it has that {} lacks", job.named, called(&base));
        let scope = Scope::Range { include, exclude: vec![base.0] };
        Ok(self.plan(scope, Some(trusted(&base)), what))
    }

    fn everything(self, job: &Job, what: &str) -> Result<Plan> {
        let own = self.head.map(|id| (id, "HEAD".to_owned()));
        let base = self.default_branch(job).1.or(own);
        let what = format!("{}: {what}", job.named);
        Ok(self.plan(Scope::Everything, base.map(|base| trusted(&base)), what))
    }

    /// What a push or tag is about: what the system says, and what is checked out.
    fn heads(&mut self, job: &Job) -> Result<Vec<ObjectId>> {
        let mut include: Vec<ObjectId> = self.head.into_iter().collect();
        match job.head.as_deref().map(|head| (head, self.find(head))) {
            Some((_, Some(id))) => include.push(id),
            Some((missing, None)) => self.gaps.push((
                Reason::Missing,
                format!(
                    "{missing}, which this run is about, is not in this clone: run `git fetch origin {}` first",
                    typed(missing)
                ),
            )),
            None => {}
        }
        if include.is_empty() && self.gaps.is_empty() {
            return Err(unborn());
        }
        include.sort();
        include.dedup();
        Ok(include)
    }

    /// The name of the default branch, and where the remote has it. What the system does not tell is what the clone
    /// remembers, then the usual names.
    fn default_branch(&self, job: &Job) -> (Option<String>, Option<Named>) {
        let pointed = || {
            let text = std::fs::read_to_string(self.repo.common_dir.join("refs/remotes/origin/HEAD")).ok()?;
            text.trim().strip_prefix("ref: refs/remotes/origin/").map(str::to_owned)
        };
        let usual = || {
            let is_there = |name: &&str| self.remote(name).next().is_some() || job.branch.as_deref() == Some(*name);
            ["main", "master"].into_iter().find(is_there).map(str::to_owned)
        };
        let name = job.default_branch.clone().or_else(pointed).or_else(usual);
        let place = name.as_deref().and_then(|name| self.remote(name).next());
        (name, place)
    }

    /// A branch as the remote that CI systems clone from has it. Full names only, a tag `origin/main` must not stand in for
    /// it; and no other remote, which may be a fork that the author of the change owns.
    fn remote<'s>(&'s self, branch: &str) -> impl Iterator<Item = Named> + 's {
        let remotes: &[&str] = if self.provider == Provider::Jenkins { &["origin", "upstream"] } else { &["origin"] };
        let names: Vec<String> = remotes.iter().map(|remote| format!("refs/remotes/{remote}/{branch}")).collect();
        let found = names.into_iter().filter_map(|name| self.refs.iter().find(|(other, _)| *other == name));
        found.map(|(name, id)| (self.repo.peel(id).unwrap_or(*id), name.clone()))
    }

    /// The commit or tag of an id, whole or shortened, if the clone has it.
    fn find(&self, id: &str) -> Option<ObjectId> {
        let is_hex = id.len() >= 7 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex {
            return None;
        }
        let whole = ObjectId::from_hex(id.as_bytes()).ok();
        // A branch may be called like a shortened id.
        let shortened = || self.repo.commit_named(id).ok().filter(|found| found.to_string().starts_with(id));
        let found = whole.or_else(shortened)?;
        self.repo.peel(&found).map(|_| found)
    }

    fn parents(&self, id: &ObjectId) -> Vec<ObjectId> {
        let mut bytes = Vec::new();
        let read = self.repo.read(id, Kind::Commit, &mut bytes).ok();
        read.and_then(|()| Commit::parse(&bytes)).map(|commit| commit.parents).unwrap_or_default()
    }
}

/// Whether a text is this id.
fn is_named(id: &ObjectId, text: Option<&str>) -> bool {
    text.is_some_and(|text| ObjectId::from_hex(text.as_bytes()).is_ok_and(|named| named == *id))
}

/// A name for a command that somebody will copy.
fn typed(name: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._/".contains(c);
    if !name.starts_with('-') && name.chars().all(plain) { name } else { "<base>" }
}

fn trusted(base: &Named) -> Trusted {
    Trusted { id: base.0, named: called(base) }
}

fn called((id, name): &Named) -> String {
    format!("{} ({})", name.strip_prefix("refs/remotes/").unwrap_or(name), short(id))
}

fn short(id: &ObjectId) -> String {
    id.to_string().chars().take(10).collect()
}

fn unborn() -> Error {
    Error::Repository("HEAD has no commit: is this the folder that the CI system checked out?".into())
}
