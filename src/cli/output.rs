//! Where the reports of a scan go, how they look, and what they count as accepted.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use keysieve::error::{Error, Result};
use keysieve::finding::Outcome;
use keysieve::report::{self, Format, Options};
use keysieve::rules::{CONFIDENCES, Confidence, SEVERITIES, Severity};
use keysieve::suppress::Policy;

use super::args::{Color, OutputArgs};
use super::mode::Mode;
use crate::config::Config;

/// Columns of text that git shows with `remote: ` before it.
const REMOTE_WIDTH: usize = 72;

/// Where reports go and how they look.
pub struct Output<'a> {
    args: &'a OutputArgs,
    format: Format,
    further: Vec<(Format, PathBuf)>,
    min_severity: Severity,
    min_confidence: Option<Confidence>,
}

impl<'a> Output<'a> {
    /// As flags say; an unknown word in them is an error.
    pub fn new(args: &'a OutputArgs) -> Result<Self> {
        let further = args.report.iter().map(|text| {
            let (format, file) = text.split_once('=').ok_or_else(|| {
                Error::Usage(format!("--report `{text}`: write FORMAT=FILE, such as json=report.json"))
            })?;
            Ok((parse_format(format)?, PathBuf::from(file)))
        });
        Ok(Self {
            args,
            format: parse_format(&args.format)?,
            further: further.collect::<Result<_>>()?,
            min_severity: level("--min-severity", &args.min_severity, SEVERITIES)?,
            min_confidence: args
                .min_confidence
                .as_ref()
                .map(|word| level("--min-confidence", word, CONFIDENCES))
                .transpose()?,
        })
    }

    /// What counts as accepted in this mode.
    pub fn policy<'c>(&self, config: &'c Config, mode: &Mode, now: &'c str) -> Policy<'c> {
        let min_confidence = self.min_confidence.unwrap_or_else(|| mode.min_confidence());
        let (min_severity, skip) = (self.min_severity, mode.is_whole_history().then_some(&config.skip));
        // Who pushes to a server has no say in what it accepts.
        let inline = !mode.is_received() || config.inline_allows;
        Policy {
            allowed: &config.allow,
            baseline: config.baseline.as_ref(),
            skip,
            inline,
            min_severity,
            min_confidence,
            now,
        }
    }

    /// Writes all reports: files first, then standard output.
    pub fn write(&self, outcome: &Outcome) -> Result<()> {
        for (format, path) in
            self.further.iter().map(|(f, p)| (*f, p)).chain(self.args.output.iter().map(|p| (self.format, p)))
        {
            let failed = |source| Error::Write { what: path.display().to_string(), source };
            let mut file = File::create(path).map_err(failed)?;
            report::write(outcome, format, &self.options(false), &mut file)
                .and_then(|()| file.flush())
                .map_err(failed)?;
        }
        if self.args.output.is_none() {
            let color = use_color(self.args.color);
            let mut options = self.options(color);
            if outcome.mode == "pre-receive" {
                options.width = REMOTE_WIDTH;
            }
            super::to_stdout(|out| match outcome.mode {
                "ci" => report::write_inert(outcome, self.format, &options, out),
                _ => report::write(outcome, self.format, &options, out),
            })?;
        }
        Ok(())
    }

    fn options(&self, color: bool) -> Options {
        Options {
            show_secrets: self.args.show_secrets,
            show_suppressed: self.args.show_suppressed,
            color,
            width: super::width(),
            quiet: self.args.quiet,
            verbose: self.args.verbose,
        }
    }
}

/// Whether standard output takes colours.
pub fn use_color(color: Color) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never,
    }
}

fn parse_format(word: &str) -> Result<Format> {
    let words: Vec<_> = Format::WORDS.iter().map(|(word, _)| *word).collect();
    Format::parse(word)
        .ok_or_else(|| Error::Usage(format!("no format is called `{word}`; there are {}", words.join(", "))))
}

fn level<T: Copy>(flag: &str, word: &str, words: &[(&str, T)]) -> Result<T> {
    let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
    let found = words.iter().find(|(name, _)| *name == word).map(|(_, level)| *level);
    found.ok_or_else(|| Error::Usage(format!("{flag} `{word}`: must be one of {}", names.join(", "))))
}
