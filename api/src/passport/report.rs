//! Reports and exports of a battery, each in several forms.

use super::battery::{sees_tests, shown};
use super::carbon::{carbon_report_body, sustainability_body};
use super::compliance::eu_report_body;
use super::envelope::{ErrorBody, refusal};
use super::papers::attributes::{Reader, points};
use super::papers::documents::{BatteryPassport, CarbonDocument, EuDocument, Export, SustainabilityDocument};
use super::papers::print::{self, Found, History};
use super::papers::{jsonld, schema_document, schemas};
use super::{address, found};
use crate::body::{Asked, At};
use crate::caller::Caller;
use crate::paper::PaperError;
use crate::problem::Problem;
use crate::server::App;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use host::identity::Action;
use host::passport::WhichEvents;
use host::passport::record::Passport;
use host::platform::ErrorKind;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

/// In what form a document is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Xml,
    Pdf,
    JsonLd,
}

/// Forms of reports.
const REPORT: &[(&str, Form)] = &[("json", Form::Json), ("xml", Form::Xml), ("pdf", Form::Pdf)];
/// Forms of a passport.
const PASSPORT: &[(&str, Form)] =
    &[("json", Form::Json), ("xml", Form::Xml), ("pdf", Form::Pdf), ("jsonld", Form::JsonLd)];

/// The form that is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FormAsked {
    /// `json`, `xml` or `pdf`, for exports also `jsonld`; JSON where left out.
    #[param(example = "json")]
    format: Option<String>,
}

impl FormAsked {
    fn form(&self, known: &[(&str, Form)]) -> Result<Form, Problem> {
        let name = self.format.as_deref().unwrap_or("json").to_lowercase();
        known.iter().find(|(form, _)| *form == name).map(|(_, form)| *form).ok_or_else(|| {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            let problem = Problem::unfit("format", format!("{name:?} is none of {}", names.join(", ")));
            problem.with_status(StatusCode::BAD_REQUEST).coded(ErrorKind::Unfit, "UNSUPPORTED_FORMAT")
        })
    }
}

impl Form {
    fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Xml => "application/xml",
            Self::Pdf => "application/pdf",
            Self::JsonLd => "application/ld+json",
        }
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Xml => "xml",
            Self::Pdf => "pdf",
            Self::JsonLd => "jsonld",
        }
    }
}

/// What a reader may know, by what it may do.
fn reader(caller: &Caller) -> Reader {
    Reader { interested: true, authority: sees_tests(caller) }
}

fn unwritten(error: &(dyn std::error::Error + 'static)) -> Problem {
    tracing::error!(error, "a document was not written");
    Problem::new(ErrorKind::Broken, "the document could not be written; the log says why")
}

fn json<T: Serialize>(document: &T) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(document).map_err(|error| unwritten(&error))
}

fn xml<T: Serialize>(root: (&str, &str), document: &T) -> Result<Vec<u8>, Problem> {
    let value = serde_json::to_value(document).map_err(|error| unwritten(&error))?;
    schemas().document(root.0, root.1, &value).map_err(|error| unwritten(&error))
}

fn paper(printed: Result<Vec<u8>, PaperError>) -> Result<Vec<u8>, Problem> {
    printed.map_err(|error| unwritten(&error))
}

/// An answer in a form, named where it is a file to be kept.
fn answer(form: Form, name: Option<&str>, bytes: Vec<u8>) -> Response {
    let mut response = ([(header::CONTENT_TYPE, form.media_type())], bytes).into_response();
    let named = name.map(|name| format!("attachment; filename=\"{name}.{}\"", form.ending()));
    if let Some(Ok(named)) = named.map(|named| HeaderValue::from_str(&named)) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, named);
    }
    response
}

/// The address of a passport, and that in its code.
fn url(app: &App, headers: &HeaderMap, passport: &Passport) -> String {
    address::resolver(&address::base(app, headers), passport)
}

async fn head(app: &App, passport: &Passport) -> Result<Option<String>, Problem> {
    app.passports.newest_fact(passport).await.map_err(refusal)
}

/// The carbon report of a battery
#[utoipa::path(
    get,
    path = "/batteries/{batteryId}/carbon/report",
    tag = "Carbon",
    operation_id = "generateCarbonReport",
    params(("batteryId" = String, Path, description = "Any name of the battery."), FormAsked),
    responses(
        (status = 200, description = "The report: JSON, XML by the schema at `/schemas/battery-passport.xsd`, or a paper.", content(
            (Value = "application/json"), (String = "application/xml"), (Vec<u8> = "application/pdf"),
        )),
        (status = 400, description = "A form that there is not.", body = ErrorBody),
        (status = 404, description = "There is no such battery.", body = ErrorBody),
    )
)]
pub(super) async fn carbon_report(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    At(battery): At<String>,
    Asked(asked): Asked<FormAsked>,
) -> Result<Response, Problem> {
    caller.may(Action::PassportRead)?;
    let form = asked.form(REPORT)?;
    let report = app.passports.carbon_report(&battery, &caller.visibility()).await.map_err(refusal)?;
    let bytes = match form {
        Form::Pdf => {
            let url = url(&app, &headers, &report.passport);
            paper(print::carbon(&report, Found { url: &url, at: report.at }))?
        }
        Form::Xml => {
            let document = CarbonDocument::of(&report, head(&app, &report.passport).await?);
            xml(("carbonReport", "CarbonDocument"), &document)?
        }
        Form::Json | Form::JsonLd => json(&carbon_report_body(&report))?,
    };
    Ok(answer(form, None, bytes))
}

/// The sustainability report of a battery
#[utoipa::path(
    get,
    path = "/batteries/{batteryId}/sustainability/report",
    tag = "Carbon",
    operation_id = "generateSustainabilityReport",
    params(("batteryId" = String, Path, description = "Any name of the battery."), FormAsked),
    responses(
        (status = 200, description = "The report: JSON, XML by the schema at `/schemas/battery-passport.xsd`, or a paper.", content(
            (Value = "application/json"), (String = "application/xml"), (Vec<u8> = "application/pdf"),
        )),
        (status = 400, description = "A form that there is not.", body = ErrorBody),
        (status = 404, description = "There is no such battery.", body = ErrorBody),
    )
)]
pub(super) async fn sustainability_report(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    At(battery): At<String>,
    Asked(asked): Asked<FormAsked>,
) -> Result<Response, Problem> {
    caller.may(Action::PassportRead)?;
    let form = asked.form(REPORT)?;
    let report = app.passports.sustainability(&battery, &caller.visibility()).await.map_err(refusal)?;
    let bytes = match form {
        Form::Pdf => {
            let url = url(&app, &headers, &report.passport);
            paper(print::sustainability(&report, Found { url: &url, at: report.at }))?
        }
        Form::Xml => {
            xml(("sustainabilityReport", "SustainabilityDocument"), &SustainabilityDocument::of(&report))?
        }
        Form::Json | Form::JsonLd => json(&sustainability_body(&report))?,
    };
    Ok(answer(form, None, bytes))
}

/// The report under the EU Battery Regulation
///
/// What is for authorities (Annex XIII, part 3) is in it for the scope `battery:authority` only.
#[utoipa::path(
    get,
    path = "/batteries/{batteryId}/compliance/eu-report",
    tag = "Compliance",
    operation_id = "generateEUReport",
    params(("batteryId" = String, Path, description = "Any name of the battery."), FormAsked),
    responses(
        (status = 200, description = "The report: JSON, XML by the schema at `/schemas/battery-passport.xsd`, or a paper.", content(
            (Value = "application/json"), (String = "application/xml"), (Vec<u8> = "application/pdf"),
        )),
        (status = 400, description = "A form that there is not.", body = ErrorBody),
        (status = 404, description = "There is no such battery.", body = ErrorBody),
    )
)]
pub(super) async fn eu_report(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    At(battery): At<String>,
    Asked(asked): Asked<FormAsked>,
) -> Result<Response, Problem> {
    caller.may(Action::PassportRead)?;
    let (form, reader) = (asked.form(REPORT)?, reader(&caller));
    let report = app.passports.eu_report(&battery, &caller.visibility()).await.map_err(refusal)?;
    let url = url(&app, &headers, &report.view.passport);
    let bytes = match form {
        Form::Pdf => paper(print::eu(&report, reader, Found { url: &url, at: report.at }))?,
        Form::Xml => {
            let head = head(&app, &report.view.passport).await?;
            xml(("euReport", "EuDocument"), &EuDocument::of(&report, reader, &url, head))?
        }
        Form::Json | Form::JsonLd => json(&eu_report_body(&report, reader.authority))?,
    };
    Ok(answer(form, None, bytes))
}

/// A passport as a file
///
/// All that the caller may know of the battery. JSON-LD has the attributes of DIN DKE SPEC 99100:2025-02 under the names
/// of the Battery Pass data model 1.2.0, with its context embedded.
#[utoipa::path(
    get,
    path = "/batteries/{batteryId}/export",
    tag = "Digital access",
    operation_id = "exportPassportData",
    params(("batteryId" = String, Path, description = "Any name of the battery."), FormAsked),
    responses(
        (status = 200, description = "The file; `Content-Disposition` names it.", content(
            (Value = "application/json"), (String = "application/xml"), (Vec<u8> = "application/pdf"),
            (String = "application/ld+json"),
        )),
        (status = 400, description = "A form that there is not.", body = ErrorBody),
        (status = 404, description = "There is no such battery.", body = ErrorBody),
    )
)]
pub(super) async fn passport_export(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    At(battery): At<String>,
    Asked(asked): Asked<FormAsked>,
) -> Result<Response, Problem> {
    let (form, reader) = (asked.form(PASSPORT)?, reader(&caller));
    let passport = found(&app, &caller, Action::PassportRead, &battery).await?;
    let name = passport.passport_id.clone();
    if form == Form::Json {
        let body = shown(&app, &caller, &headers, passport).await?;
        return Ok(answer(form, Some(&name), json(&body)?));
    }
    let which = WhichEvents::default();
    let history = app.passports.history(&name, &caller.visibility(), &which).await.map_err(refusal)?;
    let (_, events, healths) = history;
    let view = app.passports.viewed(passport).await.map_err(refusal)?;
    let (url, at) = (url(&app, &headers, &view.passport), app.platform.clock().now());
    let bytes = match form {
        Form::Pdf => {
            let history = History { events: &events, healths: &healths };
            paper(print::passport(&view, reader, Some(history), Found { url: &url, at }))?
        }
        Form::JsonLd => json(&jsonld::document(&view, &points(&view, reader), &url))?,
        Form::Xml | Form::Json => {
            let head = head(&app, &view.passport).await?;
            let export = Export { view: &view, reader, events: &events, healths: &healths, url: &url, at };
            xml(("batteryPassport", "BatteryPassport"), &BatteryPassport::of(&export, head))?
        }
    };
    Ok(answer(form, Some(&name), bytes))
}

/// The XML Schema of reports and exports
#[utoipa::path(
    get,
    path = "/schemas/battery-passport.xsd",
    tag = "Public",
    operation_id = "getXmlSchema",
    security(()),
    responses((status = 200, description = "The schema.", body = String, content_type = "application/xml")),
)]
pub(super) async fn xml_schema() -> Response {
    answer(Form::Xml, None, schema_document().into_bytes())
}
