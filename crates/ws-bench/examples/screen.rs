//! The guard of `--tui`'s terminal alone. `.ci/tui` makes it panic and checks the state of the terminal.
//!
//! Takes over the terminal, waits for a key, and ends as its argument specifies: `end`, `error`, `panic` (of the main
//! thread), `thread` (another thread panics), `left` (the main thread returns while another one still holds the
//! screen).

#![allow(clippy::expect_used)]

use std::io;
use std::process::ExitCode;
use std::thread;

use ratatui::crossterm::event::{self, Event};
use ratatui::widgets::Paragraph;
use ws_bench::screen;

fn main() -> io::Result<ExitCode> {
    let how = std::env::args().nth(1).unwrap_or_default();
    let mut screen = screen::Screen::enter()?;
    screen
        .terminal()
        .draw(|frame| frame.render_widget(Paragraph::new("the screen is taken"), frame.area()))?;
    while !matches!(event::read()?, Event::Key(_)) {}
    match how.as_str() {
        "end" => {}
        "error" => return Err(io::Error::other("an error on purpose")),
        "panic" => panic!("a panic on purpose"),
        "thread" => {
            let panicked = thread::spawn(|| panic!("a panic on purpose")).join();
            assert!(panicked.is_err());
            // Drawn after the end, so it must not appear.
            screen
                .terminal()
                .draw(|frame| frame.render_widget(Paragraph::new("TOO LATE"), frame.area()))?;
            return Ok(ExitCode::from(101));
        }
        "left" => {
            let (taken, waits) = std::sync::mpsc::channel();
            thread::spawn(move || {
                let _held = screen;
                taken.send(()).expect("the main thread listens");
                thread::park();
            });
            waits.recv().expect("the thread holds the screen");
            screen::leave();
        }
        other => return Err(io::Error::other(format!("no such way to end: {other}"))),
    }
    Ok(ExitCode::SUCCESS)
}
