//! `action.yml` and `ci/gitlab.yml`: their own shell text is run, with a stand-in for cargo and the real program.

use std::fs;
use std::path::{Path, PathBuf};

use keysieve::yaml::{self, Node, Value};

use crate::ci::{Forge, Run, judged, settings};
use crate::util::{Dir, PROGRAM, Ran, Repo, chmod, runra};

fn project(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> Node {
    let text = fs::read_to_string(project(name)).unwrap();
    yaml::parse(&text).unwrap_or_else(|fault| panic!("{name}:{fault}"))
}

fn get<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let Value::Map(entries) = &node.value else { return None };
    let is_it = |key: &Node| matches!(&key.value, Value::Text(text) if text == name);
    entries.iter().find(|(key, _)| is_it(key)).map(|(_, value)| value)
}

fn text(node: Option<&Node>) -> String {
    match node.map(|node| &node.value) {
        Some(Value::Text(text)) => text.clone(),
        other => panic!("no text: {other:?}"),
    }
}

fn list(node: Option<&Node>) -> &[Node] {
    match node.map(|node| &node.value) {
        Some(Value::List(items)) => items,
        other => panic!("no list: {other:?}"),
    }
}

fn keys(node: Option<&Node>) -> Vec<String> {
    match node.map(|node| &node.value) {
        Some(Value::Map(entries)) => entries.iter().map(|(key, _)| text(Some(key))).collect(),
        other => panic!("no mapping: {other:?}"),
    }
}

/// Text for a shell must be sound; where there is no shellcheck, nobody looks.
fn checked(dir: &Dir, shell: &str, script: &str) {
    let file = dir.write("checked.sh", script);
    let mut command = dir.command("shellcheck");
    match command.args(["--shell", shell, "--severity", "style"]).arg(&file).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout)),
        Err(_) => eprintln!("there is no shellcheck here"),
    }
}

/// A folder of programs that stand in for others: cargo \"builds\" the program under test and notes where and how.
fn stand_ins(dir: &Dir, rustc: &str) -> String {
    let log = dir.text("log");
    let cargo = format!(
        "#!/bin/sh\necho \"cargo in $PWD: $*\" >> '{log}'\nfor word; do last=$root; root=$word; [ \"$last\" = --root ] && to=$root; \
         done\nmkdir -p \"$to/bin\" && cp '{PROGRAM}' \"$to/bin/keysieve\"\n"
    );
    let programs = [
        ("cargo", cargo),
        ("rustc", format!("#!/bin/sh\necho 'rustc {rustc} (0123456 2026-01-01)'\n")),
        ("rustup", format!("#!/bin/sh\necho \"rustup in $PWD: $*\" >> '{log}'\n")),
    ];
    for (name, script) in programs {
        chmod(&dir.write(Path::new("bin").join(name), script), 0o755);
    }
    format!("{}:{}", dir.text("bin"), std::env::var("PATH").unwrap())
}

fn log(dir: &Dir) -> String {
    fs::read_to_string(dir.path("log")).unwrap_or_default()
}

/// The steps of the action that are shell.
struct Action {
    steps: Vec<(String, String)>,
}

impl Action {
    fn read() -> Self {
        let action = read("action.yml");
        let runs = get(&action, "runs").unwrap();
        let steps = list(get(runs, "steps")).iter().filter(|step| get(step, "run").is_some());
        let steps = steps.map(|step| {
            assert_eq!(text(get(step, "shell")), "bash");
            (text(get(step, "name")), text(get(step, "run")))
        });
        Self { steps: steps.collect() }
    }

    /// Runs a step as the runner does.
    fn run(&self, name: &str, repo: &Repo<'_>, variables: &[(String, String)]) -> Ran {
        let (_, script) = self.steps.iter().find(|(other, _)| other == name).unwrap();
        let file = repo.dir.write("step.sh", script);
        let mut command = repo.command("bash");
        command.args(["--noprofile", "--norc", "-e", "-o", "pipefail"]).arg(file);
        Ran::of(command.envs(variables.iter().map(|(name, value)| (name, value))))
    }
}

const SCAN: &str = "Look for leaked keys";

/// The inputs of the action as it declares them, but for some.
fn inputs(some: &[(&str, &str)]) -> Vec<(String, String)> {
    let action = read("action.yml");
    let declared = get(&action, "inputs").unwrap();
    let value = |name: &String| {
        let default = text(get(get(declared, name).unwrap(), "default"));
        some.iter().find(|(other, _)| other == name).map_or(default, |(_, value)| (*value).to_owned())
    };
    let variable = |name: &String| format!("INPUT_{}", name.to_ascii_uppercase().replace('-', "_"));
    keys(Some(declared)).iter().map(|name| (variable(name), value(name))).collect()
}

#[test]
fn the_action_is_sound() {
    let dir = Dir::new();
    let action = read("action.yml");
    let runs = get(&action, "runs").unwrap();
    assert_eq!(text(get(runs, "using")), "composite");
    let steps = list(get(runs, "steps"));
    for (name, script) in Action::read().steps {
        // An expression in it would be put there before a shell reads it: whoever names a branch could run things.
        assert!(!script.contains("${{"), "{name}");
        checked(&dir, "bash", &script);
    }
    // Every input has a text that says what it is, and reaches the step that scans.
    let scan = steps.iter().find(|step| text(get(step, "name")) == SCAN).unwrap();
    let env = get(scan, "env").unwrap();
    let declared = get(&action, "inputs").unwrap();
    for (variable, _) in inputs(&[]) {
        let name = variable.trim_start_matches("INPUT_").to_ascii_lowercase().replace('_', "-");
        assert_eq!(text(get(env, &variable)), format!("${{{{ inputs.{name} }}}}"));
        assert!(
            text(get(scan, "run")).contains(&format!("${variable}"))
                || text(get(scan, "run")).contains(&format!("${{{variable}")),
            "{variable}"
        );
        assert!(!text(get(get(declared, &name).unwrap(), "description")).is_empty());
    }
    assert_eq!(keys(Some(env)).len(), keys(Some(declared)).len());
    let outputs = get(&action, "outputs").unwrap();
    for name in keys(Some(outputs)) {
        assert_eq!(text(get(get(outputs, &name).unwrap(), "value")), format!("${{{{ steps.scan.outputs.{name} }}}}"));
    }
    assert_eq!(text(get(scan, "id")), "scan");
}

#[test]
fn the_action_builds_itself_and_not_in_the_checkout() {
    let dir = Dir::new();
    let repo = dir.repo("checkout");
    let version = |name: &str, rustc: &str| {
        let _ = fs::remove_file(dir.path("log"));
        let variables = [
            ("PATH", stand_ins(&dir, rustc)),
            ("GITHUB_ACTION_PATH", env!("CARGO_MANIFEST_DIR").to_owned()),
            ("GITHUB_OUTPUT", dir.text("outputs")),
            ("RUNNER_TEMP", dir.text("temp")),
        ];
        let variables: Vec<_> = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Action::read().run(name, &repo, &variables).code(0);
        log(&dir)
    };
    version("Name the build", "1.95.0");
    let outputs = fs::read_to_string(dir.path("outputs")).unwrap();
    let id = outputs.trim().strip_prefix("id=").unwrap();
    assert!(id.len() == 40 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{outputs}");
    let here = env!("CARGO_MANIFEST_DIR");
    let built = format!(
        "cargo in {here}: install --locked --no-track --force --path . --root {}",
        dir.text("temp/keysieve-program")
    );
    assert_eq!(version("Build", "1.95.0").trim(), built);
    assert_eq!(version("Build", "2.0.0").trim(), built);
    // One that is too old, or missing, is not used.
    for old in ["1.80.1", ""] {
        let log = version("Build", old);
        let installs =
            format!("rustup in {here}: toolchain install {} --profile minimal", env!("CARGO_PKG_RUST_VERSION"));
        assert!(log.starts_with(&installs) && log.contains(&built), "{log}");
    }
}

#[test]
fn the_action_scans() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let forge = Forge::new(&dir);
        let pull = forge.request("settings.env", settings(leaks, 1));
        let repo = forge.full("clone", &pull.merge);
        fs::create_dir_all(dir.path("temp/keysieve-program/bin")).unwrap();
        fs::copy(PROGRAM, dir.path("temp/keysieve-program/bin/keysieve")).unwrap();
        let scan = |some: &[(&str, &str)]| {
            let mut variables = Run::pull_request(&pull).variables(&dir);
            variables.push(("RUNNER_TEMP".into(), dir.text("temp")));
            variables.extend(inputs(some));
            let _ = fs::remove_file(dir.path("outputs"));
            Action::read().run(SCAN, &repo, &variables)
        };
        judged(leaks, scan(&[])).hides(&[&runra(1)]);
        let outputs = || fs::read_to_string(dir.path("outputs")).unwrap();
        assert_eq!(outputs(), format!("findings={}\ncomplete=true\n", u8::from(leaks)));
        let ran =
            judged(leaks, scan(&[("sarif", "keysieve.sarif"), ("annotations", "false"), ("min-severity", "low")]));
        assert!(!ran.stdout().contains("::error"), "{ran}");
        // The path is whole, whatever folder the next step runs in.
        let sarif = repo.path("keysieve.sarif").display().to_string();
        assert!(outputs().contains(&format!("sarif={sarif}\n")) && Path::new(&sarif).is_file(), "{}", outputs());
        scan(&[("fail", "false")]).code(0);
        judged(leaks, scan(&[("base", &pull.base)])).complains(&["what HEAD"]);
        judged(leaks, scan(&[("full-history", "true")])).complains(&["the whole history"]);
        judged(leaks, scan(&[("program", PROGRAM), ("min-confidence", "medium")]));
        let own = dir.write("own.yaml", "skip: ['*']\n").display().to_string();
        scan(&[("config", &own)]).code(0);
        // Whatever an input holds, it is a word.
        for input in ["base", "config", "min-severity", "sarif", "program"] {
            let ran = scan(&[(input, "$(touch pwned); `touch pwned` \"' && touch pwned #")]);
            assert!(!ran.output.status.success() || input == "sarif", "{input}{ran}");
            assert!(!repo.path("pwned").exists(), "{input}{ran}");
        }
        scan(&[("path", "nowhere")]).code(2).complains(&["nowhere"]);
    }
}

/// The job of the GitLab template and its script.
fn gitlab() -> (Node, String) {
    let template = read("ci/gitlab.yml");
    let job = get(&template, "keysieve").unwrap().clone();
    let script: Vec<String> = list(get(&job, "script")).iter().map(|line| text(Some(line))).collect();
    (job, script.join("\n"))
}

#[test]
fn the_gitlab_template() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let forge = Forge::new(&dir);
        let pull = forge.request("a", settings(leaks, 1));
        let (job, script) = gitlab();
        checked(&dir, "sh", &script);
        assert_eq!(text(get(get(&job, "variables").unwrap(), "GIT_DEPTH")), "0");
        let path = stand_ins(&dir, "1.95.0");
        let run = |repo: &Repo<'_>, shell: &str, more: &[(&str, &str)]| {
            let file = dir.write("job.sh", &script);
            let here = repo.root.display().to_string();
            let variables = [
                ("PATH", path.as_str()),
                ("GITLAB_CI", "true"),
                ("CI_PROJECT_DIR", &here),
                ("CI_PIPELINE_SOURCE", "merge_request_event"),
                ("CI_MERGE_REQUEST_IID", "7"),
                ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"),
                ("CI_MERGE_REQUEST_DIFF_BASE_SHA", &pull.base),
                ("CI_COMMIT_SHA", &pull.head),
                ("KEYSIEVE_PROGRAM", ""),
                ("KEYSIEVE_SOURCE", ""),
                ("KEYSIEVE_REF", ""),
            ];
            let mut command = repo.command(shell);
            command.arg("-e").arg(file).envs(variables).envs(more.iter().copied());
            Ran::of(&mut command)
        };
        for shell in ["bash", "sh"] {
            let repo = forge.full(&format!("clone-{shell}"), &pull.head);
            let ran = judged(leaks, run(&repo, shell, &[("KEYSIEVE_PROGRAM", PROGRAM)]));
            ran.complains(&["merge request !7"]);
            // What the job hands over as artefacts is there.
            let reports = get(get(&job, "artifacts").unwrap(), "reports").unwrap();
            for (kind, count) in [("secret_detection", "/vulnerabilities"), ("codequality", "")] {
                let report = fs::read_to_string(repo.path(text(get(reports, kind)))).unwrap();
                let report: serde_json::Value = serde_json::from_str(&report).unwrap();
                assert_eq!(report.pointer(count).unwrap().as_array().unwrap().len(), usize::from(leaks), "{kind}");
            }
            // Built once, outside the checkout.
            let source = [("KEYSIEVE_SOURCE", "https://git.example/keysieve.git"), ("KEYSIEVE_REF", "v1")];
            let _ = fs::remove_file(dir.path("log"));
            judged(leaks, run(&repo, shell, &source));
            let built = format!(
                "cargo in /: install --locked --git https://git.example/keysieve.git --tag v1 --root {}/.keysieve-program keysieve\n",
                repo.root.display()
            );
            assert_eq!(log(&dir), built);
            judged(leaks, run(&repo, shell, &source));
            assert_eq!(log(&dir), built);
            run(&repo, shell, &[]).code(if leaks { 1 } else { 0 });
            fs::remove_dir_all(repo.path(".keysieve-program")).unwrap();
            run(&repo, shell, &[]).code(2).complains(&["set KEYSIEVE_SOURCE"]);
            // A change that brings a program of its own does not get it run.
            chmod(&repo.write(".keysieve-program/bin/keysieve", "#!/bin/sh\nexit 0\n"), 0o755);
            repo.git(&["add", "--force", ".keysieve-program"]);
            run(&repo, shell, &source).code(2).complains(&["is not run"]);
        }
    }
}

#[test]
fn the_snippets_are_yaml() {
    let page = fs::read_to_string(project("docs/ci.md")).unwrap();
    let fences: Vec<&str> = page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(fences.len() >= 5, "{}", fences.len());
    for fence in fences {
        yaml::parse(fence).unwrap_or_else(|fault| panic!("{fault}\n{fence}"));
        assert!(fence.contains("keysieve"), "{fence}");
    }
    // Every flag that is named exists.
    let dir = Dir::new();
    let help = dir.keysieve(&["ci", "--help"]).stdout();
    let flags = page
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| word.starts_with("--") && !word[2..].starts_with('-') && word.len() > 2);
    let of_others = [
        "--reason",
        "--state",
        "--style",
        "--context",
        "--unshallow",
        "--refetch",
        "--no-filter",
        "--depth",
        "--filter",
        "--locked",
        "--path",
        "--git",
        "--tag",
        "--root",
    ];
    for flag in flags.filter(|flag| !of_others.contains(flag)) {
        assert!(help.contains(flag), "{flag} is no flag of `keysieve ci`");
    }
}
