//! Shared access signatures of Azure: until when a signed URL holds and what it allows.

use super::{Judgement, Subject};
use crate::time;

/// How far around the signature its other parameters may stand.
const REACH: usize = 300;

/// Reads the parameters of the query that the signature stands in. Never fails.
pub(super) fn check(subject: &Subject<'_>) -> Judgement {
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`<>".contains(byte);
    let before = &subject.bytes[subject.span.start.saturating_sub(REACH)..subject.span.start];
    let before = before.rsplit(ends).next().unwrap_or_default();
    let after = &subject.bytes[subject.span.end..subject.bytes.len().min(subject.span.end + REACH)];
    let after = after.split(ends).next().unwrap_or_default();
    let query = String::from_utf8_lossy(&[before, b"&", after].concat()).into_owned();
    // Escapes of the query as a whole.
    let query =
        query.replace("\\u0026", "&").replace("&amp;", "&").replace("%26", "&").replace("%3D", "=").replace("%3d", "=");
    let value = |name: &str| {
        query
            .split(['&', '?', ' '])
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
            .filter(|v| !v.is_empty())
    };
    let mut judgement = Judgement::default();
    if let Some(expiry) = value("se").and_then(moment) {
        judgement = judgement.dated("expires", expiry);
    }
    for (name, detail) in [("sp", "permissions"), ("si", "policy"), ("skn", "policy")] {
        if let Some(value) = value(name) {
            judgement = judgement.public_detail(detail, value);
        }
    }
    if value("skoid").is_some() {
        judgement = judgement.detail("kind", "user-delegation");
    }
    let host = query.split("://").nth(1).or_else(|| query.split("sr=").nth(1));
    match host.and_then(|host| host.split(['/', '%', '&', '?']).next()).filter(|host| host.contains('.')) {
        Some(host) => judgement.public_detail("host", host),
        None => judgement,
    }
}

/// Seconds since 1970, from them or from a date with or without a time.
fn moment(text: &str) -> Option<i64> {
    if text.len() >= 9 && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok();
    }
    let text = text.replace("%3A", ":").replace("%3a", ":");
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (month, day) = (number(5, 7)?, number(8, 10)?);
    let dashes = text.as_bytes().get(4) == Some(&b'-') && text.as_bytes().get(7) == Some(&b'-');
    if !dashes || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let clock = number(11, 13).unwrap_or(0) * 3600 + number(14, 16).unwrap_or(0) * 60 + number(17, 19).unwrap_or(0);
    Some(time::days(number(0, 4)?, month, day) * 86_400 + clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(String, String)> {
        let start = text.find("SIG").unwrap();
        check(&Subject { start, bytes: text.as_bytes(), span: &(start..start + 3), secret: b"SIG" }).details
    }

    #[test]
    fn until_when_and_for_what() {
        for text in [
            "get https://acme.blob.core.windows.net/c/f?sv=2022-11-02&se=2034-01-02T03:04:05Z&sr=b&sp=rl&sig=SIG&x=1 ",
            "\"https://acme.blob.core.windows.net/c?sig=SIG\\u0026se=2034-01-02T03%3A04%3A05Z\\u0026sp=rl\"",
            "<a href='https://acme.blob.core.windows.net/c?se=2034-01-02T03:04:05Z&amp;sp=rl&amp;sig=SIG'>",
        ] {
            let told = of(text);
            let told: Vec<_> = told.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let host = ("host", "acme.blob.core.windows.net");
            assert_eq!(told, [("expires", "2034-01-02T03:04:05Z"), ("permissions", "rl"), host], "{text}");
        }
        let told = of("SharedAccessSignature sr=ns-7.servicebus.windows.net%2fq&sig=SIG&se=1893456000&skn=Send");
        assert_eq!(told[0].1, "2030-01-01T00:00:00Z");
        assert!(of("sig=SIG").is_empty() && of("se=soon&sig=SIG").is_empty() && of("se=2034-99-01&sig=SIG").is_empty());
    }
}
