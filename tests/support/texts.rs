//! Texts for tests: values of rules' own samples, prose and source code, all from fixed seeds.
#![allow(dead_code)]

use std::ops::Range;

use keysieve::finding::Match;
use keysieve::rules::sample::{self, Random};
use keysieve::rules::{Rule, RuleSet};
use keysieve::scan::{Scanner, validate};
use rayon::prelude::*;

/// A scanner of one rule and of the rules that complete it.
pub fn alone(rule: &'static Rule, all: &RuleSet) -> Scanner {
    let parts = rule.parts.iter().filter_map(|part| all.find(part.rule)).filter(|part| part.id != rule.id);
    Scanner::new(&RuleSet::of(std::iter::once(rule).chain(parts).collect()))
}

/// A stable seed for a name, so that a new rule does not change the values of the others.
pub fn seed(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A value of a sample template.
pub fn fill(template: &str, random: &mut Random) -> Result<String, String> {
    sample::fill(template, random, &validate::generate)
}

/// A value of a sample template with the place of each generated run in it, and of the placeholder in the template.
pub fn fill_marked(template: &str, random: &mut Random) -> Result<(String, Vec<Run>), String> {
    let (mut text, mut runs) = (String::new(), Vec::new());
    let mut at = 0;
    while at < template.len() {
        let rest = &template[at..];
        let close = if rest.starts_with('{') { rest.find('}') } else { None };
        // No placeholder has a brace in it.
        if let Some(close) = close.filter(|close| !rest[1..*close].contains('{')) {
            let placeholder = &rest[..=close];
            let before = text.clone();
            let checks =
                move |name: &str, _: &str, random: &mut dyn FnMut() -> u64| validate::generate(name, &before, random);
            let made = sample::fill(placeholder, random, &checks)?;
            if made != placeholder {
                let check = placeholder.starts_with("{check:");
                runs.push(Run { text: text.len()..text.len() + made.len(), template: at..at + close + 1, check });
                text.push_str(&made);
                at += close + 1;
                continue;
            }
        }
        let literal = rest[1..].find('{').map_or(rest.len(), |next| next + 1);
        text.push_str(&rest[..literal]);
        at += literal;
    }
    Ok((text, runs))
}

/// A generated run of a filled template.
#[derive(Debug, Clone)]
pub struct Run {
    pub text: Range<usize>,
    pub template: Range<usize>,
    pub check: bool,
}

/// Whether a match says that it may be a real credential.
pub fn is_open(found: &Match) -> bool {
    found.implausible.is_none()
}

/// The keyword of its rule that a secret begins with.
pub fn own_prefix(rule: &Rule, secret: &[u8]) -> Option<&'static str> {
    let fits = |keyword: &&&str| {
        secret.get(..keyword.len()).is_some_and(|start| {
            if rule.ignore_case { start.eq_ignore_ascii_case(keyword.as_bytes()) } else { start == keyword.as_bytes() }
        })
    };
    if !rule.anchored {
        return None;
    }
    rule.keywords.iter().filter(fits).max_by_key(|keyword| keyword.len()).copied()
}

/// Tokens that a rule finds without anything around them but the words that it wants near: from its own samples.
pub fn bare_tokens(rule: &'static Rule, all: &RuleSet, most: usize) -> Vec<String> {
    let scanner = alone(rule, all);
    let mut random = Random::new(seed(rule.id) ^ 0x70ce);
    let mut tokens: Vec<String> = Vec::new();
    let lead = lead(rule);
    for template in rule.matches.iter().chain(rule.matches) {
        let Ok(text) = fill(template, &mut random) else { continue };
        for found in scanner.scan_whole(text.as_bytes()).matches {
            let secret = String::from_utf8_lossy(found.secret.reveal()).into_owned();
            let own = found.rule.id == rule.id && is_open(&found) && own_prefix(rule, secret.as_bytes()).is_some();
            if !own || tokens.len() >= most || tokens.contains(&secret) {
                continue;
            }
            let bare = scanner.scan_whole(format!("{lead}{secret}").as_bytes()).matches;
            let stands =
                bare.iter().any(|m| m.rule.id == rule.id && m.secret.reveal() == secret.as_bytes() && is_open(m));
            if stands {
                tokens.push(secret);
            }
        }
    }
    tokens
}

/// What a rule wants to see somewhere near its token.
pub fn lead(rule: &Rule) -> String {
    rule.near.first().map_or(String::new(), |word| format!("# {word}\n"))
}

pub fn pick<'a, T: ?Sized>(random: &mut Random, from: &[&'a T]) -> &'a T {
    from[random.below(from.len())]
}

pub const WORDS: &[&str] = &[
    "the",
    "a",
    "of",
    "to",
    "and",
    "in",
    "for",
    "with",
    "on",
    "from",
    "by",
    "at",
    "is",
    "are",
    "was",
    "were",
    "can",
    "must",
    "should",
    "may",
    "not",
    "only",
    "each",
    "every",
    "new",
    "old",
    "first",
    "last",
    "other",
    "same",
    "shipment",
    "temperature",
    "gift",
    "card",
    "order",
    "customer",
    "warehouse",
    "invoice",
    "device",
    "logger",
    "integration",
    "partner",
    "account",
    "manager",
    "portal",
    "settings",
    "page",
    "request",
    "response",
    "header",
    "value",
    "number",
    "documentation",
    "developer",
    "environment",
    "variable",
    "configuration",
    "secret",
    "token",
    "key",
    "keys",
    "api",
    "access",
    "password",
    "credential",
    "credentials",
    "authorization",
    "bearer",
    "client",
    "server",
    "endpoint",
    "authentication",
    "rotation",
    "revocation",
    "production",
    "sandbox",
    "playground",
    "backend",
    "library",
    "module",
    "internationalisation",
    "responsibilities",
    "straightforward",
    "misunderstanding",
    "counterproductive",
];

const NAMES: &[&str] = &[
    "Runa",
    "runa",
    "RUNA",
    "Controlant",
    "controlant",
    "CONTROLANT",
    "Augno",
    "augno",
    "AUGNO",
    "Runas",
    "runaway",
    "Bruna",
    "Runar",
    "controlants",
    "runaround",
    "Runa's",
    "Controlant's",
    "runa.io",
    "controlant.com",
    "augno.com",
];

/// English-like paragraphs about these providers, keys and much else.
pub fn prose(random: &mut Random, sentences: usize) -> String {
    let mut text = String::new();
    for _ in 0..sentences {
        let words = 6 + random.below(18);
        let name_at = random.below(words);
        for at in 0..words {
            let word = if at == name_at { pick(random, NAMES) } else { pick(random, WORDS) };
            text.push_str(word);
            let mark = match random.below(24) {
                0 => ", ",
                1 => ": ",
                2 => " - ",
                3 => " = ",
                4 => "; ",
                5 => " (",
                6 => "\n",
                7 => "-",
                8 => "_",
                9 => "/",
                10 => "\" ",
                _ => " ",
            };
            text.push_str(mark);
        }
        text.push_str(pick(random, &[".\n", ". ", "?\n\n", "!\n", ".\n\n## "]));
    }
    text
}

/// Code without a secret in it: names, calls, references, paths, messages.
pub fn code(random: &mut Random, lines: usize) -> String {
    let mut text = String::new();
    for _ in 0..lines {
        let (name, a, b, c) = (pick(random, NAMES), pick(random, WORDS), pick(random, WORDS), pick(random, WORDS));
        let lower = name.to_ascii_lowercase();
        let upper = name.to_ascii_uppercase();
        let title = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
        let (aa, bb, cc) = (title(a), title(b), title(c));
        let number = random.below(100_000);
        text.push_str(&match random.below(26) {
            0 => format!("    const {lower}{aa}{bb} = await get{bb}From{cc}({a}, {c});\n"),
            1 => format!("{upper}_API_KEY=${{{upper}_API_KEY}}\n"),
            2 => format!("{upper}_{}_KEY=\n", a.to_ascii_uppercase()),
            3 => format!("{lower}_api_key: {{{{ {lower}_{a}_{b}_{c} }}}}\n"),
            4 => format!("  apiKey: process.env.{upper}_API_KEY, // {a} {b} {c}\n"),
            5 => format!("{lower}.api.key={a}-{b}-{c}\n"),
            6 => format!("import {{ {name}{aa}Client, {name}{bb}SecretKey{cc} }} from '@{lower}/{a}-{b}-{c}';\n"),
            7 => format!("func (c *{name}Client) {aa}{bb}ApiKey{cc}(ctx context.Context) (string, error) {{\n"),
            8 => format!("// {name} api key: {a} {b} {c}, see https://{lower}/{a}/{b}#{c}\n"),
            9 => format!("log.info(\"{name} token {a} {b} was {c}\", {lower}Token{aa}, {number});\n"),
            10 => format!("{lower}_secret_key_path = \"/etc/{lower}/{a}/{b}_{c}.pem\"\n"),
            11 => format!("\"{lower}ApiKey\": \"{a}{bb}{cc}Provider\",\n"),
            12 => format!("self.{lower}_access_token = settings.{a}.{b}_{c}_token_provider\n"),
            13 => format!("<{lower}-api-key-{a} :value=\"{b}{cc}\" label=\"{aa} {b} {c}\" />\n"),
            14 => format!("{lower}:\n  api_key: !vault {a}/{b}/{c}\n  timeout: {number}\n"),
            15 => format!("curl https://api.{lower}/v2/{a}/{b} -H \"X-Api-Key: ${upper}_KEY\"\n"),
            16 => format!("new {name}({{ apiKey: config.get('{lower}.{a}.{b}.{c}') }})\n"),
            17 => format!(
                "{upper}_{}_ID={number:08x}-{:04x}-4{:03x}-9abc-{:012x}\n",
                pick(random, &["ORDER", "REQUEST", "CUSTOMER", "TENANT", "DEVICE"]),
                number & 0xffff,
                number & 0xfff,
                number * 7919
            ),
            18 => format!("test_{lower}_{a}_{b}_key_is_{c} ... ok ({number} ms)\n"),
            19 => format!("Set-Cookie: {lower}_{a}={b}; Path=/{c}; HttpOnly\n"),
            20 => format!("{lower}Key = {lower}SecretAccessKey.{a}{bb}({cc}.{b}_{c}, {number});\n"),
            21 => format!("commit {number:040x} {name}: {a} secret {b} {c}\n"),
            22 => format!("resource \"{lower}_{a}\" \"{b}\" {{ secret_key = var.{lower}_{c}_secret_key }}\n"),
            23 => format!("{upper}_ACCESS_KEY_ID=<your-{a}-{b}-key>\n"),
            24 => format!("integrity sha512 {lower} {number}.{a}.{b} {name}::{aa}::{bb}Key\n"),
            _ => format!("{a} {b} {c} {aa}{bb}{cc} {lower}_{a}{number}\n"),
        });
    }
    text
}

/// Source-like text of about `len` bytes with keywords of rules strewn in, as fuel for the filter.
pub fn source(random: &mut Random, len: usize, keywords: &[&str]) -> Vec<u8> {
    let mut text = Vec::with_capacity(len + 200);
    while text.len() < len {
        text.extend_from_slice(code(random, 3).as_bytes());
        if !keywords.is_empty() && random.below(4) == 0 {
            text.extend_from_slice(pick(random, keywords).as_bytes());
        }
    }
    text.truncate(len);
    text
}

/// 1-based line and column of an offset, counted the slow way.
pub fn line_and_column(bytes: &[u8], at: usize) -> (u64, u64) {
    let (mut line, mut column) = (1, 1);
    for byte in &bytes[..at] {
        if *byte == b'\n' {
            (line, column) = (line + 1, 1);
        } else {
            column += 1;
        }
    }
    (line, column)
}

/// Panics with the failures, a line each, if there are any; `KEYSIEVE_TEST_LINES` says how many are shown.
pub fn none(what: &str, mut failures: Vec<String>) {
    failures.sort();
    let count = failures.len();
    if count > 0 {
        let lines = std::env::var("KEYSIEVE_TEST_LINES").ok().and_then(|lines| lines.parse().ok());
        failures.truncate(lines.unwrap_or(60));
        panic!("{what}: {count} failures\n  {}", failures.join("\n  "));
    }
}

/// Does `work` for each item on all cores. The threads are the test's own: what they print is shown with it if it fails.
pub fn in_pool<I>(items: I, work: impl Fn(I::Item) + Sync + Send)
where
    I: IntoParallelIterator<Item: Send> + Send,
{
    let pool = rayon::ThreadPoolBuilder::new().build().expect("threads for a test");
    pool.install(|| items.into_par_iter().for_each(work));
}
