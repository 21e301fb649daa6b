//! Where a keyword stands, does its rule match? Decided by the bytes of a bounded window alone.

use std::ops::Range;
use std::sync::OnceLock;

use regex_automata::meta::Regex;
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, PatternID};

use super::edge::is_edge;
use crate::rules::{Rule, RuleSet};

/// Where a pattern matches, and where the secret in it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    /// The whole match, with its context.
    pub whole: Range<usize>,
    /// The secret.
    pub secret: Range<usize>,
}

/// Compiled patterns, each made when first needed.
#[derive(Debug)]
pub struct Patterns {
    compiled: Vec<OnceLock<Option<Pattern>>>,
}

#[derive(Debug)]
struct Pattern {
    regex: Regex,
    secret: usize,
    /// The other named groups: details.
    named: Vec<(String, usize)>,
}

impl Patterns {
    /// Room for the patterns of a rule set.
    pub fn new(rules: &RuleSet) -> Self {
        Self { compiled: rules.iter().map(|_| OnceLock::new()).collect() }
    }

    /// Where a rule matches, given one of its keywords at `keyword`.
    pub fn confirm(&self, number: usize, rule: &Rule, bytes: &[u8], keyword: Range<usize>) -> Vec<Confirmed> {
        // Where nothing fits, no pattern is compiled: that costs more than all else.
        let compiled = || self.pattern(number, rule);
        if rule.anchored {
            if !is_edge(bytes, keyword.start, rule.edge) {
                return Vec::new();
            }
            let end = bytes.len().min(keyword.start + rule.reach);
            let found = compiled().and_then(|pattern| pattern.search(bytes, keyword.start..end));
            return found.into_iter().collect();
        }
        let end = bytes.len().min(keyword.end + rule.reach);
        let mut at = keyword.start.saturating_sub(rule.reach);
        let mut all = Vec::new();
        // No match within the window has one near it where there is none twice as far.
        if !super::has_word_near(rule, rule.near, bytes, &(at..end)) {
            return all;
        }
        while at < end {
            let fits = rule.may_go_on(0, bytes, at) && is_edge(bytes, at, rule.edge);
            match fits.then(compiled).flatten().and_then(|pattern| pattern.search(bytes, at..end)) {
                Some(found) => {
                    at = found.whole.end.max(found.whole.start + 1);
                    all.push(found);
                }
                None => at += 1,
            }
        }
        all
    }

    /// What the named groups of a rule's pattern took, apart from the secret, given its whole match.
    pub fn named(&self, number: usize, rule: &Rule, bytes: &[u8], whole: &Range<usize>) -> Vec<(&str, Range<usize>)> {
        self.pattern(number, rule).map_or(Vec::new(), |pattern| pattern.named(bytes, whole))
    }

    fn pattern(&self, number: usize, rule: &Rule) -> Option<&Pattern> {
        self.compiled[number].get_or_init(|| Pattern::compile(rule)).as_ref()
    }
}

impl Pattern {
    /// `None` only if the engine refuses what the rule loader accepted; a test compiles all rules.
    fn compile(rule: &Rule) -> Option<Self> {
        let config =
            Regex::config().auto_prefilter(false).nfa_size_limit(Some(20 << 20)).hybrid_cache_capacity(4 << 20);
        let syntax = syntax::Config::new().unicode(false).utf8(false);
        let regex = Regex::builder().configure(config).syntax(syntax).build(rule.regex).ok()?;
        let secret = regex.group_info().to_index(PatternID::ZERO, "secret")?;
        let names = regex.group_info().pattern_names(PatternID::ZERO).enumerate();
        let named = names.filter_map(|(index, name)| Some((name.filter(|name| *name != "secret")?.to_owned(), index)));
        let named = named.collect();
        Some(Self { regex, secret, named })
    }

    fn named(&self, bytes: &[u8], whole: &Range<usize>) -> Vec<(&str, Range<usize>)> {
        if self.named.is_empty() {
            return Vec::new();
        }
        let mut captures = self.regex.create_captures();
        self.regex.captures(Input::new(bytes).span(whole.clone()).anchored(Anchored::Yes), &mut captures);
        let groups = self.named.iter();
        groups.filter_map(|(name, index)| Some((name.as_str(), captures.get_group(*index)?.range()))).collect()
    }

    /// The match that begins where the span does.
    fn search(&self, bytes: &[u8], span: Range<usize>) -> Option<Confirmed> {
        let input = Input::new(bytes).span(span).anchored(Anchored::Yes);
        let mut slots: [Option<NonMaxUsize>; 32] = [None; 32];
        let count = self.regex.group_info().slot_len().min(slots.len());
        self.regex.search_slots(&input, &mut slots[..count])?;
        let group =
            |index: usize| Some(slots.get(index * 2)?.as_ref()?.get()..slots.get(index * 2 + 1)?.as_ref()?.get());
        Some(Confirmed { whole: group(0)?, secret: group(self.secret)? })
    }
}

/// The ids of rules whose pattern the engine refuses.
pub fn uncompilable(rules: &RuleSet) -> impl Iterator<Item = &'static str> + '_ {
    rules.iter().filter(|rule| Pattern::compile(rule).is_none()).map(|rule| rule.id)
}
