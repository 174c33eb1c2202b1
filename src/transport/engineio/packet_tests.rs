//! Packets and payloads are read as the protocol writes them, and hostile ones cost no more than
//! their length.

use proptest::prelude::*;

use super::*;

/// All packets of a payload, up to the first that is malformed.
fn payload(text: &str) -> impl Iterator<Item = Result<Packet<'_>, Malformed>> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let part = part(text, next?);
        let packet = Packet::parse(&text[part.clone()]);
        let goes_on = part.end < text.len() && packet.is_ok();
        next = goes_on.then_some(part.end + SEPARATOR.len_utf8());
        Some(packet)
    })
}

fn packets(text: &str) -> Vec<Result<Packet<'_>, Malformed>> {
    payload(text).collect()
}

fn text(packet: &str) -> Frame {
    Frame::Text(Bytes::copy_from_slice(packet.as_bytes()))
}

#[test]
fn every_kind_of_packet_is_read() {
    let table = [
        ("0{}", Packet::Open),
        ("1", Packet::Close),
        ("2", Packet::Ping("")),
        ("2probe", Packet::Ping("probe")),
        ("3", Packet::Pong("")),
        ("3probe", Packet::Pong("probe")),
        ("4", Packet::Message("")),
        ("4héllo", Packet::Message("héllo")),
        ("5", Packet::Upgrade),
        ("6", Packet::Noop),
        ("b", Packet::Binary(Bytes::new())),
        (
            "bAQIDBA==",
            Packet::Binary(Bytes::from_static(&[1, 2, 3, 4])),
        ),
    ];
    for (text, packet) in table {
        assert_eq!(Packet::parse(text), Ok(packet), "{text}");
    }
}

#[test]
fn what_is_no_packet_is_malformed() {
    let table = [
        "",
        "7",
        "9x",
        "a",
        "B",
        "x",
        "é",
        "\u{1e}",
        " 4",
        "1 ",
        "1bye",
        "5x",
        "6noop",
        "bé",
        "b!!!!",
        "bAQIDBA",
        "bAQIDBA=",
        "bAQIDBA===",
        "bAQID BA==",
        "b_-8=",
        "bAQIDBB==",
    ];
    for text in table {
        assert!(Packet::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn the_payloads_of_the_specification_are_read_and_written() {
    let read = packets("4hello\u{1e}2\u{1e}4world");
    let expected = [
        Packet::Message("hello"),
        Packet::Ping(""),
        Packet::Message("world"),
    ];
    assert_eq!(read, expected.map(Ok));
    let read = packets("4hello\u{1e}bAQIDBA==");
    let expected = [
        Packet::Message("hello"),
        Packet::Binary(Bytes::from_static(&[1, 2, 3, 4])),
    ];
    assert_eq!(read, expected.map(Ok));

    let frames = [text("4hello"), text("2"), text("4world")];
    assert_eq!(encode_payload(&frames), b"4hello\x1e2\x1e4world");
    let frames = [
        text("4hello"),
        Frame::Binary(Bytes::from_static(&[1, 2, 3, 4])),
    ];
    assert_eq!(encode_payload(&frames), b"4hello\x1ebAQIDBA==");
    assert_eq!(encode_payload(&[]), b"");
}

#[test]
fn a_payload_ends_at_its_first_malformed_packet() {
    for (text, sound) in [
        ("", 0),
        ("4a\u{1e}", 1),
        ("\u{1e}4a", 0),
        ("4a\u{1e}x\u{1e}4b", 1),
    ] {
        let read = packets(text);
        assert_eq!(read.len(), sound + 1, "{text:?}");
        assert!(
            read[sound].is_err() && read[..sound].iter().all(Result::is_ok),
            "{text:?}"
        );
    }
}

#[test]
fn a_payload_may_have_many_packets() {
    let text = "4\u{1e}".repeat(100_000);
    assert_eq!(payload(&text).count(), 100_001);
}

#[test]
fn the_open_packet_is_as_the_reference_server_writes_it() {
    let (interval, timeout) = (Duration::from_secs(25), Duration::from_secs(20));
    let packet = open(
        "lv_VI97HAXpY6yYWAAAC",
        &["websocket"],
        interval,
        timeout,
        1_000_000,
    );
    assert_eq!(
        packet,
        r#"0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#
    );
    let text = std::str::from_utf8(&packet).unwrap();
    assert_eq!(Packet::parse(text), Ok(Packet::Open));
    let packet = open("\"", &[], Duration::MAX, Duration::ZERO, 0);
    assert!(packet.starts_with(br#"0{"sid":"\"","upgrades":[],"#));
}

#[test]
fn the_servers_own_packets_have_the_kinds_of_the_protocol() {
    let kinds = [CLOSE, PING, PROBE, PROBE_ANSWER, UPGRADE, NOOP];
    let read = kinds.map(|text| Packet::parse(text).unwrap());
    let expected = [
        Packet::Close,
        Packet::Ping(""),
        Packet::Ping("probe"),
        Packet::Pong("probe"),
        Packet::Upgrade,
        Packet::Noop,
    ];
    assert_eq!(read, expected);
}

fn frame() -> impl Strategy<Value = Frame> {
    let no_separator = "[^\u{1e}]{0,40}";
    prop_oneof![
        no_separator.prop_map(|data| text(&format!("4{data}"))),
        prop::collection::vec(any::<u8>(), 0..60).prop_map(|data| Frame::Binary(data.into())),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(frames in prop::collection::vec(frame(), 1..20)) {
        let written = encode_payload(&frames);
        let separators = frames.len() - 1;
        let lengths: usize = frames.iter().map(payload_len).sum();
        prop_assert_eq!(written.len(), lengths + separators);
        let written = String::from_utf8(written).unwrap();
        let read: Vec<Frame> = payload(&written).map(|packet| match packet.unwrap() {
            Packet::Message(data) => text(&format!("4{data}")),
            Packet::Binary(data) => Frame::Binary(data),
            other => panic!("{other:?}"),
        }).collect();
        prop_assert_eq!(read, frames);
    }

    /// Only binary data is copied; everything else points into the payload.
    #[test]
    fn no_payload_makes_it_panic_or_allocate_more_than_its_length(
        pieces in prop::collection::vec(prop_oneof![
            "\\PC{0,12}",
            "[0-9b\u{1e}]{0,12}",
            "(b[A-Za-z0-9+/]{4}){0,9}={0,2}",
        ], 0..20)
    ) {
        let text = pieces.concat();
        let mut allocated = 0;
        for packet in payload(&text) {
            if let Ok(Packet::Binary(data)) = packet {
                allocated += data.len();
            }
        }
        prop_assert!(allocated <= text.len(), "{allocated} bytes for {}", text.len());
    }
}
