//! Sends whose handling made the conversation panic. Pure.
//!
//! A panic may have come of something else, so a send has a second try. If that panics too, it is the
//! send: whoever asks hears that the server is at fault, not that they should try again, and from then
//! on it is refused unseen.

use std::collections::VecDeque;
use std::sync::Arc;

use entities::ids::UserId;

use crate::store::Message;
use crate::wire::command::Draft;

/// How many are known; the oldest is forgotten first.
const SUSPECTS_MAX: usize = 16;

/// What tells that it is the same send again: the key, or the content of one without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Suspect {
    by: UserId,
    is_keyed: bool,
    text: Arc<str>,
}

impl Suspect {
    pub(super) fn new(by: UserId, draft: &Draft) -> Self {
        Self::of(by, draft.client_message_id.as_ref(), &draft.content)
    }

    fn of(by: UserId, key: Option<&Arc<str>>, content: &Arc<str>) -> Self {
        Self {
            by,
            is_keyed: key.is_some(),
            text: Arc::clone(key.unwrap_or(content)),
        }
    }
}

impl From<&Message> for Suspect {
    fn from(message: &Message) -> Self {
        let key = message.client_message_id.as_ref();
        Self::of(message.sender, key, &message.content)
    }
}

/// What is known of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing.
    Clear,
    /// The conversation panicked at it once.
    Suspected,
    /// Twice.
    Guilty,
}

/// Those of one conversation, and how it stands with each.
#[derive(Debug, Default)]
pub(super) struct Suspects(VecDeque<(Suspect, Standing)>);

impl Suspects {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The conversation panicked at it.
    pub(super) fn accuse(&mut self, suspect: Suspect) {
        let known = self.0.iter_mut().find(|(known, _)| *known == suspect);
        if let Some((_, standing)) = known {
            *standing = Standing::Guilty;
            return;
        }
        if self.0.len() == SUSPECTS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((suspect, Standing::Suspected));
    }

    pub(super) fn standing(&self, by: UserId, draft: &Draft) -> Standing {
        if self.is_empty() {
            return Standing::Clear;
        }
        let suspect = Suspect::new(by, draft);
        let known = self.0.iter().find(|(known, _)| *known == suspect);
        known.map_or(Standing::Clear, |(_, standing)| *standing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: UserId = UserId(1);
    const BEN: UserId = UserId(2);

    fn draft(content: &str, key: Option<&str>) -> Draft {
        Draft {
            content: content.into(),
            client_message_id: key.map(Into::into),
        }
    }

    #[test]
    fn a_send_is_suspected_once_and_guilty_the_second_time() {
        let mut suspects = Suspects::default();
        for (one, other) in [
            (draft("a", Some("key")), draft("a", Some("another key"))),
            (draft("b", None), draft("c", None)),
            (draft("d", Some("e")), draft("e", None)),
        ] {
            assert_eq!(suspects.standing(ANA, &one), Standing::Clear);
            suspects.accuse(Suspect::new(ANA, &one));
            assert_eq!(suspects.standing(ANA, &one), Standing::Suspected);
            suspects.accuse(Suspect::new(ANA, &one));
            assert_eq!(suspects.standing(ANA, &one), Standing::Guilty);
            assert_eq!(suspects.standing(ANA, &other), Standing::Clear);
            assert_eq!(suspects.standing(BEN, &one), Standing::Clear);
        }
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let mut suspects = Suspects::default();
        let sends: Vec<_> = (0..=SUSPECTS_MAX)
            .map(|number| draft(&number.to_string(), None))
            .collect();
        for send in &sends {
            suspects.accuse(Suspect::new(ANA, send));
        }
        assert_eq!(suspects.standing(ANA, &sends[0]), Standing::Clear);
        for send in &sends[1..] {
            assert_eq!(suspects.standing(ANA, send), Standing::Suspected);
        }
    }
}
