//! How common a literal is in source code, from counts of four-byte runs over eight-megabyte samples of C, Go, Java,
//! JavaScript, PHP, Python, Ruby and Rust projects. Shared with `build.rs`.

use std::collections::HashMap;
use std::sync::OnceLock;

/// A line is a rate, a space, and runs of four bytes that stand at least so many times in a megabyte, letter case and
/// other control bits folded away (`| 0x20`, as the prefilter does). Runs rarer than 5 are left out.
const COUNTS: &str = include_str!("grams.txt");
const GRAM: usize = 4;

/// How many times a megabyte of ordinary source has `literal` at most: its rarest four bytes decide. Literals of fewer
/// than four bytes are unknown, hence 0.
pub fn hits_per_megabyte(literal: &str) -> u32 {
    literal.as_bytes().windows(GRAM).map(|gram| rate(fold(gram))).min().unwrap_or(0)
}

fn fold(gram: &[u8]) -> [u8; GRAM] {
    std::array::from_fn(|i| gram[i] | 0x20)
}

fn rate(gram: [u8; GRAM]) -> u32 {
    static RATES: OnceLock<HashMap<[u8; GRAM], u32>> = OnceLock::new();
    RATES.get_or_init(rates).get(&gram).copied().unwrap_or(0)
}

fn rates() -> HashMap<[u8; GRAM], u32> {
    let lines = COUNTS.lines().filter_map(|line| line.split_once(' '));
    let counted = lines.filter_map(|(rate, grams)| Some((rate.parse().ok()?, grams)));
    counted.flat_map(|(rate, grams)| grams.as_bytes().chunks_exact(GRAM).map(move |gram| (fold(gram), rate))).collect()
}

/// Of a longer keyword only so many bytes are searched for, and the rest is compared when they are found. In a delta
/// child the search goes this far beyond what was inserted: the longest keyword would make it go seven times as far.
pub const HEAD: usize = 20;

/// Where the four bytes of a keyword's head begin that are rarest in source. The byte behind them tells more, so they
/// are its last only where they are much rarer than others.
pub fn rarest(keyword: &str) -> u8 {
    let head = &keyword.as_bytes()[..keyword.len().min(HEAD)];
    let cost = |(offset, gram): &(u8, &[u8])| {
        let followed = usize::from(*offset) + GRAM < head.len();
        let sum = gram.iter().map(|byte| u32::from(commonness(*byte))).sum::<u32>();
        (rate(fold(gram)) * if followed { 1 } else { 2 }, if followed { sum } else { sum + 8 })
    };
    (0..).zip(head.windows(GRAM)).min_by_key(cost).map_or(0, |(offset, _)| offset)
}

/// How common a byte is in source code, roughly in bits; only the order matters.
fn commonness(byte: u8) -> u8 {
    match byte.to_ascii_lowercase() {
        b' ' | b'e' => 12,
        b't' | b'a' | b'i' | b'n' | b's' | b'r' | b'o' => 11,
        b'l' | b'c' | b'd' => 10,
        b'u' | b'p' | b'm' | b'f' | b'h' => 9,
        b'g' | b'b' | b'_' | b'.' => 8,
        b'y' | b'v' | b'w' | b'k' | b'-' | b'/' | b'"' | b'=' | b':' => 7,
        b'x' | b'0' | b'1' => 6,
        b'2'..=b'9' | b'j' | b'q' | b'z' => 5,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_and_rare() {
        assert!(hits_per_megabyte("return") > 200);
        assert!(hits_per_megabyte("self.") > 200 && hits_per_megabyte("SELF.") > 200);
        assert_eq!(hits_per_megabyte("rra_live_"), 0);
        assert!(hits_per_megabyte("token") < 200);
        // Its rarest part counts.
        assert!(hits_per_megabyte("selfzq") < 20);
    }

    #[test]
    fn the_rarest_part_is_searched_for() {
        let part = |keyword: &'static str| &keyword[usize::from(rarest(keyword))..][..GRAM];
        assert!(part("-----BEGIN RSA").contains('B') || part("-----BEGIN RSA").contains('E'));
        assert!(!["acti", "ctiv", "tive"].contains(&part("activecampaign")));
        assert_eq!(rarest("key"), 0);
    }

    #[test]
    fn the_table_is_whole() {
        assert!(COUNTS.lines().all(|line| line.split_once(' ').is_some_and(|(_, grams)| grams.len() % GRAM == 0)));
        assert!(rates().len() > 5000);
    }
}
