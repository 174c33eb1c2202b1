//! The descriptions for people: one page, made here, that loads nothing but its own style.

use serde_json::{Map, Value};

use super::example::{self, resolve};
use super::html::{Html, code, prose};
use super::shape;

/// The page. Its links are relative to its address, so that it may stand below any prefix.
pub(super) fn render(calls: &Value, events: &Value) -> String {
    let mut html = Html::default();
    html.raw(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>Duologue: calls and events</title>\
         <link rel=\"stylesheet\" href=\"docs/style.css\"></head><body>",
    );
    contents(&mut html, calls, events);
    html.raw("<main><h1>Duologue: calls and events</h1>");
    html.paragraph(words(&calls["info"], "description"));
    html.raw(
        "<p>For programs: <a href=\"api/openapi.json\">openapi.json</a> (OpenAPI 3.1), \
         <a href=\"api/asyncapi.json\">asyncapi.json</a> (AsyncAPI 3.0). The lines for <code>curl</code> want \
         <code>SERVER</code>, such as <code>http://127.0.0.1:3000</code>, and <code>TOKEN</code>, which \
         <code>register</code> and <code>login</code> give.</p>",
    );
    for tag in each(&calls["tags"]) {
        let name = words(tag, "name");
        html.heading(2, &format!("tag-{name}"), name);
        html.paragraph(words(tag, "description"));
        for call in Call::all(calls).filter(|call| call.operation["tags"][0] == name) {
            call.write(&mut html);
        }
    }
    sockets(&mut html, events);
    refusals(&mut html, events);
    schemas(&mut html, calls, events);
    html.raw("</main></body></html>");
    html.into_text()
}

fn each(list: &Value) -> std::slice::Iter<'_, Value> {
    list.as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
}

fn entries(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let entries = object.as_object().into_iter().flat_map(Map::iter);
    entries.map(|(name, value)| (name.as_str(), value))
}

fn words<'a>(part: &'a Value, field: &str) -> &'a str {
    part[field].as_str().unwrap_or_default()
}

fn contents(html: &mut Html, calls: &Value, events: &Value) {
    html.raw("<nav><ul>");
    for tag in each(&calls["tags"]) {
        let name = words(tag, "name");
        html.raw("<li>")
            .link(&format!("tag-{name}"), name)
            .raw("<ul>");
        for call in Call::all(calls).filter(|call| call.operation["tags"][0] == name) {
            let line = format!("{} {}", call.method, call.path);
            html.raw("<li>")
                .link(words(call.operation, "operationId"), &line)
                .raw("</li>");
        }
        html.raw("</ul></li>");
    }
    html.raw("<li>").link("events", "events").raw("<ul>");
    for (name, message) in entries(&events["components"]["messages"]) {
        if !name.ends_with(".reply") {
            let name = words(message, "name");
            html.raw("<li>").link(name, name).raw("</li>");
        }
    }
    html.raw("</ul></li>");
    for (id, name) in [
        ("close-codes", "close codes"),
        ("refusals", "refusals"),
        ("schemas", "schemas"),
    ] {
        html.raw("<li>").link(id, name).raw("</li>");
    }
    html.raw("</ul></nav>");
}

/// A call, and the document that it stands in.
struct Call<'a> {
    method: String,
    path: &'a str,
    operation: &'a Value,
    document: &'a Value,
}

impl<'a> Call<'a> {
    fn all(document: &'a Value) -> impl Iterator<Item = Self> {
        let paths = entries(&document["paths"]);
        paths.flat_map(move |(path, methods)| {
            entries(methods).map(move |(method, operation)| Call {
                method: method.to_uppercase(),
                path,
                operation,
                document,
            })
        })
    }

    fn write(&self, html: &mut Html) {
        html.open("article", words(self.operation, "operationId"))
            .raw("<h3>");
        html.element("span class=\"method\"", &self.method)
            .text(" ");
        html.element("code", self.path).raw("</h3>");
        html.paragraph(words(self.operation, "summary"));
        html.paragraph(words(self.operation, "description"));
        if self.wants_token() {
            html.paragraph("Wants a token: `Authorization: Bearer …`.");
        }
        self.write_parameters(html);
        if let Some(content) = self.body() {
            let required = self.operation["requestBody"]["required"] != false;
            html.raw("<h4>Body: ")
                .raw(&shape::text(&content["schema"]))
                .raw("</h4>");
            if !required {
                html.paragraph("It may be left out.");
            }
            shape::describe(html, &content["schema"], self.document);
        }
        html.element("h4", "For example")
            .element("pre", &self.curl());
        self.write_answers(html);
        html.raw("</article>");
    }

    fn wants_token(&self) -> bool {
        each(&self.operation["security"]).any(|one| one.get("token").is_some())
    }

    fn body(&self) -> Option<&'a Value> {
        self.operation["requestBody"]["content"].get("application/json")
    }

    fn write_parameters(&self, html: &mut Html) {
        let rows: Vec<_> = each(&self.operation["parameters"])
            .map(|parameter| {
                let mut shape = Html::default();
                shape.raw(&shape::text(&parameter["schema"]));
                if parameter["required"] != true {
                    shape.raw(", <i>may be left out</i>");
                }
                let place = prose(&format!("in the {}", words(parameter, "in")));
                let name = code(words(parameter, "name"));
                vec![name, place, shape, prose(words(parameter, "description"))]
            })
            .collect();
        html.table(&["parameter", "", "what it is", ""], &rows);
    }

    /// A line for a shell.
    fn curl(&self) -> String {
        let mut line = format!("curl -X {}", self.method);
        if self.wants_token() {
            line += " -H \"Authorization: Bearer $TOKEN\"";
        }
        if let Some(content) = self.body() {
            let body = content["example"].to_string().replace('\'', "'\\''");
            line += &format!(" \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'");
        }
        let (mut path, mut query) = (self.path.to_owned(), Vec::new());
        for parameter in each(&self.operation["parameters"]) {
            let name = words(parameter, "name");
            if parameter["in"] == "path" {
                let value = example::of(&parameter["schema"], self.document).to_string();
                path = path.replace(&format!("{{{name}}}"), &value);
            } else if let Some(value) = parameter.get("example") {
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                query.push(format!("{name}={value}"));
            }
        }
        if !query.is_empty() {
            path += &format!("?{}", query.join("&"));
        }
        let apart = if line.contains('\n') { " \\\n  " } else { " " };
        format!("{line}{apart}\"$SERVER{path}\"")
    }

    fn write_answers(&self, html: &mut Html) {
        let rows: Vec<_> = entries(&self.operation["responses"])
            .map(|(status, response)| {
                let response = resolve(response, self.document);
                let mut what = prose(words(response, "description"));
                for (kind, content) in entries(&response["content"]) {
                    let schema = &content["schema"];
                    if schema.get("$ref").is_some() {
                        what.text(" ").raw(&shape::text(schema));
                    } else if kind != "application/json" {
                        what.text(" ").raw(&code(kind).into_text());
                    }
                }
                let headers = entries(&response["headers"]).map(|(name, _)| format!("`{name}`"));
                let headers: Vec<_> = headers.collect();
                if !headers.is_empty() {
                    what.prose(&format!(" With {}.", headers.join(", ")));
                }
                vec![code(status), what]
            })
            .collect();
        html.table(&["status", "answer"], &rows);
        for (status, response) in entries(&self.operation["responses"]) {
            if let Some(example) = response["content"]["application/json"].get("example") {
                html.raw("<details><summary>")
                    .text(&format!("An answer with {status}"));
                html.raw("</summary>").json(example).raw("</details>");
            }
        }
    }
}

fn sockets(html: &mut Html, events: &Value) {
    html.heading(2, "events", "events")
        .paragraph(words(&events["info"], "description"));
    for (name, channel) in entries(&events["channels"]) {
        html.open("h3", &format!("channel-{name}"))
            .element("code", words(channel, "address"));
        html.raw("</h3>").paragraph(words(channel, "description"));
        for name in entries(&channel["messages"]).map(|(name, _)| name) {
            let message = &events["components"]["messages"][name];
            let operation = &events["operations"][name];
            if operation.is_object() {
                write_message(html, message, operation, events);
            }
        }
    }
    html.heading(2, "close-codes", "close codes");
    html.paragraph("With these the server closes a WebSocket, of both transports.");
    let rows: Vec<_> = each(&events["x-close-codes"])
        .map(|one| vec![code(&one["code"].to_string()), prose(words(one, "reason"))])
        .collect();
    html.table(&["code", "reason"], &rows);
}

fn write_message(html: &mut Html, message: &Value, operation: &Value, events: &Value) {
    let name = words(message, "name");
    let by = match words(operation, "action") {
        "receive" => "from the client",
        _ => "from the server",
    };
    html.open("article", name)
        .raw("<h3>")
        .element("code", name)
        .text(" ");
    html.element("small", by)
        .raw("</h3>")
        .paragraph(words(message, "summary"));
    html.element("pre", &on_the_wire(message));
    describe_payload(html, &message["payload"], events);
    let reply = &events["components"]["messages"][format!("{name}.reply")];
    if reply.is_object() {
        html.element("h4", "Answer")
            .element("pre", &on_the_wire(reply));
        let payload = match reply["payload"]["items"].get(0) {
            Some(envelope) => envelope,
            None => &reply["payload"],
        };
        describe_payload(html, &payload["oneOf"][0], events);
        let codes = each(&payload["oneOf"][1]["allOf"][1]["properties"]["code"]["enum"]);
        let codes: Vec<_> = codes
            .filter_map(Value::as_str)
            .map(|code| format!("`{code}`"))
            .collect();
        html.paragraph(&format!("Or a refusal: {}.", codes.join(", ")));
    }
    html.raw("</article>");
}

/// An example of a message, as it travels.
fn on_the_wire(message: &Value) -> String {
    let payload = message["examples"][0]["payload"].to_string();
    words(message, "x-text")
        .replace("<id>", "7")
        .replace("{}", &payload)
}

/// The payload of a frame: that of a list is what stands after the event's name.
fn describe_payload(html: &mut Html, payload: &Value, events: &Value) {
    match payload["items"].as_array() {
        Some(places) => {
            for place in places.iter().skip(1) {
                html.raw("<p>").raw(&shape::text(place)).text(". ");
                html.prose(words(place, "description")).raw("</p>");
            }
        }
        None => shape::describe(html, payload, events),
    }
}

fn refusals(html: &mut Html, events: &Value) {
    html.heading(2, "refusals", "refusals").raw("<ul>");
    for meaning in each(&events["x-codes"]).filter_map(Value::as_str) {
        html.raw("<li>").prose(meaning).raw("</li>");
    }
    html.raw("</ul>");
}

fn schemas(html: &mut Html, calls: &Value, events: &Value) {
    html.heading(2, "schemas", "schemas");
    let mut all: Map<String, Value> = Map::new();
    for document in [calls, events] {
        let schemas = entries(&document["components"]["schemas"]);
        all.extend(schemas.map(|(name, schema)| (name.to_owned(), schema.clone())));
    }
    let document = serde_json::json!({"components": {"schemas": all.clone()}});
    for (name, schema) in &all {
        html.open("article", &format!("schema-{name}"))
            .element("h3", name);
        html.paragraph(words(schema, "description"));
        shape::describe(html, schema, &document);
        html.raw("<details><summary>An example</summary>");
        html.json(&example::of(schema, &document))
            .raw("</details></article>");
    }
}
