//! The ordinary tests: what is kept in the corpus of each target is tried again, and large inputs
//! that are hostile by their mass.

#[path = "../src/measure.rs"]
mod measure;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::{Input, LIMITS, MEMORY_ANYWAY, MEMORY_TIMES, TARGETS, Target};
use measure::peak;

/// How many files the corpus of a target has at most, and how many bytes: it is read by every run
/// of the tests. `cargo fuzz cmin` makes one smaller.
const FILES_MAX: usize = 150;
const BYTES_MAX: usize = 100 << 10;

fn room() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz")
}

/// The names of what is in a directory.
fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("a plain name");
    entries
        .map(|entry| name(entry.expect("an entry")))
        .collect()
}

/// What is kept of what this target has tried, each by its name.
fn corpus(target: Target) -> Vec<(String, Vec<u8>)> {
    let directory = room().join("corpus").join(target.name);
    let names = names(&directory);
    let read = |name: String| {
        let bytes = fs::read(directory.join(&name)).expect("a file");
        (name, bytes)
    };
    names.into_iter().map(read).collect()
}

/// Has each target try each of its inputs, and tells of which ones it fails.
fn try_all(inputs: impl Fn(Target) -> Vec<(String, Vec<u8>)>) {
    let mut failed = Vec::new();
    for target in TARGETS {
        for (name, bytes) in inputs(*target) {
            let tried = catch_unwind(AssertUnwindSafe(|| target.try_on(&bytes, peak)));
            if tried.is_err() {
                failed.push(format!("{}: {name}", target.name));
            }
        }
    }
    assert!(failed.is_empty(), "failed, as said above: {failed:#?}");
}

#[test]
fn every_input_of_every_corpus_is_read_within_the_rules() {
    try_all(corpus);
}

#[test]
fn large_inputs_are_read_within_the_rules() {
    let most = LIMITS.body_bytes;
    try_all(|_| {
        let mut inputs = Vec::new();
        for place in PLACES {
            for (item, between) in MASSES {
                let (before, after) = place.split_once('_').expect("a place");
                let room = most - before.len() - after.len();
                let each = format!("{item}{between}");
                let mass = each.repeat(room / each.len());
                let mass = mass.strip_suffix(between).unwrap_or(&mass);
                let text = format!("{before}{mass}{after}");
                inputs.push((format!("{place} with {item:?}"), text.into_bytes()));
            }
        }
        inputs
    });
}

/// Where a mass may stand: `_`.
const PLACES: &[&str] = &[
    "_",
    "[_]",
    "{_}",
    r#"{"event":"send_message","data":[_]}"#,
    r#"{"event":"join_conversation","data":{_},"id":[_]}"#,
    r#"{"event":"_"}"#,
    r#"{"type":"direct","participant_ids":[_]}"#,
    r#"{"content":"_","password":"_","refresh_token":"_"}"#,
    r#"2["send_message",_]"#,
    r#"2["send_message",{"content":[_]}]"#,
    "40\u{1e}42[\"send_message\",[_]]",
    "40\u{1e}_",
    "40{\"token\":[_]}",
    "40/_",
    "search=_&limit=_",
    "bearer, _",
];

/// What it is made of, and what stands between two.
const MASSES: &[(&str, &str)] = &[
    ("0", ","),
    ("1e9", ","),
    ("[]", ","),
    (r#"{"":0}"#, ","),
    (r#""""#, ","),
    (r#""a":0"#, ","),
    (r#""a":{}"#, ","),
    (r#""conversationId":1"#, ","),
    (r"\u0000", ""),
    (r"\n", ""),
    ("[", ""),
    (r#"{"a":"#, ""),
    ("🦊", ""),
    ("a=b", "&"),
    ("%00", ""),
    ("%ff", ""),
    ("+", ""),
    ("b", "\u{1e}"),
    ("bAA==", "\u{1e}"),
    ("4", "\u{1e}"),
    ("40", "\u{1e}"),
    ("40\u{1e}41", "\u{1e}"),
    ("42[\"a\"]", "\u{1e}"),
    ("4516-[\"a\"]\u{1e}b", "\u{1e}"),
    ("127.0.0.1", ","),
    ("\n", ""),
];

#[test]
fn a_token_that_nobody_signed_is_not_taken_apart() {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    try_all(|target| {
        let mut tokens = Vec::new();
        for (item, between) in MASSES.iter().filter(|_| target.name == "token") {
            let mass = vec![*item; 30_000 / item.len()].join(between);
            let header = format!(r#"{{"alg":"HS256","x":[{mass}]}}"#);
            let part = BASE64_URL_SAFE_NO_PAD.encode(header);
            tokens.push((format!("{item:?}"), format!("{part}.e30.AAAA").into_bytes()));
        }
        tokens
    });
}

#[test]
fn every_target_has_its_corpus_and_its_program_and_nothing_else_is_there() {
    let expected: BTreeSet<_> = TARGETS.iter().map(|one| one.name.to_owned()).collect();
    assert_eq!(expected.len(), TARGETS.len(), "no name comes twice");
    assert_eq!(names(&room().join("corpus")), expected);
    let programs = names(&room().join("targets"));
    let stem = |name: &String| name.strip_suffix(".rs").expect("a source").to_owned();
    assert_eq!(programs.iter().map(stem).collect::<BTreeSet<_>>(), expected);
    let manifest = fs::read_to_string(room().join("Cargo.toml")).expect("a manifest");
    for name in &expected {
        let program = fs::read_to_string(room().join(format!("targets/{name}.rs")));
        assert!(
            program.expect("a source").contains(&format!("\"{name}\"")),
            "{name}"
        );
        let path = format!("name = \"{name}\"\npath = \"targets/{name}.rs\"\n");
        assert!(manifest.contains(&path), "{name} is not in the manifest");
    }
}

#[test]
fn every_corpus_is_small_and_there() {
    for target in TARGETS {
        let inputs = corpus(*target);
        let bytes: usize = inputs.iter().map(|(_, bytes)| bytes.len()).sum();
        let (name, files) = (target.name, inputs.len());
        assert!((1..=FILES_MAX).contains(&files), "{name} has {files} files");
        assert!(bytes <= BYTES_MAX, "{name} has {bytes} bytes");
        for (file, _) in inputs {
            let is_hash = file.len() == 40 && file.bytes().all(|b| b.is_ascii_hexdigit());
            assert!(is_hash, "{name}/{file} is not named by its hash");
        }
    }
}

#[test]
fn whoever_takes_too_much_memory_is_caught() {
    let bytes = &[0; 1_000];
    let most = (MEMORY_TIMES * 1_000 + MEMORY_ANYWAY) as usize;
    let take = |size: usize| {
        let input = Input {
            bytes,
            measure: peak,
        };
        // Only what is held at one moment counts.
        input.read(|| drop(vec![1_u8; size]));
        let held = input.read(|| vec![1_u8; size]);
        assert_eq!(held.len(), size);
    };
    take(most);
    assert!(catch_unwind(|| take(most + 1)).is_err());
}
