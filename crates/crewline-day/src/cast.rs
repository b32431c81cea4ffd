//! Who plays: a control system, two desks, and the crews of four areas.

use crewline_client::api::{GroupId, ParticipantId};

/// A player: the control system is 0, the desks are 1 and 2, the crews come after them.
pub(crate) type Who = u16;

pub(crate) const SCADA: Who = 0;
pub(crate) const DESKS: [Who; 2] = [1, 2];
pub(crate) const FIRST_CREW: Who = 3;

const AREAS: [&str; 4] = ["north", "east", "south", "west"];
const DISPATCHERS: [(&str, &str); 2] = [("dora", "Dora Dahl"), ("emil", "Emil Ernst")];

/// All who play, by number.
#[derive(Debug, Clone)]
pub(crate) struct Cast {
    ids: Vec<ParticipantId>,
    names: Vec<String>,
    /// Before every id, where the server is not the day's own.
    prefix: String,
}

impl Cast {
    /// With so many crews. `prefix` stands before every id.
    pub(crate) fn new(crews: u16, prefix: &str) -> Result<Self, String> {
        let mut texts = vec![(format!("{prefix}scada:storm"), "Grid control".to_owned())];
        for (id, name) in DISPATCHERS {
            texts.push((format!("{prefix}{id}"), name.to_owned()));
        }
        for crew in 1..=crews {
            texts.push((format!("{prefix}crew-{crew:02}"), format!("Crew {crew:02}")));
        }
        let (mut ids, mut names) = (Vec::new(), Vec::new());
        for (id, name) in texts {
            let made = ParticipantId::new(&id).map_err(|error| format!("the id {id} {error}"))?;
            ids.push(made);
            names.push(name);
        }
        let prefix = prefix.to_owned();
        Ok(Self { ids, names, prefix })
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn id(&self, who: Who) -> &ParticipantId {
        &self.ids[usize::from(who)]
    }

    pub(crate) fn name(&self, who: Who) -> &str {
        &self.names[usize::from(who)]
    }

    /// Who this is, where it is one of the day.
    pub(crate) fn who(&self, id: &ParticipantId) -> Option<Who> {
        let at = self.ids.iter().position(|known| known == id)?;
        Some(at as Who)
    }

    pub(crate) fn crews(&self) -> impl Iterator<Item = Who> + use<> {
        FIRST_CREW..self.ids.len() as Who
    }

    pub(crate) fn crew_count(&self) -> usize {
        self.ids.len() - usize::from(FIRST_CREW)
    }

    /// Everybody who signs in.
    pub(crate) fn people(&self) -> impl Iterator<Item = Who> + use<> {
        DESKS[0]..self.ids.len() as Who
    }

    pub(crate) fn is_desk(who: Who) -> bool {
        DESKS.contains(&who)
    }

    pub(crate) fn is_crew(who: Who) -> bool {
        who >= FIRST_CREW
    }

    /// The areas that have a crew.
    pub(crate) fn areas(&self) -> usize {
        self.crew_count().min(AREAS.len())
    }

    /// The area of a crew.
    pub(crate) fn area_of(who: Who) -> usize {
        usize::from(who - FIRST_CREW) % AREAS.len()
    }

    pub(crate) fn area_name(area: usize) -> &'static str {
        AREAS[area % AREAS.len()]
    }

    /// The crews of an area.
    pub(crate) fn crews_of(&self, area: usize) -> impl Iterator<Item = Who> + use<> {
        self.crews()
            .filter(move |crew| Self::area_of(*crew) == area)
    }

    /// The group of an area's crews.
    pub(crate) fn area_group(&self, area: usize) -> Result<GroupId, String> {
        self.group(&format!("crews-{}", Self::area_name(area)))
    }

    /// The group of the desks.
    pub(crate) fn desk_group(&self) -> Result<GroupId, String> {
        self.group("desks")
    }

    fn group(&self, name: &str) -> Result<GroupId, String> {
        let id = format!("{}{name}", self.prefix);
        GroupId::new(&id).map_err(|error| format!("the group {id} {error}"))
    }

    /// Those whom a person may sign in as while the day is played, beside the device that is played.
    pub(crate) fn is_open_to_visitors(who: Who) -> bool {
        who == DESKS[0] || who == FIRST_CREW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_crew_stands_in_one_area_and_everybody_is_found_by_id() {
        let cast = Cast::new(40, "").unwrap();
        assert_eq!(cast.len(), 43);
        let crews: usize = (0..cast.areas())
            .map(|area| cast.crews_of(area).count())
            .sum();
        assert_eq!(crews, 40);
        assert!((0..cast.len() as Who).all(|who| cast.who(cast.id(who)) == Some(who)));
        assert_eq!(Cast::new(2, "").unwrap().areas(), 2);
    }
}
