//! Of secrets that overlap the better one stays: a provider's over a generic one, one that a checksum proves over one
//! that none does, the longer over the shorter; and a made-up key keeps its place from generic rules.

use std::fs;

use keysieve::rules::Selection;

use super::*;

/// Two rules for what begins with `zqx_`, told apart by what is put into the marks.
const RULES: &str = r#"
provider: Zqx
rules:
  - id: first
    title: First
    severity: high
    confidence: high
    FIRST
    guidance: g
    samples: {match: ['x', 'y'], ignore: ['z']}
  - id: second
    title: Second
    severity: high
    confidence: high
    SECOND
    guidance: g
    samples: {match: ['x', 'y'], ignore: ['z']}
guidance:
  g: {headline: h, now: [n]}
"#;

const LONG: &str = "keywords: [zqx_]\n    pattern: '{left}(?<secret>zqx_[0-9A-Za-z]{36}){right}'\n    reach: 60";
const LONGER: &str =
    "keywords: [zqx_]\n    pattern: '{left}(?<secret>zqx_[0-9A-Za-z]{36}-[0-9]{4}){right}'\n    reach: 60";
const CHECKED: &str = "keywords: [zqx_]\n    pattern: '{left}(?<secret>zqx_[0-9A-Za-z]{36}){right}'\n    reach: 60\n    \
                       validate: [crc32-base62]";
const BY_NAME: &str =
    "generic: true\n    keywords: [zqvar]\n    pattern: '{word}zqvar=(?<secret>[0-9A-Za-z_-]{20,90})'\n    reach: 100";

/// Which rules report something of the text, and what; implausible ones in brackets.
fn settled(first: &str, second: &str, text: &str) -> Vec<(String, String)> {
    let file = std::env::temp_dir().join(format!("keysieve-overlaps-{}-{:x}.yaml", std::process::id(), seed(text)));
    fs::write(&file, RULES.replace("FIRST", first).replace("SECOND", second)).unwrap();
    let rules = RuleSet::load(&Selection { no_builtin: true, files: vec![file.clone()], ..Selection::default() });
    fs::remove_file(&file).unwrap();
    let found = Scanner::new(&rules.unwrap()).scan_whole(text.as_bytes()).matches;
    let name = |m: &Match| if is_open(m) { m.rule.id.to_owned() } else { format!("({})", m.rule.id) };
    found.iter().map(|m| (name(m), String::from_utf8_lossy(m.secret.reveal()).into_owned())).collect()
}

fn key(with_check: bool) -> String {
    let check = if with_check { "{check:crc32-base62}" } else { "{alnum:6}" };
    fill(&format!("zqx_{{alnum:30}}{check}"), &mut Random::new(77)).unwrap()
}

#[test]
fn a_providers_rule_goes_before_a_generic_one() {
    let key = key(false);
    for (first, second, wanted) in [(LONG, BY_NAME, "first"), (BY_NAME, LONG, "second")] {
        // Also where the generic one would take more.
        for text in [format!("zqvar={key}"), format!("zqvar=more-{key}-and-more")] {
            assert_eq!(settled(first, second, &text), [(wanted.to_owned(), key.clone())], "{text}");
        }
    }
    assert_eq!(settled(LONG, BY_NAME, &format!("zqvar={}", &key[4..]))[0].0, "second");
}

#[test]
fn what_a_checksum_proves_goes_first() {
    let (proved, other) = (key(true), key(false));
    for (first, second, checked, unchecked) in [(CHECKED, LONG, "first", "second"), (LONG, CHECKED, "second", "first")]
    {
        assert_eq!(settled(first, second, &format!("zqvar={proved} ")), [(checked.to_owned(), proved.clone())]);
        // A checksum that does not fit gives way to a rule that asks for none.
        assert_eq!(settled(first, second, &format!("zqvar={other} ")), [(unchecked.to_owned(), other.clone())]);
    }
    // Proved goes before longer, too.
    let text = format!("zqvar={proved}-1234 ");
    assert_eq!(settled(LONGER, CHECKED, &text), [("second".to_owned(), proved)]);
}

#[test]
fn the_longer_of_two_stays() {
    let key = key(false);
    let text = format!("zqvar={key}-1234 ");
    for (first, second, longer) in [(LONG, LONGER, "second"), (LONGER, LONG, "first")] {
        assert_eq!(settled(first, second, &text), [(longer.to_owned(), format!("{key}-1234"))]);
    }
}

#[test]
fn a_made_up_key_keeps_its_place_from_generic_rules() {
    let key = key(false);
    let found = settled(CHECKED, BY_NAME, &format!("zqvar={key} "));
    assert_eq!(found, [("(first)".to_owned(), key)]);
}
