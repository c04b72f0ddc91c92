//! Ten thousand sockets follow one calendar: how long until the last of them has a change, and what
//! each of them costs. Beside a bare server of the same library that sends the same bytes.

use std::time::{Duration, Instant};

use clap::Args;
use futures_util::future::try_join_all;
use serde_json::json;
use tokio::sync::mpsc;

use crate::Outcome;
use crate::client::{Answer, Command, Protocol};
use crate::diary;
use crate::ledger::Ledger;
use crate::light::LightSocket;
use crate::measure::{Meter, Spread, now_us};
use crate::report::Summary;
use crate::seed::Size;
use crate::server::{Program, Server};
use crate::stage::{Setup, Stage};

/// Sockets that connect at the same time.
const AT_ONCE: usize = 100;
/// How long the last of them may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two changes.
const PAUSE: Duration = Duration::from_millis(300);
/// What sockets say to the bare server, and hear back.
const HELLO: &str = "{\"type\":\"hello\"}";

/// How to play it.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Sockets on the calendar
    #[arg(long, default_value_t = 10_000)]
    pub sockets: usize,
    /// Changes of it
    #[arg(long, default_value_t = 20)]
    pub changes: usize,
}

/// When a socket had a change, in microseconds since 1970, and the change.
type Heard = mpsc::UnboundedReceiver<(i64, Vec<u8>)>;

/// Many sockets that listen.
struct Crowd {
    heard: Heard,
    sockets: usize,
    tasks: tokio::task::JoinSet<()>,
}

/// What one server did.
struct Measured {
    /// From the change to a socket, over all sockets and changes; to the last one, over changes.
    each: Spread,
    last: Spread,
    kib_per_socket: f64,
    missed: u64,
}

/// Plays it.
///
/// # Errors
/// When it cannot be played to its end.
pub async fn run(setup: &Setup, options: &Options) -> Outcome<Summary> {
    let size = Size {
        tenants: 1,
        dentists: 1,
        patients: 40,
    };
    let practice = size.practice(0);
    let stage = Stage::raise(setup, size).await?;
    let site = std::sync::Arc::clone(&stage.site);
    let meter = Meter::new(Instant::now())?;
    let ledger = Ledger::default();

    let token = site.token(practice)?;
    let (from, to) = diary::range(site.today);
    let greeting = [
        (
            json!({ "id": 1, "type": "connect", "token": token }).to_string(),
            "\"type\":\"connected\"",
        ),
        (
            json!({
                "id": 2, "type": "subscribe", "calendar": practice.dentist(0).calendar,
                "range": { "from": from, "to": to },
            })
            .to_string(),
            "\"type\":\"snapshot\"",
        ),
    ];
    let before = stage.resident_kib()?;
    let mut crowd = Crowd::gather(
        site.address,
        options.sockets,
        &greeting,
        "\"type\":\"delta\"",
    )
    .await?;
    let kib_per_socket = (stage.resident_kib()? - before) / options.sockets as f64;

    let book = site.diary(practice);
    let mut client = site.client(Protocol::Socket, practice).await?;
    let (mut each, mut last) = (Spread::new()?, Spread::new()?);
    let mut bytes = Vec::new();
    let mut missed = 0;
    for _ in 0..options.changes {
        tokio::time::sleep(PAUSE).await;
        let booking = book.next().ok_or("all slots are booked")?;
        let due = Instant::now();
        let answer = client.give(&Command::Book(booking.clone()), None).await;
        meter.record(due, &answer);
        match answer {
            Answer::Done { appointment, .. } => ledger.booked(appointment, &booking),
            other => return Err(format!("not booked: {other:?}").into()),
        }
        let (heard, frame) = crowd.hear().await;
        missed += (options.sockets - heard.len()) as u64;
        let at = changed_at(&frame)?;
        for us in &heard {
            each.record(us - at);
        }
        last.record(heard.iter().max().copied().unwrap_or(at) - at);
        bytes = frame;
    }
    let real = Measured {
        each,
        last,
        kib_per_socket,
        missed,
    };
    drop((crowd, client));
    let verdict = stage.close(&ledger, missed).await?;

    let bare = beside(options, &String::from_utf8(bytes.clone())?).await?;
    let facts = [
        ("bytes of a change", bytes.len() as f64),
        ("commit to socket, p50, ms", real.each.ms(0.5)),
        ("commit to socket, p99, ms", real.each.ms(0.99)),
        ("commit to the last socket, p50, ms", real.last.ms(0.5)),
        ("commit to the last socket, p99, ms", real.last.ms(0.99)),
        ("bare: to socket, p50, ms", bare.each.ms(0.5)),
        ("bare: to socket, p99, ms", bare.each.ms(0.99)),
        ("bare: to the last socket, p50, ms", bare.last.ms(0.5)),
        ("bare: to the last socket, p99, ms", bare.last.ms(0.99)),
        (
            "last socket, p50, times the bare one",
            real.last.ms(0.5) / bare.last.ms(0.5),
        ),
        ("KiB per followed socket", real.kib_per_socket),
        ("bare: KiB per socket", bare.kib_per_socket),
        ("bare: not received", bare.missed as f64),
    ];
    let setting = format!("{} sockets, {} changes", options.sockets, options.changes);
    Ok(Summary::new(
        "fanout",
        setting,
        meter.totals(),
        facts,
        verdict,
    ))
}

/// The same crowd and the same bytes on the bare server.
async fn beside(options: &Options, text: &str) -> Outcome<Measured> {
    let program = Program {
        binary: std::env::current_exe()?,
        database_url: String::new(),
        jwt_secret: String::new(),
        environment: Vec::new(),
    };
    let server: Server = program.run("bare").await?;
    let before = server.resident_kib()?;
    let greeting = [(HELLO.to_owned(), "hello")];
    let mut crowd = Crowd::gather(server.address, options.sockets, &greeting, "delta").await?;
    let kib_per_socket = (server.resident_kib()? - before) / options.sockets as f64;
    let http = crate::http::client().build()?;
    let (mut each, mut last) = (Spread::new()?, Spread::new()?);
    let mut missed = 0;
    for _ in 0..options.changes {
        tokio::time::sleep(PAUSE).await;
        let url = format!("http://{}/send", server.address);
        let answer = http.post(url).body(text.to_owned()).send().await?;
        let at: i64 = answer.text().await?.parse()?;
        let (heard, _) = crowd.hear().await;
        missed += (options.sockets - heard.len()) as u64;
        for us in &heard {
            each.record(us - at);
        }
        last.record(heard.iter().max().copied().unwrap_or(at) - at);
    }
    drop(crowd);
    server.kill().await?;
    Ok(Measured {
        each,
        last,
        kib_per_socket,
        missed,
    })
}

impl Crowd {
    /// Connects sockets, which each say `greeting` and hear its answers, and then listen for frames
    /// with `what` in them.
    async fn gather(
        server: std::net::SocketAddr,
        sockets: usize,
        greeting: &[(String, &'static str)],
        what: &'static str,
    ) -> Outcome<Self> {
        let (tell, heard) = mpsc::unbounded_channel();
        let mut tasks = tokio::task::JoinSet::new();
        let numbers: Vec<usize> = (0..sockets).collect();
        for some in numbers.chunks(AT_ONCE) {
            let opening = some.iter().map(|number| async move {
                let mut socket = LightSocket::open(server, *number).await?;
                for (say, hear) in greeting {
                    socket.say(say).await?;
                    socket.next_with(hear).await?;
                }
                Outcome::Ok(socket)
            });
            for mut socket in try_join_all(opening).await? {
                let tell = tell.clone();
                tasks.spawn(async move {
                    while let Ok(frame) = socket.next_with(what).await {
                        if tell.send((now_us(), frame)).is_err() {
                            return;
                        }
                    }
                });
            }
        }
        Ok(Self {
            heard,
            sockets,
            tasks,
        })
    }

    /// When each socket had the next change, and the change.
    async fn hear(&mut self) -> (Vec<i64>, Vec<u8>) {
        let mut times = Vec::with_capacity(self.sockets);
        let mut last = Vec::new();
        let all = async {
            while times.len() < self.sockets {
                let Some((at, frame)) = self.heard.recv().await else {
                    return;
                };
                times.push(at);
                last = frame;
            }
        };
        // Who has not heard by then has missed it.
        let _ = tokio::time::timeout(PATIENCE, all).await;
        (times, last)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.tasks.abort_all();
    }
}

/// The database's clock in the commit, in microseconds since 1970.
fn changed_at(frame: &[u8]) -> Outcome<i64> {
    let delta: serde_json::Value = serde_json::from_slice(frame)?;
    let at = delta["at"].as_str().ok_or("a delta has a time")?;
    Ok(chrono::DateTime::parse_from_rfc3339(at)?.timestamp_micros())
}
