//! What is written about rules is true: the table, the example of CONTRIBUTING.md, the faults that a file is told.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::*;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn keysieve(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keysieve"));
    command.args(arguments).current_dir(folder).env("COLUMNS", "80").env("NO_COLOR", "1").output().unwrap()
}

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("keysieve-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
    fn write(&self, name: &str, text: &str) -> &Self {
        std::fs::write(self.0.join(name), text).unwrap();
        self
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_table_of_rules_is_up_to_date() {
    let made = keysieve(Path::new(ROOT), &["rules", "list", "--format", "markdown"]);
    let written = std::fs::read_to_string(Path::new(ROOT).join("docs/rules.md")).unwrap_or_default();
    let made = String::from_utf8(made.stdout).unwrap();
    if let Some((line, (is, should))) =
        (1..).zip(written.lines().zip(made.lines())).find(|(_, (is, should))| is != should)
    {
        eprintln!("line {line} is\n  {is}\nand should be\n  {should}");
    }
    assert!(
        written == made,
        "docs/rules.md is out of date; write it anew with\n  cargo run -- rules list --format markdown > docs/rules.md\n"
    );
}

#[test]
fn the_table_fits_a_terminal() {
    for arguments in
        [&["rules", "list"][..], &["rules", "list", "--severity", "critical"], &["rules", "list", "stripe"]]
    {
        let text = String::from_utf8(keysieve(Path::new(ROOT), arguments).stdout).unwrap();
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert!(longest <= 80, "{arguments:?}: {longest} columns");
    }
    let listed = |arguments: &[&str]| -> Vec<serde_json::Value> {
        let arguments = [&["rules", "list", "--format", "json"], arguments].concat();
        serde_json::from_slice(&keysieve(Path::new(ROOT), &arguments).stdout).unwrap()
    };
    assert_eq!(listed(&[]).len(), rules().all().count());
    let some = listed(&["--severity", "low", "--provider", "STRIPE"]);
    assert!(!some.is_empty() && some.iter().all(|rule| rule["severity"] == "low"));
    let named = |rule: &serde_json::Value| {
        rule["provider"] == "Stripe"
            || rule["provider_candidates"].as_array().unwrap().iter().any(|name| name == "Stripe")
    };
    assert!(some.iter().all(named), "{some:?}");
    assert!(!keysieve(Path::new(ROOT), &["rules", "list", "--severity", "worst"]).status.success());
}

/// Everything that a rule file may say stands in what `rules show` prints.
#[test]
fn show_has_everything() {
    for rule in rules().iter().step_by(97).chain(rules().find("shared-whsec-32")).chain(rules().find("runra-api-key")) {
        let shown = String::from_utf8(keysieve(Path::new(ROOT), &["rules", "show", rule.id]).stdout).unwrap();
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let page = flat(&shown);
        let guidance = rule.guidance();
        let lists = [rule.aliases, rule.near, rule.validate, rule.references, guidance.replace, guidance.investigate];
        let texts = lists.into_iter().flatten().copied().chain([rule.id, rule.title, rule.provider, rule.pattern]);
        let texts = texts.chain(rule.candidates.iter().map(|one| one.rule));
        for text in texts.filter(|text| !text.contains('{') || *text == rule.pattern) {
            assert!(page.contains(&flat(text)), "{}: no {text:?} in\n{shown}", rule.id);
        }
        let escaped = |sample: &str| sample.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t");
        assert!(rule.matches.iter().take(40).all(|sample| shown.contains(&escaped(sample))), "{shown}");
    }
}

#[test]
fn the_example_of_contributing_works() {
    let page = std::fs::read_to_string(Path::new(ROOT).join("CONTRIBUTING.md")).unwrap();
    let (_, rest) = page.split_once("## Adding a provider").expect("the section");
    let (_, rest) = rest.split_once("```yaml\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    let folder = Folder::new("example");
    folder.write("fabrikam.yaml", example);
    let checked = keysieve(&folder.0, &["rules", "check", "fabrikam.yaml"]);
    assert!(checked.status.success() && checked.stderr.is_empty(), "{checked:?}");
    let tested = keysieve(&folder.0, &["rules", "test", "fabrikam.yaml", "--values", "500"]);
    assert!(tested.status.success(), "{tested:?}");
    // What the text around it promises.
    let key = format!("FABRIKAM_KEY=fbk{}{}\n", "_", fill("{hex:32}", &mut Random::new(4)).unwrap());
    folder.write("app.env", &key);
    let scanned = keysieve(&folder.0, &["scan", "--no-config", "--rules", "fabrikam.yaml", "app.env"]);
    let text = String::from_utf8_lossy(&scanned.stdout).into_owned();
    assert_eq!(scanned.status.code(), Some(1), "{text}");
    assert!(text.contains("Fabrikam API key"), "{text}");
    // The page names commands that exist, and one file is all that it takes.
    for said in
        ["rules check", "rules test", "rules list --format markdown > docs/rules.md", "One YAML file in `rules/`"]
    {
        assert!(page.contains(said), "CONTRIBUTING.md does not say `{said}`");
    }
}

/// Ten faults of ten kinds, in two files.
#[test]
fn ten_faults_are_ten_lines() {
    let folder = Folder::new("faults");
    folder.write(
        "one.yaml",
        "\
provider: Acme
homepag: https://acme.example
rules:
  - id: Acme_Key
    title: Acme key
    severity: grave
    confidence: high
    keywords: [acme_]
    pattern: '{left}(?<secret>acme_[0-9a-f]+){right}'
    reach: 30
    guidance: acme
  - id: acme-other
    titel: Acme other key
    severity: high
    confidence: high
    keywords: [tion]
    pattern: '{left}(?<secret>tion[0-9a-f]{20}){right}'
    reach: 30
    validate: [crc32-base26]
    guidance: acme-other
guidance:
  acme:
    headline: Revoke it.
",
    );
    folder.write(
        "two.yaml",
        "\
provider: Beta
rules:
  - id: beta-key
    title: Beta key
    severity: high
    confidence: high
    keywords: [beta_]
    pattern: '{left}(?<secret>beta_[0-9a-f]{60}){right}'
    reach: 30
",
    );
    let ran = keysieve(&folder.0, &["rules", "check", "one.yaml", "two.yaml"]);
    let text = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(2), "{text}");
    let wanted = [
        ("one.yaml:2:1:", "homepag"),
        ("one.yaml:4:9:", "Acme_Key"),
        ("one.yaml:6:15:", "grave"),
        ("one.yaml:9:14:", "unbounded"),
        ("one.yaml:12:5:", "title"),
        ("one.yaml:13:5:", "titel"),
        ("one.yaml:16:15:", "too common"),
        ("one.yaml:19:15:", "crc32-base62"),
        ("one.yaml:20:15:", "acme-other"),
        ("one.yaml:23:5:", "now"),
        ("two.yaml:9:12:", "longest"),
    ];
    for (place, about) in wanted {
        let told = text.lines().any(|line| line.contains(place) && line.contains(about));
        assert!(told, "nothing about {about} at {place} in\n{text}");
    }
    assert_eq!(text.lines().count(), wanted.len(), "{text}");
}

#[test]
fn what_people_write_is_judged() {
    let folder = Folder::new("judged");
    let file = |change: (&str, &str)| {
        let text = "\
provider: Acme
rules:
  - id: acme-key
    title: Acme key
    severity: high
    confidence: high
    keywords: [acme_]
    pattern: '{left}(?<secret>acme_[0-9a-f]{20}){right}'
    reach: 30
    samples:
      match: ['acme_{hex:20}']
      ignore: ['acme_...']
";
        assert!(text.contains(change.0));
        folder.write("own.yaml", &text.replace(change.0, change.1));
        let ran = keysieve(&folder.0, &["rules", "check", "own.yaml"]);
        (ran.status.code(), String::from_utf8_lossy(&ran.stderr).into_owned())
    };
    assert_eq!(file(("", "")).0, Some(0));
    let cases = [
        (("reach: 30", "reach: 30\\n    entropy: 3.6"), "drops"),
        (("[acme_]", "[acme_, return]"), "too common"),
        (
            ("    samples:", "    candidates: [{rule: no-such, near: [acme]}]\n    samples:"),
            "no rule is called `no-such`",
        ),
        (("    samples:", "    candidates: [{rule: acme-key}]\n    samples:"), "needs `near`"),
    ];
    let verify = |request: &str, live: &str| {
        format!(
            "    guidance: acme\n    samples:\n      match: ['acme_{{hex:20}}']\n      ignore: ['acme_...']\nguidance:\n  acme:\n    \
             headline: Revoke it.\n    now: [Now.]\n    verify:\n      - {{request: '{request}', header: 'X-Key: {{secret}}', \
             live: ['{live}'], dead: ['401']}}\n"
        )
    };
    let samples = "    samples:\n      match: ['acme_{hex:20}']\n      ignore: ['acme_...']\n";
    assert_eq!(file((samples, &verify("GET https://api.acme.example/me", "200"))).0, Some(0));
    let bare = verify("GET https://api.acme.example/me", "403");
    let plain = verify("GET http://api.acme.example/me", "200");
    let cases =
        cases.into_iter().chain([((samples, &bare[..]), "a bare 403"), ((samples, &plain[..]), "`request` must be")]);
    for ((from, to), about) in cases {
        let (code, text) = file((from, &to.replace("\\n", "\n")));
        assert!(code == Some(2) && text.contains(about), "{about}: {code:?} {text}");
    }
}
