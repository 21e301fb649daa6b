use std::fs;
use std::os::unix::fs::symlink;

use crate::util::{Dir, Repo, leak, runra, spots, text};

fn started(dir: &Dir) -> Repo<'_> {
    let repo = dir.repo("repo");
    repo.write("sub/clean", "hello\n");
    repo.write("a", "hello\n");
    repo.commit("start");
    repo
}

#[test]
fn a_secret_only_in_the_working_file_does_not_block() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.stage("a", "changed\n");
    repo.write("a", leak(1));
    repo.write("untracked", leak(2));
    repo.staged().clean();
}

#[test]
fn staged_and_then_cleaned_in_the_working_file_does() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.stage("a", leak(1));
    repo.write("a", "clean again\n");
    assert_eq!(spots(repo.staged().code(1).only()), ["a:1"]);
    repo.remove("a");
    repo.staged().code(1);
}

#[test]
fn what_head_has_already_is_not_this_commits_doing() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.commit_file("a", leak(1));
    repo.stage("b", "something else\n");
    repo.staged().clean();
    // The same secret in a file that changes around it.
    repo.stage("a", format!("# more\n{}", leak(1)));
    let report = repo.staged();
    report.code(0);
    assert_eq!(report.value["scan"]["suppressed"]["committed"], 1, "{}", report.ran);
    // A second secret beside it is.
    repo.stage("a", format!("{}{}", leak(1), leak(2)));
    let report = repo.staged();
    report.code(1).level("staged");
    assert!(report.has(&runra(2)));
    // And so is the same secret in another file: it spreads.
    repo.git(&["reset", "--quiet", "--hard"]);
    repo.stage("copy", leak(1));
    repo.staged().code(1);
}

#[test]
fn git_index_file() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.write("a", leak(1));
    let other = dir.text("other index");
    fs::copy(repo.path(".git/index"), &other).unwrap();
    let mut add = repo.command("git");
    assert!(add.env("GIT_INDEX_FILE", &other).args(["add", "a"]).status().unwrap().success());
    repo.staged().clean();
    let mut scan = repo.command(crate::util::PROGRAM);
    scan.env("GIT_INDEX_FILE", &other).args(["scan", "--staged", "-f", "json"]);
    crate::util::Ran::of(&mut scan).json().code(1).level("staged");
    // Relative to where git runs hooks, and not there at all.
    let mut scan = repo.command(crate::util::PROGRAM);
    scan.env("GIT_INDEX_FILE", "../other index").args(["scan", "--staged", "-f", "json"]);
    crate::util::Ran::of(&mut scan).json().code(1);
    // It is not the index that other modes mean.
    let mut scan = repo.command(crate::util::PROGRAM);
    scan.env("GIT_INDEX_FILE", &other).args(["scan", "-f", "json"]);
    crate::util::Ran::of(&mut scan).json().level("worktree");
}

#[test]
fn from_a_subdirectory() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.stage("a", leak(1));
    let report = dir.keysieve_in(&repo.path("sub"), &["scan", "--staged", "-f", "json"]).json();
    assert_eq!(spots(report.code(1).only()), ["a:1"]);
}

#[test]
fn a_rename_is_not_new_and_a_change_in_it_is() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.write("sub/settings", format!("{}{}", leak(1), "line\n".repeat(50)));
    repo.commit("leaked");
    repo.git(&["mv", "sub/settings", "moved"]);
    let report = repo.staged();
    // The secret is in HEAD, at another path: whatever it is called, not `staged, nothing is burnt yet`.
    assert!(report.findings().iter().all(|finding| finding["exposure"]["level"] != "staged"), "{}", report.ran);
    let old = fs::read_to_string(repo.path("moved")).unwrap();
    repo.stage("moved", old + &leak(2));
    let report = repo.staged();
    report.code(1);
    assert_eq!(report.of(&runra(2))["exposure"]["level"], "staged");
    assert_eq!(report.of(&runra(2))["path"], "moved");
}

#[test]
fn a_merge_resolution() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.git(&["switch", "--quiet", "-c", "theirs"]);
    repo.write("a", "theirs\n");
    repo.write("their-leak", leak(1));
    repo.commit("theirs");
    repo.git(&["switch", "--quiet", "main"]);
    repo.commit_file("a", "ours\n");
    assert!(!repo.try_git(&["merge", "--quiet", "theirs"]).output.status.success());
    // Conflicted entries are not what a commit would record; what the other side brings is not this commit's doing.
    repo.staged().clean();
    repo.stage("a", format!("resolved\n{}", leak(2)));
    let report = repo.staged();
    report.code(1);
    assert_eq!(spots(report.only()), ["a:2"]);
    assert!(report.has(&runra(2)));
}

#[test]
fn an_intent_to_add_is_not_staged() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.write("new", leak(1));
    repo.git(&["add", "--intent-to-add", "new"]);
    repo.staged().clean();
}

#[test]
fn a_staged_symlink_is_its_target() {
    let dir = Dir::new();
    let repo = started(&dir);
    dir.write("elsewhere", leak(1));
    symlink(dir.path("elsewhere"), repo.path("link")).unwrap();
    repo.add();
    repo.staged().clean();
    symlink(format!("/{}", runra(2)), repo.path("odd")).unwrap();
    repo.add();
    assert!(repo.staged().code(1).has(&runra(2)), "git stores the target, so it would be committed");
}

#[test]
fn modes_and_types_that_change() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.commit_file("b", leak(1));
    crate::util::chmod(&repo.path("b"), 0o755);
    repo.add();
    repo.staged().code(0);
    // A file where a folder was.
    fs::remove_dir_all(repo.path("sub")).unwrap();
    repo.write("sub", leak(2));
    repo.add();
    let report = repo.staged();
    assert_eq!(report.of(&runra(2))["path"], "sub");
    // A folder where a file was.
    repo.commit_staged("x");
    repo.remove("a");
    repo.write("a/deep/er", leak(3));
    repo.add();
    assert_eq!(repo.staged().of(&runra(3))["path"], "a/deep/er");
}

#[test]
fn split_index() {
    let dir = Dir::new();
    let repo = started(&dir);
    for n in 0..30 {
        repo.write(format!("file-{n}"), "x\n");
    }
    repo.commit("more");
    repo.git(&["update-index", "--split-index"]);
    repo.write("file-3", leak(1));
    repo.write("new", leak(2));
    repo.git(&["add", "file-3", "new"]);
    repo.git(&["rm", "--quiet", "file-4"]);
    assert!(
        fs::read_dir(repo.path(".git")).unwrap().any(|e| e
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with("sharedindex"))
    );
    let report = repo.staged();
    report.code(1);
    assert_eq!((report.findings().len(), report.read("files")), (2, 2), "{}", report.ran);
}

#[test]
fn sparse_index() {
    let dir = Dir::new();
    let repo = started(&dir);
    for n in 0..5 {
        repo.write(format!("out{n}/deep/file"), format!("{n}\n"));
    }
    repo.write("in/file", "x\n");
    repo.commit("more");
    repo.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "in"]);
    assert!(repo.git(&["ls-files", "--sparse"]).contains("out0/"), "this git makes no sparse index");
    repo.staged().clean();
    repo.write("in/file", leak(1));
    repo.git(&["add", "in/file"]);
    let report = repo.staged();
    assert_eq!(spots(report.code(1).only()), ["in/file:1"]);
    // A folder outside that is not as HEAD has it.
    repo.git(&["reset", "--quiet", "--hard"]);
    let blob = repo.object("blob", leak(2).as_bytes());
    let inner = repo.git_fed(&["mktree"], format!("100644 blob {blob}\tfile\n").as_bytes());
    let outer = repo.git_fed(&["mktree"], format!("040000 tree {inner}\tdeep\n").as_bytes());
    let top = repo.git(&["ls-tree", "HEAD"]).replace(&repo.git(&["rev-parse", "HEAD:out2"]), &outer);
    let top = repo.git_fed(&["mktree"], format!("{top}\n").as_bytes());
    repo.git(&["read-tree", &top]);
    let report = repo.staged();
    assert_eq!(spots(report.code(1).only()), ["out2/deep/file:1"], "{}", report.ran);
}

#[test]
fn index_formats() {
    let dir = Dir::new();
    for version in ["2", "3", "4"] {
        let repo = dir.repo(&format!("repo-{version}"));
        repo.git(&["config", "index.version", version]);
        repo.commit_file("a/deep/path/with/a/long/name", "x\n");
        repo.commit_file("a/deep/path/with/b", "x\n");
        repo.stage("a/deep/path/with/b", leak(1));
        repo.git(&["update-index", "--index-version", version]);
        assert_eq!(spots(repo.staged().code(1).only()), ["a/deep/path/with/b:1"], "version {version}");
    }
    // One without a checksum, as index.skipHash makes them.
    let repo = started(&dir);
    repo.git(&["config", "index.skipHash", "true"]);
    repo.stage("a", leak(1));
    repo.staged().code(1);
}

#[test]
fn sha256_repository() {
    let dir = Dir::new();
    let repo = dir.repo_with("repo", &["--object-format=sha256"]);
    repo.commit_file("a", "hello\n");
    repo.stage("a", leak(1));
    let report = repo.staged();
    report.code(1).level("staged");
    assert_eq!(text(&report.only()["places"][0]["blob"]).len(), 64);
    repo.json(&["scan"]).code(1).level("staged");
    let first = repo.commit_staged("leaked");
    repo.commit_file("a", "gone\n");
    let report = repo.history();
    assert_eq!(text(&report.code(1).level("local")["commit"]), first);
    repo.git(&["repack", "-adfq"]);
    repo.history().code(1).level("local");
    repo.json(&["scan", "--range", "HEAD~2..HEAD"]).code(1).level("local");
    repo.git(&["update-ref", "refs/remotes/origin/main", &first]);
    repo.history().code(1).level("pushed");
}

#[test]
fn linked_worktree() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.git(&["worktree", "add", "--quiet", "-b", "side", &dir.text("linked")]);
    let linked = dir.existing("linked");
    linked.stage("a", leak(1));
    repo.staged().clean();
    let report = linked.staged();
    report.code(1).level("staged");
    assert_eq!(spots(report.only()), ["a:1"]);
    linked.json(&["scan"]).code(1).level("staged");
    linked.commit_staged("leaked");
    linked.staged().clean();
    linked.json(&["scan"]).code(1).level("local");
    linked.history().code(1).level("local");
    repo.history().code(1).level("local");
}

#[test]
fn many_staged_files() {
    let dir = Dir::new();
    let repo = started(&dir);
    for n in 0..200 {
        repo.write(format!("d{}/f{n}", n % 7), if n % 50 == 0 { leak(n) } else { format!("{n}\n") });
    }
    repo.add();
    let report = repo.staged();
    report.code(1);
    assert_eq!((report.findings().len(), report.read("files")), (4, 200));
}

#[test]
fn confidence_decides_what_blocks() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.stage("config/.env", "DB_PASSWORD=hunter22\n");
    let report = repo.staged();
    report.code(0).complete(true);
    assert!(report.findings().is_empty(), "{}", report.ran);
    assert_eq!(report.value["scan"]["suppressed"]["threshold"], 1, "{}", report.ran);
    // Named, in one line, with the way to make it block.
    let ran = repo.keysieve(&["scan", "--staged"]);
    ran.code(0).says(&["Not blocked", "config/.env", "Password in an assignment", "--min-confidence medium"]);
    assert!(repo.keysieve(&["scan", "--staged", "-q"]).code(0).output.stdout.is_empty());
    let report = repo.json(&["scan", "--staged", "--min-confidence", "medium"]);
    assert_eq!(text(&report.code(1).only()["confidence"]), "medium");
    repo.keysieve(&["scan", "--staged", "--min-confidence", "low"]).code(1);
    // Elsewhere it is open.
    repo.json(&["scan"]).code(1).only();
}

#[test]
fn a_random_value_behind_its_providers_name_blocks() {
    let dir = Dir::new();
    let repo = started(&dir);
    // Rules that know no prefix: the name and the randomness are all there is.
    let named = [
        ("RUNA_API_KEY", "{alnum:40}"),
        ("CONTROLANT_API_KEY", "{alnum:32}"),
        ("TWILIO_AUTH_TOKEN", "{hex:32}"),
        ("AWS_SECRET_ACCESS_KEY", "{base64:39}A"),
    ];
    for (seed, (name, template)) in (70u64..).zip(named) {
        let value = crate::util::made(template, seed);
        repo.stage("settings", format!("{name}={value}\n"));
        let report = repo.staged();
        assert_eq!(text(&report.code(1).of(&value)["confidence"]), "high", "{name}: {}", report.ran);
    }
}
