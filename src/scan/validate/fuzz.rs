//! No input makes a check panic: random bytes, random spans, and damaged tokens.

use super::judge;
use crate::rules::sample::{self, Random};
use crate::rules::{Rule, RuleSet};

const ROUNDS: usize = 60;

/// Text of the kinds of bytes that checks look for.
fn noise(random: &mut Random, length: usize) -> Vec<u8> {
    const MARKS: &[u8] = b"eyJ.=+/-_:@$%&\\n;{}()'\"<> \n\r\0\xff\xc3\x28-----BEGIN END";
    let kind = random.below(3);
    (0..length)
        .map(|_| match kind {
            0 => random.number() as u8,
            1 => MARKS[random.below(MARKS.len())],
            _ => b"ABCDEFabcdef0123456789+/=_-."[random.below(28)],
        })
        .collect()
}

fn judge_everywhere(rule: &Rule, bytes: &[u8], random: &mut Random) {
    for _ in 0..4 {
        let start = random.below(bytes.len() + 1);
        let end = start + random.below(bytes.len() - start + 1);
        judge(rule, bytes, start, &(start..end));
    }
    judge(rule, bytes, 0, &(0..bytes.len()));
    judge(rule, bytes, bytes.len(), &(bytes.len()..bytes.len() + 1));
}

#[test]
fn no_input_makes_a_check_panic() {
    let mut random = Random::new(11);
    for rule in RuleSet::every_builtin().iter() {
        for _ in 0..ROUNDS {
            let length = random.below(700);
            let bytes = noise(&mut random, length);
            judge_everywhere(rule, &bytes, &mut random);
        }
        for template in rule.matches {
            let Ok(text) = sample::fill(template, &mut random, &super::generate) else { continue };
            let mut bytes = text.into_bytes();
            for _ in 0..3 {
                let at = random.below(bytes.len());
                bytes[at] = random.number() as u8;
                judge_everywhere(rule, &bytes, &mut random);
            }
            if let Some(at) = memchr::memmem::find(&bytes, b"BEGIN ") {
                judge(rule, &bytes, at, &(at..bytes.len()));
            }
        }
    }
}

#[test]
fn a_verdict_depends_on_the_context_alone() {
    let mut random = Random::new(12);
    for rule in RuleSet::every_builtin().iter() {
        for template in rule.matches {
            let Ok(text) = sample::fill(template, &mut random, &super::generate) else { continue };
            let start = random.below(text.len());
            let span = start..start + random.below(text.len() - start + 1);
            let near = vec![b' '; super::CONTEXT];
            let far = b"host=far.away user=far \" // - eyJ ";
            let alone = [&near[..], text.as_bytes(), &near].concat();
            let among = [&far[..], &near, text.as_bytes(), &near, far].concat();
            let shifted = |by: usize| span.start + by..span.end + by;
            let one = judge(rule, &alone, near.len(), &shifted(near.len()));
            let other = judge(rule, &among, near.len() + far.len(), &shifted(near.len() + far.len()));
            assert_eq!(format!("{one:?}"), format!("{other:?}"), "{}", rule.id);
        }
    }
}
