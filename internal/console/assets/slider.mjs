// A form with a range shows its value while it is moved.
const range = document.querySelector("input[type=range]");
const shown = range.form.querySelector("output");

range.addEventListener("input", () => { shown.value = Number(range.value).toLocaleString(document.documentElement.lang); });
