//! Writes files that people own: whole or not at all, with the permissions they had, and not through links that lead
//! out of the repository.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use keysieve::error::{Error, Result};

/// Writes a file, whole or not at all.
///
/// # Errors
/// It cannot be written, or a link in its path leads out of the repository at `root`.
pub fn replace(path: &Path, root: Option<&Path>, bytes: &[u8]) -> Result<()> {
    let real = resolved(path, root)?;
    let failed = |source| Error::Write { what: path.display().to_string(), source };
    let mut name = real.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let draft = real.with_file_name(name);
    let written = write(&draft, &real, bytes).and_then(|()| fs::rename(&draft, &real));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written.map_err(failed)
}

fn write(draft: &Path, real: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(draft)?;
    file.write_all(bytes)?;
    if let Ok(data) = fs::metadata(real) {
        file.set_permissions(data.permissions())?;
    }
    file.sync_all()
}

/// The file itself, links resolved.
fn resolved(path: &Path, root: Option<&Path>) -> Result<PathBuf> {
    let failed = |source| Error::Write { what: path.display().to_string(), source };
    let absolute = std::path::absolute(path).map_err(failed)?;
    let real = match fs::symlink_metadata(&absolute) {
        Ok(_) => absolute.canonicalize().map_err(failed)?,
        Err(_) => {
            let folder = absolute.parent().unwrap_or(Path::new("/")).canonicalize().map_err(failed)?;
            folder.join(absolute.file_name().unwrap_or_default())
        }
    };
    if fs::metadata(&real).is_ok_and(|data| !data.is_file()) {
        return Err(Error::Usage(format!("{}: is no plain file; nothing was written", path.display())));
    }
    let Some(root) = root else { return Ok(real) };
    let inside = root.canonicalize().map_err(failed)?;
    let named = absolute.starts_with(&inside) || std::path::absolute(root).is_ok_and(|root| absolute.starts_with(root));
    if named && !real.starts_with(&inside) {
        let why = "a link leads out of the repository; nothing was written";
        return Err(Error::Usage(format!("{}: {why}", path.display())));
    }
    Ok(real)
}
