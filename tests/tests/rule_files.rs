use crate::util::{Dir, Ran, made, runra};

const GOOD: &str = "\
provider: Acme
homepage: https://acme.example
rules:
  - id: acme-key
    title: Acme key
    severity: high
    confidence: high
    keywords: [acme_]
    pattern: '{left}(?<secret>acme_[0-9a-f]{20}){right}'
    reach: 30
    guidance: acme
    samples:
      match: ['acme_{hex:20}']
      ignore: ['acme_...']
guidance:
  acme:
    headline: Revoke it.
    now: [Open the console.]
";

fn check(dir: &Dir, text: &str) -> Ran {
    dir.write("own.yaml", text);
    dir.keysieve(&["rules", "check", "own.yaml"])
}

#[test]
fn a_sound_file() {
    let dir = Dir::new();
    let ran = check(&dir, GOOD);
    ran.code(0).says(&["1 rules, no faults"]);
    assert!(ran.stderr().is_empty(), "{ran}");
    dir.write("a", format!("{}\n", made("acme_{hex:20}", 1)));
    let report = dir.json(&["scan", "a", "--rules", "own.yaml"]);
    assert_eq!(report.code(1).only()["guidance"]["headline"], "Revoke it.");
    dir.json(&["scan", "a", "--rules", "own.yaml", "--disable", "acme-*"]).clean();
    dir.keysieve(&["rules", "test", "own.yaml"]).code(0).says(&["1 rules tested", "0 failures"]);
    // They are added; built-in ones can be left out.
    dir.write("b", runra(1));
    dir.json(&["scan", "b", "--rules", "own.yaml"]).code(1);
    dir.json(&["scan", "b", "--rules", "own.yaml", "--no-builtin-rules"]).clean();
}

#[test]
fn faults_with_their_place() {
    let dir = Dir::new();
    let cases: &[(&str, &str, &[&str])] = &[
        ("provider: Acme", "provider: [", &["own.yaml:", "not valid YAML"]),
        ("provider: Acme", "x: Acme", &["own.yaml:1:1: unknown key `x`", "a rule file needs `provider`"]),
        (
            "    title:",
            "    titel:",
            &[
                "own.yaml:5:5: unknown key `titel` in a rule; did you mean `title`?",
                "own.yaml:4:5: a rule needs `title`",
            ],
        ),
        ("    keywords: [acme_]\n", "", &["own.yaml:4:5: rule `acme-key` needs `keywords`"]),
        (
            "acme_[0-9a-f]{20})",
            "acme_[0-9a-f]{20}",
            &["own.yaml:9:14: rule `acme-key`: `pattern` does not compile: unclosed group"],
        ),
        ("[0-9a-f]{20}", "[0-9a-f]+", &["own.yaml:9:14: rule `acme-key`: `pattern` is unbounded"]),
        ("[0-9a-f]{20}", "[0-9a-f]{20,}", &["`pattern` is unbounded"]),
        ("[0-9a-f]{20}", "[z-a]{20}", &["own.yaml:9:14: rule `acme-key`: `pattern` does not compile"]),
        ("{left}(", "(", &["own.yaml:9:14: rule `acme-key`: `pattern` must begin with {left}, {word} or {part}"]),
        ("(?<secret>", "(?<key>", &["own.yaml:9:14: rule `acme-key`: `pattern` needs exactly one group (?<secret>"]),
        ("{left}(?<", "{left}^(?<", &["own.yaml:9:14", "^, $"]),
        (
            "reach: 30",
            "reach: 10",
            &["own.yaml:10:12: rule `acme-key`: `reach` is 10, but the longest possible match has 25 bytes"],
        ),
        ("    reach: 30\n", "", &["`reach` is 0"]),
        ("reach: 30", "reach: -3", &["own.yaml:10:12: `reach` must be a whole number"]),
        ("reach: 30", "reach: many", &["own.yaml:10:12: `reach` must be a number"]),
        (
            "severity: high",
            "severity: hihg",
            &["own.yaml:6:15: `severity` is `hihg`; it must be one of critical, high, medium, low"],
        ),
        ("id: acme-key", "id: Acme Key", &["own.yaml:4:9: `id` is `Acme Key`; use lower case"]),
        ("guidance: acme", "guidance: acne", &["own.yaml:11:15: no entry `acne` under `guidance`"]),
        ("    now: [Open the console.]\n", "", &["own.yaml:17:5: guidance `acme` needs `now`"]),
        (
            "    reach: 30",
            "    reach: 30\n    validate: [cr32-base62]",
            &["own.yaml:11:15: no offline check is called `cr32-base62`; did you mean `crc32-base62`?"],
        ),
        ("keywords: [acme_]", "keywords: [zz]", &["own.yaml:8:15"]),
    ];
    for (old, new, wanted) in cases {
        assert!(GOOD.contains(old), "{old}");
        println!("{old} -> {new}");
        let text = GOOD.replacen(old, new, 1);
        check(&dir, &text).code(2).complains(wanted);
        // A scan with such rules does not begin.
        dir.write("leaky", runra(1));
        let ran = dir.keysieve(&["scan", "leaky", "--rules", "own.yaml"]);
        ran.code(2).complains(wanted);
        assert!(ran.output.stdout.is_empty(), "{ran}");
    }
}

#[test]
fn what_is_missing_is_a_warning_for_ones_own_rules() {
    let dir = Dir::new();
    let bare = GOOD.split("    guidance: acme").next().unwrap();
    let ran = check(&dir, bare);
    ran.code(0).complains(&[
        "warning: own.yaml:4:5: rule `acme-key` needs `samples`",
        "warning: own.yaml:4:5: rule `acme-key` names no `guidance`",
    ]);
    // It gets the runbook that fits any provider.
    dir.write("a", format!("{}\n", made("acme_{hex:20}", 1)));
    let report = dir.json(&["scan", "a", "--rules", "own.yaml"]);
    let guidance = &report.code(1).only()["guidance"];
    assert!(!guidance["now"].as_array().unwrap().is_empty(), "{}", report.ran);
    assert!(report.value["scan"]["notices"].to_string().contains("names no `guidance`"), "{}", report.ran);
}

#[test]
fn a_rule_without_an_id_is_a_fault() {
    let dir = Dir::new();
    check(&dir, &GOOD.replace("  - id: acme-key\n    title", "  - title"))
        .code(2)
        .complains(&["own.yaml:4:5: a rule needs `id`"]);
    check(&dir, "provider: Acme\n")
        .code(2)
        .complains(&["own.yaml:1:1: a rule file needs at least one rule under `rules`"]);
    check(&dir, "").code(2).complains(&["own.yaml:"]);
    check(&dir, "- a\n").code(2).complains(&["own.yaml:1:1: a rule file must be a mapping"]);
}

#[test]
fn all_faults_of_all_files_at_once() {
    let dir = Dir::new();
    dir.write("rules/a.yaml", GOOD.replace("    title:", "    titel:").replace("reach: 30", "reach: x"));
    dir.write("rules/b.yaml", "provider: [\n");
    dir.write("rules/c.yml", GOOD.replace("{20}", "*").replace("severity: high", "severity: x"));
    dir.write("rules/notes.txt", "not a rule file");
    let wanted = ["a.yaml:5:5", "a.yaml:10:12", "b.yaml:", "c.yml:9:14", "c.yml:6:15"];
    for args in [&["rules", "check", "rules"][..], &["scan", ".", "--rules", "rules"]] {
        let ran = dir.keysieve(args);
        ran.code(2).complains(&wanted);
        // A line a fault, each with its file.
        assert!(ran.stderr().lines().all(|line| line.starts_with("keysieve: rules/")), "{ran}");
    }
}

#[test]
fn an_id_that_is_used_twice() {
    let dir = Dir::new();
    dir.write("a.yaml", GOOD.replace("acme-key", "runra-api-key"));
    dir.write("b.yaml", GOOD);
    dir.keysieve(&["scan", "home", "--rules", "a.yaml"]).code(2).complains(&["`runra-api-key` is used twice"]);
    dir.keysieve(&["scan", "home", "--rules", "b.yaml", "--rules", "b.yaml"])
        .code(2)
        .complains(&["`acme-key` is used twice"]);
    dir.keysieve(&["scan", "home", "--rules", "a.yaml", "--no-builtin-rules"]).code(0);
}

#[test]
fn a_pattern_that_is_too_large() {
    let dir = Dir::new();
    let huge = GOOD.replace("[0-9a-f]{20}", "(?:[0-9a-f]{999}x?){900}").replace("reach: 30", "reach: 999999");
    for args in [&["rules", "check", "own.yaml"][..], &["scan", "home", "--rules", "own.yaml"]] {
        dir.write("own.yaml", &huge);
        let ran = dir.keysieve(args);
        // Never a scan in which the rule silently finds nothing.
        ran.code(2).complains(&["acme-key"]);
    }
}

#[test]
fn samples_that_do_not_hold() {
    let dir = Dir::new();
    dir.write("own.yaml", GOOD.replace("ignore: ['acme_...']", "ignore: ['acme_{hex:20}']"));
    dir.keysieve(&["rules", "test", "own.yaml"]).code(1).says(&["acme-key: found, but must not be 100 of 100 times"]);
    dir.write("own.yaml", GOOD.replace("match: ['acme_{hex:20}']", "match: ['acme_{hex:19}']"));
    dir.keysieve(&["rules", "test", "own.yaml", "--values", "7"]).code(1).says(&["acme-key: not found 7 of 7 times"]);
    dir.write("own.yaml", GOOD.replace("'acme_{hex:20}'", "'acme_{check:nope}'"));
    dir.keysieve(&["rules", "test", "own.yaml"]).code(1).says(&["nothing can generate"]);
}

#[test]
fn a_rule_file_that_is_not_there_or_not_text() {
    let dir = Dir::new();
    dir.keysieve(&["rules", "check", "nowhere.yaml"]).code(2).complains(&["nowhere.yaml"]);
    dir.write("own.yaml", b"provider: \xff\xfe\n");
    dir.keysieve(&["rules", "check", "own.yaml"]).code(2).complains(&["own.yaml"]);
    std::fs::create_dir(dir.path("empty")).unwrap();
    dir.keysieve(&["rules", "check", "empty"]).no_panic();
}
