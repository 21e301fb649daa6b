//! Every built-in rule against thousands of values generated from its own samples, in many contexts, with all other
//! rules present.
#![allow(clippy::unwrap_used)]

#[path = "rules/docs.rs"]
mod docs;
#[path = "rules/guidance.rs"]
mod guidance;
#[path = "rules/shapes.rs"]
mod shapes;
#[path = "support/texts.rs"]
mod texts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use keysieve::blob::{Blob, Origin};
use keysieve::finding::{Match, Sighting};
use keysieve::rules::sample::Random;
use keysieve::rules::{Edge, Rule, RuleSet};
use keysieve::scan::{Scanner, validate};
use rayon::prelude::*;
use texts::{alone, bare_tokens, fill, fill_marked, is_open, lead, line_and_column, none, own_prefix, seed};

/// Values of each rule, shared out among its samples, but at least `LEAST` a sample.
const VALUES: usize = 1000;
const LEAST: usize = 30;
/// Of so many random values one may look like a stand-in or like words by chance.
const ONE_IN: usize = 1000;

/// A rule whose values another one may report: both are right, and what the reader is told is as good.
/// (Rules of one provider with the same guidance may stand for one another anyway.)
const MAY_STAND_FOR: &[(&str, &str)] = &[];

/// Samples of the first rule hold a credential of the second, of another provider, on purpose.
const HOLDS_ANOTHER: &[(&str, &str)] = &[];

/// Rules that show more than their literal prefix and a few characters, and how much more: an identifier that the token
/// carries in plain and that the provider's console shows.
const SHOWS_MORE: &[(&str, usize)] = &[
    // The account ID, which the app shows beside the secret key.
    ("1password-secret-key", 7),
    // App ID and key ID: the key's public name.
    ("ably-api-key", 13),
    // The token's UUID, by which it is revoked.
    ("bitwarden-access-token", 38),
    // The client ID.
    ("datastax-astra-token", 24),
    // The bot's user ID.
    ("discord-bot-token", 22),
    // The beginning of the webhook's ID.
    ("discord-webhook-url", 14),
    // The public token ID, as its API takes it.
    ("dynatrace-api-token", 24),
    ("dynatrace-platform-token", 26),
    // The key ID, which the call that deletes the key takes.
    ("fal-api-key", 36),
    ("fal-api-key-by-host", 36),
    // The account ID and the token's object ID.
    ("harness-token", 47),
    // The key ID.
    ("honeycomb-ingest-key", 26),
    ("honeycomb-management-key", 26),
    ("kagi-api-key", 11),
    ("kagi-api-key-by-host", 11),
    // The ID of the organisation.
    ("salesforce-access-token", 13),
    // The bot's ID.
    ("telegram-bot-token", 10),
    ("telegram-bot-token-old", 10),
    // The ID of the blob store.
    ("vercel-blob-read-write-token", 16),
    // The key ID, which the settings show.
    ("wandb-api-key-v1", 27),
    // The key ID.
    ("zhipu-api-key", 32),
    ("zhipu-api-key-by-host", 32),
    // The API key ID.
    ("sendgrid-api-key", 23),
    // The beginning of the app's or the workspace's ID.
    ("slack-app-token", 11),
    ("slack-bot-token", 8),
    ("slack-session-token", 8),
    ("slack-user-token", 8),
    ("slack-webhook-url", 9),
    ("slack-workflow-webhook-url", 9),
];

fn rules() -> &'static RuleSet {
    static RULES: OnceLock<RuleSet> = OnceLock::new();
    RULES.get_or_init(RuleSet::every_builtin)
}

fn everything() -> &'static Scanner {
    static SCANNER: OnceLock<Scanner> = OnceLock::new();
    SCANNER.get_or_init(|| Scanner::new(rules()))
}

/// What each rule gives, in parallel.
fn of_each_rule(check: impl Fn(&'static Rule) -> Vec<String> + Sync + Send) -> Vec<String> {
    let all: Vec<_> = rules().iter().collect();
    all.into_par_iter().flat_map_iter(check).collect()
}

fn share_guidance(a: &Rule, b: &Rule) -> bool {
    a.provider == b.provider && a.guidance().headline == b.guidance().headline && a.guidance().now == b.guidance().now
}

/// Whether `found` is what a reader must be told of `wanted`: the same bytes, by the same rule or one as right.
fn stands_for(found: &Match, wanted: &Match) -> bool {
    found.secret.reveal() == wanted.secret.reveal()
        && found.span == wanted.span
        && is_open(found)
        && (found.rule.id == wanted.rule.id
            || wanted.rule.generic
            || share_guidance(found.rule, wanted.rule)
            || is_candidate(wanted.rule, found.rule)
            || MAY_STAND_FOR.contains(&(wanted.rule.id, found.rule.id)))
}

/// Whether a rule for a shape that several providers share names this one among them.
fn is_candidate(wanted: &Rule, found: &Rule) -> bool {
    found.candidates.iter().any(|one| one.rule == wanted.id || one.provider == wanted.provider)
}

/// An identifier is told as a detail of the secret that it belongs to.
fn is_detail(wanted: &Match, found: &[Match]) -> bool {
    let shown = String::from_utf8_lossy(wanted.secret.reveal());
    wanted.rule.public && found.iter().any(|m| m.details.values().any(|value| *value == shown))
}

fn describe(found: &[Match]) -> String {
    let each = found.iter().map(|m| {
        let why = m.implausible.as_deref().map_or(String::new(), |why| format!(" ({why})"));
        format!("{} at {:?}{why}", m.rule.id, m.span)
    });
    format!("[{}]", each.collect::<Vec<_>>().join(", "))
}

const MISSED: &str = "not found even alone";

/// The same fault of many values is one line.
struct Faults<'a> {
    rule: &'a Rule,
    seen: BTreeMap<(&'static str, String), (usize, String)>,
}

impl<'a> Faults<'a> {
    fn new(rule: &'a Rule) -> Self {
        Self { rule, seen: BTreeMap::new() }
    }
    fn add(&mut self, what: &'static str, place: &str, detail: String) {
        self.seen.entry((what, place.to_owned())).or_insert((0, detail)).0 += 1;
    }
    /// Forgets a kind of fault if it is rare enough among so many values.
    fn forgive(&mut self, what: &'static str, values: usize) {
        let count: usize = self.seen.iter().filter(|((fault, _), _)| *fault == what).map(|(_, (count, _))| count).sum();
        if count * ONE_IN <= values {
            self.seen.retain(|(fault, _), _| *fault != what);
        }
    }
    fn lines(self) -> Vec<String> {
        let id = self.rule.id;
        let line = |((what, place), (count, detail)): ((&str, String), (usize, String))| {
            format!("{id}: {what} ({count} times) in `{}`: {detail}", place.escape_default())
        };
        self.seen.into_iter().map(line).collect()
    }
}

fn values_a_sample(rule: &Rule) -> usize {
    (VALUES / rule.matches.len().max(1)).max(LEAST)
}

fn sight(bytes: &[u8]) -> Vec<Sighting> {
    everything().sight(&Blob::whole(&Origin::Stdin, bytes), &[])
}

#[test]
fn values_are_found_by_the_right_rule_at_the_right_place() {
    none(
        "values",
        of_each_rule(|rule| {
            let scanner = alone(rule, rules());
            let mut random = Random::new(seed(rule.id));
            let mut faults = Faults::new(rule);
            for template in rule.matches {
                for _ in 0..values_a_sample(rule) {
                    match fill_marked(template, &mut random) {
                        Ok((text, runs)) => check_value(rule, &scanner, template, &text, &runs, &mut faults),
                        Err(why) => faults.add("cannot be generated", template, why),
                    }
                }
            }
            // A rule that goes by looks alone errs now and then: one value in 200 by chance looks like words.
            let leniency = if rule.generic { ONE_IN.div_ceil(200) } else { 1 };
            faults.forgive(MISSED, leniency * values_a_sample(rule) * rule.matches.len());
            faults.lines()
        }),
    );
    let values: usize = rules().iter().map(|rule| values_a_sample(rule) * rule.matches.len()).sum();
    assert!(values > 100_000, "only {values} values");
}

fn check_value(
    rule: &'static Rule,
    scanner: &Scanner,
    template: &str,
    text: &str,
    runs: &[texts::Run],
    faults: &mut Faults<'_>,
) {
    let bytes = text.as_bytes();
    let wanted: Vec<Match> = scanner.scan_whole(bytes).matches;
    let wanted: Vec<&Match> = wanted.iter().filter(|m| m.rule.id == rule.id && is_open(m)).collect();
    let sightings = sight(bytes);
    let found: Vec<Match> = sightings.iter().map(|s| s.hit.clone()).collect();
    if wanted.is_empty() {
        return faults.add(MISSED, template, describe(&scanner.scan_whole(bytes).matches));
    }
    for want in &wanted {
        let cut = |run: &&texts::Run| {
            let within = run.text.start.max(want.span.start)..run.text.end.min(want.span.end);
            within.start < within.end && within != run.text
        };
        if runs.iter().any(|run| cut(&run)) {
            faults.add("span cuts a generated run", template, format!("{:?} of {text:?}", want.span));
        }
        if !found.iter().any(|m| stands_for(m, want)) && !is_detail(want, &found) {
            faults.add(
                "not found among all rules",
                template,
                format!("want {:?}, found {}", want.span, describe(&found)),
            );
        }
    }
    for Sighting { hit, site, .. } in &sightings {
        if (site.line, site.column) != line_and_column(bytes, hit.span.start)
            || (site.end_line, site.end_column) != line_and_column(bytes, hit.span.end)
        {
            faults.add("wrong line or column", template, format!("{:?}: {site:?}", hit.span));
        }
        // What a sample holds beside the secret may be called secret by its own name, which only a generic rule does.
        let stranger = hit.rule.provider != rule.provider && !wanted.iter().any(|want| want.span == hit.span);
        if is_open(hit) && stranger && !hit.rule.generic && !HOLDS_ANOTHER.contains(&(rule.id, hit.rule.id)) {
            faults.add("another provider's rule fires", template, format!("{} at {:?}", hit.rule.id, hit.span));
        }
    }
}

#[test]
fn ignored_samples_give_no_open_finding() {
    none(
        "ignore samples",
        of_each_rule(|rule| {
            let mut random = Random::new(seed(rule.id) ^ 0x1906);
            let scanner = alone(rule, rules());
            let mut faults = Faults::new(rule);
            for template in rule.ignores {
                for _ in 0..if template.contains('{') { 12 } else { 1 } {
                    let text = match fill(template, &mut random) {
                        Ok(text) => text,
                        Err(why) => {
                            faults.add("cannot be generated", template, why);
                            break;
                        }
                    };
                    for (who, found) in [
                        ("alone", scanner.scan_whole(text.as_bytes())),
                        ("among all", everything().scan_whole(text.as_bytes())),
                    ] {
                        if found.matches.iter().any(|m| m.rule.id == rule.id && is_open(m)) {
                            faults.add(
                                "fires on an ignore sample",
                                template,
                                format!("{who}: {}", describe(&found.matches)),
                            );
                        }
                    }
                }
            }
            faults.lines()
        }),
    );
}

/// Name, what stands before the token, what stands after it.
const CONTEXTS: &[(&str, &[u8], &[u8])] = &[
    ("alone", b"", b""),
    ("start of file", b"", b"\nmore\n"),
    ("end of file", b"first line\nsecond line ", b""),
    ("dotenv", b"# settings\nSERVICE_VALUE=", b"\nOTHER=1\n"),
    ("dotenv, double quotes", b"SERVICE_VALUE=\"", b"\"\n"),
    ("dotenv, single quotes", b"SERVICE_VALUE='", b"'\n"),
    ("dotenv, CRLF", b"A=1\r\nSERVICE_VALUE=", b"\r\nB=2\r\n"),
    ("shell export", b"export SERVICE_VALUE=", b"; run\n"),
    ("shell export, quoted", b"\n\nexport SERVICE_VALUE=\"", b"\" && run\n"),
    ("shell default", b"v=${SERVICE_VALUE:-", b"}\n"),
    ("command line", b"$ client --value ", b" --verbose\n"),
    ("command line, joined", b"$ client --value=", b" --verbose\n"),
    ("back quotes", b"let v = `", b"`;\n"),
    ("JSON", b"{\n  \"a\": 1,\n  \"value\": \"", b"\",\n  \"b\": 2\n}\n"),
    ("JSON, tight", b"{\"value\":\"", b"\"}"),
    ("JSON in a string", b"\"{\\\"value\\\":\\\"", b"\\\"}\""),
    ("YAML", b"service:\n  value: ", b"\n  other: 1\n"),
    ("YAML, quoted", b"service:\n  value: '", b"'\n"),
    ("YAML list", b"values:\n  - ", b"\n  - x\n"),
    ("TOML", b"[service]\nvalue = \"", b"\"\n"),
    ("JavaScript", b"const value = '", b"';\nexport default value;\n"),
    ("TypeScript", b"const value: string = \"", b"\";\n"),
    ("Python", b"def f():\n    value = \"", b"\"\n    return value\n"),
    ("Python bytes", b"value = b'", b"'\n"),
    ("Python raw", b"value = r\"", b"\"\n"),
    ("Python triple quotes", b"value = \"\"\"", b"\"\"\"\n"),
    ("Go", b"package x\n\nconst value = \"", b"\"\n"),
    ("Go, raw", b"v := `", b"`\n"),
    ("Java properties", b"service.value=", b"\n"),
    ("Java properties, colon", b"service.value: ", b"\r\n"),
    ("call", b"client(\"", b"\", 3)\n"),
    ("call, bare", b"client(", b")\n"),
    ("array", b"['x', '", b"', 'y']\n"),
    ("XML attribute", b"<service value=\"", b"\" other=\"1\"/>\n"),
    ("XML attribute, single quotes", b"<service value='", b"'/>\n"),
    ("XML element", b"<value>", b"</value>\n"),
    ("XML entity", b"<v>value=&quot;", b"&quot;</v>\n"),
    ("CDATA", b"<v><![CDATA[", b"]]></v>\n"),
    ("URL query", b"GET https://host.internal.test/p?value=", b"&other=1 HTTP/1.1\n"),
    ("URL query, last", b"https://host.internal.test/p?a=1&value=", b"\n"),
    ("URL path", b"https://host.internal.test/", b"\n"),
    ("URL user", b"https://", b"@host.internal.test/p.git\n"),
    ("HTTP header", b"POST / HTTP/1.1\r\nX-Value: ", b"\r\nAccept: */*\r\n\r\n"),
    ("bearer", b"Authorization: Bearer ", b"\r\n"),
    ("curl", b"curl -H 'X-Value: ", b"' https://host.internal.test\n"),
    ("Dockerfile ENV", b"FROM scratch\nENV VALUE ", b"\n"),
    ("Dockerfile ENV, equals", b"ENV VALUE=", b"\n"),
    ("Markdown", b"Use `", b"` for it.\n"),
    ("Markdown table", b"| value | ", b" |\n"),
    ("comment", b"x = 1 # ", b"\n"),
    ("comment, C", b"/*", b"*/"),
    ("diff", b"+", b"\n"),
    ("diff, removed", b"-", b"\n"),
    ("SQL", b"INSERT INTO t VALUES (1, '", b"');\n"),
    ("CSV", b"a,", b",c\n"),
    ("TSV", b"a\t", b"\tc\n"),
    ("log", b"2024-01-15T10:00:00Z INFO value=", b" ok\n"),
    ("after \\n as written", b"\"first\\n", b"\\nlast\"\n"),
    ("after \\r\\n as written", b"\"first\\r\\n", b"\\r\\nlast\"\n"),
    ("after \\t as written", b"\"a\\t", b"\\tb\"\n"),
    ("after \\\\n as written", b"\"a\\\\n", b"\\\\nb\"\n"),
    ("after %3D", b"https://host.internal.test/?q=value%3D", b"%26a\n"),
    ("after %3d", b"value%3d", b"\n"),
    ("after %20", b"q=value%20", b"%20a\n"),
    ("after %22", b"%7B%22value%22%3A%22", b"%22%7D\n"),
    ("after %0A", b"a%0A", b"%0Ab"),
    ("after \\u003d", b"\"value\\u003d", b"\\u0026a\"\n"),
    ("after \\u003D", b"\"value\\u003D", b"\"\n"),
    ("after \\u0022", b"\\u0022value\\u0022:\\u0022", b"\\u0022"),
    ("after \\U0000003d", b"\"value\\U0000003d", b"\"\n"),
    ("after \\u{3d}", b"\"value\\u{3d}", b"\"\n"),
    ("after \\x3d", b"\"value\\x3d", b"\\x26a\"\n"),
    ("after \\x3D", b"\"value\\x3D", b"\"\n"),
    ("after \\075", b"\"value\\075", b"\"\n"),
    ("after =3D", b"value=3D", b"\n"),
    ("after &#61;", b"value&#61;", b"&amp;a\n"),
    ("after &#x3d;", b"value&#x3d;", b"\n"),
    ("after X_", b"X_", b"\n"),
    ("after __", b"x__", b"\n"),
    ("after a dot", b"a.", b"\n"),
    ("after @", b"@", b"\n"),
    ("é around", "é".as_bytes(), "é\n".as_bytes()),
    ("emoji around", "🔑".as_bytes(), "🔑".as_bytes()),
    ("CJK around", "鍵は".as_bytes(), "です。\n".as_bytes()),
    ("curly quotes", "“".as_bytes(), "”".as_bytes()),
    ("no-break space", "value\u{a0}".as_bytes(), "\u{a0}\n".as_bytes()),
    ("byte order mark", b"\xef\xbb\xbf", b"\r\n"),
    ("Latin-1", b"cl\xe9 ", b" \xe0 garder\n"),
    ("Latin-1, touching", b"\xe9", b"\xe9"),
    ("ANSI colour", b"\x1b[31m", b"\x1b[0m\n"),
    ("ANSI colour, many", b"\x1b[1;38;5;196m", b"\x1b[0m\n"),
    ("ANSI reset", b"\x1b[m", b"\x1b[m\n"),
    ("ANSI as \\x1b", b"\"\\x1b[31m", b"\\x1b[0m\"\n"),
    ("ANSI as \\033", b"\"\\033[1;31m", b"\\033[0m\"\n"),
    ("ANSI as \\e", b"\"\\e[31m", b"\\e[0m\"\n"),
    ("ANSI as \\u001b", b"\"\\u001b[31m", b"\\u001b[0m\"\n"),
    ("ANSI as \\u001B", b"\"\\u001B[31m", b"\\u001B[0m\"\n"),
    ("binary", b"\x7fELF\0\x01\x02\0", b"\0\0\xff\xfe"),
    ("after other lines", b"\n\n\n\r\n \n\t", b"\n\n"),
];

#[test]
fn tokens_are_found_in_every_context() {
    let covered = std::sync::Mutex::new(BTreeSet::new());
    let mut failures = of_each_rule(|rule| {
        let mut faults = Faults::new(rule);
        for token in bare_tokens(rule, rules(), 3) {
            covered.lock().unwrap().insert(rule.id);
            for (name, before, after) in CONTEXTS {
                let bytes = [lead(rule).as_bytes(), before, token.as_bytes(), after].concat();
                let at = lead(rule).len() + before.len();
                check_context(rule, name, &bytes, at..at + token.len(), &mut faults);
            }
        }
        faults.lines()
    });
    // Whatever begins with its own prefix must have been put through the contexts.
    let covered = covered.into_inner().unwrap();
    let prefixed =
        rules().iter().filter(|rule| begins_with_itself(rule) && rule.parts.iter().all(|part| !part.required));
    let missed = prefixed.map(|rule| rule.id).filter(|id| !covered.contains(id));
    failures.extend(missed.map(|id| format!("{id}: no bare token can be made of its samples")));
    assert!(covered.len() >= 90, "only {} rules have tokens", covered.len());
    none("contexts", failures);
}

/// Whether the pattern captures from its first byte on, so that its secrets begin with a keyword.
fn begins_with_itself(rule: &Rule) -> bool {
    rule.anchored && rule.regex.starts_with("(?<secret>") && rule.regex.ends_with("{end-half}")
}

fn check_context(rule: &'static Rule, name: &str, bytes: &[u8], span: std::ops::Range<usize>, faults: &mut Faults<'_>) {
    let sightings = sight(bytes);
    let all = || describe(&sightings.iter().map(|s| s.hit.clone()).collect::<Vec<_>>());
    let right = |s: &&Sighting| {
        let same = s.hit.rule.id == rule.id
            || share_guidance(s.hit.rule, rule)
            || is_candidate(rule, s.hit.rule)
            || MAY_STAND_FOR.contains(&(rule.id, s.hit.rule.id));
        same && s.hit.span == span && is_open(&s.hit)
    };
    let Some(found) = sightings.iter().find(right) else {
        return faults.add("not found", name, format!("want {span:?}, found {}", all()));
    };
    let stranger = |s: &&Sighting| {
        let other = s.hit.rule;
        is_open(&s.hit) && other.provider != rule.provider && !other.generic && !is_candidate(rule, other)
    };
    if let Some(other) = sightings.iter().find(stranger).filter(|s| !HOLDS_ANOTHER.contains(&(rule.id, s.hit.rule.id)))
    {
        faults.add("another provider's rule fires", name, format!("{} at {:?}", other.hit.rule.id, other.hit.span));
    }
    let site = &found.site;
    let (from, to) = (line_and_column(bytes, span.start), line_and_column(bytes, span.end));
    if (site.line, site.column, site.end_line, site.end_column) != (from.0, from.1, to.0, to.1) {
        faults.add("wrong line or column", name, format!("{from:?}–{to:?}, not {site:?}"));
    }
    let secret = String::from_utf8_lossy(&bytes[span]).into_owned();
    if site.context.contains(&secret) || format!("{found:?}").contains(&secret) && !found.hit.rule.public {
        faults.add("secret is shown", name, String::new());
    }
}

/// Where the name of a variable leads to a value, as people write it: `NAME` is the name in upper snake case, `Name`,
/// `name` and `na_me` and `na-me` are it in other cases.
const ASSIGNMENTS: &[&str] = &[
    "NAME=VALUE\n",
    "NAME=\"VALUE\"\n",
    "NAME='VALUE'\r\nOTHER=1\r\n",
    "NAME = VALUE\n",
    "export NAME=VALUE; run\n",
    "set NAME=VALUE\r\n",
    "$env:NAME = \"VALUE\"\n",
    "os.environ[\"NAME\"] = \"VALUE\"\n",
    "os.Setenv(\"NAME\", \"VALUE\")\n",
    "process.env.NAME = 'VALUE';\n",
    "ENV['NAME'] = 'VALUE'\n",
    "getenv('NAME', 'VALUE')\n",
    "ENV NAME VALUE\n",
    "ENV NAME=VALUE\n",
    "ARG NAME=VALUE\n",
    "docker run -e NAME=VALUE image\n",
    "\"NAME\": \"VALUE\",\n",
    "{\"name\":\"VALUE\"}",
    "{\\\"name\\\":\\\"VALUE\\\"}",
    "{ \"name\" : \"VALUE\" }\n",
    "na_me: VALUE\n",
    "na_me: 'VALUE'\n",
    "na-me: \"VALUE\"\n",
    "NAME: VALUE # live\n",
    "- NAME=VALUE\n",
    "- name: NAME\n  value: VALUE\n",
    "na_me = \"VALUE\"\n",
    "const name = \"VALUE\";\n",
    "const name: string = 'VALUE';\n",
    "let name = `VALUE`;\n",
    "name: 'VALUE',\n",
    "var name = \"VALUE\"\n",
    "Name := \"VALUE\"\n",
    "Name: \"VALUE\",\n",
    "private static final String NAME = \"VALUE\";\n",
    "public string Name { get; set; } = \"VALUE\";\n",
    "pub const NAME: &str = \"VALUE\";\n",
    "$name = 'VALUE';\n",
    "'na_me' => 'VALUE',\n",
    "define('NAME', 'VALUE');\n",
    "#define NAME \"VALUE\"\n",
    ":na-me \"VALUE\"\n",
    "--na-me VALUE\n",
    "--na-me=VALUE\n",
    "<Name>VALUE</Name>\n",
    "<na-me>VALUE</na-me>\n",
    "<add key=\"Name\" value=\"VALUE\" />\n",
    "<config name=\"VALUE\"/>\n",
    "https://host.internal.test/?na_me=VALUE&a=1\n",
    "https://host.internal.test/?NAME%3DVALUE\n",
    "\"NAME\\u003dVALUE\"\n",
    "\"a\\nNAME=VALUE\\nb\"\n",
    "X-Na-Me: VALUE\r\n",
    "self.na_me = \"VALUE\"\n",
    "MY_NAME=VALUE\n",
    "éNAME=VALUEé\n",
];

#[test]
fn names_lead_to_keys_without_a_prefix() {
    let names = [
        "runa api key",
        "runa key",
        "controlant secret access key",
        "controlant api key",
        "augno api key",
        "augno secret key",
    ];
    let mut failures = Vec::new();
    for name in names {
        let words: Vec<&str> = name.split(' ').collect();
        let title = |word: &&str| word[..1].to_ascii_uppercase() + &word[1..];
        let titles: Vec<String> = words.iter().map(title).collect();
        let pascal = titles.concat();
        let camel = words[0].to_owned() + &titles[1..].concat();
        let mut random = Random::new(seed(name));
        for form in ASSIGNMENTS {
            let values = 40;
            let mut missed = Vec::new();
            for round in 0..values {
                // Values whose first characters could be taken for something else.
                let start = ["or", "is", "Is", "str", "any", "new", "b", "rb", "u", "value", "token"]
                    .get(round)
                    .copied()
                    .unwrap_or("q");
                let value = start.to_owned() + &fill("{alnum:15}4k{alnum:15}", &mut random).unwrap();
                let text = form
                    .replace("NAME", &words.join("_").to_ascii_uppercase())
                    .replace("Na-Me", &titles.join("-"))
                    .replace("na_me", &words.join("_"))
                    .replace("na-me", &words.join("-"))
                    .replace("Name", &pascal)
                    .replace(if form.starts_with("- name") { "\0" } else { "name" }, &camel)
                    .replace("VALUE", &value);
                let at = text.find(&value).unwrap();
                let found = sight(text.as_bytes());
                let right = |s: &Sighting| {
                    s.hit.span == (at..at + value.len())
                        && is_open(&s.hit)
                        && s.hit.rule.provider.eq_ignore_ascii_case(words[0])
                };
                if !found.iter().any(right) {
                    missed
                        .push(format!("{text:?}: {}", describe(&found.into_iter().map(|s| s.hit).collect::<Vec<_>>())));
                }
            }
            // A value may look like words by chance, but not twice in forty.
            if missed.len() > 1 {
                failures.push(format!("{name}: {} of {values} missed, {}", missed.len(), missed[0]));
            }
        }
    }
    none("names", failures);
}

/// Secrets of many rules in one file, far enough apart not to be context for one another.
#[test]
fn many_secrets_in_one_file() {
    let failures: Vec<String> = (0..60u64)
        .into_par_iter()
        .flat_map_iter(|round| {
            let mut random = Random::new(0xf11e + round);
            let (mut bytes, mut wanted) = (Vec::new(), Vec::new());
            for _ in 0..25 {
                let rule = rules().get(random.below(rules().len()));
                let Ok(text) = fill(rule.matches[random.below(rule.matches.len())], &mut random) else { continue };
                let apart = 3500 + random.below(80);
                bytes.extend((0..apart).map(|at| if at % 67 == 0 { b'\n' } else { b'.' }));
                bytes.push(b'\n');
                let found = everything().scan_whole(text.as_bytes()).matches;
                wanted.extend(found.into_iter().map(|m| (bytes.len() + m.span.start..bytes.len() + m.span.end, m)));
                bytes.extend_from_slice(text.as_bytes());
            }
            let found = sight(&bytes);
            let mut failures = Vec::new();
            if found.len() != wanted.len() {
                failures.push(format!("round {round}: {} found, not {}", found.len(), wanted.len()));
            }
            for (span, m) in wanted {
                let same = |s: &&Sighting| {
                    s.hit.span == span
                        && s.hit.rule.id == m.rule.id
                        && s.hit.details == m.details
                        && s.hit.implausible == m.implausible
                };
                let place = line_and_column(&bytes, span.start);
                if found.iter().find(same).is_none_or(|s| (s.site.line, s.site.column) != place) {
                    failures.push(format!("round {round}: {} at {span:?} is missing or misplaced", m.rule.id));
                }
            }
            failures
        })
        .collect();
    none("many secrets", failures);
}

/// Behind a provider's prefix, a short word is chance: only one that fills the body is a stand-in.
#[test]
fn short_words_inside_a_prefixed_body_are_chance() {
    let words = ["test", "Demo", "FAKE", "key", "foo", "null", "abc", "mock", "token"];
    let tried = std::sync::atomic::AtomicUsize::new(0);
    none(
        "words in bodies",
        of_each_rule(|rule| {
            let mut faults = Faults::new(rule);
            if !rule.validate.is_empty() || !begins_with_itself(rule) {
                return faults.lines();
            }
            let scanner = alone(rule, rules());
            for token in bare_tokens(rule, rules(), 2) {
                let prefix = own_prefix(rule, token.as_bytes()).map_or(0, str::len);
                for word in words.iter().filter(|word| token.len() >= prefix + 3 * word.len() + 4) {
                    let at = prefix + (token.len() - prefix - word.len()) / 2;
                    let text = format!("{}{}{word}{}", lead(rule), &token[..at], &token[at + word.len()..]);
                    let found = scanner.scan_whole(text.as_bytes()).matches;
                    // Its alphabet may not have the word's letters, then nothing is found.
                    for hit in found.iter().filter(|hit| hit.rule.id == rule.id) {
                        tried.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        if hit.implausible.as_deref().is_some_and(|why| why.starts_with("placeholder")) {
                            faults.add("a word in the body makes it a placeholder", word, describe(&found));
                        }
                    }
                }
            }
            faults.lines()
        }),
    );
    let tried = tried.into_inner();
    assert!(tried > 1000, "only {tried} values");
}

#[test]
fn tokens_are_not_found_inside_words() {
    none(
        "inside words",
        of_each_rule(|rule| {
            let mut faults = Faults::new(rule);
            for token in
                bare_tokens(rule, rules(), 1).iter().filter(|token| token.as_bytes()[0].is_ascii_alphanumeric())
            {
                for before in ["a", "Z", "9", "word"] {
                    if rule.edge != Edge::Token {
                        continue;
                    }
                    let text = format!("{}{before}{token}\n", lead(rule));
                    let from = text.len() - 1 - token.len();
                    let found = everything().scan_whole(text.as_bytes()).matches;
                    if found.iter().any(|m| m.rule.id == rule.id && m.span == (from..from + token.len())) {
                        faults.add("found inside a word", before, describe(&found));
                    }
                }
            }
            faults.lines()
        }),
    );
}

#[test]
fn patterns_compile_and_fit_their_reach() {
    assert_eq!(keysieve::scan::uncompilable(rules()), Vec::<&str>::new());
    for rule in rules().iter() {
        let hir = regex_syntax::ParserBuilder::new().utf8(false).unicode(false).build().parse(rule.regex).unwrap();
        let longest = hir.properties().maximum_len().unwrap_or(usize::MAX);
        assert!(longest <= rule.reach, "{}: a match may have {longest} bytes, `reach` is {}", rule.id, rule.reach);
        let minimum = hir.properties().minimum_len().unwrap_or(0);
        assert!(minimum > 0, "{}: matches nothing at all", rule.id);
    }
}

/// At most one in 100,000 of a rule's own values may be dropped for low entropy. Of so many draws, more than four would
/// be dropped with less than one chance in two hundred if it were so.
const DRAWS: usize = 100_000;
const MAY_DROP: usize = 4;

#[test]
fn entropy_thresholds_keep_the_rules_own_values() {
    none(
        "entropy",
        of_each_rule(|rule| {
            let mut failures = Vec::new();
            if rule.entropy > 0.0 {
                for (template, keyword) in secret_templates(rule) {
                    let mut random = Random::new(seed(rule.id) ^ seed(&template));
                    let mut draw = || {
                        fill(&template, &mut random)
                            .map_or(f64::MAX, |text| validate::random::entropy(&text.as_bytes()[keyword..]))
                    };
                    let first: Vec<f64> = (0..1500).map(|_| draw()).collect();
                    let mean = first.iter().sum::<f64>() / first.len() as f64;
                    let spread = (first.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / first.len() as f64).sqrt();
                    // Six standard deviations below the mean leave no doubt, else count.
                    if mean - 6.0 * spread > rule.entropy {
                        continue;
                    }
                    let dropped = (0..DRAWS).filter(|_| draw() < rule.entropy).count();
                    if dropped > MAY_DROP {
                        failures.push(format!(
                        "{}: entropy {} drops {dropped} of {DRAWS} values (mean {mean:.2}, spread {spread:.2}) of `{}`",
                        rule.id, rule.entropy, template.escape_default(),
                    ));
                    }
                }
            }
            failures
        }),
    );
}

/// The parts of a rule's samples that make up its secrets, and how long the literal prefix is.
fn secret_templates(rule: &'static Rule) -> BTreeSet<(String, usize)> {
    let mut templates = BTreeSet::new();
    let scanner = alone(rule, rules());
    let mut random = Random::new(seed(rule.id));
    for template in rule.matches {
        // A value may by chance be judged implausible; its span says the same.
        let Ok((text, runs)) = fill_marked(template, &mut random) else { continue };
        for found in scanner.scan_whole(text.as_bytes()).matches.iter().filter(|m| m.rule.id == rule.id) {
            let from = offset_in_template(&runs, found.span.start, false);
            let to = offset_in_template(&runs, found.span.end, true);
            if from < to {
                let keyword = own_prefix(rule, found.secret.reveal()).map_or(0, str::len);
                templates.insert((template[from..to].to_owned(), keyword));
            }
        }
    }
    templates
}

/// Where an offset of the filled text stands in the template; within a generated run, its end or beginning.
fn offset_in_template(runs: &[texts::Run], at: usize, end: bool) -> usize {
    let mut shift = (0, 0);
    for run in runs {
        if run.text.contains(&at) && (run.text.start < at || !end) {
            return if end { run.template.end } else { run.template.start };
        }
        if run.text.end <= at {
            shift = (run.text.end, run.template.end);
        }
    }
    at - shift.0 + shift.1
}

#[test]
fn redaction_shows_no_more_than_allowed() {
    none(
        "redaction",
        of_each_rule(|rule| {
            let scanner = alone(rule, rules());
            let mut random = Random::new(seed(rule.id) ^ 0x5407);
            let mut faults = Faults::new(rule);
            for template in rule.matches {
                let Ok(text) = fill(template, &mut random) else { continue };
                for found in scanner.scan_whole(text.as_bytes()).matches.iter().filter(|m| m.rule.id == rule.id) {
                    let (secret, shown) = (found.secret.reveal(), found.secret.public_prefix());
                    let prefix = literal_prefix(rule, secret);
                    // A console shows a few characters more; an identifier may be shown whole.
                    let more = SHOWS_MORE.iter().find(|(id, _)| *id == rule.id).map_or(6, |(_, more)| *more);
                    let most = if rule.keep.is_some() { prefix + more } else { prefix };
                    let more = !rule.public && shown.len() > most;
                    if more || shown.len() * 2 > secret.len() || !secret.starts_with(shown.as_bytes()) {
                        faults.add(
                            "shows too much",
                            template,
                            format!("{} of {} bytes, prefix {prefix}", shown.len(), secret.len()),
                        );
                    }
                    let redacted = found.secret.redacted();
                    if redacted != format!("{shown}…({})", secret.len()) || format!("{:?}", found.secret) != redacted
                    {
                        faults.add("is redacted in another way", template, redacted);
                    }
                }
            }
            faults.lines()
        }),
    );
}

/// How much of a secret is fixed by the pattern: the bytes that all of the rule's secrets with this keyword share.
fn literal_prefix(rule: &'static Rule, secret: &[u8]) -> usize {
    let Some(keyword) = own_prefix(rule, secret) else { return 0 };
    // A keyword shorter than four bytes was expanded by what may follow it: those bytes are no prefix.
    let grown = rule
        .keywords
        .iter()
        .filter(|other| other.len() == 4 && keyword.len() == 4 && other.as_bytes()[..2] == keyword.as_bytes()[..2])
        .count();
    if grown > 16 { 2 } else { keyword.len() }
}

#[test]
fn keys_without_a_prefix_stay_silent_in_prose_and_code() {
    let failures: Vec<String> = (0..400u64)
        .into_par_iter()
        .flat_map_iter(|round| {
            let mut random = Random::new(0x9705e + round);
            let text = if round % 2 == 0 { texts::prose(&mut random, 120) } else { texts::code(&mut random, 250) };
            let found = everything().scan_whole(text.as_bytes()).matches;
            let ours = |m: &&Match| ["Runa", "Controlant", "Augno", "Runra"].contains(&m.rule.provider) && is_open(m);
            let told = found.iter().filter(ours).map(|m| {
                let around = m.span.start.saturating_sub(60)..(m.span.end + 20).min(text.len());
                format!("{}: {:?}", m.rule.id, String::from_utf8_lossy(&text.as_bytes()[around]))
            });
            told.collect::<Vec<_>>()
        })
        .collect();
    none("prose", failures);
}

#[test]
fn every_rule_can_be_acted_upon() {
    for rule in rules().all() {
        assert!(rule.guidance.is_some() && !rule.guidance().now.is_empty(), "{} has no guidance", rule.id);
        assert!(rule.matches.len() >= 2 && !rule.ignores.is_empty(), "{} has too few samples", rule.id);
        assert!(!rule.title.is_empty() && !rule.provider.is_empty(), "{} has no title or provider", rule.id);
    }
}
