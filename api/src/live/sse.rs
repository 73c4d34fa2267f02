//! `GET /twins/v1/events`: news as server-sent events.

use super::{Wanted, missed, stopped, wire};
use crate::body::Asked;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use futures::stream::unfold;
use host::identity::Action;
use std::convert::Infallible;
use tokio::sync::broadcast::error::RecvError;

/// The stream; it ends when the server goes down.
pub(crate) async fn events_stream(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    caller.may(Action::TwinRead)?;
    let filter = wanted.filter(&app, &caller).await?;
    let (news, stopping) = (app.platform.listen(), app.stopping.clone());
    let stream = unfold((news, stopping, filter), |(mut news, mut stopping, filter)| async move {
        loop {
            let heard = tokio::select! {
                heard = news.recv() => heard,
                () = stopped(&mut stopping) => return None,
            };
            let event = match heard {
                Ok(news) if filter.wants(&news) => {
                    let event = Event::default().id(news.number.to_string()).event(news.event.clone());
                    event.data(wire(&news).to_string())
                }
                Ok(_) => continue,
                Err(RecvError::Lagged(count)) => {
                    Event::default().event("missed").data(missed(count).to_string())
                }
                Err(RecvError::Closed) => return None,
            };
            return Some((Ok(event), (news, stopping, filter)));
        }
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}
