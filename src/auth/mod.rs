//! Passwords and tokens.

mod passwords;
mod secret;
mod tokens;

pub use passwords::Passwords;
pub use secret::{secret, secret_file};
pub use tokens::{Bearer, Tokens};
