//! Writes what a scan found, in one file a format. Nothing here judges; whatever is printed was cleaned of secrets when
//! the `document` was built, and formats only see that.

mod coverage;
mod document;
mod escape;
mod fill;
mod gate;
mod guide;
mod json;
mod jsonl;
mod page;
mod redact;
mod runbook;
mod sarif;
#[cfg(test)]
mod tests;
mod text;

use std::io::{self, BufWriter, Write as _};

use crate::finding::{Finding, Outcome};
use crate::rules::Rule;
use document::Builder;

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
}

impl Format {
    /// The words for formats on the command line.
    pub const WORDS: &[(&str, Self)] =
        &[("text", Self::Text), ("json", Self::Json), ("jsonl", Self::Jsonl), ("sarif", Self::Sarif)];

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
    }
    out.flush()
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
