//! A glance at what follows a name: can there be a value at all? It spares most places the pattern, which costs more
//! than all the rest: names like `token` stand a thousand times in a megabyte of code.

use memchr::memmem;

use super::name::{is_name_byte, stem_from};

/// How far the glance goes from the stem on, and from where a keyword stands that begins a byte before it.
const REACH: usize = 320;
pub(in crate::scan) const GLANCE: usize = REACH + 1;
/// The shortest value.
const SHORTEST: usize = 5;

/// Whether something may be assigned to the name whose stem stands at `at`. Looks at the bytes from `at` on alone.
pub(in crate::scan) fn may_assign(bytes: &[u8], at: usize) -> bool {
    let at = stem_from(bytes, at);
    let window = &bytes[at..bytes.len().min(at + REACH)];
    let name = window.iter().take(80).take_while(|byte| is_name_byte(**byte)).count();
    let closed = name + window[name..].iter().take(8).take_while(|byte| b"\\\"'`])}*".contains(byte)).count();
    let at = closed + window[closed..].iter().take(40).take_while(|byte| b" \t".contains(byte)).count();
    let spaced = at > closed;
    let Some(&byte) = window.get(at) else { return false };
    // What stands right behind the name or its quote.
    match byte {
        // `Password { get; set; } = "…"`, `Password -Value '…'`
        b'{' if spaced && window[at..].starts_with(b"{ get;") => has_quote(&window[at..]),
        b'P' if spaced && window[at..].starts_with(b"PIC") => has_quote(&window[at..]),
        b'-' if spaced => has_quote(&window[at..]) && has_pair(&window[at + 1..]) || has_word(&window[at..]),
        b'=' | b':' | b'>' | b',' | b'(' | b'|' | b'?' | b'+' | b'%' | b'&' | b'~' | b'[' | b'{' => {
            has_value(&window[at..]) || b",{:(".contains(&byte) && has_pair(&window[at + 1..])
        }
        b'"' | b'\'' | b'`' | b'@' | b'\\' => has_value(&window[at..]),
        b'\r' | b'\n' => has_pair(&window[at..]),
        b'<' if window.get(at + 1) == Some(&b'-') => has_value(&window[at + 1..]),
        b'.' => has_quote(&window[at..]),
        b'<' => [&b"alue"[..], b"tring>", b"<data>"].iter().any(|tag| memmem::find(&window[at..], tag).is_some()),
        _ if spaced && name > 0 && window[name - 1] == b'=' => true,
        _ if spaced => has_word(&window[at..]) || closed > name && has_pair(&window[at..]),
        b'u' | b'x' | b'v' | b'd' | b'$' | b'-' | b';' | b'!' => window[..at].ends_with(b"\\"),
        _ => false,
    }
}

/// A value after an operator.
fn has_value(rest: &[u8]) -> bool {
    let skipped = rest.iter().take(110).take_while(|byte| b" \t\r\n=:>,(|?+%&~[{\"'`\\@*-".contains(byte)).count();
    let quoted = rest[..skipped].iter().any(|byte| b"\"'`".contains(byte));
    let value = &rest[skipped..];
    let run =
        value.iter().take(80).take_while(|byte| !byte.is_ascii_whitespace() && !b"\"'`<>\\;,".contains(byte)).count();
    let run = &value[..run];
    if value.starts_with(b"<<\"") {
        return value.len() > SHORTEST + 3;
    }
    if value.starts_with(b"<") {
        return [&b"<value"[..], b"<Value", b"<string", b"<![CDATA["].iter().any(|start| value.starts_with(start));
    }
    if quoted || value.starts_with(b"quot;") {
        return run.len() >= SHORTEST || run.len() + skipped > 0 && has_quote(value);
    }
    let names = run.iter().all(|byte| byte.is_ascii_alphabetic() || b"_.".contains(byte));
    if run.len() >= SHORTEST && !names {
        return match run.iter().position(|byte| *byte == b'(') {
            // A call: only with a literal in it.
            Some(open) => {
                has_quote(&value[open..])
                    || run[..open].iter().any(|byte| !byte.is_ascii_alphanumeric() && !b"_.".contains(byte))
            }
            None => true,
        };
    }
    let after = &value[run.len()..];
    // A type before the value, or a word that fills the rest of a line.
    after.is_empty()
        || after.starts_with(b"\n")
        || after.starts_with(b"\r")
        || has_quote(after)
        || after.starts_with(b"<")
        || run.len() >= SHORTEST && after[0] == b' ' && after.len() > 1 && b"#/\\-".contains(&after[1])
}

/// A quote on this line, near.
fn has_quote(rest: &[u8]) -> bool {
    let line = rest.iter().take(60).take_while(|byte| **byte != b'\n');
    line.into_iter().any(|byte| b"\"'`".contains(byte))
}

/// A second name that says where the value is: `name: X`, then `value: y`.
fn has_pair(rest: &[u8]) -> bool {
    let skipped = rest.iter().take(80).take_while(|byte| b" \t\r\n\"'\\,-/<>{:".contains(byte)).count();
    let word: &[u8] = rest.get(skipped..skipped + 5).unwrap_or_default();
    [&b"value"[..], b"defau", b"conte", b"strin", b"type=", b"type ", b"descr", b"sensi", b"xml:v"]
        .iter()
        .any(|start| word.eq_ignore_ascii_case(start))
}

/// A value after a space.
fn has_word(rest: &[u8]) -> bool {
    let word =
        rest.iter().take(80).take_while(|byte| !byte.is_ascii_whitespace() && !b"\"'`<>\\;,=".contains(byte)).count();
    let (word, after) = rest.split_at(word);
    let telling = word.iter().any(|byte| byte.is_ascii_digit()) || word.iter().any(|byte| b"!@#$%^&+".contains(byte));
    if word.len() >= SHORTEST && telling {
        return true;
    }
    if [&b"is"[..], b"as", b"or", b"was", b"to", b"of"].iter().any(|link| word.eq_ignore_ascii_case(link)) {
        return has_value(after) || after.len() > 1 && has_word(&after[1..]);
    }
    let gap = after.iter().take_while(|byte| **byte == b' ').count();
    // `password string = "…"`, `value="…"`
    after.get(gap) == Some(&b'=') && has_value(&after[gap..]) || word.is_empty() && has_value(rest)
}
