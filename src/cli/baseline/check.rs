//! `keysieve baseline check`: what a baseline says, what of it ran out, and what soon will.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use keysieve::baseline::{Judgement, State};
use keysieve::error::Result;
use keysieve::git::Repo;
use keysieve::time;

use super::write::counted;
use super::{Target, of_another_key};
use crate::cli::args::BaselineCheck;
use crate::cli::exit::Exit;
use crate::cli::scan;

/// Reads the file and nothing else.
pub fn run(args: BaselineCheck) -> Result<Exit> {
    let here = Path::new(".");
    let target = Target::of(args.baseline.as_deref(), Repo::discover(here, false)?.as_ref(), here)?;
    let baseline = target.read()?;
    let today = scan::today();
    let soon = time::days_after(&today, args.within).unwrap_or_else(|| "9999-12-31".into());
    let all: Vec<(u64, Judgement)> = baseline.judgements().collect();
    let over: Vec<_> = all.iter().filter(|(_, judgement)| !judgement.holds(&today)).collect();
    let ending: Vec<_> =
        all.iter().filter(|(_, judgement)| judgement.holds(&today) && !judgement.holds(&soon)).collect();
    let twice = twice(&all);
    let name = &target.name;
    crate::cli::to_stdout(|out| {
        let mut by_state: BTreeMap<State, usize> = BTreeMap::new();
        all.iter().for_each(|(_, judgement)| *by_state.entry(judgement.state).or_default() += 1);
        let states: Vec<_> = by_state.iter().map(|(state, count)| format!("{count} {}", state.word())).collect();
        let states = if states.is_empty() { String::new() } else { format!(": {}", states.join(", ")) };
        writeln!(out, "{name} is sound, {}{states}", counted(all.len(), "entry"))?;
        list(out, name, "Ran out, so it is open again", &over)?;
        list(out, name, &format!("Runs out within {}", counted(args.within as usize, "day")), &ending)?;
        list(out, name, "Judged twice; the more final one counts, delete the other", &twice)?;
        of_another_key(&baseline, scan::id_key().is_some())
            .into_iter()
            .try_for_each(|note| writeln!(out, "note: {note}"))
    })?;
    Ok(if over.is_empty() { Exit::Clean } else { Exit::Findings(1) })
}

/// A judgement and its line.
type Entry = (u64, Judgement);

/// Judgements of the same secret for the same paths that do not say the same.
fn twice(all: &[Entry]) -> Vec<&Entry> {
    let mut by_secret: BTreeMap<(&str, &[String]), Vec<&Entry>> = BTreeMap::new();
    for entry in all {
        by_secret.entry((&entry.1.fingerprint, &entry.1.paths)).or_default().push(entry);
    }
    // A merge may leave the same line twice, which says nothing new.
    let differ = |entries: &Vec<&Entry>| entries.iter().any(|entry| entry.1 != entries[0].1);
    by_secret.into_values().filter(differ).flatten().collect()
}

fn list(out: &mut dyn Write, name: &str, title: &str, entries: &[&Entry]) -> io::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}:")?;
    for (line, judgement) in entries {
        let until = judgement.until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
        writeln!(out, "  {name}:{line}: {} {}{until}", judgement.fingerprint, judgement.state.word())?;
        let words = Judgement { paths: Vec::new(), on: None, until: None, state: State::Revoked, ..judgement.clone() };
        let line = words.line().unwrap_or_default();
        let rest = line.split_once(" revoked ").map_or("", |(_, rest)| rest);
        let rest = rest.strip_prefix("- -").map_or(rest, str::trim_start);
        if !rest.is_empty() {
            writeln!(out, "    {rest}")?;
        }
    }
    Ok(())
}
