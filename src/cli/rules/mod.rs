//! `keysieve rules`: list, show, check, test.

mod list;
mod show;
mod trial;

use std::io::{self, Write};
use std::path::PathBuf;

use keysieve::error::{Error, Result};
use keysieve::rules::{RuleSet, Selection};

use super::args::Rules;
use super::exit::Exit;
use super::scan::{everything, too_large};
use crate::config::Config;

/// Runs a `rules` command.
pub fn run(command: Rules) -> Result<Exit> {
    match command {
        Rules::List(wanted) => {
            let rules = everything(&wanted.rules, &Config::default())?;
            super::to_stdout(|out| list::write(&rules, &wanted, super::width(), out))?;
        }
        Rules::Show { id, rules } => {
            let rule = everything(&rules, &Config::default())?.named(&id)?;
            super::to_stdout(|out| show::write(rule, super::width(), out))?;
        }
        Rules::Check { files } => check(files)?,
        Rules::Test { files, values } => return test(files, values),
    }
    Ok(Exit::Clean)
}

fn word<T: PartialEq + Copy>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, level)| *level == value).map_or("", |(word, _)| word)
}

/// Loads rule files and says every fault.
fn check(files: Vec<PathBuf>) -> Result<()> {
    let selection = Selection { no_builtin: true, files, enable: vec!["*".into()], ..Selection::default() };
    let rules = RuleSet::load(&selection)?;
    let mut faults = too_large(&rules);
    faults.extend(rules.iter().filter_map(trial::entropy_fault));
    if !faults.is_empty() {
        return Err(Error::Faults { faults });
    }
    for warning in &rules.warnings {
        let _ = writeln!(io::stderr(), "warning: {warning}");
    }
    super::to_stdout(|out| writeln!(out, "{} rules, no faults", rules.all().count()))
}

/// Runs rules against values generated from their own samples.
fn test(files: Vec<PathBuf>, values: usize) -> Result<Exit> {
    let no_builtin = !files.is_empty();
    let rules = RuleSet::load(&Selection { no_builtin, files, enable: vec!["*".into()], ..Selection::default() })?;
    let failures: Vec<String> = rules.all().flat_map(|rule| trial::failures(rule, &rules, values)).collect();
    super::to_stdout(|out| {
        failures.iter().try_for_each(|failure| writeln!(out, "{failure}"))?;
        writeln!(out, "{} rules tested with {values} values a sample, {} failures", rules.all().count(), failures.len())
    })?;
    Ok(if failures.is_empty() { Exit::Clean } else { Exit::Findings(1) })
}
