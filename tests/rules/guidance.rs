//! Runbooks: each is its provider's own, and reads in any terminal.

use super::*;

/// Providers of which nothing is documented may say the same in the same words.
const UNDOCUMENTED: &[&str] = &[];

/// A text without what tells providers apart by name only: the name, ids, addresses, digits, case.
fn bare(texts: &[&str], rule: &Rule) -> String {
    let mut text = texts.join(" ").to_lowercase();
    let names = rule.provider.to_lowercase();
    let ids = rule.id.split('-').map(str::to_owned);
    let words: BTreeSet<String> = names
        .split(|c: char| !c.is_alphanumeric())
        .map(str::to_owned)
        .chain(ids)
        .filter(|word| word.len() > 2)
        .collect();
    text = text.split_whitespace().filter(|word| !word.contains("://")).collect::<Vec<_>>().join(" ");
    let kept = text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty() && !words.contains(*word));
    kept.collect::<Vec<_>>().join(" ")
}

/// Runs of three words.
fn runs(text: &str) -> BTreeSet<[&str; 3]> {
    let words: Vec<&str> = text.split(' ').collect();
    words.windows(3).map(|run| [run[0], run[1], run[2]]).collect()
}

#[test]
fn no_two_providers_have_the_same_runbook() {
    let mut seen: BTreeMap<(&str, &str), &'static Rule> = BTreeMap::new();
    for rule in rules().iter() {
        seen.entry((rule.provider, rule.guidance().headline)).or_insert(rule);
    }
    let texts: Vec<(&'static Rule, String)> = seen
        .into_values()
        .filter(|rule| !UNDOCUMENTED.contains(&rule.provider))
        .map(|rule| (rule, bare(rule.guidance().now, rule)))
        .collect();
    let runs: Vec<BTreeSet<[&str; 3]>> = texts.iter().map(|(_, text)| runs(text)).collect();
    let failures: Vec<String> = (0..texts.len())
        .into_par_iter()
        .flat_map_iter(|i| {
            let (texts, runs) = (&texts, &runs);
            (0..i).filter_map(move |j| {
                let (a, b) = (texts[i].0, texts[j].0);
                if a.provider == b.provider {
                    return None;
                }
                let shared = runs[i].intersection(&runs[j]).count();
                // Nearly all of it in the same words is the same text.
                let same = shared * 10 > runs[i].len().max(runs[j].len()) * 8;
                (same || texts[i].1 == texts[j].1).then(|| format!("{} and {} say the same", a.id, b.id))
            })
        })
        .collect();
    none("runbooks", failures);
    assert!(texts.len() > 480, "only {} runbooks", texts.len());
}

#[test]
fn runbooks_read_in_any_terminal() {
    let mut failures = Vec::new();
    for rule in rules().iter() {
        let guidance = rule.guidance();
        let lists = [guidance.now, guidance.replace, guidance.investigate, guidance.clean_up, guidance.warnings];
        let one = [guidance.headline, guidance.console_url, guidance.docs, guidance.contact];
        for text in lists.into_iter().flatten().chain(guidance.commands).chain(&one) {
            if !text.is_ascii() || text.bytes().any(|byte| byte.is_ascii_control()) {
                failures.push(format!("{}: other than plain ASCII in {text:?}", rule.id));
            }
            let lower = text.to_lowercase();
            for word in [
                "(recalled",
                "recalled)",
                "recalled;",
                "not looked up",
                "from memory",
                "general knowledge",
                "todo:",
                "fixme",
            ] {
                if lower.contains(word) {
                    failures.push(format!("{}: a note to ourselves in {text:?}", rule.id));
                }
            }
        }
        for url in [guidance.console_url, guidance.docs].into_iter().filter(|url| !url.is_empty()) {
            if !url.starts_with("https://") && !url.starts_with("http://") || url.contains(' ') {
                failures.push(format!("{}: {url:?} is no address", rule.id));
            }
        }
    }
    failures.dedup();
    none("texts", failures);
}

/// What a command may not hold: the secret, in any placeholder that would put it there.
#[test]
fn no_command_asks_for_the_secret() {
    let mut failures = Vec::new();
    for rule in rules().iter() {
        for command in rule.guidance().commands {
            for hole in
                ["{secret}", "<secret>", "<leaked key", "<leaked token", "<the leaked", "<token value", "<key value"]
            {
                if command.contains(hole) {
                    failures.push(format!("{}: `{command}`", rule.id));
                }
            }
        }
    }
    failures.dedup();
    none("commands", failures);
}

/// A call that the holder of nothing but the leaked token can make must be told where there is one.
#[test]
fn self_revocation_is_told() {
    let endpoints = [
        ("github-pat-classic", "/credentials/revoke"),
        ("github-pat-fine-grained", "/credentials/revoke"),
        ("github-oauth-token", "/credentials/revoke"),
        ("github-user-to-server-token", "/credentials/revoke"),
        ("github-refresh-token", "/credentials/revoke"),
        ("github-installation-token", "/installation/token"),
        ("huggingface-user-token", "/api/credentials/revoke"),
        ("posthog-personal-api-key", "/api/revoke_leaked_key"),
        ("posthog-project-secret-key", "/api/revoke_leaked_key"),
        ("serval-api-key", "/v2/auth/revoke"),
        ("gitlab-personal-access-token", "/personal_access_tokens/self"),
        ("slack-bot-token", "auth.revoke"),
        ("slack-user-token", "auth.revoke"),
        ("slack-app-token", "auth.revoke"),
        ("buildkite-user-access-token", "/v2/access-token"),
        ("crates-io-api-token", "/api/v1/tokens/current"),
        ("doppler-personal-token", "/v3/auth/revoke"),
        ("doppler-service-token", "/v3/auth/revoke"),
        ("vercel-personal-access-token", "/v3/user/tokens/current"),
        ("vercel-integration-token", "/v3/user/tokens/current"),
        ("okta-api-token", "/api/v1/api-tokens/current"),
        ("fastly-api-token", "/tokens/self"),
        ("dropbox-short-lived-token", "/2/auth/token/revoke"),
        ("perplexity-api-key", "revoke_auth_token"),
        ("hashicorp-vault-service-token", "vault token revoke -self"),
        ("matrix-synapse-access-token", "/logout"),
        ("zendesk-oauth-token", "oauth/tokens/current"),
        ("vimeo-access-token", "api.vimeo.com/tokens"),
        ("lichess-token", "/api/token"),
        ("ntfy-token", "account/token"),
        ("linear-oauth-token", "oauth/revoke"),
        ("openshift-token", "oc delete oauthaccesstoken"),
        ("discord-webhook-url", "DELETE"),
        ("trello-api-token", "/1/tokens/"),
        ("google-oauth-access-token", "oauth2.googleapis.com/revoke"),
        ("google-oauth-refresh-token", "oauth2.googleapis.com/revoke"),
        ("salesforce-access-token", "oauth2/revoke"),
        ("line-channel-access-token", "oauth/revoke"),
        ("zoho-oauth-token", "token/revoke"),
        ("strava-client-secret", "deauthorize"),
        ("digitalocean-oauth-token", "oauth/revoke"),
        ("meta-facebook-access-token", "me/permissions"),
        ("shopify-admin-access-token", "api_permissions/current"),
        ("twitch-oauth-token", "oauth2/revoke"),
        ("sendgrid-api-key", "/v3/api_keys/"),
        ("tailscale-api-key", "/tailnet/-/keys/"),
        ("heroku-api-key", "authorizations"),
        ("contentful-management-token", "access_tokens"),
        ("resend-api-key", "api-keys"),
        ("cloudflare-user-api-token", "/user/tokens/"),
        ("npm-access-token", "npm token revoke"),
        ("aws-secret-access-key", "--status Inactive"),
        ("google-service-account-key", "keys disable"),
        ("twilio-api-key-secret", "/Keys/"),
        ("private-key-rsa", "certbot revoke"),
        ("fish-audio-api-key", "revoke endpoint"),
        ("hubspot-oauth-refresh-token", "/oauth/v1/refresh-tokens/"),
    ];
    for (id, call) in endpoints {
        let rule = rules().find(id).unwrap_or_else(|| panic!("no rule {id}"));
        let guidance = rule.guidance();
        let told = guidance.now.iter().chain(guidance.commands).any(|text| text.contains(call));
        assert!(told, "{id} does not tell of {call}");
    }
}

/// Details that a check reads out of a token or of its place.
const READ_FROM_TOKENS: &[&str] = &[
    "account",
    "alg",
    "app_id",
    "key_name",
    "namespace",
    "project",
    "region",
    "service_account",
    "ssh_fingerprint",
    "encrypted",
    "environment",
    "expires",
    "host",
    "issuer",
    "key_id",
    "key_type",
    "kind",
    "public_key",
    "user",
];

/// A hole in a runbook must be one that a finding of that runbook may fill; a misspelt one would never be.
#[test]
fn what_is_filled_in_is_known() {
    let mut runbooks: BTreeMap<(&str, &str), Vec<&'static Rule>> = BTreeMap::new();
    for rule in rules().iter() {
        runbooks.entry((rule.provider, rule.guidance().headline)).or_default().push(rule);
    }
    let mut failures = Vec::new();
    let mut seen = 0;
    for rules in runbooks.values() {
        let parts = rules.iter().flat_map(|rule| rule.parts).map(|part| part.detail);
        let fixed = rules.iter().flat_map(|rule| rule.details).map(|(name, _)| *name);
        let beside = rules.iter().flat_map(|rule| rule.beside).map(|(_, detail)| *detail);
        let groups =
            rules.iter().flat_map(|rule| rule.regex.split("(?<").skip(1)).filter_map(|rest| rest.split('>').next());
        let read = READ_FROM_TOKENS.iter().copied();
        let known: BTreeSet<&str> = parts.chain(fixed).chain(beside).chain(groups).chain(read).collect();
        let guidance = rules[0].guidance();
        let lists = [guidance.now, guidance.replace, guidance.investigate, guidance.clean_up, guidance.warnings];
        for text in lists.into_iter().flatten().chain(guidance.commands).chain([&guidance.headline, &guidance.contact])
        {
            for (at, _) in text.match_indices('{').filter(|(at, _)| !text[..*at].ends_with(['$', '%', '{'])) {
                let Some((name, _)) = text[at + 1..].split_once('}') else { continue };
                let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
                if name.is_empty() || !name.chars().all(word) || name.starts_with(|c: char| c.is_ascii_digit()) {
                    continue;
                }
                seen += 1;
                let own = ["redacted", "fingerprint"].contains(&name) || name.starts_with("prefix");
                if !own && !known.contains(name) {
                    failures.push(format!("{}: nothing fills {{{name}}} in {text:?}", rules[0].id));
                }
            }
        }
    }
    none("holes", failures);
    assert!(seen > 100, "only {seen} holes");
}
