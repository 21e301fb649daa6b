//! Partial clones: what was left out is named, and fetched if that is asked for. A repository's own configuration never
//! runs anything on the way.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use crate::util::{Dir, Ran, Repo, chmod, leak, spots};

/// A repository with a secret in its past, and a clone of it that lacks what `filter` leaves out.
fn partial<'d>(dir: &'d Dir, filter: &str, options: &[&str]) -> Repo<'d> {
    let repo = dir.repo_with("repo", options);
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    repo.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
    repo.commit_file("deep/a", leak(1));
    repo.commit_file("deep/a", "gone\n");
    repo.commit_file("b", "more\n");
    let url = format!("file://{}", dir.text("repo"));
    repo.git(&["clone", "--quiet", &format!("--filter={filter}"), &url, &dir.text("clone")]);
    dir.existing("clone")
}

fn all_files(root: &Path) -> Vec<(String, u64)> {
    let (mut all, mut rest) = (Vec::new(), vec![root.to_owned()]);
    while let Some(dir) = rest.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                rest.push(path);
            } else {
                all.push((path.display().to_string(), fs::metadata(&path).unwrap().len()));
            }
        }
    }
    all.sort();
    all
}

#[test]
fn blobs_that_were_left_out() {
    let dir = Dir::new();
    let clone = partial(&dir, "blob:none", &[]);
    let temp = dir.path("temp");
    fs::create_dir(&temp).unwrap();
    dir.set("TMPDIR", &temp.display().to_string());
    let before = all_files(&clone.root);
    let report = clone.history();
    report.code(3).complete(false);
    assert_eq!(report.left_out("partial-clone"), 1, "{}", report.ran);
    assert!(report.gap("partial-clone")["examples"][0].as_str().unwrap().contains("--fetch-missing"), "{}", report.ran);
    let report = clone.json(&["scan", "--history", "--fetch-missing"]);
    report.code(1).complete(true);
    assert_eq!(spots(report.only()), ["deep/a:1"], "{}", report.ran);
    assert_eq!(report.left_out("partial-clone"), 0);
    // Nothing was changed here, and nothing is left elsewhere.
    assert_eq!(all_files(&clone.root), before);
    assert_eq!(fs::read_dir(&temp).unwrap().count(), 0);
}

#[test]
fn trees_that_were_left_out() {
    for format in ["--object-format=sha1", "--object-format=sha256"] {
        let dir = Dir::new();
        let clone = partial(&dir, "tree:0", &[format]);
        let report = clone.history();
        report.code(3).complete(false);
        assert!(report.left_out("partial-clone") > 0, "{}", report.ran);
        assert_eq!(report.left_out("missing"), 0, "{}", report.ran);
        // A range says the same, and once of each.
        let report = clone.json(&["scan", "--range", "HEAD"]);
        report.code(3).complete(false);
        assert_eq!(report.left_out("partial-clone"), 2, "{}", report.ran);
        assert_eq!(report.left_out("missing"), 0, "{}", report.ran);
        let report = clone.json(&["scan", "--history", "--fetch-missing"]);
        assert_eq!(spots(report.code(1).complete(true).only()), ["deep/a:1"], "{}", report.ran);
    }
}

#[test]
fn a_server_that_is_gone_or_lacks_them() {
    let dir = Dir::new();
    let clone = partial(&dir, "blob:none", &[]);
    let repo = dir.existing("repo");
    // One is gone on the server: the other is fetched.
    clone.git(&["fetch", "--quiet"]);
    repo.commit_file("c", leak(2));
    repo.commit_file("c", "gone\n");
    clone.git(&["fetch", "--quiet"]);
    fs::remove_file(repo.loose(&repo.git(&["rev-parse", "HEAD~3:deep/a"]))).ok();
    fs::remove_file(repo.loose(&repo.git(&["rev-parse", "HEAD~4:deep/a"]))).unwrap();
    let report = clone.json(&["scan", "--history", "--fetch-missing"]);
    report.complete(false);
    fs::rename(dir.path("repo"), dir.path("away")).unwrap();
    let report = clone.json(&["scan", "--history", "--fetch-missing"]);
    report.code(3).complete(false);
    let told = report.gap("partial-clone")["examples"].to_string();
    assert!(told.contains("nothing was fetched") && told.contains("git fetch:"), "{told}");
}

#[test]
fn a_whole_clone_has_nothing_to_fetch() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("a", "hello\n");
    repo.json(&["scan", "--history", "--fetch-missing"]).clean();
    repo.keysieve(&["scan", "--fetch-missing"]).code(2).complains(&["--history"]);
}

/// Settings that make git run a program, each of which would leave `trap` behind.
fn traps(dir: &Dir, repo: &Repo<'_>, trap: &str) {
    let touch = dir.write("traps/touch", format!("#!/bin/sh\ntouch {trap}\n"));
    chmod(&touch, 0o755);
    let touch = touch.display().to_string();
    for hook in ["reference-transaction", "post-checkout", "post-index-change", "fsmonitor-watchman", "pre-auto-gc"] {
        chmod(&dir.write(format!("traps/hooks/{hook}"), format!("#!/bin/sh\ntouch {trap}\n")), 0o755);
    }
    let ext = format!("ext::{touch}");
    for (key, value) in [
        ("core.sshCommand", touch.as_str()),
        ("core.gitProxy", &touch),
        ("core.askPass", &touch),
        ("core.fsmonitor", &touch),
        ("core.pager", &touch),
        ("core.editor", &touch),
        ("core.hooksPath", &dir.text("traps/hooks")),
        ("core.alternateRefsCommand", &touch),
        ("credential.helper", &format!("!{touch}")),
        ("diff.external", &touch),
        ("uploadpack.packObjectsHook", &touch),
        ("remote.origin.uploadpack", &touch),
        ("remote.origin.receivepack", &touch),
        ("protocol.ext.allow", "always"),
        ("protocol.allow", "always"),
        ("gc.auto", "1"),
        (&format!("url.{ext}.insteadOf"), "file://"),
        (&format!("url.{ext}.insteadOf"), "/"),
        (&format!("url.{ext}.insteadOf"), "http://"),
    ] {
        repo.git(&["config", "--add", key, value]);
    }
}

/// What every address does, without and with `--fetch-missing`: nothing that the repository names is run.
#[test]
fn nothing_of_the_repositorys_own_is_run() {
    let dir = Dir::new();
    let clone = partial(&dir, "blob:none", &[]);
    let trap = dir.text("trap");
    let touch = dir.text("traps/touch");
    let local = dir.text("repo");
    traps(&dir, &clone, &trap);
    traps(&dir, &dir.existing("repo"), &trap);
    // A server that asks for a password: what the repository calls a helper for that is not asked.
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in server.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let refusal = "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = stream.write_all(refusal.as_bytes());
        }
    });
    let run = |args: &[&str]| -> Ran {
        let ran = clone.keysieve(args);
        ran.no_panic();
        assert!(!Path::new(&trap).exists(), "{args:?} ran something{ran}");
        ran
    };
    let addresses = [
        (format!("ext::{touch}"), "names a program"),
        (format!("ext::sh -c {touch}% %S"), "names a program"),
        (format!("ext://{touch}"), "is of a protocol that is not used here"),
        ("fd::3".into(), "names a program"),
        (format!("--upload-pack={touch}"), "is no address"),
        (format!("ssh://-oProxyCommand={touch}/x"), "is no address"),
        ("ssh://127.0.0.1:1/x".into(), "nothing was fetched"),
        ("git://127.0.0.1:1/x".into(), "nothing was fetched"),
        (format!("http://127.0.0.1:{port}/x"), "nothing was fetched"),
        ("transport::https://a.example/x".into(), "names a program"),
    ];
    for (address, why) in &addresses {
        clone.git(&["config", "remote.origin.url", address]);
        for args in [&["scan", "--history"][..], &["scan"], &["scan", "--staged"], &["scan", "--range", "HEAD~1.."]] {
            run(args);
        }
        let ran = run(&["scan", "--history", "--fetch-missing", "-v"]);
        ran.code(3);
        // In a terminal's columns a sentence is broken anywhere.
        let said = ran.stdout().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(why), "{address}: not said: {why}{ran}");
    }
    // Another transport by name.
    clone.git(&["config", "remote.origin.vcs", "ext"]);
    for address in [format!("file://{local}"), local, "../repo".into()] {
        clone.git(&["config", "remote.origin.url", &address]);
        run(&["scan", "--history"]).code(3);
        run(&["scan", "--history", "--fetch-missing"]).code(1);
    }
}

/// The repository that objects are fetched from may be hostile itself: it, too, promises to fetch.
#[test]
fn what_serves_a_fetch_does_not_fetch_in_turn() {
    let dir = Dir::new();
    let clone = partial(&dir, "blob:none", &[]);
    let (server, trap) = (dir.existing("repo"), dir.text("trap"));
    traps(&dir, &server, &trap);
    let blob = server.git(&["rev-parse", "HEAD~2:deep/a"]);
    fs::remove_file(server.loose(&blob)).unwrap();
    for (key, value) in [
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", &format!("ext::{}", dir.text("traps/touch"))),
    ] {
        server.git(&["config", key, value]);
    }
    let ran = clone.keysieve(&["scan", "--history", "--fetch-missing"]);
    ran.code(3).no_panic();
    assert!(!Path::new(&trap).exists(), "the other repository ran something{ran}");
}
