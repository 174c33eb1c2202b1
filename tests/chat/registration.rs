//! Registration: what a name, an e-mail and a password may be.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::answer::{Answer, each};
use crate::harness::door::{Carried, Door, PASSWORD};
use crate::harness::person::Person;
use crate::harness::server::TestServer;

async fn register(door: &Door, body: &Value) -> Answer {
    door.call(Method::POST, "/api/auth/register", Carried::json(body))
        .await
}

#[tokio::test]
async fn each_field_of_a_registration_is_checked_and_named() {
    let server = TestServer::start().await;
    let good = json!({"name": "Ana", "email": "ana@example.com", "password": PASSWORD});
    let bad = json!({
        "name": ["", "   ", "x".repeat(101), "🦊".repeat(101), "A\u{0}na",
            7, true, ["Ana"], {}, null],
        "email": ["", "ana", "ana@", "@example.com", "a b@example.com", "a\u{0}@example.com",
            format!("{}@example.com", "a".repeat(243)), 7, false, ["ana@example.com"], {}, null],
        "password": ["", "1234567", "ä".repeat(513), "x".repeat(1025), 12_345_678, true, {}, null],
    });
    for (field, values) in bad.as_object().expect("the fields") {
        for value in each(values) {
            let mut body = good.clone();
            body[field] = value.clone();
            register(&server.door, &body).await.invalid(field);
        }
        let mut body = good.clone();
        body.as_object_mut().expect("an object").remove(field);
        register(&server.door, &body).await.invalid(field);
    }
    // Nothing of it was stored: the e-mail is free, and nobody was counted.
    let data = server
        .door
        .register("Ana", "ana@example.com", PASSWORD)
        .await
        .created();
    assert_eq!(data["user"]["id"], 1);
}

#[tokio::test]
async fn the_limits_of_a_registration_belong_to_what_is_allowed() {
    let server = TestServer::start().await;
    let label = "b".repeat(63);
    let longest = format!("{}@{label}.{label}.{}", "a".repeat(64), "c".repeat(61));
    assert_eq!(longest.len(), 254);
    let cases = [
        (
            "x".to_owned(),
            "one@example.com".to_owned(),
            "12345678".to_owned(),
        ),
        (
            "🦊".repeat(100),
            "two@example.com".to_owned(),
            "ä".repeat(4),
        ),
        ("x".repeat(100), longest, "ü".repeat(512)),
        (
            "Y".to_owned(),
            "four@example.com".to_owned(),
            "x".repeat(1024),
        ),
    ];
    for (name, email, password) in cases {
        let data = server
            .door
            .register(&name, &email, &password)
            .await
            .created();
        assert_eq!(data["user"]["name"], name);
        assert_eq!(
            server.door.login(&email, &password).await.ok()["user"],
            data["user"]
        );
    }
}

#[tokio::test]
async fn a_name_that_is_markup_is_refused_and_any_other_comes_back_as_it_was_sent() {
    let server = TestServer::start().await;
    for name in [
        "<script>alert('x')</script>",
        "<b>Ana",
        "Ana</b>",
        "<img src=x onerror=alert(1)>",
    ] {
        let body = json!({"name": name, "email": "ana@example.com", "password": PASSWORD});
        register(&server.door, &body).await.invalid("name");
    }
    for (i, name) in [
        "O'Neil",
        "Müller & \"Söhne\"",
        "';--",
        "李小龍",
        "Ana 🦊",
        "null",
    ]
    .iter()
    .enumerate()
    {
        let data = server
            .door
            .register(name, &format!("{i}@example.com"), PASSWORD)
            .await
            .created();
        assert_eq!(data["user"]["name"], *name);
        let person = Person::new(&server.door, &data);
        assert_eq!(
            person.get("/api/users/me").await.ok()["user"]["name"],
            *name
        );
    }
}
