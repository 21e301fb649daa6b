//! Checksums that issuers put at the end of their tokens.

use sha2::{Digest, Sha256};

use super::encoded::decode_any;
use super::{CONTEXT, Judgement, Subject};

pub(super) const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
pub(super) const BASE62_LOWER: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
pub(super) const BASE36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// The length of most checksums in base 62.
pub(super) const CHECK_LEN: usize = 6;
/// Two characters for the payload's length, seven for the checksum.
const ROUTABLE_TAIL: usize = 9;
const ROUTABLE_CHECK: usize = 7;

/// What is said of a token with a wrong checksum.
pub(super) fn misfit(provider: &str) -> Judgement {
    Judgement::implausible(format!("its checksum does not fit: never issued by {provider}"))
}

/// The same of a key that its owner made, with software of the provider.
pub(super) fn no_key(provider: &str) -> Judgement {
    Judgement::implausible(format!("its checksum does not fit: not a key of {provider}"))
}

fn split_check(secret: &[u8], length: usize) -> Option<(&str, &str)> {
    let token = std::str::from_utf8(secret).ok()?;
    token.split_at_checked(token.len().checked_sub(length)?)
}

/// The beginning of a token that stands at the end of a text.
pub(super) fn token_at_end(text: &str) -> &str {
    // `=` within a token comes before its checksum only; before a token it assigns.
    let body = text.trim_end_matches('=');
    let part_of_token = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '.';
    let start = body.char_indices().rfind(|(_, c)| !part_of_token(*c)).map_or(0, |(at, c)| at + c.len_utf8());
    // `%3D` is an equals sign.
    let encoded = text[..start].ends_with('%') && text[start..].starts_with("3D");
    &text[if encoded { start + 2 } else { start }..]
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

/// crates.io's trusted publishing tokens: the last character stands for the exclusive or of the 31 before
/// (rust-lang/crates.io: crates/crates_io_trustpub/src/access_token.rs).
pub fn crates_xor(secret: &[u8], provider: &str) -> Judgement {
    let Some((before, check)) = split_check(secret, 1) else { return Judgement::default() };
    match crates_xor_of(before) {
        Some(expected) if expected == check => Judgement::proved(),
        Some(_) => misfit(provider),
        None => Judgement::default(),
    }
}

/// The check character of a token of which all else stands at the end of `before`.
pub fn crates_xor_of(before: &str) -> Option<String> {
    const DIGITS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let body = before.as_bytes().last_chunk::<31>()?;
    let all = body.iter().fold(0, |all, byte| all ^ byte);
    Some(char::from(DIGITS[usize::from(all) % DIGITS.len()]).into())
}

/// Checkout.com: 16 bytes in base32, then a character that stands for their number, the least significant byte first,
/// modulo 37. Five of the 37 characters are signs whose order nobody published.
pub fn checkout(secret: &[u8], provider: &str) -> Judgement {
    let Some((before, check)) = split_check(secret, 1) else { return Judgement::default() };
    let sign = |check: &str| check.bytes().all(|byte| byte.is_ascii_punctuation());
    match checkout_number(before) {
        Some(number) if BASE32.get(number).map_or(sign(check), |&digit| check.as_bytes() == [digit]) => {
            Judgement::proved()
        }
        Some(_) => misfit(provider),
        None => Judgement::default(),
    }
}

/// The check character of a key of which all else stands at the end of `before`.
pub fn checkout_of(before: &str) -> Option<String> {
    let number = checkout_number(before)?;
    let digits = [&BASE32[..], b"*#$=="].concat();
    Some(char::from(*digits.get(number)?).into())
}

const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

fn checkout_number(before: &str) -> Option<usize> {
    let body = before.get(before.len().checked_sub(26)?..)?.to_ascii_uppercase();
    let bytes = data_encoding::BASE32_NOPAD.decode(body.as_bytes()).ok()?;
    Some(bytes.iter().rev().fold(0, |number, byte| (number << 8 | usize::from(*byte)) % 37))
}

/// What a self-hosted Supabase puts in the place of a project's name (supabase: docker/utils/add-new-auth-keys.sh).
const SELF_HOSTED: &str = "supabase-self-hosted";
const SUPABASE_CHECK: usize = 8;

/// Supabase: the last eight characters are the start of the SHA-256 of the project's name, `|`, and the key before
/// `_`. The name is 20 letters before `.supabase.`, if it stands near; a hosted key alone can neither pass nor fail.
pub(super) fn supabase(subject: &Subject<'_>) -> Judgement {
    let Some((before, check)) = split_check(subject.secret, SUPABASE_CHECK) else { return Judgement::default() };
    let Some(before) = before.strip_suffix('_') else { return Judgement::default() };
    if supabase_sum(SELF_HOSTED, before) == check {
        return Judgement::proved().detail("environment", "self-hosted");
    }
    let span = subject.span;
    let near = span.start.saturating_sub(CONTEXT)..(span.end + CONTEXT).min(subject.bytes.len());
    let near = subject.bytes.get(near).unwrap_or_default();
    let project = |at: usize| {
        let name = near[..at].last_chunk::<20>().filter(|name| name.iter().all(u8::is_ascii_lowercase))?;
        std::str::from_utf8(name).ok().filter(|name| supabase_sum(name, before) == check)
    };
    match memchr::memmem::find_iter(near, b".supabase.").find_map(project) {
        Some(name) => Judgement::proved().detail("project", name),
        None => Judgement::default(),
    }
}

fn supabase_sum(project: &str, key: &str) -> String {
    let digest = Sha256::digest(format!("{project}|{key}"));
    let mut text = data_encoding::BASE64URL_NOPAD.encode(&digest[..6]);
    text.truncate(SUPABASE_CHECK);
    text
}

/// The checksum of a key of a self-hosted Supabase, of which all up to the last `_` stands at the end of `before`.
pub fn supabase_of(before: &str) -> Option<String> {
    Some(supabase_sum(SELF_HOSTED, token_at_end(before).strip_suffix('_')?))
}

/// Xata: 20 random bytes and their CRC-32, the least significant byte first, in a base 62 that reads six bits at a time
/// from the end, and five where six would be too large a digit (xataio/xata: internal/api/key; jxskiss/base62).
pub fn xata(secret: &[u8], provider: &str) -> Judgement {
    let token = std::str::from_utf8(secret).unwrap_or_default();
    let Some((prefix, body)) = token.split_once('_') else { return Judgement::default() };
    let fits = |bytes: &[u8]| {
        bytes.split_last_chunk().is_some_and(|(key, check)| crc32fast::hash(key) == u32::from_le_bytes(*check))
    };
    // Zeros at the very start leave no trace.
    let fits = xata_bytes(body).is_some_and(|bytes| {
        fits(&bytes) || fits(&[vec![0; XATA_LEN.saturating_sub(bytes.len())], bytes].concat()) //
    });
    match (fits, prefix) {
        (true, "xao") => Judgement::proved().detail("key_type", "organization"),
        (true, _) => Judgement::proved().detail("key_type", "user"),
        (false, _) => misfit(provider),
    }
}

/// Random bytes and checksum.
const XATA_LEN: usize = 24;

/// Whether a digit stands for five bits only: with a sixth it would be 62 or 63 or more.
fn is_narrow(digit: usize) -> bool {
    digit & 0b1_1110 == 0b1_1110
}

fn xata_bytes(body: &str) -> Option<Vec<u8>> {
    let mut bits: Vec<bool> = Vec::new();
    let digits = body.bytes().map(|byte| BASE62_LOWER.iter().position(|digit| *digit == byte));
    for digit in digits {
        let digit = digit?;
        bits.extend((0..if is_narrow(digit) { 5 } else { 6 }).map(|bit| digit >> bit & 1 == 1));
    }
    // The last digit fills up with zeros.
    let significant = bits.iter().rposition(|bit| *bit)? + 1;
    bits.resize(significant.next_multiple_of(8), false);
    let byte = |bits: &[bool]| bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | u8::from(*bit) << at);
    Some(bits.chunks(8).rev().map(byte).collect())
}

/// The body of a key.
pub fn xata_of(random: &mut dyn FnMut() -> u64) -> String {
    let mut bytes: Vec<u8> = (4..XATA_LEN).map(|_| random() as u8).collect();
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    let bits: Vec<bool> = bytes.iter().rev().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1)).collect();
    let mut text = String::new();
    let mut at = 0;
    while at < bits.len() {
        let some = bits[at..].iter().take(6).enumerate();
        let digit = some.fold(0, |digit, (at, bit)| digit | usize::from(*bit) << at);
        let narrow = is_narrow(digit) && (bits.len() - at > 6 || digit > 0b1_1111);
        text.push(char::from(BASE62_LOWER[if narrow { digit & 0b1_1111 } else { digit }]));
        at += if narrow { 5 } else { 6 };
    }
    text
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

    #[test]
    fn trusted_publishing_tokens_of_crates_io() {
        let token = ["cio_tp_", "pK6IMgK6ltR00CCC7TODYrEh38O9R7j", "G"].concat();
        assert!(crates_xor(token.as_bytes(), "crates.io").proved);
        assert_eq!(crates_xor_of(&token[..token.len() - 1]).as_deref(), Some("G"));
        for at in 7..token.len() {
            let mut wrong = token.clone().into_bytes();
            // One bit: other numbers can be the same modulo 62.
            wrong[at] ^= 1;
            let why = crates_xor(&wrong, "crates.io").implausible;
            assert_eq!(why.as_deref(), Some("its checksum does not fit: never issued by crates.io"), "{at}");
        }
        assert!(crates_xor(b"short", "crates.io").implausible.is_none());
    }

    #[test]
    fn check_characters_of_checkout() {
        let key = ["sk_sbox_", "qxbn5htiarnnoboz3netdxqi64", "3"].concat();
        assert!(checkout(key.as_bytes(), "Checkout.com").proved);
        // One wrong character in 37 fits all the same.
        let mut passed = 0;
        for at in 8..key.len() {
            for digit in BASE32.iter().filter(|digit| **digit != key.as_bytes()[at]) {
                let mut wrong = key.clone().into_bytes();
                wrong[at] = *digit;
                passed += usize::from(checkout(&wrong, "Checkout.com").proved);
            }
        }
        assert!(passed < 27 * 31 / 20, "{passed}");
        // Five numbers in 37 stand for a sign.
        let mut random = crate::rules::sample::Random::new(1);
        let mut signs = 0;
        for _ in 0..400 {
            let body: String = (0..25).map(|_| char::from(BASE32[random.below(32)])).collect();
            let Some(check) = checkout_of(&format!("K=sk_{body}a")) else { panic!("{body}") };
            signs += usize::from(!check.as_bytes()[0].is_ascii_alphanumeric());
            assert!(checkout(format!("sk_{body}a{check}").as_bytes(), "x").proved, "{body}{check}");
        }
        assert!((20..100).contains(&signs), "{signs}");
    }

    #[test]
    fn keys_of_supabase() {
        let start = ["sb_secret_", "Ab3dEf6hIj9lMn2pQr5tUv"].concat();
        let judge = |text: &str| {
            let at = text.find("sb_secret_").unwrap();
            let span = at..at + 41;
            supabase(&Subject {
                start: span.start,
                bytes: text.as_bytes(),
                span: &span,
                secret: &text.as_bytes()[span.clone()],
            })
        };
        let own = format!("{start}_{}", supabase_of(&format!("KEY={start}_")).unwrap());
        assert_eq!(judge(&own).details, [("environment".to_owned(), "self-hosted".to_owned())]);
        let name = "abcdefghijklmnopqrst";
        let hosted = format!("{start}_{}", supabase_sum(name, &start));
        let text = format!("URL=https://other.supabase.co\nURL=https://{name}.supabase.co\nKEY={hosted}\n");
        let judgement = judge(&text);
        assert!(judgement.proved);
        assert_eq!(judgement.details, [("project".to_owned(), name.to_owned())]);
        for text in [hosted, text.replace(name, "bbcdefghijklmnopqrst"), ".supabase.co ".to_owned() + &own[..40] + "!"]
        {
            let judgement = judge(&text);
            assert!(!judgement.proved && judgement.implausible.is_none() && judgement.details.is_empty(), "{text}");
        }
    }

    #[test]
    fn keys_of_xata() {
        let mut random = crate::rules::sample::Random::new(1);
        for _ in 0..2000 {
            let body = xata_of(&mut || random.number());
            assert!((32..=36).contains(&body.len()), "{body}");
            assert!(xata(format!("xau_{body}").as_bytes(), "Xata").proved, "{body}");
        }
        let body = xata_of(&mut || random.number());
        for at in 0..body.len() {
            let mut wrong = format!("xao_{body}").into_bytes();
            wrong[at + 4] = if wrong[at + 4] == b'7' { b'8' } else { b'7' };
            assert!(xata(&wrong, "Xata").implausible.is_some(), "{at} of {body}");
        }
        let zeros = xata_of(&mut || 0);
        assert!(xata(format!("xao_{zeros}").as_bytes(), "Xata").proved, "{zeros}");
        for nothing in ["xau_", "xau_0", "xau_-", "xau", "xau_00000000"] {
            assert!(!xata(nothing.as_bytes(), "Xata").proved, "{nothing}");
        }
    }

    #[test]
    fn tokens_at_the_end_of_a_text() {
        for (text, token) in [
            ("A_KEY=glsa_x", "glsa_x"),
            ("\"ATATT3ab=", "ATATT3ab="),
            ("?k%3Dcfut_x", "cfut_x"),
            ("?k3Dcfut_x", "k3Dcfut_x"),
            ("x é_b", "_b"),
            ("ab ", ""),
            ("", ""),
        ] {
            assert_eq!(token_at_end(text), token, "{text}");
        }
    }
}
