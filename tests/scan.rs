//! Properties of the scanner: its fast ways give what the plain ways give. Fixed seeds, no time limits.
#![allow(clippy::unwrap_used)]

#[path = "support/encode.rs"]
mod encode;
#[path = "support/plain.rs"]
mod plain;
#[path = "support/texts.rs"]
mod texts;

use std::cell::RefCell;
use std::io::Read;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use aho_corasick::AhoCorasick;
use keysieve::blob::{Blob, Origin, is_binary};
use keysieve::finding::{Match, Sighting};
use keysieve::pack::Copy;
use keysieve::rules::sample::Random;
use keysieve::rules::{Rule, RuleSet, Selection};
use keysieve::scan::{Carried, Filter, Hit, Scanned, Scanner};
use keysieve::source::Stdin;
use plain::Plain;
use rayon::prelude::*;
use texts::{fill, in_pool, none, pick, seed};

fn rules() -> &'static RuleSet {
    static RULES: OnceLock<RuleSet> = OnceLock::new();
    RULES.get_or_init(RuleSet::every_builtin)
}

fn everything() -> &'static Scanner {
    static SCANNER: OnceLock<Scanner> = OnceLock::new();
    SCANNER.get_or_init(|| Scanner::new(rules()))
}

fn keywords() -> &'static [&'static str] {
    static KEYWORDS: OnceLock<Vec<&'static str>> = OnceLock::new();
    KEYWORDS.get_or_init(|| rules().iter().flat_map(|rule| rule.keywords).copied().collect())
}

/// All that a match says, to be compared and printed.
fn told(matches: &[Match]) -> Vec<String> {
    let one = |m: &Match| {
        let secret = String::from_utf8_lossy(m.secret.reveal()).into_owned();
        format!(
            "{} {:?} {secret:?} shown {:?}, {:?} {:?} {:?} {:?} {:?}",
            m.rule.id,
            m.span,
            m.secret.redacted(),
            m.severity,
            m.confidence,
            m.implausible,
            m.details,
            m.decoded.as_ref().map(|decoded| (&decoded.layers, decoded.stored.reveal()))
        )
    };
    matches.iter().map(one).collect()
}

fn told_with_site(sightings: &[Sighting]) -> Vec<String> {
    sightings.iter().map(|s| format!("{} {:?}", told(std::slice::from_ref(&s.hit))[0], s.site)).collect()
}

/// A text of a random rule's sample.
fn sample(random: &mut Random) -> String {
    let rule = rules().get(random.below(rules().len()));
    let from = if random.below(5) == 0 { rule.ignores } else { rule.matches };
    fill(from[random.below(from.len())], random).unwrap_or_default()
}

// --- the filter ---

/// What automata find, with the same rules for letter case.
struct Automata {
    exact: (AhoCorasick, Vec<u32>),
    folded: (AhoCorasick, Vec<u32>),
}

impl Automata {
    fn new(filter: &Filter) -> Self {
        let of = |ignore_case: bool| {
            let numbered = (0u32..).zip(filter.keywords()).filter(|(_, keyword)| keyword.ignore_case == ignore_case);
            let (numbers, texts): (Vec<u32>, Vec<&[u8]>) =
                numbered.map(|(number, keyword)| (number, keyword.head())).unzip();
            (AhoCorasick::builder().ascii_case_insensitive(ignore_case).build(texts).unwrap(), numbers)
        };
        Self { exact: of(false), folded: of(true) }
    }

    fn search(&self, bytes: &[u8], zone: Range<usize>) -> Vec<Hit> {
        let mut hits = Vec::new();
        for (automaton, numbers) in [&self.exact, &self.folded] {
            let found = automaton.find_overlapping_iter(&bytes[zone.clone()]);
            hits.extend(found.map(|m| Hit { at: zone.start + m.start(), keyword: numbers[m.pattern().as_usize()] }));
        }
        hits.sort_unstable();
        hits
    }
}

fn random_zone(random: &mut Random, len: usize) -> Range<usize> {
    match random.below(6) {
        0 => 0..len,
        1 => len..len,
        2 => {
            let at = random.below(len + 1);
            at..(at + random.below(8)).min(len)
        }
        _ => {
            let (a, b) = (random.below(len + 1), random.below(len + 1));
            a.min(b)..a.max(b)
        }
    }
}

fn compare_filter(rules: &RuleSet, rounds: u64, text: impl Fn(&mut Random) -> Vec<u8> + Sync) -> usize {
    let filter = Filter::new(rules);
    let automata = Automata::new(&filter);
    let total = AtomicUsize::new(0);
    in_pool(0..rounds, |round| {
        let mut random = Random::new(0xf117e4 + round);
        let bytes = text(&mut random);
        for _ in 0..6 {
            let zone = random_zone(&mut random, bytes.len());
            let mut hits = Vec::new();
            filter.search(&bytes, zone.clone(), |hit| hits.push(hit));
            hits.sort_unstable();
            let mut wanted = automata.search(&bytes, zone.clone());
            wanted.retain(|hit| filter.goes_on(hit.keyword, &bytes, hit.at));
            assert_eq!(hits, wanted, "round {round}, zone {zone:?}");
            total.fetch_add(hits.len(), Ordering::Relaxed);
        }
    });
    total.into_inner()
}

/// Keywords run together, cut short, overlapping, in other letter case, between random bytes.
fn keyword_soup(random: &mut Random, keywords: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.below(60) {
        let mut word = pick(random, keywords).as_bytes().to_vec();
        match random.below(6) {
            0 => word.make_ascii_uppercase(),
            1 => word.make_ascii_lowercase(),
            2 => word.iter_mut().for_each(|byte| {
                if random.below(2) == 0 {
                    *byte ^= if byte.is_ascii_alphabetic() { 0x20 } else { 0 };
                }
            }),
            3 => word.truncate(random.below(word.len() + 1)),
            4 => {
                let at = random.below(word.len());
                word[at] ^= 1 << random.below(8);
            }
            _ => {}
        }
        let overlap = random.below(5).min(bytes.len());
        if random.below(3) == 0 {
            bytes.truncate(bytes.len() - overlap);
        }
        bytes.append(&mut word);
        let noise = random.below(4);
        bytes.extend((0..noise).map(|_| random.below(256) as u8));
    }
    bytes
}

#[test]
fn filter_finds_what_an_automaton_finds() {
    let hits = compare_filter(rules(), 4000, |random| match random.below(4) {
        0 => texts::source(random, 3000, keywords()),
        1 => (0..random.below(2000)).map(|_| random.below(256) as u8).collect(),
        2 => (0..20).flat_map(|_| sample(random).into_bytes()).collect(),
        _ => keyword_soup(random, keywords()),
    });
    assert!(hits > 50_000, "only {hits} hits");
}

/// Rules as a user writes them.
fn own_rules(name: &str, yaml: &str) -> RuleSet {
    let file = std::env::temp_dir().join(format!("keysieve-{name}-{}.yaml", std::process::id()));
    std::fs::write(&file, yaml).unwrap();
    let rules = RuleSet::load(&Selection { no_builtin: true, files: vec![file.clone()], ..Selection::default() });
    std::fs::remove_file(&file).unwrap();
    rules.unwrap()
}

#[test]
fn filter_finds_what_an_automaton_finds_among_look_alikes() {
    let words = [
        "aaaa", "aaaaa", "aaab", "baaa", "abab", "ababab", "bbbb", "aabb", "abba", "AAAA", "AaAa", "aAaAa", "BBBBb",
        "aa_a", "aa\\x7fa",
    ];
    let mut yaml = String::from("provider: Look-alikes\nrules:\n");
    for (number, word) in words.iter().enumerate() {
        for ignore_case in [false, true] {
            yaml.push_str(&format!(
                "  - id: look-{number}-{ignore_case}\n    title: Look-alike\n    severity: low\n    confidence: low\n    \
                 keywords: [\"{word}\"]\n    ignore_case: {ignore_case}\n    pattern: '{{left}}(?<secret>[0-9]{{8}}){{right}}'\n    reach: 100\n"
            ));
        }
    }
    let rules = own_rules("look-alikes", &yaml);
    let hits = compare_filter(&rules, 6000, |random| {
        let alphabet: &[u8] = if random.below(2) == 0 { b"ab" } else { b"aAbB_\x7f\x01\x02!" };
        (0..random.below(200)).map(|_| alphabet[random.below(alphabet.len())]).collect()
    });
    assert!(hits > 50_000, "only {hits} hits");
}

// --- deltas ---

#[derive(Debug, Clone)]
enum Op {
    Copy(Range<usize>),
    Insert(Vec<u8>),
}

/// The child of a base, and the runs copied, as the pack reader gives them.
fn apply(base: &[u8], script: &[Op]) -> (Vec<u8>, Vec<Copy>) {
    let (mut child, mut copies) = (Vec::new(), Vec::new());
    for op in script {
        match op {
            Op::Copy(range) => {
                let numbers = [range.start, child.len(), range.len()].map(|n| u32::try_from(n).unwrap());
                copies.push(Copy { base: numbers[0], child: numbers[1], len: numbers[2] });
                child.extend_from_slice(&base[range.clone()]);
            }
            Op::Insert(bytes) => child.extend_from_slice(bytes),
        }
    }
    (child, copies)
}

#[derive(Default)]
struct Seen {
    carried: AtomicUsize,
    rechecked: AtomicUsize,
    matches: AtomicUsize,
    decoded_carried: AtomicUsize,
    decoded_again: AtomicUsize,
    decoded: AtomicUsize,
}

impl Seen {
    /// Scans a child by what it inherits, and whole, and compares.
    fn step(
        &self,
        scanner: &Scanner,
        base: &Scanned,
        child: &[u8],
        copies: &[Copy],
        what: &dyn Fn() -> String,
    ) -> Scanned {
        let (zones, carried) = scanner.inherit(base, copies, child.len());
        let (kept, anew) = carried.counts();
        self.carried.fetch_add(kept, Ordering::Relaxed);
        self.rechecked.fetch_add(anew, Ordering::Relaxed);
        let (kept, anew) = carried.decoded_counts();
        self.decoded_carried.fetch_add(kept, Ordering::Relaxed);
        self.decoded_again.fetch_add(anew, Ordering::Relaxed);
        let scanned = scanner.scan(child, is_binary(child), &zones, carried);
        let whole = scanner.scan_whole(child);
        self.matches.fetch_add(whole.matches.len(), Ordering::Relaxed);
        self.decoded.fetch_add(whole.matches.iter().filter(|m| m.decoded.is_some()).count(), Ordering::Relaxed);
        let (fast, plain) = (told(&scanned.matches), told(&whole.matches));
        assert!(
            fast == plain,
            "{}\n inherited {fast:#?}\n whole {plain:#?}\n copies {copies:?}, zones {zones:?}",
            what()
        );
        scanned
    }
}

fn filler(random: &mut Random, len: usize) -> Vec<u8> {
    match random.below(5) {
        0 => vec![b"x \n\0"[random.below(3)]; len],
        1 => (0..len).map(|_| 1 + random.below(255) as u8).collect(),
        2 => texts::source(random, len, keywords()),
        _ => texts::source(random, len, &[]),
    }
}

/// A text with secrets in it, close together and far apart.
fn planted(random: &mut Random, pieces: usize, text: &dyn Fn(&mut Random) -> String) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..pieces {
        let len = match random.below(4) {
            0 => random.below(4),
            1 => random.below(100),
            2 => random.below(700),
            _ => random.below(4000),
        };
        bytes.extend(filler(random, len));
        bytes.extend_from_slice(pick(random, &["", "\n", " ", "\"", "=", "_", "a"]).as_bytes());
        bytes.extend_from_slice(text(random).as_bytes());
        bytes.extend_from_slice(pick(random, &["", "\n", " ", "\"", "\\n", "é"]).as_bytes());
    }
    bytes
}

/// A place to cut: anywhere, or at, in or around a secret.
fn cut(random: &mut Random, len: usize, matches: &[Match]) -> usize {
    if matches.is_empty() || random.below(4) == 0 {
        return random.below(len + 1);
    }
    let span = &matches[random.below(matches.len())].span;
    let near = match random.below(5) {
        0 => span.start.saturating_sub(random.below(4)),
        1 => span.end + random.below(4),
        2 => span.start + random.below(span.len() + 1),
        3 => span.start.saturating_sub(random.below(2500)),
        _ => span.end + random.below(2500),
    };
    near.min(len)
}

/// A random edit: keeps most of the base in order, now and then moves, doubles, drops or inserts something.
fn script(random: &mut Random, base: &[u8], matches: &[Match], text: &dyn Fn(&mut Random) -> String) -> Vec<Op> {
    let mut cuts: Vec<usize> = (0..1 + random.below(6)).map(|_| cut(random, base.len(), matches)).collect();
    cuts.extend([0, base.len()]);
    cuts.sort_unstable();
    let mut ops = Vec::new();
    for pair in cuts.windows(2) {
        let range = pair[0]..pair[1];
        match random.below(16) {
            0 => {}
            1 => ops.extend([Op::Copy(range.clone()), Op::Copy(range)]),
            2 => ops.extend([Op::Insert(base[range.clone()].to_vec())]),
            3 => {
                let (a, b) = (cut(random, base.len(), matches), cut(random, base.len(), matches));
                ops.extend([Op::Copy(range), Op::Copy(a.min(b)..a.max(b).min(a.min(b) + 3000))]);
            }
            4 => {
                // The same bytes, one half from somewhere else that has them too.
                let middle = range.start + random.below(range.len() + 1);
                ops.push(Op::Copy(range.start..middle));
                ops.extend(elsewhere(base, middle..range.end));
            }
            5 if range.len() > 1 => {
                let at = range.start + random.below(range.len() - 1);
                ops.extend([Op::Copy(range.start..at), Op::Copy(at + 1..range.end)]);
            }
            _ => ops.push(Op::Copy(range)),
        }
        let inserted = match random.below(9) {
            0 => vec![b"x \n\"=Z0"[random.below(7)]],
            1 => text(random).into_bytes(),
            2 => {
                let len = random.below(300);
                filler(random, len)
            }
            3 => {
                let mut part = text(random).into_bytes();
                part.truncate(random.below(part.len() + 1));
                part
            }
            _ => Vec::new(),
        };
        ops.push(Op::Insert(inserted));
    }
    // What is too large is cut, so that chains do not grow without end.
    let mut len = 0;
    ops.retain(|op| {
        len += match op {
            Op::Copy(range) => range.len(),
            Op::Insert(bytes) => bytes.len(),
        };
        len <= 40_000
    });
    ops
}

/// Copies of `range`'s bytes from the first other place that has them, in pieces if need be.
fn elsewhere(base: &[u8], range: Range<usize>) -> Vec<Op> {
    let wanted = &base[range.clone()];
    if wanted.len() < 4 {
        return vec![Op::Copy(range)];
    }
    for len in [wanted.len(), wanted.len().min(24), wanted.len().min(8), 4] {
        let found = memchr::memmem::find_iter(base, &wanted[..len]).find(|at| *at != range.start);
        if let Some(at) = found {
            return vec![Op::Copy(at..at + len), Op::Copy(range.start + len..range.end)];
        }
    }
    vec![Op::Copy(range)]
}

/// Rules whose windows are short, so that much is carried in short texts.
fn short_rules() -> RuleSet {
    RuleSet::of(rules().iter().filter(|rule| rule.anchored && rule.reach < 200).collect())
}

/// A value of one of the match samples.
fn match_sample(rules: &RuleSet, random: &mut Random) -> String {
    let rule = rules.get(random.below(rules.len()));
    fill(rule.matches[random.below(rule.matches.len())], random).unwrap_or_default()
}

/// Chains of deltas over texts with pieces of `text` in them.
fn chains(scanner: &Scanner, count: u64, depth: usize, seen: &Seen, text: &(dyn Fn(&mut Random) -> String + Sync)) {
    in_pool(0..count, |chain| {
        let mut random = Random::new(0xde17a + chain * 7919);
        let pieces = 1 + random.below(10);
        let mut bytes = planted(&mut random, pieces, text);
        let mut scanned = scanner.scan_whole(&bytes);
        for generation in 0..depth {
            let ops = script(&mut random, &bytes, &scanned.matches, text);
            let (child, copies) = apply(&bytes, &ops);
            scanned =
                seen.step(scanner, &scanned, &child, &copies, &|| format!("chain {chain}, generation {generation}"));
            bytes = child;
        }
    });
}

#[test]
fn deltas_give_what_whole_scans_give() {
    let seen = Seen::default();
    chains(everything(), 60, 16, &seen, &|random| match_sample(rules(), random));
    let short = short_rules();
    chains(&Scanner::new(&short), 250, 14, &seen, &|random| match_sample(&short, random));
    let (carried, rechecked, matches) =
        (seen.carried.into_inner(), seen.rechecked.into_inner(), seen.matches.into_inner());
    assert!(
        carried > 1000 && rechecked > 1000 && matches > 5000,
        "{carried} carried, {rechecked} rechecked, {matches} matches"
    );
}

/// A value of one of the match samples, encoded in one way or two.
fn encoded_sample(rules: &RuleSet, random: &mut Random) -> String {
    let text = match_sample(rules, random);
    String::from_utf8_lossy(&encode::at_random(random, text.as_bytes())).into_owned()
}

#[test]
fn deltas_of_encoded_text_give_what_whole_scans_give() {
    let seen = Seen::default();
    chains(everything(), 40, 12, &seen, &|random| encoded_sample(rules(), random));
    let short = short_rules();
    chains(&Scanner::new(&short), 250, 14, &seen, &|random| encoded_sample(&short, random));
    let (carried, again, decoded) =
        (seen.decoded_carried.into_inner(), seen.decoded_again.into_inner(), seen.decoded.into_inner());
    assert!(
        carried > 1000 && again > 1000 && decoded > 5000,
        "{carried} carried, {again} looked at again, {decoded} matches"
    );
}

/// Rules with the least reach that their patterns allow, whose verdicts depend on what stands far away.
const FAR: &str = r#"
provider: Far
rules:
  - {id: far-url, title: A host decides, severity: high, confidence: high, keywords: ['zzdb://'], reach: 37, validate: [url-password],
     pattern: '{left}zzdb://[a-z]{1,8}:(?<secret>[0-9A-Za-z]{8,20})@',
     samples: {match: ['zzdb://{lower:1-8}:{alnum:16-20}@localhost/a', 'zzdb://{lower:1-8}:{alnum:16-20}@example.com/a', 'zzdb://{lower:8}:{alnum:20}@db.acme-prod.io/a'], ignore: ['zzdb']}}
  - {id: far-word, title: A word far behind decides, severity: high, confidence: high, keywords: ['zzk_'], reach: 700, near: [zzomega],
     pattern: '{left}(?<secret>zzk_[0-9a-z]{600}){right}',
     samples: {match: ['zzk_{lower+digit:600} {._:600-720} zzomega', 'zzomega {._:600-720} zzk_{lower+digit:600}', 'zzomega', 'zzk_{lower+digit:600}'], ignore: ['zzk_']}}
  - {id: far-context, title: By context, severity: high, confidence: medium, keywords: [zzhost], reach: 500, near: [zzsigma],
     pattern: '{left}(?<secret>[0-9a-f]{32}){right}',
     samples: {match: ['zzhost {._:300-500} {hex:32} {._:400-520} zzsigma', 'zzhost', 'zzsigma', '{hex:32}', '{hex:32} {._:350-500} zzhost zzsigma'], ignore: ['zzhost']}}
"#;

#[test]
fn verdicts_that_depend_on_what_is_far_away() {
    let rules = own_rules("far", FAR);
    let (scanner, seen) = (Scanner::new(&rules), Seen::default());
    chains(&scanner, 1500, 12, &seen, &|random| match_sample(&rules, random));
    let (carried, rechecked, matches) =
        (seen.carried.into_inner(), seen.rechecked.into_inner(), seen.matches.into_inner());
    assert!(
        carried > 1000 && rechecked > 1000 && matches > 5000,
        "{carried} carried, {rechecked} rechecked, {matches} matches"
    );
}

/// Every cut in and around a secret, with every way to go on.
#[test]
fn every_boundary_around_a_secret() {
    let seen = Seen::default();
    let chosen: Vec<&'static Rule> = rules()
        .iter()
        .filter(|rule| seed(rule.id).is_multiple_of(4) || rule.reach > 1000 || !rule.parts.is_empty())
        .collect();
    in_pool(chosen, |rule| {
        let mut random = Random::new(seed(rule.id));
        let Ok(text) = fill(rule.matches[random.below(rule.matches.len())], &mut random) else { return };
        let scanner = texts::alone(rule, rules());
        let pad = |random: &mut Random, len| texts::source(random, len, &[]);
        // The secret stands twice, so that either half may come from the other one.
        let base =
            [pad(&mut random, 2600), b"\n".to_vec(), text.clone().into_bytes(), b"\n".to_vec(), pad(&mut random, 2600)]
                .concat();
        let twice = [&base[..], &base[..]].concat();
        let scanned = scanner.scan_whole(&twice);
        let Some(span) = scanned.matches.first().map(|m| m.span.clone()) else { return };
        let len = base.len();
        let most = if text.len() > 400 { 7 } else { 1 };
        for at in (span.start.saturating_sub(6)..=span.end + 6).step_by(most).chain([0, 1, 2500, 2601, len - 1, len]) {
            let scripts = [
                vec![Op::Copy(0..at), Op::Copy(at..twice.len())],
                vec![Op::Copy(0..at), Op::Copy(len + at..twice.len())],
                vec![Op::Copy(len..len + at), Op::Copy(at..len)],
                vec![Op::Copy(0..at), Op::Insert(b"Z".to_vec()), Op::Copy(at..len)],
                vec![Op::Copy(0..at), Op::Insert(b" ".to_vec()), Op::Copy(len + at..twice.len())],
                vec![Op::Copy(0..at), Op::Copy((at + 1).min(len)..len)],
                vec![Op::Copy(at..len)],
                vec![Op::Copy(0..at)],
                vec![Op::Insert(base[..at].to_vec()), Op::Copy(at..len)],
                vec![Op::Copy(0..at), Op::Insert(base[at..].to_vec())],
                vec![Op::Copy(at..len), Op::Copy(0..at)],
            ];
            for script in &scripts {
                let (child, copies) = apply(&twice, script);
                seen.step(&scanner, &scanned, &child, &copies, &|| format!("{} cut at {at}, span {span:?}", rule.id));
            }
        }
    });
    let (carried, rechecked) = (seen.carried.into_inner(), seen.rechecked.into_inner());
    assert!(carried > 1000 && rechecked > 1000, "{carried} carried, {rechecked} rechecked");
}

/// A verdict that depends on what stands at the very end of its window's context must not outlive a change there.
#[test]
fn changes_near_and_far_from_a_secret() {
    let seen = Seen::default();
    in_pool(rules().iter().collect::<Vec<_>>(), |rule| {
        let mut random = Random::new(seed(rule.id) ^ 0xfa4);
        let Ok(text) = fill(rule.matches[0], &mut random) else { return };
        let scanner = texts::alone(rule, rules());
        let reach = 2 * rule.reach + 500;
        let base = [
            texts::source(&mut random, reach, &[]),
            b"\n".to_vec(),
            text.into_bytes(),
            b"\n".to_vec(),
            texts::source(&mut random, reach, &[]),
        ]
        .concat();
        let scanned = scanner.scan_whole(&base);
        for _ in 0..40 {
            let at = random.below(base.len());
            let (len, change) = match random.below(4) {
                0 => (1, vec![b'"']),
                1 => (1, b"\n\n".to_vec()),
                2 => (random.below(30).min(base.len() - at), keyword_soup(&mut random, rule.keywords)),
                _ => (
                    random.below(30).min(base.len() - at),
                    rule.near.first().map_or(Vec::new(), |word| word.as_bytes().to_vec()),
                ),
            };
            let (child, copies) = apply(&base, &[Op::Copy(0..at), Op::Insert(change), Op::Copy(at + len..base.len())]);
            seen.step(&scanner, &scanned, &child, &copies, &|| format!("{} changed at {at}", rule.id));
        }
    });
    let (carried, rechecked) = (seen.carried.into_inner(), seen.rechecked.into_inner());
    assert!(carried > 1000 && rechecked > 1000, "{carried} carried, {rechecked} rechecked");
}

/// Checks look beyond a match: what stands before and after the longest ones changes the verdict.
#[test]
fn changes_beyond_the_longest_matches() {
    let seen = Seen::default();
    let beyond =
        ["@localhost/a\n", "@example.com\n", "@db.acme-prod.io/a\n", "@", "\"", "user:", "//user:", "Z", "\n", ""];
    in_pool(rules().iter().collect::<Vec<_>>(), |rule| {
        let mut random = Random::new(seed(rule.id) ^ 0x10e6);
        let scanner = texts::alone(rule, rules());
        let hir = parsed(rule);
        for round in 0..12 {
            let mut longest = Vec::new();
            drawn(&hir, round % 2 == 0, &mut random, &mut longest);
            let before = texts::source(&mut random, 700, &[]);
            let mut base =
                [&before, &b"\n"[..], rule.keywords[0].as_bytes(), b" ", &longest, beyond[random.below(3)].as_bytes()]
                    .concat();
            base.extend(texts::source(&mut random, rule.reach + 700, &[]));
            let scanned = scanner.scan_whole(&base);
            let Some(span) = scanned.matches.first().map(|m| m.span.clone()) else { continue };
            for change in beyond {
                for (at, len) in [
                    (span.end, 12),
                    (span.end + random.below(280), 1),
                    (span.start.saturating_sub(1 + random.below(140)), 1),
                ] {
                    let rest = (at + len).min(base.len());
                    let ops =
                        [Op::Copy(0..at.min(rest)), Op::Insert(change.as_bytes().to_vec()), Op::Copy(rest..base.len())];
                    let (child, copies) = apply(&base, &ops);
                    seen.step(&scanner, &scanned, &child, &copies, &|| format!("{} {span:?} changed at {at}", rule.id));
                }
            }
        }
    });
    let (rechecked, matches) = (seen.rechecked.into_inner(), seen.matches.into_inner());
    assert!(rechecked > 1000 && matches > 1000, "{rechecked} rechecked, {matches} matches");
}

// --- the plain engine: no filter, every rule at every place ---

fn parsed(rule: &Rule) -> regex_syntax::hir::Hir {
    regex_syntax::ParserBuilder::new().utf8(false).unicode(false).build().parse(rule.regex).unwrap()
}

/// A text that a pattern may match, drawn from the pattern itself.
fn drawn(hir: &regex_syntax::hir::Hir, long: bool, random: &mut Random, out: &mut Vec<u8>) {
    use regex_syntax::hir::{Class, HirKind};
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.extend_from_slice(&literal.0),
        HirKind::Class(Class::Bytes(class)) => {
            let ranges = class.ranges();
            for _ in 0..4 {
                let range = ranges[random.below(ranges.len())];
                let byte = range.start() + random.below(usize::from(range.end() - range.start()) + 1) as u8;
                // Printable bytes are likelier; the rest must come as well.
                if byte.is_ascii_graphic() || random.below(4) == 0 {
                    return out.push(byte);
                }
            }
            out.push(ranges[0].start());
        }
        HirKind::Class(Class::Unicode(class)) => {
            let ranges = class.ranges();
            out.extend(ranges[random.below(ranges.len())].start().to_string().bytes());
        }
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(repetition.min + 20) as usize;
            let least = repetition.min as usize;
            let spread = match random.below(4) {
                _ if long => (most - least).min(2000),
                0 => 0,
                1 => most - least,
                _ => random.below((most - least).min(30) + 1),
            };
            for _ in 0..least + spread {
                drawn(&repetition.sub, long, random, out);
            }
        }
        HirKind::Capture(capture) => drawn(&capture.sub, long, random, out),
        HirKind::Concat(parts) => parts.iter().for_each(|part| drawn(part, long, random, out)),
        HirKind::Alternation(parts) => drawn(&parts[random.below(parts.len())], long, random, out),
    }
}

fn compare_with_plain(plain: &Plain, scanner: &Scanner, bytes: &[u8]) -> Result<usize, String> {
    let binary = is_binary(bytes);
    let wanted = scanner.settled(bytes, binary, &|bytes| plain.find(bytes));
    let found = scanner.scan_whole(bytes).matches;
    let (fast, slow) = (told(&found), told(&wanted));
    if fast == slow {
        Ok(found.len())
    } else {
        Err(format!("{:?}\n fast {fast:#?}\n plain {slow:#?}", String::from_utf8_lossy(bytes)))
    }
}

#[test]
fn fast_scan_gives_what_the_plain_engine_gives() {
    let plain = Plain::new(rules());
    let total = AtomicUsize::new(0);
    let failures: Vec<String> = (0..160u64)
        .into_par_iter()
        .filter_map(|round| {
            let mut random = Random::new(0x91a14 + round);
            let pieces = 2 + random.below(5);
            let encoded = round % 2 == 0;
            let text = |random: &mut Random| if encoded { encoded_sample(rules(), random) } else { sample(random) };
            let mut bytes = planted(&mut random, pieces, &text);
            bytes.truncate(2500);
            if random.below(8) == 0 {
                bytes.push(0);
            }
            match compare_with_plain(&plain, everything(), &bytes) {
                Ok(found) => {
                    total.fetch_add(found, Ordering::Relaxed);
                    None
                }
                Err(why) => Some(format!("round {round}: {why}")),
            }
        })
        .collect();
    none("plain engine", failures);
    let total = total.into_inner();
    assert!(total > 200, "only {total} matches");
}

/// Whatever a pattern matches, its keywords must lead to: the texts are drawn from the pattern, not from samples.
#[test]
fn whatever_a_pattern_matches_its_keywords_find() {
    let total = AtomicUsize::new(0);
    let failures: Vec<String> = rules()
        .iter()
        .collect::<Vec<_>>()
        .into_par_iter()
        .flat_map_iter(|rule| {
            let set = RuleSet::of(vec![rule]);
            let (plain, scanner) = (Plain::new(&set), Scanner::new(&set));
            let hir = parsed(rule);
            let mut random = Random::new(seed(rule.id) ^ 0xd4a);
            let mut failures = Vec::new();
            for _ in 0..40 {
                let mut bytes = pick(&mut random, &["", "x=", "\n", "a_", "\\n", "getX"]).as_bytes().to_vec();
                drawn(&hir, false, &mut random, &mut bytes);
                bytes.extend_from_slice(pick(&mut random, &["", "\n", "\"", " é"]).as_bytes());
                if !rule.anchored {
                    let words =
                        [pick(&mut random, rule.keywords), rule.near.first().copied().unwrap_or_default()].join(" ");
                    let at = if random.below(2) == 0 { 0 } else { bytes.len() };
                    bytes.splice(at..at, format!(" {words} ").into_bytes());
                }
                match compare_with_plain(&plain, &scanner, &bytes) {
                    Ok(found) => _ = total.fetch_add(found, Ordering::Relaxed),
                    Err(why) => failures.push(format!("{}: {why}", rule.id)),
                }
            }
            failures.truncate(1);
            failures
        })
        .collect();
    none("keywords", failures);
    let total = total.into_inner();
    assert!(total > 2000, "only {total} matches");
}

// --- pieces ---

/// Reads in uneven portions, as pipes do.
struct Uneven<'a> {
    rest: &'a [u8],
    random: Random,
}

impl Read for Uneven<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = if self.random.below(3) == 0 { 1 + self.random.below(100) } else { 1 << 20 };
        let count = most.min(self.rest.len()).min(buffer.len());
        buffer[..count].copy_from_slice(&self.rest[..count]);
        self.rest = &self.rest[count..];
        Ok(count)
    }
}

/// Where pieces of a stream begin and end, and what they own, as offsets in the whole.
fn borders(bytes: &[u8]) -> Vec<usize> {
    let borders = RefCell::new(Vec::new());
    Stdin.visit(&mut &bytes[..], &|blob: &Blob<'_>| {
        let start = blob.start.offset as usize;
        borders.borrow_mut().extend([start, start + blob.bytes.len(), start + blob.own.0, start + blob.own.1]);
    });
    let mut borders = borders.into_inner();
    borders.sort_unstable();
    borders.dedup();
    borders
}

#[test]
fn pieces_give_what_the_whole_gives() {
    const LEN: usize = 34 << 20;
    let mut random = Random::new(0x91ece5);
    let mut bytes = Vec::with_capacity(LEN);
    let paragraph = texts::source(&mut random, 64 << 10, &[]);
    while bytes.len() < LEN {
        let from = random.below(1000);
        bytes.extend_from_slice(&paragraph[from..]);
    }
    // One line of megabytes, so that columns must be carried from piece to piece.
    bytes[9 << 20..17 << 20].iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
    let borders = borders(&bytes);
    assert!(borders.len() >= 6, "only {borders:?}");
    let mut planted = 0;
    for border in borders {
        // Around the border, closely and loosely, and across it.
        let mut at = border.saturating_sub(6000);
        while at < border + 6000 {
            let text = format!("\n{}\n", sample(&mut random));
            let fits = at + text.len() < bytes.len() && text.len() < 3000;
            if fits && !(at + text.len() < border && at + text.len() + 400 > border && random.below(2) == 0) {
                bytes[at..at + text.len()].copy_from_slice(text.as_bytes());
                planted += 1;
            }
            at += text.len() + random.below(200);
        }
    }
    let origin = Origin::Stdin;
    let whole = everything().sight(&Blob::whole(&origin, &bytes), &[]);
    let found = RefCell::new(Vec::new());
    let mut uneven = Uneven { rest: &bytes, random: Random::new(3) };
    let tally = Stdin.visit(&mut uneven, &|blob: &Blob<'_>| found.borrow_mut().extend(everything().sight(blob, &[])));
    assert_eq!(tally.bytes, bytes.len() as u64);
    let (pieces, whole) = (told_with_site(&found.into_inner()), told_with_site(&whole));
    let odd: Vec<_> = pieces.iter().filter(|s| !whole.contains(s)).map(|s| format!("in pieces only: {s}")).collect();
    let lost: Vec<_> =
        whole.iter().filter(|s| !pieces.contains(s)).map(|s| format!("in the whole only: {s}")).collect();
    none("pieces", [odd, lost].concat());
    assert_eq!(pieces.len(), whole.len());
    assert!(whole.len() > 100, "only {} of {planted} found", whole.len());
}

// --- anything goes in ---

fn anything(random: &mut Random) -> Vec<u8> {
    match random.below(7) {
        0 => (0..random.below(200)).map(|_| random.below(256) as u8).collect(),
        1 => {
            let any = |random: &mut Random| {
                char::from_u32((random.below(1 << 32) as u32) >> (11 + random.below(16))).unwrap_or('\u{fffd}')
            };
            (0..random.below(120)).map(|_| any(random)).collect::<String>().into_bytes()
        }
        2 => keyword_soup(random, keywords()).into_iter().take(200).collect(),
        _ => {
            let mut bytes = sample(random).into_bytes();
            match random.below(4) {
                0 => bytes.truncate(random.below(bytes.len() + 1)),
                1 => _ = bytes.drain(..random.below(bytes.len() + 1)),
                2 => {
                    for _ in 0..=random.below(4) {
                        if !bytes.is_empty() {
                            let at = random.below(bytes.len());
                            bytes[at] = random.below(256) as u8;
                        }
                    }
                }
                _ => {
                    let at = random.below(bytes.len() + 1);
                    bytes.insert(at, random.below(256) as u8);
                }
            }
            bytes.truncate(1200);
            bytes
        }
    }
}

#[test]
fn nothing_makes_it_panic() {
    const INPUTS: u64 = 100_000;
    let found = AtomicUsize::new(0);
    in_pool(0..INPUTS, |round| {
        let mut random = Random::new(0xa11 + round);
        let bytes = anything(&mut random);
        let sightings = everything().sight(&Blob::whole(&Origin::Stdin, &bytes), &[]);
        for Sighting { hit, site, .. } in &sightings {
            assert_eq!(&bytes[hit.span.clone()], hit.stored().reveal());
            assert!(site.line >= 1 && site.column >= 1 && site.end_line >= site.line);
        }
        found.fetch_add(sightings.len(), Ordering::Relaxed);
        if round % 16 == 0 {
            // As a child of something else, with copies that may be anything that the pack reader lets through.
            let other = anything(&mut random);
            let base = everything().scan_whole(&other);
            let (a, b) = (random.below(other.len() + 1), random.below(other.len() + 1));
            let (child, copies) = apply(&other, &[Op::Insert(bytes), Op::Copy(a.min(b)..a.max(b))]);
            let (zones, carried) = everything().inherit(&base, &copies, child.len());
            let scanned = everything().scan(&child, is_binary(&child), &zones, carried);
            assert_eq!(told(&scanned.matches), told(&everything().scan_whole(&child).matches), "round {round}");
        }
    });
    let found = found.into_inner();
    assert!(found > 10_000, "only {found} matches");
}

/// Zones and nothing carried: what lies wholly within a zone is found, whatever the zones are.
#[test]
fn zones_may_overlap_or_be_empty() {
    in_pool(0..500u64, |round| {
        let mut random = Random::new(0x203e5 + round);
        let bytes = planted(&mut random, 3, &sample);
        let whole = told(&everything().scan_whole(&bytes).matches);
        let mut at = 0;
        let mut zones = Vec::new();
        while at < bytes.len() {
            let end = (at + 1 + random.below(2000)).min(bytes.len());
            zones.push(at.saturating_sub(200)..end);
            zones.push(at..at);
            at = end;
        }
        let scanned = everything().scan(&bytes, is_binary(&bytes), &zones, Carried::default());
        assert_eq!(told(&scanned.matches), whole, "round {round}");
    });
}
