//! Lists in pages: `?limit=&cursor=` in, `{items, nextCursor}` out. A cursor is the sort key of the
//! page's last row, so rows that come or go meanwhile neither repeat nor hide others.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Problem;

const LIMIT_DEFAULT: i64 = 50;
const LIMIT_MAX: i64 = 200;

/// Which page.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many items at most; 50 without.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

impl PageQuery {
    /// How many items the page has at most.
    ///
    /// # Errors
    /// 400 outside 1 to 200.
    pub fn limit(&self) -> Result<i64, Problem> {
        match self.limit.unwrap_or(LIMIT_DEFAULT) {
            limit @ 1..=LIMIT_MAX => Ok(limit),
            _ => Err(Problem::bad_request(format!(
                "limit is a number from 1 to {LIMIT_MAX}."
            ))),
        }
    }

    /// The sort key after which the page starts.
    ///
    /// # Errors
    /// 400 for a cursor that this list did not give.
    pub fn after<K: DeserializeOwned>(&self) -> Result<Option<K>, Problem> {
        let Some(cursor) = &self.cursor else {
            return Ok(None);
        };
        URL_SAFE_NO_PAD
            .decode(cursor)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .map(Some)
            .ok_or_else(wrong_cursor)
    }
}

/// 400: the cursor is not of this list, or what it points at is gone.
#[must_use]
pub fn wrong_cursor() -> Problem {
    Problem::bad_request("The cursor is not one of this list: start again without.")
}

/// Rows of a list sorted by two columns that stand behind the page's last one: what
/// [`PageQuery::after`] gave. A macro, since the columns of two tables share no type.
macro_rules! behind {
    (($first:expr, $second:expr), $last:expr) => {{
        let (first, second) = $last;
        $first
            .gt(first.clone())
            .or($first.eq(first).and($second.gt(second)))
    }};
}
pub(crate) use behind;

/// A part of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Give it as `cursor` for the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A list that is always whole.
    #[must_use]
    pub fn whole(items: Vec<T>) -> Self {
        Self {
            items,
            next_cursor: None,
        }
    }

    /// From at most `limit + 1` rows: the one too many shows that there is a next page.
    pub fn of<R, K: Serialize>(
        mut rows: Vec<R>,
        limit: i64,
        key: impl Fn(&R) -> K,
        item: impl FnMut(R) -> T,
    ) -> Self {
        let limit = usize::try_from(limit).unwrap_or(0);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).and_then(|last| {
            let key = serde_json::to_vec(&key(last)).ok()?;
            Some(URL_SAFE_NO_PAD.encode(key))
        });
        Self {
            items: rows.into_iter().map(item).collect(),
            next_cursor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_to_the_rows_after_it() {
        let page = Page::of(vec![1, 2, 3], 2, |row| *row, |row| row * 10);
        assert_eq!(page.items, [10, 20]);
        let next = PageQuery {
            cursor: page.next_cursor,
            limit: None,
        };
        assert_eq!(next.after::<i32>().unwrap(), Some(2));
        assert!(next.after::<(String, i32)>().is_err());
        assert_eq!(
            Page::of(vec![1, 2], 2, |row| *row, |row| row).next_cursor,
            None
        );
    }

    #[test]
    fn limits_have_bounds() {
        let limit = |limit| {
            PageQuery {
                limit,
                cursor: None,
            }
            .limit()
            .ok()
        };
        assert_eq!(limit(None), Some(LIMIT_DEFAULT));
        assert_eq!(limit(Some(200)), Some(200));
        assert_eq!(
            [limit(Some(0)), limit(Some(201)), limit(Some(-1))],
            [None; 3]
        );
    }
}
