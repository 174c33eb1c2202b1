//! Whether a history keeps the promises of the README. Pure: it knows what was told, and when, and nothing
//! of how the server works.

use std::collections::{BTreeMap, HashMap};

use super::history::{At, Client, History, Kind, Message, Position, Sent, Session, Talk};

/// What was promised and is not so. The number is the promise's, in the README.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) promise: u8,
    pub(super) what: String,
}

/// Everything that is not as promised.
pub(super) fn judge(history: &History) -> Vec<Violation> {
    let mut verdict = Verdict::default();
    for client in &history.clients {
        for what in &client.strange {
            verdict.violated(6, format!("{} was answered {what}", client.name));
        }
    }
    for talk in &history.talks {
        let clients = history.clients.iter().filter(|one| one.chat == talk.chat);
        let clients: Vec<&Client> = clients.collect();
        let sent: Vec<&Sent> = clients.iter().flat_map(|client| &client.sent).collect();
        verdict.on_disk(talk, &sent);
        verdict.once(talk, &sent);
        verdict.in_order(talk, &sent);
        for client in &clients {
            verdict.holds_all(talk, client);
            for session in &client.sessions {
                verdict.misses_nothing(talk, client, session, &sent);
            }
        }
        verdict.positions(talk, &clients, &sent);
    }
    verdict.violations
}

#[derive(Default)]
struct Verdict {
    violations: Vec<Violation>,
}

impl Verdict {
    fn violated(&mut self, promise: u8, what: String) {
        self.violations.push(Violation { promise, what });
    }

    /// 1: what was acknowledged is there, as it was acknowledged.
    fn on_disk(&mut self, talk: &Talk, sent: &[&Sent]) {
        for (_, message) in sent.iter().flat_map(|sent| &sent.acknowledged) {
            if stored(talk, message.seq) != Some(message) {
                let there = stored(talk, message.seq);
                self.violated(
                    1,
                    format!("{message:?} was acknowledged; there is {there:?}"),
                );
            }
        }
    }

    /// 2: each key is there once, as its sender asked, and was answered with the same message always.
    fn once(&mut self, talk: &Talk, sent: &[&Sent]) {
        let asked: HashMap<&str, &Sent> = sent.iter().map(|sent| (&*sent.key, *sent)).collect();
        let mut seen: HashMap<&str, i64> = HashMap::new();
        for message in &talk.messages {
            let key = message.key.as_deref().unwrap_or("none");
            if let Some(before) = seen.insert(key, message.seq) {
                self.violated(
                    2,
                    format!("{key} is there twice: {before}, {}", message.seq),
                );
            }
            let as_asked = asked.get(key).is_some_and(|sent| {
                (sent.by, &sent.content) == (message.sender_id, &message.content)
            });
            if !as_asked {
                self.violated(2, format!("nobody has said {message:?}"));
            }
        }
        for sent in sent {
            if let [(_, first), rest @ ..] = &*sent.acknowledged
                && let Some((_, other)) = rest.iter().find(|(_, other)| other != first)
            {
                self.violated(2, format!("one key, two answers: {first:?}, {other:?}"));
            }
        }
    }

    /// 3: no gap, and what was asked after another was acknowledged stands behind it.
    fn in_order(&mut self, talk: &Talk, sent: &[&Sent]) {
        self.follow(3, "the history", 0, &talk.messages);
        let acknowledged = sent.iter().flat_map(|sent| &sent.acknowledged);
        let known: Vec<(At, i64)> = acknowledged.map(|(at, one)| (*at, one.seq)).collect();
        let known = Highest::of(known);
        for sent in sent {
            let Some((_, message)) = sent.acknowledged.first() else {
                continue;
            };
            let before = known.before(sent.begun);
            if before >= message.seq {
                let why = format!("{message:?} was asked when {before} had been acknowledged");
                self.violated(3, why);
            }
        }
    }

    /// Whether `messages` are the ones right behind `after`.
    fn follow(&mut self, promise: u8, whose: &str, after: i64, messages: &[Message]) {
        for (expected, message) in (after + 1..).zip(messages) {
            if message.seq != expected {
                let found = message.seq;
                self.violated(
                    promise,
                    format!("{whose}: {found} in the place of {expected}"),
                );
                return;
            }
        }
    }

    /// Whether `messages` are those that are stored.
    fn are_stored(&mut self, talk: &Talk, whose: &str, messages: &[Message]) {
        for message in messages {
            let there = stored(talk, message.seq);
            if there != Some(message) {
                self.violated(
                    1,
                    format!("{whose} was told {message:?}; there is {there:?}"),
                );
                return;
            }
        }
    }

    /// 4: at the end a client that came back whenever it broke off has everything.
    fn holds_all(&mut self, talk: &Talk, client: &Client) {
        let whose = format!("what {} holds", client.name);
        self.follow(4, &whose, 0, &client.holds);
        let (holds, there) = (client.holds.len(), talk.messages.len());
        if holds != there {
            self.violated(4, format!("{whose}: {holds} of {there} messages"));
        }
        self.are_stored(talk, &client.name, &client.holds);
    }

    /// 3 and 4: between what a join brings and what comes live is no gap, and no repeat.
    fn misses_nothing(&mut self, talk: &Talk, client: &Client, session: &Session, sent: &[&Sent]) {
        let whose = format!("a session of {}", client.name);
        self.follow(
            4,
            &format!("{whose}, catching up"),
            session.after,
            &session.caught,
        );
        self.follow(3, &whose, session.head, &session.heard);
        self.are_stored(talk, &whose, &session.caught);
        self.are_stored(talk, &whose, &session.heard);
        let last = session.caught.last().map_or(session.after, |last| last.seq);
        if session.has_more == (last >= session.head) {
            let (head, more) = (session.head, session.has_more);
            self.violated(
                4,
                format!("{whose}: caught up to {last} of {head}, more: {more}"),
            );
        }
        let acknowledged = sent.iter().flat_map(|sent| &sent.acknowledged);
        let before = acknowledged.filter(|(at, _)| *at < session.begun);
        let known = before.map(|(_, message)| message.seq).max().unwrap_or(0);
        if session.head < known {
            let head = session.head;
            self.violated(4, format!("{whose} joined at {head}, behind {known}"));
        }
    }

    /// 5: positions never move back, and what is unread is what lies behind them.
    fn positions(&mut self, talk: &Talk, clients: &[&Client], sent: &[&Sent]) {
        let told = clients.iter().flat_map(|client| {
            let live = client.sessions.iter().flat_map(|one| &one.positions);
            client.positions.iter().chain(live)
        });
        let mut all: BTreeMap<(i64, Kind), Vec<Position>> = BTreeMap::new();
        for position in told
            .cloned()
            .chain(sent.iter().flat_map(|sent| own_reads(sent)))
        {
            let of = (position.user, position.kind);
            all.entry(of).or_default().push(position);
        }
        for client in clients {
            for session in &client.sessions {
                self.never_back_live(client, session);
            }
        }
        for ((user, kind), told) in all {
            self.never_back(talk, user, kind, &told);
        }
        let head = talk.messages.len() as i64;
        for side in &talk.sides {
            if side.unread != head - side.read || side.delivered < side.read {
                self.violated(5, format!("{head} messages, and {side:?}"));
            }
        }
    }

    fn never_back_live(&mut self, client: &Client, session: &Session) {
        let mut last: HashMap<(i64, Kind), i64> = HashMap::new();
        for told in &session.positions {
            let before = last.insert((told.user, told.kind), told.value);
            if before.is_some_and(|before| before > told.value) {
                self.violated(
                    5,
                    format!("{} heard {before:?}, then {told:?}", client.name),
                );
            }
        }
    }

    /// Whoever asks is told what anybody had been told before they asked, or more.
    fn never_back(&mut self, talk: &Talk, user: i64, kind: Kind, told: &[Position]) {
        let known = Highest::of(told.iter().map(|one| (one.told, one.value)).collect());
        for position in told {
            let before = position.begun.map_or(0, |begun| known.before(begun));
            if position.value < before {
                self.violated(5, format!("{before} was told before {position:?}"));
            }
        }
        let side = talk.sides.iter().find(|side| side.user == user);
        let at_end = side.map(|side| match kind {
            Kind::Read => side.read,
            Kind::Delivered => side.delivered,
        });
        let most = known.before(At::MAX);
        if at_end.is_none_or(|at_end| at_end < most) {
            self.violated(
                5,
                format!("{kind:?} of {user}: {most} was told, {at_end:?} is left"),
            );
        }
    }
}

/// What has the position `seq` in the end.
fn stored(talk: &Talk, seq: i64) -> Option<&Message> {
    let place = usize::try_from(seq.checked_sub(1)?).ok()?;
    talk.messages.get(place)
}

/// Sending is reading.
fn own_reads(sent: &Sent) -> impl Iterator<Item = Position> {
    sent.acknowledged.iter().map(|(at, message)| Position {
        user: sent.by,
        kind: Kind::Read,
        value: message.seq,
        begun: None,
        told: *at,
    })
}

/// The highest of some values up to each moment.
struct Highest(Vec<(At, i64)>);

impl Highest {
    fn of(mut values: Vec<(At, i64)>) -> Self {
        values.sort_unstable();
        let mut highest = 0;
        for (_, value) in &mut values {
            highest = highest.max(*value);
            *value = highest;
        }
        Self(values)
    }

    /// Of those before `at`; 0 if there is none.
    fn before(&self, at: At) -> i64 {
        let place = self.0.partition_point(|(told, _)| *told < at);
        place.checked_sub(1).map_or(0, |last| self.0[last].1)
    }
}
