//! Packs that git would not write.

use std::fs;

use super::super::*;
use super::read;
use super::repo::Dir;
use super::repo::Random;

/// How an entry is stored.
#[derive(Clone)]
enum Form {
    Full(u8, Vec<u8>),
    /// Against the entry with this number.
    Offset(usize, Vec<u8>),
    Id(ObjectId, Vec<u8>),
    Raw(Vec<u8>),
}

fn id(kind: Kind, bytes: &[u8]) -> ObjectId {
    let kind = match kind {
        Kind::Tree => gix_object::Kind::Tree,
        _ => gix_object::Kind::Blob,
    };
    gix_object::compute_hash(HashKind::Sha1, kind, bytes).unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; zlib_rs::compress_bound(bytes.len())];
    let (out, code) = zlib_rs::compress_slice(&mut out, bytes, zlib_rs::DeflateConfig::default());
    assert_eq!(code, zlib_rs::ReturnCode::Ok);
    out.to_vec()
}

fn entry_header(kind: u8, size: usize) -> Vec<u8> {
    let mut header = vec![kind << 4 | (size & 15) as u8];
    let mut rest = size >> 4;
    while rest > 0 {
        *header.last_mut().unwrap() |= 0x80;
        header.push((rest & 0x7f) as u8);
        rest >>= 7;
    }
    header
}

fn distance(mut value: u64) -> Vec<u8> {
    let mut bytes = vec![(value & 0x7f) as u8];
    while value >= 128 {
        value = (value >> 7) - 1;
        bytes.push((value & 0x7f) as u8 | 0x80);
    }
    bytes.reverse();
    bytes
}

/// Writes a pack and its index.
fn forge(dir: &Dir, entries: &[(ObjectId, Form)]) -> Store {
    let mut pack = b"PACK\0\0\0\x02".to_vec();
    pack.extend((entries.len() as u32).to_be_bytes());
    let mut rows = Vec::new();
    let mut offsets = Vec::new();
    for (id, form) in entries {
        let offset = pack.len();
        match form {
            Form::Full(kind, bytes) => {
                pack.extend(entry_header(*kind, bytes.len()));
                pack.extend(deflate(bytes));
            }
            Form::Offset(base, delta) => {
                pack.extend(entry_header(6, delta.len()));
                let base: usize = offsets[*base];
                pack.extend(distance((offset - base) as u64));
                pack.extend(deflate(delta));
            }
            Form::Id(base, delta) => {
                pack.extend(entry_header(7, delta.len()));
                pack.extend_from_slice(base.as_slice());
                pack.extend(deflate(delta));
            }
            Form::Raw(bytes) => pack.extend_from_slice(bytes),
        }
        offsets.push(offset);
        rows.push((*id, zlib_rs::crc32::crc32(0, &pack[offset..]), offset as u32));
    }
    pack.extend([0; 20]);
    rows.sort();
    let packs = dir.path().join("pack");
    fs::create_dir_all(&packs).unwrap();
    fs::write(packs.join("pack-forged.pack"), &pack).unwrap();
    fs::write(packs.join("pack-forged.idx"), index(&rows)).unwrap();
    Store::open(dir.path(), HashKind::Sha1).unwrap()
}

fn index(rows: &[(ObjectId, u32, u32)]) -> Vec<u8> {
    let mut index = b"\xfftOc\0\0\0\x02".to_vec();
    for first in 0..=255u8 {
        let upto = rows.iter().filter(|(id, ..)| id.as_slice()[0] <= first).count();
        index.extend((upto as u32).to_be_bytes());
    }
    rows.iter().for_each(|(id, ..)| index.extend_from_slice(id.as_slice()));
    rows.iter().for_each(|(_, crc, _)| index.extend(crc.to_be_bytes()));
    rows.iter().for_each(|(.., offset)| index.extend(offset.to_be_bytes()));
    index.extend([0; 40]);
    index
}

/// A delta that appends to its base.
fn append(base: usize, more: &[u8]) -> Vec<u8> {
    let mut delta = number(base);
    delta.extend(number(base + more.len()));
    let mut from = 0;
    while from < base {
        let len = (base - from).min(0xff_ffff);
        delta.push(0xff);
        delta.extend((from as u32).to_le_bytes());
        delta.extend(&(len as u32).to_le_bytes()[..3]);
        from += len;
    }
    if !more.is_empty() {
        delta.push(more.len() as u8);
        delta.extend_from_slice(more);
    }
    delta
}

fn number(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 128 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn made_up(number: u32) -> ObjectId {
    let mut id = ObjectId::null(HashKind::Sha1);
    id.as_mut_slice()[..4].copy_from_slice(&number.to_be_bytes());
    id.as_mut_slice()[19] = 1;
    id
}

#[test]
fn a_base_that_is_nowhere() {
    let dir = Dir::new();
    let whole = b"whole".to_vec();
    let entries = [
        (id(Kind::Blob, &whole), Form::Full(3, whole.clone())),
        (made_up(1), Form::Id(made_up(9), append(5, b"x"))),
        (made_up(2), Form::Offset(1, append(6, b"y"))),
    ];
    let store = forge(&dir, &entries);
    let seen = read(&store, Kinds::BLOBS, 2);
    assert_eq!(seen.objects.len(), 1);
    let mut failures = seen.tally.failures;
    failures.sort_by_key(|failure| failure.id);
    assert_eq!(failures.len(), 2);
    assert_eq!(failures[0].id, Some(made_up(1)));
    assert_eq!(failures[0].kind, FailureKind::Missing);
    assert!(failures[0].why.contains(&made_up(9).to_string()));
    assert_eq!(failures[1].id, Some(made_up(2)));
    assert!(store.find(&made_up(2), &mut Vec::new()).is_err());
}

#[test]
fn a_base_in_another_place() {
    let (dir, other) = (Dir::new(), Dir::new());
    let base = b"the base, elsewhere".to_vec();
    let base_id = id(Kind::Blob, &base);
    let child = [base.as_slice(), b" and more"].concat();
    let grandchild = [child.as_slice(), b" still"].concat();
    forge(&other, &[(base_id, Form::Full(3, base.clone()))]);
    let entries = [
        (id(Kind::Blob, &child), Form::Id(base_id, append(base.len(), b" and more"))),
        (id(Kind::Blob, &grandchild), Form::Offset(0, append(child.len(), b" still"))),
    ];
    forge(&dir, &entries);
    let store = Store::open_with(dir.path(), &[other.path().to_owned()], HashKind::Sha1).unwrap();
    let seen = read(&store, Kinds::BLOBS, 2);
    assert_eq!(seen.tally.failures, []);
    assert_eq!(seen.objects.len(), 3);
    assert_eq!(seen.objects[&entries[1].0], (Kind::Blob, grandchild));
    assert_eq!(seen.deltas, 1, "the base was not visited just before");
    let trees = Kinds { trees: true, ..Kinds::default() };
    assert_eq!(read(&store, trees, 1).objects.len(), 0);
    let mut out = Vec::new();
    assert_eq!(store.find(&entries[0].0, &mut out).unwrap(), Some(Kind::Blob));
    assert_eq!(out, child);
}

#[test]
fn bases_in_a_circle() {
    let dir = Dir::new();
    let entries = [
        (made_up(1), Form::Id(made_up(2), append(5, b"x"))),
        (made_up(2), Form::Id(made_up(1), append(5, b"x"))),
        (made_up(3), Form::Id(made_up(3), append(5, b"x"))),
        (made_up(4), Form::Offset(2, append(5, b"x"))),
        (id(Kind::Blob, b"fine"), Form::Full(3, b"fine".to_vec())),
    ];
    let store = forge(&dir, &entries);
    for want in [Kinds::BLOBS, Kinds::ALL] {
        let seen = read(&store, want, 2);
        assert_eq!(seen.objects.len(), 1);
        assert_eq!(seen.tally.failures.len(), 4);
    }
    for number in 1..=4 {
        assert!(store.find(&made_up(number), &mut Vec::new()).is_err());
    }
}

#[test]
fn bases_in_a_circle_of_stores() {
    let (dir, other) = (Dir::new(), Dir::new());
    forge(&dir, &[(made_up(1), Form::Id(made_up(2), append(5, b"x")))]);
    forge(&other, &[(made_up(2), Form::Id(made_up(1), append(5, b"x")))]);
    let store = Store::open_with(dir.path(), &[other.path().to_owned()], HashKind::Sha1).unwrap();
    assert_eq!(read(&store, Kinds::ALL, 2).tally.failures.len(), 2);
    assert!(store.find(&made_up(1), &mut Vec::new()).is_err());
}

#[test]
fn a_chain_that_would_overflow_the_call_stack() {
    let dir = Dir::new();
    let base = vec![b'a'; 16];
    let mut entries = vec![(made_up(0), Form::Full(3, base))];
    for number in 1..60_000 {
        let len = 15 + number as usize;
        entries.push((made_up(number), Form::Offset(number as usize - 1, append(len, b"x"))));
    }
    let store = forge(&dir, &entries);
    let tally = store.for_each(Kinds::BLOBS, |_, _: Option<&()>| ());
    assert_eq!(tally.failures, []);
    assert_eq!(tally.blobs, 60_000);
    assert!(store.find(&made_up(59_999), &mut Vec::new()).is_err());
}

#[test]
fn large_bases_are_dropped_and_made_again() {
    let dir = Dir::new();
    // Each of a chain has a leaf as well: heaviest-last keeps one base for each level on the way down.
    let size = 20 << 20;
    let mut entries = vec![(made_up(0), Form::Full(3, vec![b'a'; size]))];
    let mut random = Random::new(1);
    for number in 1..40usize {
        let base = (number - 1) / 2;
        let depth = |mut node: usize| {
            let mut depth = 0;
            while node > 0 {
                node = (node - 1) / 2;
                depth += 1;
            }
            depth
        };
        let letter = [b'b' + random.below(20) as u8];
        entries.push((made_up(number as u32), Form::Offset(base, append(size + depth(base), &letter))));
    }
    let store = forge(&dir, &entries);
    let check = |object: Object<'_>, base: Option<&(usize, Vec<u8>)>| {
        let tail = object.bytes[size..].to_vec();
        if let Some((len, earlier)) = base {
            assert_eq!(object.bytes.len(), len + 1);
            assert!(tail.starts_with(earlier));
        }
        (object.bytes.len(), tail)
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let tally = pool.install(|| store.for_each(Kinds::BLOBS, check));
    assert_eq!(tally.failures, []);
    assert_eq!(tally.blobs, 40);
}

#[test]
fn a_tree_is_shared_among_threads() {
    let dir = Dir::new();
    let mut contents = vec![b"root".to_vec()];
    let mut entries = vec![(id(Kind::Blob, b"root"), Form::Full(3, b"root".to_vec()))];
    let mut random = Random::new(5);
    for number in 1..3000usize {
        // Some wide, some deep.
        let base = random.below(if number % 2 == 0 { number } else { number.min(5) });
        let more = format!("-{number}");
        let bytes = [&contents[base], more.as_bytes()].concat();
        let delta = append(contents[base].len(), more.as_bytes());
        entries.push((id(Kind::Blob, &bytes), Form::Offset(base, delta)));
        contents.push(bytes);
    }
    let store = forge(&dir, &entries);
    for threads in [1, 2, 8] {
        let seen = read(&store, Kinds::BLOBS, threads);
        assert_eq!(seen.tally.failures, []);
        assert_eq!(seen.deltas, 2999);
        for (number, (id, _)) in entries.iter().enumerate() {
            assert_eq!(seen.objects[id].1, contents[number]);
        }
    }
}

#[test]
fn sizes_that_are_not_true() {
    let dir = Dir::new();
    let lie = |claimed: usize, bytes: &[u8]| {
        let mut raw = entry_header(3, claimed);
        raw.extend(deflate(bytes));
        Form::Raw(raw)
    };
    let mut endless = vec![0xb0];
    endless.extend([0xff; 40]);
    let delta = |child: usize| [number(4), number(child), vec![0x90, 4]].concat();
    let entries = [
        (made_up(0), Form::Full(3, b"good".to_vec())),
        (made_up(1), lie(3, b"longer")),
        (made_up(2), lie(9, b"short")),
        (made_up(3), lie(400 << 20, b"short")),
        (made_up(4), lie(1 << 40, b"short")),
        (made_up(5), Form::Raw(endless)),
        (made_up(6), Form::Offset(0, delta(400 << 20))),
        (made_up(7), Form::Offset(0, delta(1 << 40))),
        (made_up(8), Form::Offset(0, delta(3))),
        (made_up(9), Form::Offset(0, [number(5), number(4), vec![0x90, 4]].concat())),
        (made_up(10), Form::Offset(0, [number(4), number(4), vec![0x90, 5]].concat())),
        (made_up(11), Form::Offset(0, [number(4), number(4), vec![0xff, 4]].concat())),
        (made_up(12), Form::Offset(0, [number(4), number(4), vec![4, 1]].concat())),
        (made_up(13), Form::Offset(0, [number(4), number(4), vec![0]].concat())),
        (made_up(14), Form::Offset(0, vec![])),
        (made_up(15), Form::Offset(0, vec![0xff; 30])),
        (made_up(16), Form::Raw(vec![])),
    ];
    let store = forge(&dir, &entries);
    let seen = read(&store, Kinds::ALL, 2);
    assert_eq!(seen.objects.len(), 1);
    assert_eq!(seen.tally.failures.len(), entries.len() - 1);
    let too_large = |failure: &&Failure| failure.kind == FailureKind::TooLarge;
    assert_eq!(seen.tally.failures.iter().filter(too_large).count(), 2);
    for number in 1..entries.len() as u32 {
        assert!(store.find(&made_up(number), &mut Vec::new()).is_err());
    }
}

/// Checksums hold, so that what is wrong gets as far as the decoders.
#[test]
fn instructions_and_streams_at_random() {
    let dir = Dir::new();
    let mut random = Random::new(77);
    let base: Vec<u8> = (0..600).map(|_| random.next() as u8).collect();
    let good =
        [number(600), number(410), vec![0xb1, 7, 200, 5], b"abcde".to_vec(), vec![0xb0, 200, 0, 5], b"fghij".to_vec()]
            .concat();
    let mut entries = vec![(made_up(0), Form::Full(3, base.clone()))];
    for number in 1..4000 {
        let mut delta = good.clone();
        let mut stream = entry_header(3, base.len());
        let start = stream.len();
        stream.extend(deflate(&base));
        for _ in 0..number % 4 {
            let at = random.below(delta.len());
            delta[at] = random.next() as u8;
            let at = start + random.below(stream.len() - start);
            stream[at] ^= 1 << random.below(8);
        }
        let form = match number % 3 {
            0 => Form::Raw(stream),
            1 => Form::Id(made_up(0), delta),
            _ => Form::Offset(0, delta),
        };
        entries.push((made_up(number), form));
    }
    let store = forge(&dir, &entries);
    let seen = read(&store, Kinds::ALL, 2);
    assert_eq!(seen.objects.len() + seen.tally.failures.len(), entries.len());
    assert!(seen.objects.len() > 1000 && seen.tally.failures.len() > 1000);
    for (id, _) in &entries {
        let _ = store.find(id, &mut Vec::new());
    }
}

#[test]
fn the_limit() {
    let dir = Dir::new();
    let entries = [
        (made_up(0), Form::Full(3, b"good".to_vec())),
        (made_up(1), Form::Full(3, b"larger".to_vec())),
        (made_up(2), Form::Offset(0, append(4, b"good"))),
    ];
    let store = forge(&dir, &entries).with_max_object_size(5);
    let seen = read(&store, Kinds::ALL, 2);
    assert_eq!(seen.objects.len(), 1);
    assert!(seen.tally.failures.iter().all(|failure| failure.kind == FailureKind::TooLarge));
}

#[test]
fn a_bomb_is_not_reserved_in_advance() {
    let dir = Dir::new();
    let bytes = vec![0; 64 << 20];
    let entries = [(made_up(0), Form::Full(3, bytes))];
    let store = forge(&dir, &entries);
    assert_eq!(store.for_each(Kinds::ALL, |_, _: Option<&()>| ()).bytes, 64 << 20);
    let small = store.with_max_object_size(1 << 20);
    assert_eq!(small.for_each(Kinds::ALL, |_, _: Option<&()>| ()).failures.len(), 1);
}
