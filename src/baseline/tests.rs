//! The format against a plain account of it: what is written is read as it was, whatever it holds; whatever is read, reads.
#![allow(clippy::unwrap_used)] // a test that cannot go on should panic

use super::*;
use crate::rules::sample::Random;

fn read(text: impl AsRef<[u8]>) -> Baseline {
    Baseline::parse(text.as_ref().to_vec(), "b").unwrap()
}

#[track_caller]
fn faults(text: impl AsRef<[u8]>) -> Vec<String> {
    match Baseline::parse(text.as_ref().to_vec(), "b") {
        Err(Error::Faults { faults }) => faults,
        other => panic!("{other:?}"),
    }
}

fn print(seed: u64) -> String {
    let mut random = Random::new(seed);
    format!("ks1:{}", (0..20).map(|_| char::from(b"0123456789abcdef"[random.below(16)])).collect::<String>())
}

fn only(text: impl AsRef<[u8]>) -> Judgement {
    let all: Vec<_> = read(text).judgements().map(|(_, judgement)| judgement).collect();
    assert_eq!(all.len(), 1);
    all.into_iter().next().unwrap()
}

#[test]
fn a_line() {
    let print = print(1);
    let all = only(format!(
        "{print} accepted on=2026-11-22 until=2027-01-31 paths=a/** paths=%20b runra-api-key a%20b/c — it is -- old\n"
    ));
    let expected = Judgement {
        fingerprint: print.clone(),
        state: State::Accepted,
        on: Some("2026-11-22".into()),
        until: Some("2027-01-31".into()),
        paths: vec!["a/**".into(), " b".into()],
        rule: "runra-api-key".into(),
        path: b"a b/c".into(),
        reason: "it is -- old".into(),
    };
    assert_eq!(all, expected);
    // What may be left out, and what keyboards and editors make of it.
    let least = only(format!("{print} revoked"));
    assert_eq!(
        (least.state, least.rule.as_str(), least.path.len(), least.reason.as_str()),
        (State::Revoked, "", 0, "")
    );
    let typed =
        only(format!("\u{feff}\t{}  revoked\tr - --  why \r\n", print.to_ascii_uppercase().replace("KS", "ks")));
    assert_eq!((typed.fingerprint, typed.rule.as_str(), typed.reason.as_str()), (print, "r", "why"));
    assert!(typed.path.is_empty());
}

#[test]
fn comments_and_empty_lines_are_none() {
    assert!(read("# a\n\n  # b\n\r\n   \n").is_empty());
    assert!(read(b"# not UTF-8: \xff\n#").is_empty());
    assert!(read("").is_empty());
}

#[test]
fn every_fault_has_a_place_and_a_way_out() {
    let (one, two) = (print(1), print(2));
    for (text, wanted) in [
        ("<<<<<<< HEAD", "b:1:1: a merge left this"),
        ("ks1:12 revoked", "b:1:1: no fingerprint"),
        ("  hello", "b:1:3: no fingerprint"),
        ("ONE", "b:1:25: no state behind the fingerprint; one of revoked, contained"),
        ("ONE revoked\nTWO acepted r p", "b:2:26: unknown state `acepted`; did you mean `accepted`?"),
        ("ONE nonsense", "b:1:26: unknown state `nonsense`; known are revoked, contained"),
        ("ONE revoked untill=2026-01-01 r", "b:1:34: unknown option `untill=`; did you mean `until=`?"),
        ("ONE revoked what=2026-01-01 r", "b:1:34: unknown option `what=`; known are on="),
        ("ONE revoked on=soon", "b:1:34: `on=` must be a date, YYYY-MM-DD"),
        ("ONE revoked until=2026-02-30", "b:1:34: `until=` must be a date"),
        ("ONE revoked on=2026-01-01 on=2026-01-01", "b:1:48: `on=` stands twice"),
        ("ONE revoked paths=", "b:1:34: `paths=` needs a glob"),
        ("ONE revoked paths=a[", "b:1:34: `a[` is no glob"),
        ("ONE revoked rule my path", "b:1:42: more than a rule and a path; write %20"),
        ("ONE accepted rule path — why", "b:1:26: what is accepted needs `until=YYYY-MM-DD`"),
        ("ONE accepted until=2026-01-01 rule path", "b:1:26: what is accepted needs a reason"),
        ("ONE revoked r p — a\u{202e}b", "b:1:43: U+202E cannot be seen"),
        ("ONE revoked r p — a\u{1b}[2Jb", "b:1:43: U+001B cannot be seen"),
        ("ONE revoked\r r", "b:1:33: U+000D cannot be seen"),
    ] {
        let found = faults(text.replace("ONE", &one).replace("TWO", &two));
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].starts_with(wanted), "{text}: {found:?}");
    }
    assert!(faults([one.as_bytes(), b" revoked \xff"].concat())[0].starts_with("b:1:34: not UTF-8"));
    // All at once, in order, and no end of them.
    let found = faults(format!("{one} a\n# fine\nb\n{two} revoked on=x until=y\n"));
    let places: Vec<_> = found.iter().map(|fault| fault.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["b:1:26", "b:3:1", "b:4:34", "b:4:39"]);
    let found = faults("x\n".repeat(100_000));
    assert_eq!((found.len(), found[100].as_str()), (101, "b: and 99900 more"));
    // A pasted key is not repeated.
    let key = format!("rra_live_{}", "k3".repeat(13));
    assert!(!faults(format!("{key} revoked"))[0].contains(&key));
}

fn text(random: &mut Random, alphabet: &[&str]) -> String {
    (0..random.below(12)).map(|_| alphabet[random.below(alphabet.len())]).collect()
}

fn date(random: &mut Random) -> String {
    format!("20{:02}-{:02}-{:02}", random.below(100), 1 + random.below(12), 1 + random.below(28))
}

fn any(random: &mut Random) -> Judgement {
    const TEXT: &[&str] = &[
        "a", "Z", "%", "%20", " ", "=", "—", "--", "-", "/", "#", "é", "\u{202e}", "\u{a0}", "\n", "\t", "\r", "\0",
        "\\", "\"",
    ];
    const GLOB: &[&str] = &["a", "*", "**/", "?", "{b,c}", "[d-f]", " ", "%41", "é", "—", "="];
    let state = State::ALL[random.below(5)];
    let mut maybe = |likely: bool| (likely || random.below(2) == 0).then(|| date(random));
    let (on, until) = (maybe(false), maybe(state == State::Accepted));
    let paths = (0..random.below(3)).map(|_| text(random, GLOB) + "x").collect();
    let bytes = |random: &mut Random| (0..random.below(20)).map(|_| random.below(256) as u8).collect::<Vec<_>>();
    let path = if random.below(2) == 0 { bytes(random) } else { text(random, TEXT).into_bytes() };
    Judgement {
        fingerprint: print(random.number()).replace("ks1:", if random.below(4) == 0 { "ks1k:" } else { "ks1:" }),
        state,
        on,
        until,
        paths,
        rule: if random.below(4) == 0 { String::new() } else { "a-rule".into() },
        path,
        reason: line::one_line(&(text(random, TEXT) + "w")),
    }
}

#[test]
fn what_is_written_is_read_as_it_was() {
    let mut random = Random::new(7);
    let mut odd = 0;
    for _ in 0..20_000 {
        let judgement = any(&mut random);
        let line = judgement.line().unwrap();
        assert!(!line.contains(['\n', '\r']));
        odd += usize::from(line.contains('%'));
        assert_eq!(only(&line), judgement, "{line}");
        assert_eq!(only(&line).line().unwrap(), line);
    }
    assert!(odd > 5_000, "only {odd} lines held anything odd");
}

#[test]
fn a_path_of_dashes_is_one() {
    for path in ["-", "--", "—", "---", "%2D", "until=2020-01-01", "#", "—x"] {
        let judgement = Judgement { path: path.into(), ..only(format!("{} revoked r p — w", print(1))) };
        assert_eq!(only(judgement.line().unwrap()), judgement);
    }
    let unwritable = Judgement { rule: "on=x".into(), ..only(format!("{} revoked", print(1))) };
    assert!(unwritable.line().is_err());
}

#[test]
fn nothing_that_is_read_panics() {
    let mut random = Random::new(11);
    let whole = (0..50).map(|_| any(&mut random).line().unwrap() + "\n").collect::<String>().into_bytes();
    let (mut good, mut bad) = (0, 0);
    for _ in 0..20_000 {
        let mut bytes = whole.clone();
        let from = random.below(bytes.len());
        let from = bytes[from..].iter().position(|byte| *byte == b'\n').map_or(0, |at| from + at);
        bytes.drain(..from);
        bytes.truncate(random.below(600));
        for _ in 0..random.below(4) {
            if !bytes.is_empty() {
                let at = random.below(bytes.len());
                bytes[at] = random.below(256) as u8;
            }
        }
        match Baseline::parse(bytes, "b") {
            Ok(baseline) => {
                good += 1;
                // What reads can be written again, but for what nobody needs to: a rule that was typed.
                baseline.judgements().for_each(|(_, judgement)| drop(judgement.line()));
            }
            Err(_) => bad += 1,
        }
    }
    assert!(good > 100 && bad > 100, "{good} {bad}");
    let noise: Vec<u8> = (0..100_000).map(|_| random.below(256) as u8).collect();
    assert!(Baseline::parse(noise, "b").is_err());
}

#[test]
fn look_ups_are_those_of_a_plain_search() {
    let mut random = Random::new(3);
    let mut all: Vec<Judgement> = (0..300).map(|_| any(&mut random)).collect();
    for at in 0..40 {
        let twin = Judgement { fingerprint: all[at].fingerprint.clone(), ..any(&mut random) };
        all.push(twin);
    }
    let text: String = all.iter().map(|judgement| judgement.line().unwrap() + "\r\n").collect();
    let baseline = read(text);
    assert_eq!(baseline.len(), all.len());
    for judgement in &all {
        let mut expected: Vec<_> = all.iter().filter(|other| other.fingerprint == judgement.fingerprint).collect();
        expected.sort_by_key(|judgement| judgement.state);
        assert_eq!(baseline.of(&judgement.fingerprint).iter().collect::<Vec<_>>(), expected);
    }
    assert!(baseline.of(&print(999_999)).is_empty() && baseline.of("").is_empty() && baseline.of("ks1:zz").is_empty());
    let over: Vec<_> = all.iter().filter(|judgement| !judgement.holds("2050-06-15")).collect();
    let latest = over.iter().filter_map(|judgement| judgement.until.clone()).max().unwrap();
    assert_eq!(baseline.over("2050-06-15"), Some((over.len(), latest)));
    assert_eq!(baseline.over("2000-01-01"), None);
    let keyed = all.iter().filter(|judgement| judgement.fingerprint.starts_with("ks1k:")).count();
    assert_eq!((baseline.keyed(true), baseline.keyed(false)), (keyed, all.len() - keyed));
}

fn simple(seed: u64) -> Judgement {
    only(format!("{} revoked r p — w{seed}", print(seed)))
}

#[test]
fn an_edit_leaves_the_rest_as_it_stands() {
    let mut all: Vec<_> = (1..=6).map(simple).collect();
    all.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
    let line = |at: usize| all[at].line().unwrap();
    let old = format!("# top\n# of the file\n{}\n# of three\n{}\n\n# of five\r\n{}", line(1), line(3), line(5));
    let baseline = read(&old);
    let mut edit = baseline.edit();
    for at in [4, 0, 2] {
        edit.add(&all[at]).unwrap();
    }
    let expected = format!(
        "# top\n# of the file\n{}\n{}\n{}\n# of three\n{}\n\n{}\n# of five\r\n{}",
        line(0),
        line(1),
        line(2),
        line(3),
        line(4),
        line(5)
    );
    assert_eq!(String::from_utf8(edit.text()).unwrap(), expected);
    // At the end of a file without a last line end; in one with the other ends; in none.
    let mut edit = baseline.edit();
    let last = Judgement { fingerprint: "ks1:ffffffffffffffffffff".into(), ..all[0].clone() };
    edit.add(&last).unwrap();
    assert_eq!(String::from_utf8(edit.text()).unwrap(), format!("{old}\n{}\n", last.line().unwrap()));
    let baseline = read(format!("{}\r\n{}\r\n", line(1), line(2)));
    let mut edit = baseline.edit();
    edit.add(&all[0]).unwrap();
    edit.drop_line(2);
    edit.replace(1, &Judgement { state: State::Contained, ..all[1].clone() }).unwrap();
    let new = String::from_utf8(edit.text()).unwrap();
    assert_eq!(new, format!("{}\r\n{}\r\n", line(0), line(1).replace("revoked", "contained")));
    let none = Baseline::default();
    let mut edit = none.edit();
    edit.add(&all[3]).unwrap();
    edit.add(&all[1]).unwrap();
    let new = String::from_utf8(edit.text()).unwrap();
    assert!(new.starts_with("# ") && new.ends_with(&format!(").\n\n{}\n{}\n", line(1), line(3))), "{new}");
    assert_eq!(read(new).len(), 2);
}

#[test]
fn edits_of_any_file_keep_what_was_there() {
    let mut random = Random::new(5);
    for _ in 0..500 {
        let mut old = String::new();
        for _ in 0..random.below(12) {
            match random.below(4) {
                0 => old.push_str("# said\n"),
                1 => old.push('\n'),
                _ => old.push_str(&(simple(random.number()).line().unwrap() + "\n")),
            }
        }
        let baseline = read(&old);
        let new: Vec<_> = (0..random.below(5)).map(|_| simple(random.number())).collect();
        let mut edit = baseline.edit();
        new.iter().for_each(|judgement| edit.add(judgement).unwrap());
        let text = String::from_utf8(edit.text()).unwrap();
        let added: Vec<_> = new.iter().map(|judgement| judgement.line().unwrap()).collect();
        let kept: String =
            text.split_inclusive('\n').filter(|line| !added.iter().any(|a| line.starts_with(a))).collect();
        let expected = if old.is_empty() { kept.clone() } else { old.clone() };
        assert_eq!(kept, expected);
        assert_eq!(read(&text).len(), baseline.len() + new.len());
        // What was sorted stays so.
        let prints = |text: &str| read(text).judgements().map(|(_, j)| j.fingerprint).collect::<Vec<_>>();
        assert!(!prints(&old).is_sorted() || prints(&text).is_sorted(), "{text}");
    }
}

/// Everything about a file of 100,000 lines takes a moment: what grew with the square would take minutes.
#[test]
fn a_hundred_thousand_lines() {
    let mut all: Vec<String> = (0..100_000).map(|seed| simple(seed).line().unwrap() + "\n").collect();
    all.sort();
    let start = std::time::Instant::now();
    let baseline = read(all.concat());
    let mut edit = baseline.edit();
    for (line, judgement) in baseline.judgements() {
        assert!(!baseline.of(&judgement.fingerprint).is_empty());
        match line % 3 {
            0 => edit.drop_line(line),
            1 => edit.add(&Judgement { state: State::Contained, ..judgement }).unwrap(),
            _ => edit.replace(line, &Judgement { state: State::Contained, ..judgement }).unwrap(),
        }
    }
    assert_eq!(read(edit.text()).len(), 100_001);
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
}
