use serde_json::Value;

use crate::util::{Dir, Repo, check_schema, runra, schema, text};

/// A repository that makes use of most of what a report can say.
fn rich(dir: &Dir) -> Repo<'_> {
    use std::os::unix::ffi::OsStrExt;
    let repo = dir.repo("repo");
    repo.write(std::ffi::OsStr::from_bytes(b"caf\xe9"), format!("key = {}\n", runra(1)));
    repo.write("allowed", format!("key = {} # keysieve:allow old\n", runra(2)));
    repo.write(".keysieve.yaml", "skip: [vendor]\ndisable: [jwt*]\n");
    repo.write("vendor/x", "x");
    std::os::unix::fs::symlink("nowhere", repo.path("link")).unwrap();
    repo.commit(&format!("message with {}", runra(3)));
    repo.git(&["tag", "-m", &runra(4), "v1"]);
    repo.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    repo.git(&["branch", &runra(5)]);
    repo.git(&["config", "http.extraHeader", &runra(6)]);
    repo.git(&["notes", "add", "-m", &runra(7), "HEAD"]);
    repo.stage(
        "staged url",
        format!("DATABASE_URL=postgres://app:{}@db.internal/x\n", crate::util::made("{alnum:20}", 8)),
    );
    repo.write("untracked é", runra(9));
    repo
}

const MODES: [&[&str]; 5] = [
    &["--history"],
    &["--staged"],
    &["."],
    &["--range", "HEAD"],
    &["--history", "--show-suppressed", "--show-secrets"],
];

#[test]
fn the_schema_is_a_schema_and_refuses_what_is_wrong() {
    let schema = schema();
    assert!(jsonschema::meta::is_valid(&schema));
    let validator = jsonschema::validator_for(&schema).unwrap();
    let dir = Dir::new();
    let sound = rich(&dir).history().value;
    assert!(validator.is_valid(&sound));
    let wrong: &[(&str, Value)] = &[
        ("/schema", 2.into()),
        ("/scan/complete", "yes".into()),
        ("/scan/not_read/0/reason", "tired".into()),
        ("/findings/0/severity", "huge".into()),
        ("/findings/0/fingerprint", "ks1:xyz".into()),
        ("/findings/0/places/0/kind", "somewhere".into()),
        ("/findings/0/places/0/line", 0.into()),
        ("/findings/0/places/0/path", Value::Null),
        ("/findings/0/exposure/level", "bad".into()),
        ("/findings/0/guidance", serde_json::json!({})),
    ];
    for (place, value) in wrong {
        let mut report = sound.clone();
        *report.pointer_mut(place).unwrap_or_else(|| panic!("{place}")) = value.clone();
        assert!(!validator.is_valid(&report), "{place}");
    }
}

#[test]
fn json_of_every_mode() {
    let dir = Dir::new();
    let repo = rich(&dir);
    for mode in MODES {
        // Validated where it is read.
        let report = repo.json(&[&["scan"], mode].concat());
        let value = &report.code(1).value;
        assert_eq!((&value["schema"], &value["tool"]["name"]), (&1.into(), &"keysieve".into()));
        assert!(!has_null(value), "what is unknown is absent{}", report.ran);
        for finding in report.findings() {
            let with_path = finding["places"].as_array().unwrap().iter().find(|place| place.get("path").is_some());
            for name in ["path", "line", "column", "end_line", "end_column"] {
                assert_eq!(finding.get(name), with_path.and_then(|place| place.get(name)), "{name}{}", report.ran);
            }
        }
    }
    let all = repo.json(&["scan", "--history"]);
    let mut kinds: Vec<&str> = all.findings().iter().flat_map(crate::util::kinds).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, ["commit-message", "config", "content", "note", "ref", "tag"]);
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.iter().any(has_null),
        Value::Object(map) => map.values().any(has_null),
        _ => false,
    }
}

#[test]
fn jsonl() {
    let dir = Dir::new();
    let repo = rich(&dir);
    for mode in MODES {
        let ran = repo.keysieve(&[&["scan", "--format", "jsonl"], mode].concat());
        ran.code(1);
        let out = ran.stdout();
        let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut line_schema = schema();
        for key in ["type", "required", "properties", "additionalProperties"] {
            line_schema.as_object_mut().unwrap().remove(key);
        }
        line_schema["$ref"] = "#/$defs/line".into();
        let validator = jsonschema::validator_for(&line_schema).unwrap();
        for line in &lines {
            let errors: Vec<String> =
                validator.iter_errors(line).map(|e| format!("{}: {e}", e.instance_path())).collect();
            assert!(errors.is_empty(), "{errors:#?}{ran}");
        }
        // A finding a line as in the document, the summary last.
        let report = repo.json(&[&["scan"], mode].concat());
        let (summary, findings) = lines.split_last().unwrap();
        let strip = |line: &Value, kind: &str| {
            let mut line = line.clone();
            assert_eq!(line.as_object_mut().unwrap().remove("type").as_ref().map(text), Some(kind));
            line
        };
        assert_eq!(strip(summary, "summary"), report.value["scan"]);
        let findings: Vec<Value> = findings.iter().map(|line| strip(line, "finding")).collect();
        assert_eq!(findings, report.findings());
    }
    // Clean: the summary alone.
    dir.write("clean", "hello\n");
    let ran = dir.keysieve(&["scan", "clean", "--format", "jsonl"]);
    assert_eq!(ran.code(0).stdout().lines().count(), 1, "{ran}");
}

#[test]
fn sarif() {
    let dir = Dir::new();
    let repo = rich(&dir);
    for mode in MODES {
        let ran = repo.keysieve(&[&["scan", "--format", "sarif"], mode].concat());
        ran.code(1);
        let log: Value = serde_json::from_slice(&ran.output.stdout).unwrap();
        assert_eq!((text(&log["version"]), log["runs"].as_array().unwrap().len()), ("2.1.0", 1));
        assert!(text(&log["$schema"]).contains("sarif"));
        let run = &log["runs"][0];
        let driver = &run["tool"]["driver"];
        assert_eq!(text(&driver["name"]), "keysieve");
        let rules = driver["rules"].as_array().unwrap();
        for rule in rules {
            for member in ["id", "name"] {
                assert!(!text(&rule[member]).is_empty());
            }
            for member in ["shortDescription", "fullDescription", "help"] {
                assert!(!text(&rule[member]["text"]).is_empty(), "{member}{ran}");
            }
            assert!(text(&rule["help"]["markdown"]).len() > 50);
            let score: f64 = text(&rule["properties"]["security-severity"]).parse().unwrap();
            assert!((0.0..=10.0).contains(&score));
        }
        let json = repo.json(&[&["scan"], mode].concat());
        let results = run["results"].as_array().unwrap();
        assert_eq!(results.len(), json.findings().len());
        for (result, finding) in results.iter().zip(json.findings()) {
            let index = result["ruleIndex"].as_u64().unwrap() as usize;
            assert_eq!((&rules[index]["id"], &result["ruleId"]), (&finding["rule"], &finding["rule"]));
            assert!(["error", "warning", "note", "none"].contains(&text(&result["level"])));
            assert!(!text(&result["message"]["text"]).is_empty());
            assert!(result["partialFingerprints"].to_string().contains(text(&finding["fingerprint"])), "{result}");
            // GitHub refuses the whole file ("expected a physical location") if one location has none.
            for location in result["locations"].as_array().unwrap() {
                let uri = &location["physicalLocation"]["artifactLocation"]["uri"];
                let uri = uri.as_str().unwrap_or_else(|| panic!("no physical location: {location}{ran}"));
                assert!(uri.is_ascii() && !uri.contains(' ') && !uri.starts_with('/'), "{uri}");
                if let Some(region) = location["physicalLocation"].get("region") {
                    assert!(region["startLine"].as_u64().unwrap() >= 1);
                }
            }
            assert_eq!(
                finding["status"] == "suppressed",
                result["suppressions"].as_array().is_some_and(|list| !list.is_empty()),
                "{result}"
            );
        }
        assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    }
    // What is incomplete is said.
    dir.write("clean", "hello\n");
    let ran = dir.keysieve(&["scan", "clean", "/proc/self/mem", "--format", "sarif"]);
    let log: Value = serde_json::from_slice(&ran.code(3).output.stdout).unwrap();
    assert!(log["runs"][0]["invocations"][0].to_string().contains("unreadable"), "{ran}");
    assert_eq!(log["runs"][0]["properties"]["complete"], false);
}

#[test]
fn all_formats_say_what_was_not_read_and_what_was_turned_off() {
    let dir = Dir::new();
    let repo = rich(&dir);
    for format in ["text", "json", "jsonl", "sarif"] {
        let ran = repo.keysieve(&["scan", "--format", format]);
        ran.code(1).says(&["configured", "symlink", "skips vendor", "turns off jwt*"]);
    }
}

#[test]
fn an_empty_report_fits_too() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    for mode in [&["--history"][..], &["--staged"], &["."]] {
        let report = repo.json(&[&["scan"], mode].concat());
        check_schema(&report.value, &report.ran);
        let ran = repo.keysieve(&[&["scan", "-f", "sarif"], mode].concat());
        let log: Value = serde_json::from_slice(&ran.output.stdout).unwrap();
        assert_eq!(log["runs"][0]["results"], serde_json::json!([]));
    }
}
