// A server on Node. Prints its port, prints its usage for each line of input, and exits at the end
// of the input.
//
//     node serve.js echo <bytes>
//     node serve.js http <threads>

'use strict';

const http = require('node:http');
const net = require('node:net');
const { cpuNanos } = require('./measure.js');

function echo() {
  return net.createServer({ noDelay: true }, (socket) => {
    socket.on('data', (data) => socket.write(data));
    // A client that disconnects is not an error.
    socket.on('error', () => socket.destroy());
  });
}

function hello() {
  return http.createServer((request, response) => {
    response.end('Hello, World!\n');
  });
}

// More than one thread would be more than one process, and limits are those of hyper.
const threads = Number(process.argv[3]);
if (process.argv[2] === 'http-server' || (process.argv[2] === 'http' && threads > 1)) {
  console.log('unsupported');
  process.exit(0);
}

const server = process.argv[2] === 'http' ? hello() : echo();
server.listen(0, '127.0.0.1', () => console.log(`port=${server.address().port}`));

process.stdin.on('data', (data) => {
  for (const byte of data) {
    if (byte === 10) console.log(`cpu=${cpuNanos()} resident=${process.memoryUsage.rss()}`);
  }
});
process.stdin.on('end', () => process.exit(0));
