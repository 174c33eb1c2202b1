//! What the program is asked to do: serve with the settings of [`Config`], or a command in place of that.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::Config;

/// Duologue: a one-to-one messaging server. Without arguments it serves on
/// http://localhost:3000 with an embedded database in the working directory.
#[expect(clippy::doc_markdown, reason = "these texts are the program's help")]
#[derive(Clone, Debug, Parser)]
#[command(name = "duologue", version)]
pub struct CommandLine {
    /// What is to be done in place of serving.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The settings.
    #[command(flatten)]
    pub config: Config,
}

/// What is done in place of serving. A server may run meanwhile.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Serves three people and a few conversations from a database that is thrown away at the end,
    /// and prints a link for each; on a free port if the one to listen on is taken
    Demo,
    /// Asks the server that listens on --listen whether it is ready; with 1 as the exit code if not
    Health,
    /// Copies the database, as it is at one moment, to a file that is not there yet
    Backup {
        /// Where to; a server started with it as its database goes on from that moment
        file: PathBuf,
    },
    /// Reads the whole database and tells what is wrong with it, a line for each fault; with 1 as
    /// the exit code if there is any
    Check,
    /// Asks a running server how it is, at its --operator-listen: who is alive, what waits, which
    /// conversations are the busiest and the slowest
    Inspect(Inspect),
}

/// What is inspected, and how it is told.
#[derive(Clone, Debug, Args)]
pub struct Inspect {
    /// Where the server's operator listener is
    #[arg(
        long,
        env = "OPERATOR_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:9090"
    )]
    pub url: String,

    /// The server's --operator-token. In the environment it is seen by fewer
    #[arg(
        long,
        env = "OPERATOR_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    pub token: Option<String>,

    /// Tell it as JSON, on one line
    #[arg(long)]
    pub json: bool,

    /// Ask again every so many seconds, until you end it
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub watch: Option<u64>,
}
