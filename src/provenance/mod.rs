//! From sightings in blobs to findings: one for each secret, with every place that it is in the world, and how far it
//! got. Asked for matched blobs only: a clean repository costs nothing here.

mod forest;
mod graph;
mod head;
mod setting;
mod witness;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};

use crate::blob::{ObjectId, Origin, PlaceKind};
use crate::error::Result;
use crate::finding::{CommitInfo, Exposure, Finding, Level, Match, Place, Setting, Sighting, Site, Suppression};
use crate::git::{Commit, Repo, Tag};
use crate::pack::Kind;
use crate::secret::Secret;
use graph::{Graph, Reach};
use head::{Head, Sought};
pub use witness::{Noted, Testimony, Witness};

/// Where the sightings came from.
#[derive(Clone, Copy, Default)]
pub struct Scene<'a> {
    /// The repository, if there is one.
    pub repo: Option<&'a Repo>,
    /// The environment of a hook counts (`GIT_INDEX_FILE`).
    pub environment: bool,
    /// Whose secret keys the fingerprints, if somebody's.
    pub id_key: Option<&'a [u8]>,
    /// What a parent of a commit, or of the next one, has at the same path already, or where the file was renamed from:
    /// not this commit's doing.
    pub known: Option<&'a Known>,
    /// How far commits and tags got, where that need not be looked up: what is being pushed is on its way.
    pub level: Option<Level>,
    /// Every commit that brought a blob to a path is a place, not only the first.
    pub all_places: bool,
    /// The secrets in some bytes, containers opened. Asked for other versions of a file whose secret is inside one.
    pub secrets: Option<&'a SecretsIn<'a>>,
}

/// Finds the secrets in some bytes.
pub type SecretsIn<'a> = dyn Fn(&[u8]) -> HashSet<Secret> + 'a;

/// Commits (`None` for the next one), paths and fingerprints.
pub type Known = HashSet<(Option<ObjectId>, Vec<u8>, String)>;

/// A place and how far the secret got by it.
struct Placed {
    place: Place,
    exposure: Exposure,
    seconds: i64,
}

/// Groups sightings by secret and finds their places. What a witness noted is not read again, if it was told of all
/// the objects that matter.
///
/// # Errors
/// The repository's refs or index cannot be read.
pub fn locate(scene: Scene<'_>, sightings: Vec<Sighting>, testimony: Option<Testimony>) -> Result<Vec<Finding>> {
    if sightings.is_empty() {
        return Ok(Vec::new());
    }
    let locator = Locator::new(scene, &sightings, testimony)?;
    let mut groups: BTreeMap<String, Vec<Sighting>> = BTreeMap::new();
    for sighting in sightings {
        groups.entry(sighting.hit.secret.fingerprint(scene.id_key)).or_default().push(sighting);
    }
    let mut findings: Vec<Finding> = groups.into_iter().map(|(print, group)| locator.finding(print, group)).collect();
    sort(&mut findings);
    Ok(findings)
}

/// The objects that a witness should be told of.
pub fn wanted<'s>(sightings: impl IntoIterator<Item = &'s Sighting>) -> HashSet<ObjectId> {
    sightings.into_iter().filter_map(|sighting| object_of(&sighting.origin)).collect()
}

/// Open findings first, the worst first.
pub fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let key = |f: &Finding| {
            (!f.is_open(), std::cmp::Reverse(f.severity), std::cmp::Reverse(f.confidence), f.exposure.level, f.rule.id)
        };
        key(a).cmp(&key(b)).then_with(|| a.fingerprint.cmp(&b.fingerprint))
    });
}

struct Locator<'a> {
    repo: Option<&'a Repo>,
    graph: Option<Graph>,
    head: Option<Head<'a>>,
    /// Index entries of matched blobs.
    index: HashMap<ObjectId, Vec<Vec<u8>>>,
    tags: HashMap<ObjectId, Vec<String>>,
    known: Option<&'a Known>,
    level: Option<Level>,
    infos: RefCell<HashMap<ObjectId, Option<CommitInfo>>>,
}

impl<'a> Locator<'a> {
    fn new(scene: Scene<'a>, sightings: &[Sighting], testimony: Option<Testimony>) -> Result<Self> {
        let mut locator = Self {
            repo: scene.repo,
            graph: None,
            head: None,
            index: HashMap::new(),
            tags: HashMap::new(),
            known: scene.known,
            level: scene.level,
            infos: RefCell::default(),
        };
        let Some(repo) = scene.repo else { return Ok(locator) };
        let mut blobs = wanted(sightings);
        blobs.extend(sightings.iter().filter_map(|s| named_by(repo, s)).map(|(id, _)| id));
        let by_commit = |s: &Sighting| {
            matches!(s.origin, Origin::Commit { .. } | Origin::Tag { .. } | Origin::Added { .. })
                || matches!(s.origin, Origin::Name { commit: Some(_), .. })
        };
        if !blobs.is_empty() || scene.level.is_none() && sightings.iter().any(by_commit) {
            let testimony = match testimony {
                Some(testimony) if testimony.covers(&blobs) => testimony,
                Some(testimony) => testimony.again(repo, blobs.clone()),
                None => Testimony::of(repo, blobs.clone()),
            };
            locator.graph = Some(Graph::new(repo, testimony, &blobs, scene.all_places)?);
            // A damaged index was told of by who reads it; what is known without it must not be lost.
            for entry in
                repo.index(scene.environment).unwrap_or_default().entries().filter(|entry| blobs.contains(&entry.id))
            {
                locator.index.entry(entry.id).or_default().push(entry.path.to_vec());
            }
        }
        if sightings.iter().any(|s| matches!(s.origin, Origin::Tag { .. })) {
            for reference in repo.refs()? {
                locator.tags.entry(reference.target).or_default().push(reference.name.clone());
            }
        }
        if sightings.iter().any(|s| matches!(s.origin, Origin::File { .. } | Origin::Index { .. })) {
            locator.head = Some(Head::new(repo, scene)?);
        }
        Ok(locator)
    }

    fn finding(&self, fingerprint: String, mut group: Vec<Sighting>) -> Finding {
        group.sort_by(|a, b| order(a).cmp(&order(b)));
        let best = &group[0].hit;
        let (rule, secret) = (best.rule, best.secret.clone());
        let print = fingerprint.as_str();
        let severity =
            group.iter().filter(|s| s.hit.rule.id == rule.id).map(|s| s.hit.severity).max().unwrap_or(best.severity);
        let implausible = group.iter().all(|s| s.hit.implausible.is_some()).then(|| best.implausible.clone()).flatten();
        let mut details = BTreeMap::new();
        for (name, value) in group.iter().filter(|s| s.hit.rule.id == rule.id).flat_map(|s| &s.hit.details) {
            details.entry(name.clone()).or_insert_with(|| value.clone());
        }
        // Where it is implausible, it is not surer for that.
        let counts = |s: &&Sighting| implausible.is_some() || s.hit.implausible.is_none();
        let confidence = group.iter().filter(counts).map(|s| s.hit.confidence).max().unwrap_or(best.confidence);
        let mut placed: Vec<Placed> = group.into_iter().flat_map(|s| self.places(s, print)).collect();
        placed.sort_by(|a, b| place_order(a).cmp(&place_order(b)));
        placed.dedup_by(|a, b| place_order(a) == place_order(b));
        let exposure = worst(&placed);
        let suppression = implausible
            .map(|reason| Suppression { by: "check".into(), state: "implausible".into(), reason })
            .or_else(|| rule.public.then(identifier));
        let places: Vec<Place> = placed.into_iter().map(|placed| placed.place).collect();
        let settings: Vec<&str> = setting::of(&places, &secret).into_iter().map(Setting::word).collect();
        if !settings.is_empty() {
            details.insert(Setting::DETAIL.to_owned(), settings.join(", "));
        }
        Finding { fingerprint, rule, secret, severity, confidence, details, exposure, places, suppression }
    }

    /// Every place of one sighting: a blob may be at many paths, brought by many commits.
    fn places(&self, sighting: Sighting, print: &str) -> Vec<Placed> {
        let Sighting { hit, site, origin } = sighting;
        let is_name = site.inside.as_ref().is_some_and(|inside| inside.kind == PlaceKind::Path);
        let mut placed = self.places_of(origin, &hit, site, print);
        for place in placed.iter_mut().map(|placed| &mut placed.place).filter(|_| is_name) {
            let site = std::mem::take(&mut place.site);
            place.kind = PlaceKind::Path;
            place.site = Site { line: 0, column: 0, end_line: 0, end_column: 0, ..site };
        }
        placed
    }

    fn places_of(&self, origin: Origin, hit: &Match, site: Site, print: &str) -> Vec<Placed> {
        match origin {
            Origin::File { path } => vec![self.file(path, site, hit.stored())],
            Origin::Index { path, id } => vec![self.staged(path, id, site, hit.stored(), print)],
            Origin::Object { id } => self.object(id, &site),
            Origin::Added { path, id, commit } => {
                let suppression = self.known(Some(commit), &path, print);
                let path = Some(path).filter(|path| !path.is_empty());
                let place = Place { path, blob: Some(id), suppression, ..plain(PlaceKind::Content, site) };
                vec![self.committed(place, commit)]
            }
            Origin::Name { path, commit } => {
                let suppression = self.known(commit, &path, print);
                let site = Site { line: 0, column: 0, end_line: 0, end_column: 0, ..site };
                let current = commit.is_none();
                let place = Place { path: Some(path), current, suppression, ..plain(PlaceKind::Path, site) };
                match commit {
                    Some(commit) => vec![self.committed(place, commit)],
                    None => vec![at(place, Level::Staged)],
                }
            }
            Origin::Commit { kind, id } => vec![self.committed(plain(kind, site), id)],
            Origin::Tag { id } => vec![self.tag(id, site)],
            Origin::Tree { id } => self.names(id, hit.span.start, &site),
            Origin::Ref { name } => {
                let level = if name.starts_with("refs/remotes/") { Level::Pushed } else { Level::Local };
                vec![at(Place { reference: Some(name), ..plain(PlaceKind::Ref, site) }, level)]
            }
            Origin::Config { path } => {
                vec![at(Place { path: Some(path), ..plain(PlaceKind::Config, site) }, Level::Worktree)]
            }
            Origin::Message => {
                vec![at(Place { current: true, ..plain(PlaceKind::CommitMessage, site) }, Level::Staged)]
            }
            Origin::Stdin => vec![at(plain(PlaceKind::Content, site), Level::Unknown)],
        }
    }

    fn file(&self, path: Vec<u8>, site: Site, secret: &Secret) -> Placed {
        let exposure = match &self.head {
            Some(head) => head.committed(&path, self.file_id(&path), Sought::of(secret, &site), Level::Worktree),
            None => Exposure::of(Level::Unknown),
        };
        let place = Place { path: Some(path), current: self.head.is_some(), ..plain(PlaceKind::Content, site) };
        self.with_commit(place, exposure)
    }

    /// The id that a working file's content would have as a blob.
    fn file_id(&self, path: &[u8]) -> Option<ObjectId> {
        let repo = self.repo?;
        let bytes = std::fs::read(repo.work_tree.as_ref()?.join(crate::git::bytes_path(path))).ok()?;
        gix_object::compute_hash(repo.hash, gix_object::Kind::Blob, &bytes).ok()
    }

    fn staged(&self, path: Vec<u8>, id: ObjectId, site: Site, secret: &Secret, print: &str) -> Placed {
        let exposure = match &self.head {
            Some(head) => head.committed(&path, Some(id), Sought::of(secret, &site), Level::Staged),
            None => Exposure::of(Level::Staged),
        };
        let suppression = self.known(None, &path, print);
        let path = Some(path);
        let place = Place { path, blob: Some(id), current: true, suppression, ..plain(PlaceKind::Content, site) };
        self.with_commit(place, exposure)
    }

    fn known(&self, commit: Option<ObjectId>, path: &[u8], print: &str) -> Option<Suppression> {
        let known = self.known?.contains(&(commit, path.to_vec(), print.to_owned()));
        known.then(|| Suppression {
            by: "committed".into(),
            state: "committed".into(),
            reason: "a parent commit has it here already, or where the file was moved from: it is not this one's doing"
                .into(),
        })
    }

    fn with_commit(&self, mut place: Place, exposure: Exposure) -> Placed {
        place.commit = exposure.commit.and_then(|id| self.info(&id));
        Placed { seconds: i64::MAX, place, exposure }
    }

    fn object(&self, id: ObjectId, site: &Site) -> Vec<Placed> {
        let Some(graph) = &self.graph else { return vec![] };
        let blob = |path: Option<Vec<u8>>| Place { path, blob: Some(id), ..plain(PlaceKind::Content, site.clone()) };
        let mut placed: Vec<Placed> = graph
            .introductions(&id)
            .iter()
            .map(|intro| {
                let mut placed = self.committed(blob(Some(intro.path.clone())), intro.commit);
                let reach = graph.reach(&intro.commit);
                if reach.notes && !reach.local && !reach.remote {
                    placed.place.kind = PlaceKind::Note;
                }
                placed.place.in_head = graph.has_in_head(&id, &intro.path);
                placed.exposure.in_head = Some(graph.in_head(&id));
                placed
            })
            .collect();
        for path in self.index.get(&id).into_iter().flatten().filter(|_| !graph.in_head(&id)) {
            let place = Place { current: true, ..blob(Some(path.clone())) };
            placed.push(Placed { seconds: i64::MAX, ..at(place, Level::Staged) });
        }
        if placed.is_empty() {
            let level = if graph.is_cut() { Level::Unknown } else { Level::Dangling };
            placed.push(at(blob(None), level));
        }
        placed
    }

    /// The paths that an entry of a tree has, where the secret is in the entry's name.
    fn names(&self, tree: ObjectId, offset: usize, site: &Site) -> Vec<Placed> {
        let (Some(graph), Some(repo)) = (&self.graph, self.repo) else { return vec![] };
        let Some((id, name)) = entry_at(repo, &tree, offset) else { return vec![] };
        let here = |path: &[u8]| path == name || path.ends_with(&[b"/", name.as_slice()].concat());
        let placed = graph.introductions(&id).iter().filter(|intro| here(&intro.path)).map(|intro| {
            let site = Site { line: 0, column: 0, end_line: 0, end_column: 0, ..site.clone() };
            let place = Place { path: Some(intro.path.clone()), ..plain(PlaceKind::Path, site) };
            self.committed(place, intro.commit)
        });
        let placed: Vec<Placed> = placed.collect();
        match placed.is_empty() {
            true => vec![at(Place { path: Some(name), ..plain(PlaceKind::Path, Site::default()) }, Level::Dangling)],
            false => placed,
        }
    }

    fn committed(&self, mut place: Place, commit: ObjectId) -> Placed {
        let reach = self.graph.as_ref().map(|graph| (graph.reach(&commit), graph));
        place.commit = self.info(&commit);
        let (seconds, since) = place.commit.as_ref().map_or((0, None), |info| (info.seconds, Some(info.date.clone())));
        let remote_refs = reach.map_or_else(Vec::new, |(reach, graph)| graph.remote_refs(reach));
        let level = self.level.unwrap_or_else(|| self.level(reach.map(|(reach, _)| reach).unwrap_or_default()));
        Placed { place, seconds, exposure: Exposure { level, since, commit: Some(commit), remote_refs, in_head: None } }
    }

    fn level(&self, reach: Reach) -> Level {
        let bare = self.repo.is_some_and(Repo::is_bare);
        match reach {
            Reach { remote: true, .. } => Level::Pushed,
            Reach { local: true, .. } | Reach { notes: true, .. } if bare => Level::Pushed,
            Reach { local: true, .. } | Reach { notes: true, .. } => Level::Local,
            _ => Level::Unreachable,
        }
    }

    fn tag(&self, id: ObjectId, site: Site) -> Placed {
        let mut bytes = Vec::new();
        let tag =
            self.repo.and_then(|repo| repo.read(&id, Kind::Tag, &mut bytes).ok()).and_then(|()| Tag::parse(&bytes));
        let name = tag.as_ref().map(|tag| String::from_utf8_lossy(tag.name).into_owned());
        let refs = self.tags.get(&id).map_or(&[][..], Vec::as_slice);
        let named = refs.iter().find(|name| name.starts_with("refs/tags/"));
        let place = Place { reference: named.or(refs.first()).cloned().or(name), ..plain(PlaceKind::Tag, site) };
        let bare = self.repo.is_some_and(Repo::is_bare);
        let level = match refs {
            _ if self.level.is_some() => self.level.unwrap_or(Level::Local),
            [] => Level::Unreachable,
            _ if bare || refs.iter().any(|name| name.starts_with("refs/remotes/")) => Level::Pushed,
            _ => Level::Local,
        };
        at(place, level)
    }

    /// Many places share a commit, so each is read once.
    fn info(&self, id: &ObjectId) -> Option<CommitInfo> {
        self.infos.borrow_mut().entry(*id).or_insert_with(|| commit_info(self.repo?, id)).clone()
    }
}

fn commit_info(repo: &Repo, id: &ObjectId) -> Option<CommitInfo> {
    let mut bytes = Vec::new();
    repo.read(id, Kind::Commit, &mut bytes).ok()?;
    let commit = Commit::parse(&bytes)?;
    Some(CommitInfo {
        id: *id,
        author: String::from_utf8_lossy(commit.author).into_owned(),
        date: crate::time::iso8601(commit.seconds, commit.offset),
        seconds: commit.seconds,
        subject: commit.subject(),
        parents: commit.parents.len(),
    })
}

/// The blob to look up in history, if the sighting came from one.
fn object_of(origin: &Origin) -> Option<ObjectId> {
    match origin {
        Origin::Object { id } => Some(*id),
        _ => None,
    }
}

/// The object whose name in a tree holds the sighting, and that name.
fn named_by(repo: &Repo, sighting: &Sighting) -> Option<(ObjectId, Vec<u8>)> {
    match sighting.origin {
        Origin::Tree { id } => entry_at(repo, &id, sighting.hit.span.start),
        _ => None,
    }
}

fn entry_at(repo: &Repo, tree: &ObjectId, offset: usize) -> Option<(ObjectId, Vec<u8>)> {
    let mut bytes = Vec::new();
    repo.read(tree, Kind::Tree, &mut bytes).ok()?;
    let start = bytes.as_ptr() as usize;
    let mut entries = crate::git::tree::tree_entries(&bytes, repo.hash);
    let entry = entries.find(|entry| entry.name.as_ptr() as usize - start + entry.name.len() > offset)?;
    Some((entry.id(), entry.name.to_vec()))
}

fn plain(kind: PlaceKind, site: Site) -> Place {
    Place {
        kind,
        path: None,
        site,
        blob: None,
        commit: None,
        reference: None,
        current: false,
        in_head: false,
        suppression: None,
    }
}

fn at(place: Place, level: Level) -> Placed {
    Placed { place, exposure: Exposure::of(level), seconds: i64::MAX }
}

fn identifier() -> Suppression {
    Suppression {
        by: "identifier".into(),
        state: "identifier".into(),
        reason: "an identifier, of no use without the secret that belongs to it".into(),
    }
}

/// The match that says most of a secret comes first.
fn order(s: &Sighting) -> impl Ord {
    let hit = &s.hit;
    let rule = hit.rule;
    (
        hit.implausible.is_some(),
        rule.generic,
        !rule.candidates.is_empty(),
        std::cmp::Reverse(hit.confidence),
        std::cmp::Reverse(hit.severity),
        rule.id,
        s.site.line,
        s.site.column,
        // Of a secret in several spellings it is not the one that came first that is shown: who comes first is chance.
        &hit.secret,
        object_of(&s.origin),
    )
}

fn place_order(p: &Placed) -> impl Ord {
    let place = &p.place;
    let commit = place.commit.as_ref().map(|commit| commit.id).filter(|_| !place.current);
    (
        place.current,
        place.blob.is_none(),
        p.seconds,
        commit,
        place.path.clone(),
        place.site.inside.clone(),
        place.site.line,
        place.site.column,
        place.kind,
        place.reference.clone(),
    )
}

/// The worst level; the earliest commit; all remote refs.
fn worst(placed: &[Placed]) -> Exposure {
    let level = placed.iter().map(|p| p.exposure.level).min().unwrap_or(Level::Unknown);
    let first = placed.iter().filter(|p| p.exposure.commit.is_some()).min_by_key(|p| p.seconds);
    let mut remote_refs: Vec<String> = placed.iter().flat_map(|p| p.exposure.remote_refs.iter().cloned()).collect();
    remote_refs.sort();
    remote_refs.dedup();
    let heads: Vec<bool> = placed.iter().filter_map(|p| p.exposure.in_head).collect();
    Exposure {
        level,
        since: first.and_then(|p| p.exposure.since.clone()),
        commit: first.and_then(|p| p.exposure.commit),
        remote_refs,
        in_head: (!heads.is_empty()).then(|| heads.contains(&true)),
    }
}
