//! The environment variables that torchrun sets.

use std::env;
use std::fmt::Display;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The environment variables that torchrun sets for each process that it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// `RANK`: the number of this process, from 0.
    pub rank: usize,
    /// `WORLD_SIZE`: the number of processes.
    pub world: usize,
    /// `LOCAL_RANK`: the number of this process on its machine, from 0.
    pub local_rank: usize,
    /// `LOCAL_WORLD_SIZE`: the number of processes on this machine; 0 if it is not set.
    pub local_world: usize,
    /// `MASTER_ADDR`: the host of the store.
    pub master_addr: String,
    /// `MASTER_PORT`: the port of the store.
    pub master_port: u16,
    /// `TORCHELASTIC_USE_AGENT_STORE`: torchrun runs the store; otherwise rank 0 does.
    pub agent_store: bool,
    /// `TORCHELASTIC_RESTART_COUNT`: how often torchrun has restarted the processes after a failure on this machine.
    pub restarts: u32,
    /// `GLOO_SOCKET_IFNAME`: the network interface to use instead of the one that leads to `MASTER_ADDR`.
    pub interface: Option<String>,
}

impl Launch {
    /// Reads the variables. `None` if torchrun did not start this process: `RANK`, `WORLD_SIZE` and `TORCHELASTIC_RUN_ID` are
    /// all unset.
    ///
    /// # Errors
    /// [`Error::Dist`] if a variable is missing, is not a number, or contradicts the others. The message names it, its value and
    /// the remedy.
    pub fn from_env() -> Result<Option<Launch>> {
        Launch::from_variables(|name| env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Option<Launch>> {
        if ["RANK", "WORLD_SIZE", "TORCHELASTIC_RUN_ID"].iter().all(|name| get(name).is_none()) {
            return Ok(None);
        }
        let variables = Variables(get);
        let world = variables.number("WORLD_SIZE", 1, i32::MAX as usize)?;
        let rank = variables.number("RANK", 0, world - 1)?;
        let local_world = variables.optional("LOCAL_WORLD_SIZE", 0, 1, world)?;
        let most = if local_world > 0 { local_world } else { world };
        Ok(Some(Launch {
            rank,
            world,
            local_rank: variables.number("LOCAL_RANK", 0, most - 1)?,
            local_world,
            master_addr: variables.text("MASTER_ADDR")?,
            master_port: variables.number("MASTER_PORT", 1, u16::MAX)?,
            agent_store: variables.flag("TORCHELASTIC_USE_AGENT_STORE")?,
            restarts: variables.optional("TORCHELASTIC_RESTART_COUNT", 0, 0, u32::MAX)?,
            interface: (variables.0)("GLOO_SOCKET_IFNAME").filter(|name| !name.is_empty()),
        }))
    }

    /// Whether all processes are on this machine.
    pub fn is_single_node(&self) -> bool {
        self.local_world == self.world
    }

    /// Whether this process runs the store.
    pub(super) fn hosts_store(&self) -> bool {
        self.rank == 0 && !self.agent_store
    }
}

struct Variables<F>(F);

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    fn text(&self, name: &str) -> Result<String> {
        match (self.0)(name) {
            Some(value) if !value.is_empty() && !value.contains('\0') => Ok(value),
            Some(value) => Err(wrong(name, &format!("is {value:?}"))),
            None => Err(wrong(name, "is not set")),
        }
    }

    fn number<T: FromStr + PartialOrd + Display + Copy>(&self, name: &str, least: T, most: T) -> Result<T> {
        let text = self.text(name)?;
        match text.parse::<T>() {
            Ok(number) if number >= least && number <= most => Ok(number),
            _ => Err(wrong(name, &format!("is {text:?}, not a whole number from {least} to {most}"))),
        }
    }

    fn optional<T: FromStr + PartialOrd + Display + Copy>(
        &self,
        name: &str,
        default: T,
        least: T,
        most: T,
    ) -> Result<T> {
        if (self.0)(name).is_some() { self.number(name, least, most) } else { Ok(default) }
    }

    /// A bool as Python prints it.
    fn flag(&self, name: &str) -> Result<bool> {
        match (self.0)(name).as_deref() {
            None | Some("False") => Ok(false),
            Some("True") => Ok(true),
            Some(other) => Err(wrong(name, &format!("is {other:?}, neither True nor False"))),
        }
    }
}

fn wrong(name: &str, what: &str) -> Error {
    Error::Dist(format!(
        "{name} {what}: torchrun sets it for each process that it starts (torchrun --no-python --nproc-per-node=2 PROGRAM); \
         to start a single process, unset RANK, WORLD_SIZE and TORCHELASTIC_RUN_ID"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TORCHRUN: [(&str, &str); 9] = [
        ("RANK", "3"),
        ("WORLD_SIZE", "4"),
        ("LOCAL_RANK", "1"),
        ("LOCAL_WORLD_SIZE", "2"),
        ("MASTER_ADDR", "node0"),
        ("MASTER_PORT", "29500"),
        ("TORCHELASTIC_USE_AGENT_STORE", "True"),
        ("TORCHELASTIC_RESTART_COUNT", "2"),
        ("TORCHELASTIC_RUN_ID", "none"),
    ];

    /// The variables with one changed, or removed if its value is `None`.
    fn with(name: &str, value: Option<&str>) -> Result<Option<Launch>> {
        Launch::from_variables(|wanted| {
            let found = TORCHRUN.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
            if wanted == name { value } else { found }.map(str::to_owned)
        })
    }

    #[test]
    fn from_env_reads_torchruns_variables() {
        let launch = with("", None).unwrap().unwrap();
        let expected = Launch {
            rank: 3,
            world: 4,
            local_rank: 1,
            local_world: 2,
            master_addr: "node0".to_owned(),
            master_port: 29500,
            agent_store: true,
            restarts: 2,
            interface: None,
        };
        assert_eq!(launch, expected);
        assert!(!launch.is_single_node() && !launch.hosts_store());
        assert_eq!(with("GLOO_SOCKET_IFNAME", Some("eth1")).unwrap().unwrap().interface.as_deref(), Some("eth1"));
        assert_eq!(Launch::from_variables(|_| None).unwrap(), None);
    }

    #[test]
    fn an_error_names_the_variable_its_value_and_the_remedy() {
        for (name, value, what) in [
            ("RANK", None, "RANK is not set: torchrun sets it"),
            ("RANK", Some("4"), "RANK is \"4\", not a whole number from 0 to 3"),
            ("RANK", Some("-1"), "RANK is \"-1\""),
            ("WORLD_SIZE", Some("two"), "WORLD_SIZE is \"two\", not a whole number from 1"),
            ("WORLD_SIZE", Some("0"), "WORLD_SIZE is \"0\""),
            ("LOCAL_RANK", None, "LOCAL_RANK is not set"),
            ("LOCAL_RANK", Some("2"), "LOCAL_RANK is \"2\", not a whole number from 0 to 1"),
            ("LOCAL_WORLD_SIZE", Some("5"), "LOCAL_WORLD_SIZE is \"5\""),
            ("MASTER_ADDR", Some(""), "MASTER_ADDR is \"\""),
            ("MASTER_PORT", Some("99999"), "MASTER_PORT is \"99999\", not a whole number from 1 to 65535"),
            (
                "TORCHELASTIC_USE_AGENT_STORE",
                Some("1"),
                "TORCHELASTIC_USE_AGENT_STORE is \"1\", neither True nor False",
            ),
            ("TORCHELASTIC_RESTART_COUNT", Some("x"), "TORCHELASTIC_RESTART_COUNT is \"x\""),
        ] {
            let message = with(name, value).unwrap_err().to_string();
            assert!(message.starts_with(what) && message.contains("unset RANK, WORLD_SIZE"), "{message}");
        }
    }
}
