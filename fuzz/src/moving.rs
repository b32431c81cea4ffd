//! Rows of the original: whatever they hold, an import takes them or names what it left, and never takes anything twice.

use crewline_api::Timestamp;
use crewline_core::MemoryStore;
use crewline_core::peek::{
    Import, Options, Report, Source, SourceChat, SourceMember, SourceMessage, SourcePayload, Target,
};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

/// Rows, one a line: `c ID TIME`, `m ID CHAT READ USER` (an external with `x`), `t ID CHAT TIME PRIORITY SENDER TEXT`, and
/// payloads of the message above them: `p ID MEMBER SIZE BYTES`.
#[derive(Debug, Clone, Default)]
struct Rows {
    source: Source,
    messages: Vec<SourceMessage>,
}

/// An original.
pub(crate) fn moving(data: &[u8]) -> usize {
    let text = String::from_utf8_lossy(data);
    let mut rows = Rows::default();
    for line in text.split('\n').take(64) {
        take(line, &mut rows);
    }
    rows.source.first = rows
        .messages
        .iter()
        .map(|row| (row.id, row.from.clone()))
        .collect();
    let store = MemoryStore::new("e");
    let Ok(first) = bring(&rows, &store) else {
        return 0;
    };
    let again = bring(&rows, &store).expect("what was taken once is taken again");
    assert_eq!(again.messages.new, 0, "{rows:?}");
    usize::from(first.messages.new > 0)
}

fn take(line: &str, rows: &mut Rows) {
    let mut words = line.splitn(7, ' ');
    let kind = words.next().unwrap_or_default();
    let words: Vec<&str> = words.collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<i64>().ok());
    let time = |at: usize| number(at).map(Timestamp::from_millis);
    let text = |at: usize| {
        words
            .get(at)
            .map(|word| (*word).to_owned())
            .unwrap_or_default()
    };
    let id = number(0).unwrap_or_default();
    match kind {
        "c" => rows.source.chats.push(SourceChat { id, at: time(1) }),
        "m" | "x" => rows.source.members.push(SourceMember {
            id,
            chat: number(1).unwrap_or_default(),
            user: text(3),
            external: kind == "x",
            last_read: time(2),
        }),
        "t" => rows.messages.push(SourceMessage {
            id,
            chat: number(1).unwrap_or_default(),
            from: text(4),
            text: text(5),
            priority: number(3),
            at: time(2),
            payloads: Vec::new(),
        }),
        "p" => {
            if let Some(message) = rows.messages.last_mut() {
                message.payloads.push(SourcePayload {
                    id,
                    member: number(1).unwrap_or_default(),
                    size: number(2).unwrap_or_default() as u64,
                    bytes: text(3).into_bytes(),
                });
            }
        }
        _ => {}
    }
}

fn bring(rows: &Rows, store: &MemoryStore) -> Result<Report, crewline_core::peek::ImportError> {
    let mut opened = store.open();
    let mut last = 0;
    let mut salt = || {
        last += 1;
        last
    };
    let target = Target {
        writer: opened.writer.as_mut(),
        reader: opened.reader.as_ref(),
        salt: &mut salt,
    };
    let mut import = Import::begin(rows.source.clone(), Some(target), Options::default(), NOW)?;
    for message in &rows.messages {
        import.message(message.clone())?;
    }
    import.finish()
}
