//! The report as one JSON document.

use std::io;

use super::document::Document;

/// Writes the document, indented.
pub(super) fn write(document: &Document, out: &mut dyn io::Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, document)?;
    out.write_all(b"\n")
}
