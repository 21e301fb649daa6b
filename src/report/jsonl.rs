//! The report as JSON lines: one a finding, then one for the scan.

use std::io;

use serde::Serialize;

use super::document::{Document, FindingDoc, Scan};

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Finding(&'a FindingDoc),
    Summary(&'a Scan),
}

/// Writes the lines.
pub(super) fn write(document: &Document, out: &mut dyn io::Write) -> io::Result<()> {
    let findings = document.findings.iter().map(Line::Finding);
    for line in findings.chain([Line::Summary(&document.scan)]) {
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
