//! Reading for many with one question: what is wanted while another read is under way is read next,
//! together.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

/// Those who wait for something to be read.
#[derive(Debug)]
pub struct Together<K> {
    wanted: Mutex<BTreeSet<K>>,
    /// Whoever reads.
    turn: tokio::sync::Mutex<()>,
}

impl<K> Default for Together<K> {
    fn default() -> Self {
        Self {
            wanted: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }
}

impl<K: Copy + Ord> Together<K> {
    /// Has `read` read those of `ids` that are not known once it is this caller's turn, and with
    /// them what others wait for, at most `most` at a time.
    ///
    /// # Errors
    /// Those of `read`.
    pub async fn read<'r, E>(
        &self,
        ids: &[K],
        most: usize,
        is_known: impl Fn(K) -> bool,
        read: impl Fn(Vec<K>) -> BoxFuture<'r, Result<(), E>>,
    ) -> Result<(), E> {
        self.wanted().extend(ids);
        let _turn = self.turn.lock().await;
        let unknown = ids.iter().copied().filter(|id| !is_known(*id));
        let mut together: BTreeSet<K> = unknown.collect();
        if together.is_empty() {
            return Ok(());
        }
        {
            let mut wanted = self.wanted();
            while together.len() < most
                && let Some(id) = wanted.pop_first()
            {
                if !is_known(id) {
                    together.insert(id);
                }
            }
        }
        let together: Vec<K> = together.into_iter().collect();
        for chunk in together.chunks(most.max(1)) {
            read(chunk.to_vec()).await?;
        }
        Ok(())
    }

    fn wanted(&self) -> MutexGuard<'_, BTreeSet<K>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicBool, Ordering};

    use futures_util::FutureExt;
    use futures_util::future::join_all;
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn what_is_wanted_meanwhile_is_read_with_one_question() {
        let together = Together::default();
        let (known, questions) = (Mutex::new(BTreeSet::new()), Mutex::new(Vec::new()));
        let (first, all_wait) = (AtomicBool::new(true), Notify::new());
        let ask = async |id: u32| {
            let read = |ids: Vec<u32>| {
                async {
                    if first.swap(false, Ordering::SeqCst) {
                        all_wait.notified().await;
                    }
                    known.lock().unwrap().extend(ids.iter().copied());
                    questions.lock().unwrap().push(ids);
                    Ok::<_, Infallible>(())
                }
                .boxed()
            };
            let is_known = |id| known.lock().unwrap().contains(&id);
            together.read(&[id], 3, is_known, read).await.unwrap();
        };
        // All are polled once, in this order, before the last lets the first go on.
        let everybody = join_all([7, 5, 6, 1, 2, 2].map(ask));
        let release = async { all_wait.notify_one() };
        futures_util::future::join(everybody, release).await;
        // 7 was wanted by nobody else; those who wait are read in the order of their ids.
        assert_eq!(
            *questions.lock().unwrap(),
            [vec![7], vec![1, 2, 5], vec![6]]
        );
    }
}
