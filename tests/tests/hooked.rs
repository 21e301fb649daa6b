use std::fs;

use crate::util::{Dir, Ran, Repo, leak, runra};

pub const COMMIT: &[&str] = &["commit", "--quiet", "-m", "x"];

/// A repository with a commit and the hook.
pub fn hooked<'d>(dir: &'d Dir, name: &str) -> Repo<'d> {
    let repo = dir.repo(name);
    repo.commit_file("README", "hello\n");
    repo.keysieve(&["hook", "install"]).code(0).says(&["installed"]);
    repo
}

/// The same with a committed file `a`.
pub fn with_a(dir: &Dir) -> Repo<'_> {
    let repo = hooked(dir, "repo");
    repo.commit_file("a", "hello\n");
    repo
}

/// Commits a file without asking the hook.
pub fn commit_past(repo: &Repo<'_>, name: &str, text: &str) {
    repo.stage(name, text);
    repo.git(&["commit", "--quiet", "--no-verify", "-m", "past the hook"]);
}

/// git must fail, for a finding, and HEAD stay where it is.
#[track_caller]
pub fn blocks(repo: &Repo<'_>, args: &[&str]) -> Ran {
    let head = || repo.try_git(&["rev-parse", "--verify", "--quiet", "HEAD"]).stdout();
    let before = head();
    let ran = repo.try_git(args);
    let said = ran.stdout() + &ran.stderr();
    assert!(!ran.output.status.success() && said.contains("skip once:"), "not blocked by a finding{ran}");
    assert_eq!(head(), before, "{ran}");
    ran
}

/// git must succeed.
#[track_caller]
pub fn passes(repo: &Repo<'_>, args: &[&str]) -> Ran {
    let ran = repo.try_git(args);
    ran.code(0).no_panic();
    ran
}

/// What is staged must block, and no more once a file is clean.
#[track_caller]
pub fn clean_passes(repo: &Repo<'_>, path: &str, args: &[&str]) {
    blocks(repo, args);
    repo.write(path, format!("clean {path}\n"));
    repo.git(&["add", "--force", "--", path]);
    passes(repo, args);
}

/// A file with a key must block, and no more once it is clean.
#[track_caller]
pub fn both(repo: &Repo<'_>, path: &str) {
    repo.write(path, leak(1));
    repo.git(&["add", "--force", "--", path]);
    clean_passes(repo, path, COMMIT);
}

#[test]
fn a_commit_of_a_key_is_blocked_and_its_developer_told_what_to_do() {
    let dir = Dir::new();
    let repo = hooked(&dir, "repo");
    let before = repo.head();
    repo.stage("settings.env", leak(1));
    let ran = repo.try_git(&["commit", "-m", "add settings"]);
    ran.code(1).hides(&[&runra(1)]);
    assert_eq!(repo.head(), before);
    let said = ran.stdout() + &ran.stderr();
    let first: Vec<&str> = said.lines().take(5).collect();
    let first = first.join("\n");
    for word in [
        "CRITICAL",
        "Runra",
        "settings.env:1:15",
        "take it out: git restore --staged :/settings.env",
        "allow it:    # keysieve:allow=runra-api-key REASON  at the end of line 1",
        "skip once:   KEYSIEVE_SKIP=1 git commit",
    ] {
        assert!(first.contains(word), "{word:?} is not in the first five lines{ran}");
    }
    repo.staged().level("staged");
    // Once it is out, the commit passes; the key is only dangling.
    repo.stage("settings.env", "RUNRA_API_KEY=${RUNRA_API_KEY}\n");
    repo.try_git(&["commit", "--quiet", "-m", "add settings"]).code(0);
    repo.history().code(0).level("dangling");
}

#[test]
fn a_clean_commit_passes() {
    let dir = Dir::new();
    let repo = hooked(&dir, "repo");
    repo.stage("a", "clean\n");
    repo.try_git(&["commit", "-m", "clean"]).code(0);
}

#[test]
fn only_what_is_committed_counts() {
    let dir = Dir::new();
    let repo = hooked(&dir, "repo");
    repo.write("a", "clean\n");
    repo.write("b", "clean\n");
    repo.add();
    repo.write("a", leak(1));
    repo.try_git(&["commit", "-m", "the working file has it"]).code(0);
    // `git commit -a` takes the working file.
    repo.try_git(&["commit", "-a", "-m", "all"]).code(1);
    // `git commit PATH` has an index of its own.
    repo.git(&["reset", "--quiet"]);
    repo.write("b", "more\n");
    repo.try_git(&["commit", "-m", "b", "b"]).code(0);
    repo.try_git(&["commit", "-m", "a", "a"]).code(1);
    repo.write("b", "and more\n");
    repo.git(&["add", "a"]);
    repo.try_git(&["commit", "-m", "b only", "--only", "b"]).code(0);
    repo.write("b", "still more\n");
    repo.try_git(&["commit", "-m", "b too", "--include", "b"]).code(1);
    // Staged, then cleaned in the working file.
    repo.write("a", "clean\n");
    repo.try_git(&["commit", "-m", "staged"]).code(1);
    repo.git(&["add", "a"]);
    repo.try_git(&["commit", "--allow-empty", "-m", "clean"]).code(0);
}

#[test]
fn merges_rebases_and_amends() {
    let dir = Dir::new();
    let repo = hooked(&dir, "repo");
    repo.git(&["switch", "--quiet", "-c", "side"]);
    commit_past(&repo, "theirs", &leak(1));
    repo.write("a", "side\n");
    repo.commit("side");
    repo.git(&["switch", "--quiet", "main"]);
    repo.commit_file("a", "main\n");
    repo.try_git(&["merge", "side"]).code(1);
    // The other side's leak is there already; the resolution is clean.
    repo.stage("a", "both\n");
    repo.try_git(COMMIT).code(0);
    repo.stage("a", "amended\n");
    repo.try_git(&["commit", "--quiet", "--amend", "--no-edit"]).code(0);
    repo.stage("a", leak(2));
    repo.try_git(&["commit", "--quiet", "--amend", "--no-edit"]).code(1);
}

#[test]
fn in_a_worktree_a_subdirectory_and_a_sha256_repository() {
    let dir = Dir::new();
    let repo = hooked(&dir, "repo");
    repo.git(&["worktree", "add", "--quiet", &dir.text("linked")]);
    let linked = dir.existing("linked");
    linked.stage("sub/a", leak(1));
    let mut commit = linked.command("git");
    commit.current_dir(linked.path("sub")).args(["commit", "-m", "x"]);
    Ran::of(&mut commit).code(1).hides(&[&runra(1)]);
    let other = dir.repo_with("other", &["--object-format=sha256"]);
    other.keysieve(&["hook", "install"]).code(0);
    other.stage("a", leak(1));
    other.try_git(&["commit", "-m", "x"]).code(1);
    other.stage("a", "clean\n");
    other.try_git(&["commit", "-m", "x"]).code(0);
}

#[test]
fn status_and_uninstall() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.write(".git/hooks/pre-commit", "#!/bin/sh\nexit 0\n");
    crate::util::chmod(&repo.path(".git/hooks/pre-commit"), 0o755);
    let before = fs::read(repo.path(".git/hooks/pre-commit")).unwrap();
    repo.keysieve(&["hook", "status"]).no_panic();
    repo.keysieve(&["hook", "install"]).code(0).says(&["the hook that was there runs first"]);
    repo.keysieve(&["hook", "install"]).code(0).says(&["already installed"]);
    repo.keysieve(&["hook", "status"]).code(0);
    repo.keysieve(&["hook", "uninstall"]).code(0);
    assert_eq!(fs::read(repo.path(".git/hooks/pre-commit")).unwrap(), before);
    repo.stage("a", leak(1));
    repo.try_git(&["commit", "-m", "nobody looks"]).code(0);
}

#[test]
fn a_scan_that_is_incomplete_blocks_and_says_why() {
    let dir = Dir::new();
    let repo = hooked(&dir, "repo");
    repo.write(".keysieve.yaml", "skipp: []\n");
    repo.write("a", "clean\n");
    repo.add();
    let ran = repo.try_git(&["commit", "-m", "x"]);
    ran.code(1);
    assert!(ran.stderr().contains(".keysieve.yaml:1:1"), "{ran}");
}
