//! The functions that the page's JavaScript calls. `web/networks.js` is the other side.
//!
//! # How numbers travel
//! The module has an input and an output.
//! 1. JavaScript calls [`input`] with a number of bytes and writes them at the address that it returns.
//! 2. It calls a function, which reads the input and returns 0, or 1 if it failed.
//! 3. The result is [`output_len`] numbers in f64 at the address [`output`]. After an error it is the message:
//!    [`message_len`] bytes of UTF-8 at the address [`message`].
//!
//! An address is valid until the next call. Numbers in the input are little-endian, the byte order of WebAssembly and of
//! every CPU that browsers run on. JavaScript reads and writes the module's memory itself, so that no code here
//! dereferences a pointer. The only `unsafe` is the attribute that exports a name.

#![allow(unsafe_code)]

use std::cell::RefCell;

use anyhow::{Context, Result, bail, ensure};

use crate::data::{COLUMNS, SEQ_LENGTH};
use crate::digit::MnistNn;
use crate::language::LanguageModel;
use crate::normalise::{GreyImage, normalise};
use crate::stock::{ForgetGate, Row, Scaler, StockRnn};
use crate::text::TextRnn;

#[derive(Default)]
struct State {
    input: Vec<u8>,
    output: Vec<f64>,
    message: String,
    text: Option<TextRnn>,
    stock: Option<StockRnn>,
    prices: Option<(Scaler, Vec<Row>)>,
    digit: Option<MnistNn>,
    language: Option<LanguageModel>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

const NOT_LOADED: &str = "the model is not loaded";

impl State {
    fn words(&self) -> Vec<u32> {
        self.input.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect()
    }

    fn numbers(&self) -> Vec<f64> {
        self.input.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()
    }

    /// The window of seven days that starts with day `first`.
    fn window(&self, first: usize) -> Result<(&StockRnn, &Scaler, &[Row])> {
        let stock = self.stock.as_ref().context(NOT_LOADED)?;
        let (scaler, days) = self.prices.as_ref().context("the prices are not loaded")?;
        let window = days.get(first..first + SEQ_LENGTH).context("the window is outside of the series")?;
        Ok((stock, scaler, window))
    }
}

/// Runs a function of the state. Its result becomes the output.
fn call(function: impl FnOnce(&mut State) -> Result<Vec<f64>>) -> u32 {
    STATE.with_borrow_mut(|state| match function(state) {
        Ok(output) => {
            state.output = output;
            0
        }
        Err(error) => {
            state.message = format!("{error:#}");
            1
        }
    })
}

fn widen(numbers: &[f32]) -> impl Iterator<Item = f64> {
    numbers.iter().copied().map(f64::from)
}

/// Makes the input `bytes` long and returns its address.
#[unsafe(no_mangle)]
pub extern "C" fn input(bytes: usize) -> *mut u8 {
    STATE.with_borrow_mut(|state| {
        state.input.clear();
        state.input.resize(bytes, 0);
        state.input.as_mut_ptr()
    })
}

/// The address of the output.
#[unsafe(no_mangle)]
pub extern "C" fn output() -> *const f64 {
    STATE.with_borrow(|state| state.output.as_ptr())
}

/// The number of numbers of the output.
#[unsafe(no_mangle)]
pub extern "C" fn output_len() -> usize {
    STATE.with_borrow(|state| state.output.len())
}

/// The address of the last error's message.
#[unsafe(no_mangle)]
pub extern "C" fn message() -> *const u8 {
    STATE.with_borrow(|state| state.message.as_ptr())
}

/// The number of bytes of the last error's message.
#[unsafe(no_mangle)]
pub extern "C" fn message_len() -> usize {
    STATE.with_borrow(|state| state.message.len())
}

/// Loads text-rnn. Input: `model.pt`. Output: the number of words and of hidden units.
#[unsafe(no_mangle)]
pub extern "C" fn text_load() -> u32 {
    call(|state| {
        let text = state.text.insert(TextRnn::from_bytes(&state.input)?);
        Ok(vec![text.words() as f64, text.hidden_size() as f64])
    })
}

/// Input: the name of a parameter. Output: its numbers, row by row.
#[unsafe(no_mangle)]
pub extern "C" fn text_parameter() -> u32 {
    call(|state| {
        let text = state.text.as_ref().context(NOT_LOADED)?;
        Ok(widen(&text.parameter(std::str::from_utf8(&state.input)?)?).collect())
    })
}

/// Input: the numbers of words (u32). Output, for each word: a, h, and the probabilities of the next word.
#[unsafe(no_mangle)]
pub extern "C" fn text_run() -> u32 {
    call(|state| {
        let words: Vec<usize> = state.words().into_iter().map(|word| word as usize).collect();
        let mut output = Vec::new();
        for step in state.text.as_ref().context(NOT_LOADED)?.run(&words)? {
            output.extend(widen(&step.a).chain(widen(&step.h)).chain(step.next));
        }
        Ok(output)
    })
}

/// Loads stock-lstm. Input: `model.pt`. Output: the number of units.
#[unsafe(no_mangle)]
pub extern "C" fn stock_load() -> u32 {
    call(|state| {
        let stock = state.stock.insert(StockRnn::from_bytes(&state.input)?);
        Ok(vec![stock.hidden_size() as f64])
    })
}

/// Input (f64): the scaler's minima and maxima, then the days, the oldest first. Output: the predicted close after each
/// window, in dollars.
#[unsafe(no_mangle)]
pub extern "C" fn stock_prices() -> u32 {
    call(|state| {
        let numbers = state.numbers();
        let rows = numbers.as_chunks::<COLUMNS>().0;
        let [min, max, days @ ..] = rows else { bail!("no prices") };
        let scaler = Scaler { min: *min, max: *max };
        let closes = state.stock.as_ref().context(NOT_LOADED)?.predict(&scaler, days)?;
        state.prices = Some((scaler, days.to_vec()));
        Ok(closes)
    })
}

/// The window that starts with day `first`; `forget` is 0 for the trained forget gate, 1 for closed, 2 for open. Output:
/// the predicted close in dollars, then i, f, g, o, c and h, each (days, units).
#[unsafe(no_mangle)]
pub extern "C" fn stock_week(first: usize, forget: u32) -> u32 {
    call(|state| {
        let forget = match forget {
            0 => ForgetGate::Trained,
            1 => ForgetGate::Closed,
            _ => ForgetGate::Open,
        };
        let (stock, scaler, window) = state.window(first)?;
        let week = stock.week(scaler, window, forget)?;
        Ok([week.close].into_iter().chain(week.gates.iter().flat_map(|gate| widen(gate))).collect())
    })
}

/// Output: for each day of the window, the change of the predicted close, in dollars, if the day's prices are `change`
/// dollars higher.
#[unsafe(no_mangle)]
pub extern "C" fn stock_sensitivity(first: usize, change: f64) -> u32 {
    call(|state| {
        let (stock, scaler, window) = state.window(first)?;
        stock.sensitivity(scaler, window, change)
    })
}

/// Loads mnist-gru. Input: `model.pt`. Output: the number of layers and of units.
#[unsafe(no_mangle)]
pub extern "C" fn digit_load() -> u32 {
    call(|state| {
        let digit = state.digit.insert(MnistNn::from_bytes(&state.input)?);
        Ok(digit.sizes().map(|size| size as f64).to_vec())
    })
}

/// Input: a square picture of `side` x `side` grey pixels (u8). Output: 28 x 28 pixels as in MNIST (0 to 255), then width
/// and height of the ink in the picture, and of the ink in the result.
#[unsafe(no_mangle)]
pub extern "C" fn digit_normalise(side: u32) -> u32 {
    call(|state| {
        let grey = state.input.iter().map(|&pixel| f32::from(pixel) / 255.0).collect();
        let picture = GreyImage::from_raw(side, side, grey).context("the picture has too few pixels")?;
        let digit = normalise(picture)?;
        let sizes = [digit.ink_size.0, digit.ink_size.1, digit.scaled_size.0, digit.scaled_size.1];
        Ok(digit.pixels.into_iter().map(f64::from).chain(sizes.map(f64::from)).collect())
    })
}

/// Input: 28 x 28 pixels (u8). Output: the probabilities after each row, (28, 10), then for each layer r, z, n and h, each
/// (28, units).
#[unsafe(no_mangle)]
pub extern "C" fn digit_read() -> u32 {
    call(|state| {
        let reading = state.digit.as_ref().context(NOT_LOADED)?.read(&state.input)?;
        let gates = reading.gates.iter().flatten().flat_map(|gate| widen(gate));
        Ok(reading.probabilities.into_iter().chain(gates).collect())
    })
}

/// Loads rnn-lm. Input: a model file. Output: the number of words.
#[unsafe(no_mangle)]
pub extern "C" fn language_load() -> u32 {
    call(|state| {
        let language = state.language.insert(LanguageModel::from_bytes(&state.input)?);
        Ok(vec![language.words() as f64])
    })
}

/// Input: the numbers of the words so far (u32). Output: the probability of every word as the next one.
#[unsafe(no_mangle)]
pub extern "C" fn language_probabilities() -> u32 {
    call(|state| state.language.as_ref().context(NOT_LOADED)?.probabilities(&state.words()))
}

/// Input: the numbers of the words so far (u32). `top_k` 0 is all words. Output: pairs of a word's number and its
/// probability to be drawn, the most likely first.
#[unsafe(no_mangle)]
pub extern "C" fn language_choices(temperature: f64, top_k: usize) -> u32 {
    call(|state| {
        ensure!(temperature > 0.0, "temperature {temperature}; it must be above 0");
        let language = state.language.as_ref().context(NOT_LOADED)?;
        let choices = language.choices(&state.words(), temperature, (top_k > 0).then_some(top_k))?;
        Ok(choices.into_iter().flat_map(|next| [next.number as f64, next.probability]).collect())
    })
}
