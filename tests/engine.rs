//! The fast engine against the plain one, on real repositories with random histories, packed in several ways: the same
//! findings, the same places. The plain one asks git for every blob, tries every rule at every byte of it, and looks for
//! the commits that brought it in every tree of every commit.
#![allow(clippy::unwrap_used)] // a test that cannot go on should panic

#[path = "support/plain.rs"]
mod plain;
#[path = "support/texts.rs"]
mod texts;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use keysieve::blob::{Blob, ObjectId, Origin, PlaceKind, is_binary};
use keysieve::finding::{Finding, Match, Sighting};
use keysieve::git::Repo;
use keysieve::provenance::{self, Noted, Scene, Witness};
use keysieve::rules::RuleSet;
use keysieve::rules::sample::Random;
use keysieve::scan::{Carried, Scanned, Scanner};
use keysieve::source::{Base, History, Passed};
use plain::Plain;
use rayon::prelude::*;
use texts::fill;

/// Rules of all forms: anchored, near, assigned, of several lines, in pairs, with a long reach.
fn rules() -> RuleSet {
    let named = [
        "aws-access-key-id",
        "aws-secret-access-key",
        "generic-password",
        "generic-secret",
        "generic-token",
        "github-token",
        "jwt-token",
        "private-key-openssh",
        "private-key-rsa",
        "runra-api-key",
        "slack-token",
        "stripe-secret-key",
    ];
    let all = RuleSet::every_builtin();
    let some = all.iter().enumerate().filter(|(n, rule)| n % 31 == 0 || named.contains(&rule.id));
    RuleSet::of(some.map(|(_, rule)| rule).collect())
}

struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("keysieve-engine-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    fn git(&self, args: &[&str], input: &[u8]) -> String {
        let mut git = Command::new("git");
        git.current_dir(&self.0).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").args(args);
        let mut child = git.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || drop(pipe.write_all(input)));
            child.wait_with_output().unwrap()
        });
        assert!(output.status.success(), "git {args:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// A file that is edited as files are, and worse.
struct File {
    name: String,
    bytes: Vec<u8>,
}

impl File {
    fn write(&self, stream: &mut Vec<u8>) {
        stream.extend(format!("M 100644 inline {}\ndata {}\n", self.name, self.bytes.len()).into_bytes());
        stream.extend_from_slice(&self.bytes);
        stream.push(b'\n');
    }
}

/// Makes histories.
struct Writer<'r> {
    random: Random,
    rules: &'r RuleSet,
    scanner: &'r Scanner,
}

impl Writer<'_> {
    fn below(&mut self, bound: usize) -> usize {
        self.random.below(bound.max(1))
    }

    fn sample(&mut self) -> Vec<u8> {
        let rule = self.rules.get(self.below(self.rules.len()));
        let templates = if self.below(4) == 0 && !rule.ignores.is_empty() { rule.ignores } else { rule.matches };
        let template = templates[self.below(templates.len())];
        fill(template, &mut self.random).unwrap_or_default().into_bytes()
    }

    fn line(&mut self) -> Vec<u8> {
        if self.below(4) == 0 {
            return self.sample();
        }
        format!("plain line {} of text, nothing in it but words", self.below(100_000)).into_bytes()
    }

    /// A place in the file: anywhere, at, in or around a secret, or where its rule's reach ends.
    fn place(&mut self, bytes: &[u8]) -> usize {
        let matches = if self.below(3) == 0 { Vec::new() } else { self.scanner.scan_whole(bytes).matches };
        if matches.is_empty() {
            return self.below(bytes.len() + 1);
        }
        let Match { span, rule, .. } = &matches[self.below(matches.len())];
        let at = match self.below(8) {
            0 => span.start,
            1 => span.end,
            2 | 3 => span.start + self.below(span.len()),
            4 => span.start.saturating_sub(1 + self.below(3)),
            5 => span.end + 1 + self.below(3),
            6 => span.start.saturating_sub(rule.reach + self.below(5)),
            _ => span.end + rule.reach.saturating_sub(self.below(5)),
        };
        at.min(bytes.len())
    }

    fn edit(&mut self, file: &mut File) {
        let bytes = &mut file.bytes;
        let at = self.place(bytes);
        match self.below(16) {
            0..=2 => {
                let mut line = self.line();
                line.push(b'\n');
                let start = memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |newline| newline + 1);
                bytes.splice(start..start, line);
            }
            // In the middle of something: where a copied run ends and an inserted one begins.
            3 => drop(bytes.splice(at..at, self.sample())),
            4 | 5 => drop(bytes.splice(at..at, [b"aA0_-. \"'=:\n\r\0"[self.below(14)]])),
            6 | 7 if at < bytes.len() => drop(bytes.remove(at)),
            8 if at < bytes.len() => bytes[at] = b"aZ9_ \n=\""[self.below(8)],
            9 => {
                let end = (at + self.below(400)).min(bytes.len());
                if bytes.len() > 1500 {
                    bytes.drain(at..end);
                }
            }
            10 | 11 => {
                // A block moves, or is doubled: a secret in it goes along, or is cut in two.
                let end = (at + self.below(600)).min(bytes.len());
                let block = bytes[at..end].to_vec();
                if self.below(2) == 0 {
                    bytes.drain(at..end);
                }
                let to = self.place(bytes);
                bytes.splice(to..to, block);
            }
            12 if self.below(3) == 0 => {
                // CRLF and back.
                let text = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
                let lines: Vec<&[u8]> = text.collect();
                let end: &[u8] = if bytes.contains(&b'\r') { b"\n" } else { b"\r\n" };
                *bytes = lines.join(end);
            }
            13 if self.below(3) == 0 => {
                // One long line, and lines again.
                let many = memchr::memchr_iter(b'\n', bytes).count() > 3;
                let (from, to) = if many { (b'\n', b';') } else { (b';', b'\n') };
                bytes.iter_mut().filter(|byte| **byte == from).for_each(|byte| *byte = to);
            }
            _ => {
                let gap = b" filler".repeat(1 + self.below(12));
                bytes.splice(at..at, gap);
            }
        }
        bytes.truncate(7000);
    }

    /// Commits with edits, renames, copies, deletions and merges, for `git fast-import`.
    fn history(&mut self, commits: usize) -> Vec<u8> {
        let mut files: Vec<File> = Vec::new();
        for n in 0..3 {
            let mut bytes = Vec::new();
            while bytes.len() < 2500 {
                bytes.extend(self.line());
                bytes.push(b'\n');
            }
            files.push(File { name: format!("dir{n}/file"), bytes });
        }
        let mut stream = Vec::new();
        let mut fresh = files.len();
        for commit in 1..=commits {
            let date = 1_700_000_000 + commit * 60 - self.below(200);
            let message = if self.below(20) == 0 { self.sample() } else { format!("change {commit}").into_bytes() };
            let mut head = String::new();
            write!(head, "commit refs/heads/main\nmark :{commit}\n").unwrap();
            write!(head, "committer A <a@b.c> {date} +0000\ndata {}\n", message.len()).unwrap();
            stream.extend(head.into_bytes());
            stream.extend(message);
            stream.push(b'\n');
            if commit > 10 && self.below(12) == 0 {
                stream.extend(format!("from :{}\nmerge :{}\n", commit - 1, commit - 2 - self.below(7)).into_bytes());
            }
            if commit == 1 {
                files.iter().for_each(|file| file.write(&mut stream));
            }
            for _ in 0..1 + self.below(2) {
                let number = self.below(files.len());
                match self.below(20) {
                    0 => {
                        fresh += 1;
                        let name = format!("moved{}/file{fresh}", fresh % 3);
                        stream.extend(format!("R {} {name}\n", files[number].name).into_bytes());
                        files[number].name = name;
                        continue;
                    }
                    1 if files.len() < 5 => {
                        fresh += 1;
                        let copy = File { name: format!("copy{fresh}"), bytes: files[number].bytes.clone() };
                        copy.write(&mut stream);
                        files.push(copy);
                    }
                    2 if files.len() > 2 => {
                        let gone = files.remove(number);
                        stream.extend(format!("D {}\n", gone.name).into_bytes());
                        continue;
                    }
                    _ => {}
                }
                let number = number.min(files.len() - 1);
                let mut file = files.remove(number);
                (0..1 + self.below(4)).for_each(|_| self.edit(&mut file));
                file.write(&mut stream);
                files.insert(number, file);
            }
        }
        stream
    }
}

/// What the fast engine did to get there.
#[derive(Default, Debug)]
struct Effort {
    kept: AtomicUsize,
    rechecked: AtomicUsize,
    deepest: AtomicUsize,
}

/// A secret at an exact place, as both engines tell it.
type Spot = (String, String, Option<String>, Option<String>, [u64; 4]);

/// All that a sighting says.
fn told(sighting: &Sighting) -> String {
    let (hit, site) = (&sighting.hit, &sighting.site);
    let secret = String::from_utf8_lossy(hit.secret.reveal()).into_owned();
    format!(
        "{:?} {} {:?} {secret:?} {:?} {:?} {:?} {:?} {site:?}",
        sighting.origin, hit.rule.id, hit.span, hit.severity, hit.confidence, hit.implausible, hit.details
    )
}

fn is_compared(sighting: &Sighting) -> bool {
    match sighting.origin {
        Origin::Object { .. } => true,
        Origin::Commit { kind, .. } => kind == PlaceKind::CommitMessage,
        _ => false,
    }
}

fn spots(findings: &[Finding]) -> BTreeSet<Spot> {
    let of = |finding: &Finding| -> Vec<Spot> {
        let places = finding.places.iter().filter(|p| matches!(p.kind, PlaceKind::Content | PlaceKind::CommitMessage));
        let spot = |p: &keysieve::finding::Place| {
            let what = p.blob.map_or_else(|| "message".into(), |id| id.to_string());
            let path = p.path.as_ref().map(|path| String::from_utf8_lossy(path).into_owned());
            let at = [p.site.line, p.site.column, p.site.end_line, p.site.end_column];
            (finding.fingerprint.clone(), what, path, p.commit.as_ref().map(|c| c.id.to_string()), at)
        };
        places.map(spot).collect()
    };
    findings.iter().flat_map(of).collect()
}

/// The fast engine, put together as the program does it.
fn fast(repo: &Repo, scanner: &Scanner, effort: &Effort) -> (BTreeSet<String>, BTreeSet<Spot>) {
    let found = Mutex::new(Vec::new());
    let scan = |blob: &Blob<'_>, base: Option<Base<'_, (Scanned, usize)>>| {
        let depth = base.as_ref().map_or(0, |base| base.value.1 + 1);
        effort.deepest.fetch_max(depth, Ordering::Relaxed);
        let (zones, carried) = match base {
            Some(base) => scanner.inherit(&base.value.0, base.copies, blob.bytes.len()),
            None => (std::iter::once(0..blob.bytes.len()).collect(), Carried::default()),
        };
        let (kept, rechecked) = carried.counts();
        effort.kept.fetch_add(kept, Ordering::Relaxed);
        effort.rechecked.fetch_add(rechecked, Ordering::Relaxed);
        let scanned = scanner.scan(blob.bytes, blob.binary, &zones, carried);
        found.lock().unwrap().extend(scanner.sightings(blob, &scanned, &[]));
        (scanned, depth)
    };
    let knows = |_: &[u8]| false;
    let worth = |bytes: &[u8]| scanner.may_match(bytes);
    let history = History { repo, max_size: None, knows: &knows, worth: &worth };
    let mut tally = history.contents(&scan).unwrap();
    let wanted = provenance::wanted(found.lock().unwrap().iter());
    let witness = Witness::new(wanted, repo.hash);
    let note = |passed: Passed<'_, Noted>| match passed {
        Passed::Tree(tree) => witness.tree(tree.id, tree.bytes, tree.layout, tree.named, tree.base),
        Passed::Commit(id, commit) => {
            witness.commit(id, commit);
            Noted::default()
        }
    };
    let see = |blob: &Blob<'_>| found.lock().unwrap().extend(scanner.sight(blob, &[]));
    tally.merge(history.structure(&see, &note, &mut |_, _| ()));
    assert!(tally.is_complete(), "{tally:?}");
    let mut sightings = found.into_inner().unwrap();
    sightings.retain(is_compared);
    let told = sightings.iter().map(told).collect();
    let scene = Scene { repo: Some(repo), ..Scene::default() };
    let findings = provenance::locate(scene, sightings, Some(witness.done())).unwrap();
    (told, spots(&findings))
}

/// Everything by git2, one object at a time.
fn slow(dir: &Dir, rules: &RuleSet, scanner: &Scanner) -> (BTreeSet<String>, BTreeSet<Spot>) {
    let repo = git2::Repository::open(&dir.0).unwrap();
    let odb = repo.odb().unwrap();
    let (mut texts, mut commits) = (Vec::new(), Vec::new());
    odb.foreach(|id| {
        let object = odb.read(*id).unwrap();
        let own = ObjectId::try_from(id.as_bytes()).unwrap();
        match object.kind() {
            git2::ObjectType::Blob => texts.push((Origin::Object { id: own }, object.data().to_vec())),
            git2::ObjectType::Commit => {
                let commit = repo.find_commit(*id).unwrap();
                let origin = Origin::Commit { kind: PlaceKind::CommitMessage, id: own };
                texts.push((origin, commit.message_raw_bytes().to_vec()));
                commits.push(*id);
            }
            _ => {}
        }
        true
    })
    .unwrap();
    let plain = Plain::new(rules);
    let sightings: Vec<Sighting> = texts
        .par_iter()
        .flat_map_iter(|(origin, bytes)| {
            let is_text = matches!(origin, Origin::Commit { .. });
            let binary = !is_text && is_binary(bytes);
            let mut scanned = Scanned::default();
            scanned.matches = scanner.settled(bytes, binary, &|bytes| plain.find(bytes));
            scanner.sightings(&Blob { binary, ..Blob::whole(origin, bytes) }, &scanned, &[])
        })
        .collect();
    let brought = brought(&repo, &commits);
    let mut all = BTreeSet::new();
    for sighting in &sightings {
        let print = sighting.hit.secret.fingerprint(None);
        let site = &sighting.site;
        let at = [site.line, site.column, site.end_line, site.end_column];
        match &sighting.origin {
            Origin::Object { id } => {
                let places = brought.get(&id.to_string());
                for (path, commit) in places.into_iter().flatten() {
                    all.insert((print.clone(), id.to_string(), Some(path.clone()), Some(commit.clone()), at));
                }
                if places.is_none() {
                    all.insert((print, id.to_string(), None, None, at));
                }
            }
            Origin::Commit { id, .. } => {
                all.insert((print, "message".into(), None, Some(id.to_string()), at));
            }
            _ => {}
        }
    }
    (sightings.iter().map(told).collect(), all)
}

/// Of each blob the paths where commits brought it, each with the oldest such commit.
fn brought(repo: &git2::Repository, commits: &[git2::Oid]) -> HashMap<String, BTreeSet<(String, String)>> {
    let files = |tree: git2::Tree<'_>| -> BTreeMap<String, git2::Oid> {
        let mut files = BTreeMap::new();
        tree.walk(git2::TreeWalkMode::PreOrder, |root, entry| {
            if entry.kind() == Some(git2::ObjectType::Blob) {
                files.insert(format!("{root}{}", entry.name().unwrap()), entry.id());
            }
            git2::TreeWalkResult::Ok
        })
        .unwrap();
        files
    };
    let trees: HashMap<git2::Oid, BTreeMap<String, git2::Oid>> =
        commits.iter().map(|id| (*id, files(repo.find_commit(*id).unwrap().tree().unwrap()))).collect();
    let mut oldest: BTreeMap<(git2::Oid, String), (i64, git2::Oid)> = BTreeMap::new();
    for id in commits {
        let commit = repo.find_commit(*id).unwrap();
        for (path, blob) in &trees[id] {
            if commit.parent_ids().any(|parent| trees[&parent].get(path) == Some(blob)) {
                continue;
            }
            let this = (commit.time().seconds(), *id);
            let first = oldest.entry((*blob, path.clone())).or_insert(this);
            *first = this.min(*first);
        }
    }
    let mut brought: HashMap<String, BTreeSet<(String, String)>> = HashMap::new();
    for ((blob, path), (_, commit)) in oldest {
        brought.entry(blob.to_string()).or_default().insert((path, commit.to_string()));
    }
    brought
}

#[track_caller]
fn same<T: Ord + std::fmt::Debug>(fast: &BTreeSet<T>, plain: &BTreeSet<T>, dir: &Dir, what: &str) {
    let (lost, extra): (Vec<_>, Vec<_>) =
        (plain.difference(fast).take(3).collect(), fast.difference(plain).take(3).collect());
    assert!(lost.is_empty() && extra.is_empty(), "{what} in {}: lost {lost:#?}\nextra {extra:#?}", dir.0.display());
}

fn unpacked(dir: &Dir) {
    let folder = dir.0.join(".git/objects/pack");
    let files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    let aside = dir.0.join("aside");
    fs::create_dir_all(&aside).unwrap();
    for file in &files {
        fs::rename(file, aside.join(Path::new(file.file_name().unwrap()))).unwrap();
    }
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "pack")) {
        let pack = fs::read(aside.join(file.file_name().unwrap())).unwrap();
        dir.git(&["unpack-objects", "-q"], &pack);
    }
}

fn compare(seed: u64, commits: usize, effort: &Effort) -> usize {
    let rules = rules();
    let scanner = Scanner::new(&rules);
    let dir = Dir::new(&seed.to_string());
    dir.git(&["init", "--quiet", "--initial-branch=main", "."], b"");
    let stream = Writer { random: Random::new(seed), rules: &rules, scanner: &scanner }.history(commits);
    dir.git(&["fast-import", "--quiet"], &stream);
    // A file that one commit writes twice leaves a blob that nothing has, and that no later pack would hold.
    dir.git(&["repack", "-adq"], b"");
    dir.git(&["prune", "--expire=now"], b"");
    let (want, places) = slow(&dir, &rules, &scanner);
    let check = |what: &str| {
        let repo = Repo::at(&dir.0).unwrap();
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let (told, spots) = pool.install(|| fast(&repo, &scanner, effort));
            same(&told, &want, &dir, &format!("{what}, {threads} threads: matches"));
            same(&spots, &places, &dir, &format!("{what}, {threads} threads: places"));
        }
    };
    check("as imported");
    for (depth, window) in [("50", "50"), ("250", "10"), ("4", "100"), ("1", "3")] {
        let (depth, window) = (format!("--depth={depth}"), format!("--window={window}"));
        dir.git(&["repack", "-adfq", &depth, &window], b"");
        check(&format!("{depth} {window}"));
    }
    dir.git(&["-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq", "--depth=50", "--window=50"], b"");
    check("bases by id");
    unpacked(&dir);
    check("loose");
    // A third in each of two packs, the rest loose; some objects in both.
    let ids = dir.git(&["rev-list", "--objects", "--no-object-names", "--all"], b"");
    let ids: Vec<&str> = ids.lines().collect();
    for part in [&ids[..ids.len() / 3], &ids[ids.len() / 4..2 * ids.len() / 3]] {
        let list = part.join("\n") + "\n";
        let pack = dir.0.join(".git/objects/pack/pack").display().to_string();
        dir.git(&["pack-objects", "-q", "--depth=40", "--window=40", &pack], list.as_bytes());
    }
    dir.git(&["prune-packed", "-q"], b"");
    dir.git(&["multi-pack-index", "write"], b"");
    check("several packs");
    want.len()
}

#[test]
fn the_fast_engine_gives_what_the_plain_one_gives() {
    let effort = Effort::default();
    let matches: usize = [(11, 220), (12, 160), (13, 160)].iter().map(|(seed, n)| compare(*seed, *n, &effort)).sum();
    let [kept, rechecked, deepest] =
        [&effort.kept, &effort.rechecked, &effort.deepest].map(|count| count.load(Ordering::Relaxed));
    assert!(deepest >= 10, "chains of {deepest} only");
    assert!(kept > 1000 && rechecked > 1000, "{kept} verdicts carried, {rechecked} checked again");
    assert!(matches > 1000, "{matches} matches only: the generator does not test much");
}
