//! What a CI system says of its run, in its own variables and event files.

use serde_json::Value;

use super::provider::Env;
use crate::cli::args::Provider;

/// What started the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A pull or merge request, or an entry of a merge queue: what `head` has and the target branch lacks.
    Change,
    /// A push to a branch: what it has since `before`.
    Push {
        /// The branch before the push; `None` if it is new, or the system does not tell.
        before: Option<String>,
    },
    /// A tag.
    Tag,
    /// A branch or tag is gone: there is nothing to read.
    Deletion,
    /// A schedule, a button, or anything else: the whole history.
    Everything,
}

/// A run. Names are as the system gives them, full names of refs where there are any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What started it.
    pub event: Event,
    /// The same for people: `pull request #12`.
    pub named: String,
    /// The newest commit, or tag, that it is about.
    pub head: Option<String>,
    /// Where the head is to be had, if the clone lacks it.
    pub head_ref: Option<String>,
    /// The merge that the system made to try the change out: its first parent is the target branch.
    pub merge: Option<String>,
    /// Commits of the target branch.
    pub bases: Vec<String>,
    /// The branch that a change goes to.
    pub target: Option<String>,
    /// The branch that was pushed.
    pub branch: Option<String>,
    /// The repository's default branch.
    pub default_branch: Option<String>,
    /// What could not be understood, for people.
    pub doubts: Vec<String>,
}

impl Job {
    fn new(event: Event, named: impl Into<String>) -> Self {
        Self {
            event,
            named: named.into(),
            head: None,
            head_ref: None,
            merge: None,
            bases: Vec::new(),
            target: None,
            branch: None,
            default_branch: None,
            doubts: Vec::new(),
        }
    }

    /// What the environment says. `event` reads a file of GitHub's.
    pub fn of(provider: Provider, env: &Env, event: &dyn Fn(&str) -> Result<Value, String>) -> Self {
        match provider {
            Provider::Github => super::github::job(env, event),
            Provider::Gitlab => gitlab(env),
            Provider::Bitbucket => bitbucket(env),
            Provider::Azure => azure(env),
            Provider::Circleci => circleci(env),
            Provider::Buildkite => buildkite(env),
            Provider::Jenkins => jenkins(env),
            Provider::Generic => Self::push("HEAD", None, None, None),
        }
    }

    /// A pull request.
    pub fn change(named: impl Into<String>) -> Self {
        Self::new(Event::Change, named)
    }

    /// A push to a branch.
    pub fn push(named: &str, branch: Option<String>, before: Option<String>, head: Option<String>) -> Self {
        let before = before.filter(|id| !is_null(id));
        Self { branch, head, ..Self::new(Event::Push { before }, named) }
    }

    /// A tag.
    pub fn tag(name: &str, head: Option<String>) -> Self {
        let full = format!("refs/tags/{name}");
        Self { head, head_ref: Some(full), ..Self::new(Event::Tag, format!("tag {name}")) }
    }

    /// All that there is.
    pub fn everything(named: impl Into<String>) -> Self {
        Self::new(Event::Everything, named)
    }

    /// Something was deleted.
    pub fn deletion(named: impl Into<String>) -> Self {
        Self::new(Event::Deletion, named)
    }
}

/// Whether an id is all zeros, which stands for none.
pub fn is_null(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte == b'0')
}

/// The branch that a full name is of.
pub fn branch_of(name: &str) -> &str {
    name.strip_prefix("refs/heads/").unwrap_or(name)
}

fn push_to(branch: Option<&str>) -> String {
    branch.map_or_else(|| "this commit".to_owned(), |branch| format!("push to {branch}"))
}

/// Predefined variables of GitLab. `CI_MERGE_REQUEST_DIFF_BASE_SHA` is the merge base; of the target branch itself only
/// merged results tell.
fn gitlab(env: &Env) -> Job {
    let head = env.text("CI_COMMIT_SHA");
    let default_branch = env.text("CI_DEFAULT_BRANCH");
    let branch = env.text("CI_COMMIT_BRANCH");
    let source = env.get("CI_PIPELINE_SOURCE").unwrap_or_default();
    let before = env.text("CI_COMMIT_BEFORE_SHA").filter(|id| !is_null(id));
    let mut job = if let Some(number) = env.get("CI_MERGE_REQUEST_IID") {
        let mut job = Job::change(format!("merge request !{number}"));
        let bases = ["CI_MERGE_REQUEST_TARGET_BRANCH_SHA", "CI_MERGE_REQUEST_DIFF_BASE_SHA"];
        job.bases = bases.iter().filter_map(|name| env.text(name)).collect();
        job.target = env.text("CI_MERGE_REQUEST_TARGET_BRANCH_NAME");
        job.head_ref = Some(format!("refs/merge-requests/{number}/head"));
        Job { head: env.text("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA").or(head), ..job }
    } else if let Some(tag) = env.get("CI_COMMIT_TAG") {
        Job::tag(tag, head)
    } else if before.is_some() || matches!(source, "push" | "webide" | "external_pull_request_event" | "") {
        Job::push(&push_to(branch.as_deref()), branch, before, head)
    } else {
        Job::everything(format!("{source} pipeline"))
    };
    job.default_branch = default_branch;
    job
}

/// Bitbucket merges the destination into the source before the step begins; of a push it tells no earlier commit.
fn bitbucket(env: &Env) -> Job {
    let head = env.text("BITBUCKET_COMMIT");
    let branch = env.text("BITBUCKET_BRANCH");
    if let Some(number) = env.get("BITBUCKET_PR_ID") {
        let bases = env.text("BITBUCKET_PR_DESTINATION_COMMIT").into_iter().collect();
        let target = env.text("BITBUCKET_PR_DESTINATION_BRANCH");
        return Job { head, bases, target, ..Job::change(format!("pull request #{number}")) };
    }
    match env.get("BITBUCKET_TAG") {
        Some(tag) => Job::tag(tag, head),
        None => Job::push(&push_to(branch.as_deref()), branch, None, head),
    }
}

/// Azure checks out the merge of a pull request; of a push it tells no earlier commit.
fn azure(env: &Env) -> Job {
    let head = env.text("BUILD_SOURCEVERSION");
    let name = env.get("BUILD_SOURCEBRANCH").unwrap_or_default();
    let reason = env.get("BUILD_REASON").unwrap_or_default();
    if let Some(target) = env.get("SYSTEM_PULLREQUEST_TARGETBRANCH") {
        let number = env.get("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER").or(env.get("SYSTEM_PULLREQUEST_PULLREQUESTID"));
        let mut job = Job::change(format!("pull request #{}", number.unwrap_or("?")));
        job.head = env.text("SYSTEM_PULLREQUEST_SOURCECOMMITID").or_else(|| head.clone());
        job.head_ref = env.text("SYSTEM_PULLREQUEST_SOURCEBRANCH");
        job.merge = head;
        job.target = Some(branch_of(target).to_owned());
        return job;
    }
    if let Some(tag) = name.strip_prefix("refs/tags/") {
        return Job::tag(tag, head);
    }
    match reason {
        "Schedule" | "Manual" | "ResourceTrigger" | "BuildCompletion" => Job::everything(format!("{reason} run")),
        _ => {
            let branch = Some(branch_of(name).to_owned()).filter(|branch| !branch.is_empty());
            Job::push(&push_to(branch.as_deref()), branch, None, head)
        }
    }
}

/// CircleCI tells neither the target of a pull request nor an earlier commit: a branch is compared with the default one.
/// Its pipeline values do, and reach us as --base.
fn circleci(env: &Env) -> Job {
    let head = env.text("CIRCLE_SHA1");
    let branch = env.text("CIRCLE_BRANCH");
    match env.get("CIRCLE_TAG") {
        Some(tag) => Job::tag(tag, head),
        None => Job::push(&push_to(branch.as_deref()), branch, None, head),
    }
}

/// Buildkite's `BUILDKITE_PULL_REQUEST` is a number, or `false`.
fn buildkite(env: &Env) -> Job {
    let head = env.text("BUILDKITE_COMMIT").filter(|head| head != "HEAD");
    let branch = env.text("BUILDKITE_BRANCH");
    let number = env.get("BUILDKITE_PULL_REQUEST").filter(|number| *number != "false");
    let mut job = if let Some(base) = env.text("BUILDKITE_MERGE_QUEUE_BASE_COMMIT") {
        let target = env.text("BUILDKITE_MERGE_QUEUE_BASE_BRANCH");
        Job { head, target, bases: vec![base], ..Job::change("merge queue") }
    } else if let Some(number) = number {
        let mut job = Job::change(format!("pull request #{number}"));
        job.target = env.text("BUILDKITE_PULL_REQUEST_BASE_BRANCH");
        job.head_ref = Some(format!("refs/pull/{number}/head"));
        Job { head, ..job }
    } else if let Some(tag) = env.get("BUILDKITE_TAG") {
        Job::tag(tag, head)
    } else if matches!(env.get("BUILDKITE_SOURCE"), Some("schedule" | "ui" | "api")) {
        Job::everything(format!("{} build", env.get("BUILDKITE_SOURCE").unwrap_or_default()))
    } else {
        Job::push(&push_to(branch.as_deref()), branch, None, head)
    };
    job.default_branch = env.text("BUILDKITE_PIPELINE_DEFAULT_BRANCH");
    job
}

/// Jenkins: variables of multibranch pipelines and of the Git plugin. Only the last *successful* build is a base: what a
/// failed one saw must be seen again.
fn jenkins(env: &Env) -> Job {
    let head = env.text("GIT_COMMIT");
    let name =
        env.get("BRANCH_NAME").or(env.get("GIT_BRANCH")).map(|name| name.strip_prefix("origin/").unwrap_or(name));
    let branch = name.map(str::to_owned);
    if let Some(target) = env.text("CHANGE_TARGET") {
        let number = env.get("CHANGE_ID").unwrap_or("?");
        return Job { head, target: Some(target), ..Job::change(format!("pull request #{number}")) };
    }
    if let Some(tag) = env.get("TAG_NAME") {
        return Job::tag(tag, head);
    }
    let mut job = Job::push(&push_to(branch.as_deref()), branch, env.text("GIT_PREVIOUS_SUCCESSFUL_COMMIT"), head);
    if env.is_primary() {
        job.default_branch.clone_from(&job.branch);
    }
    job
}
