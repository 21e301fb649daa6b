//! Fills the placeholders of runbooks: `{key_id}` becomes the finding's detail of that name, `{redacted}` its redacted
//! form, `{prefix11}` the first 11 characters if they may be shown. What is unknown becomes `<key_id>`, for a person.

use std::collections::BTreeMap;

/// What is known about a finding, with secrets already replaced.
#[derive(Default)]
pub(super) struct Values {
    /// Details by name.
    pub named: BTreeMap<String, String>,
    /// The part of the secret that may be shown.
    pub prefix: String,
}

/// A runbook's text with its placeholders filled. `${name}`, `%{name}` and `{{name}}` belong to shells, curl and
/// templates and stay.
pub(super) fn fill(text: &str, values: &Values) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, after) = rest.split_at(open);
        filled.push_str(before);
        let name = after[1..].split('}').next().unwrap_or_default();
        let closed = after[1 + name.len()..].starts_with('}');
        if !closed || !is_name(name) || filled.ends_with(['$', '%', '{']) {
            filled.push('{');
            rest = &after[1..];
            continue;
        }
        match value(name, values) {
            Some(value) => filled.push_str(&value),
            None => filled.push_str(&match prefix_length(name) {
                Some(n) => format!("<first {n} characters>"),
                None => format!("<{name}>"),
            }),
        }
        rest = &after[name.len() + 2..];
    }
    filled + rest
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The 11 of `prefix11`.
fn prefix_length(name: &str) -> Option<usize> {
    name.strip_prefix("prefix")?.parse().ok()
}

/// A value that is safe to paste into a shell. What was scanned is written by strangers: a key id `$(…)` must not
/// become part of a command that a tired person copies.
fn value(name: &str, values: &Values) -> Option<String> {
    let value = match (values.named.get(name), prefix_length(name)) {
        (Some(value), _) => value.clone(),
        (None, Some(n)) if values.prefix.chars().count() >= n => values.prefix.chars().take(n).collect(),
        _ => return None,
    };
    let safe = |c: char| c.is_ascii_alphanumeric() || "-_.:/@+=,".contains(c);
    let judged = if name == "redacted" { value.split('…').next().unwrap_or_default() } else { &value };
    let plain = !value.is_empty() && !value.starts_with('-') && judged.chars().all(safe);
    plain.then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        let named = [("key_id", "AK12"), ("redacted", "rra_live_x7…(25)"), ("account", "$(reboot)"), ("user", "-rf")];
        let named = named.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        Values { named, prefix: "rra_live_x7".into() }
    }

    #[test]
    fn known_unknown_and_not_placeholders() {
        let filled = fill(
            "a {key_id} {redacted} {prefix11} {prefix12} {other} {Not} {\"k\":1} ${key_id} %{key_id} {{key_id}} {",
            &values(),
        );
        let expected = "a AK12 rra_live_x7…(25) rra_live_x7 <first 12 characters> <other> {Not} {\"k\":1} ${key_id} %{key_id} {{key_id}} {";
        assert_eq!(filled, expected);
    }

    #[test]
    fn nothing_that_a_shell_would_run() {
        assert_eq!(fill("x --account {account} {user}", &values()), "x --account <account> <user>");
    }
}
