//! The table of routes: a router that can tell what stands in it.

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};

use crate::transport::Gateway;

/// A call that the server takes: a method, and an address in which `{id}` stands for an id.
pub(in crate::transport) type Call = (Method, &'static str);

/// Routes, and which they are. There is no other way to add one (`tests/tidy.rs`), so that the
/// tests can ask for each of them.
#[derive(Default)]
pub(in crate::transport) struct Routes {
    router: Router<Gateway>,
    calls: Vec<Call>,
}

impl Routes {
    pub(in crate::transport) fn get<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Gateway>,
        T: 'static,
    {
        self.add(Method::GET, path, on(MethodFilter::GET, handler))
    }

    pub(super) fn post<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Gateway>,
        T: 'static,
    {
        self.add(Method::POST, path, on(MethodFilter::POST, handler))
    }

    pub(super) fn put<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Gateway>,
        T: 'static,
    {
        self.add(Method::PUT, path, on(MethodFilter::PUT, handler))
    }

    pub(super) fn delete<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Gateway>,
        T: 'static,
    {
        self.add(Method::DELETE, path, on(MethodFilter::DELETE, handler))
    }

    /// One path may be added again with another method.
    fn add(mut self, method: Method, path: &'static str, answer: MethodRouter<Gateway>) -> Self {
        self.router = self.router.route(path, answer);
        self.calls.push((method, path));
        self
    }

    /// Every call, in the order of the table.
    pub(in crate::transport) fn calls(self) -> Vec<Call> {
        self.calls
    }

    /// What answers them.
    pub(super) fn into_router(self) -> Router<Gateway> {
        self.router
    }
}
