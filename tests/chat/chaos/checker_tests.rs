//! Whether the checker bites: a history that is as promised, and what may be wrong with it.

use std::time::Duration;

use super::checker::{Violation, judge};
use super::history::{Client, History, Kind, Message, Position, Sent, Session, Side, Talk};

const fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn message(seq: i64) -> Message {
    Message {
        id: 100 + seq,
        conversation_id: 1,
        seq,
        sender_id: 7,
        content: format!("content {seq}"),
        key: Some(format!("key {seq}")),
        created_at: "2026-01-01T00:00:00.000Z".to_owned(),
    }
}

fn position(kind: Kind, value: i64, begun: Option<u64>, told: u64) -> Position {
    let (begun, told) = (begun.map(at), at(told));
    let user = 7;
    Position {
        user,
        kind,
        value,
        begun,
        told,
    }
}

/// Four messages by 7, each acknowledged before the next; a client that joined after the second, at
/// 35 ms, and heard the others.
fn sound() -> History {
    let sent = |seq: i64| Sent {
        key: format!("key {seq}"),
        content: format!("content {seq}"),
        by: 7,
        begun: at(seq as u64 * 10),
        acknowledged: vec![(at(seq as u64 * 10 + 5), message(seq))],
    };
    let session = Session {
        begun: at(35),
        after: 1,
        caught: vec![message(2)],
        has_more: true,
        head: 3,
        heard: vec![message(4)],
        positions: vec![
            position(Kind::Read, 3, None, 40),
            position(Kind::Read, 4, None, 46),
        ],
    };
    let client = Client {
        name: "somebody".to_owned(),
        chat: 1,
        sent: (1..=4).map(sent).collect(),
        sessions: vec![session],
        positions: vec![position(Kind::Delivered, 3, Some(41), 42)],
        strange: Vec::new(),
        holds: (1..=4).map(message).collect(),
    };
    let side = |user, read| Side {
        user,
        read,
        delivered: 4,
        unread: 4 - read,
    };
    let talk = Talk {
        chat: 1,
        messages: (1..=4).map(message).collect(),
        sides: vec![side(7, 4), side(8, 1)],
    };
    History {
        clients: vec![client],
        talks: vec![talk],
    }
}

/// The promises that are broken by `change`.
fn broken_by(change: impl FnOnce(&mut Client, &mut Talk)) -> Vec<u8> {
    let mut history = sound();
    change(&mut history.clients[0], &mut history.talks[0]);
    let mut promises: Vec<u8> = judge(&history).iter().map(|one| one.promise).collect();
    promises.sort_unstable();
    promises.dedup();
    promises
}

#[test]
fn a_sound_history_is_sound() {
    assert_eq!(judge(&sound()), Vec::<Violation>::new());
}

#[test]
fn what_was_acknowledged_and_is_not_there_is_found() {
    let lost = broken_by(|client, talk| {
        talk.messages.pop();
        client.holds.pop();
        client.sessions[0].heard.clear();
        talk.sides[1].unread -= 1;
    });
    assert_eq!(lost, [1, 5], "nor may a position lie behind it");
    let other = broken_by(|client, _| client.sent[1].acknowledged[0].1.id += 1);
    assert_eq!(other, [1]);
    let later = broken_by(|client, _| client.sent[1].acknowledged[0].1.created_at.push('!'));
    assert_eq!(later, [1]);
    assert_eq!(
        broken_by(|client, _| client.sessions[0].heard[0].content.push('!')),
        [1]
    );
    assert_eq!(broken_by(|client, _| client.holds[2].sender_id = 8), [1]);
}

#[test]
fn what_is_there_twice_or_was_never_said_is_found() {
    let twice = broken_by(|client, talk| {
        let again = Message {
            key: Some("key 4".to_owned()),
            ..message(5)
        };
        talk.messages.push(again.clone());
        client.holds.push(again);
        talk.sides[0].unread = 1;
        talk.sides[1].unread += 1;
    });
    assert_eq!(twice, [2]);
    assert_eq!(broken_by(|client, _| drop(client.sent.remove(0))), [2]);
    assert_eq!(broken_by(|client, _| client.sent[0].by = 8), [2]);
    let two_answers = broken_by(|client, _| {
        let again = (at(80), message(2));
        client.sent[0].acknowledged.push(again);
    });
    assert_eq!(two_answers, [2]);
}

#[test]
fn a_gap_and_a_swap_are_found() {
    let gap = broken_by(|client, talk| {
        talk.messages[3].seq = 5;
        client.holds[3].seq = 5;
        client.sessions[0].heard.clear();
        client.sent[3].acknowledged.clear();
    });
    assert_eq!(gap, [1, 3, 4]);
    let too_early = broken_by(|client, _| client.sent[2].begun = at(46));
    assert_eq!(too_early, [3], "4 was acknowledged before 3 was asked");
    assert_eq!(
        broken_by(|client, _| client.sessions[0].heard.push(message(4))),
        [3]
    );
    assert_eq!(
        broken_by(|client, _| client.sessions[0].heard[0] = message(3)),
        [3]
    );
}

#[test]
fn what_a_client_misses_is_found() {
    assert_eq!(broken_by(|client, _| drop(client.holds.pop())), [4]);
    assert_eq!(broken_by(|client, _| drop(client.holds.remove(1))), [4]);
    assert_eq!(
        broken_by(|client, _| client.sessions[0].caught[0] = message(3)),
        [4]
    );
    assert_eq!(
        broken_by(|client, _| client.sessions[0].has_more = false),
        [4]
    );
    let behind = broken_by(|client, _| {
        client.sessions[0].head = 2;
        client.sessions[0].has_more = false;
        client.sessions[0].heard.insert(0, message(3));
        client.sessions[0].begun = at(36);
    });
    assert_eq!(behind, [4], "3 was acknowledged at 35 ms");
}

#[test]
fn a_position_that_moves_back_is_found() {
    assert_eq!(
        broken_by(|client, _| client.sessions[0].positions[1].value = 2),
        [5]
    );
    assert_eq!(
        broken_by(|client, _| client.positions.push(position(Kind::Read, 3, Some(47), 48))),
        [5]
    );
    assert_eq!(broken_by(|client, _| client.positions[0].value = 5), [5]);
    assert_eq!(broken_by(|_, talk| talk.sides[0].read = 3), [5]);
    assert_eq!(broken_by(|_, talk| talk.sides[1].unread = 4), [5]);
    assert_eq!(broken_by(|_, talk| talk.sides[1].delivered = 0), [5]);
    let overlapping = position(Kind::Read, 3, Some(39), 48);
    assert_eq!(
        broken_by(|client, _| client.positions.push(overlapping)),
        [0; 0]
    );
}

#[test]
fn an_answer_that_nobody_may_get_is_found() {
    assert_eq!(
        broken_by(|client, _| client.strange.push("500".to_owned())),
        [6]
    );
}
