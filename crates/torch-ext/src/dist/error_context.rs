//! Adds the rank, the timeout and the peer to the error messages of a group.

use std::net::IpAddr;
use std::time::Duration;

use tch::Tensor;

use crate::error::Error;

/// What error messages say about the process and its peers.
#[derive(Debug, Clone, Default)]
pub(super) struct ErrorContext {
    pub(super) rank: usize,
    pub(super) world: usize,
    pub(super) timeout: Duration,
    /// The address of each rank; empty until the group has exchanged them.
    pub(super) addresses: Vec<IpAddr>,
}

impl ErrorContext {
    /// The error of an operation, with the rank and, if the message tells its address, the peer.
    pub(super) fn error(&self, operation: &str, error: &Error) -> Error {
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
        let in_message = self.addresses.iter().copied().find(|address| text.contains(&format!("[{address}]")));
        let peers = match &others(in_message)[..] {
            [peer] => format!("; the peer is rank {peer}"),
            peers if !peers.is_empty() && !text.contains("did not report") => {
                let peers: Vec<_> = peers.iter().map(usize::to_string).collect();
                format!("; the peer is one of ranks {}", peers.join(", "))
            }
            _ => String::new(),
        };
        Error::Dist(format!("rank {} of {}: {operation}: {text}{timeout}{peers}", self.rank, self.world))
    }
}

/// gloo's message without its source line, `[../gloo/transport/tcp/pair.cc:537] `.
fn without_source_line(text: &str) -> &str {
    let source = text.strip_prefix('[').and_then(|text| text.split_once("] "));
    source.filter(|(source, _)| source.contains(".cc:")).map_or(text, |(_, rest)| rest)
}

/// A tensor's shape and kind, for messages.
pub(super) fn describe(tensor: &Tensor) -> String {
    if tensor.defined() { format!(" of {:?} {:?}", tensor.size(), tensor.kind()) } else { String::new() }
}
