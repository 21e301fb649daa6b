//! Every way of git to make a commit, with the installed hook: each test shows that a secret blocks and that without it
//! the same way passes.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use crate::hooked::{COMMIT, blocks, both, clean_passes, commit_past, hooked, passes, with_a};
use crate::util::{Dir, Ran, Repo, chmod, leak, runra};

#[test]
fn partial_staging() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    let filler = "line\n".repeat(20);
    repo.commit_file("b", &filler);
    // Two hunks; `add -p` takes the first only.
    let patch = |repo: &Repo<'_>| {
        let ran = Ran::fed(repo.command("git").args(["add", "-p", "b"]), b"y\nn\n");
        ran.code(0);
    };
    repo.write("b", format!("top\n{filler}{}", leak(1)));
    patch(&repo);
    passes(&repo, COMMIT);
    repo.write("b", format!("{}top\n{filler}bottom\n", leak(1)));
    patch(&repo);
    blocks(&repo, COMMIT);
}

#[test]
fn commit_all_of_tracked_files() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    repo.write("a", "clean\n");
    repo.write("untracked", leak(1));
    passes(&repo, &["commit", "--quiet", "-am", "x"]);
    repo.write("a", leak(1));
    blocks(&repo, &["commit", "--quiet", "-am", "x"]);
}

/// git makes an index of its own for these, and the tree that is committed must be the one that was scanned.
#[test]
fn commit_of_paths() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    repo.commit_file("b", "b\n");
    repo.write("a", leak(1));
    repo.write("b", "changed\n");
    passes(&repo, &["commit", "--quiet", "-m", "x", "b"]);
    assert_eq!(repo.git(&["show", "HEAD:b"]), "changed");
    assert_eq!(repo.git(&["show", "HEAD:a"]), "hello");
    blocks(&repo, &["commit", "--quiet", "-m", "x", "--only", "a"]);
    blocks(&repo, &["commit", "--quiet", "-m", "x", "--include", "a"]);
}

#[test]
fn amend() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    repo.stage("a", leak(1));
    clean_passes(&repo, "a", &["commit", "--quiet", "--amend", "--no-edit"]);
}

#[test]
fn unborn_branches() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    repo.git(&["switch", "--quiet", "--orphan", "new"]);
    both(&repo, "first");
    repo.git(&["switch", "--quiet", "--orphan", "newer"]);
    repo.stage("x", leak(1));
    let ran = blocks(&repo, COMMIT);
    assert!((ran.stdout() + &ran.stderr()).contains("git rm --cached -f -q :/x"), "{ran}");
}

#[test]
fn renames() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    let filler = "line\n".repeat(30);
    commit_past(&repo, "deep/old", &format!("{filler}{}", leak(1)));
    // Moved and edited: the old secret comes along, a new one does not.
    repo.git(&["mv", "deep/old", "new"]);
    repo.stage("new", format!("{filler}edited\n{}{}", leak(1), leak(2)));
    let ran = blocks(&repo, COMMIT);
    assert!(!(ran.stdout() + &ran.stderr()).contains("[2]"), "only one is new{ran}");
    repo.stage("new", format!("{filler}edited\n{}", leak(1)));
    passes(&repo, COMMIT);
    // A copy is no rename: the secret spreads.
    fs::copy(repo.path("new"), repo.path("copy")).unwrap();
    repo.add();
    blocks(&repo, COMMIT);
    // Nor is a new file that has nothing else in common with one that goes.
    fs::remove_file(repo.path("copy")).unwrap();
    repo.remove("new");
    repo.write("other", leak(1));
    repo.add();
    blocks(&repo, COMMIT);
}

#[test]
fn strict_takes_old_ones_for_new() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    commit_past(&repo, "a", &leak(1));
    repo.stage("a", format!("more\n{}", leak(1)));
    repo.keysieve(&["scan", "--staged"]).code(0);
    repo.keysieve(&["scan", "--staged", "--strict"]).code(1);
    repo.keysieve(&["hook", "run", "pre-commit", "--strict"]).code(1);
    repo.stage("a", "clean\n");
    repo.keysieve(&["scan", "--staged", "--strict"]).code(0);
}

/// The same secret, wrapped anew, is the same.
#[test]
fn an_old_secret_is_known_by_its_fingerprint() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    commit_past(&repo, "a", &format!("export {}", leak(1)));
    repo.stage("a", format!("  key: \"{}\"\r\n", runra(1)));
    passes(&repo, COMMIT);
    repo.stage("a", format!("  key: \"{}\"\r\n", runra(2)));
    blocks(&repo, COMMIT);
}

#[test]
fn mode_changes_and_deletions() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    commit_past(&repo, "script", &format!("#!/bin/sh\n{}", leak(1)));
    chmod(&repo.path("script"), 0o755);
    repo.add();
    passes(&repo, COMMIT);
    chmod(&repo.path("script"), 0o644);
    repo.write("script", format!("#!/bin/sh\n{}", leak(2)));
    repo.add();
    blocks(&repo, COMMIT);
    repo.remove("script");
    repo.add();
    passes(&repo, COMMIT);
    // And back again: it is new once more.
    repo.stage("script", leak(1));
    blocks(&repo, COMMIT);
}

#[test]
fn symbolic_links_are_their_text() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    dir.write("outside", leak(1));
    symlink(dir.path("outside"), repo.path("link")).unwrap();
    repo.add();
    passes(&repo, COMMIT);
    fs::remove_file(repo.path("link")).unwrap();
    symlink(format!("https://x/?key={}", runra(1)), repo.path("link")).unwrap();
    repo.add();
    blocks(&repo, COMMIT);
}

#[test]
fn submodules() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    let other = dir.repo("other");
    other.commit_file("x", "x\n");
    let url = other.path("").display().to_string();
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, "sub"]);
    passes(&repo, COMMIT);
    // What is in the other repository is its own matter, and the hook of this one is not asked there.
    let sub = dir.existing("repo/sub");
    sub.commit_file("x", leak(1));
    repo.git(&["add", "sub"]);
    passes(&repo, COMMIT);
    // In the submodule itself, a hook works as anywhere.
    sub.keysieve(&["hook", "install"]).code(0);
    both(&sub, "y");
    repo.git(&["add", "sub"]);
    repo.stage("a", leak(2));
    blocks(&repo, COMMIT);
}

#[test]
fn intent_to_add() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    repo.write("later", leak(1));
    repo.git(&["add", "--intent-to-add", "later"]);
    repo.write("a", "clean\n");
    repo.git(&["add", "a"]);
    passes(&repo, COMMIT);
    blocks(&repo, &["commit", "--quiet", "-am", "x"]);
}

#[test]
fn sparse_checkout_and_sparse_index() {
    for index in ["--no-sparse-index", "--sparse-index"] {
        let dir = Dir::new();
        let repo = with_a(&dir);
        for n in 0..4 {
            repo.write(format!("out{n}/deep/file"), format!("{n}\n"));
        }
        repo.write("in/file", "x\n");
        commit_past(&repo, "out0/old", &leak(9));
        repo.git(&["sparse-checkout", "set", "--cone", index, "in"]);
        both(&repo, "in/file");
        both(&repo, "a");
        assert_eq!(repo.git(&["show", "HEAD:out3/deep/file"]), "3", "{index}");
    }
}

#[test]
fn split_index() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    for n in 0..30 {
        repo.write(format!("file{n}"), "x\n");
    }
    repo.commit("more");
    repo.git(&["config", "core.splitIndex", "true"]);
    repo.git(&["update-index", "--split-index"]);
    both(&repo, "file3");
    both(&repo, "new");
}

#[test]
fn monitors_and_caches_in_the_index() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    // A monitor that knows nothing: git writes the extension, and asks.
    let monitor = dir.write("monitor", "#!/bin/sh\nprintf 'token\\0/\\0'\n");
    chmod(&monitor, 0o755);
    repo.git(&["config", "core.fsmonitor", &monitor.display().to_string()]);
    repo.git(&["config", "core.fsmonitorHookVersion", "2"]);
    repo.git(&["config", "core.untrackedCache", "true"]);
    repo.git(&["update-index", "--fsmonitor", "--untracked-cache", "--force-untracked-cache"]);
    repo.git(&["status"]);
    let index = fs::read(repo.path(".git/index")).unwrap();
    for name in [b"FSMN", b"UNTR"] {
        assert!(index.windows(4).any(|word| word == name), "this git wrote no {}", String::from_utf8_lossy(name));
    }
    both(&repo, "a");
}

#[test]
fn linked_worktrees_of_bare_repositories() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    repo.git(&["clone", "--quiet", "--bare", ".", &dir.text("bare.git")]);
    let bare = dir.existing("bare.git");
    bare.git(&["worktree", "add", "--quiet", &dir.text("linked"), "main"]);
    let linked = dir.existing("linked");
    linked.keysieve(&["hook", "install"]).code(0);
    both(&linked, "a");
    // With settings for each worktree.
    bare.git(&["config", "extensions.worktreeConfig", "true"]);
    bare.git(&["config", "--unset", "core.bare"]);
    bare.git(&["config", "--file", &dir.text("bare.git/config.worktree"), "core.bare", "true"]);
    linked.git(&["config", "--worktree", "core.sparseCheckout", "false"]);
    both(&linked, "b");
}

#[test]
fn work_tree_elsewhere() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    let away = dir.write("away/a", "hello\n");
    repo.git(&["config", "core.worktree", &away.parent().unwrap().display().to_string()]);
    dir.write("away/a", leak(1));
    repo.git(&["add", "a"]);
    blocks(&repo, COMMIT);
    dir.write("away/a", "clean\n");
    repo.git(&["add", "a"]);
    passes(&repo, COMMIT);
    // Named by the caller: dotfiles are kept like that.
    fs::rename(repo.path(".git"), dir.path("dot.git")).unwrap();
    let home = dir.existing("away");
    let (git, tree) = (format!("--git-dir={}", dir.text("dot.git")), format!("--work-tree={}", dir.text("away")));
    home.git(&[&git, "config", "--unset", "core.worktree"]);
    let run = |args: &[&str]| home.try_git(&[&[git.as_str(), tree.as_str()], args].concat());
    dir.write("away/a", leak(1));
    run(&["add", "a"]).code(0);
    run(COMMIT).code(1);
    dir.write("away/a", "clean again\n");
    run(&["add", "a"]).code(0);
    run(COMMIT).code(0);
}

#[test]
fn variables_of_the_caller() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    let attempt = |text: &str| {
        repo.write("a", text);
        let run = |args: &[&str]| {
            let mut git = dir.command("git");
            git.env("GIT_DIR", repo.path(".git")).env("GIT_WORK_TREE", repo.path("")).args(args);
            Ran::of(&mut git)
        };
        run(&["add", "a"]).code(0);
        run(COMMIT)
    };
    attempt(&leak(1)).code(1);
    attempt("clean\n").code(0);
    // GIT_DIR alone: the current folder is the working tree.
    repo.write("a", leak(1));
    let run = |args: &[&str]| Ran::of(repo.command("git").env("GIT_DIR", ".git").args(args));
    run(&["add", "a"]).code(0);
    run(COMMIT).code(1);
    repo.write("a", "clean again\n");
    run(&["add", "a"]).code(0);
    run(COMMIT).code(0);
}

#[test]
fn odd_paths() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    for name in ["with space", "new\nline", "tab\there", "-dash", "quote'\"", "*glob[1]", "ünï", "a\\b"] {
        repo.write(name, leak(1));
        repo.git(&["add", "--", &format!(":(literal){name}")]);
        blocks(&repo, COMMIT);
        repo.write(name, "clean\n");
        repo.git(&["add", "--", &format!(":(literal){name}")]);
        passes(&repo, COMMIT);
    }
    let name = OsStr::from_bytes(b"not-\xff-utf8");
    repo.stage(name, leak(1));
    blocks(&repo, COMMIT);
    repo.stage(name, "clean\n");
    passes(&repo, COMMIT);
}

/// What counts is what git stores.
#[test]
fn line_ends_and_filters() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    repo.git(&["config", "core.autocrlf", "true"]);
    repo.write("crlf", format!("one\r\n{}\r\n", leak(1).trim_end()));
    repo.git(&["-c", "core.safecrlf=false", "add", "crlf"]);
    blocks(&repo, COMMIT);
    repo.write("crlf", "one\r\ntwo\r\n");
    repo.git(&["-c", "core.safecrlf=false", "add", "crlf"]);
    passes(&repo, COMMIT);
    // A filter that takes secrets out when files are staged, and one that puts one in.
    repo.git(&["config", "filter.wash.clean", "sed s/rra_live_.*/washed/"]);
    repo.git(&["config", "filter.soil.clean", &format!("sed s/KEY/{}/", runra(1))]);
    repo.commit_file(".gitattributes", "*.wash filter=wash\n*.soil filter=soil\n");
    repo.stage("x.wash", leak(1));
    passes(&repo, COMMIT);
    repo.stage("x.soil", "api = KEY\n");
    blocks(&repo, COMMIT);
}

#[test]
fn lfs_pointers_are_counted() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 5\n", "0".repeat(64));
    repo.stage("large", &pointer);
    assert_eq!(repo.staged().left_out("lfs-pointer"), 1);
    passes(&repo, COMMIT);
    repo.stage("large", pointer + &leak(1));
    blocks(&repo, COMMIT);
}

#[test]
fn hooks_path() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.git(&["config", "core.hooksPath", ".githooks"]);
    repo.keysieve(&["hook", "install"]).code(0).says(&[".githooks/pre-commit"]);
    fs::write(repo.path(".git/info/exclude"), ".githooks\n").unwrap();
    both(&repo, "a");
}

#[test]
fn repositories_inside_repositories() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    let inner = hooked(&dir, "repo/inner");
    both(&inner, "x");
    repo.write("inner/y", leak(2));
    repo.write("a", "clean\n");
    repo.git(&["add", "a"]);
    passes(&repo, COMMIT);
    inner.add();
    blocks(&inner, COMMIT);
}

/// An allowed secret passes by what the message says, word for word.
#[test]
fn the_ways_on_work() {
    let dir = Dir::new();
    let repo = with_a(&dir);
    repo.write("x.env", leak(1));
    repo.write("y.json", format!("{{\"RUNRA_API_KEY\": \"{}\"}}\n", runra(2)));
    repo.add();
    let ran = blocks(&repo, COMMIT);
    let said = ran.stdout() + &ran.stderr();
    let marker = said.lines().find_map(|line| line.split_once("allow it:    # ").map(|(_, rest)| rest)).unwrap();
    let marker = marker.split("  at the end").next().unwrap().replace("REASON", "made up for a test");
    repo.stage("x.env", format!("{} # {marker}\n", leak(1).trim_end()));
    let command =
        said.lines().find_map(|line| line.split_once("allow it:    keysieve ").map(|(_, rest)| rest)).unwrap();
    let words: Vec<&str> = command.split(' ').map(|word| if word == "'…'" { "made up, too" } else { word }).collect();
    blocks(&repo, COMMIT);
    repo.keysieve(&words).code(0).says(&[".keysieve.yaml"]);
    passes(&repo, COMMIT);
    // Skipped once, and that stands in the output.
    repo.stage("a", leak(3));
    let ran = Ran::of(repo.command("git").env("KEYSIEVE_SKIP", "1").args(COMMIT));
    ran.code(0).complains(&["skipped because of KEYSIEVE_SKIP"]);
    // The same where a manager calls us, without our script.
    repo.stage("a", leak(4));
    repo.keysieve(&["scan", "--staged"]).code(1);
    let mut scan = repo.command(crate::util::PROGRAM);
    Ran::of(scan.env("KEYSIEVE_SKIP", "1").args(["scan", "--staged"])).code(0);
}
