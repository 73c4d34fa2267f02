//! Who calls, and what it may: said by [`host::identity`]; the doors never decide it.

use crate::problem::Problem;
use crate::server::App;
use crate::shown::{NotKnown, Shown, source_of};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use host::identity::{self, Action, Denied, LoginError, Unauthenticated, Via, Visibility, may};
use host::platform::door::Kind;
use host::platform::{ErrorKind, TwinRecord};
use std::sync::Arc;

/// Somebody who is known.
#[derive(Debug, Clone)]
pub(crate) struct Caller(Arc<identity::Caller>);

impl Caller {
    /// Somebody who was known before.
    pub(crate) fn of(known: identity::Caller) -> Self {
        Self(Arc::new(known))
    }

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
        shown: Result<Shown<'_>, Unauthenticated>,
        source: &str,
    ) -> Result<Caller, Problem> {
        let known = async { shown?.caller(&self.identity, source, self.wall.now()).await };
        Ok(Caller(known.await?))
    }
}

impl From<NotKnown> for Problem {
    fn from(why: NotKnown) -> Self {
        match why {
            NotKnown::Shown(why) => unknown(&why),
            NotKnown::TooMany { wait_ms } => {
                let error = LoginError::TooMany { wait_ms };
                let wait_s = wait_ms.div_euclid(1_000).max(0).unsigned_abs() + 1;
                Self::new(ErrorKind::TooMany, error.to_string()).after_s(wait_s)
            }
            NotKnown::Login(error) => Self::new(ErrorKind::Unknown, error.to_string()),
        }
    }
}

fn unknown(why: &Unauthenticated) -> Problem {
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
        app.who(Shown::in_headers(&parts.headers), &source_of(parts)).await
    }
}
