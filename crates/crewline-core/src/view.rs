//! Parts of what people are shown that every store makes of its rows in the same way.

use crewline_api::{ParticipantId, ParticipantKind, Person, RecipientView, Role};

use crate::state::{ParticipantRow, RecipientRow, Standing};

impl ParticipantRow {
    /// Whether the id or the name holds a text, which is given in lower case.
    pub fn contains(&self, q: &str) -> bool {
        let contains = |text: &str| text.to_lowercase().contains(q);
        contains(self.id.as_str()) || contains(self.shown_name())
    }

    /// As one to whom people may write; of a user with the role, and whether on duty.
    pub fn person(&self, of_user: Option<(Role, bool)>) -> Person {
        Person {
            user_id: self.id.clone(),
            name: self.shown_name().to_owned(),
            kind: match self.standing {
                Standing::User => ParticipantKind::User,
                Standing::Expected | Standing::External => ParticipantKind::External,
            },
            role: of_user.map(|(role, _)| role),
            on_duty: of_user.map(|(_, on_duty)| on_duty),
        }
    }
}

impl RecipientRow {
    /// As the recipient of this id.
    pub fn view(&self, id: &ParticipantId) -> RecipientView {
        RecipientView {
            user_id: id.clone(),
            state: self.state(),
            delivered_at: self.delivered.map(|mark| mark.at),
            read_at: self.read.map(|mark| mark.at),
            acknowledged_at: self.acknowledged.map(|mark| mark.at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ParticipantNo;

    #[test]
    fn somebody_is_found_by_the_id_and_by_the_name_whatever_their_case() {
        let row = ParticipantRow {
            no: ParticipantNo(1),
            id: ParticipantId::new("Alice.B").unwrap(),
            standing: Standing::User,
            name: Some("Ärmel".into()),
            disabled: false,
        };
        assert!(row.contains("ice.b") && row.contains("ärm") && row.contains(""));
        assert!(!row.contains("bob"));
        let unnamed = ParticipantRow { name: None, ..row };
        assert!(!unnamed.contains("ärm"));
        assert_eq!(unnamed.person(None).name, "Alice.B");
    }
}
