use crate::util::{Dir, leak, made, runra, spots, text};

#[test]
fn several_paths_in_any_order_from_anywhere() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.write("a/one", leak(1));
    repo.write("b/two", leak(2));
    repo.write("three", leak(3));
    dir.write("outside/four", leak(4));
    let paths = ["a", "b/two", "three", "../outside"];
    let mut all = Vec::new();
    for turn in 0..4 {
        let mut args = paths;
        args.rotate_left(turn);
        let report = repo.json(&[&["scan"][..], &args].concat());
        report.code(1).complete(true);
        assert_eq!((report.findings().len(), report.read("files")), (4, 4), "{}", report.ran);
        all.push(report);
    }
    for report in &all[1..] {
        assert!(all[0].value == report.value, "the order of PATHs must not count{}{}", all[0].ran, report.ran);
    }
    // From elsewhere, by absolute paths.
    let absolute: Vec<String> = paths.iter().map(|path| repo.path(path).to_str().unwrap().to_owned()).collect();
    let absolute: Vec<&str> = absolute.iter().map(String::as_str).collect();
    let elsewhere = dir.json(&[&["scan"][..], &absolute].concat());
    assert_eq!(elsewhere.prints(), all[0].prints(), "{}", elsewhere.ran);
    assert_eq!(elsewhere.of(&runra(1))["path"], "a/one", "{}", elsewhere.ran);
}

#[test]
fn paths_in_two_repositories() {
    let dir = Dir::new();
    let (first, second) = (dir.repo("first"), dir.repo("second"));
    first.commit_file("one", leak(1));
    second.commit_file("two", leak(2));
    second.write(".gitignore", "kept\n");
    second.write("kept", leak(3));
    second.git(&["add", "--force", "kept"]);
    let mut levels = Vec::new();
    for args in [["scan", "first", "second"], ["scan", "second", "first"]] {
        let report = dir.json(&args);
        report.code(1);
        levels.push([1, 2, 3].map(|seed| text(&report.of(&runra(seed))["exposure"]["level"]).to_owned()));
    }
    assert_eq!(levels[0], ["local", "local", "staged"]);
    assert_eq!(levels[0], levels[1]);
}

#[test]
fn a_path_that_is_named_twice_or_overlaps_is_read_once() {
    let dir = Dir::new();
    dir.write("files/a", leak(1));
    for args in [
        &["files", "files/a"][..],
        &["files/a", "files"],
        &["files/a", "files/a"],
        &["files", "files", "./files/../files"],
    ] {
        let report = dir.json(&[&["scan"][..], args].concat());
        assert_eq!(report.code(1).only()["places"].as_array().unwrap().len(), 1, "{}", report.ran);
        assert_eq!(report.read("files"), 1, "{}", report.ran);
    }
}

#[test]
fn a_path_outside_any_repository_while_inside_one() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.write(".gitignore", "plain\n");
    dir.write("plain/a", leak(1));
    let report = repo.json(&["scan", "../plain"]);
    report.code(1).level("unknown");
    assert_eq!(spots(report.only()), ["a:1"]);
}

#[test]
fn hidden_files_are_read_and_git_directories_are_not() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.write(".env", leak(1));
    repo.write(".hidden/deep/a", leak(2));
    repo.write(".git/notes.txt", leak(3));
    repo.write(".gitignored", leak(4));
    let report = repo.json(&["scan"]);
    let found: Vec<bool> = (1..=4).map(|seed| report.has(&runra(seed))).collect();
    assert_eq!(found, [true, true, false, true], "{}", report.ran);
    // But it can be asked for.
    repo.json(&["scan", ".git/notes.txt"]).code(1);
}

#[test]
fn from_a_subdirectory() {
    let dir = Dir::new();
    let repo = dir.repo("repo");
    repo.write("sub/a", leak(1));
    repo.write("b", leak(2));
    let report = dir.keysieve_in(&repo.path("sub"), &["scan", "--format", "json"]).json();
    assert_eq!(spots(report.code(1).only()), ["sub/a:1"], "below the current folder, paths from the root");
    let report = dir.keysieve_in(&repo.path("sub"), &["scan", "..", "--format", "json"]).json();
    assert_eq!(report.findings().len(), 2);
}

#[test]
fn in_a_binary_file_what_has_a_prefix_counts_and_what_has_context_does_not() {
    let dir = Dir::new();
    let prefixed = runra(1);
    let password = made("{alnum:24}", 2);
    let by_context = format!("TWILIO_AUTH_TOKEN={}\n", made("{hex:32}", 3));
    let content = format!("{prefixed}\npostgres://app:{password}@db.internal/app\n{by_context}");
    dir.write("plain", &content);
    assert_eq!(dir.json(&["scan", "plain"]).findings().len(), 3);
    dir.write("binary", ["\0\x01\x02", &content].concat());
    let report = dir.json(&["scan", "binary"]);
    assert_eq!(report.code(1).only()["rule"], "runra-api-key", "{}", report.ran);
}

#[test]
fn positions() {
    let dir = Dir::new();
    let key = runra(1);
    for (content, line, column) in [
        (key.clone(), 1, 1),
        (format!("{key}\n"), 1, 1),
        (format!("\r\na\r\nk={key}\r\n"), 3, 3),
        (format!("\u{feff}k={key}"), 1, 6),
        (format!("é={key}"), 1, 4),
        (format!("{}\n\n\n\tX_{key}", "y".repeat(5000)), 4, 4),
        (format!("\\n{key}\\n"), 1, 3),
    ] {
        dir.write("a", &content);
        let report = dir.json(&["scan", "a"]);
        let finding = report.only();
        let got = ["line", "column", "end_line", "end_column"].map(|name| finding[name].as_u64().unwrap());
        assert_eq!(got, [line, column, line, column + key.len() as u64], "{content:?}{}", report.ran);
    }
}

#[test]
fn a_line_of_one_megabyte() {
    let dir = Dir::new();
    let filler = "x=1;".repeat(250_000);
    dir.write("bundle.js", format!("{filler}{} {filler}", runra(1)));
    let report = dir.json(&["scan", "bundle.js"]);
    assert_eq!(report.code(1).only()["column"], 1_000_001);
    assert!(dir.keysieve(&["scan", "bundle.js", "-v"]).stdout().len() < 20_000);
}

/// Files above a piece are read in overlapping pieces: nothing may be lost, doubled or misplaced at a border.
#[test]
fn a_large_file() {
    let dir = Dir::new();
    let (size, line) = (44 << 20, 1000);
    let mut bytes = vec![b'.'; size];
    bytes[line - 1..].iter_mut().step_by(line).for_each(|byte| *byte = b'\n');
    let mut places = vec![0, size - 34];
    // The borders of pieces, their overlaps and the middles of those, and a good deal around them.
    for border in [16 << 20, 32 << 20, 48 << 20] {
        for overlap in [0, 128 << 10, 256 << 10, 384 << 10, 512 << 10, 768 << 10] {
            places.extend((0..40).map(|n| border - overlap + n * 50 - 1000));
        }
    }
    // Not across a line, since a newline would be overwritten, and none over another.
    places.iter_mut().filter(|at| **at / line != (**at + 34) / line).for_each(|at| *at -= 40);
    places.sort_unstable();
    places.dedup_by(|next, at| *next < *at + 36);
    places.retain(|at| at + 34 <= size);
    let mut want = Vec::new();
    for (seed, at) in places.into_iter().enumerate() {
        let key = runra(seed as u64);
        bytes[at..at + 34].copy_from_slice(key.as_bytes());
        for edge in [at.wrapping_sub(1), at + 34] {
            if bytes.get(edge) == Some(&b'.') {
                bytes[edge] = b' ';
            }
        }
        want.push(((at / line + 1) as u64, (at % line + 1) as u64, crate::util::print_of(&key)));
    }
    assert!(want.len() > 300);
    let got = |report: &crate::util::Report| {
        let places = report.findings().iter().flat_map(|finding| {
            let print = text(&finding["fingerprint"]);
            finding["places"].as_array().unwrap().iter().map(move |place| {
                (place["line"].as_u64().unwrap(), place["column"].as_u64().unwrap(), print.to_owned())
            })
        });
        let mut got: Vec<(u64, u64, String)> = places.collect();
        got.sort();
        got
    };
    want.sort();
    let path = dir.write("large", &bytes);
    let report = dir.json(&["scan", "large"]);
    assert_eq!(report.read("bytes"), size as u64);
    assert!(got(&report) == want, "{:?}", got(&report).iter().zip(&want).find(|(got, want)| got != want));
    let piped = dir.keysieve_fed(&["scan", "--stdin", "-f", "json"], &bytes).json();
    assert!(got(&piped) == want, "{:?}", got(&piped).iter().zip(&want).find(|(got, want)| got != want));
    drop(std::fs::remove_file(path));
}

#[test]
fn standard_input_that_arrives_slowly() {
    let dir = Dir::new();
    let key = runra(1);
    let script = format!("printf 'a\\nk={}'; sleep 0.2; printf '{}\\n'", &key[..15], &key[15..]);
    let mut shell = dir.command("sh").args(["-c", &script]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut command = dir.command(crate::util::PROGRAM);
    command.args(["scan", "--stdin", "-f", "json"]).stdin(shell.stdout.take().unwrap());
    let report = crate::util::Ran::of(&mut command).json();
    shell.wait().unwrap();
    let finding = report.code(1).only();
    assert_eq!(
        (&finding["fingerprint"], &finding["places"][0]["line"]),
        (&crate::util::print_of(&key).into(), &2.into())
    );
    dir.keysieve_fed(&["scan", "--stdin"], b"").code(0);
}

#[test]
fn one_secret_at_many_places_is_one_finding() {
    let dir = Dir::new();
    for n in 0..40 {
        dir.write(format!("files/{n:02}"), format!("{}{}", "\n".repeat(n), leak(1)));
    }
    let report = dir.json(&["scan", "files"]);
    let want: Vec<String> = (0..40).map(|n| format!("{n:02}:{}", n + 1)).collect();
    assert_eq!(spots(report.only()), want);
    assert_eq!(report.only()["path"], "00");
    dir.keysieve(&["scan", "files"]).code(1).says(&["1 open finding", "+35 more places"]);
}
