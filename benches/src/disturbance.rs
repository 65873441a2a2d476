//! Whether other processes disturb a measurement. A figure taken beside a running build says little, and the program
//! says so.

use std::fs;
use std::time::Instant;

/// Ticks in a second of the times in `/proc`: Linux shows them so on every machine, whatever it counts in.
const TICKS: f64 = 100.0;

/// Busy cores above which others disturb.
const DISTURBING: f64 = 0.1;

/// Reads the time that all cores were busy, and the time of this process, at the start and when it is asked.
pub struct LoadMonitor {
    since: Instant,
    busy: Option<(f64, f64)>,
}

impl LoadMonitor {
    /// Begins to watch.
    pub fn start() -> Self {
        Self { since: Instant::now(), busy: busy() }
    }

    /// How many cores other processes have kept busy since then, on average; `None` where the system does not say
    /// (Linux does). Processes that this one has started and that have ended count as its own.
    pub fn others(&self) -> Option<f64> {
        let ((before, own_before), (now, own_now)) = (self.busy?, busy()?);
        let ticks = (now - before) - (own_now - own_before);
        Some((ticks / TICKS / self.since.elapsed().as_secs_f64()).max(0.0))
    }
}

/// Whether so many busy cores disturb.
pub fn is_disturbed(others: Option<f64>) -> bool {
    others.is_some_and(|others| others > DISTURBING)
}

/// A warning, if others disturbed.
pub fn warning(others: Option<f64>) -> Option<String> {
    let others = others.filter(|&others| is_disturbed(Some(others)))?;
    Some(format!("DISTURBED: other processes kept {others:.1} cores busy; these figures can't be trusted."))
}

/// The ticks that all cores have been busy, and those of this process and its ended children.
fn busy() -> Option<(f64, f64)> {
    let all = fs::read_to_string("/proc/stat").ok()?;
    let own = fs::read_to_string("/proc/self/stat").ok()?;
    Some((busy_of_machine(&all)?, busy_of_process(&own)?))
}

/// From `cpu user nice system idle iowait irq softirq steal ...`.
fn busy_of_machine(stat: &str) -> Option<f64> {
    let fields: Vec<f64> =
        stat.lines().next()?.split_whitespace().skip(1).map_while(|field| field.parse().ok()).collect();
    (fields.len() >= 8).then(|| fields[..3].iter().sum::<f64>() + fields[5..8].iter().sum::<f64>())
}

/// The fields 14 to 17: user and system time, of the process and of its children that have ended. The second field, a
/// name in brackets, may hold spaces.
fn busy_of_process(stat: &str) -> Option<f64> {
    let fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(4);
    let fields: Vec<f64> = fields.map_while(|field| field.parse().ok()).collect();
    (fields.len() == 4).then(|| fields.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_system_are_read() {
        assert_eq!(busy_of_machine("cpu  100 1 20 4000 50 2 3 4 0 0\ncpu0 1 2 3\n"), Some(130.0));
        assert_eq!(busy_of_machine("cpu  100\n"), None);
        let line = "42 (a (strange) name) S 1 42 42 0 -1 4194304 10 0 0 0 700 30 5 6 20 0 1 0 99 0 0";
        assert_eq!(busy_of_process(line), Some(741.0));
        assert_eq!(busy_of_process("42 (short) S 1"), None);
    }

    #[test]
    fn a_warning_only_when_others_disturb() {
        assert_eq!((warning(None), is_disturbed(None)), (None, false));
        assert_eq!((warning(Some(0.02)), is_disturbed(Some(0.02))), (None, false));
        assert!(warning(Some(0.9)).unwrap().contains("0.9 cores") && is_disturbed(Some(0.9)));
    }
}
