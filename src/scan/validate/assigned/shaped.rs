//! What is no secret by its shape: references to one, templates, paths, addresses, dates, code, hashes.

use super::super::random;

/// A value that is filled in later, or that says where the value is.
pub(super) fn is_reference(value: &[u8]) -> bool {
    const MARKS: &[&[u8]] = &[
        b"${",
        b"{{",
        b"}}",
        b"<%",
        b"%>",
        b"#{",
        b"$(",
        b"%(",
        b"{%",
        b"@{",
        b"***",
        b"...",
        "…".as_bytes(),
        b"://",
        b"$[",
        b"](",
        b"()",
        b"=>",
        b"->",
        b"&&",
        b"||",
        b"==",
        b"!=",
        b"+=",
        b"\\u",
        b"\\x",
        b"</",
        b"/>",
        b"&lt;",
        b"&gt;",
        "•".as_bytes(),
        b"ENV[",
        b"ENC(",
        b"{cipher}",
        b"::",
        b"??",
        b"%s",
        b"%S",
        b":?",
        b"%d",
        b"%v",
        b"%@",
        b"xxx",
        b"XXX",
        b"[[",
        b"]]",
    ];
    const BEGINS: &[&[u8]] = &[
        b"env.",
        b"env:",
        b"ENV:",
        b"vault:",
        b"vault ",
        b"ref+",
        b"op:",
        b"arn:",
        b"ssm:",
        b"secret:",
        b"file:",
        b"file.",
        b"process.env",
        b"os.environ",
        b"config.",
        b"settings.",
        b"self.",
        b"this.",
        b"props.",
        b"options.",
        b"params.",
        b"request.",
        b"req.",
        b"args.",
        b"var.",
        b"data.",
        b"local.",
        b"!",
        b"data:",
        b"kms:",
        b"urn:",
        b"class:",
        b"classpath:",
        b"projects/",
        b"module.",
        b"random_",
        b"aws_",
        b"azurerm_",
        b"google_",
        b"enc:",
        b"ENC[",
        b"AES256:",
        b"@string/",
        b"@@",
        b"base64,",
        b"secrets.",
        b"Fn::",
        b"resolve:",
        b"{resolve",
        b"bcrypt:",
        b"sha256:",
        b"sha1:",
        b"sha512:",
        b"md5:",
        b"sha256-",
        b"sha384-",
        b"sha512-",
        b"sha1-",
    ];
    let padding = value.iter().rev().take_while(|byte| **byte == b'=').count();
    let unpadded = &value[..value.len() - padding];
    let last = value[value.len() - 1];
    let names = |text: &[u8]| text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.-:".contains(byte));
    let letters_only = |text: &[u8]| text.iter().all(|byte| byte.is_ascii_alphabetic() || b"_.-:".contains(byte));
    let inside = &value[1..value.len() - 1];
    let wrapped = match (value[0], last) {
        (b'{', b'}')
        | (b'[', b']')
        | (b'<', b'>')
        | (b'(', b')')
        | (b'%', b'%')
        | (b'@', b'@')
        | (b'_', b'_')
        | (b'#', b'#')
        | (b'*', b'*') => names(inside),
        _ => false,
    };
    let variable = match value[0] {
        b'$' => {
            letters_only(&value[1..])
                || value[1..].iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
        }
        b':' | b'#' | b'.' | b'@' | b'&' | b'*' | b'%' | b'?' => letters_only(&value[1..]),
        _ => false,
    };
    wrapped
        || variable
        || is_template(value)
        || is_pattern(value)
        || contains_any(unpadded, MARKS, &const { firsts(MARKS) })
        || BEGINS.iter().any(|begin| value.starts_with(begin))
}

/// `key_{id}`, `{alnum:20}`: something in braces is filled in.
fn is_template(value: &[u8]) -> bool {
    let Some(open) = memchr::memchr(b'{', value) else { return false };
    let rest = &value[open + 1..];
    let name = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_.+".contains(byte)).count();
    memchr::memchr(b'}', rest).is_some() || name >= 1 && matches!(rest.get(name), None | Some(b':'))
}

/// A regular expression.
fn is_pattern(value: &[u8]) -> bool {
    const SIGNS: &[&[u8]] =
        &[b"[0-9", b"[a-z", b"[A-Z", b"[^", b"(?", b"\\d", b"\\w", b"\\s", b"\\.", b".*", b"[\\", b"?:", b"?P<"];
    contains_any(value, SIGNS, &const { firsts(SIGNS) })
}

/// Whether one of some texts, of which the first bytes are told, stands in a short value: a search for each would take
/// longer to prepare than to do.
fn contains_any(value: &[u8], texts: &[&[u8]], firsts: &[bool; 256]) -> bool {
    let stands_at = |at: usize| texts.iter().any(|text| value[at..].starts_with(text));
    value.iter().enumerate().any(|(at, byte)| firsts[usize::from(*byte)] && stands_at(at))
}

const fn firsts(texts: &[&[u8]]) -> [bool; 256] {
    let mut firsts = [false; 256];
    let mut at = 0;
    while at < texts.len() {
        firsts[texts[at][0] as usize] = true;
        at += 1;
    }
    firsts
}

/// A path, an address, a date, a version, a number with a unit, a file's name, a hash with its scheme.
pub(super) fn is_shaped(value: &[u8]) -> bool {
    is_path(value)
        || is_email(value)
        || is_at_stand_in_host(value)
        || is_number_like(value)
        || is_call(value)
        || is_dotted(value)
        || is_password_hash(value)
}

fn is_path(value: &[u8]) -> bool {
    const FILES: &[&str] = &[
        ".txt",
        ".json",
        ".pem",
        ".key",
        ".php",
        ".html",
        ".htm",
        ".js",
        ".ts",
        ".jsx",
        ".tsx",
        ".py",
        ".rb",
        ".go",
        ".rs",
        ".java",
        ".xml",
        ".yml",
        ".yaml",
        ".toml",
        ".ini",
        ".conf",
        ".cfg",
        ".env",
        ".properties",
        ".crt",
        ".cer",
        ".p12",
        ".pfx",
        ".jks",
        ".css",
        ".scss",
        ".png",
        ".svg",
        ".jpg",
        ".gif",
        ".md",
        ".sh",
        ".sql",
        ".db",
        ".log",
        ".exe",
        ".dll",
        ".so",
        ".jar",
        ".com",
        ".net",
        ".org",
        ".io",
        ".local",
        ".internal",
        ".localhost",
        ".vue",
        ".erb",
        ".tpl",
        ".twig",
        ".c",
        ".h",
        ".cpp",
        ".cs",
        ".kt",
        ".swift",
        ".sock",
        ".dat",
        ".bin",
        ".csv",
        ".gz",
        ".zip",
        ".proto",
    ];
    // `/tmp/KEY-7`: the first part of a path is a word.
    let first = value.strip_prefix(b"/").and_then(|rest| rest.split(|byte| *byte == b'/').next());
    let absolute = first.is_some_and(|first| {
        first.len() + 1 < value.len() && first.len() >= 2 && first.iter().all(u8::is_ascii_lowercase)
    });
    let begins: &[&[u8]] = &[b"/", b"./", b"../", b"~/", b"C:", b"D:", b"\\\\", b"%2F"];
    let parts = value.split(|byte| *byte == b'/');
    let named =
        |part: &[u8]| part.len() > 2 && part.iter().all(|byte| byte.is_ascii_lowercase() || b"-_.".contains(byte));
    let named_bytes: usize = parts.filter(|part| named(part)).map(|part| part.len() + 1).sum();
    let rooted = begins.iter().any(|begin| value.starts_with(begin)) && !random::looks_random(value);
    let slashed = memchr::memchr(b'/', value).is_some() && named_bytes * 2 > value.len();
    // `controller#action`
    let route = value.iter().filter(|byte| **byte == b'#').count() == 1
        && value.iter().all(|byte| byte.is_ascii_lowercase() || b"#_/".contains(byte));
    let is_file = |dot: usize| FILES.iter().any(|file| file.as_bytes().eq_ignore_ascii_case(&value[dot..]));
    let file = memchr::memrchr(b'.', value).is_some_and(is_file);
    absolute || route || rooted || slashed || file && !value.contains(&b'@')
}

fn is_email(value: &[u8]) -> bool {
    let Some(at) = memchr::memchr(b'@', value) else { return false };
    let (user, host) = (&value[..at], &value[at + 1..]);
    let plain = |text: &[u8]| {
        !text.is_empty() && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(byte))
    };
    let dot = host.iter().rposition(|byte| *byte == b'.');
    let domain = dot.is_some_and(|dot| host.len() - dot >= 3 && host[dot + 1..].iter().all(u8::is_ascii_alphabetic));
    plain(user) && plain(host) && (domain || user.ends_with(b"git"))
}

/// `user:word@foo.com/data`: an address at a host that stands for one.
fn is_at_stand_in_host(value: &[u8]) -> bool {
    const HOSTS: &[&[u8]] = &[b"example", b"foo", b"bar", b"test", b"host", b"domain", b"localhost", b"hostname"];
    let Some(at) = memchr::memrchr(b'@', value) else { return false };
    let host = &value[at + 1..];
    let host = &host[..host.iter().take_while(|byte| !b"/:?".contains(byte)).count()];
    let mut labels = host.rsplit(|byte| *byte == b'.');
    let top = labels.next().is_some_and(|top| [&b"com"[..], b"org", b"net", b"test", b"invalid"].contains(&top));
    top && labels.next().is_some_and(|name| HOSTS.contains(&name))
}

fn is_number_like(value: &[u8]) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = value.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let marks = value.len() - digits - letters;
    let unit = letters <= 3
        && marks == 0
        && value[0].is_ascii_digit()
        && value.iter().take_while(|byte| byte.is_ascii_digit()).count() == digits
        && letters > 0
        && value.len() < 8;
    let hex_number = value.starts_with(b"0x") && value.len() <= 18;
    // Dates, times, versions, addresses, ranges: `2024-01-15T10:00:00Z`, `1.2.3-rc1`, `10.0.0.1:80`.
    let stamped = digits > 0
        && marks >= 2
        && letters <= 2
        && value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_:./+,".contains(byte));
    let version = matches!(value, [b'v' | b'V', b'0'..=b'9', b'.', ..])
        || matches!(value, [b'0'..=b'9', b'.', b'0'..=b'9', b'.', ..]);
    unit || hex_number || stamped || version || letters == 0 && value[0] == b'-'
}

/// `name(`, `name[`: code.
fn is_call(value: &[u8]) -> bool {
    value.windows(2).any(|pair| (pair[0].is_ascii_alphanumeric() || pair[0] == b'_') && pair[1] == b'(')
        || value.windows(2).any(|pair| (pair[0].is_ascii_alphabetic() || pair[0] == b'_') && pair[1] == b'[')
}

/// `config.password1`, `com.acme.Secret`: names joined by dots.
fn is_dotted(value: &[u8]) -> bool {
    let mut parts = value.split(|byte| *byte == b'.');
    let name = |part: &[u8]| {
        part.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_' || *byte == b'$')
            && part.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_$-".contains(byte))
            && (part.len() <= 3 || !random::looks_random(part))
    };
    value.contains(&b'.') && parts.all(name)
}

/// The hash of a password, with its scheme.
fn is_password_hash(value: &[u8]) -> bool {
    let crypt = value[0] == b'$'
        && value.iter().skip(1).take(12).any(|byte| *byte == b'$')
        && value[1].is_ascii_alphanumeric()
        && value.len() > 20;
    let scheme = [&b"{SSHA"[..], b"{SHA", b"{SMD5", b"{MD5", b"{CRYPT", b"{PBKDF2"];
    crypt
        || scheme.iter().any(|scheme| value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
        || value.starts_with(b"pbkdf2")
        || value.starts_with(b"scrypt:")
        || value.iter().take(60).position(|byte| *byte == b'}').is_some_and(|end| {
            value[0] == b'{'
                || end >= 2 && value[..end].iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        })
}
