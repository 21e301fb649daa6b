//! What a run tells its CI system: a line of what is done, annotations, the job summary, outputs. Whatever is printed could
//! be taken for a command by the system that reads the log, so all of it is made inert, but for our own commands.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use keysieve::error::{Error, Result};
use keysieve::finding::{Level, Outcome};
use keysieve::report::{self, Format, Options};

use super::one_line;
use super::provider::Env;
use crate::cli::args::{Ci, OutputArgs, Provider};

/// Speaks to a CI system.
pub struct Announcer {
    provider: Provider,
    /// Whether annotations are wanted.
    annotates: bool,
    quiet: bool,
    /// Files that GitHub Actions reads after the step.
    summary: Option<PathBuf>,
    outputs: Option<PathBuf>,
    sarif: Option<PathBuf>,
}

impl Announcer {
    /// For a run in this system.
    pub fn new(provider: Provider, env: &Env, args: &Ci) -> Self {
        let of_github = |name: &str| env.text(name).filter(|_| provider == Provider::Github).map(PathBuf::from);
        Self {
            provider,
            annotates: !args.no_annotations,
            quiet: args.output.quiet,
            summary: of_github("GITHUB_STEP_SUMMARY").filter(|_| !args.no_annotations),
            outputs: of_github("GITHUB_OUTPUT"),
            sarif: args.sarif.clone(),
        }
    }

    /// What is going to be read.
    pub fn begins(&self, said: &[String]) {
        for line in said.iter().filter(|_| !self.quiet) {
            say(line);
        }
    }

    /// The findings, and what was not read.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn found(&self, outcome: &Outcome, output: &OutputArgs) -> Result<()> {
        let options = Options { show_secrets: false, ..Options::default() };
        let format = match self.provider {
            Provider::Github => Some(Format::Github),
            Provider::Azure => Some(Format::Azure),
            _ => None,
        };
        if let Some(format) = format.filter(|_| self.annotates) {
            // Both streams are read for commands, and a report that a program reads must stay whole.
            let on_stdout = if output.output.is_some() { "" } else { output.format.as_str() };
            match on_stdout {
                "" | "text" | "markdown" => {
                    crate::cli::to_stdout(|out| report::write(outcome, format, &options, out))?;
                }
                "github" | "azure" => {}
                _ => drop(report::write(outcome, format, &options, &mut io::stderr().lock())),
            }
        }
        if let Some(path) = &self.summary {
            let written = append(path, |file| report::write(outcome, Format::Markdown, &options, file));
            complain("the job summary", written);
        }
        if let Some(path) = &self.outputs {
            let open = outcome.open().filter(|finding| finding.exposure.level != Level::Dangling).count();
            let complete = outcome.tally.is_complete();
            let written = append(path, |file| {
                writeln!(file, "findings={open}\ncomplete={complete}")?;
                // A name with a line end in it would be an output of its own.
                let sarif = self.sarif.as_ref().map(|path| path.display().to_string());
                match sarif.filter(|path| !path.contains(['\n', '\r'])) {
                    Some(path) => writeln!(file, "sarif={path}"),
                    None => Ok(()),
                }
            });
            complain("the step's outputs", written);
        }
        Ok(())
    }

    /// Nothing could be scanned.
    pub fn failed(&self, error: &Error) {
        let text = crate::cli::without_secrets(&error.to_string());
        for line in text.lines() {
            say(line);
        }
        let command = match self.provider {
            Provider::Github => Some(Format::Github),
            Provider::Azure => Some(Format::Azure),
            _ => None,
        };
        if let Some(format) = command.filter(|_| self.annotates) {
            let lead =
                if matches!(error, Error::Write { .. } | Error::Internal(_)) { "" } else { "Nothing was scanned: " };
            let message = format!("{lead}{}", one_line(error));
            let line = report::command(format, "keysieve", &message);
            let _ = writeln!(io::stderr(), "{line}");
        }
    }
}

fn say(line: &str) {
    let _ = writeln!(io::stderr(), "keysieve: {}", report::inert_line(line));
}

fn append(path: &PathBuf, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    write(&mut file)?;
    file.flush()
}

/// What is beside the report must not change how the run ends: a leak is worth more than a summary.
fn complain(what: &str, written: io::Result<()>) {
    if let Err(error) = written {
        say(&format!("warning: cannot write {what}: {error}"));
    }
}
