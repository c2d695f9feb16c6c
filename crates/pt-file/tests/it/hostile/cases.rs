//! The other malicious and broken files.

use crate::craft::{archive, checkpoint, floats, made_by, patched, storage, tensor};
use crate::samples::{counting, saved};

/// A description, the bytes of the file, and a part of the expected message.
pub type Case = (&'static str, Vec<u8>, &'static str);

/// Pickles that name or call functions, or make objects that are not values.
pub fn programs() -> Vec<Case> {
    vec![
        ("system", made_by(b"cposix\nsystem\nX\x02\x00\x00\x00ls\x85R"), "refused to look up posix.system"),
        ("eval", made_by(b"cbuiltins\neval\nX\x01\x00\x00\x001\x85R"), "refused to look up builtins.eval"),
        ("control characters", made_by(b"ca\x1b[2J\nb\n"), r"refused to look up a\u{1b}[2J.b"),
        ("a module", made_by(b"ctorch.nn.modules.linear\nLinear\n)"), "save its state_dict()"),
        ("numpy", made_by(b"cnumpy.core.multiarray\nscalar\n)R"), "save x.item()"),
        ("float8", made_by(b"ctorch._utils\n_rebuild_tensor_v3\n)R"), "not one of the ten"),
        ("complex", made_by(&storage("ComplexFloatStorage", "0", 1)), "view_as_real"),
        ("sparse", made_by(b"ctorch._utils\n_rebuild_sparse_tensor\n)R"), "to_dense"),
        ("call of a list", made_by(b"])R"), "refused to call list"),
        ("OrderedDict of something", made_by(b"ccollections\nOrderedDict\n]\x85R"), "call collections.OrderedDict"),
        ("Size of something", made_by(b"ctorch\nSize\n]\x85R"), "call torch.Size"),
        ("attributes of a list", made_by(b"]}b"), r#"set attributes: "list""#),
        ("attributes of a dict", made_by(b"}}b"), r#"set attributes: "dict""#),
        (
            "another attribute",
            made_by(b"ccollections\nOrderedDict\n)R}X\x01\x00\x00\x00xK\x01sb"),
            r#"attributes: "x""#,
        ),
        ("attributes from a list", made_by(b"ccollections\nOrderedDict\n)R]b"), "not a dict of attributes"),
        ("a function as a value", made_by(b"}X\x01\x00\x00\x00fctorch\nSize\ns"), r#"at ["f"]: torch.Size"#),
        ("a storage as a value", made_by(&storage("FloatStorage", "0", 3)), "at the top level: a storage"),
        (
            "metadata of another type",
            made_by(b"ccollections\nOrderedDict\n)R}X\x09\x00\x00\x00_metadataK\x01sb"),
            "_metadata: int",
        ),
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
        ("protocol 4", checkpoint(b"\x80\x04\x95\x01\x00"), "pickle protocol 4"),
        ("MEMOIZE", made_by(b"N\x94"), "operation 0x94"),
        ("INST", made_by(b"(iposix\nsystem\n"), "operation 0x69"),
        ("a memo that was not set", made_by(b"h\x07"), "memo 7 is used"),
        ("a memo out of order", made_by(b"Nr\xff\xff\xff\xff"), "memo 4294967295 is set, but 0 is next"),
        ("TUPLE2 of one", made_by(b"N\x86"), "operand of TUPLE is"),
        ("APPENDS without MARK", made_by(b"]e"), "operand of APPENDS is missing or wrong"),
        ("APPEND to a dict", made_by(b"}Na"), "byte 4: an operand of APPENDS is missing or wrong"),
        ("SETITEM to a list", made_by(b"]K\x00Ns"), "operand of SETITEMS is"),
        ("an odd number of items", made_by(b"N}(K\x01u"), "byte 7: an operand of SETITEMS is"),
        ("an operand below a mark", made_by(b"N(\x85"), "byte 4: an operand of TUPLE is"),
        ("a float as a key", made_by(b"}G\x00\x00\x00\x00\x00\x00\x00\x00Ns"), "a dict key is of type float"),
        ("a tuple as a key", made_by(b"})Ns"), "a dict key is of type tuple"),
        ("an int of 72 bits", made_by(b"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01"), "beyond 64 bits"),
        ("2 to the 63", made_by(b"N\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00"), "byte 3: an int is beyond"),
        ("not UTF-8", made_by(b"X\x02\x00\x00\x00\xc3\x28"), "not UTF-8"),
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
        ("a stride beyond 63 bits", made_by(&[b"N", &floats(beyond)[..]].concat()), "or too large"),
        (
            "two dimensions, one stride",
            made_by(&[b"NN", &floats(b"K\x00K\x01K\x01\x86K\x01\x85")[..]].concat()),
            "different",
        ),
        ("65 dimensions", made_by(&[b"NNN", &floats(&shape_of_65)[..]].concat()), "more than 64"),
        ("a list as shape", made_by(&[b"NNNN", &floats(b"K\x00])")[..]].concat()), "shape"),
        ("conjugated", made_by(&tensor(&float("0", 3), b"K\x00))", b"}")), "the conjugate or negative bit"),
        (
            "a tensor without arguments",
            made_by(b"ctorch._utils\n_rebuild_tensor_v2\n)R"),
            "call torch._utils._rebuild_tensor_v2",
        ),
        (
            "a parameter of a list",
            made_by(b"ctorch._utils\n_rebuild_parameter\n]\x88]\x87R"),
            "torch._utils._rebuild_parameter",
        ),
    ]
}

/// Files of other formats.
pub fn formats() -> Vec<Case> {
    let legacy = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.";
    vec![
        ("empty", vec![], "an empty file"),
        ("text", b"hello".to_vec(), "not a zip archive"),
        ("PyTorch before 1.6", legacy.to_vec(), "torch.save(torch.load("),
        ("a pickle", b"\x80\x02}.".to_vec(), "a bare pickle"),
        ("gzip", b"\x1f\x8b\x08".to_vec(), "gzip"),
        ("HDF5", b"\x89HDF\r\n\x1a\n".to_vec(), "HDF5"),
        ("safetensors", b"\x10\0\0\0\0\0\0\0{\"w\":{}}".to_vec(), "safetensors"),
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
    let mut code = archive(&[pickle, version, ("a/code/m.py", b"")]);
    let entry_of_code = code.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    code[entry_of_code + 10] = 8;
    let zip64 = [&good[..end], &b"PK\x06\x06"[..], &[0xff; 52], b"PK\x06\x07", &[0xff; 16], &good[end..]].concat();
    vec![
        ("truncated", good[..good.len() - 1].to_vec(), "the end of the archive is missing"),
        (
            "a directory at another position",
            set(end + 16, &[0, 0, 0, 0]),
            "the directory is not at the position in the end record",
        ),
        ("a record count that is too low", set(end + 8, &[5, 0, 5, 0]), "number of records"),
        ("an invalid zip64 end record", zip64, "invalid zip64 end record"),
        ("no zip64 end record", set(end + 16, &[0xff; 4]), "the zip64 end record is missing"),
        ("a broken directory entry", set(entry, b"PX"), "directory entry"),
        ("compressed", set(entry + 10, &[8, 0]), r#""archive/data.pkl": compressed (zip method 8)"#),
        ("compressed code", code, r#""a/code/m.py": a TorchScript archive"#),
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
        ("big-endian", archive(&[pickle, version, ("a/byteorder", b"big")]), r#"unexpected content "big""#),
        ("TorchScript", archive(&[pickle, version, ("a/constants.pkl", b"")]), "a TorchScript archive"),
    ]
}
