//! The floors of the house: read from the paths that the sources name, so that no wall moves unnoticed.
//!
//! PROGRAM (`main`, `cli`, `config`) may name everything. STAGES never name one another, nor the program. WORDS never
//! name a stage. Some packages may be named in one place only.
#![allow(clippy::unwrap_used)] // a test that cannot go on should panic

use std::fs;
use std::path::Path;

const PROGRAM: &[&str] = &["main", "cli", "config"];
const STAGES: &[&str] = &["source", "scan", "provenance", "suppress", "report", "hook", "unpack"];
const WORDS: &[&str] = &[
    "baseline", "blob", "coverage", "error", "finding", "git", "globs", "lock", "pack", "rules", "secret", "time",
    "yaml",
];

/// Where a path may be named: files, or folders with a slash at the end.
const PLACES: &[(&str, &[&str])] = &[
    ("clap", &["cli/args.rs", "cli/args/", "cli/mod.rs"]),
    ("serde_yaml", &["yaml.rs"]),
    ("git2", &["git/"]),
    ("indicatif", &["cli/progress.rs"]),
    ("rayon", &["source/", "pack/", "cli/scan.rs"]),
    ("ignore", &["source/files.rs"]),
    ("regex_automata", &["scan/"]),
    ("flate2", &["unpack/"]),
    ("bzip2", &["unpack/codec.rs"]),
    ("lzma_rust2", &["unpack/codec.rs"]),
    ("ruzstd", &["unpack/codec.rs"]),
    ("lz4_flex", &["unpack/codec.rs"]),
    ("deflate64", &["unpack/codec.rs"]),
    ("ppmd_rust", &["unpack/codec.rs"]),
    ("process::Command", &["git/child.rs", "hook/", "hook.rs"]),
    ("std::net", &[]),
    ("sync::PoisonError", &["lock.rs"]),
];

/// The one file with `unsafe` code.
const UNSAFE: &str = "scan/lanes.rs";

/// Everything printed goes through one place, which survives a closed pipe.
const MACROS: &[&str] = &["print", "println", "eprint", "eprintln", "dbg"];

/// What is wrong in a file of `src`, given its path from there.
fn faults(file: &str, text: &str) -> Vec<String> {
    let code = without_tests(&bare(text));
    let own = module(file);
    let mut faults = Vec::new();
    for path in paths(&code, &own) {
        let parts: Vec<&str> = path.split("::").collect();
        if let Some(why) = wrong_floor(&own[0], &parts) {
            faults.push(format!("src/{file}: names {path}: {why}"));
        }
        let fits = |name: &str| match name.split_once("::") {
            Some((first, last)) => parts.windows(2).any(|pair| pair == [first, last]),
            None => parts[0] == name,
        };
        for (name, places) in PLACES.iter().filter(|(name, _)| fits(name)) {
            if !places.iter().any(|place| file == *place || (place.ends_with('/') && file.starts_with(place))) {
                faults.push(format!("src/{file}: names {path}: `{name}` belongs to {places:?} only"));
            }
        }
    }
    for name in MACROS.iter().filter(|name| calls(&code, name)) {
        faults.push(format!("src/{file}: `{name}!`: writing is done through cli's writers"));
    }
    if find_word(&code, "unsafe").is_some() && file != UNSAFE {
        faults.push(format!("src/{file}: `unsafe` belongs to {UNSAFE} only"));
    }
    faults.sort();
    faults.dedup();
    faults
}

fn wrong_floor(own: &str, parts: &[&str]) -> Option<&'static str> {
    let [root, top, ..] = parts else { return None };
    let in_program = PROGRAM.contains(&own);
    let is_ours = *root == "crate" || *root == "keysieve";
    if !is_ours || own == *top || own == "lib" {
        return None;
    }
    let (is_stage, is_program) = (STAGES.contains(top), PROGRAM.contains(top));
    match () {
        () if in_program => None,
        () if is_program => Some("the program is above everything"),
        () if is_stage && STAGES.contains(&own) => Some("stages never name one another"),
        () if is_stage => Some("words never name a stage"),
        () => None,
    }
}

/// The module path of a file: `source/files.rs` is `source`, `files`.
fn module(file: &str) -> Vec<String> {
    let stem = file.trim_end_matches(".rs");
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    stem.split('/').map(str::to_owned).collect()
}

/// The source without comments, strings and characters, each replaced by a space.
fn bare(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut i) = (String::new(), 0);
    while i < chars.len() {
        let end = match (chars[i], chars.get(i + 1)) {
            ('/', Some('/')) => (i..chars.len()).find(|at| chars[*at] == '\n').unwrap_or(chars.len()),
            ('/', Some('*')) => comment_end(&chars, i),
            ('"', _) => quoted_end(&chars, i + 1),
            ('r', Some('"' | '#')) if !code.ends_with(|c: char| c.is_alphanumeric() || c == '_') => {
                raw_end(&chars, i + 1)
            }
            ('\'', Some('\\')) => (i + 3..chars.len()).find(|at| chars[*at] == '\'').map_or(chars.len(), |at| at + 1),
            ('\'', Some(_)) if chars.get(i + 2) == Some(&'\'') => i + 3,
            _ => i,
        };
        code.push(if end == i { chars[i] } else { ' ' });
        i = end.max(i + 1);
    }
    code
}

fn comment_end(chars: &[char], from: usize) -> usize {
    let (mut depth, mut i) = (0, from);
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => depth += 1,
            ('*', Some('/')) => depth -= 1,
            _ => {
                i += 1;
                continue;
            }
        }
        i += 2;
        if depth == 0 {
            return i;
        }
    }
    i
}

fn quoted_end(chars: &[char], from: usize) -> usize {
    let mut i = from;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// The end of a raw string whose hashes begin at `from`; `from` itself if it is none (a raw identifier).
fn raw_end(chars: &[char], from: usize) -> usize {
    let hashes = chars[from..].iter().take_while(|c| **c == '#').count();
    if chars.get(from + hashes) != Some(&'"') {
        return from - 1;
    }
    let closes =
        |at: &usize| chars[*at] == '"' && chars[*at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
    (from + hashes + 1..chars.len()).find(closes).map_or(chars.len(), |at| at + 1 + hashes)
}

/// Without the module of tests, which stands last.
fn without_tests(code: &str) -> String {
    let Some(at) = code.find("#[cfg(test)]\nmod tests {") else { return code.to_owned() };
    code[..at].to_owned()
}

/// Every path with `::` in it, groups of `use` spread out, `super` and `self` resolved.
fn paths(code: &str, own: &[String]) -> Vec<String> {
    let mut rest = code;
    let mut inline = String::new();
    let mut found = Vec::new();
    while let Some(at) = find_word(rest, "use") {
        inline.push_str(&rest[..at]);
        let end = rest[at..].find(';').map_or(rest.len(), |end| at + end);
        spread("", &rest[at + 3..end], &mut found);
        rest = &rest[end..];
    }
    inline.push_str(rest);
    found.extend(inline_paths(&inline));
    found.iter().map(|path| resolved(path, own)).filter(|path| path.contains("::")).collect()
}

fn find_word(code: &str, word: &str) -> Option<usize> {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let mut places = code.match_indices(word).map(|(at, _)| at);
    places.find(|at| !part(code[..*at].chars().next_back()) && !part(code[at + word.len()..].chars().next()))
}

/// `a::{b, c::{d, e}}` as `a::b`, `a::c::d`, `a::c::e`.
fn spread(lead: &str, tree: &str, found: &mut Vec<String>) {
    let tree: String = tree.split(" as ").next().unwrap_or(tree).chars().filter(|c| !c.is_whitespace()).collect();
    let Some(open) = tree.find('{') else {
        found.push(format!("{lead}{tree}"));
        return;
    };
    let inner = tree[open + 1..].strip_suffix('}').unwrap_or(&tree[open + 1..]);
    let (mut depth, mut start) = (0, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                spread(&format!("{lead}{}", &tree[..open]), &inner[start..at], found);
                start = at + 1;
            }
            _ => {}
        }
    }
}

fn inline_paths(code: &str) -> Vec<String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let words = code.split(|c: char| !is_part(c)).map(|word| word.trim_matches(':'));
    words.filter(|word| word.contains("::")).map(str::to_owned).collect()
}

/// A path from `crate`, if it began with `super` or `self`.
fn resolved(path: &str, own: &[String]) -> String {
    let mut base: Vec<&str> = own.iter().map(String::as_str).collect();
    let mut parts = path.split("::").peekable();
    if !matches!(parts.peek(), Some(&"super" | &"self")) {
        return path.to_owned();
    }
    while let Some(&step) = parts.peek().filter(|step| matches!(**step, "super" | "self")) {
        if step == "super" {
            base.pop();
        }
        parts.next();
    }
    std::iter::once("crate").chain(base).chain(parts).collect::<Vec<_>>().join("::")
}

fn calls(code: &str, name: &str) -> bool {
    let mut rest = code;
    while let Some(at) = find_word(rest, name) {
        rest = &rest[at + name.len()..];
        if rest.starts_with('!') {
            return true;
        }
    }
    false
}

/// All sources, as paths from `src`; tests are no part of the house.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut files) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let is_test = |name: &str| name.split('/').any(|part| matches!(part, "tests" | "tests.rs" | "fuzz.rs"));
    files.retain(|(name, _)| !is_test(name));
    files.sort();
    files
}

#[test]
fn the_floors_hold() {
    let sources = sources();
    assert!(sources.len() > 40, "only {} sources were found", sources.len());
    let faults: Vec<String> = sources.iter().flat_map(|(file, text)| faults(file, text)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_module_has_a_floor() {
    for (file, _) in sources() {
        let top = module(&file).remove(0);
        let known = [PROGRAM, STAGES, WORDS, &["lib"]].concat();
        assert!(known.contains(&top.as_str()), "src/{file}: say in tests/architecture.rs on which floor `{top}` is");
    }
}

#[test]
fn the_library_does_not_know_the_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let declared = |file: &str| {
        let code = bare(&fs::read_to_string(root.join(file)).unwrap());
        let lines = code.lines().filter_map(|line| line.trim_start_matches("pub ").trim().strip_prefix("mod "));
        let mut names: Vec<String> = lines.map(|rest| rest.trim_end_matches(';').to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(declared("main.rs"), ["cli", "config"]);
    let mut expected: Vec<&str> = [STAGES, WORDS].concat();
    expected.sort_unstable();
    assert_eq!(declared("lib.rs"), expected);
}

#[test]
fn every_exception_is_needed() {
    // A place that no longer names its package should leave the table.
    let sources = sources();
    for (name, places) in PLACES {
        for place in *places {
            let uses = |(file, text): &&(String, String)| {
                file.starts_with(place) && bare(text).contains(name.rsplit("::").next().unwrap())
            };
            let is_optional = *name == "process::Command";
            assert!(is_optional || sources.iter().find(uses).is_some(), "{place} does not name {name} any more");
        }
    }
}

#[test]
fn planted_faults_are_found() {
    let planted = [
        ("source/files.rs", "use crate::scan::Scanner;"),
        ("source/files.rs", "pub use crate::{blob::Blob, scan::Scanner};"),
        ("source/files.rs", "use crate::{\n    blob::{Blob, Origin},\n    report::{self, Format},\n};"),
        ("source/files.rs", "fn a() { crate::report::write(); }"),
        ("source/files.rs", "fn a(x: &crate::suppress::Policy) {}"),
        ("source/mod.rs", "use super::provenance::locate;"),
        ("source/files.rs", "use super::super::hook::Hooks;"),
        ("scan/validate/mod.rs", "use crate::source;"),
        ("scan/validate/jwt.rs", "fn a() { super::super::super::source::Files; }"),
        ("report/text.rs", "use crate::config::Config;"),
        ("report/text.rs", "use crate::cli::exit::Exit;"),
        ("finding.rs", "use crate::report::Format;"),
        ("git/refs.rs", "fn a() { crate::source::Files::new() }"),
        ("pack/mod.rs", "use crate::scan as s;"),
        ("secret.rs", "pub(crate) use crate::suppress;"),
        ("report/json.rs", "use clap::Parser;"),
        ("cli/scan.rs", "use clap::Parser;"),
        ("config.rs", "use serde_yaml::Value;"),
        ("source/history.rs", "fn a() { git2::Repository::open(x) }"),
        ("report/mod.rs", "use rayon::prelude::*;"),
        ("source/range.rs", "use ignore::WalkBuilder;"),
        ("rules/pattern.rs", "use regex_automata::meta::Regex;"),
        ("scan/mod.rs", "use std::process::{Command, Stdio};"),
        ("source/stdin.rs", "use std::process;\nfn a() { process::Command::new(x) }"),
        ("git/layout.rs", "fn a() { std::process::Command::new(x) }"),
        ("hook/place.rs", "use std::net::TcpStream;"),
        ("source/mod.rs", "use std::sync::{Mutex, PoisonError};"),
        ("report/text.rs", "fn a() { println!(\"x\"); }"),
        ("cli/mod.rs", "fn a() { eprintln!(\"x\"); }"),
        ("scan/mod.rs", "fn a() { dbg!(x); }"),
        ("scan/filter.rs", "fn a() { unsafe { b() } }"),
    ];
    for (file, text) in planted {
        assert!(!faults(file, text).is_empty(), "not found in {file}: {text}");
    }
}

#[test]
fn what_is_allowed_is_not_a_fault() {
    let sound = [
        ("source/files.rs", "use crate::{blob::Blob, coverage::Tally};\nuse super::lossy;\nuse self::inner::x;"),
        ("source/files.rs", "use ignore::{DirEntry, WalkBuilder};\nuse rayon::prelude::*;"),
        ("scan/delta.rs", "use super::{Candidate, validate};\nuse crate::scan::site;"),
        ("scan/validate/jwt.rs", "use super::super::Judgement;"),
        (
            "scan/mod.rs",
            "// use crate::report::x;\n/* crate::source /* nested */ crate::report::x */\nlet x = \"crate::report::x\";",
        ),
        (
            "scan/mod.rs",
            "let x = r#\"println!(\"crate::report::x\")\"#; let c = '\"'; let d = '\\''; let l: &'static str = \"crate::report::x\";",
        ),
        ("scan/mod.rs", "#[cfg(test)]\nmod tests {\n    use crate::report::x;\n}"),
        ("cli/scan.rs", "use keysieve::report::{self, Format};\nuse crate::config::Config;\nuse super::args::Command;"),
        ("report/text.rs", "use crate::finding::Finding;\nfn a() { writeln!(out, \"x\") }"),
        ("hook/locate.rs", "use std::process::Command;"),
        ("git/child.rs", "use std::process::Command;\nuse git2::Repository;"),
        ("cli/mod.rs", "use std::process::ExitCode;\nuse clap::Parser;"),
        ("scan/mod.rs", "fn ignore() {} let ignore: u8 = 1; blueprint!(x);"),
    ];
    for (file, text) in sound {
        assert_eq!(faults(file, text), [""; 0], "{file}: {text}");
    }
}
