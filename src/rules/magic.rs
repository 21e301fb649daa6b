//! How a rule file says by which first bytes and which names a file is known. Shared with `build.rs`.

/// The bytes that a file begins with; where `mask` is 0 any byte fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MagicDef {
    pub bytes: Vec<u8>,
    pub mask: Vec<u8>,
}

/// Without a name beside it, a magic needs this many fixed bytes: fewer fit by chance.
const FIXED: usize = 4;
/// No magic reaches further into a file.
const LONGEST: usize = 512;

/// Reads `30 82 ?? ?? 02`, `"SQLite format 3" 00`, `12*?? 62 31`: hex bytes, text in quotes, and any byte.
pub fn parse(text: &str, named: bool) -> Result<MagicDef, String> {
    let mut magic = MagicDef { bytes: Vec::new(), mask: Vec::new() };
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (bytes, mask, after) = item(rest).ok_or_else(|| {
            format!("`magic` has `{rest}`; write bytes as hex, text in \"quotes\", `??` for any byte, `12*??` for twelve of them")
        })?;
        magic.bytes.extend(bytes);
        magic.mask.extend(mask);
        if magic.bytes.len() > LONGEST {
            return Err(format!("`magic` is longer than {LONGEST} bytes"));
        }
        rest = after.trim_start();
    }
    let fixed = magic.mask.iter().filter(|byte| **byte != 0).count();
    if !named && (fixed < FIXED || magic.mask.first() == Some(&0)) {
        return Err(format!("`magic` needs {FIXED} fixed bytes, the first one among them, or `names` beside it"));
    }
    if fixed == 0 { Err("`magic` fixes no byte".into()) } else { Ok(magic) }
}

/// The bytes and mask of the first item, and what follows it.
fn item(text: &str) -> Option<(Vec<u8>, Vec<u8>, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (inside, after) = quoted.split_once('"')?;
        return Some((inside.into(), vec![0xff; inside.len()], after));
    }
    let (word, after) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
    if word == "??" {
        return Some((vec![0], vec![0], after));
    }
    if let Some(count) = word.strip_suffix("*??") {
        let count: usize = count.parse().ok().filter(|count| *count <= LONGEST)?;
        return Some((vec![0; count], vec![0; count], after));
    }
    let plain = word.len() == 2 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some((vec![u8::from_str_radix(word, 16).ok().filter(|_| plain)?], vec![0xff], after))
}

/// Whether a name is one that [`fits`] can judge.
pub fn check_name(name: &str) -> Result<(), String> {
    let stars = name.matches('*').count();
    let plain = !name.is_empty() && name != "*" && !name.contains(['/', '?', '[', '{']);
    if plain && stars <= 1 {
        return Ok(());
    }
    Err(format!("`names` has `{name}`; write the last part of a path, with at most one `*` in it"))
}

/// Whether the last part of a path is a name that a rule means: as written, with one `*` for anything.
pub fn fits(pattern: &str, name: &[u8]) -> bool {
    match pattern.split_once('*') {
        None => pattern.as_bytes() == name,
        Some((before, after)) => {
            name.len() >= before.len() + after.len()
                && name.starts_with(before.as_bytes())
                && name.ends_with(after.as_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_text_and_gaps() {
        let magic = parse("30 82 ?? \"ab\" 2*?? 00", false).unwrap();
        assert_eq!(magic.bytes, b"\x30\x82\0ab\0\0\0");
        assert_eq!(magic.mask, [255, 255, 0, 255, 255, 0, 0, 255]);
    }

    #[test]
    fn too_little_is_refused_unless_a_name_helps() {
        for text in ["30 82 02", "?? 01 02 03 04", ""] {
            assert!(parse(text, false).is_err(), "{text}");
        }
        assert!(parse("30", true).is_ok() && parse("4*??", true).is_err());
        for text in ["3", "300", "+1", "\"abc", "999*??", "zz"] {
            assert!(parse(text, true).is_err(), "{text}");
        }
    }

    #[test]
    fn names_with_one_star() {
        assert!(fits("*.p12", b"a.p12") && fits("*.p12", b".p12") && !fits("*.p12", b"p12"));
        assert!(fits("id_*.bak", b"id_rsa.bak") && !fits("aba*aba", b"aba") && fits("x", b"x") && !fits("x", b"xx"));
        assert!(check_name("*.key").is_ok());
        for name in ["", "*", "a/b", "**.key", "a?", "{a,b}"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
