//! What each command does: one file, one command (or one family of them), with its arguments and its `--help`.

pub(crate) mod audit;
pub(crate) mod completions;
pub(crate) mod config_show;
mod csv_text;
pub(crate) mod db;
mod demo;
pub(crate) mod doctor;
mod duration;
pub(crate) mod group;
pub(crate) mod group_file;
pub(crate) mod health;
mod import;
pub(crate) mod listen;
pub(crate) mod man;
pub(crate) mod message_story;
pub(crate) mod migrate;
mod mover;
pub(crate) mod organisation;
mod password;
pub(crate) mod peek;
pub(crate) mod push;
pub(crate) mod remind;
pub(crate) mod restore;
pub(crate) mod send;
pub(crate) mod serve;
mod sql_prompt;
mod states;
mod story;
mod tls;
pub(crate) mod token;
pub(crate) mod user;
pub(crate) mod user_file;
pub(crate) mod version;
mod watch;
pub(crate) mod webhook;

use crewline_api::Timestamp;

use self::duration::parse_duration;

/// A point in time for people: local, to the second.
fn local_time(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.as_millis()) {
        Ok(time) => time
            .to_zoned(jiff::tz::TimeZone::system())
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string(),
        Err(_) => at.to_string(),
    }
}

#[cfg(test)]
#[path = "../../../../fuzz/src/lists.rs"]
mod lists;

#[cfg(test)]
mod tests {
    #[test]
    fn every_file_of_users_and_groups_of_the_corpus_is_read_whole_or_its_faults_are_named() {
        crewline_testkit::corpus::replay("lists", |bytes| {
            let understood = super::lists::lists(bytes);
            assert!(understood < 2, "nothing is understood in two ways");
            understood
        });
    }
}
