// rpc-websockets: the method `echo` returns its parameters, `secret` needs a login.
const { Server } = require("rpc-websockets");

const server = new Server({ host: "127.0.0.1", port: Number(process.argv[2]) });
server.setAuth(({ token }) => token === "good");
server.register("echo", (parameters) => parameters);
server.register("secret", (parameters) => parameters).protected();
