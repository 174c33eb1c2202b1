//! The conversation as a whole, with its journal, its sessions and its database, beside the [`Model`]:
//! whatever is sent, sent again, read, proven, joined and left, and wherever it crashes, the two agree.

use proptest::test_runner::Config as ProptestConfig;
use proptest_state_machine::{StateMachineTest, prop_state_machine};
use tokio::runtime::Runtime;

use super::client::{Client, soon};
use super::model::{Answer, At, Model, Said, Side, Step};
use super::*;

/// The real thing, and what it runs on.
struct Real {
    runtime: Runtime,
    house: House,
}

struct House {
    lab: Lab,
    /// Another conversation of each, in which nobody says anything.
    other: [ConversationId; 2],
    clients: [Option<Client>; 2],
    /// The messages that each session was told live, by their places.
    told: [Vec<usize>; 2],
    /// The last message that each was shown, also in the news of a conversation that it has not joined.
    shown: [usize; 2],
}

fn draft(said: &Said) -> Draft {
    Draft {
        content: said.content.to_string().into(),
        client_message_id: said.key.map(|key| format!("key-{key}").into()),
    }
}

impl House {
    fn caller(&self, side: Side) -> &Caller {
        [&self.lab.ana, &self.lab.ben][side]
    }

    async fn send(&self, said: &Said) -> Result<Answer, ChatError> {
        let begun = self.begin(said).await;
        answer(begun.answer().await)
    }

    async fn begin(&self, said: &Said) -> Pending<Sent> {
        let lab = &self.lab;
        let begun = lab
            .chat
            .begin_send(self.caller(said.by), lab.id, draft(said));
        begun.await.expect("begun")
    }

    /// All of them at once, and, if it crashes, again what was not answered: the answers.
    async fn burst(&self, sends: &[Said], crash: bool) -> Vec<Answer> {
        let mut begun = Vec::new();
        for said in sends {
            begun.push(self.begin(said).await);
        }
        if crash {
            self.crash().await;
        }
        let mut answers = Vec::new();
        for pending in begun {
            answers.push(answer(pending.answer().await));
        }
        let mut all = Vec::new();
        for (said, answered) in sends.iter().zip(answers) {
            all.push(match answered {
                Err(ChatError::Overloaded) if crash => self.send(said).await.expect("stored"),
                answered => answered.expect("stored"),
            });
        }
        all
    }

    /// It panics, if it is awake.
    async fn crash(&self) {
        let directory = &self.lab.chat.0.neighbours.directory;
        if let Some(at) = directory.conversation(self.lab.id) {
            let actor = at.actor().clone();
            if actor.cast(ConversationMsg::Panic).is_ok() {
                soon(actor.wait(None)).await.expect("it ends");
            }
        }
    }

    fn client(&mut self, side: Side) -> &mut Client {
        self.clients[side].as_mut().expect("a client")
    }

    fn id(&self, side: Side, here: bool) -> ConversationId {
        if here { self.lab.id } else { self.other[side] }
    }

    async fn join_or_leave(&mut self, side: Side, here: bool, joins: bool) {
        let id = self.id(side, here);
        let client = self.clients[side].as_mut().expect("a client");
        let events = match joins {
            true => client.join_at(&self.lab, id).await,
            false => client.leave_at(&self.lab, id).await,
        };
        for (name, data) in events {
            self.is_told(side, &name, &data);
        }
    }

    /// Waits until a side's session has been told and shown as much as it should be.
    async fn hear(&mut self, side: Side, model: &Model) {
        let (count, last) = (model.told[side].len(), model.said.len());
        while self.told[side].len() < count || self.shown[side] < last {
            let (name, data) = self.client(side).hear().await;
            self.is_told(side, &name, &data);
        }
    }

    fn is_told(&mut self, side: Side, name: &str, data: &serde_json::Value) {
        let message = match name {
            "new_message" => &data["message"],
            "conversation_updated" => &data["last_message"],
            _ => return,
        };
        let Some(place) = message["seq"].as_u64() else {
            return;
        };
        let place = place as usize;
        self.shown[side] = self.shown[side].max(place);
        if name == "new_message" {
            self.told[side].push(place);
        }
    }

    /// Waits until the disk has these positions; they may go there by themselves.
    async fn stand_at(&self, expected: [At; 2]) {
        let positions = async {
            loop {
                let conversation = self.lab.chat.conversation(&self.lab.ana, self.lab.id);
                let found = conversation.await.expect("it is there").participants;
                let found = [self.lab.ana.id(), self.lab.ben.id()].map(|user| {
                    let one = found.iter().find(|one| one.id == user);
                    let one = one.expect("a participant");
                    let [read, delivered] = [one.last_read_seq, one.last_delivered_seq];
                    let at = |seq: Seq| usize::try_from(seq.0).expect("a position");
                    At {
                        read: at(read),
                        delivered: at(delivered),
                    }
                });
                if found == expected {
                    return;
                }
                for (found, expected) in found.iter().zip(&expected) {
                    let ahead = found.read > expected.read || found.delivered > expected.delivered;
                    assert!(!ahead, "{found:?}, and not {expected:?}");
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        soon(positions).await;
    }

    /// Does it; the model has done it already.
    async fn take(&mut self, model: &Model, step: &Step) {
        match step {
            Step::Send(said) => {
                assert_eq!(self.send(said).await, Ok(model.answers(said)));
            }
            Step::Burst { sends, crash } => {
                let expected: Vec<_> = sends.iter().map(|said| model.answers(said)).collect();
                assert_eq!(self.burst(sends, *crash).await, expected);
            }
            Step::Read { by, up_to } => {
                let up_to = up_to.map(|place| Seq(place as i64));
                let caller = self.caller(*by);
                let read = self.lab.chat.mark_read(caller, self.lab.id, up_to);
                let read = read.await.expect("read");
                let found = (read.last_read_seq.0 as usize, read.unread_count as usize);
                assert_eq!(found, (model.at[*by].read, model.unread(*by)));
            }
            Step::Prove(side) => self.client(*side).prove(),
            Step::Join { by, here } => self.join_or_leave(*by, *here, true).await,
            Step::Leave { by, here } => self.join_or_leave(*by, *here, false).await,
            Step::ComeBack(side) => {
                let client = self.clients[*side].take().expect("a client");
                let (client, same) = self.lab.back(client).await;
                assert!(same, "its session goes on");
                self.clients[*side] = Some(client);
            }
            Step::Retire => {
                let directory = &self.lab.chat.0.neighbours.directory;
                if let Some(at) = directory.conversation(self.lab.id) {
                    drop(at.actor().cast(ConversationMsg::RetireIfIdle));
                }
            }
            Step::Crash => self.crash().await,
        }
    }

    async fn agrees_with(&mut self, model: &Model) {
        for side in [0, 1] {
            self.hear(side, model).await;
            assert_eq!(
                self.told[side], model.told[side],
                "what side {side} was told"
            );
        }
        self.stand_at(model.at).await;
        let stored = self.lab.store.after(self.lab.id, Seq::ZERO, 10_000).await;
        let stored = stored.expect("read").into_iter().map(|message| {
            let by = usize::from(message.sender == self.lab.ben.id());
            (by, message.seq.0 as usize, message.content.to_string())
        });
        let said = (1..).zip(&model.said);
        let said = said.map(|(place, said)| (said.by, place, said.content.to_string()));
        assert_eq!(stored.collect::<Vec<_>>(), said.collect::<Vec<_>>());
        for side in [0, 1] {
            let unread = self.lab.chat.total_unread(self.caller(side)).await;
            assert_eq!(
                unread.expect("read").unread_count as usize,
                model.unread(side)
            );
        }
    }
}

fn answer(sent: Result<Sent, ChatError>) -> Result<Answer, ChatError> {
    match sent {
        Ok(sent) => Ok(Answer::Stored(seq(Ok(sent)) as usize)),
        Err(ChatError::Conflict(_)) => Ok(Answer::Conflict),
        Err(error) => Err(error),
    }
}

async fn house() -> House {
    let lab = Lab::start().await;
    let (_, anas) = lab.friend_of(&lab.ana, "Cleo").await;
    let (_, bens) = lab.friend_of(&lab.ben, "Dan").await;
    let clients = [
        Some(lab.connect(&lab.ana, None).await),
        Some(lab.connect(&lab.ben, None).await),
    ];
    House {
        lab,
        other: [anas, bens],
        clients,
        told: Default::default(),
        shown: [0; 2],
    }
}

impl StateMachineTest for Real {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(_: &Model) -> Self {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime");
        let house = runtime.block_on(house());
        Self { runtime, house }
    }

    fn apply(mut real: Self, model: &Model, step: Step) -> Self {
        let Self { runtime, house } = &mut real;
        runtime.block_on(async {
            house.take(model, &step).await;
            house.agrees_with(model).await;
        });
        real
    }

    fn teardown(real: Self, _: Model) {
        let Self { runtime, house } = real;
        runtime.block_on(house.lab.end());
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_conversation_agrees_with_its_model_whatever_is_done_to_it(sequential 1..40 => Real);
}
