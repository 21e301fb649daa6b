use std::fs;

use crate::util::{Dir, Ran, Repo, contains, made, runra};

const FORMATS: [&str; 4] = ["text", "json", "jsonl", "sarif"];

/// A repository with a secret of its own at every place that one can be.
fn everywhere(dir: &Dir) -> (Repo<'_>, Vec<String>) {
    let repo = dir.repo("repo");
    let password = made("Pw{alnum:18}", 77);
    let mut secrets: Vec<String> = (1..=14).map(runra).collect();
    repo.write("content.env", format!("key = {}\nurl = postgres://app:{password}@db.internal/app\n", secrets[0]));
    repo.write(format!("path/{}/file", secrets[1]), format!("key = {}\n", secrets[1]));
    repo.write(format!("two-in-a-line/{}", secrets[2]), format!("{} {} {}\n", secrets[2], secrets[3], secrets[0]));
    repo.add();
    repo.later();
    let mut commit = repo.command("git");
    commit.env("GIT_AUTHOR_NAME", &secrets[4]).env("GIT_COMMITTER_NAME", &secrets[5]);
    let message = format!("{} in the subject\n\n{} in the body", secrets[6], secrets[7]);
    assert!(commit.args(["commit", "--quiet", "-m", &message]).status().unwrap().success());
    repo.git(&["tag", "-m", &format!("tag {}", secrets[8]), &format!("tag-{}", secrets[9])]);
    repo.git(&["notes", "add", "-m", &secrets[10], "HEAD"]);
    repo.git(&["branch", &format!("branch/{}", secrets[11])]);
    repo.git(&["update-ref", &format!("refs/remotes/origin/{}", secrets[12]), "HEAD"]);
    repo.git(&["remote", "add", "origin", &format!("https://bot:{password}@example.org/{}.git", secrets[13])]);
    // As details: an account or host beside the secret.
    let account = format!("{}.db.internal", secrets[0]);
    repo.stage("details.env", format!("DATABASE_URL=postgres://{}:{password}@{account}/x\n", secrets[3]));
    secrets.push(password);
    (repo, secrets)
}

fn assert_hidden(ran: &Ran, secrets: &[String]) {
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    ran.no_panic().hides(&secrets);
}

#[test]
fn no_secret_in_any_format_of_any_mode() {
    let dir = Dir::new();
    let (repo, secrets) = everywhere(&dir);
    let modes = [&["--history"][..], &["--staged"], &["--range", "HEAD"], &["."], &["content.env"]];
    for mode in modes {
        for format in FORMATS {
            for flags in [
                &[][..],
                &["-v"],
                &["-q"],
                &["-v", "--show-suppressed"],
                &["--color", "always", "--disable", "database-*"],
            ] {
                let ran = repo.keysieve(&[&["scan", "--format", format], mode, flags].concat());
                if flags.contains(&"--disable") {
                    // What no rule looks for is not known to be secret.
                    assert_hidden(&ran, &secrets[..14]);
                } else {
                    assert_hidden(&ran, &secrets);
                }
                ran.code(1);
            }
        }
    }
}

#[test]
fn no_secret_in_report_files() {
    let dir = Dir::new();
    let (repo, secrets) = everywhere(&dir);
    let files: Vec<String> = FORMATS.iter().map(|format| dir.text(&format!("report.{format}"))).collect();
    let reports: Vec<String> =
        FORMATS.iter().zip(&files).map(|(format, file)| format!("--report={format}={file}")).collect();
    let mut args = vec!["scan", "--history", "-v", "--output", &files[0]];
    args.extend(reports[1..].iter().map(String::as_str));
    let ran = repo.keysieve(&args);
    ran.code(1);
    assert!(ran.output.stdout.is_empty(), "{ran}");
    for file in files {
        let bytes = fs::read(&file).unwrap();
        assert!(bytes.len() > 1000, "{file}");
        for secret in &secrets {
            assert!(!contains(&bytes, secret), "{secret} is in {file}");
        }
    }
}

#[test]
fn every_secret_of_every_place_was_found() {
    // The other tests of this module would hold of a scanner that finds nothing.
    let dir = Dir::new();
    let (repo, secrets) = everywhere(&dir);
    let report = repo.history();
    for (place, secret) in secrets.iter().enumerate() {
        assert!(report.has(secret), "secret {place} was not found{}", report.ran);
    }
}

#[test]
fn show_secrets_shows_them() {
    let dir = Dir::new();
    let (repo, secrets) = everywhere(&dir);
    for format in FORMATS {
        let ran = repo.keysieve(&["scan", "content.env", "--show-secrets", "--format", format]);
        ran.code(1).says(&[&secrets[0]]);
    }
    let report = repo.json(&["scan", "content.env", "--show-secrets"]);
    assert_eq!(report.of(&secrets[0])["secret"], secrets[0].as_str());
}

#[test]
fn what_a_provider_shows_is_shown_and_no_more() {
    let dir = Dir::new();
    let key = runra(1);
    dir.write("a", format!("key = {key}\nurl = postgres://app:{}@db.internal/app\n", made("Pw{alnum:18}", 7)));
    let report = dir.json(&["scan", "a"]);
    assert_eq!(report.of(&key)["redacted"], format!("{}…(34)", &key[..11]), "{}", report.ran);
    // No literal prefix: nothing but the length.
    let other = report.findings().iter().find(|finding| finding["rule"] != "runra-api-key").unwrap();
    assert_eq!(other["redacted"], "…(20)", "{}", report.ran);
    // And nowhere a third character more.
    report.ran.hides(&[&key[..12], &key[11..]]);
    dir.keysieve(&["scan", "a", "-v"]).hides(&[&key[..12], &key[11..]]);
}

#[test]
fn other_spellings_of_a_found_secret() {
    let dir = Dir::new();
    let password = format!("p@ss/{}", made("{alnum:16}", 3));
    let escaped = password.replace('@', "%40").replace('/', "%2F");
    let repo = dir.repo("repo");
    repo.write("a", format!("DATABASE_URL=postgres://app:{escaped}@db.internal/app\n"));
    repo.write(format!("path-{escaped}"), format!("DATABASE_URL=postgres://app:{escaped}@db.internal/app\n"));
    repo.commit(&format!("password is {escaped}"));
    for format in FORMATS {
        let ran = repo.keysieve(&["scan", "--history", "-v", "--format", format]);
        ran.code(1).hides(&[&password, &escaped]);
    }
}

#[test]
fn a_secret_of_several_lines() {
    let dir = Dir::new();
    let body: Vec<String> = (0..5).map(|n| made("{base64:64}", n)).collect();
    let (begin, end) =
        (["-----BEGIN", "RSA PRIVATE KEY-----"].join(" "), ["-----END", "RSA PRIVATE KEY-----"].join(" "));
    let (first, last) = (made("MIIBOgIBAAJBA{base64:51}", 10), made("{base64:40}", 11));
    let pem = format!("{begin}\n{first}\n{}\n{last}\n{end}\n", body.join("\n"));
    let repo = dir.repo("repo");
    repo.write("key.pem", &pem);
    repo.write("one.json", format!("{{\"key\": \"{}\"}}\n", pem.replace('\n', "\\n")));
    repo.commit(&format!("the key\n\n{}", body[3]));
    let lines: Vec<&str> = body.iter().chain([&first, &last]).map(String::as_str).collect();
    for format in FORMATS {
        for mode in ["--history", "."] {
            let ran = repo.keysieve(&["scan", mode, "-v", "--format", format]);
            ran.code(1).hides(&lines);
        }
    }
}

#[test]
fn not_in_error_messages() {
    let dir = Dir::new();
    let key = runra(1);
    let hidden = |name: &str, content: &str, args: &[&str]| {
        dir.write(name, content);
        let ran = dir.keysieve(args);
        ran.code(2).hides(&[&key]);
    };
    let scan = ["scan", "home", "--config", "c.yaml"];
    hidden("c.yaml", &format!("skip: [{key}\n  : : {key}\n"), &scan);
    hidden("c.yaml", &format!("\"{key}\n"), &scan);
    hidden("c.yaml", &format!("a: *{key}\n"), &scan);
    hidden("c.yaml", &format!("{key}: 1\n"), &scan);
    hidden("c.yaml", &format!("skip: ['[{key}']\n"), &scan);
    hidden("c.yaml", &format!("rules: [{key}]\n"), &scan);
    hidden("c.yaml", &format!("allow: [{{fingerprint: {key}, reason: x}}]\n"), &scan);
    hidden("c.yaml", &format!("allow: [{{fingerprint: 'ks1:x', until: {key}, reason: x}}]\n"), &scan);
    hidden("c.yaml", &format!("disable: [{key}]\n"), &scan);
    let rules = ["rules", "check", "r.yaml"];
    let rule = |field: &str| {
        format!("provider: P\nrules:\n  - id: a-rule\n    title: T\n    keywords: [abcd]\n    reach: 99\n{field}\n")
    };
    hidden("r.yaml", &rule(&format!("    pattern: '{{left}}(?<secret>abcd({key})'")), &rules);
    hidden("r.yaml", &rule(&format!("    severity: {key}")), &rules);
    hidden("r.yaml", &rule(&format!("    {key}: x")), &rules);
    hidden("r.yaml", &rule(&format!("    validate: [{key}]")), &rules);
    hidden("r.yaml", &rule(&format!("    guidance: {key}")), &rules);
    hidden("r.yaml", &format!("{key}\n"), &rules);
    hidden(
        "report.json",
        &format!("{{\"a\": \"{key}\", {key}"),
        &["guide", "ks1:0123456789abcdef0123", "--report", "report.json"],
    );
}

#[test]
fn not_in_errors_about_what_was_typed() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.commit_file("a", "hello\n");
    let key = runra(1);
    // A key pasted where a path, a range or a rule belongs must not end in a log of CI.
    for args in [
        &["scan", &key][..],
        &["scan", "--range", &format!("{key}..HEAD")],
        &["scan", "--history", &key],
        &["scan", "--config", &key],
        &["scan", "--rules", &key],
        &["scan", "--disable", &key],
        &["guide", &key],
        &["rules", "show", &key],
        &["scan", "--format", &key],
    ] {
        repo.keysieve(args).code(2).hides(&[&key]);
    }
}

#[test]
fn not_in_gaps() {
    let dir = Dir::new();
    let key = runra(1);
    dir.write("files/a", format!("key = {key}\n"));
    std::os::unix::fs::symlink("nowhere", dir.path(format!("files/{key}"))).unwrap();
    for format in FORMATS {
        dir.keysieve(&["scan", "files", "-v", "--format", format]).code(1).hides(&[&key]);
        dir.keysieve(&["scan", "files/a", &format!("files/{key}"), "-v", "--format", format]).code(1).hides(&[&key]);
    }
}

#[test]
fn a_secret_in_a_path_alone_is_hidden_from_files_too() {
    let dir = Dir::new();
    let key = runra(1);
    dir.write(format!("files/{key}/other.env"), format!("key = {}\n", runra(2)));
    for format in FORMATS {
        dir.keysieve(&["scan", "files", "-v", "--format", format]).code(1).hides(&[&key, &runra(2)]);
    }
}

#[test]
fn fingerprints() {
    let dir = Dir::new();
    dir.write("a", format!("key = {}\n", runra(1)));
    let public = dir.json(&["scan", "a"]);
    assert_eq!(public.only()["fingerprint"], crate::util::print_of(&runra(1)));
    dir.set("KEYSIEVE_ID_KEY", "a key of one's own");
    let own = dir.json(&["scan", "a"]);
    let own = crate::util::text(&own.only()["fingerprint"]).to_owned();
    assert!(own.starts_with("ks1k:") && own[5..] != crate::util::print_of(&runra(1))[4..], "{own}");
}
