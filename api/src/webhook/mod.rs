//! Webhooks over HTTP: parcels are carried by one client, which goes nowhere that it should not.
//!
//! Nothing is carried to this machine, its neighbours or any other private address unless somebody allowed it: a caller
//! could otherwise make this platform ask what only it can reach. What counts is the address that a name leads to at the
//! moment of connecting, so a name that changes its mind gains nothing. Redirects are not followed, proxies not asked.

mod guard;
pub(crate) mod wire;

pub use guard::is_public;

use guard::Guarded;
use host::webhook::{Deliver, Outcome, Parcel, Soon};
use reqwest::redirect::Policy;
use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What the carrier may do.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Whether it goes to private addresses and to this machine.
    pub private: bool,
    /// Whether it goes without encryption.
    pub plain: bool,
    /// How long the other side may take.
    pub timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { private: false, plain: false, timeout: Duration::from_secs(10) }
    }
}

/// Carries parcels over HTTP.
#[derive(Debug, Clone)]
pub struct Carrier {
    client: reqwest::Client,
    settings: Settings,
    guard: Arc<Guarded>,
}

impl Carrier {
    /// A carrier.
    ///
    /// # Errors
    /// When there can be no client.
    pub fn new(settings: Settings) -> io::Result<Self> {
        let guard = Arc::new(Guarded { private: settings.private });
        let client = crate::client::http_builder()
            .redirect(Policy::none())
            .no_proxy()
            .timeout(settings.timeout)
            .connect_timeout(settings.timeout)
            .pool_max_idle_per_host(1)
            .user_agent("celltide-webhooks/1")
            .dns_resolver(guard.clone())
            .build()
            .map_err(io::Error::other)?;
        Ok(Self { client, settings, guard })
    }

    /// What speaks against an address before anybody looks its name up; its host. Read as the client reads it: numbers in
    /// any spelling are numbers.
    fn checked(&self, url: &str) -> Result<String, String> {
        let url: reqwest::Url = url.parse().map_err(|_| "is no address".to_owned())?;
        match url.scheme() {
            "https" => {}
            "http" if self.settings.plain => {}
            _ => return Err("must begin with https://".to_owned()),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not have a name and password in it".to_owned());
        }
        let host = url.host_str().ok_or("names no host")?.trim_matches(['[', ']']).to_owned();
        // The client looks names up, and takes numbers as they are.
        if let Ok(address) = host.parse::<IpAddr>()
            && !self.guard.lets(address)
        {
            return Err(format!("{address} is not a public address"));
        }
        Ok(host)
    }
}

impl Deliver for Carrier {
    fn deliver(&self, parcel: Parcel) -> Soon<Outcome> {
        let carrier = self.clone();
        Box::pin(async move {
            if let Err(why) = carrier.checked(&parcel.url) {
                return Outcome::Failed(why);
            }
            let mut request = carrier.client.post(&parcel.url).body(parcel.body);
            for (name, value) in parcel.headers {
                request = request.header(name, value);
            }
            match request.send().await {
                // What else it says, and whether it ever ends, is of no matter.
                Ok(answer) if answer.status().is_success() => Outcome::Taken,
                Ok(answer) if answer.status().is_redirection() => {
                    Outcome::Failed(format!("it answered {}; redirects are not followed", answer.status()))
                }
                Ok(answer) => Outcome::Failed(format!("it answered {}", answer.status())),
                Err(error) => Outcome::Failed(why(&error)),
            }
        })
    }

    fn admits(&self, url: String) -> Soon<Result<(), String>> {
        let carrier = self.clone();
        Box::pin(async move {
            let host = carrier.checked(&url)?;
            if host.parse::<IpAddr>().is_ok() {
                return Ok(());
            }
            let looked_up = tokio::time::timeout(carrier.settings.timeout, guard::look_up(&host)).await;
            match looked_up {
                // A name that leads nowhere today may lead somewhere tomorrow; it is looked at again then.
                Err(_) | Ok(Err(_)) => Ok(()),
                Ok(Ok(addresses)) => {
                    match addresses.iter().find(|address| !carrier.guard.lets(address.ip())) {
                        Some(address) => {
                            Err(format!("{host} leads to {}, which is not public", address.ip()))
                        }
                        None => Ok(()),
                    }
                }
            }
        })
    }
}

/// Why a request failed, down to its cause.
fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it did not answer in time".to_owned();
    }
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    format!("it could not be reached: {cause}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_nothing_is_carried_to_are_refused_at_once() {
        let carrier =
            |private, plain| Carrier::new(Settings { private, plain, ..Settings::default() }).unwrap();
        let strict = carrier(false, false);
        for wrong in [
            "",
            "example.org/hook",
            "ftp://example.org",
            "http://example.org/hook",
            "https://127.0.0.1/hook",
            "https://[::1]/hook",
            "https://10.0.0.1:8443/hook",
            "https://169.254.169.254/latest/meta-data",
            "https://user:password@example.org/",
            "https://[::ffff:10.0.0.1]/",
            "https://0.0.0.0/",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://127.1/",
        ] {
            assert!(strict.checked(wrong).is_err(), "{wrong}");
        }
        for good in ["https://example.org/hook?x=1", "https://93.184.216.34/hook"] {
            assert!(strict.checked(good).is_ok(), "{good}");
        }
        let open = carrier(true, true);
        assert!(open.checked("http://127.0.0.1:9/hook").is_ok());
    }
}
