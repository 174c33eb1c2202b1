//! How things stand: who is alive, what waits where, and which conversations stand out.

use std::time::Duration;

use serde_json::Value;

use super::counts::sends_and_stored;
use crate::harness::answer::{each, number};
use crate::harness::arrival::Transport;
use crate::harness::dial::Dial;
use crate::harness::exposition::Exposition;
use crate::harness::operator;
use crate::harness::server::TestServer;
use crate::harness::wait::until;

#[tokio::test]
async fn who_is_alive_is_told_and_who_has_gone_is_not() {
    let server = TestServer::with(|config| {
        operator::listens(config);
        config.limits.conversation_idle = Duration::from_millis(50);
        config.limits.recovery_time = Duration::from_millis(300);
    })
    .await;
    let operator = server.operator();
    let sessions = |seen: &Exposition| {
        ["attached", "away"].map(|socket| seen.count_of("duologue_sessions", "socket", socket))
    };
    let actors = |seen: &Exposition, kind: &str| seen.count_of("duologue_actors", "kind", kind);
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let anas = ana.connect(Transport::WebSocket).await;
    let bens = ben.connect(Transport::SocketIo).await;
    let mut stays = ben.connect(Transport::SocketIo).await;
    let seen = operator.metrics().await;
    assert_eq!((sessions(&seen), actors(&seen, "session")), ([3, 0], 3));
    assert_eq!(actors(&seen, "service"), 3);

    ana.send(chat, "hi").await;
    ana.typing(chat, true).await;
    let seen = operator.metrics().await;
    assert_eq!(actors(&seen, "conversation"), 1, "awake while she types");
    ana.typing(chat, false).await;
    let asleep = |seen: &Exposition| actors(seen, "conversation") == 0;
    operator.metrics_when("it to sleep again", asleep).await;
    ana.send(chat, "hi again").await;
    let whole = |seen: &Exposition| seen.count("duologue_sends_total") == 2;
    let seen = operator.metrics_when("what both counted", whole).await;
    sends_and_stored(&seen, 2, 2);

    anas.break_off();
    bens.break_off();
    let away = |seen: &Exposition| sessions(seen) == [1, 1];
    operator.metrics_when("one who may come back", away).await;
    let forgotten = |seen: &Exposition| sessions(seen) == [1, 0];
    operator.metrics_when("one who did not", forgotten).await;
    stays.round_trip().await;
}

#[tokio::test]
async fn what_waits_is_told_where_it_waits() {
    let server = TestServer::operated().await;
    let operator = server.operator();
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    ana.send(chat, "it is awake").await;
    let locked = server.lock().await;
    let posts = ana.post_at_once(chat, 5);
    let depth = |seen: &Exposition, queue| seen.count_of("duologue_queue_depth", "queue", queue);
    let held_up = |seen: &Exposition| depth(seen, "sends") == 5 && depth(seen, "mailboxes") == 0;
    operator.metrics_when("5 sends under way", held_up).await;
    let busiest = operator.overview().await["busiest"].take();
    let room = &busiest[0];
    assert_eq!(number(&room["conversation"]), chat);
    // One batch is out. Whatever came behind its first is in line.
    let in_line = number(&room["in_line"]);
    assert!((1..=4).contains(&in_line), "{room}");
    locked.unlock().await;
    for post in posts {
        post.await.expect("a task").created();
    }
    let empty = |seen: &Exposition| {
        ["sends", "commands", "mailboxes", "journal"].map(|queue| depth(seen, queue)) == [0; 4]
    };
    operator.metrics_when("everything to be done", empty).await;
    let room = operator.overview().await["busiest"][0].take();
    assert_eq!((number(&room["stored"]), number(&room["in_line"])), (6, 0));
    assert!(
        number(&room["slowest"]) > 0 && number(&room["largest_batch"]) > 1,
        "{room}"
    );
}

#[tokio::test]
async fn what_is_written_and_not_proven_is_in_the_outboxes_until_it_is() {
    let server = TestServer::operated().await;
    let operator = server.operator();
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    let dial = Dial::to(&server.door).withholding_pongs();
    let mut bens = ben.connect_by(Transport::SocketIo, dial).await;
    let bytes = |seen: &Exposition, state| seen.count_of("duologue_outbox_bytes", "state", state);
    let text = "a long word ".repeat(100);
    let message = ana.send(chat, text.trim()).await;
    bens.silent_until_message(&[], &message).await;
    let kept = |seen: &Exposition| bytes(seen, "kept") > 1_200 && bytes(seen, "waiting") == 0;
    let seen = operator.metrics_when("what is kept", kept).await;
    let fullest = seen.count("duologue_outbox_fullest_bytes");
    assert_eq!(fullest, bytes(&seen, "kept"), "there is one outbox");
    bens.break_off();
    let stranger = ben.connect(Transport::WebSocket).await;
    let still = operator.metrics().await;
    assert!(bytes(&still, "kept") > 1_200, "its session waits with it");
    drop(stranger);
}

#[tokio::test]
async fn the_busiest_and_the_slowest_are_told_by_id_with_their_figures() {
    let server = TestServer::operated().await;
    let [ana, ben, cleo] = server.people(["Ana", "Ben", "Cleo"]).await;
    let (much, little) = (ana.chat_with(&ben).await, ana.chat_with(&cleo).await);
    ana.send_many(much, 9).await;
    ana.send_many(little, 2).await;
    let ids =
        |list: &Value| -> Vec<i64> { each(list).map(|one| number(&one["conversation"])).collect() };
    let overview = until("both to be told", async || {
        let overview = server.operator().overview().await;
        (ids(&overview["busiest"]) == [much, little]).then_some(overview)
    })
    .await;
    let mut slowest = ids(&overview["slowest"]);
    slowest.sort_unstable();
    assert_eq!(slowest, [much, little]);
    let first = &overview["busiest"][0];
    let figure = |name: &str| number(&first[name]);
    assert_eq!(
        (figure("stored"), figure("batches"), figure("mailbox")),
        (9, 9, 0)
    );
    assert_eq!((figure("last_batch"), figure("largest_batch")), (1, 1));
    let each_second = first["per_second"].as_f64().expect("a number");
    assert!(each_second > 0.0 && each_second < 1.0, "{first}");
}

#[tokio::test]
async fn a_sample_is_kept_of_every_second() {
    let server = TestServer::operated().await;
    let [ana, ben] = server.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    ana.send_many(chat, 3).await;
    let samples = until("two samples, the newest of which has all", async || {
        let samples = server.operator().overview().await["samples"].take();
        let newest = samples.as_array()?.last()?["sends"].as_i64();
        (each(&samples).count() >= 2 && newest == Some(3)).then_some(samples)
    })
    .await;
    let times: Vec<i64> = each(&samples).map(|one| number(&one["at"])).collect();
    assert!(times.is_sorted_by(|one, next| one < next), "{times:?}");
    let newest = &samples[times.len() - 1];
    let figure = |name: &str| number(&newest[name]);
    assert_eq!((figure("acknowledged"), figure("messages")), (3, 3));
    assert_eq!(figure("commits"), 3, "{newest}");
}
