//! git as a child process, where nothing else will do: hardened, since a repository's own configuration must run nothing.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::{Repo, layout};
use crate::blob::ObjectId;
use crate::error::{Error, Result};
use crate::pack::HashKind;

/// Set for every `git` that reads a scanned repository: nothing that it configures may run or reach the network.
const HARDENED: &[(&str, &str)] = &[
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_ALLOW_PROTOCOL", "none"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_PAGER", "cat"),
    ("LC_ALL", "C"),
];
const HARDENED_CONFIG: &[&str] =
    &["core.fsmonitor=false", "core.hooksPath=/dev/null", "protocol.allow=never", "core.pager=cat"];

/// Settings of the fetch, over those of the user: no hooks, no upkeep, one pack, and no waiting for a server that is silent.
const FETCH_CONFIG: &[&str] = &[
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.unpackLimit=1",
    "fetch.negotiationAlgorithm=noop",
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
];
/// Variables of git that are the user's own way to a server. All others are taken away.
const USERS_OWN: &[&str] = &[
    "GIT_ASKPASS",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "GIT_EXEC_PATH",
    "GIT_HTTP_PROXY_AUTHMETHOD",
    "GIT_PROXY_SSL_CAINFO",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_SSL_CERT",
    "GIT_SSL_KEY",
];
/// How objects may be fetched. Anything else, such as `ext::`, names a program.
const PROTOCOLS: &[&str] = &["https", "ssh", "git", "http", "file"];
/// For a repository on this machine: what serves it must not fetch in its turn.
const LOCAL_SERVER: &str = "GIT_ALLOW_PROTOCOL=none GIT_NO_LAZY_FETCH=1 git-upload-pack";
/// How often objects that the server does not have are left out of what is asked for.
const ROUNDS: usize = 8;

impl Repo {
    /// Runs git's plumbing, hardened; `None` if it says no.
    pub(super) fn plumb(&self, args: &[&str]) -> Result<Option<String>> {
        let output = self.hardened(args)?;
        Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    /// The same where a no is an error.
    pub(super) fn plumb_or_fail(&self, args: &[&str]) -> Result<String> {
        let output = self.hardened(args)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Error::Repository(format!(
            "{}: git cannot list the refs: {}; SHA-256 needs git 2.29, reftable git 2.45",
            self.git_dir.display(),
            said.trim()
        )))
    }

    fn hardened(&self, args: &[&str]) -> Result<Output> {
        let mut command = Command::new("git");
        command.arg("--git-dir").arg(&self.git_dir);
        HARDENED_CONFIG.iter().for_each(|setting| {
            command.args(["-c", setting]);
        });
        let output = command.args(args).envs(HARDENED.iter().copied()).stdin(Stdio::null()).output();
        let output = output.map_err(|error| {
            Error::Repository(format!(
                "this repository (SHA-256 or reftable) needs `git` on the PATH to list its refs: {error}"
            ))
        })?;
        let message = String::from_utf8_lossy(&output.stderr);
        if message.contains("dubious ownership") {
            return Err(Error::Repository(message.trim().to_owned()));
        }
        Ok(output)
    }

    /// Fetches objects that a remote promised when this partial clone was made into a new bare repository at `scratch`,
    /// whose object directory is returned. Of this repository's configuration only the remote's address is used, and
    /// nothing in it is changed.
    ///
    /// # Errors
    /// No remote promised anything, its address is of no plain protocol, or the remote does not give the objects.
    pub fn fetch_promised(&self, ids: &[ObjectId], scratch: &Path) -> Result<PathBuf> {
        let address = Address::of(&self.promisor()?, self.work_tree.as_deref().unwrap_or(&self.git_dir))?;
        let format = match self.hash {
            HashKind::Sha256 => "--object-format=sha256",
            _ => "--object-format=sha1",
        };
        let mut init = client(scratch, address.protocol);
        init.args(["init", "--quiet", "--bare", "--template=", format, "."]);
        said_yes(&run(&mut init, b"")?)?;
        let mut ids = ids.to_vec();
        for round in 0.. {
            let mut fetch = client(scratch, address.protocol);
            FETCH_CONFIG.iter().for_each(|setting| {
                fetch.args(["-c", setting]);
            });
            fetch.args([
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-recurse-submodules",
                "--stdin",
            ]);
            if address.protocol == "file" {
                fetch.args(["--upload-pack", LOCAL_SERVER]);
            }
            fetch.arg("--").arg(&address.url);
            let wanted: String = ids.iter().map(|id| format!("{id}\n")).collect();
            let output = run(&mut fetch, wanted.as_bytes())?;
            if output.status.success() {
                break;
            }
            // A server that lacks one of them gives none.
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let before = ids.len();
            ids.retain(|id| !said.contains(&id.to_string()));
            if ids.is_empty() || ids.len() == before || round == ROUNDS {
                return Err(said_yes(&output).err().unwrap_or_else(|| Error::Internal("git fetch".into())));
            }
        }
        Ok(scratch.join("objects"))
    }

    /// The address of the remote that promised what is missing.
    fn promisor(&self) -> Result<String> {
        let failed = |error: git2::Error| {
            Error::Repository(format!("{}: {}", self.common_dir.join("config").display(), error.message()))
        };
        let mut config = git2::Config::new().map_err(failed)?;
        config.add_file(&self.common_dir.join("config"), git2::ConfigLevel::Local, true).map_err(failed)?;
        let mut names: Vec<String> = config.get_string("extensions.partialclone").into_iter().collect();
        let mut entries = config.entries(Some("^remote\\..*\\.promisor$")).map_err(failed)?;
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(failed)?;
            let name = entry.name().ok().and_then(|name| name.strip_prefix("remote.")?.strip_suffix(".promisor"));
            names.extend(name.map(str::to_owned));
        }
        drop(entries);
        let address = names.iter().find_map(|name| config.get_string(&format!("remote.{name}.url")).ok());
        address.ok_or_else(|| Error::Repository("no remote of this repository promised to have what is missing".into()))
    }
}

/// Where objects are fetched from.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    url: String,
    protocol: &'static str,
}

impl Address {
    /// Understands an address as git does, as far as it is harmless. Paths start at `base`.
    fn of(url: &str, base: &Path) -> Result<Self> {
        let refused = |why: &str| {
            let url = url.escape_debug();
            Err(Error::Repository(format!("`{url}` {why}; it may be one of {}", PROTOCOLS.join(", "))))
        };
        if url.is_empty() || url.starts_with('-') || url.contains(char::is_control) {
            return refused("is no address");
        }
        if let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| !scheme.contains([':', '/'])) {
            let Some(&protocol) = PROTOCOLS.iter().find(|known| **known == scheme) else {
                return refused("is of a protocol that is not used here");
            };
            // What looks like an option, or names a program to the server's shell.
            return if rest.starts_with('-') {
                refused("is no address")
            } else {
                Ok(Self { url: url.into(), protocol })
            };
        }
        let colon = url.find(':').filter(|colon| url.find('/').is_none_or(|slash| *colon < slash));
        match colon {
            Some(colon) if url[colon..].starts_with("::") => refused("names a program"),
            Some(_) => Ok(Self { url: url.into(), protocol: "ssh" }),
            None => {
                let path = layout::normal(&base.join(url));
                let Some(path) = path.to_str() else { return refused("is no address") };
                Ok(Self { url: path.into(), protocol: "file" })
            }
        }
    }
}

/// A git that knows nothing of the repository that is scanned.
fn client(scratch: &Path, protocol: &str) -> Command {
    let mut command = Command::new("git");
    let is_foreign =
        |name: &OsStr| name.to_str().is_some_and(|name| name.starts_with("GIT_") && !USERS_OWN.contains(&name));
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_foreign(name)) {
        command.env_remove(name);
    }
    command.current_dir(scratch).env("GIT_DIR", scratch).env("GIT_ALLOW_PROTOCOL", protocol);
    for (name, value) in [("GIT_NO_LAZY_FETCH", "1"), ("GIT_TERMINAL_PROMPT", "0"), ("LC_ALL", "C")] {
        command.env(name, value);
    }
    command
}

fn run(command: &mut Command, input: &[u8]) -> Result<Output> {
    let failed = |error| Error::Repository(format!("`git` cannot be run: {error}"));
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(failed)?;
    if let Some(mut pipe) = child.stdin.take() {
        // git reads all of it before it says anything; one that is gone says why.
        let _ = pipe.write_all(input);
    }
    child.wait_with_output().map_err(failed)
}

fn said_yes(output: &Output) -> Result<()> {
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).take(3).collect();
    if output.status.success() { Ok(()) } else { Err(Error::Repository(format!("git fetch: {}", lines.join("; ")))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let of = |url: &str| Address::of(url, Path::new("/nowhere")).map(|it| (it.protocol, it.url)).ok();
        let is = |protocol, url: &str| Some((protocol, url.to_owned()));
        for (url, protocol) in [("https://a.example/b", "https"), ("ssh://a/b", "ssh"), ("file:///a", "file")] {
            assert_eq!(of(url), is(protocol, url));
        }
        assert_eq!(of("git@a.example:b/c.git"), is("ssh", "git@a.example:b/c.git"));
        assert_eq!(of("../b"), is("file", "/nowhere/../b"));
        assert_eq!(of("/b:c"), is("file", "/b:c"));
        for url in [
            "ext::sh -c x",
            "ext://x",
            "fd::3",
            "-x",
            "--upload-pack=x",
            "ssh://-oProxyCommand=x/y",
            "a::b",
            "",
            "https://a\nb",
            "git+ssh://a/b",
            "transport::https://a",
        ] {
            assert_eq!(of(url), None, "{url}");
        }
    }
}
