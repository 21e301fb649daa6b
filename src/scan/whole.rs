//! Files that are secrets in themselves: key stores, password vaults, dumps of memory. Known by their first bytes, which
//! cost one table look-up a file, or by a name that the caller tells of, since no path is seen here.

use std::sync::OnceLock;

use regex_automata::meta::Regex;
use regex_automata::util::syntax;

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
    holds: OnceLock<Option<Regex>>,
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
        self.holds.get_or_init(|| compile(self.rule)).as_ref().is_some_and(|regex| regex.is_match(piece))
    }
}

/// `None` only if the engine refuses what the rule loader accepted; a test compiles all rules.
fn compile(rule: &Rule) -> Option<Regex> {
    let config = Regex::config().nfa_size_limit(Some(20 << 20)).hybrid_cache_capacity(4 << 20);
    let syntax = syntax::Config::new().unicode(false).utf8(false);
    Regex::builder().configure(config).syntax(syntax).build(rule.holds).ok()
}

/// The ids of rules whose `holds` the engine refuses.
pub(super) fn uncompilable(rules: &RuleSet) -> impl Iterator<Item = &'static str> + '_ {
    rules.files().filter(|rule| compile(rule).is_none()).map(|rule| rule.id)
}
