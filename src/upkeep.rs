//! Looking after the database, without a server or beside one: `duologue backup`, `duologue check`.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use crate::auth;
use crate::store::{ReadOnly, StoreOptions};

/// `duologue backup`: copies the database at `database_url` to `file`, and tells of it on standard
/// output.
///
/// # Errors
/// One line for a person: why it could not be done.
pub async fn back_up(database_url: &str, file: &Path) -> anyhow::Result<ExitCode> {
    let options = StoreOptions::new(database_url);
    let database = ReadOnly::open(&options).await?;
    let done = copy(&database, file, &options.path()?).await;
    database.close().await;
    done
}

/// `duologue check`: reads the whole database at `database_url`, and tells on standard output what
/// is wrong with it.
///
/// # Errors
/// One line for a person: why it could not be done.
pub async fn check(database_url: &str) -> anyhow::Result<ExitCode> {
    let database = ReadOnly::open(&StoreOptions::new(database_url)).await?;
    let done = look_through(&database).await;
    database.close().await;
    done
}

async fn copy(database: &ReadOnly, file: &Path, original: &Path) -> anyhow::Result<ExitCode> {
    let bytes = database.back_up(file).await?;
    let secret = auth::secret_file(original);
    let kept = match secret.exists() {
        true => format!("the file {}", secret.display()),
        false => "JWT_SECRET".to_owned(),
    };
    let file = file.display();
    writeln!(
        std::io::stdout(),
        "backed up to {file}, {bytes} bytes. The secret that signs tokens is not in it: keep {kept} too"
    )?;
    Ok(ExitCode::SUCCESS)
}

async fn look_through(database: &ReadOnly) -> anyhow::Result<ExitCode> {
    let report = database.check().await?;
    let mut out = std::io::stdout().lock();
    if report.faults.is_empty() {
        let (conversations, messages) = (report.conversations, report.messages);
        writeln!(
            out,
            "sound: {conversations} conversations, {messages} messages"
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    for fault in &report.faults {
        writeln!(out, "{fault}")?;
    }
    Ok(ExitCode::FAILURE)
}
