//! The tutorial of the book, done: every command of it is run by the real program, and its output held against the page.
//!
//! A block of `sh` is typed into a terminal (`terminal=NAME`; 2 where none is named) and must end well, unless it `stays`. A block of
//! `text` is what a terminal shows: all of it directly behind a block that ended, else a part that comes. Times may be others;
//! ids too, but where the page shows the same id twice, so must the program. A block with `file=NAME` is put into that file.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use crate::support::{Process, World};

const FOLDER: &str = "crewline-tutorial";
const ADDRESS: &str = "127.0.0.1:8080";
/// Programs that a machine may lack. What needs one is then left out, and said so.
const TOOLS: [&str; 3] = ["curl", "node", "python3"];

/// What the how-tos begin with: the server, Carol and the system of the tutorial.
const BEFORE: &str = r"
```sh terminal=1 stays
mkdir crewline-tutorial && cd crewline-tutorial
crewline serve
```
```text terminal=1
listening on http://127.0.0.1:8080
```
```sh
cd crewline-tutorial
printf '%s' 'a long password' | crewline user add carol --name 'Carol Clark' --password-stdin > added
crewline token create --external scada:feeders > feeders.token
crewline token create --user carol > carol.token
```
";

macro_rules! page {
    ($name:literal) => {
        include_str!(concat!("../../../../docs/", $name))
    };
}

#[test]
fn the_tutorial_does_what_it_says() {
    follow(&[page!("tutorial.md"), page!("tutorial-programs.md")]);
}

#[test]
fn the_way_to_send_does_what_it_says() {
    follow(&[BEFORE, page!("howto-send.md")]);
}

#[test]
fn the_way_to_receive_does_what_it_says() {
    follow(&[BEFORE, page!("howto-receive.md")]);
}

#[test]
fn the_way_over_the_socket_does_what_it_says() {
    follow(&[BEFORE, page!("howto-socket.md")]);
}

#[test]
fn the_way_by_webhooks_does_what_it_says() {
    let serve = "mkdir crewline-tutorial && cd crewline-tutorial\n";
    // What the page says of the configuration, before the server reads it.
    let allowed = format!(
        "{serve}printf '[webhooks]\\nallowNetworks = [\"127.0.0.0/8\"]\\n' > crewline.toml\n"
    );
    follow(&[&BEFORE.replace(serve, &allowed), page!("howto-webhooks.md")]);
}

#[test]
fn the_way_to_import_users_does_what_it_says() {
    follow(&[BEFORE, page!("howto-import.md")]);
}

fn follow(pages: &[&str]) {
    let mut tutorial = Tutorial::new();
    // What comes after a part that this machine cannot do may build on it.
    let _ = pages
        .iter()
        .flat_map(|page| page.split("\n## "))
        .all(|section| tutorial.section(section));
    assert!(tutorial.run > 1, "the pages have lost their blocks");
}

#[test]
fn a_page_that_shows_something_else_is_found() {
    let mut same = BTreeMap::new();
    let mut fits = |shown: &str, said: &str| fits(shown, said, &mut same);
    assert!(fits(
        "at 2026-11-25 02:06:06 [m11etxdnhd]",
        "at 2027-01-02 12:00:00 [m5abcdefgh]"
    ));
    assert!(fits("[m11etxdnhd]", "[m5abcdefgh]"));
    assert!(
        !fits("[m11etxdnhd]", "[m6abcdefgh]"),
        "another id where the page shows the same"
    );
    assert!(!fits("accepted", "delivered"));
    assert!(!fits("a b", "a b c"));
}

struct Tutorial {
    world: World,
    terminals: BTreeMap<String, Terminal>,
    /// What the page shows, and what it is here: ids and the address.
    same: BTreeMap<String, String>,
    run: usize,
}

struct Terminal {
    process: Process,
    /// Whether what was typed last has not ended, as far as was seen.
    busy: bool,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The shell, and what it has started.
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
    }
}

struct Block<'p> {
    info: &'p str,
    text: &'p str,
}

impl<'p> Block<'p> {
    fn says(&self, name: &str) -> Option<&'p str> {
        let mut words = self.info.split_whitespace();
        words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }

    fn is(&self, word: &str) -> bool {
        self.info.split_whitespace().any(|other| other == word)
    }
}

impl Tutorial {
    fn new() -> Self {
        let world = World::new();
        std::fs::create_dir(world.path("bin")).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_crewline"), world.path("bin/crewline"))
            .unwrap();
        Self {
            world,
            terminals: BTreeMap::new(),
            same: BTreeMap::new(),
            run: 0,
        }
    }

    /// Does a part of a page; not, where the machine lacks a program for it.
    fn section(&mut self, section: &str) -> bool {
        let blocks = blocks(section);
        let commands = || {
            blocks
                .iter()
                .filter(|block| block.is("sh") && !block.is("norun"))
        };
        let uses = |tool: &str| {
            commands().any(|block| block.text.lines().any(|line| line.starts_with(tool)))
        };
        if let Some(tool) = TOOLS.iter().find(|tool| uses(tool) && !there(tool)) {
            let title = section.lines().next().unwrap_or_default();
            eprintln!("not run from here on: {title}: there is no {tool} that is new enough");
            return false;
        }
        let mut printed: Option<String> = None;
        let mut typed_into = "2";
        for block in blocks.iter().filter(|block| !block.is("norun")) {
            let terminal = block.says("terminal").unwrap_or("2");
            if let Some(name) = block.says("file") {
                let text = self.here(block.text);
                self.world.write(&format!("{FOLDER}/{name}"), &text);
            } else if block.is("sh") {
                assert_eq!(
                    printed.take().unwrap_or_default(),
                    "",
                    "the page does not show this, before: {}",
                    block.text
                );
                printed = self.command(terminal, block);
                typed_into = terminal;
            } else if block.is("text") {
                // What another terminal shows is not what this one has printed.
                match printed
                    .take_if(|_| block.says("terminal").is_none_or(|name| name == typed_into))
                {
                    Some(printed) => self.whole(block.text, &printed),
                    None => self.part(terminal, block.text),
                }
            }
        }
        assert_eq!(
            printed.unwrap_or_default(),
            "",
            "the page does not show this: {section}"
        );
        true
    }

    /// Types a block; gives what it printed, where it does not stay.
    fn command(&mut self, name: &str, block: &Block<'_>) -> Option<String> {
        self.run += 1;
        let text = self.here(block.text);
        let terminal = self.terminal(name);
        if terminal.busy {
            terminal.until_done();
        }
        terminal
            .process
            .say(&format!("{text}\necho \"=done=$?\"\n"));
        terminal.busy = true;
        (!block.is("stays")).then(|| terminal.until_done())
    }

    fn terminal(&mut self, name: &str) -> &mut Terminal {
        let address = self.same.get(ADDRESS).cloned();
        let world = &self.world;
        self.terminals.entry(name.to_owned()).or_insert_with(|| {
            let mut shell = Command::new("bash");
            let path = std::env::var("PATH").unwrap_or_default();
            for (name, _) in std::env::vars_os()
                .filter(|(name, _)| name.to_string_lossy().starts_with("CREWLINE_"))
            {
                shell.env_remove(name);
            }
            shell.current_dir(world.path("")).process_group(0);
            shell
                .env("PATH", format!("{}:{path}", world.path("bin").display()))
                .env("TZ", "UTC");
            // Node 20 has it behind a switch, which later ones still know.
            shell.env("NODE_OPTIONS", "--experimental-websocket");
            shell
                .env("CREWLINE_HTTP_LISTEN", "127.0.0.1:0")
                .env("no_proxy", "127.0.0.1");
            shell.envs(address.map(|address| ("CREWLINE_URL", format!("http://{address}"))));
            shell
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            let mut process = Process::start(shell);
            process.say("exec 2>&1\n");
            Terminal {
                process,
                busy: false,
            }
        })
    }

    /// The output of what ended is what the page shows, line by line.
    fn whole(&mut self, shown: &str, printed: &str) {
        let (shown, said): (Vec<&str>, Vec<&str>) =
            (shown.lines().collect(), printed.lines().collect());
        let fit = shown.len() == said.len()
            && shown
                .iter()
                .zip(&said)
                .all(|(shown, said)| fits(shown, said, &mut self.same));
        assert!(
            fit,
            "the page shows\n{}\nand the program says\n{}",
            shown.join("\n"),
            said.join("\n")
        );
    }

    /// The lines that the page shows come, whatever stands between them.
    fn part(&mut self, name: &str, shown: &str) {
        let terminal = self.terminals.get_mut(name).unwrap();
        for shown in shown.lines() {
            loop {
                // Waits as long as a test may, and fails with what was said then.
                let said = terminal.process.line();
                assert!(
                    !said.starts_with("=done="),
                    "terminal {name} has ended ({said}) before it said: {shown}"
                );
                if fits(shown, &said, &mut self.same) {
                    break;
                }
            }
        }
    }

    /// A text of the page with the ids and the address of here.
    fn here(&self, text: &str) -> String {
        let words = words(text).into_iter();
        words
            .map(|word| self.same.get(word).map_or(word, String::as_str))
            .collect()
    }
}

impl Terminal {
    /// What is printed until the end of what was typed, which must be a good one.
    fn until_done(&mut self) -> String {
        let mut printed = String::new();
        loop {
            let line = self.process.line();
            if let Some((before, code)) = line.split_once("=done=") {
                printed.push_str(before);
                assert_eq!(code, "0", "{printed}");
                self.busy = false;
                return printed;
            }
            printed.push_str(&line);
            printed.push('\n');
        }
    }
}

fn there(tool: &str) -> bool {
    let output = Command::new(tool).arg("--version").output();
    let Some(version) = output.ok().filter(|output| output.status.success()) else {
        return false;
    };
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let major = version
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    tool != "node" || major.is_some_and(|major| major >= 20)
}

fn blocks(section: &str) -> Vec<Block<'_>> {
    let mut fences = section.split("```").skip(1);
    let mut blocks = Vec::new();
    while let Some(block) = fences.next() {
        let (info, text) = block.split_once('\n').unwrap_or((block, ""));
        blocks.push(Block { info, text });
        fences.next();
    }
    blocks
}

/// A line of the page fits a line that was said. What varies is taken note of.
fn fits(shown: &str, said: &str, same: &mut BTreeMap<String, String>) -> bool {
    let (shown, said) = (words(shown), words(said));
    shown.len() == said.len()
        && shown
            .iter()
            .zip(&said)
            .all(|(shown, said)| match (kind(shown), kind(said)) {
                (Kind::Time, Kind::Time) => true,
                (Kind::Named, Kind::Named) => {
                    same.entry((*shown).to_owned())
                        .or_insert_with(|| (*said).to_owned())
                        == said
                }
                _ => shown == said,
            })
}

#[derive(PartialEq)]
enum Kind {
    /// A date or a time of day.
    Time,
    /// An id, an epoch, or an address.
    Named,
    Plain,
}

fn kind(word: &str) -> Kind {
    let at = |at: usize| word.as_bytes().get(at).copied();
    let digits = |from: usize, to: usize| {
        (from..to).all(|i| at(i).is_some_and(|byte| byte.is_ascii_digit()))
    };
    let date = digits(0, 4) && at(4) == Some(b'-') && digits(5, 7) && at(7) == Some(b'-');
    let clock = word.len() == 8 && digits(0, 2) && at(2) == Some(b':') && at(5) == Some(b':');
    let id = word.len() >= 10
        && word
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && word.bytes().any(|byte| byte.is_ascii_lowercase());
    if date || clock {
        Kind::Time
    } else if id || word.starts_with("127.0.0.1:") {
        Kind::Named
    } else {
        Kind::Plain
    }
}

/// Words and what stands between them, in order.
fn words(text: &str) -> Vec<&str> {
    let inside = |c: char| c.is_alphanumeric() || ".:-_".contains(c);
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = if inside(first) {
            rest.find(|c| !inside(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        words.push(&rest[..end]);
        rest = &rest[end..];
    }
    words
}
