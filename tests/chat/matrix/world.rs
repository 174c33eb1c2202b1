//! Who asks: two people with a conversation, strangers, and everybody whose token does not count.

use reqwest::Method;
use serde_json::{Value, json};

use super::Misses;
use crate::access::{again, log_out};
use crate::harness::arrival::{EVENTS, Transport};
use crate::harness::dial::Dial;
use crate::harness::door::{Carried, PASSWORD};
use crate::harness::person::Person;
use crate::harness::server::TestServer;
use crate::harness::socket::Socket;
use crate::harness::token::{claims, mint, now};
use crate::tokens::bad_tokens;

/// The conversation that the matrix is about, Ana's and Ben's. Ana has one with each stranger too.
pub(super) const THEIRS: i64 = 1;

/// How somebody stands to the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// One of its two.
    Participant,
    /// Registered, and not one of them.
    Stranger,
    /// The same, with a token that was made elsewhere over the same secret.
    Elsewhere,
    /// Without a token that counts.
    Nobody,
}

/// A server with the people of the matrix.
pub(super) struct World {
    pub(super) server: TestServer,
    /// Those whose token counts. The first two are Ana and Ben.
    pub(super) people: Vec<(Standing, Person)>,
    /// A person for whom the others may ask.
    pub(super) eve: Person,
    /// Every token that does not count, and why.
    pub(super) refused: Vec<(String, String)>,
    /// A session of each of the people, which has joined nothing.
    watchers: Vec<Socket>,
}

impl World {
    pub(super) async fn new() -> Self {
        // What is delivered is not proven, so that nobody is told of it; and nobody is hung up on.
        let server = TestServer::with(|config| {
            config.limits.ping_timeout = std::time::Duration::from_secs(3_600);
        })
        .await;
        let names = ["Ana", "Ben", "Cleo", "Dan", "Eve", "Finn"];
        let [ana, ben, cleo, dan, eve, finn] = server.people(names).await;
        assert_eq!(ana.chat_with(&ben).await, THEIRS);
        ana.send(THEIRS, "between us").await;
        for stranger in [&cleo, &dan] {
            ana.chat_with(stranger).await;
        }
        let mut refused: Vec<_> = bad_tokens(&ana)
            .into_iter()
            .map(|(why, token)| (why.to_owned(), token))
            .collect();
        let (ended, ben) = end_tokens(ben).await;
        refused.extend(ended);
        let delete = Carried::json(&json!({"password": PASSWORD}));
        finn.call(Method::DELETE, "/api/users/me", delete)
            .await
            .ok();
        refused.push(("a deleted account".to_owned(), finn.token));
        let mut elsewhere = claims(dan.id);
        // Not before Dan's other tokens end, which one of the calls is about.
        elsewhere["iat"] = json!(now() + 3_600);
        let token = mint(&elsewhere);
        let dan = Person { token, ..dan };
        let people = vec![
            (Standing::Participant, ana),
            (Standing::Participant, ben),
            (Standing::Stranger, cleo),
            (Standing::Elsewhere, dan),
        ];
        let mut world = Self {
            server,
            people,
            eve,
            refused,
            watchers: Vec::new(),
        };
        for (_, person) in &world.people {
            let watcher = connect(person, Transport::WebSocket).await;
            world.watchers.push(watcher);
        }
        // That they came is told to the others, and is no part of what follows.
        world.heard(&mut []).await;
        world
    }

    fn ana(&self) -> &Person {
        &self.people[0].1
    }

    /// Everything that people can see, to be compared.
    pub(super) async fn seen(&self) -> Vec<(String, Value)> {
        let mut seen = Vec::new();
        let lists = [
            "/api/users/me",
            "/api/users",
            "/api/conversations",
            "/api/messages/unread/count",
        ];
        for (_, person) in &self.people {
            for path in lists {
                let what = format!("{path} of {}", person.name);
                seen.push((what, person.get(path).await.json()));
            }
        }
        for chat in self.chats() {
            let path = format!("/api/messages/conversation/{chat}?limit=100");
            let history = self.ana().get(&path).await.json();
            seen.push((path, history));
        }
        seen
    }

    /// Ana's conversations, each with another.
    fn chats(&self) -> std::ops::RangeInclusive<i64> {
        THEIRS..=self.people.len() as i64 - 1
    }

    /// What the sessions of anybody were told since this was asked last: those that watch, and
    /// these, one for each of the people or none.
    pub(super) async fn heard(&mut self, others: &mut [Socket]) -> Vec<String> {
        let mut markers = Vec::new();
        for chat in self.chats() {
            markers.push(self.ana().send(chat, "marker").await);
        }
        let last = |index: usize| match index {
            0 => markers.len() - 1,
            other => other - 1,
        };
        let watchers = self.watchers.iter_mut().enumerate();
        let mut heard = Vec::new();
        for (index, socket) in watchers.chain(others.iter_mut().enumerate()) {
            heard.extend(events_until(socket, &markers, last(index)).await);
        }
        heard
    }

    /// Nothing is seen that is not in `before`, and nobody heard of anything.
    pub(super) async fn nothing_happened(
        &mut self,
        before: &[(String, Value)],
        (rows, caller): (&str, &str),
        others: &mut [Socket],
        misses: &mut Misses,
    ) {
        let after = self.seen().await;
        for ((what, before), (_, after)) in before.iter().zip(&after) {
            if before != after {
                let what = format!("{what} was {before} and is {after}");
                misses.add(rows, caller, &what);
            }
        }
        for event in self.heard(others).await {
            misses.add(rows, caller, &event);
        }
    }
}

/// A session whose pongs are withheld.
pub(super) async fn connect(person: &Person, transport: Transport) -> Socket {
    let dial = Dial::to(&person.door).withholding_pongs();
    person.connect_by(transport, dial).await
}

/// Every event up to the last of these markers, without the markers.
async fn events_until(socket: &mut Socket, markers: &[Value], last: usize) -> Vec<String> {
    let mut heard = Vec::new();
    loop {
        let (name, data) = socket.next_of(&EVENTS).await;
        let carried = match &*name {
            "conversation_updated" => &data["last_message"],
            _ => &data["message"],
        };
        match markers.iter().position(|marker| marker == carried) {
            Some(place) if place == last => return heard,
            Some(_) => {}
            None => heard.push(format!("{} was told {name} {data}", socket.whose)),
        }
    }
}

/// Tokens of this person that ended before their time, each in its way; and the person with a token
/// that counts.
async fn end_tokens(person: Person) -> (Vec<(String, String)>, Person) {
    let mut ended = Vec::new();
    for path in ["logout", "logout-everywhere"] {
        let gone = again(&person).await;
        log_out(&gone, path).await;
        ended.push((format!("after {path}"), gone.token));
    }
    let email = format!("{}@example.com", person.name.to_lowercase());
    let body = json!({"email": email, "password": PASSWORD, "refresh": true});
    let pair = person.post("/api/auth/login", body).await.ok();
    let refresh_token = pair["refresh_token"].as_str().expect("a token").to_owned();
    ended.push(("a refresh token".to_owned(), refresh_token));
    let gone = Person::new(&person.door, &pair);
    let body = json!({"password": PASSWORD, "new_password": PASSWORD});
    let new = gone.put("/api/users/me/password", body).await.ok();
    ended.push(("after another password".to_owned(), gone.token));
    (ended, Person::new(&person.door, &new))
}
