//! Damaged stores: everything wrong is named, everything else is read.

use std::fs;
use std::path::Path;

use super::super::*;
use super::REPACK;
use super::read;
use super::repo::Objects;
use super::repo::Random;
use super::repo::Repo;

/// Reads a damaged store: whatever is visited under a name that exists is what git had there, and what is not
/// visited is named. A damaged index may give an object a name that never was; that is told by counting.
fn bears(repo: &Repo, expected: &Objects, note: &str) {
    let store = repo.store();
    let seen = read(&store, Kinds::ALL, 1);
    let mut strangers = 0;
    for (id, object) in &seen.objects {
        match expected.get(id) {
            Some(original) => assert!(original == object, "{note}: {id} is wrong"),
            None => strangers += 1,
        }
    }
    let visited = seen.objects.len() - strangers;
    let absent = expected.len() - visited;
    assert!(absent <= strangers || !seen.tally.is_complete(), "{note}: {absent} are absent, {strangers} strangers");
    let blobs = read(&store, Kinds::BLOBS, 1);
    let count = expected.values().filter(|(kind, _)| *kind == Kind::Blob).count();
    assert!(blobs.objects.len() + strangers >= count || !blobs.tally.is_complete(), "{note}: a blob is absent");
    // The same where blobs are streamed: what was lent in part is named.
    let streamed = super::read_streaming(&store, 2000, &|_| false);
    let lost: std::collections::BTreeSet<_> = streamed.tally.failures.iter().filter_map(|failure| failure.id).collect();
    for (id, (_, bytes)) in &streamed.large {
        let is_right = expected.get(id).is_none_or(|original| original.1 == *bytes);
        assert!(is_right || lost.contains(id), "{note}: {id} is streamed wrong, and that is not told");
    }
    let read = streamed.whole.keys().chain(streamed.large.keys()).filter(|id| expected.contains_key(*id)).count();
    let absent = expected.len() - read;
    assert!(absent <= strangers || !streamed.tally.is_complete(), "{note}: {absent} are absent when streamed");
    let mut out = Vec::new();
    for (id, (kind, bytes)) in expected {
        if let Ok(Some(found)) = store.find(id, &mut out) {
            assert!(found == *kind && out == *bytes, "{note}: {id} is found wrong");
        }
    }
}

fn overwrite(path: &Path, bytes: &[u8]) {
    // Never in place: the old file may still be mapped.
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
}

fn flips(repo: &Repo, path: &Path, expected: &Objects, rounds: usize) {
    let good = fs::read(path).unwrap();
    let mut random = Random::new(path.as_os_str().len() as u64);
    for round in 0..rounds {
        let mut bad = good.clone();
        for _ in 0..=round % 3 {
            // The first bytes and the tables are where most can go wrong.
            let end = if round % 4 == 0 { good.len().min(1100) } else { good.len() };
            let at = random.below(end);
            bad[at] ^= 1 << random.below(8);
        }
        overwrite(path, &bad);
        bears(repo, expected, &format!("flips {round} in {}", path.display()));
    }
    overwrite(path, &good);
}

fn cuts(repo: &Repo, path: &Path, expected: &Objects, rounds: usize) {
    let good = fs::read(path).unwrap();
    for round in 0..rounds {
        let len = good.len() * round / rounds;
        overwrite(path, &good[..len]);
        bears(repo, expected, &format!("{} cut to {len}", path.display()));
    }
    overwrite(path, &good);
}

fn packed() -> (Repo, Objects) {
    let repo = Repo::with_history(HashKind::Sha1, 8);
    repo.git(&REPACK);
    let objects = repo.objects();
    (repo, objects)
}

#[test]
fn a_damaged_pack() {
    let (repo, expected) = packed();
    let path = repo.packs("pack").remove(0);
    flips(&repo, &path, &expected, 900);
    cuts(&repo, &path, &expected, 150);
    bears(&repo, &expected, "whole again");
}

#[test]
fn a_damaged_index() {
    let (repo, expected) = packed();
    let path = repo.packs("idx").remove(0);
    flips(&repo, &path, &expected, 900);
    cuts(&repo, &path, &expected, 150);
    bears(&repo, &expected, "whole again");
}

#[test]
fn damage_with_bases_named_by_id() {
    let repo = Repo::with_history(HashKind::Sha1, 8);
    repo.git(&["config", "repack.useDeltaBaseOffset", "false"]);
    repo.git(&REPACK);
    let expected = repo.objects();
    let path = repo.packs("pack").remove(0);
    flips(&repo, &path, &expected, 300);
}

/// Without checksums in the index, an entry's header is not protected: kinds may be wrong, contents may not.
#[test]
fn damage_with_an_old_index() {
    let repo = Repo::with_history(HashKind::Sha1, 8);
    repo.git(&["config", "pack.indexVersion", "1"]);
    repo.git(&REPACK);
    let expected = repo.objects();
    let path = repo.packs("pack").remove(0);
    let good = fs::read(&path).unwrap();
    let mut random = Random::new(8);
    for round in 0..500 {
        let mut bad = good.clone();
        let at = 12 + random.below(good.len() - 32);
        bad[at] ^= 1 << random.below(8);
        overwrite(&path, &bad);
        let store = repo.store();
        let seen = read(&store, Kinds::ALL, 1);
        for (id, (_, bytes)) in &seen.objects {
            assert!(expected[id].1 == *bytes, "flip {round} at {at}: {id} is wrong");
        }
        assert!(seen.objects.len() == expected.len() || !seen.tally.is_complete());
        for id in expected.keys() {
            let _ = store.find(id, &mut Vec::new());
        }
    }
}

#[test]
fn damaged_loose_objects() {
    let repo = Repo::with_history(HashKind::Sha1, 4);
    let expected = repo.objects();
    for id in expected.keys().take(12) {
        let path = loose::path(&repo.objects_dir(), id);
        flips(&repo, &path, &expected, 25);
        cuts(&repo, &path, &expected, 8);
    }
}

#[test]
fn a_blob_cannot_hide_as_something_else() {
    let (repo, expected) = packed();
    let (path, index) = (repo.packs("pack").remove(0), repo.packs("idx").remove(0));
    let good = fs::read(&path).unwrap();
    let listed = repo.feed(&["show-index"], &fs::read(index).unwrap());
    for line in String::from_utf8(listed).unwrap().lines() {
        let words: Vec<_> = line.split(' ').collect();
        let at: usize = words[0].parse().unwrap();
        let id = ObjectId::from_hex(words[1].as_bytes()).unwrap();
        if good[at] >> 4 & 7 != 3 {
            continue;
        }
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        overwrite(&path, &bad);
        let seen = read(&repo.store(), Kinds::BLOBS, 1);
        assert!(seen.tally.failures.iter().any(|failure| failure.id == Some(id)));
        bears(&repo, &expected, "a blob as a tree");
    }
}

#[test]
fn something_behind_a_loose_object() {
    let repo = Repo::with_history(HashKind::Sha1, 1);
    let (id, _) = repo.objects().pop_first().unwrap();
    let path = loose::path(&repo.objects_dir(), &id);
    let mut bytes = fs::read(&path).unwrap();
    bytes.push(0);
    overwrite(&path, &bytes);
    let seen = read(&repo.store(), Kinds::ALL, 1);
    assert_eq!(seen.tally.failures.len(), 1);
    assert_eq!(seen.tally.failures[0].id, Some(id));
}

#[test]
fn one_bad_entry_costs_only_what_is_built_on_it() {
    let (repo, expected) = packed();
    let path = repo.packs("pack").remove(0);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() - 40;
    bytes[at] ^= 0xff;
    overwrite(&path, &bytes);
    let seen = read(&repo.store(), Kinds::ALL, 2);
    assert!(!seen.tally.failures.is_empty());
    assert_eq!(seen.objects.len() + seen.tally.failures.len(), expected.len());
}

#[test]
fn what_is_damaged_in_one_place_is_read_in_another() {
    let (repo, expected) = packed();
    let path = repo.packs("pack").remove(0);
    let mut bytes = fs::read(&path).unwrap();
    let other = Repo::new(HashKind::Sha1);
    other.feed(&["unpack-objects", "-q"], &bytes);
    super::copy_loose(&other, &repo);
    for at in (100..bytes.len() - 20).step_by(500) {
        bytes[at] ^= 0x55;
    }
    overwrite(&path, &bytes);
    let seen = read(&repo.store(), Kinds::ALL, 2);
    assert_eq!(seen.objects, expected);
    assert_eq!(seen.tally.failures, []);
}

#[test]
fn halves_of_pairs() {
    let (repo, expected) = packed();
    let (pack, index) = (repo.packs("pack").remove(0), repo.packs("idx").remove(0));
    let hidden = index.with_extension("hidden");
    fs::rename(&index, &hidden).unwrap();
    let seen = read(&repo.store(), Kinds::ALL, 2);
    assert_eq!(seen.objects.len(), 0);
    assert_eq!(seen.tally.failures.len(), 1);
    assert_eq!(seen.tally.failures[0].what, pack.display().to_string());
    assert_eq!(seen.tally.failures[0].kind, FailureKind::Missing);
    fs::rename(&hidden, &index).unwrap();
    fs::rename(&pack, &hidden).unwrap();
    let seen = read(&repo.store(), Kinds::ALL, 2);
    assert_eq!(seen.tally.failures.len(), 1);
    fs::rename(&hidden, &pack).unwrap();
    assert_eq!(read(&repo.store(), Kinds::ALL, 2).objects, expected);
}

#[test]
#[cfg(unix)]
fn pipes_are_not_waited_for() {
    let (repo, expected) = packed();
    let objects = repo.objects_dir();
    let make = |path: &Path| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
        assert!(made.success());
    };
    make(&objects.join("pack/pack-pipe.pack"));
    make(&objects.join("pack/pack-pipe.idx"));
    make(&loose::path(&objects, &ObjectId::null(HashKind::Sha1)));
    make(&objects.join("info/alternates"));
    let seen = read(&repo.store(), Kinds::ALL, 2);
    assert_eq!(seen.objects, expected);
    assert_eq!(seen.tally.failures.len(), 3);
}
