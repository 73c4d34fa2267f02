//! Reports: asked for, made beside, kept for a while behind links that end.
//!
//! ```text
//! asked ──► record (processing) ──► desk: figures, then the file on a thread of its own ──► parts, record (completed)
//!                                                                                            └─ seven days ─► expired
//! ```

use super::analytics::{GroupBy, Window, collection, day_of};
use super::facilities::is_seen;
use super::record::{LinkKey, Report, ReportPart, ReportState};
use super::report::{NewReport, ReportData};
use super::{Act, Flaw, Inner, Plastic, PlasticError};
use crate::identity::{Action, Caller, Visibility, policy};
use crate::store::StoreError;
use crate::store::ledger::sortable;
use crate::store::medium::Direction;
use crate::store::records::{By, Collection, Expect, Record, RecordChange, Scan, Versioned, Within};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::task::JoinHandle;

/// Bytes of a file in one record.
const PIECE_BYTES: usize = 600_000;
/// Longest file.
const FILE_MAX_BYTES: usize = 64 << 20;
/// Longest span of a report: ten years [ms].
const SPAN_MAX_MS: i64 = 3_660 * twin::time::DAY_MS;
/// A report is thought to take so long [ms]. assumed: what one of a season takes, with much to spare.
const THOUGHT_MS: i64 = 60_000;
/// Reports that may be under way.
const OPEN_MAX: usize = 200;
/// How often files are looked for that are no longer kept.
const SWEEP: Duration = Duration::from_secs(60);
/// Reports of which files go at a time.
const SWEPT: usize = 50;

/// What makes a link to a file good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Until when [s since the epoch].
    pub until_s: i64,
    /// Signature.
    pub signature: String,
}

/// Makes what was left under way, and looks after files that are no longer kept.
pub(super) async fn begin(inner: &Arc<Inner>) -> Result<Vec<JoinHandle<()>>, PlasticError> {
    let by = By::Index("open".to_owned());
    let (open, _) = inner.all::<Report>().page(by, Within::All, OPEN_MAX, None).await?;
    for report in open {
        tokio::spawn(make(inner.clone(), report.value.id));
    }
    let weak = Arc::downgrade(inner);
    let sweeping = tokio::spawn(async move {
        loop {
            tokio::time::sleep(SWEEP).await;
            let Some(inner) = weak.upgrade() else { return };
            if let Err(error) = inner.sweep().await {
                tracing::warn!(%error, "old reports could not be looked for; once more in a minute");
            }
        }
    });
    Ok(vec![sweeping])
}

/// Makes a report.
async fn make(inner: Arc<Inner>, id: Arc<str>) {
    let Ok(_desk) = inner.desk.acquire().await else { return };
    let made = inner.made(&id).await;
    let done = match made {
        Ok(Some(file)) => inner.filed(&id, file).await,
        Ok(None) => Ok(()),
        Err(error) => {
            tracing::warn!(report = %id, %error, "a report could not be made");
            inner.failed(&id, error.to_string()).await
        }
    };
    if let Err(error) = done {
        tracing::warn!(report = %id, %error, "a report could not be kept; it is made again at the next start");
    }
}

impl Inner {
    async fn report(&self, id: &str) -> Result<Option<Versioned<Report>>, PlasticError> {
        Ok(self.all::<Report>().get(id).await?)
    }

    /// A report's file; nothing where it is made already.
    async fn made(&self, id: &str) -> Result<Option<Vec<u8>>, PlasticError> {
        let Some(Versioned { value: report, .. }) = self.report(id).await? else { return Ok(None) };
        if report.state != ReportState::Processing {
            return Ok(None);
        }
        let visible = match &report.owner {
            Some(owner) => Visibility::Organisation(owner.clone()),
            None => Visibility::Everything,
        };
        let window =
            Window { from: report.from, to: report.to, organisation_id: report.organisation_id.clone() };
        let stats = {
            let index = self.index().await?;
            collection(&index, &visible, &window, GroupBy::Day)?
        };
        let facilities: Vec<_> = {
            let index = self.index().await?;
            index.facilities.values().filter(|facility| is_seen(&visible, facility)).cloned().collect()
        };
        let mut counts = Vec::with_capacity(facilities.len());
        for facility in facilities {
            counts.push(self.taken_in(&facility, (report.from, report.to)).await?);
        }
        let data = ReportData {
            id: report.id.clone(),
            kind: report.kind,
            from: report.from,
            to: report.to,
            organisation_id: report.organisation_id,
            made: self.now(),
            collection: stats,
            stages: self.stages(&visible, &window).await?,
            environmental: self.environmental(&visible, &window).await?,
            facilities: counts,
        };
        let outside = self.parts.outside.clone();
        let (format, charts) = (report.format, report.charts);
        let file = tokio::task::spawn_blocking(move || outside.report(&data, format, charts)).await;
        let file = file.map_err(|_| PlasticError::Conflict("it broke off".to_owned()))?;
        let file = file.map_err(PlasticError::Conflict)?;
        if file.len() > FILE_MAX_BYTES {
            return Err(PlasticError::Conflict(format!("it takes {} bytes", file.len())));
        }
        Ok(Some(file))
    }

    async fn filed(&self, id: &Arc<str>, file: Vec<u8>) -> Result<(), PlasticError> {
        let Some(Versioned { value: report, version }) = self.report(id).await? else { return Ok(()) };
        let mut records = Vec::new();
        for (number, piece) in file.chunks(PIECE_BYTES).enumerate() {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            let part = ReportPart { report: id.clone(), number, piece: STANDARD.encode(piece) };
            records.push(RecordChange::put(&part, Expect::Anything)?);
        }
        let expires = Some(self.now() + self.settings.report_kept_ms);
        let report = Report { state: ReportState::Completed, bytes: file.len(), expires, ..report };
        records.push(RecordChange::put(&report, Expect::Version(version))?);
        let detail = json!({ "bytes": file.len(), "expires": report.expires });
        self.report_kept(id, "report.completed", "platform", detail, records).await
    }

    async fn failed(&self, id: &Arc<str>, why: String) -> Result<(), PlasticError> {
        let Some(Versioned { value: report, version }) = self.report(id).await? else { return Ok(()) };
        let report = Report { state: ReportState::Failed(why.clone()), ..report };
        let records = vec![RecordChange::put(&report, Expect::Version(version))?];
        self.report_kept(id, "report.failed", "platform", json!({ "why": why }), records).await
    }

    async fn report_kept(
        &self,
        id: &str,
        kind: &str,
        by: &str,
        detail: serde_json::Value,
        records: Vec<RecordChange>,
    ) -> Result<(), PlasticError> {
        let entity = format!("plastic/report/{id}");
        Ok(self.keep(Act { entity: &entity, kind, by, detail }, records, &[]).await?)
    }

    /// Files that are no longer kept go.
    async fn sweep(&self) -> Result<(), PlasticError> {
        let due = Within::Range(vec![0; 8], sortable(self.now() + 1).to_vec());
        let by = By::Index("expires".to_owned());
        let (due, _) = self.all::<Report>().page(by, due, SWEPT, None).await?;
        for Versioned { value: report, version } in due {
            let pieces = report.bytes.div_ceil(PIECE_BYTES);
            let mut records: Vec<RecordChange> = (0..pieces)
                .map(|number| {
                    let key = ReportPart::key_of(&report.id, u32::try_from(number).unwrap_or(u32::MAX));
                    RecordChange::delete::<ReportPart>(key, Expect::Anything)
                })
                .collect();
            let id = report.id.clone();
            let report = Report { state: ReportState::Expired, ..report };
            records.push(RecordChange::put(&report, Expect::Version(version))?);
            self.report_kept(&id, "report.expired", "platform", json!({}), records).await?;
        }
        Ok(())
    }

    async fn file(&self, report: &Report) -> Result<Vec<u8>, PlasticError> {
        let parts = Collection::<ReportPart, _>::of(self.store());
        let mut file = Vec::with_capacity(report.bytes);
        for number in 0..report.bytes.div_ceil(PIECE_BYTES) {
            let key = ReportPart::key_of(&report.id, u32::try_from(number).unwrap_or(u32::MAX));
            let part = parts.get(&key).await?.ok_or_else(|| expired(&report.id))?;
            let piece = STANDARD.decode(&part.value.piece);
            let broken = |error: base64::DecodeError| StoreError::Codec {
                what: key.clone(),
                detail: error.to_string(),
            };
            file.extend(piece.map_err(broken)?);
        }
        Ok(file)
    }

    /// The key that signs links; made the first time.
    async fn link_key(&self) -> Result<&str, PlasticError> {
        let key = self.link_key.get_or_try_init(|| async {
            let keys = self.all::<LinkKey>();
            if let Some(found) = keys.get("links").await? {
                return Ok::<_, PlasticError>(found.value.key);
            }
            let mut bytes = [0; 32];
            self.parts.entropy.fill(&mut bytes).map_err(crate::identity::IdentityError::from)?;
            let key = bytes.iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            });
            let new = RecordChange::put(&LinkKey { key: key.clone() }, Expect::Absent)?;
            let act = Act { entity: "plastic/links", kind: "key made", by: "platform", detail: json!({}) };
            match self.keep(act, vec![new], &[]).await {
                Ok(()) => Ok(key),
                Err(StoreError::RecordChanged { .. }) => {
                    let found = keys.get("links").await?;
                    found.map(|found| found.value.key).ok_or_else(|| PlasticError::absent("key", "links"))
                }
                Err(error) => Err(error.into()),
            }
        });
        Ok(key.await?)
    }

    async fn link(&self, id: &str, until_s: i64) -> Result<Link, PlasticError> {
        let key = self.link_key().await?;
        let signature = crate::webhook::signature(key, &format!("report\n{id}\n{until_s}"));
        let signature = signature.trim_start_matches("sha256=").to_owned();
        Ok(Link { until_s, signature })
    }
}

fn expired(id: &str) -> PlasticError {
    PlasticError::Expired { what: "report", name: id.to_owned() }
}

impl Plastic {
    /// Asks for a report; it is made beside.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn report_create(&self, caller: &Caller, new: NewReport) -> Result<Report, PlasticError> {
        policy::may_at_all(caller, Action::ReportWrite)?;
        if new.to < new.from {
            return Err(PlasticError::unfit(Flaw::Other, "period.end", "is before period.start"));
        }
        if new.to - new.from > SPAN_MAX_MS {
            return Err(PlasticError::unfit(Flaw::Other, "period", "is longer than ten years"));
        }
        let owner = match Visibility::of(caller) {
            Visibility::Everything => None,
            Visibility::Organisation(own) => Some(own),
            _ => return Err(PlasticError::Forbidden("there is nothing to report".to_owned())),
        };
        let inner = &self.0;
        let now = inner.now();
        let by = By::Index("open".to_owned());
        let (open, _) = inner.all::<Report>().page(by, Within::All, OPEN_MAX, None).await?;
        if open.len() >= OPEN_MAX {
            return Err(PlasticError::Conflict(format!("{OPEN_MAX} reports are under way already")));
        }
        let waiting = i64::try_from(open.len()).unwrap_or(0) + 1;
        let year = day_of(now).year();
        let prefix = format!("RPT-{year:04}-");
        let _turn = inner.turn(&prefix).await;
        let scan = Scan {
            direction: Direction::Backward,
            within: Within::Prefix(format!("{year:04}").into_bytes()),
            by: By::Index("number".to_owned()),
            ..Scan::all(Report::COLLECTION, 1)
        };
        let last = inner.store().records(scan).await?.records;
        let last = last.first().and_then(|last| last.key.strip_prefix(&prefix)?.parse::<u32>().ok());
        let report = Report {
            id: format!("{prefix}{:03}", last.unwrap_or(0) + 1).into(),
            kind: new.kind,
            from: new.from,
            to: new.to,
            organisation_id: new.organisation_id,
            charts: new.charts,
            format: new.format,
            created: now,
            estimated: now + waiting * THOUGHT_MS,
            expires: None,
            state: ReportState::Processing,
            bytes: 0,
            owner,
        };
        let put = RecordChange::put(&report, Expect::Absent)?;
        let detail = json!({ "report": report });
        inner.report_kept(&report.id, "report.asked", &caller.name(), detail, vec![put]).await?;
        tokio::spawn(make(inner.clone(), report.id.clone()));
        Ok(report)
    }

    async fn report_of(&self, caller: &Caller, id: &str) -> Result<Report, PlasticError> {
        let found = self.0.report(id).await?.map(|found| found.value);
        let is_seen = |report: &Report| match Visibility::of(caller) {
            Visibility::Everything => true,
            Visibility::Organisation(own) => report.owner.as_ref() == Some(&own),
            _ => false,
        };
        let mut report = found.filter(is_seen).ok_or_else(|| PlasticError::absent("report", id))?;
        if report.expires.is_some_and(|expires| self.0.now() >= expires) {
            report.state = ReportState::Expired;
        }
        Ok(report)
    }

    /// How a report stands; what makes a link to its file good, once it is there.
    ///
    /// # Errors
    /// When there is none for the caller.
    pub async fn report(&self, caller: &Caller, id: &str) -> Result<(Report, Option<Link>), PlasticError> {
        policy::may_at_all(caller, Action::ReportRead)?;
        let report = self.report_of(caller, id).await?;
        let link = match (&report.state, report.expires) {
            (ReportState::Completed, Some(expires)) => {
                Some(self.0.link(id, expires.0.div_euclid(1_000)).await?)
            }
            _ => None,
        };
        Ok((report, link))
    }

    /// A report's file, for somebody who may read reports.
    ///
    /// # Errors
    /// When there is none, or it is not there yet, or no more.
    pub async fn report_file(&self, caller: &Caller, id: &str) -> Result<(Report, Vec<u8>), PlasticError> {
        policy::may_at_all(caller, Action::ReportRead)?;
        let report = self.report_of(caller, id).await?;
        self.opened(report).await
    }

    /// A report's file, for whoever has a link.
    ///
    /// # Errors
    /// When the link is not good, or no longer.
    pub async fn report_linked(&self, id: &str, link: &Link) -> Result<(Report, Vec<u8>), PlasticError> {
        let good = self.0.link(id, link.until_s).await?;
        let is_good: bool = good.signature.as_bytes().ct_eq(link.signature.as_bytes()).into();
        if !is_good {
            return Err(PlasticError::Forbidden("the link is not good".to_owned()));
        }
        if self.0.now().0 >= link.until_s.saturating_mul(1_000) {
            return Err(expired(id));
        }
        let found = self.0.report(id).await?;
        let report = found.ok_or_else(|| PlasticError::absent("report", id))?.value;
        self.opened(report).await
    }

    async fn opened(&self, report: Report) -> Result<(Report, Vec<u8>), PlasticError> {
        match &report.state {
            ReportState::Processing => {
                Err(PlasticError::Conflict(format!("report {} is still being made", report.id)))
            }
            ReportState::Failed(why) => {
                Err(PlasticError::Conflict(format!("report {} could not be made: {why}", report.id)))
            }
            ReportState::Expired => Err(expired(&report.id)),
            ReportState::Completed => {
                let file = self.0.file(&report).await?;
                Ok((report, file))
            }
        }
    }
}
