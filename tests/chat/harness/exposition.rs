//! Prometheus's text format, version 0.0.4, read strictly: what a server writes that is not in it
//! fails the test.

use std::collections::{BTreeMap, BTreeSet};

/// What one `/metrics` said.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    families: Vec<Family>,
}

/// One metric.
#[derive(Debug)]
struct Family {
    name: String,
    help: String,
    kind: String,
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Exposition {
    /// # Panics
    /// If it is not the format.
    #[track_caller]
    pub(crate) fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line ends: {text:?}");
        let mut found = Self::default();
        for line in text.lines() {
            match line.strip_prefix("# ") {
                Some(comment) => found.comment(comment),
                None => found.sample(line),
            }
        }
        for family in &found.families {
            family.check();
        }
        let names: BTreeSet<_> = found.names().into_iter().collect();
        assert_eq!(names.len(), found.families.len(), "each metric stands once");
        found
    }

    #[track_caller]
    fn comment(&mut self, comment: &str) {
        let (keyword, rest) = comment.split_once(' ').expect("HELP or TYPE");
        let (name, text) = rest.split_once(' ').expect("a name and a text");
        assert!(is_name(name), "{comment}");
        match keyword {
            "HELP" => self.families.push(Family {
                name: name.to_owned(),
                help: text.to_owned(),
                kind: String::new(),
                samples: Vec::new(),
            }),
            "TYPE" => {
                let family = self.families.last_mut().expect("HELP comes first");
                assert_eq!(family.name, name, "HELP and TYPE stand together");
                assert!(family.kind.is_empty(), "one TYPE: {comment}");
                assert!(["counter", "gauge", "histogram"].contains(&text), "{text}");
                text.clone_into(&mut family.kind);
            }
            other => panic!("no comment of the format: {other}"),
        }
    }

    #[track_caller]
    fn sample(&mut self, line: &str) {
        let (series, value) = line.rsplit_once(' ').expect("a series and a value");
        let (name, labels) = match series.split_once('{') {
            Some((name, rest)) => (name, rest.strip_suffix('}').expect("a brace")),
            None => (series, ""),
        };
        assert!(is_name(name), "{line}");
        let family = self.families.last_mut().expect("HELP and TYPE first");
        assert!(!family.kind.is_empty(), "TYPE first: {line}");
        family.samples.push(Sample {
            name: name.to_owned(),
            labels: labels_of(labels),
            value: value.parse().unwrap_or_else(|_| panic!("a number: {line}")),
        });
    }

    /// The name of every metric, in the order in which they stand.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.families.iter().map(|one| one.name.as_str()).collect()
    }

    /// What kind the metric is.
    pub(crate) fn kind(&self, name: &str) -> Option<&str> {
        let family = self.families.iter().find(|one| one.name == name)?;
        Some(&family.kind)
    }

    /// The name of every series, histograms' with their endings.
    pub(crate) fn series(&self) -> BTreeSet<&str> {
        let samples = self.families.iter().flat_map(|family| &family.samples);
        samples.map(|sample| sample.name.as_str()).collect()
    }

    /// Every label there is, with all that it says.
    pub(crate) fn labels(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let samples = self.families.iter().flat_map(|family| &family.samples);
        let mut found = BTreeMap::<_, BTreeSet<_>>::new();
        for (label, value) in samples.flat_map(|sample| &sample.labels) {
            found.entry(&**label).or_default().insert(&**value);
        }
        found
    }

    /// The value of the series `name`, whose labels are exactly these.
    #[track_caller]
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let wanted: BTreeMap<_, _> = labels
            .iter()
            .map(|(label, value)| ((*label).to_owned(), (*value).to_owned()))
            .collect();
        let mut samples = self.families.iter().flat_map(|family| &family.samples);
        let found = samples.find(|sample| sample.name == name && sample.labels == wanted);
        found
            .unwrap_or_else(|| panic!("no {name} {labels:?} in {self:?}"))
            .value
    }

    /// The same without labels, as a count.
    #[track_caller]
    pub(crate) fn count(&self, name: &str) -> u64 {
        whole(self.value(name, &[]))
    }

    /// The same with one label.
    #[track_caller]
    pub(crate) fn count_of(&self, name: &str, label: &str, value: &str) -> u64 {
        whole(self.value(name, &[(label, value)]))
    }
}

#[track_caller]
fn whole(value: f64) -> u64 {
    assert!(value >= 0.0 && value.fract() == 0.0, "no count: {value}");
    value as u64
}

impl Family {
    #[track_caller]
    fn check(&self) {
        let Self {
            name, kind, help, ..
        } = self;
        assert!(!kind.is_empty() && !self.samples.is_empty(), "{self:?}");
        assert!(help.len() > 10, "{name} says what it is");
        let series: BTreeSet<_> = self.samples.iter().map(|s| (&s.name, &s.labels)).collect();
        assert_eq!(
            series.len(),
            self.samples.len(),
            "no series twice: {self:?}"
        );
        match &**kind {
            "histogram" => self.check_histogram(),
            counter => {
                assert_eq!(counter == "counter", name.ends_with("_total"), "{name}");
                assert!(self.samples.iter().all(|sample| sample.name == *name));
                let no_less = self.samples.iter().all(|sample| sample.value >= 0.0);
                assert!(no_less, "{self:?}");
            }
        }
    }

    #[track_caller]
    fn check_histogram(&self) {
        let of = |ending: &str| {
            let series = format!("{}{ending}", self.name);
            self.samples.iter().filter(move |one| one.name == series)
        };
        let buckets: Vec<_> = of("_bucket").collect();
        let (sums, counts): (Vec<_>, Vec<_>) = (of("_sum").collect(), of("_count").collect());
        assert_eq!((sums.len(), counts.len()), (1, 1), "{self:?}");
        assert_eq!(buckets.len() + 2, self.samples.len(), "{self:?}");
        let le = |sample: &&Sample| -> f64 {
            assert_eq!(sample.labels.len(), 1, "{sample:?}");
            sample.labels["le"].parse().expect("a bound")
        };
        assert!(buckets.is_sorted_by(|one, next| le(one) < le(next)));
        assert!(buckets.is_sorted_by(|one, next| one.value <= next.value));
        let last = buckets.last().expect("a bucket");
        assert_eq!((le(last), last.value), (f64::INFINITY, counts[0].value));
    }
}

fn is_name(name: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(fine) && name.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// `a="b",c="d"`. Values of ours need no escapes, and have none.
#[track_caller]
fn labels_of(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split(',').filter(|pair| !pair.is_empty());
    let pair = |pair: &str| {
        let (label, value) = pair.split_once('=').expect("a label and a value");
        let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
        let value = value.expect("quotes");
        assert!(is_name(label) && !value.contains(['"', '\\']), "{pair}");
        (label.to_owned(), value.to_owned())
    };
    pairs.map(pair).collect()
}
