//! Where a request comes from, for limits that stand for an address.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

use super::Gateway;
use super::server::Place;
use crate::quota::Address;

/// What a proxy adds to a request: whom it speaks for.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies that are believed (`--forwarded-by`). Clones are the same ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies(Arc<[IpAddr]>);

impl Proxies {
    /// These.
    pub(crate) fn new(addresses: &[IpAddr]) -> Self {
        Self(addresses.iter().map(IpAddr::to_canonical).collect())
    }

    /// Whether `peer` is one of them.
    pub(super) fn know(&self, peer: IpAddr) -> bool {
        self.0.contains(&peer.to_canonical())
    }

    /// For whom `peer` asks: mostly itself.
    pub(crate) fn address(&self, peer: IpAddr, headers: &HeaderMap) -> Address {
        let told = self.know(peer).then(|| forwarded_for(headers)).flatten();
        Address::from(told.unwrap_or(peer))
    }
}

/// Whom the nearest proxy has seen. It appends that: what stands before it is what its own client
/// said, which may be anything.
fn forwarded_for(headers: &HeaderMap) -> Option<IpAddr> {
    let mut lines = headers.get_all(FORWARDED_FOR).iter();
    let last = lines.next_back()?.to_str().ok()?.rsplit(',').next()?.trim();
    let with_port = || last.parse::<SocketAddr>().ok().map(|both| both.ip());
    last.parse().ok().or_else(with_port)
}

/// Where a request comes from.
pub(super) struct ComesFrom(pub(super) Address);

impl FromRequestParts<Gateway> for ComesFrom {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Infallible> {
        let place = parts.extensions.get::<Option<Place>>();
        let peer = place.and_then(|place| place.as_ref().map(Place::peer));
        // Every connection has a peer. If one had none, all of its kind would share a quota.
        let peer = peer.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
        Ok(Self(gateway.proxies.address(peer, &parts.headers)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn seen(peer: &str, lines: &[&'static str]) -> Address {
        let proxies = Proxies::new(&[ip("192.0.2.1"), ip("2001:db8::1")]);
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_static(line));
        }
        proxies.address(ip(peer), &headers)
    }

    #[test]
    fn a_proxy_that_is_known_is_believed_in_what_it_adds() {
        let client = Address::from(ip("198.51.100.7"));
        for lines in [
            &["198.51.100.7"][..],
            &["203.0.113.9, 198.51.100.7"],
            &["203.0.113.9", "198.51.100.7"],
            &[" 203.0.113.9 ,198.51.100.7 "],
            &["198.51.100.7:4711"],
            &["no address, 198.51.100.7"],
        ] {
            for proxy in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"] {
                assert_eq!(seen(proxy, lines), client, "{lines:?} by {proxy}");
            }
        }
        assert_eq!(
            seen("192.0.2.1", &["[2001:db8:7::9]:4711"]),
            Address::from(ip("2001:db8:7::"))
        );
    }

    #[test]
    fn nobody_else_is_believed() {
        for peer in ["192.0.2.2", "2001:db8::2", "127.0.0.1"] {
            assert_eq!(seen(peer, &["198.51.100.7"]), Address::from(ip(peer)));
        }
    }

    #[test]
    fn a_proxy_that_tells_nothing_of_use_speaks_for_itself() {
        let proxy = Address::from(ip("192.0.2.1"));
        for lines in [
            &[][..],
            &[""],
            &["198.51.100.7, unknown"],
            &["198.51.100.7,"],
        ] {
            assert_eq!(seen("192.0.2.1", lines), proxy, "{lines:?}");
        }
    }
}
