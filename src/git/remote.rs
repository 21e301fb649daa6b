//! Which refs of ours remember what a remote has.

use super::Repo;
use crate::error::{Error, Result};

/// The refspecs by which a remote is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracked {
    specs: Vec<(String, String)>,
}

impl Repo {
    /// How the remote of this name or address is remembered; not at all if the address belongs to none.
    ///
    /// # Errors
    /// The configuration cannot be read.
    pub fn tracked(&self, remote: &str) -> Result<Tracked> {
        let failed = |error: git2::Error| {
            Error::Repository(format!("{}: {}", self.common_dir.join("config").display(), error.message()))
        };
        let mut config = git2::Config::open_default().map_err(failed)?;
        let path = self.common_dir.join("config");
        if path.is_file() {
            config.add_file(&path, git2::ConfigLevel::Local, true).map_err(failed)?;
        }
        let mut remotes: Vec<(String, String, String)> = Vec::new();
        let mut entries = config.entries(Some("^remote\\..*\\.(fetch|url|pushurl)$")).map_err(failed)?;
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(failed)?;
            let (Ok(name), Ok(value)) = (entry.name(), entry.value()) else { continue };
            let Some((name, key)) = name.strip_prefix("remote.").and_then(|rest| rest.rsplit_once('.')) else {
                continue;
            };
            remotes.push((name.to_owned(), key.to_owned(), value.to_owned()));
        }
        let is_it = |name: &str| {
            let mut addresses = remotes.iter().filter(|(other, key, _)| other == name && key != "fetch");
            name == remote || addresses.any(|(_, _, address)| address == remote)
        };
        let fetched = remotes.iter().filter(|(name, key, _)| key == "fetch" && is_it(name));
        let specs = fetched.filter_map(|(_, _, spec)| {
            let (from, to) = spec.trim_start_matches('+').split_once(':')?;
            Some((from.to_owned(), to.to_owned()))
        });
        Ok(Tracked { specs: specs.collect() })
    }
}

impl Tracked {
    /// Our name for a ref of the remote.
    pub fn name_here(&self, name: &str) -> Option<String> {
        self.specs.iter().find_map(|(from, to)| match from.split_once('*') {
            None => (from == name).then(|| to.clone()),
            Some((before, after)) => {
                let middle = name.strip_prefix(before)?.strip_suffix(after)?;
                Some(to.replacen('*', middle, 1))
            }
        })
    }

    /// Whether a ref of ours remembers one of the remote.
    pub fn has(&self, name: &str) -> bool {
        self.specs.iter().any(|(_, to)| match to.split_once('*') {
            None => to == name,
            Some((before, after)) => {
                name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
            }
        })
    }
}
