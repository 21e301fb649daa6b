//! Which rules about whole files a path makes worth a look. Only the last part of a path counts: that is what a tree
//! of git has at hand, and a folder adds little to a name such as `master.key`.

use std::collections::HashMap;

use super::{Rule, RuleSet, magic};

/// The names of all rules about files.
#[derive(Debug, Default)]
pub struct FileNames {
    whole: HashMap<&'static [u8], Vec<&'static Rule>>,
    /// Those with a `*`, by the byte that such a name ends with, or begins with if the `*` is last: all names of a
    /// history are looked up.
    open: HashMap<(bool, u8), Vec<(&'static str, &'static Rule)>>,
}

impl FileNames {
    /// The names of a rule set. Cheap: every commit pays for it.
    pub fn of(rules: &RuleSet) -> Self {
        let mut names = Self::default();
        for rule in rules.files() {
            for name in rule.names {
                match name.contains('*') {
                    true => names.open.entry(mark(name)).or_default().push((name, rule)),
                    false => names.whole.entry(name.as_bytes()).or_default().push(rule),
                }
            }
        }
        names
    }

    /// The rules that the last part of a path speaks for, each once, in the order of the rules' ids.
    pub fn fitting(&self, path: &[u8]) -> Vec<&'static Rule> {
        let name = last_part(path);
        let mut rules = self.whole.get(name).cloned().unwrap_or_default();
        rules.extend(self.open(name).filter(|(pattern, _)| magic::fits(pattern, name)).map(|(_, rule)| rule));
        rules.sort_by_key(|rule| rule.id);
        rules.dedup_by_key(|rule| rule.id);
        rules
    }

    /// Whether any rule is about files called so.
    pub fn knows(&self, path: &[u8]) -> bool {
        let name = last_part(path);
        self.open(name).any(|(pattern, _)| magic::fits(pattern, name)) || self.whole.contains_key(name)
    }

    /// The names with a `*` that may fit.
    fn open(&self, name: &[u8]) -> impl Iterator<Item = &(&'static str, &'static Rule)> {
        let ends = name.first().zip(name.last());
        let marks = ends.map(|(first, last)| [(false, *last), (true, *first)]);
        marks.into_iter().flatten().filter_map(|mark| self.open.get(&mark)).flatten()
    }
}

/// Whether a name with a `*` ends with it, and the byte at its other end. A lone `*` fits nothing.
fn mark(name: &str) -> (bool, u8) {
    let bytes = name.as_bytes();
    match bytes {
        [first, .., b'*'] => (true, *first),
        [.., last] => (false, *last),
        [] => (false, 0),
    }
}

fn last_part(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}
