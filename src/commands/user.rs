//! `celltide user`.

use super::identities::{BY, DataArgs, PAGE, show, show_json, show_table, with_identities, written};
use crate::failure::Failure;
use host::identity::account::PhoneNumber;
use host::identity::{Act, Identity, IdentityError, NewUser, Role, Roles, Secret, User};
use serde_json::json;
use std::io::Read;
use std::path::PathBuf;
use twin::time::Time;

/// Variable that a password may stand in.
const PASSWORD: &str = "CELLTIDE_PASSWORD";
/// Most bytes that are read from stdin.
const STDIN_MAX_BYTES: u64 = 4_096;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Adds a user. Its password comes from CELLTIDE_PASSWORD or stdin; else one is made up and printed once.
    Add(AddArgs),
    /// Lists the users.
    List(DataArgs),
    /// Disables a user: it cannot log in, and what was issued to it is void.
    Disable(DisableArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    /// Name that the user logs in with; none for one who does so by telephone alone.
    #[arg(required_unless_present = "phone")]
    name: Option<String>,
    /// What the user is: admin, engineer, viewer, dealer, consumer, technician, financier. More than one is allowed.
    #[arg(long = "role", value_name = "ROLE", required = true)]
    roles: Vec<Role>,
    /// Telephone number that the user logs in with, as +, country code and number.
    #[arg(long, value_name = "NUMBER", value_parser = phone_number)]
    phone: Option<PhoneNumber>,
    /// Organisation that the user belongs to; left out for the operator's own people.
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// Electronic mail.
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Name for people.
    #[arg(long, value_name = "NAME")]
    full_name: Option<String>,
    /// Reads the password from the first line of stdin.
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    place: DataArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DisableArgs {
    /// The user's name or id.
    user: String,
    /// Data folder of `celltide serve`, which must not be running.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Add(args) => add(args),
        Command::List(args) => list(args),
        Command::Disable(args) => disable(args),
    }
}

fn add(args: &AddArgs) -> Result<(), Failure> {
    let given = match (&args.name, args.password_stdin) {
        (None, true) => return Err(Failure::say("a password needs a name to log in with")),
        (None, false) => None,
        (Some(_), true) => Some(from_stdin()?),
        (Some(_), false) => std::env::var(PASSWORD).ok(),
    };
    let is_made_up = args.name.is_some() && given.is_none();
    let (user, password) = with_identities(&args.place.data, async |identity, now| {
        let password = match given {
            Some(password) => Some(Secret::new(password)),
            None if is_made_up => Some(identity.made_up_password()?),
            None => None,
        };
        let new = NewUser {
            username: args.name.clone(),
            password: password.clone(),
            phone: args.phone.clone(),
            email: args.email.clone(),
            full_name: args.full_name.clone(),
            roles: Roles::of(&args.roles),
            organisation: args.organisation.as_deref().map(Into::into),
            ..NewUser::default()
        };
        let user = identity.add_user(new, Act { by: BY, at: now }).await?;
        Ok((user, password))
    })?;
    let mut fields = vec![("id", user.id.to_string())];
    fields.extend(user.username.clone().map(|name| ("username", name)));
    fields.extend(user.phone.as_ref().map(|phone| ("phone", phone.as_str().to_owned())));
    fields.push(("roles", roles_of(&user)));
    if is_made_up {
        fields.extend(password.map(|password| ("password", password.reveal().to_owned())));
    }
    show(&fields, args.place.json)
}

fn list(args: &DataArgs) -> Result<(), Failure> {
    let users = with_identities(&args.data, async |identity, _| all(&identity).await)?;
    if args.json {
        let row = |user: &User| {
            json!({
                "id": user.id, "username": user.username, "phone": user.phone.as_ref().map(PhoneNumber::masked),
                "email": user.email, "full_name": user.full_name, "roles": user.roles,
                "organisation": user.organisation, "disabled": user.disabled,
                "created": written(user.created), "updated": written(user.updated),
            })
        };
        return show_json(&users.iter().map(row).collect());
    }
    let row = |user: &User| {
        let name = user.username.clone().or_else(|| user.phone.as_ref().map(PhoneNumber::masked));
        [
            user.id.to_string(),
            name.unwrap_or_default(),
            roles_of(user),
            user.organisation.as_deref().unwrap_or("-").to_owned(),
            if user.disabled { "disabled" } else { "active" }.to_owned(),
        ]
    };
    show_table(["id", "name", "roles", "organisation", "state"], &users.iter().map(row).collect::<Vec<_>>())
}

async fn all(identity: &Identity) -> Result<Vec<User>, IdentityError> {
    let (mut users, mut after) = (Vec::new(), None);
    loop {
        let (some, next) = identity.users(None, PAGE, after).await?;
        users.extend(some);
        after = next;
        if after.is_none() {
            return Ok(users);
        }
    }
}

fn disable(args: &DisableArgs) -> Result<(), Failure> {
    with_identities(&args.data, async |identity: Identity, now: Time| {
        let named = identity.user_named(&args.user).await?;
        let id = named.map_or_else(|| args.user.as_str().into(), |user| user.id);
        identity.disable_user(&id, Act { by: BY, at: now }).await.map(drop)
    })?;
    crate::output::note(format_args!("{} is disabled", args.user));
    Ok(())
}

fn roles_of(user: &User) -> String {
    user.roles.iter().map(Role::as_str).collect::<Vec<_>>().join(",")
}

fn phone_number(text: &str) -> Result<PhoneNumber, String> {
    text.parse().map_err(|error: IdentityError| error.to_string())
}

/// The first line of stdin.
fn from_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin().lock().take(STDIN_MAX_BYTES).read_to_string(&mut text).map_err(Failure::usage)?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() { Err(Failure::say("stdin holds no password")) } else { Ok(line.to_owned()) }
}
