//! Checksums and ids that issuers build into their tokens.

use super::Judgement;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const CHECK_LEN: usize = 6;

/// The last six characters are the CRC-32 of the body in base62 (GitHub since 2021, npm); the body
/// begins after the first `_`.
pub fn crc32_base62(secret: &[u8]) -> Judgement {
    let Some(expected) = std::str::from_utf8(secret).ok().filter(|s| s.len() > CHECK_LEN).and_then(|token| {
        let (before, check) = token.split_at_checked(token.len() - CHECK_LEN)?;
        Some(crc32_base62_of(before)? == check)
    }) else {
        return Judgement::default();
    };
    if expected {
        return Judgement::proved();
    }
    Judgement::implausible("its checksum does not fit: never issued by the provider")
}

/// The check characters for a token that lacks them.
pub fn crc32_base62_of(before: &str) -> Option<String> {
    let body = before.split_once('_')?.1;
    Some(based(u64::from(crc32fast::hash(body.as_bytes())), BASE62, CHECK_LEN))
}

/// GitLab's routable tokens: `PREFIX` + base64url payload + `.` + two base-36 characters for the payload's length
/// + seven base-36 characters, the CRC-32 of all before.
pub fn gitlab_routable(secret: &[u8]) -> Judgement {
    let Ok(token) = std::str::from_utf8(secret) else { return Judgement::default() };
    let Some((before, check)) = token.split_at_checked(token.len().saturating_sub(7)) else {
        return Judgement::default();
    };
    if token.rsplit_once('.').is_none_or(|(_, tail)| tail.len() != 9) {
        return Judgement::default();
    }
    if gitlab_routable_of(before).as_deref() == Some(check) {
        return Judgement::proved();
    }
    Judgement::implausible("its checksum does not fit: never issued by GitLab")
}

/// The check characters for a routable token that lacks them.
pub fn gitlab_routable_of(before: &str) -> Option<String> {
    Some(based(u64::from(crc32fast::hash(before.as_bytes())), BASE36, 7))
}

fn based(mut number: u64, digits: &[u8], width: usize) -> String {
    let mut text = vec![digits[0]; width];
    for slot in text.iter_mut().rev() {
        *slot = digits[(number % digits.len() as u64) as usize];
        number /= digits.len() as u64;
    }
    text.into_iter().map(char::from).collect()
}

/// The account that an AWS key id belongs to: bits 7–46 of its base32 body, for ids issued since 2019 or so.
pub fn aws_account(secret: &[u8]) -> Judgement {
    if secret.ends_with(b"EXAMPLE") {
        return Judgement::implausible("documented example");
    }
    let Some(body) = secret.get(4..14) else { return Judgement::default() };
    let mut bits: u64 = 0;
    for &byte in body {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'2'..=b'7' => byte - b'2' + 26,
            _ => return Judgement::implausible("an AWS key id has only A-Z and 2-7"),
        };
        bits = bits << 5 | u64::from(value);
    }
    // Ten characters are 50 bits; the decoded id's first six bytes are the upper 48, of which 40 say the account.
    let account = (bits >> 2 & 0x7fff_ffff_ff80) >> 7;
    let key_id = String::from_utf8_lossy(secret).into_owned();
    Judgement::default().detail("account", format!("{account:012}")).detail("key_id", key_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn github_checksums() {
        // Parts are joined here only, so that no file holds a string that looks live.
        let token = ["ghp_", "gajcCHdhzb4pw5f481gHNfjX8s2mvt", "23Fcup"].concat();
        assert!(crc32_base62(token.as_bytes()).proved);
        let wrong = ["ghp_", "gajcCHdhzb4pw5f481gHNfjX8s2mvt", "23Fcuq"].concat();
        assert!(crc32_base62(wrong.as_bytes()).implausible.is_some());
    }

    #[test]
    fn aws_ids_name_their_account() {
        // Example of the published description of the encoding (account 609629065308).
        let id = ["ASIA", "Y34FZKBOK", "MUTVV7A"].concat();
        let judgement = aws_account(id.as_bytes());
        assert_eq!(judgement.details[0], ("account".to_owned(), "609629065308".to_owned()));
    }
}
