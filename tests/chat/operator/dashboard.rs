//! The dashboard, the documentation and what the server exposes name the same metrics.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::answer::{each, number};
use crate::harness::exposition::Exposition;
use crate::harness::promql::Asked;
use crate::harness::server::TestServer;

/// Labels that Prometheus adds to what it scrapes.
const ADDED: [&str; 2] = ["job", "instance"];

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn dashboard() -> Value {
    serde_json::from_str(&file(".deploy/grafana.json")).expect("JSON")
}

/// Every query of the dashboard, with its panel's title.
fn queries(dashboard: &Value) -> Vec<(&str, &str)> {
    each(&dashboard["panels"])
        .flat_map(|panel| {
            let title = panel["title"].as_str().expect("a title");
            let queries = each(&panel["targets"]);
            queries.map(move |one| (title, one["expr"].as_str().expect("a query")))
        })
        .collect()
}

#[tokio::test]
async fn the_dashboard_asks_for_what_there_is() {
    let server = TestServer::operated().await;
    let seen = server.operator().metrics().await;
    let (series, labels) = (seen.series(), seen.labels());
    let dashboard = dashboard();
    let queries = queries(&dashboard);
    assert!(queries.len() >= 20, "they were not found: {queries:?}");
    for (title, query) in queries {
        let asked = Asked::by(query);
        for name in &asked.series {
            assert!(series.contains(&**name), "{title}: there is no {name}");
        }
        for label in &asked.labels {
            let is_there = labels.contains_key(&**label) || ADDED.contains(&&**label);
            assert!(is_there, "{title}: no label {label}");
        }
    }
    let variables = each(&dashboard["templating"]["list"]);
    let asks = variables.filter_map(|one| one["definition"].as_str());
    for asked in asks {
        let name = asked.strip_prefix("label_values(");
        let (name, label) = name
            .and_then(|rest| rest.split_once(", "))
            .expect("a query");
        assert!(series.contains(name), "{asked}");
        assert!(ADDED.contains(&label.trim_end_matches(')')), "{asked}");
    }
}

#[tokio::test]
async fn every_metric_is_on_the_dashboard_and_in_the_documentation() {
    let server = TestServer::operated().await;
    let seen = server.operator().metrics().await;
    let dashboard = dashboard();
    let asked = queries(&dashboard)
        .into_iter()
        .map(|(_, query)| Asked::by(query));
    let asked: BTreeSet<String> = asked.flat_map(|asked| asked.series).collect();
    for name in seen.names() {
        let shown = asked.iter().any(|series| is_of(series, name, &seen));
        assert!(shown, "{name} is on no panel");
    }
    let map = file("src/README.md");
    let (_, table) = map.split_once("| metric | kind |").expect("the table");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let documented: Vec<_> = rows
        .iter()
        .map(|row| (row[0].trim_matches('`'), row[1]))
        .collect();
    let exposed: Vec<_> = seen
        .names()
        .into_iter()
        .map(|name| (name, seen.kind(name).expect("a kind")))
        .collect();
    assert_eq!(
        documented, exposed,
        "in the order in which they are exposed"
    );
}

/// Whether `series` belongs to the metric `name`: a histogram has three.
fn is_of(series: &str, name: &str, seen: &Exposition) -> bool {
    let ending = series.strip_prefix(name);
    match seen.kind(name) {
        Some("histogram") => matches!(ending, Some("_bucket" | "_sum" | "_count")),
        _ => ending == Some(""),
    }
}

#[test]
fn the_dashboard_can_be_loaded() {
    let dashboard = dashboard();
    assert!(dashboard["title"].is_string() && dashboard["uid"].is_string());
    assert!(number(&dashboard["schemaVersion"]) >= 39, "Grafana 11");
    assert!(dashboard.get("id").is_none(), "that is Grafana's to give");
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in each(&dashboard["panels"]) {
        assert!(
            ids.insert(number(&panel["id"])),
            "each panel has an id: {panel}"
        );
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{panel}");
        assert!(panel["description"].is_string(), "{panel}");
        let at = |key| number(&panel["gridPos"][key]);
        assert!(at("x") >= 0 && at("x") + at("w") <= 24, "{panel}");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "two panels at {x}, {y}");
            }
        }
        let mut letters = BTreeSet::new();
        for query in each(&panel["targets"]) {
            assert!(letters.insert(query["refId"].as_str()), "{panel}");
            assert_eq!(query["datasource"], panel["datasource"], "{panel}");
        }
    }
}
