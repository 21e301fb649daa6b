//! The report of a hook: the first five lines are enough to go on. What, where, and the ways on.

use super::Options;
use super::document::{FindingDoc, PlaceDoc};
use super::page::{ALARM, BOLD, PLAIN, Page};
use super::{rewrite, runbook, text};
use crate::finding::Level;

/// A moment at which something is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// Before a commit: its content.
    Staged,
    /// Before a commit: its message.
    Message,
    /// Before a push.
    Push,
    /// On a server.
    Receive,
}

impl Gate {
    /// The gate that a scan of this mode is.
    pub fn of(mode: &str) -> Option<Self> {
        match mode {
            "staged" => Some(Self::Staged),
            "commit-msg" => Some(Self::Message),
            "pre-push" => Some(Self::Push),
            "pre-receive" => Some(Self::Receive),
            _ => None,
        }
    }

    /// A finding that blocks.
    pub fn open(self, page: &mut Page, finding: &FindingDoc, number: Option<usize>, is_first: bool, options: &Options) {
        text::head(page, finding, number);
        let mut places: Vec<&PlaceDoc> = finding.places.iter().collect();
        // What is new comes before what HEAD has already.
        places.sort_by_key(|place| (place.suppression.is_some(), place.spot.path.is_none()));
        if let Some(first) = places.first() {
            text::place(page, first, options);
        }
        match self {
            Self::Staged => staged(page, finding, places.first().copied(), is_first),
            Self::Message => message(page, is_first),
            Self::Push => push(page, finding, places.first().copied(), is_first),
            Self::Receive => receive(page, finding, places.first().copied()),
        }
        text::further(page, &places, options);
        text::details(page, finding, options);
        for advice in &finding.setting {
            page.paragraph("  ", PLAIN, advice);
        }
        let shared = match finding.level {
            _ if self == Self::Receive => {
                "It did not get in here: nothing has leaked, unless it was shared in another way."
            }
            Level::Staged => "In no commit yet: nothing has leaked, unless it was shared in another way.",
            Level::Local => {
                "In this clone alone, as far as it knows: nothing has leaked, unless it was shared in another way."
            }
            _ => finding.level.meaning(),
        };
        let style = if finding.level == Level::Pushed { ALARM } else { PLAIN };
        page.paragraph("  ", style, &format!("{shared} Then: `keysieve guide {}`", finding.rule));
    }
}

fn staged(page: &mut Page, finding: &FindingDoc, place: Option<&PlaceDoc>, is_first: bool) {
    let commands = runbook::unstage_commands(finding);
    let take = commands.first().map_or("edit the file", String::as_str);
    way(page, "take it out", take, "");
    for command in commands.iter().skip(1).take(4) {
        way(page, "", command, "");
    }
    if commands.len() > 5 {
        way(page, "", "", &format!("and the same for {} more", commands.len() - 5));
    }
    allow(page, finding, place);
    if is_first {
        way(page, "skip once", "KEYSIEVE_SKIP=1 git commit …", "");
        let path = place.map_or("<path>".into(), |place| runbook::path_of(&place.spot));
        let name = place.filter(|place| place.spot.exact).and_then(|place| place.spot.path.as_deref());
        let then =
            "Then read the value from an environment variable or a secret manager, `git add` the file and commit.";
        page.paragraph("  ", PLAIN, then);
        // From wherever in the repository git was called.
        let ignore = "\"$(git rev-parse --show-cdup).gitignore\"";
        if let Some(name) = name.filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || "-._/".contains(c))) {
            let keep = format!(
                "Or keep the whole file out of git: `echo /{name} >> {ignore} && git rm --cached -f -q {path}`"
            );
            page.paragraph("  ", PLAIN, &keep);
        }
    }
}

fn message(page: &mut Page, is_first: bool) {
    way(page, "take it out", "git commit --edit --file \"$(git rev-parse --git-path COMMIT_EDITMSG)\"", "");
    if is_first {
        way(page, "skip once", "KEYSIEVE_SKIP=1 git commit …", "");
    }
}

fn push(page: &mut Page, finding: &FindingDoc, place: Option<&PlaceDoc>, is_first: bool) {
    page.paragraph("  ", BOLD, "Nothing was pushed: the commit is still only here. Rewrite it, then push:");
    rewrite::steps(page, 4, place, finding.known.kind);
    allow(page, finding, place);
    if is_first {
        way(page, "skip once", "KEYSIEVE_SKIP=1 git push …", "");
    }
}

fn receive(page: &mut Page, finding: &FindingDoc, place: Option<&PlaceDoc>) {
    page.paragraph("  ", BOLD, "Rejected, so it was not stored. Rewrite the commit, then push:");
    rewrite::steps(page, 4, place, finding.known.kind);
    let ask = format!("No secret, or accepted? The server's administrator can allow {}.", finding.fingerprint);
    page.paragraph("  ", PLAIN, &ask);
}

/// How to say that it is no secret, at its place.
fn allow(page: &mut Page, finding: &FindingDoc, place: Option<&PlaceDoc>) {
    let spot = place.map(|place| &place.spot);
    let line = spot.and_then(|spot| spot.line);
    match (comment(spot.and_then(|spot| spot.path.as_deref()).unwrap_or_default()), line) {
        (Some((open, close)), Some(line)) => {
            let marker = format!("{open}keysieve:allow={} REASON{close}", finding.rule);
            way(page, "allow it", &marker, &format!("at the end of line {line}"));
        }
        _ => way(page, "allow it", &format!("keysieve allow {} --reason '…'", finding.fingerprint), ""),
    }
}

fn way(page: &mut Page, name: &str, command: &str, note: &str) {
    let lead = if name.is_empty() { String::new() } else { format!("{name}:") };
    page.way(&format!("  {lead:<13}"), command, note);
}

/// How a comment begins and ends in a file of this name; `None` if there are none, or who knows which.
fn comment(path: &str) -> Option<(&'static str, &'static str)> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    Some(match extension.as_str() {
        "c" | "h" | "cc" | "cpp" | "hpp" | "cs" | "dart" | "go" | "gradle" | "groovy" | "java" | "js" | "jsx"
        | "kt" | "kts" | "m" | "mjs" | "cjs" | "php" | "proto" | "rs" | "scala" | "scss" | "swift" | "ts" | "tsx"
        | "zig" => ("// ", ""),
        "css" | "less" => ("/* ", " */"),
        "sql" | "lua" | "hs" | "elm" => ("-- ", ""),
        "html" | "htm" | "md" | "svg" | "vue" | "xml" | "xhtml" => ("<!-- ", " -->"),
        "ini" | "clj" | "el" | "lisp" | "asm" => ("; ", ""),
        "tex" | "erl" => ("% ", ""),
        "bash" | "cfg" | "conf" | "env" | "ex" | "exs" | "hcl" | "jl" | "nix" | "pl" | "properties" | "ps1" | "py"
        | "r" | "rb" | "sh" | "tf" | "tfvars" | "toml" | "yaml" | "yml" | "zsh" => ("# ", ""),
        _ if name.starts_with(".env") || matches!(name, "Dockerfile" | "Makefile" | "Gemfile" | "Rakefile") => {
            ("# ", "")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_of_files() {
        assert_eq!(comment("a/b.RS"), Some(("// ", "")));
        assert_eq!(comment("a/.env.local"), Some(("# ", "")));
        assert_eq!(comment("page.html"), Some(("<!-- ", " -->")));
        assert_eq!(comment("data.json"), None);
        assert_eq!(comment("LICENSE"), None);
    }
}
