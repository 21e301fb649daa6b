//! Globs over the paths of a repository, as people write them into files that nobody vouches for: none can stop a run.

use globset::{Glob, GlobSet, GlobSetBuilder};

/// No path is longer on the systems that we know.
const MAX_LEN: usize = 4096;
/// Braces in braces, so deep.
const MAX_DEPTH: usize = 16;

/// A glob in a message: whole, unless that would be a flood.
fn quoted(pattern: &str) -> String {
    match pattern.char_indices().nth(60) {
        Some((end, _)) => format!("`{}…`", &pattern[..end]),
        None => format!("`{pattern}`"),
    }
}

/// Whether a text is a glob that can be compiled.
///
/// # Errors
/// It is none: why.
pub fn check(pattern: &str) -> Result<(), String> {
    parse(pattern).map(drop).map_err(|why| format!("{} is no glob: {why}", quoted(pattern)))
}

/// A set in which `dir/` and `dir` also mean everything below. What is no glob is told of and left out.
pub fn paths<'a>(patterns: impl IntoIterator<Item = &'a str>, mut fault: impl FnMut(String)) -> GlobSet {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        let base = pattern.trim_end_matches('/');
        for text in [base.to_owned(), format!("{base}/**")] {
            match parse(&text) {
                Ok(glob) => {
                    builder.add(glob);
                }
                Err(why) => {
                    fault(format!("{} is no glob: {why}", quoted(pattern)));
                    break;
                }
            }
        }
    }
    builder.build().unwrap_or_else(|error| {
        fault(error.to_string());
        GlobSet::empty()
    })
}

/// A set that means what it says; what is no glob is left out.
pub fn exact<'a>(patterns: impl IntoIterator<Item = &'a str>) -> GlobSet {
    let mut builder = GlobSetBuilder::new();
    for glob in patterns.into_iter().filter_map(|pattern| parse(pattern).ok()) {
        builder.add(glob);
    }
    builder.build().unwrap_or_default()
}

fn parse(pattern: &str) -> Result<Glob, String> {
    if pattern.len() > MAX_LEN {
        return Err(format!("it is longer than {MAX_LEN} bytes"));
    }
    let mut depth = 0_usize;
    for byte in pattern.bytes() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(format!("its braces are nested more than {MAX_DEPTH} times"));
        }
    }
    Glob::new(pattern).map_err(|error| error.kind().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_mean_what_is_below() {
        let set = paths(["docs/", "*.md"], |why| panic!("{why}"));
        assert!(set.is_match("docs/a/b") && set.is_match("docs") && set.is_match("x.md") && !set.is_match("docx"));
    }

    #[test]
    fn what_is_none_is_told_of() {
        let deep = "{".repeat(100_000);
        for bad in ["a[", "a{b", &deep, &"a".repeat(5000), &format!("{}a{}", "{".repeat(300), "}".repeat(300))] {
            let mut told = 0;
            let set = paths([bad, "b"], |_| told += 1);
            assert_eq!((told, set.is_match("b"), check(bad).is_err()), (1, true, true), "{}", &bad[..2]);
        }
        assert!(check("a/**/{b,{c,d}}?[!e]*").is_ok());
    }
}
