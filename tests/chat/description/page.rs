//! The page for people: it has everything, and loads nothing.

use std::collections::BTreeSet;

use crate::harness::server::TestServer;

/// The values of an attribute, wherever it stands.
fn attribute<'a>(page: &'a str, name: &str) -> BTreeSet<&'a str> {
    let before = format!(" {name}=\"");
    let values = page.match_indices(&before);
    let values = values.map(|(at, _)| &page[at + before.len()..]);
    values.filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn the_page_tells_of_every_call_event_and_schema_and_loads_its_style_alone() {
    let server = TestServer::start().await;
    let answer = server.door.get("/docs").await;
    assert_eq!(answer.status, 200);
    let page = &answer.text;
    let ids = attribute(page, "id");
    for part in ["/api/openapi.json", "/api/asyncapi.json"] {
        let document = server.door.get(part).await.json();
        let operations = document["paths"].as_object().into_iter().flatten();
        let operations =
            operations.flat_map(|(_, methods)| methods.as_object().expect("methods").values());
        for operation in operations {
            let name = operation["operationId"].as_str().expect("a name");
            assert!(ids.contains(name), "{name}");
        }
        let events = document["operations"].as_object().into_iter().flatten();
        for (name, _) in events {
            assert!(ids.contains(name.as_str()), "{name}");
        }
        for name in document["components"]["schemas"]
            .as_object()
            .expect("schemas")
            .keys()
        {
            assert!(ids.contains(format!("schema-{name}").as_str()), "{name}");
        }
    }
    // Relative, so that all of it may stand below a prefix; and nothing of anybody else's.
    let mut elsewhere = BTreeSet::new();
    for link in attribute(page, "href") {
        match link.strip_prefix('#') {
            Some(id) => assert!(ids.contains(id), "#{id} leads nowhere"),
            None => drop(elsewhere.insert(link)),
        }
    }
    let expected = ["api/asyncapi.json", "api/openapi.json", "docs/style.css"];
    assert_eq!(elsewhere, BTreeSet::from(expected));
    for tag in [
        "<script", "<img", "<iframe", " src=", " style=", "<style", "@import", "url(",
    ] {
        assert!(!page.contains(tag), "{tag}");
    }
    let policy = answer.headers.get("content-security-policy");
    let policy = policy
        .and_then(|policy| policy.to_str().ok())
        .expect("a policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'self';"),
        "{policy}"
    );
    let style = server.door.get("/docs/style.css").await;
    assert_eq!((style.status, style.text.contains("url(")), (200, false));
}
