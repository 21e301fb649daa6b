//! A pattern taken apart, and how that is kept in the rules' tables: the engine that tries it is made from it without
//! parsing anything. Shared with `build.rs`.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::shape::{ByteSet, Shapes, set_of};

/// A pattern over bytes.
///
/// # Errors
/// It is none, or has too many layers.
pub fn parse(pattern: &str) -> Result<Hir, Box<regex_syntax::Error>> {
    let mut parser = ParserBuilder::new().utf8(false).unicode(false).nest_limit(100).build();
    Ok(parser.parse(pattern)?)
}

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// These bytes, if any.
    Literal(Vec<u8>),
    /// A byte of a set.
    Set(ByteSet),
    /// A place.
    Look(Look),
    /// A part so many times.
    Repeat {
        /// The part.
        sub: Box<Node>,
        /// At least.
        min: u32,
        /// At most.
        max: Option<u32>,
        /// As often as there are rather than as few as will do.
        greedy: bool,
    },
    /// A part whose place is told.
    Group {
        /// Its number, from 1 on.
        index: u32,
        /// Its name.
        name: Option<String>,
        /// The part.
        sub: Box<Node>,
    },
    /// One after the other.
    All(Vec<Node>),
    /// The first that will do.
    Any(Vec<Node>),
}

/// The places that are known, by number.
const LOOKS: [Look; 6] =
    [Look::WordAscii, Look::WordAsciiNegate, Look::WordStartHalfAscii, Look::WordEndHalfAscii, Look::Start, Look::End];

const LITERAL: u8 = 0;
const SET: u8 = 1;
const LOOK: u8 = 2;
const LAZY: u8 = 3;
const GREEDY: u8 = 4;
const GROUP: u8 = 5;
const ALL: u8 = 6;
const ANY: u8 = 7;

impl Node {
    /// `None` if the pattern has what is not known here.
    pub fn of(hir: &Hir) -> Option<Self> {
        let all = |parts: &[Hir]| parts.iter().map(Self::of).collect::<Option<Vec<_>>>();
        Some(match hir.kind() {
            HirKind::Empty => Self::Literal(Vec::new()),
            HirKind::Literal(literal) => Self::Literal(literal.0.to_vec()),
            HirKind::Class(Class::Bytes(class)) => Self::Set(set_of(class)),
            HirKind::Class(Class::Unicode(class)) => Self::Set(set_of(&class.to_byte_class()?)),
            HirKind::Look(look) => Self::Look(*LOOKS.iter().find(|known| *known == look)?),
            HirKind::Repetition(of) => {
                let sub = Box::new(Self::of(&of.sub)?);
                Self::Repeat { sub, min: of.min, max: of.max, greedy: of.greedy }
            }
            HirKind::Capture(of) => {
                let sub = Box::new(Self::of(&of.sub)?);
                Self::Group { index: of.index, name: of.name.as_deref().map(str::to_owned), sub }
            }
            HirKind::Concat(parts) => Self::All(all(parts)?),
            HirKind::Alternation(parts) => Self::Any(all(parts)?),
        })
    }

    /// Appends it as bytes, its sets to the table of them. `None` if there are too many sets.
    pub fn write(&self, shapes: &mut Shapes, out: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Literal(bytes) => {
                out.push(LITERAL);
                write_bytes(bytes, out);
            }
            Self::Set(set) => {
                out.push(SET);
                write_number(shapes.number(set)?.into(), out);
            }
            Self::Look(look) => {
                let number = LOOKS.iter().position(|known| known == look)?;
                out.extend([LOOK, number as u8]);
            }
            Self::Repeat { sub, min, max, greedy } => {
                out.push(if *greedy { GREEDY } else { LAZY });
                write_number(*min, out);
                // How many more at most, from 1 on: 0 is without an end.
                write_number(max.map_or(Some(0), |max| max.checked_sub(*min)?.checked_add(1))?, out);
                sub.write(shapes, out)?;
            }
            Self::Group { index, name, sub } => {
                out.push(GROUP);
                write_number(*index, out);
                write_bytes(name.as_deref().unwrap_or_default().as_bytes(), out);
                sub.write(shapes, out)?;
            }
            Self::All(parts) | Self::Any(parts) => {
                out.push(if matches!(self, Self::All(_)) { ALL } else { ANY });
                write_number(parts.len() as u32, out);
                parts.iter().try_for_each(|part| part.write(shapes, out))?;
            }
        }
        Some(())
    }

    /// Takes one from the beginning of `bytes`. `None` if none was written there.
    pub fn read(bytes: &mut &[u8], sets: &[ByteSet]) -> Option<Self> {
        let kind = take(bytes, 1)?[0];
        let parts = |bytes: &mut &[u8]| {
            let count = read_number(bytes)?;
            (0..count).map(|_| Self::read(bytes, sets)).collect::<Option<Vec<_>>>()
        };
        Some(match kind {
            LITERAL => Self::Literal(read_bytes(bytes)?.to_vec()),
            SET => Self::Set(*sets.get(read_number(bytes)? as usize)?),
            LOOK => Self::Look(*LOOKS.get(usize::from(take(bytes, 1)?[0]))?),
            LAZY | GREEDY => {
                let (min, more) = (read_number(bytes)?, read_number(bytes)?);
                let max = more.checked_sub(1).map(|more| min.saturating_add(more));
                Self::Repeat { sub: Box::new(Self::read(bytes, sets)?), min, max, greedy: kind == GREEDY }
            }
            GROUP => {
                let (index, name) = (read_number(bytes)?, std::str::from_utf8(read_bytes(bytes)?).ok()?);
                let name = Some(name.to_owned()).filter(|name| !name.is_empty());
                Self::Group { index, name, sub: Box::new(Self::read(bytes, sets)?) }
            }
            ALL => Self::All(parts(bytes)?),
            ANY => Self::Any(parts(bytes)?),
            _ => return None,
        })
    }

    /// Whether it never matches no bytes at all.
    pub fn is_solid(&self) -> bool {
        match self {
            Self::Literal(bytes) => !bytes.is_empty(),
            Self::Set(_) => true,
            Self::Look(_) => false,
            Self::Repeat { sub, min, .. } => *min > 0 && sub.is_solid(),
            Self::Group { sub, .. } => sub.is_solid(),
            Self::All(parts) => parts.iter().any(Self::is_solid),
            Self::Any(parts) => parts.iter().all(Self::is_solid),
        }
    }
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
fn write_number(mut number: u32, out: &mut Vec<u8>) {
    while number > 0x7f {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_number(bytes: &mut &[u8]) -> Option<u32> {
    let mut number = 0;
    for shift in (0..u32::BITS).step_by(7) {
        let byte = take(bytes, 1)?[0];
        number |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_number(bytes.len() as u32, out);
    out.extend_from_slice(bytes);
}

fn read_bytes<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let len = read_number(bytes)?;
    take(bytes, len as usize)
}

fn take<'b>(bytes: &mut &'b [u8], len: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}
