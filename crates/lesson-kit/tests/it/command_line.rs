//! The options that all lessons share: defaults, checks, help.

use clap::error::ErrorKind;
use lesson_kit::{BatchArgs, Defaults, DeviceChoice, Hyperparameters, Lesson, RunArgs, parse};
use recurrent::Backend;

const LESSON: Lesson = Lesson {
    name: "some-lesson",
    version: "1.2.3",
    defaults: Defaults { epochs: 500, lr: 0.01, hidden_size: 5, num_layers: 2, batch_size: Some(100) },
    pictures: &[],
    texts: &[],
};

/// Learn something
#[derive(clap::Parser, Debug)]
struct Cli {
    #[command(flatten)]
    options: Hyperparameters,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    batch: BatchArgs,
}

fn cli(arguments: &str) -> Result<Cli, clap::Error> {
    parse(&LESSON, format!("some-lesson {arguments}").split_whitespace()).map(|(cli, _)| cli)
}

fn usage_error(arguments: &str) -> String {
    let error = cli(arguments).expect_err(arguments);
    assert!(error.use_stderr());
    assert_eq!(error.exit_code(), 2);
    error.to_string().lines().next().unwrap().to_owned()
}

#[test]
fn defaults_come_from_the_lesson() {
    let Cli { options, run, batch } = cli("").unwrap();
    assert_eq!((options.epochs, options.lr, options.hidden_size, options.num_layers), (500, 0.01, 5, 2));
    assert_eq!((options.seed, run.threads, run.device), (0, None, DeviceChoice::Auto));
    assert_eq!(run.out, std::path::Path::new("models/some-lesson"));
    assert_eq!((batch.batch_size, batch.limit), (100, None));
    let flags = [run.overwrite, run.dry_run, run.json, run.quiet, run.verbose, run.no_progress];
    assert_eq!(flags, [false; 6]);
    assert_eq!([run.explain, run.no_plots], [false; 2]);
}

#[test]
fn options_have_short_and_long_names_and_the_last_value_counts() {
    let Cli { options, run, batch } =
        cli("-e 3 -b 7 --lr 1e-3 --seed -4 -o runs/a -v --limit 2 --threads 1 -e 9").unwrap();
    assert_eq!((options.epochs, options.lr, options.seed, run.threads), (9, 1e-3, -4, Some(1)));
    assert_eq!((batch.batch_size, batch.limit, run.verbose), (7, Some(2), true));
    assert_eq!(run.out, std::path::Path::new("runs/a"));
}

#[test]
fn an_error_has_the_wrong_value_and_the_expected_ones() {
    for (arguments, option, value, max) in [
        ("-e 0", "--epochs <N>", "0", "4294967295"),
        ("-e -1", "--epochs <N>", "-1", "4294967295"),
        ("-e 1.5", "--epochs <N>", "1.5", "4294967295"),
        ("-e many", "--epochs <N>", "many", "4294967295"),
        ("-e 1000000000000", "--epochs <N>", "1000000000000", "4294967295"),
        ("--hidden-size 0", "--hidden-size <N>", "0", "1000000"),
        ("--hidden-size 1000001", "--hidden-size <N>", "1000001", "1000000"),
        ("--num-layers 0", "--num-layers <N>", "0", "256"),
        ("--num-layers 20000", "--num-layers <N>", "20000", "256"),
        ("-b 0", "--batch-size <N>", "0", "9223372036854775807"),
        ("--limit 0", "--limit <N>", "0", "18446744073709551615"),
    ] {
        let expected =
            format!("error: invalid value '{value}' for '{option}': expected a whole number from 1 to {max}");
        assert_eq!(usage_error(arguments), expected);
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let max = (16 * cores).max(256);
    assert_eq!(cli(&format!("--threads {max}")).unwrap().run.threads, Some(max as i32));
    for value in ["0", "-1", "100000", "2147483647", "4294967297", "many"] {
        let expected = format!("expected a whole number from 1 to {max}, because this machine has {cores} cores");
        let message = usage_error(&format!("--threads {value}"));
        assert_eq!(message, format!("error: invalid value '{value}' for '--threads <N>': {expected}"));
    }
    for value in ["0", "-0.1", "NaN", "inf", "fast"] {
        let message = usage_error(&format!("--lr {value}"));
        assert_eq!(message, format!("error: invalid value '{value}' for '--lr <X>': expected a number above 0"));
    }
    for value in ["gpu", "cuda:", "cuda:-1", "cuda:x", "CPU"] {
        let message = usage_error(&format!("--device {value}"));
        assert!(message.ends_with("expected auto, cpu, cuda or cuda:N"), "{message}");
    }
    assert!(usage_error("-q -v").contains("'--quiet' cannot be used with '--verbose'"));
    assert!(usage_error("train").contains("unexpected argument 'train'"));
}

#[test]
fn cuda_means_device_cuda_and_contradicts_other_devices() {
    let device = |arguments: &str| cli(arguments).unwrap().run.device;
    assert_eq!(device("--cuda"), DeviceChoice::Cuda(0));
    assert_eq!(device("--device cuda"), DeviceChoice::Cuda(0));
    assert_eq!(device("--device cuda:2"), DeviceChoice::Cuda(2));
    assert_eq!(device("--device cuda:2 --cuda"), DeviceChoice::Cuda(2));
    assert_eq!(device("--device cpu"), DeviceChoice::Cpu);
    assert_eq!(usage_error("--cuda --device cpu"), "error: --cuda contradicts --device cpu; give one of them");
    assert_eq!(usage_error("--cuda --device auto"), "error: --cuda contradicts --device auto; give one of them");
}

#[test]
fn the_default_backend_is_exact_and_fused_contradicts_cuda() {
    let backend = |arguments: &str| cli(arguments).unwrap().options.backend;
    assert_eq!(
        (backend(""), backend("--backend fused"), backend("--backend exact")),
        (Backend::Exact, Backend::Fused, Backend::Exact)
    );
    assert_eq!(
        (backend("--backend fused --device cpu"), backend("--cuda --backend exact")),
        (Backend::Fused, Backend::Exact)
    );
    assert!(usage_error("--backend fast").contains("'fast' for '--backend <BACKEND>'"));
    for (arguments, device) in [
        ("--backend fused --cuda", "--cuda"),
        ("--device cuda --backend fused", "--device cuda:0"),
        ("--device cuda:1 --backend fused", "--device cuda:1"),
    ] {
        let message = format!(
            "error: --backend fused computes on the CPU and contradicts {device}; use --device cpu or --backend exact"
        );
        assert_eq!(usage_error(arguments), message);
    }
}

#[test]
fn help_shows_every_option_with_its_default() {
    let help = cli("--help").unwrap_err();
    assert_eq!((help.kind(), help.use_stderr()), (ErrorKind::DisplayHelp, false));
    let text = help.to_string();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "Learn something Usage: some-lesson [OPTIONS]",
        "-e, --epochs <N> Number of passes over the training data [default: 500]",
        "--lr <X> Learning rate of the optimizer [default: 0.01]",
        "--seed <N> Seed of the random number generator: the same seed gives the same run [default: 0]",
        "--hidden-size <N> Number of features in the hidden state of the recurrent layer [default: 5]",
        "--num-layers <N> Number of stacked recurrent layers [default: 2]",
        "[default: auto]",
        "--backend <BACKEND> Implementation of the recurrent layer: exact",
        "[default: exact]",
        "[default: chosen by libtorch]",
        "[default: models/some-lesson]",
        "--resume Continue the unfinished run in the run folder, to the same bits",
        "--checkpoint-every <N> Write checkpoint.pt after every Nth epoch",
        "--format <FORMAT> Format of the model file: pt (torch.load) or safetensors [default: pt]",
        "--dry-run Do one step of everything and write nothing",
        "-b, --batch-size <N> Number of examples per batch [default: 100]",
        "--limit <N> Train on the first N batches of each epoch only",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    assert!(!text.contains("--clip"), "only one lesson has this option");
    assert_eq!(cli("--version").unwrap_err().to_string(), "some-lesson 1.2.3\n");
}
