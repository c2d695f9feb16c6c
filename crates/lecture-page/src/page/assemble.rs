//! Joins the files of `web` to one file.
//!
//! The modules are written so that node can import them one by one. In the page each becomes a function that returns its
//! exports, because a page that was opened from a folder cannot import files. Only the forms that the sources use are
//! understood: `import { a, b } from './file.js';` and `export` before a function, class, const or let.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

/// The page: `page.html` with the styles, scripts, data and binary files in it. The files of `late` come after the script,
/// so that the page starts before the browser has read them.
///
/// # Errors
/// If a file cannot be read, or has an import or export of another form.
pub fn page(web: &Path, data: &Value, blobs: &[(&str, Vec<u8>)], late: &[(&str, Vec<u8>)]) -> Result<String> {
    let read = |name: &str| {
        let path = web.join(name);
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let mut data_elements = elements(blobs);
    // In a script element `</` could end the element.
    let json = data.to_string().replace("</", "<\\/");
    data_elements += &format!("<script type=\"application/json\" id=\"data\">{json}</script>\n");
    let mut scripts = String::new();
    add_module("main.js", &read, &mut Vec::new(), &mut scripts)?;
    ensure!(!scripts.contains("</script"), "a script contains </script");
    let mut page = read("page.html")?;
    for (mark, content) in
        [("style", read("style.css")?), ("data", data_elements), ("script", scripts), ("late", elements(late))]
    {
        let mark = format!("<!-- {mark} -->");
        ensure!(page.matches(&mark).count() == 1, "page.html has not exactly one {mark}");
        let element = match mark.as_str() {
            "<!-- style -->" => format!("<style>\n{content}</style>"),
            "<!-- script -->" => format!("<script>\n'use strict';\n{content}</script>"),
            _ => content,
        };
        page = page.replace(&mark, &element);
    }
    Ok(page)
}

/// Binary files as elements.
fn elements(blobs: &[(&str, Vec<u8>)]) -> String {
    let element = |(id, bytes): &(&str, Vec<u8>)| {
        format!("<script type=\"text/plain\" id=\"{id}\">{}</script>\n", BASE64_STANDARD.encode(bytes))
    };
    blobs.iter().map(element).collect()
}

/// Adds a module after the modules that it imports.
fn add_module(
    name: &str,
    read: &impl Fn(&str) -> Result<String>,
    added: &mut Vec<String>,
    scripts: &mut String,
) -> Result<()> {
    if added.iter().any(|other| other == name) {
        return Ok(());
    }
    added.push(name.to_owned());
    let (mut body, mut exports) = (String::new(), Vec::new());
    for line in read(name)?.lines() {
        if line.starts_with("import ") {
            let (names, from) = import(line).with_context(|| format!("{name}: cannot read {line:?}"))?;
            add_module(from, read, added, scripts)?;
            body += &format!("const {{{names}}} = {};\n", variable(from));
        } else if let Some(declaration) = line.strip_prefix("export ") {
            exports.push(exported(declaration).with_context(|| format!("{name}: cannot read {line:?}"))?.to_owned());
            body += &format!("{declaration}\n");
        } else {
            body += &format!("{line}\n");
        }
    }
    let (variable, exports) = (variable(name), exports.join(", "));
    *scripts += &format!("// {name}\nconst {variable} = (() => {{\n{body}return {{ {exports} }};\n}})();\n");
    Ok(())
}

/// The variable that holds the exports of a module.
fn variable(file: &str) -> String {
    format!("module_{}", file.trim_end_matches(".js").replace('-', "_"))
}

/// The names and the file of `import { a, b } from './file.js';`.
fn import(line: &str) -> Option<(&str, &str)> {
    let (names, from) = line.strip_prefix("import {")?.strip_suffix("';")?.split_once("} from './")?;
    (!names.contains(" as ")).then_some((names, from))
}

/// The name that a declaration declares.
fn exported(declaration: &str) -> Result<&str> {
    let mut words = declaration.split([' ', '(', '=', ';']).filter(|word| !word.is_empty() && *word != "async");
    match (words.next(), words.next()) {
        (Some("function" | "class" | "const" | "let"), Some(name)) => Ok(name),
        _ => bail!("only functions, classes, const and let can be exported"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_become_functions_in_the_order_of_their_imports() {
        let read = |name: &str| {
            Ok(match name {
                "main.js" => "import { a } from './one-two.js';\nimport { b } from './b.js';\na(b);\n",
                "one-two.js" => "import { b } from './b.js';\nexport function a(x) { return x + b; }\n",
                _ => "export const b = 1;\n",
            }
            .to_owned())
        };
        let mut scripts = String::new();
        add_module("main.js", &read, &mut Vec::new(), &mut scripts).unwrap();
        let order: Vec<_> = scripts.lines().filter(|line| line.starts_with("// ")).collect();
        assert_eq!(order, ["// b.js", "// one-two.js", "// main.js"]);
        assert!(scripts.contains("const { a } = module_one_two;\nconst { b } = module_b;\na(b);"), "{scripts}");
        assert!(scripts.contains("return { a };"), "{scripts}");
    }

    #[test]
    fn other_forms_of_import_and_export_are_errors() {
        for line in ["import a from './b.js';", "import { a as c } from './b.js';", "export default a;"] {
            let read = |_: &str| Ok(line.to_owned());
            let error = add_module("x.js", &read, &mut Vec::new(), &mut String::new()).unwrap_err();
            assert!(format!("{error:#}").contains(line), "{error:#}");
        }
    }
}
