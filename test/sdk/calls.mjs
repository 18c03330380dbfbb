// Reads calls from standard input, makes them with the vendor's SDK, and writes
// the result of each to standard output, as JSON.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { modulePath, calls } = JSON.parse(readFileSync(0, "utf8"));
// The SDK logs each call to the console, but standard output is for the results.
console.log = console.info = () => {};
const { Vision } = await import(pathToFileURL(modulePath).href);

const results = [];
for (const { method, config, param } of calls) {
  const vision = new Vision(config);
  try {
    const api = method in vision.identity ? vision.identity : vision.faceBio;
    results.push({ resolved: true, body: await api[method](param) });
  } catch (body) {
    results.push({ resolved: false, body: body instanceof Error ? String(body) : body });
  }
}
process.stdout.write(JSON.stringify(results));
