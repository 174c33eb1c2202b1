//! Whether the database is what the server believes it to be.
//!
//! SQLite looks after its own structure; the rules below are ours. The server keeps them by the way it
//! writes, so a row that breaks one tells of a fault: of the server, of the disk, or of somebody who
//! wrote into the database.

use sea_orm::{DatabaseTransaction, DbErr, TransactionTrait};

use super::{OpenError, ReadOnly, error::is_damage, read_only::texts};

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What is wrong, a line each; nothing in a sound database. At most 100 of a kind, and another
    /// line that says so.
    pub faults: Vec<String>,
    /// How many conversations there are.
    pub conversations: i64,
    /// How many messages they have in all.
    pub messages: i64,
}

/// Lines of a kind: the first ones are as good as all.
const FAULTS_MAX: usize = 100;

/// Positions are 1, 2, 3 … That none is there twice is the primary key's matter.
const GAPS: &str = "\
    SELECT 'conversation ' || conversation_id || ': ' || COUNT(*) || ' messages stand at positions ' \
        || MIN(seq) || ' to ' || MAX(seq) \
    FROM messages GROUP BY conversation_id HAVING MIN(seq) <> 1 OR MAX(seq) <> COUNT(*)";

/// Both participants know of the last message.
const HEADS: &str = "\
    SELECT 'conversation ' || conversation_id || ': its last message is ' || last || ', and for user ' \
        || user_id || ' it is ' || head_seq \
    FROM (SELECT conversation_id, user_id, head_seq, (SELECT COALESCE(MAX(seq), 0) FROM messages \
        WHERE messages.conversation_id = participants.conversation_id) AS last FROM participants) AS heads \
    WHERE head_seq <> last";

/// A send that is repeated is stored once.
const REPEATS: &str = "\
    SELECT 'conversation ' || conversation_id || ': user ' || sender_id || ' has ' || COUNT(*) \
        || ' messages with one client_message_id, the first at ' || MIN(seq) \
    FROM messages WHERE client_message_id IS NOT NULL \
    GROUP BY conversation_id, sender_id, client_message_id HAVING COUNT(*) > 1";

/// A conversation is a pair's, and each of them has a place in it that names the other.
const PAIRS: &str = "\
    SELECT 'conversation ' || conversations.id || ': users ' || low_user_id || ' and ' || high_user_id \
        || ' are not each other''s other in it' \
    FROM conversations \
    LEFT JOIN participants AS low ON low.user_id = low_user_id \
        AND low.conversation_id = conversations.id AND low.other_id = high_user_id \
    LEFT JOIN participants AS high ON high.user_id = high_user_id \
        AND high.conversation_id = conversations.id AND high.other_id = low_user_id \
    WHERE low.user_id IS NULL OR high.user_id IS NULL OR low_user_id >= high_user_id";

/// Nobody else has a place in it.
const STRANGERS: &str = "\
    SELECT 'conversation ' || conversation_id || ': user ' || user_id || ' has a place in it, and is not one of \
        its two people' \
    FROM participants LEFT JOIN conversations ON conversations.id = conversation_id \
    WHERE conversations.id IS NULL OR user_id NOT IN (low_user_id, high_user_id)";

/// Nobody has read what is not there.
const READS: &str = "\
    SELECT 'conversation ' || conversation_id || ': user ' || user_id || ' has read up to ' || last_read_seq \
        || ' of ' || head_seq \
    FROM participants WHERE last_read_seq NOT BETWEEN 0 AND head_seq";

/// Nobody has received what is not there.
const DELIVERIES: &str = "\
    SELECT 'conversation ' || conversation_id || ': user ' || user_id || ' has received up to ' \
        || last_delivered_seq || ' of ' || head_seq \
    FROM participants WHERE last_delivered_seq NOT BETWEEN 0 AND head_seq";

/// Who has read has received.
const READS_UNRECEIVED: &str = "\
    SELECT 'conversation ' || conversation_id || ': user ' || user_id || ' has read up to ' || last_read_seq \
        || ', and received up to ' || last_delivered_seq \
    FROM participants WHERE last_read_seq > last_delivered_seq";

/// Only its two people speak in a conversation.
const SENDERS: &str = "\
    SELECT 'conversation ' || conversation_id || ': message ' || seq || ' is from user ' || sender_id \
        || ', who is not one of its two people' \
    FROM messages JOIN conversations ON conversations.id = conversation_id \
    WHERE sender_id NOT IN (low_user_id, high_user_id)";

/// Rows that name rows of other tables.
const REFERENCES: &str = "\
    SELECT \"table\" || ' that name ' || parent || ' which are not there: ' || COUNT(*) \
    FROM pragma_foreign_key_check GROUP BY \"table\", parent";

const RULES: [&str; 10] = [
    REFERENCES,
    GAPS,
    HEADS,
    REPEATS,
    PAIRS,
    STRANGERS,
    READS,
    DELIVERIES,
    READS_UNRECEIVED,
    SENDERS,
];

impl ReadOnly {
    /// Reads the whole database, as it is at one moment, and tells what is wrong with it. A running
    /// server is not held up; its log grows meanwhile.
    ///
    /// # Errors
    /// [`OpenError::Newer`] and [`OpenError::Older`] of a database that this binary does not know;
    /// [`OpenError::Unreadable`].
    pub async fn check(&self) -> Result<Report, OpenError> {
        self.is_of_this_version().await?;
        let report = self.report().await;
        report.map_err(|cause| OpenError::of(&self.path, cause))
    }

    async fn report(&self) -> Result<Report, DbErr> {
        // One transaction, so that all questions see the same moment.
        let moment = self.db.begin().await?;
        let mut faults = structure(&moment).await?;
        for rule in RULES {
            faults.extend(breaches(&moment, rule).await?);
        }
        let report = Report {
            conversations: count(&moment, "conversations").await?,
            messages: count(&moment, "messages").await?,
            faults,
        };
        // Nothing was written, and over damage even an end may fail.
        moment.rollback().await.ok();
        Ok(report)
    }
}

/// What SQLite finds wrong with its pages and indexes.
async fn structure(moment: &DatabaseTransaction) -> Result<Vec<String>, DbErr> {
    let check = format!("PRAGMA integrity_check({FAULTS_MAX})");
    let found = lines(moment, &check).await?;
    Ok(found.into_iter().filter(|line| line != "ok").collect())
}

/// The rows that break a rule of ours.
async fn breaches(moment: &DatabaseTransaction, rule: &str) -> Result<Vec<String>, DbErr> {
    let mut found = lines(moment, &format!("{rule} LIMIT {}", FAULTS_MAX + 1)).await?;
    if found.len() > FAULTS_MAX {
        found.truncate(FAULTS_MAX);
        found.push("… and more of this kind".to_owned());
    }
    Ok(found)
}

/// What `sql` answers, in lines. That damage keeps it from an answer is an answer too.
async fn lines(moment: &DatabaseTransaction, sql: &str) -> Result<Vec<String>, DbErr> {
    match texts(moment, sql).await {
        Ok(texts) => {
            let lines = texts.iter().flat_map(|text| text.lines());
            Ok(lines.map(str::to_owned).collect())
        }
        Err(cause) if is_damage(&cause) => Ok(vec![format!("a part cannot be read: {cause}")]),
        Err(cause) => Err(cause),
    }
}

async fn count(moment: &DatabaseTransaction, table: &str) -> Result<i64, DbErr> {
    let counted = lines(moment, &format!("SELECT COUNT(*) FROM {table}")).await?;
    Ok(counted
        .first()
        .and_then(|count| count.parse().ok())
        .unwrap_or_default())
}
