//! A conversation as anybody would write it who need not be fast, survive a crash or serve two at once: what
//! the real one is compared with.

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

/// Which of the two.
pub(super) type Side = usize;

/// What a message says, and under which key it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) by: Side,
    pub(super) key: Option<u8>,
    pub(super) content: u8,
}

/// Read and delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct At {
    pub(super) read: usize,
    pub(super) delivered: usize,
}

/// What the answer to a send must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Stored(usize),
    Conflict,
}

/// The conversation.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) said: Vec<Said>,
    pub(super) at: [At; 2],
    /// Whether a side's session has joined it, and another conversation.
    pub(super) here: [bool; 2],
    pub(super) elsewhere: [bool; 2],
    /// The messages that each side's session was told live, by their places.
    pub(super) told: [Vec<usize>; 2],
}

/// What is done to it.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Send(Said),
    /// All at once; then it panics, if it does; and who got no answer asks again.
    Burst {
        sends: Vec<Said>,
        crash: bool,
    },
    Read {
        by: Side,
        up_to: Option<usize>,
    },
    /// A side's session answers a heartbeat.
    Prove(Side),
    Join {
        by: Side,
        here: bool,
    },
    Leave {
        by: Side,
        here: bool,
    },
    /// A side's connection breaks off, and its client comes back.
    ComeBack(Side),
    /// It takes leave because nothing happens.
    Retire,
    Crash,
}

impl Model {
    /// Stores what is new.
    fn send(&mut self, said: &Said) {
        if self.place_of(said).is_some() {
            return;
        }
        self.said.push(said.clone());
        let place = self.said.len();
        let at = &mut self.at[said.by];
        (at.read, at.delivered) = (place, place);
        for side in [0, 1] {
            if self.hears(side) {
                self.told[side].push(place);
            }
        }
    }

    /// Where what has this key stands.
    fn place_of(&self, said: &Said) -> Option<usize> {
        let same_key = |one: &Said| one.by == said.by && one.key.is_some() && one.key == said.key;
        self.said.iter().position(same_key)
    }

    /// What the last send was answered, or any with a key, however often it was asked.
    pub(super) fn answers(&self, said: &Said) -> Answer {
        match self.place_of(said) {
            None => Answer::Stored(self.said.len()),
            Some(place) if self.said[place].content == said.content => Answer::Stored(place + 1),
            Some(_) => Answer::Conflict,
        }
    }

    /// The joining rule: who has joined nothing hears everything.
    fn hears(&self, side: Side) -> bool {
        self.here[side] || !self.elsewhere[side]
    }

    fn read(&mut self, by: Side, up_to: Option<usize>) {
        let head = self.said.len();
        let at = &mut self.at[by];
        at.read = at.read.max(up_to.unwrap_or(head).min(head));
        at.delivered = at.delivered.max(at.read);
    }

    /// Every message of the other was shown to a side's session: by itself, or as the last one of a
    /// conversation that it has not joined.
    fn prove(&mut self, by: Side) {
        let theirs = self.said.iter().rposition(|said| said.by != by);
        let last = theirs.map_or(0, |place| place + 1);
        self.at[by].delivered = self.at[by].delivered.max(last);
    }

    /// How many messages a side has not read.
    pub(super) fn unread(&self, side: Side) -> usize {
        self.said.len() - self.at[side].read
    }
}

fn said() -> impl Strategy<Value = Said> {
    let key = prop_oneof![1 => Just(None), 2 => (0..6_u8).prop_map(Some)];
    (0..2_usize, key, 0..2_u8).prop_map(|(by, key, content)| Said { by, key, content })
}

/// With keys, so that they can be asked again, and one content for each.
fn burst() -> impl Strategy<Value = Vec<Said>> {
    let one = (0..2_usize, 6..40_u8).prop_map(|(by, key)| Said {
        by,
        key: Some(key),
        content: key,
    });
    prop::collection::vec(one, 1..8)
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::default()).boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Step> {
        let past_the_end = state.said.len() + 3;
        let up_to = prop::option::of(1..=past_the_end);
        prop_oneof![
            4 => said().prop_map(Step::Send),
            3 => (burst(), any::<bool>()).prop_map(|(sends, crash)| Step::Burst { sends, crash }),
            3 => (0..2_usize, up_to).prop_map(|(by, up_to)| Step::Read { by, up_to }),
            2 => (0..2_usize).prop_map(Step::Prove),
            2 => (0..2_usize, any::<bool>()).prop_map(|(by, here)| Step::Join { by, here }),
            2 => (0..2_usize, any::<bool>()).prop_map(|(by, here)| Step::Leave { by, here }),
            2 => (0..2_usize).prop_map(Step::ComeBack),
            1 => Just(Step::Retire),
            1 => Just(Step::Crash),
        ]
        .boxed()
    }

    fn apply(mut state: Self, step: &Step) -> Self {
        match step {
            Step::Send(said) => state.send(said),
            Step::Burst { sends, .. } => {
                for said in sends {
                    state.send(said);
                }
            }
            Step::Read { by, up_to } => state.read(*by, *up_to),
            // Who comes back names the last event that they have, which proves as much.
            Step::Prove(side) | Step::ComeBack(side) => state.prove(*side),
            Step::Join { by, here: true } => state.here[*by] = true,
            Step::Join { by, here: false } => state.elsewhere[*by] = true,
            Step::Leave { by, here: true } => state.here[*by] = false,
            Step::Leave { by, here: false } => state.elsewhere[*by] = false,
            Step::Retire | Step::Crash => {}
        }
        state
    }
}
