//! Merges, cherry-picks and rebases that wait for a resolution, with the installed hook: only what the resolution adds
//! blocks.

use std::fs;

use crate::hooked::{COMMIT, blocks, clean_passes, commit_past, passes, with_a};
use crate::situations::conflict;
use crate::util::{Dir, leak};

#[test]
fn merge_of_what_the_other_side_has() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    repo.git(&["switch", "--quiet", "-c", "side"]);
    commit_past(&repo, "theirs", &leak(1));
    repo.commit_file("a", "theirs\n");
    repo.git(&["switch", "--quiet", "main"]);
    repo.commit_file("a", "ours\n");
    repo.try_git(&["merge", "--quiet", "side"]).code(1);
    repo.stage("a", format!("both\n{}", leak(2)));
    blocks(&repo, COMMIT);
    // In a file that the other side changed as well, and differs from both sides.
    repo.write("theirs", format!("# more\n{}", leak(1)));
    repo.write("a", "both\n");
    repo.add();
    let ran = passes(&repo, COMMIT);
    assert!(ran.stderr().contains("not new, so it does not block") && ran.stderr().contains("theirs:2"), "{ran}");
}

/// One side renames, the other adds the secret: git brings both together.
#[test]
fn merge_across_a_rename() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    let filler = "line\n".repeat(30);
    repo.commit_file("settings", &filler);
    repo.git(&["switch", "--quiet", "-c", "side"]);
    commit_past(&repo, "settings", &format!("{filler}{}", leak(1)));
    repo.commit_file("a", "theirs\n");
    repo.git(&["switch", "--quiet", "main"]);
    repo.git(&["mv", "settings", "moved"]);
    repo.commit_file("a", "ours\n");
    repo.try_git(&["merge", "--quiet", "side"]).code(1);
    assert!(fs::read_to_string(repo.path("moved")).unwrap().contains("rra_live"));
    repo.stage("a", leak(2));
    clean_passes(&repo, "a", COMMIT);
}

#[test]
fn octopus_merges_without_conflict_are_git_s_own() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    for side in ["one", "two"] {
        repo.git(&["switch", "--quiet", "-c", side, "main"]);
        repo.commit_file(side, "x\n");
    }
    repo.git(&["switch", "--quiet", "main"]);
    repo.git(&["merge", "--quiet", "--no-commit", "--no-ff", "one", "two"]);
    repo.stage("b", leak(1));
    blocks(&repo, COMMIT);
    repo.remove("b");
    repo.add();
    passes(&repo, COMMIT);
}

#[test]
fn unmerged_entries_are_not_read() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    conflict(&repo);
    repo.write("a", leak(1));
    repo.staged().clean();
    repo.add();
    clean_passes(&repo, "a", COMMIT);
}

#[test]
fn cherry_pick_in_progress() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    repo.git(&["switch", "--quiet", "-c", "side"]);
    let picked = repo.commit_file("a", "theirs\n");
    repo.git(&["switch", "--quiet", "main"]);
    repo.commit_file("a", "ours\n");
    repo.try_git(&["cherry-pick", &picked]).code(1);
    repo.stage("a", format!("both\n{}", leak(1)));
    blocks(&repo, COMMIT);
    repo.stage("a", "both\n");
    passes(&repo, &["-c", "core.editor=true", "cherry-pick", "--continue"]);
}

#[test]
fn rebase_in_progress() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    repo.git(&["switch", "--quiet", "-c", "side"]);
    repo.commit_file("a", "theirs\n");
    repo.git(&["switch", "--quiet", "main"]);
    repo.commit_file("a", "ours\n");
    repo.git(&["switch", "--quiet", "side"]);
    repo.try_git(&["rebase", "main"]).code(1);
    repo.stage("a", format!("both\n{}", leak(1)));
    blocks(&repo, COMMIT);
    repo.stage("a", "both\n");
    passes(&repo, &["-c", "core.editor=true", "rebase", "--continue"]);
    assert_eq!(repo.git(&["show", "HEAD:a"]), "both");
}
