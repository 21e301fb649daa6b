//! Secrets that have no form of their own: what stands in them, what they are called, and how the line says so.
//!
//! A rule that asks for one of these checks has a pattern that finds a name and what is assigned to it, in any language.
//! What it finds is narrowed here to the value, and judged: by its name, by the syntax around it (a quoted literal, the
//! rest of a line in a configuration file, a flag, or an expression in code), and by its look.

mod gate;
mod line;
mod name;
mod rows;
mod shaped;
mod value;
mod words;

use std::ops::Range;

pub(in crate::scan) use gate::glance;

use self::line::Form;
use self::name::{Name, Promise};
use self::value::Look;
use super::{Judgement, Subject, encoded, random};
use crate::rules::{Confidence, Rule};

/// What kind of secret a name asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// People choose them.
    Password,
    /// People choose some.
    Secret,
    /// Generators make them.
    Key,
    /// `user:password` in base64.
    Basic,
}

/// Whether a rule finds names with values, which a glance at the bytes can rule out before its pattern runs.
pub(in crate::scan) fn is_assigned(rule: &Rule) -> bool {
    rule.anchored && rule.validate.iter().any(|name| name.starts_with("assigned-"))
}

/// Whether what a rule's pattern takes is to be narrowed to the value.
pub(in crate::scan) fn is_narrowed(rule: &Rule) -> bool {
    rule.validate.iter().any(|name| name.starts_with("assigned-") || name.starts_with("given-"))
}

/// Whether a rule finds the rows of a statement, in which secrets stand under the names of their columns.
pub(in crate::scan) fn is_of_rows(rule: &Rule) -> bool {
    rule.validate.contains(&"in-rows")
}

/// What a rule found where its pattern matched: the whole match and the secret, as they are, or, of a rule about rows, the
/// cells in them, each with the name of its column as the beginning of its match.
pub(in crate::scan) fn spread(
    rule: &Rule,
    bytes: &[u8],
    whole: Range<usize>,
    secret: Range<usize>,
) -> Vec<(Range<usize>, Range<usize>)> {
    if !is_of_rows(rule) {
        return vec![(whole, secret)];
    }
    let cells = rows::cells(bytes, secret.start, whole.start + rule.reach);
    cells.into_iter().map(|(stem, cell)| (stem.min(cell.start)..cell.end, cell)).collect()
}

/// The value in what a pattern took: without what follows an unquoted one.
pub(in crate::scan) fn narrow(bytes: &[u8], span: Range<usize>) -> Range<usize> {
    line::narrow(bytes, span)
}

/// Whether a value is made of words that people write where a secret would stand: `some_pass`, `P@ssw0rd`, `pass%2Dword`.
pub(super) fn is_stand_in(value: &[u8]) -> bool {
    value::is_stand_in(value) || value::without_percents(value).is_some_and(|value| value::is_stand_in(&value))
}

/// A password, unless it is made of words that stand for one.
pub(super) fn not_stand_in(value: &[u8]) -> Judgement {
    if is_stand_in(value) && !random::looks_random(value) {
        return Judgement::implausible("placeholder: a word that stands for a password");
    }
    Judgement::default()
}

/// Judges a value by its name, its line and its look.
pub(super) fn assigned(subject: &Subject<'_>, kind: Kind) -> Judgement {
    if subject.secret.is_empty() || subject.start > subject.span.start {
        return Judgement::rejected();
    }
    let name = Name::around(subject.bytes, subject.start);
    by_name(subject, kind, &name, || line::form(subject.bytes, &name, subject.span))
}

/// Judges a value in a row by the name of its column, at which the match begins.
pub(super) fn in_rows(subject: &Subject<'_>) -> Judgement {
    if subject.secret.is_empty() || subject.start > subject.span.start {
        return Judgement::rejected();
    }
    let name = Name::around(subject.bytes, subject.start);
    let Some((_, kind)) = rows::stem(name.text) else { return Judgement::rejected() };
    // Tables hold hashes of passwords.
    if kind == Kind::Password && random::is_hash_or_uuid(subject.secret) {
        return Judgement::rejected();
    }
    by_name(subject, kind, &name, || Form::Literal)
}

fn by_name(subject: &Subject<'_>, kind: Kind, name: &Name<'_>, form: impl FnOnce() -> Form) -> Judgement {
    let promise = name.promise();
    if promise == Promise::Nothing {
        return Judgement::rejected();
    }
    let hidden = |word: &String| ["encoded", "encrypted", "hashed", "encrypt", "hash"].contains(&word.as_str());
    if kind == Kind::Password && name.words().iter().any(hidden) {
        return Judgement::rejected();
    }
    let form = form();
    if form == Form::Expression {
        return Judgement::rejected();
    }
    let look = look(subject, kind);
    let Some(mut confidence) = look.confidence() else { return Judgement::rejected() };
    if random::is_hash_or_uuid(subject.secret) {
        if !may_be_hex(subject, name) {
            return Judgement::rejected();
        }
        // Who writes a digest's worth of digits for a password wrote down its hash.
        let hashed = kind == Kind::Password && subject.secret.len() >= 40;
        confidence = confidence.min(if hashed { Confidence::Low } else { Confidence::Medium });
    }
    let passing = promise == Promise::Passing || line::is_passing(subject.bytes, name, subject.span);
    if passing || is_piece_of_uuid(subject.secret) || name.is_salt() && subject.secret.len() <= LONGEST_SALT {
        confidence = Confidence::Low;
    }
    if promise == Promise::Perhaps {
        confidence = match (kind, look) {
            (_, Look::Strong) => Confidence::Medium,
            (Kind::Password, Look::Random) => Confidence::Medium,
            _ => Confidence::Low,
        };
    }
    match form {
        Form::Doubtful if look < Look::Random || subject.secret.len() < 12 => confidence = Confidence::Low,
        Form::Doubtful => confidence = confidence.min(Confidence::Medium),
        Form::Literal | Form::Expression => {}
    }
    if look == Look::Chosen && repeats_name(name, subject.secret) {
        confidence = Confidence::Low;
    }
    if confidence > Confidence::Low && line::is_test_vector(subject.bytes, subject.span, subject.secret) {
        confidence = Confidence::Low;
    }
    Judgement { confidence: Some(confidence), ..Judgement::default() }
}

/// Judges a value that stands where only a secret can stand: after `mysql -p`, in `IDENTIFIED BY '…'`.
pub(super) fn given(subject: &Subject<'_>, kind: Kind) -> Judgement {
    match look(subject, kind).confidence() {
        Some(confidence) => Judgement { confidence: Some(confidence), ..Judgement::default() },
        None => Judgement::rejected(),
    }
}

fn look(subject: &Subject<'_>, kind: Kind) -> Look {
    // `{alnum:12}7k`, `key_<your-key>`: a piece of what is filled in.
    let (before, after) = (&subject.bytes[..subject.span.start], &subject.bytes[subject.span.end..]);
    let opened = before.ends_with(b"{") && subject.secret.contains(&b'}');
    if opened
        || after.starts_with(b"<") && !after.starts_with(b"</") && !after.starts_with(b"<!") && !before.ends_with(b">")
    {
        return Look::Nothing;
    }
    match kind {
        Kind::Password => value::password(subject.secret),
        Kind::Secret => value::secret(subject.secret),
        Kind::Key => value::key(subject.secret),
        Kind::Basic => {
            let text = encoded::decode_any(subject.secret).unwrap_or_default();
            let Some(colon) = memchr::memchr(b':', &text) else { return Look::Nothing };
            match &text[colon + 1..] {
                password if password.iter().all(u8::is_ascii_graphic) => value::password(password),
                _ if random::looks_random(subject.secret) => Look::Random,
                _ => Look::Nothing,
            }
        }
    }
}

/// Digests and identifiers have the look of keys: then the name and the line must not speak of any.
fn may_be_hex(subject: &Subject<'_>, name: &Name<'_>) -> bool {
    let words = name.words();
    let explicit = [
        "secret",
        "password",
        "passwd",
        "pwd",
        "pass",
        "api",
        "apikey",
        "access",
        "auth",
        "private",
        "encryption",
        "signing",
        "client",
        "token",
        "salt",
    ];
    let says = |word: &str| words.iter().any(|w| w.contains(word));
    // A UUID under a key that is nobody's is an identifier.
    let uuid = subject.secret.contains(&b'-');
    let owned = || !uuid || words.iter().any(|word| name::is_owner(word.strip_suffix("key").unwrap_or(word)));
    (explicit.iter().any(|word| says(word)) || says("key") && owned())
        && !line::speaks_of_digests(subject.bytes, subject.span)
}

/// The salt of one hash, which stands beside it and is no secret: bcrypt's, the longest of a usual form, has 22
/// characters. Salts that applications keep secret are longer, or named after what they are for.
const LONGEST_SALT: usize = 22;

/// `98b37c57-ec62-4e39`: some groups of a UUID, which say that it was cut, and open nothing.
fn is_piece_of_uuid(value: &[u8]) -> bool {
    const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    let hex = value.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    let groups: Vec<usize> = value.split(|byte| *byte == b'-').map(<[u8]>::len).collect();
    hex && (2..5).contains(&groups.len()) && GROUPS.windows(groups.len()).any(|piece| piece == groups)
}

/// `password = "userpassword1"` says its own name.
fn repeats_name(name: &Name<'_>, value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    let letters = lower.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    name.words()
        .iter()
        .filter(|word| word.len() >= 4)
        .any(|word| memchr::memmem::find(&lower, word.as_bytes()).is_some() && letters <= word.len() + 4)
}
