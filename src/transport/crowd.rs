//! How many connections each address has open, so that one cannot take every place.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::address::Proxies;
use crate::config::Config;
use crate::quota::Address;

/// The open connections of each address. Clones are the same ones.
#[derive(Clone, Debug, Default)]
pub struct Crowd(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    most: u32,
    /// They carry the connections of many.
    proxies: Proxies,
    /// Locked when a connection comes or goes, and for nothing in between.
    open: Mutex<HashMap<Address, u32>>,
}

/// A connection that counts for its address, as long as this lives.
#[derive(Debug)]
pub(super) struct Entered(Option<(Arc<Inner>, Address)>);

impl Crowd {
    /// As few from each address as `config` says. (The default is as many as there are.)
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let limited = config.rate_limits.is_on().then(|| Inner {
            most: config.limits.quotas.connections_max,
            proxies: Proxies::new(&config.forwarded_by),
            open: Mutex::default(),
        });
        Self(limited.map(Arc::new))
    }

    /// One more from `peer`; `None` if there are too many from there already. Where the server has
    /// little room, that is half of `places`, which are those of all: one must never have them all.
    pub(super) fn enter(&self, peer: IpAddr, places: usize) -> Option<Entered> {
        let Some(inner) = self.0.as_ref().filter(|inner| !inner.proxies.know(peer)) else {
            return Some(Entered(None));
        };
        let address = Address::from(peer);
        let half = u32::try_from(places / 2).unwrap_or(u32::MAX).max(1);
        let mut open = inner.lock();
        let count = open.entry(address).or_default();
        if *count >= inner.most.min(half) {
            return None;
        }
        *count += 1;
        Some(Entered(Some((Arc::clone(inner), address))))
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, HashMap<Address, u32>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let Some((inner, address)) = self.0.take() else {
            return;
        };
        let mut open = inner.lock();
        if let Some(count) = open.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(most: u32) -> Crowd {
        Crowd(Some(Arc::new(Inner {
            most,
            proxies: Proxies::new(&["192.0.2.1".parse().expect("an address")]),
            open: Mutex::default(),
        })))
    }

    fn enter(crowd: &Crowd, peer: &str) -> Option<Entered> {
        enter_of(crowd, peer, 100)
    }

    fn enter_of(crowd: &Crowd, peer: &str, places: usize) -> Option<Entered> {
        crowd.enter(peer.parse().expect("an address"), places)
    }

    #[test]
    fn so_many_from_an_address_and_no_more() {
        let crowd = crowd(1);
        let first = enter(&crowd, "198.51.100.7");
        assert!(first.is_some() && enter(&crowd, "198.51.100.7").is_none());
        assert!(enter(&crowd, "198.51.100.8").is_some());
        drop(first);
        assert!(enter(&crowd, "198.51.100.7").is_some());
    }

    #[test]
    fn nobody_has_more_than_half_of_what_there_is() {
        let crowd = crowd(100);
        let enter = |peer| enter_of(&crowd, peer, 4);
        let held = [enter("198.51.100.7"), enter("198.51.100.7")];
        assert!(held.iter().all(Option::is_some));
        assert!(enter("198.51.100.7").is_none());
        assert!(enter("198.51.100.8").is_some());
    }

    #[test]
    fn who_is_gone_leaves_nothing() {
        let crowd = crowd(1);
        drop(enter(&crowd, "198.51.100.7"));
        drop((enter(&crowd, "198.51.100.8"), enter(&crowd, "198.51.100.8")));
        let inner = crowd.0.expect("limited");
        assert!(inner.lock().is_empty());
    }

    #[test]
    fn a_proxy_may_have_as_many_as_there_are() {
        let crowd = crowd(1);
        let entered = (0..3).map(|_| enter(&crowd, "192.0.2.1"));
        assert_eq!(entered.collect::<Vec<_>>().iter().flatten().count(), 3);
    }
}
