//! The house rules, as a test: who may import whom, how large a room may be.

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a file, and columns of a line.
const LINES_MAX: usize = 400;
const COLUMNS_MAX: usize = 120;

/// Each room and the rooms that it may name. The vocabulary (`wire`, `error`, `config`,
/// `command_line`, `quota`, `metrics`, `faults`, `entities`) may be named by all, and names nothing but itself.
const ROOMS: &[(&str, &[&str])] = &[
    (
        "app",
        &["operator", "transport", "chat", "actors", "store", "auth"],
    ),
    ("operator", &["transport", "chat"]),
    ("command_line", &[]),
    ("upkeep", &["store", "auth"]),
    ("demo", &["app", "chat"]),
    ("transport", &["chat"]),
    ("chat", &["actors", "store", "auth"]),
    ("actors", &["store", "auth"]),
    ("store", &[]),
    ("auth", &[]),
    ("wire", &[]),
    ("error", &[]),
    ("config", &[]),
    ("quota", &[]),
    ("metrics", &[]),
    ("faults", &[]),
    ("telemetry", &[]),
];

const VOCABULARY: &[&str] = &[
    "wire",
    "error",
    "config",
    "command_line",
    "quota",
    "metrics",
    "faults",
];

/// Crates and the only rooms that may name them.
const CRATES: &[(&str, &[&str])] = &[
    ("sea_orm", &["store"]),
    ("sqlx", &["store"]),
    ("migration", &["store"]),
    ("axum", &["transport", "operator"]),
    ("hyper", &["transport", "operator"]),
    ("tokio_tungstenite", &["transport"]),
    ("ractor", &["actors", "chat", "app"]),
    ("dashmap", &["actors"]),
    ("argon2", &["auth"]),
    ("jsonwebtoken", &["auth"]),
    ("rust_embed", &["transport"]),
    (
        "anyhow",
        &["app", "demo", "operator", "upkeep", "auth", "faults"],
    ),
    ("clap", &["config", "command_line"]),
    ("prometheus_client", &["metrics"]),
    ("aws_lc_rs", &["operator"]),
    ("utoipa", &["wire", "transport", "error"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(directory: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(directory)];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                // What `cargo fuzz` builds is not ours.
                if !path.ends_with("fuzz/target") {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let text = fs::read_to_string(&path).expect("text");
                found.push((path.strip_prefix(root()).expect("below").to_owned(), text));
            }
        }
    }
    found
}

/// The room that a file of `src` belongs to; `main` and `lib` stand above all.
fn room(path: &Path) -> Option<&'static str> {
    let name = path.iter().nth(1)?.to_str()?.trim_end_matches(".rs");
    ROOMS
        .iter()
        .map(|(room, _)| *room)
        .find(|room| *room == name)
}

/// Whether a line of code, not of comment, names `what` as a path.
fn names(line: &str, what: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices(what).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
            && code[at + what.len()..].starts_with("::")
    })
}

#[test]
fn imports_go_one_way() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        let Some(room) = room(&path) else { continue };
        let may = ROOMS
            .iter()
            .find(|(name, _)| *name == room)
            .expect("a room")
            .1;
        for (line, other) in text
            .lines()
            .flat_map(|line| ROOMS.iter().map(move |r| (line, r.0)))
        {
            let named = line
                .split("//")
                .next()
                .unwrap_or_default()
                .contains(&format!("crate::{other}"));
            let fine = other == room || VOCABULARY.contains(&other) || may.contains(&other);
            if named && !fine {
                wrong.push(format!("{}: {line}", path.display()));
            }
        }
        for (foreign, rooms) in CRATES {
            for line in text.lines().filter(|line| names(line, foreign)) {
                if !rooms.contains(&room) {
                    wrong.push(format!("{}: {line}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "forbidden imports:\n{}", wrong.join("\n"));
}

#[test]
fn rooms_are_small() {
    let mut wrong = Vec::new();
    for directory in ["src", "entities", "migration", "tests", "benches"] {
        for (path, text) in sources(directory) {
            let lines = text.lines().count();
            if lines > LINES_MAX {
                wrong.push(format!("{} has {lines} lines", path.display()));
            }
            for (number, line) in text.lines().enumerate() {
                // A text may be as long as what it quotes.
                if line.chars().count() > COLUMNS_MAX && !line.contains('"') {
                    wrong.push(format!("{}:{} is too long", path.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "too large:\n{}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_behind() {
    let mut wrong = Vec::new();
    // In pieces, so that this file does not find itself.
    let left = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("#[ign", "ore"),
    ];
    for directory in ["src", "entities", "migration", "tests", "benches"] {
        for (path, text) in sources(directory) {
            for word in left {
                if text.contains(word) {
                    wrong.push(format!("{}: {word}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "left behind:\n{}", wrong.join("\n"));
}

#[test]
fn every_micro_bench_answers_a_question() {
    let mut wrong = Vec::new();
    let subjects = root().join("benches/micro/subjects");
    let list = fs::read_to_string(subjects.join("mod.rs")).expect("the list");
    // The private ones are what the questions share.
    let name = |line: &str| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned());
    let benches: Vec<_> = list.lines().filter_map(name).collect();
    assert!(!benches.is_empty(), "the list was not understood");
    for bench in benches {
        let text = fs::read_to_string(subjects.join(format!("{bench}.rs"))).expect("text");
        let first = text.lines().next().unwrap_or_default();
        if !(first.starts_with("//! How long ") && first.ends_with('?')) {
            wrong.push(format!("{bench}: {first}"));
        }
    }
    assert!(wrong.is_empty(), "no questions:\n{}", wrong.join("\n"));
}

/// Addresses that stand in no table, because they ask nobody who they are: the page and its parts,
/// and the door of Socket.IO, where one is asked later.
const OPEN: [&str; 4] = [
    "\"/\"",
    "\"/page/{*path}\"",
    "\"/socket.io/\"",
    "\"/socket.io\"",
];

/// The operator's door is another one, with a test of its own for each address
/// (`tests/chat/operator.rs`).
const OPERATOR: &str = "src/operator";

/// From the table the tests know every route that there is (`tests/chat/matrix/`).
#[test]
fn a_route_stands_in_the_table() {
    let table = Path::new("src/transport/rest/routes.rs");
    let ways_around = [".route(", ".route_service(", ".nest"];
    let mut wrong = Vec::new();
    let others = |path: &Path| path != table && !path.starts_with(OPERATOR);
    for (path, text) in sources("src").iter().filter(|(path, _)| others(path)) {
        for line in text.lines() {
            let adds = ways_around.iter().any(|way| line.contains(way));
            if adds && !OPEN.iter().any(|open| line.contains(open)) {
                wrong.push(format!("{}: {line}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "not in the table:\n{}", wrong.join("\n"));
}
