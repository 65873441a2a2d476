//! How the values of options are read: each answer to a wrong one says what is wanted, with an example.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use std::thread;

/// More threads than this for each core take so long to wait for one another that a run seems to stand still.
const MAX_THREADS_PER_CORE: usize = 64;
/// More than any machine makes use of.
const MAX_THREADS: usize = 1024;

fn parsed<N: FromStr>(text: &str, right: impl Fn(&N) -> bool, wanted: impl Display) -> Result<N, String> {
    text.parse().ok().filter(right).ok_or_else(|| format!("wanted {wanted}"))
}

/// A count of at least one.
pub fn positive(text: &str) -> Result<usize, String> {
    parsed(text, |&number| number > 0, format_args!("a whole number from 1 on, at most {}, such as 10", usize::MAX))
}

/// A seed.
pub fn seed(text: &str) -> Result<u64, String> {
    parsed(text, |_| true, format_args!("a whole number from 0 to {}, such as 42", u64::MAX))
}

/// A learning rate.
pub fn learning_rate(text: &str) -> Result<f64, String> {
    parsed(text, |number: &f64| number.is_finite() && *number > 0.0, "a number above 0, such as 0.001")
}

/// A share in percent.
pub fn percentage(text: &str) -> Result<f64, String> {
    parsed(text, |number| (1.0..=100.0).contains(number), "percent, from 1 to 100, such as 98")
}

/// A port of this machine.
pub fn port(text: &str) -> Result<u16, String> {
    parsed(text, |_| true, "the number of a port, from 0 (any that is free) to 65535, such as 8000")
}

/// The address of this machine in an argument: a number, or `localhost`. Names are not looked up, which can take long.
pub fn host(text: &str) -> Result<IpAddr, String> {
    let number = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    match number.parse() {
        Ok(host) => Ok(host),
        Err(_) if text == "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
        Err(_) => Err("wanted an IP address of this machine, such as 127.0.0.1, or 0.0.0.0 for all of them".to_owned()),
    }
}

/// A number of threads.
pub fn threads(text: &str) -> Result<u16, String> {
    let (most, example) = (most_threads(), cores());
    let wanted = format!("a whole number from 0 (as many as the machine has) to {most}, such as {example}");
    parsed(
        text,
        |&number: &u16| usize::from(number) <= most,
        format!("{wanted}: this machine has {}", cores_in_words()),
    )
}

/// The cores that the program may use.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Their number, for a sentence.
pub fn cores_in_words() -> String {
    let cores = cores();
    if cores == 1 { "one core".to_owned() } else { format!("{cores} cores") }
}

fn most_threads() -> usize {
    cores().saturating_mul(MAX_THREADS_PER_CORE).min(MAX_THREADS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_addresses() {
        assert_eq!(host("localhost"), Ok(Ipv4Addr::LOCALHOST.into()));
        assert_eq!(host("[::1]"), host("::1"));
        assert_eq!(host("0.0.0.0"), Ok(Ipv4Addr::UNSPECIFIED.into()));
        for text in ["", "nohost", "127.0.0.1:80", "300.0.0.1", "[::1"] {
            assert!(host(text).is_err(), "{text}");
        }
    }

    #[test]
    fn wrong_values_are_answered_with_what_is_wanted() {
        let wanted =
            |answer: Result<(), String>, words: &str| assert_eq!(answer.unwrap_err(), format!("wanted {words}"));
        for text in ["abc", "-1", "1.5", "", "18446744073709551616"] {
            wanted(seed(text).map(drop), "a whole number from 0 to 18446744073709551615, such as 42");
        }
        for text in ["0", "ten", "99999999999999999999999"] {
            assert!(positive(text).unwrap_err().starts_with("wanted a whole number from 1 on, at most "), "{text}");
        }
        for text in ["-1", "70000", "http"] {
            wanted(port(text).map(drop), "the number of a port, from 0 (any that is free) to 65535, such as 8000");
        }
        for text in ["two", "-2", "2000", "99999"] {
            assert!(threads(text).unwrap_err().ends_with(&format!("this machine has {}", cores_in_words())), "{text}");
        }
        wanted(learning_rate("inf").map(drop), "a number above 0, such as 0.001");
        assert_eq!((seed("18446744073709551615"), threads("0"), port("0")), (Ok(u64::MAX), Ok(0), Ok(0)));
    }
}
