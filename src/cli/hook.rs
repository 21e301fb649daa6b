//! `keysieve hook`: words what the hook module did.

use std::io::{self, Write};
use std::path::Path;

use keysieve::error::{Error, Result};
use keysieve::hook::{Detected, Found, Hooks, Removed, Runs, Scope, Stage, State};

use super::args::{Hook, StageArg, StageName};
use super::exit::Exit;

/// Runs a `hook` command.
pub fn run(command: Hook) -> Result<Exit> {
    let hooks = Hooks::locate(Path::new("."))?;
    match command {
        Hook::Install { stage } => install(&hooks, stage_of(&stage)),
        Hook::Uninstall { stage } => uninstall(&hooks, stage_of(&stage)),
        Hook::Status { stage } => status(&hooks, stage_of(&stage)),
    }
}

fn stage_of(arg: &StageArg) -> Stage {
    match arg.stage {
        StageName::PreCommit => Stage::PreCommit,
    }
}

fn install(hooks: &Hooks, stage: Stage) -> Result<Exit> {
    let program =
        std::env::current_exe().map_err(|error| Error::Internal(format!("where is this program? {error}")))?;
    let installed = hooks.install(stage, &program)?;
    let path = installed.path.display();
    super::to_stdout(|out| {
        match installed.state {
            State::New => writeln!(out, "installed: {path}")?,
            State::Updated => writeln!(out, "updated: {path}")?,
            State::Unchanged => writeln!(out, "already installed: {path}")?,
        }
        if let Some(chained) = &installed.chained {
            writeln!(out, "the hook that was there runs first; it is kept as {}", chained.display())?;
        }
        writeln!(out, "Every commit is now checked. Skip once: KEYSIEVE_SKIP=1 git commit …")?;
        match installed.scope {
            Scope::Repository => {}
            Scope::WorkTree => writeln!(
                out,
                "note: this folder is part of the working tree; do not commit the hook, it names a path of this machine"
            )?,
            Scope::Shared => {
                writeln!(out, "note: core.hooksPath is shared: other repositories that use it run this hook, too")?;
            }
        }
        advise(&installed.managers, out)
    })?;
    Ok(Exit::Clean)
}

fn advise(managers: &[Detected], out: &mut dyn Write) -> io::Result<()> {
    managers.iter().filter(|found| found.is_active).try_for_each(|found| {
        writeln!(out, "note: {} manages hooks here. {}", found.manager.name(), found.manager.advice())
    })
}

fn uninstall(hooks: &Hooks, stage: Stage) -> Result<Exit> {
    let removed = hooks.uninstall(stage)?;
    super::to_stdout(|out| match &removed {
        Removed::Removed { path, restored: None } => writeln!(out, "removed: {}", path.display()),
        Removed::Removed { path, restored: Some(from) } => {
            writeln!(out, "removed: {}\nrestored: what was there before, from {}", path.display(), from.display())
        }
        Removed::NotInstalled { path, is_foreign: true } => {
            writeln!(out, "nothing to remove: {} is not a hook of keysieve; it was left as it is", path.display())
        }
        Removed::NotInstalled { path, .. } => writeln!(out, "nothing to remove: there is no {}", path.display()),
    })?;
    Ok(Exit::Clean)
}

fn status(hooks: &Hooks, stage: Stage) -> Result<Exit> {
    let status = hooks.status(stage)?;
    let (mut works, path) = (false, status.path.display().to_string());
    let mut lines = Vec::new();
    match &status.found {
        Found::Nothing => lines.push(format!("not installed: there is no {path}; `keysieve hook install` makes one")),
        Found::Foreign { runs_ours: Some(ours), .. } => {
            works = true;
            lines.push(format!("installed behind another hook: {path} runs {}", ours.display()));
        }
        Found::Foreign { is_executable, .. } => {
            let dead = if *is_executable { "" } else { " (not executable: git ignores it)" };
            lines.push(format!(
                "not installed: {path} is another hook{dead}; `keysieve hook install` keeps it and runs it first"
            ));
        }
        Found::Ours { version, is_current, is_executable, is_edited, program, chained } => {
            works = *is_executable && !matches!(program.runs, Runs::Nothing);
            lines.push(format!("installed: {path}, version {version}"));
            if !is_executable {
                lines.push("it is not executable, so git ignores it; `keysieve hook install` mends that".into());
            }
            if *is_edited {
                lines.push("it was edited by hand".into());
            } else if !is_current {
                lines.push("it is of another version; `keysieve hook install` updates it".into());
            }
            lines.push(match &program.runs {
                Runs::Recorded => format!("it runs {}", program.recorded.display()),
                Runs::OnPath(found) => format!("{} is gone; it runs {} from the PATH", program.recorded.display(), found.display()),
                Runs::Nothing => format!("it cannot run: {} is gone and keysieve is not on the PATH; commits are blocked until `keysieve hook install` is run again", program.recorded.display()),
            });
            lines.extend(chained.as_ref().map(|chained| format!("first it runs {}", chained.path.display())));
        }
    }
    super::to_stdout(|out| {
        lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
        advise(&status.managers, out)
    })?;
    Ok(if works { Exit::Clean } else { Exit::Findings(1) })
}
