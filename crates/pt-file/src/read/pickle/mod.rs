//! The pickle machine: executes the operations of protocols 0 to 5 and makes inert objects.
//!
//! It knows no class and no function. An operation that would call something in Python makes a [`Call`]: the name, the
//! arguments, and what is added later. `build` decides what it means.

mod arena;
mod decimal;
mod input;
mod memory_budget;
mod stack;
mod text;
mod unpickler;

pub(super) use arena::{Arena, Call, Container, ContainerKind, Object};
pub(super) use memory_budget::{ALLOCATION, MemoryBudget};
pub(super) use unpickler::{Unpickled, unpickle, unpickle_with_problems};
