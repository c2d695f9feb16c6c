//! Data-parallel training with several processes: the bits of PyTorch's DistributedDataParallel, the losses of one
//! process, and the behaviour when a process is killed.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use test_support::lesson::{assert_accurate_losses, file_names, json_file, run_processes, start_processes, text};
use test_support::{torchrun, workspace};
use torch_ext::StateDict;

use crate::BINARY;
use crate::float64::Training;
use crate::support::{home, mnist_gru};

/// Starts `world` processes.
fn start(home: &Path, world: usize, options: &str) -> Vec<Child> {
    start_processes(&BINARY, home, world, options)
}

/// Runs `world` processes to their end. Returns stdout and stderr of each.
fn run(home: &Path, world: usize, options: &str) -> Vec<[String; 2]> {
    run_processes(&BINARY, home, world, options)
}

const SMALL: &str = "--data data --batch-size 12 --hidden-size 16 --num-layers 1";

fn batch_losses(run: &Path) -> Vec<f32> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let epochs = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let losses = |epoch: Value| -> Vec<f32> { serde_json::from_value(epoch["batch_losses"].clone()).unwrap() };
    epochs.flat_map(losses).collect()
}

fn to_f64(losses: &[f32]) -> Vec<f64> {
    losses.iter().copied().map(f64::from).collect()
}

fn weights(run: &Path) -> Vec<(String, Vec<f32>)> {
    let state = StateDict::load(run.join("model.pt")).unwrap();
    let numbers = |tensor: &tch::Tensor| Vec::try_from(tensor.reshape([-1])).unwrap();
    state.iter().map(|(name, tensor)| (name.to_owned(), numbers(tensor))).collect()
}

/// Runs torchrun with two processes to its end, which must be a success.
fn two_under_torchrun(mut torchrun: Command, program: &[&str], args: &[&str]) {
    let output = torchrun.args(["--standalone", "--nproc-per-node=2"]).args(program).args(args).output().unwrap();
    assert!(output.status.success(), "{program:?}: {}", text(&output.stderr));
}

/// Two epochs, because each has its own order of batches.
#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn two_processes_equal_pythons_distributed_data_parallel_to_the_bit() {
    let home = tempfile::tempdir().unwrap();
    let [ours, theirs] = ["ours", "theirs"].map(|name| home.path().join(name));
    for (out, program) in [(&ours, &["--no-python", &BINARY][..]), (&theirs, &["notebooks-ref/ddp_mnist_gru.py"])] {
        let out = format!("--out={}", out.display());
        two_under_torchrun(torchrun(), program, &["--seed=7", "--epochs=2", "--limit=15", &out]);
    }
    let theirs_losses = fs::read_to_string(theirs.join("losses.json")).unwrap();
    assert_eq!(batch_losses(&ours), serde_json::from_str::<Vec<f32>>(&theirs_losses).unwrap());
    assert_eq!(batch_losses(&ours).len(), 30);
    assert_eq!(weights(&ours), weights(&theirs));
}

/// The order of batches does not depend on the number of processes. The sums of gradients are rounded differently, and
/// training amplifies this: less at this learning rate (docs/scaling.md).
#[test]
fn groups_of_one_two_and_four_have_the_same_losses_up_to_rounding() {
    let home = tempfile::tempdir().unwrap();
    let data = workspace().join("data/mnist");
    let losses = [1, 2, 4].map(|world| {
        let out = home.path().join(world.to_string());
        let args = format!("--data {} --limit 50 --epochs 1 --lr 0.001 --out {}", data.display(), out.display());
        run(home.path(), world, &args);
        batch_losses(&out)
    });
    let truth = Training { lr: 0.001, ..Training::of_mnist() }.losses_of_a_group(100, 50, 1);
    let [one, others @ ..] = losses;
    for other in others {
        assert_ne!(one, other, "sums in the same order");
        assert_accurate_losses("processes", &truth, &to_f64(&one), &to_f64(&other));
    }
}

#[test]
fn only_rank_0_prints_and_writes_and_its_scores_are_of_the_whole_test_set() {
    let home = home(2000, 1500);
    let home = home.path();
    let streams = run(home, 2, &format!("{SMALL} --epochs 1 --limit 20 --out two"));
    assert!(streams[0][0].contains("OPTIMIZATION FINISHED"), "{streams:?}");
    assert!(streams[0][1].contains("rank 0 of 2 processes"), "{streams:?}");
    assert_eq!(streams[1], ["", ""]);

    // Two processes together have the scores that one process computes from the whole test set.
    let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
    let summary = json_file(&home.join("two/summary.json"));
    let alone = mnist_gru(home, "eval two/model.pt --data data --json --quiet --device cpu --threads 1");
    let alone = json(&alone.stdout);
    assert_eq!(summary["confusion"], alone["confusion"]);
    // Sums of 1500 losses of about 2.3. Within a batch they are f32, with errors of a few ULP.
    let [together, apart] = [&summary, &alone].map(|scores| scores["test_loss"].as_f64().unwrap());
    assert!((together / apart - 1.0).abs() < 16.0 * f64::from(f32::EPSILON), "{together}, alone {apart}");
    let counted: i64 = summary["confusion"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| row.as_array().unwrap())
        .filter_map(Value::as_i64)
        .sum();
    assert_eq!(counted, 1500);
    let streams = run(home, 2, "eval two/model.pt --data data --json");
    assert_eq!(
        (json(streams[0][0].as_bytes())["confusion"].clone(), streams[1][0].as_str()),
        (summary["confusion"].clone(), "")
    );
}

#[test]
fn any_number_of_processes_can_resume_a_checkpoint_of_two() {
    let home = home(2000, 1500);
    let home = home.path();
    run(home, 2, &format!("{SMALL} --epochs 3 --limit 30 --out whole"));
    let training = Training { data: home.join("data"), hidden_size: 16, num_layers: 1, lr: 0.01 };
    let truth = training.losses_of_a_group(12, 30, 3);
    for (world, same_bits) in [(2, true), (3, false), (1, false)] {
        let _ = fs::remove_dir_all(home.join("part"));
        run(home, 2, &format!("{SMALL} --epochs 2 --limit 30 --out part"));
        let streams = run(home, world, "--resume --epochs 3 --out part");
        assert_eq!(streams[0][1].contains("the run had 2 processes"), !same_bits, "{streams:?}");
        assert_eq!(weights(&home.join("part")) == weights(&home.join("whole")), same_bits, "{world} processes");
        let (part, whole) = (batch_losses(&home.join("part")), batch_losses(&home.join("whole")));
        assert!(part[..60] == whole[..60], "{world} processes");
        assert_accurate_losses(&format!("{world} processes"), &truth, &to_f64(&whole), &to_f64(&part));
    }
    // A process without a group can resume it too, with another order of batches.
    run(home, 2, &format!("{SMALL} --epochs 2 --limit 30 --out part --overwrite"));
    let alone = mnist_gru(home, "--resume --epochs 3 --out part --no-plots");
    assert!(alone.status.success(), "{}", text(&alone.stderr));
    assert_eq!(batch_losses(&home.join("part")).len(), 90);
}

#[test]
fn a_signal_to_one_process_stops_all_at_the_same_batch_and_the_run_can_be_resumed() {
    let home = home(2000, 1500);
    let home = home.path();
    run(home, 2, &format!("{SMALL} --epochs 6 --out whole"));
    let processes = start(home, 2, &format!("{SMALL} --epochs 6 --out part"));
    while !home.join("part/metrics.jsonl").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    Command::new("kill").args(["-TERM", &processes[1].id().to_string()]).status().unwrap();
    for process in processes {
        let output = process.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    }
    assert!(!home.join("part/summary.json").exists());
    run(home, 2, "--resume --out part");
    assert_eq!(
        (batch_losses(&home.join("part")), weights(&home.join("part"))),
        (batch_losses(&home.join("whole")), weights(&home.join("whole")))
    );
}

#[test]
fn options_that_a_group_cannot_use_are_errors() {
    let home = home(2000, 1500);
    let home = home.path();
    for (args, what) in [
        (
            "--data data --batch-size 7",
            "--batch-size 7 cannot be divided equally among 2 processes; use a multiple of 2",
        ),
        ("--data data --explain", "--explain runs in one process only: start it without torchrun"),
        ("predict --index 1", "predict runs in one process only"),
        ("--data data --out data/train-images-idx3-ubyte", "this is a file; name a folder"),
        ("--data data --resume", "there is no models/mnist-gru/checkpoint.pt"),
    ] {
        let started = Instant::now();
        for process in start(home, 2, args) {
            let output = process.wait_with_output().unwrap();
            let error = text(&output.stderr).lines().last().unwrap_or_default();
            assert!(!output.status.success() && error.starts_with("error: "), "{error}");
            assert!(
                error.contains(what) || error.contains("rank 1 of 2: rank 0 has failed; see its message"),
                "{error}"
            );
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{args}");
    }
    let output = Command::new(&*BINARY).env("RANK", "0").output().unwrap();
    let error = text(&output.stderr);
    assert!(error.starts_with("error: WORLD_SIZE is not set: torchrun sets it"), "{error}");
}

/// Each machine has its own copy of the data.
#[test]
fn processes_with_different_data_are_an_error() {
    let home = home(2000, 50);
    let home = home.path();
    fs::create_dir(home.join("data1")).unwrap();
    for file in file_names(&home.join("data")) {
        let mut bytes = fs::read(home.join("data").join(&file)).unwrap();
        if file.starts_with("train-labels") {
            *bytes.last_mut().unwrap() ^= 1;
        }
        fs::write(home.join("data1").join(file), bytes).unwrap();
    }
    fs::rename(home.join("data"), home.join("data0")).unwrap();
    // The option --data must be equal, so each process has a folder with its own link `data`.
    for rank in ["0", "1"] {
        fs::create_dir(home.join(format!("rank{rank}"))).unwrap();
        symlink(format!("../data{rank}"), home.join(format!("rank{rank}/data"))).unwrap();
    }
    let script = home.join("start.sh");
    fs::write(&script, format!("#!/bin/sh\ncd rank$RANK && exec {} \"$@\"\n", *BINARY)).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let processes = start_processes(script.to_str().unwrap(), home, 2, &format!("{SMALL} --epochs 1 --out ../run"));
    let errors = processes.into_iter().map(|process| {
        let output = process.wait_with_output().unwrap();
        assert!(!output.status.success());
        text(&output.stderr).lines().last().unwrap_or_default().to_owned()
    });
    let errors: Vec<_> = errors.collect();
    assert!(errors[0].contains("another rank has different options or data; see its message"), "{errors:?}");
    assert!(errors[1].contains("the training data here is not that of rank 0: its SHA-256 is "), "{errors:?}");
    assert!(errors[1].ends_with("on rank 0; copy the data of rank 0 to this machine"), "{errors:?}");
    assert!(!home.join("run/metrics.jsonl").exists());
}

#[test]
fn the_others_end_within_seconds_after_a_process_is_killed() {
    let home = home(2000, 1500);
    let mut processes = start(home.path(), 3, &format!("{SMALL} --epochs 500 --out run"));
    while !home.path().join("run/metrics.jsonl").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let killed = Instant::now();
    processes.remove(1).kill().unwrap();
    for process in processes {
        let output = process.wait_with_output().unwrap();
        let stderr = text(&output.stderr);
        let last = stderr.lines().last().unwrap_or_default();
        assert!(
            last.starts_with("error: rank ") && last.contains(" of 3: ") && last.contains("the peer is"),
            "{stderr}"
        );
        assert_eq!(output.status.code(), Some(1));
    }
    assert!(killed.elapsed() < Duration::from_secs(10), "{:?}", killed.elapsed());
}

/// The ids of the processes that torchrun started. Linux only: reads the parent of each process from /proc.
fn workers(torchrun: &Child) -> Vec<String> {
    let parent = torchrun.id().to_string();
    let is_child = |process: &String| {
        // "PID (NAME) STATE PARENT .."; the name may have spaces and parentheses
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.split(' ').nth(1) == Some(&parent))
    };
    let names = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).filter(is_child).collect()
}

/// `KILLS=20 cargo test -p mnist-gru kills_of_pythons_torchrun -- --ignored` runs the long test.
#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn kills_of_pythons_torchrun_at_random_times_do_not_change_the_bits() {
    let kills: u32 = std::env::var("KILLS").map_or(3, |text| text.parse().unwrap());
    let home = home(2000, 1500);
    let home = home.path();
    let args = format!(
        "{SMALL} --limit 25 --epochs {} --checkpoint-every 1 --device cpu --no-plots --seed 5",
        20 + 20 * kills
    );
    run(home, 2, &format!("{args} --out whole"));

    let mut torchrun = torchrun();
    let restarts = format!("--max-restarts={kills}");
    torchrun
        .args(["--no-python", "--standalone", "--nproc-per-node=2", &restarts, &BINARY])
        .args(args.split_whitespace());
    let log = home.join("log");
    let mut torchrun = torchrun
        .args(["--out", "part", "--no-progress"])
        .current_dir(home)
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut random = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().subsec_nanos();
    let (mut before, mut killed) = (Vec::new(), 0);
    while killed < kills {
        assert!(
            torchrun.try_wait().unwrap().is_none(),
            "over after {killed} kills: {}",
            fs::read_to_string(&log).unwrap()
        );
        let now = workers(&torchrun);
        if now.len() < 2 || now.iter().any(|worker| before.contains(worker)) {
            std::thread::sleep(Duration::from_millis(10));
            continue;
        }
        // Every second kill comes after at least one epoch. The others come at any time.
        let epochs = || fs::metadata(home.join("part/metrics.jsonl")).map_or(0, |file| file.len());
        let (waiting_since, epochs_before) = (Instant::now(), epochs());
        while killed % 2 == 0 && epochs() == epochs_before && waiting_since.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(5));
        }
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        std::thread::sleep(Duration::from_millis(u64::from((random >> 8) % 700)));
        let victim = &now[(random >> 30) as usize % 2];
        Command::new("kill").args(["-KILL", victim]).status().unwrap();
        (before, killed) = (now, killed + 1);
    }
    let ended = torchrun.wait().unwrap();
    let log = fs::read_to_string(&log).unwrap();
    assert!(ended.success(), "{log}");
    assert!(log.contains("torchrun has restarted the processes ("), "{log}");
    assert_eq!(file_names(&home.join("part")), file_names(&home.join("whole")));
    for file in ["metrics.jsonl", "model.pt", "best.pt"] {
        assert!(
            fs::read(home.join("part").join(file)).unwrap() == fs::read(home.join("whole").join(file)).unwrap(),
            "{file}"
        );
    }
}
