//! A short run of the simulation: no history breaks a promise, each is the same again by its seed,
//! and every mutation is noticed.

use simulation::history;
use simulation::mutation::Mutation;
use simulation::silence_panics_on_purpose;

fn no_promise_is_broken(seeds: std::ops::Range<u64>) {
    silence_panics_on_purpose();
    let mut commits = 0;
    for seed in seeds {
        let outcome = history::run(seed, None);
        assert!(
            outcome.broken.is_empty(),
            "seed {seed}: {}\nreplay: make simulate ARGS=\"--seed {seed} --histories 1 --trace\"",
            outcome.broken.join("\n")
        );
        commits += outcome.commits;
    }
    assert!(commits > 1000, "only {commits} commits: nothing was tried");
}

#[test]
fn histories_break_no_promise() {
    no_promise_is_broken(1..151);
}

#[test]
fn more_histories_break_no_promise() {
    no_promise_is_broken(1_000_000..1_000_150);
}

#[test]
fn the_same_seed_is_the_same_history() {
    silence_panics_on_purpose();
    for seed in 1..31 {
        let (one, other) = (history::run(seed, None), history::run(seed, None));
        assert!(!one.trace.is_empty());
        for (line, again) in one.trace.iter().zip(&other.trace) {
            assert_eq!(line, again, "seed {seed}");
        }
        assert_eq!(one.trace.len(), other.trace.len(), "seed {seed}");
    }
}

/// How many histories may pass before a mutation is noticed.
const NOTICED_WITHIN: u64 = 200;

fn is_noticed(mutation: Mutation) {
    silence_panics_on_purpose();
    let noticed = (1..=NOTICED_WITHIN).any(|seed| {
        let outcome = history::run(seed, Some(mutation));
        !outcome.broken.is_empty()
    });
    assert!(noticed, "nobody notices {}", mutation.name());
}

#[test]
fn without_the_version_fence_a_promise_breaks() {
    is_noticed(Mutation::NoVersionFence);
}

#[test]
fn without_the_order_of_reservation_a_promise_breaks() {
    is_noticed(Mutation::NoOrderedReservation);
}

#[test]
fn without_waiting_for_what_is_tentative_a_promise_breaks() {
    is_noticed(Mutation::NoTentativeWait);
}

#[test]
fn without_the_rules_version_a_promise_breaks() {
    is_noticed(Mutation::NoRulesVersion);
}

#[test]
fn without_asking_what_became_of_a_commit_a_promise_breaks() {
    is_noticed(Mutation::NoInDoubtCheck);
}

#[test]
fn without_a_second_look_a_promise_breaks() {
    is_noticed(Mutation::NoSecondLook);
}

#[test]
fn without_looking_at_keys_a_promise_breaks() {
    is_noticed(Mutation::NoKeys);
}
