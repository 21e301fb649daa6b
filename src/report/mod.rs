//! Writes what a scan found, in one file a format. Nothing here judges; whatever is printed was cleaned of secrets when
//! the `document` was built, and formats only see that.

mod annotation;
mod codeclimate;
mod command;
mod coverage;
mod document;
mod escape;
mod fill;
mod gate;
mod gitlab;
mod guide;
mod inert;
mod json;
mod jsonl;
mod markdown;
mod page;
mod redact;
mod rewrite;
mod runbook;
mod sarif;
#[cfg(test)]
mod tests;
mod text;

use std::io::{self, BufWriter, Write as _};

use crate::finding::{Finding, Outcome};
use crate::rules::Rule;
pub use command::command;
use document::Builder;
pub use inert::inert_line;

/// A shape that a report can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document, see `schema/report.schema.json`.
    Json,
    /// A JSON document a line: every finding, then a summary.
    Jsonl,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Workflow commands of GitHub Actions: annotations.
    Github,
    /// Logging commands of Azure Pipelines: issues of the run.
    Azure,
    /// GitLab's secret detection report.
    Gitlab,
    /// Code Climate issues, which GitLab's code quality report is.
    CodeClimate,
    /// Markdown, for job summaries and comments.
    Markdown,
}

impl Format {
    /// The words for formats on the command line.
    pub const WORDS: &[(&str, Self)] = &[
        ("text", Self::Text),
        ("json", Self::Json),
        ("jsonl", Self::Jsonl),
        ("sarif", Self::Sarif),
        ("markdown", Self::Markdown),
        ("github", Self::Github),
        ("azure", Self::Azure),
        ("gitlab", Self::Gitlab),
        ("codeclimate", Self::CodeClimate),
    ];

    /// The format that a word names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(name, _)| *name == word).map(|(_, format)| *format)
    }
}

/// How a report is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Secrets are printed as they are, everywhere.
    pub show_secrets: bool,
    /// Suppressed findings are listed, not only counted.
    pub show_suppressed: bool,
    /// Text is coloured.
    pub color: bool,
    /// Columns of text.
    pub width: usize,
    /// Text without runbooks; nothing at all if the scan is clean and complete.
    pub quiet: bool,
    /// Text with all places, masked lines, rules and examples.
    pub verbose: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { show_secrets: false, show_suppressed: false, color: false, width: 80, quiet: false, verbose: false }
    }
}

/// Writes a report.
///
/// # Errors
/// What writing to `out` fails with, a closed pipe included.
pub fn write(outcome: &Outcome, format: Format, options: &Options, out: &mut dyn io::Write) -> io::Result<()> {
    let document = Builder::new(&outcome.findings, &outcome.hidden, options).document(outcome, options);
    let mut out = BufWriter::new(out);
    match format {
        Format::Text => out.write_all(text::render(&document, options).as_bytes())?,
        Format::Json => json::write(&document, &mut out)?,
        Format::Jsonl => jsonl::write(&document, &mut out)?,
        Format::Sarif => sarif::write(&document, &mut out)?,
        Format::Github | Format::Azure => command::write(&document, format, &mut out)?,
        Format::Gitlab => gitlab::write(&document, &mut out)?,
        Format::CodeClimate => codeclimate::write(&document, &mut out)?,
        Format::Markdown => out.write_all(markdown::render(&document).as_bytes())?,
    }
    out.flush()
}

/// Writes a report into a log that a CI system reads for commands: nothing in it is taken for one, but the annotations
/// that were asked for.
///
/// # Errors
/// What writing to `out` fails with, a closed pipe included.
pub fn write_inert(outcome: &Outcome, format: Format, options: &Options, out: &mut dyn io::Write) -> io::Result<()> {
    let mut bytes = Vec::new();
    write(outcome, format, options, &mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    out.write_all(inert::inert(&text, format).as_bytes())
}

/// Writes the whole runbook of a rule as text, with what is known from a finding filled in.
///
/// # Errors
/// What writing to `out` fails with.
pub fn write_guide(
    rule: &Rule,
    finding: Option<&Finding>,
    options: &Options,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    out.write_all(guide::render(rule, finding, options).as_bytes())
}
