//! Reads JSON and keeps no more of it than is asked for.
//!
//! Every byte is checked: UTF-8 before, here syntax, numbers in range, whole surrogates, and
//! nesting of at most 127, also where nobody looks. What nobody asks for is passed over and leaves
//! nothing: as a tree it could take a hundred times its own size in memory. So what is read takes
//! less than ten times the size of its text, whatever stands in it (`tests/fuzz`).

use std::borrow::Cow;
use std::fmt;
use std::io::Read as _;

use entities::ids::MAX_SAFE_INTEGER;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use crate::error::ChatError;

/// The fields of an object that are asked for, and what is kept of each.
pub type Names = &'static [(&'static str, Keep)];

/// What is kept of a value.
#[derive(Clone, Copy, Debug)]
pub enum Keep {
    /// What it is, but of an object only that it is one.
    Plain,
    /// The same, and of an object these fields.
    Fields(Names),
    /// Its text, of a field of the outermost object.
    Json,
}

/// How many different ids of a list are kept.
const IDS_MAX: usize = 3;

/// A value, as much of it as was asked for. A name that comes twice has what comes last.
#[derive(Debug, Default, PartialEq)]
pub enum Value<'a> {
    /// `null`; also what is not there.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number without fraction and exponent, if it has 64 bits.
    Integer(i64),
    /// Any other number.
    Number,
    /// A text without its escapes; borrowed if it had none.
    Text(Cow<'a, str>),
    /// A list that holds nothing but ids: the first three different ones, for by then the list
    /// names somebody too many. `None` for every other list.
    List(Option<SmallVec<[i64; IDS_MAX]>>),
    /// An object: the fields that were asked for and are there.
    Object(Vec<(&'static str, Value<'a>)>),
    /// Whatever it is, as it is written.
    Json(Json<'a>),
}

/// The text of a sound value.
#[derive(Clone, Copy, Debug)]
pub struct Json<'a>(pub &'a RawValue);

impl PartialEq for Json<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Value<'_> {
    /// The field `name` of an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(fields) = self else {
            return None;
        };
        let found = fields.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| value)
    }

    /// The text that it is.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn put(fields: &mut Vec<(&'static str, Self)>, name: &'static str, value: Self) {
        match fields.iter_mut().find(|(key, _)| *key == name) {
            Some((_, old)) => *old = value,
            None => fields.push((name, value)),
        }
    }
}

/// A positive integer below 2^53.
#[must_use]
pub fn positive(number: i64) -> Option<i64> {
    (1..=MAX_SAFE_INTEGER).contains(&number).then_some(number)
}

/// Parses `text` as JSON, and keeps the fields `names` of the object that it is.
///
/// # Errors
/// [`ChatError::MalformedJson`].
pub fn parse<'a>(text: &'a str, names: Names) -> Result<Value<'a>, ChatError> {
    let mut json = serde_json::Deserializer::from_str(text);
    let value = Keep::Fields(names).deserialize(&mut json);
    let whole = value.and_then(|value: Value<'a>| json.end().map(|()| value));
    whole.map_err(|error| {
        ChatError::MalformedJson(match error.classify() {
            serde_json::error::Category::Eof => "it ends too early",
            _ => "it cannot be read",
        })
    })
}

impl<'de> DeserializeSeed<'de> for Keep {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value<'de>, D::Error> {
        match self {
            Self::Plain => json.deserialize_any(Kept(&[])),
            Self::Fields(names) => json.deserialize_any(Kept(names)),
            Self::Json => {
                let raw: &RawValue = serde::Deserialize::deserialize(json)?;
                // Its syntax was checked, and nothing else. It stands in an object, which is a
                // level of nesting, as this list is.
                let list = b"[".chain(raw.get().as_bytes()).chain(&b"]"[..]);
                let mut list = serde_json::Deserializer::from_reader(list);
                Passed.deserialize(&mut list).map_err(D::Error::custom)?;
                Ok(Value::Json(Json(raw)))
            }
        }
    }
}

/// Keeps these fields of an object.
struct Kept(Names);

impl<'de> Visitor<'de> for Kept {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value<'de>, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(i64::try_from(number).map_or(Value::Number, Value::Integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value<'de>, E> {
        Ok(Value::Number)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value<'de>, A::Error> {
        let mut ids = Some(SmallVec::new());
        while let Some(integer) = list.next_element_seed(Passed)? {
            match (integer.and_then(positive), &mut ids) {
                (None, ids) => *ids = None,
                (Some(id), Some(ids)) if ids.len() < IDS_MAX && !ids.contains(&id) => ids.push(id),
                _ => {}
            }
        }
        Ok(Value::List(ids))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let mut fields = Vec::with_capacity(self.0.len());
        while let Some(asked) = map.next_key_seed(AskedFor(self.0))? {
            match asked {
                Some((name, keep)) => Value::put(&mut fields, name, map.next_value_seed(keep)?),
                None => drop(map.next_value_seed(Passed)?),
            }
        }
        Ok(Value::Object(fields))
    }
}

/// Reads a field's name: which of these it is, if it is one.
struct AskedFor(Names);

impl<'de> DeserializeSeed<'de> for AskedFor {
    type Value = Option<(&'static str, Keep)>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for AskedFor {
    type Value = Option<(&'static str, Keep)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().find(|(asked, _)| *asked == name).copied())
    }
}

/// Checks a value and passes over it. The integer that it is, if it is one: in a list that says
/// all.
struct Passed;

impl<'de> DeserializeSeed<'de> for Passed {
    type Value = Option<i64>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<i64>, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Passed {
    type Value = Option<i64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Option<i64>, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Option<i64>, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Option<i64>, E> {
        Ok(Some(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Option<i64>, E> {
        Ok(i64::try_from(number).ok())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Option<i64>, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Option<i64>, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<i64>, A::Error> {
        while list.next_element_seed(Self)?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<i64>, A::Error> {
        while map.next_key_seed(Self)?.is_some() {
            map.next_value_seed(Self)?;
        }
        Ok(None)
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
