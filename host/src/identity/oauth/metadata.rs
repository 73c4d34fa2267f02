//! What a program can learn about this server by itself (RFC 8414).

use crate::identity::Identity;
use crate::identity::policy::Scope;
use serde::Serialize;

/// The metadata document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// Who makes the tokens: as settings say where they give an address, else the base.
    pub issuer: String,
    /// Where people are sent to.
    pub authorization_endpoint: String,
    /// Where tokens are got.
    pub token_endpoint: String,
    /// Where tokens are taken back.
    pub revocation_endpoint: String,
    /// Public keys.
    pub jwks_uri: String,
    /// All scopes.
    pub scopes_supported: Vec<&'static str>,
    /// `code`.
    pub response_types_supported: Vec<&'static str>,
    /// `query`.
    pub response_modes_supported: Vec<&'static str>,
    /// Ways to tokens.
    pub grant_types_supported: Vec<&'static str>,
    /// How programs say who they are.
    pub token_endpoint_auth_methods_supported: Vec<&'static str>,
    /// The same for taking tokens back.
    pub revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    /// `S256`.
    pub code_challenge_methods_supported: Vec<&'static str>,
}

impl Identity {
    /// The metadata document of a server at `base`, such as `https://celltide.example`, without a slash at its end.
    pub fn metadata(&self, base: &str) -> Metadata {
        let issuer = &self.settings().issuer;
        let is_address = issuer.starts_with("https://") || issuer.starts_with("http://");
        let methods = vec!["client_secret_basic", "client_secret_post", "none"];
        Metadata {
            issuer: if is_address { issuer.clone() } else { base.to_owned() },
            authorization_endpoint: format!("{base}/oauth/authorize"),
            token_endpoint: format!("{base}/oauth/token"),
            revocation_endpoint: format!("{base}/oauth/revoke"),
            jwks_uri: format!("{base}/.well-known/jwks.json"),
            scopes_supported: Scope::ALL.iter().map(|scope| scope.as_str()).collect(),
            response_types_supported: vec!["code"],
            response_modes_supported: vec!["query"],
            grant_types_supported: vec!["authorization_code", "refresh_token", "client_credentials"],
            token_endpoint_auth_methods_supported: methods.clone(),
            revocation_endpoint_auth_methods_supported: methods,
            code_challenge_methods_supported: vec!["S256"],
        }
    }
}
