//! Broken and malicious files: each is rejected within 100 ms and 50 MB, with a unique message.

mod advisories;
mod bombs;
mod cases;
#[cfg(target_os = "linux")]
mod memory;

use std::collections::HashSet;
use std::io::Cursor;
use std::time::{Duration, Instant};

use pt_file::Value;

use crate::craft::{floats, made_by, string};
use cases::Case;

/// On the machine of TESTING.md the slowest file takes 80 ms. The limit allows for slower and busy machines.
const TIME_LIMIT: Duration = Duration::from_millis(4 * 100);

fn cases() -> Vec<Case> {
    use bombs::{many_values, repeated_values};
    use cases::{archives, formats, pickles, programs, tensors};
    let groups = [archives(), formats(), many_values(), pickles(), programs(), repeated_values(), tensors()];
    groups.into_iter().flatten().collect()
}

#[test]
fn each_file_is_rejected_quickly_with_a_unique_message() {
    let (cases, mut messages) = (cases(), HashSet::new());
    for (name, file, part) in &cases {
        // Without the processor time, other processes can slow down an attempt, but hardly all ten.
        let attempt = (0..10).map(|_| reject(name, file)).find(|(_, took)| *took < TIME_LIMIT);
        let (message, _) = attempt.unwrap_or_else(|| unreachable!("{name} takes more than {TIME_LIMIT:?}"));
        assert!(message.contains(part), "{name}: {message}");
        assert!(message.len() < 1200, "{name}: {} bytes of message", message.len());
        assert!(messages.insert(message.clone()), "{name}: not a unique message: {message}");
    }
    assert!(cases.len() > 110, "{}", cases.len());
}

fn reject(name: &str, file: &[u8]) -> (String, Duration) {
    let (start, busy) = (Instant::now(), processor_time());
    let result = pt_file::load(Cursor::new(file));
    let error = result.err().unwrap_or_else(|| unreachable!("{name} was accepted"));
    let took = processor_time().zip(busy).map_or_else(|| start.elapsed(), |(now, then)| now - then);
    (error.to_string(), took)
}

/// The processor time of this thread, if the system reports it.
fn processor_time() -> Option<Duration> {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    statistics.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// What weights_only=True rejects, and attacks on it, are data here.
#[test]
fn programs_are_inert_data() {
    let load = |operations: &[u8]| pt_file::load(Cursor::new(made_by(operations))).unwrap();
    let object = |operations: &[u8]| load(operations).as_object().unwrap().clone();
    let system = object(b"cposix\nsystem\nX\x02\x00\x00\x00ls\x85R");
    assert!(system.is("posix", "system") && system.args == ["ls".into()]);
    assert!(object(b"(iposix\nsystem\n").is("posix", "system"));
    assert!(object(b"(cposix\nsystem\no").is("posix", "system"));
    assert_eq!(load(b"cbuiltins\neval\n").type_name(), "global");
    // A call of the result of a call: getattr(os, "system")("ls").
    let call = object(b"cbuiltins\ngetattr\ncos\nsystem\n\x85RX\x02\x00\x00\x00ls\x85R");
    assert!(call.is("builtins", "__call__") && call.args[0].as_object().unwrap().is("builtins", "getattr"));
    // CVE-2026-24747: items and attributes of a tensor, which the unpickler of torch assigned.
    let tensor = floats(b"K\x00K\x02\x85K\x01\x85");
    let with_items = object(&[&tensor[..], b"K\x00K\x07s"].concat());
    assert!(with_items.is("torch._utils", "_rebuild_tensor_v2") && with_items.entries == [(0.into(), 7.into())]);
    let with_state = object(&[&tensor[..], b"}b"].concat());
    assert!(with_state.is("torch._utils", "_rebuild_tensor_v2") && with_state.state.is_some());
}

#[test]
fn a_text_that_also_ends_like_a_pickle_is_no_checkpoint() {
    let message = pt_file::load(Cursor::new(b"I am a text\n.")).unwrap_err().to_string();
    assert_eq!(message, "not a PyTorch checkpoint but a file of another format; it starts like a pickle of protocol 0");
}

/// Each of 5,000 values is below 100 keys of 100 kB. A copy of the keys for each value would take 50 GB.
#[test]
fn paths_below_long_keys_share_their_memory() {
    let key = [string(&"k".repeat(100_000)), b"q\x000".to_vec()].concat();
    let operations = [key, b"}h\x00".repeat(100), b"](".to_vec(), b"N".repeat(5_000), b"e".to_vec(), b"s".repeat(100)];
    let value = pt_file::load(Cursor::new(made_by(&operations.concat()))).unwrap();
    let leaves = value.leaves();
    assert_eq!(leaves.len(), 5_000);
    assert!(leaves[4_999].0.to_string().ends_with("kkk\"...][4999]"));
    let tensors = Value::list((0..5_000).map(pt_file::Tensor::scalar::<i32>));
    let value = (0..100).fold(tensors, |inner, _| Value::dict([("k".repeat(100_000), inner)]));
    pt_file::save(std::io::sink(), &value).unwrap();
}

/// A module in a module, and so on, with long names: each tensor would have the names of all modules.
#[test]
fn the_names_of_a_module_are_limited() {
    let module = |field: &str, name: &str, value: Value| {
        let mut module = pt_file::Object::new("model", "Module");
        let fields = ["_parameters", "_buffers", "_modules"];
        let entry = |is_field: bool| {
            if is_field { Value::dict([(name, value.clone())]) } else { Value::dict::<&str, Value>([]) }
        };
        module.state = Some(Value::dict(fields.map(|known| (known, entry(known == field)))));
        Value::Object(module.into())
    };
    let weight = || module("_parameters", "weight", pt_file::Tensor::scalar(0f32).into());
    let nested = |length: usize| module("_modules", &"m".repeat(length), weight()).state_dict_at("");
    assert_eq!(nested(4096 - ".weight".len()).unwrap().len(), 1);
    let message = nested(4097 - ".weight".len()).unwrap_err().to_string();
    assert_eq!(message, "expected a state dict or a module, found a module with a name of more than 4096 bytes");
}

#[test]
fn a_value_that_contains_itself_has_back_references() {
    let load = |operations: &[u8]| pt_file::load(Cursor::new(made_by(operations))).unwrap();
    assert_eq!(load(b"]q\x00h\x00a"), Value::list([Value::BackReference(1)]));
    assert_eq!(load(b"]q\x00h\x00\x85a"), Value::list([Value::tuple([Value::BackReference(2)])]));
    let dict = load(b"}q\x00X\x01\x00\x00\x00ah\x00s");
    assert_eq!(dict, Value::dict([("a", Value::BackReference(1))]));
    let error = pt_file::save(std::io::sink(), &dict).unwrap_err().to_string();
    assert_eq!(error, r#"at ["a"]: the value contains itself, which cannot be written; remove it"#);
    let object = load(b"ca\nb\n)\x81q\x00}X\x01\x00\x00\x00xh\x00sb");
    assert_eq!(object.as_object().unwrap().attribute("x"), Some(&Value::BackReference(2)));
}

#[test]
fn valid_hand_made_files_are_accepted() {
    let load = |file: &[u8]| pt_file::load(Cursor::new(file)).unwrap();
    let views = load(&made_by(&[b"(", &floats(b"K\x01K\x02\x85K\x01\x85")[..], &floats(b"K\x02))"), b"t"].concat()));
    let shapes: Vec<_> = views.as_slice().unwrap().iter().map(|view| view.as_tensor().unwrap().shape()).collect();
    assert_eq!(shapes, [&[2][..], &[]]);
    // A memo, a torch.Size, a Counter, _metadata, and and a list that is used twice but does not contain itself.
    let shared =
        load(&made_by(b"(]q\x00K\x01ah\x00ctorch\nSize\nK\x02\x85\x85Rccollections\nCounter\n}K\x05K\x06s\x85Rt"));
    let shared = shared.as_slice().unwrap();
    assert_eq!(shared[0], shared[1]);
    assert_eq!((shared[2].type_name(), shared[3].type_name()), ("tuple", "dict"));
}
