//! `.keysieve.yaml`: what a repository says about how it is scanned. It is untrusted: it can leave things out, and every
//! report says what, but it cannot run a program, reach the network, or read outside the repository.

use std::path::{Path, PathBuf};

use globset::GlobSet;
use keysieve::baseline::Baseline;
use keysieve::blob::ObjectId;
use keysieve::error::{Error, Result};
use keysieve::git::{Mode, Repo};
use keysieve::pack::Kind;
use keysieve::suppress::Allowed;
use keysieve::yaml::{self, Fault, Map, Node};
use keysieve::{globs, time};

/// The file's name at the root of a repository.
pub const NAME: &str = ".keysieve.yaml";
/// A configuration has no reason to be larger.
const MAX_SIZE: u64 = 1 << 20;

/// What a configuration file says.
#[derive(Debug, Default)]
pub struct Config {
    /// Where it was read from.
    pub source: String,
    /// Paths that are left out.
    pub skip: GlobSet,
    /// The same as written.
    pub skip_globs: Vec<String>,
    /// Rules to turn on.
    pub enable: Vec<String>,
    /// Rules to turn off.
    pub disable: Vec<String>,
    /// Own rule files.
    pub rules: Vec<PathBuf>,
    /// Own rule files that are not on disk: what they are called, and their text.
    pub rule_texts: Vec<(String, String)>,
    /// Secrets that are accepted.
    pub allow: Vec<Allowed>,
    /// What was judged already, in a file of its own beside it.
    pub baseline: Option<Baseline>,
    /// What hooks do when they cannot scan everything: let it pass with a warning (`warn`), or block.
    pub warn_on_error: bool,
    /// On a server: whether markers in what is pushed count.
    pub inline_allows: bool,
}

impl Config {
    /// The configuration that somebody named.
    ///
    /// # Errors
    /// It cannot be read, or has faults.
    pub fn named(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        Self::read(&text, &path.display().to_string(), path.parent())
    }

    /// The configuration at the root of a repository (of a bare one, in HEAD's tree), or at the root of a folder.
    ///
    /// # Errors
    /// It cannot be read, or has faults.
    pub fn found(repo: Option<&Repo>, folder: &Path) -> Result<Self> {
        if let Some(repo) = repo.filter(|repo| repo.is_bare()) {
            let head = repo.head()?;
            return head.map_or_else(|| Ok(Self::default()), |head| Self::at(repo, &head, "HEAD", NAME));
        }
        let root = repo.and_then(|repo| repo.work_tree.as_deref()).unwrap_or(folder);
        let path = root.join(NAME);
        let failed = |source| Error::Read { path: path.clone(), source };
        let data = match std::fs::symlink_metadata(&path) {
            Ok(data) => data,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => return Ok(Self::default()),
            Err(error) => return Err(failed(error)),
        };
        if !data.is_file() || data.len() > MAX_SIZE {
            let why = "must be a plain file of at most 1 MiB, not a link; or use --no-config";
            return Err(Error::Usage(format!("{}: {why}", path.display())));
        }
        let text = std::fs::read_to_string(&path).map_err(failed)?;
        Self::read(&text, NAME, Some(root))
    }

    /// The configuration that a commit has at a path, with the rule files that it names as that commit has them; the
    /// default if it has none there.
    ///
    /// # Errors
    /// It cannot be read, or has faults.
    pub fn at(repo: &Repo, commit: &ObjectId, named: &str, path: &str) -> Result<Self> {
        let Some(tree) = repo.tree_of(commit) else { return Ok(Self::default()) };
        let Some(blob) = repo.blob_at(&tree, path.as_bytes()) else { return Ok(Self::default()) };
        let source = format!("{named}:{path}");
        let mut bytes = Vec::new();
        if repo.read(&blob, Kind::Blob, &mut bytes).is_err() {
            return Err(Error::Repository(format!("{source}: the object {blob} is missing or damaged")));
        }
        if bytes.len() as u64 > MAX_SIZE {
            return Err(Error::Usage(format!("{source}: must be at most 1 MiB; or use --no-config")));
        }
        Self::parse(&String::from_utf8_lossy(&bytes), &source, &Root::Tree(repo, tree, named))
    }

    /// Adds the rule file, or the folder of them, that a commit has at a path; `None` if it has none there.
    pub fn add_rules_at(&mut self, repo: &Repo, commit: &ObjectId, named: &str, path: &str) -> Option<()> {
        let texts = texts_at(repo, &repo.tree_of(commit)?, named, path)?;
        self.rule_texts.extend(texts);
        Some(())
    }

    /// The configuration that a text is.
    ///
    /// # Errors
    /// It has faults.
    pub fn read(text: &str, source: &str, root: Option<&Path>) -> Result<Self> {
        Self::parse(text, source, &root.map_or(Root::Nowhere, Root::Folder))
    }

    fn parse(text: &str, source: &str, root: &Root<'_>) -> Result<Self> {
        let mut faults = Vec::new();
        let mut config = Self { source: source.to_owned(), ..Self::default() };
        match yaml::parse(text) {
            Ok(Node { value: yaml::Value::Null, .. }) => {}
            Ok(node) => config.fill(&node, root, &mut faults),
            Err(fault) => faults.push(fault),
        }
        if faults.is_empty() {
            return Ok(config);
        }
        faults.sort();
        Err(Error::Faults { faults: faults.iter().map(|fault| format!("{source}:{fault}")).collect() })
    }

    fn fill(&mut self, node: &Node, root: &Root<'_>, faults: &mut Vec<Fault>) {
        let mut map = Map::new(node, "the configuration", faults);
        let at = map.place("skip");
        self.skip_globs = map.texts("skip", faults);
        self.skip = globs::paths(self.skip_globs.iter().map(String::as_str), |why| faults.push(at.fault(why)));
        self.enable = map.texts("enable", faults);
        self.disable = map.texts("disable", faults);
        let at = map.place("rules");
        for name in map.texts("rules", faults) {
            let found = match root {
                Root::Folder(root) => inside(root, &name).map(|path| self.rules.push(path)),
                Root::Tree(repo, tree, named) => {
                    texts_at(repo, tree, named, &name).map(|texts| self.rule_texts.extend(texts))
                }
                Root::Nowhere => None,
            };
            if found.is_none() {
                faults.push(at.fault(format!("`{name}` is not a file in the repository; use --rules for others")));
            }
        }
        for node in map.list("allow", faults) {
            self.allow.extend(allowed(node, faults));
        }
        self.hook(&mut map, faults);
        map.finish(faults);
    }

    fn hook(&mut self, map: &mut Map<'_>, faults: &mut Vec<Fault>) {
        let Some(node) = map.get("hook") else { return };
        let mut map = Map::new(node, "`hook`", faults);
        let at = map.place("on-error");
        match map.text("on-error", faults).as_deref() {
            None | Some("block") => {}
            Some("warn") => self.warn_on_error = true,
            Some(other) => faults.push(at.fault(format!("`on-error` must be `block` or `warn`, not `{other}`"))),
        }
        self.inline_allows = map.flag("inline-allows", false, faults);
        map.finish(faults);
    }

    /// What the configuration turns off, a sentence each.
    pub fn notices(&self) -> Vec<String> {
        let mut notices = Vec::new();
        let source = &self.source;
        if !self.skip_globs.is_empty() {
            notices.push(format!("{source} skips {}", self.skip_globs.join(", ")));
        }
        if !self.disable.is_empty() {
            notices.push(format!("{source} turns off {}", self.disable.join(", ")));
        }
        notices
    }
}

fn allowed(node: &Node, faults: &mut Vec<Fault>) -> Option<Allowed> {
    let before = faults.len();
    let mut map = Map::new(node, "an allow entry", faults);
    let fingerprint = map.required_text("fingerprint", faults);
    let at = map.place("fingerprint");
    if !fingerprint.starts_with("ks1:") && !fingerprint.starts_with("ks1k:") {
        faults.push(at.fault("`fingerprint` must be one that a report shows: ks1:…"));
    }
    let reason = map.required_text("reason", faults);
    let at = map.place("paths");
    let paths = map.texts("paths", faults);
    let paths =
        (!paths.is_empty()).then(|| globs::paths(paths.iter().map(String::as_str), |why| faults.push(at.fault(why))));
    let at = map.place("until");
    let until = map.text("until", faults);
    if until.as_ref().is_some_and(|date| !time::is_date(date)) {
        faults.push(at.fault("`until` must be a date, YYYY-MM-DD"));
    }
    map.finish(faults);
    (faults.len() == before).then_some(Allowed { fingerprint, paths, reason, until })
}

/// What the paths in a configuration start from.
enum Root<'a> {
    /// A folder.
    Folder(&'a Path),
    /// The tree of a commit, and what that is called.
    Tree(&'a Repo, ObjectId, &'a str),
    /// Nothing: there can be no paths.
    Nowhere,
}

/// A file that really is in the repository, links resolved.
fn inside(root: &Path, name: &str) -> Option<PathBuf> {
    let root = root.canonicalize().ok()?;
    let path = root.join(name).canonicalize().ok()?;
    path.starts_with(&root).then_some(path)
}

/// The rule files that a tree has at a path, which may be a folder of them; links are not followed.
fn texts_at(repo: &Repo, tree: &ObjectId, named: &str, name: &str) -> Option<Vec<(String, String)>> {
    let path = name.trim_end_matches('/').trim_start_matches("./");
    let (mode, id) = repo.entry_at(tree, path.as_bytes())?;
    let mut bytes = Vec::new();
    let mut text = |id: &ObjectId, path: &str| {
        repo.read(id, Kind::Blob, &mut bytes).ok()?;
        Some((format!("{named}:{path}"), String::from_utf8_lossy(&bytes).into_owned()))
    };
    if mode == Mode::Blob {
        return text(&id, path).map(|text| vec![text]);
    }
    let entries = repo.names_in(&id).into_iter().filter(|(mode, _)| *mode == Mode::Blob);
    let names = entries.filter_map(|(_, name)| String::from_utf8(name).ok());
    let paths = names.filter(|n| n.ends_with(".yaml") || n.ends_with(".yml")).map(|name| format!("{path}/{name}"));
    paths.map(|path| text(&repo.blob_at(tree, path.as_bytes())?, &path)).collect()
}
