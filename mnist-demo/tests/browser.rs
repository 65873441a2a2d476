//! Tests of the pages in a real browser, headless, driven through WebDriver. `.ci/browser` runs them where a browser is
//! installed.

mod common;

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::http::{Server, body};
use common::{demo, train_on, write_emnist};
use serde_json::{Value, json};

/// A browser with one page open.
struct Browser {
    driver: Server,
    session: String,
}

impl Browser {
    fn open(page: &Server) -> Browser {
        let program = env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".into());
        let port = |line: &str| Some(line.strip_prefix("ChromeDriver was started successfully on port ")?.to_owned());
        let address = |line: &str| Some(format!("127.0.0.1:{}", port(line)?.trim_end().trim_end_matches('.')));
        let driver = Server::start(Command::new(program).arg("--port=0"), address);
        let arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1100,900"];
        let wanted = json!({ "goog:chromeOptions": { "args": arguments } });
        let mut browser = Browser { driver, session: String::new() };
        let session = browser.call("POST", "/session", &json!({ "capabilities": { "alwaysMatch": wanted } }));
        browser.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
        browser.post("/url", &json!({ "url": format!("http://{}/", page.address) }));
        browser
    }

    fn call(&self, method: &str, path: &str, content: &Value) -> Value {
        let content = content.to_string();
        let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", content.len());
        let (status, answer) = self.driver.ask(method, path, &headers, content.as_bytes());
        assert_eq!(status, 200, "{path}: {answer}");
        body(&answer)["value"].take()
    }

    fn post(&self, path: &str, content: &Value) -> Value {
        self.call("POST", &format!("{}{path}", self.session), content)
    }

    fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    fn text(&self, id: &str) -> String {
        self.run(&format!("return document.getElementById('{id}').textContent")).as_str().unwrap().to_owned()
    }

    /// Waits until an element of the page has this text.
    #[track_caller]
    fn expect(&self, id: &str, wanted: &str) {
        let start = Instant::now();
        while !self.text(id).contains(wanted) {
            assert!(start.elapsed() < Duration::from_secs(20), "{id} is {:?}, not {wanted:?}", self.text(id));
            sleep(Duration::from_millis(50));
        }
    }

    /// Draws a line with the mouse; the points are in a coordinate system of 100 × 100.
    fn draw(&self, points: &[(f64, f64)]) {
        let bounds = self.run(
            "const box = document.getElementById('sheet').getBoundingClientRect(); \
             return [box.left, box.top, box.width]",
        );
        let [left, top, width] = [0, 1, 2].map(|index| bounds[index].as_f64().unwrap());
        let to = |&(x, y): &(f64, f64)| {
            let (x, y) = ((left + x * width / 100.0).round(), (top + y * width / 100.0).round());
            json!({ "type": "pointerMove", "duration": 15, "x": x, "y": y })
        };
        let mut actions = vec![to(&points[0]), json!({ "type": "pointerDown", "button": 0 })];
        actions.extend(points[1..].iter().map(to));
        actions.push(json!({ "type": "pointerUp", "button": 0 }));
        let mouse =
            json!({ "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": actions });
        self.post("/actions", &json!({ "actions": [mouse] }));
    }

    fn press(&self, key: &str) {
        let actions = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        self.post("/actions", &json!({ "actions": [{ "type": "key", "id": "keys", "actions": actions }] }));
    }

    fn cdp(&self, command: &str, parameters: Value) {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }));
    }

    fn dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let feature = json!({ "name": "prefers-color-scheme", "value": value });
        self.cdp("Emulation.setEmulatedMedia", json!({ "features": [feature] }));
    }

    fn telephone(&self) {
        let size = json!({ "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true });
        self.cdp("Emulation.setDeviceMetricsOverride", size);
    }

    /// Saves a screenshot of the page in the folder `SCREENSHOTS`, if that variable is set, for a visual check.
    fn picture(&self, name: &str) {
        let Some(folder) = env::var_os("SCREENSHOTS").map(PathBuf::from) else { return };
        sleep(Duration::from_millis(400));
        let whole = json!({ "cmd": "Page.captureScreenshot", "params": { "captureBeyondViewport": true } });
        let answer = self.post("/goog/cdp/execute", &whole);
        let bytes = base64(answer["data"].as_str().unwrap());
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }
}

fn base64(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u32> = text.bytes().filter(|&c| c != b'=').map(|c| value(c).into()).collect();
    digits
        .chunks(4)
        .flat_map(|four| {
            let number = four.iter().fold(0, |number, digit| number << 6 | digit) << (6 * (4 - four.len()));
            number.to_be_bytes()[1..four.len()].to_vec()
        })
        .collect()
}

impl Drop for Browser {
    /// Ends the session; otherwise the browser would continue to run after its driver.
    fn drop(&mut self) {
        let request = format!("DELETE {} HTTP/1.1\r\nHost: {}\r\n\r\n", self.session, self.driver.address);
        self.driver.exchange(request.as_bytes(), false);
    }
}

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
    browser.run("document.getElementById('clear').click()");
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
        let best = browser.run("return document.querySelector('#bars .best').firstChild.textContent");
        assert_eq!(best, browser.text("digit"));
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
    browser.telephone();
    browser.picture("report-telephone-dark");
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
fn a_training_run_shows_its_curves() {
    let page = Server::demo(&["train", "--epochs", "4", "--serve", "0"]);
    let browser = Browser::open(&page);
    browser.press("3");
    browser.expect("stage", "Training: epoch");
    browser.picture("training");
    browser.expect("stage", "Trained: 4 epochs");
    browser.expect("says", "Predicted: 3");
    assert!(browser.text("accuracy").starts_with("97.") || browser.text("accuracy").starts_with("98."));
    let corners = "return document.querySelector('#losses path').getAttribute('d').split('L').length";
    assert!(browser.run(corners).as_u64().unwrap() > 100);
    browser.picture("trained");
}
