//! Hooks for every repository of a user.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{env, fs};

use super::locate::{path_of, run};
use super::{Hooks, Scope};
use crate::error::{Error, Result};

/// See [`Hooks::global`].
pub(super) fn locate() -> Result<Hooks> {
    let at = |dir: PathBuf, scope| Hooks { dir, work_tree: None, scope, is_global: true };
    if let Some(dir) = setting("core.hooksPath")?.filter(|dir| !dir.as_os_str().is_empty()) {
        if !dir.is_absolute() {
            return Err(Error::Repository(format!(
                "the global core.hooksPath is '{}', which counts from each repository; install in each of them instead",
                dir.display()
            )));
        }
        return Ok(at(dir, Scope::Shared));
    }
    let template = match setting("init.templateDir")? {
        Some(dir) if dir.is_absolute() => dir,
        _ => own_template()?,
    };
    Ok(at(template.join("hooks"), Scope::Template))
}

/// See [`Hooks::use_template`].
pub(super) fn turn_on(hooks: &Hooks) -> Result<Option<PathBuf>> {
    if hooks.scope != Scope::Template || setting("init.templateDir")?.is_some() {
        return Ok(None);
    }
    let template = own_template()?;
    change(&["init.templateDir".into(), template.clone().into()])?;
    Ok(Some(template))
}

/// See [`Hooks::leave_template`].
pub(super) fn turn_off(hooks: &Hooks) -> Result<Option<PathBuf>> {
    let template = own_template()?;
    if hooks.scope != Scope::Template || setting("init.templateDir")?.as_deref() != Some(&template) {
        return Ok(None);
    }
    if fs::read_dir(&hooks.dir).is_ok_and(|mut left| left.next().is_some()) {
        return Ok(None);
    }
    change(&["--unset".into(), "init.templateDir".into()])?;
    // Only ours, and only if empty.
    for dir in [Some(hooks.dir.as_path()), Some(&template), template.parent()].into_iter().flatten() {
        if fs::remove_dir(dir).is_err() {
            break;
        }
    }
    Ok(Some(template))
}

fn own_template() -> Result<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
    let config = config.or_else(|| set("APPDATA")).filter(|dir| dir.is_absolute());
    let none = || Error::Usage("neither HOME nor XDG_CONFIG_HOME says where your configuration is".to_owned());
    Ok(config.ok_or_else(none)?.join("keysieve").join("template"))
}

/// A path in the user's own configuration of git.
fn setting(name: &str) -> Result<Option<PathBuf>> {
    let output = run(Path::new("."), ["config", "--global", "--path", "--get", name])?;
    match output.status.code() {
        Some(0) => {
            let mut text = output.stdout;
            text.truncate(text.trim_ascii_end().len());
            path_of(text).map(Some)
        }
        // Not set, or there is no such file.
        Some(1) => Ok(None),
        _ => Err(Error::Repository(format!(
            "git cannot read your configuration: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ))),
    }
}

fn change(words: &[OsString]) -> Result<()> {
    let command = ["config", "--global"].map(OsString::from);
    let output = run(Path::new("."), command.iter().chain(words))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Repository(format!("git cannot change your configuration: {said}")))
}
