// Runs a workload on Node, as the other runtimes do. Prints one line for the parent, or
// "unsupported".
//
//     node run.js <workload> --operations <number>

'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { monitor } = require('./measure.js');

const workload = process.argv[2];
const operations = Number(process.argv[process.argv.indexOf('--operations') + 1]);

const IN_FLIGHT = 1000;
const LIVE = 10_000;
const MIB = 1024 * 1024;
const CHUNK = 64 * 1024;
const FILES_OF_DIRECTORY = 99;

// The same numbers as in src/workloads/waiting.rs.
const MASK = (1n << 64n) - 1n;
function scattered() {
  let state = 0x9e3779b97f4a7c15n;
  return (limitMs) => {
    state ^= (state << 13n) & MASK;
    state ^= state >> 7n;
    state ^= (state << 17n) & MASK;
    return Number(state % BigInt(limitMs * 1e6)) / 1e6;
  };
}

// Divides `count` operations among `tasks` concurrent calls of `work`.
function divided(tasks, count, work) {
  const share = Math.floor(count / tasks);
  const rest = count % tasks;
  return Promise.all(Array.from({ length: tasks }, (_, n) => work(share + (n < rest ? 1 : 0))));
}

async function nothing() {}

async function awaits(count) {
  for (let n = 0; n < count; n += 1) await null;
}

async function immediates(count) {
  for (let n = 0; n < count; n += 1) await new Promise(setImmediate);
}

// A channel for one message.
class Channel {
  send(message) {
    if (this.receiver) {
      const receiver = this.receiver;
      this.receiver = null;
      receiver(message);
    } else {
      this.message = message;
    }
  }

  receive() {
    if (this.message !== undefined) {
      const { message } = this;
      this.message = undefined;
      return Promise.resolve(message);
    }
    return new Promise((resolve) => {
      this.receiver = resolve;
    });
  }
}

// The same files as in src/workloads/files.rs.
function directory(name) {
  const target = process.env.CARGO_TARGET_DIR || path.join(__dirname, '..', '..', 'target');
  const directory = path.join(target, 'release', 'bench-files', name);
  fs.mkdirSync(directory, { recursive: true });
  return directory;
}

function file(name, size) {
  const file = path.join(directory(''), name);
  if (!fs.existsSync(file) || lengthOf(file) !== size) {
    fs.writeFileSync(file, Buffer.alloc(size, 7));
  }
  return file;
}

// Reads a file, which brings it into the page cache. Does not make it garbage as a whole, which
// would be freed while the clocks run.
function lengthOf(file) {
  const descriptor = fs.openSync(file);
  const buffer = Buffer.alloc(CHUNK);
  let total = 0;
  for (;;) {
    const length = fs.readSync(descriptor, buffer);
    if (length === 0) break;
    total += length;
  }
  fs.closeSync(descriptor);
  return total;
}

function tree(entries) {
  const root = directory(`tree-${entries}`);
  let left = entries;
  for (let number = 0; left > 0; number += 1) {
    const directory = path.join(root, String(number));
    fs.mkdirSync(directory, { recursive: true });
    left -= 1;
    const files = Math.min(left, FILES_OF_DIRECTORY);
    left -= files;
    if (fs.readdirSync(directory).length === files) continue;
    for (let file = 0; file < files; file += 1) {
      fs.writeFileSync(path.join(directory, String(file)), '');
    }
  }
  return root;
}

const workloads = {
  async 'spawn-join'(count) {
    for (let n = 0; n < count; n += 1) await nothing();
  },
  async 'spawn-join-1000'(count) {
    for (let left = count; left > 0; left -= IN_FLIGHT) {
      const tasks = [];
      for (let n = Math.min(left, IN_FLIGHT); n > 0; n -= 1) tasks.push(nothing());
      for (const task of tasks) await task;
    }
  },
  'self-wake-1': awaits,
  'self-wake-100': (count) => divided(100, count, awaits),
  'yield-1': immediates,
  'yield-100': (count) => divided(100, count, immediates),
  async 'ping-pong'(count) {
    const ping = new Channel();
    const pong = new Channel();
    const other = (async () => {
      for (let n = 0; n < count; n += 1) pong.send(await ping.receive());
    })();
    for (let n = 0; n < count; n += 1) {
      ping.send(n);
      await pong.receive();
    }
    await other;
  },
  async ring(count) {
    const channels = Array.from({ length: 100 }, () => new Channel());
    const tasks = channels.map(async (left, place) => {
      const right = channels[(place + 1) % channels.length];
      for (;;) {
        const hops = await left.receive();
        right.send(Math.max(hops - 1, 0));
        if (hops === 0) return;
      }
    });
    channels[0].send(count);
    await Promise.all(tasks);
  },
  'timers-100k': fire,
  'timers-1m': fire,
  'read-4k': (count) => reads(count),
  'read-4k-64': (count) => divided(64, count, reads),
  'children-1': (count) => children(count),
  'children-64': (count) => divided(64, count, children),
  'write-4k-64': (count) => {
    let next = 0;
    return divided(64, count, (share) => writes(share, next++));
  },
};

// These have their own setup, or measure latencies.
const special = {
  async 'timer-cancel'() {
    const below = scattered();
    const live = [];
    for (let n = 0; n < LIVE; n += 1) live.push(setTimeout(() => {}, 60_000 + below(60_000)));
    const times = Array.from({ length: 1024 }, () => below(60_000));
    const work = (count) => {
      for (let n = 0; n < count; n += 1) clearTimeout(setTimeout(() => {}, times[n % 1024]));
    };
    work(operations / 20);
    const watch = monitor();
    work(operations);
    return watch.stop(operations);
  },
  'sleep-1ms': () => late(1),
  // There is no `sleep-100us`: setTimeout has a resolution of one millisecond.
  async 'read-256m'() {
    const size = operations * MIB;
    const name = file(`${operations}m`, size);
    const watch = monitor();
    const handle = await fs.promises.open(name);
    const buffer = Buffer.alloc(CHUNK);
    let total = 0;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, CHUNK);
      if (bytesRead === 0) break;
      total += bytesRead;
    }
    await handle.close();
    if (total !== size) throw new Error('the file is too short');
    return watch.stop(operations);
  },
  async 'copy-1g'() {
    const size = operations * MIB;
    const from = file(`${operations}m`, size);
    const to = path.join(directory(''), `copy.${process.pid}`);
    const watch = monitor();
    await fs.promises.copyFile(from, to);
    const line = watch.stop(operations);
    const copied = fs.statSync(to).size;
    fs.unlinkSync(to);
    if (copied !== size) throw new Error('the copy is too short');
    return line;
  },
  async 'walk-50k'() {
    const root = tree(operations);
    const watch = monitor();
    let count = 0;
    const unread = [root];
    while (unread.length > 0) {
      const directory = unread.pop();
      // A directory at a time; `opendir`, which reads 32 entries at a time, takes twice as long.
      for (const entry of await fs.promises.readdir(directory, { withFileTypes: true })) {
        count += 1;
        if (entry.isDirectory()) unread.push(path.join(directory, entry.name));
      }
    }
    if (count !== operations) throw new Error(`the tree has ${count} entries`);
    return watch.stop(operations);
  },
};

// Filled before the clocks start.
let scatter = [];

async function fire(count) {
  const sleeps = [];
  for (let n = 0; n < count; n += 1) {
    sleeps.push(new Promise((resolve) => setTimeout(resolve, scatter[n % scatter.length])));
  }
  for (const sleep of sleeps) await sleep;
}

async function reads(count) {
  const name = file('4k', 4096);
  for (let n = 0; n < count; n += 1) {
    const contents = await fs.promises.readFile(name);
    if (contents.length !== 4096) throw new Error('the file is too short');
  }
}

async function writes(count, number) {
  const name = path.join(directory('written'), String(number));
  const contents = Buffer.alloc(4096, 7);
  for (let n = 0; n < count; n += 1) await fs.promises.writeFile(name, contents);
}

async function children(count) {
  for (let n = 0; n < count; n += 1) {
    await new Promise((resolve, reject) => {
      const child = spawn('/bin/true', { stdio: 'inherit' });
      child.on('error', reject);
      child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error('it failed'))));
    });
  }
}

async function late(ms) {
  const lateness = [];
  for (let n = 0; n < 10; n += 1) await new Promise((resolve) => setTimeout(resolve, ms));
  const watch = monitor();
  for (let n = 0; n < operations; n += 1) {
    const start = process.hrtime.bigint();
    await new Promise((resolve) => setTimeout(resolve, ms));
    const elapsed = Number(process.hrtime.bigint() - start);
    lateness.push(Math.max(elapsed - ms * 1e6, 0));
  }
  return watch.stop(operations, lateness);
}

async function main() {
  let line;
  if (special[workload]) {
    line = await special[workload]();
  } else if (workloads[workload]) {
    const work = workloads[workload];
    if (work === fire) {
      const below = scattered();
      scatter = Array.from({ length: 1 << 16 }, () => below(1000));
    } else {
      await work(Math.ceil(operations / 20));
    }
    const watch = monitor();
    await work(operations);
    line = watch.stop(operations);
  } else {
    line = 'unsupported';
  }
  console.log(line);
  // Do not wait for the timers that are left.
  process.exit(0);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
