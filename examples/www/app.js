// The dynamic part of the page: the server's events, and two requests to try.

const byId = (id) => document.getElementById(id);

// Insert the server's address, so that the commands work as they are.
for (const place of document.querySelectorAll("pre b")) {
  const { origin, hostname, port } = location;
  place.textContent = place.dataset.form === "pair" ? `${hostname} ${port || 80}` : origin;
}

const events = new EventSource("/live");
events.onmessage = ({ data }) => {
  const { time, uptime, connections, requests, bytes } = JSON.parse(data);
  byId("time").textContent = time.replace(" GMT", " UTC");
  byId("uptime").textContent = duration(uptime);
  byId("connections").textContent = connections.toLocaleString("en");
  byId("requests").textContent = requests.toLocaleString("en");
  byId("bytes").textContent = size(bytes);
  byId("state").textContent = "";
};
events.onerror = () => {
  byId("state").textContent = "The connection is lost; reconnecting.";
};

byId("range").onclick = () => show("range-out", async () => {
  const response = await fetch("night.png", { headers: { Range: "bytes=0-7" } });
  const bytes = new Uint8Array(await response.arrayBuffer());
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return `${response.status}: ${hex} (${response.headers.get("Content-Range")})`;
});

byId("hash").onclick = () => show("hash-out", async () => {
  const response = await fetch("/hash/night.png");
  return (await response.text()).trim();
});

async function show(id, request) {
  byId(id).textContent = "…";
  try {
    byId(id).textContent = await request();
  } catch {
    byId(id).textContent = "The request failed.";
  }
}

function duration(seconds) {
  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  return `${Math.floor(seconds / 3600)}:${two(seconds / 60 % 60)}:${two(seconds % 60)}`;
}

function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) {
    bytes /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? bytes : bytes.toFixed(1)} ${units[unit]}`;
}
