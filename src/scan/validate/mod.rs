//! Offline checks of a match: they pass it, or say why it cannot be a real credential. They never ask the network.

mod checksum;
mod encoded;
mod pem;
mod placeholder;
pub mod random;
mod url;

use std::ops::Range;

use crate::rules::{Rule, Severity};

/// How far before and after a secret its edge and its checks may look.
pub(super) const CONTEXT: usize = 400;

/// What the checks say of one match.
#[derive(Debug, Default)]
pub struct Judgement {
    /// Why it cannot be a real credential.
    pub implausible: Option<String>,
    /// It is not a match at all: for rules that go by context and randomness.
    pub reject: bool,
    /// A lower severity than the rule's.
    pub severity: Option<Severity>,
    /// A checksum or structure proved that it was issued.
    pub proved: bool,
    /// What the token says of itself.
    pub details: Vec<(String, String)>,
}

impl Judgement {
    fn implausible(why: impl Into<String>) -> Self {
        Self { implausible: Some(why.into()), ..Self::default() }
    }
    fn rejected() -> Self {
        Self { reject: true, ..Self::default() }
    }
    fn proved() -> Self {
        Self { proved: true, ..Self::default() }
    }
    fn detail(mut self, name: &str, value: impl Into<String>) -> Self {
        self.details.push((name.to_owned(), value.into()));
        self
    }
    fn lowered(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }
    fn merge(&mut self, other: Self) {
        self.implausible = self.implausible.take().or(other.implausible);
        self.reject |= other.reject;
        self.proved |= other.proved;
        self.severity = [self.severity, other.severity].into_iter().flatten().min();
        self.details.extend(other.details);
    }
}

/// What a check may look at.
struct Subject<'a> {
    /// All bytes; checks look at most `reach` bytes around the secret.
    bytes: &'a [u8],
    span: &'a Range<usize>,
    secret: &'a [u8],
}

/// Judges the secret at `span` by the rule's checks, its entropy, and for placeholders.
pub fn judge(rule: &Rule, bytes: &[u8], span: &Range<usize>) -> Judgement {
    let secret = &bytes[span.clone()];
    let body = &secret[prefix_len(rule, secret)..];
    let subject = Subject { bytes, span, secret };
    let mut judgement = Judgement::default();
    for name in rule.validate {
        judgement.merge(check(name, &subject));
        if judgement.reject {
            return judgement;
        }
    }
    if judgement.implausible.is_none() {
        judgement.implausible = placeholder::reason(body, prefix_len(rule, secret) > 0);
    }
    if rule.entropy > 0.0 && judgement.implausible.is_none() && random::entropy(body) < rule.entropy {
        match prefix_len(rule, secret) {
            0 => judgement.reject = true,
            _ => judgement.implausible = Some("too regular to be a key: low entropy".into()),
        }
    }
    judgement
}

/// How much of the secret is the rule's own literal prefix.
fn prefix_len(rule: &Rule, secret: &[u8]) -> usize {
    let starts = |keyword: &&&str| secret.starts_with(keyword.as_bytes());
    if !rule.anchored {
        return 0;
    }
    rule.keywords.iter().filter(starts).map(|keyword| keyword.len()).max().unwrap_or(0)
}

fn check(name: &str, subject: &Subject<'_>) -> Judgement {
    match name {
        "crc32-base62" => checksum::crc32_base62(subject.secret),
        "gitlab-routable" => checksum::gitlab_routable(subject.secret),
        "aws-account" => checksum::aws_account(subject.secret),
        "jwt" => encoded::jwt(subject.secret),
        "pypi-macaroon" => encoded::pypi_macaroon(subject.secret),
        "pem" => pem::check(subject.secret),
        "url-password" => url::check(subject.bytes, subject.span),
        "mixed" => accept(random::is_mixed(subject.secret)),
        "not-hash" => accept(!random::is_hash_or_uuid(subject.secret)),
        "random" => accept(random::looks_random(subject.secret)),
        _ => match name.strip_prefix("base64-bytes-").and_then(|n| n.parse().ok()) {
            Some(length) => encoded::base64_bytes(subject.secret, length),
            None => Judgement::default(),
        },
    }
}

fn accept(passes: bool) -> Judgement {
    if passes { Judgement::default() } else { Judgement::rejected() }
}

/// What a sample template's `{check:NAME}` stands for: the characters that make what stands before it valid.
pub fn generate(name: &str, before: &str, random: &mut dyn FnMut() -> u64) -> Option<String> {
    let token = before.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '.')).next()?;
    match name {
        "crc32-base62" => checksum::crc32_base62_of(token),
        "gitlab-routable" => checksum::gitlab_routable_of(token),
        "jwt" => Some(encoded::jwt_of(random)),
        _ => None,
    }
}
