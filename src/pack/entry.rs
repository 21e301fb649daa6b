//! The header of a pack entry.

use gix_hash::oid;

use super::Kind;

/// What an entry says about itself before its compressed bytes begin.
pub(super) struct Header<'a> {
    pub(super) form: Form<'a>,
    /// The inflated size: of the object, or of the delta instructions.
    pub(super) size: u64,
    /// How long the header is.
    pub(super) len: usize,
}

/// How the object is stored.
pub(super) enum Form<'a> {
    Full(Kind),
    /// A delta against the entry that starts so many bytes before this one.
    OffsetDelta(u64),
    RefDelta(&'a oid),
}

impl<'a> Header<'a> {
    /// Reads the header at the start of `bytes`; `None` if it is cut short or makes no sense.
    pub(super) fn parse(bytes: &'a [u8], hash_len: usize) -> Option<Self> {
        let (&first, mut rest) = bytes.split_first()?;
        let mut size = u64::from(first & 0x0f);
        let (mut shift, mut more) = (4, first & 0x80 != 0);
        while more {
            let (&byte, tail) = rest.split_first()?;
            // 64 bits are reached with the tenth byte; git refuses it as well.
            if shift > 57 {
                return None;
            }
            size |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            (more, rest) = (byte & 0x80 != 0, tail);
        }
        let form = match first >> 4 & 7 {
            1 => Form::Full(Kind::Commit),
            2 => Form::Full(Kind::Tree),
            3 => Form::Full(Kind::Blob),
            4 => Form::Full(Kind::Tag),
            6 => {
                let (distance, tail) = distance(rest)?;
                rest = tail;
                Form::OffsetDelta(distance)
            }
            7 => {
                let (base, tail) = rest.split_at_checked(hash_len)?;
                rest = tail;
                Form::RefDelta(oid::try_from_bytes(base).ok()?)
            }
            _ => return None,
        };
        let len = bytes.len() - rest.len();
        Some(Header { form, size, len })
    }
}

/// Git's own number coding: each further byte also adds one, so that no number has two spellings.
fn distance(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (&first, mut rest) = bytes.split_first()?;
    let mut value = u64::from(first & 0x7f);
    let mut more = first & 0x80 != 0;
    while more {
        let (&byte, tail) = rest.split_first()?;
        value = value.checked_add(1)?.checked_mul(128)? | u64::from(byte & 0x7f);
        (more, rest) = (byte & 0x80 != 0, tail);
    }
    Some((value, rest))
}
