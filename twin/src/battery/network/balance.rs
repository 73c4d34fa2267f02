//! Balancing: what a battery management system does so that cells in series stay together.
//!
//! A *channel* is what has one voltage tap: a parallel group, or a single cell where strings are joined only at their
//! ends. A channel's current is shared evenly by its cells, on top of what the network gives them.

/// How cells are kept together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Balancing {
    /// Not at all.
    #[default]
    None,
    /// Channels that are too high are discharged through a resistor, while the pack is not being discharged.
    Passive {
        /// Current of one channel [A].
        bleed_a: f64,
        /// Only above this channel voltage [V].
        above_v: f64,
        /// Begins at this distance from the lowest channel, ends at half of it [V].
        difference_v: f64,
    },
    /// The highest channel charges the lowest through a converter.
    Active {
        /// Current taken from the highest channel [A].
        transfer_a: f64,
        /// Energy given per energy taken.
        efficiency: f64,
        /// Only while the highest channel is above this [V].
        above_v: f64,
        /// Begins at this distance between the highest and the lowest, ends at half of it [V].
        difference_v: f64,
    },
}

/// The state of a balancer.
#[derive(Debug, Clone, PartialEq)]
pub struct Balancer {
    balancing: Balancing,
    on: Vec<bool>,
    active: bool,
}

impl Balancer {
    /// A balancer for so many channels.
    pub fn new(balancing: Balancing, channels: usize) -> Self {
        Self { balancing, on: vec![false; channels], active: false }
    }

    /// Whether it can do anything at all.
    pub fn exists(&self) -> bool {
        self.balancing != Balancing::None
    }

    /// Whether it does anything at present.
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// Decides the channels' currents [A] from their voltages; positive ones discharge the channel.
    pub fn decide(&mut self, voltage_v: &[f64], discharging: bool, current_a: &mut [f64]) {
        current_a.fill(0.0);
        self.active = false;
        let (mut low, mut high) = (0, 0);
        for (channel, v) in voltage_v.iter().enumerate() {
            if *v < voltage_v[low] {
                low = channel;
            }
            if *v > voltage_v[high] {
                high = channel;
            }
        }
        match self.balancing {
            Balancing::None => {}
            Balancing::Passive { bleed_a, above_v, difference_v } => {
                for (channel, v) in voltage_v.iter().enumerate() {
                    let needed_v = if self.on[channel] { 0.5 * difference_v } else { difference_v };
                    let on = !discharging && *v > above_v && v - voltage_v[low] > needed_v;
                    self.on[channel] = on;
                    if on {
                        current_a[channel] = bleed_a;
                        self.active = true;
                    }
                }
            }
            Balancing::Active { transfer_a, efficiency, above_v, difference_v } => {
                let needed_v = if self.on[0] { 0.5 * difference_v } else { difference_v };
                let gap_v = voltage_v[high] - voltage_v[low];
                let on = voltage_v[high] > above_v && gap_v > needed_v;
                self.on[0] = on;
                self.active = on;
                if on {
                    current_a[high] = transfer_a;
                    current_a[low] = -efficiency * transfer_a * voltage_v[high] / voltage_v[low];
                }
            }
        }
    }
}
