//! What an SSH private key says of itself: the fingerprint by which `authorized_keys`, forges and servers know it, and
//! its comment.

use data_encoding::BASE64_NOPAD;
use sha2::{Digest, Sha256};

use super::Judgement;

/// Adds what the decoded body of an OpenSSH key says (PROTOCOL.key): magic, cipher, key derivation and its options, the
/// number of keys, the public key, the private part.
pub(super) fn openssh(judgement: Judgement, bytes: &[u8]) -> Judgement {
    let Some((public, private)) = parts(bytes) else { return judgement };
    let judgement = with_public(judgement, public);
    match comment(private) {
        Some(comment) => judgement.public_detail("comment", &comment),
        None => judgement,
    }
}

/// Adds the fingerprint of a public key in its wire form.
pub(super) fn with_public(judgement: Judgement, public: &[u8]) -> Judgement {
    let mut rest = public;
    let Some(kind) = string(&mut rest).and_then(|kind| std::str::from_utf8(kind).ok()) else { return judgement };
    let judgement = judgement.public_detail("key_type", kind);
    let fingerprint = BASE64_NOPAD.encode(Sha256::digest(public).as_slice());
    judgement.detail("ssh_fingerprint", format!("SHA256:{fingerprint}"))
}

fn parts(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = bytes.strip_prefix(b"openssh-key-v1\0")?;
    for _ in 0..3 {
        string(&mut rest)?;
    }
    rest = rest.strip_prefix(&[0, 0, 0, 1])?;
    let public = string(&mut rest)?;
    Some((public, string(&mut rest)?))
}

/// The last string of an unencrypted private part: after two equal numbers come strings, then 1, 2, 3 … as padding.
fn comment(private: &[u8]) -> Option<String> {
    let (check, mut rest) = private.split_at_checked(8)?;
    (check[..4] == check[4..]).then_some(())?;
    let mut last = None;
    while let Some(value) = string(&mut rest) {
        last = Some(value);
    }
    let is_padding = rest.iter().zip(1_u8..).all(|(byte, expected)| *byte == expected);
    let comment = std::str::from_utf8(last?).ok().filter(|_| is_padding)?;
    Some(comment.to_owned())
}

/// Takes a string off the front: its length in four bytes, and itself.
fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_at_checked(4)?;
    let length = u32::from_be_bytes(length.try_into().ok()?);
    let (value, after) = after.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(strings: &[&[u8]]) -> Vec<u8> {
        strings.iter().flat_map(|s| [&(s.len() as u32).to_be_bytes()[..], s].concat()).collect()
    }

    fn key(check: [u8; 8], comment: &[u8]) -> Vec<u8> {
        let public = wire(&[b"ssh-ed25519", &[7; 32]]);
        let private = [&check[..], &wire(&[b"ssh-ed25519", &[7; 32], &[9; 64], comment]), &[1, 2, 3]].concat();
        let head = [&b"openssh-key-v1\0"[..], &wire(&[b"none", b"none", b""]), &[0, 0, 0, 1]].concat();
        [head, wire(&[&public, &private])].concat()
    }

    #[test]
    fn keys_have_a_fingerprint_and_a_comment() {
        let details = openssh(Judgement::default(), &key([5; 8], b"ops@build7")).details;
        let told: Vec<_> = details.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        // As `ssh-keygen -lf` gives it.
        let fingerprint = BASE64_NOPAD.encode(Sha256::digest(wire(&[b"ssh-ed25519", &[7; 32]])).as_slice());
        let fingerprint = format!("SHA256:{fingerprint}");
        assert_eq!(
            told,
            [("key_type", "ssh-ed25519"), ("ssh_fingerprint", fingerprint.as_str()), ("comment", "ops@build7")]
        );
        assert_eq!(openssh(Judgement::default(), &key([1, 2, 3, 4, 5, 6, 7, 8], b"ops@build7")).details.len(), 2);
        assert!(openssh(Judgement::default(), b"openssh-key-v1\0").details.is_empty());
    }
}
