//! Private keys in armour: is there a key between the lines, and is it encrypted?

use data_encoding::BASE64;

use super::encoded::decode_any;
use super::make::Maker;
use super::{Judgement, examples, ssh};
use crate::rules::Severity;

/// Fewer characters than this between BEGIN and END hold no private key.
const LEAST_BODY: usize = 40;
/// A key's body has at least as many different characters.
const LEAST_DISTINCT: usize = 16;
/// What every OpenSSH key starts with, and what follows if it has no passphrase: the length and name of its cipher.
const OPENSSH: &[u8] = b"openssh-key-v1\0";
const OPENSSH_PLAIN: &[u8] = b"\0\0\0\x04none";

/// Checks a whole block, from `-----BEGIN` (or PuTTY's first line) on: raw, in a string literal, in a diff, indented,
/// on one line.
pub fn check(secret: &[u8]) -> Judgement {
    let text = String::from_utf8_lossy(secret);
    if text.starts_with("PuTTY-User-Key-File-") {
        return putty(&text);
    }
    let Some((label, inside)) = text.split_once("BEGIN ").and_then(|(_, rest)| rest.split_once("----")) else {
        return Judgement::default();
    };
    let inside = unescaped(inside.split("-----END").next().unwrap_or(inside));
    let locked = inside.contains("4,ENCRYPTED");
    let body = body(&inside);
    let distinct = body.bytes().collect::<std::collections::HashSet<_>>().len();
    if body.len() < LEAST_BODY {
        return Judgement::implausible("there is no key between BEGIN and END");
    }
    if distinct < LEAST_DISTINCT {
        return Judgement::implausible("too regular to be a key");
    }
    if body.get(..64).is_some_and(|start| examples::published(start.as_bytes()).is_some()) {
        return Judgement::implausible("documented example: a key that is published for testing");
    }
    if locked || label.starts_with("PGP") || label.starts_with("SSH2") {
        return encryption(locked);
    }
    let holds = if label.starts_with("OPENSSH") { openssh_start(&body) } else { is_der(&body).then_some(false) };
    match holds {
        Some(encrypted) => {
            let judgement = encryption(encrypted || label.starts_with("ENCRYPTED"));
            match decode_any(body.as_bytes()).filter(|_| label.starts_with("OPENSSH")) {
                Some(bytes) => ssh::openssh(judgement, &bytes),
                None => judgement,
            }
        }
        None => Judgement::implausible("it does not decode to a private key"),
    }
}

/// The same of a block that is in base64 as a whole, as kubeconfigs and Kubernetes' Secrets hold it.
pub fn check_base64(secret: &[u8]) -> Judgement {
    match decode_any(secret) {
        Some(block) if block.starts_with(b"-----BEGIN ") => check(&block),
        _ => Judgement::implausible("it does not decode to a private key"),
    }
}

/// What makes the start of a key in base64 at the end of `before` a whole one. It opens nothing.
pub fn base64_of(before: &str, random: &mut dyn FnMut() -> u64) -> String {
    let mut make = Maker::new(random);
    let der = [&[0x30, 0x82, 2, 0x58][..], &make.bytes(600)].concat();
    let body: Vec<String> =
        BASE64.encode(&der).as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    let label = ["RSA", "EC"][make.number(0, 2) as usize];
    let text = format!("-----BEGIN {label} PRIVATE KEY-----\n{}\n-----END {label} PRIVATE KEY-----\n", body.join("\n"));
    let whole = BASE64.encode(text.as_bytes());
    let begun = (3..whole.len()).rev().find(|length| before.ends_with(&whole[..*length]));
    whole[begun.unwrap_or(0)..].to_owned()
}

fn encryption(encrypted: bool) -> Judgement {
    if encrypted {
        return Judgement::default().detail("encrypted", "yes").lowered(Severity::Medium);
    }
    Judgement::default().detail("encrypted", "no")
}

fn putty(text: &str) -> Judgement {
    let value = |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name));
    let mut judgement = encryption(!matches!(value("Encryption: "), Some("none") | None));
    if let Some(comment) = value("Comment: ") {
        judgement = judgement.public_detail("comment", comment);
    }
    let lines = text.lines().map(str::trim).skip_while(|line| !line.starts_with("Public-Lines: ")).skip(1);
    let public: String = lines.take_while(|line| !line.contains(':')).collect();
    match decode_any(public.as_bytes()).filter(|public| !public.is_empty()) {
        Some(public) => ssh::with_public(judgement, &public),
        None => judgement,
    }
}

/// The text with the escapes of string literals, URLs and XML undone, as far as they stand for line ends and base64.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '%', '&']) {
        out.push_str(&rest[..at]);
        let (stands_for, length) = escape(&rest[at..]);
        out.push_str(stands_for);
        rest = &rest[at + length..];
    }
    out.push_str(rest);
    out
}

/// What the escape that `text` begins with stands for, and its length.
fn escape(text: &str) -> (&'static str, usize) {
    let slashes = text.len() - text.trim_start_matches('\\').len();
    let code = &text[slashes.max(1)..];
    if slashes > 0 {
        return match code.as_bytes().first() {
            Some(b'n' | b'r' | b't') => ("\n", slashes + 1),
            _ => ("", slashes),
        };
    }
    if text.starts_with('&') {
        let entity = code.split_inclusive(';').next().filter(|entity| entity.len() < 8 && entity.ends_with(';'));
        return entity.map_or((" ", 1), |entity| ("\n", 1 + entity.len()));
    }
    match code.as_bytes() {
        [b'0', b'A' | b'a' | b'D' | b'd', ..] => ("\n", 3),
        [b'2', b'0', ..] => (" ", 3),
        [b'2', b'B' | b'b', ..] => ("+", 3),
        [b'2', b'F' | b'f', ..] => ("/", 3),
        [b'3', b'D' | b'd', ..] => ("=", 3),
        _ => (" ", 1),
    }
}

/// The base64 of a block, without headers, quotes, `+` between literals, comment marks and the marks of a diff.
fn body(inside: &str) -> String {
    let start = inside.find("DEK-Info:").map_or(0, |at| {
        let value = inside[at + 9..].trim_start();
        inside.len() - value.len() + value.find(char::is_whitespace).unwrap_or(value.len())
    });
    let lines = inside[start..].lines().filter(|line| !line.contains(": "));
    let is_mark =
        |piece: &&str| piece.is_empty() || piece.len() <= 2 && piece.bytes().all(|byte| b"+/".contains(&byte));
    let pieces: Vec<&str> = lines
        .flat_map(|line| line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '+' || c == '/')))
        .filter(|piece| !is_mark(piece))
        .collect();
    // Every line of a diff that adds a key begins with `+`.
    let added = pieces.len() > 1 && pieces.iter().all(|piece| piece.starts_with('+'));
    pieces.iter().map(|piece| if added { &piece[1..] } else { piece }).collect()
}

/// Whether an OpenSSH key is encrypted; `None` if it is not one.
fn openssh_start(body: &str) -> Option<bool> {
    let bytes = decode_any(body.get(..LEAST_BODY)?.as_bytes())?;
    Some(!bytes.strip_prefix(OPENSSH)?.starts_with(OPENSSH_PLAIN))
}

/// One DER sequence that ends where the bytes end.
fn is_der(body: &str) -> bool {
    let Some(bytes) = decode_any(body.as_bytes()) else { return false };
    let [0x30, first, rest @ ..] = bytes.as_slice() else { return false };
    let extra = usize::from(first & 0x7f);
    if first & 0x80 == 0 {
        return rest.len() == extra;
    }
    if !(1..=3).contains(&extra) || rest.len() < extra {
        return false;
    }
    let length = rest[..extra].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    rest.len() - extra == length
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sequence of 300 bytes that holds no key.
    fn lines() -> Vec<String> {
        let noise = (0..300_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8);
        let bytes: Vec<u8> = [0x30, 0x82, 1, 44].into_iter().chain(noise).collect();
        BASE64.encode(&bytes).as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }

    fn block(label: &str, body: &str) -> String {
        format!("-----BEGIN {label}-----{body}-----END {label}-----")
    }

    fn encrypted(text: &str) -> Option<String> {
        let judgement = check(text.as_bytes());
        assert_eq!(judgement.implausible, None, "{text}");
        judgement.details.into_iter().find(|(name, _)| name == "encrypted").map(|(_, value)| value)
    }

    #[test]
    fn keys_in_every_dress() {
        let lines = lines();
        let forms = [
            format!("\n{}\n", lines.join("\n")),
            format!("\r\n    {}\r\n    ", lines.join("\r\n    ")),
            format!("\\n{}\\n", lines.join("\\n")),
            format!("\\\\n{}\\\\n", lines.join("\\\\n")),
            format!("\\r\\n{}\\r\\n", lines.join("\\r\\n")),
            format!(" {} ", lines.join(" ")),
            format!("\n{}\n", lines.concat()),
            format!("\\n' +\n  '{}\\n' +\n  '", lines.join("\\n' +\n  '")),
            format!("\",\n  \"{}\",\n  \"", lines.join("\",\n  \"")),
            format!("\n-{}\n-", lines.join("\n-")),
            format!("\n+{}\n+", lines.join("\n+")),
            format!("\n# {}\n# ", lines.join("\n# ")),
            format!("\n// {}\n// ", lines.join("\n// ")),
            format!("%0A{}%0A", lines.join("%0A").replace('+', "%2B").replace('=', "%3D")),
            format!("&#10;{}&#10;", lines.join("&#10;")),
            format!("\\n{}\\n", lines.join("\\n").replace('/', "\\/")),
        ];
        for form in forms {
            assert_eq!(encrypted(&block("RSA PRIVATE KEY", &form)).as_deref(), Some("no"));
            assert_eq!(encrypted(&block("ENCRYPTED PRIVATE KEY", &form)).as_deref(), Some("yes"));
        }
    }

    #[test]
    fn what_is_no_key() {
        let lines = lines();
        let cut = format!("\n{}\n", lines[1..].join("\n"));
        let none = format!("\n{}\n", ["x".repeat(64), "x".repeat(64)].join("\n"));
        for body in [&cut, &none, "\n...\n", "", "\nMIIEvQ\n"] {
            for label in ["RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY"] {
                assert!(check(block(label, body).as_bytes()).implausible.is_some(), "{body}");
            }
        }
        assert!(check(b"-----BEGIN").implausible.is_none());
    }

    #[test]
    fn keys_in_base64() {
        let mut next = 9_u64;
        let whole = base64_of("client-key-data: ", &mut || {
            next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            next
        });
        assert_eq!(check_base64(whole.as_bytes()).implausible, None);
        assert!(check_base64(&whole.as_bytes()[..400]).implausible.is_some());
        assert!(check_base64(b"QUJDREVG").implausible.is_some());
    }

    #[test]
    fn passphrases() {
        let lines = lines();
        let header = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00FF00FF00FF00FF00FF00FF00FF00FF";
        for glue in ["\n", " ", "\\n"] {
            let body = format!("{glue}{}{glue}{glue}{}{glue}", header.replace('\n', glue), lines[1..].join(glue));
            assert_eq!(encrypted(&block("RSA PRIVATE KEY", &body)).as_deref(), Some("yes"));
        }
        let tail: Vec<u8> = (0..200_u8).collect();
        for (cipher, answer) in [(&b"\0\0\0\x04none"[..], "no"), (b"\0\0\0\x0aaes256-ctr", "yes")] {
            let body = BASE64.encode(&[OPENSSH, cipher, &tail].concat());
            assert_eq!(encrypted(&block("OPENSSH PRIVATE KEY", &format!("\n{body}\n"))).as_deref(), Some(answer));
        }
        assert_eq!(
            encrypted(&block("PGP PRIVATE KEY BLOCK", &format!("\nVersion: x\n\n{}\n=abcd\n", lines[1]))).as_deref(),
            Some("no")
        );
        let public = BASE64.encode(b"\0\0\0\x07ssh-rsa\0\0\0\x01\x03");
        let putty = format!(
            "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nComment: ops@build7\nPublic-Lines: 1\n{public}\nPrivate-Lines: 1\nAAAA\n"
        );
        let told: Vec<String> = check(putty.as_bytes()).details.into_iter().map(|(name, _)| name).collect();
        assert_eq!(told, ["encrypted", "comment", "key_type", "ssh_fingerprint"]);
        assert_eq!(encrypted("PuTTY-User-Key-File-3: ssh-rsa\nEncryption: aes256-cbc\n").as_deref(), Some("yes"));
    }
}
