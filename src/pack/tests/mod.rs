//! The reader against git itself.

mod damage;
mod forge;
mod repo;

use std::fs;
use std::sync::Mutex;

use super::*;
use repo::Objects;
use repo::Repo;

/// What a pass over a store came to: each visited object, how many came with copied runs, and the tally.
struct Seen {
    objects: Objects,
    deltas: usize,
    tally: Tally,
}

/// Visits everything with a pool of `threads`, and checks what can be checked of each visit alone.
fn read(store: &Store, want: Kinds, threads: usize) -> Seen {
    let visited = Mutex::new((Objects::new(), 0));
    let visit = |object: Object<'_>, base: Option<&Vec<u8>>| {
        assert_eq!(object.copies.is_some(), base.is_some());
        if let (Some(copies), Some(base)) = (object.copies, base) {
            check_copies(copies, base, object.bytes);
        }
        let mut visited = visited.lock().unwrap();
        visited.1 += usize::from(base.is_some());
        let value = (object.kind, object.bytes.to_vec());
        let again = visited.0.insert(object.id.to_owned(), value);
        assert!(again.is_none(), "{} was visited twice", object.id);
        object.bytes.to_vec()
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let tally = pool.install(|| store.for_each(want, visit));
    let (objects, deltas) = visited.into_inner().unwrap();
    assert_eq!(tally.objects(), objects.len() as u64);
    assert_eq!(tally.bytes, objects.values().map(|(_, bytes)| bytes.len() as u64).sum::<u64>());
    Seen { objects, deltas, tally }
}

/// What a pass came to that lends blobs of more than `above` bytes as streams, where that can be.
struct Streamed {
    whole: Objects,
    /// Those that were lent as streams, with what came of them.
    large: std::collections::BTreeMap<ObjectId, (u64, Vec<u8>)>,
    tally: Tally,
}

fn read_streaming(store: &Store, above: usize, held: &(dyn Fn(&[u8]) -> bool + Sync)) -> Streamed {
    let (whole, large) = (Mutex::new(Objects::new()), Mutex::new(std::collections::BTreeMap::new()));
    let stream = |id: &oid, size: u64, bytes: &mut dyn std::io::Read| {
        let mut read = Vec::new();
        let ended = bytes.read_to_end(&mut read).map(|_| ());
        assert!(large.lock().unwrap().insert(id.to_owned(), (size, read)).is_none(), "{id} was lent twice");
        ended
    };
    let visit = |object: Object<'_>, _: Option<&()>| {
        let value = (object.kind, object.bytes.to_vec());
        assert!(whole.lock().unwrap().insert(object.id.to_owned(), value).is_none());
    };
    let wish = Large { above, whole: held, visit: &stream };
    let tally = store.for_each_streaming(Kinds::ALL, Kinds::default(), &wish, visit);
    Streamed { whole: whole.into_inner().unwrap(), large: large.into_inner().unwrap(), tally }
}

fn check_copies(copies: &[Copy], base: &[u8], child: &[u8]) {
    let mut end = 0;
    for copy in copies {
        let (from, to, len) = (copy.base as usize, copy.child as usize, copy.len as usize);
        assert!(to >= end, "runs are in order and do not overlap");
        assert_eq!(base[from..from + len], child[to..to + len]);
        end = to + len;
    }
}

fn is_packed(store: &Store, id: &ObjectId) -> bool {
    store.packs().iter().any(|pack| pack.position(id).is_some())
}

/// Reads `repo` in several ways and compares with git.
fn agrees(repo: &Repo) -> Seen {
    let expected = repo.objects();
    assert!(!expected.is_empty());
    let store = repo.store();
    for threads in [4, 1] {
        let mut blobs = expected.clone();
        blobs.retain(|_, (kind, _)| *kind == Kind::Blob);
        let seen = read(&store, Kinds::BLOBS, threads);
        assert_eq!(seen.objects, blobs);
        assert_eq!(seen.tally.failures, []);
    }
    let mut out = Vec::new();
    for (id, (kind, bytes)) in &expected {
        assert_eq!(store.find(id, &mut out).unwrap(), Some(*kind));
        assert_eq!(out, *bytes);
        assert!(store.contains(id));
        for bit in [0, 3, 8 * 7, 8 * 8 + 1, 8 * id.as_bytes().len() - 1] {
            let mut bytes = id.as_bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let near = ObjectId::try_from(bytes.as_slice()).unwrap();
            assert_eq!(store.contains(&near), expected.contains_key(&near));
        }
    }
    let loose: Vec<ObjectId> = expected.keys().copied().filter(|id| !is_packed(&store, id)).collect();
    let mut open: Vec<ObjectId> = expected.keys().copied().collect();
    open.sort_unstable();
    store.drop_packed(&mut open, |id| id);
    assert_eq!(open, loose);
    let absent = repo.hash.null();
    assert_eq!(store.find(&absent, &mut out).unwrap(), None);
    assert!(!store.contains(&absent));
    assert_eq!(read(&store, Kinds::ALL, 4).objects, expected);
    let seen = read(&store, Kinds::ALL, 1);
    assert_eq!(seen.objects, expected);
    assert_eq!(seen.tally.failures, []);
    assert!(seen.tally.is_complete());
    seen
}

const REPACK: [&str; 5] = ["repack", "-adfq", "--depth=50", "--window=50", "--threads=1"];

#[test]
fn loose_objects() {
    let repo = Repo::with_history(HashKind::Sha1, 12);
    assert_eq!(repo.packs("pack").len(), 0);
    let seen = agrees(&repo);
    assert_eq!(seen.deltas, 0);
    assert!(seen.tally.tags > 0 && seen.tally.trees > 0 && seen.tally.commits > 0);
}

#[test]
fn one_pack() {
    let repo = Repo::with_history(HashKind::Sha1, 120);
    repo.git(&REPACK);
    assert_eq!(repo.packs("pack").len(), 1);
    let seen = agrees(&repo);
    assert!(seen.deltas > 100, "{} deltas", seen.deltas);
}

#[test]
fn bases_named_by_id() {
    let repo = Repo::with_history(HashKind::Sha1, 60);
    repo.git(&["config", "repack.useDeltaBaseOffset", "false"]);
    repo.git(&REPACK);
    assert!(agrees(&repo).deltas > 50);
}

#[test]
fn sha256() {
    let repo = Repo::with_history(HashKind::Sha256, 30);
    agrees(&repo);
    repo.git(&REPACK);
    assert!(agrees(&repo).deltas > 20);
}

#[test]
fn first_version_of_the_index() {
    let repo = Repo::with_history(HashKind::Sha1, 30);
    repo.git(&["config", "pack.indexVersion", "1"]);
    repo.git(&REPACK);
    assert!(agrees(&repo).deltas > 20);
}

#[test]
fn several_packs_with_common_objects_and_loose_ones() {
    let repo = Repo::with_history(HashKind::Sha1, 30);
    repo.git(&["repack", "-dq"]);
    repo.import("second", 1, 30);
    repo.git(&["repack", "-dq"]);
    // A pack of everything next to those that hold parts of it.
    let all = repo.objects().keys().map(|id| format!("{id}\n")).collect::<String>();
    repo.feed(&["pack-objects", "-q", "--depth=50", "--window=50", "objects/pack/pack"], all.as_bytes());
    repo.import("third", 2, 10);
    assert_eq!(repo.packs("pack").len(), 3);
    // Loose copies of packed objects.
    let pack = fs::read(&repo.packs("pack")[0]).unwrap();
    let other = Repo::new(HashKind::Sha1);
    other.feed(&["unpack-objects", "-q"], &pack);
    copy_loose(&other, &repo);
    assert!(agrees(&repo).deltas > 50);
}

fn copy_loose(from: &Repo, to: &Repo) {
    for id in from.objects().keys() {
        let path = |repo: &Repo| loose::path(&repo.objects_dir(), id);
        fs::create_dir_all(path(to).parent().unwrap()).unwrap();
        fs::copy(path(from), path(to)).unwrap();
    }
}

#[test]
fn alternates_even_in_a_circle() {
    let (first, second, third) =
        (Repo::with_history(HashKind::Sha1, 10), Repo::with_history(HashKind::Sha1, 20), Repo::new(HashKind::Sha1));
    third.import("third", 3, 10);
    second.git(&REPACK);
    let borrow = |from: &Repo, to: &str| {
        fs::write(from.objects_dir().join("info/alternates"), format!("# a comment\n{to}\n")).unwrap();
    };
    borrow(&first, &second.objects_dir().display().to_string());
    let relative = third.objects_dir();
    let relative = relative.strip_prefix(std::env::temp_dir()).unwrap();
    borrow(&second, &format!("../../{}", relative.display()));
    let mut expected = first.objects();
    expected.extend(third.objects());
    assert_eq!(agrees(&first).objects, expected);
    borrow(&third, &first.objects_dir().display().to_string());
    assert_eq!(read(&first.store(), Kinds::ALL, 2).objects, expected);
    borrow(&third, "/nowhere/objects");
    let tally = read(&first.store(), Kinds::ALL, 2).tally;
    assert_eq!(tally.objects(), expected.len() as u64);
    assert_eq!(tally.failures.len(), 1);
    assert_eq!(tally.failures[0].what, "/nowhere/objects");
    assert_eq!(tally.failures[0].kind, FailureKind::Missing);
}

#[test]
fn alternates_of_the_caller() {
    let (first, second) = (Repo::with_history(HashKind::Sha1, 5), Repo::new(HashKind::Sha1));
    second.import("other", 5, 5);
    let store = Store::open_with(&first.objects_dir(), &[second.objects_dir()], HashKind::Sha1).unwrap();
    let mut expected = first.objects();
    expected.extend(second.objects());
    assert_eq!(read(&store, Kinds::ALL, 2).objects, expected);
}

#[test]
fn large_blobs_are_streamed() {
    let repo = Repo::with_history(HashKind::Sha1, 40);
    let long = repo::text(77, 200_000).into_bytes();
    repo.feed(&["hash-object", "-w", "--stdin"], &long);
    let check = |least: usize| {
        let expected = repo.objects();
        for above in [0, 700, 100_000] {
            let Streamed { whole, large, tally } = read_streaming(&repo.store(), above, &|_| false);
            assert_eq!(tally.failures, []);
            assert_eq!(tally.objects() as usize, expected.len());
            assert_eq!(whole.len() + large.len(), expected.len());
            for (id, (size, bytes)) in &large {
                assert_eq!((Kind::Blob, bytes), (expected[id].0, &expected[id].1));
                assert!(*size == bytes.len() as u64 && bytes.len() > above);
            }
            assert!(whole.iter().all(|(id, object)| expected[id] == *object));
            assert!(large.len() >= if above == 100_000 { 1 } else { least }, "{} of {least}", large.len());
        }
        // What must be held is held.
        let seen = read_streaming(&repo.store(), 700, &|head| head.starts_with(&long[..100]));
        assert!(seen.whole.values().any(|(_, bytes)| *bytes == long) && !seen.large.is_empty());
    };
    // Loose, whole in a pack, and as deltas that nothing is built on.
    check(40);
    repo.git(&["repack", "-adfq", "--depth=0", "--window=0"]);
    repo.git(&["prune-packed"]);
    check(40);
    let blobs = repo.objects();
    let ids: String = blobs.keys().map(|id| format!("{id}\n")).collect();
    for pack in repo.packs("pack") {
        fs::remove_file(pack.with_extension("idx")).unwrap();
        fs::rename(&pack, pack.with_extension("aside")).unwrap();
        repo.feed(&["unpack-objects", "-q"], &fs::read(pack.with_extension("aside")).unwrap());
    }
    repo.feed(&["pack-objects", "-q", "--depth=3", "--window=50", "objects/pack/pack"], ids.as_bytes());
    repo.git(&["prune-packed"]);
    check(3);
}

#[test]
fn no_store() {
    let dir = repo::Dir::new();
    assert!(matches!(Store::open(&dir.path().join("objects"), HashKind::Sha1), Err(Error::Open { .. })));
    let empty = Store::open(dir.path(), HashKind::Sha1).unwrap();
    assert!(read(&empty, Kinds::ALL, 1).tally.is_complete());
}

#[test]
fn repacked_while_being_read() {
    let repo = Repo::with_history(HashKind::Sha1, 30);
    let expected = repo.objects();
    let store = repo.store();
    let once = std::sync::Once::new();
    let visited = Mutex::new(Objects::new());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let tally = pool.install(|| {
        store.for_each(Kinds::ALL, |object, _: Option<&()>| {
            once.call_once(|| drop(repo.git(&["repack", "-adq"])));
            let value = (object.kind, object.bytes.to_vec());
            assert!(visited.lock().unwrap().insert(object.id.to_owned(), value).is_none());
        })
    });
    assert_eq!(repo.git(&["count-objects"]), b"0 objects, 0 kilobytes\n");
    assert_eq!(tally.failures, []);
    assert_eq!(*visited.lock().unwrap(), expected);
}

#[test]
fn repacked_between_finds() {
    let repo = Repo::with_history(HashKind::Sha1, 10);
    let store = repo.store();
    repo.git(&["repack", "-adq"]);
    let mut out = Vec::new();
    for (id, (kind, bytes)) in repo.objects() {
        assert_eq!(store.find(&id, &mut out).unwrap(), Some(kind));
        assert_eq!(out, bytes);
    }
}

#[test]
fn the_table_stays_small() {
    assert_eq!(size_of::<forest::Base>(), 8);
}
