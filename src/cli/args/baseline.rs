//! `keysieve baseline`: its part of the command line.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use keysieve::baseline::State;

use super::{ArchiveArgs, RuleArgs, Scan, When, size};

#[derive(Debug, Subcommand)]
pub enum Baseline {
    /// Scan, and write what is open into a new .keysieve-baseline: from then on only what is new is reported
    Write(BaselineWrite),
    /// Scan, and add what is open; judgements, comments and order stay
    Update(BaselineUpdate),
    /// Scan, and drop what is found no more; only if everything could be read
    Prune(BaselinePrune),
    /// Scan nothing: is the file sound, what ran out, and what soon will? Exit code 1 if something ran out
    Check(BaselineCheck),
}

#[derive(Debug, Args)]
pub struct BaselineWrite {
    #[command(flatten)]
    pub scan: BaselineScan,
    #[command(flatten)]
    pub judgement: JudgementArgs,
    /// Start over where there is a baseline already: what was judged before is lost
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct BaselineUpdate {
    #[command(flatten)]
    pub scan: BaselineScan,
    #[command(flatten)]
    pub judgement: JudgementArgs,
    /// Judge anew what ran out and is still found; without this it stays open
    #[arg(long)]
    pub renew: bool,
}

#[derive(Debug, Args)]
pub struct BaselinePrune {
    /// The baseline [default: .keysieve-baseline at the repository's root]
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Only say what would be dropped
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub rules: RuleArgs,
    /// Threads to use [default: one a core]
    #[arg(long, value_name = "N", help_heading = "What is read")]
    pub threads: Option<usize>,
    /// How far the scan is, on standard error
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = When::Auto, help_heading = "Report")]
    pub progress: When,
}

#[derive(Debug, Args)]
pub struct BaselineCheck {
    /// The baseline [default: .keysieve-baseline at the repository's root]
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// List what runs out within so many days
    #[arg(long, value_name = "DAYS", default_value_t = 14)]
    pub within: u32,
}

/// What is judged alike.
#[derive(Debug, Args)]
pub struct JudgementArgs {
    /// Why; it stands in the file for everybody to read
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// What they are judged to be
    #[arg(long, value_enum, default_value_t = StateName::Accepted)]
    pub state: StateName,
    /// The last day that it holds [default: of what is accepted, 90 days from today; else for ever]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub until: Option<String>,
}

/// What is read to find out. The words are those of `scan`.
#[derive(Debug, Args)]
pub struct BaselineScan {
    /// Files and folders [default: the whole history of the repository; outside one, the current folder]
    pub paths: Vec<PathBuf>,
    /// The baseline [default: .keysieve-baseline at the repository's root]
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Also what is in no commit yet; the hook lets it pass then
    #[arg(long, help_heading = "What is read")]
    pub uncommitted: bool,
    /// Ignore git's ignore rules, too
    #[arg(long, help_heading = "What is read")]
    pub no_ignore: bool,
    /// Leave out files and blobs larger than this (such as 500k, 10M, 2G) [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "What is read")]
    pub max_file_size: Option<u64>,
    /// Threads to use [default: one a core]
    #[arg(long, value_name = "N", help_heading = "What is read")]
    pub threads: Option<usize>,
    /// Leave out findings below: critical, high, medium, low
    #[arg(long, value_name = "LEVEL", default_value = "low", help_heading = "Report")]
    pub min_severity: String,
    /// Leave out findings below: high, medium, low [default: medium]
    #[arg(long, value_name = "LEVEL", help_heading = "Report")]
    pub min_confidence: Option<String>,
    /// How far the scan is, on standard error
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = When::Auto, help_heading = "Report")]
    pub progress: When,
    #[command(flatten)]
    pub rules: RuleArgs,
    #[command(flatten)]
    pub archives: ArchiveArgs,
}

impl BaselineScan {
    /// The scan that is made of it, with nothing said of what is read.
    pub fn into_scan(self) -> Result<Scan, clap::Error> {
        let mut scan = Scan::plain()?;
        scan.paths = self.paths;
        scan.rules = self.rules;
        scan.archives = self.archives;
        scan.no_ignore = self.no_ignore;
        scan.max_file_size = self.max_file_size;
        scan.threads = self.threads;
        scan.output.min_severity = self.min_severity;
        scan.output.min_confidence = self.min_confidence;
        scan.output.progress = self.progress;
        Ok(scan)
    }
}

impl BaselinePrune {
    /// The scan that is made of it.
    pub fn into_scan(self) -> Result<Scan, clap::Error> {
        let mut scan = Scan::plain()?;
        scan.rules = self.rules;
        scan.threads = self.threads;
        scan.output.progress = self.progress;
        Ok(scan)
    }
}

/// What a secret is judged to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StateName {
    /// It opens nothing any more; that it still stands in history is harmless
    Revoked,
    /// Disabled at its provider, not yet deleted
    Contained,
    /// No secret at all
    FalsePositive,
    /// Made for tests: it opens nothing that matters
    TestCredential,
    /// Known and live, to be dealt with until a day; then it is open again
    Accepted,
}

impl StateName {
    /// As the library has it.
    pub fn state(self) -> State {
        match self {
            Self::Revoked => State::Revoked,
            Self::Contained => State::Contained,
            Self::FalsePositive => State::FalsePositive,
            Self::TestCredential => State::TestCredential,
            Self::Accepted => State::Accepted,
        }
    }
}
