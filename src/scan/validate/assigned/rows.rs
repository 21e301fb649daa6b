//! Values in the rows of an SQL statement, by the names of their columns: `INSERT INTO users (name, password) VALUES
//! ('bob', '…'), …` and `COPY users (name, password) FROM stdin;` with a row a line.

use std::ops::Range;

use super::Kind;

/// How far before a match its columns may stand, if they are not in it.
const BEFORE: usize = 400;
/// How many columns a statement may have.
const MOST_COLUMNS: usize = 100;

/// Parts of a column's name that make it one of secrets, longest first where one begins another.
const STEMS: &[(&str, Kind)] = &[
    ("passphrase", Kind::Password),
    ("password", Kind::Password),
    ("passwort", Kind::Password),
    ("passwd", Kind::Password),
    ("pass", Kind::Password),
    ("pwd", Kind::Password),
    ("kennwort", Kind::Password),
    ("contrasena", Kind::Password),
    ("senha", Kind::Password),
    ("secret", Kind::Secret),
    ("credential", Kind::Secret),
    ("api_key", Kind::Secret),
    ("apikey", Kind::Secret),
    ("access_key", Kind::Secret),
    ("accesskey", Kind::Secret),
    ("private_key", Kind::Secret),
    ("privatekey", Kind::Secret),
    ("auth_key", Kind::Secret),
    ("authkey", Kind::Secret),
    ("token", Kind::Key),
];

/// Where the stem of a column's name begins, if it is one of secrets, and what kind.
pub(super) fn stem(name: &[u8]) -> Option<(usize, Kind)> {
    let lower = name.to_ascii_lowercase();
    STEMS.iter().find_map(|(stem, kind)| Some((memchr::memmem::find(&lower, stem.as_bytes())?, *kind)))
}

/// The cells under columns of secrets, each with the place of its column's stem. `first` is the first byte of the rows,
/// and `end` where reading must stop. Rows that do not have as many cells as there are columns say nothing.
pub(in crate::scan) fn cells(bytes: &[u8], first: usize, end: usize) -> Vec<(usize, Range<usize>)> {
    let columns = columns(bytes, first);
    let wanted: Vec<(usize, usize)> = columns
        .iter()
        .enumerate()
        .filter_map(|(at, name)| Some((at, name.start + stem(&bytes[name.clone()])?.0)))
        .collect();
    if wanted.is_empty() || columns.len() > MOST_COLUMNS {
        return Vec::new();
    }
    let mut rows = if bytes.get(first) == Some(&b'(') {
        quoted_rows(bytes, first..end.min(bytes.len()))
    } else {
        plain_rows(bytes, first..end.min(bytes.len()))
    };
    rows.retain(|row| row.len() == columns.len());
    let of_row = |row: Vec<Option<Range<usize>>>| {
        wanted.iter().filter_map(|(at, stem)| Some((*stem, row[*at].clone()?))).collect::<Vec<_>>()
    };
    rows.into_iter().flat_map(of_row).collect()
}

/// The names in the last brackets before the rows, without their quotes.
fn columns(bytes: &[u8], first: usize) -> Vec<Range<usize>> {
    let from = first.saturating_sub(BEFORE * 3);
    let head = &bytes[from..first];
    let Some(close) = memchr::memrchr(b')', head) else { return Vec::new() };
    let Some(open) = memchr::memrchr(b'(', &head[..close]) else { return Vec::new() };
    let mut at = from + open + 1;
    let mut names = Vec::new();
    for name in head[open + 1..close].split(|byte| *byte == b',') {
        let outside = |byte: &u8| byte.is_ascii_whitespace() || b"`\"'[]\\".contains(byte);
        let before = name.iter().take_while(|byte| outside(byte)).count();
        let after = name[before..].iter().rev().take_while(|byte| outside(byte)).count();
        names.push(at + before..at + name.len() - after);
        at += name.len() + 1;
    }
    names
}

/// `(1, 'bob', NULL), (…)`: of each cell the text between its quotes, if it is one text, perhaps in one call.
fn quoted_rows(bytes: &[u8], range: Range<usize>) -> Vec<Vec<Option<Range<usize>>>> {
    let (mut rows, mut at) = (Vec::new(), range.start);
    while at < range.end {
        match bytes[at] {
            b'(' => {
                let Some((row, after)) = quoted_row(bytes, at + 1..range.end) else { return rows };
                rows.push(row);
                at = after;
            }
            b',' | b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            // A row a line in code: `"('bob', 'x')," .`
            b'"' | b'+' | b'.' | b'\\' => at += 1,
            _ => return rows,
        }
    }
    rows
}

/// The cells up to the closing bracket, and where it goes on behind that.
fn quoted_row(bytes: &[u8], range: Range<usize>) -> Option<(Vec<Option<Range<usize>>>, usize)> {
    let (mut row, mut depth, mut at) = (Vec::new(), 0, range.start);
    let (mut text, mut texts) = (None, 0);
    while at < range.end {
        match bytes[at] {
            quote @ (b'\'' | b'"' | b'`') => {
                let (inner, after) = text_at(bytes, at + 1..range.end, quote, bytes[at - 1] == b'\\')?;
                (text, texts) = (Some(inner), texts + 1);
                at = after;
                continue;
            }
            b'(' => depth += 1,
            b')' if depth > 0 => depth -= 1,
            byte @ (b',' | b')') if depth == 0 => {
                row.push(text.take().filter(|_| texts == 1));
                texts = 0;
                if byte == b')' {
                    return Some((row, at + 1));
                }
                if row.len() > MOST_COLUMNS {
                    return None;
                }
            }
            b';' if depth == 0 => return None,
            _ => {}
        }
        at += 1;
    }
    None
}

/// What stands between quotes, and where it goes on behind them. A doubled quote and one behind a backslash belong to
/// the text, unless the statement stands in a string of code, where all are written so.
fn text_at(bytes: &[u8], range: Range<usize>, quote: u8, escaped: bool) -> Option<(Range<usize>, usize)> {
    let mut at = range.start;
    while at < range.end {
        match bytes[at] {
            b'\\' if escaped && bytes.get(at + 1) == Some(&quote) => return Some((range.start..at, at + 2)),
            b'\\' => at += 2,
            byte if byte == quote && bytes.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return Some((range.start..at, at + 1)),
            _ => at += 1,
        }
    }
    None
}

/// Rows as lines with tabs between cells, up to `\.`; the last one may be cut off by the end of what is read.
fn plain_rows(bytes: &[u8], range: Range<usize>) -> Vec<Vec<Option<Range<usize>>>> {
    let (mut rows, mut at) = (Vec::new(), range.start);
    while let Some(length) = memchr::memchr(b'\n', &bytes[at..range.end]) {
        let line = &bytes[at..at + length];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.starts_with(b"\\.") || line.is_empty() {
            break;
        }
        let mut from = at;
        let mut row = Vec::new();
        for cell in line.split(|byte| *byte == b'\t') {
            row.push((cell != b"\\N").then_some(from..from + cell.len()));
            from += cell.len() + 1;
        }
        rows.push(row);
        at += length + 1;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, rows_at: &str) -> Vec<(String, String)> {
        let first = text.find(rows_at).unwrap();
        let cells = cells(text.as_bytes(), first, text.len());
        let stem_to_end = |at: usize| text[at..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        cells.into_iter().map(|(stem, cell)| (stem_to_end(stem), text[cell].to_owned())).collect()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn cells_stand_under_their_columns() {
        let text = "INSERT INTO u (`id`, \"user_pass\", [token]) VALUES (1, 'a,b)''c', N'x'), (2, MD5('d'), NULL);";
        let expected = [("pass", "a,b)''c"), ("token", "x"), ("pass", "d")];
        assert_eq!(found(text, "(1,"), pairs(&expected));
        let text = "COPY u (id, password, api_key) FROM stdin;\n1\tab\t\\N\n2\t\\N\tcd\n\\.\n3\tno\tno\n";
        assert_eq!(found(text, "1\t"), pairs(&[("password", "ab"), ("api_key", "cd")]));
        let text = r"q('INSERT INTO u (name, pwd) VALUES (\'bob\', \'ef\')')";
        assert_eq!(found(text, "(\\'bob"), pairs(&[("pwd", "ef")]));
    }

    #[test]
    fn rows_that_do_not_fit_say_nothing() {
        for text in [
            "INSERT INTO u (a, password) VALUES ('x')",
            "INSERT INTO u (a, password) VALUES ('x', 'y', 'z')",
            "INSERT INTO u (a, password) VALUES ('x', CONCAT('y', 'z'))",
            "INSERT INTO u (a, password) VALUES ('x', 'never closed",
            "INSERT INTO u (a, b) VALUES ('x', 'y')",
            "INSERT INTO u (a, password) VALUES ('x', ?)",
        ] {
            assert_eq!(found(text, "('x'"), pairs(&[]), "{text}");
        }
        assert!(cells(b"(", 0, 1).is_empty() && cells(b"", 0, 0).is_empty());
    }
}
