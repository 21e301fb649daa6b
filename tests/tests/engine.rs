use std::collections::BTreeSet;
use std::fmt::Write;

use keysieve::rules::RuleSet;
use keysieve::rules::sample::{self, Random};
use keysieve::scan::validate;

use crate::util::{Dir, Repo, Report, text};

/// A file whose versions differ by edits of every kind: a secret comes, moves, changes by a byte, goes.
struct Growing {
    random: Random,
    lines: Vec<Vec<u8>>,
}

impl Growing {
    fn new(seed: u64) -> Self {
        let mut file = Self { random: Random::new(seed), lines: Vec::new() };
        (0..40).for_each(|_| file.insert());
        file
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random.below(bound.max(1))
    }

    fn place(&mut self) -> usize {
        let count = self.lines.len();
        self.below(count)
    }

    /// A sample of some rule, one that must match or one that must not, or plain text.
    fn insert(&mut self) {
        let rules = RuleSet::every_builtin();
        let count = rules.len();
        let rule = rules.get(self.below(count));
        let templates = if self.below(3) == 0 { rule.ignores } else { rule.matches };
        let line = match self.below(2) {
            0 if !templates.is_empty() => {
                let template = templates[self.below(templates.len())];
                // Some checks can only be met, not generated.
                sample::fill(template, &mut self.random, &validate::generate).unwrap_or_default().into_bytes()
            }
            _ => format!("plain line {} of text, nothing in it", self.below(1_000_000)).into_bytes(),
        };
        let at = self.place();
        self.lines.insert(at, line);
    }

    fn edit(&mut self) {
        let at = self.place();
        match self.below(12) {
            0..=2 => self.insert(),
            3 if self.lines.len() > 20 => drop(self.lines.remove(at)),
            4 => {
                // A line moves.
                let line = self.lines.remove(at);
                let to = self.place();
                self.lines.insert(to, line);
            }
            5 => {
                // A block moves, so that nearness to others changes.
                let len = self.below(6).min(self.lines.len() - at);
                let block: Vec<_> = self.lines.drain(at..at + len).collect();
                let to = self.below(self.lines.len() + 1);
                self.lines.splice(to..to, block);
            }
            6 => {
                let line = self.lines[at].clone();
                let to = self.place();
                self.lines.insert(to, line);
            }
            7 => {
                // Two lines become one.
                if at + 1 < self.lines.len() {
                    let next = self.lines.remove(at + 1);
                    self.lines[at].extend(next);
                }
            }
            8 => {
                let len = self.lines[at].len();
                let cut = self.below(len);
                let rest = self.lines[at].split_off(cut);
                self.lines.insert(at + 1, rest);
            }
            kind => self.edit_byte(at, kind),
        }
    }

    /// One byte of a line is changed, goes, or comes: in a secret, at its edge, in a keyword, in its context.
    fn edit_byte(&mut self, at: usize, kind: usize) {
        let len = self.lines[at].len();
        if len == 0 {
            return;
        }
        let place = self.below(len);
        let byte = *b"aA0_-. \"'=:xZ9/\\"[..].get(self.random.below(16)).unwrap();
        let line = &mut self.lines[at];
        match kind {
            9 => line[place] = byte,
            10 => drop(line.remove(place)),
            _ => line.insert(place, byte),
        }
    }

    fn version(&mut self) -> Vec<u8> {
        (0..1 + self.below(4)).for_each(|_| self.edit());
        if self.lines.len() > 120 {
            self.lines.truncate(100);
        }
        self.lines.join(&b'\n')
    }
}

/// Hundreds of versions of some files, through `git fast-import`.
fn grown<'d>(dir: &'d Dir, seed: u64, versions: usize, options: &[&str]) -> Repo<'d> {
    let repo = dir.repo_with("repo", options);
    let mut files: Vec<Growing> = (0..3).map(|n| Growing::new(seed * 100 + n)).collect();
    let mut stream = Vec::new();
    for version in 0..versions {
        let date = 1_700_000_000 + version * 3600;
        let mut commit = String::new();
        let message = format!("version {version}");
        write!(commit, "commit refs/heads/main\ncommitter A <a@b.c> {date} +0000\ndata {}\n{message}\n", message.len())
            .unwrap();
        stream.extend(commit.into_bytes());
        for (number, file) in files.iter_mut().enumerate() {
            if version % (number + 1) == 0 {
                let bytes = file.version();
                stream.extend(format!("M 100644 inline dir/file{number}\ndata {}\n", bytes.len()).into_bytes());
                stream.extend(bytes);
                stream.push(b'\n');
            }
        }
    }
    repo.git_fed(&["fast-import", "--quiet"], &stream);
    repo
}

/// The longest delta chain of the repository's pack.
fn deepest(repo: &Repo<'_>) -> usize {
    let packs = repo.path(".git/objects/pack").read_dir().unwrap().map(|entry| entry.unwrap().path());
    let index = packs.into_iter().find(|path| path.extension().is_some_and(|e| e == "idx")).unwrap();
    let listed = repo.git(&["verify-pack", "-v", index.to_str().unwrap()]);
    listed
        .lines()
        .filter_map(|line| line.strip_prefix("chain length = ")?.split(':').next()?.parse().ok())
        .max()
        .unwrap_or(0)
}

type Spot = (String, String, String, [u64; 4]);

fn numbers(place: &serde_json::Value) -> [u64; 4] {
    ["line", "column", "end_line", "end_column"].map(|name| place[name].as_u64().unwrap())
}

/// Fingerprint, rule, blob and exact position of everything in a report; `blob` names a place's blob.
fn spots(report: &Report, blob: &str) -> BTreeSet<Spot> {
    let of = |finding: &serde_json::Value| -> Vec<Spot> {
        let (print, rule) = (text(&finding["fingerprint"]).to_owned(), text(&finding["rule"]).to_owned());
        let places = finding["places"].as_array().unwrap().iter().filter(|place| place["kind"] == "content");
        places.map(|place| (print.clone(), rule.clone(), text(&place[blob]).to_owned(), numbers(place))).collect()
    };
    report.findings().iter().flat_map(of).collect()
}

/// Every blob of a repository as a file named by its id.
fn dump(repo: &Repo<'_>, dir: &Dir) -> usize {
    let ids = repo.git(&["cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)"]);
    let ids: Vec<&str> = ids.lines().filter_map(|line| line.strip_prefix("blob ")).collect();
    let input = ids.join("\n") + "\n";
    let ran = crate::util::Ran::fed(repo.command("git").args(["cat-file", "--batch"]), input.as_bytes());
    let mut rest = ran.output.stdout.as_slice();
    for id in &ids {
        let end = memchr::memchr(b'\n', rest).unwrap();
        let size: usize = std::str::from_utf8(&rest[..end]).unwrap().rsplit(' ').next().unwrap().parse().unwrap();
        dir.write(format!("blobs/{id}"), &rest[end + 1..end + 1 + size]);
        rest = &rest[end + 2 + size..];
    }
    ids.len()
}

const ALL: &[&str] = &["--no-config", "--show-suppressed", "--enable", "*"];

fn agree(repo: &Repo<'_>, dir: &Dir) -> usize {
    let count = dump(repo, dir);
    let whole = dir.json(&[&["scan", "blobs"], ALL].concat());
    let want = spots(&whole, "path");
    for threads in ["1", "2"] {
        let fast = repo.json(&[&["scan", "--history", "--threads", threads], ALL].concat());
        fast.complete(true);
        assert_eq!(fast.read("blobs"), count as u64);
        let got = spots(&fast, "blob");
        let (lost, extra): (Vec<_>, Vec<_>) = (want.difference(&got).collect(), got.difference(&want).collect());
        let (some, more): (Vec<_>, Vec<_>) = (lost.iter().take(3).collect(), extra.iter().take(3).collect());
        assert!(
            lost.is_empty() && extra.is_empty(),
            "lost {}: {some:#?}\nextra {}: {more:#?}\nblobs in {}",
            lost.len(),
            extra.len(),
            dir.text("blobs")
        );
    }
    want.len()
}

fn deep(seed: u64, versions: usize) {
    let dir = Dir::new();
    let repo = grown(&dir, seed, versions, &[]);
    repo.git(&["repack", "-adfq", "--depth=50", "--window=50"]);
    assert!(deepest(&repo) >= 30, "the pack must have deep chains: {}", deepest(&repo));
    let found = agree(&repo, &dir);
    assert!(found > versions, "only {found} places: the generator does not test much");
}

#[test]
fn a_deep_history_is_what_its_blobs_are_1() {
    deep(1, 300);
}

#[test]
fn a_deep_history_is_what_its_blobs_are_2() {
    deep(2, 300);
}

#[test]
fn a_deep_history_is_what_its_blobs_are_3() {
    deep(3, 300);
}

#[test]
fn loose_objects_are_what_they_are() {
    let dir = Dir::new();
    let repo = grown(&dir, 4, 60, &[]);
    let pack = repo.path(".git/objects/pack").read_dir().unwrap().map(|e| e.unwrap().path());
    let pack = pack.into_iter().find(|path| path.extension().is_some_and(|e| e == "pack"));
    if let Some(pack) = pack {
        let aside = dir.path("aside.pack");
        std::fs::rename(&pack, &aside).unwrap();
        std::fs::remove_file(pack.with_extension("idx")).unwrap();
        repo.git_fed(&["unpack-objects", "-q"], &std::fs::read(aside).unwrap());
    }
    agree(&repo, &dir);
}

#[test]
fn several_packs_with_deltas_by_offset_and_by_id() {
    let dir = Dir::new();
    let repo = grown(&dir, 5, 120, &["--object-format=sha256"]);
    repo.git(&["-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq", "--depth=50", "--window=20"]);
    repo.commit_file("dir/file0", "new\n");
    repo.git(&["repack", "-dq"]);
    repo.git(&["multi-pack-index", "write"]);
    agree(&repo, &dir);
}

#[test]
fn one_thread_and_two_say_the_same_bytes() {
    let dir = Dir::new();
    let repo = grown(&dir, 6, 80, &[]);
    repo.git(&["reset", "--quiet", "--hard", "main~3"]);
    for n in 0..60 {
        repo.write(format!("staged/{n}"), format!("key = {}\n", crate::util::runra(n % 40)));
    }
    repo.add();
    for n in 0..60 {
        repo.write(format!("untracked/{n}"), format!("\nkey = {}\n", crate::util::runra(n % 50)));
    }
    for mode in [&["--history"][..], &["--staged"], &["--range", "main~20..main"], &["."]] {
        for format in if mode == ["--history"] { &["json", "text", "sarif"][..] } else { &["json"] } {
            let run = |threads| {
                let args = [&["scan"], mode, &["--threads", threads, "--format", format, "--show-suppressed"]].concat();
                let ran = repo.keysieve(&args);
                ran.code(1);
                ran.output.stdout
            };
            let one = run("1");
            for _ in 0..2 {
                assert!(one == run("2"), "{mode:?} {format} depends on threads");
            }
        }
    }
}

/// The first report must not depend on how objects are stored.
#[test]
fn loose_and_packed_say_the_same() {
    let dir = Dir::new();
    let repo = grown(&dir, 7, 60, &[]);
    let report = |repo: &Repo<'_>| repo.json(&["scan", "--history", "--show-suppressed"]).value["findings"].clone();
    repo.git(&["repack", "-adfq", "--depth=1", "--window=2"]);
    let shallow = report(&repo);
    repo.git(&["repack", "-adfq", "--depth=50", "--window=100"]);
    assert!(shallow == report(&repo), "the report depends on how objects are packed");
    repo.git(&["repack", "-adfq", "--window=0"]);
    assert!(shallow == report(&repo), "the report depends on how objects are packed");
}
