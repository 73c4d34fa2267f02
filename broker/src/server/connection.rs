//! A connection: one task that reads, reports, acknowledges and sends.
//!
//! Frames become reports at the door, many at a time, so that one flush of the store serves many. Their answers
//! are taken in the order of the frames, whatever the order in which they come, and only then acknowledged. When
//! as many as the window allows are waiting, or the guest has spoken faster than it may, its socket is not read.

use super::Shared;
use super::audience::Ear;
use super::codec::{self, Frame, NoFrame};
use super::greeting::{self, Greeted, Will};
use super::hub::{Seat, Session, lock};
use super::outbox::Parcel;
use super::pace::Pace;
use crate::config::span;
use crate::intake::{Fate, Heard, Refused};
use crate::payload::{Class, Fault};
use crate::topic;
use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesOrdered, StreamExt};
use host::platform::door::{Access, Device, NotKept, Report};
use rumqttd::protocol::Packet;
use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};

/// Bytes that wait to be written before nothing more is added but acknowledgements.
const OUT_HIGH: usize = 64 * 1_024;
/// Room for what is read at once, first and at most.
const READ_MIN: usize = 2 * 1_024;
const READ_MAX: usize = 64 * 1_024;
/// Writes to topics that are not its own before a connection is closed.
const STRIKES_MAX: u32 = 16;
/// Most filters of one client.
const FILTERS_MAX: usize = 64;
/// Most devices whose coming and going a gateway's connection answers for.
const SPOKEN_FOR_MAX: usize = 100_000;
/// What the header of a frame and its topic may take beside the payload [bytes].
const FRAME_EXTRA: usize = topic::TOPIC_MAX_BYTES + 16;
/// How many devices of a gateway are said to be gone at a time.
const FAREWELLS: usize = 256;
/// How often a connection's end is reported before that is given up.
const FAREWELL_TRIES: u32 = 5;

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The client said goodbye.
    Goodbye,
    /// The client is gone.
    Gone,
    /// It was silent for longer than it said it would be.
    Silent,
    /// It does not speak MQTT as it should.
    Protocol,
    /// It announced a frame that is too long.
    TooLong,
    /// It wrote to others' topics again and again.
    Forbidden,
    /// It does not read what is sent.
    Stalled,
    /// Its reports cannot be kept now.
    Unavailable,
    /// Another connection of the same client took its place.
    TakenOver,
    /// The broker stops.
    Stopped,
}

impl End {
    fn as_str(self) -> &'static str {
        match self {
            Self::Goodbye => "goodbye",
            Self::Gone => "gone",
            Self::Silent => "silent",
            Self::Protocol => "protocol",
            Self::TooLong => "too_long",
            Self::Forbidden => "forbidden",
            Self::Stalled => "stalled",
            Self::Unavailable => "unavailable",
            Self::TakenOver => "taken_over",
            Self::Stopped => "stopped",
        }
    }
}

/// What is owed to the client once a message's fate is known.
#[derive(Debug, Clone, Copy)]
struct Answered {
    fate: Fate,
    qos: u8,
    pkid: u16,
}

/// Serves a connection to its end.
pub(super) async fn serve<R, W>(mut reader: R, mut writer: W, peer: SocketAddr, shared: Arc<Shared>)
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    let mut inbox = BytesMut::with_capacity(READ_MIN);
    let mut stop = shared.stop.clone();
    let greeted = tokio::select! {
        greeted = greeting::greet(&mut reader, &mut writer, &mut inbox, &shared) => greeted,
        _ = stop.wait_for(|stop| *stop) => return,
    };
    let greeted = match greeted {
        Ok(greeted) => greeted,
        Err(why) => {
            shared.intake.counters.closed(why);
            tracing::debug!(%peer, why, "turned away");
            return;
        }
    };
    let Ok((seat, present)) = shared.hub.enter(&greeted.guest, &greeted.client, greeted.clean).await else {
        let mut out = BytesMut::new();
        codec::write_connack(&mut out, false, greeting::UNAVAILABLE);
        let _ = timeout(Duration::from_secs(1), writer.write_all(&out)).await;
        shared.intake.counters.closed("not_given_way");
        return;
    };
    tracing::debug!(%peer, guest = %greeted.guest.name, client = %greeted.client, "came in");
    let mut line = Line::new(reader, writer, inbox, shared, seat, greeted);
    codec::write_connack(&mut line.out, present, greeting::ACCEPTED);
    if present {
        line.seat.session.outbox.write_again(&mut line.out);
        line.ear = lock(&line.seat.session.ear).take();
    }
    line.arrive();
    let end = line.talk().await;
    line.leave(end).await;
}

struct Line<R, W> {
    reader: R,
    writer: W,
    inbox: BytesMut,
    out: BytesMut,
    /// Answers that are awaited, in the order of the messages.
    pending: FuturesOrdered<BoxFuture<'static, Answered>>,
    shared: Arc<Shared>,
    seat: Seat,
    ear: Option<Ear>,
    /// Retained messages that wait for room.
    backlog: VecDeque<Parcel>,
    access: Access,
    keep_alive: Option<Duration>,
    will: Option<Will>,
    /// Devices that are there because of this connection, besides the guest itself.
    spoken_for: BTreeSet<Device>,
    pace: Pace,
    strikes: u32,
    heard_at: Instant,
    written_at: Instant,
    read_size: usize,
    /// Whether all frames that were read are taken.
    drained: bool,
    unflushed: bool,
}

impl<R, W> Line<R, W>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    fn new(reader: R, writer: W, inbox: BytesMut, shared: Arc<Shared>, seat: Seat, greeted: Greeted) -> Self {
        let now = Instant::now();
        let access = greeted.guest.access;
        let rate = match access {
            Access::All => shared.config.gateway_rate,
            Access::Device(_) | Access::Listen => shared.config.device_rate,
        };
        Self {
            reader,
            writer,
            inbox,
            out: BytesMut::new(),
            pending: FuturesOrdered::new(),
            shared,
            seat,
            ear: None,
            backlog: VecDeque::new(),
            access,
            keep_alive: greeted.keep_alive,
            will: greeted.will,
            spoken_for: BTreeSet::new(),
            pace: Pace::new(rate, now),
            strikes: 0,
            heard_at: now,
            written_at: now,
            read_size: READ_MIN,
            drained: false,
            unflushed: false,
        }
    }

    fn session(&self) -> &Arc<Session> {
        &self.seat.session
    }

    /// A device that connects is there.
    fn arrive(&mut self) {
        if let Access::Device(device) = &self.access {
            let device = device.clone();
            self.shared.hub.arrives(&device);
            self.shared.hub.retain(topic::status(&device), Bytes::from_static(b"online"));
            let report = Report::Presence { at: self.shared.intake.now(), online: true };
            let shared = self.shared.clone();
            let answer = async move {
                // Whoever speaks at once is there; what it says matters more than that this was kept.
                let fate = match shared.intake.door.report(device, report).await {
                    Ok(()) => Fate::Kept,
                    Err(_) => Fate::Refused,
                };
                Answered { fate, qos: 0, pkid: 0 }
            };
            self.pending.push_back(answer.boxed());
        }
    }

    /// Reads, reports, acknowledges and sends until something ends it.
    async fn talk(&mut self) -> End {
        let shared = self.shared.clone();
        let config = &shared.config;
        let counters = &shared.intake.counters;
        let session = self.session().clone();
        let evict = self.seat.evict.clone();
        let mut stop = shared.stop.clone();
        let far = Duration::from_secs(86_400);
        let mut armed = Instant::now() + far;
        let alarm = sleep_until(armed);
        tokio::pin!(alarm);
        loop {
            let now = Instant::now();
            let pause = match self.take_frames(now).await {
                Ok(pause) => pause,
                Err(end) => return end,
            };
            self.fill();

            // One alarm for all that is waited for; ringing early is harmless, so it is only ever brought forward.
            let mut next = now + far;
            if let Some(keep_alive) = self.keep_alive {
                next = next.min(self.heard_at + keep_alive);
            }
            if !self.out.is_empty() {
                next = next.min(self.written_at + span(config.stall_s));
            }
            if let Some(pause) = pause {
                next = next.min(now + pause);
            }
            if next < armed {
                armed = next;
                alarm.as_mut().reset(armed);
            }
            let reads = self.drained && pause.is_none() && self.out.len() < OUT_HIGH;
            if reads && self.inbox.capacity() - self.inbox.len() < self.read_size / 2 {
                self.inbox.reserve(self.read_size);
            }
            let listens = self.ear.is_some() && self.backlog.is_empty() && session.outbox.has_room();

            tokio::select! {
                biased;
                () = evict.notified() => return End::TakenOver,
                _ = stop.wait_for(|stop| *stop) => return End::Stopped,
                Some(answered) = self.pending.next(), if !self.pending.is_empty() => {
                    if let Err(end) = self.answer(answered) {
                        return end;
                    }
                    // A flush answers many at once: acknowledge them with one write.
                    while let Some(Some(answered)) = self.pending.next().now_or_never() {
                        if let Err(end) = self.answer(answered) {
                            return end;
                        }
                    }
                }
                written = push(&mut self.writer, &mut self.out), if !self.out.is_empty() || self.unflushed => {
                    match written {
                        Ok(Pushed::Some) => {
                            self.written_at = Instant::now();
                            self.unflushed = self.out.is_empty();
                        }
                        Ok(Pushed::All) => self.unflushed = false,
                        Err(()) => return End::Gone,
                    }
                }
                read = self.reader.read_buf(&mut self.inbox), if reads => match read {
                    Ok(0) | Err(_) => return End::Gone,
                    Ok(bytes) => {
                        self.heard_at = Instant::now();
                        self.drained = false;
                        if bytes >= self.read_size / 2 {
                            self.read_size = (self.read_size * 2).min(READ_MAX);
                        }
                    }
                },
                heard = next_heard(&mut self.ear), if listens => match heard {
                    Some((topic, payload)) => self.overhear(&topic, payload),
                    None => return End::Stopped,
                },
                () = session.outbox.rung(), if self.out.len() < OUT_HIGH => {}
                () = alarm.as_mut() => {
                    let now = Instant::now();
                    if !self.out.is_empty() && now >= self.written_at + span(config.stall_s) {
                        return End::Stalled;
                    }
                    // While its socket is not read a client cannot be heard.
                    match self.keep_alive {
                        Some(keep_alive) if reads && now >= self.heard_at + keep_alive => return End::Silent,
                        Some(_) if !reads => self.heard_at = now,
                        _ => {}
                    }
                    armed = now + far;
                    alarm.as_mut().reset(armed);
                    if pause.is_some() {
                        counters.slowed.increment(1);
                    }
                }
            }
        }
    }

    /// Takes the frames that were read, as many as may be. Says for how long none may be.
    async fn take_frames(&mut self, now: Instant) -> Result<Option<Duration>, End> {
        let frame_max = self.shared.config.payload_max_bytes + FRAME_EXTRA;
        loop {
            if self.pending.len() >= self.shared.config.window || self.out.len() >= OUT_HIGH {
                return Ok(None);
            }
            if self.drained {
                return Ok(None);
            }
            if let Some(pause) = self.pace.wait(now) {
                return Ok(Some(pause));
            }
            let before = self.inbox.len();
            match codec::next(&mut self.inbox, frame_max) {
                Ok(frame) => {
                    self.pace.spend(before - self.inbox.len());
                    self.take(frame).await?;
                }
                Err(NoFrame::Yet(more)) => {
                    self.drained = true;
                    if more > self.read_size {
                        self.inbox.reserve(more.min(READ_MAX));
                    }
                }
                Err(NoFrame::TooLong(bytes)) => {
                    let reason = format!(
                        "a frame of {bytes} bytes; payloads of {} are taken",
                        self.shared.config.payload_max_bytes
                    );
                    self.reject(
                        Bytes::new(),
                        Bytes::new(),
                        Refused::plain(Fault::new(Class::TooLong, "payload", reason)),
                        0,
                        0,
                    );
                    return Err(End::TooLong);
                }
                Err(NoFrame::Wrong(error)) => {
                    tracing::debug!(%error, "not MQTT");
                    return Err(End::Protocol);
                }
            }
        }
    }

    async fn take(&mut self, frame: Frame) -> Result<(), End> {
        self.about_to_write();
        match frame {
            Frame::Publish { topic, payload, qos, pkid } => self.publish(topic, payload, qos, pkid),
            Frame::Other(Packet::PubAck(ack, _)) => {
                self.session().outbox.acknowledged(ack.pkid);
                Ok(())
            }
            Frame::Other(Packet::PubRel(release, _)) => {
                lock(&self.session().received).remove(&release.pkid);
                codec::write_answer(&mut self.out, codec::PUBCOMP, release.pkid);
                Ok(())
            }
            Frame::Other(Packet::Subscribe(subscribe, _)) => {
                let filters =
                    subscribe.filters.into_iter().map(|filter| (filter.path, filter.qos as u8)).collect();
                self.subscribe(subscribe.pkid, filters).await;
                Ok(())
            }
            Frame::Other(Packet::Unsubscribe(unsubscribe, _)) => {
                for filter in &unsubscribe.filters {
                    lock(&self.session().subscriptions).remove(filter);
                    if let Some(ear) = &mut self.ear {
                        ear.unsubscribe(filter);
                    }
                }
                codec::write_answer(&mut self.out, codec::UNSUBACK, unsubscribe.pkid);
                Ok(())
            }
            Frame::Other(Packet::PingReq(_)) => {
                codec::write(Packet::PingResp(rumqttd::protocol::PingResp), &mut self.out);
                Ok(())
            }
            Frame::Other(Packet::Disconnect(..)) => Err(End::Goodbye),
            Frame::Other(_) => Err(End::Protocol),
        }
    }

    /// Takes a message: understands it, brings it to the door, and awaits the answer with the others.
    fn publish(&mut self, topic: Bytes, payload: Bytes, qos: u8, pkid: u16) -> Result<(), End> {
        let Some(name) = std::str::from_utf8(&topic).ok().filter(|name| topic::is_name(name)) else {
            let fault =
                Fault::new(Class::BadTopic, "topic", "it is not UTF-8, too long, empty or has wildcards");
            self.reject(topic, payload, Refused::plain(fault), 0, 0);
            return Err(End::Protocol);
        };
        if qos == 2 && lock(&self.session().received).contains(&pkid) {
            // It is kept already; only its acknowledgement was lost.
            self.pending.push_back(async move { Answered { fate: Fate::Kept, qos, pkid } }.boxed());
            return Ok(());
        }
        match self.shared.intake.hear(&self.access, name, &payload) {
            Ok(heard) => {
                self.note(&heard);
                let shared = self.shared.clone();
                let answer = async move {
                    let fate = take_in(&shared, heard, topic, payload).await;
                    Answered { fate, qos, pkid }
                };
                self.pending.push_back(answer.boxed());
                Ok(())
            }
            Err(refused) => {
                let is_strike = refused.fault.class == Class::Forbidden;
                self.reject(topic, payload, refused, qos, pkid);
                self.strikes += u32::from(is_strike);
                if self.strikes >= STRIKES_MAX { Err(End::Forbidden) } else { Ok(()) }
            }
        }
    }

    /// Remembers for whom a gateway's connection answers.
    fn note(&mut self, heard: &Heard) {
        if self.access != Access::All {
            return;
        }
        for (device, online) in &heard.presence {
            if *online {
                let room = self.spoken_for.len() < SPOKEN_FOR_MAX;
                if room && self.spoken_for.insert(device.clone()) {
                    self.shared.hub.arrives(device);
                }
            } else if self.spoken_for.remove(device) {
                self.shared.hub.leaves(device);
            }
        }
    }

    /// Keeps what was not understood. It is acknowledged, since sending it again would not help.
    fn reject(&mut self, topic: Bytes, payload: Bytes, refused: Refused, qos: u8, pkid: u16) {
        let shared = self.shared.clone();
        // A device that logged in is known even when its message does not say whose it is.
        let from = refused.from.or_else(|| match &self.access {
            Access::Device(device) => Some(device.clone()),
            Access::Listen | Access::All => None,
        });
        let answer = async move {
            for (topic, payload) in refused.answers {
                shared.hub.audience.publish(&topic, &payload);
            }
            shared.intake.reject(from, topic, payload, refused.fault).await;
            Answered { fate: Fate::Refused, qos, pkid }
        };
        self.pending.push_back(answer.boxed());
    }

    /// The time a client may take to read begins when there is something to read.
    fn about_to_write(&mut self) {
        if self.out.is_empty() {
            self.written_at = Instant::now();
        }
    }

    /// Acknowledges a message that is durable or refused for good.
    fn answer(&mut self, Answered { fate, qos, pkid }: Answered) -> Result<(), End> {
        if fate == Fate::Unavailable {
            return Err(End::Unavailable);
        }
        self.about_to_write();
        match qos {
            0 => {}
            1 => codec::write_answer(&mut self.out, codec::PUBACK, pkid),
            _ => {
                lock(&self.session().received).insert(pkid);
                codec::write_answer(&mut self.out, codec::PUBREC, pkid);
            }
        }
        Ok(())
    }

    async fn subscribe(&mut self, pkid: u16, filters: Vec<(String, u8)>) {
        let mut granted = Vec::with_capacity(filters.len());
        let mut retained = Vec::new();
        for (filter, qos) in filters {
            let qos = qos.min(1);
            let code = self.grant(&filter, qos).await;
            granted.push(code);
            if code == REFUSED {
                continue;
            }
            for (topic, payload) in self.shared.hub.retained(&filter) {
                if self.may_hear(&topic) {
                    retained.push(Parcel { topic, payload, qos, retain: true, latest_only: false });
                }
            }
        }
        codec::write_suback(&mut self.out, pkid, &granted);
        self.backlog.extend(retained);
    }

    /// Whether the guest may hear a topic.
    fn may_hear(&self, name: &str) -> bool {
        match &self.access {
            Access::Device(device) => name == topic::command(device) || name == topic::twin(device),
            Access::Listen | Access::All => true,
        }
    }

    /// Grants a subscription, or refuses it.
    async fn grant(&mut self, filter: &str, qos: u8) -> u8 {
        if !topic::is_filter(filter) || filter.starts_with('$') {
            return REFUSED;
        }
        let session = self.session().clone();
        {
            let subscriptions = lock(&session.subscriptions);
            if subscriptions.len() >= FILTERS_MAX && !subscriptions.contains_key(filter) {
                return REFUSED;
            }
        }
        match &self.access {
            Access::Device(device) => {
                // A wildcard is as good as what it catches of the device's own topics, but only below its own name.
                let own = topic::own(device);
                let hears = [topic::command(device), topic::twin(device)];
                if !filter.starts_with(&own) || !hears.iter().any(|hear| topic::matches(hear, filter)) {
                    return REFUSED;
                }
                lock(&session.subscriptions).insert(filter.to_owned(), qos);
                self.shared.hub.attach(&session);
            }
            Access::Listen | Access::All => {
                if self.ear.is_none() {
                    self.ear = self.shared.hub.audience.ear().await;
                }
                let listens = self.ear.as_mut().is_some_and(|ear| ear.subscribe(filter));
                if !listens {
                    return REFUSED;
                }
                lock(&session.subscriptions).insert(filter.to_owned(), qos);
            }
        }
        qos
    }

    /// Puts what was overheard where it waits to be sent.
    fn overhear(&mut self, topic: &[u8], payload: Bytes) {
        let Ok(topic) = std::str::from_utf8(topic) else { return };
        // The filter may have been given up in the meantime.
        let Some(qos) = self.session().granted(topic) else { return };
        let parcel = Parcel { topic: topic.into(), payload, qos, retain: false, latest_only: false };
        if !self.session().outbox.put(parcel) {
            self.shared.intake.counters.dropped.increment(1);
        }
    }

    /// Writes what may be sent to where it waits for the socket.
    fn fill(&mut self) {
        let session = self.session().clone();
        loop {
            while !self.backlog.is_empty() && session.outbox.has_room() {
                if let Some(parcel) = self.backlog.pop_front() {
                    session.outbox.put(parcel);
                }
            }
            self.about_to_write();
            let written = session.outbox.write(&mut self.out, OUT_HIGH);
            if written == 0 {
                return;
            }
            self.shared.intake.counters.sent.increment(written);
        }
    }

    /// Ends: what was heard becomes durable, who is gone is said to be.
    async fn leave(mut self, end: End) {
        let shared = self.shared.clone();
        shared.intake.counters.closed(end.as_str());
        tracing::debug!(why = end.as_str(), "a connection ends");
        let grace = span(shared.config.grace_s);
        if end == End::Unavailable {
            // Whoever comes back at once finds the same; until then it waits here.
            let mut stop = shared.stop.clone();
            let _ = timeout(span(shared.config.unavailable_pause_s), stop.wait_for(|stop| *stop)).await;
        }
        let settle = async {
            while let Some(answered) = self.pending.next().await {
                if end == End::Unavailable || self.answer(answered).is_err() {
                    break;
                }
            }
        };
        if timeout(grace, settle).await.is_err() {
            tracing::warn!("reports were not answered in time");
        }
        if matches!(end, End::Stopped | End::TakenOver | End::Forbidden) && !self.out.is_empty() {
            let Self { writer, out, .. } = &mut self;
            let last = async {
                let _ = writer.write_all_buf(out).await;
                let _ = writer.flush().await;
            };
            let _ = timeout(grace.min(Duration::from_secs(1)), last).await;
        }
        let Self { writer, pending, seat, ear, access, will, spoken_for, .. } = &mut self;
        pending.clear();
        let _ = timeout(Duration::from_secs(1), writer.shutdown()).await;
        if end != End::Goodbye
            && end != End::Stopped
            && let Some(will) = will.take()
        {
            say_will(&shared, access, will).await;
        }
        let mut gone: Vec<Device> = std::mem::take(spoken_for).into_iter().collect();
        gone.extend(match access {
            Access::Device(device) => Some(device.clone()),
            Access::Listen | Access::All => None,
        });
        gone.retain(|device| shared.hub.leaves(device) && end != End::Stopped);
        let said = futures::stream::iter(gone)
            .for_each_concurrent(FAREWELLS, |device| is_gone(shared.clone(), device));
        said.await;
        *lock(&seat.session.ear) = ear.take();
    }
}

/// The answer to a subscription that is refused (MQTT 3.1.1 § 3.9.3).
const REFUSED: u8 = 0x80;

/// What became of an attempt to write.
enum Pushed {
    /// Some bytes are gone.
    Some,
    /// All are, and nothing waits in between.
    All,
}

/// Writes what waits, or sees to it that what was written really leaves. Loses nothing when it is dropped before
/// it is done.
async fn push<W: AsyncWrite + Unpin>(writer: &mut W, out: &mut BytesMut) -> Result<Pushed, ()> {
    if out.is_empty() {
        return writer.flush().await.map(|()| Pushed::All).map_err(|_| ());
    }
    match writer.write_buf(out).await {
        Ok(0) | Err(_) => Err(()),
        Ok(_) => Ok(Pushed::Some),
    }
}

/// The next message of a listener; without one none ever comes.
async fn next_heard(ear: &mut Option<Ear>) -> Option<(Bytes, Bytes)> {
    match ear {
        Some(ear) => ear.next().await,
        None => std::future::pending().await,
    }
}

/// Brings a message to the door, and once it is durable to those who listen.
async fn take_in(shared: &Shared, heard: Heard, topic: Bytes, payload: Bytes) -> Fate {
    let Heard { reports, presence, answers } = heard;
    for (topic, payload) in answers {
        shared.hub.audience.publish(&topic, &payload);
    }
    let fate = shared.intake.carry(reports, topic.clone(), payload.clone()).await;
    if fate == Fate::Kept {
        let name = std::str::from_utf8(&topic).unwrap_or_default();
        let mut passed_on = false;
        for (device, online) in presence {
            let status = topic::status(&device);
            passed_on |= status == name;
            let word: &'static [u8] = if online { b"online" } else { b"offline" };
            shared.hub.retain(status, Bytes::from_static(word));
        }
        if !passed_on && !shared.hub.audience.publish(name, &payload) {
            shared.intake.counters.dropped.increment(1);
        }
    }
    fate
}

/// Says what a client wanted said when it is lost.
async fn say_will(shared: &Shared, access: &Access, will: Will) {
    let topic = Bytes::from(will.topic.clone());
    match shared.intake.hear(access, &will.topic, &will.payload) {
        Ok(heard) => {
            take_in(shared, heard, topic, will.payload).await;
        }
        Err(Refused { from, fault, .. }) => shared.intake.reject(from, topic, will.payload, fault).await,
    }
}

/// Says that a device is gone.
async fn is_gone(shared: Arc<Shared>, device: Device) {
    shared.hub.retain(topic::status(&device), Bytes::from_static(b"offline"));
    for attempt in 0..FAREWELL_TRIES {
        let report = Report::Presence { at: shared.intake.now(), online: false };
        match shared.intake.door.report(device.clone(), report).await {
            Err(NotKept::Unavailable(_)) => {
                tokio::time::sleep(Duration::from_millis(200) * (attempt + 1)).await;
            }
            Ok(()) | Err(NotKept::Unfit(_)) => return,
        }
    }
    tracing::warn!("that a device is gone could not be kept");
}
