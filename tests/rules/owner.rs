//! What an owner can do with a command: for each of the sixty credentials with a known one, the runbook has it, with the
//! identifier filled in that the finding shows; and the ways in which revoking goes wrong are warned of.

use super::*;

/// Rules and what their runbooks must hold: of words parted by `|` one.
const OWNERS: &[(&str, &[&str])] = &[
    (
        "aws-secret-access-key",
        &[
            "aws iam get-access-key-last-used --access-key-id {key_id}",
            "aws iam update-access-key --user-name <user> --access-key-id {key_id} --status Inactive",
            "aws iam delete-access-key --user-name <user> --access-key-id {key_id}",
            "AWSDenyAll",
        ],
    ),
    ("aws-access-key-id", &["--access-key-id {key_id} --status Inactive", "aws iam delete-access-key"]),
    ("aws-session-token", &["AWSRevokeOlderSessions", "aws:TokenIssueTime"]),
    (
        "aws-bedrock-long-term-api-key",
        &[
            "list-service-specific-credentials --user-name {user}",
            "update-service-specific-credential",
            "delete-service-specific-credential",
        ],
    ),
    (
        "google-service-account-key",
        &["keys disable {key_id} --iam-account={email}", "keys delete {key_id} --iam-account={email}"],
    ),
    ("google-api-key", &["api-keys lookup", "api-keys update <key-id>", "api-keys delete <key-id>"]),
    ("google-hmac-secret", &["hmac update {key_id} --deactivate", "hmac delete {key_id}"]),
    (
        "azure-entra-client-secret",
        &["credential list --id {client_id}", "accountEnabled=false", "credential delete --id {client_id}"],
    ),
    ("azure-storage-account-key", &["--allow-shared-key-access false", "keys renew", "revoke-delegation-keys"]),
    ("azure-devops-pat", &["/_apis/tokens|/pats", "tokenadmin"]),
    (
        "alibaba-cloud-access-key-secret",
        &["UpdateAccessKey", "--UserAccessKeyId {key_id} --Status Inactive", "DeleteAccessKey"],
    ),
    ("tencent-cloud-secret-key", &["UpdateAccessKey --AccessKeyId {key_id} --Status Inactive", "DeleteAccessKey"]),
    ("ibm-cloud-api-key", &["disable", "ibmcloud iam api-key-delete"]),
    ("oracle-cloud-auth-token", &["oci iam user api-key delete", "oci iam auth-token delete"]),
    ("yandex-cloud-api-key", &["yc iam api-key delete"]),
    ("scaleway-secret-key", &["scw iam api-key delete {key_id}"]),
    ("linode-pat", &["linode-cli profile token-delete"]),
    ("cloudflare-user-api-token", &["/user/tokens/", "disabled"]),
    ("github-pat-fine-grained", &["personal-access-tokens"]),
    ("github-oauth-token", &["/applications/|/credentials/revoke"]),
    ("github-oauth-client-secret", &["client_id|Client secrets|client secret"]),
    ("private-key-openssh", &["ssh-keygen", "gh ssh-key delete|repos/"]),
    ("gitlab-personal-access-token", &["/personal_access_tokens/self", "admin"]),
    ("npm-access-token", &["npm token list", "npm token revoke"]),
    ("docker-hub-personal-access-token", &["is_active", "/v2/access-tokens/"]),
    ("jfrog-access-token", &["/access/api/v1/tokens/"]),
    ("argocd-auth-token", &["argocd account delete-token"]),
    ("sonar-user-token", &["/api/user_tokens/revoke"]),
    ("jenkins-api-token", &["revoke"]),
    ("heroku-api-key", &["heroku authorizations:revoke"]),
    ("fly-io-access-token", &["fly tokens revoke"]),
    ("vercel-personal-access-token", &["vercel tokens rm"]),
    ("supabase-secret-key", &["/v1/projects/"]),
    ("planetscale-service-token", &["pscale service-token delete {key_id}"]),
    ("planetscale-password", &["pscale password delete"]),
    ("neon-api-key", &["/api/v2/api_keys/"]),
    ("mongodb-atlas-private-key", &["atlas organizations apiKeys delete"]),
    ("mongodb-atlas-database-url", &["atlas dbusers", "{user}"]),
    ("databricks-personal-access-token", &["databricks tokens delete"]),
    ("snowflake-programmatic-access-token", &["set disabled = true", "remove programmatic access token"]),
    ("confluent-cloud-api-secret", &["confluent api-key delete {key_id}"]),
    ("elastic-api-key", &["/_security/api_key", "{key_id}"]),
    ("hashicorp-vault-service-token", &["vault token revoke -accessor", "-self"]),
    ("hashicorp-consul-nomad-consul-token", &["consul acl token delete"]),
    ("hashicorp-consul-nomad-nomad-token", &["nomad acl token delete"]),
    ("hashicorp-terraform-token", &["/api/v2/authentication-tokens/"]),
    ("doppler-service-token", &["doppler configs tokens revoke", "--config {config}"]),
    ("1password-connect-token", &["op connect token delete"]),
    ("tailscale-api-key", &["/api/v2/tailnet/-/keys/{key_id}"]),
    ("ngrok-authtoken", &["ngrok api credentials delete"]),
    ("ngrok-api-key", &["ngrok api api-keys delete"]),
    ("openai-project-key", &["/organization/projects/"]),
    ("anthropic-api-key", &["/organizations/api_keys/", "inactive"]),
    ("openrouter-api-key", &["/api/v1/keys/|/keys/"]),
    ("twilio-api-key-secret", &["twilio api:core:keys:remove --sid {key_id}"]),
    ("twilio-auth-token", &["AuthTokens/Secondary", "AuthTokens/Promote"]),
    ("sendgrid-api-key", &["/v3/api_keys/{key_id}"]),
    ("mailersend-api-token", &["pause"]),
    ("infobip-api-key", &["disable|enabled"]),
    ("mattermost-access-token", &["disable", "mmctl token revoke"]),
    ("temporal-cloud-api-key", &["tcld apikey disable --id {key_id}", "tcld apikey delete --id {key_id}"]),
    ("datadog-api-key", &["/api_keys/"]),
    ("datadog-application-key", &["/application_keys/"]),
    ("grafana-service-account-token", &["isDisabled"]),
    ("dynatrace-api-token", &["{key_id}", "\"enabled\":false"]),
    ("sumo-logic-access-key", &["\"disabled\":true", "{key_id}"]),
    ("splunk-jwt-token", &["/authorization/tokens/"]),
    ("kubernetes-service-account-token", &["kubectl delete rolebinding", "kubectl delete sa"]),
    ("database-url-postgres", &["NOLOGIN", "pg_terminate_backend"]),
    ("database-url-mysql", &["ACCOUNT LOCK", "KILL"]),
    ("database-url-redis", &["ACL SETUSER", "CLIENT KILL"]),
    ("runra-api-key", &["/v1/keys", "runra auth revoke-key --key-id", "Rotate", "7 "]),
];

/// Ways in which revoking goes wrong, each with a rule whose runbook warns of it.
const TRAPS: &[(&str, &str, &[&str])] = &[
    ("rotating keeps the old key valid", "runra-api-key", &["Rotate"]),
    ("rotating keeps the old key valid", "snowflake-programmatic-access-token", &["24|rotat"]),
    ("the wrong half is renewed", "azure-storage-account-key", &["key1|primary|which of the two|the other"]),
    ("sessions outlive the key", "aws-secret-access-key", &["session"]),
    ("root sessions cannot be restricted", "aws-session-token", &["Root sessions"]),
    ("a new password revokes no token", "google-oauth-refresh-token", &["password"]),
    ("removing the person removes no key", "private-key-openssh", &["deploy key|Deploy key"]),
    ("revoked for one organisation only", "huggingface-user-token", &["organi"]),
    ("deleting the project deletes no key at once", "google-api-key", &["30 days"]),
    ("devices stay", "tailscale-auth-key", &["node|device|machine"]),
    ("devices stay", "docker-swarm-join-token", &["node"]),
    ("open connections survive", "database-url-postgres", &["session|connection"]),
    ("told is not revoked", "aws-secret-access-key", &["quarantine|Quarantine"]),
    ("an answer for any token proves nothing", "posthog-personal-api-key", &["found"]),
    ("signatures remain", "jwt-token", &["sign"]),
    ("rotating twice kills the new one", "gitlab-personal-access-token", &["rotat"]),
    ("revoking breaks more than the leak", "slack-bot-token", &["leaves|channels"]),
    ("revoking breaks more than the leak", "hashicorp-vault-service-token", &["child|lease"]),
    ("a scoped token refuses its own revocation", "crates-io-api-token", &["403"]),
    ("history first, key later", "generic-secret", &["rewriting history does not un-leak"]),
    ("history first, key later", "generic-password", &["rewriting history does not un-leak"]),
];

fn text(id: &str) -> Option<String> {
    let guidance = rules().find(id)?.guidance();
    let lists = [guidance.now, guidance.replace, guidance.investigate, guidance.clean_up, guidance.warnings];
    let all = lists.into_iter().flatten().chain(guidance.commands).chain([&guidance.headline]);
    Some(all.copied().collect::<Vec<_>>().join("\n"))
}

fn lacks(id: &str, wanted: &[&str]) -> Vec<String> {
    let Some(text) = text(id) else { return vec![format!("no rule {id}")] };
    let told = |words: &&&str| words.split('|').any(|word| text.contains(word));
    wanted.iter().filter(|words| !told(words)).map(|words| format!("{id} does not tell `{words}`")).collect()
}

#[test]
fn owner_commands_are_told() {
    none("owner commands", OWNERS.iter().flat_map(|(id, wanted)| lacks(id, wanted)).collect());
}

#[test]
fn traps_are_warned_of() {
    let missing = |(trap, id, wanted): &(&str, &str, &[&str])| {
        lacks(id, wanted).into_iter().map(|why| format!("{trap}: {why}")).collect::<Vec<_>>()
    };
    none("traps", TRAPS.iter().flat_map(missing).collect());
}
