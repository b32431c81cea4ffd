//! Just as much of Markdown as the checks need: headings, anchors, links and fenced blocks. Code is not looked into.

use std::collections::BTreeMap;

/// A fenced block: what stands behind the fence, the line it begins on, and its text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) info: String,
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// A page, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Every place that a link can lead to, without the `#`.
    pub(crate) anchors: Vec<String>,
    /// Where its links lead, with the line.
    pub(crate) links: Vec<(usize, String)>,
    pub(crate) blocks: Vec<Block>,
}

/// Takes a page apart.
pub(crate) fn parse(text: &str) -> Page {
    let mut page = Page::default();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut open: Option<(String, Block)> = None;
    for (at, line) in text.lines().enumerate() {
        let number = at + 1;
        if let Some((fence, block)) = &mut open {
            if line.trim() == fence {
                page.blocks.extend(open.take().map(|(_, block)| block));
            } else {
                block.text.push_str(line);
                block.text.push('\n');
            }
            continue;
        }
        let trimmed = line.trim_start();
        let ticks = trimmed.bytes().take_while(|byte| *byte == b'`').count();
        if ticks >= 3 {
            let (fence, info) = trimmed.split_at(ticks);
            let block = Block {
                info: info.trim().to_owned(),
                line: number,
                text: String::new(),
            };
            open = Some((fence.to_owned(), block));
            continue;
        }
        if let Some(title) = heading(line) {
            let slug = slug(title);
            let times = seen.entry(slug.clone()).or_default();
            page.anchors.push(match *times {
                0 => slug,
                times => format!("{slug}-{times}"),
            });
            *times += 1;
        }
        let plain = without_code(line);
        let given = plain.split("<a id=\"").skip(1);
        page.anchors
            .extend(given.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
        page.links
            .extend(links(&plain).map(|link| (number, link.to_owned())));
    }
    page
}

/// The words of a heading.
pub(crate) fn heading(line: &str) -> Option<&str> {
    let words = line.trim_start_matches('#');
    let level = line.len() - words.len();
    ((1..=6).contains(&level) && words.starts_with(' ')).then(|| words.trim())
}

/// The anchor of a heading, as mdBook and GitHub make it of the words.
pub(crate) fn slug(words: &str) -> String {
    let words = words.trim().to_lowercase();
    words
        .chars()
        .filter_map(|c| match c {
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            c if c.is_whitespace() => Some('-'),
            _ => None,
        })
        .collect()
}

/// The line with what stands between backticks blank.
fn without_code(line: &str) -> String {
    let mut plain = String::new();
    for (part, text) in line.split('`').enumerate() {
        // A backtick without a second one is no code; there is none in our pages.
        plain.push_str(if part % 2 == 0 { text } else { "" });
    }
    plain
}

/// What stands in `[words](here)`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("](").filter_map(|(at, mark)| {
        let rest = &line[at + mark.len()..];
        Some(rest.split_once(')')?.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_taken_apart() {
        let page = parse(
            "# A `b.c` d\n\n```sh x=1\n# no heading [no](link)\n```\n<a id=\"kept\"></a>\n## Twice\n\
             See [x](y.md#z) and `[not](this)`.\n## Twice\n",
        );
        assert_eq!(page.anchors, ["a-bc-d", "kept", "twice", "twice-1"]);
        assert_eq!(page.links, [(8, "y.md#z".to_owned())]);
        let block = Block {
            info: "sh x=1".to_owned(),
            line: 3,
            text: "# no heading [no](link)\n".to_owned(),
        };
        assert_eq!(page.blocks, [block]);
    }
}
