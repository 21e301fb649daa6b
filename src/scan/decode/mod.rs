//! Sees through encodings: where text is encoded, what it says, and which stored bytes say it.
//!
//! Pure: bytes in; stretches worth decoding, decoded bytes and the way back to stored places out. There must be a
//! *reason* to decode, found in one fast pass: a run of base64 or hexadecimal digits that are text, escapes of characters
//! that secrets are made of, a string that goes on in the next one, characters of two or four bytes. Reasons close
//! together make a *stretch*, which is decoded as a whole and comes out the same whichever of its reasons was seen first.

mod base64;
mod classes;
mod escape;
mod hex;
mod join;
mod map;
mod seek;

#[cfg(test)]
mod tests;
mod units;
mod wide;
mod wrap;

use std::ops::Range;

use escape::Style;
pub use map::Text;
use units::{Chain, chain};

pub use classes::{BLOCK, CLOSING, Classes, FIRST, JOINT, KINDS, OPERATOR, QUOTE, RUN, SECOND, Sets, each_block};
pub use seek::{BEFORE, BEHIND};

/// A way of encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Base64 of either alphabet.
    Base64,
    /// Hexadecimal digits run together.
    Hex,
    /// `0x..` one after another.
    HexList,
    /// Single characters written out.
    Escape(Style),
    /// String literals and lines that belong together.
    Join,
    /// A block value of YAML.
    Block,
    /// Characters of two or four bytes.
    Wide(usize),
}

impl Layer {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Hex | Self::HexList => "hex",
            Self::Escape(Style::Percent) => "percent",
            Self::Escape(Style::Html) => "html-entity",
            Self::Escape(Style::Backslash) => "json-escape",
            Self::Escape(Style::Quoted) => "quoted-printable",
            Self::Join | Self::Block => "string-join",
            Self::Wide(2) => "utf-16",
            Self::Wide(_) => "utf-32",
        }
    }

    /// Whether any bytes can be written so, and text comes out of noise now and then.
    pub fn is_digits(self) -> bool {
        matches!(self, Self::Base64 | Self::Hex | Self::HexList)
    }

    /// How far around a stretch the bytes are on which it and its decoded text depend.
    pub fn context(self) -> usize {
        match self {
            Self::Base64 | Self::Hex => wrap::CONTEXT,
            Self::HexList => hex::CONTEXT,
            Self::Escape(_) => escape::CONTEXT,
            Self::Join => join::CONTEXT,
            Self::Block => join::BLOCK_CONTEXT,
            Self::Wide(_) => wide::CONTEXT,
        }
    }

    /// Whether moving a stretch by some bytes changes nothing. Of wide characters the order of bytes is told by their place.
    pub fn may_move(self, by: usize) -> bool {
        !matches!(self, Self::Wide(size) if !by.is_multiple_of(size))
    }

    /// How many stored bytes a unit has; 1 where that differs.
    fn unit(self) -> usize {
        match self {
            Self::Base64 => 4,
            Self::Hex => 2,
            Self::Wide(size) => size,
            _ => 1,
        }
    }
}

/// Encoded text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// How it is encoded.
    pub layer: Layer,
    /// Where it stands.
    pub place: Range<usize>,
    chain: Option<Chain>,
}

impl Stretch {
    /// The stretch around a reason, if it is worth decoding.
    fn around(layer: Layer, bytes: &[u8], at: usize) -> Option<Self> {
        let chain = match layer {
            Layer::Base64 => chain(&base64::Quartets, bytes, at),
            Layer::Hex => chain(&hex::Pairs, bytes, at),
            Layer::HexList => chain(&hex::List, bytes, at),
            Layer::Wide(size) => chain(&wide::Wide(size), bytes, at),
            Layer::Escape(style) => return Some(Self { layer, place: style.chain(bytes, at), chain: None }),
            Layer::Join => return Some(Self { layer, place: join::chain(bytes, at), chain: None }),
            Layer::Block => return Some(Self { layer, place: join::block(bytes, at)?, chain: None }),
        };
        Some(Self { layer, place: chain.place.clone(), chain: Some(chain) })
    }

    /// Whether the reason at `at` is one of those that made the stretch.
    fn holds(&self, at: usize) -> bool {
        match &self.chain {
            Some(chain) => chain.holds(at, self.layer.unit()),
            None => self.place.contains(&at),
        }
    }

    /// What it says. `None` if it is another rule's business as it stands.
    pub fn decode(&self, bytes: &[u8]) -> Option<Text> {
        match self.layer {
            Layer::Base64 => base64::decode(bytes, &self.place),
            Layer::Hex => hex::decode(bytes, &self.place),
            Layer::HexList => hex::decode_list(bytes, &self.place),
            Layer::Escape(style) => style.decode(bytes, &self.place),
            Layer::Join => join::decode(bytes, &self.place),
            Layer::Block => join::decode_block(bytes, &self.place),
            Layer::Wide(size) => wide::decode(bytes, &self.chain.as_ref()?.reasons, size),
        }
    }
}

/// Whether anything speaks for something encoded in some bytes.
pub fn has_reason(bytes: &[u8]) -> bool {
    let mut found = false;
    seek::seek(bytes, 0..bytes.len(), &mut |_, _| found = true);
    found
}

/// The stretches with a reason in one of the zones, each once. Zones must be in order.
pub fn stretches(bytes: &[u8], zones: &[Range<usize>]) -> Vec<Stretch> {
    let mut all: Vec<Stretch> = Vec::new();
    // Those that may hold a reason still to come.
    let mut open: Vec<usize> = Vec::new();
    for zone in zones {
        seek::seek(bytes, zone.clone(), &mut |layer, at| {
            open.retain(|number| all[*number].layer != layer || all[*number].place.end > at);
            if open.iter().any(|number| all[*number].layer == layer && all[*number].holds(at)) {
                return;
            }
            if let Some(stretch) = Stretch::around(layer, bytes, at) {
                open.push(all.len());
                all.push(stretch);
            }
        });
    }
    all.sort_by_key(|stretch| (stretch.place.start, stretch.place.end, stretch.layer));
    all.dedup_by(|a, b| a.layer == b.layer && a.place == b.place);
    all
}
