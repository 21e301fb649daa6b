//! The captured bytes of a credential, which cannot be printed.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Domain separation for fingerprints. It is public: a weak password can be guessed from its
/// fingerprint, unless `KEYSIEVE_ID_KEY` is set.
const PUBLIC_KEY: &[u8] = b"keysieve fingerprint v1";

/// The bytes of a credential. `Debug` shows only what [`Secret::redacted`] shows; there is no
/// `Display`, and nothing serialises it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Secret {
    bytes: Box<[u8]>,
    shown: usize,
}

impl Secret {
    /// Captures `bytes`, of which the first `shown` may be shown to people.
    pub fn new(bytes: &[u8], shown: usize) -> Self {
        // Never more than half: a short value must not be given away by a long prefix.
        Self { bytes: bytes.into(), shown: shown.min(bytes.len() / 2) }
    }

    /// The secret itself. Named only where it must be: fingerprints, redaction, `--show-secrets`.
    pub fn reveal(&self) -> &[u8] {
        &self.bytes
    }

    /// What may be shown: the public prefix, an ellipsis and the length in bytes.
    pub fn redacted(&self) -> String {
        let prefix: String = self.bytes[..self.shown].iter().map(|&b| printable(b)).collect();
        format!("{prefix}…({})", self.bytes.len())
    }

    /// The part that may be shown, without length.
    pub fn public_prefix(&self) -> String {
        self.bytes[..self.shown].iter().map(|&b| printable(b)).collect()
    }

    /// `ks1:` and 20 hex digits of an HMAC-SHA-256 over the secret without ASCII whitespace.
    /// With a private key (`KEYSIEVE_ID_KEY`) the prefix is `ks1k:`.
    pub fn fingerprint(&self, private_key: Option<&[u8]>) -> String {
        let key = private_key.unwrap_or(PUBLIC_KEY);
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
            unreachable!("HMAC takes keys of any length");
        };
        for run in self.bytes.split(u8::is_ascii_whitespace) {
            mac.update(run);
        }
        let digest = mac.finalize().into_bytes();
        let hex: String = digest[..10].iter().map(|byte| format!("{byte:02x}")).collect();
        let prefix = if private_key.is_some() { "ks1k" } else { "ks1" };
        format!("{prefix}:{hex}")
    }
}

fn printable(byte: u8) -> char {
    if byte.is_ascii_graphic() || byte == b' ' { byte as char } else { '?' }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_prints_more_than_half() {
        let secret = Secret::new(b"abcdefgh", 100);
        assert_eq!(secret.redacted(), "abcd…(8)");
        assert_eq!(format!("{secret:?}"), "abcd…(8)");
    }

    #[test]
    fn fingerprints_ignore_white_space_and_keys_matter() {
        let plain = Secret::new(b"abcd efgh\r\n", 0).fingerprint(None);
        assert_eq!(plain, Secret::new(b"abcdefgh", 0).fingerprint(None));
        assert_eq!(plain.len(), "ks1:".len() + 20);
        let private = Secret::new(b"abcdefgh", 0).fingerprint(Some(b"k"));
        assert!(private.starts_with("ks1k:"));
        assert_ne!(plain[4..], private[5..]);
    }
}
