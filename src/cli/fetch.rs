//! `--fetch-missing`: what a partial clone left out, fetched for the time of a scan.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use keysieve::coverage::{Reason, Tally};
use keysieve::error::{Error, Result};
use keysieve::git::Repo;
use keysieve::source::absent;

/// What was fetched may name more that is missing.
const ROUNDS: usize = 4;

/// What was fetched, until it is dropped.
#[derive(Default)]
pub struct Fetched {
    /// Why something was not.
    pub tally: Tally,
    scratch: Option<Scratch>,
}

impl Fetched {
    /// Fetches what a partial clone lacks, and lets `repo` read it. The repository itself is not changed.
    pub fn missing(repo: &mut Repo) -> Self {
        let mut fetched = Self::default();
        if !repo.is_partial() {
            return fetched;
        }
        if let Err(error) = fetched.fetch(repo) {
            fetched.tally.skip(Reason::Partial, format!("nothing was fetched: {error}"));
        }
        fetched
    }

    fn fetch(&mut self, repo: &mut Repo) -> Result<()> {
        let mut lacking = usize::MAX;
        for _ in 0..ROUNDS {
            let ids = absent(repo);
            if ids.is_empty() || ids.len() >= lacking {
                break;
            }
            lacking = ids.len();
            let folder = match &self.scratch {
                Some(scratch) => scratch.0.clone(),
                None => self.scratch.insert(Scratch::new()?).0.clone(),
            };
            repo.borrow(repo.fetch_promised(&ids, &folder)?)?;
        }
        Ok(())
    }
}

/// A folder of our own, which goes when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let name = format!("keysieve-fetch-{}-{}", std::process::id(), since.as_nanos());
        let path = std::env::temp_dir().join(name);
        // Never one that is there already: it would be somebody else's.
        let made = make_private(&path).and_then(|()| path.canonicalize());
        made.map(Self).map_err(|source| Error::Write { what: path.display().to_string(), source })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn make_private(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
