//! Who may do what here, in the document's words.

use super::envelope::{not_found, ruled_of, said};
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use host::identity::{Action, Subject, may, policy};
use host::platform::door::Kind;
use host::platform::{ErrorKind, TwinRecord};

/// Who a refused caller would have to be.
fn needed(action: Action) -> &'static str {
    match action {
        Action::IdentityManage => "Admin access required",
        Action::MonitorWrite => "Engineer access required",
        _ => "Viewer access required",
    }
}

/// Refuses where the caller may not do so to anything.
pub(super) fn allowed(caller: &Caller, action: Action) -> Result<(), Problem> {
    let allowed = policy::may_at_all(caller.known(), action);
    allowed.map_err(|_| said(ErrorKind::Forbidden, needed(action)))
}

/// The battery of a name, for somebody who may do so to it. What belongs to others is not there.
pub(super) async fn battery(
    app: &App,
    caller: &Caller,
    action: Action,
    name: &str,
) -> Result<TwinRecord, Problem> {
    allowed(caller, action)?;
    let record = app.platform.find(Some(Kind::Battery), name).await.map_err(ruled_of("Battery", name))?;
    let owner = record.owner(caller.known());
    may(caller.known(), action, &owner).map_err(|_| not_found("Battery", name))?;
    Ok(record)
}

/// The person who calls.
pub(super) fn person(caller: &Caller) -> Option<&str> {
    match &caller.known().subject {
        Subject::User(id) => Some(id),
        Subject::Client(_) | Subject::Device(_) => None,
    }
}
