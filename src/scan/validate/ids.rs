//! Public identifiers that tokens carry: accounts, users, key ids.

use super::encoded::decode_any;
use super::{Judgement, may_show};

/// The account that an AWS key id belongs to: bits 7–46 of its base32 body, for ids issued since 2019 or so
/// (older ones begin with `I` or `J` and name none).
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
    let judgement = Judgement::default().detail("key_id", String::from_utf8_lossy(secret));
    if body.starts_with(b"I") || body.starts_with(b"J") {
        return judgement;
    }
    // Ten characters are 50 bits; the decoded id's first six bytes are the upper 48, of which 40 say the account.
    let account = (bits >> 2 & 0x7fff_ffff_ff80) >> 7;
    // An account has twelve digits; an older id may decode to more.
    if account < 1_000_000_000_000 { judgement.detail("account", format!("{account:012}")) } else { judgement }
}

/// A Bedrock key: base64 of `USER-at-ACCOUNT:SECRET` after `ABSK`.
pub fn aws_bedrock_key(secret: &[u8]) -> Judgement {
    match bedrock_owner(secret) {
        Some((user, account)) => Judgement::proved().detail("account", account).public_detail("user", &user),
        None => Judgement::implausible("it does not decode to a Bedrock key: never issued by AWS"),
    }
}

fn bedrock_owner(secret: &[u8]) -> Option<(String, String)> {
    let bytes = decode_any(secret.strip_prefix(b"ABSK")?)?;
    let (owner, _) = bytes.split_at_checked(bytes.iter().position(|byte| *byte == b':')?)?;
    let owner = std::str::from_utf8(owner).ok().filter(|owner| owner.bytes().all(|byte| byte.is_ascii_graphic()))?;
    let (user, account) = owner.rsplit_once("-at-")?;
    let fits = (1..=64).contains(&user.len()) && account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| (user.to_owned(), account.to_owned()))
}

/// A SendGrid key `SG.ID.SECRET`: the middle part is its id, which the API and the dashboard show.
pub fn sendgrid(secret: &[u8]) -> Judgement {
    match secret.split(|byte| *byte == b'.').nth(1) {
        Some(id) => Judgement::default().public_detail("key_id", &String::from_utf8_lossy(id)),
        None => Judgement::default(),
    }
}

/// A Stripe key of the longer form has its account's id at the start of its body.
pub fn stripe_account(secret: &[u8]) -> Judgement {
    let body = secret.rsplit(|byte| *byte == b'_').next().unwrap_or_default();
    match body.get(1..17) {
        Some(id) if body.len() >= 60 && body[0] == b'5' && may_show(id) => {
            Judgement::default().detail("account", format!("acct_{}", String::from_utf8_lossy(id)))
        }
        _ => Judgement::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(judgement: &Judgement) -> Vec<(&str, &str)> {
        judgement.details.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    #[test]
    fn aws_ids_name_their_account() {
        // Examples of published descriptions of the encoding; parts are joined here only.
        for (id, account) in
            [(["ASIA", "Y34FZKBOK", "MUTVV7A"], "609629065308"), (["ASIA", "QNZGKIQY5", "6JQ7WML"], "029608264753")]
        {
            let id = id.concat();
            assert_eq!(details(&aws_account(id.as_bytes())), [("key_id", id.as_str()), ("account", account)]);
        }
        assert!(aws_account(b"AKIAIOSFODNN7EXAMPLE").implausible.is_some());
        assert!(aws_account(["AKIA", "Y34FZKB0K", "MUTVV7A"].concat().as_bytes()).implausible.is_some());
        assert_eq!(aws_account(["ASIA", "7777777777", "MUTVVA"].concat().as_bytes()).details.len(), 1);
        assert_eq!(aws_account(["AKIA", "I34FZKBOK", "MUTVV7A"].concat().as_bytes()).details.len(), 1);
    }

    #[test]
    fn bedrock_keys_name_their_user() {
        let body = data_encoding::BASE64_NOPAD.encode(b"BedrockAPIKey-k7wq-at-429571836042:xyz");
        let key = format!("ABSK{body}");
        let judgement = aws_bedrock_key(key.as_bytes());
        assert_eq!(details(&judgement), [("account", "429571836042"), ("user", "BedrockAPIKey-k7wq")]);
        assert!(aws_bedrock_key(b"ABSKQmVkcm9ja0FQSUtleS1").implausible.is_some());
    }

    #[test]
    fn key_ids_and_accounts() {
        let key = ["SG.", "ngeVfQFYQlKU0ufo8x5d1A", ".TwL2iGABf9DHoTf-09kqeF8tAmbihYzrnopKc-1s5cr"].concat();
        assert_eq!(details(&sendgrid(key.as_bytes())), [("key_id", "ngeVfQFYQlKU0ufo8x5d1A")]);
        let key = format!("sk_test_51{}", "H7g2Kd8Qm4Zr9Tx1".repeat(5));
        assert_eq!(details(&stripe_account(key.as_bytes())), [("account", "acct_1H7g2Kd8Qm4Zr9Tx")]);
        assert!(stripe_account(b"sk_test_5short").details.is_empty());
    }
}
