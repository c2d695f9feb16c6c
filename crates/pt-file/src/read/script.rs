//! The declarations of classes in the code of a TorchScript archive: which attributes are parameters and buffers.
//!
//! Nothing is executed. Only the lines that libtorch writes at the start of a class are read:
//!
//! ```text
//! class Linear(Module):
//!   __parameters__ = ["weight", "bias", ]
//!   __buffers__ = []
//! ```

use std::collections::{HashMap, HashSet};
use std::io::{Read, Seek};
use std::sync::Arc;

use super::container::Container;
use super::pickle::{ALLOCATION, Arena, MemoryBudget};
use crate::value::ScriptClass;
use crate::{ArchiveProblem, Error, PickleProblem, Result};

/// The classes of each module, by the name of the module and the name of the class.
#[derive(Default)]
pub(super) struct ScriptClasses(HashMap<String, HashMap<Box<str>, Arc<ScriptClass>>>);

impl ScriptClasses {
    /// The declaration of a class; `None` if the archive has none.
    pub(super) fn get(&self, module: &str, name: &str) -> Option<Arc<ScriptClass>> {
        self.0.get(module)?.get(name).cloned()
    }
}

/// Reads the declarations in the modules that a pickle names. `budget` is the memory that they and the value may take.
pub(super) fn classes<R: Read + Seek>(
    container: &mut Container<R>,
    arena: &Arena<'_>,
    budget: &mut MemoryBudget,
) -> Result<ScriptClasses> {
    let mut classes = ScriptClasses::default();
    if !container.is_archive() {
        return Ok(classes);
    }
    // No slash, so that each record has only one name and is read only once.
    let modules = arena.global_modules().filter(|name| ScriptClass::is_module_name(name) && !name.contains('/'));
    for module in modules {
        let record = format!("code/{}.py", module.replace('.', "/"));
        if classes.0.contains_key(module) || container.size(&record).is_none() {
            continue;
        }
        let code = container.read(&record)?;
        let declared = declarations(&String::from_utf8_lossy(&code), budget).map_err(|_| {
            let problem = ArchiveProblem::Content("more names than the archive has tensors".to_owned());
            Error::Archive { record: Some(record), problem }
        })?;
        classes.0.insert(module.to_owned(), declared);
    }
    Ok(classes)
}

type Budgeted<T> = std::result::Result<T, PickleProblem>;

/// The classes in a file of code. A module without the two lists, or with lists in another form, is left out.
fn declarations(code: &str, budget: &mut MemoryBudget) -> Budgeted<HashMap<Box<str>, Arc<ScriptClass>>> {
    let (mut classes, mut lines) = (HashMap::new(), code.lines());
    while let Some(line) = lines.next() {
        let Some(declared) = line.strip_prefix("class ") else { continue };
        let (name, class) = if let Some(name) = declared.strip_suffix("(Module):") {
            let mut list = |start| lines.next().and_then(|line| line.strip_prefix(start));
            let (parameters, buffers) = (list("  __parameters__ = "), list("  __buffers__ = "));
            let (Some(parameters), Some(buffers)) = (names(parameters, budget)?, names(buffers, budget)?) else {
                continue;
            };
            (name, ScriptClass { is_module: true, parameters, buffers })
        } else if let Some((name, _)) = declared.split_once(['(', ':']) {
            (name, ScriptClass::default())
        } else {
            continue;
        };
        budget.reserve(
            2 * size_of::<(Box<str>, Arc<ScriptClass>)>() + size_of::<ScriptClass>() + name.len() + 2 * ALLOCATION,
        )?;
        classes.insert(name.into(), class.into());
    }
    Ok(classes)
}

/// The names in a list such as `["weight", "bias", ]`; `None` if the text has another form.
fn names(list: Option<&str>, budget: &mut MemoryBudget) -> Budgeted<Option<HashSet<Box<str>>>> {
    let Some(mut rest) = list.and_then(|list| list.strip_prefix('[')?.strip_suffix(']')) else { return Ok(None) };
    let mut names = HashSet::new();
    while !rest.is_empty() {
        let quoted = rest.strip_prefix('"').and_then(|rest| rest.split_once("\", "));
        let Some((name, after)) = quoted.filter(|(name, _)| !name.contains(['"', '\\'])) else { return Ok(None) };
        // A set has twice the memory of its items.
        budget.reserve(2 * size_of::<Box<str>>() + name.len() + ALLOCATION)?;
        names.insert(name.into());
        rest = after;
    }
    Ok(Some(names))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(code: &str) -> HashMap<Box<str>, Arc<ScriptClass>> {
        declarations(code, &mut MemoryBudget::new(0, 0)).unwrap()
    }

    #[test]
    fn the_lists_of_each_class_are_read() {
        let code = "class A(Module):\n  __parameters__ = [\"w\", \"fc|b\", ]\n  __buffers__ = [\"n\", ]\n  w : Tensor\n  \
                    def forward(self: __torch__.A) -> Tensor:\n    return self.w\nclass B(Module):\n  __parameters__ = []\n  \
                    __buffers__ = []\nclass C:\n  x : Tensor\nclass D(NamedTuple):\ndef f(x: Tensor) -> Tensor:\n";
        let classes = parsed(code);
        let set = |names: &[&str]| names.iter().map(|&name| name.into()).collect::<HashSet<Box<str>>>();
        let a = &classes["A"];
        assert!(a.is_module && a.parameters == set(&["w", "fc|b"]) && a.buffers == set(&["n"]));
        assert!(classes["B"].is_module && classes["B"].parameters.is_empty());
        assert!(!classes["C"].is_module && !classes["D"].is_module && classes.len() == 4);
    }

    #[test]
    fn a_declaration_of_another_form_is_left_out() {
        for list in ["", "[", "]", "[\"a\"]", "[a, ]", "['a', ]", "[\"a\", b]", "[\"a\\n\", ]", "[\"a\"b\", ]"] {
            assert!(
                parsed(&format!("class A(Module):\n  __parameters__ = {list}\n  __buffers__ = []\n")).is_empty(),
                "{list}"
            );
        }
        assert!(parsed("class A(Module):\n  __buffers__ = []\n  __parameters__ = []\n").is_empty());
        assert!(
            parsed("class A(Module):").is_empty() && parsed(" class A:").is_empty() && parsed("class A").is_empty()
        );
    }

    #[test]
    fn the_memory_of_the_names_is_limited() {
        let list = "\"a\", ".repeat(1_000_000);
        let code = format!("class A(Module):\n  __parameters__ = [{list}]\n  __buffers__ = []\n");
        assert!(declarations(&code, &mut MemoryBudget::new(0, 0)).is_err());
    }
}
