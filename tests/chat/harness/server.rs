//! A server in the test's own process.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use duologue::app::App;
use duologue::config::{Config, Quotas, Switch};
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::harness::door::Door;
use crate::harness::operator::{self, Operator};
use crate::harness::person::Person;
use crate::harness::process::database_url;
use crate::harness::wait::within;

/// A server of one's own: a free port, an empty database.
pub(crate) struct TestServer {
    pub(crate) door: Arc<Door>,
    app: Option<App>,
    change: Box<dyn Fn(&mut Config)>,
    directory: TempDir,
}

/// A database that is locked, until [`Locked::unlock`].
#[derive(Debug)]
pub(crate) struct Locked(DatabaseConnection);

impl Locked {
    /// Locks the database of a server that has it in `directory`.
    pub(crate) async fn in_directory(directory: &Path) -> Self {
        let url = database_url(&directory.join("duologue.db"));
        let mut options = ConnectOptions::new(url);
        options.max_connections(1);
        let database = Database::connect(options).await.expect("the database");
        let locked = database.execute_unprepared("BEGIN IMMEDIATE").await;
        locked.expect("the lock");
        Self(database)
    }

    /// Lets others write.
    pub(crate) async fn unlock(self) {
        self.0
            .execute_unprepared("ROLLBACK")
            .await
            .expect("unlocked");
        self.0.close().await.expect("closed");
    }
}

impl fmt::Debug for TestServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestServer")
            .field("door", &self.door)
            .finish_non_exhaustive()
    }
}

impl TestServer {
    /// The default settings of a test: no rate limits, everything else as in production.
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// The same with a change: `TestServer::with(|config| config.limits.typing_timeout = ms(50))`.
    pub(crate) async fn with(change: impl Fn(&mut Config) + 'static) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let change: Box<dyn Fn(&mut Config)> = Box::new(change);
        let app = launch(directory.path(), &change).await;
        let door = Door::to(app.address());
        Self {
            door,
            app: Some(app),
            change,
            directory,
        }
    }

    /// The same with quotas: the defaults of production, with a change.
    pub(crate) async fn limited(change: impl Fn(&mut Quotas) + 'static) -> Self {
        Self::with(move |config| {
            config.rate_limits = Switch::On;
            change(&mut config.limits.quotas);
        })
        .await
    }

    /// The same with an operator's listener.
    pub(crate) async fn operated() -> Self {
        Self::with(operator::listens).await
    }

    /// The operator's door.
    pub(crate) fn operator(&self) -> Operator {
        let address = self.app.as_ref().and_then(App::operator);
        Operator::at(address.expect("an operator's listener"))
    }

    /// Whether there is one.
    pub(crate) fn has_operator(&self) -> bool {
        self.app
            .as_ref()
            .is_some_and(|app| app.operator().is_some())
    }

    /// Locks the database, as another program may: reads go on, and what writes waits for this to
    /// be unlocked, or for 2 s.
    pub(crate) async fn lock(&self) -> Locked {
        Locked::in_directory(self.directory.path()).await
    }

    /// Registers these people, in this order: their ids are 1, 2, 3 …
    pub(crate) async fn people<const N: usize>(&self, names: [&str; N]) -> [Person; N] {
        self.door.people(names).await
    }

    /// Drains the server.
    pub(crate) async fn stop(&mut self) {
        let app = self.app.take().expect("a server that runs");
        within("the server to drain", app.drain()).await;
    }

    /// Starts it again on the same database. Everybody follows to its new port.
    pub(crate) async fn start_again(&mut self) {
        let app = launch(self.directory.path(), &self.change).await;
        self.door.moved(app.address());
        self.app = Some(app);
    }

    /// Stops it and starts it again.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.start_again().await;
    }
}

async fn launch(directory: &Path, change: &dyn Fn(&mut Config)) -> App {
    let mut config = Config::for_test(directory);
    change(&mut config);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    within("the server to start", App::start(config, listener))
        .await
        .expect("a server")
}
