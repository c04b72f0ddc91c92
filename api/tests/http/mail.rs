//! Queued e-mails are sent, once, by whichever process comes first; those that cannot be sent wait.

use api::config::{Config, MailTransport};
use api::mail::{self, Letter, Mailer};
use api::rest::language::Language;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use schema::connection::{Role, connect};
use schema::schema::mail_queue;
use schema::tenancy::{Access, begin};
use schema::test_db::TestDb;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::support::{config, mail_in, parsed};

fn letter(name: &str) -> Letter {
    Letter::VerifyEmail {
        name: name.to_owned(),
        link: "https://denticloud.example/#token=sécret".to_owned(),
    }
}

async fn queue(db: &TestDb, recipient: &str) {
    let mut app = connect(&db.url, Role::App).await.unwrap();
    begin(&mut app, &Access::nobody(), async |connection| {
        mail::queue(connection, recipient, Language::Spanish, &letter("José")).await
    })
    .await
    .unwrap();
}

/// Attempts, whether a text is left, whether it was given up; of every row.
async fn rows(db: &TestDb) -> Vec<(i16, bool, bool)> {
    let mut owner = AsyncPgConnection::establish(&db.url).await.unwrap();
    mail_queue::table
        .select((
            mail_queue::attempts,
            mail_queue::letter.is_not_null(),
            mail_queue::given_up_at.is_not_null(),
        ))
        .load(&mut owner)
        .await
        .unwrap()
}

async fn hurry(db: &TestDb) {
    let mut owner = AsyncPgConnection::establish(&db.url).await.unwrap();
    owner
        .batch_execute("UPDATE mail_queue SET due_at = now()")
        .await
        .unwrap();
}

#[actix_web::test]
async fn what_is_committed_is_sent_and_leaves_nothing_behind() {
    let db = TestDb::new().await;
    let config = config(&db);
    let mailer = Mailer::new(&config).unwrap();
    queue(&db, "ana@test.ec").await;
    let mut app = connect(&db.url, Role::App).await.unwrap();
    begin(&mut app, &Access::nobody(), async |connection| {
        mail::queue(connection, "eva@test.ec", Language::English, &letter("Eva")).await?;
        Err::<(), _>(DieselError::RollbackTransaction)
    })
    .await
    .unwrap_err();
    mailer.deliver_due().await.unwrap();
    let sent = mail_in(&config.mail_folder);
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(sent[0].to, "ana@test.ec");
    assert!(sent[0].body.starts_with("Hola, José:"), "{sent:?}");
    assert_eq!(sent[0].token(), "sécret");
    assert!(sent[0].subject.contains("utf-8"), "{sent:?}");
    assert_eq!(rows(&db).await, []);
    std::fs::remove_dir_all(&config.mail_folder).unwrap();
}

#[actix_web::test]
async fn processes_share_the_queue_without_sending_twice() {
    let db = TestDb::new().await;
    let config = config(&db);
    for number in 0..60 {
        queue(&db, &format!("p{number}@test.ec")).await;
    }
    let mailers: Vec<_> = (0..3).map(|_| Mailer::new(&config).unwrap()).collect();
    let rounds = mailers.iter().map(Mailer::deliver_due);
    futures_util::future::try_join_all(rounds).await.unwrap();
    let mut to: Vec<_> = mail_in(&config.mail_folder)
        .into_iter()
        .map(|mail| mail.to)
        .collect();
    to.sort();
    to.dedup();
    assert_eq!(to.len(), 60);
    assert_eq!(std::fs::read_dir(&config.mail_folder).unwrap().count(), 60);
    std::fs::remove_dir_all(&config.mail_folder).unwrap();
}

#[actix_web::test]
async fn what_a_dead_process_had_taken_is_sent_by_another() {
    let db = TestDb::new().await;
    let config = config(&db);
    queue(&db, "ana@test.ec").await;
    let mut owner = AsyncPgConnection::establish(&db.url).await.unwrap();
    // As a process leaves a row that it has taken.
    owner
        .batch_execute("UPDATE mail_queue SET attempts = 1, due_at = now() + interval '15 minutes'")
        .await
        .unwrap();
    let mailer = Mailer::new(&config).unwrap();
    mailer.deliver_due().await.unwrap();
    assert!(mail_in(&config.mail_folder).is_empty(), "it is another's");
    hurry(&db).await;
    mailer.deliver_due().await.unwrap();
    assert_eq!(mail_in(&config.mail_folder).len(), 1);
    std::fs::remove_dir_all(&config.mail_folder).unwrap();
}

/// An SMTP server (RFC 5321) that answers recipients as `verdict` says and keeps what it gets.
async fn smtp_server(
    listener: TcpListener,
    verdict: &'static str,
    kept: tokio::sync::mpsc::UnboundedSender<String>,
) {
    while let Ok((mut socket, _)) = listener.accept().await {
        let (read, mut write) = socket.split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 test ESMTP\r\n").await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            let answer = match line.split([' ', ':']).next().unwrap_or_default() {
                "EHLO" => "250-test\r\n250 8BITMIME",
                "RCPT" => verdict,
                "DATA" => {
                    write.write_all(b"354 go on\r\n").await.unwrap();
                    let mut message = String::new();
                    while let Ok(Some(line)) = lines.next_line().await {
                        if line == "." {
                            break;
                        }
                        message += &line;
                        message += "\r\n";
                    }
                    kept.send(message).unwrap();
                    "250 taken"
                }
                "QUIT" => "221 bye",
                _ => "250 ok",
            };
            write
                .write_all(format!("{answer}\r\n").as_bytes())
                .await
                .unwrap();
        }
    }
}

#[actix_web::test]
async fn smtp_delivers_waits_or_gives_up() {
    let db = TestDb::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let smtp = |address: std::net::SocketAddr| Config {
        mail_transport: MailTransport::Smtp,
        smtp_url: Some(format!("smtp://{address}").into()),
        ..config(&db)
    };
    queue(&db, "ana@test.ec").await;
    // Nobody there: it waits.
    Mailer::new(&smtp(closed))
        .unwrap()
        .deliver_due()
        .await
        .unwrap();
    assert_eq!(rows(&db).await, [(1, true, false)]);
    for (verdict, left, messages) in [
        ("451 later", vec![(2, true, false)], 0),
        ("250 fine", vec![], 1),
        ("550 nobody here", vec![(1, false, true)], 0),
    ] {
        if rows(&db).await.is_empty() {
            queue(&db, "ana@test.ec").await;
        }
        hurry(&db).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (kept, mut messages_kept) = tokio::sync::mpsc::unbounded_channel();
        let server = actix_web::rt::spawn(smtp_server(listener, verdict, kept));
        Mailer::new(&smtp(address))
            .unwrap()
            .deliver_due()
            .await
            .unwrap();
        server.abort();
        assert_eq!(rows(&db).await, left, "{verdict}");
        let mut received = Vec::new();
        while let Ok(message) = messages_kept.try_recv() {
            received.push(parsed(&message));
        }
        assert_eq!(received.len(), messages, "{verdict}");
        if let [mail] = &received[..] {
            assert_eq!(
                (mail.to.as_str(), mail.token().as_str()),
                ("ana@test.ec", "sécret")
            );
        }
    }
}

#[actix_web::test]
async fn requests_cannot_look_into_the_queue_and_the_mail_role_sees_nothing_else() {
    let db = TestDb::new().await;
    queue(&db, "ana@test.ec").await;
    let mut app = connect(&db.url, Role::App).await.unwrap();
    let mut mail = connect(&db.url, Role::Mail).await.unwrap();
    for sql in [
        "SELECT 1 FROM mail_queue",
        "DELETE FROM mail_queue",
        "UPDATE mail_queue SET attempts = 0",
    ] {
        let error = app.batch_execute(sql).await.unwrap_err().to_string();
        assert!(error.contains("permission denied"), "{sql}: {error}");
    }
    for table in [
        "users",
        "patients",
        "appointments",
        "tenants",
        "refresh_tokens",
        "audit_log",
    ] {
        let sql = format!("SELECT 1 FROM {table}");
        let error = mail.batch_execute(&sql).await.unwrap_err().to_string();
        assert!(error.contains("permission denied"), "{table}: {error}");
    }
}
