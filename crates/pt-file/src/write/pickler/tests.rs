use super::*;
use crate::Tensor;

fn bytes(value: impl Into<Value>) -> Vec<u8> {
    pickle(&value.into()).unwrap().pickle
}

// Expected: python3 -c "import pickle; print(pickle.dumps(V, 2))" for each V, with two differences. Python also writes
// the memo (q), which nothing reads here. We always write a MARK, Python only for more than one item.
#[test]
fn scalars_are_pickled_as_in_python() {
    assert_eq!(bytes(Value::None), b"\x80\x02N.");
    assert_eq!(bytes(true), b"\x80\x02\x88.");
    assert_eq!(bytes(false), b"\x80\x02\x89.");
    assert_eq!(bytes(1.5), b"\x80\x02G\x3f\xf8\x00\x00\x00\x00\x00\x00.");
    assert_eq!(bytes("h\u{e9}"), b"\x80\x02X\x03\x00\x00\x00h\xc3\xa9.");
}

#[test]
fn ints_are_pickled_in_the_shortest_form_as_in_python() {
    assert_eq!(bytes(0), b"\x80\x02K\x00.");
    assert_eq!(bytes(255), b"\x80\x02K\xff.");
    assert_eq!(bytes(256), b"\x80\x02M\x00\x01.");
    assert_eq!(bytes(65_536), b"\x80\x02J\x00\x00\x01\x00.");
    assert_eq!(bytes(-1), b"\x80\x02J\xff\xff\xff\xff.");
    assert_eq!(bytes(1i64 << 31), b"\x80\x02\x8a\x05\x00\x00\x00\x80\x00.");
    assert_eq!(bytes(-(1i64 << 31) - 1), b"\x80\x02\x8a\x05\xff\xff\xff\x7f\xff.");
    assert_eq!(bytes(1i64 << 39), b"\x80\x02\x8a\x06\x00\x00\x00\x00\x80\x00.");
    assert_eq!(bytes(-(1i64 << 39)), b"\x80\x02\x8a\x05\x00\x00\x00\x00\x80.");
    assert_eq!(bytes(i64::MAX), b"\x80\x02\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f.");
    assert_eq!(bytes(i64::MIN), b"\x80\x02\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80.");
}

#[test]
fn containers_are_pickled_as_in_python_without_the_memo() {
    assert_eq!(bytes(Value::list::<i64>([])), b"\x80\x02].");
    assert_eq!(bytes(vec![1, 2]), b"\x80\x02](K\x01K\x02e.");
    assert_eq!(bytes(Value::tuple::<i64>([])), b"\x80\x02).");
    assert_eq!(bytes(Value::tuple([1])), b"\x80\x02K\x01\x85.");
    assert_eq!(bytes(Value::tuple([1, 2])), b"\x80\x02K\x01K\x02\x86.");
    assert_eq!(bytes(Value::tuple([1, 2, 3])), b"\x80\x02K\x01K\x02K\x03\x87.");
    assert_eq!(bytes(Value::tuple([1, 2, 3, 4])), b"\x80\x02(K\x01K\x02K\x03K\x04t.");
    assert_eq!(bytes(Dict::new()), b"\x80\x02}.");
    assert_eq!(bytes(Value::dict([(0, "a")])), b"\x80\x02}(K\x00X\x01\x00\x00\x00au.");
}

#[test]
fn an_ordered_dict_is_pickled_with_its_metadata() {
    let state = Value::state_dict::<&str>([]);
    assert_eq!(
        bytes(state),
        b"\x80\x02ccollections\nOrderedDict\n)R}(X\x09\x00\x00\x00_metadataccollections\nOrderedDict\n)R(\
          X\x00\x00\x00\x00}(X\x07\x00\x00\x00versionK\x01uuub."
    );
}

#[test]
fn a_tensor_is_pickled_as_a_call_with_a_storage() {
    let value = Value::from(Tensor::from_slice(&[1f32, 2.0], &[2, 1]).unwrap());
    let pickled = pickle(&value).unwrap();
    assert_eq!(
        pickled.pickle,
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n\
          X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x02tQK\x00K\x02K\x01\x86K\x01K\x01\x86\x89\
          ccollections\nOrderedDict\n)RtR."
    );
    assert_eq!(pickled.storages[0].bytes(), [0, 0, 0x80, 0x3f, 0, 0, 0, 0x40]);
}

#[test]
fn a_shared_storage_is_written_once_and_has_one_dtype() {
    let one = Tensor::from_slice(&[1u8, 2], &[2]).unwrap();
    let value = Value::list([one.clone(), one.clone(), Tensor::scalar(0u8)]);
    assert_eq!(pickle(&value).unwrap().storages.len(), 2);

    let view = crate::StridedView::contiguous(DType::I8, &[1]).unwrap();
    let other = Tensor::new(view, one.storage().clone()).unwrap();
    let value = Value::dict([("a", vec![one].into()), ("b", Value::from(other))]);
    let error = pickle(&value).err().unwrap();
    assert_eq!(error.to_string(), r#"at ["b"]: views a storage as int8, but ["a"][0] views it as uint8"#);
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(Value::None, |inner, _| Value::list([inner]))
}

#[test]
fn too_deep_nesting_is_an_error_with_the_path() {
    assert!(pickle(&nested(MAX_DEPTH)).is_ok());
    let error = pickle(&nested(MAX_DEPTH + 1)).err().unwrap().to_string();
    assert!(error.starts_with("at [0][0]") && error.ends_with("[0]: nested deeper than 128 levels"), "{error}");
    assert!(pickle(&nested(5_000)).is_err());
}
