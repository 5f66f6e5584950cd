// graphql-ws: the query `echo` returns its argument.
const { buildSchema } = require("graphql");
const { useServer } = require("graphql-ws/use/ws");
const { WebSocketServer } = require("ws");

const schema = buildSchema("type Query { echo(text: String!): String! }");
const roots = { query: { echo: ({ text }) => text } };
const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), path: "/graphql" });
useServer({ schema, roots, onConnect: ({ connectionParams }) => connectionParams?.token !== "bad" }, server);
