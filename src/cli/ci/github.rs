//! What GitHub Actions says: `GITHUB_EVENT_NAME`, and the webhook's payload in the file `GITHUB_EVENT_PATH`. What is in the
//! payload was written by others; only ids, names of branches and numbers are taken from it.

use serde_json::Value;

use super::job::{Job, branch_of, is_null};
use super::provider::Env;

/// The run as the environment and the event file tell it.
pub fn job(env: &Env, event: &dyn Fn(&str) -> Result<Value, String>) -> Job {
    let name = env.get("GITHUB_EVENT_NAME").unwrap_or_default();
    let path = env.get("GITHUB_EVENT_PATH");
    let (payload, doubt) = match path.map(event) {
        Some(Ok(payload)) => (payload, None),
        Some(Err(why)) => (Value::Null, Some(why)),
        None => (Value::Null, Some("GITHUB_EVENT_PATH is not set".to_owned())),
    };
    let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let sha = env.text("GITHUB_SHA");
    let full_ref = env.get("GITHUB_REF").unwrap_or_default();
    let mut job = if payload.get("pull_request").is_some() || env.get("GITHUB_BASE_REF").is_some() {
        pull_request(env, &payload, name)
    } else if payload.get("merge_group").is_some() {
        let mut job = Job::change("merge queue");
        job.bases = text("/merge_group/base_sha").into_iter().collect();
        job.target = text("/merge_group/base_ref").map(|target| branch_of(&target).to_owned());
        job.head = text("/merge_group/head_sha").or_else(|| sha.clone());
        job
    } else if payload.get("deleted").and_then(Value::as_bool) == Some(true)
        || text("/after").is_some_and(|after| is_null(&after))
    {
        Job::deletion(format!("deletion of {full_ref}"))
    } else if let Some(tag) = full_ref.strip_prefix("refs/tags/") {
        // Of an annotated tag, `after` is the tag itself, whose message counts.
        Job::tag(tag, text("/after").or_else(|| sha.clone()))
    } else if name == "push" {
        let branch = Some(branch_of(full_ref).to_owned()).filter(|branch| !branch.is_empty());
        let named = branch.as_deref().map_or_else(|| "push".to_owned(), |branch| format!("push to {branch}"));
        Job::push(&named, branch, text("/before"), text("/after").or_else(|| sha.clone()))
    } else {
        Job::everything(if name.is_empty() { "a run without GITHUB_EVENT_NAME" } else { name })
    };
    job.default_branch = text("/repository/default_branch");
    let needs_payload = matches!(name, "push" | "merge_group" | "pull_request" | "pull_request_target");
    job.doubts.extend(doubt.filter(|_| needs_payload).map(|why| format!("the event file could not be read: {why}")));
    job
}

fn pull_request(env: &Env, payload: &Value, name: &str) -> Job {
    let request = payload.get("pull_request").unwrap_or(&Value::Null);
    let text = |pointer: &str| request.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let sha = env.text("GITHUB_SHA");
    let full_ref = env.get("GITHUB_REF").unwrap_or_default();
    let number = request.get("number").or_else(|| payload.get("number")).and_then(Value::as_u64);
    // `refs/pull/12/merge` says it, too.
    let in_ref = || full_ref.strip_prefix("refs/pull/")?.split('/').next()?.parse().ok();
    let number = number.or_else(in_ref);
    let mut job = Job::change(number.map_or_else(|| "pull request".to_owned(), |n| format!("pull request #{n}")));
    job.bases = text("/base/sha").into_iter().collect();
    job.target = text("/base/ref").or_else(|| env.text("GITHUB_BASE_REF"));
    job.head = text("/head/sha");
    job.head_ref = number.map(|n| format!("refs/pull/{n}/head"));
    if name == "pull_request_target" {
        // GITHUB_SHA is the target branch, and so is what is checked out unless the workflow says otherwise.
        job.bases.extend(sha);
    } else if full_ref.ends_with("/merge") {
        job.merge = sha;
    } else {
        job.head = job.head.or(sha);
    }
    job
}
