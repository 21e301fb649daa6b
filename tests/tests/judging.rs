//! `keysieve baseline` and `keysieve allow --state`: what they write, and what scans make of it.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::hooked::{blocks, passes};
use crate::util::{Dir, Repo, chmod, leak, print_of, runra};

const FILE: &str = ".keysieve-baseline";
const WRITE: &[&str] = &["baseline", "write", "--reason", "adopted"];
const UPDATE: &[&str] = &["baseline", "update", "--reason", "later"];

fn old<'d>(dir: &'d Dir, count: u64) -> Repo<'d> {
    let repo = dir.repo("repo");
    for seed in 1..=count {
        repo.write(format!("keys/{seed}"), leak(seed));
    }
    repo.commit("leaks");
    repo
}

fn baseline(repo: &Repo<'_>) -> String {
    fs::read_to_string(repo.path(FILE)).unwrap()
}

/// The lines that are judgements.
fn lines(repo: &Repo<'_>) -> Vec<String> {
    baseline(repo).lines().filter(|line| line.starts_with("ks1")).map(str::to_owned).collect()
}

fn line_of(repo: &Repo<'_>, seed: u64) -> String {
    let print = print_of(&runra(seed));
    lines(repo).into_iter().find(|line| line.starts_with(&print)).unwrap_or_default()
}

#[test]
fn adopting() {
    let dir = Dir::new();
    let repo = old(&dir, 5);
    // In history alone, in a message, in a tag: all of it is known then.
    repo.commit_file("keys/1", "gone\n");
    repo.commit(&format!("message with {}", runra(6)));
    repo.git(&["tag", "-a", "v1", "-m", &format!("tag with {}", runra(7))]);
    repo.keysieve(&["scan", "--history"]).code(1);
    let ran = repo.keysieve(WRITE);
    ran.code(0).says(&[
        ".keysieve-baseline: 7 secrets accepted until 2",
        "7 critical",
        ".gitattributes: `.keysieve-baseline merge=union`",
        "Commit both",
    ]);
    ran.hides(&(1..8).map(runra).collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>());
    let written = lines(&repo);
    assert!(written.len() == 7 && written.is_sorted(), "{written:#?}");
    assert!(line_of(&repo, 2).ends_with(" runra-api-key keys/2 — adopted"), "{written:#?}");
    assert!(line_of(&repo, 6).ends_with(" runra-api-key - — adopted"), "{written:#?}");
    (1..8).for_each(|seed| assert!(!baseline(&repo).contains(&runra(seed))));
    repo.keysieve(&["scan", "--history"]).code(0);
    repo.commit("adopted");
    repo.keysieve(&["scan", "--history"]).code(0);
    repo.keysieve(&["baseline", "check"]).code(0).says(&["is sound, 7 entries: 7 accepted"]);
    // What is new is still stopped: in a scan, and by the hook.
    repo.keysieve(&["hook", "install"]).code(0);
    repo.write("new", leak(8));
    repo.add();
    repo.keysieve(&["scan", "--history"]).code(1);
    blocks(&repo, &["commit", "-m", "new"]);
    // What is known may move.
    repo.write("new", leak(2));
    repo.add();
    passes(&repo, &["commit", "--quiet", "-m", "moved"]);
    // What a blocked commit left behind is nobody's, and is not accepted by and by.
    assert!(repo.keysieve(UPDATE).code(0).stdout().contains("nothing to add"));
    repo.write("new", leak(8));
    repo.add();
    blocks(&repo, &["commit", "-m", "new"]);
}

#[test]
fn what_is_in_no_commit_yet_is_not_accepted_by_the_way() {
    let dir = Dir::new();
    let repo = old(&dir, 1);
    repo.write("untracked.env", leak(2));
    repo.write("staged", leak(3));
    repo.git(&["add", "staged"]);
    let ran = repo.keysieve(WRITE);
    ran.code(1).says(&["left open: 2 secrets in no commit yet", "untracked.env:1", "staged:1", "--uncommitted"]);
    assert_eq!(lines(&repo).len(), 1, "{ran}");
    repo.keysieve(&[UPDATE, &["--uncommitted"]].concat()).code(0);
    assert_eq!(lines(&repo).len(), 3);
    repo.keysieve(&["scan", "--history"]).code(0);
}

#[test]
fn nothing_is_overwritten_and_nothing_written_for_nothing() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("a", "clean\n");
    repo.keysieve(WRITE).code(0).says(&["was not written"]);
    assert!(!repo.path(FILE).exists() && !repo.path(".gitattributes").exists());
    repo.keysieve(&["baseline", "check"]).code(2).complains(&["there is no .keysieve-baseline", "baseline write"]);
    repo.keysieve(&["baseline", "prune"]).code(2).complains(&["there is no"]);
    repo.commit_file("a", leak(1));
    repo.keysieve(WRITE).code(0);
    let before = baseline(&repo);
    repo.keysieve(WRITE).code(2).complains(&["is there already", "baseline update", "--force"]);
    assert_eq!(baseline(&repo), before);
    // Starting over, even from what cannot be read.
    repo.write(FILE, "nonsense\n");
    repo.keysieve(&[WRITE, &["--state", "revoked", "--force"]].concat()).code(0).says(&["1 secret revoked"]);
    assert!(lines(&repo)[0].contains(" revoked on=2") && !lines(&repo)[0].contains("until="), "{:?}", lines(&repo));
    assert_eq!(fs::read_to_string(repo.path(".gitattributes")).unwrap().lines().count(), 1);
}

#[test]
fn what_is_said_must_make_sense() {
    let dir = Dir::new();
    let repo = old(&dir, 1);
    repo.keysieve(&["baseline", "write"]).code(2).complains(&["--reason"]);
    for (more, wanted) in [
        (&["--reason", "  "][..], "say why"),
        (&["--reason", &format!("was {}", runra(1))], "there is a secret in it"),
        (&["--reason", "x", "--until", "soon"], "YYYY-MM-DD"),
        (&["--reason", "x", "--until", "2020-01-01"], "is over"),
        (&["--reason", "x", "--state", "nonsense"], "nonsense"),
    ] {
        let ran = repo.keysieve(&[&["baseline", "write"], more].concat());
        ran.code(2).complains(&[wanted]).hides(&[&runra(1)]);
        assert!(!repo.path(FILE).exists());
    }
    repo.keysieve(&["baseline", "write", "--reason", "two\nlines\u{202e}", "--until", "2999-01-01"]).code(0);
    assert!(
        lines(&repo)[0].contains("until=2999-01-01") && lines(&repo)[0].ends_with("— two lines"),
        "{:?}",
        lines(&repo)
    );
}

#[test]
fn updating_keeps_what_was_said() {
    let dir = Dir::new();
    let repo = old(&dir, 4);
    repo.keysieve(WRITE).code(0);
    let mut text = baseline(&repo).replace("\n\n", "\n\n# ours\n");
    for (seed, state) in [(1, "revoked"), (2, "test-credential")] {
        let line = line_of(&repo, seed);
        let (print, _) = line.split_once(' ').unwrap();
        text = text.replace(&line, &format!("# of {seed}\n{print} {state} paths=keys/ - - — judged"));
    }
    repo.write(FILE, &text);
    repo.keysieve(UPDATE).code(0).says(&["nothing to add"]);
    assert_eq!(baseline(&repo), text);
    repo.write("keys/5", leak(5));
    repo.write("elsewhere", leak(1));
    repo.commit("more");
    repo.keysieve(UPDATE).code(0).says(&["2 secrets accepted"]);
    let kept: String = baseline(&repo).split_inclusive('\n').filter(|line| !line.ends_with("— later\n")).collect();
    assert_eq!(kept, text);
    assert!(lines(&repo).is_sorted_by_key(|line| line[..24].to_owned()));
    repo.keysieve(&["scan", "--history"]).code(0);
    // Without one, it writes one.
    repo.remove(FILE);
    repo.keysieve(UPDATE).code(0).says(&["5 secrets accepted"]);
}

#[test]
fn what_ran_out_stays_open_until_somebody_says_so() {
    let dir = Dir::new();
    let repo = old(&dir, 2);
    repo.keysieve(WRITE).code(0);
    let line = line_of(&repo, 1);
    let (head, tail) = line.split_once(" until=").unwrap();
    let over = format!("{head} until=2020-02-02 paths=keys/ {}", &tail[11..]);
    repo.write(FILE, baseline(&repo).replace(&line, &over));
    let ran = repo.keysieve(&["baseline", "check"]);
    ran.code(1).says(&["Ran out, so it is open again", &print_of(&runra(1)), "until 2020-02-02", "keys/1 — adopted"]);
    repo.keysieve(&["baseline", "check", "--within", "100"])
        .code(1)
        .says(&["Runs out within 100 days", &print_of(&runra(2))]);
    let before = baseline(&repo);
    repo.keysieve(UPDATE).code(1).says(&["left open: 1 secret known and still found, whose day is over", "--renew"]);
    assert_eq!(baseline(&repo), before);
    repo.keysieve(&[UPDATE, &["--renew"]].concat()).code(0).says(&["1 renewed"]);
    assert!(line_of(&repo, 1).contains(" paths=keys/ runra-api-key keys/1 — later"), "{}", line_of(&repo, 1));
    assert_eq!(lines(&repo).len(), 2);
    repo.keysieve(&["baseline", "check"]).code(0);
    repo.keysieve(&["scan", "--history"]).code(0);
}

#[test]
fn pruning() {
    let dir = Dir::new();
    let repo = old(&dir, 2);
    repo.keysieve(WRITE).code(0);
    let gone = format!("{} revoked x y — long gone\n", print_of(&runra(9)));
    repo.write(FILE, baseline(&repo) + &gone);
    let before = baseline(&repo);
    repo.keysieve(&["baseline", "prune", "--dry-run"]).code(0).says(&["would drop", "long gone"]);
    assert_eq!(baseline(&repo), before);
    // Only if all could be read.
    let id = repo.git(&["rev-parse", "HEAD:keys/1"]);
    let bytes = fs::read(repo.loose(&id)).unwrap();
    fs::remove_file(repo.loose(&id)).unwrap();
    let ran = repo.keysieve(&["baseline", "prune"]);
    ran.code(3).says(&["INCOMPLETE"]).complains(&["stays as it is"]);
    assert_eq!(baseline(&repo), before);
    fs::write(repo.loose(&id), bytes).unwrap();
    repo.keysieve(&["baseline", "prune"]).code(0).says(&["dropped: ", "dropped 1 of 3 entries"]);
    assert_eq!(baseline(&repo), before.replace(&gone, ""));
    // What was accepted in another way is still found.
    repo.write(".keysieve.yaml", format!("allow: [{{fingerprint: {}, reason: x}}]\n", print_of(&runra(1))));
    repo.keysieve(&["baseline", "prune"]).code(0).says(&["dropped 0 of 2 entries"]);
}

#[test]
fn a_part_and_a_folder_outside_of_repositories() {
    let dir = Dir::new();
    let repo = old(&dir, 3);
    repo.keysieve(&[WRITE, &["keys/1", "keys/2"]].concat()).code(0).says(&["2 secrets"]);
    assert!(repo.json(&["scan"]).has(&runra(3)));
    let other = dir.repo("other");
    other.commit_file("x", leak(4));
    repo.keysieve(&[UPDATE, &["keys/1", &other.path("x").display().to_string()]].concat())
        .code(2)
        .complains(&["another repository"]);
    dir.write("plain/x", leak(5));
    let plain = dir.path("plain");
    dir.keysieve_in(&plain, WRITE).code(0);
    assert!(plain.join(FILE).exists() && !plain.join(".gitattributes").exists());
    dir.keysieve_in(&plain, &["scan"]).code(0);
    // Elsewhere, by name.
    repo.keysieve(&[WRITE, &["--baseline", "ci/known"]].concat()).code(4);
    repo.write("ci/x", "x\n");
    repo.keysieve(&[WRITE, &["--baseline", "ci/known"]].concat()).code(0).says(&["ci/known: 3 secrets"]);
    repo.keysieve(&["scan", "--history", "--baseline", "ci/known"]).code(0);
}

#[test]
fn odd_names_of_files() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    let names: [&[u8]; 6] = [b"with space", b"new\nline", b"not\xffutf", "ünï\u{202e}".as_bytes(), b"-", b"100%25"];
    for (seed, name) in names.iter().enumerate() {
        repo.write(std::ffi::OsStr::from_bytes(name), leak(seed as u64));
    }
    // A path that holds the secret itself.
    repo.write(format!("of {}", runra(20)), leak(20));
    repo.commit("odd");
    repo.keysieve(WRITE).code(0).hides(&[&runra(20)]);
    let all = lines(&repo);
    for word in [" with%20space — ", " new%0Aline — ", " not%FFutf — ", " ünï%E2%80%AE — ", " %2D — ", " 100%2525 — "]
    {
        assert!(all.iter().any(|line| line.contains(word)), "{word}: {all:#?}");
    }
    assert!(line_of(&repo, 20).contains(" runra-api-key - — ") && !baseline(&repo).contains(&runra(20)), "{all:#?}");
    repo.keysieve(&["scan", "--history"]).code(0);
    repo.keysieve(&["baseline", "check"]).code(0).says(&["7 entries"]);
}

/// With what `baseline write` puts into `.gitattributes`, branches that judge different secrets merge by themselves, and
/// those that judge the same one differently leave both judgements.
#[test]
fn branches_merge() {
    let dir = Dir::new();
    let repo = old(&dir, 8);
    repo.keysieve(&[WRITE, &["keys/1", "keys/2"]].concat()).code(0);
    repo.commit("baseline");
    for (branch, seeds) in [("one", [3, 4, 5]), ("two", [6, 7, 5])] {
        repo.git(&["switch", "--quiet", "-c", branch, "main"]);
        for seed in seeds {
            let state = if branch == "one" { "revoked" } else { "contained" };
            let print = print_of(&runra(seed));
            repo.keysieve(&["allow", &print, "--state", state, "--reason", branch]).code(0);
        }
        // The same line, changed on both sides.
        repo.keysieve(&["allow", &print_of(&runra(1)), "--state", "false-positive", "--reason", branch]).code(0);
        repo.commit(branch);
    }
    repo.git(&["merge", "--quiet", "--no-edit", "one"]);
    let ran = repo.keysieve(&["baseline", "check"]);
    ran.code(0).says(&["Judged twice", &print_of(&runra(1)), &print_of(&runra(5))]);
    let report = repo.json(&["scan", "--show-suppressed"]);
    for seed in 1..8 {
        assert_eq!(report.of(&runra(seed))["suppression"]["by"], "baseline", "{seed}{}", report.ran);
    }
    assert_eq!(report.of(&runra(5))["suppression"]["state"], "revoked");
    assert_eq!(report.of(&runra(8))["status"], "open");
    // Judging anew settles it.
    repo.keysieve(&["allow", &print_of(&runra(5)), "--state", "revoked", "--reason", "settled"]).code(0);
    repo.keysieve(&["allow", &print_of(&runra(1)), "--state", "revoked", "--reason", "settled"]).code(0);
    assert!(!repo.keysieve(&["baseline", "check"]).code(0).stdout().contains("Judged twice"));
    // What git left twice is dropped by the way.
    repo.keysieve(&["baseline", "prune"]).code(0);
    let mut all = lines(&repo);
    let before = all.len();
    all.sort();
    all.dedup();
    assert_eq!((all.len(), before), (7, 7), "{all:#?}");
    // Where git was not told, it leaves marks, and we say what they are.
    repo.write(FILE, format!("<<<<<<< HEAD\n{}=======\n>>>>>>> two\n", baseline(&repo)));
    repo.keysieve(&["scan"]).code(2).complains(&[".keysieve-baseline:1:1: a merge left this"]);
}

#[test]
fn files_are_replaced_whole_with_their_permissions_and_within_the_repository() {
    let dir = Dir::new();
    let repo = old(&dir, 2);
    repo.write(FILE, "# ours\r\n");
    chmod(&repo.path(FILE), 0o640);
    repo.keysieve(UPDATE).code(0);
    assert_eq!(fs::metadata(repo.path(FILE)).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(baseline(&repo).starts_with("# ours\r\nks1:") && baseline(&repo).ends_with("— later\r\n"));
    // A link, and a folder that is one, to the outside; one to the inside stays a link.
    let outside = dir.write("outside/file", "# theirs\n");
    symlink(&outside, repo.path("link")).unwrap();
    symlink(dir.path("outside"), repo.path("folder")).unwrap();
    for name in ["link", "folder/file", "folder/new"] {
        let ran = repo.keysieve(&[WRITE, &["--force", "--baseline", name]].concat());
        ran.code(2).complains(&["a link leads out of the repository"]);
    }
    assert_eq!(fs::read_to_string(&outside).unwrap(), "# theirs\n");
    assert_eq!(fs::read_dir(dir.path("outside")).unwrap().count(), 1);
    repo.write("real", "");
    symlink("real", repo.path("inner")).unwrap();
    repo.keysieve(&[WRITE, &["--force", "--baseline", "inner"]].concat()).code(0);
    assert!(repo.path("inner").is_symlink() && fs::read_to_string(repo.path("real")).unwrap().contains("ks1:"));
    repo.remove(FILE);
    symlink(&outside, repo.path(FILE)).unwrap();
    repo.keysieve(&[WRITE, &["--force"]].concat()).code(2).complains(&["not a link"]);
    // A folder that cannot be written to leaves nothing behind.
    let names = |path: &str| fs::read_dir(repo.path(path)).unwrap().count();
    let before = names("");
    repo.keysieve(&[WRITE, &["--baseline", "keys"]].concat()).code(2);
    assert_eq!(names(""), before);
}

#[test]
fn judging_one() {
    let dir = Dir::new();
    let repo = old(&dir, 1);
    let print = print_of(&runra(1));
    let allow = |more: &[&str]| repo.keysieve(&[&["allow"], more, &["--reason", "why not"]].concat());
    allow(&[&print, "--state", "accepted"]).code(0).says(&[
        "is accepted until 2",
        "commit it",
        ".gitattributes: `.keysieve-baseline merge=union`",
    ]);
    assert!(line_of(&repo, 1).ends_with(" - - — why not"), "{}", line_of(&repo, 1));
    repo.keysieve(&["scan", "--history"]).code(0);
    // Judged anew, in its place; with other paths, beside it.
    let text = baseline(&repo).replace(" - - ", " r keys/1 ");
    repo.write(FILE, text + "# end\n");
    allow(&[&print, "--state", "revoked"]).code(0);
    assert!(lines(&repo).len() == 1 && line_of(&repo, 1).contains(" revoked on=2"), "{}", baseline(&repo));
    assert!(line_of(&repo, 1).ends_with(" r keys/1 — why not") && baseline(&repo).ends_with("# end\n"));
    allow(&[&print, "--state", "contained", "--paths", "a b/*"]).code(0);
    assert!(lines(&repo).len() == 2 && baseline(&repo).contains(" paths=a%20b/* "), "{}", baseline(&repo));
    for (args, wanted) in [
        (&["ks1:12", "--state", "revoked"][..], "no fingerprint"),
        (&["nonsense", "--state", "revoked"], "neither a fingerprint (ks1:…) nor a place"),
        (&[print.as_str(), "--state", "revoked", "--paths", "a["], "is no glob"),
        (&[print.as_str(), "--state", "accepted", "--until", "2020-01-01"], "is over"),
        (&[print.as_str(), "--baseline", "x"], "--state"),
    ] {
        allow(args).code(2).complains(&[wanted]);
    }
    assert!(!repo.path(".keysieve.yaml").exists());
}

#[test]
fn judging_a_place() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.write("sub/a.env", format!("x=1\n{}two = {} {}\n", leak(1), runra(2), runra(3)));
    let allow = |place: &str, more: &[&str]| repo.keysieve(&[&["allow", place, "--reason", "a test"], more].concat());
    allow("sub/a.env:2", &["--state", "test-credential"]).code(0).says(&[&print_of(&runra(1))]);
    assert!(line_of(&repo, 1).ends_with(" runra-api-key sub/a.env — a test"), "{}", baseline(&repo));
    let ran = allow("sub/a.env:1", &["--state", "test-credential"]);
    ran.code(2).complains(&["sub/a.env:1: there is no secret on this line, but there is on line 2, 3"]);
    // Several are listed, not chosen from.
    let ran = allow("sub/a.env:3", &["--state", "test-credential"]);
    ran.code(2).complains(&["there are 2 secrets", &print_of(&runra(2)), &print_of(&runra(3)), "column 7"]);
    ran.hides(&[&runra(2), &runra(3)]);
    assert_eq!(lines(&repo).len(), 1);
    allow("sub/a.env:3:7", &["--state", "test-credential"]).code(0).says(&[&print_of(&runra(2))]);
    // From below the root; without a state into the configuration.
    let ran = dir.keysieve_in(&repo.path("sub"), &["allow", "a.env:3:50", "--reason", "x"]);
    ran.code(0).says(&[".keysieve.yaml now allows", &print_of(&runra(3))]);
    repo.keysieve(&["scan"]).code(0);
    allow("sub/none:1", &["--state", "revoked"]).code(2).complains(&["no such file"]);
    allow("sub:1", &["--state", "revoked"]).code(2).complains(&["is a folder"]);
    repo.write("clean", "x\n");
    allow("clean:1", &["--state", "revoked"]).code(2).complains(&["nor anywhere else"]);
    // Outside of repositories.
    dir.write("plain/x", leak(5));
    dir.keysieve(&["allow", "plain/x:1", "--state", "revoked", "--reason", "x"]).code(0);
    assert!(dir.path("plain").join(FILE).exists());
    dir.keysieve(&["scan", "plain"]).code(0);
}

/// A baseline is scanned like any file: no rule may take its lines for secrets, whatever rule they name.
#[test]
fn a_baseline_is_no_leak_itself() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    let list = repo.keysieve(&["rules", "list", "--json"]).stdout();
    let rules: serde_json::Value = serde_json::from_str(&list).unwrap();
    let ids = rules.as_array().map(Vec::as_slice).or(rules["rules"].as_array().map(Vec::as_slice)).unwrap();
    let ids: Vec<&str> = ids.iter().filter_map(|rule| rule["id"].as_str()).collect();
    assert!(ids.len() > 500, "{}", ids.len());
    let text: String = ids
        .iter()
        .enumerate()
        .map(|(seed, id)| {
            let print = print_of(&runra(seed as u64));
            format!(
                "{print} accepted on=2026-11-22 until=2999-02-20 {id} config/{id}.env — password of the {id} service\n"
            )
        })
        .collect();
    repo.write(FILE, text);
    repo.commit("baseline");
    let report = repo.json(&["scan", "--min-confidence", "low", "--no-config"]);
    assert!(report.findings().is_empty(), "{}", report.ran);
}
