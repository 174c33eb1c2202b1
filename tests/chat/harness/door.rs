//! The way in to one server: where it is, and plain HTTP calls.

use std::net::SocketAddr;
use std::sync::{Arc, RwLock};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::harness::answer::Answer;
use crate::harness::person::Person;
use crate::harness::wait::DEADLINE;

/// What everybody's password is.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A server's address, which a restart changes for everyone who holds the door, and a client.
#[derive(Debug)]
pub(crate) struct Door {
    client: Client,
    address: RwLock<SocketAddr>,
}

/// What a call carries.
#[derive(Debug, Default)]
pub(crate) struct Carried<'a> {
    pub(crate) token: Option<&'a str>,
    pub(crate) headers: Vec<(&'a str, String)>,
    pub(crate) body: Option<Vec<u8>>,
}

impl<'a> Carried<'a> {
    /// A JSON body.
    pub(crate) fn json(body: &Value) -> Self {
        Self::raw("application/json", body.to_string())
    }

    /// A body of any kind.
    pub(crate) fn raw(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self {
            token: None,
            headers,
            body: Some(body.into()),
        }
    }

    /// The same with somebody's token.
    pub(crate) fn by(mut self, token: &'a str) -> Self {
        self.token = Some(token);
        self
    }

    /// The same with one more header.
    pub(crate) fn with(mut self, name: &'a str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

impl Door {
    /// A door to the server at `address`.
    pub(crate) fn to(address: SocketAddr) -> Arc<Self> {
        // The server closes what is idle for 15 s: a request must not meet that on its way.
        let client = Client::builder()
            .no_proxy()
            .timeout(DEADLINE)
            .pool_idle_timeout(DEADLINE / 2)
            .build();
        let client = client.expect("an HTTP client");
        Arc::new(Self {
            client,
            address: RwLock::new(address),
        })
    }

    /// Where the server is now.
    pub(crate) fn address(&self) -> SocketAddr {
        *self
            .address
            .read()
            .expect("nobody panicked with the address")
    }

    /// Follows the server to where it went.
    pub(crate) fn moved(&self, address: SocketAddr) {
        *self
            .address
            .write()
            .expect("nobody panicked with the address") = address;
    }

    /// One call; its failure is `None` (the server may be gone, or going).
    pub(crate) async fn try_call(
        &self,
        method: Method,
        path: &str,
        carried: Carried<'_>,
    ) -> Option<Answer> {
        self.attempt(method, path, carried).await.ok()
    }

    async fn attempt(
        &self,
        method: Method,
        path: &str,
        carried: Carried<'_>,
    ) -> reqwest::Result<Answer> {
        let asked = format!("{method} {path}");
        let url = format!("http://{}{path}", self.address());
        let mut request = self.client.request(method, url);
        if let Some(token) = carried.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in carried.headers {
            request = request.header(name, value);
        }
        if let Some(body) = carried.body {
            request = request.body(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        Ok(Answer {
            status,
            headers,
            text,
            asked,
        })
    }

    /// One call, which must be answered.
    pub(crate) async fn call(&self, method: Method, path: &str, carried: Carried<'_>) -> Answer {
        let asked = format!("{method} {path}");
        let answer = self.attempt(method, path, carried).await;
        answer.unwrap_or_else(|error| panic!("{asked} got no answer: {error:?}"))
    }

    /// A `GET` by nobody.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, Carried::default()).await
    }

    /// Asks for an account.
    pub(crate) async fn register(&self, name: &str, email: &str, password: &str) -> Answer {
        let body = json!({"name": name, "email": email, "password": password});
        self.call(Method::POST, "/api/auth/register", Carried::json(&body))
            .await
    }

    /// Asks for a token.
    pub(crate) async fn login(&self, email: &str, password: &str) -> Answer {
        let body = json!({"email": email, "password": password});
        self.call(Method::POST, "/api/auth/login", Carried::json(&body))
            .await
    }

    /// Registers one person, with an e-mail made of the name.
    pub(crate) async fn person(self: &Arc<Self>, name: &str) -> Person {
        let email = format!("{}@example.com", name.to_lowercase().replace(' ', "."));
        let data = self.register(name, &email, PASSWORD).await.created();
        Person::new(self, &data)
    }

    /// Registers these people, in this order.
    pub(crate) async fn people<const N: usize>(self: &Arc<Self>, names: [&str; N]) -> [Person; N] {
        let mut people = Vec::with_capacity(N);
        for name in names {
            people.push(self.person(name).await);
        }
        people.try_into().expect("as many people as names")
    }
}
