//! Values that are printed in public documentation, test suites and emulators: nobody's secret. They are known here by
//! their hash alone, so that no file of ours holds a live-looking string.

use std::collections::HashMap;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// The longest value in the table, in bytes; longer ones are not hashed.
const LONGEST: usize = 200;

/// The first 16 bytes of the SHA-256 of each value, by where it is published.
#[rustfmt::skip]
const DOCUMENTED: &[(&str, &[u128])] = &[
    (
        "AWS documentation",
        &[
            0x1a5d44a2dca19669d72edf4c4f1c27c4, 0xc6ea27c534f993d31f0aef882e3d200e,
            0xcb20d34a7adda2f5d2043836051e242f, 0x7a259e311eb57eb32596c9467e5033dc,
            0x78314b11be2e581549ac1c4f616563fa, 0xe21b597ba6b9cafa59d9ebc4d65c0385,
        ],
    ),
    (
        "Google Cloud documentation",
        &[
            0xac9265e56c79b234607ec72c53753cfe, 0xf56e323494a6ffc2064e7a955908957d,
        ],
    ),
    (
        "gcloud's own public client secret",
        &[
            0xf0386f9be1fe905fb2f97a8daff11a9b,
        ],
    ),
    (
        "reCAPTCHA test keys",
        &[
            0xf5e95c9954635b65acab57e6d5ea663e, 0x03b970ed8171d73b58bbc9a5c72e3e4e,
        ],
    ),
    (
        "Azurite, the Azure storage emulator",
        &[
            0x0011cc25eb4320717494d2703e8cba85,
        ],
    ),
    (
        "Azure Cosmos DB emulator",
        &[
            0xaa6547439583c3a275d4542a0df6c1ad,
        ],
    ),
    (
        "Azure DevOps documentation",
        &[
            0x965d74eb36fd134b7b1522a014eca240,
        ],
    ),
    (
        "Kubernetes documentation",
        &[
            0xa4b8b245ab28bc4f72dcaa0d9ba9f73d, 0x3002888f967a7086ab52fcc9e8bbc3e4,
        ],
    ),
    (
        "TOTP documentation",
        &[
            0x8be5d113c0871ce1a122d68a7dff940a,
        ],
    ),
    (
        "Symfony skeleton",
        &[
            0x519e3ece10ca70b6627a96452aa21452,
        ],
    ),
    (
        "a widely copied sample",
        &[
            0x06456ebb89a24e2fb0a01f4e5f022546,
        ],
    ),
    (
        "NT hash of the empty password",
        &[
            0x5db21f1ad63d9b336bf2f3487f1e8222,
        ],
    ),
    (
        "GitHub documentation",
        &[
            0xbf0316155996e95e18790be9064962d8,
        ],
    ),
    (
        "Octopus documentation",
        &[
            0x5dbc6006dfcc19e5572d8ba5e56baafb,
        ],
    ),
    (
        "Dynatrace documentation",
        &[
            0x559fab6733c7072076ce2ef9d3e21f9a,
        ],
    ),
    (
        "PagerDuty documentation",
        &[
            0xe2b4476039fbd5be0135f6e08f4148a3, 0x5d712ba728d81c07c91203d38482134a,
        ],
    ),
    (
        "Heroku documentation",
        &[
            0xa23d006bb020a81dfd1afa15968e07dc,
        ],
    ),
    (
        "Databricks documentation",
        &[
            0x16c54dd0fa49d4119fe6563bc47fd172,
        ],
    ),
    (
        "Tailscale documentation",
        &[
            0x3b27e79a6d4dcff8766f6ff4f49503bd, 0x980f49562833f036b7e7fb0a1dfa0c17,
        ],
    ),
    (
        "Meraki documentation",
        &[
            0xd9c3482af2ba6590401884b4e15dea6d, 0xd83a439df5b5a0fced06499643291568,
        ],
    ),
    (
        "crates.io unit test",
        &[
            0xb415c78a85db94b71870c7d383b8ec0f,
        ],
    ),
    (
        "Docker documentation",
        &[
            0x33a6d3750d9a769b1c15ed2c4c2aa19f, 0xbb54574a88d7fa3176909df4aacf49fe,
            0x9c21e134a0db60dc066e33088b227686,
        ],
    ),
    (
        "Telegram documentation",
        &[
            0x731fa294d036e54f19df879bfcd4fe72, 0x0b5dd075ccdd03c42f4edda8e299e683,
            0x654b2b06319049d0321a339b1fb29678,
        ],
    ),
    (
        "Giphy public beta key",
        &[
            0xe1bb72ff7816ebe8b386d913fe30fd89,
        ],
    ),
    (
        "SQL Server image documentation",
        &[
            0x1c3d6188abe600bce2404e8c462e117c,
        ],
    ),
    (
        "Vagrant insecure key",
        &[
            0xeca7c0796c0d28714d81ae48ae76a194,
        ],
    ),
    (
        "Hardhat and Anvil development accounts",
        &[
            0xbc1a50966c9e6486bc4ebf880b51611a, 0x60a09e4357868c1e9b801052726d061c,
            0x8335c55334821eefd4334369ff9c04a8, 0x095101cf732c298a0ce0320b9de70420,
            0xb26ab6529d20ebebb4192256f2029847, 0xbb4978fbe7638de8e6ee13d9a59a5fb0,
            0x64034b44c579b335ab5e85debbfe7278, 0xf02322197a196ceb746aa52cee2a869a,
            0x4d3e46eec8244d1d106f866ee48994f6, 0x5de22089c247b9b2722ec5c33498e6bc,
            0x0aedba9d586f34f95cf1f0d54926f62e, 0x59feecfa04eb096ba44eed297e4239fa,
            0x28e543d3753fc9d14c658ebef20b76a3, 0xb69d88ff1ad5834ab1d8ed45f20d72b6,
            0xf070994a8599478580678f2b9482c5f0, 0xb6b9ee08c38f62da71fa150a8ada4a7a,
            0x38e69fdd19aefeb4adf56312f10e62c3, 0xbe394de37f9d6cf6682434e9f15a4f89,
            0x967f21586cdf1248a862f2cfb3300997, 0xdd0102d1cd0c6ac702573e3e7551fc6c,
            0x0b33e0132123e78d42dd12a0fbbbacd1, 0xbc695e76adbd4ba589f63b5522e4cff1,
            0x84bc109b3d59b0173a76fc3d831360a6, 0xf08cf7b46c09669b731db4160bd42c73,
            0x85bde548053aab4b5a6c78473d5eb2ad, 0x7112de5abbaaf6185c02a8af80086678,
            0xf1513114f60e5e95732b840669fe8395, 0xc9af1927cd58e92d438303f3f1d4b1ed,
            0x5330d388af894c9e1a181a06a3ce44d6, 0x9ebbe88c52f8681820a94a6501aa00fa,
            0xa2e06155cb1a424f972c3abfaddc9cea, 0x9794bae81f0d5dd24f7025d1bfbb9f55,
            0x4a67d7a0d8a16d6d954cef19eb5afdbd, 0x89fdd4bd49fc0e2a4b08d8379d7906d3,
            0xb08bdfde9930d9202809530dcbe193c5, 0x97bc0c40d645cfaa2f3b3eb652720181,
            0xcf1fc66f853151a4c6666909c8f1f80e, 0x609101d4dd3170f57ff777c34aff90d8,
            0x100546a8b020a55aa09b2d34b50de9a3, 0x7d2c370c3a5748fad23c20a93abaa2b1,
        ],
    ),
    (
        "Ganache development accounts",
        &[
            0x578592185588730b9d10b87e2274706a, 0x424742fc6538f5e7e01d32ce12784d7a,
            0x30e55f5463e22af009a1b785a4d72319, 0xce9fa353f65502418518442f0cc8824d,
            0x70b801afae94d2e653c9612d0ebbba1f, 0xbd0cf33a56471e0861755cbb7b51fc42,
            0x0bc9fde2b028e3b067e45059c84dbcf4, 0xb616bf99717b6dab01d52423a785ebbf,
            0xf51c2c795f782308c7dcfa92a59cf89c, 0x4fabaa71008f3cf7132cbff7fca0e06d,
            0x6dea34b661141091338390067dc6fe04, 0xa47eadb9d6ed4fc3ff7a45563c0b45ab,
            0xfaeb1dab5a326eef752d42930ec4bf53, 0x77f89dcdbbcccd0547eac67457b20b42,
            0x196fbadca8b7eea62510a490b7e8131e, 0x2f600d581ba56a8998b6a2916e367960,
            0xecd5e9d0b08a8a9fd1c35bcd303b3cce, 0xa136addea40bb541dad2d846e83f6a9f,
            0x3fd5610ee03a3503edceff018e3fb550, 0x4a04a0734f7011c37d4d5ca668ddd49d,
        ],
    ),
    (
        "Truffle development accounts",
        &[
            0xf24167accb5d690f3426da43061b7028, 0x49f88a1ebbd7c5d4d48b442e365750f3,
            0x07f935b61d37e0e50369eb1f6767a9d2, 0xefe8fca5524a213bca695836f22d2f9c,
            0xe4f1734df0250d547add02b71d673170, 0x977ff45d361dbe9194b58c3408e32141,
            0x7d1b5fc238610328f01371ec9c078deb, 0xabf7612920ff26204bfcd8e708c7f43e,
            0x33f532fd39fa0d77b2255c300529a2c8, 0xf01e0e86e73298d3f9d8364c6cc8c95c,
            0x728383dec632311291f24ce02a3688cd, 0x87ba914e30aedf14e894b6c330087443,
            0x664b73b16aa577481e905f3f2fd5bdd3, 0xe008f3fdf0ea96196798429a79db3e78,
            0xe4639de7f01667f6bb13a507e02446c8, 0xadb249e8d46d80a7f7ea3c20cb58ae0a,
            0x98a38f6dad3f47affd7110b65b627ac6, 0x09b4730dcb58f0cdba5eddc3be392f89,
            0xc15f3d9dfdc983890ac1b6f44e06f6ed, 0x571445cc97f8ff65021e525f1478db17,
        ],
    ),
    (
        "published test vectors of BIP-39",
        &[
            0xf79cd64f9cea237897b8133e4b905b36, 0xc557eec878dfd852ba3f88087c4f350f,
            0xecb0e7ba498c5920991f0b3483e91f7a, 0x3a64bcd9cea43c0aba67ba0bf2ddff81,
            0x3c0949435a7e4277fac2fbe27975cdd9, 0x9c5d0a6656e5d3f36601d0bf98762be0,
            0xb83e96417f61cb148d0dc8a89b839ee4, 0xd16d608fce743a041ddb5841a32ceb7d,
        ],
    ),
    (
        "Stripe documentation",
        &[
            0x2cafc0970149a84f3b9e62eaf169f36f, 0xf2d6ca16515033e5dce14eba840b979d,
        ],
    ),
    (
        "SendGrid documentation",
        &[
            0x02091175c1ae3023fb1e92ff16e1a5ca,
        ],
    ),
    (
        "Paddle documentation",
        &[
            0xaf1efb26bd63a9a030e998efbf059a3d,
        ],
    ),
    (
        "OpenWeather samples",
        &[
            0x359e126884663749a48c372aaeb3f289,
        ],
    ),
    (
        "the x.com web client, which everybody has",
        &[
            0x11d3072e6af2d409dfc2453bc83fb1bd,
        ],
    ),
];

static TABLE: LazyLock<HashMap<u128, &'static str>> =
    LazyLock::new(|| DOCUMENTED.iter().flat_map(|(place, hashes)| hashes.iter().map(|hash| (*hash, *place))).collect());

/// Where this very value is published, if it is a known example.
pub fn published(value: &[u8]) -> Option<&'static str> {
    if value.len() > LONGEST {
        return None;
    }
    let digest = Sha256::digest(value);
    let start: [u8; 16] = digest.as_slice().get(..16)?.try_into().ok()?;
    TABLE.get(&u128::from_be_bytes(start)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_values_are_known_by_hash() {
        // Parts are joined here only, so that no file holds a string that looks live.
        let values =
            [["AKIA", "IOSFODNN7EXAMPLE"], ["yourStrong(!)", "Password"], ["sk_test_4eC39Hq", "LyjWDarjtT1zdp7dc"]];
        for value in values {
            assert!(published(value.concat().as_bytes()).is_some(), "{}", value[0]);
        }
        let first_hardhat_account = ["ac0974bec39a17e36ba4a6b4d238ff94", "4bacb478cbed5efcae784d7bf4f2ff80"].concat();
        assert!(published(first_hardhat_account.as_bytes()).is_some());
        assert!(published(format!("0x{first_hardhat_account}").as_bytes()).is_some());
        assert_eq!(published(b"AKIAIOSFODNN7EXAMPLF"), None);
        assert_eq!(published(&[b'a'; 4000]), None);
    }

    #[test]
    fn runras_documented_key_counts_as_real() {
        let key = ["rra_live_", "x7k2m9p4q1w3v5b8", "n6c0d2a4f"].concat();
        assert_eq!(published(key.as_bytes()), None);
    }
}
