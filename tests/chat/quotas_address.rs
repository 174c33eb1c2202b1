//! What one address and one account may have: signing in, registering, connections. And where a
//! request comes from, when a proxy carries it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use duologue::config::{Quotas, Switch};
use duologue::quota::Rate;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::access::{exchange, refreshable};
use crate::harness::answer::Answer;
use crate::harness::arrival::Transport;
use crate::harness::door::{Carried, PASSWORD};
use crate::harness::server::TestServer;
use crate::harness::wait::{until, within};
use crate::quotas::at_once;

/// A server that the test reaches through a proxy that it knows.
async fn behind_a_proxy(change: impl Fn(&mut Quotas) + 'static) -> TestServer {
    TestServer::with(move |config| {
        config.rate_limits = Switch::On;
        config.forwarded_by = vec![Ipv4Addr::LOCALHOST.into()];
        change(&mut config.limits.quotas);
    })
    .await
}

/// Asks to sign in through a proxy that says for whom.
async fn login_from(server: &TestServer, forwarded_for: &str, email: &str) -> Answer {
    let body = json!({"email": email, "password": PASSWORD});
    let carried = Carried::json(&body).with("x-forwarded-for", forwarded_for);
    let door = &server.door;
    door.call(Method::POST, "/api/auth/login", carried).await
}

/// Asks for an account in the same way.
async fn register_from(server: &TestServer, forwarded_for: &str, name: &str) -> Answer {
    let body = json!({"name": name, "email": format!("{name}@example.org"), "password": PASSWORD});
    let carried = Carried::json(&body).with("x-forwarded-for", forwarded_for);
    let door = &server.door;
    door.call(Method::POST, "/api/auth/register", carried).await
}

#[tokio::test]
async fn an_account_is_tried_so_often_whether_it_exists_or_not() {
    let server = TestServer::limited(|quotas| quotas.logins_by_account = at_once(2)).await;
    server.people(["Ana", "Ben"]).await;
    let door = &server.door;
    let mut answers = Vec::new();
    for email in ["ana@example.com", "nobody@example.com"] {
        let first = Instant::now();
        for spelling in [email.to_owned(), email.to_uppercase()] {
            let wrong = door.login(&spelling, "not the password").await;
            wrong.refused(401, "invalid_credentials");
        }
        let refused = door.login(email, PASSWORD).await;
        refused.limited(2, 3_600, 7_200, first);
        answers.push(refused.json());
    }
    assert_eq!(answers[0], answers[1], "they tell who is there");
    door.login("ben@example.com", PASSWORD).await.ok();
}

#[tokio::test]
async fn a_password_is_guessed_nowhere_else_either() {
    let server = TestServer::limited(|quotas| quotas.logins_by_account = at_once(2)).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let change = json!({"password": "not the password", "new_password": "another password"});
    let farewell = Carried::json(&json!({"password": "not the password"}));
    let first = Instant::now();
    let wrong = ana.put("/api/users/me/password", change.clone()).await;
    wrong.refused(401, "invalid_credentials");
    let wrong = ana.call(Method::DELETE, "/api/users/me", farewell).await;
    wrong.refused(401, "invalid_credentials");

    let farewell = Carried::json(&json!({"password": PASSWORD}));
    for refused in [
        ana.put("/api/users/me/password", change.clone()).await,
        ana.call(Method::DELETE, "/api/users/me", farewell).await,
        server.door.login("ana@example.com", PASSWORD).await,
    ] {
        refused.limited(2, 3_600, 7_200, first);
    }
    let wrong = ben.put("/api/users/me/password", change).await;
    wrong.refused(401, "invalid_credentials");
}

#[tokio::test]
async fn who_waits_may_try_again() {
    let often = Rate::of(1, Duration::from_millis(300));
    let server = TestServer::limited(move |quotas| quotas.logins_by_address = often).await;
    server.people(["Ana"]).await;
    let login = async || server.door.login("ana@example.com", PASSWORD).await;
    until("a refusal", async || {
        (login().await.status == 429).then_some(())
    })
    .await;
    let answer = until("a login", async || {
        let answer = login().await;
        (answer.status != 429).then_some(answer)
    });
    answer.await.ok();
}

#[tokio::test]
async fn an_address_signs_in_so_often_to_whatever_account() {
    let server = behind_a_proxy(|quotas| {
        quotas.logins_by_address = at_once(2);
        quotas.logins_by_account = at_once(3);
    })
    .await;
    server.people(["Ana", "Ben"]).await;
    let first = Instant::now();
    for email in ["ana@example.com", "ben@example.com"] {
        login_from(&server, "198.51.100.7", email).await.ok();
    }
    for _ in 0..3 {
        // What an address has lost is not taken from the account.
        let refused = login_from(&server, "198.51.100.7", "ana@example.com").await;
        refused.limited(2, 3_600, 7_200, first);
    }
    for _ in 0..2 {
        let other = login_from(&server, "198.51.100.8", "ana@example.com").await;
        other.ok();
    }
    // A network of IPv6 is one address.
    for host in 1..=2 {
        let from = format!("2001:db8::{host}");
        login_from(&server, &from, "ben@example.com").await.ok();
    }
    let refused = login_from(&server, "2001:db8::3", "nobody@example.com").await;
    refused.limited(2, 3_600, 7_200, first);
}

#[tokio::test]
async fn an_address_registers_so_often() {
    let server = behind_a_proxy(|quotas| quotas.registrations = at_once(2)).await;
    let first = Instant::now();
    register_from(&server, "198.51.100.7", "ana")
        .await
        .created();
    // A question whether an address is taken is one too.
    let taken = register_from(&server, "198.51.100.7", "ana").await;
    taken.refused(409, "conflict");
    let refused = register_from(&server, "198.51.100.7", "ben").await;
    refused.limited(2, 3_600, 7_200, first);
    // The proxy appends whom it sees to what its client says.
    let refused = register_from(&server, "198.51.100.8, 198.51.100.7", "ben").await;
    refused.limited(2, 3_600, 7_200, first);
    register_from(&server, "198.51.100.7, 198.51.100.8", "ben")
        .await
        .created();
}

#[tokio::test]
async fn nobody_is_believed_by_default() {
    let server = TestServer::limited(|quotas| quotas.registrations = at_once(2)).await;
    let first = Instant::now();
    register_from(&server, "198.51.100.7", "ana")
        .await
        .created();
    register_from(&server, "198.51.100.8", "ben")
        .await
        .created();
    let refused = register_from(&server, "198.51.100.9", "cleo").await;
    refused.limited(2, 3_600, 7_200, first);
}

#[tokio::test]
async fn the_refresh_token_of_one_sign_in_is_exchanged_so_often_and_is_good_as_before() {
    let server = TestServer::limited(|quotas| quotas.refreshes_by_sign_in = at_once(2)).await;
    let [ana] = server.people(["Ana"]).await;
    let (one, other) = (refreshable(&ana).await, refreshable(&ana).await);
    let begun = Instant::now();
    let first = exchange(&ana, &one["refresh_token"]).await.ok();
    let second = exchange(&ana, &first["refresh_token"]).await.ok();
    for token in [&first["refresh_token"], &second["refresh_token"]] {
        let refused = exchange(&ana, token).await;
        refused.limited(2, 3_600, 7_200, begun);
    }
    let (nothing, foreign) = (json!("x"), &second["token"]);
    for token in [&nothing, foreign] {
        let wrong = exchange(&ana, token).await;
        wrong.refused(401, "unauthenticated");
    }
    exchange(&ana, &other["refresh_token"]).await.ok();
    ana.get("/api/users/me").await.ok();
}

#[tokio::test]
async fn who_waits_may_exchange_again_with_the_token_that_was_refused() {
    let often = Rate::of(1, Duration::from_millis(300));
    let server = TestServer::limited(move |quotas| {
        quotas.refreshes_by_sign_in = often;
        quotas.refreshes_by_address = at_once(u32::MAX);
    })
    .await;
    let [ana] = server.people(["Ana"]).await;
    let mut token = refreshable(&ana).await["refresh_token"].take();
    until("a refusal", async || {
        let answer = exchange(&ana, &token).await;
        if answer.status == 429 {
            return Some(());
        }
        token = answer.ok()["refresh_token"].take();
        None
    })
    .await;
    let answer = until("an exchange", async || {
        let answer = exchange(&ana, &token).await;
        (answer.status != 429).then_some(answer)
    });
    answer.await.ok();
}

#[tokio::test]
async fn an_address_exchanges_so_often_whatever_it_has() {
    let server = behind_a_proxy(|quotas| quotas.refreshes_by_address = at_once(2)).await;
    let [ana] = server.people(["Ana"]).await;
    let token = refreshable(&ana).await["refresh_token"].take();
    let exchange_from = async |from: &str, token: &Value| {
        let body = json!({"refresh_token": token});
        let carried = Carried::json(&body).with("x-forwarded-for", from);
        let door = &server.door;
        door.call(Method::POST, "/api/auth/refresh", carried).await
    };
    let first = Instant::now();
    for _ in 0..2 {
        let wrong = exchange_from("198.51.100.7", &json!("x")).await;
        wrong.refused(401, "unauthenticated");
    }
    let refused = exchange_from("198.51.100.7", &token).await;
    refused.limited(2, 3_600, 7_200, first);
    exchange_from("198.51.100.8", &token).await.ok();
}

/// By default: whatever has ten tabs that have the same token, and ask all at once.
#[tokio::test]
async fn ten_tabs_exchange_their_token_together() {
    let server = TestServer::limited(|_| {}).await;
    let [ana] = server.people(["Ana"]).await;
    let token = refreshable(&ana).await["refresh_token"].take();
    let tab = || {
        let (ana, token) = (ana.clone(), token.clone());
        tokio::spawn(async move { exchange(&ana, &token).await })
    };
    for answer in (0..10).map(|_| tab()).collect::<Vec<_>>() {
        answer.await.expect("an answer").ok();
    }
}

/// A connection from `host`, and an answer on it; `None` if it is closed unheard.
async fn knock(to: SocketAddr, host: Ipv4Addr) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().expect("a socket");
    let from = SocketAddr::new(IpAddr::V4(host), 0);
    socket.bind(from).expect("an address of this machine");
    let mut stream = socket.connect(to).await.expect("a connection");
    let request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut status = [0; 12];
    let answered = async {
        stream.write_all(request).await?;
        stream.read_exact(&mut status).await
    };
    let answered = within("an answer or the end", answered).await;
    answered.ok()?;
    assert_eq!(&status, b"HTTP/1.1 200");
    Some(stream)
}

#[tokio::test]
async fn one_address_cannot_take_every_place() {
    let (greedy, other) = (Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3));
    let server = TestServer::limited(|quotas| quotas.connections_max = 2).await;
    let to = server.door.address();
    let first = knock(to, greedy).await.expect("the first");
    let second = knock(to, greedy).await.expect("the second");
    for _ in 0..3 {
        assert!(knock(to, greedy).await.is_none(), "one too many is served");
    }
    knock(to, other).await.expect("somebody else");

    drop(first);
    let third = until("room for another", async || knock(to, greedy).await);
    drop((second, third.await));
}

#[tokio::test]
async fn a_socket_counts_as_long_as_it_is_there() {
    let server = TestServer::limited(|quotas| quotas.connections_max = 2).await;
    let [ana] = server.people(["Ana"]).await;
    let anas = ana.connect(Transport::WebSocket).await;
    // Where the other place went is the HTTP client's.
    let to = server.door.address();
    assert!(knock(to, Ipv4Addr::LOCALHOST).await.is_none());
    anas.close(Some(1000)).await;
    until("room for another", async || {
        knock(to, Ipv4Addr::LOCALHOST).await
    })
    .await;
}

#[tokio::test]
async fn a_known_proxy_may_have_as_many_connections_as_there_are() {
    let server = behind_a_proxy(|quotas| quotas.connections_max = 1).await;
    let to = server.door.address();
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(knock(to, Ipv4Addr::LOCALHOST).await.expect("served"));
    }
}
