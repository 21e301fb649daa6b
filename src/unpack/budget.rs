//! What opening one container may cost. Nothing in a container is believed: sizes are counted as bytes come out.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::coverage::Reason;

/// A container that expands to less is never called a bomb: text of one letter is small, too.
const NO_BOMB: u64 = 64 << 20;

/// What opening containers may cost. What a limit cuts off is named in the tally.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Archives in archives that are opened; a compressed archive counts once. At 0 no archive is opened.
    pub depth: u32,
    /// Members of one container, nested ones included.
    pub entries: u64,
    /// Bytes that one container expands to, nested ones included.
    pub size: u64,
    /// How many times its own size a container may expand to.
    pub ratio: u64,
    /// For one container.
    pub time: Duration,
    /// Bytes that all containers of a run expand to.
    pub total: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 3, entries: 100_000, size: 4 << 30, ratio: 250, time: Duration::from_secs(60), total: 64 << 30 }
    }
}

impl Limits {
    /// What a limit says that was reached.
    pub(super) fn explain(&self, reason: Reason) -> String {
        match reason {
            Reason::ArchiveEntries => format!("it has more than {} members (--max-archive-entries)", self.entries),
            Reason::ArchiveSize => format!("it expands to more than {} bytes (--max-archive-size)", self.size),
            Reason::ArchiveRatio => {
                format!("it expands more than {} times: a bomb? (--max-archive-ratio)", self.ratio)
            }
            Reason::ArchiveTime => format!("it takes longer than {} s (--max-archive-time)", self.time.as_secs()),
            Reason::ArchiveDepth => format!("it is nested deeper than {} (--max-archive-depth)", self.depth),
            _ => format!("all archives expand to more than {} bytes (--max-archive-total)", self.total),
        }
    }
}

/// What is left for one container, those in it included.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    /// How large the container is, as far as that is known.
    size: Cell<u64>,
    until: Instant,
    expanded: Cell<u64>,
    entries: Cell<u64>,
    total: Arc<AtomicU64>,
    cut: Cell<Option<Reason>>,
}

impl Budget {
    /// For a container of so many bytes. `total` is what the run has expanded so far.
    pub fn new(limits: &Limits, size: u64, total: &Arc<AtomicU64>) -> Rc<Self> {
        Rc::new(Self {
            limits: limits.clone(),
            size: Cell::new(size),
            until: Instant::now() + limits.time,
            expanded: Cell::new(0),
            entries: Cell::new(0),
            total: Arc::clone(total),
            cut: Cell::new(None),
        })
    }

    /// The limit that was reached.
    pub fn cut(&self) -> Option<Reason> {
        self.cut.get()
    }

    /// So many more bytes of the container were read, whose size nobody knew.
    pub fn grow(&self, bytes: usize) {
        self.size.set(self.size.get().saturating_add(bytes as u64));
    }

    /// One more member.
    pub fn entry(&self) -> io::Result<()> {
        self.entries.set(self.entries.get() + 1);
        self.check()
    }

    /// So many bytes came out.
    pub fn spend(&self, bytes: usize) -> io::Result<()> {
        self.expanded.set(self.expanded.get().saturating_add(bytes as u64));
        self.total.fetch_add(bytes as u64, Ordering::Relaxed);
        self.check()
    }

    fn check(&self) -> io::Result<()> {
        let expanded = self.expanded.get();
        let most = self.size.get().saturating_mul(self.limits.ratio).max(NO_BOMB);
        let reason = match () {
            () if self.cut.get().is_some() => self.cut.get(),
            () if self.entries.get() > self.limits.entries => Some(Reason::ArchiveEntries),
            () if expanded > self.limits.size => Some(Reason::ArchiveSize),
            () if expanded > most => Some(Reason::ArchiveRatio),
            () if self.total.load(Ordering::Relaxed) > self.limits.total => Some(Reason::ArchiveTotal),
            () if Instant::now() > self.until => Some(Reason::ArchiveTime),
            () => None,
        };
        self.cut.set(reason);
        match reason {
            Some(reason) => Err(io::Error::other(reason.word())),
            None => Ok(()),
        }
    }
}

/// Counts what comes out of a decoder. One that has failed is not asked again: not all of them bear it.
pub(super) struct Metered<R> {
    inner: Option<R>,
    budget: Rc<Budget>,
}

impl<R> Metered<R> {
    pub fn new(inner: R, budget: &Rc<Budget>) -> Self {
        Self { inner: Some(inner), budget: Rc::clone(budget) }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(inner) = &mut self.inner else { return Ok(0) };
        let read = inner.read(buffer).and_then(|read| self.budget.spend(read).map(|()| read));
        if read.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
            self.inner = None;
        }
        read
    }
}
