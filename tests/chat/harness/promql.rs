//! Prometheus's query language, as far as a dashboard needs it: which metrics and labels a query
//! names. What is not understood fails the test.

use std::collections::BTreeSet;

/// What a query asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Series, by name.
    pub(crate) series: BTreeSet<String>,
    /// Labels, wherever they stand.
    pub(crate) labels: BTreeSet<String>,
}

const FUNCTIONS: [&str; 7] = [
    "sum",
    "min",
    "max",
    "rate",
    "increase",
    "histogram_quantile",
    "time",
];

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

impl Asked {
    /// # Panics
    /// If `query` is not of the language, as far as this knows it.
    #[track_caller]
    pub(crate) fn by(query: &str) -> Self {
        let tokens = tokens(query);
        let mut asked = Self::default();
        // What each open bracket holds.
        let mut open = Vec::new();
        let mut before = None;
        for (at, token) in tokens.iter().enumerate() {
            let next = tokens.get(at + 1);
            match token {
                Token::Sign(bracket @ ('(' | '{' | '[')) => {
                    let names_labels = before == Some(&Token::Word("by".to_owned()));
                    open.push((*bracket, names_labels || *bracket == '{'));
                }
                Token::Sign(bracket @ (')' | '}' | ']')) => {
                    let (opened, _) = open.pop().unwrap_or_else(|| panic!("{query}"));
                    let pair = [opened, *bracket];
                    assert!(
                        [['(', ')'], ['{', '}'], ['[', ']']].contains(&pair),
                        "{query}"
                    );
                }
                Token::Word(word) => {
                    let place = open.last().copied().unwrap_or(('(', false));
                    asked.word(word, place, next, query);
                }
                Token::Text(_) | Token::Sign(_) => {}
            }
            before = Some(token);
        }
        assert!(open.is_empty(), "a bracket stays open: {query}");
        assert!(!asked.series.is_empty(), "it asks for something: {query}");
        asked
    }

    #[track_caller]
    fn word(&mut self, word: &str, place: (char, bool), next: Option<&Token>, query: &str) {
        let calls = next == Some(&Token::Sign('('));
        match place {
            ('[', _) => assert!(
                word == "$__rate_interval" || word.ends_with('h'),
                "no range: {word} in {query}"
            ),
            (_, true) => drop(self.labels.insert(word.to_owned())),
            _ if word == "by" => assert!(calls, "{query}"),
            _ if FUNCTIONS.contains(&word) => {
                let groups = next == Some(&Token::Word("by".to_owned()));
                assert!(calls || groups, "{word} calls: {query}");
            }
            _ if word.starts_with(|c: char| c.is_ascii_digit()) => {
                assert!(word.parse::<f64>().is_ok(), "no number: {word} in {query}");
            }
            _ => {
                assert!(!calls, "no function that is known: {word} in {query}");
                self.series.insert(word.to_owned());
            }
        }
    }
}

#[track_caller]
fn tokens(query: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = query.trim_start();
    while let Some(first) = rest.chars().next() {
        let in_word = |c: char| c.is_ascii_alphanumeric() || "_.:$".contains(c);
        let (token, length) = match first {
            '"' => {
                let end = rest[1..].find('"').expect("a text ends");
                (Token::Text(rest[1..=end].to_owned()), end + 2)
            }
            c if in_word(c) => {
                let end = rest.find(|c: char| !in_word(c)).unwrap_or(rest.len());
                (Token::Word(rest[..end].to_owned()), end)
            }
            c if "(){}[],=~!+-*/".contains(c) => (Token::Sign(c), 1),
            c => panic!("no sign of the language: {c} in {query}"),
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    tokens
}
