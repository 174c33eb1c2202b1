//! What is sent, and how it is recognised again. A message is told by its tag, `a-00000042`: which of the two people of
//! its conversation sent it, and its number, which no other message has. The tag is the `client_message_id`, and the
//! content starts with it.

use std::sync::Arc;

use anyhow::{Result, bail, ensure};

use crate::check::Record;
use crate::people::Couple;
use crate::scan::Message;

const DIGITS: usize = 8;
const TAG_BYTES: usize = 2 + DIGITS;
/// Stands in a template where the number comes.
const BLANK: &str = "########";
/// Ids of commands are numbers, which may not start with a zero: this goes in front of the eight digits.
const COMMAND_ID_BASE: u64 = 100_000_000;

/// How many messages can be told apart.
pub(crate) const NUMBERS: u32 = 10_u32.pow(DIGITS as u32);

/// One person's place in one conversation. Lists that hold something for everybody are in the order of the seats: both
/// of the first conversation, both of the second, and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat(u32);

impl Seat {
    /// `person` is 0 or 1; conversations are counted by the generator, from 0.
    pub(crate) fn new(conversation: usize, person: usize) -> Self {
        Self((2 * conversation + person) as u32)
    }

    pub(crate) fn of_index(index: usize) -> Self {
        Self(index as u32)
    }

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) fn conversation(self) -> usize {
        self.index() / 2
    }

    pub(crate) fn person(self) -> usize {
        self.index() % 2
    }
}

/// A message to be sent: who says it where, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) seat: Seat,
    pub(crate) number: u32,
}

/// A text with blanks for the number, filled in place: a send costs no formatting.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    blanks: Vec<usize>,
}

impl Template {
    fn new(text: String) -> Self {
        let blanks = text.match_indices(BLANK).map(|(at, _)| at).collect();
        Self {
            bytes: text.into_bytes(),
            blanks,
        }
    }

    /// The text with `number` in it, for as long as nobody fills in another.
    pub(crate) fn fill(&mut self, number: u32) -> &[u8] {
        Self::write(&mut self.bytes, &self.blanks, number);
        &self.bytes
    }

    /// The same in a buffer of the caller's, for a text that many share.
    pub(crate) fn fill_into(&self, number: u32, buffer: &mut Vec<u8>) {
        buffer.clear();
        buffer.extend_from_slice(&self.bytes);
        Self::write(buffer, &self.blanks, number);
    }

    fn write(bytes: &mut [u8], blanks: &[usize], number: u32) {
        let mut digits = [b'0'; DIGITS];
        let mut rest = number;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        for &at in blanks {
            bytes[at..at + DIGITS].copy_from_slice(&digits);
        }
    }
}

/// One conversation's messages: who sends them, and what they look like.
#[derive(Clone, Debug)]
pub(crate) struct Cast {
    /// The two people's user ids.
    pub(crate) people: [u64; 2],
    pub(crate) conversation: u64,
    filler: Arc<str>,
}

impl Cast {
    /// For each of `couples`: messages of `size` bytes of content.
    pub(crate) fn of_all(couples: &[Couple], size: usize) -> Arc<[Self]> {
        let filler = ('a'..='z').cycle().take(size.saturating_sub(TAG_BYTES));
        let filler: Arc<str> = filler.collect::<String>().into();
        let cast = |couple: &Couple| Self {
            people: [couple.people[0].id, couple.people[1].id],
            conversation: couple.conversation,
            filler: Arc::clone(&filler),
        };
        couples.iter().map(cast).collect()
    }

    fn tag(sender: u8) -> String {
        format!("{}-{BLANK}", char::from(b'a' + sender))
    }

    /// A send as a whole HTTP request: one write.
    pub(crate) fn request(&self, sender: u8, host: &str, token: &str) -> Template {
        let (
            tag,
            Self {
                conversation,
                filler,
                ..
            },
        ) = (Self::tag(sender), self);
        let body = format!(
            r#"{{"conversation_id":{conversation},"content":"{tag}{filler}","type":"text","client_message_id":"{tag}"}}"#
        );
        Template::new(format!(
            "POST /api/messages/send HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    }

    /// A send as a frame of `/ws`.
    pub(crate) fn frame(&self, sender: u8) -> Template {
        let (
            tag,
            Self {
                conversation,
                filler,
                ..
            },
        ) = (Self::tag(sender), self);
        Template::new(format!(
            r#"{{"event":"send_message","data":{{"conversationId":{conversation},"content":"{tag}{filler}","type":"text","clientMessageId":"{tag}"}},"id":1{BLANK}}}"#
        ))
    }

    /// A send as an event of Socket.IO that asks for an acknowledgement.
    pub(crate) fn packet(&self, sender: u8) -> Template {
        let (
            tag,
            Self {
                conversation,
                filler,
                ..
            },
        ) = (Self::tag(sender), self);
        Template::new(format!(
            r#"421{BLANK}["send_message",{{"conversationId":{conversation},"content":"{tag}{filler}","type":"text","clientMessageId":"{tag}"}}]"#
        ))
    }

    /// The number of the message that a command on a socket sent.
    pub(crate) fn number_of(command_id: u64) -> Option<u32> {
        u32::try_from(command_id.checked_sub(COMMAND_ID_BASE)?).ok()
    }

    /// Recognises a message; fails for one that this run cannot have sent.
    pub(crate) fn record(&self, message: &Message<'_>) -> Result<Record> {
        let tag = message.client_message_id;
        let Some((sender, number)) = parse_tag(tag) else {
            bail!("the server told a message that was never sent: {message:?}");
        };
        ensure!(
            message.seq > 0 && message.id > 0,
            "the server told a message without seq or id: {message:?}"
        );
        let (start, rest) = message
            .content
            .split_at_checked(TAG_BYTES)
            .unwrap_or_default();
        let intact = start == tag
            && rest == self.filler.as_bytes()
            && message.conversation_id == self.conversation
            && message.sender_id == self.people[usize::from(sender)];
        Ok(Record {
            sender,
            number,
            seq: message.seq,
            id: message.id,
            intact,
        })
    }
}

fn parse_tag(tag: &[u8]) -> Option<(u8, u32)> {
    let sender = match tag.first()? {
        b'a' => 0,
        b'b' => 1,
        _ => return None,
    };
    let digits = tag.get(1..)?.strip_prefix(b"-")?;
    if digits.len() != DIGITS || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some((
        sender,
        digits
            .iter()
            .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')),
    ))
}
