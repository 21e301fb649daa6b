//! A glance at what follows a name: can there be a value at all? It spares most places the pattern, which costs more
//! than all the rest: names like `token` stand a thousand times in a megabyte of code.

use memchr::memmem;

use super::name::{is_name_byte, stem_from};
use crate::rules::{self, ByteSet, all_of, insert, none_of};

/// How far the glance goes from the stem on, and from where a keyword stands that begins a byte before it.
const REACH: usize = 320;
const GLANCE: usize = REACH + 1;
/// The shortest value.
const SHORTEST: usize = 5;

const NAME: ByteSet = {
    let (mut set, mut byte) = ([0; 4], 0);
    while byte <= u8::MAX as usize {
        if is_name_byte(byte as u8) {
            insert(&mut set, byte as u8);
        }
        byte += 1;
    }
    set
};
const CLOSING: ByteSet = all_of(b"\\\"'`])}*");
const BLANK: ByteSet = all_of(b" \t");
const SPACE: ByteSet = all_of(b" ");
/// What stands before a value.
const OPENING: ByteSet = all_of(b" \t\r\n=:>,(|?+%&~[{\"'`\\@*-");
const VALUE: ByteSet = none_of(b" \t\n\r\x0c\"'`<>\\;,");
const WORD: ByteSet = none_of(b" \t\n\r\x0c\"'`<>\\;,=");
const UNQUOTED: ByteSet = none_of(b"\n\"'`");
/// What stands before a second name.
const PARTING: ByteSet = all_of(b" \t\r\n\"'\\,-/<>{:");
const TELLING: ByteSet = all_of(b"!@#$%^&+0123456789");

/// A glance at what follows a name.
pub(in crate::scan) struct Glance {
    /// Whether something may be assigned to the name.
    pub may_assign: bool,
    /// On how many bytes from the keyword on a no depends.
    pub looked: usize,
}

/// What follows the name whose stem stands at `at`. Looks at the bytes from `at` on alone.
pub(in crate::scan) fn glance(bytes: &[u8], at: usize) -> Glance {
    let stem = stem_from(bytes, at);
    let window = &bytes[stem..bytes.len().min(stem + REACH)];
    let mut seen = Seen { window: window.len(), end: 0 };
    let may_assign = has_assignment(window, &mut seen);
    let looked = if may_assign { GLANCE } else { GLANCE.min(stem - at + seen.end) };
    Glance { may_assign, looked }
}

/// How much of the window was looked at.
struct Seen {
    window: usize,
    end: usize,
}

impl Seen {
    /// So many bytes of what is left of the window.
    fn ahead(&mut self, rest: &[u8], bytes: usize) {
        self.end = self.end.max(self.window - rest.len() + bytes);
    }

    /// How many of the next bytes are in a set, one after the other, but no more than `most`.
    fn run(&mut self, rest: &[u8], most: usize, set: &ByteSet) -> usize {
        let count = rest.iter().take(most).take_while(|byte| rules::contains(set, **byte)).count();
        self.ahead(rest, count + 1);
        count
    }

    /// Whether one of some texts is next.
    fn has_one_of(&mut self, rest: &[u8], texts: &[&[u8]]) -> bool {
        texts.iter().for_each(|text| self.ahead(rest, text.len()));
        texts.iter().any(|text| rest.starts_with(text))
    }
}

fn has_assignment(window: &[u8], seen: &mut Seen) -> bool {
    let name = seen.run(window, 80, &NAME);
    let closed = name + seen.run(&window[name..], 8, &CLOSING);
    let at = closed + seen.run(&window[closed..], 40, &BLANK);
    let spaced = at > closed;
    let rest = &window[at..];
    let Some(&byte) = rest.first() else { return false };
    // What stands right behind the name or its quote.
    match byte {
        // `Password { get; set; } = "…"`, `Password -Value '…'`
        b'{' if spaced && seen.has_one_of(rest, &[b"{ get;"]) => has_quote(rest, seen),
        b'P' if spaced && seen.has_one_of(rest, &[b"PIC"]) => has_quote(rest, seen),
        b'-' if spaced => has_quote(rest, seen) && has_pair(&rest[1..], seen) || has_word(rest, seen),
        b'=' | b':' | b'>' | b',' | b'(' | b'|' | b'?' | b'+' | b'%' | b'&' | b'~' | b'[' | b'{' => {
            has_value(rest, seen) || b",{:(".contains(&byte) && has_pair(&rest[1..], seen)
        }
        b'"' | b'\'' | b'`' | b'@' | b'\\' => has_value(rest, seen),
        b'\r' | b'\n' => has_pair(rest, seen),
        b'<' if seen.has_one_of(rest, &[b"<-"]) => has_value(&rest[1..], seen),
        b'.' => has_quote(rest, seen),
        b'<' => {
            seen.ahead(rest, REACH);
            [&b"alue"[..], b"tring>", b"<data>"].iter().any(|tag| memmem::find(rest, tag).is_some())
        }
        _ if spaced && name > 0 && window[name - 1] == b'=' => true,
        _ if spaced => has_word(rest, seen) || closed > name && has_pair(rest, seen),
        b'u' | b'x' | b'v' | b'd' | b'$' | b'-' | b';' | b'!' => window[..at].ends_with(b"\\"),
        _ => false,
    }
}

/// A value after an operator.
fn has_value(rest: &[u8], seen: &mut Seen) -> bool {
    let skipped = seen.run(rest, 110, &OPENING);
    let quoted = rest[..skipped].iter().any(|byte| b"\"'`".contains(byte));
    let value = &rest[skipped..];
    let run = seen.run(value, 80, &VALUE);
    let (run, after) = value.split_at(run);
    if seen.has_one_of(value, &[b"<<\""]) {
        seen.ahead(value, SHORTEST + 4);
        return value.len() > SHORTEST + 3;
    }
    if value.starts_with(b"<") {
        return seen.has_one_of(value, &[b"<value", b"<Value", b"<string", b"<![CDATA["]);
    }
    if quoted || seen.has_one_of(value, &[b"quot;"]) {
        return run.len() >= SHORTEST || run.len() + skipped > 0 && has_quote(value, seen);
    }
    let names = run.iter().all(|byte| byte.is_ascii_alphabetic() || b"_.".contains(byte));
    if run.len() >= SHORTEST && !names {
        return match run.iter().position(|byte| *byte == b'(') {
            // A call: only with a literal in it.
            Some(open) => {
                has_quote(&value[open..], seen)
                    || run[..open].iter().any(|byte| !byte.is_ascii_alphanumeric() && !b"_.".contains(byte))
            }
            None => true,
        };
    }
    // A type before the value, or a word that fills the rest of a line.
    seen.ahead(after, 2);
    after.is_empty()
        || after.starts_with(b"\n")
        || after.starts_with(b"\r")
        || has_quote(after, seen)
        || after.starts_with(b"<")
        || run.len() >= SHORTEST && after[0] == b' ' && after.len() > 1 && b"#/\\-".contains(&after[1])
}

/// A quote on this line, near.
fn has_quote(rest: &[u8], seen: &mut Seen) -> bool {
    let before = seen.run(rest, 60, &UNQUOTED);
    before < 60 && rest.get(before).is_some_and(|byte| *byte != b'\n')
}

/// A second name that says where the value is: `name: X`, then `value: y`.
fn has_pair(rest: &[u8], seen: &mut Seen) -> bool {
    let skipped = seen.run(rest, 80, &PARTING);
    let word: &[u8] = rest.get(skipped..skipped + 5).unwrap_or_default();
    seen.ahead(rest, skipped + 5);
    [&b"value"[..], b"defau", b"conte", b"strin", b"type=", b"type ", b"descr", b"sensi", b"xml:v"]
        .iter()
        .any(|start| word.eq_ignore_ascii_case(start))
}

/// A value after a space.
fn has_word(rest: &[u8], seen: &mut Seen) -> bool {
    let word = seen.run(rest, 80, &WORD);
    let (word, after) = rest.split_at(word);
    let telling = word.iter().any(|byte| rules::contains(&TELLING, *byte));
    if word.len() >= SHORTEST && telling {
        return true;
    }
    if [&b"is"[..], b"as", b"or", b"was", b"to", b"of"].iter().any(|link| word.eq_ignore_ascii_case(link)) {
        return has_value(after, seen) || after.len() > 1 && has_word(&after[1..], seen);
    }
    let gap = seen.run(after, usize::MAX, &SPACE);
    // `password string = "…"`, `value="…"`
    after.get(gap) == Some(&b'=') && has_value(&after[gap..], seen) || word.is_empty() && has_value(rest, seen)
}

#[cfg(test)]
mod tests {
    use super::glance;
    use crate::rules::sample::Random;

    const PIECES: &[&str] = &[
        "token",
        "_x",
        "=",
        ":",
        " ",
        "  ",
        "\n",
        "\"",
        "'",
        "`",
        "(",
        ")",
        ",",
        "{",
        "}",
        "[",
        "<",
        "<-",
        "<value",
        ">",
        "is",
        "of",
        "a1b2c",
        "name",
        "value",
        ".",
        "\\",
        "-",
        "{ get;",
        "PIC",
        "quot;",
        "<<\"",
        "foo(bar",
        "#",
        "é",
        "\t",
        "getTokenOfTheOtherKind",
        "$",
        "%5D",
    ];

    fn text(random: &mut Random, pieces: usize) -> Vec<u8> {
        (0..pieces).flat_map(|_| PIECES[random.below(PIECES.len())].bytes()).collect()
    }

    #[test]
    fn a_no_depends_on_what_was_looked_at_alone() {
        let (mut random, mut short) = (Random::new(3), 0);
        for _ in 0..200_000 {
            let pieces = random.below(12);
            let bytes = [b"token".to_vec(), text(&mut random, pieces)].concat();
            let here = glance(&bytes, 0);
            if here.may_assign || here.looked > bytes.len() {
                continue;
            }
            let pieces = random.below(60);
            let other = [&bytes[..here.looked], &text(&mut random, pieces)].concat();
            assert!(!glance(&other, 0).may_assign, "{} {}", bytes.escape_ascii(), other.escape_ascii());
            short += 1;
        }
        assert!(short > 20_000, "{short}");
    }
}
