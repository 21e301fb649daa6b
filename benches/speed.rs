//! How fast the engines are. Not a test: prints the best of several runs, of which the first warms up.
#![allow(clippy::print_stdout, clippy::unwrap_used)] // it prints its figures

#[path = "../tests/support/texts.rs"]
mod texts;

use std::env;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use keysieve::blob::is_binary;
use keysieve::git::Repo;
use keysieve::git::tree::Layout;
use keysieve::pack::{Copy, Kind, Kinds, Object};
use keysieve::rules::RuleSet;
use keysieve::rules::sample::{self, Random};
use keysieve::scan::{Carried, DECODE_DEPTH, Filter, Scanned, Scanner, validate};
use texts::pick;

const RUNS: usize = 5;
const TEXT: usize = 64 << 20;

fn main() {
    let wanted: Vec<String> = env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let run = |name: &str, bench: &dyn Fn(&str)| {
        if wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str())) {
            bench(name);
        }
    };
    let rules = RuleSet::builtin();
    println!("{} rules, {} keywords", rules.len(), Filter::new(&rules).keywords().len());
    run("start: filter tables", &|name| start(name, &rules));
    run("start: whole process", &process);
    run("filter", &|name| filter(name, &rules));
    run("scan", &|name| scan(name, &rules));
    run("delta inherit", &|name| inherit(name, &rules));
    run("verify", &|name| verify(name, &rules));
    run("pack decode", &|name| pack(name, None));
    run("pack decode and scan", &|name| pack(name, Some(&Scanner::new(&rules))));
    run("pack trees and commits", &structure);
}

/// Prints the best time of several runs, and how many bytes that is a second.
fn measure(name: &str, what: &str, mut work: impl FnMut() -> u64) {
    let (mut best, mut bytes) = (Duration::MAX, 0);
    for _ in 0..RUNS {
        let begun = Instant::now();
        bytes = black_box(work());
        best = best.min(begun.elapsed());
    }
    let seconds = best.as_secs_f64();
    println!("{name:24} {:>10.3} ms {:>9.1} MB/s  {what}", seconds * 1e3, bytes as f64 / seconds / 1e6);
}

/// Source-like text with a keyword about every kilobyte and no secret, or what `KEYSIEVE_BENCH_TEXT` names.
fn text(rules: &RuleSet, len: usize) -> Vec<u8> {
    if let Some(path) = env::var_os("KEYSIEVE_BENCH_TEXT") {
        return std::fs::read(path).unwrap();
    }
    let keywords: Vec<&str> =
        rules.iter().filter(|rule| !rule.generic).flat_map(|rule| rule.keywords).copied().collect();
    let lower: Vec<String> =
        rules.iter().flat_map(|rule| rule.keywords).map(|keyword| keyword.to_ascii_lowercase()).collect();
    let has_keyword = |word: &&str| lower.iter().any(|keyword| word.contains(keyword.as_str()));
    let words: Vec<&str> = texts::WORDS.iter().copied().filter(|word| !has_keyword(word)).collect();
    let mut random = Random::new(64);
    let mut text = Vec::with_capacity(len + 200);
    while text.len() < len {
        let mut word = || pick(&mut random, &words);
        let (a, b, c, d) = (word(), word(), word(), word());
        let line = match random.below(8) {
            0 => format!("    let {a}_{b} = {c}.{d}({a}, \"{b} {c}\")?;\n"),
            1 => format!("        if {a}.{b}() && !{c} {{\n"),
            2 => format!("// {a} {b} {c} {d} {b} {a} {d}\n"),
            3 => format!("  \"{a}\": {{ \"{b}\": {}, \"{c}\": [\"{d}\"] }},\n", random.below(1000)),
            4 => format!("fn {a}_{b}({c}: &{d}) -> Result<{a}> {{\n"),
            5 => "    }\n\n".to_owned(),
            6 => format!("{a}: {b} {c}\n"),
            _ => format!("            {a}({b}.{c}, {}, {d});\n", random.below(100_000)),
        };
        text.extend_from_slice(line.as_bytes());
        if random.below(25) == 0 {
            text.extend_from_slice(pick(&mut random, &keywords).as_bytes());
        }
    }
    text.truncate(len);
    text
}

fn start(name: &str, rules: &RuleSet) {
    measure(name, "until the first byte can be searched", || {
        black_box(Scanner::new(rules));
        0
    });
}

/// From the start of the process to its exit with nothing to read: all built-in rules, budget 8 ms.
fn process(name: &str) {
    measure(name, "scan --stdin of nothing; at most 8 ms", || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keysieve"));
        command.args(["scan", "--no-config", "--stdin", "--quiet"]).stdin(Stdio::null()).stdout(Stdio::null());
        black_box(command.status().unwrap());
        0
    });
}

fn filter(name: &str, rules: &RuleSet) {
    let (text, filter) = (text(rules, TEXT), Filter::new(rules));
    let mut hits = 0u64;
    filter.search(&text, 0..text.len(), |_| hits += 1);
    measure(name, &format!("{hits} hits"), || {
        let mut hits = 0u64;
        filter.search(&text, 0..text.len(), |_| hits += 1);
        black_box(hits);
        text.len() as u64
    });
}

fn scan(name: &str, rules: &RuleSet) {
    let text = text(rules, TEXT);
    let depths = [(0, "filter, patterns, checks, settle"), (DECODE_DEPTH, "the same, and what is encoded")];
    for (depth, what) in depths {
        let scanner = Scanner::new(rules).with_decode_depth(depth.into());
        measure(name, what, || {
            text.chunks(16 << 10)
                .map(|part| {
                    black_box(scanner.scan_whole(part).matches.len());
                    part.len() as u64
                })
                .sum()
        });
    }
}

/// Secrets and what only looks like them, line by line: all that comes after the filter.
fn verify(name: &str, rules: &RuleSet) {
    let scanner = Scanner::new(rules);
    let mut random = Random::new(99);
    let templates: Vec<&str> = rules.iter().flat_map(|rule| rule.matches.iter().chain(rule.ignores)).copied().collect();
    let lines: Vec<String> = (0..20_000)
        .filter_map(|_| sample::fill(templates[random.below(templates.len())], &mut random, &validate::generate).ok())
        .collect();
    let parts: Vec<String> = lines.chunks(50).map(|lines| lines.join("\n")).collect();
    measure(name, &format!("{} lines, each with a sample of a rule", lines.len()), || {
        parts
            .iter()
            .map(|part| {
                black_box(scanner.scan_whole(part.as_bytes()).matches.len());
                part.len() as u64
            })
            .sum()
    });
}

/// A file of 64 KB and a thousand children of it, each with a line changed.
fn inherit(name: &str, rules: &RuleSet) {
    let (base, scanner) = (text(rules, 64 << 10), Scanner::new(rules));
    let scanned = scanner.scan_whole(&base);
    let mut random = Random::new(7);
    let children: Vec<(Vec<u8>, Vec<Copy>)> = (0..1000).map(|_| child(&base, random.below(base.len() - 100))).collect();
    measure(name, "children of 64 KB with one line changed, by inheriting", || {
        children
            .iter()
            .map(|(bytes, copies)| {
                let (zones, carried) = scanner.inherit(&scanned, copies, bytes.len());
                black_box(scanner.scan(bytes, false, &zones, carried).matches.len());
                bytes.len() as u64
            })
            .sum()
    });
    measure(name, "the same, each whole", || {
        children
            .iter()
            .take(100)
            .map(|(bytes, _)| {
                black_box(scanner.scan_whole(bytes).matches.len());
                bytes.len() as u64
            })
            .sum()
    });
}

fn child(base: &[u8], at: usize) -> (Vec<u8>, Vec<Copy>) {
    let line = b"    let changed = of_a_line(here);\n";
    let rest = at + 40;
    let bytes = [&base[..at], line, &base[rest..]].concat();
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let first = Copy { base: 0, child: 0, len: number(at) };
    let second = Copy { base: number(rest), child: number(at + line.len()), len: number(base.len() - rest) };
    (bytes, vec![first, second])
}

fn repository(name: &str) -> Option<(Repo, String)> {
    let path =
        env::var_os("KEYSIEVE_BENCH_REPO").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let Ok(repo) = Repo::at(&path) else {
        println!("{name}: {} is no repository", path.display());
        return None;
    };
    Some((repo, path.display().to_string()))
}

/// What attribution reads: every tree and commit, as changes of one another.
fn structure(name: &str) {
    let Some((repo, what)) = repository(name) else { return };
    let kinds = Kinds { trees: true, commits: true, ..Kinds::default() };
    measure(name, &what, || {
        let bytes = AtomicU64::new(0);
        repo.store().for_each(kinds, |object: Object<'_>, base: Option<&Option<Layout>>| {
            bytes.fetch_add(object.bytes.len() as u64, Ordering::Relaxed);
            let base = base.and_then(Option::as_ref).zip(object.copies);
            (object.kind == Kind::Tree).then(|| Layout::read(object.bytes, repo.hash, base))
        });
        bytes.into_inner()
    });
}

fn pack(name: &str, scanner: Option<&Scanner>) {
    let Some((repo, what)) = repository(name) else { return };
    measure(name, &what, || {
        let bytes = AtomicU64::new(0);
        repo.store().for_each(Kinds::BLOBS, |object: Object<'_>, base: Option<&Scanned>| {
            bytes.fetch_add(object.bytes.len() as u64, Ordering::Relaxed);
            let Some(scanner) = scanner else { return Scanned::default() };
            let inherited =
                base.zip(object.copies).map(|(base, copies)| scanner.inherit(base, copies, object.bytes.len()));
            let (zones, carried) =
                inherited.unwrap_or_else(|| (std::iter::once(0..object.bytes.len()).collect(), Carried::default()));
            scanner.scan(object.bytes, is_binary(object.bytes), &zones, carried)
        });
        bytes.into_inner()
    });
}
