//! One pass over everything in a store.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use gix_hash::ObjectId;
use gix_hash::oid;
use rayon::prelude::*;

use super::Failure;
use super::FailureKind;
use super::Kind;
use super::Kinds;
use super::Large;
use super::Object;
use super::Store;
use super::Tally;
use super::bench::Bench;
use super::bench::Benches;
use super::bits::Bits;
use super::decode::Decoder;
use super::forest::Forest;
use super::loose;
use super::packfile::Pack;
use super::trouble::Trouble;
use super::walk::Walk;

/// How often to list again when git repacks meanwhile.
const ROUNDS: usize = 5;
/// Loose objects a task.
const CHUNK: usize = 32;

impl Store {
    /// Visits every object of the wanted kinds once, on rayon's current pool, and says what could not be read.
    ///
    /// In packs a base is visited before the objects that are stored as changes of it, and what the visitor returned
    /// for it is handed over with each of them, next to the runs they have in common. That is dropped when the last
    /// of them has been visited. An object is visited as a whole (without base) when its base was not visited in this
    /// pack: because it is not a delta, because it is loose, or because the base was read from another pack.
    pub fn for_each<T, F>(&self, want: Kinds, visit: F) -> Tally
    where
        T: Send + Sync,
        F: Fn(Object<'_>, Option<&T>) -> T + Sync,
    {
        self.for_each_beside(want, Kinds::default(), visit)
    }

    /// The same for a caller who reads the kinds in `elsewhere` in another pass, which notices what is wrong with them.
    pub fn for_each_beside<T, F>(&self, want: Kinds, elsewhere: Kinds, visit: F) -> Tally
    where
        T: Send + Sync,
        F: Fn(Object<'_>, Option<&T>) -> T + Sync,
    {
        self.sweep(Wish { want, elsewhere, large: None }, visit)
    }

    /// The same, with blobs that are too large to be held lent as streams.
    pub fn for_each_streaming<T, F>(&self, want: Kinds, elsewhere: Kinds, large: &Large<'_>, visit: F) -> Tally
    where
        T: Send + Sync,
        F: Fn(Object<'_>, Option<&T>) -> T + Sync,
    {
        self.sweep(Wish { want, elsewhere, large: Some(large) }, visit)
    }

    fn sweep<T, F>(&self, wish: Wish<'_>, visit: F) -> Tally
    where
        T: Send + Sync,
        F: Fn(Object<'_>, Option<&T>) -> T + Sync,
    {
        let mut sweep = Sweep::new(self, wish);
        let mut before = Vec::new();
        for _ in 0..ROUNDS {
            let (loose, failures) = sweep.list();
            for pack in self.packs().iter() {
                sweep.pack(pack, &visit);
            }
            let vanished = sweep.loose(loose, &visit);
            // A pack or index alone may be half of a pair that git is just writing or removing.
            let half = |failure: &Failure| failure.kind == FailureKind::Missing;
            let unsettled = failures.iter().any(half) && failures != before;
            before = failures;
            if !vanished && !unsettled {
                break;
            }
        }
        sweep.rescue(&visit);
        sweep.finish(before)
    }
}

/// What a caller wants to see.
#[derive(Clone, Copy)]
pub(super) struct Wish<'l> {
    pub(super) want: Kinds,
    elsewhere: Kinds,
    pub(super) large: Option<&'l Large<'l>>,
}

/// What has been visited so far.
struct Sweep<'s> {
    store: &'s Store,
    wish: Wish<'s>,
    packs: Vec<Done>,
    /// Sorted lists; the bit of an object is that of the first place it was found at.
    loose: Vec<(Vec<Loose>, Bits)>,
    /// Loose objects that were gone when they were to be read.
    vanished: Vec<ObjectId>,
    /// Those of them that were found in the end.
    rescued: HashSet<ObjectId>,
    benches: Benches,
    tally: Tally,
}

/// A pack that was walked.
struct Done {
    pack: Arc<Pack>,
    /// Index positions of the objects that were visited, in it or before.
    seen: Bits,
}

/// A loose object and the number of the directory it is in.
type Loose = (ObjectId, u32);

impl<'s> Sweep<'s> {
    fn new(store: &'s Store, wish: Wish<'s>) -> Self {
        Sweep {
            store,
            wish,
            packs: Vec::new(),
            loose: Vec::new(),
            vanished: Vec::new(),
            rescued: HashSet::new(),
            benches: Benches::default(),
            tally: Tally::default(),
        }
    }

    /// Lists loose objects between two equal listings of packs: an object on its way from one to the other cannot
    /// slip through, since git removes it only when it is in its new place.
    fn list(&self) -> (Vec<Loose>, Vec<Failure>) {
        let mut listed = self.store.list_packs();
        for _ in 0..ROUNDS {
            let (loose, mut failures) = self.list_loose();
            listed = self.store.list_packs();
            if !listed.changed {
                failures.append(&mut listed.failures);
                return (loose, failures);
            }
        }
        let (loose, mut failures) = self.list_loose();
        failures.append(&mut listed.failures);
        (loose, failures)
    }

    fn list_loose(&self) -> (Vec<Loose>, Vec<Failure>) {
        let mut failures = Vec::new();
        let mut all = Vec::new();
        let mut found = Vec::new();
        for (dir, number) in self.store.dirs().iter().zip(0..) {
            let mut trouble = |path: &Path, error: &io::Error| {
                failures.push(Failure {
                    id: None,
                    what: path.display().to_string(),
                    why: error.to_string(),
                    kind: FailureKind::Io,
                });
            };
            loose::list(dir, self.store.hash(), &mut found, &mut trouble);
            all.extend(found.drain(..).map(|id| (id, number)));
        }
        all.sort_unstable();
        all.retain(|entry| self.loose.iter().all(|(list, _)| list.binary_search(entry).is_err()));
        (all, failures)
    }

    /// Visits what is in a pack, unless that was done before.
    fn pack<T, F>(&mut self, pack: &Arc<Pack>, visit: &F)
    where
        T: Send + Sync,
        F: Fn(Object<'_>, Option<&T>) -> T + Sync,
    {
        if self.packs.iter().any(|done| Arc::ptr_eq(&done.pack, pack)) {
            return;
        }
        let seen = self.seen_in(pack);
        let forest = Forest::new(pack, self.wish.want, self.wish.elsewhere, &seen);
        self.name_lost(pack, &forest);
        let decoder = Decoder { store: self.store, pack, forest: &forest };
        Walk::new(&decoder, &seen, self.wish, &self.benches, visit).run();
        self.benches.settle(&mut self.tally);
        let pack = Arc::clone(pack);
        self.packs.push(Done { pack, seen });
    }

    /// Index positions of what need not be read in `pack`.
    fn seen_in(&self, pack: &Pack) -> Bits {
        let seen = Bits::new(pack.len() as usize);
        for position in 1..pack.len() {
            if pack.id(position) == pack.id(position - 1) {
                seen.set(position);
            }
        }
        for done in &self.packs {
            mark(pack, &seen, done);
        }
        if self.loose.iter().any(|(list, _)| !list.is_empty()) {
            (0..pack.len())
                .filter(|&position| self.seen_loose(pack.id(position)))
                .for_each(|position| seen.set(position));
        }
        seen
    }

    fn name_lost(&mut self, pack: &Pack, forest: &Forest) {
        if pack.len() != pack.claimed() {
            self.tally.fail(Failure {
                id: None,
                what: pack.path().display().to_string(),
                why: format!("it holds {} objects, but its index lists {}", pack.claimed(), pack.len()),
                kind: FailureKind::Corrupt,
            });
        }
        for &(position, why) in &forest.lost {
            self.tally.lost(pack.id(position).to_owned(), &Trouble::corrupt(why));
        }
    }

    /// Visits loose objects that were not visited in packs, and says whether some were gone.
    fn loose<T, F>(&mut self, list: Vec<Loose>, visit: &F) -> bool
    where
        F: Fn(Object<'_>, Option<&T>) -> T + Sync,
    {
        let seen = Bits::new(list.len());
        let mut at = 0;
        let mut groups = Vec::new();
        for group in list.chunk_by(|a, b| a.0 == b.0) {
            groups.push((at, group));
            at += group.len() as u32;
        }
        let this = &*self;
        let read = |groups: &[(u32, &[Loose])]| {
            let mut bench = this.benches.take();
            let mut gone = Vec::new();
            for &(at, places) in groups {
                match this.read_loose(places, visit, &mut bench) {
                    Outcome::Visited => seen.set(at),
                    Outcome::Gone(id) => gone.push(id),
                    Outcome::Done => {}
                }
            }
            this.benches.give(bench);
            gone
        };
        let gone: Vec<_> = groups.par_chunks(CHUNK).flat_map_iter(read).collect();
        let vanished = !gone.is_empty();
        self.vanished.extend(gone);
        self.benches.settle(&mut self.tally);
        self.loose.push((list, seen));
        vanished
    }

    /// Visits one loose object, from the first place where it can be read.
    fn read_loose<T, F>(&self, places: &[Loose], visit: &F, bench: &mut Bench) -> Outcome
    where
        F: Fn(Object<'_>, Option<&T>) -> T + Sync,
    {
        let Some((id, _)) = places.first() else {
            return Outcome::Done;
        };
        if self.seen(id) {
            return Outcome::Done;
        }
        let (limit, want) = (self.store.max_object_size(), self.wish.want);
        let mut bytes = bench.buffer(0);
        let mut trouble = None;
        for (_, dir) in places {
            let Some(dir) = self.store.dirs().get(*dir as usize) else {
                continue;
            };
            let path = loose::path(dir, id);
            let streamed = match self.wish.large.filter(|_| want.blobs) {
                Some(large) => loose::stream(&path, id, large),
                None => Ok(None),
            };
            match streamed {
                Ok(Some(size)) => {
                    bench.tally.count(Kind::Blob, size);
                    bench.recycle(bytes);
                    return Outcome::Visited;
                }
                Ok(None) => {}
                Err(other) => {
                    trouble = trouble.or(Some(other));
                    continue;
                }
            }
            match loose::read(&path, limit, |kind| want.has(kind), &mut bytes, bench) {
                Ok(Some((kind, start))) => {
                    let contents = bytes.get(start..).unwrap_or_default();
                    bench.count(kind, contents.len());
                    let object = Object { id, kind, bytes: contents, copies: None };
                    visit(object, None);
                    bench.recycle(bytes);
                    return Outcome::Visited;
                }
                Ok(None) => {
                    bench.recycle(bytes);
                    return Outcome::Done;
                }
                Err(other) => trouble = trouble.or(Some(other)),
            }
        }
        bench.recycle(bytes);
        match trouble {
            Some(trouble) if trouble.kind == FailureKind::Missing => Outcome::Gone(*id),
            Some(trouble) => {
                bench.tally.lost(*id, &trouble);
                Outcome::Done
            }
            None => Outcome::Done,
        }
    }

    /// Looks up one by one what was gone from its place and came by in no other: it may be of a kind that is not
    /// wanted, or git may be moving objects faster than they are listed.
    fn rescue<T, F>(&mut self, visit: &F)
    where
        F: Fn(Object<'_>, Option<&T>) -> T + Sync,
    {
        let mut gone = std::mem::take(&mut self.vanished);
        gone.sort_unstable();
        gone.dedup();
        let mut bytes = Vec::new();
        for id in gone.into_iter().filter(|id| !self.seen(id)).collect::<Vec<_>>() {
            let found = (0..ROUNDS).find_map(|_| match self.store.find(&id, &mut bytes) {
                Ok(None) => None,
                found => Some(found),
            });
            match found {
                Some(Ok(Some(kind))) => {
                    if self.wish.want.has(kind) {
                        visit(Object { id: &id, kind, bytes: &bytes, copies: None }, None);
                        self.tally.count(kind, bytes.len() as u64);
                    }
                    self.rescued.insert(id);
                }
                Some(Err(super::Error::Object { why, kind, .. })) => {
                    self.tally.lost(id, &Trouble { kind, why: why.into() });
                }
                _ => self.tally.lost(id, &Trouble::missing("it was removed while the store was read")),
            }
        }
    }

    fn seen(&self, id: &oid) -> bool {
        let packed = |done: &Done| done.pack.position(id).is_some_and(|at| done.seen.get(at));
        self.packs.iter().any(packed) || self.seen_loose(id) || self.rescued.contains(&id.to_owned())
    }

    fn seen_loose(&self, id: &oid) -> bool {
        self.loose.iter().any(|(list, seen)| {
            let at = list.partition_point(|(other, _)| other.as_ref() < id);
            list.get(at).is_some_and(|(other, _)| other.as_ref() == id) && seen.get(at as u32)
        })
    }

    /// What was lost in one place but read in another is not lost.
    fn finish(mut self, failures: Vec<Failure>) -> Tally {
        let mut tally = std::mem::take(&mut self.tally);
        tally.failures.retain(|failure| failure.id.as_ref().is_none_or(|id| !self.seen(id)));
        for failure in failures {
            tally.fail(failure);
        }
        tally
    }
}

/// What became of a loose object.
enum Outcome {
    Visited,
    /// Not wanted, not needed, or named as a failure.
    Done,
    Gone(ObjectId),
}

/// Marks in `seen` what was visited in an earlier pack: both indexes are sorted by id.
fn mark(pack: &Pack, seen: &Bits, done: &Done) {
    let (mut here, mut there) = (0, 0);
    while here < pack.len() && there < done.pack.len() {
        match pack.id(here).cmp(done.pack.id(there)) {
            Ordering::Less => here += 1,
            Ordering::Greater => there += 1,
            Ordering::Equal => {
                if done.seen.get(there) {
                    seen.set(here);
                }
                here += 1;
            }
        }
    }
}
