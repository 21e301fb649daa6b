//! A pack that lies in memory without an index and without a repository, such as one that somebody committed.

use std::collections::HashMap;
use std::io;

use gix_hash::Kind as HashKind;
use gix_hash::ObjectId;

use super::Kind;
use super::Object;
use super::bench::Bench;
use super::bench::Benches;
use super::delta;
use super::entry::Form;
use super::entry::Header;
use super::inflate::Buffer;

/// Larger objects are left out.
const MAX_OBJECT: usize = 64 << 20;
/// What the objects of one chain of changes may take in memory.
const MAX_CHAIN: usize = 256 << 20;

/// What a stray pack did not give.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Stray {
    /// Objects that are changes of objects that it does not hold.
    pub rootless: u64,
    /// Objects that are too large, or make chains of changes that are.
    pub too_large: u64,
    /// What ended the reading, or damaged an object.
    pub damage: Option<String>,
}

/// An entry that is a change of another object.
struct Change {
    data: usize,
    size: usize,
}

/// Where a change has its base.
#[derive(PartialEq, Eq, Hash)]
enum BaseOf {
    Offset(u64),
    Id(ObjectId),
}

/// Visits every object of the pack that begins at `bytes`, whole ones first; of those whose base is elsewhere, what they
/// add to it (as kind and id have no meaning then, `None` is given).
///
/// `spend` is told how much is inflated, before it is.
///
/// # Errors
/// What the visitor, or `spend`, returns ends it.
pub fn visit_stray(
    bytes: &[u8],
    hash: HashKind,
    spend: &mut dyn FnMut(usize) -> io::Result<()>,
    visit: &mut Visit<'_>,
) -> io::Result<Stray> {
    let mut reader = Reader {
        bytes,
        spend,
        hash,
        changes: HashMap::new(),
        bench: Benches::default().take(),
        stray: Stray::default(),
    };
    let roots = reader.whole_objects(visit)?;
    for (offset, id, kind, data, size) in roots {
        let has_changes =
            reader.changes.contains_key(&BaseOf::Offset(offset)) || reader.changes.contains_key(&BaseOf::Id(id));
        if has_changes && let Some(base) = reader.inflate(data, size)? {
            reader.descend(offset, id, kind, base, visit)?;
        }
    }
    let rest: Vec<Change> =
        std::mem::take(&mut reader.changes).into_values().flatten().map(|(_, change)| change).collect();
    for Change { data, size } in rest {
        reader.stray.rootless += 1;
        if let Some(added) = reader.inflate(data, size)? {
            visit(None, &added)?;
        }
    }
    Ok(reader.stray)
}

/// Gets an object, or `None`, and its bytes, or what it adds to its base.
pub type Visit<'v> = dyn FnMut(Option<Object<'_>>, &[u8]) -> io::Result<()> + 'v;

type Root = (u64, ObjectId, Kind, usize, usize);

struct Reader<'p, 's> {
    bytes: &'p [u8],
    spend: &'s mut dyn FnMut(usize) -> io::Result<()>,
    hash: HashKind,
    /// By base, with the offset of the change itself.
    changes: HashMap<BaseOf, Vec<(u64, Change)>>,
    bench: Bench,
    stray: Stray,
}

impl Reader<'_, '_> {
    /// Visits what is stored whole, and notes what is not.
    fn whole_objects(&mut self, visit: &mut Visit<'_>) -> io::Result<Vec<Root>> {
        let (mut at, mut roots) = (12, Vec::new());
        let count = self.bytes.get(8..12).and_then(|it| it.first_chunk()).map_or(0, |it| u32::from_be_bytes(*it));
        for _ in 0..count {
            let header = self.bytes.get(at..).and_then(|rest| Header::parse(rest, self.hash.len_in_bytes()));
            let Some(Header { form, size, len }) = header else {
                self.damaged("an entry has no sound header, or is missing");
                break;
            };
            let (offset, data) = (at as u64, at + len);
            let Some(size) = usize::try_from(size).ok().filter(|size| *size <= MAX_OBJECT) else {
                // Where it ends is known to whoever inflates it.
                self.stray.too_large += 1;
                break;
            };
            let Some((contents, used)) = self.inflate_used(data, size)? else { break };
            at = data + used;
            match form {
                Form::Full(kind) => {
                    if let Some(id) = self.id(kind, &contents) {
                        visit(Some(Object { id: &id, kind, bytes: &contents, copies: None }), &contents)?;
                        roots.push((offset, id, kind, data, size));
                    }
                }
                Form::OffsetDelta(distance) => {
                    let base = BaseOf::Offset(offset.saturating_sub(distance));
                    self.changes.entry(base).or_default().push((offset, Change { data, size }));
                }
                Form::RefDelta(id) => {
                    let base = BaseOf::Id(id.to_owned());
                    self.changes.entry(base).or_default().push((offset, Change { data, size }));
                }
            }
            self.bench.recycle(contents);
        }
        Ok(roots)
    }

    /// Visits all that is built on an object, chain by chain, with an explicit stack.
    fn descend(
        &mut self,
        offset: u64,
        id: ObjectId,
        kind: Kind,
        base: Buffer,
        visit: &mut Visit<'_>,
    ) -> io::Result<()> {
        let mut held = base.len();
        let mut stack = vec![(base, self.changes_of(offset, id))];
        while let Some((base, changes)) = stack.last_mut() {
            let Some((offset, Change { data, size })) = changes.pop() else {
                held -= base.len();
                stack.pop();
                continue;
            };
            let Some(instructions) = self.inflate(data, size)? else { continue };
            let mut out = self.bench.buffer(base.len());
            let applied = delta::apply(&instructions, base, MAX_OBJECT, &mut out, &mut self.bench.copies);
            self.bench.recycle(instructions);
            if let Err(trouble) = applied {
                self.damaged(&trouble.why);
                continue;
            }
            let Some(id) = self.id(kind, &out) else { continue };
            visit(Some(Object { id: &id, kind, bytes: &out, copies: None }), &out)?;
            let next = self.changes_of(offset, id);
            if next.is_empty() {
                self.bench.recycle(out);
            } else if held + out.len() > MAX_CHAIN {
                self.stray.too_large += next.len() as u64;
            } else {
                held += out.len();
                stack.push((out, next));
            }
        }
        Ok(())
    }

    fn changes_of(&mut self, offset: u64, id: ObjectId) -> Vec<(u64, Change)> {
        let mut changes = self.changes.remove(&BaseOf::Offset(offset)).unwrap_or_default();
        changes.extend(self.changes.remove(&BaseOf::Id(id)).unwrap_or_default());
        changes
    }

    fn id(&self, kind: Kind, contents: &[u8]) -> Option<ObjectId> {
        let kind = match kind {
            Kind::Blob => gix_object::Kind::Blob,
            Kind::Tree => gix_object::Kind::Tree,
            Kind::Commit => gix_object::Kind::Commit,
            Kind::Tag => gix_object::Kind::Tag,
        };
        gix_object::compute_hash(self.hash, kind, contents).ok()
    }

    fn inflate(&mut self, data: usize, size: usize) -> io::Result<Option<Buffer>> {
        Ok(self.inflate_used(data, size)?.map(|(out, _)| out))
    }

    fn inflate_used(&mut self, data: usize, size: usize) -> io::Result<Option<(Buffer, usize)>> {
        (self.spend)(size)?;
        let input = self.bytes.get(data..).unwrap_or_default();
        let mut out = Buffer::default();
        match self.bench.inflater.entry(input, input.len(), size, false, &mut out) {
            Ok(used) => Ok(Some((out, used))),
            Err(trouble) => {
                self.damaged(&trouble.why);
                Ok(None)
            }
        }
    }

    fn damaged(&mut self, why: &str) {
        self.stray.damage.get_or_insert_with(|| why.to_owned());
    }
}
