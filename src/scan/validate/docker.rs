//! Registry logins as Docker's configuration keeps them.

use data_encoding::BASE64;
use serde_json::Value;

use super::encoded::decode_any;
use super::make::Maker;
use super::{Judgement, Subject, assigned, placeholder};

/// How far before a login its registry may stand.
const REACH: usize = 300;
/// An identity token is at least as long.
const LEAST_TOKEN: usize = 64;

/// The value of `"auth"` (base64 of `user:password`) or of `"identitytoken"`, and the registry that it stands under.
pub(super) fn auth(subject: &Subject<'_>) -> Judgement {
    let judgement = match registry(subject) {
        Some(host) => Judgement::default().public_detail("host", &host),
        None => Judgement::default(),
    };
    match login(subject.secret) {
        Some((user, password)) => with_login(judgement, &user, &password),
        None if subject.secret.len() >= LEAST_TOKEN => judgement,
        None => Judgement::implausible("it does not decode to USER:PASSWORD"),
    }
}

fn with_login(judgement: Judgement, user: &str, password: &[u8]) -> Judgement {
    if placeholder::reason(password, false).is_some() || assigned::is_stand_in(password) || password.first() == Some(&0)
    {
        return Judgement::implausible("placeholder password");
    }
    judgement.public_detail("user", user)
}

fn login(encoded: &[u8]) -> Option<(String, Vec<u8>)> {
    let bytes = decode_any(encoded)?;
    let colon = bytes.iter().position(|byte| *byte == b':')?;
    let (user, password) = (&bytes[..colon], bytes[colon + 1..].to_vec());
    let printable = user.iter().all(|byte| (b' '..=b'~').contains(byte));
    (!user.is_empty() && printable && password.len() >= 2)
        .then(|| (String::from_utf8_lossy(user).into_owned(), password))
}

/// The name of the object that the secret stands in: `"HOST": {` before it.
fn registry(subject: &Subject<'_>) -> Option<String> {
    let before = &subject.bytes[subject.span.start.saturating_sub(REACH)..subject.span.start];
    let open = memchr::memrchr(b'{', before)?;
    let name = before[..open].trim_ascii_end().strip_suffix(b":")?.trim_ascii_end();
    let name = name.strip_suffix(b"\"")?;
    let name = name.strip_suffix(b"\\").unwrap_or(name);
    let start = memchr::memrchr(b'"', name)?;
    String::from_utf8(name[start + 1..].to_vec()).ok()
}

/// Base64 of a whole configuration, as image pull secrets hold it.
pub(super) fn auths(token: &str) -> Option<Judgement> {
    let json: Value = serde_json::from_slice(&decode_any(token.as_bytes())?).ok()?;
    // The older form has no `auths` around the registries.
    let registries = json.get("auths").unwrap_or(&json).as_object()?;
    let (host, entry) = registries.iter().find(|(_, entry)| entry.is_object())?;
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    let judgement = Judgement::default().public_detail("host", host);
    let told = match (text("auth").and_then(|auth| login(auth.as_bytes())), text("username"), text("password")) {
        (Some((user, password)), ..) => with_login(judgement, &user, &password),
        (None, Some(user), Some(password)) => with_login(judgement, user, password.as_bytes()),
        _ => return text("identitytoken").map(|_| judgement),
    };
    Some(told)
}

/// Makes such a configuration.
pub(super) fn make_auths(make: &mut Maker<'_>) -> String {
    let (user, password) = (format!("deploy{}", make.digits(2)), make.alnum(24));
    let auth = BASE64.encode(format!("{user}:{password}").as_bytes());
    let json = match make.number(0, 2) {
        0 => format!(r#"{{"auths":{{"ghcr.io":{{"username":"{user}","password":"{password}","auth":"{auth}"}}}}}}"#),
        _ => format!(
            "{{\n  \"auths\": {{\n    \"registry.gitlab.com\": {{\n      \"auth\": \"{auth}\"\n    }}\n  }}\n}}"
        ),
    };
    BASE64.encode(json.as_bytes())
}

/// Makes the value of `"auth"`.
pub(super) fn make_auth(make: &mut Maker<'_>) -> String {
    BASE64.encode(format!("deploy{}:{}", make.digits(2), make.alnum(27)).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(before: &str, plain: &str) -> Judgement {
        let secret = BASE64.encode(plain.as_bytes());
        let text = format!("{before}{secret}");
        let span = before.len()..text.len();
        auth(&Subject { start: 0, bytes: text.as_bytes(), span: &span, secret: secret.as_bytes() })
    }

    fn details(judgement: Judgement) -> Vec<String> {
        judgement.details.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn logins_name_their_registry_and_user() {
        for before in [
            "{\"auths\": {\"ghcr.io\": {\"auth\": \"",
            "{\n\t\"auths\": {\n\t\t\"ghcr.io\": {\n\t\t\t\"auth\": \"",
            r#"{\"auths\":{\"ghcr.io\":{\"auth\":\""#,
        ] {
            assert_eq!(details(judge(before, "deploy:k8Zh2LmQ9z0Pw")), ["host=ghcr.io", "user=deploy"], "{before}");
        }
        assert_eq!(details(judge("\"auth\": \"", "deploy:k8Zh2LmQ9z0Pw")), ["user=deploy"]);
    }

    #[test]
    fn what_is_no_login() {
        for plain in ["deploy", ":secret", "user:changeme", "user:xxxxxxxxxxxx"] {
            assert!(judge("", plain).implausible.is_some(), "{plain}");
        }
        assert!(judge("", &"an identity token ".repeat(9)).implausible.is_none());
    }

    #[test]
    fn pull_secrets() {
        let encode = |json: &str| BASE64.encode(json.as_bytes());
        let auth = encode("deploy:k8Zh2LmQ9z0Pw");
        for json in [
            format!(r#"{{"auths":{{"ghcr.io":{{"auth":"{auth}"}}}}}}"#),
            format!(r#"{{"ghcr.io":{{"auth":"{auth}"}}}}"#),
            r#"{"auths":{"ghcr.io":{"username":"deploy","password":"k8Zh2LmQ9z0Pw"}}}"#.to_owned(),
        ] {
            assert_eq!(details(auths(&encode(&json)).unwrap()), ["host=ghcr.io", "user=deploy"], "{json}");
        }
        for json in ["{}", r#"{"auths":{}}"#, r#"{"auths":{"ghcr.io":{}}}"#, "[]"] {
            assert!(auths(&encode(json)).is_none(), "{json}");
        }
        let sample = auths(&encode(r#"{"auths":{"r":{"username":"u","password":"changeme"}}}"#)).unwrap();
        assert!(sample.implausible.is_some());
    }
}
