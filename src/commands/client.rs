//! `celltide client`.

use super::identities::{BY, DataArgs, PAGE, show, show_json, show_table, with_identities, written};
use crate::failure::Failure;
use host::identity::client::{Client, NewClient};
use host::identity::{Act, Identity, IdentityError, Scopes};
use serde_json::json;
use std::path::PathBuf;
use twin::time::Time;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Adds a program; its secret is printed once.
    Add(AddArgs),
    /// Lists the programs.
    List(DataArgs),
    /// Revokes a program with everything that was issued to it.
    Revoke(RevokeArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    /// Name for people.
    name: String,
    /// What the program may be given at most: battery:read, fleet:write, … Several by spaces, or once for each.
    #[arg(long = "scope", value_name = "SCOPES", required = true)]
    scopes: Vec<Scopes>,
    /// Where people are sent back to who log in for the program. More than one is allowed.
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// The program can keep no secret: an app, a page.
    #[arg(long, requires = "redirect_uris")]
    public: bool,
    /// Its id; one is made where none is given.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Organisation that the program belongs to; left out for the operator's own.
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    #[command(flatten)]
    place: DataArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RevokeArgs {
    /// The program's id.
    id: String,
    /// Data folder of `celltide serve`, which must not be running.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Add(args) => add(args),
        Command::List(args) => list(args),
        Command::Revoke(args) => revoke(args),
    }
}

fn add(args: &AddArgs) -> Result<(), Failure> {
    let new = NewClient {
        id: args.id.clone(),
        name: args.name.clone(),
        redirect_uris: args.redirect_uris.clone(),
        scopes: args.scopes.iter().fold(Scopes::default(), |all, some| all.or(*some)),
        organisation: args.organisation.as_deref().map(Into::into),
        is_public: args.public,
    };
    let (client, secret) = with_identities(&args.place.data, async |identity: Identity, now: Time| {
        identity.add_client(new, Act { by: BY, at: now }).await
    })?;
    let mut fields = vec![("client_id", client.id.to_string())];
    fields.extend(secret.map(|secret| ("client_secret", secret.reveal().to_owned())));
    fields.push(("scope", client.scopes.to_string()));
    show(&fields, args.place.json)
}

fn list(args: &DataArgs) -> Result<(), Failure> {
    let clients = with_identities(&args.data, async |identity, _| all(&identity).await)?;
    if args.json {
        let row = |client: &Client| {
            json!({
                "client_id": client.id, "name": client.name, "scope": client.scopes,
                "redirect_uris": client.redirect_uris, "public": client.is_public(),
                "organisation": client.organisation, "created": written(client.created),
                "revoked": client.revoked.map(written),
            })
        };
        return show_json(&clients.iter().map(row).collect());
    }
    let row = |client: &Client| {
        [
            client.id.to_string(),
            client.name.clone(),
            client.organisation.as_deref().unwrap_or("-").to_owned(),
            if client.revoked.is_some() { "revoked" } else { "active" }.to_owned(),
            client.scopes.to_string(),
        ]
    };
    show_table(
        ["client_id", "name", "organisation", "state", "scope"],
        &clients.iter().map(row).collect::<Vec<_>>(),
    )
}

async fn all(identity: &Identity) -> Result<Vec<Client>, IdentityError> {
    let (mut clients, mut after) = (Vec::new(), None);
    loop {
        let (some, next) = identity.clients(PAGE, after).await?;
        clients.extend(some);
        after = next;
        if after.is_none() {
            return Ok(clients);
        }
    }
}

fn revoke(args: &RevokeArgs) -> Result<(), Failure> {
    with_identities(&args.data, async |identity: Identity, now: Time| {
        identity.revoke_client(&args.id, Act { by: BY, at: now }).await
    })?;
    crate::output::note(format_args!("{} is revoked", args.id));
    Ok(())
}
