use std::fs;
use std::time::{Duration, Instant};

use keysieve::blob::{Blob, ObjectId, Origin};
use keysieve::coverage::{Reason, Tally};
use keysieve::rules::sample::Random;
use keysieve::unpack::{Limits, Unpacker};

use crate::archives::{self, Zipped, every_kind, gz, tar, tar_member, zip, zip_of};
use crate::util::{Dir, PROGRAM, Ran, Report, kinds, runra, spots, text};

fn leak(seed: u64) -> Vec<u8> {
    format!("# settings\nkey = {}\n", runra(seed)).into_bytes()
}

/// Runs keysieve with a limit on its memory, in KiB: what is not bounded ends in an abort.
fn limited(dir: &Dir, args: &[&str], kib: u32) -> (Report, Duration) {
    let mut command = dir.command("sh");
    command.arg("-c").arg(format!("ulimit -v {kib}; exec \"$@\"")).args(["sh", PROGRAM]).args(args);
    let begun = Instant::now();
    let report = Ran::of(command.args(["--threads", "2", "--format", "json"])).json();
    (report, begun.elapsed())
}

/// What a bomb may take: seconds on a busy machine, and bytes of address space.
const PATIENCE: Duration = Duration::from_secs(60);
const MEMORY: u32 = 1 << 20;

#[test]
fn every_kind_of_container_is_opened() {
    let dir = Dir::new();
    for (at, (name, bytes, _)) in every_kind(&leak(1)).into_iter().enumerate() {
        dir.write(format!("all/{at:02}-{name}"), bytes);
    }
    let report = dir.json(&["scan", "all"]);
    report.code(1).complete(true);
    let mut expected: Vec<String> = every_kind(&leak(1))
        .iter()
        .enumerate()
        .map(|(at, (name, _, inside))| {
            let line = match *name {
                // A page begins on a line of its own.
                "pdf" | "pdf-hex" => 3,
                "gz-of-two" => 11,
                _ => 2,
            };
            format!("{at:02}-{name}{inside}:{line}")
        })
        .collect();
    expected.sort();
    let mut found = spots(report.of(&runra(1)));
    found.sort();
    assert_eq!(found, expected);
    // Members, and the containers that are members.
    assert!(report.read("members") >= expected.len() as u64, "{}", report.ran);
}

#[test]
fn all_modes_find_the_same() {
    let archive = zip(&[("b.tar.gz", &gz(&tar(&[("./inner/.env", &leak(1))]))), ("note", b"nothing")]);
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("readme", "hello\n");
    repo.stage("a.zip", &archive);
    let staged = repo.staged();
    let files = repo.json(&["scan"]);
    let commit = repo.commit("add");
    let range = repo.json(&["scan", "--range", "HEAD~1.."]);
    let history = repo.history();
    let stdin = dir.keysieve_fed(&["scan", "--stdin", "--format", "json"], &archive).json();
    for report in [&staged, &files, &range, &history] {
        report.code(1).complete(true);
        assert_eq!(spots(report.only()), ["a.zip!/b.tar.gz!/inner/.env:2"], "{}", report.ran);
        assert_eq!(report.only()["path"], "a.zip!/b.tar.gz!/inner/.env");
        assert_eq!(report.only()["column"], 7);
        assert_eq!(report.prints(), stdin.prints());
        assert_eq!(report.read("members"), 2);
    }
    for report in [&range, &history] {
        assert_eq!(report.only()["places"][0]["commit"], commit.as_str());
        assert_ne!(report.level("local")["in_head"], false);
    }
    staged.level("staged");
    let said = dir.keysieve_fed(&["scan", "--stdin"], &archive);
    said.code(1).says(&["<stdin>!/b.tar.gz!/inner/.env:2:7"]);
    repo.keysieve(&["scan"]).code(1).says(&["a.zip!/b.tar.gz!/inner/.env:2:7", "git add :/a.zip"]).hides(&[&runra(1)]);
    // SARIF points at the file that is there; the rest is in words.
    let sarif = repo.keysieve(&["scan", "--format", "sarif"]);
    sarif.code(1).says(&["\"uri\": \"a.zip\"", "in b.tar.gz!/inner/.env, line 2"]).hides(&["\"startLine\"", &runra(1)]);
}

#[test]
fn a_member_that_is_gone_is_reported_like_any_blob() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    let first = repo.commit_file("a.jar", zip(&[("app.properties", &leak(1))]));
    let date = repo.date();
    repo.commit_file("a.jar", zip(&[("app.properties", b"key =\n")]));
    let report = repo.history();
    let exposure = report.level("local");
    assert_eq!((text(&exposure["commit"]), text(&exposure["since"])), (first.as_str(), date.as_str()));
    assert_eq!(exposure["in_head"], false);
    assert_eq!(spots(report.only()), ["a.jar!/app.properties:2"]);
    // Packed as a change of the other version, too.
    repo.git(&["gc", "--quiet", "--aggressive", "--prune=now"]);
    assert_eq!(repo.history().value["findings"], report.value["findings"]);
    repo.json(&["scan"]).clean();
}

#[test]
fn head_is_consulted_for_what_is_in_archives() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("readme", "hello\n");
    repo.write("a.zip", zip(&[(".env", &leak(1))]));
    repo.json(&["scan"]).level("worktree");
    repo.add();
    repo.keysieve(&["scan", "--staged"]).code(1).says(&["git restore --staged :/a.zip"]);
    let commit = repo.commit("add");
    let report = repo.json(&["scan"]);
    assert_eq!(text(&report.level("local")["commit"]), commit);
    // Another member changes: what HEAD has is not this commit's doing.
    repo.stage("a.zip", zip(&[(".env", &leak(1)), ("more", b"text")]));
    let report = repo.json(&["scan", "--staged", "--show-suppressed"]);
    report.code(0);
    assert_eq!(report.only()["suppression"]["by"], "committed");
    repo.stage("a.zip", zip(&[(".env", &leak(2))]));
    assert!(repo.staged().has(&runra(2)));
    let guide = repo.keysieve(&["guide", text(&report.only()["fingerprint"])]);
    guide.code(0).says(&["Runra"]);
}

#[test]
fn the_hook_blocks_what_is_in_a_staged_zip() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.keysieve(&["hook", "install"]).code(0);
    repo.stage("a.zip", zip(&[("inner/.env", &leak(1))]));
    let ran = repo.try_git(&["commit", "--quiet", "-m", "add"]);
    ran.code(1).no_panic();
    assert!(format!("{ran}").contains("a.zip!/inner/.env:2:7"), "{ran}");
}

#[test]
fn places_that_others_skip_or_cannot_read() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    let line = |seed| format!("https://example.org/?key={}", runra(seed));
    repo.write("24.zip", zip(&[("inner/.env", &leak(24))]));
    repo.write("25.tar.gz", gz(&tar(&[("inner/.env", &leak(25))])));
    repo.write("node_modules/left-pad/index.js", format!("module.exports = \"{}\"\n", line(36)));
    repo.write("package-lock.json", format!("{{\"packages\": {{\"a\": {{\"resolved\": \"{}\"}}}}}}\n", line(37)));
    let page = format!("BT /F1 12 Tf ({}) Tj ET", line(38));
    repo.write("38.pdf", archives::pdf("", page.as_bytes()));
    repo.write("39.svg", format!("<svg xmlns=\"x\"><text>{}</text></svg>\n", line(39)));
    repo.write(
        "dist/app.min.js",
        format!("{}var a=\"{}\";{}", "x=1;".repeat(50_000), runra(40), "y=2;".repeat(50_000)),
    );
    repo.write("vendor/github.com/x/y.go", format!("const k = \"{}\"\n", runra(41)));
    repo.write("yarn.lock", format!("a@1:\n  resolved \"{}\"\n", line(42)));
    repo.write(
        "a.ipynb",
        format!("{{\"cells\": [{{\"outputs\": [{{\"text\": [\"key={}\\n\", \"\\\"b\\\"\"]}}]}}]}}", runra(43)),
    );
    repo.write(
        "a.har",
        format!("{{\"log\": {{\"entries\": [{{\"x\": \"{{\\\"key\\\":\\\"{}\\\"}}\"}}]}}}}", runra(44)),
    );
    repo.write("terraform.tfstate", format!("{{\"resources\": [{{\"key\": \"{}\"}}]}}", runra(45)));
    // A class file's pool of constants, an executable's read-only data, a photo's comment: in the bytes as they are.
    let constant =
        [&b"\xca\xfe\xba\xbe\0\0\0\x34\0\x10\x01\0\x22"[..], runra(46).as_bytes(), b"\x01\0\x04Code\x0c"].concat();
    repo.write("A.class", constant);
    repo.write("a.out", [&b"\x7fELF\x02\x01\x01\0\0\0\0\0\0"[..], runra(47).as_bytes(), b"\0\0"].concat());
    repo.write("a.exe", [&b"MZ\x90\0\x03\0"[..], runra(48).as_bytes(), b"\0\0"].concat());
    repo.write(
        "a.jpg",
        [&b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\xff\xfe\0\x24"[..], runra(49).as_bytes(), b"\xff\xd9"].concat(),
    );
    let layer = gz(&tar(&[("app/.env", &leak(50))]));
    repo.write("image.tar", tar(&[("manifest.json", b"[]"), ("blobs/sha256/ab", &layer)]));
    repo.commit("all");
    let report = repo.history();
    report.complete(true);
    for seed in [24, 25].into_iter().chain(36..=50) {
        assert!(report.has(&runra(seed)), "{seed} was not found{}", report.ran);
    }
    assert_eq!(spots(report.of(&runra(50))), ["image.tar!/blobs/sha256/ab!/app/.env:2"]);
}

#[test]
fn text_of_pages_is_read_as_it_is_shown() {
    let dir = Dir::new();
    let key = runra(1);
    let (a, b) = key.split_at(12);
    let wide: String = key.bytes().map(|byte| format!("00{byte:02x}")).collect();
    let octal: String = key.bytes().map(|byte| format!("\\{byte:03o}")).collect();
    for (name, operators) in [
        ("kerned", format!("[(key {a}) -20 ({b}) 3.5 ( x)] TJ")),
        ("twice", format!("(key {a}) Tj ({b}) Tj")),
        ("wide", format!("<{wide}> Tj")),
        ("octal", format!("({octal}) Tj")),
        ("continued", format!("({a}\\\n{b}) Tj")),
    ] {
        dir.write(
            format!("all/{name}"),
            archives::pdf("/Filter /FlateDecode", &archives::zlib(format!("BT {operators} ET").as_bytes())),
        );
    }
    let report = dir.json(&["scan", "all"]);
    assert_eq!(spots(report.of(&key)).len(), 5, "{}", report.ran);
}

/// Most programs number the glyphs that they use.
#[test]
fn numbered_glyphs_are_read_by_the_maps_of_their_fonts() {
    let dir = Dir::new();
    let key = runra(1);
    let used: Vec<char> = ('0'..='9').chain('a'..='z').chain(['_']).collect();
    let code = |c: char| used.iter().position(|other| *other == c).unwrap() + 3;
    let map = "begincmap 2 beginbfrange <0003> <000c> <0030>\n<000d> <0026> <0061> endbfrange 1 beginbfchar <0027> <005F> endbfchar";
    let shown: String = key.chars().map(|c| format!("{:04x}", code(c))).collect();
    let page =
        format!("BT /F1 9 Tf 1 0 0 1 7 7 Tm <{}> Tj [<{}> 3 <{}>] TJ ET", &shown[..20], &shown[20..48], &shown[48..]);
    let font = b"<</Type/Font/Subtype/Type0/Encoding/Identity-H/ToUnicode 6 0 R>>";
    let stream = |number: u32, more: &str, bytes: &[u8]| {
        let head = format!("{number} 0 obj\n<</Filter/FlateDecode{more}/Length {}>>\nstream\n", bytes.len());
        [head.as_bytes(), bytes, b"\nendstream\nendobj\n"].concat()
    };
    let body =
        [stream(4, "", &archives::zlib(page.as_bytes())), stream(6, "", &archives::zlib(map.as_bytes()))].concat();
    let resources = b"3 0 obj\n<</Type/Page/Resources<</Font<</F1 5 0 R>>>>/Contents 4 0 R>>\nendobj\n";
    let open = [b"%PDF-1.4\n", &body[..], resources, b"5 0 obj\n", font, b"\nendobj\n"].concat();
    // The font in a stream of objects, as newer documents have it.
    let packed = stream(9, "/Type/ObjStm/N 1/First 4", &archives::zlib(&[b"5 0 ", &font[..]].concat()));
    let closed = [b"%PDF-1.7\n", &body[..], resources, &packed].concat();
    dir.write("all/open.pdf", open);
    dir.write("all/closed.pdf", closed);
    let report = dir.json(&["scan", "all"]);
    report.complete(true);
    assert_eq!(spots(report.of(&key)), ["closed.pdf!/object 4:2", "open.pdf!/object 4:2"]);
}

#[test]
fn what_a_value_runs_into_in_the_raw_bytes_is_no_other_secret() {
    let dir = Dir::new();
    // Rows lie behind one another without anything between them; the column of the first is a number.
    let database = archives::sqlite(runra(1).as_bytes());
    let at = memchr::memmem::find(&database, runra(1).as_bytes()).unwrap();
    let mut longer = database;
    longer.splice(at + runra(1).len()..at + runra(1).len(), *b"abc");
    longer.truncate(1024);
    dir.write("a.db", longer);
    let report = dir.json(&["scan", "a.db"]);
    report.only();
}

#[test]
fn names_of_members_and_links_are_looked_at() {
    let dir = Dir::new();
    let (name, link) = (format!("backup-{}.txt", runra(1)), format!("/srv/{}", runra(2)));
    let long = format!("{}/{}", "d".repeat(120), runra(3));
    let mut archive = tar_member(name.as_bytes(), b'0', 0, b"", b"");
    archive.extend(tar_member(b"link", b'2', 0, link.as_bytes(), b""));
    archive.extend(tar_member(b"././@LongLink", b'L', long.len() as u64, b"", long.as_bytes()));
    archive.extend(tar_member(b"cut", b'0', 1, b"", b"x"));
    dir.write("a.tgz", gz(&archive));
    let report = dir.json(&["scan", "a.tgz", "--show-secrets"]);
    for seed in [1, 2, 3] {
        assert_eq!(kinds(report.of(&runra(seed))), ["path"], "{}", report.ran);
    }
    assert_eq!(report.of(&runra(1))["path"], format!("a.tgz!/{name}"));
    dir.keysieve(&["scan", "a.tgz"]).code(1).hides(&[&runra(1), &runra(2), &runra(3)]);
}

#[test]
fn names_lead_nowhere_and_nothing_is_written() {
    let dir = Dir::new();
    let mut archive = tar_member(b"../../evil", b'0', 34, b"", runra(1).as_bytes());
    archive.extend(tar_member(b"/etc/evil", b'0', 34, b"", runra(2).as_bytes()));
    archive.extend(tar_member(b"link", b'2', 0, b"../outside", b""));
    archive.extend(tar_member(b"link/evil", b'0', 34, b"", runra(3).as_bytes()));
    archive.extend(tar_member(b"same", b'0', 34, b"", runra(4).as_bytes()));
    archive.extend(tar_member(b"same", b'0', 34, b"", runra(5).as_bytes()));
    archive.extend(tar_member(b"e\x1b[31m\nvil", b'0', 34, b"", runra(6).as_bytes()));
    archive.extend(tar_member(b"caf\xe9", b'0', 34, b"", runra(7).as_bytes()));
    dir.write("in/a.tar.gz", gz(&archive));
    let members: Vec<Zipped> = [("../x", 11), ("C:\\x", 12), ("same", 13), ("same", 14), ("", 15)]
        .map(|(name, seed)| Zipped::new(name, 8, runra(seed).as_bytes()))
        .into();
    dir.write("in/a.zip", zip_of(&members));
    let listing = || {
        let mut all = Vec::new();
        let mut folders = vec![dir.path("")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().flatten() {
                all.push(entry.path());
                if entry.path().is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        all.sort();
        all
    };
    let before = listing();
    dir.set("TMPDIR", dir.path("in").to_str().unwrap());
    let report = dir.json(&["scan", "in"]);
    report.code(1).complete(true);
    for seed in (1..=7).chain(11..=15) {
        assert!(report.has(&runra(seed)), "{seed} was not found{}", report.ran);
    }
    assert_eq!(spots(report.of(&runra(1))), ["a.tar.gz!/../../evil:1"]);
    assert!(report.of(&runra(7))["path_base64"].is_string());
    dir.keysieve(&["scan", "in", "-v"]).code(1).hides(&["\x1b[31m"]);
    assert_eq!(listing(), before);
}

#[test]
fn markers_and_the_configuration_hold_inside() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    let allowed = format!("key = {} # keysieve:allow it is dead\n", runra(1));
    repo.write("a.zip", zip(&[("x", allowed.as_bytes())]));
    repo.write("skipped/b.zip", zip(&[("x", &leak(2))]));
    repo.write("c.zip", zip(&[("x", &leak(3)), ("tests/y", &leak(4))]));
    let prints: Vec<_> = [3, 4].iter().map(|seed| crate::util::print_of(&runra(*seed))).collect();
    let allow = |print: &str, path: &str| format!("  - {{fingerprint: '{print}', paths: ['{path}'], reason: known}}\n");
    let config =
        format!("skip: [skipped/]\nallow:\n{}{}", allow(&prints[0], "c.zip"), allow(&prints[1], "c.zip!/tests/*"));
    repo.write(".keysieve.yaml", config);
    repo.json(&["scan"]).clean();
    repo.commit("all");
    repo.history().clean();
}

#[test]
fn depth() {
    let dir = Dir::new();
    let mut bytes = leak(1);
    for level in 0..10 {
        bytes = zip(&[("inner", &bytes)]);
        dir.write(format!("all/{level}"), &bytes);
    }
    let report = dir.json(&["scan", "all"]);
    report.code(1).complete(false);
    assert_eq!(spots(report.of(&runra(1))), ["0!/inner:2", "1!/inner!/inner:2", "2!/inner!/inner!/inner:2"]);
    let gap = report.lost("archive-depth", 7);
    assert_eq!(text(&gap["examples"][0]), "3!/inner!/inner!/inner: it is nested deeper than 3 (--max-archive-depth)");
    let report = dir.json(&["scan", "all", "--max-archive-depth", "10"]);
    assert_eq!(spots(report.complete(true).only()).len(), 10);
    // A choice, not a cut.
    let report = dir.json(&["scan", "all/0", "--max-archive-depth", "0"]);
    report.code(0).complete(true);
    assert_eq!(report.left_out("configured"), 1);
    // Layers of compression count, too; an archive that is compressed is one level.
    let mut layers = gz(&tar(&[("x", &leak(2))]));
    dir.write("layers/1", &layers);
    for level in 2..5 {
        layers = gz(&layers);
        dir.write(format!("layers/{level}"), &layers);
    }
    let report = dir.json(&["scan", "layers"]);
    assert_eq!(spots(report.only()), ["1!/x:2", "2!/x:2", "3!/x:2"]);
    assert_eq!(report.left_out("archive-depth"), 1);
}

#[test]
fn every_limit_is_named() {
    let dir = Dir::new();
    let members: Vec<(String, Vec<u8>)> = (0..50).map(|n| (format!("m{n}"), leak(n))).collect();
    let members: Vec<(&str, &[u8])> = members.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    dir.write("a.zip", zip(&members));
    for (flags, reason) in [
        (["--max-archive-entries", "49"], "archive-entries"),
        (["--max-archive-size", "1k"], "archive-size"),
        (["--max-archive-time", "0"], "archive-time"),
        (["--max-archive-total", "1k"], "archive-total"),
    ] {
        let report = dir.json(&[&["scan", "a.zip"], &flags[..]].concat());
        report.complete(false);
        let gap = report.lost(reason, 1);
        let example = text(&gap["examples"][0]);
        assert!(example.starts_with("a.zip") && example.contains(flags[0]), "{example}");
        // What came before is found all the same.
        assert_eq!(report.has(&runra(0)), reason != "archive-time", "{}", report.ran);
        assert!(!report.has(&runra(49)), "{}", report.ran);
    }
    dir.json(&["scan", "a.zip", "--max-archive-entries", "50", "--max-archive-size", "1M"]).complete(true);
    for flag in ["--max-archive-depth", "--max-archive-entries", "--max-archive-size", "--max-archive-ratio"] {
        dir.keysieve(&["scan", "a.zip", flag, "x"]).code(2);
    }
    dir.keysieve(&["scan", "a.zip", "--max-archive-depth", "33"]).code(2);
    let ran = dir.keysieve(&["scan", "a.zip", "--max-archive-entries", "1"]);
    ran.code(1)
        .says(&["INCOMPLETE: 1 archive-entries", "a.zip!/m1: it has more than 1 members (--max-archive-entries)"]);
}

#[test]
fn what_cannot_be_opened_is_named() {
    let dir = Dir::new();
    let mut secret = Zipped::new("secret", 8, &leak(1));
    secret.flags = 1;
    let mut odd = Zipped::new("odd", 0, b"?");
    odd.method = 96;
    dir.write("locked/a.zip", zip_of(&[secret, Zipped::new("open", 8, &leak(2))]));
    dir.write("locked/b.pdf", [&archives::pdf("", b"x")[..], b"trailer\n<</Encrypt 9 0 R>>\n"].concat());
    dir.write("odd/a.zip", zip_of(&[odd]));
    dir.write("odd/a.rar", b"Rar!\x1a\x07\x01\0....");
    dir.write("odd/a.lz", b"LZIP\x01....");
    let report = dir.json(&["scan", "locked"]);
    report.code(1).complete(true);
    assert!(report.has(&runra(2)));
    let gap = report.skipped("archive-encrypted", 2);
    assert_eq!(text(&gap["examples"][0]), "a.zip!/secret: it is encrypted");
    let report = dir.json(&["scan", "odd"]);
    report.code(0);
    assert_eq!(report.left_out("archive-unknown"), 3, "{}", report.ran);
}

#[test]
fn damaged_archives_give_what_can_be_read() {
    let dir = Dir::new();
    let rest = "0123456789abcdef".repeat(9_000);
    let noise: Vec<u8> = noise(200_000);
    let whole = zip(&[("first", &leak(1)), ("second", &noise), ("third", &leak(3))]);
    // Without its directory, the members' own headers are read.
    dir.write("cut.zip", &whole[..whole.len() - 60]);
    let mut flipped = whole.clone();
    flipped[100_000] ^= 0x40;
    dir.write("flipped.zip", &flipped);
    let archive = tar(&[("first", &leak(1)), ("second", rest.as_bytes()), ("noise", &noise)]);
    let packed = gz(&archive);
    dir.write("cut.tar.gz", &packed[..packed.len() / 2]);
    let mut holed = tar(&[("first", b"x"), ("second", &leak(2)), ("third", &leak(3))]);
    holed[1024 + 20] ^= 0xff;
    dir.write("holed.tar", &holed);
    for (name, seeds) in
        [("cut.zip", &[1, 3][..]), ("flipped.zip", &[1, 3]), ("cut.tar.gz", &[1]), ("holed.tar", &[2, 3])]
    {
        let report = dir.json(&["scan", name]);
        report.code(1).complete(false);
        for seed in seeds {
            assert!(report.has(&runra(*seed)), "{name}: {seed} was not found{}", report.ran);
        }
        let gap = report.gap("archive-damaged");
        assert_eq!(gap["count"], 1, "{}", report.ran);
        assert!(text(&gap["examples"][0]).starts_with(name), "{}", report.ran);
    }
}

#[test]
fn large_files_are_opened_whole() {
    let dir = Dir::new();
    let noise = noise(20 << 20);
    let members: &[(&str, &[u8])] = &[("noise", &noise), ("last", &leak(1))];
    dir.write("all/a.tar", tar(members));
    dir.write("all/b.tar.gz", gz(&tar(members)));
    dir.write(
        "all/c.zip",
        zip_of(&members.iter().map(|(name, bytes)| Zipped::new(name, 0, bytes)).collect::<Vec<_>>()),
    );
    let report = dir.json(&["scan", "all"]);
    report.code(1).complete(true);
    assert_eq!(spots(report.only()), ["a.tar!/last:2", "b.tar.gz!/last:2", "c.zip!/last:2"]);
    // A pipe cannot be read twice, and what is behind an archive in it is seen, too.
    for name in ["a.tar", "b.tar.gz", "c.zip"] {
        let input = [fs::read(dir.path(format!("all/{name}"))).unwrap(), leak(2)].concat();
        let report = dir.keysieve_fed(&["scan", "--stdin", "--format", "json"], &input).json();
        report.code(1).complete(true);
        assert_eq!(spots(report.of(&runra(1))), ["!/last:2"], "{name}{}", report.ran);
        assert_eq!(report.of(&runra(1))["path"], "!/last", "{name}{}", report.ran);
        assert!(report.has(&runra(2)), "{name}{}", report.ran);
    }
}

/// A program that unpacks itself, or a jar that can be started: the zip is behind it.
#[test]
fn large_programs_with_a_zip_behind_them() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    let program = [&b"\x7fELF\x02"[..], &noise(40 << 20), &zip(&[(".env", &leak(1))])].concat();
    repo.write("setup", &program);
    repo.json(&["scan"]).code(1).complete(true);
    let stdin = dir.keysieve_fed(&["scan", "--stdin", "--format", "json"], &program).json();
    stdin.code(1).complete(true);
    assert!(stdin.has(&runra(1)), "{}", stdin.ran);
    repo.commit("add");
    let report = repo.history();
    assert_eq!(spots(report.complete(true).of(&runra(1))), ["setup!/.env:2"], "{}", report.ran);
}

#[test]
fn words_of_documents_that_lie_in_pieces() {
    let dir = Dir::new();
    let key = runra(1);
    dir.write("all/whole.docx", archives::docx(&["the key is", &runra(2)]));
    // What is in the first piece alone would do for a key of its own.
    dir.write("all/pieces.docx", archives::docx(&["the key is ", &key[..30], &key[30..]]));
    let sheet = format!("<sst><si><r><t>{}</t></r><r><t>{}</t></r></si></sst>", &runra(3)[..12], &runra(3)[12..]);
    dir.write("all/sheet.xlsx", zip(&[("xl/sharedStrings.xml", sheet.as_bytes())]));
    let text = format!("<office:text><text:p>{}<text:span>{}</text:span></text:p>", &runra(4)[..12], &runra(4)[12..]);
    dir.write("all/text.odt", zip(&[("content.xml", text.as_bytes())]));
    let report = dir.json(&["scan", "all"]);
    report.code(1).complete(true);
    assert_eq!(report.findings().len(), 4, "{}", report.ran);
    assert_eq!(spots(report.of(&key)), ["pieces.docx!/word/document.xml!/text:3"], "{}", report.ran);
    assert_eq!(spots(report.of(&runra(2))), ["whole.docx!/word/document.xml:2"], "{}", report.ran);
    assert!(report.has(&runra(3)) && report.has(&runra(4)), "{}", report.ran);
}

#[test]
fn bombs() {
    let dir = Dir::new();
    let zeros = vec![0; 96 << 20];
    let small = &zeros[..8 << 20];
    dir.write("bombs/zeros.gz", gz(&zeros));
    dir.write("bombs/zeros.bz2", archives::bzip2(&zeros));
    dir.write("bombs/zeros.xz", archives::xz(&zeros));
    // A window of 128 KiB, and blocks that repeat one byte so often.
    let block = [(2u32 | 1 << 20).to_le_bytes()[..3].to_vec(), vec![0]].concat();
    dir.write("bombs/zeros.zst", [&b"\x28\xb5\x2f\xfd\0\x38"[..], &block.repeat(800)].concat());
    dir.write("bombs/zeros.zip", zip(&[("zeros", &zeros)]));
    dir.write("bombs/zeros.png", archives::png(b"zTXt", &[b"a\0\0".to_vec(), archives::zlib(&zeros)].concat()));
    dir.write("bombs/zeros.pdf", archives::pdf("/Filter/FlateDecode", &archives::zlib(&zeros)));
    // As in 42.zip: sixteen of sixteen of sixteen.
    let mut inner = zip(&[("zeros", small)]);
    for _ in 0..2 {
        let copies: Vec<String> = (0..16).map(|n| format!("lib {n}")).collect();
        inner = zip(&copies.iter().map(|name| (name.as_str(), inner.as_slice())).collect::<Vec<_>>());
    }
    dir.write("bombs/nested.zip", &inner);
    // Many entries of the directory lead to the same member.
    let member = Zipped::new("kernel", 8, small);
    let mut body = zip_of(std::slice::from_ref(&member));
    body.truncate(30 + 6 + member.stored.len());
    let directory = archives::entry(&member, 0).repeat(1000);
    dir.write("bombs/overlap.zip", archives::ended(body, &directory, 1000));
    let (report, time) = limited(&dir, &["scan", "bombs"], MEMORY);
    report.code(3).complete(false);
    let gap = report.gap("archive-ratio");
    assert_eq!(gap["count"], 9, "{}", report.ran);
    assert!(time < PATIENCE, "{time:?}");
}

#[test]
fn many_entries() {
    let dir = Dir::new();
    let member = Zipped::new("x", 0, b"");
    let one = zip_of(std::slice::from_ref(&member))[..31].to_vec();
    let count = 1_000_000u32;
    let directory: Vec<u8> = (0..count).flat_map(|_| archives::entry(&member, 0)).collect();
    dir.write("bombs/million.zip", archives::ended(one, &directory, 0));
    dir.write("bombs/million.tar.gz", gz(&tar_member(b"x", b'0', 0, b"", b"").repeat(150_000)));
    let (report, time) = limited(&dir, &["scan", "bombs"], MEMORY);
    report.code(3);
    assert_eq!(report.gap("archive-entries")["count"], 2, "{}", report.ran);
    assert!(time < PATIENCE, "{time:?}");
}

#[test]
fn huge_declared_sizes_are_not_believed() {
    let dir = Dir::new();
    let mut huge = Zipped::new("x", 8, &leak(1));
    (huge.size, huge.crc) = (u32::MAX - 1, 0);
    dir.write("all/size.zip", zip_of(&[huge]));
    let mut lzma = Zipped::new("x", 0, b"\x09\x14\x05\0\x5d\xff\xff\xff\xff........");
    lzma.method = 14;
    dir.write("all/lzma.zip", zip_of(&[lzma]));
    dir.write("all/size.tar", tar_member(b"x", b'0', 0o77_777_777_777, b"", &leak(2)));
    dir.write("all/name.tar", tar_member(b"x", b'L', 0o77_777_777_777, b"", b"name"));
    let mut dictionary = archives::xz(&leak(3));
    dictionary[16] = 40;
    dir.write("all/dictionary.xz", dictionary);
    // A window of 3.75 TiB.
    dir.write("all/window.zst", b"\x28\xb5\x2f\xfd\x00\xff\x01\0\0");
    dir.write("all/chunk.png", b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffzTXt");
    dir.write("all/cpio", [&b"070701"[..], &b"f".repeat(104), b"x"].concat());
    let mut rpm = archives::rpm(b"", b"");
    rpm[104..112].fill(0xff);
    dir.write("all/rpm", rpm);
    dir.write("all/pack", b"PACK\0\0\0\x02\xff\xff\xff\xff\xbf\xff\xff\xff\xff\xff\xff\xff\x0f");
    let mut database = archives::sqlite(&leak(4));
    database.truncate(600);
    dir.write("all/sqlite", database);
    dir.write("all/ar", b"!<arch>\nx/              0           0     0     644     9999999999`\nx");
    let (report, time) = limited(&dir, &["scan", "all"], MEMORY);
    report.complete(false);
    let told: u64 = ["archive-damaged", "archive-size"].iter().map(|reason| report.left_out(reason)).sum();
    // All but the image: nothing of its text is there.
    assert_eq!(told, 11, "{}", report.ran);
    assert!(report.has(&runra(1)) && report.has(&runra(2)), "{}", report.ran);
    assert!(time < PATIENCE, "{time:?}");
}

#[test]
fn packs_and_bundles_as_files() {
    let dir = Dir::new();
    let other = dir.repo("other");
    let mut lines: Vec<String> = (0..300).map(|n| format!("line {n} {}", n * 7919)).collect();
    other.commit_file("a", lines.join("\n"));
    lines[150] = format!("key = {}", runra(1));
    other.commit_file("a", lines.join("\n"));
    other.commit(&format!("a message with {}", runra(2)));
    other.git(&["gc", "--quiet", "--aggressive"]);
    other.git(&["bundle", "create", "--quiet", "../all.bundle", "--all"]);
    other.git(&["bundle", "create", "--quiet", "../thin.bundle", "HEAD~2..main"]);
    let repo = dir.repo("repo");
    fs::copy(dir.path("all.bundle"), repo.path("all.bundle")).unwrap();
    for entry in fs::read_dir(other.path(".git/objects/pack")).unwrap().flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "pack") {
            fs::copy(entry.path(), repo.path("x.pack")).unwrap();
        }
    }
    repo.commit("add");
    let report = repo.history();
    report.code(1).complete(true);
    let blob = other.git(&["rev-parse", "HEAD:a"]);
    assert_eq!(
        spots(report.of(&runra(1))),
        [format!("all.bundle!/blob {blob}:151"), format!("x.pack!/blob {blob}:151")]
    );
    assert!(report.has(&runra(2)));
    // What is a change of something elsewhere is seen as far as it is there.
    let report = dir.json(&["scan", "thin.bundle"]);
    report.complete(true);
    assert!(report.has(&runra(1)), "{}", report.ran);
}

#[test]
fn random_bytes_are_no_archive() {
    let dir = Dir::new();
    for (at, magic) in [
        &b"PK\x03\x04"[..],
        b"\x1f\x8b\x08",
        b"BZh91AY&SY",
        b"\xfd7zXZ\0",
        b"\x28\xb5\x2f\xfd",
        b"%PDF-1.7\n",
        b"SQLite format 3\0",
        b"PACK\0\0\0\x02",
        b"!<arch>\n",
        b"070701",
        b"\xed\xab\xee\xdb",
        b"\x89PNG\r\n\x1a\n",
    ]
    .into_iter()
    .enumerate()
    {
        dir.write(format!("all/{at}"), [magic, &noise(50_000)].concat());
    }
    let report = dir.json(&["scan", "all"]);
    report.code(3);
    assert!(report.findings().is_empty());
    assert!(report.left_out("archive-damaged") >= 9, "{}", report.ran);
}

fn noise(len: usize) -> Vec<u8> {
    let mut random = Random::new(7);
    (0..len.div_ceil(8)).flat_map(|_| random.number().to_le_bytes()).take(len).collect()
}

/// Opens bytes with the library, and counts what it lends.
fn opened(bytes: &[u8], limits: &Limits) -> (Option<Tally>, u64) {
    let origin = Origin::Object { id: ObjectId::null(keysieve::pack::HashKind::Sha1) };
    let mut lent = 0;
    let tally =
        Unpacker::new(limits.clone()).open(&Blob::whole(&origin, bytes), &mut |blob| lent += blob.bytes.len() as u64);
    (tally, lent)
}

#[test]
fn mutated_containers_neither_panic_nor_hang() {
    let rounds: u64 = std::env::var("KEYSIEVE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(100);
    let limits = Limits { size: 8 << 20, entries: 1000, time: Duration::from_secs(20), ..Limits::default() };
    let (mut told, mut tried) = (0, 0);
    for (kind, (name, whole, _)) in
        every_kind(&[&leak(1)[..], &b"lorem ipsum dolor ".repeat(40)].concat()).iter().enumerate()
    {
        for round in 0..rounds {
            let mut random = Random::new(kind as u64 * 1_000_003 + round);
            let mut bytes = whole.clone();
            let mut below = |limit: usize| random.below(limit.max(1));
            for _ in 0..=below(4) {
                let at = below(bytes.len());
                match below(6) {
                    0 => bytes[at] ^= 1 << below(8),
                    1 => bytes[at] = [0, 0xff, 0x7f, 0x80][below(4)],
                    2 => bytes.truncate(at.max(12)),
                    3 => {
                        let end = bytes.len().min(at + 1 + below(64));
                        drop(bytes.drain(at..end));
                    }
                    4 => {
                        let end = bytes.len().min(at + 1 + below(64));
                        let copy = bytes[at..end].to_vec();
                        let to = below(bytes.len());
                        bytes.splice(to..to, copy);
                    }
                    _ => {
                        let end = bytes.len().min(at + 4);
                        bytes[at..end].fill(0xff);
                    }
                }
                if bytes.len() < 16 {
                    bytes.resize(16, 0);
                }
            }
            let begun = Instant::now();
            let (tally, lent) = opened(&bytes, &limits);
            tried += 1;
            told += u64::from(tally.as_ref().is_some_and(|tally| !tally.is_complete()));
            assert!(begun.elapsed() < PATIENCE, "{name}, round {round}: {:?}", begun.elapsed());
            assert!(lent < 100 << 20, "{name}, round {round}: {lent} bytes were lent");
        }
    }
    // Most damage is noticed; the rest leaves a sound container, or none.
    assert!(told * 3 > tried, "{told} of {tried}");
}

#[test]
fn what_was_opened_is_counted() {
    let limits = Limits::default();
    let (tally, lent) = opened(&zip(&[("a", b"12345"), ("b.gz", &gz(b"123"))]), &limits);
    let tally = tally.unwrap();
    assert_eq!((tally.members, tally.bytes), (2, 8));
    assert_eq!(lent, 8 + 1 + 4);
    assert!(tally.not_read.is_empty());
    assert_eq!(opened(b"plain text", &limits).0, None);
    let (tally, _) = opened(b"\x1f\x8b\x08\0", &limits);
    assert_eq!(tally.unwrap().not_read.keys().copied().collect::<Vec<_>>(), [Reason::ArchiveDamaged]);
}
