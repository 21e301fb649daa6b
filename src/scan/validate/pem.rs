//! Private keys in armour: is there a key between the lines, and is it encrypted?

use data_encoding::BASE64;

use super::Judgement;
use crate::rules::Severity;

/// Fewer characters than this between BEGIN and END hold no private key.
const LEAST_BODY: usize = 40;

/// Checks a whole block, from `-----BEGIN` (or PuTTY's first line) on; raw or with `\n` written out.
pub fn check(secret: &[u8]) -> Judgement {
    let text = String::from_utf8_lossy(secret).replace("\\r", "").replace("\\n", "\n");
    if text.starts_with("PuTTY-User-Key-File-") {
        return putty(&text);
    }
    let Some((header, rest)) = text.split_once("KEY-----").or_else(|| text.split_once("BLOCK-----")) else {
        return Judgement::default();
    };
    let inside = rest.split("-----END").next().unwrap_or(rest);
    let body: String = inside.lines().filter(|line| !line.contains(": ")).collect();
    let body: String = body.chars().filter(|c| c.is_ascii_alphanumeric() || "+/=".contains(*c)).collect();
    if body.len() < LEAST_BODY {
        return Judgement::implausible("there is no key between BEGIN and END");
    }
    let distinct = body.bytes().collect::<std::collections::HashSet<_>>().len();
    if distinct < 16 {
        return Judgement::implausible("too regular to be a key");
    }
    if header.contains("ENCRYPTED") || inside.contains("4,ENCRYPTED") || openssh_is_encrypted(&body) {
        return Judgement::default().detail("encrypted", "yes").lowered(Severity::Medium);
    }
    Judgement::default().detail("encrypted", "no")
}

fn putty(text: &str) -> Judgement {
    match text.lines().find_map(|line| line.trim().strip_prefix("Encryption: ")) {
        Some("none") | None => Judgement::default().detail("encrypted", "no"),
        Some(_) => Judgement::default().detail("encrypted", "yes").lowered(Severity::Medium),
    }
}

/// An OpenSSH key names its cipher after the magic: length, then `none` or a cipher.
fn openssh_is_encrypted(body: &str) -> bool {
    let start = &body.as_bytes()[..body.len().min(64) / 4 * 4];
    let Ok(bytes) = BASE64.decode(start) else { return false };
    bytes.strip_prefix(b"openssh-key-v1\0").is_some_and(|rest| !rest.starts_with(b"\0\0\0\x04none"))
}
