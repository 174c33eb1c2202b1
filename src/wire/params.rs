//! What follows the `?` of a call, as schemas. It is read by [`super::query`], never into these types;
//! a test below holds each of them against what reads it.
//!
//! An empty value counts as none, and of a name that comes twice the last one that is not empty counts.

use utoipa::IntoParams;

/// Of the list of people.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PeopleParams {
    /// What their names have in them, in any letter case; no NUL.
    #[param(pattern = r"^[^\u0000]*$", example = "an")]
    pub search: Option<String>,
    /// Which page, from 1.
    #[param(
        minimum = 1,
        maximum = 90_071_992_547_409_i64,
        default = 1,
        example = 1
    )]
    pub page: Option<i64>,
    /// How many entries a page has at most.
    #[param(minimum = 1, maximum = 100, default = 100, example = 20)]
    pub limit: Option<i64>,
}

/// Of the list of conversations.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// How many entries a page has at most.
    #[param(minimum = 1, maximum = 100, default = 50, example = 20)]
    pub limit: Option<i64>,
    /// The `next_cursor` of the page before.
    #[param(pattern = "^([0-9]{1,18}-[0-9]{1,18})?$", example = "1769847300123-7")]
    pub cursor: Option<String>,
}

/// Of the history of a conversation.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HistoryParams {
    /// Which page, from 1: counted from `before_seq`, or from the last message; not together with
    /// `after_seq`.
    #[param(
        minimum = 1,
        maximum = 90_071_992_547_409_i64,
        default = 1,
        example = 1
    )]
    pub page: Option<i64>,
    /// How many messages a page has at most.
    #[param(minimum = 1, maximum = 100, default = 50, example = 20)]
    pub limit: Option<i64>,
    /// The messages before this position, newest first; not together with `after_seq`.
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    pub before_seq: Option<i64>,
    /// The messages after this position, oldest first; not together with `before_seq`.
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    pub after_seq: Option<i64>,
}

#[cfg(test)]
#[path = "params_tests.rs"]
mod tests;
