//! The lines of a request's head that the server reads itself.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::Input;
use crate::quota::Address;
use crate::transport::address::Proxies;
use crate::transport::caller::{bearer, bearer_protocol};
use crate::transport::origin::Origins;
use crate::transport::rest::body::is_json;

/// The same text as each of them: who asks, from which page, and what the body is.
pub(super) fn header(input: &Input<'_>) {
    let value = input.head().map(HeaderValue::from_bytes);
    let Some(Ok(value)) = value else {
        return;
    };
    let with = |name: HeaderName| HeaderMap::from_iter([(name, value.clone())]);
    let text = value.to_str().ok();

    let headers = with(header::AUTHORIZATION);
    if let Some(token) = input.read(|| bearer(&headers)) {
        assert!(text.is_some_and(|text| text.trim_end().ends_with(token)));
        assert_eq!(token, token.trim());
        assert_eq!(
            bearer(&one(header::AUTHORIZATION, &format!("Bearer {token}"))),
            Some(token)
        );
    }
    let headers = with(header::SEC_WEBSOCKET_PROTOCOL);
    if let Some(token) = input.read(|| bearer_protocol(&headers)) {
        assert!(token == token.trim() && !token.contains(','));
        let again = one(header::SEC_WEBSOCKET_PROTOCOL, &format!("bearer, {token}"));
        assert_eq!(bearer_protocol(&again), Some(token));
    }
    let headers = with(header::CONTENT_TYPE);
    if input.read(|| is_json(&headers)) {
        let text = text.map(str::to_ascii_lowercase).unwrap_or_default();
        assert!(text.trim_start().starts_with("application/json"));
    }
    let mut headers = with(header::ORIGIN);
    headers.insert(header::HOST, HeaderValue::from_static("chat.example"));
    let [local, listed] = [&[][..], &["https://app.example".to_owned()]].map(Origins::new);
    let [is_local, is_listed] = [local, listed].map(|some| input.read(|| some.admit(&headers)));
    let origin = text.map(str::to_ascii_lowercase).unwrap_or_default();
    let is_own = ["http://chat.example", "https://chat.example"].contains(&&*origin);
    assert_eq!(is_listed, is_own || origin == "https://app.example");
    if is_local && !is_own {
        assert!(origin.starts_with("http://localhost") || origin.starts_with("http://127.0.0.1"));
    }
}

/// Lines of `X-Forwarded-For`, a line each, by a proxy that is believed and by somebody else.
pub(super) fn forwarded_for(input: &Input<'_>) {
    const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let Some(head) = input.head() else {
        return;
    };
    let name = HeaderName::from_static("x-forwarded-for");
    let lines = head
        .split(|byte| *byte == b'\n')
        .map(HeaderValue::from_bytes);
    let mut headers = HeaderMap::new();
    for line in lines.flatten().take(LINES_MAX) {
        headers.append(&name, line);
    }
    let proxies = Proxies::new(&[PROXY]);
    let seen = input.read(|| proxies.address(PROXY, &headers));

    let last = headers.get_all(&name).iter().next_back();
    let last = last.and_then(|line| line.to_str().ok()).unwrap_or_default();
    let last = last.rsplit(',').next().unwrap_or_default().trim();
    // It names an address, with or without a port; else the proxy speaks for itself.
    let with_port = last.rsplit_once(':').map(|(address, _)| bare(address));
    let named = [Some(last), with_port].into_iter().flatten();
    let mut named = named
        .filter_map(|text| text.parse().ok())
        .map(|ip: IpAddr| Address::from(ip));
    assert!(seen == Address::from(PROXY) || named.any(|address| address == seen));
    if let Ok(address) = last.parse::<IpAddr>() {
        assert_eq!(seen, Address::from(address));
    }

    let stranger = IpAddr::V4(Ipv4Addr::BROADCAST);
    assert_eq!(proxies.address(stranger, &headers), Address::from(stranger));
}

/// An address without brackets and without the zone that it is in.
fn bare(address: &str) -> &str {
    let address = address.trim_matches(['[', ']']);
    address.split('%').next().unwrap_or_default()
}

/// As many as a request may have.
const LINES_MAX: usize = 64;

fn one(name: HeaderName, value: &str) -> HeaderMap {
    let value = HeaderValue::from_str(value).expect("a header");
    HeaderMap::from_iter([(name, value)])
}
