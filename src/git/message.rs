//! How git treats the message of a commit that is being made.

use super::Repo;
use crate::error::Result;

/// What of a message file git does not record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRules {
    /// What a comment begins with, or `auto`.
    pub comment: Vec<u8>,
    /// Comments are dropped.
    pub strips: bool,
    /// What follows the scissors is dropped.
    pub cuts: bool,
}

impl Repo {
    /// The rules for the commit whose hook we are. git tells hooks by `GIT_EDITOR=:` that no editor was used; what
    /// `--cleanup` said it does not tell.
    ///
    /// # Errors
    /// git cannot be asked.
    pub fn message_rules(&self) -> Result<MessageRules> {
        let edited = std::env::var_os("GIT_EDITOR").is_none_or(|editor| editor != ":");
        let value = |name: &str| -> Result<Option<String>> {
            Ok(self.plumb(&["config", "--get", name])?.map(|text| text.trim_end_matches('\n').to_owned()))
        };
        let comment = match value("core.commentString")? {
            Some(text) => Some(text),
            None => value("core.commentChar")?,
        };
        let comment = comment.filter(|text| !text.is_empty()).unwrap_or_else(|| "#".into()).into_bytes();
        let cleanup = value("commit.cleanup")?.unwrap_or_default();
        let (strips, cuts) = match cleanup.as_str() {
            "verbatim" | "whitespace" => (false, edited),
            "strip" => (true, edited),
            "scissors" => (false, edited),
            _ => (edited, edited),
        };
        Ok(MessageRules { comment, strips, cuts })
    }
}
