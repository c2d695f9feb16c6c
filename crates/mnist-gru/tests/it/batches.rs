//! The tensors of a batch, and the network that they go into.

use mnist_gru::data::{Mnist, TensorDataset};
use mnist_gru::model::MnistNn;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};
use test_support::seeded;

use crate::support::{images, write_mnist};

fn noise() -> Mnist {
    let folder = tempfile::tempdir().unwrap();
    write_mnist(folder.path(), 5, 3);
    Mnist::read(folder.path()).unwrap()
}

#[test]
fn a_batch_has_pixels_divided_by_255_and_rows_as_time_steps() {
    let mnist = noise();
    let data = TensorDataset::new(&mnist.train, Device::Cpu).unwrap();
    assert_eq!((data.len(), data.is_empty()), (5, false));
    let (inputs, targets) = data.batch(&Tensor::from_slice(&[3i64, 0])).unwrap();
    assert_eq!((inputs.size(), inputs.kind()), (vec![2, 28, 28], Kind::Float));
    assert_eq!((targets.size(), targets.kind()), (vec![2], Kind::Int64));
    // torch: pixels.float() / 255, a division in float32
    let expected: Vec<f32> = images(5)[16..][3 * 784..][..784].iter().map(|&pixel| f32::from(pixel) / 255.0).collect();
    let first = Vec::<f32>::try_from(inputs.get(0).reshape([-1])).unwrap();
    assert_eq!(first, expected);
    assert_eq!(inputs.double_value(&[0, 2, 5]) as f32, expected[2 * 28 + 5]);
    let labels = mnist.train.labels();
    assert_eq!(Vec::<i64>::try_from(targets).unwrap(), [i64::from(labels[3]), i64::from(labels[0])]);
    assert!(data.batch(&Tensor::from_slice(&[5i64])).is_err());
}

#[test]
fn the_network_has_torchs_names_and_shapes() {
    let _guard = seeded(0);
    let vs = VarStore::new(Device::Cpu);
    let model = MnistNn::new(&vs.root(), 128, 2).unwrap();
    let parameters = model.named_parameters();
    let names: Vec<_> = parameters.iter().map(|(name, tensor)| (name.as_str(), tensor.size())).collect();
    // [(name, list(p.shape)) for name, p in MNISTNN(28, 128, 2, 10).named_parameters()]
    let expected = [
        ("gru.weight_ih_l0", vec![384, 28]),
        ("gru.weight_hh_l0", vec![384, 128]),
        ("gru.bias_ih_l0", vec![384]),
        ("gru.bias_hh_l0", vec![384]),
        ("gru.weight_ih_l1", vec![384, 128]),
        ("gru.weight_hh_l1", vec![384, 128]),
        ("gru.bias_ih_l1", vec![384]),
        ("gru.bias_hh_l1", vec![384]),
        ("fc.weight", vec![10, 128]),
        ("fc.bias", vec![10]),
    ];
    assert_eq!(names, expected);
    assert_eq!(model.forward(&Tensor::zeros([3, 28, 28], tch::kind::FLOAT_CPU)).unwrap().size(), [3, 10]);
    for wrong in [vec![28, 28], vec![3, 28, 27]] {
        assert!(model.forward(&Tensor::zeros(&wrong[..], tch::kind::FLOAT_CPU)).is_err(), "{wrong:?}");
    }
}
