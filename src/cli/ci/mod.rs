//! `keysieve ci`: finds out what a CI run is about, scans that, and reports it in the CI system's own form. It reads what
//! the clone has: nothing is fetched, no program is run.

mod announce;
mod github;
mod job;
mod plan;
mod provider;
mod trust;

use std::path::Path;

use keysieve::error::{Error, Result};
use keysieve::git::Repo;
use serde_json::Value;

pub use plan::{Plan, Scope};
pub use trust::only_trusted_markers;

use super::args::{Ci, Provider};
use super::exit::Exit;
use super::mode::{Mode, needed};
use super::scan;
use crate::config::Config;
use announce::Announcer;
use job::Job;
use plan::Asked;
use provider::Env;

/// Event files are webhook payloads, which are at most 25 MiB.
const MAX_EVENT: u64 = 64 << 20;

/// What is read, and by whose rules.
pub struct Run {
    /// What is read, and whose word counts.
    pub plan: Plan,
    /// The configuration that counts.
    pub config: Config,
}

/// Scans what the CI run is about.
pub fn run(args: Ci) -> Result<Exit> {
    let env = Env::of_process();
    let provider = args.provider.unwrap_or_else(|| Provider::detect(&env));
    let announcer = Announcer::new(provider, &env, &args);
    match scan_it(args, provider, &env, &announcer) {
        Ok(exit) => Ok(exit),
        Err(error) => {
            announcer.failed(&error);
            Ok(super::code_of(&error))
        }
    }
}

fn scan_it(args: Ci, provider: Provider, env: &Env, announcer: &Announcer) -> Result<Exit> {
    let job = Job::of(provider, env, &event);
    let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let asked = Asked { base: given(&args.base), head: given(&args.head), everything: args.full_history };
    let repo = needed(Repo::discover(Path::new("."), true)?)?;
    let mut plan = plan::plan(&repo, provider, &job, &asked)?;
    let mut scan = args.into_scan();
    let config = trust::configuration(&mut scan, &repo, &mut plan)?;
    announcer.begins(&plan.said);
    scan.rules.config = None;
    let outcome = scan::outcome(&scan, Mode::Ci(Box::new(Run { plan, config })))?;
    let written = scan::write(&scan, &outcome);
    announcer.found(&outcome, &scan.output)?;
    written?;
    Ok(scan::exit_of(&scan, &outcome))
}

/// Reads an event file of GitHub's.
fn event(path: &str) -> std::result::Result<Value, String> {
    let size = std::fs::metadata(path).map_err(|error| format!("{path}: {error}"))?.len();
    if size > MAX_EVENT {
        return Err(format!("{path}: is larger than 64 MiB"));
    }
    let bytes = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    serde_json::from_slice(&bytes).map_err(|error: serde_json::Error| {
        // The error itself may quote what somebody wrote.
        format!("{path}:{}:{}: is no JSON", error.line(), error.column())
    })
}

/// What went wrong, on one line.
fn one_line(error: &Error) -> String {
    super::without_secrets(&error.to_string()).split_whitespace().collect::<Vec<_>>().join(" ")
}
