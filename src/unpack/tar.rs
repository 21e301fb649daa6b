//! Tape archives: headers of 512 bytes, names of any length in members of their own.

use std::io::{self, Read};

use super::{Fault, Here, Opening, record, skip};

const BLOCK: usize = 512;
/// So many blocks behind the end of an archive are looked at for another one.
const MAX_BEHIND: u32 = 256;
/// Names and attributes longer than this are cut.
const MAX_EXTRA: u64 = 1 << 20;

/// Whether a block is a header: by the magic of POSIX and GNU, or by its checksum, which is all that older ones have.
pub(super) fn is_header(head: &[u8]) -> bool {
    let (Some(block), Some(magic)) = (head.get(..BLOCK), head.get(257..262)) else { return false };
    let is_octal = |field: &[u8]| {
        let digits = field.iter().take_while(|byte| matches!(byte, b'0'..=b'7' | b' ')).count();
        digits > 3 && field.iter().skip(digits).all(|byte| matches!(byte, 0 | b' '))
    };
    (magic == b"ustar" || is_octal(&block[148..156])) && has_checksum(block)
}

fn has_checksum(block: &[u8]) -> bool {
    let Some(expected) = octal(&block[148..156]) else { return false };
    let blanked = block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { b' ' } else { *byte });
    let (unsigned, signed) =
        blanked.fold((0u64, 0i64), |(u, s), byte| (u + u64::from(byte), s + i64::from(byte.cast_signed())));
    expected == unsigned || i64::try_from(expected) == Ok(signed)
}

/// What the members before a member said of it.
#[derive(Default)]
struct Extra {
    name: Option<Vec<u8>>,
    size: Option<u64>,
}

pub(super) fn open(opening: &mut Opening<'_>, input: &mut dyn Read, here: &Here) -> Result<(), Fault> {
    let (mut block, mut extra, mut lost, mut ended, mut behind) = ([0; BLOCK], Extra::default(), false, false, 0);
    loop {
        match record(input, &mut block) {
            Ok(true) => {}
            Ok(false) => break,
            // What follows the end is of no concern.
            Err(_) if ended && opening.budget.cut().is_none() => break,
            Err(error) => return Err(opening.fault(&error)),
        }
        if block.iter().all(|byte| *byte == 0) {
            ended = true;
            continue;
        }
        // An archive may follow another; and behind a damaged header there may be a sound one.
        if !has_checksum(&block) {
            lost |= !ended;
            behind += 1;
            if ended && behind > MAX_BEHIND {
                break;
            }
            continue;
        }
        (ended, behind) = (false, 0);
        one(opening, input, &block, &mut extra, here)?;
    }
    if lost { Err(Fault::Damaged("some of its headers are damaged".into())) } else { Ok(()) }
}

fn one(
    opening: &mut Opening<'_>,
    input: &mut dyn Read,
    block: &[u8; BLOCK],
    extra: &mut Extra,
    here: &Here,
) -> Result<(), Fault> {
    let Some(size) = octal(&block[124..136]) else {
        return Err(Fault::Damaged("a header has no size".into()));
    };
    let failed = |opening: &Opening<'_>, error: io::Error| Err(opening.fault(&error));
    let kind = block[156];
    if matches!(kind, b'L' | b'K' | b'x' | b'g' | b'X') {
        let text = match text(input, size) {
            Ok(text) => text,
            Err(error) => return failed(opening, error),
        };
        match kind {
            b'L' => extra.name = Some(until_nul(&text).to_vec()),
            b'K' => opening.name(&here.member(until_nul(&text)), until_nul(&text))?,
            _ => attributes(&text, extra),
        }
        // Comments and attributes can hold anything.
        if matches!(kind, b'x' | b'g' | b'X') {
            opening.name(here, &text)?;
        }
        return Ok(());
    }
    let Extra { name, size: real } = std::mem::take(extra);
    let name = name.unwrap_or_else(|| plain_name(block));
    // Links and folders have no content, whatever they say; what a link leads to is a name.
    let size = if matches!(kind, b'1'..=b'6') { 0 } else { real.unwrap_or(size) };
    if matches!(kind, b'1' | b'2') {
        let target = until_nul(&block[157..257]);
        opening.name(&here.member(&name), target)?;
    }
    if kind == b'S'
        && let Err(error) = sparse(input, block)
    {
        return failed(opening, error);
    }
    if matches!(kind, b'1'..=b'6') {
        return opening.name(&here.member(&name), &name);
    }
    let mut content = input.take(size);
    opening.member(here, &name, &mut content)?;
    let left = content.limit() + (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    match skip(input, left) {
        Ok(()) => Ok(()),
        Err(error) => failed(opening, error),
    }
}

/// A member that holds the name or attributes of the next.
fn text(input: &mut dyn Read, size: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    (&mut *input).take(size.min(MAX_EXTRA)).read_to_end(&mut text)?;
    let left = size.saturating_sub(text.len() as u64);
    skip(input, left.saturating_add((BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64))?;
    Ok(text)
}

/// Lines of `LENGTH KEY=VALUE`.
fn attributes(text: &[u8], extra: &mut Extra) {
    let mut rest = text;
    while let Some(space) = memchr::memchr(b' ', rest) {
        let length = std::str::from_utf8(&rest[..space]).ok().and_then(|digits| digits.parse::<usize>().ok());
        let Some(line) = length.and_then(|length| rest.get(space + 1..length)) else { return };
        rest = &rest[space + 1 + line.len()..];
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let Some(equals) = memchr::memchr(b'=', line) else { continue };
        let value = &line[equals + 1..];
        match &line[..equals] {
            b"path" | b"GNU.sparse.name" => extra.name = Some(value.to_vec()),
            b"size" => extra.size = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok()),
            _ => {}
        }
    }
}

/// Maps of holes that do not fit into the header follow it.
fn sparse(input: &mut dyn Read, block: &[u8; BLOCK]) -> io::Result<()> {
    let (mut more, mut next) = (block[482] != 0, [0; BLOCK]);
    while more && record(input, &mut next)? {
        more = next[504] != 0;
    }
    Ok(())
}

fn plain_name(block: &[u8; BLOCK]) -> Vec<u8> {
    let name = until_nul(&block[..100]);
    let prefix = until_nul(&block[345..500]);
    // GNU's own format has times where POSIX has the prefix.
    if prefix.is_empty() || &block[257..263] != b"ustar\0" { name.to_vec() } else { [prefix, b"/", name].concat() }
}

fn until_nul(field: &[u8]) -> &[u8] {
    &field[..memchr::memchr(0, field).unwrap_or(field.len())]
}

/// A number in octal, or in base 256 if the first bit is set.
fn octal(field: &[u8]) -> Option<u64> {
    if field.first()? & 0x80 != 0 {
        let (first, rest) = field.split_first()?;
        let high = u64::from(first & 0x7f);
        return rest.iter().try_fold(high, |number, byte| number.checked_mul(256)?.checked_add(u64::from(*byte)));
    }
    let text = std::str::from_utf8(until_nul(field)).ok()?.trim();
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}
