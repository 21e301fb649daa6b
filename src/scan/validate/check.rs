//! The named checks that rules ask for under `validate`.

use super::assigned::{self, Kind};
use super::token::Token;
use super::{
    Judgement, Subject, azure, base58, bech32, checksum, crc, curve, docker, encoded, ids, jwt, macaroon, mnemonic,
    pem, random, sas, token, url,
};

/// A named offline check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    Assigned(Kind),
    AwsAccount,
    AwsBedrockKey,
    AzureCask,
    AzureDevops,
    AzureMarvin,
    Base58,
    Base58Ripple,
    Base64Basic,
    Base64Bytes(usize),
    Base64Edges,
    Bech32,
    Bip39,
    CheckoutMod37,
    CratesXor,
    Crc(&'static crc::Recipe),
    Ed25519Pair,
    Ed25519PairBase58,
    EvmDevAccount,
    AzureSas,
    DockerAuth,
    GitlabRoutable,
    Given(Kind),
    InRows,
    Jwt,
    Mixed,
    Nkey,
    NotHash,
    NotStandIn,
    Pem,
    PemBase64,
    Pypi,
    Random,
    Secp256k1,
    Sendgrid,
    StellarCrc16,
    StripeAccount,
    Supabase,
    Token(&'static Token),
    Uncut,
    UrlPassword,
    X25519,
    Xata,
}

/// The end of a check's name that makes it soft: nobody is sure that all credentials of the kind pass it.
const SOFT: &str = "-soft";

/// Whether a match that fails the check of this name is only less certain.
pub(super) fn is_soft(name: &str) -> bool {
    name.ends_with(SOFT)
}

impl Check {
    /// The check of this name, soft or not. `CHECKS` in rules/schema.rs lists the names that a rule may use.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let name = name.strip_suffix(SOFT).unwrap_or(name);
        Some(match name {
            "assigned-key" => Self::Assigned(Kind::Key),
            "assigned-password" => Self::Assigned(Kind::Password),
            "assigned-secret" => Self::Assigned(Kind::Secret),
            "aws-account" => Self::AwsAccount,
            "aws-bedrock-key" => Self::AwsBedrockKey,
            "azure-cask" => Self::AzureCask,
            "azure-devops-base32" => Self::AzureDevops,
            "azure-marvin32" => Self::AzureMarvin,
            "base58check" => Self::Base58,
            "base64-basic" => Self::Base64Basic,
            "base64-edges" => Self::Base64Edges,
            "bech32" => Self::Bech32,
            "bip39" => Self::Bip39,
            "checkout-mod37" => Self::CheckoutMod37,
            "crates-tp-xor" => Self::CratesXor,
            "ed25519-seed-pub" => Self::Ed25519Pair,
            "ed25519-seed-pub-base58" => Self::Ed25519PairBase58,
            "evm-dev-account" => Self::EvmDevAccount,
            "azure-sas" => Self::AzureSas,
            "docker-auth" => Self::DockerAuth,
            "gitlab-routable" => Self::GitlabRoutable,
            "given-basic" => Self::Given(Kind::Basic),
            "given-key" => Self::Given(Kind::Key),
            "given-password" => Self::Given(Kind::Password),
            "given-secret" => Self::Given(Kind::Secret),
            "in-rows" => Self::InRows,
            "jwt" => Self::Jwt,
            "mixed" => Self::Mixed,
            "nkey" => Self::Nkey,
            "not-hash" => Self::NotHash,
            "not-stand-in" => Self::NotStandIn,
            "pem" => Self::Pem,
            "pem-base64" => Self::PemBase64,
            "pypi-macaroon" => Self::Pypi,
            "random" => Self::Random,
            "secp256k1-scalar" => Self::Secp256k1,
            "sendgrid" => Self::Sendgrid,
            "stellar-crc16" => Self::StellarCrc16,
            "stripe-account" => Self::StripeAccount,
            "supabase-key-checksum" => Self::Supabase,
            "uncut" => Self::Uncut,
            "url-password" => Self::UrlPassword,
            "x25519-clamped" => Self::X25519,
            "xata-crc32" => Self::Xata,
            "xrp-base58check" => Self::Base58Ripple,
            _ => {
                let bytes = || Some(Self::Base64Bytes(name.strip_prefix("base64-bytes-")?.parse().ok()?));
                let token = || Some(Self::Token(token::find(name)?));
                return crc::named(name).map(Self::Crc).or_else(bytes).or_else(token);
            }
        })
    }

    /// What it says of a match, a credential of the given provider.
    pub(super) fn run(self, subject: &Subject<'_>, provider: &str) -> Judgement {
        let secret = subject.secret;
        match self {
            Self::Assigned(kind) => assigned::assigned(subject, kind),
            Self::AwsAccount => ids::aws_account(secret),
            Self::AwsBedrockKey => ids::aws_bedrock_key(secret),
            Self::AzureCask => azure::cask(secret, provider),
            Self::AzureDevops => azure::devops(secret),
            Self::AzureMarvin => azure::marked_key(secret, provider),
            Self::Base58 => base58::check(secret, provider),
            Self::Base58Ripple => base58::ripple(secret, provider),
            Self::Base64Basic => encoded::base64_basic(secret),
            Self::Base64Bytes(length) => encoded::base64_bytes(secret, length),
            Self::Base64Edges => encoded::base64_edges(subject),
            Self::Bech32 => bech32::check(secret, provider),
            Self::Bip39 => mnemonic::check(secret),
            Self::CheckoutMod37 => checksum::checkout(secret, provider),
            Self::CratesXor => checksum::crates_xor(secret, provider),
            Self::Crc(recipe) => crc::check(recipe, secret, provider),
            Self::Ed25519Pair => curve::ed25519_pair(secret, provider),
            Self::Ed25519PairBase58 => curve::ed25519_pair_base58(secret, provider),
            Self::EvmDevAccount => curve::development_account(secret),
            Self::AzureSas => sas::check(subject),
            Self::DockerAuth => docker::auth(subject),
            Self::GitlabRoutable => checksum::gitlab_routable(secret, provider),
            Self::Jwt => jwt::jwt(secret),
            Self::Given(kind) => assigned::given(subject, kind),
            Self::InRows => assigned::in_rows(subject),
            Self::Mixed => accept(random::is_mixed(secret)),
            Self::Nkey => curve::nkey(secret, provider),
            Self::NotStandIn => assigned::not_stand_in(secret),
            Self::NotHash => accept(!random::is_hash_or_uuid(secret)),
            Self::Pem => pem::check(secret),
            Self::PemBase64 => pem::check_base64(secret),
            Self::Pypi => macaroon::pypi(secret, provider),
            Self::Random => accept(random::looks_random(secret)),
            Self::Secp256k1 => curve::secp256k1(secret),
            Self::Sendgrid => ids::sendgrid(secret),
            Self::StellarCrc16 => curve::stellar(secret, provider),
            Self::StripeAccount => ids::stripe_account(secret),
            Self::Supabase => checksum::supabase(subject),
            Self::Token(token) => token.judge(secret, provider),
            Self::Uncut => encoded::uncut(subject),
            Self::UrlPassword => url::check(subject.bytes, subject.span),
            Self::X25519 => curve::x25519(secret),
            Self::Xata => checksum::xata(secret, provider),
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
    use crate::rules::schema::{CHECKS, is_check};

    #[test]
    fn every_name_is_a_check() {
        for rule in RuleSet::every_builtin().iter() {
            for name in rule.validate {
                assert!(Check::parse(name).is_some(), "{name} of {}", rule.id);
            }
        }
        for name in CHECKS {
            assert!(Check::parse(name).is_some(), "{name}");
            assert!(is_check(&format!("{name}-soft")) && Check::parse(&format!("{name}-soft")) == Check::parse(name));
        }
        assert_eq!(Check::parse("base64-bytes-33"), Some(Check::Base64Bytes(33)));
        for name in ["base64-bytes-", "base64-password", "stripe-docs-example", ""] {
            assert_eq!(Check::parse(name), None, "{name}");
        }
    }
}
