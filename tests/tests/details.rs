use serde_json::Value;

use crate::util::{Dir, made, text};

/// A name and the template of its value.
type Setting = (&'static str, &'static str);

/// Settings, the rule of the secret among them, and which of them its details hold.
type Case = (&'static [Setting], &'static str, &'static [(&'static str, usize)]);

fn camel(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let mut words = lower.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &word[..1].to_ascii_uppercase() + &word[1..])
}

/// The same settings as dotenv, JSON, two kinds of YAML, Terraform and INI.
fn forms(settings: &[(&str, String)]) -> Vec<String> {
    let lines = |line: &dyn Fn(&str, &str) -> String| -> String {
        settings.iter().map(|(name, value)| line(name, value)).collect()
    };
    let json: Vec<String> =
        settings.iter().map(|(name, value)| format!("  \"{}\": \"{value}\"", camel(name))).collect();
    vec![
        lines(&|name, value| format!("{name}={value}\n")),
        format!("{{\n{}\n}}\n", json.join(",\n")),
        format!("env:\n{}", lines(&|name, value| format!("  - name: {name}\n    value: \"{value}\"\n"))),
        format!("config:\n{}", lines(&|name, value| format!("  {}: {value}\n", name.to_ascii_lowercase()))),
        format!("p {{\n{}}}\n", lines(&|name, value| format!("  {:24} = \"{value}\"\n", name.to_ascii_lowercase()))),
        format!("[default]\n{}", lines(&|name, value| format!("{} = {value}\n", name.to_ascii_lowercase()))),
    ]
}

#[test]
fn credentials_of_several_parts_are_one_finding() {
    const UUID: &str = "{hex:8}-{hex:4}-4{hex:3}-a{hex:3}-{hex:12}";
    let cases: [Case; 6] = [
        (
            &[("AWS_ACCESS_KEY_ID", "AKIA{upper:15}Q"), ("AWS_SECRET_ACCESS_KEY", "{alnum:40}")],
            "aws-secret-access-key",
            &[("key_id", 0)],
        ),
        (
            &[("TWILIO_ACCOUNT_SID", "AC{hex:32}"), ("TWILIO_AUTH_TOKEN", "{hex:32}")],
            "twilio-auth-token",
            &[("account", 0)],
        ),
        (
            &[
                ("TWILIO_ACCOUNT_SID", "AC{hex:32}"),
                ("TWILIO_API_KEY", "SK{hex:32}"),
                ("TWILIO_API_SECRET", "{alnum:32}"),
            ],
            "twilio-api-key-secret",
            &[("account", 0), ("key_id", 1)],
        ),
        (
            &[("ARM_TENANT_ID", UUID), ("ARM_CLIENT_ID", UUID), ("ARM_CLIENT_SECRET", "{alnum:3}8Q~{alnum:34}")],
            "azure-entra-client-secret",
            &[("tenant", 0), ("client_id", 1)],
        ),
        (
            &[("ALGOLIA_APP_ID", "{upper+digit:9}K"), ("ALGOLIA_ADMIN_KEY", "{hex:32}")],
            "algolia-admin-key",
            &[("app_id", 0)],
        ),
        (
            &[("MONGODB_ATLAS_PUBLIC_KEY", "{lower:8}"), ("MONGODB_ATLAS_PRIVATE_KEY", UUID)],
            "mongodb-atlas-private-key",
            &[("key_id", 0)],
        ),
    ];
    for (number, (settings, rule, parts)) in (0..).zip(cases) {
        let values: Vec<(&str, String)> = (0..)
            .zip(settings)
            .map(|(at, (name, template))| (*name, made(template, 1000 + number * 10 + at)))
            .collect();
        for form in forms(&values) {
            let dir = Dir::new();
            dir.write("settings", &form);
            let report = dir.json(&["scan", "settings"]);
            report.code(1);
            let finding = report.only();
            // A rule that goes by the id alone may know it as well.
            assert!(text(&finding["rule"]).starts_with(rule), "{form}{}", report.ran);
            for (detail, part) in parts {
                assert_eq!(finding["details"][detail], values[*part].1, "{form}{}", report.ran);
            }
            assert_ne!(finding["confidence"], "low", "{form}");
        }
    }
}

fn datadog(seed: u64) -> (String, String) {
    (made("{hex:32}", seed), made("{hex:40}", seed + 1))
}

#[test]
fn a_credential_of_two_secrets_is_one_finding() {
    let (api, app) = datadog(5);
    for form in forms(&[("DD_API_KEY", api.clone()), ("DD_APP_KEY", app.clone())]) {
        let dir = Dir::new();
        dir.write("settings", &form);
        let report = dir.json(&["scan", "settings"]);
        report.code(1).ran.hides(&[&api, &app]);
        assert_eq!(report.only()["rule"], "datadog-application-key-legacy", "{form}{}", report.ran);
        assert_eq!(report.only()["details"]["api_key"], "…(32)", "{form}{}", report.ran);
        // Both must be revoked: the runbook says so, and the other is counted and can be listed.
        assert!(report.only()["guidance"]["now"].to_string().contains("Revoke the API key"), "{}", report.ran);
        assert_eq!(report.value["scan"]["suppressed"]["half"], 1, "{}", report.ran);
        let all = dir.json(&["scan", "settings", "--show-suppressed"]);
        let half = all.findings().iter().find(|finding| finding["rule"] == "datadog-api-key");
        assert_eq!(half.map(|half| &half["suppression"]["state"]), Some(&"told-together".into()), "{}", all.ran);
    }
}

#[test]
fn a_half_without_an_open_one_is_a_finding() {
    let ((api, app), (other, _)) = (datadog(5), datadog(8));
    let dir = Dir::new();
    let rules = |text: &str| -> Vec<String> {
        dir.write("settings", text);
        let report = dir.json(&["scan", "settings"]);
        let mut rules: Vec<String> = report.findings().iter().map(|finding| text_of(finding, "rule")).collect();
        rules.sort();
        rules
    };
    let (key, half) = ("datadog-application-key-legacy", "datadog-api-key");
    assert_eq!(rules(&format!("DD_API_KEY={api}\n")), [half]);
    assert_eq!(rules(&format!("DD_API_KEY={api}\nDD_APP_KEY={app}\n")), [key]);
    // Far away, or a second one that the application key does not name.
    assert_eq!(rules(&format!("DD_API_KEY={api}\n{}DD_APP_KEY={app}\n", "# x\n".repeat(200))), [half, key]);
    assert_eq!(rules(&format!("DD_API_KEY={other}\nDD_API_KEY={api}\nDD_APP_KEY={app}\n")), [half, key]);
    // It stands alone in another place, too.
    dir.write("other", format!("DD_API_KEY={api}\n"));
    dir.write("settings", format!("DD_API_KEY={api}\nDD_APP_KEY={app}\n"));
    assert_eq!(dir.json(&["scan", "other", "settings"]).findings().len(), 2);
    // What accepts one does not accept the other.
    assert_eq!(rules(&format!("DD_API_KEY={api}\nDD_APP_KEY={app} # keysieve:allow\n")), [half]);
    assert_eq!(rules(&format!("DD_API_KEY={api} # keysieve:allow\n\nDD_APP_KEY={app}\n")), [key]);
}

#[test]
fn a_half_that_is_new_is_stopped_beside_one_that_is_not() {
    let (api, app) = datadog(5);
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("settings", format!("DD_APP_KEY={app}\n"));
    repo.stage("settings", format!("DD_API_KEY={api}\nDD_APP_KEY={app}\n"));
    let staged = repo.staged();
    assert_eq!(staged.code(1).only()["rule"], "datadog-api-key", "{}", staged.ran);
    repo.commit_staged("both");
    // One came with a later commit: two findings, each with its own history.
    assert_eq!(repo.history().code(1).findings().len(), 2);
    // A baseline of them holds both, so that neither is open without the other.
    repo.keysieve(&["baseline", "write", "--reason", "known"]).code(0);
    repo.keysieve(&["scan", "--history"]).code(0);
    repo.keysieve(&["scan", "settings"]).code(0);
}

fn text_of(finding: &Value, name: &str) -> String {
    text(&finding[name]).to_owned()
}

#[test]
fn runras_documented_key_is_reported_unless_it_is_called_an_example() {
    let key = ["rra_live_", "x7k2m9p4q1w3v5b8", "n6c0d2a4f"].concat();
    for (path, line, code) in [
        ("try.txt", format!("RUNRA_API_KEY={key}\n"), 1),
        ("README.md", format!("RUNRA_API_KEY={key}\n"), 1),
        (".env", format!("# example\nRUNRA_API_KEY={key} # for example\n"), 1),
        ("docs/runra.md", format!("An example key is `{key}`.\n"), 0),
    ] {
        let dir = Dir::new();
        dir.write(path, &line);
        let report = dir.json(&["scan", path, "--show-suppressed"]);
        report.code(code);
        let finding = &report.value["findings"][0];
        assert_eq!(finding["rule"], "runra-api-key", "{path}");
        if code == 0 {
            assert_eq!(finding["suppression"]["state"], "documented-example", "{path}");
        } else {
            assert!(text(&finding["details"]["documented"]).contains("Runra"), "{path}");
        }
    }
}

#[test]
fn a_token_names_its_key_and_its_runbook_uses_it() {
    let token = made("tskey-api-k{alnum:10}CNTRL-{alnum:32}", 8);
    let id = token.split('-').nth(2).unwrap();
    let dir = Dir::new();
    dir.write("settings", format!("TAILSCALE_API_KEY={token}\n"));
    let report = dir.json(&["scan", "settings"]);
    report.code(1);
    assert_eq!(report.only()["details"]["key_id"], id);
    let commands = report.only()["guidance"]["commands"].to_string();
    assert!(commands.contains(&format!("/keys/{id}")), "{commands}");
}
