//! Duologue's tables and typed ids: a file per table, no logic.
//!
//! All times are milliseconds since the Unix epoch, unless a field says otherwise. What the
//! tables must look like on disk is the `migration` crate's matter; `store` tests that both agree.

pub mod conversations;
pub mod ids;
pub mod messages;
pub mod participants;
pub mod sign_ins;
pub mod users;
