//! Identifiers that stand beside a secret under a name of their own: the tenant of a client secret, the user of a key.
//! They are looked for only where a secret was found, so that their names cost a scan nothing.

use std::ops::Range;

use super::{CONTEXT, placeholder, shown};
use crate::rules::Rule;

/// Between a name and its value stand no more than so many bytes.
const MOST_GLUE: usize = 40;
const MOST_VALUE: usize = 120;

/// What a rule's `beside` finds near a secret: details by name.
pub(in crate::scan) fn details(rule: &Rule, bytes: &[u8], span: &Range<usize>) -> Vec<(&'static str, String)> {
    let find = |(name, detail): &(&'static str, &'static str)| Some((*detail, nearest(name, bytes, span)?));
    rule.beside.iter().filter_map(find).collect()
}

/// The value of the name that stands nearest to the secret, before it or after it.
fn nearest(name: &str, bytes: &[u8], span: &Range<usize>) -> Option<String> {
    let from = span.start.saturating_sub(CONTEXT);
    let before = values(name, &bytes[from..span.start]).last();
    let mut after = &bytes[span.end..bytes.len().min(span.end.saturating_add(CONTEXT))];
    if span.end + after.len() < bytes.len() {
        // The last word may be cut short.
        after = &after[..after.len() - after.iter().rev().take_while(|byte| is_word(byte)).count()];
    }
    let after = values(name, after).next();
    match (before, after) {
        (Some((at, _)), Some((other, value))) if other < span.start - from - at => Some(value),
        (Some((_, value)), _) | (None, Some((_, value))) => Some(value),
        (None, None) => None,
    }
}

/// Where the text has the name, and what stands under it.
fn values<'a>(name: &'a str, text: &'a [u8]) -> impl Iterator<Item = (usize, String)> + 'a {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < text.len() {
            let word = &text[at..];
            let word = &word[..word.iter().take_while(|byte| is_word(byte)).count()];
            at += word.len().max(1);
            if let Some(value) = is_named(word, name).then(|| value_after(&text[at..])).flatten() {
                return Some((at, value));
            }
        }
        None
    })
}

fn is_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.@+".contains(byte)
}

/// Whether a word ends with a name, whatever its case and separators: `ARM_TENANT_ID` with `tenantid`.
fn is_named(word: &[u8], name: &str) -> bool {
    let mut letters = word.iter().rev().filter(|byte| byte.is_ascii_alphanumeric());
    name.bytes().rev().all(|byte| letters.next().is_some_and(|letter| letter.to_ascii_lowercase() == byte))
}

/// The value that is given to a name: behind an operator, quotes, or a `value:` of its own.
fn value_after(text: &[u8]) -> Option<String> {
    let is_glue = |byte: &u8| b" \t\r\n\"'`\\:=>,".contains(byte);
    let mut glue = text.iter().take_while(|byte| is_glue(byte)).count();
    for word in [&b"value"[..], b"default"] {
        if text.get(glue..).is_some_and(|rest| rest.starts_with(word)) {
            glue += word.len();
            glue += text[glue..].iter().take_while(|byte| is_glue(byte)).count();
        }
    }
    let operator = text[..glue].iter().any(|byte| b":=>,".contains(byte));
    if !operator || glue > MOST_GLUE {
        return None;
    }
    let value = &text[glue..];
    let value = &value[..value.iter().take_while(|byte| is_word(byte)).count()];
    let next = text.get(glue + value.len());
    // What goes on like this is a call, an index, a path or a template.
    let is_code = next.is_some_and(|byte| b"([{$/<".contains(byte)) || is_reference(value);
    if is_code || !(2..=MOST_VALUE).contains(&value.len()) || placeholder::reason(value, false).is_some() {
        return None;
    }
    shown(value)
}

/// A name in place of a value: `config.tenant`, `None`, `your-tenant`.
fn is_reference(value: &[u8]) -> bool {
    if value.starts_with(b"your-") || value.starts_with(b"your_") {
        return true;
    }
    let constants = [&b"none"[..], b"null", b"true", b"false", b"nil", b"undefined", b"string", b"str"];
    let path = value.contains(&b'.') && !value.contains(&b'@') && !value.iter().any(u8::is_ascii_digit);
    path || constants.iter().any(|constant| constant.eq_ignore_ascii_case(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<String> {
        let start = text.find("SECRET").unwrap();
        nearest("tenantid", text.as_bytes(), &(start..start + 6))
    }

    #[test]
    fn every_form_of_file() {
        for text in [
            "ARM_TENANT_ID=acme-7\nARM_CLIENT_SECRET=SECRET\n",
            "{\"tenantId\": \"acme-7\", \"clientSecret\": \"SECRET\"}",
            "- name: TENANT_ID\n  value: \"acme-7\"\n- name: X\n  value: SECRET\n",
            "tenant_id = \"acme-7\"\nsecret = \"SECRET\"",
            "secret: SECRET\ntenant-id: acme-7\n",
            "'SECRET', tenant_id='acme-7')",
            "tenantid=other-1\ntenant_id=acme-7\nx=SECRET\n",
            "{\\\"tenantId\\\":\\\"acme-7\\\",\\\"k\\\":\\\"SECRET\\\"}",
        ] {
            assert_eq!(of(text).as_deref(), Some("acme-7"), "{text}");
        }
    }

    #[test]
    fn what_is_no_value() {
        for text in [
            "tenant_id = config.tenant\nx = SECRET",
            "tenant_id = get(\"x\")\nx = SECRET",
            "TENANT_ID=${TENANT}\nx=SECRET",
            "tenant_id: your-tenant-id\nx: SECRET",
            "tenant_id: None\nx: SECRET",
            "the tenant_id acme-7 has SECRET",
            "tenant=acme-7 SECRET",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
