//! Passwords and tokens.

mod bearer;
mod passwords;
mod secret;
mod tokens;

pub use bearer::{Bearer, Revocation};
pub use passwords::Passwords;
pub use secret::{long_enough, secret, secret_file};
pub use tokens::{Renewal, Tokens};
