//! What one person may have of the server, over REST and every socket: beyond it 429.

use std::time::{Duration, Instant};

use duologue::config::Quotas;
use duologue::quota::Rate;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::answer::number;
use crate::harness::arrival::{End, Transport};
use crate::harness::dial::Dial;
use crate::harness::door::{Carried, PASSWORD};
use crate::harness::person::Person;
use crate::harness::server::TestServer;
use crate::harness::socket::{Socket, Ticket};
use crate::harness::wait::{until, within};

pub(crate) const HOUR: u32 = 3_600;

/// So many at once, and one more in an hour, which no test waits for.
pub(crate) fn at_once(burst: u32) -> Rate {
    Rate {
        count: 1,
        time: Duration::from_secs(HOUR.into()),
        burst,
    }
}

/// One, and one more whenever this has passed.
pub(crate) fn one_in(millis: u64) -> Rate {
    Rate::of(1, Duration::from_millis(millis))
}

async fn server(change: impl Fn(&mut Quotas) + 'static) -> TestServer {
    TestServer::limited(change).await
}

/// Sends over the socket, which is refused because there were too many.
async fn too_many(socket: &mut Socket, chat: i64) {
    let data = json!({"conversationId": chat, "content": "one too many"});
    let refused = socket.request("send_message", data).await;
    refused.refused("rate_limited");
}

async fn sends_beyond_the_quota_are_refused_wherever_they_come_from(transport: Transport) {
    let server = server(|quotas| quotas.sends = at_once(3)).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut bens = ben.connect(transport).await;
    let (mut phone, mut laptop) = (ana.connect(transport).await, ana.connect(transport).await);
    let first = Instant::now();
    phone.send_message(chat, "one").await;
    laptop.send_message(chat, "two").await;
    ana.send(chat, "three").await;

    too_many(&mut phone, chat).await;
    too_many(&mut laptop, chat).await;
    let refused = ana.post_message(chat, "one too many").await;
    refused.limited(3, HOUR.into(), (3 * HOUR).into(), first);
    phone.emit(
        "send_message",
        json!({"conversationId": chat, "content": "and one"}),
    );
    let error = phone.next_event("error").await;
    assert_eq!(
        (&error["code"], &error["event"]),
        (&json!("rate_limited"), &json!("send_message"))
    );
    assert!(
        error["message"]
            .as_str()
            .expect("text")
            .contains("3600 seconds"),
        "{error}"
    );

    // It is hers alone, and of sends alone.
    bens.send_message(chat, "four").await;
    phone.join(chat).await;
    ana.read(chat, None).await;
    let contents = ben.history(chat).await;
    let contents: Vec<_> = contents.iter().map(|message| &message["content"]).collect();
    assert_eq!(contents, ["one", "two", "three", "four"]);
}

async fn who_waits_may_send_again(transport: Transport) {
    let server = server(|quotas| quotas.sends = one_in(200)).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let data = json!({"conversationId": chat, "content": "hi"});
    let mut may_send = async || {
        let reply = anas.request("send_message", data.clone()).await;
        reply.body["status"] == "success"
    };
    until("a refusal", async || (!may_send().await).then_some(())).await;
    until("a send that is taken", async || {
        may_send().await.then_some(())
    })
    .await;
    until("a refusal", async || (!may_send().await).then_some(())).await;
    let answer = until("a 201", async || {
        let answer = ana.post_message(chat, "hi").await;
        (answer.status != 429).then_some(answer)
    });
    answer.await.created();
}

async fn typing_beyond_the_quota_is_acknowledged_and_told_to_nobody(transport: Transport) {
    let server = server(|quotas| quotas.typing = at_once(2)).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut bens = ben.connect(transport).await;
    let mut anas = ana.connect(transport).await;
    for is_typing in [true, false] {
        types(&mut anas, chat, is_typing).await;
        assert_eq!(bens.next_event("user_typing").await["isTyping"], is_typing);
    }
    for is_typing in [true, false, true] {
        types(&mut anas, chat, is_typing).await;
        assert_eq!(ana.typing(chat, is_typing).await["isTyping"], is_typing);
    }
    let marker = ana.send(chat, "marker").await;
    bens.silent_until_message(&["user_typing"], &marker).await;

    // A leave is none of it, and is refused or done as ever.
    let elsewhere = anas.request("leave_conversation", json!({"conversationId": 4711}));
    elsewhere.await.refused("not_found");
    anas.leave(chat).await;
}

async fn types(socket: &mut Socket, chat: i64, is_typing: bool) {
    let event = if is_typing {
        "typing_start"
    } else {
        "typing_stop"
    };
    let ack = socket.request(event, json!({"conversationId": chat})).await;
    assert_eq!(
        ack.ok(),
        json!({"conversationId": chat, "isTyping": is_typing})
    );
}

#[tokio::test]
async fn lists_and_searches_have_one_quota() {
    let server = server(|quotas| quotas.lists = at_once(3)).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let first = Instant::now();
    ana.get("/api/users?limit=0").await.invalid("limit");
    for path in ["/api/users", "/api/users?search=ben", "/api/conversations"] {
        ana.get(path).await.success(200);
    }
    for path in ["/api/users", "/api/users?search=ben", "/api/conversations"] {
        let refused = ana.get(path).await;
        refused.limited(3, HOUR.into(), (3 * HOUR).into(), first);
    }
    ana.get("/api/users/me").await.ok();
    ana.sees(&ben).await;
    ana.conversation(chat).await;
    ana.history(chat).await;
    ana.unread().await;
    ben.list().await;
}

#[tokio::test]
async fn conversations_are_made_so_often_and_found_always() {
    let day = 24 * HOUR;
    let server =
        server(move |quotas| quotas.conversations = Rate::of(2, Duration::from_secs(day.into())))
            .await;
    let [ana, ben, cleo, dan] = server.people(["Ana", "Ben", "Cleo", "Dan"]).await;
    let first = Instant::now();
    let chat = ana.chat_with(&ben).await;
    for _ in 0..3 {
        assert_eq!(ana.chat_with(&ben).await, chat);
    }
    ana.create(json!([4711])).await.refused(404, "not_found");
    ana.create(json!([cleo.id])).await.created();
    let refused = ana.create(json!([dan.id])).await;
    refused.limited(2, (day / 2).into(), day.into(), first);
    assert_eq!(ana.chat_with(&ben).await, chat);

    let theirs = dan.chat_with(&ana).await;
    assert_eq!(ana.chat_with(&dan).await, theirs);
}

/// Who is refused: how often, and the positions of what was stored.
fn outcomes(bodies: impl IntoIterator<Item = Value>) -> (usize, Vec<i64>) {
    let (mut refused, mut stored) = (0, Vec::new());
    for body in bodies {
        match body["status"] == "success" {
            true => stored.push(number(&body["data"]["seq"])),
            false => {
                assert_eq!(body["code"], "rate_limited", "{body}");
                refused += 1;
            }
        }
    }
    (refused, stored)
}

async fn one_person_has_so_many_commands_under_way(transport: Transport) {
    let server = server(|quotas| quotas.commands_max = 2).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let data = json!({"conversationId": chat, "content": "hi"});
    let ids: Vec<_> = (0..64)
        .map(|_| anas.send("send_message", data.clone()))
        .collect();
    let mut bodies = Vec::new();
    for id in ids {
        let (found, body) = anas.next_reply().await;
        assert_eq!(found, id, "refusals keep their place");
        bodies.push(body);
    }
    let (refused, stored) = outcomes(bodies);
    assert!(refused > 0, "64 sends at once were within 2");
    assert_eq!(stored, (1..=stored.len() as i64).collect::<Vec<_>>());

    // What is done leaves its place.
    anas.send_message(chat, "again").await;
    ana.send(chat, "and again").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_requests_of_one_person_and_no_more() {
    let server = server(|quotas| quotas.commands_max = 1).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let refused = within("a 429", async {
        loop {
            for answer in ana.post_at_once(chat, 64) {
                let answer = answer.await.expect("an answer");
                if answer.status != 201 {
                    return answer;
                }
            }
        }
    });
    refused.await.limited(1, 1, 1, Instant::now());
}

/// Asks for a socket: that, or what it is told instead.
async fn knock(person: &Person, transport: Transport) -> Result<Socket, Value> {
    let dial = Dial::to(&person.door).over(transport);
    match transport {
        Transport::WebSocket => {
            let opened = dial.bearer(&person.token).open().await;
            opened.map_err(|status| json!({"status": status}))
        }
        Transport::SocketIo | Transport::Polling => {
            let mut socket = dial.open().await.expect("a connection");
            socket.opened().await;
            socket.enter(&person.token, &Ticket::default()).await?;
            Ok(socket)
        }
    }
}

async fn the_newest_of_too_many_sockets_is_refused(transport: Transport) {
    let server = server(|quotas| quotas.sockets_max = 2).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let mut first = ana.connect(transport).await;
    let second = ana.connect(transport).await;
    let refusal = knock(&ana, transport).await;
    let refusal = refusal.expect_err("a third socket");
    match transport {
        Transport::WebSocket => assert_eq!(refusal, json!({"status": 429})),
        _ => assert_eq!(
            refusal["data"],
            json!({"code": "rate_limited"}),
            "{refusal}"
        ),
    }
    first.round_trip().await;
    ben.connect(transport).await;

    second.close(Some(1000)).await;
    let third = until("room for another", async || {
        knock(&ana, transport).await.ok()
    });
    third.await.round_trip().await;
    first.round_trip().await;
}

async fn who_comes_back_is_let_in_however_many_there_are(transport: Transport) {
    let server = server(|quotas| quotas.sockets_max = 1).await;
    let [ana] = server.people(["Ana"]).await;
    let old = ana.connect(transport).await;
    let refused = knock(&ana, transport).await;
    assert_eq!(
        refused.expect_err("a second one")["data"]["code"],
        "rate_limited"
    );
    // The server does not know yet that the old one is broken.
    let mut back = ana.come_back(transport, &old.ticket()).await;
    assert!(back.recovered);
    back.round_trip().await;
}

#[tokio::test]
async fn a_socket_that_tells_its_token_later_is_refused_too() {
    let server = server(|quotas| quotas.sockets_max = 1).await;
    let [ana] = server.people(["Ana"]).await;
    let mut first = ana.connect(Transport::WebSocket).await;
    let mut second = Dial::to(&server.door).open().await.expect("a connection");
    let asked = second
        .request("authenticate", json!({"token": ana.token}))
        .await;
    asked.refused("rate_limited");
    assert_eq!(second.end().await, End::Code(4429));
    first.round_trip().await;
}

#[tokio::test]
async fn the_upgrade_is_refused_with_what_there_is_to_know() {
    let server = server(|quotas| quotas.sockets_max = 0).await;
    let [ana] = server.people(["Ana"]).await;
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ];
    let carried = upgrade
        .iter()
        .fold(Carried::default(), |carried, (name, value)| {
            carried.with(name, value)
        });
    let refused = ana.call(Method::GET, "/ws", carried).await;
    refused.limited(0, 1, 1, Instant::now());
}

#[tokio::test]
async fn without_rate_limits_there_are_none() {
    let none = |quotas: &mut Quotas| {
        let nothing = at_once(1);
        *quotas = Quotas {
            sends: nothing,
            lists: nothing,
            history: nothing,
            joins: nothing,
            conversations: nothing,
            typing: nothing,
            commands_max: 0,
            sockets_max: 0,
            logins_by_account: nothing,
            logins_by_address: nothing,
            registrations: nothing,
            refreshes_by_sign_in: nothing,
            refreshes_by_address: nothing,
            connections_max: 0,
            kept_max: 1,
        };
    };
    let server = TestServer::with(move |config| none(&mut config.limits.quotas)).await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    let chat = ana.chat_with(&ben).await;
    ana.chat_with(&cleo).await;
    ana.send_many(chat, 3).await;
    let mut bens = ben.connect(Transport::WebSocket).await;
    for is_typing in [true, false, true] {
        ana.typing(chat, is_typing).await;
        assert_eq!(bens.next_event("user_typing").await["isTyping"], is_typing);
    }
    for _ in 0..3 {
        ana.list().await;
        ana.history(chat).await;
        bens.join_after(chat, 0).await;
        server.door.login("ana@example.com", PASSWORD).await.ok();
    }
}

over_every_transport!(
    sends_beyond_the_quota_are_refused_wherever_they_come_from,
    who_waits_may_send_again,
    typing_beyond_the_quota_is_acknowledged_and_told_to_nobody,
    one_person_has_so_many_commands_under_way,
    the_newest_of_too_many_sockets_is_refused,
);

mod returning {
    over_socketio!(who_comes_back_is_let_in_however_many_there_are);
    use super::who_comes_back_is_let_in_however_many_there_are;
}
