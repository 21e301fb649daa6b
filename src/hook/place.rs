//! Puts a hook in its place, looks at it, takes it away.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::manager::{self, Detected, Manager};
use super::script::{self, By, Ours};
use super::{Hooks, Scope, Stage, Start};
use crate::error::{Error, Result};

/// What an installation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The hook.
    pub path: PathBuf,
    /// The earlier hook under its new name; ours runs it first, if it is executable.
    pub chained: Option<PathBuf>,
    /// What changed.
    pub state: State,
    /// Whom the hook now serves: worth a warning unless it is [`Scope::Repository`].
    pub scope: Scope,
    /// Hook managers that have a say here.
    pub managers: Vec<Detected>,
}

/// What an installation changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// There was no hook of ours.
    New,
    /// There was one for another version, program or mode.
    Updated,
    /// There was this very one.
    Unchanged,
}

/// What taking a hook away did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// There was none of ours.
    NotInstalled {
        /// Where it would be.
        path: PathBuf,
        /// Somebody else's hook is there, and stays.
        is_foreign: bool,
    },
    /// It is gone.
    Removed {
        /// Where it was.
        path: PathBuf,
        /// The name from which the earlier hook came back.
        restored: Option<PathBuf>,
    },
}

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Where the hook is or would be.
    pub path: PathBuf,
    /// Whom that directory serves.
    pub scope: Scope,
    /// What is there.
    pub found: Found,
    /// Hook managers that have a say here.
    pub managers: Vec<Detected>,
}

/// What is in the place of a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// Somebody else's.
    Foreign {
        /// git ignores it otherwise.
        is_executable: bool,
        /// The pre-commit framework runs ours from here, as what it calls a legacy hook.
        runs_ours: Option<PathBuf>,
    },
    /// Ours.
    Ours {
        /// The version that wrote it.
        version: String,
        /// This version would write the same.
        is_current: bool,
        /// git ignores it otherwise.
        is_executable: bool,
        /// Changed by hand; neither `install` nor `uninstall` will touch it.
        is_edited: bool,
        /// What it starts.
        program: Program,
        /// The earlier hook that it runs first.
        chained: Option<Chained>,
    },
}

/// The program that a hook of ours starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The path that was recorded by `install`.
    pub recorded: PathBuf,
    /// Whether anything is there.
    pub exists: bool,
    /// What runs in the end, as far as can be told without running it.
    pub runs: Runs,
}

/// What a hook of ours runs in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runs {
    /// The recorded program.
    Recorded,
    /// That one is not there or not executable; this one on `PATH` is.
    OnPath(PathBuf),
    /// Neither: every commit is blocked.
    Nothing,
}

/// An earlier hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chained {
    /// Where it is now.
    pub path: PathBuf,
    /// Whether it is there.
    pub exists: bool,
    /// It is not run otherwise.
    pub is_executable: bool,
}

/// See [`Hooks::install`].
pub(super) fn install(hooks: &Hooks, stage: Stage, start: Start<'_>) -> Result<Installed> {
    let mut paths = [Some(start.program), start.trusted_config, start.trusted_baseline].into_iter().flatten();
    if let Some(path) = paths.find(|path| !path.is_absolute()) {
        return Err(Error::Usage(format!("{}: a hook needs an absolute path", path.display())));
    }
    if hooks.work_tree().is_none() && !stage.in_bare() && !hooks.is_global {
        return Err(Error::Repository(format!(
            "{}: a bare repository, in which git never runs {} hooks; install from a working tree of it, \
             or in the clone in which the commits are made",
            hooks.dir().display(),
            stage.name()
        )));
    }
    fs::create_dir_all(hooks.dir()).map_err(|source| cannot_write(hooks.dir(), source))?;
    let path = hooks.dir().join(stage.name());
    let found = Entry::at(&path)?;
    let managers = managers(hooks, found.as_ref())?;
    let (chained, state) = match found {
        None => (None, write(&path, &script::render(stage, start, None, By::Exec)?, State::New)?),
        Some(entry) => match script::parse(&entry.content) {
            Some(ours) => update(stage, start, &path, &entry, &ours)?,
            None => (Some(chain(stage, start, &path, &entry)?), State::New),
        },
    };
    Ok(Installed { path, chained, state, scope: hooks.scope(), managers })
}

/// Replaces a hook of ours, whatever its version, and keeps its earlier hook.
fn update(stage: Stage, start: Start<'_>, path: &Path, entry: &Entry, ours: &Ours) -> Result<(Option<PathBuf>, State)> {
    refuse_what_is_not_as_we_wrote_it(path, entry, ours)?;
    let (wanted, chained) = rendered(stage, start, path, ours)?;
    let is_same = wanted == entry.content && entry.is_executable;
    let state = if is_same { State::Unchanged } else { write(path, &wanted, State::Updated)? };
    Ok((chained, state))
}

/// What we would write in place of this hook of ours, and where its earlier hook is.
fn rendered(stage: Stage, start: Start<'_>, path: &Path, ours: &Ours) -> Result<(Vec<u8>, Option<PathBuf>)> {
    let Some(name) = &ours.chained else { return Ok((script::render(stage, start, None, By::Exec)?, None)) };
    let earlier = path.with_file_name(name);
    let Some(entry) = Entry::at(&earlier)? else {
        return Ok((script::render(stage, start, None, By::Exec)?, None));
    };
    let by = script::way_to_run(&entry.content, entry.link.is_some());
    Ok((script::render(stage, start, Some(name), by)?, Some(earlier)))
}

/// Moves somebody else's hook aside and puts ours in its place.
fn chain(stage: Stage, start: Start<'_>, path: &Path, entry: &Entry) -> Result<PathBuf> {
    if Manager::Overcommit.wrote(&entry.content) {
        return Err(Error::Repository(format!("{}: {}", path.display(), Manager::Overcommit.advice(stage))));
    }
    let name = script::backup_name(stage);
    let backup = path.with_file_name(&name);
    if Entry::at(&backup)?.is_some_and(|taken| taken != *entry) {
        return Err(Error::Repository(format!(
            "{} is somebody else's hook, and the name under which it would be kept, {name}, is taken by another one \
             (perhaps some tool has replaced our hook). Keep the one that is needed under {}, move the other away, \
             and install again",
            path.display(),
            stage.name()
        )));
    }
    let by = script::way_to_run(&entry.content, entry.link.is_some());
    let wanted = script::render(stage, start, Some(&name), by)?;
    let draft = Draft::write(path, &wanted)?;
    fs::rename(path, &backup).map_err(|source| cannot_write(&backup, source))?;
    if let Err(error) = draft.put(path) {
        // Without a hook of ours the earlier one has to be where it was.
        fs::rename(&backup, path).map_err(|source| cannot_write(path, source))?;
        return Err(error);
    }
    Ok(backup)
}

/// See [`Hooks::uninstall`].
pub(super) fn uninstall(hooks: &Hooks, stage: Stage) -> Result<Removed> {
    let path = hooks.dir().join(stage.name());
    let Some(entry) = Entry::at(&path)? else { return Ok(Removed::NotInstalled { path, is_foreign: false }) };
    let Some(ours) = script::parse(&entry.content) else {
        return Ok(Removed::NotInstalled { path, is_foreign: true });
    };
    refuse_what_is_not_as_we_wrote_it(&path, &entry, &ours)?;
    if let Some(name) = &ours.chained {
        let earlier = path.with_file_name(name);
        if Entry::at(&earlier)?.is_some() {
            fs::rename(&earlier, &path).map_err(|source| cannot_write(&path, source))?;
            return Ok(Removed::Removed { path, restored: Some(earlier) });
        }
    }
    fs::remove_file(&path).map_err(|source| cannot_write(&path, source))?;
    Ok(Removed::Removed { path, restored: None })
}

/// See [`Hooks::status`].
pub(super) fn status(hooks: &Hooks, stage: Stage) -> Result<Status> {
    let path = hooks.dir().join(stage.name());
    let entry = Entry::at(&path)?;
    let managers = managers(hooks, entry.as_ref())?;
    let found = match entry {
        None => Found::Nothing,
        Some(entry) => match script::parse(&entry.content) {
            Some(ours) => status_of_ours(stage, &path, &entry, ours)?,
            None => Found::Foreign { is_executable: entry.is_executable, runs_ours: legacy(&path, &entry)? },
        },
    };
    Ok(Status { path, scope: hooks.scope(), found, managers })
}

fn status_of_ours(stage: Stage, path: &Path, entry: &Entry, ours: Ours) -> Result<Found> {
    let (wanted, _) = rendered(stage, ours.start(), path, &ours)?;
    let chained = match &ours.chained {
        None => None,
        Some(name) => {
            let path = path.with_file_name(name);
            let earlier = Entry::at(&path)?;
            let is_executable = earlier.as_ref().is_some_and(|earlier| earlier.is_executable);
            Some(Chained { path, exists: earlier.is_some(), is_executable })
        }
    };
    Ok(Found::Ours {
        is_current: wanted == entry.content,
        is_executable: entry.is_executable,
        is_edited: ours.edited,
        version: ours.version,
        program: program(ours.program),
        chained,
    })
}

/// Ours, as the pre-commit framework has renamed it.
fn legacy(path: &Path, entry: &Entry) -> Result<Option<PathBuf>> {
    if !Manager::PreCommit.wrote(&entry.content) {
        return Ok(None);
    }
    let legacy = path.with_extension("legacy");
    let is_ours =
        Entry::at(&legacy)?.is_some_and(|entry| entry.is_executable && script::parse(&entry.content).is_some());
    Ok(is_ours.then_some(legacy))
}

/// Chooses as the hook does.
fn program(recorded: PathBuf) -> Program {
    let exists = recorded.exists();
    let runs = if is_program(&recorded) {
        Runs::Recorded
    } else {
        let name = format!("keysieve{}", env::consts::EXE_SUFFIX);
        let paths = env::var_os("PATH").unwrap_or_default();
        let found = env::split_paths(&paths).map(|dir| dir.join(&name)).find(|path| is_program(path));
        found.map_or(Runs::Nothing, Runs::OnPath)
    };
    Program { recorded, exists, runs }
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|data| data.is_file() && is_executable(&data))
}

/// Looks into the hook, or behind ours into the earlier one.
fn managers(hooks: &Hooks, entry: Option<&Entry>) -> Result<Vec<Detected>> {
    let Some(entry) = entry else { return Ok(manager::detect(hooks, None)) };
    let Some(ours) = script::parse(&entry.content) else { return Ok(manager::detect(hooks, Some(&entry.content))) };
    let earlier = match ours.chained {
        Some(name) => Entry::at(&hooks.dir().join(name))?,
        None => None,
    };
    Ok(manager::detect(hooks, earlier.as_ref().map(|entry| entry.content.as_slice())))
}

fn refuse_what_is_not_as_we_wrote_it(path: &Path, entry: &Entry, ours: &Ours) -> Result<()> {
    let what = if entry.link.is_some() {
        "is a link to a keysieve hook, and not of our making"
    } else if ours.edited {
        "is a keysieve hook that was edited by hand, which would be lost"
    } else {
        return Ok(());
    };
    let back = ours.chained.as_ref().map(|name| format!(" and rename {name} to what it was")).unwrap_or_default();
    Err(Error::Repository(format!("{} {what}. Move it away{back}, then try again", path.display())))
}

/// A file that is, or was, a hook.
#[derive(PartialEq, Eq)]
struct Entry {
    content: Vec<u8>,
    is_executable: bool,
    /// Where it leads, for a symbolic link.
    link: Option<PathBuf>,
}

impl Entry {
    /// Reads it; a link that leads nowhere is there, and empty.
    fn at(path: &Path) -> Result<Option<Self>> {
        let cannot_read = |source| Error::Read { path: path.to_owned(), source };
        let data = match fs::symlink_metadata(path) {
            Ok(data) => data,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(cannot_read(error)),
        };
        let link = data.is_symlink().then(|| fs::read_link(path)).transpose().map_err(cannot_read)?;
        let (content, is_executable) = match fs::metadata(path) {
            Ok(data) if data.is_file() => (fs::read(path).map_err(cannot_read)?, is_executable(&data)),
            Ok(_) => return Err(Error::Repository(format!("{}: not a file", path.display()))),
            Err(error) if link.is_some() && error.kind() == ErrorKind::NotFound => (Vec::new(), false),
            Err(error) => return Err(cannot_read(error)),
        };
        Ok(Some(Self { content, is_executable, link }))
    }
}

/// A hook that is written, and not yet in its place.
struct Draft(PathBuf);

impl Draft {
    fn write(path: &Path, content: &[u8]) -> Result<Self> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".keysieve-{}", std::process::id()));
        let draft = Self(path.with_file_name(name));
        let written = draft.fill(content);
        written.map_err(|source| cannot_write(path, source))?;
        Ok(draft)
    }

    fn fill(&self, content: &[u8]) -> io::Result<()> {
        let mut file = create(&self.0)?;
        file.write_all(content)?;
        if !is_executable(&file.metadata()?) {
            return Err(io::Error::other("this file system keeps no executable bit, and git would ignore the hook"));
        }
        Ok(())
    }

    fn put(self, path: &Path) -> Result<()> {
        fs::rename(&self.0, path).map_err(|source| cannot_write(path, source))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After `put` there is nothing of this name.
        _ = fs::remove_file(&self.0);
    }
}

fn write(path: &Path, content: &[u8], state: State) -> Result<State> {
    Draft::write(path, content)?.put(path)?;
    Ok(state)
}

fn cannot_write(path: &Path, source: io::Error) -> Error {
    Error::Write { what: path.display().to_string(), source }
}

#[cfg(unix)]
fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().write(true).create_new(true).mode(0o755).open(path)
}

#[cfg(not(unix))]
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(unix)]
fn is_executable(data: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    data.permissions().mode() & 0o111 != 0
}

/// There git for Windows goes by the first line.
#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    true
}
