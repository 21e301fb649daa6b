//! Tokens in every place where people leave them, beside others, and inside of words.

use super::*;

/// Name, what stands before the token, what stands after it.
const CONTEXTS: &[(&str, &[u8], &[u8])] = &[
    ("alone", b"", b""),
    ("start of file", b"", b"\nmore\n"),
    ("end of file", b"first line\nsecond line ", b""),
    ("dotenv", b"# settings\nSERVICE_VALUE=", b"\nOTHER=1\n"),
    ("dotenv, double quotes", b"SERVICE_VALUE=\"", b"\"\n"),
    ("dotenv, single quotes", b"SERVICE_VALUE='", b"'\n"),
    ("dotenv, CRLF", b"A=1\r\nSERVICE_VALUE=", b"\r\nB=2\r\n"),
    ("shell export", b"export SERVICE_VALUE=", b"; run\n"),
    ("shell export, quoted", b"\n\nexport SERVICE_VALUE=\"", b"\" && run\n"),
    ("shell default", b"v=${SERVICE_VALUE:-", b"}\n"),
    ("command line", b"$ client --value ", b" --verbose\n"),
    ("command line, joined", b"$ client --value=", b" --verbose\n"),
    ("back quotes", b"let v = `", b"`;\n"),
    ("JSON", b"{\n  \"a\": 1,\n  \"value\": \"", b"\",\n  \"b\": 2\n}\n"),
    ("JSON, tight", b"{\"value\":\"", b"\"}"),
    ("JSON in a string", b"\"{\\\"value\\\":\\\"", b"\\\"}\""),
    ("YAML", b"service:\n  value: ", b"\n  other: 1\n"),
    ("YAML, quoted", b"service:\n  value: '", b"'\n"),
    ("YAML list", b"values:\n  - ", b"\n  - x\n"),
    ("TOML", b"[service]\nvalue = \"", b"\"\n"),
    ("JavaScript", b"const value = '", b"';\nexport default value;\n"),
    ("TypeScript", b"const value: string = \"", b"\";\n"),
    ("Python", b"def f():\n    value = \"", b"\"\n    return value\n"),
    ("Python bytes", b"value = b'", b"'\n"),
    ("Python raw", b"value = r\"", b"\"\n"),
    ("Python triple quotes", b"value = \"\"\"", b"\"\"\"\n"),
    ("Go", b"package x\n\nconst value = \"", b"\"\n"),
    ("Go, raw", b"v := `", b"`\n"),
    ("Java properties", b"service.value=", b"\n"),
    ("Java properties, colon", b"service.value: ", b"\r\n"),
    ("call", b"client(\"", b"\", 3)\n"),
    ("call, bare", b"client(", b")\n"),
    ("array", b"['x', '", b"', 'y']\n"),
    ("XML attribute", b"<service value=\"", b"\" other=\"1\"/>\n"),
    ("XML attribute, single quotes", b"<service value='", b"'/>\n"),
    ("XML element", b"<value>", b"</value>\n"),
    ("XML entity", b"<v>value=&quot;", b"&quot;</v>\n"),
    ("CDATA", b"<v><![CDATA[", b"]]></v>\n"),
    ("URL query", b"GET https://host.internal.test/p?value=", b"&other=1 HTTP/1.1\n"),
    ("URL query, last", b"https://host.internal.test/p?a=1&value=", b"\n"),
    ("URL path", b"https://host.internal.test/", b"\n"),
    ("URL user", b"https://", b"@host.internal.test/p.git\n"),
    ("HTTP header", b"POST / HTTP/1.1\r\nX-Value: ", b"\r\nAccept: */*\r\n\r\n"),
    ("bearer", b"Authorization: Bearer ", b"\r\n"),
    ("curl", b"curl -H 'X-Value: ", b"' https://host.internal.test\n"),
    ("Dockerfile ENV", b"FROM scratch\nENV VALUE ", b"\n"),
    ("Dockerfile ENV, equals", b"ENV VALUE=", b"\n"),
    ("Markdown", b"Use `", b"` for it.\n"),
    ("Markdown table", b"| value | ", b" |\n"),
    ("comment", b"x = 1 # ", b"\n"),
    ("comment, C", b"/*", b"*/"),
    ("diff", b"+", b"\n"),
    ("diff, removed", b"-", b"\n"),
    ("SQL", b"INSERT INTO t VALUES (1, '", b"');\n"),
    ("CSV", b"a,", b",c\n"),
    ("TSV", b"a\t", b"\tc\n"),
    ("log", b"2024-01-15T10:00:00Z INFO value=", b" ok\n"),
    ("after \\n as written", b"\"first\\n", b"\\nlast\"\n"),
    ("after \\r\\n as written", b"\"first\\r\\n", b"\\r\\nlast\"\n"),
    ("after \\t as written", b"\"a\\t", b"\\tb\"\n"),
    ("after \\\\n as written", b"\"a\\\\n", b"\\\\nb\"\n"),
    ("after %3D", b"https://host.internal.test/?q=value%3D", b"%26a\n"),
    ("after %3d", b"value%3d", b"\n"),
    ("after %20", b"q=value%20", b"%20a\n"),
    ("after %22", b"%7B%22value%22%3A%22", b"%22%7D\n"),
    ("after %0A", b"a%0A", b"%0Ab"),
    ("after \\u003d", b"\"value\\u003d", b"\\u0026a\"\n"),
    ("after \\u003D", b"\"value\\u003D", b"\"\n"),
    ("after \\u0022", b"\\u0022value\\u0022:\\u0022", b"\\u0022"),
    ("after \\U0000003d", b"\"value\\U0000003d", b"\"\n"),
    ("after \\u{3d}", b"\"value\\u{3d}", b"\"\n"),
    ("after \\x3d", b"\"value\\x3d", b"\\x26a\"\n"),
    ("after \\x3D", b"\"value\\x3D", b"\"\n"),
    ("after \\075", b"\"value\\075", b"\"\n"),
    ("after =3D", b"value=3D", b"\n"),
    ("after &#61;", b"value&#61;", b"&amp;a\n"),
    ("after &#x3d;", b"value&#x3d;", b"\n"),
    ("after X_", b"X_", b"\n"),
    ("after __", b"x__", b"\n"),
    ("after a dot", b"a.", b"\n"),
    ("after @", b"@", b"\n"),
    ("é around", "é".as_bytes(), "é\n".as_bytes()),
    ("emoji around", "🔑".as_bytes(), "🔑".as_bytes()),
    ("CJK around", "鍵は".as_bytes(), "です。\n".as_bytes()),
    ("curly quotes", "“".as_bytes(), "”".as_bytes()),
    ("no-break space", "value\u{a0}".as_bytes(), "\u{a0}\n".as_bytes()),
    ("byte order mark", b"\xef\xbb\xbf", b"\r\n"),
    ("Latin-1", b"cl\xe9 ", b" \xe0 garder\n"),
    ("Latin-1, touching", b"\xe9", b"\xe9"),
    ("ANSI colour", b"\x1b[31m", b"\x1b[0m\n"),
    ("ANSI colour, many", b"\x1b[1;38;5;196m", b"\x1b[0m\n"),
    ("ANSI reset", b"\x1b[m", b"\x1b[m\n"),
    ("ANSI as \\x1b", b"\"\\x1b[31m", b"\\x1b[0m\"\n"),
    ("ANSI as \\033", b"\"\\033[1;31m", b"\\033[0m\"\n"),
    ("ANSI as \\e", b"\"\\e[31m", b"\\e[0m\"\n"),
    ("ANSI as \\u001b", b"\"\\u001b[31m", b"\\u001b[0m\"\n"),
    ("ANSI as \\u001B", b"\"\\u001B[31m", b"\\u001B[0m\"\n"),
    ("binary", b"\x7fELF\0\x01\x02\0", b"\0\0\xff\xfe"),
    ("after other lines", b"\n\n\n\r\n \n\t", b"\n\n"),
];

#[test]
fn tokens_are_found_in_every_context() {
    let covered = std::sync::Mutex::new(BTreeSet::new());
    let mut failures = of_each_rule(|rule| {
        let mut faults = Faults::new(rule);
        for token in bare_tokens(rule, rules(), 3) {
            covered.lock().unwrap().insert(rule.id);
            for (name, before, after) in CONTEXTS {
                let bytes = [lead(rule).as_bytes(), before, token.as_bytes(), after].concat();
                let at = lead(rule).len() + before.len();
                check_context(rule, name, &bytes, at..at + token.len(), &mut faults);
            }
        }
        faults.lines()
    });
    // Whatever begins with its own prefix must have been put through the contexts.
    let covered = covered.into_inner().unwrap();
    let prefixed =
        rules().iter().filter(|rule| begins_with_itself(rule) && rule.parts.iter().all(|part| !part.required));
    let missed = prefixed.map(|rule| rule.id).filter(|id| !covered.contains(id));
    failures.extend(missed.map(|id| format!("{id}: no bare token can be made of its samples")));
    assert!(covered.len() >= 90, "only {} rules have tokens", covered.len());
    none("contexts", failures);
}

/// Whether the pattern captures from its first byte on, so that its secrets begin with a keyword.
fn begins_with_itself(rule: &Rule) -> bool {
    rule.anchored && rule.regex.starts_with("(?<secret>") && rule.regex.ends_with("{end-half}")
}

fn check_context(rule: &'static Rule, name: &str, bytes: &[u8], span: std::ops::Range<usize>, faults: &mut Faults<'_>) {
    let sightings = sight(bytes);
    let all = || describe(&sightings.iter().map(|s| s.hit.clone()).collect::<Vec<_>>());
    let right = |s: &&Sighting| {
        let same = s.hit.rule.id == rule.id
            || share_guidance(s.hit.rule, rule)
            || is_candidate(rule, s.hit.rule)
            || MAY_STAND_FOR.contains(&(rule.id, s.hit.rule.id));
        same && s.hit.span == span && is_open(&s.hit)
    };
    let Some(found) = sightings.iter().find(right) else {
        return faults.add("not found", name, format!("want {span:?}, found {}", all()));
    };
    let stranger = |s: &&Sighting| {
        let other = s.hit.rule;
        is_open(&s.hit) && other.provider != rule.provider && !other.generic && !is_candidate(rule, other)
    };
    if let Some(other) = sightings.iter().find(stranger).filter(|s| !HOLDS_ANOTHER.contains(&(rule.id, s.hit.rule.id)))
    {
        faults.add("another provider's rule fires", name, format!("{} at {:?}", other.hit.rule.id, other.hit.span));
    }
    let site = &found.site;
    let (from, to) = (line_and_column(bytes, span.start), line_and_column(bytes, span.end));
    if (site.line, site.column, site.end_line, site.end_column) != (from.0, from.1, to.0, to.1) {
        faults.add("wrong line or column", name, format!("{from:?}–{to:?}, not {site:?}"));
    }
    let secret = String::from_utf8_lossy(&bytes[span]).into_owned();
    if site.context.contains(&secret) || format!("{found:?}").contains(&secret) && !found.hit.rule.public {
        faults.add("secret is shown", name, String::new());
    }
}

/// Behind a provider's prefix, a short word is chance: only one that fills the body is a stand-in.
#[test]
fn short_words_inside_a_prefixed_body_are_chance() {
    let words = ["test", "Demo", "FAKE", "key", "foo", "null", "abc", "mock", "token"];
    let tried = std::sync::atomic::AtomicUsize::new(0);
    none(
        "words in bodies",
        of_each_rule(|rule| {
            let mut faults = Faults::new(rule);
            if !rule.validate.is_empty() || !begins_with_itself(rule) {
                return faults.lines();
            }
            let scanner = alone(rule, rules());
            for token in bare_tokens(rule, rules(), 2) {
                let prefix = own_prefix(rule, token.as_bytes()).map_or(0, str::len);
                for word in words.iter().filter(|word| token.len() >= prefix + 3 * word.len() + 4) {
                    let at = prefix + (token.len() - prefix - word.len()) / 2;
                    let text = format!("{}{}{word}{}", lead(rule), &token[..at], &token[at + word.len()..]);
                    let found = scanner.scan_whole(text.as_bytes()).matches;
                    // Its alphabet may not have the word's letters, then nothing is found.
                    for hit in found.iter().filter(|hit| hit.rule.id == rule.id) {
                        tried.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        if hit.implausible.as_deref().is_some_and(|why| why.starts_with("placeholder")) {
                            faults.add("a word in the body makes it a placeholder", word, describe(&found));
                        }
                    }
                }
            }
            faults.lines()
        }),
    );
    let tried = tried.into_inner();
    assert!(tried > 1000, "only {tried} values");
}

#[test]
fn tokens_are_not_found_inside_words() {
    none(
        "inside words",
        of_each_rule(|rule| {
            let mut faults = Faults::new(rule);
            for token in
                bare_tokens(rule, rules(), 1).iter().filter(|token| token.as_bytes()[0].is_ascii_alphanumeric())
            {
                for before in ["a", "Z", "9", "word"] {
                    if rule.edge != Edge::Token {
                        continue;
                    }
                    let text = format!("{}{before}{token}\n", lead(rule));
                    let from = text.len() - 1 - token.len();
                    let found = everything().scan_whole(text.as_bytes()).matches;
                    if found.iter().any(|m| m.rule.id == rule.id && m.span == (from..from + token.len())) {
                        faults.add("found inside a word", before, describe(&found));
                    }
                }
            }
            faults.lines()
        }),
    );
}

/// Secrets of many rules in one file, far enough apart not to be context for one another.
#[test]
fn many_secrets_in_one_file() {
    let failures: Vec<String> = (0..60u64)
        .into_par_iter()
        .flat_map_iter(|round| {
            let mut random = Random::new(0xf11e + round);
            let (mut bytes, mut wanted) = (Vec::new(), Vec::new());
            for _ in 0..25 {
                let rule = rules().get(random.below(rules().len()));
                let Ok(text) = fill(rule.matches[random.below(rule.matches.len())], &mut random) else { continue };
                let apart = 3500 + random.below(80);
                bytes.extend((0..apart).map(|at| if at % 67 == 0 { b'\n' } else { b'.' }));
                bytes.push(b'\n');
                let found = everything().scan_whole(text.as_bytes()).matches;
                wanted.extend(found.into_iter().map(|m| (bytes.len() + m.span.start..bytes.len() + m.span.end, m)));
                bytes.extend_from_slice(text.as_bytes());
            }
            let found = sight(&bytes);
            let mut failures = Vec::new();
            if found.len() != wanted.len() {
                failures.push(format!("round {round}: {} found, not {}", found.len(), wanted.len()));
            }
            for (span, m) in wanted {
                let same = |s: &&Sighting| {
                    s.hit.span == span
                        && s.hit.rule.id == m.rule.id
                        && s.hit.details == m.details
                        && s.hit.implausible == m.implausible
                };
                let place = line_and_column(&bytes, span.start);
                if found.iter().find(same).is_none_or(|s| (s.site.line, s.site.column) != place) {
                    failures.push(format!("round {round}: {} at {span:?} is missing or misplaced", m.rule.id));
                }
            }
            failures
        })
        .collect();
    none("many secrets", failures);
}
