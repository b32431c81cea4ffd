//! Puts what was found into a page, in place of what is between the marks.

use std::path::Path;

use crate::fault::{Done, Fault, When as _};

const BEGIN: &str = "<!-- peers: begin, written by make bench-peers -->";
const END: &str = "<!-- peers: end -->";

/// Writes the page anew.
pub(crate) fn write(page: &Path, block: &str) -> Done {
    let shown = page.display();
    let text = std::fs::read_to_string(page).when(&shown)?;
    let text = put(&text, block).ok_or_else(|| {
        Fault(format!(
            "{shown} has no block between the lines {BEGIN} and {END}"
        ))
    })?;
    std::fs::write(page, text).when(&shown)
}

/// That it can be written: asked before an hour of measuring.
pub(crate) fn check(page: &Path) -> Done {
    let shown = page.display();
    let text = std::fs::read_to_string(page).when(&shown)?;
    put(&text, "")
        .map(|_| ())
        .ok_or_else(|| Fault(format!("{shown} has no lines {BEGIN} and {END}")))
}

fn put(text: &str, block: &str) -> Option<String> {
    let (head, rest) = text.split_once(BEGIN)?;
    let (_, tail) = rest.split_once(END)?;
    Some(format!("{head}{BEGIN}\n\n{}\n\n{END}{tail}", block.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_takes_the_place_of_the_one_before_and_of_nothing_else() {
        let page = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let once = put(&page, "new\n").unwrap();
        assert_eq!(once, format!("before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"));
        assert_eq!(put(&once, "new").unwrap(), once);
        assert_eq!(put("no marks", "new"), None);
    }
}
