use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Stdio;

use crate::util::{Dir, PROGRAM, Repo, chmod, leak, runra, spots, text};

fn damaged(dir: &Dir) -> Repo<'_> {
    let repo = dir.repo("repo");
    repo.commit_file("a", "something that will be lost\n");
    repo.commit_file("b", leak(1));
    repo
}

#[test]
fn missing_blob_in_history() {
    let dir = Dir::new();
    let repo = damaged(&dir);
    let id = repo.git(&["rev-parse", "HEAD:a"]);
    fs::remove_file(repo.loose(&id)).unwrap();
    let report = repo.history();
    report.code(1).complete(false);
    assert!(text(&report.gap("missing")["examples"][0]).contains(&id), "{}", report.ran);
}

#[test]
fn missing_tree_in_history() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("below/a", "hello\n");
    let id = repo.git(&["rev-parse", "HEAD:below"]);
    fs::remove_file(repo.loose(&id)).unwrap();
    let report = repo.history();
    report.code(3).complete(false);
    report.gap("missing");
}

#[test]
fn missing_commit_in_history() {
    let dir = Dir::new();
    let repo = damaged(&dir);
    let id = repo.git(&["rev-parse", "HEAD~1"]);
    fs::remove_file(repo.loose(&id)).unwrap();
    let report = repo.history();
    report.code(1).complete(false);
    assert!(text(&report.gap("missing")["examples"][0]).contains(&id), "{}", report.ran);
}

#[test]
fn missing_staged_blob() {
    let dir = Dir::new();
    let repo = damaged(&dir);
    repo.write("c", "staged\n");
    repo.write("d", leak(2));
    repo.add();
    let id = repo.git(&["rev-parse", ":c"]);
    fs::remove_file(repo.loose(&id)).unwrap();
    let report = repo.staged();
    report.code(1).complete(false);
    let example = text(&report.gap("missing")["examples"][0]).to_owned();
    assert!(example.contains("c (") && example.contains(&id), "{example}");
    repo.git(&["rm", "--quiet", "--cached", "d"]);
    repo.staged().code(3);
}

#[test]
fn missing_objects_in_a_range() {
    let dir = Dir::new();
    let repo = damaged(&dir);
    let id = repo.git(&["rev-parse", "HEAD:b"]);
    fs::remove_file(repo.loose(&id)).unwrap();
    let report = repo.json(&["scan", "--range", "HEAD~1..HEAD"]);
    report.code(3).complete(false);
    assert!(text(&report.gap("missing")["examples"][0]).contains(&id), "{}", report.ran);
    let id = repo.git(&["rev-parse", "HEAD~1"]);
    fs::remove_file(repo.loose(&id)).unwrap();
    repo.keysieve(&["scan", "--range", "HEAD"]).no_panic();
    assert_ne!(repo.keysieve(&["scan", "--range", "HEAD"]).output.status.code(), Some(0));
}

#[test]
fn corrupt_loose_object() {
    let dir = Dir::new();
    let repo = damaged(&dir);
    let id = repo.git(&["rev-parse", "HEAD:a"]);
    let path = repo.loose(&id);
    chmod(&path, 0o644);
    let whole = fs::read(&path).unwrap();
    // Each byte in turn: whatever was damaged is told, unless the content is still the right one.
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        fs::write(&path, &bytes).unwrap();
        let report = repo.history();
        report.code(1).complete(false);
        let example = text(&report.gap("corrupt")["examples"][0]).to_owned();
        assert!(example.contains(&id), "{example}");
    }
    fs::write(&path, "").unwrap();
    repo.history().code(1).complete(false);
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    repo.history().code(1).complete(false).gap("corrupt");
}

#[test]
fn corrupt_staged_object() {
    let dir = Dir::new();
    let repo = damaged(&dir);
    repo.stage("c", "staged\n");
    let id = repo.git(&["rev-parse", ":c"]);
    chmod(&repo.loose(&id), 0o644);
    fs::write(repo.loose(&id), "this is no zlib stream").unwrap();
    let report = repo.staged();
    report.code(3).complete(false);
    assert!(text(&report.gap("corrupt")["examples"][0]).contains(&id), "{}", report.ran);
}

#[test]
fn corrupt_pack() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    for n in 0..20 {
        let lines: String = (0..200).map(|line| format!("line {line} of {}\n", n * line)).collect();
        repo.commit_file("a", lines);
        repo.commit_file(&format!("b{n}"), leak(n));
    }
    repo.git(&["repack", "-adfq", "--depth=50"]);
    let pack = dir.path("repo/.git/objects/pack").read_dir().unwrap().map(|e| e.unwrap().path());
    let pack = pack.into_iter().find(|path| path.extension().is_some_and(|e| e == "pack")).unwrap();
    chmod(&pack, 0o644);
    let whole = fs::read(&pack).unwrap();
    let sound = repo.history();
    assert_eq!((sound.findings().len(), sound.read("commits")), (20, 40), "{}", sound.ran);
    let end = whole.len() - 20;
    for step in 0..40 {
        let at = 12 + (end - 12) * step / 40;
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        fs::write(&pack, &bytes).unwrap();
        let report = repo.history();
        assert_eq!(report.value["scan"]["complete"], false, "byte {at}{}", report.ran);
        assert!(matches!(report.ran.output.status.code(), Some(1 | 3)), "byte {at}{}", report.ran);
    }
    fs::write(&pack, &whole[..whole.len() / 2]).unwrap();
    let ran = repo.keysieve(&["scan", "--history"]);
    ran.no_panic();
    assert!(matches!(ran.output.status.code(), Some(1..=3)), "{ran}");
}

/// Hundreds of damaged packs and indexes, through the program: each secret is found, or the report says that it is not
/// complete; the rest is read; never a panic, a hang, or an exit code that means something else.
#[test]
fn damage_is_told_or_harmless() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    let lines: String = (0..150).map(|line| format!("line {line} and {}\n", line * 7919)).collect();
    for n in 0..12 {
        repo.commit_file("a", format!("{lines}{}{}", leak(n), "more\n".repeat(n as usize)));
    }
    let bases_by_id = ["-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq", "--depth=50"];
    let (mut told, mut harmless) = (0, 0);
    for repack in [&["repack", "-adfq", "--depth=50"][..], &bases_by_id] {
        repo.git(repack);
        let files = dir.path("repo/.git/objects/pack").read_dir().unwrap().map(|entry| entry.unwrap().path());
        let files: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "pack" || e == "idx")).collect();
        for path in files {
            let whole = fs::read(&path).unwrap();
            let mut random = keysieve::rules::sample::Random::new(whole.len() as u64);
            for round in 0..60 {
                let mut bytes = whole.clone();
                if round % 6 == 5 {
                    bytes.truncate(random.below(whole.len()));
                } else {
                    // The head, where the tables are, as often as the rest.
                    let end = if round % 2 == 0 { whole.len() } else { whole.len().min(1100) };
                    for _ in 0..=round % 4 {
                        bytes[random.below(end)] ^= 1 << random.below(8);
                    }
                }
                fs::remove_file(&path).unwrap();
                fs::write(&path, &bytes).unwrap();
                let report = repo.history();
                let found = (0..12).filter(|n| report.has(&runra(*n))).count();
                let complete = report.value["scan"]["complete"] == true;
                assert!(found == 12 || !complete, "{} round {round}: {found} found{}", path.display(), report.ran);
                // Under an id that was damaged in an index, a secret is in no commit, which alone fails nothing.
                let is_open = report.findings().iter().any(|finding| finding["exposure"]["level"] != "dangling");
                report.code(if is_open { 1 } else { 3 });
                *(if complete { &mut harmless } else { &mut told }) += 1;
            }
            fs::remove_file(&path).unwrap();
            fs::write(&path, &whole).unwrap();
        }
    }
    assert!(told > 120, "{told} told, {harmless} harmless: the damage does little");
    repo.history().code(1).complete(true);
}

#[test]
fn a_pack_without_its_index_is_told() {
    let dir = Dir::new();
    let repo = damaged(&dir);
    repo.git(&["repack", "-adfq"]);
    for entry in repo.path(".git/objects/pack").read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e != "pack") {
            fs::remove_file(path).unwrap();
        }
    }
    let ran = repo.keysieve(&["scan", "--history"]);
    ran.no_panic();
    assert_ne!(ran.output.status.code(), Some(0), "{ran}");
}

#[test]
fn corrupt_index() {
    let dir = Dir::new();
    let repo = damaged(&dir);
    let path = repo.path(".git/index");
    let whole = fs::read(&path).unwrap();
    for (at, what) in [(0, "signature"), (8, "count")] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        fs::write(&path, &bytes).unwrap();
        let ran = repo.keysieve(&["scan", "--staged"]);
        ran.no_panic();
        assert!(matches!(ran.output.status.code(), Some(2 | 3)), "{what}{ran}");
        let ran = repo.keysieve(&["scan", "--history"]);
        ran.no_panic();
        assert!(matches!(ran.output.status.code(), Some(1)), "{what}: what history can read is still reported{ran}");
    }
}

#[test]
fn shallow_clone() {
    let dir = Dir::new();
    let repo = damaged(&dir);
    repo.commit_file("b", "gone\n");
    let url = format!("file://{}", dir.text("repo"));
    repo.git(&["clone", "--quiet", "--depth", "1", &url, &dir.text("clone")]);
    let clone = dir.existing("clone");
    let report = clone.history();
    report.code(3).complete(false);
    assert_eq!(report.gap("shallow")["incomplete"], true);
    clone.keysieve(&["scan", "--history"]).code(3).says(&["git fetch --unshallow"]);
    // What a commit adds is all there.
    clone.stage("c", "new\n");
    clone.staged().clean();
    clone.json(&["scan"]).clean();
    clone.stage("c", leak(3));
    clone.staged().code(1);
}

#[test]
fn partial_clone() {
    let dir = Dir::new();
    let repo = damaged(&dir);
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    repo.commit_file("b", "gone\n");
    let url = format!("file://{}", dir.text("repo"));
    repo.git(&["clone", "--quiet", "--filter=blob:none", &url, &dir.text("clone")]);
    let clone = dir.existing("clone");
    let report = clone.history();
    report.code(3).complete(false);
    report.gap("partial-clone");
    // And nothing was fetched meanwhile.
    let missing = clone.git(&["rev-list", "--objects", "--all", "--missing=print"]);
    assert!(missing.lines().any(|line| line.starts_with('?')), "{missing}");
}

/// A repository's own configuration must not run anything.
#[test]
fn a_promisor_remote_is_not_asked() {
    let dir = Dir::new();
    for format in ["sha1", "sha256"] {
        let name = format!("repo-{format}");
        let repo = dir.repo_with(&name, &[&format!("--object-format={format}")]);
        repo.commit_file("a", "lost\n");
        repo.commit_file("b", leak(1));
        let id = repo.git(&["rev-parse", "HEAD:a"]);
        fs::remove_file(repo.loose(&id)).unwrap();
        let trap = dir.text(&format!("trap-{format}"));
        let ext = format!("ext::sh -c \"touch% {trap}\"");
        for (key, value) in [
            ("core.repositoryFormatVersion", "1"),
            ("extensions.partialClone", "origin"),
            ("remote.origin.url", &ext),
            ("remote.origin.promisor", "true"),
            ("protocol.ext.allow", "always"),
            ("core.fsmonitor", &format!("touch {trap}")),
            ("core.pager", &format!("touch {trap}")),
            ("core.hooksPath", &dir.text("traps")),
            ("diff.external", &format!("touch {trap}")),
            ("core.sshCommand", &format!("touch {trap}")),
        ] {
            repo.git(&["config", key, value]);
        }
        let hook = dir.write("traps/post-index-change", format!("#!/bin/sh\ntouch {trap}\n"));
        chmod(&hook, 0o755);
        for args in [&["scan"][..], &["scan", "--staged"], &["scan", "--history"], &["scan", "--range", "HEAD~1..HEAD"]]
        {
            repo.keysieve(args).no_panic();
        }
        assert!(!Path::new(&trap).exists(), "{format}: the repository's configuration ran something");
    }
}

#[test]
fn unborn_head() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.write("a", leak(1));
    repo.json(&["scan"]).code(1).level("worktree");
    repo.staged().clean();
    repo.add();
    repo.staged().code(1).level("staged");
    repo.keysieve(&["scan", "--range", "HEAD"]).code(2).complains(&["`HEAD` names no commit"]);
    // Unborn beside other branches.
    repo.commit_staged("all");
    repo.git(&["switch", "--quiet", "--orphan", "fresh"]);
    repo.history().code(1).level("local");
}

#[test]
fn detached_head() {
    let dir = Dir::new();
    let repo = damaged(&dir);
    repo.git(&["switch", "--quiet", "--detach", "HEAD"]);
    repo.stage("c", leak(2));
    let report = repo.staged();
    report.code(1).level("staged");
    assert_eq!(spots(report.only()), ["c:1"]);
    let report = repo.json(&["scan"]);
    assert_eq!(report.of(&runra(1))["exposure"]["level"], "local", "{}", report.ran);
    // Commits that only a detached HEAD reaches are still somebody's.
    repo.commit_staged("detached");
    repo.forget();
    assert_eq!(repo.history().of(&runra(2))["exposure"]["level"], "local");
}

#[test]
fn bare_with_staged() {
    let dir = Dir::new();
    let repo = damaged(&dir);
    repo.git(&["clone", "--quiet", "--bare", ".", &dir.text("bare.git")]);
    let bare = dir.existing("bare.git");
    bare.keysieve(&["scan", "--staged"]).code(2).complains(&["bare repository has nothing staged", "--history"]);
    bare.json(&["scan", "--range", "HEAD~1..HEAD"]).code(1).level("pushed");
}

#[test]
fn invalid_ranges() {
    let dir = Dir::new();
    let repo = damaged(&dir);
    let blob = repo.git(&["rev-parse", "HEAD:a"]);
    for range in ["nope..HEAD", "HEAD..nope", "HEAD...HEAD~1", "", "..", &blob, "--all", "HEAD~99..HEAD", "a b"] {
        let ran = repo.keysieve(&["scan", &format!("--range={range}")]);
        if range.is_empty() || range == ".." {
            // From nothing to HEAD: more than was meant, perhaps, but not less.
            ran.code(1);
            continue;
        }
        ran.code(2).no_panic();
        assert!(ran.output.stdout.is_empty() && !ran.stderr().is_empty(), "{ran}");
    }
}

#[test]
fn not_a_repository() {
    let dir = Dir::new();
    dir.write("plain/a", leak(1));
    let plain = dir.path("plain");
    for args in [&["scan", "--staged"][..], &["scan", "--history"], &["scan", "--range", "A..B"], &["hook", "status"]] {
        let ran = dir.keysieve_in(&plain, args);
        ran.code(2).complains(&["not", "git repository"]).hides(&[&runra(1)]);
    }
    dir.keysieve(&["scan", "--history", "nowhere"]).code(2).complains(&["nowhere"]);
    // A `.git` file that names nothing.
    dir.write("plain/.git", "gitdir: nowhere\n");
    dir.keysieve_in(&plain, &["scan", "--staged"]).code(2).complains(&[".git"]);
}

#[test]
fn invalid_utf8_in_paths_and_contents() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.env");
    let secret = runra(1);
    let content = [b"\xff\xfe\xe9 key = ", secret.as_bytes(), b" \xe9\n"].concat();
    repo.stage(Path::new("folder").join(name), &content);
    let check = |args: &[&str]| {
        let report = repo.json(args);
        report.code(1);
        let finding = report.only();
        assert_eq!(text(&finding["path"]), "folder/caf\u{fffd}.env", "{}", report.ran);
        // folder/caf\xe9.env
        assert_eq!(text(&finding["path_base64"]), "Zm9sZGVyL2NhZukuZW52", "{}", report.ran);
        assert_eq!((&finding["line"], &finding["column"]), (&1.into(), &11.into()), "{}", report.ran);
        for format in ["text", "jsonl", "sarif"] {
            repo.keysieve(&[args, &["--format", format]].concat()).code(1).no_panic().hides(&[&secret]);
        }
    };
    check(&["scan"]);
    check(&["scan", "--staged"]);
    let tree = repo.git(&["write-tree"]);
    let message = [b"caf\xe9 ", secret.as_bytes(), b"\n"].concat();
    let raw =
        [format!("tree {tree}\nauthor A\u{e9} <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\n").into_bytes(), message]
            .concat();
    let commit = repo.object("commit", &raw);
    repo.git(&["update-ref", "refs/heads/main", &commit]);
    check(&["scan", "--history"]);
    check(&["scan", "--range", "HEAD"]);
    check(&["scan"]);
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.stage("a\u{1b}[31mb\nc\u{7}.env", leak(1));
    repo.commit_staged("\u{1b}]0;title\u{7} \u{202e}message");
    for args in [&["scan"][..], &["scan", "--history", "-v"], &["scan", "--range", "HEAD", "-v"]] {
        let ran = repo.keysieve(args);
        ran.code(1);
        assert!(!ran.stdout().contains(['\u{1b}', '\u{7}', '\u{202e}']), "{ran}");
    }
}

#[test]
fn closed_pipe() {
    let dir = Dir::new();
    for n in 0..300 {
        dir.write(format!("files/{n}"), leak(n));
    }
    for format in ["text", "json", "jsonl", "sarif"] {
        let mut child = dir.command(PROGRAM);
        let mut child = child
            .args(["scan", "files", "--format", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = child.stdout.take().unwrap();
        let mut byte = [0];
        std::io::Read::read_exact(&mut out, &mut byte).unwrap();
        drop(out);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{format}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stderr.is_empty(), "{format}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let mut child = dir.command(PROGRAM).args(["rules", "list"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn full_disk() {
    let dir = Dir::new();
    dir.write("leaky", leak(1));
    for args in [["--output", "/dev/full"], ["--report", "json=/dev/full"], ["--report", "sarif=/nowhere/x"]] {
        let ran = dir.keysieve(&[&["scan", "leaky"][..], &args].concat());
        ran.code(4).hides(&[&runra(1)]);
        assert!(ran.stderr().contains("cannot write"), "{ran}");
    }
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = dir.command(PROGRAM);
    command.args(["scan", "leaky", "--format", "json"]).stdout(full).stderr(Stdio::piped());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
}
