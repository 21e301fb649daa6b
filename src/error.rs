//! What can stop a run. What merely could not be read is data (see `source::Tally`), not an error.

use std::path::PathBuf;

/// A reason why nothing, or nothing more, can be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line or the environment asks for something that makes no sense.
    #[error("{0}")]
    Usage(String),
    /// A file that we were told to read cannot be read.
    #[error("{path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Rule or configuration files with faults, each as `file:line:column: what`.
    #[error("{}", faults.join("\n"))]
    Faults {
        /// One line a fault.
        faults: Vec<String>,
    },
    /// A repository that cannot be opened or understood.
    #[error("{0}")]
    Repository(String),
    /// A report, hook or other file that cannot be written.
    #[error("cannot write {what}: {source}")]
    Write {
        /// What was to be written.
        what: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Something that should not happen.
    #[error("internal error: {0}")]
    Internal(String),
}

/// `Result` with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;
