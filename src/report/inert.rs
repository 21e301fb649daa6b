//! Text that no CI system takes for a command. GitHub's runner obeys a line that begins with `::name … ::`, and `##[name]`
//! anywhere in one; Azure's `##vso[name]` anywhere; TeamCity's `##teamcity[name]`. Names of files, branches and authors are
//! chosen by strangers.

use super::Format;
use super::escape::terminal;

/// A report as it can be printed into the log of a CI system.
pub(super) fn inert(text: &str, format: Format) -> String {
    match format {
        // These are commands, and escape what is not theirs.
        Format::Github | Format::Azure => text.to_owned(),
        // Both stand inside strings only; what is read back is the same.
        Format::Json | Format::Jsonl | Format::Sarif | Format::Gitlab | Format::CodeClimate => {
            lines(text, "\\u003a", "\\u0023")
        }
        Format::Text | Format::Markdown => lines(text, "\\x3a", "\\x23"),
    }
}

/// One line of a log.
pub fn inert_line(text: &str) -> String {
    lines(&terminal(text), "\\x3a", "\\x23")
}

fn lines(text: &str, colon: &str, hash: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let rest = line.trim_start();
        safe.push_str(&line[..line.len() - rest.len()]);
        let rest = match rest.strip_prefix("::") {
            Some(rest) => {
                safe.push(':');
                safe.push_str(colon);
                rest
            }
            None => rest,
        };
        without_brackets(rest, hash, &mut safe);
    }
    safe
}

/// Breaks up `##[`, `##vso[` and their like.
fn without_brackets(text: &str, hash: &str, safe: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find("##") {
        let name = rest[at + 2..].find(|c: char| !c.is_ascii_alphanumeric());
        let opens = name.is_some_and(|end| rest[at + 2 + end..].starts_with('['));
        safe.push_str(&rest[..=at]);
        if opens {
            safe.push_str(hash);
            rest = &rest[at + 2..];
        } else {
            rest = &rest[at + 1..];
        }
    }
    safe.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_broken_up() {
        let cases = [
            ("::error::x\n", ":\\x3aerror::x\n"),
            ("  \t::stop-commands::x", "  \t:\\x3astop-commands::x"),
            ("\u{3000}::add-mask::x", "\u{3000}:\\x3aadd-mask::x"),
            ("a ::error::x", "a ::error::x"),
            ("a ##[add-mask]x ##[b]", "a #\\x23[add-mask]x #\\x23[b]"),
            ("###[x]", "##\\x23[x]"),
            ("x##vso[task.setvariable variable=a]b", "x#\\x23vso[task.setvariable variable=a]b"),
            ("##teamcity[x]", "#\\x23teamcity[x]"),
            ("## A heading\n### b [c](d)", "## A heading\n### b [c](d)"),
            ("a\n::b::\n##", "a\n:\\x3ab::\n##"),
        ];
        for (text, safe) in cases {
            assert_eq!(inert(text, Format::Text), safe, "{text:?}");
        }
        assert_eq!(inert_line("a\n::b"), "a\\n::b");
        assert_eq!(inert_line("\r::b"), "\\r::b");
    }

    #[test]
    fn json_says_the_same() {
        let value = serde_json::json!({"path": "##[a]##vso[b]::c"});
        let text = inert(&value.to_string(), Format::Json);
        assert!(!text.contains("##["), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).ok(), Some(value));
    }
}
