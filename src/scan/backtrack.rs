//! A small engine for patterns that are tried at one place at a time, in a window: it goes back where a way fails.
//!
//! Most patterns are needed once or twice in a scan and then fail within a few bytes, so what counts is how soon they
//! are ready: a thousandth of what automata take to build. Steps are counted, so that no pattern can make it slow; what
//! takes more is left to the regex engine, and both find the same (a property test holds that).

use std::cell::RefCell;
use std::ops::Range;

use regex_syntax::hir::Look;

use crate::rules::{self, ByteSet, Node, only};

/// Larger programs are not made.
const MOST_STEPS: usize = 1 << 14;
/// Steps of one search.
const BUDGET: usize = 50_000;
/// Bytes of a run that count as one step.
const STRIDE: usize = 16;

/// A pattern ready to be tried.
#[derive(Debug)]
pub struct Program {
    steps: Vec<Step>,
    sets: Vec<ByteSet>,
    literals: Vec<u8>,
    slots: usize,
    names: Vec<(String, usize)>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Byte(u8),
    Literal {
        start: u32,
        len: u32,
    },
    Set(u32),
    /// Bytes of a set, as many as there are or as few as will do.
    Run {
        set: u32,
        min: u32,
        max: u32,
        greedy: bool,
        follow: Option<u32>,
    },
    /// The same where no byte of the set can follow: only all bytes that there are will do.
    Whole {
        set: u32,
        min: u32,
        max: u32,
    },
    /// Go on at the first; if that fails, at the other.
    Either {
        first: Way,
        other: Way,
    },
    Jump(u32),
    Save(u32),
    Look(Look),
    Done,
}

/// Where to go on, if a byte of the set is there: `None` where nothing is known of what comes.
#[derive(Debug, Clone, Copy)]
struct Way {
    step: u32,
    begins: Option<u32>,
}

/// What to do when a way fails.
#[derive(Debug, Clone, Copy)]
enum Back {
    /// Go on there.
    To { step: usize, at: usize },
    /// Go on behind a run that is one byte shorter, until it is as short as it may be.
    Shorter { step: usize, least: usize, at: usize, follow: Option<u32> },
    /// The same with a longer one.
    Longer { step: usize, at: usize, most: usize },
    /// A slot was other before.
    Slot { slot: usize, was: Option<usize> },
}

/// It takes too many steps.
#[derive(Debug, PartialEq, Eq)]
pub struct Exhausted;

thread_local! {
    static BACK: RefCell<Vec<Back>> = const { RefCell::new(Vec::new()) };
}

impl Program {
    /// `None` if the pattern has what this engine does not know, or is too large.
    pub fn new(pattern: &Node) -> Option<Self> {
        let empty = Self { steps: Vec::new(), sets: Vec::new(), literals: Vec::new(), slots: 2, names: Vec::new() };
        let mut program = empty;
        program.add(pattern, None)?;
        program.steps.push(Step::Done);
        Some(program)
    }

    /// The same of a pattern that matches at the beginning of the bytes alone, else `None`.
    pub fn at_start(pattern: &str) -> Option<Self> {
        let hir = rules::parse(pattern).ok()?;
        hir.properties().look_set_prefix().contains(Look::Start).then_some(())?;
        Self::new(&Node::of(&hir)?)
    }

    /// How many slots a match fills: the beginning and end of the whole, then of each group.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// How many steps there would be if each byte of a run were one.
    pub fn longest(&self) -> usize {
        let of =
            |step: &Step| if let Step::Run { max, .. } | Step::Whole { max, .. } = step { *max as usize } else { 1 };
        self.steps.iter().map(of).sum()
    }

    /// Named groups and their numbers.
    pub fn names(&self) -> &[(String, usize)] {
        &self.names
    }

    /// Fills the slots if there is a match that begins where the span does and ends within it. `seen` becomes the end of
    /// the bytes that this depends on, if it is farther: beyond the span if its end was seen.
    ///
    /// # Errors
    /// It takes too many steps.
    pub fn find(
        &self,
        bytes: &[u8],
        span: Range<usize>,
        slots: &mut [Option<usize>],
        seen: &mut usize,
    ) -> Result<bool, Exhausted> {
        BACK.with_borrow_mut(|back| {
            back.clear();
            let end = self.run(bytes, &span, slots, back, seen)?;
            if let (Some(end), [first, last, ..]) = (end, slots) {
                (*first, *last) = (Some(span.start), Some(end));
            }
            Ok(end.is_some())
        })
    }

    fn run(
        &self,
        bytes: &[u8],
        span: &Range<usize>,
        slots: &mut [Option<usize>],
        back: &mut Vec<Back>,
        seen: &mut usize,
    ) -> Result<Option<usize>, Exhausted> {
        let window = &bytes[..span.end];
        let (mut step, mut at, mut left, mut farthest) = (0, span.start, BUDGET, *seen);
        loop {
            left = left.checked_sub(1).ok_or(Exhausted)?;
            let goes_on = match self.steps[step] {
                Step::Byte(byte) => take(window.get(at) == Some(&byte), &mut at, 1),
                Step::Literal { start, len } => {
                    let literal = &self.literals[start as usize..(start + len) as usize];
                    farthest = farthest.max(at + literal.len());
                    take(window[at..].starts_with(literal), &mut at, literal.len())
                }
                Step::Set(set) => take(window.get(at).is_some_and(|byte| self.has(set, *byte)), &mut at, 1),
                Step::Whole { set, min, max } => {
                    let run = self.run_of(set, window, at, max);
                    left = left.saturating_sub(run / STRIDE);
                    farthest = farthest.max(at + run + 1);
                    take(run >= min as usize, &mut at, run)
                }
                Step::Run { set, min, max, greedy, follow } => {
                    let run = self.run_of(set, window, at, max);
                    left = left.saturating_sub(run / STRIDE);
                    let (least, most) = (at + min as usize, at + run);
                    farthest = farthest.max(most + 1);
                    if least <= most && greedy {
                        back.push(Back::Shorter { step: step + 1, least, at: most + 1, follow });
                        false
                    } else {
                        if least < most {
                            back.push(Back::Longer { step: step + 1, at: least, most });
                        }
                        at = least;
                        least <= most
                    }
                }
                Step::Either { first, other } => {
                    let may = |way: Way| self.goes_on(way.begins, window, at);
                    match (may(first), may(other)) {
                        (true, true) => {
                            back.push(Back::To { step: other.step as usize, at });
                            step = first.step as usize;
                            continue;
                        }
                        (true, false) => {
                            step = first.step as usize;
                            continue;
                        }
                        (false, true) => {
                            step = other.step as usize;
                            continue;
                        }
                        (false, false) => false,
                    }
                }
                Step::Jump(to) => {
                    step = to as usize;
                    continue;
                }
                Step::Save(slot) => {
                    if let Some(value) = slots.get_mut(slot as usize) {
                        back.push(Back::Slot { slot: slot as usize, was: *value });
                        *value = Some(at);
                    }
                    true
                }
                Step::Look(look) => looks(look, bytes, at),
                Step::Done => {
                    *seen = farthest.max(at + 1);
                    return Ok(Some(at));
                }
            };
            if goes_on {
                step += 1;
                continue;
            }
            farthest = farthest.max(at + 1);
            (step, at) = loop {
                match back.pop() {
                    None => {
                        *seen = farthest;
                        return Ok(None);
                    }
                    Some(Back::To { step, at }) => break (step, at),
                    Some(Back::Slot { slot, was }) => slots[slot] = was,
                    Some(Back::Shorter { step, least, at, follow }) => {
                        let fits = (least..at).rev().find(|at| self.goes_on(follow, window, *at));
                        left = left.saturating_sub(at - 1 - fits.unwrap_or(least));
                        let Some(at) = fits else { continue };
                        if at > least {
                            back.push(Back::Shorter { step, least, at, follow });
                        }
                        break (step, at);
                    }
                    Some(Back::Longer { step, at, most }) => {
                        let at = at + 1;
                        if at < most {
                            back.push(Back::Longer { step, at, most });
                        }
                        break (step, at);
                    }
                }
            };
        }
    }

    /// How many bytes of a set there are, but no more than `max`.
    #[inline]
    fn run_of(&self, set: u32, window: &[u8], at: usize, max: u32) -> usize {
        let set = &self.sets[set as usize];
        let most = window.len().min(at.saturating_add(max as usize));
        window[at..most].iter().take_while(|byte| rules::contains(set, **byte)).count()
    }

    /// Whether a byte of a set is next, if one must be.
    #[inline]
    fn goes_on(&self, begins: Option<u32>, window: &[u8], at: usize) -> bool {
        begins.is_none_or(|set| window.get(at).is_some_and(|byte| self.has(set, *byte)))
    }

    #[inline]
    fn has(&self, set: u32, byte: u8) -> bool {
        rules::contains(&self.sets[set as usize], byte)
    }

    fn push(&mut self, step: Step) -> Option<()> {
        self.steps.push(step);
        (self.steps.len() < MOST_STEPS).then_some(())
    }

    fn set(&mut self, set: ByteSet) -> u32 {
        let known = self.sets.iter().position(|known| *known == set);
        known.unwrap_or_else(|| {
            self.sets.push(set);
            self.sets.len() - 1
        }) as u32
    }

    /// Adds the steps of a pattern, behind which a byte of `follow` must come.
    fn add(&mut self, node: &Node, follow: Option<ByteSet>) -> Option<()> {
        match node {
            Node::Look(look) => self.push(Step::Look(*look)),
            Node::Literal(bytes) => match bytes.as_slice() {
                [] => Some(()),
                [byte] => self.push(Step::Byte(*byte)),
                bytes => {
                    let start = self.literals.len() as u32;
                    self.literals.extend_from_slice(bytes);
                    self.push(Step::Literal { start, len: bytes.len() as u32 })
                }
            },
            Node::Set(set) => {
                let set = self.set(*set);
                self.push(Step::Set(set))
            }
            Node::Repeat { sub, min, max, greedy } => match single(sub) {
                Some(bytes) => {
                    let (min, max, set) = (*min, max.unwrap_or(u32::MAX), self.set(bytes));
                    if follow.is_some_and(|follow| rules::are_apart(&bytes, &follow)) {
                        return self.push(Step::Whole { set, min, max });
                    }
                    let follow = follow.map(|set| self.set(set));
                    self.push(Step::Run { set, min, max, greedy: *greedy, follow })
                }
                None => self.repeat(sub, (*min, (*max)?), *greedy, follow),
            },
            Node::Group { index, name, sub } => {
                self.slots = self.slots.max(2 * (*index as usize + 1));
                if let Some(name) = name {
                    self.names.push((name.clone(), *index as usize));
                }
                self.push(Step::Save(2 * index))?;
                self.add(sub, follow)?;
                self.push(Step::Save(2 * index + 1))
            }
            Node::All(parts) => {
                let mut behind = vec![follow; parts.len()];
                for at in (1..parts.len()).rev() {
                    behind[at - 1] = begins(&parts[at], behind[at]);
                }
                parts.iter().zip(behind).try_for_each(|(part, follow)| self.add(part, follow))
            }
            Node::Any(parts) => self.any(parts, follow),
        }
    }

    fn any(&mut self, parts: &[Node], follow: Option<ByteSet>) -> Option<()> {
        let mut left: Vec<Option<ByteSet>> = parts.iter().map(|part| begins(part, follow)).collect();
        let ways = left.clone();
        for at in (1..left.len()).rev() {
            left[at - 1] = union(left[at - 1], left[at]);
        }
        let mut ends = Vec::with_capacity(parts.len());
        for ((at, part), way) in parts.iter().enumerate().zip(ways) {
            let either = match left.get(at + 1) {
                Some(others) => Some(self.either(way, *others)?),
                None => None,
            };
            self.add(part, follow)?;
            if let Some(either) = either {
                ends.push(self.steps.len());
                self.push(Step::Jump(0))?;
                self.otherwise(either, self.steps.len());
            }
        }
        let end = self.steps.len() as u32;
        ends.into_iter().for_each(|jump| self.steps[jump] = Step::Jump(end));
        Some(())
    }

    fn repeat(&mut self, sub: &Node, (min, max): (u32, u32), greedy: bool, follow: Option<ByteSet>) -> Option<()> {
        let one = begins(sub, follow);
        let again = union(one, follow);
        for count in 0..min {
            let behind = match count + 1 {
                last if last == max => follow,
                least if least < min => one,
                _ => again,
            };
            self.add(sub, behind)?;
        }
        // Each further one only behind the one before.
        let mut optional = Vec::new();
        for count in min..max {
            optional.push(if greedy { self.either(one, follow)? } else { self.either(follow, one)? });
            self.add(sub, if count + 1 == max { follow } else { again })?;
        }
        let end = self.steps.len();
        for at in optional {
            match (&mut self.steps[at], greedy) {
                (Step::Either { other, .. }, true) => other.step = end as u32,
                (Step::Either { first, other }, false) => (first.step, other.step) = (end as u32, at as u32 + 1),
                _ => {}
            }
        }
        Some(())
    }

    /// The next steps, else something else that is not known yet.
    fn either(&mut self, first: Option<ByteSet>, other: Option<ByteSet>) -> Option<usize> {
        let (first, other) = (first.map(|set| self.set(set)), other.map(|set| self.set(set)));
        let at = self.steps.len();
        let (first, other) = (Way { step: at as u32 + 1, begins: first }, Way { step: 0, begins: other });
        self.push(Step::Either { first, other })?;
        Some(at)
    }

    fn otherwise(&mut self, either: usize, step: usize) {
        if let Some(Step::Either { other, .. }) = self.steps.get_mut(either) {
            other.step = step as u32;
        }
    }
}

#[inline]
fn take(fits: bool, at: &mut usize, len: usize) -> bool {
    if fits {
        *at += len;
    }
    fits
}

/// The set of a pattern that matches exactly one byte.
fn single(node: &Node) -> Option<ByteSet> {
    match node {
        Node::Literal(bytes) if bytes.len() == 1 => Some(only(bytes[0])),
        Node::Set(set) => Some(*set),
        _ => None,
    }
}

/// The bytes that can come next where a pattern stands before a byte of `follow`; `None` if that may be any or none.
fn begins(node: &Node, follow: Option<ByteSet>) -> Option<ByteSet> {
    match node {
        Node::Look(_) => follow,
        Node::Literal(bytes) => bytes.first().map_or(follow, |first| Some(only(*first))),
        Node::Set(set) => Some(*set),
        Node::Repeat { sub, min: 1.., .. } => begins(sub, follow),
        Node::Repeat { sub, .. } => union(begins(sub, follow), follow),
        Node::Group { sub, .. } => begins(sub, follow),
        Node::All(parts) => {
            // What stands behind a part that is never empty does not count.
            let solid = parts.iter().position(Node::is_solid);
            let first = &parts[..solid.map_or(parts.len(), |at| at + 1)];
            first.iter().rev().fold(follow, |follow, part| begins(part, follow))
        }
        Node::Any(parts) => parts.iter().map(|part| begins(part, follow)).reduce(union).unwrap_or(Some([0; 4])),
    }
}

fn union(a: Option<ByteSet>, b: Option<ByteSet>) -> Option<ByteSet> {
    Some(rules::union(&a?, &b?))
}

fn looks(look: Look, bytes: &[u8], at: usize) -> bool {
    let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let before = || is_word(at.checked_sub(1).and_then(|at| bytes.get(at)));
    let after = || is_word(bytes.get(at));
    match look {
        Look::WordAscii => before() != after(),
        Look::WordAsciiNegate => before() == after(),
        Look::WordStartHalfAscii => !before(),
        Look::Start => at == 0,
        Look::End => at == bytes.len(),
        _ => !after(),
    }
}

#[cfg(test)]
mod tests {
    use regex_automata::meta::Regex;
    use regex_automata::util::syntax;
    use regex_automata::{Anchored, Input};

    use super::*;
    use crate::rules::RuleSet;
    use crate::rules::sample::{Random, fill};
    use crate::scan::validate;

    fn reference(pattern: &str) -> Regex {
        let syntax = syntax::Config::new().unicode(false).utf8(false);
        Regex::builder().syntax(syntax).build(pattern).unwrap()
    }

    fn by_reference(regex: &Regex, bytes: &[u8], span: Range<usize>) -> Option<Vec<Option<usize>>> {
        let mut captures = regex.create_captures();
        regex.captures(Input::new(bytes).span(span).anchored(Anchored::Yes), &mut captures);
        captures.is_match().then(|| captures.slots().iter().map(|slot| slot.map(|slot| slot.get())).collect())
    }

    fn by_program(
        program: &Program,
        bytes: &[u8],
        span: Range<usize>,
    ) -> Result<Option<Vec<Option<usize>>>, Exhausted> {
        let mut slots = vec![None; program.slots()];
        Ok(program.find(bytes, span, &mut slots, &mut 0)?.then_some(slots))
    }

    /// For every rule: samples, whole and with bytes changed, cut, doubled, at several places and in several windows.
    #[test]
    fn it_finds_what_the_regex_engine_finds() {
        let (mut matched, mut missed, mut random) = (0, 0, Random::new(7));
        let mut exhausted = std::collections::BTreeSet::new();
        for rule in RuleSet::every_builtin().iter() {
            let node = rule.node().unwrap_or_else(|| panic!("{} has what is not known", rule.id));
            let program = Program::new(&node).unwrap_or_else(|| panic!("{} is beyond the engine", rule.id));
            let regex = reference(rule.regex);
            for sample in rule.matches.iter().chain(rule.ignores).take(4) {
                let sample = fill(sample, &mut random, &validate::generate).unwrap();
                for _ in 0..12 {
                    let mut bytes = sample.as_bytes().to_vec();
                    for _ in 0..random.below(3) {
                        let (at, other) = (random.below(bytes.len()), random.below(bytes.len()));
                        match random.below(4) {
                            0 => bytes[at] = b"\"' =:\n\\x0A_-/.@"[other % 15],
                            1 => drop(bytes.drain(at.min(other)..at.max(other).min(at.min(other) + 3))),
                            2 => bytes.insert(at, bytes[other]),
                            _ => bytes.truncate(at.max(4).min(bytes.len())),
                        }
                        if bytes.is_empty() {
                            bytes.push(b'x');
                        }
                    }
                    for at in 0..bytes.len().min(60) {
                        let end = bytes.len().saturating_sub(random.below(3) * usize::from(random.below(4) == 0));
                        let span = at.min(end)..end;
                        let expected = by_reference(&regex, &bytes, span.clone());
                        let Ok(found) = by_program(&program, &bytes, span) else {
                            exhausted.insert(rule.id);
                            continue;
                        };
                        assert_eq!(found, expected, "{}: {bytes:?} at {at}", rule.id);
                        assert!(expected.is_none() || rule.has_run(&bytes[at..]), "{}: {bytes:?} at {at}", rule.id);
                        *(if expected.is_some() { &mut matched } else { &mut missed }) += 1;
                    }
                }
            }
        }
        assert!(matched > 10_000 && missed > 100_000, "{matched} {missed}");
        assert!(exhausted.len() < 5, "{exhausted:?}");
    }

    #[test]
    fn what_takes_too_long_is_given_up() {
        let program = |pattern| Program::new(&Node::of(&regex_syntax::parse(pattern).unwrap()).unwrap());
        let slow = program("(?:(?:a{0,9}){0,9}){0,9}b").unwrap();
        let bytes = [b'a'; 200];
        assert_eq!(slow.find(&bytes, 0..200, &mut [None; 2], &mut 0), Err(Exhausted));
        assert!(program("(?:abc|d){9999}").is_none());
        assert!(program("a*(?:bc)*").is_none());
    }
}
