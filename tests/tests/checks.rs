use crate::util::{Dir, made, text};

/// The value with another character at `at`, one that every alphabet here has.
fn damaged(value: &str, at: usize) -> String {
    let mut bytes = value.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'q' { b'p' } else { b'q' };
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_wrong_checksum_is_suppressed_counted_and_listed() {
    let dir = Dir::new();
    let tokens = [
        (made("glsa_{alnum:32}_{check:grafana-crc32}", 1), "its checksum does not fit: never issued by Grafana"),
        (made("polar_oat_{alnum:37}{check:crc32-base62-body}", 2), "its checksum does not fit: never issued by Polar"),
        (made("cio_tp_{alnum:31}{check:crates-tp-xor}", 3), "its checksum does not fit: never issued by crates-io"),
        (
            made("nsec1{023456789acdefghjklmnpqrstuvwxyz:52}{check:bech32}", 4),
            "its checksum does not fit: not a key of Nostr",
        ),
        (
            made("ed25519:{check:ed25519-seed-pub-base58}", 5),
            "the second half is not the public key of the first: not a key of NEAR",
        ),
    ];
    for (token, reason) in tokens {
        dir.write("right", format!("key: {token}\n"));
        let right = dir.json(&["scan", "right"]);
        assert_eq!(text(&right.code(1).only()["confidence"]), "high", "{}", right.ran);
        dir.write("wrong", format!("key: {}\n", damaged(&token, 12)));
        let wrong = dir.json(&["scan", "wrong"]);
        assert!(wrong.code(0).findings().is_empty(), "{}", wrong.ran);
        assert_eq!(wrong.value["scan"]["suppressed"]["check"], 1, "{}", wrong.ran);
        let listed = dir.json(&["scan", "wrong", "--show-suppressed"]);
        assert_eq!(text(&listed.code(0).only()["suppression"]["reason"]), reason, "{}", listed.ran);
    }
}

#[test]
fn a_soft_check_lowers_confidence_and_says_why() {
    let dir = Dir::new();
    for (token, before, after) in [
        (made("vcp_{alnum:50}{check:crc32-base62}", 1), "high", "medium"),
        (made("rpa_{upper+digit:40}{check:runpod-crc32}", 2), "high", "low"),
        (made("xau_{check:xata-crc32}", 3), "high", "medium"),
    ] {
        dir.write("right", format!("key: {token}\n"));
        let right = dir.json(&["scan", "right"]);
        assert_eq!(text(&right.code(1).only()["confidence"]), before, "{}", right.ran);
        let wrong = token[..token.len() - 8].to_owned() + &made("{upper+digit:2}", 3) + &token[token.len() - 6..];
        dir.write("wrong", format!("key: {wrong}\n"));
        let wrong = dir.json(&["scan", "wrong", "--min-confidence", "low"]);
        let finding = wrong.only();
        assert_eq!(text(&finding["confidence"]), after, "{}", wrong.ran);
        assert_eq!(text(&finding["details"]["doubt"]), "its checksum does not fit", "{}", wrong.ran);
    }
}

#[test]
fn a_token_says_whose_it_is() {
    let dir = Dir::new();
    let user = data_encoding::BASE64_NOPAD.encode(b"alice.b");
    dir.write("token", made(&format!("t: syt_{user}_{{lower+upper:20}}_{{check:crc32-base62-synapse}}\n"), 6));
    let report = dir.json(&["scan", "token"]);
    assert_eq!(text(&report.code(1).only()["details"]["user"]), "alice.b", "{}", report.ran);
    dir.write("seed", made("STELLAR_SECRET={check:stellar-crc16}\n", 7));
    let report = dir.json(&["scan", "seed"]);
    let account = text(&report.code(1).only()["details"]["account"]);
    assert!(account.starts_with('G') && account.len() == 56, "{}", report.ran);
    dir.write("words", made("MNEMONIC=\"{check:bip39}\"\n", 8));
    let report = dir.json(&["scan", "words"]);
    assert_eq!(text(&report.code(1).only()["details"]["scheme"]), "BIP-39", "{}", report.ran);
}
