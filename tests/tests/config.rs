use std::os::unix::fs::symlink;

use crate::util::{Dir, Repo, leak, print_of, runra, text};

fn with<'d>(dir: &'d Dir, config: &str) -> Repo<'d> {
    let repo = dir.repo("repo");
    repo.write(".keysieve.yaml", config);
    repo.write("a/leaky", leak(1));
    repo
}

#[test]
fn skip() {
    let dir = Dir::new();
    for (glob, skipped) in [
        ("a", true),
        ("a/", true),
        ("a/**", true),
        ("**/leaky", true),
        ("a/leaky", true),
        ("*.env", false),
        ("leaky", false),
    ] {
        let repo = with(&dir, &format!("skip: ['{glob}']\n"));
        let report = repo.json(&["scan"]);
        assert_eq!(report.findings().is_empty(), skipped, "{glob}{}", report.ran);
        assert_eq!(report.left_out("configured") > 0, skipped, "{glob}{}", report.ran);
        assert!(text(&report.value["scan"]["notices"][0]).contains(glob), "{}", report.ran);
    }
}

#[test]
fn a_single_text_is_a_list_of_one() {
    let dir = Dir::new();
    let repo = with(&dir, "skip: a/\ndisable: jwt*\n");
    repo.json(&["scan"]).clean();
}

#[test]
fn disable_and_enable() {
    let dir = Dir::new();
    let repo = with(&dir, "disable: [runra-*]\n");
    let report = repo.json(&["scan"]);
    report.clean();
    assert_eq!(report.value["scan"]["notices"], serde_json::json!([".keysieve.yaml turns off runra-*"]));
    for format in ["text", "jsonl", "sarif"] {
        repo.keysieve(&["scan", "--format", format]).code(0).says(&["turns off runra-*"]);
    }
    repo.keysieve(&["scan", "--no-config"]).code(1);
    // A rule that is off unless asked for.
    let list = repo.keysieve(&["rules", "list"]).stdout();
    let off = list.lines().find(|line| line.ends_with("(off)")).map(|line| line.split(' ').next().unwrap().to_owned());
    let off = off.expect("no rule is off by default");
    let repo = with(&dir, &format!("enable: [{off}]\n"));
    repo.json(&["scan"]).code(1);
    with(&dir, "disable: [no-such-rule]\n").keysieve(&["scan"]).code(2).complains(&["no-such-rule"]);
}

/// A folder that is named is scanned as a file that is named: whatever the configuration skips.
#[test]
fn a_folder_that_is_named_is_scanned_whatever_is_skipped() {
    let dir = Dir::new();
    let repo = with(&dir, "skip: [a]\n");
    repo.write("a/deep/er", leak(2));
    for args in [&["a"][..], &["a/deep", "a/leaky"], &[".", "a"], &["a", "."]] {
        let report = repo.json(&[&["scan"], args].concat());
        assert_eq!(report.code(1).findings().len(), 2, "{}", report.ran);
    }
    repo.json(&["scan", "."]).clean();
}

#[test]
fn skip_holds_in_history_too() {
    let dir = Dir::new();
    let repo = with(&dir, "skip: [a]\n");
    repo.commit("all");
    let report = repo.history();
    // Read or not, what is skipped is not open, and the report says so.
    report.code(0);
    assert!(text(&report.value["scan"]["notices"][0]).contains("skips a"), "{}", report.ran);
    // The same content elsewhere is.
    repo.commit_file("b", leak(1));
    repo.history().code(1);
}

#[test]
fn allow() {
    let dir = Dir::new();
    let print = print_of(&runra(1));
    let repo = with(&dir, &format!("allow:\n  - fingerprint: {print}\n    reason: a sample of the documentation\n"));
    repo.add();
    for args in [&["scan"][..], &["scan", "--staged"], &["scan", "--history"]] {
        let report = repo.json(&[args, &["--show-suppressed"]].concat());
        report.code(0);
        let finding = report.of(&runra(1));
        let suppression = &finding["suppression"];
        assert_eq!(
            (text(&suppression["by"]), text(&suppression["reason"])),
            ("config", "a sample of the documentation"),
            "{}",
            report.ran
        );
        assert_eq!(report.value["scan"]["suppressed"]["config"], 1);
    }
    // Another secret in the same file is not meant.
    repo.write("a/leaky", leak(2));
    repo.json(&["scan"]).code(1);
}

#[test]
fn allow_with_paths_and_until() {
    let dir = Dir::new();
    let print = print_of(&runra(1));
    for (more, allowed) in [
        ("paths: ['a/**']", true),
        ("paths: [a]", true),
        ("paths: ['b/**', 'c']", false),
        ("until: 2999-12-31", true),
        ("until: '2999-12-31'", true),
        ("until: 2020-01-01", false),
    ] {
        let repo = with(&dir, &format!("allow: [{{fingerprint: {print}, reason: why, {more}}}]\n"));
        repo.keysieve(&["scan"]).code(i32::from(!allowed));
    }
    // One of two places is not all of them.
    let repo = with(&dir, &format!("allow: [{{fingerprint: {print}, reason: why, paths: [a]}}]\n"));
    repo.write("b", leak(1));
    repo.json(&["scan"]).code(1);
    std::fs::remove_file(repo.path("b")).unwrap();
}

#[test]
fn faults_have_a_place_and_a_suggestion() {
    let dir = Dir::new();
    let print = print_of(&runra(1));
    let cases: &[(&str, &[&str])] = &[
        ("skips: [a]\n", &[".keysieve.yaml:1:1: unknown key `skips`", "did you mean `skip`?"]),
        ("skip: [a]\n\nalow: []\n", &[".keysieve.yaml:3:1: unknown key `alow`", "did you mean `allow`?"]),
        ("frobnicate: 1\n", &[".keysieve.yaml:1:1: unknown key `frobnicate`", "known keys: skip"]),
        ("- a\n", &[".keysieve.yaml:1:1: the configuration must be a mapping"]),
        ("skip: {a: b}\n", &[".keysieve.yaml:1:7: `skip` must be a string"]),
        ("skip: ['a[']\n", &[".keysieve.yaml:1:7: `a[` is no glob"]),
        ("allow: [{reason: x}]\n", &[".keysieve.yaml:1:9: an allow entry needs `fingerprint`"]),
        ("allow:\n  - fingerprint: ks1:00\n", &[".keysieve.yaml:2:5: an allow entry needs `reason`"]),
        (
            "allow:\n  - {fingerprint: abc, reason: x}\n",
            &[".keysieve.yaml:2:19: `fingerprint` must be one that a report shows"],
        ),
        ("allow:\n  - {fingerprint: PRINT, reason: x, until: soon}\n", &["`until` must be a date, YYYY-MM-DD"]),
        ("allow:\n  - {fingerprint: PRINT, reason: x, path: a}\n", &["unknown key `path`", "did you mean `paths`?"]),
        ("allow: PRINT\n", &["`allow` must be a list"]),
        ("rules: [../outside.yaml]\n", &["`../outside.yaml` is not a file in the repository"]),
        ("skip: [a\nb: c]: d\n", &[".keysieve.yaml:", "not valid YAML"]),
        ("a: &x [*x]\n", &["not valid YAML"]),
        ("skip: [a]\nskip: [b]\n", &[".keysieve.yaml:2:1"]),
    ];
    for (config, wanted) in cases {
        let repo = with(&dir, &config.replace("PRINT", &print));
        for args in [&["scan"][..], &["scan", "--staged"], &["scan", "--history"]] {
            let ran = repo.keysieve(args);
            ran.code(2).complains(wanted);
            assert!(ran.output.stdout.is_empty(), "{ran}");
        }
    }
}

#[test]
fn all_faults_at_once() {
    let dir = Dir::new();
    let repo = with(&dir, "skips: [a]\ndisabel: [b]\nallow: [{}]\nskip: [3, {}]\n");
    let ran = repo.keysieve(&["scan"]);
    ran.code(2).complains(&["yaml:1:1", "yaml:2:1", "yaml:3:9", "yaml:4:11"]);
}

#[test]
fn an_impossible_date_is_none() {
    let dir = Dir::new();
    let print = print_of(&runra(1));
    for date in ["2025-13-01", "2025-02-31", "2025-00-10", "99999-01-01", "2025-1-1"] {
        with(&dir, &format!("allow: [{{fingerprint: {print}, reason: x, until: '{date}'}}]\n"))
            .keysieve(&["scan"])
            .code(2)
            .complains(&["until"]);
    }
}

#[test]
fn a_link_is_refused() {
    let dir = Dir::new();
    let repo = with(&dir, "");
    repo.remove(".keysieve.yaml");
    symlink(dir.write("elsewhere.yaml", "skip: ['**']\n"), repo.path(".keysieve.yaml")).unwrap();
    let ran = repo.keysieve(&["scan"]);
    ran.code(2).complains(&[".keysieve.yaml", "not a link"]);
    repo.keysieve(&["scan", "--no-config"]).code(1);
    // A rule file that a link leads out of the repository.
    repo.remove(".keysieve.yaml");
    repo.write(".keysieve.yaml", "rules: [link.yaml]\n");
    symlink(dir.path("elsewhere.yaml"), repo.path("link.yaml")).unwrap();
    repo.keysieve(&["scan"]).code(2).complains(&["link.yaml` is not a file in the repository"]);
    // A folder, or a huge file.
    repo.remove(".keysieve.yaml");
    repo.write(".keysieve.yaml/x", "");
    repo.keysieve(&["scan"]).code(2).complains(&["plain file"]);
    std::fs::remove_dir_all(repo.path(".keysieve.yaml")).unwrap();
    repo.write(".keysieve.yaml", "#".repeat(2 << 20));
    repo.keysieve(&["scan"]).code(2).complains(&["1 MiB"]);
}

#[test]
fn empty_and_comments_only() {
    let dir = Dir::new();
    for config in ["", "# nothing yet\n", "---\n", "{}\n", "skip:\nallow:\n"] {
        with(&dir, config).json(&["scan"]).code(1);
    }
}

#[test]
fn bombs_are_refused() {
    let dir = Dir::new();
    let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for pair in ["ab", "bc", "cd", "de", "ef", "fg", "gh", "hi", "ij"] {
        let (old, new) = pair.split_at(1);
        bomb.push_str(&format!("{new}: &{new} [{}]\n", vec![format!("*{old}"); 9].join(",")));
    }
    with(&dir, &bomb).keysieve(&["scan"]).code(2).no_panic();
    with(&dir, &"[".repeat(100_000)).keysieve(&["scan"]).code(2).no_panic();
    with(&dir, &"{a: ".repeat(100_000)).keysieve(&["scan"]).code(2).no_panic();
}

#[test]
fn own_rules_of_the_repository() {
    let dir = Dir::new();
    let repo = with(&dir, "rules: [keys/own.yaml]\n");
    repo.write(
        "keys/own.yaml",
        "provider: Acme\nrules:\n  - id: acme-key\n    title: Acme key\n    severity: high\n    confidence: high\n    keywords: [acme_]\n    pattern: '{left}(?<secret>acme_[0-9a-f]{20}){right}'\n    reach: 30\n",
    );
    repo.write("b", format!("{}\n", crate::util::made("acme_{hex:20}", 1)));
    let report = repo.json(&["scan", "b"]);
    assert_eq!((&report.code(1).only()["rule"], &report.only()["provider"]), (&"acme-key".into(), &"Acme".into()));
}

#[test]
fn where_it_is_looked_for() {
    let dir = Dir::new();
    let repo = with(&dir, "skip: [a]\n");
    // At the root, from a subdirectory, by any path; not in subdirectories.
    repo.write("b/.keysieve.yaml", "skip: ['**']\n");
    repo.write("b/leaky", leak(2));
    let below = dir.keysieve_in(&repo.path("b"), &["scan", "..", "-f", "json"]).json();
    assert!(below.has(&runra(2)) && !below.has(&runra(1)), "{}", below.ran);
    let outside = dir.json(&["scan", "repo"]);
    assert!(outside.has(&runra(2)) && !outside.has(&runra(1)), "{}", outside.ran);
    // The search stops at the repository's root.
    dir.write(".keysieve.yaml", "skip: ['**']\n");
    assert!(repo.json(&["scan"]).has(&runra(2)));
    // By name, by environment; not both none.
    dir.write("named.yaml", "skip: [b]\n");
    let named = dir.text("named.yaml");
    assert!(!repo.json(&["scan", "--config", &named]).has(&runra(2)));
    repo.keysieve(&["scan", "--config", &named, "--no-config"]).code(2);
    dir.set("KEYSIEVE_CONFIG", &named);
    assert!(!repo.json(&["scan"]).has(&runra(2)));
}

#[test]
fn a_bare_repository_takes_it_from_heads_tree() {
    let dir = Dir::new();
    let repo = with(&dir, &format!("allow: [{{fingerprint: {}, reason: sample}}]\n", print_of(&runra(1))));
    repo.commit("all");
    repo.git(&["clone", "--quiet", "--bare", ".", &dir.text("bare.git")]);
    let bare = dir.existing("bare.git");
    bare.history().clean();
    bare.json(&["scan", "--history", "--no-config"]).code(1);
    repo.commit_file(".keysieve.yaml", "skipp: x\n");
    repo.git(&["push", "--quiet", &dir.text("bare.git"), "main"]);
    bare.keysieve(&["scan", "--history"]).code(2).complains(&["HEAD:.keysieve.yaml:1:1"]);
}
