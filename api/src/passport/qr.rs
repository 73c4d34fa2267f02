//! The code on a battery, which leads to its passport.

use super::envelope::unread;
use super::{address, found};
use crate::body::{Asked, At};
use crate::caller::Caller;
use crate::paper::{Code, CodeError, Correction};
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host::identity::Action;
use host::platform::ErrorKind;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Pixels along a side where nobody says.
const PIXELS: u32 = 512;

/// What the code shall look like.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct QrAsked {
    /// `json`, `svg` or `png`; JSON where left out.
    #[param(example = "json")]
    format: Option<String>,
    /// Pixels along a side, 64 to 2048; 512 where left out.
    #[param(example = 512)]
    size: Option<String>,
    /// Share of it that may be lost: `L` (7 %), `M` (15 %), `Q` (25 %) or `H` (30 %); `M` where left out.
    #[param(example = "M")]
    ecc: Option<String>,
}

/// A QR code (model 2) with the address that it holds.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct QrCode {
    #[schema(example = "BAT-2025-LI-001234")]
    battery_id: String,
    #[schema(example = "BP-2025-000001")]
    passport_id: String,
    /// What the code holds: the GS1 Digital Link where the battery has a trade item number, else the passport's address.
    #[schema(example = "https://wia.live/passport/BP-2025-000001")]
    url: String,
    /// The GS1 Digital Link; null without a trade item number.
    gs1_digital_link: Option<String>,
    /// Level of correction.
    #[schema(example = "M")]
    error_correction: String,
    /// Version, 1 to 40.
    #[schema(example = 4)]
    version: usize,
    /// Pixels along a side of the pictures.
    size: u32,
    svg: String,
    png_base64: String,
}

fn refused(error: CodeError) -> Problem {
    match error {
        CodeError::Pixels { .. } => unread("size", error.to_string()),
        CodeError::TooLong { .. } => unread("ecc", error.to_string()),
        CodeError::Picture => Problem::new(ErrorKind::Broken, error.to_string()),
    }
}

/// The QR code of a battery
///
/// It leads to the public part of the passport. Quiet zone of four modules included.
#[utoipa::path(
    get,
    path = "/batteries/{batteryId}/qr-code",
    tag = "Digital access",
    operation_id = "generateQRCode",
    params(("batteryId" = String, Path, description = "Any name of the battery."), QrAsked),
    responses(
        (status = 200, description = "The code: JSON with both pictures, or one picture.", content(
            (QrCode = "application/json"), (String = "image/svg+xml"), (Vec<u8> = "image/png"),
        )),
        (status = 400, description = "A format, size or level that there is not.", body = super::envelope::ErrorBody),
        (status = 404, description = "There is no such battery.", body = super::envelope::ErrorBody),
    )
)]
pub(super) async fn qr_code(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    At(battery): At<String>,
    Asked(asked): Asked<QrAsked>,
) -> Result<Response, Problem> {
    let passport = found(&app, &caller, Action::PassportRead, &battery).await?;
    let base = address::base(&app, &headers);
    let url = address::resolver(&base, &passport);
    let letter = asked.ecc.as_deref().unwrap_or("M");
    let correction =
        Correction::of(letter).ok_or_else(|| unread("ecc", format!("{letter:?} is none of L, M, Q, H")))?;
    let size = match asked.size.as_deref() {
        Some(text) => text.parse().map_err(|_| unread("size", format!("{text:?} is no number of pixels")))?,
        None => PIXELS,
    };
    let code = Code::new(&url, correction).map_err(refused)?;
    match asked.format.as_deref().unwrap_or("json") {
        "json" => {
            let body = QrCode {
                gs1_digital_link: address::digital_link(&base, &passport),
                error_correction: code.correction.to_string(),
                version: code.version(),
                size,
                svg: code.svg(size).map_err(refused)?,
                png_base64: STANDARD.encode(code.png(size).map_err(refused)?),
                battery_id: passport.battery_id,
                passport_id: passport.passport_id,
                url,
            };
            Ok(Json(body).into_response())
        }
        "svg" => {
            let svg = code.svg(size).map_err(refused)?;
            Ok(([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response())
        }
        "png" => {
            let png = code.png(size).map_err(refused)?;
            Ok(([(header::CONTENT_TYPE, "image/png")], png).into_response())
        }
        other => {
            let problem = unread("format", format!("{other:?} is none of json, svg, png"));
            Err(problem.coded(ErrorKind::Unfit, "UNSUPPORTED_FORMAT"))
        }
    }
}
