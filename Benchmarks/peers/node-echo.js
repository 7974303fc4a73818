// An echo server on Node's `net`.
"use strict";

const net = require("node:net");

/** What `listen` takes for `--port N` or `--path P`; undefined for anything else. */
function place([option, value]) {
  if (option === "--path" && value) return { path: value };
  const port = Number(value);
  if (option === "--port" && Number.isInteger(port)) return { port, host: "127.0.0.1" };
  return undefined;
}

const chosen = place(process.argv.slice(2));
if (!chosen) {
  console.error("usage: node node-echo.js --port N | --path P");
  process.exit(2);
}

const server = net.createServer({ noDelay: true }, (socket) => {
  socket.on("data", (bytes) => {
    if (!socket.write(bytes)) socket.pause();
  });
  socket.on("drain", () => socket.resume());
  socket.on("error", () => socket.destroy());
});

server.listen({ ...chosen, backlog: 4096 }, () => {
  const where = chosen.path ? `unix:${chosen.path}` : `127.0.0.1:${server.address().port}`;
  process.stdout.write(`listening on ${where}\n`);
});
