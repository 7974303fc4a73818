// An echo server on Node's `net`.
"use strict";

const net = require("node:net");

const [option, value] = process.argv.slice(2);
const port = Number(value);
if (option !== "--port" || !Number.isInteger(port)) {
  console.error("usage: node node-echo.js --port N");
  process.exit(2);
}

const server = net.createServer({ noDelay: true }, (socket) => {
  socket.on("data", (bytes) => {
    if (!socket.write(bytes)) socket.pause();
  });
  socket.on("drain", () => socket.resume());
  socket.on("error", () => socket.destroy());
});

server.listen({ port, host: "127.0.0.1", backlog: 4096 }, () => {
  process.stdout.write(`listening on 127.0.0.1:${server.address().port}\n`);
});
