//! Finds fields in JSON without building a tree: one pass, no allocation, any order of keys and any white space.
//! The generator shares its cores with the server, so what it spends on parsing is taken from the figure.

/// The fields of a message, as they stand in the text. Ids count from 1, so 0 says that a field was not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    pub(crate) id: u64,
    pub(crate) seq: u64,
    pub(crate) sender_id: u64,
    pub(crate) conversation_id: u64,
    pub(crate) content: &'a [u8],
    pub(crate) client_message_id: &'a [u8],
}

/// What a frame of a socket says, as far as the generator cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// The answer to the command that had this `id`.
    Reply {
        id: u64,
        message: Message<'a>,
    },
    NewMessage(Message<'a>),
    /// Somebody began to type, or ended it.
    Typing {
        on: bool,
    },
    /// Any other event.
    Other,
    /// An `error` event, or a reply that is not a success: with the `id` of its command, if it has one, and its code.
    Failure {
        id: Option<u64>,
        code: &'a [u8],
    },
    /// A ping of Engine.IO, which wants a pong.
    Ping,
    /// The server ends the connection by a packet.
    Goodbye,
    /// Not JSON, or neither event nor reply.
    Unreadable,
}

/// Reads a frame of `/ws`.
pub(crate) fn frame(text: &[u8]) -> Frame<'_> {
    let (mut event, mut reply, mut status): (&[u8], &[u8], &[u8]) = (b"", b"", b"");
    let (mut data, mut inner) = (Message::default(), Message::default());
    let (mut on, mut code): (&[u8], &[u8]) = (b"", b"");
    let walked = walk(text, |depth, key, value| match (depth, key) {
        (1, b"event") => event = value,
        (1, b"reply") => reply = value,
        (1, b"status") => status = value,
        (1 | 2, b"code") => code = value,
        (2, b"isTyping") => on = value,
        (2, _) => data.take(key, value),
        (3, _) => inner.take(key, value),
        _ => {}
    });
    match (walked, event, status) {
        (None, ..) => Frame::Unreadable,
        (_, b"new_message", _) => Frame::NewMessage(inner),
        (_, b"user_typing", _) => typing(on),
        (_, b"error", _) => Frame::Failure { id: None, code },
        (_, b"", b"success") if !reply.is_empty() => Frame::Reply {
            id: number(reply),
            message: data,
        },
        (_, b"", _) if !reply.is_empty() => Frame::Failure {
            id: Some(number(reply)),
            code,
        },
        (_, b"", _) => Frame::Unreadable,
        _ => Frame::Other,
    }
}

fn typing(on: &[u8]) -> Frame<'_> {
    match on {
        b"true" => Frame::Typing { on: true },
        b"false" => Frame::Typing { on: false },
        _ => Frame::Unreadable,
    }
}

/// Reads a command of `/ws` that comes back as it was sent. The whole of it is walked, as an answer's would be.
pub(crate) fn echo(text: &[u8]) -> Frame<'_> {
    let (mut id, mut message): (&[u8], _) = (b"", Message::default());
    let walked = walk(text, |depth, key, value| match (depth, key) {
        (1, b"id") => id = value,
        (2, _) => message.take(key, value),
        _ => {}
    });
    match (walked, id) {
        (None, _) | (_, b"") => Frame::Unreadable,
        _ => Frame::Reply {
            id: number(id),
            message,
        },
    }
}

/// Reads a frame of Socket.IO in the main namespace, the digits of Engine.IO and of its own in front.
pub(crate) fn packet(text: &[u8]) -> Frame<'_> {
    match text {
        b"2" => Frame::Ping,
        b"6" => Frame::Other,
        b"1" | b"41" => Frame::Goodbye,
        [b'4', b'2', array @ ..] => event(array),
        [b'4', b'3', answer @ ..] => acknowledgement(answer),
        [b'4', b'4', ..] => Frame::Failure {
            id: None,
            code: b"",
        },
        _ => Frame::Unreadable,
    }
}

/// `["new_message",{"message":{…},…},…]`
fn event(array: &[u8]) -> Frame<'_> {
    let mut message = Message::default();
    let (mut on, mut code): (&[u8], &[u8]) = (b"", b"");
    let walked = walk(array, |depth, key, value| match (depth, key) {
        (2, b"isTyping") => on = value,
        (2, b"code") => code = value,
        (3, _) => message.take(key, value),
        _ => {}
    });
    match walked.and_then(|()| first_text(array)) {
        None => Frame::Unreadable,
        Some(b"new_message") => Frame::NewMessage(message),
        Some(b"user_typing") => typing(on),
        Some(b"error") => Frame::Failure { id: None, code },
        Some(_) => Frame::Other,
    }
}

/// `7[{"status":"success","data":{…}}]`
fn acknowledgement(text: &[u8]) -> Frame<'_> {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (id, array) = text.split_at(digits);
    let mut message = Message::default();
    let (mut status, mut code): (&[u8], &[u8]) = (b"", b"");
    let walked = walk(array, |depth, key, value| match (depth, key) {
        (2, b"status") => status = value,
        (2, b"code") => code = value,
        (3, _) => message.take(key, value),
        _ => {}
    });
    match (walked, id, status) {
        (None, ..) | (_, b"", _) => Frame::Unreadable,
        (_, _, b"success") => Frame::Reply {
            id: number(id),
            message,
        },
        _ => Frame::Failure {
            id: Some(number(id)),
            code,
        },
    }
}

/// The text that an array begins with, as it stands between the quotes.
fn first_text(array: &[u8]) -> Option<&[u8]> {
    let array = array.strip_prefix(b"[")?;
    let quote = skip_space(array, 0);
    let quoted = array.get(quote..)?.strip_prefix(b"\"")?;
    Some(&quoted[..closing_quote(quoted, 0)?])
}

/// Reads the message out of a REST answer; `None` when it is not JSON.
pub(crate) fn answer(text: &[u8]) -> Option<Message<'_>> {
    let mut data = Message::default();
    walk(text, |depth, key, value| {
        if depth == 2 {
            data.take(key, value);
        }
    })?;
    Some(data)
}

impl<'a> Message<'a> {
    fn take(&mut self, key: &[u8], value: &'a [u8]) {
        match key {
            b"id" => self.id = number(value),
            b"seq" => self.seq = number(value),
            b"sender_id" => self.sender_id = number(value),
            b"conversation_id" => self.conversation_id = number(value),
            b"content" => self.content = value,
            b"client_message_id" => self.client_message_id = value,
            _ => {}
        }
    }
}

/// Tells every scalar member with its depth, its key and its value (strings as they stand between the quotes).
/// `None` when brackets or quotes do not close.
fn walk<'a>(text: &'a [u8], mut told: impl FnMut(usize, &'a [u8], &'a [u8])) -> Option<()> {
    let (mut depth, mut at) = (0_usize, 0);
    let mut key: Option<&[u8]> = None;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                key = None;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            b'"' => {
                let end = closing_quote(text, at + 1)?;
                let string = &text[at + 1..end];
                at = skip_space(text, end + 1);
                if text.get(at) == Some(&b':') {
                    key = Some(string);
                    at += 1;
                } else if let Some(key) = key.take() {
                    told(depth, key, string);
                }
            }
            b',' | b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            _ => {
                let rest = &text[at + 1..];
                let length = rest
                    .iter()
                    .position(|b| matches!(b, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n'))?;
                let end = at + 1 + length;
                if let Some(key) = key.take() {
                    told(depth, key, &text[at..end]);
                }
                at = end;
            }
        }
    }
    (depth == 0 && at > 0).then_some(())
}

fn closing_quote(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += text
            .get(at..)?
            .iter()
            .position(|&b| b == b'"' || b == b'\\')?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2; // a backslash and what it escapes
    }
}

fn skip_space(text: &[u8], from: usize) -> usize {
    let space = |b: &&u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
    from + text[from..].iter().take_while(space).count()
}

/// A count in decimal digits; 0 for anything else.
fn number(digits: &[u8]) -> u64 {
    digits
        .iter()
        .try_fold(0_u64, |sum, &b| {
            let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
            sum.checked_mul(10)?.checked_add(digit)
        })
        .unwrap_or(0)
}
