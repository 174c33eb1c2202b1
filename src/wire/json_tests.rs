//! What is read of JSON, and what is refused.

use serde_json::json;

use super::*;

const NAMES: Names = &[
    ("plain", Keep::Plain),
    ("json", Keep::Json),
    ("inner", Keep::Fields(&[("a", Keep::Plain)])),
];

fn code(text: &str) -> Option<&'static str> {
    parse(text, NAMES).err().map(|refusal| refusal.code())
}

/// What the field `plain` of an object is read as.
fn plain(value: &str) -> Value<'static> {
    let text: &'static str = format!(r#"{{"plain":{value}}}"#).leak();
    match parse(text, NAMES).expect("JSON") {
        Value::Object(mut fields) => fields.remove(0).1,
        other => panic!("no object: {other:?}"),
    }
}

/// Places where nobody asks for anything, and those where somebody does.
const PLACES: [&str; 9] = [
    "_",
    "[_]",
    r#"{"other":_}"#,
    r#"{"other":{"deeper":[_]}}"#,
    r#"{"plain":_}"#,
    r#"{"plain":[_]}"#,
    r#"{"json":_}"#,
    r#"{"json":[{"deeper":_}]}"#,
    r#"{"inner":{"a":_,"b":_}}"#,
];

#[test]
fn hostile_json_is_malformed_wherever_it_stands() {
    let deep = "[".repeat(100_000);
    let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let closed = nested(128);
    for bad in [
        "{",
        "nul",
        "NaN",
        "-",
        "01",
        "1.",
        "1e400",
        "-1e400",
        r#""\ud800""#,
        r#""\udc00\ud800""#,
        r#"{"\ud800":1}"#,
        "\"\u{1}\"",
        "'a'",
        "{a:1}",
        "1 2",
        &deep,
        &closed,
    ] {
        for place in PLACES {
            let text = place.replace('_', bad);
            assert_eq!(code(&text), Some("malformed_json"), "{place}: {bad:.9}");
        }
    }
    for bad in ["", " ", "{} {}"] {
        assert_eq!(code(bad), Some("malformed_json"));
    }
    // Both count the object around them.
    for (levels, expected) in [(126, None), (127, Some("malformed_json"))] {
        for name in ["plain", "json", "other"] {
            let text = format!(r#"{{"{name}":{}}}"#, nested(levels));
            assert_eq!(code(&text), expected, "{name} {levels}");
        }
    }
}

#[test]
fn sound_json_is_read_wherever_it_stands() {
    for good in [
        "null",
        " true ",
        "-0.0e-7",
        "18446744073709551616",
        r#""\ud83e\udd8a\u0000""#,
        r#"{"":{"":[]}}"#,
    ] {
        for place in PLACES {
            let text = place.replace('_', good);
            assert_eq!(code(&text), None, "{text}");
        }
    }
}

#[test]
fn a_plain_value_is_told_by_its_kind() {
    let list = |ids: &[i64]| Value::List(Some(ids.iter().copied().collect()));
    for (text, expected) in [
        ("null", Value::Null),
        ("true", Value::Bool(true)),
        ("-7", Value::Integer(-7)),
        ("-0", Value::Number),
        ("1e0", Value::Number),
        ("9223372036854775808", Value::Number),
        (r#""h\u0069""#, Value::Text("hi".into())),
        ("[]", list(&[])),
        ("[2,1,2,2]", list(&[2, 1])),
        ("[5,4,3,2,1]", list(&[5, 4, 3])),
        ("[1,0]", Value::List(None)),
        ("[1,2,3,4,[5]]", Value::List(None)),
        (r#"{"a":1}"#, Value::Object(vec![])),
    ] {
        assert_eq!(plain(text), expected, "{text}");
    }
    assert!(matches!(plain(r#""hi""#), Value::Text(Cow::Borrowed(_))));
}

#[test]
fn only_what_is_asked_for_is_kept_and_of_two_the_last() {
    let text = json!({"other": {"a": 1}, "inner": {"b": 1, "a": 2}}).to_string();
    let inner = Value::Object(vec![("a", Value::Integer(2))]);
    let whole = Value::Object(vec![("inner", inner)]);
    assert_eq!(parse(&text, NAMES), Ok(whole));

    let twice = r#"{"plain":"a","json":1,"plain":null,"json":[ 2 ]}"#;
    let read = parse(twice, NAMES).expect("JSON");
    assert_eq!(read.get("plain"), Some(&Value::Null));
    let Some(Value::Json(Json(last))) = read.get("json") else {
        panic!("no JSON: {read:?}");
    };
    assert_eq!(last.get(), "[ 2 ]");
}

#[test]
fn no_name_makes_a_text_pass_for_what_stands_in_it() {
    // By this one the parser tells itself to take a text as JSON.
    let text = r#"{"$serde_json::private::RawValue":"{\"plain\":1}"}"#;
    assert_eq!(parse(text, NAMES), Ok(Value::Object(vec![])));
}
