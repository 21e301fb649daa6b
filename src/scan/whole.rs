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
    /// Whether a rule without a name may hold for files that begin with this byte.
    starts: [bool; 256],
}

#[derive(Debug)]
struct File {
    rule: &'static Rule,
    holds: OnceLock<Option<Regex>>,
}

impl Files {
    pub fn new(rules: &RuleSet) -> Self {
        let mut starts = [false; 256];
        for rule in rules.files().filter(|rule| rule.names.is_empty()) {
            rule.magic
                .iter()
                .filter_map(|magic| magic.bytes.first())
                .for_each(|byte| starts[usize::from(*byte)] = true);
        }
        Self { files: rules.files().map(|rule| File { rule, holds: OnceLock::new() }).collect(), starts }
    }

    /// What a file is, given its beginning and the rules that its name speaks for. The surest and worst rule tells.
    pub fn find(&self, bytes: &[u8], named: &[&'static Rule]) -> Option<Match> {
        let first = bytes.first()?;
        if named.is_empty() && !self.starts[usize::from(*first)] {
            return None;
        }
        let fitting = self.files.iter().filter(|file| file.fits(bytes, named)).map(|file| file.rule);
        let rule = fitting.max_by_key(|rule| (rule.confidence, rule.severity, std::cmp::Reverse(rule.id)))?;
        Some(Match {
            rule,
            span: 0..0,
            secret: Secret::new(&bytes[..bytes.len().min(KEPT)], 0),
            severity: rule.severity,
            confidence: rule.confidence,
            implausible: None,
            details: rule.details.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        })
    }
}

impl File {
    fn fits(&self, bytes: &[u8], named: &[&'static Rule]) -> bool {
        let rule = self.rule;
        let called = rule.names.is_empty() || named.iter().any(|other| other.id == rule.id);
        called && (rule.magic.is_empty() || rule.magic.iter().any(|magic| magic.fits(bytes))) && self.holds(bytes)
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
