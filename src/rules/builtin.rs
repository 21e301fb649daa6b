//! The rules that ship with the program, as tables written by `build.rs`, and users' rules made to last as long.

use super::guidance::{GuidanceDef, VerifyDef};
use super::schema::FileDef;
use super::shape::Shapes;
use super::{Candidate, Confidence, Edge, Guidance, Kind, Magic, Part, Rule, Severity, ShapeTable, Verify};

include!(concat!(env!("OUT_DIR"), "/builtin.rs"));

/// What to do where no provider says anything: isolate, revoke, replace, investigate, notify, restore.
pub(super) static GENERIC: Guidance = Guidance {
    headline: "Treat the value as known to strangers: revoke it at whoever issued it, then replace it.",
    now: &[
        "Find out who issued it and which system uses it: read the code around the place shown.",
        "If it is being abused, stop it first: disable the key, or block the account or network path it opens.",
        "Revoke it where it was issued (usually Settings, then API keys, Developers or Security). Never edit or reuse the old value.",
    ],
    replace: &[
        "Issue a new, unique value with only the permissions this use needs.",
        "If two can be valid at once, deploy the new one everywhere before revoking the old; if it is abused, revoke first.",
    ],
    investigate: &[
        "Read the provider's request log since the first commit that has it: time, source address, endpoint, failures.",
        "Keep the evidence; compare with the usual hours, addresses and volumes.",
    ],
    clean_up: &[
        "Update every place that used it: CI variables, deployment manifests, secret stores, laptops, partners.",
        "Keep the new value in an environment variable or a secret manager, and the file that held it out of git.",
        "Tell the people who own the system, and those whose data it opens, if it was used.",
        "Where data may have been changed, restore it from a backup made before the leak.",
    ],
    commands: &[],
    console_url: "",
    docs: "",
    contact: "",
    warnings: &["Deleting the line or rewriting history does not un-leak it: whoever has a copy can still use it."],
    verify: &[],
};

/// Whether a built-in rule has this id.
pub(super) fn has(id: &str) -> bool {
    RULES.iter().any(|rule| rule.id == id)
}

/// Makes the rules of a user's file last as long as the program. They are read once per run.
pub(super) fn keep(file: FileDef) -> Vec<&'static Rule> {
    let provider = text(file.provider);
    let homepage = text(file.homepage);
    let guidance: Vec<(String, &'static Guidance)> =
        file.guidance.into_iter().map(|g| (g.name.clone(), &*Box::leak(Box::new(keep_guidance(g))))).collect();
    let own: Vec<(String, &'static str)> = file
        .rules
        .iter()
        .map(|rule| {
            let runbook = guidance.iter().find(|(name, _)| *name == rule.guidance).map_or(&GENERIC, |(_, g)| *g);
            (rule.id.clone(), runbook.now.first().copied().unwrap_or_default())
        })
        .collect();
    let candidate = |rule: String, near: Vec<String>| {
        let known = RULES.iter().find(|known| known.id == rule);
        let (provider, act) = match own.iter().find(|(id, _)| *id == rule) {
            Some((_, act)) => (provider, *act),
            None => known.map_or(("", ""), |known| (known.provider, known.guidance().now[0])),
        };
        Candidate { rule: text(rule), provider, near: texts(near), act }
    };
    let mut shapes = Shapes::default();
    let spans: Vec<Vec<(u32, u32)>> =
        file.rules.iter().map(|rule| rule.compiled.shapes.iter().map(|shape| shapes.add(shape)).collect()).collect();
    let runs: Vec<(u16, u16)> = file.rules.iter().map(|rule| shapes.add_run(&rule.compiled.run)).collect();
    let nodes: Vec<(u32, u32)> = file.rules.iter().map(|rule| shapes.add_node(rule.compiled.node.as_ref())).collect();
    let shape_table: &'static ShapeTable = Box::leak(Box::new(ShapeTable {
        sets: list(shapes.sets),
        places: list(shapes.places),
        nodes: list(shapes.nodes),
    }));
    let rules = file.rules.into_iter().zip(spans).zip(runs).zip(nodes).map(|(((rule, spans), run), node)| Rule {
        id: text(rule.id),
        provider,
        homepage,
        title: text(rule.title),
        aliases: texts(rule.aliases),
        kind: rule.kind,
        severity: rule.severity,
        confidence: rule.confidence,
        enabled: rule.enabled,
        generic: rule.generic,
        public: rule.public,
        keywords: texts(rule.compiled.keywords),
        grams: list(rule.compiled.grams),
        ignore_case: rule.ignore_case,
        pattern: text(rule.pattern),
        regex: text(rule.compiled.regex),
        edge: rule.compiled.edge,
        anchored: rule.compiled.anchored,
        reach: rule.compiled.reach,
        shapes: list(spans),
        run,
        node,
        shape_table,
        names: texts(rule.names),
        magic: list(rule.magic.into_iter().map(|m| Magic { bytes: list(m.bytes), mask: list(m.mask) }).collect()),
        holds: text(rule.holds),
        entropy: rule.entropy,
        validate: texts(rule.validate),
        near: texts(rule.near),
        candidates: list(rule.candidates.into_iter().map(|c| candidate(c.rule, c.near)).collect()),
        parts: list(
            rule.parts
                .into_iter()
                .map(|p| Part { rule: text(p.rule), within: p.within, detail: text(p.detail), required: p.required })
                .collect(),
        ),
        beside: list(rule.beside.into_iter().map(|(name, detail)| (text(name), text(detail))).collect()),
        paths: texts(rule.paths),
        not_paths: texts(rule.not_paths),
        keep: rule.keep,
        details: list(rule.details.into_iter().map(|(name, value)| (text(name), text(value))).collect()),
        guidance: guidance.iter().find(|(name, _)| *name == rule.guidance).map(|(_, g)| *g),
        references: texts(rule.references),
        matches: texts(rule.matches),
        ignores: texts(rule.ignores),
    });
    rules.map(|rule| &*Box::leak(Box::new(rule))).collect()
}

fn keep_guidance(g: GuidanceDef) -> Guidance {
    Guidance {
        headline: text(g.headline),
        now: texts(g.now),
        replace: texts(g.replace),
        investigate: texts(g.investigate),
        clean_up: texts(g.clean_up),
        commands: texts(g.commands),
        console_url: text(g.console_url),
        docs: text(g.docs),
        contact: text(g.contact),
        warnings: texts(g.warnings),
        verify: list(g.verify.into_iter().map(keep_verify).collect()),
    }
}

fn keep_verify(v: VerifyDef) -> Verify {
    Verify {
        rules: texts(v.rules),
        request: text(v.request),
        header: text(v.header),
        live: texts(v.live),
        dead: texts(v.dead),
        note: text(v.note),
    }
}

fn text(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

fn texts(list: Vec<String>) -> &'static [&'static str] {
    self::list(list.into_iter().map(text).collect())
}

fn list<T>(list: Vec<T>) -> &'static [T] {
    Box::leak(list.into_boxed_slice())
}
