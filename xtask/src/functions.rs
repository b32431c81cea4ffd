//! How long functions may be. A light reading of Rust is enough: what stands between the braces of an `fn`, without
//! strings, characters and comments.

use crate::Fault;
use crate::files::File;

/// The aim is 70; a table or a match may need a little more.
const LINES_MAX: usize = 100;
/// A test may be a long table; it is read from top to bottom.
const LINES_MAX_IN_TESTS: usize = 250;

/// Checks every function.
pub(crate) fn check(files: &[File]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let most = if file.is_test() {
            LINES_MAX_IN_TESTS
        } else {
            LINES_MAX
        };
        for function in functions(&file.text) {
            if function.lines > most {
                faults.push(format!(
                    "{}:{}: fn {} has {} lines; at most {most}",
                    file.path, function.line, function.name, function.lines
                ));
            }
        }
    }
    faults
}

/// A function: its name, where it begins, and how many lines it takes.
#[derive(Debug, PartialEq, Eq)]
struct Function {
    name: String,
    line: usize,
    lines: usize,
}

/// Every function of a source text, inner ones too.
fn functions(source: &str) -> Vec<Function> {
    let code = without_words(source);
    let mut found = Vec::new();
    // Functions whose body is open, with the depth of braces outside of it.
    let mut open: Vec<(Function, usize)> = Vec::new();
    // A function whose body has not begun.
    let mut head: Option<Function> = None;
    let (mut braces, mut brackets) = (0usize, 0usize);
    for (number, text) in code.lines().enumerate() {
        let line = number + 1;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let word: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            if word == "fn" && head.is_none() {
                let name = rest[2..].trim_start();
                let name: String = name
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                if !name.is_empty() {
                    head = Some(Function {
                        name,
                        line,
                        lines: 0,
                    });
                }
            }
            match c {
                '(' | '[' => brackets += 1,
                ')' | ']' => brackets = brackets.saturating_sub(1),
                // A declaration without a body.
                ';' if brackets == 0 => head = None,
                '{' => {
                    if brackets == 0
                        && let Some(function) = head.take()
                    {
                        open.push((function, braces));
                    }
                    braces += 1;
                }
                '}' => {
                    braces = braces.saturating_sub(1);
                    if open.last().is_some_and(|(_, outside)| *outside == braces)
                        && let Some((mut function, _)) = open.pop()
                    {
                        function.lines = line - function.line + 1;
                        found.push(function);
                    }
                }
                _ => {}
            }
            rest = &rest[word.len().max(c.len_utf8())..];
        }
    }
    found
}

/// The source with everything blank that is not code: comments, strings and characters. Line breaks stay.
fn without_words(source: &str) -> String {
    let bytes: Vec<char> = source.chars().collect();
    let mut code = String::with_capacity(source.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = match (bytes[at], bytes.get(at + 1).copied()) {
            ('/', Some('/')) => (at..bytes.len())
                .find(|i| bytes[*i] == '\n')
                .unwrap_or(bytes.len()),
            ('/', Some('*')) => block_comment_end(&bytes, at),
            ('"', _) => string_end(&bytes, at + 1),
            ('r', Some('"' | '#')) if !part_of_word(&bytes, at) => raw_string_end(&bytes, at),
            ('\'', _) => character_end(&bytes, at),
            _ => at,
        };
        if end == at {
            code.push(bytes[at]);
            at += 1;
        } else {
            code.extend(
                bytes[at..end]
                    .iter()
                    .map(|c| if *c == '\n' { '\n' } else { ' ' }),
            );
            at = end;
        }
    }
    code
}

fn part_of_word(bytes: &[char], at: usize) -> bool {
    // `br"…"` is a raw string too; any other letter before makes it a word.
    at > 0 && (bytes[at - 1].is_alphanumeric() || bytes[at - 1] == '_') && bytes[at - 1] != 'b'
}

fn block_comment_end(bytes: &[char], start: usize) -> usize {
    let (mut depth, mut at) = (0, start);
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    at
}

fn string_end(bytes: &[char], mut at: usize) -> usize {
    while at < bytes.len() && bytes[at] != '"' {
        at += if bytes[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// The end of `r"…"` or `r#"…"#`; the same place where it is neither (`r#fn`).
fn raw_string_end(bytes: &[char], start: usize) -> usize {
    let hashes = bytes[start + 1..].iter().take_while(|c| **c == '#').count();
    let mut at = start + 1 + hashes;
    if bytes.get(at) != Some(&'"') {
        return start;
    }
    at += 1;
    while at < bytes.len() {
        if bytes[at] == '"'
            && bytes[at + 1..]
                .iter()
                .take(hashes)
                .filter(|c| **c == '#')
                .count()
                == hashes
        {
            return at + 1 + hashes;
        }
        at += 1;
    }
    at
}

/// The end of `'x'` or `'\n'`; the same place where it is a lifetime.
fn character_end(bytes: &[char], start: usize) -> usize {
    match (bytes.get(start + 1), bytes.get(start + 2)) {
        (Some('\\'), _) => (start + 3..bytes.len())
            .find(|i| bytes[*i] == '\'')
            .map_or(bytes.len(), |end| end + 1),
        (Some(_), Some('\'')) => start + 3,
        _ => start,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_each_function_are_counted() {
        let source = "fn one() -> [u8; 2] {\n    [1, 2]\n}\ntrait T {\n    fn none(&self);\n}\n\
            /* fn no() { */ fn two<'a>(x: &'a str) where for<'b> fn(&'b str): Sized {\n\
            let a = '{'; let b = \"}\\\"{\"; let c = r#\"{\"{\"#; // {\n    fn three() {}\n}\n";
        let found: Vec<_> = functions(source)
            .into_iter()
            .map(|f| (f.name, f.line, f.lines))
            .collect();
        let expected = [("one", 1, 3), ("three", 9, 1), ("two", 7, 4)];
        assert_eq!(
            found,
            expected.map(|(name, line, lines)| (name.to_owned(), line, lines))
        );
    }
}
