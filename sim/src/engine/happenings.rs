//! What happens in a zone, as it is noted: millions of rows in a run of years, so each is kept small.

use super::tally::{Key, KeyHasher};
use std::collections::HashMap;
use std::num::NonZeroU32;
use twin::time::Time;

/// One event; those who took part are told by what names them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Happening<Name = Key> {
    /// When.
    pub at: Time,
    /// What.
    pub event: &'static str,
    /// Whom it happened to.
    pub key: Name,
    /// Who else took part.
    pub other: Option<Name>,
    /// A figure that belongs to it.
    pub value: f64,
}

/// What happened so far, in the order in which it was noted.
#[derive(Debug, Default)]
pub struct Happenings {
    /// Everything that took part, in the order in which it first did: rows tell it by its number, from 1 on.
    keys: Vec<Key>,
    /// The numbers. For look-up only: nothing iterates over it.
    numbers: HashMap<Key, NonZeroU32, KeyHasher>,
    rows: Rows<Happening<NonZeroU32>>,
}

impl Happenings {
    /// Notes an event.
    pub fn push(&mut self, happening: Happening) {
        let row = happening.named(|key| self.number(key));
        self.rows.push(row);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.rows.count()
    }

    /// Everything that took part, each once.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The events.
    pub fn iter(&self) -> impl Iterator<Item = Happening> {
        self.rows.iter().map(|row| row.named(|number| self.keys[place(number)]))
    }

    /// The events, those who took part told by other names; memory is given back on the way.
    pub fn into_each<Name: Copy>(self, name: impl Fn(&Key) -> Name) -> impl Iterator<Item = Happening<Name>> {
        let names: Vec<Name> = self.keys.iter().map(name).collect();
        self.rows.into_each().map(move |row| row.named(|number| names[place(number)]))
    }

    /// Forgets them all, and keeps some room for those to come.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.numbers.clear();
        self.rows.clear();
    }

    fn number(&mut self, key: Key) -> NonZeroU32 {
        *self.numbers.entry(key).or_insert_with(|| {
            let number = NonZeroU32::MIN.saturating_add(self.keys.len() as u32);
            self.keys.push(key);
            number
        })
    }
}

/// Where in a list stands what has this number.
fn place(number: NonZeroU32) -> usize {
    number.get() as usize - 1
}

impl<Name> Happening<Name> {
    /// The same with other names for those who took part.
    fn named<Other>(self, mut name: impl FnMut(Name) -> Other) -> Happening<Other> {
        let Self { at, event, key, other, value } = self;
        Happening { at, event, key: name(key), other: other.map(name), value }
    }
}

/// Rows in the order in which they came, kept in pieces: millions of them grow without being moved.
#[derive(Debug)]
struct Rows<T> {
    pieces: Vec<Vec<T>>,
}

/// Rows of a piece.
const PIECE: usize = 4096;

impl<T> Rows<T> {
    /// Adds a row.
    #[inline]
    fn push(&mut self, row: T) {
        match self.pieces.last_mut() {
            Some(piece) if piece.len() < PIECE => piece.push(row),
            // The first piece grows as it is needed, for many have only a few rows.
            before => {
                let mut piece = Vec::with_capacity(before.map_or(0, |_| PIECE));
                piece.push(row);
                self.pieces.push(piece);
            }
        }
    }

    /// How many there are.
    fn count(&self) -> usize {
        self.pieces.iter().map(Vec::len).sum()
    }

    /// The rows.
    fn iter(&self) -> impl Iterator<Item = &T> {
        self.pieces.iter().flatten()
    }

    /// The rows, each piece of them given back once it was seen.
    fn into_each(self) -> impl Iterator<Item = T> {
        self.pieces.into_iter().flatten()
    }

    /// Forgets them all, and keeps a piece's room for those to come.
    fn clear(&mut self) {
        self.pieces.truncate(1);
        self.pieces.iter_mut().for_each(Vec::clear);
    }
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { pieces: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_took_part_is_told_as_it_was_noted() {
        let (pack, cabinet) = (Key::NetworkPack(0, 7, 1), Key::Cabinet(0, 3));
        let swap = Happening { at: Time(5), event: "swap", key: cabinet, other: Some(pack), value: 1.5 };
        let fault = Happening { at: Time(6), event: "fault", key: pack, other: None, value: 0.0 };
        let mut happenings = Happenings::default();
        [swap, fault, swap].into_iter().for_each(|happening| happenings.push(happening));
        assert!(happenings.iter().eq([swap, fault, swap]));
        assert_eq!(happenings.keys(), [cabinet, pack]);
        let numbered: Vec<_> = happenings.into_each(|key| *key == pack).collect();
        assert_eq!((numbered[0].key, numbered[0].other), (false, Some(true)));
        assert_eq!((numbered[1].key, numbered[1].other), (true, None));
        assert_eq!(size_of::<Happening<NonZeroU32>>(), 40);
    }

    #[test]
    fn what_was_forgotten_is_numbered_anew() {
        let of = |key| Happening { at: Time(1), event: "fault", key, other: None, value: 0.0 };
        let mut happenings = Happenings::default();
        happenings.push(of(Key::Cabinet(0, 1)));
        happenings.clear();
        assert_eq!((happenings.count(), happenings.keys()), (0, [].as_slice()));
        happenings.push(of(Key::Cabinet(0, 2)));
        assert!(happenings.iter().eq([of(Key::Cabinet(0, 2))]));
    }

    #[test]
    fn rows_keep_their_order_over_pieces() {
        let mut rows = Rows::default();
        let many = 2 * PIECE + 3;
        (0..many).for_each(|row| rows.push(row));
        assert_eq!(rows.count(), many);
        assert!(rows.iter().copied().eq(0..many));
        rows.clear();
        assert_eq!((rows.count(), rows.iter().next()), (0, None));
        (0..many).for_each(|row| rows.push(row));
        assert!(rows.into_each().eq(0..many));
    }
}
