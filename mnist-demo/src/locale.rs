//! Whether the terminal can show more than ASCII, and the conversion of text for terminals that cannot.

use std::borrow::Cow;
use std::env;
use std::sync::OnceLock;

/// Whether the user's locale encodes text as UTF-8. The first of `LC_ALL`, `LC_CTYPE` and `LANG` that is set and not
/// empty decides, as POSIX says (Base Definitions, 8.2). If none is set, the locale is that of POSIX, which is ASCII.
/// Consoles on Windows always show Unicode.
pub fn is_utf8() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        cfg!(windows) || names_utf8(["LC_ALL", "LC_CTYPE", "LANG"].map(|name| env::var(name).unwrap_or_default()))
    })
}

fn names_utf8(values: [String; 3]) -> bool {
    let first = values.into_iter().find(|value| !value.is_empty()).unwrap_or_default().to_lowercase();
    first.contains("utf-8") || first.contains("utf8")
}

/// A message of the program as the user's terminal can show it: in ASCII if necessary. Only the program's own
/// characters are replaced; letters of other origin, such as those in a file name, are not changed.
pub fn shown(text: &str) -> Cow<'_, str> {
    if is_utf8() { Cow::Borrowed(text) } else { Cow::Owned(ascii(text)) }
}

/// A text of other origin, such as a label, in ASCII: other characters are written as `\u{df}`, as in Rust.
pub fn escaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() { plain.push(character) } else { plain.extend(character.escape_unicode()) }
    }
    plain
}

/// The text with the program's own non-ASCII characters replaced by ASCII.
pub fn ascii(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '×' => plain.push('x'),
            '→' => plain.push_str("->"),
            '…' => plain.push_str("..."),
            '–' | '─' => plain.push('-'),
            '·' => plain.push('*'),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_says_something_decides() {
        let utf8 = |all: &str, ctype: &str, lang: &str| names_utf8([all, ctype, lang].map(str::to_owned));
        assert!(utf8("", "", "C.UTF-8") && utf8("", "UTF-8", "C") && utf8("de_DE.utf8", "C", "C"));
        assert!(!utf8("C", "C.UTF-8", "C.UTF-8") && !utf8("", "POSIX", "C.UTF-8"));
        assert!(!utf8("", "", "de_DE.ISO-8859-1") && !utf8("", "", "de_DE@euro") && !utf8("", "", ""));
    }

    #[test]
    fn its_own_characters_have_ascii_forms_and_names_stay() {
        assert_eq!(ascii("ü.png: 28 × 28 → 10 …"), "ü.png: 28 x 28 -> 10 ...");
    }

    #[test]
    fn others_characters_are_escaped() {
        assert_eq!(escaped("T-shirt ß日"), r"T-shirt \u{df}\u{65e5}");
    }
}
