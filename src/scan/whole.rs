//! Files that are secrets in themselves: key stores, password vaults, dumps of memory. Known by their first bytes, which
//! cost one table look-up a file, or by a name that the caller tells of, since no path is seen here.

use std::sync::OnceLock;

use regex_automata::meta::Regex;

use super::backtrack::Program;
use super::confirm::engine;
use crate::finding::Match;
use crate::rules::{Rule, RuleSet};
use crate::secret::Secret;

/// How far into a file `holds` is searched for: a state file of Terraform has its secrets further down.
const SEARCHED: usize = 1 << 20;
/// What stands for the whole file in its fingerprint: enough to tell any two apart, since headers have salts, serial
/// numbers and dates, and small enough to keep for every version of a large file.
const KEPT: usize = 4096;

/// The rules about whole files.
#[derive(Debug)]
pub(super) struct Files {
    files: Vec<File>,
    /// The rules without a name for files that begin with each byte.
    starts: Vec<(u8, usize)>,
    may_start: [bool; 256],
}

#[derive(Debug)]
struct File {
    rule: &'static Rule,
    holds: OnceLock<Holds>,
}

/// What a file must hold.
#[derive(Debug)]
struct Holds {
    /// Of a pattern that begins where the file does. Tried first: automata take milliseconds to build.
    program: Option<Program>,
    regex: OnceLock<Option<Regex>>,
    pattern: &'static str,
}

impl Files {
    pub fn new(rules: &RuleSet) -> Self {
        let files: Vec<File> = rules.files().map(|rule| File { rule, holds: OnceLock::new() }).collect();
        let unnamed = files.iter().enumerate().filter(|(_, file)| file.rule.names.is_empty());
        let mut starts: Vec<(u8, usize)> = unnamed
            .flat_map(|(at, file)| file.rule.magic.iter().filter_map(move |magic| Some((*magic.bytes.first()?, at))))
            .collect();
        starts.sort_unstable();
        starts.dedup();
        let mut may_start = [false; 256];
        starts.iter().for_each(|(byte, _)| may_start[usize::from(*byte)] = true);
        Self { files, starts, may_start }
    }

    /// What a file is, given its beginning and the rules that its name speaks for. The surest and worst rule tells.
    pub fn find(&self, bytes: &[u8], named: &[&'static Rule]) -> Option<Match> {
        let first = bytes.first()?;
        if named.is_empty() && !self.may_start[usize::from(*first)] {
            return None;
        }
        let by_start = self.starts.iter().filter(|(byte, _)| byte == first).map(|(_, at)| &self.files[*at]);
        let by_name = self.files.iter().filter(|file| named.iter().any(|other| other.id == file.rule.id));
        let fitting = by_start.chain(by_name).filter(|file| file.fits(bytes)).map(|file| file.rule);
        let rule = fitting.max_by_key(|rule| (rule.confidence, rule.severity, std::cmp::Reverse(rule.id)))?;
        Some(Match {
            rule,
            span: 0..0,
            secret: Secret::new(&bytes[..bytes.len().min(KEPT)], 0),
            severity: rule.severity,
            confidence: rule.confidence,
            implausible: None,
            decoded: None,
            details: rule.details.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        })
    }
}

impl File {
    fn fits(&self, bytes: &[u8]) -> bool {
        let magic = self.rule.magic;
        (magic.is_empty() || magic.iter().any(|magic| magic.fits(bytes))) && self.holds(bytes)
    }

    fn holds(&self, bytes: &[u8]) -> bool {
        let piece = &bytes[..bytes.len().min(SEARCHED)];
        if self.rule.holds.is_empty() {
            return !piece.trim_ascii().is_empty();
        }
        self.holds.get_or_init(|| Holds::new(self.rule.holds)).is_match(piece)
    }
}

impl Holds {
    fn new(pattern: &'static str) -> Self {
        Self { program: Program::at_start(pattern), regex: OnceLock::new(), pattern }
    }

    fn is_match(&self, bytes: &[u8]) -> bool {
        let by_program =
            self.program.as_ref().and_then(|program| program.find(bytes, 0..bytes.len(), &mut [], &mut 0).ok());
        let regex = || self.regex.get_or_init(|| compile(self.pattern)).as_ref();
        by_program.unwrap_or_else(|| regex().is_some_and(|regex| regex.is_match(bytes)))
    }
}

/// `None` only if the engine refuses what the rule loader accepted; a test compiles all rules.
fn compile(pattern: &str) -> Option<Regex> {
    engine(pattern, true)
}

/// The ids of rules whose `holds` the engine refuses.
pub(super) fn uncompilable(rules: &RuleSet) -> impl Iterator<Item = &'static str> + '_ {
    rules.files().filter(|rule| compile(rule.holds).is_none()).map(|rule| rule.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::sample::{Random, fill};
    use crate::scan::validate;

    /// What samples, and samples with bytes changed, hold by either engine.
    #[test]
    fn both_engines_agree_on_what_a_file_holds() {
        let (mut random, mut counts) = (Random::new(3), [0; 2]);
        for rule in RuleSet::every_builtin().files().filter(|rule| !rule.holds.is_empty()) {
            let Some(program) = Program::at_start(rule.holds) else { continue };
            let regex = compile(rule.holds).unwrap_or_else(|| panic!("{}", rule.id));
            for sample in rule.matches.iter().chain(rule.ignores) {
                let Ok(sample) = fill(sample, &mut random, &validate::generate) else { continue };
                for _ in 0..200 {
                    let mut bytes = sample.as_bytes().to_vec();
                    for _ in 0..random.below(3) {
                        let at = random.below(bytes.len());
                        bytes[at] = random.below(256) as u8;
                    }
                    bytes.truncate(bytes.len() - random.below(9).min(bytes.len() - 1));
                    let found = program.find(&bytes, 0..bytes.len(), &mut [], &mut 0);
                    assert_eq!(found, Ok(regex.is_match(&bytes)), "{}: {bytes:?}", rule.id);
                    counts[usize::from(found == Ok(true))] += 1;
                }
            }
        }
        assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
    }
}
