//! The part of the servers' contract that needs a separate process.

use test_support::contract::ProgramUnderTest;

const PROGRAM: ProgramUnderTest = ProgramUnderTest {
    program: axum_ws::PROGRAM,
    path: env!("CARGO_BIN_EXE_axum-ws"),
};

test_support::program_contract!(crate::PROGRAM);
