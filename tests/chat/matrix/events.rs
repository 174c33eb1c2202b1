//! Every event of a client against everybody.

use serde_json::{Value, json};

use super::world::{Standing, THEIRS, World, connect};
use super::{Misses, NOBODY, Verdict};
use crate::access::{again, log_out, signed_out};
use crate::harness::arrival::Transport;
use crate::harness::dial::Dial;
use crate::harness::socket::Socket;

/// Who may.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Right {
    /// Whoever has entered.
    Entered,
    /// The two of a conversation.
    Conversation,
}

/// One event, and who may send it.
struct Row {
    event: &'static str,
    data: fn(i64) -> Value,
    right: Right,
}

impl Row {
    fn name(&self, id: i64) -> String {
        format!("{} {}", self.event, (self.data)(id))
    }

    /// What the contract promises to somebody who stands like this.
    fn promised(&self, id: i64, standing: Standing) -> &'static str {
        match (self.right, standing) {
            (_, Standing::Nobody) => "unauthenticated",
            (Right::Entered, _) => "success",
            (Right::Conversation, _) if id == NOBODY => "not_found",
            (Right::Conversation, Standing::Participant) => "success",
            (Right::Conversation, Standing::Stranger | Standing::Elsewhere) => "not_a_participant",
        }
    }

    /// The answer in short: to the event with an id, and if that is as promised and a refusal, to
    /// the event without one, which is an `error` event.
    async fn ask(&self, socket: &mut Socket, id: i64, promised: &str) -> Verdict {
        let data = (self.data)(id);
        let reply = socket.request(self.event, data.clone()).await;
        let verdict = match reply.body["code"].as_str() {
            Some(code) => {
                reply.refused(code);
                code.to_owned()
            }
            None => reply.body["status"].to_string().replace('"', ""),
        };
        if verdict != promised || verdict == "success" {
            return verdict;
        }
        socket.emit(self.event, data);
        let error = socket.next_event("error").await;
        assert_eq!(error["event"], self.event, "{error}");
        error["code"].to_string().replace('"', "")
    }
}

/// Which event is whose.
fn rows() -> Vec<Row> {
    let on = |event, data| Row {
        event,
        data,
        right: Right::Conversation,
    };
    let only: fn(i64) -> Value = |id| json!({"conversationId": id});
    let message: fn(i64) -> Value = |id| json!({"conversationId": id, "content": "let me in"});
    let after: fn(i64) -> Value = |id| json!({"conversationId": id, "afterSeq": 0});
    let up_to: fn(i64) -> Value = |id| json!({"conversationId": id, "upToSeq": 1});
    vec![
        on("send_message", message),
        on("mark_read", up_to),
        on("mark_read", only),
        on("typing_start", only),
        on("typing_stop", only),
        on("join_conversation", only),
        on("join_conversation", after),
        on("leave_conversation", only),
        Row {
            event: "status_update",
            data: |_| json!({"status": "busy"}),
            right: Right::Entered,
        },
    ]
}

/// Every row with what it is about, if it is there or not.
fn cells(rows: &[Row]) -> impl Iterator<Item = (&Row, i64)> {
    let ids = |row: &Row| match row.right {
        Right::Entered => vec![THEIRS],
        Right::Conversation => vec![THEIRS, NOBODY],
    };
    rows.iter()
        .flat_map(move |row| ids(row).into_iter().map(move |id| (row, id)))
}

async fn every_event_answers_everybody_as_the_contract_says(transport: Transport) {
    let (mut misses, rows) = (Misses::default(), rows());
    let mut known: Vec<_> = rows.iter().map(|row| row.event.to_owned()).collect();
    known.dedup();
    let served: Vec<_> = duologue::wire::command::events()
        .map(str::to_owned)
        .collect();
    misses.compare_tables(&served, &known);

    let mut world = World::new().await;
    let people = world.people.clone();
    let mut sockets = Vec::new();
    for (_, person) in &people {
        sockets.push(connect(person, transport).await);
    }
    world.heard(&mut sockets).await;
    for may in [false, true] {
        for (place, (standing, person)) in people.iter().enumerate() {
            let caller = format!("{} ({standing:?})", person.name);
            let before = world.seen().await;
            for (row, id) in cells(&rows) {
                let promised = row.promised(id, *standing);
                if may == (promised == "success") {
                    let verdict = row.ask(&mut sockets[place], id, promised).await;
                    misses.compare(&row.name(id), &caller, promised, &verdict);
                }
            }
            if !may {
                let column = ("what is refused", &*caller);
                world
                    .nothing_happened(&before, column, &mut sockets, &mut misses)
                    .await;
            }
        }
    }
    misses.are_none();
}

#[tokio::test]
async fn every_event_is_refused_before_the_token_and_the_connection_stays() {
    let mut misses = Misses::default();
    let mut world = World::new().await;
    let before = world.seen().await;
    let mut socket = Dial::to(&world.server.door)
        .open()
        .await
        .expect("an upgrade");
    let caller = "nobody yet";
    for (row, id) in cells(&rows()) {
        let promised = row.promised(id, Standing::Nobody);
        let verdict = row.ask(&mut socket, id, promised).await;
        misses.compare(&row.name(id), caller, promised, &verdict);
    }
    let column = ("what is refused", caller);
    world
        .nothing_happened(&before, column, &mut [], &mut misses)
        .await;
    misses.are_none();

    let token = json!({"token": world.people[0].1.token});
    socket.request("authenticate", token.clone()).await.ok();
    let again = socket.request("authenticate", token).await;
    again.refused("unknown_event");
}

async fn every_event_ends_the_connection_before_one_has_entered(transport: Transport) {
    let mut misses = Misses::default();
    let mut world = World::new().await;
    let before = world.seen().await;
    for (row, id) in cells(&rows()) {
        let dial = Dial::to(&world.server.door).over(transport);
        let mut socket = dial.open().await.expect("a connection");
        socket.opened().await;
        socket.whose = format!("nobody's socket, after {}", row.name(id));
        socket.emit(row.event, (row.data)(id));
        socket.end().await;
    }
    let column = ("what is refused", "nobody yet");
    world
        .nothing_happened(&before, column, &mut [], &mut misses)
        .await;
    misses.are_none();
}

async fn a_sign_in_that_ends_closes_its_session_whatever_that_did(transport: Transport) {
    let mut misses = Misses::default();
    let world = World::new().await;
    let (_, ana) = &world.people[0];
    for row in rows() {
        let gone = again(ana).await;
        let mut socket = connect(&gone, transport).await;
        let name = row.name(THEIRS);
        socket.whose = format!("a session that ended after {name}");
        let verdict = row.ask(&mut socket, THEIRS, "success").await;
        misses.compare(&name, "a session about to end", "success", &verdict);
        log_out(&gone, "logout").await;
        let (expected, end) = (signed_out(transport), socket.end().await);
        let [expected, end] = [expected, end].map(|end| format!("{end:?}"));
        misses.compare(&name, "a session that ended", &expected, &end);
    }
    misses.are_none();
}

over_socketio!(every_event_ends_the_connection_before_one_has_entered);

mod everywhere {
    use super::*;

    over_every_transport!(
        every_event_answers_everybody_as_the_contract_says,
        a_sign_in_that_ends_closes_its_session_whatever_that_did,
    );
}
