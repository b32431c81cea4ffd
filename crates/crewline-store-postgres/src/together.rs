//! Several statements that change rows, as one.
//!
//! Each statement of its own costs the database a beginning, an end and an answer; in a batch of some thirty messages that
//! is more than a tenth of all it does. So what a batch writes into different tables is one statement, put together from the
//! others as `WITH`. All parts of it see the store as it was before, and no two of them may change the same row.

use tokio_postgres::types::ToSql;

use crate::error::Fault;
use crate::sql::Call;

/// Begins what a statement says that fails of itself; behind it stands which part it was.
const FAILS: &str = "crewline: part ";

/// What it means where a part changed another number of rows than its first array holds. The statement then fails of itself, so that
/// nobody has to look at its answer before the end of the transaction is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Must {
    /// Somebody else has taken what was to be new.
    BeFree(&'static str),
    /// The store is not what was loaded from it.
    BeThere(&'static str),
}

/// See the module.
#[derive(Default)]
pub(crate) struct Together {
    calls: Vec<Call>,
    must: Vec<Option<Must>>,
}

impl Together {
    pub(crate) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Adds a part that may change any number of rows.
    pub(crate) fn add(&mut self, call: Call) {
        self.calls.push(call);
        self.must.push(None);
    }

    /// Adds a part that must change as many rows as its first array holds.
    pub(crate) fn add_checked(&mut self, must: Must, call: Call) {
        self.calls.push(call);
        self.must.push(Some(must));
    }

    /// The same for the same parts in the same order.
    pub(crate) fn key(&self) -> Vec<&'static str> {
        self.calls.iter().map(Call::sql).collect()
    }

    /// The values of all parts.
    pub(crate) fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.calls.iter().flat_map(Call::values).collect()
    }

    /// The statement.
    pub(crate) fn text(&self) -> String {
        let (mut parts, mut checks, mut before) = (Vec::new(), Vec::new(), 0);
        for (at, (call, must)) in self.calls.iter().zip(&self.must).enumerate() {
            let (sql, first) = (renumber(call.sql(), before), before + 1);
            if must.is_some() {
                parts.push(format!("w{at} AS ({sql} RETURNING 1)"));
                // A text that is no number. It is not known for one before the statement runs: `concat` sees to that.
                checks.push(format!(
                    "CASE (SELECT count(*) FROM w{at}) WHEN cardinality(${first}) THEN 0 ELSE concat('{FAILS}', {at})::int END"
                ));
            } else {
                parts.push(format!("w{at} AS ({sql})"));
            }
            before += call.values().len();
        }
        format!("WITH {} SELECT {}", parts.join(", "), checks.join(", "))
    }

    /// What a failure of the statement means.
    pub(crate) fn explain(&self, fault: Fault) -> Fault {
        let said = fault.to_string();
        let at = said.split_once(FAILS).and_then(|(_, at)| {
            let digits = at.split(|char: char| !char.is_ascii_digit()).next()?;
            digits.parse::<usize>().ok()
        });
        match at.and_then(|at| self.must.get(at).copied().flatten()) {
            Some(Must::BeFree(what)) => Fault::Taken(what.to_owned()),
            Some(Must::BeThere(what)) => Fault::Damaged(what.to_owned()),
            None => fault,
        }
    }
}

/// The same statement with its values counted behind so many others.
fn renumber(sql: &str, before: usize) -> String {
    let mut pieces = sql.split('$');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|char: char| !char.is_ascii_digit());
        let (digits, rest) = piece.split_at(end.unwrap_or(piece.len()));
        let number = digits.parse::<usize>().map_or(before, |no| no + before);
        text.extend(["$", &number.to_string(), rest]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_their_values_one_behind_the_other() {
        let mut both = Together::default();
        both.add(
            Call::new("INSERT INTO a SELECT * FROM unnest($1::int8[], $2::int8[])")
                .with(1)
                .with(2),
        );
        both.add_checked(
            Must::BeThere("b"),
            Call::new("UPDATE b SET x = $2 WHERE no = ANY($1)")
                .with(3)
                .with(4),
        );
        let text = both.text();
        assert!(text.starts_with(
            "WITH w0 AS (INSERT INTO a SELECT * FROM unnest($1::int8[], $2::int8[])), "
        ));
        assert!(text.contains("w1 AS (UPDATE b SET x = $4 WHERE no = ANY($3) RETURNING 1)"));
        assert!(text.contains("cardinality($3)"));
        assert_eq!(both.values().len(), 4);
        assert_eq!(renumber("$9 $10, $1", 12), "$21 $22, $13");
    }

    #[test]
    fn a_part_that_fails_of_itself_is_told_from_other_failures() {
        let mut both = Together::default();
        both.add(Call::new("INSERT INTO a VALUES ($1)").with(1));
        both.add_checked(
            Must::BeThere("a chat is missing"),
            Call::new("UPDATE b").with(2),
        );
        let fault = |text: &str| both.explain(Fault::Taken(text.to_owned())).to_string();
        assert_eq!(
            fault("not a number: \"crewline: part 1\""),
            "a chat is missing"
        );
        assert_eq!(fault("crewline: part 0"), "crewline: part 0");
        assert_eq!(fault("crewline: part 7"), "crewline: part 7");
        assert_eq!(fault("a deadlock"), "a deadlock");
    }
}
