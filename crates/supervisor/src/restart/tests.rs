//! Restart decisions, with a clock that the test moves.

use super::*;
use proptest::prelude::*;

fn restarts(policy: RestartPolicy) -> Restarts {
    Restarts::new(policy, Jitter::seeded(7))
}

#[test]
fn delays_double_until_it_is_a_crash_loop() {
    let mut restarts = restarts(RestartPolicy::default());
    let mut now = Instant::now();
    for attempt in 0..5 {
        let full = Duration::from_secs((5 << attempt).min(60));
        let Decision::RestartAfter(delay) = restarts.ended(Ending::Failure, now) else {
            panic!("attempt {attempt} is not restarted");
        };
        assert!(delay >= full / 2 && delay <= full, "{delay:?} of {full:?}");
        now += delay;
    }
    let until = now + Duration::from_secs(600);
    assert_eq!(restarts.ended(Ending::Failure, now), Decision::CrashLoop { until, first: true });
}

#[test]
fn a_crash_loop_gets_one_try_after_its_pause() {
    let policy = RestartPolicy { restarts_max: 0, ..RestartPolicy::default() };
    let mut restarts = restarts(policy);
    let now = Instant::now();
    let Decision::CrashLoop { until, .. } = restarts.ended(Ending::Failure, now) else {
        panic!("no crash loop");
    };
    assert!(matches!(restarts.ended(Ending::Failure, until), Decision::CrashLoop { first: false, .. }));
}

#[test]
fn a_stable_instance_and_a_person_begin_anew() {
    let mut restarts = restarts(RestartPolicy::default());
    let mut now = Instant::now();
    for _ in 0..6 {
        restarts.ended(Ending::Failure, now);
    }
    restarts.ready(now);
    now += Duration::from_secs(60);
    let decision = restarts.ended(Ending::Failure, now);
    assert!(matches!(decision, Decision::RestartAfter(delay) if delay <= Duration::from_secs(5)));
    for _ in 0..6 {
        restarts.ended(Ending::Failure, now);
    }
    restarts.reset();
    assert!(matches!(restarts.ended(Ending::Failure, now), Decision::RestartAfter(_)));
}

#[test]
fn some_ends_are_final() {
    let table = [
        (RestartMode::Always, Ending::Clean, false),
        (RestartMode::Always, Ending::Hopeless, true),
        (RestartMode::OnFailure, Ending::Clean, true),
        (RestartMode::OnFailure, Ending::Failure, false),
        (RestartMode::Never, Ending::Failure, true),
    ];
    for (mode, ending, stops) in table {
        let mut restarts = restarts(RestartPolicy { mode, ..RestartPolicy::default() });
        let decision = restarts.ended(ending, Instant::now());
        assert_eq!(decision == Decision::Stop, stops, "{mode:?} {ending:?}");
    }
}

proptest! {
    /// Whatever happens: delays stay in their range, and no window sees more restarts than allowed.
    #[test]
    fn never_restarts_more_than_allowed(
        seed in any::<u64>(),
        lives in prop::collection::vec((0u64..90, any::<bool>()), 1..80),
    ) {
        let policy = RestartPolicy::default();
        let mut restarts = Restarts::new(policy.clone(), Jitter::seeded(seed));
        let mut now = Instant::now();
        let mut unstable: Vec<Instant> = Vec::new();
        for (seconds, becomes_ready) in lives {
            if becomes_ready {
                restarts.ready(now);
            }
            now += Duration::from_secs(seconds);
            if becomes_ready && seconds >= 60 {
                unstable.clear();
            }
            match restarts.ended(Ending::Failure, now) {
                Decision::RestartAfter(delay) => {
                    prop_assert!(delay >= policy.delay_min / 2 && delay <= policy.delay_max);
                    unstable.push(now);
                    let in_window = unstable.iter().filter(|at| now - **at < policy.restart_window);
                    prop_assert!(in_window.count() <= policy.restarts_max);
                    now += delay;
                }
                Decision::CrashLoop { until, .. } => {
                    prop_assert_eq!(until, now + policy.crash_loop_pause);
                    now = until;
                }
                Decision::Rest | Decision::Stop => prop_assert!(false, "a failure is restarted"),
            }
        }
    }

    #[test]
    fn jitter_stays_below_one(seed in any::<u64>()) {
        let mut jitter = Jitter::seeded(seed);
        for _ in 0..100 {
            let fraction = jitter.fraction();
            prop_assert!((0.0..1.0).contains(&fraction));
        }
    }
}

#[test]
fn who_was_well_and_ends_with_success_rests() {
    for mode in [RestartMode::Never, RestartMode::OnFailure] {
        let mut restarts = restarts(RestartPolicy { mode, ..RestartPolicy::default() });
        let now = Instant::now();
        restarts.ready(now);
        assert_eq!(restarts.ended(Ending::Clean, now), Decision::Rest, "{mode:?}");
        // It was not ready this time: a call would only see it end again.
        assert_eq!(restarts.ended(Ending::Clean, now), Decision::Stop, "{mode:?}");
    }
    let mut restarts = restarts(RestartPolicy::default());
    restarts.ready(Instant::now());
    assert!(matches!(restarts.ended(Ending::Clean, Instant::now()), Decision::RestartAfter(_)));
}
