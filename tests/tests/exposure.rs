use crate::util::{Dir, Repo, kinds, runra, spots, started, text};

fn dotenv(seed: u64) -> String {
    format!("# settings\nRUNRA_API_KEY={}\n", runra(seed))
}

/// A remote, and the repository pushed to it.
fn pushed(dir: &Dir) -> Repo<'_> {
    dir.repo_with("remote.git", &["--bare"]);
    let repo = started(dir);
    repo.git(&["remote", "add", "origin", &dir.text("remote.git")]);
    repo.git(&["push", "--quiet", "origin", "main"]);
    repo
}

#[test]
fn staged() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.stage("settings.env", dotenv(1));
    let report = repo.staged();
    report.code(1).complete(true);
    assert_eq!(report.level("staged")["in_head"], false);
    assert_eq!(spots(report.only()), ["settings.env:2"]);
    // The same by PATH and by history: one that is staged is in no commit.
    repo.json(&["scan", "."]).code(1).level("staged");
    repo.history().code(1).level("staged");
}

#[test]
fn staged_before_the_first_commit() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.stage("settings.env", dotenv(1));
    repo.staged().code(1).level("staged");
    repo.history().code(1).level("staged");
}

#[test]
fn worktree() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.write("new.env", dotenv(1));
    let report = repo.json(&["scan"]);
    report.code(1);
    assert_eq!(report.level("worktree")["in_head"], false);
    repo.remove("new.env");
    // A tracked file that was changed.
    repo.write("README", dotenv(2));
    repo.json(&["scan", "README"]).code(1).level("worktree");
    repo.history().code(1).level("worktree");
    repo.staged().clean();
}

#[test]
fn a_committed_secret_is_never_called_worktree() {
    let dir = Dir::new();
    let repo = started(&dir);
    let first = repo.commit_file("settings.env", dotenv(1));
    let date = repo.date();
    repo.commit_file("settings.env", format!("{}# more\n", dotenv(1)));
    let check = |args: &[&str]| {
        let report = repo.json(args);
        let exposure = report.code(1).level("local");
        assert_eq!((text(&exposure["commit"]), &exposure["in_head"]), (first.as_str(), &true.into()), "{}", report.ran);
        assert_eq!(text(&exposure["since"]), date, "{}", report.ran);
    };
    check(&["scan"]);
    check(&["scan", "settings.env"]);
    // Also while the working file is being changed.
    repo.write("settings.env", format!("\n\n{}", dotenv(1)));
    check(&["scan", "."]);
}

#[test]
fn a_committed_secret_in_a_moved_file_is_not_called_worktree() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.commit_file("settings.env", dotenv(1));
    std::fs::rename(repo.path("settings.env"), repo.path("moved.env")).unwrap();
    repo.json(&["scan"]).code(1).level("local");
    repo.add();
    repo.json(&["scan"]).code(1).level("local");
    // A copy of it is not harmless until it is committed, either.
    repo.git(&["reset", "--quiet", "--hard"]);
    repo.write("copy.env", dotenv(1));
    repo.json(&["scan", "copy.env"]).code(1).level("local");
}

#[test]
fn a_committed_and_pushed_secret_under_path_is_called_pushed() {
    let dir = Dir::new();
    let repo = pushed(&dir);
    repo.commit_file("settings.env", dotenv(1));
    repo.json(&["scan"]).code(1).level("local");
    repo.git(&["push", "--quiet", "origin", "main"]);
    let report = repo.json(&["scan"]);
    assert_eq!(
        report.level("pushed")["remote_refs"],
        serde_json::json!(["refs/remotes/origin/main"]),
        "{}",
        report.ran
    );
}

#[test]
fn local() {
    let dir = Dir::new();
    let repo = started(&dir);
    let id = repo.commit_file("settings.env", dotenv(1));
    let date = repo.date();
    repo.commit_file("settings.env", "gone\n");
    let report = repo.history();
    let exposure = report.code(1).level("local");
    assert_eq!((text(&exposure["commit"]), text(&exposure["since"])), (id.as_str(), date.as_str()));
    assert_eq!(exposure["in_head"], false);
    let place = &report.only()["places"][0];
    assert_eq!(text(&place["author"]), "Ann Author <ann.author@example.org>");
    assert_eq!(text(&place["subject"]), "change settings.env");
}

#[test]
fn only_on_another_branch() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.git(&["switch", "--quiet", "-c", "side"]);
    repo.commit_file("settings.env", dotenv(1));
    repo.git(&["switch", "--quiet", "main"]);
    repo.forget();
    repo.history().code(1).level("local");
}

#[test]
fn tag_only() {
    for annotated in [false, true] {
        let dir = Dir::new();
        let repo = started(&dir);
        repo.git(&["switch", "--quiet", "--detach", "main"]);
        repo.commit_file("settings.env", dotenv(1));
        let message: &[&str] = if annotated { &["-m", "a release"] } else { &[] };
        repo.git(&[&["tag"], message, &["v1"]].concat());
        repo.git(&["switch", "--quiet", "main"]);
        repo.forget();
        repo.history().code(1).level("local");
    }
}

#[test]
fn pushed_to_a_remote() {
    let dir = Dir::new();
    let repo = pushed(&dir);
    repo.commit_file("settings.env", dotenv(1));
    repo.commit_file("settings.env", "gone\n");
    repo.history().code(1).level("local");
    repo.git(&["push", "--quiet", "origin", "main", "main:other"]);
    let report = repo.history();
    let refs = &report.code(1).level("pushed")["remote_refs"];
    assert_eq!(*refs, serde_json::json!(["refs/remotes/origin/main", "refs/remotes/origin/other"]), "{}", report.ran);
    // Packed refs count the same.
    repo.git(&["pack-refs", "--all"]);
    repo.history().level("pushed");
}

#[test]
fn a_deeper_commit_on_a_remote_branch() {
    let dir = Dir::new();
    let repo = pushed(&dir);
    repo.commit_file("settings.env", dotenv(1));
    repo.git(&["push", "--quiet", "origin", "main"]);
    repo.commit_file("settings.env", "gone\n");
    repo.commit_file("other", "not pushed\n");
    repo.history().code(1).level("pushed");
}

#[test]
fn force_pushed_away() {
    let dir = Dir::new();
    let repo = pushed(&dir);
    repo.commit_file("settings.env", dotenv(1));
    repo.git(&["push", "--quiet", "origin", "main"]);
    repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    repo.git(&["push", "--quiet", "--force", "origin", "main"]);
    let report = repo.history();
    // No remote ref reaches it today: the reflog of the remote-tracking ref remembers.
    assert_eq!(report.code(1).level("pushed").get("remote_refs"), None, "{}", report.ran);
}

#[test]
fn the_worst_of_several_places_wins() {
    let dir = Dir::new();
    let repo = pushed(&dir);
    repo.commit_file("settings.env", dotenv(1));
    repo.git(&["push", "--quiet", "origin", "main"]);
    repo.commit_file("more/settings.env", format!("\n{}", dotenv(1)));
    repo.stage("third.env", format!("\n\n{}", dotenv(1)));
    repo.write("fourth.env", format!("\n\n\n{}", dotenv(1)));
    let report = repo.history();
    report.level("pushed");
    // Commits by date, then the index, then the working tree.
    assert_eq!(
        spots(report.only()),
        ["settings.env:2", "more/settings.env:3", "third.env:4", "fourth.env:5"],
        "{}",
        report.ran
    );
}

#[test]
fn reflog_only() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.commit_file("settings.env", dotenv(1));
    repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    std::fs::remove_file(repo.path(".git/ORIG_HEAD")).unwrap();
    repo.history().code(1).level("unreachable");
}

#[test]
fn unreachable() {
    let dir = Dir::new();
    let repo = started(&dir);
    let id = repo.commit_file("settings.env", dotenv(1));
    repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    std::fs::remove_file(repo.path(".git/ORIG_HEAD")).unwrap();
    repo.forget();
    let report = repo.history();
    assert_eq!(text(&report.code(1).level("unreachable")["commit"]), id);
    assert_eq!(spots(report.only()), ["settings.env:2"]);
}

#[test]
fn dangling_after_a_blocked_commit() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.stage("settings.env", dotenv(1));
    repo.staged().code(1);
    repo.git(&["rm", "--quiet", "--cached", "settings.env"]);
    repo.remove("settings.env");
    let report = repo.history();
    // Worth a line, not a failure.
    report.code(0).complete(true).level("dangling");
    repo.keysieve(&["scan", "--history"]).code(0).says(&["git gc --prune=now"]).hides(&[&runra(1)]);
    // Beside something worse it does not hide that.
    repo.commit_file("other.env", dotenv(2));
    repo.history().code(1);
    // And what it says helps.
    repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    repo.forget();
    std::fs::remove_file(repo.path(".git/ORIG_HEAD")).unwrap();
    repo.git(&["gc", "--quiet", "--prune=now"]);
    repo.history().clean();
}

#[test]
fn dangling_below_a_tree_that_no_commit_has() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.stage("a/settings.env", dotenv(1));
    repo.git(&["write-tree"]);
    repo.git(&["rm", "--quiet", "-r", "--force", "a"]);
    repo.history().code(0).level("dangling");
}

#[test]
fn bare() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.commit_file("settings.env", dotenv(1));
    repo.commit_file("settings.env", "gone\n");
    repo.git(&["clone", "--quiet", "--bare", ".", &dir.text("bare.git")]);
    let report = dir.json(&["scan", "--history", "bare.git"]);
    report.code(1).level("pushed");
    let bare = dir.existing("bare.git");
    bare.history().code(1).level("pushed");
}

#[test]
fn stdin() {
    let dir = Dir::new();
    let ran = dir.keysieve_fed(&["scan", "--stdin", "--format", "json"], dotenv(1).as_bytes());
    let report = ran.json();
    report.code(1).level("unknown");
    assert_eq!(report.value["scan"]["mode"], "stdin");
    let place = &report.only()["places"][0];
    assert_eq!((&place["line"], &place["column"], kinds(report.only())), (&2.into(), &15.into(), vec!["content"]));
    assert_eq!(place.get("path"), None);
}

#[test]
fn outside_git() {
    let dir = Dir::new();
    dir.write("plain/settings.env", dotenv(1));
    let report = dir.json(&["scan", "plain"]);
    report.code(1).level("unknown");
    assert_eq!(spots(report.only()), ["settings.env:2"]);
}

/// The commit that an amended one replaced is older, and nobody has it but the reflog.
#[test]
fn amended_and_pushed() {
    let dir = Dir::new();
    let repo = pushed(&dir);
    repo.commit_file("settings.env", dotenv(1));
    repo.later();
    repo.git(&["commit", "--quiet", "--amend", "-m", "again"]);
    repo.git(&["push", "--quiet", "origin", "main"]);
    let history = repo.history();
    let exposure = history.code(1).level("pushed");
    assert_eq!(exposure["remote_refs"][0], "refs/remotes/origin/main");
    assert_eq!(exposure["commit"], repo.head());
    assert_eq!(
        repo.json(&["scan", "--history", "--all-places"]).level("pushed")["remote_refs"],
        exposure["remote_refs"]
    );
}
