//! The report as plain values, with every secret already replaced. All formats are written from it and none of them
//! sees the outcome itself, so none can print what was not cleaned here. Serialised, it is the JSON format.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Options;
use super::escape::base64;
use super::fill::{self, Values};
use super::redact::{self, Redactor};
use crate::blob::PlaceKind;
use crate::coverage::Tally;
use crate::finding::{CommitInfo, Exposure, Finding, Level, Outcome, Place, Setting, Suppression};
use crate::rules::{CONFIDENCES, Candidate, Confidence, Guidance, Kind, Rule, SEVERITIES};
use crate::secret::Secret;

/// A whole report.
#[derive(Serialize)]
pub(super) struct Document {
    pub schema: u32,
    pub tool: Tool,
    pub scan: Scan,
    pub findings: Vec<FindingDoc>,
    /// What a commit is not blocked for, and its author should look at.
    #[serde(skip)]
    pub named: Vec<FindingDoc>,
}

/// Who wrote it.
#[derive(Serialize)]
pub(super) struct Tool {
    pub name: &'static str,
    pub version: &'static str,
}

/// What was scanned, what not, and what was left out of the findings.
#[derive(Serialize)]
pub(super) struct Scan {
    pub mode: &'static str,
    pub read: Read,
    pub not_read: Vec<GapDoc>,
    pub complete: bool,
    pub suppressed: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
    /// How many findings are open.
    #[serde(skip)]
    pub open: u64,
    /// Places of secrets that a staged file had before: they do not block.
    #[serde(skip)]
    pub old: Vec<String>,
}

/// What was read.
#[derive(Serialize)]
pub(super) struct Read {
    pub files: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub members: u64,
    pub blobs: u64,
    pub commits: u64,
    pub tags: u64,
    pub bytes: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What was not read, for one reason.
#[derive(Serialize)]
pub(super) struct GapDoc {
    pub reason: &'static str,
    pub count: u64,
    pub examples: Vec<String>,
    pub incomplete: bool,
}

/// One secret.
#[derive(Serialize)]
pub(super) struct FindingDoc {
    pub fingerprint: String,
    pub rule: String,
    pub provider: String,
    /// Where shapes are shared and nothing near settled whose key it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub provider_candidates: Vec<String>,
    pub title: String,
    pub severity: &'static str,
    pub confidence: &'static str,
    pub redacted: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    pub status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppression: Option<SuppressionDoc>,
    pub exposure: ExposureDoc,
    #[serde(flatten)]
    pub first: Spot,
    pub places: Vec<PlaceDoc>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
    pub guidance: GuidanceDoc,
    /// The runbook with nothing filled in, for what is said of the rule.
    #[serde(skip)]
    pub runbook: GuidanceDoc,
    /// What its sort of place adds to the runbook.
    #[serde(skip)]
    pub setting: Vec<String>,
    #[serde(skip)]
    pub level: Level,
    #[serde(skip)]
    pub known: &'static Rule,
}

/// Why a finding is not open.
#[derive(Serialize)]
pub(super) struct SuppressionDoc {
    pub by: String,
    pub state: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// How far it got.
#[derive(Serialize)]
pub(super) struct ExposureDoc {
    pub level: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remote_refs: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_head: Option<bool>,
}

/// A path and a position in it; what is unknown is absent.
#[derive(Serialize, Default, Clone)]
pub(super) struct Spot {
    /// Only of what has a path outside a container.
    #[serde(skip)]
    pub path: Option<String>,
    /// What reports say: of what has none, such as standard input, that inside the container.
    #[serde(rename = "path", skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_column: Option<u64>,
    /// The path of the file: of the container, where the place is inside one.
    #[serde(skip)]
    pub file: Option<String>,
    /// That path in bytes, for URIs.
    #[serde(skip)]
    pub bytes: Vec<u8>,
    /// Whether those bytes are what the file system has: nothing in them was replaced.
    #[serde(skip)]
    pub exact: bool,
    /// The path inside the container; lines are lines of the member.
    #[serde(skip)]
    pub inside: Option<String>,
}

impl PlaceDoc {
    /// Where in a container it is, in words.
    pub fn inside(&self) -> Option<String> {
        let inside = self.spot.inside.as_deref().filter(|inside| !inside.is_empty())?;
        let line = self.spot.line.map(|line| format!(":{line}")).unwrap_or_default();
        Some(format!("in {inside}{line}"))
    }

    /// How it is written, in words, innermost first.
    pub fn written(&self) -> Option<String> {
        let layers: Vec<&str> = self.decoded_by.iter().rev().copied().collect();
        (!layers.is_empty()).then(|| format!("in {}", layers.join(" in ")))
    }
}

/// Where one copy is.
#[derive(Serialize)]
pub(super) struct PlaceDoc {
    pub kind: &'static str,
    #[serde(flatten)]
    pub spot: Spot,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blob: Option<String>,
    #[serde(flatten)]
    pub commit: Option<CommitDoc>,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decoded_by: Vec<&'static str>,
    #[serde(skip)]
    pub what: PlaceKind,
    #[serde(skip)]
    pub current: bool,
    #[serde(skip)]
    pub context: String,
    #[serde(skip)]
    pub suppression: Option<SuppressionDoc>,
}

/// The commit of a place.
#[derive(Serialize)]
pub(super) struct CommitDoc {
    #[serde(rename = "commit")]
    pub id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub author: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub date: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    #[serde(skip)]
    pub parents: usize,
}

/// A runbook with what is known filled in.
#[derive(Serialize, PartialEq, Eq, Hash, Clone)]
pub(super) struct GuidanceDoc {
    pub headline: String,
    pub now: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replace: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub investigate: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub clean_up: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Builds a report's parts; all strings go through its redactor.
pub(super) struct Builder<'a> {
    pub redactor: Redactor<'a>,
    pub show_secrets: bool,
}

impl<'a> Builder<'a> {
    /// A builder that hides these secrets and those of these findings, unless they were asked for. What a rule calls public is an
    /// identifier, not a secret: it must stay legible in the commands that revoke the key it belongs to.
    pub fn new(findings: &'a [Finding], hidden: &'a [Secret], options: &Options) -> Self {
        let secrets =
            findings.iter().filter(|f| !f.rule.public && !is_stand_in(f) && !is_text_of_file(f)).map(|f| &f.secret);
        let secrets = secrets.chain(hidden);
        let redactor = if options.show_secrets { Redactor::off() } else { Redactor::new(secrets) };
        Self { redactor, show_secrets: options.show_secrets }
    }

    /// The whole report.
    pub fn document(&self, outcome: &Outcome, options: &Options) -> Document {
        let listed = outcome.findings.iter().filter(|finding| finding.is_open() || options.show_suppressed);
        let is_named = |finding: &&Finding| {
            let below = finding.suppression.as_ref().is_some_and(|suppression| suppression.by == "threshold");
            below && finding.confidence == Confidence::Medium && !options.show_suppressed
        };
        let named = outcome.findings.iter().filter(|_| matches!(outcome.mode, "staged" | "ci")).filter(is_named);
        Document {
            schema: 1,
            tool: Tool { name: "keysieve", version: env!("CARGO_PKG_VERSION") },
            scan: self.scan(outcome),
            findings: listed.map(|finding| self.finding(finding)).collect(),
            named: named.map(|finding| self.finding(finding)).collect(),
        }
    }

    fn scan(&self, outcome: &Outcome) -> Scan {
        let Tally { files, members, blobs, commits, tags, bytes, ref not_read } = outcome.tally;
        let not_read = not_read.iter().map(|(reason, gap)| GapDoc {
            reason: reason.word(),
            count: gap.count,
            examples: self.all(&gap.examples),
            incomplete: reason.is_incomplete(),
        });
        Scan {
            mode: outcome.mode,
            read: Read { files, members, blobs, commits, tags, bytes },
            not_read: not_read.collect(),
            complete: outcome.tally.is_complete(),
            suppressed: outcome.suppressed().into_iter().map(|(by, count)| (self.redactor.ours(&by), count)).collect(),
            notices: self.all(&outcome.notices),
            open: outcome.open().count() as u64,
            old: self.old(outcome),
        }
    }

    fn old(&self, outcome: &Outcome) -> Vec<String> {
        let is_old = |finding: &&Finding| finding.suppression.as_ref().is_some_and(|s| s.by == "committed");
        let places = outcome.findings.iter().filter(is_old).filter_map(Finding::first_place);
        places
            .map(|place| match place.path.as_deref() {
                Some(path) => format!("{}:{}", self.redactor.data(&String::from_utf8_lossy(path)), place.site.line),
                None => place.kind.word().to_owned(),
            })
            .collect()
    }

    /// One finding.
    pub fn finding(&self, finding: &Finding) -> FindingDoc {
        let rule = finding.rule;
        let member = |place: &&Place| place.site.inside.as_ref().is_some_and(|inside| !inside.path.is_empty());
        let mut places = finding.places.iter();
        let first = places.clone().find(|place| place.path.is_some()).or_else(|| places.find(member));
        let details = finding.details.iter().map(|(k, v)| (self.redactor.ours(k), self.redactor.data(v)));
        let secret = || String::from_utf8_lossy(finding.secret.reveal()).into_owned();
        FindingDoc {
            fingerprint: finding.fingerprint.clone(),
            rule: self.redactor.ours(rule.id),
            provider: self.redactor.ours(rule.provider),
            provider_candidates: rule.candidates.iter().map(|one| self.redactor.ours(one.provider)).collect(),
            title: self.redactor.ours(rule.title),
            severity: word(SEVERITIES, finding.severity),
            confidence: word(CONFIDENCES, finding.confidence),
            redacted: self.label(finding),
            secret: (self.show_secrets && !is_file(finding)).then(secret),
            status: if finding.is_open() { "open" } else { "suppressed" },
            suppression: finding.suppression.as_ref().map(|s| self.suppression(s)),
            exposure: self.exposure(&finding.exposure),
            first: first.map(|place| self.spot(place)).unwrap_or_default(),
            places: finding.places.iter().map(|place| self.place(place)).collect(),
            details: details.collect(),
            guidance: self.guidance(rule, Some(finding)),
            runbook: self.guidance(rule, None),
            setting: settings(finding).map(|setting| setting.advice().to_owned()).collect(),
            level: finding.exposure.level,
            known: rule,
        }
    }

    fn suppression(&self, suppression: &Suppression) -> SuppressionDoc {
        SuppressionDoc {
            by: self.redactor.ours(&suppression.by),
            state: self.redactor.data(&suppression.state),
            reason: self.redactor.data(&suppression.reason),
        }
    }

    fn exposure(&self, exposure: &Exposure) -> ExposureDoc {
        ExposureDoc {
            level: exposure.level.word(),
            since: exposure.since.as_deref().map(|since| self.redactor.ours(since)),
            commit: exposure.commit.map(|id| self.redactor.ours(&id.to_string())),
            remote_refs: self.all(&exposure.remote_refs),
            in_head: exposure.in_head,
        }
    }

    fn spot(&self, place: &Place) -> Spot {
        let raw = place.path.as_deref();
        let shown = |path: &[u8]| self.redactor.bytes(path).into_owned();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let bytes = raw.map(shown).unwrap_or_default();
        let whole = shown(&place.site.path_in(raw.unwrap_or_default()));
        let path = raw.map(|_| text(&whole));
        let said = (raw.is_some() || !whole.is_empty()).then(|| text(&whole));
        let valid = std::str::from_utf8(&whole).is_ok();
        let known = |number: u64| (number > 0).then_some(number);
        Spot {
            path,
            said,
            path_base64: (!valid).then(|| base64(&whole)),
            line: known(place.site.line),
            column: known(place.site.column),
            end_line: known(place.site.end_line),
            end_column: known(place.site.end_column),
            file: raw.map(|_| text(&bytes)),
            exact: raw == Some(&bytes[..]),
            inside: place.site.inside.as_ref().map(|inside| text(&shown(&inside.path))),
            bytes,
        }
    }

    fn place(&self, place: &Place) -> PlaceDoc {
        PlaceDoc {
            kind: place.kind.word(),
            spot: self.spot(place),
            blob: place.blob.map(|id| self.redactor.ours(&id.to_string())),
            commit: place.commit.as_ref().map(|commit| self.commit(commit)),
            reference: place.reference.as_deref().map(|name| self.redactor.data(name)),
            decoded_by: place.site.decoded_by.clone(),
            what: place.kind,
            current: place.current,
            context: self.redactor.data(&place.site.context),
            suppression: place.suppression.as_ref().map(|s| self.suppression(s)),
        }
    }

    fn commit(&self, commit: &CommitInfo) -> CommitDoc {
        CommitDoc {
            id: self.redactor.ours(&commit.id.to_string()),
            author: self.redactor.data(&commit.author),
            date: self.redactor.ours(&commit.date),
            subject: self.redactor.data(&commit.subject),
            parents: commit.parents,
        }
    }

    /// The runbook of a rule, filled in with what a finding says.
    pub fn guidance(&self, rule: &Rule, finding: Option<&Finding>) -> GuidanceDoc {
        let values = finding.map(|finding| self.values(finding)).unwrap_or_default();
        let fill = |text: &&str| self.redactor.ours(&fill::fill(text, &values));
        let list = |texts: &[&str]| texts.iter().map(fill).collect();
        let maybe = |text: &str| (!text.is_empty()).then(|| fill(&text));
        let Guidance { headline, now, replace, investigate, clean_up, commands, .. } = *rule.guidance();
        let Guidance { console_url, docs, contact, warnings, .. } = *rule.guidance();
        let settings = finding.into_iter().flat_map(settings).map(|setting| setting.advice().to_owned());
        GuidanceDoc {
            headline: fill(&headline),
            now: now.iter().map(fill).chain(rule.candidates.iter().map(|one| fill(&first_act(one).as_str()))).collect(),
            replace: list(replace),
            investigate: list(investigate),
            clean_up: list(clean_up),
            commands: list(commands),
            console_url: maybe(console_url),
            docs: maybe(docs),
            contact: maybe(contact),
            warnings: warnings.iter().map(fill).chain(settings).collect(),
        }
    }

    fn values(&self, finding: &Finding) -> Values {
        let own = [("redacted", self.label(finding)), ("fingerprint", finding.fingerprint.clone())];
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
        let details = finding.details.iter().map(|(name, value)| (name.clone(), self.redactor.data(value)));
        Values { named: own.chain(details).collect(), prefix: self.redactor.data(&finding.secret.public_prefix()) }
    }

    /// What may be shown of a secret.
    fn label(&self, finding: &Finding) -> String {
        if is_file(finding) { "(the whole file)".to_owned() } else { self.redactor.label(&finding.secret) }
    }

    fn all(&self, texts: &[String]) -> Vec<String> {
        texts.iter().map(|text| self.redactor.data(text)).collect()
    }
}

/// What to do first if the key turns out to be this provider's.
fn first_act(one: &Candidate) -> String {
    format!("If it is a key of {}: {} All steps: `keysieve guide {}`", one.provider, one.act, one.rule)
}

/// The word for a value of an ordered list of words.
fn word<T: PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, it)| *it == value).map_or("", |(word, _)| word)
}

/// A file that is a secret in itself: what it holds is not ours to print.
fn is_file(finding: &Finding) -> bool {
    finding.rule.kind == Kind::File
}

/// A file of one word, such as a key by itself, can stand elsewhere as well; of a longer one no string is worth hiding.
fn is_text_of_file(finding: &Finding) -> bool {
    is_file(finding) && finding.secret.reveal().trim_ascii().iter().any(u8::is_ascii_whitespace)
}

/// What sorts of places a finding is in.
fn settings(finding: &Finding) -> impl Iterator<Item = Setting> + '_ {
    let words = finding.details.get(Setting::DETAIL).map_or("", String::as_str).split(", ");
    words.filter_map(|word| Setting::ALL.iter().copied().find(|setting| setting.word() == word))
}

/// A short value that a check knows for a placeholder (`secret`, `changeme`) is no secret, and a word of many paths.
fn is_stand_in(finding: &Finding) -> bool {
    let by_check = finding.suppression.as_ref().is_some_and(|suppression| suppression.by == "check");
    by_check && finding.secret.reveal().len() < redact::OURS
}
