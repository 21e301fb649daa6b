//! Files that are secrets in themselves: by first bytes and by name, in every source, once a file.

use std::fs;

use crate::util::{Dir, Report, runra, text};

fn keepass(seed: u8) -> Vec<u8> {
    let head = [0x03, 0xd9, 0xa2, 0x9a, 0x67, 0xfb, 0x4b, 0xb5];
    head.into_iter().chain((0..4000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 ^ seed)).collect()
}

/// 32 hex digits that nobody has.
fn rails(seed: u64) -> String {
    crate::util::made("{hex:32}", seed)
}

fn rules(report: &Report) -> Vec<&str> {
    report.findings().iter().map(|finding| text(&finding["rule"])).collect()
}

#[test]
fn magic_is_enough_in_every_source() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.write("clean", "hello\n");
    repo.commit("start");
    repo.stage("notes.bin", keepass(1));
    let staged = repo.staged();
    let finding = staged.code(1).only();
    assert_eq!((text(&finding["rule"]), text(&finding["path"])), ("secret-file-keepass", "notes.bin"));
    assert_eq!(text(&finding["redacted"]), "(the whole file)");
    assert!(finding.get("line").is_none() && finding["exposure"]["level"] == "staged", "{finding}");
    repo.keysieve(&["scan", "--staged"]).code(1).says(&["KeePass database", "git restore --staged", ".gitignore"]);
    repo.commit_staged("vault");
    let print = text(&finding["fingerprint"]);
    let others = [
        repo.json(&["scan"]),
        repo.json(&["scan", "--range", "HEAD~1..HEAD"]),
        repo.history(),
        dir.json(&["scan", "repo/notes.bin"]),
    ];
    for report in others {
        assert_eq!(report.code(1).only()["fingerprint"], print, "{}", report.ran);
    }
    let piped = dir.keysieve_fed(&["scan", "--stdin", "-f", "json"], &keepass(1)).json();
    assert_eq!(piped.code(1).only()["fingerprint"], print);
    // The guide finds it by its fingerprint again.
    repo.keysieve(&["guide", print]).code(0).says(&["vault of passwords"]);
}

#[test]
fn names_count_where_trees_and_paths_tell_them() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.write("clean", "hello\n");
    repo.commit("start");
    repo.write("config/master.key", rails(1));
    // The same shape under a name that says nothing.
    repo.stage("config/other.txt", rails(2));
    let staged = repo.staged();
    assert_eq!(rules(staged.code(1)), ["rails-master-key-file"], "{}", staged.ran);
    let print = crate::util::print_of(&rails(1));
    assert_eq!(staged.only()["fingerprint"], print.as_str(), "the file is the key");
    repo.commit_staged(&format!("the key is {}", rails(1)));
    // The file is one word, which other texts can quote.
    repo.keysieve(&["scan", "--history"]).code(1).says(&["git rm --cached", "the key is …(32)"]).hides(&[&rails(1)]);
    for i in 0..20 {
        repo.write(format!("config/f{i}"), format!("{i}\n"));
        repo.commit(&format!("change {i}"));
    }
    repo.git(&["rm", "--quiet", "config/master.key"]);
    repo.commit("gone");
    // Loose, then as deltas in a pack: trees that are changes of one another.
    for _ in 0..2 {
        let history = repo.history();
        assert_eq!(rules(history.code(1)), ["rails-master-key-file"], "{}", history.ran);
        assert_eq!(history.only()["fingerprint"], print.as_str());
        assert_eq!(crate::util::spots(history.only()), ["config/master.key:null"]);
        repo.git(&["repack", "-adfq"]);
    }
    assert_eq!(rules(repo.json(&["scan", "--range", "..HEAD"]).code(1)), ["rails-master-key-file"]);
    repo.json(&["scan"]).clean();
}

#[test]
fn what_is_found_inside_is_worth_more() {
    let dir = Dir::new();
    dir.write("a/.env", format!("DB_PASSWORD=hunter22\nRUNRA_API_KEY={}\n", runra(1)));
    dir.write("b/.env", "DB_PASSWORD=hunter22\n");
    dir.write("c/.env", format!("KEY_ONE={}\nKEY_TWO={}\n", runra(2), runra(3)));
    let report = dir.json(&["scan", "a"]);
    assert_eq!(rules(&report), ["runra-api-key", "generic-password"]);
    let report = dir.json(&["scan", "b"]);
    assert_eq!(rules(&report), ["generic-password"]);
    // A stand-in is less sure than the file itself.
    dir.write("b/.env", "DB_PASSWORD=password12\n");
    let report = dir.json(&["scan", "b"]);
    assert_eq!(rules(&report), ["secret-file-dotenv"]);
    let report = dir.json(&["scan", "c"]);
    assert_eq!(rules(&report), ["runra-api-key", "runra-api-key"]);
}

#[test]
fn a_marker_on_the_first_line_holds_for_the_file() {
    let dir = Dir::new();
    dir.write(".env", "# keysieve:allow local container only\nDB_PASSWORD=hunter22\n");
    dir.json(&["scan"]).code(0);
    dir.write(".env", "DB_PASSWORD=hunter22\n\n# keysieve:allow\n");
    dir.json(&["scan"]).code(1);
}

#[test]
fn large_files_by_their_beginning_only() {
    let dir = Dir::new();
    let mut large = keepass(3);
    large.resize(40 << 20, 7);
    dir.write("large", &large);
    assert_eq!(rules(dir.json(&["scan", "large"]).code(1)), ["secret-file-keepass"]);
    // Where a piece begins is not where a file begins.
    let mut moved = vec![b' '; 3 << 20];
    moved.extend(keepass(3).repeat(5000));
    dir.write("large", &moved);
    dir.json(&["scan", "large"]).clean();
    fs::remove_file(dir.path("large")).unwrap();
}

#[test]
fn own_rules_about_files() {
    let dir = Dir::new();
    let rule = |fields: &str| {
        format!("provider: Own\nrules:\n  - id: own-file\n    title: Own file\n    kind: file\n{fields}")
    };
    dir.write(
        "own.yaml",
        rule("    severity: high\n    confidence: high\n    names: ['*.acme']\n    holds: 'ACME [0-9]{4}'\n"),
    );
    dir.write("x/a.acme", "ACME 1234\n");
    dir.write("x/b.acme", "ACME\n");
    dir.write("x/c.txt", "ACME 1234\n");
    let report = dir.json(&["scan", "x", "--rules", "own.yaml"]);
    assert_eq!(text(&report.code(1).only()["path"]), "a.acme");
    dir.write("bad.yaml", rule("    magic: ['30 82']\n    pattern: 'x'\n    holds: '('\n    names: ['a/b']\n"));
    let bad = dir.keysieve(&["rules", "check", "bad.yaml"]);
    bad.code(2).complains(&[
        "`pattern` is for what stands in content",
        "`holds` does not compile",
        "`names` has `a/b`",
    ]);
    dir.write("none.yaml", rule(""));
    dir.keysieve(&["rules", "check", "none.yaml"]).code(2).complains(&["needs `names` or `magic`"]);
    dir.write("content.yaml", "provider: O\nrules:\n  - id: o-x\n    title: X\n    names: [a]\n    keywords: [abcd]\n    pattern: '{left}(?<secret>abcd)'\n    reach: 9\n");
    dir.keysieve(&["rules", "check", "content.yaml"]).code(2).complains(&["`names` is for rules with `kind: file`"]);
}

#[test]
fn the_samples_of_built_in_file_rules_hold() {
    let dir = Dir::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
    for file in ["secret-file", "rails", "jenkins", "ansible-vault"] {
        let path = format!("{folder}/{file}.yaml");
        dir.keysieve(&["rules", "test", &path, "--values", "20"]).code(0).says(&["0 failures"]);
    }
}
