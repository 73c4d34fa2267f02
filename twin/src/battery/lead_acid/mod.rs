//! Lead-acid blocks in strings, as they stand behind uninterruptible supplies.
//!
//! A [`LeadAcidBank`] is the twin: strings of blocks in parallel, on float for years and under load for minutes.
//! Each block has its own voltage, temperature, capacity, resistance and wear; the weakest ends a discharge. Float
//! and rest go by the hour in closed form, charge by minutes, discharge by small steps of charge.
//!
//! ```text
//! file ─► block (make, one block) ─► string (float, charge, rest) ─► bank (load, commands, events)
//!          ▲ capacity, shepherd, ageing   ▲ runaway                   ▲ discharge
//! ```
//!
//! See `docs/models/lead-acid.md` for what it predicts and what it does not.

pub mod ageing;
pub mod block;
pub mod capacity;
pub(super) mod check;
pub mod discharge;
pub mod file;
pub mod runaway;
pub mod shepherd;
pub mod string;

use crate::battery::lead_acid::runaway::Notice;
use crate::forcing::Ambient;
use crate::time::Time;
use crate::twin::{Events, Moment, Twin};
use block::BlockTraits;
use discharge::{Discharged, Load, discharge};
use runaway::Alarm;
use smallvec::SmallVec;
use std::sync::{Arc, Mutex};
use string::{Charger, StringModel, StringState};

/// Happenings that a bank remembers.
const REMEMBERED: usize = 16;
/// An autonomy is not looked for beyond this [s].
const AUTONOMY_MAX_S: f64 = 100.0 * 3600.0;

/// What a bank is on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Duty {
    /// The charger, or nothing.
    Idle(Charger),
    /// A load, until the weakest block ends it; then nothing.
    Carry(Load),
}

/// Strings of blocks in parallel that share a load; one string is a bank of one.
#[derive(Debug, Clone)]
pub struct LeadAcidBank {
    model: Arc<StringModel>,
    ambient: Ambient,
    at: Time,
    duty: Duty,
    strings: Vec<StringState>,
    spent: Vec<bool>,
    carried_s: f64,
    happened: SmallVec<[Happening; 4]>,
    draft: Draft,
}

/// The bank at the end of the span that the last decision looked through, and where that span began: applying what was
/// decided need not integrate it again. Only a memory of what [`LeadAcidBank::catch_up`] finds from the same state, which
/// any change forgets and no copy inherits.
#[derive(Debug, Default)]
struct Draft(Mutex<Option<(Time, Box<LeadAcidBank>)>>);

impl Clone for Draft {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Draft {
    fn keep(&self, from: Time, ahead: LeadAcidBank) {
        if let Ok(mut place) = self.0.lock() {
            *place = Some((from, Box::new(ahead)));
        }
    }

    fn take(&mut self) -> Option<(Time, Box<LeadAcidBank>)> {
        self.0.get_mut().ok()?.take()
    }
}

/// What a bank may be told, as of the moment of the decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BankCommand {
    /// Only to bring itself up to date.
    CatchUp,
    /// To be on something else.
    Begin(Duty),
    /// To get a new, full block in a place.
    ReplaceBlock {
        /// The string.
        string: usize,
        /// The place in it.
        block: usize,
    },
    /// To put the charger back on after its guard tripped.
    ResetGuard {
        /// The string.
        string: usize,
    },
}

/// What happened to a bank.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BankEvent {
    /// Time went on.
    CaughtUp {
        /// To here.
        to: Time,
    },
    /// Something happened on the way.
    Happened(Happening),
    /// It is on something else.
    Began(Duty),
    /// A block was replaced.
    BlockReplaced {
        /// The string.
        string: usize,
        /// The place in it.
        block: usize,
        /// The new block.
        traits: BlockTraits,
    },
    /// A guard was reset.
    GuardReset {
        /// The string.
        string: usize,
    },
}

/// What came about in a bank by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Happening {
    /// When.
    pub at: Time,
    /// In which string.
    pub string: usize,
    /// What.
    pub what: What,
}

/// Kinds of happenings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum What {
    /// A guard against thermal runaway changed its mind.
    Runaway(Notice),
    /// A block was empty and ended its string.
    StringEnded {
        /// The block.
        block: usize,
    },
    /// With this string the load was dropped.
    LoadDropped {
        /// How long it had been carried [s].
        after_s: f64,
    },
}

/// Why a bank refuses.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum BankRefusal {
    /// The moment lies before the bank's own time.
    #[error("a command at {now_ms} ms cannot follow one at {after_ms} ms")]
    OutOfOrder {
        /// The moment.
        now_ms: i64,
        /// The bank's time.
        after_ms: i64,
    },
    /// A load is not a finite positive figure.
    #[error("a load needs a finite positive figure: {load:?}")]
    Senseless {
        /// The load.
        load: Load,
    },
    /// There is no such place.
    #[error("there is no block {block} in string {string}")]
    NoSuchBlock {
        /// The string.
        string: usize,
        /// The block.
        block: usize,
    },
}

/// What a bank shows.
#[derive(Debug, Clone, PartialEq)]
pub struct BankView {
    /// As of when.
    pub at: Time,
    /// What it is on.
    pub duty: Duty,
    /// Its strings.
    pub strings: Vec<StringView>,
    /// Time for which the load under way, or the last one, was carried [s].
    pub carried_s: f64,
    /// Latest happenings.
    pub happened: SmallVec<[Happening; 4]>,
}

/// What a string shows.
#[derive(Debug, Clone, PartialEq)]
pub struct StringView {
    /// Voltage at its terminals [V].
    pub voltage_v: f64,
    /// Current [A], positive discharging.
    pub current_a: f64,
    /// State of charge of the weakest block.
    pub soc: f64,
    /// How its guard stands.
    pub alarm: Alarm,
    /// (dP_float/dT)/UA of the worst block; 1 is where runaway begins.
    pub runaway_ratio: f64,
    /// Its blocks.
    pub blocks: Vec<BlockView>,
}

/// What a block shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlockView {
    /// Voltage at its terminals [V].
    pub voltage_v: f64,
    /// Temperature [°C].
    pub temperature_c: f64,
    /// State of charge of present capacity.
    pub soc: f64,
    /// Capacity relative to rated.
    pub soh: f64,
    /// Resistance at its temperature [Ω].
    pub resistance_ohm: f64,
    /// Float life used up; 1 is the end.
    pub life_used: f64,
}

impl LeadAcidBank {
    /// Full strings on float, of blocks with these traits.
    pub fn new(model: Arc<StringModel>, traits: &[Vec<BlockTraits>], ambient: Ambient, at: Time) -> Self {
        let temperature_c = ambient.at(at);
        let string = |traits: &Vec<BlockTraits>| StringState::new(&model, traits, temperature_c);
        Self {
            strings: traits.iter().map(string).collect(),
            spent: vec![false; traits.len()],
            duty: Duty::Idle(Charger::Float),
            carried_s: 0.0,
            happened: SmallVec::new(),
            draft: Draft::default(),
            model,
            ambient,
            at,
        }
    }

    /// Strings of blocks drawn from the make, or all alike when there is no stream to draw from.
    pub fn drawn(
        model: Arc<StringModel>,
        strings: usize,
        ambient: Ambient,
        at: Time,
        mut stream: Option<&mut crate::rng::Stream>,
    ) -> Self {
        let mut block = || stream.as_deref_mut().map_or_else(BlockTraits::default, |s| model.block.draw(s));
        let traits: Vec<Vec<_>> =
            (0..strings).map(|_| (0..model.blocks).map(|_| block()).collect()).collect();
        Self::new(model, &traits, ambient, at)
    }

    /// How strings are built.
    pub fn model(&self) -> &StringModel {
        &self.model
    }

    /// The strings as of [`LeadAcidBank::at`].
    pub fn strings(&self) -> &[StringState] {
        &self.strings
    }

    /// The instant up to which the bank is integrated.
    pub fn at(&self) -> Time {
        self.at
    }

    /// What it is on.
    pub fn duty(&self) -> Duty {
        self.duty
    }

    /// Time for which the load under way, or the last one, was carried [s].
    pub fn carried_s(&self) -> f64 {
        self.carried_s
    }

    /// A copy as of `now`.
    pub fn observed(&self, now: Time) -> LeadAcidBank {
        let mut copy = self.clone();
        copy.catch_up(now);
        copy
    }

    /// Puts the bank on something else, as of its own time. A load that follows a load goes on with the same
    /// discharge.
    pub fn begin(&mut self, duty: Duty) {
        self.draft.take();
        let before = std::mem::replace(&mut self.duty, duty);
        if let (Duty::Idle(_), Duty::Carry(_)) = (before, duty) {
            self.spent.fill(false);
            self.carried_s = 0.0;
            let model = &self.model;
            self.strings.iter_mut().for_each(|string| string.begin_discharge(model));
        }
    }

    /// For how long a load would be carried from now on, and what would end it.
    pub fn autonomy(&self, load: Load) -> Discharged {
        let mut copy = self.clone();
        copy.begin(Duty::Carry(load));
        copy.carry(load, AUTONOMY_MAX_S)
    }

    /// Integrates up to `to` and tells what came about on the way.
    pub fn catch_up(&mut self, to: Time) -> SmallVec<[Happening; 4]> {
        self.draft.take();
        let mut happened = SmallVec::new();
        if let Duty::Carry(load) = self.duty
            && self.at < to
        {
            let done = self.carry(load, to.seconds_since(self.at));
            let place =
                |ended: &discharge::Ended| (self.at.plus_seconds(ended.after_s).min(to), ended.string);
            for ended in &done.strings {
                let (at, string) = place(ended);
                happened.push(Happening { at, string, what: What::StringEnded { block: ended.block } });
            }
            self.carried_s += done.seconds;
            if done.ended {
                let (at, string) = done.strings.last().map_or((self.at, 0), place);
                let what = What::LoadDropped { after_s: self.carried_s };
                happened.push(Happening { at, string, what });
                self.duty = Duty::Idle(Charger::Open);
                self.at = at;
            } else {
                self.at = to;
            }
        }
        if let Duty::Idle(charger) = self.duty
            && self.at < to
        {
            let span = (self.at, to);
            for (string, state) in self.strings.iter_mut().enumerate() {
                state.pass(&self.model, charger, &self.ambient, span, |at, notice| {
                    happened.push(Happening { at, string, what: What::Runaway(notice) });
                });
            }
            self.at = to;
        }
        happened
    }

    fn carry(&mut self, load: Load, seconds: f64) -> Discharged {
        let (from, ambient) = (self.at, &self.ambient);
        let air_c = |after_s: f64| ambient.at(from.plus_seconds(after_s));
        discharge(&mut self.strings, &mut self.spent, &self.model, load, air_c, seconds)
    }

    fn place(&self, string: usize, block: usize) -> Result<(), BankRefusal> {
        if string < self.strings.len() && block < self.strings[string].blocks.len() {
            return Ok(());
        }
        Err(BankRefusal::NoSuchBlock { string, block })
    }
}

impl Twin for LeadAcidBank {
    type Command = BankCommand;
    type Event = BankEvent;
    type Refusal = BankRefusal;
    type View = BankView;

    fn decide(&self, command: &BankCommand, moment: &Moment<'_>) -> Result<Events<BankEvent>, BankRefusal> {
        if moment.now < self.at {
            return Err(BankRefusal::OutOfOrder { now_ms: moment.now.0, after_ms: self.at.0 });
        }
        let then = match *command {
            BankCommand::CatchUp => None,
            BankCommand::Begin(duty) => {
                if let Duty::Carry(load) = duty {
                    let (Load::Power { power_w: figure } | Load::Current { current_a: figure }) = load;
                    if !(figure.is_finite() && figure > 0.0) {
                        return Err(BankRefusal::Senseless { load });
                    }
                }
                Some(BankEvent::Began(duty))
            }
            BankCommand::ReplaceBlock { string, block } => {
                self.place(string, block)?;
                let traits = self.model.block.draw(&mut moment.stream("replacement"));
                Some(BankEvent::BlockReplaced { string, block, traits })
            }
            BankCommand::ResetGuard { string } => {
                self.place(string, 0)?;
                Some(BankEvent::GuardReset { string })
            }
        };
        // What comes about on the way is found on a copy, so that it can be told; applying takes it from there.
        let mut ahead = self.clone();
        let mut events = Events::new();
        events.push(BankEvent::CaughtUp { to: moment.now });
        events.extend(ahead.catch_up(moment.now).into_iter().map(BankEvent::Happened));
        self.draft.keep(self.at, ahead);
        events.extend(then);
        Ok(events)
    }

    fn apply(&mut self, event: &BankEvent) {
        let draft = self.draft.take();
        match *event {
            BankEvent::CaughtUp { to } => match draft {
                Some((from, ahead)) if from == self.at && ahead.at == to => *self = *ahead,
                _ => {
                    self.catch_up(to);
                }
            },
            BankEvent::Happened(happening) => {
                if self.happened.len() == REMEMBERED {
                    self.happened.remove(0);
                }
                self.happened.push(happening);
            }
            BankEvent::Began(duty) => self.begin(duty),
            BankEvent::BlockReplaced { string, block, traits } => {
                let air_c = self.ambient.at(self.at);
                self.strings[string].replace(&self.model, block, traits, air_c);
            }
            BankEvent::GuardReset { string } => self.strings[string].guard.reset(),
        }
    }

    fn view(&self, now: Time) -> BankView {
        if now > self.at {
            return self.observed(now).view(now);
        }
        let block_model = &self.model.block;
        let block = |b: &block::BlockState| {
            let mut fresh = *b;
            fresh.refresh(block_model);
            BlockView {
                voltage_v: f64::from(block_model.cells) * b.cell_v,
                temperature_c: b.temperature_c,
                soc: fresh.soc(),
                soh: fresh.capacity,
                resistance_ohm: block_model.resistance_ohm(&fresh),
                life_used: b.wear.damage,
            }
        };
        let string = |s: &StringState| StringView {
            voltage_v: s.voltage_v(&self.model),
            current_a: s.current_a,
            soc: s.soc(),
            alarm: s.guard.alarm,
            runaway_ratio: s.guard.ratio,
            blocks: s.blocks.iter().map(block).collect(),
        };
        BankView {
            at: self.at,
            duty: self.duty,
            strings: self.strings.iter().map(string).collect(),
            carried_s: self.carried_s,
            happened: self.happened.clone(),
        }
    }
}
