//! YAML with positions: a document becomes a tree of [`Node`]s, each of which knows its line and
//! column, and a [`Map`] reader that collects every fault instead of stopping at the first.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::Spanned;

/// What is wrong in a file, and where (1-based).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Line, 1-based; 0 if the fault has no place.
    pub line: u64,
    /// Column, 1-based.
    pub column: u64,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.message),
            _ => write!(f, "{}:{}: {}", self.line, self.column, self.message),
        }
    }
}

/// A position in the file, 1-based.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pos {
    line: u64,
    column: u64,
}

impl Pos {
    /// A fault at this position.
    pub fn fault(self, message: impl Into<String>) -> Fault {
        Fault { line: self.line, column: self.column, message: message.into() }
    }
}

/// A YAML value and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where the value starts.
    pub at: Pos,
    /// The value itself.
    pub value: Value,
}

/// The YAML values that our files use.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Any number.
    Number(f64),
    /// A string.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in file order.
    Map(Vec<(Node, Node)>),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// Parses one YAML document.
///
/// # Errors
/// Broken YAML, with its line and column.
pub fn parse(text: &str) -> Result<Node, Fault> {
    serde_yaml::from_str::<Node>(text).map_err(|error| {
        let at = error.location().map_or(Pos::default(), |l| Pos { line: l.line(), column: l.column() });
        let message = error.without_snippet().to_string();
        let first = message.lines().next().unwrap_or("cannot be read").to_owned();
        at.fault(format!("not valid YAML: {first}"))
    })
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        let at = Pos { line: spanned.referenced.line(), column: spanned.referenced.column() };
        Ok(Self { at, value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Number(v as f64))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::Number(v as f64))
    }
    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(Value::Number(v))
    }
    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::Text(v.to_owned()))
    }
    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(Value::Text(v))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = seq.next_element()? {
            list.push(node);
        }
        Ok(Value::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }
}

/// Reads the fields of one mapping and collects what is wrong with them.
pub struct Map<'a> {
    at: Pos,
    what: &'a str,
    fields: Vec<(&'a Node, &'a Node, bool)>,
    known: Vec<&'static str>,
}

impl<'a> Map<'a> {
    /// `node` as a mapping; `what` names it in messages ("a rule"). Anything else is a fault.
    pub fn new(node: &'a Node, what: &'a str, faults: &mut Vec<Fault>) -> Self {
        let mut map = Self { at: node.at, what, fields: Vec::new(), known: Vec::new() };
        match &node.value {
            Value::Map(entries) => {
                map.fields = entries.iter().map(|(key, value)| (key, value, false)).collect();
            }
            other => faults.push(node.at.fault(format!("{what} must be a mapping, not {}", other.kind()))),
        }
        map
    }

    /// Where the mapping starts.
    pub fn at(&self) -> Pos {
        self.at
    }

    /// The fields that no one asked for yet, as name, its place, and value; for free-form mappings.
    pub fn rest(mut self) -> Vec<(String, Pos, &'a Node)> {
        self.fields.retain(|(_, _, used)| !used);
        self.fields
            .iter()
            .map(|(key, value, _)| {
                let name = match &key.value {
                    Value::Text(name) => name.clone(),
                    Value::Number(number) => number.to_string(),
                    other => format!("{other:?}"),
                };
                (name, key.at, *value)
            })
            .collect()
    }

    /// The value of a field, if it is there and not null.
    pub fn get(&mut self, name: &'static str) -> Option<&'a Node> {
        self.known.push(name);
        let found = self.fields.iter_mut().find(|(key, _, _)| matches!(&key.value, Value::Text(k) if k == name))?;
        found.2 = true;
        (!matches!(found.1.value, Value::Null)).then_some(found.1)
    }

    /// A text field, if it is there. Numbers and booleans count as written.
    pub fn text(&mut self, name: &'static str, faults: &mut Vec<Fault>) -> Option<String> {
        let node = self.get(name)?;
        as_text(node, name, faults)
    }

    /// A text field that must be there and not be empty.
    pub fn required_text(&mut self, name: &'static str, faults: &mut Vec<Fault>) -> String {
        let text = self.text(name, faults).unwrap_or_default();
        if text.trim().is_empty() {
            faults.push(self.at.fault(format!("{} needs `{name}`", self.what)));
        }
        text
    }

    /// A list of texts; absent is empty, a single text is a list of one.
    pub fn texts(&mut self, name: &'static str, faults: &mut Vec<Fault>) -> Vec<String> {
        match self.get(name) {
            None => Vec::new(),
            Some(Node { value: Value::List(list), .. }) => {
                list.iter().filter_map(|node| as_text(node, name, faults)).collect()
            }
            Some(node) => as_text(node, name, faults).into_iter().collect(),
        }
    }

    /// A list of nodes; absent is empty.
    pub fn list(&mut self, name: &'static str, faults: &mut Vec<Fault>) -> &'a [Node] {
        match self.get(name) {
            None => &[],
            Some(Node { value: Value::List(list), .. }) => list,
            Some(node) => {
                faults.push(node.at.fault(format!("`{name}` must be a list, not {}", node.value.kind())));
                &[]
            }
        }
    }

    /// A boolean field.
    pub fn flag(&mut self, name: &'static str, default: bool, faults: &mut Vec<Fault>) -> bool {
        match self.get(name) {
            None => default,
            Some(Node { value: Value::Bool(flag), .. }) => *flag,
            Some(node) => {
                faults.push(node.at.fault(format!("`{name}` must be true or false, not {}", node.value.kind())));
                default
            }
        }
    }

    /// A number field.
    pub fn number(&mut self, name: &'static str, faults: &mut Vec<Fault>) -> Option<f64> {
        let node = self.get(name)?;
        match &node.value {
            Value::Number(number) => Some(*number),
            other => {
                faults.push(node.at.fault(format!("`{name}` must be a number, not {}", other.kind())));
                None
            }
        }
    }

    /// A whole number that is not negative.
    pub fn count(&mut self, name: &'static str, faults: &mut Vec<Fault>) -> Option<usize> {
        let at = self.fields.iter().find(|(k, _, _)| matches!(&k.value, Value::Text(k) if k == name)).map(|f| f.1.at);
        let number = self.number(name, faults)?;
        if number < 0.0 || number.fract() != 0.0 || number > 1e9 {
            faults.push(at.unwrap_or(self.at).fault(format!("`{name}` must be a whole number, 0 or more")));
            return None;
        }
        Some(number as usize)
    }

    /// One word of a closed list.
    pub fn choice<T: Copy>(&mut self, name: &'static str, choices: &[(&str, T)], faults: &mut Vec<Fault>) -> Option<T> {
        let at = self.get(name)?.at;
        let text = self.text(name, faults)?;
        let found = choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            faults.push(at.fault(format!("`{name}` is `{text}`; it must be one of {}", words.join(", "))));
        }
        found
    }

    /// The place of a field's value, or of the mapping if the field is absent.
    pub fn place(&self, name: &str) -> Pos {
        let field = self.fields.iter().find(|(key, _, _)| matches!(&key.value, Value::Text(k) if k == name));
        field.map_or(self.at, |(_, value, _)| value.at)
    }

    /// Every field that was not asked for is a fault, with the nearest known name.
    pub fn finish(self, faults: &mut Vec<Fault>) {
        let (what, mut known) = (self.what, self.known.clone());
        let mut seen = std::collections::HashSet::new();
        known.retain(|name| seen.insert(*name));
        for (name, at, _) in self.rest() {
            let hint = match nearest(&name, &known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known keys: {}", known.join(", ")),
            };
            faults.push(at.fault(format!("unknown key `{name}` in {what}; {hint}")));
        }
    }
}

fn as_text(node: &Node, name: &str, faults: &mut Vec<Fault>) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        other => {
            faults.push(node.at.fault(format!("`{name}` must be a string, not {}", other.kind())));
            None
        }
    }
}

/// The candidate that is at most two edits away from `word`, if there is one.
pub fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let scored = candidates.iter().map(|candidate| (edits(word, candidate), *candidate));
    scored.min().filter(|(distance, _)| *distance <= 2.max(word.len() / 4)).map(|(_, candidate)| candidate)
}

/// Levenshtein distance, over bytes.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
