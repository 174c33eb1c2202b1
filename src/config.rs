//! Every setting and every limit, each with its unit and its default.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::quota::Rate;

/// Every setting, from flags and the environment.
#[expect(clippy::doc_markdown, reason = "these texts are the program's help")]
#[derive(Clone, Debug, Args)]
pub struct Config {
    /// The address and port to listen on
    #[arg(
        long,
        env,
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:3000",
        global = true
    )]
    pub listen: String,

    /// The database, made and migrated at the start: sqlite:// and a path, relative to the
    /// working directory
    #[arg(
        long,
        env,
        value_name = "URL",
        default_value = "sqlite://duologue.db",
        global = true
    )]
    pub database_url: String,

    /// The key that signs tokens, at least 32 bytes. Without it one is made on the first start
    /// and kept beside the database, readable by its owner alone
    #[arg(long, env, value_name = "SECRET", hide_env_values = true)]
    pub jwt_secret: Option<String>,

    /// The key before it, while tokens that it signed still count; new ones are signed with the
    /// other
    #[arg(long, env, value_name = "SECRET", hide_env_values = true)]
    pub jwt_secret_previous: Option<String>,

    /// Origins that a browser may call from, separated by commas, or * for any [default: the
    /// server's own and any http://localhost:* and http://127.0.0.1:*]
    #[arg(
        long = "allow-origin",
        env = "ALLOW_ORIGINS",
        value_name = "ORIGINS",
        value_delimiter = ','
    )]
    pub allow_origins: Vec<String>,

    /// A directory to serve at / in place of the built-in page
    #[arg(long, env, value_name = "DIRECTORY")]
    pub web_root: Option<PathBuf>,

    /// Quotas that answer 429; "off" is for benchmarks and tests. Admission (503) always stands
    #[arg(
        long,
        env,
        value_name = "ON|OFF",
        default_value = "on",
        ignore_case = true
    )]
    pub rate_limits: Switch,

    /// Proxies whose X-Forwarded-For is believed, addresses separated by commas. Without them
    /// all who come through a proxy count as one address [default: none]
    #[arg(long, env, value_name = "ADDRESSES", value_delimiter = ',')]
    pub forwarded_by: Vec<IpAddr>,

    /// How long a token is good for, such as 7d or 12h
    #[arg(long, env, value_name = "TIME", default_value = "7d", value_parser = humantime::parse_duration)]
    pub token_ttl: Duration,

    /// How long a refresh token is good for, from its last exchange
    #[arg(long, env, value_name = "TIME", default_value = "30d", value_parser = humantime::parse_duration)]
    pub refresh_ttl: Duration,

    /// The address and port at which the operator is served: /metrics for Prometheus, a live page
    /// at /, and what `duologue inspect` asks. Better one that others cannot reach, such as
    /// 127.0.0.1:9090 [default: none]
    #[arg(long, env, value_name = "HOST:PORT")]
    pub operator_listen: Option<String>,

    /// What the operator must bring as a bearer token, at least 16 bytes. Without it /metrics is
    /// open to who can reach it, and there is nothing else
    #[arg(long, env, value_name = "TOKEN", hide_env_values = true)]
    pub operator_token: Option<String>,

    /// What is bounded, and how. Not settable from outside.
    #[arg(skip)]
    pub limits: Limits,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

impl Switch {
    /// Whether it is on.
    #[must_use]
    pub fn is_on(self) -> bool {
        self == Self::On
    }
}

/// Every limit. Sizes are in bytes, counts end in `_max`.
#[derive(Clone, Debug)]
pub struct Limits {
    /// A request's body or a socket's frame (contract, "Limits").
    pub body_bytes: usize,
    /// How much of a refused body or frame is read and dropped, so that the peer sees the answer
    /// and not a reset.
    pub discard_bytes: usize,
    /// How long that may take.
    pub discard_time: Duration,
    /// How long a request's body may take to arrive.
    pub body_time: Duration,
    /// How long a request's head may take to arrive, on a new connection and between requests.
    pub header_time: Duration,
    /// A request's head.
    pub header_bytes: usize,
    /// Header lines in a request.
    pub headers_max: usize,
    /// Connections in all; what comes beyond waits in the listen queue. Lowered at the start to
    /// what the limit on open files leaves room for.
    pub connections_max: usize,

    /// Commands under way in all; beyond it 503.
    pub commands_max: usize,
    /// Sends under way in all, which wait for the disk: about a tenth of a second of its work.
    /// Beyond it 503.
    pub sends_max: usize,
    /// Commands under way in one session; beyond it the socket is not read.
    pub session_commands_max: usize,
    /// The same in bytes of their frames, which is about what they take in memory.
    pub session_commands_bytes: usize,
    /// How long a use case may take before it counts as failed; what it wrote may still become
    /// durable.
    pub command_time: Duration,
    /// Password hashes that wait for a processor; beyond it 503.
    pub hashing_queue_max: usize,
    /// Password hashes computed at once. Each takes 19 MiB.
    pub hashing_max: usize,
    /// People whose accounts are kept in memory.
    pub people_max: usize,
    /// What `--rate-limits` governs.
    pub quotas: Quotas,

    /// What may wait to be written to one session; one message more ends it. For a session that
    /// can be taken up again, what was written and is not proven yet counts too, and is forgotten
    /// first.
    pub outbox_bytes: usize,
    /// How long a session whose connection broke off can be taken up again (contract, "Coming
    /// back").
    pub recovery_time: Duration,
    /// How long a returning client waits while its old connection seems to live: a goodbye may be
    /// on the way there.
    pub takeover_delay: Duration,
    /// Sessions of one person that wait for their client; the oldest is forgotten first.
    pub detached_max: usize,
    /// How long what is written to a socket in one turn, all of it, may take to leave: about 64 KiB
    /// at most.
    pub write_timeout: Duration,
    /// How long a new socket may take to authenticate.
    pub authenticate_timeout: Duration,
    /// How long a client may take to go from long polling to a WebSocket.
    pub upgrade_timeout: Duration,
    /// Attachments of one Socket.IO packet. Together with it they are one body at most.
    pub attachments_max: usize,
    /// The longest time between two pings.
    pub ping_interval: Duration,
    /// How long a peer may take to answer one.
    pub ping_timeout: Duration,
    /// How soon after a delivery a ping proves it; deliveries in between share it.
    pub proof_delay: Duration,

    /// How long somebody who broke off still counts as present.
    pub presence_grace: Duration,
    /// How long somebody types without renewing it.
    pub typing_timeout: Duration,
    /// How long a conversation stays in memory without work. To load it again is one short read.
    pub conversation_idle: Duration,
    /// Messages of one conversation that are kept in memory.
    pub tail_max: usize,
    /// The bytes of their contents.
    pub tail_bytes: usize,
    /// Messages that one conversation hands to the journal at once.
    pub batch_max: usize,
    /// The bytes of their contents, beyond one message. Encoded they may be six times as many,
    /// and must fit into an outbox that is not empty.
    pub batch_bytes: usize,
    /// Messages and positions that one transaction holds.
    pub transaction_max: usize,
    /// The bytes of their contents, beyond one batch.
    pub transaction_bytes: usize,

    /// Connections to the database that read.
    pub readers_max: u32,
    /// How long a read waits for one of them.
    pub reader_wait: Duration,
    /// How long who asks for the server's health waits for a write that is tried, from its beginning.
    pub trial_time: Duration,
    /// How long a drain may take before what is left is cut off.
    pub drain_time: Duration,
    /// Over how much of that time sockets are closed one after the other at most, so that their
    /// clients do not come back all at once.
    pub drain_spread: Duration,
    /// Where there are few sockets it takes less: so many go in a second.
    pub drain_rate: u32,
}

/// How much one person or one address may have: beyond it 429, where nothing else is said. Each
/// stands far above what people do, and far below what would hurt others. Behind a proxy, an
/// address is what `--forwarded-by` makes of it.
#[derive(Clone, Debug)]
pub struct Quotas {
    /// Sends of a person, over all their sessions and REST.
    pub sends: Rate,
    /// Lists and searches of a person: people, conversations.
    pub lists: Rate,
    /// Reads of a person from what was said: pages of history, and joins that catch up. Whoever comes
    /// back asks once for each conversation on each device.
    pub history: Rate,
    /// Joins of a person, over all their sockets. Whoever comes back joins all that they had joined.
    pub joins: Rate,
    /// Conversations that a person makes; one that is there is found for nothing.
    pub conversations: Rate,
    /// What a person tells of their typing. Beyond it, it is acknowledged and told to nobody.
    pub typing: Rate,
    /// Commands of a person under way, over all their sessions and REST.
    pub commands_max: u32,
    /// Sockets of a person. The newest is refused; who comes back to a session of theirs is not.
    pub sockets_max: u32,
    /// Attempts to sign in to one account, whether there is one or not.
    pub logins_by_account: Rate,
    /// The same from one address.
    pub logins_by_address: Rate,
    /// Attempts to register from one address.
    pub registrations: Rate,
    /// Exchanges of the refresh tokens of one sign-in. All tabs of a browser may have the same one.
    pub refreshes_by_sign_in: Rate,
    /// Exchanges from one address, whether the token counts or not.
    pub refreshes_by_address: Rate,
    /// Open connections from one address, but for those of `--forwarded-by`; half of all at most.
    /// What comes beyond is closed at once.
    pub connections_max: u32,
    /// People, accounts, sign-ins and addresses whose quotas are in memory, each; the least used are
    /// forgotten first, and have the whole of them again.
    pub kept_max: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self {
            sends: Rate::per_second(50, 200),
            lists: Rate::per_second(5, 30),
            history: Rate::per_second(50, 1_000),
            joins: Rate::per_second(50, 1_000),
            conversations: Rate::of(200, 24 * 60 * minute),
            typing: Rate::per_second(10, 50),
            commands_max: 512,
            sockets_max: 32,
            logins_by_account: Rate::of(10, minute),
            logins_by_address: Rate::of(30, minute),
            registrations: Rate::of(20, 60 * minute),
            refreshes_by_sign_in: Rate::of(30, minute),
            refreshes_by_address: Rate::of(300, minute),
            connections_max: 2_000,
            kept_max: 100_000,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            body_bytes: 64 << 10,
            discard_bytes: 4 << 20,
            discard_time: seconds(1),
            body_time: seconds(20),
            header_time: seconds(15),
            header_bytes: 16 << 10,
            headers_max: 64,
            connections_max: 100_000,
            commands_max: 16_384,
            sends_max: 2_048,
            session_commands_max: 256,
            session_commands_bytes: 1 << 20,
            command_time: seconds(10),
            hashing_queue_max: 512,
            hashing_max: std::thread::available_parallelism().map_or(1, Into::into),
            people_max: 100_000,
            quotas: Quotas::default(),
            outbox_bytes: 1 << 20,
            recovery_time: seconds(2 * 60),
            takeover_delay: Duration::from_millis(250),
            detached_max: 32,
            write_timeout: seconds(20),
            authenticate_timeout: seconds(10),
            upgrade_timeout: seconds(10),
            attachments_max: 16,
            ping_interval: seconds(25),
            ping_timeout: seconds(20),
            proof_delay: Duration::from_millis(200),
            presence_grace: seconds(5),
            typing_timeout: seconds(6),
            conversation_idle: seconds(60),
            tail_max: 128,
            tail_bytes: 32 << 10,
            batch_max: 256,
            batch_bytes: 64 << 10,
            transaction_max: 1_024,
            transaction_bytes: 4 << 20,
            readers_max: 4,
            reader_wait: seconds(5),
            trial_time: seconds(2),
            drain_time: seconds(7),
            drain_spread: seconds(3),
            drain_rate: 2_000,
        }
    }
}

impl Config {
    /// The secret of [`Config::for_test`].
    pub const TEST_SECRET: &'static str = "a secret for tests that is long enough";

    /// The shortest key that HS256 may have, in bytes (RFC 7518, 3.2).
    pub const SECRET_BYTES_MIN: usize = 32;

    /// A server of its own for a test or a benchmark: the database in `directory`, no quotas.
    #[must_use]
    pub fn for_test(directory: &Path) -> Self {
        let database = directory.join("duologue.db");
        Self {
            listen: "127.0.0.1:0".to_owned(),
            database_url: format!("sqlite://{}", database.display()),
            jwt_secret: Some(Self::TEST_SECRET.to_owned()),
            jwt_secret_previous: None,
            allow_origins: Vec::new(),
            web_root: None,
            rate_limits: Switch::Off,
            forwarded_by: Vec::new(),
            token_ttl: Duration::from_secs(7 * 24 * 3_600),
            refresh_ttl: Duration::from_secs(30 * 24 * 3_600),
            operator_listen: None,
            operator_token: None,
            limits: Limits::default(),
        }
    }
}
