//! Exit codes, as a type.

use keysieve::finding::{Level, Outcome};

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Nothing open.
    Clean,
    /// Open findings; the number may be another on request.
    Findings(u8),
    /// Bad usage, configuration or rules: nothing was scanned.
    Usage,
    /// Not everything was read, and nothing open was in what was.
    Incomplete,
    /// Internal error, or a report that could not be written.
    Internal,
}

impl Exit {
    /// The number for the system.
    pub fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Findings(code) => code,
            Self::Usage => 2,
            Self::Incomplete => 3,
            Self::Internal => 4,
        }
    }

    /// What an outcome amounts to. What only a blocked commit left behind is worth a line, not a failure.
    pub fn of(outcome: &Outcome, findings: u8) -> Self {
        if outcome.open().any(|finding| finding.exposure.level != Level::Dangling) {
            return Self::Findings(findings);
        }
        if outcome.tally.is_complete() { Self::Clean } else { Self::Incomplete }
    }
}
