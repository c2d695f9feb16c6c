//! Networks in ONNX Runtime: `onnxruntime LIBRARY THREADS`. (A call from Python takes more than a microsecond longer.)

use ort::environment::{Environment, init_from};
use ort::memory::Allocator;
use ort::session::{IoBinding, Session};
use ort::value::Tensor;
use peers::Result;
use peers::network::{Network, Task, Work, serve};

struct OnnxRuntime {
    session: Session,
    /// The tensors below, as the session's input and output.
    binding: IoBinding,
    output: Tensor<f32>,
    stream: Option<Stream>,
}

struct Stream {
    /// The numbers of all time steps.
    input: Vec<f32>,
    x: Tensor<f32>,
    h: Tensor<f32>,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [library, threads] = arguments.as_slice() else {
        return Err("usage: onnxruntime LIBRARY THREADS".into());
    };
    let environment = init_from(library)?.build()?;
    let threads = threads.parse()?;
    serve(|work| load(work, &environment, threads))
}

fn load(work: &Work, environment: &Environment, threads: usize) -> Result<OnnxRuntime> {
    let builder = Session::builder(environment)?;
    let builder = builder.with_intra_threads(threads).map_err(|error| error.to_string())?;
    let mut builder = builder.with_inter_threads(1).map_err(|error| error.to_string())?;
    let session = builder.commit_from_file(work.files.join("model.onnx"))?;

    let mut binding = session.create_binding()?;
    let stream = match work.task {
        Task::Forward => {
            binding.bind_input("x", &Tensor::from_array((work.input_shape(), work.input()?))?)?;
            None
        }
        Task::Stream => {
            let zeros = |size: usize| Tensor::from_array(([1, work.batch, size], vec![0.0f32; work.batch * size]));
            let stream = Stream { input: work.input()?, x: zeros(work.input_size)?, h: zeros(work.hidden_size)? };
            binding.bind_input("x", &stream.x)?;
            binding.bind_input("h", &stream.h)?;
            Some(stream)
        }
    };
    let output = &session.outputs()[0];
    let shape = output.dtype().tensor_shape().ok_or("the output is not a tensor")?.clone();
    let mut tensor = Tensor::new(&Allocator::default(), shape)?;
    binding.bind_output(output.name(), &mut tensor)?;
    Ok(OnnxRuntime { session, binding, output: tensor, stream })
}

impl Network for OnnxRuntime {
    fn call(&mut self, step: usize) -> Result<()> {
        if let Some(Stream { input, x, .. }) = &mut self.stream {
            let (_shape, x) = x.extract_tensor_mut();
            x.copy_from_slice(&input[step * x.len()..][..x.len()]);
        }
        self.session.run_binding(&self.binding)?;
        if let Some(Stream { h, .. }) = &mut self.stream {
            h.extract_tensor_mut().1.copy_from_slice(self.output.extract_tensor().1);
        }
        Ok(())
    }

    fn output(&self) -> Result<Vec<f32>> {
        Ok(self.output.extract_tensor().1.to_vec())
    }
}
