//! What stands in a hook's way. It never leaves anything behind, and always says how to go on.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::hooked::{COMMIT, hooked};
use crate::util::{Dir, Ran, Repo, chmod, leak};

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
    // The hook as git calls it: a shell, and keysieve in its place.
    let hook = repo.path(".git/hooks/pre-commit").display().to_string();
    for (turn, signal) in ["INT", "TERM", "KILL"].iter().cycle().take(24).enumerate() {
        let mut scan = repo.command(&hook);
        scan.env("TMPDIR", &temp).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = scan.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(2 * turn as u64));
        let pid = child.id().to_string();
        Command::new("kill").args(["-s", signal, &pid]).stderr(Stdio::null()).status().unwrap();
        killed += usize::from(child.wait().unwrap().code().is_none());
        assert!(all_below(&repo.path(".git")) == before, "SIG{signal} after {turn} turns left something behind");
        assert_eq!(fs::read_dir(&temp).unwrap().count(), 0, "SIG{signal}");
    }
    assert!(killed > 0, "every scan was over before its signal");
    // The same with git around it: Ctrl-C goes to the whole group. git takes its own lock away, keeps
    // the message, and may have written trees and what it knows of the files in the index.
    let of_git = ["/COMMIT_EDITMSG", "/.git/index", "/.git/objects/"];
    let own = |(path, _): &(String, Vec<u8>)| !of_git.iter().any(|part| path.contains(part) && !path.contains(".lock"));
    let kept: Vec<_> = before.iter().filter(|file| own(file)).collect();
    let staged = repo.git(&["ls-files", "--stage"]);
    for (turn, signal) in ["INT", "TERM"].iter().cycle().take(8).enumerate() {
        let mut git = repo.command("git");
        git.args(COMMIT).env("TMPDIR", &temp).process_group(0).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = git.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(5 + 10 * turn as u64));
        let group = format!("-{}", child.id());
        Command::new("kill").args(["-s", signal, "--", &group]).stderr(Stdio::null()).status().unwrap();
        assert!(!child.wait().unwrap().success());
        let now = all_below(&repo.path(".git"));
        let now: Vec<_> = now.iter().filter(|file| own(file)).collect();
        assert!(now == kept, "SIG{signal} after {turn} turns left something behind");
        assert_eq!(repo.git(&["ls-files", "--stage"]), staged);
        assert_eq!(fs::read_dir(&temp).unwrap().count(), 0, "SIG{signal}");
    }
    repo.try_git(COMMIT).code(1);
    repo.git(&["rm", "--quiet", "--force", "leak.env"]);
    repo.try_git(COMMIT).code(0);
}

/// A scan reads only: neither the index nor anything else is written, and no lock is taken.
#[test]
fn a_read_only_checkout_and_a_held_lock() {
    let dir = Dir::new();
    let repo = hooked(&dir, "repo");
    repo.stage("a", leak(1));
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
    repo.stage("a", leak(1));
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
    repo.stage("a", "clean\n");
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
    repo.stage("a", leak(1));
    hook(&repo).code(1);
}

#[test]
fn an_object_that_cannot_be_read() {
    let dir = Dir::new();
    let repo = hooked(&dir, "repo");
    repo.stage("a", "clean\n");
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
    repo.stage(".keysieve.yaml", "hook:\n  on-error: ignore\n");
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
    repo.stage("a", "clean\n");
    repo.try_git(COMMIT).code(1).complains(&[
        "/nowhere/keysieve",
        "keysieve hook install",
        "KEYSIEVE_SKIP=1 git commit",
    ]);
    repo.write(".keysieve.yaml", "hook:\n  on-error: warn\n");
    repo.try_git(COMMIT).code(0).complains(&["warning: nothing was scanned"]);
}

/// As in containers, where the checkout is somebody else's. git refuses such a repository unless told to trust it, since it
/// runs what the configuration there names; keysieve runs nothing of it, and scans it.
#[test]
fn a_repository_of_somebody_else() {
    let dir = Dir::new();
    let repo = hooked(&dir, "repo");
    let own = Command::new("chown").args(["-R", "12345:12345"]).arg(repo.path("")).stderr(Stdio::null()).status();
    if !own.unwrap().success() {
        println!("only root can give a repository away");
        return;
    }
    let trusting = dir.write("trusting", "[safe]\n\tdirectory = *\n").display().to_string();
    let ways: [(&str, &[&str]); 2] = [(&trusting, &[]), ("/dev/null", &["-c", "safe.directory=*"])];
    for (n, (config, options)) in ways.into_iter().enumerate() {
        let git =
            |args: &[&str]| Ran::of(repo.command("git").env("GIT_CONFIG_GLOBAL", config).args(options).args(args));
        repo.write("a", leak(1));
        git(&["add", "a"]).code(0);
        let ran = git(COMMIT);
        ran.code(1);
        assert!((ran.stdout() + &ran.stderr()).contains("skip once:"), "{ran}");
        repo.write("a", format!("clean {n}\n"));
        git(&["add", "a"]).code(0);
        git(COMMIT).code(0);
    }
    // Without trust git says what to do, and our hook is not asked. A scan works.
    repo.try_git(COMMIT).code(128).complains(&["safe.directory"]);
    repo.keysieve(&["hook", "install"]).code(2).complains(&["safe.directory"]);
    repo.history().code(0).complete(true);
    repo.json(&["scan", "--range", "HEAD~1..HEAD"]).clean();
    repo.write("a", leak(2));
    let mut add = repo.command("git");
    Ran::of(add.args(["-c", "safe.directory=*", "add", "a"])).code(0);
    repo.staged().code(1).level("staged");
    repo.history().code(1).of(&crate::util::runra(2));
    repo.json(&["scan", "."]).code(1);
}

/// As another user, who may read everything and write nothing.
#[test]
fn a_read_only_checkout_of_somebody_else() {
    let dir = Dir::new();
    let repo = hooked(&dir, "repo");
    let program = dir.path("keysieve");
    fs::copy(crate::util::PROGRAM, &program).unwrap();
    let hook = || {
        let mut hook = repo.command(program.to_str().unwrap());
        hook.args(["hook", "run", "pre-commit"]).uid(65534).gid(65534);
        hook
    };
    if hook().output().is_err() {
        println!("only root can be somebody else");
        return;
    }
    for (text, code) in [(leak(1), 1), ("clean\n".to_owned(), 0)] {
        repo.stage("a", text);
        let before = all_below(&repo.path(""));
        let ran = Ran::of(&mut hook());
        ran.code(code).no_panic();
        assert_eq!(ran.stdout().contains("skip once:"), code == 1, "{ran}");
        assert!(all_below(&repo.path("")) == before);
    }
}

/// Where nothing can be written, hooks stay as they are, and a scan works all the same.
#[test]
fn a_disk_that_takes_nothing() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    let theirs = "#!/bin/sh\nexit 0\n";
    chmod(&repo.write(".git/hooks/pre-commit", theirs), 0o755);
    let full = |args: &[&str]| {
        let mut shell = repo.command("sh");
        shell.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"", crate::util::PROGRAM]).args(args);
        Ran::of(&mut shell)
    };
    let before = all_below(&repo.path(""));
    let ran = full(&["hook", "install"]);
    assert!(!ran.output.status.success(), "{ran}");
    ran.complains(&["cannot write", ".git/hooks/pre-commit"]);
    assert!(all_below(&repo.path("")) == before, "the earlier hook was touched");
    repo.keysieve(&["hook", "install"]).code(0);
    repo.stage("a", leak(1));
    full(&["hook", "run", "pre-commit"]).code(1).says(&["skip once:"]);
    repo.stage("a", "clean\n");
    full(&["hook", "run", "pre-commit"]).code(0);
}

/// A graphical client starts git with next to no environment.
#[test]
fn a_client_without_a_path() {
    let dir = Dir::new();
    let repo = hooked(&dir, "repo");
    let commit = || {
        let mut git = repo.command("git");
        Ran::of(git.env("PATH", "/usr/bin:/bin").env_remove("HOME").args(COMMIT))
    };
    repo.stage("a", leak(1));
    let ran = commit();
    ran.code(1);
    assert!((ran.stdout() + &ran.stderr()).contains("skip once:"), "{ran}");
    repo.stage("a", "clean\n");
    commit().code(0);
}

/// keysieve has moved: the hook takes the one on PATH, `status` says so, and `install` mends it.
#[test]
fn a_program_that_was_moved() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    let (old, new) = (dir.path("old/keysieve"), dir.path("new/keysieve"));
    for folder in ["old", "new"] {
        fs::create_dir(dir.path(folder)).unwrap();
    }
    fs::copy(crate::util::PROGRAM, &old).unwrap();
    Ran::of(repo.command(old.to_str().unwrap()).args(["hook", "install"])).code(0);
    fs::rename(&old, &new).unwrap();
    let attempt = |text: &str, path: &str| {
        repo.stage("a", text);
        Ran::of(repo.command("git").env("PATH", path).args(COMMIT))
    };
    let (with, without) = (format!("{}:/usr/bin:/bin", dir.text("new")), "/usr/bin:/bin");
    attempt(&leak(1), without).code(1).complains(&["nothing could be scanned", "keysieve hook install"]);
    attempt("clean\n", without).code(1).complains(&["nothing could be scanned", "keysieve hook install"]);
    let ran = attempt(&leak(1), &with);
    ran.code(1);
    assert!((ran.stdout() + &ran.stderr()).contains("skip once:"), "{ran}");
    attempt("clean\n", &with).code(0);
    let status = |path: &str| Ran::of(repo.command(new.to_str().unwrap()).env("PATH", path).args(["hook", "status"]));
    status(&with).code(0).says(&["is gone; it runs", "new/keysieve"]);
    status(without).code(1).says(&["it cannot run", "keysieve hook install"]);
    Ran::of(repo.command(new.to_str().unwrap()).args(["hook", "install"])).code(0).says(&["updated"]);
    attempt(&leak(1), without).code(1);
    attempt("clean again\n", without).code(0);
}

/// git's lines about a push have to come by a pipe; `/dev/null` means that a manager kept them.
#[test]
fn a_push_of_which_nothing_is_said() {
    let dir = Dir::new();
    let repo = hooked(&dir, "repo");
    let run = ["hook", "run", "pre-push", "--", "origin", "somewhere"];
    repo.keysieve(&run).code(2).complains(&["use_stdin: true", "this push is blocked", "KEYSIEVE_SKIP=1 git push"]);
    // git has nothing to say when nothing is pushed.
    Ran::fed(repo.command(crate::util::PROGRAM).args(run), b"").code(0);
}
