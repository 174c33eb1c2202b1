//! The server's description of itself against the server: whatever comes back, of every call and of
//! every event, is what it says, and nothing besides.

mod calls;
mod document;
mod events;
mod inquiry;
mod page;
mod rare;
