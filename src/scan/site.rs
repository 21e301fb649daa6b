//! Where a match stands for people: line, columns, the line masked, and the allow markers that hold for it.

use std::ops::Range;

use crate::blob::Start;
use crate::finding::{Allow, Match, Site};
use crate::rules::Kind;

/// A marker in a comment, and whether it holds for its own line, for the next one, or both.
struct Marker {
    text: &'static str,
    same: bool,
    next: bool,
}

const MARKERS: &[Marker] = &[
    Marker { text: "keysieve:allow", same: true, next: true },
    Marker { text: "gitleaks:allow", same: true, next: false },
    Marker { text: "betterleaks:allow", same: true, next: false },
    Marker { text: "trufflehog:ignore", same: true, next: false },
    Marker { text: "kingfisher:ignore", same: true, next: true },
    Marker { text: "ggignore", same: true, next: false },
    Marker { text: "pragma: allowlist nextline secret", same: false, next: true },
    Marker { text: "pragma: whitelist nextline secret", same: false, next: true },
    Marker { text: "pragma: allowlist secret", same: true, next: false },
    Marker { text: "pragma: whitelist secret", same: true, next: false },
];

/// How much of a long line is kept, and how far on it a marker is looked for.
const CONTEXT: usize = 120;
const MARKER_REACH: usize = 2000;

/// The sites of all matches of a blob. `matches` must be in order of their place.
pub fn sites(bytes: &[u8], start: Start, matches: &[Match]) -> Vec<Site> {
    let spans: Vec<&Range<usize>> = matches.iter().map(|m| &m.span).collect();
    let (mut at, mut here) = (0, start);
    matches
        .iter()
        .map(|m| {
            if m.rule.kind == Kind::File {
                // A whole file has no line; a marker on its first one holds for it.
                return Site { allows: allows(bytes, &m.span, &spans), ..Site::default() };
            }
            here = here.after(&bytes[at..m.span.start]);
            at = m.span.start;
            let end = here.after(&bytes[m.span.clone()]);
            Site {
                line: here.lines + 1,
                column: here.column + 1,
                end_line: end.lines + 1,
                end_column: end.column + 1,
                context: context(bytes, m, matches),
                allows: allows(bytes, &m.span, &spans),
                inside: None,
                decoded_by: m.decoded.as_ref().map(|decoded| decoded.layers.clone()).unwrap_or_default(),
            }
        })
        .collect()
}

fn line_start(bytes: &[u8], at: usize) -> usize {
    memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |newline| newline + 1)
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |newline| at + newline)
}

/// The part of the line around a match, with every secret in it masked.
fn context(bytes: &[u8], m: &Match, all: &[Match]) -> String {
    let from = line_start(bytes, m.span.start).max(m.span.start.saturating_sub(CONTEXT / 2));
    let to = line_end(bytes, m.span.end).min(m.span.end + CONTEXT / 2);
    let mut text = String::new();
    let mut at = from;
    for other in all.iter().filter(|other| other.span.end > from && other.span.start < to) {
        text.push_str(&String::from_utf8_lossy(&bytes[at.min(other.span.start)..other.span.start.max(at)]));
        text.push_str(&other.secret.redacted());
        at = other.span.end.max(at);
    }
    text.push_str(&String::from_utf8_lossy(&bytes[at.min(to)..to]));
    text.trim().to_owned()
}

fn allows(bytes: &[u8], span: &Range<usize>, all: &[&Range<usize>]) -> Vec<Allow> {
    let start = line_start(bytes, span.start);
    let (first, last) = (start..line_end(bytes, span.start), line_start(bytes, span.end)..line_end(bytes, span.end));
    let mut found = markers(bytes, &first, |marker| marker.same);
    if last != first {
        found.extend(markers(bytes, &last, |marker| marker.same));
    }
    if start > 0 {
        let above = line_start(bytes, start - 1)..start - 1;
        // A marker behind another secret is for that one only.
        let of_another = all.iter().any(|other| other.start < above.end && other.end > above.start);
        if !of_another {
            found.extend(markers(bytes, &above, |marker| marker.next));
        }
    }
    found
}

fn markers(bytes: &[u8], line: &Range<usize>, holds: impl Fn(&Marker) -> bool) -> Vec<Allow> {
    let from = line.start.max(line.end.saturating_sub(MARKER_REACH));
    let text = &bytes[from..line.end];
    let mut found = Vec::new();
    for marker in MARKERS.iter().filter(|marker| holds(marker)) {
        let Some(at) = memchr::memmem::find(text, marker.text.as_bytes()) else { continue };
        let rest = String::from_utf8_lossy(&text[at + marker.text.len()..]).into_owned();
        let (rule, reason) = match rest.strip_prefix('=') {
            Some(rest) => {
                let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(rest.len());
                (Some(rest[..end].to_owned()), rest[end..].to_owned())
            }
            None => (None, rest),
        };
        let reason = reason.trim_matches(|c: char| c.is_whitespace() || "-*/#:;>".contains(c)).to_owned();
        found.push(Allow { marker: marker.text, rule, reason });
    }
    found
}
