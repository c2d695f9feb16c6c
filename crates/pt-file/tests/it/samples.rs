//! Values for the tests.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use pt_file::{DType, Dict, Storage, StridedView, Tensor, Value};

/// The file that `save` writes for `value`.
pub fn saved(value: &Value) -> Vec<u8> {
    let mut file = Vec::new();
    pt_file::save(&mut file, value).unwrap();
    file
}

/// `tensor([first, first + 1, ..])`
pub fn counting(first: u8, shape: &[usize]) -> Tensor {
    let elements: Vec<f32> = (0..shape.iter().product::<usize>()).map(|i| f32::from(first) + i as f32).collect();
    Tensor::from_slice(&elements, shape).unwrap()
}

/// Every type of value, with edge cases of numbers and strings.
pub fn values() -> Value {
    let ints = [0, 1, 255, 256, 65_535, 65_536, -1, -128, i64::from(i32::MAX), i64::from(i32::MIN)];
    let long_ints = [1 << 31, -(1 << 31) - 1, 1 << 39, -(1 << 39), i64::MAX, i64::MIN];
    Value::dict([
        ("none", Value::None),
        ("bools", Value::tuple([true, false])),
        ("ints", ints.to_vec().into()),
        ("long ints", long_ints.to_vec().into()),
        ("floats", vec![0.0, -0.0, 0.1, f64::MAX, f64::MIN_POSITIVE, f64::INFINITY].into()),
        ("nan", f64::NAN.into()),
        ("Übung \u{1f43b} \u{0} \"'\n", "Größe \u{1f40b}".into()),
        ("", "".into()),
        ("empty", Value::list([Value::list::<i64>([]), Value::tuple::<i64>([]), Dict::new().into()])),
        ("tuples", Value::list((1..5).map(|len| Value::tuple(0..len)))),
        ("keys", Value::dict([(0, "zero"), (-1, "minus one"), (i64::MAX, "most")])),
        ("ordered", Value::Dict(Dict::ordered())),
        ("deep", (0..100).fold(Value::from("bottom"), |inner, _| Value::list([inner]))),
    ])
}

/// Each dtype with shapes (2, 3), (0, 3) and (). The bytes are 0 and 1, which are valid for every dtype.
pub fn dtypes() -> Value {
    let tensor = |dtype: DType, shape: &[usize]| {
        let bytes: Vec<u8> = (0..shape.iter().product::<usize>() * dtype.size()).map(|i| (i % 2) as u8).collect();
        Tensor::from_bytes(dtype, shape, bytes).unwrap()
    };
    Value::dict(
        DType::ALL.map(|dtype| {
            (dtype.name(), Value::list([tensor(dtype, &[2, 3]), tensor(dtype, &[0, 3]), tensor(dtype, &[])]))
        }),
    )
}

/// Views of one storage of 24 floats, like cuDNN's flattened weights, and a tensor with a separate storage.
pub fn shared() -> Value {
    let storage: Storage = counting(0, &[24]).storage().clone();
    let view = |shape: &[usize], strides: &[usize], offset| {
        Tensor::new(StridedView::new(DType::F32, shape, strides, offset).unwrap(), storage.clone()).unwrap()
    };
    Value::dict([
        ("first", view(&[2, 3], &[3, 1], 0)),
        ("own", counting(7, &[2])),
        ("transposed", view(&[3, 2], &[1, 3], 6)),
        ("expanded", view(&[4, 5], &[0, 0], 20)),
        ("all", view(&[24], &[1], 0)),
    ])
}

/// The state dict of a module that has `Linear(3, 2)` as attribute `fc`.
pub fn state_dict() -> Value {
    Value::state_dict([("fc.weight", counting(1, &[2, 3])), ("fc.bias", counting(10, &[2]))])
}

/// A training checkpoint: the model above and five steps of Adam.
pub fn checkpoint() -> Value {
    let state = |shape: &[usize]| {
        Value::dict([
            ("step", Tensor::scalar(5f32)),
            ("exp_avg", counting(1, shape)),
            ("exp_avg_sq", counting(2, shape)),
        ])
    };
    let group = Value::dict([
        ("lr", Value::from(0.01)),
        ("betas", Value::tuple([0.9, 0.999])),
        ("eps", 1e-8.into()),
        ("weight_decay", 0.into()),
        ("amsgrad", false.into()),
        ("maximize", false.into()),
        ("foreach", Value::None),
        ("capturable", false.into()),
        ("differentiable", false.into()),
        ("fused", Value::None),
        ("decoupled_weight_decay", false.into()),
        ("params", vec![0, 1].into()),
    ]);
    let optimizer = Value::dict([
        ("state", Value::dict([(0, state(&[2, 3])), (1, state(&[2]))])),
        ("param_groups", Value::list([group])),
    ]);
    Value::dict([("model", state_dict()), ("optimizer", optimizer), ("epoch", 3.into())])
}

/// Writes a storage of more than 4 GiB and a small one after it. The file is sparse and takes only a few kilobytes.
pub fn write_large(path: &Path) {
    let zeros = vec![0; (1 << 32) + 5]; // takes no memory, because nothing writes to these pages
    let large = Tensor::from_bytes(DType::I8, &[zeros.len()], zeros).unwrap();
    let value = Value::dict([("large", large), ("behind", counting(1, &[2, 3]))]);
    pt_file::save(Sparse(File::create(path).unwrap()), &value).unwrap();
}

/// A file that skips long writes, which are all zeros here. The skipped part becomes a hole of a sparse file.
struct Sparse(File);

impl Write for Sparse {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() < 1 << 20 {
            return self.0.write(bytes);
        }
        self.0.seek(SeekFrom::Current(bytes.len() as i64))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
