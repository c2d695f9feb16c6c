//! Conversions from Rust types to [`Value`].

use super::{Dict, Value};
use crate::Tensor;

macro_rules! from {
    ($($type:ty => |$value:ident| $make:expr),* $(,)?) => {$(
        impl From<$type> for Value {
            fn from($value: $type) -> Value {
                $make
            }
        }
    )*};
}
from! {
    bool => |value| Value::Bool(value),
    i32 => |value| Value::Int(value.into()),
    u32 => |value| Value::Int(value.into()),
    i64 => |value| Value::Int(value),
    f64 => |value| Value::Float(value),
    &str => |value| Value::Str(value.to_owned()),
    String => |value| Value::Str(value),
    Dict => |value| Value::Dict(value),
    Tensor => |value| Value::Tensor(value),
}

/// A list.
impl<V: Into<Value>> From<Vec<V>> for Value {
    fn from(items: Vec<V>) -> Value {
        Value::list(items)
    }
}

/// `None`, or the value.
impl<V: Into<Value>> From<Option<V>> for Value {
    fn from(value: Option<V>) -> Value {
        value.map_or(Value::None, Into::into)
    }
}
