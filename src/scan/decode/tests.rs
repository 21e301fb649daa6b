//! The promises that delta-aware scanning relies on, and that places are right; over soups of encoded text.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use super::*;

/// A small generator with a fixed seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

fn base64(text: &[u8]) -> Vec<u8> {
    data_encoding::BASE64.encode(text).into_bytes()
}

fn each(text: &[u8], write: impl Fn(u8) -> String) -> Vec<u8> {
    text.iter().flat_map(|byte| write(*byte).into_bytes()).collect()
}

fn wrapped(text: &[u8], width: usize, line: &str) -> Vec<u8> {
    text.chunks(width).collect::<Vec<_>>().join(line.as_bytes())
}

fn encoded(random: &mut Random, text: &[u8]) -> Vec<u8> {
    match random.below(18) {
        0 => wrapped(&base64(text), 16 + random.below(60), random.pick(&["\n", "\r\n", "\n    "])),
        1 => base64(&base64(text)),
        2 => each(text, |byte| format!("{byte:02x}")),
        3 => wrapped(&each(text, |byte| format!("{byte:02X}")), 60, "\n"),
        4 => each(text, |byte| format!("0x{byte:02x}, ")),
        5 => each(text, |byte| format!("%{byte:02X}")),
        6 => each(text, |byte| format!("&#{byte};")),
        7 => each(text, |byte| format!("\\u{byte:04x}")),
        8 => each(text, |byte| format!("\\x{byte:02x}")),
        9 => each(text, |byte| format!("={byte:02X}")),
        10 => wrapped(text, 12, "\" +\n    \""),
        11 => wrapped(text, 14, "\\\n"),
        12 => [b"key: >-\n  ".to_vec(), wrapped(text, 20, "\n  ")].concat(),
        13 => text.iter().flat_map(|byte| [*byte, 0]).collect(),
        14 => text.iter().flat_map(|byte| [0, 0, 0, *byte]).collect(),
        15 => String::from_utf8_lossy(text).replace('/', "\\/").replace('_', "%5F").into_bytes(),
        16 => text.to_vec(),
        _ => base64(text),
    }
}

fn soup(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.below(12) {
        let word = random.pick(&[
            "hello_world/some+value==and:more@host",
            "Zx91kLmQ0pRtUv7WbNc3/k8Zh2Lm+Q9z0PwR7tYb3VxN5c",
            "SGVsbG8gd29ybGQsIHRoaXMgaXMgc29tZSB0ZXh0",
            "-----BEGIN RSA PRIVATE KEY-----",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "ActiveRecordAssociationsCollectionProxy",
            "\u{e9}\u{4e67} text",
        ]);
        let text = encoded(random, word.as_bytes());
        let text = if random.below(3) == 0 { encoded(random, &text) } else { text };
        let from = if random.below(4) == 0 { random.below(text.len() + 1) } else { 0 };
        bytes.extend_from_slice(&text[from..]);
        let len = random.below(300);
        let filler = random.pick(&["x", " ", "\n", "value = \"", "==", "%20", "\0", "+\n", "\"\n\"", "A", "0f", "-"]);
        bytes.extend_from_slice(filler.repeat(if random.below(2) == 0 { len } else { 1 }).as_bytes());
    }
    bytes
}

fn whole(bytes: &[u8]) -> Vec<Stretch> {
    stretches(bytes, std::slice::from_ref(&(0..bytes.len())))
}

fn places(stretches: &[Stretch]) -> Vec<(Layer, Range<usize>)> {
    stretches.iter().map(|stretch| (stretch.layer, stretch.place.clone())).collect()
}

const ROUNDS: u64 = 3000;

#[test]
fn zones_lead_to_the_same_stretches() {
    let mut total = 0;
    for round in 0..ROUNDS {
        let mut random = Random(round);
        let bytes = soup(&mut random);
        let all = places(&whole(&bytes));
        total += all.len();
        let (mut zones, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let end = (at + 1 + random.below(400)).min(bytes.len());
            zones.push(at.saturating_sub(BEFORE)..(end + BEHIND).min(bytes.len()));
            at = end;
        }
        assert_eq!(places(&stretches(&bytes, &zones)), all, "round {round}");
    }
    assert!(total > 10_000, "only {total}");
}

/// Text with reasons that look as far as they may.
fn wide_reason(random: &mut Random) -> Vec<u8> {
    let gap = |random: &mut Random, most: usize| " ".repeat(random.below(most + 1));
    (0..8)
        .fold(String::new(), |text, _| {
            let next = match random.below(4) {
                0 => format!(
                    "x = \"abc123\"{}+\n{}\"xyz{}\";\n",
                    gap(random, 14),
                    gap(random, 14),
                    random.below(999_999)
                ),
                1 => {
                    let word = base64(text.as_bytes()).into_iter().chain(*b"f").cycle().take(70 + random.below(8));
                    format!("\n{}=\nabc\n", String::from_utf8(word.collect()).unwrap_or_default())
                }
                2 => (0..9).fold("a".to_owned(), |list, _| format!("{list}0x6{}, {}", random.below(9), gap(random, 9))),
                _ => format!("key: >-\n{}{}abc\n", gap(random, 16), gap(random, 16)),
            };
            text + &next
        })
        .into_bytes()
}

/// What makes delta children cheap: bytes that are new can only make reasons close by.
#[test]
fn reasons_depend_on_bytes_close_by() {
    let reasons = |bytes: &[u8], zone: Range<usize>| {
        let mut all = BTreeSet::new();
        seek::seek(bytes, zone, &mut |layer, at| {
            all.insert((layer, at));
        });
        all
    };
    let (mut near, mut kept) = (0, 0);
    // Of some bytes those at a place are new, and in other bytes stood something else there.
    let mut check = |bytes: &[u8], new: Range<usize>, other: &[u8], old: Range<usize>, round: u64| {
        let there = reasons(other, 0..other.len());
        let zone = reasons(bytes, new.start.saturating_sub(BEFORE)..bytes.len().min(new.end + BEHIND));
        for (layer, at) in reasons(bytes, 0..bytes.len()) {
            // Of a run of wide characters the first is told of.
            if matches!(layer, Layer::Wide(_)) || zone.contains(&(layer, at)) {
                near += 1;
                continue;
            }
            let before = if at < new.start { at } else { (at + old.end).wrapping_sub(new.end) };
            assert!(there.contains(&(layer, before)), "round {round}: {layer:?} at {at}, new is {new:?}");
            kept += 1;
        }
    };
    for round in 0..2 * ROUNDS {
        let mut random = Random(round ^ 0x123);
        let before = [wide_reason(&mut random), soup(&mut random)].concat();
        let new = wide_reason(&mut random);
        let from = random.below(new.len() + 1);
        let new = &new[from..from + random.below((new.len() - from).min(12) + 1)];
        let cut = random.below(before.len() + 1);
        let old = cut..cut + random.below((before.len() - cut).min(8) + 1);
        let after = [&before[..cut], new, &before[old.end..]].concat();
        let new = cut..cut + new.len();
        check(&after, new.clone(), &before, old.clone(), round);
        check(&before, old, &after, new, round);
    }
    assert!(near > 10_000 && kept > 10_000, "{near} {kept}");
}

#[test]
fn stretches_are_the_same_wherever_they_stand() {
    for round in 0..ROUNDS {
        let mut random = Random(round ^ 0xabc);
        let bytes = soup(&mut random);
        let by = 1 + random.below(40);
        let moved = [&b" ".repeat(by - 1)[..], b"\n", &bytes[..]].concat();
        let shifted: Vec<_> = whole(&bytes)
            .iter()
            .map(|stretch| (stretch.layer, stretch.place.start + by..stretch.place.end + by))
            .collect();
        // What was put before may be taken for wide characters.
        let at_start = |layer: &Layer, place: &Range<usize>| {
            place.start < by + if matches!(layer, Layer::Wide(_)) { 600 } else { 2 }
        };
        let here: Vec<_> =
            places(&whole(&moved)).into_iter().filter(|(layer, place)| !at_start(layer, place)).collect();
        let there: Vec<_> = shifted.into_iter().filter(|(layer, place)| !at_start(layer, place)).collect();
        assert_eq!(here, there, "round {round}");
    }
}

const JOINTS: [&str; 12] = [" ", " ", "  ", "\t", "\n", "\r\n", "+", ".", "&", "\\\n", " _\n", " `\n"];

/// The first look at blocks passes over nothing that a look at each place finds.
#[test]
fn blocks_hide_no_reason() {
    let (mut fast, mut junctions) = (0, 0);
    for round in 0..ROUNDS {
        let mut random = Random(round ^ 0x777);
        let mut bytes = Vec::new();
        for _ in 0..4 {
            let quotes = ["\"", "'", "`"].map(|quote| quote.repeat(random.below(8).min(1)));
            let joint: String = (0..1 + random.below(20)).map(|_| random.pick(&JOINTS)).collect();
            let kind = random.pick(&["", "", "b", "rb", "f", "x"]);
            let [left, right] = [0, 1].map(|_| &quotes[random.below(3)]);
            let named =
                random.pick(&["UnderBar", "NewLine", "sol", "plus", "equals", "amp", "num", "commat", "hyphen"]);
            let word = "A".repeat(16);
            let entity = format!("{word}&{named};#{word}&{named};{word}");
            bytes.extend_from_slice(format!("{left}abc123{right}{joint}{kind}{left}xyz9876{right}{entity}").as_bytes());
            bytes.extend_from_slice(&soup(&mut random));
        }
        let mut plain = BTreeSet::new();
        for at in 0..bytes.len() {
            let mut note = |layer, is_there| is_there && plain.insert((layer, at));
            note(Layer::Join, join::junction(&bytes, at).is_some());
            note(Layer::HexList, bytes[at] == b'0' && hex::List.is_reason(&bytes, at));
            for style in [Style::Percent, Style::Html, Style::Backslash, Style::Quoted] {
                note(Layer::Escape(style), style.is_reason(&bytes, at));
            }
            if matches!(bytes[at], b'>' | b'|') {
                plain.extend(join::block_head(&bytes, at).map(|line| (Layer::Block, line)));
            }
        }
        let mut found = BTreeSet::new();
        seek::seek(&bytes, 0..bytes.len(), &mut |layer, at| {
            if !matches!(layer, Layer::Base64 | Layer::Hex | Layer::Wide(_)) {
                found.insert((layer, at));
            }
        });
        let differ: Vec<_> = found.symmetric_difference(&plain).collect();
        assert!(differ.is_empty(), "round {round}: {differ:?}");
        fast += found.len();
        junctions += found.iter().filter(|(layer, _)| *layer == Layer::Join).count();
    }
    assert!(fast > 10_000 && junctions > 1_000, "{fast} {junctions}");
}

#[test]
fn every_reason_of_a_stretch_leads_to_it() {
    for round in 0..ROUNDS {
        let mut random = Random(round ^ 0xdef);
        let bytes = soup(&mut random);
        let all = whole(&bytes);
        let mut reasons = Vec::new();
        seek::seek(&bytes, 0..bytes.len(), &mut |layer, at| reasons.push((layer, at)));
        for (layer, at) in reasons {
            let Some(stretch) = Stretch::around(layer, &bytes, at) else { continue };
            assert!(all.contains(&stretch), "round {round}: {layer:?} at {at}: {stretch:?}\n {all:?}");
            assert!(stretch.holds(at), "round {round}: {layer:?} at {at}: {stretch:?}");
        }
    }
}

#[test]
fn places_are_in_the_stretch_and_its_line() {
    for round in 0..10 * ROUNDS {
        let mut random = Random(round ^ 0x123);
        let bytes = soup(&mut random);
        for stretch in whole(&bytes) {
            let Some(text) = stretch.decode(&bytes) else { continue };
            let mut last = 0;
            for at in 0..text.bytes.len() {
                let place = text.stored(&(at..at + 1));
                assert!(
                    place.start >= last && place.end <= bytes.len() && !place.is_empty(),
                    "round {round} {stretch:?}"
                );
                last = place.start;
            }
            let all = text.stored(&(0..text.bytes.len()));
            let near = stretch.place.start.saturating_sub(2100)..stretch.place.end + 2100;
            assert!(near.start <= all.start && all.end <= near.end, "round {round} {stretch:?} {all:?}");
        }
    }
}

/// What the one stretch of a layer in `stored` says.
fn said(layer: Layer, stored: &[u8]) -> String {
    let all = whole(stored);
    let of_layer: Vec<_> = all.iter().filter(|stretch| stretch.layer == layer).collect();
    assert_eq!(of_layer.len(), 1, "{:?}: {all:?}", String::from_utf8_lossy(stored));
    String::from_utf8_lossy(&of_layer[0].decode(stored).unwrap().bytes).into_owned()
}

#[test]
fn what_encoded_text_says() {
    const TEXT: &str = "Deploy_Token/1234+abcd=";
    let long = TEXT.repeat(8);
    for text in [TEXT, &long] {
        let bytes = text.as_bytes();
        let line = |stored: &[u8]| [b"key: ", stored, b"\nnext\n"].concat();
        let says = |layer, stored: Vec<u8>| assert!(said(layer, &line(&stored)).contains(text), "{layer:?} of {text}");
        says(Layer::Base64, base64(bytes));
        says(Layer::Base64, data_encoding::BASE64URL_NOPAD.encode(bytes).into_bytes());
        says(Layer::Base64, data_encoding::BASE64_MIME.encode(bytes).into_bytes());
        says(Layer::Base64, wrapped(&base64(bytes), 28, "\n      "));
        says(Layer::Hex, each(bytes, |byte| format!("{byte:02x}")));
        says(Layer::Hex, each(bytes, |byte| format!("{byte:02X}")));
        says(Layer::HexList, each(bytes, |byte| format!("0x{byte:02x},\n  ")));
        says(Layer::Escape(Style::Percent), each(bytes, |byte| format!("%{byte:02x}")));
        says(Layer::Escape(Style::Html), each(bytes, |byte| format!("&#x{byte:x};")));
        says(Layer::Escape(Style::Backslash), each(bytes, |byte| format!("\\u{{{byte:x}}}")));
        says(Layer::Escape(Style::Backslash), each(bytes, |byte| format!("\\U{byte:08x}")));
        says(Layer::Escape(Style::Backslash), each(bytes, |byte| format!("\\{byte:03o}")));
        says(Layer::Escape(Style::Backslash), text.replace('/', "\\/").into_bytes());
        says(Layer::Escape(Style::Backslash), text.replace('+', "\\u002B").into_bytes());
        says(Layer::Escape(Style::Html), text.replace('/', "&sol;").into_bytes());
        says(Layer::Escape(Style::Percent), text.replace('+', "%2B").replace('=', "%3D").into_bytes());
        says(Layer::Escape(Style::Quoted), text.replace('=', "=3D").into_bytes());
        says(Layer::Join, text.replace("34", "3\" + \"4").into_bytes());
        says(Layer::Join, text.replace("34", "3'\n   '4").into_bytes());
        says(Layer::Join, text.replace("34", "3\" .\r\n \"4").into_bytes());
        says(Layer::Join, text.replace("34", "3\\\n4").into_bytes());
    }
}

#[test]
fn lines_of_mail_go_on() {
    let word = "a1b2c3d4e5".repeat(3);
    let full = format!("{word:>75}=\nh8i9j0\n");
    assert!(said(Layer::Escape(Style::Quoted), full.as_bytes()).contains(&format!("{word}h8i9j0")));
    let padded = "KEY=aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd29ybGQ=\nNEXT=value\n";
    assert!(whole(padded.as_bytes()).iter().all(|stretch| stretch.layer == Layer::Base64));
}

#[test]
fn wide_text_says_the_same_in_any_order_of_bytes() {
    let text = "\u{feff}$Token = 'Abc-123_xyz'\r\n# \u{fc}ber alles und \u{4e67} jeden\r\n";
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let little4: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    let big4: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
    for (size, stored) in [(2, little), (2, big), (4, little4), (4, big4)] {
        assert!(
            said(Layer::Wide(size), &stored).contains("$Token = 'Abc-123_xyz'\r\n# \u{fc}ber alles und "),
            "{size}"
        );
    }
}

#[test]
fn ordinary_text_is_not_decoded() {
    let texts = [
        "it's 100% sure & done; a \\ b, \"x\" + y, 'a'\n'",
        "https://example.org/a/b?c=d&e=f#%20",
        "integrity sha512-9f8a7c6b5d4e3f2a1b0c9f8a7c6b5d4e3f2a1b0c9f8a7c6b5d4e3f2a1b0c9f8a",
        "\"first line of a message, \" +\n \"second line\"",
        "import (\n\t\"context\"\n\t\"encoding/json\"\n)",
    ];
    for text in texts {
        let all = whole(text.as_bytes());
        let said: Vec<_> = all.iter().filter_map(|stretch| stretch.decode(text.as_bytes())).collect();
        assert!(said.is_empty(), "{text}: {all:?}");
    }
}

/// Hostile or not, nothing takes more than a few looks at each byte: 10 MB each, on one line.
#[test]
fn long_lines_take_linear_time() {
    const LEN: usize = 10 << 20;
    let fill = |piece: &str| piece.repeat(LEN / piece.len() + 1).into_bytes();
    let text = "a long line of text, again and again; ";
    let noise: Vec<u8> = {
        let mut random = Random(7);
        (0..LEN / 4 * 3).map(|_| random.below(256) as u8).collect()
    };
    let inputs = [
        base64(&fill(text)[..LEN / 4 * 3]),
        base64(&noise),
        fill("6768705f"),
        fill("%67"),
        fill("%2F"),
        fill("\\"),
        fill("&#x2f;"),
        fill("=\n"),
        fill("=41"),
        fill("a\"+\""),
        fill("\"+"),
        fill("a\\\n"),
        fill("a\0"),
        fill("\0"),
        fill("a\0\0\0"),
        fill("0x41,"),
        fill("SGVsbG8gd29ybGQsIHRoaXMgaXM\n"),
        fill("k: >-\n aaaaa\n"),
    ];
    for input in inputs {
        let start = std::time::Instant::now();
        let all = whole(&input);
        let decoded: usize = all.iter().filter_map(|stretch| stretch.decode(&input)).map(|text| text.bytes.len()).sum();
        assert!(decoded <= input.len() * 4, "{decoded} from {:?}", String::from_utf8_lossy(&input[..20]));
        let took = start.elapsed();
        assert!(took.as_secs() < 60, "{took:?} for {:?}", String::from_utf8_lossy(&input[..20]));
        if std::env::var_os("SHOW_TIMES").is_some() {
            assert!(took.as_millis() == 0 || all.len() < usize::MAX);
            std::fs::write(
                "/dev/stderr",
                format!("{took:?} {} {:?}\n", all.len(), String::from_utf8_lossy(&input[..20])),
            )
            .unwrap();
        }
    }
}
