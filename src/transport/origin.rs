//! From which web pages a browser may call.
//!
//! A browser tells the page's origin, and nothing else does; so this protects people with a
//! browser, and a client without one may come from anywhere.

use axum::http::{HeaderMap, HeaderValue, header};

/// The origins that are let in.
#[derive(Clone, Debug)]
pub enum Origins {
    /// Any.
    Any,
    /// The server's own, and this machine on any port.
    Local,
    /// These, and the server's own.
    Listed(Vec<String>),
}

impl Origins {
    /// Those that `allowed` lists; `*` is any, and none is the default.
    pub(crate) fn new(allowed: &[String]) -> Self {
        let listed: Vec<String> = allowed
            .iter()
            .map(|origin| origin.trim().trim_end_matches('/').to_ascii_lowercase())
            .filter(|origin| !origin.is_empty())
            .collect();
        if listed.iter().any(|origin| origin == "*") {
            Self::Any
        } else if listed.is_empty() {
            Self::Local
        } else {
            Self::Listed(listed)
        }
    }

    /// Whether a request with these headers may come in. One without an origin may.
    pub(crate) fn admit(&self, headers: &HeaderMap) -> bool {
        headers
            .get(header::ORIGIN)
            .is_none_or(|origin| self.allow(origin, headers))
    }

    /// Whether pages of `origin` may call, with a request that has these headers.
    pub(crate) fn allow(&self, origin: &HeaderValue, headers: &HeaderMap) -> bool {
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        let origin = origin.to_ascii_lowercase();
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        match self {
            Self::Any => true,
            Self::Local => is_own(&origin, host) || is_local(&origin),
            Self::Listed(listed) => is_own(&origin, host) || listed.contains(&origin),
        }
    }
}

/// Whether the page came from the very host that the request goes to.
fn is_own(origin: &str, host: Option<&str>) -> bool {
    let authority = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    authority
        .zip(host)
        .is_some_and(|(origin, host)| origin.eq_ignore_ascii_case(host))
}

fn is_local(origin: &str) -> bool {
    ["http://localhost", "http://127.0.0.1"]
        .iter()
        .any(|local| {
            let port = origin.strip_prefix(local);
            port.is_some_and(|port| match port.strip_prefix(':') {
                Some(port) => !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()),
                None => port.is_empty(),
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(list: &[&str], origin: &'static str) -> bool {
        let list: Vec<String> = list.iter().map(ToString::to_string).collect();
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("chat.example:3000"));
        headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        Origins::new(&list).admit(&headers)
    }

    #[test]
    fn by_default_the_own_origin_and_this_machine_are_let_in() {
        for origin in [
            "http://chat.example:3000",
            "https://chat.example:3000",
            "http://localhost",
            "http://localhost:5173",
            "http://127.0.0.1:8080",
        ] {
            assert!(allowed(&[], origin), "{origin}");
        }
        for origin in [
            "null",
            "http://chat.example",
            "http://evil.example",
            "http://localhost.evil.example",
            "http://localhost:1@evil.example",
            "http://localhost:",
            "file://localhost",
        ] {
            assert!(!allowed(&[], origin), "{origin}");
        }
    }

    #[test]
    fn a_list_takes_the_place_of_this_machine() {
        let list = ["https://app.example/", " https://b.example"];
        assert!(allowed(&list, "https://app.example"));
        assert!(allowed(&list, "https://b.example"));
        assert!(allowed(&list, "http://chat.example:3000"));
        assert!(!allowed(&list, "http://localhost:5173"));
        assert!(allowed(&["*"], "https://anything.example"));
    }

    #[test]
    fn who_is_no_browser_comes_from_anywhere() {
        assert!(Origins::new(&[]).admit(&HeaderMap::new()));
    }
}
