//! Figures as people read them, in columns.

/// The middle of some values, and their range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    count: usize,
}

impl Spread {
    /// `None` when there is no value.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (low, high) = (*values.first()?, *values.last()?);
        let (left, right) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Some(Self {
            median: f64::midpoint(left, right),
            low,
            high,
            count: values.len(),
        })
    }
}

/// The median, and the range when there is one.
pub(crate) fn cell(spread: Option<Spread>) -> String {
    let Some(spread) = spread else {
        return "unknown".to_owned();
    };
    let median = figure(spread.median);
    if spread.count == 1 {
        median
    } else {
        format!("{median} ({}–{})", figure(spread.low), figure(spread.high))
    }
}

/// The first column to the left, the others to the right.
pub(crate) fn align(table: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| {
        table
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(column, cell)| match column {
            0 => format!("{cell:<0$}", width(0)),
            _ => format!("{cell:>0$}", width(column) + 3),
        });
        cells.collect::<String>()
    };
    table.iter().map(line).collect()
}

/// Three digits that count, or all before the point.
pub(crate) fn figure(value: f64) -> String {
    match value {
        1000.0.. => {
            let digits = format!("{value:.0}");
            let (head, tail) = digits.split_at(digits.len() % 3);
            let groups = tail.as_bytes().chunks(3).map(String::from_utf8_lossy);
            let head = (!head.is_empty()).then(|| head.into());
            head.into_iter().chain(groups).collect::<Vec<_>>().join(",")
        }
        100.0.. => format!("{value:.0}"),
        _ if value.fract() == 0.0 => format!("{value:.0}"), // a count
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
