//! Visits the delta trees of a pack, bases before what is built on them.
//!
//! Depth costs no call stack: a tree is walked with a list of frames, one for each base that still has children to
//! come. The heaviest child comes last, when its base can be let go, so that at most as many bases are alive as a
//! halving of the tree's weight allows.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;
use std::sync::Mutex;

use rayon::Scope;

use gix_hash::oid;

use super::Kind;
use super::Large;
use super::Object;
use super::bench::Bench;
use super::bench::Benches;
use super::bits::Bits;
use super::decode::Decoder;
use super::forest::Forest;
use super::inflate::Buffer;
use super::packfile::Pack;
use super::sweep::Wish;
use super::trouble::Trouble;
use super::turns::{Turn, Turns};
use crate::lock::lock;

/// What bases may take in all threads together, as long as each gets the least.
const ALIVE: usize = 128 << 20;
const LEAST_ALIVE: usize = 8 << 20;
/// Larger bases are not shared between threads: that many may be alive at once for each of them.
const SHARED: usize = 16 << 20;

/// One walk over one pack.
pub(super) struct Walk<'w, T, F> {
    decoder: &'w Decoder<'w>,
    pack: &'w Pack,
    forest: &'w Forest,
    /// Index positions of objects that were visited, here or elsewhere.
    seen: &'w Bits,
    wish: Wish<'w>,
    benches: &'w Benches,
    visit: &'w F,
    /// Bases of more bytes in one descent are dropped and decoded again when their next child comes.
    alive: usize,
    next_root: Mutex<usize>,
    turns: Turns,
    /// Roots are handed out until they weigh this much.
    batch: u64,
    /// The children of heavier entries become tasks of their own.
    share_above: u64,
    value: PhantomData<fn() -> T>,
}

/// A base whose children are being visited.
struct Frame<T> {
    entry: u32,
    kind: Kind,
    /// `None` once dropped for want of memory.
    bytes: Option<Buffer>,
    value: Option<T>,
    next: usize,
    heaviest: Option<u32>,
}

impl<'w, T, F> Walk<'w, T, F>
where
    T: Send + Sync,
    F: Fn(Object<'_>, Option<&T>) -> T + Sync,
{
    pub(super) fn new(
        decoder: &'w Decoder<'w>,
        seen: &'w Bits,
        wish: Wish<'w>,
        benches: &'w Benches,
        visit: &'w F,
    ) -> Self {
        let Decoder { pack, forest, .. } = *decoder;
        let threads = rayon::current_num_threads() as u64;
        let alone = threads == 1;
        Walk {
            decoder,
            pack,
            forest,
            seen,
            wish,
            benches,
            visit,
            alive: (ALIVE / threads as usize).max(LEAST_ALIVE),
            next_root: Mutex::new(0),
            turns: Turns::default(),
            batch: forest.weight / (threads * 64),
            share_above: if alone { u64::MAX } else { forest.weight / (threads * 4) },
            value: PhantomData,
        }
    }

    /// Visits everything, on rayon's current pool.
    pub(super) fn run(&self) {
        rayon::scope(|scope| self.pull(scope));
    }

    /// Takes some roots. Whoever is idle steals the task that goes on with the rest.
    fn pull<'s>(&'s self, scope: &Scope<'s>) {
        let roots = self.next_batch();
        if roots.is_empty() {
            return;
        }
        // Spawned first, hence run last by this thread: what the roots' own tasks hold is let go before new roots come.
        scope.spawn(|scope| self.pull(scope));
        let mut bench = self.benches.take();
        for &root in self.forest.roots.get(roots).unwrap_or_default() {
            if self.stream_root(root, &mut bench) {
                continue;
            }
            // For as long as the root is held, and what is built on it.
            let _turn = self.turn(root);
            if let Some(frame) = self.root(root, &mut bench) {
                self.descend(frame, &mut bench, scope);
            }
        }
        self.benches.give(bench);
    }

    fn next_batch(&self) -> Range<usize> {
        let mut next = lock(&self.next_root);
        let start = *next;
        let mut weight = 0;
        while let Some(&root) = self.forest.roots.get(*next) {
            *next += 1;
            weight += u64::from(self.forest.weight(root));
            if weight >= self.batch {
                break;
            }
        }
        start..*next
    }

    /// A root that may be large waits until there is room for it.
    fn turn(&self, root: u32) -> Option<Turn<'_>> {
        Some(self.turns.wait(self.decoder.heavy(root)?))
    }

    /// Lends a root as a stream, if that can be done.
    fn stream_root(&self, root: u32, bench: &mut Bench) -> bool {
        let Some(large) = self.large(root) else { return false };
        let streamed = self.decoder.stream(root, self.id(root), large);
        self.is_streamed(root, streamed, bench)
    }

    /// Visits a root.
    fn root(&self, root: u32, bench: &mut Bench) -> Option<Frame<T>> {
        match self.decoder.root(root, bench) {
            Ok((kind, bytes)) if self.wish.want.has(kind) => {
                bench.copies.clear();
                let value = self.show(root, kind, &bytes, None, bench);
                self.frame(root, kind, bytes, value, bench)
            }
            Ok((_, bytes)) => {
                bench.recycle(bytes);
                None
            }
            Err(trouble) => {
                self.lose(root, &trouble, bench);
                None
            }
        }
    }

    /// What to do with an entry if it turns out to be large: it must be wanted, and nothing built on it.
    fn large(&self, entry: u32) -> Option<&Large<'w>> {
        let is_leaf = self.forest.heaviest_child(entry).is_none() && !self.seen.get(self.forest.position(entry));
        self.wish.large.filter(|_| is_leaf && self.wish.want.blobs)
    }

    fn id(&self, entry: u32) -> &oid {
        self.pack.id(self.forest.position(entry))
    }

    /// Notes what came of streaming an entry; whether that is all that is to be done with it.
    fn is_streamed(&self, entry: u32, streamed: Result<Option<u64>, Trouble>, bench: &mut Bench) -> bool {
        match streamed {
            Ok(None) => return false,
            Ok(Some(size)) => {
                self.seen.set(self.forest.position(entry));
                bench.tally.count(Kind::Blob, size);
            }
            Err(trouble) => self.lose(entry, &trouble, bench),
        }
        true
    }

    /// The same for a child of a base whose bytes are at hand.
    fn stream_child(&self, child: u32, kind: Kind, base: &[u8], bench: &mut Bench) -> bool {
        match self.large(child) {
            // What is much larger than its base was made to be.
            Some(large) if kind == Kind::Blob && base.len() >= large.above / 4 => {
                let streamed = self.decoder.stream_child(child, base, self.id(child), large, bench);
                self.is_streamed(child, streamed, bench)
            }
            _ => false,
        }
    }

    /// Visits everything below a frame.
    fn descend<'s>(&'s self, first: Frame<T>, bench: &mut Bench, scope: &Scope<'s>) {
        let mut stack = Stack::default();
        let mut next = Some(first);
        loop {
            match next.take() {
                Some(frame) if self.is_shared(&frame) => self.share(frame, scope),
                Some(frame) => stack.push(frame, self.alive, bench),
                None => {}
            }
            let Some(mut frame) = stack.pop() else {
                return;
            };
            let Some(child) = frame.next_child(self.forest) else {
                next = self.last_child(frame, bench);
                continue;
            };
            next = self.child(&mut frame, child, bench);
            stack.put_back(frame);
        }
    }

    /// Visits a child of a base that has others.
    fn child(&self, base: &mut Frame<T>, child: u32, bench: &mut Bench) -> Option<Frame<T>> {
        let bytes = self.decode_child(base, child, bench)?;
        self.visit_child(base, child, bytes, bench)
    }

    /// Visits the last child of a base, letting the base's bytes go as soon as they are not needed.
    fn last_child(&self, mut base: Frame<T>, bench: &mut Bench) -> Option<Frame<T>> {
        let child = base.heaviest?;
        let bytes = self.decode_child(&mut base, child, bench);
        if let Some(bytes) = base.bytes.take() {
            bench.recycle(bytes);
        }
        self.visit_child(&base, child, bytes?, bench)
    }

    fn visit_child(
        &self,
        base: &Frame<T>,
        child: u32,
        bytes: Result<Buffer, Trouble>,
        bench: &mut Bench,
    ) -> Option<Frame<T>> {
        match bytes {
            Ok(bytes) => {
                let value = self.show(child, base.kind, &bytes, base.value.as_ref(), bench);
                self.frame(child, base.kind, bytes, value, bench)
            }
            Err(trouble) => {
                self.lose(child, &trouble, bench);
                None
            }
        }
    }

    /// The bytes of a child; `None` if it was lent as a stream.
    fn decode_child(&self, base: &mut Frame<T>, child: u32, bench: &mut Bench) -> Option<Result<Buffer, Trouble>> {
        if base.bytes.is_none() {
            match self.decoder.again(base.entry, bench) {
                Ok(bytes) => base.bytes = Some(bytes),
                Err(trouble) => return Some(Err(trouble)),
            }
        }
        let bytes = base.bytes.as_deref().unwrap_or_default();
        let is_done = self.stream_child(child, base.kind, bytes, bench);
        (!is_done).then(|| self.decoder.child(child, bytes, bench))
    }

    /// Shows an object to the visitor, unless it is known already and was only needed as a base.
    fn show(&self, entry: u32, kind: Kind, bytes: &[u8], base: Option<&T>, bench: &mut Bench) -> Option<T> {
        let position = self.forest.position(entry);
        if self.seen.get(position) {
            return None;
        }
        let object = Object { id: self.pack.id(position), kind, bytes, copies: base.map(|_| bench.copies.as_slice()) };
        let value = (self.visit)(object, base);
        self.seen.set(position);
        bench.count(kind, bytes.len());
        Some(value)
    }

    /// What is needed for visiting the entry's children, if it has any.
    fn frame(&self, entry: u32, kind: Kind, bytes: Buffer, value: Option<T>, bench: &mut Bench) -> Option<Frame<T>> {
        let heaviest = self.forest.heaviest_child(entry);
        if heaviest.is_none() {
            bench.recycle(bytes);
            return None;
        }
        Some(Frame { entry, kind, bytes: Some(bytes), value, next: 0, heaviest })
    }

    fn is_shared(&self, frame: &Frame<T>) -> bool {
        let below = u64::from(self.forest.weight(frame.entry));
        below > self.share_above
            && frame.bytes.as_ref().is_some_and(|bytes| bytes.len() <= SHARED)
            && self.forest.children(frame.entry).len() > 1
    }

    /// Makes tasks of the children: the heaviest alone, the others in groups.
    fn share<'s>(&'s self, frame: Frame<T>, scope: &Scope<'s>) {
        let Some(heaviest) = frame.heaviest else {
            return;
        };
        let base = Arc::new(frame);
        let spawn = |children: Vec<u32>| {
            let base = Arc::clone(&base);
            scope.spawn(move |scope| self.branch(base, &children, scope));
        };
        // First, so that an idle thread steals it while this one turns to the others.
        spawn(vec![heaviest]);
        let mut group = Vec::new();
        let mut weight = 0;
        for &child in self.forest.children(base.entry) {
            let own = self.forest.weight(child);
            if child == heaviest || own == 0 {
                continue;
            }
            group.push(child);
            weight += u64::from(own);
            if weight > self.share_above / 4 {
                spawn(std::mem::take(&mut group));
                weight = 0;
            }
        }
        if !group.is_empty() {
            spawn(group);
        }
    }

    /// Visits some children of a shared base.
    fn branch<'s>(&'s self, base: Arc<Frame<T>>, children: &[u32], scope: &Scope<'s>) {
        let mut bench = self.benches.take();
        for &child in children {
            let bytes = base.bytes.as_deref().unwrap_or_default();
            if self.stream_child(child, base.kind, bytes, &mut bench) {
                continue;
            }
            let bytes = self.decoder.child(child, bytes, &mut bench);
            if let Some(frame) = self.visit_child(&base, child, bytes, &mut bench) {
                self.descend(frame, &mut bench, scope);
            }
        }
        if let Some(bytes) = Arc::into_inner(base).and_then(|frame| frame.bytes) {
            bench.recycle(bytes);
        }
        self.benches.give(bench);
    }

    /// Names everything that cannot be read because `entry` cannot.
    fn lose(&self, entry: u32, trouble: &Trouble, bench: &mut Bench) {
        let named = |entry: u32| {
            let position = self.forest.position(entry);
            (!self.seen.get(position)).then(|| self.pack.id(position).to_owned())
        };
        let base = self.pack.id(self.forest.position(entry));
        let below = Trouble {
            kind: trouble.kind,
            why: format!("it is stored as a change of {base}, which cannot be read").into(),
        };
        if let Some(id) = named(entry) {
            bench.tally.lost(id, trouble);
        }
        let mut pending = self.forest.children(entry).to_vec();
        while let Some(entry) = pending.pop() {
            if let Some(id) = named(entry) {
                bench.tally.lost(id, &below);
            }
            pending.extend_from_slice(self.forest.children(entry));
        }
    }
}

impl<T> Frame<T> {
    /// The next child to visit, except the one that comes last.
    fn next_child(&mut self, forest: &Forest) -> Option<u32> {
        while let Some(&child) = forest.children(self.entry).get(self.next) {
            self.next += 1;
            if Some(child) != self.heaviest && forest.weight(child) > 0 {
                return Some(child);
            }
        }
        None
    }

    fn alive(&self) -> usize {
        self.bytes.as_ref().map_or(0, Buffer::capacity)
    }
}

/// The bases from a root down to where the walk is.
struct Stack<T> {
    frames: Vec<Frame<T>>,
    alive: usize,
}

impl<T> Default for Stack<T> {
    fn default() -> Self {
        Stack { frames: Vec::new(), alive: 0 }
    }
}

impl<T> Stack<T> {
    /// Adds a frame; when too many bytes are alive, those needed last are dropped.
    fn push(&mut self, frame: Frame<T>, most: usize, bench: &mut Bench) {
        self.put_back(frame);
        let last = self.frames.len().saturating_sub(1);
        let mut above = self.frames.iter_mut().take(last);
        while self.alive > most
            && let Some(frame) = above.next()
        {
            if let Some(bytes) = frame.bytes.take() {
                self.alive -= bytes.capacity();
                bench.recycle(bytes);
            }
        }
    }

    fn put_back(&mut self, frame: Frame<T>) {
        self.alive += frame.alive();
        self.frames.push(frame);
    }

    fn pop(&mut self) -> Option<Frame<T>> {
        let frame = self.frames.pop()?;
        self.alive -= frame.alive();
        Some(frame)
    }
}
