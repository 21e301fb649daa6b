//! Plain archives with a small header a member: `ar` (Debian packages), `cpio` (RPM packages).

use std::io::{self, Read};

use super::format::{Format, HEAD};
use super::{Fault, Here, Opening, Source, fill, record, skip};

/// Longer tables of names are cut.
const MAX_NAMES: u64 = 1 << 20;

/// `!<arch>`, then a header of 60 bytes for each member.
pub(super) fn open_ar(opening: &mut Opening<'_>, input: &mut dyn Read, here: &Here) -> Result<(), Fault> {
    let mut names = Vec::new();
    let result = (|| -> io::Result<Result<(), Fault>> {
        skip(input, 8)?;
        let mut header = [0; 60];
        while record(input, &mut header)? {
            let size = decimal(&header[48..58]).filter(|_| header.ends_with(b"`\n"));
            let Some(size) = size else { return Ok(Err(Fault::Damaged("a header is damaged".into()))) };
            let field = header[..16].trim_ascii_end();
            let padding = size % 2;
            if field == b"//" {
                (&mut *input).take(size.min(MAX_NAMES)).read_to_end(&mut names)?;
                skip(input, size.saturating_sub(names.len() as u64) + padding)?;
                continue;
            }
            let mut content = input.take(size);
            let name = ar_name(field, &names, &mut content)?;
            if let Err(fault) = opening.member(here, &name, &mut content) {
                return Ok(Err(fault));
            }
            let left = content.limit() + padding;
            // The last member need not be padded.
            if let Err(error) = skip(input, left)
                && left > padding
            {
                return Err(error);
            }
        }
        Ok(Ok(()))
    })();
    result.unwrap_or_else(|error| Err(opening.fault(&error)))
}

/// `name/`, `/7` (a place in the table of names), or `#1/12` (the name comes first in the content).
fn ar_name(field: &[u8], names: &[u8], content: &mut dyn Read) -> io::Result<Vec<u8>> {
    if let Some(length) = field.strip_prefix(b"#1/").and_then(decimal) {
        let mut name = Vec::new();
        content.take(length.min(MAX_NAMES)).read_to_end(&mut name)?;
        return Ok(name.split(|byte| *byte == 0).next().unwrap_or_default().to_vec());
    }
    let place = field.strip_prefix(b"/").and_then(decimal).and_then(|at| names.get(usize::try_from(at).ok()?..));
    let name = match place {
        Some(rest) => rest.split(|byte| matches!(byte, b'\n' | 0)).next().unwrap_or_default(),
        None => field,
    };
    Ok(name.strip_suffix(b"/").filter(|name| !name.is_empty()).unwrap_or(name).to_vec())
}

/// A header in text (`070701`, `070702`: hexadecimal; `070707`: octal), the name, the content.
pub(super) fn open_cpio(opening: &mut Opening<'_>, input: &mut dyn Read, here: &Here) -> Result<(), Fault> {
    let result = (|| -> io::Result<Result<(), Fault>> {
        loop {
            let mut magic = [0; 6];
            if !record(input, &mut magic)? {
                return Ok(Ok(()));
            }
            let (name_size, size, header, align) = match &magic {
                b"070701" | b"070702" => {
                    let mut rest = [0; 104];
                    input.read_exact(&mut rest)?;
                    (number(&rest[88..96], 16), number(&rest[48..56], 16), 110, 4)
                }
                b"070707" => {
                    let mut rest = [0; 70];
                    input.read_exact(&mut rest)?;
                    (number(&rest[53..59], 8), number(&rest[59..70], 8), 76, 1)
                }
                _ => return Ok(Err(Fault::Damaged("a header is damaged".into()))),
            };
            let (Some(name_size), Some(size)) = (name_size, size) else {
                return Ok(Err(Fault::Damaged("a header is damaged".into())));
            };
            let padding = |length: u64| (align - length % align) % align;
            let mut name = Vec::new();
            (&mut *input).take(name_size.min(MAX_NAMES)).read_to_end(&mut name)?;
            skip(input, name_size.saturating_sub(name.len() as u64) + padding(header + name_size))?;
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            if name == b"TRAILER!!!" {
                return Ok(Ok(()));
            }
            let mut content = input.take(size);
            if let Err(fault) = opening.member(here, name, &mut content) {
                return Ok(Err(fault));
            }
            let left = content.limit() + padding(size);
            skip(input, left)?;
        }
    })();
    result.unwrap_or_else(|error| Err(opening.fault(&error)))
}

/// A lead, two headers (the scripts are in the second), and a compressed cpio.
pub(super) fn open_rpm(opening: &mut Opening<'_>, input: &mut dyn Read, here: &Here) -> Result<(), Fault> {
    let result = (|| -> io::Result<Result<(), Fault>> {
        skip(input, 96)?;
        for name in ["signature", "header"] {
            let mut intro = [0; 16];
            input.read_exact(&mut intro)?;
            let number =
                |at: usize| u64::from(u32::from_be_bytes([intro[at], intro[at + 1], intro[at + 2], intro[at + 3]]));
            if !intro.starts_with(b"\x8e\xad\xe8") {
                return Ok(Err(Fault::Damaged("a header is damaged".into())));
            }
            let size = number(8) * 16 + number(12);
            let mut content = input.take(size);
            if let Err(fault) = opening.member(here, name.as_bytes(), &mut content) {
                return Ok(Err(fault));
            }
            let left = content.limit() + if name == "signature" { (8 - size % 8) % 8 } else { 0 };
            skip(input, left)?;
        }
        let mut head = [0; HEAD];
        let (filled, _) = fill(input, &mut head);
        let head = head.get(..filled).unwrap_or_default();
        Ok(match Format::of(head) {
            Some(format) if format.is_compression() || format == Format::Cpio => {
                opening.container(format, Source::Stream(&mut head.chain(input)), here)
            }
            _ => Err(Fault::Gap(crate::coverage::Reason::ArchiveUnknown, "its payload is of an unknown kind".into())),
        })
    })();
    result.unwrap_or_else(|error| Err(opening.fault(&error)))
}

fn decimal(field: &[u8]) -> Option<u64> {
    std::str::from_utf8(field).ok()?.trim().parse().ok()
}

fn number(field: &[u8], radix: u32) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(field).ok()?, radix).ok()
}
