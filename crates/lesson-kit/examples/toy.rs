//! A lesson in miniature: a straight line through five points that never lie quite where they lay before, by an
//! optimizer and a schedule with states of their own. The tests run it as a process.

use lesson_kit::{Defaults, Lesson, Linear, Run, TrainArgs};
use tch::{Kind, Tensor, nn};
use torch_ext::optim::{Sgd, SgdOptions, StepDecay, StepLr};

const LESSON: Lesson = Lesson {
    name: "toy",
    version: env!("CARGO_PKG_VERSION"),
    defaults: Defaults { epochs: 20, lr: 0.01, hidden_size: 1, num_layers: 1, batch_size: None },
    pictures: &[],
    tolerances: &[],
    fused_losses: None,
};

/// Fit a straight line
#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    train: TrainArgs,

    /// Sleep this long in every epoch
    #[arg(long, value_name = "MS", default_value_t = 0)]
    sleep: u64,

    /// Build a layer that does not fit the data
    #[arg(long)]
    fail: bool,
}

fn main() -> ! {
    lesson_kit::main(&LESSON, train)
}

fn train(cli: Cli) -> anyhow::Result<()> {
    let mut run = Run::start(&LESSON, &cli.train, ())?;
    let x = Tensor::f_linspace(-1.0, 1.0, 5, (Kind::Float, run.device()))?.f_view([5, 1])?;
    let y = x.f_mul_scalar(3.0)?.f_add_scalar(1.0)?;

    let vs = nn::VarStore::new(run.device());
    let line = Linear::new(vs.root(), if cli.fail { 2 } else { 1 }, 1)?;
    let options = SgdOptions { lr: cli.train.lr, momentum: 0.5, ..SgdOptions::default() };
    let mut optimizer = Sgd::new([&line.weight, &line.bias], options)?;
    let mut scheduler = StepLr::new(&mut optimizer, StepDecay { step_size: 10, gamma: 0.9 })?;
    run.begin(&line.named_parameters(), (&mut optimizer, &mut scheduler))?;

    for epoch in run.epochs() {
        let noise = Tensor::f_randn([5, 1], tch::kind::FLOAT_CPU)?.f_mul_scalar(0.1)?.f_to_device(run.device())?;
        let loss = line.forward(&x)?.f_mse_loss(&y.f_add(&noise)?, tch::Reduction::Mean)?;
        optimizer.zero_grad()?;
        torch_ext::autograd::backward(&loss)?;
        optimizer.step()?;
        scheduler.step(&mut optimizer);

        let loss = loss.f_double_value(&[])? as f32;
        run.record(epoch, loss)?;
        if epoch % 10 == 0 {
            run.say(format_args!("Epoch: {epoch:04} cost = {loss:.6}"))?;
        }
        std::thread::sleep(std::time::Duration::from_millis(cli.sleep));
        run.checkpoint(epoch, (&optimizer, &scheduler))?;
    }
    run.save_model(&line.named_parameters())?;
    run.finish(())
}
