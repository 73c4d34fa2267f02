//! The cast of a zone: its batteries and cabinets, reached through actors or directly.

use host::actor::{Address, Letter, Shell};
use std::future::Future;
use twin::battery::Battery;
use twin::cabinet::Cabinet;

/// What a zone needs of its twins. One implementation lets every twin be an actix actor, the other calls the same
/// shells directly, for tests and to measure what the actors cost.
pub trait Cast {
    /// Adds a battery and returns its place.
    fn add_battery(&mut self, shell: Shell<Battery>) -> u32;
    /// Adds a cabinet and returns its place.
    fn add_cabinet(&mut self, shell: Shell<Cabinet>) -> u32;
    /// Sends a letter to a battery and waits until it comes back.
    fn tell_battery(
        &mut self,
        battery: u32,
        letter: Box<Letter<Battery>>,
    ) -> impl Future<Output = Box<Letter<Battery>>>;
    /// Sends a letter to a cabinet and waits until it comes back.
    fn tell_cabinet(
        &mut self,
        cabinet: u32,
        letter: Box<Letter<Cabinet>>,
    ) -> impl Future<Output = Box<Letter<Cabinet>>>;
    /// Looks at a battery.
    fn look_battery<R: Send + 'static>(
        &mut self,
        battery: u32,
        look: impl FnOnce(&Battery) -> R + Send + 'static,
    ) -> impl Future<Output = R>;
    /// Looks at a cabinet.
    fn look_cabinet<R: Send + 'static>(
        &mut self,
        cabinet: u32,
        look: impl FnOnce(&Cabinet) -> R + Send + 'static,
    ) -> impl Future<Output = R>;
    /// Takes a battery out, shell and all.
    fn take_battery(&mut self, battery: u32) -> impl Future<Output = Box<Shell<Battery>>>;
}

/// Every twin an actor on the present arbiter.
#[derive(Default)]
pub struct Actors {
    batteries: Vec<Option<Address<Battery>>>,
    cabinets: Vec<Address<Cabinet>>,
    vacant: Vec<u32>,
}

/// Every twin called directly.
#[derive(Default)]
pub struct Direct {
    batteries: Vec<Option<Box<Shell<Battery>>>>,
    cabinets: Vec<Shell<Cabinet>>,
    vacant: Vec<u32>,
}

/// The engine speaks to twins it has itself put in place, in terms that they accept; anything else is a bug here.
const HELD: &str = "the zone holds this twin";
const ACCEPTED: &str = "the engine asks only for what is possible";

/// Puts a value into a vacant place or a new one.
fn place<V>(seats: &mut Vec<Option<V>>, vacant: &mut Vec<u32>, value: V) -> u32 {
    if let Some(index) = vacant.pop() {
        seats[index as usize] = Some(value);
        return index;
    }
    seats.push(Some(value));
    (seats.len() - 1) as u32
}

impl Cast for Actors {
    fn add_battery(&mut self, shell: Shell<Battery>) -> u32 {
        place(&mut self.batteries, &mut self.vacant, Address::start(shell))
    }

    fn add_cabinet(&mut self, shell: Shell<Cabinet>) -> u32 {
        self.cabinets.push(Address::start(shell));
        (self.cabinets.len() - 1) as u32
    }

    async fn tell_battery(&mut self, battery: u32, letter: Box<Letter<Battery>>) -> Box<Letter<Battery>> {
        let address = self.batteries[battery as usize].as_ref().expect(HELD);
        address.tell(letter).await.expect(HELD).expect(ACCEPTED)
    }

    async fn tell_cabinet(&mut self, cabinet: u32, letter: Box<Letter<Cabinet>>) -> Box<Letter<Cabinet>> {
        self.cabinets[cabinet as usize].tell(letter).await.expect(HELD).expect(ACCEPTED)
    }

    async fn look_battery<R: Send + 'static>(
        &mut self,
        battery: u32,
        look: impl FnOnce(&Battery) -> R + Send + 'static,
    ) -> R {
        let address = self.batteries[battery as usize].as_ref().expect(HELD);
        address.look(|shell| look(shell.twin())).await.expect(HELD)
    }

    async fn look_cabinet<R: Send + 'static>(
        &mut self,
        cabinet: u32,
        look: impl FnOnce(&Cabinet) -> R + Send + 'static,
    ) -> R {
        self.cabinets[cabinet as usize].look(|shell| look(shell.twin())).await.expect(HELD)
    }

    async fn take_battery(&mut self, battery: u32) -> Box<Shell<Battery>> {
        let address = self.batteries[battery as usize].take().expect(HELD);
        self.vacant.push(battery);
        address.leave().await.expect(HELD)
    }
}

impl Cast for Direct {
    fn add_battery(&mut self, shell: Shell<Battery>) -> u32 {
        place(&mut self.batteries, &mut self.vacant, Box::new(shell))
    }

    fn add_cabinet(&mut self, shell: Shell<Cabinet>) -> u32 {
        self.cabinets.push(shell);
        (self.cabinets.len() - 1) as u32
    }

    async fn tell_battery(&mut self, battery: u32, mut letter: Box<Letter<Battery>>) -> Box<Letter<Battery>> {
        self.batteries[battery as usize].as_mut().expect(HELD).tell(&mut letter).expect(ACCEPTED);
        letter
    }

    async fn tell_cabinet(&mut self, cabinet: u32, mut letter: Box<Letter<Cabinet>>) -> Box<Letter<Cabinet>> {
        self.cabinets[cabinet as usize].tell(&mut letter).expect(ACCEPTED);
        letter
    }

    async fn look_battery<R: Send + 'static>(
        &mut self,
        battery: u32,
        look: impl FnOnce(&Battery) -> R + Send + 'static,
    ) -> R {
        look(self.batteries[battery as usize].as_ref().expect(HELD).twin())
    }

    async fn look_cabinet<R: Send + 'static>(
        &mut self,
        cabinet: u32,
        look: impl FnOnce(&Cabinet) -> R + Send + 'static,
    ) -> R {
        look(self.cabinets[cabinet as usize].twin())
    }

    async fn take_battery(&mut self, battery: u32) -> Box<Shell<Battery>> {
        self.vacant.push(battery);
        self.batteries[battery as usize].take().expect(HELD)
    }
}
