//! The forms that secrets without a format of their own take, and what only looks like them: `tests/forms/*.txt`.
//!
//! Every third line is held out: it was not looked at while the checks were tuned, and counts by share.
#![allow(clippy::unwrap_used)]

#[path = "support/texts.rs"]
mod texts;

use std::sync::OnceLock;

use keysieve::finding::Match;
use keysieve::rules::sample::Random;
use keysieve::rules::{Confidence, RuleSet};
use keysieve::scan::Scanner;
use texts::{fill, is_open, none};

const FOUND: &str = include_str!("forms/found.txt");
const SILENT: &str = include_str!("forms/silent.txt");
/// Statements, configuration files, annotations, defaults, logs, comments: no line of these is held out.
const FOUND_IN_FILES: &str = include_str!("forms/found_in_files.txt");
const SILENT_IN_FILES: &str = include_str!("forms/silent_in_files.txt");

/// Passwords as people choose them, in two pieces: none stands in a file of ours.
const CHOSEN: &[(&str, &str)] = &[
    ("Sum", "mer2019!"),
    ("hun", "ter2"),
    ("Tr0ub", "4dor&3"),
    ("Blue", "Fish#77"),
    ("qaz", "WSX123"),
    ("Mon", "key!99"),
    ("p1nk", "Elephant"),
    ("Kx9", "!mQ2"),
    ("ilove", "coffee22"),
    ("R3d", "Bull$45"),
    ("zebra", "42!"),
    ("dragon", "1987"),
    ("S3attle", "#Rain"),
    ("Ver0", "nika_88"),
];

/// How many values each line is tried with.
const ROUNDS: usize = 7;

fn scanner() -> &'static Scanner {
    static SCANNER: OnceLock<Scanner> = OnceLock::new();
    SCANNER.get_or_init(|| Scanner::new(&RuleSet::builtin()))
}

/// A line with values in the places of its marks, and the value that is the secret.
fn filled(line: &str, round: usize, random: &mut Random) -> (String, String) {
    let (a, b) = CHOSEN[round % CHOSEN.len()];
    let mut made = |template: &str| fill(template, random).unwrap();
    let values = [
        ("{pw}", format!("{a}{b}")),
        ("{tok}", made("{alnum:14}7{lower:1}{upper:1}{alnum:15}")),
        ("{hex}", made("{hex:15}a4{hex:15}")),
        ("{b64}", made("{base64:20}4{base64:21}qZ")),
        ("{uuid}", made("{hex:8}-{hex:4}-4{hex:3}-a{hex:3}-{hex:12}")),
    ];
    let mut text = line.replace("\\n", "\n").replace("\\t", "\t");
    let mut secret = String::new();
    let mut first = usize::MAX;
    for (mark, value) in &values {
        if let Some(at) = text.find(mark).filter(|at| *at < first) {
            (first, secret) = (at, value.clone());
        }
    }
    for (mark, value) in &values {
        text = text.replace(mark, value);
    }
    (text, secret)
}

/// What is reported at default settings.
fn reported(text: &str) -> Vec<Match> {
    let all = scanner().scan_whole(text.as_bytes()).matches;
    all.into_iter().filter(|m| is_open(m) && m.confidence >= Confidence::Medium && !m.rule.public).collect()
}

fn lines(text: &'static str) -> impl Iterator<Item = (bool, &'static str)> {
    text.lines().skip(2).filter(|line| !line.is_empty()).enumerate().map(|(at, line)| (at % 3 == 2, line))
}

/// The share of lines without a failure among those held out, and the failures of the others.
fn judged(
    lines: impl Iterator<Item = (bool, &'static str)>,
    fault: impl Fn(&str) -> Option<String>,
) -> (f64, Vec<String>) {
    let (mut held, mut good, mut failures) = (0usize, 0usize, Vec::new());
    for (is_held, line) in lines {
        let fault = fault(line);
        if is_held {
            held += 1;
            good += usize::from(fault.is_none());
        } else {
            failures.extend(fault);
        }
    }
    (good as f64 / held as f64, failures)
}

/// Why a line of `RULE | LINE` is not found, if it is not.
fn missed(line: &str) -> Option<String> {
    let (rule, line) = line.split_once(" | ").unwrap();
    let mut random = Random::new(texts::seed(line));
    (0..ROUNDS).find_map(|round| {
        let (text, secret) = filled(line, round + texts::seed(line) as usize % CHOSEN.len(), &mut random);
        let found = reported(&text);
        let hit = found.iter().any(|m| {
            (m.rule.id.starts_with(rule) || m.rule.generic)
                && String::from_utf8_lossy(m.secret.reveal()).trim_end_matches('=') == secret.trim_end_matches('=')
                || m.rule.id.starts_with(rule)
                    && String::from_utf8_lossy(m.secret.reveal()).starts_with(&secret)
                    && secret.len() > 30
        });
        (!hit).then(|| format!("{rule} not in `{}`, found {:?}", text.escape_debug(), told(&found)))
    })
}

/// What is found in a line that holds nothing.
fn false_alarm(line: &str) -> Option<String> {
    let mut random = Random::new(texts::seed(line));
    (0..ROUNDS).find_map(|round| {
        let (text, _) = filled(line, round, &mut random);
        let found = reported(&text);
        (!found.is_empty()).then(|| format!("`{}`: {:?}", text.escape_debug(), told(&found)))
    })
}

fn told(found: &[Match]) -> Vec<String> {
    found.iter().map(|m| format!("{} {}", m.rule.id, String::from_utf8_lossy(m.secret.reveal()))).collect()
}

#[test]
fn every_form_is_found() {
    let (share, failures) = judged(lines(FOUND), missed);
    println!("held out: {:.1}% of the forms are found", share * 100.0);
    none("not found", failures);
    assert!(share >= 0.9, "{share}");
}

#[test]
fn look_alikes_are_left_alone() {
    let (share, failures) = judged(lines(SILENT), false_alarm);
    println!("held out: {:.1}% of the look-alikes are left alone", share * 100.0);
    none("false alarms", failures);
    assert!(share >= 0.9, "{share}");
}

#[test]
fn every_form_in_files_is_found() {
    none("not found", lines(FOUND_IN_FILES).filter_map(|(_, line)| missed(line)).collect());
}

#[test]
fn look_alikes_in_files_are_left_alone() {
    none("false alarms", lines(SILENT_IN_FILES).filter_map(|(_, line)| false_alarm(line)).collect());
}
