//! The real clients that run hooks: pre-commit and prek from PyPI, lefthook and husky from npm, installed once for all
//! tests into the build directory. Without Python or npm these tests are skipped, but never in CI.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::hooked::{COMMIT, blocks, passes};
use crate::util::{Dir, PROGRAM, Ran, Repo, leak, runra};

mod husky;
mod lefthook;
mod pre_commit;

/// What is installed; a change makes a new folder.
const PYTHON: &[&str] = &["pre-commit==4.7.0", "prek==0.5.11"];
const NODE: &[&str] = &["lefthook@2.2.2", "husky@9.1.7"];

/// Where this repository is.
const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// What outlives a run: installations, and what was built for hooks.
fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients")
}

/// The folder with the programs of PyPI's clients.
fn python() -> Option<&'static Path> {
    static PLACE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let install = |place: &Path| {
        run(Command::new("python3").args(["-m", "venv"]).arg(place));
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(Command::new(place.join("bin/python")).args(pip).args(PYTHON));
    };
    let place = PLACE.get_or_init(|| installed("python3", PYTHON, install).map(|place| place.join("bin")));
    place.as_deref()
}

/// The `node_modules` with npm's clients.
fn node() -> Option<&'static Path> {
    static PLACE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let install = |place: &Path| {
        fs::write(place.join("package.json"), "{}").unwrap();
        let npm = ["install", "--silent", "--no-audit", "--no-fund", "--no-save"];
        run(Command::new("npm").args(npm).args(NODE).current_dir(place));
    };
    let place = PLACE.get_or_init(|| installed("npm", NODE, install).map(|place| place.join("node_modules")));
    place.as_deref()
}

/// Installs what is not there yet. The name of the folder says what is in it, and a last file that it is all there.
fn installed(needs: &str, what: &[&str], install: impl FnOnce(&Path)) -> Option<PathBuf> {
    if Command::new(needs).arg("--version").output().is_ok_and(|output| output.status.success()) {
        let place = cache().join(what.join("-"));
        if !place.join("complete").exists() {
            _ = fs::remove_dir_all(&place);
            fs::create_dir_all(&place).unwrap();
            install(&place);
            fs::write(place.join("complete"), "").unwrap();
        }
        return Some(place);
    }
    assert!(std::env::var_os("CI").is_none(), "CI needs {needs} for the tests with real clients");
    println!("skipped: there is no {needs} here");
    None
}

#[track_caller]
fn run(command: &mut Command) {
    let ran = Ran::of(command);
    assert!(ran.output.status.success(), "{ran}");
}

/// A repository with a commit and a remote, and keysieve and `programs` on the PATH.
fn repository<'d>(dir: &'d Dir, programs: &Path) -> Repo<'d> {
    let ours = Path::new(PROGRAM).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    dir.set("PATH", &format!("{}:{}:{path}", ours.display(), programs.display()));
    dir.repo_with("remote.git", &["--bare"]);
    let repo = dir.repo("repo");
    repo.git(&["remote", "add", "origin", &dir.text("remote.git")]);
    fs::write(repo.path(".git/info/exclude"), "node_modules\n").unwrap();
    repo.commit_file("a", "hello\n");
    repo.git(&["push", "--quiet", "--set-upstream", "origin", "main"]);
    repo
}

/// The same with npm's clients, as if they had been installed into it.
fn node_repository<'d>(dir: &'d Dir, modules: &Path) -> Repo<'d> {
    let repo = repository(dir, &modules.join(".bin"));
    std::os::unix::fs::symlink(modules, repo.path("node_modules")).unwrap();
    repo
}

/// What a file in `hooks/` advises.
fn snippet(name: &str) -> String {
    fs::read_to_string(Path::new(HERE).join("hooks").join(name)).unwrap()
}

/// What an error of `hook install` says to write, without its margin.
fn advised(ran: &Ran) -> String {
    let said = ran.stderr();
    let lines = said.lines().skip_while(|line| !line.starts_with("    ")).take_while(|line| line.starts_with("    "));
    lines.map(|line| format!("{}\n", &line[4..])).collect()
}

/// The whole tour for a manager that calls keysieve before commits: what blocks, what passes, and that partly staged
/// files are what git says they are.
fn commits(repo: &Repo<'_>) {
    let stage = |name: &str, text: &str| {
        repo.write(name, text);
        repo.git(&["add", "--", name]);
    };
    stage("b", &leak(1));
    blocks(repo, COMMIT);
    assert!(fs::read_to_string(repo.path("b")).unwrap() == leak(1), "the manager changed a file");
    stage("b", "clean\n");
    passes(repo, COMMIT);
    // Staged and cleaned since; not staged though in the file.
    stage("b", &leak(1));
    repo.write("b", "cleaned\n");
    blocks(repo, COMMIT);
    assert_eq!(fs::read_to_string(repo.path("b")).unwrap(), "cleaned\n");
    stage("b", "staged\n");
    repo.write("b", leak(1));
    passes(repo, COMMIT);
    assert_eq!(repo.git(&["show", "HEAD:b"]), "staged");
    assert_eq!(fs::read_to_string(repo.path("b")).unwrap(), leak(1), "the manager lost what was not staged");
    // An index of git's own.
    blocks(repo, &["commit", "--quiet", "-am", "x"]);
    repo.write("a", "only this\n");
    passes(repo, &["commit", "--quiet", "-m", "x", "--", "a"]);
    blocks(repo, &["commit", "--quiet", "-m", "x", "--", "b"]);
    // A link that becomes a file, and nothing else.
    std::os::unix::fs::symlink("a", repo.path("t")).unwrap();
    repo.git(&["add", "t"]);
    passes(repo, COMMIT);
    fs::remove_file(repo.path("t")).unwrap();
    stage("t", &leak(8));
    blocks(repo, COMMIT);
    stage("t", "clean\n");
    passes(repo, COMMIT);
    // A commit that only deletes, an empty one, a changed one.
    repo.git(&["rm", "--quiet", "--force", "b"]);
    passes(repo, COMMIT);
    passes(repo, &["commit", "--quiet", "--allow-empty", "-m", "x"]);
    stage("a", &leak(2));
    blocks(repo, &["commit", "--quiet", "--amend", "--no-edit"]);
    stage("a", "amended\n");
    passes(repo, &["commit", "--quiet", "--amend", "--no-edit"]);
    // Once without a scan.
    stage("a", &leak(3));
    Ran::of(repo.command("git").env("KEYSIEVE_SKIP", "1").args(COMMIT)).code(0);
    repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
}

/// Commit messages with a key and without.
fn messages(repo: &Repo<'_>) {
    let commit = |message: &str| ["commit", "--quiet", "--allow-empty", "-m", message].map(str::to_owned);
    let words = commit(&format!("use {}", runra(4)));
    blocks(repo, &words.each_ref().map(String::as_str));
    passes(repo, &["commit", "--quiet", "--allow-empty", "-m", "use the key"]);
}

/// Pushes with a key and without: to a known branch, a new one, a remote that has nothing, and of another branch.
fn pushes(repo: &Repo<'_>) {
    let stopped = |args: &[&str]| stopped(repo, args);
    let past = |name: &str, text: &str| {
        repo.write(name, text);
        repo.git(&["add", "--", name]);
        repo.git(&["commit", "--quiet", "--no-verify", "-m", "past"]);
    };
    const PUSH: &[&str] = &["push", "--quiet", "origin", "HEAD"];
    repo.try_git(PUSH).code(0);
    repo.try_git(PUSH).code(0);
    // One that the remote does not have from an earlier call.
    let key = leak(100 + repo.git(&["rev-list", "--count", "HEAD"]).parse::<u64>().unwrap());
    past("leak", &key);
    past("leak", "gone\n");
    stopped(PUSH);
    stopped(&["push", "--quiet", "origin", "HEAD:refs/heads/new"]);
    repo.dir.repo_with("empty.git", &["--bare"]);
    stopped(&["push", "--quiet", &repo.dir.text("empty.git"), "HEAD:refs/heads/main"]);
    // What is pushed need not be what is checked out, and may be gone again.
    repo.git(&["rm", "--quiet", "leak"]);
    repo.git(&["commit", "--quiet", "--no-verify", "-m", "past"]);
    stopped(PUSH);
    repo.git(&["branch", "--force", "other"]);
    repo.git(&["reset", "--quiet", "--hard", "origin/main"]);
    stopped(&["push", "--quiet", "origin", "other"]);
    repo.git(&["reset", "--quiet", "--hard", "other"]);
    repo.git(&["push", "--quiet", "--no-verify", "origin", "HEAD"]);
    past("leak", "more\n");
    repo.try_git(PUSH).code(0);
    repo.try_git(&["push", "--quiet", "origin", "HEAD:refs/heads/new"]).code(0);
    repo.try_git(&["push", "--quiet", "origin", "--delete", "new"]).code(0);
}

/// A tag with a key in its message, on a commit that the remote has, and one without.
fn tags(repo: &Repo<'_>) {
    repo.git(&["tag", "-a", "v9", "-m", &format!("key {}", runra(6))]);
    stopped(repo, &["push", "--quiet", "origin", "v9"]);
    repo.git(&["tag", "-a", "v10", "-m", "no key"]);
    repo.try_git(&["push", "--quiet", "origin", "v10"]).code(0);
    repo.git(&["tag", "--delete", "v9"]);
}

#[track_caller]
fn stopped(repo: &Repo<'_>, args: &[&str]) {
    let ran = repo.try_git(args);
    let said = ran.stdout() + &ran.stderr();
    assert!(!ran.output.status.success() && said.contains("Runra"), "not blocked by a finding{ran}");
    ran.no_panic();
}

/// What a stage is there for: with a key, and without.
fn judged(repo: &Repo<'_>, stage: &str) {
    match stage {
        "pre-commit" => {
            repo.write("c", leak(7));
            repo.git(&["add", "c"]);
            blocks(repo, COMMIT);
            repo.write("c", format!("clean {}\n", repo.head()));
            repo.git(&["add", "c"]);
            passes(repo, COMMIT);
        }
        "commit-msg" => messages(repo),
        _ => pushes(repo),
    }
}
