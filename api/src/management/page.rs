//! Pages of lists, as `limit` and `offset` cut them.

use crate::problem::Problem;
use axum::http::Uri;
use host::platform::fleet::{Paged, Part};
use serde::Serialize;
use utoipa::ToSchema;

/// Items of a page where nobody says, and at most.
const LIMIT: usize = 20;
const LIMIT_MAX: usize = 100;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page<T> {
    data: Vec<T>,
    pagination: Pagination,
}

/// Where the page is in its list.
#[derive(Debug, Serialize, ToSchema)]
struct Pagination {
    /// Items in all.
    #[schema(example = 100)]
    total: usize,
    /// Items of a page.
    #[schema(example = 20)]
    limit: usize,
    /// Items before the page.
    #[schema(example = 0)]
    offset: usize,
    /// The page after it; nothing at the end.
    #[schema(example = "/batteries?limit=20&offset=20")]
    next: Option<String>,
    /// The page before it; nothing at the beginning.
    previous: Option<String>,
}

/// Reads `limit` and `offset`.
pub(super) fn part(limit: Option<&str>, offset: Option<&str>) -> Result<Part, Problem> {
    let limit = within("limit", limit, LIMIT, (1, LIMIT_MAX))?;
    Ok(Part { limit, skip: within("offset", offset, 0, (0, usize::MAX / 2))? })
}

/// Reads a whole number.
pub(super) fn within(
    field: &str,
    text: Option<&str>,
    or: usize,
    (low, high): (usize, usize),
) -> Result<usize, Problem> {
    let Some(text) = text else { return Ok(or) };
    let number: Option<usize> = text.parse().ok();
    number.filter(|number| (low..=high).contains(number)).ok_or_else(|| {
        let upper = if high > 1_000_000 { String::new() } else { format!(" to {high}") };
        Problem::unfit(field, format!("{text:?} is no whole number from {low}{upper}"))
    })
}

/// Reads one of some names.
pub(super) fn one_of<T: Copy>(
    field: &str,
    name: &str,
    all: &[T],
    called: fn(T) -> &'static str,
) -> Result<T, Problem> {
    let found = all.iter().copied().find(|one| called(*one) == name);
    found.ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(|one| called(*one)).collect();
        Problem::unfit(field, format!("{name:?} is none of {}", known.join(", ")))
    })
}

impl<T> Page<T> {
    /// A page that was asked for at an address; the filters in it are kept.
    pub(super) fn new<F>(paged: Paged<F>, part: Part, uri: &Uri, into: impl FnMut(F) -> T) -> Self {
        Self::of(paged, part, uri, &kept(uri), into)
    }

    /// The same with filters that somebody else puts together.
    pub(super) fn of<F>(
        paged: Paged<F>,
        part: Part,
        uri: &Uri,
        filters: &str,
        into: impl FnMut(F) -> T,
    ) -> Self {
        let link = |offset: usize| {
            let between = if filters.is_empty() { "" } else { "&" };
            format!("{}?{filters}{between}limit={}&offset={offset}", uri.path(), part.limit)
        };
        let next = part.skip.saturating_add(part.limit);
        Self {
            data: paged.items.into_iter().map(into).collect(),
            pagination: Pagination {
                total: paged.total,
                limit: part.limit,
                offset: part.skip,
                next: (next < paged.total).then(|| link(next)),
                previous: (part.skip > 0).then(|| link(part.skip.saturating_sub(part.limit))),
            },
        }
    }
}

/// The filters of an address, as they stand there.
fn kept(uri: &Uri) -> String {
    let pairs = uri.query().unwrap_or_default().split('&');
    let pairs = pairs.filter(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        !pair.is_empty() && name != "limit" && name != "offset"
    });
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(uri: &str, skip: usize) -> (Option<String>, Option<String>) {
        let uri: Uri = uri.parse().unwrap();
        let paged = Paged { items: vec![1, 2], total: 45 };
        let page = Page::new(paged, Part { skip, limit: 20 }, &uri, |item| item);
        (page.pagination.next, page.pagination.previous)
    }

    #[test]
    fn pages_lead_on_and_back_with_their_filters() {
        let (next, previous) = page("/batteries?status=active&offset=0&limit=20", 0);
        assert_eq!(next.as_deref(), Some("/batteries?status=active&limit=20&offset=20"));
        assert_eq!(previous, None);
        let (next, previous) = page("/batteries", 40);
        assert_eq!(next, None);
        assert_eq!(previous.as_deref(), Some("/batteries?limit=20&offset=20"));
        let (_, previous) = page("/batteries?offset=7", 7);
        assert_eq!(previous.as_deref(), Some("/batteries?limit=20&offset=0"));
    }

    #[test]
    fn limits_are_whole_numbers_of_their_range() {
        assert_eq!(part(None, None), Ok(Part { skip: 0, limit: 20 }));
        assert_eq!(part(Some("100"), Some("3")), Ok(Part { skip: 3, limit: 100 }));
        for (limit, offset) in [("0", "0"), ("101", "0"), ("x", "0"), ("-1", "0"), ("1", "-1"), ("1.5", "0")]
        {
            assert!(part(Some(limit), Some(offset)).is_err(), "{limit} {offset}");
        }
    }
}
