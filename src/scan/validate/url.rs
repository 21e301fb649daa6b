//! Passwords in connection URLs and strings: who logs in where, and is it a real password?

use std::ops::Range;

use super::{Judgement, placeholder, random};
use crate::rules::Severity;

/// Passwords that nobody keeps secret.
const DEFAULTS: &[&str] = &[
    "password",
    "passwd",
    "pass",
    "pwd",
    "secret",
    "root",
    "admin",
    "postgres",
    "mysql",
    "mongo",
    "mongodb",
    "redis",
    "guest",
    "user",
    "username",
    "test",
    "1234",
    "12345",
    "123456",
    "changeme",
    "example",
    "db_password",
    "dbpass",
    "your_password",
    "yourpassword",
    "mypassword",
    "docker",
    "rabbitmq",
    "sa",
    "default",
    "p4ssw0rd",
    "passw0rd",
    "pw",
    "dbpassword",
    "userpass",
    "foo",
    "bar",
    "baz",
    "letmein",
    "foobar",
    "topsecret",
    "s3cr3t",
    "password123",
    "tiger",
    "yourstrong(!)password",
    "yourstrongpassword",
    "android",
    "changeit",
    "toor",
    "anonymous",
    "minioadmin",
];

/// How far to look for the user and the host before and after a password.
const REACH: usize = 320;
const HOST_KEYS: &[&[u8]] = &[b"server", b"data source", b"datasource", b"hostaddr", b"hostname", b"host"];
const USER_KEYS: &[&[u8]] = &[b"user id", b"userid", b"uid", b"username", b"user name", b"user"];

/// Checks a password at `span`: in `scheme://user:password@host`, Go's `user:password@tcp(host)`, Oracle's
/// `user/password@host`, or in a string of `key=value` parted by `;`, `&` or white space.
pub fn check(bytes: &[u8], span: &Range<usize>) -> Judgement {
    let Some(secret) = bytes.get(span.clone()) else { return Judgement::rejected() };
    let password = String::from_utf8_lossy(secret);
    if is_template(&password) {
        return Judgement::implausible("placeholder: filled in later");
    }
    let is_default = !random::looks_random(secret) && super::assigned::is_stand_in(secret)
        || DEFAULTS.iter().any(|default| default.eq_ignore_ascii_case(&password));
    if is_default || placeholder::reason(secret, false).is_some() {
        return Judgement::implausible("placeholder password");
    }
    let Login { user, host } = Login::around(bytes, span);
    if user.is_some_and(|user| user.eq_ignore_ascii_case(secret)) {
        return Judgement::implausible("placeholder: the password is the user name");
    }
    let mut judgement = Judgement::default();
    if let Some(host) = host {
        let host = String::from_utf8_lossy(host);
        if is_example_host(&host) {
            return Judgement::implausible("documented example: its host does not exist");
        }
        if is_this_machine(&host) {
            judgement = judgement.lowered(Severity::Medium);
        }
        judgement = judgement.public_detail("host", &host);
    }
    match user {
        Some(user) => judgement.public_detail("user", &String::from_utf8_lossy(user)),
        None => judgement,
    }
}

/// Whether the password is only named: a variable, a format, a mask.
fn is_template(password: &str) -> bool {
    let marks =
        ["${", "{{", "}}", "<", ">", "%(", "$(", "#{", "%s", "%v", "***", "…", "...", "ENV[", "ENC(", "{cipher}"];
    let between = |open, close| password.starts_with(open) && password.ends_with(close);
    let names = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.');
    marks.iter().any(|mark| password.contains(mark))
        || password.strip_prefix('$').is_some_and(names)
        || between('{', '}')
        || between('%', '%')
        || between('[', ']')
        || password.bytes().all(|b| b == b'*' || b == b'.')
}

/// Who logs in where.
struct Login<'a> {
    user: Option<&'a [u8]>,
    host: Option<&'a [u8]>,
}

impl<'a> Login<'a> {
    fn around(bytes: &'a [u8], span: &Range<usize>) -> Self {
        let before = &bytes[span.start.saturating_sub(REACH)..span.start];
        let after = &bytes[span.end..bytes.len().min(span.end.saturating_add(REACH))];
        match (before.split_last(), after.split_first()) {
            (Some((b':' | b'/', user)), Some((b'@', host))) => Self { user: last_name(user), host: first_host(host) },
            _ => Self::of_pairs(before, after),
        }
    }

    /// `key=value` before and after the password, on its line.
    fn of_pairs(before: &'a [u8], after: &'a [u8]) -> Self {
        let ends = |byte: &u8| b"\r\n\"<>".contains(byte);
        let before = before.rsplit(ends).next().unwrap_or_default();
        let after = after.split(ends).next().unwrap_or_default();
        let value = |keys| value_of(before, keys).or_else(|| value_of(after, keys));
        let host = value(HOST_KEYS).or_else(|| before.get(memchr::memmem::rfind(before, b"//")? + 2..));
        Self { user: value(USER_KEYS), host: host.and_then(first_host) }
    }
}

/// The name that the bytes end with.
fn last_name(bytes: &[u8]) -> Option<&[u8]> {
    let stops = |byte: &u8| byte.is_ascii_whitespace() || b"/\"'`\\=,;:(<>".contains(byte);
    bytes.rsplit(stops).next().filter(|name| !name.is_empty())
}

/// The host that the bytes begin with.
fn first_host(bytes: &[u8]) -> Option<&[u8]> {
    let bytes = bytes.strip_prefix(b"tcp(").or_else(|| bytes.strip_prefix(b"tcp:")).unwrap_or(bytes);
    let bytes = bytes.strip_prefix(b"//").unwrap_or(bytes);
    if bytes.first() == Some(&b'[') {
        return bytes.get(..=memchr::memchr(b']', bytes)?);
    }
    let belongs = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    let length = bytes.iter().take_while(belongs).count();
    // A word before an opening bracket is a function or a network, not a host.
    bytes.get(..length).filter(|host| !host.is_empty() && bytes.get(length) != Some(&b'('))
}

/// The value of the first of these keys that stands in the text.
fn value_of<'a>(text: &'a [u8], keys: &[&[u8]]) -> Option<&'a [u8]> {
    keys.iter().find_map(|key| {
        let places = text.windows(key.len()).enumerate().filter(|(_, window)| window.eq_ignore_ascii_case(key));
        let mut values = places.filter_map(|(at, _)| {
            let apart = at == 0 || !(text[at - 1].is_ascii_alphanumeric() || text[at - 1] == b'_');
            let value = text[at + key.len()..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
            let value = value.strip_prefix(b"'").unwrap_or(value);
            let ends = |byte: &u8| byte.is_ascii_whitespace() || b";&'\"`\\)<>".contains(byte);
            value.split(ends).next().filter(|value| apart && !value.is_empty())
        });
        values.next()
    })
}

fn is_example_host(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let last = host.rsplit('.').next().unwrap_or(&host);
    ["example", "invalid", "test"].contains(&last)
        || ["example.com", "example.org", "example.net"].iter().any(|e| host == *e || host.ends_with(&format!(".{e}")))
        || ["host", "hostname", "server", "your-host", "yourhost", "domain", "domain.com", "myhost"]
            .contains(&host.as_str())
}

fn is_this_machine(host: &str) -> bool {
    [
        "localhost",
        "127.0.0.1",
        "0.0.0.0",
        "[::1]",
        "db",
        "database",
        "postgres",
        "mysql",
        "mongo",
        "redis",
        "mariadb",
        "rabbitmq",
        "host.docker.internal",
    ]
    .contains(&host.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = concat!("k8Zh2", "LmQ9z0Pw");

    /// Judges the password in a text in which `{}` stands for it.
    fn judge(text: &str, password: &str) -> Judgement {
        let start = text.find("{}").unwrap();
        check(text.replace("{}", password).as_bytes(), &(start..start + password.len()))
    }

    #[test]
    fn user_and_host_of_every_form() {
        let forms = [
            "postgres://svc:{}@db7.internal:5432/app",
            r"postgres:\/\/svc:{}@db7.internal:5432\/app",
            "jdbc:postgresql://db7.internal:5432/app?user=svc&password={}",
            "jdbc:mysql://db7.internal/app?user=svc&amp;password={}",
            "jdbc:sqlserver://db7.internal:1433;databaseName=app;user=svc;password={};encrypt=true",
            "jdbc:oracle:thin:svc/{}@//db7.internal:1521/APP",
            "jdbc:oracle:thin:svc/{}@db7.internal:1521:APP",
            "\"Server=tcp:db7.internal,1433;Database=app;User ID=svc;Password={};Encrypt=True;\"",
            "\"User ID=svc; Password={}; Host=db7.internal; Port=5432;\"",
            "DRIVER={ODBC Driver};SERVER=db7.internal;UID=svc;PWD={}",
            "host=db7.internal user=svc password={} dbname=app",
            "\"user=svc password='{}' host=db7.internal\"",
            "sql.Open(\"mysql\", \"svc:{}@tcp(db7.internal:3306)/app\")",
        ];
        for form in forms {
            let details = judge(form, PASSWORD).details;
            let expected = [("host", "db7.internal"), ("user", "svc")].map(|(n, v)| (n.to_owned(), v.to_owned()));
            assert_eq!(details, expected, "{form}");
        }
        assert_eq!(
            judge("svc:{}@unix(/var/run/mysqld.sock)/app", PASSWORD).details,
            [("user".to_owned(), "svc".to_owned())]
        );
        assert_eq!(judge("redis://:{}@[::1]:6379/0", PASSWORD).details, [("host".to_owned(), "[::1]".to_owned())]);
        assert!(judge("spring.datasource.password={}", PASSWORD).details.is_empty());
    }

    #[test]
    fn passwords_that_are_none() {
        let none = [
            "$DB_PASSWORD",
            "${DB}",
            "%s",
            "%(pw)s",
            "$(cat pw)",
            "****",
            "password",
            "svc",
            "SVC",
            "tiger",
            "changeme",
            "yourStrong(!)Password",
            "<password>",
            "xxxxxxxxxxxx",
            "%DB_PASSWORD%",
            "{cipher}abcdef",
            "ENC(abc)",
        ];
        for password in none {
            assert!(judge("postgres://svc:{}@db7.internal/app", password).implausible.is_some(), "{password}");
        }
        for password in [PASSWORD, "$k8Zh-2LmQ9!", "a%21b8Zh2Lm", "Wander-9-Lantern"] {
            assert_eq!(judge("postgres://svc:{}@db7.internal/app", password).implausible, None, "{password}");
        }
    }

    #[test]
    fn hosts_that_are_none_or_here() {
        assert!(judge("postgres://svc:{}@db.example.com/app", PASSWORD).implausible.is_some());
        assert_eq!(judge("postgres://svc:{}@localhost/app", PASSWORD).severity, Some(Severity::Medium));
    }

    #[test]
    fn names_that_a_shell_would_run_are_not_shown() {
        let details = judge("postgres://$(id):{}@db7.internal/app", PASSWORD).details;
        assert!(details.iter().all(|(name, _)| name != "user"));
    }
}
