//! The left edge of a token, judged by code since the regex engine has no look-behind.

use std::ops::Range;

use crate::rules::Edge;

/// How far before a token its edge is looked for at most.
pub const LOOK: usize = 32;

/// On how many bytes before a token its edge depends: on one, where that is part of no word.
pub fn looked(bytes: &[u8], at: usize) -> usize {
    if bytes[..at].last().is_some_and(u8::is_ascii_alphanumeric) { LOOK } else { 1 }
}

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

/// How many digits of base64 beside a token say that it is cut from the midst of more, both sides taken together.
const DIGITS: usize = 24;

/// Whether a token is a piece of a longer run of base64 digits, of which chance makes one with a short prefix now and
/// then: both its neighbours and itself have capitals, small letters and digits, and nothing that ends a word is between.
pub fn is_cut_out(bytes: &[u8], span: &Range<usize>) -> bool {
    let is_digit = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    let is_mixed = |bytes: &[u8]| {
        let has = |is: fn(&u8) -> bool| bytes.iter().any(is);
        has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit)
    };
    let before = bytes[..span.start].iter().rev().take(DIGITS).take_while(is_digit);
    let after = bytes[span.end..].iter().take(DIGITS).take_while(is_digit);
    let beside: Vec<u8> = before.chain(after).copied().collect();
    // Words in a path are made of letters of one kind.
    let differ = |pair: &&[u8]| pair.iter().all(u8::is_ascii_alphanumeric) && kind(pair[0]) != kind(pair[1]);
    let changes = beside.windows(2).filter(differ).count();
    let is_noise = beside.len() >= DIGITS && 3 * changes >= beside.len() && is_mixed(&beside);
    is_noise && is_mixed(&bytes[span.clone()])
}

fn kind(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => 0,
        b'A'..=b'Z' => 1,
        _ => 2,
    }
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
        let noise = b"kJ8sQ2mVx+0pLrT5/cioX7n/Zb4WqH9y+R1dFgK3u";
        assert!(is_cut_out(noise, &(17..23)));
        assert!(!is_cut_out(b"https://example.org/some/path/cioX7n", &(30..36)));
        assert!(!is_cut_out(b"example.org/2010-04-01/Accounts/cioX7n/Messages/json", &(32..38)));
        assert!(!is_cut_out(b"at=cioX7n&kJ8sQ2mVx+0pLrT5kJ8sQ2mVx", &(3..9)));
        assert!(is_edge(b"myRuna", 2, Edge::Word));
        assert!(!is_edge(b"brunch", 1, Edge::Word));
    }
}
