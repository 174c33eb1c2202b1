//! What stands in the addresses of REST: queries with their cursors, and ids in paths.

use std::fmt::Display;

use entities::ids::MAX_SAFE_INTEGER;

use super::{Input, refused};
use crate::error::ChatError;
use crate::wire::query::{Cursor, HistoryQuery, ListQuery, PAGE_MAX, PeopleQuery, Query, path_id};

/// The same text as the query of each list, and as an id.
pub(super) fn query(input: &Input<'_>) {
    let Some(text) = input.head().and_then(|head| str::from_utf8(head).ok()) else {
        return;
    };
    let query = input.read(|| Query::from(text));
    if let Some(list) = taken(input.read(|| query.list())) {
        let again = write(&[("limit", Some(&list.limit)), ("cursor", shown(&list.after))]);
        assert_eq!(again.list(), Ok(list));
        let ListQuery { limit, after } = list;
        let is_sound = |Cursor { active_at, id }| active_at >= 0 && id.0 >= 0;
        assert!((1..=PAGE_MAX).contains(&limit) && after.is_none_or(is_sound));
    }
    if let Some(people) = taken(input.read(|| query.people())) {
        let PeopleQuery {
            search,
            page,
            limit,
        } = &people;
        let again = write(&[
            ("limit", Some(limit)),
            ("page", Some(page)),
            ("search", Some(search)),
        ]);
        assert_eq!(again.people().as_ref(), Ok(&people));
        assert!(!search.contains('\0'));
        is_page(*page, *limit);
    }
    if let Some(history) = taken(input.read(|| query.history())) {
        let HistoryQuery {
            page,
            limit,
            before,
            after,
        } = history;
        let again = write(&[
            ("limit", Some(&limit)),
            ("page", Some(&page)),
            ("before_seq", shown(&before)),
            ("after_seq", shown(&after)),
        ]);
        assert_eq!(again.history(), Ok(history));
        assert!(before.is_none() || after.is_none());
        is_page(page, limit);
    }
    if let Some(id) = taken(input.read(|| path_id(text))) {
        assert!((1..=MAX_SAFE_INTEGER).contains(&id));
        assert_eq!(path_id(&id.to_string()), Ok(id));
    }
}

fn is_page(page: i64, limit: i64) {
    assert!((1..=PAGE_MAX).contains(&limit) && page >= 1);
    assert!(
        page.checked_mul(limit)
            .is_some_and(|rows| rows <= MAX_SAFE_INTEGER)
    );
}

fn taken<T>(outcome: Result<T, ChatError>) -> Option<T> {
    if let Err(refusal) = &outcome {
        refused(refusal, &["validation_failed"]);
    }
    outcome.ok()
}

fn shown<T: Display>(value: &Option<T>) -> Option<&dyn Display> {
    value.as_ref().map(|value| value as &dyn Display)
}

/// A query with these values, of which an absent one is empty.
fn write(pairs: &[(&str, Option<&dyn Display>)]) -> Query {
    let mut written = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        let value = value.map(ToString::to_string).unwrap_or_default();
        written.append_pair(name, &value);
    }
    Query::from(&*written.finish())
}
