//! Reports over outcomes made by hand. Values that look like secrets are put together at run time.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Format, Options, write, write_guide};
use crate::blob::{ObjectId, PlaceKind};
use crate::coverage::{Reason, Tally};
use crate::finding::{CommitInfo, Exposure, Finding, Level, Outcome, Place, Site, Suppression};
use crate::rules::{Confidence, Edge, Guidance, Kind, Rule, Severity, ShapeTable};
use crate::secret::Secret;

static GUIDANCE: Guidance = Guidance {
    headline: "Whoever has this key can start and pay for sandboxes on your account: revoke it now, then replace it.",
    now: &[
        "Find the key by its first 11 characters, `{prefix11}`, in the list that `runra auth list-keys --all` prints.",
        "Revoke it with the command below, or in the dashboard: Settings, API keys, the key, Revoke. It stops at once.",
    ],
    replace: &["Create a new key with only the scopes that this use needs, and deploy it everywhere."],
    investigate: &["Read the audit log of account {account} since the leak: key id, address, endpoint."],
    clean_up: &["Update CI variables, deployment manifests and secret stores."],
    commands: &["runra auth revoke-key --key-id \"{key_id}\""],
    console_url: "https://runra.example/settings/keys",
    docs: "https://runra.example/docs/keys",
    contact: "",
    warnings: &["The dashboard's Rotate keeps the leaked key valid for 7 more days: use Revoke."],
    verify: &[],
};

static RULE: Rule = RULE_LIKE;

const RULE_LIKE: Rule = Rule {
    id: "runra-api-key",
    provider: "Runra",
    homepage: "",
    title: "Runra Sandbox API key",
    aliases: &[],
    kind: Kind::Content,
    severity: Severity::Critical,
    confidence: Confidence::High,
    enabled: true,
    generic: false,
    public: false,
    keywords: &["rra_live_"],
    ignore_case: false,
    pattern: "",
    regex: "",
    edge: Edge::Token,
    anchored: true,
    reach: 96,
    shapes: &[],
    run: (0, 0),
    node: (0, 0),
    grams: &[],
    shape_table: &ShapeTable { sets: &[], places: &[], nodes: &[] },
    names: &[],
    magic: &[],
    holds: "",
    entropy: 0.0,
    validate: &[],
    near: &[],
    candidates: &[],
    parts: &[],
    beside: &[],
    paths: &[],
    not_paths: &[],
    keep: Some(11),
    details: &[],
    guidance: Some(&GUIDANCE),
    references: &["https://runra.example/docs/format"],
    matches: &[],
    ignores: &[],
};

fn key(seed: usize) -> String {
    let body: String = (0..25).map(|i| char::from(b'a' + ((i * 7 + seed * 11 + i * i) % 26) as u8)).collect();
    format!("rra_{}_{body}", "live")
}

fn id(byte: u8) -> ObjectId {
    ObjectId::from_bytes_or_panic(&[byte; 20])
}

fn commit(byte: u8) -> CommitInfo {
    CommitInfo {
        id: id(byte),
        author: "Ann Lee <ann@example.org>".into(),
        date: "2026-11-02T10:11:12Z".into(),
        seconds: 1_793_614_272,
        subject: "Add the sandbox configuration for the nightly integration tests".into(),
        parents: 1,
    }
}

fn place(path: &[u8], commit: Option<CommitInfo>) -> Place {
    let site = Site { line: 3, column: 15, end_line: 3, end_column: 49, ..Site::default() };
    Place {
        kind: PlaceKind::Content,
        path: Some(path.to_vec()),
        site,
        blob: Some(id(0xbb)),
        current: commit.is_none(),
        in_head: false,
        commit,
        reference: None,
        suppression: None,
    }
}

fn finding(secret: &str, level: Level, places: Vec<Place>) -> Finding {
    let secret = Secret::new(secret.as_bytes(), 11);
    Finding {
        fingerprint: secret.fingerprint(None),
        rule: &RULE,
        secret,
        severity: Severity::Critical,
        confidence: Confidence::High,
        details: BTreeMap::from([("key_id".into(), "key_12ab".into()), ("environment".into(), "live".into())]),
        exposure: Exposure::of(level),
        places,
        suppression: None,
    }
}

fn pushed(seed: usize) -> Finding {
    let mut finding = finding(&key(seed), Level::Pushed, vec![place(b"src/config.env", Some(commit(0xa1)))]);
    finding.exposure = Exposure {
        level: Level::Pushed,
        since: Some("2026-11-02T10:11:12Z".into()),
        commit: Some(id(0xa1)),
        remote_refs: vec!["refs/remotes/origin/main".into()],
        in_head: Some(true),
    };
    finding
}

fn outcome(findings: Vec<Finding>) -> Outcome {
    let tally = Tally { files: 12, blobs: 3, bytes: 1_240_000, ..Tally::default() };
    Outcome { mode: "paths", findings, tally, notices: Vec::new(), hidden: Vec::new() }
}

fn written(outcome: &Outcome, format: Format, options: &Options) -> String {
    let mut out = Vec::new();
    write(outcome, format, options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn text(outcome: &Outcome) -> String {
    written(outcome, Format::Text, &Options::default())
}

fn json(outcome: &Outcome, options: &Options) -> Value {
    serde_json::from_str(&written(outcome, Format::Json, options)).unwrap()
}

#[test]
fn a_blocked_commit_knows_what_to_do_in_five_lines() {
    let finding = finding(&key(1), Level::Staged, vec![place(b"src/config.env", None)]);
    let mut finding = finding;
    finding.exposure.in_head = Some(false);
    let text = text(&Outcome { mode: "staged", ..outcome(vec![finding]) });
    let first: Vec<_> = text.lines().take(5).collect();
    assert!(first[0].starts_with("CRITICAL  Runra Sandbox API key  rra_live_"), "{text}");
    assert!(first[0].contains("ks1:"), "{text}");
    assert_eq!(first[1], "  src/config.env:3:15  in the index", "{text}");
    assert_eq!(first[2], "  take it out: git restore --staged :/src/config.env", "{text}");
    assert_eq!(first[3], "  allow it:    # keysieve:allow=runra-api-key REASON  at the end of line 3", "{text}");
    assert_eq!(first[4], "  skip once:   KEYSIEVE_SKIP=1 git commit …", "{text}");
    assert!(text.contains("keysieve guide runra-api-key") && !text.contains("Do now"), "{text}");
    assert!(text.contains("read 12 files, 3 blobs, 1.2 MB; 1 open finding\n"), "{text}");
}

#[test]
fn a_pushed_key_is_revoked_first() {
    let text = text(&outcome(vec![pushed(1)]));
    let first = text.lines().take(5).collect::<Vec<_>>().join("\n");
    assert!(first.contains("revoke it first") && first.contains("a1a1a1a1a1 2026-11-02 Ann Lee"), "{text}");
    assert!(first.contains("origin/main"), "{text}");
    for part in [
        "Do now",
        "   1. Find",
        "      runra auth revoke-key --key-id \"key_12ab\"",
        "   ! The",
        "clean up: `keysieve guide runra-api-key`",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let all = written(&outcome(vec![pushed(1)]), Format::Text, &Options { verbose: true, ..Options::default() });
    assert!(all.contains("  Replace\n") && all.contains("account <account>"), "{all}");
}

#[test]
fn one_runbook_for_several_findings() {
    let mut other = pushed(2);
    other.details.insert("key_id".into(), "key_99".into());
    let text = text(&outcome(vec![pushed(1), other]));
    assert_eq!(text.matches("Do now").count(), 1, "{text}");
    assert!(text.contains("Do the same as for [1]") && text.contains("--key-id \"key_99\""), "{text}");
}

#[test]
fn many_places_are_capped() {
    let paths: Vec<_> = (0..41).map(|i| place(format!("src/{i}.env").as_bytes(), Some(commit(i)))).collect();
    let mut finding = pushed(1);
    finding.places = paths;
    let outcome = outcome(vec![finding]);
    assert_eq!(text(&outcome).matches(".env:3:15").count(), 5);
    assert!(text(&outcome).contains("+36 more places"));
    let all = written(&outcome, Format::Text, &Options { verbose: true, ..Options::default() });
    assert_eq!(all.matches(".env:3:15").count(), 41);
}

#[test]
fn clean_and_calm_or_incomplete() {
    let mut outcome = outcome(vec![]);
    assert_eq!(text(&outcome), "no secrets found; read 12 files, 3 blobs, 1.2 MB\n");
    assert_eq!(written(&outcome, Format::Text, &Options { quiet: true, ..Options::default() }), "");
    outcome.tally.skip(Reason::Ignored, "target/");
    assert_eq!(text(&outcome), "no secrets found; read 12 files, 3 blobs, 1.2 MB; not read: 1 ignored-by-git\n");
    outcome.tally.skip(Reason::Unreadable, "etc/key.pem: Permission denied");
    let text = text(&outcome);
    assert!(!text.contains("no secrets found") && text.contains("INCOMPLETE: 1 unreadable\n"), "{text}");
    assert!(text.contains("key.pem: Permission denied") && text.contains("no all-clear"), "{text}");
    assert_eq!(json(&outcome, &Options::default())["scan"]["complete"], false);
}

#[test]
fn text_fits_eighty_columns() {
    let levels = [Level::Pushed, Level::Unreachable, Level::Local, Level::Staged, Level::Worktree, Level::Unknown];
    let long = "deep/".repeat(20) + "config.env";
    let findings = levels.iter().enumerate().map(|(i, level)| {
        let places = vec![place(long.as_bytes(), Some(commit(1))), place(b"a.env", Some(commit(2)))];
        finding(&key(i), *level, places)
    });
    let mut outcome = outcome(findings.collect());
    outcome.notices.push("The configuration turns off 12 rules, and skips every file below `tests/data`. ".repeat(3));
    for (width, mode) in [80, 60, 120].iter().flat_map(|width| ["paths", "staged", "pre-push"].map(|m| (*width, m))) {
        outcome.mode = mode;
        let text = written(&outcome, Format::Text, &Options { width, ..Options::default() });
        for line in text.lines().filter(|line| !line.contains("deep/") && !line.contains('`') && !line.contains("git "))
        {
            assert!(line.chars().count() <= width, "{} columns: {line}", line.chars().count());
        }
    }
    let mut guide = Vec::new();
    write_guide(&RULE, outcome.findings.first(), &Options::default(), &mut guide).unwrap();
    let guide = String::from_utf8(guide).unwrap();
    assert!(guide.lines().filter(|line| !line.contains("deep/")).all(|line| line.chars().count() <= 80), "{guide}");
}

#[test]
fn terminals_are_safe_and_plain_without_colour() {
    let mut evil = pushed(1);
    evil.places[0].path = Some(b"a\x1b[31m\rb.env".to_vec());
    evil.places[0].commit.as_mut().unwrap().subject = "\u{202e}x\u{7}".into();
    let outcome = outcome(vec![evil]);
    let plain = text(&outcome);
    assert!(plain.contains("a\\x1b[31m\\rb.env") && plain.contains("\\u{202e}x\\x07"), "{plain}");
    assert!(!plain.contains('\x1b'));
    let colored = written(&outcome, Format::Text, &Options { color: true, ..Options::default() });
    assert!(colored.contains("\x1b[") && !colored.contains("\x1b[31m\r"));
}

#[test]
fn json_is_as_documented() {
    let mut local = finding(&key(3), Level::Local, vec![place(b"a\xff.env", Some(commit(7)))]);
    local.suppression = Some(Suppression { by: "inline".into(), state: "allowed".into(), reason: "dead".into() });
    let mut message = place(b"", Some(commit(8)));
    message.path = None;
    message.kind = PlaceKind::CommitMessage;
    let unknown = finding(&key(4), Level::Unknown, vec![message]);
    let mut outcome = outcome(vec![pushed(1), unknown, local]);
    outcome.tally.skip(Reason::Shallow, "history before a1a1a1a1a1");
    outcome.notices.push("The configuration turns off one rule.".into());
    let options = Options { show_suppressed: true, ..Options::default() };
    let value = json(&outcome, &options);
    valid(&value, "");
    let first = &value["findings"][0];
    assert_eq!((first["path"].as_str(), first["line"].as_u64()), (Some("src/config.env"), Some(3)));
    assert_eq!(first["guidance"]["commands"][0], "runra auth revoke-key --key-id \"key_12ab\"");
    assert!(first.get("secret").is_none() && value["findings"][1].get("path").is_none());
    assert_eq!(value["findings"][2]["path_base64"], "Yf8uZW52");
    assert_eq!(value["findings"][2]["suppression"]["by"], "inline");
    assert_eq!(json(&outcome, &Options::default())["findings"].as_array().unwrap().len(), 2);
    assert_eq!(json(&outcome, &Options::default())["scan"]["suppressed"]["inline"], 1);
    let shown = json(&outcome, &Options { show_secrets: true, ..options });
    valid(&shown, "");
    assert_eq!(shown["findings"][0]["secret"], key(1));
    let lines = written(&outcome, Format::Jsonl, &options);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!((&lines[0]["type"], &lines[3]["type"]), (&"finding".into(), &"summary".into()));
    lines.iter().for_each(|line| valid(line, "#/$defs/line"));
}

/// Holds a value against a part of our JSON Schema.
fn valid(value: &Value, part: &str) {
    let mut schema: Value = serde_json::from_str(include_str!("../../schema/report.schema.json")).unwrap();
    if !part.is_empty() {
        schema = serde_json::json!({"$schema": schema["$schema"], "$defs": schema["$defs"], "$ref": part});
    }
    let validator = jsonschema::validator_for(&schema).unwrap();
    let faults: Vec<_> = validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn sarif_is_what_code_scanning_reads() {
    let mut spaced = pushed(1);
    spaced.places[0].path = Some("a b/ü.env".into());
    let mut tag = place(b"", None);
    (tag.path, tag.kind, tag.reference) = (None, PlaceKind::Tag, Some("refs/tags/v1".into()));
    spaced.places.insert(0, tag);
    let mut allowed = pushed(2);
    allowed.suppression = Some(Suppression { by: "inline".into(), state: "allowed".into(), reason: "test".into() });
    let mut outcome = outcome(vec![spaced, allowed]);
    outcome.tally.skip(Reason::Corrupt, "pack-1.pack");
    let options = Options { show_suppressed: true, ..Options::default() };
    let text = written(&outcome, Format::Sarif, &options);
    let log: Value = serde_json::from_str(&text).unwrap();
    let run = &log["runs"][0];
    let rule = &run["tool"]["driver"]["rules"][0];
    assert_eq!((&log["version"], &rule["id"]), (&"2.1.0".into(), &"runra-api-key".into()));
    assert_eq!(rule["properties"]["security-severity"], "9.5");
    assert!(rule["help"]["markdown"].as_str().unwrap().contains("`runra auth revoke-key --key-id \"<key_id>\"`"));
    let result = &run["results"][0];
    assert_eq!((&result["level"], &result["ruleIndex"]), (&"error".into(), &0.into()));
    assert_eq!(result["partialFingerprints"]["keysieve/v1"], outcome.findings[0].fingerprint);
    let physical = &result["locations"][0]["physicalLocation"];
    assert_eq!(physical["artifactLocation"]["uri"], "a%20b/%C3%BC.env");
    assert_eq!(physical["region"]["startColumn"], 15);
    assert!(rule["help"]["text"].as_str().unwrap().contains("`<first 11 characters>`"));
    assert_eq!(result["locations"].as_array().unwrap().len(), 1);
    assert_eq!(result["properties"]["elsewhere"][0], "tag refs/tags/v1");
    assert_eq!(run["results"][1]["suppressions"][0]["kind"], "inSource");
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    assert_eq!(run["automationDetails"]["id"], "keysieve/paths/");
    assert!(!text.contains("snippet"));
}

/// Plants `planted` in every string that data can reach.
fn planted(secret: &str, planted: &str) -> Outcome {
    let with = |name: &str| format!("{name} {planted}-x");
    let mut all = pushed(5);
    all.secret = Secret::new(secret.as_bytes(), 4);
    all.fingerprint = all.secret.fingerprint(None);
    all.details = BTreeMap::from([("key_id".into(), planted.into()), ("account".into(), with("a"))]);
    all.exposure.remote_refs = vec![with("refs/remotes/origin")];
    for kind in [PlaceKind::Path, PlaceKind::CommitMessage, PlaceKind::Author, PlaceKind::Tag, PlaceKind::Ref] {
        let mut place = place(with("dir/").as_bytes(), Some(commit(1)));
        place.kind = kind;
        place.path = place.path.filter(|_| kind == PlaceKind::Path);
        place.reference = Some(with("refs/heads"));
        place.site.context = with("context");
        let info = place.commit.as_mut().unwrap();
        (info.author, info.subject) = (with("author"), with("subject"));
        place.suppression = Some(Suppression { by: "inline".into(), state: with("s"), reason: with("r") });
        all.places.push(place);
    }
    all.places.push(place(with("index").as_bytes(), None));
    let mut hidden = finding(&key(9), Level::Staged, vec![place(format!("{planted}/y").as_bytes(), None)]);
    hidden.suppression = Some(Suppression { by: "config".into(), state: "allowed".into(), reason: with("why") });
    let mut staged = finding(&key(8), Level::Staged, vec![place(format!("dir/{planted}").as_bytes(), None)]);
    staged.details.insert("key_id".into(), planted.into());
    let mut outcome = outcome(vec![all, staged, hidden]);
    outcome.notices = vec![with("notice")];
    outcome.tally.skip(Reason::Unreadable, with("example"));
    outcome
}

#[test]
fn no_format_leaks_a_planted_secret() {
    let noise = ["\"q'\\<&>", " a b", "%2F/;$(x)", "", "é漢", "\u{7}\u{1b}[1m"];
    for (seed, tail) in noise.iter().enumerate() {
        let secret = key(seed + 20)[9..].to_owned() + tail;
        let encoded: String = secret.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let quoted = serde_json::to_string(&secret).unwrap();
        for spelling in [&secret, &encoded, &quoted] {
            let mut outcome = planted(&secret, spelling);
            let modes = ["paths", "staged", "commit-msg", "pre-push", "pre-receive", "ci"];
            for ((_, format), mode) in Format::WORDS.iter().flat_map(|word| modes.map(|mode| (word, mode))) {
                outcome.mode = mode;
                for bits in 0..8 {
                    let options = Options {
                        show_suppressed: bits & 1 > 0,
                        verbose: bits & 2 > 0,
                        quiet: bits & 4 > 0,
                        width: 400,
                        ..Options::default()
                    };
                    let report = written(&outcome, *format, &options);
                    assert!(!report.contains(&key(seed + 20)[13..]), "{format:?} leaks: {report}");
                    assert!(!report.contains(&encoded[..60]), "{format:?} leaks: {report}");
                    assert!(!report.contains(&encoded[..60].to_uppercase()), "{format:?} leaks: {report}");
                }
            }
            let mut guide = Vec::new();
            write_guide(&RULE, outcome.findings.first(), &Options::default(), &mut guide).unwrap();
            assert!(!String::from_utf8(guide).unwrap().contains(&key(seed + 20)[13..]));
        }
    }
}

#[test]
fn secrets_are_shown_when_asked() {
    let outcome = outcome(vec![pushed(1)]);
    for (name, format) in Format::WORDS {
        let options = Options { show_secrets: true, ..Options::default() };
        // What is shown to all who may see a run is none of the reports that somebody asks secrets of.
        let of_ci = [Format::Markdown, Format::Github, Format::Azure, Format::Gitlab, Format::CodeClimate];
        assert_eq!(written(&outcome, *format, &options).contains(&key(1)), !of_ci.contains(format), "{name}");
        assert_eq!(Format::parse(name), Some(*format));
    }
}

#[test]
fn public_identifiers_stay_legible() {
    static PUBLIC: Rule = Rule { public: true, id: "runra-key-id", ..RULE_LIKE };
    let mut alone = finding("key_12ab", Level::Pushed, vec![]);
    alone.rule = &PUBLIC;
    assert!(text(&outcome(vec![pushed(1), alone])).contains("--key-id \"key_12ab\""));
}

#[test]
fn details_cannot_smuggle_commands() {
    let mut evil = pushed(1);
    evil.details.insert("key_id".into(), "x\"; rm -rf ~; \"".into());
    let text = text(&outcome(vec![evil]));
    assert!(text.contains("runra auth revoke-key --key-id \"<key_id>\""), "{text}");
}
