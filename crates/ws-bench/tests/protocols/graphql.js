// graphql-ws: the query `echo` returns its argument, `post` reaches the subscriptions `room`, `ticks` pushes the time.
const { EventEmitter, on } = require("events");
const { buildSchema } = require("graphql");
const { useServer } = require("graphql-ws/use/ws");
const { WebSocketServer } = require("ws");

const schema = buildSchema(`
  type Query { echo(text: String!): String! }
  type Mutation { post(room: String!, text: String!): Int! }
  type Subscription { room(name: String!): String!, ticks(ms: Int!): String! }
`);
const rooms = new EventEmitter().setMaxListeners(0);
const roots = {
  query: { echo: ({ text }) => text },
  mutation: {
    post: ({ room, text }) => {
      rooms.emit(room, text);
      return rooms.listenerCount(room);
    },
  },
  subscription: {
    room: async function* ({ name }) {
      for await (const [text] of on(rooms, name)) yield { room: text };
    },
    ticks: async function* ({ ms }) {
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, ms));
        yield { ticks: `${BigInt(Date.now()) * 1000000n}` };
      }
    },
  },
};
const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), path: "/graphql" });
useServer({ schema, roots, onConnect: ({ connectionParams }) => connectionParams?.token !== "bad" }, server);
