// Puts the keyboard where the person needs it on a confirmation page: on the refusal if there is one, else on the first field.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector(".lk-confirm");
  if (!form) return;
  const field = "input:not([type=hidden]), select, textarea";
  const target =
    form.querySelector(".lk-refusal") || form.querySelector(field) || form.querySelector("button[type=submit]");
  target?.focus();
});
