//! Git packs and bundles that lie in a tree as files.

use std::io;
use std::rc::Rc;

use super::{Fault, Here, Opening};
use crate::coverage::Reason;
use crate::pack::{HashKind, Kind, visit_stray};

pub(super) fn open(opening: &mut Opening<'_>, bytes: &[u8], here: &Here) -> Result<(), Fault> {
    let (mut pack, mut hash) = (bytes, HashKind::Sha1);
    if bytes.starts_with(b"#") {
        // A bundle: lines up to an empty one, capabilities first.
        let Some(at) = memchr::memmem::find(bytes, b"\n\n") else {
            return Err(Fault::Damaged("its header does not end".into()));
        };
        if memchr::memmem::find(&bytes[..at], b"\n@object-format=sha256").is_some() {
            hash = HashKind::Sha256;
        }
        pack = &bytes[at + 2..];
    }
    if !pack.starts_with(b"PACK") {
        return Err(Fault::Damaged("it has no pack".into()));
    }
    let mut stopped = None;
    let budget = Rc::clone(&opening.budget);
    let read = visit_stray(pack, hash, &mut |bytes| budget.spend(bytes), &mut |object, contents| {
        budget.spend(contents.len())?;
        let name = match &object {
            Some(object) => format!("{} {}", word(object.kind), object.id),
            None => "change".to_owned(),
        };
        let visited = match object.map(|object| object.kind) {
            Some(Kind::Blob) => opening.member(here, name.as_bytes(), &mut &*contents),
            _ => opening.budget.entry().map_err(|error| opening.fault(&error)).and_then(|()| {
                let place = here.member(name.as_bytes());
                opening.leaf(&place, &mut &*contents)
            }),
        };
        visited.map_err(|fault| {
            stopped = Some(fault);
            io::ErrorKind::Other.into()
        })
    });
    if let Some(fault) = stopped {
        return Err(fault);
    }
    let stray = read.map_err(|error| opening.fault(&error))?;
    if stray.rootless > 0 {
        let why = format!("{} of its objects are changes of objects that are elsewhere", stray.rootless);
        opening.gap(Reason::ArchiveUnknown, &here.path, &why);
    }
    if stray.too_large > 0 {
        opening.gap(Reason::ArchiveSize, &here.path, "some of its objects are too large");
    }
    stray.damage.map_or(Ok(()), |why| Err(Fault::Damaged(why)))
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Blob => "blob",
        Kind::Tree => "tree",
        Kind::Commit => "commit",
        Kind::Tag => "tag",
    }
}
