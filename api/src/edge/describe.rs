//! What every operation of a family may answer, added to its document in one place.

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder};

/// What a family's operations have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Common {
    /// Schema of a refusal's body; the document's components have it.
    pub(crate) refusal: &'static str,
    /// Media type of a refusal's body.
    pub(crate) media_type: &'static str,
    /// Status of a path or query that cannot be read.
    pub(crate) unfit: &'static str,
    /// Whether bodies must say that they are JSON.
    pub(crate) json: bool,
}

/// A document with what is said about its operations anywhere: the credentials, and refusals by whatever lies around
/// the handlers.
pub(crate) fn described(document: OpenApi, common: Common) -> OpenApi {
    added(document, common, true)
}

/// The same of operations that know no `Idempotency-Key`.
pub(crate) fn described_each_time(document: OpenApi, common: Common) -> OpenApi {
    added(document, common, false)
}

fn added(mut document: OpenApi, common: Common, once: bool) -> OpenApi {
    let components = document.components.get_or_insert_with(Components::new);
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.security_schemes.insert("bearer".to_owned(), RefOr::T(bearer));
    for item in document.paths.paths.values_mut() {
        let posts = item.post.iter_mut().map(|operation| (operation, once));
        let others = [&mut item.get, &mut item.put, &mut item.patch, &mut item.delete];
        let others = others.into_iter().flatten().map(|operation| (operation, false));
        for (operation, is_once) in posts.chain(others) {
            add(operation, is_once, common);
        }
    }
    document
}

/// A document in which nobody who is known is forbidden what is at some paths: one's own session and the like.
pub(crate) fn for_everybody_known(mut document: OpenApi, paths: &[&str]) -> OpenApi {
    for path in paths {
        let Some(item) = document.paths.paths.get_mut(*path) else { continue };
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            operation.responses.responses.remove("403");
        }
    }
    document
}

fn add(operation: &mut Operation, is_once: bool, common: Common) {
    // Said to be for everybody.
    if operation.security.as_deref() == Some(&[SecurityRequirement::default()]) {
        return;
    }
    operation.security.get_or_insert_with(|| vec![SecurityRequirement::new("bearer", Vec::<String>::new())]);
    let has_input =
        operation.request_body.is_some() || operation.parameters.as_ref().is_some_and(|p| !p.is_empty());
    let mut refusals = vec![
        ("401", "Nobody known asks."),
        ("403", "Who asks may not."),
        ("429", "Too many requests; `Retry-After` says when to come back."),
        ("500", "Something broke here."),
        ("503", "Not now; later perhaps."),
    ];
    if has_input {
        refusals.push((common.unfit, "Something in the request is wrong."));
    }
    if operation.request_body.is_some() {
        refusals.push(("413", "The body is too long."));
    }
    if operation.request_body.is_some() && common.json {
        refusals.push(("415", "The body is not `application/json`."));
    }
    if is_once {
        refusals.push(("409", "A request with this `Idempotency-Key` is under way."));
        refusals.push(("422", "The `Idempotency-Key` was used for another request."));
    }
    for (status, what) in refusals {
        refuses(operation, status, what, common);
    }
}

/// An operation that may refuse so, where nothing else is said of it.
fn refuses(operation: &mut Operation, status: &str, what: &str, common: Common) {
    operation.responses.responses.entry(status.to_owned()).or_insert_with(|| {
        let schema = Ref::from_schema_name(common.refusal);
        let content = ContentBuilder::new().schema(Some(schema)).build();
        RefOr::T(ResponseBuilder::new().description(what).content(common.media_type, content).build())
    });
}

/// A document in which operations at some paths may find that several things have the name that was asked for.
pub(crate) fn of_several_names(mut document: OpenApi, common: Common, is_at: fn(&str) -> bool) -> OpenApi {
    for (path, item) in &mut document.paths.paths {
        let all = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in all.into_iter().flatten().filter(|_| is_at(path)) {
            refuses(operation, "409", "Several have this name; say which by its id.", common);
        }
    }
    document
}
