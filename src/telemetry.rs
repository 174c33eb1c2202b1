//! Logs: structured, to standard error, without content, tokens or e-mail addresses.

use tracing_subscriber::EnvFilter;

/// What is logged when `RUST_LOG` says nothing else. Our actors' library and the database driver
/// speak at "info" of things that are ours to tell.
const DEFAULT_FILTER: &str = "info,ractor=warn,sea_orm_migration=warn";

/// Libraries that could tell frames and statements, and with them content and tokens.
const DISCREET: [&str; 5] = [
    "tungstenite",
    "tokio_tungstenite",
    "hyper",
    "sqlx",
    "sea_orm",
];

/// Starts logging for the process. `RUST_LOG` chooses what is told.
pub fn start() {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let filter = DISCREET.iter().fold(filter, |filter, library| {
        match format!("{library}=warn").parse() {
            Ok(directive) => filter.add_directive(directive),
            Err(_) => filter,
        }
    });
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
}

/// Why the process ends, in one line, whatever `RUST_LOG` says.
pub fn last_words(why: &str) {
    use std::io::Write as _;
    let line = why.replace(['\r', '\n'], " ");
    // Nobody is left to tell if this fails.
    drop(writeln!(std::io::stderr(), "duologue: {line}"));
}
