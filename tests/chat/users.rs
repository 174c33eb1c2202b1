//! The people one can message.

use serde_json::{Value, json};

use crate::harness::answer::has_keys;
use crate::harness::server::TestServer;

fn names(list: &Value) -> Vec<&str> {
    let list = list.as_array().expect("a list of users");
    list.iter()
        .map(|user| user["name"].as_str().expect("a name"))
        .collect()
}

#[tokio::test]
async fn the_list_holds_everybody_but_the_caller_by_name() {
    let server = TestServer::start().await;
    let [cleo, _ana, ben] = server.people(["Cleo", "Ana", "Ben"]).await;

    let users = cleo.get("/api/users").await.ok();
    assert_eq!(names(&users), ["Ana", "Ben"]);
    assert_eq!(names(&ben.get("/api/users").await.ok()), ["Ana", "Cleo"]);
    for user in users.as_array().expect("users") {
        has_keys(user, &["id", "name", "status", "last_seen_at"]);
        assert_eq!(user["status"], "offline");
    }
}

#[tokio::test]
async fn a_search_finds_part_of_a_name_and_knows_no_wildcards() {
    let server = TestServer::start().await;
    let [ana, ..] = server
        .people(["Ana", "Ben", "Bert", "100% Bo_b", "O'Neil"])
        .await;
    let found = async |search: &str| {
        let users = ana.get(&format!("/api/users?search={search}")).await.ok();
        names(&users)
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };

    assert_eq!(found("Be").await, ["Ben", "Bert"]);
    assert_eq!(found("ert").await, ["Bert"]);
    assert_eq!(
        found("%25").await,
        ["100% Bo_b"],
        "% is a character as any other"
    );
    assert_eq!(
        found("o_b").await,
        ["100% Bo_b"],
        "_ is a character as any other"
    );
    assert_eq!(found("_").await, ["100% Bo_b"]);
    assert_eq!(found("O%27N").await, ["O'Neil"]);
    assert_eq!(found("Zoe").await, [""; 0]);
    assert_eq!(found("Ana").await, [""; 0], "never the caller");
    assert_eq!(
        found("example").await,
        [""; 0],
        "an e-mail is nobody else's business"
    );
    assert_eq!(found("").await.len(), 4);
}

#[tokio::test]
async fn the_list_is_paged() {
    let server = TestServer::start().await;
    let [ana, ..] = server
        .people(["Ana", "Ben", "Cleo", "Dan", "Eve", "Finn"])
        .await;

    let mut all: Vec<String> = Vec::new();
    for page in 1..=4 {
        let answer = ana
            .get(&format!("/api/users?page={page}&limit=2"))
            .await
            .success(200);
        assert!(answer["pagination"].is_object(), "{answer}");
        all.extend(names(&answer["data"]).into_iter().map(str::to_owned));
    }
    assert_eq!(all, ["Ben", "Cleo", "Dan", "Eve", "Finn"]);
    for limit in ["0", "101", "-1", "ten", "1.5", "9007199254740992"] {
        ana.get(&format!("/api/users?limit={limit}"))
            .await
            .invalid("limit");
    }
    for page in ["0", "-1", "one", "1.5"] {
        ana.get(&format!("/api/users?page={page}"))
            .await
            .invalid("page");
    }
    ana.get("/api/users?limit=1").await.ok();
    ana.get("/api/users?limit=100").await.ok();
}

#[tokio::test]
async fn one_person_is_found_by_id_and_shows_no_email_to_others() {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;

    let user = ana.sees(&ben).await;
    has_keys(&user, &["id", "name", "status", "last_seen_at"]);
    assert_eq!(user["name"], "Ben");
    assert_eq!(ana.sees(&ana).await["email"], json!("ana@example.com"));
    ana.get("/api/users/4711").await.refused(404, "not_found");
}
