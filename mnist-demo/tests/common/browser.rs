//! A browser without a window, driven through WebDriver.

#![allow(dead_code)]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http::{Server, body};

/// A browser with one page open.
pub struct Browser {
    driver: Server,
    session: String,
}

impl Browser {
    pub fn open(page: &Server) -> Browser {
        let program = env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".into());
        let port = |line: &str| Some(line.strip_prefix("ChromeDriver was started successfully on port ")?.to_owned());
        let address = |line: &str| Some(format!("127.0.0.1:{}", port(line)?.trim_end().trim_end_matches('.')));
        let driver = Server::start(Command::new(program).arg("--port=0"), address);
        let arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1100,900"];
        let wanted = json!({ "goog:chromeOptions": { "args": arguments } });
        let mut browser = Browser { driver, session: String::new() };
        let session = browser.call("POST", "/session", &json!({ "capabilities": { "alwaysMatch": wanted } }));
        browser.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
        browser.open_again(page);
        browser
    }

    /// Loads the page anew.
    pub fn open_again(&self, page: &Server) {
        self.post("/url", &json!({ "url": format!("http://{}/", page.address) }));
    }

    /// Runs a script in each page that is opened from now on, before the page's own scripts.
    pub fn before_each_page(&self, script: &str) {
        let command = "Page.addScriptToEvaluateOnNewDocument";
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": { "source": script } }));
    }

    pub fn call(&self, method: &str, path: &str, content: &Value) -> Value {
        let content = content.to_string();
        let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", content.len());
        let (status, answer) = self.driver.ask(method, path, &headers, content.as_bytes());
        assert_eq!(status, 200, "{path}: {answer}");
        body(&answer)["value"].take()
    }

    pub fn post(&self, path: &str, content: &Value) -> Value {
        self.call("POST", &format!("{}{path}", self.session), content)
    }

    pub fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    pub fn text(&self, id: &str) -> String {
        self.run(&format!("return document.getElementById('{id}').textContent")).as_str().unwrap().to_owned()
    }

    /// Waits until an element of the page has this text.
    #[track_caller]
    pub fn expect(&self, id: &str, wanted: &str) {
        let start = Instant::now();
        while !self.text(id).contains(wanted) {
            assert!(start.elapsed() < Duration::from_secs(20), "{id} is {:?}, not {wanted:?}", self.text(id));
            sleep(Duration::from_millis(50));
        }
    }

    /// Draws a line with the mouse; the points are in a coordinate system of 100 × 100.
    pub fn draw(&self, points: &[(f64, f64)]) {
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

    /// Chooses a file for the page.
    pub fn upload(&self, path: &Path) {
        let element = self.post("/element", &json!({ "using": "css selector", "value": "#file" }));
        let id = element.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned();
        self.post(&format!("/element/{id}/value"), &json!({ "text": path.to_str().unwrap() }));
    }

    pub fn click(&self, id: &str) {
        self.run(&format!("document.getElementById('{id}').click()"));
    }

    /// How many pixels of a canvas fulfil a condition on `red`, `green`, `blue` and `alpha`.
    pub fn pixels(&self, canvas: &str, condition: &str) -> u64 {
        let script = format!(
            "const canvas = document.getElementById('{canvas}'), {{ width, height }} = canvas; \
             const data = canvas.getContext('2d').getImageData(0, 0, width, height).data; let count = 0; \
             for (let at = 0; at < data.length; at += 4) {{ \
             const [red, green, blue, alpha] = data.slice(at, at + 4); if ({condition}) count++; }} return count"
        );
        self.run(&script).as_u64().unwrap()
    }

    pub fn press(&self, key: &str) {
        let actions = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        self.post("/actions", &json!({ "actions": [{ "type": "key", "id": "keys", "actions": actions }] }));
    }

    pub fn cdp(&self, command: &str, parameters: Value) {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }));
    }

    pub fn dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let feature = json!({ "name": "prefers-color-scheme", "value": value });
        self.cdp("Emulation.setEmulatedMedia", json!({ "features": [feature] }));
    }

    pub fn telephone(&self) {
        self.telephone_of(390);
    }

    /// A telephone whose screen has this width.
    pub fn telephone_of(&self, width: u32) {
        let size = json!({ "width": width, "height": 844, "deviceScaleFactor": 2, "mobile": true });
        self.cdp("Emulation.setDeviceMetricsOverride", size);
    }

    /// Saves a screenshot of the page in the folder `SCREENSHOTS`, if that variable is set, for a visual check.
    pub fn picture(&self, name: &str) {
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
