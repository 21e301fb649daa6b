//! SQLite databases: the rows of every table as lines of `column=value`, so that long values, which are spread over
//! pages, are whole, and names of columns stand beside them. What was deleted can be seen in the file's own bytes.

use std::collections::HashSet;
use std::io::{self, SeekFrom};
use std::rc::Rc;

use super::budget::Budget;
use super::{Fault, Here, Opening, Seekable};

/// Rows are lent in parts of this size.
const PART: usize = 4 << 20;
/// Longer values are cut.
const MAX_VALUE: usize = 16 << 20;
/// The deepest tree of pages that is followed; a sound one has half as many levels.
const MAX_LEVELS: usize = 40;
/// The table that names the others begins on the first page.
const SCHEMA: u32 = 1;

pub(super) fn open(opening: &mut Opening<'_>, input: &mut dyn Seekable, here: &Here) -> Result<(), Fault> {
    let mut file = match Database::new(input, &opening.budget) {
        Ok(file) => file,
        Err(error) => return Err(opening.fault(&error)),
    };
    let (mut tables, mut damaged) = (Vec::new(), false);
    let schema = file.rows(SCHEMA, &mut |row| {
        // type, name, table, root page, SQL
        if let [kind, name, _, root, sql, ..] = row.as_slice()
            && kind.text() == b"table"
            && let Value::Number(root) = root
            && let Ok(root) = u32::try_from(*root)
        {
            tables.push((name.text().to_vec(), root, columns(sql.text())));
        }
        Ok(())
    });
    damaged |= !schema.map_err(|error| opening.fault(&error))?;
    for (name, root, columns) in tables {
        opening.budget.entry().map_err(|error| opening.fault(&error))?;
        let place = here.member(&name);
        let (mut part, mut stopped) = (Vec::new(), None);
        let read = file.rows(root, &mut |row| {
            for (number, value) in row.iter().enumerate() {
                let text = value.text();
                if text.is_empty() {
                    continue;
                }
                part.extend_from_slice(columns.get(number).map_or(&b"value"[..], Vec::as_slice));
                part.push(b'=');
                part.extend_from_slice(text);
                part.push(b'\n');
            }
            if part.len() < PART {
                return Ok(());
            }
            lend(opening, &place, &mut part).map_err(|fault| {
                stopped = Some(fault);
                io::ErrorKind::Other.into()
            })
        });
        if let Some(fault) = stopped {
            return Err(fault);
        }
        damaged |= !read.map_err(|error| opening.fault(&error))?;
        lend(opening, &place, &mut part)?;
    }
    if damaged { Err(Fault::Damaged("some of its pages are damaged".into())) } else { Ok(()) }
}

fn lend(opening: &mut Opening<'_>, place: &Here, part: &mut Vec<u8>) -> Result<(), Fault> {
    if part.is_empty() {
        return Ok(());
    }
    opening.budget.spend(part.len()).map_err(|error| opening.fault(&error))?;
    let lent = opening.leaf(place, &mut part.as_slice());
    part.clear();
    lent
}

enum Value {
    Number(i64),
    Bytes(Vec<u8>),
    Other,
}

impl Value {
    fn text(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            _ => b"",
        }
    }
}

struct Database<'d> {
    input: &'d mut dyn Seekable,
    page: usize,
    usable: usize,
    pages: u32,
    utf16: Option<fn([u8; 2]) -> u16>,
    budget: Rc<Budget>,
}

impl<'d> Database<'d> {
    fn new(input: &'d mut dyn Seekable, budget: &Rc<Budget>) -> io::Result<Self> {
        let len = input.seek(SeekFrom::End(0))?;
        let mut header = [0; 100];
        input.rewind()?;
        input.read_exact(&mut header)?;
        let page = match u16::from_be_bytes([header[16], header[17]]) {
            1 => 65_536,
            size if size.is_power_of_two() && size >= 512 => usize::from(size),
            _ => return Err(io::Error::other("its pages have no sound size")),
        };
        let pages = u32::try_from(len / page as u64).unwrap_or(u32::MAX);
        let utf16: Option<fn([u8; 2]) -> u16> = match header[59] {
            2 => Some(u16::from_le_bytes),
            3 => Some(u16::from_be_bytes),
            _ => None,
        };
        let usable = page - usize::from(header[20]).min(page - 480);
        Ok(Self { input, page, usable, pages, utf16, budget: Rc::clone(budget) })
    }

    fn read(&mut self, page: u32) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.page];
        self.input.seek(SeekFrom::Start(u64::from(page - 1) * self.page as u64))?;
        self.input.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Visits the rows of a table; whether all of its pages are sound.
    fn rows(&mut self, root: u32, visit: &mut dyn FnMut(Vec<Value>) -> io::Result<()>) -> io::Result<bool> {
        let (mut seen, mut todo, mut sound) = (HashSet::new(), vec![(root, 0)], true);
        while let Some((number, level)) = todo.pop() {
            // A virtual table has no pages.
            if number == 0 && level == 0 {
                continue;
            }
            if number == 0 || number > self.pages || level > MAX_LEVELS || !seen.insert(number) {
                sound = false;
                continue;
            }
            let page = self.read(number)?;
            let head = page.get(if number == 1 { 100 } else { 0 }..).unwrap_or_default();
            let Some(&kind @ (2 | 5 | 10 | 13)) = head.first() else {
                sound = false;
                continue;
            };
            let is_inner = kind < 10;
            let pointers = head.get(if is_inner { 12 } else { 8 }..).unwrap_or_default();
            let count = usize::from(u16_at(head, 3));
            if is_inner {
                todo.push((u32_at(head, 8), level + 1));
            }
            for pointer in pointers.chunks_exact(2).take(count).rev() {
                let cell = page.get(usize::from(u16_at(pointer, 0))..).unwrap_or_default();
                if is_inner {
                    todo.push((u32_at(cell, 0), level + 1));
                }
                let cell = if is_inner { cell.get(4..).unwrap_or_default() } else { cell };
                // Inner pages of a table have no rows, those of an index do.
                if kind != 5 {
                    match self.payload(cell, kind == 13)? {
                        Some(payload) => visit(self.record(&payload))?,
                        None => sound = false,
                    }
                }
            }
        }
        Ok(sound)
    }

    /// What a cell holds, with what of it is on other pages.
    fn payload(&mut self, cell: &[u8], is_table: bool) -> io::Result<Option<Vec<u8>>> {
        let Some((size, mut rest)) = varint(cell) else { return Ok(None) };
        if is_table {
            let Some((_, after)) = varint(rest) else { return Ok(None) };
            rest = after;
        }
        let Ok(size) = usize::try_from(size) else { return Ok(None) };
        let usable = self.usable;
        let most = if is_table { usable - 35 } else { (usable - 12) * 64 / 255 - 23 };
        let least = (usable - 12) * 32 / 255 - 23;
        let local = match size {
            size if size <= most => size,
            size => Some(least + (size - least) % (usable - 4)).filter(|local| *local <= most).unwrap_or(least),
        };
        let Some((here, rest)) = rest.split_at_checked(local) else { return Ok(None) };
        let mut payload = here.to_vec();
        let mut next = if local < size { u32_at(rest, 0) } else { 0 };
        let size = size.min(MAX_VALUE);
        while payload.len() < size && next != 0 && next <= self.pages {
            // Pages may lead in a circle, and from every cell.
            self.budget.spend(usable)?;
            let page = self.read(next)?;
            next = u32_at(&page, 0);
            let more = page.get(4..usable).unwrap_or_default();
            payload.extend_from_slice(&more[..more.len().min(size - payload.len())]);
        }
        Ok(Some(payload))
    }

    fn record(&self, payload: &[u8]) -> Vec<Value> {
        let mut values = Vec::new();
        let Some((header, rest)) = varint(payload) else { return values };
        let at = payload.len() - rest.len();
        let end = usize::try_from(header).unwrap_or(usize::MAX).clamp(at, payload.len());
        let (mut types, mut content) = (&payload[at..end], &payload[end..]);
        while let Some((kind, after)) = varint(types) {
            types = after;
            let length = match kind {
                0 | 8 | 9 => 0,
                1..=4 => kind,
                5 => 6,
                6 | 7 => 8,
                _ => kind.saturating_sub(12) / 2,
            };
            let length = usize::try_from(length).unwrap_or(usize::MAX).min(content.len());
            let (bytes, after) = content.split_at(length);
            content = after;
            values.push(match kind {
                8 | 9 => Value::Number(kind.cast_signed() - 8),
                1..=6 => Value::Number(bytes.iter().fold(0, |number, byte| number << 8 | i64::from(*byte))),
                0 | 7 | 10 | 11 => Value::Other,
                kind if kind % 2 == 1 => Value::Bytes(self.utf8(bytes)),
                _ => Value::Bytes(bytes.to_vec()),
            });
        }
        values
    }

    fn utf8(&self, bytes: &[u8]) -> Vec<u8> {
        let Some(unit) = self.utf16 else { return bytes.to_vec() };
        let units = bytes.as_chunks::<2>().0.iter().map(|pair| unit(*pair));
        char::decode_utf16(units).map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>().into_bytes()
    }
}

/// The names in `CREATE TABLE name (first …, second …)`.
fn columns(sql: &[u8]) -> Vec<Vec<u8>> {
    let Some(open) = memchr::memchr(b'(', sql) else { return Vec::new() };
    let (mut depth, mut names, mut word) = (0, Vec::new(), Vec::new());
    let (mut is_named, mut quote) = (false, None);
    for byte in &sql[open + 1..] {
        match byte {
            byte if quote == Some(*byte) => quote = None,
            byte if quote.is_some() && !is_named => word.push(*byte),
            _ if quote.is_some() => {}
            b'"' | b'`' | b'\'' => quote = Some(*byte),
            b'[' => quote = Some(b']'),
            b'(' => depth += 1,
            b')' if depth == 0 => break,
            b')' => depth -= 1,
            b',' if depth == 0 => {
                names.push(std::mem::take(&mut word));
                is_named = false;
            }
            byte if byte.is_ascii_whitespace() => is_named |= !word.is_empty(),
            byte if !is_named && depth == 0 => word.push(*byte),
            _ => {}
        }
    }
    names.push(word);
    names
}

/// A number of up to nine bytes, seven bits each, the ninth whole.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (at, byte) in bytes.iter().take(9).enumerate() {
        let rest = bytes.get(at + 1..).unwrap_or_default();
        if at == 8 {
            return Some((number << 8 | u64::from(*byte), rest));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number, rest));
        }
    }
    None
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |it| u16::from_be_bytes(*it))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |it| u32::from_be_bytes(*it))
}
