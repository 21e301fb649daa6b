//! Why something could not be read.

use std::borrow::Cow;
use std::io;

use super::FailureKind;

/// A reason that still lacks the name of what it is about.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) kind: FailureKind,
    pub(super) why: Cow<'static, str>,
}

impl Trouble {
    pub(super) fn corrupt(why: impl Into<Cow<'static, str>>) -> Self {
        Trouble { kind: FailureKind::Corrupt, why: why.into() }
    }

    pub(super) fn missing(why: impl Into<Cow<'static, str>>) -> Self {
        Trouble { kind: FailureKind::Missing, why: why.into() }
    }

    pub(super) fn too_large(size: u64, limit: u64) -> Self {
        Trouble { kind: FailureKind::TooLarge, why: format!("{size} bytes are more than the limit of {limit}").into() }
    }

    /// A file that is gone is [`FailureKind::Missing`], so that the caller knows to list again.
    pub(super) fn io(error: &io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => FailureKind::Missing,
            _ => FailureKind::Io,
        };
        Trouble { kind, why: error.to_string().into() }
    }
}
