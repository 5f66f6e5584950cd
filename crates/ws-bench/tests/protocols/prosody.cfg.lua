-- Anonymous login at localhost, accounts at accounts.localhost.
data_path = "$folder"; pidfile = "$folder/prosody.pid"
run_as_root = true; daemonize = false
http_ports = { $port }; http_interfaces = { "127.0.0.1" }; https_ports = {}; c2s_ports = {}; s2s_ports = {}
modules_enabled = { "disco", "http", "ping", "saslauth", "websocket" }
modules_disabled = { "s2s", "offline" }
consider_websocket_secure = true; c2s_require_encryption = false
limits = { c2s = { rate = "100mb/s" } }
log = { warn = "*console" }
VirtualHost "localhost"
  authentication = "anonymous"
VirtualHost "accounts.localhost"
  authentication = "internal_plain"
Component "rooms.localhost" "muc"
  -- Else a room is locked until its creator has configured it.
  muc_room_locking = false
