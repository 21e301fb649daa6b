//! Large blobs and what claims to be large: memory stays small, and nothing is passed over.
//!
//! `cargo test --release --test tests -- --ignored large::` makes a repository with a gigabyte of blobs, one of them of
//! 200 MB, and measures a scan of its history.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::util::{Dir, PROGRAM, Ran, Repo, runra, spots};

const MB: usize = 1 << 20;

/// Text that does not compress to nothing, with a secret in its last line; the number of that line.
fn text(len: usize, seed: u64) -> (Vec<u8>, usize) {
    let mut random = keysieve::rules::sample::Random::new(seed);
    let block: String = (0..20_000).map(|n| format!("{n} {} some words\n", random.below(1 << 40))).collect();
    let mut bytes = Vec::with_capacity(len + 100);
    while bytes.len() < len {
        bytes.extend_from_slice(block.as_bytes());
        bytes.extend_from_slice(format!("block {}\n", bytes.len()).as_bytes());
    }
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
    bytes.extend_from_slice(format!("key = {}\n", runra(seed)).as_bytes());
    (bytes, lines + 1)
}

/// Runs a scan of a history, and says how much memory of its own it had at most: what is mapped from files is not
/// counted.
fn measured(repo: &Repo<'_>, flags: &[&str]) -> (Ran, usize) {
    let report = repo.dir.path("report.json");
    let mut scan = repo.command(PROGRAM);
    scan.args(["scan", "--history", "--format", "json", "--threads", "2", "--output"]).arg(&report).args(flags);
    let mut child = scan.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let anonymous = text.lines().find_map(|line| line.strip_prefix("RssAnon:")?.trim().strip_suffix(" kB"));
        most = most.max(anonymous.map_or(0, |kb| kb.parse::<usize>().unwrap() << 10));
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(most > 0, "{status} does not tell");
    let mut output = child.wait_with_output().unwrap();
    output.stdout = fs::read(report).unwrap();
    (Ran::with(output, "scan --history"), most)
}

fn in_mb(bytes: usize) -> usize {
    bytes / MB
}

/// The whole history was read, the first key is found at a place, and less memory was taken than so many MB.
fn finds_within(repo: &Repo<'_>, what: &str, place: &str, most: usize) {
    let (ran, memory) = measured(repo, &[]);
    let report = ran.json();
    report.code(1).complete(true);
    assert_eq!(spots(report.of(&runra(1)))[0], place, "{what}{}", report.ran);
    assert!(in_mb(memory) < most, "{what}: {} MB", in_mb(memory));
}

#[test]
fn a_large_blob_loose_packed_and_as_a_delta() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    let (mut bytes, line) = text(96 * MB, 1);
    repo.git_fed(&["config", "core.compression", "1"], b"");
    repo.commit_file("large.txt", &bytes);
    let check = |what: &str, place: &str, most: usize| finds_within(&repo, what, place, most);
    let place = format!("large.txt:{line}");
    check("loose", &place, 90);
    repo.git(&["repack", "-adfq", "--depth=0", "--window=0"]);
    check("packed", &place, 90);
    bytes.extend_from_slice(b"one more line\n");
    repo.commit_file("large.txt", &bytes);
    repo.git(&["-c", "pack.windowMemory=1g", "repack", "-adfq", "--depth=5", "--window=5"]);
    // The base of a delta must be held; the child need not.
    check("as a delta", &place, 96 + 90);
    // Limits hold for it, too.
    let (ran, _) = measured(&repo, &["--max-file-size", "10M"]);
    assert_eq!(ran.json().left_out("too-large"), 2);
}

/// Large archives of a history: those that are read from front to back take no memory, the others as much as they have,
/// within a limit.
#[test]
fn large_archives() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.git_fed(&["config", "core.compression", "0"], b"");
    let (bytes, line) = text(96 * MB, 1);
    repo.commit_file("a.tar", crate::archives::tar(&[("large.txt", &bytes)]));
    let check = |what: &str, place: &str, most: usize| finds_within(&repo, what, place, most);
    check("loose", &format!("a.tar!/large.txt:{line}"), 140);
    repo.git(&["repack", "-adfq", "--depth=0", "--window=0"]);
    check("packed", &format!("a.tar!/large.txt:{line}"), 140);
    let stored = crate::archives::Zipped::new("large.txt", 0, &bytes);
    repo.git(&["rm", "-q", "a.tar"]);
    repo.commit_file("b.zip", crate::archives::zip_of(&[stored]));
    check("zip", &format!("a.tar!/large.txt:{line}"), 320);
    // One that is larger than what is held is named.
    let noise = vec![7; 260 * MB];
    let members = [("first", 0, &b"hello"[..]), ("large", 0, &noise)]
        .map(|(name, method, bytes)| crate::archives::Zipped::new(name, method, bytes));
    repo.commit_file("c.zip", crate::archives::zip_of(&members));
    let (ran, memory) = measured(&repo, &[]);
    let report = ran.json();
    report.code(1).complete(false);
    assert_eq!(report.left_out("archive-size"), 1, "{}", report.ran);
    assert!(in_mb(memory) < 450, "{} MB", in_mb(memory));
}

/// What is packed a thousandfold is read without being held, and what only claims to be large is named.
#[test]
fn bombs_and_absurd_sizes() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("README", "hello\n");
    let loose = |header: &str, zeros: usize, tail: &[u8]| {
        let mut stream = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(6));
        stream.write_all(header.as_bytes()).unwrap();
        stream.write_all(&vec![0; zeros]).unwrap();
        stream.write_all(tail).unwrap();
        stream.finish().unwrap()
    };
    let put = |id: &str, bytes: &[u8]| {
        fs::create_dir_all(repo.loose(id).parent().unwrap()).unwrap();
        fs::write(repo.loose(id), bytes).unwrap();
    };
    let secret = format!("\nkey = {}\n", runra(1));
    let len = 300 * MB + secret.len();
    let bomb = loose(&format!("blob {len}\0"), 300 * MB, secret.as_bytes());
    assert!(bomb.len() < MB);
    put(&"11".repeat(20), &bomb);
    let (ran, memory) = measured(&repo, &["--show-suppressed"]);
    let report = ran.json();
    report.complete(true);
    assert!(report.has(&runra(1)), "{}", report.ran);
    assert!(in_mb(memory) < 90, "{} MB", in_mb(memory));
    // Sizes that are not true, and sizes that nobody has.
    for (n, size) in
        ["1099511627776", "18446744073709551615", "99999999999999999999999", "314572799", "5"].into_iter().enumerate()
    {
        let id = format!("{n}2").repeat(20);
        put(&id, &loose(&format!("blob {size}\0"), 1000 * (n + 1), b""));
        let (ran, memory) = measured(&repo, &[]);
        let report = ran.json();
        report.complete(false);
        let named = report.value["scan"]["not_read"].to_string();
        assert!(named.contains(&id), "{size}: {named}");
        assert!(in_mb(memory) < 90, "{size}: {} MB", in_mb(memory));
        fs::remove_file(repo.loose(&id)).unwrap();
    }
    // An archive cannot be opened in pieces: of one beyond what is held, that is said.
    repo.keysieve(&["scan", "--history"]).no_panic();
}

#[test]
#[ignore = "makes a repository of a gigabyte; see the head of this file"]
fn a_gigabyte_of_blobs() {
    let dir = Dir::new();
    let repo = dir.repo_with("repo", &["--bare"]);
    let mut import = Command::new("git");
    import.current_dir(&repo.root).args(["fast-import", "--quiet", "--depth=0"]).stdin(Stdio::piped());
    let mut import = import.spawn().unwrap();
    let mut pipe = std::io::BufWriter::new(import.stdin.take().unwrap());
    pipe.write_all(b"commit refs/heads/main\ncommitter A <a@b.c> 1700000000 +0000\ndata 1\nx\n").unwrap();
    let mut put = |name: &str, bytes: &[u8]| {
        pipe.write_all(format!("M 100644 inline {name}\ndata {}\n", bytes.len()).as_bytes()).unwrap();
        pipe.write_all(bytes).unwrap();
        pipe.write_all(b"\n").unwrap();
    };
    let (large, line) = text(200 * MB, 1000);
    put("large.txt", &large);
    let mut sum = large.len();
    for n in 0..200 {
        let (bytes, _) = text(4 * MB + MB / 2, n);
        put(&format!("file{n}"), &bytes);
        sum += bytes.len();
    }
    drop(pipe);
    assert!(import.wait().unwrap().success() && sum > 1000 * MB);
    let (ran, memory) = measured(&repo, &[]);
    let report = ran.json();
    report.code(1).complete(true);
    assert_eq!(report.findings().len(), 201);
    assert_eq!(spots(report.of(&runra(1000))), [format!("large.txt:{line}")]);
    println!("{} MB of blobs, {} MB of memory", in_mb(sum), in_mb(memory));
    assert!(in_mb(memory) <= 300, "{} MB", in_mb(memory));
}
