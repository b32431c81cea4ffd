//! Pages have an end, also where much was asked for.

use super::{Make, desk};

pub(super) fn a_page_of_a_chat_ends_before_its_limit_where_it_would_be_very_large(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    for name in ["alice", "bob"] {
        desk.add_user(name);
    }
    // Some 16 KB each.
    let text = "🚑".repeat(4_000);
    let mut chat = None;
    for _ in 0..70 {
        chat = Some(
            desk.send("scada", &["alice", "bob"], &text)
                .unwrap()
                .chat_id,
        );
    }
    let (chat, alice) = (chat.unwrap(), desk.no("alice").unwrap());
    let (mut before, mut pages) = (None, Vec::new());
    loop {
        let page = desk.reader.history(&[alice], chat, before, 1_000);
        let page = page.unwrap().unwrap();
        pages.push(page.messages.len());
        let Some(next) = page.next else { break };
        before = Some(next.parse().unwrap());
    }
    assert_eq!(pages, [66, 4], "about a mebibyte of texts, and the rest");
}
