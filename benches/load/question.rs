//! What mode `history` asks, on either side, and whether the answers are right.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::archive::{Archive, UNREAD};
use crate::bulk;
use crate::dial::{self, Dialect, Socket};
use crate::http::{Answer, Connection, Target, refusal};
use crate::people::Person;
use crate::scan;

/// Messages of a page.
const PAGE: u64 = 50;
/// Conversations of a list: as many as the person with few has, so that both answers are of one length.
const LISTED: usize = crate::archive::FEW_CONVERSATIONS;
const READ_BUFFER_BYTES: usize = 64 * 1024;
/// Ids of sends begin here, beyond those of any message that was written beforehand.
const SENT_FROM: u64 = 1 << 31;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Newest,
    NearHead,
    Middle,
    Join,
    List,
    UnreadFew,
    UnreadAll,
    Send,
    SendOfMany,
}

/// Each with the names of its p50 and p99.
pub(crate) const QUESTIONS: &[(Question, [&str; 2])] = &[
    (
        Question::Newest,
        ["newest 50, p50, ms", "newest 50, p99, ms"],
    ),
    (
        Question::NearHead,
        [
            "after_seq near the head, p50, ms",
            "after_seq near the head, p99, ms",
        ],
    ),
    (
        Question::Middle,
        [
            "after_seq in the middle, p50, ms",
            "after_seq in the middle, p99, ms",
        ],
    ),
    (
        Question::Join,
        ["join with afterSeq, p50, ms", "join with afterSeq, p99, ms"],
    ),
    (
        Question::List,
        [
            "list, first 10 conversations, p50, ms",
            "list, first 10 conversations, p99, ms",
        ],
    ),
    (
        Question::UnreadFew,
        [
            "unread count, 5 with something, p50, ms",
            "unread count, 5 with something, p99, ms",
        ],
    ),
    (
        Question::UnreadAll,
        [
            "unread count, nothing read, p50, ms",
            "unread count, nothing read, p99, ms",
        ],
    ),
    (
        Question::Send,
        [
            "send, by length of conversation, p50, ms",
            "send, by length of conversation, p99, ms",
        ],
    ),
    (
        Question::SendOfMany,
        [
            "send, by the sender's list, p50, ms",
            "send, by the sender's list, p99, ms",
        ],
    ),
];

/// Asks one thing after the other, and keeps what is needed to judge the answers.
pub(crate) struct Asker<'a> {
    target: &'a Target,
    archive: &'a Archive,
    connection: Connection,
    socket: Option<Socket>,
    heads: [u64; 2],
    /// Last positions of the conversations in which people with few and many send.
    theirs: [u64; 2],
    sent: u64,
    size: usize,
}

impl<'a> Asker<'a> {
    pub(crate) async fn open(
        target: &'a Target,
        archive: &'a Archive,
        size: usize,
    ) -> Result<Self> {
        Ok(Self {
            target,
            archive,
            connection: Connection::open(target).await?,
            socket: None,
            heads: archive.heads,
            theirs: [1; 2],
            sent: SENT_FROM,
            size,
        })
    }

    /// Joins want a socket, which is a new one each time: to an old one everything that was sent meanwhile was told.
    pub(crate) async fn begin(&mut self, question: Question) -> Result<()> {
        if question == Question::Join {
            let token = &self.archive.reader.token;
            let open = dial::open(Dialect::Plain, self.target, token, READ_BUFFER_BYTES);
            self.socket = Some(open.await?);
        }
        Ok(())
    }

    pub(crate) async fn end(&mut self) -> Result<()> {
        if let Some(mut socket) = self.socket.take() {
            socket.close(None).await.context("a socket broke")?;
            while let Some(Ok(_)) = socket.next().await {}
        }
        Ok(())
    }

    /// From just before the question is written to the reading of its answer.
    pub(crate) async fn ask(&mut self, question: Question, side: usize) -> Result<Duration> {
        let (archive, head) = (self.archive, self.heads[side]);
        let reader = &archive.reader;
        let history = format!("/api/messages/conversation/{}", archive.conversations[side]);
        match question {
            Question::Newest => {
                let path = format!("{history}?limit={PAGE}");
                let (time, answer) = self.get(&path, reader).await?;
                let expected = (head - PAGE + 1..=head).rev();
                is_page(&answer, "/data/messages", expected)?;
                Ok(time)
            }
            Question::NearHead | Question::Middle => {
                let near = question == Question::NearHead;
                let after = if near { head - PAGE } else { head / 2 };
                let path = format!("{history}?after_seq={after}&limit={PAGE}");
                let (time, answer) = self.get(&path, reader).await?;
                is_page(&answer, "/data/messages", after + 1..=after + PAGE)?;
                Ok(time)
            }
            Question::Join => self.join(side).await,
            Question::List => {
                let path = format!("/api/conversations?limit={LISTED}");
                let (time, answer) = self.get(&path, &archive.tidy[side]).await?;
                let listed = answer
                    .pointer("/data/conversations")
                    .and_then(Value::as_array);
                let listed = listed.map_or(0, Vec::len);
                ensure!(
                    listed == LISTED,
                    "a list has {listed} conversations instead of {LISTED}"
                );
                Ok(time)
            }
            Question::UnreadFew => self.unread(&archive.tidy[side], UNREAD).await,
            Question::UnreadAll => {
                self.unread(&archive.untidy[side], archive.counts[side])
                    .await
            }
            Question::Send => {
                let (time, seq) = self.send(reader, archive.conversations[side]).await?;
                self.heads[side] += 1;
                follows(seq, self.heads[side])?;
                Ok(time)
            }
            Question::SendOfMany => {
                // One that they have read: to send is to read, and would change the count.
                let (time, seq) = self.send(&archive.tidy[side], archive.theirs[side]).await?;
                self.theirs[side] += 1;
                follows(seq, self.theirs[side])?;
                Ok(time)
            }
        }
    }

    async fn get(&mut self, path: &str, person: &Person) -> Result<(Duration, Value)> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
            self.target.host, person.token
        );
        self.exchange(path, &request).await
    }

    async fn exchange(&mut self, what: &str, request: &str) -> Result<(Duration, Value)> {
        let started = Instant::now();
        let Answer { status, body } = self.connection.exchange(request.as_bytes()).await?;
        let time = started.elapsed();
        if !(200..300).contains(&status) {
            bail!("the server refused {what}: {status} {}", refusal(body));
        }
        let answer = serde_json::from_slice(body);
        Ok((
            time,
            answer.with_context(|| format!("the answer to {what} is not JSON"))?,
        ))
    }

    async fn unread(&mut self, person: &Person, expected: usize) -> Result<Duration> {
        let (time, answer) = self.get("/api/messages/unread/count", person).await?;
        let count = answer.pointer("/data/unread_count").and_then(Value::as_u64);
        let count = count.context("an answer has no data.unread_count")?;
        ensure!(
            count == expected as u64,
            "{count} messages are unread instead of {expected}"
        );
        Ok(time)
    }

    async fn send(&mut self, person: &Person, conversation: u64) -> Result<(Duration, u64)> {
        self.sent += 1;
        let body = json!({
            "conversation_id": conversation,
            "content": bulk::content(self.sent, self.size),
            "client_message_id": bulk::client_id(conversation, self.sent),
        });
        let body = body.to_string();
        let request = format!(
            "POST /api/messages/send HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.target.host,
            person.token,
            body.len()
        );
        let (time, answer) = self.exchange("a send", &request).await?;
        let seq = answer.pointer("/data/seq").and_then(Value::as_u64);
        Ok((time, seq.context("the answer to a send has no data.seq")?))
    }

    async fn join(&mut self, side: usize) -> Result<Duration> {
        let (conversation, after) = (self.archive.conversations[side], self.heads[side] - PAGE);
        let data = json!({ "conversationId": conversation, "afterSeq": after });
        let started = Instant::now();
        let answer = self.command("join_conversation", &data).await?;
        let time = started.elapsed();
        let answer: Value = serde_json::from_str(&answer).context("a reply is not JSON")?;
        is_page(&answer, "/data/messages", after + 1..=after + PAGE)?;
        let data = json!({ "conversationId": conversation });
        self.command("leave_conversation", &data).await?;
        Ok(time)
    }

    /// Sends a command, and returns the reply to it.
    async fn command(&mut self, event: &str, data: &Value) -> Result<String> {
        let socket = self.socket.as_mut().context("there is no socket")?;
        let command = json!({ "event": event, "data": data, "id": 1 }).to_string();
        socket
            .send(Message::text(command))
            .await
            .context("a socket broke")?;
        while let Some(frame) = socket.next().await {
            let Message::Text(text) = frame.context("a socket broke")? else {
                continue; // a ping, which the library answers
            };
            match scan::frame(text.as_bytes()) {
                scan::Frame::Reply { .. } => return Ok(text.as_str().to_owned()),
                scan::Frame::Other => {}
                _ => bail!("the server refused {event}: {}", refusal(text.as_bytes())),
            }
        }
        bail!("the server closed a socket in the middle")
    }
}

/// Whether the messages of an answer are those at the `expected` positions, in that order.
fn is_page(answer: &Value, pointer: &str, expected: impl Iterator<Item = u64>) -> Result<()> {
    let messages = answer.pointer(pointer).and_then(Value::as_array);
    let messages = messages.context("an answer has no data.messages")?;
    let seqs = messages.iter().map(|message| message.get("seq")?.as_u64());
    let seqs: Option<Vec<_>> = seqs.collect();
    let expected: Vec<_> = expected.collect();
    ensure!(
        seqs.as_deref() == Some(&expected),
        "a page has the messages {seqs:?} instead of {expected:?}"
    );
    Ok(())
}

fn follows(seq: u64, expected: u64) -> Result<()> {
    ensure!(
        seq == expected,
        "a message was put at {seq} instead of {expected}"
    );
    Ok(())
}
