//! Values in pieces: string literals joined by an operator or over lines, lines that a backslash joins, and block values
//! of YAML.

use std::ops::Range;

use super::map::Text;

/// How far apart two junctions of one value may be.
const APART: usize = 256;
/// What is taken over of the line before the first junction, and behind the last one.
const BEFORE: usize = 1536;
const AFTER: usize = 1536;
/// White space and operators at most between two pieces.
const BETWEEN: usize = 32;
/// The characters of a word that there must be on either side: texts in pieces have spaces there.
const LEFT: usize = 3;
const RIGHT: usize = 6;
/// So many characters of a word are looked at on either side, and so many in all make it a long one.
const WORD: usize = 12;
const LONG: usize = 16;
/// How long a block value may be.
const BLOCK: usize = 2048;
/// How far around a stretch the bytes are on which it and its decoded text depend.
pub const CONTEXT: usize = AFTER + 64;
pub const BLOCK_CONTEXT: usize = BLOCK + 64;

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

/// What a junction may begin with.
const MARK: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = matches!(byte as u8, b'"' | b'\'' | b'`' | b'\\');
        byte += 1;
    }
    table
};

fn is_mark(byte: u8) -> bool {
    MARK[usize::from(byte)]
}

/// What words with a credential in them are made of, whatever else it is encoded in.
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = matches!(byte as u8, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'+' | b'/' | b'-' | b'_' | b'=')
            || matches!(byte as u8, b'.' | b':' | b'~' | b'%' | b'@' | b'\\' | b'&' | b';' | b'#');
        byte += 1;
    }
    table
};

fn is_token(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}

fn is_between(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'+' | b'.' | b'&' | b'\\')
}

/// Whether what stands between two pieces goes on at `at`. Basic ends a line that goes on in `_`, PowerShell in a
/// backtick.
fn is_joint(bytes: &[u8], at: usize) -> bool {
    let goes_on = || matches!(bytes[at], b'_' | b'`') && matches!(bytes.get(at + 1), Some(b'\r' | b'\n'));
    is_between(bytes[at]) || goes_on()
}

/// The junction that begins at `at`: a closing quote to an opening one, or a backslash to the rest on the next line.
#[inline]
pub fn junction(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let before = at.checked_sub(1).and_then(|before| bytes.get(before))?;
    is_token(*before).then(|| joint(bytes, at)).flatten()
}

fn joint(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    if !bytes[..at].last_chunk::<LEFT>()?.iter().all(|byte| is_token(*byte)) {
        return None;
    }
    let end = match *bytes.get(at..)? {
        [b'\\', b'\n' | b'\r', ..] => {
            let rest = &bytes[at + 1..];
            let rest = rest.strip_prefix(b"\r").unwrap_or(rest).strip_prefix(b"\n")?;
            let indent = rest.iter().take(BETWEEN).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            bytes.len() - rest.len() + indent
        }
        [quote, next, ..] if is_quote(quote) && is_between(next) => {
            let rest = &bytes[at + 1..];
            let between = rest.iter().take(BETWEEN).enumerate().take_while(|(at, _)| is_joint(rest, *at)).count();
            let (joint, next) = rest.split_at(between);
            let operators = joint.iter().filter(|byte| matches!(byte, b'+' | b'.' | b'&')).count();
            let lines = memchr::memchr_iter(b'\n', joint).count();
            // Python and others say before the quote what kind of string it is.
            let kind = next.iter().take(2).take_while(|byte| b"bfruBFRU".contains(byte)).count();
            let opens = next.get(kind).is_some_and(|byte| is_quote(*byte));
            if !opens || operators > 2 || lines > 2 || operators + lines == 0 {
                return None;
            }
            let end = at + between + kind + 2;
            // With neither operator nor indentation it is the next key of a lock file: `"checksum name 1.0" = ...`.
            let is_apart = operators == 0 && kind == 0 && joint.ends_with(b"\n");
            if is_apart && begins_text(&bytes[end.min(bytes.len())..]) {
                return None;
            }
            end
        }
        _ => return None,
    };
    let word = bytes.get(end..end + RIGHT).is_some_and(|word| word.iter().all(|byte| is_token(*byte)));
    (word && is_random(&bytes[..at], &bytes[end..])).then_some(at..end)
}

/// Whether a piece begins with a word of letters and a space.
fn begins_text(piece: &[u8]) -> bool {
    let letters = piece.iter().take(WORD - 1).take_while(|byte| byte.is_ascii_alphabetic()).count();
    piece.get(letters) == Some(&b' ')
}

/// Whether two pieces may be of one credential: they are a long word, or one with a digit.
fn is_random(before: &[u8], after: &[u8]) -> bool {
    // Paths of imports stand in lists of strings.
    let is_word = |byte: &&u8| is_token(**byte) && **byte != b'/';
    let left = before.iter().rev().take(WORD).take_while(is_word);
    let right = after.iter().take(WORD).take_while(is_word);
    let (mut len, mut digits) = (0, 0);
    for byte in left.chain(right) {
        (len, digits) = (len + 1, digits + usize::from(byte.is_ascii_digit()));
    }
    len >= LONG || digits > 0
}

/// From the first to the last of the junctions around the one that begins at `at`.
pub fn chain(bytes: &[u8], at: usize) -> Range<usize> {
    let (mut first, mut last) = (at, at);
    let mut cursor = at;
    while let Some(found) = bytes[first.saturating_sub(APART)..cursor].iter().rposition(|byte| is_mark(*byte)) {
        cursor = first.saturating_sub(APART) + found;
        if junction(bytes, cursor).is_some() {
            first = cursor;
        }
    }
    cursor = at + 1;
    while let Some(found) =
        bytes[cursor..bytes.len().min(last + APART + 1).max(cursor)].iter().position(|byte| is_mark(*byte))
    {
        cursor += found;
        if junction(bytes, cursor).is_some() {
            last = cursor;
        }
        cursor += 1;
    }
    first..junction(bytes, last).map_or(last + 1, |junction| junction.end)
}

/// Takes the junctions in `place` out.
pub fn decode(bytes: &[u8], place: &Range<usize>) -> Option<Text> {
    let from = place.start.saturating_sub(BEFORE);
    let start = memchr::memrchr(b'\n', &bytes[from..place.start]).map_or(from, |newline| from + newline + 1);
    let to = bytes.len().min(place.end + AFTER);
    let end = memchr::memchr(b'\n', &bytes[place.end..to]).map_or(to, |newline| place.end + newline);
    let mut text = Text::with_room(end - start);
    let (mut copied, mut at) = (start, place.start);
    while let Some(found) = bytes[at..place.end.max(at)].iter().position(|byte| is_mark(*byte)) {
        at += found;
        match junction(bytes, at) {
            Some(junction) => {
                text.copy(bytes, copied..at);
                text.decoded(0, junction.clone());
                (copied, at) = (junction.end, junction.end);
            }
            None => at += 1,
        }
    }
    text.copy(bytes, copied..end);
    Some(text)
}

/// Where the line ends at whose end a block value of YAML begins, given where its `>` or `|` stands: `key: >-` and an
/// indented word.
pub fn block_head(bytes: &[u8], at: usize) -> Option<usize> {
    (at > 0 && bytes[at - 1] == b' ').then_some(())?;
    let rest = &bytes[at + 1..];
    let marks = rest.iter().take(2).take_while(|byte| matches!(byte, b'+' | b'-' | b'1'..=b'9')).count();
    let line = at + 1 + marks + usize::from(rest.get(marks) == Some(&b'\r'));
    (bytes.get(line) == Some(&b'\n')).then_some(())?;
    let indent = bytes[line + 1..].iter().take(BETWEEN).take_while(|byte| **byte == b' ').count();
    (indent > 0 && bytes.get(line + 1 + indent).is_some_and(|byte| is_token(*byte))).then_some(line)
}

/// The lines of the block value behind the line break at `at`, if they are pieces of one word.
pub fn block(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let indent = bytes[at + 1..].iter().take_while(|byte| **byte == b' ').count();
    let (mut cursor, mut lines) = (at + 1, 0);
    let limit = bytes.len().min(at + BLOCK);
    while cursor < limit {
        let line = &bytes[cursor..memchr::memchr(b'\n', &bytes[cursor..limit]).map_or(limit, |eol| cursor + eol)];
        let word = line.iter().skip_while(|byte| **byte == b' ');
        let word: Vec<u8> = word.copied().filter(|byte| *byte != b'\r').collect();
        let fits = line.len() > indent && line[..indent].iter().all(|byte| *byte == b' ');
        if !fits || !word.iter().all(|byte| is_token(*byte)) {
            break;
        }
        (cursor, lines) = (cursor + line.len() + 1, lines + 1);
    }
    (lines >= 2).then_some(at..(cursor - 1).min(bytes.len()))
}

/// Joins the lines of a block value.
pub fn decode_block(bytes: &[u8], place: &Range<usize>) -> Option<Text> {
    let from = place.start.saturating_sub(BEFORE);
    let start = memchr::memrchr(b'\n', &bytes[from..place.start]).map_or(from, |newline| from + newline + 1);
    let mut text = Text::with_room(place.end - start);
    let first = place.start + 1 + bytes[place.start + 1..].iter().take_while(|byte| **byte == b' ').count();
    text.copy(bytes, start..first);
    let mut at = first;
    while at < place.end {
        let end = memchr::memchr(b'\n', &bytes[at..place.end]).map_or(place.end, |eol| at + eol);
        let word = bytes[at..end].strip_suffix(b"\r").map_or(end, |word| at + word.len());
        text.copy(bytes, at..word);
        let next = bytes[end..place.end].iter().take_while(|byte| matches!(byte, b' ' | b'\n')).count();
        at = end + next;
        if at < place.end {
            text.decoded(0, word..at);
        }
    }
    text.copy(bytes, place.end..bytes.len().min(place.end + 1));
    Some(text)
}
