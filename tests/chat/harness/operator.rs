//! The operator of a server: what they see.

use std::net::SocketAddr;
use std::sync::Arc;

use duologue::config::Config;
use reqwest::Method;
use serde_json::Value;

use crate::harness::answer::Answer;
use crate::harness::door::{Carried, Door};
use crate::harness::exposition::Exposition;
use crate::harness::wait::until;

/// What opens the door in tests.
pub(crate) const TOKEN: &str = "the-operator-of-the-tests";

/// The server listens to its operator, at a free port.
pub(crate) fn listens(config: &mut Config) {
    config.operator_listen = Some("127.0.0.1:0".to_owned());
    config.operator_token = Some(TOKEN.to_owned());
}

/// Somebody with the token.
#[derive(Clone, Debug)]
pub(crate) struct Operator {
    pub(crate) door: Arc<Door>,
}

impl Operator {
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self {
            door: Door::to(address),
        }
    }

    /// A `GET` with the token.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        let carried = Carried::default().by(TOKEN);
        self.door.call(Method::GET, path, carried).await
    }

    /// `/metrics`, which must be in the format.
    pub(crate) async fn metrics(&self) -> Exposition {
        let answer = self.get("/metrics").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let kind = &answer.headers["content-type"];
        assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
        Exposition::parse(&answer.text)
    }

    /// `/metrics`, once this is so: what is counted behind an answer may come a moment later.
    pub(crate) async fn metrics_when(
        &self,
        what: &str,
        so: impl Fn(&Exposition) -> bool,
    ) -> Exposition {
        until(what, async || Some(self.metrics().await).filter(&so)).await
    }

    /// What the page and `inspect` show.
    pub(crate) async fn overview(&self) -> Value {
        let answer = self.get("/overview").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }
}
