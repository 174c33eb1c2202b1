//! Accounts: the e-mail is unique, and people are found by name.

use entities::ids::UserId;

use super::Lab;
use crate::store::{Account, DELETED_NAME, LastSeen, NewAccount};

fn ann() -> NewAccount {
    NewAccount {
        name: "Ann".to_owned(),
        email: "ann@example.com".to_owned(),
        password_hash: "hash".to_owned(),
        now: 5,
    }
}

#[tokio::test]
async fn an_account_is_found_as_it_was_made() {
    let lab = Lab::open().await;
    let made = lab.store.create(ann()).await.unwrap().unwrap();
    let expected = Account {
        id: UserId(1),
        name: "Ann".to_owned(),
        email: "ann@example.com".to_owned(),
        chosen: "online".to_owned(),
        tokens_from: 0,
        last_seen_at: None,
        deleted: false,
    };
    assert_eq!(made, expected);
    assert_eq!(
        lab.store.account(UserId(1)).await.unwrap(),
        Some(expected.clone())
    );
    assert_eq!(lab.store.account(UserId(2)).await.unwrap(), None);
    let found = lab.store.credentials("ann@example.com").await.unwrap();
    assert_eq!(found, Some((expected, "hash".to_owned())));
    assert_eq!(
        lab.store.credentials("bob@example.com").await.unwrap(),
        None
    );
}

#[tokio::test]
async fn an_email_is_taken_once_also_at_the_same_moment() {
    let lab = Lab::open().await;
    let (one, two, three) = tokio::join!(
        lab.store.create(ann()),
        lab.store.create(ann()),
        lab.store.create(ann())
    );
    let made = [one, two, three].map(|answer| answer.unwrap().is_some());
    assert_eq!(made.iter().filter(|&&made| made).count(), 1);
    assert_eq!(lab.store.create(ann()).await.unwrap(), None);
    assert_eq!(
        lab.person("Bob", 1).await,
        UserId(2),
        "a refusal uses up no id"
    );
}

#[tokio::test]
async fn a_chosen_status_and_the_last_session_are_kept() {
    let lab = Lab::open().await;
    let (ann, bob) = (lab.person("Ann", 1).await, lab.person("Bob", 2).await);
    lab.store.set_chosen_status(ann, "busy").await.unwrap();
    let seen = LastSeen { user: ann, at: 77 };
    lab.store.append(&[], &[seen]).await.unwrap();
    let lab = lab.reopen().await;
    let ann = lab.store.account(ann).await.unwrap().unwrap();
    assert_eq!((ann.chosen.as_str(), ann.last_seen_at), ("busy", Some(77)));
    let bob = lab.store.account(bob).await.unwrap().unwrap();
    assert_eq!((bob.chosen.as_str(), bob.last_seen_at), ("online", None));
}

#[tokio::test]
async fn tokens_that_end_twice_in_a_second_end_from_two_moments() {
    let lab = Lab::open().await;
    let (ann, bob) = (lab.person("Ann", 1).await, lab.person("Bob", 2).await);
    let store = &lab.store;
    // Whoever signs in after the first has tokens that are dated to 100.
    assert_eq!(store.end_tokens(ann, 100).await.unwrap(), 100);
    assert_eq!(store.end_tokens(ann, 100).await.unwrap(), 101);
    let hash = "another".to_owned();
    assert_eq!(store.change_password(ann, hash, 100).await.unwrap(), 102);
    assert_eq!(store.end_tokens(ann, 200).await.unwrap(), 200);
    let ann = store.account(ann).await.unwrap().unwrap();
    let bob = store.account(bob).await.unwrap().unwrap();
    assert_eq!((ann.tokens_from, bob.tokens_from), (200, 0));
}

impl Lab {
    /// The names that `me` finds, in their order.
    async fn names(&self, me: UserId, search: &str) -> Vec<String> {
        let found = self.store.people(me, search, 0, 100).await.unwrap();
        found.into_iter().map(|person| person.name).collect()
    }
}

#[tokio::test]
async fn people_come_by_name_in_pages_and_never_oneself() {
    let lab = Lab::open().await;
    let mut ids = Vec::new();
    for (number, name) in ["Carl", "Ann", "Me", "bob", "ann"].into_iter().enumerate() {
        ids.push(lab.person(name, number).await);
    }
    let me = ids[2];
    // Letter case does not count; of two with one name, the older account is first.
    assert_eq!(lab.names(me, "").await, ["Ann", "ann", "bob", "Carl"]);
    assert_eq!(lab.names(me, "me").await, [""; 0]);
    let page = lab.store.people(me, "", 1, 2).await.unwrap();
    let page: Vec<_> = page.iter().map(|person| person.id).collect();
    assert_eq!(page, [ids[4], ids[3]]);
}

#[tokio::test]
async fn a_search_takes_every_letter_as_it_is() {
    let lab = Lab::open().await;
    let me = lab.person("Me", 0).await;
    let names = [
        "50% off",
        "500 off",
        "a_b",
        "axb",
        r"back\slash",
        "wow!",
        "wow%",
        "Åsa ÖBERG",
        "ΣΟΦΟΣ Σ",
    ];
    for (number, name) in names.into_iter().enumerate() {
        lab.person(name, number + 1).await;
    }
    for (search, expected) in [
        ("0%", &["50% off"][..]),
        ("A_B", &["a_b"]),
        (r"K\S", &[r"back\slash"]),
        ("w!", &["wow!"]),
        ("!%", &[]),
        ("OFF", &["50% off", "500 off"]),
        ("åSA öb", &["Åsa ÖBERG"]),
        // The last letter of a word and the same letter inside of one are one letter.
        ("σοφοσ", &["ΣΟΦΟΣ Σ"]),
        ("ΣΟΦΟΣ", &["ΣΟΦΟΣ Σ"]),
        ("50% off\0", &[]),
    ] {
        assert_eq!(lab.names(me, search).await, expected, "{search:?}");
    }
    assert_eq!(lab.names(me, &"%".repeat(60_000)).await, [""; 0]);
}

#[tokio::test]
async fn of_an_erased_account_nothing_is_left_but_its_place() {
    let lab = Lab::open().await;
    let id = lab.store.create(ann()).await.unwrap().unwrap().id;
    let bob = lab.person("Bob", 1).await;
    lab.store.erase(id, 20).await.unwrap();
    let left = lab.store.account(id).await.unwrap().unwrap();
    assert!(left.deleted);
    assert_eq!(
        (left.name.as_str(), left.last_seen_at),
        (DELETED_NAME, None)
    );
    // No address is its own, so nobody can try passwords on it, nor tell it by the time they take.
    for email in ["ann@example.com", left.email.as_str()] {
        assert_eq!(lab.store.credentials(email).await.unwrap(), None);
    }
    assert_eq!(lab.store.people(bob, "", 0, 9).await.unwrap(), []);
    let again = lab.store.create(ann()).await.unwrap().unwrap();
    assert_ne!(again.id, id);
}
