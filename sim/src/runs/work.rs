//! A run from its turn to its end.

use super::error::with_causes;
use super::{Active, RunProgress, Runs, State, locked};
use crate::engine::{Options, Progress};
use crate::experiment::run::run_plan;
use crate::results::summary;
use crate::scenario::Plan;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::oneshot;
use twin::time::Time;

const DAY_MS: f64 = 86_400_000.0;
/// How much less than others threads of simulations want.
const NICER_BY: i32 = 10;
/// Stack of a run's thread.
const STACK_BYTES: usize = 8 << 20;

/// Lets others go first: on Linux this is of the present thread and of those that it starts.
pub(crate) fn step_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICER_BY) {
        tracing::debug!(%error, "a simulation runs at the priority of all others");
    }
}

/// How a run ended.
enum Ended {
    /// With results; whether they are partial.
    Whole(bool),
    /// Without.
    Failed(String),
}

/// Waits for its turn, is simulated, and is kept as it ended.
pub(super) async fn manage(runs: Runs, active: Arc<Active>, plan: Plan) {
    let is_stopped = || active.stop.load(Ordering::Relaxed);
    let turn = loop {
        if is_stopped() {
            break None;
        }
        tokio::select! {
            turn = runs.0.slots.acquire() => break turn.ok(),
            () = active.wake.notified() => {}
        }
    };
    let (ended, is_late) = match turn {
        Some(_) if !is_stopped() => {
            change(&runs, &active, "run.started", |run, now| {
                (run.state, run.started_at) = (State::Running, Some(now));
            })
            .await;
            simulate(&runs, &active, plan).await
        }
        _ => (None, false),
    };
    let is_cancelled = active.cancelled.load(Ordering::Relaxed);
    let id = active.record.borrow().id;
    let has_results = runs.results_of(id).join(summary::FILE).is_file();
    change(&runs, &active, "run.ended", |run, now| {
        run.ended_at = Some(now);
        let (state, partial, reason) = match ended {
            Some(Ended::Whole(false)) => (State::Done, false, None),
            Some(Ended::Failed(why)) => (State::Failed, false, Some(why)),
            cut => {
                let partial = matches!(cut, Some(Ended::Whole(true)));
                match (is_cancelled, is_late) {
                    (true, _) => (State::Cancelled, partial, None),
                    (_, true) => {
                        (State::Cancelled, partial, Some("it took longer than is allowed".to_owned()))
                    }
                    _ => (State::Interrupted, partial, Some("the platform stopped".to_owned())),
                }
            }
        };
        (run.state, run.partial, run.reason, run.has_results) = (state, partial, reason, has_results);
    })
    .await;
    locked(&runs.0.active).remove(&id);
    runs.0.ended.notify_waiters();
}

/// Changes the record, here and in the store.
async fn change(runs: &Runs, active: &Active, kind: &str, change: impl FnOnce(&mut super::RunRecord, Time)) {
    let mut run = active.record.borrow().clone();
    change(&mut run, runs.0.wall.now());
    let detail = json!({ "state": run.state, "partial": run.partial, "reason": run.reason });
    if let Err(error) = runs.keep(&run, kind, "platform", detail).await {
        // The next start finds it open, and says that it was interrupted.
        tracing::error!(run = %run.id, %error, "the state of a run could not be kept");
    }
    active.record.send_replace(run);
}

/// Simulates on a thread of its own; also whether it was ended for the time that it took.
async fn simulate(runs: &Runs, active: &Arc<Active>, plan: Plan) -> (Option<Ended>, bool) {
    let (done, mut answer) = oneshot::channel();
    let folder = runs.results_of(active.record.borrow().id);
    let options = Options {
        jobs: runs.0.settings.threads.max(1),
        stop: active.stop.clone(),
        progress: active.progress.clone(),
    };
    let wall = runs.0.wall.clone();
    let thread = std::thread::Builder::new().name("run".to_owned()).stack_size(STACK_BYTES);
    let started = thread.spawn(move || {
        step_back();
        let began = wall.now();
        let outcome = run_plan(&plan, &options, &folder, || (wall.now() - began) as f64 * 1e-3);
        // Nobody waits any more only when the platform is gone.
        let _ = done.send(match outcome {
            Ok(outcome) => Ended::Whole(outcome.partial),
            Err(error) => Ended::Failed(with_causes(&error)),
        });
    });
    if let Err(error) = started {
        return (Some(Ended::Failed(format!("no thread for it: {error}"))), false);
    }
    let unexpected =
        |_| Ended::Failed("the simulation came to an unexpected end; this is a defect".to_owned());
    let time_max = Duration::from_secs_f64(runs.0.settings.time_max_s);
    if let Ok(ended) = tokio::time::timeout(time_max, &mut answer).await {
        return (Some(ended.unwrap_or_else(unexpected)), false);
    }
    active.stop.store(true, Ordering::Relaxed);
    (Some(answer.await.unwrap_or_else(unexpected)), true)
}

/// How far it is.
pub(super) fn progress(progress: &Progress, elapsed_s: f64) -> RunProgress {
    let load = |of: &std::sync::atomic::AtomicU64| of.load(Ordering::Relaxed);
    let (done_ms, total_ms) = (load(&progress.done_ms) as f64, load(&progress.total_ms) as f64);
    let share = if total_ms > 0.0 { (done_ms / total_ms).min(1.0) } else { 0.0 };
    let now_ms = i64::try_from(load(&progress.now_ms)).ok().filter(|_| done_ms > 0.0);
    RunProgress {
        share,
        simulated_at: now_ms.map(Time),
        speed_days_per_s: if elapsed_s > 0.0 { done_ms / DAY_MS / elapsed_s } else { 0.0 },
        elapsed_s,
        left_s: (share > 0.0).then(|| elapsed_s * (1.0 / share - 1.0)),
        worlds_done: load(&progress.worlds_done),
        worlds: load(&progress.worlds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_has_a_share_a_speed_and_time_left() {
        let of = Progress::default();
        assert_eq!(progress(&of, 0.0).left_s, None);
        of.total_ms.store(400 * 86_400_000, Ordering::Relaxed);
        of.done_ms.store(100 * 86_400_000, Ordering::Relaxed);
        of.now_ms.store(1_767_225_600_000, Ordering::Relaxed);
        let seen = progress(&of, 10.0);
        assert_eq!((seen.share, seen.speed_days_per_s, seen.left_s), (0.25, 10.0, Some(30.0)));
        assert_eq!(seen.simulated_at, Some(Time(1_767_225_600_000)));
    }
}
