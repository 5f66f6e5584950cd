//! The head of a request, and the bytes after it.

use std::io;

use echo_server::{MAX_HEAD, MAX_HEADERS, text_response};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Version};
use httparse::{EMPTY_HEADER, Status};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Size of the first read, enough for the usual request heads.
const USUAL_HEAD: usize = 1 << 10;

/// The first bytes of a peer, parsed.
#[derive(Debug)]
pub(crate) enum RequestHead {
    /// A request without its body, and the bytes read after its head.
    Request(Request<()>, Vec<u8>),
    /// An invalid request, and the response to it.
    Invalid(Response<String>),
    /// A connection that ended before its head was complete.
    Incomplete,
}

/// Reads a request head of at most [`MAX_HEAD`] bytes. Cancelling it loses the bytes read so far.
pub(crate) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<RequestHead> {
    let mut bytes = Vec::with_capacity(USUAL_HEAD);
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(RequestHead::Incomplete);
        }
        match parse(&bytes) {
            Ok(Some((request, length))) => {
                return Ok(RequestHead::Request(request, bytes.split_off(length)));
            }
            Ok(None) if bytes.len() < MAX_HEAD => {}
            Ok(None) => return Ok(invalid(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)),
            Err(status) => return Ok(invalid(status)),
        }
    }
}

/// Parses a request. Returns it with the length of its head; `None` when the head is incomplete. The error is the
/// status of the response.
fn parse(bytes: &[u8]) -> Result<Option<(Request<()>, usize)>, StatusCode> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(bytes) {
        Ok(Status::Complete(length)) if length <= MAX_HEAD => {
            let request = request(&parsed).map_err(|_| StatusCode::BAD_REQUEST)?;
            Ok(Some((request, length)))
        }
        Ok(Status::Complete(_)) | Err(httparse::Error::TooManyHeaders) => {
            Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
        }
        Ok(Status::Partial) => Ok(None),
        Err(_) => Err(StatusCode::BAD_REQUEST),
    }
}

fn request(parsed: &httparse::Request<'_, '_>) -> http::Result<Request<()>> {
    let mut request = Request::builder()
        .method(parsed.method.unwrap_or_default())
        .uri(parsed.path.unwrap_or_default())
        .version(match parsed.version {
            Some(0) => Version::HTTP_10,
            _ => Version::HTTP_11,
        })
        .body(())?;
    for header in parsed.headers.iter() {
        request.headers_mut().append(
            HeaderName::from_bytes(header.name.as_bytes())?,
            HeaderValue::from_bytes(header.value)?,
        );
    }
    Ok(request)
}

fn invalid(status: StatusCode) -> RequestHead {
    let reason = status.canonical_reason().unwrap_or_default();
    RequestHead::Invalid(text_response(status, format!("{reason}\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut bytes: &[u8]) -> RequestHead {
        read_head(&mut bytes).await.unwrap()
    }

    fn status(head: &RequestHead) -> u16 {
        match head {
            RequestHead::Invalid(response) => response.status().as_u16(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn what_follows_the_head_is_kept() {
        let head = read(b"GET /ws?a=b HTTP/1.1\r\nHost: x\r\nhost: y\r\n\r\n\x81\x00").await;
        let RequestHead::Request(request, rest) = head else {
            panic!("{head:?}");
        };
        assert_eq!(request.uri().path(), "/ws");
        assert_eq!(request.version(), Version::HTTP_11);
        assert_eq!(request.headers().get_all("host").iter().count(), 2);
        assert_eq!(rest, b"\x81\x00");
    }

    #[tokio::test]
    async fn a_head_in_single_bytes_is_read() {
        let (mut near, mut far) = tokio::io::duplex(1);
        let text = b"HEAD / HTTP/1.0\r\n\r\n";
        let (head, written) = tokio::join!(
            read_head(&mut near),
            tokio::io::AsyncWriteExt::write_all(&mut far, text)
        );
        written.unwrap();
        let RequestHead::Request(request, rest) = head.unwrap() else {
            panic!("no request");
        };
        assert_eq!(request.version(), Version::HTTP_10);
        assert!(rest.is_empty());
    }

    #[tokio::test]
    async fn a_head_that_is_no_http_is_told_so() {
        assert_eq!(status(&read(b"\x16\x03\x01\x02\x00").await), 400);
        assert_eq!(status(&read(b"GET /\xff HTTP/1.1\r\n\r\n").await), 400);
    }

    #[tokio::test]
    async fn a_head_without_end_is_cut_off() {
        let long = [b"GET / HTTP/1.1\r\nCookie: ".to_vec(), vec![b'a'; 1 << 20]].concat();
        assert_eq!(status(&read(&long).await), 431);
        let ended = [&long[..MAX_HEAD + 1], b"\r\n\r\n"].concat();
        assert_eq!(status(&read(&ended).await), 431);
    }

    #[tokio::test]
    async fn a_head_of_too_many_fields_is_refused() {
        let many = format!(
            "GET / HTTP/1.1\r\n{}\r\n",
            "a: b\r\n".repeat(MAX_HEADERS + 1)
        );
        assert_eq!(status(&read(many.as_bytes()).await), 431);
    }

    #[tokio::test]
    async fn a_peer_that_leaves_gets_nothing() {
        assert!(matches!(read(b"").await, RequestHead::Incomplete));
        assert!(matches!(read(b"GET / HT").await, RequestHead::Incomplete));
    }
}
