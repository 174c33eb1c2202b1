//! Are the pure parts of the load generator's modes of size right: when stock clients come back, what was lost in a
//! storm or a crash, and the figures that are made of it? A benchmark has no test runner of its own.

#[path = "../benches/load/backoff.rs"]
mod backoff;
#[path = "../benches/load/reunion.rs"]
mod reunion;
#[path = "../benches/load/slabs.rs"]
mod slabs;
#[path = "../benches/load/stats.rs"]
mod stats;
#[path = "../benches/load/survival.rs"]
mod survival;
#[path = "../benches/load/told.rs"]
mod told;

use std::time::Duration;

use reunion::{Acked, Miss, Seen};
use survival::{Loss, Place};
use told::{Missed, Post, Told};

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn a_stock_client_waits_a_second_give_or_take_a_half() {
    // What the formula in socket.io-client (backo2) gives for these random numbers.
    for (random, expected) in [
        (0.0, 1_000),
        (0.05, 975),
        (0.15, 1_075),
        (0.5, 1_250),
        (0.89, 555),
        (0.999, 1_499),
    ] {
        assert_eq!(backoff::delay(0, random), ms(expected), "{random}");
    }
}

#[test]
fn a_stock_client_doubles_its_wait_with_every_failure_up_to_five_seconds() {
    let waits: Vec<_> = (0..6)
        .map(|failures| backoff::delay(failures, 0.0))
        .collect();
    assert_eq!(waits, [1_000, 2_000, 4_000, 5_000, 5_000, 5_000].map(ms));
    assert_eq!(
        backoff::delay(1, 0.5),
        ms(2_500),
        "spread with the doubled wait"
    );
    assert_eq!(backoff::delay(2, 0.5), ms(5_000), "cut after it was spread");
    assert_eq!(backoff::delay(u32::MAX, 0.0), ms(5_000));
}

#[test]
fn a_quantile_is_the_nearest_rank() {
    let mut times: Vec<_> = (1..=100).rev().map(ms).collect();
    assert_eq!(stats::quantile(&mut times, 0.5), Some(ms(50)));
    assert_eq!(stats::quantile(&mut times, 0.99), Some(ms(99)));
    assert_eq!(stats::quantile(&mut times, 1.0), Some(ms(100)));
    assert_eq!(stats::quantile(&mut times, 0.0), Some(ms(1)));
    assert_eq!(stats::quantile_ms(&mut [ms(7)], 0.99), Some(7.0));
    assert_eq!(stats::quantile(&mut [], 0.5), None);
}

#[test]
fn a_ratio_to_nothing_is_not_known() {
    assert_eq!(stats::ratio(Some(3.0), Some(2.0)), Some(1.5));
    assert_eq!(stats::ratio(Some(3.0), Some(0.0)), None);
    assert_eq!(stats::ratio(Some(3.0), None), None);
    assert_eq!(stats::ratio(None, Some(2.0)), None);
}

/// Ten messages, acknowledged 10 ms apart, each told 5 ms later.
fn conversation() -> (Vec<Acked>, Vec<Seen>) {
    let acked: Vec<_> = (1..=10)
        .map(|seq| Acked {
            seq,
            number: 100 + seq,
            at: ms(10 * seq),
        })
        .collect();
    let seen = acked.iter().map(|acked| Seen {
        seq: acked.seq,
        number: Some(acked.number),
        at: acked.at + ms(5),
    });
    let seen = seen.collect();
    (acked, seen)
}

/// What the checker finds when what the client was told was tampered with.
fn found(tamper: impl FnOnce(&mut Vec<Seen>)) -> Vec<Miss> {
    let (mut acked, mut seen) = conversation();
    acked.reverse(); // The acknowledgements come in any order.
    tamper(&mut seen);
    reunion::misses(&acked, &seen)
}

#[test]
fn a_client_that_was_told_everything_once_and_in_order_misses_nothing() {
    assert_eq!(found(|_| {}), []);
    assert_eq!(reunion::misses(&[], &[]), []);
}

#[test]
fn what_a_client_was_not_told_is_found() {
    let absent = |seq| Miss::Absent {
        seq,
        number: 100 + seq,
    };
    assert_eq!(found(|seen| seen.retain(|seen| seen.seq != 5)), [absent(5)]);
    assert_eq!(found(|seen| seen.truncate(9)), [absent(10)]);
    assert_eq!(found(Vec::clear).len(), 10);
}

#[test]
fn what_a_client_was_told_twice_is_found() {
    let doubled = [Miss::Doubled { seq: 5 }];
    assert_eq!(found(|seen| seen.insert(5, seen[4])), doubled);
    assert_eq!(found(|seen| seen.push(seen[4])), doubled);
}

#[test]
fn what_a_client_was_told_out_of_order_is_found() {
    let late = [Miss::Late { seq: 5, after: 6 }];
    assert_eq!(found(|seen| seen.swap(4, 5)), late);
}

#[test]
fn what_nobody_sent_so_is_found() {
    let strange = [Miss::Strange { seq: 5 }];
    assert_eq!(found(|seen| seen[4].number = None), strange);
    assert_eq!(found(|seen| seen[4].number = Some(106)), strange);
    let unacknowledged = Seen {
        seq: 11,
        number: Some(111),
        at: ms(200),
    };
    let strange = [Miss::Strange { seq: 11 }];
    assert_eq!(found(|seen| seen.push(unacknowledged)), strange);
}

#[test]
fn acknowledgements_that_share_or_leave_out_a_position_are_found() {
    let (mut acked, seen) = conversation();
    acked[3].seq = 5;
    let found = reunion::misses(&acked, &seen);
    assert!(found.contains(&Miss::Misnumbered { seq: 4 }), "{found:?}");
}

#[test]
fn a_client_has_caught_up_with_the_last_message_that_it_was_owed() {
    let (acked, seen) = conversation();
    // Joined when four were acknowledged, the last of which comes 4 ms later.
    assert_eq!(reunion::caught_up(ms(41), &acked, &seen), ms(45));
    // Joined when all that it was owed had come.
    assert_eq!(reunion::caught_up(ms(49), &acked, &seen), ms(49));
    assert_eq!(reunion::caught_up(ms(3), &acked, &seen), ms(3));
    assert_eq!(reunion::caught_up(ms(3), &[], &[]), ms(3));
}

fn place(seq: u64) -> Place {
    Place {
        seq,
        number: Some(seq + 100),
    }
}

/// What the checker finds in a conversation of seq 21 to 29 whose last two nobody was told of.
fn lost(tamper: impl FnOnce(&mut Vec<Place>)) -> Vec<Loss> {
    let acked: Vec<_> = (21..=27).rev().map(place).collect();
    let mut stored: Vec<_> = (21..=29).map(place).collect();
    tamper(&mut stored);
    survival::losses(20, &acked, &stored)
}

#[test]
fn what_was_under_way_at_the_kill_may_be_there_or_not() {
    assert_eq!(lost(|_| {}), []);
    assert_eq!(lost(|stored| stored.truncate(7)), []);
}

#[test]
fn what_was_acknowledged_and_is_not_there_is_lost() {
    assert_eq!(
        lost(|stored| stored.truncate(6)),
        [Loss::Absent { seq: 27 }]
    );
    assert_eq!(lost(Vec::clear).len(), 7);
    let found = lost(|stored| stored.retain(|place| place.seq != 24));
    assert!(found.contains(&Loss::Absent { seq: 24 }), "{found:?}");
    assert!(found.contains(&Loss::Gap { seq: 24 }), "{found:?}");
}

#[test]
fn what_is_not_as_it_was_acknowledged_is_lost() {
    let altered = [Loss::Altered { seq: 24 }];
    assert_eq!(lost(|stored| stored[3].number = None), altered);
    assert_eq!(lost(|stored| stored[3].number = Some(999)), altered);
}

#[test]
fn what_is_stored_twice_is_found() {
    let again = Place {
        seq: 30,
        ..place(29)
    };
    assert_eq!(
        lost(|stored| stored.push(again)),
        [Loss::Doubled { seq: 30 }]
    );
}

#[test]
fn findings_are_one_line_each() {
    let (acked, _) = conversation();
    let lines: Vec<_> = reunion::misses(&acked[..1], &[])
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        lines,
        ["seq 1 (message 101) was acknowledged and never told"]
    );
    let lines: Vec<_> = lost(|stored| stored.truncate(6))
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(lines, ["seq 27 was acknowledged and is not there"]);
}

fn post() -> Post {
    Post {
        seq: 3,
        conversation_id: 5,
        content: "a \"b\"".to_owned(),
        client_message_id: Some("storm-7".to_owned()),
    }
}

#[test]
fn an_event_is_read_with_its_offset() {
    let message = r#"{"id":12,"seq":3,"conversation_id":5,"content":"a \"b\"","client_message_id":"storm-7"}"#;
    let event = format!(r#"42["new_message",{{"message":{message},"conversation_id":5}},"17"]"#);
    assert_eq!(
        told::read(&event),
        (Told::Message(post()), Some("17".to_owned()))
    );
    let event = format!(r#"42["new_message",{{"message":{message},"conversation_id":5}}]"#);
    assert_eq!(told::read(&event), (Told::Message(post()), None));
    let other = r#"42["user_status_changed",{"userId":1},"18"]"#;
    assert_eq!(told::read(other), (Told::Other, Some("18".to_owned())));
}

#[test]
fn what_a_join_answers_is_read() {
    let message =
        r#"{"seq":3,"conversation_id":5,"content":"a \"b\"","client_message_id":"storm-7"}"#;
    let answer = format!(
        r#"430[{{"status":"success","data":{{"conversationId":5,"head_seq":3,"messages":[{message}],"has_more":true}}}}]"#
    );
    let missed = Missed {
        head_seq: 3,
        messages: vec![post()],
        has_more: true,
    };
    assert_eq!(told::read(&answer), (Told::Joined(missed), None));
}

#[test]
fn what_opens_and_ends_a_session_is_told_apart() {
    let pid = Some("secret".to_owned());
    assert_eq!(
        told::read(r#"40{"sid":"a","pid":"secret"}"#).0,
        Told::In { pid }
    );
    assert_eq!(told::read(r#"40{"sid":"a"}"#).0, Told::In { pid: None });
    assert_eq!(told::read("2").0, Told::Ping);
    assert_eq!(told::read("6").0, Told::Other);
    for goodbye in ["1", "41"] {
        assert_eq!(told::read(goodbye).0, Told::Goodbye);
    }
    for wrong in [
        r#"44{"message":"no"}"#,
        r#"430[{"status":"error","code":"not_found","message":"no"}]"#,
        r#"430[{"status":"error","data":{"head_seq":3}}]"#,
        r#"42["error",{"code":"internal"}]"#,
        r#"42["new_message",{"message":{}}]"#,
        "42[",
        "",
    ] {
        assert_eq!(told::read(wrong).0, Told::Wrong, "{wrong}");
    }
}

const SLABINFO: &str = "\
slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit>
tw_sock_TCP          112    112    256   16    1 : tunables    0    0    0
TCPv6                  2     13   2496   13    8 : tunables    0    0    0
TCP                   10     39   2368   13    8 : tunables    0    0    0
eventpoll_epi        160    256    128   32    1 : tunables    0    0    0
sock_inode_cache      95    100    832   19    4 : tunables    0    0    0
filp                 567    600    192   21    1 : tunables    0    0    0
dentry             79905  79905    200   21    1 : tunables    0    0    0
";

#[test]
fn the_kernels_memory_is_objects_in_use_times_their_size() {
    let sockets = 2 * 2496 + 10 * 2368 + 160 * 128 + 95 * 832;
    let files = 95 * (192 + 200);
    assert_eq!(slabs::slab_bytes(SLABINFO), Some(sockets + files));
    assert_eq!(slabs::slab_bytes("slabinfo - version: 2.1\n"), None);
}

#[test]
fn buffers_are_counted_in_pages() {
    let sockstat =
        "sockets: used 21\nTCP: inuse 6 orphan 0 tw 1 alloc 6 mem 49\nUDP: inuse 0 mem 7\n";
    assert_eq!(slabs::buffer_bytes(sockstat), Some(49 * 4096));
    assert_eq!(slabs::buffer_bytes("UDP: inuse 0 mem 7\n"), None);
}
