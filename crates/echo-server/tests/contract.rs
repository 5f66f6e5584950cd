//! The part of the servers' contract that can be tested inside this process, for both servers.

use test_support::contract::ServerUnderTest;

const AXUM: ServerUnderTest = ServerUnderTest {
    program: axum_ws::PROGRAM,
    serve: |listener, config, stop| Box::pin(axum_ws::serve(listener, config, stop)),
};

const TUNGSTENITE: ServerUnderTest = ServerUnderTest {
    program: tungstenite_ws::PROGRAM,
    serve: |listener, config, stop| Box::pin(tungstenite_ws::serve(listener, config, stop)),
};

mod axum {
    test_support::server_contract!(crate::AXUM);
}

mod tungstenite {
    test_support::server_contract!(crate::TUNGSTENITE);
}
