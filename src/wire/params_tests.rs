use serde_json::{Value, json};
use utoipa::IntoParams;
use utoipa::openapi::path::ParameterIn;

use super::*;
use crate::error::ChatError;
use crate::wire::query::Query;

/// What `T` says of each name is what is read under it.
fn agree<T: IntoParams>(reads: impl Fn(&Query) -> Result<(), ChatError>) {
    let params = T::into_params(|| Some(ParameterIn::Query));
    assert!(!params.is_empty());
    for param in params {
        let name = param.name;
        let schema = serde_json::to_value(param.schema).expect("JSON");
        let judge = jsonschema::validator_for(&schema).expect("a schema");
        let edge = entities::ids::MAX_SAFE_INTEGER;
        let numbers = [
            0,
            1,
            100,
            101,
            edge / 100,
            edge / 100 + 1,
            edge,
            edge + 1,
            -1,
        ];
        let numbers = numbers.map(|number| number.to_string());
        let texts = [
            "x",
            "1.5",
            "1769847300123-7",
            "1-",
            "-1-1",
            "1-1-1",
            "a\0",
            "é",
        ];
        for text in numbers.into_iter().chain(texts.map(str::to_owned)) {
            if text.is_empty() && schema["type"] == "integer" {
                continue; // That it counts as none is no matter of the schema.
            }
            let value = match text.parse::<i64>() {
                Ok(number) if schema["type"] == "integer" => json!(number),
                _ => Value::from(text.clone()),
            };
            let encoded = form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let query = Query::from(&*format!("{name}={encoded}"));
            let (valid, read) = (judge.is_valid(&value), reads(&query).is_ok());
            assert_eq!(valid, read, "{name}={text}");
        }
    }
}

#[test]
fn queries_are_read_as_their_schemas_say() {
    agree::<PeopleParams>(|query| query.people().map(drop));
    agree::<ListParams>(|query| query.list().map(drop));
    agree::<HistoryParams>(|query| query.history().map(drop));
}
