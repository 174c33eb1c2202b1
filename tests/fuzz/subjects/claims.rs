//! Claims of every kind in tokens that are signed well.

use arbitrary::{Result, Unstructured};
use serde_json::{Map, Number, Value};

use super::{Input, tokens};

/// What a token may say that means something to somebody.
const NAMES: &[&str] = &[
    "sub",
    "exp",
    "iat",
    "nbf",
    "sign_in",
    "name",
    "renews",
    "generation",
    "aud",
    "iss",
    "another",
];

/// In seconds since the epoch, and far in the future: a token that counts until then counts.
const LATER: i64 = 4_000_000_000;

pub(super) fn claims(input: &Input<'_>) {
    let mut unread = Unstructured::new(input.bytes);
    let claims = some(&mut unread).unwrap_or_default();
    let token = tokens::signed(&Value::Object(claims.clone()));
    let bearer = tokens::check(input, &token);
    let claim = |name| claims.get(name).unwrap_or(&Value::Null);
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let user = claim("sub").as_str().filter(|sub| digits(sub));
    let user = user.and_then(|sub| sub.parse::<i64>().ok());
    match bearer {
        // What is believed was said, and in the form in which it must be said.
        Some(bearer) => {
            assert_eq!(user, Some(bearer.user.0));
            assert!(
                claim("exp")
                    .as_f64()
                    .is_some_and(|exp| exp as i64 == bearer.until)
            );
            assert_eq!(claim("sign_in").as_i64(), bearer.sign_in.map(|id| id.0));
            assert!(!claims.contains_key("nbf") || claim("nbf").is_number());
        }
        // And what is said in that form is believed.
        None => {
            let is_sound = user.is_some_and(|id| (1..1 << 53).contains(&id))
                && claim("exp")
                    .as_i64()
                    .is_some_and(|exp| (LATER..1 << 53).contains(&exp))
                && (!claims.contains_key("iat") || claim("iat").is_i64())
                && !claims.contains_key("nbf");
            assert!(!is_sound, "{claims:?} is refused");
        }
    }
}

fn some(unread: &mut Unstructured<'_>) -> Result<Map<String, Value>> {
    let mut claims = Map::new();
    while !unread.is_empty() && claims.len() < NAMES.len() {
        let name = unread.choose(NAMES)?;
        claims.insert((*name).to_owned(), value(unread, 3)?);
    }
    Ok(claims)
}

/// A value at most so many levels deep.
fn value(unread: &mut Unstructured<'_>, depth: u32) -> Result<Value> {
    let kinds = if depth == 0 { 9 } else { 11 };
    Ok(match unread.int_in_range(0..=kinds)? {
        0 => Value::Null,
        1 => unread.arbitrary::<bool>()?.into(),
        2 | 3 => unread.int_in_range(LATER..=LATER * 2)?.into(),
        4 => unread.arbitrary::<i64>()?.into(),
        5 => unread.arbitrary::<u64>()?.into(),
        6 => Number::from_f64(unread.arbitrary()?).map_or(Value::Null, Value::Number),
        7 | 8 => unread.arbitrary::<i64>()?.unsigned_abs().to_string().into(),
        9 => unread.arbitrary::<&str>()?.into(),
        10 => {
            let length = unread.int_in_range(0..=3)?;
            let list: Result<Vec<_>> = (0..length).map(|_| value(unread, depth - 1)).collect();
            Value::Array(list?)
        }
        _ => {
            let inner = value(unread, depth - 1)?;
            Value::Object(Map::from_iter([(unread.arbitrary()?, inner)]))
        }
    })
}
