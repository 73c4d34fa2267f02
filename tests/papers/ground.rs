//! A platform with a battery that has a life behind it.

use crate::process::Serve;
use reqwest::Method;
use reqwest::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde_json::{Value, json};

/// Base of the family.
pub(crate) const BASE: &str = "/battery-passport/v1";

pub(crate) struct Ground {
    pub(crate) serve: Serve,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) battery: String,
    pub(crate) passport: String,
}

/// A file that was answered.
pub(crate) struct File {
    pub(crate) kind: String,
    pub(crate) named: Option<String>,
    pub(crate) bytes: Vec<u8>,
}

impl File {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }
}

/// The document's example of a registration, with what a maker would add.
fn registration() -> Value {
    json!({
        "identity": {
            "manufacturer": "GreenCell Technologies", "manufacturerId": "MFG-2025-001", "model": "GC-NMC811-100kWh",
            "serialNumber": "SN-2025-001234", "manufacturingDate": "2025-01-10", "gtin": "4006381333931",
            "manufacturingLocation": { "country": "KR", "city": "Seoul", "facility": "Facility-A" },
        },
        "chemistry": {
            "type": "lithium-ion", "cathode": "NMC811", "anode": "graphite", "weight": 500.0,
            "hazardousSubstances": [{ "name": "lithium hexafluorophosphate", "percentage": 1.5, "impact": "toxic if swallowed" }],
        },
        "specifications": {
            "nominalVoltage": 400, "nominalCapacity": 250, "energyCapacity": 100, "expectedCycleLife": 3000,
            "minimumVoltage": 300, "maximumVoltage": 450, "maximumPower": 150_000, "warrantyYears": 8,
            "operatingTemperatureMin": -20, "operatingTemperatureMax": 55, "roundTripEfficiency": 94.5,
        },
        "lifecycle": { "application": "electric_vehicle", "currentOwner": "USER-2025-001" },
        "documents": {
            "declarationOfConformity": { "url": "https://greencell.example/doc.pdf", "number": "DOC-7", "issued": "2025-01-10" },
            "testReports": { "url": "https://greencell.example/secret-tests.pdf" },
            "extinguishingAgent": { "text": "water, class D powder" },
        },
    })
}

impl Ground {
    /// A platform with a configuration, and the battery.
    pub(crate) async fn with(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("celltide.toml"), config).unwrap();
        let serve = Serve::start(folder.path());
        let made = serve.post(&format!("{BASE}/batteries/register"), registration()).await;
        let id = |name: &str| made[name].as_str().unwrap().to_owned();
        let ground = Self { battery: id("batteryId"), passport: id("passportId"), serve, folder };
        ground.post("events", json!({
            "type": "installation", "timestamp": "2025-01-12T09:00:00Z", "description": "Installed in electric vehicle",
            "application": "electric_vehicle", "vehicleVIN": "VIN123456789ABCDEF",
        })).await;
        ground.post("soh", json!({
            "timestamp": "2025-01-15T10:00:00Z", "stateOfHealth": 99.8, "stateOfCharge": 85.0, "cycleCount": 45,
            "measuredCapacity": 249.5, "measurementMethod": "bms_telemetry",
        })).await;
        ground.post("carbon/transportation", json!({
            "from": "Seoul, KR", "to": "Berlin, DE", "distance": 8500, "distanceUnit": "km", "transportMode": "ship",
            "weight": 250, "weightUnit": "kg", "timestamp": "2025-01-11T08:00:00Z",
        })).await;
        ground.post("materials", json!({
            "name": "nickel", "weight": 62.6, "recycledContent": { "preConsumer": 10, "postConsumer": 5 },
            "source": { "country": "CA", "supplier": "Northern Nickel", "certifications": ["IRMA"] },
        })).await;
        ground
    }

    pub(crate) fn path(&self, rest: &str) -> String {
        format!("{BASE}/batteries/{}/{rest}", self.battery)
    }

    pub(crate) async fn post(&self, what: &str, body: Value) -> Value {
        self.serve.post(&self.path(what), body).await
    }

    pub(crate) async fn get(&self, rest: &str) -> Value {
        self.serve.get(&self.path(rest)).await
    }

    /// A file below the family's base.
    pub(crate) async fn file(&self, path: &str) -> File {
        let response = self.serve.request(Method::GET, path).send().await.unwrap();
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (kind, named) = (header(CONTENT_TYPE).unwrap(), header(CONTENT_DISPOSITION));
        let status = response.status();
        let bytes = response.bytes().await.unwrap().to_vec();
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&bytes));
        File { kind, named, bytes }
    }

    /// Status and code of a refusal.
    pub(crate) async fn refusal(&self, rest: &str) -> (u16, String) {
        let (status, body) = self.serve.send(Method::GET, &self.path(rest), None).await;
        (status.as_u16(), body["error"]["code"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned())
    }
}
