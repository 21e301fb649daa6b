//! What the name on the left says of the value on the right.

use super::words;

/// How far a name may go on to the left and right of its stem.
const LONGEST: usize = 60;

/// What a name promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Promise {
    /// Something else: `password_hash`, `token_url`, `public_key`.
    Nothing,
    /// A passing secret, like those against forged requests.
    Passing,
    /// A name with words of unknown meaning.
    Perhaps,
    /// A secret.
    Secret,
}

/// A name in the bytes, and what stands in it.
#[derive(Debug)]
pub(super) struct Name<'a> {
    /// Where it begins.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// All of it.
    pub text: &'a [u8],
    /// Where the stem (`password`, `api_key`) begins in it.
    stem: usize,
}

/// Stems, longest first where one begins another.
const STEMS: &[&str] = &[
    "passphrase",
    "passwords",
    "password",
    "passwort",
    "passwd",
    "passcode",
    "passwrd",
    "passord",
    "pass",
    "pswd",
    "pwd",
    "psw",
    "pw",
    "kennwort",
    "contrasena",
    "contraseña",
    "wachtwoord",
    "senha",
    "clave",
    "motdepasse",
    "mot_de_passe",
    "mdp",
    "haslo",
    "heslo",
    "parola",
    "sifre",
    "secrets",
    "secret",
    "tokens",
    "token",
    "apikeys",
    "apikey",
    "accesskey",
    "authkey",
    "privatekey",
    "encryptionkey",
    "signingkey",
    "masterkey",
    "sharedkey",
    "credentials",
    "credential",
    "creds",
    "salt",
    "keys",
    "key",
    "auth",
    "api",
    "access",
    "private",
    "encryption",
    "signing",
    "master",
    "shared",
    "authorization",
    "пароль",
    "密码",
    "パスワード",
    "비밀번호",
];

pub(super) const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-') || byte >= 0x80
}

/// Where a stem begins in what a keyword found: behind the byte that parts a short one from what stands before, as in `_pw`.
pub(super) fn stem_from(bytes: &[u8], at: usize) -> usize {
    at + usize::from(matches!(bytes.get(at), Some(b'_' | b'-' | b' ' | b'\n' | b'=')))
}

impl<'a> Name<'a> {
    /// The name around a stem that begins at `stem`.
    pub(super) fn around(bytes: &'a [u8], stem: usize) -> Self {
        let stem = stem_from(bytes, stem);
        let before = bytes[..stem].iter().rev().take(LONGEST).take_while(|byte| is_name_byte(**byte)).count();
        let after = bytes[stem..].iter().take(LONGEST).take_while(|byte| is_name_byte(**byte)).count();
        let (mut start, mut end) = (stem - before, stem + after);
        // The arrow of `obj->password` and `password->`, the dashes of a flag, the end of a sentence.
        while end > stem && matches!(bytes[end - 1], b'-' | b'.') {
            end -= 1;
        }
        while start < stem && matches!(bytes[start], b'-' | b'.') {
            start += 1;
        }
        Self { start, end, text: &bytes[start..end], stem: stem - start }
    }

    /// What it promises. A name in which the stem is only part of another word promises nothing.
    pub(super) fn promise(&self) -> Promise {
        let mut stem = &self.text[self.stem..];
        let before = words::words(&self.text[..self.stem]);
        // The rest of a word that the stem ends: `db` in `dbpassword`.
        let glued = self.stem > 0
            && self.text[self.stem - 1].is_ascii_lowercase()
            && self.text.get(self.stem).is_some_and(|byte| !byte.is_ascii_uppercase());
        let short = STEMS.iter().find(|word| starts(stem, word));
        let Some(word) = short else { return Promise::Nothing };
        if glued && word.len() <= 4 && !before.last().is_some_and(|word| is_owner(word)) {
            return Promise::Nothing;
        }
        stem = &stem[word.len()..];
        let mut promise = Promise::Secret;
        if before.iter().rev().take(4).any(|word| words::is_harmless_before(word)) {
            return Promise::Nothing;
        }
        if before.iter().any(|word| words::is_passing_before(word)) {
            return Promise::Passing;
        }
        // A small letter right after a stem goes on with its word: `tokenizer`, `passed`, `secretary`.
        let goes_on = stem
            .first()
            .is_some_and(|byte| byte.is_ascii_alphabetic() && (byte.is_ascii_lowercase() || self.is_upper()));
        let after = words::words(stem);
        for (at, word) in after.iter().enumerate() {
            if words::is_other_thing(word) {
                return Promise::Nothing;
            }
            if !words::is_same_after(word) {
                if at == 0 && goes_on {
                    return Promise::Nothing;
                }
                promise = Promise::Perhaps;
            }
        }
        promise
    }

    /// Whether it is the name of a salt and of nothing more: `salt`, `withSalt`, not `SALT` or `password_salt`.
    pub(super) fn is_salt(&self) -> bool {
        matches!(
            self.text.rsplit(|byte| *byte == b'.').next(),
            Some(b"salt" | b"withSalt" | b"setSalt" | b"salt_bytes")
        )
    }

    fn is_upper(&self) -> bool {
        !self.text.iter().any(u8::is_ascii_lowercase)
    }

    /// All words of it.
    pub(super) fn words(&self) -> Vec<String> {
        words::words(self.text)
    }
}

fn starts(text: &[u8], word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whose password `xpass`, `xpwd` may be: `compass` and `bypass` are nobody's.
pub(super) fn is_owner(word: &str) -> bool {
    const OWNERS: &[&str] = &[
        "db",
        "require",
        "masterauth-",
        "user",
        "usr",
        "my",
        "root",
        "admin",
        "sql",
        "mysql",
        "pg",
        "smtp",
        "mail",
        "ftp",
        "http",
        "proxy",
        "ssh",
        "sudo",
        "wifi",
        "email",
        "login",
        "auth",
        "key",
        "store",
        "keystore",
        "srcstore",
        "deststore",
        "truststore",
        "ssl",
        "ldap",
        "bind",
        "redis",
        "mongo",
        "api",
        "test",
        "master",
        "server",
        "client",
        "database",
        "adm",
        "dba",
        "enc",
        "zip",
        "app",
        "imap",
        "wp",
        "postgres",
        "oracle",
        "svn",
        "git",
        "access",
        "private",
        "secret",
        "encryption",
        "signing",
        "shared",
        "license",
        "storage",
        "account",
        "service",
        "consumer",
        "subscription",
        "session",
        "cookie",
        "crypt",
        "crypto",
        "hmac",
        "aes",
        "app",
        "azure",
        "function",
    ];
    OWNERS.contains(&word)
}
