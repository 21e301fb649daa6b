//! Every way of git to keep objects and refs, with a secret in it that must be found, and moving objects.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::util::{Dir, Ran, Repo, leak, runra, spots, started, text};

/// The files of all packs with an extension.
fn packs(repo: &Repo<'_>, extension: &str) -> Vec<PathBuf> {
    let folder = if repo.path(".git").is_dir() { repo.path(".git/objects/pack") } else { repo.path("objects/pack") };
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|found| found == extension)).collect()
}

fn large(seed: usize) -> String {
    (0..300).map(|n| format!("{} line {n} of {seed}\n", n * 7919 % (seed + 1000))).collect()
}

#[test]
fn several_packs_and_a_multi_pack_index() {
    let dir = Dir::new();
    let repo = started(&dir);
    for seed in 1..=3 {
        repo.commit_file("a", format!("{}{}", large(1), leak(seed)));
        repo.git(&["repack", "-dq"]);
    }
    repo.commit_file("a", "loose\n");
    assert_eq!(packs(&repo, "pack").len(), 3);
    repo.git(&["multi-pack-index", "write", "--bitmap"]);
    let report = repo.history();
    assert_eq!(report.code(1).complete(true).findings().len(), 3, "{}", report.ran);
    // git itself cannot read a pack whose index is gone, whatever the multi-pack-index says. Nor is it passed over.
    for index in packs(&repo, "idx") {
        fs::remove_file(index).unwrap();
    }
    let report = repo.history();
    report.complete(false).code(3);
    let told = report.gap("missing")["examples"].to_string();
    assert!(told.contains("its index is missing") && told.contains("git index-pack"), "{told}");
    for pack in packs(&repo, "pack") {
        repo.git(&["index-pack", pack.to_str().unwrap()]);
    }
    assert_eq!(repo.history().code(1).complete(true).findings().len(), 3);
    // A multi-pack-index that is damaged is not what we read.
    let index = repo.path(".git/objects/pack/multi-pack-index");
    fs::remove_file(&index).unwrap();
    fs::write(&index, "nonsense").unwrap();
    assert_eq!(repo.history().code(1).complete(true).findings().len(), 3);
}

/// A push sends deltas against what the server has; the server appends those bases to the pack.
#[test]
fn thin_packs_that_were_completed() {
    let dir = Dir::new();
    let server = dir.repo_with("server.git", &["--bare"]);
    server.git(&["config", "receive.unpackLimit", "1"]);
    let repo = started(&dir);
    repo.commit_file("a", large(1));
    repo.git(&["push", "--quiet", &dir.text("server.git"), "main"]);
    repo.commit_file("a", format!("{}{}", large(1), leak(1)));
    repo.git(&["push", "--quiet", "--thin", &dir.text("server.git"), "main"]);
    assert_eq!(packs(&server, "pack").len(), 2);
    let report = dir.json(&["scan", "--history", "server.git"]);
    report.code(1).complete(true).level("pushed");
    // The base that was appended is in both packs, and read once.
    assert_eq!(report.read("blobs"), 3);
}

#[test]
fn cruft_packs() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.commit_file("a", leak(1));
    repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    repo.forget();
    repo.remove(".git/ORIG_HEAD");
    repo.git(&["repack", "--cruft", "-dq"]);
    assert_eq!(packs(&repo, "mtimes").len(), 1, "this git makes no cruft packs");
    repo.history().code(1).complete(true).level("unreachable");
}

#[test]
fn commit_graphs_sound_stale_and_damaged() {
    let dir = Dir::new();
    let repo = started(&dir);
    let first = repo.commit_file("a", leak(1));
    repo.git(&["branch", "side"]);
    repo.git(&["commit-graph", "write", "--reachable"]);
    let check = |what: &str| {
        let report = repo.history();
        assert_eq!(text(&report.code(1).complete(true).of(&runra(1))["exposure"]["commit"]), first, "{what}");
        let range = repo.json(&["scan", "--range", "HEAD~1..HEAD"]);
        range.complete(true).ran.no_panic();
    };
    check("sound");
    repo.commit_file("a", leak(2));
    check("behind");
    let graph = repo.path(".git/objects/info/commit-graph");
    let sound = fs::read(&graph).unwrap();
    for at in [0, 5, 40, sound.len() / 2, sound.len() - 10] {
        let mut bad = sound.clone();
        bad[at] ^= 0xff;
        fs::remove_file(&graph).unwrap();
        fs::write(&graph, &bad).unwrap();
        check("damaged");
    }
    fs::remove_file(&graph).unwrap();
    fs::write(&graph, &sound[..sound.len() / 2]).unwrap();
    check("cut");
    // Commits that it lists and that are gone.
    fs::remove_file(&graph).unwrap();
    fs::write(&graph, &sound).unwrap();
    repo.git(&["reset", "--quiet", "--hard", &first]);
    repo.forget();
    repo.git(&["prune", "--expire=now"]);
    check("ahead");
}

#[test]
fn heads_of_all_kinds() {
    let dir = Dir::new();
    let repo = started(&dir);
    let base = repo.head();
    let lost = |seed: u64| {
        let id = repo.commit_file("a", leak(seed));
        repo.git(&["reset", "--quiet", "--hard", &base]);
        id
    };
    for (seed, name) in [(1, "ORIG_HEAD"), (2, "FETCH_HEAD"), (3, "CHERRY_PICK_HEAD"), (4, "REBASE_HEAD")] {
        let id = lost(seed);
        repo.forget();
        for other in ["ORIG_HEAD", "FETCH_HEAD", "CHERRY_PICK_HEAD", "REBASE_HEAD"] {
            let _ = fs::remove_file(repo.path(".git").join(other));
        }
        let is_fetched = name == "FETCH_HEAD";
        let line = if is_fetched { format!("{id}\t\tbranch 'main' of /nowhere\n") } else { format!("{id}\n") };
        fs::write(repo.path(".git").join(name), line).unwrap();
        let report = repo.history();
        let level = &report.of(&runra(seed))["exposure"]["level"];
        assert_eq!(level, if is_fetched { "pushed" } else { "local" }, "{name}{}", report.ran);
    }
}

/// Each working tree has a HEAD of its own, which may be detached, and a reflog.
#[test]
fn heads_of_other_working_trees() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.git(&["worktree", "add", "--quiet", "--detach", &dir.text("linked")]);
    let linked = dir.existing("linked");
    linked.commit_file("a", leak(1));
    repo.history().code(1).level("local");
    linked.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    fs::remove_file(repo.path(".git/worktrees/linked/ORIG_HEAD")).unwrap();
    // Now only the reflog of that working tree has it.
    repo.history().code(1).level("unreachable");
}

fn with_submodule(dir: &Dir) -> Repo<'_> {
    let inner = dir.repo("inner");
    inner.commit_file("below/a", leak(1));
    inner.commit_file("below/a", "gone\n");
    let repo = started(dir);
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &dir.text("inner"), "libs/sub"]);
    repo.commit_staged("a submodule");
    repo
}

#[test]
fn repositories_of_submodules() {
    let dir = Dir::new();
    let repo = with_submodule(&dir);
    let report = repo.history();
    report.code(1).complete(true).level("pushed");
    assert_eq!(spots(report.only()), ["libs/sub/below/a:1"], "{}", report.ran);
    assert_eq!(report.left_out("submodule"), 0, "it was read{}", report.ran);
    // Not checked out any more: its repository is still there.
    repo.git(&["submodule", "--quiet", "deinit", "--force", "libs/sub"]);
    let report = repo.history();
    assert_eq!(spots(report.code(1).only()), [".git/modules/libs/sub/below/a:1"], "{}", report.ran);
    // The configuration of the audited repository holds for all of it.
    repo.write(".keysieve.yaml", "disable: [runra-api-key]\n");
    repo.history().clean();
    repo.remove(".keysieve.yaml");
    // One that cannot be read is named.
    fs::write(repo.path(".git/modules/libs/sub/config"), "[broken\n").unwrap();
    let report = repo.history();
    report.code(3).complete(false);
    assert!(report.gap("unreadable")["examples"].to_string().contains("modules/libs/sub"), "{}", report.ran);
    // One that is not here is a gap by choice.
    fs::remove_dir_all(repo.path(".git/modules")).unwrap();
    let report = repo.history();
    report.complete(true);
    assert_eq!(report.left_out("submodule"), 1, "{}", report.ran);
}

#[test]
fn submodules_of_submodules_and_with_folders_of_their_own() {
    let dir = Dir::new();
    let repo = with_submodule(&dir);
    let outer = dir.repo("outer");
    outer.commit_file("README", "hello\n");
    let url = dir.text("repo");
    outer.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, "mid"]);
    let update = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", "--recursive"];
    outer.git(&update);
    outer.commit_staged("submodules");
    let report = outer.history();
    assert_eq!(spots(report.code(1).only()), ["mid/libs/sub/below/a:1"], "{}", report.ran);
    // As before git 1.7.8: `.git` is a folder in the submodule.
    let old = dir.existing("repo/libs/sub");
    fs::remove_file(old.path(".git")).unwrap();
    fs::rename(repo.path(".git/modules/libs/sub"), old.path(".git")).unwrap();
    let config = old.path(".git/config").display().to_string();
    Ran::of(dir.command("git").args(["config", "--file", &config, "--unset", "core.worktree"])).code(0);
    let report = repo.history();
    assert_eq!(spots(report.code(1).only()), ["libs/sub/below/a:1"], "{}", report.ran);
}

#[test]
fn a_shallow_clone_says_where_history_ends() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.commit_file("a", leak(1));
    let last = repo.commit_file("a", "gone\n");
    let url = format!("file://{}", dir.text("repo"));
    repo.git(&["clone", "--quiet", "--depth", "1", &url, &dir.text("clone")]);
    let report = dir.existing("clone").history();
    report.code(3).complete(false);
    let told = text(&report.gap("shallow")["examples"][0]);
    assert!(told.contains(&last) && told.contains("git fetch --unshallow"), "{told}");
    // Its commits name parents that are elsewhere; those are not missing.
    assert_eq!(report.left_out("missing"), 0, "{}", report.ran);
}

/// git 2.39 cannot make one; what matters is that nothing is passed over in silence where git does not understand it.
#[test]
fn a_ref_format_that_this_git_does_not_know() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.commit_file("a", leak(1));
    repo.git(&["config", "core.repositoryFormatVersion", "1"]);
    repo.git(&["config", "extensions.refStorage", "fromthefuture"]);
    repo.keysieve(&["scan", "--history"]).code(2).complains(&["cannot list the refs", "git 2.45"]);
}

#[test]
fn a_repository_of_another_user() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.commit_file("a", leak(1));
    let given = Command::new("chown").args(["-R", "12345:12345"]).arg(repo.path("")).status();
    if !given.unwrap().success() {
        println!("only root can give a repository away");
        return;
    }
    // git would not work there; nothing that this repository names is run by us, so it can be read.
    repo.history().code(1).complete(true);
    // Whoever trusts it, reads it.
    dir.write("home/.gitconfig", format!("[safe]\n\tdirectory = {}\n", repo.root.display()));
    dir.set("GIT_CONFIG_GLOBAL", &dir.text("home/.gitconfig"));
    repo.history().code(1);
}

/// Whatever git does meanwhile, every object is found where it was, or where it is.
#[test]
fn objects_that_move_while_they_are_read() {
    const SECRETS: u64 = 60;
    let dir = Dir::new();
    let repo = started(&dir);
    for seed in 0..SECRETS {
        repo.commit_file(&format!("file{}", seed % 7), format!("{}{}", large(seed as usize % 7), leak(seed)));
    }
    repo.git(&["clone", "--quiet", "--bare", ".", &dir.text("pushed.git")]);
    repo.git(&["remote", "add", "other", &dir.text("pushed.git")]);
    let over = AtomicBool::new(false);
    let (turns, changed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let (over, turns, root) = (&over, &turns, repo.root.clone());
        scope.spawn(move || {
            let git = |args: &[&str]| {
                let mut git = Command::new("git");
                git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
                git.args(["-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "gc.auto=0"]);
                let ran = Ran::of(git.current_dir(&root).args(args));
                assert!(ran.output.status.success(), "{ran}");
            };
            let mut turn = 0;
            while !over.load(Ordering::Relaxed) {
                match turn % 6 {
                    0 => git(&["repack", "-adq"]),
                    1 => unpack(&root, &git),
                    2 => git(&["gc", "--quiet", "--prune=now"]),
                    3 => git(&["repack", "-adfq", "--depth=20", "--window=20"]),
                    4 => {
                        git(&["commit", "--quiet", "--allow-empty", "-m", "another"]);
                        git(&["push", "--quiet", "other", "main"]);
                    }
                    _ => git(&["repack", "-dq"]),
                }
                turn += 1;
                turns.store(turn, Ordering::Relaxed);
            }
        });
        let stop = Stop(over);
        let (mut last, mut round) = (0, 0);
        // As many rounds as it takes until git has done something in some of them.
        while round < 40 || changed.load(Ordering::Relaxed) <= 10 && round < 400 {
            round += 1;
            for place in ["repo", "pushed.git"] {
                let report = dir.json(&["scan", "--history", place, "--no-config"]);
                report.code(1);
                let lost: Vec<u64> = (0..SECRETS).filter(|seed| !report.has(&runra(*seed))).collect();
                assert!(lost.is_empty(), "round {round}: {lost:?} are lost in {place}{}", report.ran);
                report.complete(true);
            }
            let now = turns.load(Ordering::Relaxed);
            changed.fetch_add(usize::from(now != last), Ordering::Relaxed);
            last = now;
        }
        drop(stop);
    });
    let changed = changed.into_inner();
    assert!(changed > 10, "git did something in {changed} rounds only");
}

/// Ends the other thread even if this one panics.
struct Stop<'s>(&'s AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Makes loose objects of all packs, as `git unpack-objects` in a repository that is in use would.
fn unpack(root: &Path, git: &dyn Fn(&[&str])) {
    let folder = root.join(".git/objects/pack");
    let aside = root.join(".git/aside");
    let _ = fs::create_dir(&aside);
    let files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    let packs: Vec<&PathBuf> = files.iter().filter(|path| path.extension().is_some_and(|e| e == "pack")).collect();
    for pack in packs {
        let copy = aside.join(pack.file_name().unwrap());
        fs::copy(pack, &copy).unwrap();
        let empty = root.join(".git/fresh");
        let _ = fs::remove_dir_all(&empty);
        git(&["init", "--quiet", "--bare", empty.to_str().unwrap()]);
        let mut child = Command::new("git");
        child.arg("--git-dir").arg(&empty).args(["unpack-objects", "-q"]).stdin(fs::File::open(&copy).unwrap());
        assert!(child.status().unwrap().success());
        for folder in fs::read_dir(empty.join("objects")).unwrap().map(|entry| entry.unwrap()) {
            let name = folder.file_name();
            if name.len() != 2 {
                continue;
            }
            let _ = fs::create_dir(root.join(".git/objects").join(&name));
            for file in fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap()) {
                // As git does it: an object is there at once and as a whole.
                fs::rename(file.path(), root.join(".git/objects").join(&name).join(file.file_name())).unwrap();
            }
        }
    }
    for file in files.iter().filter(|path| path.extension().is_some_and(|e| e == "idx")).chain(&files) {
        let _ = fs::remove_file(file);
    }
    let _ = fs::remove_dir_all(aside);
}
