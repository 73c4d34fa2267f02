//! Configuration of `celltide serve`: defaults, a file, the environment, flags; the later one wins.

pub(crate) use super::dealer::DealerKeys;
use crate::failure::Failure;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// The file that is read where nobody names another, if it is there.
const FILE: &str = "celltide.toml";
/// What variables begin with.
const PREFIX: &str = "CELLTIDE_";
/// Variables that are no keys of the configuration.
const OTHERS: [&str; 3] = ["CELLTIDE_ADMIN_PASSWORD", "CELLTIDE_DATASETS", "CELLTIDE_VALIDATION"];

/// Everything that can be set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub http: Http,
    pub limits: Limits,
    /// Settings of the broker; where it listens is `addr` here.
    pub mqtt: broker::Config,
    pub fleet: Fleet,
    pub data: Data,
    pub log: Log,
    pub platform: PlatformKeys,
    pub alerts: Alerts,
    pub runs: RunKeys,
    pub grpc: Grpc,
    pub ocean: Ocean,
    pub webhooks: Webhooks,
    pub anchor: AnchorKeys,
    pub dealer: DealerKeys,
}

/// `[http]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Http {
    pub addr: SocketAddr,
    pub body_max_bytes: usize,
    pub timeout_s: f64,
    pub cors_origins: Vec<String>,
    /// Where the platform is found from outside; what stands in codes and tags on batteries.
    pub public_url: Option<String>,
}

/// `[limits]`: requests of one caller to a family; 0 for any number.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub management_per_hour: u32,
    pub rul_per_minute: u32,
    pub rul_logins_per_minute: u32,
    pub passport_per_minute: u32,
    pub dealer_per_minute: u32,
    pub dealer_logins_per_minute: u32,
    pub dealer_uploads_per_minute: u32,
}

/// `[ocean]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Ocean {
    /// Tier of whoever has no other: `free`, `standard`, `premium`, `enterprise`.
    pub tier: api::OceanTier,
    /// Tiers by organisation or caller.
    pub tiers: std::collections::BTreeMap<String, api::OceanTier>,
    /// Address that labels and links lead to.
    pub public_url: Option<String>,
}

/// `[webhooks]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Webhooks {
    /// Whether events are sent to private addresses and to this machine.
    pub allow_private: bool,
    /// Whether they are sent without encryption.
    pub allow_plain: bool,
    /// How long an endpoint may take [s].
    pub timeout_s: f64,
}

/// `[fleet]`, with `--scenario`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Fleet {
    /// Time between two reports of a device, in the fleet's time.
    pub interval_s: f64,
}

/// `[data]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Data {
    pub dir: PathBuf,
    pub cache_mb: u64,
}

/// `[log]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// A level, or directives as `info,host=debug`.
    pub level: String,
    pub json: bool,
}

/// `[platform]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PlatformKeys {
    pub threads: usize,
    pub silence_s: f64,
    pub cabinet_silence_s: f64,
    pub commands_open_max: usize,
    pub sleep_after_s: f64,
    pub awake_max: usize,
}

/// `[alerts]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Alerts {
    /// A file of rules in place of those that ship.
    pub rules: Option<PathBuf>,
}

/// `[runs]`: what-if runs and sessions that are stepped by hand.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RunKeys {
    /// Runs that are simulated at once.
    pub concurrent: usize,
    /// Runs that may wait.
    pub queue: usize,
    /// Threads of one run.
    pub threads: usize,
    /// Twins times days of one run.
    pub twin_days_max: f64,
    /// Runs that are kept.
    pub kept_max: usize,
    /// After so long a run is ended.
    pub time_max_s: f64,
    /// The one folder whose files scenarios may name.
    pub files: Option<PathBuf>,
    /// Sessions at once.
    pub sessions_max: usize,
    /// After so long without a call a session goes.
    pub session_idle_s: f64,
    /// Twins times days of one session.
    pub session_twin_days_max: f64,
}

/// `[grpc]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Grpc {
    pub addr: SocketAddr,
    /// Longest message that is taken.
    pub message_max_bytes: usize,
    /// `[grpc.tls]`: certificate and key, as for MQTT.
    pub tls: Option<broker::Tls>,
}

impl Grpc {
    /// Settings of the server, with what stands in the files.
    pub(crate) fn settings(&self) -> Result<api::grpc::Settings, Failure> {
        let read = |key: &str, file: &Path| {
            std::fs::read(file).map_err(|error| {
                let context = format!("grpc.tls.{key}: cannot read {}", file.display());
                Failure::Usage(anyhow::Error::new(error).context(context))
            })
        };
        let tls = match &self.tls {
            Some(tls) => Some(api::grpc::Tls {
                certificate: read("certificate", &tls.certificate)?,
                key: read("key", &tls.key)?,
            }),
            None => None,
        };
        let settings = api::grpc::Settings { message_max_bytes: self.message_max_bytes, tls };
        let unfit = |error| Failure::Usage(anyhow::Error::new(error).context("grpc.tls"));
        settings.check().map_err(unfit)?;
        Ok(settings)
    }
}

/// `[anchor]`: roots of the journal on a chain; off where no node is named.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AnchorKeys {
    /// JSON-RPC of a node.
    pub rpc_url: Option<String>,
    /// The chain that it must be of.
    pub chain_id: u64,
    /// A file with the private key of the account that pays, in hexadecimal digits.
    pub key_file: Option<PathBuf>,
    /// How often it is looked whether there is something to do.
    pub interval_s: f64,
    /// Blocks, the transaction's own included, after which a root counts.
    pub confirmations: u64,
}

impl Default for AnchorKeys {
    fn default() -> Self {
        Self { rpc_url: None, chain_id: 1, key_file: None, interval_s: 60.0, confirmations: 12 }
    }
}

impl Default for RunKeys {
    fn default() -> Self {
        let runs = sim::runs::Settings::in_folder("");
        let sessions = sim::sessions::Settings::default();
        Self {
            concurrent: runs.concurrent,
            queue: runs.queue,
            threads: runs.threads,
            twin_days_max: runs.twin_days_max,
            kept_max: runs.kept_max,
            time_max_s: runs.time_max_s,
            files: None,
            sessions_max: sessions.sessions_max,
            session_idle_s: sessions.idle_s,
            session_twin_days_max: sessions.twin_days_max,
        }
    }
}

impl RunKeys {
    /// Settings of runs, with results in a folder.
    pub(crate) fn runs(&self, folder: PathBuf) -> sim::runs::Settings {
        sim::runs::Settings {
            folder,
            files: self.files.clone(),
            concurrent: self.concurrent,
            queue: self.queue,
            threads: self.threads,
            twin_days_max: self.twin_days_max,
            kept_max: self.kept_max,
            time_max_s: self.time_max_s,
        }
    }

    /// Settings of sessions.
    pub(crate) fn sessions(&self) -> sim::sessions::Settings {
        sim::sessions::Settings {
            sessions_max: self.sessions_max,
            idle_s: self.session_idle_s,
            files: self.files.clone(),
            twin_days_max: self.session_twin_days_max,
        }
    }
}

impl Default for Grpc {
    fn default() -> Self {
        Self { addr: ([127, 0, 0, 1], 50_051).into(), message_max_bytes: 8 << 20, tls: None }
    }
}

impl Default for Http {
    fn default() -> Self {
        let settings = api::Settings::default();
        Self {
            addr: ([127, 0, 0, 1], 8080).into(),
            body_max_bytes: settings.body_max_bytes,
            timeout_s: settings.timeout.as_secs_f64(),
            cors_origins: settings.cors_origins,
            public_url: settings.public_url,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let settings = api::Settings::default();
        Self {
            management_per_hour: settings.management_per_hour,
            rul_per_minute: settings.rul_per_minute,
            rul_logins_per_minute: settings.rul_logins_per_minute,
            dealer_per_minute: settings.dealer_per_minute,
            dealer_logins_per_minute: settings.dealer_logins_per_minute,
            dealer_uploads_per_minute: settings.dealer_uploads_per_minute,
            passport_per_minute: settings.passport_per_minute,
        }
    }
}

impl Ocean {
    /// Settings of the family.
    pub(crate) fn settings(&self) -> api::OceanSettings {
        let Self { tier, tiers, public_url } = self.clone();
        api::OceanSettings { tier, tiers, public_url }
    }
}

impl Webhooks {
    /// Settings of whoever carries events.
    pub(crate) fn settings(&self) -> api::webhook::Settings {
        api::webhook::Settings {
            private: self.allow_private,
            plain: self.allow_plain,
            timeout: std::time::Duration::from_secs_f64(self.timeout_s),
        }
    }
}

impl Default for Webhooks {
    fn default() -> Self {
        let api::webhook::Settings { private, plain, timeout } = api::webhook::Settings::default();
        Self { allow_private: private, allow_plain: plain, timeout_s: timeout.as_secs_f64() }
    }
}

impl Default for Fleet {
    fn default() -> Self {
        Self { interval_s: 10.0 }
    }
}

impl Default for Data {
    fn default() -> Self {
        Self { dir: "celltide-data".into(), cache_mb: 16 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned(), json: false }
    }
}

impl Default for PlatformKeys {
    fn default() -> Self {
        let options = host::platform::Options::default();
        Self {
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
            silence_s: options.silence_s,
            cabinet_silence_s: options.cabinet_silence_s,
            commands_open_max: options.commands_open_max,
            sleep_after_s: options.sleep_after.as_secs_f64(),
            awake_max: options.awake_max,
        }
    }
}

impl Config {
    /// Reads the file and the environment.
    pub(crate) fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Failure> {
        let mut table = match file {
            Some(file) => read(file)?,
            None if Path::new(FILE).is_file() => read(Path::new(FILE))?,
            None => Table::new(),
        };
        // The file by itself first, so that a mistake in it is said to be there.
        understood(table.clone(), file.unwrap_or(Path::new(FILE)).display())?;
        for (name, value) in environment {
            let Some(key) = name.strip_prefix(PREFIX).filter(|_| !OTHERS.contains(&name.as_str())) else {
                continue;
            };
            if !key.contains("__") {
                misspelt(&name)?;
                continue;
            }
            let path: Vec<String> = key.split("__").map(str::to_lowercase).collect();
            put(&mut table, &path, scalar(&value))
                .map_err(|what| Failure::say(format_args!("the variable {name}: {what}")))?;
            understood(table.clone(), format_args!("the variable {name}"))?;
        }
        let config = understood(table, "the configuration")?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), Failure> {
        let figures = [
            ("http.timeout_s", self.http.timeout_s, 0.1, 3_600.0),
            ("http.body_max_bytes", self.http.body_max_bytes as f64, 1_024.0, 1e9),
            ("data.cache_mb", self.data.cache_mb as f64, 8.0, 1e6),
            ("fleet.interval_s", self.fleet.interval_s, 0.1, 86_400.0),
            ("platform.threads", self.platform.threads as f64, 1.0, 1_024.0),
            ("platform.silence_s", self.platform.silence_s, 1.0, 1e7),
            ("platform.cabinet_silence_s", self.platform.cabinet_silence_s, 1.0, 1e7),
            ("platform.commands_open_max", self.platform.commands_open_max as f64, 1.0, 1_000.0),
            ("platform.sleep_after_s", self.platform.sleep_after_s, 0.01, 1e7),
            ("platform.awake_max", self.platform.awake_max as f64, 1.0, 1e8),
            ("runs.concurrent", self.runs.concurrent as f64, 1.0, 1_024.0),
            ("runs.queue", self.runs.queue as f64, 0.0, 1e5),
            ("runs.threads", self.runs.threads as f64, 1.0, 1_024.0),
            ("runs.twin_days_max", self.runs.twin_days_max, 0.0, 1e15),
            ("runs.kept_max", self.runs.kept_max as f64, 1.0, 1e6),
            ("runs.time_max_s", self.runs.time_max_s, 0.1, 1e8),
            ("runs.sessions_max", self.runs.sessions_max as f64, 0.0, 10_000.0),
            ("runs.session_idle_s", self.runs.session_idle_s, 1.0, 1e7),
            ("runs.session_twin_days_max", self.runs.session_twin_days_max, 0.0, 1e15),
            ("anchor.interval_s", self.anchor.interval_s, 0.05, 1e7),
            ("anchor.confirmations", self.anchor.confirmations as f64, 1.0, 10_000.0),
            ("webhooks.timeout_s", self.webhooks.timeout_s, 0.1, 300.0),
            ("grpc.message_max_bytes", self.grpc.message_max_bytes as f64, 1_024.0, 1e9),
        ];
        for (key, value, low, high) in figures {
            if !(low..=high).contains(&value) {
                return Err(Failure::say(format_args!("{key}: {value} is not between {low} and {high}")));
            }
        }
        if let Some(files) = self.runs.files.as_ref().filter(|files| !files.is_dir()) {
            return Err(Failure::say(format_args!("runs.files: {} is no folder", files.display())));
        }
        self.dealer.check()?;
        self.mqtt.check().map_err(|error| Failure::say(format_args!("mqtt.{error}")))
    }
}

fn read(file: &Path) -> Result<Table, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::usage(anyhow::Error::new(error).context(format!("cannot read {}", file.display())))
    })?;
    text.parse().map_err(|error| Failure::say(format_args!("{}: {error}", file.display())))
}

/// Reads the table into types. An unknown key names the nearest known one.
fn understood(mut table: Table, whence: impl std::fmt::Display) -> Result<Config, Failure> {
    if let Some(Value::Table(mqtt)) = table.get_mut("mqtt") {
        // Every door is told alike where it listens.
        if mqtt.contains_key("listen") {
            return Err(Failure::say(format_args!("{whence}: unknown field `listen`; did you mean `addr`?")));
        }
        if let Some(addr) = mqtt.remove("addr") {
            mqtt.insert("listen".to_owned(), addr);
        }
    }
    table.try_into().map_err(|error: toml::de::Error| {
        let message = error.message().to_owned();
        let message = message.replace("`listen`", "`addr`");
        let hint = nearest(&message).map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
        Failure::say(format_args!("{whence}: {message}{hint}"))
    })
}

/// The nearest of the known names that a message about an unknown one lists.
fn nearest(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = message.starts_with("unknown field").then(|| quoted.next()).flatten()?;
    let likeness = |known: &&str| strsim::jaro_winkler(unknown, known);
    quoted.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).map(str::to_owned)
}

/// Refuses a variable that looks like a misspelt one; others are not ours.
fn misspelt(name: &str) -> Result<(), Failure> {
    let known = ["HTTP__ADDR", "MQTT__ADDR", "DATA__DIR", "LOG__LEVEL", "LOG__JSON", "HTTP__TIMEOUT_S"];
    let known = known.iter().map(|key| format!("{PREFIX}{key}")).chain(OTHERS.map(str::to_owned));
    let near = known.into_iter().map(|known| (strsim::damerau_levenshtein(name, &known), known)).min();
    match near {
        Some((slips, known)) if slips <= 2 => {
            Err(Failure::say(format_args!("the variable {name} is not known; did you mean {known}?")))
        }
        _ => Ok(()),
    }
}

/// A value as TOML has it, or text.
fn scalar(text: &str) -> Value {
    let parsed: Result<Table, _> = format!("value = {text}").parse();
    parsed.ok().and_then(|mut table| table.remove("value")).unwrap_or_else(|| Value::String(text.to_owned()))
}

fn put(table: &mut Table, path: &[String], value: Value) -> Result<(), String> {
    match path {
        [] => Err("names no key".to_owned()),
        [key] => {
            table.insert(key.clone(), value);
            Ok(())
        }
        [section, rest @ ..] => {
            let section = table.entry(section.clone()).or_insert_with(|| Value::Table(Table::new()));
            match section {
                Value::Table(section) => put(section, rest, value),
                _ => Err("a value stands where a section is expected".to_owned()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("celltide.toml");
        std::fs::write(&path, file).unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(Some(&path), environment).map_err(|failure| match failure {
            Failure::Usage(error) => error.to_string(),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let config = load(
            "[http]\naddr = \"127.0.0.1:1\"\n[log]\njson = true\n",
            &[("CELLTIDE_HTTP__ADDR", "[::1]:0")],
        );
        let config = config.unwrap();
        assert_eq!(config.http.addr.to_string(), "[::1]:0");
        assert!(config.log.json);
        assert_eq!(config.mqtt.listen.port(), 1883);
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        let wrong = load("[http]\nadr = \"x\"\n", &[]).unwrap_err();
        assert!(wrong.contains("adr") && wrong.contains("did you mean `addr`?"), "{wrong}");
        let wrong = load("", &[("CELLTIDE_PLATFORM__SILENCE", "5")]).unwrap_err();
        assert!(wrong.contains("CELLTIDE_PLATFORM__SILENCE") && wrong.contains("`silence_s`"), "{wrong}");
        let wrong = load("", &[("CELLTIDE_HTTP_ADDR", "x")]).unwrap_err();
        assert!(wrong.contains("CELLTIDE_HTTP__ADDR"), "{wrong}");
        assert!(load("", &[("CELLTIDE_DATASETS", "/somewhere")]).is_ok());
        let wrong = load("[platform]\nthreads = 0\n", &[]).unwrap_err();
        assert!(wrong.contains("platform.threads"), "{wrong}");
    }
}
