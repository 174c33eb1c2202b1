//! Conversations: one for each pair of people. Whose business they are, `matrix/` tells.

use serde_json::{Value, json};

use crate::harness::answer::has_keys;
use crate::harness::arrival::Transport;
use crate::harness::server::TestServer;

const CONVERSATION: [&str; 6] = [
    "id",
    "type",
    "created_by",
    "created_at",
    "updated_at",
    "last_message_at",
];
const PARTICIPANT: [&str; 6] = [
    "id",
    "name",
    "status",
    "last_seen_at",
    "last_read_seq",
    "last_delivered_seq",
];

#[tokio::test]
async fn a_conversation_is_made_once_for_a_pair_whoever_asks() {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;

    let made = ana.create(json!([ben.id])).await.created();
    has_keys(&made, &["conversation", "participants"]);
    has_keys(&made["conversation"], &CONVERSATION);
    assert_eq!(made["conversation"]["type"], "direct");
    assert_eq!(made["conversation"]["created_by"], ana.id);
    assert_eq!(made["conversation"]["last_message_at"], Value::Null);
    let participants = made["participants"].as_array().expect("participants");
    assert_eq!(participants.len(), 2);
    for participant in participants {
        has_keys(participant, &PARTICIPANT);
        assert_eq!(participant["last_read_seq"], 0);
        assert_eq!(participant["last_delivered_seq"], 0);
    }

    assert_eq!(ana.create(json!([ben.id])).await.ok(), made);
    assert_eq!(ben.create(json!([ana.id])).await.ok(), made);
    let id = &made["conversation"]["id"];
    for person in [&ana, &ben] {
        assert_eq!(
            person.get(&format!("/api/conversations/{id}")).await.ok(),
            made
        );
        assert_eq!(person.list().await.len(), 1);
    }
}

async fn a_new_conversation_is_told_to_both_and_only_once(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    let mut sockets = Vec::new();
    for person in [&ana, &ben, &cleo] {
        sockets.push(person.connect(transport).await);
    }
    let [anas, bens, _] = &mut sockets[..] else {
        panic!("three sockets")
    };

    let made = ana.create(json!([ben.id])).await.created();
    for socket in [anas, bens] {
        let told = socket.next_event("conversation_created").await;
        has_keys(&told, &["conversation", "participants"]);
        assert_eq!(told["conversation"], made["conversation"]);
        assert_eq!(told["participants"].as_array().map(Vec::len), Some(2));
        for participant in told["participants"].as_array().expect("participants") {
            has_keys(participant, &PARTICIPANT);
        }
    }
    ben.create(json!([ana.id])).await.ok();
    let other = ben.create(json!([cleo.id])).await.created();
    let next = sockets[1].next_event("conversation_created").await;
    assert_eq!(
        next["conversation"], other["conversation"],
        "the second answer told nothing"
    );
    let first = sockets[2].next_event("conversation_created").await;
    assert_eq!(
        first["conversation"], other["conversation"],
        "what was before is not Cleo's"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_simultaneous_creations_one_makes_the_conversation_and_all_get_it() {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let mut bens = ben.connect(Transport::WebSocket).await;

    let asked: Vec<_> = (0..20)
        .map(|i| {
            let (me, other) = if i % 2 == 0 {
                (ana.clone(), ben.id)
            } else {
                (ben.clone(), ana.id)
            };
            tokio::spawn(async move { me.create(json!([other])).await })
        })
        .collect();
    let (mut made, mut ids) = (0, Vec::new());
    for answer in asked {
        let answer = answer.await.expect("an answer");
        made += u32::from(answer.status == 201);
        ids.push(answer.success(answer.status)["data"]["conversation"]["id"].clone());
    }

    assert_eq!(made, 1);
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(ana.list().await.len(), 1);
    assert_eq!(ben.list().await.len(), 1);
    bens.next_event("conversation_created").await;
    let marker = ana.send(1, "marker").await;
    bens.silent_until_message(&["conversation_created"], &marker)
        .await;
}

#[tokio::test]
async fn the_callers_own_id_is_ignored_and_exactly_one_other_must_be_left() {
    let server = TestServer::start().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;

    for bad in [
        json!([]),
        json!([ana.id]),
        json!([ben.id, cleo.id]),
        json!([ana.id, ben.id, cleo.id]),
    ] {
        ana.create(bad).await.invalid("participant_ids");
    }
    for kind in [
        json!("group"),
        json!("Direct"),
        json!(""),
        json!(1),
        json!(["direct"]),
    ] {
        let body = json!({"type": kind, "participant_ids": [ben.id]});
        ana.post("/api/conversations", body).await.invalid("type");
    }
    ana.create(json!([4711])).await.refused(404, "not_found");
    ana.create(json!([ana.id, 4711]))
        .await
        .refused(404, "not_found");
    assert_eq!(
        ana.list().await.len(),
        0,
        "nothing of it made a conversation"
    );

    let made = ana.create(json!([ana.id, ben.id])).await.created();
    assert_eq!(ana.create(json!([ben.id, ana.id])).await.ok(), made);
}

over_every_transport!(a_new_conversation_is_told_to_both_and_only_once);
