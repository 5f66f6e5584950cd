//! The contract of both servers, as tests against a real server on a free port.
//!
//! Tests with a server inside the test's process run with `cargo test -p echo-server`, for both servers. Tests that
//! need a separate process (for memory, signals, flags, inherited sockets) run in the crate of each program, because
//! cargo builds the program only there.

// The names of the tests document them.
#![allow(missing_docs)]

mod client;
pub mod closing;
pub mod echoing;
#[cfg(unix)]
pub mod ending;
pub mod floods;
pub mod handshakes;
pub mod limits;
#[cfg(unix)]
pub mod open_files;
pub mod pages;
pub mod program;
pub mod rooms;
mod running_program;
pub mod secure;
pub mod shutdown;
#[cfg(unix)]
pub mod signals;
pub mod silence;
#[cfg(unix)]
pub mod sockets;
#[cfg(target_os = "linux")]
pub mod systemd;

use std::{future::Future, net::SocketAddr, pin::Pin, time::Duration};

use echo_server::{Config, Listener, Program, ServerError, bind};
use tokio::{sync::oneshot, task::JoinHandle};

pub use running_program::ProgramUnderTest;

/// Time after which a test fails, longer than any slow machine needs.
const DEADLINE: Duration = Duration::from_secs(60);

/// Interval for polling a state that will change.
const POLL: Duration = Duration::from_millis(5);

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("comes to an end before the deadline")
}

/// Runs a test on a new runtime.
pub fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(test);
}

/// A function that serves until its last argument is ready.
pub type Serve = fn(
    Listener,
    Config,
    StopRequest,
) -> Pin<Box<dyn Future<Output = Result<(), ServerError>> + Send>>;

/// A future that is ready when the server has to stop.
pub type StopRequest = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A server under test inside this process.
#[derive(Debug, Clone, Copy)]
pub struct ServerUnderTest {
    /// Identity of the program.
    pub program: Program,
    /// The library's `serve` function.
    pub serve: Serve,
}

impl ServerUnderTest {
    async fn start(&self, config: Config) -> RunningServer {
        let listener = bind("127.0.0.1:0", 1024).await.unwrap();
        let address = listener.tcp_address().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = Box::pin(async { drop(stopped.await) });
        let task = tokio::spawn((self.serve)(listener, config, stopped));
        RunningServer {
            address,
            stop,
            task,
        }
    }
}

/// A running server inside this process.
struct RunningServer {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServerError>>,
}

impl RunningServer {
    /// Stops the server and returns its task.
    fn stop(self) -> JoinHandle<Result<(), ServerError>> {
        self.stop.send(()).unwrap();
        self.task
    }

    /// Reads the value of one line of the metrics.
    async fn metric(&self, name: &str) -> Option<u64> {
        let page = client::get(self.address, "/metrics").await;
        page.lines()
            .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }

    /// Waits until a line of the metrics has this value.
    async fn metric_becomes(&self, name: &str, value: u64) {
        within(async {
            while self.metric(name).await != Some(value) {
                tokio::time::sleep(POLL).await;
            }
        })
        .await;
    }
}

/// Declares the tests of a server inside this process: one module per part of the contract, one test per function.
#[macro_export]
macro_rules! server_contract {
    ($server:path) => {
        $crate::contract_tests! {
            $server;
            closing:
                a_close_is_echoed_with_its_code_and_reason,
                a_peer_that_leaves_without_a_close_counts_as_1006,
                a_breach_of_protocol_is_closed_with_1002,
                text_that_is_not_utf8_is_closed_with_1007,
                a_message_too_large_is_closed_with_1009,
                a_message_of_the_largest_size_is_echoed,
                echoes_come_before_the_close_that_a_fault_earns,
                echoes_come_before_the_end_of_a_peer_that_has_hung_up,
                a_close_reaches_a_peer_that_is_still_sending;
            echoing:
                messages_come_back_unchanged,
                pipelined_messages_come_back_in_order,
                fragments_come_back_as_one_message,
                a_message_in_the_packet_of_the_request_is_not_lost,
                every_ping_is_answered_in_its_turn,
                no_subprotocol_is_accepted;
            handshakes:
                who_says_nothing_is_dropped,
                who_says_half_of_it_is_dropped,
                who_says_it_too_slowly_is_dropped,
                who_has_finished_in_time_may_stay,
                a_handshake_in_single_bytes_is_understood,
                a_head_without_end_is_refused_while_it_is_sent;
            limits:
                one_connection_too_many_is_answered_503_and_counted,
                room_that_is_left_is_given_again,
                many_at_once_are_let_in;
            pages:
                the_pages_are_there_and_nothing_else,
                the_path_without_an_upgrade_asks_for_one,
                the_path_can_be_moved,
                other_methods_are_not_allowed,
                a_head_request_gets_no_body,
                a_bad_upgrade_is_told_so,
                an_upgrade_in_many_words_is_one,
                what_is_not_http_is_a_bad_request,
                a_head_too_large_is_refused,
                a_peer_that_hangs_up_after_its_request_is_answered,
                the_metrics_count_what_happens;
            rooms:
                a_message_goes_to_all_of_the_room_and_to_its_sender,
                rooms_are_apart_and_so_is_the_echo,
                a_room_vanishes_with_its_last_member,
                a_failed_upgrade_leaves_no_room_behind,
                a_path_that_is_no_room_is_not_found,
                a_burst_longer_than_a_queue_reaches_everybody,
                who_never_reads_is_dropped_and_holds_up_nobody,
                who_reads_too_late_is_closed_with_1013,
                a_ping_in_a_room_is_answered_to_its_sender_only,
                faults_close_their_member_only,
                a_silent_member_is_pinged_and_closed,
                a_stop_delivers_what_had_been_sent_and_closes_with_1001;
            shutdown:
                every_connection_is_closed_with_1001,
                a_peer_that_does_not_answer_is_waited_for_only_so_long,
                what_had_been_sent_before_the_stop_is_echoed,
                who_has_not_asked_for_anything_is_not_waited_for,
                a_server_that_is_dropped_drops_its_connections;
            silence:
                who_ignores_a_ping_is_closed,
                who_stops_in_mid_frame_is_closed,
                who_stops_between_fragments_is_closed,
                who_answers_pings_may_stay,
                who_sends_slowly_may_finish,
                who_never_reads_is_dropped,
                who_reads_slowly_may_finish;
        }
    };
}

/// Declares the tests of a server's program: one module per part of the contract, one test per function.
#[macro_export]
macro_rules! program_contract {
    ($program:path) => {
        $crate::contract_tests! {
            $program;
            #[cfg(unix)] ending:
                messages_in_flight_are_echoed_before_the_close,
                who_has_just_been_let_in_is_closed_properly,
                half_a_handshake_is_not_waited_for,
                who_ignores_the_close_is_waited_for_only_so_long,
                who_never_reads_is_waited_for_only_so_long,
                who_never_stops_sending_is_closed_properly;
            floods:
                who_floods_and_never_reads_is_not_read_from,
                who_only_pings_and_never_reads_is_not_read_from,
                many_who_flood_hold_so_much_each,
                many_in_a_room_who_never_read_hold_hardly_more_than_one,
                a_gibibyte_that_is_announced_is_not_waited_for,
                messages_that_are_only_announced_take_no_memory,
                fragments_without_end_are_closed_with_1009,
                a_million_empty_fragments_are_one_message,
                who_resets_leaves_nothing_behind;
            #[cfg(unix)] open_files:
                the_open_file_limit_is_raised,
                the_room_comes_from_the_open_file_limit,
                running_out_of_files_is_survived;
            program:
                the_ready_line_tells_the_port_and_the_path,
                a_host_name_is_bound,
                a_port_in_use_is_an_error_that_is_told_once,
                usage_errors_exit_with_2,
                help_and_version_name_the_program,
                the_flags_reach_the_server,
                #[cfg(target_os = "linux")] it_works_on_as_many_threads_as_it_is_told,
                only_pages_of_allowed_origins_are_let_in;
            rooms:
                members_on_several_threads_see_one_order;
            secure:
                messages_come_back_unchanged,
                many_messages_in_the_record_of_the_request_are_not_lost,
                pages_are_served_too,
                who_speaks_no_tls_or_nothing_is_dropped,
                only_clients_with_a_certificate_are_served_where_one_is_asked,
                one_connection_too_many_is_told_so,
                a_message_too_large_is_closed_with_1009,
                #[cfg(unix)] a_signal_closes_with_1001_after_what_had_been_sent,
                what_cannot_be_served_with_is_an_error_that_names_the_file;
            #[cfg(unix)] signals:
                a_signal_closes_every_connection_and_is_no_failure,
                a_second_signal_does_not_wait,
                logs_go_to_stderr_when_asked_for;
            #[cfg(unix)] sockets:
                a_unix_socket_is_served_like_any_other,
                a_path_in_use_is_an_error_and_one_left_behind_is_taken,
                #[cfg(target_os = "linux")] the_backlog_is_as_long_as_it_is_told;
            #[cfg(target_os = "linux")] systemd:
                a_socket_that_is_passed_on_goes_before_the_address,
                a_socket_for_another_process_is_left_alone,
                a_unix_socket_that_is_passed_on_stays_when_the_server_goes,
                who_wants_to_know_is_told_when_it_is_ready_and_when_it_stops;
        }
    };
}

/// Declares modules of tests that call the contract's functions with the subject under test.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_tests {
    ($subject:path; $($(#[$module_cfg:meta])? $module:ident: $($(#[$test_cfg:meta])? $test:ident),*;)*) => {
        $(
            $(#[$module_cfg])?
            mod $module {
                $(
                    $(#[$test_cfg])?
                    #[test]
                    fn $test() {
                        $crate::contract::run($crate::contract::$module::$test($subject));
                    }
                )*
            }
        )*
    };
}

#[cfg(test)]
mod tests {
    /// A function that is missing in the macros would not be run.
    #[test]
    fn every_promise_is_listed() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/contract");
        let mut promises = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            let functions = text
                .lines()
                .filter_map(|line| line.strip_prefix("pub async fn "));
            for name in functions.map(|rest| rest.split('(').next().unwrap()) {
                let entry = |end: char| format!(" {name}{end}\n");
                let is_listed = |end| include_str!("contract.rs").contains(&entry(end));
                assert!(is_listed(',') || is_listed(';'), "{name}");
                promises += 1;
            }
        }
        assert!(promises >= 90, "{promises}");
    }
}
