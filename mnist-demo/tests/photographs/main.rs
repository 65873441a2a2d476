//! Digits in pictures as people take them: of each kind at least nine of ten are read, and of plain pictures as many as
//! of the data set itself.

mod kinds;
mod scene;

use std::sync::OnceLock;

use kinds::Kind;
use mnist_demo::dataset::Dataset;
use mnist_demo::picture::{MAX_PIXELS, Picture, SIDE, normalise};
use mnist_demo::reading::Reader;
use scene::{Scene, Seed};

/// Test digits that are drawn into each kind of picture.
const COUNT: usize = 200;

/// Test digits with their labels, and a quickly trained network.
struct Trained {
    digits: Vec<(Vec<f32>, usize)>,
    reader: Reader,
}

fn trained() -> &'static Trained {
    static TRAINED: OnceLock<Trained> = OnceLock::new();
    TRAINED.get_or_init(|| {
        let data = Dataset::embedded().unwrap();
        let values = |image: usize| data.test.image(image).iter().map(|&pixel| f32::from(pixel) / 255.0).collect();
        let digits = (0..COUNT).map(|image| (values(image), data.test.labels()[image].into())).collect();
        Trained { digits, reader: Reader::train().unwrap().0 }
    })
}

/// How many digits are read rightly, each drawn into a scene of its own.
fn right(scene: impl Fn(&mut Seed) -> Scene) -> usize {
    let Trained { digits, reader } = trained();
    let is_right = |(index, (pixels, label)): (usize, &(Vec<f32>, usize))| {
        let mut seed = Seed(7919 * index as u64 + 1);
        let file = scene(&mut seed).file(pixels, &mut seed);
        let digit = Picture::decode(&file, MAX_PIXELS).and_then(|picture| normalise(&picture));
        digit.is_ok_and(|digit| digit.len() == SIDE * SIDE && reader.read(&digit).digit == *label)
    };
    digits.iter().enumerate().filter(|&digit| is_right(digit)).count()
}

#[track_caller]
fn assert_mostly_right(name: &str, kind: Kind) {
    let right = right(kind);
    println!("{name}: {right} of {COUNT}");
    assert!(right * 100 >= COUNT * 90, "{name}: {right} of {COUNT}");
}

#[test]
fn plain_pictures_are_read_as_well_as_the_data_set() {
    let Trained { digits, reader } = trained();
    let eval = digits.iter().filter(|(pixels, label)| reader.read(pixels).digit == *label).count();
    for side in [28, 40, 56, 100, 280] {
        for dark_on_light in [false, true] {
            let right = right(|_| Scene::plain(side, dark_on_light));
            println!("plain, {side}, dark on light {dark_on_light}: {right} of {COUNT}, the data set {eval}");
            // At most half a percent less.
            assert!((right + COUNT / 200) >= eval, "{side}, {dark_on_light}: {right} against {eval}");
        }
    }
}

/// Tests, each with the name of its kind.
macro_rules! mostly_right {
    ($($kind:ident)*) => { $(
        #[test]
        fn $kind() {
            assert_mostly_right(stringify!($kind), kinds::$kind);
        }
    )* };
}

mostly_right! {
    frame desk slate light speck noise compression
    frame_and_light light_and_speck desk_and_speck desk_and_light photograph
}
