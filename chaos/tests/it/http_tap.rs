//! Every fault of a request: it fires, does what it says, and heals.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chaos::decision::{After, Alter, Before, Change, Delay, Fault, Pace, Rule};
use chaos::faults::Faults;
use chaos::observe::{Channel, Ending, Ids, Report};
use chaos::tap::{Hop, Limits, Tap, Upstream};
use tokio::time::Instant;

use crate::bench::{Client, Got, Service, header, hello, listener, post, within};

/// Generous, for a machine that does much else.
const LATE: Duration = Duration::from_secs(20);

struct Bench {
    service: Service,
    tap: Tap,
    faults: Faults,
    reports: tokio::sync::mpsc::Receiver<Report>,
}

impl Bench {
    async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    async fn with(limits: Limits) -> Self {
        Self::before(Service::hello().await, limits).await
    }

    async fn before(service: Service, limits: Limits) -> Self {
        let faults = Faults::new(7);
        let (channel, reports) = Channel::new(1_000);
        let key = |sighting: &chaos::observe::Sighting<'_>| match sighting.headers.get("idempotency-key") {
            Some(key) => Ids::one("key", key.to_str().unwrap()),
            None => Ids::default(),
        };
        let hop = Hop::new("sales", faults.clone()).observed_by(channel).identified_by(Arc::new(key)).within(limits);
        let tap = chaos::tap::http::start(listener().await, &Upstream::from(service.address), hop).unwrap();
        Self { service, tap, faults, reports }
    }

    async fn post(&self) -> Got {
        post(self.tap.address(), "/checkout?a=1", "idempotency-key: k-1\r\n", "{}").await
    }

    /// With the fault, then healed: the second answer must be whole.
    async fn struck_then_healed(&self, fault: Fault) -> (Got, Duration) {
        let guard = self.faults.install([Rule::new("it", fault)]);
        let began = Instant::now();
        let got = self.post().await;
        let took = began.elapsed();
        assert_eq!(guard.records()[0].fired, 1);
        drop(guard);
        within("the tap to heal", self.faults.heal(LATE)).await.unwrap();
        assert_eq!((self.faults.active_rules(), self.faults.held()), (0, 0));
        assert_eq!(self.post().await, hello(), "after healing");
        (got, took)
    }
}

#[tokio::test]
async fn without_rules_everything_passes_unchanged() {
    let mut bench = Bench::new().await;
    assert_eq!(bench.post().await, hello());
    let seen = &bench.service.seen()[0];
    assert_eq!((seen.path.as_str(), &seen.headers["host"], &seen.body[..]), ("/checkout", &"shop.test".parse().unwrap(), b"{}".as_slice()));
    let Some(Report::Exchange(exchange)) = bench.reports.recv().await else { panic!("no report") };
    assert_eq!((exchange.ending, exchange.upstream_status), (Ending::Answered { status: 200 }, Some(200)));
    assert_eq!((&*exchange.hop, exchange.method.as_str(), exchange.path.as_str()), ("sales", "POST", "/checkout"));
    assert_eq!((exchange.request_bytes, exchange.answer_bytes), (2, 12));
    assert_eq!(exchange.ids, [Ids::one("key", "k-1")]);
}

#[tokio::test]
async fn a_refused_request_is_reset_and_never_forwarded() {
    let bench = Bench::new().await;
    let (got, _) = bench.struck_then_healed(Fault::Before(Before::Refuse)).await;
    assert_eq!((got, bench.service.seen().len()), (Got::Reset, 1));
}

#[tokio::test]
async fn somebody_else_answers_and_nothing_is_forwarded() {
    let bench = Bench::new().await;
    let busy = Before::Answer { status: 503, body: "{\"m\":1}".into(), retry_after: Some(Duration::from_millis(1_200)) };
    let _guard = bench.faults.install([Rule::new("busy", Fault::Before(busy))]);
    let mut client = Client::connect(bench.tap.address()).await;
    assert_eq!(client.post("/", "", "").await, Got::Answer { status: 503, body: "{\"m\":1}".into() });
    assert_eq!(header(&client.head, "retry-after"), Some("2"));
    assert_eq!(header(&client.head, "content-type"), Some("application/json"));
    bench.faults.heal(LATE).await.unwrap();
    assert_eq!(client.post("/", "", "").await, hello(), "on the same connection");
    assert_eq!(bench.service.seen().len(), 1);
}

#[tokio::test]
async fn a_blackhole_answers_nobody_until_it_is_healed() {
    let bench = Bench::new().await;
    let guard = bench.faults.install([Rule::new("hole", Fault::Before(Before::Blackhole))]);
    let mut waiting = Box::pin(bench.post());
    let early = tokio::time::timeout(Duration::from_millis(200), &mut waiting).await;
    assert!(early.is_err(), "{early:?}");
    assert_eq!(bench.faults.held(), 1);
    drop(guard);
    assert_eq!(within("the connection to end", waiting).await, Got::Reset);
    bench.faults.heal(LATE).await.unwrap();
    assert_eq!(bench.service.seen().len(), 0);
    assert_eq!(bench.post().await, hello());
}

#[tokio::test]
async fn a_lost_answer_had_its_effect() {
    let mut bench = Bench::new().await;
    let (got, _) = bench.struck_then_healed(Fault::After(After::Lose)).await;
    assert_eq!((got, bench.service.seen().len()), (Got::Reset, 2));
    let Some(Report::Fired(fired)) = bench.reports.recv().await else { panic!("no report") };
    assert_eq!((&*fired.rule, fired.fault, fired.ids), ("it", "lose-answer", Ids::one("key", "k-1")));
    let Some(Report::TookEffect(effect)) = bench.reports.recv().await else { panic!("no report") };
    assert_eq!((&*effect.rule, effect.fault), ("it", "lose-answer"));
    assert!(effect.seen.starts_with("the upstream answered 200, the caller got no answer"), "{}", effect.seen);
    let Some(Report::Exchange(exchange)) = bench.reports.recv().await else { panic!("no report") };
    assert_eq!((exchange.ending, exchange.upstream_status, exchange.rules.len()), (Ending::HungUp, Some(200), 1));
}

#[tokio::test]
async fn a_cut_answer_breaks_off_and_shows_it() {
    let bench = Bench::new().await;
    let (got, _) = bench.struck_then_healed(Fault::After(After::Cut { bytes: 5 })).await;
    assert_eq!((got, bench.service.seen().len()), (Got::Cut { body: "hello".into() }, 2));
    let (got, _) = bench.struck_then_healed(Fault::After(After::Cut { bytes: 0 })).await;
    assert_eq!(got, Got::Closed);
}

#[tokio::test]
async fn a_truncated_answer_is_well_formed() {
    let bench = Bench::new().await;
    let (got, _) = bench.struck_then_healed(Fault::After(After::Truncate { bytes: 5 })).await;
    assert_eq!((got, bench.service.seen().len()), (Got::Answer { status: 200, body: "hello".into() }, 2));
}

#[tokio::test]
async fn a_delay_comes_before_the_effect_and_a_delayed_answer_after_it() {
    let bench = Bench::new().await;
    let delay = Delay::Fixed(Duration::from_millis(300));
    let (got, took) = bench.struck_then_healed(Fault::Wait(delay)).await;
    assert_eq!(got, hello());
    assert!(Duration::from_millis(300) <= took && took < LATE, "{took:?}");

    let hour = Delay::Fixed(Duration::from_secs(3_600));
    let guard = bench.faults.install([Rule::new("late", Fault::After(After::Delay(hour)))]);
    let waiting = bench.post();
    let mut waiting = Box::pin(waiting);
    tokio::select! {
        got = &mut waiting => panic!("answered too early: {got:?}"),
        () = bench.service.asked(3) => (),
    }
    drop(guard);
    assert_eq!(within("the answer after healing", waiting).await, hello());

    let guard = bench.faults.install([Rule::new("early", Fault::Wait(hour))]);
    let mut waiting = Box::pin(bench.post());
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut waiting).await.is_err());
    assert_eq!(bench.service.seen().len(), 3, "not forwarded yet");
    drop(guard);
    assert_eq!(within("the answer after healing", waiting).await, hello());
}

#[tokio::test]
async fn again_forwards_twice_and_answers_once() {
    let bench = Bench::new().await;
    let (got, _) = bench.struck_then_healed(Fault::Again).await;
    assert_eq!((got, bench.service.seen().len()), (hello(), 3));
}

#[tokio::test]
async fn a_slow_answer_is_whole_and_takes_its_time() {
    let bench = Bench::new().await;
    let (got, took) = bench.struck_then_healed(Fault::Pace(Pace::Slow { over: Duration::from_millis(300) })).await;
    assert_eq!(got, hello());
    assert!(Duration::from_millis(300) <= took && took < LATE, "{took:?}");
}

#[tokio::test]
async fn bandwidth_slows_both_bodies() {
    let bench = Bench::new().await;
    // 2 bytes up and 12 down at 40 a second.
    let (got, took) = bench.struck_then_healed(Fault::Pace(Pace::Bandwidth { bytes_per_second: 40 })).await;
    assert_eq!(got, hello());
    assert!(Duration::from_millis(350) <= took && took < LATE, "{took:?}");
}

#[tokio::test]
async fn a_swallowed_request_is_answered_as_accepted_and_never_forwarded() {
    let bench = Bench::new().await;
    let lie = Before::Swallow { status: 202, body: "{\"ok\":1}".into(), legal: true };
    let (got, _) = bench.struck_then_healed(Fault::Before(lie)).await;
    assert_eq!((got, bench.service.seen().len()), (Got::Answer { status: 202, body: "{\"ok\":1}".into() }, 1));
}

#[tokio::test]
async fn a_number_or_the_whole_body_arrives_as_another_and_the_report_says_so() {
    let mut bench = Bench::new().await;
    let count = |by: Change| Fault::Alter { what: Alter::Number { field: "count".into(), by }, legal: false };
    let guard = bench.faults.install([Rule::new("count", count(Change::Add(3)))]);
    assert_eq!(post(bench.tap.address(), "/", "", "{\"count\":\"5\"}").await, hello());
    drop(guard);
    let guard = bench.faults.install([Rule::new("body", Fault::Alter { what: Alter::Body { body: "<xml/>".into() }, legal: false })]);
    assert_eq!(bench.post().await, hello());
    drop(guard);
    bench.faults.heal(LATE).await.unwrap();
    assert_eq!(bench.post().await, hello());
    let bodies: Vec<Bytes> = bench.service.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies, ["{\"count\":\"8\"}", "<xml/>", "{}"]);
    let mut altered = Vec::new();
    while altered.len() < 3 {
        if let Report::Exchange(exchange) = within("a report", bench.reports.recv()).await.unwrap() {
            altered.push(exchange.altered);
        }
    }
    assert_eq!(altered, [Some("count: 5 became 8".to_owned()), Some("another body".to_owned()), None]);
}

/// Two requests that the rule lets pass, and that the service has not answered yet.
async fn two_under_way(bench: &Bench) -> [tokio::task::JoinHandle<Got>; 2] {
    let address = bench.tap.address();
    let slow = bench.service.seen().len();
    let ask = move || async move { post(address, "/", "", "hold").await };
    let two = [tokio::spawn(ask()), tokio::spawn(ask())];
    bench.service.asked(slow + 2).await;
    two
}

/// A service that keeps what says "hold" until it is released.
async fn holding() -> (Bench, tokio::sync::watch::Sender<bool>) {
    let release = tokio::sync::watch::Sender::new(false);
    let bench = Bench::before(Service::holding(release.subscribe()).await, Limits::default());
    (bench.await, release)
}

#[tokio::test]
async fn a_limit_lets_so_many_pass_at_once_and_turns_the_others_away() {
    let (bench, release) = holding().await;
    let limit = Before::Limit { at_most: 2, status: 503, retry_after: Some(Duration::from_secs(1)) };
    let guard = bench.faults.install([Rule::new("limit", Fault::Before(limit))]);
    let two = two_under_way(&bench).await;
    assert_eq!((guard.records()[0].fired, bench.faults.held()), (0, 0), "who passes is neither struck nor held");
    let mut third = Client::connect(bench.tap.address()).await;
    assert_eq!(third.post("/", "", "").await, Got::Answer { status: 503, body: String::new() });
    assert_eq!((header(&third.head, "retry-after"), guard.records()[0].fired), (Some("1"), 1));
    release.send_replace(true);
    for held in two {
        assert_eq!(within("an answer", held).await.unwrap(), hello());
    }
    assert_eq!(third.post("/", "", "").await, hello(), "there is room again");
    drop(guard);
    within("the tap to heal", bench.faults.heal(LATE)).await.unwrap();
    assert_eq!(bench.post().await, hello());
}

#[tokio::test]
async fn a_collapse_fails_everybody_for_its_time_and_then_is_over() {
    let (bench, release) = holding().await;
    let lasts = Duration::from_millis(400);
    let guard = bench.faults.install([Rule::new("down", Fault::Before(Before::Collapse { above: 2, lasts, status: 500 }))]);
    let two = two_under_way(&bench).await;
    let down = Got::Answer { status: 500, body: String::new() };
    let began = Instant::now();
    assert_eq!(bench.post().await, down, "one too many");
    release.send_replace(true);
    for held in two {
        assert_eq!(within("an answer", held).await.unwrap(), hello(), "what was under way is answered");
    }
    let mut failed = 1;
    while bench.post().await == down {
        failed += 1;
        assert!(began.elapsed() < LATE, "still down");
    }
    assert!(began.elapsed() >= lasts && began.elapsed() < LATE, "{:?}", began.elapsed());
    assert_eq!(guard.records()[0].fired, failed);
    drop(guard);
    within("the tap to heal", bench.faults.heal(LATE)).await.unwrap();
    assert_eq!(bench.post().await, hello());
}

#[tokio::test]
async fn a_closed_tap_refuses_connections_ends_those_that_stand_and_opens_on_the_same_port() {
    let bench = Bench::new().await;
    let mut old = Client::connect(bench.tap.address()).await;
    assert_eq!(old.post("/", "", "").await, hello());
    let closed = bench.tap.door().close(LATE).await.unwrap();
    assert!(matches!(old.post("/", "", "").await, Got::Closed | Got::Reset));
    let refused = tokio::net::TcpStream::connect(bench.tap.address()).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    closed.reopen(LATE).await.unwrap();
    assert_eq!(bench.post().await, hello());
    drop(bench.tap.door().close(LATE).await.unwrap());
    let began = Instant::now();
    while tokio::net::TcpStream::connect(bench.tap.address()).await.is_err() {
        assert!(began.elapsed() < LATE, "dropping the guard opens it too");
    }
    within("the tap to stop", bench.tap.stop(LATE)).await.unwrap();
}

#[tokio::test]
async fn a_connection_opened_before_the_rule_is_struck_like_any_other() {
    let bench = Bench::new().await;
    let mut old = Client::connect(bench.tap.address()).await;
    assert_eq!(old.post("/", "", "").await, hello());
    let guard =
        bench.faults.install([Rule::new("busy", Fault::Before(Before::Answer { status: 429, body: String::new(), retry_after: None }))]);
    let (old_got, new_got) = (old.post("/", "", "").await, post(bench.tap.address(), "/", "", "").await);
    assert_eq!(old_got, Got::Answer { status: 429, body: String::new() });
    assert_eq!(new_got, old_got);
    drop(guard);
    assert_eq!(old.post("/", "", "").await, hello());
}

#[tokio::test]
async fn the_same_seed_strikes_the_same_requests_in_whatever_order_they_come() {
    let mut struck = Vec::new();
    for order in [(0..60).collect::<Vec<u32>>(), (0..60).rev().collect()] {
        let bench = Bench::new().await;
        let mut rule = Rule::new("some", Fault::After(After::Lose));
        rule.select.share = chaos::decision::Share::new(0.3).unwrap();
        let _guard = bench.faults.install([rule]);
        let mut hit = Vec::new();
        for n in order {
            if post(bench.tap.address(), "/", &format!("idempotency-key: order-{n}\r\n"), "").await == Got::Reset {
                hit.push(n);
            }
        }
        hit.sort_unstable();
        struck.push(hit);
    }
    assert_eq!(struck[0], struck[1]);
    assert!((5..=35).contains(&struck[0].len()), "{struck:?}");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_by_name_and_a_dead_upstream_is_a_reset() {
    let bench = Bench::with(Limits { body: 16, ..Limits::default() }).await;
    let Got::Answer { status: 413, body } = post(bench.tap.address(), "/", "", &"x".repeat(17)).await else { panic!("not refused") };
    assert!(body.contains("16 bytes"), "{body}");

    let gone = listener().await.local_addr().unwrap();
    let tap = chaos::tap::http::start(listener().await, &Upstream::from(gone), Hop::new("dead", Faults::new(1))).unwrap();
    assert_eq!(post(tap.address(), "/", "", "").await, Got::Reset);
}

#[tokio::test]
async fn stopping_lets_a_request_finish_and_closes_idle_connections() {
    let bench = Bench::new().await;
    let mut idle = Client::connect(bench.tap.address()).await;
    assert_eq!(idle.post("/", "", "").await, hello());
    let Bench { tap, .. } = bench;
    within("the tap to stop", tap.stop(LATE)).await.unwrap();
    assert!(matches!(idle.post("/", "", "").await, Got::Closed | Got::Reset));
}

#[tokio::test]
async fn an_observer_that_does_not_listen_does_not_stop_the_traffic() {
    let service = Service::hello().await;
    let (channel, reports) = Channel::new(1);
    let hop = Hop::new("sales", Faults::new(1)).observed_by(channel.clone());
    let tap = chaos::tap::http::start(listener().await, &Upstream::from(service.address), hop).unwrap();
    for _ in 0..5 {
        assert_eq!(post(tap.address(), "/", "", "").await, hello());
    }
    assert!(channel.missed() >= 3, "{}", channel.missed());
    drop(reports);
}
