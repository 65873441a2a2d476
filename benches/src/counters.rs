//! Hardware counters: cycles, instructions and cache misses, where the system gives them to programs (Linux, through
//! `perf_event_open`; not in most virtual machines and containers).

/// What was counted while a program ran.
#[derive(Clone, Debug, PartialEq)]
pub struct Counts {
    /// The name of each counter, and what it counted.
    pub counts: Vec<(&'static str, u64)>,
}

impl Counts {
    /// One line: each counter, and the instructions in a cycle.
    pub fn in_words(&self, steps: usize) -> String {
        let of = |wanted: &str| self.counts.iter().find(|(name, _)| *name == wanted).map(|(_, count)| *count as f64);
        let each = self.counts.iter().map(|(name, count)| format!("{:.0} {name}", *count as f64 / steps as f64));
        let each = each.collect::<Vec<_>>().join(", ");
        let in_a_cycle = of(INSTRUCTIONS).zip(of(CYCLES)).filter(|(_, cycles)| *cycles > 0.0);
        let in_a_cycle =
            in_a_cycle.map(|(instructions, cycles)| format!(" ({:.2} instructions a cycle)", instructions / cycles));
        format!("Hardware counters, for each step: {each}{}.", in_a_cycle.unwrap_or_default())
    }
}

const CYCLES: &str = "cycles";
const INSTRUCTIONS: &str = "instructions";

/// Counters of this thread and of all threads that it starts from now on.
#[cfg(target_os = "linux")]
pub struct Counters {
    counters: Vec<(&'static str, perf_event::Counter)>,
}

#[cfg(target_os = "linux")]
impl Counters {
    /// Opens the counters; they stand still until [`count`](Self::count).
    ///
    /// # Errors
    /// Why the system does not give them, in words.
    pub fn open() -> Result<Self, String> {
        use perf_event::Builder;
        use perf_event::events::Hardware;
        let wanted = [
            (CYCLES, Hardware::CPU_CYCLES),
            (INSTRUCTIONS, Hardware::INSTRUCTIONS),
            ("cache references", Hardware::CACHE_REFERENCES),
            ("cache misses", Hardware::CACHE_MISSES),
        ];
        let counters = wanted.map(|(name, event)| {
            let counter = Builder::new(event).inherit(true).exclude_kernel(true).exclude_hv(true).build();
            counter.map(|counter| (name, counter)).map_err(|error| format!("{name}: {error}"))
        });
        Ok(Counters { counters: counters.into_iter().collect::<Result<_, _>>()? })
    }

    /// Counts while `body` runs.
    ///
    /// # Errors
    /// If a counter can't be read, in words.
    pub fn count(&mut self, body: impl FnOnce()) -> Result<Counts, String> {
        let words = |name: &str, error: std::io::Error| format!("{name}: {error}");
        for (name, counter) in &mut self.counters {
            counter.reset().and_then(|()| counter.enable()).map_err(|error| words(name, error))?;
        }
        body();
        for (name, counter) in &mut self.counters {
            counter.disable().map_err(|error| words(name, error))?;
        }
        let read = |(name, counter): &mut (&'static str, perf_event::Counter)| {
            counter.read().map(|count| (*name, count)).map_err(|error| words(name, error))
        };
        Ok(Counts { counts: self.counters.iter_mut().map(read).collect::<Result<_, _>>()? })
    }
}

/// No counters: there is no value of this type.
#[cfg(not(target_os = "linux"))]
pub enum Counters {}

#[cfg(not(target_os = "linux"))]
impl Counters {
    /// An error.
    ///
    /// # Errors
    /// Always.
    pub fn open() -> Result<Self, String> {
        Err("only Linux has an interface for them that this program knows".to_owned())
    }

    /// Never called.
    ///
    /// # Errors
    /// None.
    pub fn count(&mut self, _body: impl FnOnce()) -> Result<Counts, String> {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_one_line() {
        let counts = Counts { counts: vec![(CYCLES, 2000), (INSTRUCTIONS, 5000), ("cache misses", 10)] };
        let line = "Hardware counters, for each step: 200 cycles, 500 instructions, 1 cache misses \
                    (2.50 instructions a cycle).";
        assert_eq!(counts.in_words(10), line);
        let none = Counts { counts: vec![(CYCLES, 0), (INSTRUCTIONS, 0)] };
        assert!(!none.in_words(1).contains("a cycle"));
    }

    #[test]
    fn there_are_counters_or_a_reason() {
        match Counters::open() {
            Ok(mut counters) => {
                let mut ran = false;
                let counts = counters.count(|| ran = true).unwrap();
                assert!(ran && counts.counts.len() == 4);
            }
            Err(reason) => assert!(!reason.is_empty()),
        }
    }
}
