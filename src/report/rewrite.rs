//! How to take something out of a commit that was not pushed: commands that work as they are printed.

use super::document::{CommitDoc, PlaceDoc};
use super::page::{BOLD, DIM, Page};
use super::runbook::{path_of, plain_path_of, short};
use crate::blob::PlaceKind;
use crate::rules::Kind;

/// The steps for the commit of a place, indented by `lead`. `git commit --fixup` is not among them: it wants the file as the
/// branch has it now, which may have lost the secret or the file since, and git stops where it leaves a commit empty.
pub(super) fn steps(page: &mut Page, lead: usize, place: Option<&PlaceDoc>, kind: Kind) {
    let what = place.map_or(PlaceKind::Content, |place| place.what);
    if what == PlaceKind::Tag {
        return tag(page, lead, place);
    }
    if what == PlaceKind::Ref {
        return page.paragraph(&" ".repeat(lead), DIM, "give the branch or tag another name, and push that");
    }
    let commit = place.and_then(|place| place.commit.as_ref());
    let branch = place.and_then(branch_of);
    let indent = " ".repeat(lead);
    for line in stop_at(commit, branch) {
        match line {
            Step::Run(command) => page.verbatim(lead, BOLD, &command),
            Step::Do(text) => page.paragraph(&indent, DIM, &text),
        }
    }
    let path = place.map_or("<path>".into(), |place| path_of(&place.spot));
    let (todo, take) = match what {
        PlaceKind::CommitMessage => ("take it out of the message:", "git commit --amend --allow-empty".to_owned()),
        PlaceKind::Author | PlaceKind::Committer => (
            "set user.name and user.email right, then",
            "git commit --amend --no-edit --allow-empty --reset-author".to_owned(),
        ),
        PlaceKind::Path => {
            ("give the file another name with `git mv`, then", "git commit --amend --no-edit --allow-empty".to_owned())
        }
        _ if kind == Kind::File => (
            "take the file out, add a line for it to .gitignore, then",
            format!("git rm --cached {path} && git commit --amend --no-edit --allow-empty"),
        ),
        _ => (
            "take the value out of the file, then",
            format!("git add {path} && git commit --amend --no-edit --allow-empty"),
        ),
    };
    page.paragraph(&indent, DIM, todo);
    page.verbatim(lead, BOLD, &take);
    page.verbatim(lead, BOLD, "git rebase --continue");
    if what == PlaceKind::Content {
        let path = place.map_or("<path>".into(), |place| plain_path_of(&place.spot));
        let refs = match commit {
            Some(commit) if commit.parents == 0 => branch.unwrap_or("HEAD").to_owned(),
            _ => format!("{}~1..{}", id_of(commit), branch.unwrap_or("HEAD")),
        };
        let others = format!(
            "A file that should not be there at all: commit or stash all else, then \
             `git filter-repo --force --invert-paths --path {path} --refs {refs}`"
        );
        page.paragraph(&indent, DIM, &others);
    }
}

enum Step {
    Run(String),
    Do(String),
}

/// Makes git stop at the commit, with it checked out.
fn stop_at(commit: Option<&CommitDoc>, branch: Option<&str>) -> Vec<Step> {
    let id = id_of(commit);
    let parents = commit.map_or(1, |commit| commit.parents);
    let onto = if parents == 0 { "--root".to_owned() } else { format!("{id}~1") };
    let branch = branch.map(|branch| format!(" {branch}")).unwrap_or_default();
    if parents > 1 {
        return vec![
            Step::Run(format!("git rebase -i -r {onto}{branch}")),
            Step::Do(format!("with a line `break` below that of {}; then", id.get(..7).unwrap_or(id))),
        ];
    }
    match commit {
        // git writes at least seven digits, and may shorten `pick`; sed of any system takes -i with a suffix.
        Some(_) => {
            let line = id.get(..7).unwrap_or(id);
            vec![Step::Run(format!("git -c sequence.editor='sed -i.k /{line}/s/p[a-z]*/e/' rebase -i {onto}{branch}"))]
        }
        None => vec![
            Step::Run(format!("git rebase -i {onto}{branch}")),
            Step::Do("with `edit` for the line of the commit, then".to_owned()),
        ],
    }
}

fn tag(page: &mut Page, lead: usize, place: Option<&PlaceDoc>) {
    let name = place.and_then(|place| place.reference.as_deref()).unwrap_or("<tag>");
    let name = name.strip_prefix("refs/tags/").unwrap_or(name);
    let name = if is_plain(name) { name } else { "<tag>" };
    page.verbatim(lead, BOLD, &format!("git tag -a -f {name} '{name}^{{}}'"));
}

/// The branch that has the commit, if it is not the one that is checked out.
fn branch_of(place: &PlaceDoc) -> Option<&str> {
    let name = place.reference.as_deref()?.strip_prefix("refs/heads/")?;
    Some(if is_plain(name) { name } else { "<branch>" })
}

fn is_plain(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || "-._/".contains(c)) && !name.starts_with('-')
}

fn id_of(commit: Option<&CommitDoc>) -> &str {
    commit.map_or("<commit>", |commit| short(&commit.id))
}
