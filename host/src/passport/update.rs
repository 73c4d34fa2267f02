//! Changing what is registered of a battery.

use super::event::set_owner;
use super::record::Passport;
use super::register::{Given, spec};
use super::{PassportError, Passports};
use crate::identity::Visibility;
use crate::platform::{Spec, Update};
use serde_json::{Value, json};
use twin::passport::lifecycle::Stage;
use twin::time::Time;

/// What is to be changed: the whole as it shall be, and the names of what differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// Everything as it shall be.
    pub given: Given,
    /// Where in its life it shall be; where it is, where nobody says.
    pub stage: Option<Stage>,
    /// Names of what differs, as interfaces call it.
    pub changes: Vec<String>,
}

/// What became of a change.
#[derive(Debug, Clone)]
pub struct Changed {
    /// The passport.
    pub passport: Passport,
    /// When.
    pub at: Time,
    /// Hash of the fact, where there was anything to change: `0x…`.
    pub hash: Option<String>,
}

impl Passports {
    /// Changes what is registered of a battery: `edit` says from the passport as it is how it shall be.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn update(
        &self,
        name: &str,
        visible: &Visibility,
        by: &str,
        mut edit: impl FnMut(&Passport) -> Result<Edit, PassportError>,
    ) -> Result<(Changed, Vec<String>), PassportError> {
        let known = self.find(name, visible).await?;
        if edit(&known)?.changes.is_empty() {
            return Ok((Changed { at: known.changed_at, passport: known, hash: None }, Vec::new()));
        }
        let (now, today) = (self.now(), self.today());
        let mut twin_spec = None;
        let kept = self
            .change(name, visible, by, |passport, draft| {
                let mut edit = edit(passport)?;
                if passport.lifecycle.stage == Stage::Recycled
                    && edit.stage.is_some_and(|to| to != Stage::Recycled)
                {
                    return Err(PassportError::unfit(
                        "lifecycle.status",
                        "a recycled battery stays recycled",
                    ));
                }
                let checked = edit.given.check(today)?;
                if let Some(to) = edit.stage.filter(|to| *to != passport.lifecycle.stage) {
                    passport.lifecycle.stage = passport.lifecycle.stage.go(to)?;
                    passport.lifecycle.converted |= to == Stage::SecondLife;
                }
                twin_spec = Some(spec(&edit.given, &checked));
                let Given { identity, chemistry, owner, application, installed_on, vehicle_vin, .. } =
                    &edit.given;
                passport.identity = identity.clone();
                passport.chemistry = chemistry.clone();
                passport.mapping = checked.mapping;
                passport.specifications = checked.specifications;
                passport.category = checked.category;
                let life = &mut passport.lifecycle;
                set_owner(life, owner.clone(), now);
                (life.application, life.installed_on) = (*application, *installed_on);
                life.vehicle_vin.clone_from(vehicle_vin);
                passport.papers.clone_from(&edit.given.papers);
                passport.renewable = edit.given.renewable;
                passport.declared_production_kg = edit.given.declared_production_kg;
                draft.fact("passport.changed", json!({ "changes": edit.changes }));
                Ok(edit.changes)
            })
            .await?;
        if let Some(spec) = twin_spec {
            self.tell_twin(&kept.passport, spec, by).await?;
        }
        let changed =
            Changed { at: kept.passport.changed_at, passport: kept.passport, hash: Some(kept.hash) };
        Ok((changed, kept.answer))
    }

    /// Lets the twin know what is registered now; only what a passport says, and only where it differs.
    async fn tell_twin(
        &self,
        passport: &Passport,
        spec: crate::platform::registry::BatterySpec,
        by: &str,
    ) -> Result<(), PassportError> {
        let record = self.platform.find(None, &passport.twin.to_string()).await?;
        let mut known = match record.spec.json() {
            Value::Object(known) => known,
            _ => return Ok(()),
        };
        let before = known.clone();
        if let Value::Object(new) = Spec::Battery(spec).json() {
            known.extend(new);
        }
        if known != before {
            let update = Update { spec: Some(Value::Object(known)), ..Update::default() };
            self.platform.update(passport.twin, update, by).await?;
        }
        Ok(())
    }
}
