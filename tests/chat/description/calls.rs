//! Every call: its successes, its refusals, and that each status that is described was met.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use duologue::quota::Rate;
use serde_json::{Value, json};

use super::inquiry::Inquiry;
use super::rare::is_met_here;
use crate::harness::answer::number;
use crate::harness::door::{Carried, PASSWORD};
use crate::harness::person::Person;
use crate::harness::server::TestServer;
use crate::harness::token::{claims, mint};

/// Everything about accounts, by people of its own.
async fn manage_accounts(inquiry: &mut Inquiry) {
    let none = ("", "");
    let eve = json!({"name": "Eve", "email": "eve@example.com", "password": PASSWORD});
    let register = "POST /api/auth/register";
    inquiry
        .make(register, none, None, eve.clone())
        .await
        .created();
    inquiry
        .make(register, none, None, eve)
        .await
        .refused(409, "conflict");
    let finn = json!({"name": "Finn", "email": "finn@example.com", "password": PASSWORD,
        "refresh": true});
    let finn = inquiry.make(register, none, None, finn).await.created();
    let login = |password: &str| json!({"email": "eve@example.com", "password": password});
    let wrong = inquiry
        .make("POST /api/auth/login", none, None, login("wrong"))
        .await;
    wrong.refused(401, "invalid_credentials");
    let eve = inquiry
        .make("POST /api/auth/login", none, None, login(PASSWORD))
        .await
        .ok();
    let eve = Person::new(&inquiry.door, &eve);

    let renew = "POST /api/auth/refresh";
    let pair = json!({"refresh_token": finn["refresh_token"]});
    let pair = inquiry.make(renew, none, None, pair).await.ok();
    let nothing = json!({"refresh_token": "x"});
    inquiry
        .make(renew, none, None, nothing)
        .await
        .refused(401, "unauthenticated");

    let elsewhere = mint(&claims(eve.id));
    let log_out = "POST /api/auth/logout";
    let refused = inquiry
        .make(log_out, none, Some(&elsewhere), Value::Null)
        .await;
    refused.refused(403, "forbidden");
    let token = pair["token"].as_str();
    inquiry.make(log_out, none, token, Value::Null).await.ok();

    let change = "PUT /api/users/me/password";
    let new = |old: &str| json!({"password": old, "new_password": PASSWORD, "refresh": true});
    let wrong = inquiry
        .make(change, none, Some(&eve.token), new("wrong"))
        .await;
    wrong.refused(401, "invalid_credentials");
    let eve = inquiry
        .make(change, none, Some(&eve.token), new(PASSWORD))
        .await
        .ok();
    let eve = Person::new(&inquiry.door, &eve);
    let everywhere = "POST /api/auth/logout-everywhere";
    inquiry
        .make(everywhere, none, Some(&eve.token), Value::Null)
        .await
        .ok();
    let eve = inquiry
        .make("POST /api/auth/login", none, None, login(PASSWORD))
        .await
        .ok();
    let eve = Person::new(&inquiry.door, &eve);
    let delete = "DELETE /api/users/me";
    let body = |password: &str| json!({"password": password});
    let wrong = inquiry
        .make(delete, none, Some(&eve.token), body("wrong"))
        .await;
    wrong.refused(401, "invalid_credentials");
    inquiry
        .make(delete, none, Some(&eve.token), body(PASSWORD))
        .await
        .ok();
}

/// Two people who talk, and one who is not meant.
async fn talk(inquiry: &mut Inquiry, [ana, ben, cleo]: [&Person; 3]) {
    let (none, token) = (("", ""), Some(&*ana.token));
    let open = "POST /api/conversations";
    let pair = |id: i64| json!({"type": "direct", "participant_ids": [id]});
    let chat = inquiry
        .make(open, none, token, pair(ben.id))
        .await
        .created();
    let chat = number(&chat["conversation"]["id"]);
    inquiry.make(open, none, token, pair(ben.id)).await.ok();
    inquiry
        .make(open, none, token, pair(4711))
        .await
        .refused(404, "not_found");
    inquiry
        .make(open, none, token, pair(cleo.id))
        .await
        .created();
    let list = "GET /api/conversations";
    inquiry.make(list, none, token, Value::Null).await.ok();

    let send = "POST /api/messages/send";
    let message = |content: &str, key: Value| json!({"conversation_id": chat, "content": content, "client_message_id": key});
    let once = message(" hi\n", json!("once"));
    inquiry
        .make(send, none, token, once.clone())
        .await
        .created();
    inquiry.make(send, none, token, once).await.ok();
    let other = message("another", json!("once"));
    inquiry
        .make(send, none, token, other)
        .await
        .refused(409, "conflict");
    inquiry
        .make(send, none, token, message("🙂", Value::Null))
        .await
        .created();
    let nowhere = json!({"conversation_id": 4711, "content": "hi"});
    inquiry
        .make(send, none, token, nowhere)
        .await
        .refused(404, "not_found");

    let page = inquiry
        .make(list, ("", "?limit=1"), token, Value::Null)
        .await;
    let cursor = page.success(200)["pagination"]["next_cursor"].take();
    let query = format!("?cursor={}", cursor.as_str().expect("a cursor"));
    inquiry
        .make(list, ("", &query), token, Value::Null)
        .await
        .ok();
    let history = "GET /api/messages/conversation/{id}";
    for query in ["", "?limit=1", "?after_seq=0", "?before_seq=2&page=1"] {
        inquiry
            .make(history, (chat, query), token, Value::Null)
            .await
            .ok();
    }
    let unread = "GET /api/messages/unread/count";
    inquiry
        .make(unread, none, Some(&ben.token), Value::Null)
        .await
        .ok();
    let read = "PUT /api/messages/conversation/{id}/read";
    for body in [json!({"up_to_seq": 1}), Value::Null] {
        inquiry
            .make(read, (chat, ""), Some(&ben.token), body)
            .await
            .ok();
    }
    let typing = "POST /api/messages/conversation/{id}/typing";
    inquiry
        .make(typing, (chat, ""), token, json!({"isTyping": true}))
        .await
        .ok();
    let one = "GET /api/conversations/{id}";
    inquiry.make(one, (chat, ""), token, Value::Null).await.ok();

    let stranger = Some(&*cleo.token);
    for (name, body) in [
        (one, Value::Null),
        (history, Value::Null),
        (read, Value::Null),
        (typing, json!({"isTyping": true})),
        (send, message("let me in", Value::Null)),
    ] {
        let answer = inquiry.make(name, (chat, ""), stranger, body).await;
        answer.refused(403, "not_a_participant");
    }
}

async fn look_around(inquiry: &mut Inquiry, ana: &Person, ben: &Person) {
    let (none, token) = (("", ""), Some(&*ana.token));
    for name in [
        "GET /health/live",
        "GET /health/ready",
        "GET /api/openapi.json",
        "GET /api/asyncapi.json",
        "GET /docs",
        "GET /docs/style.css",
        "GET /api/asyncapi.json",
        "GET /docs",
        "GET /docs/style.css",
    ] {
        inquiry.make(name, none, None, Value::Null).await;
    }
    inquiry
        .make("GET /api/users/me", none, token, Value::Null)
        .await
        .ok();
    for query in ["", "?search=b&page=1&limit=1"] {
        inquiry
            .make("GET /api/users", ("", query), token, Value::Null)
            .await
            .ok();
    }
    inquiry
        .make("GET /api/users/{id}", (ben.id, ""), token, Value::Null)
        .await
        .ok();
    let status = json!({"status": "busy"});
    inquiry
        .make("PUT /api/users/me/status", none, token, status)
        .await
        .ok();
    open_socket(inquiry, token, 101).await;
    open_socket(inquiry, Some("x"), 401).await;
    let ws = "GET /ws";
    inquiry
        .make(ws, none, None, Value::Null)
        .await
        .refused(400, "validation_failed");
    let operations = inquiry.document.operations();
    let ws = operations.iter().find(|one| one.name() == ws).expect("/ws");
    let foreign = Carried::default().with("origin", "https://elsewhere.example");
    inquiry
        .ask(ws, none, token, foreign)
        .await
        .refused(403, "forbidden");
}

/// Asks for a WebSocket.
pub(super) async fn open_socket(inquiry: &mut Inquiry, token: Option<&str>, status: u16) {
    let operations = inquiry.document.operations();
    let ws = operations
        .iter()
        .find(|one| one.name() == "GET /ws")
        .expect("/ws");
    let carried = Carried::default()
        .with("connection", "upgrade")
        .with("upgrade", "websocket")
        .with("sec-websocket-version", "13")
        .with("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let answer = inquiry.ask(ws, ("", ""), token, carried).await;
    assert_eq!(answer.status, status, "{answer:?}");
}

/// What a description may promise and no test can have: as many conversations as there can be.
const OUT_OF_REACH: &str = "POST /api/conversations 403";

#[tokio::test]
async fn every_answer_of_every_call_is_as_it_is_described() {
    let full = Arc::new(AtomicBool::new(false));
    let is_full = Arc::clone(&full);
    let mut server = TestServer::with(move |config| {
        if is_full.load(Ordering::SeqCst) {
            config.limits.commands_max = 0;
            config.limits.sends_max = 0;
        }
    })
    .await;
    let people = server.people(["Ana", "Ben", "Cleo"]).await;
    let [ana, ben, cleo] = people.each_ref();
    let mut inquiry = Inquiry::about(&server.door).await;
    manage_accounts(&mut inquiry).await;
    talk(&mut inquiry, [ana, ben, cleo]).await;
    look_around(&mut inquiry, ana, ben).await;
    inquiry.make_mistakes(ana).await;

    let limited = TestServer::limited(|quotas| {
        let hour = Duration::from_secs(3_600);
        quotas.registrations = Rate::of(1, hour);
        quotas.logins_by_account = Rate::of(1, hour);
        quotas.refreshes_by_address = Rate::of(1, hour);
        quotas.commands_max = 0;
        quotas.sockets_max = 0;
    })
    .await;
    let dan = limited.door.person("Dan").await;
    let nothing = json!({"refresh_token": "x"});
    let wrong = dan.post("/api/auth/refresh", nothing).await;
    wrong.refused(401, "unauthenticated");
    // The one that there is for the account of the examples, and Dan's.
    let login = limited.door.login("ana@example.org", PASSWORD).await;
    login.refused(401, "invalid_credentials");
    limited.door.login("dan@example.com", PASSWORD).await.ok();
    let usual = std::mem::replace(&mut inquiry.door, Arc::clone(&limited.door));
    inquiry.is_always(429, &dan.token, &["GET /ws"]).await;
    open_socket(&mut inquiry, Some(&dan.token), 429).await;

    inquiry.door = usual;
    full.store(true, Ordering::SeqCst);
    server.restart().await;
    let except = ["GET /health/ready", "GET /ws", "POST /api/auth/logout"];
    inquiry.is_always(503, &ana.token, &except).await;
    let log_out = "POST /api/auth/logout";
    let refused = inquiry
        .make(log_out, ("", ""), Some(&ana.token), Value::Null)
        .await;
    refused.refused(503, "overloaded");

    let unmet: BTreeSet<_> = inquiry.document.unmet();
    let unmet: Vec<_> = unmet
        .iter()
        .filter(|one| *one != OUT_OF_REACH && !is_met_here(one))
        .collect();
    assert!(unmet.is_empty(), "described, and never met: {unmet:#?}");
}
