//! Values that are printed in public documentation, test suites and emulators: nobody's secret. They are known here by
//! their hash alone, so that no file of ours holds a live-looking string.

use std::collections::HashMap;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// The longest value in the table, in bytes; longer ones are not hashed.
const LONGEST: usize = 350;

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
        "IETF standards on OAuth and ACME",
        &[
            0x6c96130f130ab0d6d158397e24d2bcc1, 0x00cf4c781dc37003f7c7dd7d4c9a6ef1,
            0x7ea0aaa69214e71e02cebb18bb867736, 0xe9974c507d2a802143f614c878fcbb62,
            0xb8e148545b13c78bc74da2f1a7275dd7, 0x7d41f23b6af66770d9e7712c36b5816f,
            0xca7459e2b26776de081b9a07e40227fd, 0x584b27d64ebc1b3341f7fc9a9c3f1a54,
            0x13d31e961a1ad8ec2f16b10c4c982e08, 0x8b1b17a9740c068accab5c3d0d652c8e,
        ],
    ),
    (
        "NATS documentation",
        &[
            0xf70c753f3bef33a11477ab81a9029657,
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
        "Moonbeam development accounts",
        &[
            0x86e98190b4c4592a2e7bc83805f7e41c, 0x4b0e0a8ab30fc67605ca6b0fcb7cdf66,
            0x9e8e216eb0f74630c6d46c8e229d9322, 0x50102a7461c95f40973b821097fa7204,
            0x0f2c4f4a62b39fc22da838af4649bc47, 0x3d350995b9794371de47c31e42e7c512,
            0xc31061fc5fca2d6792162a2974cbf1f9, 0x31d9489705df8e820e4d7b7e555f87a0,
            0x0629f4012df100b78e97fe6d37ac8447, 0x0a9f9c4b6c75659efff5cefd24199eec,
            0x4ee0697c4dcc50d0ea5bb62852b3ad2c, 0xa11ee53bcfb6e7563a1958fb96f9a59a,
            0x0f8a3e894bfadf7b3becf2771c3089a5, 0x133b637624d35a01a8d4b56b0736d5dd,
            0x21917ea5340cc8baa157a8351de3b5cd, 0x41beaf133a2dc3ee67f1cbb9a44f0eda,
            0x72b5bbe95fe2f13efbbc92dae27ba08a, 0x6e35189f92777e3edd6472fc5531febf,
            0x562cd23d2a696df9a843020f99397c46, 0x09195cce450fdec9350d23a401939061,
        ],
    ),
    (
        "Ethereum and Avalanche documentation",
        &[
            0xe06adb906348cad006e85fe1576f1c66, 0x652f9792f46b71b3b626c6662cac2409,
            0xb8d472f0175ea0380e502a5e951875cf, 0x6298b3393a19a082bc8b4b4d4dff185c,
            0xd8c2efc4c8505e3978fdb15ef1ca3ec6, 0x95e82a7ebb036b3c3b3c14120ed7ce5f,
            0xb7a4257bddc7c4ed7a7b3d2b896c9bee, 0x62b63bc4ca11f81caea87cbe0cfc2d60,
        ],
    ),
    (
        "accounts of a test vector of BIP-39",
        &[
            0xd453284cf002ae197df5411e35b06d2a, 0x162ab0f6e4b17c7135d6e4495dc61b3c,
            0xc0cb0969d69e7b44f0d060b643e84061, 0x5fa9469abc579914471bcd3ff81f6ca6,
            0x13e767c51b0c35deb1849635364f626c, 0x62fb4c08966a598479ae8283a6850b28,
        ],
    ),
    (
        "published test vectors of BIP-39",
        &[
            0x29aedb051d65bcc80e3379acb13afb2a, 0xe770e8aa42a869cf269a5bda331f706a,
            0x15f41342748aa6c0718a6f4fa4e153ac, 0xc1db187b992c8ddddbe9dfab0e88542e,
            0x69be79ef3c28f55d7cb84db2dd3c18df, 0x3b1c5e02107409ea60548d8d8f686fd8,
            0xa5fe1cb4158ffd2a27ae93b5ac617903, 0xe96bfc1d78867126dadff72e64807301,
            0xd6da54d12db9eac818868b841c1c9cc7, 0xb12ee277a669b18fb7c5d9d3642c9298,
            0x341c225b06c91708aa82ab8389075a82, 0x6d828debd306e21a02511899832f7ee5,
            0xcc95a8a1b5e9bf130a4468b1b4857b6a, 0x30452ba5605dd25289bc2ae7b1883a53,
            0xb2e71100d10bee74156b69806498a2e3, 0xb8ae5c99142647d1043595539d615197,
            0x0f388b04e512d7a0eda5889c96ff034c, 0xb1bff22ae077ce1ae482e4dcb01c144f,
            0x662c451cc5886e1d6f185f418b815a17, 0x867f9f5929a7201c1116579e17be6ce5,
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
    (
        "Confluent documentation",
        &[
            0x59762139900d1e119235df10b6de8a4d,
        ],
    ),
    (
        "Bitcoin wiki, BIP-38",
        &[
            0x28981d08ecff66aa0dade4ac706c43cf, 0x8a1135d9e9e69fba421abcefd6fd5714,
            0x9d6a2b9d1f01d4577cbdce4de6f0834a, 0x5f2d6a315e61979a252cf1b37bb3b762,
            0xdcb207710f022b8490c2f226a628bc3e, 0x2061cafb008c5e4a68fa841f1b0b6ea3,
        ],
    ),
    (
        "published test vectors of BIP-32",
        &[
            0x2243ae4c730144699810edff877f309b, 0xc3e981f8e1c6a20142aac2ca0c23af92,
            0x38f45b57d43a7400a44a426bf98d8718, 0x04a564938fd41d291aa042c0bcfd9867,
            0x75754388723db8eccc4b581f484b5585, 0xac17da3e11432de904272c5859b35477,
            0xfa146b83df550394a57ed8f051862268, 0xbebe65f0e0569d6283a7b3677aa69e90,
            0xc14aca8e6d6b82d19f4330f9d64ed5ef, 0xed7bfe0ceae813bcc585635656507759,
            0x00860ac6121289549cc36c62bb823c2b, 0x9d61c593824c392ca2b757ac4c9e1d1a,
            0x285b24af846fd2cd8bfe81ed72ac1f0f,
        ],
    ),
    (
        "SEP-23 of Stellar",
        &[
            0x692386a03ab8a623aa5f9c033a7fdb80,
        ],
    ),
    (
        "XRP Ledger documentation",
        &[
            0x9165858b07374eddf99d9376d3ec4ea3, 0x97380bed40c76b624c97982ed49a1962,
            0x518eb8d58afc53cd0ee6ad91bb585624,
        ],
    ),
    (
        "tests of age",
        &[
            0x789eb04ae4c00984483bc16c3fd12491, 0x73e7976d91fdc8fc6ebae532145ef310,
            0xb3571d478999b981716036d9e624f796,
        ],
    ),
    (
        "NIP-19 of Nostr",
        &[
            0xfa1ccdeec8175c634b4e9e29a985c02c, 0x4cc9e9b982f1e0b8f0694f0c1b599e45,
        ],
    ),
    (
        "RFC 7617 and common documentation",
        &[
            0x0e9d220616f08345a714ee57d8516310, 0xe4da07ad200089ce7f40110f02910677,
            0xaac751a0391bb84d588bf20d00b3d00d, 0xcf4d418ed3de92d71f767db5391d5a2d,
            0xd05f6bb1aa2e4ccd9e4a1d22f1edbe11, 0x73f71af093fdf1541b2c376f03436d71,
            0x12d8d9ea56a1acfb1a0acb463af53fdf, 0x4879e791c48845cf7de96ecc2c0e0ca5,
            0xbdfeaef44475711c3abaf41d3ddd3532, 0x696a63e2409e663a9b19b5a014174136,
            0xfe97449352b1d67caaa43d30a22712b2, 0x9fdb2e159e0f26a93cd3f0ab24d3de13,
            0x387d52f219c568b5d74ab5cf6c6f8974,
        ],
    ),
    (
        "Kubernetes documentation",
        &[
            0x38d180985d1b2e7a6014190e2cbd3c96, 0x99ea56ced47c21431d0c56ef904f282a,
            0xa7b580d711ef2807c7f11d881a1e7ff8,
        ],
    ),
    (
        "TOTP documentation",
        &[
            0x3a53d0a064baf78cea93be533489094b, 0xd3873980f248ddebc47bf71eaa6da93a,
            0xb62ad8b3465e33dc3e0a50ef41d3d7f1, 0x549c9390539efcfa01d2744e82e7da34,
            0x954656079bdf6ce0ca6d812e38a40363, 0xc3a6a7b7de1b7d69767c938aa6f7d7e3,
            0xa64ed54f0b45945b885ce74e2fd47e76,
        ],
    ),
    (
        "Supabase's local stack",
        &[
            0xc85debb55f2f204d868cc1552c42faa1, 0x9705102db0d5f99ee08daa19a73e510d,
            0xa064b502e61d27e94b8717290e5e1b32,
        ],
    ),
    (
        "jwt.io",
        &[
            0xf7d838701b86c5dfb57bf95fbc5ce6df, 0xdfd7dc439654f313f3bb7734b467e71d,
            0x5eef83fe7cb71e2da053f846a07ecf93, 0x465d9ad5d5528ebe287b5dce4fb51620,
        ],
    ),
    (
        "skeletons of frameworks",
        &[
            0x7857dd89c3f1e0be177a14384bd568df, 0x91530d4a7629544c559af7df53ab5ab4,
            0xada01dfe2c663399b44a3abc488a5897, 0xbca8d9ca53bc9302b6a27d40ca9b99b1,
            0xd9dd8345856dfd6dcd468cdb5e37999e, 0x773b2de5c3625d795e14777efc0c63c5,
        ],
    ),
    (
        "documentation of NuGet, Sidekiq, Meilisearch, Confluent and Terraform",
        &[
            0xdba72c00f41f4e4c435e2491a5e1ce01, 0xa0702bc91d699f600970f4dc4992b13e,
            0x31a424b959f1681a407f435e681d865b, 0x46d846018380375ddc5bc6978ce0eb61,
            0xef9c501b8414a81cc296e1d0da8ad8c9, 0xcd49645face5f3cc680651346dfd9973,
        ],
    ),
    (
        "digest of the empty string",
        &[
            0xf215faf9d88b7f0a881632ee22459ee4, 0x07e23ede2756aa3f5f7cc9759117c491,
            0x71229bbcf15e879749815b74c09a69a3, 0xcd372fb85148700fa88095e3492d3f9f,
            0xf170a4803c7e3adec5dcaca121063864, 0x2a5049ed45b470054f963b922905d77b,
            0xd8f98aaf31f780e977dd48b270ba88f6, 0x5c6aa3583389c60c8b3db5565c3d85c2,
            0xf8bbb0ccb2491ca29a3df03d6f92277a,
        ],
    ),
    (
        "IETF standards on JOSE",
        &[
            0x2e4ff57e9c832edab47dcc5a7ba5ef54, 0xecaa6793a6374193dea5b273e7948faf,
            0x92a7d7ea52e43e7051a891902253e914, 0xa45404ae333dd955dcff82cf28972e0f,
            0x5ccf2edb4f070f0b180f1adadb1be7c5, 0x190edf59d5736c3b3ea6bb36d57f5eb4,
            0x8b1b17a9740c068accab5c3d0d652c8e, 0x57afc11665beb68de7ccd6df1b38453b,
            0x0330b11998cbc9abd5a585e755cb5df2,
        ],
    ),
    (
        "RFC 9500, keys for tests",
        &[
            0x433b323a8a7586e5d1d39471798b84c6,
        ],
    ),
    (
        "jwt.io",
        &[
            0x7cf97e4f2d2d8dbd5d09da0a3b228ece, 0x152943e104e30dd467806460ff0cee5a,
        ],
    ),
    (
        "Rails guides",
        &[
            0x5dc83af090537915b26a552a8714c5e1, 0x0f0f45dff762df9d917b3eaa31f9081f,
            0x98a30e1f3413300ee19de134c7823bcf,
        ],
    ),
];

static TABLE: LazyLock<HashMap<u128, &'static str>> =
    LazyLock::new(|| DOCUMENTED.iter().flat_map(|(place, hashes)| hashes.iter().map(|hash| (*hash, *place))).collect());

/// The key that Runra's documentation prints. People try a scanner on it first, so that it counts as real.
const TRIED_FIRST: u128 = 0x92ac3fd37979885e7cebff375d6e62ab;

/// The documentation that prints this very value, if it is one that counts as real nevertheless.
pub fn tried_first(value: &[u8]) -> Option<&'static str> {
    (hash(value)? == TRIED_FIRST).then_some("the example of Runra's documentation")
}

/// Where this very value is published, if it is a known example.
pub fn published(value: &[u8]) -> Option<&'static str> {
    TABLE.get(&hash(value)?).copied()
}

fn hash(value: &[u8]) -> Option<u128> {
    if value.len() > LONGEST {
        return None;
    }
    let start: [u8; 16] = Sha256::digest(value).as_slice().get(..16)?.try_into().ok()?;
    Some(u128::from_be_bytes(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_values_are_known_by_hash() {
        // Parts are joined here only, so that no file holds a string that looks live.
        let values = [
            ["AKIA", "IOSFODNN7EXAMPLE"],
            ["yourStrong(!)", "Password"],
            ["sk_test_4eC39Hq", "LyjWDarjtT1zdp7dc"],
            ["2YotnFZFEjr1", "zCsicMWpAA"],
        ];
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
        assert!(tried_first(key.as_bytes()).is_some() && tried_first(b"rra_live_").is_none());
    }

    #[test]
    fn widely_published_values() {
        let values: [&[&str]; 9] = [
            &["hJtXIZ2uSN5kbQfbtTNW", "bpdmhkV8FJG-Onbc6mxCcYg"],
            &["AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T", "-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"],
            &["MIIEowIBAAKCAQEAsPnoGUOnrpiSqt4X", "ynxA+HRP7S+BSObI6qJ7fQAVSPtRkqso"],
            &["d41d8cd98f00b204", "e9800998ecf8427e"],
            &["da39a3ee5e6b4b0d", "3255bfef95601890afd80709"],
            &["JBSWY3DP", "EHPK3PXP"],
            &["QWxhZGRpbjpv", "cGVuIHNlc2FtZQ=="],
            &["sb_secret_N7UND0UgjKTV", "K-Uodkm0Hg_xSvEMPvz"],
            &["your-256", "-bit-secret"],
        ];
        for value in values {
            assert!(published(value.concat().as_bytes()).is_some(), "{}", value[0]);
        }
    }
}
