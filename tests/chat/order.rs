//! Order and load: acknowledgements in the order asked, admission, and slow readers.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::answer::{number, seqs};
use crate::harness::arrival::Transport;
use crate::harness::dial::Dial;
use crate::harness::packets;
use crate::harness::requests::Requests;
use crate::harness::server::TestServer;
use crate::harness::socket::Socket;
use crate::harness::wait::within;

/// Pipelines 500 commands, every tenth a `mark_read`, and checks that the replies come in the
/// order asked and that each read saw exactly the sends before it.
async fn pipeline(socket: &mut Socket, chat: i64) {
    let asked: Vec<(u64, bool)> = (0..500)
        .map(|i| match i % 10 {
            9 => (
                socket.send("mark_read", json!({"conversationId": chat})),
                true,
            ),
            _ => {
                let data = json!({"conversationId": chat, "content": format!("{i}")});
                (socket.send("send_message", data), false)
            }
        })
        .collect();
    let mut sent = 0;
    for (id, is_read) in asked {
        let (found, body) = socket.next_reply().await;
        assert_eq!(found, id, "replies come in the order asked");
        assert_eq!(body["status"], "success", "{body}");
        if is_read {
            assert_eq!(
                body["data"]["last_read_seq"], sent,
                "a read waits for the sends before it"
            );
        } else {
            sent += 1;
            assert_eq!(body["data"]["seq"], sent, "sends keep their order");
        }
    }
}

async fn replies_come_in_the_order_asked_however_many_are_under_way(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut bens = ben.connect(transport).await;
    let mut anas = ana.connect(transport).await;
    pipeline(&mut anas, chat).await;

    assert_eq!(
        bens.seqs_until(chat, 450).await,
        (1..=450).collect::<Vec<i64>>()
    );
    let history = ben.history(chat).await;
    let expected = (0..500).filter(|i| i % 10 != 9).map(|i| i.to_string());
    assert!(
        history
            .iter()
            .map(|message| message["content"].clone())
            .eq(expected.map(Value::from))
    );
}

async fn a_session_with_few_permits_is_slower_and_loses_nothing(transport: Transport) {
    let server = TestServer::with(|config| config.limits.session_commands_max = 2).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    pipeline(&mut ana.connect(transport).await, chat).await;
}

async fn refusals_keep_their_place_among_the_replies(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut socket = ana.connect(transport).await;
    let kinds = [
        (
            "send_message",
            json!({"conversationId": chat, "content": "hi"}),
            Value::Null,
        ),
        (
            "send_message",
            json!({"conversationId": chat, "content": ""}),
            json!("validation_failed"),
        ),
        (
            "send_message",
            json!({"conversationId": 4711, "content": "hi"}),
            json!("not_found"),
        ),
        ("no_such_event", json!({}), json!("unknown_event")),
        (
            "join_conversation",
            json!({"conversationId": chat, "afterSeq": 0}),
            Value::Null,
        ),
        (
            "leave_conversation",
            json!({"conversationId": chat}),
            Value::Null,
        ),
        ("status_update", json!({"status": "busy"}), Value::Null),
    ];
    let asked: Vec<_> = (0..140)
        .map(|i| {
            let (event, data, code) = &kinds[i % kinds.len()];
            (socket.send(event, data.clone()), event, code)
        })
        .collect();
    let mut sent = 0;
    for (id, event, code) in asked {
        let (found, body) = socket.next_reply().await;
        assert_eq!((found, &body["code"]), (json!(id), code), "{event}");
        sent += i64::from(*event == "send_message" && code.is_null());
        if *event == "join_conversation" {
            assert_eq!(
                body["data"]["head_seq"], sent,
                "a join waits for the sends before it"
            );
            assert_eq!(
                seqs(&body["data"]["messages"]),
                (1..=sent).collect::<Vec<i64>>()
            );
        }
    }
}

async fn events_and_replies_tell_one_story(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut phone = ana.connect(transport).await;
    let mut laptop = ana.connect(transport).await;
    for i in 0..30 {
        let socket = if i % 2 == 0 { &mut phone } else { &mut laptop };
        let message = socket.send_message(chat, &format!("{i}")).await;
        assert_eq!(phone.next_message().await, message);
        assert_eq!(laptop.next_message().await, message);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_what_it_admits_the_server_says_503_at_once_and_loses_nothing() {
    let server = TestServer::with(|config| config.limits.sends_max = 1).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;

    let (mut stored, mut refused) = (Vec::new(), 0);
    within("a 503", async {
        while refused == 0 {
            for answer in ana.post_at_once(chat, 64) {
                let answer = answer.await.expect("an answer");
                if answer.status == 201 {
                    stored.push(number(&answer.created()["seq"]));
                    continue;
                }
                answer.refused(503, "overloaded");
                let after = answer.headers.get("retry-after").expect("Retry-After");
                let seconds: u64 = after.to_str().expect("text").parse().expect("seconds");
                assert!(seconds <= 60, "{seconds}");
                refused += 1;
            }
        }
    })
    .await;
    stored.sort_unstable();
    assert_eq!(stored, (1..=stored.len() as i64).collect::<Vec<_>>());
    assert_eq!(ana.history(chat).await.len(), stored.len());
}

async fn a_reader_that_hangs_costs_nobody_else_and_catches_up_later(transport: Transport) {
    let server =
        TestServer::with(|config| config.limits.write_timeout = Duration::from_secs(2)).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut healthy = ben.connect(transport).await;
    let slow = Dial::to(&server.door).small_receive_buffer();
    let mut slow = ben.connect_by(transport, slow).await;
    slow.pause();

    // Far more than the kernel's buffers hold: some 16 KB a message, 10 MB in all.
    let content = "🦊".repeat(4000);
    let count = 640;
    let mut under_way = VecDeque::new();
    for _ in 0..count {
        let data = json!({"conversationId": chat, "content": content});
        under_way.push_back(anas.send("send_message", data));
        if under_way.len() == 4 {
            anas.reply(under_way.pop_front().expect("four of them"))
                .await
                .ok();
        }
    }
    assert_eq!(
        healthy.seqs_until(chat, count).await,
        (1..=count).collect::<Vec<i64>>()
    );

    slow.resume();
    let have = slow.seqs_until_end().await;
    assert_eq!(
        have,
        (1..=have.len() as i64).collect::<Vec<_>>(),
        "no gap in what it did get"
    );
    assert!(
        (have.len() as i64) < count,
        "it was to be ended before it had everything"
    );
    let mut back = ben.connect(transport).await;
    let ack = back.join_after(chat, have.len() as i64).await;
    assert_eq!(ack["head_seq"], count);
    assert_eq!(ack["messages"][0]["seq"], have.len() as i64 + 1);
}

/// A `POST` is answered when its last packet is read, which shows here what is not.
#[tokio::test]
async fn what_long_commands_hold_while_they_wait_is_bounded_in_bytes() {
    let server = TestServer::with(|config| config.limits.session_commands_bytes = 128 << 10).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let anas = Requests::of(&ana).await;
    let padding = "x".repeat(60 << 10);
    let command = |id| {
        let data = json!({"conversationId": chat, "content": "hi", "padding": padding});
        packets::event("send_message", &data.to_string(), Some(id))
    };

    let lock = server.lock().await;
    // The third begins within the limit, and ends beyond it.
    for id in 1..=3 {
        within("a command to be read", anas.post(command(id)))
            .await
            .says_ok();
    }
    let fourth = {
        let (anas, command) = (anas.clone(), command(4));
        tokio::spawn(async move { anas.post(command).await })
    };
    for _ in 0..20 {
        server.door.get("/health/live").await;
    }
    assert!(!fourth.is_finished(), "it was read");
    assert!(ana.history(chat).await.is_empty(), "the sends were to wait");

    lock.unlock().await;
    assert_eq!(anas.acknowledged(4).await["data"]["seq"], 4);
    fourth.await.expect("an answer").says_ok();
}

over_every_transport!(
    replies_come_in_the_order_asked_however_many_are_under_way,
    a_session_with_few_permits_is_slower_and_loses_nothing,
    refusals_keep_their_place_among_the_replies,
    events_and_replies_tell_one_story,
    a_reader_that_hangs_costs_nobody_else_and_catches_up_later,
);
