//! Every place of a repository where a secret was ever found by somebody, and by few tools: a test a place.

use std::fs;
use std::os::unix::fs::symlink;

use data_encoding::{BASE64, HEXLOWER};

use crate::archives::{gz, pdf, tar, zip, zlib};
use crate::util::{Dir, Repo, Report, kinds, runra};

fn line(token: &str) -> String {
    format!("key = {token}\n")
}

/// Plants a token in a fresh repository, and looks for it; once more when all is packed.
#[track_caller]
fn found(kind: &str, plant: impl Fn(&Repo<'_>, &str)) {
    let dir = Dir::new();
    let token = runra(4711);
    let repo = dir.repo("repo");
    repo.commit_file("README", "hello\n");
    repo.commit_file("other", "line\n".repeat(20));
    plant(&repo, &token);
    let look = || -> Report {
        let report = repo.history();
        report.code(1).complete(true).ran.hides(&[&token]);
        let all = kinds(report.of(&token));
        assert!(all.contains(&kind), "{all:?} has no {kind}{}", report.ran);
        report
    };
    let before = look();
    repo.git(&["repack", "-adfq", "--keep-unreachable"]);
    repo.git(&["pack-refs", "--all"]);
    assert_eq!(look().findings(), before.findings(), "packed, it is told otherwise");
}

/// What a place is called, as what kind of place a report lists it, and how a token gets there.
type Place = (&'static str, &'static str, fn(&Repo<'_>, &str));

macro_rules! places {
    ($($name:ident: $kind:literal, $plant:expr;)*) => {
        const PLACES: &[Place] = &[$((stringify!($name), $kind, $plant)),*];

        $(#[test]
        fn $name() {
            found($kind, $plant);
        })*
    };
}

/// Two branches that both change `other`, being merged.
fn merging(repo: &Repo<'_>) {
    repo.git(&["switch", "--quiet", "-c", "side"]);
    repo.commit_file("other", "side\n");
    repo.git(&["switch", "--quiet", "main"]);
    repo.commit_file("other", "main\n");
    repo.try_git(&["merge", "--quiet", "--no-commit", "--no-ff", "side"]);
}

fn gone(repo: &Repo<'_>, name: &str) {
    repo.git(&["rm", "--quiet", "-r", name]);
    repo.commit_staged("it is gone");
}

fn with_env(repo: &Repo<'_>, name: &str, value: &str) {
    let mut git = repo.command("git");
    assert!(git.env(name, value).args(["commit", "--quiet", "--allow-empty", "-m", "x"]).status().unwrap().success());
}

places! {
    p01_plain_file: "content", |repo, token| drop(repo.commit_file("a", line(token)));
    p02_added_then_deleted: "content", |repo, token| {
        repo.commit_file("a", line(token));
        gone(repo, "a");
    };
    p03_evil_merge: "content", |repo, token| {
        merging(repo);
        repo.write("other", "both\n");
        repo.write("evil", line(token));
        repo.commit("merged");
        gone(repo, "evil");
    };
    p04_conflict_resolution: "content", |repo, token| {
        merging(repo);
        repo.write("other", line(token));
        repo.commit("merged");
        repo.commit_file("other", "clean\n");
    };
    p05_other_branch: "content", |repo, token| {
        repo.git(&["switch", "--quiet", "-c", "side"]);
        repo.commit_file("a", line(token));
        repo.git(&["switch", "--quiet", "main"]);
    };
    p06_tag_only: "content", |repo, token| {
        repo.commit_file("a", line(token));
        repo.git(&["tag", "light"]);
        repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
        repo.forget();
    };
    p07_custom_ref: "content", |repo, token| {
        repo.commit_file("a", line(token));
        repo.git(&["update-ref", "refs/pull/1/head", "HEAD"]);
        repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
        repo.forget();
    };
    p08_reflog_only: "content", |repo, token| {
        repo.commit_file("a", line(token));
        repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    };
    p09_dangling_commit: "content", |repo, token| {
        repo.commit_file("a", line(token));
        repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
        repo.forget();
    };
    p12_stash_unstaged: "content", |repo, token| {
        repo.write("README", line(token));
        repo.git(&["stash", "push", "--quiet"]);
    };
    p11_stash_staged: "content", |repo, token| {
        repo.stage("README", line(token));
        repo.write("README", "hello\n");
        repo.git(&["stash", "push", "--quiet"]);
    };
    p13_stash_untracked: "content", |repo, token| {
        repo.write("untracked", line(token));
        repo.git(&["stash", "push", "--quiet", "--include-untracked"]);
    };
    p14_older_stash: "content", |repo, token| {
        repo.write("README", line(token));
        repo.git(&["stash", "push", "--quiet"]);
        repo.write("README", "something else\n");
        repo.git(&["stash", "push", "--quiet"]);
    };
    p15_note: "note", |repo, token| drop(repo.git(&["notes", "add", "-m", token, "HEAD"]));
    p16_tag_message: "tag", |repo, token| drop(repo.git(&["tag", "-m", &format!("v1\n\nwith {token}"), "v1"]));
    p16_tagger: "tag", |repo, token| {
        let mut git = repo.command("git");
        git.env("GIT_COMMITTER_NAME", token).args(["tag", "-m", "v1", "v1"]);
        assert!(git.status().unwrap().success());
    };
    p17_commit_message: "commit-message", |repo, token| {
        repo.write("a", "a\n");
        repo.commit(&format!("subject\n\nbody {token}\n"));
    };
    p18_author_name: "author", |repo, token| with_env(repo, "GIT_AUTHOR_NAME", token);
    p18_author_address: "author", |repo, token| with_env(repo, "GIT_AUTHOR_EMAIL", &format!("{token}@a.example"));
    p19_committer_address: "committer", |repo, token| {
        with_env(repo, "GIT_COMMITTER_EMAIL", &format!("{token}@a.example"));
    };
    p19_committer_name: "committer", |repo, token| with_env(repo, "GIT_COMMITTER_NAME", token);
    p20_file_name: "path", |repo, token| {
        repo.write(format!("{token}.txt"), "hello\n");
        repo.commit("a file");
        gone(repo, &format!("{token}.txt"));
    };
    p20_folder_name: "path", |repo, token| {
        repo.write(format!("deep/{token}/file"), "hello\n");
        repo.commit("a file");
    };
    p21_no_diff_attribute: "content", |repo, token| {
        repo.write(".gitattributes", "*.txt -diff -text binary\n");
        repo.commit_file("a.txt", line(token));
    };
    p22_nul_bytes: "content", |repo, token| {
        repo.commit_file("a", [b"\0\x01\0\0", line(token).as_bytes(), b"\0\0"].concat());
    };
    p23_utf16_with_mark: "content", |repo, token| {
        let text = format!("\u{feff}$key = '{token}'\r\n");
        repo.commit_file("a.ps1", text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    };
    p24_zip: "content", |repo, token| {
        repo.commit_file("a.zip", zip(&[("inner/.env", line(token).as_bytes())]));
        gone(repo, "a.zip");
    };
    p25_tar_gz: "content", |repo, token| {
        repo.commit_file("a.tar.gz", gz(&tar(&[("inner/.env", line(token).as_bytes())])));
        gone(repo, "a.tar.gz");
    };
    p26_rename_and_edit: "content", |repo, token| {
        repo.git(&["mv", "other", "moved"]);
        repo.write("moved", format!("{}{}", "line\n".repeat(20), line(token)));
        repo.commit("moved");
    };
    p27_link_turned_into_file: "content", |repo, token| {
        symlink("README", repo.path("link")).unwrap();
        repo.commit("a link");
        repo.remove("link");
        repo.commit_file("link", line(token));
    };
    p28_link_target: "content", |repo, token| {
        symlink(format!("https://a.example/?key={token}"), repo.path("link")).unwrap();
        repo.commit("a link");
    };
    p29_end_of_a_long_line: "content", |repo, token| {
        let words: String = (0..60_000).map(|n| format!("w{} ", n % 977)).collect();
        repo.commit_file("a.min.js", format!("{words}{token}"));
    };
    p30_quoted_path: "content", |repo, token| {
        repo.write("a \"b\"\tc\nd é", line(token));
        repo.commit("odd");
    };
    p31_base64: "content", |repo, token| {
        repo.commit_file("a", line(&BASE64.encode(token.as_bytes())));
        gone(repo, "a");
    };
    p32_base64_of_base64: "content", |repo, token| {
        repo.commit_file("a", line(&BASE64.encode(BASE64.encode(token.as_bytes()).as_bytes())));
        gone(repo, "a");
    };
    p33_hex: "content", |repo, token| {
        repo.commit_file("a", line(&HEXLOWER.encode(token.as_bytes())));
        gone(repo, "a");
    };
    p34_percent: "content", |repo, token| {
        repo.commit_file("a", line(&token.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>()));
        gone(repo, "a");
    };
    p35_end_of_a_large_file: "content", |repo, token| {
        let mut text: String = (0..400_000).map(|n| format!("{n} and some more text here\n")).collect();
        text.push_str(&line(token));
        assert!(text.len() > 12_000_000);
        repo.commit_file("dump.txt", text);
    };
    p36_node_modules: "content", |repo, token| drop(repo.commit_file("node_modules/x/index.js", line(token)));
    p37_lock_file: "content", |repo, token| {
        repo.commit_file("package-lock.json", format!("{{\"resolved\": \"https://a.example/x?key={token}\"}}\n"));
    };
    p38_pdf: "content", |repo, token| {
        let page = format!("BT /F1 12 Tf 72 720 Td ({token}) Tj ET");
        repo.commit_file("a.pdf", pdf("/Filter/FlateDecode", &zlib(page.as_bytes())));
        gone(repo, "a.pdf");
    };
    p39_svg: "content", |repo, token| drop(repo.commit_file("a.svg", format!("<svg><!-- {token} --></svg>\n")));
    p40_crlf: "content", |repo, token| drop(repo.commit_file("a", format!("one\r\nkey = {token}\r\ntwo\r\n")));
    p41_latin_1: "content", |repo, token| {
        repo.commit_file("a", [b"caf\xe9 na\xefve ", line(token).as_bytes(), b"\xfc"].concat());
    };
    p42_no_newline_at_end: "content", |repo, token| drop(repo.commit_file("a", format!("key = {token}")));
    p43_hidden_by_replace: "content", |repo, token| {
        repo.commit_file("a", line(token));
        let blob = repo.git(&["rev-parse", "HEAD:a"]);
        let harmless = repo.object("blob", b"harmless\n");
        repo.git(&["replace", &blob, &harmless]);
    };
    p43_commit_hidden_by_replace: "content", |repo, token| {
        repo.commit_file("a", line(token));
        repo.git(&["replace", "HEAD", "HEAD~1"]);
    };
    p44_orphan_branch: "content", |repo, token| {
        repo.git(&["switch", "--quiet", "--orphan", "other-root"]);
        repo.commit_file("a", line(token));
        repo.git(&["switch", "--quiet", "main"]);
    };
    p45_staged: "content", |repo, token| {
        repo.stage("a", line(token));
    };
    p46_untracked: "content", |repo, token| drop(repo.write("a", line(token)));
    p47_remote_url: "config", |repo, token| {
        repo.git(&["remote", "add", "origin", &format!("https://user:{token}@a.example/b.git")]);
    };
    p48_branch_name: "ref", |repo, token| drop(repo.git(&["branch", &format!("deploy/{token}")]));
    p49_link_in_a_merge: "content", |repo, token| {
        merging(repo);
        repo.remove("other");
        symlink(format!("x?key={token}"), repo.path("other")).unwrap();
        repo.commit("merged");
        gone(repo, "other");
    };
}

/// What `git add` of a commit that was then blocked leaves behind: in no commit, so it alone is not an open leak, but
/// listed.
#[test]
fn p10_dangling_blob() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("README", "hello\n");
    repo.stage("a", line(&runra(1)));
    repo.git(&["reset", "--quiet", "--hard"]);
    let report = repo.json(&["scan", "--history", "--show-suppressed"]);
    report.complete(true).level("dangling");
    assert!(report.has(&runra(1)), "{}", report.ran);
}

/// The same places through a linked working tree: its index, its files and the common objects.
#[test]
fn index_and_files_of_a_linked_working_tree() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("README", "hello\n");
    repo.git(&["worktree", "add", "--quiet", &dir.text("linked")]);
    let linked = dir.existing("linked");
    linked.stage("staged", line(&runra(1)));
    linked.write("untracked", line(&runra(2)));
    fs::remove_file(linked.path("staged")).unwrap();
    let report = linked.history();
    let level = |seed| report.of(&runra(seed))["exposure"]["level"].as_str().unwrap().to_owned();
    assert_eq!([level(1), level(2)], ["staged", "worktree"], "{}", report.ran);
}

/// All of them in one repository, by one scan: loose, then packed.
#[test]
fn all_at_once() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("README", "hello\n");
    repo.commit_file("other", "line\n".repeat(20));
    let base = repo.head();
    let numbered = || PLACES.iter().enumerate().map(|(number, place)| (runra(number as u64), place));
    // What is in no commit stays only if nothing comes after it.
    let stays = |name: &str| name.starts_with("p45") || name.starts_with("p46");
    for (token, (name, _, plant)) in numbered().filter(|(_, (name, ..))| !stays(name)) {
        repo.git(&["switch", "--quiet", "--discard-changes", "--create", name, &base]);
        repo.git(&["clean", "-fdq"]);
        plant(&repo, &token);
        for branch in ["side", "light", "v1"] {
            repo.try_git(&["branch", "--move", branch, &format!("{branch}-{name}")]);
            repo.try_git(&["tag", &format!("{branch}-{name}"), branch]);
            repo.try_git(&["tag", "--delete", branch]);
        }
    }
    repo.git(&["switch", "--quiet", "--discard-changes", "main"]);
    repo.git(&["clean", "-fdq"]);
    for (token, (_, _, plant)) in numbered().filter(|(_, (name, ..))| stays(name)) {
        plant(&repo, &token);
    }
    let look = || {
        let report = repo.history();
        report.code(1).complete(true);
        let missing = |(token, (name, kind, _)): (String, &Place)| {
            let found = report.has(&token) && kinds(report.of(&token)).contains(kind);
            (!found).then_some(*name)
        };
        assert_eq!(numbered().filter_map(missing).collect::<Vec<_>>(), Vec::<&str>::new(), "{}", report.ran);
    };
    look();
    repo.git(&["repack", "-adfq", "--keep-unreachable"]);
    look();
}
