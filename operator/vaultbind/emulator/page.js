"use strict";
// A value is asked for when its button is clicked, and forgotten when it is clicked again.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-value]");
  if (!button) return;
  const place = button.nextElementSibling;
  if (!place.hidden) {
    place.hidden = true;
    place.textContent = "";
    button.textContent = "show";
    return;
  }
  const answer = await fetch(button.dataset.value, { headers: { "X-Vaultbind-Page": "1" }, cache: "no-store" });
  place.textContent = answer.ok ? await answer.text() : `HTTP ${answer.status}`;
  place.hidden = false;
  button.textContent = "hide";
});
