//! The 28 situations in which hooks of this field were measured, each a real `git commit` with the installed hook. The
//! best of the others gets 24 of the 27 that are judged.

use std::fs;
use std::os::unix::fs::symlink;

use crate::hooked::{COMMIT, blocks, both, clean_passes, commit_past, hooked, passes, with_a};
use crate::util::{Dir, Repo, leak};

#[test]
fn s01_staged_plain() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    both(&repo, "a");
}

#[test]
fn s02_staged_and_cleaned_in_the_working_tree() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    repo.stage("a", leak(1));
    repo.write("a", "clean\n");
    clean_passes(&repo, "a", COMMIT);
}

#[test]
fn s03_only_in_an_unstaged_edit_of_a_staged_file() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    repo.stage("a", "staged\n");
    repo.write("a", leak(1));
    passes(&repo, COMMIT);
    repo.add();
    blocks(&repo, COMMIT);
}

#[test]
fn s04_first_commit() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.keysieve(&["hook", "install"]).code(0);
    repo.stage("a", leak(1));
    blocks(&repo, COMMIT);
    // What is advised works where there is no commit yet.
    repo.git(&["rm", "--cached", "--quiet", ":/a"]);
    repo.write("b", "clean\n");
    repo.git(&["add", "b"]);
    passes(&repo, COMMIT);
}

#[test]
fn s05_commit_all() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    repo.write("a", leak(1));
    clean_passes(&repo, "a", &["commit", "-a", "-m", "x"]);
}

#[test]
fn s06_commit_of_a_path() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    repo.write("a", leak(1));
    clean_passes(&repo, "a", &["commit", "-m", "x", "--", "a"]);
}

#[test]
fn s07_commit_of_a_clean_path_beside_a_staged_secret() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    repo.write("b", leak(1));
    repo.git(&["add", "b"]);
    repo.write("a", "clean\n");
    passes(&repo, &["commit", "-m", "x", "--", "a"]);
    blocks(&repo, COMMIT);
}

#[test]
fn s08_linked_worktree() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    repo.git(&["worktree", "add", "--quiet", "-b", "side", &dir.text("linked")]);
    let linked = dir.existing("linked");
    both(&linked, "a");
}

#[test]
fn s09_from_a_subdirectory() {
    let dir = Dir::new();
    with_a(&dir);
    both(&dir.existing("repo/sub"), "b");
}

#[test]
fn s10_merge_with_the_secret_in_the_resolution() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    conflict(&repo);
    repo.stage("a", format!("both\n{}", leak(1)));
    clean_passes(&repo, "a", COMMIT);
}

/// A merge of `side` into `main` that stops at `a`.
pub fn conflict(repo: &Repo<'_>) {
    repo.git(&["switch", "--quiet", "-c", "side"]);
    repo.commit_file("a", "theirs\n");
    repo.git(&["switch", "--quiet", "main"]);
    repo.commit_file("a", "ours\n");
    repo.try_git(&["merge", "--quiet", "side"]).code(1);
}

#[test]
fn s11_rename_and_a_secret_line() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    repo.commit_file("long", "line\n".repeat(40));
    repo.git(&["mv", "long", "moved"]);
    repo.stage("moved", format!("{}{}", "line\n".repeat(40), leak(1)));
    clean_passes(&repo, "moved", COMMIT);
}

#[test]
fn s12_no_diff_by_attribute() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    repo.commit_file(".gitattributes", "*.env -diff\n");
    both(&repo, "x.env");
}

#[test]
fn s13_utf16() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    let text: Vec<u8> = format!("\u{feff}{}", leak(1)).encode_utf16().flat_map(u16::to_le_bytes).collect();
    repo.stage("settings.txt", text);
    clean_passes(&repo, "settings.txt", COMMIT);
}

#[test]
fn s14_ignored_and_forced() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    repo.commit_file(".gitignore", "*.env\n");
    both(&repo, "x.env");
}

#[test]
fn s15_only_removes_a_secret_line() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    commit_past(&repo, "a", &format!("{}hello\n", leak(1)));
    repo.stage("a", "hello\n");
    passes(&repo, COMMIT);
    repo.stage("a", format!("hello\n{}", leak(2)));
    blocks(&repo, COMMIT);
}

#[test]
fn s16_edit_elsewhere_in_a_file_with_an_old_secret() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    commit_past(&repo, "a", &format!("{}hello\n", leak(1)));
    repo.stage("a", format!("{}good day\n", leak(1)));
    let ran = passes(&repo, COMMIT);
    let said = ran.stdout() + &ran.stderr();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines, ["not new, so it does not block: a secret that HEAD has already, a:1"], "{ran}");
    repo.stage("a", format!("{}{}", leak(1), leak(2)));
    blocks(&repo, COMMIT);
}

#[test]
fn s17_link_replaced_by_a_file() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    symlink("a", repo.path("link")).unwrap();
    repo.commit("a link");
    repo.remove("link");
    repo.write("link", leak(1));
    repo.add();
    clean_passes(&repo, "link", COMMIT);
}

#[test]
fn s18_staged_and_deleted_in_the_working_tree() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    repo.stage("b", leak(1));
    repo.remove("b");
    clean_passes(&repo, "b", COMMIT);
}

#[test]
fn s19_odd_path() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    both(&repo, "ein \"Ümlaut\" file.env");
}

fn with_setting(name: &str, value: &str) {
    let dir = Dir::new();
    let repo = with_a(&dir);
    repo.git(&["config", name, value]);
    both(&repo, "a");
}

#[test]
fn s20_no_prefix() {
    with_setting("diff.noprefix", "true");
}

#[test]
fn s21_colour() {
    with_setting("color.ui", "always");
}

#[test]
fn s22_mnemonic_prefix() {
    with_setting("diff.mnemonicPrefix", "true");
}

#[test]
fn s23_textconv() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    repo.commit_file(".gitattributes", "*.env diff=hide\n");
    repo.git(&["config", "diff.hide.textconv", "true"]);
    both(&repo, "x.env");
}

#[test]
fn s24_nested_repository_as_a_link() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    let inner = dir.repo("repo/inner");
    inner.commit_file("x.env", leak(1));
    repo.git(&["-c", "advice.addEmbeddedRepo=false", "add", "inner"]);
    assert!(repo.git(&["ls-files", "--stage", "inner"]).starts_with("160000"));
    passes(&repo, COMMIT);
    repo.write("a", leak(1));
    repo.git(&["add", "a"]);
    blocks(&repo, COMMIT);
}

/// Not judged: nothing of it is new.
#[test]
fn s25_amend_with_the_secret_in_head() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    commit_past(&repo, "a", &leak(1));
    passes(&repo, &["commit", "--quiet", "--amend", "--no-edit"]);
}

#[test]
fn s26_in_a_zip() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    for (text, is_blocked) in [(leak(1), true), ("clean\n".to_owned(), false)] {
        repo.stage("x.zip", crate::archives::zip(&[("settings.env", text.as_bytes())]));
        if is_blocked {
            blocks(&repo, COMMIT)
        } else {
            passes(&repo, COMMIT)
        };
    }
}

#[test]
fn s27_folder_with_a_space() {
    let dir = Dir::new();
    let repo = hooked(&dir, "my repo");
    repo.stage("a", leak(1));
    blocks(&repo, COMMIT);
    fs::remove_file(repo.path("a")).unwrap();
    repo.add();
    passes(&repo, &["commit", "--allow-empty", "--quiet", "-m", "x"]);
}

#[test]
fn s28_sha256() {
    let dir = Dir::new();
    let repo = dir.repo_with("repo", &["--object-format=sha256"]);
    repo.keysieve(&["hook", "install"]).code(0);
    both(&repo, "a");
    repo.stage("a", leak(1));
    blocks(&repo, COMMIT);
}
