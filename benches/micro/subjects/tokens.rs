//! How long does it take to check a token?

use std::time::Duration;

use entities::ids::UserId;

use super::scene::NOW;
use crate::auth::{Bearer, Tokens};

/// One that was not seen before: its signature is checked, and it is remembered.
pub fn first_seen() -> (impl FnMut() -> String, impl FnMut(String) -> Bearer) {
    let tokens = tokens();
    let check = tokens.clone();
    let mut user = 0;
    let another = move || {
        user += 1;
        issue(&tokens, user)
    };
    let step = move |token: String| check.verify(&token).expect("counts");
    (another, step)
}

/// One that is remembered.
pub fn remembered() -> impl FnMut() -> Bearer {
    let tokens = tokens();
    let token = issue(&tokens, 1);
    move || tokens.verify(&token).expect("counts")
}

fn tokens() -> Tokens {
    // Far longer than any clock that this runs by is behind or ahead.
    let ttl = Duration::from_secs(100 * 365 * 24 * 3_600);
    Tokens::new(b"a secret for benches that is long enough", ttl)
}

fn issue(tokens: &Tokens, user: i64) -> String {
    let token = tokens.issue(UserId(user), "Ana", NOW / 1_000, None);
    token.expect("a token")
}
