//! Black-box tests of Duologue: what `api.md` promises, asked for over HTTP and sockets.
//!
//! Every test starts a server of its own on a free port with an empty database. `tests/README.md`
//! says how, and which file tests what.

/// A module with each named test body, an `async fn(Transport)`, as a test on one transport.
macro_rules! over_transport {
    ($module:ident, $transport:ident, $($body:ident),+) => {
        mod $module {
            $(#[tokio::test]
            async fn $body() {
                Box::pin(super::$body($crate::harness::arrival::Transport::$transport)).await;
            })+
        }
    };
}

/// Runs each named test body as a test of its own over both carriers of Socket.IO.
///
/// A body that is missing from the list is dead code, and the compiler says so.
macro_rules! over_socketio {
    ($($body:ident),+ $(,)?) => {
        over_transport!(socketio, SocketIo, $($body),+);
        over_transport!(polling, Polling, $($body),+);
    };
}

/// The same on every transport.
macro_rules! over_every_transport {
    ($($body:ident),+ $(,)?) => {
        over_transport!(websocket, WebSocket, $($body),+);
        over_socketio!($($body),+);
    };
}

mod access;
mod accounts;
mod bursts;
mod chaos;
mod clock;
mod conversation_list;
mod conversations;
mod corpus;
mod crash;
mod delivered;
mod demo;
mod description;
mod descriptors;
mod disk;
mod disk_errors;
mod drain;
mod durable;
mod engineio;
#[cfg(feature = "faults")]
mod faults;
mod frames;
mod harness;
mod health;
mod history;
mod joining;
mod logs;
mod matrix;
mod messages;
mod operator;
mod order;
mod page;
mod presence;
mod process;
mod quotas;
mod quotas_address;
mod quotas_reads;
mod reads;
mod recovery;
mod refusals_fields;
mod refusals_rest;
mod refusals_socket;
mod registration;
mod restart;
mod retries;
mod shutdown;
mod socketio;
mod sockets;
mod tokens;
mod typing;
mod upgrades;
mod upkeep;
mod users;
