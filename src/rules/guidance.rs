//! What a rule file says of leaked keys, under `guidance`, as written. Shared with `build.rs`.

use super::yaml::{Fault, Map, Node};

/// What a person does about a leaked key, as written.
#[derive(Debug, Clone, Default)]
pub struct GuidanceDef {
    pub name: String,
    pub headline: String,
    pub now: Vec<String>,
    pub replace: Vec<String>,
    pub investigate: Vec<String>,
    pub clean_up: Vec<String>,
    pub commands: Vec<String>,
    pub console_url: String,
    pub docs: String,
    pub contact: String,
    pub warnings: Vec<String>,
    pub verify: Vec<VerifyDef>,
}

/// A harmless request whose answer tells a live key from a dead one. Data only: nothing here sends it.
#[derive(Debug, Clone, Default)]
pub struct VerifyDef {
    pub rules: Vec<String>,
    pub request: String,
    pub header: String,
    pub live: Vec<String>,
    pub dead: Vec<String>,
    pub note: String,
}

/// Reads an entry under `guidance`.
pub fn read(name: String, node: &Node, faults: &mut Vec<Fault>) -> GuidanceDef {
    let mut map = Map::new(node, "a guidance entry", faults);
    let guidance = GuidanceDef {
        name,
        headline: map.required_text("headline", faults),
        now: map.texts("now", faults),
        replace: map.texts("replace", faults),
        investigate: map.texts("investigate", faults),
        clean_up: map.texts("clean_up", faults),
        commands: map.texts("commands", faults),
        console_url: map.text("console_url", faults).unwrap_or_default(),
        docs: map.text("docs", faults).unwrap_or_default(),
        contact: map.text("contact", faults).unwrap_or_default(),
        warnings: map.texts("warnings", faults),
        verify: map.list("verify", faults).iter().map(|node| read_verify(node, faults)).collect(),
    };
    if guidance.now.is_empty() {
        faults.push(map.at().fault(format!("guidance `{}` needs `now`: what to do at once, in order", guidance.name)));
    }
    map.finish(faults);
    guidance
}

fn read_verify(node: &Node, faults: &mut Vec<Fault>) -> VerifyDef {
    let mut map = Map::new(node, "a verify entry", faults);
    let verify = VerifyDef {
        rules: map.texts("rules", faults),
        request: map.required_text("request", faults),
        header: map.required_text("header", faults),
        live: map.texts("live", faults),
        dead: map.texts("dead", faults),
        note: map.text("note", faults).unwrap_or_default(),
    };
    let url = verify.request.strip_prefix("GET ").or_else(|| verify.request.strip_prefix("POST "));
    if !url.is_some_and(|url| url.starts_with("https://") && !url.contains([' ', '{', '<'])) {
        faults.push(
            map.place("request").fault("`request` must be `GET https://...` or `POST https://...`, nothing filled in"),
        );
    }
    if verify.header.matches("{secret}").count() != 1 {
        faults.push(
            map.place("header").fault("`header` must have {secret} in it once, as `Authorization: Bearer {secret}`"),
        );
    }
    for name in ["live", "dead"] {
        let answers = if name == "live" { &verify.live } else { &verify.dead };
        for answer in answers {
            let status = answer.split(' ').next().unwrap_or_default();
            if status.len() != 3 || !status.bytes().all(|b| b.is_ascii_digit()) {
                faults
                    .push(map.place(name).fault(format!("`{answer}`: an answer begins with a status of three digits")));
            } else if answer == "403" {
                faults.push(map.place(name).fault("a bare 403 proves nothing; add the words of the body that do"));
            }
        }
    }
    if verify.live.is_empty() || verify.dead.is_empty() {
        faults.push(map.at().fault("a verify entry needs `live` and `dead`: the answers that tell"));
    }
    map.finish(faults);
    verify
}
