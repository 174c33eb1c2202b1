//! Passwords and tokens.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use entities::ids::{MAX_SAFE_INTEGER, UserId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::config::{Config, Limits};
use crate::error::ChatError;

/// Hashes and checks passwords with argon2id (19 MiB, two passes, one lane: OWASP's Password
/// Storage sheet), off the async threads, a few at a time.
#[derive(Clone, Debug)]
pub struct Passwords {
    at_once: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// What a login with an unknown e-mail address is checked against, so that it takes as long
    /// as one with a wrong password.
    nobodys: Arc<str>,
}

impl Passwords {
    /// # Panics
    /// If the operating system has no random bytes.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            at_once: Arc::new(Semaphore::new(limits.hashing_max)),
            waiting: Arc::new(Semaphore::new(
                limits.hashing_queue_max + limits.hashing_max,
            )),
            nobodys: hash("nobody's password")
                .expect("a constant can be hashed")
                .into(),
        }
    }

    /// Hashes `password` for keeping.
    ///
    /// # Errors
    /// [`ChatError::Overloaded`] when too many wait already.
    pub async fn hash(&self, password: String) -> Result<String, ChatError> {
        self.off_the_async_threads(move || hash(&password)).await?
    }

    /// Whether `password` is the one that `kept` was made of. Takes as long when there is none.
    ///
    /// # Errors
    /// [`ChatError::Overloaded`] when too many wait already.
    pub async fn check(&self, password: String, kept: Option<String>) -> Result<bool, ChatError> {
        let nobodys = Arc::clone(&self.nobodys);
        self.off_the_async_threads(move || {
            let against = kept.as_deref().unwrap_or(&nobodys);
            let right = Argon2::default().verify_password(password.as_bytes(), against);
            kept.is_some() && right.is_ok()
        })
        .await
    }

    async fn off_the_async_threads<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ChatError> {
        let _waiting = self
            .waiting
            .try_acquire()
            .map_err(|_| ChatError::Overloaded)?;
        let permit = Arc::clone(&self.at_once).acquire_owned().await;
        let task = tokio::task::spawn_blocking(move || {
            // Held here, not by the asker: one who goes away does not end the work.
            let _permit = permit;
            work()
        });
        task.await.map_err(|error| {
            tracing::error!(%error, "hashing a password failed");
            ChatError::Internal
        })
    }
}

fn hash(password: &str) -> Result<String, ChatError> {
    let hashed = Argon2::default().hash_password(password.as_bytes());
    hashed.map(|hash| hash.to_string()).map_err(|error| {
        tracing::error!(%error, "hashing a password failed");
        ChatError::Internal
    })
}

/// Makes and checks tokens: JWT with HS256 alone, `exp` and `sub` required, no leeway.
#[derive(Clone)]
pub struct Tokens {
    sign: EncodingKey,
    check: DecodingKey,
    rules: Arc<Validation>,
    ttl: Duration,
}

/// What a token that counts says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// Whose it is.
    pub user: UserId,
    /// When it was made, in seconds since the epoch; 0 if it does not say.
    pub issued_at: i64,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    #[expect(
        dead_code,
        reason = "its type is checked here, its value by the library"
    )]
    exp: f64,
    #[serde(default)]
    iat: f64,
}

#[derive(Serialize)]
struct NewClaims<'a> {
    sub: String,
    name: &'a str,
    iat: u64,
    exp: u64,
}

impl Tokens {
    /// Tokens over `secret` that are good for `ttl`.
    #[must_use]
    pub fn new(secret: &[u8], ttl: Duration) -> Self {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_required_spec_claims(&["exp", "sub"]);
        rules.leeway = 0;
        rules.validate_nbf = true;
        // An audience is for those who made the token elsewhere; the contract names none.
        rules.validate_aud = false;
        Self {
            sign: EncodingKey::from_secret(secret),
            check: DecodingKey::from_secret(secret),
            rules: Arc::new(rules),
            ttl,
        }
    }

    /// A token for `user`, made at `now` (seconds since the epoch).
    ///
    /// # Errors
    /// [`ChatError::Internal`] if it cannot be signed.
    pub fn issue(&self, user: UserId, name: &str, now: u64) -> Result<String, ChatError> {
        let claims = NewClaims {
            sub: user.to_string(),
            name,
            iat: now,
            exp: now.saturating_add(self.ttl.as_secs()),
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.sign);
        token.map_err(|error| {
            tracing::error!(%error, "signing a token failed");
            ChatError::Internal
        })
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// [`ChatError::Unauthenticated`], whatever is wrong with it.
    pub fn verify(&self, token: &str) -> Result<Bearer, ChatError> {
        let refused = || ChatError::Unauthenticated;
        let token = jsonwebtoken::decode::<Claims>(token, &self.check, &self.rules);
        let claims = token.map_err(|_| refused())?.claims;
        if !claims.sub.bytes().all(|b| b.is_ascii_digit()) {
            return Err(refused());
        }
        let user: i64 = claims.sub.parse().map_err(|_| refused())?;
        if !(1..=MAX_SAFE_INTEGER).contains(&user) {
            return Err(refused());
        }
        Ok(Bearer {
            user: UserId(user),
            // A NumericDate may have a fraction (RFC 7519, 2); what is out of range saturates.
            issued_at: claims.iat as i64,
        })
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens")
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

/// The key that signs tokens: the configured one, else the one kept in `file`, else a new one
/// that is kept there from now on, readable by its owner alone.
///
/// # Errors
/// One line for a person: a secret that is too short, or a file that cannot be read or made.
pub fn secret(configured: Option<&str>, file: &Path) -> anyhow::Result<Vec<u8>> {
    let least = Config::SECRET_BYTES_MIN;
    if let Some(secret) = configured {
        anyhow::ensure!(
            secret.len() >= least,
            "JWT_SECRET has {} bytes; at least {least} are needed",
            secret.len()
        );
        return Ok(secret.as_bytes().to_vec());
    }
    let kept = match read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(file),
        other => other,
    };
    let kept = kept.map_err(|error| {
        anyhow::anyhow!(
            "the token secret {} cannot be kept: {error}",
            file.display()
        )
    })?;
    anyhow::ensure!(
        kept.len() >= least,
        "the token secret {} is too short; remove it to have a new one made",
        file.display()
    );
    Ok(kept)
}

/// Where the secret of the database at `path` is kept.
#[must_use]
pub fn secret_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".jwt-secret");
    PathBuf::from(name)
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut text = String::new();
    std::fs::File::open(file)?.read_to_string(&mut text)?;
    Ok(text.trim_end().as_bytes().to_vec())
}

fn make(file: &Path) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut random = [0; Config::SECRET_BYTES_MIN];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let secret: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    // Written whole under another name first: a crash in between leaves no half secret behind.
    let mut unfinished = file.as_os_str().to_owned();
    unfinished.push(".new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut handle = options.open(&unfinished)?;
    writeln!(handle, "{secret}")?;
    handle.sync_all()?;
    std::fs::rename(&unfinished, file)?;
    Ok(secret.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const SECRET: &[u8] = Config::TEST_SECRET.as_bytes();
    const NOW: u64 = 4_000_000_000;

    fn tokens() -> Tokens {
        Tokens::new(SECRET, Duration::from_secs(60))
    }

    fn minted(algorithm: Algorithm, claims: &Value, secret: &[u8]) -> String {
        let key = EncodingKey::from_secret(secret);
        jsonwebtoken::encode(&Header::new(algorithm), claims, &key).expect("a token")
    }

    #[test]
    fn a_token_names_its_bearer() {
        let token = tokens().issue(UserId(7), "Ana", NOW).expect("a token");
        let bearer = tokens().verify(&token).expect("counts");
        assert_eq!((bearer.user, bearer.issued_at), (UserId(7), 4_000_000_000));
    }

    #[test]
    fn a_token_minted_elsewhere_with_the_same_secret_counts() {
        let claims = json!({"sub": "7", "exp": 4e9 + 0.5, "iat": 1.5, "aud": "elsewhere"});
        let bearer = tokens().verify(&minted(Algorithm::HS256, &claims, SECRET));
        assert_eq!(bearer.expect("counts").user, UserId(7));
    }

    #[test]
    fn tokens_that_do_not_count_are_all_refused_alike() {
        let sound = json!({"sub": "7", "exp": NOW});
        let hs256 = |claims| minted(Algorithm::HS256, &claims, SECRET);
        let none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiI3IiwiZXhwIjo0MDAwMDAwMDAwfQ.";
        for bad in [
            String::new(),
            "a.b.c".to_owned(),
            none.to_owned(),
            minted(Algorithm::HS384, &sound, SECRET),
            minted(
                Algorithm::HS256,
                &sound,
                b"another secret that is long enough",
            ),
            hs256(json!({"sub": "7", "exp": 1})),
            hs256(json!({"sub": "7", "exp": "4000000000"})),
            hs256(json!({"sub": "7"})),
            hs256(json!({"exp": NOW})),
            hs256(json!({"sub": 7, "exp": NOW})),
            hs256(json!({"sub": "0", "exp": NOW})),
            hs256(json!({"sub": "-7", "exp": NOW})),
            hs256(json!({"sub": "+7", "exp": NOW})),
            hs256(json!({"sub": "9007199254740992", "exp": NOW})),
            hs256(json!({"sub": "7", "exp": NOW, "nbf": NOW})),
            hs256(json!({"sub": "7", "exp": NOW, "iat": "now"})),
        ] {
            assert_eq!(
                tokens().verify(&bad),
                Err(ChatError::Unauthenticated),
                "{bad}"
            );
        }
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_account_is_right() {
        let passwords = Passwords::new(&Limits::default());
        let kept = passwords
            .hash("correct horse".to_owned())
            .await
            .expect("a hash");
        assert!(
            kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{kept}"
        );
        for (password, kept, right) in [
            ("correct horse", Some(kept.clone()), true),
            ("wrong horse", Some(kept), false),
            ("nobody's password", None, false),
        ] {
            let answer = passwords.check(password.to_owned(), kept).await;
            assert_eq!(answer, Ok(right), "{password}");
        }
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let limits = Limits {
            hashing_queue_max: 0,
            hashing_max: 1,
            ..Limits::default()
        };
        let passwords = Passwords::new(&limits);
        let (first, second) = tokio::join!(
            passwords.check("one".to_owned(), None),
            passwords.check("two".to_owned(), None)
        );
        assert_eq!((first, second), (Ok(false), Err(ChatError::Overloaded)));
    }

    #[test]
    fn a_secret_is_made_once_and_kept_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().expect("a directory");
        let file = secret_file(&directory.path().join("a.db"));
        let first = secret(None, &file).expect("made");
        assert_eq!(first.len(), 64);
        assert_eq!(secret(None, &file).expect("kept"), first);
        let mode = std::fs::metadata(&file)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_short_secret_is_refused() {
        let file = Path::new("unused");
        assert!(secret(Some(&"x".repeat(31)), file).is_err());
        assert!(secret(Some(&"x".repeat(32)), file).is_ok());
    }
}
