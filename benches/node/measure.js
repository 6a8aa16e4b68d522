// The clocks, and the line that a run prints for its parent.

'use strict';

function cpuNanos() {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

// Starts the clocks. `stop` returns the line.
function monitor() {
  const cpu = cpuNanos();
  const wall = process.hrtime.bigint();
  return {
    stop(operations, latencies) {
      const elapsed = process.hrtime.bigint() - wall;
      let line = `operations=${operations} wall=${elapsed} cpu=${cpuNanos() - cpu}`;
      if (latencies) {
        const sorted = Float64Array.from(latencies).sort();
        const at = (share) => sorted[Math.max(Math.ceil(sorted.length * share) - 1, 0)];
        const values = { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1) };
        for (const [name, value] of Object.entries(values)) line += ` ${name}=${value}`;
      }
      return line;
    },
  };
}

module.exports = { cpuNanos, monitor };
