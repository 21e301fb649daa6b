use crate::util::{Dir, Repo, Report, runra, text};

fn leak(seed: u64) -> String {
    format!("key = {}", runra(seed))
}

fn scan(dir: &Dir, content: &str) -> Report {
    dir.write("files/a", content);
    dir.json(&["scan", "files", "--show-suppressed"])
}

#[track_caller]
fn allowed(report: &Report, allowed: bool) {
    assert_eq!(report.only()["status"], if allowed { "suppressed" } else { "open" }, "{}", report.ran);
    report.code(i32::from(!allowed));
}

const OWN: &[&str] = &[
    "keysieve:allow",
    "gitleaks:allow",
    "betterleaks:allow",
    "trufflehog:ignore",
    "pragma: allowlist secret",
    "ggignore",
    "kingfisher:ignore",
];

#[test]
fn on_the_line_itself() {
    let dir = Dir::new();
    for marker in OWN {
        allowed(&scan(&dir, &format!("{} # {marker}\n", leak(1))), true);
        allowed(&scan(&dir, &format!("/* {marker} */ {}\r\nnext\r\n", leak(1))), true);
        // On the line below it is for something else.
        allowed(&scan(&dir, &format!("{}\n# {marker}\n", leak(1))), false);
        // Two lines above as well.
        allowed(&scan(&dir, &format!("# {marker}\n\n{}\n", leak(1))), false);
    }
    allowed(&scan(&dir, &format!("{} # keysieve allow\n", leak(1))), false);
}

#[test]
fn on_the_line_above() {
    let dir = Dir::new();
    for marker in ["keysieve:allow", "pragma: allowlist nextline secret"] {
        allowed(&scan(&dir, &format!("# {marker}\n{}\n", leak(1))), true);
        allowed(&scan(&dir, &format!("x\n    // {marker}\r\n{}\r\n", leak(1))), true);
    }
    // The nextline form does not hold for its own line.
    allowed(&scan(&dir, &format!("{} # pragma: allowlist nextline secret\n", leak(1))), false);
}

#[test]
fn a_marker_beside_one_secret_is_not_for_the_next() {
    let dir = Dir::new();
    let report = scan(&dir, &format!("{} # keysieve:allow old\n{}\n", leak(1), leak(2)));
    assert_eq!(
        (&report.of(&runra(1))["status"], &report.of(&runra(2))["status"]),
        (&"suppressed".into(), &"open".into()),
        "{}",
        report.ran
    );
    // Two on one line are both accepted.
    let report = scan(&dir, &format!("{} {} # keysieve:allow\n", leak(1), leak(2)));
    assert!(report.findings().iter().all(|finding| finding["status"] == "suppressed"), "{}", report.ran);
}

#[test]
fn with_a_rule() {
    let dir = Dir::new();
    for (marker, holds) in [
        ("keysieve:allow=runra-api-key", true),
        ("keysieve:allow=runra-api-key used by a test", true),
        // An alias of the rule.
        ("keysieve:allow=runra-live-key", true),
        ("keysieve:allow=jwt", false),
        ("keysieve:allow=runra", false),
        ("keysieve:allow=", false),
    ] {
        allowed(&scan(&dir, &format!("{} # {marker}\n", leak(1))), holds);
        allowed(&scan(&dir, &format!("# {marker}\n{}\n", leak(1))), holds);
    }
}

#[test]
fn with_a_reason() {
    let dir = Dir::new();
    let report = scan(&dir, &format!("{} # keysieve:allow=runra-api-key -- revoked on Monday\n", leak(1)));
    let suppression = &report.only()["suppression"];
    assert_eq!(
        (text(&suppression["by"]), text(&suppression["reason"])),
        ("inline", "revoked on Monday"),
        "{}",
        report.ran
    );
    // A reason cannot carry a secret out.
    let report = scan(&dir, &format!("{} # keysieve:allow because {} is old\n", leak(1), runra(2)));
    report.ran.hides(&[&runra(1), &runra(2)]);
}

#[test]
fn counted_always_listed_on_request() {
    let dir = Dir::new();
    dir.write("files/a", format!("{} # keysieve:allow\n", leak(1)));
    let report = dir.json(&["scan", "files"]);
    report.clean();
    assert_eq!(report.value["scan"]["suppressed"], serde_json::json!({"inline": 1}));
    dir.keysieve(&["scan", "files"]).code(0).says(&["1 suppressed (1 inline)"]);
    dir.keysieve(&["scan", "files", "--show-suppressed"]).code(0).says(&["suppressed", "a:1"]);
}

#[test]
fn a_finding_is_open_while_one_of_its_places_is() {
    let dir = Dir::new();
    dir.write("files/b", format!("{}\n", leak(1)));
    allowed(&scan(&dir, &format!("{} # keysieve:allow\n", leak(1))), false);
    dir.write("files/b", format!("{} # keysieve:allow\n", leak(1)));
    allowed(&scan(&dir, &format!("{} # keysieve:allow\n", leak(1))), true);
}

fn history(repo: &Repo<'_>) -> Report {
    repo.json(&["scan", "--history", "--show-suppressed"])
}

#[test]
fn a_marker_in_head_holds_for_older_versions_of_the_path() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("a", format!("{}\n", leak(1)));
    repo.commit_file("a", format!("# more\n{}\n", leak(1)));
    allowed(&history(&repo), false);
    repo.commit_file("a", format!("# more\n{} # keysieve:allow it is a sample\n", leak(1)));
    allowed(&history(&repo), true);
    // The file goes on to change around it.
    repo.commit_file("a", format!("# more\n# and more\n{} # keysieve:allow it is a sample\n", leak(1)));
    allowed(&history(&repo), true);
    // Without the marker in HEAD it is open again.
    repo.commit_file("a", format!("{}\n", leak(1)));
    allowed(&history(&repo), false);
    repo.commit_file("a", "gone\n");
    allowed(&history(&repo), false);
}

#[test]
fn a_marker_in_head_holds_for_that_path_and_that_secret_only() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.write("a", format!("{}\n", leak(1)));
    repo.write("b", format!("x\n{}\n", leak(1)));
    repo.commit("one secret at two paths");
    repo.commit_file("a", format!("{} # keysieve:allow\n", leak(1)));
    allowed(&history(&repo), false);
    repo.commit_file("b", format!("x\n{} # keysieve:allow\n", leak(1)));
    allowed(&history(&repo), true);
    // A second secret in an old version of the same path.
    repo.commit_file("a", format!("{}\n{} # keysieve:allow\n", leak(2), leak(1)));
    repo.commit_file("a", format!("{} # keysieve:allow\n", leak(1)));
    let report = history(&repo);
    assert_eq!(
        (&report.of(&runra(1))["status"], &report.of(&runra(2))["status"]),
        (&"suppressed".into(), &"open".into()),
        "{}",
        report.ran
    );
}

#[test]
fn a_marker_in_an_old_version_holds_for_that_version_only() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("a", format!("{} # keysieve:allow\n", leak(1)));
    repo.commit_file("a", format!("x\n{} # keysieve:allow\n", leak(1)));
    repo.commit_file("a", "gone\n");
    // All versions had it.
    allowed(&history(&repo), true);
    repo.commit_file("a", format!("{}\n", leak(1)));
    repo.commit_file("a", "gone\n");
    allowed(&history(&repo), false);
}

#[test]
fn a_marker_on_another_branch_does_not_hold_for_head() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("a", format!("{}\n", leak(1)));
    repo.git(&["switch", "--quiet", "-c", "side"]);
    repo.commit_file("a", format!("{} # keysieve:allow\n", leak(1)));
    repo.git(&["switch", "--quiet", "main"]);
    allowed(&history(&repo), false);
}

#[test]
fn a_marker_in_an_untracked_or_changed_working_file() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("a", format!("{}\n", leak(1)));
    // What is about to be committed is taken as the next HEAD, so that its author can see the effect.
    repo.write("a", format!("{} # keysieve:allow\n", leak(1)));
    allowed(&repo.json(&["scan", "--show-suppressed"]), true);
    repo.add();
    repo.staged().clean();
}

#[test]
fn in_a_commit_message_a_marker_holds_for_its_own_line() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.write("a", "x");
    repo.commit(&format!("subject\n\n{} keysieve:allow", leak(1)));
    allowed(&history(&repo), true);
}

#[test]
fn staged_and_range() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("README", "x\n");
    repo.stage("a", format!("{} # keysieve:allow\n", leak(1)));
    repo.staged().clean();
    repo.commit_staged("sample");
    let report = repo.json(&["scan", "--range", "HEAD~1..HEAD"]);
    report.clean();
    assert_eq!(report.value["scan"]["suppressed"]["inline"], 1, "{}", report.ran);
}
