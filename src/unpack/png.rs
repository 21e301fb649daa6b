//! Text in PNG images. What is stored as it is can be seen in the image's own bytes; what is compressed cannot.

use std::io::Read;

use flate2::read::ZlibDecoder;

use super::{Fault, Here, Metered, Opening};

pub(super) fn open(opening: &mut Opening<'_>, bytes: &[u8], here: &Here) -> Result<(), Fault> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let [a, b, c, d, kind @ ..] = *head;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        // Of an image that is cut short, what there is of the last chunk.
        let (chunk, after) = after.split_at_checked(length).unwrap_or((after, b""));
        rest = after.get(4..).unwrap_or_default();
        let name = String::from_utf8_lossy(&kind).into_owned();
        let place = here.member(name.as_bytes());
        let mut fields = chunk.splitn(2, |byte| *byte == 0);
        let (keyword, value) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let (is_compressed, text) = match (&kind, value) {
            (b"tEXt", text) => (false, text),
            (b"zTXt", [_, text @ ..]) => (true, text),
            // Flag, method, language, translated keyword.
            (b"iTXt", [flag, _, text @ ..]) => {
                (*flag != 0, text.splitn(3, |byte| *byte == 0).nth(2).unwrap_or_default())
            }
            (b"IEND", _) => break,
            _ => continue,
        };
        let lead = [keyword, b": "].concat();
        let read = match is_compressed {
            true => {
                let mut inflated = Metered::new(ZlibDecoder::new(text), &opening.budget);
                opening.leaf(&place, &mut lead.chain(&mut inflated))
            }
            false => opening.leaf(&place, &mut lead.chain(text)),
        };
        opening.settle(&place, read)?;
    }
    Ok(())
}
