//! What the journal says of a battery, with proof that needs nobody's word (docs/passport-proof.md).
//!
//! Everything is hashed again for every answer: the rows' own bytes, and all entries below the checkpoints above them.

use super::envelope::refusal;
use super::query;
use super::wire::stamp;
use crate::body::{Asked, At};
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use host::anchor;
use host::identity::{Action, IdentityError, Jwk, Statement};
use host::passport::{ProvenFact, Seal};
use host::platform::ErrorKind;
use host::store::journal::{Checkpoint, Hash};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// Kind of the statements that sign checkpoints.
const STATEMENT: &str = "celltide-checkpoint";
/// Where the recipe stands.
const RECIPE: &str = "docs/passport-proof.md";

/// Which part of the trail.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TrailAsked {
    /// Most rows, 1 to 200; 50 where left out.
    limit: Option<String>,
    /// Rows to leave out at the beginning.
    offset: Option<String>,
}

/// What the journal says of a battery.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Trail {
    #[schema(example = "BAT-2025-LI-001234")]
    battery_id: String,
    #[schema(example = "BP-2025-000001")]
    passport_id: String,
    /// Entries, the oldest first.
    chain: Vec<Row>,
    /// Whether every hash fitted when all was hashed again just now.
    valid: bool,
    /// What did not fit; null where all did.
    fault: Option<String>,
    /// Hash of the battery's newest entry; null where it has none.
    head: Option<String>,
    /// End of the whole journal.
    journal_head: HeadBody,
    /// Checkpoints that the rows lie below.
    checkpoints: Vec<CheckpointBody>,
    anchoring: Anchoring,
    /// `local-hash-chain`, or `local-hash-chain+evm` where roots are anchored.
    ledger: &'static str,
    /// How all of this is checked without this platform.
    recipe: &'static str,
    total: u64,
    limit: usize,
    offset: usize,
}

/// An entry of the journal.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// Place in the platform's journal.
    seq: u64,
    /// Place among this battery's entries.
    revision: u64,
    /// What happened.
    r#type: String,
    #[schema(example = "2025-01-12T09:00:00Z")]
    timestamp: String,
    actor: String,
    /// SHA-256 of the entry.
    hash: String,
    /// That of the entry before it in the journal, whichever battery's.
    prev_hash: String,
    /// What was recorded.
    #[schema(value_type = Option<Object>)]
    data: Option<Value>,
    proof: ProofBody,
}

/// The way from an entry up to a signed root.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ProofBody {
    /// Bytes of the entry.
    entry: String,
    /// Place of the entry below the checkpoint, from nought.
    leaf_index: u64,
    /// Entries below the checkpoint.
    tree_size: u64,
    /// Hashes beside the way up.
    path: Vec<String>,
    /// Number of the checkpoint.
    checkpoint: u64,
}

/// The end of the journal.
#[derive(Debug, Serialize, ToSchema)]
struct HeadBody {
    seq: u64,
    hash: String,
}

/// A checkpoint: the Merkle root over a stretch of entries.
#[derive(Debug, Serialize, ToSchema)]
struct CheckpointBody {
    #[serde(flatten)]
    members: Members,
    statement: StatementBody,
    /// Where its hash, or that of a later checkpoint, stands on a chain; null where it does not.
    anchor: Option<AnchorBody>,
}

/// What a checkpoint holds, and its hash.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Members {
    number: u64,
    /// First entry below it.
    first: u64,
    /// Last entry below it.
    last: u64,
    root: String,
    /// Hash of the checkpoint before it.
    previous: String,
    hash: String,
}

/// The platform's signature.
#[derive(Debug, Serialize, ToSchema)]
struct StatementBody {
    /// Compact JWS (EdDSA) over the checkpoint's members.
    jws: String,
    /// The key, for convenience; trust the one at `/.well-known/jwks.json`.
    key: KeyBody,
}

/// A public key (RFC 7517, RFC 8037).
#[derive(Debug, Serialize, ToSchema)]
struct KeyBody {
    kty: &'static str,
    crv: &'static str,
    x: String,
    kid: String,
    alg: &'static str,
    r#use: &'static str,
}

/// A checkpoint on a chain.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AnchorBody {
    /// Number of the anchored checkpoint: this one or a later one.
    checkpoint: u64,
    chain_id: u64,
    transaction: String,
    sender: String,
    block: u64,
    block_hash: String,
    #[schema(example = "2025-01-12T09:00:00Z")]
    anchored_at: String,
    /// Checkpoints from the next one up to the anchored one; null where there are more than a thousand.
    links: Option<Vec<Members>>,
}

/// Whether roots are brought onto a chain.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Anchoring {
    /// Whether this platform does so.
    enabled: bool,
    /// Whether all checkpoints of this answer stand on it.
    anchored: bool,
    chain_id: Option<u64>,
    sender: Option<String>,
    /// Why not; null where they do.
    reason: Option<&'static str>,
}

fn written(hash: Hash) -> String {
    format!("0x{hash}")
}

impl Members {
    fn of(checkpoint: &Checkpoint) -> Self {
        Self {
            number: checkpoint.number,
            first: checkpoint.first.0,
            last: checkpoint.last.0,
            root: written(checkpoint.root),
            previous: written(checkpoint.previous),
            hash: written(checkpoint.hash()),
        }
    }
}

impl From<Statement> for StatementBody {
    fn from(statement: Statement) -> Self {
        let Jwk { kty, crv, x, kid, alg, usage } = statement.key;
        Self { jws: statement.jws, key: KeyBody { kty, crv, x, kid, alg, r#use: usage } }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it takes the place of an error")]
fn unsigned(error: IdentityError) -> Problem {
    tracing::error!(error = &error as &dyn std::error::Error, "a checkpoint was not signed");
    Problem::new(ErrorKind::Broken, "the checkpoint could not be signed; the log says why")
}

/// The row of a fact.
fn row(fact: ProvenFact) -> Row {
    let ProvenFact { entry, hash, proof } = fact;
    let checkpoint = &proof.checkpoint;
    Row {
        seq: entry.sequence.0,
        revision: entry.revision.0,
        timestamp: stamp(entry.at),
        hash: written(hash),
        prev_hash: written(entry.previous),
        data: serde_json::from_slice(&entry.payload).ok().filter(|data: &Value| !data.is_null()),
        proof: ProofBody {
            entry: anchor::hex(&proof.entry),
            leaf_index: entry.sequence.0.saturating_sub(checkpoint.first.0),
            tree_size: (checkpoint.last.0 + 1).saturating_sub(checkpoint.first.0),
            path: proof.path.iter().copied().map(written).collect(),
            checkpoint: checkpoint.number,
        },
        r#type: entry.kind,
        actor: entry.actor,
    }
}

/// Where a checkpoint stands on a chain.
fn anchored(seal: &Seal) -> Option<AnchorBody> {
    let anchor = seal.anchor.as_ref()?;
    let block = anchor.block.as_ref()?;
    Some(AnchorBody {
        checkpoint: anchor.number,
        chain_id: anchor.chain_id,
        transaction: anchor.transaction.clone(),
        sender: anchor.sender.clone(),
        block: block.number,
        block_hash: block.hash.clone(),
        anchored_at: stamp(block.at),
        links: seal.links.as_ref().map(|links| links.iter().map(Members::of).collect()),
    })
}

/// What the journal says of a battery
///
/// Each entry comes with its bytes, its way up to a Merkle root, and the platform's signature under that root, so that
/// it can be checked without this platform. Entries that no checkpoint seals yet are sealed by asking.
#[utoipa::path(
    get,
    path = "/batteries/{batteryId}/audit-trail",
    tag = "Compliance",
    operation_id = "getAuditTrail",
    params(("batteryId" = String, Path, description = "Any name of the battery."), TrailAsked),
    responses(
        (status = 200, description = "The entries, and what proves them.", body = Trail),
        (status = 404, description = "There is no such battery.", body = super::envelope::ErrorBody),
    )
)]
pub(super) async fn audit_trail(
    State(app): State<App>,
    caller: Caller,
    At(battery): At<String>,
    Asked(asked): Asked<TrailAsked>,
) -> Result<Json<Trail>, Problem> {
    let part = query::part(asked.limit.as_deref(), asked.offset.as_deref())?;
    caller.may(Action::PassportRead)?;
    let trail = app.passports.proven_trail(&battery, &caller.visibility(), part).await.map_err(refusal)?;
    let mut checkpoints = Vec::new();
    for seal in &trail.seals {
        let members = Members::of(&seal.checkpoint);
        let statement = app.identity.signed_statement(STATEMENT, &members).map_err(unsigned)?;
        checkpoints.push(CheckpointBody { members, statement: statement.into(), anchor: anchored(seal) });
    }
    let head = app.passports.newest_fact(&trail.passport).await.map_err(refusal)?;
    let all = !checkpoints.is_empty() && checkpoints.iter().all(|checkpoint| checkpoint.anchor.is_some());
    let chain = app.chain.as_ref();
    let reason = match (chain, all) {
        (_, true) => None,
        (Some(_), false) => Some("a root is under way; it counts once it is deep enough in the chain"),
        (None, false) => Some("no chain is configured: roots are signed by the platform and not anchored"),
    };
    Ok(Json(Trail {
        battery_id: trail.passport.battery_id,
        passport_id: trail.passport.passport_id,
        chain: trail.facts.into_iter().map(row).collect(),
        valid: trail.fault.is_none(),
        fault: trail.fault,
        head,
        journal_head: HeadBody { seq: trail.head.sequence.0, hash: written(trail.head.hash) },
        checkpoints,
        anchoring: Anchoring {
            enabled: chain.is_some(),
            anchored: all,
            chain_id: chain.map(|chain| chain.id),
            sender: chain.map(|chain| chain.sender.clone()),
            reason,
        },
        ledger: if all { "local-hash-chain+evm" } else { "local-hash-chain" },
        recipe: RECIPE,
        total: trail.total,
        limit: part.limit,
        offset: part.skip,
    }))
}
