//! Delta instructions: a child from its base.

use super::Copy;
use super::inflate::Buffer;
use super::trouble::Trouble;

/// A delta may claim any size and reach it with few bytes; this much is reserved on its word alone.
const TRUSTED: usize = 1 << 20;
/// Room behind the end, for copying short runs in one go.
const SLACK: usize = SHORT;
/// Runs up to this length are copied as this many bytes: two vector moves instead of a call.
const SHORT: usize = 32;

/// Builds the object that `delta` makes of `base` in `out`, and lists in `copies` what was taken unchanged.
pub(super) fn apply(
    delta: &[u8],
    base: &[u8],
    limit: usize,
    out: &mut Buffer,
    copies: &mut Vec<Copy>,
) -> Result<(), Trouble> {
    copies.clear();
    let (child_size, mut rest) = child_size(delta, base, limit as u64)?;
    let child_size = usize::try_from(child_size).map_err(|_| Trouble::too_large(child_size, limit as u64))?;
    out.start(child_size.min(TRUSTED.max(base.len().saturating_mul(2))) + SLACK);
    let mut at = 0;
    while let Some((&op, tail)) = rest.split_first() {
        let is_copy = op & 0x80 != 0;
        let (source, from, len) = if is_copy {
            let (from, len, tail) = copy_instruction(op, tail).ok_or_else(cut_short)?;
            rest = tail;
            (base, from, len)
        } else if op != 0 {
            let (inserted, tail) = tail.split_at_checked(usize::from(op)).ok_or_else(cut_short)?;
            rest = tail;
            (inserted, 0, inserted.len())
        } else {
            return Err(Trouble::corrupt("its delta has an unknown instruction"));
        };
        if child_size - at < len {
            return Err(Trouble::corrupt("its delta makes more than it says"));
        }
        if source.len().saturating_sub(from) < len {
            return Err(Trouble::corrupt("its delta copies from beyond its base"));
        }
        put(out, at, source, from, len, child_size);
        if is_copy {
            note(copies, from, at, len);
        }
        at += len;
    }
    if at != child_size {
        return Err(Trouble::corrupt("its delta makes another size than it says"));
    }
    out.finish(at);
    Ok(())
}

/// The size of what the delta makes, and its instructions.
pub(super) fn child_size<'d>(delta: &'d [u8], base: &[u8], limit: u64) -> Result<(u64, &'d [u8]), Trouble> {
    let (base_size, rest) = size(delta).ok_or_else(cut_short)?;
    let (child_size, rest) = size(rest).ok_or_else(cut_short)?;
    if base_size != base.len() as u64 {
        return Err(Trouble::corrupt("its delta is for a base of another size"));
    }
    if child_size > limit {
        return Err(Trouble::too_large(child_size, limit));
    }
    Ok((child_size, rest))
}

/// A run of bytes, and the instructions after it.
pub(super) type Next<'d> = (&'d [u8], &'d [u8]);

/// The run of bytes that the next of `instructions` gives, and the instructions after it; `None` at their end.
pub(super) fn next_run<'d>(instructions: &'d [u8], base: &'d [u8]) -> Result<Option<Next<'d>>, Trouble> {
    let Some((&op, tail)) = instructions.split_first() else { return Ok(None) };
    if op & 0x80 != 0 {
        let (from, len, rest) = copy_instruction(op, tail).ok_or_else(cut_short)?;
        let run = from.checked_add(len).and_then(|end| base.get(from..end));
        let run = run.ok_or_else(|| Trouble::corrupt("its delta copies from beyond its base"))?;
        return Ok(Some((run, rest)));
    }
    if op == 0 {
        return Err(Trouble::corrupt("its delta has an unknown instruction"));
    }
    tail.split_at_checked(usize::from(op)).ok_or_else(cut_short).map(Some)
}

fn cut_short() -> Trouble {
    Trouble::corrupt("its delta is cut short")
}

/// Copies `len` bytes of `source` from `from` to `at`; the caller has checked that they are there.
#[inline]
fn put(out: &mut Buffer, at: usize, source: &[u8], from: usize, len: usize, child_size: usize) {
    if out.capacity() < at + len + SLACK {
        let double = out.capacity().saturating_mul(2).min(child_size + SLACK);
        out.grow(double.max(at + len + SLACK));
    }
    let Some(target) = out.room().get_mut(at..) else {
        return;
    };
    if len <= SHORT
        && let Some(source) = source.get(from..from + SHORT)
        && let Some(target) = target.get_mut(..SHORT)
    {
        target.copy_from_slice(source);
    } else if let Some(source) = source.get(from..from + len)
        && let Some(target) = target.get_mut(..len)
    {
        target.copy_from_slice(source);
    }
}

/// Notes a copied run, joining it to the last one where git only split it because an instruction is limited in length.
#[inline]
fn note(copies: &mut Vec<Copy>, from: usize, at: usize, len: usize) {
    // The store's limit keeps every object below 4 GiB.
    let (base, child, len) = (from as u32, at as u32, len as u32);
    if let Some(last) = copies.last_mut()
        && last.base + last.len == base
        && last.child + last.len == child
    {
        last.len += len;
        return;
    }
    copies.push(Copy { base, child, len });
}

#[inline]
fn copy_instruction(op: u8, bytes: &[u8]) -> Option<(usize, usize, &[u8])> {
    let mut rest = bytes;
    let mut numbers = [0u8; 7];
    for (bit, number) in numbers.iter_mut().enumerate() {
        if op >> bit & 1 != 0 {
            (*number, rest) = rest.split_first().map(|(&byte, rest)| (byte, rest))?;
        }
    }
    let [o0, o1, o2, o3, l0, l1, l2] = numbers;
    let from = u32::from_le_bytes([o0, o1, o2, o3]) as usize;
    let len = match u32::from_le_bytes([l0, l1, l2, 0]) as usize {
        0 => 0x10000,
        len => len,
    };
    Some((from, len, rest))
}

fn size(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (at, &byte) in bytes.iter().enumerate().take(9) {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(delta: &[u8], base: &[u8]) -> Result<(Vec<u8>, Vec<Copy>), Trouble> {
        let (mut out, mut copies) = (Buffer::default(), Vec::new());
        apply(delta, base, 1000, &mut out, &mut copies)?;
        Ok((out.to_vec(), copies))
    }

    #[test]
    fn runs_are_joined_only_where_nothing_is_between_them() {
        let run = |base, child, len| Copy { base, child, len };
        let (bytes, copies) = applied(&[8, 8, 0x91, 0, 4, 0x91, 4, 4], b"abcdefgh").unwrap();
        assert_eq!((bytes.as_slice(), copies), (&b"abcdefgh"[..], vec![run(0, 0, 8)]));
        let (bytes, copies) = applied(&[8, 9, 0x91, 0, 4, 1, b'-', 0x91, 4, 4], b"abcdefgh").unwrap();
        assert_eq!((bytes.as_slice(), copies), (&b"abcd-efgh"[..], vec![run(0, 0, 4), run(4, 5, 4)]));
        let (bytes, copies) = applied(&[8, 6, 0x91, 0, 4, 0x91, 6, 2], b"abcdefgh").unwrap();
        assert_eq!((bytes.as_slice(), copies), (&b"abcdgh"[..], vec![run(0, 0, 4), run(6, 4, 2)]));
    }

    #[test]
    fn every_cut_is_noticed() {
        let delta = [8, 13, 0x91, 0, 4, 5, 1, 2, 3, 4, 5, 0x91, 4, 4];
        assert!(applied(&delta, b"abcdefgh").is_ok());
        for end in 0..delta.len() {
            assert!(applied(&delta[..end], b"abcdefgh").is_err());
        }
    }
}
