//! What bytes become on their way into a terminal, a URI, a shell line or Base64.

use std::fmt::Write as _;

/// Text that cannot move the cursor, change colours or turn the reading direction: control characters as `\x1b`,
/// direction marks and other invisible ones as `\u{202e}`.
pub(super) fn terminal(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        let written = match c {
            '\n' => safe.write_str("\\n"),
            '\r' => safe.write_str("\\r"),
            '\t' => safe.write_str("\\t"),
            _ if c.is_control() => write!(safe, "\\x{:02x}", c as u32),
            _ if is_invisible(c) => write!(safe, "\\u{{{:x}}}", c as u32),
            _ => safe.write_char(c),
        };
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
    }
    safe
}

/// Characters that change how others are read and cannot be seen: direction marks, separators, joiners, tags.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// How many columns a text takes; wide characters count two, and none counts less than it takes.
pub(super) fn columns(text: &str) -> usize {
    let wide = |c| {
        matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
            | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{1f000}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}')
    };
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

/// The first characters of a text that fit into `width` columns, with an ellipsis if something was cut.
pub(super) fn fitted(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += columns(c.encode_utf8(&mut [0; 4]));
        if used > width {
            break;
        }
        short.push(c);
    }
    short.truncate(short.trim_end().len());
    short + "…"
}

/// A path as a URI reference: every byte percent-encoded but `/` and the unreserved ones; an absolute path as `file:`.
pub(super) fn uri(path: &[u8]) -> String {
    let mut uri = String::with_capacity(path.len());
    if path.starts_with(b"/") {
        uri.push_str("file://");
    }
    for &byte in path {
        let written = match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.write_char(byte as char),
            _ => write!(uri, "%{byte:02X}"),
        };
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
    }
    uri
}

/// A path as an argument to git, from anywhere in the repository, quoted for a shell where it must be; `None` for one that no
/// shell can be given. After `:/` git takes most signs for further magic (`:/!a` is everything but `a`), so that a path that
/// begins with one is said to be literal.
pub(super) fn pathspec(path: &[u8]) -> Option<String> {
    let is_short = path.first().is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'+') || *c >= 0x80)
        && !path.iter().any(|c| b"*?[\\".contains(c));
    let magic = if is_short { ":/" } else { ":(top,literal)" };
    argument(magic, path)
}

/// Bytes as one word of a shell, behind a prefix; `None` if no shell can be given them.
pub(super) fn argument(prefix: &str, bytes: &[u8]) -> Option<String> {
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text.chars().any(|c| c.is_control() || is_invisible(c))
    {
        let text = format!("{prefix}{text}");
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._/+@,=:".contains(c);
        return Some(if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) });
    }
    // A command substitution drops newlines at the end.
    if bytes.ends_with(b"\n") || bytes.contains(&0) {
        return None;
    }
    let mut format = String::new();
    for &byte in bytes {
        let written = match byte {
            b'%' => write!(format, "%%"),
            b'\\' | b'\'' | b'-' | 0..0x20 | 0x7f.. => write!(format, "\\{byte:03o}"),
            _ => write!(format, "{}", byte as char),
        };
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
    }
    Some(format!("\"{prefix}$(printf '{format}')\""))
}

/// Standard Base64 with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let all = chunk.iter().fold(0u32, |all, &byte| all << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let digit = DIGITS[(all >> (18 - 6 * i) & 63) as usize];
            text.push(if i <= chunk.len() { digit as char } else { '=' });
        }
    }
    text
}

/// A sentence from a phrase of our own.
pub(super) fn capital(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// A number with a comma every three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of bytes for people: `917 bytes`, `1.2 MB`.
pub(super) fn size(bytes: u64) -> String {
    if bytes < 1000 {
        return count(bytes, "byte");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = "kB";
    for next in ["MB", "GB", "TB"] {
        if value < 999.95 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

/// A number and what it counts: `1 file`, `2 files`.
pub(super) fn count(number: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_get_no_control_characters() {
        assert_eq!(terminal("a\x1b[31m\r\u{202e}\u{9b}é\n"), "a\\x1b[31m\\r\\u{202e}\\x9bé\\n");
    }

    #[test]
    fn uris_are_relative_and_encoded() {
        assert_eq!(uri("a b/ü:%.env".as_bytes()), "a%20b/%C3%BC%3A%25.env");
        assert_eq!(uri(b"/etc/x"), "file:///etc/x");
        assert_eq!(uri(b"\xff"), "%FF");
    }

    #[test]
    fn pathspecs_are_quoted() {
        let pathspec = |path: &str| pathspec(path.as_bytes()).unwrap();
        assert_eq!(pathspec("src/a.env"), ":/src/a.env");
        assert_eq!(pathspec("it's $(x)"), "':/it'\\''s $(x)'");
        assert_eq!(pathspec("a[1].env"), "':(top,literal)a[1].env'");
        assert_eq!(pathspec("_config.yml"), "':(top,literal)_config.yml'");
        assert_eq!(pathspec("a\n%b'"), r#"":/$(printf 'a\012%%b\047')""#);
        assert_eq!(argument("", b"-x\xff"), Some(r#""$(printf '\055x\377')""#.into()));
        assert_eq!(argument("", b"a\n"), None);
    }

    #[test]
    fn base64_of_all_lengths() {
        let texts: Vec<_> = [&b""[..], b"f", b"fo", b"foo", b"\xff\xfe"].map(base64).into();
        assert_eq!(texts, ["", "Zg==", "Zm8=", "Zm9v", "//4="]);
    }

    #[test]
    fn numbers_for_people() {
        assert_eq!([grouped(7), grouped(1_234_567)], ["7", "1,234,567"]);
        assert_eq!([size(1), size(1_240_000), size(999_960)], ["1 byte", "1.2 MB", "1.0 MB"]);
        assert_eq!(fitted("ab  cdef", 5), "ab…");
        assert_eq!(columns("a漢"), 3);
    }
}
