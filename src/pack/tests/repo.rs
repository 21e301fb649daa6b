//! Real repositories, made on the spot.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use super::super::HashKind;
use super::super::Kind;
use super::super::ObjectId;
use super::super::Store;

/// Every object by name.
pub(super) type Objects = BTreeMap<ObjectId, (Kind, Vec<u8>)>;

/// A directory that goes away with it.
pub(super) struct Dir(PathBuf);

impl Dir {
    pub(super) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("keysieve-pack-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        Dir(dir)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A bare repository.
pub(super) struct Repo {
    dir: Dir,
    pub(super) hash: HashKind,
}

impl Repo {
    pub(super) fn new(hash: HashKind) -> Self {
        let dir = Dir::new();
        let format = match hash {
            HashKind::Sha256 => "--object-format=sha256",
            _ => "--object-format=sha1",
        };
        let repo = Repo { dir, hash };
        repo.git(&["init", "--quiet", "--bare", format, "."]);
        repo
    }

    /// A repository with loose objects of every kind, among them files that grow and change a little at a time.
    pub(super) fn with_history(hash: HashKind, commits: usize) -> Self {
        let repo = Repo::new(hash);
        repo.import("main", 0, commits);
        repo
    }

    /// Runs git, without the user's settings, and returns what it prints.
    pub(super) fn git(&self, args: &[&str]) -> Vec<u8> {
        self.feed(args, b"")
    }

    pub(super) fn feed(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        let mut child = Command::new("git")
            .args(args)
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(input));
            child.wait_with_output().unwrap()
        });
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?}: {stderr}");
        output.stdout
    }

    /// Adds commits and a tag, as loose objects.
    pub(super) fn import(&self, branch: &str, seed: usize, commits: usize) {
        let mut stream = String::new();
        let mut files: Vec<String> = (0..4).map(|file| text(seed * 7 + file, 400)).collect();
        for commit in 0..commits {
            let edited = commit % files.len();
            edit(&mut files[edited], seed * 1000 + commit);
            let _ = write!(stream, "commit refs/heads/{branch}\nmark :{}\n", commit + 1);
            let _ = writeln!(stream, "committer A <a@example.org> {} +0000", 1_700_000_000 + commit);
            let message = format!("change {commit} of {seed}\n");
            let _ = write!(stream, "data {}\n{message}\n", message.len());
            for (name, file) in files.iter().enumerate() {
                let _ = writeln!(stream, "M 100644 inline dir/{branch}-{name}");
                let _ = write!(stream, "data {}\n{file}\n", file.len());
            }
        }
        let _ = write!(stream, "tag {branch}-tag\nfrom :1\ntagger A <a@example.org> 1700000000 +0000\n");
        stream.push_str("data 4\ntag\n\ndone\n");
        self.feed(
            &["-c", "fastimport.unpackLimit=1000000", "fast-import", "--quiet", "--done", "--force"],
            stream.as_bytes(),
        );
    }

    pub(super) fn objects_dir(&self) -> PathBuf {
        self.dir.path().join("objects")
    }

    pub(super) fn store(&self) -> Store {
        Store::open(&self.objects_dir(), self.hash).unwrap()
    }

    /// The files of all packs with an extension.
    pub(super) fn packs(&self, extension: &str) -> Vec<PathBuf> {
        let files = fs::read_dir(self.objects_dir().join("pack")).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|found| found == extension));
        files.sort();
        files
    }

    /// Everything there is, according to git.
    pub(super) fn objects(&self) -> Objects {
        let out = self.git(&["cat-file", "--batch-all-objects", "--batch"]);
        let mut objects = Objects::new();
        let mut rest = out.as_slice();
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let line = std::str::from_utf8(&rest[..end]).unwrap();
            let words: Vec<_> = line.split(' ').collect();
            let kind = match words[1] {
                "blob" => Kind::Blob,
                "tree" => Kind::Tree,
                "commit" => Kind::Commit,
                _ => Kind::Tag,
            };
            let size: usize = words[2].parse().unwrap();
            let id = ObjectId::from_hex(words[0].as_bytes()).unwrap();
            objects.insert(id, (kind, rest[end + 1..][..size].to_vec()));
            rest = &rest[end + 1 + size + 1..];
        }
        objects
    }
}

/// Lines that compress badly enough to make deltas worthwhile.
pub(super) fn text(seed: usize, lines: usize) -> String {
    let mut random = Random::new(seed as u64 + 1);
    (0..lines).fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{line} {:x} {:x}", random.next(), random.next());
        text
    })
}

fn edit(file: &mut String, seed: usize) {
    let mut random = Random::new(seed as u64 + 99);
    let mut lines: Vec<String> = file.lines().map(str::to_owned).collect();
    let at = random.below(lines.len());
    lines[at] = format!("changed {:x}", random.next());
    let at = random.below(lines.len());
    lines.insert(at, format!("inserted {:x}", random.next()));
    let at = random.below(lines.len());
    lines.remove(at);
    *file = lines.join("\n");
}

/// The same numbers every time (xorshift).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() >> 16) as usize % end
    }
}
