//! Faults on purpose: what a test has go wrong in here, where nothing from outside can reach.
//!
//! They exist in test builds alone, those with the feature `faults`: without it neither this module
//! nor any mention of it is compiled. `DUOLOGUE_FAULTS` holds rules, or `@` and the path of a file
//! that does, which may change while the server runs:
//!
//! ```text
//! journal.commit=panic@3; conversation.send=panic~poison; conversation.publish=drop%1000
//! ```
//!
//! A rule is one of the [`POINTS`], what happens there, and when: every time; `@3`, the third time
//! alone; `%1000`, every thousandth time; `~word`, whenever what is handled there contains the word.
//! Times are counted from the moment at which the rules were read. Of several rules for one point the
//! first that applies counts.

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// The points, what may happen at each, and what is handled there for a `~word`.
const POINTS: &[(&str, &[Kind])] = &[
    // A conversation reads itself from the database; its id.
    ("conversation.start", &[Kind::Panic]),
    // It takes a send; the content.
    ("conversation.send", &[Kind::Panic]),
    // It makes the news of a message that is on disk; the content.
    ("conversation.news", &[Kind::Panic]),
    // It tells what one batch said; nothing. The first two are swapped.
    ("conversation.order", &[Kind::Swap]),
    // It tells one session of it; the id of that session's user. Dropped, it does not; doubled, twice.
    (
        "conversation.publish",
        &[Kind::Panic, Kind::Drop, Kind::Double],
    ),
    // It tells how far somebody has read; their id. Too little is told.
    ("conversation.moved", &[Kind::Back]),
    // A session takes what a conversation tells of messages; the id of its user.
    ("session.publish", &[Kind::Panic]),
    // Presence takes whatever it is told.
    ("presence.handle", &[Kind::Panic]),
    // It looks up, beside itself, who shares a conversation with somebody; their id.
    ("presence.peers", &[Kind::Panic]),
    // The journal takes a conversation's batch.
    ("journal.append", &[Kind::Panic]),
    // It begins a transaction beside itself (dropped, it says that it is done, and does nothing); it
    // has committed one, and nobody knows yet.
    ("journal.commit", &[Kind::Panic, Kind::Drop]),
    ("journal.committed", &[Kind::Panic]),
    // The supervisor takes whatever it is told.
    ("supervisor.handle", &[Kind::Panic]),
    // The task of a socket takes a text; that.
    ("connection.receive", &[Kind::Panic]),
    // A handler begins a request; the path.
    ("rest.handle", &[Kind::Panic]),
    // The same of Engine.IO.
    ("engineio.handle", &[Kind::Panic]),
    // A use case begins that runs to its end whoever goes away; nothing.
    ("chat.use_case", &[Kind::Panic]),
];

/// The variable that holds the rules, or names their file.
const VARIABLE: &str = "DUOLOGUE_FAULTS";

/// What can happen at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Panic,
    Drop,
    Double,
    Swap,
    Back,
}

/// What happens at a point, unless it is a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// What would be done here is not.
    Drop,
    /// It is done twice.
    Double,
    /// Two change their places.
    Swap,
    /// A position is told that lies behind.
    Back,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Panic,
    Fault(Fault),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum When {
    Always,
    At(u64),
    Every(u64),
    Contains(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    point: &'static str,
    action: Action,
    when: When,
    /// How often the point was passed since the rules were read.
    passed: u64,
}

/// The rules that stand.
#[derive(Debug, Default)]
struct Rules {
    text: String,
    all: Vec<Rule>,
}

#[derive(Debug)]
struct Source {
    /// The file that is read again whenever a point is passed.
    file: Option<PathBuf>,
    rules: Mutex<Rules>,
}

/// Absent where the variable is: then a point costs a look here.
static SOURCE: OnceLock<Option<Source>> = OnceLock::new();

/// Reads the rules, and says in the log that there are some.
///
/// # Errors
/// Why they are not understood.
pub(crate) fn start() -> anyhow::Result<()> {
    let Ok(said) = std::env::var(VARIABLE) else {
        SOURCE.get_or_init(|| None);
        return Ok(());
    };
    tracing::warn!(
        faults = said,
        "this is a test build, and has faults on purpose"
    );
    let file = said.strip_prefix('@').map(PathBuf::from);
    let text = if file.is_some() { String::new() } else { said };
    let source = Source {
        file,
        rules: Mutex::new(Rules::read(text).map_err(anyhow::Error::msg)?),
    };
    SOURCE.get_or_init(|| Some(source));
    Ok(())
}

/// What happens at `point`, where `handled` is handled, this time.
///
/// # Panics
/// If that is what happens.
pub(crate) fn at(point: &'static str, handled: &str) -> Option<Fault> {
    let known = POINTS.iter().any(|(name, _)| *name == point);
    assert!(known, "{point} is not in the list of points");
    let action = SOURCE.get()?.as_ref()?.pass(point, handled)?;
    match action {
        Action::Panic => panic!("a test asked for it, at {point}"),
        Action::Fault(fault) => Some(fault),
    }
}

/// The same where nothing but a panic may happen.
pub(crate) fn may_panic(point: &'static str, handled: &str) {
    at(point, handled);
}

impl Source {
    fn pass(&self, point: &str, handled: &str) -> Option<Action> {
        let mut rules = self.rules();
        if let Some(file) = &self.file {
            let text = fs::read_to_string(file).unwrap_or_default();
            if text != rules.text {
                *rules = Rules::read(text).unwrap_or_else(|why| {
                    tracing::error!(why, "the file of faults is not understood");
                    std::process::abort()
                });
            }
        }
        let mut happens = None;
        for rule in rules.all.iter_mut().filter(|rule| rule.point == point) {
            let applies = rule.pass(handled);
            happens = happens.or(applies.then_some(rule.action));
        }
        happens
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rules {
    fn read(text: String) -> Result<Self, String> {
        let rules = text.split(';').map(str::trim);
        let rules = rules.filter(|rule| !rule.is_empty());
        let all = rules
            .map(|rule| {
                Rule::read(rule).ok_or_else(|| format!("{VARIABLE}: {rule} is not understood"))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { text, all })
    }
}

impl Rule {
    fn read(rule: &str) -> Option<Self> {
        let (point, happens) = rule.split_once('=')?;
        let (point, kinds) = POINTS.iter().find(|(name, _)| *name == point)?;
        let end = happens.find(['@', '%', '~']).unwrap_or(happens.len());
        let (action, when) = happens.split_at(end);
        let (kind, action) = Action::read(action)?;
        let rule = Self {
            point,
            action,
            when: When::read(when)?,
            passed: 0,
        };
        kinds.contains(&kind).then_some(rule)
    }

    fn pass(&mut self, handled: &str) -> bool {
        self.passed += 1;
        match &self.when {
            When::Always => true,
            When::At(time) => self.passed == *time,
            When::Every(times) => self.passed.is_multiple_of(*times),
            When::Contains(word) => handled.contains(word),
        }
    }
}

impl Action {
    fn read(action: &str) -> Option<(Kind, Self)> {
        match action {
            "panic" => Some((Kind::Panic, Self::Panic)),
            "drop" => Some((Kind::Drop, Self::Fault(Fault::Drop))),
            "double" => Some((Kind::Double, Self::Fault(Fault::Double))),
            "swap" => Some((Kind::Swap, Self::Fault(Fault::Swap))),
            "back" => Some((Kind::Back, Self::Fault(Fault::Back))),
            _ => None,
        }
    }
}

impl When {
    fn read(when: &str) -> Option<Self> {
        let Some(mark) = when.chars().next() else {
            return Some(Self::Always);
        };
        let rest = &when[mark.len_utf8()..];
        let number = || rest.parse().ok().filter(|number| *number > 0);
        match mark {
            '@' => number().map(Self::At),
            '%' => number().map(Self::Every),
            '~' => (!rest.is_empty()).then(|| Self::Contains(rest.to_owned())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn happens(text: &str, passes: &[(&str, &str)]) -> Vec<Option<Action>> {
        let source = Source {
            file: None,
            rules: Mutex::new(Rules::read(text.to_owned()).expect("understood")),
        };
        let pass = |(point, handled): &(&str, &str)| source.pass(point, handled);
        passes.iter().map(pass).collect()
    }

    #[test]
    fn a_rule_applies_every_time_or_once_or_each_so_often_or_to_a_word() {
        const DROP: Option<Action> = Some(Action::Fault(Fault::Drop));
        const PANIC: Option<Action> = Some(Action::Panic);
        let publish = [("conversation.publish", ""); 4];
        let all = happens("conversation.publish=drop", &publish);
        assert_eq!(all, [DROP; 4]);
        let third = happens("conversation.publish=panic@3", &publish);
        assert_eq!(third, [None, None, PANIC, None]);
        let text = "conversation.publish=panic@4; conversation.publish=drop%2;";
        assert_eq!(happens(text, &publish), [None, DROP, None, PANIC]);
        let sends = [
            ("conversation.send", "a good one"),
            ("conversation.send", "a bad one"),
        ];
        assert_eq!(
            happens("conversation.send=panic~bad", &sends),
            [None, PANIC]
        );
        assert_eq!(happens("conversation.start=panic", &sends), [None; 2]);
    }

    #[test]
    fn what_is_not_a_rule_is_refused() {
        for text in [
            "conversation.publish",
            "conversation.publish=",
            "conversation.publish=explode",
            "conversation.publish=drop@",
            "conversation.publish=drop@0",
            "conversation.publish=drop%x",
            "conversation.send=panic~",
            "conversation.send=drop",
            "conversation.order=double",
            "nowhere=panic",
        ] {
            assert!(Rules::read(text.to_owned()).is_err(), "{text}");
        }
    }
}
