//! The first packet of a connection: who is there, and whether it may come in.

use super::Shared;
use super::codec::{self, Frame, NoFrame};
use crate::config::span;
use crate::topic;
use bytes::{Bytes, BytesMut};
use host::platform::door::{Guest, Login, TurnedAway};
use rumqttd::protocol::{Error, Packet};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Duration, timeout};

/// Longest first packet [bytes].
const FRAME_MAX: usize = 64 * 1_024;
/// Longest client identifier [bytes].
const CLIENT_MAX_BYTES: usize = 256;

/// Return codes (MQTT 3.1.1 § 3.2.2.3).
pub(super) const ACCEPTED: u8 = 0;
const WRONG_VERSION: u8 = 1;
const WRONG_CLIENT: u8 = 2;
pub(super) const UNAVAILABLE: u8 = 3;
const WRONG_LOGIN: u8 = 4;
pub(super) const NOT_AUTHORISED: u8 = 5;

/// Who came in.
pub(super) struct Greeted {
    pub(super) guest: Guest,
    pub(super) client: Arc<str>,
    pub(super) clean: bool,
    pub(super) keep_alive: Option<Duration>,
    pub(super) will: Option<Will>,
}

/// What is to be said when the connection is lost.
pub(super) struct Will {
    pub(super) topic: String,
    pub(super) payload: Bytes,
}

/// Reads the first packet and lets its sender in, or says why not by a word for the counters.
pub(super) async fn greet<R, W>(
    reader: &mut R,
    writer: &mut W,
    inbox: &mut BytesMut,
    shared: &Shared,
) -> Result<Greeted, &'static str>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let within = span(shared.config.handshake_s);
    match timeout(within, judge(reader, inbox, shared)).await {
        Ok(Ok(greeted)) => Ok(greeted),
        Ok(Err((Some(code), why))) => {
            let mut out = BytesMut::new();
            codec::write_connack(&mut out, false, code);
            // Whoever is turned away may be gone already.
            let _ = timeout(Duration::from_secs(1), writer.write_all(&out)).await;
            let _ = timeout(Duration::from_secs(1), writer.shutdown()).await;
            Err(why)
        }
        Ok(Err((None, why))) => Err(why),
        Err(_) => Err("handshake"),
    }
}

async fn judge<R>(
    reader: &mut R,
    inbox: &mut BytesMut,
    shared: &Shared,
) -> Result<Greeted, (Option<u8>, &'static str)>
where
    R: AsyncRead + Unpin,
{
    let packet = loop {
        match codec::next(inbox, FRAME_MAX) {
            Ok(Frame::Other(packet)) => break packet,
            Ok(Frame::Publish { .. }) => return Err((None, "protocol")),
            Err(NoFrame::Yet(more)) => inbox.reserve(more.clamp(1_024, FRAME_MAX)),
            Err(NoFrame::TooLong(_)) => return Err((None, "too_long")),
            Err(NoFrame::Wrong(Error::InvalidProtocolLevel(_))) => {
                return Err((Some(WRONG_VERSION), "version"));
            }
            Err(NoFrame::Wrong(_)) => return Err((None, "protocol")),
        }
        match reader.read_buf(inbox).await {
            Ok(0) | Err(_) => return Err((None, "handshake")),
            Ok(_) => {}
        }
    };
    let Packet::Connect(connect, _, will, _, login) = packet else { return Err((None, "protocol")) };
    if connect.client_id.len() > CLIENT_MAX_BYTES || connect.client_id.chars().any(char::is_control) {
        return Err((Some(WRONG_CLIENT), "client_id"));
    }
    let client: Arc<str> = match connect.client_id.as_str() {
        "" if !connect.clean_session => return Err((Some(WRONG_CLIENT), "client_id")),
        "" => shared.name_client(),
        name => name.into(),
    };
    let given = |text: String| (!text.is_empty()).then_some(text);
    let (user, secret) = login.map_or((None, None), |login| (given(login.username), given(login.password)));
    let guest = match shared.intake.door.admit(Login { client: client.clone(), user, secret }).await {
        Ok(guest) => guest,
        Err(TurnedAway::Unknown) => return Err((Some(WRONG_LOGIN), "login")),
        Err(TurnedAway::TooMany) => return Err((Some(UNAVAILABLE), "too_many_logins")),
        Err(TurnedAway::Unavailable) => return Err((Some(UNAVAILABLE), "unavailable")),
    };
    let will = match will {
        None => None,
        Some(will) => {
            let topic = String::from_utf8(will.topic.to_vec()).ok().filter(|topic| topic::is_name(topic));
            let Some(topic) = topic else { return Err((None, "protocol")) };
            // A will that cannot be said is refused while somebody hears it.
            if !shared.intake.could_be_said(&guest.access, &topic, &will.message) {
                return Err((Some(NOT_AUTHORISED), "will"));
            }
            Some(Will { topic, payload: will.message })
        }
    };
    let keep_alive =
        (connect.keep_alive > 0).then(|| Duration::from_secs(connect.keep_alive.into()).mul_f64(1.5));
    Ok(Greeted { guest, client, clean: connect.clean_session, keep_alive, will })
}
