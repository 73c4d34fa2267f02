//! Hourly series from files: reading their times, bridging short gaps, and placing them under a run that may
//! lie in other years or last longer.

use super::calendar::{Cover, MONTH_DAYS, day, day_index, local_ms, utc_ms};
use super::error::WorldError;
use super::solar::declination_deg;
use super::table::Table;
use jiff::civil::date;
use twin::forcing::Hourly;
use twin::time::HOUR_MS;

/// Longest run of missing values that is bridged by a straight line, in h.
pub(super) const GAP_MAX_H: f64 = 6.0;

/// Hours of a year without leap day.
const YEAR_H: usize = 8760;

/// 21 June as a day of the year from 0, about which declinations are mirrored.
const MIDSUMMER: i64 = 171;

/// Difference of declination that counts as the same sun [°]. assumed: up to 40° of latitude it changes the
/// output at noon by a tenth at most.
const SAME_SUN_DEG: f64 = 3.0;

/// What a value in a file stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The value at the time given (a temperature).
    Instant,
    /// The mean over the time from this row to the next (a price, a power).
    Mean,
}

/// Which clock the times of a file are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// `time_utc`.
    Utc,
    /// `time_local`: the local time of the site, with one offset all year.
    Local,
    /// `t_s`: seconds since the start of the run.
    Relative,
    /// `month, day, hour_ending_local`: a typical year of local time.
    TypicalYear,
}

/// What to do about hours of the year that a file does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beyond {
    /// Refuse: seasons cannot be invented.
    Refuse,
    /// Repeat by whole weeks, so that days of the week stay in place.
    Weeks,
    /// Take a day on which the sun takes the same path.
    SameSun,
}

/// Whole hours read from a file.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: String,
    pub(super) clock: Clock,
    /// Hour of the first value on the file's clock.
    pub(super) first_hour: i64,
    pub(super) values: Vec<f64>,
    /// Hours that no row of the file speaks of, bridged.
    pub(super) bridged: usize,
}

impl Source {
    /// Reads one column of a table by the hour. Blank cells are missing samples.
    pub(super) fn read(
        table: &Table,
        column: usize,
        meaning: Meaning,
        range: (f64, f64),
    ) -> Result<Self, WorldError> {
        let times = Times::of(table)?;
        let mut samples: Vec<(i64, f64, usize)> = Vec::with_capacity(table.len());
        let mut last = None;
        for row in 0..table.len() {
            let ms = times.ms(table, row, meaning)?;
            if last.is_some_and(|last| ms <= last) {
                return Err(table.not_increasing(row, times.column()));
            }
            last = Some(ms);
            if let Some(value) = table.sample(row, column, range)? {
                samples.push((ms, value, row));
            }
        }
        if samples.is_empty() {
            return Err(WorldError::Empty { file: table.file().to_owned() });
        }
        let (first_hour, mut values, bridged) = match meaning {
            Meaning::Instant => instants(table, &samples)?,
            Meaning::Mean => means(table, &samples)?,
        };
        let clock = times.clock();
        if clock == Clock::TypicalYear {
            if values.len() != YEAR_H {
                return Err(WorldError::TooShort {
                    file: table.file().to_owned(),
                    reason: format!("a typical year has {YEAR_H} hours, not {}", values.len()),
                });
            }
            // Hour-ending instants run from 01:00 to 24:00; the latter is the first hour of the same year.
            values.rotate_right(first_hour.rem_euclid(YEAR_H as i64) as usize);
        }
        Ok(Self { file: table.file().to_owned(), clock, first_hour, values, bridged })
    }

    /// The series under a run, and what was done to make it reach.
    pub(super) fn place(&self, cover: &Cover, beyond: Beyond) -> Result<(Hourly, Vec<String>), WorldError> {
        let ahead_ms = match self.clock {
            Clock::Utc => 0,
            Clock::Local | Clock::TypicalYear => cover.offset.ms,
            Clock::Relative => -cover.start.0,
        };
        let years = Years::of(self);
        let mut used = Used::default();
        let series = cover.hourly(ahead_ms, |hour| self.at(hour, &years, beyond, &mut used))?;
        let mut remarks = Vec::new();
        if self.bridged > 0 {
            remarks.push(format!(
                "{} missing hours bridged by straight lines of at most {GAP_MAX_H} h",
                self.bridged
            ));
        }
        let same_sun =
            format!("taken from days of the file with the sun's declination within {SAME_SUN_DEG}°");
        for (count, how) in [
            (used.other_year, "taken from the same hour of another year of the file"),
            (used.repeated, "repeated from the file, which is shorter than the run"),
            (used.same_sun, same_sun.as_str()),
        ] {
            if count > 0 {
                remarks.push(format!("{count} of {} hours {how}", cover.hours));
            }
        }
        Ok((series, remarks))
    }

    /// Mean of the values in each month of the year, for those that the file has.
    pub(super) fn monthly_means(&self) -> [Option<f64>; 12] {
        let mut sums = [(0.0, 0usize); 12];
        if self.clock != Clock::Relative {
            for (i, value) in self.values.iter().enumerate() {
                let hour =
                    if self.clock == Clock::TypicalYear { i as i64 } else { self.first_hour + i as i64 };
                let (sum, count) = &mut sums[day(hour.div_euclid(24)).month];
                *sum += value;
                *count += 1;
            }
        }
        sums.map(|(sum, count)| (count > 0).then(|| sum / count as f64))
    }

    fn direct(&self, hour: i64) -> Option<f64> {
        usize::try_from(hour - self.first_hour).ok().and_then(|i| self.values.get(i)).copied()
    }

    fn at(&self, hour: i64, years: &Years, beyond: Beyond, used: &mut Used) -> Result<f64, WorldError> {
        let n = self.values.len();
        if self.clock == Clock::TypicalYear {
            let at = day(hour.div_euclid(24)).of_year * 24 + hour.rem_euclid(24) as usize;
            return Ok(self.values[at % n]);
        }
        if let Some(value) = self.direct(hour) {
            return Ok(value);
        }
        if self.clock == Clock::Relative {
            used.repeated += 1;
            return Ok(self.values[(hour - self.first_hour).rem_euclid(n as i64) as usize]);
        }
        let today = day(hour.div_euclid(24));
        let of_day = hour.rem_euclid(24);
        if (beyond != Beyond::Weeks || n >= YEAR_H)
            && let Some(value) = years.find(self, today.year, today.of_year, of_day)
        {
            used.other_year += 1;
            return Ok(value);
        }
        let period = if n >= 168 { n / 168 * 168 } else { n / 24 * 24 } as i64;
        if beyond == Beyond::Weeks && period > 0 {
            used.repeated += 1;
            return Ok(self.values[(hour - self.first_hour).rem_euclid(period) as usize]);
        }
        if beyond == Beyond::SameSun
            && let Some(value) = self.under_the_same_sun(years, today.year, today.of_year, of_day)
        {
            used.same_sun += 1;
            return Ok(value);
        }
        let (days, month) = (n as f64 / 24.0, today.month + 1);
        let in_month = today.of_year - MONTH_DAYS[..today.month].iter().sum::<usize>() + 1;
        Err(WorldError::TooShort {
            file: self.file.clone(),
            reason: format!(
                "it has {days:.1} days, and the run needs {month:02}-{in_month:02} {of_day:02}:00, \
                 which none of its years has"
            ),
        })
    }

    /// The value at the same hour of the nearest day, in the calendar or in its mirror at the solstices, on which
    /// the sun stands about as high.
    fn under_the_same_sun(&self, years: &Years, year: i16, of_year: usize, of_day: i64) -> Option<f64> {
        let mirrored = 2 * MIDSUMMER - of_year as i64;
        (0..=31)
            .flat_map(|days| {
                let today = of_year as i64;
                [mirrored - days, mirrored + days, today - days, today + days]
            })
            .map(|other| other.rem_euclid(365) as usize)
            .filter(|other| (declination_deg(*other) - declination_deg(of_year)).abs() <= SAME_SUN_DEG)
            .find_map(|other| years.find(self, year, other, of_day))
    }
}

/// How hours outside a file were come by.
#[derive(Debug, Default)]
struct Used {
    other_year: usize,
    repeated: usize,
    same_sun: usize,
}

/// The years that a file touches.
struct Years {
    first: i16,
    /// Hour of 1 January 00:00, and whether the year has a leap day.
    starts: Vec<(i64, bool)>,
}

impl Years {
    fn of(source: &Source) -> Self {
        if !matches!(source.clock, Clock::Utc | Clock::Local) {
            return Self { first: 0, starts: Vec::new() };
        }
        let last_hour = source.first_hour + source.values.len() as i64 - 1;
        let (first, last) = (day(source.first_hour.div_euclid(24)).year, day(last_hour.div_euclid(24)).year);
        let starts = (first..=last)
            .map(|year| {
                let new_year = date(year, 1, 1);
                (day_index(new_year) * 24, new_year.in_leap_year())
            })
            .collect();
        Self { first, starts }
    }

    /// The value at an hour of a year: from the year of the file that stands in for `year` when the file's
    /// years are repeated in turn, or else from the next that has the hour.
    fn find(&self, source: &Source, year: i16, of_year: usize, of_day: i64) -> Option<f64> {
        let n = self.starts.len();
        let turn = i64::from(year - self.first).rem_euclid(n.max(1) as i64) as usize;
        (0..n).find_map(|k| {
            let (start, is_leap) = self.starts[(turn + k) % n];
            let in_year = of_year + usize::from(is_leap && of_year >= 59);
            source.direct(start + in_year as i64 * 24 + of_day)
        })
    }
}

/// Time columns of a table.
enum Times {
    Utc(usize),
    Local(usize),
    Relative(usize),
    TypicalYear { month: usize, day: usize, hour_ending: usize },
}

impl Times {
    fn of(table: &Table) -> Result<Self, WorldError> {
        if let Some(column) = table.find("time_utc") {
            return Ok(Self::Utc(column));
        }
        if let Some(column) = table.find("time_local") {
            return Ok(Self::Local(column));
        }
        if let Some(column) = table.find("t_s").or_else(|| table.find("time_s")) {
            return Ok(Self::Relative(column));
        }
        match (table.find("month"), table.find("day"), table.find("hour_ending_local")) {
            (Some(month), Some(day), Some(hour_ending)) => Ok(Self::TypicalYear { month, day, hour_ending }),
            _ => Err(table.missing(&["time_local", "time_utc", "t_s", "hour_ending_local"])),
        }
    }

    fn clock(&self) -> Clock {
        match self {
            Self::Utc(_) => Clock::Utc,
            Self::Local(_) => Clock::Local,
            Self::Relative(_) => Clock::Relative,
            Self::TypicalYear { .. } => Clock::TypicalYear,
        }
    }

    fn column(&self) -> usize {
        match *self {
            Self::Utc(column) | Self::Local(column) | Self::Relative(column) => column,
            Self::TypicalYear { hour_ending, .. } => hour_ending,
        }
    }

    /// Time of a row on the file's clock, in ms.
    fn ms(&self, table: &Table, row: usize, meaning: Meaning) -> Result<i64, WorldError> {
        match *self {
            Self::Utc(column) => utc_ms(table.text(row, column))
                .ok_or_else(|| table.not_a_time(row, column, "as 2021-01-31T14:00Z")),
            Self::Local(column) => local_ms(table.text(row, column))
                .ok_or_else(|| table.not_a_time(row, column, "as 2021-01-31T14:00")),
            Self::Relative(column) => {
                let seconds = table.sample(row, column, (-1e11, 1e11))?;
                let seconds = seconds.ok_or_else(|| table.not_a_time(row, column, "in seconds"))?;
                Ok((seconds * 1e3).round() as i64)
            }
            Self::TypicalYear { month, day, hour_ending } => {
                let whole = |column: usize, high: f64| -> Result<i8, WorldError> {
                    let value = table.sample(row, column, (1.0, high))?.filter(|v| v.fract() == 0.0);
                    let value = value.ok_or_else(|| table.not_a_time(row, column, "a whole number"))?;
                    Ok(value as i8)
                };
                // A typical year has no leap day, and 1970 is a year without one that starts at hour 0.
                let (month_no, day_no) = (whole(month, 12.0)?, whole(day, 31.0)?);
                let date = jiff::civil::Date::new(1970, month_no, day_no)
                    .map_err(|_| table.not_a_time(row, day, "a day of a year without leap day"))?;
                let ending = i64::from(whole(hour_ending, 24.0)?);
                let hour = if meaning == Meaning::Instant { ending } else { ending - 1 };
                Ok((day_index(date) * 24 + hour) * HOUR_MS)
            }
        }
    }
}

type Hours = (i64, Vec<f64>, usize);

/// Values at whole hours, on straight lines between the samples.
fn instants(table: &Table, samples: &[(i64, f64, usize)]) -> Result<Hours, WorldError> {
    let (first, last) = (samples[0].0, samples[samples.len() - 1].0);
    let first_hour = -(-first).div_euclid(HOUR_MS);
    let last_hour = last.div_euclid(HOUR_MS);
    if last_hour < first_hour {
        return Err(WorldError::TooShort {
            file: table.file().to_owned(),
            reason: "it does not span a whole hour".into(),
        });
    }
    let mut values = Vec::with_capacity(samples.len());
    let (mut at, mut bridged) = (0, 0);
    for hour in first_hour..=last_hour {
        let ms = hour * HOUR_MS;
        while at + 1 < samples.len() && samples[at + 1].0 <= ms {
            at += 1;
        }
        let (before, value, _) = samples[at];
        if before == ms {
            values.push(value);
            continue;
        }
        let (after, next, row) = samples[at + 1];
        check_gap(table, row, after - before)?;
        bridged += usize::from(after - before > HOUR_MS);
        values.push(value + (next - value) * (ms - before) as f64 / (after - before) as f64);
    }
    Ok((first_hour, values, bridged))
}

/// Means of the samples within each hour, and straight lines over hours that have none.
fn means(table: &Table, samples: &[(i64, f64, usize)]) -> Result<Hours, WorldError> {
    let first_hour = samples[0].0.div_euclid(HOUR_MS);
    let mut values: Vec<f64> = Vec::with_capacity(samples.len());
    let (mut bridged, mut at) = (0, 0);
    while at < samples.len() {
        let (hour, row) = (samples[at].0.div_euclid(HOUR_MS), samples[at].2);
        let within = samples[at..].iter().take_while(|s| s.0.div_euclid(HOUR_MS) == hour).count();
        let mean = samples[at..at + within].iter().map(|s| s.1).sum::<f64>() / within as f64;
        let missing = (hour - first_hour) as usize - values.len();
        if missing > 0 {
            check_gap(table, row, samples[at].0 - samples[at - 1].0)?;
            let before = values[values.len() - 1];
            values.extend((1..=missing).map(|k| before + (mean - before) * k as f64 / (missing + 1) as f64));
            bridged += missing;
        }
        values.push(mean);
        at += within;
    }
    Ok((first_hour, values, bridged))
}

/// `GAP_MAX_H` missing hours lie between samples that are one hour further apart.
fn check_gap(table: &Table, row: usize, gap_ms: i64) -> Result<(), WorldError> {
    let hours = gap_ms as f64 / HOUR_MS as f64 - 1.0;
    if hours <= GAP_MAX_H {
        return Ok(());
    }
    let (file, line) = (table.file().to_owned(), table.line(row));
    Err(WorldError::Gap { file, line, hours, limit_h: GAP_MAX_H })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;
    use twin::time::{DAY_MS, Time, UtcOffset};

    fn read(text: &str, meaning: Meaning) -> Result<Source, WorldError> {
        let table = Table::read("s.csv", text.as_bytes())?;
        let column = table.column(&["v"])?;
        Source::read(&table, column, meaning, (-1e9, 1e9))
    }

    fn cover(start: &str, days: i64, offset_h: f64) -> Cover {
        let offset = UtcOffset::of_hours(offset_h);
        let start = Time(local_ms(start).unwrap() - offset.ms);
        Cover { start, first_hour: start.hour_index(), hours: days as usize * 24, offset }
    }

    /// A file of local hours in which every value tells its own month and day: 100·month + day + hour/100.
    fn telling(first: &str, days: i64) -> String {
        let mut text = String::from("time_local,v\n");
        let first = local_ms(first).unwrap() / DAY_MS;
        for index in first..first + days {
            let d = date(1970, 1, 1).saturating_add(jiff::ToSpan::days(index));
            for h in 0..24 {
                let v = f64::from(d.month()) * 100.0 + f64::from(d.day()) + f64::from(h) / 100.0;
                writeln!(text, "{d}T{h:02}:00,{v}").unwrap();
            }
        }
        text
    }

    #[test]
    fn short_gaps_are_bridged_and_long_ones_refused() {
        let source = read("t_s,v\n0,1\n3600,\n7200,3\n", Meaning::Instant).unwrap();
        assert_eq!((source.values.as_slice(), source.bridged), (&[1.0, 2.0, 3.0][..], 1));
        let source = read("t_s,v\n0,1\n10800,4\n", Meaning::Mean).unwrap();
        assert_eq!((source.values.as_slice(), source.bridged), (&[1.0, 2.0, 3.0, 4.0][..], 2));
        for meaning in [Meaning::Instant, Meaning::Mean] {
            assert_eq!(read("t_s,v\n0,0\n25200,7\n", meaning).unwrap().bridged, 6);
            let error = read("t_s,v\n0,0\n28800,7\n", meaning).unwrap_err();
            assert!(matches!(error, WorldError::Gap { line: 3, .. }), "{error}");
        }
    }

    #[test]
    fn finer_samples_are_averaged_or_picked_by_what_they_mean() {
        let text = "t_s,v\n0,1\n1800,3\n3600,5\n5400,7\n";
        assert_eq!(read(text, Meaning::Mean).unwrap().values, [2.0, 6.0]);
        assert_eq!(read(text, Meaning::Instant).unwrap().values, [1.0, 5.0]);
    }

    #[test]
    fn times_that_do_not_increase_are_refused() {
        let error = read("time_local,v\n2021-10-31T02:00,1\n2021-10-31T02:00,1\n", Meaning::Mean);
        assert!(matches!(error, Err(WorldError::NotIncreasing { line: 3, .. })));
        let error = read("time_local,v\nnoon,1\n", Meaning::Mean).unwrap_err().to_string();
        assert!(error.contains("line 2, column time_local") && error.contains("noon"), "{error}");
        let error = read("when,v\n1,1\n", Meaning::Mean).unwrap_err().to_string();
        assert!(error.contains("time_local"), "{error}");
    }

    #[test]
    fn a_year_repeats_by_the_hour_of_the_year_over_leap_days() {
        let source = read(&telling("2021-01-01", 365), Meaning::Mean).unwrap();
        let (series, remarks) = source.place(&cover("2024-02-28", 3, 7.0), Beyond::Refuse).unwrap();
        let at = |h: usize| series.values()[h];
        assert_eq!((at(0), at(24), at(48), at(59)), (228.0, 228.0, 301.0, 301.11));
        assert_eq!(remarks.len(), 1);
        let (leap, _) = (read(&telling("2020-01-01", 366), Meaning::Mean).unwrap(), ());
        let (series, _) = leap.place(&cover("2023-02-28", 2, 0.0), Beyond::Refuse).unwrap();
        assert_eq!((series.values()[0], series.values()[24]), (228.0, 301.0));
        let (series, remarks) = leap.place(&cover("2020-02-28", 3, 0.0), Beyond::Refuse).unwrap();
        assert_eq!((series.values()[24], remarks.len()), (229.0, 0));
    }

    #[test]
    fn parts_of_a_year_are_refused_repeated_or_taken_from_the_same_sun() {
        let source = read(&telling("2022-01-01", 273), Meaning::Mean).unwrap();
        let autumn = cover("2026-11-10", 2, 0.0);
        let error = source.place(&autumn, Beyond::Refuse).unwrap_err().to_string();
        assert!(error.contains("11-10 00:00"), "{error}");
        // 10 November is 142 days after 21 June, 30 January 142 days before.
        assert_eq!(source.place(&autumn, Beyond::SameSun).unwrap().0.values()[0], 130.0);
        // 21 December mirrors onto itself; the nearest day that the file has is 1 January.
        let solstice = source.place(&cover("2026-12-21", 1, 0.0), Beyond::SameSun).unwrap().0;
        assert_eq!(solstice.values()[0], 101.0);
        let january = read(&telling("2022-01-01", 31), Meaning::Mean).unwrap();
        assert!(january.place(&cover("2026-06-21", 1, 0.0), Beyond::SameSun).is_err());
        // 2022-01-01 and 2026-11-14 are Saturdays: whole weeks keep them on Saturdays.
        let saturday = source.place(&cover("2026-11-14", 1, 0.0), Beyond::Weeks).unwrap().0;
        let repeated = f64::from(saturday.values()[0]);
        let weekday = jiff::civil::date(2022, (repeated / 100.0) as i8, (repeated % 100.0) as i8).weekday();
        assert_eq!(weekday, jiff::civil::Weekday::Saturday);
    }

    #[test]
    fn local_utc_and_relative_clocks_land_where_they_should() {
        let utc = telling("2021-01-01", 365).replace("time_local", "time_utc");
        let (series, _) =
            read(&utc, Meaning::Mean).unwrap().place(&cover("2021-03-05", 1, 7.0), Beyond::Refuse).unwrap();
        assert!((f64::from(series.values()[0]) - 304.17).abs() < 1e-3);
        let relative = read("t_s,v\n0,1\n3600,2\n", Meaning::Mean).unwrap();
        let (series, _) = relative.place(&cover("2021-03-05", 1, 7.0), Beyond::Refuse).unwrap();
        assert_eq!(series.values()[..4], [1.0, 2.0, 1.0, 2.0]);
    }

    #[test]
    fn a_typical_year_is_placed_by_the_end_of_its_hours() {
        let mut text = String::from("month,day,hour_ending_local,v\n");
        for (m, days) in MONTH_DAYS.iter().enumerate() {
            for d in 1..=*days {
                for h in 1..=24 {
                    writeln!(text, "{},{d},{h},{}", m + 1, 100 * (m + 1) + d).unwrap();
                }
            }
        }
        let run = cover("2024-12-31", 2, -7.0);
        let means = read(&text, Meaning::Mean).unwrap().place(&run, Beyond::Refuse).unwrap().0;
        assert_eq!((means.values()[0], means.values()[23], means.values()[24]), (1231.0, 1231.0, 101.0));
        let instants = read(&text, Meaning::Instant).unwrap().place(&run, Beyond::Refuse).unwrap().0;
        assert_eq!(
            (instants.values()[0], instants.values()[24], instants.values()[25]),
            (1230.0, 1231.0, 101.0)
        );
        assert!(read(&text.replace("12,31,24,1231\n", ""), Meaning::Mean).is_err());
    }
}
