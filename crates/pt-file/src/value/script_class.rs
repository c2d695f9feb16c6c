use std::collections::HashSet;

/// What the code of a TorchScript archive declares about a class.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ScriptClass {
    /// Whether it is a subclass of `torch.nn.Module`. Other classes have no parameters and no buffers.
    pub(crate) is_module: bool,
    pub(crate) parameters: HashSet<Box<str>>,
    pub(crate) buffers: HashSet<Box<str>>,
}

impl ScriptClass {
    /// Whether the classes of this Python module are in the code of an archive.
    pub(crate) fn is_module_name(module: &str) -> bool {
        module == "__torch__" || module.starts_with("__torch__.")
    }
}
