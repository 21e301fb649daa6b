//! `keysieve ci` on GitHub Actions: clones as `actions/checkout` makes them, event files as the runner writes them. Every
//! situation is tried with a leak, which must fail the job, and without, which must not.

use std::fs;

use crate::util::{Dir, PROGRAM, Ran, Repo, leak, print_of, runra};

/// A server with a `main` branch, and its author's clone.
pub struct Forge<'d> {
    pub dir: &'d Dir,
    pub author: Repo<'d>,
}

/// A pull request: the tip of `main`, its own head, and the merge that the server made of them.
pub struct Pull {
    pub base: String,
    pub head: String,
    pub merge: String,
}

impl<'d> Forge<'d> {
    pub fn new(dir: &'d Dir) -> Self {
        let server = dir.repo_with("server.git", &["--bare"]);
        server.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
        let author = dir.repo("author");
        author.git(&["remote", "add", "origin", &dir.text("server.git")]);
        author.commit_file("README", "hello\n");
        author.git(&["push", "--quiet", "origin", "main"]);
        Self { dir, author }
    }

    /// A branch off `main`, checked out.
    pub fn branch(&self, name: &str) {
        self.author.git(&["checkout", "--quiet", "-b", name, "main"]);
    }

    pub fn push(&self, refspec: &str) -> String {
        self.author.git(&["push", "--quiet", "--force", "origin", refspec]);
        self.author.head()
    }

    /// Opens pull request 7 for what is checked out.
    pub fn pull(&self) -> Pull {
        let head = self.push("HEAD:refs/pull/7/head");
        let branch = self.author.git(&["symbolic-ref", "--short", "HEAD"]);
        self.push(&format!("HEAD:refs/heads/{branch}"));
        self.author.git(&["checkout", "--quiet", "--detach", "main"]);
        self.author.later();
        self.author.git(&["merge", "--quiet", "--no-ff", "-m", "Merge pull request #7", &head]);
        let merge = self.push("HEAD:refs/pull/7/merge");
        self.author.git(&["checkout", "--quiet", &branch]);
        Pull { base: self.author.git(&["rev-parse", "main"]), head, merge }
    }

    /// The same for a branch off `main` with one more file.
    pub fn request(&self, name: &str, text: impl AsRef<[u8]>) -> Pull {
        self.branch("feature");
        self.author.commit_file(name, text);
        self.pull()
    }

    /// A clone with `fetch-depth: 0`, at a revision.
    pub fn full(&self, name: &str, at: &str) -> Repo<'d> {
        self.cloned(
            name,
            &["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*", "+refs/pull/*:refs/remotes/pull/*"],
            at,
        )
    }

    /// A clone with `fetch-depth: 1`, of one ref.
    pub fn shallow(&self, name: &str, reference: &str, here: &str) -> Repo<'d> {
        self.cloned(name, &["--depth=1", "--no-tags", &format!("+{reference}:{here}")], here)
    }

    /// A clone with some options of `git fetch`, at a revision.
    pub fn cloned(&self, name: &str, fetch: &[&str], at: &str) -> Repo<'d> {
        let repo = self.dir.repo(name);
        repo.git(&["remote", "add", "origin", &format!("file://{}", self.dir.text("server.git"))]);
        let (options, refs): (Vec<&str>, Vec<&str>) = fetch.iter().partition(|word| word.starts_with("--"));
        repo.git(&[&["fetch", "--quiet"], options.as_slice(), &["origin"], refs.as_slice()].concat());
        repo.git(&["checkout", "--quiet", "--force", "--detach", at]);
        repo
    }
}

/// Standard output must contain all of these, wherever lines end.
#[track_caller]
pub fn tells(ran: &Ran, words: &[&str]) {
    let flat = ran.stdout().split_whitespace().collect::<Vec<_>>().join(" ");
    for word in words {
        assert!(flat.contains(word), "not on stdout: {word:?}{ran}");
    }
}

/// A file with a key, or one that reads it from elsewhere.
pub fn settings(leaks: bool, seed: u64) -> String {
    if leaks { leak(seed) } else { "RUNRA_API_KEY=$KEY\n".to_owned() }
}

/// The job must fail for a leak, and for nothing else.
#[track_caller]
pub fn judged(leaks: bool, ran: Ran) -> Ran {
    ran.no_panic();
    match leaks {
        true => ran.code(1).says(&["Runra"]),
        false => ran.code(0),
    };
    ran
}

/// A run of GitHub Actions.
pub struct Run {
    name: &'static str,
    payload: String,
    reference: String,
    sha: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
}

fn filled(template: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

impl Run {
    fn new(name: &'static str, payload: String, reference: &str, sha: &str) -> Self {
        let (args, env) = (Vec::new(), Vec::new());
        Self { name, payload, reference: reference.to_owned(), sha: sha.to_owned(), args, env }
    }

    pub fn pull_request(pull: &Pull) -> Self {
        let values = [("base", pull.base.as_str()), ("head", &pull.head), ("merge", &pull.merge)];
        let payload = filled(include_str!("../events/pull_request.json"), &values);
        let run = Self::new("pull_request", payload, "refs/pull/7/merge", &pull.merge);
        run.set("GITHUB_BASE_REF", "main").set("GITHUB_HEAD_REF", "feature")
    }

    pub fn push(reference: &str, before: &str, after: &str) -> Self {
        let is_null = |id: &str| id.bytes().all(|b| b == b'0');
        let values = [
            ("ref", reference),
            ("before", before),
            ("after", after),
            ("created", if is_null(before) { "true" } else { "false" }),
            ("deleted", if is_null(after) { "true" } else { "false" }),
            ("forced", "false"),
        ];
        Self::new("push", filled(include_str!("../events/push.json"), &values), reference, after)
    }

    fn merge_group(base: &str, head: &str) -> Self {
        let payload = filled(include_str!("../events/merge_group.json"), &[("base", base), ("head", head)]);
        Self::new("merge_group", payload, &format!("refs/heads/gh-readonly-queue/main/pr-7-{base}"), head)
    }

    fn schedule(sha: &str) -> Self {
        Self::new("schedule", include_str!("../events/schedule.json").to_owned(), "refs/heads/main", sha)
    }

    fn dispatch(reference: &str, sha: &str) -> Self {
        let payload = filled(include_str!("../events/workflow_dispatch.json"), &[("ref", reference)]);
        Self::new("workflow_dispatch", payload, reference, sha)
    }

    pub fn arg(self, arg: &str) -> Self {
        self.args(&[arg])
    }

    fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The variables of the run; its files lie beside the clone.
    pub fn variables(&self, dir: &Dir) -> Vec<(String, String)> {
        dir.write("event.json", &self.payload);
        let own = [
            ("CI", "true".to_owned()),
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_EVENT_NAME", self.name.to_owned()),
            ("GITHUB_EVENT_PATH", dir.text("event.json")),
            ("GITHUB_REF", self.reference.clone()),
            ("GITHUB_SHA", self.sha.clone()),
            ("GITHUB_STEP_SUMMARY", dir.text("summary.md")),
            ("GITHUB_OUTPUT", dir.text("outputs")),
        ];
        own.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(self.env.iter().cloned()).collect()
    }

    pub fn on(&self, repo: &Repo<'_>) -> Ran {
        for file in ["summary.md", "outputs"] {
            let _ = fs::remove_file(repo.dir.path(file));
        }
        let mut command = repo.command(PROGRAM);
        Ran::of(command.arg("ci").args(&self.args).envs(self.variables(repo.dir)))
    }
}

const NULL: &str = "0000000000000000000000000000000000000000";

/// What the runner takes for commands in a log, as its parser does: name, properties, data, all as they stand.
fn commands(log: &str) -> Vec<(String, String, String)> {
    const KNOWN: &[&str] = &[
        "add-mask",
        "add-matcher",
        "add-path",
        "debug",
        "echo",
        "endgroup",
        "error",
        "group",
        "notice",
        "remove-matcher",
        "save-state",
        "set-env",
        "set-output",
        "stop-commands",
        "warning",
    ];
    let known = |name: &str| KNOWN.contains(&name.to_ascii_lowercase().as_str());
    let mut found = Vec::new();
    for line in log.split(['\n', '\r']) {
        let second = line.trim_start().strip_prefix("::").and_then(|rest| rest.split_once("::"));
        let first = line.split_once("##[").and_then(|(_, rest)| rest.split_once(']'));
        for (info, data) in [second, first].into_iter().flatten() {
            let (name, properties) = info.split_once(' ').unwrap_or((info, ""));
            if known(name) {
                found.push((name.to_owned(), properties.to_owned(), data.to_owned()));
                break;
            }
        }
    }
    found
}

#[test]
fn a_pull_request() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let forge = Forge::new(&dir);
        let pull = forge.request("settings.env", settings(leaks, 1));
        let repo = forge.full("clone", &pull.merge);
        let ran = judged(leaks, Run::pull_request(&pull).on(&repo));
        ran.hides(&[&runra(1)]);
        ran.complains(&[
            "GitHub Actions, pull request #7: what it adds to the target branch",
            "count as the target branch",
        ]);
        let told = commands(&ran.stdout());
        assert_eq!(told.len(), usize::from(leaks), "{ran}");
        let summary = fs::read_to_string(dir.path("summary.md")).unwrap();
        let outputs = fs::read_to_string(dir.path("outputs")).unwrap();
        assert_eq!(outputs, format!("findings={}\ncomplete=true\n", u8::from(leaks)));
        if leaks {
            assert!(told[0].1.starts_with("file=settings.env,line=1,endLine=1,col=15,title=CRITICAL"), "{ran}");
            assert!(told[0].2.contains("revoke it first") && told[0].2.contains("%0A"), "{ran}");
            assert!(
                summary.contains("## keysieve: 1 leaked secret") && summary.contains("`settings.env:1`"),
                "{summary}"
            );
        } else {
            assert!(summary.contains("no leaked secrets"), "{summary}");
        }
        // The same with the head checked out.
        let repo = forge.full("at-head", &pull.head);
        judged(leaks, Run::pull_request(&pull).on(&repo)).complains(&["what it adds to origin/main"]);
    }
}

#[test]
fn every_commit_of_a_pull_request_counts() {
    let dir = Dir::new();
    let forge = Forge::new(&dir);
    forge.branch("feature");
    forge.author.commit_file("settings.env", leak(1));
    forge.author.remove("settings.env");
    forge.author.commit("gone again");
    let pull = forge.pull();
    judged(true, Run::pull_request(&pull).on(&forge.full("gone", &pull.merge)));
    // In a message.
    forge.branch("message");
    forge.author.commit(&format!("use {}", runra(2)));
    let pull = forge.pull();
    let ran = judged(true, Run::pull_request(&pull).on(&forge.full("message", &pull.merge)));
    ran.hides(&[&runra(2)]);
    let told = commands(&ran.stdout());
    assert!(told.len() == 1 && told[0].1.starts_with("title=") && told[0].2.contains("in the commit message"), "{ran}");
}

/// What is on `main` is not the request's doing, whatever it merged and whenever it branched off; and the payload's base
/// may be older than the branch.
#[test]
fn what_others_did_is_not_a_pull_requests_fault() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let forge = Forge::new(&dir);
        let stale = forge.author.head();
        forge.branch("feature");
        forge.author.commit_file("a", settings(leaks, 1));
        forge.author.git(&["checkout", "--quiet", "main"]);
        forge.author.commit_file("theirs", leak(2));
        forge.push("main");
        forge.author.git(&["checkout", "--quiet", "feature"]);
        forge.author.git(&["merge", "--quiet", "-m", "merge main", "main"]);
        forge.author.commit_file("b", "more\n");
        let mut pull = forge.pull();
        pull.base = stale;
        for (name, at) in [("merged", &pull.merge), ("head", &pull.head)] {
            let ran = judged(leaks, Run::pull_request(&pull).on(&forge.full(name, at)));
            assert!(!ran.stdout().contains(&print_of(&runra(2))), "{ran}");
        }
    }
}

/// Only the merge that GitHub made tells by its first parent what the target branch has.
#[test]
fn a_first_parent_of_the_authors_own_is_no_base() {
    let dir = Dir::new();
    let forge = Forge::new(&dir);
    forge.branch("feature");
    forge.author.commit_file("settings.env", leak(1));
    forge.author.git(&["branch", "side", "main"]);
    forge.author.git(&["merge", "--quiet", "--no-ff", "-m", "mine", "side", "--strategy=ours"]);
    forge.author.commit("more");
    let trick = forge.author.git(&["commit-tree", "-p", "HEAD", "-p", "main", "-m", "trick", "HEAD^{tree}"]);
    forge.author.git(&["reset", "--quiet", "--hard", &trick]);
    let pull = forge.pull();
    judged(true, Run::pull_request(&pull).on(&forge.full("clone", &pull.head)));
    // Not even where it claims to be the merge: the second parent must be the head that GitHub names.
    let mut run = Run::pull_request(&pull);
    run.sha.clone_from(&pull.head);
    judged(true, run.on(&forge.full("claims", &pull.head)));
}

#[test]
fn a_shallow_clone_says_how_to_get_the_rest() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let forge = Forge::new(&dir);
        forge.author.commit_file("more", "main\n");
        forge.push("main");
        let pull = forge.request("settings.env", settings(leaks, 1));
        let repo = forge.shallow("clone", "refs/pull/7/merge", "refs/remotes/pull/7/merge");
        let run = Run::pull_request(&pull);
        let ran = run.on(&repo);
        ran.code(if leaks { 1 } else { 3 }).hides(&[&runra(1)]).says(&["fetch-depth: 0", "shallow", "no all-clear"]);
        let told = commands(&ran.stdout());
        let last = told.last().unwrap();
        assert!(last.1.contains("incomplete") && last.2.contains("fetch-depth: 0"), "{ran}");
        assert!(fs::read_to_string(dir.path("outputs")).unwrap().contains("complete=false"));
        // What it says helps.
        assert!(ran.stdout().replace('\n', " ").contains("`git fetch --unshallow origin`"), "{ran}");
        repo.git(&["fetch", "--quiet", "--unshallow", "origin"]);
        judged(leaks, run.on(&repo));
    }
}

#[test]
fn pull_request_target_looks_at_the_request() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let forge = Forge::new(&dir);
        let pull = forge.request("settings.env", settings(leaks, 1));
        let mut run = Run::pull_request(&pull);
        (run.name, run.reference, run.sha) = ("pull_request_target", "refs/heads/main".into(), pull.base.clone());
        // By default the target branch is checked out, and the request's commits are not there.
        let repo = forge.cloned("clone", &["+refs/heads/main:refs/remotes/origin/main"], "refs/remotes/origin/main");
        let ran = run.on(&repo);
        ran.code(3).says(&["git fetch origin refs/pull/7/head", &pull.head, "INCOMPLETE"]);
        repo.git(&["fetch", "--quiet", "origin", "refs/pull/7/head"]);
        judged(leaks, run.on(&repo));
        judged(leaks, run.on(&forge.full("head", &pull.head)));
    }
}

#[test]
fn a_push() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let forge = Forge::new(&dir);
        // Old ones were there before.
        forge.author.commit_file("old", leak(2));
        let before = forge.push("main");
        forge.author.commit_file("a", settings(leaks, 1));
        forge.author.commit_file("b", "more\n");
        let after = forge.push("main");
        let ran = judged(leaks, Run::push("refs/heads/main", &before, &after).on(&forge.full("clone", &after)));
        ran.complains(&["push to main: what it adds to the branch before the push"]);
        assert!(!ran.stdout().contains(&print_of(&runra(2))), "{ran}");
    }
}

#[test]
fn the_first_push_of_a_branch() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let forge = Forge::new(&dir);
        forge.author.commit_file("old", leak(2));
        forge.push("main");
        forge.branch("feature");
        forge.author.commit_file("a", settings(leaks, 1));
        forge.author.commit_file("a", "gone\n");
        let after = forge.push("feature");
        let repo = forge.full("clone", &after);
        let run = Run::push("refs/heads/feature", NULL, &after);
        let ran = judged(leaks, run.on(&repo));
        ran.complains(&["push to feature: what it adds to origin/main"]);
        assert!(!ran.stdout().contains(&print_of(&runra(2))), "{ran}");
        // A branch that stands where main does adds nothing.
        let main = repo.git(&["rev-parse", "refs/remotes/origin/main"]);
        repo.git(&["checkout", "--quiet", "--detach", &main]);
        Run::push("refs/heads/other", NULL, &main).on(&repo).code(0).says(&["nothing to scan"]);
    }
}

/// The first push of all: nothing was there before, so everything is new.
#[test]
fn the_first_push_of_a_repository() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let forge = Forge::new(&dir);
        forge.author.commit_file("a", settings(leaks, 1));
        forge.author.commit_file("a", "gone\n");
        let after = forge.push("main");
        let ran = judged(leaks, Run::push("refs/heads/main", NULL, &after).on(&forge.full("clone", &after)));
        ran.complains(&[
            "all that it has, since nothing says what was there before",
            "(itself: there is nothing before it)",
        ]);
    }
}

#[test]
fn a_force_push() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let forge = Forge::new(&dir);
        forge.branch("feature");
        forge.author.commit_file("a", "one\n");
        let before = forge.push("feature");
        forge.author.git(&["reset", "--quiet", "--hard", "main"]);
        forge.author.commit_file("b", settings(leaks, 1));
        let after = forge.push("feature");
        // What was there before is on no branch any more, so no clone has it.
        let run = Run::push("refs/heads/feature", &before, &after);
        let ran = judged(leaks, run.on(&forge.full("clone", &after)));
        ran.complains(&["what it adds to origin/main"]);
        tells(&ran, &["is not in this clone"]);
        // Without a default branch to compare with, all of it counts.
        let repo = forge.cloned("alone", &["+refs/heads/feature:refs/remotes/origin/feature"], &after);
        let ran = judged(leaks, run.on(&repo));
        tells(&ran, &["all that the branch has", "git fetch origin"]);
    }
}

#[test]
fn a_shallow_push() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let forge = Forge::new(&dir);
        let before = forge.author.head();
        forge.author.commit_file("a", settings(leaks, 1));
        let after = forge.push("main");
        let repo = forge.shallow("clone", "refs/heads/main", "refs/remotes/origin/main");
        let run = Run::push("refs/heads/main", &before, &after);
        run.on(&repo).code(if leaks { 1 } else { 3 }).says(&["fetch-depth: 0", "no all-clear"]);
        // Deep enough is complete.
        repo.git(&["fetch", "--quiet", "--deepen=1", "origin", "main"]);
        judged(leaks, run.on(&repo));
    }
}

#[test]
fn a_deleted_branch_has_nothing_to_read() {
    let dir = Dir::new();
    let forge = Forge::new(&dir);
    forge.author.commit_file("old", leak(1));
    let before = forge.push("main");
    let ran = Run::push("refs/heads/feature", &before, NULL).on(&forge.full("clone", &before));
    ran.code(0).complains(&["nothing is left to read"]);
}

#[test]
fn a_tag() {
    for (leaks, in_message) in [(true, true), (true, false), (false, false)] {
        let dir = Dir::new();
        let forge = Forge::new(&dir);
        forge.author.commit_file("old", leak(2));
        forge.push("main");
        let text = if in_message { format!("release with {}", runra(1)) } else { "release".to_owned() };
        // Off every branch.
        forge.branch("release");
        forge.author.commit_file("a", settings(leaks && !in_message, 1));
        let commit = forge.author.head();
        forge.author.git(&["tag", "-a", "-m", &text, "v1"]);
        let tag = forge.author.git(&["rev-parse", "v1"]);
        forge.push("v1");
        let repo = forge.full("clone", &commit);
        let mut run = Run::push("refs/tags/v1", NULL, &tag);
        run.sha = commit;
        let ran = judged(leaks, run.on(&repo));
        ran.complains(&["tag v1: itself, and what it has that origin/main ("]).hides(&[&runra(1)]);
        assert_eq!(ran.stdout().contains("refs/tags/v1  in the tag"), in_message, "{ran}");
        assert!(!ran.stdout().contains(&print_of(&runra(2))), "{ran}");
    }
}

#[test]
fn a_merge_queue() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let forge = Forge::new(&dir);
        let base = forge.author.head();
        forge.branch("queue");
        forge.author.commit_file("a", settings(leaks, 1));
        let head = forge.push("HEAD:refs/heads/gh-readonly-queue/main/pr-7");
        let ran = judged(leaks, Run::merge_group(&base, &head).on(&forge.full("clone", &head)));
        ran.complains(&["merge queue: what it adds to"]);
    }
}

#[test]
fn schedules_and_buttons_read_the_whole_history() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let forge = Forge::new(&dir);
        forge.author.commit_file("a", settings(leaks, 1));
        forge.author.commit_file("a", "gone\n");
        let head = forge.push("main");
        let repo = forge.full("clone", &head);
        // What the run itself puts there is not the repository's: the token of the checkout, files of earlier steps.
        repo.git(&["config", "http.extraHeader", &format!("Authorization: Bearer {}", runra(8))]);
        repo.write("credentials.json", leak(9));
        for run in [
            Run::schedule(&head),
            Run::dispatch("refs/heads/main", &head),
            Run::push("refs/heads/main", &head, &head).args(&["--full-history"]),
        ] {
            let ran = judged(leaks, run.on(&repo));
            ran.complains(&["the whole history"]);
            assert_eq!(ran.stdout().contains("a:1"), leaks, "{ran}");
        }
        // A shallow one is no audit.
        let repo = forge.shallow("shallow", "refs/heads/main", "refs/remotes/origin/main");
        Run::schedule(&head).on(&repo).code(3).says(&["fetch-depth: 0"]);
    }
}

#[test]
fn an_event_file_that_cannot_be_read() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let forge = Forge::new(&dir);
        let pull = forge.request("a", settings(leaks, 1));
        let repo = forge.full("clone", &pull.merge);
        for payload in ["", "{", "[]", "{\"pull_request\": {\"base\": 7}}", "null"] {
            let mut run = Run::pull_request(&pull);
            run.payload = payload.to_owned();
            judged(leaks, run.on(&repo));
        }
        let mut run = Run::pull_request(&pull).set("GITHUB_EVENT_PATH", &dir.text("nowhere"));
        tells(&judged(leaks, run.on(&repo)), &["event file could not be read"]);
        // Nothing at all is known: HEAD is all that there is.
        (run.name, run.reference, run.sha, run.env) = ("push", String::new(), String::new(), Vec::new());
        run.payload = "{".into();
        judged(leaks, run.on(&repo));
    }
}

#[test]
fn nothing_is_scanned_and_that_is_said() {
    let dir = Dir::new();
    let run = Run::push("refs/heads/main", NULL, NULL);
    let mut command = dir.command(PROGRAM);
    let ran = Ran::of(command.arg("ci").envs(run.variables(&dir)));
    ran.code(2).complains(&["not in a git repository", "::error title=keysieve::Nothing was scanned"]);
    let repo = dir.repo("empty");
    let ran = Run::push("refs/heads/main", NULL, "0123456789012345678901234567890123456789").on(&repo);
    ran.code(3).says(&["is not in this clone"]);
    Run::schedule("").on(&repo).code(3);
    let ran = Run::schedule("").args(&["--base", "nowhere"]).on(&repo);
    ran.code(2).complains(&["Nothing was scanned"]);
    // A report that cannot be written is said, and the annotations are there all the same.
    let forge = Forge::new(&dir);
    let pull = forge.request("a", leak(1));
    let clone = forge.full("clone", &pull.merge);
    let ran = Run::pull_request(&pull).args(&["--sarif", "/nowhere/x.sarif"]).on(&clone);
    ran.code(4).says(&["::error file=a"]).complains(&["cannot write /nowhere/x.sarif"]);
    // A summary is not worth a leak.
    let ran = Run::pull_request(&pull).set("GITHUB_STEP_SUMMARY", "/nowhere/x").on(&clone);
    ran.code(1).complains(&["cannot write the job summary"]);
}

/// Who may not skip the hook for others may not skip CI either.
#[test]
fn variables_of_hooks_do_not_count() {
    let dir = Dir::new();
    let forge = Forge::new(&dir);
    let pull = forge.request("a", leak(1));
    let run = Run::pull_request(&pull).set("KEYSIEVE_SKIP", "1").set("SKIP", "keysieve").set("KEYSIEVE_BASE", "");
    judged(true, run.on(&forge.full("clone", &pull.merge)));
}

#[test]
fn a_base_of_ones_own() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let forge = Forge::new(&dir);
        forge.author.commit_file("a", settings(leaks, 1));
        let middle = forge.author.head();
        forge.author.commit_file("b", "more\n");
        let head = forge.push("main");
        let repo = forge.full("clone", &head);
        let of = |args: &[&str]| Run::schedule(&head).args(args).on(&repo);
        judged(leaks, of(&["--base", &format!("{middle}~1")])).complains(&["what HEAD"]);
        of(&["--base", &middle]).code(0);
        judged(leaks, of(&["--base", &format!("{middle}~1"), "--head", &middle]));
        judged(leaks, Run::schedule(&head).set("KEYSIEVE_BASE", &format!("{middle}~1")).on(&repo));
        of(&["--base", &middle, "--full-history"]).code(2);
    }
}

#[test]
fn formats_and_streams() {
    let dir = Dir::new();
    let forge = Forge::new(&dir);
    let pull = forge.request("##[add-mask]x", leak(1));
    let repo = forge.full("clone", &pull.merge);
    // A report for programs is alone on its stream, and inert all the same.
    let ran = Run::pull_request(&pull).args(&["--format", "json"]).on(&repo);
    ran.code(1).complains(&["::error file=##[add-mask]x,line=1"]);
    assert!(commands(&ran.stdout()).is_empty(), "{ran}");
    let report = ran.json();
    assert_eq!((&report.value["scan"]["mode"], &report.only()["path"]), (&"ci".into(), &"##[add-mask]x".into()));
    assert_eq!(report.level("pushed")["level"], "pushed");
    let reports = [
        "--report",
        "gitlab=gl.json",
        "--report",
        "codeclimate=cc.json",
        "--report",
        "markdown=a.md",
        "--sarif",
        "x.sarif",
    ];
    let ran = Run::pull_request(&pull).args(&reports).args(&["--no-annotations", "--quiet"]).on(&repo);
    ran.code(1);
    assert!(commands(&ran.stdout()).is_empty() && ran.stderr().is_empty() && !dir.path("summary.md").exists(), "{ran}");
    assert!(fs::read_to_string(dir.path("outputs")).unwrap().contains("sarif=x.sarif\n"));
    let read = |name: &str| -> serde_json::Value {
        let text = fs::read_to_string(repo.path(name)).unwrap();
        assert!(!text.contains(&runra(1)), "{name} has the secret");
        serde_json::from_str(&text).unwrap()
    };
    let gitlab = read("gl.json");
    let one = &gitlab["vulnerabilities"][0];
    assert_eq!((&gitlab["scan"]["type"], &gitlab["scan"]["status"]), (&"secret_detection".into(), &"success".into()));
    assert_eq!((&one["severity"], &one["location"]["start_line"]), (&"Critical".into(), &1.into()));
    assert_eq!(
        (&one["id"], &one["location"]["commit"]["sha"]),
        (&print_of(&runra(1)).into(), &pull.head.as_str().into())
    );
    assert!(gitlab["scan"]["start_time"].as_str().is_some_and(|time| time.len() == 19), "{gitlab}");
    let issue = &read("cc.json")[0];
    assert_eq!((&issue["severity"], &issue["location"]["lines"]["begin"]), (&"blocker".into(), &1.into()));
    assert_eq!((&issue["check_name"], &issue["location"]["path"]), (&"runra-api-key".into(), &"##[add-mask]x".into()));
    assert_eq!(read("x.sarif")["runs"][0]["results"][0]["ruleId"], "runra-api-key");
    assert!(fs::read_to_string(repo.path("a.md")).unwrap().contains("`##[add-mask]x:1`"));
    // A format of its own on standard output comes once.
    let ran = Run::pull_request(&pull).args(&["--format", "github"]).on(&repo);
    assert_eq!(commands(&(ran.stdout() + &ran.stderr())).len(), 1, "{ran}");
}

/// Names of files, branches, authors and messages are chosen by strangers, and the log is read by a machine.
#[test]
fn no_name_is_a_command() {
    let dir = Dir::new();
    let forge = Forge::new(&dir);
    forge.branch("feature");
    let names = [
        "::stop-commands::x",
        "  ::add-mask::*",
        "a\n::add-matcher::evil.json",
        "a\r::set-output name=x::y",
        "##[add-matcher]evil.json",
        "x ##vso[task.setvariable variable=PATH]y",
        "a,line=9999::b",
        "100%0A::error::x",
        "\u{3000}::save-state name=x::y",
        "\u{85}::warning::y",
        "::error file=x::y",
    ];
    for (i, name) in names.iter().enumerate() {
        forge.author.write(name, format!("{}# ::group::x\n", leak(i as u64 + 1)));
    }
    forge.author.git(&["config", "user.name", "::stop-commands::name"]);
    forge.author.commit("::stop-commands::subject\n\n##[add-mask]body");
    let pull = forge.pull();
    let repo = forge.full("clone", &pull.merge);
    for args in [&[][..], &["-v"], &["--format", "jsonl"], &["--format", "sarif"], &["--format", "markdown"]] {
        let ran = Run::pull_request(&pull).args(args).on(&repo);
        ran.code(1);
        let log = ran.stdout() + &ran.stderr();
        let told = commands(&log);
        assert_eq!(told.len(), 10, "{ran}");
        for (i, (name, properties, data)) in told.iter().enumerate() {
            assert_eq!(name, "error", "{ran}");
            // The last one says that there are more.
            let expected = if i == 9 { "title=" } else { "file=" };
            assert!(properties.starts_with(expected) && !properties.contains("::"), "{properties}{ran}");
            let decoded = properties.replace("%0A", "\n").replace("%0D", "\r").replace("%3A", ":").replace("%2C", ",");
            let decoded = decoded.replace("%25", "%");
            let file = names.iter().any(|name| decoded.starts_with(&format!("file={name},line=1,")));
            assert!(i == 9 || file, "{decoded:?}{ran}");
            assert!(i != 9 || data.contains("2 more leaked secrets"), "{ran}");
        }
        let others = log.lines().filter(|line| !line.starts_with("::error "));
        assert!(others.clone().count() > 10 || !args.is_empty(), "{ran}");
        others.for_each(|line| assert!(!line.contains("##vso["), "{line}{ran}"));
    }
    let summary = fs::read_to_string(dir.path("summary.md")).unwrap();
    assert_eq!(summary.matches("### ").count(), names.len(), "{summary}");
    for seed in 1..=names.len() as u64 {
        assert!(!summary.contains(&runra(seed)), "{summary}");
    }
}

/// More than is shown: ten annotations, and all in the summary.
#[test]
fn many_leaks_are_ten_annotations_and_a_summary() {
    let dir = Dir::new();
    let forge = Forge::new(&dir);
    forge.branch("feature");
    let lines: String = (1..=30).map(leak).collect();
    forge.author.commit_file("settings.env", lines);
    let pull = forge.pull();
    let repo = forge.full("clone", &pull.merge);
    let ran = Run::pull_request(&pull).on(&repo);
    let told = commands(&ran.code(1).stdout());
    assert_eq!(told.len(), 10, "{ran}");
    assert!(told[9].2.contains("21 more leaked secrets"), "{ran}");
    let summary = fs::read_to_string(dir.path("summary.md")).unwrap();
    assert!(
        summary.contains("30 leaked secrets") && (1..=30).all(|n| summary.contains(&print_of(&runra(n)))),
        "{summary}"
    );
    assert_eq!(summary.matches("```sh").count(), 1, "the same steps once");
}

/// What is not sure is shown and fails nothing, as in the hook.
#[test]
fn what_is_not_sure_warns() {
    let dir = Dir::new();
    let forge = Forge::new(&dir);
    forge.branch("feature");
    let password = ["hunter", "22"].concat();
    forge.author.commit_file("config/.env", format!("DB_PASSWORD={password}\n"));
    let pull = forge.pull();
    let repo = forge.full("clone", &pull.merge);
    let report = Run::pull_request(&pull).args(&["--format", "json", "--show-suppressed"]).on(&repo).json();
    let confidence = report.findings().first().map(|finding| finding["confidence"].clone());
    assert_eq!(confidence, Some("medium".into()), "the sample has another confidence now{}", report.ran);
    let ran = Run::pull_request(&pull).on(&repo);
    let told = commands(&ran.code(0).stdout());
    assert!(told.len() == 1 && told[0].0 == "warning" && told[0].1.starts_with("file=config/.env"), "{ran}");
    ran.says(&["Fails nothing, worth a look"]).hides(&[&password]);
    let ran = Run::pull_request(&pull).args(&["--min-confidence", "medium"]).on(&repo);
    assert_eq!(commands(&ran.code(1).stdout())[0].0, "error", "{ran}");
}
