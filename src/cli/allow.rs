//! `keysieve allow`: writes an entry into `.keysieve.yaml` and leaves the rest of the file as it is.

use std::path::{Path, PathBuf};

use keysieve::error::{Error, Result};
use keysieve::git::Repo;
use keysieve::suppress::Allowed;

use super::args::Allow;
use super::exit::Exit;
use crate::config::{Config, NAME};

/// Adds an accepted secret to the configuration.
pub fn run(args: Allow) -> Result<Exit> {
    let repo = Repo::discover(Path::new("."), true)?;
    let root = match &repo {
        Some(repo) => repo.work_tree.clone().ok_or_else(|| {
            Error::Usage(format!("a bare repository has its {NAME} in HEAD: allow it in a clone and push that"))
        })?,
        None => PathBuf::from("."),
    };
    let before = Config::found(repo.as_ref(), &root)?;
    let path = root.join(NAME);
    let is_whole = |known: &Allowed| known.paths.is_none() && known.until.is_none();
    if before.allow.iter().any(|known| known.fingerprint == args.fingerprint && is_whole(known)) {
        super::to_stdout(|out| writeln!(out, "{NAME} allows {} already", args.fingerprint))?;
        return Ok(Exit::Clean);
    }
    let old = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(source) => return Err(Error::Read { path, source }),
    };
    let entry = entry(&args);
    let new = added(&old, &entry);
    // What was written must say what was asked, or it is not written.
    let read = Config::read(&new, NAME, Some(&root));
    if !read.as_ref().is_ok_and(|config| config.allow.len() == before.allow.len() + 1) {
        let written = format!("allow:\n{}", indented(&entry, "  "));
        return Err(match read {
            Err(error) if old.is_empty() => error,
            _ => Error::Usage(format!(
                "{NAME} is written in a way that keysieve cannot add to. Put this into it by hand:\n{written}"
            )),
        });
    }
    replace(&path, &new).map_err(|source| Error::Write { what: path.display().to_string(), source })?;
    super::to_stdout(|out| writeln!(out, "{NAME} now allows {}; commit it with your change", args.fingerprint))?;
    Ok(Exit::Clean)
}

/// Whole or not at all.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let draft = path.with_file_name(format!("{NAME}.{}", std::process::id()));
    let written = std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    written
}

/// The lines of an entry, the first with its dash.
fn entry(args: &Allow) -> Vec<String> {
    let mut lines = vec![format!("- fingerprint: {}", quoted(&args.fingerprint))];
    lines.push(format!("  reason: {}", quoted(&args.reason)));
    if !args.paths.is_empty() {
        let paths: Vec<String> = args.paths.iter().map(|path| quoted(path)).collect();
        lines.push(format!("  paths: [{}]", paths.join(", ")));
    }
    lines.extend(args.until.iter().map(|until| format!("  until: {}", quoted(until))));
    lines
}

/// In double quotes of YAML.
fn quoted(text: &str) -> String {
    let mut all = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => all.extend(['\\', c]),
            c if c.is_control() => all.push(' '),
            c => all.push(c),
        }
    }
    all.push('"');
    all
}

fn indented(lines: &[String], indent: &str) -> String {
    lines.iter().map(|line| format!("{indent}{line}\n")).collect()
}

/// The file with the entry as the first of its `allow:` list, or with such a list at the end.
fn added(old: &str, entry: &[String]) -> String {
    let mut at = 0;
    let mut lines = old.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        at += line.len();
        if line.trim_end() == "allow:" {
            let items = lines.find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
            let indent = items.filter(|item| item.trim_start().starts_with("- "));
            let indent = indent.map_or("  ", |item| &item[..item.len() - item.trim_start().len()]);
            let end = if line.ends_with('\n') { "" } else { "\n" };
            return format!("{}{end}{}{}", &old[..at], indented(entry, indent), &old[at..]);
        }
    }
    let end = if old.is_empty() || old.ends_with('\n') { "" } else { "\n" };
    format!("{old}{end}allow:\n{}", indented(entry, "  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_goes_where_the_list_is() {
        let entry = ["- fingerprint: x".to_owned(), "  reason: y".to_owned()];
        assert_eq!(added("", &entry), "allow:\n  - fingerprint: x\n    reason: y\n");
        assert_eq!(added("skip: [a]", &entry), "skip: [a]\nallow:\n  - fingerprint: x\n    reason: y\n");
        assert_eq!(
            added("allow:\n# old\n- fingerprint: o\n  reason: p\nskip: [a]\n", &entry),
            "allow:\n- fingerprint: x\n  reason: y\n# old\n- fingerprint: o\n  reason: p\nskip: [a]\n"
        );
        assert_eq!(quoted("a \"b\" \\ c\n"), "\"a \\\"b\\\" \\\\ c \"");
    }
}
