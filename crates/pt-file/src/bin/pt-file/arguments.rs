//! The command line.

use std::ffi::OsString;

pub const USAGE: &str = "\
Lists, converts and compares checkpoints of PyTorch: .pt, .pth, .bin, .ckpt and .safetensors, of any age.

Usage: pt-file [--json] [--stats] FILE...
       pt-file convert [--at PATH] IN OUT.pt|OUT.safetensors
       pt-file diff A B

Runs no code from a file. Without --stats, a list does not read the elements of the tensors, so large files are fast too.

  --json      print one JSON array per file, with an object per value
  --stats     add minimum, maximum, mean, and the numbers of NaN and infinite elements of each tensor
  convert     write a file that torch.load(weights_only=True) or safetensors reads
  --at PATH   convert only the state dict at this path: keys separated by dots, such as model
  diff        compare two files tensor by tensor
  -h, --help  print this help

Exit status: 0 done, 1 a file was rejected or cannot be written, 2 wrong usage
             of diff: 0 equal, 1 different, 2 a file was rejected or wrong usage";

pub enum Command {
    Help,
    List { files: Vec<OsString>, options: Options },
    Convert { from: OsString, to: OsString, at: String },
    Diff { first: OsString, second: OsString },
}

#[derive(Clone, Copy, Default)]
pub struct Options {
    pub json: bool,
    pub stats: bool,
}

/// The command, or what is wrong with the arguments.
pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command, String> {
    let (mut options, mut at, mut files) = (Options::default(), None, Vec::new());
    let mut arguments = arguments.peekable();
    let command = arguments.next_if(|first| first == "convert" || first == "diff");
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("-h" | "--help") => return Ok(Command::Help),
            Some("--json") if command.is_none() => options.json = true,
            Some("--stats") if command.is_none() => options.stats = true,
            Some("--at") if command.as_ref().is_some_and(|command| command == "convert") => {
                let path = arguments.next().and_then(|path| path.into_string().ok());
                at = Some(path.ok_or("--at needs a path, such as --at model")?);
            }
            _ if argument.as_encoded_bytes().starts_with(b"-") => {
                return Err(format!("there is no option {}", argument.display()));
            }
            _ => files.push(argument),
        }
    }
    match command {
        None if files.is_empty() => Err("no file was given".to_owned()),
        None => Ok(Command::List { files, options }),
        Some(command) => {
            let [first, second] = <[OsString; 2]>::try_from(files)
                .map_err(|files| format!("{} needs two files, not {}", command.display(), files.len()))?;
            if command == "diff" {
                return Ok(Command::Diff { first, second });
            }
            Ok(Command::Convert { from: first, to: second, at: at.unwrap_or_default() })
        }
    }
}
