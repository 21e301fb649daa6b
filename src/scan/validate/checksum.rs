//! Checksums that issuers put at the end of their tokens.

use super::Judgement;
use super::encoded::decode_any;

pub(super) const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const CHECK_LEN: usize = 6;
/// Two characters for the payload's length, seven for the checksum.
const ROUTABLE_TAIL: usize = 9;
const ROUTABLE_CHECK: usize = 7;

/// What is said of a token with a wrong checksum.
pub(super) fn misfit(provider: &str) -> Judgement {
    Judgement::implausible(format!("its checksum does not fit: never issued by {provider}"))
}

/// The last six characters are the CRC-32 of the body in base62 (GitHub since 2021, npm); the body
/// begins after the first `_`.
pub fn crc32_base62(secret: &[u8], provider: &str) -> Judgement {
    let Some((before, check)) = split_check(secret, CHECK_LEN) else { return Judgement::default() };
    match crc32_base62_of(before) {
        Some(expected) if expected == check => Judgement::proved(),
        Some(_) => misfit(provider),
        None => Judgement::default(),
    }
}

fn split_check(secret: &[u8], length: usize) -> Option<(&str, &str)> {
    let token = std::str::from_utf8(secret).ok()?;
    token.split_at_checked(token.len().checked_sub(length)?)
}

/// The check characters for a token that lacks them.
pub fn crc32_base62_of(before: &str) -> Option<String> {
    let body = before.split_once('_')?.1;
    Some(based(u64::from(crc32fast::hash(body.as_bytes())), BASE62, CHECK_LEN))
}

/// GitLab's routable tokens: `PREFIX` + base64url payload + `.` (+ `01.` since the second generation) + two base-36
/// characters for the payload's length + seven base-36 characters, the CRC-32 of all before
/// (gitlab: lib/authn/token_field/generator/routable_token.rb).
pub fn gitlab_routable(secret: &[u8], provider: &str) -> Judgement {
    let Some((before, check)) = split_check(secret, ROUTABLE_CHECK) else { return Judgement::default() };
    if before.rsplit_once('.').is_none_or(|(_, tail)| tail.len() + ROUTABLE_CHECK != ROUTABLE_TAIL) {
        return Judgement::default();
    }
    if gitlab_routable_of(before).as_deref() != Some(check) {
        return misfit(provider);
    }
    let ids = routing(before).unwrap_or_default();
    ids.into_iter().fold(Judgement::proved(), |judgement, (name, id)| judgement.detail(name, id))
}

/// The check characters for a routable token that lacks them.
pub fn gitlab_routable_of(before: &str) -> Option<String> {
    Some(based(u64::from(crc32fast::hash(before.as_bytes())), BASE36, ROUTABLE_CHECK))
}

/// Whose token it is: after 16 random bytes the payload has lines `key:id` with ids in base 36, then its own size.
fn routing(before: &str) -> Option<Vec<(&'static str, String)>> {
    let (payload, length) = before.rsplit_once('.')?;
    let payload = payload.strip_suffix(".01").unwrap_or(payload);
    let length = usize::from_str_radix(length, 36).ok()?;
    let payload = decode_any(payload.get(payload.len().checked_sub(length)?..)?.as_bytes())?;
    let lines = std::str::from_utf8(payload.get(16..payload.len().checked_sub(1)?)?).ok()?;
    let id = |line: &str| {
        let (key, id) = line.split_once(':')?;
        let name = match key {
            "u" => "user",
            "p" => "project",
            "g" => "group",
            "o" => "organization",
            _ => return None,
        };
        Some((name, u64::from_str_radix(id, 36).ok()?.to_string()))
    };
    Some(lines.lines().filter_map(id).collect())
}

/// A number in the digits given, filled up with zeros on the left.
pub(super) fn based(mut number: u64, digits: &[u8], width: usize) -> String {
    let mut text = vec![digits[0]; width];
    for slot in text.iter_mut().rev() {
        *slot = digits[(number % digits.len() as u64) as usize];
        number /= digits.len() as u64;
    }
    text.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Parts are joined here only, so that no file holds a string that looks live. None of them was ever issued.

    #[test]
    fn github_and_npm_checksums() {
        let tokens = [
            ["ghp_", "gajcCHdhzb4pw5f481gHNfjX8s2mvt", "23Fcup"],
            ["gho_", "G4B3AWdd3LgUPy0VBZuzzi7702ScZ1", "0AlFv2"],
            ["npm_", "6ZRfGqCtvqPN20fIrfqCMSWY7it2hm", "0vJlXh"],
            ["ghp_", "9La8KJUp0rB3kJGwtNEfXiPwfETYJs", "0fmYIK"],
        ];
        for token in tokens {
            assert!(crc32_base62(token.concat().as_bytes(), "GitHub").proved, "{}", token[2]);
        }
        let wrong = ["ghp_", "gajcCHdhzb4pw5f481gHNfjX8s2mvt", "23Fcuq"].concat();
        let why = crc32_base62(wrong.as_bytes(), "GitHub").implausible;
        assert_eq!(why.as_deref(), Some("its checksum does not fit: never issued by GitHub"));
    }

    #[test]
    fn gitlab_tokens_name_their_owner() {
        let parts = ["glpat-", "J76PEQtUWtj7lXlBBcdeRG86MQp1OjIH", ".01.", "0w", "0o5mosc"];
        let judgement = gitlab_routable(parts.concat().as_bytes(), "GitLab");
        assert!(judgement.proved);
        let names: Vec<_> = judgement.details.iter().map(|(name, id)| (name.as_str(), id.as_str())).collect();
        assert_eq!(names, [("organization", "1"), ("user", "2")]);
        let wrong = [&parts[..4], &["0o5mosd"]].concat().concat();
        let why = gitlab_routable(wrong.as_bytes(), "GitLab").implausible;
        assert_eq!(why.as_deref(), Some("its checksum does not fit: never issued by GitLab"));
    }

    #[test]
    fn gitlab_tokens_of_the_first_generation() {
        let before = ["glpat-", "J76PEQtUWtj7lXlBBcdeRG86MQp1OjIH", ".0w"].concat();
        let token = format!("{before}{}", gitlab_routable_of(&before).unwrap());
        let judgement = gitlab_routable(token.as_bytes(), "GitLab");
        assert!(judgement.proved);
        assert_eq!(judgement.details.len(), 2);
    }
}
