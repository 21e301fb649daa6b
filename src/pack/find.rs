//! Single objects.

use gix_hash::oid;

use super::Kind;
use super::Store;
use super::bench::Bench;
use super::delta;
use super::entry::Form;
use super::entry::Header;
use super::inflate::Buffer;
use super::loose;
use super::packfile::Pack;
use super::trouble::Trouble;

/// Git itself makes no chains longer than 4,095; a longer one is a trap.
const MAX_CHAIN: usize = 10_000;
/// How often a chain may lead into another pack, which it never does in packs that git has stored.
const MAX_PACKS: usize = 8;

impl Store {
    /// Reads an object from wherever it is whole; `None` if there is no trace of it.
    pub(super) fn fill(
        &self,
        id: &oid,
        out: &mut Buffer,
        bench: &mut Bench,
        depth: usize,
    ) -> Result<Option<Kind>, Trouble> {
        if depth > MAX_PACKS {
            return Err(Trouble::corrupt("its delta bases lead from pack to pack"));
        }
        let mut first = None;
        for pack in self.packs().iter() {
            let Some(position) = pack.position(id) else {
                continue;
            };
            let filled = self.fill_packed(pack, pack.offset(position), out, bench, depth);
            match filled.and_then(|kind| verify(id, kind, out)) {
                Ok(kind) => return Ok(Some(kind)),
                Err(trouble) => first = first.or(Some(trouble)),
            }
        }
        match self.fill_loose(id, out, bench) {
            Ok(Some(kind)) => Ok(Some(kind)),
            Ok(None) => first.map_or(Ok(None), Err),
            Err(trouble) => Err(first.unwrap_or(trouble)),
        }
    }

    fn fill_loose(&self, id: &oid, out: &mut Buffer, bench: &mut Bench) -> Result<Option<Kind>, Trouble> {
        let mut first = None;
        for dir in self.dirs() {
            let path = loose::path(dir, id);
            if !path.exists() {
                continue;
            }
            match loose::read(&path, self.max_object_size(), |_| true, out, bench) {
                Ok(Some((kind, start))) => {
                    let len = out.len();
                    out.room().copy_within(start..len, 0);
                    out.finish(len - start);
                    match verify(id, kind, out) {
                        Ok(kind) => return Ok(Some(kind)),
                        Err(trouble) => first = first.or(Some(trouble)),
                    }
                }
                Ok(None) => {}
                Err(trouble) => first = first.or(Some(trouble)),
            }
        }
        first.map_or(Ok(None), Err)
    }

    fn fill_packed(
        &self,
        pack: &Pack,
        offset: u64,
        out: &mut Buffer,
        bench: &mut Bench,
        depth: usize,
    ) -> Result<Kind, Trouble> {
        let mut chain = Vec::new();
        let mut at = offset;
        let kind = loop {
            let (header, data) = entry(pack, at)?;
            let size = self.allowed(header.size)?;
            match header.form {
                Form::Full(kind) => {
                    bench.inflater.entry(data, data.len(), size, false, out)?;
                    break kind;
                }
                Form::OffsetDelta(distance) => {
                    let base = at.checked_sub(distance).filter(|_| distance > 0);
                    at = base.ok_or_else(|| Trouble::corrupt("its delta base is nowhere"))?;
                }
                Form::RefDelta(base) => {
                    let Some(position) = pack.position(base) else {
                        chain.push((data, size));
                        let found = self.fill(base, out, bench, depth + 1)?;
                        break found.ok_or_else(|| Trouble::missing(format!("its delta base {base} is missing")))?;
                    };
                    at = pack.offset(position);
                }
            }
            chain.push((data, size));
            if chain.len() > MAX_CHAIN {
                return Err(Trouble::corrupt("its delta bases lead in a circle"));
            }
        };
        self.climb(&mut chain, out, bench)?;
        Ok(kind)
    }

    /// Applies the deltas of `chain`, last one first, to `out`.
    fn climb(&self, chain: &mut Vec<(&[u8], usize)>, out: &mut Buffer, bench: &mut Bench) -> Result<(), Trouble> {
        let mut next = bench.buffer(out.len());
        let mut instructions = std::mem::take(&mut bench.delta);
        let mut applied = Ok(());
        while let Some((data, size)) = chain.pop()
            && applied.is_ok()
        {
            let inflated = bench.inflater.entry(data, data.len(), size, false, &mut instructions);
            let limit = self.max_object_size();
            applied = inflated.and_then(|_| delta::apply(&instructions, out, limit, &mut next, &mut bench.copies));
            std::mem::swap(out, &mut next);
        }
        bench.delta = instructions;
        bench.recycle(next);
        applied
    }
}

/// Without the next entry's offset there is no telling which bytes the index's checksum is for; for one object its
/// own name can be checked instead.
fn verify(id: &oid, kind: Kind, bytes: &[u8]) -> Result<Kind, Trouble> {
    let object_kind = match kind {
        Kind::Blob => gix_object::Kind::Blob,
        Kind::Tree => gix_object::Kind::Tree,
        Kind::Commit => gix_object::Kind::Commit,
        Kind::Tag => gix_object::Kind::Tag,
    };
    match gix_object::compute_hash(id.kind(), object_kind, bytes) {
        Ok(actual) if *actual == *id => Ok(kind),
        _ => Err(Trouble::corrupt("its contents do not have that id")),
    }
}

fn entry(pack: &Pack, offset: u64) -> Result<(Header<'_>, &[u8]), Trouble> {
    let outside = || Trouble::corrupt("its delta base is nowhere");
    let start = usize::try_from(offset).map_err(|_| outside())?;
    let bytes = pack.bytes().get(start..).ok_or_else(outside)?;
    let header = Header::parse(bytes, pack.hash_len());
    let header = header.ok_or_else(|| Trouble::corrupt("its header is damaged"))?;
    let data = bytes.get(header.len..).unwrap_or_default();
    Ok((header, data))
}
