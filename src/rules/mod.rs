//! Rules: the keywords, pattern and checks of each kind of credential, and what to do when one leaked.

mod builtin;
mod common;
mod form;
mod guidance;
mod magic;
mod names;
mod pattern;
pub mod sample;
pub(crate) mod schema;
mod shape;
mod syntax;

use std::path::{Path, PathBuf};

use globset::{Glob, GlobSet, GlobSetBuilder};

use crate::error::{Error, Result};
use crate::yaml;
pub use common::HEAD;
pub use form::{Beginnings, ShapeTable};
pub use names::FileNames;
pub use pattern::Edge;
pub use schema::{CONFIDENCES, Confidence, Kind, SEVERITIES, Severity};
pub use shape::{ByteSet, all_of, are_apart, contains, insert, none_of, only, union};
pub use syntax::{Node, parse};

/// One kind of credential. Rules live as long as the program: built-in ones are static tables,
/// a user's are read once.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Unique name, `provider-kind`.
    pub id: &'static str,
    /// Who issues the credential.
    pub provider: &'static str,
    /// The provider's site, or empty.
    pub homepage: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// Other names of the rule.
    pub aliases: &'static [&'static str],
    /// What it is about.
    pub kind: Kind,
    /// What its holder can do.
    pub severity: Severity,
    /// How sure a match is.
    pub confidence: Confidence,
    /// Whether it runs unless asked for.
    pub enabled: bool,
    /// Yields to every provider's rule.
    pub generic: bool,
    /// An identifier that is no secret alone.
    pub public: bool,
    /// Literals, at least one of which stands at (or, in the near form, near) every match.
    pub keywords: &'static [&'static str],
    /// Keywords are compared without ASCII case.
    pub ignore_case: bool,
    /// The pattern as written, with macros.
    pub pattern: &'static str,
    /// The pattern as a regular expression over bytes.
    pub regex: &'static str,
    /// How the left edge of a match is judged.
    pub edge: Edge,
    /// Whether every match begins with a keyword.
    pub anchored: bool,
    /// Longest match, or radius of context, in bytes.
    pub reach: usize,
    /// Where in the table it stands what can come after each keyword; in the near form, one for the whole match.
    pub shapes: &'static [(u32, u32)],
    /// Every match has a run of bytes of the set with this number, at least so long.
    pub run: (u16, u16),
    /// Where in the table its pattern stands, taken apart; nowhere if that is beyond it.
    pub node: (u32, u32),
    /// Where the four bytes of each keyword begin that are rarest in source.
    pub grams: &'static [u8],
    /// What the shapes are made of.
    pub shape_table: &'static ShapeTable,
    /// Names by which a file is known that is a secret in itself; one `*` stands for anything.
    pub names: &'static [&'static str],
    /// First bytes by which it is known.
    pub magic: &'static [Magic],
    /// What it must hold, as a regular expression over bytes; empty for anything.
    pub holds: &'static str,
    /// Least Shannon entropy of the secret's body, in bits per character; 0 for none.
    pub entropy: f64,
    /// Named offline checks.
    pub validate: &'static [&'static str],
    /// Context words of which one must stand within `reach`.
    pub near: &'static [&'static str],
    /// Providers whose keys all have this shape: words near a match settle which one it is, else the report names all.
    pub candidates: &'static [Candidate],
    /// Other credentials that complete this one.
    pub parts: &'static [Part],
    /// Names of identifiers that stand beside it (small letters and digits alone), and the details that they become.
    pub beside: &'static [(&'static str, &'static str)],
    /// Globs of paths that it belongs to.
    pub paths: &'static [&'static str],
    /// Globs of paths where it does not count.
    pub not_paths: &'static [&'static str],
    /// How many characters may be shown, if not the keyword's.
    pub keep: Option<usize>,
    /// Details that every match has.
    pub details: &'static [(&'static str, &'static str)],
    /// What to do about a leaked one.
    pub guidance: Option<&'static Guidance>,
    /// Where the format is documented.
    pub references: &'static [&'static str],
    /// Sample templates that must be found.
    pub matches: &'static [&'static str],
    /// Sample templates that must not become an open finding.
    pub ignores: &'static [&'static str],
}

/// The bytes that a file begins with; where `mask` is 0 any byte fits.
#[derive(Debug)]
pub struct Magic {
    /// The bytes.
    pub bytes: &'static [u8],
    /// As long as `bytes`; 0 or 255.
    pub mask: &'static [u8],
}

impl Magic {
    /// Whether a file begins so.
    pub fn fits(&self, file: &[u8]) -> bool {
        let same = |((a, b), mask): ((&u8, &u8), &u8)| a == b || *mask == 0;
        file.len() >= self.bytes.len() && file.iter().zip(self.bytes).zip(self.mask).all(same)
    }
}

/// A provider whose keys have the shape that a rule describes.
#[derive(Debug)]
pub struct Candidate {
    /// Its own rule.
    pub rule: &'static str,
    /// Who it is.
    pub provider: &'static str,
    /// Words that stand near a key of this provider, compared without case.
    pub near: &'static [&'static str],
    /// The first act of its runbook.
    pub act: &'static str,
}

/// Another credential that completes one.
#[derive(Debug)]
pub struct Part {
    /// Its rule.
    pub rule: &'static str,
    /// How far away it may stand, in bytes.
    pub within: usize,
    /// The detail that it becomes.
    pub detail: &'static str,
    /// Whether the credential means nothing without it.
    pub required: bool,
}

/// A runbook: what a person does about a leaked key of this provider.
#[derive(Debug, Clone, Copy, Default)]
pub struct Guidance {
    /// What the holder can do, and the first act.
    pub headline: &'static str,
    /// What to do at once, in order.
    pub now: &'static [&'static str],
    /// How to rotate without downtime.
    pub replace: &'static [&'static str],
    /// Where to look for misuse.
    pub investigate: &'static [&'static str],
    /// What must be updated, and how to be hurt less next time.
    pub clean_up: &'static [&'static str],
    /// Runnable lines; never with a secret in them.
    pub commands: &'static [&'static str],
    /// The page where keys are managed, or empty.
    pub console_url: &'static str,
    /// The provider's document, or empty.
    pub docs: &'static str,
    /// Whom to tell, or empty.
    pub contact: &'static str,
    /// What looks like revocation and is not.
    pub warnings: &'static [&'static str],
    /// Requests that tell a live key from a dead one, for a person or a tool; nothing here sends them.
    pub verify: &'static [Verify],
}

/// A harmless request whose answer tells a live key from a dead one.
#[derive(Debug, Clone, Copy)]
pub struct Verify {
    /// The rules whose keys it fits; empty for all that share the runbook.
    pub rules: &'static [&'static str],
    /// Method and address.
    pub request: &'static str,
    /// The header that carries the key, with `{secret}` in its place.
    pub header: &'static str,
    /// Answers of a live key: a status, and words of the body where the status alone says too little.
    pub live: &'static [&'static str],
    /// Answers of a dead key.
    pub dead: &'static [&'static str],
    /// What else to know.
    pub note: &'static str,
}

impl Rule {
    /// How many bytes of `secret` may be shown: `redact.keep`, else the keyword it begins with.
    pub fn shown(&self, secret: &[u8]) -> usize {
        let keyword = self.keywords.iter().filter(|k| secret.starts_with(k.as_bytes())).map(|k| k.len()).max();
        let prefix = if self.anchored && !self.goes_by_name() { keyword.unwrap_or(0) } else { 0 };
        self.keep.unwrap_or(prefix)
    }

    /// Whether its keywords are names that stand before a secret: one that begins with `pass` has no prefix for that.
    pub fn goes_by_name(&self) -> bool {
        self.validate.iter().any(|check| check.starts_with("assigned-") || check.starts_with("given-"))
    }

    /// The provider's runbook, or the one that fits any provider.
    pub fn guidance(&self) -> &'static Guidance {
        self.guidance.unwrap_or(&builtin::GENERIC)
    }
}

/// Which rules to load. Globs are over rule ids.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// The built-in rules are left out.
    pub no_builtin: bool,
    /// Rule files, or folders of them, to add.
    pub files: Vec<PathBuf>,
    /// Rule files that are not on disk: what they are called, and their text.
    pub texts: Vec<(String, String)>,
    /// Rules to turn on that are off.
    pub enable: Vec<String>,
    /// Rules to turn off. Wins over `enable`.
    pub disable: Vec<String>,
}

/// The rules of a run, in a fixed order, immutable and shared.
#[derive(Debug)]
pub struct RuleSet {
    /// Those of `kind: content`.
    rules: Vec<&'static Rule>,
    /// Those of `kind: file`.
    files: Vec<&'static Rule>,
    /// Rules that are off and not generic.
    quiet: Vec<&'static Rule>,
    /// What should be better in the user's rule files.
    pub warnings: Vec<String>,
}

impl RuleSet {
    /// All built-in rules that are on.
    pub fn builtin() -> Self {
        let (on, quiet): (Vec<_>, Vec<_>) = builtin::RULES.iter().partition(|rule| rule.enabled);
        Self { quiet: contents(quiet), ..Self::of(on) }
    }

    /// All built-in rules, those that are off too.
    pub fn every_builtin() -> Self {
        Self::of(builtin::RULES.iter().collect())
    }

    /// A set of the rules given.
    pub fn of(rules: Vec<&'static Rule>) -> Self {
        let (files, rules) = rules.into_iter().partition(|rule| rule.kind == Kind::File);
        Self { rules, files, quiet: Vec::new(), warnings: Vec::new() }
    }

    /// The rules that `selection` asks for.
    ///
    /// # Errors
    /// All faults of all files at once; a glob that is none, or that no rule fits.
    pub fn load(selection: &Selection) -> Result<Self> {
        let mut warnings = Vec::new();
        let mut rules: Vec<&'static Rule> = if selection.no_builtin { vec![] } else { builtin::RULES.iter().collect() };
        let builtin = rules.len();
        rules.extend(read_files(&selection.files, &mut warnings)?);
        rules.extend(read_texts(&selection.texts, &mut warnings)?);
        // Of those that are built in, the build has seen to it.
        let mut seen = std::collections::HashSet::new();
        let has_own = rules.len() > builtin;
        if let Some(twice) = rules.iter().find(|rule| has_own && !seen.insert(rule.id)) {
            let why = format!("rule id `{}` is used twice; rename yours, or use --no-builtin-rules", twice.id);
            return Err(Error::Faults { faults: vec![why] });
        }
        let on = globs(&selection.enable, &rules)?;
        let off = globs(&selection.disable, &rules)?;
        let is_on = |rule: &&'static Rule| (rule.enabled || on.is_match(rule.id)) && !off.is_match(rule.id);
        let (rules, mut quiet): (Vec<_>, Vec<_>) = rules.into_iter().partition(is_on);
        quiet.retain(|rule| !rule.generic);
        if rules.is_empty() {
            return Err(Error::Usage("no rules are left to scan with; see --enable, --disable and --rules".into()));
        }
        Ok(Self { warnings, quiet: contents(quiet), ..Self::of(rules) })
    }

    /// The rules about credentials in content, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'static Rule> + '_ {
        self.rules.iter().copied()
    }

    /// The rules about files that are secrets in themselves, in order.
    pub fn files(&self) -> impl ExactSizeIterator<Item = &'static Rule> + '_ {
        self.files.iter().copied()
    }

    /// All rules.
    pub fn all(&self) -> impl Iterator<Item = &'static Rule> + '_ {
        self.iter().chain(self.files())
    }

    /// Rules that are off, whose matches are not reported but keep their place: no generic rule may call a key secret
    /// that its provider calls public.
    pub fn quiet(&self) -> &[&'static Rule] {
        &self.quiet
    }

    /// How many rules about content there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    /// The rule about content at a place in the order.
    pub fn get(&self, index: usize) -> &'static Rule {
        self.rules[index]
    }

    /// The rule with this id or alias.
    pub fn find(&self, id: &str) -> Option<&'static Rule> {
        self.all().find(|rule| rule.id == id || rule.aliases.contains(&id))
    }

    /// The rule with this id or alias.
    ///
    /// # Errors
    /// There is none; the rules of the provider of that name, or the nearest id, are suggested.
    pub fn named(&self, id: &str) -> Result<&'static Rule> {
        self.find(id).ok_or_else(|| Error::Usage(format!("no rule is called `{id}`; {}", self.hint(id))))
    }

    fn hint(&self, id: &str) -> String {
        let own: Vec<&Rule> = self.all().filter(|rule| rule.provider.eq_ignore_ascii_case(id)).collect();
        if let Some(first) = own.first() {
            let ids: Vec<String> = own.iter().map(|rule| format!("`{}`", rule.id)).collect();
            return format!("{} has {}", first.provider, ids.join(", "));
        }
        let ids: Vec<_> = self.all().map(|rule| rule.id).collect();
        let near = yaml::nearest(id, &ids).map(|near| format!("did you mean `{near}`?"));
        near.unwrap_or_else(|| "`keysieve rules list` shows all".to_owned())
    }
}

fn contents(mut rules: Vec<&'static Rule>) -> Vec<&'static Rule> {
    rules.retain(|rule| rule.kind == Kind::Content);
    rules
}

fn globs(patterns: &[String], rules: &[&'static Rule]) -> Result<GlobSet> {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        let glob = Glob::new(pattern).map_err(|error| Error::Usage(format!("`{pattern}` is no glob: {error}")))?;
        let matcher = glob.compile_matcher();
        if !rules.iter().any(|rule| matcher.is_match(rule.id)) {
            let ids: Vec<_> = rules.iter().map(|rule| rule.id).collect();
            let hint = yaml::nearest(pattern, &ids)
                .map_or("see `keysieve rules list`".into(), |n| format!("did you mean `{n}`?"));
            return Err(Error::Usage(format!("no rule is called `{pattern}`; {hint}")));
        }
        builder.add(glob);
    }
    builder.build().map_err(|error| Error::Usage(error.to_string()))
}

/// Reads rule files and folders of them; all faults at once.
///
/// # Errors
/// [`Error::Faults`] with `file:line:column` for each fault.
fn read_files(paths: &[PathBuf], warnings: &mut Vec<String>) -> Result<Vec<&'static Rule>> {
    let mut texts = Vec::new();
    for path in expand_folders(paths)? {
        let text = std::fs::read_to_string(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
        texts.push((path.display().to_string(), text));
    }
    read_texts(&texts, warnings)
}

/// Rules from texts, each with the name that its faults go by.
fn read_texts(texts: &[(String, String)], warnings: &mut Vec<String>) -> Result<Vec<&'static Rule>> {
    let mut rules = Vec::new();
    let mut faults = Vec::new();
    for (name, text) in texts {
        let mut read = schema::read(text, schema::Origin::User);
        read.faults.extend(unknown_candidates(&read.file));
        faults.extend(read.faults.iter().map(|fault| format!("{name}:{fault}")));
        warnings.extend(read.warnings.iter().map(|fault| format!("{name}:{fault}")));
        if read.faults.is_empty() {
            rules.extend(builtin::keep(read.file));
        }
    }
    if faults.is_empty() { Ok(rules) } else { Err(Error::Faults { faults }) }
}

/// Candidates that are rules neither of the same file nor built in.
fn unknown_candidates(file: &schema::FileDef) -> Vec<yaml::Fault> {
    let known = |id: &str| builtin::has(id) || file.rules.iter().any(|rule| rule.id == id);
    let all = file.rules.iter().flat_map(|rule| &rule.candidates).filter(|candidate| !known(&candidate.rule));
    all.map(|candidate| candidate.at.fault(format!("no rule is called `{}`, here or built in", candidate.rule)))
        .collect()
}

fn expand_folders(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let is_yaml = |path: &Path| path.extension().is_some_and(|e| e == "yaml" || e == "yml");
    let mut files = Vec::new();
    for path in paths {
        let failed = |source| Error::Read { path: path.clone(), source };
        if !std::fs::metadata(path).map_err(failed)?.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut found = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed)? {
            found.push(entry.map_err(failed)?.path());
        }
        found.retain(|file| is_yaml(file));
        found.sort();
        files.extend(found);
    }
    Ok(files)
}
