//! Short forms of the load test `nodes`: several real processes over one database, and everything
//! around them failing.

use load_tests::scenario::nodes::{self, Fault, Options, Played, YesNo};

use super::setup;

async fn play(options: &Options, faults: Vec<Fault>) -> Played {
    let played = nodes::play(&setup(), options, faults, rand::random())
        .await
        .unwrap();
    let summary = &played.summary;
    eprintln!("{summary}");
    assert!(summary.verdict.is_clean(), "{summary}");
    assert!(
        played.contested > 0 && played.handed_over > 0 && played.seen.deltas > 0,
        "{summary}"
    );
    played
}

#[tokio::test]
async fn two_nodes_and_a_redis_that_come_and_go() {
    let options = Options {
        clients: 4,
        rate: 5,
        seconds: 8,
        ..Options::default()
    };
    let faults = vec![
        Fault::FlushRedis,
        Fault::KillNode(1),
        Fault::DisconnectRedis,
        Fault::LoseAnswers(0),
        Fault::KillRedis,
        Fault::KillNode(0),
        Fault::EndSessions,
    ];
    play(&options, faults).await;
}

#[tokio::test]
async fn three_nodes_without_redis_one_of_them_stopped_and_postgres_crashing() {
    let options = Options {
        nodes: 3,
        redis: YesNo::No,
        clients: 4,
        rate: 5,
        seconds: 6,
        // Past what commands, commits and transactions wait for.
        stopped: 6,
        ..Options::default()
    };
    let faults = vec![
        Fault::LoseAnswers(1),
        Fault::CrashPostgres,
        Fault::StopNode(1),
        Fault::EndSessions,
    ];
    play(&options, faults).await;
}

#[tokio::test]
async fn a_commit_on_one_node_reaches_the_other() {
    for redis in [YesNo::Yes, YesNo::No] {
        let options = Options {
            redis,
            clients: 4,
            rate: 10,
            seconds: 2,
            ..Options::default()
        };
        let played = play(&options, Vec::new()).await;
        let heard = played
            .summary
            .facts
            .iter()
            .find(|(name, _)| *name == "changes heard on other nodes");
        assert!(heard.is_some_and(|(_, count)| *count > 0.0));
    }
}
