//! Every REST call against everybody.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::world::{Standing, THEIRS, World};
use super::{Misses, NOBODY, Verdict};
use crate::access::again;
use crate::harness::answer::Answer;
use crate::harness::door::{Carried, PASSWORD};

/// Who may.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Right {
    /// Whoever asks, with whatever token: all get this answer.
    Anybody(&'static str),
    /// Whoever has a token that counts.
    SignedIn,
    /// The same, if the token comes from signing in here.
    SignedInHere,
    /// Whoever has a token that counts, about anybody who is there.
    Person,
    /// The two of a conversation.
    Conversation,
}

/// One call, and who may make it.
struct Row {
    method: Method,
    /// With `{id}` for that of the person or conversation that it is about.
    path: &'static str,
    query: &'static str,
    body: fn(i64) -> Value,
    right: Right,
    success: &'static str,
    /// Whether the caller's token ends with it.
    is_the_end: bool,
}

fn row(right: Right, method: Method, path: &'static str) -> Row {
    let body = |_| Value::Null;
    let (query, success, is_the_end) = ("", "200", false);
    Row {
        method,
        path,
        query,
        body,
        right,
        success,
        is_the_end,
    }
}

impl Row {
    fn with(self, body: fn(i64) -> Value) -> Self {
        Self { body, ..self }
    }

    fn asking(self, query: &'static str) -> Self {
        Self { query, ..self }
    }

    fn making(self) -> Self {
        let success = "201";
        Self { success, ..self }
    }

    fn ending(self) -> Self {
        let is_the_end = true;
        Self { is_the_end, ..self }
    }
}

/// Which call is whose. Those that end the caller's token come last, that of the account last of all.
fn rows() -> Vec<Row> {
    use Right::{Anybody, Conversation, Person, SignedIn, SignedInHere};
    let (get, post) = (|| Method::GET, || Method::POST);
    let (put, delete) = (|| Method::PUT, || Method::DELETE);
    let history = "/api/messages/conversation/{id}";
    let read = "/api/messages/conversation/{id}/read";
    let typing = "/api/messages/conversation/{id}/typing";
    let taken = "409 conflict";
    let incomplete = "400 validation_failed";
    vec![
        row(Anybody("200"), get(), "/health/live"),
        row(Anybody("200"), get(), "/health/ready"),
        row(Anybody("200"), get(), "/api/openapi.json"),
        row(Anybody("200"), get(), "/api/asyncapi.json"),
        row(Anybody("200"), get(), "/docs"),
        row(Anybody("200"), get(), "/docs/style.css"),
        // Who asks is looked at when a WebSocket is asked for (`entry.rs`).
        row(Anybody(incomplete), get(), "/ws"),
        row(Anybody(taken), post(), "/api/auth/register")
            .with(|_| json!({"name": "Ana", "email": "ana@example.com", "password": PASSWORD})),
        row(Anybody("200"), post(), "/api/auth/login")
            .with(|_| json!({"email": "ana@example.com", "password": PASSWORD})),
        row(Anybody(incomplete), post(), "/api/auth/refresh"),
        row(SignedIn, get(), "/api/users"),
        row(SignedIn, get(), "/api/users/me"),
        row(SignedIn, put(), "/api/users/me/status").with(|_| json!({"status": "busy"})),
        row(Person, get(), "/api/users/{id}"),
        row(Person, post(), "/api/conversations")
            .with(|id| json!({"type": "direct", "participant_ids": [id]}))
            .making(),
        row(SignedIn, get(), "/api/conversations"),
        row(Conversation, get(), "/api/conversations/{id}"),
        row(Conversation, post(), "/api/messages/send")
            .with(|id| json!({"conversation_id": id, "content": "let me in"}))
            .making(),
        row(SignedIn, get(), "/api/messages/unread/count"),
        row(Conversation, get(), history),
        row(Conversation, get(), history).asking("?after_seq=0"),
        row(Conversation, get(), history).asking("?before_seq=2"),
        row(Conversation, put(), read).with(|_| json!({"up_to_seq": 1})),
        row(Conversation, put(), read),
        row(Conversation, post(), typing).with(|_| json!({"isTyping": true})),
        row(Conversation, post(), typing).with(|_| json!({"isTyping": false})),
        row(SignedInHere, post(), "/api/auth/logout").ending(),
        row(SignedIn, post(), "/api/auth/logout-everywhere").ending(),
        row(SignedIn, put(), "/api/users/me/password")
            .with(|_| json!({"password": PASSWORD, "new_password": PASSWORD}))
            .ending(),
        row(SignedIn, delete(), "/api/users/me")
            .with(|_| json!({"password": PASSWORD}))
            .ending(),
    ]
}

/// Somebody who asks, and what they say of themselves.
struct Caller {
    name: String,
    standing: Standing,
    authorization: Option<String>,
    /// Sent instead of what the row has, to learn what else would be wrong.
    instead: Option<(&'static str, &'static str)>,
}

impl Caller {
    fn new(name: &str, standing: Standing, authorization: Option<String>) -> Self {
        let (name, instead) = (name.to_owned(), None);
        Self {
            name,
            standing,
            authorization,
            instead,
        }
    }
}

fn callers(world: &World) -> Vec<Caller> {
    let bearer = |token: &str| Some(format!("Bearer {token}"));
    let people = world.people.iter().map(|(standing, person)| {
        let name = format!("{} ({standing:?})", person.name);
        Caller::new(&name, *standing, bearer(&person.token))
    });
    let nobody = |name: &str, said| Caller::new(name, Standing::Nobody, said);
    let refused = world.refused.iter();
    let refused = refused.map(|(why, token)| nobody(&format!("a token: {why}"), bearer(token)));
    let good = &world.people[0].1.token;
    let schemes = ["Basic", "Token", "Bearer:", ""];
    let schemes = schemes.map(|scheme| nobody(scheme, Some(format!("{scheme} {good}"))));
    let bare = ["Bearer", "Bearer ", good].map(|said| nobody(said, Some(said.to_owned())));
    let kinds = [("application/json", "{"), ("text/plain", "x")];
    let broken = kinds.map(|kind| Caller {
        instead: Some(kind),
        ..nobody(&format!("no token, and {kind:?}"), None)
    });
    let mut callers = vec![nobody("no token", None)];
    callers.extend(
        people
            .chain(refused)
            .chain(schemes)
            .chain(bare)
            .chain(broken),
    );
    callers
}

/// A row about somebody or something: one cell for each caller.
struct Cell<'a> {
    row: &'a Row,
    method: Method,
    id: i64,
    is_there: bool,
}

/// Every cell of one caller's column. What answers a GET answers a HEAD too.
fn cells<'a>(rows: &'a [Row], world: &World) -> Vec<Cell<'a>> {
    let mut cells = Vec::new();
    for row in rows {
        let there = match row.right {
            Right::Person => world.eve.id,
            _ => THEIRS,
        };
        let ids: &[_] = match row.right {
            Right::Person | Right::Conversation => &[(there, true), (NOBODY, false)],
            _ => &[(there, true)],
        };
        let head = (row.method == Method::GET).then_some(Method::HEAD);
        for method in [row.method.clone()].into_iter().chain(head) {
            cells.extend(ids.iter().map(|&(id, is_there)| Cell {
                row,
                method: method.clone(),
                id,
                is_there,
            }));
        }
    }
    cells
}

impl Cell<'_> {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path())
    }

    fn path(&self) -> String {
        let Row { path, query, .. } = self.row;
        path.replace("{id}", &self.id.to_string()) + query
    }

    /// What the contract promises to somebody who stands like this.
    fn promised(&self, standing: Standing) -> &'static str {
        use Standing::{Elsewhere, Nobody, Participant, Stranger};
        match (self.row.right, standing) {
            (Right::Anybody(answer), _) => answer,
            (_, Nobody) => "401 unauthenticated",
            (Right::SignedInHere, Elsewhere) => "403 forbidden",
            (_, _) if !self.is_there => "404 not_found",
            (Right::Conversation, Stranger | Elsewhere) => "403 not_a_participant",
            (_, Participant | Stranger | Elsewhere) => self.row.success,
        }
    }

    /// What asks nobody is not asked with other bodies than its own: of those it judges as it likes.
    fn is_for(&self, caller: &Caller) -> bool {
        caller.instead.is_none() || !matches!(self.row.right, Right::Anybody(_))
    }

    async fn ask(&self, world: &World, caller: &Caller) -> Answer {
        let body = (self.row.body)(self.id);
        let mut carried = match caller.instead {
            Some((kind, text)) => Carried::raw(kind, text),
            None if body.is_null() => Carried::default(),
            None => Carried::json(&body),
        };
        if let Some(said) = &caller.authorization {
            carried = carried.with("authorization", said);
        }
        let door = &world.server.door;
        door.call(self.method.clone(), &self.path(), carried).await
    }

    /// The answer in short. One without a body is believed to be what its status says.
    fn verdict(&self, answer: &Answer, promised: &str) -> Verdict {
        let status = answer.status.to_string();
        if self.method == Method::HEAD {
            let same = promised.split(' ').next() == Some(&*status);
            return if same { promised.to_owned() } else { status };
        }
        let kind = answer.headers.get("content-type");
        if kind.is_none_or(|kind| !kind.as_bytes().starts_with(b"application/json")) {
            // A page, which says no more than its status.
            return status;
        }
        let body = answer.json();
        match (answer.status, body["code"].as_str()) {
            (200 | 201, None) => status,
            (number, Some(code)) => {
                answer.refused(number, code);
                format!("{status} {code}")
            }
            (_, None) => format!("{status} {body}"),
        }
    }
}

#[tokio::test]
async fn every_call_answers_everybody_as_the_contract_says() {
    let (mut misses, rows) = (Misses::default(), rows());
    let name = |method: &Method, path: &str| format!("{method} {path}");
    let mut known: Vec<_> = rows.iter().map(|row| name(&row.method, row.path)).collect();
    known.dedup();
    let served = duologue::transport::calls();
    let served: Vec<_> = served
        .iter()
        .map(|(method, path)| name(method, path))
        .collect();
    misses.compare_tables(&served, &known);

    let mut world = World::new().await;
    let mut callers = callers(&world);
    let cells = cells(&rows, &world);
    // All of 401 say the same: what was wrong with a token is nobody's business.
    let mut words = BTreeSet::new();
    for place in 0..callers.len() {
        let (caller, so_far) = (&callers[place], misses.0.len());
        let before = world.seen().await;
        for cell in cells.iter().filter(|cell| cell.is_for(caller)) {
            let promised = cell.promised(caller.standing);
            if promised.starts_with('2') {
                continue;
            }
            let answer = cell.ask(&world, caller).await;
            let verdict = cell.verdict(&answer, promised);
            misses.compare(&cell.name(), &caller.name, promised, &verdict);
            if answer.status == 401 && cell.method != Method::HEAD {
                words.insert(answer.text);
            }
        }
        if misses.0.len() == so_far {
            let column = ("what is refused", &*caller.name);
            world
                .nothing_happened(&before, column, &mut [], &mut misses)
                .await;
        }
        if misses.0.len() > so_far {
            // Who knows what it has done: even Ana may be gone. Here is another one.
            world = World::new().await;
            callers = self::callers(&world);
        }
    }
    misses.are_one("401", &words);
    for cell in &cells {
        for (place, caller) in callers.iter().enumerate() {
            let promised = cell.promised(caller.standing);
            if !promised.starts_with('2') || !cell.is_for(caller) {
                continue;
            }
            let renewed = renewed(&world, cell.row, place, caller).await;
            let answer = cell.ask(&world, renewed.as_ref().unwrap_or(caller)).await;
            let verdict = cell.verdict(&answer, promised);
            misses.compare(&cell.name(), &caller.name, promised, &verdict);
        }
    }
    misses.are_none();
}

/// The same caller, signed in once more for a call that ends their token.
async fn renewed(world: &World, row: &Row, place: usize, caller: &Caller) -> Option<Caller> {
    let signs_in = matches!(caller.standing, Standing::Participant | Standing::Stranger);
    if !(row.is_the_end && signs_in) {
        return None;
    }
    // The first of the callers has no token, the people follow.
    let (_, person) = &world.people[place - 1];
    let token = again(person).await.token;
    let authorization = Some(format!("Bearer {token}"));
    Some(Caller::new(&caller.name, caller.standing, authorization))
}
