//! How far a scan has come, on standard error: a bar on a terminal, a line now and then in a log. Off, it costs a look
//! at an `Option` for each blob. It is told what passes by; nothing it knows ever goes back.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use keysieve::blob::{Blob, Origin, Start};
use keysieve::finding::Sighting;
use keysieve::lock::lock;

use super::args::When;

/// Scans that are over by then show no bar.
const QUIET: Duration = Duration::from_millis(500);
/// Between two pictures of the bar.
const FRAME: Duration = Duration::from_millis(100);
/// Between two lines of a log.
const LINE: Duration = Duration::from_secs(5);

/// Shows how far a scan is until it is dropped.
pub struct Progress(Option<Shown>);

struct Shown {
    counts: Arc<Counts>,
    /// Dropped to end the thread that draws.
    stop: Option<Sender<()>>,
    drawer: Option<JoinHandle<()>>,
}

/// What was read so far, by all threads.
#[derive(Default)]
struct Counts {
    /// How many objects there are; 0 if nobody knows.
    total: AtomicU64,
    done: AtomicU64,
    bytes: AtomicU64,
    /// Hashes of the secrets that were found.
    found: Mutex<HashSet<u64>>,
    hasher: RandomState,
}

impl Progress {
    /// `auto` shows a bar on a terminal; `always` writes lines where there is none.
    pub fn start(when: When, quiet: bool) -> Self {
        let on_terminal = || io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let bar = match when {
            When::Never => return Self(None),
            When::Auto if quiet || !on_terminal() => return Self(None),
            When::Auto => true,
            When::Always => on_terminal(),
        };
        let counts = Arc::new(Counts::default());
        let (stop, stopped) = mpsc::channel();
        let shared = Arc::clone(&counts);
        let draw = move || if bar { draw_bar(&shared, &stopped) } else { write_lines(&shared, &stopped) };
        // Without a thread there is no bar; the scan does not need it.
        let drawer = thread::Builder::new().name("progress".into()).spawn(draw).ok();
        Self(Some(Shown { counts, stop: Some(stop), drawer }))
    }

    /// Says how many objects there are, which is asked only if somebody looks.
    pub fn expect(&self, total: impl FnOnce() -> u64) {
        if let Some(Shown { counts, .. }) = &self.0 {
            counts.total.store(total(), Ordering::Relaxed);
        }
    }

    /// A blob is being scanned. Of commits and trees only texts with something in them are: those count where they pass by.
    pub fn scanned(&self, blob: &Blob<'_>) {
        let Some(Shown { counts, .. }) = &self.0 else { return };
        counts.bytes.fetch_add((blob.own.1 - blob.own.0) as u64, Ordering::Relaxed);
        let is_more = match blob.origin {
            Origin::Commit { .. }
            | Origin::Tree { .. }
            | Origin::Name { .. }
            | Origin::Ref { .. }
            | Origin::Config { .. } => true,
            _ => blob.start != Start::ZERO,
        };
        counts.done.fetch_add(u64::from(!is_more), Ordering::Relaxed);
    }

    /// A commit passes by, or a tree of so many bytes.
    pub fn passed(&self, bytes: usize) {
        if let Some(Shown { counts, .. }) = &self.0 {
            counts.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
            counts.done.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Something was found. One secret in many blobs counts as one.
    pub fn found(&self, sightings: &[Sighting]) {
        let Some(Shown { counts, .. }) = &self.0 else { return };
        let real = sightings.iter().map(|s| &s.hit).filter(|hit| hit.implausible.is_none() && !hit.rule.public);
        lock(&counts.found).extend(real.map(|hit| counts.hasher.hash_one(&hit.secret)));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let Some(shown) = &mut self.0 else { return };
        shown.stop = None;
        if let Some(drawer) = shown.drawer.take() {
            // It has nothing to say about the scan, not even by failing.
            let _ = drawer.join();
        }
    }
}

impl Counts {
    /// How many objects were read, of how many; several texts of one object may make it more than there are.
    fn objects(&self) -> (u64, u64) {
        let (done, total) = (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed));
        (if total > 0 { done.min(total) } else { done }, total)
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn found(&self) -> usize {
        lock(&self.found).len()
    }

    fn told(&self, rate: f64) -> String {
        let (done, total) = self.objects();
        let of = if total > 0 { format!(" of {}", grouped(total)) } else { String::new() };
        let objects = plural(if total > 0 { total } else { done });
        format!("{}{of} {objects}, {}/s, {} found", grouped(done), size(rate), self.found())
    }
}

fn draw_bar(counts: &Counts, stopped: &mpsc::Receiver<()>) {
    if stopped.recv_timeout(QUIET) != Err(RecvTimeoutError::Timeout) {
        return;
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style =
        |template| ProgressStyle::with_template(template).map(|style| style.progress_chars("=> ").tick_chars("|/-\\ "));
    let (Ok(known), Ok(unknown)) = (style("[{bar:20}] {percent:>3}%  {wide_msg}"), style("{spinner} {wide_msg}"))
    else {
        return;
    };
    let (mut rate, mut last) = (Rate::default(), 0);
    loop {
        let (done, total) = counts.objects();
        if total != last {
            bar.set_length(total);
            last = total;
        }
        bar.set_style(if total > 0 { known.clone() } else { unknown.clone() });
        bar.set_position(done);
        bar.set_message(counts.told(rate.at(counts.bytes())));
        bar.tick();
        if stopped.recv_timeout(FRAME) != Err(RecvTimeoutError::Timeout) {
            bar.finish_and_clear();
            return;
        }
    }
}

fn write_lines(counts: &Counts, stopped: &mpsc::Receiver<()>) {
    let begun = Instant::now();
    let say = |text: &str| drop(writeln!(io::stderr(), "keysieve: {text}"));
    let mut rate = Rate::default();
    rate.at(0);
    while stopped.recv_timeout(LINE) == Err(RecvTimeoutError::Timeout) {
        say(&counts.told(rate.at(counts.bytes())));
    }
    let (done, bytes, seconds) = (counts.objects().0, counts.bytes(), begun.elapsed().as_secs_f64());
    let (objects, size) = (plural(done), size(bytes as f64));
    say(&format!("{} {objects}, {size} read in {seconds:.1} s, {} found", grouped(done), counts.found()));
}

/// Bytes a second, lately: what was long ago counts less and less.
#[derive(Default)]
struct Rate {
    last: Option<(Instant, u64)>,
    rate: f64,
}

impl Rate {
    fn at(&mut self, bytes: u64) -> f64 {
        let now = Instant::now();
        let Some((then, before)) = self.last.replace((now, bytes)) else { return 0.0 };
        let seconds = now.duration_since(then).as_secs_f64();
        let (fresh, weight) = (bytes.saturating_sub(before) as f64 / seconds.max(1e-3), (seconds / 2.0).min(1.0));
        self.rate += (fresh - self.rate) * if self.rate == 0.0 { 1.0 } else { weight };
        self.rate
    }
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "object" } else { "objects" }
}

/// `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `12 kB`, `3.4 GB`.
fn size(bytes: f64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let (mut value, mut unit) = (bytes, 0);
    while value >= 999.5 && unit + 1 < units.len() {
        (value, unit) = (value / 1000.0, unit + 1);
    }
    let digits = usize::from(unit > 0 && value < 9.95);
    format!("{value:.digits$} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        let sizes = [0.0, 999.0, 1000.0, 34_560.0, 9_960_000.0, 3.44e9, 5e15].map(size);
        assert_eq!(sizes, ["0 B", "999 B", "1.0 kB", "35 kB", "10 MB", "3.4 GB", "5000 TB"]);
    }

    #[test]
    fn more_texts_than_objects_are_not_more_than_all() {
        let counts = Counts::default();
        counts.done.store(12, Ordering::Relaxed);
        assert_eq!(counts.told(0.0), "12 objects, 0 B/s, 0 found");
        counts.total.store(10, Ordering::Relaxed);
        assert_eq!(counts.told(2e6), "10 of 10 objects, 2.0 MB/s, 0 found");
    }
}
