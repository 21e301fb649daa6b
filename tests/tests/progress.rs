//! How far a scan is: on standard error, and nowhere else.

use std::process::Stdio;

use crate::util::{Dir, PROGRAM, Ran, runra};

fn scanned(dir: &Dir, args: &[&str]) -> Ran {
    dir.keysieve(&[&["scan", "files"], args].concat())
}

#[test]
fn lines_for_a_log() {
    let dir = Dir::new();
    for n in 0..3 {
        dir.write(format!("files/{n}"), format!("key = {}\n", runra(n / 2)));
    }
    let ran = scanned(&dir, &["--progress", "always", "--format", "json"]);
    // Two secrets in three files.
    ran.code(1).complains(&["keysieve: 3 objects, 123 B read in ", ", 2 found"]).hides(&[&runra(0), &runra(1)]);
    let with = scanned(&dir, &["--progress", "always", "--format", "json"]).output.stdout;
    for never in [&["--progress", "never"][..], &["--progress", "auto"], &[]] {
        let ran = scanned(&dir, &[never, &["--format", "json"]].concat());
        assert!(ran.output.stderr.is_empty(), "{ran}");
        assert!(ran.output.stdout == with, "the report depends on it");
    }
}

#[test]
fn objects_of_a_history() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("a", format!("key = {}\n", runra(1)));
    repo.commit_file("a", "gone\n");
    let ran = repo.keysieve(&["scan", "--history", "--progress", "always"]);
    // Two blobs, two trees, two commits; the names of refs and the configuration are no objects.
    ran.code(1).complains(&["keysieve: 6 objects, ", ", 1 found"]);
}

#[test]
fn every_few_seconds() {
    let dir = Dir::new();
    let ran = slow(&dir, &format!("{PROGRAM} scan --stdin --no-config --progress always"), 6);
    let lines: Vec<String> = ran.stderr().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 2, "{ran}");
    assert!(lines[0].ends_with("/s, 0 found") && lines[1].contains("1 object, 2 B read in "), "{ran}");
}

/// A scan that waits for its input.
fn slow(dir: &Dir, scan: &str, seconds: u32) -> Ran {
    let mut shell = dir.command("sh");
    Ran::of(shell.stdin(Stdio::null()).args(["-c", &format!("(sleep {seconds}; echo x) | {scan}")]))
}

/// What a terminal gets: `script` makes one.
fn on_terminal(dir: &Dir, scan: &str) -> String {
    let mut script = dir.command("script");
    let ran = Ran::of(script.stdin(Stdio::null()).env("TERM", "xterm").args(["-qec", scan, "/dev/null"]));
    ran.stdout()
}

#[test]
fn a_bar_on_a_terminal() {
    let dir = Dir::new();
    let waiting = |flags: &str| {
        on_terminal(&dir, &format!("stty cols 80; (sleep 2; echo x) | {PROGRAM} scan --stdin --no-config {flags}"))
    };
    let shown = waiting("");
    if shown.contains("not found") || shown.is_empty() {
        println!("there is no `script` here");
        return;
    }
    assert!(shown.contains("0 objects, 0 B/s, 0 found"), "{shown:?}");
    // It is taken away before the report, and is never broader than the terminal.
    let last = shown.rfind("0 found").unwrap();
    assert!(shown[last..].contains("\u{1b}[2K") && shown[last..].contains("secrets"), "{shown:?}");
    for flags in ["--progress never", "--quiet"] {
        assert!(!waiting(flags).contains("objects,"), "{flags}");
    }
    let quick = on_terminal(&dir, &format!("echo x | {PROGRAM} scan --stdin --no-config"));
    assert!(!quick.contains("objects,"), "a scan that is over at once shows no bar: {quick:?}");
    let dumb = on_terminal(&dir, &format!("(sleep 1; echo x) | TERM=dumb {PROGRAM} scan --stdin --no-config"));
    assert!(!dumb.contains("objects,"), "{dumb:?}");
}

#[test]
fn not_under_hooks() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.stage("a", "hello\n");
    let ran = repo.keysieve(&["hook", "run", "pre-commit"]);
    assert!(ran.output.stderr.is_empty() && ran.output.stdout.is_empty(), "{ran}");
}
