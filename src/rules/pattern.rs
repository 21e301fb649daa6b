//! From a pattern as written in a rule file to a regular expression with a proved reach.
//! Shared with `build.rs`.

use super::common::{hits_per_megabyte, rarest};
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Hir, HirKind, Look};

use super::shape::{self, ByteSet};
use super::syntax::{self, Node};

/// How the left edge of a match is judged, by code: the regex engine has no look-behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Edge {
    /// `{left}`: the edge of a token.
    #[default]
    Token,
    /// `{word}`: also a camelCase edge.
    Word,
    /// `{part}`: anywhere, as in `dbpassword`.
    Part,
}

/// A pattern ready for the scanner.
#[derive(Debug, Clone, Default)]
pub struct Compiled {
    /// The regular expression over bytes, macros expanded, edge taken off.
    pub regex: String,
    /// How its left edge is judged.
    pub edge: Edge,
    /// Whether every match begins with a keyword: then it is tried at keyword hits only.
    pub anchored: bool,
    /// The longest match, plus context for near forms, in bytes.
    pub reach: usize,
    /// The keywords to search for: as written, or expanded where they were too short.
    pub keywords: Vec<String>,
    /// What can stand behind each keyword of an anchored pattern; else, the one shape that a match begins with.
    pub shapes: Vec<Vec<ByteSet>>,
    /// The longest run of bytes of one set that every match has.
    pub run: (ByteSet, usize),
    /// The regular expression taken apart.
    pub node: Option<Node>,
    /// Where the rarest four bytes of each keyword stand.
    pub grams: Vec<u8>,
}

/// Everything between a variable's name and its value. A test holds its longest match.
const ASSIGN: &str = concat!(
    r#"[\w.\-]{0,40}(?:\\?["'`\])}]){0,3}[ \t]{0,8}"#,
    r#"(?:[ \t]{1,2}(?:value|content|default)[ \t]?=|:[ \t]{0,2}[&'\w.<>\[\]?|]{1,30}[ \t]{0,2}=|"#,
    r#"\|\|=|\?\?=|[:?]?={1,2}>?|[:,(]|>|%3[dD]|\\u003[dD]|\\x3[dD]|&#61;|[ \t])"#,
    r#"\s{0,12}(?:[(\[{][ \t]{0,2})?(?:[bBrRuU@$f]{0,2}\\?["'`]{1,3}|&quot;|%22|\\u0022|>)?"#,
    r#"(?:(?i:bearer|basic|token|apikey)[ \t]{1,2})?"#
);
/// Everything between the end of a variable's name and its value: closing quotes and brackets, a type annotation, the
/// operator, what opens the value, a scheme word.
const GLUE: &str = concat!(
    r#"(?:\\{0,2}["\x27\x60]|&quot;|[\])}*]){0,3}"#,
    r#"(?:[ \t]{0,4}:?[ \t]{0,4}&?(?:\x27static )?(?i:string|str|secretstr|text|any)\??)?"#,
    r#"(?:[ \t]?\{[ \t]?get;[ \t]?(?:(?:private[ \t])?(?:set|init);[ \t]?)?\})?"#,
    r#"(?:[ \t]{0,40}(?::=|={1,3}>?|->|:-?|,|>|\(|\|\|=?|\?\??=?|\+=|%3[AaDd]|\\u003[DdEe]|\\x3[Dd]| or[ \t]| is[ \t])["#,
    r#" \t*]{0,40}|[ \t]{0,4}[,{]?\s{0,40}(?:\\?["\x27])?(?i:value|default)(?:\\?["\x27])?[ \t]{0,8}[:=]>?["#,
    r#" \t]{0,8}|</key>\s{0,40}<string>|[ \t]{1,8})"#,
    r#"(?:[|>][-+]?\r?\n[ \t]{1,20}|<!\[CDATA\[|\s{0,40}[\[(]?\s{0,40}(?:(?i:new )?(?:String::from|SecretSt"#,
    r#"ring|SecretStr|Secret|String|str|Some|bytes)(?:::new|::from|\.of)?\(\s{0,20})?[bBrRuUfF@$]{0,2}(?:\\"#,
    r#"{0,2}["\x27\x60]{1,3}|&quot;))?"#,
    r#"(?:(?i:bearer|token)(?: |%20))?"#,
);
/// The end of `{glue}`: `{opens}` lacks it, for values that may begin with such a word.
const SCHEME_WORD: &str = "(?:(?i:bearer|token)(?: |%20))?";
/// From a name's stem to the value of it, in any language: the rest of the name, what closes it, a type, an operator or
/// the markup of a pair, a call that wraps the value, what opens it. The checks `assigned-…` judge what stands there.
const ASSIGNED: &str = concat!(
    r#"[\w.\-]{0,40}(?:\[[0-9A-Z_]{0,20}\])?(?:\\{0,2}["\x27`]|&quot;|&#3[49];|[\])}*]|%5D){0,3}"#,
    r#"(?:"#,
    // `name: KEY` then `value: …`, `<name>key</name> <value>…`, `key" value="…"`, `key"><value>…`
    r#"[ \t]{0,4}(?::[ \t]{0,4})?[,;{]?\s{0,60}(?:(?:type|description|sensitive|nullable|xml:[a-z]{1,8})[ \t]{0,10}[=:][ \t]{0,2}(?:["\x27][^"\x27\r\n]{0,100}["\x27]|[a-z]{1,10})[,\s]\s{0,30}){0,3}["\x27]?(?:[a-z]{1,12}:)?(?i:value|default|content|defaultvalue)["\x27]?[ \t]{0,8}[:=]>?[ \t]{0,8}"#,
    r#"|</(?i:name|key|string|param-name|entry-key)>\s{0,80}<(?i:value|string|param-value|data|default)[^<>\r\n]{0,30}>"#,
    r#"|(?:[ \t]{1,4}[\w:.\-]{1,20}=["\x27][\w:./#\-]{0,120}["\x27]){0,2}[ \t]?>\s{0,60}(?:<(?i:value|string)>\s{0,40})?"#,
    // `-Name X -Value 'y'`, `defaults write a Password -string "y"`
    r#"|[ \t]{1,4}-(?i:value|string)[ \t]{1,4}|[ \t]{1,20}PIC(?:TURE)? X\([0-9]{1,4}\)[ \t]{1,20}VALUE[ \t]{1,4}"#,
    // An operator, perhaps after a type.
    r#"|(?:[ \t]{0,2}:?[ \t]{0,2}[&*]?(?:\x27static |\[\]const |constant |(?i:as) )?[A-Za-z][\w.<>\[\]?|]{0,30}|[ \t]?\{[ \t]?get;[a-z \t]{0,20};?[ \t]?\})?"#,
    r#"[ \t]{0,30}(?:[:|?+]{0,2}={1,3}[>~]?|->|<-)[ \t]{0,30}"#,
    r#"|[ \t]{0,30}(?:\|\||\?[?:]?|%3[AaDd]|\\u003[AaDd]|\\x3[AaDd]|&#(?:61|x3[Dd]);|::?-?|,|\(|\{|\.[A-Za-z_]{2,20}\(|\.[ \t])[ \t*]{0,30}"#,
    r#"|[ \t]{1,30}(?:(?i:is|as|or|was)(?::|[ \t])[ \t]{0,2})?"#,
    r#")"#,
    r#"(?:[|>][-+]?)?(?:\r?\n[ \t]{0,40})?"#,
    r#"(?:(?:(?i:new|try|await)[ \t])?[\w.:\[\]]{0,40}\(\s{0,20}(?:[\w.]{1,20}\(\s{0,10})?)?(?:\[\[|[\[({]?[ \t]?"#,
    r#"(?:(?:raw|<<|[bBrRuUfFLN@$]{0,2})\\{0,2}["\x27`]{1,3}|&quot;|&#3[49];|%22|\\u0022|<!\[CDATA\[)?)"#,
    r#"(?:(?i:bearer|basic|token)(?: |%20))?"#,
);
/// What `{assign}` can take at most.
#[cfg(test)]
const ASSIGN_REACH: usize = 160;
/// A prefilter needs this many literal bytes.
const MIN_KEYWORD: usize = 4;
/// A keyword that stands more often than this in a megabyte of ordinary source makes every scan slower for one rule.
const MAX_HITS: u32 = 400;
/// More literals than this from one short keyword mean that it says too little.
const MAX_EXPANDED: usize = 4096;

type Fault = (&'static str, String);

/// Expands, checks and measures a pattern. A fault names the field that it is about.
pub fn compile(pattern: &str, keywords: &[String], ignore_case: bool, reach: usize) -> Result<Compiled, Fault> {
    let about = |why: String| ("pattern", why);
    let edges = [("{left}", Edge::Token), ("{word}", Edge::Word), ("{part}", Edge::Part)];
    let begun = edges.iter().find_map(|(mark, edge)| Some((*edge, pattern.strip_prefix(mark)?)));
    let Some((edge, rest)) = begun else {
        return Err(about("`pattern` must begin with {left}, {word} or {part}".into()));
    };
    let regex = expand(rest).map_err(about)?;
    let hir = parse(&regex).map_err(about)?;
    check_looks(&hir).map_err(about)?;
    let groups = group_names(&hir);
    if groups.iter().filter(|name| *name == "secret").count() != 1 {
        return Err(about("`pattern` needs exactly one group (?<secret>…)".into()));
    }
    if let Some(name) = groups.iter().find(|name| !is_detail_name(name)) {
        let why = "a named group becomes a detail of the finding: use lower case letters, digits and `_`";
        return Err(about(format!("group `{name}`: {why}")));
    }
    let longest = hir
        .properties()
        .maximum_len()
        .ok_or_else(|| about("`pattern` is unbounded: write {0,40} instead of `*`, `+` or `{n,}`".into()))?;
    if hir.properties().minimum_len().unwrap_or(0) == 0 {
        return Err(about("`pattern` can match nothing at all".into()));
    }
    if reach < longest {
        return Err(("reach", format!("`reach` is {reach}, but the longest possible match has {longest} bytes")));
    }
    let literals = prefixes(&hir);
    let anchored = begins_with_keyword(&literals, keywords, ignore_case).map_err(about)?;
    let keywords = widen(keywords, &literals, ignore_case)?;
    let shapes = match anchored {
        true => keywords.iter().map(|keyword| shape::behind(&hir, keyword.as_bytes(), ignore_case)).collect(),
        false => vec![shape::behind(&hir, b"", false)],
    };
    let grams = keywords.iter().map(|keyword| rarest(keyword)).collect();
    let (run, node) = (shape::run(&hir), Node::of(&hir));
    Ok(Compiled { regex, edge, anchored, reach, keywords, shapes, run, node, grams })
}

/// Whether what a file must hold is a pattern over bytes. It is searched for in a bounded piece, so it may be unbounded.
pub fn check_holds(regex: &str) -> Result<(), String> {
    parse(regex).map(drop).map_err(|why| why.replace("`pattern`", "`holds`"))
}

fn expand(pattern: &str) -> Result<String, String> {
    let opens = GLUE.strip_suffix(SCHEME_WORD).unwrap_or(GLUE);
    let expanded = pattern
        .replace("{assigned}", ASSIGNED)
        .replace("{assign}", ASSIGN)
        .replace("{glue}", GLUE)
        .replace("{opens}", opens)
        .replace("{right}", r"\b{end-half}");
    if ["{left}", "{word}", "{part}"].iter().any(|edge| expanded.contains(edge)) {
        return Err("{left}, {word} and {part} may only stand at the very beginning of `pattern`".into());
    }
    Ok(expanded)
}

fn parse(regex: &str) -> Result<Hir, String> {
    syntax::parse(regex).map_err(|error| {
        let line = error.to_string();
        let last = line.lines().last().unwrap_or("does not compile").trim().trim_start_matches("error: ").to_owned();
        format!("`pattern` does not compile: {last}")
    })
}

/// `^`, `$`, `\A` and `\z` would ask where a file begins, which a window cannot know.
fn check_looks(hir: &Hir) -> Result<(), String> {
    let looks = hir.properties().look_set();
    let allowed = [Look::WordEndHalfAscii, Look::WordStartHalfAscii, Look::WordAscii, Look::WordAsciiNegate];
    if looks.iter().all(|look| allowed.contains(&look)) {
        return Ok(());
    }
    Err("`pattern` uses ^, $, \\A or \\z; a match must not depend on where the file begins or ends".into())
}

fn group_names(hir: &Hir) -> Vec<String> {
    match hir.kind() {
        HirKind::Capture(capture) => {
            let name = capture.name.iter().map(ToString::to_string);
            name.chain(group_names(&capture.sub)).collect()
        }
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().flat_map(group_names).collect(),
        HirKind::Repetition(repetition) => group_names(&repetition.sub),
        _ => Vec::new(),
    }
}

fn is_detail_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// The literals that every match begins with, if they are few enough to say.
fn prefixes(hir: &Hir) -> Vec<Vec<u8>> {
    let mut extractor = Extractor::new();
    extractor.kind(ExtractKind::Prefix).limit_class(64).limit_repeat(8).limit_literal_len(16).limit_total(MAX_EXPANDED);
    let Some(literals) = extractor.extract(hir).literals().map(<[_]>::to_vec) else { return Vec::new() };
    literals.iter().map(|literal| literal.as_bytes().to_vec()).collect()
}

/// Whether all prefixes begin with a keyword (or are the start of one, where they were cut short).
fn begins_with_keyword(literals: &[Vec<u8>], keywords: &[String], ignore_case: bool) -> Result<bool, String> {
    let fits = |literal: &Vec<u8>| {
        keywords.iter().any(|keyword| {
            let shared = literal.len().min(keyword.len());
            let (a, b) = (&literal[..shared], &keyword.as_bytes()[..shared]);
            literal.len() >= keyword.len().min(MIN_KEYWORD)
                && if ignore_case { a.eq_ignore_ascii_case(b) } else { a == b }
        })
    };
    let fitting = literals.iter().filter(|literal| fits(literal)).count();
    match fitting {
        0 => Ok(false),
        n if n == literals.len() => Ok(true),
        _ => {
            let odd = literals.iter().find(|literal| !fits(literal)).map(|l| String::from_utf8_lossy(l).into_owned());
            let odd = odd.unwrap_or_default();
            Err(format!("some branches of `pattern` begin with a keyword, but `{odd}…` does not; add it to `keywords`"))
        }
    }
}

/// Keywords as they are, or, where one is too short for the prefilter, the literals it grows into.
fn widen(keywords: &[String], literals: &[Vec<u8>], ignore_case: bool) -> Result<Vec<String>, Fault> {
    let mut wide = Vec::new();
    for keyword in keywords {
        if keyword.len() >= MIN_KEYWORD {
            rare_enough(keyword, hits_per_megabyte(keyword))?;
            wide.push(keyword.clone());
            continue;
        }
        let mut grown: Vec<String> = literals
            .iter()
            .filter(|literal| literal.len() >= MIN_KEYWORD && literal.starts_with(keyword.as_bytes()))
            .filter_map(|literal| String::from_utf8(literal[..MIN_KEYWORD].to_vec()).ok())
            .collect();
        grown.sort();
        grown.dedup();
        let all_long = literals.iter().all(|l| l.len() >= MIN_KEYWORD || !l.starts_with(keyword.as_bytes()));
        if ignore_case || grown.is_empty() || !all_long {
            let why =
                format!("keyword `{keyword}` is shorter than {MIN_KEYWORD} bytes and what follows it is too wide");
            return Err(("keywords", why));
        }
        let folded: std::collections::BTreeSet<String> =
            grown.iter().map(|literal| literal.to_ascii_lowercase()).collect();
        rare_enough(keyword, folded.iter().map(|literal| hits_per_megabyte(literal)).sum())?;
        wide.append(&mut grown);
    }
    Ok(wide)
}

fn rare_enough(keyword: &str, hits: u32) -> Result<(), Fault> {
    if hits <= MAX_HITS {
        return Ok(());
    }
    let why = format!(
        "keyword `{keyword}` is too common: some {hits} hits in a megabyte of ordinary source, at most {MAX_HITS} are \
         allowed; write a longer literal, or (near form) a host or variable name that stands around the value"
    );
    Err(("keywords", why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn assign_keeps_its_promise() {
        let hir = parse(ASSIGN).unwrap();
        assert!(hir.properties().maximum_len().unwrap() <= ASSIGN_REACH);
    }

    #[test]
    fn opens_lacks_the_scheme_word() {
        assert!(GLUE.ends_with(SCHEME_WORD));
        let expanded = expand("{opens}x").unwrap();
        assert!(expanded.contains("SecretStr") && !expanded.contains("bearer"), "{expanded}");
    }

    #[test]
    fn short_keywords_grow_by_the_class_behind_them() {
        let compiled = compile("{left}(?<secret>SK[0-9a-f]{32}){right}", &words(&["SK"]), false, 40).unwrap();
        assert_eq!(compiled.keywords.len(), 256);
        assert!(compiled.anchored);
    }

    #[test]
    fn forms_are_told_apart() {
        let near = compile("{left}(?<secret>[0-9a-f]{32}){right}", &words(&["datadog"]), true, 100).unwrap();
        assert!(!near.anchored);
        let mixed = compile("{left}(?<secret>(?:abcd|wxyz)[0-9]{4}){right}", &words(&["abcd"]), false, 40);
        assert!(mixed.unwrap_err().1.contains("wxyz"));
    }

    #[test]
    fn faults_say_what_to_do() {
        let fault = |pattern| compile(pattern, &words(&["abcd"]), false, 40).unwrap_err().1;
        assert!(fault("{left}(?<secret>abcd.*)").contains("unbounded"));
        assert!(fault("{left}^(?<secret>abcd.{3})").contains("^"));
        assert!(fault("{left}abcd.{3}").contains("(?<secret>"));
        assert!(fault("{left}(?<secret>abcd(?<Key>.{3}))").contains("`Key`"));
        assert!(
            fault("{left}(?<secret>abcd.{90})").contains("90 bytes")
                || fault("{left}(?<secret>abcd.{90})").contains("94 bytes")
        );
        assert!(fault("(?<secret>abcd)").contains("{left}"));
        assert!(fault("{left}(?<secret>abcd(").contains("does not compile"));
    }
}
