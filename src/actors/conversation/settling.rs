//! From a send to what both people are told: takes what is to be written, hands batches to the
//! journal, and publishes what was committed.

use std::sync::Arc;
use std::time::Instant;

use entities::ids::{Seq, UserId};
use ractor::ActorRef;
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::leftovers::Told;
use super::marks::{Move, OwnSends, Read};
use super::publication::{Publication, Published, encode, updated};
use super::room::{Fate, Room};
use super::suspects::{Standing, Suspect};
use super::timeline::{BatchLimits, Verdict};
use super::{Asker, Context, ConversationMsg};
use crate::actors::journal::{JournalMsg, Outcome};
use crate::actors::session::outbox::MergeKey;
use crate::actors::session::{Answered, SessionMsg};
use crate::actors::{Ask, refusal, tell, wall_clock};
use crate::error::ChatError;
#[cfg(feature = "faults")]
use crate::faults::Fault;
use crate::store::{self, Append, MarksRow, Message};
use crate::wire::command::Draft;
use crate::wire::event::{Event, MessagesDelivered, MessagesRead};
use crate::wire::reply::{ReadMark, Sent};
use crate::wire::view::Timestamp;

/// A batch that is on disk: who is to hear of it.
pub(super) struct News {
    answers: Vec<(Asker, Verdict)>,
    moves: [Move; 2],
    reads: Vec<Read<Ask<ReadMark>>>,
}

impl Room {
    pub(super) fn send(&mut self, by: UserId, draft: Draft, mut asker: Asker) {
        self.tally.send();
        if let Err(refusal) = self.side(by) {
            return asker.ask.answer(Err(refusal));
        }
        // Whatever is under way already has room too.
        let under_way = self.neighbours.limits.sends_max as i64;
        if self.timeline.head().0 > Seq::MAX.0 - under_way {
            let full = ChatError::Forbidden("This conversation is full.");
            return asker.ask.answer(Err(full));
        }
        match self.suspects.standing(by, &draft) {
            Standing::Clear => {}
            Standing::Suspected => asker.ask = asker.ask.or_lost(ChatError::Internal),
            Standing::Guilty => return asker.ask.answer(Err(ChatError::Internal)),
        }
        self.in_hand = Some(Suspect::new(by, &draft));
        #[cfg(feature = "faults")]
        crate::faults::may_panic("conversation.send", &draft.content);
        if let Some((asker, verdict)) = self.timeline.ask(by, draft, asker) {
            self.tally.judged(&verdict);
            let context = self.context();
            asker
                .ask
                .answer(judged(&verdict, |message| encode(message, &context)));
        }
    }

    /// Hands what waits to the journal, unless a batch is out.
    pub(super) fn hand_over(&mut self, myself: &ActorRef<ConversationMsg>) {
        if !self.out {
            self.tally.tell();
        }
        self.tally.lines_up(self.timeline.in_line());
        let only_deliveries = self.timeline.is_quiet() && !self.marks.has_reads();
        let nothing = only_deliveries && (self.stalled || self.marks.is_quiet());
        if self.out || nothing {
            return;
        }
        let now = wall_clock();
        let limits = BatchLimits {
            messages_max: self.neighbours.limits.batch_max,
            bytes: self.neighbours.limits.batch_bytes,
        };
        let messages = self.timeline.number(limits, now);
        let moves = self.marks.propose(self.own_sends(&messages));
        if messages.is_empty() && !moves.iter().any(Move::is_some) {
            // Reads that move nothing: there is nothing to write and nothing to tell.
            let (_, reads) = self.marks.committed();
            return self.answer_reads(reads, Timestamp(now));
        }
        let append = Box::new(Append {
            conversation: self.id,
            marks: self.marks_rows(&messages, moves),
            messages,
        });
        let from = myself.clone();
        tell(
            &self.neighbours.journal,
            JournalMsg::Append { append, from },
        );
        self.out = true;
    }

    /// The rows of those whose place changes: both when something is said, else whoever moves.
    fn marks_rows(&self, messages: &[Arc<Message>], moves: [Move; 2]) -> SmallVec<[MarksRow; 2]> {
        let (head, active_at) = match messages.last() {
            Some(last) => (last.seq, last.created_at),
            None => (self.timeline.head(), self.active_at()),
        };
        let both = self.pair.both();
        let changed = |side: &usize| !messages.is_empty() || moves[*side].is_some();
        let row = |side: usize| MarksRow {
            marks: store::Marks {
                user: both[side],
                head,
                read: moves[side].to.read,
                delivered: moves[side].to.delivered,
                active_at,
            },
            other: both[1 - side],
        };
        [0, 1].into_iter().filter(changed).map(row).collect()
    }

    pub(super) fn own_sends(&self, messages: &[Arc<Message>]) -> [OwnSends; 2] {
        let mut sent = [OwnSends::default(); 2];
        for message in messages {
            let side = usize::from(message.sender == self.pair.high);
            sent[side].count += 1;
            sent[side].last = message.seq;
        }
        sent
    }

    pub(super) fn settle(&mut self, myself: &ActorRef<ConversationMsg>, outcome: Outcome) -> Fate {
        self.out = false;
        match outcome {
            Outcome::Committed => {
                self.stalled = false;
                let answers = self.timeline.committed();
                let (moves, reads) = self.marks.committed();
                self.news = Some(News {
                    answers,
                    moves,
                    reads,
                });
                // First the next batch, so that the disk never waits; then the news.
                self.hand_over(myself);
                if !self.out {
                    self.tell_news();
                }
            }
            Outcome::Clashed(stored) if stored.is_empty() => return Fate::IsUnsure,
            Outcome::Clashed(stored) => {
                self.marks.returned();
                let answers = self.timeline.clashed(stored);
                self.hand_over(myself);
                self.answer_sends(answers);
            }
            Outcome::Refused(error) => {
                self.stalled = true;
                let refusal = refusal(&error);
                for asker in self.timeline.refused() {
                    asker.ask.answer(Err(refusal.clone()));
                }
                for read in self.marks.refused() {
                    read.reply.answer(Err(refusal.clone()));
                }
                self.hand_over(myself);
            }
            Outcome::Unknown => {
                for asker in self.timeline.refused() {
                    asker.ask.answer(Err(ChatError::Overloaded));
                }
                return Fate::IsUnsure;
            }
        }
        Fate::GoesOn
    }

    // The news.

    /// Whether something waits to be told, behind the next batch.
    pub(super) fn has_news(&self) -> bool {
        self.news.is_some()
    }

    pub(super) fn tell_news(&mut self) {
        if let Some(news) = self.news.take() {
            self.publish(news);
        }
    }

    fn publish(
        &mut self,
        News {
            answers,
            moves,
            reads,
        }: News,
    ) {
        let context = self.context();
        let now = Instant::now();
        let sent = answers
            .iter()
            .map(|(asker, verdict)| (asker.since, verdict));
        let clock = self.neighbours.directory.millis(now);
        self.tally.committed(sent, now, clock);
        self.tally.moved(&moves);
        let mut published = Vec::with_capacity(answers.len());
        let mut last = None;
        let mut senders = [false; 2];
        let mut through_sessions = Vec::new();
        for (Asker { ask, session, .. }, verdict) in answers {
            if let Verdict::Stored(message) = &verdict {
                self.in_hand = Some(Suspect::from(&**message));
                #[cfg(feature = "faults")]
                crate::faults::may_panic("conversation.news", &message.content);
                let encoded = encode(message, &context);
                published.push(Published::new(message, &encoded));
                senders[usize::from(message.sender == self.pair.high)] = true;
                last = Some(Arc::clone(&encoded));
                let sent = Sent {
                    message: encoded,
                    fresh: true,
                };
                match session {
                    Some(session) => through_sessions.push(Answered { ask, sent, session }),
                    None => ask.answer(Ok(sent)),
                }
            } else {
                ask.answer(judged(&verdict, |message| encode(message, &context)));
            }
        }
        self.in_hand = None;
        let read_at = Timestamp(wall_clock());
        self.answer_reads(reads, read_at);
        for side in [0, 1] {
            if senders[side] {
                self.stop_typing(side);
            }
        }
        #[cfg(feature = "faults")]
        if published.len() > 1 && crate::faults::at("conversation.order", "").is_some() {
            published.swap(0, 1);
        }
        self.tell(published, last, through_sessions, moves, read_at);
    }

    /// Tells the sessions of both what is on disk by now: messages, the last of them encoded, and
    /// how positions moved. They are told once; what may have been told is not repeated, even if
    /// this panics half-way.
    pub(super) fn tell(
        &mut self,
        published: Vec<Published>,
        last: Option<Arc<RawValue>>,
        answers: Vec<Answered>,
        moves: [Move; 2],
        read_at: Timestamp,
    ) {
        self.told = Told {
            head: self.timeline.head(),
            marks: [self.marks.at(0), self.marks.at(1)],
        };
        let unread = [self.unread(0), self.unread(1)];
        let count_moved = moves.map(|moved| moved.passes);
        if let Some(last) = last {
            let news = Publication::new(self.id, self.pair, published, last, unread, count_moved);
            self.tell_published(&Arc::new(news), answers);
        } else {
            self.tell_own_counts(count_moved, unread, &self.context());
        }
        self.tell_moves(moves, read_at);
    }

    /// Tells the sessions of both. Each hands on the answers to what it asked itself.
    fn tell_published(&self, news: &Arc<Publication>, mut answers: Vec<Answered>) {
        for user in self.pair.both() {
            for session in self.neighbours.directory.sessions(user) {
                #[cfg(feature = "faults")]
                match crate::faults::at("conversation.publish", &user.0.to_string()) {
                    Some(Fault::Drop) => continue,
                    Some(Fault::Double) => tell(
                        &session,
                        SessionMsg::Published {
                            answers: Vec::new(),
                            news: Arc::clone(news),
                        },
                    ),
                    _ => {}
                }
                let asked = |answered: &mut Answered| answered.session == session.get_id();
                let published = SessionMsg::Published {
                    answers: answers.extract_if(.., asked).collect(),
                    news: Arc::clone(news),
                };
                tell(&session, published);
            }
        }
        // Of sessions that are no more, whose sockets may not know it yet.
        for Answered { ask, sent, .. } in answers {
            ask.answer(Ok(sent));
        }
    }

    /// Tells each person's own sessions that a read of theirs has changed what is unread.
    fn tell_own_counts(&self, count_moved: [bool; 2], unread: [i64; 2], context: &Context) {
        for side in [0, 1] {
            if !count_moved[side] {
                continue;
            }
            let newest = self.timeline.newest(context.head, 1).unwrap_or_default();
            let last = newest.first().map(|message| encode(message, context));
            let event = Arc::new(updated(self.id, last.as_deref(), unread[side]));
            self.notify(side, &event, MergeKey::Updated(self.id));
        }
    }

    /// Tells the other how far each has read and received.
    fn tell_moves(&self, moves: [Move; 2], read_at: Timestamp) {
        for (side, moved) in moves.into_iter().enumerate() {
            let user_id = self.pair.both()[side];
            if moved.passes {
                let last_read_seq = moved.to.read;
                #[cfg(feature = "faults")]
                let last_read_seq = match crate::faults::at("conversation.moved", "") {
                    Some(_) => Seq(moved.from.read.0 - 1),
                    None => last_read_seq,
                };
                let payload = MessagesRead {
                    conversation_id: self.id,
                    user_id,
                    last_read_seq,
                    read_at,
                };
                let event = Arc::new(Event::new(&payload));
                self.notify(1 - side, &event, MergeKey::Read(self.id, user_id));
            }
            if let Some(last_delivered_seq) = moved.newly_delivered() {
                let payload = MessagesDelivered {
                    conversation_id: self.id,
                    user_id,
                    last_delivered_seq,
                };
                let event = Arc::new(Event::new(&payload));
                self.notify(1 - side, &event, MergeKey::Delivered(self.id, user_id));
            }
        }
    }

    fn answer_sends(&mut self, answers: Vec<(Asker, Verdict)>) {
        let context = self.context();
        for (asker, verdict) in answers {
            self.tally.judged(&verdict);
            asker
                .ask
                .answer(judged(&verdict, |message| encode(message, &context)));
        }
    }

    fn answer_reads(&self, reads: Vec<Read<Ask<ReadMark>>>, read_at: Timestamp) {
        for Read { side, reply, .. } in reads {
            reply.answer(Ok(ReadMark {
                conversation_id: self.id,
                last_read_seq: self.marks.at(side).read,
                unread_count: self.unread(side),
                read_at,
            }));
        }
    }
}

/// What a send is answered.
pub(super) fn judged(
    verdict: &Verdict,
    encode: impl FnOnce(&Message) -> Arc<RawValue>,
) -> Result<Sent, ChatError> {
    let (message, fresh) = match verdict {
        Verdict::Stored(message) => (message, true),
        Verdict::Known(message) => (message, false),
        Verdict::Clash => {
            let why = "This client_message_id was used for another content.";
            return Err(ChatError::Conflict(why));
        }
    };
    let message = encode(message);
    Ok(Sent { message, fresh })
}
