//! Cells: the fused backend's numbers equal the exact backend's up to rounding.

use recurrent::Backend;
use tch::nn::VarStore;
use tch::{Kind, Tensor};

use crate::each_cell;
use crate::support::cell::{CELLS, Cell, CellSpec};
use crate::support::layer::assert_error;
use crate::support::tensors::{leaf, uniform};
use crate::support::{JUDGE, seeded};

impl Cell {
    fn set_backend(&mut self, backend: Backend) -> recurrent::Result<()> {
        each_cell!(self, cell => cell.set_backend(backend))
    }
}

/// Three steps with the inputs `xs` from the state `hx`, and a backward pass. Returns the last state, and the gradients of the
/// inputs, of the state and of the parameters.
fn three_steps(cell: &Cell, xs: &[Tensor], hx: Option<&[Tensor]>) -> [Vec<Tensor>; 3] {
    let (xs, hx): (Vec<_>, Option<Vec<_>>) =
        (xs.iter().map(leaf).collect(), hx.map(|hx| hx.iter().map(leaf).collect()));
    let mut state = cell.forward(&xs[0], hx.as_deref()).unwrap();
    for x in &xs[1..] {
        state = cell.forward(x, Some(&state)).unwrap();
    }
    let kind = xs[0].kind();
    state.iter().map(|state| (state * state).sum(kind)).reduce(|sum, term| sum + term).unwrap().backward();
    let take = |(_, mut parameter): (String, Tensor)| {
        let grad = parameter.grad().copy();
        parameter.zero_grad();
        grad
    };
    let inputs = xs.iter().chain(hx.iter().flatten()).map(Tensor::grad).collect();
    [state, inputs, cell.named_parameters().into_iter().map(take).collect()]
}

/// The same cell in float64. (The store keeps its parameters.)
fn in_float64(spec: &CellSpec, cell: &Cell) -> (VarStore, Cell) {
    let (vs, double) = CellSpec { dtype: "float64", ..spec.clone() }.build().unwrap();
    let pairs = double.named_parameters().into_iter().zip(cell.named_parameters());
    tch::no_grad(|| pairs.for_each(|((_, mut to), (_, from))| to.copy_(&from)));
    (vs, double)
}

#[test]
fn results_and_gradients_are_as_accurate_as_libtorchs() {
    let _guard = seeded(0);
    for (class, nonlinearity) in CELLS {
        for (hidden_size, batch) in [(1, Some(1)), (5, Some(40)), (64, Some(3)), (65, None)] {
            for (bias, with_state) in [(true, true), (true, false), (false, true)] {
                let spec = CellSpec { nonlinearity, bias, ..CellSpec::new(class, 7, hidden_size) };
                let (_vs, mut cell) = spec.build().unwrap();
                let shape = |features| batch.into_iter().chain([features]).collect::<Vec<i64>>();
                let mut xs: Vec<Tensor> = (0..3).map(|_| uniform(&shape(7), Kind::Float)).collect();
                let mut hx: Vec<Tensor> =
                    (0..spec.states()).map(|_| uniform(&shape(hidden_size), Kind::Float)).collect();
                if nonlinearity == Some("relu") {
                    // Positive numbers keep every sum away from the kink of ReLU, where rounding could change the gradient.
                    let parameters = cell.named_parameters().into_iter().map(|(_, parameter)| parameter);
                    tch::no_grad(|| {
                        parameters.chain(xs.iter_mut().map(|x| x.shallow_clone())).for_each(|mut t| drop(t.abs_()))
                    });
                    hx.iter_mut().for_each(|h| drop(h.abs_()));
                }
                let hx = with_state.then_some(&hx[..]);
                let double = |tensors: &[Tensor]| tensors.iter().map(|x| x.to_kind(Kind::Double)).collect::<Vec<_>>();
                let truth = three_steps(&in_float64(&spec, &cell).1, &double(&xs), hx.map(double).as_deref());
                let exact = three_steps(&cell, &xs, hx);
                cell.set_backend(Backend::Fused).unwrap();
                let fused = three_steps(&cell, &xs, hx);
                for (kind, ((truth, exact), fused)) in truth.iter().zip(&exact).zip(&fused).enumerate() {
                    let what = format!("{spec:?}, batch {batch:?}, state {with_state}: kind {kind}");
                    JUDGE.assert(&what, truth, exact, fused);
                    let sizes = |tensors: &[Tensor]| tensors.iter().map(Tensor::size).collect::<Vec<_>>();
                    assert_eq!(sizes(fused), sizes(exact), "{what}");
                }
            }
        }
    }
}

#[test]
fn a_cell_changes_its_backend_and_rejects_what_the_kernels_do_not_support() {
    let _guard = seeded(0);
    for (class, nonlinearity) in CELLS {
        let (_vs, mut cell) = CellSpec { nonlinearity, ..CellSpec::new(class, 3, 4) }.build().unwrap();
        for backend in [Backend::Fused, Backend::Exact] {
            cell.set_backend(backend).unwrap();
            assert_eq!(each_cell!(&cell, cell => cell.backend()), backend);
        }
        let empty = uniform(&[0, 3], Kind::Float);
        let expected = cell.forward(&empty, None).unwrap()[0].size();
        cell.set_backend(Backend::Fused).unwrap();
        assert_eq!(cell.forward(&empty, None).unwrap()[0].size(), expected, "an empty batch");

        let (_vs, mut cell) =
            CellSpec { nonlinearity, dtype: "float64", ..CellSpec::new(class, 3, 4) }.build().unwrap();
        let words = "the fused backend computes in Float, and the weights are of kind Double; use Backend::Exact";
        assert_error(cell.set_backend(Backend::Fused), "RuntimeError", words);
        let (_vs, mut cell) = CellSpec { nonlinearity, ..CellSpec::new(class, 3, 0) }.build().unwrap();
        let words = "the fused backend failed: hidden_size must be greater than zero; use Backend::Exact";
        assert_error(cell.set_backend(Backend::Fused), "RuntimeError", words);
        assert_eq!(each_cell!(&cell, cell => cell.backend()), Backend::Exact);
    }
}
