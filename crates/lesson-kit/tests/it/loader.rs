//! The order of the batches in an evaluation.

use lesson_kit::loader;
use tch::Device;

#[test]
fn evaluation_has_the_batches_in_order() {
    let batches = loader::sequential(5, 2, Device::Cpu).unwrap();
    let batches: Vec<Vec<i64>> = batches.map(|batch| Vec::try_from(batch).unwrap()).collect();
    assert_eq!(batches, [vec![0, 1], vec![2, 3], vec![4]]);
    assert!(loader::sequential(0, 2, Device::Cpu).is_err());
}
