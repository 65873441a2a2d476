//! Who else uses the machine meanwhile. A measurement beside a running build says little, and should say so itself.

use std::fs;
use std::time::Instant;

/// Ticks a second of the times in `/proc`: Linux shows them so on every machine, whatever it counts in.
const TICKS: f64 = 100.0;

/// Busy cores from which on a warning is due.
const DISTURBING: f64 = 0.1;

/// A look at the clocks of the machine and of this process.
pub struct Watch {
    since: Instant,
    busy: Option<(f64, f64)>,
}

impl Watch {
    /// Begins to watch.
    pub fn start() -> Self {
        Self { since: Instant::now(), busy: busy() }
    }

    /// How many cores others than this process have kept busy since then, on average; `None` where the system doesn't tell (it does on Linux).
    pub fn others(&self) -> Option<f64> {
        let ((before, own_before), (now, own_now)) = (self.busy?, busy()?);
        let ticks = (now - before) - (own_now - own_before);
        Some((ticks / TICKS / self.since.elapsed().as_secs_f64()).max(0.0))
    }
}

/// A warning, if others disturbed.
pub fn warning(others: Option<f64>) -> Option<String> {
    let others = others.filter(|&others| others > DISTURBING)?;
    Some(format!("NOT ALONE: others kept {others:.1} cores busy meanwhile; these figures are not to be trusted."))
}

/// The ticks that all cores have been busy, and those of this process.
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

/// The 14th and the 15th field, user and system time; the second one, a name in brackets, may hold spaces.
fn busy_of_process(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).map(str::parse::<f64>);
    Some(fields.next()?.ok()? + fields.next()?.ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_lines_are_read() {
        assert_eq!(busy_of_machine("cpu  100 1 20 4000 50 2 3 4 0 0\ncpu0 1 2 3\n"), Some(130.0));
        assert_eq!(busy_of_machine("cpu  100\n"), None);
        let line = "42 (a (strange) name) S 1 42 42 0 -1 4194304 10 0 0 0 700 30 5 6 20 0 1 0 99 0 0";
        assert_eq!(busy_of_process(line), Some(730.0));
    }

    #[test]
    fn a_warning_only_when_others_disturb() {
        assert_eq!(warning(None), None);
        assert_eq!(warning(Some(0.02)), None);
        assert!(warning(Some(0.9)).unwrap().contains("0.9 cores"));
    }
}
