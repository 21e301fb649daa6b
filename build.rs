//! Reads and checks `rules/*.yaml` and writes them as static tables, so that a scan parses nothing at start-up.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, process};

#[path = "src/rules/common.rs"]
mod common;
#[path = "src/rules/guidance.rs"]
mod guidance;
#[allow(dead_code)]
#[path = "src/rules/magic.rs"]
mod magic;
#[allow(dead_code)]
#[path = "src/rules/pattern.rs"]
mod pattern;
#[allow(dead_code)]
#[path = "src/rules/schema.rs"]
mod schema;
#[allow(dead_code)]
#[path = "src/rules/shape.rs"]
mod shape;
#[allow(dead_code)]
#[path = "src/rules/syntax.rs"]
mod syntax;
#[allow(dead_code)]
#[path = "src/yaml.rs"]
mod yaml;

use guidance::{GuidanceDef, VerifyDef};
use schema::{CandidateDef, FileDef, Origin, RuleDef};
use shape::Shapes;

fn main() {
    println!("cargo::rerun-if-changed=rules");
    println!("cargo::rerun-if-changed=build.rs");
    let files = match read_rules(Path::new("rules")) {
        Ok(files) => files,
        Err(faults) => {
            for fault in faults {
                println!("cargo::error={fault}");
            }
            process::exit(1);
        }
    };
    let out = env::var_os("OUT_DIR").map(|dir| Path::new(&dir).join("builtin.rs"));
    let written = out.as_ref().map(|path| fs::write(path, tables(&files)));
    if !matches!(written, Some(Ok(()))) {
        println!("cargo::error=cannot write the rule tables to OUT_DIR");
        process::exit(1);
    }
}

fn read_rules(dir: &Path) -> Result<Vec<FileDef>, Vec<String>> {
    let entries = fs::read_dir(dir).map_err(|error| vec![format!("{}: {error}", dir.display())])?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "yaml"));
    paths.sort();
    let (mut files, mut faults) = (Vec::new(), Vec::new());
    for path in &paths {
        match fs::read_to_string(path) {
            Ok(text) => {
                let read = schema::read(&text, Origin::BuiltIn);
                faults.extend(read.faults.iter().map(|fault| format!("{}:{fault}", path.display())));
                files.push(read.file);
            }
            Err(error) => faults.push(format!("{}: {error}", path.display())),
        }
    }
    let mut ids: Vec<&str> = files.iter().flat_map(|file| file.rules.iter().map(|rule| rule.id.as_str())).collect();
    ids.sort_unstable();
    faults.extend(ids.windows(2).filter(|w| w[0] == w[1]).map(|w| format!("rule id `{}` is used twice", w[0])));
    for part in files.iter().flat_map(|file| &file.rules).flat_map(|rule| &rule.parts) {
        if ids.binary_search(&part.rule.as_str()).is_err() {
            faults.push(format!("a part names rule `{}`, which does not exist", part.rule));
        }
    }
    for candidate in files.iter().flat_map(|file| &file.rules).flat_map(|rule| &rule.candidates) {
        if ids.binary_search(&candidate.rule.as_str()).is_err() {
            faults.push(format!("a candidate names rule `{}`, which does not exist", candidate.rule));
        }
    }
    if faults.is_empty() { Ok(files) } else { Err(faults) }
}

fn tables(files: &[FileDef]) -> String {
    let mut code = String::new();
    // A runbook that many rules share stands once.
    for (number, file) in files.iter().enumerate() {
        for (index, guidance) in file.guidance.iter().enumerate() {
            let written = writeln!(code, "static G{number}_{index}: Guidance = {};", guidance_code(guidance));
            debug_assert!(written.is_ok(), "writing to a String cannot fail");
        }
    }
    let mut shapes = Shapes::default();
    code.push_str("pub(super) static RULES: &[Rule] = &[\n");
    for (number, file) in files.iter().enumerate() {
        for rule in &file.rules {
            rule_code(&mut code, files, (number, file), rule, &mut shapes);
        }
    }
    code.push_str("];\n");
    let Shapes { sets, places, nodes, .. } = shapes;
    let written = writeln!(
        code,
        "static SHAPES: ShapeTable = ShapeTable {{ sets: &{sets:?}, places: &{places:?}, nodes: &{nodes:?} }};"
    );
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
    code
}

/// A provider whose keys have the rule's shape, with the first act of its runbook.
fn candidate_code(files: &[FileDef], candidate: &CandidateDef) -> String {
    let found = files.iter().find_map(|file| {
        let rule = file.rules.iter().find(|rule| rule.id == candidate.rule)?;
        let act = file.guidance.iter().find(|g| g.name == rule.guidance).and_then(|g| g.now.first());
        Some((file.provider.as_str(), act.map_or("", String::as_str)))
    });
    let (provider, act) = found.unwrap_or_default();
    format!(
        "Candidate {{ rule: {:?}, provider: {provider:?}, near: &{:?}, act: {act:?} }}, ",
        candidate.rule, candidate.near
    )
}

fn rule_code(
    code: &mut String,
    files: &[FileDef],
    (number, file): (usize, &FileDef),
    rule: &RuleDef,
    shapes: &mut Shapes,
) {
    let guidance = file.guidance.iter().position(|g| g.name == rule.guidance);
    let guidance = guidance.map_or("None".to_owned(), |index| format!("Some(&G{number}_{index})"));
    let candidates: String = rule.candidates.iter().map(|candidate| candidate_code(files, candidate)).collect();
    let parts: String = rule
        .parts
        .iter()
        .map(|p| {
            let (within, required) = (p.within, p.required);
            format!("Part {{ rule: {:?}, within: {within}, detail: {:?}, required: {required} }}, ", p.rule, p.detail)
        })
        .collect();
    let details: String = rule.details.iter().map(|(name, value)| format!("({name:?}, {value:?}), ")).collect();
    let beside: String = rule.beside.iter().map(|(name, detail)| format!("({name:?}, {detail:?}), ")).collect();
    let magic: String =
        rule.magic.iter().map(|m| format!("Magic {{ bytes: &{:?}, mask: &{:?} }}, ", m.bytes, m.mask)).collect();
    let compiled = &rule.compiled;
    let shape = |shape: &Vec<_>| shapes.add(shape);
    let spans: Vec<(u32, u32)> = compiled.shapes.iter().map(shape).collect();
    let run = shapes.add_run(&compiled.run);
    let node = shapes.add_node(compiled.node.as_ref());
    let written = writeln!(
        code,
        "Rule {{ id: {:?}, provider: {:?}, homepage: {:?}, title: {:?}, aliases: &{:?}, kind: Kind::{:?}, severity: Severity::{:?}, \
         confidence: Confidence::{:?}, enabled: {}, generic: {}, public: {}, keywords: &{:?}, grams: &{:?}, ignore_case: {}, \
         pattern: {:?}, regex: {:?}, edge: Edge::{:?}, anchored: {}, reach: {}, shapes: &{spans:?}, run: {run:?}, node: {node:?}, \
         shape_table: &SHAPES, names: &{:?}, magic: &[{magic}], \
         holds: {:?}, entropy: {:?}, validate: &{:?}, near: &{:?}, candidates: &[{candidates}], parts: &[{parts}], beside: &[{beside}], \
         paths: &{:?}, not_paths: &{:?}, keep: {:?}, details: &[{details}], \
         guidance: {guidance}, references: &{:?}, matches: &{:?}, ignores: &{:?} }},",
        rule.id,
        file.provider,
        file.homepage,
        rule.title,
        rule.aliases,
        rule.kind,
        rule.severity,
        rule.confidence,
        rule.enabled,
        rule.generic,
        rule.public,
        compiled.keywords,
        compiled.grams,
        rule.ignore_case,
        rule.pattern,
        compiled.regex,
        compiled.edge,
        compiled.anchored,
        compiled.reach,
        rule.names,
        rule.holds,
        rule.entropy,
        rule.validate,
        rule.near,
        rule.paths,
        rule.not_paths,
        rule.keep,
        rule.references,
        rule.matches,
        rule.ignores,
    );
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
}

fn guidance_code(g: &GuidanceDef) -> String {
    format!(
        "Guidance {{ headline: {:?}, now: &{:?}, replace: &{:?}, investigate: &{:?}, clean_up: &{:?}, commands: &{:?}, \
         console_url: {:?}, docs: {:?}, contact: {:?}, warnings: &{:?}, verify: &[{}] }}",
        g.headline,
        g.now,
        g.replace,
        g.investigate,
        g.clean_up,
        g.commands,
        g.console_url,
        g.docs,
        g.contact,
        g.warnings,
        g.verify.iter().map(verify_code).collect::<String>()
    )
}

fn verify_code(v: &VerifyDef) -> String {
    format!(
        "Verify {{ rules: &{:?}, request: {:?}, header: {:?}, live: &{:?}, dead: &{:?}, note: {:?} }}, ",
        v.rules, v.request, v.header, v.live, v.dead, v.note
    )
}
