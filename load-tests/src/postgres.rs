//! A PostgreSQL of the run's own, which it may crash: `scripts/postgres` in a folder that goes with
//! this value. Commits durably.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use uuid::Uuid;

use crate::Outcome;

/// A running server, destroyed with this value.
#[derive(Debug)]
pub struct Postgres {
    /// Address with a superuser's login.
    pub url: String,
    folder: PathBuf,
    settings: String,
}

impl Postgres {
    /// Makes one and starts it; `settings` are `name=value`, separated by spaces.
    ///
    /// # Errors
    /// When the server programs are missing or it does not start.
    pub async fn start(settings: &str) -> Outcome<Self> {
        let folder = std::env::temp_dir().join(format!("denticloud-{}", Uuid::new_v4().simple()));
        let mut made = Self {
            url: String::new(),
            folder,
            settings: settings.to_owned(),
        };
        made.script("start").await?;
        made.url = made.script("url").await?.trim().to_owned();
        Ok(made)
    }

    /// Ends it as a crash would, and starts it again, on its port.
    ///
    /// # Errors
    /// When it does not start again.
    pub async fn crash(&self) -> Outcome<()> {
        self.script("crash").await?;
        self.script("start").await?;
        Ok(())
    }

    async fn script(&self, command: &'static str) -> Outcome<String> {
        let mut program = script(command, &self.folder, &self.settings);
        let output = tokio::task::spawn_blocking(move || program.output()).await??;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(format!("scripts/postgres {command}: {}", text.trim()).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}

fn script(command: &str, folder: &Path, settings: &str) -> Command {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/postgres");
    let mut program = Command::new(scripts);
    program
        .arg(command)
        .arg(folder)
        .env("POSTGRES_SETTINGS", settings)
        .stdin(Stdio::null());
    program
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let destroyed = script("destroy", &self.folder, &self.settings).output();
        if !destroyed.is_ok_and(|output| output.status.success()) {
            eprintln!(
                "could not destroy the Postgres in {}",
                self.folder.display()
            );
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
