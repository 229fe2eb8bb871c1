//! The machine by a table and by properties.

use super::*;
use config::HealthCheck;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

fn settings() -> Settings {
    Settings {
        interval: 30 * SECOND,
        timeout: 10 * SECOND,
        degraded_at: 80,
        failures: 3,
        recoveries: 2,
        recover: true,
        recover_pause: 60 * SECOND,
        check: HealthCheck::Protocol,
    }
}

fn around() -> Around {
    Around { remote: false, left_alone: false, in_flight: 0, patience: 60 * SECOND }
}

/// A clock in which a check is made every 30 s.
struct World {
    health: Health,
    settings: Settings,
    around: Around,
    now: Instant,
    at: SystemTime,
}

impl World {
    fn new() -> Self {
        let at = SystemTime::UNIX_EPOCH;
        Self { health: Health::new(at), settings: settings(), around: around(), now: Instant::now(), at }
    }

    /// Makes a check; whether the server is recovered then.
    fn check(&mut self, finding: Finding, took: Duration) -> bool {
        self.now += 30 * SECOND;
        self.at += 30 * SECOND;
        self.health.checked(finding, (self.at, took), self.now, &self.settings);
        self.health.recovers(self.now, self.around, &self.settings)
    }
}

#[tokio::test(start_paused = true)]
async fn a_life() {
    let mut world = World::new();
    let refused = || Finding::NotConnected("refused".to_owned());
    let garbage = || Finding::Failed("garbage".to_owned());
    let table = [
        (Finding::Answered, 1, Level::Healthy, "it answered in 1000 ms", false),
        (Finding::Answered, 9, Level::Degraded, "it took 9000 ms to answer, more than 80 % of 10000 ms", false),
        (Finding::Answered, 1, Level::Degraded, "it answers again: 1 of 2 good checks", false),
        (Finding::Answered, 8, Level::Healthy, "it answered in 8000 ms", false),
        (Finding::TimedOut, 10, Level::Degraded, "within 10000 ms (1 of 3 that make it unhealthy)", false),
        (refused(), 0, Level::Degraded, "refused (2 of 3 that make it unhealthy)", false),
        (refused(), 0, Level::Unhealthy, "refused (3 in a row)", true),
        (garbage(), 0, Level::Critical, "garbage (4 in a row)", false),
        (garbage(), 0, Level::Critical, "garbage (5 in a row)", true),
        (Finding::Answered, 1, Level::Degraded, "1 of 2", false),
        (Finding::Answered, 1, Level::Healthy, "it answered", false),
    ];
    for (finding, seconds, level, reason, recovered) in table {
        let acted = world.check(finding, seconds * SECOND);
        assert_eq!((world.health.level(), acted), (level, recovered), "{}", world.health.reason());
        assert!(world.health.reason().contains(reason), "{reason}: {}", world.health.reason());
    }
    assert_eq!(world.health.recoveries(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_was_sick_and_came_up_again_shows_that_it_is_well() {
    let mut world = World::new();
    (0..3).for_each(|_| assert_eq!(world.check(Finding::TimedOut, SECOND), world.health.level().is_sick()));
    world.health.ready(world.at);
    assert_eq!(world.health.level(), Level::Degraded);
    world.check(Finding::Answered, SECOND);
    assert_eq!(world.health.level(), Level::Degraded);
    world.check(Finding::Answered, SECOND);
    assert_eq!((world.health.level(), world.health.action("one")), (Level::Healthy, "nothing to do".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_is_done_depends_on_what_is_around() {
    let sick = |change: &dyn Fn(&mut World), finding: Finding| {
        let mut world = World::new();
        change(&mut world);
        (0..2).for_each(|_| assert!(!world.check(finding.clone(), SECOND)));
        let acted = world.check(finding, SECOND);
        assert!(world.health.level().is_sick());
        (acted, world.health.action("one"))
    };
    let nothing = |_: &mut World| {};
    assert_eq!(sick(&nothing, Finding::TimedOut), (true, "it is being restarted".to_owned()));
    let (acted, action) = sick(&|world| world.around.remote = true, Finding::TimedOut);
    assert!(acted && action.contains("connected to again"), "{action}");
    let (acted, action) = sick(&nothing, Finding::SignedOut("401".to_owned()));
    assert!(!acted && action.contains("auth login one"), "{action}");
    for off in [&(|world: &mut World| world.settings.recover = false) as &dyn Fn(&mut World), &|world| {
        world.around.left_alone = true;
    }] {
        let (acted, action) = sick(off, Finding::TimedOut);
        assert!(!acted && action.contains("switchboard restart one"), "{action}");
    }
    let (acted, action) = sick(&|world| world.around.in_flight = 1, Finding::TimedOut);
    assert!(!acted && action.contains("in flight"), "{action}");
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_are_an_excuse_only_for_as_long_as_a_call_may_take() {
    let mut world = World::new();
    world.around.in_flight = 3;
    let acts: Vec<bool> = (0..6).map(|_| world.check(Finding::TimedOut, SECOND)).collect();
    assert_eq!(acts, [false, false, false, false, true, false]);
}

#[tokio::test(start_paused = true)]
async fn attempts_that_do_not_help_come_ever_more_seldom() {
    let mut world = World::new();
    let mut acts = Vec::new();
    for check in 1..=60 {
        if world.check(Finding::TimedOut, SECOND) {
            acts.push(check);
        }
    }
    // Each 30 s: after 1, 2, 4, 8, 16 minutes.
    assert_eq!(acts, [3, 5, 9, 17, 33]);
    (0..2).for_each(|_| assert!(!world.check(Finding::Answered, SECOND)));
    let acts: Vec<bool> = (0..5).map(|_| world.check(Finding::TimedOut, SECOND)).collect();
    assert_eq!(acts, [false, false, true, false, true], "who was healthy begins anew");
}

#[tokio::test(start_paused = true)]
async fn who_answers_calls_but_no_checks_is_not_recovered() {
    let mut world = World::new();
    assert!((0..10).all(|_| !world.check(Finding::OnlyCalls, SECOND)));
    assert_eq!(world.health.level(), Level::Degraded);
    assert!(world.health.reason().starts_with("it answers calls"), "{}", world.health.reason());
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_answered_spare_a_healthy_server_a_check() {
    let mut world = World::new();
    assert!(world.health.alive(7));
    assert!(world.health.reason().starts_with("7 calls"), "{}", world.health.reason());
    world.check(Finding::TimedOut, SECOND);
    assert!(!world.health.alive(7), "who is not well is checked");
    assert!(world.health.reason().contains("did not answer"), "{}", world.health.reason());
}

/// What may happen: findings with their time, and starts.
#[derive(Debug, Clone)]
enum Event {
    Check(Finding, u64),
    Ready,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0u64..10).prop_map(|seconds| Event::Check(Finding::Answered, seconds)),
        3 => Just(Event::Check(Finding::TimedOut, 10)),
        1 => Just(Event::Check(Finding::OnlyCalls, 10)),
        2 => Just(Event::Check(Finding::NotConnected("refused".to_owned()), 0)),
        2 => Just(Event::Check(Finding::Failed("garbage".to_owned()), 0)),
        1 => Just(Event::Check(Finding::SignedOut("401".to_owned()), 0)),
        1 => Just(Event::Ready),
    ]
}

proptest! {
    #[test]
    fn levels_follow_from_the_last_checks(
        events in prop::collection::vec(event(), 1..60), failures in 1u32..5, recoveries in 1u32..5, pause in 0u64..200,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _inside = runtime.enter();
        let mut world = World::new();
        world.settings = Settings { failures, recoveries, recover_pause: Duration::from_secs(pause), ..settings() };
        let (mut bad, mut good, mut acted) = (0u32, 0u32, None::<Instant>);
        let mut well = true;
        for event in events {
            match event {
                Event::Ready => {
                    world.health.ready(world.at);
                    (bad, good) = (0, 0);
                    prop_assert!(!world.health.level().is_sick());
                    continue;
                }
                Event::Check(finding, seconds) => {
                    let answered = matches!(finding, Finding::Answered | Finding::OnlyCalls);
                    let signed_out = matches!(finding, Finding::SignedOut(_));
                    let in_time = answered && seconds <= 8;
                    (bad, good) = if answered { (0, if in_time { good + 1 } else { 0 }) } else { (bad + 1, 0) };
                    well = in_time && (well || good >= recoveries);
                    if world.check(finding, Duration::from_secs(seconds)) {
                        prop_assert!(world.health.level().is_sick() && !signed_out);
                        let since = acted.replace(world.now).map(|acted| world.now - acted);
                        prop_assert!(since.is_none_or(|since| since >= Duration::from_secs(pause)), "a tight loop");
                    }
                    prop_assert_eq!(world.health.level() == Level::Healthy, well);
                    prop_assert!(!world.health.level().is_sick() || bad > 0);
                    prop_assert!(bad < failures || world.health.level().is_sick());
                    prop_assert!(!world.health.reason().is_empty() && !world.health.action("one").is_empty());
                    prop_assert!(world.health.level() != Level::Unknown);
                }
            }
        }
    }
}
