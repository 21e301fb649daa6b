//! Patterns and thresholds against values of the rules' own samples: reach, entropy, what is shown.

use super::*;

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
