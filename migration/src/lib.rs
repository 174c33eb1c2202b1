//! Duologue's database schema: one file per step, in the order of their dates.
//!
//! A step never changes once it was released, and never names the `entities`, which describe the
//! newest schema only. Each step is one transaction, so that a start that was cut off leaves
//! nothing half made. Everything here is meant for SQLite and PostgreSQL alike.

#![expect(
    elided_lifetimes_in_paths,
    reason = "the trait leaves out the lifetime of SchemaManager, and so must we"
)]

use sea_orm_migration::MigrationTrait;
pub use sea_orm_migration::MigratorTrait;

mod m20261123_000001_create_users;
mod m20261123_000002_create_conversations;
mod m20261123_000003_create_participants;
mod m20261123_000004_create_messages;
mod m20261126_000005_cover_unread;
mod m20261126_000006_delete_users;
mod m20261126_000007_create_sign_ins;

/// Brings a database to the newest schema.
#[derive(Clone, Copy, Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_000001_create_users::Migration),
            Box::new(m20261123_000002_create_conversations::Migration),
            Box::new(m20261123_000003_create_participants::Migration),
            Box::new(m20261123_000004_create_messages::Migration),
            Box::new(m20261126_000005_cover_unread::Migration),
            Box::new(m20261126_000006_delete_users::Migration),
            Box::new(m20261126_000007_create_sign_ins::Migration),
        ]
    }
}
