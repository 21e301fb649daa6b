use crate::util::{Dir, Repo, made, print_of, runra};

fn leaked(dir: &Dir) -> Repo<'_> {
    let repo = dir.repo("repo");
    repo.commit_file("old", format!("key = {}\n", runra(1)));
    repo.commit_file("old", "gone\n");
    repo.write("new", format!("key = {}\n", runra(2)));
    repo
}

#[test]
fn guide_for_a_rule() {
    let dir = Dir::new();
    let ran = dir.keysieve(&["guide", "runra-api-key"]);
    ran.code(0).says(&["Runra", "runra auth revoke-key", "Rotate", "https://"]);
    assert!(ran.stderr().is_empty(), "{ran}");
    // By alias, and of a rule that is off.
    dir.keysieve(&["guide", "runra-live-key"]).code(0).says(&["runra auth revoke-key"]);
    dir.keysieve(&["guide", "stripe-publishable-key"]).no_panic();
    dir.keysieve(&["guide", "runra-api-kay"])
        .code(2)
        .complains(&["no rule is called `runra-api-kay`; did you mean `runra-api-key`?"]);
    dir.keysieve(&["guide", "runra"]).code(2).complains(&["no rule is called `runra`; Runra has `runra-api-key`"]);
    dir.keysieve(&["guide", "zzz"]).code(2).complains(&["keysieve rules list"]);
}

#[test]
fn guide_for_every_rule() {
    let dir = Dir::new();
    for rule in keysieve::rules::RuleSet::every_builtin().iter() {
        assert!(rule.guidance.is_some(), "{} has no guidance of its own", rule.id);
        let mut page = Vec::new();
        keysieve::report::write_guide(rule, None, &keysieve::report::Options::default(), &mut page).unwrap();
        assert!(page.len() > 300, "{}", rule.id);
    }
    drop(dir);
}

#[test]
fn guide_for_a_fingerprint_says_where_it_was_found() {
    let dir = Dir::new();
    let repo = leaked(&dir);
    let ran = repo.keysieve(&["guide", &print_of(&runra(2))]);
    ran.code(0)
        .complains(&["found in the working tree"])
        .says(&["runra auth revoke-key", &runra(2)[..11]])
        .hides(&[&runra(2)]);
    let ran = repo.keysieve(&["guide", &print_of(&runra(1))]);
    ran.code(0)
        .complains(&["found in the history"])
        .says(&["runra auth revoke-key", &runra(1)[..11]])
        .hides(&[&runra(1)]);
    repo.keysieve(&["guide", "ks1:00000000000000000000"])
        .code(2)
        .complains(&["neither in the index nor in the working tree nor in the history", "--report FILE"]);
    // Staged, and no longer in the working file.
    repo.stage("staged", format!("key = {}\n", runra(3)));
    repo.remove("staged");
    repo.keysieve(&["guide", &print_of(&runra(3))]).code(0).complains(&["found in the index"]);
}

#[test]
fn guide_with_a_report() {
    let dir = Dir::new();
    let repo = leaked(&dir);
    let report = dir.text("report.json");
    repo.keysieve(&["scan", "--history", "--format", "json", "--output", &report]).code(1);
    let ran = dir.keysieve(&["guide", &print_of(&runra(1)), "--report", &report]);
    ran.code(0).complains(&["report.json"]).says(&["runra auth revoke-key", &runra(1)[..11]]).hides(&[&runra(1)]);
    dir.keysieve(&["guide", "ks1:00000000000000000000", "--report", &report])
        .code(2)
        .complains(&["no finding has the fingerprint"]);
    dir.write("broken.json", "{");
    dir.keysieve(&["guide", &print_of(&runra(1)), "--report", "broken.json"])
        .code(2)
        .complains(&["broken.json", "not a JSON report"]);
    dir.keysieve(&["guide", &print_of(&runra(1)), "--report", "nowhere.json"]).code(2).complains(&["nowhere.json"]);
}

#[test]
fn guide_outside_a_repository_and_in_a_bare_one() {
    let dir = Dir::new();
    dir.write("plain/a", runra(1));
    let plain = dir.path("plain");
    dir.keysieve_in(&plain, &["guide", &print_of(&runra(1))]).code(0).complains(&["found in the working tree"]);
    let repo = leaked(&dir);
    repo.git(&["clone", "--quiet", "--bare", ".", &dir.text("bare.git")]);
    dir.existing("bare.git").keysieve(&["guide", &print_of(&runra(1))]).code(0).complains(&["found in the history"]);
}

#[test]
fn rules_list() {
    let dir = Dir::new();
    let ran = dir.keysieve(&["rules", "list"]);
    ran.code(0).says(&["runra-api-key", "critical", "Runra Sandbox API key", " rules\n"]);
    let shown = ran.stdout().lines().count() - 1;
    assert_eq!(shown, keysieve::rules::RuleSet::every_builtin().all().count());
    let ran = dir.keysieve(&["rules", "list", "RUNRA"]);
    assert!(ran.stdout().lines().count() < shown, "{ran}");
    let ran = dir.keysieve(&["rules", "list", "--json"]);
    let list: serde_json::Value = serde_json::from_slice(&ran.code(0).output.stdout).unwrap();
    assert_eq!(list.as_array().unwrap().len(), shown);
    for field in ["id", "provider", "title", "enabled", "severity", "confidence", "keywords", "references"] {
        assert!(list[0].get(field).is_some(), "{field}");
    }
}

#[test]
fn rules_show() {
    let dir = Dir::new();
    let wanted = [
        "runra-api-key",
        "severity critical, confidence high",
        "pattern:",
        "reach: 96 bytes",
        "keywords:",
        "must match:",
        "must not match:",
        "runra auth revoke-key",
    ];
    dir.keysieve(&["rules", "show", "runra-api-key"]).code(0).says(&wanted);
    dir.keysieve(&["rules", "show", "runra-api-keys"]).code(2).complains(&["did you mean `runra-api-key`?"]);
}

#[test]
fn rules_check_and_test_of_the_built_in_ones() {
    let dir = Dir::new();
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
    dir.keysieve(&["rules", "check", rules]).code(0).says(&["rules, no faults"]);
    let ran = dir.keysieve(&["rules", "test", "--values", "20"]);
    ran.code(0).says(&["0 failures"]);
}

/// The headings only: the text under them changes often, their being there should not.
#[test]
fn help() {
    let dir = Dir::new();
    let headings = |args: &[&str]| {
        let ran = dir.keysieve(&[args, &["--help"]].concat());
        ran.code(0);
        assert!(ran.stdout().lines().all(|line| line.chars().count() <= 100), "{ran}");
        let is_heading = |line: &&str| line.ends_with(':') && !line.starts_with(' ');
        ran.stdout()
            .lines()
            .filter(is_heading)
            .map(|line| line.trim_end_matches(':').to_owned())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let cases: &[(&[&str], &str)] = &[
        (&[], "Commands, Options, Examples"),
        (&["scan"], "Arguments, Options, Source, Rules and configuration, Report, Archives, What is read"),
        (&["guide"], "Arguments, Options, Rules and configuration"),
        (&["rules"], "Commands, Options"),
        (&["rules", "list"], "Arguments, Options, Rules and configuration"),
        (&["rules", "show"], "Arguments, Options, Rules and configuration"),
        (&["rules", "check"], "Arguments, Options"),
        (&["rules", "test"], "Arguments, Options"),
        (&["hook"], "Commands, Options"),
        (&["hook", "install"], "Options"),
        (&["hook", "uninstall"], "Options"),
        (&["hook", "status"], "Options"),
    ];
    for (args, wanted) in cases {
        assert_eq!(headings(args), *wanted, "{args:?}");
    }
    let ran = dir.keysieve(&["--help"]);
    ran.says(&[
        "scan",
        "guide",
        "rules",
        "hook",
        "keysieve scan --history",
        "Exit codes: 0 nothing open",
        "3 incomplete",
    ]);
    dir.keysieve(&["scan", "--help"]).says(&[
        "--staged",
        "--history",
        "--range",
        "--stdin",
        "--exit-zero",
        "[default: ",
    ]);
    dir.keysieve(&["--version"]).code(0).says(&[env!("CARGO_PKG_VERSION")]);
}

#[test]
fn help_where_the_current_folder_is_gone() {
    let dir = Dir::new();
    let script = format!(
        "mkdir gone && cd gone && rmdir ../gone && '{}' --help && '{}' scan",
        crate::util::PROGRAM,
        crate::util::PROGRAM
    );
    let ran = crate::util::Ran::of(dir.command("sh").args(["-c", &script]));
    ran.says(&["Commands:"]).no_panic();
    assert!(matches!(ran.output.status.code(), Some(2 | 3)), "{ran}");
}

#[test]
fn quiet_and_verbose() {
    let dir = Dir::new();
    dir.write("clean", "hello\n");
    dir.write("leaky", format!("key = {}\n", runra(1)));
    let ran = dir.keysieve(&["scan", "clean", "-q"]);
    assert!(ran.code(0).output.stdout.is_empty() && ran.output.stderr.is_empty(), "{ran}");
    dir.keysieve(&["scan", "clean", "/proc/self/mem", "-q"]).code(3).says(&["INCOMPLETE"]);
    let (quiet, normal, verbose) = (["scan", "leaky", "-q"], ["scan", "leaky"], ["scan", "leaky", "-v"]);
    let len = |args: &[&str]| dir.keysieve(args).code(1).stdout().len();
    assert!(len(&quiet) < len(&normal) && len(&normal) < len(&verbose));
    dir.keysieve(&verbose).says(&["key = rra_live_"]).hides(&[&runra(1)]);
    dir.keysieve(&["scan", "clean"]).code(0).says(&["no secrets found; read 1 file"]);
    dir.keysieve(&["scan", "leaky", "-q", "-v"]).code(2);
}

#[test]
fn colour_only_on_a_terminal_or_on_request() {
    let dir = Dir::new();
    dir.write("leaky", format!("key = {}\n", runra(1)));
    let coloured =
        |args: &[&str]| dir.keysieve(&[&["scan", "leaky"], args].concat()).code(1).stdout().contains('\u{1b}');
    assert!(!coloured(&[]));
    assert!(coloured(&["--color", "always"]));
    assert!(!coloured(&["--color", "never"]));
    assert!(!coloured(&["--color", "always", "--format", "json"]));
    dir.write("out", "");
    assert!(!coloured(&["--color", "always", "--output", "out"]));
    assert!(!std::fs::read_to_string(dir.path("out")).unwrap().contains('\u{1b}'), "a file is no terminal");
    dir.set("CLICOLOR_FORCE", "1");
    assert!(coloured(&[]));
    dir.set("NO_COLOR", "1");
    assert!(!coloured(&[]));
}

#[test]
fn text_fits_80_columns() {
    let dir = Dir::new();
    let repo = leaked(&dir);
    let word = made("{lower:12}", 1);
    repo.write(format!("{}/leaky", [word.as_str(); 12].join("/")), format!("key = {}\n", runra(4)));
    repo.commit(&vec![word.as_str(); 30].join(" "));
    for args in [&["scan", "--history"][..], &["scan"], &["scan", "--history", "-v"]] {
        let ran = repo.keysieve(args);
        let long =
            |line: &&str| line.chars().count() > 80 && line.split_whitespace().count() > 2 && !line.contains("http");
        let long: Vec<String> = ran.code(1).stdout().lines().filter(long).map(str::to_owned).collect();
        // Commands and paths are never broken.
        let commands = keysieve::rules::RuleSet::builtin().find("runra-api-key").unwrap().guidance().commands;
        let is_command = |line: &String| line.contains("git ") || commands.contains(&line.trim());
        assert!(long.iter().all(|line| is_command(line) || line.contains(&word)), "{long:#?}{ran}");
    }
}

#[test]
fn several_reports_at_once() {
    let dir = Dir::new();
    dir.write("leaky", format!("key = {}\n", runra(1)));
    let ran = dir.keysieve(&[
        "scan",
        "leaky",
        "--report",
        "json=a.json",
        "--report",
        "sarif=b.sarif",
        "--report",
        "jsonl=c.jsonl",
    ]);
    ran.code(1).says(&["Runra"]);
    for file in ["a.json", "b.sarif", "c.jsonl"] {
        assert!(std::fs::read_to_string(dir.path(file)).unwrap().contains(&print_of(&runra(1))), "{file}");
    }
    let ran = dir.keysieve(&["scan", "leaky", "--output", "d.txt"]);
    assert!(ran.code(1).output.stdout.is_empty(), "{ran}");
}

#[test]
fn thresholds_count_as_accepted() {
    let dir = Dir::new();
    let rule = "provider: Acme\nrules:\n  - id: acme-low\n    title: Acme\n    confidence: low\n    keywords: [acme_low_]\n    pattern: '{left}(?<secret>acme_low_[a-z]{6}){right}'\n    reach: 20\n";
    dir.write("low.yaml", rule);
    // One of each confidence: `.env` with a weak password is medium.
    dir.write("x/a", format!("key = {}\nid = {}{}\n", runra(1), "acme_low_", "qwjxvk"));
    dir.write("x/.env", "DB_PASSWORD=hunter22\n");
    let found = |args: &[&str]| {
        let report = dir.json(&[&["scan", "x", "--rules", "low.yaml"], args].concat());
        let below = report.value["scan"]["suppressed"]["threshold"].as_u64().unwrap_or(0);
        (report.findings().len(), below)
    };
    assert_eq!(found(&[]), (2, 1));
    assert_eq!(found(&["--min-confidence", "low"]), (3, 0));
    assert_eq!(found(&["--min-confidence", "medium"]), (2, 1));
    assert_eq!(found(&["--min-confidence", "high"]), (1, 2));
    assert_eq!(found(&["--show-suppressed"]), (3, 1));
    dir.keysieve(&["scan", "x", "--min-confidence", "sure"]).code(2).complains(&["high, medium, low"]);
    dir.write("low", format!("pk = {}\n", made("pk_live_{alnum:24}", 3)));
    dir.json(&["scan", "low", "--enable", "*", "--min-severity", "critical"]).code(0);
}

#[test]
fn worst_first() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.write("a", format!("key = {}\n", runra(1)));
    repo.commit("pushed");
    repo.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    repo.commit_file("b", format!("key = {}\n", runra(2)));
    repo.write("c", format!("key = {}\n", runra(3)));
    let report = repo.history();
    let levels: Vec<&str> = report.findings().iter().map(|f| crate::util::text(&f["exposure"]["level"])).collect();
    assert_eq!(levels, ["pushed", "local", "worktree"], "{}", report.ran);
}
