//! What stands in addresses, checked: the ids in paths, and what follows the `?`.

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr as _;

use entities::ids::{ConversationId, MAX_SAFE_INTEGER, Seq};

use super::json::positive;
use crate::error::ChatError;

/// How many entries a page has at most, whatever is asked for.
pub const PAGE_MAX: i64 = 100;

/// A positive integer in a path, such as a conversation's id.
///
/// # Errors
/// [`ChatError::Invalid`]; the same holds for what a query asks below.
pub fn path_id(text: &str) -> Result<i64, ChatError> {
    digits(text)
        .and_then(positive)
        .ok_or_else(|| ChatError::field("id", "must be a positive integer"))
}

/// What follows the `?` of a request: the last value of a name counts, an empty one is absent. It
/// is read anew for each name, and kept as it came: taken apart it could be many times as large.
#[derive(Clone, Debug, Default)]
pub struct Query(String);

/// Which conversations to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// At most so many, 1 to [`PAGE_MAX`].
    pub limit: i64,
    /// Those after this place.
    pub after: Option<Cursor>,
}

/// Which people to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeopleQuery<'a> {
    /// What their names have in them; no NUL.
    pub search: Cow<'a, str>,
    /// Which page, from 1.
    pub page: i64,
    /// At most so many, 1 to [`PAGE_MAX`].
    pub limit: i64,
}

/// Which messages to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Which page, from 1; it is the first if `after` is there.
    pub page: i64,
    /// At most so many, 1 to [`PAGE_MAX`].
    pub limit: i64,
    /// Those before this position.
    pub before: Option<Seq>,
    /// Those after this position; never with `before`.
    pub after: Option<Seq>,
}

/// A place in the list of conversations: the last one that was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When something last happened in it, in milliseconds since the epoch.
    pub active_at: i64,
    /// Which it is.
    pub id: ConversationId,
}

/// As it is written in a query.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.active_at, self.id)
    }
}

impl Cursor {
    fn parse(text: &str) -> Result<Self, ChatError> {
        let parsed = text.split_once('-').and_then(|(active_at, id)| {
            Some(Self {
                active_at: digits(active_at)?,
                id: ConversationId(digits(id)?),
            })
        });
        parsed.ok_or_else(|| ChatError::field("cursor", "is not one of ours"))
    }
}

impl From<&str> for Query {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Query {
    /// Of the list of conversations: `limit`, `cursor`.
    pub fn list(&self) -> Result<ListQuery, ChatError> {
        let cursor = self.text("cursor");
        Ok(ListQuery {
            limit: self.limit(50)?,
            after: cursor.as_deref().map(Cursor::parse).transpose()?,
        })
    }

    /// Of the list of people: `limit`, `page`, `search`.
    pub fn people(&self) -> Result<PeopleQuery<'_>, ChatError> {
        let (limit, page) = (self.limit(100)?, self.page()?);
        let search = self.text("search").unwrap_or_default();
        if search.contains('\0') {
            return Err(ChatError::field("search", "must not contain NUL"));
        }
        Ok(PeopleQuery {
            search,
            page,
            limit,
        })
    }

    /// Of history: `limit`, and `page`, `before_seq` or `after_seq`.
    pub fn history(&self) -> Result<HistoryQuery, ChatError> {
        let (limit, page) = (self.limit(50)?, self.page()?);
        let position = |name| self.number(name, 0..=MAX_SAFE_INTEGER);
        let before = position("before_seq")?.map(Seq);
        let after = position("after_seq")?.map(Seq);
        if before.is_some() && after.is_some() {
            let why = "cannot be combined with before_seq";
            return Err(ChatError::field("after_seq", why));
        }
        if after.is_some() && page != 1 {
            let why = "cannot be combined with after_seq";
            return Err(ChatError::field("page", why));
        }
        Ok(HistoryQuery {
            page,
            limit,
            before,
            after,
        })
    }

    fn limit(&self, usual: i64) -> Result<i64, ChatError> {
        Ok(self.number("limit", 1..=PAGE_MAX)?.unwrap_or(usual))
    }

    fn page(&self) -> Result<i64, ChatError> {
        let pages = 1..=MAX_SAFE_INTEGER / PAGE_MAX;
        Ok(self.number("page", pages)?.unwrap_or(1))
    }

    /// The text that `name` has.
    fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        let pairs = form_urlencoded::parse(self.0.as_bytes());
        let values = pairs.filter(|(key, value)| key == name && !value.is_empty());
        values.last().map(|(_, value)| value)
    }

    /// The integer that `name` has, which must be in `range`.
    fn number(
        &self,
        name: &'static str,
        range: RangeInclusive<i64>,
    ) -> Result<Option<i64>, ChatError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        match digits(&text).filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                let (from, to) = (range.start(), range.end());
                let message = format!("must be an integer from {from} to {to}");
                Err(ChatError::field(name, message))
            }
        }
    }
}

/// A plain decimal number: digits alone, as JSON has them (no sign, no blank, no fraction).
fn digits(text: &str) -> Option<i64> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        i64::from_str(text).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field_at_fault<T: fmt::Debug>(answer: Result<T, ChatError>) -> &'static str {
        let refusal = answer.expect_err("refused");
        assert_eq!(refusal.code(), "validation_failed");
        refusal.fields()[0].field
    }

    #[test]
    fn queries_take_plain_numbers_in_their_range() {
        let query = Query::from("limit=20&page=&search=a%20b&limit=30");
        let people = query.people().expect("sound");
        assert_eq!((people.limit, people.page), (30, 1));
        assert_eq!(people.search, "a b");
        for bad in [
            "0",
            "101",
            "1.0",
            "-1",
            "%2B1",
            "1e1",
            "x",
            "99999999999999999999",
        ] {
            let query = Query::from(&*format!("limit={bad}"));
            assert_eq!(field_at_fault(query.list()), "limit");
        }
        let nul = Query::from("search=a%00");
        assert_eq!(field_at_fault(nul.people()), "search");
    }

    #[test]
    fn history_is_asked_for_by_page_or_by_position() {
        let of = |text: &str| Query::from(text).history();
        let query = of("before_seq=7&page=2&limit=3").expect("sound");
        assert_eq!((query.before, query.after), (Some(Seq(7)), None));
        assert_eq!((query.page, query.limit), (2, 3));
        assert_eq!(of("after_seq=0").expect("sound").after, Some(Seq(0)));
        assert_eq!(field_at_fault(of("after_seq=1&before_seq=1")), "after_seq");
        assert_eq!(field_at_fault(of("after_seq=1&page=2")), "page");
    }

    #[test]
    fn only_our_own_cursors_are_taken() {
        let sound = Cursor {
            active_at: 1_700_000_000_000,
            id: ConversationId(12),
        };
        assert_eq!(sound.to_string(), "1700000000000-12");
        assert_eq!(Cursor::parse("1700000000000-12"), Ok(sound));
        for bad in [
            "",
            "1",
            "-",
            "1-",
            "-1",
            "1--1",
            "+1-1",
            "a-b",
            "1-99999999999999999999",
        ] {
            assert!(Cursor::parse(bad).is_err(), "{bad}");
        }
    }
}
