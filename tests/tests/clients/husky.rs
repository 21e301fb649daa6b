//! husky from npm.

use std::fs;
use std::process::Command;

use super::{advised, commits, messages, node, node_repository, pushes, snippet, tags};
use crate::hooked::{COMMIT, blocks, passes};
use crate::util::{Dir, Ran, Repo, leak};

fn husky(repo: &Repo<'_>) {
    Ran::of(&mut repo.command("husky")).code(0);
    assert_eq!(repo.git(&["config", "core.hooksPath"]), ".husky/_");
}

#[test]
fn the_snippets_work_at_every_stage() {
    let Some(modules) = node() else { return };
    let dir = Dir::new();
    let repo = node_repository(&dir, modules);
    for stage in ["pre-commit", "commit-msg", "pre-push"] {
        repo.write(format!(".husky/{stage}"), snippet(&format!("husky/{stage}")));
    }
    repo.commit("hooks");
    husky(&repo);
    commits(&repo);
    messages(&repo);
    pushes(&repo);
    tags(&repo);
    repo.keysieve(&["hook", "status"]).code(0).says(&["husky calls keysieve, by", ".husky/pre-commit"]);
}

#[test]
fn installing_beside_it() {
    let Some(modules) = node() else { return };
    let dir = Dir::new();
    let repo = node_repository(&dir, modules);
    husky(&repo);
    let hook = repo.path(".husky/_/pre-commit");
    let theirs = fs::read(&hook).unwrap();
    for stage in ["pre-commit", "commit-msg", "pre-push"] {
        let install = ["hook", "install", "--stage", stage];
        let ran = repo.keysieve(&install);
        ran.code(2).complains(&["nothing was installed", "husky", &format!(".husky/{stage}"), "--force"]);
        repo.write(format!(".husky/{stage}"), advised(&ran));
        repo.keysieve(&install).code(0).says(&["nothing to do", &format!(".husky/{stage}")]);
    }
    assert_eq!(fs::read(&hook).unwrap(), theirs);
    commits(&repo);
    messages(&repo);
    pushes(&repo);
    // Next to it all the same: both run, until husky is installed again; then status says so.
    repo.write(".husky/pre-commit", "touch ran\n");
    repo.keysieve(&["hook", "install", "--force"]).code(0).says(&["runs first", "part of the working tree"]);
    repo.write("b", leak(1));
    repo.git(&["add", "b"]);
    blocks(&repo, COMMIT);
    fs::remove_file(repo.path("ran")).unwrap();
    husky(&repo);
    assert_eq!(fs::read(&hook).unwrap(), theirs);
    repo.keysieve(&["hook", "status"]).code(1).says(&["not installed", "husky manages hooks here"]);
    passes(&repo, COMMIT);
}

/// husky turns git's attention to a folder of its own: our hook is still there, and dead.
#[test]
fn installed_after_ours() {
    let Some(modules) = node() else { return };
    let dir = Dir::new();
    let repo = node_repository(&dir, modules);
    repo.keysieve(&["hook", "install"]).code(0);
    husky(&repo);
    assert!(repo.path(".git/hooks/pre-commit").exists());
    repo.keysieve(&["hook", "status"]).code(1).says(&["not installed", "husky manages hooks here"]);
}

/// `npm install` runs it by the `prepare` script, as husky's own start does.
#[test]
fn from_its_own_start() {
    let Some(modules) = node() else { return };
    let dir = Dir::new();
    let repo = node_repository(&dir, modules);
    repo.write("package.json", "{\"scripts\": {\"test\": \"true\"}}\n");
    Ran::of(repo.command("husky").arg("init")).code(0);
    let text = fs::read_to_string(repo.path(".husky/pre-commit")).unwrap();
    repo.write(".husky/pre-commit", text + &snippet("husky/pre-commit"));
    let mut prepare: Command = repo.command("npm");
    Ran::of(prepare.args(["run", "--silent", "prepare"])).code(0);
    repo.write("b", leak(1));
    repo.git(&["add", "b"]);
    blocks(&repo, COMMIT);
    repo.write("b", "clean\n");
    repo.git(&["add", "b"]);
    passes(&repo, COMMIT);
}
