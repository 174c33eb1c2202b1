//! Sign-ins: exchanged once for each generation, ended for good, forgotten when nothing of them is
//! out any more.

use entities::ids::SignInId;

use super::Lab;
use crate::store::{SignIn, sign_ins::KEPT};

#[tokio::test]
async fn a_generation_is_exchanged_once_also_at_the_same_moment() {
    let lab = Lab::open().await;
    let user = lab.person("Ann", 1).await;
    let id = lab.store.sign_in(user, 10, 1_000).await.unwrap();
    let (one, two) = tokio::join!(
        lab.store.renew_sign_in(id, 0, 20, 2_000),
        lab.store.renew_sign_in(id, 0, 20, 2_000)
    );
    assert_ne!(one.unwrap(), two.unwrap());
    let expected = SignIn {
        user,
        generation: 1,
        renewed_at: 20,
    };
    assert_eq!(lab.store.living_sign_in(id).await.unwrap(), Some(expected));
    assert!(!lab.store.renew_sign_in(id, 2, 30, 3_000).await.unwrap());
}

#[tokio::test]
async fn one_that_was_ended_is_not_exchanged_and_is_told_of() {
    let lab = Lab::open().await;
    let (ann, bob) = (lab.person("Ann", 1).await, lab.person("Bob", 2).await);
    let id = lab.store.sign_in(ann, 10, 1_000).await.unwrap();
    let other = lab.store.sign_in(ann, 10, 1_000).await.unwrap();
    lab.store.end_sign_in(bob, id, 20).await.unwrap();
    assert_eq!(lab.store.ended_sign_ins(ann).await.unwrap(), []);
    lab.store.end_sign_in(ann, id, 20).await.unwrap();
    assert_eq!(lab.store.ended_sign_ins(ann).await.unwrap(), [id]);
    assert_eq!(lab.store.ended_sign_ins(bob).await.unwrap(), []);
    assert!(!lab.store.renew_sign_in(id, 0, 30, 2_000).await.unwrap());
    assert_eq!(lab.store.living_sign_in(id).await.unwrap(), None);
    assert!(lab.store.living_sign_in(other).await.unwrap().is_some());
    let unknown = SignInId(99);
    assert_eq!(lab.store.living_sign_in(unknown).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_over_is_forgotten_when_its_person_signs_in() {
    let lab = Lab::open().await;
    let (ann, bob) = (lab.person("Ann", 1).await, lab.person("Bob", 2).await);
    let over = lab.store.sign_in(ann, 10, 1_000).await.unwrap();
    let another = lab.store.sign_in(bob, 10, 1_000).await.unwrap();
    lab.store.end_sign_in(ann, over, 20).await.unwrap();
    // Not at once: the clock may be ahead.
    let later = KEPT + 1_000;
    lab.store.sign_in(ann, later, later + 1_000).await.unwrap();
    assert_eq!(lab.store.ended_sign_ins(ann).await.unwrap(), [over]);
    let later = later + 1;
    let new = lab.store.sign_in(ann, later, later + 1_000);
    let new = new.await.unwrap();
    assert_eq!(lab.store.ended_sign_ins(ann).await.unwrap(), []);
    assert!(lab.store.living_sign_in(another).await.unwrap().is_some());
    assert!(new > over, "no id is given out twice: tokens name it");
}

#[tokio::test]
async fn what_ends_all_tokens_reaches_as_far_as_a_clock_that_was_ahead() {
    let lab = Lab::open().await;
    let (ann, bob) = (lab.person("Ann", 1).await, lab.person("Bob", 2).await);
    let id = lab.store.sign_in(ann, 10_000, 20_000).await.unwrap();
    // Exchanged while the clock was ahead, and once more when it was right again.
    for (generation, now) in [(0, 90_500), (1, 11_000)] {
        let renewed = lab.store.renew_sign_in(id, generation, now, now + 10_000);
        assert!(renewed.await.unwrap());
    }
    let kept = lab.store.living_sign_in(id).await.unwrap().unwrap();
    assert_eq!((kept.generation, kept.renewed_at), (2, 90_500));
    assert_eq!(lab.store.end_tokens(ann, 12).await.unwrap(), 91);
    assert_eq!(lab.store.end_tokens(bob, 12).await.unwrap(), 12);
}
