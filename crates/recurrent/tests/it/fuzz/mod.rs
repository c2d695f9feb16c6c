//! Random calls, right and wrong ones, here and in Python. Both return the same tensors or the same error.

mod calls;
mod generate;

use std::collections::HashSet;

use calls::Call;
use recurrent::Error;
use serde_json::Value;
use tch::Tensor;

use crate::support::alone;
use crate::support::python::{Reply, ask};
use crate::support::random::Random;
use crate::support::tensors::same_bits;

const CALLS: usize = 2000;

type Ours = recurrent::Result<Vec<Tensor>>;
/// Tensors, or the class and text of an exception.
type Pythons = Result<Vec<Tensor>, (String, String)>;

/// Whether this call may return this error although torch does something else.
type Applies = fn(&Call, &Error) -> bool;

/// The checks that this library has and torch lacks, and their errors.
const DELIBERATE: [(&str, Applies); 6] = [
    ("a length greater than the padded input", |_, error| matches!(error, Error::LengthTooLong { .. })),
    ("fewer lengths than sequences", |_, error| matches!(error, Error::LengthsCount { .. })),
    ("an index that occurs twice in a permutation", |_, error| matches!(error, Error::NotAPermutation)),
    ("a cell's input and state of different ranks", |_, error| matches!(error, Error::CellMixedRanks { .. })),
    ("packed input of an LSTM is checked like that of the other layers", |call, error| {
        call.packed_class() == Some("LSTM") && is_check_of_forward(error)
    }),
    ("a state of more sequences than were packed", |call, error| {
        call.packed_class().is_some() && matches!(error, Error::StateSize { .. })
    }),
];

fn is_check_of_forward(error: &Error) -> bool {
    use Error::{InputSize, KindMismatch, PackedRank, StateSize};
    matches!(error, KindMismatch { .. } | PackedRank(_) | InputSize { .. } | StateSize { .. })
}

fn ours(number: usize, call: &Call) -> Ours {
    tch::manual_seed(number as i64);
    call.run()
}

fn pythons(number: usize, reply: &Reply) -> Pythons {
    let outcome = &reply.value[number];
    match outcome["results"].as_u64() {
        Some(count) => Ok((0..count).map(|i| reply.tensor(&format!("{number} {i}")).shallow_clone()).collect()),
        None => {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            Err((text(&outcome["class"]), text(&outcome["text"])))
        }
    }
}

fn agree(ours: &Ours, pythons: &Pythons) -> bool {
    match (ours, pythons) {
        (Ok(ours), Ok(pythons)) => {
            ours.len() == pythons.len() && ours.iter().zip(pythons).all(|(ours, pythons)| same_bits(ours, pythons))
        }
        (Err(ours), Err((class, text))) => (&format!("{:?}", ours.python_kind()), &ours.to_string()) == (class, text),
        _ => false,
    }
}

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn random_calls_return_pythons_results_and_errors() {
    let _alone = alone();
    let mut random = Random::new(2026);
    let calls: Vec<Call> = (0..CALLS).map(|_| generate::call(&mut random)).collect();
    let all_ours: Vec<Ours> = calls.iter().enumerate().map(|(number, call)| ours(number, call)).collect();
    let errors = all_ours.iter().filter(|ours| ours.is_err()).count();
    assert!((CALLS / 4..CALLS / 2).contains(&errors), "{errors} errors in {CALLS} calls");

    let reply = ask(include_str!("run.py"), &calls);
    let mut differences = Vec::new();
    let mut reasons = HashSet::new();
    for (number, (call, ours)) in calls.iter().zip(&all_ours).enumerate() {
        let pythons = pythons(number, &reply);
        if agree(ours, &pythons) {
            continue;
        }
        let reason = DELIBERATE.iter().find(|(_, applies)| ours.as_ref().is_err_and(|error| applies(call, error)));
        match reason {
            Some((reason, _)) => drop(reasons.insert(*reason)),
            None => differences.push(format!("call {number}: {call:?}\n  ours:     {ours:?}\n  Python's: {pythons:?}")),
        }
    }
    assert!(differences.is_empty(), "{} of {CALLS}:\n{}", differences.len(), differences.join("\n"));
    for (reason, _) in DELIBERATE {
        assert!(reasons.contains(reason), "no call has this difference: {reason}");
    }
}
