//! `keysieve hook`: words what the hook module did.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use keysieve::error::{Error, Result};
use keysieve::hook::{Detected, Found, Hooks, Removed, Runs, Scope, Stage, Start, State, Status, Trial};
use keysieve::rules::sample::{self, Random};
use keysieve::scan::validate;
use keysieve::secret::Secret;

use super::args::{Hook, HookInstall, StageArg, StageName};
use super::exit::Exit;

/// Runs a `hook` command.
pub fn run(command: Hook) -> Result<Exit> {
    match command {
        Hook::Install(args) => install(&located(&args.stage)?, &args),
        Hook::Uninstall { stage } => uninstall(&located(&stage)?, stage_of(stage.stage)),
        Hook::Status { stage, no_trial } => status(&located(&stage)?, stage_of(stage.stage), !no_trial),
        Hook::Run(args) => super::gate::run(args),
    }
}

fn located(arg: &StageArg) -> Result<Hooks> {
    if arg.global { Hooks::global() } else { Hooks::locate(Path::new(".")) }
}

fn stage_of(name: StageName) -> Stage {
    match name {
        StageName::PreCommit => Stage::PreCommit,
        StageName::CommitMsg => Stage::CommitMsg,
        StageName::PrePush => Stage::PrePush,
        StageName::PreReceive => Stage::PreReceive,
        StageName::Update => Stage::Update,
    }
}

fn install(hooks: &Hooks, args: &HookInstall) -> Result<Exit> {
    let stage = stage_of(args.stage.stage);
    if !args.force
        && let Some(exit) = managed(hooks, stage)?
    {
        return Ok(exit);
    }
    let program =
        std::env::current_exe().map_err(|error| Error::Internal(format!("where is this program? {error}")))?;
    let (trusted_config, trusted_baseline) = trusted(args, stage)?;
    let (trusted_config, trusted_baseline) = (trusted_config.as_deref(), trusted_baseline.as_deref());
    let time_budget = args.time_budget.as_deref();
    if time_budget.is_some() && matches!(stage, Stage::PreCommit | Stage::CommitMsg) {
        return Err(Error::Usage("--time-budget is for pre-push, pre-receive and update".into()));
    }
    let installed = hooks.install(stage, Start { program: &program, trusted_config, trusted_baseline, time_budget })?;
    let status = hooks.status(stage)?;
    let template = hooks.use_template()?;
    let path = installed.path.display();
    super::to_stdout(|out| {
        match installed.state {
            State::New => writeln!(out, "installed: {path}")?,
            State::Updated => writeln!(out, "updated: {path}")?,
            State::Unchanged => writeln!(out, "already installed: {path}")?,
        }
        if let Some(chained) = &installed.chained {
            let runs = match &status.found {
                Found::Ours { chained: Some(chained), .. } if chained.is_executable => "runs first; it",
                _ => "is not executable, so git did not run it and we do not; it",
            };
            writeln!(out, "the hook that was there {runs} is kept as {}", chained.display())?;
        }
        writeln!(out, "{}", promise(stage))?;
        match installed.scope {
            Scope::Repository => {}
            Scope::WorkTree => writeln!(
                out,
                "note: this folder is part of the working tree; do not commit the hook, it names a path of this machine"
            )?,
            Scope::Shared => {
                writeln!(out, "note: core.hooksPath is shared: other repositories that use it run this hook, too")?;
            }
            Scope::Template => {
                if let Some(template) = &template {
                    writeln!(out, "git config --global init.templateDir is now {}", template.display())?;
                }
                writeln!(
                    out,
                    "It is for repositories that are made or cloned from now on. In those that are there already, run\n\
                     `git init` once: it copies the hook where there is none. A core.hooksPath of a repository goes first."
                )?;
            }
        }
        Ok(())
    })?;
    Ok(Exit::Clean)
}

/// With a hook manager at work, its configuration is the place, not its hook.
fn managed(hooks: &Hooks, stage: Stage) -> Result<Option<Exit>> {
    let status = hooks.status(stage)?;
    let is_ours = matches!(status.found, Found::Ours { .. });
    let Some(found) = status.managers.iter().find(|found| found.is_active).filter(|_| !is_ours) else {
        return Ok(None);
    };
    let name = found.manager.name();
    if let Some(file) = hooks.called_by(found.manager, stage) {
        super::to_stdout(|out| writeln!(out, "nothing to do: {name} calls keysieve, by {}", file.display()))?;
        return Ok(Some(Exit::Clean));
    }
    Err(Error::Repository(format!(
        "nothing was installed: {name} manages hooks here, and {}\n\n\
         Then `keysieve hook install` finds it there. To install next to {name} anyway: --force",
        found.manager.advice(stage)
    )))
}

/// The configuration and the baseline of a server, which must be there and sound now, not when somebody pushes.
fn trusted(args: &HookInstall, stage: Stage) -> Result<(Option<PathBuf>, Option<PathBuf>)> {
    let (config, baseline) = (args.trusted_config.as_deref(), args.trusted_baseline.as_deref());
    if !stage.is_server() && (config.is_some() || baseline.is_some()) {
        return Err(Error::Usage("--trusted-config and --trusted-baseline are for pre-receive and update".into()));
    }
    config.map(crate::config::Config::named).transpose()?;
    baseline.map(super::baseline::named).transpose()?;
    let real = |path: &Path| path.canonicalize().map_err(|source| Error::Read { path: path.to_owned(), source });
    Ok((config.map(real).transpose()?, baseline.map(real).transpose()?))
}

fn promise(stage: Stage) -> &'static str {
    match stage {
        Stage::PreCommit => "Every commit is now checked. Skip once: KEYSIEVE_SKIP=1 git commit …",
        Stage::CommitMsg => "Every commit message is now checked. Skip once: KEYSIEVE_SKIP=1 git commit …",
        Stage::PrePush => "Every push is now checked. Skip once: KEYSIEVE_SKIP=1 git push …",
        _ => "Everything that is pushed here is now checked. A push that cannot be checked is rejected.",
    }
}

fn advise(stage: Stage, managers: &[Detected], out: &mut dyn Write) -> io::Result<()> {
    managers.iter().filter(|found| found.is_active).try_for_each(|found| {
        writeln!(out, "note: {} manages hooks here. {}", found.manager.name(), found.manager.advice(stage))
    })
}

fn uninstall(hooks: &Hooks, stage: Stage) -> Result<Exit> {
    let removed = hooks.uninstall(stage)?;
    let template = hooks.leave_template()?;
    super::to_stdout(|out| {
        match &removed {
            Removed::Removed { path, restored: None } => writeln!(out, "removed: {}", path.display()),
            Removed::Removed { path, restored: Some(from) } => {
                writeln!(out, "removed: {}\nrestored: what was there before, from {}", path.display(), from.display())
            }
            Removed::NotInstalled { path, is_foreign: true } => {
                writeln!(out, "nothing to remove: {} is not a hook of keysieve; it was left as it is", path.display())
            }
            Removed::NotInstalled { path, .. } => writeln!(out, "nothing to remove: there is no {}", path.display()),
        }?;
        match &template {
            Some(template) => {
                writeln!(out, "git config --global init.templateDir, which was {}, is unset", template.display())
            }
            None => Ok(()),
        }
    })?;
    Ok(Exit::Clean)
}

fn status(hooks: &Hooks, stage: Stage, try_it: bool) -> Result<Exit> {
    let status = hooks.status(stage)?;
    let mut lines = Vec::new();
    let mut works = found(&status, stage, &mut lines);
    let by_manager = status.managers.iter().find_map(|found| {
        hooks.called_by(found.manager, stage).filter(|_| found.is_active).map(|file| (found.manager.name(), file))
    });
    if let (false, Some((name, file))) = (works, &by_manager) {
        works = true;
        lines.push(format!("{name} calls keysieve, by {}", file.display()));
    }
    if works && try_it && by_manager.is_none() {
        works = tried(hooks, stage, &mut lines)?;
    }
    super::to_stdout(|out| {
        lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
        if by_manager.is_none() { advise(stage, &status.managers, out) } else { Ok(()) }
    })?;
    Ok(if works { Exit::Clean } else { Exit::Findings(1) })
}

/// What is there, in words; whether it can work.
fn found(status: &Status, stage: Stage, lines: &mut Vec<String>) -> bool {
    let path = status.path.display();
    let install = match stage {
        Stage::PreCommit => "keysieve hook install".to_owned(),
        stage => format!("keysieve hook install --stage {}", stage.name()),
    };
    match &status.found {
        Found::Nothing => {
            lines.push(format!("not installed: there is no {path}; `{install}` makes one"));
            false
        }
        Found::Foreign { runs_ours: Some(ours), .. } => {
            lines.push(format!("installed behind another hook: {path} runs {}", ours.display()));
            true
        }
        Found::Foreign { is_executable, .. } => {
            let dead = if *is_executable { "" } else { " (not executable: git ignores it)" };
            lines.push(format!("not installed: {path} is another hook{dead}; `{install}` keeps it and runs it first"));
            false
        }
        Found::Ours { version, is_current, is_executable, is_edited, program, chained } => {
            lines.push(format!("installed: {path}, version {version}"));
            if !is_executable {
                lines.push(format!("it is not executable, so git ignores it; `{install}` mends that"));
            }
            if *is_edited {
                lines.push("it was edited by hand".into());
            } else if !is_current {
                lines.push(format!("it is of another version; `{install}` updates it"));
            }
            let recorded = program.recorded.display();
            lines.push(match &program.runs {
                Runs::Recorded => format!("it runs {recorded}"),
                Runs::OnPath(found) => format!("{recorded} is gone; it runs {} from the PATH", found.display()),
                Runs::Nothing => format!(
                    "it cannot run: {recorded} is gone and keysieve is not on the PATH; all is blocked until \
                     `{install}` is run again"
                ),
            });
            lines.extend(chained.as_ref().filter(|chained| chained.exists).map(
                |chained| match chained.is_executable {
                    true => format!("first it runs {}", chained.path.display()),
                    false => format!("it does not run {}, which is not executable", chained.path.display()),
                },
            ));
            *is_executable && !matches!(program.runs, Runs::Nothing)
        }
    }
}

/// Has git commit or push a key that was made up on the spot.
fn tried(hooks: &Hooks, stage: Stage, lines: &mut Vec<String>) -> Result<bool> {
    let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
    let key = sample::fill("rra_live_{lower+digit:25}", &mut Random::new(nanos), &validate::generate)
        .map_err(|error| Error::Internal(format!("a made-up key: {error}")))?;
    let expected = Secret::new(key.as_bytes(), 0).fingerprint(super::scan::id_key().as_deref().map(str::as_bytes));
    let what = if matches!(stage, Stage::PreCommit | Stage::CommitMsg) { "commit" } else { "push" };
    Ok(match hooks.trial(stage, &format!("RUNRA_API_KEY={key}\n"), &expected)? {
        Trial::Blocked => {
            lines.push(format!("tried in a temporary repository: a {what} of a made-up key was blocked, so it works"));
            true
        }
        Trial::Passed => {
            lines.push(format!("tried in a temporary repository: a {what} of a made-up key WAS NOT BLOCKED"));
            false
        }
        Trial::Stopped(said) => {
            lines.push(format!(
                "tried in a temporary repository: another hook stopped the {what} before keysieve's turn:"
            ));
            lines.extend(said.lines().map(|line| format!("  {line}")));
            true
        }
    })
}
