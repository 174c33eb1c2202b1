//! Who is there; tells those who share a conversation.
//!
//! Owns: how many sessions with a socket each person has, what they chose to be seen as. Told by:
//! the supervisor (a session began), sessions (the socket is gone, or there is one again). Asked
//! by: [`Chat`](crate::chat::Chat).
//! Tells: sessions of those who share a conversation, the journal (when somebody went), the
//! conversations in which somebody typed who is gone. It lives in memory alone, so a crash
//! leaves nobody online. If it dies, the supervisor ends the process.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use entities::ids::{ConversationId, UserId};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};

use super::conversation::ConversationMsg;
use super::directory::Directory;
use super::journal::JournalMsg;
use super::people::{People, Person};
use super::session::outbox::MergeKey;
use super::session::{Ending, Notice, SessionMsg};
use super::{Ask, answer, beside, tell, wall_clock};
use crate::config::Limits;
use crate::store::{LastSeen, Store};
use crate::wire::event::{Event, UserStatusChanged};
use crate::wire::view::{Status, Timestamp};

/// What may be told to presence, or asked of it.
pub(crate) enum PresenceMsg {
    // Told by the supervisor, and by sessions that are taken up again.
    /// A session of this person has a socket.
    Arrived { person: Arc<Person> },
    // Told by sessions, and by the supervisor for one that failed.
    /// A session has none any more.
    Left {
        user: UserId,
        how: Ending,
        /// Where its user may still be shown as typing.
        typed_in: Vec<ConversationId>,
    },
    // Asked by `Chat`.
    /// The person chose what to be seen as; it is on disk already.
    Choose {
        user: UserId,
        chosen: Status,
        ask: Ask<()>,
    },
    // Told by its own clock and tasks.
    /// Some who broke off may not have come back.
    GraceRings,
    /// Who shares a conversation with `user`; `None` if the database did not answer.
    PeersFound {
        user: UserId,
        peers: Option<Vec<UserId>>,
    },
    /// It is time to ask again who shares a conversation with `user`.
    PeersWanted { user: UserId },
    // Asked by the supervisor.
    /// The process ends: note when those who are here were seen last.
    Drain { reply: RpcReplyPort<()> },
}

/// The actor.
pub(crate) struct Presence {
    pub(crate) directory: Arc<Directory>,
    pub(crate) people: Arc<People>,
    pub(crate) journal: ActorRef<JournalMsg>,
    pub(crate) store: Store,
    pub(crate) limits: Arc<Limits>,
}

/// Who is there.
#[derive(Default)]
pub(crate) struct State {
    present: HashMap<UserId, Present>,
    /// Those who broke off, and when that counts; all wait equally long.
    graces: VecDeque<(Instant, UserId)>,
    /// Whose change is to be told, and what their peers know of them.
    telling: HashMap<UserId, Known>,
    /// Those of them whose peers have not been asked for yet.
    to_ask: VecDeque<UserId>,
    asking: usize,
}

/// What others have been told of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    status: Status,
    /// Of interest while they are away.
    last_seen_at: Option<Timestamp>,
}

struct Present {
    /// Sessions that count, those in their grace included.
    sessions: usize,
    chosen: Status,
    typed_in: BTreeSet<ConversationId>,
}

/// How many look-ups of peers may be under way: when thousands come back at once, the database
/// has others to serve too.
const ASKING_MAX: usize = 2;

/// How long to wait after a look-up that failed.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl Actor for Presence {
    type Msg = PresenceMsg;
    type State = State;
    type Arguments = ();

    async fn pre_start(
        &self,
        _: ActorRef<PresenceMsg>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        Ok(State::default())
    }

    async fn handle(
        &self,
        myself: ActorRef<PresenceMsg>,
        msg: PresenceMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        #[cfg(feature = "faults")]
        crate::faults::may_panic("presence.handle", "");
        match msg {
            PresenceMsg::Arrived { person } => self.arrived(state, &person),
            PresenceMsg::Left {
                user,
                how,
                typed_in,
            } => self.left(&myself, state, user, how, typed_in),
            PresenceMsg::Choose { user, chosen, ask } => self.choose(state, user, chosen, ask),
            PresenceMsg::GraceRings => self.grace_rings(&myself, state),
            PresenceMsg::PeersFound { user, peers } => {
                self.peers_found(&myself, state, user, peers);
            }
            PresenceMsg::PeersWanted { user } => state.to_ask.push_back(user),
            PresenceMsg::Drain { reply } => {
                for user in state.present.keys() {
                    self.note_last_seen(*user);
                }
                answer(reply, ());
            }
        }
        self.ask_for_peers(&myself, state);
        Ok(())
    }
}

impl Presence {
    fn arrived(&self, state: &mut State, person: &Person) {
        if let Some(present) = state.present.get_mut(&person.id) {
            present.sessions += 1;
            return;
        }
        // What they chose may have changed since the session began.
        let known = self.people.known(person.id);
        let chosen = known.map_or(person.chosen, |known| known.chosen);
        let present = Present {
            sessions: 1,
            chosen,
            typed_in: BTreeSet::new(),
        };
        state.present.insert(person.id, present);
        self.show(state, person.id, chosen);
    }

    fn left(
        &self,
        myself: &ActorRef<PresenceMsg>,
        state: &mut State,
        user: UserId,
        how: Ending,
        typed_in: Vec<ConversationId>,
    ) {
        let Some(present) = state.present.get_mut(&user) else {
            return;
        };
        present.typed_in.extend(typed_in);
        match how {
            Ending::Goodbye | Ending::FellSilent => self.count_out(state, user),
            Ending::BrokenOff => {
                let grace = self.limits.presence_grace;
                if state.graces.is_empty() {
                    myself.send_after(grace, || PresenceMsg::GraceRings);
                }
                state.graces.push_back((Instant::now() + grace, user));
            }
        }
    }

    fn grace_rings(&self, myself: &ActorRef<PresenceMsg>, state: &mut State) {
        let now = Instant::now();
        while let Some(&(at, user)) = state.graces.front() {
            if at > now {
                myself.send_after(at - now, || PresenceMsg::GraceRings);
                return;
            }
            state.graces.pop_front();
            self.count_out(state, user);
        }
    }

    /// One session of `user` counts no more.
    fn count_out(&self, state: &mut State, user: UserId) {
        let Some(present) = state.present.get_mut(&user) else {
            return;
        };
        present.sessions -= 1;
        if present.sessions > 0 {
            return;
        }
        if let Some(gone) = state.present.remove(&user) {
            for conversation in gone.typed_in {
                if let Some(at) = self.directory.conversation(conversation) {
                    at.tell(ConversationMsg::WentAway { user });
                }
            }
        }
        self.note_last_seen(user);
        self.show(state, user, Status::Offline);
    }

    fn note_last_seen(&self, user: UserId) {
        let at = wall_clock();
        tell(&self.journal, JournalMsg::LastSeen(LastSeen { user, at }));
        self.people
            .update(user, |person| person.last_seen_at = Some(Timestamp(at)));
    }

    fn choose(&self, state: &mut State, user: UserId, chosen: Status, ask: Ask<()>) {
        self.people.update(user, |person| person.chosen = chosen);
        if let Some(present) = state.present.get_mut(&user) {
            present.chosen = chosen;
            self.show(state, user, chosen);
        }
        ask.answer(Ok(()));
    }

    /// Shows `user` as `status` from now on, and tells the others if that is a change.
    fn show(&self, state: &mut State, user: UserId, status: Status) {
        let before = self.directory.status(user);
        if before == status {
            return;
        }
        self.directory.set_status(user, status);
        // The peers know what came before the first change that is not told yet.
        if let Entry::Vacant(untold) = state.telling.entry(user) {
            untold.insert(Known {
                status: before,
                last_seen_at: self.last_seen_at(user),
            });
            state.to_ask.push_back(user);
        }
    }

    fn last_seen_at(&self, user: UserId) -> Option<Timestamp> {
        self.people.known(user)?.last_seen_at
    }

    fn ask_for_peers(&self, myself: &ActorRef<PresenceMsg>, state: &mut State) {
        while state.asking < ASKING_MAX {
            let Some(user) = state.to_ask.pop_front() else {
                return;
            };
            state.asking += 1;
            let (store, myself) = (self.store.clone(), myself.clone());
            let work = async move {
                #[cfg(feature = "faults")]
                crate::faults::may_panic("presence.peers", &user.0.to_string());
                let peers = store.peers(user).await;
                let peers = peers.inspect_err(|error| {
                    tracing::warn!(%error, user = user.0, "cannot tell a change of status");
                });
                peers.ok()
            };
            beside(work, move |peers| {
                let peers = peers.flatten();
                tell(&myself, PresenceMsg::PeersFound { user, peers });
            });
        }
    }

    /// Tells the peers what `user` is *now*: changes that came while they were looked up are told
    /// as one, in the right order, or not at all when nothing is left of them.
    fn peers_found(
        &self,
        myself: &ActorRef<PresenceMsg>,
        state: &mut State,
        user: UserId,
        peers: Option<Vec<UserId>>,
    ) {
        state.asking -= 1;
        let Some(peers) = peers else {
            // Whoever still shows the old state must hear of the new one all the same.
            myself.send_after(ASK_AGAIN, move || PresenceMsg::PeersWanted { user });
            return;
        };
        let Some(known) = state.telling.remove(&user) else {
            return;
        };
        let (status, last_seen_at) = (self.directory.status(user), self.last_seen_at(user));
        let away = status == Status::Offline;
        if known.status == status && !(away && known.last_seen_at != last_seen_at) {
            return;
        }
        let payload = UserStatusChanged {
            user_id: user,
            status,
            last_seen_at,
        };
        let event = Arc::new(Event::new(&payload));
        for peer in peers {
            for session in self.directory.sessions(peer) {
                let notice = Notice {
                    event: Arc::clone(&event),
                    key: Some(MergeKey::Status(user)),
                };
                tell(&session, SessionMsg::Noticed(notice));
            }
        }
    }
}
