//! lefthook from npm.

use std::fs;
use std::time::{Duration, SystemTime};

use super::{advised, commits, judged, messages, node, node_repository, pushes, snippet, tags};
use crate::hooked::{COMMIT, blocks, passes};
use crate::util::{Dir, Ran, Repo, leak};

fn lefthook(repo: &Repo<'_>, args: &[&str]) {
    Ran::of(repo.command("lefthook").args(args)).code(0);
}

#[test]
fn the_snippet_works_at_every_stage() {
    let Some(modules) = node() else { return };
    let dir = Dir::new();
    let repo = node_repository(&dir, modules);
    repo.commit_file("lefthook.yml", snippet("lefthook.yml"));
    lefthook(&repo, &["install"]);
    commits(&repo);
    messages(&repo);
    pushes(&repo);
    tags(&repo);
    repo.keysieve(&["hook", "status"]).code(0).says(&["lefthook calls keysieve, by", "lefthook.yml"]);
}

/// What an earlier job stages is scanned.
#[test]
fn a_formatter_comes_first() {
    let Some(modules) = node() else { return };
    let dir = Dir::new();
    let repo = node_repository(&dir, modules);
    let formatter = "    - name: format\n      run: cp \"$HOME/formatted\" b && git add b\n    - name: keysieve";
    let config = snippet("lefthook.yml").replacen("    - name: keysieve", formatter, 1);
    dir.write("home/formatted", "clean\n");
    repo.commit_file("lefthook.yml", config);
    lefthook(&repo, &["install"]);
    repo.write("b", leak(1));
    repo.git(&["add", "b"]);
    passes(&repo, COMMIT);
    assert_eq!(repo.git(&["show", "HEAD:b"]), "clean");
    dir.write("home/formatted", leak(2));
    repo.write("b", "clean, too\n");
    repo.git(&["add", "b"]);
    blocks(&repo, COMMIT);
}

#[test]
fn installing_beside_it() {
    let Some(modules) = node() else { return };
    for stage in ["pre-commit", "commit-msg", "pre-push"] {
        let dir = Dir::new();
        let repo = node_repository(&dir, modules);
        repo.write("lefthook.yml", format!("{stage}:\n  jobs:\n    - name: other\n      run: \"true\"\n"));
        lefthook(&repo, &["install"]);
        let hook = repo.path(format!(".git/hooks/{stage}"));
        let theirs = fs::read(&hook).unwrap();
        let install = ["hook", "install", "--stage", stage];
        let ran = repo.keysieve(&install);
        ran.code(2).complains(&["nothing was installed", "lefthook", "--force"]);
        assert_eq!(fs::read(&hook).unwrap(), theirs);
        // What is advised, word for word.
        repo.write("lefthook.yml", advised(&ran));
        repo.keysieve(&install).code(0).says(&["nothing to do", "lefthook.yml"]);
        judged(&repo, stage);
        // Next to it all the same: both run, until its configuration changes.
        repo.write("lefthook.yml", format!("{stage}:\n  jobs:\n    - name: other\n      run: touch ran\n"));
        lefthook(&repo, &["install"]);
        repo.keysieve(&[&install[..], &["--force"]].concat()).code(0).says(&["runs first"]);
        judged(&repo, stage);
        fs::remove_file(repo.path("ran")).unwrap();
        repo.keysieve(&["hook", "uninstall", "--stage", stage]).code(0);
        assert_eq!(fs::read(&hook).unwrap(), theirs);
        repo.keysieve(&[&install[..], &["--force"]].concat()).code(0);
        repo.write("lefthook.yml", format!("{stage}:\n  jobs:\n    - name: third\n      run: \"true\"\n"));
        // It goes by whole seconds.
        let config = fs::File::options().write(true).open(repo.path("lefthook.yml")).unwrap();
        config.set_modified(SystemTime::now() + Duration::from_secs(2)).unwrap();
        repo.commit_file("d", "clean\n");
        repo.git(&["push", "--quiet", "origin", "HEAD"]);
        repo.keysieve(&["hook", "status", "--stage", stage]).code(1).says(&["lefthook manages hooks here"]);
    }
}

/// lefthook moves our hook aside and runs it no more: status must not call that installed.
#[test]
fn installed_after_ours() {
    let Some(modules) = node() else { return };
    let dir = Dir::new();
    let repo = node_repository(&dir, modules);
    repo.keysieve(&["hook", "install"]).code(0);
    repo.write("lefthook.yml", "pre-commit:\n  jobs:\n    - name: other\n      run: \"true\"\n");
    lefthook(&repo, &["install", "--force"]);
    repo.keysieve(&["hook", "status"]).code(1).says(&["not installed", "lefthook manages hooks here"]);
    repo.write("lefthook.yml", snippet("lefthook.yml"));
    repo.keysieve(&["hook", "status"]).code(0);
    judged(&repo, "pre-commit");
}
