// Socket.IO: the event `echo` is acknowledged with its argument, `join` enters a room, and `shout` reaches all of one.
const { createServer } = require("http");
const { Server } = require("socket.io");

const http = createServer();
const io = new Server(http, { transports: ["websocket"] });
io.use((socket, next) => next(socket.handshake.auth.token === "bad" ? new Error("unauthorized") : undefined));
io.on("connection", (socket) => {
  socket.on("echo", (argument, acknowledge) => acknowledge(argument));
  socket.on("join", (room, acknowledge) => {
    socket.join(room);
    acknowledge("joined");
  });
  socket.on("shout", (room, argument) => io.to(room).emit("shout", argument));
});
http.listen(Number(process.argv[2]), "127.0.0.1");
