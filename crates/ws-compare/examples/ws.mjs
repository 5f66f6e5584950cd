// Echoes at /ws: Node's ws, with bufferutil, which it takes by itself when it is there. ws.mjs PORT
import { WebSocketServer } from "ws";

const server = new WebSocketServer({
  host: "127.0.0.1",
  port: Number(process.argv[2]),
  path: "/ws",
  perMessageDeflate: false,
  maxPayload: 16 << 20,
  backlog: 1024,
});
server.on("connection", (socket) => {
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  // A peer that breaks the rules is closed by ws; without a listener its error would end the process.
  socket.on("error", () => {});
});
process.on("SIGTERM", () => process.exit(0));
