//! Where a keyword stands, does its rule match? Decided by the bytes of a bounded window alone.

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use regex_automata::meta::Regex;
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, PatternID};

use super::backtrack::Program;
use super::edge::{self, is_edge};
use super::looked::Looked;
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
    compiled: Vec<Lazy>,
}

#[derive(Debug, Default)]
struct Lazy {
    pattern: OnceLock<Option<Box<Pattern>>>,
    /// How often a look at the bytes has spared it.
    spared: AtomicU32,
}

/// So many looks cost as much as the pattern that they spare.
const MOST_SPARED: u32 = 500;

#[derive(Debug)]
struct Pattern {
    /// Tried first; `None` if the pattern is beyond it.
    program: Option<Program>,
    /// Made when it is needed: with it, what takes the other too many steps is decided.
    regex: OnceLock<Option<Regex>>,
    source: &'static str,
    secret: usize,
    /// The other named groups: details.
    named: Vec<(String, usize)>,
}

/// The beginnings and ends of groups.
type Slots = [Option<usize>; SLOTS];

const SLOTS: usize = 32;

impl Patterns {
    /// Room for the patterns of a rule set.
    pub fn new(rules: &RuleSet) -> Self {
        Self { compiled: rules.iter().map(|_| Lazy::default()).collect() }
    }

    /// Where a rule matches, given one of its keywords at `keyword`. `looked` takes in what that depends on.
    pub fn confirm(
        &self,
        number: usize,
        rule: &Rule,
        bytes: &[u8],
        keyword: Range<usize>,
        looked: &mut Looked,
    ) -> Vec<Confirmed> {
        // Where nothing fits, no pattern is compiled: that costs more than all else.
        let compiled = || self.pattern(number, rule);
        if rule.anchored {
            looked.back(edge::looked(bytes, keyword.start));
            if !is_edge(bytes, keyword.start, rule.edge) {
                return Vec::new();
            }
            let end = bytes.len().min(keyword.start + rule.reach);
            if self.compiled[number].is_spared(rule, &bytes[keyword.start..end]) {
                looked.ahead(rule.reach + 1);
                return Vec::new();
            }
            let mut seen = keyword.end;
            let found = compiled().and_then(|pattern| pattern.search(bytes, keyword.start..end, &mut seen));
            looked.ahead(seen - keyword.start);
            return found.into_iter().collect();
        }
        let end = bytes.len().min(keyword.end + rule.reach);
        let mut at = keyword.start.saturating_sub(rule.reach);
        let mut all = Vec::new();
        let compiled = |start: usize| (!self.compiled[number].is_spared(rule, &bytes[start..end])).then(compiled)?;
        let far = if rule.near.is_empty() { rule.reach } else { 2 * rule.reach };
        looked.back(far + edge::LOOK);
        looked.ahead(keyword.len() + far + edge::LOOK);
        // No match within the window has one near it where there is none twice as far.
        if !super::has_word_near(rule, rule.near, bytes, &(at..end)) {
            return all;
        }
        let beginnings = rule.beginnings();
        while let Some(start) = beginnings.next(bytes, at..end) {
            let found = is_edge(bytes, start, rule.edge).then(|| compiled(start)).flatten();
            match found.and_then(|pattern| pattern.search(bytes, start..end, &mut 0)) {
                Some(found) => {
                    at = found.whole.end.max(found.whole.start + 1);
                    all.push(found);
                }
                None => at = start + 1,
            }
        }
        all
    }

    /// What the named groups of a rule's pattern took, apart from the secret, given its whole match.
    pub fn named(&self, number: usize, rule: &Rule, bytes: &[u8], whole: &Range<usize>) -> Vec<(&str, Range<usize>)> {
        self.pattern(number, rule).map_or(Vec::new(), |pattern| pattern.named(bytes, whole))
    }

    fn pattern(&self, number: usize, rule: &Rule) -> Option<&Pattern> {
        self.compiled[number].pattern.get_or_init(|| Pattern::compile(rule).map(Box::new)).as_deref()
    }
}

impl Lazy {
    /// Whether no match can be in these bytes and the pattern need not be compiled to say so.
    fn is_spared(&self, rule: &Rule, bytes: &[u8]) -> bool {
        let spares = self.pattern.get().is_none() && !rule.has_run(bytes);
        spares && self.spared.fetch_add(1, Ordering::Relaxed) < MOST_SPARED
    }
}

impl Pattern {
    /// `None` only if both engines refuse what the rule loader accepted; a test compiles all rules.
    fn compile(rule: &Rule) -> Option<Self> {
        let program = program(rule).filter(|program| program.slots() <= SLOTS);
        let mut regex = OnceLock::new();
        let mut named: Vec<(String, usize)> = match &program {
            Some(program) => program.names().to_vec(),
            None => {
                let compiled = engine(rule.regex, false)?;
                let names = compiled.group_info().pattern_names(PatternID::ZERO).enumerate();
                let named = names.filter_map(|(index, name)| Some((name?.to_owned(), index))).collect();
                regex = OnceLock::from(Some(compiled));
                named
            }
        };
        let secret = named.iter().position(|(name, _)| name == "secret")?;
        let (_, secret) = named.remove(secret);
        Some(Self { program, regex, source: rule.regex, secret, named })
    }

    fn named(&self, bytes: &[u8], whole: &Range<usize>) -> Vec<(&str, Range<usize>)> {
        if self.named.is_empty() {
            return Vec::new();
        }
        let Some(slots) = self.slots(bytes, whole.clone(), &mut 0) else { return Vec::new() };
        let groups = self.named.iter();
        groups.filter_map(|(name, index)| Some((name.as_str(), group(&slots, *index)?))).collect()
    }

    /// The match that begins where the span does. `seen` becomes the end of what that depends on, if it is farther.
    fn search(&self, bytes: &[u8], span: Range<usize>, seen: &mut usize) -> Option<Confirmed> {
        let slots = self.slots(bytes, span, seen)?;
        Some(Confirmed { whole: group(&slots, 0)?, secret: group(&slots, self.secret)? })
    }

    fn slots(&self, bytes: &[u8], span: Range<usize>, seen: &mut usize) -> Option<Slots> {
        let mut slots = [None; SLOTS];
        if let Some(program) = &self.program
            && let Ok(matched) = program.find(bytes, span.clone(), &mut slots, seen)
        {
            return matched.then_some(slots);
        }
        *seen = span.end + 1;
        let regex = self.regex.get_or_init(|| engine(self.source, false)).as_ref()?;
        let mut found = [None; SLOTS];
        let count = regex.group_info().slot_len().min(SLOTS);
        regex.search_slots(&Input::new(bytes).span(span).anchored(Anchored::Yes), &mut found[..count])?;
        Some(found.map(|slot| slot.map(NonMaxUsize::get)))
    }
}

/// `None` where the pattern is beyond the small engine.
fn program(rule: &Rule) -> Option<Program> {
    Program::new(&rule.node()?)
}

fn group(slots: &Slots, index: usize) -> Option<Range<usize>> {
    Some((*slots.get(2 * index)?)?..(*slots.get(2 * index + 1)?)?)
}

/// A pattern over bytes. What only asks at a place where its keyword stands gains nothing by a prefilter.
pub fn engine(pattern: &str, prefilter: bool) -> Option<Regex> {
    let config = Regex::config().nfa_size_limit(Some(20 << 20)).hybrid_cache_capacity(4 << 20);
    let config = config.auto_prefilter(prefilter);
    let syntax = syntax::Config::new().unicode(false).utf8(false);
    Regex::builder().configure(config).syntax(syntax).build(pattern).ok()
}

/// Patterns with no more bytes than this are small enough for the regex engine.
const SMALL: usize = 10_000;

/// The ids of rules whose pattern the regex engine refuses.
pub fn uncompilable(rules: &RuleSet) -> impl Iterator<Item = &'static str> + '_ {
    let is_small = |rule: &Rule| program(rule).is_some_and(|program| program.longest() <= SMALL);
    rules.iter().filter(move |rule| !is_small(rule) && engine(rule.regex, false).is_none()).map(|rule| rule.id)
}
