//! Escapes: characters written as `%2F`, `&#x2f;`, `\u002f`, `\/` or `=2F` amid text that stands as it is.

use std::ops::Range;

use super::base64::is_character;
use super::hex::{byte, digit};
use super::map::Text;

/// How far apart two escapes may be that are decoded together.
const APART: usize = 512;
/// What is taken over of the line before the first escape, and behind the last one.
const BEFORE: usize = 384;
const AFTER: usize = 512;
/// How far around a stretch the bytes are on which it and its decoded text depend: an escape's own reasons included.
pub const CONTEXT: usize = AFTER + 64;
/// What must stand without a space before a line of quoted-printable ends in `=`, and on the next line.
const SOFT_BEFORE: usize = 24;
const SOFT_AFTER: usize = 1;
/// How long a line of mail is with its `=`, and how much shorter at most if no escape may be broken in two.
const MAIL_LINE: usize = 76;
const SPARE: usize = 6;

/// A way to write characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Style {
    /// `%2F`
    Percent,
    /// `&#47;`, `&#x2f;`, `&sol;`
    Html,
    /// `\u002f`, `\x2f`, `\057`, `\/`
    Backslash,
    /// `=2F`, and a line that ends in `=`
    Quoted,
}

/// One escape.
struct Escape {
    len: usize,
    means: Means,
}

#[derive(Clone, Copy)]
enum Means {
    Byte(u8),
    Character(char),
    Nothing,
}

impl Style {
    /// The byte that escapes begin with.
    pub fn lead(self) -> u8 {
        match self {
            Self::Percent => b'%',
            Self::Html => b'&',
            Self::Backslash => b'\\',
            Self::Quoted => b'=',
        }
    }

    fn read(self, rest: &[u8]) -> Option<Escape> {
        match self {
            Self::Percent => {
                Some(Escape { len: 3, means: Means::Byte(byte(rest.get(1..3)?).filter(|_| rest[0] == b'%')?) })
            }
            Self::Html => html(rest),
            Self::Backslash => backslash(rest),
            Self::Quoted => quoted(rest),
        }
    }

    /// Whether an escape stands at `at` that may be a piece of a secret or hide its keyword. Looks at most 30 bytes
    /// around it.
    pub fn is_reason(self, bytes: &[u8], at: usize) -> bool {
        let Some(escape) = self.read(&bytes[at..]) else { return false };
        let (before, after) = (&bytes[..at], &bytes[at + escape.len..]);
        let written_out = |means: &Means| matches!(value(*means), Some(b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z'));
        let next = || self.read(after).is_some_and(|next| is_of_text(next.means));
        let is_near = |byte: Option<&u8>| byte.is_some_and(|byte| is_character(*byte) || b"=.:@~%&\\;".contains(byte));
        let (left, right) = (is_near(before.last()), is_near(after.first()));
        match (value(escape.means), self) {
            (None, Self::Quoted) => matches!(escape.means, Means::Nothing) && is_soft_break(before, after),
            (None, _) => false,
            (Some(_), Self::Quoted) if written_out(&escape.means) => next() || self.ends(before),
            // A printer of raw bytes writes letters out now and then; two in a row are text.
            (Some(_), Self::Backslash) if written_out(&escape.means) && bytes[at + 1] != b'u' => {
                next() || self.ends(before) || left && right
            }
            (Some(_), _) if written_out(&escape.means) => true,
            (Some(b'+' | b'/' | b'='), _) => left || right,
            (Some(b':' | b'@' | b'-' | b'_' | b'.' | b'~'), _) => left && right,
            (Some(b'%'), _) => byte(after.get(..2).unwrap_or_default()).is_some(),
            (Some(b'&'), Self::Backslash) => left && right,
            (Some(b'&'), _) => after.first() == Some(&b'#'),
            (Some(b'#'), _) => matches!(after.first(), Some(b'0'..=b'9' | b'x')),
            (Some(b'\\'), _) => {
                matches!(after, [b'u' | b'x', digit, ..] if digit.is_ascii_hexdigit()) || after.first() == Some(&b'/')
            }
            (Some(b'\n' | b'\r'), Self::Percent | Self::Html | Self::Backslash) => is_within_base64(before, after),
            (Some(b' '), _) => before.ends_with(b"BEGIN"),
            _ => false,
        }
    }

    /// Whether a line break written out at `at`, as a backslash and a letter, may stand amid wrapped base64.
    pub fn may_wrap(bytes: &[u8], at: usize) -> bool {
        let after = bytes.get(at + 2).is_some_and(|byte| is_character(*byte) || *byte == b'\\');
        after && bytes[..at].last().is_some_and(|byte| is_character(*byte))
    }

    /// Whether a printable character written in this style ends `before`.
    fn ends(self, before: &[u8]) -> bool {
        let from = before.len().saturating_sub(10);
        let Some(start) = memchr::memrchr(self.lead(), &before[from..]).map(|at| from + at) else { return false };
        let ends = |escape: Escape| start + escape.len == before.len() && is_of_text(escape.means);
        self.read(&before[start..]).is_some_and(ends)
    }

    /// From the first to the last of the escapes around the one at `at` that are worth decoding together.
    pub fn chain(self, bytes: &[u8], at: usize) -> Range<usize> {
        let (mut first, mut last) = (at, at);
        let mut cursor = at;
        while let Some(found) = memchr::memrchr(self.lead(), &bytes[first.saturating_sub(APART)..cursor]) {
            cursor = first.saturating_sub(APART) + found;
            if self.is_reason(bytes, cursor) {
                first = cursor;
            }
        }
        cursor = at + 1;
        while let Some(found) =
            memchr::memchr(self.lead(), &bytes[cursor..bytes.len().min(last + APART + 1).max(cursor)])
        {
            cursor += found;
            if self.is_reason(bytes, cursor) {
                last = cursor;
            }
            cursor += 1;
        }
        first..last + self.read(&bytes[last..]).map_or(1, |escape| escape.len)
    }

    /// Decodes all escapes in `place` and on its line close by.
    pub fn decode(self, bytes: &[u8], place: &Range<usize>) -> Option<Text> {
        let from = place.start.saturating_sub(BEFORE);
        let start = memchr::memrchr(b'\n', &bytes[from..place.start]).map_or(from, |newline| from + newline + 1);
        let to = bytes.len().min(place.end + AFTER);
        let end = memchr::memchr(b'\n', &bytes[place.end..to]).map_or(to, |newline| place.end + newline);
        let mut text = Text::with_room(end - start);
        let (mut copied, mut at) = (start, start);
        while let Some(found) = memchr::memchr(self.lead(), &bytes[at..end]) {
            at += found;
            let Some(escape) = self.read(&bytes[at..end]) else {
                at += 1;
                continue;
            };
            text.copy(bytes, copied..at);
            let place = at..at + escape.len;
            at = place.end;
            copied = at;
            match escape.means {
                Means::Byte(byte) => {
                    text.bytes.push(byte);
                    text.decoded(1, place);
                }
                Means::Character(character) => {
                    let mut buffer = [0; 4];
                    let encoded = character.encode_utf8(&mut buffer).as_bytes();
                    text.bytes.extend_from_slice(encoded);
                    text.decoded(encoded.len(), place);
                }
                Means::Nothing => text.decoded(0, place),
            }
        }
        text.copy(bytes, copied..end);
        Some(text)
    }
}

fn value(means: Means) -> Option<u8> {
    match means {
        Means::Byte(byte) => Some(byte).filter(u8::is_ascii),
        Means::Character(character) => u8::try_from(character).ok().filter(u8::is_ascii),
        Means::Nothing => None,
    }
}

/// A printable character, or the zero beside one in UTF-16.
fn is_of_text(means: Means) -> bool {
    value(means).is_some_and(|byte| byte.is_ascii_graphic() || byte == 0)
}

/// Whether a line break that is written out stands amid wrapped base64.
fn is_within_base64(before: &[u8], after: &[u8]) -> bool {
    let after = after.strip_prefix(b"\\n").or_else(|| after.strip_prefix(b"%0A")).unwrap_or(after);
    let before = before.strip_suffix(b"\\r").or_else(|| before.strip_suffix(b"%0D")).unwrap_or(before);
    let full = |byte: &u8| is_character(*byte);
    before.len() >= 16
        && before[before.len() - 16..].iter().all(full)
        && after.iter().take(16).filter(|b| full(b)).count() == 16
}

/// A mail program breaks lines where they are full: within a word that is long. Other lines end in base64, and that in `=`.
fn is_soft_break(before: &[u8], after: &[u8]) -> bool {
    let graphic = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_graphic);
    let (left, right) = (before.len().checked_sub(SOFT_BEFORE), after.get(..SOFT_AFTER));
    let within_word =
        left.is_some_and(|from| graphic(&before[from..])) && !before.ends_with(b"=") && right.is_some_and(graphic);
    if !within_word {
        return false;
    }
    let line = before.iter().rev().take(MAIL_LINE).take_while(|byte| **byte != b'\n').count() + 1;
    let digits = before.iter().rev().take(MAIL_LINE).take_while(|byte| is_character(**byte)).count();
    line == MAIL_LINE || line <= MAIL_LINE && line + SPARE >= MAIL_LINE && digits % 4 != 3
}

fn quoted(rest: &[u8]) -> Option<Escape> {
    match rest {
        [b'=', b'\n', ..] => Some(Escape { len: 2, means: Means::Nothing }),
        [b'=', b'\r', b'\n', ..] => Some(Escape { len: 3, means: Means::Nothing }),
        [b'=', a, b, ..] if !a.is_ascii_lowercase() && !b.is_ascii_lowercase() => {
            Some(Escape { len: 3, means: Means::Byte(byte(&[*a, *b])?) })
        }
        _ => None,
    }
}

fn backslash(rest: &[u8]) -> Option<Escape> {
    let character = |len: usize, value: u32| Some(Escape { len, means: Means::Character(char::from_u32(value)?) });
    let plain = |byte: u8| Some(Escape { len: 2, means: Means::Byte(byte) });
    match *rest {
        [b'\\', b'u', b'{', ..] => {
            let digits = rest[3..].iter().take(7).take_while(|byte| byte.is_ascii_hexdigit()).count();
            let closed = rest.get(3 + digits) == Some(&b'}');
            character(4 + digits, number(&rest[3..3 + digits], 16)?).filter(|_| closed && digits > 0)
        }
        [b'\\', b'u', ..] => character(6, number(rest.get(2..6)?, 16)?),
        [b'\\', b'U', ..] => character(10, number(rest.get(2..10)?, 16)?),
        [b'\\', b'x', ..] => Some(Escape { len: 4, means: Means::Byte(byte(rest.get(2..4)?)?) }),
        [b'\\', b'0'..=b'3', b'0'..=b'7', b'0'..=b'7', ..] => {
            let value = number(&rest[1..4], 8)?;
            Some(Escape { len: 4, means: Means::Byte(u8::try_from(value).ok()?) })
        }
        [b'\\', b'n', ..] => plain(b'\n'),
        [b'\\', b'r', ..] => plain(b'\r'),
        [b'\\', b't', ..] => plain(b'\t'),
        // PHP and others write `\/`, Java properties `\:` and `\=`, Markdown `\_`.
        [b'\\', itself @ (b'/' | b'\\' | b'"' | b'\'' | b':' | b'=' | b'_'), ..] => plain(itself),
        _ => None,
    }
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    digits.iter().try_fold(0u32, |value, byte| {
        let digit = u32::from(digit(*byte)?);
        (digit < radix).then_some(())?;
        value.checked_mul(radix)?.checked_add(digit)
    })
}

/// Names that stand for characters which secrets, and what surrounds them, are made of.
const NAMES: &[(&[u8], char)] = &[
    (b"amp", '&'),
    (b"apos", '\''),
    (b"quot", '"'),
    (b"lt", '<'),
    (b"gt", '>'),
    (b"sol", '/'),
    (b"plus", '+'),
    (b"equals", '='),
    (b"colon", ':'),
    (b"commat", '@'),
    (b"lowbar", '_'),
    (b"UnderBar", '_'),
    (b"hyphen", '-'),
    (b"dash", '-'),
    (b"period", '.'),
    (b"num", '#'),
    (b"percnt", '%'),
    (b"quest", '?'),
    (b"excl", '!'),
    (b"dollar", '$'),
    (b"ast", '*'),
    (b"semi", ';'),
    (b"comma", ','),
    (b"bsol", '\\'),
    (b"NewLine", '\n'),
    (b"Tab", '\t'),
];

fn html(rest: &[u8]) -> Option<Escape> {
    // Most of what begins so is an operator or an address, and no name ends in a semicolon soon.
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'#';
    let end = 1 + rest.get(1..)?.iter().take(11).position(|byte| !is_name(byte))?;
    if rest[end] != b';' {
        return None;
    }
    let body = rest.strip_prefix(b"&")?.get(..end.checked_sub(1)?)?;
    let character = match body {
        [b'#', b'x' | b'X', digits @ ..] if !digits.is_empty() => char::from_u32(number(digits, 16)?)?,
        [b'#', digits @ ..] if !digits.is_empty() => char::from_u32(number(digits, 10)?)?,
        name => NAMES.iter().find(|(known, _)| *known == name)?.1,
    };
    Some(Escape { len: end + 1, means: Means::Character(character) })
}
