//! Objects of classes that this crate does not know, and names.

use super::super::pickle::{ALLOCATION, Call, Object};
use super::{Built, PathStep, ValueBuilder};
use crate::{Global, Object as Instance, Result, Value};

/// The name in Python 3. `torch.save` writes the names of Python 2.
pub(super) fn python_3_name<'n>(module: &'n str, name: &'n str) -> (&'n str, &'n str) {
    match (module, name) {
        ("__builtin__", "xrange") => ("builtins", "range"),
        ("__builtin__", "unicode") => ("builtins", "str"),
        ("__builtin__", "long") => ("builtins", "int"),
        ("__builtin__", "reduce") => ("functools", "reduce"),
        ("itertools", "izip") => ("builtins", "zip"),
        ("itertools", "imap") => ("builtins", "map"),
        ("itertools", "ifilter") => ("builtins", "filter"),
        ("__builtin__" | "exceptions", _) => ("builtins", name),
        ("copy_reg", _) => ("copyreg", name),
        ("cPickle", _) => ("pickle", name),
        ("Queue", _) => ("queue", name),
        ("ConfigParser", _) => ("configparser", name),
        ("UserDict" | "UserList" | "UserString", _) => ("collections", name),
        _ => (module, name),
    }
}

impl<'a> ValueBuilder<'_, 'a> {
    /// The module and name of a class or function; `None` for another object.
    pub(super) fn name_of(&self, object: Object) -> Option<(&'a str, &'a str)> {
        match object {
            Object::Global(index) => {
                let (module, name) = self.arena.global(index);
                Some(python_3_name(module, name))
            }
            // ("module", class, file, source) of a legacy file, or (class, file, source) of a tar archive
            Object::Persistent(index) => match self.arena.as_tuple(self.arena.persistent_id(index))? {
                [kind, class @ Object::Global(_), ..] if self.arena.as_str(*kind) == Some("module") => {
                    self.name_of(*class)
                }
                [class @ Object::Global(_), ..] => self.name_of(*class),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn global(&mut self, index: u32) -> Result<Built> {
        let (module, name) = self.arena.global(index);
        let (module, name) = python_3_name(module, name);
        self.name_value(module, name)
    }

    pub(super) fn name_value(&mut self, module: &str, name: &str) -> Result<Built> {
        self.reserve(size_of::<Global>() + module.len() + name.len() + 3 * ALLOCATION)?;
        Ok(Value::Global(Box::new(Global { module: module.to_owned(), name: name.to_owned() })))
    }

    /// A value that a call returns in Python.
    pub(super) fn call(&mut self, call: &Call) -> Result<Built> {
        let name = self.name_of(call.callee);
        if let (Some(name), Some(args)) = (name, self.arena.as_tuple(call.args)) {
            if let Some(value) = self.known(name, args, call)? {
                return Ok(value);
            }
            match (name, args) {
                (("copyreg", "__newobj__"), [class, args @ ..]) if self.name_of(*class).is_some() => {
                    return self.object(*class, args, call);
                }
                // Of protocols 0 and 1. The base class is `object`, or a class such as `dict` with a value.
                (("copyreg", "_reconstructor"), [class, base, value]) if self.name_of(*class).is_some() => {
                    let has_value = self.name_of(*base) != Some(("builtins", "object"));
                    return self.object(*class, if has_value { std::slice::from_ref(value) } else { &[] }, call);
                }
                _ => return self.object(call.callee, args, call),
            }
        }
        // The callee is itself the result of a call, or the arguments are no tuple.
        self.object(call.callee, &[call.args], call)
    }

    /// An object of a class that this crate does not know.
    pub(super) fn object(&mut self, class: Object, args: &[Object], call: &Call) -> Result<Built> {
        let mut object = match self.name_of(class) {
            Some((module, name)) => self.instance(module, name)?,
            None => {
                let mut object = self.instance("builtins", "__call__")?;
                self.reserve(size_of::<Built>() + ALLOCATION)?;
                object.args.push(self.child(PathStep::Arg(0), |builder| builder.value(class))?);
                object
            }
        };
        self.reserve(args.len() * size_of::<Built>() + ALLOCATION)?;
        for &arg in args {
            let step = PathStep::Arg(object.args.len());
            object.args.push(self.child(step, |builder| builder.value(arg))?);
        }
        if let Some(state) = call.state {
            object.state = Some(self.child(PathStep::State, |builder| builder.value(state))?);
        }
        object.items = self.items(&call.items)?;
        object.entries = self.entries(&call.entries)?;
        object.script_class = self.context.classes.get(&object.module, &object.name);
        Ok(Value::Object(Box::new(object)))
    }

    /// A dict with keys that are not simple.
    pub(super) fn object_with_entries(&mut self, module: &str, name: &str, entries: &[Object]) -> Result<Built> {
        let mut object = self.instance(module, name)?;
        object.entries = self.entries(entries)?;
        Ok(Value::Object(Box::new(object)))
    }

    pub(super) fn instance(&mut self, module: &str, name: &str) -> Result<Instance<super::StoredTensor>> {
        self.reserve(size_of::<Instance<super::StoredTensor>>() + module.len() + name.len() + 3 * ALLOCATION)?;
        Ok(Instance::new(module, name))
    }

    /// The pairs of keys and values that alternate.
    fn entries(&mut self, entries: &[Object]) -> Result<Vec<(Built, Built)>> {
        let (entries, _) = entries.as_chunks::<2>();
        self.reserve(entries.len() * 2 * size_of::<Built>() + ALLOCATION)?;
        let mut built = Vec::with_capacity(entries.len());
        for (index, &[key, value]) in entries.iter().enumerate() {
            let key_value = self.child(PathStep::Entry(index), |builder| builder.value(key))?;
            let step = if matches!(key, Object::Str(_)) { PathStep::Key(key) } else { PathStep::Entry(index) };
            built.push((key_value, self.child(step, |builder| builder.value(value))?));
        }
        Ok(built)
    }
}
