//! The command line. The doc comments are the manual.

mod baseline;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use keysieve::scan::DECODE_DEPTH;
use keysieve::unpack::Limits;

pub use baseline::{
    Baseline, BaselineCheck, BaselinePrune, BaselineScan, BaselineUpdate, BaselineWrite, JudgementArgs, StateName,
};

/// Finds leaked API keys in files, commits and git history, and says how to revoke each one.
///
/// A key that was ever committed is burnt: deleting the line does not un-leak it. keysieve stops the key before the
/// commit exists, finds those that got through, and prints what to do about each.
#[derive(Debug, Parser)]
#[command(name = "keysieve", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  keysieve scan                      files below the current folder
  keysieve scan --history            every object of this repository
  keysieve hook install              block commits that add a key
  keysieve ci                        what a CI run is about, with annotations
  keysieve baseline write --reason R accept old leaks, block new ones
  keysieve guide runra-api-key       what to do about a leaked key

Exit codes: 0 nothing open, 1 open findings, 2 bad usage (nothing was scanned),
            3 incomplete and nothing open in what was read, 4 internal error";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look for leaked keys in files, staged changes, a range, a history, or standard input
    Scan(Box<Scan>),
    /// Look for leaked keys in what a CI run is about: a pull request, a push, a tag, or the whole history
    Ci(Box<Ci>),
    /// Print what to do about a leaked key: revoke, replace, investigate, clean up
    Guide(Guide),
    /// List, show, check and test rules
    #[command(subcommand)]
    Rules(Rules),
    /// Judge one secret: adds it to .keysieve-baseline with --state, else to .keysieve.yaml
    Allow(Allow),
    /// Accept what has leaked already, so that only what is new is reported: .keysieve-baseline
    #[command(subcommand)]
    Baseline(Baseline),
    /// Install, remove or look at the git hook that stops a key before it is committed
    #[command(subcommand)]
    Hook(Hook),
}

#[derive(Debug, Args)]
pub struct Scan {
    /// Files and folders [default: the current folder]
    ///
    /// In a repository git's ignore rules hold; tracked and hidden files are scanned. What is named here is scanned
    /// whatever the configuration skips.
    pub paths: Vec<PathBuf>,

    #[command(flatten)]
    pub source: SourceArgs,
    #[command(flatten)]
    pub rules: RuleArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub archives: ArchiveArgs,

    /// See through so many layers of encoding, such as base64 and escapes; 0 decodes nothing
    #[arg(long, value_name = "N", default_value_t = DECODE_DEPTH, help_heading = "What is read",
          value_parser = clap::value_parser!(u8).range(..=16))]
    pub max_decode_depth: u8,
    /// Ignore git's ignore rules, too
    #[arg(long, help_heading = "What is read")]
    pub no_ignore: bool,
    /// Leave out files and blobs larger than this (such as 500k, 10M, 2G) [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "What is read")]
    pub max_file_size: Option<u64>,
    /// Stop reading after this long (such as 500ms, 20s, 2m); what was not read makes the scan incomplete
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "What is read")]
    pub time_budget: Option<Duration>,
    /// With --staged and --range: secrets that a file had before count, too
    #[arg(long, help_heading = "What is read")]
    pub strict: bool,
    #[command(flatten)]
    pub known: KnownArgs,
    /// With --history of a partial clone: fetch what was left out when cloning, for the time of the scan
    ///
    /// From the remote that promised it, by https, ssh, git, http or a path. Nothing that the repository configures is
    /// used but that address, and nothing in it is changed.
    #[arg(long, requires = "history", help_heading = "What is read")]
    pub fetch_missing: bool,
    /// With --history: name every commit that brought a secret to a path, not only the first
    #[arg(long, requires = "history", help_heading = "Report")]
    pub all_places: bool,
    /// Threads to use [default: one a core]
    #[arg(long, value_name = "N", help_heading = "What is read")]
    pub threads: Option<usize>,
}

impl Scan {
    /// The scan of what is staged, with nothing else said.
    pub fn staged() -> Result<Self, clap::Error> {
        Self::parsed(&["keysieve", "scan", "--staged"])
    }

    /// A scan with nothing said.
    pub fn plain() -> Result<Self, clap::Error> {
        Self::parsed(&["keysieve", "scan"])
    }

    fn parsed(words: &[&str]) -> Result<Self, clap::Error> {
        match Cli::try_parse_from(words)?.command {
            Command::Scan(scan) => Ok(*scan),
            _ => Err(clap::Error::new(clap::error::ErrorKind::InvalidSubcommand)),
        }
    }
}

/// What was judged already.
#[derive(Debug, Args, Default)]
pub struct KnownArgs {
    /// Use this baseline [default: .keysieve-baseline at the repository's root, unless --no-config]
    #[arg(long, value_name = "FILE", help_heading = "Rules and configuration")]
    pub baseline: Option<PathBuf>,
    /// Nothing counts as judged but what is named.
    #[arg(skip)]
    pub only_named: bool,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct SourceArgs {
    /// What the next commit would record: the index, never the working files
    #[arg(long, conflicts_with = "paths", help_heading = "Source")]
    pub staged: bool,
    /// Every object of a repository, reachable or not, its messages and identities, index and working files
    #[arg(long, value_name = "REPO", num_args = 0..=1, help_heading = "Source")]
    pub history: Option<Option<PathBuf>>,
    /// What the commits of A..B add; A.. means A..HEAD
    #[arg(long, value_name = "A..B", conflicts_with = "paths", help_heading = "Source")]
    pub range: Option<String>,
    /// Standard input
    #[arg(long, conflicts_with = "paths", help_heading = "Source")]
    pub stdin: bool,
}

/// What opening archives may cost. What is cut off is in the report.
#[derive(Debug, Args)]
pub struct ArchiveArgs {
    /// Open archives in archives so deep; 0 opens none
    #[arg(long, value_name = "N", default_value_t = Limits::default().depth, help_heading = "Archives",
          value_parser = clap::value_parser!(u32).range(..=32))]
    pub max_archive_depth: u32,
    /// Members of one archive, those of archives in it included
    #[arg(long, value_name = "N", default_value_t = Limits::default().entries, help_heading = "Archives")]
    pub max_archive_entries: u64,
    /// What one archive may expand to (such as 500M, 4G)
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "4G", help_heading = "Archives")]
    pub max_archive_size: u64,
    /// How many times its own size an archive may expand to, if that is more than 64M
    #[arg(long, value_name = "N", default_value_t = Limits::default().ratio, help_heading = "Archives")]
    pub max_archive_ratio: u64,
    /// Seconds for one archive
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().time.as_secs(), help_heading = "Archives")]
    pub max_archive_time: u64,
    /// What all archives together may expand to
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "64G", help_heading = "Archives")]
    pub max_archive_total: u64,
}

impl ArchiveArgs {
    /// As the library takes them.
    pub fn limits(&self) -> Limits {
        Limits {
            depth: self.max_archive_depth,
            entries: self.max_archive_entries,
            size: self.max_archive_size,
            ratio: self.max_archive_ratio,
            time: Duration::from_secs(self.max_archive_time),
            total: self.max_archive_total,
        }
    }
}

#[derive(Debug, Args, Default)]
pub struct RuleArgs {
    /// Add the rules of a file or folder
    #[arg(long, value_name = "PATH", help_heading = "Rules and configuration")]
    pub rules: Vec<PathBuf>,
    /// Leave out the built-in rules
    #[arg(long, help_heading = "Rules and configuration")]
    pub no_builtin_rules: bool,
    /// Turn on rules that are off, by id or glob
    #[arg(long, value_name = "GLOB", help_heading = "Rules and configuration")]
    pub enable: Vec<String>,
    /// Turn off rules, by id or glob
    #[arg(long, value_name = "GLOB", help_heading = "Rules and configuration")]
    pub disable: Vec<String>,
    /// Use this configuration [default: .keysieve.yaml at the repository's root]
    #[arg(
        long,
        value_name = "FILE",
        env = "KEYSIEVE_CONFIG",
        conflicts_with = "no_config",
        help_heading = "Rules and configuration"
    )]
    pub config: Option<PathBuf>,
    /// Use no configuration
    #[arg(long, help_heading = "Rules and configuration")]
    pub no_config: bool,
}

#[derive(Debug, Args)]
pub struct OutputArgs {
    /// Format of the report: text, json, jsonl, sarif, markdown, github, azure, gitlab, codeclimate
    #[arg(long, short, value_name = "FORMAT", default_value = "text", help_heading = "Report")]
    pub format: String,
    /// Write the report to a file instead of standard output
    #[arg(long, short, value_name = "FILE", help_heading = "Report")]
    pub output: Option<PathBuf>,
    /// Write a further report (may be given several times)
    #[arg(long, value_name = "FORMAT=FILE", help_heading = "Report")]
    pub report: Vec<String>,
    /// Count findings below as accepted: critical, high, medium, low
    #[arg(long, value_name = "LEVEL", default_value = "low", help_heading = "Report")]
    pub min_severity: String,
    /// Count findings below as accepted: high, medium, low [default: medium; with --staged and in ci high, and medium is named]
    #[arg(long, value_name = "LEVEL", help_heading = "Report")]
    pub min_confidence: Option<String>,
    /// Print secrets as they are. Everybody who sees the report then has them
    #[arg(long, help_heading = "Report")]
    pub show_secrets: bool,
    /// List what is accepted or implausible, not only count it
    #[arg(long, help_heading = "Report")]
    pub show_suppressed: bool,
    /// Colour
    #[arg(long, value_enum, default_value_t = Color::Auto, help_heading = "Report")]
    pub color: Color,
    /// How far the scan is, on standard error: a bar on a terminal, a line every few seconds elsewhere
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = When::Auto, help_heading = "Report")]
    pub progress: When,
    /// No runbooks; nothing at all if nothing is open and all was read
    #[arg(long, short, conflicts_with = "verbose", help_heading = "Report")]
    pub quiet: bool,
    /// All places, masked lines, more examples
    #[arg(long, short, help_heading = "Report")]
    pub verbose: bool,
    /// Exit with N instead of 1 if there are open findings
    #[arg(long, value_name = "N", conflicts_with = "exit_zero", help_heading = "Report")]
    pub exit_code: Option<u8>,
    /// Exit with 0 instead of 1 if there are open findings
    #[arg(long, help_heading = "Report")]
    pub exit_zero: bool,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal; `NO_COLOR` and `CLICOLOR_FORCE` are honoured
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// When to show how far a scan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, if the scan takes more than a moment
    Auto,
    /// Always; where there is no terminal, as lines
    Always,
    /// Never
    Never,
}

#[derive(Debug, Args)]
pub struct Guide {
    /// A rule id, or the fingerprint (ks1:…) of a finding
    pub what: String,
    /// Look the fingerprint up in this JSON report instead of scanning for it
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    #[command(flatten)]
    pub rules: RuleArgs,
}

#[derive(Debug, Args)]
pub struct Allow {
    /// The fingerprint (ks1:…) of a finding, or the file and line where it stands
    #[arg(value_name = "FINGERPRINT|PATH:LINE")]
    pub what: String,
    /// What it is judged to be; goes into .keysieve-baseline
    #[arg(long, value_enum)]
    pub state: Option<StateName>,
    /// The baseline [default: .keysieve-baseline at the repository's root]
    #[arg(long, value_name = "FILE", requires = "state")]
    pub baseline: Option<PathBuf>,
    /// Why it is accepted
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Only at these paths (may be given several times)
    #[arg(long, value_name = "GLOB")]
    pub paths: Vec<String>,
    /// The last day that it is accepted [default: with `--state accepted`, 90 days from today; else for ever]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub until: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Rules {
    /// List rules
    List(Listed),
    /// Show everything about one rule, samples and guidance included
    Show {
        /// Rule id
        id: String,
        #[command(flatten)]
        rules: RuleArgs,
    },
    /// Check rule files: every fault with its place
    Check {
        /// Rule files or folders
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Run rules against their own samples
    Test {
        /// Rule files or folders [default: the built-in rules]
        files: Vec<PathBuf>,
        /// Values to generate from each sample
        #[arg(long, value_name = "N", default_value_t = 100)]
        values: usize,
    },
}

#[derive(Debug, Args)]
pub struct Listed {
    /// Only rules whose id or provider contains this
    pub filter: Option<String>,
    /// Only rules of providers whose name contains this
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// Only rules of this severity
    #[arg(long, value_name = "LEVEL", value_parser = ["critical", "high", "medium", "low"])]
    pub severity: Option<String>,
    /// How to write the list
    #[arg(long, value_enum, default_value_t = ListFormat::Text)]
    pub format: ListFormat,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    #[command(flatten)]
    pub rules: RuleArgs,
}

/// How to write a list of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// A table for the terminal
    Text,
    /// Everything that a program may want
    Json,
    /// The table of docs/rules.md
    Markdown,
}

/// What a CI run is about. The words are those of `scan`.
#[derive(Debug, Args)]
pub struct Ci {
    /// The CI system [default: found out from the environment]
    #[arg(long, value_enum, help_heading = "What is read")]
    pub provider: Option<Provider>,
    /// What the change is compared with and whose configuration holds: a commit, or refs/remotes/origin/main
    #[arg(long, value_name = "REV", env = "KEYSIEVE_BASE", help_heading = "What is read")]
    pub base: Option<String>,
    /// The newest commit of the change [default: what the CI system says, and HEAD]
    #[arg(long, value_name = "REV", help_heading = "What is read")]
    pub head: Option<String>,
    /// The whole history, whatever started the run
    #[arg(long, conflicts_with_all = ["base", "head"], help_heading = "What is read")]
    pub full_history: bool,
    /// Leave out blobs larger than this (such as 500k, 10M, 2G) [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "What is read")]
    pub max_file_size: Option<u64>,
    /// Stop reading after this long (such as 20s, 2m); what was not read makes the scan incomplete
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "What is read")]
    pub time_budget: Option<Duration>,
    /// Threads to use [default: one a core]
    #[arg(long, value_name = "N", help_heading = "What is read")]
    pub threads: Option<usize>,
    /// Write a SARIF report, for code scanning
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    pub sarif: Option<PathBuf>,
    /// No annotations and no job summary
    #[arg(long, help_heading = "Report")]
    pub no_annotations: bool,

    #[command(flatten)]
    pub rules: RuleArgs,
    #[command(flatten)]
    pub known: KnownArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    /// See through so many layers of encoding, such as base64 and escapes; 0 decodes nothing
    #[arg(long, value_name = "N", default_value_t = DECODE_DEPTH, help_heading = "What is read",
          value_parser = clap::value_parser!(u8).range(..=16))]
    pub max_decode_depth: u8,
    #[command(flatten)]
    pub archives: ArchiveArgs,
}

impl Ci {
    /// The scan that is made of it.
    pub fn into_scan(self) -> Scan {
        let mut output = self.output;
        output.report.extend(self.sarif.iter().map(|file| format!("sarif={}", file.display())));
        Scan {
            paths: Vec::new(),
            source: SourceArgs { staged: false, history: None, range: None, stdin: false },
            rules: self.rules,
            output,
            archives: self.archives,
            no_ignore: false,
            max_file_size: self.max_file_size,
            time_budget: self.time_budget,
            strict: false,
            known: self.known,
            threads: self.threads,
            max_decode_depth: self.max_decode_depth,
            fetch_missing: false,
            all_places: false,
        }
    }
}

/// A CI system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Provider {
    /// GitHub Actions, and Gitea's and Forgejo's, which are like it
    Github,
    /// GitLab CI/CD
    Gitlab,
    /// Bitbucket Pipelines
    Bitbucket,
    /// Azure Pipelines
    Azure,
    /// CircleCI
    Circleci,
    /// Buildkite
    Buildkite,
    /// Jenkins
    Jenkins,
    /// Any other: HEAD against the default branch, or against --base
    Generic,
}

#[derive(Debug, Subcommand)]
pub enum Hook {
    /// Install the hook; an existing hook is kept and run first
    Install(HookInstall),
    /// Remove the hook and restore what was there before
    Uninstall {
        #[command(flatten)]
        stage: StageArg,
    },
    /// Say what is installed and whether it works: a commit of a made-up key is tried in a temporary repository
    Status {
        #[command(flatten)]
        stage: StageArg,
        /// Only look; try no commit
        #[arg(long)]
        no_trial: bool,
    },
    /// What an installed hook calls; for hook managers
    Run(HookRun),
}

#[derive(Debug, Args)]
pub struct HookInstall {
    #[command(flatten)]
    pub stage: StageArg,
    /// pre-receive, update: take configuration from this file, and from nowhere else
    #[arg(long, value_name = "FILE")]
    pub trusted_config: Option<PathBuf>,
    /// pre-receive, update: take the baseline from this file, and from nowhere else
    #[arg(long, value_name = "FILE", visible_alias = "baseline")]
    pub trusted_baseline: Option<PathBuf>,
    /// Install next to a hook manager, though its configuration is the better place
    #[arg(long)]
    pub force: bool,
    /// pre-push, pre-receive, update: stop after this long (such as 20s); what was not read in time blocks
    #[arg(long, value_name = "TIME", value_parser = duration_text)]
    pub time_budget: Option<String>,
}

#[derive(Debug, Args)]
pub struct HookRun {
    /// Which hook
    #[arg(value_enum)]
    pub stage: StageName,
    /// pre-receive, update: take configuration from this file, and from nowhere else
    #[arg(long, value_name = "FILE")]
    pub trusted_config: Option<PathBuf>,
    /// pre-receive, update: take the baseline from this file, and from nowhere else
    #[arg(long, value_name = "FILE", visible_alias = "baseline")]
    pub trusted_baseline: Option<PathBuf>,
    /// Stop reading after this long; what was not read in time blocks
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub time_budget: Option<Duration>,
    /// pre-commit: secrets that the file has in HEAD already block, too
    #[arg(long)]
    pub strict: bool,
    /// What git passes to the hook
    #[arg(last = true)]
    pub args: Vec<OsString>,
}

#[derive(Debug, Args)]
pub struct StageArg {
    /// When it runs
    #[arg(long, value_enum, default_value_t = StageName::PreCommit)]
    pub stage: StageName,
    /// For every repository of this user: in the global core.hooksPath if there is one, else for new clones
    #[arg(long)]
    pub global: bool,
}

/// When a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StageName {
    /// Before a commit is made: what is staged
    PreCommit,
    /// Before a commit is made: its message
    CommitMsg,
    /// Before a push: the commits that the remote lacks
    PrePush,
    /// On a server, before a push is stored: all its commits
    PreReceive,
    /// On a server, before one ref of a push is changed
    Update,
}

fn duration_text(text: &str) -> Result<String, String> {
    duration(text).map(|_| text.to_owned())
}

/// `500k`, `10M`, `2G`, or bytes.
fn size(text: &str) -> Result<u64, String> {
    let bad = || format!("`{text}` is no size; write bytes, or a number with k, M or G");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor: u64 = match text[digits.len()..].to_ascii_lowercase().trim_end_matches('b').trim_end_matches('i') {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => return Err(bad()),
    };
    digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).ok_or_else(bad)
}

/// `500ms`, `20s`, `2m`, or seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("`{text}` is no time; write seconds, or a number with ms, s or m");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| bad())?;
    match &text[digits.len()..] {
        "ms" => Some(Duration::from_millis(number)),
        "" | "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    }
    .ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn archives_have_the_limits_of_the_library() {
        let Command::Scan(scan) = Cli::parse_from(["keysieve", "scan"]).command else { unreachable!() };
        assert_eq!(format!("{:?}", scan.archives.limits()), format!("{:?}", Limits::default()));
    }

    #[test]
    fn sizes() {
        assert_eq!(size("10M"), Ok(10 << 20));
        assert_eq!(size("3KiB"), Ok(3 << 10));
        assert!(size("ten").is_err());
        assert!(size("99999999999G").is_err());
    }

    #[test]
    fn times() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!((duration("20s"), duration("20")), (Ok(Duration::from_secs(20)), Ok(Duration::from_secs(20))));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert!(duration("soon").is_err() && duration("-1s").is_err() && duration("2h").is_err());
    }
}
