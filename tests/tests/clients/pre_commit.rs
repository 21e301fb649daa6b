//! The pre-commit framework, and prek, which reads the same files: with the hooks of this repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::{HERE, advised, cache, commits, judged, messages, pushes, python, repository, snippet};
use crate::hooked::{COMMIT, blocks, passes};
use crate::util::{Dir, Ran, Repo, leak};

/// A hook that has nothing to do with us.
const OTHER: &str = "repos: [{repo: local, hooks: [{id: other, name: other, language: system, entry: 'true', \
                     pass_filenames: false, always_run: true, stages: [pre-commit, commit-msg, pre-push]}]}]\n";
const CLIENTS: [&str; 2] = ["pre-commit", "prek"];

/// A clone of this repository as it would be published, with the list of hooks as it is now; and the commit.
fn published() -> &'static (PathBuf, String) {
    static PLACE: OnceLock<(PathBuf, String)> = OnceLock::new();
    PLACE.get_or_init(|| {
        let (place, list) = (cache().join("published"), ".pre-commit-hooks.yaml");
        let git = |args: &[&str]| {
            let mut git = Command::new("git");
            let name = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.hooksPath=/dev/null"];
            git.current_dir(&place).args(name).args(args).env("GIT_CONFIG_GLOBAL", "/dev/null");
            git.env("GIT_AUTHOR_DATE", "1700000000 +0000").env("GIT_COMMITTER_DATE", "1700000000 +0000");
            let ran = Ran::of(&mut git);
            assert!(ran.output.status.success(), "{ran}");
            ran.stdout().trim().to_owned()
        };
        if !place.join(".git").exists() {
            fs::create_dir_all(&place).unwrap();
            git(&["init", "--quiet"]);
        }
        git(&["fetch", "--quiet", "--update-shallow", HERE, "HEAD"]);
        git(&["reset", "--quiet", "--hard", "FETCH_HEAD"]);
        fs::copy(Path::new(HERE).join(list), place.join(list)).unwrap();
        if !git(&["status", "--porcelain"]).is_empty() {
            git(&["commit", "--quiet", "-m", "the list of hooks as it is", "--", list]);
        }
        let commit = git(&["rev-parse", "HEAD"]);
        (place, commit)
    })
}

/// A configuration that takes hooks from this repository.
fn config(text: &str) -> String {
    let (place, commit) = published();
    let text = text.replace("https://github.com/OWNER/keysieve", &place.display().to_string());
    text.replace("rev: v0.1.0", &format!("rev: {commit}"))
}

fn ready<'d>(dir: &'d Dir, config: &str) -> Option<Repo<'d>> {
    let programs = python()?;
    for home in ["PRE_COMMIT_HOME", "PREK_HOME"] {
        dir.set(home, &dir.text(home));
    }
    let repo = repository(dir, programs);
    repo.commit_file(".pre-commit-config.yaml", config);
    Some(repo)
}

fn client(repo: &Repo<'_>, name: &str, args: &[&str]) -> Ran {
    Ran::of(repo.command(name).args(args))
}

#[test]
fn the_snippet_works_at_every_stage() {
    for name in CLIENTS {
        let dir = Dir::new();
        let Some(repo) = ready(&dir, &config(&snippet("pre-commit-config.yaml"))) else { return };
        client(&repo, name, &["install"]).code(0);
        commits(&repo);
        messages(&repo);
        pushes(&repo);
        // The whole history, when asked.
        let audit = ["run", "--hook-stage", "manual", "keysieve-history-system"];
        client(&repo, name, &audit).code(1).says(&["Runra"]);
        let clean = dir.repo("clean");
        clean.commit_file(".pre-commit-config.yaml", config(&snippet("pre-commit-config.yaml")));
        client(&clean, name, &audit).code(0);
        // By hand, it has to be said what is pushed.
        let by_hand = ["run", "--hook-stage", "pre-push", "keysieve-push-system"];
        client(&repo, name, &by_hand).code(1).says(&["--from-ref"]);
        client(&repo, name, &[&by_hand[..], &["--from-ref", "HEAD~1", "--to-ref", "HEAD"]].concat()).code(0);
        // The framework's own way to skip.
        repo.write("b", leak(1));
        repo.git(&["add", "b"]);
        let ran = Ran::of(repo.command("git").env("SKIP", "keysieve-system").args(COMMIT));
        ran.code(0);
        assert!((ran.stdout() + &ran.stderr()).contains("Skipped"), "{ran}");
    }
}

/// Every id, with the repository as it lies here.
#[test]
fn tried_from_this_repository() {
    for name in CLIENTS {
        let dir = Dir::new();
        let Some(repo) = ready(&dir, OTHER) else { return };
        let place = published().0.display().to_string();
        let attempt = |text: &str| {
            repo.write("b", text);
            repo.git(&["add", "b"]);
            client(&repo, name, &["try-repo", &place, "keysieve-system"])
        };
        attempt(&leak(1)).code(1).says(&["b:1:15"]);
        attempt("clean\n").code(0).says(&["Passed"]);
    }
}

/// Built from source by cargo, as for somebody who has no keysieve: in the build directory of these tests, so that only
/// keysieve itself is new.
#[test]
fn built_from_source() {
    let Some(programs) = python() else { return };
    let dir = Dir::new();
    let (_, commit) = published();
    let hook = |id: &str| {
        format!("repos:\n  - repo: https://github.com/OWNER/keysieve\n    rev: v0.1.0\n    hooks: [{{id: {id}}}]\n")
    };
    // What was built for an earlier commit goes.
    let home = cache().join("pre-commit");
    if fs::read_to_string(home.join("of")).unwrap_or_default() != *commit {
        _ = fs::remove_dir_all(&home);
        fs::create_dir_all(&home).unwrap();
        fs::write(home.join("of"), commit).unwrap();
    }
    let repo = repository(&dir, programs);
    // The program under test is not to be found.
    dir.set("PATH", &format!("{}:{}", programs.display(), std::env::var("PATH").unwrap()));
    dir.set("PRE_COMMIT_HOME", home.to_str().unwrap());
    let user = std::env::var("HOME").unwrap();
    for (name, place) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        dir.set(name, &std::env::var(name).unwrap_or_else(|_| format!("{user}/{place}")));
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    dir.set("CARGO_TARGET_DIR", target.to_str().unwrap());
    repo.commit_file(".pre-commit-config.yaml", config(&hook("keysieve")));
    client(&repo, "pre-commit", &["install", "--install-hooks"]).code(0);
    repo.write("b", leak(1));
    repo.git(&["add", "b"]);
    blocks(&repo, COMMIT);
    repo.write("b", "clean\n");
    repo.git(&["add", "b"]);
    passes(&repo, COMMIT);
    // The audit is the same program: nothing is built for it.
    repo.commit_file(".pre-commit-config.yaml", config(&hook("keysieve-history")));
    client(&repo, "pre-commit", &["run", "--hook-stage", "manual", "keysieve-history"]).code(0);
    repo.write("b", leak(2));
    repo.git(&["add", "b"]);
    repo.git(&["commit", "--quiet", "--no-verify", "-m", "past"]);
    client(&repo, "pre-commit", &["run", "--hook-stage", "manual", "keysieve-history"]).code(1).says(&["Runra"]);
}

#[test]
fn installing_beside_it() {
    for (name, stage) in
        CLIENTS.into_iter().flat_map(|name| ["pre-commit", "commit-msg", "pre-push"].map(|stage| (name, stage)))
    {
        let dir = Dir::new();
        let Some(repo) = ready(&dir, OTHER) else { return };
        client(&repo, name, &["install", "--hook-type", stage]).code(0);
        let hook = repo.path(format!(".git/hooks/{stage}"));
        let theirs = fs::read(&hook).unwrap();
        let install = ["hook", "install", "--stage", stage];
        let ran = repo.keysieve(&install);
        ran.code(2).complains(&["nothing was installed", "pre-commit", "--force"]);
        assert_eq!(fs::read(&hook).unwrap(), theirs);
        // What is advised, word for word.
        repo.write(".pre-commit-config.yaml", format!("repos:\n{}", advised(&ran)));
        repo.git(&["commit", "--quiet", "--no-verify", "-m", "configuration", "--", ".pre-commit-config.yaml"]);
        repo.keysieve(&install).code(0).says(&["nothing to do", ".pre-commit-config.yaml"]);
        judged(&repo, stage);
        // Next to it all the same: ours runs, and theirs before it.
        let other = format!(
            "repos:\n- repo: local\n  hooks:\n  - {{id: other, name: other, language: system, entry: touch ran, always_run: true, pass_filenames: false, stages: [{stage}]}}\n"
        );
        repo.write(".pre-commit-config.yaml", other);
        repo.git(&["commit", "--quiet", "--no-verify", "-m", "configuration", "--", ".pre-commit-config.yaml"]);
        repo.keysieve(&[&install[..], &["--force"]].concat()).code(0).says(&["runs first"]);
        judged(&repo, stage);
        fs::remove_file(repo.path("ran")).unwrap();
        // Installed again, it puts itself before ours, which still runs; and it goes without a trace.
        client(&repo, name, &["install", "--hook-type", stage]).code(0);
        judged(&repo, stage);
        fs::remove_file(repo.path("ran")).unwrap();
        client(&repo, name, &["uninstall", "--hook-type", stage]).code(0);
        repo.keysieve(&["hook", "uninstall", "--stage", stage]).code(0);
        assert_eq!(fs::read(&hook).unwrap(), theirs, "{name} {stage}");
    }
}

/// It keeps our hook as a legacy one and runs it first.
#[test]
fn installed_after_ours() {
    for (name, stage) in
        CLIENTS.into_iter().flat_map(|name| ["pre-commit", "commit-msg", "pre-push"].map(|stage| (name, stage)))
    {
        let dir = Dir::new();
        let Some(repo) = ready(&dir, OTHER) else { return };
        repo.keysieve(&["hook", "install", "--stage", stage]).code(0);
        client(&repo, name, &["install", "--hook-type", stage]).code(0);
        repo.keysieve(&["hook", "status", "--stage", stage]).code(0).says(&["installed behind another hook"]);
        judged(&repo, stage);
    }
}

/// The framework tells its hooks of the first ref only, so ours beside it sees more.
#[test]
fn a_push_of_several_refs() {
    let dir = Dir::new();
    let Some(repo) = ready(&dir, OTHER) else { return };
    repo.keysieve(&["hook", "install", "--stage", "pre-push"]).code(0);
    client(&repo, "pre-commit", &["install", "--hook-type", "pre-push"]).code(0);
    repo.git(&["branch", "first"]);
    repo.write("b", leak(1));
    repo.git(&["add", "b"]);
    repo.git(&["commit", "--quiet", "--no-verify", "-m", "past"]);
    repo.git(&["branch", "second"]);
    let ran = repo.try_git(&["push", "--quiet", "origin", "first", "second"]);
    assert!(!ran.output.status.success() && (ran.stdout() + &ran.stderr()).contains("Runra"), "{ran}");
    repo.try_git(&["push", "--quiet", "origin", "first"]).code(0);
}
