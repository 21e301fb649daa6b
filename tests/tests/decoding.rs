use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use serde_json::Value;

use crate::archives;
use crate::util::{Dir, made, runra, spots};

fn base64(text: &str) -> String {
    BASE64.encode(text.as_bytes())
}

fn utf16(text: &str) -> Vec<u8> {
    format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A file each: its name, its content, the layers.
fn files() -> Vec<(&'static str, Vec<u8>, Vec<&'static str>)> {
    let line = |value: String| format!("first line\nkey: {value}\n").into_bytes();
    vec![
        ("utf16.ps1", utf16(&format!("$key = '{}'\r\n", runra(1))), vec!["utf-16"]),
        ("base64.txt", line(base64(&runra(2))), vec!["base64"]),
        ("twice.txt", line(base64(&base64(&runra(3)))), vec!["base64", "base64"]),
        ("hex.txt", line(HEXLOWER.encode(runra(4).as_bytes())), vec!["hex"]),
        ("percent.txt", line(percent(&runra(5))), vec!["percent"]),
        ("powershell.cmd", line(BASE64.encode(&utf16(&format!("$key='{}'", runra(6))))), vec!["base64", "utf-16"]),
        ("json.json", line(format!("\"{}\"", runra(7).replace('_', "\\u005f"))), vec!["json-escape"]),
        ("joined.js", line(format!("\"{}\" +\n  \"{}\";", &runra(8)[..14], &runra(8)[14..])), vec!["string-join"]),
    ]
}

fn layers(finding: &Value) -> Vec<&str> {
    finding["places"][0]["decoded_by"].as_array().unwrap().iter().map(|layer| layer.as_str().unwrap()).collect()
}

#[test]
fn encoded_keys_are_found_in_files_the_index_and_history() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("README", "nothing here\n");
    for (name, bytes, _) in files() {
        repo.write(name, bytes);
    }
    let in_files = repo.json(&["scan"]);
    repo.add();
    let staged = repo.staged();
    repo.commit_staged("oops");
    for (name, ..) in files() {
        repo.remove(name);
    }
    repo.commit("gone");
    let history = repo.history();
    for report in [in_files, staged, history] {
        report.code(1);
        assert_eq!(report.findings().len(), 8, "{}", report.ran);
        for (number, (name, bytes, wanted)) in files().into_iter().enumerate() {
            let finding = report.of(&runra(number as u64 + 1));
            assert_eq!((finding["path"].as_str(), layers(finding)), (Some(name), wanted), "{}", report.ran);
            let line = if name == "utf16.ps1" { 1 } else { 2 };
            assert_eq!(finding["line"], line, "{name}{}", report.ran);
            // Columns count the bytes of the file as stored.
            let column = match name {
                "utf16.ps1" => 2 + 2 * 8 + 1,
                "powershell.cmd" => "key: ".len() + 16 + 3,
                "json.json" | "joined.js" => "key: \"".len() + 1,
                _ => "key: ".len() + 1,
            };
            assert_eq!(finding["column"], column, "{name}{}", report.ran);
            if name == "base64.txt" {
                let end = String::from_utf8(bytes).unwrap().lines().nth(1).unwrap().len() + 1;
                assert_eq!((&finding["end_line"], &finding["end_column"]), (&2.into(), &end.into()), "{}", report.ran);
            }
        }
    }
}

#[test]
fn the_same_key_plain_and_encoded_is_one_finding() {
    let dir = Dir::new();
    dir.write("files/a", format!("key = {}\nagain: {}\n", runra(1), base64(&runra(1))));
    let report = dir.json(&["scan", "files"]);
    assert_eq!(spots(report.only()), ["a:1", "a:2"], "{}", report.ran);
    assert!(report.only()["places"][0].get("decoded_by").is_none(), "{}", report.ran);
    assert_eq!(report.only()["places"][1]["decoded_by"], serde_json::json!(["base64"]), "{}", report.ran);
}

#[test]
fn an_encoded_key_that_is_committed_does_not_block_other_edits() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    let text = |last: &str| utf16(&format!("$key = '{}'\r\n$more = '{last}'\r\n", runra(1)));
    repo.write("a.ps1", text("one"));
    repo.write("b.txt", format!("key: {}\nmore: one\n", base64(&runra(2))));
    repo.add();
    repo.staged().code(1);
    repo.commit_staged("oops");
    repo.write("a.ps1", text("two"));
    repo.write("b.txt", format!("key: {}\nmore: two\n", base64(&runra(2))));
    repo.add();
    repo.staged().clean();
}

#[test]
fn people_are_told_of_the_encoding() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("a.txt", format!("key: {}\n", base64(&base64(&runra(1)))));
    let ran = repo.keysieve(&["scan", "--history"]);
    ran.code(1).says(&["a.txt:1:6", "in base64 in base64"]);
}

#[test]
fn markers_hold_for_encoded_keys() {
    let dir = Dir::new();
    dir.write("files/a", format!("key: {} # keysieve:allow used in a test\n", base64(&runra(1))));
    dir.json(&["scan", "files"]).clean();
}

#[test]
fn encoded_keys_are_not_printed_either() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    let encoded = [base64(&runra(1)), HEXLOWER.encode(runra(2).as_bytes()), percent(&runra(3))];
    repo.write("a.txt", format!("{} and {}\n{}\n", encoded[0], encoded[1], encoded[2]));
    repo.commit(&format!("Use {} here", encoded[0]));
    let hidden: Vec<&str> = encoded.iter().map(String::as_str).collect();
    for format in ["text", "json", "jsonl", "sarif"] {
        let ran = repo.keysieve(&["scan", "--history", "-v", "--format", format]);
        ran.code(1).hides(&hidden);
    }
}

/// Rules that go by the name of a variable alone say nothing of what digits stand for.
#[test]
fn encoded_words_are_no_findings() {
    let dir = Dir::new();
    let value = base64("password = a long sentence that says nothing, token: nothing either, really");
    dir.write("files/a", format!("data: {value}\n"));
    dir.write("files/b", format!("<p>{}</p>\n", percent("https://example.org/path/to/some/page?with=query")));
    dir.json(&["scan", "files"]).clean();
}

/// What people commit, each in its usual dress.
#[test]
fn natural_habitats() {
    let dir = Dir::new();
    let utf16: Vec<u8> = format!("$env:KEY='{}'; Deploy", runra(3)).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let escaped = |text: &str| text.replace('_', "\\u005f").replace('"', "\\\"");
    let files: [(&str, Vec<u8>); 9] = [
        ("secret.yaml", format!("kind: Secret\ndata:\n  token: {}\n", base64(&runra(1))).into_bytes()),
        (
            "values.tf",
            format!("locals {{\n  key = base64decode(\"{}\")\n}}\n", base64(&format!("k={}\n", runra(2)))).into_bytes(),
        ),
        ("run.cmd", format!("powershell -EncodedCommand {}\r\n", BASE64.encode(&utf16)).into_bytes()),
        ("page.html", format!("<a href=\"data:text/plain;base64,{}\">x</a>\n", base64(&runra(4))).into_bytes()),
        (
            "log.json",
            format!("{{\"body\": \"{}\"}}\n", escaped(&format!("{{\"key\": \"{}\"}}", runra(5)))).into_bytes(),
        ),
        ("latin1.txt", [b"caf\xe9 = ".to_vec(), base64(&runra(6)).into_bytes(), b" # \xfc\n".to_vec()].concat()),
        (
            "cloud-init.yaml",
            format!("write_files:\n- content: |\n    {}\n", wrapped(&base64(&long(7)), 60, "\n    ")).into_bytes(),
        ),
        ("key.c", format!("const char key[] = {{ {} }};\n", list(&runra(8))).into_bytes()),
        ("chart.yaml", format!("cfg: >-\n  {}\n  {}\n", &runra(9)[..15], &runra(9)[15..]).into_bytes()),
    ];
    for (name, bytes) in &files {
        dir.write(format!("files/{name}"), bytes);
    }
    let report = dir.json(&["scan", "files"]);
    for (number, (name, _)) in files.iter().enumerate() {
        let finding = report.of(&runra(number as u64 + 1));
        assert_eq!(finding["path"].as_str(), Some(*name), "{}", report.ran);
        assert!(!layers(finding).is_empty(), "{}", report.ran);
    }
    assert_eq!(layers(report.of(&runra(3))), ["base64", "utf-16"], "{}", report.ran);
    report.complete(true);
}

fn long(seed: u64) -> String {
    format!("# some lines of a file\nmore = text\nkey = {}\nand = so on and on\n", runra(seed))
}

fn wrapped(text: &str, width: usize, line: &str) -> String {
    let lines: Vec<&str> = text.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join(line)
}

fn list(text: &str) -> String {
    text.bytes().map(|byte| format!("0x{byte:02x}, ")).collect()
}

#[test]
fn encoded_keys_are_found_on_standard_input_and_in_archives() {
    let dir = Dir::new();
    let text = format!("key: {}\n", base64(&runra(1)));
    let report = dir.keysieve_fed(&["scan", "--stdin", "--format", "json"], text.as_bytes()).json();
    assert_eq!(layers(report.of(&runra(1))), ["base64"], "{}", report.ran);
    dir.write("files/a.zip", archives::zip(&[("inner.yaml", text.as_bytes())]));
    let report = dir.json(&["scan", "files"]);
    assert_eq!(spots(report.of(&runra(1))), ["a.zip!/inner.yaml:1"], "{}", report.ran);
    assert_eq!(layers(report.of(&runra(1))), ["base64"], "{}", report.ran);
}

/// The token is a credential, and what its body says is another.
#[test]
fn a_key_in_the_body_of_a_token() {
    let dir = Dir::new();
    let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    let body = part(&format!("{{\"iss\":\"a.example\",\"key\":\"{}\",\"n\":\"77\"}}", runra(1)));
    let signature = made("{base64url:43}", 5);
    dir.write("files/a", format!("TOKEN={}.{body}.{signature}\n", part("{\"alg\":\"HS256\",\"kid\":\"k7\"}")));
    let report = dir.json(&["scan", "files"]);
    assert_eq!(report.findings().len(), 2, "{}", report.ran);
    assert_eq!(layers(report.of(&runra(1))), ["base64"], "{}", report.ran);
    assert!(report.findings().iter().any(|finding| finding["rule"] == "jwt-token"), "{}", report.ran);
}

#[test]
fn block_values_with_all_marks() {
    let dir = Dir::new();
    let key = runra(1);
    let marks = [">", "|", ">-", "|-", ">+", "|+", ">2", "|2-", ">-2", "|+2", ">-\r"];
    for (number, mark) in marks.iter().enumerate() {
        let text = format!("a:\n  key: {mark}\n    {}\n    {}\n  b: c\n", &key[..15], &key[15..]);
        dir.write(format!("files/{number:02}.yaml"), text);
    }
    let report = dir.json(&["scan", "files"]);
    assert_eq!(spots(report.only()).len(), marks.len(), "{}", report.ran);
}

#[test]
fn strings_in_pieces_of_many_languages() {
    let dir = Dir::new();
    let key = runra(1);
    let (a, b) = key.split_at(14);
    for (name, text) in [
        ("a.js", format!("k = \"{a}\" +\n  `{b}`;\n")),
        ("a.py", format!("k = (\"{a}\"\n     f\"{b}\")\n")),
        ("a.bas", format!("k = \"{a}\" & _\r\n  \"{b}\"\r\n")),
        ("a.ps1", format!("$k = \"{a}\" `\n + \"{b}\"\n")),
        ("a.php", format!("$k = '{a}' . '{b}';\n")),
        ("a.c", format!("char k[] = \"{a}\"\n  \"{b}\";\n")),
        ("b.js", format!("k = `{a}` +\n  `{b}`;\n")),
        ("a.sh", format!("export K={a}\\\n{b}\n")),
    ] {
        dir.write(format!("files/{name}"), text);
    }
    let report = dir.json(&["scan", "files"]);
    assert_eq!(spots(report.only()).len(), 8, "{}", report.ran);
    assert!(report.only()["places"].as_array().unwrap().iter().all(|place| place["decoded_by"][0] == "string-join"));
}

#[test]
fn what_is_too_deep_is_named() {
    let dir = Dir::new();
    let deep = (0..5).fold(runra(1), |text, _| base64(&text));
    dir.write("files/deep", format!("It said {deep} here\n"));
    let report = dir.json(&["scan", "files"]);
    report.clean().complete(true);
    let example = report.gap("decode-depth")["examples"][0].as_str().unwrap().to_owned();
    assert_eq!(example, "deep: encoded more than 4 times (--max-decode-depth)");
    let report = dir.json(&["scan", "files", "--max-decode-depth", "5"]);
    assert_eq!(layers(report.of(&runra(1))), ["base64"; 5], "{}", report.ran);
    assert_eq!(report.left_out("decode-depth"), 0);
    let report = dir.json(&["scan", "files", "--max-decode-depth", "0"]);
    report.clean();
    assert_eq!(report.left_out("decode-depth"), 0);
    dir.keysieve(&["scan", "files", "--max-decode-depth", "17"]).code(2);
    let repo = dir.repo("repo");
    repo.commit_file("deep", format!("It said {deep} here\n"));
    let report = repo.history();
    assert!(report.left_out("decode-depth") >= 1, "{}", report.ran);
    report.complete(true);
}
