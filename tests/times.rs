//! Does the load generator's open loop send what it says, when it says? A schedule that drifts would measure itself.

#[path = "../benches/load/times.rs"]
mod times;

use std::time::Duration;

use times::{Phase, Times};

fn phase(rate: f64, milliseconds: u64) -> Phase {
    Phase {
        rate,
        time: Duration::from_millis(milliseconds),
    }
}

fn milliseconds(times: Times) -> Vec<f64> {
    times.map(|due| due.as_secs_f64() * 1e3).collect()
}

#[test]
fn messages_are_spaced_evenly_from_the_start() {
    assert_eq!(
        milliseconds(Times::new(vec![phase(100.0, 50)])),
        [0.0, 10.0, 20.0, 30.0, 40.0]
    );
}

#[test]
fn a_phase_begins_when_the_one_before_ends() {
    let phases = vec![phase(10.0, 200), phase(100.0, 30), phase(10.0, 100)];
    assert_eq!(
        milliseconds(Times::new(phases)),
        [0.0, 100.0, 200.0, 210.0, 220.0, 230.0]
    );
}

#[test]
fn no_message_is_lost_to_rounding_and_none_comes_after_the_end() {
    for rate in [3.0, 7.0, 999.0, 1000.0, 33_333.0, 199_999.0] {
        let times: Vec<_> = Times::new(vec![phase(rate, 3000)]).collect();
        assert_eq!(times.len(), (rate * 3.0) as usize, "{rate}");
        assert!(times.is_sorted());
        assert!(
            times.iter().all(|due| *due < Duration::from_secs(3)),
            "{rate}"
        );
    }
}

#[test]
fn without_phases_there_is_nothing_to_send() {
    assert_eq!(Times::new(Vec::new()).count(), 0);
}
