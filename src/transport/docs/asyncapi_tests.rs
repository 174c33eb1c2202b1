use std::collections::BTreeSet;

use super::*;

#[test]
fn every_close_code_is_told() {
    let source = include_str!("../connection.rs");
    let codes = source
        .lines()
        .filter(|line| line.contains(": Self = Self("));
    let codes: BTreeSet<_> = codes
        .filter_map(|line| {
            line.split("Self(")
                .nth(1)?
                .split(',')
                .next()?
                .parse::<u16>()
                .ok()
        })
        .collect();
    let told = Why::ALL.map(|Why(code, _)| code);
    assert!(!codes.is_empty());
    assert_eq!(codes, BTreeSet::from(told));
}

#[test]
fn every_event_is_described_for_both_transports() {
    let document = complete();
    for channel in ["ws", "socketio"] {
        let messages = document["channels"][channel]["messages"]
            .as_object()
            .expect("messages");
        let asked = EVENTS
            .iter()
            .flat_map(|event| [event.name.to_owned(), format!("{}.reply", event.name)]);
        for event in asked.chain(told().into_iter().map(|about| about.name.to_owned())) {
            let name = format!("{channel}.{event}");
            assert!(messages.contains_key(&name), "{name}");
        }
    }
}

#[test]
fn every_example_is_valid_and_every_reference_leads_somewhere() {
    let document = complete();
    let messages = document["components"]["messages"]
        .as_object()
        .expect("messages");
    for (name, message) in messages {
        let mut schema = message["payload"].clone();
        if schema.get("$ref").is_some() {
            schema = example::resolve(&schema, &document).clone();
        }
        schema["components"] = document["components"].clone();
        let judge = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft7)
            .build(&schema);
        let judge = judge.unwrap_or_else(|error| panic!("{name}: {error}"));
        let example = &message["examples"][0]["payload"];
        let wrong = judge.validate(example).err();
        assert!(wrong.is_none(), "{name}: {example}: {wrong:?}");
    }
    let mut open = vec![&document];
    while let Some(part) = open.pop() {
        if let Some(place) = part.get("$ref").and_then(Value::as_str) {
            assert!(
                document.pointer(place.trim_start_matches('#')).is_some(),
                "{place}"
            );
        }
        open.extend(part.as_object().into_iter().flat_map(Map::values));
        open.extend(part.as_array().into_iter().flatten());
    }
}
