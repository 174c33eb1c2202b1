//! Every way into a session, with every token that does not count.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Misses;
use super::world::World;
use crate::harness::arrival::Transport;
use crate::harness::dial::Dial;

/// What is no token, beside those that do not count: each as JSON.
fn refused(world: &World) -> Vec<(String, Value)> {
    let minted = world.refused.iter();
    let minted = minted.map(|(why, token)| (format!("a token: {why}"), json!(token)));
    let others = [json!(""), json!(7), json!([7]), json!({}), Value::Null];
    let others = others.map(|other| (format!("no token: {other}"), other));
    minted.chain(others).collect()
}

/// The status of an upgrade that was refused.
async fn upgrade(dial: Dial) -> String {
    match dial.open().await {
        Ok(_) => "a connection".to_owned(),
        Err(status) => status.to_string(),
    }
}

/// What the first frame is answered with, and how the connection ends then; with an id, and then
/// without. Its message is one of these `words`.
async fn first_frame(world: &World, token: &Value, words: &mut BTreeSet<String>) -> String {
    let frame = json!({"token": token});
    let open = async || Dial::to(&world.server.door).open().await;
    let mut socket = open().await.expect("an upgrade");
    let reply = socket.request("authenticate", frame.clone()).await;
    let Some(code) = reply.body["code"].as_str() else {
        return "a session".to_owned();
    };
    reply.refused(code);
    words.insert(reply.body["message"].to_string());
    let with_id = format!("{code}, {:?}", socket.end().await);
    let mut socket = open().await.expect("an upgrade");
    socket.emit("authenticate", frame);
    let error = socket.next_event("error").await;
    assert_eq!(error["code"], code, "{error}");
    words.insert(error["message"].to_string());
    assert_eq!(format!("{code}, {:?}", socket.end().await), with_id);
    with_id
}

/// What CONNECT is answered with. The connection stays, for another.
async fn connect(world: &World, dial: Dial, auth: &str, words: &mut BTreeSet<String>) -> String {
    let mut socket = dial.open().await.expect("a connection");
    socket.opened().await;
    let Err(refusal) = socket.enter_with(auth).await else {
        return "a session".to_owned();
    };
    words.insert(refusal["message"].to_string());
    let good = json!({"token": world.people[0].1.token}).to_string();
    socket.enter_with(&good).await.expect("a greeting");
    refusal["data"]["code"].to_string().replace('"', "")
}

async fn no_token_that_does_not_count_opens_a_session(transport: Transport) {
    let mut misses = Misses::default();
    let mut world = World::new().await;
    // What was wrong with a token is nobody's business.
    let mut words = BTreeSet::new();
    let before = world.seen().await;
    let dial = || Dial::to(&world.server.door).over(transport);
    for (who, token) in &refused(&world) {
        let (text, auth) = (token.as_str(), json!({"token": token}).to_string());
        let mut compare = |row: &str, expected: &str, got: String| {
            let row = format!("{row} over {transport:?}");
            misses.compare(&row, who, expected, &got);
        };
        if transport == Transport::WebSocket {
            if let Some(text) = text {
                let answer = upgrade(dial().bearer(text)).await;
                compare("the header", "401", answer);
                let answer = upgrade(dial().subprotocol(text)).await;
                compare("the subprotocol", "401", answer);
            }
            let answer = first_frame(&world, token, &mut words).await;
            compare("the first frame", "unauthenticated, Code(4401)", answer);
        } else {
            if let Some(text) = text {
                let answer = connect(&world, dial().bearer(text), "", &mut words).await;
                compare("the header", "unauthenticated", answer);
            }
            let answer = connect(&world, dial(), &auth, &mut words).await;
            compare("CONNECT", "unauthenticated", answer);
        }
    }
    misses.are_one("a refusal", &words);
    let column = ("what is refused", "nobody");
    world
        .nothing_happened(&before, column, &mut [], &mut misses)
        .await;
    misses.are_none();
}

over_every_transport!(no_token_that_does_not_count_opens_a_session);
