//! Ways to write a text, each with the place of every byte of it.
#![allow(dead_code)]

use std::ops::Range;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use keysieve::rules::sample::Random;

/// A text written in some way, and where each of its bytes stands in that.
#[derive(Debug, Clone)]
pub struct Written {
    pub bytes: Vec<u8>,
    pub places: Vec<Range<usize>>,
}

impl Written {
    /// As it is.
    pub fn plain(text: &[u8]) -> Self {
        Self { bytes: text.to_vec(), places: (0..text.len()).map(|at| at..at + 1).collect() }
    }

    fn each(text: &[u8], write: impl Fn(usize, u8) -> Vec<u8>) -> Self {
        let mut written = Self { bytes: Vec::new(), places: Vec::new() };
        for (at, byte) in text.iter().enumerate() {
            let start = written.bytes.len();
            written.bytes.extend(write(at, *byte));
            written.places.push(start..written.bytes.len());
        }
        written
    }

    /// Where a span of the text stands.
    pub fn place(&self, span: &Range<usize>) -> Range<usize> {
        self.places[span.start].start..self.places[span.end - 1].end
    }

    /// The same, written in another way in turn.
    pub fn again(&self, way: &Way, split: usize) -> Option<Self> {
        let outer = (way.write)(&self.bytes, self.places[split].start)?;
        let places = self.places.iter().map(|place| outer.place(place)).collect();
        Some(Self { bytes: outer.bytes, places })
    }

    /// With something before and after it.
    pub fn between(mut self, before: &[u8], after: &[u8]) -> Self {
        self.bytes = [before, &self.bytes, after].concat();
        self.places.iter_mut().for_each(|place| *place = place.start + before.len()..place.end + before.len());
        self
    }
}

/// A way to write a text; `split` is a place in it where a string may be taken apart.
pub struct Way {
    pub name: &'static str,
    pub write: fn(&[u8], usize) -> Option<Written>,
}

fn base64(text: &[u8], encoded: String) -> Option<Written> {
    // The padding belongs to the last byte.
    let end = |at: usize| if at + 1 == text.len() { encoded.len() } else { (at * 4 + 4).div_ceil(3) };
    let places = (0..text.len()).map(|at| at * 4 / 3..end(at)).collect();
    Some(Written { places, bytes: encoded.into_bytes() })
}

/// Breaks what was written into lines.
fn wrapped(written: Written, width: usize, line: &str) -> Written {
    let broken = Written::each(&written.bytes, |at, byte| {
        let mut out = if at > 0 && at % width == 0 { line.as_bytes().to_vec() } else { Vec::new() };
        out.push(byte);
        out
    });
    // The break itself belongs to no character.
    let of = |at: usize| broken.places[at].end - 1..broken.places[at].end;
    let places = written.places.iter().map(|place| of(place.start).start..of(place.end - 1).end).collect();
    Written { bytes: broken.bytes, places }
}

fn is_ascii(text: &[u8]) -> Option<()> {
    (text.is_ascii() && !text.contains(&0)).then_some(())
}

fn wide(text: &[u8], write: impl Fn(u8) -> Vec<u8>) -> Option<Written> {
    is_ascii(text)?;
    Some(Written::each(text, |_, byte| write(byte)))
}

/// Puts something in at `split`.
fn apart(text: &[u8], split: usize, joint: &str) -> Option<Written> {
    // Words are taken apart, not sentences.
    let word = |part: &[u8]| part.iter().all(|byte| byte.is_ascii_alphanumeric() || b"%\\&;=_-#".contains(byte));
    let fits = |at: &usize| *at >= 3 && *at + 6 <= text.len() && word(&text[*at - 3..*at + 6]);
    let at = (split..split + 12).find(|at| *at < text.len() && fits(at))?;
    if text.contains(&b'\n') || text.contains(&0) {
        return None;
    }
    let mut written = Written::plain(text);
    written.bytes.splice(at..at, joint.bytes());
    written.places[at..].iter_mut().for_each(|place| *place = place.start + joint.len()..place.end + joint.len());
    Some(written)
}

/// Escapes some bytes only, as programs do; `None` if there is none of them.
fn some(text: &[u8], which: &[u8], write: impl Fn(u8) -> String) -> Option<Written> {
    is_ascii(text)?;
    if !text.iter().any(|byte| which.contains(byte)) {
        return None;
    }
    Some(Written::each(text, |_, byte| if which.contains(&byte) { write(byte).into_bytes() } else { vec![byte] }))
}

fn text(written: String) -> Vec<u8> {
    written.into_bytes()
}

/// All ways that take any text.
pub const WAYS: &[Way] = &[
    Way { name: "base64", write: |bytes, _| base64(bytes, BASE64.encode(bytes)) },
    Way { name: "base64url", write: |bytes, _| base64(bytes, BASE64URL_NOPAD.encode(bytes)) },
    Way { name: "mime", write: |bytes, _| Some(wrapped(base64(bytes, BASE64.encode(bytes))?, 76, "\r\n")) },
    Way { name: "base64 lines", write: |bytes, _| Some(wrapped(base64(bytes, BASE64.encode(bytes))?, 64, "\n    ")) },
    Way { name: "hex", write: |bytes, _| Some(Written::each(bytes, |_, byte| text(format!("{byte:02x}")))) },
    Way { name: "HEX", write: |bytes, _| Some(Written::each(bytes, |_, byte| text(format!("{byte:02X}")))) },
    Way { name: "hex list", write: hex_list },
    Way { name: "percent", write: |bytes, _| Some(Written::each(bytes, |_, byte| text(format!("%{byte:02X}")))) },
    Way { name: "&#;", write: |bytes, _| Some(Written::each(bytes, |_, byte| text(format!("&#{byte};")))) },
    Way { name: "&#x;", write: |bytes, _| Some(Written::each(bytes, |_, byte| text(format!("&#x{byte:X};")))) },
    Way { name: "\\u", write: |bytes, _| Some(Written::each(bytes, |_, byte| text(format!("\\u{byte:04x}")))) },
    Way { name: "\\x", write: |bytes, _| Some(Written::each(bytes, |_, byte| text(format!("\\x{byte:02x}")))) },
    Way { name: "octal", write: |bytes, _| Some(Written::each(bytes, |_, byte| text(format!("\\{byte:03o}")))) },
    Way { name: "quoted", write: |bytes, _| Some(Written::each(bytes, |_, byte| text(format!("={byte:02X}")))) },
    Way { name: "utf-16le", write: |bytes, _| wide(bytes, |byte| vec![byte, 0]) },
    Way { name: "utf-16be", write: |bytes, _| wide(bytes, |byte| vec![0, byte]) },
    Way { name: "utf-32le", write: |bytes, _| wide(bytes, |byte| vec![byte, 0, 0, 0]) },
    Way { name: "utf-32be", write: |bytes, _| wide(bytes, |byte| vec![0, 0, 0, byte]) },
    Way { name: "+", write: |bytes, split| apart(bytes, split, "\" + \"") },
    Way { name: "+ lines", write: |bytes, split| apart(bytes, split, "\" +\n        \"") },
    Way { name: "lines +", write: |bytes, split| apart(bytes, split, "'\r\n  + '") },
    Way { name: "adjacent", write: |bytes, split| apart(bytes, split, "\"\n    \"") },
    Way { name: "continued", write: |bytes, split| apart(bytes, split, "\\\n") },
    Way { name: "mail", write: mail },
];

fn hex_list(bytes: &[u8], _: usize) -> Option<Written> {
    let mut written = Written::each(bytes, |_, byte| text(format!("0x{byte:02x}, ")));
    written.places.iter_mut().for_each(|place| place.end -= 2);
    Some(written)
}

/// Quoted-printable as mail programs write it: lines of at most 76 characters, `=` escaped.
fn mail(bytes: &[u8], _: usize) -> Option<Written> {
    if bytes.len() < 90 || bytes.contains(&b'\n') || bytes.contains(&b' ') {
        return None;
    }
    is_ascii(bytes)?;
    let escaped = Written::each(bytes, |_, byte| if byte == b'=' { b"=3D".to_vec() } else { vec![byte] });
    // No escape is broken in two.
    let (mut out, mut places, mut line) = (Vec::new(), Vec::new(), 0);
    for place in &escaped.places {
        if line + place.len() > 75 {
            out.extend_from_slice(b"=\r\n");
            line = 0;
        }
        let start = out.len();
        out.extend_from_slice(&escaped.bytes[place.clone()]);
        places.push(start..out.len());
        line += place.len();
    }
    Some(Written { bytes: out, places })
}

/// Ways of programs that escape as little as they must.
pub const SPARING: &[Way] = &[
    Way {
        name: "percent as needed",
        write: |bytes, _| some(bytes, b"+/=:@%&?# \"<>{}\\\n", |byte| format!("%{byte:02X}")),
    },
    Way { name: "\\/", write: |bytes, _| some(bytes, b"/", |byte| format!("\\{}", char::from(byte))) },
    Way { name: "\\u002b", write: |bytes, _| some(bytes, b"+&<>'", |byte| format!("\\u{byte:04X}")) },
    Way { name: "&#x2f;", write: |bytes, _| some(bytes, b"/+=", |byte| format!("&#x{byte:x};")) },
];

/// A text written in one way or two, at random; as it is if the way does not suit it.
pub fn at_random(random: &mut Random, text: &[u8]) -> Vec<u8> {
    let all: Vec<&Way> = WAYS.iter().chain(SPARING).collect();
    let mut written = Written::plain(text);
    for _ in 0..1 + random.below(2) {
        let split = random.below(text.len().max(1));
        if text.is_empty() {
            break;
        }
        if let Some(next) = written.again(all[random.below(all.len())], split) {
            written = next;
        }
    }
    written.bytes
}
