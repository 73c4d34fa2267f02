//! gRPC of the built binary: live twins, simulations that are stepped, runs, and who may not.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "serve/process.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod process;

use api::client::{Client, Credentials, Grpc};
use api::grpc::proto::inject_request::What;
use api::grpc::proto::*;
use futures::StreamExt;
use process::{COURIERS, PASSWORD, Serve, ago_ms, run};
use prost_types::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

/// The couriers' packs, and a town with a cabinet.
fn scenario() -> String {
    let town = "\
networks:
  - name: town
    battery: bike
    packs: 6
    cabinets: { count: 1, slots: 6, charger_kw: 0.5, site_power_kw: 2 }
    riders: { count: 3, km_per_day: 60 }
    trips: { cycle: urban-scooter }
";
    COURIERS.replace("horizon_days: 10", "horizon_days: 3") + town
}

fn admin() -> Credentials {
    Credentials::Basic { name: "admin".to_owned(), password: PASSWORD.to_owned() }
}

async fn grpc(serve: &Serve) -> Grpc {
    Grpc::connect(&serve.grpc, &admin()).await.unwrap()
}

/// A user with a role, of an organisation or none.
async fn user(serve: &Serve, name: &str, role: &str, organisation: Option<&str>) -> Grpc {
    let password = "tide-pool-17";
    let body =
        json!({ "username": name, "password": password, "roles": [role], "organisation": organisation });
    serve.post("/twins/v1/admin/users", body).await;
    let shown = Credentials::Basic { name: name.to_owned(), password: password.to_owned() };
    Grpc::connect(&serve.grpc, &shown).await.unwrap()
}

fn at(ms: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds: ms.div_euclid(1_000), nanos: ms.rem_euclid(1_000) as i32 * 1_000_000 })
}

fn ms(at: Option<Timestamp>) -> i64 {
    let at = at.unwrap();
    at.seconds * 1_000 + i64::from(at.nanos) / 1_000_000
}

fn reading(ts: i64, values: &[(&str, f64)]) -> Reading {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    Reading { at: at(ts), values }
}

fn order(scenario: &str) -> Option<Order> {
    Some(Order { scenario: scenario.to_owned(), ..Order::default() })
}

fn field(status: &Status) -> &str {
    status.metadata().get("field").map(|field| field.to_str().unwrap()).unwrap_or_default()
}

#[test]
fn it_describes_itself_says_that_it_is_well_and_knows_no_strangers() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let serve = Serve::start(folder.path());
        let channel =
            tonic::transport::Endpoint::from_shared(serve.grpc.clone()).unwrap().connect().await.unwrap();
        let asked = HealthCheckRequest { service: "celltide.v1.TwinService".to_owned() };
        let well = HealthClient::new(channel.clone()).check(asked).await.unwrap().into_inner();
        assert_eq!(well.status(), ServingStatus::Serving);
        let ask = |what| ServerReflectionRequest { host: String::new(), message_request: Some(what) };
        let asked = futures::stream::iter([
            ask(MessageRequest::ListServices(String::new())),
            ask(MessageRequest::FileContainingSymbol("celltide.v1.SimulationService".to_owned())),
        ]);
        let told = ServerReflectionClient::new(channel).server_reflection_info(asked).await.unwrap();
        let told: Vec<_> =
            told.into_inner().map(|answer| answer.unwrap().message_response.unwrap()).collect().await;
        let MessageResponse::ListServicesResponse(services) = &told[0] else { panic!("{told:?}") };
        let names: Vec<&str> = services.service.iter().map(|service| service.name.as_str()).collect();
        for name in ["celltide.v1.TwinService", "celltide.v1.RunService", "celltide.v1.SimulationService"] {
            assert!(names.contains(&name), "{names:?}");
        }
        assert!(matches!(&told[1], MessageResponse::FileDescriptorResponse(_)), "{:?}", told[1]);

        let mut stranger = Grpc::stranger(&serve.grpc).await.unwrap();
        let refused = stranger.twins.list_twins(ListTwinsRequest::default()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
        let refused = stranger.simulation.build(BuildRequest::default()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
        let wrong = Credentials::Basic { name: "admin".to_owned(), password: "guessed".to_owned() };
        let mut wrong = Grpc::connect(&serve.grpc, &wrong).await.unwrap();
        let refused = wrong.runs.list_runs(ListRunsRequest::default()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
    });
}

#[test]
fn it_speaks_tls_where_it_is_given_a_certificate() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let certificate = made.cert.pem();
        std::fs::write(folder.path().join("cert.pem"), &certificate).unwrap();
        std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let config = "[grpc.tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n";
        std::fs::write(folder.path().join("celltide.toml"), config).unwrap();
        let serve = Serve::start(folder.path());
        let tls = tonic::transport::ClientTlsConfig::new()
            .ca_certificate(tonic::transport::Certificate::from_pem(certificate))
            .domain_name("localhost");
        let address = serve.grpc.replace("http://", "https://");
        let endpoint = tonic::transport::Endpoint::from_shared(address).unwrap().tls_config(tls).unwrap();
        let channel = endpoint.connect().await.unwrap();
        let asked = HealthCheckRequest { service: String::new() };
        let well = HealthClient::new(channel).check(asked).await.unwrap().into_inner();
        assert_eq!(well.status(), ServingStatus::Serving);
        // In clear text nobody is understood.
        let plain = tonic::transport::Endpoint::from_shared(serve.grpc.clone()).unwrap();
        let asked = HealthCheckRequest { service: String::new() };
        let refused = match plain.connect().await {
            Ok(channel) => HealthClient::new(channel).check(asked).await.is_err(),
            Err(_) => true,
        };
        assert!(refused);
        drop(serve);

        // A certificate that is none is said before anything is written.
        std::fs::write(folder.path().join("cert.pem"), "nonsense").unwrap();
        let done = process::command(folder.path(), &["--data", "other"]).output().unwrap();
        assert_eq!(done.status.code(), Some(2), "{}", String::from_utf8_lossy(&done.stderr));
        assert!(!folder.path().join("other").exists());
    });
}

#[test]
fn telemetry_goes_in_with_an_outcome_each_and_comes_out_as_state_and_news() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let serve = Serve::start(folder.path());
        let id = serve.battery("B-1").await;
        let mut grpc = grpc(&serve).await;
        let states = StreamStatesRequest { twins: vec!["B-1".to_owned()], interval_s: 0.05 };
        let mut states = grpc.twins.stream_states(states).await.unwrap().into_inner();
        assert_eq!(states.message().await.unwrap().unwrap().readings, 0);
        let watched = WatchTwinsRequest { events: vec!["telemetry".to_owned()], ..Default::default() };
        let mut news = grpc.twins.watch_twins(watched).await.unwrap().into_inner();

        let begin = ago_ms(600);
        let report =
            |sequence, twin: &str, readings| TelemetryReport { sequence, twin: twin.to_owned(), readings };
        let good = |k: i64| reading(begin + k * 1_000, &[("voltage_v", 47.5), ("current_a", 1.0)]);
        let cells = reading(
            begin + 9_000,
            &[("voltage_v", 7.2), ("current_a", 0.0), ("cell_voltages_v.1", 3.5), ("cell_voltages_v.2", 3.7)],
        );
        let reports = vec![
            report(1, "B-1", vec![good(0), good(1)]),
            report(2, "B-1", vec![reading(begin + 2_000, &[("voltage_v", 47.5)])]),
            report(3, "nobody", vec![good(3)]),
            report(4, &id, vec![reading(begin, &[("voltage_v", f64::NAN), ("current_a", 1.0)])]),
            report(5, "B-1", Vec::new()),
            report(6, "B-1", vec![cells]),
        ];
        let outcomes =
            grpc.twins.report_telemetry(futures::stream::iter(reports)).await.unwrap().into_inner();
        let outcomes: Vec<TelemetryOutcome> = outcomes.map(Result::unwrap).collect().await;
        let told: Vec<(u64, bool, u32, &str, &str)> = outcomes
            .iter()
            .map(|o| (o.sequence, o.accepted, o.readings, o.code.as_str(), o.field.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (1, true, 2, "", ""),
                (2, false, 0, "INVALID_ARGUMENT", "[0].current_a"),
                (3, false, 0, "NOT_FOUND", ""),
                (4, false, 0, "INVALID_ARGUMENT", "[0].voltage_v"),
                (5, false, 0, "INVALID_ARGUMENT", "body"),
                (6, true, 1, "", ""),
            ]
        );
        let first = news.message().await.unwrap().unwrap();
        assert_eq!((first.twin.as_str(), first.event.as_str()), (id.as_str(), "telemetry"));
        let state = loop {
            let state = states.message().await.unwrap().unwrap();
            if state.readings == 3 {
                break state;
            }
        };
        assert_eq!(state.latest["cell_voltages_v.2"].value, 3.7);

        // The same twin over HTTP, and as it was before the last reading.
        let seen = serve.get(&format!("/twins/v1/twins/{id}")).await;
        assert_eq!((&seen["readings"], seen["id"].as_str().unwrap()), (&json!(3), state.id.as_str()));
        let then = GetTwinRequest { twin: "B-1".to_owned(), at: at(begin + 5_000) };
        let then = grpc.twins.get_twin(then).await.unwrap().into_inner();
        assert_eq!((then.readings, then.kind()), (2, TwinKind::Battery));
        let listed = ListTwinsRequest { kind: TwinKind::Battery.into(), ..Default::default() };
        let listed = grpc.twins.list_twins(listed).await.unwrap().into_inner();
        assert_eq!(listed.twins.len(), 1);
        let none = GetTwinRequest { twin: "none".to_owned(), at: None };
        assert_eq!(grpc.twins.get_twin(none).await.unwrap_err().code(), Code::NotFound);
        let wrong = ListTwinsRequest { page_size: 5_000, ..Default::default() };
        let refused = grpc.twins.list_twins(wrong).await.unwrap_err();
        assert_eq!((refused.code(), field(&refused)), (Code::InvalidArgument, "limit"));

        let command = SendCommandRequest {
            twin: "B-1".to_owned(),
            command: "lock".to_owned(),
            timeout_s: 1.0,
            wait_s: 20.0,
            ..Default::default()
        };
        let settled = grpc.twins.send_command(command).await.unwrap().into_inner();
        assert_eq!(settled.outcome(), CommandOutcome::TimedOut, "no device answers");
        let asked = GetCommandRequest { twin: "B-1".to_owned(), command_id: settled.id.clone() };
        assert_eq!(grpc.twins.get_command(asked).await.unwrap().into_inner(), settled);

        // Another house sees none of it; a viewer may not report.
        let mut other = user(&serve, "other", "engineer", Some("south")).await;
        let asked = GetTwinRequest { twin: "B-1".to_owned(), at: None };
        assert_eq!(other.twins.get_twin(asked).await.unwrap_err().code(), Code::NotFound);
        let refused = other.twins.watch_twins(WatchTwinsRequest::default()).await.unwrap_err();
        assert_eq!((refused.code(), field(&refused)), (Code::InvalidArgument, "twins"));
        let mut viewer = user(&serve, "viewer", "viewer", None).await;
        let none = futures::stream::iter(Vec::<TelemetryReport>::new());
        let refused = viewer.twins.report_telemetry(none).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);

        // Open streams do not hold up a stop, and hear of it.
        let (status, took) = serve.stop();
        assert_eq!(status.code(), Some(0));
        assert!(took < Duration::from_secs(10), "{took:?}");
        let end = loop {
            match states.message().await {
                Ok(Some(_)) => {}
                end => break end,
            }
        };
        assert_eq!(end.unwrap_err().code(), Code::Unavailable);
    });
}

async fn values(grpc: &mut Grpc, session: &str) -> BTreeMap<String, BTreeMap<String, f64>> {
    let asked = ReadRequest { session: session.to_owned(), ..Default::default() };
    let read = grpc.simulation.read(asked).await.unwrap().into_inner();
    read.sights.into_iter().map(|sight| (sight.id, sight.values)).collect()
}

#[test]
fn a_simulation_is_stepped_disturbed_saved_and_restored() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let serve = Serve::start(folder.path());
        let mut grpc = grpc(&serve).await;
        let built = BuildRequest { order: order(&scenario()), ..Default::default() };
        let built = grpc.simulation.build(built).await.unwrap().into_inner();
        assert_eq!((built.phase(), built.twins["battery"]), (SessionPhase::Built, 8));
        let session = built.id.clone();
        let step = |step_s| StepRequest { session: session.clone(), step_s };
        let refused = grpc.simulation.step(step(60.0)).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition, "not initialised");
        grpc.simulation.init(InitRequest { session: session.clone() }).await.unwrap();
        let start = ms(built.start);
        let until = StepUntilRequest { session: session.clone(), until: at(start + 9 * 3_600_000) };
        let stepped = grpc.simulation.step_until(until.clone()).await.unwrap().into_inner();
        assert_eq!(ms(stepped.now), start + 9 * 3_600_000);
        let before = values(&mut grpc, &session).await;
        assert!(before["courier-1"]["soc"] < 0.9, "it discharges since eight");
        assert!(before["town"].contains_key("swaps_total"), "{:?}", before.keys());

        let load =
            LoadPack { pack: "courier-1".to_owned(), power_w: 200.0, duration_s: 1_800.0, warmer_c: 10.0 };
        let load = InjectRequest { session: session.clone(), what: Some(What::LoadPack(load)) };
        grpc.simulation.inject(load).await.unwrap();
        let broken = BreakCabinet {
            cabinet: "town-cabinet-1".to_owned(),
            part: Some(break_cabinet::Part::Whole(true)),
            repair_h: 2.0,
        };
        let broken = InjectRequest { session: session.clone(), what: Some(What::BreakCabinet(broken)) };
        let injected = grpc.simulation.inject(broken.clone()).await.unwrap().into_inner();
        assert_eq!(injected.injections, 2);
        grpc.simulation.step(step(1_800.0)).await.unwrap();
        let after = values(&mut grpc, &session).await;
        let fell = |id: &str| before[id]["soc"] - after[id]["soc"];
        assert!(fell("courier-1") > 0.1, "{}", fell("courier-1"));
        assert!((fell("courier-1") - fell("courier-2")).abs() > 0.01, "only one was loaded");
        assert!(after["courier-1"]["temperature_c"] > after["courier-2"]["temperature_c"]);
        let asked = ReadEventsRequest { session: session.clone(), from: at(start) };
        let events = grpc.simulation.read_events(asked).await.unwrap().into_inner().events;
        assert!(events.iter().any(|e| e.event == "fault" && e.id == "town-cabinet-1"), "{events:?}");

        let saved =
            grpc.simulation.save(SaveRequest { session: session.clone() }).await.unwrap().into_inner();
        let running = RunRequest { session: session.clone(), interval_s: 0.05, ..Default::default() };
        let told = grpc.simulation.run(running).await.unwrap().into_inner();
        let told: Vec<Session> = told.map(Result::unwrap).collect().await;
        assert_eq!(told.last().unwrap().phase(), SessionPhase::Ended);
        let at_end = values(&mut grpc, &session).await;
        let closed =
            grpc.simulation.close(CloseRequest { session: session.clone() }).await.unwrap().into_inner();
        assert!(closed.figures["swaps_total"] > 0.0);
        let gone = GetSessionRequest { session: session.clone() };
        assert_eq!(grpc.simulation.get_session(gone).await.unwrap_err().code(), Code::NotFound);

        let restored = RestoreRequest { saved: saved.saved.clone(), session: String::new() };
        let restored = grpc.simulation.restore(restored).await.unwrap().into_inner();
        assert_eq!((restored.now, restored.injections), (saved.at, 2));
        assert_eq!(values(&mut grpc, &restored.id).await, after);
        let on = StepUntilRequest { session: restored.id.clone(), until: built.end };
        grpc.simulation.step_until(on).await.unwrap();
        assert_eq!(values(&mut grpc, &restored.id).await, at_end);

        // What cannot be.
        let back = StepUntilRequest { session: restored.id.clone(), until: at(start) };
        let refused = grpc.simulation.step_until(back).await.unwrap_err();
        assert_eq!((refused.code(), field(&refused)), (Code::InvalidArgument, "until"));
        let step = StepRequest { session: restored.id.clone(), step_s: f64::NAN };
        assert_eq!(grpc.simulation.step(step).await.unwrap_err().code(), Code::InvalidArgument);
        let nobody = LoadPack { pack: "nobody".to_owned(), power_w: 1.0, duration_s: 60.0, warmer_c: 0.0 };
        let nobody = InjectRequest { session: restored.id.clone(), what: Some(What::LoadPack(nobody)) };
        assert_eq!(grpc.simulation.inject(nobody).await.unwrap_err().code(), Code::NotFound);
        let mut changed: Value = serde_json::from_slice(&saved.saved).unwrap();
        changed["engine_version"] = json!("0.0.0");
        let changed = RestoreRequest { saved: changed.to_string().into(), session: String::new() };
        let refused = grpc.simulation.restore(changed).await.unwrap_err();
        assert_eq!((refused.code(), field(&refused)), (Code::InvalidArgument, "saved"));
        let spy = scenario().replace("constant_c: 25", "file: /etc/passwd");
        let spy = BuildRequest { order: order(&spy), ..Default::default() };
        let refused = grpc.simulation.build(spy).await.unwrap_err();
        assert_eq!((refused.code(), field(&refused)), (Code::InvalidArgument, "climate.file"));

        // Sessions are their owners' alone; viewers have none; there are at most so many.
        let mut other = user(&serve, "other", "engineer", None).await;
        let asked = GetSessionRequest { session: restored.id.clone() };
        assert_eq!(other.simulation.get_session(asked).await.unwrap_err().code(), Code::NotFound);
        let mut viewer = user(&serve, "viewer", "viewer", None).await;
        let build = || BuildRequest { order: order(&scenario()), ..Default::default() };
        assert_eq!(viewer.simulation.build(build()).await.unwrap_err().code(), Code::PermissionDenied);
        for _ in 1..8 {
            other.simulation.build(build()).await.unwrap();
        }
        assert_eq!(other.simulation.build(build()).await.unwrap_err().code(), Code::ResourceExhausted);
        let large = BuildRequest { order: order(&"#".repeat(9 << 20)), ..Default::default() };
        assert_eq!(grpc.simulation.build(large).await.unwrap_err().code(), Code::OutOfRange);
    });
}

#[test]
fn runs_are_the_same_over_both_doors() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let serve = Serve::start(folder.path());
        let mut grpc = grpc(&serve).await;
        let submit = SubmitRunRequest { order: order(&scenario()), ..Default::default() };
        let id = grpc.runs.submit_run(submit).await.unwrap().into_inner().id;
        let watch = WatchRunRequest { run: id.clone(), interval_s: 0.05 };
        let told = grpc.runs.watch_run(watch).await.unwrap().into_inner();
        let told: Vec<Run> = told.map(Result::unwrap).collect().await;
        let last = told.last().unwrap();
        assert_eq!((last.state(), last.results.len()), (RunState::Done, 5));
        let client = Client::new(serve.http.clone(), admin());
        for file in ["summary.json", "twins.parquet"] {
            let asked = ReadResultRequest { run: id.clone(), file: file.to_owned() };
            let mut pieces = grpc.runs.read_result(asked).await.unwrap().into_inner();
            let mut read = Vec::new();
            while let Some(piece) = pieces.message().await.unwrap() {
                read.extend_from_slice(&piece.data);
                assert!(read.len() as u64 <= piece.length);
            }
            assert!(read == client.run_file(&id, file).await.unwrap(), "{file}");
        }
        let listed = grpc.runs.list_runs(ListRunsRequest::default()).await.unwrap().into_inner();
        assert_eq!(listed.runs.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), [id.as_str()]);

        let fork = SubmitRunRequest { order: order(&scenario()), fork_twins: vec!["B-1".to_owned()] };
        let refused = grpc.runs.submit_run(fork).await.unwrap_err();
        assert_eq!((refused.code(), field(&refused)), (Code::InvalidArgument, "fork"));
        let refused = grpc.runs.cancel_run(CancelRunRequest { run: id.clone() }).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        let refused = grpc.runs.get_run(GetRunRequest { run: "none".to_owned() }).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
        let mut other = user(&serve, "other", "engineer", Some("south")).await;
        let asked = GetRunRequest { run: id.clone() };
        assert_eq!(other.runs.get_run(asked).await.unwrap_err().code(), Code::NotFound);
        grpc.runs.delete_run(DeleteRunRequest { run: id.clone() }).await.unwrap();
        let asked = ReadResultRequest { run: id, file: String::new() };
        assert_eq!(grpc.runs.read_result(asked).await.unwrap_err().code(), Code::NotFound);
    });
}
