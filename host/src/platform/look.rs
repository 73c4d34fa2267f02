//! Looking: twins, alerts and commands, one or page by page.

use super::alerts::{AlertRecord, WhichAlerts};
use super::command::CommandRecord;
use super::door::Kind;
use super::registry::{TwinRecord, Which};
use super::sight::Sight;
use super::{Core, Platform, PlatformError, TwinId, uuid};
use crate::store::records::{By, Collection, Cursor, Within};
use futures::stream::{self, StreamExt, TryStreamExt};
use twin::time::Time;

/// Records that are read at a time while looking for those that fit.
const PAGE: usize = 256;
/// Twins that are looked at at once.
const AT_ONCE: usize = 32;
/// Records that one page of answers may look at; then it ends early, with a cursor to go on.
const LOOKED_AT_MAX: usize = 20_000;

impl Platform {
    /// The twin that a name leads to: its own, or any that it has outside.
    ///
    /// # Errors
    /// When there is none, or several.
    pub async fn find(&self, kind: Option<Kind>, name: &str) -> Result<TwinRecord, PlatformError> {
        self.residents.find(kind, name).await
    }

    /// What there is to see of a twin now.
    ///
    /// # Errors
    /// When there is none.
    pub async fn view(&self, id: TwinId) -> Result<Sight, PlatformError> {
        let now = self.core.clock.now();
        self.residents.look(id, |facts| Sight::of(facts, now)).await
    }

    /// What there was to see of a twin at an instant: what was measured and said up to then, under what it was
    /// registered as. Alerts and commands are in its events.
    ///
    /// # Errors
    /// When there was none then.
    pub async fn view_at(&self, id: TwinId, at: Time) -> Result<Sight, PlatformError> {
        let facts = self.core.facts(id, Some(at)).await?;
        let is_known = at >= facts.record.created_at || facts.kept.measured.readings > 0;
        if !is_known {
            return Err(PlatformError::absent("twin at that time:", id.to_string()));
        }
        Ok(Sight::of(&facts, at))
    }

    /// A page of twins, in the order in which they were registered.
    ///
    /// # Errors
    /// When the cursor is none, or the store cannot be read.
    pub async fn list(
        &self,
        which: &Which,
        limit: usize,
        cursor: Option<Cursor>,
    ) -> Result<(Vec<Sight>, Option<Cursor>), PlatformError> {
        if which.text.is_none() && which.near.is_none() {
            return self.list_in_order(which, limit, cursor).await;
        }
        let twins = Collection::<TwinRecord, _>::of(self.core.store.as_ref());
        let (by, within) = match which.kind {
            Some(kind) => (By::Index("kind".to_owned()), Within::Exactly(kind.as_str().as_bytes().to_vec())),
            None => (By::Key, Within::All),
        };
        let (mut found, mut after, mut looked_at) = (Vec::new(), cursor, 0);
        loop {
            // One by one towards the end, so that the cursor stands behind the last that was answered.
            let page = (limit - found.len()).clamp(1, PAGE);
            let (records, next) = twins.page(by.clone(), within.clone(), page, after).await?;
            looked_at += records.len();
            let meant = records.into_iter().map(|record| record.value).filter(|record| {
                (which.retired || record.retired_at.is_none())
                    && which.visible.as_ref().is_none_or(|visible| visible.shows(&record.kept_by()))
                    && which.text.as_ref().is_none_or(|text| record.has_in_names(text))
            });
            // Those that sleep are woken side by side.
            let ids: Vec<TwinId> = meant.map(|record| record.id).collect();
            let seen = stream::iter(ids).map(|id| self.view(id)).buffered(AT_ONCE);
            let seen: Vec<Sight> = seen.try_collect().await?;
            found.extend(seen.into_iter().filter(|seen| which.near.is_none_or(|near| is_near(seen, near))));
            match next {
                None => return Ok((found, None)),
                Some(next) if found.len() >= limit || looked_at >= LOOKED_AT_MAX => {
                    return Ok((found, Some(next)));
                }
                Some(next) => after = Some(next),
            }
        }
    }

    /// The same where nothing is looked for in them: then the store is not asked.
    async fn list_in_order(
        &self,
        which: &Which,
        limit: usize,
        cursor: Option<Cursor>,
    ) -> Result<(Vec<Sight>, Option<Cursor>), PlatformError> {
        let after = cursor.map(|cursor| twin_at(&cursor)).transpose()?;
        let visible = which.visible.as_ref();
        let mut ids: Vec<TwinId> = self
            .core
            .in_roll(|sheet| {
                let meant = sheet.made(which.kind, after).filter(|(_, listed)| {
                    (which.retired || !listed.is_retired)
                        && visible.is_none_or(|visible| listed.is_seen_by(visible))
                });
                // One more tells whether there is a next page.
                meant.map(|(id, _)| id).take(limit.saturating_add(1)).collect()
            })
            .await?;
        let is_more = ids.len() > limit;
        ids.truncate(limit);
        let next = ids.last().filter(|_| is_more).map(|id| cursor_at(*id)).transpose()?;
        let seen = stream::iter(ids).map(|id| self.view(id)).buffered(AT_ONCE);
        Ok((seen.try_collect().await?, next))
    }

    /// One alert, by its id or its name for people.
    ///
    /// # Errors
    /// When there is none.
    pub async fn alert(&self, name: &str) -> Result<AlertRecord, PlatformError> {
        let alerts = Collection::<AlertRecord, _>::of(self.core.store.as_ref());
        let found = match uuid("alert", name) {
            Ok(id) => alerts.get(&id.to_string()).await?,
            Err(_) if name.is_empty() || name.len() > 400 => None,
            Err(_) => alerts.find("alert_id", name.as_bytes()).await?,
        };
        found.map(|alert| alert.value).ok_or_else(|| PlatformError::absent("alert", name))
    }

    /// A page of alerts, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn alerts(
        &self,
        which: &WhichAlerts,
        limit: usize,
        cursor: Option<Cursor>,
    ) -> Result<(Vec<AlertRecord>, Option<Cursor>), PlatformError> {
        let alerts = Collection::<AlertRecord, _>::of(self.core.store.as_ref());
        let (by, within) = match which.twin {
            Some(twin) if which.active == Some(true) => {
                (By::Index("open_of".to_owned()), Within::Exactly(twin.to_string().into_bytes()))
            }
            Some(twin) => (By::Index("twin".to_owned()), Within::Exactly(twin.to_string().into_bytes())),
            None if which.active == Some(true) => (By::Index("open_of".to_owned()), Within::All),
            None => (By::Index("newest".to_owned()), Within::All),
        };
        let (mut found, mut after, mut looked_at) = (Vec::new(), cursor, 0);
        loop {
            let page = (limit - found.len()).clamp(1, PAGE);
            let (records, next) = alerts.page(by.clone(), within.clone(), page, after).await?;
            looked_at += records.len();
            found.extend(records.into_iter().map(|alert| alert.value).filter(|alert| which.includes(alert)));
            match next {
                None => break after = None,
                Some(next) if found.len() >= limit || looked_at >= LOOKED_AT_MAX => break after = Some(next),
                Some(next) => after = Some(next),
            }
        }
        found.sort_by(|a, b| b.triggered_at.cmp(&a.triggered_at).then(a.id.cmp(&b.id)));
        Ok((found, after))
    }

    /// One command of a twin.
    ///
    /// # Errors
    /// When there is none.
    pub async fn command_of(&self, twin: TwinId, id: &str) -> Result<CommandRecord, PlatformError> {
        let found = self.core.command(&uuid("command", id)?.to_string()).await?;
        found.filter(|command| command.twin == twin).ok_or_else(|| PlatformError::absent("command", id))
    }

    /// A page of a twin's commands, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn commands(
        &self,
        twin: TwinId,
        limit: usize,
        cursor: Option<Cursor>,
    ) -> Result<(Vec<CommandRecord>, Option<Cursor>), PlatformError> {
        let commands = Collection::<CommandRecord, _>::of(self.core.store.as_ref());
        let within = Within::Prefix(twin.to_string().into_bytes());
        let (page, next) = commands.page(By::Index("twin".to_owned()), within, limit, cursor).await?;
        Ok((page.into_iter().map(|command| command.value).collect(), next))
    }
}

/// The end of a page in the order of registration: the twin that it ended with.
fn cursor_at(id: TwinId) -> Result<Cursor, PlatformError> {
    Ok(id.0.simple().to_string().parse::<Cursor>()?)
}

fn twin_at(cursor: &Cursor) -> Result<TwinId, PlatformError> {
    let id = cursor.to_string().parse::<TwinId>();
    id.map_err(|_| PlatformError::unfit("cursor", "is none of this list"))
}

/// A twin as it is registered.
pub(super) async fn record_of(core: &Core, id: TwinId) -> Result<TwinRecord, PlatformError> {
    let twins = Collection::<TwinRecord, _>::of(core.store.as_ref());
    let key = id.to_string();
    let found = twins.get(&key).await?;
    found.map(|found| found.value).ok_or_else(|| PlatformError::absent("twin", key))
}

fn is_near(seen: &Sight, (lat, lon, km): (f64, f64, f64)) -> bool {
    let Some((own_lat, own_lon)) = seen.position else { return false };
    let rad = f64::to_radians;
    let half = |a: f64, b: f64| (rad(b - a) / 2.0).sin().powi(2);
    let h = half(lat, own_lat) + rad(lat).cos() * rad(own_lat).cos() * half(lon, own_lon);
    // Great circle on a sphere of the mean radius of the Earth [km].
    2.0 * 6_371.0 * h.sqrt().min(1.0).asin() <= km
}
