//! The hooks of ours in real repositories, with real commits; a stub stands for the scanner.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test that cannot go on should panic

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use keysieve::error::Error;
use keysieve::hook::{Found, Hooks, Installed, Manager, Removed, Runs, Scope, Stage, Start, State, Status};

/// Set in the process in which a test really runs: the library asks git, and git asks the environment.
const ALONE: &str = "KEYSIEVE_TEST_LAB";

/// Notes that it ran and what was staged, then exits as the file `code` says.
const STUB: &str = r#"#!/bin/sh
here=${0%/*}
[ "$*" = "hook run pre-commit --" ] || exit 99
echo scan >>"$here/log"
printf '%s' "${GIT_INDEX_FILE-none}" >"$here/index"
git ls-files --stage >"$here/staged"
[ ! -f "$here/code" ] || exit "$(cat "$here/code")"
"#;

/// A directory with a scanner stub and a repository.
struct Lab {
    dir: PathBuf,
    repo: PathBuf,
}

impl Lab {
    fn new(dir: &Path) -> Self {
        let lab = Self { dir: dir.to_owned(), repo: dir.join("the repo") };
        lab.init(&lab.repo, &[]);
        fs::create_dir(dir.join("bin")).unwrap();
        script(&lab.program(), STUB);
        lab
    }

    fn init(&self, repo: &Path, options: &[&str]) {
        fs::create_dir_all(repo).unwrap();
        ok(git(repo).arg("init").arg("--quiet").args(options));
        ok(git(repo).args(["config", "user.name", "A"]));
        ok(git(repo).args(["config", "user.email", "a@example.org"]));
    }

    fn program(&self) -> PathBuf {
        self.dir.join("bin/stub")
    }

    fn scan_exits(&self, code: i32) {
        fs::write(self.dir.join("bin/code"), code.to_string()).unwrap();
    }

    /// What ran since the last call, a word each.
    fn ran(&self) -> String {
        let log = self.dir.join("bin/log");
        let text = fs::read_to_string(&log).unwrap_or_default();
        _ = fs::remove_file(log);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// A hook of somebody else that notes `word` and does `rest`.
    fn foreign(&self, word: &str, rest: &str) -> PathBuf {
        let path = self.repo.join(".git/hooks/pre-commit");
        let log = quote(&self.dir.join("bin/log"));
        script(&path, &format!("#!/bin/sh\necho {word} >>{log}\n{rest}"));
        path
    }

    fn hooks(&self) -> Hooks {
        Hooks::locate(&self.repo).unwrap()
    }

    fn install(&self) -> Installed {
        self.hooks().install(Stage::PreCommit, Start::of(&self.program())).unwrap()
    }

    fn uninstall(&self) -> Removed {
        self.hooks().uninstall(Stage::PreCommit).unwrap()
    }

    fn status(&self) -> Status {
        self.hooks().status(Stage::PreCommit).unwrap()
    }

    fn hook(&self) -> PathBuf {
        self.repo.join(".git/hooks/pre-commit")
    }

    fn backup(&self) -> PathBuf {
        self.repo.join(".git/hooks/pre-commit.before-keysieve")
    }

    /// Stages a new line.
    fn change(&self, repo: &Path, name: &str) {
        let old = fs::read_to_string(repo.join(name)).unwrap_or_default();
        fs::write(repo.join(name), old + "line\n").unwrap();
        ok(git(repo).args(["add", "--", name]));
    }

    /// A commit of one more line; whether it came about.
    fn commit_in(&self, repo: &Path) -> Output {
        self.change(repo, "file");
        run(git(repo).args(["commit", "--quiet", "-m", "x"]))
    }

    fn commit(&self) -> Output {
        self.commit_in(&self.repo)
    }

    /// What the scan saw is what was committed.
    fn assert_scanned_is_committed(&self, repo: &Path) {
        let tree = ok(git(repo).args(["ls-tree", "-r", "--format=%(objectmode) %(objectname) 0\t%(path)", "HEAD"]));
        assert_eq!(fs::read_to_string(self.dir.join("bin/staged")).unwrap(), tree);
    }
}

fn git(dir: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(dir);
    git
}

fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

fn ok(command: &mut Command) -> String {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    mode(path, 0o755);
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn quote(path: &Path) -> String {
    format!("'{}'", path.to_str().unwrap().replace('\'', r"'\''"))
}

/// Looks for a program on the PATH.
fn which(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(name)).find(|path| path.is_file())
}

/// What CI is to have may be missing elsewhere only.
fn missing(name: &str, needed: &[&str]) {
    assert!(env::var_os("CI").is_none() || !needed.contains(&name), "CI needs {name}");
    println!("no {name} here");
}

/// The PATH without what could be taken for the scanner.
fn clean_path() -> std::ffi::OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    env::join_paths(env::split_paths(&path).filter(|dir| !dir.join("keysieve").exists())).unwrap()
}

/// Runs a test in a process of its own with a clean environment.
fn alone(name: &str, dir_name: &str, test: fn(&Lab)) {
    if let Some(dir) = env::var_os(ALONE) {
        test(&Lab::new(Path::new(&dir)));
        return;
    }
    let temp = env::temp_dir().join(format!("keysieve-hook-{}-{name}", std::process::id()));
    let dir = temp.join(dir_name);
    fs::create_dir_all(&dir).unwrap();
    let dir = fs::canonicalize(dir).unwrap();
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", name, "--nocapture"]).env_clear().env("PATH", clean_path()).env(ALONE, &dir);
    child.envs(env::var_os("CI").map(|value| ("CI", value)));
    child.env("HOME", &temp).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    let output = run(&mut child);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", stderr(&output));
    fs::remove_dir_all(temp).unwrap();
}

macro_rules! tests {
    ($($(#[doc = $doc:literal])* fn $name:ident($lab:ident) $(in $dir:literal)? $body:block)*) => {
        $($(#[doc = $doc])* #[test] fn $name() {
            let dir = concat!("a lab" $(, $dir)?);
            alone(stringify!($name), dir, |$lab: &Lab| $body);
        })*
    };
}

tests! {
    fn a_commit_is_blocked_by_a_finding_and_by_any_other_failure(lab) {
        let done = lab.install();
        assert_eq!((done.path, done.chained, done.state, done.scope), (lab.hook(), None, State::New, Scope::Repository));
        for code in [1, 2, 3, 4] {
            lab.scan_exits(code);
            assert_eq!(lab.commit().status.code(), Some(1), "{code}");
            assert_eq!(lab.ran(), "scan");
        }
        assert!(!run(git(&lab.repo).args(["rev-parse", "--verify", "HEAD"])).status.success());
        lab.scan_exits(0);
        assert!(lab.commit().status.success());
        assert_eq!(lab.ran(), "scan");
        lab.assert_scanned_is_committed(&lab.repo);
    }

    fn install_is_idempotent(lab) {
        lab.foreign("earlier", "");
        let first = lab.install();
        let bytes = fs::read(lab.hook()).unwrap();
        let second = lab.install();
        assert_eq!((first.state, second.state), (State::New, State::Unchanged));
        assert_eq!(first.chained, Some(lab.backup()));
        assert_eq!(second.chained, first.chained);
        assert_eq!(fs::read(lab.hook()).unwrap(), bytes);
        mode(&lab.hook(), 0o644);
        assert!(matches!(lab.status().found, Found::Ours { is_executable: false, .. }));
        assert_eq!(lab.install().state, State::Updated);
        lab.commit();
        assert_eq!(lab.ran(), "earlier scan");
        assert!(fs::read_dir(lab.hooks().dir()).unwrap().all(|entry| {
            !entry.unwrap().file_name().to_string_lossy().starts_with("pre-commit.keysieve")
        }));
    }

    fn an_older_version_is_updated_and_keeps_the_earlier_hook(lab) {
        lab.foreign("earlier", "");
        lab.install();
        let new = fs::read_to_string(lab.hook()).unwrap();
        let version = format!("version={} ", env!("CARGO_PKG_VERSION"));
        assert!(new.contains(&version));
        fs::write(lab.hook(), new.replace(&version, "version=0.0.1 ")).unwrap();
        match lab.status().found {
            Found::Ours { version, is_current, is_edited, chained, .. } => {
                assert_eq!((version.as_str(), is_current, is_edited), ("0.0.1", false, false));
                assert_eq!(chained.unwrap().path, lab.backup());
            }
            other => panic!("{other:?}"),
        }
        let done = lab.install();
        assert_eq!((done.state, done.chained), (State::Updated, Some(lab.backup())));
        assert_eq!(fs::read_to_string(lab.hook()).unwrap(), new);
        let other = lab.dir.join("bin/other");
        fs::copy(lab.program(), &other).unwrap();
        let done = lab.hooks().install(Stage::PreCommit, Start::of(&other)).unwrap();
        assert_eq!((done.state, done.chained), (State::Updated, Some(lab.backup())));
        lab.commit();
        assert_eq!(lab.ran(), "earlier scan");
    }

    fn the_earlier_hook_runs_first_and_its_exit_code_is_kept(lab) {
        lab.foreign("earlier", "exit 7\n");
        lab.install();
        assert_eq!(run(Command::new(lab.hook()).current_dir(&lab.repo)).status.code(), Some(7));
        assert_eq!(lab.ran(), "earlier");
        assert!(!lab.commit().status.success());
        assert_eq!(lab.ran(), "earlier");
        lab.uninstall();
        lab.foreign("earlier", "");
        lab.install();
        lab.scan_exits(5);
        assert_eq!(run(Command::new(lab.hook()).current_dir(&lab.repo)).status.code(), Some(5));
        assert_eq!(lab.ran(), "earlier scan");
    }

    /// A shell hook that names `$0` is sourced; the other way of running one is to start it.
    fn the_earlier_hook_gets_arguments_input_and_environment(lab) {
        let out = lab.dir.join("out");
        for (shell, own) in [("/bin/sh", lab.hook()), ("/usr/bin/env sh", lab.hook()), ("/bin/sh -u", lab.backup())] {
            let text = format!(
                "#!{shell}\nset -e\nprintf '%s|' \"$0\" \"$@\" \"$GIT_INDEX_FILE\" \"$(cat)\" >{}\nexit 3\n",
                quote(&out)
            );
            script(&lab.hook(), &text);
            lab.install();
            let mut child = Command::new(lab.hook())
                .args(["one two", "", "*"])
                .env("GIT_INDEX_FILE", "some index")
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(b"a line\nanother\\n").unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(3));
            let want = format!("{}|one two||*|some index|a line\nanother\\n|", own.display());
            assert_eq!(fs::read_to_string(&out).unwrap(), want, "{shell}");
            lab.uninstall();
        }
    }

    fn what_an_earlier_hook_stages_is_scanned(lab) {
        lab.foreign("formatter", "echo formatted >file && git add file\n");
        lab.install();
        assert!(lab.commit().status.success());
        assert_eq!(ok(git(&lab.repo).args(["show", "HEAD:file"])), "formatted\n");
        lab.assert_scanned_is_committed(&lab.repo);
    }

    fn an_earlier_hook_that_is_not_executable_stays_so(lab) {
        lab.foreign("earlier", "exit 1\n");
        mode(&lab.hook(), 0o640);
        let before = fs::read(lab.hook()).unwrap();
        assert_eq!(lab.install().chained, Some(lab.backup()));
        assert!(lab.commit().status.success());
        assert_eq!(lab.ran(), "scan");
        match lab.status().found {
            Found::Ours { chained: Some(chained), .. } => assert!(chained.exists && !chained.is_executable),
            other => panic!("{other:?}"),
        }
        assert_eq!(lab.uninstall(), Removed::Removed { path: lab.hook(), restored: Some(lab.backup()) });
        assert_eq!(fs::read(lab.hook()).unwrap(), before);
        assert_eq!(fs::metadata(lab.hook()).unwrap().permissions().mode() & 0o7777, 0o640);
        assert!(!lab.backup().exists());
    }

    fn an_earlier_hook_that_is_a_link_stays_one(lab) {
        let home = lab.repo.join("scripts");
        let log = quote(&lab.dir.join("bin/log"));
        script(&home.join("word"), "linked");
        let finds_home = format!("#!/bin/sh\ncat \"$(dirname \"$(readlink -f \"$0\")\")/word\" >>{log}\necho >>{log}\n");
        script(&home.join("check.sh"), &finds_home);
        fs::create_dir_all(lab.repo.join(".git/hooks")).unwrap();
        symlink("../../scripts/check.sh", lab.hook()).unwrap();
        assert_eq!(lab.install().chained, Some(lab.backup()));
        assert!(!fs::symlink_metadata(lab.hook()).unwrap().is_symlink());
        assert_eq!(fs::read_link(lab.backup()).unwrap(), Path::new("../../scripts/check.sh"));
        assert_eq!(fs::read_to_string(home.join("check.sh")).unwrap(), finds_home);
        assert!(lab.commit().status.success());
        assert_eq!(lab.ran(), "linked scan");
        lab.uninstall();
        assert_eq!(fs::read_link(lab.hook()).unwrap(), Path::new("../../scripts/check.sh"));
    }

    fn a_link_to_nowhere_is_kept_and_not_run(lab) {
        fs::create_dir_all(lab.repo.join(".git/hooks")).unwrap();
        symlink("gone", lab.hook()).unwrap();
        lab.install();
        assert!(lab.commit().status.success());
        assert_eq!(lab.ran(), "scan");
        lab.uninstall();
        assert_eq!(fs::read_link(lab.hook()).unwrap(), Path::new("gone"));
    }

    fn uninstall_restores_every_byte(lab) {
        let content: Vec<u8> = (0..=255).chain(*b"\r\nno line feed at the end").collect();
        for bits in [0o755, 0o700, 0o2711, 0o444] {
            fs::create_dir_all(lab.hook().parent().unwrap()).unwrap();
            fs::write(lab.hook(), &content).unwrap();
            mode(&lab.hook(), bits);
            lab.install();
            lab.install();
            lab.uninstall();
            assert_eq!(fs::read(lab.hook()).unwrap(), content);
            assert_eq!(fs::metadata(lab.hook()).unwrap().permissions().mode() & 0o7777, bits);
            assert_eq!(lab.uninstall(), Removed::NotInstalled { path: lab.hook(), is_foreign: true });
            fs::remove_file(lab.hook()).unwrap();
        }
        lab.install();
        assert_eq!(lab.uninstall(), Removed::Removed { path: lab.hook(), restored: None });
        assert!(!lab.hook().exists());
        assert_eq!(lab.uninstall(), Removed::NotInstalled { path: lab.hook(), is_foreign: false });
    }

    fn an_earlier_hook_that_somebody_took_away_is_no_matter(lab) {
        lab.foreign("earlier", "");
        lab.install();
        fs::remove_file(lab.backup()).unwrap();
        assert!(lab.commit().status.success());
        assert_eq!(lab.ran(), "scan");
        assert!(matches!(lab.status().found, Found::Ours { chained: Some(chained), .. } if !chained.exists));
        assert_eq!(lab.uninstall(), Removed::Removed { path: lab.hook(), restored: None });
    }

    fn a_name_that_is_taken_is_refused(lab) {
        lab.foreign("earlier", "");
        fs::write(lab.backup(), "something else").unwrap();
        let before = fs::read(lab.hook()).unwrap();
        let error = lab.hooks().install(Stage::PreCommit, Start::of(&lab.program())).unwrap_err();
        assert!(matches!(error, Error::Repository(_)));
        assert!(error.to_string().contains("pre-commit.before-keysieve, is taken"), "{error}");
        assert_eq!(fs::read(lab.hook()).unwrap(), before);
        assert_eq!(fs::read(lab.backup()).unwrap(), b"something else");
    }

    /// husky and lefthook write their hooks anew, the same as before.
    fn a_hook_that_came_back_is_chained_again(lab) {
        lab.foreign("earlier", "");
        lab.install();
        lab.foreign("earlier", "");
        let done = lab.install();
        assert_eq!((done.state, done.chained), (State::New, Some(lab.backup())));
        lab.commit();
        assert_eq!(lab.ran(), "earlier scan");
    }

    fn an_edited_hook_of_ours_is_left_alone(lab) {
        lab.install();
        let edited = fs::read_to_string(lab.hook()).unwrap().replace("exit 1\n", "echo mine\nexit 1\n");
        fs::write(lab.hook(), &edited).unwrap();
        assert!(matches!(lab.status().found, Found::Ours { is_edited: true, is_current: false, .. }));
        let error = lab.hooks().install(Stage::PreCommit, Start::of(&lab.program())).unwrap_err();
        assert!(error.to_string().contains("edited by hand"), "{error}");
        assert!(lab.hooks().uninstall(Stage::PreCommit).is_err());
        assert_eq!(fs::read_to_string(lab.hook()).unwrap(), edited);
    }

    fn a_link_to_a_hook_of_ours_is_left_alone(lab) {
        lab.install();
        let elsewhere = lab.dir.join("elsewhere");
        fs::rename(lab.hook(), &elsewhere).unwrap();
        symlink(&elsewhere, lab.hook()).unwrap();
        let error = lab.hooks().install(Stage::PreCommit, Start::of(&lab.program())).unwrap_err();
        assert!(error.to_string().contains("is a link to a keysieve hook"), "{error}");
        assert!(lab.hooks().uninstall(Stage::PreCommit).is_err());
    }

    fn what_is_no_file_is_refused(lab) {
        fs::create_dir_all(lab.hook()).unwrap();
        assert!(lab.hooks().install(Stage::PreCommit, Start::of(&lab.program())).is_err());
        let error = lab.hooks().install(Stage::PreCommit, Start::of(Path::new("bin/keysieve"))).unwrap_err();
        assert!(matches!(error, Error::Usage(_)), "{error}");
    }

    fn hooks_path_counts_from_the_top_of_the_working_tree(lab) {
        ok(git(&lab.repo).args(["config", "core.hooksPath", "my hooks/git"]));
        let sub = lab.repo.join("a/b");
        fs::create_dir_all(&sub).unwrap();
        let hooks = Hooks::locate(&sub).unwrap();
        assert_eq!(hooks.dir(), lab.repo.join("my hooks/git"));
        assert_eq!(hooks.work_tree(), Some(lab.repo.as_path()));
        let done = hooks.install(Stage::PreCommit, Start::of(&lab.program())).unwrap();
        assert_eq!(done.scope, Scope::WorkTree);
        lab.scan_exits(1);
        assert!(!lab.commit().status.success());
        assert_eq!(lab.ran(), "scan");
        lab.change(&sub, "file");
        assert!(!run(git(&sub).args(["commit", "-m", "x"])).status.success());
        assert_eq!(lab.ran(), "scan");
    }

    fn hooks_path_outside_is_said_to_be_shared(lab) {
        let global = lab.dir.join("global hooks");
        ok(git(&lab.repo).arg("config").arg("core.hooksPath").arg(&global));
        let done = lab.install();
        assert_eq!((done.path, done.scope), (global.join("pre-commit"), Scope::Shared));
        assert_eq!(lab.status().scope, Scope::Shared);
        lab.commit();
        assert_eq!(lab.ran(), "scan");
    }

    fn a_hooks_directory_that_is_a_link_elsewhere_is_shared(lab) {
        let global = lab.dir.join("global");
        fs::create_dir(&global).unwrap();
        _ = fs::remove_dir_all(lab.repo.join(".git/hooks"));
        symlink(&global, lab.repo.join(".git/hooks")).unwrap();
        assert_eq!(lab.install().scope, Scope::Shared);
    }

    fn a_home_in_hooks_path_is_expanded(lab) {
        ok(git(&lab.repo).args(["config", "core.hooksPath", "~/h"]));
        assert_eq!(lab.hooks().dir(), Path::new(&env::var_os("HOME").unwrap()).join("h"));
    }

    fn hooks_that_are_switched_off_are_an_error(lab) {
        for value in ["/dev/null", ""] {
            ok(git(&lab.repo).args(["config", "core.hooksPath", value]));
            let error = Hooks::locate(&lab.repo).unwrap_err().to_string();
            assert!(error.contains("hooks are switched off here") && error.contains(&format!("'{value}'")), "{error}");
        }
    }

    fn a_hooks_directory_is_made(lab) {
        _ = fs::remove_dir_all(lab.repo.join(".git/hooks"));
        assert_eq!(lab.status().found, Found::Nothing);
        lab.install();
        assert!(lab.commit().status.success());
        assert_eq!(lab.ran(), "scan");
    }

    fn a_linked_worktree_has_the_hooks_of_its_repository(lab) {
        lab.commit();
        let tree = lab.dir.join("linked tree");
        ok(git(&lab.repo).args(["worktree", "add", "--quiet", "-b", "linked"]).arg(&tree));
        let hooks = Hooks::locate(&tree).unwrap();
        assert_eq!(hooks.work_tree(), Some(tree.as_path()));
        let done = hooks.install(Stage::PreCommit, Start::of(&lab.program())).unwrap();
        assert_eq!((done.path, done.scope), (lab.hook(), Scope::Repository));
        for repo in [&tree, &lab.repo] {
            assert!(lab.commit_in(repo).status.success());
            assert_eq!(lab.ran(), "scan");
            lab.assert_scanned_is_committed(repo);
        }
        ok(git(&lab.repo).args(["config", "extensions.worktreeConfig", "true"]));
        ok(git(&tree).args(["config", "--worktree", "core.hooksPath", "here"]));
        assert_eq!(Hooks::locate(&tree).unwrap().dir(), tree.join("here"));
        assert_eq!(lab.hooks().dir(), lab.repo.join(".git/hooks"));
    }

    fn a_bare_repository_makes_no_commits(lab) {
        let bare = lab.dir.join("bare.git");
        lab.init(&bare, &["--bare"]);
        let hooks = Hooks::locate(&bare).unwrap();
        assert_eq!((hooks.dir(), hooks.work_tree()), (bare.join("hooks").as_path(), None));
        let error = hooks.install(Stage::PreCommit, Start::of(&lab.program())).unwrap_err();
        assert!(error.to_string().contains("a bare repository"), "{error}");
        assert_eq!(hooks.status(Stage::PreCommit).unwrap().found, Found::Nothing);
        lab.commit();
        ok(git(&lab.repo).arg("push").arg("--quiet").arg(&bare).arg("HEAD:refs/heads/main"));
        let tree = lab.dir.join("tree of bare");
        ok(git(&bare).args(["worktree", "add", "--quiet"]).arg(&tree).arg("main"));
        let hooks = Hooks::locate(&tree).unwrap();
        assert_eq!(hooks.install(Stage::PreCommit, Start::of(&lab.program())).unwrap().path, bare.join("hooks/pre-commit"));
        assert!(lab.commit_in(&tree).status.success());
        assert_eq!(lab.ran(), "scan");
    }

    fn a_submodule_has_hooks_of_its_own(lab) {
        lab.commit();
        let super_repo = lab.dir.join("super");
        lab.init(&super_repo, &[]);
        ok(git(&super_repo).args(["-c", "protocol.file.allow=always", "submodule", "--quiet", "add"]).arg(&lab.repo).arg("sub"));
        let hooks = Hooks::locate(&super_repo.join("sub")).unwrap();
        assert_eq!(hooks.dir(), super_repo.join(".git/modules/sub/hooks"));
        assert_eq!(hooks.scope(), Scope::Repository);
    }

    fn a_sha256_repository_is_one_like_others(lab) {
        let repo = lab.dir.join("sha256");
        lab.init(&repo, &["--object-format=sha256"]);
        let done = Hooks::locate(&repo).unwrap().install(Stage::PreCommit, Start::of(&lab.program())).unwrap();
        assert_eq!(done.path, repo.join(".git/hooks/pre-commit"));
        assert!(lab.commit_in(&repo).status.success());
        assert_eq!(lab.ran(), "scan");
        lab.assert_scanned_is_committed(&repo);
        lab.scan_exits(1);
        assert!(!lab.commit_in(&repo).status.success());
    }

    fn paths_may_hold_anything(lab) in " it's \"q\" $(touch x) `id` \\n 'k\nkeysieve_chained='x' é" {
        lab.foreign("earlier", ": \"$0\"\n");
        let done = lab.install();
        assert_eq!(done.path, lab.hook());
        assert!(lab.commit().status.success());
        assert_eq!(lab.ran(), "earlier scan");
        lab.assert_scanned_is_committed(&lab.repo);
        assert_eq!(lab.install().state, State::Unchanged);
        match lab.status().found {
            Found::Ours { program, is_current, is_edited, chained, .. } => {
                assert_eq!((program.recorded, program.runs), (lab.program(), Runs::Recorded));
                assert!(program.exists && is_current && !is_edited);
                assert_eq!(chained.unwrap().path, lab.backup());
            }
            other => panic!("{other:?}"),
        }
        // Below that it wonders about `$(…)` in single quotes, which is the very path.
        shellcheck(&lab.hook(), "warning");
        assert_eq!(lab.uninstall(), Removed::Removed { path: lab.hook(), restored: Some(lab.backup()) });
    }

    fn a_program_path_need_not_be_text(lab) {
        use std::os::unix::ffi::OsStrExt;
        let program = lab.dir.join("bin").join(OsStr::from_bytes(b"st\xffub\n"));
        fs::copy(lab.program(), &program).unwrap();
        lab.hooks().install(Stage::PreCommit, Start::of(&program)).unwrap();
        assert!(lab.commit().status.success());
        assert_eq!(lab.ran(), "scan");
        assert!(matches!(lab.status().found, Found::Ours { program: found, .. } if found.recorded == program));
    }

    fn a_program_that_was_moved_is_taken_from_path_or_blocks(lab) {
        lab.install();
        fs::create_dir(lab.dir.join("path")).unwrap();
        let moved = lab.dir.join("path/keysieve");
        fs::rename(lab.program(), &moved).unwrap();
        let runs = |found| match found {
            Found::Ours { program, .. } => (program.exists, program.runs),
            other => panic!("{other:?}"),
        };
        assert_eq!(runs(lab.status().found), (false, Runs::Nothing));
        let output = lab.commit();
        assert_eq!(output.status.code(), Some(1));
        let said = stderr(&output);
        let recorded = lab.program().display().to_string();
        for words in ["this commit is blocked", "keysieve hook install", "KEYSIEVE_SKIP=1", &recorded] {
            assert!(said.contains(words), "{said}");
        }
        let path = format!("{}:{}", moved.parent().unwrap().display(), env::var("PATH").unwrap());
        lab.change(&lab.repo, "file");
        ok(git(&lab.repo).args(["commit", "-m", "x"]).env("PATH", path));
        assert_eq!(fs::read_to_string(lab.dir.join("path/log")).unwrap(), "scan\n");
        // What is there and cannot run is as good as nothing, a directory too.
        fs::write(lab.program(), STUB).unwrap();
        assert_eq!(runs(lab.status().found), (true, Runs::Nothing));
        assert_eq!(lab.commit().status.code(), Some(1));
        fs::remove_file(lab.program()).unwrap();
        fs::create_dir(lab.program()).unwrap();
        assert_eq!(runs(lab.status().found), (true, Runs::Nothing));
        assert_eq!(lab.commit().status.code(), Some(1));
    }

    fn skipping_is_said_and_is_for_our_part_only(lab) {
        lab.foreign("earlier", "");
        lab.install();
        lab.scan_exits(1);
        let attempt = |name: &str, value: &str| {
            lab.change(&lab.repo, "file");
            run(git(&lab.repo).args(["commit", "--quiet", "-m", "x"]).env(name, value))
        };
        for (name, value) in [
            ("KEYSIEVE_SKIP", "1"),
            ("KEYSIEVE_SKIP", "true"),
            ("SKIP", "keysieve"),
            ("SKIP", "black,keysieve"),
            ("SKIP", "keysieve, black"),
            ("SKIP", "a, keysieve"),
        ] {
            let output = attempt(name, value);
            assert!(output.status.success(), "{name}={value}");
            assert_eq!(stderr(&output), format!(
                "keysieve: skipped because of {name}: what is staged was not scanned for secrets\n"
            ));
            assert_eq!(lab.ran(), "earlier");
        }
        for (name, value) in
            [("KEYSIEVE_SKIP", "0"), ("KEYSIEVE_SKIP", ""), ("SKIP", "keysieve-system"), ("SKIP", "x-keysieve"), ("SKIP", "1")]
        {
            assert!(!attempt(name, value).status.success(), "{name}={value}");
            assert_eq!(lab.ran(), "earlier scan");
        }
    }

    fn commit_a_and_commit_path_scan_and_commit_the_same(lab) {
        lab.install();
        lab.change(&lab.repo, "one");
        lab.change(&lab.repo, "two");
        assert!(lab.commit().status.success());
        let index = || fs::read_to_string(lab.dir.join("bin/index")).unwrap();
        let plain = index();
        fs::write(lab.repo.join("one"), "changed\n").unwrap();
        ok(git(&lab.repo).args(["commit", "--quiet", "-a", "-m", "x"]));
        lab.assert_scanned_is_committed(&lab.repo);
        assert_eq!(ok(git(&lab.repo).args(["show", "--format=", "--name-only", "HEAD"])), "one\n");
        assert_ne!(index(), plain);
        lab.change(&lab.repo, "two");
        fs::write(lab.repo.join("one"), "again\n").unwrap();
        ok(git(&lab.repo).args(["commit", "--quiet", "-m", "x", "--", "one"]));
        lab.assert_scanned_is_committed(&lab.repo);
        assert_eq!(ok(git(&lab.repo).args(["show", "--format=", "--name-only", "HEAD"])), "one\n");
        assert_eq!(ok(git(&lab.repo).args(["diff", "--cached", "--name-only"])), "two\n");
        ok(git(&lab.repo).args(["commit", "--quiet", "--amend", "--no-edit"]));
        lab.assert_scanned_is_committed(&lab.repo);
        assert_eq!(ok(git(&lab.repo).args(["status", "--porcelain"])), "");
    }

    /// Its dispatcher goes by the name and the directory of the hook that git called.
    fn husky_is_chained_and_named(lab) {
        let dir = lab.repo.join(".husky/_");
        script(&dir.join("pre-commit"), "#!/usr/bin/env sh\n. \"$(dirname \"$0\")/h\"");
        script(&dir.join("h"), concat!(
            "#!/usr/bin/env sh\n[ \"$HUSKY\" = \"2\" ] && set -x\nn=$(basename \"$0\")\n",
            "s=$(dirname \"$(dirname \"$0\")\")/$n\n\n[ ! -f \"$s\" ] && exit 0\n\n",
            "export PATH=\"node_modules/.bin:$PATH\"\nsh -e \"$s\" \"$@\"\nc=$?\n\n",
            "[ $c != 0 ] && echo \"husky - $n script failed (code $c)\"\nexit $c\n",
        ));
        let user = lab.repo.join(".husky/pre-commit");
        let log = quote(&lab.dir.join("bin/log"));
        fs::write(&user, format!("echo husky >>{log}\n")).unwrap();
        ok(git(&lab.repo).args(["config", "core.hooksPath", ".husky/_"]));
        let done = lab.install();
        assert_eq!(done.scope, Scope::WorkTree);
        assert_eq!((done.managers[0].manager, done.managers[0].is_active), (Manager::Husky, true));
        assert!(done.managers[0].manager.advice(Stage::PreCommit).contains(".husky/pre-commit"));
        assert!(lab.commit().status.success());
        assert_eq!(lab.ran(), "husky scan");
        fs::write(&user, format!("echo husky >>{log}\nexit 4\n")).unwrap();
        let output = lab.commit();
        assert!(stderr(&output).contains("husky - pre-commit script failed (code 4)"), "{}", stderr(&output));
        assert_eq!(lab.ran(), "husky");
    }

    /// `pre-commit install` after ours renames ours to pre-commit.legacy and runs it; its own hook was ours to run.
    fn the_pre_commit_framework_may_be_installed_again(lab) {
        let framework = format!(
            "#!/usr/bin/env bash\n# File generated by pre-commit: https://pre-commit.com\n# hook-impl\nhere=$(dirname \"$0\")\n\
             if [ -n \"$PRE_COMMIT_RUNNING_LEGACY\" ]; then echo 'bug: installed in migration mode' >&2; exit 1; fi\n\
             if [ -x \"$here/pre-commit.legacy\" ]; then\n\
             PRE_COMMIT_RUNNING_LEGACY=1 \"$here/pre-commit.legacy\" \"$@\" || exit; fi\necho framework >>{}\n",
            quote(&lab.dir.join("bin/log"))
        );
        script(&lab.hook(), &framework);
        let done = lab.install();
        assert_eq!(done.managers[0].manager, Manager::PreCommit);
        assert!(lab.commit().status.success());
        assert_eq!(lab.ran(), "framework scan");
        let legacy = lab.repo.join(".git/hooks/pre-commit.legacy");
        fs::rename(lab.hook(), &legacy).unwrap();
        script(&lab.hook(), &framework);
        assert_eq!(lab.status().found, Found::Foreign { is_executable: true, runs_ours: Some(legacy.clone()) });
        let output = lab.commit();
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(lab.ran(), "scan framework");
        assert_eq!(lab.install().chained, Some(lab.backup()));
        assert!(lab.commit().status.success());
        assert_eq!(lab.ran(), "scan framework scan");
    }

    fn overcommit_is_not_renamed(lab) {
        script(&lab.hook(), "#!/usr/bin/env ruby\n# Entrypoint for Overcommit hook integration (overcommit).\n");
        let error = lab.hooks().install(Stage::PreCommit, Start::of(&lab.program())).unwrap_err();
        assert!(error.to_string().contains(".overcommit.yml"), "{error}");
        assert!(lab.hook().exists() && !lab.backup().exists());
    }

    fn managers_are_known_by_their_hooks_and_files(lab) {
        assert_eq!(lab.status().managers, []);
        fs::write(lab.repo.join("lefthook.yml"), "").unwrap();
        fs::write(lab.repo.join(".pre-commit-config.yaml"), "").unwrap();
        let names = |status: Status| -> Vec<_> {
            status.managers.iter().map(|found| (found.manager.name(), found.is_active)).collect()
        };
        assert_eq!(names(lab.status()), [("lefthook", false), ("pre-commit", false)]);
        script(&lab.hook(), "#!/usr/bin/env bash\n# File generated by pre-commit: https://pre-commit.com\n");
        assert_eq!(names(lab.status()), [("pre-commit", true), ("lefthook", false)]);
        lab.install();
        assert_eq!(names(lab.status()), [("pre-commit", true), ("lefthook", false)]);
    }

    /// The hook as it is in the repository is good for copying.
    fn the_template_works_without_installation(lab) {
        script(&lab.hook(), include_str!("../hooks/pre-commit"));
        assert_eq!(lab.commit().status.code(), Some(1));
        fs::copy(lab.program(), lab.dir.join("bin/keysieve")).unwrap();
        let path = format!("{}:{}", lab.dir.join("bin").display(), env::var("PATH").unwrap());
        ok(git(&lab.repo).args(["commit", "-m", "x"]).env("PATH", path));
        assert_eq!(lab.ran(), "scan");
        assert!(matches!(lab.status().found, Found::Ours { is_current: false, is_edited: false, .. }));
        assert_eq!(lab.install().state, State::Updated);
    }

    fn every_shell_runs_it(lab) {
        lab.foreign("earlier", ": \"$0\"; exit \"${WANT-0}\"\n");
        lab.install();
        let mut shells = vec![vec!["sh"]];
        shells.extend([vec!["dash"], vec!["busybox", "sh"], vec!["bash", "--posix"], vec!["ksh"], vec!["yash"], vec!["mksh"]]);
        for shell in shells {
            let Some(program) = which(shell[0]) else {
                missing(shell[0], &["dash", "busybox"]);
                continue;
            };
            // Both as git calls it and without a directory in its name.
            for (dir, hook) in [(&lab.repo, ".git/hooks/pre-commit"), (&lab.repo.join(".git/hooks"), "pre-commit")] {
                let command = || {
                    let mut command = Command::new(&program);
                    command.args(&shell[1..]).arg(hook).current_dir(dir);
                    command
                };
                lab.scan_exits(5);
                assert_eq!(run(&mut command()).status.code(), Some(5), "{shell:?}");
                assert_eq!(lab.ran(), "earlier scan", "{shell:?}");
                assert_eq!(run(command().env("WANT", "9")).status.code(), Some(9), "{shell:?}");
                assert_eq!(lab.ran(), "earlier", "{shell:?}");
                assert_eq!(run(command().env("KEYSIEVE_SKIP", "1")).status.code(), Some(0), "{shell:?}");
                assert_eq!(lab.ran(), "earlier", "{shell:?}");
                let hidden = lab.dir.join("hidden");
                fs::rename(lab.program(), &hidden).unwrap();
                assert_eq!(run(&mut command()).status.code(), Some(1), "{shell:?}");
                fs::rename(&hidden, lab.program()).unwrap();
                assert_eq!(lab.ran(), "earlier", "{shell:?}");
            }
        }
    }

    fn shellcheck_has_nothing_to_say(lab) {
        lab.install();
        shellcheck(&lab.hook(), "style");
        shellcheck(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/hooks/pre-commit")), "style");
    }

    fn where_there_is_no_repository_it_is_said(lab) {
        let error = Hooks::locate(&lab.dir).unwrap_err();
        assert!(matches!(error, Error::Repository(_)), "{error:?}");
        let said = error.to_string();
        assert!(said.contains("not in a git repository") && said.contains(lab.dir.to_str().unwrap()), "{said}");
        let error = Hooks::locate(&lab.dir.join("nowhere")).unwrap_err();
        assert!(matches!(&error, Error::Usage(said) if said.contains("no such directory")), "{error:?}");
        let error = Hooks::locate(&lab.repo.join(".git/refs")).unwrap_err();
        assert!(error.to_string().contains("inside the git directory"), "{error}");
    }

    fn git_with_other_directories_is_asked_as_it_is(lab) {
        let (tree, away) = (lab.dir.join("tree"), lab.dir.join("away.git"));
        fs::create_dir_all(tree.join("sub")).unwrap();
        fs::rename(lab.repo.join(".git"), &away).unwrap();
        let again = |dir: &Path, git_dir: &str, work_tree: &str| {
            let mut child = Command::new(env::current_exe().unwrap());
            child.args(["--exact", "locate_only", "--nocapture", "--ignored"]).current_dir(dir);
            ok(child.env("GIT_DIR", git_dir).env("GIT_WORK_TREE", work_tree))
        };
        let want = format!("located {:?} {:?}", away.join("hooks"), Some(&tree));
        for (dir, git_dir, work_tree) in
            [(&tree, "../away.git", "."), (&tree.join("sub"), "../../away.git", ".."), (&lab.dir, "away.git", "tree")]
        {
            let said = again(dir, git_dir, work_tree);
            assert!(said.contains(&want), "{said}");
        }
    }

    fn git_that_is_missing_or_does_not_trust_is_said(lab) {
        let again = |name: &str, value: &str| {
            let mut child = Command::new(env::current_exe().unwrap());
            child.args(["--exact", "locate_only", "--nocapture", "--ignored"]).current_dir(&lab.repo);
            ok(child.env(name, value))
        };
        let said = again("PATH", "");
        assert!(said.contains("git is not on PATH"), "{said}");
        let said = again("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1");
        assert!(said.contains("somebody else owns it") && said.contains("safe.directory"), "{said}");
    }
}

/// With file names the framework passes nothing to scan, or too much; without `always_run` it skips deletions. Its real
/// client runs them in tests/tests/clients.
#[test]
fn the_framework_is_told_to_pass_no_names() {
    let manifest = include_str!("../.pre-commit-hooks.yaml");
    let hooks: Vec<_> = manifest.split("- id: ").skip(1).collect();
    let mut wanted = vec![];
    for (id, stage, entry) in [
        ("keysieve", "pre-commit", "hook run pre-commit"),
        ("keysieve-commit-msg", "commit-msg", "hook run commit-msg --"),
        ("keysieve-push", "pre-push", "hook run pre-push"),
        ("keysieve-history", "manual", "scan --history"),
    ] {
        wanted.extend(["rust", "system"].map(|language| {
            let suffix = if language == "system" { "-system" } else { "" };
            let mut lines = vec![format!("{id}{suffix}\n"), format!("\n  entry: keysieve {entry}\n")];
            lines.extend([format!("\n  language: {language}\n"), format!("\n  stages: [{stage}]\n")]);
            lines.extend((stage != "commit-msg").then(|| "\n  pass_filenames: false\n".to_owned()));
            lines
        }));
    }
    assert_eq!(hooks.len(), wanted.len());
    for (hook, lines) in hooks.iter().zip(wanted) {
        assert!(hook.starts_with(&lines[0]) && hook.contains("\n  always_run: true\n"), "{hook}");
        lines[1..].iter().for_each(|line| assert!(hook.contains(line), "{line}{hook}"));
    }
}

/// Not a test: what other tests start in an environment of their choice.
#[test]
#[ignore = "started by other tests"]
fn locate_only() {
    match Hooks::locate(&env::current_dir().unwrap()) {
        Ok(hooks) => println!("located {:?} {:?}", hooks.dir(), hooks.work_tree()),
        Err(error) => println!("refused {error}"),
    }
}

fn shellcheck(path: &Path, severity: &str) {
    if which("shellcheck").is_none() {
        missing("shellcheck", &["shellcheck"]);
        return;
    }
    let output =
        run(Command::new("shellcheck").args(["--shell=sh", "--severity", severity]).arg(path).env("LC_ALL", "C.UTF-8"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
