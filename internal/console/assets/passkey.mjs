// A form with data-passkey has the browser make a passkey ("create") or sign with one
// ("get"), and sends what that gives. It is hidden where the browser has no passkeys.
const able = typeof PublicKeyCredential === "function" && "parseCreationOptionsFromJSON" in PublicKeyCredential;

// ask fetches a challenge for the fields of the form, and has the browser answer it.
async function ask(form) {
  const response = await fetch(form.dataset.challenge, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  if (!response.ok) throw new Error(response.statusText);
  const options = await response.json();
  const credential = form.dataset.passkey === "create"
    ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
    : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
  return JSON.stringify(credential);
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.hidden = !able;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const problem = form.querySelector("[role=alert]");
    const button = form.querySelector("button");
    problem.hidden = true;
    button.disabled = true;
    try {
      form.elements.credential.value = await ask(form);
      form.submit();
    } catch {
      problem.hidden = false;
      button.disabled = false;
    }
  });
}
if (able) for (const hint of document.querySelectorAll("[data-unable]")) hint.hidden = true;
