//! Handling of Ctrl-C and closed terminals. The first interrupt ends the rounds, the second one the program. No server
//! is left running.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cli::ExitStatus;
use cli::interrupt::{InterruptReaction, Interrupts, run_until_second_interrupt};
use host::process_group::ProcessGroups;
use swarm::RunHandle;

/// Handles to the parts of a comparison that an interrupt ends.
#[derive(Clone)]
pub(crate) struct InterruptHandle {
    /// The current run, stopped by the first signal.
    pub(crate) control: RunHandle,
    /// All started servers, killed by the second signal.
    pub(crate) groups: ProcessGroups,
    /// Signals, and the files that the second one removes.
    pub(crate) interrupts: Interrupts,
    is_final: Arc<AtomicBool>,
}

impl InterruptHandle {
    /// Marks the rounds as measured. From now on, no signal ends the program before its files are saved.
    pub(crate) fn keep_rounds(&self) {
        self.is_final.store(true, Ordering::Release);
    }
}

/// Runs `body`. The first signal stops its [`RunHandle`]. The second one kills the servers, abandons `body` and returns
/// exit code 130, unless all rounds are measured by then.
pub(crate) fn until_second(
    body: impl FnOnce(&InterruptHandle) -> anyhow::Result<ExitStatus> + Send + 'static,
) -> anyhow::Result<ExitStatus> {
    let (control, groups) = (
        RunHandle::new(),
        ProcessGroups::marked_by("WS_COMPARE_SERVER"),
    );
    let (stopped, killed) = (control.clone(), groups.clone());
    let is_final = Arc::new(AtomicBool::new(false));
    let all_measured = Arc::clone(&is_final);
    let reaction = InterruptReaction {
        announcement: "\nending the rounds and saving the files; a second interrupt quits at once and saves nothing",
        stop: Box::new(move || stopped.stop()),
        is_final: Box::new(move || all_measured.load(Ordering::Acquire)),
        clean_up: move || killed.kill_all(),
    };
    run_until_second_interrupt(reaction, move |interrupts| {
        body(&InterruptHandle {
            control,
            groups,
            interrupts: interrupts.clone(),
            is_final,
        })
    })
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use std::sync::mpsc;

    #[test]
    fn a_panic_leaves_no_server_behind() {
        let (tell, told) = mpsc::channel();
        let ended = until_second(move |stop| {
            let group = stop.groups.spawn(Command::new("sleep").arg("600")).unwrap();
            tell.send((group.pid(), stop.groups.clone())).unwrap();
            panic!("on purpose");
        });
        assert_eq!(ended.unwrap(), ExitStatus::Panicked);
        let (pid, groups) = told.recv().unwrap();
        // The process was also reaped, so its ID is free.
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
        assert!(groups.spawn(&mut Command::new("true")).is_err());
    }
}
