//! The text of our hooks: made from the template, and read back.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Stage, Start};
use crate::error::{Error, Result};

/// The hook for every stage, with placeholders.
const TEMPLATE: &str = include_str!("../../hooks/pre-commit");

/// The version that is written into hooks.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How the second line of every hook of ours begins.
const MARKER: &str = "# keysieve-hook ";

/// How the earlier hook is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// As a program of its own, under its new name.
    Exec,
    /// By the shell that runs ours, so that its `$0` stays the name that git called.
    Source,
}

impl By {
    fn word(self) -> &'static str {
        match self {
            Self::Exec => "exec",
            Self::Source => "source",
        }
    }
}

impl Ours {
    /// What it starts.
    pub(super) fn start(&self) -> Start<'_> {
        Start {
            program: &self.program,
            trusted_config: self.trusted_config.as_deref(),
            trusted_baseline: self.trusted_baseline.as_deref(),
            time_budget: self.time_budget.as_deref(),
        }
    }
}

/// What a hook of ours says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ours {
    pub(super) version: String,
    pub(super) program: PathBuf,
    pub(super) trusted_config: Option<PathBuf>,
    pub(super) trusted_baseline: Option<PathBuf>,
    pub(super) time_budget: Option<String>,
    /// The file name of the earlier hook.
    pub(super) chained: Option<String>,
    pub(super) by: By,
    /// Changed by somebody since we wrote it.
    pub(super) edited: bool,
}

/// The name that an earlier hook gets.
pub(super) fn backup_name(stage: Stage) -> String {
    format!("{}.before-keysieve", stage.name())
}

/// How to run this earlier hook.
///
/// Dispatchers such as husky's go by `$0`: a shell script that names it is sourced, so that it sees the name that git
/// called. One that follows the links of its name to find its home is run as the link that it is.
pub(super) fn way_to_run(earlier: &[u8], is_link: bool) -> By {
    let first = split_line(earlier).0;
    let words = first.strip_prefix(b"#!").unwrap_or_default().split(|&byte| byte == b' ');
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    let is_plain_shell =
        matches!(words.as_slice(), [b"/bin/sh" | b"/usr/bin/sh"] | [b"/usr/bin/env" | b"/bin/env", b"sh"]);
    let has = |needle: &str| earlier.windows(needle.len()).any(|window| window == needle.as_bytes());
    let follows_links = is_link && (has("readlink") || has("realpath"));
    if is_plain_shell && (has("$0") || has("${0")) && !follows_links { By::Source } else { By::Exec }
}

/// The hook that starts this, with the way to an earlier hook in it.
pub(super) fn render(stage: Stage, start: Start<'_>, chained: Option<&str>, by: By) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    let (head, mut rest) = cut(TEMPLATE, "@SUM@\n")?;
    let values = [
        ("pre-commit", stage.name().into()),
        ("@PROGRAM@", bytes_of(start.program)?),
        ("@CONFIG@", start.trusted_config.map_or_else(|| Ok(Vec::new()), bytes_of)?),
        ("@BASELINE@", start.trusted_baseline.map_or_else(|| Ok(Vec::new()), bytes_of)?),
        ("@BUDGET@", start.time_budget.unwrap_or("").into()),
        ("@CHAINED@", chained.unwrap_or("").into()),
        ("@BY@", by.word().into()),
    ];
    for (name, value) in values {
        let (before, after) = cut(rest, &format!("'{name}'"))?;
        body.extend_from_slice(before.as_bytes());
        body.extend_from_slice(&quoted(&value));
        rest = after;
    }
    body.extend_from_slice(rest.as_bytes());
    let head = head.replace("@VERSION@", VERSION).replace("stage=pre-commit", &format!("stage={}", stage.name()));
    let mut all = format!("{head}{:016x}\n", sum(&body)).into_bytes();
    all.append(&mut body);
    Ok(all)
}

/// What this file says of itself, if it is a hook of ours, of whatever version.
pub(super) fn parse(hook: &[u8]) -> Option<Ours> {
    let (_, after_first) = split_line(hook);
    let (marker, body) = split_line(after_first);
    let words = std::str::from_utf8(marker).ok()?.trim_end().strip_prefix(MARKER)?;
    let field = |name| words.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let (program, rest) = assigned(body, b"keysieve_program=")?;
    let config = assigned(rest, b"keysieve_config=").map(|(value, _)| value).filter(|value| is_set(value));
    let baseline = assigned(rest, b"keysieve_baseline=").map(|(value, _)| value).filter(|value| is_set(value));
    let budget = assigned(rest, b"keysieve_budget=").map(|(value, _)| value).filter(|value| is_set(value));
    let (chained, rest) = assigned(rest, b"keysieve_chained=")?;
    let by = assigned(rest, b"keysieve_chained_by=").map(|(value, _)| value);
    let chained = String::from_utf8(chained).ok().filter(|name| !name.is_empty() && !name.contains(['/', '@']));
    Some(Ours {
        version: field("version")?.to_owned(),
        program: path_of(program)?,
        trusted_config: config.and_then(path_of),
        trusted_baseline: baseline.and_then(path_of),
        time_budget: budget.and_then(|text| String::from_utf8(text).ok()),
        chained,
        by: if by.as_deref() == Some(b"source") { By::Source } else { By::Exec },
        edited: field("sum") != Some(&format!("{:016x}", sum(body))) && !is_template(hook),
    })
}

/// Copied out of `hooks/` by hand.
fn is_template(hook: &[u8]) -> bool {
    TEMPLATE.as_bytes() == hook
}

/// Not empty, and not a placeholder.
fn is_set(value: &[u8]) -> bool {
    !value.is_empty() && !value.starts_with(b"@")
}

fn cut<'a>(text: &'a str, at: &str) -> Result<(&'a str, &'a str)> {
    text.split_once(at).ok_or_else(|| Error::Internal(format!("a hook template lacks {at:?}")))
}

fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|&byte| byte == b'\n') {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, &[]),
    }
}

/// The value after the first line that begins so, and what follows it.
fn assigned<'a>(text: &'a [u8], name: &[u8]) -> Option<(Vec<u8>, &'a [u8])> {
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(value) = rest.strip_prefix(name) {
            return unquoted(value);
        }
        rest = split_line(rest).1;
    }
    None
}

/// In single quotes of the shell, where only `'` itself has a meaning.
fn quoted(value: &[u8]) -> Vec<u8> {
    let mut all = vec![b'\''];
    for &byte in value {
        if byte == b'\'' {
            all.extend_from_slice(b"'\\''");
        } else {
            all.push(byte);
        }
    }
    all.push(b'\'');
    all
}

/// Reads what [`quoted`] wrote, up to the end of the word.
fn unquoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (mut value, mut rest) = (Vec::new(), text);
    loop {
        match rest {
            [b'\'', after @ ..] => {
                let end = after.iter().position(|&byte| byte == b'\'')?;
                value.extend_from_slice(&after[..end]);
                rest = &after[end + 1..];
            }
            [b'\\', byte, after @ ..] => {
                value.push(*byte);
                rest = after;
            }
            _ => return Some((value, rest)),
        }
    }
}

/// FNV-1a: tells an edited hook from one as we wrote it. Not against anybody, so nothing stronger is called for.
fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(unix)]
fn bytes_of(path: &Path) -> Result<Vec<u8>> {
    use std::os::unix::ffi::OsStrExt;
    let bytes = path.as_os_str().as_bytes();
    Ok(bytes.to_vec())
}

#[cfg(not(unix))]
fn bytes_of(path: &Path) -> Result<Vec<u8>> {
    let text = path.to_str().ok_or_else(|| Error::Usage(format!("{}: not UTF-8", path.display())))?;
    Ok(text.as_bytes().to_vec())
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "fails on other systems")]
fn path_of(bytes: Vec<u8>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Some(PathBuf::from(OsString::from_vec(bytes)))
}

#[cfg(not(unix))]
fn path_of(bytes: Vec<u8>) -> Option<PathBuf> {
    String::from_utf8(bytes).ok().map(|text| PathBuf::from(OsString::from(text)))
}
