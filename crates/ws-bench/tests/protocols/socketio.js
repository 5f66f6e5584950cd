// Socket.IO: the event `echo` is acknowledged with its argument.
const { createServer } = require("http");
const { Server } = require("socket.io");

const http = createServer();
const io = new Server(http, { transports: ["websocket"] });
io.use((socket, next) => next(socket.handshake.auth.token === "bad" ? new Error("unauthorized") : undefined));
io.on("connection", (socket) => socket.on("echo", (argument, acknowledge) => acknowledge(argument)));
http.listen(Number(process.argv[2]), "127.0.0.1");
