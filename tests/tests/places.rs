//! What the place adds: `details.place` and its line of advice, in every format.

use crate::util::{Dir, runra, text};

fn place(dir: &Dir, path: &str, line: &str) -> Option<String> {
    dir.write(format!("x/{path}"), line);
    let report = dir.json(&["scan", "x"]);
    let found = report.code(1).only();
    let place = found["details"].get("place").map(|place| text(place).to_owned());
    let warnings = found["guidance"]["warnings"].as_array().map_or(0, Vec::len);
    assert_eq!(
        place.as_ref().map_or(0, |place| place.split(", ").count()) > 0,
        found["guidance"].to_string().contains("It is in "),
        "{warnings}"
    );
    std::fs::remove_dir_all(dir.path("x")).unwrap();
    place
}

#[test]
fn by_path_and_line() {
    let dir = Dir::new();
    let key = runra(1);
    let plain = format!("key = \"{key}\"\n");
    assert_eq!(place(&dir, "src/main.rs", &plain), None);
    assert_eq!(place(&dir, "public/app.js", &plain).as_deref(), Some("client-code"));
    assert_eq!(place(&dir, ".github/workflows/a.yml", &plain).as_deref(), Some("ci"));
    assert_eq!(place(&dir, "app.log", &plain).as_deref(), Some("log"));
    assert_eq!(place(&dir, "tests/a.py", &plain).as_deref(), Some("test"));
    let url = format!("curl 'https://api.acme.test/v1?key={key}'\n");
    assert_eq!(place(&dir, "run.sh", &url).as_deref(), Some("url"));
    assert_eq!(place(&dir, "www/a.html", &url).as_deref(), Some("client-code, url"));
}

#[test]
fn the_text_says_it_staged_and_pushed() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.write(".gitlab-ci.yml", format!("variables:\n  KEY: {}\n", runra(1)));
    repo.write("Info.plist", format!("<string>{}</string>\n", runra(2)));
    repo.add();
    repo.keysieve(&["scan", "--staged"]).code(1).says(&["It is in CI configuration", "It is in code that ships"]);
    repo.commit_staged("keys");
    // The second finding has the same runbook, and a place of its own.
    repo.keysieve(&["scan", "--history"]).code(1).says(&["It is in CI configuration", "It is in code that ships"]);
    let sarif = repo.keysieve(&["scan", "-f", "sarif"]);
    sarif.code(1).says(&["\"place\": \"ci\"", "\"place\": \"client-code\""]);
}
