//! PDF documents: what their streams hold, and the text that their pages show.

mod fonts;

use std::borrow::Cow;
use std::io::Read;

use flate2::read::ZlibDecoder;

use super::{Fault, Here, Metered, NESTED, Opening};
use crate::coverage::Reason;
use fonts::Fonts;

/// How far before its stream a dictionary may begin.
const MAX_DICTIONARY: usize = 16 << 10;
/// Maps of fonts, and streams of objects, are no larger than this.
const MAX_MAP: usize = 1 << 20;
/// Pixels and tables of offsets.
const NO_TEXT: &[&[u8]] = &[b"/Subtype/Image", b"/Subtype /Image", b"/Type/XRef", b"/Type /XRef"];
/// A gap in a line of text, in thousandths of its size, that is a space.
const SPACE: f32 = -200.0;

pub(super) fn open(opening: &mut Opening<'_>, bytes: &[u8], here: &Here) -> Result<(), Fault> {
    if is_encrypted(bytes) {
        return Err(Fault::Gap(Reason::ArchiveEncrypted, "it is encrypted".into()));
    }
    let fonts = fonts(opening, bytes)?;
    let mut from = 0;
    while let Some((object, data, next)) = stream(bytes, from) {
        from = next;
        opening.budget.spend(0).map_err(|error| opening.fault(&error))?;
        if let Some(object) = object {
            one(opening, &object, data, &fonts, here)?;
        }
    }
    Ok(())
}

/// The next stream from a place on, whose it is, and where to go on.
fn stream(bytes: &[u8], from: usize) -> Option<(Option<Object<'_>>, &[u8], usize)> {
    let at = from + memchr::memmem::find(bytes.get(from..)?, b"stream")?;
    let Some(object) = object(&bytes[at.saturating_sub(MAX_DICTIONARY)..at]) else {
        return Some((None, b"", at + 6));
    };
    let data = bytes.get(at + 6..).unwrap_or_default();
    let data = data.strip_prefix(b"\r\n").or_else(|| data.strip_prefix(b"\n")).unwrap_or(data);
    let end = memchr::memmem::find(data, b"endstream").unwrap_or(data.len());
    Some((Some(object), &data[..end], bytes.len() - data.len() + end))
}

/// What the document says of its fonts: in objects that lie open, and in those that are packed in streams.
fn fonts(opening: &Opening<'_>, bytes: &[u8]) -> Result<Fonts, Fault> {
    let mut fonts = Fonts::default();
    let mut from = 0;
    while let Some(at) = memchr::memmem::find(bytes.get(from..).unwrap_or_default(), b" obj") {
        let at = from + at;
        let body = &bytes[at + 4..bytes.len().min(at + 4 + MAX_DICTIONARY)];
        let end = memchr::memmem::find(body, b"endobj").unwrap_or(body.len());
        let end = memchr::memmem::find(&body[..end], b"stream").unwrap_or(end);
        from = at + 4 + end;
        fonts.dictionary(number_before(&bytes[..at]), &body[..end]);
    }
    from = 0;
    while let Some((object, data, next)) = stream(bytes, from) {
        from = next;
        opening.budget.spend(0).map_err(|error| opening.fault(&error))?;
        let Some(object) = object.filter(|object| data.len() < MAX_MAP && !object.is(NO_TEXT)) else { continue };
        let (decoded, fault) = decoded(opening, &object, data);
        if matches!(fault, Some(Fault::Cut)) {
            return Err(Fault::Cut);
        }
        if object.is(&[b"/ObjStm"]) {
            packed(&decoded, &mut fonts);
        }
        fonts.map(object.number, &decoded);
    }
    fonts.tie();
    Ok(fonts)
}

/// Objects in a stream: pairs of number and place first, then the objects.
fn packed(stream: &[u8], fonts: &mut Fonts) {
    let end =
        stream.iter().position(|byte| !(byte.is_ascii_digit() || byte.is_ascii_whitespace())).unwrap_or(stream.len());
    let numbers: Vec<usize> =
        String::from_utf8_lossy(&stream[..end]).split_whitespace().map_while(|it| it.parse().ok()).collect();
    let pairs = numbers.as_chunks::<2>().0;
    for (at, [number, start]) in pairs.iter().enumerate() {
        let stop = pairs.get(at + 1).map_or(stream.len(), |[_, stop]| end.saturating_add(*stop));
        let body = stream.get(end.saturating_add(*start)..stop.min(stream.len())).unwrap_or_default();
        fonts.dictionary(u32::try_from(*number).unwrap_or(0), body);
    }
}

/// The number in `12 0` before ` obj`.
fn number_before(intro: &[u8]) -> u32 {
    let tail = &intro[intro.len().saturating_sub(24)..];
    let start = tail.iter().rposition(|byte| !(byte.is_ascii_digit() || *byte == b' ')).map_or(0, |at| at + 1);
    let number = tail[start..].trim_ascii().split(|byte| *byte == b' ').next().unwrap_or_default();
    std::str::from_utf8(number).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn is_encrypted(bytes: &[u8]) -> bool {
    memchr::memmem::find_iter(bytes, b"/Encrypt").any(|at| {
        bytes.get(at + 8).is_some_and(|next| next.is_ascii_whitespace() || next.is_ascii_digit() || *next == b'<')
    })
}

struct Object<'b> {
    number: u32,
    dictionary: &'b [u8],
}

impl Object<'_> {
    fn is(&self, words: &[&[u8]]) -> bool {
        words.iter().any(|word| memchr::memmem::find(self.dictionary, word).is_some())
    }
}

/// The object whose dictionary ends here.
fn object(before: &[u8]) -> Option<Object<'_>> {
    before.trim_ascii_end().strip_suffix(b">>")?;
    let at = memchr::memmem::rfind(before, b"obj")?;
    Some(Object { number: number_before(before[..at].trim_ascii_end()), dictionary: &before[at + 3..] })
}

fn one(opening: &mut Opening<'_>, object: &Object<'_>, data: &[u8], fonts: &Fonts, here: &Here) -> Result<(), Fault> {
    let place = here.member(format!("object {}", object.number).as_bytes());
    opening.budget.entry().map_err(|error| opening.fault(&error))?;
    if object.is(NO_TEXT) {
        return Ok(());
    }
    let (decoded, fault) = decoded(opening, object, data);
    let read = match object.is(&[b"/EmbeddedFile"]) {
        true => opening.content(&place, &mut &*decoded),
        false => match shown(&decoded, fonts) {
            Some(text) => opening.leaf(&place, &mut text.as_slice()),
            None => opening.leaf(&place, &mut &*decoded),
        },
    };
    opening.settle(&place, read)?;
    opening.settle(&place, fault.map_or(Ok(()), Err))
}

/// What a stream holds, through all its filters as far as they are known.
fn decoded<'d>(opening: &Opening<'_>, object: &Object<'_>, data: &'d [u8]) -> (Cow<'d, [u8]>, Option<Fault>) {
    let mut data = Cow::Borrowed(data);
    for filter in filters(object.dictionary) {
        data = match filter {
            b"FlateDecode" | b"Fl" => {
                let mut out = Vec::new();
                let mut inflated = Metered::new(ZlibDecoder::new(&*data), &opening.budget).take(NESTED + 1);
                // Many end without a checksum, or in the middle of a line end; what came out counts.
                let failed = inflated.read_to_end(&mut out).err();
                let fault = failed.map(|error| opening.fault(&error));
                if let Some(fault) = fault.filter(|fault| out.is_empty() || matches!(fault, Fault::Cut)) {
                    return (Cow::Owned(out), Some(fault));
                }
                if out.len() as u64 > NESTED {
                    let fault = Fault::Gap(Reason::ArchiveSize, "only its beginning was read".into());
                    return (Cow::Owned(out), Some(fault));
                }
                Cow::Owned(out)
            }
            b"ASCII85Decode" | b"A85" => Cow::Owned(base85(&data)),
            b"ASCIIHexDecode" | b"AHx" => Cow::Owned(hex(&data)),
            _ => break,
        };
    }
    (data, None)
}

fn filters(dictionary: &[u8]) -> Vec<&[u8]> {
    let Some(at) = memchr::memmem::find(dictionary, b"/Filter") else { return Vec::new() };
    let rest = dictionary[at + 7..].trim_ascii_start();
    let list = match rest.strip_prefix(b"[") {
        Some(list) => &list[..memchr::memchr(b']', list).unwrap_or(list.len())],
        None => {
            let name = rest.strip_prefix(b"/").unwrap_or(rest);
            let end = name.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(name.len());
            &rest[..rest.len() - name.len() + end]
        }
    };
    list.split(|byte| *byte == b'/').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty()).collect()
}

fn base85(data: &[u8]) -> Vec<u8> {
    let (mut out, mut group) = (Vec::new(), Vec::new());
    for byte in data.iter().copied() {
        match byte {
            b'~' => break,
            b'z' if group.is_empty() => out.extend([0; 4]),
            b'!'..=b'u' => group.push(byte - b'!'),
            _ => {}
        }
        if group.len() == 5 {
            let number = group.iter().fold(0u32, |n, digit| n.wrapping_mul(85).wrapping_add(u32::from(*digit)));
            out.extend(number.to_be_bytes());
            group.clear();
        }
    }
    if group.len() > 1 {
        let kept = group.len() - 1;
        group.resize(5, 84);
        let number = group.iter().fold(0u32, |n, digit| n.wrapping_mul(85).wrapping_add(u32::from(*digit)));
        out.extend(&number.to_be_bytes()[..kept]);
    }
    out
}

fn hex(data: &[u8]) -> Vec<u8> {
    let mut digits = data.iter().take_while(|byte| **byte != b'>').filter_map(|byte| char::from(*byte).to_digit(16));
    let mut out = Vec::new();
    while let Some(high) = digits.next() {
        out.push((high << 4 | digits.next().unwrap_or(0)) as u8);
    }
    out
}

/// The text of a page, as it is read: pieces of a line joined. `None` if this is no page.
fn shown(content: &[u8], fonts: &Fonts) -> Option<Vec<u8>> {
    let is_page = [&b"Tj"[..], b"TJ"].iter().any(|word| memchr::memmem::find(content, word).is_some());
    if !is_page {
        return None;
    }
    let (mut text, mut rest, mut in_list) = (Vec::new(), content, false);
    let (mut name, mut font): (&[u8], &[u8]) = (b"", b"");
    let meaning = |font: &[u8], string: Vec<u8>| fonts.text(font, &string).unwrap_or_else(|| narrow(string));
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            b'(' => {
                let (string, after) = literal(after);
                text.extend(meaning(font, string));
                after
            }
            b'/' => {
                let end = after.iter().position(|byte| !is_regular(*byte)).unwrap_or(after.len());
                name = &after[..end];
                &after[end..]
            }
            b'<' if after.first() == Some(&b'<') => &after[1..],
            b'<' => {
                let end = memchr::memchr(b'>', after).unwrap_or(after.len());
                text.extend(meaning(font, hex(&after[..end])));
                after.get(end + 1..).unwrap_or_default()
            }
            b'[' | b']' => {
                in_list = byte == b'[';
                after
            }
            b'%' => {
                let end = memchr::memchr2(b'\n', b'\r', after).unwrap_or(after.len());
                text.extend_from_slice(&after[..end]);
                text.push(b'\n');
                &after[end..]
            }
            byte if is_regular(byte) => {
                let end = rest.iter().position(|byte| !is_regular(*byte)).unwrap_or(rest.len());
                let word = &rest[..end];
                if word == b"Tf" {
                    font = name;
                }
                let number = std::str::from_utf8(word).ok().and_then(|word| word.parse::<f32>().ok());
                if in_list && number.is_some_and(|number| number < SPACE) {
                    text.push(b' ');
                }
                if matches!(word, b"Td" | b"TD" | b"T*" | b"Tm" | b"ET" | b"'" | b"\"") && !text.ends_with(b"\n") {
                    text.push(b'\n');
                }
                &rest[end..]
            }
            _ => after,
        };
    }
    Some(text)
}

fn is_regular(byte: u8) -> bool {
    !(byte.is_ascii_whitespace() || byte == 0 || b"()<>[]{}/%".contains(&byte))
}

/// A string in parentheses; what follows it.
fn literal(content: &[u8]) -> (Vec<u8>, &[u8]) {
    let (mut depth, mut at, mut string) = (0, 0, Vec::new());
    while let Some(&byte) = content.get(at) {
        at += 1;
        match byte {
            b'\\' => {
                let digits = content.get(at..).unwrap_or_default().iter().take(3);
                let octal: Vec<u32> = digits.map_while(|byte| char::from(*byte).to_digit(8)).collect();
                if octal.is_empty() {
                    string.extend(content.get(at).and_then(|byte| escaped(*byte)));
                    at += 1;
                } else {
                    at += octal.len();
                    string.push(octal.iter().fold(0, |number, digit| number << 3 | digit) as u8);
                }
            }
            b'(' => {
                depth += 1;
                string.push(byte);
            }
            b')' if depth == 0 => break,
            b')' => {
                depth -= 1;
                string.push(byte);
            }
            byte => string.push(byte),
        }
    }
    (string, content.get(at..).unwrap_or_default())
}

fn escaped(byte: u8) -> Option<u8> {
    match byte {
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        b'b' | b'f' => Some(b' '),
        b'\n' | b'\r' => None,
        other => Some(other),
    }
}

/// Text of two bytes a character, as far as it is ASCII.
fn narrow(string: Vec<u8>) -> Vec<u8> {
    let pairs = string.as_chunks::<2>();
    let is_wide = string.len() > 1 && pairs.1.is_empty() && pairs.0.iter().all(|[high, low]| *high == 0 && *low != 0);
    if is_wide { pairs.0.iter().map(|[_, low]| *low).collect() } else { string }
}
