//! The shape of a rule file, `rules/PROVIDER.yaml`, as written: read strictly, every fault reported.
//! Shared with `build.rs`, which reads the built-in files by the same code.

use super::guidance::{self, GuidanceDef};
use super::magic::{self, MagicDef};
use super::pattern::{self, Compiled};
use super::yaml::{Fault, Map, Node, Pos, Value, parse};

/// How much harm the holder of a leaked credential can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Client-safe, or of no use alone.
    Low,
    /// Test environments, narrow scopes.
    Medium,
    /// Data of the owner, or money with limits.
    High,
    /// Takes over an account, runs code, spends money.
    Critical,
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A credential somewhere in the content.
    Content,
    /// A file that is a secret in itself, known by its first bytes, its name, or both.
    File,
}

/// How sure a match is a real credential of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// By shape and surroundings that other things share.
    Low,
    /// By context and randomness.
    Medium,
    /// By a prefix, checksum or structure of its own.
    High,
}

/// The words for severities, in files and reports.
pub const SEVERITIES: &[(&str, Severity)] =
    &[("critical", Severity::Critical), ("high", Severity::High), ("medium", Severity::Medium), ("low", Severity::Low)];

/// The words for confidences.
pub const CONFIDENCES: &[(&str, Confidence)] =
    &[("high", Confidence::High), ("medium", Confidence::Medium), ("low", Confidence::Low)];

/// The words for kinds of rules.
const KINDS: &[(&str, Kind)] = &[("content", Kind::Content), ("file", Kind::File)];

/// Another credential that completes this one.
#[derive(Debug, Clone)]
pub struct PartDef {
    pub rule: String,
    pub within: usize,
    pub detail: String,
    pub required: bool,
}

/// A provider whose keys have the shape that a rule describes.
#[derive(Debug, Clone)]
pub struct CandidateDef {
    pub rule: String,
    pub near: Vec<String>,
    pub at: Pos,
}

/// A rule as written, checked.
#[derive(Debug, Clone)]
pub struct RuleDef {
    pub id: String,
    pub aliases: Vec<String>,
    pub title: String,
    pub kind: Kind,
    pub severity: Severity,
    pub confidence: Confidence,
    pub enabled: bool,
    pub generic: bool,
    pub public: bool,
    pub keywords: Vec<String>,
    pub ignore_case: bool,
    pub pattern: String,
    pub compiled: Compiled,
    pub names: Vec<String>,
    pub magic: Vec<MagicDef>,
    pub holds: String,
    pub entropy: f64,
    pub validate: Vec<String>,
    pub near: Vec<String>,
    pub candidates: Vec<CandidateDef>,
    pub parts: Vec<PartDef>,
    pub beside: Vec<(String, String)>,
    pub paths: Vec<String>,
    pub not_paths: Vec<String>,
    pub keep: Option<usize>,
    pub details: Vec<(String, String)>,
    pub guidance: String,
    pub references: Vec<String>,
    pub matches: Vec<String>,
    pub ignores: Vec<String>,
}

/// One rule file.
#[derive(Debug, Clone)]
pub struct FileDef {
    pub provider: String,
    pub homepage: String,
    pub rules: Vec<RuleDef>,
    pub guidance: Vec<GuidanceDef>,
}

/// Whose file it is: what the built-in set must have, a user's file only should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Ours: samples and guidance are required.
    #[allow(dead_code)] // made by build.rs only
    BuiltIn,
    /// Somebody's: missing samples or guidance are warnings.
    User,
}

/// What reading one file gave: the file if it could be read, its faults, and its warnings.
#[derive(Debug)]
pub struct Read {
    /// The file; only to be used if there are no faults.
    pub file: FileDef,
    /// What makes it unusable.
    pub faults: Vec<Fault>,
    /// What should be better.
    pub warnings: Vec<Fault>,
}

/// Names of the offline checks that `validate` may ask for.
pub fn is_check(name: &str) -> bool {
    // A soft check: a failure makes a match less certain, no more.
    let name = name.strip_suffix("-soft").unwrap_or(name);
    let fixed = CHECKS.contains(&name);
    fixed || name.strip_prefix("base64-bytes-").is_some_and(|n| n.parse::<usize>().is_ok())
}

/// The named checks, apart from the `base64-bytes-N` family. Each has a soft form, `NAME-soft`.
pub const CHECKS: &[&str] = &[
    "assigned-key",
    "assigned-password",
    "assigned-secret",
    "atlassian-crc32",
    "aws-account",
    "aws-bedrock-key",
    "azure-cask",
    "azure-devops-base32",
    "azure-marvin32",
    "azure-sas",
    "base58check",
    "base64-basic",
    "base64-edges",
    "bech32",
    "bedrock-presigned",
    "bip39",
    "checkout-mod37",
    "cloudflare-crc32",
    "cloudflare-tunnel-json",
    "confluent-crc32",
    "crates-tp-xor",
    "crc32-base62",
    "crc32-base62-body",
    "crc32-base62-lower-whole",
    "crc32-base62-mas",
    "crc32-base62-synapse",
    "crc32-base62-whole",
    "crc32-hex8",
    "discord-snowflake",
    "docker-auth",
    "docker-auths-json",
    "ed25519-seed-pub",
    "ed25519-seed-pub-base58",
    "elastic-api-key",
    "elastic-service-token",
    "evm-dev-account",
    "fly-macaroon",
    "gitlab-routable",
    "given-basic",
    "given-key",
    "given-password",
    "given-secret",
    "google-service-account-json",
    "grafana-cloud-json",
    "grafana-crc32",
    "grafana-key-json",
    "in-rows",
    "intercom-token",
    "jfrog-reftkn",
    "jira-dc-pat",
    "jwt",
    "mapbox-json",
    "meta-token",
    "mixed",
    "neptune-json",
    "ngc-key",
    "ngrok-ksuid",
    "nkey",
    "not-hash",
    "not-stand-in",
    "nx-cloud-token",
    "onepassword-service-token",
    "onesignal-app",
    "onesignal-org",
    "pem",
    "pem-base64",
    "pkcs12-der",
    "postman-objectid",
    "postman-ulid",
    "pypi-macaroon",
    "qstash-json",
    "random",
    "runpod-crc32",
    "secp256k1-scalar",
    "sendgrid",
    "sentry-org-json",
    "stellar-crc16",
    "stripe-account",
    "supabase-key-checksum",
    "teamcity-permanent",
    "tinybird-json",
    "uncut",
    "uploadthing-json",
    "url-password",
    "workos-key",
    "x25519-clamped",
    "xata-crc32",
    "xrp-base58check",
    "zuplo-crc32",
];

/// Reads one rule file.
pub fn read(text: &str, origin: Origin) -> Read {
    let file = FileDef { provider: String::new(), homepage: String::new(), rules: vec![], guidance: vec![] };
    let mut read = Read { file, faults: Vec::new(), warnings: Vec::new() };
    let node = match parse(text) {
        Ok(node) => node,
        Err(fault) => {
            read.faults.push(fault);
            return read;
        }
    };
    let faults = &mut read.faults;
    let mut map = Map::new(&node, "a rule file", faults);
    read.file.provider = map.required_text("provider", faults);
    read.file.homepage = map.text("homepage", faults).unwrap_or_default();
    let entries = map.get("guidance");
    if let Some(node) = entries {
        for (name, _, node) in Map::new(node, "guidance", faults).rest() {
            read.file.guidance.push(guidance::read(name, node, faults));
        }
    }
    let rules = map.list("rules", faults);
    if rules.is_empty() {
        faults.push(map.at().fault("a rule file needs at least one rule under `rules`"));
    }
    for node in rules {
        let soft = match origin {
            Origin::BuiltIn => None,
            Origin::User => Some(&mut read.warnings),
        };
        let rule = read_rule(node, &read.file.guidance, faults, soft);
        read.file.rules.push(rule);
    }
    for verify in read.file.guidance.iter().flat_map(|guidance| &guidance.verify) {
        let known = |id: &&String| read.file.rules.iter().any(|rule| rule.id == **id);
        for id in verify.rules.iter().filter(|id| !known(id)) {
            faults.push(
                entries
                    .map_or(map.at(), |node| node.at)
                    .fault(format!("`verify` names rule `{id}`, which is not in this file")),
            );
        }
    }
    map.finish(faults);
    read
}

fn read_rule(
    node: &Node,
    guidance: &[GuidanceDef],
    faults: &mut Vec<Fault>,
    mut soft: Option<&mut Vec<Fault>>,
) -> RuleDef {
    let mut map = Map::new(node, "a rule", faults);
    let id = map.required_text("id", faults);
    if !id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        faults.push(map.place("id").fault(format!("`id` is `{id}`; use lower case letters, digits and `-`")));
    }
    let rule = RuleDef {
        aliases: map.texts("aliases", faults),
        title: map.required_text("title", faults),
        kind: map.choice("kind", KINDS, faults).unwrap_or(Kind::Content),
        severity: map.choice("severity", SEVERITIES, faults).unwrap_or(Severity::Medium),
        confidence: map.choice("confidence", CONFIDENCES, faults).unwrap_or(Confidence::Medium),
        enabled: map.flag("enabled", true, faults),
        generic: map.flag("generic", false, faults),
        public: map.flag("public", false, faults),
        keywords: map.texts("keywords", faults),
        ignore_case: map.flag("ignore_case", false, faults),
        pattern: map.text("pattern", faults).unwrap_or_default(),
        compiled: Compiled::default(),
        names: map.texts("names", faults),
        magic: Vec::new(),
        holds: map.text("holds", faults).unwrap_or_default(),
        entropy: map.number("entropy", faults).unwrap_or(0.0),
        validate: map.texts("validate", faults),
        near: map.texts("near", faults),
        candidates: map.list("candidates", faults).iter().map(|node| read_candidate(node, faults)).collect(),
        parts: map.list("parts", faults).iter().map(|node| read_part(node, faults)).collect(),
        beside: read_details("beside", &mut map, faults),
        paths: map.texts("paths", faults),
        not_paths: map.texts("not_paths", faults),
        keep: read_keep(&mut map, faults),
        details: read_details("details", &mut map, faults),
        guidance: map.text("guidance", faults).unwrap_or_default(),
        references: map.texts("references", faults),
        matches: Vec::new(),
        ignores: Vec::new(),
        id,
    };
    let rule = with_samples(rule, &mut map, faults);
    let rule = match rule.kind {
        Kind::Content => with_pattern(rule, &mut map, faults),
        Kind::File => with_marks(rule, &mut map, faults),
    };
    for check in rule.validate.iter().filter(|name| !is_check(name)) {
        let names =
            super::yaml::nearest(check, CHECKS).map_or_else(|| CHECKS.join(", "), |n| format!("did you mean `{n}`?"));
        faults.push(map.place("validate").fault(format!("no offline check is called `{check}`; {names}")));
    }
    let mut missing = |what: String, at: Pos, faults: &mut Vec<Fault>| match soft.as_deref_mut() {
        Some(warnings) => warnings.push(at.fault(what)),
        None => faults.push(at.fault(what)),
    };
    if rule.matches.is_empty() || rule.ignores.is_empty() {
        missing(format!("rule `{}` needs `samples` with `match` and `ignore`", rule.id), map.place("samples"), faults);
    }
    if rule.guidance.is_empty() {
        missing(format!("rule `{}` names no `guidance`", rule.id), map.at(), faults);
    } else if !guidance.iter().any(|g| g.name == rule.guidance) {
        faults.push(map.place("guidance").fault(format!("no entry `{}` under `guidance` in this file", rule.guidance)));
    }
    map.finish(faults);
    rule
}

fn with_pattern(mut rule: RuleDef, map: &mut Map<'_>, faults: &mut Vec<Fault>) -> RuleDef {
    let reach = map.count("reach", faults).unwrap_or(0);
    refuse(&["names", "magic", "holds"], "is for rules with `kind: file`", map, faults);
    if rule.pattern.is_empty() {
        faults.push(map.at().fault("a rule needs `pattern`"));
    }
    if rule.keywords.is_empty() {
        faults.push(map.at().fault(format!("rule `{}` needs `keywords`: literals to look for first", rule.id)));
        return rule;
    }
    if rule.pattern.is_empty() {
        return rule;
    }
    match pattern::compile(&rule.pattern, &rule.keywords, rule.ignore_case, reach) {
        Ok(compiled) => rule.compiled = compiled,
        Err((field, why)) => faults.push(map.place(field).fault(format!("rule `{}`: {why}", rule.id))),
    }
    rule
}

/// Fields that mean nothing for this kind of rule.
fn refuse(fields: &[&'static str], why: &str, map: &mut Map<'_>, faults: &mut Vec<Fault>) {
    for field in fields {
        if map.get(field).is_some() {
            faults.push(map.place(field).fault(format!("`{field}` {why}")));
        }
    }
}

/// By what a file is known that is a secret in itself.
fn with_marks(mut rule: RuleDef, map: &mut Map<'_>, faults: &mut Vec<Fault>) -> RuleDef {
    const OTHERS: &[&str] =
        &["keywords", "pattern", "reach", "ignore_case", "entropy", "validate", "near", "parts", "generic", "public"];
    refuse(OTHERS, "is for what stands in content; `kind: file` has `names`, `magic` and `holds`", map, faults);
    for text in map.texts("magic", faults) {
        match magic::parse(&text, !rule.names.is_empty()) {
            Ok(magic) => rule.magic.push(magic),
            Err(why) => faults.push(map.place("magic").fault(format!("rule `{}`: {why}", rule.id))),
        }
    }
    for name in &rule.names {
        if let Err(why) = magic::check_name(name) {
            faults.push(map.place("names").fault(format!("rule `{}`: {why}", rule.id)));
        }
    }
    if let Err(why) = pattern::check_holds(&rule.holds) {
        faults.push(map.place("holds").fault(format!("rule `{}`: {why}", rule.id)));
    }
    if rule.names.is_empty() && rule.magic.is_empty() {
        faults.push(map.at().fault(format!("rule `{}` needs `names` or `magic`: by what is the file known?", rule.id)));
    }
    rule
}

fn with_samples(mut rule: RuleDef, map: &mut Map<'_>, faults: &mut Vec<Fault>) -> RuleDef {
    if let Some(node) = map.get("samples") {
        let mut samples = Map::new(node, "samples", faults);
        rule.matches = samples.texts("match", faults);
        rule.ignores = samples.texts("ignore", faults);
        samples.finish(faults);
    }
    rule
}

fn read_keep(map: &mut Map<'_>, faults: &mut Vec<Fault>) -> Option<usize> {
    let mut redact = Map::new(map.get("redact")?, "redact", faults);
    let keep = redact.count("keep", faults);
    redact.finish(faults);
    keep
}

fn read_details(field: &'static str, map: &mut Map<'_>, faults: &mut Vec<Fault>) -> Vec<(String, String)> {
    let Some(node) = map.get(field) else { return Vec::new() };
    let entries = Map::new(node, field, faults).rest();
    entries
        .into_iter()
        .filter_map(|(name, _, node)| match &node.value {
            Value::Text(text) => Some((name, text.clone())),
            _ => {
                faults.push(node.at.fault(format!("`{name}` under `{field}` must be a string")));
                None
            }
        })
        .collect()
}

fn read_part(node: &Node, faults: &mut Vec<Fault>) -> PartDef {
    let mut map = Map::new(node, "a part", faults);
    let part = PartDef {
        rule: map.required_text("rule", faults),
        within: map.count("within", faults).unwrap_or(300),
        detail: map.required_text("as", faults),
        required: map.flag("required", false, faults),
    };
    map.finish(faults);
    part
}

fn read_candidate(node: &Node, faults: &mut Vec<Fault>) -> CandidateDef {
    let mut map = Map::new(node, "a candidate", faults);
    let candidate =
        CandidateDef { rule: map.required_text("rule", faults), near: map.texts("near", faults), at: node.at };
    if candidate.near.is_empty() {
        faults.push(map.at().fault("a candidate needs `near`: words that stand near a key of this provider"));
    }
    map.finish(faults);
    candidate
}
