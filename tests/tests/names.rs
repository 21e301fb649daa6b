//! Secrets in names of files and branches, and in headers of commits: found wherever the contents beside them are.

use crate::hooked::{blocks, hooked};
use crate::pushed::{PUSH, blocked, cloned, passed};
use crate::util::{Dir, kinds, leak, runra, spots, text};

const COMMIT: &[&str] = &["commit", "--quiet", "-m", "x"];

#[test]
fn a_new_name_blocks_and_an_old_one_does_not() {
    let dir = Dir::new();
    let repo = hooked(&dir, "repo");
    let name = |folder: &str| format!("{folder}/backup-{}/data", runra(1));
    repo.write(name("a"), "nothing\n");
    repo.add();
    let ran = blocks(&repo, COMMIT);
    ran.hides(&[&runra(1)]);
    let report = repo.staged();
    report.level("staged");
    assert_eq!(kinds(report.only()), ["path"]);
    repo.git(&["commit", "--quiet", "--no-verify", "-m", "x"]);
    // HEAD has the name: another content, another file beside it, the file moved.
    repo.write(name("a"), "nothing more\n");
    repo.write(name("a").replace("data", "other"), "nothing\n");
    repo.add();
    repo.git(COMMIT);
    std::fs::create_dir(repo.path("b")).unwrap();
    repo.git(&["mv", "--", &format!("a/backup-{}", runra(1)), "b/"]);
    repo.git(COMMIT);
    repo.staged().code(0).clean();
    // Another place for it is new.
    repo.write(name("c"), "something else\n");
    repo.add();
    blocks(&repo, COMMIT);
}

#[test]
fn a_range_has_names_that_it_brings() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("a", "hello\n");
    let base = repo.head();
    repo.write(format!("f-{}", runra(1)), "nothing\n");
    repo.add();
    let brought = repo.commit("x");
    repo.later();
    repo.write(format!("f-{}", runra(1)), "nothing more\n");
    repo.add();
    repo.commit("x");
    let report = repo.json(&["scan", "--range", &format!("{base}..HEAD")]);
    report.code(1);
    assert_eq!(kinds(report.only())[0], "path");
    assert_eq!(report.only()["places"][0]["commit"], brought);
    // The commit that changes the file does not bring its name.
    repo.json(&["scan", "--range", "HEAD~1..HEAD"]).code(0).clean();
}

#[test]
fn a_push_brings_names() {
    let dir = Dir::new();
    let repo = cloned(&dir, "pre-push");
    repo.git(&["branch", &format!("b-{}", runra(1))]);
    let ran = blocked(&repo, &["push", "--quiet", "origin", &format!("b-{}", runra(1))]);
    assert!((ran.stdout() + &ran.stderr()).contains("give the branch or tag another name"), "{ran}");
    // The name that it has here does not matter, and one that is there already is not new.
    passed(&repo, &["push", "--quiet", "origin", &format!("b-{}:refs/heads/fine", runra(1))]);
    repo.git(&["push", "--quiet", "--no-verify", "origin", &format!("b-{}", runra(1))]);
    passed(&repo, &["push", "--quiet", "--force", "origin", &format!("HEAD:refs/heads/b-{}", runra(1))]);
    repo.git(&["commit", "--quiet", "--allow-empty", "-m", "x"]);
    passed(&repo, PUSH);
}

/// A merge of a signed tag keeps the tag, with its message, in a header of its own.
#[test]
fn a_tag_that_a_merge_keeps() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("a", "hello\n");
    let (tree, head) = (repo.git(&["rev-parse", "HEAD^{tree}"]), repo.head());
    let who = "A <a@example.org> 1700000000 +0000";
    let tag = format!("object {head}\n type commit\n tag v1\n tagger {who}\n \n with {}\n", runra(1));
    let commit = format!("tree {tree}\nparent {head}\nauthor {who}\ncommitter {who}\nmergetag {tag}\nmerge\n");
    let id = repo.object("commit", commit.as_bytes());
    repo.git(&["update-ref", "refs/heads/merged", &id]);
    let report = repo.history();
    assert_eq!(kinds(report.code(1).only()), ["commit-message"]);
    repo.json(&["scan", "--range", "main..merged"]).code(1).only();
}

/// Which of several commits is named does not depend on which of them is ready first.
#[test]
fn a_range_names_the_commit_that_brought_it_first() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("a", "hello\n");
    let mut stream = String::new();
    let leak = leak(1);
    for n in 0..40 {
        stream += &format!(
            "commit refs/heads/work\ncommitter A <a@example.org> {} +0000\ndata 1\n{}\n",
            1_700_000_000 + n,
            n % 10
        );
        if n == 0 {
            stream += &format!("from {}\n", repo.head());
            (0..1500).for_each(|at| stream += &format!("M 100644 inline b/{at}\ndata <<E\n{at} and {at}\nE\n"));
        }
        stream += &match n % 2 {
            0 => format!("M 100644 inline k\ndata {}\n{leak}\n", leak.len()),
            _ => "D k\n".to_owned(),
        };
    }
    repo.git_fed(&["fast-import", "--quiet"], stream.as_bytes());
    let first = repo.git(&["rev-list", "--reverse", "main..work"]).lines().next().unwrap().to_owned();
    for _ in 0..5 {
        let report = repo.json(&["scan", "--range", "main..work", "--threads", "4"]);
        assert_eq!(spots(report.only()), ["k:1"]);
        assert_eq!(text(&report.only()["places"][0]["commit"]), first);
    }
}
