// What crosses the network, for the type checker alone: this file is not served.

type Status = 'online' | 'busy' | 'offline';

interface User {
  id: number;
  name: string;
  email?: string;
  status: Status;
  last_seen_at: string | null;
}

interface Participant extends User {
  last_read_seq: number;
  last_delivered_seq: number;
}

interface Message {
  id: number;
  conversation_id: number;
  seq: number;
  sender_id: number;
  sender_name: string;
  content: string;
  client_message_id: string | null;
  created_at: string;
}

interface ConversationView {
  id: number;
  created_at: string;
  updated_at: string;
  last_message_at: string | null;
}

interface ListedConversation extends ConversationView {
  participants: Participant[];
  last_message: Message | null;
  unread_count: number;
}

interface OneConversation {
  conversation: ConversationView;
  participants: Participant[];
}

interface History {
  messages: Message[];
  head_seq: number;
}

interface FieldError {
  field: string;
  message: string;
}

/** What every answer is wrapped in. */
interface Envelope {
  status: 'success' | 'error';
  data?: any;
  pagination?: any;
  code?: string;
  message?: string;
  errors?: FieldError[];
}

/** A message that the server is not known to have. */
interface Pending {
  /** Its `client_message_id`. */
  key: string;
  conversation: number;
  /** When that conversation was made: another server's of the same number was made at another time. */
  created: string;
  content: string;
  /** When it was typed, in milliseconds since the epoch. */
  at: number;
  /** Why the server refused it, in its own words; not there while it waits. */
  refused?: string;
}
