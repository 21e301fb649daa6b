//! The bytes of the entries of a pack whose forest is known.

use gix_hash::oid;

use super::Kind;
use super::Store;
use super::bench::Bench;
use super::delta;
use super::entry::Form;
use super::entry::Header;
use super::forest::Base;
use super::forest::Forest;
use super::inflate::Buffer;
use super::inflate::MAX_RATIO;
use super::inflate::crc32;
use super::packfile::Pack;
use super::stream::Building;
use super::stream::Inflating;
use super::stream::Large;
use super::trouble::Trouble;
use super::turns::HEAVY;

/// Decodes entries, given their bases.
pub(super) struct Decoder<'d> {
    pub(super) store: &'d Store,
    pub(super) pack: &'d Pack,
    pub(super) forest: &'d Forest,
}

/// An entry's place in the pack.
struct Place<'p> {
    header: Header<'p>,
    /// The compressed bytes and whatever comes after them.
    data: &'p [u8],
    /// How long the compressed bytes are.
    len: usize,
    /// Whether they are known to be what was written.
    vouched: bool,
}

impl Decoder<'_> {
    /// An object that is not built on another one in this pack.
    pub(super) fn root(&self, entry: u32, bench: &mut Bench) -> Result<(Kind, Buffer), Trouble> {
        let place = self.place(entry)?;
        match place.header.form {
            Form::Full(kind) => Ok((kind, self.full(&place, bench)?)),
            Form::RefDelta(id) => {
                let mut base = bench.buffer(0);
                let found = self.store.fill(id, &mut base, bench, 0)?;
                let Some(kind) = found else {
                    let why = format!("it is stored as a change of {id}, which is missing");
                    return Err(Trouble::missing(why));
                };
                let bytes = self.apply(&place, &base, bench);
                bench.recycle(base);
                Ok((kind, bytes?))
            }
            Form::OffsetDelta(_) => Err(Trouble::corrupt("it has changed while being read")),
        }
    }

    /// An object that is built on one whose bytes are at hand; leaves the copied runs in `bench.copies`.
    pub(super) fn child(&self, entry: u32, base: &[u8], bench: &mut Bench) -> Result<Buffer, Trouble> {
        let place = self.place(entry)?;
        self.apply(&place, base, bench)
    }

    /// Any object, from its root down, with two objects in memory at a time.
    pub(super) fn again(&self, entry: u32, bench: &mut Bench) -> Result<Buffer, Trouble> {
        let mut chain = vec![entry];
        let mut root = entry;
        while let Base::Entry(base) = self.forest.base(root) {
            chain.push(base);
            root = base;
        }
        chain.pop();
        let (_, mut bytes) = self.root(root, bench)?;
        while let Some(entry) = chain.pop() {
            let next = self.child(entry, &bytes, bench);
            bench.recycle(std::mem::replace(&mut bytes, next?));
        }
        Ok(bytes)
    }

    /// The size that an entry claims, if it is one for which others should wait.
    pub(super) fn heavy(&self, entry: u32) -> Option<u64> {
        let (start, end) = self.forest.range(entry, self.pack.bytes().len());
        // Few are stored in so many bytes, so that hardly any is looked at.
        let own = self.pack.bytes().get(start..end).filter(|own| own.len() as u64 > HEAVY / MAX_RATIO as u64)?;
        let size = Header::parse(own, self.pack.hash_len())?.size;
        (size > HEAVY).then_some(size)
    }

    /// Lends a large blob that is stored whole as a stream; `None` if it is not large, is something else, or must be held.
    pub(super) fn stream(&self, entry: u32, id: &oid, large: &Large<'_>) -> Result<Option<u64>, Trouble> {
        let (start, end) = self.forest.range(entry, self.pack.bytes().len());
        let own = self.pack.bytes().get(start..end).unwrap_or_default();
        let Some(Header { form: Form::Full(Kind::Blob), size, .. }) = Header::parse(own, self.pack.hash_len()) else {
            return Ok(None);
        };
        if size <= large.above as u64 {
            return Ok(None);
        }
        let place = self.place(entry)?;
        if size / MAX_RATIO as u64 > place.len as u64 {
            return Err(Trouble::corrupt("it claims to be larger than its compressed bytes can be"));
        }
        let mut stream = Inflating::new(place.data);
        stream.left = Some(size);
        if !large.lend(id, size, &mut stream)? {
            return Ok(None);
        }
        if stream.used() != place.len as u64 {
            return Err(Trouble::corrupt("its compressed bytes are not as long as the index says"));
        }
        Ok(Some(size))
    }

    /// The same of one that is built on bytes at hand.
    pub(super) fn stream_child(
        &self,
        entry: u32,
        base: &[u8],
        id: &oid,
        large: &Large<'_>,
        bench: &mut Bench,
    ) -> Result<Option<u64>, Trouble> {
        let place = self.place(entry)?;
        let size = self.store.allowed(place.header.size)?;
        let mut instructions = std::mem::take(&mut bench.delta);
        let inflated = inflate(&place, size, bench, &mut instructions);
        let lent = inflated.and_then(|()| {
            let (size, mut stream) = Building::new(&instructions, base)?;
            let lent = size > large.above as u64 && large.lend(id, size, &mut stream)?;
            Ok(lent.then_some(size))
        });
        bench.delta = instructions;
        lent
    }

    fn place(&self, entry: u32) -> Result<Place<'_>, Trouble> {
        let bytes = self.pack.bytes();
        let (start, end) = self.forest.range(entry, bytes.len());
        let (Some(own), Some(reach)) = (bytes.get(start..end), bytes.get(start..)) else {
            return Err(Trouble::corrupt("it lies beyond the end of its pack"));
        };
        let crc = self.pack.crc32(self.forest.position(entry));
        if crc.is_some_and(|crc| crc != crc32(own)) {
            return Err(Trouble::corrupt("its bytes do not have the checksum in the index"));
        }
        let parsed = Header::parse(own, self.pack.hash_len());
        let header = parsed.ok_or_else(|| Trouble::corrupt("its header is damaged"))?;
        Ok(Place {
            data: reach.get(header.len..).unwrap_or_default(),
            len: own.len() - header.len,
            header,
            vouched: crc.is_some(),
        })
    }

    fn full(&self, place: &Place<'_>, bench: &mut Bench) -> Result<Buffer, Trouble> {
        let size = self.store.allowed(place.header.size)?;
        let mut out = bench.buffer(size);
        match inflate(place, size, bench, &mut out) {
            Ok(()) => Ok(out),
            Err(trouble) => {
                bench.recycle(out);
                Err(trouble)
            }
        }
    }

    fn apply(&self, place: &Place<'_>, base: &[u8], bench: &mut Bench) -> Result<Buffer, Trouble> {
        let size = self.store.allowed(place.header.size)?;
        let mut instructions = std::mem::take(&mut bench.delta);
        let inflated = inflate(place, size, bench, &mut instructions);
        let mut out = bench.buffer(base.len());
        let limit = self.store.max_object_size();
        let applied = inflated.and_then(|()| delta::apply(&instructions, base, limit, &mut out, &mut bench.copies));
        bench.delta = instructions;
        match applied {
            Ok(()) => Ok(out),
            Err(trouble) => {
                bench.recycle(out);
                Err(trouble)
            }
        }
    }
}

fn inflate(place: &Place<'_>, size: usize, bench: &mut Bench, out: &mut Buffer) -> Result<(), Trouble> {
    let used = bench.inflater.entry(place.data, place.len, size, place.vouched, out)?;
    if used != place.len {
        return Err(Trouble::corrupt("its compressed bytes are not as long as the index says"));
    }
    Ok(())
}
