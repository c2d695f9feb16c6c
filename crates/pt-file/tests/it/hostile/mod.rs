//! Files that are broken or mean harm: each is refused within 100 ms and 50 MB, with a message of its own.

mod bombs;
mod cases;
#[cfg(all(target_os = "linux", not(feature = "tch")))] // the kernel's count is taken, in which libtorch would be most
mod memory;

use std::collections::HashSet;
use std::io::Cursor;
use std::time::{Duration, Instant};

use crate::craft::{floats, made_by};
use cases::Case;

/// On the machine of the README the slowest takes 80 ms; another machine may be slower, or busy.
const TIME: Duration = Duration::from_millis(4 * 100);

fn cases() -> Vec<Case> {
    use bombs::{masses, repetitions};
    use cases::{archives, formats, pickles, programs, tensors};
    let groups = [archives(), formats(), masses(), pickles(), programs(), repetitions(), tensors()];
    groups.into_iter().flatten().collect()
}

#[test]
fn each_is_refused_at_once_with_a_message_of_its_own() {
    let (cases, mut messages) = (cases(), HashSet::new());
    for (name, file, part) in &cases {
        // Where there is only the clock the machine may be busy with something else, but hardly ten times.
        let attempt = (0..10).map(|_| refusal(name, file)).find(|(_, took)| *took < TIME);
        let (message, _) = attempt.unwrap_or_else(|| unreachable!("{name} takes more than {TIME:?}"));
        assert!(message.contains(part), "{name}: {message}");
        assert!(message.len() < 1000, "{name}: {} bytes of message", message.len());
        assert!(messages.insert(message.clone()), "{name}: not a message of its own: {message}");
    }
    assert!(cases.len() > 100);
}

fn refusal(name: &str, file: &[u8]) -> (String, Duration) {
    let (start, busy) = (Instant::now(), time_on_processor());
    let result = pt_file::load(Cursor::new(file));
    let error = result.err().unwrap_or_else(|| unreachable!("{name} was accepted"));
    let took = time_on_processor().zip(busy).map_or_else(|| start.elapsed(), |(now, then)| now - then);
    (error.to_string(), took)
}

/// How long this thread has been running, without the time in which others were, if the system says.
fn time_on_processor() -> Option<Duration> {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    statistics.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

#[test]
fn what_is_crafted_well_is_accepted() {
    let load = |file: &[u8]| pt_file::load(Cursor::new(file)).unwrap();
    let views = load(&made_by(&[b"(", &floats(b"K\x01K\x02\x85K\x01\x85")[..], &floats(b"K\x02))"), b"t"].concat()));
    let shapes: Vec<_> = views.as_slice().unwrap().iter().map(|view| view.as_tensor().unwrap().shape()).collect();
    assert_eq!(shapes, [&[2][..], &[]]);
    // A memo, a torch.Size, a Counter, _metadata, and a list that is used twice but does not contain itself.
    let shared =
        load(&made_by(b"(]q\x00K\x01ah\x00ctorch\nSize\nK\x02\x85\x85Rccollections\nCounter\n}K\x05K\x06s\x85Rt"));
    let shared = shared.as_slice().unwrap();
    assert_eq!(shared[0], shared[1]);
    assert_eq!((shared[2].type_name(), shared[3].type_name()), ("tuple", "dict"));
}
