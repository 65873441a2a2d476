//! Parsers for the values of options. The message for a wrong value says what is expected, with an example.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use std::thread;

/// The maximum number of threads for each core: with more, the threads wait for each other so long that a run seems to
/// hang.
const MAX_PER_CORE: usize = 64;
/// The maximum number of threads, which is more than any machine can use.
const MAX_THREADS: usize = 1024;
/// The largest count of an option, which is more than any run reaches. A message can name it, unlike `usize::MAX`.
const MAX_COUNT: usize = 1_000_000_000;

fn parsed<N: FromStr>(text: &str, right: impl Fn(&N) -> bool, wanted: impl Display) -> Result<N, String> {
    text.parse().ok().filter(right).ok_or_else(|| format!("wanted {wanted}"))
}

/// A count of at least one.
pub fn positive(text: &str) -> Result<usize, String> {
    let wanted = format_args!("a whole number from 1 to {MAX_COUNT} (a billion), such as 10");
    parsed(text, |number| (1..=MAX_COUNT).contains(number), wanted)
}

/// A seed.
pub fn seed(text: &str) -> Result<u64, String> {
    // Some numbers of 20 digits are seeds, too. The exact end of their range, 18446744073709551615, would not help.
    parsed(text, |_| true, "a whole number from 0 on, of at most 19 digits, such as 42")
}

/// A learning rate.
pub fn learning_rate(text: &str) -> Result<f64, String> {
    parsed(text, |number: &f64| number.is_finite() && *number > 0.0, "a number above 0, such as 0.001")
}

/// A percentage.
pub fn percentage(text: &str) -> Result<f64, String> {
    parsed(text, |number| (1.0..=100.0).contains(number), "percent, from 1 to 100, such as 98")
}

/// A port of this machine.
pub fn port(text: &str) -> Result<u16, String> {
    parsed(text, |_| true, "the number of a port, from 0 (any that is free) to 65535, such as 8000")
}

/// An address of this machine: an IP address, or `localhost`. Other names are refused: to look them up can take long.
pub fn host(text: &str) -> Result<IpAddr, String> {
    let address = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    match address.parse() {
        Ok(host) => Ok(host),
        Err(_) if text == "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
        Err(_) => Err("wanted an IP address of this machine, such as 127.0.0.1, or 0.0.0.0 for all of them".to_owned()),
    }
}

/// A number of threads.
pub fn threads(text: &str) -> Result<u16, String> {
    let (max, example) = (max_threads(), cores());
    let wanted = format!("a whole number from 0 (one for each core) to {max}, such as {example}");
    parsed(text, |&number: &u16| usize::from(number) <= max, format!("{wanted}: this machine has {}", cores_in_words()))
}

/// The number of cores that the program may use.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The number of cores, for a sentence.
pub fn cores_in_words() -> String {
    let cores = cores();
    if cores == 1 { "one core".to_owned() } else { format!("{cores} cores") }
}

fn max_threads() -> usize {
    cores().saturating_mul(MAX_PER_CORE).min(MAX_THREADS)
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
            wanted(seed(text).map(drop), "a whole number from 0 on, of at most 19 digits, such as 42");
        }
        for text in ["0", "-1", "ten", "1000000001", "99999999999999999999999"] {
            wanted(positive(text).map(drop), "a whole number from 1 to 1000000000 (a billion), such as 10");
        }
        assert_eq!((positive("1"), positive("1000000000")), (Ok(1), Ok(1_000_000_000)));
        assert_eq!(seed("9999999999999999999"), Ok(9_999_999_999_999_999_999));
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
