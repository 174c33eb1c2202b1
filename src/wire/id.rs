//! Names that nobody can guess: of connections, and of sessions that may be taken up again.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// How many random bytes stand behind a name: 120 bits, 20 characters.
const BYTES: usize = 15;

/// A new random name of 20 characters that need no escape in JSON or in a URL.
///
/// # Panics
/// If the operating system has no random numbers to give: nothing would be safe then.
#[must_use]
pub fn random() -> String {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).expect("the operating system gives random numbers");
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_none_comes_twice() {
        let names: std::collections::HashSet<_> = (0..1_000).map(|_| random()).collect();
        assert_eq!(names.len(), 1_000);
        for name in names {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            assert!(name.len() == 20 && name.chars().all(plain), "{name}");
        }
    }
}
