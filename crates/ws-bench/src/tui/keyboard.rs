//! Keys that end the run.
//!
//! On Unix, keys are read without crossterm: its reader never returns when the terminal is gone, and uses a whole core
//! (crossterm issue 793, open in 0.29).

use std::io;
use std::time::Duration;

#[cfg(unix)]
pub(super) use self::unix::Keyboard;
#[cfg(not(unix))]
pub(super) use self::windows::Keyboard;

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::io::{ErrorKind, IsTerminal, Read, stdin};
    use std::os::fd::AsFd;
    use std::thread;

    use nix::errno::Errno;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::{Duration, end_keys, io};

    /// The terminal's keyboard; `None` when it is gone.
    #[derive(Debug)]
    pub(in crate::tui) struct Keyboard(Option<File>);

    impl Keyboard {
        /// Opens the keyboard on standard input, or that of the controlling terminal.
        pub(in crate::tui) fn open() -> Self {
            let input = stdin();
            let file = if input.is_terminal() {
                input.as_fd().try_clone_to_owned().map(File::from)
            } else {
                File::open("/dev/tty")
            };
            Self(file.ok())
        }

        /// Waits for keys, at most for this time. Returns the number of those that end the run.
        pub(in crate::tui) fn wait(&mut self, at_most: Duration) -> usize {
            let Some(file) = &mut self.0 else {
                // Without a keyboard, the display goes on, and signals still arrive.
                thread::sleep(at_most);
                return 0;
            };
            match read_keys(file, at_most) {
                Ok(keys) => keys,
                Err(_) => {
                    self.0 = None;
                    0
                }
            }
        }
    }

    /// Reads the keys pressed within `at_most`. An error means that no key will ever arrive.
    fn read_keys(file: &mut File, at_most: Duration) -> io::Result<usize> {
        let wait = PollTimeout::try_from(at_most).unwrap_or(PollTimeout::MAX);
        let mut waiting = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
        match poll(&mut waiting, wait) {
            Ok(0) | Err(Errno::EINTR) => return Ok(0),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let mut bytes = [0; 1024];
        match file.read(&mut bytes) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(n) => Ok(end_keys(&bytes[..n])),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(error),
        }
    }

    #[cfg(test)]
    mod tests {
        #![allow(clippy::unwrap_used)]

        use std::io::{PipeWriter, Write, pipe};
        use std::os::fd::OwnedFd;

        use super::*;

        const ENDLESS: Duration = Duration::from_secs(600);

        fn keyboard() -> (Keyboard, PipeWriter) {
            let (keys, typing) = pipe().unwrap();
            (Keyboard(Some(File::from(OwnedFd::from(keys)))), typing)
        }

        #[test]
        fn a_keyboard_that_is_gone_is_given_up() {
            let (mut keyboard, mut typing) = keyboard();
            typing.write_all(b"xq").unwrap();
            assert_eq!(keyboard.wait(ENDLESS), 1);
            drop(typing);
            assert_eq!(keyboard.wait(ENDLESS), 0);
            assert!(keyboard.0.is_none());
            assert_eq!(keyboard.wait(Duration::ZERO), 0);
        }

        #[test]
        fn a_keyboard_at_rest_is_kept() {
            let (mut keyboard, _typing) = keyboard();
            assert_eq!(keyboard.wait(Duration::ZERO), 0);
            assert!(keyboard.0.is_some());
        }
    }
}

#[cfg(not(unix))]
mod windows {
    use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

    use super::Duration;

    /// The console's keyboard.
    #[derive(Debug)]
    pub(in crate::tui) struct Keyboard;

    impl Keyboard {
        pub(in crate::tui) fn open() -> Self {
            Self
        }

        /// Waits for keys, at most for this time. Returns the number of those that end the run.
        pub(in crate::tui) fn wait(&mut self, at_most: Duration) -> usize {
            match event::poll(at_most) {
                Ok(true) => match event::read() {
                    Ok(Event::Key(key)) => usize::from(is_end_key(key)),
                    _ => 0,
                },
                Ok(false) => 0,
                Err(_) => {
                    // Without a keyboard, the display goes on.
                    std::thread::sleep(at_most);
                    0
                }
            }
        }
    }

    fn is_end_key(key: KeyEvent) -> bool {
        let is_ctrl_c = key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL;
        let is_plain = key.modifiers.difference(KeyModifiers::SHIFT).is_empty()
            && matches!(key.code, KeyCode::Char('q' | 'Q') | KeyCode::Esc);
        // A key held down counts once.
        key.kind == KeyEventKind::Press && (is_ctrl_c || is_plain)
    }
}

/// Counts the keys that end the run: Ctrl-C (which is no signal in raw mode), q and Esc.
#[cfg(unix)]
fn end_keys(mut bytes: &[u8]) -> usize {
    const CTRL_C: u8 = 3;
    const ESC: u8 = 27;
    let mut keys = 0;
    while let [first, rest @ ..] = bytes {
        (keys, bytes) = match (*first, rest) {
            (ESC, []) => (keys + 1, rest),
            (ESC, [ESC, rest @ ..]) => (keys + 1, rest),
            // Escape sequence of an arrow, function key or mouse, up to its final byte.
            (ESC, [b'[', sequence @ ..]) => {
                let end = sequence.iter().position(|b| (0x40..=0x7e).contains(b));
                (keys, end.map_or(&[][..], |end| &sequence[end + 1..]))
            }
            (ESC, [b'O', sequence @ ..]) => (keys, sequence.get(1..).unwrap_or_default()),
            // A key together with Alt.
            (ESC, [_, rest @ ..]) => (keys, rest),
            (CTRL_C | b'q' | b'Q', _) => (keys + 1, rest),
            _ => (keys, rest),
        };
    }
    keys
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_escape_and_ctrl_c_end_the_run_and_nothing_else_does() {
        for (bytes, keys) in [
            (&b"q"[..], 1),
            (b"Q", 1),
            (b"\x1b", 1),
            (b"\x03", 1),
            (b"qq", 2),
            (b"\x1b\x1b", 1),
            (b"c\r \x11", 0),
            ("quiet \u{e4} \u{71}".as_bytes(), 2),
            // Alt+q, arrows with and without modifiers, function keys, and the mouse.
            (b"\x1bq", 0),
            (b"\x1b[A\x1bOq\x1b[1;5C\x1b[15~\x1b[<0;3;4M", 0),
            (b"\x1b[Aq", 1),
            (b"\x1b[15", 0),
            (b"\x1bO", 0),
            (b"", 0),
        ] {
            assert_eq!(end_keys(bytes), keys, "{bytes:?}");
        }
    }
}
