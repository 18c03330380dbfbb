// Verifies a person with the vendor's SDK: npm install @glair/vision@0.0.1-beta.9
//
//   node verify.mjs NIK NAME DD-MM-YYYY PHOTOGRAPH
//
// The exit status is 0 if the person is verified, 1 if something differs, and 2 if there is no
// answer. Every user of a machine can see arguments: in a real program a claim comes from elsewhere.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { LogLevel, Vision, setLogLevel } from "@glair/vision";

setLogLevel(LogLevel.SILENT); // the SDK logs what it is given

// The SDK sends a request once and cannot set headers, but it calls the global fetch. This one
// sends it up to four times, with one Idempotency-Key.
const send = globalThis.fetch;
globalThis.fetch = async (url, init) => {
  const id = randomUUID();
  const headers = { ...init.headers, "Idempotency-Key": id, "X-Request-Id": id };
  for (let attempt = 1; ; attempt++) {
    let wait = 2 ** (attempt - 1);
    try {
      const response = await send(url, { ...init, headers, redirect: "error" }); // not the credentials elsewhere
      const after = response.headers.get("Retry-After");
      if (attempt === 4 || !(after || [429, 502, 503, 504].includes(response.status))) return response;
      wait = Math.max(wait, Number(after) || 0);
    } catch (error) {
      if (attempt === 4) throw error;
    }
    await sleep(wait * 1000);
  }
};

const { API_URL, API_USERNAME, API_PASSWORD, API_KEY } = process.env;
const [nik, name, date_of_birth, face_image] = process.argv.slice(2);
try {
  const vision = new Vision({ baseUrl: API_URL, username: API_USERNAME, password: API_PASSWORD, apiKey: API_KEY });
  const { verification_status: verified, reason, result } = await vision.identity.faceVerification({ nik, name, date_of_birth, face_image });
  if (typeof verified !== "boolean") throw new Error("not an answer of Sesuai"); // but a proxy's
  console.log(verified ? `verified: ${result.face_image_percentage}` : `not verified: ${reason}`);
  process.exitCode = verified ? 0 : 1;
} catch (failed) {
  // The SDK throws the body of every response but 2xx. Its verification_status is false then,
  // and says nothing about the person.
  console.error(`no answer: ${failed.guidance?.en ?? failed.reason ?? failed.error ?? failed.message}`);
  process.exitCode = 2;
}
