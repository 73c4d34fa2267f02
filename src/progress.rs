//! How far a run is, on stderr: a bar on a terminal, a line now and then elsewhere. The one place of the binary
//! that looks at a clock.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sim::engine::Progress;
use sim::results::number::significant;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// Between two lines where there is no terminal.
const LINE: Duration = Duration::from_secs(10);

const DAY_MS: f64 = 86_400_000.0;
const YEAR_DAYS: f64 = 365.25;

/// Wall time since it was started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// Starts now.
    #[expect(
        clippy::disallowed_methods,
        reason = "wall time is shown to people and put into the summary, no more"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the start.
    pub(crate) fn elapsed_s(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// Shows progress until it is dropped.
#[derive(Debug)]
pub(crate) struct Display {
    over: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Display {
    /// Begins to show; `quiet` shows nothing.
    pub(crate) fn start(progress: Arc<Progress>, clock: Clock, quiet: bool) -> Self {
        if quiet {
            return Self { over: None, thread: None };
        }
        let (over, told) = mpsc::channel();
        let is_terminal = std::io::stderr().is_terminal();
        let thread = std::thread::spawn(move || {
            let bar = is_terminal.then(bar);
            let mut line_at = 0.0;
            while told.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                let state = State::of(&progress, clock.elapsed_s());
                if !state.is_begun() {
                    continue;
                }
                match &bar {
                    Some(bar) => {
                        bar.set_position((state.share() * 1000.0) as u64);
                        bar.set_message(state.told());
                    }
                    None if state.elapsed_s >= line_at => {
                        crate::output::note(format_args!(
                            "{:5.1} %  {}",
                            100.0 * state.share(),
                            state.told()
                        ));
                        line_at = state.elapsed_s + LINE.as_secs_f64();
                    }
                    None => {}
                }
            }
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
        });
        Self { over: Some(over), thread: Some(thread) }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.over.take();
        if let Some(thread) = self.thread.take() {
            // A display that failed has nothing more to show, and the results stand.
            let _ = thread.join();
        }
    }
}

/// Shows which step something is at, on a terminal in one line, elsewhere a line now and then.
#[derive(Debug)]
pub(crate) struct Steps {
    spinner: Option<ProgressBar>,
    quiet: bool,
    clock: Clock,
    line_at: f64,
}

impl Steps {
    /// Begins to show; `quiet` shows nothing.
    pub(crate) fn start(quiet: bool) -> Self {
        let spinner = (!quiet && std::io::stderr().is_terminal())
            .then(|| ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()));
        Self { spinner, quiet, clock: Clock::start(), line_at: 0.0 }
    }

    /// The step that begins now.
    pub(crate) fn tell(&mut self, step: &str) {
        match &self.spinner {
            Some(spinner) => {
                spinner.set_message(step.to_owned());
                spinner.tick();
            }
            None if !self.quiet && self.clock.elapsed_s() >= self.line_at => {
                crate::output::note(step);
                self.line_at = self.clock.elapsed_s() + LINE.as_secs_f64();
            }
            None => {}
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{percent:>3} % [{bar:30}] {msg}");
    if let Ok(style) = style {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

/// How far a run is at one moment.
#[derive(Debug, Clone, Copy)]
struct State {
    done_ms: f64,
    total_ms: f64,
    now_ms: u64,
    worlds_done: u64,
    worlds: u64,
    elapsed_s: f64,
}

impl State {
    fn of(progress: &Progress, elapsed_s: f64) -> Self {
        Self {
            done_ms: progress.done_ms.load(Ordering::Relaxed) as f64,
            total_ms: progress.total_ms.load(Ordering::Relaxed) as f64,
            now_ms: progress.now_ms.load(Ordering::Relaxed),
            worlds_done: progress.worlds_done.load(Ordering::Relaxed),
            worlds: progress.worlds.load(Ordering::Relaxed),
            elapsed_s,
        }
    }

    fn is_begun(self) -> bool {
        self.done_ms > 0.0 && self.total_ms > 0.0
    }

    fn share(self) -> f64 {
        (self.done_ms / self.total_ms).min(1.0)
    }

    /// `2027-03-01  1.2 years/s  0:42 left  2 of 8 worlds`.
    fn told(self) -> String {
        let days_per_s = self.done_ms / DAY_MS / self.elapsed_s.max(1e-3);
        let speed = match days_per_s / YEAR_DAYS {
            years if years >= 1.0 => format!("{} simulated years/s", significant(years, 2)),
            _ => format!("{} simulated days/s", significant(days_per_s, 2)),
        };
        let left_s = self.elapsed_s * (1.0 / self.share() - 1.0);
        format!(
            "{}  {speed}  {} left  {} of {} worlds",
            date(self.now_ms),
            span(left_s),
            self.worlds_done,
            self.worlds
        )
    }
}

/// `1:02:03`, `2:03`.
fn span(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// The day of an instant, in UTC.
fn date(ms: u64) -> String {
    let instant = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    instant.map_or_else(String::new, |instant| instant.strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_date_speed_time_left_and_worlds() {
        let state = State {
            done_ms: 730.5 * DAY_MS,
            total_ms: 2922.0 * DAY_MS,
            now_ms: 1_767_225_600_000,
            worlds_done: 1,
            worlds: 4,
            elapsed_s: 10.0,
        };
        assert_eq!(state.told(), "2026-01-01  73 simulated days/s  0:30 left  1 of 4 worlds");
        let fast = State { elapsed_s: 1.0, ..state };
        assert!(fast.told().contains("2.0 simulated years/s"));
        assert_eq!(span(3723.4), "1:02:03");
    }
}
