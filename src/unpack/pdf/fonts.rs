//! What the codes in a page's strings mean. Most programs number the glyphs that they use and say in a map of each font
//! (`ToUnicode`) which characters those are.

use std::collections::{HashMap, HashSet};

/// Names of fonts, codes of a font: more are no document.
const MAX_NAMES: usize = 100_000;
const MAX_CODES: usize = 70_000;
/// So many maps of fonts of one name are tried.
const MAX_MAPS: usize = 8;

/// The fonts of a document, as far as they say what their codes mean.
#[derive(Default)]
pub(super) struct Fonts {
    /// What pages call objects; of different pages, different objects.
    names: Vec<(Vec<u8>, u32)>,
    /// From a font to the stream that is its map.
    maps: HashMap<u32, u32>,
    streams: HashMap<u32, Map>,
    by_name: HashMap<Vec<u8>, Vec<u32>>,
}

/// From codes of one or two bytes to text.
#[derive(Default)]
struct Map {
    is_wide: bool,
    codes: HashMap<u32, Vec<u8>>,
}

impl Fonts {
    /// Notes what an object's dictionary says of fonts.
    pub fn dictionary(&mut self, number: u32, body: &[u8]) {
        if let Some(at) = memchr::memmem::find(body, b"/ToUnicode")
            && let Some(map) = reference(&body[at + 10..])
        {
            self.maps.insert(number, map);
        }
        for at in memchr::memchr_iter(b'/', body) {
            let rest = &body[at + 1..];
            let end = rest.iter().position(|byte| !super::is_regular(*byte)).unwrap_or(rest.len());
            if let Some(object) = reference(&rest[end..])
                && self.names.len() < MAX_NAMES
            {
                self.names.push((rest[..end].to_vec(), object));
            }
        }
    }

    /// Reads the map of a font, if a stream is one.
    pub fn map(&mut self, number: u32, stream: &[u8]) {
        if memchr::memmem::find(stream, b"begincmap").is_some() {
            self.streams.insert(number, Map::parse(stream));
        }
    }

    /// Ties names to maps, when all was read.
    pub fn tie(&mut self) {
        let mut seen = HashSet::new();
        for (name, font) in std::mem::take(&mut self.names) {
            if let Some(stream) = self.maps.get(&font).filter(|stream| self.streams.contains_key(stream))
                && seen.insert((name.clone(), *stream))
            {
                let maps = self.by_name.entry(name).or_default();
                if maps.len() < MAX_MAPS {
                    maps.push(*stream);
                }
            }
        }
    }

    /// A string in a font of this name, by the map that knows most of its codes.
    pub fn text(&self, name: &[u8], string: &[u8]) -> Option<Vec<u8>> {
        let maps = self.by_name.get(name)?.iter().filter_map(|stream| self.streams.get(stream));
        maps.map(|map| map.text(string)).max_by_key(|(known, _)| *known).filter(|(known, _)| *known > 0).map(|it| it.1)
    }
}

impl Map {
    fn parse(stream: &[u8]) -> Self {
        let mut map = Self::default();
        for (section, is_range) in [("bfchar", false), ("bfrange", true)] {
            let (begin, end) = (format!("begin{section}"), format!("end{section}"));
            let mut rest = stream;
            while let Some(at) = memchr::memmem::find(rest, begin.as_bytes()) {
                rest = &rest[at + begin.len()..];
                let until = memchr::memmem::find(rest, end.as_bytes()).unwrap_or(rest.len());
                map.section(&rest[..until], is_range);
                rest = &rest[until..];
            }
        }
        map
    }

    /// `<code> <text>`, or `<first> <last> <text of the first>`, or `<first> <last> [<text> …]`.
    fn section(&mut self, mut rest: &[u8], is_range: bool) {
        while let Some((code, after)) = hexed(rest) {
            rest = after;
            self.is_wide |= code.len() > 1;
            let mut last = code.clone();
            if is_range {
                let Some((code, after)) = hexed(rest) else { return };
                (last, rest) = (code, after);
            }
            let (first, last) = (number(&code), number(&last));
            let is_list = is_range && rest.trim_ascii_start().starts_with(b"[");
            let end = if is_list { memchr::memchr(b']', rest).unwrap_or(rest.len()) } else { rest.len() };
            let mut texts = &rest[..end];
            let mut text: Option<Vec<u8>> = None;
            for code in first..=last.min(first.saturating_add(0xffff)) {
                if self.codes.len() >= MAX_CODES {
                    return;
                }
                if is_list || text.is_none() {
                    let Some((units, after)) = hexed(texts) else { break };
                    (text, texts) = (Some(units), after);
                }
                if let Some(units) = &mut text {
                    self.codes.insert(code, utf8(units));
                    if let Some(low) = units.last_mut() {
                        *low = low.wrapping_add(1);
                    }
                }
            }
            rest = if is_list { rest.get(end + 1..).unwrap_or_default() } else { texts };
        }
    }

    /// How many codes are known, and the text.
    fn text(&self, string: &[u8]) -> (usize, Vec<u8>) {
        let (mut known, mut text) = (0, Vec::new());
        for code in string.chunks(if self.is_wide { 2 } else { 1 }) {
            if let Some(characters) = self.codes.get(&number(code)) {
                known += 1;
                text.extend_from_slice(characters);
            }
        }
        (known, text)
    }
}

/// `12 0 R`: the number.
fn reference(text: &[u8]) -> Option<u32> {
    let mut words =
        text.get(..32.min(text.len()))?.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
    let number = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
    let generation = words.next()?;
    let is_reference = generation.iter().all(u8::is_ascii_digit) && words.next()?.starts_with(b"R");
    is_reference.then_some(number)
}

/// The next `<…>`, and what follows it.
fn hexed(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let open = memchr::memchr(b'<', text)?;
    let close = open + memchr::memchr(b'>', &text[open..])?;
    Some((super::hex(&text[open + 1..close]), &text[close + 1..]))
}

fn number(code: &[u8]) -> u32 {
    code.iter().take(4).fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn utf8(units: &[u8]) -> Vec<u8> {
    let units = units.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair));
    char::decode_utf16(units).map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>().into_bytes()
}
