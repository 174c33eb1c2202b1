//! How memory is measured, by the fuzz targets and by the tests that replay their corpus.

use std::alloc::System;

use alloc_tracker::{Allocator, Session};

/// The system's, and it counts.
#[global_allocator]
static ALLOCATOR: Allocator<System> = Allocator::system();

/// How many bytes `work` holds at most at one moment, beyond what was there before it. Other
/// threads do not count.
///
/// # Panics
/// If it was not measured.
pub(crate) fn peak(work: &mut dyn FnMut()) -> u64 {
    let session = Session::new().no_stdout().no_file();
    let operation = session.operation("read");
    let span = operation.measure_thread().iterations(1);
    work();
    drop(span);
    let report = session.to_report();
    let (_, measured) = report.operations().next().expect("a report of it");
    measured.peak_outstanding_bytes().expect("a peak") as u64
}
