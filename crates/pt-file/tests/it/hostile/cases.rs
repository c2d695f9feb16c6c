//! The other malicious and broken files.

use crate::craft::{archive, checkpoint, deflated, floats, made_by, patched, storage, string, tensor};
use crate::samples::{counting, saved};

/// A description, the bytes of the file, and a part of the expected message.
pub type Case = (&'static str, Vec<u8>, &'static str);

/// A dict with one entry.
fn below(key: &str, operations: &[u8]) -> Vec<u8> {
    made_by(&[b"}", &string(key)[..], operations, b"s"].concat())
}

/// Calls with wrong arguments, and objects in a wrong place.
pub fn programs() -> Vec<Case> {
    vec![
        ("attributes of a list", made_by(b"]}b"), "attributes of list"),
        ("attributes of a dict", made_by(b"}}b"), "attributes of dict"),
        ("attributes set twice", made_by(b"ca\nb\n)R}b}b"), "attributes of an object"),
        ("attributes of a storage", made_by(&[&storage("FloatStorage", "0", 3)[..], b"}b"].concat()), "of a storage"),
        ("wrong arguments", made_by(b"ctorch._utils\n_rebuild_tensor_v2\n)R"), "at the top level: wrong arguments"),
        (
            "wrong arguments below a key",
            made_by(b"}X\x01\x00\x00\x00actorch._utils\n_rebuild_qtensor\n)Rs"),
            r#"at ["a"]: wrong arguments"#,
        ),
        (
            "metadata of another type",
            made_by(&tensor(&storage("FloatStorage", "0", 3), b"K\x00))", b"K\x01")),
            "a tensor has unknown metadata",
        ),
        (
            "the conjugate of a float",
            below("e", &tensor(&storage("FloatStorage", "0", 3), b"K\x00))", b"}X\x04\0\0\0conj\x88s")),
            "offset, shape or strides",
        ),
        ("a buffer outside the pickle", made_by(b"N\x97"), "at the top level: operation 0x97"),
        ("a read-only buffer", below("x", b"]\x98"), r#"at ["x"]: operation 0x98"#),
        ("a registered extension", made_by(b"\x82\x01"), "at the top level: operation 0x82"),
        ("an extension below a key", below("y", b"\x84\x01\0\0\0"), r#"at ["y"]: operation 0x84"#),
    ]
}

/// Pickles with wrong operations.
pub fn pickles() -> Vec<Case> {
    vec![
        ("an empty pickle", checkpoint(b""), "byte 0: it ends in the middle"),
        ("no STOP", checkpoint(b"\x80\x02}"), "byte 3: it ends in the middle"),
        ("nothing before STOP", checkpoint(b"\x80\x02."), "operand of STOP is"),
        ("truncated in a number", checkpoint(b"\x80\x02J\x01\x02"), "byte 2: it ends"),
        ("a string of 4 GiB", made_by(b"NNX\xff\xff\xff\xffabc"), "byte 4: it ends"),
        ("a name without an end", made_by(&[b"NNNc", &[b'a'; 300][..]].concat()), "byte 5: it ends"),
        ("protocol 6", checkpoint(b"\x80\x06."), "pickle protocol 6"),
        ("a frame without its length", checkpoint(b"\x80\x04NNNN\x95\x01\x00"), "byte 6: it ends in the middle"),
        ("a memo that was not set", made_by(b"h\x07"), "at the top level: memo 7 is used"),
        ("the same below keys", below("a", b"](K\x01}X\x01\0\0\0bh\x07se"), r#"at ["a"][1]["b"]: memo 7 is used"#),
        ("the same in a key", below("a", b"}h\x07Ns"), r#"at ["a"].entries[0]: memo 7 is used"#),
        ("the same as a function", below("a", b"h\x07)R"), r#"at ["a"].args[0]: memo 7 is used"#),
        ("the same outside the value", made_by(b"h\x070N"), "pickle, byte 2: memo 7 is used"),
        ("attributes of a dict below keys", below("a", b"](}}be"), r#"at ["a"][0]: attributes of dict"#),
        (
            "a memo out of order",
            made_by(b"Nr\xff\xff\xff\xff"),
            "memo 4294967295 is set at byte 8: the index is too large",
        ),
        ("TUPLE2 of one", made_by(b"N\x86"), "operand of TUPLE is"),
        ("APPENDS without MARK", made_by(b"]e"), "operand of APPENDS is missing or wrong"),
        ("APPEND to a dict", made_by(b"}Na"), "at the top level: an operand of APPEND is missing or wrong"),
        ("SETITEM to a list", made_by(b"]K\x00Ns"), "operand of SETITEM is"),
        ("an odd number of items", made_by(b"N}(K\x01u"), "at the top level: an operand of SETITEMS is"),
        ("an operand below a mark", made_by(b"N(\x85"), "byte 4: an operand of TUPLE is"),
        ("not UTF-8", made_by(b"X\x02\x00\x00\x00\xc3\x28"), "at the top level: a string is not valid Unicode"),
        (
            "a surrogate below a key",
            below("a", b"X\x03\x00\x00\x00\xed\xa0\x80"),
            r#"at ["a"]: a string is not valid Unicode; save it as bytes"#,
        ),
        (
            "a surrogate in a key",
            below("a", b"}X\x03\x00\x00\x00\xed\xa0\x80Ns"),
            r#"at ["a"].entries[0]: a string is not valid Unicode; save it as bytes"#,
        ),
        ("an int without digits", made_by(b"NIx\n"), "at the top level: an operand of LONG is"),
        ("a float without digits", made_by(b"NFx\n"), "operand of FLOAT is"),
        ("a string without quotes", made_by(b"Sx\n"), "operand of STRING is"),
        ("a name that is no string", made_by(b"NN\x93"), "operand of STACK_GLOBAL is"),
        ("keywords of no arguments", made_by(b"NNN\x92"), "operand of NEWOBJ_EX is"),
        ("OBJ without a class", made_by(b"(o"), "operand of OBJ is"),
        ("an odd dict", made_by(b"(Nd"), "operand of DICT is"),
    ]
}

/// Pickles with wrong storages and tensors.
pub fn tensors() -> Vec<Case> {
    let float = |name, elements| storage("FloatStorage", name, elements);
    let scalar = |storage: Vec<u8>| made_by(&tensor(&storage, b"K\x00))", b""));
    let two_dtypes = [b"(", &float("0", 3)[..], &storage("IntStorage", "0", 3), b"t"].concat();
    let shape_of_65 = [b"K\x00(", &b"K\x01".repeat(65)[..], b"t)"].concat();
    let negative = b"K\x00K\x02K\x03\x86J\xff\xff\xff\xffK\x01\x86";
    let beyond = b"K\x00K\x02\x85\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85";
    vec![
        ("no storage reference", made_by(b"K\x07Q"), "not a storage"),
        ("a record in another folder", scalar(float("../../etc/passwd", 3)), r#"called "../../etc/passwd""#),
        ("no record", scalar(float("2", 3)), "record data/2 is missing"),
        ("a record that is too short", scalar(float("1", 3)), "record data/1 has 8 bytes, but its elements take 12"),
        ("a record that is too long", scalar(float("0", 2)), "record data/0 has 12 bytes, but its elements take 8"),
        ("two dtypes", made_by(&two_dtypes), "record data/0 is used with two dtypes"),
        ("offset beyond the end", made_by(&floats(b"K\x03K\x01\x85K\x01\x85")), "needs a storage of 4 elements, not 3"),
        ("stride beyond the end", made_by(&floats(b"K\x00K\x02\x85K\x03\x85")), "strides [3] and offset 0 needs"),
        ("a negative stride", made_by(&floats(negative)), "are negative"),
        ("a stride beyond 63 bits", below("a", &floats(beyond)), "or too large"),
        ("two dimensions, one stride", below("b", &floats(b"K\x00K\x01K\x01\x86K\x01\x85")), "different"),
        ("65 dimensions", below("c", &floats(&shape_of_65)), "more than 64"),
        ("a string as shape", below("d", &floats(b"K\x00X\0\0\0\0)")), "shape"),
    ]
}

/// Files of other formats.
pub fn formats() -> Vec<Case> {
    let legacy = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xea\x03.";
    vec![
        ("empty", vec![], "an empty file"),
        ("text", b"hello".to_vec(), "of another format"),
        ("another version before 1.6", legacy.to_vec(), "an unknown version of PyTorch's format before 1.6"),
        ("an operation that does not exist", b"\x80\x02NN\xff".to_vec(), "byte 4: operation 0xff"),
        ("text like a pickle", b"(hello".to_vec(), "not a PyTorch checkpoint but a file of another format"),
        ("gzip", b"\x1f\x8b\x08".to_vec(), "gzip"),
        ("HDF5", b"\x89HDF\r\n\x1a\n".to_vec(), "HDF5"),
        ("safetensors", b"\x08\0\0\0\0\0\0\0{\"w\":{}}".to_vec(), "unexpected content"),
        ("truncated safetensors", b"\x10\0\0\0\0\0\0\0{\"w\":{}}".to_vec(), "truncated safetensors"),
        ("an array", b"\x93NUMPY".to_vec(), "a NumPy array"),
        ("GGUF", b"GGUF".to_vec(), "a GGUF file"),
        ("Git LFS", b"version https://git-lfs.github.com/spec/v1\n".to_vec(), "git lfs pull"),
    ]
}

/// Broken zip archives.
pub fn archives() -> Vec<Case> {
    let good = saved(&counting(0, &[3]).into());
    let end = good.len() - 22;
    let set = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let find = |what: &[u8]| good.windows(what.len()).position(|window| window == what).unwrap();
    let entry = find(b"PK\x01\x02");
    let entry_of_data = entry + good[entry..].windows(14).position(|name| name == b"archive/data/0").unwrap() - 46;
    let pickle: (&str, &[u8]) = ("a/data.pkl", b"\x80\x02N.");
    let version: (&str, &[u8]) = ("a/version", b"3\n");
    let data = find(&1f32.to_le_bytes());
    let duplicate = patched(&archive(&[pickle, version, ("a/versiom", b"4\n")]), b"a/versiom", b"a/version");
    let zeros = vec![0; 64 << 20];
    let mut damaged_deflate = deflated(&[pickle, version]);
    damaged_deflate[30 + "a/data.pkl".len()] ^= 0xff;
    let zip64 = [&good[..end], &b"PK\x06\x06"[..], &[0xff; 52], b"PK\x06\x07", &[0xff; 16], &good[end..]].concat();
    vec![
        ("truncated", good[..end].to_vec(), "the end is missing: the file was truncated"),
        (
            "a directory at another position",
            set(end + 16, &[0, 0, 0, 0]),
            "the directory is not at the position in the end record",
        ),
        ("a record count that is too low", set(end + 8, &[5, 0, 5, 0]), "number of records"),
        ("an invalid zip64 end record", zip64, "invalid zip64 end record"),
        ("no zip64 end record", set(end + 16, &[0xff; 4]), "the zip64 end record is missing"),
        ("a broken directory entry", set(entry, b"PX"), "directory entry"),
        ("compressed", set(entry + 10, &[12, 0]), r#""archive/data.pkl": compressed with zip method 12"#),
        (
            "two methods",
            set(entry_of_data + 10, &[8, 0]),
            r#""archive/data/0": broken archive: its two headers differ"#,
        ),
        ("a deflate bomb", deflated(&[("a/data.pkl", &zeros), version]), "but at most"),
        ("damaged deflate", damaged_deflate, "the compressed data is damaged"),
        ("encrypted", set(entry + 8, &[1, 0]), "zip flags 0x0001"),
        ("a record with two sizes", set(entry + 20, &[1, 0, 0, 0]), "an uncompressed record has two sizes"),
        (
            "overlapping records",
            set(entry_of_data + 20, &[0, 1, 0, 0, 0, 1, 0, 0]),
            r#""archive/data/0": the record overlaps"#,
        ),
        ("a different name in the local header", set(30, b"archive/data.pxl"), "its two headers differ"),
        (
            "a broken local header",
            set(find(b"archive/version") - 30, b"PX"),
            r#""archive/version": broken archive: invalid local header"#,
        ),
        ("damaged data", set(data, &[1]), r#""archive/data/0": the checksum is wrong"#),
        ("damaged pickle", set(64, &[0x81]), r#""archive/data.pkl": the checksum is wrong"#),
        ("duplicate", duplicate, r#""a/version": there are two records"#),
        ("no pickle", archive(&[version]), r#""data.pkl": there is no such record"#),
        ("two pickles", archive(&[pickle, ("b/data.pkl", b""), version]), r#""data.pkl": there are two"#),
        ("no version", archive(&[pickle]), r#""a/version": there is no such record"#),
        ("a version that is not a number", archive(&[pickle, ("a/version", b"x")]), r#"unexpected content "x""#),
        ("a future version", archive(&[pickle, ("a/version", b"11")]), r#"unexpected content "11""#),
        ("a long version", archive(&[pickle, ("a/version", &[b'3'; 65])]), "65 bytes, but at most 64"),
        ("another byte order", archive(&[pickle, version, ("a/byteorder", b"mid")]), r#"unexpected content "mid""#),
        ("NumPy", archive(&[("w.npy", b"")]), "an .npz archive"),
        ("torch.export", archive(&[("a/archive_format", b"pt2")]), "a .pt2 archive"),
        ("torch.package", archive(&[("a/.data/extern_modules", b"")]), "a torch.package archive"),
    ]
}
