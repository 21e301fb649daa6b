//! Offline checks of a match: they pass it, or say why it cannot be a real credential. They never ask the network.

pub(super) mod assigned;
mod azure;
mod base58;
mod bech32;
mod beside;
mod check;
mod checksum;
mod crc;
mod curve;
mod docker;
mod encoded;
mod examples;
mod fly;
#[cfg(test)]
mod fuzz;
mod ids;
mod jwt;
mod letters;
mod macaroon;
mod make;
mod mnemonic;
mod pem;
mod placeholder;
pub mod random;
mod sas;
mod ssh;
mod token;
mod url;

use std::ops::Range;

pub(super) use self::beside::details as beside;
use self::check::Check;
use crate::rules::{Confidence, Rule, Severity};
use crate::time;

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
    /// How sure it is, if the rule alone does not say.
    pub confidence: Option<Confidence>,
    /// A checksum or structure proved that it was issued.
    pub proved: bool,
    /// A checksum or structure that is likely, not certain, does not fit: one step less confident than the rule.
    pub doubted: bool,
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
    /// A detail that a stranger wrote: left out unless it is safe in a report and in the commands of the guidance.
    fn public_detail(self, name: &str, value: &str) -> Self {
        if may_show(value.as_bytes()) { self.detail(name, value) } else { self }
    }
    /// A time in seconds since 1970, if it is one that a reader can make sense of.
    fn dated(self, name: &str, seconds: i64) -> Self {
        const YEAR_9999: i64 = 253_402_300_799;
        match seconds {
            0..=YEAR_9999 => self.detail(name, time::iso8601(seconds, 0)),
            _ => self,
        }
    }
    /// A misfit where the form is only likely: it lowers confidence.
    fn doubted() -> Self {
        Self { doubted: true, ..Self::default() }
    }
    fn lowered(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }
    /// What a soft check says: where it would rule the match out, the match is only less certain, and says why.
    fn softened(mut self) -> Self {
        if let Some(why) = self.implausible.take() {
            self.doubted = true;
            let why = why.split_once(": ").map_or(why.as_str(), |(fact, _)| fact);
            self.details.push(("doubt".to_owned(), why.to_owned()));
        }
        self
    }
    fn merge(&mut self, other: Self) {
        self.implausible = self.implausible.take().or(other.implausible);
        self.reject |= other.reject;
        self.proved |= other.proved;
        self.doubted |= other.doubted;
        self.confidence = [self.confidence, other.confidence].into_iter().flatten().min();
        self.severity = [self.severity, other.severity].into_iter().flatten().min();
        self.details.extend(other.details);
    }
}

/// Whether a value is a plain name: nothing that a shell, a terminal or a reader could take for more.
fn may_show(value: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._:/@+=,%~?[]-".contains(byte);
    (1..=200).contains(&value.len()) && value[0] != b'-' && value.iter().all(plain)
}

/// A detail that a stranger wrote, if it may stand in a report and in commands.
pub fn shown(value: &[u8]) -> Option<String> {
    may_show(value).then(|| String::from_utf8_lossy(value).into_owned())
}

/// What a check may look at.
struct Subject<'a> {
    /// Where the whole match begins: at its keyword, in an anchored rule.
    start: usize,
    /// All bytes; checks look at most [`CONTEXT`] bytes around the secret.
    bytes: &'a [u8],
    span: &'a Range<usize>,
    secret: &'a [u8],
}

/// Judges the secret at `span` by the rule's checks, its entropy, and for placeholders. The whole match begins at `start`.
pub fn judge(rule: &Rule, bytes: &[u8], start: usize, span: &Range<usize>) -> Judgement {
    let Some(secret) = bytes.get(span.clone()) else { return Judgement::rejected() };
    let subject = Subject { start, bytes, span, secret };
    let mut judgement = Judgement::default();
    let checks = rule.validate.iter().filter_map(|name| Some((Check::parse(name)?, check::is_soft(name))));
    for (check, soft) in checks {
        let said = check.run(&subject, rule.provider);
        judgement.merge(if soft { said.softened() } else { said });
        if judgement.reject {
            return judgement;
        }
        // Armour has long runs of `A`, and is judged by what it holds.
        judgement.proved |= matches!(check, Check::Pem | Check::PemBase64) && judgement.implausible.is_none();
    }
    if let Some(place) = examples::published(secret) {
        judgement.implausible = Some(format!("documented example: {place}"));
    }
    if let Some(place) = examples::tried_first(secret) {
        judgement = judgement.detail("documented", place);
    }
    if judgement.implausible.is_none() && !judgement.proved {
        by_look(rule, secret, &mut judgement);
    }
    judgement
}

/// Judges what nothing proved by how it looks: a stand-in, or too regular.
fn by_look(rule: &Rule, secret: &[u8], judgement: &mut Judgement) {
    let prefix = prefix_len(rule, secret);
    let body = &secret[prefix..];
    judgement.implausible = placeholder::reason(body, prefix > 0);
    if rule.entropy > 0.0 && judgement.implausible.is_none() && random::entropy(body) < rule.entropy {
        match prefix {
            0 => judgement.reject = true,
            _ => judgement.implausible = Some("too regular to be a key: low entropy".into()),
        }
    }
}

/// Shorter values convince nobody.
const CONVINCING: usize = 16;

/// Whether a match is beyond reasonable doubt although its rule is not sure of its shape: the provider's own name or
/// prefix leads straight to it, and it is as random as only generators are.
pub(super) fn is_convincing(rule: &Rule, secret: &[u8]) -> bool {
    let body = &secret[prefix_len(rule, secret)..];
    rule.anchored && !rule.generic && body.len() >= CONVINCING && random::is_mixed(body) && random::looks_random(body)
}

/// The Shannon entropy of what follows the rule's own prefix, in bits per character: what a rule's `entropy` is about.
pub fn body_entropy(rule: &Rule, secret: &[u8]) -> f64 {
    random::entropy(&secret[prefix_len(rule, secret)..])
}

/// How much of the secret is the rule's own literal prefix.
fn prefix_len(rule: &Rule, secret: &[u8]) -> usize {
    let starts = |keyword: &&&str| secret.starts_with(keyword.as_bytes());
    if !rule.anchored || rule.goes_by_name() {
        return 0;
    }
    rule.keywords.iter().filter(starts).map(|keyword| keyword.len()).max().unwrap_or(0)
}

/// What a sample template's `{check:NAME}` stands for: the characters that make what stands before it valid.
pub fn generate(name: &str, before: &str, random: &mut dyn FnMut() -> u64) -> Option<String> {
    match Check::parse(name)? {
        Check::AzureCask => azure::cask_of(before),
        Check::AzureDevops => Some(azure::devops_of(random)),
        Check::AzureMarvin => azure::marked_key_of(before),
        Check::Base58 => base58::check_of(before, random),
        Check::Base58Ripple => base58::ripple_of(before, random),
        Check::Bech32 => bech32::check_of(before),
        Check::Bip39 => mnemonic::phrase_of(before, random),
        Check::CheckoutMod37 => checksum::checkout_of(before),
        Check::CratesXor => checksum::crates_xor_of(before),
        Check::Crc(recipe) => crc::complete(recipe, before),
        Check::Ed25519Pair => curve::ed25519_pair_of(before, random),
        Check::Ed25519PairBase58 => curve::ed25519_pair_base58_of(random),
        Check::GitlabRoutable => checksum::gitlab_routable_of(checksum::token_at_end(before)),
        Check::Pypi => macaroon::pypi_of(before, random),
        Check::Nkey => Some(curve::nkey_of(before, random)),
        Check::StellarCrc16 => Some(curve::stellar_of(random)),
        Check::Supabase => checksum::supabase_of(before),
        Check::X25519 => Some(curve::x25519_of(random)),
        Check::Xata => Some(checksum::xata_of(random)),
        Check::DockerAuth => Some(docker::make_auth(&mut make::Maker::new(random))),
        Check::Jwt => Some(jwt::jwt_of(before, random)),
        Check::PemBase64 => Some(pem::base64_of(before, random)),
        Check::Token(token) => Some(token.generate(before, random)),
        _ => None,
    }
}
