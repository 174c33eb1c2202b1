//! Accounts: registering, logging in, oneself.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::harness::answer::{has_keys, is_time, number};
use crate::harness::door::{Carried, PASSWORD};
use crate::harness::person::Person;
use crate::harness::server::TestServer;

const MINE: [&str; 5] = ["id", "name", "email", "status", "last_seen_at"];

#[tokio::test]
async fn registering_answers_with_the_account_and_a_token_that_works() {
    let server = TestServer::start().await;

    let data = server
        .door
        .register("Ana", "ana@example.com", PASSWORD)
        .await
        .created();
    has_keys(&data, &["user", "token"]);
    has_keys(&data["user"], &MINE);
    assert_eq!(data["user"]["id"], 1);
    assert_eq!(data["user"]["name"], "Ana");
    assert_eq!(data["user"]["email"], "ana@example.com");
    assert_eq!(data["user"]["status"], "offline", "nobody is connected");
    assert!(data["user"]["last_seen_at"].is_null() || data["user"]["last_seen_at"].is_string());

    let ana = Person::new(&server.door, &data);
    assert_eq!(
        ana.get("/api/users/me").await.ok(),
        json!({"user": data["user"]})
    );
}

#[tokio::test]
async fn accounts_count_up_from_1() {
    let server = TestServer::start().await;
    let people = server.people(["Ana", "Ben", "Cleo"]).await;
    assert_eq!(people.map(|person| person.id), [1, 2, 3]);
}

#[tokio::test]
async fn a_login_takes_the_email_in_any_letter_case() {
    let server = TestServer::start().await;
    let registered = server
        .door
        .register("Ana", "Ana.Lima@Example.com", PASSWORD)
        .await
        .created();

    for email in [
        "Ana.Lima@Example.com",
        "ana.lima@example.com",
        "ANA.LIMA@EXAMPLE.COM",
    ] {
        let data = server.door.login(email, PASSWORD).await.ok();
        has_keys(&data, &["user", "token"]);
        assert_eq!(data["user"], registered["user"], "{email}");
        let ana = Person::new(&server.door, &data);
        assert_eq!(
            ana.get("/api/users/me").await.ok()["user"]["id"],
            registered["user"]["id"]
        );
    }
}

#[tokio::test]
async fn a_taken_email_is_a_conflict_in_any_letter_case() {
    let server = TestServer::start().await;
    let first = server
        .door
        .register("Ana", "ana@example.com", PASSWORD)
        .await
        .created();

    for email in ["ana@example.com", "ANA@Example.Com"] {
        let again = server.door.register("Eve", email, "another password").await;
        again.refused(409, "conflict");
        server
            .door
            .login(email, "another password")
            .await
            .refused(401, "invalid_credentials");
    }
    let still = server.door.login("ana@example.com", PASSWORD).await.ok();
    assert_eq!(still["user"], first["user"]);
}

#[tokio::test]
async fn of_simultaneous_registrations_of_one_email_one_succeeds() {
    let server = TestServer::start().await;
    let asked = (0..6).map(|i| {
        let door = server.door.clone();
        tokio::spawn(async move {
            let email = if i % 2 == 0 {
                "ana@example.com"
            } else {
                "Ana@Example.com"
            };
            door.register(&format!("Ana {i}"), email, PASSWORD).await
        })
    });

    let mut created = 0;
    for answer in asked.collect::<Vec<_>>() {
        let answer = answer.await.expect("an answer");
        match answer.status {
            201 => created += 1,
            _ => drop(answer.refused(409, "conflict")),
        }
    }
    assert_eq!(created, 1);
}

#[tokio::test]
async fn an_unknown_email_and_a_wrong_password_get_the_same_answer_in_the_same_time() {
    let server = TestServer::start().await;
    server
        .door
        .register("Ana", "ana@example.com", PASSWORD)
        .await
        .created();
    let attempt = async |email: &str| {
        let start = Instant::now();
        let answer = server.door.login(email, "not the password").await;
        (answer.refused(401, "invalid_credentials"), start.elapsed())
    };

    let (mut unknown, mut wrong) = (Duration::MAX, Duration::MAX);
    for _ in 0..4 {
        let (text, time) = attempt("ana@example.com").await;
        wrong = wrong.min(time);
        let (same_text, time) = attempt("nobody@example.com").await;
        unknown = unknown.min(time);
        assert_eq!(same_text, text);
    }
    // The shortest of several: no matter what else the machine does. A server that does not hash
    // for an unknown e-mail is faster by far more than three times.
    assert!(
        unknown * 3 > wrong,
        "unknown e-mail {unknown:?}, wrong password {wrong:?}"
    );
}

#[tokio::test]
async fn a_password_is_taken_as_it_is_sent() {
    let server = TestServer::start().await;
    let password = "  päss\u{1F98A}wörd\t ";
    server
        .door
        .register("Ana", "ana@example.com", password)
        .await
        .created();

    server.door.login("ana@example.com", password).await.ok();
    for other in [
        password.trim(),
        "  PÄSS\u{1F98A}WÖRD\t ",
        &password[..password.len() - 1],
    ] {
        server
            .door
            .login("ana@example.com", other)
            .await
            .refused(401, "invalid_credentials");
    }
}

#[tokio::test]
async fn a_login_with_wrong_types_is_refused_by_field() {
    let server = TestServer::start().await;
    server
        .door
        .register("Ana", "ana@example.com", PASSWORD)
        .await
        .created();
    for field in ["email", "password"] {
        for value in [
            json!(1),
            json!(null),
            json!(["ana@example.com"]),
            json!({}),
            json!(true),
        ] {
            let mut body = json!({"email": "ana@example.com", "password": PASSWORD});
            body[field] = value;
            let answer = server
                .door
                .call(Method::POST, "/api/auth/login", Carried::json(&body))
                .await;
            answer.invalid(field);
        }
    }
}

#[tokio::test]
async fn the_status_is_chosen_kept_and_checked() {
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    for status in ["busy", "offline", "online"] {
        let user = ana.choose(status).await;
        has_keys(&user, &MINE);
        assert_eq!(
            user["status"], "offline",
            "without a session one is offline"
        );
    }
    for bad in [
        json!("away"),
        json!("Busy"),
        json!(""),
        json!(1),
        json!(null),
        json!(["busy"]),
    ] {
        ana.put("/api/users/me/status", json!({"status": bad}))
            .await
            .invalid("status");
    }
    ana.put("/api/users/me/status", json!({}))
        .await
        .invalid("status");
}

#[tokio::test]
async fn times_and_ids_have_the_form_of_the_contract() {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let message = ana.send(chat, "hi").await;
    is_time(&message["created_at"]);
    let conversation = ana.conversation(chat).await["conversation"].take();
    for time in ["created_at", "updated_at", "last_message_at"] {
        is_time(&conversation[time]);
    }
    is_time(&ben.read(chat, None).await["read_at"]);
    for id in [
        &message["id"],
        &message["conversation_id"],
        &message["sender_id"],
        &message["seq"],
    ] {
        assert!((1..1 << 53).contains(&number(id)), "{message}");
    }
    assert_eq!(
        number(&conversation["id"]),
        1,
        "conversations count up from 1"
    );
}

#[tokio::test]
async fn no_answer_is_kept_on_the_way_or_taken_for_something_else() {
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    let login = server.door.login("ana@example.com", PASSWORD).await;
    let refused = server.door.get("/api/users/me").await;
    for answer in [&refused, &ana.get("/api/users/me").await] {
        assert_eq!(answer.headers["cache-control"], "no-store", "{answer:?}");
    }
    let page = server.door.get("/").await;
    for answer in [&login, &refused, &page] {
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["referrer-policy"], "no-referrer");
    }
}
