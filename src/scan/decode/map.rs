//! From decoded bytes back to the bytes as stored.

use std::ops::Range;

/// A part of a decoded text and what it was made from.
#[derive(Debug, Clone)]
struct Part {
    out: usize,
    out_len: usize,
    stored: usize,
    stored_len: usize,
    /// It was decoded, not taken over as it stands.
    decoded: bool,
}

/// Decoded bytes, and where each of them came from.
#[derive(Debug, Default)]
pub struct Text {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// How many of them are only the name that stands before digits, and not part of what they say.
    pub name: usize,
    parts: Vec<Part>,
}

impl Text {
    /// Room for what `len` stored bytes may decode to.
    pub fn with_room(len: usize) -> Self {
        Self { bytes: Vec::with_capacity(len), ..Self::default() }
    }

    /// Takes stored bytes over as they are.
    pub fn copy(&mut self, stored: &[u8], place: Range<usize>) {
        if place.is_empty() {
            return;
        }
        self.bytes.extend_from_slice(&stored[place.clone()]);
        self.note(place.len(), place, false);
    }

    /// Takes the name of a value over.
    pub fn copy_name(&mut self, stored: &[u8], place: Range<usize>) {
        self.copy(stored, place);
        self.name = self.bytes.len();
    }

    /// Notes that the last `count` bytes were decoded from `place`, each from an equal share of it.
    pub fn decoded(&mut self, count: usize, place: Range<usize>) {
        self.note(count, place, true);
    }

    fn note(&mut self, count: usize, place: Range<usize>, decoded: bool) {
        let out = self.bytes.len() - count;
        if let Some(last) = self.parts.last_mut() {
            let adjoins = last.stored + last.stored_len == place.start && last.out + last.out_len == out;
            let alike = last.out_len > 0 && last.decoded == decoded;
            if adjoins && alike && last.out_len * place.len() == count * last.stored_len {
                last.out_len += count;
                last.stored_len += place.len();
                return;
            }
        }
        self.parts.push(Part { out, out_len: count, stored: place.start, stored_len: place.len(), decoded });
    }

    /// Where a stretch of the decoded bytes is stored, whole characters of the encoding taken.
    pub fn stored(&self, span: &Range<usize>) -> Range<usize> {
        let part_of = |at: usize| {
            let after = self.parts.partition_point(|part| part.out <= at);
            self.parts[..after].iter().rev().find(|part| part.out_len > 0)
        };
        let start = part_of(span.start).map_or(0, |part| {
            let into = (span.start - part.out).min(part.out_len);
            part.stored + into * part.stored_len / part.out_len
        });
        let end = part_of(span.end.saturating_sub(1)).map_or(start, |part| {
            let into = (span.end - part.out).min(part.out_len);
            part.stored + (into * part.stored_len).div_ceil(part.out_len)
        });
        start..end.max(start)
    }

    /// Whether anything in a stretch of the decoded bytes reads otherwise than it is stored.
    pub fn is_decoded(&self, span: &Range<usize>) -> bool {
        let first = self.parts.partition_point(|part| part.out + part.out_len <= span.start && part.out < span.start);
        let inside = self.parts[first..].iter().take_while(|part| part.out < span.end);
        inside.into_iter().any(|part| part.decoded && (part.out_len > 0 || part.out > span.start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_decoded_bytes() {
        let stored = b"a=%67%68z";
        let mut text = Text::default();
        text.copy(stored, 0..2);
        text.bytes.push(b'g');
        text.decoded(1, 2..5);
        text.bytes.push(b'h');
        text.decoded(1, 5..8);
        text.copy(stored, 8..9);
        assert_eq!(text.bytes, b"a=ghz");
        assert_eq!(text.stored(&(2..4)), 2..8);
        assert_eq!(text.stored(&(3..5)), 5..9);
        assert_eq!(text.stored(&(0..1)), 0..1);
        assert!(text.is_decoded(&(1..3)) && !text.is_decoded(&(0..2)) && !text.is_decoded(&(4..5)));
    }

    #[test]
    fn a_junction_counts_only_inside() {
        let stored = b"ab\"+\"cd";
        let mut text = Text::default();
        text.copy(stored, 0..2);
        text.decoded(0, 2..5);
        text.copy(stored, 5..7);
        assert_eq!(text.bytes, b"abcd");
        assert_eq!(text.stored(&(1..3)), 1..6);
        assert!(text.is_decoded(&(1..3)) && !text.is_decoded(&(0..2)) && !text.is_decoded(&(2..4)));
    }
}
