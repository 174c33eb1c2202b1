//! Conversations: who talks with whom, and what is new.

use std::sync::Arc;

use entities::ids::{ConversationId, MessageId, Pair, UserId};

use super::{Caller, Chat};
use crate::actors::people::Person;
use crate::actors::session::{Notice, SessionMsg};
use crate::actors::{tell, wall_clock};
use crate::error::ChatError;
use crate::store::{Conversation, Listed, Marks, Message};
use crate::wire::event::Event;
use crate::wire::query::{Cursor, ListQuery, Query};
use crate::wire::reply::{Conversations, CursorPage, UnreadCount};
use crate::wire::view::{
    ConversationView, ListedConversation, MessageView, OneConversation, ParticipantView, Timestamp,
};

impl Chat {
    /// Opens the conversation of the caller and `other`, or finds the one that is there; and
    /// whether it was opened now. Two people who open it at the same moment get the same one.
    ///
    /// # Errors
    /// [`ChatError::NotFound`] if there is no such person; [`ChatError::RateLimited`].
    pub async fn create_conversation(
        &self,
        caller: &Caller,
        other: UserId,
    ) -> Result<(OneConversation, bool), ChatError> {
        let _permit = self.admit_by(caller.id())?;
        let other_person = self.0.neighbours.people.find(other).await?;
        if other_person.is_none_or(|person| person.deleted) {
            return Err(ChatError::NotFound("user"));
        }
        let (chat, me) = (self.clone(), caller.id());
        let allowance = self.allowance(me);
        if allowance.is_limited() {
            let store = &self.0.neighbours.store;
            // One that is there is found for nothing, however many were made today.
            if store.conversation_of(Pair::of(me, other)).await?.is_none() {
                allowance.make_conversation()?;
            }
        }
        let opening = async move { chat.open(me, other).await };
        self.to_the_end(opening).await
    }

    async fn open(&self, me: UserId, other: UserId) -> Result<(OneConversation, bool), ChatError> {
        let neighbours = &self.0.neighbours;
        let pair = Pair::of(me, other);
        let store = &neighbours.store;
        let (conversation, created) = store.create_conversation(pair, me, wall_clock()).await?;
        if conversation.id > ConversationId::MAX {
            let why = "The server has no room for more conversations.";
            return Err(ChatError::Forbidden(why));
        }
        let view = self.describe(&conversation).await?;
        if created {
            let event = Arc::new(Event::new(&view));
            for user in pair.both() {
                for session in neighbours.directory.sessions(user) {
                    let event = Arc::clone(&event);
                    tell(&session, SessionMsg::Noticed(Notice { event, key: None }));
                }
            }
        }
        Ok((view, created))
    }

    /// One conversation of the caller.
    ///
    /// # Errors
    /// [`ChatError::NotFound`], [`ChatError::NotAParticipant`].
    pub async fn conversation(
        &self,
        caller: &Caller,
        id: ConversationId,
    ) -> Result<OneConversation, ChatError> {
        let _permit = self.admit_by(caller.id())?;
        let conversation = self.0.neighbours.store.conversation(id).await?;
        let conversation = conversation.ok_or(ChatError::NotFound("conversation"))?;
        if conversation.pair.side(caller.id()).is_none() {
            return Err(ChatError::NotAParticipant);
        }
        self.describe(&conversation).await
    }

    /// The caller's conversations, newest activity first. Of `query`: `limit`, `cursor`.
    ///
    /// # Errors
    /// [`ChatError::Invalid`]; [`ChatError::RateLimited`].
    pub async fn conversations(
        &self,
        caller: &Caller,
        query: &Query,
    ) -> Result<(Conversations, CursorPage), ChatError> {
        let _permit = self.admit_by(caller.id())?;
        let ListQuery { limit, after } = query.list()?;
        let before = after.map(|cursor| (cursor.active_at, cursor.id));
        self.allowance(caller.id()).list()?;
        let most = limit.cast_unsigned() + 1;
        let mut rows = self
            .0
            .neighbours
            .store
            .list(caller.id(), before, most)
            .await?;
        let has_more = rows.len() as i64 > limit;
        if has_more {
            rows.pop();
        }
        let last = rows.last().filter(|_| has_more);
        let next = last.map(|row| Cursor {
            active_at: row.mine.active_at,
            id: row.conversation.id,
        });
        let next_cursor = next.map(|cursor| cursor.to_string());
        let conversations = rows
            .into_iter()
            .map(|row| self.listed(caller, row))
            .collect();
        let pagination = CursorPage { limit, next_cursor };
        Ok((Conversations { conversations }, pagination))
    }

    /// How many messages the caller has not read, over all conversations.
    ///
    /// # Errors
    /// [`ChatError::Overloaded`].
    pub async fn total_unread(&self, caller: &Caller) -> Result<UnreadCount, ChatError> {
        let _permit = self.admit_by(caller.id())?;
        let unread_count = self.0.neighbours.store.total_unread(caller.id()).await?;
        Ok(UnreadCount { unread_count })
    }

    async fn describe(&self, conversation: &Conversation) -> Result<OneConversation, ChatError> {
        let neighbours = &self.0.neighbours;
        let marks = neighbours.store.load(conversation, 0).await?;
        let marks = marks.ok_or(ChatError::NotFound("conversation"))?.marks;
        let mut participants = Vec::with_capacity(2);
        for marks in &marks {
            if let Some(person) = neighbours.people.find(marks.user).await? {
                participants.push(self.participant(&person, marks));
            }
        }
        Ok(OneConversation {
            conversation: view(conversation, &marks[0]),
            participants,
        })
    }

    fn participant(&self, person: &Person, marks: &Marks) -> ParticipantView {
        ParticipantView {
            id: person.id,
            name: person.name.to_string(),
            status: self.0.neighbours.directory.status(person.id),
            last_seen_at: person.shown_last_seen(),
            last_read_seq: marks.read,
            last_delivered_seq: marks.delivered,
        }
    }

    fn listed(&self, caller: &Caller, row: Listed) -> ListedConversation {
        let other = Person::from(row.other);
        let me = self.0.neighbours.people.known(caller.id());
        let me = me.as_deref().unwrap_or(&caller.person);
        let mut participants = vec![
            self.participant(me, &row.mine),
            self.participant(&other, &row.theirs),
        ];
        participants.sort_by_key(|participant| participant.id);
        let last_message = row.last_message.map(|message| {
            let (sender, reader) = match message.sender == other.id {
                true => (&other, &row.mine),
                false => (me, &row.theirs),
            };
            message_view(message, sender, reader)
        });
        ListedConversation {
            conversation: view(&row.conversation, &row.mine),
            participants,
            last_message,
            unread_count: row.mine.head.0 - row.mine.read.0,
        }
    }
}

fn view(conversation: &Conversation, marks: &Marks) -> ConversationView {
    let active_at = Timestamp(marks.active_at);
    ConversationView {
        id: conversation.id,
        r#type: "direct",
        created_by: conversation.created_by,
        created_at: Timestamp(conversation.created_at),
        updated_at: active_at,
        last_message_at: (marks.head.0 > 0).then_some(active_at),
    }
}

fn message_view(message: Message, sender: &Person, reader: &Marks) -> MessageView<'static> {
    MessageView {
        id: MessageId::new(message.conversation, message.seq),
        conversation_id: message.conversation,
        seq: message.seq,
        sender_id: message.sender,
        sender_name: sender.name.to_string().into(),
        content: message.content.to_string().into(),
        r#type: "text",
        client_message_id: message.client_message_id.map(|id| id.to_string().into()),
        is_read: reader.read >= message.seq,
        created_at: Timestamp(message.created_at),
    }
}
