//! HTTP Basic (RFC 7617): name and password with every request, for scripts and the first steps.
//!
//! A password takes some tens of milliseconds to be checked; who was right is known for a moment, as any other caller.

use super::account::PasswordLogin;
use super::policy::Caller;
use super::secret::Secret;
use super::{Identity, LoginError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;
use twin::time::Time;

/// Longest header that is looked at, in bytes.
const HEADER_MAX_BYTES: usize = 2_048;
/// Where the cache keeps those who came so.
const CACHED_AS: u8 = 3;

/// Whether a header is of this scheme.
pub fn is_basic(header: &str) -> bool {
    header.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic "))
}

impl Identity {
    /// Who calls with a header `Authorization: Basic …` from `source`, for limits.
    ///
    /// # Errors
    /// [`LoginError::Wrong`] where the header cannot be read as well.
    pub async fn authenticate_basic(
        &self,
        header: &str,
        source: &str,
        now: Time,
    ) -> Result<Arc<Caller>, LoginError> {
        let look = self.0.cache.look(CACHED_AS, header);
        if let Some(caller) = self.0.cache.get(&look, now) {
            return Ok(caller);
        }
        let (name, password) = read(header).ok_or(LoginError::Wrong)?;
        // Many requests of one caller at once are one attempt: those who waited find what the first found.
        let _turn = self.0.basic.acquire().await;
        let look = self.0.cache.look(CACHED_AS, header);
        if let Some(caller) = self.0.cache.get(&look, now) {
            return Ok(caller);
        }
        let login = PasswordLogin { username: &name, password: &Secret::new(password), source };
        let user = self.check_login(login, now).await?;
        let caller = Arc::new(Caller::of_user(&user));
        self.0.cache.put(&look, &caller, now, None);
        Ok(caller)
    }
}

/// Name and password.
fn read(header: &str) -> Option<(String, String)> {
    if !is_basic(header) || header.len() > HEADER_MAX_BYTES {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(header[6..].trim()).ok()?).ok()?;
    text.split_once(':').map(|(name, password)| (name.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_are_read() {
        // RFC 7617 § 2.
        let expected = Some(("Aladdin".to_owned(), "open sesame".to_owned()));
        assert_eq!(read("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), expected);
        assert_eq!(read("basic dGVzdDoxMjPCow=="), Some(("test".to_owned(), "123£".to_owned())));
        for wrong in ["Basic", "Basic ?", "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Basic QWxhZGRpbg==", "é"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
