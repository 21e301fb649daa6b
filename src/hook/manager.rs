//! Other programs that look after hooks: with one of them, ours is better called from its configuration.

use std::path::{Path, PathBuf};

use super::{Hooks, Stage};

/// A hook manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Manager {
    /// husky: `core.hooksPath` is `.husky/_`.
    Husky,
    /// lefthook.
    Lefthook,
    /// The pre-commit framework, or prek, which reads the same configuration.
    PreCommit,
    /// overcommit.
    Overcommit,
    /// simple-git-hooks.
    SimpleGitHooks,
}

/// A hook manager, and how it was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detected {
    /// Which.
    pub manager: Manager,
    /// It wrote the hook, or owns the directory; otherwise there is only a configuration file of it.
    pub is_active: bool,
}

impl Manager {
    const ALL: [Self; 5] = [Self::Husky, Self::Lefthook, Self::PreCommit, Self::Overcommit, Self::SimpleGitHooks];

    /// What it calls itself.
    pub fn name(self) -> &'static str {
        match self {
            Self::Husky => "husky",
            Self::Lefthook => "lefthook",
            Self::PreCommit => "pre-commit",
            Self::Overcommit => "overcommit",
            Self::SimpleGitHooks => "simple-git-hooks",
        }
    }

    /// Why a hook next to it does not last, and what to write into its configuration instead.
    pub fn advice(self, stage: Stage) -> String {
        let (name, run) = (stage.name(), format!("keysieve hook run {}", stage.name()));
        match self {
            Self::Husky => format!(
                "husky writes its hooks anew at every npm install, and ours is gone then.\n\
                 Put this line at the end of .husky/{name}:\n\n    {run} -- \"$@\""
            ),
            // It leaves a job out where it sees no changed file: retyped ones, other branches than HEAD, tags, what one
            // commit of a push adds and the next takes away. Not so a job with files of its own.
            Self::Lefthook => format!(
                "lefthook writes its hooks anew whenever its configuration changes, and ours is gone then.\n\
                 Add this to lefthook.yml, as the last of the jobs:\n\n    \
                 {name}:\n      jobs:\n        - name: keysieve\n          {}",
                match stage {
                    Stage::CommitMsg => format!("run: {run} -- {{0}}"),
                    Stage::PrePush => format!(
                        "files: echo lefthook.yml # without, it is left out for some pushes\n          \
                         run: {run} -- {{0}} {{files}}\n          use_stdin: true"
                    ),
                    _ => format!(
                        "files: echo lefthook.yml # without, it is left out for some commits\n          \
                         run: {run} -- {{files}}"
                    ),
                }
            ),
            Self::PreCommit => format!(
                "pre-commit install puts its hook before ours.\n\
                 Add this to .pre-commit-config.yaml, after the formatters:\n\n    \
                 - repo: local\n      hooks:\n        - id: keysieve\n          name: keysieve\n          \
                 language: system\n          entry: {}\n          pass_filenames: {}\n          \
                 always_run: true\n          stages: [{name}]",
                if stage == Stage::CommitMsg { format!("{run} --") } else { run },
                stage == Stage::CommitMsg,
            ),
            Self::Overcommit => format!(
                "overcommit goes by the file name of its hook, which must not be renamed.\n\
                 Add this to .overcommit.yml:\n\n    \
                 {}:\n      Keysieve:\n        enabled: true\n        required_executable: keysieve\n        \
                 command: [keysieve, hook, run, {name}]",
                match stage {
                    Stage::CommitMsg => "CommitMsg",
                    Stage::PrePush => "PrePush",
                    _ => "PreCommit",
                }
            ),
            Self::SimpleGitHooks => format!(
                "simple-git-hooks overwrites hooks.\n\
                 Add this to its {name} command, in package.json or its own file:\n\n    {run} -- \"$@\""
            ),
        }
    }

    /// The file of its configuration that calls keysieve already, if one does.
    pub(super) fn calls_us(self, top: &Path, stage: Stage) -> Option<PathBuf> {
        let own = [format!(".husky/{}", stage.name())];
        let mut files: Vec<PathBuf> = match self {
            Self::Husky => own.iter().map(|name| top.join(name)).collect(),
            _ => self.files().iter().map(|name| top.join(name)).collect(),
        };
        if self == Self::SimpleGitHooks {
            files.push(top.join("package.json"));
        }
        let calls = |path: &PathBuf| {
            String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).lines().any(|line| names_us(line, stage))
        };
        files.into_iter().find(calls)
    }

    /// Whether this hook is its work.
    pub(super) fn wrote(self, hook: &[u8]) -> bool {
        let has = |needle: &str| hook.windows(needle.len()).any(|window| window == needle.as_bytes());
        match self {
            // The bare name may be part of a path.
            Self::Husky => has("husky.sh") || has("# husky"),
            Self::Lefthook => has("call_lefthook") || has("$LEFTHOOK"),
            Self::PreCommit => has("generated by pre-commit") || has("generated by prek") || has("hook-impl"),
            Self::Overcommit => has("overcommit"),
            Self::SimpleGitHooks => has("SIMPLE_GIT_HOOKS"),
        }
    }

    fn owns(self, dir: &Path) -> bool {
        self == Self::Husky && (dir.ends_with(".husky/_") || dir.ends_with(".husky"))
    }

    fn is_configured(self, top: &Path) -> bool {
        self.files().iter().any(|name| top.join(name).exists())
    }

    fn files(self) -> &'static [&'static str] {
        match self {
            Self::Husky => &[".husky"],
            Self::Lefthook => &[
                "lefthook.yml",
                "lefthook.yaml",
                "lefthook.toml",
                "lefthook.json",
                "lefthook.jsonc",
                ".lefthook.yml",
                ".lefthook.yaml",
                ".lefthook.toml",
                ".lefthook.json",
                ".lefthook.jsonc",
                ".config/lefthook.yml",
                ".config/lefthook.yaml",
                ".config/lefthook.toml",
                ".config/lefthook.json",
                ".config/lefthook.jsonc",
            ],
            Self::PreCommit => &[".pre-commit-config.yaml", ".pre-commit-config.yml", "prek.toml"],
            Self::Overcommit => &[".overcommit.yml"],
            Self::SimpleGitHooks => {
                &[".simple-git-hooks.json", "simple-git-hooks.json", ".simple-git-hooks.js", "simple-git-hooks.js"]
            }
        }
    }
}

/// Whether a line of a configuration has keysieve look at this stage: by a command, or as a hook of the framework's.
fn names_us(line: &str, stage: Stage) -> bool {
    let words: Vec<&str> = line
        .split('#')
        .next()
        .unwrap_or_default()
        .split(|letter: char| !letter.is_alphanumeric() && letter != '-')
        .filter(|word| !word.is_empty() && *word != "--")
        .collect();
    let has = |wanted: &[&str]| words.windows(wanted.len()).any(|found| found == wanted);
    let id = match stage {
        Stage::PreCommit => "keysieve".to_owned(),
        Stage::PrePush => "keysieve-push".to_owned(),
        stage => format!("keysieve-{}", stage.name()),
    };
    has(&["keysieve", "hook", "run", stage.name()])
        || has(&["id", &id])
        || has(&["id", &format!("{id}-system")])
        || (stage == Stage::PreCommit && has(&["keysieve", "scan", "--staged"]))
}

/// Every manager that left a trace: the active ones first.
pub(super) fn detect(hooks: &Hooks, foreign: Option<&[u8]>) -> Vec<Detected> {
    let mut all: Vec<_> = Manager::ALL
        .into_iter()
        .filter_map(|manager| {
            let is_active = manager.owns(hooks.dir()) || foreign.is_some_and(|hook| manager.wrote(hook));
            let is_configured = || hooks.work_tree().is_some_and(|top| manager.is_configured(top));
            (is_active || is_configured()).then_some(Detected { manager, is_active })
        })
        .collect();
    all.sort_by_key(|found| !found.is_active);
    all
}
