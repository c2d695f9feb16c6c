//! Which of this machine's addresses the others are to use.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant};

use super::Launch;
use crate::error::{Error, Result};

/// The address of the interface that leads to `MASTER_ADDR`; the loopback one where all processes are on this machine.
pub(super) fn own(launch: &Launch) -> Result<IpAddr> {
    if launch.is_single_node() {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    let masters = masters(launch)?;
    let from = |master: &SocketAddr| -> std::io::Result<IpAddr> {
        let any = if master.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any)?;
        socket.connect(master)?; // sends nothing: the system chooses the route
        Ok(socket.local_addr()?.ip())
    };
    masters.iter().find_map(|master| from(master).ok()).ok_or_else(|| {
        error(launch, "there is no route to it; see whether the network is up (ip route get MASTER_ADDR)")
    })
}

/// The socket at which the store listens: at `MASTER_ADDR` alone, not on every interface.
pub(super) fn listen(launch: &Launch) -> Result<TcpListener> {
    TcpListener::bind(&masters(launch)?[..]).map_err(|reason| {
        let advice =
            "rank 0 holds the store there: MASTER_ADDR must be an address of its machine, and MASTER_PORT free";
        error(launch, &format!("{reason}; {advice}"))
    })
}

/// Waits until the store takes connections; what is then left of `timeout`.
///
/// The store's own client would do so too, for up to twice its timeout.
pub(super) fn wait_for_store(launch: &Launch, timeout: Duration) -> Result<Duration> {
    const PAUSE: Duration = Duration::from_millis(50);
    let (masters, begun) = (masters(launch)?, Instant::now());
    let mut reason = String::new();
    for master in masters.iter().cycle() {
        let left = timeout.saturating_sub(begun.elapsed());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(master, left) {
            Ok(_) => return Ok(timeout.saturating_sub(begun.elapsed())),
            Err(error) => reason = error.to_string(),
        }
        std::thread::sleep(PAUSE.min(left));
    }
    let advice = "rank 0's machine or torchrun's holds it there: is it running, and may this machine reach it?";
    Err(error(launch, &format!("no store for {timeout:?} (the timeout): {reason}; {advice}")))
}

fn masters(launch: &Launch) -> Result<Vec<SocketAddr>> {
    let found = (launch.master_addr.as_str(), launch.master_port).to_socket_addrs();
    let mut found: Vec<_> = found.map_err(|reason| error(launch, &format!("{reason}")))?.collect();
    found.sort_by_key(SocketAddr::is_ipv6); // as c10d tries them
    Ok(found)
}

fn error(launch: &Launch, what: &str) -> Error {
    let Launch { rank, world, master_addr, master_port, .. } = launch;
    Error::Dist(format!("rank {rank} of {world}: MASTER_ADDR={master_addr}, MASTER_PORT={master_port}: {what}"))
}
