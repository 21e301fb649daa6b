//! The message of the next commit, as git will record it.

use std::borrow::Cow;
use std::path::Path;

use keysieve::blob::{Blob, Origin};
use keysieve::coverage::Tally;
use keysieve::error::{Error, Result};
use keysieve::git::{MessageRules, Repo};
use keysieve::scan::Scanner;

/// Lends what git will record of a message file.
///
/// What git drops (comments, the diff of `commit --verbose`) matters only if something was found: only then is git asked
/// for its settings, so that other commits do not pay for it.
///
/// # Errors
/// The file cannot be read.
pub fn read(path: &Path, repo: &Repo, scanner: &Scanner, see: &dyn Fn(&Blob<'_>)) -> Result<Tally> {
    let bytes = std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let all = Blob::whole(&Origin::Message, &bytes);
    let recorded = match scanner.sight(&all, &[]).is_empty() {
        true => Cow::Borrowed(bytes.as_slice()),
        false => Cow::Owned(recorded(&bytes, &repo.message_rules()?)),
    };
    see(&Blob::whole(&Origin::Message, &recorded));
    Ok(Tally { files: 1, bytes: bytes.len() as u64, ..Tally::default() })
}

/// The line below which `commit --verbose` shows the diff, behind the comment characters.
const SCISSORS: &[u8] = b" ------------------------ >8 ------------------------";

/// The message without what git drops; dropped lines are left empty, so that line numbers stay.
fn recorded(message: &[u8], rules: &MessageRules) -> Vec<u8> {
    let comment = comment(message, rules);
    let mut recorded = Vec::with_capacity(message.len());
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        let text = line.trim_ascii_end();
        if rules.cuts && text.strip_prefix(comment).is_some_and(|rest| rest == SCISSORS) {
            break;
        }
        if rules.strips && text.starts_with(comment) {
            recorded.push(b'\n');
        } else {
            recorded.extend_from_slice(line);
        }
    }
    recorded
}

/// What comments begin with. With `auto` git has chosen one: its own comments stand at the end.
fn comment<'a>(message: &'a [u8], rules: &'a MessageRules) -> &'a [u8] {
    if rules.comment != b"auto" {
        return &rules.comment;
    }
    let scissors = message.split(|byte| *byte == b'\n').find(|line| line.get(1..) == Some(SCISSORS));
    let last = || message.rsplit(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty());
    let first = scissors.or_else(last).and_then(|line| line.get(..1));
    first.filter(|first| b"#;@!$%^&|:".contains(&first[0])).unwrap_or(b"#")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(comment: &str, strips: bool, cuts: bool) -> MessageRules {
        MessageRules { comment: comment.as_bytes().to_vec(), strips, cuts }
    }

    #[test]
    fn what_git_drops() {
        let text = b"one\n# two\n#three\n # four\n# ------------------------ >8 ------------------------\ndiff\n";
        assert_eq!(recorded(text, &rules("#", true, true)), b"one\n\n\n # four\n");
        assert_eq!(recorded(text, &rules("#", false, false)), text);
        assert_eq!(recorded(text, &rules("#", false, true)), b"one\n# two\n#three\n # four\n");
        assert_eq!(recorded(b"; x\n# y\n", &rules(";", true, true)), b"\n# y\n");
        assert_eq!(recorded(b"# mine\n\n; git\n", &rules("auto", true, true)), b"# mine\n\n\n");
        assert_eq!(recorded(b"x\n// y", &rules("//", true, true)), b"x\n\n");
    }
}
