//! Commands that hooks print do what they say when they are pasted, whatever the paths and the history are.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::hooked::{blocks, hooked};
use crate::pushed::{PUSH, blocked, cloned, passed, past};
use crate::util::{Dir, Ran, Repo, leak, runra};

const COMMIT: &[&str] = &["commit", "--quiet", "-m", "x"];

fn said(ran: &Ran) -> String {
    ran.stdout() + &ran.stderr()
}

/// Runs a line as somebody who pastes it into a shell does.
#[track_caller]
fn paste(repo: &Repo<'_>, folder: &str, line: &str) {
    let mut shell = repo.command("sh");
    shell.current_dir(repo.path(folder));
    Ran::of(shell.args(["-c", line])).code(0);
}

/// Names that mean something to git or to a shell.
const NAMES: &[&[u8]] = &[
    b"plain.env",
    b"_config.yml",
    b"-dash",
    b"!bang",
    b"#hash",
    b"~tilde",
    b"@at",
    b"=is",
    b":colon",
    b":(top)x",
    b"`tick`",
    b"with space",
    b"quote'\"s",
    b"$HOME",
    b"*glob*",
    b"[a]b",
    b"a\\b",
    b"new\nline",
    b"tab\there",
    b"\xff-\xfe",
    b"\xe2\x80\xaeturned",
    b"a;b&c|d",
    b"deep er/in ner",
];

#[test]
fn what_is_taken_out_of_the_index_is_that_file_alone() {
    for is_unborn in [false, true] {
        let dir = Dir::new();
        let repo = hooked(&dir, "repo");
        if is_unborn {
            repo.git(&["switch", "--quiet", "--orphan", "new"]);
        }
        repo.write("sub/glob", "stays staged\n");
        repo.git(&["add", "sub/glob"]);
        for (at, name) in NAMES.iter().enumerate() {
            repo.write(OsStr::from_bytes(name), leak(1));
            repo.git(&[OsStr::new("add"), OsStr::new("--"), OsStr::from_bytes(&[b":(literal)", *name].concat())]);
            let ran = blocks(&repo, COMMIT);
            let said = said(&ran);
            let take = said.lines().find_map(|line| line.trim().strip_prefix("take it out: ")).unwrap();
            paste(&repo, ["", "sub"][at % 2], take);
            let staged = match is_unborn {
                true => repo.git(&["ls-files"]),
                false => repo.git(&["diff", "--cached", "--name-only"]),
            };
            assert_eq!(staged, "sub/glob", "{take}{ran}");
        }
    }
}

#[test]
fn a_file_is_kept_out_of_git_from_any_folder() {
    let dir = Dir::new();
    let repo = hooked(&dir, "repo");
    repo.write("sub/x.env", leak(1));
    repo.add();
    // Not what the file has now: git asks back without -f.
    repo.write("sub/x.env", leak(2));
    let ran = blocks(&repo, COMMIT);
    let said = said(&ran).split_whitespace().collect::<Vec<_>>().join(" ");
    let keep = said.split_once("out of git: `").unwrap().1.split('`').next().unwrap().to_owned();
    paste(&repo, "sub", &keep);
    assert_eq!(repo.git(&["status", "--porcelain"]), "?? .gitignore", "{keep}");
    assert!(repo.path("sub/x.env").exists());
}

/// Does what the report of a push says, with `clean` for taking out the value.
#[track_caller]
fn follow(repo: &Repo<'_>, ran: &Ran, clean: &dyn Fn()) {
    let said = said(ran);
    let steps: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("    git ")).collect();
    assert!(steps.len() >= 3, "{ran}");
    for step in &steps[..3] {
        if step.contains("commit --amend") {
            clean();
        }
        paste(repo, "", &format!("git {step}"));
    }
}

fn has(repo: &Repo<'_>, tip: &str, seed: u64) -> bool {
    repo.git(&["log", "--format=%B", "-p", "-m", tip]).contains(&runra(seed))
}

#[test]
fn rewriting_takes_it_out_of_any_commit() {
    let dir = Dir::new();
    let repo = cloned(&dir, "pre-push");
    // The commit has nothing else in it, and the file is gone since.
    past(&repo, "b", "one\n");
    past(&repo, "b", &format!("one\n{}", leak(1)));
    past(&repo, "c", "clean\n");
    repo.git(&["config", "rebase.abbreviateCommands", "true"]);
    let ran = blocked(&repo, PUSH);
    follow(&repo, &ran, &|| drop(repo.write("b", "one\n")));
    assert!(!has(&repo, "HEAD", 1));
    assert_eq!(repo.git(&["rev-list", "--count", "HEAD"]), "4");
    passed(&repo, PUSH);
    past(&repo, "d", &leak(2));
    past(&repo, "c", "other\n");
    repo.git(&["rm", "--quiet", "d"]);
    repo.git(&["commit", "--quiet", "--no-verify", "-m", "gone"]);
    let ran = blocked(&repo, PUSH);
    let said = said(&ran);
    let only = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(only.contains("git filter-repo --force --invert-paths --path d --refs"), "{ran}");
    // Later commits have to be told that the file is not what they knew; the file is simply left out here.
    let steps: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("    git ")).collect();
    paste(&repo, "", &format!("git {}", steps[0]));
    repo.git(&["rm", "--quiet", "--cached", "d"]);
    repo.remove("d");
    repo.git(&["commit", "--quiet", "--amend", "--no-edit", "--allow-empty"]);
    let _ = repo.try_git(&["-c", "core.editor=true", "rebase", "--continue"]);
    let _ = repo.try_git(&["rebase", "--skip"]);
    assert!(!has(&repo, "HEAD", 2));
    passed(&repo, PUSH);
}

#[test]
fn rewriting_takes_it_out_of_the_first_commit_and_of_another_branch() {
    let dir = Dir::new();
    let repo = cloned(&dir, "pre-push");
    repo.git(&["switch", "--quiet", "--orphan", "rootless"]);
    past(&repo, "with space", &format!("one\n{}", leak(1)));
    past(&repo, "c", "clean\n");
    repo.git(&["switch", "--quiet", "main"]);
    let main = repo.head();
    let ran = blocked(&repo, &["push", "--quiet", "origin", "rootless"]);
    assert!(said(&ran).contains("--root rootless"), "{ran}");
    follow(&repo, &ran, &|| drop(repo.write("with space", "one\n")));
    assert_eq!(repo.git(&["rev-parse", "main"]), main);
    assert!(!has(&repo, "rootless", 1));
    passed(&repo, &["push", "--quiet", "origin", "rootless"]);
}

#[test]
fn rewriting_takes_it_out_of_a_merge() {
    let dir = Dir::new();
    let repo = cloned(&dir, "pre-push");
    repo.git(&["switch", "--quiet", "-c", "side"]);
    past(&repo, "side", "side\n");
    repo.git(&["switch", "--quiet", "main"]);
    past(&repo, "b", "one\n");
    repo.git(&["merge", "--quiet", "--no-commit", "--no-ff", "side"]);
    repo.write("evil", leak(1));
    repo.add();
    repo.git(&["commit", "--quiet", "--no-verify", "-m", "merge"]);
    let merge = repo.head();
    past(&repo, "c", "clean\n");
    let ran = blocked(&repo, PUSH);
    let said = said(&ran);
    let steps: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("    git ")).collect();
    assert!(steps[0].starts_with("rebase -i -r ") && said.contains("`break` below"), "{ran}");
    let editor = format!("sed -i '/^merge.*{}/s/$/\\nbreak/'", &merge[..7]);
    let mut shell = repo.command("sh");
    Ran::of(shell.env("GIT_SEQUENCE_EDITOR", editor).args(["-c", &format!("git {}", steps[0])])).code(0);
    repo.write("evil", "good\n");
    paste(&repo, "", &format!("git {}", steps[1]));
    paste(&repo, "", &format!("git {}", steps[2]));
    assert!(!has(&repo, "HEAD", 1));
    passed(&repo, PUSH);
}

#[test]
fn rewriting_takes_it_out_of_messages_identities_and_tags() {
    let dir = Dir::new();
    let repo = cloned(&dir, "pre-push");
    let edit = |line: &str| {
        let mut shell = repo.command("sh");
        let editor = format!("sed -i 's/{}/gone/'", runra(1));
        Ran::of(shell.env("GIT_EDITOR", editor).args(["-c", line])).code(0);
    };
    let steps = |ran: &Ran| -> Vec<String> {
        said(ran).lines().filter_map(|line| line.strip_prefix("    git ")).map(|line| format!("git {line}")).collect()
    };
    repo.git(&["commit", "--quiet", "--allow-empty", "-m", &format!("use {}", runra(1))]);
    past(&repo, "c", "clean\n");
    steps(&blocked(&repo, PUSH)).iter().for_each(|line| edit(line));
    passed(&repo, PUSH);
    let author = format!("--author={} <a@example.org>", runra(1));
    repo.git(&["commit", "--quiet", "--allow-empty", &author, "-m", "x"]);
    past(&repo, "d", "clean\n");
    steps(&blocked(&repo, PUSH)).iter().for_each(|line| edit(line));
    passed(&repo, PUSH);
    repo.git(&["tag", "-a", "v1", "-m", &format!("has {}", runra(1))]);
    let push: &[&str] = &["push", "--quiet", "origin", "v1"];
    steps(&blocked(&repo, push)).iter().for_each(|line| edit(line));
    passed(&repo, push);
    assert_eq!(repo.git(&["cat-file", "-p", "v1"]).lines().last(), Some("has gone"));
}
