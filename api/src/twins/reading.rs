//! Readings as JSON, read as over MQTT: `ts`, then metrics by name; an array of cell voltages is a metric per cell.

use crate::body::instant;
use crate::problem::Problem;
use host::platform::door::Kind;
use host::store::Metric;
use host::store::series::{METRICS_MAX, Reading};
use serde_json::{Map, Value};

/// Most readings of one request.
const READINGS_MAX: usize = 20_000;

/// Reads one reading or an array of them.
pub(crate) fn read(kind: Kind, value: Value) -> Result<Vec<Reading>, Problem> {
    let objects = match value {
        Value::Object(one) => return Ok(vec![reading(kind, one, "")?]),
        Value::Array(many) if many.is_empty() => {
            return Err(Problem::unfit("body", "an array of no readings"));
        }
        Value::Array(many) if many.len() <= READINGS_MAX => many,
        Value::Array(_) => return Err(Problem::unfit("body", format!("more than {READINGS_MAX} readings"))),
        _ => return Err(Problem::unfit("body", "is neither a reading nor an array of readings")),
    };
    let objects = objects.into_iter().enumerate().map(|(index, object)| match object {
        Value::Object(object) => reading(kind, object, &format!("[{index}].")),
        _ => Err(Problem::unfit(format!("[{index}]"), "is no reading")),
    });
    objects.collect()
}

fn reading(kind: Kind, object: Map<String, Value>, within: &str) -> Result<Reading, Problem> {
    let field = |name: &str| format!("{within}{name}");
    let at = match object.get("ts") {
        Some(Value::String(text)) => instant(&field("ts"), text)?,
        Some(Value::Number(ms)) if ms.is_i64() => instant(&field("ts"), &ms.to_string())?,
        Some(Value::Null) | None => return Err(Problem::unfit(field("ts"), "is missing")),
        Some(_) => return Err(Problem::unfit(field("ts"), "is neither a time nor milliseconds")),
    };
    if kind == Kind::Battery
        && let Some(missing) =
            ["voltage_v", "current_a"].iter().find(|key| object.get(**key).is_none_or(Value::is_null))
    {
        return Err(Problem::unfit(field(missing), "is missing"));
    }
    let mut values: Vec<(Metric, f64)> = Vec::with_capacity(object.len());
    let mut put = |name: String, value: f64| -> Result<(), Problem> {
        let metric = Metric::new(&name).map_err(|error| Problem::unfit(field(&name), error.to_string()))?;
        values.push((metric, value));
        Ok(())
    };
    for (name, value) in object {
        let is_plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if name == "ts" || value.is_null() {
            continue;
        }
        if !is_plain || name.is_empty() || name.len() > 64 {
            return Err(Problem::unfit(
                field(&name),
                "metrics are named in lower case, digits and _, as voltage_v",
            ));
        }
        match value {
            Value::Number(number) => put(name, number.as_f64().unwrap_or(f64::NAN))?,
            Value::Bool(flag) => put(name, f64::from(u8::from(flag)))?,
            Value::Array(all) => {
                for (index, one) in all.iter().enumerate() {
                    let nth = format!("{name}.{}", index + 1);
                    let number = one.as_f64().ok_or_else(|| Problem::unfit(field(&nth), "is no number"))?;
                    put(nth, number)?;
                }
            }
            _ => return Err(Problem::unfit(field(&name), "is no number")),
        }
    }
    let has = |name: &str| values.iter().any(|(metric, _)| metric.as_str() == name);
    if has("lat") != has("lon") {
        return Err(Problem::unfit(field("lat"), "lat and lon come together or not at all"));
    }
    if values.is_empty() || values.len() > METRICS_MAX {
        return Err(Problem::unfit(
            field("values"),
            format!("{} values; 1 to {METRICS_MAX} are kept", values.len()),
        ));
    }
    Ok(Reading { at, values })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use twin::time::Time;

    #[test]
    fn readings_are_read_and_mistakes_are_named() {
        let one = json!({"ts": 1_700_000_000_000i64, "voltage_v": 51.2, "current_a": -3, "cell_voltages_v": [3.2, 3.3]});
        let read_one = read(Kind::Battery, one.clone()).unwrap();
        assert_eq!(read_one[0].at, Time(1_700_000_000_000));
        let names: Vec<&str> = read_one[0].values.iter().map(|(metric, _)| metric.as_str()).collect();
        assert_eq!(names, ["cell_voltages_v.1", "cell_voltages_v.2", "current_a", "voltage_v"]);
        let wrong = |value: Value| read(Kind::Battery, value).unwrap_err().detail().to_owned();
        assert!(wrong(json!([one, {"voltage_v": 1}])).starts_with("[1].ts: is missing"));
        assert!(wrong(json!({"ts": 1, "voltage_v": 1})).starts_with("current_a: is missing"));
        assert!(
            wrong(json!({"ts": 1, "voltage_v": "x", "current_a": 1})).starts_with("voltage_v: is no number")
        );
        assert!(
            wrong(json!({"ts": 1, "voltage_v": 1, "current_a": 1, "lat": 1})).starts_with("lat: lat and lon")
        );
        assert!(wrong(json!("text")).contains("neither a reading"));
        assert!(
            read(
                Kind::Vessel,
                json!({"ts": "2026-01-01T00:00:00Z", "lat": 1.5, "lon": 103.8, "net_deployed": true})
            )
            .is_ok()
        );
    }
}
