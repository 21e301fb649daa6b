//! Passwords in connection URLs and strings: who logs in where, and is it a real password?

use std::ops::Range;

use super::{Judgement, placeholder};
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
    "hunter2",
    "letmein",
    "foobar",
    "topsecret",
    "s3cr3t",
    "password123",
];

/// How far to look for the user name before and the host after a password.
const USER_REACH: usize = 128;
const HOST_REACH: usize = 256;

/// Checks a password at `span` in `scheme://user:password@host`, or in a string of `key=value;`.
pub fn check(bytes: &[u8], span: &Range<usize>) -> Judgement {
    let password = String::from_utf8_lossy(&bytes[span.clone()]).into_owned();
    let (user, host) = (user_before(bytes, span.start), host_after(bytes, span.end));
    let lower = password.to_ascii_lowercase();
    if is_template(&password) {
        return Judgement::implausible("placeholder: filled in later");
    }
    if DEFAULTS.contains(&lower.as_str()) || placeholder::reason(password.as_bytes(), false).is_some() {
        return Judgement::implausible("placeholder password");
    }
    if user.as_ref().is_some_and(|user| user.eq_ignore_ascii_case(&password)) {
        return Judgement::implausible("placeholder: the password is the user name");
    }
    let mut judgement = Judgement::default();
    if let Some(host) = host {
        if is_example_host(&host) {
            return Judgement::implausible("documented example: its host does not exist");
        }
        if is_this_machine(&host) {
            judgement = judgement.lowered(Severity::Medium);
        }
        judgement = judgement.detail("host", host);
    }
    match user {
        Some(user) if !user.is_empty() => judgement.detail("user", user),
        _ => judgement,
    }
}

fn is_template(password: &str) -> bool {
    let marks = ["${", "{{", "}}", "<", ">", "%(", "$(", "#{", "%s", "%v", "***", "…", "...", "ENV["];
    marks.iter().any(|mark| password.contains(mark))
        || password.starts_with('$')
        || password.starts_with('{') && password.ends_with('}')
        || password.starts_with('%') && password.ends_with('%')
        || password.starts_with('[') && password.ends_with(']')
}

fn user_before(bytes: &[u8], start: usize) -> Option<String> {
    let before = &bytes[start.saturating_sub(USER_REACH)..start];
    let user = before.strip_suffix(b":")?;
    let from = memchr::memmem::rfind(user, b"//")? + 2;
    Some(String::from_utf8_lossy(&user[from..]).into_owned())
}

fn host_after(bytes: &[u8], end: usize) -> Option<String> {
    let rest = bytes.get(end..bytes.len().min(end + HOST_REACH))?.strip_prefix(b"@")?;
    let length = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || b"-._[]".contains(b)).count();
    (length > 0).then(|| String::from_utf8_lossy(&rest[..length]).into_owned())
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
    ]
    .contains(&host.to_ascii_lowercase().as_str())
}
