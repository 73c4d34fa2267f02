//! Gateways over HTTP: one takes messages to people, one takes applications and reports to the lender.

use host::dealership::LenderGateway;
use host::identity::Secret;
use host::identity::message::{Message, MessageGateway};
use host::platform::door::Soon;
use reqwest::{Client, Url};
use serde_json::{Value, json};
use std::time::Duration;

/// Longest time that a gateway may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An address, and the token that opens it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    client: Client,
    url: Url,
    token: Option<Secret>,
}

/// Why an endpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The address is none of http or https.
    #[error("{0:?} is no address of http or https")]
    Address(String),
    /// No client can be made.
    #[error("no client can be made")]
    Client(#[source] reqwest::Error),
}

impl Endpoint {
    /// An endpoint at an address.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(url: &str, token: Option<Secret>) -> Result<Self, EndpointError> {
        let address = || EndpointError::Address(url.to_owned());
        let url: Url = url.parse().map_err(|_| address())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(address());
        }
        let client = crate::client::http_client_builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build();
        Ok(Self { client: client.map_err(EndpointError::Client)?, url, token })
    }

    /// Posts JSON to a path below the address; what is answered, or why not.
    fn post(&self, path: &str, name: &str, body: &Value) -> Soon<Result<Value, String>> {
        let mut url = self.url.clone();
        if !path.is_empty() {
            let whole = format!("{}/{path}", url.path().trim_end_matches('/'));
            url.set_path(&whole);
        }
        let mut request = self.client.post(url).header("idempotency-key", name).json(body);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.reveal());
        }
        Box::pin(async move {
            // An error of the client names the address, which may hold secrets.
            let response = request.send().await.map_err(|error| error.without_url().to_string())?;
            let status = response.status();
            if !status.is_success() {
                return Err(format!("the gateway answers {status}"));
            }
            let text = response.text().await.map_err(|error| error.without_url().to_string())?;
            Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
        })
    }
}

/// Takes messages: posts `{"id", "to", "text"}` and reads `message_id`.
#[derive(Debug, Clone)]
pub struct HttpMessages(pub Endpoint);

impl MessageGateway for HttpMessages {
    fn send(&self, message: &Message) -> Soon<Result<String, String>> {
        let body = json!({ "id": message.id, "to": message.to.as_str(), "text": message.text });
        let sent = self.0.post("", &message.id, &body);
        let id = message.id.clone();
        Box::pin(async move {
            let answer = sent.await?;
            Ok(answer["message_id"].as_str().map_or(id, str::to_owned))
        })
    }
}

/// Takes applications at `applications` and reports at `collection-reports` below the address.
#[derive(Debug, Clone)]
pub struct HttpLender(pub Endpoint);

impl LenderGateway for HttpLender {
    fn submit(&self, application: Value) -> Soon<Result<String, String>> {
        let name = format!("application-{}", application["applicationId"]);
        let sent = self.0.post("applications", &name, &application);
        Box::pin(async move {
            let answer = sent.await?;
            Ok(answer["reference"].as_str().map_or(name, str::to_owned))
        })
    }

    fn report(&self, report: Value) -> Soon<Result<Value, String>> {
        let name = format!("report-{}", report["reportId"]);
        self.0.post("collection-reports", &name, &report)
    }
}
