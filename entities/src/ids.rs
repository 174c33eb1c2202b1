//! Typed ids and positions: the vocabulary that every layer may use.
//!
//! Each is a positive integer below 2^53, so that a JavaScript client can hold it as a number
//! (contract, "Conventions").

use sea_orm::DeriveValueType;
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// The largest integer that a JavaScript number holds exactly: 2^53 − 1.
pub const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;

/// Declares an id: an `i64` in the database and in JSON, and a type of its own in between. It is
/// described with its least value, with an example and in these words.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $least:literal, $example:literal, $words:literal) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            Serialize, Deserialize, DeriveValueType,
        )]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::Integer)
                    .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
                    .description(Some($words))
                    .minimum(Some($least))
                    .maximum(Some(MAX_SAFE_INTEGER))
                    .examples([$example])
                    .into()
            }
        }

        impl ToSchema for $name {}
    };
}

id! {
    /// A person's account, counted up from 1.
    UserId, 1, 1, "A person's account, counted up from 1."
}
id! {
    /// A conversation between two people, counted up from 1; at most [`ConversationId::MAX`].
    ConversationId, 1, 7, "A conversation between two people, counted up from 1."
}
id! {
    /// A sign-in of one person on one device, counted up from 1.
    SignInId, 1, 1, "A sign-in of one person on one device, counted up from 1."
}
id! {
    /// A message, unique over all conversations. It is made of the conversation and the position
    /// in it (see [`MessageId::new`]), so it needs no column and no counter.
    MessageId, 1, 469762060, "A message, unique over all conversations."
}
id! {
    /// A message's position in its conversation: 1, 2, 3 … without a gap. 0 stands before the
    /// first message. At most [`Seq::MAX`].
    Seq, 0, 12, "A position in a conversation: messages are numbered 1, 2, 3 and on without a gap, and 0 stands before the first."
}

impl ConversationId {
    /// The last id that [`MessageId`] has room for: 2^27 − 1, about 134 million conversations.
    pub const MAX: Self = Self((1 << 27) - 1);
}

impl Default for Seq {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Seq {
    /// The place before the first message.
    pub const ZERO: Self = Self(0);
    /// The last position that [`MessageId`] has room for: 2^26 − 1, about 67 million messages in
    /// one conversation.
    pub const MAX: Self = Self((1 << 26) - 1);

    /// The next position.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl MessageId {
    /// The id of the message at `seq` in `conversation`.
    #[must_use]
    pub const fn new(conversation: ConversationId, seq: Seq) -> Self {
        Self(conversation.0 << 26 | seq.0)
    }
}

/// Two different people, in a fixed order, so that each pair has one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pair {
    /// The smaller id.
    pub low: UserId,
    /// The larger id.
    pub high: UserId,
}

impl Pair {
    /// The pair of `a` and `b`, in whichever order they are named. They must differ.
    #[must_use]
    pub fn of(a: UserId, b: UserId) -> Self {
        debug_assert_ne!(a, b, "nobody talks to themselves");
        Self {
            low: a.min(b),
            high: a.max(b),
        }
    }

    /// Where `user` stands in the pair: 0 for the smaller id, 1 for the larger, `None` for a
    /// stranger.
    #[must_use]
    pub fn side(self, user: UserId) -> Option<usize> {
        self.both().iter().position(|&one| one == user)
    }

    /// Both people, the smaller id first.
    #[must_use]
    pub const fn both(self) -> [UserId; 2] {
        [self.low, self.high]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_message_id_is_a_safe_integer() {
        assert_eq!(
            MessageId::new(ConversationId::MAX, Seq::MAX).0,
            MAX_SAFE_INTEGER
        );
    }

    #[test]
    fn different_places_have_different_message_ids() {
        let id = |conversation, seq| MessageId::new(ConversationId(conversation), Seq(seq));
        assert_ne!(id(1, Seq::MAX.0), id(2, 0));
        assert!(id(1, 1) < id(1, 2));
    }

    #[test]
    fn a_pair_does_not_depend_on_who_is_named_first() {
        let (a, b) = (UserId(7), UserId(3));
        assert_eq!(Pair::of(a, b), Pair::of(b, a));
        assert_eq!(Pair::of(a, b).side(a), Some(1));
        assert_eq!(Pair::of(a, b).side(UserId(4)), None);
    }
}
