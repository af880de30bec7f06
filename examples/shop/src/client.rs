//! A minimal HTTP client. It opens one connection per request.

use anyhow::{Context, Result, bail};
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Response, Uri};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

/// The size limit of a response body.
const MAX_BODY: usize = 256 * 1024 * 1024;

/// A server at `http://host:port`.
#[derive(Debug, Clone)]
pub struct Client {
    url: String,
    authority: String,
}

impl Client {
    /// Creates a client for the server at `url`.
    ///
    /// # Errors
    /// When `url` is not an HTTP URL.
    pub fn new(url: &str) -> Result<Self> {
        let uri: Uri = url.parse().with_context(|| format!("`{url}` is not a URL"))?;
        let Some(authority) = uri.authority().filter(|_| uri.scheme_str() == Some("http")) else {
            bail!("`{url}` is not an HTTP URL; write http://127.0.0.1:8081");
        };
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            authority: format!("{}:{port}", authority.host()),
        })
    }

    /// Gets the JSON at `path`.
    ///
    /// # Errors
    /// When there is no response, or its status is not a success.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let request = self.request(Method::GET, path).body(Body::empty())?;
        self.send(request).await
    }

    /// Posts `body` to `path` under a correlation id.
    ///
    /// # Errors
    /// When there is no response, or its status is not a success.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        correlation_id: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        let request = self
            .request(Method::POST, path)
            .header("content-type", "application/json")
            .header("x-correlation-id", correlation_id)
            .body(Body::from(serde_json::to_vec(body)?))?;
        self.send(request).await
    }

    fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        let request = Request::builder().method(method).uri(path);
        request.header("host", &self.authority)
    }

    async fn send<T: DeserializeOwned>(&self, request: Request<Body>) -> Result<T> {
        let what = format!("{} {}{}", request.method(), self.url, request.uri());
        let response = self
            .exchange(request)
            .await
            .with_context(|| format!("cannot {what}"))?;
        let status = response.status();
        let body = to_bytes(response.into_body(), MAX_BODY).await?;
        if !status.is_success() {
            bail!("{what} returned {status}: {}", String::from_utf8_lossy(&body));
        }
        serde_json::from_slice(&body).with_context(|| format!("cannot read the response of {what}"))
    }

    async fn exchange(&self, request: Request<Body>) -> Result<Response<Body>> {
        let stream = TcpStream::connect(&self.authority).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // The task ends when the sender and the response's body are dropped.
        tokio::spawn(connection);
        Ok(sender.send_request(request).await?.map(Body::new))
    }
}
