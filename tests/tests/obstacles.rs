//! What stands in a hook's way. It never leaves anything behind, and always says how to go on.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::hooked::{hooked, leak};
use crate::util::{Dir, Ran, Repo, chmod};

const COMMIT: &[&str] = &["commit", "--quiet", "-m", "x"];

/// Every file below a folder, with its content.
fn all_below(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut rest = vec![root.to_owned()];
    while let Some(dir) = rest.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => rest.push(path),
                false => all.push((path.display().to_string(), fs::read(&path).unwrap())),
            }
        }
    }
    all.sort();
    all
}

/// A repository with so much staged that a scan takes a while.
fn busy(dir: &Dir) -> Repo<'_> {
    let repo = hooked(dir, "repo");
    for n in 0..60 {
        repo.write(format!("file{n}"), format!("{n} key token secret password api\n").repeat(20_000));
    }
    repo.write("leak.env", leak(1));
    repo.add();
    repo
}

#[test]
fn signals_leave_nothing_behind() {
    let dir = Dir::new();
    let repo = busy(&dir);
    let temp = dir.path("temp");
    fs::create_dir(&temp).unwrap();
    let before = all_below(&repo.path(".git"));
    let mut killed = 0;
    for (turn, signal) in ["INT", "TERM", "KILL"].iter().cycle().take(12).enumerate() {
        let mut scan = repo.command(crate::util::PROGRAM);
        scan.args(["hook", "run", "pre-commit"]).env("TMPDIR", &temp).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = scan.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(3 * turn as u64));
        let pid = child.id().to_string();
        Command::new("kill").args(["-s", signal, &pid]).stderr(Stdio::null()).status().unwrap();
        killed += usize::from(child.wait().unwrap().code().is_none());
        assert!(all_below(&repo.path(".git")) == before, "SIG{signal} after {turn} turns left something behind");
        assert_eq!(fs::read_dir(&temp).unwrap().count(), 0, "SIG{signal}");
    }
    assert!(killed > 0, "every scan was over before its signal");
    // The same with git around it: Ctrl-C goes to the whole group. git takes its own lock away.
    let mut git = repo.command("git");
    let mut child = git.args(COMMIT).process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(30));
    Command::new("kill").args(["-s", "INT", "--", &format!("-{}", child.id())]).stderr(Stdio::null()).status().unwrap();
    assert!(!child.wait().unwrap().success());
    assert!(!repo.path(".git/index.lock").exists());
    repo.try_git(COMMIT).code(1);
    repo.git(&["rm", "--quiet", "--force", "leak.env"]);
    repo.try_git(COMMIT).code(0);
}

/// A scan reads only: neither the index nor anything else is written, and no lock is taken.
#[test]
fn a_read_only_checkout_and_a_held_lock() {
    let dir = Dir::new();
    let repo = hooked(&dir, "repo");
    repo.write("a", leak(1));
    repo.add();
    fs::write(repo.path(".git/index.lock"), "").unwrap();
    let before = all_below(&repo.path(""));
    for folder in [".git", ""] {
        chmod(&repo.path(folder), 0o555);
    }
    repo.staged().code(1);
    for folder in ["", ".git"] {
        chmod(&repo.path(folder), 0o755);
    }
    assert!(all_below(&repo.path("")) == before);
}

/// Where the report cannot be written, the commit must not pass.
#[test]
fn a_full_disk() {
    let dir = Dir::new();
    let repo = hooked(&dir, "repo");
    repo.write("a", leak(1));
    repo.add();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut scan = repo.command(crate::util::PROGRAM);
    let ran = Ran::of(scan.args(["hook", "run", "pre-commit"]).stdout(full));
    assert!(!ran.output.status.success(), "{ran}");
    ran.complains(&["cannot write standard output", "KEYSIEVE_SKIP=1 git commit"]);
}

#[test]
fn a_damaged_index() {
    let dir = Dir::new();
    let repo = hooked(&dir, "repo");
    repo.write("a", "clean\n");
    repo.add();
    let sound = fs::read(repo.path(".git/index")).unwrap();
    fs::write(repo.path(".git/index"), &sound[..sound.len() / 2]).unwrap();
    let hook = |repo: &Repo<'_>| repo.keysieve(&["hook", "run", "pre-commit"]);
    let ran = hook(&repo);
    assert!(!ran.output.status.success(), "{ran}");
    ran.complains(&[".git/index", "git status", "this commit is blocked", "KEYSIEVE_SKIP=1 git commit"]);
    repo.write(".keysieve.yaml", "hook:\n  on-error: warn\n");
    hook(&repo).code(0).complains(&["warning: nothing could be scanned", "on-error: warn"]);
    // Once it is sound again, findings block as ever.
    fs::write(repo.path(".git/index"), sound).unwrap();
    repo.write("a", leak(1));
    repo.add();
    hook(&repo).code(1);
}

#[test]
fn an_object_that_cannot_be_read() {
    let dir = Dir::new();
    let repo = hooked(&dir, "repo");
    repo.write("a", "clean\n");
    repo.add();
    let loose = repo.loose(&repo.git(&["rev-parse", ":a"]));
    chmod(&loose, 0o644);
    fs::write(&loose, "damaged").unwrap();
    let ran = repo.keysieve(&["hook", "run", "pre-commit"]);
    ran.code(3).says(&["INCOMPLETE", "a (object"]).complains(&["not everything could be scanned", "KEYSIEVE_SKIP=1"]);
    repo.write(".keysieve.yaml", "hook:\n  on-error: warn\n");
    repo.keysieve(&["hook", "run", "pre-commit"]).code(0).complains(&["warning: not everything could be scanned"]);
}

#[test]
fn settings_for_errors_are_checked() {
    let dir = Dir::new();
    let repo = hooked(&dir, "repo");
    repo.write(".keysieve.yaml", "hook:\n  on-error: ignore\n");
    repo.add();
    repo.try_git(COMMIT).code(1).complains(&[".keysieve.yaml:2:13", "`block` or `warn`", "KEYSIEVE_SKIP=1"]);
}

/// keysieve is gone: the hook itself has to say what to do.
#[test]
fn a_program_that_is_gone() {
    let dir = Dir::new();
    let repo = hooked(&dir, "repo");
    let hook = repo.path(".git/hooks/pre-commit");
    let text = fs::read_to_string(&hook).unwrap().replace(crate::util::PROGRAM, "/nowhere/keysieve");
    fs::write(&hook, text).unwrap();
    dir.set("PATH", "/usr/local/bin:/usr/bin:/bin");
    repo.write("a", "clean\n");
    repo.add();
    repo.try_git(COMMIT).code(1).complains(&[
        "/nowhere/keysieve",
        "keysieve hook install",
        "KEYSIEVE_SKIP=1 git commit",
    ]);
    repo.write(".keysieve.yaml", "hook:\n  on-error: warn\n");
    repo.try_git(COMMIT).code(0).complains(&["warning: nothing was scanned"]);
}

#[test]
fn a_repository_of_somebody_else() {
    let dir = Dir::new();
    let repo = hooked(&dir, "repo");
    repo.write("a", leak(1));
    repo.add();
    let other = Command::new("chown").args(["-R", "12345:12345"]).arg(repo.path("")).stderr(Stdio::null()).status();
    if !other.unwrap().success() {
        println!("only root can give a repository away");
        return;
    }
    // git itself refuses the commit; a scan blocks, or says which command makes the repository trusted.
    let ran = repo.keysieve(&["scan", "--staged"]);
    assert!(!ran.output.status.success(), "{ran}");
    let said = ran.stdout() + &ran.stderr();
    assert!(said.contains("safe.directory") || said.contains("settings") || said.contains("take it out"), "{ran}");
    ran.no_panic();
}
