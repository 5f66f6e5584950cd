//! Scripts that complete flags in a shell.

use clap::Command;
use clap_complete::Shell;

/// The script that completes the flags of `command` in a shell.
pub(crate) fn completions(command: &Command, shell: Shell) -> String {
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command.clone(), name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
