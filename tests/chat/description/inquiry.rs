//! Questions, each of whose answers is compared with the description.

use std::sync::Arc;

use serde_json::{Value, json};

use super::document::{Document, Operation};
use crate::harness::answer::Answer;
use crate::harness::door::{Carried, Door};
use crate::harness::person::Person;

const DESCRIPTION: &str = "/api/openapi.json";

/// Asks, and compares the answer with what is said of it.
pub(super) struct Inquiry {
    pub(super) document: Document,
    pub(super) door: Arc<Door>,
}

impl Inquiry {
    pub(super) async fn about(door: &Arc<Door>) -> Self {
        let document = Document::at(door, DESCRIPTION).await;
        let door = Arc::clone(door);
        Self { document, door }
    }

    /// One call, with `{id}` and what follows the `?`.
    pub(super) async fn ask(
        &mut self,
        operation: &Operation,
        (id, query): (&str, &str),
        token: Option<&str>,
        carried: Carried<'_>,
    ) -> Answer {
        let path = operation.path.replace("{id}", id) + query;
        let carried = Carried { token, ..carried };
        let answer = self
            .door
            .call(operation.method.clone(), &path, carried)
            .await;
        self.document.check(operation, &answer);
        answer
    }

    /// The same by its name, `GET /api/users/{id}`, with JSON or nothing.
    pub(super) async fn make(
        &mut self,
        name: &str,
        at: (impl ToString, &str),
        token: Option<&str>,
        body: Value,
    ) -> Answer {
        let operations = self.document.operations();
        let found = operations.iter().find(|one| one.name() == name);
        let operation = found.unwrap_or_else(|| panic!("{name} is not described"));
        let carried = match body {
            Value::Null => Carried::default(),
            body => Carried::json(&body),
        };
        let (id, query) = at;
        self.ask(operation, (&id.to_string(), query), token, carried)
            .await
    }

    /// What is wrong in the same way for many calls.
    pub(super) async fn make_mistakes(&mut self, by: &Person) {
        for operation in self.document.operations() {
            let one = ("1", "");
            let (token, example) = (Some(&*by.token), operation.body().cloned());
            if operation.described["security"] == json!([{"token": []}]) {
                let refused = self.ask(&operation, one, None, Carried::default()).await;
                assert_eq!(refused.status, 401, "{refused:?}");
            }
            if example.is_some() {
                for (kind, body) in [("application/json", "{"), ("text/plain", "x")] {
                    self.ask(&operation, one, token, Carried::raw(kind, body))
                        .await;
                }
            }
            let large = Carried::raw("application/json", "x".repeat(70_000));
            self.ask(&operation, one, token, large).await;
            let parameters = operation.described["parameters"].as_array();
            for parameter in parameters.into_iter().flatten() {
                if parameter["in"] == "path" {
                    for id in ["x", "4711"] {
                        let carried = example.as_ref().map(Carried::json).unwrap_or_default();
                        self.ask(&operation, (id, ""), token, carried).await;
                    }
                } else {
                    let query = format!("?{}=%00", parameter["name"].as_str().expect("a name"));
                    self.ask(&operation, ("1", &query), token, Carried::default())
                        .await;
                }
            }
        }
    }

    /// Asks for each call that may be answered with `status`, except these, and gets that.
    pub(super) async fn is_always(&mut self, status: u16, token: &str, except: &[&str]) {
        for operation in self.document.operations() {
            let may = operation.may(&status.to_string());
            if may && !except.contains(&&*operation.name()) {
                let carried = operation.body().map(Carried::json).unwrap_or_default();
                let token = Some(token);
                let answer = self.ask(&operation, ("1", ""), token, carried).await;
                assert_eq!(answer.status, status, "{answer:?}");
            }
        }
    }
}
