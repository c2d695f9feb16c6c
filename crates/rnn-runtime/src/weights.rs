//! Reads the weights of a layer from a [`StateDict`] and collects everything that does not fit.

use std::fmt;

use pt_file::{DType, Tensor, escape};

use crate::error::{Error, Result};
use crate::state_dict::{StateDict, to_f32};

/// The most faults and names that a message has.
const LISTED: usize = 20;

/// The most characters of a name, and dimensions of a shape, that a message has.
const LONG_NAME: usize = 100;
const LONG_SHAPE: usize = 8;

/// The most elements that a tensor may have in addition to those of its storage. The view of an expanded tensor repeats
/// elements, and can be so large that its copy fills the memory.
const MAX_REPEATED: usize = 1 << 24;

/// A size that is not known, in an expected shape. (A size of zero is always a fault.)
pub(crate) const ANY: usize = 0;

/// The weights in a file do not fit a layer. The message has every fault, and the names that are in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightsError {
    layer: &'static str,
    location: String,
    faults: Vec<Fault>,
    count: usize,
    advice: String,
}

impl WeightsError {
    /// The first faults, at most 20.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The number of all faults.
    pub fn count(&self) -> usize {
        self.count
    }
}

/// A tensor that is missing, or that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The name in the file.
    pub name: String,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for WeightsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (s, location) = (if self.count == 1 { "" } else { "s" }, escape(&self.location));
        let location = if location.is_empty() { String::new() } else { format!(" at \"{}\"", shorten(&location)) };
        write!(f, "{}{location}: {} tensor{s} of the file cannot be used", self.layer, self.count)?;
        for Fault { name, problem } in &self.faults {
            write!(f, "\n  {}: {problem}", shorten(&escape(name)))?;
        }
        if self.count > self.faults.len() {
            write!(f, "\n  and {} more", self.count - self.faults.len())?;
        }
        write!(f, "\n{}", self.advice)
    }
}

impl std::error::Error for WeightsError {}

/// The weights of one layer while it is built.
pub(crate) struct Weights<'a> {
    from: &'a StateDict,
    layer: &'static str,
    faults: Vec<Fault>,
    count: usize,
}

impl<'a> Weights<'a> {
    pub(crate) fn new(from: &'a StateDict, layer: &'static str) -> Weights<'a> {
        Weights { from, layer, faults: Vec::new(), count: 0 }
    }

    /// The tensor with this name, if there is one.
    pub(crate) fn tensor(&self, name: &str) -> Option<&'a Tensor> {
        self.from.get(name)
    }

    /// The shape of a tensor with this number of dimensions, if there is one.
    pub(crate) fn shape<const N: usize>(&self, name: &str) -> Option<[usize; N]> {
        self.tensor(name)?.shape().try_into().ok()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.from.names()
    }

    /// Records a fault.
    pub(crate) fn fault(&mut self, name: &str, problem: String) {
        self.count += 1;
        if self.faults.len() < LISTED {
            self.faults.push(Fault { name: self.from.full_name(name), problem });
        }
    }

    /// The numbers of a tensor of this shape, where [`ANY`] is any size. After a fault the result is not used.
    pub(crate) fn of_shape(&mut self, name: &str, expected: &[usize]) -> Vec<f32> {
        let Some(tensor) = self.tensor(name) else {
            self.fault(name, format!("missing, expected the shape {}", expected_text(expected)));
            return Vec::new();
        };
        let found = tensor.shape();
        let fits = |(expected, found): (&usize, &usize)| *expected == ANY || expected == found;
        if found.len() != expected.len() || !expected.iter().zip(found).all(fits) {
            self.fault(name, format!("expected the shape {}, found {}", expected_text(expected), shape_text(found)));
            return Vec::new();
        }
        self.numbers(name, tensor)
    }

    /// As [`of_shape`](Self::of_shape), for a tensor that can be missing.
    pub(crate) fn optional(&mut self, name: &str, expected: &[usize]) -> Option<Vec<f32>> {
        self.tensor(name)?;
        Some(self.of_shape(name, expected))
    }

    /// The numbers of a tensor with this number of dimensions, at least 1 in each.
    pub(crate) fn with_dimensions(&mut self, name: &str, dimensions: usize) -> Vec<f32> {
        match self.tensor(name) {
            Some(tensor) if tensor.shape().len() == dimensions => self.numbers(name, tensor),
            Some(tensor) => {
                let found = shape_text(tensor.shape());
                self.fault(name, format!("expected {dimensions} dimensions, found the shape {found}"));
                Vec::new()
            }
            None => {
                self.fault(name, format!("missing, expected {dimensions} dimensions"));
                Vec::new()
            }
        }
    }

    fn numbers(&mut self, name: &str, tensor: &Tensor) -> Vec<f32> {
        if tensor.shape().contains(&0) {
            self.fault(name, format!("the shape {} has a size of 0", shape_text(tensor.shape())));
            return Vec::new();
        }
        let stored = tensor.storage().bytes().len() / tensor.dtype().size();
        if tensor.numel() > stored.saturating_add(MAX_REPEATED) {
            let (shape, stored) = (shape_text(tensor.shape()), count_text(stored, "element"));
            self.fault(name, format!("a view of the shape {shape} of a storage with {stored} is too large to copy"));
            return Vec::new();
        }
        let numbers = match to_f32(tensor) {
            Ok(Some(numbers)) => numbers,
            Ok(None) => {
                self.fault(name, format!("{} cannot be converted to float32", tensor.dtype()));
                return Vec::new();
            }
            Err(error) => {
                self.fault(name, error.to_string());
                return Vec::new();
            }
        };
        if let Some(at) = numbers.iter().position(|number| !number.is_finite()) {
            let beyond = if tensor.dtype() == DType::F64 { ", or is beyond the range of float32" } else { "" };
            self.fault(name, format!("element {at} is NaN or infinite{beyond}"));
        }
        numbers
    }

    /// # Errors
    /// [`Error::Weights`] if there was a fault.
    pub(crate) fn finish(self) -> Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let (layer, location, advice) = (self.layer, self.from.location().to_owned(), self.advice());
        Err(Error::Weights(Box::new(WeightsError { layer, location, faults: self.faults, count: self.count, advice })))
    }

    /// The prefix under which the file has a missing tensor, and the names that are in the file.
    fn advice(&self) -> String {
        let here = self.from.names().count();
        let mut advice = String::new();
        let elsewhere = self.faults.iter().find_map(|fault| {
            let ends = |name: &&str| name.strip_suffix(fault.name.as_str()).is_some_and(|start| start.ends_with('.'));
            let found = self.from.file_names().find(ends)?;
            found.strip_suffix(fault.name.as_str())?.strip_suffix('.')
        });
        if let Some(prefix) = elsewhere {
            let prefix = shorten(&escape(prefix));
            advice += &format!("The file has these names after \"{prefix}.\"; call .prefix(\"{prefix}\") first.\n");
        }
        let (names, place): (Vec<&str>, _) = match (here, self.from.location()) {
            (0, "") => return advice + "The file has no tensors.",
            (0, _) => (self.from.file_names().collect(), "The names in the file are"),
            (_, "") => (self.from.names().collect(), "The names in the file are"),
            _ => (self.from.names().collect(), "The names there are"),
        };
        let listed: Vec<String> = names.iter().take(LISTED).map(|name| shorten(&escape(name))).collect();
        advice += &format!("{place} {}", listed.join(", "));
        if names.len() > LISTED {
            advice += &format!(", and {} more", names.len() - LISTED);
        }
        advice
    }
}

/// A shape as Python prints it.
pub(crate) fn shape_text(shape: &[usize]) -> String {
    sizes_text(shape, usize::to_string)
}

/// An expected shape, with `?` for [`ANY`] size.
pub(crate) fn expected_text(shape: &[usize]) -> String {
    sizes_text(shape, |size| if *size == ANY { "?".to_owned() } else { size.to_string() })
}

fn sizes_text(shape: &[usize], size: impl Fn(&usize) -> String) -> String {
    let mut sizes: Vec<String> = shape.iter().take(LONG_SHAPE).map(size).collect();
    if shape.len() > LONG_SHAPE {
        sizes.push("...".to_owned());
    }
    format!("[{}]", sizes.join(", "))
}

/// `1 element`, `2 elements`
fn count_text(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn shorten(name: &str) -> String {
    match name.char_indices().nth(LONG_NAME) {
        Some((end, _)) => format!("{}...", &name[..end]),
        None => name.to_owned(),
    }
}
