//! Keys without a prefix: names lead to them, in every language, and nothing else does.

use super::*;

/// Where the name of a variable leads to a value, as people write it: `NAME` is the name in upper snake case, `Name`,
/// `name` and `na_me` and `na-me` are it in other cases.
const ASSIGNMENTS: &[&str] = &[
    "NAME=VALUE\n",
    "NAME=\"VALUE\"\n",
    "NAME='VALUE'\r\nOTHER=1\r\n",
    "NAME = VALUE\n",
    "export NAME=VALUE; run\n",
    "set NAME=VALUE\r\n",
    "$env:NAME = \"VALUE\"\n",
    "os.environ[\"NAME\"] = \"VALUE\"\n",
    "os.Setenv(\"NAME\", \"VALUE\")\n",
    "process.env.NAME = 'VALUE';\n",
    "ENV['NAME'] = 'VALUE'\n",
    "getenv('NAME', 'VALUE')\n",
    "ENV NAME VALUE\n",
    "ENV NAME=VALUE\n",
    "ARG NAME=VALUE\n",
    "docker run -e NAME=VALUE image\n",
    "\"NAME\": \"VALUE\",\n",
    "{\"name\":\"VALUE\"}",
    "{\\\"name\\\":\\\"VALUE\\\"}",
    "{ \"name\" : \"VALUE\" }\n",
    "na_me: VALUE\n",
    "na_me: 'VALUE'\n",
    "na-me: \"VALUE\"\n",
    "NAME: VALUE # live\n",
    "- NAME=VALUE\n",
    "- name: NAME\n  value: VALUE\n",
    "na_me = \"VALUE\"\n",
    "const name = \"VALUE\";\n",
    "const name: string = 'VALUE';\n",
    "let name = `VALUE`;\n",
    "name: 'VALUE',\n",
    "var name = \"VALUE\"\n",
    "Name := \"VALUE\"\n",
    "Name: \"VALUE\",\n",
    "private static final String NAME = \"VALUE\";\n",
    "public string Name { get; set; } = \"VALUE\";\n",
    "pub const NAME: &str = \"VALUE\";\n",
    "$name = 'VALUE';\n",
    "'na_me' => 'VALUE',\n",
    "define('NAME', 'VALUE');\n",
    "#define NAME \"VALUE\"\n",
    ":na-me \"VALUE\"\n",
    "--na-me VALUE\n",
    "--na-me=VALUE\n",
    "<Name>VALUE</Name>\n",
    "<na-me>VALUE</na-me>\n",
    "<add key=\"Name\" value=\"VALUE\" />\n",
    "<config name=\"VALUE\"/>\n",
    "https://host.internal.test/?na_me=VALUE&a=1\n",
    "https://host.internal.test/?NAME%3DVALUE\n",
    "\"NAME\\u003dVALUE\"\n",
    "\"a\\nNAME=VALUE\\nb\"\n",
    "X-Na-Me: VALUE\r\n",
    "self.na_me = \"VALUE\"\n",
    "MY_NAME=VALUE\n",
    "éNAME=VALUEé\n",
];

#[test]
fn names_lead_to_keys_without_a_prefix() {
    let names = [
        "runa api key",
        "runa key",
        "controlant secret access key",
        "controlant api key",
        "augno api key",
        "augno secret key",
    ];
    let mut failures = Vec::new();
    for name in names {
        let words: Vec<&str> = name.split(' ').collect();
        let title = |word: &&str| word[..1].to_ascii_uppercase() + &word[1..];
        let titles: Vec<String> = words.iter().map(title).collect();
        let pascal = titles.concat();
        let camel = words[0].to_owned() + &titles[1..].concat();
        let mut random = Random::new(seed(name));
        for form in ASSIGNMENTS {
            let values = 40;
            let mut missed = Vec::new();
            for round in 0..values {
                // Values whose first characters could be taken for something else.
                let start = ["or", "is", "Is", "str", "any", "new", "b", "rb", "u", "value", "token"]
                    .get(round)
                    .copied()
                    .unwrap_or("q");
                let value = start.to_owned() + &fill("{alnum:15}4k{alnum:15}", &mut random).unwrap();
                let text = form
                    .replace("NAME", &words.join("_").to_ascii_uppercase())
                    .replace("Na-Me", &titles.join("-"))
                    .replace("na_me", &words.join("_"))
                    .replace("na-me", &words.join("-"))
                    .replace("Name", &pascal)
                    .replace(if form.starts_with("- name") { "\0" } else { "name" }, &camel)
                    .replace("VALUE", &value);
                let at = text.find(&value).unwrap();
                let found = sight(text.as_bytes());
                let right = |s: &Sighting| {
                    s.hit.span == (at..at + value.len())
                        && is_open(&s.hit)
                        && s.hit.rule.provider.eq_ignore_ascii_case(words[0])
                };
                if !found.iter().any(right) {
                    missed
                        .push(format!("{text:?}: {}", describe(&found.into_iter().map(|s| s.hit).collect::<Vec<_>>())));
                }
            }
            // A value may look like words by chance, but not twice in forty.
            if missed.len() > 1 {
                failures.push(format!("{name}: {} of {values} missed, {}", missed.len(), missed[0]));
            }
        }
    }
    none("names", failures);
}

/// No rule of any provider finds anything in texts without secrets, and the source of this program is one of them.
#[test]
fn nothing_is_found_in_our_own_source() {
    let mut dirs = vec![std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
    let (mut files, mut failures) = (0, Vec::new());
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            files += 1;
            let bytes = std::fs::read(&path).unwrap();
            let found = everything().scan_whole(&bytes).matches;
            // Tests of a check hold what it judges, in pieces, and say so.
            let open = found.iter().filter(|m| is_open(m) && !m.rule.public && !m.rule.generic);
            failures.extend(open.map(|m| format!("{}: {} at {:?}", path.display(), m.rule.id, m.span)));
        }
    }
    assert!(files > 100, "only {files} files");
    none("our own source", failures);
}

#[test]
fn keys_without_a_prefix_stay_silent_in_prose_and_code() {
    let failures: Vec<String> = (0..400u64)
        .into_par_iter()
        .flat_map_iter(|round| {
            let mut random = Random::new(0x9705e + round);
            let text = if round % 2 == 0 { texts::prose(&mut random, 120) } else { texts::code(&mut random, 250) };
            let found = everything().scan_whole(text.as_bytes()).matches;
            let told = found.iter().filter(|m| is_open(m) && !m.rule.public && !m.rule.generic).map(|m| {
                let around = m.span.start.saturating_sub(60)..(m.span.end + 20).min(text.len());
                format!("{}: {:?}", m.rule.id, String::from_utf8_lossy(&text.as_bytes()[around]))
            });
            told.collect::<Vec<_>>()
        })
        .collect();
    none("prose", failures);
}
