//! Small results of PyTorch for the layers and functions. python.rs compares many more with a PyTorch that runs.

use ndarray::{Array, ArrayD, Axis, Dimension, IxDyn, array};
use rnn_runtime::{
    BatchNorm1d, Conv1d, Conv1dOptions, LayerNorm, Linear, StateDict, argmax, log_softmax, relu, sigmoid, softmax, tanh,
};

use crate::support::state_dict;

/// `torch.arange(count).reshape(shape) / 10 - 0.5`
fn arange(shape: &[usize]) -> ArrayD<f32> {
    let count: usize = shape.iter().product();
    ArrayD::from_shape_vec(IxDyn(shape), (0..count).map(|i| i as f32 / 10.0 - 0.5).collect()).unwrap()
}

/// Tensors of [`arange`].
fn weights(tensors: &[(&str, &[usize])]) -> StateDict {
    state_dict(tensors.iter().map(|(name, shape)| (*name, shape.to_vec(), arange(shape).into_iter().collect())))
}

fn assert_near<D: Dimension>(ours: &Array<f32, D>, shape: &[usize], expected: &[f32]) {
    assert_eq!(ours.shape(), shape);
    let near = ours.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(near && ours.len() == expected.len(), "{ours:?}");
}

/// In Python, with every parameter and buffer of a layer set to `arange` and the layer in evaluation mode:
/// `torch.nn.Linear(3, 2)(arange(2, 3))`, and so on, as in the comments.
#[test]
fn layers_have_torchs_results() {
    let linear = Linear::from_state_dict(&weights(&[("weight", &[2, 3]), ("bias", &[2])])).unwrap();
    assert_near(&linear.forward(arange(&[2, 3]).view()).unwrap(), &[2, 2], &[0.0, -0.26, -0.36, -0.35]);
    // Linear(3, 2, bias=False)(arange(3))
    let linear = Linear::from_state_dict(&weights(&[("weight", &[2, 3])])).unwrap();
    assert_near(&linear.forward(arange(&[3]).view()).unwrap(), &[2], &[0.5, 0.14]);
    assert_eq!((linear.in_features(), linear.out_features()), (3, 2));
    // Conv1d(4, 2, 2, stride=2, padding=1, dilation=2, groups=2)(arange(1, 4, 5))
    let options = Conv1dOptions::default().stride(2).padding(1).dilation(2).groups(2);
    let conv = Conv1d::from_state_dict(&weights(&[("weight", &[2, 2, 2]), ("bias", &[2])]), options).unwrap();
    let expected = [-0.36, -0.31, -0.49, -0.18, -0.09, -0.35];
    assert_near(&conv.forward(arange(&[1, 4, 5]).view()).unwrap(), &[1, 2, 3], &expected);
    assert_near(&conv.forward(arange(&[4, 5]).view()).unwrap(), &[2, 3], &expected);
    // Conv1d(1, 1, 2, padding="same")(arange(1, 3))
    let options = Conv1dOptions::default().padding_same();
    let conv = Conv1d::from_state_dict(&weights(&[("weight", &[1, 1, 2]), ("bias", &[1])]), options).unwrap();
    assert_near(&conv.forward(arange(&[1, 3]).view()).unwrap(), &[1, 3], &[-0.09, -0.18, -0.35]);
    // LayerNorm(4)(arange(2, 4))
    let norm = LayerNorm::from_state_dict(&weights(&[("weight", &[4]), ("bias", &[4])])).unwrap();
    let expected = [0.170_552, -0.221_186, -0.434_11, -0.468_221].repeat(2);
    assert_near(&norm.forward(arange(&[2, 4]).view()).unwrap(), &[2, 4], &expected);
    // BatchNorm1d(2) with running_var [0.5, 2], (arange(2, 2, 2)); and with affine=False, (arange(2, 2))
    let numbers = |name, numbers: [f32; 2]| (name, vec![2], numbers.to_vec());
    let statistics = [numbers("running_mean", [-0.5, -0.4]), numbers("running_var", [0.5, 2.0])];
    let affine = [numbers("weight", [-0.5, -0.4]), numbers("bias", [-0.5, -0.4])];
    let norm = BatchNorm1d::from_state_dict(&state_dict(statistics.clone().into_iter().chain(affine))).unwrap();
    let expected = [-0.5, -0.570_71, -0.428_284, -0.456_568, -0.782_84, -0.853_55, -0.541_421, -0.569_705];
    assert_near(&norm.forward(arange(&[2, 2, 2]).view()).unwrap(), &[2, 2, 2], &expected);
    let norm = BatchNorm1d::from_state_dict(&state_dict(statistics)).unwrap();
    assert_near(&norm.forward(arange(&[2, 2]).view()).unwrap(), &[2, 2], &[0.0, 0.0, 0.282_84, 0.141_421]);
}

/// `x = arange(2, 3) * 10`
#[test]
fn functions_have_torchs_results() {
    let x = arange(&[2, 3]) * 10.0;
    let shares = [0.090_031, 0.244_728, 0.665_241].repeat(2);
    assert_near(&softmax(x.view(), Axis(1)).unwrap(), &[2, 3], &shares);
    let shares = [[0.047_426; 3], [0.952_574; 3]].concat();
    assert_near(&softmax(x.view(), Axis(0)).unwrap(), &[2, 3], &shares);
    let logarithms = [-2.407_606, -1.407_606, -0.407_606].repeat(2);
    assert_near(&log_softmax(x.view(), Axis(1)).unwrap(), &[2, 3], &logarithms);
    assert_near(&tanh(arange(&[3]).view()).unwrap(), &[3], &[-0.462_117, -0.379_949, -0.291_313]);
    assert_near(&sigmoid(arange(&[3]).view()).unwrap(), &[3], &[0.377_541, 0.401_312, 0.425_557]);
    assert_eq!(relu(array![-1.0, 2.0].view()).unwrap(), array![0.0, 2.0]);
    assert!(softmax(array![f32::NEG_INFINITY, f32::NEG_INFINITY].view(), Axis(0)).unwrap().iter().all(|x| x.is_nan()));
    let nan = f32::NAN;
    assert_eq!(argmax(array![[1.0, 3.0, 3.0], [nan, 1.0, nan]].view(), Axis(1)).unwrap(), array![1, 0]);
    assert_eq!(softmax(ArrayD::zeros(vec![2, 0]).view(), Axis(1)).unwrap().shape(), [2, 0]);
}
