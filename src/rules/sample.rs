//! Values generated from the sample templates of rule files, so that no file of ours holds a live-looking string.

/// A small generator of pseudo-random numbers with a fixed seed (splitmix64): tests must repeat.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which must not be 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.number() % bound as u64) as usize
    }
}

/// How `{check:NAME}` is filled: name, the text so far, random numbers. The scanner knows the checks, so the caller
/// passes this in.
pub type Checks = dyn Fn(&str, &str, &mut dyn FnMut() -> u64) -> Option<String>;

/// Fills a template: `{ALPHABET:N}`, `{ALPHABET:N-M}`, `{check:NAME}`; anything else is literal.
///
/// # Errors
/// A check that nothing can generate.
pub fn fill(template: &str, random: &mut Random, checks: &Checks) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        match placeholder(rest) {
            Some((Item::Check(name), len)) => {
                let made = checks(name, &out, &mut || random.number());
                out.push_str(&made.ok_or_else(|| format!("nothing can generate {{check:{name}}}"))?);
                rest = &rest[len..];
            }
            Some((Item::Characters(alphabet, least, most), len)) => {
                let count = least + random.below(most - least + 1);
                out.extend((0..count).map(|_| char::from(alphabet[random.below(alphabet.len())])));
                rest = &rest[len..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// The name and the bytes of a whole file that a filled sample of a file rule describes: `NAME|CONTENT`, where `\xHH`
/// in the content stands for a byte.
pub fn file(sample: &str) -> Option<(&str, Vec<u8>)> {
    let (name, content) = sample.split_once('|')?;
    let (mut bytes, mut rest) = (Vec::new(), content.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let byte = rest.strip_prefix(b"\\x").and_then(<[u8]>::first_chunk::<2>);
        let byte = byte.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &rest[4..] } else { after };
    }
    Some((name, bytes))
}

enum Item<'a> {
    Check(&'a str),
    Characters(Vec<u8>, usize, usize),
}

/// The placeholder that `text` begins with, and its length.
fn placeholder(text: &str) -> Option<(Item<'_>, usize)> {
    let close = text.find('}')?;
    let (name, count) = text[1..close].rsplit_once(':')?;
    if name == "check" {
        let plain = !count.is_empty() && count.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        return plain.then_some((Item::Check(count), close + 1));
    }
    let (least, most) = count.split_once('-').unwrap_or((count, count));
    let (least, most): (usize, usize) = (least.parse().ok()?, most.parse().ok()?);
    let alphabet = alphabet(name)?;
    (least <= most && most <= 100_000).then_some((Item::Characters(alphabet, least, most), close + 1))
}

fn alphabet(name: &str) -> Option<Vec<u8>> {
    const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
    const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const DIGIT: &[u8] = b"0123456789";
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic() && !b"{}\"'".contains(&b)) {
        return None;
    }
    let mut all = Vec::new();
    for part in name.split('+') {
        match part {
            "lower" => all.extend_from_slice(LOWER),
            "upper" => all.extend_from_slice(UPPER),
            "digit" => all.extend_from_slice(DIGIT),
            "hex" => all.extend_from_slice(b"0123456789abcdef"),
            "HEX" => all.extend_from_slice(b"0123456789ABCDEF"),
            "alnum" => all.extend([LOWER, UPPER, DIGIT].concat()),
            "base64" => all.extend([LOWER, UPPER, DIGIT, b"+/"].concat()),
            "base64url" => all.extend([LOWER, UPPER, DIGIT, b"-_"].concat()),
            // `a++b` means the plus sign itself.
            "" => all.push(b'+'),
            literal => all.extend_from_slice(literal.as_bytes()),
        }
    }
    Some(all)
}
