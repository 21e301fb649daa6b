//! Every kind of token that is built of something: how it is read, what that means, and how one is made.

use data_encoding::{BASE32_NOPAD, BASE64, BASE64_NOPAD, BASE64URL_NOPAD};
use serde_json::Value;

use super::stamp::{DISCORD_EPOCH, basic_time, is_past, ksuid, ksuid_of, snowflake, ulid};
use super::{Says, Token};
use crate::rules::Severity;
use crate::scan::validate::encoded::decode_any;
use crate::scan::validate::{Judgement, docker, fly};

/// By name. `CHECKS` in rules/schema.rs has them too.
pub(super) static TOKENS: &[Token] = &[
    Token {
        name: "bedrock-presigned",
        read: |token| bedrock(&decoded(token.strip_prefix("bedrock-api-key-")?)?),
        says: Says::All,
        make: |make| {
            let id = make.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16);
            let query = format!(
                "bedrock.amazonaws.com/?Action=CallWithBearerToken&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ASIA{id}%2F20990101%2Fus-east-1%2Fbedrock%2Faws4_request&X-Amz-Date=20990101T000000Z&X-Amz-Expires=43200&X-Amz-Security-Token={}&X-Amz-Signature={}&X-Amz-SignedHeaders=host&Version=1",
                make.alnum(300),
                make.hex(64)
            );
            format!("bedrock-api-key-{}", BASE64.encode(query.as_bytes()))
        },
    },
    Token {
        name: "cloudflare-tunnel-json",
        read: |token| {
            let json = json(token)?;
            let account = text(&json, "a").filter(|tag| is_hex(tag, 32))?;
            let tunnel = text(&json, "t").filter(|id| is_uuid(id))?;
            decode_any(text(&json, "s")?.as_bytes())?;
            Some(Judgement::default().detail("account", account).detail("tunnel", tunnel))
        },
        says: Says::Fit,
        make: |make| {
            let secret = BASE64.encode(&make.bytes(32));
            encoded(&format!(r#"{{"a":"{}","t":"{}","s":"{secret}"}}"#, make.hex(32), make.uuid()))
        },
    },
    Token {
        name: "discord-snowflake",
        read: |token| {
            let id = decoded(token.split('.').next()?)?;
            let created = snowflake(&id).filter(|seconds| is_past(*seconds))?;
            Some(Judgement::default().detail("bot_id", id).dated("created", created))
        },
        says: Says::All,
        make: |make| {
            let length = [27, 38][make.number(0, 2) as usize];
            let id = (make.time() * 1000 - DISCORD_EPOCH) << 22 | make.number(0, 1 << 22);
            format!("{}.G{}.{}", BASE64_NOPAD.encode(id.to_string().as_bytes()), make.alnum(5), make.alnum(length))
        },
    },
    Token { name: "docker-auths-json", read: docker::auths, says: Says::All, make: docker::make_auths },
    Token {
        name: "elastic-api-key",
        read: |token| {
            let decoded = decoded(token)?;
            let (id, key) = decoded.split_once(':')?;
            (id.len() == 20 && key.len() == 22 && is_word(id) && is_word(key))
                .then(|| Judgement::default().detail("key_id", id))
        },
        says: Says::All,
        make: |make| encoded(&format!("{}:{}", make.alnum(20), make.alnum(22))),
    },
    Token {
        name: "elastic-service-token",
        read: |token| {
            let bytes = decode_any(token.as_bytes())?;
            let text = std::str::from_utf8(bytes.strip_prefix(&[0, 1, 0, 1])?).ok()?;
            let (name, _) = text.split_once(':').filter(|(name, _)| name.starts_with("elastic/"))?;
            let (account, key) = name.rsplit_once('/')?;
            Some(Judgement::default().public_detail("account", account).public_detail("key_name", key))
        },
        says: Says::Fit,
        make: |make| {
            let name = format!("elastic/fleet-server/token{}:{}", make.digits(4), make.alnum(22));
            BASE64_NOPAD.encode(&[&[0, 1, 0, 1], name.as_bytes()].concat())
        },
    },
    Token { name: "fly-macaroon", read: fly::read, says: Says::All, make: fly::make },
    Token {
        name: "google-service-account-json",
        read: |token| {
            let json = json(token)?;
            text(&json, "private_key").filter(|_| text(&json, "type") == Some("service_account"))?;
            let judgement = Judgement::default().public_detail("key_id", text(&json, "private_key_id")?);
            let judgement = judgement.public_detail("email", text(&json, "client_email")?);
            Some(shown(judgement, "project", json.get("project_id")))
        },
        says: Says::All,
        make: |make| {
            let (brace, colon) = [("{", ": "), ("{", ":"), ("{\n  ", ": ")][make.number(0, 3) as usize];
            let key = format!("-----BEGIN PRIVATE KEY-----\\n{}\\n-----END PRIVATE KEY-----\\n", make.alnum(1600));
            let (project, id) = (format!("acme-{}", make.digits(5)), make.hex(40));
            encoded(&format!(
                r#"{brace}"type"{colon}"service_account","project_id":"{project}","private_key_id":"{id}","private_key":"{key}","client_email":"ci@{project}.iam.gserviceaccount.com"}}"#
            ))
        },
    },
    Token {
        name: "grafana-cloud-json",
        read: |token| {
            let json = json(token.strip_prefix("glc_")?)?;
            text(&json, "k")?;
            let organization = json.get("o").filter(|id| id.is_string() || id.is_number())?;
            let judgement =
                shown(shown(Judgement::default(), "organization", Some(organization)), "key_name", json.get("n"));
            Some(shown(judgement, "region", json.pointer("/m/r")))
        },
        says: Says::All,
        make: |make| {
            let (org, key) = (make.digits(6), make.alnum(24));
            format!(
                "glc_{}",
                encoded(&format!(
                    r#"{{"o":"{org}","n":"ci-{}","k":"{key}","m":{{"r":"prod-us-east-0"}}}}"#,
                    make.hex(8)
                ))
            )
        },
    },
    Token {
        name: "grafana-key-json",
        read: |token| {
            let json = json(token)?;
            text(&json, "k")?;
            let organization = json.get("id").filter(|id| id.is_number())?;
            let judgement = shown(Judgement::default(), "organization", Some(organization));
            Some(judgement.public_detail("key_name", text(&json, "n")?))
        },
        says: Says::All,
        make: |make| {
            encoded(&format!(r#"{{"k":"{}","n":"ci-{}","id":{}}}"#, make.alnum(32), make.hex(6), make.digits(2)))
        },
    },
    Token {
        name: "intercom-token",
        read: |token| {
            let decoded = decoded(token)?;
            let id = decoded.strip_prefix("tok:")?.strip_suffix(":1:0")?;
            is_uuid(&id.replace('_', "-")).then(Judgement::default)
        },
        says: Says::All,
        make: |make| encoded(&format!("tok:{}:1:0", make.uuid().replace('-', "_"))),
    },
    Token {
        name: "jfrog-reftkn",
        read: |token| {
            let decoded = decoded(token)?;
            let (time, rest) = decoded.strip_prefix("reftkn:01:")?.split_once(':')?;
            let seconds = time.parse().ok().filter(|_| time.len() == 10)?;
            let fits = (20..=40).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_alphanumeric());
            // Whether this is when it was made or when it ends is not documented; none is written as zeros.
            let judgement = Judgement::default();
            fits.then(|| if seconds == 0 { judgement } else { judgement.dated("created_or_expires", seconds) })
        },
        says: Says::All,
        make: |make| encoded(&format!("reftkn:01:{}:{}", make.time(), make.alnum(27))),
    },
    Token {
        name: "jira-dc-pat",
        read: |token| {
            let bytes = decode_any(token.as_bytes())?;
            let id = bytes.get(..12).filter(|id| id.iter().all(u8::is_ascii_digit))?;
            (bytes.len() == 33 && bytes[12] == b':')
                .then(|| Judgement::default().detail("key_id", String::from_utf8_lossy(id)))
        },
        says: Says::Fit,
        make: |make| {
            // `+` and `/` are left out, so that a token is one word everywhere.
            let (id, colon, tail) = (make.digits(12), make.text(b"ghijklmnopqrstuv", 1), make.alnum(26));
            format!("{}O{colon}{tail}", BASE64.encode(id.as_bytes()))
        },
    },
    Token {
        name: "mapbox-json",
        read: |token| {
            let json = json(token.split('.').nth(1)?)?;
            let judgement = Judgement::default().public_detail("account", text(&json, "u")?);
            Some(judgement.public_detail("key_id", text(&json, "a")?))
        },
        says: Says::All,
        make: |make| {
            let json = format!(r#"{{"u":"acme{}","a":"ck{}"}}"#, make.digits(3), make.hex(23));
            format!("sk.{}.{}", BASE64URL_NOPAD.encode(json.as_bytes()), make.alnum(22))
        },
    },
    Token {
        name: "meta-token",
        read: |token| {
            let bytes = decode_any(unescaped(token)?.as_bytes())?;
            let start: [u8; 8] = bytes.strip_prefix(&[0x10])?.get(..8)?.try_into().ok()?;
            let app = (u64::from_be_bytes(start) >> 2).to_string();
            (10..=17).contains(&app.len()).then(|| Judgement::default().detail("app_id", app))
        },
        says: Says::Misfit,
        make: |make| {
            let app = make.number(100_000_000_000_000, 4_000_000_000_000_000);
            let bytes = [&[0x10][..], &(app << 2).to_be_bytes(), &make.bytes(108)].concat();
            let escape = |c| match c {
                'Z' => "ZA".to_owned(),
                '+' => "ZB".to_owned(),
                '/' => "ZC".to_owned(),
                other => other.to_string(),
            };
            BASE64_NOPAD.encode(&bytes).chars().map(escape).collect()
        },
    },
    Token {
        name: "neptune-json",
        read: |token| {
            let json = json(token)?;
            text(&json, "api_key")?;
            Some(shown(Judgement::default(), "host", json.get("api_address").filter(|host| host.is_string())))
        },
        says: Says::All,
        make: |make| {
            let host = "https://app.neptune.ai";
            encoded(&format!(r#"{{"api_address":"{host}","api_url":"{host}","api_key":"{}"}}"#, make.uuid()))
        },
    },
    Token {
        name: "ngc-key",
        read: |token| {
            let decoded = decoded(token)?;
            let (id, key) = decoded.split_once(':')?;
            let fits =
                id.len() == 26 && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) && is_uuid(key);
            fits.then(|| Judgement::default().detail("key_id", id))
        },
        says: Says::Fit,
        make: |make| encoded(&format!("{}:{}", make.text(b"abcdefghijklmnopqrstuvwxyz0123456789", 26), make.uuid())),
    },
    Token {
        name: "ngrok-ksuid",
        read: |token| {
            let seconds = ksuid(token.get(..27)?).filter(|seconds| is_past(*seconds))?;
            Some(Judgement::default().dated("created", seconds))
        },
        says: Says::Little,
        make: |make| format!("{}_{}", ksuid_of(make), make.alnum(21)),
    },
    Token {
        name: "nx-cloud-token",
        read: |token| {
            let decoded = decoded(token)?;
            let (id, access) = decoded.split_once('|')?;
            let known = ["read-write", "read-only", "read"].contains(&access) && is_uuid(id);
            let judgement = Judgement::default().detail("access", access);
            known.then(|| if access == "read-write" { judgement } else { judgement.lowered(Severity::Low) })
        },
        says: Says::Fit,
        make: |make| encoded(&format!("{}|read-write", make.uuid())),
    },
    Token {
        name: "onepassword-service-token",
        read: |token| {
            let json = json(token.strip_prefix("ops_")?)?;
            ["secretKey", "deviceUuid", "muk", "srpX"].iter().all(|key| json.get(key).is_some()).then_some(())?;
            let judgement = Judgement::default().public_detail("host", text(&json, "signInAddress")?);
            Some(judgement.public_detail("account", text(&json, "email")?))
        },
        says: Says::All,
        make: |make| {
            let json = format!(
                r#"{{"signInAddress":"https://acme.1password.com","userAuth":{{"method":"SRPg-4096","alg":"PBES2g-HS256","iterations":650000,"salt":"{}"}},"email":"{}@1passwordserviceaccounts.com","srpX":"{}","muk":{{"alg":"A256GCM","k":"{}","kid":"mp"}},"secretKey":"A3-{}","throttleSecret":{{"seed":"{}"}},"deviceUuid":"{}"}}"#,
                make.alnum(22),
                make.text(b"abcdefghijklmnopqrstuvwxyz234567", 13),
                make.hex(64),
                make.alnum(43),
                make.text(b"ABCDEFGHJKLMNPQRSTVWXYZ23456789", 34),
                make.hex(64),
                make.text(b"abcdefghijklmnopqrstuvwxyz234567", 26),
            );
            format!("ops_{}", BASE64URL_NOPAD.encode(json.as_bytes()))
        },
    },
    Token {
        name: "onesignal-app",
        read: |token| Some(Judgement::default().detail("app_id", onesignal(token.strip_prefix("os_v2_app_")?)?)),
        says: Says::All,
        make: |make| format!("os_v2_app_{}", BASE32_NOPAD.encode(&make.bytes(64)).to_ascii_lowercase()),
    },
    Token {
        name: "onesignal-org",
        read: |token| Some(Judgement::default().detail("organization", onesignal(token.strip_prefix("os_v2_org_")?)?)),
        says: Says::Fit,
        make: |make| format!("os_v2_org_{}", BASE32_NOPAD.encode(&make.bytes(64)).to_ascii_lowercase()),
    },
    Token {
        name: "pkcs12-der",
        read: |token| pkcs12(&decode_any(token.as_bytes())?).then(Judgement::default),
        says: Says::All,
        make: |make| {
            let length = make.number(2560, 2790) as usize;
            let content = make.bytes(length);
            let inner =
                [&[2, 1, 3, 0x30, 0x82][..], &(length as u16 + 11).to_be_bytes(), PKCS7_DATA, &content].concat();
            let outer = [&[0x30, 0x82][..], &(inner.len() as u16).to_be_bytes(), &inner].concat();
            BASE64.encode(&outer)
        },
    },
    Token {
        name: "postman-objectid",
        read: |token| {
            let seconds = i64::from_str_radix(token.strip_prefix("PMAK-")?.get(..8)?, 16).ok()?;
            // There was no such key before 2016.
            (is_past(seconds) && seconds > 1_451_606_400).then(|| Judgement::default().dated("created", seconds))
        },
        says: Says::All,
        make: |make| format!("PMAK-{:08x}{}-{}", make.time(), make.hex(16), make.hex(34)),
    },
    Token {
        name: "postman-ulid",
        read: |token| {
            let seconds = ulid(token.strip_prefix("PMAT-")?).filter(|seconds| is_past(*seconds))?;
            Some(Judgement::default().dated("created", seconds))
        },
        says: Says::All,
        make: |make| format!("PMAT-{}", make.ulid()),
    },
    Token {
        name: "qstash-json",
        read: |token| {
            let json = json(token)?;
            text(&json, "Password")?;
            Some(Judgement::default().public_detail("account", text(&json, "UserID")?))
        },
        says: Says::All,
        make: |make| encoded(&format!(r#"{{"UserID":"{}","Password":"{}"}}"#, make.uuid(), make.hex(32))),
    },
    Token {
        name: "sentry-org-json",
        read: |token| {
            let (payload, _) = token.strip_prefix("sntrys_")?.rsplit_once('_')?;
            let json = json(payload)?;
            let judgement = Judgement::default().public_detail("organization", text(&json, "org")?);
            let judgement = shown(judgement, "host", Some(json.get("url").filter(|url| url.is_string())?));
            let issued = json.get("iat").and_then(Value::as_f64).map_or(-1, |seconds| seconds as i64);
            Some(judgement.dated("created", issued))
        },
        says: Says::All,
        make: |make| {
            let (time, org) = (make.time(), make.hex(6));
            let json = format!(
                r#"{{"iat":{time}.25,"url":"https://sentry.io","region_url":"https://us.sentry.io","org":"org-{org}"}}"#
            );
            format!("sntrys_{}_{}", encoded(&json), make.alnum(43))
        },
    },
    Token {
        name: "teamcity-permanent",
        read: |token| {
            let mut parts = token.strip_prefix("perm")?.get(1..)?.split('.');
            let (user, name, _) = (decoded(parts.next()?)?, decoded(parts.next()?)?, parts.next()?);
            let judgement = Judgement::default().public_detail("user", &user);
            Some(judgement.public_detail("key_name", &name.replace(' ', "_")))
        },
        says: Says::Fit,
        make: |make| {
            let (user, name) = (format!("user{}", make.digits(3)), format!("token-{}", make.hex(3)));
            format!(
                "perm:{}.{}.{}",
                BASE64_NOPAD.encode(user.as_bytes()),
                BASE64_NOPAD.encode(name.as_bytes()),
                make.alnum(30)
            )
        },
    },
    Token {
        name: "tinybird-json",
        read: |token| {
            let json = json(token.split('.').nth(1)?)?;
            let judgement = Judgement::default().public_detail("workspace", text(&json, "u")?);
            Some(shown(judgement.public_detail("key_id", text(&json, "id")?), "region", json.get("host")))
        },
        says: Says::All,
        make: |make| {
            let space = ["", " "][make.number(0, 2) as usize];
            let json = format!(r#"{{"u":{space}"{}","id": "{}","host": "us_east"}}"#, make.uuid(), make.uuid());
            format!("p.{}.{}", BASE64URL_NOPAD.encode(json.as_bytes()), make.alnum(43))
        },
    },
    Token {
        name: "uploadthing-json",
        read: |token| {
            let json = json(token)?;
            text(&json, "apiKey")?;
            let judgement = Judgement::default().public_detail("app_id", text(&json, "appId")?);
            Some(shown(judgement, "region", json.pointer("/regions/0")))
        },
        says: Says::All,
        make: |make| {
            encoded(&format!(
                r#"{{"apiKey":"sk_live_{}","appId":"{}","regions":["sea1"]}}"#,
                make.hex(64),
                make.alnum(10)
            ))
        },
    },
    Token {
        name: "workos-key",
        read: |token| {
            let decoded = decoded(token.strip_prefix("sk_live_").or_else(|| token.strip_prefix("sk_test_"))?)?;
            let (id, key) = decoded.strip_prefix("key_")?.split_once(',')?;
            let created = ulid(id).filter(|seconds| is_past(*seconds))?;
            let fits = key.len() == 25 && key.bytes().all(|b| b.is_ascii_alphanumeric());
            fits.then(|| Judgement::default().detail("key_id", format!("key_{id}")).dated("created", created))
        },
        says: Says::All,
        make: |make| BASE64_NOPAD.encode(format!("key_{},{}", make.ulid(), make.alnum(25)).as_bytes()),
    },
];

/// Base64 of a text, with padding.
fn encoded(text: &str) -> String {
    BASE64.encode(text.as_bytes())
}

/// The printable text that base64 of either alphabet stands for.
fn decoded(text: &str) -> Option<String> {
    let text = String::from_utf8(decode_any(text.as_bytes())?).ok()?;
    text.chars().all(|c| !c.is_control()).then_some(text)
}

/// The JSON object that base64 of either alphabet stands for.
fn json(text: &str) -> Option<Value> {
    let value: Value = serde_json::from_slice(&decode_any(text.as_bytes())?).ok()?;
    value.is_object().then_some(value)
}

fn text<'a>(json: &'a Value, name: &str) -> Option<&'a str> {
    json.get(name)?.as_str()
}

/// A string or number of the payload as a detail.
fn shown(judgement: Judgement, name: &str, value: Option<&Value>) -> Judgement {
    match value {
        Some(Value::String(text)) => judgement.public_detail(name, text),
        Some(Value::Number(number)) => judgement.detail(name, number.to_string()),
        _ => judgement,
    }
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.len() == 5 && groups.iter().zip([8, 4, 4, 4, 12]).all(|(group, length)| is_hex(group, length))
}

/// The id in the first 16 of the 64 bytes that a OneSignal key stands for.
fn onesignal(body: &str) -> Option<String> {
    let bytes = BASE32_NOPAD.decode(body.to_ascii_uppercase().as_bytes()).ok().filter(|bytes| bytes.len() == 64)?;
    let hex: String = bytes[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    Some([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

/// Base64 in which Meta wrote `Z` for what it escapes; it also stands for `Z` itself.
fn unescaped(token: &str) -> Option<String> {
    let mut plain = String::with_capacity(token.len());
    let mut characters = token.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            'Z' => match characters.next()? {
                'A' => 'Z',
                'B' => '+',
                'C' => '/',
                'D' => continue,
                _ => return None,
            },
            other => other,
        });
    }
    // What is left over in the last group does not matter.
    plain.truncate(plain.len() / 4 * 4);
    Some(plain)
}

/// The object identifier 1.2.840.113549.1.7.1 in DER.
const PKCS7_DATA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];

/// A sequence to the end of the bytes (or of what is there of it, if its length is not said), of version 3 and a
/// ContentInfo (RFC 7292).
fn pkcs12(bytes: &[u8]) -> bool {
    let Some((length, content)) = sequence(bytes) else { return false };
    let fits = length.is_none_or(|length| length == content.len());
    let info = content.strip_prefix(&[2, 1, 3]).and_then(sequence);
    fits && info.is_some_and(|(_, info)| info.starts_with(PKCS7_DATA) || info.starts_with(PKCS7_SIGNED))
}

/// 1.2.840.113549.1.7.2: integrity by a signature.
const PKCS7_SIGNED: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];

/// The length that a sequence says (none in the indefinite form), and the bytes behind that.
fn sequence(bytes: &[u8]) -> Option<(Option<usize>, &[u8])> {
    let [0x30, first, rest @ ..] = bytes else { return None };
    match first {
        0x80 => Some((None, rest)),
        0..0x80 => Some((Some(usize::from(*first)), rest)),
        _ => {
            let (length, rest) =
                rest.split_at_checked(usize::from(first & 0x7f)).filter(|(length, _)| length.len() <= 4)?;
            Some((Some(length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))), rest))
        }
    }
}

/// A presigned request: who signed it, and until when it holds.
fn bedrock(request: &str) -> Option<Judgement> {
    let value = |name: &str| {
        let (_, rest) = request.split_once(name)?;
        rest.split('&').next()
    };
    let credential = value("X-Amz-Credential=")?;
    let key_id = credential.split(['%', '/']).next()?;
    let judgement = Judgement::default().public_detail("key_id", key_id);
    let times =
        (value("X-Amz-Date=").and_then(basic_time), value("X-Amz-Expires=").and_then(|s| s.parse::<i64>().ok()));
    Some(match times {
        (Some(signed), Some(seconds)) => {
            judgement.dated("created", signed).dated("expires", signed.saturating_add(seconds))
        }
        _ => judgement,
    })
}
