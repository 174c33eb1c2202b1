//! The conversation list: order, pages, and what each entry carries.

use serde_json::{Value, json};

use crate::harness::answer::{has_keys, number};
use crate::harness::person::Person;
use crate::harness::server::TestServer;
use crate::harness::wait::next_millisecond;

fn ids(list: &[Value]) -> Vec<i64> {
    list.iter().map(|entry| number(&entry["id"])).collect()
}

/// Conversations of the first person with all others, made in this order.
async fn chats(me: &Person, others: &[Person]) -> Vec<i64> {
    let mut chats = Vec::new();
    for other in others {
        next_millisecond().await;
        chats.push(me.chat_with(other).await);
    }
    chats
}

#[tokio::test]
async fn an_entry_carries_the_conversation_its_people_its_last_message_and_what_is_unread() {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;

    let empty = ben.list().await.remove(0);
    has_keys(
        &empty,
        &[
            "id",
            "type",
            "created_by",
            "created_at",
            "updated_at",
            "last_message_at",
            "participants",
            "last_message",
            "unread_count",
        ],
    );
    assert_eq!(
        (&empty["last_message"], &empty["unread_count"]),
        (&Value::Null, &json!(0))
    );

    ana.send(chat, "one").await;
    let last = ana.send(chat, "two").await;
    let bens = ben.list().await.remove(0);
    assert_eq!(bens["last_message"], last);
    assert_eq!(bens["last_message_at"], last["created_at"]);
    assert_eq!(bens["unread_count"], 2);
    assert_eq!(
        bens["participants"],
        ben.conversation(chat).await["participants"]
    );
    assert_eq!(ana.list().await[0]["unread_count"], 0, "sending is reading");

    ben.read(chat, Some(1)).await;
    assert_eq!(ben.list().await[0]["unread_count"], 1);
    ben.read(chat, None).await;
    let read = ben.list().await.remove(0);
    assert_eq!(read["unread_count"], 0);
    assert_eq!(read["last_message"]["is_read"], true);
}

#[tokio::test]
async fn the_newest_activity_comes_first() {
    let server = TestServer::start().await;
    let [ana, ben, cleo, dan] = server.people(["Ana", "Ben", "Cleo", "Dan"]).await;
    let [first, second, third] = chats(&ana, &[ben.clone(), cleo, dan]).await[..] else {
        panic!("three conversations")
    };
    assert_eq!(
        ids(&ana.list().await),
        [third, second, first],
        "made last, listed first"
    );

    for (chat, order) in [
        (second, [second, third, first]),
        (first, [first, second, third]),
        (first, [first, second, third]),
        (third, [third, first, second]),
    ] {
        next_millisecond().await;
        ana.send(chat, "hi").await;
        assert_eq!(ids(&ana.list().await), order);
    }
    next_millisecond().await;
    ben.send(first, "a message of the other counts too").await;
    assert_eq!(ids(&ana.list().await), [first, third, second]);
    ana.read(third, None).await;
    assert_eq!(
        ids(&ana.list().await),
        [first, third, second],
        "a read is no activity"
    );
}

#[tokio::test]
async fn the_pages_of_the_list_hold_every_conversation_once() {
    let server = TestServer::start().await;
    let people = server
        .people(["Ana", "B", "C", "D", "E", "F", "G", "H"])
        .await;
    let ana = &people[0];
    let mut expected = chats(ana, &people[1..]).await;
    for chat in [expected[2], expected[5]] {
        next_millisecond().await;
        ana.send(chat, "hi").await;
        expected.retain(|other| *other != chat);
        expected.push(chat);
    }
    expected.reverse();

    for limit in [1, 2, 3, 7, 8] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/conversations?limit={limit}{cursor}");
            let answer = ana.get(&path).await.success(200);
            let page: Vec<Value> =
                serde_json::from_value(answer["data"]["conversations"].clone()).expect("a list");
            assert!(page.len() <= limit, "{answer}");
            found.extend(ids(&page));
            assert!(
                found.len() <= expected.len(),
                "more than there are: {found:?}"
            );
            assert_eq!(answer["pagination"]["limit"], limit);
            match &answer["pagination"]["next_cursor"] {
                Value::Null => break,
                next => cursor = format!("&cursor={}", next.as_str().expect("a cursor")),
            }
        }
        assert_eq!(found, expected, "limit {limit}");
    }
}

#[tokio::test]
async fn a_conversation_that_moves_up_between_two_pages_costs_no_other_its_place() {
    let server = TestServer::start().await;
    let people = server.people(["Ana", "B", "C", "D", "E"]).await;
    let ana = &people[0];
    let chats = chats(ana, &people[1..]).await;

    let first = ana.get("/api/conversations?limit=2").await.success(200);
    next_millisecond().await;
    people[1].send(chats[0], "up").await;
    let cursor = first["pagination"]["next_cursor"]
        .as_str()
        .expect("a cursor");
    let second = ana
        .get(&format!("/api/conversations?limit=2&cursor={cursor}"))
        .await
        .ok();
    let second: Vec<Value> =
        serde_json::from_value(second["conversations"].clone()).expect("a list");
    assert_eq!(
        ids(&second),
        [chats[1]],
        "the oldest is now at the top, the next is not skipped"
    );
}

#[tokio::test]
async fn bad_limits_and_cursors_are_refused() {
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    for limit in ["0", "101", "-1", "ten", "1.5", "9007199254740992"] {
        ana.get(&format!("/api/conversations?limit={limit}"))
            .await
            .invalid("limit");
    }
    for cursor in ["nonsense", "%F0%9F%A6%8A", "-"] {
        ana.get(&format!("/api/conversations?cursor={cursor}"))
            .await
            .invalid("cursor");
    }
    let empty = ana.get("/api/conversations").await.success(200);
    assert_eq!(empty["data"]["conversations"], json!([]));
    assert_eq!(
        empty["pagination"],
        json!({"limit": 50, "next_cursor": null})
    );
}

#[tokio::test]
async fn the_total_of_unread_messages_counts_all_conversations() {
    let server = TestServer::start().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    let (with_ben, with_cleo) = (ana.chat_with(&ben).await, ana.chat_with(&cleo).await);
    assert_eq!(ana.unread().await, 0);

    ben.send_many(with_ben, 3).await;
    cleo.send_many(with_cleo, 2).await;
    assert_eq!(ana.unread().await, 5);
    assert_eq!(ana.read(with_ben, Some(2)).await["unread_count"], 1);
    assert_eq!(ana.unread().await, 3);
    ana.send(with_cleo, "an answer reads what was before").await;
    assert_eq!(ana.unread().await, 1);
    ana.read(with_ben, None).await;
    assert_eq!(
        (ana.unread().await, ben.unread().await, cleo.unread().await),
        (0, 0, 1)
    );
}
