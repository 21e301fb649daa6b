//! The named checks that rules ask for under `validate`.

use super::{Judgement, Subject, azure, checksum, encoded, ids, macaroon, pem, random, url};

/// A named offline check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    AwsAccount,
    AwsBedrockKey,
    AzureCask,
    AzureDevops,
    AzureMarvin,
    Base64Basic,
    Base64Bytes(usize),
    Base64Edges,
    Crc32Base62,
    GitlabRoutable,
    Jwt,
    Mixed,
    NotHash,
    Pem,
    Pypi,
    Random,
    Sendgrid,
    StripeAccount,
    UrlPassword,
}

impl Check {
    /// The check of this name. `CHECKS` in rules/schema.rs lists the names that a rule may use.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "aws-account" => Self::AwsAccount,
            "aws-bedrock-key" => Self::AwsBedrockKey,
            "azure-cask" => Self::AzureCask,
            "azure-devops-base32" => Self::AzureDevops,
            "azure-marvin32" => Self::AzureMarvin,
            "base64-basic" => Self::Base64Basic,
            "base64-edges" => Self::Base64Edges,
            "crc32-base62" => Self::Crc32Base62,
            "gitlab-routable" => Self::GitlabRoutable,
            "jwt" => Self::Jwt,
            "mixed" => Self::Mixed,
            "not-hash" => Self::NotHash,
            "pem" => Self::Pem,
            "pypi-macaroon" => Self::Pypi,
            "random" => Self::Random,
            "sendgrid" => Self::Sendgrid,
            "stripe-account" => Self::StripeAccount,
            "url-password" => Self::UrlPassword,
            _ => Self::Base64Bytes(name.strip_prefix("base64-bytes-")?.parse().ok()?),
        })
    }

    /// What it says of a match, a credential of the given provider.
    pub(super) fn run(self, subject: &Subject<'_>, provider: &str) -> Judgement {
        let secret = subject.secret;
        match self {
            Self::AwsAccount => ids::aws_account(secret),
            Self::AwsBedrockKey => ids::aws_bedrock_key(secret),
            Self::AzureCask => azure::cask(secret, provider),
            Self::AzureDevops => azure::devops(secret),
            Self::AzureMarvin => azure::marked_key(secret, provider),
            Self::Base64Basic => encoded::base64_basic(secret),
            Self::Base64Bytes(length) => encoded::base64_bytes(secret, length),
            Self::Base64Edges => encoded::base64_edges(subject),
            Self::Crc32Base62 => checksum::crc32_base62(secret, provider),
            Self::GitlabRoutable => checksum::gitlab_routable(secret, provider),
            Self::Jwt => encoded::jwt(secret),
            Self::Mixed => accept(random::is_mixed(secret)),
            Self::NotHash => accept(!random::is_hash_or_uuid(secret)),
            Self::Pem => pem::check(secret),
            Self::Pypi => macaroon::pypi(secret, provider),
            Self::Random => accept(random::looks_random(secret)),
            Self::Sendgrid => ids::sendgrid(secret),
            Self::StripeAccount => ids::stripe_account(secret),
            Self::UrlPassword => url::check(subject.bytes, subject.span),
        }
    }
}

fn accept(passes: bool) -> Judgement {
    if passes { Judgement::default() } else { Judgement::rejected() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::RuleSet;

    #[test]
    fn every_name_is_a_check() {
        for rule in RuleSet::every_builtin().iter() {
            for name in rule.validate {
                assert!(Check::parse(name).is_some(), "{name} of {}", rule.id);
            }
        }
        assert_eq!(Check::parse("base64-bytes-33"), Some(Check::Base64Bytes(33)));
        for name in ["base64-bytes-", "base64-password", "stripe-docs-example", ""] {
            assert_eq!(Check::parse(name), None, "{name}");
        }
    }
}
