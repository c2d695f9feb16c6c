//! `recurrent` beside `torch.nn`.

mod support;

mod common_modules;
mod constructor;
mod cpp_rnn;
mod grid;
mod init;
mod nn_dropout;
mod nn_layers;
mod nn_packed;
mod packed_sequence;
mod state_dict;
