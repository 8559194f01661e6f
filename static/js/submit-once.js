// A second submit of the same form is let fall for a while. The button stays enabled: one that is
// disabled cannot be focused, and a lost connection would leave it so.

const REST = 8000;
const sent = new WeakMap();

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (Date.now() - (sent.get(form) ?? 0) < REST) {
    event.preventDefault();
    return;
  }
  sent.set(form, Date.now());
  form.dataset.sent = "";
  setTimeout(() => delete form.dataset.sent, REST);
});

// Back from the next page: what was sent then may be sent again.
addEventListener("pageshow", (event) => {
  if (event.persisted) for (const form of document.forms) sent.delete(form);
});
