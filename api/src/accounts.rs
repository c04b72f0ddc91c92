//! stub
use crate::rest::language::Language;
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use schema::ids::UserId;
pub struct Login {
    pub id: UserId,
}
pub async fn by_email(_: &mut AsyncPgConnection, _: &str) -> QueryResult<Option<Login>> {
    Ok(None)
}
pub struct NewAccount<'a> {
    pub id: UserId,
    pub email: &'a str,
    pub name: &'a str,
    pub password_hash: Option<&'a str>,
    pub language: Language,
    pub verified: bool,
}
pub async fn create(_: &mut AsyncPgConnection, _: &NewAccount<'_>) -> QueryResult<()> {
    Ok(())
}
pub mod password_rules {
    pub fn check(_: &str, _: &str, _: &str) -> Result<(), crate::problem::Problem> {
        Ok(())
    }
}
pub mod practice {
    pub fn check_subdomain(_: &str) -> Result<(), crate::problem::Problem> {
        Ok(())
    }
}
