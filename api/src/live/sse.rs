//! `GET /twins/v1/events`: news as server-sent events.

use super::{Wanted, missed, stopped, wire};
use crate::body::Asked;
use crate::caller::Caller;
use crate::problem::{Problem, ProblemBody};
use crate::server::App;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use futures::stream::unfold;
use host::identity::Action;
use host::platform::bus::Heard;
use std::convert::Infallible;

/// News as server-sent events, for as long as somebody listens; the stream ends when the server goes down.
#[utoipa::path(
    get, path = "/events", tag = "Live", params(Wanted),
    responses((status = 200, description = "Events: `id` is the number of the news, `event` its name, `data` JSON as over the WebSocket.",
        body = String, content_type = "text/event-stream"),
        (status = 404, description = "There is no such twin.", body = ProblemBody, content_type = "application/problem+json")),
)]
pub(crate) async fn events_stream(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    caller.may(Action::TwinRead)?;
    let filter = wanted.filter(&app, &caller).await?;
    let (news, stopping) = (app.platform.listen_to(filter), app.stopping.clone());
    let stream = unfold((news, stopping), |(mut news, mut stopping)| async move {
        let heard = tokio::select! {
            heard = news.heard() => heard?,
            () = stopped(&mut stopping) => return None,
        };
        let event = match heard {
            Heard::News(news) => {
                let event = Event::default().id(news.number.to_string()).event(news.event.clone());
                event.data(wire(&news).to_string())
            }
            Heard::Missed(count) => Event::default().event("missed").data(missed(count).to_string()),
        };
        Some((Ok(event), (news, stopping)))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}
