//! Helpers: a temporary directory for a test, repositories in it, the program in a clean environment.

use std::cell::{Cell, RefCell};
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use keysieve::rules::sample::{self, Random};
use keysieve::scan::validate;
use serde_json::Value;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_keysieve");

/// A directory of its own for a test, removed when the test has passed.
pub struct Dir {
    root: PathBuf,
    env: RefCell<Vec<(String, String)>>,
}

impl Dir {
    /// Named after the test that asks.
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("test").replace("::", "-");
        let name = format!("keysieve-{}-{}-{test}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let root = std::env::temp_dir().join(name);
        fs::create_dir_all(root.join("home")).unwrap();
        Self { root: root.canonicalize().unwrap(), env: RefCell::default() }
    }

    /// Something in the directory.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root.join(name)
    }

    /// The same as text.
    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Sets a variable for every later command.
    pub fn set(&self, name: &str, value: &str) {
        self.env.borrow_mut().push((name.to_owned(), value.to_owned()));
    }

    /// Writes a file and the folders that it needs.
    pub fn write(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> PathBuf {
        write(&self.path(name), bytes.as_ref())
    }

    /// A command in a clean environment.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.root.join("home"));
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.env("LC_ALL", "C").env("TZ", "UTC").env("GIT_TERMINAL_PROMPT", "0");
        for (role, name) in [("AUTHOR", "Ann Author"), ("COMMITTER", "Carl Committer")] {
            command.env(format!("GIT_{role}_NAME"), name);
            command.env(format!("GIT_{role}_EMAIL"), format!("{}@example.org", name.to_lowercase().replace(' ', ".")));
        }
        command.envs(self.env.borrow().iter().map(|(k, v)| (k, v)));
        command
    }

    /// Runs keysieve in this directory.
    pub fn keysieve<S: AsRef<OsStr>>(&self, args: &[S]) -> Ran {
        self.keysieve_in(&self.root, args)
    }

    /// Runs keysieve somewhere else.
    pub fn keysieve_in<S: AsRef<OsStr>>(&self, folder: &Path, args: &[S]) -> Ran {
        let mut command = self.command(PROGRAM);
        command.current_dir(folder).args(args);
        Ran::of(&mut command)
    }

    /// Runs keysieve with something on its standard input.
    pub fn keysieve_fed(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut command = self.command(PROGRAM);
        command.args(args);
        Ran::fed(&mut command, input)
    }

    /// Runs keysieve in this directory and reads its JSON report.
    pub fn json(&self, args: &[&str]) -> Report {
        self.keysieve(&[args, &["--format", "json"]].concat()).json()
    }

    /// An empty repository below this directory.
    pub fn repo(&self, name: &str) -> Repo<'_> {
        self.repo_with(name, &[])
    }

    /// The same with options for `git init`.
    pub fn repo_with(&self, name: &str, options: &[&str]) -> Repo<'_> {
        let root = self.path(name);
        fs::create_dir_all(&root).unwrap();
        let repo = Repo { dir: self, root, clock: Cell::new(1_700_000_000) };
        repo.git(&[&["init", "--quiet", "--initial-branch=main"], options].concat());
        repo
    }

    /// A repository that is there already.
    pub fn existing(&self, name: &str) -> Repo<'_> {
        Repo { dir: self, root: self.path(name), clock: Cell::new(1_710_000_000) }
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("kept for a look: {}", self.root.display());
            return;
        }
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// A repository. Every commit is a day after the one before.
pub struct Repo<'d> {
    pub dir: &'d Dir,
    pub root: PathBuf,
    clock: Cell<u64>,
}

impl Repo<'_> {
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root.join(name)
    }

    /// Writes a working file.
    pub fn write(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> PathBuf {
        write(&self.path(name), bytes.as_ref())
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// Runs git, which must succeed; its output without the last newline.
    pub fn git<S: AsRef<OsStr>>(&self, args: &[S]) -> String {
        let ran = self.try_git(args);
        assert!(ran.output.status.success(), "{ran}");
        ran.stdout().trim_end().to_owned()
    }

    /// Runs git.
    pub fn try_git<S: AsRef<OsStr>>(&self, args: &[S]) -> Ran {
        let mut command = self.command("git");
        Ran::of(command.args(args))
    }

    /// Runs git with something on its standard input.
    pub fn git_fed(&self, args: &[&str], input: &[u8]) -> String {
        let ran = Ran::fed(self.command("git").args(args), input);
        assert!(ran.output.status.success(), "{ran}");
        ran.stdout().trim_end().to_owned()
    }

    /// A command in the repository, at the repository's time.
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.dir.command(program);
        let date = format!("{} +0000", self.clock.get());
        command.current_dir(&self.root).env("GIT_AUTHOR_DATE", &date).env("GIT_COMMITTER_DATE", &date);
        command
    }

    /// Stages everything.
    pub fn add(&self) {
        self.git(&["add", "--all"]);
    }

    /// Writes a file and stages everything.
    pub fn stage(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
        self.write(name, bytes);
        self.add();
    }

    /// Commits everything, a day later; the commit's id.
    pub fn commit(&self, message: &str) -> String {
        self.add();
        self.commit_staged(message)
    }

    /// Commits what is staged, a day later.
    pub fn commit_staged(&self, message: &str) -> String {
        self.later();
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.head()
    }

    /// Writes a file and commits everything.
    pub fn commit_file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        self.write(name, bytes);
        self.commit(&format!("change {name}"))
    }

    /// Lets a day pass.
    pub fn later(&self) {
        self.clock.set(self.clock.get() + 86_400);
    }

    /// The date of the last commit as reports write it.
    pub fn date(&self) -> String {
        keysieve::time::iso8601(self.clock.get() as i64, 0)
    }

    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// Writes an object; its id.
    pub fn object(&self, kind: &str, bytes: &[u8]) -> String {
        self.git_fed(&["hash-object", "-t", kind, "-w", "--stdin", "--literally"], bytes)
    }

    /// The file of a loose object.
    pub fn loose(&self, id: &str) -> PathBuf {
        self.root.join(".git/objects").join(&id[..2]).join(&id[2..])
    }

    /// Forgets reflogs and what only they had a hold on.
    pub fn forget(&self) {
        self.git(&["reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all"]);
    }

    /// Runs keysieve in the repository.
    pub fn keysieve<S: AsRef<OsStr>>(&self, args: &[S]) -> Ran {
        Ran::of(self.command(PROGRAM).args(args))
    }

    /// Runs keysieve in the repository and reads its JSON report.
    pub fn json(&self, args: &[&str]) -> Report {
        self.keysieve(&[args, &["--format", "json"]].concat()).json()
    }

    pub fn history(&self) -> Report {
        self.json(&["scan", "--history"])
    }

    pub fn staged(&self) -> Report {
        self.json(&["scan", "--staged"])
    }
}

/// What a command did. Printed in full when an assertion fails.
pub struct Ran {
    what: String,
    pub output: Output,
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (out, err) = (shortened(self.stdout()), shortened(self.stderr()));
        write!(f, "\n{}\n-> {}\n-- stdout --\n{out}\n-- stderr --\n{err}\n--", self.what, self.output.status)
    }
}

impl Ran {
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self { what: described(command), output }
    }

    /// What a command did that the caller has run.
    pub fn with(output: Output, what: &str) -> Self {
        Self { what: what.to_owned(), output }
    }

    pub fn fed(command: &mut Command, input: &[u8]) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || drop(pipe.write_all(input)));
            child.wait_with_output().unwrap()
        });
        Self { what: described(command), output }
    }

    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// The exit code must be this.
    #[track_caller]
    pub fn code(&self, code: i32) -> &Self {
        assert_eq!(self.output.status.code(), Some(code), "{self}");
        self
    }

    /// Standard output must contain all of these.
    #[track_caller]
    pub fn says(&self, words: &[&str]) -> &Self {
        for word in words {
            assert!(self.stdout().contains(word), "not on stdout: {word:?}{self}");
        }
        self
    }

    /// Standard error must contain all of these.
    #[track_caller]
    pub fn complains(&self, words: &[&str]) -> &Self {
        for word in words {
            assert!(self.stderr().contains(word), "not on stderr: {word:?}{self}");
        }
        self.no_panic()
    }

    /// Nothing may have gone wrong inside.
    #[track_caller]
    pub fn no_panic(&self) -> &Self {
        assert!(!self.stderr().contains("keysieve: internal error") && !self.stderr().contains("panicked"), "{self}");
        self
    }

    /// None of these may be in what was printed.
    #[track_caller]
    pub fn hides(&self, secrets: &[&str]) -> &Self {
        for secret in secrets {
            assert!(!contains(&self.output.stdout, secret), "{secret:?} is on stdout{self}");
            assert!(!contains(&self.output.stderr, secret), "{secret:?} is on stderr{self}");
        }
        self
    }

    /// The JSON report on standard output, which must fit the schema.
    #[track_caller]
    pub fn json(self) -> Report {
        self.no_panic();
        let Ok(value) = serde_json::from_slice(&self.output.stdout) else { panic!("no JSON{self}") };
        check_schema(&value, &self);
        Report { ran: self, value }
    }
}

/// JSON reports without runbooks, and anything else without its middle: enough to see what went wrong.
fn shortened(text: String) -> String {
    let mut text = text;
    if let Ok(mut report) = serde_json::from_str::<Value>(&text) {
        for finding in report["findings"].as_array_mut().into_iter().flatten() {
            finding.as_object_mut().map(|finding| finding.remove("guidance"));
        }
        text = report.to_string();
    }
    let chars: Vec<char> = text.chars().collect();
    match chars.len() {
        0..6000 => text,
        len => format!(
            "{}\n[…]\n{}",
            chars[..4000].iter().collect::<String>(),
            chars[len - 1500..].iter().collect::<String>()
        ),
    }
}

fn described(command: &Command) -> String {
    let folder = command.get_current_dir().map(|dir| dir.display().to_string()).unwrap_or_default();
    format!("{folder}$ {} {:?}", command.get_program().to_string_lossy(), command.get_args().collect::<Vec<_>>())
}

/// A JSON report.
pub struct Report {
    pub ran: Ran,
    pub value: Value,
}

impl Report {
    #[track_caller]
    pub fn code(&self, code: i32) -> &Self {
        self.ran.code(code);
        self
    }

    /// All findings that are listed.
    pub fn findings(&self) -> &[Value] {
        self.value["findings"].as_array().unwrap()
    }

    /// Fingerprints of all findings that are listed, sorted.
    pub fn prints(&self) -> Vec<String> {
        let mut prints: Vec<String> = self.findings().iter().map(|f| text(&f["fingerprint"]).to_owned()).collect();
        prints.sort();
        prints
    }

    /// The only finding.
    #[track_caller]
    pub fn only(&self) -> &Value {
        assert_eq!(self.findings().len(), 1, "{}", self.ran);
        &self.findings()[0]
    }

    /// The finding of a secret.
    #[track_caller]
    pub fn of(&self, secret: &str) -> &Value {
        let print = print_of(secret);
        let found = self.findings().iter().find(|finding| finding["fingerprint"] == print.as_str());
        found.unwrap_or_else(|| panic!("{secret} ({print}) was not found{}", self.ran))
    }

    #[track_caller]
    pub fn has(&self, secret: &str) -> bool {
        let print = print_of(secret);
        self.findings().iter().any(|finding| finding["fingerprint"] == print.as_str())
    }

    /// The exposure of the only finding must have this level.
    #[track_caller]
    pub fn level(&self, level: &str) -> &Value {
        let exposure = &self.only()["exposure"];
        assert_eq!(exposure["level"], level, "{}", self.ran);
        exposure
    }

    /// Nothing is open, and everything was read.
    #[track_caller]
    pub fn clean(&self) -> &Self {
        assert!(self.findings().is_empty() && self.value["scan"]["complete"] == true, "{}", self.ran);
        self.code(0)
    }

    /// The gap of a reason.
    #[track_caller]
    pub fn gap(&self, reason: &str) -> &Value {
        let gaps = self.value["scan"]["not_read"].as_array().unwrap();
        let found = gaps.iter().find(|gap| gap["reason"] == reason);
        found.unwrap_or_else(|| panic!("nothing was left out as {reason}{}", self.ran))
    }

    /// So many things could not be read, and that makes the scan incomplete.
    #[track_caller]
    pub fn lost(&self, reason: &str, count: u64) -> &Value {
        let gap = self.gap(reason);
        assert_eq!((gap["count"].as_u64(), gap["incomplete"].as_bool()), (Some(count), Some(true)), "{}", self.ran);
        gap
    }

    /// So many things were left out, as somebody chose.
    #[track_caller]
    pub fn skipped(&self, reason: &str, count: u64) -> &Value {
        let gap = self.gap(reason);
        assert_eq!((gap["count"].as_u64(), gap["incomplete"].as_bool()), (Some(count), Some(false)), "{}", self.ran);
        gap
    }

    /// How many things were left out for a reason.
    pub fn left_out(&self, reason: &str) -> u64 {
        let gaps = self.value["scan"]["not_read"].as_array().unwrap();
        gaps.iter().find(|gap| gap["reason"] == reason).map_or(0, |gap| gap["count"].as_u64().unwrap())
    }

    pub fn read(&self, what: &str) -> u64 {
        self.value["scan"]["read"][what].as_u64().unwrap()
    }

    #[track_caller]
    pub fn complete(&self, complete: bool) -> &Self {
        assert_eq!(self.value["scan"]["complete"], complete, "{}", self.ran);
        self
    }
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}"))
}

/// The kinds of a finding's places, in order.
pub fn kinds(finding: &Value) -> Vec<&str> {
    finding["places"].as_array().unwrap().iter().map(|place| text(&place["kind"])).collect()
}

/// Path and line of a finding's places, in order.
pub fn spots(finding: &Value) -> Vec<String> {
    let spot = |place: &Value| format!("{}:{}", place["path"].as_str().unwrap_or("-"), place["line"]);
    finding["places"].as_array().unwrap().iter().map(spot).collect()
}

/// A repository with one clean commit.
pub fn started(dir: &Dir) -> Repo<'_> {
    let repo = dir.repo("repo");
    repo.commit_file("README", "hello\n");
    repo
}

/// A line with a key.
pub fn leak(seed: u64) -> String {
    format!("RUNRA_API_KEY={}\n", runra(seed))
}

/// A key of Runra that nobody has.
pub fn runra(seed: u64) -> String {
    made("rra_live_{lower+digit:25}", seed)
}

/// A value of a sample template.
pub fn made(template: &str, seed: u64) -> String {
    sample::fill(template, &mut Random::new(seed), &validate::generate).unwrap()
}

/// The fingerprint that a report must show for a secret.
pub fn print_of(secret: &str) -> String {
    keysieve::secret::Secret::new(secret.as_bytes(), 0).fingerprint(None)
}

pub fn contains(bytes: &[u8], text: &str) -> bool {
    memchr::memmem::find(bytes, text.as_bytes()).is_some()
}

pub fn write(path: &Path, bytes: &[u8]) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
    path.to_owned()
}

pub fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The schema of a document, or of a line.
pub fn check_schema(value: &Value, ran: &dyn std::fmt::Display) {
    static SCHEMA: OnceLock<jsonschema::Validator> = OnceLock::new();
    let validator = SCHEMA.get_or_init(|| jsonschema::validator_for(&schema()).unwrap());
    let errors: Vec<String> = validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "not as in the schema: {errors:#?}{ran}");
}

pub fn schema() -> Value {
    serde_json::from_str(include_str!("../../../schema/report.schema.json")).unwrap()
}
