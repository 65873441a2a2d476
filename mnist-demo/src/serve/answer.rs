//! The answers to requests.

use std::fmt::Display;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName,
    TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::HeaderValue;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::progress::{Progress, Watcher};
use crate::classifier::{Classifier, rounded};
use crate::explanation::Explanation;
use crate::picture::{MAX_PIXELS, Picture, SIDE, normalise};

/// The maximum size of a request's body, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// The same for a picture: large enough for the photographs of telephones.
pub const MAX_PICTURE_BYTES: usize = 16 << 20;

/// The maximum time for the arrival of a body.
const BODY_TIME: Duration = Duration::from_secs(20);

/// The files of the page: path, content type, content.
const FILES: [(&str, &str, &str); 4] = [
    ("/", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("/page.css", "text/css; charset=utf-8", include_str!("page/page.css")),
    ("/page.js", "text/javascript; charset=utf-8", include_str!("page/page.js")),
    ("/sheet.js", "text/javascript; charset=utf-8", include_str!("page/sheet.js")),
];

/// The state behind the page: the classifier, and the progress of its training, if it is still being trained.
pub struct Site {
    classifier: Classifier,
    progress: Option<Arc<Mutex<Progress>>>,
}

/// A refused request: the status and the reason.
struct Refusal {
    status: StatusCode,
    message: String,
    /// The allowed methods, if the request has another one.
    allowed: Option<&'static str>,
}

fn refusal(status: StatusCode, message: impl Into<String>) -> Refusal {
    Refusal { status, message: message.into(), allowed: None }
}

type Answer = Response<Full<Bytes>>;

fn answer(status: StatusCode, kind: &'static str, content: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(content.into()));
    *answer.status_mut() = status;
    let mut set = |name: HeaderName, value| answer.headers_mut().insert(name, HeaderValue::from_static(value));
    set(CONTENT_TYPE, kind);
    set(CACHE_CONTROL, "no-store");
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    // The page needs nothing from other servers, and is not allowed to fetch anything from them.
    let policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data: blob:";
    set(CONTENT_SECURITY_POLICY, policy);
    answer
}

fn json_answer(value: &Value) -> Answer {
    answer(StatusCode::OK, "application/json", value.to_string())
}

impl Site {
    /// A site with a trained network.
    pub fn new(classifier: Classifier) -> Self {
        Site { classifier, progress: None }
    }

    /// A site with a network that is being trained.
    pub fn live(classifier: Classifier, watcher: &Watcher) -> Self {
        Site { classifier, progress: Some(watcher.progress()) }
    }

    /// The answer to a request.
    pub(super) async fn answer<B>(&self, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes, Error: Display>,
    {
        self.route(request).await.unwrap_or_else(|refusal| {
            let content = json!({ "error": refusal.message }).to_string();
            let mut answer = answer(refusal.status, "application/json", content);
            if let Some(allowed) = refusal.allowed {
                answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
            }
            answer
        })
    }

    async fn route<B>(&self, request: Request<B>) -> Result<Answer, Refusal>
    where
        B: Body<Data = Bytes, Error: Display>,
    {
        let (head, body) = request.into_parts();
        let allow = |methods: &[Method], allowed| {
            let message = format!("{} is for {allowed}", head.uri.path());
            let refused = Refusal { allowed: Some(allowed), ..refusal(StatusCode::METHOD_NOT_ALLOWED, message) };
            if methods.contains(&head.method) { Ok(()) } else { Err(refused) }
        };
        let path = head.uri.path();
        if let Some((_, kind, content)) = FILES.into_iter().find(|(name, ..)| *name == path) {
            allow(&[Method::GET, Method::HEAD], "GET, HEAD")?;
            return Ok(answer(StatusCode::OK, kind, content));
        }
        match path {
            "/labels" => {
                allow(&[Method::GET, Method::HEAD], "GET, HEAD")?;
                Ok(json_answer(&json!({ "labels": self.classifier.labels() })))
            }
            "/progress" => {
                allow(&[Method::GET, Method::HEAD], "GET, HEAD")?;
                let progress = self.progress.as_ref().map(|shared| shared.lock().expect("nobody panics").to_json());
                Ok(json_answer(&json!({ "training": progress })))
            }
            "/predict" | "/explain" => {
                allow(&[Method::POST], "POST")?;
                let kind = Kind::of(&head.headers);
                let bytes = whole(&head.headers, kind, body).await?;
                let pixels = digit(kind, &bytes)?;
                Ok(json_answer(&self.prediction(&pixels, path == "/explain")))
            }
            _ => Err(refusal(StatusCode::NOT_FOUND, "there is no such page; the page has the path /")),
        }
    }

    /// The prediction for a digit, and the contributions of its pixels if `explained`.
    fn prediction(&self, pixels: &[f32], explained: bool) -> Value {
        let prediction = self.classifier.predict(pixels);
        let mut value = prediction.to_json_with_hidden(self.classifier.labels());
        value["pixels"] = rounded(pixels).into();
        if explained {
            let explanation = Explanation::new(&self.classifier, pixels, prediction.digit);
            value["score"] = rounded(&[explanation.score])[0].into();
            value["contributions"] = rounded(&explanation.contributions).into();
        }
        value
    }
}

/// What a body contains, by its content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A picture of any format: the decoder recognizes it by its first bytes, and names those that it cannot read.
    Picture,
    /// Pixels.
    Json,
    /// Something else.
    Other,
}

impl Kind {
    fn of(headers: &HeaderMap) -> Self {
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        match kind.split(';').next().unwrap_or_default().trim() {
            "application/json" => Kind::Json,
            "application/octet-stream" => Kind::Picture,
            kind if kind.starts_with("image/") => Kind::Picture,
            _ => Kind::Other,
        }
    }

    /// The maximum size of a body, and the message if it is larger.
    fn limit(self) -> (usize, String) {
        match self {
            Kind::Picture => (
                MAX_PICTURE_BYTES,
                format!("found a file of more than {0} MiB, expected at most {0} MiB", MAX_PICTURE_BYTES >> 20),
            ),
            Kind::Json | Kind::Other => (MAX_BYTES, format!("the body is longer than {MAX_BYTES} bytes")),
        }
    }
}

/// The whole body of a request, unless it is too long or too slow.
async fn whole<B>(headers: &HeaderMap, kind: Kind, body: B) -> Result<Vec<u8>, Refusal>
where
    B: Body<Data = Bytes, Error: Display>,
{
    if !headers.contains_key(CONTENT_LENGTH) && !headers.contains_key(TRANSFER_ENCODING) {
        return Err(refusal(StatusCode::LENGTH_REQUIRED, "the request has no body, or does not give its length"));
    }
    let (most, message) = kind.limit();
    let too_large = refusal(StatusCode::PAYLOAD_TOO_LARGE, message);
    if body.size_hint().lower() > most as u64 {
        return Err(too_large);
    }
    match timeout(BODY_TIME, gathered(body, most)).await {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => Err(too_large),
        Ok(Err(error)) => Err(refusal(StatusCode::BAD_REQUEST, format!("the body is broken: {error}"))),
        Err(_) => Err(refusal(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")),
    }
}

/// The bytes of a body; `None` if they are more than `most`. The pieces are copied into one buffer as they arrive: a
/// list of pieces of one byte each would take many times the memory.
async fn gathered<B: Body<Data = Bytes>>(body: B, most: usize) -> Result<Option<Vec<u8>>, B::Error> {
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await.transpose()? {
        let piece = frame.into_data().unwrap_or_default();
        if bytes.len() + piece.len() > most {
            return Ok(None);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(Some(bytes))
}

/// The digit in a body: 28 × 28 pixels from 0 to 1.
fn digit(kind: Kind, bytes: &[u8]) -> Result<Vec<f32>, Refusal> {
    match kind {
        Kind::Picture => {
            let picture = Picture::decode(bytes, MAX_PIXELS).and_then(|picture| normalise(&picture));
            picture.map_err(|error| refusal(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))
        }
        Kind::Json => pixels(bytes).map_err(|message| refusal(StatusCode::BAD_REQUEST, message)),
        Kind::Other => Err(refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "found another content type, expected image/png, image/jpeg or application/json",
        )),
    }
}

/// The pixels in a JSON array of 784 numbers from 0 to 255.
fn pixels(bytes: &[u8]) -> Result<Vec<f32>, String> {
    const EXPECTED: usize = SIDE * SIDE;
    // A number takes at most a few characters in JSON but four bytes in memory, so the text must be short too.
    const MAX_BYTES: usize = 64 << 10;
    if bytes.len() > MAX_BYTES {
        return Err(format!("found {} bytes, expected a JSON array of {EXPECTED} numbers", bytes.len()));
    }
    let numbers: Vec<f32> = serde_json::from_slice(bytes)
        .map_err(|error| format!("found something else ({error}), expected a JSON array of {EXPECTED} numbers"))?;
    if numbers.len() != EXPECTED {
        return Err(format!("found {} numbers, expected {EXPECTED}, which is 28 × 28", numbers.len()));
    }
    if let Some(number) = numbers.iter().find(|number| !(0.0..=255.0).contains(*number)) {
        return Err(format!("found the number {number}, expected numbers from 0 to 255"));
    }
    Ok(numbers.into_iter().map(|number| number / 255.0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_knows_the_limit_for_pictures() {
        // A browser does not show the answer to a body that is refused before it was sent completely, so the page
        // checks the size itself.
        let (_, _, script) = FILES.into_iter().find(|(path, ..)| *path == "/sheet.js").unwrap();
        assert!(script.contains(&format!("MAX_PICTURE_BYTES = {MAX_PICTURE_BYTES};")));
        let (_, message) = Kind::Picture.limit();
        let (before, after) = message.split_once("16").unwrap();
        assert!(script.contains(before) && after.contains("expected at most 16 MiB"), "{message}");
    }
}
