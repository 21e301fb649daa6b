//! What scans, hooks, CI and servers make of a baseline.

use std::os::unix::fs::symlink;

use crate::ci::{Forge, Run, judged};
use crate::hooked::{blocks, commit_past, hooked, passes};
use crate::util::{Dir, Ran, Repo, Report, leak, print_of, runra, text};

const FILE: &str = ".keysieve-baseline";

/// A line that accepts a key, with more before the rule.
fn accepts(seed: u64, more: &str) -> String {
    format!("{} accepted until=2999-12-31 {more} runra-api-key a — known\n", print_of(&runra(seed)))
}

fn with<'d>(dir: &'d Dir, baseline: &str) -> Repo<'d> {
    let repo = dir.repo("repo");
    repo.write("a", leak(1));
    repo.commit("leaks");
    repo.write(FILE, baseline);
    repo
}

#[track_caller]
fn kept(report: &Report, state: &str, reason: &str) {
    let suppression = &report.of(&runra(1))["suppression"];
    let said =
        (text(&suppression["by"]), text(&suppression["state"]), suppression["reason"].as_str().unwrap_or_default());
    assert_eq!(said, ("baseline", state, reason), "{}", report.ran);
    assert_eq!(report.value["scan"]["suppressed"]["baseline"], 1, "{}", report.ran);
}

#[test]
fn what_it_names_is_known_and_nothing_else() {
    let dir = Dir::new();
    for (line, state, reason) in [
        (accepts(1, "on=2026-01-01"), "accepted", "known"),
        (format!("{} revoked runra-api-key a — rotated in May\n", print_of(&runra(1))), "revoked", "rotated in May"),
        (format!("# why\r\n\r\n{} contained\r\n", print_of(&runra(1))), "contained", ""),
        (format!("{} false-positive - - -- no key", print_of(&runra(1))), "false-positive", "no key"),
        (format!("{} test-credential r p\n", print_of(&runra(1))), "test-credential", ""),
        // Two branches said so: the more final one counts.
        (accepts(1, "") + &format!("{} revoked — gone\n", print_of(&runra(1))), "revoked", "gone"),
    ] {
        let repo = with(&dir, &line);
        for args in [&["scan"][..], &["scan", "--history"], &["scan", "a"], &["scan", "--range", "HEAD"]] {
            let report = repo.json(&[args, &["--show-suppressed"]].concat());
            kept(report.code(0), state, reason);
            repo.keysieve(&[args, &["--no-config"]].concat()).code(1);
        }
        repo.write("b", leak(2));
        assert!(repo.json(&["scan"]).code(1).has(&runra(2)));
        std::fs::remove_dir_all(&repo.root).unwrap();
    }
}

#[test]
fn every_report_says_so() {
    let dir = Dir::new();
    let repo = with(&dir, &accepts(1, ""));
    repo.keysieve(&["scan"]).code(0).says(&["1 suppressed (1 baseline)", ".keysieve-baseline keeps back 1 accepted"]);
    repo.keysieve(&["scan", "--show-suppressed"]).code(0).says(&["accepted (baseline): known", "a:1"]);
    for format in ["json", "jsonl", "sarif", "markdown", "gitlab"] {
        repo.keysieve(&["scan", "--format", format]).code(0).says(&[".keysieve-baseline keeps back 1 accepted"]);
    }
    let states = format!("{} revoked — gone\n{} contained\n", print_of(&runra(1)), print_of(&runra(2)));
    repo.write(FILE, states);
    repo.write("b", leak(2));
    repo.keysieve(&["scan"]).code(0).says(&["keeps back 1 revoked, 1 contained"]);
    let ran = repo.keysieve(&["scan", "--show-suppressed"]);
    ran.code(0).says(&["to be deleted at its provider yet", "keysieve guide runra-api-key", "harmless"]);
}

#[test]
fn past_its_day_it_is_open_again() {
    let dir = Dir::new();
    let over = accepts(1, "").replace("2999-12-31", "2020-01-31");
    let repo = with(&dir, &over);
    let report = repo.json(&["scan"]);
    assert_eq!(
        report.code(1).only()["details"]["baseline"],
        "accepted until 2020-01-31, which is over",
        "{}",
        report.ran
    );
    let said = ".keysieve-baseline ran out, on 2020-01-31: open again";
    repo.keysieve(&["scan"]).code(1).says(&["1 entry of", "ran out, on 2020-01-31"]);
    assert!(text(&report.value["scan"]["notices"][0]).contains(said), "{}", report.ran);
    // Said of any state, in one line however many there are; the longest counts.
    let also = format!("{} revoked until=2020-03-01\n", print_of(&runra(2)));
    repo.write(FILE, over.clone() + &also);
    let report = repo.json(&["scan"]);
    assert_eq!(report.value["scan"]["notices"].as_array().unwrap().len(), 1, "{}", report.ran);
    assert!(text(&report.value["scan"]["notices"][0]).starts_with("2 entries of"), "{}", report.ran);
    repo.write(FILE, over + &accepts(1, ""));
    repo.keysieve(&["scan"]).code(0);
}

#[test]
fn of_some_paths_only() {
    let dir = Dir::new();
    for (paths, holds) in [("paths=a", true), ("paths=b", false), ("paths=b paths=*", true), ("paths={a,c}/", true)] {
        let repo = with(&dir, &accepts(1, paths));
        repo.keysieve(&["scan"]).code(i32::from(!holds));
        // It is open while one of its places is.
        repo.write("c d/e", leak(1));
        repo.keysieve(&["scan"]).code(i32::from(!paths.contains('*')));
        repo.write(FILE, accepts(1, "paths=a paths=c%20d/"));
        repo.keysieve(&["scan"]).code(0);
        std::fs::remove_dir_all(&repo.root).unwrap();
    }
}

#[test]
fn a_faulty_one_stops_every_scan_and_says_where() {
    let dir = Dir::new();
    let repo = with(&dir, &format!("# fine\n{0} acepted\nnonsense\n{0} accepted r p\n", print_of(&runra(1))));
    repo.add();
    for args in [&["scan"][..], &["scan", "--staged"], &["scan", "--history"], &["baseline", "check"]] {
        let ran = repo.keysieve(args);
        ran.code(2).complains(&[
            "keysieve: .keysieve-baseline:2:26: unknown state `acepted`; did you mean `accepted`?",
            "keysieve: .keysieve-baseline:3:1: no fingerprint",
            "keysieve: .keysieve-baseline:4:26: what is accepted needs `until=",
        ]);
        assert!(ran.output.stdout.is_empty(), "{ran}");
    }
    repo.keysieve(&["scan", "--no-config"]).code(1);
    // A guide is not refused for it.
    repo.keysieve(&["guide", "runra-api-key"]).code(0);
    // What hides in globs.
    for glob in ["{".repeat(5000), "[a-".into(), "*".repeat(5000), format!("{}a{}", "{".repeat(400), "}".repeat(400))] {
        repo.write(FILE, accepts(1, &format!("paths={glob}")));
        repo.keysieve(&["scan"]).code(2).complains(&[".keysieve-baseline:1:", "is no glob"]);
    }
    repo.write(FILE, accepts(1, &format!("paths={}", "*".repeat(2000))));
    repo.keysieve(&["scan"]).code(0);
}

#[test]
fn no_link_no_folder_no_flood() {
    let dir = Dir::new();
    let repo = with(&dir, "");
    repo.remove(FILE);
    symlink(dir.write("elsewhere", accepts(1, "")), repo.path(FILE)).unwrap();
    repo.keysieve(&["scan"]).code(2).complains(&[FILE, "not a link"]);
    repo.keysieve(&["scan", "--no-config"]).code(1);
    repo.remove(FILE);
    repo.write(".keysieve-baseline/x", "");
    repo.keysieve(&["scan"]).code(2).complains(&["plain file"]);
    std::fs::remove_dir_all(repo.path(FILE)).unwrap();
    repo.write(FILE, "#".repeat((64 << 20) + 1));
    repo.keysieve(&["scan"]).code(2).complains(&["at most 64 MiB"]);
}

#[test]
fn where_it_is_looked_for() {
    let dir = Dir::new();
    let repo = with(&dir, &accepts(1, ""));
    // At the root, from everywhere; not in subdirectories.
    repo.write("b/.keysieve-baseline", accepts(2, ""));
    repo.write("b/leaky", leak(2));
    let below = dir.keysieve_in(&repo.path("b"), &["scan", "..", "-f", "json"]).json();
    assert!(below.has(&runra(2)) && !below.has(&runra(1)), "{}", below.ran);
    let outside = dir.json(&["scan", "repo"]);
    assert!(outside.has(&runra(2)) && !outside.has(&runra(1)), "{}", outside.ran);
    // By name: that one alone, whatever --no-config says of the other.
    let named = repo.path("b/.keysieve-baseline").display().to_string();
    for args in [&["scan", "--baseline", &named][..], &["scan", "--baseline", &named, "--no-config"]] {
        let report = repo.json(args);
        assert!(report.has(&runra(1)) && !report.has(&runra(2)), "{}", report.ran);
    }
    for args in [&["scan"][..], &["scan", "--staged"], &["scan", "--history"]] {
        repo.keysieve(&[args, &["--baseline", "nowhere"]].concat()).code(2).complains(&["nowhere"]);
    }
    // Outside of repositories: in the folder.
    dir.write("plain/x", leak(1));
    dir.json(&["scan", "plain"]).code(1);
    dir.write("plain/.keysieve-baseline", accepts(1, ""));
    dir.json(&["scan", "plain"]).clean();
}

#[test]
fn a_bare_repository_takes_it_from_heads_tree() {
    let dir = Dir::new();
    let repo = with(&dir, &accepts(1, ""));
    repo.commit("all");
    repo.git(&["clone", "--quiet", "--bare", ".", &dir.text("bare.git")]);
    let bare = dir.existing("bare.git");
    bare.history().clean();
    bare.json(&["scan", "--history", "--no-config"]).code(1);
    bare.keysieve(&["baseline", "check"]).code(2).complains(&["bare repository"]);
    repo.commit_file(FILE, "x\n");
    repo.git(&["push", "--quiet", &dir.text("bare.git"), "main"]);
    bare.keysieve(&["scan", "--history"]).code(2).complains(&["HEAD:.keysieve-baseline:1:1"]);
}

#[test]
fn the_hook() {
    let dir = Dir::new();
    let repo = hooked(&dir, "repo");
    repo.write("a", leak(1));
    repo.add();
    blocks(&repo, &["commit", "-m", "x"]);
    // The working file counts, as the configuration's does.
    repo.write(FILE, accepts(1, ""));
    let ran = passes(&repo, &["commit", "--quiet", "-m", "x"]);
    assert!(ran.stdout().is_empty() && ran.stderr().is_empty(), "{ran}");
    repo.write("a", leak(1) + &leak(2));
    repo.add();
    blocks(&repo, &["commit", "-m", "x"]).hides(&[&runra(2)]);
    repo.write(FILE, "nonsense\n");
    repo.write("a", leak(1));
    repo.add();
    let ran = repo.try_git(&["commit", "-m", "x"]);
    assert!(!ran.output.status.success() && ran.stderr().contains(".keysieve-baseline:1:1"), "{ran}");
}

#[test]
fn fingerprints_of_another_key_are_told_of() {
    let dir = Dir::new();
    let repo = with(&dir, &accepts(1, ""));
    dir.set("KEYSIEVE_ID_KEY", "one of our own");
    let ran = repo.keysieve(&["scan"]);
    ran.code(1).says(&["1 line of .keysieve-baseline cannot count", "without a KEYSIEVE_ID_KEY", "one is set"]);
    repo.keysieve(&["baseline", "write", "--force", "--reason", "known"]).code(0);
    assert!(std::fs::read_to_string(repo.path(FILE)).unwrap().contains("\nks1k:"));
    repo.keysieve(&["scan"]).code(0);
    dir.set("KEYSIEVE_ID_KEY", "");
    let ran = repo.keysieve(&["scan"]);
    ran.code(1).says(&["1 line of .keysieve-baseline cannot count", "with a KEYSIEVE_ID_KEY", "none is set"]);
    // They are not dropped for that.
    repo.keysieve(&["baseline", "prune"]).code(0).says(&["kept without a look: 1"]);
    repo.keysieve(&["baseline", "check"]).code(0).says(&["note: 1 line"]);
}

#[test]
fn a_reason_cannot_carry_a_secret_out() {
    let dir = Dir::new();
    let repo = with(&dir, &accepts(1, "").replace("known", &format!("was {}", runra(3))));
    for format in ["text", "json", "sarif", "markdown"] {
        repo.keysieve(&["scan", "a", "--show-suppressed", "--format", format]).code(0).hides(&[&runra(1), &runra(3)]);
    }
}

/// A pull request of some files, on a `main` of some files.
fn request(dir: &Dir, main: &[(&str, &str)], change: &[(&str, &str)], args: &[&str]) -> Ran {
    let forge = Forge::new(dir);
    main.iter().for_each(|(name, text)| drop(forge.author.write(name, text)));
    forge.author.commit("main");
    forge.push("main");
    forge.branch("feature");
    change.iter().for_each(|(name, text)| drop(forge.author.write(name, text)));
    forge.author.commit("change");
    let pull = forge.pull();
    let repo = forge.full("clone", &pull.merge);
    args.iter().fold(Run::pull_request(&pull), |run, arg| run.arg(arg)).on(&repo)
}

#[test]
fn in_ci_it_is_the_bases() {
    let key = leak(1);
    let baseline = accepts(1, "");
    // A change that accepts its own leak fails, and so does one that breaks the file, for its leak.
    for own in [baseline.as_str(), "nonsense\n"] {
        let dir = Dir::new();
        let ran = judged(true, request(&dir, &[], &[(FILE, own), ("a", &key)], &[]));
        ran.complains(&["configuration, baseline and allow markers count as the target branch"]);
    }
    // The same at the base holds, whatever the change makes of it.
    for own in [baseline.as_str(), "# none\n", "nonsense\n"] {
        let dir = Dir::new();
        let ran = request(&dir, &[(FILE, &baseline)], &[(FILE, own), ("a", &key)], &[]);
        crate::ci::tells(ran.code(0), &[":.keysieve-baseline keeps back 1 accepted"]);
    }
    let dir = Dir::new();
    request(&dir, &[(FILE, &baseline)], &[("a", &key)], &["--no-config"]).code(1);
    // Faults of the base's scan nothing, and say where.
    let dir = Dir::new();
    let ran = request(&dir, &[(FILE, "nonsense\n")], &[("b", "x\n")], &[]);
    ran.code(2).complains(&[":.keysieve-baseline:1:1"]);
}

#[test]
fn in_ci_a_file_that_is_named_is_the_bases_too() {
    let key = leak(1);
    let baseline = accepts(1, "");
    let named = ["--baseline", "ci/known"];
    let dir = Dir::new();
    let ran = request(&dir, &[], &[("ci/known", &baseline), ("a", &key)], &named);
    ran.code(2).complains(&["--baseline ci/known", "does not have it"]);
    let dir = Dir::new();
    judged(true, request(&dir, &[("ci/known", "# none\n")], &[("ci/known", &baseline), ("a", &key)], &named));
    let dir = Dir::new();
    request(&dir, &[("ci/known", &baseline)], &[("ci/known", "# none\n"), ("a", &key)], &named).code(0);
    // One that is not the repository's is whose it is.
    let dir = Dir::new();
    let own = dir.write("own", &baseline).display().to_string();
    request(&dir, &[], &[("a", &key)], &["--baseline", &own, "--no-config"]).code(0);
}

#[test]
fn a_server_has_its_own_or_none() {
    let dir = Dir::new();
    let remote = dir.repo_with("remote.git", &["--bare"]);
    let repo = dir.repo("repo");
    repo.git(&["remote", "add", "origin", &dir.text("remote.git")]);
    repo.commit_file(FILE, accepts(1, ""));
    let push = ["push", "--quiet", "origin", "HEAD"];
    repo.git(&push);
    let install = |args: &[&str]| remote.keysieve(&[&["hook", "install", "--stage", "pre-receive"], args].concat());
    install(&[]).code(0);
    commit_past(&repo, "a", &leak(1));
    let rejected = || {
        let ran = repo.try_git(&push);
        assert!(!ran.output.status.success() && ran.stderr().contains("Runra"), "{ran}");
    };
    rejected();
    // Not with a configuration of the server's either.
    let config = dir.write("server.yaml", "hook: {inline-allows: true}\n").display().to_string();
    install(&["--trusted-config", &config]).code(0);
    rejected();
    let own = dir.write("server-baseline", accepts(1, ""));
    install(&["--trusted-baseline", "nowhere"]).code(2);
    install(&["--trusted-baseline", &own.display().to_string()]).code(0);
    install(&["--trusted-baseline", &own.display().to_string()]).code(0).says(&["already installed"]);
    // What is faulty rejects.
    dir.write("server-baseline", "nonsense\n");
    let ran = repo.try_git(&push);
    assert!(!ran.output.status.success() && ran.stderr().contains("server-baseline:1:1"), "{ran}");
    dir.write("server-baseline", accepts(1, ""));
    repo.try_git(&push).code(0);
    repo.keysieve(&["hook", "install", "--trusted-baseline", &own.display().to_string()]).code(2);
}
