//! Messages, pushes and servers.

use std::fs;

use crate::hooked::commit_past;
use crate::util::{Dir, Ran, Repo, leak, runra};

pub const PUSH: &[&str] = &["push", "--quiet", "origin", "HEAD"];

/// A clone with a hook for a stage, and its remote.
pub fn cloned<'d>(dir: &'d Dir, stage: &str) -> Repo<'d> {
    cloned_with(dir, stage, &[])
}

fn cloned_with<'d>(dir: &'d Dir, stage: &str, options: &[&str]) -> Repo<'d> {
    let remote = dir.repo_with("remote.git", &[&["--bare"], options].concat());
    let repo = dir.repo_with("repo", options);
    repo.git(&["remote", "add", "origin", &dir.text("remote.git")]);
    repo.commit_file("a", "hello\n");
    repo.git(&["push", "--quiet", "--set-upstream", "origin", "main"]);
    let place = if stage == "pre-push" || stage == "commit-msg" { &repo } else { &remote };
    place.keysieve(&["hook", "install", "--stage", stage]).code(0).says(&["installed"]);
    repo
}

/// Commits without hooks.
pub fn past(repo: &Repo<'_>, name: &str, text: &str) -> String {
    repo.later();
    commit_past(repo, name, text);
    repo.head()
}

#[track_caller]
pub fn blocked(repo: &Repo<'_>, args: &[&str]) -> Ran {
    let ran = repo.try_git(args);
    let said = ran.stdout() + &ran.stderr();
    assert!(!ran.output.status.success() && said.contains("Runra"), "not blocked by a finding{ran}");
    ran.no_panic();
    ran
}

#[track_caller]
pub fn passed(repo: &Repo<'_>, args: &[&str]) -> Ran {
    let ran = repo.try_git(args);
    ran.code(0).no_panic();
    ran
}

#[test]
fn a_commit_message() {
    let dir = Dir::new();
    let repo = cloned(&dir, "commit-msg");
    let commit = |message: &str| repo.try_git(&["commit", "--quiet", "--allow-empty", "-m", message]);
    let ran = commit(&format!("use {}", runra(1)));
    ran.code(1).hides(&[&runra(1)]);
    let said = ran.stdout() + &ran.stderr();
    for word in ["in the commit message", "take it out: git commit --edit --file", "KEYSIEVE_SKIP=1 git commit"] {
        assert!(said.contains(word), "{word}{ran}");
    }
    commit("use the key").code(0);
    // What is advised finds the message that git kept.
    commit(&format!("use {}", runra(2))).code(1);
    let kept = repo.git(&["rev-parse", "--git-path", "COMMIT_EDITMSG"]);
    assert!(fs::read_to_string(repo.path(kept)).unwrap().contains(&runra(2)));
    // With -m, git keeps lines that look like comments.
    commit(&format!("x\n\n# {}", runra(3))).code(1);
}

#[test]
fn what_git_drops_from_a_message_does_not_block() {
    let dir = Dir::new();
    let repo = cloned(&dir, "commit-msg");
    commit_past(&repo, "b", &leak(1));
    let edited = |editor: &str, args: &[&str]| {
        repo.write("a", format!("{editor}{args:?}"));
        repo.git(&["add", "a"]);
        let mut git = repo.command("git");
        Ran::of(git.args(["-c", &format!("core.editor={editor}")]).args(args))
    };
    let add = |line: &str| format!("printf '%s\\n' '{line}' >>");
    let key = runra(2);
    edited(&add(&format!("# {key}")), &["commit", "--quiet", "-e", "-m", "x"]).code(0);
    edited(&add(&key), &["commit", "--quiet", "-e", "-m", "x"]).code(1);
    edited(&add(&format!("; {key}")), &["-c", "core.commentChar=;", "commit", "--quiet", "-e", "-m", "x"]).code(0);
    edited(&add(&format!("# {key}")), &["-c", "core.commentChar=;", "commit", "--quiet", "-e", "-m", "x"]).code(1);
    edited(&add(&format!("# {key}")), &["-c", "commit.cleanup=whitespace", "commit", "--quiet", "-e", "-m", "x"])
        .code(1);
    // The diff of --verbose, with an old secret in it that goes.
    repo.remove("b");
    repo.add();
    edited("true", &["commit", "--quiet", "--verbose", "-e", "-m", "x"]).code(0);
}

#[test]
fn a_push_of_new_commits_only() {
    let dir = Dir::new();
    let repo = cloned(&dir, "pre-push");
    passed(&repo, PUSH);
    let leaked = past(&repo, "b", &leak(1));
    repo.commit_file("b", "gone\n");
    let ran = blocked(&repo, PUSH);
    let said = ran.stdout() + &ran.stderr();
    let short = &leaked[..10];
    for word in [
        "b:1:15",
        "Nothing was pushed",
        &format!("rebase -i {short}~1"),
        "git add :/b && git commit --amend",
        "KEYSIEVE_SKIP=1 git push",
        "git filter-repo",
    ] {
        assert!(said.contains(word), "{word:?}{ran}");
    }
    ran.hides(&[&runra(1)]);
    // Pushed all the same, it is no longer of this push.
    passed(&repo, &["push", "--quiet", "--no-verify", "origin", "HEAD"]);
    repo.commit_file("c", "clean\n");
    passed(&repo, PUSH);
}

/// The steps of the message, as they stand there.
/// Without a PATH there is no `cat`, and a push must not pass for one of nothing.
#[test]
fn a_push_of_a_client_without_a_path() {
    let dir = Dir::new();
    let repo = cloned(&dir, "pre-push");
    let git =
        std::env::split_paths(&std::env::var_os("PATH").unwrap()).map(|dir| dir.join("git")).find(|git| git.exists());
    let push = || Ran::of(repo.command(git.as_ref().unwrap().to_str().unwrap()).env("PATH", "").args(PUSH));
    past(&repo, "b", &leak(1));
    let ran = push();
    assert!(!ran.output.status.success() && (ran.stdout() + &ran.stderr()).contains("skip once:"), "{ran}");
    repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    past(&repo, "b", "clean\n");
    push().code(0);
}

#[test]
fn new_branches_forced_ones_deletions_and_several() {
    let dir = Dir::new();
    let repo = cloned(&dir, "pre-push");
    repo.git(&["switch", "--quiet", "-c", "new"]);
    past(&repo, "b", &leak(1));
    blocked(&repo, PUSH);
    blocked(&repo, &["push", "--quiet", "--force", "origin", "new:main"]);
    blocked(&repo, &["push", "--quiet", "origin", "main:clean", "new:dirty"]);
    passed(&repo, &["push", "--quiet", "origin", "main:clean", "main:other"]);
    passed(&repo, &["push", "--quiet", "origin", "--delete", "clean"]);
    // A history written anew: only what the remote lacks.
    repo.git(&["switch", "--quiet", "main"]);
    repo.commit_file("a", "more\n");
    passed(&repo, PUSH);
    repo.git(&["commit", "--quiet", "--amend", "-m", "again"]);
    passed(&repo, &["push", "--quiet", "--force", "origin", "main"]);
    repo.stage("a", leak(2));
    repo.git(&["commit", "--quiet", "--no-verify", "--amend", "-m", "and again"]);
    blocked(&repo, &["push", "--quiet", "--force-with-lease", "origin", "main"]);
}

#[test]
fn tags() {
    let dir = Dir::new();
    let repo = cloned(&dir, "pre-push");
    repo.git(&["tag", "-a", "v1", "-m", &format!("key {}", runra(1))]);
    let ran = blocked(&repo, &["push", "--quiet", "origin", "v1"]);
    assert!((ran.stdout() + &ran.stderr()).contains("git tag -a -f v1 'v1^{}'"), "{ran}");
    repo.git(&["tag", "-a", "v2", "-m", "clean"]);
    repo.git(&["tag", "light"]);
    passed(&repo, &["push", "--quiet", "origin", "v2", "light"]);
    // On a commit of no branch.
    past(&repo, "b", &leak(2));
    repo.git(&["tag", "v3"]);
    repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    blocked(&repo, &["push", "--quiet", "origin", "v3"]);
    // On a blob, and on a tree.
    let blob = repo.object("blob", leak(3).as_bytes());
    repo.git(&["tag", "blob", &blob]);
    blocked(&repo, &["push", "--quiet", "origin", "blob"]);
    let tree = repo.git_fed(&["mktree"], format!("100644 blob {blob}\tfile\n").as_bytes());
    repo.git(&["tag", "tree", &tree]);
    blocked(&repo, &["push", "--quiet", "origin", "tree"]);
}

#[test]
fn remote_tracking_refs_that_are_stale_or_missing() {
    let dir = Dir::new();
    let repo = cloned(&dir, "pre-push");
    // Missing: what the remote says of its branch counts.
    past(&repo, "b", &leak(1));
    repo.git(&["push", "--quiet", "--no-verify", "origin", "HEAD"]);
    repo.commit_file("c", "clean\n");
    repo.git(&["update-ref", "-d", "refs/remotes/origin/main"]);
    passed(&repo, PUSH);
    // By address, with no remote of that address but the same branch.
    let elsewhere = dir.repo_with("elsewhere.git", &["--bare"]);
    let url = elsewhere.path("").display().to_string();
    blocked(&repo, &["push", "--quiet", &url, "HEAD:refs/heads/main"]);
    passed(&repo, &["push", "--quiet", &dir.text("remote.git"), "HEAD:refs/heads/main"]);
    // Stale: somebody has deleted the branch on the remote, so all of it is sent anew.
    repo.git(&["fetch", "--quiet", "origin"]);
    dir.existing("remote.git").git(&["update-ref", "-d", "refs/heads/main"]);
    blocked(&repo, PUSH);
    // Behind: the remote has commits that we do not know.
    repo.git(&["push", "--quiet", "--no-verify", "origin", "HEAD"]);
    let other = dir.path("other");
    repo.git(&["clone", "--quiet", &dir.text("remote.git"), &other.display().to_string()]);
    let other = dir.existing("other");
    other.commit_file("d", "theirs\n");
    other.git(&["push", "--quiet", "origin", "HEAD"]);
    repo.commit_file("c", "ours\n");
    passed(&repo, &["push", "--quiet", "--force", "origin", "main"]);
}

#[test]
fn pushes_from_sha256_repositories() {
    let dir = Dir::new();
    let repo = cloned_with(&dir, "pre-push", &["--object-format=sha256"]);
    repo.commit_file("a", "clean\n");
    passed(&repo, PUSH);
    past(&repo, "b", &leak(1));
    blocked(&repo, PUSH);
}

#[test]
fn an_earlier_hook_reads_the_same_lines() {
    let dir = Dir::new();
    let repo = cloned(&dir, "pre-push");
    repo.keysieve(&["hook", "uninstall", "--stage", "pre-push"]).code(0);
    let script = "#!/bin/sh\ncat >.git/seen\nprintf '%s %s' \"$1\" \"$2\" >.git/args\n";
    crate::util::chmod(&repo.write(".git/hooks/pre-push", script), 0o755);
    repo.keysieve(&["hook", "install", "--stage", "pre-push"]).code(0).says(&["runs first"]);
    past(&repo, "b", &leak(1));
    blocked(&repo, PUSH);
    let seen = fs::read_to_string(repo.path(".git/seen")).unwrap();
    assert!(seen.ends_with('\n') && seen.contains(&repo.head()) && seen.contains("refs/heads/main"), "{seen:?}");
    assert_eq!(fs::read_to_string(repo.path(".git/args")).unwrap(), format!("origin {}", dir.text("remote.git")));
    // Its refusal is final.
    repo.write(".git/hooks/pre-push.before-keysieve", "#!/bin/sh\nexit 3\n");
    repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    repo.commit_file("c", "clean\n");
    let ran = repo.try_git(PUSH);
    assert!(!ran.output.status.success() && !ran.stderr().contains("Runra"), "{ran}");
}

#[test]
fn a_server_looks_into_the_quarantine() {
    for options in [&[][..], &["--object-format=sha256"]] {
        let dir = Dir::new();
        let repo = cloned_with(&dir, "pre-receive", options);
        let server = dir.existing("remote.git");
        let before = server.git(&["rev-parse", "main"]);
        repo.commit_file("a", "clean\n");
        passed(&repo, PUSH);
        let leaked = past(&repo, "b", &leak(1));
        repo.commit_file("b", "gone\n");
        let ran = blocked(&repo, PUSH);
        ran.hides(&[&runra(1)]);
        let said = ran.stderr();
        for word in ["remote:   b:1:15", "Rejected, so it was not stored", &leaked[..10], "git rebase --continue"] {
            assert!(said.contains(word), "{word:?}{ran}");
        }
        let ours = said.lines().filter(|line| line.starts_with("remote: ") && !line.contains("git "));
        let long = ours.filter(|line| line.trim_end().chars().count() > 80).count();
        assert_eq!(long, 0, "too wide{ran}");
        assert!(!said.contains('\u{1b}') && !said.contains("KEYSIEVE_SKIP"), "{ran}");
        assert_ne!(server.git(&["rev-parse", "main"]), before);
        assert!(!server.try_git(&["cat-file", "-e", &leaked]).output.status.success(), "the quarantine was kept");
        // Several refs, one of them dirty; a deletion; a ref to what is there already.
        repo.git(&["branch", "clean", "HEAD~2"]);
        blocked(&repo, &["push", "--quiet", "origin", "clean", "main"]);
        passed(&repo, &["push", "--quiet", "origin", "clean"]);
        passed(&repo, &["push", "--quiet", "origin", "--delete", "clean"]);
        passed(&repo, &["push", "--quiet", "origin", "HEAD~2:refs/heads/again"]);
    }
}

#[test]
fn update_judges_each_ref() {
    let dir = Dir::new();
    let repo = cloned(&dir, "update");
    past(&repo, "b", &leak(1));
    repo.git(&["branch", "clean", "HEAD~1"]);
    repo.git(&["switch", "--quiet", "clean"]);
    repo.commit_file("c", "clean\n");
    let ran = blocked(&repo, &["push", "--quiet", "origin", "clean", "main"]);
    let server = dir.existing("remote.git");
    assert_eq!(server.git(&["rev-parse", "clean"]), repo.head(), "{ran}");
    assert_ne!(server.git(&["rev-parse", "main"]), repo.git(&["rev-parse", "main"]), "{ran}");
}

/// Who pushes has no say: neither a configuration, nor a marker, nor a variable.
#[test]
fn the_policy_of_a_server_is_its_own() {
    let dir = Dir::new();
    let repo = cloned(&dir, "pre-receive");
    let server = dir.existing("remote.git");
    repo.commit_file(".keysieve.yaml", "skip: [b, c]\nhook:\n  on-error: warn\n");
    passed(&repo, PUSH);
    past(&repo, "b", &format!("{} # keysieve:allow=runra-api-key fine\n", leak(1).trim_end()));
    blocked(&repo, PUSH);
    let mut push = repo.command("git");
    let ran = Ran::of(push.env("KEYSIEVE_SKIP", "1").env("SKIP", "keysieve").args(PUSH));
    assert!(!ran.output.status.success(), "{ran}");
    let mut push = repo.command("git");
    let config = dir.write("pushers.yaml", "skip: [b]\n");
    let ran = Ran::of(push.env("KEYSIEVE_CONFIG", config).args(PUSH));
    assert!(!ran.output.status.success(), "{ran}");
    // The server's own.
    let trusted = dir.write("server.yaml", "hook:\n  inline-allows: true\n");
    let install =
        |config: &str| server.keysieve(&["hook", "install", "--stage", "pre-receive", "--trusted-config", config]);
    install(&trusted.display().to_string()).code(0).says(&["updated"]);
    passed(&repo, PUSH);
    past(&repo, "c", &leak(2));
    blocked(&repo, PUSH);
    dir.write("server.yaml", "skip: [c]\n");
    passed(&repo, PUSH);
    // One that cannot be read: closed. One that says `warn`: open, and it is said.
    repo.commit_file("d", "clean\n");
    dir.write("server.yaml", "skipp: [c]\n");
    let ran = repo.try_git(PUSH);
    assert!(!ran.output.status.success() && ran.stderr().contains("server.yaml:1:1"), "{ran}");
    assert!(ran.stderr().contains("this push is rejected"), "{ran}");
    install(&dir.text("nowhere.yaml")).code(2);
    repo.keysieve(&["hook", "install", "--trusted-config", &trusted.display().to_string()]).code(2);
}

#[test]
fn out_of_time_is_no_all_clear() {
    let dir = Dir::new();
    let repo = cloned(&dir, "pre-receive");
    let server = dir.existing("remote.git");
    let install = ["hook", "install", "--stage", "pre-receive", "--time-budget", "0ms"];
    server.keysieve(&install).code(0);
    server.keysieve(&install).code(0).says(&["already installed"]);
    repo.commit_file("a", "clean\n");
    let ran = repo.try_git(PUSH);
    assert!(!ran.output.status.success(), "{ran}");
    assert!(ran.stderr().contains("out-of-time") && ran.stderr().contains("this push is rejected"), "{ran}");
    let config = dir.write("server.yaml", "hook:\n  on-error: warn\n");
    server.keysieve(&[&install[..], &["--trusted-config", &config.display().to_string()]].concat()).code(0);
    let ran = passed(&repo, PUSH);
    assert!(ran.stderr().contains("warning: not everything could be scanned"), "{ran}");
    server.keysieve(&["hook", "install", "--stage", "pre-receive", "--time-budget", "soon"]).code(2);
    // A scan, too.
    let report = repo.json(&["scan", "--range", "HEAD~1..HEAD", "--time-budget", "0"]);
    report.code(3).complete(false);
    assert_eq!(report.left_out("out-of-time"), 1);
    repo.json(&["scan", "--range", "HEAD~1..HEAD", "--time-budget", "1m"]).clean();
}

#[test]
fn thousands_of_refs() {
    let dir = Dir::new();
    let repo = cloned(&dir, "pre-receive");
    let server = dir.existing("remote.git");
    let head = repo.head();
    let refs: String = (0..5000).map(|n| format!("create refs/heads/many/{n} {head}\n")).collect();
    server.git_fed(&["update-ref", "--stdin"], refs.as_bytes());
    server.git(&["pack-refs", "--all"]);
    let refs: String = (0..3000).map(|n| format!("create refs/heads/mine/{n} {head}\n")).collect();
    repo.git_fed(&["update-ref", "--stdin"], refs.as_bytes());
    passed(&repo, &["push", "--quiet", "origin", "refs/heads/mine/*:refs/heads/mine/*"]);
    past(&repo, "b", &leak(1));
    repo.git(&["branch", "-f", "mine/2999"]);
    blocked(&repo, &["push", "--quiet", "origin", "refs/heads/mine/*:refs/heads/mine/*"]);
}

/// Another object store behind the server's, as forks have.
#[test]
fn alternates_of_a_server() {
    let dir = Dir::new();
    let repo = cloned(&dir, "pre-receive");
    repo.git(&["clone", "--quiet", "--bare", "--shared", &dir.text("remote.git"), &dir.text("fork.git")]);
    let fork = dir.existing("fork.git");
    fork.keysieve(&["hook", "install", "--stage", "pre-receive"]).code(0);
    repo.git(&["remote", "add", "fork", &dir.text("fork.git")]);
    repo.commit_file("a", "clean\n");
    passed(&repo, &["push", "--quiet", "fork", "main"]);
    past(&repo, "b", &leak(1));
    blocked(&repo, &["push", "--quiet", "fork", "main"]);
}

/// A hook that is told of every change of refs hears of git's own only, and of none for what is refused.
#[test]
fn no_ref_changes_but_by_git() {
    let dir = Dir::new();
    let repo = cloned(&dir, "pre-receive");
    let server = dir.existing("remote.git");
    let heard = |at: &Repo<'_>| fs::read_to_string(at.path("heard")).unwrap_or_default();
    for (at, hooks) in [(&server, "hooks"), (&repo, ".git/hooks")] {
        let log = at.path("heard").display().to_string();
        let script = format!("#!/bin/sh\n[ \"$1\" != committed ] || cat >>'{log}'\n");
        crate::util::chmod(&at.write(format!("{hooks}/reference-transaction"), script), 0o755);
    }
    past(&repo, "b", &leak(1));
    repo.git(&["branch", "clean", "HEAD~1"]);
    let (local, refs) = (heard(&repo), server.git(&["for-each-ref"]));
    blocked(&repo, &["push", "--quiet", "--atomic", "origin", "clean", "main"]);
    blocked(&repo, &["push", "--quiet", "origin", "clean", "main"]);
    assert_eq!((heard(&server).as_str(), server.git(&["for-each-ref"])), ("", refs));
    passed(&repo, &["push", "--quiet", "origin", "clean"]);
    let line = format!("{} {} refs/heads/clean\n", "0".repeat(40), repo.git(&["rev-parse", "clean"]));
    assert_eq!(heard(&server), line);
    // Nor does a scan of what is staged, of a range or of everything change one.
    let before = heard(&repo);
    assert!(before.starts_with(&local) && before.contains("refs/remotes/origin/clean"), "{before}");
    repo.stage("c", leak(2));
    repo.staged().code(1);
    repo.json(&["scan", "--range", "HEAD~1..HEAD"]).code(1);
    repo.history().code(1);
    repo.keysieve(&["hook", "install"]).code(0);
    repo.keysieve(&["hook", "status"]).code(0);
    assert_eq!(heard(&repo), before);
}

/// A server whose keysieve is gone accepts nothing, and a pusher cannot skip that.
#[test]
fn a_server_without_keysieve_is_closed() {
    let dir = Dir::new();
    let repo = cloned(&dir, "pre-receive");
    let server = dir.existing("remote.git");
    let hook = server.path("hooks/pre-receive");
    let sound = fs::read_to_string(&hook).unwrap();
    fs::write(&hook, sound.replace(crate::util::PROGRAM, "/nowhere/keysieve")).unwrap();
    dir.set("PATH", "/usr/bin:/bin");
    repo.commit_file("a", "clean\n");
    let mut push = repo.command("git");
    let ran = Ran::of(push.env("KEYSIEVE_SKIP", "1").args(PUSH));
    assert!(!ran.output.status.success(), "{ran}");
    ran.complains(&["this push is rejected", "administrator", "/nowhere/keysieve"]);
    fs::write(&hook, sound).unwrap();
    passed(&repo, PUSH);
    past(&repo, "b", &leak(1));
    blocked(&repo, PUSH);
}
