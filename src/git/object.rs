//! Commits and tags, parsed leniently: old and odd objects are read as far as they make sense.

use crate::blob::ObjectId;

/// A commit, borrowing its texts from the object.
#[derive(Debug)]
pub struct Commit<'a> {
    /// Its root tree.
    pub tree: ObjectId,
    /// Its parents, in order.
    pub parents: Vec<ObjectId>,
    /// `Name <mail>` of the author.
    pub author: &'a [u8],
    /// `Name <mail>` of the committer.
    pub committer: &'a [u8],
    /// Committer date, seconds since 1970.
    pub seconds: i64,
    /// Committer's offset from UTC in minutes.
    pub offset: i32,
    /// The message.
    pub message: &'a [u8],
    /// Header lines of other sorts: the tags that a merge was of, with their messages, and whatever else programs write. Not
    /// signatures over the commit, which are the last.
    pub others: &'a [u8],
}

impl<'a> Commit<'a> {
    /// Parses a commit object; `None` if it has no readable tree.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, message) = split_header(bytes);
        let (mut commit, mut has_others) = (None, false);
        for line in header.split(|b| *b == b'\n') {
            match (commit.as_mut(), line.split_once_byte(b' ')) {
                (None, Some((b"tree", id))) => {
                    let tree = ObjectId::from_hex(id).ok()?;
                    let empty: &[u8] = b"";
                    commit = Some(Self {
                        tree,
                        parents: vec![],
                        author: empty,
                        committer: empty,
                        seconds: 0,
                        offset: 0,
                        message,
                        others: empty,
                    });
                }
                (Some(commit), Some((b"parent", id))) => commit.parents.extend(ObjectId::from_hex(id)),
                (Some(commit), Some((b"author", rest))) => commit.author = identity(rest).0,
                (Some(commit), Some((b"committer", rest))) => {
                    (commit.committer, commit.seconds, commit.offset) = identity(rest);
                }
                (Some(commit), _) if !has_others => {
                    let start = line.as_ptr() as usize - bytes.as_ptr() as usize;
                    commit.others = others(&header[start..]);
                    has_others = true;
                }
                _ => {}
            }
        }
        commit
    }

    /// The first line of the message.
    pub fn subject(&self) -> String {
        let line = self.message.split(|b| *b == b'\n').find(|line| !line.trim_ascii().is_empty());
        String::from_utf8_lossy(line.unwrap_or_default().trim_ascii()).into_owned()
    }
}

/// An annotated tag.
#[derive(Debug)]
pub struct Tag<'a> {
    /// What it points to.
    pub target: ObjectId,
    /// Its name.
    pub name: &'a [u8],
    /// `Name <mail>` of the tagger.
    pub tagger: &'a [u8],
    /// The message.
    pub message: &'a [u8],
}

impl<'a> Tag<'a> {
    /// Parses a tag object; `None` if it points nowhere.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, message) = split_header(bytes);
        let field = |name: &[u8]| {
            let mut lines = header.split(|b| *b == b'\n');
            lines.find_map(|line| line.split_once_byte(b' ').filter(|(key, _)| *key == name).map(|(_, value)| value))
        };
        let target = ObjectId::from_hex(field(b"object")?).ok()?;
        let tagger = field(b"tagger").map_or(&b""[..], |rest| identity(rest).0);
        Some(Self { target, name: field(b"tag").unwrap_or_default(), tagger, message })
    }
}

/// Header lines up to the signatures.
fn others(lines: &[u8]) -> &[u8] {
    match memchr::memmem::find(lines, b"\ngpgsig") {
        _ if lines.starts_with(b"gpgsig") => &[],
        Some(end) => &lines[..end],
        None => lines,
    }
}

/// Header lines, and what follows the first empty line.
fn split_header(bytes: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memmem::find(bytes, b"\n\n") {
        Some(at) => (&bytes[..at], &bytes[at + 2..]),
        None => (bytes, &[]),
    }
}

/// `Name <mail>`, seconds, and offset in minutes, of `Name <mail> 1700000000 +0100`.
fn identity(text: &[u8]) -> (&[u8], i64, i32) {
    let Some(close) = memchr::memrchr(b'>', text) else { return (text, 0, 0) };
    let (who, when) = text.split_at(close + 1);
    let when = String::from_utf8_lossy(when);
    let mut words = when.split_whitespace();
    let seconds = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    let zone: i32 = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    let offset = zone / 100 * 60 + zone % 100;
    (who, seconds, if offset.abs() < 24 * 60 { offset } else { 0 })
}

trait SplitOnce {
    fn split_once_byte(&self, byte: u8) -> Option<(&[u8], &[u8])>;
}

impl SplitOnce for [u8] {
    fn split_once_byte(&self, byte: u8) -> Option<(&[u8], &[u8])> {
        let at = memchr::memchr(byte, self)?;
        Some((&self[..at], &self[at + 1..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_read_leniently() {
        let id = "1".repeat(40);
        let text = format!(
            "tree {id}\nparent {id}\nauthor A B <a@b> 5 +0000\ncommitter C <c> 1700000000 -0130\ngpgsig x\n y\n\nsubject\n\nbody"
        );
        let commit = Commit::parse(text.as_bytes()).unwrap();
        assert_eq!((commit.parents.len(), commit.author, commit.committer), (1, &b"A B <a@b>"[..], &b"C <c>"[..]));
        assert_eq!((commit.seconds, commit.offset, commit.subject().as_str()), (1_700_000_000, -90, "subject"));
        assert!(commit.others.is_empty());
        let text = text.replacen("gpgsig", "mergetag object x\n tag y\ngpgsig", 1);
        assert_eq!(Commit::parse(text.as_bytes()).unwrap().others, b"mergetag object x\n tag y");
        assert!(Commit::parse(b"nonsense").is_none());
    }
}
