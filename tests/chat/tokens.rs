//! Tokens: whom the server believes. Those that it does not are tried everywhere in `matrix/`.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::{Value, json};

use crate::harness::answer::number;
use crate::harness::arrival::Transport;
use crate::harness::person::Person;
use crate::harness::server::TestServer;
use crate::harness::token::{claims, forge, mint, mint_by, now, secret};

/// `{"alg":"none","typ":"JWT"}`
const ALG_NONE: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";

fn with(id: i64, claim: &str, value: Value) -> String {
    let mut claims = claims(id);
    claims[claim] = value;
    mint(&claims)
}

fn without(id: i64, claim: &str) -> String {
    let mut claims = claims(id);
    claims.as_object_mut().expect("claims").remove(claim);
    mint(&claims)
}

/// Everything that is no token of the person's, with what is wrong with it.
pub(crate) fn bad_tokens(person: &Person) -> Vec<(&'static str, String)> {
    let good = mint(&claims(person.id));
    let parts: Vec<&str> = good.split('.').collect();
    let other = mint(&claims(person.id + 1));
    let payload_of_other = other.split('.').nth(1).expect("a payload");
    let id = person.id;
    let by = |algorithm, secret: &[u8]| mint_by(algorithm, secret, &claims(id));
    let alg = |alg: &str| forge(&json!({"alg": alg, "typ": "JWT"}), id);
    vec![
        ("expired", with(id, "exp", json!(now() - 2))),
        ("expired long ago", with(id, "exp", json!(1))),
        ("exp below zero", with(id, "exp", json!(-1))),
        (
            "exp as a string",
            with(id, "exp", json!((now() + 3600).to_string())),
        ),
        ("exp as null", with(id, "exp", Value::Null)),
        ("no exp", without(id, "exp")),
        ("no sub", without(id, "sub")),
        ("sub as a number", with(id, "sub", json!(id))),
        ("sub as null", with(id, "sub", Value::Null)),
        ("sub as a list", with(id, "sub", json!([id.to_string()]))),
        ("sub is no number", with(id, "sub", json!("Ana"))),
        ("sub is empty", with(id, "sub", json!(""))),
        ("sub is 0", with(id, "sub", json!("0"))),
        ("sub is negative", with(id, "sub", json!("-1"))),
        (
            "sub is a fraction",
            with(id, "sub", json!(format!("{id}.0"))),
        ),
        (
            "sub beyond 64 bits",
            with(id, "sub", json!("99999999999999999999")),
        ),
        ("unknown user", with(id, "sub", json!("4711"))),
        (
            "another secret",
            by(Algorithm::HS256, b"another secret of the same kind, or so"),
        ),
        ("empty secret", by(Algorithm::HS256, b"")),
        ("HS384", by(Algorithm::HS384, secret())),
        ("HS512", by(Algorithm::HS512, secret())),
        ("alg none", format!("{ALG_NONE}.{}.", parts[1])),
        (
            "alg none, signature kept",
            format!("{ALG_NONE}.{}.{}", parts[1], parts[2]),
        ),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        (
            "payload of another",
            format!("{}.{payload_of_other}.{}", parts[0], parts[2]),
        ),
        ("HS384 in the header alone", alg("HS384")),
        ("RS256 in the header", alg("RS256")),
        ("ES256 in the header", alg("ES256")),
        ("EdDSA in the header", alg("EdDSA")),
        ("none in the header", alg("none")),
        ("None in the header", alg("None")),
        ("hs256 in the header", alg("hs256")),
        ("no alg in the header", forge(&json!({"typ": "JWT"}), id)),
        (
            "alg as a list",
            forge(&json!({"alg": ["HS256"], "typ": "JWT"}), id),
        ),
        (
            "an extension that nobody knows",
            forge(&json!({"alg": "HS256", "crit": ["exp"]}), id),
        ),
        ("claims are no object", mint(&json!(["sub", "exp"]))),
        ("no JWT", "correct-horse-battery".to_owned()),
        ("dots", "..".to_owned()),
    ]
}

#[tokio::test]
async fn a_token_carries_the_claims_of_the_contract() {
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    let key = DecodingKey::from_secret(secret());
    let token = decode::<Value>(&ana.token, &key, &Validation::new(Algorithm::HS256));
    let token = token.expect("an HS256 token over the secret");

    assert_eq!(token.claims["sub"], ana.id.to_string());
    assert_eq!(token.claims["name"], "Ana");
    let (issued, expires) = (number(&token.claims["iat"]), number(&token.claims["exp"]));
    assert_eq!(expires - issued, 7 * 24 * 3600);
    assert!((now() as i64 - issued).abs() <= 20, "iat {issued}");
}

#[tokio::test]
async fn a_token_minted_elsewhere_with_the_same_secret_works_and_its_name_counts_for_nothing() {
    let server = TestServer::start().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let mut claims = claims(ana.id);
    claims["name"] = json!("Eve");
    claims["exp"] = json!(now() + 60);
    let minted = Person {
        token: mint(&claims),
        ..ana.clone()
    };

    assert_eq!(
        minted.get("/api/users/me").await.ok()["user"]["name"],
        "Ana"
    );
    let chat = minted.chat_with(&ben).await;
    let mut bens = ben.connect(Transport::WebSocket).await;
    let mut socket = minted.connect(Transport::WebSocket).await;
    assert_eq!(minted.send(chat, "by REST").await["sender_name"], "Ana");
    assert_eq!(
        socket.send_message(chat, "by socket").await["sender_name"],
        "Ana"
    );
    assert_eq!(bens.next_message().await["sender_name"], "Ana");
    socket
        .request("typing_start", json!({"conversationId": chat}))
        .await
        .ok();
    assert_eq!(bens.next_event("user_typing").await["user"]["name"], "Ana");
}

#[tokio::test]
async fn a_token_in_the_url_is_none() {
    let server = TestServer::start().await;
    let [ana] = server.people(["Ana"]).await;
    let path = format!("/api/users/me?token={0}&access_token={0}", ana.token);
    let answer = server.door.get(&path).await;
    answer.refused(401, "unauthenticated");
}
