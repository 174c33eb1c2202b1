//! Does the load generator's checker bite? Each test breaks one promise in the records of a correct run and
//! expects exactly the findings that tell it. A benchmark has no test runner of its own, so this stands here.

#[path = "../benches/load/check.rs"]
mod check;

use check::{Evidence, Miss, Place, Record, judge, misses};

const MESSAGES: u64 = 10;
const PLACES: [Place; 3] = [Place::Socket(0), Place::Socket(1), Place::History];

/// A run in which two people sent in turns and everything is right.
fn correct() -> Evidence {
    let all: Vec<_> = (1..=MESSAGES).map(record).collect();
    let mut acked = all.clone();
    acked.swap(2, 5); // Acknowledgements of different connections may overtake each other.
    Evidence {
        before: 0,
        acked,
        shown: [all.clone(), all.clone()],
        stored: all,
        head_seq: MESSAGES,
    }
}

fn record(seq: u64) -> Record {
    let sender = u8::from(seq.is_multiple_of(2));
    Record {
        sender,
        number: u32::try_from((seq - 1) / 2).unwrap_or(u32::MAX),
        seq,
        id: 100 + seq,
        intact: true,
    }
}

fn list(evidence: &mut Evidence, place: Place) -> &mut Vec<Record> {
    match place {
        Place::Ack => &mut evidence.acked,
        Place::Socket(person) => &mut evidence.shown[usize::from(person)],
        Place::History => &mut evidence.stored,
    }
}

/// What the checker finds when the records of one place were tampered with.
fn found(place: Place, tamper: impl FnOnce(&mut Vec<Record>)) -> Vec<Miss> {
    let mut evidence = correct();
    tamper(list(&mut evidence, place));
    misses(&evidence)
}

#[test]
fn a_correct_run_passes() {
    assert_eq!(misses(&correct()), []);
}

#[test]
fn a_run_without_messages_proves_nothing() {
    assert_eq!(judge(&[]), [(0, Miss::NothingAcked)]);
    let quiet = [Evidence::default(), Evidence::default()];
    assert_eq!(judge(&quiet), [(0, Miss::NothingAcked)]);
}

#[test]
fn a_conversation_may_be_quiet_while_others_talk() {
    let run = [Evidence::default(), correct(), Evidence::default()];
    assert_eq!(judge(&run), []);
    let told_without_a_send = Evidence {
        shown: [vec![record(1)], vec![]],
        ..Evidence::default()
    };
    let found = judge(&[correct(), told_without_a_send]);
    let invented = Miss::NeverAcked {
        place: Place::Socket(0),
        record: record(1),
    };
    assert_eq!(found, [(1, invented)]);
}

#[test]
fn a_finding_names_the_conversation() {
    let mut broken = correct();
    broken.shown[1].pop();
    let absent = Miss::Absent {
        place: Place::Socket(1),
        record: record(MESSAGES),
    };
    assert_eq!(judge(&[correct(), correct(), broken]), [(2, absent)]);
}

/// A run in a conversation that had 50 messages before.
fn continued() -> Evidence {
    let mut evidence = correct();
    evidence.before = 50;
    evidence.head_seq += 50;
    for place in [Place::Ack].into_iter().chain(PLACES) {
        for record in list(&mut evidence, place) {
            record.seq += 50;
        }
    }
    evidence
}

#[test]
fn a_run_may_begin_in_the_middle_of_a_conversation() {
    assert_eq!(misses(&continued()), []);
    let quiet = Evidence {
        before: 50,
        head_seq: 50,
        ..Evidence::default()
    };
    assert_eq!(misses(&quiet), []);
}

#[test]
fn a_gap_after_what_was_there_before_is_found() {
    let mut evidence = continued();
    evidence.before = 49;
    let gaps = PLACES.map(|place| Miss::Gap {
        place,
        from: 49,
        to: 51,
    });
    assert_eq!(misses(&evidence), gaps);
}

#[test]
fn a_dropped_message_is_missing_and_leaves_a_gap() {
    for place in PLACES {
        let found = found(place, |records| {
            records.remove(4);
        });
        assert!(
            found.contains(&Miss::Absent {
                place,
                record: record(5)
            }),
            "{found:?}"
        );
        assert!(
            found.contains(&Miss::Gap {
                place,
                from: 4,
                to: 6
            }),
            "{found:?}"
        );
    }
}

#[test]
fn a_message_that_only_one_side_dropped_is_told_for_that_side_alone() {
    let found = found(Place::Socket(1), |records| {
        records.pop();
    });
    assert_eq!(
        found,
        [Miss::Absent {
            place: Place::Socket(1),
            record: record(MESSAGES)
        }]
    );
}

#[test]
fn a_doubled_message_is_found_next_to_itself_and_later() {
    for place in PLACES {
        for at in [5, 8] {
            let found = found(place, |records| records.insert(at, record(5)));
            assert!(
                found.contains(&Miss::Doubled {
                    place,
                    record: record(5)
                }),
                "{found:?}"
            );
        }
    }
}

#[test]
fn a_doubled_acknowledgement_is_found() {
    let found = found(Place::Ack, |records| records.push(record(5)));
    assert_eq!(
        found,
        [Miss::Doubled {
            place: Place::Ack,
            record: record(5)
        }]
    );
}

#[test]
fn swapped_messages_are_out_of_order() {
    for place in PLACES {
        let found = found(place, |records| records.swap(3, 4));
        assert!(
            found.contains(&Miss::OutOfOrder {
                place,
                from: 5,
                to: 4
            }),
            "{found:?}"
        );
    }
}

#[test]
fn sides_that_saw_another_order_differ_also_when_each_seq_ascends() {
    let found = found(Place::Socket(1), |records| {
        records.swap(3, 4);
        (records[3].seq, records[4].seq) = (4, 5);
    });
    let place = Place::Socket(1);
    let (moved_up, moved_down) = (
        Record {
            seq: 4,
            ..record(5)
        },
        Record {
            seq: 5,
            ..record(4)
        },
    );
    assert!(
        found.contains(&Miss::OtherSeq {
            place,
            record: moved_up,
            acked: 5
        }),
        "{found:?}"
    );
    assert!(
        found.contains(&Miss::OtherSeq {
            place,
            record: moved_down,
            acked: 4
        }),
        "{found:?}"
    );
    let differ = Miss::OrdersDiffer {
        position: 3,
        first: record(4),
        second: moved_up,
    };
    assert!(found.contains(&differ), "{found:?}");
}

#[test]
fn a_seq_that_nobody_got_is_a_gap_even_when_all_agree() {
    let mut evidence = correct();
    for place in [
        Place::Ack,
        Place::Socket(0),
        Place::Socket(1),
        Place::History,
    ] {
        for record in list(&mut evidence, place) {
            record.seq += u64::from(record.seq > 6);
        }
    }
    evidence.head_seq += 1;
    assert_eq!(
        misses(&evidence),
        PLACES.map(|place| Miss::Gap {
            place,
            from: 6,
            to: 8
        })
    );
}

#[test]
fn a_seq_that_does_not_start_at_one_is_a_gap() {
    let found = found(Place::History, |records| {
        records.remove(0);
    });
    assert!(
        found.contains(&Miss::Gap {
            place: Place::History,
            from: 0,
            to: 2
        }),
        "{found:?}"
    );
}

#[test]
fn two_messages_with_one_seq_are_found_even_when_all_agree() {
    let mut evidence = correct();
    for place in [
        Place::Ack,
        Place::Socket(0),
        Place::Socket(1),
        Place::History,
    ] {
        for record in list(&mut evidence, place) {
            record.seq -= u64::from(record.seq == MESSAGES);
        }
    }
    evidence.head_seq -= 1;
    assert_eq!(
        misses(&evidence),
        PLACES.map(|place| Miss::OutOfOrder {
            place,
            from: 9,
            to: 9
        })
    );
}

#[test]
fn an_acknowledgement_with_another_seq_or_id_is_found() {
    let seqs = found(Place::Ack, |records| records[0].seq = 77);
    assert_eq!(
        seqs,
        PLACES.map(|place| Miss::OtherSeq {
            place,
            record: record(1),
            acked: 77
        })
    );
    let ids = found(Place::Ack, |records| records[0].id = 77);
    assert_eq!(
        ids,
        PLACES.map(|place| Miss::OtherId {
            place,
            record: record(1),
            acked: 77
        })
    );
}

#[test]
fn an_altered_message_is_found() {
    for place in [
        Place::Ack,
        Place::Socket(0),
        Place::Socket(1),
        Place::History,
    ] {
        let found = found(place, |records| records[0].intact = false);
        assert_eq!(
            found,
            [Miss::Altered {
                place,
                record: Record {
                    intact: false,
                    ..record(1)
                }
            }]
        );
    }
}

#[test]
fn a_message_that_was_never_acknowledged_is_found() {
    let invented = record(MESSAGES + 1);
    for place in PLACES {
        let found = found(place, |records| records.push(invented));
        assert!(
            found.contains(&Miss::NeverAcked {
                place,
                record: invented
            }),
            "{found:?}"
        );
    }
}

#[test]
fn a_head_that_is_not_the_last_message_is_found() {
    let evidence = Evidence {
        head_seq: 11,
        ..correct()
    };
    assert_eq!(
        misses(&evidence),
        [Miss::OtherHead {
            told: 11,
            stored: 10
        }]
    );
}

#[test]
fn every_finding_is_one_line_that_says_where() {
    let found = found(Place::Socket(1), |records| {
        records.remove(4);
    });
    let lines: Vec<_> = found.iter().map(ToString::to_string).collect();
    let expected = [
        "socket of person 1: message 2 of person 0 (seq 5, id 105) was acknowledged but is missing",
        "socket of person 1: a gap, seq 4 is followed by 6",
        "the two sockets differ from position 4 on: message 2 of person 0 (seq 5, id 105) against message 2 of person 1 (seq 6, id 106)",
    ];
    assert_eq!(lines, expected);
}
