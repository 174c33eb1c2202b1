//! Black-box tests of Duologue: what `api.md` promises, asked for over HTTP and sockets.
//!
//! Every test starts a server of its own on a free port with an empty database. `tests/README.md`
//! says how, and which file tests what.

/// Runs each named test body, an `async fn(Transport)`, as a test of its own on every transport.
///
/// A body that is missing from the list is dead code, and the compiler says so.
macro_rules! over_every_transport {
    ($($body:ident),+ $(,)?) => {
        mod websocket {
            $(#[tokio::test]
            async fn $body() {
                Box::pin(super::$body($crate::harness::arrival::Transport::WebSocket)).await;
            })+
        }
    };
}

mod accounts;
mod bursts;
mod conversation_list;
mod conversations;
mod crash;
mod delivered;
mod frames;
mod harness;
mod history;
mod joining;
mod messages;
mod order;
mod presence;
mod process;
mod reads;
mod refusals_fields;
mod refusals_rest;
mod refusals_socket;
mod registration;
mod restart;
mod retries;
mod shutdown;
mod sockets;
mod tokens;
mod typing;
mod users;
