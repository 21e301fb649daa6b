//! The left edge of a token, judged by code since the regex engine has no look-behind.

use crate::rules::Edge;

/// Whether a token may begin at `at`: `\b` would miss a key after an escape that is written out in source
/// (`\n`, `\t`, `%3D`, `\u003d`, `\x3d`), after `X_`, or after a colour code.
pub fn is_edge(bytes: &[u8], at: usize, edge: Edge) -> bool {
    if edge == Edge::Part {
        return true;
    }
    let before = &bytes[..at];
    let Some(&last) = before.last() else { return true };
    if !last.is_ascii_alphanumeric() {
        return true;
    }
    if edge == Edge::Word && !last.is_ascii_uppercase() && bytes.get(at).is_some_and(u8::is_ascii_uppercase) {
        return true;
    }
    ends_in_escape(before)
}

fn ends_in_escape(before: &[u8]) -> bool {
    let hex = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_hexdigit);
    match before {
        [.., b'\\', c] if b"abefnrtv0".contains(c) => true,
        [.., b'%' | b'=', a, b] if hex(&[*a, *b]) => true,
        [.., b'\\', b'x', a, b] if hex(&[*a, *b]) => true,
        [.., b'\\', b'u' | b'U', a, b, c, d] if hex(&[*a, *b, *c, *d]) => true,
        [.., b'\\', b'U', b'0', b'0', b'0', b'0', a, b, c, d] if hex(&[*a, *b, *c, *d]) => true,
        [.., b'\\', a, b, c] if [a, b, c].iter().all(|d| (b'0'..=b'7').contains(*d)) => true,
        [.., b'm'] => ends_in_colour(before),
        _ => false,
    }
}

/// `ESC [ 3 1 m` and the like, also as `\x1b[31m`, `\u001b[31m`, `\e[31m` or `\033[31m` written out.
fn ends_in_colour(before: &[u8]) -> bool {
    let before = &before[..before.len() - 1];
    let digits = before.iter().rev().take(16).take_while(|b| b.is_ascii_digit() || **b == b';').count();
    let rest = &before[..before.len() - digits];
    let escapes: [&[u8]; 7] = [b"\x1b[", b"\\x1b[", b"\\x1B[", b"\\u001b[", b"\\u001B[", b"\\e[", b"\\033["];
    escapes.iter().any(|escape| rest.ends_with(escape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges() {
        for before in [
            "",
            " ",
            "\"",
            "=",
            "X_",
            "\\n",
            "\\t",
            "%3D",
            "\\u003d",
            "\\U0000003d",
            "\\x3d",
            "=3D",
            "\\075",
            "é",
            "\u{1b}[31m",
            "\\u001b[1;38;5;196m",
        ] {
            let text = format!("{before}key");
            assert!(is_edge(text.as_bytes(), before.len(), Edge::Token), "{before:?}");
        }
        for before in ["a", "Z", "9", "nn", "3D", "[31m"] {
            let text = format!("{before}key");
            assert!(!is_edge(text.as_bytes(), before.len(), Edge::Token), "{before:?}");
        }
        assert!(is_edge(b"myRuna", 2, Edge::Word));
        assert!(!is_edge(b"brunch", 1, Edge::Word));
    }
}
