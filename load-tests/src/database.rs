//! A database of the run's own on the server that the caller names, dropped with its value.

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use reqwest::Url;
use uuid::Uuid;

use crate::{Error, Outcome};

/// A database that is dropped with this value, unless it is to be kept.
#[derive(Debug)]
pub struct Database {
    /// Address with the caller's login: a superuser, whom row-level security lets through.
    pub url: String,
    server: String,
    name: String,
    keep: bool,
}

impl Database {
    /// A new, empty database beside the one that `server` names.
    ///
    /// # Errors
    /// When the address cannot be read, or its login may not create databases.
    pub async fn create(server: &str, keep: bool) -> Outcome<Self> {
        let name = format!("load_{}", Uuid::new_v4().simple());
        let mut url = Url::parse(server)
            .map_err(|error| format!("DATABASE_URL is no postgres:// address: {error}"))?;
        url.set_path(&name);
        let mut admin = AsyncPgConnection::establish(server).await?;
        admin
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await?;
        Ok(Self {
            url: url.into(),
            server: server.to_owned(),
            name,
            keep,
        })
    }

    /// A connection with the caller's login.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn connect(&self) -> Outcome<AsyncPgConnection> {
        AsyncPgConnection::establish(&self.url)
            .await
            .map_err(Error::from)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.keep {
            eprintln!("kept: database {}", self.name);
            return;
        }
        let (server, name) = (self.server.clone(), self.name.clone());
        // A runtime of its own: the run's may be ending.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let mut admin = AsyncPgConnection::establish(&server).await?;
                let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                admin.batch_execute(&drop).await.map_err(Error::from)
            })
        });
        if !matches!(dropped.join(), Ok(Ok(()))) {
            eprintln!("could not drop database {}", self.name);
        }
    }
}
