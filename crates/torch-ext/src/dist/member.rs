//! Who is who: what the errors of a group name.

use std::net::IpAddr;
use std::time::Duration;

use tch::Tensor;

use crate::error::Error;

/// Who a process is in its group, and where the others are: what errors name.
#[derive(Debug, Clone, Default)]
pub(super) struct Member {
    pub(super) rank: usize,
    pub(super) world: usize,
    pub(super) timeout: Duration,
    /// By rank; empty until they have told each other.
    pub(super) addresses: Vec<IpAddr>,
}

impl Member {
    /// What went wrong, with all that is known of who and where.
    pub(super) fn error(&self, what: &str, error: &Error) -> Error {
        let text = error.to_string();
        let text = without_source_line(&text);
        let timeout = if text.to_lowercase().contains("timed out") || text.contains("timeout") {
            format!(" (the timeout is {:?})", self.timeout)
        } else {
            String::new()
        };
        let others = |at: Option<IpAddr>| {
            let there = |&rank: &usize| rank != self.rank && at.is_none_or(|at| self.addresses.get(rank) == Some(&at));
            (0..self.world).filter(there).collect::<Vec<_>>()
        };
        let named = self.addresses.iter().copied().find(|address| text.contains(&format!("[{address}]")));
        let peers = match &others(named)[..] {
            [peer] => format!("; the peer is rank {peer}"),
            peers if !peers.is_empty() && !text.contains("nothing was heard") => {
                let peers: Vec<_> = peers.iter().map(usize::to_string).collect();
                format!("; the peer is one of ranks {}", peers.join(", "))
            }
            _ => String::new(),
        };
        Error::Dist(format!("rank {} of {}: {what}: {text}{timeout}{peers}", self.rank, self.world))
    }
}

/// gloo's message without the place in its source, `[../gloo/transport/tcp/pair.cc:537] `.
fn without_source_line(text: &str) -> &str {
    let place = text.strip_prefix('[').and_then(|text| text.split_once("] "));
    place.filter(|(place, _)| place.contains(".cc:")).map_or(text, |(_, rest)| rest)
}

/// A tensor's shape and kind, for messages.
pub(super) fn describe(tensor: &Tensor) -> String {
    if tensor.defined() { format!(" of {:?} {:?}", tensor.size(), tensor.kind()) } else { String::new() }
}
