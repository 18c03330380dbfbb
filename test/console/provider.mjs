// Runs oidc-provider, a certified OpenID provider, until its standard input ends. Reads its
// settings from the first line of that, and writes its issuer to standard output once it serves. The page
// on which its users sign in is its own one for development: any name is one of a user, the
// subject is that name.
import { once } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const lines = createInterface({ input: process.stdin });
const [text] = await once(lines, "line");
const { modules, host, client, secret, callback } = JSON.parse(text);
console.warn = () => {}; // that it is no server for production
const { default: Provider } = await import(pathToFileURL(createRequire(modules + "/").resolve("oidc-provider")));

let handle;
const server = (await import("node:http")).createServer((request, response) => handle(request, response)).listen(0, "127.0.0.1");
await once(server, "listening");
const issuer = `http://${host}:${server.address().port}`;
const provider = new Provider(issuer, {
  clients: [{ client_id: client, client_secret: secret, redirect_uris: [callback], grant_types: ["authorization_code"], response_types: ["code"] }],
  pkce: { required: () => true },
  cookies: { keys: ["for tests"] },
});
handle = provider.callback();
process.stdout.write(issuer + "\n");
await once(lines, "close");
process.exit(0);
