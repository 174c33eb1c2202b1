//! What one person may read of what was said, and how often they may join: beyond it 429.

use std::time::Instant;

use serde_json::json;

use crate::harness::answer::seqs;
use crate::harness::arrival::Transport;
use crate::harness::server::TestServer;
use crate::harness::socket::Socket;
use crate::harness::wait::until;
use crate::quotas::{HOUR, at_once, one_in};

/// Joins, with all that was missed after a position, which is refused because there were too many.
async fn too_many(socket: &mut Socket, chat: i64, after: Option<i64>) {
    let data = json!({"conversationId": chat, "afterSeq": after});
    let refused = socket.request("join_conversation", data).await;
    refused.refused("rate_limited");
}

async fn joins_beyond_the_quota_are_refused_on_every_socket_of_theirs(transport: Transport) {
    let server = TestServer::limited(|quotas| quotas.joins = at_once(3)).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let (mut phone, mut laptop) = (ana.connect(transport).await, ana.connect(transport).await);
    phone.join(chat).await;
    laptop.join_after(chat, 0).await;
    phone.leave(chat).await;
    phone.join(chat).await;

    too_many(&mut phone, chat, None).await;
    too_many(&mut laptop, chat, Some(0)).await;
    laptop.emit("join_conversation", json!({"conversationId": chat}));
    let error = laptop.next_event("error").await;
    assert_eq!(
        (&error["code"], &error["event"]),
        (&json!("rate_limited"), &json!("join_conversation"))
    );

    // What was joined is joined, and to leave is always possible.
    let message = ben.send(chat, "hi").await;
    assert_eq!(phone.next_message().await, message);
    phone.leave(chat).await;
    ana.history(chat).await;
    let mut bens = ben.connect(transport).await;
    bens.join(chat).await;
}

async fn history_and_what_a_join_catches_up_with_have_one_quota(transport: Transport) {
    let server = TestServer::limited(|quotas| quotas.history = at_once(3)).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let first = Instant::now();
    ana.page(chat, "limit=0").await.invalid("limit");
    ana.page(chat, "").await.ok();
    ana.page(chat, "after_seq=0").await.ok();
    anas.join_after(chat, 0).await;

    too_many(&mut anas, chat, Some(0)).await;
    let refused = ana.page(chat, "").await;
    refused.limited(3, HOUR.into(), (3 * HOUR).into(), first);
    // A join that reads nothing is none of it.
    anas.join(chat).await;
    let message = ana.send(chat, "hi").await;
    assert_eq!(anas.next_message().await, message);
    ana.list().await;
    ben.connect(transport).await.join_after(chat, 0).await;
    assert_eq!(ben.history(chat).await, [message]);
}

async fn who_waits_may_join_and_read_again(transport: Transport) {
    let server = TestServer::limited(|quotas| {
        quotas.joins = one_in(200);
        quotas.history = one_in(200);
    })
    .await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let data = json!({"conversationId": chat});
    for wanted in ["error", "success", "error", "success"] {
        until(format!("a join: {wanted}"), async || {
            let reply = anas.request("join_conversation", data.clone()).await;
            (reply.body["status"] == wanted).then_some(())
        })
        .await;
    }
    for wanted in [429, 200, 429, 200] {
        until(format!("a page: {wanted}"), async || {
            let answer = ana.page(chat, "").await;
            (answer.status == wanted).then_some(())
        })
        .await;
    }
}

/// By default: ten devices that come back together, twice in a row, with fifty conversations each.
async fn a_storm_of_ones_own_devices_is_let_in(transport: Transport) {
    let server = TestServer::limited(|_| {}).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    ana.send(chat, "hi").await;
    for _ in 0..2 {
        let mut devices = Vec::new();
        for _ in 0..10 {
            devices.push(ana.connect(transport).await);
        }
        for device in &mut devices {
            let data = json!({"conversationId": chat, "afterSeq": 0});
            let asked: Vec<u64> = (0..50)
                .map(|_| device.send("join_conversation", data.clone()))
                .collect();
            for asked in asked {
                let joined = device.reply(asked).await.ok();
                assert_eq!(seqs(&joined["messages"]), [1]);
            }
        }
        for device in devices {
            device.break_off();
        }
    }
}

over_every_transport!(
    joins_beyond_the_quota_are_refused_on_every_socket_of_theirs,
    history_and_what_a_join_catches_up_with_have_one_quota,
    who_waits_may_join_and_read_again,
    a_storm_of_ones_own_devices_is_let_in,
);
