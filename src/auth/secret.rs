//! The secret that signs tokens, and where it is kept.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::config::Config;

/// The key that signs tokens: the configured one, else the one kept in `file`, else a new one
/// that is kept there from now on, readable by its owner alone.
///
/// # Errors
/// One line for a person: a secret that is too short, or a file that cannot be read or made.
pub fn secret(configured: Option<&str>, file: &Path) -> anyhow::Result<Vec<u8>> {
    if let Some(secret) = configured {
        return Ok(long_enough("JWT_SECRET", secret)?.to_vec());
    }
    let kept = match read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(file),
        other => other,
    };
    let kept = kept.map_err(|error| {
        anyhow::anyhow!(
            "the token secret {} cannot be kept: {error}",
            file.display()
        )
    })?;
    anyhow::ensure!(
        kept.len() >= Config::SECRET_BYTES_MIN,
        "the token secret {} is too short; remove it to have a new one made",
        file.display()
    );
    Ok(kept)
}

/// A secret that was given under the name `setting`.
///
/// # Errors
/// One line for a person, if it is too short.
pub fn long_enough<'a>(setting: &str, secret: &'a str) -> anyhow::Result<&'a [u8]> {
    let least = Config::SECRET_BYTES_MIN;
    anyhow::ensure!(
        secret.len() >= least,
        "{setting} has {} bytes; at least {least} are needed",
        secret.len()
    );
    Ok(secret.as_bytes())
}

/// Where the secret of the database at `path` is kept.
#[must_use]
pub fn secret_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".jwt-secret");
    PathBuf::from(name)
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut text = String::new();
    std::fs::File::open(file)?.read_to_string(&mut text)?;
    Ok(text.trim_end().as_bytes().to_vec())
}

fn make(file: &Path) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut random = [0; Config::SECRET_BYTES_MIN];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let secret: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    // Written whole under another name first: a crash in between leaves no half secret behind.
    let mut unfinished = file.as_os_str().to_owned();
    unfinished.push(".new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut handle = options.open(&unfinished)?;
    writeln!(handle, "{secret}")?;
    handle.sync_all()?;
    std::fs::rename(&unfinished, file)?;
    Ok(secret.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_kept_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().expect("a directory");
        let file = secret_file(&directory.path().join("a.db"));
        let first = secret(None, &file).expect("made");
        assert_eq!(first.len(), 64);
        assert_eq!(secret(None, &file).expect("kept"), first);
        let mode = std::fs::metadata(&file)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_short_secret_is_refused() {
        let file = Path::new("unused");
        assert!(secret(Some(&"x".repeat(31)), file).is_err());
        assert!(secret(Some(&"x".repeat(32)), file).is_ok());
    }
}
