//! Who is told, and who is not; and that nobody is told of people.

use reqwest::Method;

use crate::harness::arrival::Transport;
use crate::harness::door::Carried;
use crate::harness::exposition::Exposition;
use crate::harness::operator::{self, TOKEN};
use crate::harness::requests::POLLING;
use crate::harness::server::TestServer;

/// All that the operator may be asked.
const ADDRESSES: [&str; 5] = ["/metrics", "/overview", "/", "/page.js", "/page.css"];

/// These tell nothing: they ask with the token.
const PAGE: [&str; 3] = ["/", "/page.js", "/page.css"];

#[tokio::test]
async fn nothing_is_told_of_people_nor_of_what_they_say() {
    let server = TestServer::operated().await;
    let [ana, ben] = server.people(["Anastasia", "Benedict"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut bens = ben.connect(Transport::SocketIo).await;
    let message = ana.send(chat, "an unmistakable secret").await;
    bens.silent_until_message(&[], &message).await;
    ana.post_once(chat, "another secret", "an-unmistakable-key")
        .await
        .created();
    let operator = server.operator();
    let seen = operator.metrics().await;
    let said: Vec<_> = seen.labels().into_keys().collect();
    assert_eq!(
        said,
        [
            "code", "kind", "le", "outcome", "queue", "socket", "state", "version"
        ]
    );
    let (metrics, overview) = (
        operator.get("/metrics").await,
        operator.get("/overview").await,
    );
    for text in [metrics.text, overview.text] {
        for private in [
            "secret",
            "nastasia",
            "enedict",
            "@example",
            "unmistakable",
            &*ana.token,
        ] {
            assert!(!text.contains(private), "{private} in {text}");
        }
    }
}

#[tokio::test]
async fn there_is_no_operator_unless_one_is_asked_for() {
    let server = TestServer::start().await;
    assert!(!server.has_operator());
}

#[tokio::test]
async fn nothing_of_it_is_at_the_public_door() {
    let server = TestServer::operated().await;
    for path in ["/metrics", "/overview", "/page.js", "/page.css"] {
        let carried = Carried::default().by(TOKEN);
        let answer = server.door.call(Method::GET, path, carried).await;
        answer.refused(404, "not_found");
    }
    let page = server.door.get("/").await;
    assert!(!page.text.contains("page.js"), "{page:?}");
    let operator = server.operator();
    for path in ["/api/users", "/health/live", POLLING, "/ws"] {
        assert_eq!(operator.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn whoever_has_not_the_token_is_told_nothing() {
    let server = TestServer::operated().await;
    let door = server.operator().door;
    let wrong = format!("{TOKEN}x");
    for path in ["/metrics", "/overview"] {
        for token in [None, Some(""), Some("wrong"), Some(&*wrong)] {
            let carried = Carried {
                token,
                ..Carried::default()
            };
            let answer = door.call(Method::GET, path, carried).await;
            assert_eq!(answer.status, 401, "{path} {token:?}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
            assert!(!answer.text.contains("duologue_"), "{answer:?}");
        }
    }
    for path in PAGE {
        let answer = door.get(path).await;
        assert_eq!(answer.status, 200, "{path}: it holds no figures");
        let policy = answer.headers["content-security-policy"].to_str();
        let policy = policy.expect("text");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn without_a_token_there_are_metrics_and_nothing_else() {
    let server = TestServer::with(|config| {
        operator::listens(config);
        config.operator_token = None;
    })
    .await;
    let door = server.operator().door;
    for path in ADDRESSES {
        let answer = door.get(path).await;
        if path == "/metrics" {
            assert_eq!(answer.status, 200);
            Exposition::parse(&answer.text);
        } else {
            assert_eq!(answer.status, 403, "{path}");
            assert!(answer.text.contains("OPERATOR_TOKEN"), "{answer:?}");
        }
    }
}
