//! Process groups. A test starts this test program once for each process of a group; they run [`process`].

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use tch::{Device, Kind, Tensor};
use torch_ext::dist::{CommunicationBackend, Launch, ProcessGroup};

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Starts `world` processes that run `task`. Rank 0 runs the store.
fn start(task: &str, world: usize) -> Vec<Child> {
    let port = free_port();
    (0..world).map(|rank| start_one(task, rank, world, port)).collect()
}

fn start_one(task: &str, rank: usize, world: usize, port: u16) -> Child {
    command(task, rank, world, port).spawn().unwrap()
}

fn command(task: &str, rank: usize, world: usize, port: u16) -> Command {
    let numbers = [("RANK", rank), ("LOCAL_RANK", rank), ("WORLD_SIZE", world), ("LOCAL_WORLD_SIZE", world)];
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["dist::process", "--exact", "--nocapture"])
        .env("DIST_TASK", task)
        .envs(numbers.map(|(name, number)| (name, number.to_string())))
        .envs([("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", &port.to_string())])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn finish(processes: Vec<Child>) -> Vec<Output> {
    processes.into_iter().map(|process| process.wait_with_output().unwrap()).collect()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A process of a group, if [`start`] started this program; else nothing.
#[test]
fn process() {
    let Ok(task) = env::var("DIST_TASK") else { return };
    let launch = Launch::from_env().unwrap().unwrap();
    let long = ["collectives", "lost", "restarts", "run the store"].contains(&task.as_str());
    let timeout = Duration::from_secs(if long { 60 } else { 2 });
    let missing = task == "missing" && launch.rank == 1;
    let group = match (!missing).then(|| ProcessGroup::join(&launch, CommunicationBackend::Gloo, timeout)) {
        None => return,
        Some(Err(error)) => return println!("error: {error}"),
        Some(Ok(group)) => group,
    };
    match task.as_str() {
        "collectives" => collectives(&group),
        "restarts" => {
            group.barrier().unwrap();
            println!("restarts: {}.", group.restarts());
        }
        "run the store" => {
            println!("joined");
            std::io::stdin().read_line(&mut String::new()).unwrap();
        }
        "lost" if group.rank() == 1 => std::process::abort(),
        "absent" if group.rank() == 1 => std::thread::sleep(Duration::from_secs(4)),
        _ => {
            let begun = Instant::now();
            let error = group.all_reduce_sum(&Tensor::ones([3], tch::kind::FLOAT_CPU)).unwrap_err();
            println!("error after {} s: {error}", begun.elapsed().as_secs());
        }
    }
}

fn collectives(group: &ProcessGroup) {
    let (rank, world) = (group.rank(), group.world());
    let full = |value: f64, kind| Tensor::full([4], value, (kind, Device::Cpu));
    let list = |tensor: &Tensor| Vec::<f64>::try_from(tensor.to_kind(Kind::Double)).unwrap();
    let ranks = (0..world).sum::<usize>() as f64;

    for kind in [Kind::Float, Kind::Double, Kind::Int64, Kind::Uint8] {
        let tensor = full(rank as f64, kind);
        group.all_reduce_sum(&tensor).unwrap();
        assert_eq!(list(&tensor), [ranks; 4], "{kind:?}");
    }
    let tensor = full(rank as f64, Kind::Float);
    group.all_reduce_mean(&tensor).unwrap();
    assert_eq!(list(&tensor), [(0..world).map(|rank| rank as f64 / world as f64).sum::<f64>() as f32 as f64; 4]);

    // every process has the same bits
    let noise = Tensor::from_slice(&(0..1000).map(|n| ((n * (rank + 3)) as f32).sin()).collect::<Vec<_>>());
    group.all_reduce_mean(&noise).unwrap();
    for other in group.all_gather(&noise).unwrap() {
        assert_eq!(other, noise);
    }

    let tensor = full(rank as f64, Kind::Float);
    group.broadcast(&tensor, world - 1).unwrap();
    assert_eq!(list(&tensor), [(world - 1) as f64; 4]);

    let gathered = group.all_gather(&full(rank as f64, Kind::Int64)).unwrap();
    assert_eq!(gathered.iter().map(|it| list(it)[0] as usize).collect::<Vec<_>>(), (0..world).collect::<Vec<_>>());

    // several operations at once, with another order of wait()
    let works: Vec<_> = (0..5).map(|n| group.start_all_reduce_sum(full(f64::from(n), Kind::Double)).unwrap()).collect();
    for (n, work) in works.into_iter().enumerate().rev() {
        assert_eq!(list(&work.wait().unwrap()), [(n * world) as f64; 4]);
    }
    let dropped = group.start_broadcast(full(1.0, Kind::Float), 0).unwrap();
    drop(dropped);

    // gloo's socket, and rank 0's socket of the store, listen only on the loopback interface
    let listening = listening();
    assert!(!cfg!(target_os = "linux") || listening.len() > usize::from(rank == 0), "{listening:?}");
    assert!(listening.iter().all(Ipv4Addr::is_loopback), "{listening:?}");

    assert!(!group.store_check("begun").unwrap());
    group.barrier().unwrap();
    if rank == 0 {
        group.store_set("begun").unwrap();
    }
    group.barrier().unwrap();
    assert!(group.store_check("begun").unwrap());
}

/// The addresses at which this process listens, on Linux. An IPv6 address that is not an IPv4 one counts as 0.0.0.0.
fn listening() -> Vec<Ipv4Addr> {
    const LISTEN: &str = "0A"; // TCP_LISTEN of the kernel's tcp_states.h
    let links =
        fs::read_dir("/proc/self/fd").into_iter().flatten().flatten().filter_map(|fd| fs::read_link(fd.path()).ok());
    let sockets: Vec<_> = links.map(|link| link.display().to_string()).collect();
    let mut found = Vec::new();
    for table in ["tcp", "tcp6"] {
        for line in fs::read_to_string(format!("/proc/self/net/{table}")).unwrap_or_default().lines().skip(1) {
            let fields: Vec<_> = line.split_whitespace().collect();
            let (local, state, inode) = (fields[1], fields[3], fields[9]);
            if state == LISTEN && sockets.contains(&format!("socket:[{inode}]")) {
                let address = local.split(':').next().and_then(|hex| u32::from_str_radix(hex, 16).ok());
                found.push(address.map_or(Ipv4Addr::UNSPECIFIED, |bits| Ipv4Addr::from(bits.to_le_bytes())));
            }
        }
    }
    found
}

#[test]
fn collective_operations_work_with_one_two_and_three_processes() {
    for world in [1, 2, 3] {
        for output in finish(start("collectives", world)) {
            assert!(output.status.success(), "{}", text(&output));
        }
    }
}

/// The store survives the processes, as torchrun's does. The machines' restart counts differ.
#[test]
fn restarted_processes_join_although_their_restart_counts_differ() {
    let port = free_port();
    let mut store = command("run the store", 0, 1, port).stdin(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(store.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("joined"))); // its own attempt is the first one
    for (attempt, counts) in [(1, [0, 0]), (2, [1, 0]), (3, [1, 2])] {
        let restarted = |rank: usize| {
            let mut process = command("restarts", rank, 2, port);
            process.env("TORCHELASTIC_USE_AGENT_STORE", "True");
            process.env("TORCHELASTIC_RESTART_COUNT", counts[rank].to_string()).spawn().unwrap()
        };
        // Rank 1 starts first, and reads the number of the previous attempt.
        let early = restarted(1);
        std::thread::sleep(Duration::from_millis(500));
        for output in finish(vec![restarted(0), early]) {
            assert!(text(&output).contains(&format!("restarts: {attempt}.")), "{}", text(&output));
        }
    }
    drop(store.stdin.take());
    assert!(lines.all(|line| line.is_ok()) && store.wait().unwrap().success());
}

#[test]
fn a_timeout_names_the_missing_ranks() {
    let port = free_port();
    let text = text(&finish([0, 2].map(|rank| start_one("missing", rank, 4, port)).into())[0]);
    let what = "timed out; these ranks did not report: 1, 3 (the timeout is 2s)";
    assert!(text.contains(what) && !text.contains("the peer"), "{text}");
}

#[test]
fn a_process_that_ends_is_an_error_at_once_that_names_the_rank() {
    let begun = Instant::now();
    let outputs = finish(start("lost", 2));
    assert!(begun.elapsed() < Duration::from_secs(20));
    let text = text(&outputs[0]);
    let (start, end) = ("rank 0 of 2: all_reduce of [3] Float: ", "the peer is rank 1");
    assert!(text.contains(start) && text.contains(end) && outputs[0].status.success(), "{text}");
}

#[test]
fn a_missing_store_is_an_error_after_the_timeout() {
    let begun = Instant::now();
    let port = free_port();
    let text = text(&finish(vec![start_one("alone", 1, 2, port)])[0]);
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    let what = format!("rank 1 of 2: MASTER_ADDR=127.0.0.1, MASTER_PORT={port}: no store for 2s (the timeout): ");
    assert!(text.contains(&what) && !text.contains("frame #"), "{text}");
}

#[test]
fn a_store_that_does_not_answer_is_an_error() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap(); // the system accepts connections, and nothing reads them
    let begun = Instant::now();
    let text = text(&finish(vec![start_one("alone", 1, 2, silent.local_addr().unwrap().port())])[0]);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(text.contains("rank 1 of 2: joining the group") && text.contains("does not answer"), "{text}");
}

#[test]
fn an_absent_process_is_an_error_after_the_timeout() {
    for (task, what) in
        [("absent", "rank 0 of 2: all_reduce of [3] Float: "), ("missing", "rank 0 of 2: joining the group")]
    {
        let begun = Instant::now();
        let text = text(&finish(start(task, 2))[0]);
        assert!(begun.elapsed() < Duration::from_secs(12), "{task}: {:?}", begun.elapsed());
        assert!(text.contains(what) && text.contains("the timeout is 2s") && text.contains("rank 1"), "{text}");
    }
}
