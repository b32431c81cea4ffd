//! Plays steps on the specification and on a target, and says where they first differ.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::answer::Answer;
use super::laws;
use super::op::{By, DESKS, EXTERNALS, Fault, Kinds, Made, NOTHING, Op, Place, Step, USERS};
use super::target::Target;

/// Where a target differs from the specification, or breaks a law.
#[derive(Debug)]
pub struct Difference {
    /// The step.
    pub step: String,
    /// What the specification says.
    pub expected: String,
    /// What the target says.
    pub got: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            step,
            expected,
            got,
        } = self;
        write!(f, "{step}\n  expected: {expected}\n  got:      {got}")
    }
}

/// Plays steps on both. After each step the answers are compared; after each start of the server and at the end, all
/// that anybody can see.
///
/// # Errors
/// The first difference.
pub async fn play(
    spec: &mut impl Target,
    target: &mut impl Target,
    steps: &[Step],
) -> Result<(), Difference> {
    let mut made = Made::default();
    for step in steps {
        play_step(spec, target, step, &mut made).await?;
        if step.op.is_start() {
            look(spec, target, &made).await?;
        }
    }
    for step in mended(steps) {
        play_step(spec, target, &step, &mut made).await?;
    }
    let seen = look(spec, target, &made).await?;
    laws::check(&seen).map_err(|broken| Difference {
        step: "a law, at the end".to_owned(),
        expected: "it holds".to_owned(),
        got: broken,
    })
}

async fn play_step(
    spec: &mut impl Target,
    target: &mut impl Target,
    step: &Step,
    made: &mut Made,
) -> Result<(), Difference> {
    let fault = if step.op.is_call() {
        step.fault
    } else {
        Fault::None
    };
    let again = step.op.may_be_repeated();
    match fault {
        Fault::RequestLost => {
            target.lose_request(step, made).await;
        }
        Fault::RequestLostAndRepeated => {
            target.lose_request(step, made).await;
            both(spec, target, step, made, false).await?;
        }
        Fault::AnswerLost | Fault::AnswerLostAndRepeated => {
            let expected = spec.call(step, made).await;
            target.lose_answer(step, made).await;
            made.learn(step.tag, &expected);
            if fault == Fault::AnswerLostAndRepeated && again {
                both(spec, target, step, made, false).await?;
            }
        }
        Fault::CutAndRepeated if again => {
            target.cut(step, made).await;
            both(spec, target, step, made, true).await?;
        }
        // Where nobody may repeat it, that it was cut would leave open what became of it.
        Fault::None | Fault::CutAndRepeated => {
            both(spec, target, step, made, false).await?;
        }
    }
    Ok(())
}

async fn both(
    spec: &mut impl Target,
    target: &mut impl Target,
    step: &Step,
    made: &mut Made,
    after_cut: bool,
) -> Result<Answer, Difference> {
    let expected = spec.call(step, made).await;
    let got = target.call(step, made).await;
    made.learn(step.tag, &expected);
    if expected.allows(&got, after_cut) {
        return Ok(got);
    }
    let show = |answer: &Answer| format!("{} {}", answer.status, answer.body);
    Err(Difference {
        step: step.to_rust(),
        expected: show(&expected),
        got: show(&got),
    })
}

/// What lets everybody see again at the end, and nobody with the eyes of another: what one sees is then the own.
fn mended(steps: &[Step]) -> Vec<Step> {
    let enable = USERS.iter().map(|user| Op::Enable { user });
    let tokens = USERS.iter().chain(&EXTERNALS).chain(&["many", "admin"]);
    let tokens = tokens.map(|token| Op::NewToken { token });
    let pairs: BTreeSet<_> = steps
        .iter()
        .filter_map(|step| match step.op {
            Op::Watch { user, whose, .. } => Some((user, whose)),
            _ => None,
        })
        .collect();
    let by = By::Token("admin");
    let unwatch = pairs
        .into_iter()
        .map(|(user, whose)| Op::Unwatch { by, user, whose });
    enable.chain(tokens).chain(unwatch).map(looking).collect()
}

fn looking(op: Op) -> Step {
    Step {
        tag: NOTHING,
        op,
        fault: Fault::None,
    }
}

/// All that one participant sees.
#[derive(Debug)]
pub struct Seen {
    /// Who.
    pub who: &'static str,
    /// Whether it is a user.
    pub is_user: bool,
    /// The whole log.
    pub events: Vec<Value>,
    /// Chats, of a user.
    pub chats: Vec<Value>,
    /// Histories of chats, each newest first. `None` where the caller's token shows what others see too.
    pub histories: Option<Vec<Vec<Value>>>,
}

/// Looks at everything with everybody's eyes, on both; returns what they see.
async fn look(
    spec: &mut impl Target,
    target: &mut impl Target,
    made: &Made,
) -> Result<Vec<Seen>, Difference> {
    let mut ask = async |op: Op| {
        let step = looking(op);
        both(spec, target, &step, &mut made.clone(), false).await
    };
    everything(&mut ask, made).await
}

/// All that everybody sees.
pub async fn see(target: &mut impl Target, made: &Made) -> Vec<Seen> {
    let mut ask = async |op: Op| Ok(target.call(&looking(op), made).await);
    let seen = everything(&mut ask, made).await;
    seen.expect("nothing is compared")
}

async fn everything(
    ask: &mut impl AsyncFnMut(Op) -> Result<Answer, Difference>,
    made: &Made,
) -> Result<Vec<Seen>, Difference> {
    let mut seen = Vec::new();
    let everybody = USERS.iter().chain(&EXTERNALS).chain(&DESKS);
    for who in everybody.copied() {
        let several = DESKS.contains(&who);
        let by = By::Token(if several { "many" } else { who });
        for name in ["a", "b"] {
            let whose = who;
            ask(Op::GetCursor { by, whose, name }).await?;
        }
        let histories = histories(ask, by, made).await?;
        let chats = ask(Op::Chats { by, limit: 3 }).await?;
        seen.push(Seen {
            who,
            is_user: USERS.contains(&who),
            events: whole_log(ask, by, who).await?,
            chats: items(&chats, "chats"),
            histories: (!several).then_some(histories),
        });
    }
    let by = By::Token("alice");
    ask(Op::Groups { by, limit: 1 }).await?;
    ask(Op::People {
        by,
        q: "",
        limit: 3,
    })
    .await?;
    Ok(seen)
}

async fn whole_log(
    ask: &mut impl AsyncFnMut(Op) -> Result<Answer, Difference>,
    by: By,
    whose: &'static str,
) -> Result<Vec<Value>, Difference> {
    let (mut events, mut place) = (Vec::new(), Place::Start);
    loop {
        let op = Op::ReadEvents {
            by,
            whose,
            place,
            kinds: Kinds::All,
            limit: 100,
        };
        let page = ask(op).await?;
        let head = page.body["head"].as_u64().unwrap_or(0);
        let after = page.body["next"].as_u64().unwrap_or(head);
        events.extend(page.body["events"].as_array().cloned().unwrap_or_default());
        if after >= head {
            return Ok(events);
        }
        place = Place::After(after);
    }
}

/// The items of a list, all its pages in one; empty where it was refused.
fn items(pages: &Answer, field: &str) -> Vec<Value> {
    let pages = pages.body.as_array().into_iter().flatten();
    pages
        .flat_map(|page| page[field].as_array().cloned().unwrap_or_default())
        .collect()
}

/// Every chat there is, and every message, as one caller sees them.
async fn histories(
    ask: &mut impl AsyncFnMut(Op) -> Result<Answer, Difference>,
    by: By,
    made: &Made,
) -> Result<Vec<Vec<Value>>, Difference> {
    let mut histories = Vec::new();
    let mut chats: Vec<(u64, u32)> = made.chats.iter().map(|(tag, no)| (*no, *tag)).collect();
    chats.sort_unstable();
    chats.dedup_by_key(|(no, _)| *no);
    for (_, chat) in chats {
        let pages = ask(Op::History {
            by,
            chat,
            whose: None,
            limit: 5,
        })
        .await?;
        histories.push(items(&pages, "messages"));
    }
    for message in made.messages.keys().copied() {
        ask(Op::GetMessage {
            by,
            message,
            whose: None,
        })
        .await?;
    }
    Ok(histories)
}
