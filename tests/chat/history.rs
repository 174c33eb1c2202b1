//! History: pages and cursors over what was said.

use serde_json::{Value, json};

use crate::harness::answer::{has_keys, number, seqs};
use crate::harness::arrival::Transport;
use crate::harness::person::Person;
use crate::harness::server::TestServer;
use crate::harness::wait::until;

const LENGTH: i64 = 120;

/// Two people with a conversation of `LENGTH` messages in turn.
async fn long_chat(server: &TestServer) -> ([Person; 2], i64) {
    let people = server.people(["Ana", "Ben"]).await;
    let chat = people[0].chat_with(&people[1]).await;
    let mut socket = people[0].connect(Transport::WebSocket).await;
    for i in 1..LENGTH {
        socket.send(
            "send_message",
            json!({"conversationId": chat, "content": format!("{i}")}),
        );
    }
    let last = json!({"conversationId": chat, "content": format!("{LENGTH}")});
    socket.request("send_message", last).await.ok();
    (people, chat)
}

fn down(from: i64, to: i64) -> Vec<i64> {
    (to..=from).rev().collect()
}

/// A page's positions and whether there is more.
async fn page(person: &Person, chat: i64, query: &str) -> (Vec<i64>, bool) {
    let data = person.page(chat, query).await.ok();
    has_keys(&data, &["messages", "pagination", "head_seq"]);
    assert_eq!(data["head_seq"], LENGTH, "{query}");
    has_keys(&data["pagination"], &["page", "limit", "has_more"]);
    let more = data["pagination"]["has_more"]
        .as_bool()
        .expect("true or false");
    (seqs(&data["messages"]), more)
}

#[tokio::test]
async fn pages_run_from_the_newest_message_to_the_first() {
    let server = TestServer::start().await;
    let ([_ana, ben], chat) = long_chat(&server).await;

    for (query, expected, more) in [
        ("", down(120, 71), true),
        ("page=1&limit=50", down(120, 71), true),
        ("page=2&limit=50", down(70, 21), true),
        ("page=3&limit=50", down(20, 1), false),
        ("page=4&limit=50", vec![], false),
        ("page=900&limit=100", vec![], false),
        ("limit=1", vec![120], true),
        ("page=120&limit=1", vec![1], false),
        ("page=2&limit=60", down(60, 1), false),
        ("limit=100", down(120, 21), true),
    ] {
        assert_eq!(page(&ben, chat, query).await, (expected, more), "{query}");
    }
    let data = ben.page(chat, "page=2&limit=50").await.ok();
    assert_eq!(
        data["pagination"],
        json!({"page": 2, "limit": 50, "has_more": true})
    );
    assert_eq!(data["messages"][0]["content"], "70");
}

#[tokio::test]
async fn a_cursor_gives_the_messages_next_to_it_in_its_direction() {
    let server = TestServer::start().await;
    let ([ana, _ben], chat) = long_chat(&server).await;
    let up = |from: i64, to: i64| (from..=to).collect::<Vec<i64>>();

    for (query, expected, more) in [
        ("before_seq=51&limit=10", down(50, 41), true),
        ("before_seq=11&limit=10", down(10, 1), false),
        ("before_seq=12&limit=10", down(11, 2), true),
        ("before_seq=6&limit=10", down(5, 1), false),
        ("before_seq=1&limit=10", vec![], false),
        ("before_seq=121&limit=10", down(120, 111), true),
        ("before_seq=5000&limit=10", down(120, 111), true),
        ("before_seq=100", down(99, 50), true),
        ("after_seq=0&limit=10", up(1, 10), true),
        ("after_seq=50&limit=10", up(51, 60), true),
        ("after_seq=110&limit=10", up(111, 120), false),
        ("after_seq=109&limit=10", up(110, 119), true),
        ("after_seq=118&limit=10", up(119, 120), false),
        ("after_seq=120&limit=10", vec![], false),
        ("after_seq=5000&limit=10", vec![], false),
        ("after_seq=9007199254740991", vec![], false),
        ("after_seq=20", up(21, 70), true),
    ] {
        assert_eq!(page(&ana, chat, query).await, (expected, more), "{query}");
    }
}

#[tokio::test]
async fn an_empty_conversation_has_an_empty_history() {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    for query in [
        "",
        "page=2",
        "before_seq=1",
        "before_seq=100",
        "after_seq=0",
        "after_seq=7",
    ] {
        let data = ben.page(chat, query).await.ok();
        assert_eq!(
            (&data["messages"], &data["head_seq"]),
            (&json!([]), &json!(0)),
            "{query}"
        );
        assert_eq!(data["pagination"]["has_more"], false, "{query}");
    }
}

#[tokio::test]
async fn bad_pages_limits_and_cursors_are_refused_by_name() {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    for bad in [
        "0",
        "101",
        "-1",
        "ten",
        "1.5",
        "1e1",
        "9007199254740992",
        "99999999999999999999",
    ] {
        ana.page(chat, &format!("limit={bad}"))
            .await
            .invalid("limit");
    }
    for bad in ["0", "-1", "one", "1.5", "99999999999999999999"] {
        ana.page(chat, &format!("page={bad}")).await.invalid("page");
    }
    for cursor in ["before_seq", "after_seq"] {
        for bad in [
            "-1",
            "one",
            "1.5",
            "9007199254740992",
            "99999999999999999999",
        ] {
            ana.page(chat, &format!("{cursor}={bad}"))
                .await
                .invalid(cursor);
        }
    }
}

#[tokio::test]
async fn a_page_is_true_to_its_head_seq_while_others_send() {
    let server = TestServer::with(|config| config.limits.tail_max = 4).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let socket = ana.connect(Transport::WebSocket).await;
    let mut bens = ben.connect(Transport::WebSocket).await;
    for i in 0..600 {
        socket.emit(
            "send_message",
            json!({"conversationId": chat, "content": format!("{i}")}),
        );
    }
    until("a page with the last message", async || {
        let newest = ben.page(chat, "limit=10").await.ok();
        let head = number(&newest["head_seq"]);
        let last = newest["messages"]
            .get(0)
            .map_or(0, |last| number(&last["seq"]));
        assert_eq!(last, head, "the newest page begins at the head");

        let after = i64::max(0, head - 20);
        let data = ben
            .page(chat, &format!("after_seq={after}&limit=100"))
            .await
            .ok();
        let (head, found) = (number(&data["head_seq"]), seqs(&data["messages"]));
        let last = after + found.len() as i64;
        assert_eq!(found, (after + 1..=last).collect::<Vec<i64>>());
        assert!(last <= head, "{last} is beyond the head, {head}");
        assert_eq!(
            data["pagination"]["has_more"],
            last < head,
            "{last} of {head}"
        );
        (head == 600).then_some(())
    })
    .await;
    bens.seqs_until(chat, 600).await;
}

#[tokio::test]
async fn a_page_reads_nothing_and_shows_what_the_other_has_read() {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    ana.send_many(chat, 3).await;
    let is_read = async |person: &Person| -> Vec<Value> {
        person
            .history(chat)
            .await
            .iter()
            .map(|message| message["is_read"].clone())
            .collect()
    };

    assert_eq!(is_read(&ben).await, [false, false, false]);
    assert_eq!(ben.unread().await, 3, "looking at a page is no read");
    ben.read(chat, Some(2)).await;
    for person in [&ana, &ben] {
        assert_eq!(is_read(person).await, [true, true, false]);
    }
    ben.send(chat, "sending is reading").await;
    for person in [&ana, &ben] {
        assert_eq!(is_read(person).await, [true, true, true, false]);
    }
    ana.read(chat, None).await;
    assert_eq!(is_read(&ben).await, [true, true, true, true]);
    let first = ana.page(chat, "before_seq=2").await.ok();
    assert_eq!(first["messages"][0]["is_read"], true);
}
