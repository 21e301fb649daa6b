//! Random sequences of git operations. Whenever the sequence comes to a commit, a model says whether the hook must block:
//! exactly when the tree about to be committed has, in some path, a fingerprint that neither that path nor its rename
//! source has in HEAD or any MERGE_HEAD. The model reads trees and asks git for renames; it knows nothing of keysieve
//! but which keys the test itself has made.
//!
//! The default run has a few sequences with fixed seeds; `KEYSIEVE_SEQUENCES=2000` runs that many.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use keysieve::rules::sample::Random;

use crate::util::{Dir, Ran, Repo, runra};

const FILES: &[&str] = &["a", "b", "dir/c", "dir/d", "other/e"];
const KEYS: u64 = 4;
const STEPS: usize = 14;

#[test]
fn the_hook_blocks_exactly_what_the_model_says() {
    let count = std::env::var("KEYSIEVE_SEQUENCES").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    let first = std::env::var("KEYSIEVE_FIRST_SEQUENCE").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut seen = Seen::default();
    for seed in first..first + count {
        sequence(seed, &mut seen);
    }
    println!("{count} sequences: {seen:?}");
    // A run that never comes to these shows nothing.
    assert!(seen.blocked > 0 && seen.passed > 0 && seen.quiet > 0 && seen.merged > 0, "{seen:?}");
    if count >= 200 {
        assert!(seen.renamed > 20 && seen.merged > 20 && seen.spread > 20, "{seen:?}");
    }
}

/// How often what happened.
#[derive(Debug, Default)]
struct Seen {
    commits: usize,
    blocked: usize,
    passed: usize,
    /// Passed with an old secret in a file that changed.
    quiet: usize,
    /// An old secret came along with a rename.
    renamed: usize,
    merged: usize,
    /// Blocked although HEAD has the secret, elsewhere.
    spread: usize,
}

fn sequence(seed: u64, seen: &mut Seen) {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.keysieve(&["hook", "install"]).code(0);
    let mut play =
        Play { repo, random: Random::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)), log: Vec::new(), lines: 0 };
    for name in ["a", "b", "dir/c"] {
        play.write(name);
    }
    play.repo.add();
    play.repo.git(&["commit", "--quiet", "--no-verify", "-m", "start"]);
    // Branches that differ, so that there is something to merge.
    for branch in ["one", "two"] {
        play.repo.git(&["checkout", "--quiet", "-b", branch, "main"]);
        for _ in 0..2 {
            if let Some(file) = play.there() {
                play.edit(file);
            }
        }
        play.repo.git(&["commit", "--quiet", "--no-verify", "--allow-empty", "-am", branch]);
    }
    play.repo.git(&["checkout", "--quiet", "main"]);
    for _ in 0..STEPS {
        play.step(seen, seed);
    }
}

struct Play<'d> {
    repo: Repo<'d>,
    random: Random,
    log: Vec<String>,
    /// Every line that is no key is another one, so that files are alike only where one comes from the other.
    lines: usize,
}

impl Play<'_> {
    fn below(&mut self, n: usize) -> usize {
        self.random.below(n)
    }

    fn pick<'p>(&mut self, of: &'p [&'p str]) -> &'p str {
        of[self.below(of.len())]
    }

    /// A file that is there, or none.
    fn there(&mut self) -> Option<&'static str> {
        let there: Vec<_> = FILES.iter().copied().filter(|name| self.repo.path(name).is_file()).collect();
        if there.is_empty() { None } else { Some(there[self.below(there.len())]) }
    }

    fn line(&mut self) -> String {
        self.lines += 1;
        match self.below(4) {
            0 => format!("KEY_{}={}\n", self.lines, runra(self.random.number() % KEYS)),
            _ => format!("line {} of some text that is no key at all\n", self.lines),
        }
    }

    /// A new file.
    fn write(&mut self, name: &str) {
        let text: String = (0..8).map(|_| self.line()).collect();
        self.repo.write(name, text);
    }

    /// A line more, a line less, or another in its place.
    fn edit(&mut self, name: &str) {
        let text = fs::read_to_string(self.repo.path(name)).unwrap();
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        let at = self.below(lines.len().max(1)).min(lines.len());
        match self.below(3) {
            0 => {
                let line = self.line();
                lines.insert(at, line);
            }
            1 if lines.len() > 4 => drop(lines.remove(at)),
            _ if at < lines.len() => lines[at] = self.line(),
            _ => {}
        }
        self.repo.write(name, lines.concat());
    }

    fn note(&mut self, what: impl Into<String>) {
        self.log.push(what.into());
    }

    fn git(&mut self, args: &[&str]) -> Ran {
        self.note(format!("git {}", args.join(" ")));
        self.repo.try_git(args)
    }

    fn step(&mut self, seen: &mut Seen, seed: u64) {
        let file = self.pick(FILES);
        match self.below(16) {
            0 | 1 => {
                self.note(format!("write {file}"));
                if !self.repo.path(file).exists() {
                    self.write(file);
                } else if self.repo.path(file).is_file() {
                    self.edit(file);
                }
            }
            2..=4 => {
                if let Some(file) = self.there() {
                    self.note(format!("edit {file}"));
                    self.edit(file);
                }
                self.git(&["add", "--all"]);
            }
            5 => {
                // Part of the changes: some hunks of a file.
                let answers: String = (0..8).map(|_| if self.below(2) == 0 { "y\n" } else { "n\n" }).collect();
                self.note(format!("add -p {answers:?}"));
                Ran::fed(self.repo.command("git").args(["add", "-p"]), answers.as_bytes());
            }
            6 | 7 => {
                if let Some(from) = self.there().filter(|from| *from != file && !self.repo.path(file).exists()) {
                    fs::create_dir_all(self.repo.path(file).parent().unwrap()).unwrap();
                    self.git(&["mv", from, file]);
                    if self.below(2) == 0 && self.repo.path(file).is_file() {
                        self.edit(file);
                        self.git(&["add", file]);
                    }
                }
            }
            8 => {
                if let Some(from) = self.there().filter(|from| *from != file && !self.repo.path(file).exists()) {
                    self.note(format!("copy {from} {file}"));
                    let text = fs::read(self.repo.path(from)).unwrap();
                    self.repo.write(file, text);
                    self.git(&["add", file]);
                }
            }
            9 => {
                if let Some(file) = self.there() {
                    self.git(&["rm", "--quiet", "--force", file]);
                }
            }
            10 => {
                let mode = self.pick(&["--soft", "--mixed", "--hard"]);
                let to = self.pick(&["HEAD", "HEAD~1"]);
                self.git(&["reset", "--quiet", mode, to]);
            }
            11 => {
                let how: &[&str] =
                    if self.below(2) == 0 { &["stash", "--quiet"] } else { &["stash", "pop", "--quiet"] };
                self.git(how);
                // What does not go together is decided at random, like a merge.
                self.resolve();
            }
            12 => {
                let branch = self.pick(&["one", "two", "main"]);
                self.git(&["checkout", "--quiet", branch]);
            }
            13 => {
                let branch = self.pick(&["one", "two", "main"]);
                // git merges into a clean index only.
                self.git(&["add", "--all"]);
                self.git(&["commit", "--quiet", "--no-verify", "-m", "before the merge"]);
                self.git(&["merge", "--quiet", "--no-commit", "--no-ff", branch]);
                self.resolve();
                if self.below(3) == 0
                    && let Some(file) = self.there()
                {
                    self.edit(file);
                    self.git(&["add", file]);
                }
                self.commit(&["commit", "--quiet", "--allow-empty", "-m", "x"], seen, seed);
            }
            14 if !self.repo.path(".git/MERGE_HEAD").exists() => {
                self.commit(&["commit", "--quiet", "--allow-empty", "--amend", "-m", "amended"], seen, seed);
            }
            _ => self.commit(&["commit", "--quiet", "--allow-empty", "-m", "x"], seen, seed),
        }
    }

    /// Takes both sides of every conflict, and now and then something new.
    fn resolve(&mut self) {
        let unmerged = self.repo.git(&["diff", "--name-only", "--diff-filter=U"]);
        for name in unmerged.lines() {
            if let Ok(text) = fs::read_to_string(self.repo.path(name)) {
                let kept: Vec<&str> = text
                    .split_inclusive('\n')
                    .filter(|line| !["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|m| line.starts_with(m)))
                    .collect();
                self.repo.write(name, kept.concat());
                if self.below(3) == 0 {
                    self.edit(name);
                }
            }
        }
        if !unmerged.is_empty() {
            self.git(&["add", "--all"]);
        }
    }

    /// Commits, and compares what the hook did with the model; what was blocked is then committed or undone.
    fn commit(&mut self, args: &[&str], seen: &mut Seen, seed: u64) {
        if !self.repo.git(&["diff", "--name-only", "--diff-filter=U"]).is_empty() {
            return;
        }
        let verdict = self.model();
        self.repo.later();
        let ran = self.git(args);
        let said = ran.stdout() + &ran.stderr();
        let blocked = !ran.output.status.success();
        assert!(
            !blocked || said.contains("skip once:"),
            "seed {seed}: it failed for another reason{ran}\n{:#?}",
            self.log
        );
        let quiet = said.contains("not new, so it does not block");
        assert_eq!(blocked, verdict.blocks, "seed {seed}: the model says {verdict:?}{ran}\n{:#?}", self.log);
        assert!(blocked || quiet == verdict.quiet, "seed {seed}: the model says {verdict:?}{ran}\n{:#?}", self.log);
        seen.commits += 1;
        seen.merged += usize::from(verdict.merging);
        seen.renamed += usize::from(verdict.renamed);
        seen.spread += usize::from(blocked && verdict.spread);
        *(if blocked { &mut seen.blocked } else { &mut seen.passed }) += 1;
        seen.quiet += usize::from(!blocked && quiet);
        if blocked {
            match self.below(2) {
                0 => drop(self.git(&[args, &["--no-verify"]].concat())),
                _ => drop(self.git(&["reset", "--quiet", "--hard"])),
            }
        }
    }

    fn model(&self) -> Verdict {
        let index = keys_of(&self.repo, "");
        let mut parents = vec!["HEAD".to_owned()];
        let merging = fs::read_to_string(self.repo.path(".git/MERGE_HEAD")).unwrap_or_default();
        parents.extend(merging.lines().map(str::to_owned));
        let mut verdict = Verdict { merging: !merging.is_empty(), ..Verdict::default() };
        let trees: Vec<_> = parents.iter().map(|parent| keys_of(&self.repo, parent)).collect();
        let moved: Vec<_> = parents.iter().map(|parent| renames(&self.repo, parent)).collect();
        for (path, (blob, keys)) in &index {
            // A blob that a parent has at the path is not part of the change.
            let changed = trees.iter().all(|tree| tree.get(path).is_none_or(|(there, _)| there != blob));
            for key in keys.iter().filter(|_| changed) {
                let known = trees.iter().zip(&moved).any(|(tree, moved)| {
                    let has = |path: &String| tree.get(path).is_some_and(|(_, keys)| keys.contains(key));
                    has(path) || moved.get(path).is_some_and(has)
                });
                let here = trees.iter().any(|tree| tree.get(path).is_some_and(|(_, keys)| keys.contains(key)));
                verdict.blocks |= !known;
                verdict.quiet |= known;
                verdict.renamed |= known && !here;
                verdict.spread |= !known && trees.iter().any(|tree| tree.values().any(|(_, keys)| keys.contains(key)));
            }
        }
        // A secret that is new at one place is open, and the finding is no quiet line then.
        verdict.quiet &= !verdict.blocks;
        verdict
    }
}

#[derive(Debug, Default)]
struct Verdict {
    blocks: bool,
    quiet: bool,
    merging: bool,
    renamed: bool,
    spread: bool,
}

type Tree = BTreeMap<String, (String, BTreeSet<u64>)>;

/// Paths of a tree, or of the index, with their blobs and the keys in them.
fn keys_of(repo: &Repo<'_>, tree: &str) -> Tree {
    let listed = match tree {
        "" => repo.git(&["ls-files", "--stage"]),
        tree => repo.git(&["ls-tree", "-r", tree]),
    };
    let mut paths = Vec::new();
    for line in listed.lines() {
        let (meta, path) = line.split_once('\t').unwrap();
        let words: Vec<&str> = meta.split(' ').collect();
        paths.push((path.to_owned(), words[if tree.is_empty() { 1 } else { 2 }].to_owned()));
    }
    let wanted: String = paths.iter().map(|(_, blob)| format!("{blob}\n")).collect();
    // Each content is text without a line that looks like the header of the next.
    let all = repo.git_fed(&["cat-file", "--batch=@@@ %(objectname)"], wanted.as_bytes());
    let mut contents: BTreeMap<&str, &str> = BTreeMap::new();
    for part in all.split("@@@ ").skip(1) {
        let (blob, text) = part.split_once('\n').unwrap_or((part, ""));
        contents.insert(blob, text);
    }
    let keys = |blob: &str| (0..KEYS).filter(|key| contents[blob].contains(&runra(*key))).collect();
    paths.into_iter().map(|(path, blob)| (path, (blob.clone(), keys(&blob)))).collect()
}

/// What git calls renames, new path to old.
fn renames(repo: &Repo<'_>, from: &str) -> BTreeMap<String, String> {
    let text = repo.git(&["diff-index", "--cached", "-M50%", "-l0", "--diff-filter=R", "--name-status", "-z", from]);
    let words: Vec<&str> = text.split('\0').collect();
    words.chunks_exact(3).map(|chunk| (chunk[2].to_owned(), chunk[1].to_owned())).collect()
}
