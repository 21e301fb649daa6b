//! Tokens that carry the CRC-32 (ISO-HDLC, as in zlib) of part of themselves. One check does them all: issuers differ in
//! what the checksum covers and in how it is written.

use super::encoded::decode_any;
use super::{Judgement, checksum};

/// How one kind of token carries its checksum, at its very end.
#[derive(Debug, PartialEq, Eq)]
pub struct Recipe {
    name: &'static str,
    covers: Covers,
    /// A `_` stands between what is covered and the checksum.
    parted: bool,
    digits: Digits,
    says: Says,
    /// The lengths that are known to be of this form; a misfit at another one proves nothing. None: every length.
    lengths: &'static [usize],
}

#[derive(Debug, PartialEq, Eq)]
enum Covers {
    /// The prefix and the body.
    All,
    /// What follows the first `_`.
    Body,
    /// So many characters.
    Last(usize),
}

/// How the number is written. Base 62 has six digits, filled up with zeros on the left, and hexadecimal eight.
#[derive(Debug, PartialEq, Eq)]
enum Digits {
    /// `0-9A-Za-z`.
    Base62,
    /// `0-9a-zA-Z`.
    Base62Lower,
    /// `0-9A-Za-z`, the least significant digit first, and then filled up on the left.
    Base62Reversed,
    /// The first six of the digits `0-9a-z`, without leading zeros.
    Base36Start,
    /// The first six characters of the base64 of the four bytes, the least significant first.
    Base64,
    Hex,
    HexUpper,
    /// The least significant byte first.
    HexReversed,
}

/// What else the token says.
#[derive(Debug, PartialEq, Eq)]
enum Says {
    Nothing,
    /// The local part of the user's ID in base64, after the prefix.
    MatrixUser,
    /// The key's ID, as the settings show it: so many characters before the last `_`.
    KeyId(usize),
}

/// The usual: six digits in base 62 of the body.
const USUAL: Recipe =
    Recipe { name: "", covers: Covers::Body, parted: false, digits: Digits::Base62, says: Says::Nothing, lengths: &[] };

#[rustfmt::skip]
static RECIPES: &[Recipe] = &[
    // Atlassian calls the length of its tokens variable: 192 characters, and 36 of an app password, are known.
    Recipe { name: "atlassian-crc32", covers: Covers::All, digits: Digits::HexUpper, lengths: &[36, 192], ..USUAL },
    // Documented by Cloudflare, under token formats.
    Recipe { name: "cloudflare-crc32", digits: Digits::Hex, ..USUAL },
    // Documented by Confluent, with an example.
    Recipe { name: "confluent-crc32", covers: Covers::Last(54), digits: Digits::Base64, ..USUAL },
    // GitHub since 2021, npm, NetBird (management/server/types/personal_access_token.go), Vercel.
    Recipe { name: "crc32-base62", ..USUAL },
    // Polar (server/polar/kit/crypto.py): its prefixes have a `_` within.
    Recipe { name: "crc32-base62-body", covers: Covers::Last(37), ..USUAL },
    Recipe { name: "crc32-base62-lower-whole", covers: Covers::All, digits: Digits::Base62Lower, ..USUAL },
    // matrix-authentication-service (crates/data-model/src/tokens.rs).
    Recipe { name: "crc32-base62-mas", covers: Covers::All, parted: true, digits: Digits::Base62Reversed, ..USUAL },
    // Synapse (synapse/handlers/auth.py).
    Recipe { name: "crc32-base62-synapse", covers: Covers::All, parted: true, says: Says::MatrixUser, ..USUAL },
    Recipe { name: "crc32-base62-whole", covers: Covers::All, says: Says::KeyId(27), ..USUAL },
    Recipe { name: "crc32-hex8", covers: Covers::All, digits: Digits::HexUpper, ..USUAL },
    // Grafana (pkg/components/satokengen).
    Recipe { name: "grafana-crc32", covers: Covers::All, parted: true, digits: Digits::HexReversed, ..USUAL },
    Recipe { name: "runpod-crc32", digits: Digits::Base36Start, ..USUAL },
    Recipe { name: "zuplo-crc32", parted: true, digits: Digits::Hex, ..USUAL },
];

/// The recipe of a check's name.
pub fn named(name: &str) -> Option<&'static Recipe> {
    RECIPES.iter().find(|recipe| recipe.name == name)
}

/// Whether the last characters of a token are the checksum of those before.
pub fn check(recipe: &Recipe, secret: &[u8], provider: &str) -> Judgement {
    let Some((before, check)) = parts(recipe, secret) else { return Judgement::default() };
    let Some(expected) = recipe.of(before) else { return Judgement::default() };
    if expected == check {
        return recipe
            .says(before)
            .map_or_else(Judgement::proved, |(name, value)| Judgement::proved().public_detail(name, &value));
    }
    let misfit = checksum::misfit(provider);
    if recipe.lengths.is_empty() || recipe.lengths.contains(&secret.len()) { misfit } else { misfit.softened() }
}

/// All but the checksum, and the checksum.
fn parts<'a>(recipe: &Recipe, secret: &'a [u8]) -> Option<(&'a str, &'a str)> {
    let token = std::str::from_utf8(secret).ok()?;
    let (before, check) = token.split_at_checked(token.len().checked_sub(recipe.digits.width())?)?;
    Some((if recipe.parted { before.strip_suffix('_')? } else { before }, check))
}

/// The checksum of a sample of which all else stands at the end of `text`, the `_` before it included.
pub fn complete(recipe: &Recipe, text: &str) -> Option<String> {
    let before = if recipe.parted { text.strip_suffix('_')? } else { text };
    let before = if let Covers::Last(_) = recipe.covers { before } else { checksum::token_at_end(before) };
    // What the check leaves alone, it passes.
    recipe.of(before).or_else(|| (recipe.digits == Digits::Base36Start).then(|| "0".repeat(recipe.digits.width())))
}

impl Recipe {
    /// The checksum for a token up to the checksum and its `_`. Nothing if it is too short, or if nobody knows.
    fn of(&self, before: &str) -> Option<String> {
        let covered = match self.covers {
            Covers::All => before,
            Covers::Body => before.split_once('_')?.1,
            Covers::Last(count) => before.get(before.len().checked_sub(count)?..)?,
        };
        self.digits.write(crc32fast::hash(covered.as_bytes()))
    }

    fn says(&self, before: &str) -> Option<(&'static str, String)> {
        match self.says {
            Says::Nothing => None,
            Says::MatrixUser => {
                let local = before.split_once('_')?.1.rsplit_once('_')?.0;
                Some(("user", String::from_utf8(decode_any(local.as_bytes())?).ok()?))
            }
            Says::KeyId(length) => {
                let start = before.rsplit_once('_')?.0;
                Some(("key_id", start.get(start.len().checked_sub(length)?..)?.to_owned()))
            }
        }
    }
}

impl Digits {
    fn width(&self) -> usize {
        match self {
            Self::Hex | Self::HexUpper | Self::HexReversed => 8,
            _ => checksum::CHECK_LEN,
        }
    }

    fn write(&self, crc: u32) -> Option<String> {
        let base = |digits: &[u8]| checksum::based(u64::from(crc), digits, self.width());
        Some(match self {
            Self::Base62 => base(checksum::BASE62),
            Self::Base62Lower => base(checksum::BASE62_LOWER),
            Self::Base62Reversed => {
                let digits = base(checksum::BASE62);
                let reversed: String = digits.trim_start_matches('0').chars().rev().collect();
                format!("{reversed:0>6}")
            }
            Self::Base36Start => {
                let digits = checksum::based(u64::from(crc), checksum::BASE36, 7);
                // Nobody knows how fewer than six are filled up.
                digits.trim_start_matches('0').get(..self.width())?.to_owned()
            }
            Self::Base64 => data_encoding::BASE64_NOPAD.encode(&crc.to_le_bytes()).get(..self.width())?.to_owned(),
            Self::Hex => format!("{crc:08x}"),
            Self::HexUpper => format!("{crc:08X}"),
            Self::HexReversed => format!("{:08x}", crc.swap_bytes()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::sample::Random;

    // Synthetic vectors, never issued; parts are joined here only, so that no file holds a string that looks live.

    #[rustfmt::skip]
    const VECTORS: &[(&str, &[&str])] = &[
        ("crc32-base62", &["ghp_", "gajcCHdhzb4pw5f481gHNfjX8s2mvt", "23Fcup"]),
        ("crc32-base62", &["gho_", "G4B3AWdd3LgUPy0VBZuzzi7702ScZ1", "0AlFv2"]),
        ("crc32-base62", &["npm_", "6ZRfGqCtvqPN20fIrfqCMSWY7it2hm", "0vJlXh"]),
        ("crc32-base62", &["ghp_", "9La8KJUp0rB3kJGwtNEfXiPwfETYJs", "0fmYIK"]),
        ("grafana-crc32", &["glsa_", "oeBagfYFJ8g71b8SluoJuDKAMxRplZX4", "_", "6af8f868"]),
        ("cloudflare-crc32", &["cfut_", "uaenTvZyYQDO218J345IVZn6pefTruvRv0lV6JKt", "a76b4823"]),
        ("atlassian-crc32", &["ATATT3xFfGF0", "3IPooVSsnaxMgu81NCf3IqWYkARkSJxATMOyNqRrFxvb7ZtWDheH_6Lx9HYEN7qQncTn3JPqBfODFfJUzEeNXMvpN3HDQibpB2AbXV5hQVjnrA4HOMA1w3gdkoCsnpW3Fr30AjKoHiPR5BXtDhY6nvyfIc6WCNPyrVFf3qihuoe", "=", "76C2B354"]),
        ("atlassian-crc32", &["ATBB", "5qhajIrHSXPKInlN1JzNMcXn", "545ADED1"]),
        ("confluent-crc32", &["cflt", "TbFohlMmnUPp5quA6usN+851ZXsO3eF5/GXBODJao9SCrmcWnIOFmX", "o5owdQ"]),
        ("crc32-base62-lower-whole", &["apify_api_", "7ysh0vjy4EDQXyzqTu7vPvqI5W9TlT", "3engaW"]),
        ("crc32-base62-lower-whole", &["apify_api_", "58kcNluuZ6lmjOL3agcrEBw7TSTb7z", "0hV3jI"]),
        ("crc32-base62-whole", &["wandb_v1_", "X8HZhMTLuY4lgOeUSpiSU4E9wAV", "_", "PXCRnQzUAzTVTKk0rCY1XEQRahYu9K6swoSw7YVsqc1", "2YnlWM"]),
        ("runpod-crc32", &["rpa_", "UQ2SST7JTZ7NN2CSXLBS1QL5HFB80QZR1899UVH2", "wzdrd5"]),
        ("zuplo-crc32", &["zpka_", "57a26b6377e543c7abe1420df6c54f30", "_", "d1fdc73a"]),
        ("crc32-hex8", &["ATTA", "64064e488d4873026dd137a431a2406746e4692e2ad25e28f7d23945025a1d74", "63A3C14E"]),
        ("crc32-base62-body", &["polar_oat_", "i2GxZ1p2uOBf4RZFLp38fB2IIhTolSXG16r3A", "0OwVPh"]),
        ("crc32-base62-synapse", &["syt_", "ZXhhbXBsZQ_nJnFEsWAQyicyMYrAqXi", "_", "41j4hV"]),
        ("crc32-base62-mas", &["mat_", "LGUV5H5vuseG3Xp0OBWyCQE5eyZK0T", "_", "PGGiZ3"]),
    ];

    fn recipe(name: &str) -> &'static Recipe {
        named(name).unwrap()
    }

    #[test]
    fn vectors_fit_and_can_be_completed() {
        for (name, parts) in VECTORS {
            let token = parts.concat();
            assert!(check(recipe(name), token.as_bytes(), "x").proved, "{name}: {}", parts[0]);
            let (start, sum) = token.split_at(token.len() - recipe(name).digits.width());
            for before in ["TOKEN=", "https://host.test/?k%3D", "\"", ""] {
                let text = format!("{before}{start}");
                assert_eq!(complete(recipe(name), &text).as_deref(), Some(sum), "{name}: {before}");
            }
        }
        let tested: std::collections::BTreeSet<_> = VECTORS.iter().map(|(name, _)| *name).collect();
        assert_eq!(tested.len(), RECIPES.len());
    }

    #[test]
    fn one_character_is_enough_to_fail() {
        for (name, parts) in VECTORS {
            let token = parts.concat();
            let recipe = recipe(name);
            let covered = if recipe.covers == Covers::All { 0 } else { parts[0].len() };
            for at in covered..token.len() {
                // A `_` or `=` stands where it must.
                if !token.as_bytes()[at].is_ascii_alphanumeric() {
                    continue;
                }
                for other in b"07afzAFZ" {
                    let mut wrong = token.clone().into_bytes();
                    if wrong[at] == *other {
                        continue;
                    }
                    wrong[at] = *other;
                    let judgement = check(recipe, &wrong, "Acme");
                    assert!(!judgement.proved, "{name}: {} at {at}", parts[0]);
                    // Runpod's checksums of fewer than six digits are left alone.
                    if judgement.implausible.is_none() && recipe.digits == Digits::Base36Start {
                        continue;
                    }
                    let expected = Some("its checksum does not fit: never issued by Acme");
                    assert_eq!(judgement.implausible.as_deref(), expected, "{name}: {} at {at}", parts[0]);
                }
            }
        }
    }

    #[test]
    fn made_tokens_of_every_recipe_fit() {
        let mut random = Random::new(8);
        for recipe in RECIPES {
            let fit = (0..500).filter(|_| {
                let body: String = (0..60).map(|_| char::from(checksum::BASE62[random.below(62)])).collect();
                let part = if recipe.parted { "_" } else { "" };
                let sum = complete(recipe, &format!("K='abcd_{body}{part}")).unwrap();
                check(recipe, format!("abcd_{body}{part}{sum}").as_bytes(), "x").proved
            });
            // Checksums of fewer than six digits are left alone.
            let known = if recipe.digits == Digits::Base36Start { 480 } else { 500 };
            assert!(fit.count() >= known, "{}", recipe.name);
        }
    }

    #[test]
    fn lengths_that_are_not_known_prove_nothing() {
        let before = format!("ATATT3{}=", "xY7".repeat(50));
        let sum = complete(recipe("atlassian-crc32"), &before).unwrap();
        let right = format!("{before}{sum}");
        assert!(check(recipe("atlassian-crc32"), right.as_bytes(), "Atlassian").proved);
        let wrong = right.replacen("xY7", "xY8", 1);
        let judgement = check(recipe("atlassian-crc32"), wrong.as_bytes(), "Atlassian");
        assert!(judgement.implausible.is_none() && judgement.doubted && !judgement.proved);
    }

    #[test]
    fn too_short_tokens_are_left_alone() {
        for recipe in RECIPES {
            for token in ["", "_", "abc", "a_b", "a_", "é_é"] {
                let judgement = check(recipe, token.as_bytes(), "x");
                assert!(judgement.implausible.is_none() && !judgement.proved, "{}: {token}", recipe.name);
            }
        }
    }

    #[test]
    fn what_tokens_say() {
        let said = |at: usize| check(recipe(VECTORS[at].0), VECTORS[at].1.concat().as_bytes(), "x").details;
        let of = |name: &str| VECTORS.iter().position(|vector| vector.0 == name).unwrap();
        let key_id = "X8HZhMTLuY4lgOeUSpiSU4E9wAV";
        assert_eq!(said(of("crc32-base62-whole")), [("key_id".to_owned(), key_id.to_owned())]);
        assert_eq!(said(of("crc32-base62-synapse")), [("user".to_owned(), "example".to_owned())]);
    }
}
