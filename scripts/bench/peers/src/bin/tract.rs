//! Networks in tract: `tract THREADS`.

use peers::Result;
use peers::network::{Network, Task, Work, serve};
use tract_linalg::multithread::{Executor, set_default_executor};
use tract_onnx::prelude::*;

type Run = Box<dyn FnMut(TVec<TValue>) -> TractResult<TVec<TValue>>>;

struct Tract {
    run: Run,
    /// The input, or one for each time step.
    inputs: Vec<TValue>,
    /// The state of a stream, which is also its output.
    state: Option<TValue>,
    output: TVec<TValue>,
}

fn main() -> Result<()> {
    let threads = std::env::args().nth(1).ok_or("usage: tract THREADS")?.parse()?;
    if threads > 1 {
        set_default_executor(Executor::multithread(threads));
    }
    serve(load)
}

fn load(work: &Work) -> Result<Tract> {
    let model = tract_onnx::onnx().model_for_path(work.files.join("model.onnx"))?;
    let plan = model.into_optimized()?.into_runnable()?;
    let input = Tensor::from_shape(&work.input_shape(), &work.input()?)?;
    let (inputs, state, run): (_, _, Run) = match work.task {
        // A new session for each call: a session keeps the state of an RNN.
        Task::Forward => (vec![input], None, Box::new(move |inputs| plan.run(inputs))),
        Task::Stream => {
            let steps: TractResult<_> = (0..work.length).map(|step| input.slice(0, step, step + 1)).collect();
            let h = Tensor::zero::<f32>(&[1, work.batch, work.hidden_size])?;
            let mut session = plan.spawn()?;
            (steps?, Some(h), Box::new(move |inputs| session.run(inputs)))
        }
    };
    Ok(Tract {
        run,
        inputs: inputs.into_iter().map(Tensor::into_tvalue).collect(),
        state: state.map(Tensor::into_tvalue),
        output: TVec::new(),
    })
}

impl Network for Tract {
    fn call(&mut self, step: usize) -> Result<()> {
        let x = self.inputs[step].clone(); // a reference to the same memory
        self.output = (self.run)([x].into_iter().chain(self.state.take()).collect())?;
        if self.inputs.len() > 1 {
            self.state = Some(self.output[0].clone());
        }
        Ok(())
    }

    fn output(&self) -> Result<Vec<f32>> {
        Ok(self.output[0].to_plain_array_view::<f32>()?.iter().copied().collect())
    }
}
