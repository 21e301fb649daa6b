//! Finds secrets in bytes. Never sees a path, a commit or a thread: same bytes, same matches.
//!
//! keyword → candidate → pattern → validate → settle. *Keyword* may cry wolf and never sleeps. *Pattern* decides by the
//! bytes of a bounded window. *Validate* marks, it never drops what a provider's pattern found.

mod backtrack;
mod confirm;
mod decode;
mod decoded;
mod delta;
mod edge;
mod filter;
mod lanes;
mod looked;
mod settle;
mod site;
pub mod validate;
mod whole;

use std::ops::Range;
use std::sync::Mutex;

use crate::blob::{Blob, Start};
use crate::coverage::Tally;
use crate::finding::{Match, Sighting, Site};
use crate::lock::lock;
use crate::rules::{Confidence, Rule, RuleSet};
use crate::secret::Secret;
use confirm::{Confirmed, Patterns};
use decoded::{Cut, Inherited, Seen};
pub use filter::{Filter, Hit};
use looked::Looked;
use validate::assigned;

/// How many layers of encoding are seen through if nobody says otherwise.
pub const DECODE_DEPTH: u8 = 4;

/// Rules ready to be searched for. Immutable but for a rare note of what was left out: one is shared by all threads.
#[derive(Debug)]
pub struct Scanner {
    rules: Vec<&'static Rule>,
    /// How many of them, at the end, are not reported.
    quiet: usize,
    /// Which rules a glance at what follows the keyword may rule out.
    assigned: Vec<bool>,
    filter: Filter,
    patterns: Patterns,
    files: whole::Files,
    /// How many layers of encoding are seen through.
    decode_depth: usize,
    /// What was left encoded.
    left: Mutex<Tally>,
}

/// What something else found: the number of a rule, its whole match, its secret, and where the keyword stands.
type Elsewhere = (usize, Range<usize>, Range<usize>, usize);

/// A keyword hit and what its rules made of it: what is carried over to a delta child.
#[derive(Debug, Clone)]
struct Candidate {
    hit: Hit,
    looked: Looked,
    verdicts: Vec<Raw>,
}

/// A match with what only the scanner needs to know of it.
#[derive(Debug, Clone)]
struct Raw {
    found: Match,
    /// The whole match, context included.
    whole: Range<usize>,
    /// The secret begins with the rule's own literal.
    keyword_inside: bool,
    /// A checksum or structure proved it.
    proved: bool,
}

/// What is known of a blob before it is scanned, from the blob that it is a delta of.
#[derive(Debug, Default)]
pub struct Carried {
    candidates: Vec<Candidate>,
    recheck: Vec<Hit>,
    encoded: Inherited,
}

impl Carried {
    /// How many verdicts were kept and how many hits must be judged anew: tests assert that they see both.
    #[doc(hidden)]
    pub fn counts(&self) -> (usize, usize) {
        (self.candidates.iter().map(|candidate| candidate.verdicts.len()).sum(), self.recheck.len())
    }

    /// The same of matches in encoded text, and of the places where text is encoded.
    #[doc(hidden)]
    pub fn decoded_counts(&self) -> (usize, usize) {
        (self.encoded.seen.iter().map(|seen| seen.found.len()).sum(), self.encoded.again.len())
    }
}

/// The matches of a blob, settled, and what its delta children may inherit.
#[derive(Debug, Default)]
pub struct Scanned {
    /// In order of their place.
    pub matches: Vec<Match>,
    candidates: Vec<Candidate>,
    /// In order of their place.
    seen: Vec<Seen>,
    cut: Cut,
    len: usize,
}

impl Scanner {
    /// Prepares a rule set.
    pub fn new(rules: &RuleSet) -> Self {
        let all = RuleSet::of(rules.iter().chain(rules.quiet().iter().copied()).collect());
        let assigned = all.iter().map(assigned::is_assigned).collect();
        let (filter, patterns) = (Filter::new(&all), Patterns::new(&all));
        let (quiet, files) = (rules.quiet().len(), whole::Files::new(rules));
        Self {
            rules: all.iter().collect(),
            quiet,
            assigned,
            filter,
            patterns,
            files,
            decode_depth: DECODE_DEPTH.into(),
            left: Mutex::default(),
        }
    }

    /// Sees through so many layers of encoding; 0 decodes nothing.
    pub fn with_decode_depth(mut self, depth: usize) -> Self {
        self.decode_depth = depth;
        self
    }

    /// What was left encoded since this was last asked, of blobs whose sightings were taken.
    pub fn tally(&self) -> Tally {
        std::mem::take(&mut *lock(&self.left))
    }

    /// Scans the zones of `bytes` that are new, and adds what is carried over for the rest.
    pub fn scan(&self, bytes: &[u8], binary: bool, zones: &[Range<usize>], carried: Carried) -> Scanned {
        let mut hits = carried.recheck;
        for zone in zones {
            self.filter.search(bytes, zone.clone(), |hit| hits.push(hit));
        }
        let mut candidates = carried.candidates;
        if !hits.is_empty() {
            candidates.extend(self.judged_hits(bytes, hits).filter(|candidate| !self.is_found_anew(candidate)));
            candidates.sort_by_key(|candidate| candidate.hit);
        }
        candidates.dedup_by_key(|candidate| candidate.hit);
        let seen = self.encoded(bytes, zones, carried.encoded);
        let plain = candidates.iter().flat_map(|candidate| &candidate.verdicts);
        let raw: Vec<Raw> = plain.chain(seen.iter().flat_map(|seen| &seen.found)).cloned().collect();
        let settled = if raw.is_empty() { Vec::new() } else { self.settle(raw, binary) };
        Scanned {
            matches: settled.into_iter().map(|raw| raw.found).collect(),
            candidates,
            cut: Cut::of(&seen),
            seen,
            len: bytes.len(),
        }
    }

    fn judged_hits(&self, bytes: &[u8], mut hits: Vec<Hit>) -> impl Iterator<Item = Candidate> {
        hits.sort_unstable();
        hits.dedup();
        hits.into_iter().map(|hit| {
            let (verdicts, looked) = self.verdicts(bytes, hit);
            Candidate { hit, looked, verdicts }
        })
    }

    /// What remains of all that was found. Rules that are off report nothing, but no generic rule may call secret what
    /// their provider calls public, or what somebody chose not to hear of.
    fn settle(&self, raw: Vec<Raw>, binary: bool) -> Vec<Raw> {
        let off = &self.rules[self.rules.len() - self.quiet..];
        let is_off = |raw: &Raw| off.iter().any(|rule| std::ptr::eq(*rule, raw.found.rule));
        let (quiet, raw): (Vec<Raw>, Vec<Raw>) =
            raw.into_iter().partition(|raw| is_off(raw) && !raw.found.rule.generic);
        let mut settled = settle::settle(raw, binary);
        settled.retain(|raw| {
            let span = &raw.found.span;
            let is_taken = |quiet: &Raw| quiet.found.span.start < span.end && span.start < quiet.found.span.end;
            !(is_off(raw) || raw.found.rule.generic && quiet.iter().any(is_taken))
        });
        settled
    }

    /// Whether there is anything to look at in some bytes, or in a part of them.
    pub fn may_match(&self, bytes: &[u8]) -> bool {
        let mut found = false;
        self.filter.search(bytes, 0..bytes.len(), |_| found = true);
        found || self.decode_depth > 0 && decode::has_reason(bytes)
    }

    /// All of `bytes` at once.
    pub fn scan_whole(&self, bytes: &[u8]) -> Scanned {
        let whole = 0..bytes.len();
        self.scan(bytes, crate::blob::is_binary(bytes), std::slice::from_ref(&whole), Carried::default())
    }

    /// Scans a blob and takes the sites of what it finds while the bytes are at hand.
    /// `named` are the rules about whole files that its name speaks for.
    pub fn sight(&self, blob: &Blob<'_>, named: &[&'static Rule]) -> Vec<Sighting> {
        let whole = 0..blob.bytes.len();
        let scanned = self.scan(blob.bytes, blob.binary, std::slice::from_ref(&whole), Carried::default());
        self.sightings(blob, &scanned, named)
    }

    /// Pairs what was found in a blob with its sites, and adds what the blob is as a whole.
    pub fn sightings(&self, blob: &Blob<'_>, scanned: &Scanned, named: &[&'static Rule]) -> Vec<Sighting> {
        scanned.cut.note(blob, self.decode_depth, &self.left);
        let is_beginning = blob.start == Start::ZERO && blob.origin.is_content();
        let file = if is_beginning { self.files.find(blob.bytes, named) } else { None };
        if scanned.matches.is_empty() && file.is_none() {
            return Vec::new();
        }
        sited(blob, settle::with_file(scanned.matches.clone(), file))
    }

    /// Judges and settles what something else finds in the bytes and in what is encoded in them: the number of a rule,
    /// its whole match, its secret, and where the keyword stands. For the plain engine that tests compare this one with.
    #[doc(hidden)]
    pub fn settled(&self, bytes: &[u8], binary: bool, find: &dyn Fn(&[u8]) -> Vec<Elsewhere>) -> Vec<Match> {
        let find = |bytes: &[u8]| -> Vec<Raw> {
            let spread = |(number, whole, secret, at): Elsewhere| {
                let parts = assigned::spread(self.rules[number], bytes, whole, secret).into_iter();
                parts.map(move |(whole, secret)| (number, Confirmed { whole, secret }, at))
            };
            let is_named = |(rule, _, at): &(usize, Confirmed, usize)| {
                !self.assigned[*rule] || assigned::glance(bytes, *at).may_assign
            };
            let judged = |(rule, found, at)| self.judged(rule, bytes, found, at);
            find(bytes).into_iter().flat_map(spread).filter(is_named).filter_map(judged).collect()
        };
        let whole = 0..bytes.len();
        let seen = decoded::see(bytes, std::slice::from_ref(&whole), &[], self.decode_depth, &|text| find(&text.bytes));
        let raw = find(bytes).into_iter().chain(seen.into_iter().flat_map(|seen| seen.found)).collect();
        self.settle(raw, binary).into_iter().map(|raw| raw.found).collect()
    }

    /// What the rules of a keyword find at a hit, and on which bytes that depends.
    fn verdicts(&self, bytes: &[u8], hit: Hit) -> (Vec<Raw>, Looked) {
        let keyword = self.filter.keyword(hit.keyword);
        let place = hit.at..hit.at + keyword.text.len();
        let mut looked = Looked::default();
        looked.ahead(place.len());
        let mut found = Vec::new();
        if !keyword.stands_at(bytes, hit.at) {
            return (found, looked);
        }
        for &(number, own) in &keyword.rules {
            let rule = self.rules[number as usize];
            if rule.anchored {
                looked.ahead(place.len() + rule.look(own as usize));
                if !rule.may_go_on(own as usize, bytes, place.end) {
                    continue;
                }
            }
            if self.assigned[number as usize] {
                let glance = assigned::glance(bytes, hit.at);
                looked.ahead(glance.looked);
                if !glance.may_assign {
                    continue;
                }
            }
            for confirmed in self.patterns.confirm(number as usize, rule, bytes, place.clone(), &mut looked) {
                looked.judged(rule, hit.at, &confirmed);
                let spread = assigned::spread(rule, bytes, confirmed.whole, confirmed.secret).into_iter();
                let judge = |(whole, secret)| self.judged(number as usize, bytes, Confirmed { whole, secret }, hit.at);
                found.extend(spread.filter_map(judge));
            }
        }
        (found, looked)
    }

    fn judged(&self, number: usize, bytes: &[u8], confirmed: Confirmed, keyword_at: usize) -> Option<Raw> {
        let matched = self.rules[number];
        let whole = confirmed.whole.clone();
        if !has_word_near(matched, matched.near, bytes, &confirmed.secret) {
            return None;
        }
        let rule = self.settled_by_words(matched, bytes, &confirmed.secret);
        let own = judged(rule, matched, bytes, confirmed.clone(), keyword_at);
        // Words may speak of a provider whose keys are made otherwise.
        let fits = std::ptr::eq(rule, matched) || own.as_ref().is_some_and(|raw| raw.found.implausible.is_none());
        let rule = if fits { rule } else { matched };
        let mut raw = if fits { own } else { judged(matched, matched, bytes, confirmed, keyword_at) }?;
        for (name, group) in self.patterns.named(number, matched, bytes, &whole) {
            if let Some(value) = validate::shown(&bytes[group]) {
                raw.found.details.entry(name.to_owned()).or_insert(value);
            }
        }
        for (name, value) in validate::beside(rule, bytes, &raw.found.span) {
            raw.found.details.entry(name.to_owned()).or_insert(value);
        }
        Some(raw)
    }

    /// Of a shape that several providers share: the rule of the one provider whose words stand near, else the rule of
    /// the shape.
    fn settled_by_words(&self, rule: &'static Rule, bytes: &[u8], span: &Range<usize>) -> &'static Rule {
        let mut named = rule.candidates.iter().filter(|one| has_word_near(rule, one.near, bytes, span));
        let (Some(one), None) = (named.next(), named.next()) else { return rule };
        self.rules.iter().find(|known| known.id == one.rule).copied().unwrap_or(rule)
    }
}

/// What is made of a match of the pattern of `matched`, which is taken for a credential of `rule`.
fn judged(
    rule: &'static Rule,
    matched: &'static Rule,
    bytes: &[u8],
    confirmed: Confirmed,
    keyword_at: usize,
) -> Option<Raw> {
    let Confirmed { whole, secret: span } = confirmed;
    let span = if assigned::is_narrowed(matched) { assigned::narrow(bytes, span) } else { span };
    if span.is_empty() {
        return None;
    }
    let keyword_inside = matched.anchored && span.start == keyword_at;
    if !keyword_inside && is_interpolated(bytes, &span) {
        return None;
    }
    let judgement = validate::judge(rule, bytes, whole.start, &span);
    if judgement.reject {
        return None;
    }
    let secret = &bytes[span.clone()];
    if keyword_inside && !judgement.proved && has_short_prefix(matched, secret) && edge::is_cut_out(bytes, &span) {
        return None;
    }
    let mut details: std::collections::BTreeMap<String, String> =
        rule.details.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    details.extend(judgement.details);
    let found = Match {
        rule,
        secret: Secret::new(secret, rule.shown(secret)),
        severity: judgement.severity.map_or(rule.severity, |severity| severity.min(rule.severity)),
        confidence: match judgement.confidence.unwrap_or(rule.confidence) {
            _ if judgement.proved => Confidence::High,
            Confidence::High if judgement.doubted => Confidence::Medium,
            _ if judgement.doubted => Confidence::Low,
            confidence => confidence,
        },
        implausible: judgement.implausible,
        details,
        decoded: None,
        span,
    };
    Some(Raw { found, whole, keyword_inside, proved: judgement.proved })
}

/// Whether a token's prefix is one that chance makes in some megabytes of base64.
fn has_short_prefix(rule: &Rule, secret: &[u8]) -> bool {
    rule.keywords.iter().filter(|keyword| secret.starts_with(keyword.as_bytes())).all(|keyword| keyword.len() <= 5)
}

/// Whether one of some context words stands within the rule's reach of a span, if there are any.
fn has_word_near(rule: &Rule, words: &[&str], bytes: &[u8], span: &Range<usize>) -> bool {
    if words.is_empty() {
        return true;
    }
    let window = span.start.saturating_sub(rule.reach)..bytes.len().min(span.end + rule.reach);
    let lower = bytes[window].to_ascii_lowercase();
    words.iter().any(|word| memchr::memmem::find(&lower, word.to_ascii_lowercase().as_bytes()).is_some())
}

/// What follows a piece of a template or of code, or a value that is cut short.
const OPENS: &[&[u8]] = &[b"{", b"${", b"#{", b"%{", b"[", b"(", b"...", b".{", "…".as_bytes()];

/// Whether a value is only a piece: `token_{user}_x`, `${HOST}abc`, `{alnum:14}`, `token(`, `list[`, `abc...`.
fn is_interpolated(bytes: &[u8], span: &Range<usize>) -> bool {
    let (before, after) = (&bytes[..span.start], &bytes[span.end..]);
    let opens = OPENS.iter().any(|open| after.starts_with(open));
    opens || before.ends_with(b"}") || before.ends_with(b"{") && after.starts_with(b"}")
}

/// Whether every pattern of the set compiles; the ids of those that do not.
pub fn uncompilable(rules: &RuleSet) -> Vec<&'static str> {
    confirm::uncompilable(rules).chain(whole::uncompilable(rules)).collect()
}

/// Pairs matches with their sites. Matches that begin outside the piece's own range belong to its neighbour.
fn sited(blob: &Blob<'_>, mut matches: Vec<Match>) -> Vec<Sighting> {
    let sites: Vec<Site> = site::sites(blob.bytes, blob.start, &matches);
    let offset = usize::try_from(blob.start.offset).unwrap_or(usize::MAX);
    let own = blob.own.0..blob.own.1.max(blob.own.0);
    let mut paired: Vec<(Match, Site)> = matches.drain(..).zip(sites).collect();
    paired.retain(|(m, _)| own.contains(&m.span.start));
    paired
        .into_iter()
        .map(|(mut hit, mut site)| {
            site.inside = blob.inside.cloned();
            hit.span = hit.span.start.saturating_add(offset)..hit.span.end.saturating_add(offset);
            Sighting { hit, site, origin: blob.origin.clone() }
        })
        .collect()
}
