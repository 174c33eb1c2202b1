//! The joining rule: which events of a conversation a session gets. Pure.
//!
//! A session that has joined nothing gets everything of its user's conversations; once it has
//! joined, it gets messages and typing of those alone (contract, "The joining rule").

use std::collections::BTreeSet;
use std::sync::Arc;

use entities::ids::{ConversationId, UserId};

/// What one session has joined, and whose typing it has been shown.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    joined: BTreeSet<ConversationId>,
    typing: Vec<Typist>,
}

/// Somebody whose typing a session shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Typist {
    /// Where.
    pub(crate) conversation: ConversationId,
    /// Who.
    pub(crate) user: UserId,
    /// Their name.
    pub(crate) name: Arc<str>,
}

impl Subscriptions {
    /// Whether the session gets messages and typing of `conversation`.
    pub(crate) fn follows(&self, conversation: ConversationId) -> bool {
        self.joined.is_empty() || self.joined.contains(&conversation)
    }

    /// Joins. Those whose typing is out of view now, and must be told as ended.
    pub(crate) fn join(&mut self, conversation: ConversationId) -> Vec<Typist> {
        self.joined.insert(conversation);
        self.out_of_view()
    }

    /// Leaves. Those whose typing is out of view now, and must be told as ended.
    pub(crate) fn leave(&mut self, conversation: ConversationId) -> Vec<Typist> {
        self.joined.remove(&conversation);
        self.out_of_view()
    }

    /// Somebody starts or stops typing: whether the session is to be told.
    pub(crate) fn typing(&mut self, typist: &Typist, is_typing: bool) -> bool {
        let before = self.typing.len();
        self.typing
            .retain(|shown| (shown.conversation, shown.user) != (typist.conversation, typist.user));
        if is_typing && self.follows(typist.conversation) {
            self.typing.push(typist.clone());
            return true;
        }
        // An end is told where the start was: a join tells nothing of what was under way.
        self.typing.len() < before
    }

    fn out_of_view(&mut self) -> Vec<Typist> {
        let joined = &self.joined;
        let hidden =
            |typist: &mut Typist| !joined.is_empty() && !joined.contains(&typist.conversation);
        self.typing.extract_if(.., hidden).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typist(conversation: i64) -> Typist {
        Typist {
            conversation: ConversationId(conversation),
            user: UserId(9),
            name: "Ben".into(),
        }
    }

    #[test]
    fn a_session_that_joined_nothing_follows_everything() {
        let mut session = Subscriptions::default();
        let (one, two) = (ConversationId(1), ConversationId(2));
        assert!(session.follows(one) && session.follows(two));
        session.join(one);
        assert!(session.follows(one) && !session.follows(two));
        session.join(two);
        assert!(session.follows(one) && session.follows(two));
        session.leave(one);
        assert!(!session.follows(one) && session.follows(two));
        session.leave(two);
        assert!(session.follows(one) && session.follows(two));
    }

    #[test]
    fn a_join_ends_the_view_of_typing_elsewhere() {
        let mut session = Subscriptions::default();
        assert!(session.typing(&typist(1), true));
        assert!(session.typing(&typist(2), true));
        assert_eq!(session.join(ConversationId(2)), [typist(1)]);
        assert!(!session.typing(&typist(1), false), "told already");
        assert!(session.typing(&typist(2), false));
    }

    #[test]
    fn leaving_one_of_two_ends_the_view_of_its_typing() {
        let mut session = Subscriptions::default();
        session.join(ConversationId(1));
        session.join(ConversationId(2));
        session.typing(&typist(1), true);
        assert_eq!(session.leave(ConversationId(1)), [typist(1)]);
    }

    #[test]
    fn leaving_the_last_one_ends_no_view() {
        let mut session = Subscriptions::default();
        session.join(ConversationId(1));
        session.typing(&typist(1), true);
        assert_eq!(session.leave(ConversationId(1)), []);
        assert!(
            session.typing(&typist(1), false),
            "still shown, so its end is told"
        );
    }

    proptest! {
        /// What a client that believes every event shows is never a typing out of its view, and
        /// an end is never told where no start was.
        #[test]
        fn a_page_never_shows_typing_for_ever(
            steps in prop::collection::vec((0u8..4, 1i64..4), 0..80)
        ) {
            let mut session = Subscriptions::default();
            let mut joined = BTreeSet::new();
            let mut shown = BTreeSet::new();
            let mut typing = BTreeSet::new();
            for (what, conversation) in steps {
                let ended = match what {
                    0 => { joined.insert(conversation); session.join(ConversationId(conversation)) }
                    1 => { joined.remove(&conversation); session.leave(ConversationId(conversation)) }
                    // A conversation tells changes alone.
                    2 => {
                        if typing.insert(conversation) && session.typing(&typist(conversation), true) {
                            shown.insert(conversation);
                        }
                        Vec::new()
                    }
                    _ => {
                        if typing.remove(&conversation) && session.typing(&typist(conversation), false) {
                            prop_assert!(shown.remove(&conversation));
                        }
                        Vec::new()
                    }
                };
                for typist in ended {
                    prop_assert!(shown.remove(&typist.conversation.0));
                }
                for conversation in &shown {
                    prop_assert!(joined.is_empty() || joined.contains(conversation));
                    prop_assert!(typing.contains(conversation));
                }
            }
        }
    }
}
