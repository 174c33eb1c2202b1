//! Packets are valid where the stock parser says so, and hostile ones cost no more than their
//! length.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Kind, namespace, id, attachments and payload of a sound packet.
type Parts<'a> = (Kind, &'a str, Option<u64>, usize, Option<&'a str>);

fn parts(text: &str) -> Option<Parts<'_>> {
    let packet = Packet::parse(text).ok()?;
    Some((
        packet.kind,
        packet.namespace,
        packet.id,
        packet.attachments,
        packet.data.map(RawValue::get),
    ))
}

fn split(text: &str) -> (String, Vec<&str>) {
    let packet = Packet::parse(text).expect("a packet");
    let arguments = arguments(packet.data.expect("a payload")).expect("arguments");
    let rest = arguments.rest.iter().map(|value| value.get()).collect();
    (arguments.name.into_owned(), rest)
}

#[test]
fn the_packets_of_the_specification_are_read() {
    use Kind::{Ack, BinaryAck, BinaryEvent, Connect, ConnectError, Disconnect, Event};
    let baz = r#"["baz",{"_placeholder":true,"num":0}]"#;
    let two = r#"["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    let sid = r#"{"sid":"oSO0OpakMV_3jnilAAAA"}"#;
    let refused = r#"{"message":"Not authorized"}"#;
    let table: &[(String, Parts<'_>)] = &[
        ("0".into(), (Connect, "/", None, 0, None)),
        (
            r#"0{"token":"123"}"#.into(),
            (Connect, "/", None, 0, Some(r#"{"token":"123"}"#)),
        ),
        (
            format!("0/admin,{sid}"),
            (Connect, "/admin", None, 0, Some(sid)),
        ),
        ("0/custom,".into(), (Connect, "/custom", None, 0, None)),
        ("0/custom".into(), (Connect, "/custom", None, 0, None)),
        (
            format!("4{refused}"),
            (ConnectError, "/", None, 0, Some(refused)),
        ),
        (
            r#"2["foo"]"#.into(),
            (Event, "/", None, 0, Some(r#"["foo"]"#)),
        ),
        (
            r#"2/admin,["bar"]"#.into(),
            (Event, "/admin", None, 0, Some(r#"["bar"]"#)),
        ),
        (
            r#"212["foo"]"#.into(),
            (Event, "/", Some(12), 0, Some(r#"["foo"]"#)),
        ),
        (
            r#"3/admin,13["bar"]"#.into(),
            (Ack, "/admin", Some(13), 0, Some(r#"["bar"]"#)),
        ),
        ("3456[]".into(), (Ack, "/", Some(456), 0, Some("[]"))),
        (format!("51-{baz}"), (BinaryEvent, "/", None, 1, Some(baz))),
        (
            format!("52-/admin,{two}"),
            (BinaryEvent, "/admin", None, 2, Some(two)),
        ),
        (
            format!("52-/admin,7{two}"),
            (BinaryEvent, "/admin", Some(7), 2, Some(two)),
        ),
        (
            format!("61-15{baz}"),
            (BinaryAck, "/", Some(15), 1, Some(baz)),
        ),
        ("1".into(), (Disconnect, "/", None, 0, None)),
        ("1/admin,".into(), (Disconnect, "/admin", None, 0, None)),
        ("1/custom".into(), (Disconnect, "/custom", None, 0, None)),
    ];
    for (text, expected) in table {
        assert_eq!(parts(text), Some(*expected), "{text}");
    }
}

#[test]
fn what_the_stock_parser_refuses_is_malformed() {
    let table = [
        "",
        "7",
        "9",
        "x",
        "é",
        "abc",
        "{}",
        " 2[\"a\"]",
        "-1",
        // CONNECT and DISCONNECT
        "0[]",
        "0null",
        "0\"a\"",
        "01x",
        "0{",
        "0{}x",
        "0/a,[]",
        "1{}",
        "1[]",
        "1/a,{}",
        // events
        "2",
        "2{}",
        "2null",
        "2[]",
        "2abc",
        "2abc[\"a\"]",
        "2[null]",
        "2[true]",
        "2[{}]",
        "2[[]]",
        "2[\"a\"",
        "2[\"a\",]",
        "2[\"a\"]]",
        "2[\"a\"] x",
        "2[\"a\"][\"b\"]",
        "2/a",
        "2/a,",
        "212",
        "2[\"connect\"]",
        "2[\"connect_error\"]",
        "2[\"disconnect\"]",
        "2[\"disconnecting\"]",
        "2[\"newListener\"]",
        "2[\"removeListener\"]",
        "2[ \"\\u0063onnect\",1]",
        "2[\"a\n\"]",
        // acknowledgements
        "3[]",
        "3",
        "31",
        "31{}",
        "3-1[]",
        "31.5[]",
        "31e3[]",
        // attachments
        "5[\"a\"]",
        "5-[\"a\"]",
        "50-[\"a\"]",
        "5-1-[\"a\"]",
        "51[\"a\"]",
        "51.5-[\"a\"]",
        "51",
        "51-",
        "51-{}",
        "5x-[\"a\"]",
        "5 1-[\"a\"]",
        "54294967296-[\"a\"]",
        "21-[\"a\"]",
        "61-[]",
        // CONNECT_ERROR
        "4[]",
        "41x",
    ];
    for text in table {
        assert!(Packet::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn an_id_is_a_number_that_a_client_can_hold() {
    let id = |id: &str| Packet::parse(&format!("2{id}[\"a\"]")).map(|packet| packet.id);
    assert_eq!(id("0"), Ok(Some(0)));
    assert_eq!(id("007"), Ok(Some(7)));
    assert_eq!(id("9007199254740991"), Ok(Some(ID_MAX)));
    for text in [
        "9007199254740992",
        "18446744073709551615",
        "18446744073709551616",
        &"9".repeat(10_000),
    ] {
        assert!(id(text).is_err(), "{text}");
    }
}

#[test]
fn an_event_is_split_into_its_name_and_arguments() {
    assert_eq!(split(r#"2["a"]"#), ("a".to_owned(), vec![]));
    assert_eq!(
        split(r#"2[ "a" , 1,"2" ,{"3":[false]} ]"#),
        ("a".to_owned(), vec!["1", r#""2""#, r#"{"3":[false]}"#])
    );
    assert_eq!(split(r#"2["",null]"#), (String::new(), vec!["null"]));
    assert_eq!(split("2[7,8]"), ("7".to_owned(), vec!["8"]));
    assert_eq!(split("2[-1.5e3 ]"), ("-1.5e3".to_owned(), vec![]));
    let proto = split(r#"2["__proto__",{}]"#);
    assert_eq!(proto, ("__proto__".to_owned(), vec!["{}"]));
}

#[test]
fn escapes_in_a_name_are_read_and_lone_surrogates_left() {
    let name = |text: &str| split(text).0;
    assert_eq!(name(r#"2["a\"\\\u00e9\ud83d\ude00]"]"#), "a\"\\é😀]");
    assert_eq!(name(r#"2["\\"]"#), "\\");
    assert_eq!(name(r#"2["a\ud800"]"#), r"a\ud800");
    // In an argument nobody has looked at them yet.
    assert_eq!(split(r#"2["a","\ud800"]"#).1, [r#""\ud800""#]);
}

#[test]
fn there_is_an_end_to_arguments() {
    let event = |count: usize| format!("2[\"a\"{}]", ",1".repeat(count));
    assert_eq!(split(&event(ARGUMENTS_MAX)).1.len(), ARGUMENTS_MAX);
    let text = event(ARGUMENTS_MAX + 1);
    let packet = Packet::parse(&text).expect("a packet");
    assert!(arguments(packet.data.expect("a payload")).is_err());
}

#[test]
fn an_array_that_is_no_event_is_not_split() {
    for text in ["[]", "{}", "[null]", r#"["connect"]"#, "3"] {
        let data = RawValue::from_string(text.to_owned()).expect("JSON");
        assert!(arguments(&data).is_err(), "{text}");
    }
}

#[test]
fn depth_is_no_danger() {
    let depth = 1_000_000;
    let deep = format!("2[\"a\",{}{}]", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(split(&deep).1[0].len(), 2 * depth);
    assert!(Packet::parse(&format!("2{}", "[".repeat(depth))).is_err());
}

#[test]
fn packets_are_written_as_the_specification_says() {
    let sid = json!({"sid": "x"});
    assert_eq!(connect(MAIN, &sid), r#"40{"sid":"x"}"#);
    assert_eq!(connect("/custom", &sid), r#"40/custom,{"sid":"x"}"#);
    let refusal = json!({"message": "Invalid namespace"});
    assert_eq!(
        connect_error("/random", &refusal),
        r#"44/random,{"message":"Invalid namespace"}"#
    );
    assert_eq!(event(MAIN, 0, None, r#"["foo"]"#), r#"42["foo"]"#);
    assert_eq!(event(MAIN, 0, Some(12), r#"["foo"]"#), r#"4212["foo"]"#);
    assert_eq!(event("/custom", 2, Some(7), "[…]"), "452-/custom,7[…]");
    assert_eq!(ack(MAIN, 0, 456, "[]"), "43456[]");
    assert_eq!(ack("/admin", 0, 13, r#"["bar"]"#), r#"43/admin,13["bar"]"#);
    assert_eq!(ack(MAIN, 2, 789, "[…]"), "462-789[…]");
}

fn namespaces() -> impl Strategy<Value = String> {
    prop_oneof![Just(MAIN.to_owned()), "/[^,]{1,12}"]
}

/// Texts that look like packets, and some that are.
fn nearly() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,60}",
        r#"[0-6]([0-9]{0,3}-)?(/[a-z]{0,3},?)?[0-9]{0,17}[\[{]?["a-z\\u0-9d,:\]}{\[ ]{0,40}[\]}]?"#,
        r#"[256](1-)?[0-9]{0,2}\[("([a-z]|\\u[0-9a-f]{4}|\\[n"\\]){0,9}"|-?[1-9])(, ?([1-9]|"x"|\{\}))*\]"#,
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        namespace in namespaces(),
        attachments in 0usize..5,
        id in prop::option::of(0..=ID_MAX),
        name in "\\PC{0,20}",
        rest in prop::collection::vec("\\PC{0,9}", 0..5),
    ) {
        prop_assume!(!RESERVED.contains(&name.as_str()));
        let array: Vec<&str> = std::iter::once(&name).chain(&rest).map(String::as_str).collect();
        let array = json!(array).to_string();
        let written = event(&namespace, attachments, id, &array);
        let text = std::str::from_utf8(&written).unwrap().strip_prefix('4').unwrap();
        let kind = if attachments > 0 { Kind::BinaryEvent } else { Kind::Event };
        let expected = (kind, namespace.as_str(), id, attachments, Some(array.as_str()));
        prop_assert_eq!(parts(text), Some(expected));
        let read = split(text);
        prop_assert_eq!(&read.0, &name);
        let texts = rest.iter().map(|text| json!(text).to_string());
        prop_assert_eq!(read.1, texts.collect::<Vec<_>>());

        let written = ack(&namespace, attachments, id.unwrap_or(0), &array);
        let text = std::str::from_utf8(&written).unwrap().strip_prefix('4').unwrap();
        let kind = if attachments > 0 { Kind::BinaryAck } else { Kind::Ack };
        let id = Some(id.unwrap_or(0));
        let expected = (kind, namespace.as_str(), id, attachments, Some(array.as_str()));
        prop_assert_eq!(parts(text), Some(expected));

        let written = connect(&namespace, &json!({"sid": name}));
        let text = std::str::from_utf8(&written).unwrap().strip_prefix('4').unwrap();
        let data = json!({"sid": name}).to_string();
        let expected = (Kind::Connect, namespace.as_str(), None, 0, Some(data.as_str()));
        prop_assert_eq!(parts(text), Some(expected));
    }

    /// A packet points into its text. Split, it owns its name at most, and the list of arguments.
    #[test]
    fn no_text_makes_it_panic_or_allocate_without_bound(text in nearly()) {
        if let Ok(packet) = Packet::parse(&text) {
            prop_assert_eq!(packet.attachments > 0, packet.kind.is_binary());
            prop_assert!(packet.namespace.starts_with('/'));
            let Some(data) = packet.data else { return Ok(()) };
            if let Ok(Arguments { name, rest }) = arguments(data) {
                let owned = match name {
                    Cow::Owned(name) => name.capacity(),
                    Cow::Borrowed(_) => 0,
                };
                prop_assert!(owned <= 2 * text.len(), "{owned} bytes for {}", text.len());
                // Two bytes make an argument; a list may grow to twice its length.
                prop_assert!(rest.capacity() <= 2 + text.len());
            }
        }
    }

    /// Whoever can be split is whoever may pass.
    #[test]
    fn every_event_that_passes_can_be_split_as_json_says(text in nearly()) {
        let Ok(packet) = Packet::parse(&text) else { return Ok(()) };
        if !matches!(packet.kind, Kind::Event | Kind::BinaryEvent) {
            return Ok(());
        }
        let data = packet.data.expect("a payload");
        let split = arguments(data).expect("arguments");
        if let Ok(Value::Array(values)) = serde_json::from_str(data.get()) {
            prop_assert_eq!(values.len(), split.rest.len() + 1);
            if let Value::String(name) = &values[0] {
                prop_assert_eq!(split.name.as_ref(), name);
            }
        }
    }
}
