//! `keysieve hook run`: what installed hooks call. A scan that cannot be made blocks, says why, and how to go on.

use std::io::{self, Read, Write};
use std::path::Path;

use keysieve::error::{Error, Result};
use keysieve::git::Repo;

use super::args::{HookRun, Scan, StageName, When};
use super::exit::Exit;
use super::mode::Mode;
use super::push::{Push, message_file};
use super::scan;

/// Scans what git is about to do. Any exit code but 0 blocks it.
pub fn run(args: HookRun) -> Result<Exit> {
    let stage = args.stage;
    if !is_server(stage) && is_skipped(what(stage)) {
        return Ok(Exit::Clean);
    }
    let scan = scan_of(&args)?;
    let result = mode_of(&args).and_then(|mode| match mode {
        Mode::Push(push) if push.updates.iter().all(|update| update.new.is_none()) => Ok(Exit::Clean),
        mode => scan::run_mode(&scan, mode),
    });
    let (exit, why) = match result {
        Ok(exit @ (Exit::Clean | Exit::Findings(_))) => return Ok(exit),
        Ok(exit) => (exit, "not everything could be scanned".to_owned()),
        Err(error) => {
            super::complain(&error);
            (super::code_of(&error), "nothing could be scanned".to_owned())
        }
    };
    if warns(&scan, stage) {
        say(&format!("warning: {why}; it goes on since the configuration says `on-error: warn`"));
        return Ok(Exit::Clean);
    }
    say(&match skip(stage) {
        Some(command) => format!("{} is blocked, since {why}. Once without a scan: {command}", doing(stage)),
        None => format!("{} is rejected, since {why}; the administrator of this server can tell more", doing(stage)),
    });
    Ok(exit)
}

/// Whether the user wants this once without a scan; it is said, so that it stands in the output of git.
pub fn is_skipped(what: &str) -> bool {
    let asked = std::env::var("KEYSIEVE_SKIP").is_ok_and(|value| matches!(value.as_str(), "1" | "true" | "yes" | "on"));
    if asked {
        say(&format!("skipped because of KEYSIEVE_SKIP: {what} was not scanned for secrets"));
    }
    asked
}

fn say(text: &str) {
    let _ = writeln!(io::stderr(), "keysieve: {text}");
}

/// The scan that a hook makes: as on the command line, and silent if there is nothing to say.
fn scan_of(args: &HookRun) -> Result<Scan> {
    let mut scan = Scan::staged().map_err(|error| Error::Usage(error.to_string()))?;
    scan.output.quiet = true;
    scan.output.progress = When::Never;
    scan.strict = args.strict;
    scan.time_budget = args.time_budget;
    if is_server(args.stage) {
        scan.rules.config.clone_from(&args.trusted_config);
        scan.rules.no_config = args.trusted_config.is_none();
        scan.known.baseline.clone_from(&args.trusted_baseline);
    } else if args.trusted_config.is_some() || args.trusted_baseline.is_some() {
        let why = "--trusted-config and --trusted-baseline are for pre-receive and update: they take no other";
        return Err(Error::Usage(why.into()));
    }
    Ok(scan)
}

fn mode_of(args: &HookRun) -> Result<Mode> {
    let word = |at: usize| args.args.get(at).map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(match args.stage {
        StageName::PreCommit => Mode::Staged,
        StageName::CommitMsg => Mode::Message(message_file(&args.args)?),
        StageName::PrePush => Mode::Push(sent(word(0))?),
        StageName::PreReceive => Mode::Push(Push::received(&stdin()?)?),
        StageName::Update => {
            if args.args.len() != 3 {
                return Err(Error::Usage("git gives the update hook a ref and two ids: `-- REF OLD-ID NEW-ID`".into()));
            }
            Mode::Push(Push::received(&format!("{} {} {}", word(1), word(2), word(0)))?)
        }
    })
}

/// What is pushed: by git's lines, which some managers keep to themselves.
fn sent(remote: String) -> Result<Push> {
    let is_device = is_device();
    let lines = if is_device { String::new() } else { stdin()? };
    if lines.is_empty()
        && let Some(repo) = Repo::discover(Path::new("."), true)?
        && let Some(push) = Push::told(&repo)?
    {
        return Ok(push);
    }
    // git writes to a pipe, even if it has nothing to say.
    if is_device {
        return Err(Error::Usage(
            "git's lines about the push do not reach keysieve's standard input, so nobody knows what is pushed \
             (lefthook: `use_stdin: true`; husky: keysieve has to be the first to read them)"
                .into(),
        ));
    }
    Push::sent(&lines, remote)
}

/// Whether standard input is a terminal or `/dev/null`.
#[cfg(unix)]
fn is_device() -> bool {
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileTypeExt;
    let file = io::stdin().as_fd().try_clone_to_owned().map(std::fs::File::from);
    file.and_then(|file| file.metadata()).is_ok_and(|data| data.file_type().is_char_device())
}

#[cfg(not(unix))]
fn is_device() -> bool {
    io::IsTerminal::is_terminal(&io::stdin())
}

fn stdin() -> Result<String> {
    let mut bytes = Vec::new();
    let failed = |source| Error::Read { path: "standard input".into(), source };
    io::stdin().lock().read_to_end(&mut bytes).map_err(failed)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a hook that cannot scan is to let it pass. A configuration that cannot be read says nothing.
fn warns(scan: &Scan, stage: StageName) -> bool {
    let repo = Repo::discover(Path::new("."), true).ok().flatten();
    let repo = repo.as_ref().filter(|_| !is_server(stage));
    scan::configuration(&scan.rules, repo, Path::new(".")).is_ok_and(|config| config.warn_on_error)
}

fn is_server(stage: StageName) -> bool {
    matches!(stage, StageName::PreReceive | StageName::Update)
}

fn what(stage: StageName) -> &'static str {
    match stage {
        StageName::PreCommit => "what is staged",
        StageName::CommitMsg => "the commit message",
        StageName::PrePush | StageName::PreReceive | StageName::Update => "what is pushed",
    }
}

fn doing(stage: StageName) -> &'static str {
    match stage {
        StageName::PreCommit | StageName::CommitMsg => "this commit",
        StageName::PrePush | StageName::PreReceive | StageName::Update => "this push",
    }
}

fn skip(stage: StageName) -> Option<&'static str> {
    match stage {
        StageName::PreCommit | StageName::CommitMsg => Some("KEYSIEVE_SKIP=1 git commit …"),
        StageName::PrePush => Some("KEYSIEVE_SKIP=1 git push …"),
        StageName::PreReceive | StageName::Update => None,
    }
}
