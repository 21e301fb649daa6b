//! `keysieve guide`: the whole runbook of a rule, with what a finding says filled in.

use super::Options;
use super::document::{Builder, FindingDoc};
use super::page::{BOLD, DIM, PLAIN, Page};
use super::{runbook, text};
use crate::finding::Finding;
use crate::rules::Rule;

/// The runbook as text.
pub(super) fn render(rule: &Rule, finding: Option<&Finding>, options: &Options) -> String {
    let builder = Builder::new(finding.map(std::slice::from_ref).unwrap_or_default(), &[], options);
    let mut page = Page::new(options.width, options.color);
    match finding.map(|finding| builder.finding(finding)) {
        Some(finding) => about(&mut page, &finding, options),
        None => {
            let known = rule.title.to_lowercase().contains(&rule.provider.to_lowercase());
            let pieces = [(BOLD, rule.title), (DIM, rule.id), (PLAIN, rule.provider)];
            page.flow("", PLAIN, 2, &pieces[..if known { 2 } else { 3 }]);
        }
    }
    page.gap();
    runbook::whole(&mut page, &builder.guidance(rule, finding));
    for (i, reference) in rule.references.iter().enumerate() {
        page.paragraph(if i == 0 { "  Format   " } else { "           " }, PLAIN, reference);
    }
    page.into_text()
}

fn about(page: &mut Page, finding: &FindingDoc, options: &Options) {
    text::head(page, finding, None);
    for place in finding.places.iter().take(if options.verbose { usize::MAX } else { 1 }) {
        text::place(page, place, options);
    }
    text::exposure(page, finding);
    runbook::first_acts(page, finding);
}
