//! Loose objects of a git repository, as they lie in a copy of its `.git`: compressed, behind a header that says what they
//! are.

use std::io::Read;

use flate2::read::ZlibDecoder;

use super::{Fault, Here, Metered, Opening};

/// No header is longer: a kind, a space, a size, a NUL.
const HEADER: usize = 32;

/// Whether compressed bytes begin as those of an object do.
pub(super) fn is_object(head: &[u8]) -> bool {
    let mut header = [0; HEADER];
    let (filled, _) = super::fill(&mut ZlibDecoder::new(head), &mut header);
    length(header.get(..filled).unwrap_or_default()).is_some()
}

/// The length of the header that begins here.
fn length(bytes: &[u8]) -> Option<usize> {
    let end = memchr::memchr(0, bytes)?;
    let is_kind = |kind: &&[u8]| bytes.starts_with(kind);
    let kind = [&b"blob "[..], b"tree ", b"commit ", b"tag "].into_iter().find(is_kind)?;
    let size = bytes.get(kind.len()..end)?;
    (!size.is_empty() && size.iter().all(u8::is_ascii_digit)).then_some(end + 1)
}

pub(super) fn open(opening: &mut Opening<'_>, input: &mut dyn Read, here: &Here) -> Result<(), Fault> {
    let mut inflated = Metered::new(ZlibDecoder::new(input), &opening.budget);
    let mut header = [0; HEADER];
    let (filled, ended) = super::fill(&mut inflated, &mut header);
    let header = header.get(..filled).unwrap_or_default();
    let begin = length(header).unwrap_or(0);
    let read = opening.content(here, &mut header.get(begin..).unwrap_or_default().chain(&mut inflated));
    match ended {
        Err(error) => Err(opening.fault(&error)),
        Ok(_) => read,
    }
}
