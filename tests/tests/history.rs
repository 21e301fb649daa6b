use crate::util::{Dir, kinds, leak, made, runra, spots, started, text};

#[test]
fn content() {
    let dir = Dir::new();
    let repo = started(&dir);
    let id = repo.commit_file("a/b", format!("\n{}", leak(1)));
    let blob = repo.git(&["rev-parse", "HEAD:a/b"]);
    repo.commit_file("a/b", "gone\n");
    let report = repo.history();
    let place = &report.code(1).only()["places"][0];
    for (name, want) in
        [("kind", "content"), ("path", "a/b"), ("blob", &blob), ("commit", &id), ("subject", "change a/b")]
    {
        assert_eq!(place[name], want, "{name}{}", report.ran);
    }
    assert_eq!([&place["line"], &place["column"], &place["end_column"]].map(|v| v.as_u64().unwrap()), [2, 15, 49]);
    repo.keysieve(&["scan", "--history"])
        .code(1)
        .says(&["a/b:2:15", &id[..8], "Ann Author", "runra auth revoke-key"])
        .hides(&[&runra(1)]);
}

#[test]
fn commit_message() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.write("a", "x\n");
    let id = repo.commit(&format!("subject\n\nuse {} for now", runra(1)));
    let report = repo.history();
    assert_eq!(kinds(report.code(1).only()), ["commit-message"]);
    let place = &report.only()["places"][0];
    assert_eq!(
        (text(&place["commit"]), &place["line"], &place["column"]),
        (id.as_str(), &3.into(), &5.into()),
        "{}",
        report.ran
    );
    report.level("local");
    let range = repo.json(&["scan", "--range", "HEAD~1..HEAD"]);
    assert_eq!(kinds(range.code(1).only()), ["commit-message"]);
}

#[test]
fn author_and_committer() {
    let dir = Dir::new();
    let repo = started(&dir);
    let commit = |author: &str, committer: &str| {
        let mut command = repo.command("git");
        command.env("GIT_AUTHOR_NAME", author).env("GIT_COMMITTER_EMAIL", committer);
        assert!(command.args(["commit", "--quiet", "--allow-empty", "-m", "x"]).status().unwrap().success());
    };
    commit(&runra(1), "c@example.org");
    commit("A", &format!("{}@example.org", runra(2)));
    let report = repo.history();
    report.code(1);
    assert_eq!(kinds(report.of(&runra(1))), ["author"]);
    assert_eq!(kinds(report.of(&runra(2))), ["committer"]);
    report.ran.hides(&[&runra(1), &runra(2)]);
}

#[test]
fn tag_message() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.git(&["tag", "-m", &format!("release with {}", runra(1)), "v1"]);
    let report = repo.history();
    assert_eq!(kinds(report.code(1).only()), ["tag"]);
    assert_eq!(report.only()["places"][0]["ref"], "refs/tags/v1");
    report.level("local");
    // One that no ref names any more.
    repo.git(&["tag", "-d", "v1"]);
    repo.history().code(1).level("unreachable");
}

#[test]
fn note() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.git(&["notes", "add", "-m", &format!("tested with {}", runra(1)), "HEAD"]);
    let report = repo.history();
    assert_eq!(kinds(report.code(1).only()), ["note"], "{}", report.ran);
    report.level("local");
    repo.git(&["notes", "--ref", "other/notes", "add", "-m", &runra(2), "HEAD"]);
    let report = repo.history();
    assert_eq!(kinds(report.of(&runra(2))), ["note"], "{}", report.ran);
}

#[test]
fn ref_name() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.git(&["branch", &format!("deploy/{}", runra(1))]);
    let report = repo.history();
    assert_eq!(kinds(report.code(1).only()), ["ref"]);
    report.ran.hides(&[&runra(1)]);
    repo.git(&["update-ref", &format!("refs/remotes/origin/{}", runra(2)), "HEAD"]);
    let report = repo.history();
    assert_eq!(report.of(&runra(2))["exposure"]["level"], "pushed");
    report.ran.hides(&[&runra(1), &runra(2)]);
}

#[test]
fn path_name() {
    let dir = Dir::new();
    let repo = started(&dir);
    let id = repo.commit_file(&format!("deploy/{}/notes", runra(1)), "hello\n");
    repo.git(&["rm", "--quiet", "-r", "deploy"]);
    repo.commit_staged("gone");
    let report = repo.history();
    // The helper's commit message names the path, too.
    assert_eq!(kinds(report.code(1).only()), ["commit-message", "path"], "{}", report.ran);
    assert_eq!(text(&report.level("local")["commit"]), id);
    report.ran.hides(&[&runra(1)]);
}

#[test]
fn git_config() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.git(&["config", "http.extraHeader", &format!("Authorization: Bearer {}", runra(1))]);
    let report = repo.history();
    assert_eq!(kinds(report.code(1).only()), ["config"]);
    assert_eq!(report.only()["path"], ".git/config");
    repo.json(&["scan"]).clean();
}

#[test]
fn a_password_in_a_remotes_url() {
    let dir = Dir::new();
    let repo = started(&dir);
    let token = made("ghp_{alnum:30}{check:crc32-base62}", 5);
    repo.git(&["remote", "add", "origin", &format!("https://x-access-token:{token}@github.com/a/b.git")]);
    let report = repo.history();
    report.code(1);
    assert!(report.has(&token), "{}", report.ran);
    report.ran.hides(&[&token]);
}

#[test]
fn stash() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.write("README", leak(1));
    repo.write("untracked", leak(2));
    repo.later();
    repo.git(&["stash", "push", "--quiet", "--include-untracked"]);
    let report = repo.history();
    report.code(1);
    assert_eq!(report.of(&runra(1))["exposure"]["level"], "local", "{}", report.ran);
    assert_eq!(report.of(&runra(2))["exposure"]["level"], "local");
    // An older entry is held by the reflog alone.
    repo.write("README", "other\n");
    repo.git(&["stash", "push", "--quiet"]);
    assert!(repo.history().has(&runra(1)));
}

#[test]
fn index_and_working_tree() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.commit_file("same", leak(1));
    repo.stage("staged", leak(2));
    repo.write("staged", leak(3));
    repo.write("untracked", leak(4));
    let report = repo.history();
    let level = |seed| text(&report.of(&runra(seed))["exposure"]["level"]).to_owned();
    assert_eq!([1, 2, 3, 4].map(level), ["local", "staged", "worktree", "worktree"], "{}", report.ran);
    // What was committed and not changed is one place, not three.
    assert_eq!(spots(report.of(&runra(1))), ["same:1"], "{}", report.ran);
}

#[test]
fn each_blob_is_read_once() {
    let dir = Dir::new();
    let repo = started(&dir);
    for n in 0..6 {
        repo.commit_file(&format!("copy{n}"), leak(1));
    }
    repo.commit_file("copy0", "x\n");
    repo.commit_file("copy0", leak(1));
    let report = repo.history();
    assert_eq!(report.read("blobs"), 3);
    assert_eq!(report.only()["places"].as_array().unwrap().len(), 6, "{}", report.ran);
    // Packed and loose at once: still once.
    repo.git(&["repack", "-aq"]);
    repo.git(&["repack", "-aqf"]);
    assert_eq!(repo.history().read("blobs"), 3);
}

#[test]
fn an_evil_merge() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.git(&["switch", "--quiet", "-c", "side"]);
    repo.commit_file("b", "side\n");
    repo.git(&["switch", "--quiet", "main"]);
    repo.commit_file("c", "main\n");
    let before = repo.head();
    repo.git(&["merge", "--quiet", "--no-commit", "--no-ff", "side"]);
    repo.write("evil", leak(1));
    let merge = repo.commit("merge");
    for args in [&["scan", "--history"][..], &["scan", "--range", &format!("{before}..")]] {
        let report = repo.json(args);
        assert_eq!(text(&report.code(1).level("local")["commit"]), merge, "{}", report.ran);
        assert_eq!(spots(report.only()), ["evil:1"]);
    }
}

#[test]
fn range() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.commit_file("old", leak(1));
    let base = repo.head();
    let middle = repo.commit_file("new", leak(2));
    repo.commit_file("new", "gone\n");
    // What came and went in between counts; what was there before does not.
    let report = repo.json(&["scan", "--range", &format!("{base}..HEAD")]);
    report.code(1).complete(true);
    assert_eq!(text(&report.level("local")["commit"]), middle);
    assert_eq!((report.value["scan"]["mode"].as_str(), report.read("commits")), (Some("range"), 2));
    for range in [format!("{base}.."), format!("{base}..main")] {
        assert_eq!(repo.json(&["scan", "--range", &range]).prints(), report.prints());
    }
    repo.json(&["scan", "--range", &format!("{middle}..HEAD")]).clean();
    repo.json(&["scan", "--range", "HEAD..HEAD"]).clean();
    assert_eq!(repo.json(&["scan", "--range", "HEAD"]).findings().len(), 2);
    // Working files and the index are not of the range.
    repo.stage("untracked", leak(3));
    repo.json(&["scan", "--range", &format!("{middle}..HEAD")]).clean();
}

#[test]
fn a_range_with_a_merge_has_what_the_other_side_brought() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.git(&["switch", "--quiet", "-c", "side"]);
    let side = repo.commit_file("b", leak(1));
    repo.commit_file("b", "gone\n");
    repo.git(&["switch", "--quiet", "main"]);
    repo.commit_file("c", leak(2));
    let base = repo.head();
    repo.git(&["merge", "--quiet", "-m", "merge", "side"]);
    let report = repo.json(&["scan", "--range", &format!("{base}..HEAD")]);
    assert_eq!(text(&report.code(1).level("local")["commit"]), side);
    assert!(report.has(&runra(1)) && !report.has(&runra(2)), "{}", report.ran);
}

#[test]
fn a_range_with_a_rename() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.commit_file("old", format!("{}{}", leak(1), "line\n".repeat(50)));
    let base = repo.head();
    repo.git(&["mv", "old", "new"]);
    repo.commit("renamed");
    repo.write("new", format!("{}{}{}", leak(1), "line\n".repeat(50), leak(2)));
    repo.commit("changed");
    let report = repo.json(&["scan", "--range", &format!("{base}..HEAD")]);
    report.code(1);
    assert_eq!(spots(report.of(&runra(2))), ["new:52"], "{}", report.ran);
    // The blob came to a new path: a place of the old secret too, and that is no error.
    assert!(report.findings().len() <= 2);
}

#[test]
fn names_of_commits() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.commit_file("a", leak(1));
    repo.git(&["tag", "-m", "annotated", "v1"]);
    repo.commit_file("b", leak(2));
    for range in ["v1..main", "HEAD~1..HEAD", "main@{1}..main", "v1^{commit}..", ":/change a..HEAD"] {
        let report = repo.json(&["scan", "--range", range]);
        assert!(report.has(&runra(2)) && !report.has(&runra(1)), "{range}{}", report.ran);
    }
}

#[test]
fn history_of_a_subdirectory_a_git_directory_and_a_linked_worktree() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.commit_file("sub/a", leak(1));
    repo.git(&["worktree", "add", "--quiet", &dir.text("linked")]);
    let want = repo.history().prints();
    assert_eq!(want.len(), 1);
    for place in ["repo", "repo/sub", "repo/.git", "linked", "linked/sub"] {
        let report = dir.json(&["scan", "--history", place]);
        assert_eq!(report.prints(), want, "{place}{}", report.ran);
    }
}

#[test]
fn alternates_and_replaced_objects() {
    let dir = Dir::new();
    let repo = started(&dir);
    repo.commit_file("a", leak(1));
    repo.git(&["clone", "--quiet", "--shared", ".", &dir.text("clone")]);
    let clone = dir.existing("clone");
    assert!(clone.history().has(&runra(1)), "the content is in the other repository's objects");
    // `git replace` shows something else; the objects are there all the same.
    let blob = repo.git(&["rev-parse", "HEAD:a"]);
    let harmless = repo.object("blob", b"harmless\n");
    repo.git(&["replace", &blob, &harmless]);
    assert!(repo.history().has(&runra(1)));
    assert!(repo.json(&["scan", "--range", "HEAD"]).has(&runra(1)));
}

#[test]
fn a_remote_that_is_only_fetched_from() {
    let dir = Dir::new();
    let theirs = dir.repo("theirs");
    theirs.commit_file("a", leak(1));
    let repo = started(&dir);
    repo.git(&["fetch", "--quiet", &dir.text("theirs"), "main"]);
    // FETCH_HEAD came from somewhere else: somebody has it.
    repo.history().code(1).level("pushed");
}

#[test]
fn packed_commits_tags_and_messages() {
    let dir = Dir::new();
    let repo = started(&dir);
    for n in 0..30 {
        repo.write("a", format!("{n}\n"));
        repo.commit(&format!(
            "change {n}\n\n{}",
            if n % 10 == 0 { runra(n) } else { "a body that is alike in all of them".into() }
        ));
    }
    repo.git(&["tag", "-m", &runra(100), "v1"]);
    let loose = repo.history();
    repo.git(&["gc", "--quiet", "--aggressive", "--prune=now"]);
    let packed = repo.history();
    assert_eq!(loose.findings(), packed.findings(), "{}{}", loose.ran, packed.ran);
    assert_eq!(packed.findings().len(), 4);
    assert_eq!((loose.read("commits"), loose.read("tags")), (packed.read("commits"), packed.read("tags")));
}

/// The same content that comes again is brought by several commits: the first is told, or all.
#[test]
fn every_commit_that_brought_it() {
    let dir = Dir::new();
    let repo = started(&dir);
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(repo.commit_file("a", leak(1)));
        repo.commit_file("a", "gone\n");
    }
    repo.write("moved/b", leak(1));
    ids.push(repo.commit("elsewhere"));
    // A merge that has it from one side brings nothing; one side that brings it by itself does.
    repo.git(&["switch", "--quiet", "-c", "side", "HEAD~1"]);
    repo.write("a", leak(1));
    ids.push(repo.commit("again"));
    repo.git(&["switch", "--quiet", "main"]);
    repo.git(&["merge", "--quiet", "-m", "both", "side"]);
    let commits = |report: &crate::util::Report| -> Vec<String> {
        let places = report.code(1).only()["places"].as_array().unwrap();
        places.iter().map(|place| text(&place["commit"]).to_owned()).collect()
    };
    assert_eq!(commits(&repo.history()), [ids[0].clone(), ids[3].clone()]);
    let loose = repo.json(&["scan", "--history", "--all-places"]);
    assert_eq!(commits(&loose), ids, "{}", loose.ran);
    assert_eq!(text(&loose.only()["exposure"]["commit"]), ids[0]);
    repo.git(&["repack", "-adfq"]);
    assert_eq!(commits(&repo.json(&["scan", "--history", "--all-places"])), ids);
    repo.keysieve(&["scan", "--all-places"]).code(2).complains(&["--history"]);
}
