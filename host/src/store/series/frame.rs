//! Readings, one by one and in columns.

use super::METRICS_MAX;
use crate::store::StoreError;
use crate::store::name::{Entity, Metric};
use twin::time::Time;

/// What was measured at an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The instant.
    pub at: Time,
    /// The finite values.
    pub values: Vec<(Metric, f64)>,
}

/// Readings of one twin.
#[derive(Debug, Clone, PartialEq)]
pub struct Readings {
    /// Whose they are.
    pub twin: Entity,
    /// The readings, in any order.
    pub readings: Vec<Reading>,
}

/// Readings in columns, ordered by time, no instant twice.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Frame {
    /// The instants.
    pub times: Vec<Time>,
    /// A column per metric, in the order of their names.
    pub columns: Vec<Column>,
}

/// Values of one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// What was measured.
    pub metric: Metric,
    /// A value per instant; NaN where the metric was not measured.
    pub values: Vec<f64>,
}

impl Frame {
    /// Puts readings in order. Of two values of a metric at one instant the first stays.
    ///
    /// # Errors
    /// When a value is not finite, or a reading has too many.
    pub fn of(readings: &[Reading]) -> Result<Self, StoreError> {
        let mut order: Vec<usize> = (0..readings.len()).collect();
        // Stable, so that the first of several at one instant stays the first.
        order.sort_by_key(|&index| readings[index].at);
        let mut metrics: Vec<&Metric> = Vec::new();
        for reading in readings {
            if reading.values.is_empty() || reading.values.len() > METRICS_MAX {
                let count = reading.values.len();
                return Err(StoreError::unfit(format!(
                    "a reading of {count} values; 1 to {METRICS_MAX} are kept"
                )));
            }
            if let Some((metric, value)) = reading.values.iter().find(|(_, value)| !value.is_finite()) {
                return Err(StoreError::unfit(format!("{metric} is {value}: no finite number")));
            }
            for (metric, _) in &reading.values {
                if let Err(place) = metrics.binary_search(&metric) {
                    metrics.insert(place, metric);
                }
            }
        }
        let mut times: Vec<Time> = Vec::with_capacity(readings.len());
        let mut columns: Vec<Column> = metrics
            .iter()
            .map(|&metric| Column { metric: metric.clone(), values: Vec::with_capacity(readings.len()) })
            .collect();
        for index in order {
            let reading = &readings[index];
            if times.last() != Some(&reading.at) {
                times.push(reading.at);
                columns.iter_mut().for_each(|column| column.values.push(f64::NAN));
            }
            for (metric, value) in &reading.values {
                let place = metrics.binary_search(&metric).expect("every metric was put there");
                let last = columns[place].values.last_mut().expect("a row was pushed");
                if last.is_nan() {
                    *last = *value;
                }
            }
        }
        Ok(Self { times, columns })
    }

    /// Readings in it.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Values of a metric.
    pub fn column(&self, metric: &str) -> Option<&[f64]> {
        let place = self.columns.binary_search_by(|column| column.metric.as_str().cmp(metric)).ok()?;
        Some(&self.columns[place].values)
    }

    /// Rows from `from` on and before `to`.
    pub(super) fn rows(&self, from: usize, to: usize) -> Self {
        let column = |column: &Column| Column {
            metric: column.metric.clone(),
            values: column.values[from..to].to_vec(),
        };
        let mut rows =
            Self { times: self.times[from..to].to_vec(), columns: self.columns.iter().map(column).collect() };
        rows.drop_empty_columns();
        rows
    }

    /// Keeps what lies from `from` on and before `to`.
    pub(super) fn within(&mut self, from: Time, to: Time) {
        let end = self.times.partition_point(|&time| time < to);
        let start = self.times.partition_point(|&time| time < from).min(end);
        self.times.truncate(end);
        self.times.drain(..start);
        for column in &mut self.columns {
            column.values.truncate(end);
            column.values.drain(..start);
        }
    }

    /// Keeps some metrics, and the instants at which one of them was measured.
    pub(super) fn only(&mut self, metrics: &[Metric]) {
        if !metrics.is_empty() {
            self.columns.retain(|column| metrics.contains(&column.metric));
            self.drop_empty_rows();
        }
    }

    /// Drops instants at which nothing was measured.
    pub(super) fn drop_empty_rows(&mut self) {
        let is_full = |column: &Column| !column.values.iter().any(|value| value.is_nan());
        if self.columns.iter().any(is_full) {
            return;
        }
        let keep: Vec<bool> = (0..self.times.len())
            .map(|row| self.columns.iter().any(|column| !column.values[row].is_nan()))
            .collect();
        let mut row = 0..;
        self.times.retain(|_| keep[row.next().expect("rows do not end")]);
        for column in &mut self.columns {
            let mut row = 0..;
            column.values.retain(|_| keep[row.next().expect("rows do not end")]);
        }
    }

    /// Drops metrics that were never measured.
    pub(super) fn drop_empty_columns(&mut self) {
        self.columns.retain(|column| column.values.iter().any(|value| !value.is_nan()));
    }

    /// Puts other readings in their place. Where both have a value, the one that is here stays.
    pub(super) fn merge(&mut self, other: Self) {
        if other.is_empty() {
            return;
        }
        if self.is_empty() {
            *self = other;
            return;
        }
        if self.times.last() < other.times.first() {
            self.append(other);
            return;
        }
        let (mut mine, mut theirs) = (0, 0);
        let mut times = Vec::with_capacity(self.len() + other.len());
        let mut from: Vec<(Option<usize>, Option<usize>)> = Vec::with_capacity(times.capacity());
        while mine < self.len() || theirs < other.len() {
            let (left, right) = (self.times.get(mine), other.times.get(theirs));
            let takes_left = left.is_some_and(|left| right.is_none_or(|right| left <= right));
            let takes_right = right.is_some_and(|right| left.is_none_or(|left| right <= left));
            times.push(*if takes_left { left } else { right }.expect("one of them is there"));
            from.push((takes_left.then_some(mine), takes_right.then_some(theirs)));
            mine += usize::from(takes_left);
            theirs += usize::from(takes_right);
        }
        let mut metrics: Vec<&Metric> =
            self.columns.iter().chain(&other.columns).map(|column| &column.metric).collect();
        metrics.sort();
        metrics.dedup();
        let columns = metrics.into_iter().map(|metric| {
            let (left, right) = (self.column(metric.as_str()), other.column(metric.as_str()));
            let at = |values: Option<&[f64]>, row: Option<usize>| {
                values.zip(row).map_or(f64::NAN, |(values, row)| values[row])
            };
            let value = |&(mine, theirs): &(Option<usize>, Option<usize>)| {
                let value = at(left, mine);
                if value.is_nan() { at(right, theirs) } else { value }
            };
            Column { metric: metric.clone(), values: from.iter().map(value).collect() }
        });
        *self = Self { columns: columns.collect(), times };
    }

    /// Appends readings that are all later.
    fn append(&mut self, other: Self) {
        let (before, after) = (self.len(), self.len() + other.len());
        self.times.extend(other.times);
        for column in other.columns {
            match self.columns.binary_search_by(|mine| mine.metric.cmp(&column.metric)) {
                Ok(place) => self.columns[place].values.extend(column.values),
                Err(place) => {
                    let mut values = vec![f64::NAN; before];
                    values.extend(column.values);
                    self.columns.insert(place, Column { metric: column.metric, values });
                }
            }
        }
        self.columns.iter_mut().for_each(|column| column.values.resize(after, f64::NAN));
    }
}
