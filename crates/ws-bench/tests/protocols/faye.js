// Faye: Bayeux over WebSocket. A handshake with the token `bad` is refused.
const http = require("http");
const { NodeAdapter } = require("faye");

const bayeux = new NodeAdapter({ mount: "/faye", timeout: 45 });
bayeux.addExtension({
  incoming(message, pass) {
    if (message.channel === "/meta/handshake" && message.ext?.token === "bad") message.error = "401::unauthorized";
    pass(message);
  },
});
const server = http.createServer();
bayeux.attach(server);
server.listen(Number(process.argv[2]), "127.0.0.1");
