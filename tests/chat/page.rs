//! The built-in page as files: what is served, as what, and what a browser may do with it. What it does is
//! tested in a browser (`tests/page`).

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use reqwest::Method;
use tempfile::tempdir;

use crate::harness::answer::Answer;
use crate::harness::door::Carried;
use crate::harness::process::ServerProcess;
use crate::harness::server::TestServer;

const PARTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/transport/page");

/// The names of the files that the page is made of, without the page itself and what is for the type checker.
fn parts() -> BTreeSet<String> {
    let files = fs::read_dir(Path::new(PARTS)).expect("the page's directory");
    let names = files.map(|file| {
        let name = file.expect("a file").file_name();
        name.into_string().expect("Unicode")
    });
    names
        .filter(|name| name != "index.html" && !name.ends_with(".d.ts"))
        .collect()
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    let value = answer.headers.get(name);
    value.map_or("", |value| value.to_str().expect("text"))
}

/// Every address that the page names in an attribute.
fn named(html: &str) -> Vec<&str> {
    ["src=\"", "href=\""]
        .iter()
        .flat_map(|attribute| html.split(attribute).skip(1))
        .map(|rest| rest.split('"').next().expect("an end"))
        .collect()
}

#[tokio::test]
async fn every_part_is_served_as_what_it_is_and_the_page_names_each() {
    let server = TestServer::start().await;
    let page = server.door.get("/").await;
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    let kinds = HashMap::from([
        ("css", "text/css; charset=utf-8"),
        ("js", "text/javascript; charset=utf-8"),
        ("svg", "image/svg+xml"),
    ]);
    let parts = parts();
    for name in &parts {
        let part = server.door.get(&format!("/page/{name}")).await;
        let text = fs::read_to_string(Path::new(PARTS).join(name)).expect("text");
        assert_eq!((part.status, &part.text), (200, &text), "{name}");
        let kind = name.rsplit('.').next().expect("an extension");
        assert_eq!(header(&part, "content-type"), kinds[kind], "{name}");
    }
    // All at once, or a browser would find the modules one behind the other.
    let named: BTreeSet<String> = named(&page.text)
        .into_iter()
        .map(|address| {
            // Behind a proxy the page may be below another path.
            let name = address.strip_prefix("./page/");
            name.unwrap_or_else(|| panic!("{address} is not relative"))
                .to_owned()
        })
        .collect();
    assert_eq!(named, parts);
}

#[tokio::test]
async fn nothing_stands_inline_or_comes_from_elsewhere_and_no_text_becomes_markup() {
    let server = TestServer::start().await;
    let page = server.door.get("/").await;
    let policy = header(&page, "content-security-policy");
    let mut directives: HashMap<&str, &str> = policy
        .split(';')
        .map(|directive| directive.trim().split_once(' ').expect("a value"))
        .collect();
    for (directive, value) in [
        ("default-src", "'none'"),
        ("script-src", "'self'"),
        ("style-src", "'self'"),
        ("connect-src", "'self'"),
        ("img-src", "'self'"),
        ("base-uri", "'none'"),
        ("form-action", "'none'"),
        ("frame-ancestors", "'none'"),
        ("require-trusted-types-for", "'script'"),
        ("trusted-types", "'none'"),
    ] {
        assert_eq!(directives.remove(directive), Some(value), "{policy}");
    }
    assert!(directives.is_empty(), "{policy}");
    for inline in ["<style", " style=", " onclick=", " onload=", "<script>"] {
        assert!(!page.text.contains(inline), "{inline}");
    }
}

#[tokio::test]
async fn what_a_browser_has_is_not_sent_again() {
    let server = TestServer::start().await;
    let mut tags = BTreeSet::new();
    for path in ["/", "/page/main.js"] {
        let first = server.door.get(path).await;
        assert_eq!(header(&first, "cache-control"), "no-cache");
        let tag = header(&first, "etag").to_owned();
        for known in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"x\", {tag}"),
            "*".to_owned(),
        ] {
            let carried = Carried::default().with("if-none-match", &known);
            let again = server.door.call(Method::GET, path, carried).await;
            assert_eq!((again.status, again.text.as_str()), (304, ""), "{known}");
            assert_eq!(header(&again, "etag"), tag);
        }
        let carried = Carried::default().with("if-none-match", "\"another\"");
        let other = server.door.call(Method::GET, path, carried).await;
        assert_eq!((other.status, other.text), (200, first.text));
        tags.insert(tag);
    }
    assert_eq!(tags.len(), 2, "different files have different tags");
}

#[tokio::test]
async fn a_head_is_told_what_a_get_would_be_and_anything_else_is_refused() {
    let server = TestServer::start().await;
    for path in ["/", "/page/base.css"] {
        let got = server.door.get(path).await;
        let head = server
            .door
            .call(Method::HEAD, path, Carried::default())
            .await;
        assert_eq!((head.status, head.text.as_str()), (200, ""));
        for name in ["content-type", "etag", "content-security-policy"] {
            assert_eq!(header(&head, name), header(&got, name), "{name}");
        }
        let post = server
            .door
            .call(Method::POST, path, Carried::default())
            .await;
        post.refused(405, "method_not_allowed");
    }
}

#[tokio::test]
async fn what_is_no_part_of_the_page_is_not_found() {
    let server = TestServer::start().await;
    for path in [
        "/page",
        "/page/",
        "/page/missing.js",
        "/page/index.html",
        "/page/wire.d.ts",
        "/page/../rest/mod.rs",
        "/page/%2e%2e/rest/mod.rs",
        "/page/..%2frest%2fmod.rs",
        "/page//etc/passwd",
    ] {
        server.door.get(path).await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn a_directory_takes_the_place_of_the_page_and_all_its_parts() {
    let directory = tempdir().expect("a temporary directory");
    let web = directory.path().join("web");
    fs::create_dir_all(web.join("page")).expect("a directory");
    fs::write(web.join("page/main.js"), "mine()").expect("a script");
    let server = ServerProcess::start_with(directory.path(), |command| {
        command.env("WEB_ROOT", &web);
    })
    .await;
    let mine = server.door.get("/page/main.js").await;
    assert_eq!(
        (mine.text.as_str(), header(&mine, "content-security-policy")),
        ("mine()", "")
    );
    server
        .door
        .get("/page/base.css")
        .await
        .refused(404, "not_found");
    server.door.get("/").await.refused(404, "not_found");
}
