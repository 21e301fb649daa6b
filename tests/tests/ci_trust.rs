//! `keysieve ci` takes configuration, rules and allow markers as the base has them: a change must not allow its own leak.

use crate::ci::{Forge, Run, judged};

use crate::util::{Dir, Ran, leak, made, print_of, runra};

fn allow(seed: u64) -> String {
    format!("allow:\n  - fingerprint: {}\n    reason: a test\n", print_of(&runra(seed)))
}

/// A pull request of some files, on a `main` of some files.
fn request(dir: &Dir, main: &[(&str, &str)], change: &[(&str, &str)], args: &[&str]) -> Ran {
    let forge = Forge::new(dir);
    for (name, text) in main {
        forge.author.write(name, text);
    }
    forge.author.commit("main");
    forge.push("main");
    forge.branch("feature");
    for (name, text) in change {
        forge.author.write(name, text);
    }
    forge.author.commit("change");
    let pull = forge.pull();
    let repo = forge.full("clone", &pull.merge);
    let mut run = Run::pull_request(&pull);
    run = args.iter().fold(run, |run, arg| run.arg(arg));
    run.on(&repo)
}

#[test]
fn a_configuration_of_the_change_does_not_count() {
    let key = leak(1);
    for config in [allow(1), "skip: ['*']\n".into(), "disable: [runra-api-key]\n".into(), "enable: [nonsense".into()] {
        let dir = Dir::new();
        let ran = judged(true, request(&dir, &[], &[(".keysieve.yaml", &config), ("a", &key)], &[]));
        ran.complains(&["configuration, baseline and allow markers count as the target branch"]);
    }
    // The same on the base holds, and the report says what it turns off.
    for (config, notice) in
        [(allow(1), ""), ("skip: [a]\n".into(), "skips a"), ("disable: [runra-api-key]\n".into(), "turns off")]
    {
        let dir = Dir::new();
        let ran = request(&dir, &[(".keysieve.yaml", &config)], &[("a", &key)], &[]);
        ran.code(0).says(&[notice]);
    }
    // Taking it away there does not, either, until it is gone from the base.
    let dir = Dir::new();
    request(&dir, &[(".keysieve.yaml", &allow(1))], &[(".keysieve.yaml", "# none\n"), ("a", &key)], &[]).code(0);
    // One with faults on the base scans nothing, and says where.
    let dir = Dir::new();
    let ran = request(&dir, &[(".keysieve.yaml", "skipp: [a]\n")], &[("b", "x\n")], &[]);
    ran.code(2).complains(&[":.keysieve.yaml:1:1", "skipp"]);
}

#[test]
fn a_marker_of_the_change_does_not_count() {
    let marked = |seed| format!("{} # keysieve:allow made up\n", leak(seed).trim_end());
    let dir = Dir::new();
    let ran = judged(true, request(&dir, &[], &[("a", &marked(1))], &[]));
    crate::ci::tells(&ran, &["allow marker at a:1 does not count"]);
    for marker in ["gitleaks:allow", "pragma: allowlist secret", "trufflehog:ignore"] {
        let dir = Dir::new();
        judged(true, request(&dir, &[], &[("a", &format!("{} # {marker}\n", leak(1).trim_end()))], &[]));
    }
    // One that the base has holds: the line is only moved, or edited.
    let dir = Dir::new();
    request(&dir, &[("a", &marked(1))], &[("a", &format!("first\n\n{}", marked(1)))], &[]).code(0);
    // The marker of one secret is not that of another.
    let dir = Dir::new();
    judged(true, request(&dir, &[("a", &marked(1))], &[("a", &(marked(1) + &marked(2)))], &[]));
    // A branch that forked before the marker came has it once main has.
    let dir = Dir::new();
    let forge = Forge::new(&dir);
    forge.branch("feature");
    forge.author.commit_file("a", marked(3));
    forge.author.git(&["checkout", "--quiet", "main"]);
    forge.author.commit_file("a", format!("# main's\n{}", marked(3)));
    forge.push("main");
    let base = forge.author.head();
    forge.author.git(&["checkout", "--quiet", "feature"]);
    let head = forge.push("HEAD:refs/pull/7/head");
    let pull = crate::ci::Pull { base, merge: head.clone(), head };
    Run::pull_request(&pull).on(&forge.full("clone", &pull.head)).code(0);
}

#[test]
fn in_a_push_the_default_branch_is_the_base() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let forge = Forge::new(&dir);
        if !leaks {
            forge.author.commit_file(".keysieve.yaml", allow(1));
            forge.push("main");
        }
        // A push that allows, then one that leaks.
        forge.branch("feature");
        forge.author.commit_file(".keysieve.yaml", allow(1));
        let before = forge.push("feature");
        forge.author.commit_file("a", leak(1));
        let after = forge.push("feature");
        let run = Run::push("refs/heads/feature", &before, &after);
        let ran = judged(leaks, run.on(&forge.full("clone", &after)));
        ran.complains(&["count as origin/main"]);
        // On the default branch it is what was there before the push.
        forge.author.git(&["checkout", "--quiet", "main"]);
        let before = forge.author.head();
        forge.author.write(".keysieve.yaml", allow(1));
        forge.author.commit_file("a", leak(1));
        let after = forge.push("main");
        judged(leaks, Run::push("refs/heads/main", &before, &after).on(&forge.full("main", &after)));
        // And after that it is the base.
        forge.author.commit_file("b", leak(1));
        let later = forge.push("main");
        Run::push("refs/heads/main", &after, &later).on(&forge.full("later", &later)).code(0);
    }
}

#[test]
fn in_an_audit_the_default_branch_counts() {
    let marked = |seed| format!("{} # keysieve:allow made up\n", leak(seed).trim_end());
    let dir = Dir::new();
    let forge = Forge::new(&dir);
    forge.author.write(".keysieve.yaml", allow(1));
    forge.author.write("a", leak(1));
    forge.author.commit_file("b", marked(2));
    // Markers of the past are in the base's history.
    forge.author.commit_file("b", "gone\n");
    let main = forge.push("main");
    let run = || Run::push("refs/heads/main", &main, &main).arg("--full-history");
    run().on(&forge.full("clone", &main)).code(0);
    // Those of other branches are not.
    forge.branch("feature");
    forge.author.commit_file("c", marked(3));
    forge.push("feature");
    let ran = judged(true, run().on(&forge.full("both", &main)));
    crate::ci::tells(&ran, &["allow marker at c:1 does not count"]);
}

#[test]
fn without_a_base_nobody_is_trusted() {
    let dir = Dir::new();
    let forge = Forge::new(&dir);
    forge.author.commit_file(".keysieve.yaml", allow(1));
    forge.push("main");
    let pull = forge.request("a", leak(1));
    let repo = forge.shallow("clone", "refs/pull/7/merge", "refs/remotes/pull/7/merge");
    let ran = judged(true, Run::pull_request(&pull).on(&repo));
    ran.complains(&["no configuration, no baseline and no allow marker counts"]);
    let repo = forge.full("full", &pull.merge);
    Run::pull_request(&pull).on(&repo).code(0);
}

/// A remote of the author's own, and a tag with the name of a branch, are not the base.
#[test]
fn names_that_only_look_like_the_base() {
    let dir = Dir::new();
    let forge = Forge::new(&dir);
    forge.branch("feature");
    forge.author.commit_file(".keysieve.yaml", allow(1));
    forge.author.commit_file("a", leak(1));
    let pull = forge.pull();
    let repo = forge.full("clone", &pull.head);
    repo.git(&["update-ref", "refs/remotes/fork/main", "HEAD"]);
    repo.git(&["update-ref", "refs/tags/origin/main", "HEAD"]);
    repo.git(&["update-ref", "refs/heads/origin/main", "HEAD"]);
    judged(true, Run::pull_request(&pull).on(&repo)).complains(&["count as origin/main"]);
    repo.git(&["update-ref", "-d", "refs/remotes/origin/main"]);
    judged(true, Run::pull_request(&pull).on(&repo));
}

#[test]
fn files_that_are_named_are_the_bases_too() {
    let key = leak(1);
    let config = ["--config", "ci/keysieve.yaml"];
    let dir = Dir::new();
    let ran = request(&dir, &[], &[("ci/keysieve.yaml", &allow(1)), ("a", &key)], &config);
    ran.code(2).complains(&["ci/keysieve.yaml", "does not have it"]);
    let dir = Dir::new();
    judged(
        true,
        request(&dir, &[("ci/keysieve.yaml", "# none\n")], &[("ci/keysieve.yaml", &allow(1)), ("a", &key)], &config),
    );
    let dir = Dir::new();
    request(&dir, &[("ci/keysieve.yaml", &allow(1))], &[("ci/keysieve.yaml", "# none\n"), ("a", &key)], &config)
        .code(0);
    // One that is not the repository's is whose it is.
    let dir = Dir::new();
    let own = dir.write("own.yaml", allow(1)).display().to_string();
    request(&dir, &[], &[("a", &key)], &["--config", &own]).code(0);
    let dir = Dir::new();
    request(&dir, &[(".keysieve.yaml", &allow(1))], &[("a", &key)], &["--no-config"]).code(1);
}

const RULES: &str = "provider: Fabrikam
rules:
  - id: fabrikam-api-key
    title: Fabrikam API key
    severity: high
    confidence: high
    keywords: [fbk_]
    pattern: '{left}(?<secret>fbk_[0-9a-f]{32}){right}'
    reach: 40
";

#[test]
fn own_rules_are_the_bases() {
    let key = format!("see {}\n", made("fbk_{hex:32}", 1));
    let config = "rules: [rules/own.yaml]\n";
    let both = [(".keysieve.yaml", config), ("rules/own.yaml", RULES)];
    let weaker = RULES.replace("severity: high", "severity: low").replace("{32}", "{31}");
    for change in [vec![("a", key.as_str())], vec![("a", key.as_str()), ("rules/own.yaml", weaker.as_str())]] {
        let dir = Dir::new();
        let ran = request(&dir, &both, &change, &[]);
        ran.code(1).says(&["Fabrikam API key", "HIGH"]);
    }
    let dir = Dir::new();
    request(&dir, &both, &[("a", "see fbk_\n")], &[]).code(0);
    // A folder, and one on the command line.
    let dir = Dir::new();
    let folder = [(".keysieve.yaml", "rules: [rules]\n"), ("rules/own.yaml", RULES), ("rules/README", "no rules\n")];
    request(&dir, &folder, &[("a", key.as_str())], &[]).code(1).says(&["Fabrikam"]);
    let dir = Dir::new();
    let ran = request(&dir, &[("rules/own.yaml", RULES)], &[("a", key.as_str())], &["--rules", "rules"]);
    ran.code(1).says(&["Fabrikam"]);
    let dir = Dir::new();
    let ran = request(&dir, &[], &[("a", key.as_str()), ("rules/own.yaml", RULES)], &["--rules", "rules/own.yaml"]);
    crate::ci::tells(ran.code(0), &["--rules rules/own.yaml: the base does not have it"]);
    // A fault of the base's says where.
    let dir = Dir::new();
    let ran = request(&dir, &[(".keysieve.yaml", config), ("rules/own.yaml", "rules: 7\n")], &[("a", &key)], &[]);
    ran.code(2).complains(&[":rules/own.yaml:1:"]);
    let dir = Dir::new();
    let ran = request(&dir, &[(".keysieve.yaml", "rules: [../own.yaml]\n")], &[("a", &key)], &[]);
    ran.code(2).complains(&["is not a file in the repository"]);
}
