//! The right to be here, and what ends it: log out, log out everywhere, another password, a token's
//! own end, a deleted account, another secret. Sockets end with it, at once.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::answer::{Answer, each, has_keys, number};
use crate::harness::arrival::{End, Transport};
use crate::harness::dial::Dial;
use crate::harness::door::{Carried, PASSWORD};
use crate::harness::person::Person;
use crate::harness::server::TestServer;
use crate::harness::token::{claims, mint, mint_by, now};

/// The same person, signed in once more.
pub(crate) async fn again(person: &Person) -> Person {
    let email = format!("{}@example.com", person.name.to_lowercase());
    let data = person.door.login(&email, PASSWORD).await.ok();
    Person::new(&person.door, &data)
}

/// How a socket ends whose token has ended.
pub(crate) fn signed_out(transport: Transport) -> End {
    match transport {
        Transport::WebSocket | Transport::SocketIo => End::Code(4401),
        Transport::Polling => End::Packet,
    }
}

pub(crate) async fn log_out(person: &Person, path: &str) {
    let path = format!("/api/auth/{path}");
    let answer = person.call(Method::POST, &path, Carried::default()).await;
    assert_eq!(answer.ok(), json!({}));
}

/// The token of `person` opens nothing any more.
pub(crate) async fn is_out(person: &Person, transport: Transport) {
    person
        .get("/api/users/me")
        .await
        .refused(401, "unauthenticated");
    let dial = Dial::to(&person.door).over(transport);
    if transport == Transport::WebSocket {
        let refused = dial.bearer(&person.token).open().await;
        assert_eq!(refused.err(), Some(401));
        return;
    }
    let mut socket = dial.open().await.expect("a connection");
    socket.opened().await;
    let auth = json!({"token": person.token}).to_string();
    let refusal = socket.enter_with(&auth).await.expect_err("refused");
    assert_eq!(refusal["data"]["code"], "unauthenticated");
}

pub(crate) async fn is_in(person: &Person, transport: Transport) {
    let me = person.get("/api/users/me").await.ok();
    assert_eq!(number(&me["user"]["id"]), person.id);
    person.connect(transport).await;
}

async fn logging_out_ends_this_sign_in_and_its_sockets_alone(transport: Transport) {
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    let other = again(&ana).await;
    let mut here = ana.connect(transport).await;
    let mut there = other.connect(transport).await;
    log_out(&ana, "logout").await;
    assert_eq!(here.end().await, signed_out(transport));
    is_out(&ana, transport).await;
    there.round_trip().await;
    is_in(&other, transport).await;
}

async fn logging_out_everywhere_ends_every_token_and_socket(transport: Transport) {
    let mut server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let other = again(&ana).await;
    let mut sockets = [ana.connect(transport).await, other.connect(transport).await];
    let mut bens = ben.connect(transport).await;
    log_out(&ana, "logout-everywhere").await;
    for socket in &mut sockets {
        assert_eq!(socket.end().await, signed_out(transport));
    }
    // Signing in works in the same second already.
    let new = again(&ana).await;
    is_in(&new, transport).await;
    for old in [&ana, &other] {
        is_out(old, transport).await;
    }
    bens.round_trip().await;
    server.restart().await;
    is_out(&ana, transport).await;
    is_in(&new, transport).await;
}

/// Tokens are dated in seconds, and those from after such an end to the next one.
#[tokio::test]
async fn what_signs_in_after_an_end_is_ended_by_the_next_in_the_same_second() {
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    for _ in 0..3 {
        let person = again(&ana).await;
        log_out(&person, "logout-everywhere").await;
        is_out(&person, Transport::WebSocket).await;
        let person = again(&ana).await;
        change(&person, PASSWORD, PASSWORD).await.ok();
        is_out(&person, Transport::WebSocket).await;
    }
}

async fn whoever_is_logged_out_is_offline_at_once(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    ana.chat_with(&ben).await;
    let mut bens = ben.connect(transport).await;
    let socket = ana.connect(transport).await;
    let online = bens.next_event("user_status_changed").await;
    assert_eq!(online["status"], "online");
    log_out(&ana, "logout").await;
    let gone = bens.next_event("user_status_changed").await;
    assert_eq!(gone["status"], "offline");
    drop(socket);
}

#[tokio::test]
async fn a_session_that_waits_for_its_client_is_ended_too() {
    let transport = Transport::SocketIo;
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    let socket = ana.connect(transport).await;
    let ticket = socket.ticket();
    socket.break_off();
    ana.sees_as(&ana, "offline").await;
    log_out(&ana, "logout-everywhere").await;
    let back = again(&ana).await.come_back(transport, &ticket).await;
    assert!(!back.recovered);
}

async fn a_token_that_ends_takes_its_socket_along(transport: Transport) {
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    let last = now() + 1;
    let mut claims = claims(ana.id);
    claims["exp"] = json!(last);
    let token = mint(&claims);
    let short = Person { token, ..ana };
    let mut socket = short.connect(transport).await;
    assert_eq!(socket.end().await, signed_out(transport));
    assert!(now() > last, "it counted until then");
    is_out(&short, transport).await;
}

over_every_transport!(
    logging_out_ends_this_sign_in_and_its_sockets_alone,
    logging_out_everywhere_ends_every_token_and_socket,
    whoever_is_logged_out_is_offline_at_once,
    a_token_that_ends_takes_its_socket_along,
);

async fn change(person: &Person, password: &str, new: &str) -> Answer {
    let body = json!({"password": password, "new_password": new});
    person.put("/api/users/me/password", body).await
}

#[tokio::test]
async fn another_password_ends_every_token_and_gives_a_new_one() {
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    let mut socket = ana.connect(Transport::WebSocket).await;
    change(&ana, "not the password", "another password")
        .await
        .refused(401, "invalid_credentials");
    change(&ana, PASSWORD, "short")
        .await
        .invalid("new_password");
    socket.round_trip().await;

    let data = change(&ana, PASSWORD, "another password").await.ok();
    has_keys(&data, &["user", "token"]);
    assert_eq!(socket.end().await, End::Code(4401));
    is_out(&ana, Transport::WebSocket).await;
    is_in(&Person::new(&ana.door, &data), Transport::WebSocket).await;
    let door = &server.door;
    let old = door.login("ana@example.com", PASSWORD).await;
    old.refused(401, "invalid_credentials");
    door.login("ana@example.com", "another password").await.ok();
}

#[tokio::test]
async fn a_token_from_elsewhere_cannot_be_logged_out_alone() {
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    let mut claims = claims(ana.id);
    // Whoever makes tokens elsewhere may mean anything by it.
    claims["sign_in"] = json!("of a session elsewhere");
    let token = mint(&claims);
    let elsewhere = Person { token, ..ana };
    elsewhere
        .call(Method::POST, "/api/auth/logout", Carried::default())
        .await
        .refused(403, "forbidden");
    log_out(&elsewhere, "logout-everywhere").await;
    is_out(&elsewhere, Transport::WebSocket).await;
}

/// Signs in, and asks for a refresh token.
pub(crate) async fn refreshable(person: &Person) -> Value {
    let body = json!({"email": "ana@example.com", "password": PASSWORD, "refresh": true});
    person.post("/api/auth/login", body).await.ok()
}

pub(crate) async fn exchange(person: &Person, refresh_token: &Value) -> Answer {
    let body = json!({"refresh_token": refresh_token});
    person.post("/api/auth/refresh", body).await
}

pub(crate) fn with(person: &Person, pair: &Value) -> Person {
    let token = pair["token"].as_str().expect("a token").to_owned();
    Person {
        token,
        ..person.clone()
    }
}

#[tokio::test]
async fn a_refresh_token_is_exchanged_for_the_next_pair() {
    let mut server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    let first = refreshable(&ana).await;
    has_keys(&first, &["user", "token", "refresh_token"]);
    let second = exchange(&ana, &first["refresh_token"]).await.ok();
    has_keys(&second, &["token", "refresh_token"]);
    is_in(&with(&ana, &second), Transport::WebSocket).await;
    is_in(&with(&ana, &first), Transport::WebSocket).await;
    server.restart().await;
    let third = exchange(&ana, &second["refresh_token"]).await.ok();
    // A token is no refresh token, and the other way round.
    exchange(&ana, &third["token"])
        .await
        .refused(401, "unauthenticated");
    let token = &third["refresh_token"];
    is_out(&with(&ana, &json!({"token": token})), Transport::WebSocket).await;
    exchange(&ana, &json!(7)).await.invalid("refresh_token");
    let body = json!({"email": "ana@example.com", "password": PASSWORD, "refresh": "yes"});
    ana.post("/api/auth/login", body).await.invalid("refresh");
}

#[tokio::test]
async fn an_exchange_whose_answer_was_lost_is_repeated() {
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    let first = refreshable(&ana).await;
    let lost = exchange(&ana, &first["refresh_token"]).await.ok();
    let second = exchange(&ana, &first["refresh_token"]).await.ok();
    for pair in [&lost, &second] {
        is_in(&with(&ana, pair), Transport::WebSocket).await;
    }
    exchange(&ana, &second["refresh_token"]).await.ok();
}

#[tokio::test]
async fn a_refresh_token_that_comes_again_ends_its_sign_in() {
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    let first = refreshable(&ana).await;
    let second = exchange(&ana, &first["refresh_token"]).await.ok();
    let third = exchange(&ana, &second["refresh_token"]).await.ok();
    let mut socket = with(&ana, &third).connect(Transport::WebSocket).await;
    exchange(&ana, &first["refresh_token"])
        .await
        .refused(401, "unauthenticated");
    assert_eq!(socket.end().await, End::Code(4401));
    is_out(&with(&ana, &third), Transport::WebSocket).await;
    exchange(&ana, &third["refresh_token"])
        .await
        .refused(401, "unauthenticated");
    is_in(&ana, Transport::WebSocket).await;
}

#[tokio::test]
async fn what_ends_tokens_ends_their_refresh_tokens() {
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    for path in ["logout", "logout-everywhere"] {
        let pair = refreshable(&ana).await;
        log_out(&with(&ana, &pair), path).await;
        exchange(&ana, &pair["refresh_token"])
            .await
            .refused(401, "unauthenticated");
    }
}

#[tokio::test]
async fn a_deleted_account_is_gone_and_what_it_wrote_can_be_read() {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    ana.send(chat, "remember me").await;
    let mut socket = ana.connect(Transport::WebSocket).await;
    let delete = async |password: &str| {
        let body = json!({"password": password});
        ana.call(Method::DELETE, "/api/users/me", Carried::json(&body))
            .await
    };
    delete("not the password")
        .await
        .refused(401, "invalid_credentials");
    assert_eq!(delete(PASSWORD).await.ok(), json!({}));

    assert_eq!(socket.end().await, End::Code(4401));
    is_out(&ana, Transport::WebSocket).await;
    let mut minted = claims(ana.id);
    minted["iat"] = json!(1e300);
    let token = mint(&minted);
    is_out(
        &Person {
            token,
            ..ana.clone()
        },
        Transport::WebSocket,
    )
    .await;
    let door = &server.door;
    for email in ["ana@example.com", "deleted:1"] {
        let refused = door.login(email, PASSWORD).await;
        refused.refused(401, "invalid_credentials");
    }
    let history = ben.history(chat).await;
    assert_eq!(history[0]["content"], "remember me");
    assert_eq!(history[0]["sender_name"], "Deleted account");
    let listed = ben.list().await;
    let names: Vec<_> = each(&listed[0]["participants"])
        .map(|one| &one["name"])
        .collect();
    assert!(names.contains(&&json!("Deleted account")), "{names:?}");
    let people = ben.get("/api/users").await.ok();
    assert_eq!(people, json!([]), "nobody to write to");
    ben.create(json!([ana.id])).await.refused(404, "not_found");
    // The address is free, and whoever has it now is somebody else.
    let new = server.door.person("Ana").await;
    assert_ne!(new.id, ana.id);
    assert_eq!(ben.history(chat).await[0]["sender_name"], "Deleted account");
}

#[tokio::test]
async fn tokens_of_the_previous_secret_count_while_it_is_named() {
    const PREVIOUS: &str = "the secret before it, which is long enough";
    let server = TestServer::with(|config| {
        config.jwt_secret_previous = Some(PREVIOUS.to_owned());
    })
    .await;
    let [ana] = server.people(["Ana"]).await;
    let minted = |secret: &str| {
        let algorithm = jsonwebtoken::Algorithm::HS256;
        let token = mint_by(algorithm, secret.as_bytes(), &claims(ana.id));
        Person {
            token,
            ..ana.clone()
        }
    };
    is_in(&minted(PREVIOUS), Transport::WebSocket).await;
    is_in(&ana, Transport::WebSocket).await;
    let another = "a secret that is neither, but long enough";
    is_out(&minted(another), Transport::WebSocket).await;
}
