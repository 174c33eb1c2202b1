//! Examples, made of the schemas: each leaf has one of its own.

use serde_json::{Map, Value, json};

/// An example of what `schema` describes. Its references lead into `document`.
pub(super) fn of(schema: &Value, document: &Value) -> Value {
    if let Some(example) = schema.get("example") {
        return example.clone();
    }
    if let Some(example) = first(schema, "examples").or_else(|| first(schema, "enum")) {
        return example.clone();
    }
    if schema.get("$ref").is_some() {
        return of(resolve(schema, document), document);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return together(parts.iter().map(|part| of(part, document)));
    }
    let choices = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
    if let Some(choices) = choices {
        let chosen = choices.iter().find(|choice| choice["type"] != "null");
        return chosen.map_or(Value::Null, |choice| of(choice, document));
    }
    match kind(schema) {
        "object" => object(schema, document),
        "array" => match schema["items"].as_array() {
            Some(places) => places.iter().map(|place| of(place, document)).collect(),
            None => json!([of(&schema["items"], document)]),
        },
        "integer" => schema["minimum"].as_i64().unwrap_or(1).into(),
        "boolean" => true.into(),
        "string" => "text".into(),
        _ => Value::Null,
    }
}

/// What a reference names, or the schema itself.
pub(super) fn resolve<'a>(schema: &'a Value, document: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(place) => {
            let place = place.trim_start_matches('#');
            document.pointer(place).unwrap_or(&Value::Null)
        }
        None => schema,
    }
}

/// The type, or the first of several.
pub(super) fn kind(schema: &Value) -> &str {
    let kind = &schema["type"];
    let kind = kind.as_str().or_else(|| kind[0].as_str());
    kind.unwrap_or_default()
}

fn first<'a>(schema: &'a Value, list: &str) -> Option<&'a Value> {
    schema[list].as_array()?.first()
}

fn object(schema: &Value, document: &Value) -> Value {
    let properties = schema["properties"].as_object();
    let fields = properties.into_iter().flatten();
    let fields = fields.map(|(name, schema)| (name.clone(), of(schema, document)));
    Value::Object(fields.collect())
}

fn together(parts: impl Iterator<Item = Value>) -> Value {
    let mut whole = Map::new();
    for part in parts {
        if let Value::Object(mut fields) = part {
            whole.append(&mut fields);
        }
    }
    Value::Object(whole)
}
