//! What a check of a whole store looks for, and how it tells what it found. The rules of `crewline db check`, without a store.
//!
//! A rule is a sentence here. Each store has a query for each of them, which finds the rows that break it: two numbers that
//! say which row it is take the places of the two marks in the sentence.

use crate::state::MembersKey;
use crate::{ChatNo, ParticipantNo};

/// Most problems of one kind that are listed.
pub const LISTED_MAX: usize = 20;

macro_rules! rules {
    ($($name:ident: $broken:literal;)+) => {
        /// What must hold in every store. The sentence says how it is broken.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Rule { $(#[doc = $broken] $name,)+ }

        impl Rule {
            /// Every rule, in the order in which they are looked at.
            pub const ALL: &'static [Rule] = &[$(Rule::$name,)+];

            /// What is said of a row that breaks it, with a mark for each of its two numbers.
            pub fn broken(self) -> &'static str {
                match self { $(Rule::$name => $broken,)+ }
            }
        }
    };
}

rules! {
    LogWithoutGap: "the log of participant # has # rows, and they are not numbered without a gap";
    LogFromOne: "the log of participant # begins at #, and retention has removed nothing";
    RowTellsOfItsKind: "row # of the log of participant # lacks what its kind tells of";
    RemindersWithoutGap: "message # has # reminders, and they are not numbered without a gap";
    ReceiptToldOnce: "the log of participant # holds the same receipt of message # more than once";
    MessageInEachLog: "message # is in # logs as received, not in each of the others in its chat";
    PositionsWithoutGap: "chat # has # messages, and their positions are not 1, 2, 3 ... up to its last one";
    LastMessageOfChat: "chat # says that its last message is #, and it is not";
    ReadWithinChat: "in chat # participant # has read further than there are messages";
    CountOfWhatWasRead: "in chat # the count of what user # has read or sent is wrong";
    SenderInChat: "message # was sent by participant #, who is not in its chat";
    ReceiptOfRecipient: "a receipt of message # is of participant #, who is no recipient of it";
    StatesInOrder: "of message # participant # has reached a state without those before it";
    TextRemovedByRetention: "message # of chat # has no text, and retention has not removed it";
    KeptTextIsThere: "the text of message # is kept for participant #, and it is not there";
    PayloadsAreSaid: "message # has payloads for participant #, and does not say so";
    KeyOfSender: "an idempotency key of participant # names message #, which someone else sent";
    WatcherIsUser: "participant # watches participant #, and is no user, or watches itself";
    MemberOfGroupIsUser: "group # has the member #, who is no user";
    ConfirmedWithinLog: "of participant #, messages are confirmed up to #, which is beyond the log";
    CursorWithinLog: "a cursor of participant # stands at #, which is beyond the log";
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The schema's number.
    pub schema: i32,
    /// The epoch of its logs.
    pub epoch: String,
    /// Of which epoch it is a backup, if it is one.
    pub backup_of_epoch: Option<String>,
    /// How many messages it holds.
    pub messages: u64,
    /// How many events it holds, in all logs.
    pub events: u64,
    /// What is wrong, in sentences; empty where all is well.
    pub problems: Vec<String>,
}

impl Report {
    /// Whether all is well.
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }

    /// Says that it has another schema than the newest: then its rows are not looked at.
    pub fn tell_other_schema(&mut self, newest: i32) {
        let schema = self.schema;
        self.problems.push(format!(
            "the schema is {schema}, not {newest}: open the store with this version once, and check it again"
        ));
    }

    /// Begins a list of problems of one kind. `more` is said where there are more than are listed.
    pub fn list(&mut self, more: &str) -> Listed<'_> {
        Listed {
            report: self,
            count: 0,
            more: more.to_owned(),
        }
    }

    /// Begins a list of rows that break a rule, or whatever else is said in a sentence with two marks.
    pub fn list_rows(&mut self, sentence: &'static str) -> BrokenRows<'_> {
        let more = format!("and more: {}", sentence.replace('#', "..."));
        BrokenRows {
            sentence,
            listed: self.list(&more),
        }
    }

    /// Begins to look at the sets of people of chats.
    pub fn list_chats(&mut self) -> ChatSets<'_> {
        ChatSets(self.list("and more chats that cannot be found by the people in them"))
    }
}

/// Problems of one kind.
#[derive(Debug)]
pub struct Listed<'a> {
    report: &'a mut Report,
    count: usize,
    more: String,
}

impl Listed<'_> {
    /// Adds a problem; returns whether another one would still be listed or told of.
    pub fn add(&mut self, problem: String) -> bool {
        self.count += 1;
        let fits = self.count <= LISTED_MAX;
        self.report.problems.push(if fits {
            problem
        } else {
            std::mem::take(&mut self.more)
        });
        fits
    }
}

/// Rows that break a rule.
#[derive(Debug)]
pub struct BrokenRows<'a> {
    sentence: &'static str,
    listed: Listed<'a>,
}

impl BrokenRows<'_> {
    /// Adds the row with these numbers; returns whether to go on.
    pub fn add(&mut self, one: i64, two: i64) -> bool {
        let with_one = self.sentence.replacen('#', &one.to_string(), 1);
        self.listed.add(with_one.replacen('#', &two.to_string(), 1))
    }
}

/// Chats, each of which is found by its set of people: so each must have one, and it must be of those in it.
#[derive(Debug)]
pub struct ChatSets<'a>(Listed<'a>);

impl ChatSets<'_> {
    /// Looks at a chat with what is kept of its set; returns whether to go on.
    pub fn look(
        &mut self,
        chat: ChatNo,
        kept: Option<MembersKey>,
        people: impl IntoIterator<Item = ParticipantNo>,
    ) -> bool {
        kept == Some(MembersKey::of(people))
            || self.0.add(format!(
                "chat {} cannot be found by the people in it",
                chat.0
            ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_has_a_sentence_of_its_own_with_two_marks() {
        let mut sentences: Vec<_> = Rule::ALL.iter().map(|rule| rule.broken()).collect();
        assert!(
            sentences
                .iter()
                .all(|sentence| sentence.matches('#').count() == 2)
        );
        sentences.sort_unstable();
        sentences.dedup();
        assert_eq!(sentences.len(), Rule::ALL.len());
    }

    #[test]
    fn the_first_rows_that_break_a_rule_are_listed_and_one_sentence_tells_of_the_others() {
        let mut report = Report::default();
        let mut rows = report.list_rows(Rule::MemberOfGroupIsUser.broken());
        let listed = (1..100).take_while(|no| rows.add(*no, 7)).count();
        assert_eq!(listed, LISTED_MAX);
        assert_eq!(report.problems.len(), LISTED_MAX + 1);
        assert_eq!(
            report.problems[0],
            "group 1 has the member 7, who is no user"
        );
        assert_eq!(
            report.problems[LISTED_MAX],
            "and more: group ... has the member ..., who is no user"
        );
    }

    #[test]
    fn a_chat_whose_set_is_of_others_or_missing_is_told() {
        let people = [1, 2].map(ParticipantNo);
        let mut report = Report::default();
        let mut sets = report.list_chats();
        for kept in [
            Some(MembersKey::of(people)),
            Some(MembersKey::of([ParticipantNo(1)])),
            None,
        ] {
            assert!(sets.look(ChatNo(3), kept, people));
        }
        assert_eq!(
            report.problems,
            ["chat 3 cannot be found by the people in it"; 2]
        );
    }
}
