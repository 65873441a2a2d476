//! The colours of the pages: each has one meaning, and nobody takes one for another, whatever their eyes distinguish.

type Color = [f64; 3];

/// What the cones of an eye make of a colour, for linear RGB, if one kind of cone is missing: Machado, Oliveira and
/// Fernandes, *A Physiologically-based Model for Simulation of Color Vision Deficiency*, 2009, severity 1.
const EYES: [(&str, [[f64; 3]; 3]); 4] = [
    ("all cones", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    ("protanopia", [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    (
        "deuteranopia",
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    ),
    ("tritanopia", [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
];

fn dot(a: Color, b: Color) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Linear RGB of a colour of a style sheet, `#rrggbb`.
fn linear(hex: &str) -> Color {
    [0, 2, 4].map(|at| {
        let share = f64::from(u8::from_str_radix(&hex[1 + at..3 + at], 16).unwrap()) / 255.0;
        if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    })
}

/// CIE L*a*b*, in which a distance of about 2 is just visible.
fn lab(color: Color) -> Color {
    let rows = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]];
    let white = [0.9505, 1.0, 1.089];
    let [x, y, z] = [0, 1, 2].map(|row| {
        let share: f64 = dot(rows[row], color) / white[row];
        if share > 0.008856 { share.cbrt() } else { 7.787 * share + 16.0 / 116.0 }
    });
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// The values of a variable in a style sheet: in light mode, then in dark mode.
fn values<'s>(sheet: &'s str, name: &str) -> [&'s str; 2] {
    let start = format!("--{name}: ");
    let found: Vec<&str> = sheet.split(&start).skip(1).map(|rest| rest.split(';').next().unwrap()).collect();
    found.try_into().unwrap_or_else(|found| panic!("{name}: {found:?}"))
}

#[test]
fn colours_with_a_meaning_differ_for_all_eyes() {
    let pages = [
        (include_str!("../src/serve/page/page.css"), ["network", "for", "against"]),
        (include_str!("../src/report/page.css"), ["green", "blue", "orange"]),
    ];
    for (sheet, names) in pages {
        for ((eye, cones), mode) in EYES.iter().flat_map(|eye| [0, 1].map(|mode| (eye, mode))) {
            let seen = names.map(|name| {
                let color = linear(values(sheet, name)[mode]);
                lab(cones.map(|row| dot(row, color).clamp(0.0, 1.0)))
            });
            for [one, other] in [[0, 1], [0, 2], [1, 2]] {
                let difference = [0, 1, 2].map(|channel| seen[one][channel] - seen[other][channel]);
                let distance = dot(difference, difference).sqrt();
                assert!(distance > 18.0, "{} and {}, {eye}, {mode}: {distance}", names[one], names[other]);
            }
        }
    }
}

/// The page of `serve`: a colour with a meaning is in the rules of what has that meaning, and in no others.
#[test]
fn a_colour_has_one_meaning() {
    let sheet = include_str!("../src/serve/page/page.css");
    let users = |name: &str| -> Vec<&str> {
        let rules = sheet.lines().filter(|line| line.contains(&format!("var(--{name})")));
        rules.map(|rule| rule.split(" {").next().unwrap().trim()).collect()
    };
    assert_eq!(users("network"), ["#bars .best .bar", ".curves path"]);
    assert_eq!(users("for"), [".legend .for"]);
    assert_eq!(users("against"), [".legend .against"]);
    let script = include_str!("../src/serve/page/page.js");
    assert_eq!(script.matches("--against").count(), 1, "the pixels of the explanation");
}
