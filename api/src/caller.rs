//! Who calls, and what it may: said by [`host::identity`]; the doors never decide it.

use crate::problem::Problem;
use crate::server::App;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use host::identity::{
    self, Action, Denied, LoginError, Presented, Unauthenticated, Via, Visibility, is_basic, may,
};
use host::platform::door::Kind;
use host::platform::{ErrorKind, TwinRecord};
use std::net::SocketAddr;
use std::sync::Arc;

/// Somebody who is known.
#[derive(Debug, Clone)]
pub(crate) struct Caller(Arc<identity::Caller>);

impl Caller {
    /// Its name, as the journal has it.
    pub(crate) fn name(&self) -> String {
        self.0.name()
    }

    /// The name that limits count it under: its key's, or its own.
    pub(crate) fn counted_as(&self) -> Arc<str> {
        match &self.0.via {
            Via::ApiKey(key) => key.clone(),
            _ => self.0.subject.to_string().into(),
        }
    }

    /// What it is to identity.
    pub(crate) fn known(&self) -> &identity::Caller {
        &self.0
    }

    /// What it sees.
    pub(crate) fn visibility(&self) -> Visibility {
        Visibility::of(&self.0)
    }

    /// Whether it sees all twins, as lists over all of them need.
    pub(crate) fn sees_all(&self) -> bool {
        self.visibility() == Visibility::Everything
    }

    /// Refuses where it may not do so to anything.
    pub(crate) fn may(&self, action: Action) -> Result<(), Problem> {
        identity::policy::may_at_all(&self.0, action).map_err(|denied| self.denied(denied, "thing"))
    }

    fn denied(&self, denied: Denied, name: &str) -> Problem {
        match denied {
            Denied::Forbidden(action) => {
                Problem::new(ErrorKind::Forbidden, format!("{} may not {action}", self.name()))
            }
            Denied::Hidden => Problem::new(ErrorKind::Absent, format!("there is no twin {name}")),
        }
    }
}

impl App {
    /// The twin that a name leads to, for somebody who may do so to it. What belongs to others is not there.
    pub(crate) async fn twin(
        &self,
        caller: &Caller,
        action: Action,
        name: &str,
    ) -> Result<TwinRecord, Problem> {
        self.twin_of(caller, action, None, name).await
    }

    /// The same among twins of a kind.
    pub(crate) async fn twin_of(
        &self,
        caller: &Caller,
        action: Action,
        kind: Option<Kind>,
        name: &str,
    ) -> Result<TwinRecord, Problem> {
        caller.may(action)?;
        let record = self.platform.find(kind, name).await?;
        may(&caller.0, action, &record.owner(&caller.0)).map_err(|denied| caller.denied(denied, name))?;
        Ok(record)
    }
}

impl App {
    /// Who shows these credentials, from `source`.
    pub(crate) async fn who(
        &self,
        authorization: Option<&str>,
        key: Option<&str>,
        source: &str,
    ) -> Result<Caller, Problem> {
        let now = self.wall.now();
        if let (Some(basic), None) = (authorization.filter(|header| is_basic(header)), key) {
            let found = self.identity.authenticate_basic(basic, source, now).await;
            return found.map(Caller).map_err(|error| match error {
                LoginError::TooMany { .. } => Problem::new(ErrorKind::TooMany, error.to_string()),
                LoginError::Failed(error) => unknown(&Unauthenticated::Failed(error)),
                error => Problem::new(ErrorKind::Unknown, error.to_string()),
            });
        }
        let presented = Presented::from_headers(authorization, key).map_err(|why| unknown(&why))?;
        self.identity.authenticate(presented, now).await.map(Caller).map_err(|why| unknown(&why))
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Problem> {
    let value = headers.get(name).map(|value| value.to_str()).transpose();
    value.map_err(|_| unknown(&Unauthenticated::Malformed))
}

pub(crate) fn unknown(why: &Unauthenticated) -> Problem {
    match why {
        Unauthenticated::Failed(error) => {
            tracing::error!(%error, "credentials could not be looked at");
            Problem::new(ErrorKind::Unavailable, "credentials cannot be looked at now")
        }
        why => Problem::new(ErrorKind::Unknown, why.to_string()),
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        // A family's guard knows it already.
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let authorization = text(&parts.headers, header::AUTHORIZATION)?;
        let key = text(&parts.headers, HeaderName::from_static("x-api-key"))?;
        let source = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let source =
            source.map_or_else(|| "http".to_owned(), |ConnectInfo(address)| address.ip().to_string());
        app.who(authorization, key, &source).await
    }
}
