//! The limits of the contract. Each one is refused by an error that names it; they apply together.

/// Most Unicode scalar values in the text of a message.
pub const MESSAGE_CHARS_MAX: usize = 4_000;
/// Most Unicode scalar values in a name.
pub const NAME_CHARS_MAX: usize = 255;
/// Most bytes of UTF-8 in the id of a participant, and in the name of a cursor.
pub const ID_BYTES_MAX: usize = 255;
/// Most bytes in an idempotency key.
pub const KEY_BYTES_MAX: usize = 255;
/// Most recipients of a message, after duplicates and the sender are removed.
pub const RECIPIENTS_MAX: usize = 1_000;
/// Most bytes in a payload.
pub const PAYLOAD_BYTES_MAX: usize = 65_536;
/// Most bytes in a request.
pub const REQUEST_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Most receipts in a call.
pub const RECEIPTS_MAX: usize = 1_000;
/// Largest `limit` of a list.
pub const PAGE_MAX: usize = 1_000;
/// `limit` of a list where none is given.
pub const PAGE_DEFAULT: usize = 100;
/// `limit` of a chat's history where none is given.
pub const HISTORY_DEFAULT: usize = 50;
/// Longest `wait` of a long poll, in seconds.
pub const WAIT_S_MAX: u64 = 60;
/// Most bytes in a password. Argon2 would take more; nobody types more, and hashing costs time.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// Most push subscriptions of a store.
pub const PUSH_SUBSCRIPTIONS_MAX: usize = 10_000;
/// Most users in a group.
pub const GROUP_MEMBERS_MAX: usize = 1_000;
/// Most groups of a store.
pub const GROUPS_MAX: usize = 1_000;
/// Most groups among the recipients of a message, or those who are to be in a chat.
pub const TO_GROUPS_MAX: usize = 100;
/// Most stock phrases.
pub const PHRASES_MAX: usize = 200;
/// Most characters of a shortcut.
pub const SHORTCUT_CHARS_MAX: usize = 32;
/// Most characters of a telephone number.
pub const PHONE_CHARS_MAX: usize = 32;
/// Most seats at the desk.
pub const DESK_SEATS_MAX: usize = 100;
/// How long a seat at the desk stands after it was taken last, in seconds.
pub const DESK_SEAT_S: i64 = 600;
/// Most reminders of a message.
pub const REMINDERS_MAX: usize = 100;
/// Least time between two reminders of a message, in seconds.
pub const REMINDER_S_MIN: u64 = 10;
/// Most bytes in the URL of a webhook, and in the endpoint of a push subscription.
pub const WEBHOOK_URL_BYTES_MAX: usize = 2_048;
/// Most webhooks of a store.
pub const WEBHOOKS_MAX: usize = 1_000;
/// Most parked events that are listed of a webhook; older ones are counted.
pub const WEBHOOK_PARKED_MAX: usize = 1_000;
/// Most bytes of an answer to a webhook that are kept.
pub const WEBHOOK_ANSWER_BYTES_MAX: usize = 1_024;
