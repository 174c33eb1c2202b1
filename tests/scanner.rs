//! Does the load generator read what servers tell? What its checker judges comes through this scanner.

#[path = "../benches/load/scan.rs"]
mod scan;

use scan::{Frame, Message};

/// The message of every sound text below.
const EXPECTED: Message<'_> = Message {
    id: 12,
    seq: 3,
    sender_id: 7,
    conversation_id: 5,
    content: br#"a \"seq\":9} {"#,
    client_message_id: b"a-00000001",
};

fn failure(id: Option<u64>, code: &[u8]) -> Frame<'_> {
    Frame::Failure { id, code }
}

#[test]
fn an_event_is_read_in_any_order_of_keys_and_with_white_space() {
    let compact = r#"{"event":"new_message","data":{"message":{"id":12,"conversation_id":5,"seq":3,"sender_id":7,"sender_name":"x","content":"a \"seq\":9} {","type":"text","client_message_id":"a-00000001","is_read":false,"created_at":"x"},"conversation_id":5}}"#;
    assert_eq!(scan::frame(compact.as_bytes()), Frame::NewMessage(EXPECTED));
    let loose = "{ \"data\" : {\n\"conversation_id\": 99, \"message\" : { \"client_message_id\": \"a-00000001\", \"tags\": [\"seq\", {\"seq\": 8}],
        \"content\": \"a \\\"seq\\\":9} {\", \"sender_id\" : 7 ,\"seq\" :3, \"id\": 12, \"conversation_id\": 5 } }, \"event\" : \"new_message\" }";
    assert_eq!(scan::frame(loose.as_bytes()), Frame::NewMessage(EXPECTED));
}

#[test]
fn replies_answers_failures_and_other_events_are_told_apart() {
    let data = r#"{"id":12,"conversation_id":5,"seq":3,"sender_id":7,"content":"a \"seq\":9} {","client_message_id":"a-00000001"}"#;
    let reply = format!(r#"{{"reply":41,"status":"success","data":{data}}}"#);
    assert_eq!(
        scan::frame(reply.as_bytes()),
        Frame::Reply {
            id: 41,
            message: EXPECTED
        }
    );
    let answer = format!(r#"{{"status":"success","data":{data}}}"#);
    assert_eq!(scan::answer(answer.as_bytes()), Some(EXPECTED));
    let refused = br#"{"reply":41,"status":"error","code":"rate_limited","message":"Too fast."}"#;
    assert_eq!(scan::frame(refused), failure(Some(41), b"rate_limited"));
    assert_eq!(
        scan::frame(br#"{"event":"error","data":{"code":"x","message":"y"}}"#),
        failure(None, b"x")
    );
    assert_eq!(
        scan::frame(br#"{"event":"messages_read","data":{"last_read_seq":3}}"#),
        Frame::Other
    );
}

#[test]
fn an_event_of_socketio_is_read_with_and_without_its_offset() {
    let message = r#"{"id":12,"conversation_id":5,"seq":3,"sender_id":7,"content":"a \"seq\":9} {","client_message_id":"a-00000001"}"#;
    for text in [
        format!(r#"42["new_message",{{"message":{message},"conversation_id":99}},"817"]"#),
        format!(r#"42["new_message",{{"conversation_id":99,"message":{message}}}]"#),
        format!("42[ \"new_message\" ,\n{{ \"message\" : {message} }} , \"seq\" ]"),
    ] {
        assert_eq!(
            scan::packet(text.as_bytes()),
            Frame::NewMessage(EXPECTED),
            "{text}"
        );
    }
}

#[test]
fn the_packets_of_socketio_are_told_apart() {
    let data = r#"{"id":12,"conversation_id":5,"seq":3,"sender_id":7,"content":"a \"seq\":9} {","client_message_id":"a-00000001"}"#;
    let answer = format!(r#"43100000041[{{"status":"success","data":{data}}}]"#);
    let reply = Frame::Reply {
        id: 100_000_041,
        message: EXPECTED,
    };
    assert_eq!(scan::packet(answer.as_bytes()), reply);
    let table: &[(&str, Frame<'_>)] = &[
        ("2", Frame::Ping),
        ("6", Frame::Other),
        ("1", Frame::Goodbye),
        ("41", Frame::Goodbye),
        (
            r#"42["messages_read",{"last_read_seq":3},"9"]"#,
            Frame::Other,
        ),
        (
            r#"42["error",{"code":"x","message":"new_message"}]"#,
            failure(None, b"x"),
        ),
        (
            r#"437[{"status":"error","code":"conflict","message":"No."}]"#,
            failure(Some(7), b"conflict"),
        ),
        ("437[]", failure(Some(7), b"")),
        (r#"44{"message":"No."}"#, failure(None, b"")),
    ];
    for (text, frame) in table {
        assert_eq!(scan::packet(text.as_bytes()), *frame, "{text}");
    }
}

#[test]
fn who_types_is_told_by_both_dialects() {
    for on in [true, false] {
        let data = format!(
            r#"{{"conversationId":5,"user":{{"id":7,"name":"x","isTyping":null}},"isTyping":{on}}}"#
        );
        let frame = format!(r#"{{"event":"user_typing","data":{data}}}"#);
        assert_eq!(scan::frame(frame.as_bytes()), Frame::Typing { on });
        for offset in ["", r#","9""#] {
            let packet = format!(r#"42["user_typing",{data}{offset}]"#);
            assert_eq!(scan::packet(packet.as_bytes()), Frame::Typing { on });
        }
    }
    let untold = br#"{"event":"user_typing","data":{"conversationId":5}}"#;
    assert_eq!(scan::frame(untold), Frame::Unreadable);
}

#[test]
fn a_command_that_comes_back_answers_itself() {
    let sent = br#"{"event":"send_message","data":{"conversationId":5,"content":"a-00000041xyz"},"id":100000041}"#;
    let Frame::Reply { id, message } = scan::echo(sent) else {
        panic!("not a reply");
    };
    assert_eq!((id, message.content), (100_000_041, &b"a-00000041xyz"[..]));
    // An id inside the data is not the command's, and what is cut off is no command.
    assert_eq!(scan::echo(br#"{"data":{"id":7}}"#), Frame::Unreadable);
    assert_eq!(scan::echo(&sent[..sent.len() - 1]), Frame::Unreadable);
}

#[test]
fn a_packet_that_is_cut_off_is_unreadable() {
    for whole in [
        r#"42["new_message",{"message":{"id":1,"content":"a\"b"}},"9"]"#,
        r#"437[{"status":"success","data":{"id":1}}]"#,
    ] {
        for end in 2..whole.len() {
            assert_eq!(
                scan::packet(&whole.as_bytes()[..end]),
                Frame::Unreadable,
                "{end}"
            );
        }
    }
    for text in [
        "",
        "4",
        "42",
        "42{}",
        "42[]",
        "42[7]",
        "43[]",
        r#"40{"sid":"x"}"#,
        "451-[]",
        "3",
    ] {
        assert_eq!(scan::packet(text.as_bytes()), Frame::Unreadable, "{text}");
    }
}

#[test]
fn text_that_is_cut_off_is_unreadable() {
    let whole = br#"{"event":"new_message","data":{"message":{"id":1,"content":"a\"b"}}}"#;
    for end in 0..whole.len() {
        assert_eq!(scan::frame(&whole[..end]), Frame::Unreadable, "{end}");
    }
    assert_eq!(scan::frame(b"{\"event\":\"x\\"), Frame::Unreadable);
    assert_eq!(scan::frame(br#"{"some":"thing"}"#), Frame::Unreadable);
    assert_eq!(scan::answer(b"}"), None);
}
