//! What a run has found, and how it is shown: as tables in a page, as a picture, and as JSON.

pub(crate) mod aims;
pub(crate) mod page;
pub(crate) mod plot;
pub(crate) mod table;
pub(crate) mod tables;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::figures::Figures;
use crate::machine::Machine;
use crate::system::Facts;
use crate::systems::Name;
use crate::works::{Sizes, Work};

/// What a run has found.
#[derive(Debug, Serialize)]
pub(crate) struct Run {
    pub(crate) machine: Machine,
    /// Whether the numbers were small ones, so that the figures say nothing.
    pub(crate) quick: bool,
    pub(crate) sizes: Sizes,
    pub(crate) works: Vec<Work>,
    pub(crate) systems: Vec<Measured>,
    /// What was asked for and is not here, in words.
    pub(crate) missing: Vec<String>,
}

/// What was found of one system.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) name: Name,
    pub(crate) facts: Facts,
    pub(crate) works: BTreeMap<Work, Figures>,
    /// Works that it cannot do, and why; and those that failed, and how.
    pub(crate) not: BTreeMap<Work, String>,
    /// Works that failed.
    pub(crate) failed: Vec<String>,
}

impl Measured {
    pub(crate) fn value(&self, work: Work, name: &str) -> Option<f64> {
        self.works.get(&work)?.values.get(name).copied()
    }
}

impl Run {
    /// Everything that was lost or came twice with a system that promises otherwise.
    pub(crate) fn faults(&self) -> Vec<String> {
        let of = |system: &Measured| {
            let faults = system.works.values().flat_map(|figures| &figures.faults);
            faults
                .map(|fault| format!("{}: {fault}", system.facts.name))
                .collect::<Vec<_>>()
        };
        self.systems.iter().flat_map(of).collect()
    }

    /// Works that were to be done, and failed.
    pub(crate) fn failures(&self) -> impl Iterator<Item = &String> {
        self.systems.iter().flat_map(|system| &system.failed)
    }

    pub(crate) fn of(&self, name: Name) -> Option<&Measured> {
        self.systems.iter().find(|system| system.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of two systems, one of which could not do the one work.
    pub(super) fn run() -> Run {
        let facts = |name: &str| Facts {
            name: name.to_owned(),
            version: "1.0".to_owned(),
            durability: "all".to_owned(),
        };
        let mut figures = Figures::default();
        figures.set("w1.one.per_second", 1_234.4);
        figures.set("w1.many.per_second", 1_234.4);
        figures.faults.push("W1: 1 lost, 0 twice".to_owned());
        let measured = |name, of: &str| Measured {
            name,
            facts: facts(of),
            works: BTreeMap::new(),
            not: BTreeMap::new(),
            failed: Vec::new(),
        };
        let mut ours = measured(Name::Crewline, "Crewline");
        ours.works.insert(Work::W1, figures);
        let mut other = measured(Name::Redis, "Other");
        other.not.insert(Work::W1, "it has no receipts".to_owned());
        Run {
            machine: Machine::this(),
            quick: true,
            sizes: Sizes::quick(),
            works: vec![Work::W1],
            systems: vec![ours, other],
            missing: Vec::new(),
        }
    }

    #[test]
    fn a_broken_promise_is_told_with_the_system_it_is_of() {
        assert_eq!(run().faults(), ["Crewline: W1: 1 lost, 0 twice"]);
    }
}
