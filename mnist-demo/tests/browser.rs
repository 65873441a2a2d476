//! Tests of the pages in a real browser, headless, driven through WebDriver. `.ci/browser` runs them where a browser is
//! installed.

mod common;

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use common::browser::Browser;
use common::http::Server;
use common::{demo, train_on, write_emnist};
use serde_json::json;

fn zero() -> Vec<(f64, f64)> {
    let round = (0..=36).map(|step| (f64::from(step) / 36.0 * std::f64::consts::TAU).sin_cos());
    round.map(|(x, y)| (50.0 + 20.0 * x, 50.0 - 30.0 * y)).collect()
}

#[test]
#[ignore = "needs Chromium and its driver: .ci/browser"]
fn digits_drawn_with_the_mouse_are_read() {
    let page = Server::page();
    let browser = Browser::open(&page);
    browser.expect("says", "Nothing is drawn yet");
    browser.draw(&[(52.0, 18.0), (50.0, 40.0), (48.0, 60.0), (47.0, 82.0)]);
    browser.expect("says", "Predicted: 1");
    browser.picture("one");
    browser.click("clear");
    browser.expect("says", "Nothing is drawn yet");
    assert_eq!(browser.text("digit"), "?");
    browser.draw(&zero());
    browser.expect("says", "Predicted: 0");
    let shares = browser
        .run("return [...document.querySelectorAll('#bars .share')].map(share => parseFloat(share.textContent))");
    let shares: Vec<f64> = shares.as_array().unwrap().iter().map(|share| share.as_f64().unwrap()).collect();
    assert!(shares.len() == 10 && shares[0] > 50.0 && (shares.iter().sum::<f64>() - 100.0).abs() < 1.0, "{shares:?}");
    // Some squares of the hidden layers are painted.
    let lit = "const canvas = document.querySelector('#layer-fc1 canvas'); return [...canvas.getContext('2d')\
        .getImageData(0, 0, canvas.width, canvas.height).data]\
        .filter((value, index) => index % 4 == 3 && value > 0).length";
    assert!((10..256).contains(&browser.run(lit).as_u64().unwrap()));
    browser.picture("zero");
    // The same in dark mode and on a telephone, where the page is not wider than the screen.
    browser.dark(true);
    browser.picture("zero-dark");
    browser.telephone();
    browser.expect("says", "Predicted: 0");
    browser.picture("telephone-dark");
    browser.dark(false);
    browser.picture("telephone");
    assert_eq!(browser.run(WIDER), 0, "the page is wider than the telephone");
    let end = browser.run("return document.getElementById('bars').getBoundingClientRect().bottom + scrollY");
    assert!(end.as_f64().unwrap() <= 844.0, "the answer is not on the screen with the sheet: it ends at {end}");
    let low = "return [...document.querySelectorAll('button')].filter(key => key.offsetHeight < 44).length";
    assert_eq!(browser.run(low), 0, "a key is too small for a finger");
}

/// How high the page is.
const HEIGHT: &str = "return document.documentElement.scrollHeight";

/// How much wider the page is than the screen.
const WIDER: &str = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";

#[test]
#[ignore = "needs Chromium and its driver: .ci/browser"]
fn classes_of_any_number_have_their_labels_and_bars() {
    let folder = tempfile::tempdir().unwrap();
    let weights = folder.path().join("weights");
    for (split, classes, first, task, last) in [
        ("balanced", 47, 0, "Draw a character", "t"),
        ("letters", 26, 1, "Draw a character", "z"),
        ("own", 3, 0, "Draw", "bag"),
    ] {
        let data = folder.path().join(split);
        fs::create_dir(&data).unwrap();
        write_emnist(&data, split, classes, first);
        if split == "own" {
            fs::write(data.join("labels.txt"), "Ankle boot\nT-shirt/top\nbag\n").unwrap();
        }
        train_on(&["--data", data.to_str().unwrap()], weights.to_str().unwrap());
        let page = Server::demo(&["serve", "--port", "0", "--weights", weights.to_str().unwrap()]);
        let browser = Browser::open(&page);
        browser.expect("task", task);
        assert_eq!(browser.run(BARS), json!(classes));
        assert_eq!(browser.run("return document.querySelector('#bars li:last-child').firstChild.textContent"), last);
        // The keys for example digits are shown only if the digits are among the classes.
        let keys = browser.run("return document.getElementById('keys').offsetHeight > 0");
        assert_eq!(keys, split == "balanced");
        browser.draw(&[(52.0, 18.0), (48.0, 82.0)]);
        browser.expect("says", "probability ");
        // Both at one moment, since answers to earlier parts of the stroke may still arrive.
        let same = "const best = document.querySelector('#bars .best').firstChild.textContent; \
                    return best === document.getElementById('digit').textContent";
        assert_eq!(browser.run(same), true);
        browser.picture(&format!("classes-{classes}"));
        assert_eq!(browser.run(WIDER), 0, "the page is wider than the window");
        let cut =
            "return [...document.querySelectorAll('#bars li')].filter(bar => bar.scrollWidth > bar.clientWidth).length";
        assert_eq!(browser.run(cut), 0, "a bar is cut off");
        browser.telephone();
        browser.picture(&format!("classes-{classes}-telephone"));
        assert_eq!(browser.run(WIDER), 0, "the page is wider than the telephone");
    }
}

/// The number of bars.
const BARS: &str = "return document.querySelectorAll('#bars li').length";

#[test]
#[ignore = "needs Chromium and its driver: .ci/browser"]
fn the_report_fits_a_telephone() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    assert!(demo(&["train", "--epochs", "2", "--out", out]).status.success());
    let page = Server::page();
    let browser = Browser::open(&page);
    browser.post("/url", &json!({ "url": format!("file://{out}/report.html") }));
    browser.picture("report");
    browser.dark(true);
    browser.picture("report-dark");
    browser.telephone_of(360);
    browser.picture("report-telephone-dark");
    browser.dark(false);
    browser.picture("report-telephone");
    let open = "return [...document.querySelectorAll('details')].map(part => part.open)";
    assert_eq!(
        browser.run(open),
        json!([false, false, false]),
        "the settings, most of the mistakes and the weights are folded"
    );
    let above = "return document.querySelector('.about').getBoundingClientRect().top + scrollY";
    assert!(browser.run(above).as_f64().unwrap() < 844.0, "what was run is not on the first screen");
    let long = browser.run(HEIGHT).as_f64().unwrap() / 844.0;
    assert!(long < 6.0, "the page has {long} screens of a telephone");
    browser.run("document.querySelectorAll('details').forEach(part => { part.open = true; })");
    browser.picture("report-unfolded-telephone");
    assert_eq!(browser.run(WIDER), 0, "the page is wider than the telephone");
    let cut =
        "return [...document.querySelectorAll('.wide')].filter(part => part.scrollWidth > part.clientWidth).length";
    assert_eq!(browser.run(cut), 0, "a table or a picture is cut off");
    let letters = "return Math.min(...[...document.querySelectorAll('.curves text')].map(text => \
        parseFloat(getComputedStyle(text).fontSize) * text.getCTM().a))";
    assert!(browser.run(letters).as_f64().unwrap() >= 10.0, "the letters of the curves are too small");
    let nameless = "return document.querySelectorAll('img:not([alt]), figure:not([aria-label])').length";
    assert_eq!(browser.run(nameless), 0, "a picture has no words");
}

#[test]
#[ignore = "needs Chromium and its driver: .ci/browser"]
fn the_keyboard_is_enough() {
    const TAB: &str = "\u{e004}";
    const DOWN: &str = "\u{e015}";
    const ESCAPE: &str = "\u{e00c}";
    let page = Server::page();
    let browser = Browser::open(&page);
    for digit in ["3", "0", "7", "1", "2", "4", "5", "6", "8", "9"] {
        browser.press(digit);
        // The digit is drawn point by point, and the prediction changes meanwhile.
        browser.expect("says", &format!("Predicted: {digit}"));
    }
    browser.press(ESCAPE);
    browser.expect("says", "Nothing is drawn yet");
    browser.press(TAB);
    assert_eq!(browser.run("return document.activeElement.id"), "sheet");
    for _ in 0..8 {
        browser.press("\u{e013}");
    }
    browser.press(" ");
    for _ in 0..18 {
        browser.press(DOWN);
    }
    browser.expect("says", "Predicted: 1");
    browser.picture("keyboard");
}

#[test]
#[ignore = "needs Chromium and its driver: .ci/browser"]
fn what_is_done_before_the_labels_arrive_is_not_lost() {
    let page = Server::page();
    let browser = Browser::open(&page);
    let late = "const send = window.fetch; window.fetch = async (address, ...rest) => { \
        if (address === '/labels') await new Promise(done => setTimeout(done, 3000)); return send(address, ...rest); }";
    browser.before_each_page(late);
    browser.open_again(&page);
    browser.press("3");
    assert_eq!(browser.text("task"), "Draw", "the labels were not late");
    browser.expect("says", "Predicted: 3");
    browser.open_again(&page);
    browser.draw(&[(50.0, 15.0), (50.0, 85.0)]);
    assert_eq!(browser.text("task"), "Draw", "the labels were not late");
    browser.expect("says", "Predicted: 1");
}

#[test]
#[ignore = "needs Chromium and its driver: .ci/browser"]
fn a_training_run_shows_its_curves() {
    let page = Server::demo(&["train", "--epochs", "4", "--serve", "0"]);
    let browser = Browser::open(&page);
    browser.press("3");
    browser.expect("stage", "Training: epoch");
    let titles = browser.run("return [document.title, document.getElementById('task').textContent].join()");
    assert!(titles.as_str().unwrap().starts_with("Gradus: training, epoch "), "{titles}");
    assert!(titles.as_str().unwrap().ends_with("of 4,Training a network"), "{titles}");
    browser.picture("training");
    browser.expect("stage", "Trained: 4 epochs");
    assert_eq!(browser.run("return document.title"), "Gradus: draw a digit");
    assert_eq!(browser.text("task"), "Draw a digit");
    browser.expect("says", "Predicted: 3");
    assert!(browser.text("accuracy").starts_with("97.") || browser.text("accuracy").starts_with("98."));
    let corners = "return document.querySelector('#losses path').getAttribute('d').split('L').length";
    assert!(browser.run(corners).as_u64().unwrap() > 100);
    browser.picture("trained");
    assert_eq!(browser.run(ON_CURVES), 0, "a label is on a curve");
    browser.dark(true);
    browser.telephone();
    browser.picture("trained-telephone-dark");
    assert_eq!(browser.run(ON_CURVES), 0, "a label is on a curve");
    browser.dark(false);
    browser.picture("trained-telephone");
    assert_eq!(browser.run(WIDER), 0, "the page is wider than the telephone");
}

/// How many labels of the curves are empty or overlap a plot.
const ON_CURVES: &str = "const boxes = query => [...document.querySelectorAll(query)].map(e => \
    e.textContent || e.tagName === 'svg' ? e.getBoundingClientRect() : null); \
    const plots = boxes('.plot svg'); return boxes('.plot span').filter(label => !label || plots.some(plot => \
    label.left < plot.right && label.right > plot.left && label.top < plot.bottom && label.bottom > plot.top)).length";

#[test]
#[ignore = "needs Chromium and its driver: .ci/browser"]
fn the_colour_scheme_changes_no_result() {
    let page = Server::page();
    let browser = Browser::open(&page);
    // The explanation, the probabilities and what the network saw of the drawing.
    let result = || {
        browser.run(
            "const seen = document.getElementById('seen').getContext('2d').getImageData(0, 0, 28, 28).data; \
             return [document.getElementById('because'), document.getElementById('bars')] \
             .map(part => part.textContent).concat([...seen.filter((value, index) => index % 4 === 3)].join())",
        )
    };
    browser.press("3");
    browser.expect("says", "Predicted: 3");
    // Until the example is drawn to its end.
    let mut before = result();
    loop {
        sleep(Duration::from_millis(400));
        let now = result();
        if now == before {
            break;
        }
        before = now;
    }
    let results = [false, true].map(|dark| {
        browser.dark(dark);
        browser.run("document.getElementById('because').textContent = ''");
        browser.click("why");
        browser.expect("because", "raise the score of “3”");
        let found = result();
        browser.click("why");
        found
    });
    assert_eq!(results[0], results[1]);
}

#[test]
#[ignore = "needs Chromium and its driver: .ci/browser"]
fn a_dot_is_ink_and_actions_are_undone() {
    let page = Server::page();
    let browser = Browser::open(&page);
    let ink = || browser.pixels("sheet", "alpha > 128");
    browser.expect("says", "Nothing is drawn yet");
    assert_eq!(browser.run("return document.getElementById('undo').disabled"), true);
    // A click without a movement.
    browser.draw(&[(50.0, 50.0)]);
    browser.expect("says", "Predicted: ");
    let dot = ink();
    assert!((280..350).contains(&dot), "a dot of the brush's width, 20: {dot}");
    // A wider brush.
    browser.run("document.getElementById('brush').value = 40");
    browser.draw(&[(20.0, 20.0)]);
    let both = ink();
    assert!((4 * dot - 60..4 * dot + 60).contains(&(both - dot)), "twice the width: {dot}, {both}");
    browser.click("undo");
    assert_eq!(ink(), dot);
    browser.click("clear");
    browser.expect("says", "Nothing is drawn yet");
    // Undo brings back what Clear has removed; Ctrl+Z is the same.
    browser.click("undo");
    browser.expect("says", "Predicted: ");
    assert_eq!(ink(), dot);
    let undo = "dispatchEvent(new KeyboardEvent('keydown', { key: 'z', ctrlKey: true }))";
    browser.run(undo);
    browser.expect("says", "Nothing is drawn yet");
    assert_eq!((ink(), browser.run("return document.getElementById('undo').disabled")), (0, true.into()));
}

#[test]
#[ignore = "needs Chromium and its driver: .ci/browser"]
fn pictures_are_uploaded_and_pasted_and_errors_are_sentences() {
    let folder = tempfile::tempdir().unwrap();
    let page = Server::page();
    let browser = Browser::open(&page);
    let three = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/images/three.png").canonicalize().unwrap();
    browser.expect("says", "Nothing is drawn yet");
    browser.upload(&three);
    browser.expect("says", "Predicted: 3");
    assert!(browser.pixels("sheet", "alpha > 128") > 280, "the picture is on the sheet");
    browser.picture("upload");
    // What is no picture is refused in one sentence, and what was on the sheet stays.
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    browser.upload(&write("text.png", b"no picture at all"));
    let sentence = "This picture cannot be read: found something else, expected a PNG or JPEG picture.";
    browser.expect("problem", sentence);
    browser.expect("says", "Predicted: 3");
    browser.picture("upload-refused");
    browser.upload(&write("large.jpg", &vec![0xff; (16 << 20) + 1]));
    browser
        .expect("problem", "This picture cannot be read: found a file of more than 16 MiB, expected at most 16 MiB.");
    // The next action removes the message. A line on the sheet begins a new drawing, and Undo brings the picture back.
    browser.draw(&[(52.0, 18.0), (50.0, 40.0), (48.0, 60.0), (47.0, 82.0)]);
    browser.expect("says", "Predicted: 1");
    assert_eq!(browser.text("problem"), "");
    browser.click("undo");
    browser.expect("says", "Predicted: 3");
    browser.click("clear");
    browser.expect("says", "Nothing is drawn yet");
    // Paste.
    let bytes = format!("{:?}", fs::read(&three).unwrap());
    let paste = |item: &str| {
        let event = "new ClipboardEvent('paste', { clipboardData: data, bubbles: true })";
        browser.run(&format!("const data = new DataTransfer(); {item}; document.body.dispatchEvent({event})"));
    };
    paste(&format!("data.items.add(new File([new Uint8Array({bytes})], 'three.png', {{ type: 'image/png' }}))"));
    browser.expect("says", "Predicted: 3");
    paste("data.setData('text/plain', 'words')");
    browser.expect("problem", "What was pasted is not a picture.");
}

#[test]
#[ignore = "needs Chromium and its driver: .ci/browser"]
fn one_click_shows_why() {
    let page = Server::page();
    let browser = Browser::open(&page);
    browser.expect("says", "Nothing is drawn yet");
    let shown = || browser.run("return document.getElementById('explanation').offsetHeight > 0");
    browser.draw(&zero());
    browser.expect("says", "Predicted: 0");
    assert_eq!(shown(), false);
    browser.click("why");
    browser.expect("because", "Blue pixels raise the score of “0”");
    assert_eq!(shown(), true);
    // Both signs have pixels of their colour, and paper has none.
    let (blue, orange) = ("alpha > 40 && blue > red + 40", "alpha > 40 && red > blue + 40");
    for dark in [false, true] {
        browser.dark(dark);
        sleep(Duration::from_millis(300));
        let counts = [blue, orange, "alpha > 0"].map(|condition| browser.pixels("contributions", condition));
        assert!(counts[0] > 10 && counts[1] > 3 && counts[2] < 400, "{counts:?}");
        browser.picture(if dark { "why-dark" } else { "why" });
    }
    let legend = browser.run("return document.querySelector('.legend').textContent");
    assert_eq!(legend, "speaks for 0speaks against 0");
    browser.telephone();
    browser.picture("why-telephone-dark");
    browser.dark(false);
    browser.picture("why-telephone");
    assert_eq!(browser.run(WIDER), 0, "the page is wider than the telephone");
    // It follows the drawing, and a second click hides it.
    browser.click("clear");
    browser.expect("says", "Nothing is drawn yet");
    assert_eq!(shown(), false);
    browser.press("1");
    browser.expect("because", "Blue pixels raise the score of “1”");
    browser.click("why");
    assert_eq!(shown(), false);
}
