//! Rust code on libtorch's threads. Each thread has its own thread count, and every test runs on its own thread.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use tch::{Kind, Tensor};
use torch_ext::{Error, parallel};

/// The threads that `tasks` tasks ran on.
fn threads_of(tasks: usize) -> HashSet<ThreadId> {
    let ids = Mutex::new(HashSet::new());
    parallel::for_each(tasks, |_| {
        ids.lock().unwrap().insert(std::thread::current().id());
    })
    .unwrap();
    ids.into_inner().unwrap()
}

#[test]
fn every_task_runs_once() {
    for threads in [1, 2, 3] {
        tch::set_num_threads(threads);
        for tasks in [0, 1, 2, 3, 7, 64, 10_001, 2] {
            let runs: Vec<_> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
            parallel::for_each(tasks, |task| {
                runs[task].fetch_add(1, Ordering::Relaxed);
            })
            .unwrap();
            assert!(runs.iter().all(|runs| runs.load(Ordering::Relaxed) == 1), "{tasks} tasks on {threads} threads");
        }
    }
}

#[test]
fn two_threads_work_at_the_same_time() {
    tch::set_num_threads(2);
    assert_eq!(parallel::num_threads(), 2);
    // Each task waits for the other one, so both must run at the same time.
    let (here, deadline) = (AtomicUsize::new(0), Instant::now() + Duration::from_secs(20));
    parallel::for_each(2, |task| {
        here.fetch_add(1, Ordering::SeqCst);
        while here.load(Ordering::SeqCst) < 2 {
            assert!(Instant::now() < deadline, "task {task} is alone");
            std::thread::yield_now();
        }
    })
    .unwrap();
    let threads = threads_of(2);
    assert_eq!(threads.len(), 2);
    assert!(threads.contains(&std::thread::current().id()));
}

#[test]
fn the_pool_is_libtorchs_own() {
    tch::set_num_threads(2);
    let pool = threads_of(2);
    // An operation of libtorch that is large enough for several threads starts no new ones, and ends none.
    let matrix = Tensor::ones([512, 512], (Kind::Float, tch::Device::Cpu));
    let _ = matrix.mm(&matrix).sum(Kind::Float);
    assert_eq!(threads_of(2), pool);
    #[cfg(target_os = "linux")]
    {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let runtimes: HashSet<&str> =
            maps.split_whitespace().filter(|part| part.contains("libgomp") || part.contains("libomp")).collect();
        assert_eq!(runtimes.len(), 1, "{runtimes:?}");
    }
}

#[test]
fn the_thread_count_is_used() {
    tch::set_num_threads(1);
    assert_eq!(parallel::num_threads(), 1);
    assert_eq!(threads_of(8), HashSet::from([std::thread::current().id()]));
}

#[test]
fn a_nested_call_runs_serially() {
    tch::set_num_threads(2);
    let sum = AtomicUsize::new(0);
    parallel::for_each(2, |outer| {
        assert_eq!(parallel::num_threads(), 1);
        let here = std::thread::current().id();
        parallel::for_each(3, |inner| {
            assert_eq!(std::thread::current().id(), here);
            sum.fetch_add(10 * outer + inner, Ordering::Relaxed);
        })
        .unwrap();
    })
    .unwrap();
    assert_eq!(sum.into_inner(), 30 + 3 + 3);
}

#[test]
fn a_panic_is_an_error_after_all_tasks_have_ended() {
    for threads in [1, 2] {
        tch::set_num_threads(threads);
        let ended = AtomicUsize::new(0);
        let result = parallel::for_each(6, |task| {
            assert!(task != 1 && task != 4, "a failed task");
            ended.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(result, Err(Error::Panic("task 1 of 6 panicked: a failed task".to_owned())));
        assert_eq!(ended.into_inner(), 4);
        parallel::for_each(2, |_| {}).unwrap(); // the pool still works
    }
}
