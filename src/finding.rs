//! The nouns of the answer: a match in some bytes, its site, its places in the world, and the finding they add up to.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use crate::blob::{Inside, ObjectId, Origin, PlaceKind};
use crate::rules::{Confidence, Rule, Severity};
use crate::secret::Secret;

/// A place in a blob where a rule matches.
#[derive(Debug, Clone)]
pub struct Match {
    /// The rule.
    pub rule: &'static Rule,
    /// Where the secret stands in the bytes.
    pub span: Range<usize>,
    /// The secret.
    pub secret: Secret,
    /// The rule's severity, or less if the token says that it opens less.
    pub severity: Severity,
    /// The rule's confidence, or less.
    pub confidence: Confidence,
    /// Why it cannot be a real credential, if an offline check says so.
    pub implausible: Option<String>,
    /// What the token says of itself.
    pub details: BTreeMap<String, String>,
    /// How it is written, if it does not stand there as it is. `span` is then where the encoded text stands.
    pub decoded: Option<Decoded>,
}

/// How an encoded secret is written.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// Layers of encoding, outermost first.
    pub layers: Vec<&'static str>,
    /// The encoded text. Whoever has it has the secret.
    pub stored: Secret,
}

impl Match {
    /// What stands at the place: the secret, or its encoded text.
    pub fn stored(&self) -> &Secret {
        self.decoded.as_ref().map_or(&self.secret, |decoded| &decoded.stored)
    }
}

/// Where a match stands for people; taken while its bytes are at hand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Site {
    /// 1-based line of the first byte.
    pub line: u64,
    /// 1-based column of the first byte, in bytes.
    pub column: u64,
    /// 1-based line of the last byte.
    pub end_line: u64,
    /// 1-based column after the last byte.
    pub end_column: u64,
    /// The line, shortened, with every secret in it masked.
    pub context: String,
    /// Allow markers that hold for this place.
    pub allows: Vec<Allow>,
    /// Where in a container, if one was opened; lines are those of the member.
    pub inside: Option<Inside>,
    /// Layers of encoding, outermost first.
    pub decoded_by: Vec<&'static str>,
}

impl Site {
    /// A path with that of the member: `a.zip!/inner/.env`.
    pub fn path_in(&self, path: &[u8]) -> Vec<u8> {
        match &self.inside {
            Some(inside) if !inside.path.is_empty() => [path, b"!/", &inside.path].concat(),
            _ => path.to_vec(),
        }
    }
}

/// An inline marker that says a secret at this place is known and accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow {
    /// The marker as written, without what follows it.
    pub marker: &'static str,
    /// The rule that it is limited to.
    pub rule: Option<String>,
    /// What the author said.
    pub reason: String,
}

/// A match, where it stands, and where its blob came from.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// The match.
    pub hit: Match,
    /// Where it stands in the blob.
    pub site: Site,
    /// Where the blob came from.
    pub origin: Origin,
}

/// A commit as places name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    /// Its id.
    pub id: ObjectId,
    /// `Name <mail>` of the author.
    pub author: String,
    /// Committer date, ISO 8601.
    pub date: String,
    /// Committer date in seconds since 1970, for order.
    pub seconds: i64,
    /// First line of the message.
    pub subject: String,
    /// How many parents it has.
    pub parents: usize,
}

/// Where in the world one copy of a secret is.
#[derive(Debug, Clone)]
pub struct Place {
    /// What part of a repository.
    pub kind: PlaceKind,
    /// Path in bytes, with `/`; of a container, where the secret is inside one (see [`Site::inside`]).
    pub path: Option<Vec<u8>>,
    /// Where in the content.
    pub site: Site,
    /// The blob.
    pub blob: Option<ObjectId>,
    /// The commit that brought it.
    pub commit: Option<CommitInfo>,
    /// The ref or tag.
    pub reference: Option<String>,
    /// Whether this is an index entry or a working file, not a commit's content.
    pub current: bool,
    /// Whether HEAD's tree has this content at this path.
    pub in_head: bool,
    /// Set once a marker or an entry of the configuration accepts this place.
    pub suppression: Option<Suppression>,
}

/// What sort of place a secret stands in, where that adds something to what must be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// Code that ships to browsers or phones.
    ClientCode,
    /// Part of a web address.
    Url,
    /// A log.
    Log,
    /// Configuration of continuous integration.
    Ci,
    /// Documentation.
    Documentation,
    /// Tests and their data.
    Test,
}

impl Setting {
    /// All of them, in the order of reports.
    pub const ALL: &'static [Self] =
        &[Self::ClientCode, Self::Url, Self::Log, Self::Ci, Self::Documentation, Self::Test];
    /// The detail of a finding that names its settings, separated by commas.
    pub const DETAIL: &'static str = "place";

    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::ClientCode => "client-code",
            Self::Url => "url",
            Self::Log => "log",
            Self::Ci => "ci",
            Self::Documentation => "documentation",
            Self::Test => "test",
        }
    }

    /// What it adds to the runbook.
    pub fn advice(self) -> &'static str {
        match self {
            Self::ClientCode => {
                "It is in code that ships to browsers or phones: everybody who has the app has it, and no build step hides it. Call the service from a server of your own."
            }
            Self::Url => {
                "It is in a URL: proxies, server logs and browser histories keep those. Send it in a header or a body."
            }
            Self::Log => {
                "It is in a log: find out where else the log went (collectors, backups, tickets), and mask it where it is written."
            }
            Self::Ci => {
                "It is in CI configuration, which everybody who can open a pull request can read: keep it in the CI's secret store. Job logs may have it, too."
            }
            Self::Documentation => {
                "It is in documentation, which is copied and indexed: put a made-up value there. That does not make this one harmless."
            }
            Self::Test => {
                "It is in test data: tests need a made-up value or a sandbox's, never a key that works. Revoke it unless you know that it never did."
            }
        }
    }
}

/// How far a secret got; a worse level is smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// On a remote, as far as this clone knows.
    Pushed,
    /// In commits that only a reflog, or nothing, reaches.
    Unreachable,
    /// In commits that were not pushed, as far as this clone knows.
    Local,
    /// In the index only.
    Staged,
    /// In working files only.
    Worktree,
    /// Outside git.
    Unknown,
    /// In an object that no commit has.
    Dangling,
}

impl Level {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pushed => "pushed",
            Self::Unreachable => "unreachable",
            Self::Local => "local",
            Self::Staged => "staged",
            Self::Worktree => "worktree",
            Self::Unknown => "unknown",
            Self::Dangling => "dangling",
        }
    }

    /// What it means, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Pushed => "it was pushed: removing the commit does not un-leak it; revoke it first",
            Self::Unreachable => {
                "its commits are reachable only from a reflog or not at all; a forge may still serve them by id; revoke it"
            }
            Self::Local => {
                "committed, not pushed as far as this clone knows (a push by URL leaves no trace); revoke if in doubt, rewrite before pushing"
            }
            Self::Staged => {
                "staged, in no commit yet: take it out now; nothing is burnt yet unless it was shared in another way"
            }
            Self::Worktree => {
                "in a working file, in no commit yet: take it out now; nothing is burnt yet unless it was shared in another way"
            }
            Self::Unknown => "outside git: treat it as leaked if the file was shared",
            Self::Dangling => {
                "left behind in an object that no commit has, by a blocked or undone commit; `git gc --prune=now` removes it"
            }
        }
    }
}

/// How far a secret got, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    /// The worst level of its places.
    pub level: Level,
    /// Committer date of the earliest commit that has it, ISO 8601.
    pub since: Option<String>,
    /// That commit.
    pub commit: Option<ObjectId>,
    /// Remote-tracking refs that reach it.
    pub remote_refs: Vec<String>,
    /// Whether HEAD's tree has it, where that was asked.
    pub in_head: Option<bool>,
}

impl Exposure {
    /// Only a level is known.
    pub fn of(level: Level) -> Self {
        Self { level, since: None, commit: None, remote_refs: Vec::new(), in_head: None }
    }
}

/// Why a finding does not count as open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Suppression {
    /// What judged: `inline`, `config`, `baseline`, `check`, `committed`, `identifier`, `threshold`, `half`.
    pub by: String,
    /// What it was judged to be: `allowed`, `implausible`, …
    pub state: String,
    /// The reason given.
    pub reason: String,
}

/// One secret with all its places, its exposure and its status.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Same secret, same fingerprint.
    pub fingerprint: String,
    /// The rule that fits best.
    pub rule: &'static Rule,
    /// The secret.
    pub secret: Secret,
    /// The worst of its places.
    pub severity: Severity,
    /// The best of its places.
    pub confidence: Confidence,
    /// What the token and its places say.
    pub details: BTreeMap<String, String>,
    /// How far it got.
    pub exposure: Exposure,
    /// Everywhere that it is, oldest commit first, then index, then working tree.
    pub places: Vec<Place>,
    /// Set if it does not count as open.
    pub suppression: Option<Suppression>,
}

impl Finding {
    /// Whether it still needs somebody.
    pub fn is_open(&self) -> bool {
        self.suppression.is_none()
    }

    /// Whether it is half of a credential whose other half is a finding that is open, and is told with that.
    pub fn is_told_together(&self) -> bool {
        self.suppression.as_ref().is_some_and(|suppression| suppression.by == "half")
    }

    /// The first place that has a path, else the first place.
    pub fn first_place(&self) -> Option<&Place> {
        self.places.iter().find(|place| place.path.is_some()).or_else(|| self.places.first())
    }
}

impl Finding {
    /// Adds the places of the same secret elsewhere.
    fn join(&mut self, other: Self) {
        self.severity = self.severity.max(other.severity);
        self.confidence = match (self.is_open(), other.is_open()) {
            (true, false) => self.confidence,
            (false, true) => other.confidence,
            _ => self.confidence.max(other.confidence),
        };
        if other.exposure.level < self.exposure.level {
            self.exposure = other.exposure;
        }
        self.suppression = self.suppression.take().and(other.suppression);
        self.places.extend(other.places);
    }
}

/// What a report is about: the findings of a scan, worst first, and its coverage.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Which scan: `paths`, `staged`, `history`, `range`, `stdin`, `commit-msg`, `pre-push`, `pre-receive`, `ci`.
    pub mode: &'static str,
    /// Open findings first, worst first; then suppressed ones.
    pub findings: Vec<Finding>,
    /// What was read and what not.
    pub tally: crate::coverage::Tally,
    /// What configuration turned off, a sentence each.
    pub notices: Vec<String>,
    /// Secrets that no finding is about and that must not be shown: they stand in paths, names and other texts that a
    /// report quotes.
    pub hidden: Vec<Secret>,
}

impl Outcome {
    /// Adds what another part of the same scan found: the same secret in two repositories is one finding.
    #[must_use]
    pub fn join(mut self, other: Self) -> Self {
        for finding in other.findings {
            match self.findings.iter_mut().find(|known| known.fingerprint == finding.fingerprint) {
                Some(known) => known.join(finding),
                None => self.findings.push(finding),
            }
        }
        self.tally.merge(other.tally);
        self.notices.extend(other.notices);
        // One configuration may hold for several repositories.
        let mut said = HashSet::new();
        self.notices.retain(|notice| said.insert(notice.clone()));
        self.hidden.extend(other.hidden);
        self
    }

    /// The findings that still need somebody.
    pub fn open(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.is_open())
    }

    /// How many findings are suppressed, by what.
    pub fn suppressed(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for suppression in self.findings.iter().filter_map(|finding| finding.suppression.as_ref()) {
            *counts.entry(suppression.by.clone()).or_insert(0) += 1;
        }
        counts
    }
}
