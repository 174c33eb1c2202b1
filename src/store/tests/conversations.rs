//! Conversations: one for each pair, a list without gap or repeat, and unread counts.

use entities::ids::{ConversationId, Pair, Seq, UserId};

use super::{Lab, column, message, said};
use crate::store::conversations::{LIST, TOTAL_UNREAD};

#[tokio::test]
async fn a_pair_has_one_conversation_also_when_both_start_at_once() {
    let lab = Lab::open().await;
    let (ann, bob) = (lab.person("Ann", 1).await, lab.person("Bob", 2).await);
    let (pair, store) = (Pair::of(ann, bob), &lab.store);
    let started = tokio::join!(
        store.create_conversation(pair, ann, 5),
        store.create_conversation(pair, bob, 6),
        store.create_conversation(pair, ann, 7),
        store.create_conversation(pair, bob, 8),
    );
    let started = [started.0, started.1, started.2, started.3].map(Result::unwrap);
    let first = &started[0].0;
    assert!(
        started
            .iter()
            .all(|(conversation, _)| conversation == first)
    );
    assert_eq!(started.iter().filter(|(_, made_now)| *made_now).count(), 1);
    assert_eq!(first.pair, pair);

    let again = store.create_conversation(pair, bob, 9).await.unwrap();
    assert_eq!(again, (first.clone(), false));
    assert_eq!(
        store.conversation_of(pair).await.unwrap().as_ref(),
        Some(first)
    );
    assert_eq!(
        store.conversation(first.id).await.unwrap().as_ref(),
        Some(first)
    );
    assert_eq!(store.conversation(ConversationId(99)).await.unwrap(), None);
    let rows = column(&store.writer, "SELECT count(*) FROM participants", 0).await;
    assert_eq!(rows, ["2"]);
}

#[tokio::test]
async fn a_conversation_with_nobody_is_refused_and_leaves_nothing() {
    let lab = Lab::open().await;
    let ann = lab.person("Ann", 1).await;
    let pair = Pair::of(ann, UserId(99));
    let refused = lab
        .store
        .create_conversation(pair, ann, 5)
        .await
        .unwrap_err();
    assert!(!refused.is_conflict());
    assert_eq!(lab.store.conversation_of(pair).await.unwrap(), None);
    lab.store.check_writable().await.unwrap();
}

#[tokio::test]
async fn peers_are_those_who_share_a_conversation() {
    let lab = Lab::open().await;
    let mut people = Vec::new();
    for number in 0..4 {
        people.push(lab.person("Somebody", number).await);
    }
    lab.start(people[0], people[1], 5).await;
    lab.start(people[2], people[0], 5).await;
    lab.start(people[2], people[3], 5).await;
    let mut peers = lab.store.peers(people[0]).await.unwrap();
    peers.sort();
    assert_eq!(peers, [people[1], people[2]]);
    assert_eq!(lab.store.peers(UserId(99)).await.unwrap(), []);
}

#[tokio::test]
async fn a_listed_conversation_has_all_that_a_client_shows() {
    let lab = Lab::open().await;
    let conversation = lab.conversation().await;
    let Pair {
        low: ann,
        high: bob,
    } = conversation.pair;

    let empty = lab.store.list(ann, None, 10).await.unwrap();
    assert_eq!(empty.len(), 1);
    assert_eq!(empty[0].last_message, None);
    assert_eq!(empty[0].conversation, conversation);
    assert_eq!(empty[0].mine.active_at, conversation.created_at);

    lab.say(&conversation, bob, 0, 3).await;
    let listed = lab.store.list(ann, None, 10).await.unwrap().remove(0);
    assert_eq!(listed.last_message, Some(message(conversation.id, 3, bob)));
    let expected = said(&conversation, bob, 0, 3).marks;
    assert_eq!(
        [listed.mine, listed.theirs],
        [&expected[0], &expected[1]].map(|row| row.marks.clone())
    );
    let account = lab.store.account(bob).await.unwrap();
    assert_eq!(Some(listed.other), account);

    let listed = lab.store.list(bob, None, 10).await.unwrap().remove(0);
    assert_eq!(
        (listed.mine.user, listed.theirs.user, listed.other.id),
        (bob, ann, ann)
    );
    assert_eq!((listed.mine.read, listed.theirs.read), (Seq(3), Seq(0)));
}

/// Somebody with 25 conversations, whose times of activity come in an order of their own and in
/// groups of the same.
async fn busy_person() -> (Lab, UserId) {
    let lab = Lab::open().await;
    let me = lab.person("Me", 0).await;
    for number in 1..=25 {
        let other = lab.person("Somebody", number).await;
        let time = i64::try_from(number * 7 % 5).unwrap();
        lab.start(me, other, time).await;
    }
    (lab, me)
}

#[tokio::test]
async fn pages_of_the_list_have_no_gap_and_no_repeat() {
    let (lab, me) = busy_person().await;
    let whole = lab.store.list(me, None, 100).await.unwrap();
    let places: Vec<_> = whole
        .iter()
        .map(|listed| (listed.mine.active_at, listed.conversation.id))
        .collect();
    let mut sorted = places.clone();
    sorted.sort_by(|one, other| other.cmp(one));
    assert_eq!(
        places, sorted,
        "newest activity first, then the younger conversation"
    );
    assert_eq!(places.len(), 25);

    let (mut paged, mut before) = (Vec::new(), None);
    loop {
        let page = lab.store.list(me, before, 4).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some((last.mine.active_at, last.conversation.id));
        paged.extend(page);
    }
    assert_eq!(paged, whole);
}

#[tokio::test]
async fn the_total_of_unread_is_the_sum_over_the_list() {
    let (lab, me) = busy_person().await;
    assert_eq!(lab.store.total_unread(me).await.unwrap(), 0);
    let mut expected = 0;
    for (number, listed) in lab
        .store
        .list(me, None, 100)
        .await
        .unwrap()
        .iter()
        .enumerate()
    {
        let count = i64::try_from(number % 4).unwrap();
        // What I say myself is read.
        let by_other = number % 2 == 0;
        let sender = if by_other { listed.other.id } else { me };
        expected += if by_other { count } else { 0 };
        if count > 0 {
            lab.say(&listed.conversation, sender, 0, count).await;
        }
    }
    assert!(expected > 10);
    assert_eq!(lab.store.total_unread(me).await.unwrap(), expected);
    let list = lab.store.list(me, None, 100).await.unwrap();
    let sum: i64 = list
        .iter()
        .map(|listed| listed.mine.head.0 - listed.mine.read.0)
        .sum();
    assert_eq!(sum, expected);
}

/// How SQLite carries out a question, a line for each step.
async fn plan(lab: &Lab, sql: &str) -> Vec<String> {
    let mut sql = format!("EXPLAIN QUERY PLAN {sql}");
    for number in 1..=4 {
        sql = sql.replace(&format!("${number}"), "7");
    }
    column(&lab.store.readers, &sql, 3).await
}

#[tokio::test]
async fn questions_about_a_person_are_answered_from_their_indexes() {
    let lab = Lab::open().await;
    let total = plan(&lab, TOTAL_UNREAD).await;
    assert_eq!(total.len(), 1, "{total:?}");
    let covering = "SEARCH participants USING COVERING INDEX participants_unread (user_id=?";
    assert!(total[0].starts_with(covering), "{total:?}");

    let peers = "SELECT other_id FROM participants WHERE user_id = 7";
    let peers = plan(&lab, peers).await;
    assert_eq!(peers, ["SEARCH participants USING PRIMARY KEY (user_id=?)"]);

    let list = plan(&lab, LIST).await;
    assert_eq!(list.len(), 5, "five searches, and no sorting: {list:?}");
    let first = "SEARCH mine USING INDEX participants_by_activity (user_id=?";
    assert!(list[0].starts_with(first), "{list:?}");
    assert!(
        list.iter().all(|step| step.starts_with("SEARCH")),
        "{list:?}"
    );
}
