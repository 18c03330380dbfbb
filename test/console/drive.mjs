// Reads what to do from standard input, drives Chromium through the console as each of the
// operators, and writes what is wrong to standard output, as a list in JSON.
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { base, passkeys, issuer, modules, chromium: program, operators, nik, photo, film, screenshots } = JSON.parse(readFileSync(0, "utf8"));
const require = createRequire(modules + "/");
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const problems = [];

// code is that of an authenticator (RFC 6238), so many periods from now.
function code(key, later) {
  const bits = [...key].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  const bytes = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + later));
  const mac = createHmac("sha1", bytes).update(counter).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1e6).padStart(6, "0");
}

// A visitor is a browser of its own, with what goes wrong in it.
class Visitor {
  constructor(name, page, at = base) {
    this.name = name;
    this.page = page;
    this.base = at;
    // expected is in an error of the browser that the test has caused.
    this.expected = undefined;
    // What the provider's own pages do is not ours to judge, but nothing leaves this machine.
    const away = () => page.url().startsWith(issuer + "/");
    const known = (url) => [at, base, issuer].some((own) => url.startsWith(own + "/"));
    page.context().route((url) => !known(url.href), (route) => route.abort());
    page.on("console", (m) => m.type() === "error" && !away() && !(this.expected && m.text().includes(this.expected)) && this.report(`the browser says ${m.text()}`));
    page.on("pageerror", (e) => away() || this.report(`an error: ${e}`));
    page.on("request", (r) => away() || known(r.url()) || this.report(`a request to ${r.url()}`));
  }

  report(text) { problems.push(`${this.name}: ${new URL(this.page.url()).pathname}: ${text}`); }

  // look examines the page that is shown.
  async look(name, ...texts) {
    const text = await this.page.locator("main").innerText();
    for (const wanted of texts) if (!text.includes(wanted)) this.report(`there is no "${wanted}" in ${text}`);
    const { violations } = await this.page.evaluate(`${axe}; axe.run(document, { resultTypes: ["violations"] })`);
    for (const v of violations) {
      if (v.impact === "serious" || v.impact === "critical") this.report(`axe: ${v.id}: ${v.help}: ${v.nodes[0].html}`);
    }
    const [width, room] = await this.page.evaluate("[document.documentElement.scrollWidth, innerWidth]");
    if (width > room) this.report(`the page is ${width} wide, of ${room}`);
    if (screenshots) await this.page.screenshot({ path: `${screenshots}/${this.name}-${name}.png`, fullPage: true });
  }

  go(path) { return this.page.goto(this.base + path); }
  fill(name, value) { return this.page.locator(`main [name=${name}]`).fill(value); }

  // follow clicks on what leads to another page, and waits for that.
  async follow(locator) {
    await Promise.all([this.page.waitForEvent("load"), locator.click()]);
  }

  press(text) { return this.follow(this.page.locator("main").getByRole("button", { name: text, exact: true })); }

  // enrol uses an invitation, with a code of the period before, and signs in.
  async enrol({ name, invitation, words }) {
    await this.go("/");
    await this.look("signin", words.signin);
    await this.go("/enrol");
    await this.look("enrol");
    await this.fill("name", name);
    await this.fill("invitation", invitation);
    await this.press(words.continue);
    await this.look("password");
    const key = await this.page.locator("main code").innerText();
    await this.fill("password", "correct horse battery");
    await this.fill("again", "correct horse battery");
    await this.fill("code", code(key, -1));
    await this.press(words.save);
    await this.look("enrolled");
    await this.fill("name", name);
    await this.fill("password", "correct horse battery");
    await this.fill("code", code(key, 0));
    await this.press(words.signin);
    const cookies = await this.page.context().cookies();
    const [cookie] = cookies;
    if (cookies.length !== 1 || cookie.name !== "__Host-session" || !cookie.secure || !cookie.httpOnly || cookie.sameSite !== "Strict") {
      this.report(`cookies ${JSON.stringify(cookies)}`);
    }
  }
}

// usePasskey enrols with a passkey that Chromium's virtual authenticator keeps, signs in
// with it, adds another one and removes the first one. At an IP address there are none.
async function usePasskey(v, { name, invitation, words }) {
  await v.page.goto(base + "/signin");
  await v.look("passkeyless", words.elsewhere, passkeys);
  const device = await v.page.context().newCDPSession(v.page);
  await device.send("WebAuthn.enable");
  const add = async () => {
    const { authenticatorId } = await device.send("WebAuthn.addVirtualAuthenticator", {
      options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
    });
    return authenticatorId;
  };
  const first = await add();
  await v.go("/enrol");
  await v.fill("name", name);
  await v.fill("invitation", invitation);
  await v.press(words.continue);
  await v.look("choose");
  await v.fill("passkey", "laptop");
  await v.press(words.addpasskey);
  await v.look("enrolled", words.signpasskey);
  const { credentials } = await device.send("WebAuthn.getCredentials", { authenticatorId: first });
  if (credentials.length !== 1 || !credentials[0].isResidentCredential || credentials[0].rpId !== "localhost") v.report(JSON.stringify(credentials));
  // Without its owner the device signs nothing, and the page says so.
  await device.send("WebAuthn.setUserVerified", { authenticatorId: first, isUserVerified: false });
  await v.page.getByRole("button", { name: words.signpasskey, exact: true }).click();
  await v.page.getByRole("alert").waitFor();
  await v.look("unverified", words.failed);
  await device.send("WebAuthn.setUserVerified", { authenticatorId: first, isUserVerified: true });
  await v.press(words.signpasskey);
  await v.look("signedin", words.verifications);
  await v.go("/passkeys");
  await v.look("passkeys", "laptop");
  await device.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId: first });
  await add();
  await v.fill("passkey", "phone");
  await v.press(words.addpasskey);
  await v.look("added", "phone");
  await v.follow(v.page.locator("main tbody tr").filter({ hasText: "laptop" }).getByRole("button"));
  await v.look("removed", "phone");
  await v.page.locator("header button").click();
  await v.page.waitForURL(v.base + "/signin");
  await v.press(words.signpasskey);
  await v.look("again", words.verifications);
}

// useProvider signs in at the OpenID provider, which is another site than the console, and whose
// own pages ask for a name and for consent. Who is no operator is refused.
async function useProvider(v, { words, subject }) {
  const signIn = async (name) => {
    await v.go("/signin");
    await v.look("provider", words.atprovider);
    await v.follow(v.page.locator("main a[href='/signin/oidc']"));
    if (!v.page.url().startsWith(issuer + "/")) v.report(`sent to ${v.page.url()}`);
    await v.page.locator("[name=login]").fill(name);
    await v.page.locator("[name=password]").fill("any");
    await v.follow(v.page.locator("button[type=submit]"));
    await v.page.locator("button[type=submit]").click(); // consent
    await v.page.waitForURL((url) => url.href.startsWith(v.base + "/"));
  };
  v.expected = "401 (Unauthorized)";
  await signIn("nobody");
  await v.look("refused", words.refused);
  if ((await v.page.context().cookies(v.base)).length) v.report("there is a cookie after a refusal");
  v.expected = undefined;
  await v.page.context().clearCookies();
  await signIn(subject);
  await v.page.waitForURL(v.base + "/verifications");
  await v.look("signedin", words.verifications);
  await v.go("/passkeys");
  await v.look("passkeys", words.only);
}

// pages are those that the menu leads each role to.
const pages = {
  admin: ["/verifications", "/try", "/accuracy", "/clients", "/people", "/approvals", "/audit"],
  auditor: ["/verifications", "/try", "/accuracy", "/clients", "/approvals", "/audit"],
  support: ["/verifications", "/try"],
};

// see shows what each role sees.
async function see(v, { words, role }) {
  await v.look("verifications", words.verifications);
  await v.fill("nik", nik);
  await v.press(words.search);
  if ((await v.page.locator("main [name=nik]").inputValue()) !== "" || v.page.url().includes(nik)) v.report("the NIK is shown");
  await v.look("search", words.under);
  await v.follow(v.page.locator("main tbody tr").filter({ hasText: words.under }).first().locator("a"));
  await v.look("verification", ...words.explained);
  const menu = await v.page.locator("nav a").evaluateAll((links) => links.map((a) => a.getAttribute("href")));
  if (menu.join() !== pages[role].join()) v.report(`the menu has ${menu}`);
  for (const path of menu) {
    await v.go(path);
    await v.look(path.slice(1));
  }
  await v.go("/passkeys");
  await v.look("passkeys");
}

// tryOut verifies a photograph from a file and then one from the camera, which is a film of the
// same photograph.
async function tryOut(v, { words }) {
  await v.go("/try");
  for (const source of ["file", "camera"]) {
    await v.fill("nik", nik);
    await v.fill("name", "AYU KENCANA PRATIWI");
    await v.fill("born", "1990-03-12");
    if (source === "file") {
      await v.page.locator("main [name=photo]").setInputFiles(photo);
    } else {
      await v.page.locator("[data-start]").click();
      await v.page.locator("[data-take]").waitFor();
      await v.look("camera");
      await v.page.locator("[data-take]").click();
      await v.page.locator("[data-taken]").waitFor();
    }
    await v.press(words.try);
    await v.look("tried-" + source, ...words.tried);
    const page = await v.page.content();
    if (page.includes(nik) || page.includes("KENCANA")) v.report("the claim is shown again");
  }
  await v.go("/verifications");
  await v.look("trials", words.trial);
}

// enrolPerson puts somebody on record with a photograph, and looks what is on record.
async function enrolPerson(v) {
  await v.go("/people");
  const form = v.page.locator("main form[action='/people/add']");
  await form.locator("[name=nik]").fill("9901015203900099");
  await form.locator("[name=name]").fill("CITRA CONTOH");
  await form.locator("[name=born]").fill("1990-03-12");
  await form.locator("[name=photo]").setInputFiles(photo);
  await v.follow(v.page.locator("main form[action='/people/add'] button"));
  await v.look("people-added", "The person is on record.");
  await v.page.locator("main form[action='/people'] [name=nik]").fill("9901015203900099");
  await v.follow(v.page.locator("main form[action='/people'] button"));
  await v.look("people-found", "Name, Date of birth", "template of model");
  await v.go("/audit");
  await v.look("people-audit", "person.add", "people.find");
}

// administer changes a client and verifies the trail.
async function administer(v) {
  await v.go("/clients");
  await v.look("clients", "demo");
  await v.follow(v.page.locator("main tbody a").first());
  await v.look("client", "requests_per_day");
  await v.press("Disable");
  await v.look("disabled", "The client is disabled.");
  await v.press("Enable");
  await v.press("New credentials");
  await v.look("rotated", "They are not shown again.", "pwd_");
  await v.go("/audit");
  await v.look("audit", "operator:admin");
  await v.press("Verify now");
  await v.look("verified", "are as they were recorded");
  await v.fill("nik", nik);
  const [report] = await Promise.all([v.page.waitForEvent("download"), v.page.getByRole("button", { name: "Make the report" }).click()]);
  if (!readFileSync(await report.path(), "utf8").includes("<html")) v.report("the report is no page");
}

// weaken makes a client, and a threshold higher, which holds at once; and proposes to make
// it lower again, and to erase a person.
async function weaken(v) {
  await v.go("/clients/new");
  await v.look("newclient");
  await v.fill("name", "shop");
  await v.press("Add");
  await v.look("added", "They are not shown again.", "pwd_");
  await v.go("/clients");
  await v.follow(v.page.locator("main tbody a").filter({ hasText: "demo" }).first());
  await v.fill("threshold", "90");
  await v.press("Change");
  await v.look("stronger", "The client is changed.");
  await v.fill("threshold", "80");
  await v.press("Change");
  await v.look("proposed", "another admin has to approve it");
  if ((await v.page.locator("main [name=threshold]").inputValue()) !== "90") v.report("the threshold is lower without approval");
  await v.go("/approvals");
  await v.look("waiting", "threshold 90 → 80", "waits");
  await v.fill("nik", nik);
  await v.fill("case", "T-1");
  await v.press("Propose the erasure");
  await v.look("erasure", "Erase all that is stored of a person, case T-1");
  if ((await v.page.content()).includes(nik)) v.report("the NIK is shown");
  if (await v.page.locator("main form[action$=approve]").count()) v.report("the proposer may approve");
}

// approve approves what another admin has proposed.
async function approve(v, { words }) {
  await v.go("/approvals");
  await v.look("waiting", ...words.acts);
  for (const act of words.acts) {
    await v.follow(v.page.locator("main tbody tr").filter({ hasText: act }).getByRole("button", { name: words.approve, exact: true }));
    await v.look("approved", words.approved);
  }
}

// start starts Chromium. It tries again, since Chromium itself may crash while it starts:
// that was seen once in some 200 starts, with SIGSEGV, before any page was open.
async function start() {
  for (let tries = 3; ; tries--) {
    try {
      return await chromium.launch({ executablePath: program, args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", `--use-file-for-fake-video-capture=${film}`] });
    } catch (error) {
      if (tries === 1) throw error;
    }
  }
}

const browser = await start();
try {
  for (const operator of operators) {
    const context = await browser.newContext({ locale: operator.locale, viewport: { width: operator.width, height: 800 }, colorScheme: operator.scheme, permissions: ["camera"] });
    context.setDefaultTimeout(60_000); // of a machine that does much else
    const v = new Visitor(operator.name, await context.newPage(), operator.passkey || operator.subject ? passkeys : base);
    if (operator.passkey) {
      await usePasskey(v, operator);
    } else if (operator.subject) {
      await useProvider(v, operator);
    } else {
      await v.enrol(operator);
      if (operator.words.approve) {
        await approve(v, operator);
      } else {
        await see(v, operator);
        await tryOut(v, operator);
        if (operator.role === "admin") {
          await administer(v);
          await enrolPerson(v);
          await weaken(v);
        }
      }
    }
    await v.page.locator("header button").click();
    await v.page.waitForURL(v.base + "/signin");
    if ((await context.cookies(v.base)).length) v.report("the cookie is kept after signing out");
    await context.close();
  }
} finally {
  await browser.close();
}
process.stdout.write(JSON.stringify(problems));
