use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::util::{self, Dir, PROGRAM, Ran, chmod, leak, runra, text};

/// Runs keysieve as somebody whom file permissions hold for.
fn as_nobody(dir: &Dir, args: &[&str]) -> Ran {
    // One that they may reach; linked, since a copy that another thread's child still has open cannot be run.
    let program = dir.path("keysieve");
    if !program.exists() && std::fs::hard_link(PROGRAM, &program).is_err() {
        std::fs::copy(PROGRAM, &program).unwrap();
        chmod(&program, 0o755);
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let mut command = dir.command(program.to_str().unwrap());
    if std::fs::metadata("/proc/self").is_ok_and(|data| std::os::unix::fs::MetadataExt::uid(&data) == 0) {
        command.uid(65534).gid(65534);
    }
    Ran::of(command.args(args))
}

#[test]
fn exit_codes() {
    let dir = Dir::new();
    dir.write("clean/a", "hello\n");
    dir.write("leaky/a", leak(1));
    dir.keysieve(&["scan", "clean"]).code(0);
    dir.keysieve(&["scan", "leaky"]).code(1);
    dir.keysieve(&["scan", "nowhere"]).code(2);
    dir.keysieve(&["scan", "/proc/self/mem"]).code(3);
    dir.keysieve(&["scan", "clean", "--output", "/dev/full"]).code(4);
}

#[test]
fn findings_win_over_a_gap_and_the_gap_is_told() {
    let dir = Dir::new();
    dir.write("leaky", leak(1));
    let report = dir.json(&["scan", "leaky", "/proc/self/mem"]);
    report.code(1).complete(false);
    assert_eq!(report.gap("unreadable")["incomplete"], true);
    let ran = dir.keysieve(&["scan", "leaky", "/proc/self/mem"]);
    ran.code(1).says(&["INCOMPLETE", "unreadable", "/proc/self/mem", "no all-clear"]);
    // A suppressed finding does not.
    let allow = ["scan", "leaky", "/proc/self/mem", "--min-severity"];
    dir.write("leaky", format!("{} # keysieve:allow it is dead\n", leak(1).trim()));
    dir.keysieve(&allow[..3]).code(3);
}

#[test]
fn exit_code_and_exit_zero_change_1_and_nothing_else() {
    let dir = Dir::new();
    dir.write("clean", "hello\n");
    dir.write("leaky", leak(1));
    for (flags, findings) in [(vec!["--exit-code", "7"], 7), (vec!["--exit-zero"], 0), (vec!["--exit-code", "0"], 0)] {
        let run = |args: &[&str]| dir.keysieve(&[&["scan"], args, &flags].concat());
        run(&["leaky"]).code(findings).says(&["Runra"]);
        run(&["clean"]).code(0);
        run(&["nowhere"]).code(2);
        run(&["/proc/self/mem"]).code(3);
        run(&["leaky", "--output", "/dev/full"]).code(4);
    }
    dir.keysieve(&["scan", "leaky", "--exit-code", "7", "--exit-zero"]).code(2);
    dir.keysieve(&["scan", "leaky", "--exit-code", "300"]).code(2);
}

#[test]
fn exit_zero_does_not_hide_that_it_is_incomplete() {
    let dir = Dir::new();
    dir.write("leaky", leak(1));
    let report = dir.json(&["scan", "leaky", "/proc/self/mem", "--exit-zero"]);
    report.complete(false);
    assert_eq!(report.findings().len(), 1);
}

#[test]
fn a_named_path_that_is_missing_means_that_nothing_was_scanned() {
    let dir = Dir::new();
    dir.write("leaky", leak(1));
    for args in [["scan", "leaky", "nowhere"], ["scan", "nowhere", "leaky"]] {
        let ran = dir.keysieve(&args);
        ran.code(2).complains(&["nowhere", "nothing was scanned"]).hides(&[&runra(1)]);
        assert!(ran.output.stdout.is_empty(), "{ran}");
    }
    let report = dir.text("report.json");
    dir.keysieve(&["scan", "leaky", "nowhere", "--format", "json", "-o", &report]).code(2);
    assert!(!std::path::Path::new(&report).exists());
    dir.keysieve(&["scan", "leaky/below"]).code(2);
}

#[test]
fn bad_usage() {
    let dir = Dir::new();
    dir.write("leaky", leak(1));
    let bad: &[&[&str]] = &[
        &["scan", "--stdin", "leaky"],
        &["scan", "--staged", "--history"],
        &["scan", "leaky", "--format", "yaml"],
        &["scan", "leaky", "--report", "json"],
        &["scan", "leaky", "--report", "nope=x"],
        &["scan", "leaky", "--min-severity", "huge"],
        &["scan", "leaky", "--max-file-size", "big"],
        &["scan", "leaky", "--disable", "no-such-rule"],
        &["scan", "leaky", "--disable", "*"],
        &["scan", "leaky", "--config", "nowhere.yaml"],
        &["scan", "leaky", "--rules", "nowhere.yaml"],
        &["scan", "leaky", "--nope"],
        &["nope"],
        &[],
    ];
    for args in bad {
        let ran = dir.keysieve(args);
        ran.code(2).no_panic().hides(&[&runra(1)]);
        assert!(!ran.stderr().trim().is_empty(), "{ran}");
    }
    dir.keysieve(&["scan", "leaky", "--disable", "runra-api-kee"]).code(2).complains(&["did you mean `runra-api-key`"]);
}

#[test]
fn unreadable_file() {
    let dir = Dir::new();
    dir.write("files/readable", leak(1));
    chmod(&dir.write("files/locked", leak(2)), 0o000);
    chmod(&dir.path(""), 0o755);
    // The scan goes on.
    let report = as_nobody(&dir, &["scan", "files", "--format", "json"]).json();
    report.code(1).complete(false);
    assert!(report.has(&runra(1)) && !report.has(&runra(2)), "{}", report.ran);
    let gap = report.lost("unreadable", 1);
    assert!(text(&gap["examples"][0]).starts_with("locked: "), "{gap}");
    std::fs::remove_file(dir.path("files/readable")).unwrap();
    as_nobody(&dir, &["scan", "files"]).code(3).says(&["locked", "unreadable", "INCOMPLETE"]);
    as_nobody(&dir, &["scan", "files/locked"]).code(3).says(&["locked"]);
}

#[test]
fn unreadable_folder() {
    let dir = Dir::new();
    dir.write("files/readable", "hello\n");
    dir.write("files/locked/secret", leak(1));
    chmod(&dir.path("files/locked"), 0o000);
    chmod(&dir.path(""), 0o755);
    let report = as_nobody(&dir, &["scan", "files", "--format", "json"]).json();
    report.code(3).complete(false);
    assert!(text(&report.gap("unreadable")["examples"][0]).contains("locked"), "{}", report.ran);
    chmod(&dir.path("files/locked"), 0o755);
}

#[test]
fn unreadable_git_directory_of_somebody_else() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("a", "hello\n");
    chmod(&dir.path(""), 0o755);
    chmod(&repo.path(".git/objects"), 0o000);
    let ran = as_nobody(&dir, &["scan", "--history", "repo"]);
    chmod(&repo.path(".git/objects"), 0o755);
    ran.no_panic();
    assert!(matches!(ran.output.status.code(), Some(2 | 3)), "{ran}");
}

#[test]
fn a_read_error_in_the_middle() {
    let dir = Dir::new();
    dir.write("clean", "hello\n");
    let report = dir.json(&["scan", "clean", "/proc/self/mem"]);
    report.code(3).complete(false);
    assert_eq!(report.read("files"), 1);
    assert!(text(&report.gap("unreadable")["examples"][0]).contains("/proc/self/mem"), "{}", report.ran);
}

#[test]
fn a_broken_link_that_was_named_and_one_that_was_not() {
    let dir = Dir::new();
    dir.write("files/a", "hello\n");
    symlink("nowhere", dir.path("files/link")).unwrap();
    let report = dir.json(&["scan", "files/link"]);
    report.code(3).complete(false);
    assert!(text(&report.gap("unreadable")["examples"][0]).contains("link"), "{}", report.ran);
    let report = dir.json(&["scan", "files"]);
    report.code(0).complete(true);
    assert_eq!(report.left_out("symlink"), 1);
}

#[test]
fn symlinks_are_not_followed_unless_named() {
    let dir = Dir::new();
    let target = dir.write("elsewhere/secret", leak(1));
    dir.write("files/a", "hello\n");
    symlink(&target, dir.path("files/link")).unwrap();
    symlink(dir.path("elsewhere"), dir.path("files/folder")).unwrap();
    symlink(".", dir.path("files/itself")).unwrap();
    let report = dir.json(&["scan", "files"]);
    report.clean();
    let gap = report.skipped("symlink", 3);
    assert_eq!(gap["examples"], serde_json::json!(["folder", "itself", "link"]), "sorted, relative to the PATH");
    dir.json(&["scan", "files/link"]).code(1);
}

#[test]
fn configured_skip() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.write(".keysieve.yaml", "skip: ['vendor/', '*.lock']\n");
    repo.write("vendor/deep/a", leak(1));
    repo.write("Cargo.lock", leak(2));
    repo.add();
    for args in [&["scan"][..], &["scan", "--staged"]] {
        let report = repo.json(args);
        report.clean();
        report.skipped("configured", 2);
        repo.keysieve(args).code(0).says(&[".keysieve.yaml skips vendor/, *.lock"]);
    }
    // What is named is scanned all the same.
    repo.json(&["scan", "Cargo.lock"]).code(1);
    let head = repo.commit_staged("all");
    repo.commit_file("b", "x");
    repo.json(&["scan", "--range", &format!("{head}..")]).clean();
    assert_eq!(repo.json(&["scan", "--range", &head]).left_out("configured"), 2);
}

#[test]
fn too_large() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    let body = format!("{}{}", leak(1), "x".repeat(5000));
    repo.write("big", &body);
    repo.write("small", "hello\n");
    repo.add();
    let check = |args: &[&str]| {
        let report = repo.json(&[args, &["--max-file-size", "4k"]].concat());
        report.clean();
        report.skipped("too-large", 1);
        repo.json(&[args, &["--max-file-size", "5k"]].concat()).code(1);
        repo.json(args).code(1);
    };
    check(&["scan"]);
    check(&["scan", "--staged"]);
    repo.commit_staged("all");
    check(&["scan", "--history"]);
    check(&["scan", "--range", "HEAD"]);
}

#[test]
fn ignored_files_are_counted_and_tracked_ones_scanned() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.write(".gitignore", "*.env\n/build/\n");
    repo.write("forced.env", leak(1));
    repo.write("ignored.env", leak(2));
    repo.write("build/deep/out", leak(3));
    repo.write(".git/info/exclude", "excluded\n");
    repo.write("excluded", leak(4));
    repo.write(".ignore", "shown\n");
    repo.write("shown", leak(5));
    repo.git(&["add", "--force", "forced.env", ".gitignore", ".ignore"]);
    let report = repo.json(&["scan"]);
    let found: Vec<bool> = (1..=5).map(|seed| report.has(&runra(seed))).collect();
    assert_eq!(found, [true, false, false, false, true], "{}", report.ran);
    let gap = report.skipped("ignored-by-git", 3);
    assert_eq!(gap["examples"], serde_json::json!(["build/", "excluded", "ignored.env"]));
    let all = repo.json(&["scan", "--no-ignore"]);
    assert_eq!(all.findings().len(), 5, "{}", all.ran);
    assert_eq!(all.left_out("ignored-by-git"), 0);
    // Named: what its user asked for.
    repo.json(&["scan", "ignored.env"]).code(1);
    // Outside a repository there are no ignore rules.
    dir.write("plain/.gitignore", "*.env\n");
    dir.write("plain/a.env", leak(6));
    dir.json(&["scan", "plain"]).code(1);
}

#[test]
fn a_users_own_excludes_do_not_hold() {
    let dir = Dir::new();
    dir.write("home/.config/git/ignore", "*.env\n");
    let repo = dir.repo("repo");
    repo.write("a.env", leak(1));
    repo.json(&["scan"]).code(1);
}

#[test]
fn lfs_pointers() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    let oid = "ab".repeat(32);
    repo.stage("model.bin", format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 12345\n"));
    let check = |args: &[&str]| {
        let report = repo.json(args);
        report.clean();
        report.skipped("lfs-pointer", 1);
    };
    check(&["scan"]);
    check(&["scan", "--staged"]);
    repo.commit_staged("all");
    check(&["scan", "--history"]);
    check(&["scan", "--range", "HEAD"]);
}

#[test]
fn submodules() {
    let dir = Dir::new();
    let inner = dir.repo("inner");
    inner.commit_file("a", leak(1));
    let repo = dir.repo("repo");
    repo.commit_file("README", "hello\n");
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &dir.text("inner"), "sub"]);
    let check = |args: &[&str]| {
        let report = repo.json(args);
        report.complete(true);
        let gap = report.skipped("submodule", 1);
        assert!(text(&gap["examples"][0]).contains("sub"), "{gap}");
    };
    check(&["scan", "--staged"]);
    repo.commit_staged("a submodule");
    check(&["scan", "--range", "HEAD"]);
    // An audit reads the submodule's repository, too, where it is here.
    assert_eq!(repo.history().left_out("submodule"), 0);
    std::fs::remove_dir_all(repo.path(".git/modules")).unwrap();
    check(&["scan", "--history"]);
}

#[test]
fn special_files_are_not_waited_for() {
    let dir = Dir::new();
    dir.write("files/a", "hello\n");
    let made = Command::new("mkfifo").arg(dir.path("files/pipe")).stdin(Stdio::null()).status().unwrap();
    assert!(made.success());
    let socket = std::os::unix::net::UnixListener::bind(dir.path("files/socket")).unwrap();
    let report = dir.json(&["scan", "files"]);
    report.clean();
    report.skipped("special-file", 2);
    // Named, too.
    assert_eq!(dir.json(&["scan", "files/pipe"]).left_out("special-file"), 1);
    symlink("pipe", dir.path("files/link")).unwrap();
    assert_eq!(dir.json(&["scan", "files/link"]).left_out("special-file"), 1);
    drop(socket);
}

#[test]
fn nested_repositories_are_read_like_other_folders() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("README", "hello\n");
    let inner = dir.repo("repo/inner");
    inner.write("a", leak(1));
    let report = repo.json(&["scan"]);
    report.code(1);
    assert_eq!(util::spots(report.only()), ["inner/a:1"]);
}

#[test]
fn expecting_objects_and_reading_none_is_not_clean() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    let report = repo.history();
    report.code(3).complete(false);
    assert_eq!(report.read("blobs") + report.read("commits"), 0);
    repo.keysieve(&["scan", "--history"]).code(3).says(&["INCOMPLETE"]);
    // Nothing staged is nothing to find.
    repo.staged().clean();
    repo.json(&["scan"]).clean();
    let ran = repo.keysieve(&["scan", "--range", "HEAD"]);
    ran.code(2).complains(&["HEAD"]);
}

#[test]
fn what_was_read_is_counted() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("a", "12345\n");
    repo.commit_file("b", "123\n");
    repo.git(&["tag", "-m", "a tag", "v1"]);
    let report = repo.history();
    report.clean();
    assert_eq!(["blobs", "commits", "tags", "files"].map(|what| report.read(what)), [2, 2, 1, 0], "{}", report.ran);
    let report = repo.json(&["scan"]);
    assert_eq!(
        ["blobs", "commits", "tags", "files", "bytes"].map(|what| report.read(what)),
        [0, 0, 0, 2, 10],
        "{}",
        report.ran
    );
    repo.write("c", "123456789\n");
    repo.add();
    let report = repo.staged();
    assert_eq!((report.read("files"), report.read("bytes")), (1, 10), "{}", report.ran);
}
