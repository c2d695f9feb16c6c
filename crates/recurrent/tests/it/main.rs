//! `recurrent` beside `torch.nn`.

mod support;

mod common_modules;
mod constructor;
mod cpp_rnn;
mod fuzz;
mod grid;
mod hostile;
mod init;
mod nn_cells;
mod nn_dropout;
mod nn_layers;
mod nn_packed;
mod packed_sequence;
mod properties;
mod state_dict;
