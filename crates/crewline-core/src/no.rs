//! Numbers: what things are called inside. Each kind is a type of its own; 1 is the first.

macro_rules! numbers {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub i64);

        impl $name {
            /// The number after this one.
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }
    )+};
}

numbers! {
    /// A participant.
    ParticipantNo;
    /// A chat.
    ChatNo;
    /// A message.
    MessageNo;
    /// A device of a user; the device that a session or token stands for. 0 is the server itself.
    DeviceNo;
    /// An open session.
    SessionNo;
    /// A token.
    TokenNo;
    /// A webhook.
    WebhookNo;
    /// A push subscription.
    PushNo;
}
