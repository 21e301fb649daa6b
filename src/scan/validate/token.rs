//! Tokens that are built of something: base64 of JSON or of named fields, with ids and times in them. What is not
//! built like that was never issued.

mod kinds;
pub(super) mod stamp;

use self::kinds::TOKENS;
use super::Judgement;
use super::make::Maker;

/// How the tokens of one kind are built.
pub(super) struct Token {
    /// The name of its check.
    name: &'static str,
    /// What it says of itself; `None` if it is not built like that.
    read: fn(&str) -> Option<Judgement>,
    says: Says,
    /// Makes one.
    make: fn(&mut Maker<'_>) -> String,
}

/// What it means to be built like that, or not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    /// Nothing else is, and all that were ever issued are.
    All,
    /// All that were ever issued are, but so is much else.
    Misfit,
    /// Nothing else is, but some may be built in another way.
    Fit,
    /// Neither: a fit proves nothing, a misfit is only odd.
    Little,
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Token {}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Token {
    /// What it says of a match, a credential of the given provider.
    pub(super) fn judge(&self, secret: &[u8], provider: &str) -> Judgement {
        let judgement = std::str::from_utf8(secret).ok().and_then(self.read);
        match judgement {
            Some(mut judgement) => {
                judgement.proved = matches!(self.says, Says::All | Says::Fit);
                judgement
            }
            None if matches!(self.says, Says::Fit | Says::Little) => Judgement::doubted(),
            None => Judgement::implausible(format!("it is not built like such a token: never issued by {provider}")),
        }
    }

    /// What makes the start of a token at the end of `before` a whole one.
    pub(super) fn generate(&self, before: &str, random: &mut dyn FnMut() -> u64) -> String {
        let whole = (self.make)(&mut Maker::new(random));
        // Fewer characters than these may stand there by chance.
        const BEGUN: usize = 3;
        let begun = (BEGUN..whole.len()).rev().find(|length| before.ends_with(&whole[..*length]));
        whole[begun.unwrap_or(0)..].to_owned()
    }
}

/// The token of a check's name.
pub(super) fn find(name: &str) -> Option<&'static Token> {
    TOKENS.iter().find(|token| token.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::sample::Random;

    fn details(judgement: &Judgement) -> Vec<(&str, &str)> {
        judgement.details.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    fn of(name: &str, secret: &str) -> Judgement {
        find(name).unwrap().judge(secret.as_bytes(), "Acme")
    }

    #[test]
    fn every_check_knows_its_own_tokens_and_no_others() {
        let mut random = Random::new(31);
        for token in TOKENS {
            for _ in 0..50 {
                let prefix = if token.name == "workos-key" { "sk_live_" } else { "" };
                let whole = format!("{prefix}{}", token.generate("KEY=", &mut || random.number()));
                let judgement = token.judge(whole.as_bytes(), "Acme");
                let proves = matches!(token.says, Says::All | Says::Fit);
                assert!(judgement.proved == proves && judgement.implausible.is_none(), "{}: {whole}", token.name);
                if token.says == Says::Little {
                    continue;
                }
                let wrong = format!("{}{}", &whole[..prefix.len() + 3], "qZ7m".repeat(whole.len() / 4));
                let misfit = token.judge(wrong.as_bytes(), "Acme");
                assert!(!misfit.proved, "{}: {wrong}", token.name);
                assert_eq!(misfit.doubted, token.says == Says::Fit, "{}: {wrong}", token.name);
                assert_eq!(misfit.implausible.is_none(), misfit.doubted, "{}", token.name);
            }
        }
        let names: Vec<_> = TOKENS.iter().map(|token| token.name).collect();
        assert!(names.is_sorted() && names.iter().all(|name| crate::rules::schema::CHECKS.contains(name)));
    }

    #[test]
    fn a_token_is_generated_from_its_start_on() {
        let mut random = Random::new(32);
        let token = find("sentry-org-json").unwrap();
        let rest = token.generate("T=\"sntrys_eyJ", &mut || random.number());
        assert!(token.judge(format!("sntrys_eyJ{rest}").as_bytes(), "Sentry").proved);
    }

    // Parts are joined here only, so that no file holds a string that looks live. None of them was ever issued.

    #[test]
    fn what_tokens_say() {
        /// A check, the parts of a token, and its details.
        type Case = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);
        let cases: [Case; 6] = [
            ("intercom-token", &["dG9rO", "mQ2MmQ3N2EyX2UzZDRfNGI2N184NzRjXzRlZmVmZjgzODFmMT", "oxOjA="], &[]),
            (
                "workos-key",
                &["sk_live_", "a2V5Xz", "AxM1E5QVo4N0tTUTVGVjRUSjBSVkNFU0Y5LGhuMnc0eU83alB1Ym9mOWxOand2SmlINHA"],
                &[("key_id", "key_013Q9AZ87KSQ5FV4TJ0RVCESF9"), ("created", "2008-11-25T08:06:44Z")],
            ),
            (
                "onesignal-app",
                &[
                    "os_v2_app_",
                    "l7nz4unhgjdlznxdsceil52s7r7lx36e35vn6wktkdy3jev5ym",
                    "f6nsnnkdftin73b6glr6d3jjmrmab3rop6bkn6olta2adh5jq4wdy",
                ],
                &[("app_id", "5fdb9e51-a732-46bc-b6e3-908885f752fc")],
            ),
            (
                "discord-snowflake",
                &["MTE3NDEwOTg0MDk5ODQwMDAwMA", ".", "XMtTw3", ".", "1I1KzbiXUlY0Xy40RAR22nIcPxgk9qQRnScg6w"],
                &[("bot_id", "1174109840998400000"), ("created", "2023-11-14T22:13:20Z")],
            ),
            (
                "meta-token",
                &[
                    "EAA",
                    "Ri1TyKusAdWRD4Y6WIX0ZBh0qdsmlFZBOYwUQZAAtha2PCC9RspMUI1MlSTFaMIaOMwed9c6LQYNF",
                    "4RdHWGGrKOxJXBXhgmjXAtOeowXeQcoCeBZBO38ZAcfMzZAmNFJwUHvlFecyjZCT6nq1EHqZCPdIBs2ZBezyGpm0ZD",
                ],
                &[("app_id", "1234567890123456")],
            ),
            (
                "mapbox-json",
                &[
                    "sk.",
                    "eyJ1IjoiZXhhbXBsZS11c2VyIiwiYSI6ImNrZXhhbXBsZXRva2VuaWQwMDAwMDAwMDAwIn0",
                    ".",
                    "bc3MP225ulJ8whtQ8O5RDg",
                ],
                &[("account", "example-user"), ("key_id", "ckexampletokenid0000000000")],
            ),
        ];
        for (name, parts, expected) in cases {
            let judgement = of(name, &parts.concat());
            assert!(judgement.proved || name == "meta-token", "{name}");
            assert_eq!(details(&judgement), expected, "{name}");
        }
        let tinybird = [
            "p.",
            "eyJ1IjogIjk2ZjQwMWI4LWE2OGUtNDZmNy1hODlhLTMzZmU2MjMwZmRmYSIsICJpZCI6ICJkZDNmZjZhYy03NTUyLTQzM2QtYTFjYi0zNWFl",
            "ZDM0ZmNjNjAiLCAiaG9zdCI6ICJ1c19lYXN0In0",
            ".YgocDtP77Yu8c7M8sGjyDoXi3AAEEkYzUqPi5mXrvwY",
        ];
        let judgement = of("tinybird-json", &tinybird.concat());
        let names: Vec<_> = judgement.details.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["workspace", "key_id", "region"]);
        let postman = ["PMAK-", "6553f100c474802a4598d08b", "-", "75d5b901e7177afad7e65a50fe3b6e6eab"].concat();
        assert_eq!(details(&of("postman-objectid", &postman)), [("created", "2023-11-14T22:13:20Z")]);
    }

    #[test]
    fn an_odd_time_only_lowers_confidence() {
        let odd = of("ngrok-ksuid", &format!("{}_k", "z".repeat(27)));
        assert!(odd.doubted && odd.implausible.is_none());
        assert_eq!(of("ngrok-ksuid", "0ujtsYcgvSTl8PAuAdqWYSMnLOv_k").details.len(), 1);
    }

    #[test]
    fn a_misfit_names_the_provider() {
        let wrong =
            ["EAA", "V9K24LRB8WV8UQ6BULI1Q792D89MA0S7LCRAEV70AC3M0IDNMC4LVDPX8Y24Zq", "cvYoCVhpKchArCjvSwSjXVpI"];
        let why = of("meta-token", &wrong.concat()).implausible;
        assert_eq!(why.as_deref(), Some("it is not built like such a token: never issued by Acme"));
    }

    #[test]
    fn meta_apps_are_named() {
        // The Graph API Explorer's tokens began like this.
        let token = format!("EAACEdEose0cBA{}", "k7Wm".repeat(30));
        assert_eq!(details(&of("meta-token", &token))[0], ("app_id", "145634995501895"));
    }

    #[test]
    fn presigned_requests_say_when_they_end() {
        let query =
            "bedrock.amazonaws.com/?X-Amz-Credential=ASIAK7%2F20170714&X-Amz-Date=20170714T024000Z&X-Amz-Expires=60&z";
        let judgement =
            of("bedrock-presigned", &format!("bedrock-api-key-{}", data_encoding::BASE64.encode(query.as_bytes())));
        assert_eq!(details(&judgement)[..2], [("key_id", "ASIAK7"), ("created", "2017-07-14T02:40:00Z")]);
        assert_eq!(details(&judgement)[2], ("expires", "2017-07-14T02:41:00Z"));
    }
}
