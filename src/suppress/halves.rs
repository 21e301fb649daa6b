//! Credentials of two secrets: where both stand together they are one finding, and the half that opens less is told with
//! the other.

use std::collections::HashMap;

use super::mark;
use crate::blob::ObjectId;
use crate::finding::{Finding, Place};
use crate::rules::Part;

/// As so many bytes of what a rule allows between its halves a line is counted.
const LINE: u64 = 16;

/// The content that a place is in.
type Content<'a> = (Option<&'a [u8]>, Option<&'a ObjectId>);

/// Marks each half that an open finding names, is worth no less than and stands beside at all places of the half. A half
/// alone, or beside a secret that is accepted, stays open: it fits other secrets, too.
pub(super) fn tell_together(findings: &mut [Finding]) {
    let mut halves: HashMap<(&str, Content<'_>), Vec<usize>> = HashMap::new();
    for (number, finding) in findings.iter().enumerate().filter(|(_, finding)| finding.is_open()) {
        if let Some(place) = finding.places.first().filter(|_| !finding.rule.public) {
            halves.entry((finding.rule.id, content(place))).or_default().push(number);
        }
    }
    let mut told: Vec<(usize, &str)> = Vec::new();
    for whole in findings.iter().filter(|finding| finding.is_open()) {
        for (part, place) in whole.rule.parts.iter().zip(whole.places.first().into_iter().cycle()) {
            let near = halves.get(&(part.rule, content(place))).into_iter().flatten();
            let near = near.map(|number| (*number, &findings[*number])).filter(|(_, half)| belongs(half, whole, part));
            let nearest = near.min_by_key(|(_, half)| half.places.first().map(|at| lines(at, place)));
            told.extend(nearest.map(|(number, _)| (number, whole.rule.title)));
        }
    }
    for (half, title) in told {
        let reason = format!("one credential with the secret beside it ({title}), and told with it");
        findings[half].suppression.get_or_insert_with(|| mark("half", "told-together", &reason));
    }
}

fn belongs(half: &Finding, whole: &Finding, part: &Part) -> bool {
    let named = whole.details.get(part.detail).is_some_and(|shown| *shown == half.secret.redacted());
    // What stops a commit, and how far it got, must be no less for it.
    let covered = half.severity <= whole.severity
        && half.confidence <= whole.confidence
        && whole.exposure.level <= half.exposure.level;
    let is_near = |place: &Place, at: &Place| content(place) == content(at) && near(place, at, part);
    // Mostly both were brought by the same commits.
    let beside = |(number, at): (usize, &Place)| {
        whole.places.get(number).is_some_and(|place| is_near(place, at))
            || whole.places.iter().any(|place| is_near(place, at))
    };
    named && covered && half.places.iter().enumerate().all(beside)
}

fn near(place: &Place, at: &Place, part: &Part) -> bool {
    let same = (place.kind, &place.site.inside, &place.reference) == (at.kind, &at.site.inside, &at.reference);
    let commit = |place: &Place| place.commit.as_ref().map(|commit| commit.id);
    same && commit(place) == commit(at) && lines(place, at) <= part.within as u64 / LINE
}

fn lines(place: &Place, at: &Place) -> u64 {
    place.site.line.abs_diff(at.site.line)
}

fn content(place: &Place) -> Content<'_> {
    (place.path.as_deref(), place.blob.as_ref())
}
