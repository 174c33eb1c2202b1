//! The server as a whole: the same for `main`, the tests and the benches.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use ractor::Actor;
use ractor::rpc::CallResult;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::actors::supervisor::{self, Supervisor, SupervisorMsg};
use crate::auth::{self, Tokens};
use crate::chat::Chat;
use crate::config::Config;
use crate::operator;
use crate::store::{Store, StoreOptions};
use crate::transport::crowd::Crowd;
use crate::transport::{Gateway, Life, server};

/// A running server.
#[derive(Debug)]
pub struct App {
    address: SocketAddr,
    operator: Option<SocketAddr>,
    life: Life,
    chat: Chat,
    store: Store,
    supervisor: ractor::ActorRef<SupervisorMsg>,
    supervision: JoinHandle<()>,
    drain_time: Duration,
}

impl App {
    /// Opens the database and serves on `listener`. When this returns, the server is ready.
    ///
    /// # Errors
    /// One line for a person: why the server cannot start.
    pub async fn start(config: Config, listener: TcpListener) -> anyhow::Result<Self> {
        #[cfg(feature = "faults")]
        crate::faults::start()?;
        let address = listener
            .local_addr()
            .context("the listener has no address")?;
        let limits = Arc::new(config.limits.clone());
        let options = StoreOptions {
            readers: limits.readers_max,
            acquire_timeout: limits.reader_wait,
            ..StoreOptions::new(&config.database_url)
        };
        let database = options.path()?;
        if let Some(web_root) = &config.web_root {
            keep_apart(web_root, &database)?;
        }
        let secret_file = auth::secret_file(&database);
        let secret = auth::secret(config.jwt_secret.as_deref(), &secret_file)?;
        let tokens = Tokens::new(&secret, config.token_ttl).refreshed_for(config.refresh_ttl);
        let tokens = match &config.jwt_secret_previous {
            Some(previous) => {
                tokens.and_previous(auth::long_enough("JWT_SECRET_PREVIOUS", previous)?)
            }
            None => tokens,
        };
        let store = Store::open(&options).await?;

        let start = supervisor::Start {
            store: store.clone(),
            limits: Arc::clone(&limits),
            metrics: Arc::default(),
        };
        let (supervisor, supervision) = Actor::spawn(None, Supervisor, start).await?;
        let introduce = |reply| SupervisorMsg::Introduce { reply };
        let CallResult::Success(neighbours) = supervisor.call(introduce, None).await? else {
            anyhow::bail!("the supervisor ended at once");
        };
        let life = Life::default();
        let chat = Chat::new(neighbours, tokens, life.tasks.clone(), config.rate_limits);
        let operator = operator::start(&chat, &config, &limits, &life).await?;
        let gateway = Gateway::new(chat.clone(), &config, Arc::clone(&limits), life.clone());
        let service = gateway.service(&config);
        let crowd = Crowd::new(&config);
        let drain_time = limits.drain_time;
        life.tasks.spawn(server::serve(
            listener,
            service,
            crowd,
            limits,
            life.clone(),
        ));
        tracing::info!(%address, "serving");
        Ok(Self {
            address,
            operator,
            life,
            chat,
            store,
            supervisor,
            supervision,
            drain_time,
        })
    }

    /// Where it serves.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The door to the chat, for whoever is in the same process.
    #[must_use]
    pub fn chat(&self) -> &Chat {
        &self.chat
    }

    /// Where it serves the operator, if it does.
    #[must_use]
    pub fn operator(&self) -> Option<SocketAddr> {
        self.operator
    }

    /// Waits until the server cannot go on: its journal, its presence or its supervisor failed.
    /// Why is in the log.
    pub async fn failed(&mut self) {
        let ended = (&mut self.supervision).await;
        let error = ended.err().map(tracing::field::display);
        tracing::error!(error, "the supervisor failed: the server ends");
    }

    /// Ends in good order: no new connections, what is under way is finished and durable, sockets
    /// are closed in a way from which clients come back by themselves. Takes a little over the
    /// configured time at most.
    pub async fn drain(self) {
        tracing::info!("draining");
        self.life.draining.cancel();
        self.life.tasks.close();
        if timeout(self.drain_time, self.life.tasks.wait())
            .await
            .is_err()
        {
            let left = self.life.tasks.len();
            tracing::warn!(left, "some connections did not end in time");
        }
        let drain = |reply| SupervisorMsg::Drain { reply };
        match self
            .supervisor
            .call(drain, Some(Duration::from_secs(1)))
            .await
        {
            Ok(CallResult::Success(())) => {}
            _ => tracing::warn!("what was left could not be settled in time"),
        }
        self.supervisor.stop(None);
        if timeout(CLOSING, self.store.close()).await.is_err() {
            // What was acknowledged is on disk; the next start tidies up.
            tracing::warn!("the database could not be closed in time");
        }
        tracing::info!("drained");
    }
}

/// How long the database may take to move its log into its file.
const CLOSING: Duration = Duration::from_millis(1_500);

/// Whoever serves a folder serves everything in it: the database and its secret must not be there.
fn keep_apart(web_root: &Path, database: &Path) -> anyhow::Result<()> {
    let shown = web_root.display();
    let is_directory = web_root.is_dir();
    anyhow::ensure!(is_directory, "the web root {shown} is no directory");
    let web_root = web_root.canonicalize();
    let web_root = web_root.with_context(|| format!("cannot read the web root {shown}"))?;
    let folder = match database.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // One that is not there yet is told of when the database is opened.
    let inside = folder
        .canonicalize()
        .is_ok_and(|folder| folder.starts_with(&web_root));
    anyhow::ensure!(
        !inside,
        "the database {} lies in the web root {shown}, where everybody could read it: \
         keep them apart",
        database.display()
    );
    Ok(())
}
