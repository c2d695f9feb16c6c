//! A minimal lesson: fits a straight line to five noisy points, with an optimizer and a scheduler that have state. The tests run
//! it as a process.

use anyhow::Result;
use clap::Parser;
use lesson_kit::{CommandLine, Defaults, Hyperparameters, Lesson, Program, Run, RunArgs, SavedModel};
use tch::{Kind, Tensor, nn};
use torch_ext::nn::Linear;
use torch_ext::optim::{Sgd, SgdOptions, StepDecay, StepLr};

const LESSON: Lesson = Lesson {
    name: "toy",
    version: env!("CARGO_PKG_VERSION"),
    defaults: Defaults { epochs: 20, lr: 0.01, hidden_size: 1, num_layers: 1, batch_size: None },
    pictures: &[],
    texts: &[],
};

/// Fit a straight line
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: Hyperparameters,

    #[command(flatten)]
    run: RunArgs,

    /// Sleep this long in every epoch
    #[arg(long, value_name = "MS", default_value_t = 0)]
    sleep: u64,

    /// Build a layer that does not fit the data
    #[arg(long)]
    fail: bool,
}

fn main() -> ! {
    lesson_kit::main::<Cli>(&LESSON)
}

impl CommandLine for Cli {
    type Options = Hyperparameters;

    fn options(&mut self) -> (&mut RunArgs, &mut Hyperparameters) {
        (&mut self.run, &mut self.options)
    }

    fn run(self, program: &Program) -> Result<()> {
        self.train(program)
    }

    fn eval(&self, _: &Program, _: &SavedModel) -> Result<()> {
        Ok(())
    }

    fn train(&self, program: &Program) -> Result<()> {
        let mut run = Run::start(program, &self.run, &self.options, ())?;
        let x = Tensor::f_linspace(-1.0, 1.0, 5, (Kind::Float, run.device()))?.f_view([5, 1])?;
        let y = x.f_mul_scalar(3.0)?.f_add_scalar(1.0)?;

        let vs = nn::VarStore::new(run.device());
        let line = Linear::new(vs.root(), if self.fail { 2 } else { 1 }, 1)?;
        let options = SgdOptions { lr: self.options.lr, momentum: 0.5, ..SgdOptions::default() };
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
                run.session().print(format_args!("Epoch: {epoch:04} cost = {loss:.6}"))?;
            }
            std::thread::sleep(std::time::Duration::from_millis(self.sleep));
            run.checkpoint(epoch, (&optimizer, &scheduler))?;
        }
        run.save_model(&line.named_parameters())?;
        run.finish(&())
    }
}
