//! Encoded secrets: found whatever they are written in, at the right place, and never in noise. Fixed seeds.
#![allow(clippy::unwrap_used)]

#[path = "support/archives.rs"]
mod archives;
#[path = "support/encode.rs"]
mod encode;
#[path = "support/texts.rs"]
mod texts;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use encode::{SPARING, WAYS, Way, Written};
use keysieve::blob::{Blob, Origin};
use keysieve::finding::Match;
use keysieve::rules::sample::Random;
use keysieve::rules::{Confidence, Rule, RuleSet};
use keysieve::scan::Scanner;
use rayon::prelude::*;
use texts::{fill, line_and_column, none, seed};

fn rules() -> &'static RuleSet {
    static RULES: OnceLock<RuleSet> = OnceLock::new();
    RULES.get_or_init(RuleSet::every_builtin)
}

/// Ways that take a string apart.
const JOINS: &[&str] = &["+", "+ lines", "lines +", "adjacent", "continued"];

/// Rules with a prefix of their own, other than the name of a variable.
fn prefixed() -> Vec<&'static Rule> {
    let by_prefix = |rule: &&Rule| rule.anchored && rule.keywords.iter().any(|keyword| keyword.len() >= 4);
    rules().iter().filter(|rule| by_prefix(rule) && rule.provider != "Generic").collect()
}

/// A sample of a rule, alone in its scanner, and what is found in it as it stands.
fn plain(rule: &'static Rule, scanner: &Scanner, random: &mut Random) -> Option<(String, Match)> {
    rule.matches.iter().find_map(|sample| {
        let text = fill(sample, random).ok()?;
        let mut found = scanner.scan_whole(text.as_bytes()).matches.into_iter();
        let found = found.find(|m| m.rule.id == rule.id && m.implausible.is_none() && m.decoded.is_none())?;
        // A piece may have up to 1 KB, however it is written.
        ((24..300).contains(&text.len()) && text.is_ascii()).then_some((text, found))
    })
}

/// What is wrong with what the scanner finds in a written text.
fn fault(scanner: &Scanner, written: &Written, m: &Match, ways: &[&Way]) -> Option<String> {
    let place = written.place(&m.span);
    let found = scanner.scan_whole(&written.bytes).matches;
    let fits = |found: &&Match| found.secret.reveal() == m.secret.reveal();
    let names: Vec<_> = ways.iter().map(|way| way.name).collect();
    let shown = || String::from_utf8_lossy(&written.bytes[..written.bytes.len().min(700)]).into_owned();
    let Some(here) = found.iter().find(fits) else {
        // Some rules know their secret's escapes, and take it as it is written.
        let as_written = |found: &&Match| {
            found.decoded.is_none()
                && found.rule.id == m.rule.id
                && found.span.start < place.end
                && place.start < found.span.end
        };
        if found.iter().any(|found| as_written(&found)) && SPARING.iter().any(|way| way.name == ways[0].name) {
            return None;
        }
        // Others take any characters, the joint of two pieces included.
        let with_joint = |found: &&Match| {
            found.rule.id == m.rule.id && found.span.start <= place.start && place.end <= found.span.end
        };
        if found.iter().any(|found| with_joint(&found)) && ways.iter().any(|way| JOINS.contains(&way.name)) {
            return None;
        }
        return Some(format!("{} in {names:?} is not found: {:?}\n   {found:?}", m.rule.id, shown()));
    };
    // Amid other text, big-endian characters cannot be told from little-endian ones, which begin elsewhere.
    let unclear = ways.len() > 1 && ways[1].name.ends_with("be");
    if here.span != place && !unclear {
        let what = format!("{} in {names:?} is at {place:?}, found at {:?}: {:?}", m.rule.id, here.span, shown());
        return Some(what);
    }
    let sightings = scanner.sight(&Blob::whole(&Origin::Stdin, &written.bytes), &[]);
    let site = &sightings.iter().find(|sighting| sighting.hit.span == here.span)?.site;
    let end = line_and_column(&written.bytes, here.span.end);
    let right = (site.line, site.column) == line_and_column(&written.bytes, place.start)
        && (site.end_line, site.end_column) == end
        && (1..=ways.len()).contains(&site.decoded_by.len());
    let untouched = here.decoded.is_none() && written.bytes[place.clone()] == *m.secret.reveal();
    (!right && !unclear && !untouched).then(|| format!("{} in {names:?}: {site:?}", m.rule.id))
}

#[test]
fn every_prefix_is_found_in_every_way_of_writing() {
    let (tried, rules_tried) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failures: Vec<String> = prefixed()
        .into_par_iter()
        .flat_map_iter(|rule| {
            let scanner = texts::alone(rule, rules());
            let mut random = Random::new(seed(rule.id) ^ 0xdec0de);
            let Some((text, m)) = plain(rule, &scanner, &mut random) else { return Vec::new() };
            rules_tried.fetch_add(1, Ordering::Relaxed);
            let split = m.span.start + m.span.len() / 2;
            let bare = Written::plain(text.as_bytes());
            let mut failures = Vec::new();
            let mut attempt = |ways: &[&Way]| {
                let mut written = Some(bare.clone());
                for way in ways.iter().rev() {
                    written = written.and_then(|written| written.again(way, split));
                }
                // A value that is quoted, on a line of its own, or at the end of the file.
                let written = written.map(|written| match random.below(3) {
                    _ if ways[0].name == "mail" => written.between(b"text before\n", b"\nand after\n"),
                    _ if ways[0].name.starts_with("utf") => written,
                    0 => written.between(b"text before\nvalue = \"", b"\"\nand after\n"),
                    1 => written.between(b"# more\n\n", b"\n"),
                    _ => written.between(b"it: ", b""),
                });
                if let Some(written) = written {
                    tried.fetch_add(1, Ordering::Relaxed);
                    failures.extend(fault(&scanner, &written, &m, ways));
                }
            };
            for way in WAYS {
                // Where the other half of a credential is cut, and it is not, it is found as it stands only.
                if way.name != "mail" || rule.parts.is_empty() {
                    attempt(&[way]);
                }
            }
            // Of two in one another, other pairs for every rule.
            let pairs: Vec<(&Way, &Way)> =
                WAYS.iter().flat_map(|outer| WAYS.iter().map(move |inner| (outer, inner))).collect();
            let first = seed(rule.id) as usize % 16;
            for (outer, inner) in pairs.into_iter().skip(first).step_by(16) {
                // A mail is written for itself, and nobody takes a piece apart again.
                let joins = |way: &Way| JOINS.contains(&way.name);
                if inner.name != "mail"
                    && outer.name != "mail"
                    && !(joins(outer) && (joins(inner) || inner.name == "hex list"))
                {
                    attempt(&[outer, inner]);
                }
            }
            failures
        })
        .collect();
    none("encoded", failures);
    let (tried, rules_tried) = (tried.into_inner(), rules_tried.into_inner());
    assert!(tried > 20_000 && rules_tried > 500, "only {tried} of {rules_tried} rules");
}

/// What programs escape only where they must.
#[test]
fn values_with_a_few_escapes_are_found_whole() {
    let tried = AtomicUsize::new(0);
    let failures: Vec<String> = prefixed()
        .into_par_iter()
        .flat_map_iter(|rule| {
            let scanner = texts::alone(rule, rules());
            let mut random = Random::new(seed(rule.id) ^ 0x5fa4e);
            let mut failures = Vec::new();
            for _ in 0..4 {
                let Some((text, m)) = plain(rule, &scanner, &mut random) else { break };
                for way in SPARING {
                    // Only if the secret itself is concerned.
                    let secret = &text.as_bytes()[m.span.clone()];
                    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=_-:.@%".contains(byte);
                    let quoted = text.contains(['\n', '\'']) || !secret.iter().all(token) || secret.len() > 400;
                    if (way.write)(secret, 0).is_none() || quoted {
                        continue;
                    }
                    let Some(written) = Written::plain(text.as_bytes()).again(way, 0) else { continue };
                    let written = written.between(b"x: '", b"'\n");
                    tried.fetch_add(1, Ordering::Relaxed);
                    failures.extend(fault(&scanner, &written, &m, &[way]));
                }
            }
            failures
        })
        .collect();
    none("escaped", failures);
    assert!(tried.into_inner() > 300);
}

/// How many megabytes of noise there are.
fn megabytes(usually: usize) -> usize {
    std::env::var("KEYSIEVE_NOISE_MB").ok().and_then(|count| count.parse().ok()).unwrap_or(usually)
}

/// What is found in noise and would be shown to somebody.
fn noise_in(scanner: &Scanner, noise: &[u8]) -> Vec<String> {
    let matches = scanner.scan_whole(noise).matches.into_iter();
    matches
        .filter(|m| m.decoded.is_some() || m.confidence == Confidence::High && m.implausible.is_none())
        .map(|m| format!("{} at {:?} {:?}", m.rule.id, m.span, m.decoded.map(|decoded| decoded.layers)))
        .collect()
}

/// Random bytes, and their base64 and hexadecimal digits.
#[test]
fn noise_has_no_secrets() {
    let scanner = Scanner::new(rules());
    let found: Vec<String> = (0..megabytes(4))
        .into_par_iter()
        .flat_map_iter(|piece| {
            let mut random = Random::new(0x1e55 + piece as u64);
            let noise: Vec<u8> = (0..1usize << 20).map(|_| random.number() as u8).collect();
            let hex = data_encoding::HEXLOWER.encode(&noise[..1 << 19]);
            let base64 = data_encoding::BASE64.encode(&noise);
            let lines = base64.as_bytes().chunks(76).collect::<Vec<_>>().join(&b'\n');
            let forms =
                [base64.into_bytes(), data_encoding::BASE64URL.encode(&noise).into_bytes(), hex.into_bytes(), lines];
            let scanner = &scanner;
            forms.into_iter().chain([noise]).flat_map(move |form| noise_in(scanner, &form))
        })
        .collect();
    none("noise", found);
}

/// What compresses to nothing simpler, compressed: random words and numbers. `KEYSIEVE_NOISE_MB` megabytes of each kind.
#[test]
fn compressed_noise_has_no_secrets() {
    let scanner = Scanner::new(rules());
    let found: Vec<String> = (0..megabytes(1))
        .into_par_iter()
        .flat_map_iter(|piece| {
            let mut random = Random::new(0xc0de + piece as u64);
            let mut text = Vec::with_capacity(2 << 20);
            while text.len() < 2 << 20 {
                let word = random.number().to_string();
                text.extend_from_slice(&word.as_bytes()[..1 + random.below(word.len())]);
                text.extend((0..random.below(9)).map(|_| b'a' + random.below(26) as u8));
                text.push(b" \n,;=:"[random.below(6)]);
            }
            let forms: [(&str, Vec<u8>); 6] = [
                ("gzip", archives::gz(&text)),
                ("zlib", archives::zlib(&text)),
                ("bzip2", archives::bzip2(&text)),
                ("xz", archives::xz(&text)),
                ("zstd", archives::zstd(&text)),
                ("lz4", archives::lz4(&text)),
            ];
            let scanner = &scanner;
            forms.into_iter().flat_map(move |(name, form)| {
                assert!(form.len() > 1 << 20, "{name} has {} bytes", form.len());
                noise_in(scanner, &form).into_iter().map(move |found| format!("{name}: {found}"))
            })
        })
        .collect();
    none("compressed noise", found);
}
