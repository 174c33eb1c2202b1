//! The process: how it starts, what it says when it cannot, what it keeps and serves.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sea_orm::{ConnectionTrait, Database};
use serde_json::json;
use tempfile::{TempDir, tempdir};
use tokio::process::Command;

use crate::harness::arrival::Transport;
use crate::harness::dial::Dial;
use crate::harness::door::Carried;
use crate::harness::process::{ServerProcess, database_url, duologue, free_address, refusal, run};
use crate::harness::wait::until;

fn directory() -> TempDir {
    tempdir().expect("a temporary directory")
}

#[tokio::test]
async fn a_taken_port_is_told_in_one_line() {
    let directory = directory();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let mut command = duologue(directory.path());
    command.env("LISTEN", &address);
    let why = refusal(command).await;
    assert!(why.contains(&address), "{why}");
    assert!(why.contains("use"), "{why}");
}

#[tokio::test]
async fn a_short_secret_is_told_in_one_line_and_not_repeated() {
    let directory = directory();
    let mut command = duologue(directory.path());
    command.env("JWT_SECRET", "only-31-bytes-are-not-enough-ab");
    let why = refusal(command).await;
    assert!(why.contains("32"), "{why}");
    assert!(!why.contains("only-31"), "{why}");

    let mut command = duologue(directory.path());
    command
        .env_remove("JWT_SECRET")
        .args(["--jwt-secret", "short"]);
    assert!(refusal(command).await.contains("32"));
}

#[tokio::test]
async fn a_database_that_cannot_be_read_is_told_in_one_line() {
    let directory = directory();
    let no_database = directory.path().join("no-database.db");
    fs::write(&no_database, "this is no database. ".repeat(500)).expect("a file");
    let is_directory = directory.path().join("directory.db");
    fs::create_dir(&is_directory).expect("a directory");
    let nowhere = directory.path().join("no/such/directory/duologue.db");
    for path in [no_database, is_directory, nowhere] {
        let mut command = duologue(directory.path());
        command.env("DATABASE_URL", database_url(&path));
        refusal(command).await;
    }
    assert_eq!(
        fs::read_to_string(directory.path().join("no-database.db"))
            .expect("the file")
            .len(),
        "this is no database. ".len() * 500,
        "what is not ours is left as it was"
    );
}

#[tokio::test]
async fn a_database_newer_than_the_binary_is_told_in_one_line() {
    let directory = directory();
    ServerProcess::start(directory.path()).await.kill().await;
    let url = database_url(&directory.path().join("duologue.db"));
    let database = Database::connect(&url).await.expect("the database");
    let newer =
        "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m99991231_000000_later', 1)";
    database
        .execute_unprepared(newer)
        .await
        .expect("a later migration");
    database.close().await.expect("a closed database");

    let why = refusal(duologue(directory.path())).await;
    assert!(why.contains("newer"), "{why}");
}

#[tokio::test]
async fn a_bad_setting_is_told_and_ends_the_start() {
    let directory = directory();
    for (flag, value) in [
        ("--listen", "nowhere"),
        ("--database-url", "ftp://example.com/db"),
        ("--rate-limits", "perhaps"),
        ("--forwarded-by", "proxy.example.org"),
        ("--token-ttl", "soon"),
        ("--web-root", "/no/such/directory"),
        ("--no-such-flag", "1"),
    ] {
        let mut command = duologue(directory.path());
        command.args([flag, value]);
        let ended = run(command).await;
        assert!(
            ended.status.code().is_some_and(|code| code != 0),
            "{flag}: {ended:?}"
        );
        assert!(!ended.stderr.trim().is_empty(), "{flag}: {ended:?}");
        assert!(!ended.stderr.contains("panicked"), "{flag}: {ended:?}");
    }
}

#[tokio::test]
async fn help_tells_every_flag_with_its_variable_and_default() {
    let directory = directory();
    let mut command = duologue(directory.path());
    command.arg("--help");
    let ended = run(command).await;
    assert!(ended.status.success(), "{ended:?}");
    for (flag, variable, default) in [
        ("--listen", "LISTEN", "127.0.0.1:3000"),
        ("--database-url", "DATABASE_URL", "sqlite://duologue.db"),
        ("--jwt-secret", "JWT_SECRET", ""),
        ("--allow-origin", "ALLOW_ORIGINS", "localhost"),
        ("--web-root", "WEB_ROOT", ""),
        ("--rate-limits", "RATE_LIMITS", "on"),
        ("--forwarded-by", "FORWARDED_BY", "none"),
        ("--token-ttl", "TOKEN_TTL", "7d"),
    ] {
        for part in [flag, variable, default] {
            assert!(
                ended.stdout.contains(part),
                "no {part} for {flag}:\n{}",
                ended.stdout
            );
        }
    }
    let secret = duologue::config::Config::TEST_SECRET;
    assert!(!ended.stdout.contains(secret), "the help shows the secret");
}

/// The file beside the database that is not the database: the secret.
fn secret_file(directory: &Path) -> PathBuf {
    let entries = fs::read_dir(directory).expect("the directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut others = paths.filter(|path| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name");
        !name.ends_with(".db") && !name.contains(".db-") && name != "server.log"
    });
    let secret = others.next().expect("a file with the secret");
    assert_eq!(others.next(), None, "and no other");
    secret
}

#[tokio::test]
async fn without_a_secret_one_is_made_kept_and_used_again() {
    let directory = directory();
    let without = |command: &mut Command| {
        command.env_remove("JWT_SECRET");
    };
    let server = ServerProcess::start_with(directory.path(), without).await;
    let door = server.door.clone();
    let ana = door.person("Ana").await;
    let path = secret_file(directory.path());
    let mode = fs::metadata(&path)
        .expect("the secret")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600, "readable by its owner alone");
    let secret = fs::read(&path).expect("the secret");
    assert!(secret.len() >= 32);
    server.kill().await;

    let server = ServerProcess::start_with(directory.path(), without)
        .await
        .behind(&door);
    assert_eq!(fs::read(&path).expect("the secret"), secret);
    assert_eq!(ana.get("/api/users/me").await.ok()["user"]["id"], ana.id);
    server.kill().await;
    // Another database has another secret.
    let elsewhere = tempdir().expect("a temporary directory");
    let server = ServerProcess::start_with(elsewhere.path(), without)
        .await
        .behind(&door);
    assert_ne!(
        fs::read(secret_file(elsewhere.path())).expect("the secret"),
        secret
    );
    door.person("Ben").await;
    ana.get("/api/users/me")
        .await
        .refused(401, "unauthenticated");
    drop(server);
}

#[tokio::test]
async fn without_arguments_the_database_is_made_in_the_working_directory() {
    let directory = directory();
    let bare = |command: &mut Command| {
        command.env_remove("DATABASE_URL").env_remove("JWT_SECRET");
    };
    let server = ServerProcess::start_with(directory.path(), bare).await;
    server.door.person("Ana").await;
    assert!(directory.path().join("duologue.db").exists());
    secret_file(directory.path());
}

#[tokio::test]
async fn flags_win_over_variables_and_the_token_lives_as_long_as_set() {
    let directory = directory();
    let address = free_address().to_string();
    let server = ServerProcess::start_with(directory.path(), |command| {
        command.env("TOKEN_TTL", "3h").args(["--token-ttl", "1s"]);
    })
    .await;
    assert_ne!(server.door.address().to_string(), address);
    let ana = server.door.person("Ana").await;
    // Long before the minute of leeway that others grant.
    until("the token to expire", async || {
        let answer = ana.get("/api/users/me").await;
        (answer.status == 401).then(|| answer.refused(401, "unauthenticated"))
    })
    .await;
}

#[tokio::test]
async fn a_list_of_origins_takes_the_place_of_the_default() {
    let directory = directory();
    let server = ServerProcess::start_with(directory.path(), |command| {
        command.env(
            "ALLOW_ORIGINS",
            "https://chat.example,https://www.example:8443",
        );
    })
    .await;
    let ana = server.door.person("Ana").await;
    let open = async |origin: &str| {
        let dial = Dial::to(&server.door)
            .bearer(&ana.token)
            .header("origin", origin);
        dial.open().await.map(drop)
    };
    assert_eq!(open("https://chat.example").await, Ok(()));
    assert_eq!(open("https://www.example:8443").await, Ok(()));
    for other in [
        "http://chat.example",
        "https://www.example",
        "https://evil.example",
        "http://localhost:1",
    ] {
        assert_eq!(open(other).await, Err(403), "{other}");
    }
    drop(server);
    let server = ServerProcess::start_with(directory.path(), |command| {
        command.args(["--allow-origin", "*"]);
    })
    .await;
    let dial = Dial::to(&server.door)
        .bearer(&ana.token)
        .header("origin", "https://any.example");
    assert!(dial.open().await.is_ok());
}

#[tokio::test]
async fn without_a_directory_the_built_in_page_is_served() {
    let directory = directory();
    let server = ServerProcess::start(directory.path()).await;
    let page = server.door.get("/").await;
    assert_eq!(page.status, 200, "{page:?}");
    let kind = page.headers["content-type"].to_str().expect("text");
    assert!(kind.starts_with("text/html"), "{kind}");
    server
        .door
        .get("/missing.html")
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn a_directory_is_served_in_front_of_the_api() {
    let directory = directory();
    let web = directory.path().join("web");
    fs::create_dir(&web).expect("a directory");
    fs::write(web.join("index.html"), "<h1>the guide's page</h1>").expect("a page");
    fs::write(web.join("chat.js"), "hello()").expect("a script");
    fs::write(directory.path().join("private.txt"), "private").expect("a file outside");
    let server = ServerProcess::start_with(directory.path(), |command| {
        command.env("WEB_ROOT", &web);
    })
    .await;

    let page = server.door.get("/").await;
    assert_eq!(
        (page.status, page.text.as_str()),
        (200, "<h1>the guide's page</h1>")
    );
    assert!(
        page.headers["content-type"]
            .to_str()
            .expect("text")
            .starts_with("text/html")
    );
    assert_eq!(server.door.get("/chat.js").await.text, "hello()");
    server
        .door
        .get("/missing.js")
        .await
        .refused(404, "not_found");
    for outside in [
        "/../private.txt",
        "/%2e%2e/private.txt",
        "/..%2fprivate.txt",
        "//etc/passwd",
    ] {
        let answer = server.door.get(outside).await;
        assert_ne!(answer.status, 200, "{outside}: {answer:?}");
        assert!(!answer.text.contains("private\n"), "{outside}");
    }
    let [ana, ben] = server.door.people(["Ana", "Ben"]).await;
    let chat = ana.chat_with(&ben).await;
    ana.send(chat, "the API is where it was").await;
    ana.connect(Transport::WebSocket).await.round_trip().await;
    ana.get("/api/nothing").await.refused(404, "not_found");
    server
        .door
        .get("/api/users/me")
        .await
        .refused(401, "unauthenticated");
    let body = json!({"email": "ana@example.com", "password": "wrong password"});
    let login = server
        .door
        .call(
            reqwest::Method::POST,
            "/api/auth/login",
            Carried::json(&body),
        )
        .await;
    login.refused(401, "invalid_credentials");
}
