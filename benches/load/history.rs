//! Mode `history`: what a question or a send costs in a long conversation and for a person with many, against a short
//! one and a person with few.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::archive::{self, Archive};
use crate::args_scale::History;
use crate::disk;
use crate::question::{Asker, QUESTIONS, Question};
use crate::report::{Metrics, Progress, Report};
use crate::server::Server;
use crate::stats;

/// Pairs of each question before the first block: for caches, and for the conversations to wake up.
const WARMING: u16 = 10;

const REMARKS: &[&str] = &[
    "Every answer was looked at: the messages and counts that were asked for, in order. Small and large are asked in",
    "turns, one at a time. Figures are medians over the blocks, with the lowest and the highest block; the ratio is",
    "that of the same block.",
];

const SMALL: usize = 0;
const LARGE: usize = 1;
const RATIO: usize = 2;

/// Measures, and prints the figures when every answer was right.
pub(crate) async fn run(options: &History) -> Result<()> {
    if options.common.url.is_some() {
        bail!("history writes the database that it measures, so --url cannot be used with it");
    }
    let size = usize::from(options.size);
    disk::room_for(options.messages, size)?;
    let shape = format!(
        "history: a conversation of {} messages against {}, a person with {} conversations against {}; {} bytes of \
         content, {} blocks of {} pairs",
        options.messages,
        archive::FEW_MESSAGES,
        options.conversations,
        archive::FEW_CONVERSATIONS,
        size,
        options.blocks,
        options.repeat
    );
    let names = ["small", "large", "large/small"];
    let mut report = Report::new(&options.common, shape, names.into_iter(), REMARKS);
    for run in 1..=options.common.runs {
        let progress = Progress::new(format!("history {run}/{}", options.common.runs));
        one(options, &progress, &mut report).await?;
    }
    report.print();
    Ok(())
}

async fn one(options: &History, progress: &Progress, report: &mut Report) -> Result<()> {
    let data = Server::new_data()?;
    let many = (options.messages, options.conversations as usize);
    let (database, size) = (Server::database(&data), usize::from(options.size));
    let archive = Archive::write(&database, many, size, progress).await?;
    let mut server = Server::start_on(data).await?;
    let blocks = async {
        let mut asker = Asker::open(&server.target, &archive, size).await?;
        block(&mut asker, WARMING).await?;
        for number in 1..=options.blocks {
            progress.say(&format!("block {number} of {}", options.blocks));
            for (column, metrics) in block(&mut asker, options.repeat)
                .await?
                .into_iter()
                .enumerate()
            {
                report.add(column, metrics);
            }
        }
        Ok(())
    };
    match blocks.await {
        Ok(()) => server.stop().await,
        Err(error) => Err(server.explain(error).await),
    }
}

/// Every question, `repeat` times on each side: the figures of small, large, and their ratio.
async fn block(asker: &mut Asker<'_>, repeat: u16) -> Result<[Metrics; 3]> {
    let mut columns: [Metrics; 3] = Default::default();
    for (question, names) in QUESTIONS {
        let times = pairs(asker, *question, repeat).await?;
        let [mut small, mut large] = times;
        for (name, share) in names.iter().zip([0.5, 0.99]) {
            let small = stats::quantile_ms(&mut small, share);
            let large = stats::quantile_ms(&mut large, share);
            columns[SMALL].push((name, small));
            columns[LARGE].push((name, large));
            columns[RATIO].push((name, stats::ratio(large, small)));
        }
    }
    Ok(columns)
}

async fn pairs(
    asker: &mut Asker<'_>,
    question: Question,
    repeat: u16,
) -> Result<[Vec<Duration>; 2]> {
    let mut times: [Vec<Duration>; 2] = Default::default();
    asker.begin(question).await?;
    for round in 0..repeat {
        // Who comes first changes, for whoever comes second may find something warm.
        let first = usize::from(round % 2);
        for side in [first, 1 - first] {
            times[side].push(asker.ask(question, side).await?);
        }
    }
    asker.end().await?;
    Ok(times)
}
