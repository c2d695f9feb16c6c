//! The state of the default generator, and permutations from a seed.

use tch::{Device, Kind, Tensor};
use torch_ext::rng;

use crate::support::seeded;

fn ints(tensor: &Tensor) -> Vec<i64> {
    Vec::try_from(tensor).unwrap()
}

#[test]
fn a_restored_state_repeats_the_random_numbers() {
    let _turn = seeded(3);
    let state = rng::get_state().unwrap();
    assert_eq!((state.kind(), state.size()), (Kind::Uint8, vec![5056]));
    let draw = || Tensor::randn([100], (Kind::Float, Device::Cpu));
    let first = draw();
    assert_ne!(draw(), first);
    rng::set_state(&state).unwrap();
    assert_eq!(draw(), first);
}

#[test]
fn a_wrong_state_is_rejected_and_changes_nothing() {
    let _turn = seeded(0);
    let before = rng::get_state().unwrap();
    for wrong in [Tensor::zeros([3], (Kind::Uint8, Device::Cpu)), Tensor::zeros([5056], (Kind::Float, Device::Cpu))] {
        let message = rng::set_state(&wrong).unwrap_err().to_string();
        assert!(!message.contains('\n') && message.contains("RNG"), "{message}");
    }
    assert_eq!(rng::get_state().unwrap(), before);
}

// torch.randperm(10, generator=torch.Generator().manual_seed(5)).tolist()
#[test]
fn seeded_randperm_equals_torchs() {
    let permutation = rng::seeded_randperm(10, 5).unwrap();
    assert_eq!(ints(&permutation), [1, 4, 9, 6, 3, 5, 0, 2, 8, 7]);
    assert_eq!(ints(&rng::seeded_randperm(0, 5).unwrap()), Vec::<i64>::new());
    assert!(rng::seeded_randperm(-1, 5).is_err());
}

// torch.manual_seed(7); [torch.empty((), dtype=torch.int64).random_().item() for _ in range(2)]
#[test]
fn draw_i64_equals_torchs() {
    let _turn = seeded(7);
    assert_eq!(
        [rng::draw_i64().unwrap(), rng::draw_i64().unwrap()],
        [1_407_639_518_939_636_932, 5_163_590_386_780_219_894]
    );
}
