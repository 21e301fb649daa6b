//! The plain engine: no filter, no windows, nothing remembered. What the fast one is compared with.

use std::ops::Range;
use std::sync::OnceLock;

use keysieve::rules::{Edge, Rule, RuleSet};
use rayon::prelude::*;
use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

/// Every rule at every place where it may begin.
pub struct Plain {
    rules: Vec<(&'static Rule, Regex, usize)>,
}

impl Plain {
    pub fn new(rules: &RuleSet) -> Self {
        let compile = |rule: &'static Rule| {
            let config = Regex::config().nfa_size_limit(Some(64 << 20)).hybrid_cache_capacity(16 << 20);
            let syntax = syntax::Config::new().unicode(false).utf8(false);
            let regex = Regex::builder().configure(config).syntax(syntax).build(rule.regex).unwrap();
            let group = regex.group_info().to_index(regex_automata::PatternID::ZERO, "secret").unwrap();
            (rule, regex, group)
        };
        Self { rules: rules.iter().collect::<Vec<_>>().into_par_iter().map(compile).collect() }
    }

    /// What every rule finds: its number, the match, the secret in it, and where the keyword stands.
    pub fn find(&self, bytes: &[u8]) -> Vec<(usize, Range<usize>, Range<usize>, usize)> {
        let tokens: Vec<bool> = (0..=bytes.len()).map(|at| token_edge(bytes, at)).collect();
        let words: Vec<bool> = (0..=bytes.len()).map(|at| tokens[at] || camel_edge(bytes, at)).collect();
        let anywhere = vec![true; bytes.len() + 1];
        let mut found = Vec::new();
        for (number, (rule, regex, group)) in self.rules.iter().enumerate() {
            let edges = match rule.edge {
                Edge::Token => &tokens,
                Edge::Word => &words,
                Edge::Part => &anywhere,
            };
            let search = |at: usize, end: usize| {
                let mut captures = regex.create_captures();
                regex.search_captures(&Input::new(bytes).span(at..end).anchored(Anchored::Yes), &mut captures);
                captures.get_match().map(|whole| (whole.range(), captures.get_group(*group).unwrap().range()))
            };
            if rule.anchored {
                for at in (0..bytes.len()).filter(|at| edges[*at]) {
                    found.extend(search(at, bytes.len()).map(|(whole, secret)| (number, whole, secret, at)));
                }
                continue;
            }
            for place in keyword_places(rule, bytes) {
                let end = bytes.len().min(place.end + rule.reach);
                let mut at = place.start.saturating_sub(rule.reach);
                while at < end {
                    match if edges[at] { search(at, end) } else { None } {
                        Some((whole, secret)) => {
                            at = whole.end.max(at + 1);
                            found.push((number, whole, secret, place.start));
                        }
                        None => at += 1,
                    }
                }
            }
        }
        found
    }
}

fn keyword_places(rule: &Rule, bytes: &[u8]) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    for at in 0..bytes.len() {
        for keyword in rule.keywords {
            let there = bytes.get(at..at + keyword.len());
            let same = |there: &[u8]| {
                if rule.ignore_case {
                    there.eq_ignore_ascii_case(keyword.as_bytes())
                } else {
                    there == keyword.as_bytes()
                }
            };
            if there.is_some_and(same) {
                places.push(at..at + keyword.len());
            }
        }
    }
    places
}

/// The left edge of a token, said in another way than the scanner says it.
fn token_edge(bytes: &[u8], at: usize) -> bool {
    static ESCAPE: OnceLock<regex::bytes::Regex> = OnceLock::new();
    let escape = ESCAPE.get_or_init(|| {
        let written = r"(?-u)(?:\\[abefnrtv0]|[%=][0-9a-fA-F]{2}|\\x[0-9a-fA-F]{2}|\\[uU][0-9a-fA-F]{4}|\\[0-7]{3}|\\U0000[0-9a-fA-F]{4}|(?:\x1b|\\x1[bB]|\\e|\\033|\\u001[bB])\[[0-9;]{0,16}m)$";
        regex::bytes::Regex::new(written).unwrap()
    });
    at == 0 || !bytes[at - 1].is_ascii_alphanumeric() || escape.is_match(&bytes[at.saturating_sub(30)..at])
}

fn camel_edge(bytes: &[u8], at: usize) -> bool {
    at > 0 && at < bytes.len() && bytes[at].is_ascii_uppercase() && !bytes[at - 1].is_ascii_uppercase()
}
