//! What other nodes tell that concerns sockets and limits. Calendars and rules are the engine's.

use actix_web::rt::task::JoinHandle;
use actix_web::{rt, web};
use engine::bus::{Heard, Topic};

use crate::app::App;
use crate::ws::presence::across;
use crate::{counts, ws};

/// Begins to listen; each is to be aborted. Without a bus there is nothing to hear.
#[must_use]
pub fn listen(app: &web::Data<App>) -> Vec<JoinHandle<()>> {
    let bus = app.engine.bus();
    if !bus.is_wired() {
        return Vec::new();
    }
    let mut rights = bus.listen::<ws::rights::RightsOf>(Topic::Rights);
    let looking = app.clone();
    vec![
        rt::spawn(across::listen(app.clone(), bus.listen(Topic::Presence))),
        rt::spawn(counts::share(app.clone(), bus.listen(Topic::Counts))),
        rt::spawn(async move {
            while let Some(heard) = rights.hear().await {
                // What is missed is read a moment later: see `ws::rights`.
                if let Heard::Said(whose) = heard {
                    looking.look_again(whose);
                }
            }
        }),
    ]
}
