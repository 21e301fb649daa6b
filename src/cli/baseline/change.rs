//! What is put into a baseline: a judgement of somebody's, applied to secrets.

use std::fs;
use std::path::Path;

use aho_corasick::AhoCorasick;
use keysieve::baseline::{Judgement, NAME, State};
use keysieve::error::{Error, Result};
use keysieve::finding::{Finding, Outcome};
use keysieve::time;

use crate::cli::args::JudgementArgs;
use crate::cli::replace::replace;

/// How long what is accepted without a date is accepted, in days: long enough to revoke, short enough to be remembered.
const DAYS: u32 = 90;
/// Of shorter secrets, chance has every path full.
const MIN_SECRET: usize = 6;

/// What somebody says of secrets.
pub struct Given {
    /// What they are.
    pub state: State,
    /// Until when.
    pub until: Option<String>,
    reason: String,
    today: String,
}

impl Given {
    /// As on the command line.
    ///
    /// # Errors
    /// The date is none, or over; the reason says nothing, or too much.
    pub fn of(state: State, reason: &str, until: Option<&str>, today: &str) -> Result<Self> {
        if let Some(until) = until {
            if !time::is_date(until) {
                return Err(Error::Usage(format!("--until `{until}`: must be a date, YYYY-MM-DD")));
            }
            if until < today {
                return Err(Error::Usage(format!("--until {until}: that day is over")));
            }
        }
        if reason.trim().is_empty() {
            return Err(Error::Usage("--reason: say why; whoever reads the file later has to know".into()));
        }
        if crate::cli::without_secrets(reason) != reason {
            return Err(Error::Usage("--reason: there is a secret in it, and everybody can read the file".into()));
        }
        let until = match (until, state) {
            (Some(until), _) => Some(until.to_owned()),
            (None, State::Accepted) => time::days_after(today, DAYS),
            (None, _) => None,
        };
        Ok(Self { state, until, reason: reason.to_owned(), today: today.to_owned() })
    }

    /// As the `baseline` commands have it.
    ///
    /// # Errors
    /// See [`Given::of`].
    pub fn by(args: &JudgementArgs, today: &str) -> Result<Self> {
        Self::of(args.state.state(), &args.reason, args.until.as_deref(), today)
    }

    /// The same of a secret of which nothing but the fingerprint is known.
    pub fn unseen(&self, fingerprint: &str, paths: &[String]) -> Judgement {
        Judgement {
            fingerprint: fingerprint.to_owned(),
            state: self.state,
            on: Some(self.today.clone()),
            until: self.until.clone(),
            paths: paths.to_vec(),
            rule: String::new(),
            path: Vec::new(),
            reason: self.reason.split_whitespace().collect::<Vec<_>>().join(" "),
        }
    }

    /// The same of a finding.
    pub fn of_finding(&self, finding: &Finding, paths: &[String], secrets: &Secrets) -> Judgement {
        let place = finding.places.iter().find(|place| place.path.is_some());
        let path = place.and_then(|place| place.path.as_ref().map(|path| place.site.path_in(path)));
        Judgement {
            rule: finding.rule.id.to_owned(),
            path: path.filter(|path| !secrets.are_in(path)).unwrap_or_default(),
            ..self.unseen(&finding.fingerprint, paths)
        }
    }

    /// `accepted until 2027-02-20`, `revoked`.
    pub fn words(&self) -> String {
        let until = self.until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
        format!("{}{until}", self.state.word())
    }
}

/// All secrets that a scan found: a path may hold one, and must not take it into the file.
pub struct Secrets(Option<AhoCorasick>);

impl Secrets {
    /// Those of an outcome.
    pub fn of(outcome: &Outcome) -> Self {
        let secrets = outcome.findings.iter().map(|finding| &finding.secret).chain(&outcome.hidden);
        let all: Vec<&[u8]> = secrets.map(|secret| secret.reveal()).filter(|raw| raw.len() >= MIN_SECRET).collect();
        Self(AhoCorasick::new(all).ok())
    }

    fn are_in(&self, path: &[u8]) -> bool {
        self.0.as_ref().is_none_or(|secrets| secrets.is_match(path))
    }
}

/// Has git merge the baselines of two branches line by line, which is all that it takes: no conflicts. What was done, in
/// words, if anything was.
///
/// # Errors
/// `.gitattributes` cannot be written.
pub fn unionise(root: &Path) -> Result<Option<String>> {
    let path = root.join(".gitattributes");
    let line = format!("{NAME} merge=union");
    let data = fs::symlink_metadata(&path).ok();
    if data.as_ref().is_some_and(|data| !data.is_file()) {
        return Ok(Some(format!("To have branches merge by themselves, tell git: `{line}` in .gitattributes")));
    }
    let mut text = match data {
        Some(_) => fs::read(&path).map_err(|source| Error::Read { path: path.clone(), source })?,
        None => Vec::new(),
    };
    let is_ours = |line: &[u8]| {
        let line = String::from_utf8_lossy(line);
        let mut words = line.split_whitespace();
        words.next().is_some_and(|name| name.trim_start_matches('/') == NAME)
            && words.any(|word| word.contains("merge"))
    };
    if text.split(|byte| *byte == b'\n').any(is_ours) {
        return Ok(None);
    }
    let end: &[u8] = if text.windows(2).any(|pair| pair == b"\r\n") { b"\r\n" } else { b"\n" };
    if text.last().is_some_and(|last| *last != b'\n') {
        text.extend_from_slice(end);
    }
    text.extend_from_slice(line.as_bytes());
    text.extend_from_slice(end);
    replace(&path, Some(root), &text)?;
    Ok(Some(format!(".gitattributes: `{line}`, so that branches merge")))
}
