//! Small files that would expand to huge values, and values that contain themselves.

use super::cases::Case;
use crate::craft::{archive, floats, made_by, patched, storage, string};

/// The operations `before`, a mark, the items, and the operation `after`, which removes the mark.
fn marked(before: &[u8], items: &[u8], times: usize, after: &[u8]) -> Vec<u8> {
    made_by(&[before, b"(", &items.repeat(times), after].concat())
}

/// The "billion laughs" attack: 30 nested lists, each with ten references to the one before.
fn billion_laughs(first: &[u8]) -> Vec<u8> {
    let mut operations = [first, b"q\x00"].concat();
    for level in 0..30u8 {
        operations.extend_from_slice(&[b"](", &[b'h', level].repeat(10)[..], &[b'e', b'q', level + 1]].concat());
    }
    made_by(&[b"(", &operations[..], b"t"].concat())
}

/// An archive whose directory has 40,000 entries for one record.
fn repeated_directory_entries() -> Vec<u8> {
    let one = archive(&[("a0000", b"")]);
    let at = one.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let (entry, end) = one[at..].split_at(one.len() - 22 - at);
    let entries = (0..40_000).flat_map(|index| patched(entry, b"a0000", format!("{index:05}").as_bytes()));
    let (count, size) = (40_000u16.to_le_bytes(), (40_000 * entry.len() as u32).to_le_bytes());
    [&one[..at], &entries.collect::<Vec<u8>>(), &end[..8], &count, &count, &size, &end[16..]].concat()
}

/// A TorchScript archive whose code declares many parameters of a class.
fn many_parameters() -> Vec<u8> {
    let names: String = (0..300_000).map(|name| format!("\"{name}\", ")).collect();
    let code = format!("class A(Module):\n  __parameters__ = [{names}]\n  __buffers__ = []\n");
    archive(&[
        ("a/data.pkl", b"\x80\x02c__torch__\nA\n)\x81}b."),
        ("a/code/__torch__.py", code.as_bytes()),
        ("a/version", b"3\n"),
    ])
}

/// Very many values of one or a few bytes.
pub fn many_values() -> Vec<Case> {
    let ordered = b"ccollections\nOrderedDict\nq\x00";
    vec![
        ("None 2,000,000 times", marked(b"", b"N", 2_000_000, b"t"), "values of more than"),
        ("None 2,000,000 times in a list", marked(b"]", b"N", 2_000_000, b"e"), "values of more than"),
        ("2,000,000 marks", made_by(&b"(".repeat(2_000_000)), "operand of STOP is"),
        ("1,000,000 lists", marked(b"]", b"]", 1_000_000, b"e"), "values of more than"),
        ("700,000 lists of one item", marked(b"]", b"]Na", 700_000, b"e"), "values of more than"),
        (
            "1,000,000 nested lists",
            made_by(&[b"](".repeat(1_000_000), b"e".repeat(999_999)].concat()),
            "values of more than",
        ),
        ("2,000,000 dicts", marked(b"", b"}", 2_000_000, b"t"), "values of more than"),
        ("500,000 dicts of one entry", marked(b"", b"}K\x00Ns", 500_000, b"t"), "values of more than"),
        ("a dict of 600,000 entries", marked(b"}", b"K\x00N", 600_000, b"u"), "values of more than"),
        ("500,000 ordered dicts", marked(ordered, b"h\x00)R", 500_000, b"t"), "values of more than"),
        (
            "300,000 ordered dicts with metadata",
            marked(&[&ordered[..], b"}q\x01"].concat(), b"h\x00)Rh\x01b", 300_000, b"t"),
            "values of more than",
        ),
        ("1,900,000 empty tuples", marked(b"", b")", 1_900_000, b"t"), "values of more than"),
        (
            "2,000,000 nested tuples",
            made_by(&[b"N", &b"\x85".repeat(2_000_000)[..]].concat()),
            "nested deeper than 128",
        ),
        (
            "a class with 300,000 parameters",
            many_parameters(),
            r#""code/__torch__.py": unexpected content "more names"#,
        ),
        ("40,000 records at one position", repeated_directory_entries(), "overlaps another"),
    ]
}

/// Values that are used many times, or contain themselves.
pub fn repeated_values() -> Vec<Case> {
    let terabytes = b"K\x00J\x00\x00\x10\x00J\x00\x00\x10\x00\x86K\x00K\x00\x86";
    let float = storage("FloatStorage", "0", 3);
    let long = string(&"ha".repeat(50_000));
    let dims = [b"K\x00(", &b"K\x01".repeat(64)[..], b"tq\x01h\x01"].concat();
    let rebuild = b"ctorch._utils\n_rebuild_tensor_v2\nq\x00";
    let arguments = |geometry: &[u8], memo| [&rebuild[..], b"(", &float, geometry, b"\x89Nt", memo].concat();
    vec![
        (
            "a tensor expanded to terabytes",
            made_by(&[b"]", &floats(terabytes)[..], b"a"].concat()),
            "at [0]: tensors of more than 33",
        ),
        ("a billion laughs", billion_laughs(b"]"), "values of more than 12"),
        ("a billion laughs with a long string", billion_laughs(&long), "values of more than 13"),
        (
            "a long string 100,000 times",
            marked(&[&string(&"ha".repeat(500))[..], b"q\x00"].concat(), b"h\x00", 100_000, b"t"),
            "at [",
        ),
        (
            "500,000 references to a storage",
            marked(&[&float[..float.len() - 1], b"q\x00"].concat(), b"h\x00Q", 500_000, b"t"),
            "values of more than",
        ),
        (
            "400,000 tensors",
            marked(&arguments(b"K\x00))", b"q\x01"), b"h\x00h\x01R", 400_000, b"t"),
            "values of more than",
        ),
        (
            "100,000 tensors of 64 dimensions",
            marked(&arguments(&dims, b"q\x02"), b"h\x00h\x02R", 100_000, b"t"),
            "values of more than",
        ),
        ("200,000 objects", marked(b"ca\nb\nq\x00", b"h\x00)\x81", 200_000, b"t"), "values of more than"),
        (
            "one object 100,000 times",
            marked(b"ca\nb\n)\x81}X\x01\0\0\0xX\x01\0\0\0ysbq\x00", b"h\x00", 100_000, b"t"),
            "values of more than",
        ),
        (
            "objects with objects as their state, which double",
            made_by(&[&b"ca\nb\nq\x00)\x81q\x01"[..], &b"h\x00h\x01h\x01\x86\x81q\x01".repeat(40)].concat()),
            "values of more than",
        ),
        (
            "a text that becomes bytes 10,000 times",
            marked(
                &[b"c_codecs\nencode\n", &string(&"a".repeat(10_000))[..], &string("latin1"), b"\x86Rq\x00"].concat(),
                b"h\x00",
                10_000,
                b"t",
            ),
            "values of more than",
        ),
        (
            "a memo with a gap of 4,000,000",
            made_by(&[&b"NN0".repeat(1_500_000)[..], b"r\x00\x00\x40\x00"].concat()),
            "values of",
        ),
        (
            "100,000 nested objects",
            made_by(
                &[b"ca\nb\nq\x00", &b"h\x00".repeat(100_000)[..], b")", &b"\x81\x85".repeat(99_999), b"\x81"].concat(),
            ),
            "nested deeper than 128",
        ),
        (
            "100,000 nested lists in a dict",
            made_by(&[b"}X\x01\x00\x00\x00k", &b"]".repeat(100_000)[..], &b"a".repeat(99_999), b"s"].concat()),
            r#"at ["k"][0]"#,
        ),
    ]
}
