//! Configuration, own rules, baseline and allow markers as the base revision has them: a change must not allow its own leak.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

use keysieve::baseline::Baseline;
use keysieve::blob::{Blob, ObjectId, Origin};
use keysieve::error::{Error, Result};
use keysieve::finding::{Allow, Finding, Place};
use keysieve::git::{Repo, path_bytes};
use keysieve::pack::Kind;

use super::plan::{Plan, Trusted};
use crate::cli::args::Scan;
use crate::cli::baseline;
use crate::cli::look::Look;
use crate::config::{Config, NAME};

/// The configuration of a run: that of the base revision, or the file that somebody named. A named file of the repository
/// is read as the base has it, too; so are rule files, which leave `args`.
///
/// # Errors
/// It cannot be read, or has faults.
pub fn configuration(scan: &mut Scan, repo: &Repo, plan: &mut Plan) -> Result<Config> {
    let (args, trusted) = (&mut scan.rules, plan.trusted.as_ref());
    let mut config = match &args.config {
        Some(path) => match in_repository(repo, path) {
            Some(inside) => at(repo, trusted, &inside, true)?,
            None => Config::named(path)?,
        },
        None if args.no_config => Config::default(),
        None => at(repo, trusted, NAME, false)?,
    };
    config.baseline = match &scan.known.baseline {
        Some(path) => match in_repository(repo, path) {
            Some(inside) => baseline_at(repo, trusted, &inside, true)?,
            None => Some(baseline::named(path)?),
        },
        None if args.no_config => None,
        None => baseline_at(repo, trusted, keysieve::baseline::NAME, false)?,
    };
    let mut elsewhere = Vec::new();
    for path in std::mem::take(&mut args.rules) {
        let Some(inside) = in_repository(repo, &path) else {
            elsewhere.push(path);
            continue;
        };
        let texts = trusted.and_then(|base| config.add_rules_at(repo, &base.id, &base.named, &inside));
        if texts.is_none() {
            plan.notices.push(format!("--rules {inside}: the base does not have it, so it is left out"));
        }
    }
    args.rules = elsewhere;
    if trusted.is_none() && config.source.is_empty() && !args.no_config {
        plan.notices
            .push(format!("no {NAME}, no baseline and no allow marker counts: there is no base to take them from"));
    }
    Ok(config)
}

fn at(repo: &Repo, trusted: Option<&Trusted>, path: &str, must: bool) -> Result<Config> {
    let Some(base) = trusted else { return Ok(Config::default()) };
    let is_there = repo.tree_of(&base.id).and_then(|tree| repo.blob_at(&tree, path.as_bytes())).is_some();
    if must && !is_there {
        return Err(lacking("--config", path, base));
    }
    Config::at(repo, &base.id, &base.named, path)
}

fn baseline_at(repo: &Repo, trusted: Option<&Trusted>, path: &str, must: bool) -> Result<Option<Baseline>> {
    let Some(base) = trusted else { return Ok(None) };
    match baseline::at(repo, &base.id, &base.named, path)? {
        None if must => Err(lacking("--baseline", path, base)),
        found => Ok(found),
    }
}

fn lacking(flag: &str, path: &str, base: &Trusted) -> Error {
    Error::Usage(format!(
        "{flag} {path} is a file of this repository, so it is read as {} has it, which does not have it",
        base.named
    ))
}

/// The path of a file in the repository, if it is one of its working files.
fn in_repository(repo: &Repo, path: &Path) -> Option<String> {
    let absolute = |path: PathBuf| path.canonicalize().or_else(|_| std::path::absolute(&path)).ok();
    let root = absolute(repo.work_tree.clone()?)?;
    let path = absolute(path.to_owned())?;
    let inside = path.strip_prefix(&root).ok()?;
    (!inside.starts_with(".git")).then(|| String::from_utf8(path_bytes(inside)).ok())?
}

/// Lets only those allow markers count that the base revision has: in its history, or beside the same secret at the same
/// path of its tree. Says how many do not.
pub fn only_trusted_markers(
    findings: &mut [Finding],
    repo: &Repo,
    trusted: Option<&Trusted>,
    look: &Look<'_>,
    id_key: Option<&[u8]>,
) -> Option<String> {
    let base = trusted.map(|base| Base { repo, id: base.id, history: OnceCell::new() });
    let mut ignored = Vec::new();
    for finding in findings.iter_mut() {
        let print = finding.fingerprint.clone();
        for place in finding.places.iter_mut().filter(|place| !place.site.allows.is_empty()) {
            if base.as_ref().is_some_and(|base| base.reaches(place)) {
                continue;
            }
            let allows = base.as_ref().map(|base| base.allows(place, &print, look, id_key)).unwrap_or_default();
            if allows.is_empty() {
                ignored.push(named(place));
            }
            place.site.allows = allows;
        }
    }
    let first = ignored.first()?;
    let more = match ignored.len() {
        1 => String::new(),
        n => format!(" and {} more", n - 1),
    };
    let base = trusted.map_or("there is no base".to_owned(), |base| format!("{} does not have it", base.named));
    Some(format!("the allow marker at {first}{more} does not count: {base}"))
}

fn named(place: &Place) -> String {
    let path = place.path.as_deref().map(String::from_utf8_lossy);
    path.map_or_else(|| place.kind.word().to_owned(), |path| format!("{path}:{}", place.site.line))
}

struct Base<'a> {
    repo: &'a Repo,
    id: ObjectId,
    history: OnceCell<HashSet<ObjectId>>,
}

impl Base<'_> {
    /// Whether the commit that brought a place is in the base's history.
    fn reaches(&self, place: &Place) -> bool {
        let Some(commit) = &place.commit else { return false };
        let walk = || self.repo.commits_between(&[self.id], &[]).unwrap_or_default().into_iter().collect();
        self.history.get_or_init(walk).contains(&commit.id)
    }

    /// The markers that the base's tree has beside the same secret at the same path.
    fn allows(&self, place: &Place, print: &str, look: &Look<'_>, id_key: Option<&[u8]>) -> Vec<Allow> {
        let mut bytes = Vec::new();
        let blob = place.path.as_deref().and_then(|path| self.repo.blob_at(&self.repo.tree_of(&self.id)?, path));
        if blob.is_none_or(|blob| self.repo.read(&blob, Kind::Blob, &mut bytes).is_err()) {
            return Vec::new();
        }
        let there = look.scanner.sight(&Blob::whole(&Origin::Stdin, &bytes), &[]);
        let same = there.into_iter().filter(|sighting| sighting.hit.secret.fingerprint(id_key) == print);
        same.flat_map(|sighting| sighting.site.allows).collect()
    }
}
