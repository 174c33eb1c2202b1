//! Every way in which a use case can fail, each with its code in the contract.
//!
//! Status numbers and frames are the transports' business; this is only *what* went wrong. A
//! [`ChatError`] never carries anything internal: the cause is logged once, where it is met, and
//! the client hears [`ChatError::Internal`] or [`ChatError::Overloaded`].

use std::time::Duration;

use crate::quota::Exceeded;

/// Why a use case did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
    /// Well-formed input that breaks a rule; one entry for each field.
    #[error("{}", summary(.0))]
    Invalid(Vec<FieldError>),
    /// The bytes are not JSON, or not Unicode.
    #[error("The text is not valid JSON: {0}.")]
    MalformedJson(&'static str),
    /// No token, or none that counts. Never says what was wrong with it.
    #[error("Please sign in: the token is missing, expired or not valid.")]
    Unauthenticated,
    /// The password is wrong; of who signs in it never says whether that or the e-mail address.
    #[error("{0}")]
    InvalidCredentials(&'static str),
    /// The conversation is somebody else's.
    #[error("You are not part of this conversation.")]
    NotAParticipant,
    /// Not allowed, for a reason that may be told.
    #[error("{0}")]
    Forbidden(&'static str),
    /// What was asked for is not there.
    #[error("There is no such {0}.")]
    NotFound(&'static str),
    /// The route exists, but not for this method.
    #[error("This address does not take that method.")]
    MethodNotAllowed,
    /// What was asked for contradicts what is there.
    #[error("{0}")]
    Conflict(&'static str),
    /// A body or frame over the limit, in bytes.
    #[error("At most {0} bytes are taken at once.")]
    PayloadTooLarge(usize),
    /// A body that does not call itself JSON.
    #[error("The body must be JSON, with Content-Type: application/json.")]
    UnsupportedMediaType,
    /// A socket event that the contract does not name.
    #[error("There is no such event.")]
    UnknownEvent,
    /// Somebody asks for more than they may have (`--rate-limits`); the server has room for others.
    #[error("{}", patience(.0))]
    RateLimited(Exceeded),
    /// The server has too much to do, or cannot write just now. Trying again is safe for a send
    /// with a `client_message_id`.
    #[error("The server is busy. Please try again in a moment.")]
    Overloaded,
    /// A fault of the server. The cause is in its log.
    #[error("Something went wrong on the server.")]
    Internal,
}

/// What is wrong with one field of the input.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// The field's name on the wire.
    #[schema(example = "content")]
    pub field: &'static str,
    /// What it must be, to follow the field's name: "must be a positive integer".
    #[schema(example = "must have 1 to 4000 characters")]
    pub message: String,
}

impl ChatError {
    /// How long a client should wait before it tries again after [`ChatError::Overloaded`].
    pub const RETRY_AFTER: Duration = Duration::from_secs(1);

    /// Every code that stands in the contract.
    pub const CODES: [&'static str; 15] = [
        "validation_failed",
        "malformed_json",
        "unauthenticated",
        "invalid_credentials",
        "not_a_participant",
        "forbidden",
        "not_found",
        "method_not_allowed",
        "conflict",
        "payload_too_large",
        "unsupported_media_type",
        "unknown_event",
        "rate_limited",
        "overloaded",
        "internal",
    ];

    /// A single field that breaks a rule.
    pub fn field(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError {
            field,
            message: message.into(),
        }])
    }

    /// One of each, as a client may meet it: for what describes them.
    #[must_use]
    pub fn samples() -> [Self; 15] {
        [
            Self::field("content", "must have 1 to 4000 characters"),
            Self::MalformedJson("it ends too early"),
            Self::Unauthenticated,
            Self::InvalidCredentials("The e-mail address or the password is wrong."),
            Self::NotAParticipant,
            Self::Forbidden("Pages of this origin may not connect."),
            Self::NotFound("conversation"),
            Self::MethodNotAllowed,
            Self::Conflict("This e-mail address is already registered."),
            Self::PayloadTooLarge(64 << 10),
            Self::UnsupportedMediaType,
            Self::UnknownEvent,
            Self::RateLimited(Exceeded::held(32)),
            Self::Overloaded,
            Self::Internal,
        ]
    }

    /// The code that stands in the contract.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "validation_failed",
            Self::MalformedJson(_) => "malformed_json",
            Self::Unauthenticated => "unauthenticated",
            Self::InvalidCredentials(_) => "invalid_credentials",
            Self::NotAParticipant => "not_a_participant",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound(_) => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Conflict(_) => "conflict",
            Self::PayloadTooLarge(_) => "payload_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::UnknownEvent => "unknown_event",
            Self::RateLimited(_) => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::Internal => "internal",
        }
    }

    /// The fields at fault, if the input was.
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        match self {
            Self::Invalid(fields) => fields,
            _ => &[],
        }
    }
}

/// So many seconds, rounded up: whoever comes back then must not be early.
#[must_use]
pub fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// How long to wait, for a person: a socket has no header to say it in.
fn patience(exceeded: &Exceeded) -> String {
    let seconds = whole_seconds(exceeded.retry_after);
    let unit = if seconds == 1 { "second" } else { "seconds" };
    format!("That is too much at once. Please try again in {seconds} {unit}.")
}

/// One sentence for a person, from the first field at fault.
fn summary(fields: &[FieldError]) -> String {
    match fields {
        [] => "The input is not valid.".to_owned(),
        [first, ..] => format!("{} {}.", first.field, first.message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a kind of error stands among the samples: whoever adds one is told here.
    const fn place(error: &ChatError) -> usize {
        match error {
            ChatError::Invalid(_) => 0,
            ChatError::MalformedJson(_) => 1,
            ChatError::Unauthenticated => 2,
            ChatError::InvalidCredentials(_) => 3,
            ChatError::NotAParticipant => 4,
            ChatError::Forbidden(_) => 5,
            ChatError::NotFound(_) => 6,
            ChatError::MethodNotAllowed => 7,
            ChatError::Conflict(_) => 8,
            ChatError::PayloadTooLarge(_) => 9,
            ChatError::UnsupportedMediaType => 10,
            ChatError::UnknownEvent => 11,
            ChatError::RateLimited(_) => 12,
            ChatError::Overloaded => 13,
            ChatError::Internal => 14,
        }
    }

    #[test]
    fn there_is_a_sample_of_every_error() {
        let places: Vec<_> = ChatError::samples().iter().map(place).collect();
        assert_eq!(places, (0..15).collect::<Vec<_>>());
    }

    #[test]
    fn the_list_of_codes_is_whole() {
        let codes: Vec<_> = ChatError::samples().iter().map(ChatError::code).collect();
        assert_eq!(codes, ChatError::CODES);
    }
}
