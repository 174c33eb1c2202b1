//! The joining rule: which session hears what, and how one catches up without a gap.

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::harness::answer::{has_keys, number, seqs};
use crate::harness::arrival::Transport;
use crate::harness::person::Person;
use crate::harness::server::TestServer;
use crate::harness::socket::Socket;

/// What the joining rule governs.
const OPEN: &[&str] = &["new_message", "user_typing"];

async fn who_joined_nothing_hears_of_all_conversations(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    let (with_ana, with_cleo) = (ben.chat_with(&ana).await, ben.chat_with(&cleo).await);
    let mut bens = ben.connect(transport).await;

    for (person, chat) in [(&ana, with_ana), (&cleo, with_cleo), (&ana, with_ana)] {
        person.typing(chat, true).await;
        assert_eq!(bens.next_event("user_typing").await["conversationId"], chat);
        let message = person.send(chat, "hi").await;
        assert_eq!(bens.next_message().await, message);
        assert_eq!(bens.next_event("user_typing").await["isTyping"], false);
    }
    let marker = ben.send(with_cleo, "marker").await;
    let is_marker = |name: &str, data: &Value| name == "new_message" && data["message"] == marker;
    bens.silent_until(&["user_typing"], "marker", is_marker)
        .await;
}

async fn who_joined_one_hears_of_the_others_by_conversation_updated(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    let (with_ana, with_cleo) = (ben.chat_with(&ana).await, ben.chat_with(&cleo).await);
    let mut bens = ben.connect(transport).await;
    let mut unjoined = ben.connect(transport).await;

    let ack = bens.join(with_ana).await;
    assert_eq!(ack, json!({"conversationId": with_ana, "head_seq": 0}));
    let told = bens.next_event("joined_conversation").await;
    assert_eq!(told, json!({"conversationId": with_ana}));

    for unread in 1..=2 {
        cleo.typing(with_cleo, true).await;
        let message = cleo.send(with_cleo, "hi").await;
        let updated = bens.silent_until_event(OPEN, "conversation_updated").await;
        let expected = json!({"conversation_id": with_cleo, "last_message": message,
            "unread_count": unread});
        assert_eq!(updated, expected);
        let elsewhere = unjoined
            .silent_until_event(&["conversation_updated"], "new_message")
            .await;
        assert_eq!(
            elsewhere["message"], message,
            "a join concerns one session only"
        );
    }
    ana.typing(with_ana, true).await;
    assert_eq!(
        bens.next_event("user_typing").await["conversationId"],
        with_ana
    );
    let message = ana.send(with_ana, "hi").await;
    let event = bens
        .silent_until_event(&["conversation_updated"], "new_message")
        .await;
    assert_eq!(event["message"], message);
}

async fn what_is_read_and_delivered_is_told_whatever_one_joined(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    let (with_ana, with_cleo) = (ben.chat_with(&ana).await, ben.chat_with(&cleo).await);
    let mut bens = ben.connect(transport).await;
    bens.join(with_ana).await;
    ben.send(with_cleo, "hi").await;

    let cleos = cleo.connect(transport).await;
    assert_eq!(
        bens.next_event("user_status_changed").await["userId"],
        cleo.id
    );
    ben.send(with_cleo, "ho").await;
    assert_eq!(
        bens.next_event("messages_delivered").await["conversation_id"],
        with_cleo
    );
    cleo.read(with_cleo, None).await;
    assert_eq!(
        bens.next_event("messages_read").await["conversation_id"],
        with_cleo
    );
    drop(cleos);
}

async fn the_last_leave_brings_everything_back(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    let (with_ana, with_cleo) = (ben.chat_with(&ana).await, ben.chat_with(&cleo).await);
    let mut bens = ben.connect(transport).await;
    bens.join(with_ana).await;
    bens.join(with_cleo).await;
    bens.join(with_cleo).await;

    let ack = bens.leave(with_ana).await;
    assert_eq!(ack["conversationId"], with_ana);
    let told = bens.next_event("left_conversation").await;
    assert_eq!(told, json!({"conversationId": with_ana}));
    let message = ana.send(with_ana, "hi").await;
    let updated = bens.silent_until_event(OPEN, "conversation_updated").await;
    assert_eq!(updated["last_message"], message);
    let message = cleo.send(with_cleo, "hi").await;
    assert_eq!(bens.next_message().await, message);

    bens.leave(with_cleo).await;
    for (person, chat) in [(&ana, with_ana), (&cleo, with_cleo)] {
        let message = person.send(chat, "hi again").await;
        let event = bens
            .silent_until_event(&["conversation_updated"], "new_message")
            .await;
        assert_eq!(event["message"], message);
    }
    // To leave what was not joined is no error, and changes nothing.
    bens.leave(with_ana).await;
    let message = ana.send(with_ana, "and again").await;
    assert_eq!(bens.next_message().await, message);
}

async fn a_join_from_a_position_brings_what_came_after_it(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut bens = ben.connect(transport).await;
    let ack = bens.join_after(chat, 0).await;
    let expected =
        json!({"conversationId": chat, "head_seq": 0, "messages": [], "has_more": false});
    assert_eq!(ack, expected);
    for i in 1..=250 {
        anas.send(
            "send_message",
            json!({"conversationId": chat, "content": format!("{i}")}),
        );
    }
    bens.seqs_until(chat, 250).await;

    for (after, expected, more) in [
        (0, 1..=100, true),
        (100, 101..=200, true),
        (149, 150..=249, true),
        (150, 151..=250, false),
        (249, 250..=250, false),
    ] {
        let ack = bens.join_after(chat, after).await;
        has_keys(
            &ack,
            &["conversationId", "head_seq", "messages", "has_more"],
        );
        assert_eq!(
            seqs(&ack["messages"]),
            expected.collect::<Vec<i64>>(),
            "after {after}"
        );
        assert_eq!(
            (&ack["head_seq"], &ack["has_more"]),
            (&json!(250), &json!(more))
        );
    }
    for after in [250, 251, 9_007_199_254_740_991] {
        let ack = bens.join_after(chat, after).await;
        assert_eq!(
            (&ack["messages"], &ack["has_more"]),
            (&json!([]), &json!(false)),
            "{after}"
        );
        assert_eq!(ack["head_seq"], 250);
    }
    let history = ana.history(chat).await;
    assert_eq!(
        bens.join_after(chat, 240).await["messages"],
        json!(history[240..])
    );
    let plain = bens.join(chat).await;
    assert_eq!(plain, json!({"conversationId": chat, "head_seq": 250}));
}

/// Sends as fast as the server answers, 20 under way at once, until told to stop.
async fn keep_sending(mut socket: Socket, chat: i64, stop: watch::Receiver<bool>) -> i64 {
    let (mut sent, mut last) = (std::collections::VecDeque::new(), 0);
    loop {
        while sent.len() < 20 && !*stop.borrow() {
            let data = json!({"conversationId": chat, "content": "on and on"});
            sent.push_back(socket.send("send_message", data));
        }
        let Some(id) = sent.pop_front() else {
            return last;
        };
        last = number(&socket.reply(id).await.ok()["seq"]);
    }
}

/// Joins from `after` on and fills what is missing: every position that the session then has,
/// in order, up to `more` positions beyond the head that it met.
async fn catch_up(
    person: &Person,
    socket: &mut Socket,
    chat: i64,
    after: i64,
    more: i64,
) -> Vec<i64> {
    let ack = socket.join_after(chat, after).await;
    let head = number(&ack["head_seq"]);
    let mut have = seqs(&ack["messages"]);
    assert_eq!(
        ack["has_more"],
        after + (have.len() as i64) < head,
        "{after} to {head}"
    );
    while after + (have.len() as i64) < head {
        let cursor = after + have.len() as i64;
        let page = person
            .page(chat, &format!("after_seq={cursor}&limit=100"))
            .await
            .ok();
        let more = seqs(&page["messages"]);
        assert!(
            !more.is_empty(),
            "nothing after {cursor}, and the head is {head}"
        );
        have.extend(more.into_iter().filter(|seq| *seq <= head));
    }
    // Before it joined, the session heard of everything; of that, nothing came after the answer.
    let live = socket.seqs_until(chat, head + more).await;
    have.extend(live.into_iter().filter(|seq| *seq > head));
    have
}

async fn a_join_has_no_gap_and_no_repeat_while_the_other_keeps_sending(transport: Transport) {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let mut anas = ana.connect(transport).await;
    let mut watcher = ben.connect(transport).await;
    for i in 1..=250 {
        anas.send(
            "send_message",
            json!({"conversationId": chat, "content": format!("{i}")}),
        );
    }
    watcher.seqs_until(chat, 250).await;
    let (stop, stopped) = watch::channel(false);
    let sending = tokio::spawn(keep_sending(ana.connect(transport).await, chat, stopped));

    let mut after = 0;
    for round in 1..=12 {
        let mut bens = ben.connect(transport).await;
        let have = catch_up(&ben, &mut bens, chat, after, 10).await;
        let whole: Vec<i64> = (after + 1..=after + have.len() as i64).collect();
        assert_eq!(have, whole, "round {round}, after {after}");
        bens.close(Some(1000)).await;
        // Half of what was met: some rounds start near the head, some far behind it.
        after = if round % 3 == 0 {
            after / 2
        } else {
            after + have.len() as i64 - 10
        };
    }
    stop.send_replace(true);
    let last = sending.await.expect("every send is acknowledged");
    assert_eq!(ben.history(chat).await.len() as i64, last);
}

/// The `seq` of every `new_message` among these events.
fn live(events: &[(String, Value)]) -> Vec<i64> {
    let new = events.iter().filter(|(name, _)| name == "new_message");
    new.map(|(_, data)| number(&data["message"]["seq"]))
        .collect()
}

async fn the_joins_answer_ends_at_the_head_and_what_comes_live_begins_there(transport: Transport) {
    // Hardly anything is kept in memory: what a session missed comes from the database, while the
    // other keeps sending.
    let server = TestServer::with(|config| config.limits.tail_max = 4).await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let (stop, stopped) = watch::channel(false);
    let mut bens = ben.connect(transport).await;
    let sending = tokio::spawn(keep_sending(ana.connect(transport).await, chat, stopped));
    bens.next_message().await;

    let (mut heard, mut last_head) = (vec![1], 0);
    for round in 0..150 {
        let after = i64::max(0, last_head - 30);
        let data = json!({"conversationId": chat, "afterSeq": after});
        let (ack, before) = bens.request_in_order("join_conversation", data).await;
        let head = number(&ack["head_seq"]);
        let missed = seqs(&ack["messages"]);
        let last = after + missed.len() as i64;
        assert_eq!(
            missed,
            (after + 1..=last).collect::<Vec<i64>>(),
            "round {round}: no gap"
        );
        assert!(
            last <= head && missed.len() <= 100,
            "round {round}: {last} beyond {head}"
        );
        assert_eq!(
            ack["has_more"],
            last < head,
            "round {round}: {last} of {head}"
        );
        heard.extend(live(&before));
        assert_eq!(
            heard.last(),
            Some(&head),
            "round {round}: what came before the answer"
        );
        if round % 3 == 0 {
            bens.leave(chat).await;
        }
        last_head = head;
    }
    assert_eq!(heard, (1..=last_head).collect::<Vec<i64>>());
    stop.send_replace(true);
    sending.await.expect("every send is acknowledged");
}

over_every_transport!(
    who_joined_nothing_hears_of_all_conversations,
    who_joined_one_hears_of_the_others_by_conversation_updated,
    what_is_read_and_delivered_is_told_whatever_one_joined,
    the_last_leave_brings_everything_back,
    a_join_from_a_position_brings_what_came_after_it,
    a_join_has_no_gap_and_no_repeat_while_the_other_keeps_sending,
    the_joins_answer_ends_at_the_head_and_what_comes_live_begins_there,
);
