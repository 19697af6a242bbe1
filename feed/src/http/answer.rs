//! Requests and answers.

use core::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use std::collections::VecDeque;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::{
    HeaderMap, StatusCode,
    body::{Body, Frame, Incoming, SizeHint},
    header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::secret::Secret;

/// An answer.
pub(crate) type Response = hyper::Response<Parts>;

/// A body in parts that are sent as they are, without a copy.
#[derive(Debug, Default)]
pub(crate) struct Parts(VecDeque<Bytes>);

impl Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let bytes = self.0.iter().map(Bytes::len).sum::<usize>();
        SizeHint::with_exact(u64::try_from(bytes).unwrap_or(u64::MAX))
    }
}

impl<const N: usize> From<[Bytes; N]> for Parts {
    fn from(parts: [Bytes; N]) -> Self {
        // An empty frame says nothing.
        Self(parts.into_iter().filter(|part| !part.is_empty()).collect())
    }
}

/// An answer with a body of this type.
pub(crate) fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut answer = Response::new(Parts::from([Bytes::from(body)]));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(
        CACHE_CONTROL,
        hyper::header::HeaderValue::from_static("no-store"),
    );
    headers.insert(
        CONTENT_TYPE,
        hyper::header::HeaderValue::from_static(content_type),
    );
    answer
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, body: &Value) -> Response {
    answer(status, "application/json", body.to_string())
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Response {
    let mut empty = answer(status, "text/plain", String::new());
    empty.headers_mut().remove(CONTENT_TYPE);
    empty
}

/// Not what is asked for, by whom, or how.
pub(crate) fn refused(status: StatusCode, why: &str) -> Response {
    answer(status, "text/plain; charset=utf-8", format!("{why}\n"))
}

/// The secret was not shown (RFC 6750 section 3).
pub(crate) fn unauthorized() -> Response {
    let mut answer = refused(StatusCode::UNAUTHORIZED, "show the bearer");
    let bearer = hyper::header::HeaderValue::from_static("Bearer");
    answer.headers_mut().insert(WWW_AUTHENTICATE, bearer);
    answer
}

/// It may be tried again.
pub(crate) fn later(mut answer: Response, after: Duration) -> Response {
    let after = after.as_secs().max(1);
    answer.headers_mut().insert(RETRY_AFTER, after.into());
    answer
}

/// Whether the one `Authorization` header shows this.
pub(crate) fn shows(headers: &HeaderMap, secret: &Secret) -> bool {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => secret.is_shown_by(value.as_bytes()),
        _ => false,
    }
}

/// The type of a body, without parameters.
pub(super) fn is_of_type(headers: &HeaderMap, wanted: &str) -> bool {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted))
}

/// Places for the large bodies of each provider: from the first byte to the answer.
#[derive(Debug)]
pub(crate) struct Bodies(Vec<Semaphore>);

/// A body of at most so many bytes takes no place: one for each connection is less than their
/// heads.
const SMALL_BYTES: u64 = 8 << 10;
/// Most bodies that are larger, of all providers.
const LARGE: usize = 512;
/// A large body waits this long for a place.
const PATIENCE: Duration = Duration::from_secs(5);

impl Bodies {
    pub(crate) fn of(providers: usize) -> Self {
        let each = LARGE.checked_div(providers).unwrap_or_default().max(1);
        Self((0..providers).map(|_| Semaphore::new(each)).collect())
    }

    /// A place for this body, if it needs one. `None`: there is none. Nothing of it is read before.
    pub(super) async fn place(
        &self,
        provider: usize,
        body: &Incoming,
    ) -> Option<Option<SemaphorePermit<'_>>> {
        let bytes = body.size_hint().upper();
        if bytes.is_some_and(|bytes| bytes <= SMALL_BYTES) {
            return Some(None);
        }
        let place = self.0.get(provider)?.acquire();
        let place = tokio::time::timeout(PATIENCE, place).await;
        Some(Some(place.ok()?.ok()?))
    }
}

/// Longest that a body may take to come.
const BODY: Duration = Duration::from_secs(10);

/// The body as text, of at most so many bytes. An error: what to refuse it with.
pub(super) async fn text(
    body: Incoming,
    most: usize,
) -> Result<String, (StatusCode, &'static str)> {
    let body = tokio::time::timeout(BODY, Limited::new(body, most).collect()).await;
    let bytes = match body {
        Err(_) => return Err((StatusCode::REQUEST_TIMEOUT, "the body took too long")),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            return Err((StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"));
        }
        Ok(Err(_)) => return Err((StatusCode::BAD_REQUEST, "the body broke off")),
        Ok(Ok(body)) => body.to_bytes(),
    };
    let odd = (StatusCode::BAD_REQUEST, "the body is not UTF-8");
    String::from_utf8(bytes.into()).map_err(|_| odd)
}

/// For metrics.
pub(crate) fn name_of_status(status: StatusCode) -> String {
    status.as_str().to_owned()
}
