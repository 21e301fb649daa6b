//! Standard input, in pieces.

use std::io::Read;

use crate::blob::{Blob, Origin, Pieces};
use crate::coverage::{Reason, Tally};

/// Standard input as one blob.
#[derive(Debug)]
pub struct Stdin;

impl Stdin {
    /// Reads to the end and lends what was read, in overlapping pieces if it is large.
    pub fn visit(&self, input: &mut dyn Read, visit: &dyn Fn(&Blob<'_>)) -> Tally {
        let mut tally = Tally { files: 1, ..Tally::default() };
        let mut pieces = Pieces::default();
        match pieces.read_once(input, &Blob::whole(&Origin::Stdin, &[]), &mut |blob| visit(blob)) {
            Ok(bytes) => tally.bytes = bytes,
            Err(error) => tally.skip(Reason::Unreadable, format!("standard input: {error}")),
        }
        tally
    }
}
