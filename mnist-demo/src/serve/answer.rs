//! What is answered to a request.

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
use crate::picture::{Picture, SIDE, normalise};
use crate::reading::{Reader, rounded};

/// The most bytes of a request's body.
pub const MAX_BYTES: usize = 1 << 20;

/// The most pixels of a picture: those of the page have far fewer.
const MAX_PIXELS: u64 = 4_000_000;

/// The time that a client has to send a body.
const BODY_TIME: Duration = Duration::from_secs(10);

const PAGE: &str = include_str!("page.html");

/// What the page shows: a network, and the training run that it comes from, if it is not over.
pub struct Site {
    reader: Reader,
    progress: Option<Arc<Mutex<Progress>>>,
}

/// A request that gets no answer, and why.
struct Refusal {
    status: StatusCode,
    message: String,
    /// The methods that there are, for one that is not.
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
    // The page needs nothing from elsewhere, and shall not fetch it.
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:";
    set(CONTENT_SECURITY_POLICY, policy);
    answer
}

fn json_answer(value: &Value) -> Answer {
    answer(StatusCode::OK, "application/json", value.to_string())
}

impl Site {
    /// With a network that is trained.
    pub fn new(reader: Reader) -> Self {
        Site { reader, progress: None }
    }

    /// With a network that is being trained.
    pub fn live(reader: Reader, watcher: &Watcher) -> Self {
        Site { reader, progress: Some(watcher.progress()) }
    }

    /// The answer to any request.
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
        match head.uri.path() {
            "/" => {
                allow(&[Method::GET, Method::HEAD], "GET, HEAD")?;
                Ok(answer(StatusCode::OK, "text/html; charset=utf-8", PAGE))
            }
            "/labels" => {
                allow(&[Method::GET, Method::HEAD], "GET, HEAD")?;
                Ok(json_answer(&json!({ "labels": self.reader.labels() })))
            }
            "/progress" => {
                allow(&[Method::GET, Method::HEAD], "GET, HEAD")?;
                let progress = self.progress.as_ref().map(|shared| shared.lock().expect("nobody panics").to_json());
                Ok(json_answer(&json!({ "training": progress })))
            }
            "/predict" => {
                allow(&[Method::POST], "POST")?;
                let bytes = whole(&head.headers, body).await?;
                let pixels = digit(&head.headers, &bytes)?;
                let mut value = self.reader.read(&pixels).to_json_with_hidden(self.reader.labels());
                value["pixels"] = rounded(&pixels).into();
                Ok(json_answer(&value))
            }
            _ => Err(refusal(StatusCode::NOT_FOUND, "there is no such page; the one that there is has the path /")),
        }
    }
}

/// The whole body of a request, unless it is too long or too slow.
async fn whole<B>(headers: &HeaderMap, body: B) -> Result<Vec<u8>, Refusal>
where
    B: Body<Data = Bytes, Error: Display>,
{
    if !headers.contains_key(CONTENT_LENGTH) && !headers.contains_key(TRANSFER_ENCODING) {
        return Err(refusal(StatusCode::LENGTH_REQUIRED, "the request has no body, or does not tell its length"));
    }
    let too_large = || refusal(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is longer than {MAX_BYTES} bytes"));
    if body.size_hint().lower() > MAX_BYTES as u64 {
        return Err(too_large());
    }
    match timeout(BODY_TIME, gathered(body)).await {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => Err(too_large()),
        Ok(Err(error)) => Err(refusal(StatusCode::BAD_REQUEST, format!("the body is broken: {error}"))),
        Err(_) => Err(refusal(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")),
    }
}

/// The bytes of a body, unless they are too many. They are put together as they come: pieces of a byte each would take many times the memory.
async fn gathered<B: Body<Data = Bytes>>(body: B) -> Result<Option<Vec<u8>>, B::Error> {
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await.transpose()? {
        let piece = frame.into_data().unwrap_or_default();
        if bytes.len() + piece.len() > MAX_BYTES {
            return Ok(None);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(Some(bytes))
}

/// The digit in a body: 28 × 28 numbers from 0 to 1.
fn digit(headers: &HeaderMap, bytes: &[u8]) -> Result<Vec<f32>, Refusal> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    match kind.split(';').next().unwrap_or_default().trim() {
        "image/png" | "image/jpeg" => {
            let picture = Picture::decode(bytes, MAX_PIXELS).and_then(|picture| normalise(&picture));
            picture.map_err(|error| refusal(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))
        }
        "application/json" => pixels(bytes).map_err(|message| refusal(StatusCode::BAD_REQUEST, message)),
        _ => Err(refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "found another content type, expected image/png, image/jpeg or application/json",
        )),
    }
}

/// The pixels in a JSON array of 784 numbers from 0 to 255.
fn pixels(bytes: &[u8]) -> Result<Vec<f32>, String> {
    const EXPECTED: usize = SIDE * SIDE;
    // Numbers in memory are longer than those in JSON can be.
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
