//! Files that the command reads, compiled in as they stand: it is a program, and has no library.

#[path = "../../../crates/crewline-cli/src/command/csv_text.rs"]
mod csv_text;
#[path = "../../../crates/crewline-cli/src/command/group_file.rs"]
pub(crate) mod group_file;
mod password;
mod user;
#[path = "../../../crates/crewline-cli/src/command/user_file.rs"]
#[expect(dead_code, reason = "what is in a row is for the rest of the program")]
pub(crate) mod user_file;
