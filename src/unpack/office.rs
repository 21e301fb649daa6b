//! Text of office documents. What is written in one go can be seen in the XML as it is; what was edited, spell-checked or
//! made bold halfway lies there in pieces, which are put together here.

use std::io::Read;

use super::{Fault, Here, Opening};

/// Of longer parts only the beginning is put together.
const MOST: u64 = 16 << 20;
/// What a text that was put together is called within its part.
pub(super) const NAME: &str = "text";

/// Whether a member of a zip is a part of a document that holds text.
pub(super) fn is_text(name: &[u8]) -> bool {
    let within = |folder: &[u8]| name.starts_with(folder);
    name == b"content.xml" || name.ends_with(b".xml") && (within(b"word/") || within(b"xl/") || within(b"ppt/"))
}

/// The part as it is, and each paragraph that lies in pieces on the line of its number.
pub(super) fn member(opening: &mut Opening<'_>, here: &Here, name: &[u8], reader: &mut dyn Read) -> Result<(), Fault> {
    let place = here.member(name);
    opening.name(&place, name)?;
    let mut bytes = Vec::new();
    let ended = (&mut *reader).take(MOST).read_to_end(&mut bytes);
    let mut nothing = std::io::empty();
    let rest: &mut dyn Read = if ended.is_ok() { reader } else { &mut nothing };
    let mut read = opening.leaf(&place, &mut bytes.as_slice().chain(rest));
    if let Err(error) = ended {
        read = Err(opening.fault(&error));
    }
    if let Some(text) = joined(&bytes, name == b"content.xml") {
        opening.lend(&place.member(NAME.as_bytes()), &text);
    }
    opening.settle(&place, read)
}

/// The paragraphs in which a word is in pieces, each on the line of its number; `None` if there are none. Text stands
/// anywhere in OpenDocument, else only in elements made for it.
fn joined(xml: &[u8], anywhere: bool) -> Option<Vec<u8>> {
    let (mut text, mut paragraph, mut lines) = (Vec::new(), Vec::new(), 0);
    let (mut rest, mut open, mut is_broken) = (xml, anywhere, false);
    while let Some(at) = memchr::memchr(b'<', rest) {
        let (piece, markup) = rest.split_at(at);
        if open && !piece.is_empty() {
            let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| !byte.is_ascii_whitespace());
            is_broken |= is_word(paragraph.last()) && is_word(piece.first());
            paragraph.extend(piece.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
        }
        let Some(end) = memchr::memchr(b'>', markup) else { break };
        let tag = &markup[1..end];
        rest = &markup[end + 1..];
        let (is_end, tag) = tag.strip_prefix(b"/").map_or((false, tag), |tag| (true, tag));
        let name = tag.split(|byte| matches!(byte, b' ' | b'/' | b'\t' | b'\n' | b'\r')).next().unwrap_or_default();
        match name.rsplit(|byte| *byte == b':').next().unwrap_or_default() {
            b"t" | b"delText" if !anywhere => open = !is_end && !tag.ends_with(b"/"),
            b"br" | b"tab" | b"cr" | b"s" | b"line-break" => paragraph.push(b' '),
            // Of Word and PowerPoint, of Excel's strings and comments.
            b"p" | b"h" | b"si" | b"is" | b"comment" if is_end || tag.ends_with(b"/") => {
                if is_broken {
                    text.resize(text.len() + std::mem::take(&mut lines), b'\n');
                    text.extend_from_slice(&paragraph);
                }
                paragraph.clear();
                (lines, is_broken) = (lines + 1, false);
            }
            _ => {}
        }
    }
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_pieces_are_put_together_on_the_line_of_their_paragraph() {
        let word = b"<w:p><w:r><w:t>one</w:t></w:r></w:p>\
            <w:p><w:r><w:t xml:space=\"preserve\">the key ab</w:t></w:r><w:proofErr/><w:r><w:t>cd</w:t></w:r></w:p>\
            <w:p><w:t>not</w:t><w:br/><w:t>joined</w:t><wp:n>77</wp:n></w:p><w:p><w:t>x</w:t><w:t>y</w:t></w:p>";
        assert_eq!(joined(word, false).unwrap(), b"\nthe key abcd\n\nxy");
        assert_eq!(joined(b"<text:p>a<text:span>b</text:span> c</text:p>", true).unwrap(), b"ab c");
        assert_eq!(joined(b"<si><r><t>k1</t></r><r><t>k2</t></r></si>", false).unwrap(), b"k1k2");
        for plain in [&b"<w:p><w:t>one</w:t></w:p><w:p><w:t>two</w:t></w:p>"[..], b"<t>a</t>", b"<", b"", b"<t>a</t"] {
            assert_eq!(joined(plain, false), None);
        }
    }
}
