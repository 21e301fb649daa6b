//! Fly.io's tokens: macaroons in MessagePack (github.com/superfly/macaroon).

use data_encoding::BASE64;

use super::Judgement;
use super::encoded::decode_any;
use super::make::Maker;

const PREFIXES: &[&str] = &["fm2_", "fm1r_", "fm1a_"];
const LOCATION: &str = "https://api.fly.io/";
const ORGANIZATION: u64 = 0;
const VALIDITY: u64 = 4;
/// Deeper than any token goes.
const MAX_DEPTH: usize = 16;

/// Tokens joined by `,`, each a prefix and base64 of nonce, location, caveats and tail.
pub(super) fn read(token: &str) -> Option<Judgement> {
    let members: Option<Vec<Value>> = token.split(',').map(member).collect();
    let mut judgement = Judgement::default();
    for member in members? {
        let Value::List(fields) = member else { return None };
        let [_, Value::Text(location), Value::List(caveats), ..] = fields.as_slice() else { return None };
        location.starts_with(LOCATION).then_some(())?;
        for caveat in caveats.chunks_exact(2) {
            judgement = told(judgement, caveat);
        }
    }
    Some(judgement)
}

fn member(token: &str) -> Option<Value> {
    let body = PREFIXES.iter().find_map(|prefix| token.strip_prefix(prefix))?;
    let bytes = decode_any(body.as_bytes())?;
    let mut rest = bytes.as_slice();
    Value::read(&mut rest, 0)
}

/// What a caveat says: a kind, and a list of its fields.
fn told(judgement: Judgement, caveat: &[Value]) -> Judgement {
    let [Value::Number(kind), Value::List(fields)] = caveat else { return judgement };
    match (*kind, fields.as_slice()) {
        (ORGANIZATION, [Value::Number(id), ..]) => judgement.detail("organization_id", id.to_string()),
        (VALIDITY, [Value::Number(_), Value::Number(until)]) => match i64::try_from(*until) {
            Ok(until) => judgement.dated("expires", until),
            Err(_) => judgement,
        },
        _ => judgement,
    }
}

/// A value in MessagePack, as far as tokens need it.
enum Value {
    Number(u64),
    Text(String),
    List(Vec<Self>),
    Other,
}

impl Value {
    /// Takes one value off the front.
    fn read(rest: &mut &[u8], depth: usize) -> Option<Self> {
        let [first] = *take(rest, 1)? else { return None };
        (depth < MAX_DEPTH).then_some(())?;
        let size = |rest: &mut &[u8], width: usize| -> Option<usize> { usize::try_from(number(rest, width)?).ok() };
        Some(match first {
            0..=0x7f => Self::Number(first.into()),
            0x80..=0x8f => Self::skip(rest, 2 * usize::from(first & 0xf), depth)?,
            0x90..=0x9f => Self::list(rest, usize::from(first & 0xf), depth)?,
            0xa0..=0xbf => Self::text(take(rest, usize::from(first & 0x1f))?),
            0xc4..=0xc6 => {
                let length = size(rest, 1 << (first - 0xc4))?;
                take(rest, length)?;
                Self::Other
            }
            0xcc..=0xcf => Self::Number(number(rest, 1 << (first - 0xcc))?),
            0xd0..=0xd3 => Self::Number(number(rest, 1 << (first - 0xd0))?),
            0xca | 0xcb => {
                take(rest, 4 << (first - 0xca))?;
                Self::Other
            }
            0xd9..=0xdb => {
                let length = size(rest, 1 << (first - 0xd9))?;
                Self::text(take(rest, length)?)
            }
            0xdc | 0xdd => {
                let length = size(rest, 2 << (first - 0xdc))?;
                Self::list(rest, length, depth)?
            }
            0xde | 0xdf => {
                let length = size(rest, 2 << (first - 0xde))?;
                Self::skip(rest, length.checked_mul(2)?, depth)?
            }
            0xc0 | 0xc2 | 0xc3 | 0xe0.. => Self::Other,
            _ => return None,
        })
    }

    /// Every item takes a byte or more, so that a length beyond the bytes ends at once.
    fn list(rest: &mut &[u8], length: usize, depth: usize) -> Option<Self> {
        (length <= rest.len()).then_some(())?;
        (0..length).map(|_| Self::read(rest, depth + 1)).collect::<Option<_>>().map(Self::List)
    }

    fn skip(rest: &mut &[u8], length: usize, depth: usize) -> Option<Self> {
        Self::list(rest, length, depth).map(|_| Self::Other)
    }

    fn text(bytes: &[u8]) -> Self {
        Self::Text(String::from_utf8_lossy(bytes).into_owned())
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

fn number(rest: &mut &[u8], width: usize) -> Option<u64> {
    Some(take(rest, width)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// Makes a token for one organisation.
pub(super) fn make(make: &mut Maker<'_>) -> String {
    let location = "https://api.fly.io/v1";
    let organization = make.number(1, 60_000) as u16;
    let mut bytes = vec![0x94, 0x93, 0xc4, 16];
    bytes.extend(make.bytes(16));
    bytes.extend([0xc4, 16]);
    bytes.extend(make.bytes(16));
    bytes.extend([0xc2, 0xa0 | location.len() as u8]);
    bytes.extend(location.as_bytes());
    bytes.extend([0x92, 0, 0x92, 0xcd]);
    bytes.extend(organization.to_be_bytes());
    bytes.extend([31, 0xc4, 32]);
    bytes.extend(make.bytes(32));
    let prefix = PREFIXES[make.number(0, 2) as usize];
    format!("{prefix}{}", BASE64.encode(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(caveats: &[u8], location: &str) -> String {
        let mut bytes = vec![0x94, 0x93, 0xc4, 2, 1, 2, 0xc4, 2, 3, 4, 0xc3, 0xd9, location.len() as u8];
        bytes.extend(location.as_bytes());
        bytes.extend(caveats);
        bytes.extend([0xc4, 2, 5, 6]);
        format!("fm2_{}", BASE64.encode(&bytes))
    }

    #[test]
    fn tokens_name_their_organisation_and_end() {
        let caveats = [0x94, 0, 0x92, 0xcd, 0x30, 0x39, 31, 4, 0x92, 0, 0xce, 0x59, 0x68, 0x2f, 0x00];
        let tokens = [token(&caveats, "https://api.fly.io/v1"), token(&[0x90], "https://api.fly.io/aaa/v1")].join(",");
        let details = read(&tokens).unwrap().details;
        let told: Vec<_> = details.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(told[..2], [("organization_id", "12345"), ("expires", "2017-07-14T02:40:00Z")]);
    }

    #[test]
    fn anything_else_was_never_issued() {
        let fine = token(&[0x90], "https://api.fly.io/v1");
        assert!(read(&fine).is_some());
        let deep = format!("fm2_{}", BASE64.encode(&[0x91; 4000]));
        let long = format!("fm2_{}", BASE64.encode(&[0xdd, 0xff, 0xff, 0xff, 0xff, 0]));
        for wrong in
            [token(&[0x90], "https://acme.dev"), fine.replace("fm2_", "fm3_"), format!("{fine},fm2_AAAA"), deep, long]
        {
            assert!(read(&wrong).is_none());
        }
    }
}
