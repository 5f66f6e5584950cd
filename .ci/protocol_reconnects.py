"""Reconnects of .ci/protocols.py: clients that lose their connections repeat the setup and go on."""

from protocol_run import check, complete_run, counts

LOAD = ["-d", "1s", "--rate", "200", "--drop", "300ms", "--reconnect", "now"]
DUE = 200


def check_reconnected(program, protocol, server):
    clients = protocol.clients + protocol.listeners
    # Without replies, deliveries on their way to a dropped client are missing, which is a failure of the run.
    found = complete_run(program, "reconnect", server.url(protocol.path), *protocol.scenario(server),
                         *protocol.log_in, "-c", clients, *LOAD, may_fail=not protocol.has_reply)
    lost, messages = found["reconnect"], found["messages"]
    check(f"reconnect: {lost['back']} of {lost['dropped']} back after {lost['attempts']} attempts",
          lost["back"] == lost["dropped"] == lost["attempts"] == clients and not lost["by_server"],
          f"{lost['failures']}\n{counts(found)}")
    if protocol.has_reply:
        check(f"reconnect: {messages['received']} of {messages['sent']} answered, {lost['in_flight']} dropped, "
              f"{lost['missed']} missed",
              messages["received"] + lost["in_flight"] == messages["sent"] == DUE - lost["missed"]
              and not messages["lost"] and not messages["unsent"], counts(found))
