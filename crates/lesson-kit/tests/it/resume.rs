//! `--resume`: a resumed run ends with the same files as an uninterrupted run, however the first part ended.

use std::fs;

use pt_file::Value;

use crate::toy::Toy;

/// The contents of a run folder that do not depend on the duration of the run.
#[derive(Debug, PartialEq)]
struct Outcome {
    metrics: String,
    model: Vec<u8>,
    best: Vec<u8>,
    checkpoint: Vec<(String, Value)>,
}

fn outcome(toy: &Toy) -> Outcome {
    Outcome {
        metrics: fs::read_to_string(toy.file("metrics.jsonl")).unwrap(),
        model: fs::read(toy.file("model.pt")).unwrap(),
        best: fs::read(toy.file("best.pt")).unwrap(),
        checkpoint: checkpoint(toy).into_iter().filter(|(key, _)| key != "train_seconds").collect(),
    }
}

fn checkpoint(toy: &Toy) -> Vec<(String, Value)> {
    let value = pt_file::load_file(toy.file("checkpoint.pt")).unwrap();
    let entries = value.as_dict().unwrap().iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), value.clone()));
    entries.collect()
}

fn entry(toy: &Toy, name: &str) -> Value {
    checkpoint(toy).into_iter().find_map(|(key, value)| (key == name).then_some(value)).unwrap()
}

/// A finished run of 30 epochs, and its outcome.
fn reference() -> (Toy, Outcome) {
    let toy = Toy::new();
    assert_eq!(toy.run("-q -e 30").0, 0);
    let outcome = outcome(&toy);
    (toy, outcome)
}

#[test]
fn a_checkpoint_has_model_optimizer_scheduler_best_model_and_rng_state() {
    let (toy, _) = reference();
    let keys: Vec<String> = checkpoint(&toy).into_iter().map(|(key, _)| key).collect();
    let expected =
        ["lesson", "config", "epoch", "train_seconds", "model", "optimizer", "scheduler", "best", "rng_state", "batch"];
    assert_eq!(keys, expected);
    assert_eq!(entry(&toy, "epoch"), Value::Int(30));
    assert_eq!(entry(&toy, "config").get("lr"), Some(&Value::Float(0.01)));
    assert_eq!(entry(&toy, "scheduler").get("last_epoch"), Some(&Value::Int(30)));
    assert_eq!(entry(&toy, "rng_state").as_tensor().unwrap().shape(), [5056]);
    // The time is measured before the checkpoint is written, so both files have the same value.
    let seconds = entry(&toy, "train_seconds").as_float().unwrap();
    assert_eq!(toy.json("summary.json")["train_seconds"].as_f64(), Some((seconds * 1e6).round() / 1e6));
    let losses = toy.losses();
    let lowest = losses.iter().copied().fold(f32::INFINITY, f32::min);
    let best = entry(&toy, "best");
    assert_eq!(best.get("loss").and_then(Value::as_float), Some(f64::from(lowest)));
    let epoch = best.get("epoch").and_then(Value::as_int).unwrap();
    assert_eq!(losses[epoch as usize - 1].to_bits(), lowest.to_bits());
    assert_eq!(best.get("model"), Some(&pt_file::load_file(toy.file("best.pt")).unwrap()));
    assert_eq!(entry(&toy, "model"), pt_file::load_file(toy.file("model.pt")).unwrap());
}

#[test]
fn a_finished_run_resumes_with_more_epochs() {
    let (_, reference) = reference();
    let toy = Toy::new();
    assert_eq!(toy.run("-q -e 12").0, 0);
    let (code, _, stderr) = toy.run("--resume");
    let message = "error: --resume: the run in models/toy is finished; --epochs N with N above 12 continues it\n";
    assert_eq!((code, stderr.as_str()), (2, message));
    let (code, _, stderr) = toy.run("--resume -e 30 --device cpu --no-progress");
    assert!(code == 0 && stderr.starts_with("device: cpu\nresuming after epoch 12 of 30\n"), "{stderr}");
    let ours = outcome(&toy);
    assert_eq!(ours, reference);
}

#[test]
fn options_that_are_left_out_have_the_values_of_the_run() {
    let toy = Toy::new();
    assert_eq!(toy.run("-q -e 3 --lr 0.02 --seed 7 --threads 1").0, 0);
    assert_eq!(toy.run("-q -e 6 --resume").0, 0);
    let resumed = outcome(&toy);
    assert_eq!(
        (toy.json("config.json")["lr"].as_f64(), toy.json("summary.json")["seed"].as_i64()),
        (Some(0.02), Some(7))
    );
    assert_eq!(toy.run("-q -e 6 --lr 0.02 --seed 7 --threads 1 --overwrite").0, 0);
    assert_eq!(resumed, outcome(&toy));
}

#[test]
fn resume_rejects_different_options_and_unusable_checkpoints() {
    let toy = Toy::new();
    let (code, _, stderr) = toy.run("--resume");
    let nothing =
        "error: --resume: there is no models/toy/checkpoint.pt; without --resume a run starts from the beginning\n";
    assert_eq!((code, stderr.as_str()), (1, nothing));
    assert_eq!(toy.run("-q -e 5").0, 0);
    let before = outcome(&toy);

    let (code, _, stderr) = toy.run("--resume -e 9 --lr 0.5");
    let message = "error: --resume: the run in models/toy has lr = 0.01, this one would have 0.5; remove the option, \
                   or train into another folder with --out\n";
    assert_eq!((code, stderr.as_str()), (2, message));
    let (code, _, stderr) = toy.run("--resume -e 4");
    assert_eq!((code, stderr.as_str()), (2, "error: --epochs 4: the run in models/toy is already in epoch 5\n"));
    for contradiction in ["--overwrite", "--dry-run"] {
        let (code, _, stderr) = toy.run(&format!("--resume {contradiction}"));
        assert!(code == 2 && stderr.contains("cannot be used with"), "{stderr}");
    }
    let (code, _, stderr) = toy.run("--resume -e 9 --fail");
    assert_eq!(code, 1);
    let message = "error: models/toy/checkpoint.pt: Error(s) in loading state_dict for toy:\n\
                  \tsize mismatch for weight: copying a param with shape torch.Size([1, 1]) from checkpoint, the shape in \
                  current model is torch.Size([1, 2]).\n";
    assert_eq!(
        stderr.lines().skip_while(|line| !line.starts_with("error")).collect::<Vec<_>>().join("\n") + "\n",
        message
    );
    assert_eq!(outcome(&toy), before, "nothing has changed");

    let path = toy.file("checkpoint.pt");
    let edit = |change: &dyn Fn(&mut pt_file::Dict)| {
        let Value::Dict(mut dict) = pt_file::load_file(&path).unwrap() else { panic!() };
        change(&mut dict);
        pt_file::save_file(&path, &Value::Dict(dict)).unwrap();
        toy.run("--resume -e 9").2
    };
    let other = edit(&|dict| drop(dict.insert("lesson", "mnist-gru")));
    assert_eq!(other, "error: models/toy/checkpoint.pt is a checkpoint of mnist-gru, not of toy\n");
    let less = edit(&|dict| *dict = pt_file::Dict::from_iter([("model", 1)]));
    assert_eq!(less, "error: models/toy/checkpoint.pt is not a checkpoint of toy: it has no entry \"lesson\"\n");
    fs::write(&path, "PK\x03\x04 and no more").unwrap();
    let (code, _, stderr) = toy.run("--resume -e 9");
    assert!(code == 1 && stderr.starts_with("error: models/toy/checkpoint.pt: "), "{stderr}");
}

#[test]
fn resume_rejects_edited_numbers() {
    let toy = Toy::new();
    assert_eq!(toy.run("-q -e 5").0, 0);
    let path = toy.file("checkpoint.pt");
    let original = pt_file::load_file(&path).unwrap();
    let edited = |change: &dyn Fn(&mut pt_file::Dict)| {
        let Value::Dict(mut dict) = original.clone() else { panic!() };
        change(&mut dict);
        pt_file::save_file(&path, &Value::Dict(dict)).unwrap();
        let (code, _, stderr) = toy.run("--resume -e 9 -q");
        assert_eq!(code, 1, "{stderr}");
        stderr
    };
    let numbers =
        [("lr", 1e9, "0.01"), ("momentum", 0.99, "0.5"), ("initial_lr", 0.1, "0.01"), ("weight_decay", 0.5, "0")];
    for (key, value, expected) in numbers {
        let message = edited(&|dict| {
            let Some(Value::Dict(mut optimizer)) = dict.get("optimizer").cloned() else { panic!() };
            let Some([Value::Dict(group)]) = optimizer.get("param_groups").and_then(Value::as_slice) else { panic!() };
            let mut group = group.clone();
            group.insert(key, value);
            optimizer.insert("param_groups", Value::list([Value::Dict(group)]));
            dict.insert("optimizer", Value::Dict(optimizer));
        });
        let start = format!(
            "error: models/toy/checkpoint.pt: the optimizer has {key} = {value}, but the options of the run give"
        );
        assert!(message.starts_with(&start) && message.contains(&format!(" give {expected}; ")), "{message}");
    }
    let message = edited(&|dict| {
        let Some(Value::Dict(mut scheduler)) = dict.get("scheduler").cloned() else { panic!() };
        scheduler.insert("gamma", 9.0);
        dict.insert("scheduler", Value::Dict(scheduler));
    });
    assert!(message.contains("the scheduler has gamma = 9, but the options of the run give 0.9; "), "{message}");
    let message = edited(&|dict| drop(dict.insert("train_seconds", f64::NAN)));
    assert_eq!(message, "error: models/toy/checkpoint.pt: \"train_seconds\" is NaN\n");
    let message = edited(&|dict| {
        let Some(Value::Dict(mut best)) = dict.get("best").cloned() else { panic!() };
        best.insert("loss", f64::INFINITY);
        dict.insert("best", Value::Dict(best));
    });
    assert_eq!(message, "error: models/toy/checkpoint.pt: \"best\": \"loss\" is inf\n");
}

#[test]
fn resume_keeps_the_backend_and_rejects_another() {
    let toy = Toy::new();
    assert_eq!(toy.run("-q -e 3 --backend fused").0, 0);
    let rejects = |typed: &str, before: &str, now: &str| {
        let (code, _, stderr) = toy.run(&format!("--resume -e 6 --backend {typed}"));
        let message = format!(
            "error: --resume: the run in models/toy has backend = \"{before}\", this one would have \"{now}\"; remove the \
             option, or train into another folder with --out\n"
        );
        assert_eq!((code, stderr), (2, message));
    };
    rejects("exact", "fused", "exact");
    let (code, _, stderr) = toy.run("--resume -e 6 --no-progress");
    assert!(code == 0 && stderr.starts_with("device: cpu, backend: fused\n"), "{stderr}");
    assert_eq!(
        (&toy.json("config.json")["backend"], &toy.json("summary.json")["backend"]),
        (&"fused".into(), &"fused".into())
    );

    // A checkpoint without the entry: the backend is exact.
    assert_eq!(toy.run("-q -e 3").0, 0);
    let path = toy.file("checkpoint.pt");
    let without = |dict: &Value, key: &str| {
        let entries = dict.as_dict().unwrap().iter().filter(|(name, _)| name.as_str() != Some(key));
        Value::Dict(entries.map(|(name, value)| (name.as_str().unwrap(), value.clone())).collect())
    };
    let Value::Dict(mut checkpoint) = pt_file::load_file(&path).unwrap() else { panic!() };
    let older = without(checkpoint.get("config").unwrap(), "backend");
    assert_eq!(older.get("backend"), None);
    checkpoint.insert("config", older);
    pt_file::save_file(&path, &Value::Dict(checkpoint)).unwrap();
    rejects("fused", "exact", "fused");
    assert_eq!(toy.run("--resume -e 6 -q").0, 0);
    assert_eq!(toy.json("config.json")["backend"], "exact");
}

#[test]
fn resume_rejects_metrics_without_the_checkpoints_epochs_and_drops_later_ones() {
    let toy = Toy::new();
    assert_eq!(toy.run("-q -e 5").0, 0);
    let metrics = toy.file("metrics.jsonl");
    let text = fs::read_to_string(&metrics).unwrap();
    fs::write(&metrics, text.lines().take(3).map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let (code, _, stderr) = toy.run("--resume -e 9 -q");
    let message = "error: models/toy/metrics.jsonl, line 4: not the record of an epoch; the checkpoint is of epoch 5. The file \
                   was changed: restore it, or start again with --overwrite\n";
    assert_eq!((code, stderr.as_str()), (1, message));
    // A killed process leaves records of epochs after its last checkpoint, and the last record can be incomplete.
    fs::write(&metrics, format!("{text}{{\"epoch\":6,\"loss\":0.5}}\n{{\"epoch\":7,")).unwrap();
    assert_eq!(toy.run("--resume -e 30 -q").0, 0);
    assert_eq!(outcome(&toy), reference().1);
}

#[test]
fn checkpoint_every_also_writes_one_after_the_last_epoch() {
    let toy = Toy::new();
    assert_eq!(toy.run("-q -e 30 --checkpoint-every 7").0, 0);
    assert_eq!(outcome(&toy), reference().1, "the last epoch always has a checkpoint");
    let (code, _, stderr) = toy.run("--checkpoint-every 0");
    assert!(code == 2 && stderr.contains("expected a whole number from 1 to"), "{stderr}");
}

#[test]
fn format_safetensors_writes_safetensors_in_place_of_pt() {
    let toy = Toy::new();
    assert_eq!(toy.run("-q -e 3").0, 0);
    let pt = torch_ext::StateDict::load(toy.file("model.pt")).unwrap();
    assert_eq!(toy.run("-q -e 3 --format safetensors").0, 0);
    let files = toy.files();
    assert!(files.contains(&"model.safetensors".into()) && files.contains(&"best.safetensors".into()), "{files:?}");
    assert!(!files.contains(&"model.pt".into()), "the rerun removes the old run's file");
    let safetensors = torch_ext::StateDict::load(toy.file("model.safetensors")).unwrap();
    for (name, tensor) in pt.iter() {
        assert_eq!(safetensors.get(name), Some(tensor));
    }
}

#[cfg(unix)]
mod killed {
    use std::os::unix::fs::PermissionsExt;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use super::*;
    use crate::toy::interrupt;

    #[test]
    fn a_run_that_a_signal_stopped_resumes_to_the_same_bits() {
        let reference = reference().1;
        for name in ["-INT", "-TERM", "-HUP"] {
            let toy = Toy::new();
            let (code, stderr) = interrupt(&toy, "-e 30 --sleep 10", &[name]);
            assert_eq!(code, Some(130), "{stderr}");
            let recorded = toy.losses().len();
            assert_eq!(entry(&toy, "epoch"), Value::Int(recorded as i64), "the checkpoint is that of the last epoch");
            let (code, _, stderr) = toy.run("--resume --device cpu");
            assert_eq!(code, 0, "{stderr}");
            assert!(stderr.contains(&format!("resuming after epoch {recorded} of 30\n")), "{stderr}");
            assert_eq!(outcome(&toy), reference);
        }
    }

    /// SIGKILL at 50 random times, to new runs and to resumed runs.
    #[test]
    fn a_killed_run_resumes_to_the_same_bits() {
        let reference = reference().1;
        let mut random = 0x9e37_79b9_7f4a_7c15_u64; // xorshift64
        let mut kills = 0;
        while kills < 50 {
            let toy = Toy::new();
            for _ in 0..3 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let resume = if toy.file("checkpoint.pt").exists() { "--resume" } else { "--overwrite" };
                let arguments = format!("-q -e 30 --sleep 3 --checkpoint-every 1 {resume}");
                let written = || fs::metadata(toy.file("config.json")).and_then(|file| file.modified()).ok();
                let before = written();
                let mut child = toy.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
                // The options are written with the first record. Before that, the process loads libtorch, which takes
                // longer than the training.
                while written() == before && child.try_wait().unwrap().is_none() {
                    std::thread::sleep(Duration::from_millis(1));
                }
                std::thread::sleep(Duration::from_micros(random % 100_000));
                child.kill().unwrap();
                let code = child.wait().unwrap().code();
                if code == Some(0) {
                    break; // it finished before the kill
                }
                if toy.file("checkpoint.pt").exists() {
                    let epoch = entry(&toy, "epoch").as_int().unwrap(); // the checkpoint can be read
                    assert!((1..=30).contains(&epoch));
                    kills += 1;
                }
            }
            if toy.file("checkpoint.pt").exists() && !toy.file("summary.json").exists() {
                let (code, _, stderr) = toy.run("-q --resume");
                assert_eq!(code, 0, "{stderr}");
            }
            if toy.file("summary.json").exists() {
                assert_eq!(outcome(&toy), reference, "after {kills} kills");
                assert!(!toy.files().iter().any(|name| name.contains("partial")), "{:?}", toy.files());
            }
        }
    }

    /// `nohup` ignores SIGHUP, so that a run survives the end of its terminal.
    #[test]
    fn an_ignored_sighup_does_not_end_a_run() {
        let toy = Toy::new();
        let run = toy.command("-q -e 100000");
        let mut nohup = Command::new("bash");
        nohup.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(run.get_program()).args(run.get_args());
        let mut child = nohup.current_dir(toy.home.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while !toy.file("checkpoint.pt").exists() {
            assert!(child.try_wait().unwrap().is_none());
            std::thread::sleep(Duration::from_millis(5));
        }
        let kill = |name: &str| {
            assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success())
        };
        kill("-HUP");
        std::thread::sleep(Duration::from_millis(200));
        kill("-0"); // the process exists
        kill("-INT");
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert!(!toy.file("summary.json").exists());
    }

    /// A limit on file sizes has the effect of a full disk. Without a handler its signal, SIGXFSZ, would end the process.
    #[test]
    fn a_full_disk_keeps_the_previous_checkpoint() {
        let reference = reference().1;
        let toy = Toy::new();
        assert_eq!(toy.run("-q -e 5").0, 0);
        let resume = toy.command("--resume -e 30 -q");
        let limited = "ulimit -f 4; exec \"$0\" \"$@\"";
        let output = Command::new("bash")
            .args(["-c", limited])
            .arg(resume.get_program())
            .args(resume.get_args())
            .current_dir(toy.home.path())
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.starts_with("error: the checkpoint cannot be written: models/toy/checkpoint.pt: "), "{stderr}");
        assert!(stderr.ends_with("; the previous one is unchanged, and --resume continues from it\n"), "{stderr}");
        assert_eq!(entry(&toy, "epoch"), Value::Int(5));
        assert_eq!(toy.run("--resume -e 30 -q").0, 0);
        assert_eq!(outcome(&toy), reference);
    }

    #[test]
    fn resume_in_a_read_only_folder_is_an_error_and_keeps_its_checkpoint() {
        let toy = Toy::new();
        assert_eq!(toy.run("-q -e 5").0, 0);
        let before = outcome(&toy);
        let folder = toy.file("");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
        let mut resume = toy.command("--resume -e 30 -q");
        if fs::write(folder.join("probe"), "").is_ok() {
            // Root ignores the permissions of files, unless the process has no CAP_DAC_OVERRIDE (util-linux's setpriv).
            let mut without = Command::new("setpriv");
            without.args(["--bounding-set=-dac_override", "--inh-caps=-dac_override"]);
            without.arg(resume.get_program()).args(resume.get_args()).current_dir(toy.home.path());
            resume = without;
        }
        let output = resume.output();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let output = output.expect("as root this test needs the command setpriv");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.starts_with("error: --out models/toy: cannot write there: "), "{stderr}");
        assert_eq!(outcome(&toy), before);
    }
}
